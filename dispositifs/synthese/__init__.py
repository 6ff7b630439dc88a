"""Les chiffres des dispositifs : chaque fonction reçoit des lignes déjà bornées, et rend des dataclasses."""

from .couts import Cout, CoutsDesPostes, TotalDesCouts, couts_des_adultes_relais, couts_fonjep
from .echeances import Echeance, Etape, EvaluationAttendue, evaluations_attendues, radar
from .quotas import SyntheseDuQuota, synthese_du_quota
from .releves import ReleveDeLAnnee, releves_par_annee

__all__ = [
    "Cout",
    "CoutsDesPostes",
    "Echeance",
    "Etape",
    "EvaluationAttendue",
    "ReleveDeLAnnee",
    "SyntheseDuQuota",
    "TotalDesCouts",
    "couts_des_adultes_relais",
    "couts_fonjep",
    "evaluations_attendues",
    "radar",
    "releves_par_annee",
    "synthese_du_quota",
]
