"""Les chiffres des dispositifs : chaque fonction reçoit des lignes déjà bornées, et rend des dataclasses."""

from .couts import Cout, CoutsDesPostes, TotalDesCouts, couts_des_adultes_relais, couts_fonjep, couts_par_annee
from .echeances import Echeance, Etape, EvaluationAttendue, evaluations_attendues, radar
from .effectifs import MASQUE, TableauDEffectifs, masquer, masquer_une_part
from .pre import (
    EFFECTIFS,
    CoutParEnfant,
    LigneDePre,
    ProgrammesDuDepartement,
    TotauxDesPre,
    cout_par_enfant,
    lignes_de_pre,
    programmes_du_departement,
    programmes_par_departement,
    totaux_des_pre,
)
from .quotas import SyntheseDuQuota, synthese_du_quota
from .releves import ReleveDeLAnnee, releves_par_annee
from .suivi_pre import FeuilleDePre, feuille_de_suivi, feuilles_de_suivi, reperes_nationaux

__all__ = [
    "EFFECTIFS",
    "MASQUE",
    "Cout",
    "CoutParEnfant",
    "CoutsDesPostes",
    "Echeance",
    "Etape",
    "EvaluationAttendue",
    "FeuilleDePre",
    "LigneDePre",
    "ProgrammesDuDepartement",
    "ReleveDeLAnnee",
    "SyntheseDuQuota",
    "TableauDEffectifs",
    "TotalDesCouts",
    "TotauxDesPre",
    "cout_par_enfant",
    "couts_des_adultes_relais",
    "couts_fonjep",
    "couts_par_annee",
    "evaluations_attendues",
    "feuille_de_suivi",
    "feuilles_de_suivi",
    "lignes_de_pre",
    "masquer",
    "masquer_une_part",
    "programmes_du_departement",
    "programmes_par_departement",
    "radar",
    "releves_par_annee",
    "reperes_nationaux",
    "synthese_du_quota",
    "totaux_des_pre",
]
