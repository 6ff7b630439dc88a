"""Les chiffres des dispositifs : chaque fonction reçoit des lignes déjà bornées, et rend des dataclasses."""

from .couts import (
    Cout,
    CoutsDesPostes,
    TotalDesCouts,
    couts_des_adultes_relais,
    couts_fonjep,
    couts_fonjep_par_annee,
    couts_par_annee,
)
from .echeances import (
    Echeance,
    Etape,
    EvaluationAttendue,
    du_radar,
    echeance,
    etapes_du_dossier,
    evaluations_attendues,
    nombres_par_horizon,
    radar,
)
from .effectifs import MASQUE, TableauDEffectifs, masquer, masquer_une_part
from .pre import (
    EFFECTIFS,
    CoutParEnfant,
    LigneDePre,
    ProgrammesDuDepartement,
    TotauxDesPre,
    cout_par_enfant,
    est_hors_geographie,
    lignes_de_pre,
    programmes_du_departement,
    programmes_par_departement,
    totaux_des_pre,
)
from .quotas import SyntheseDuQuota, synthese_du_quota
from .releves import ReleveDeLAnnee, releves_par_annee
from .situations import avec_situation, dans_l_etat
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
    "avec_situation",
    "cout_par_enfant",
    "couts_des_adultes_relais",
    "couts_fonjep",
    "est_hors_geographie",
    "couts_fonjep_par_annee",
    "couts_par_annee",
    "dans_l_etat",
    "du_radar",
    "echeance",
    "etapes_du_dossier",
    "evaluations_attendues",
    "feuille_de_suivi",
    "feuilles_de_suivi",
    "lignes_de_pre",
    "masquer",
    "masquer_une_part",
    "nombres_par_horizon",
    "programmes_du_departement",
    "programmes_par_departement",
    "radar",
    "releves_par_annee",
    "reperes_nationaux",
    "synthese_du_quota",
    "totaux_des_pre",
]
