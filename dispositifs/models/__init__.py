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
from .calendrier import AbonnementCalendrier
from .fonjep import LieuFonjep, PosteFonjep, ReleveFonjep, TriennaliteFonjep
from .pre import (
    SOUS_ENSEMBLES,
    ActionDuSuivi,
    BudgetPre,
    EffectifPre,
    ProgrammeReussiteEducative,
    ReperePre,
    SuiviPre,
)

__all__ = [
    "DUREE_MAXIMALE",
    "AbonnementCalendrier",
    "SOUS_ENSEMBLES",
    "ActionDuSuivi",
    "AvenantAdulteRelais",
    "Bareme",
    "BaremeAdulteRelais",
    "BaremeFonjep",
    "BudgetPre",
    "ConventionAdulteRelais",
    "EffectifPre",
    "LieuDuPoste",
    "LieuFonjep",
    "MissionDuPoste",
    "Occupation",
    "PosteAdulteRelais",
    "PosteFonjep",
    "ProgrammeReussiteEducative",
    "QuotaAdulteRelais",
    "ReleveAnct",
    "ReleveFonjep",
    "ReperePre",
    "SuiviPre",
    "TriennaliteFonjep",
]
