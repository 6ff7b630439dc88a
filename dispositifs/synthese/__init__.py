"""Les chiffres des dispositifs : chaque fonction reçoit des lignes déjà bornées, et rend des dataclasses."""

from .couts import Cout, CoutsDesPostes, TotalDesCouts, couts_des_adultes_relais, couts_fonjep
from .echeances import Echeance, Etape, EvaluationAttendue, evaluations_attendues, radar
from .effectifs import MASQUE, TableauDEffectifs, masquer, masquer_une_part
from .pre import CoutParEnfant, ProgrammesDuDepartement, cout_par_enfant, programmes_du_departement
from .quotas import SyntheseDuQuota, synthese_du_quota
from .releves import ReleveDeLAnnee, releves_par_annee

__all__ = [
    "MASQUE",
    "Cout",
    "CoutParEnfant",
    "CoutsDesPostes",
    "Echeance",
    "Etape",
    "EvaluationAttendue",
    "ProgrammesDuDepartement",
    "ReleveDeLAnnee",
    "SyntheseDuQuota",
    "TableauDEffectifs",
    "TotalDesCouts",
    "cout_par_enfant",
    "couts_des_adultes_relais",
    "couts_fonjep",
    "evaluations_attendues",
    "masquer",
    "masquer_une_part",
    "programmes_du_departement",
    "radar",
    "releves_par_annee",
    "synthese_du_quota",
]
