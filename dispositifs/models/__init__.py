"""Les dispositifs suivis par la DDETS, à côté de la programmation ; aucune donnée sur une personne physique."""

from .adultes_relais import (
    DUREE_MAXIMALE,
    AvenantAdulteRelais,
    ConventionAdulteRelais,
    LieuDuPoste,
    MissionDuPoste,
    Occupation,
    PosteAdulteRelais,
    QuotaAdulteRelais,
    ReleveAnct,
)
from .baremes import Bareme, BaremeAdulteRelais, BaremeFonjep
from .fonjep import LieuFonjep, PosteFonjep, ReleveFonjep, TriennaliteFonjep

__all__ = [
    "DUREE_MAXIMALE",
    "AvenantAdulteRelais",
    "Bareme",
    "BaremeAdulteRelais",
    "BaremeFonjep",
    "ConventionAdulteRelais",
    "LieuDuPoste",
    "LieuFonjep",
    "MissionDuPoste",
    "Occupation",
    "PosteAdulteRelais",
    "PosteFonjep",
    "QuotaAdulteRelais",
    "ReleveAnct",
    "ReleveFonjep",
    "TriennaliteFonjep",
]
