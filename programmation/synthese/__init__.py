"""Tous les chiffres : écran, classeur, contrôles et tests appellent les mêmes fonctions (règles : docs/calculs.md).

Chaque fonction reçoit des actions déjà bornées au périmètre et filtrées, et rend des dataclasses gelées. `quartiers` :
si des quartiers sont choisis, les montants sont leurs parts. `lignes` : les financements lisibles d'un partenaire
(`Financement.objects.bornes_a(utilisateur)`), par défaut tous.
"""

from .bases import Base, ChoixDeBase
from .departements import LigneDepartement, SyntheseDesDepartements, synthese_des_departements
from .enveloppes import Barre, Reste, barre, barres, disponible, disponibles_avec_meres, lignee, plafond
from .financeurs import (
    Levier,
    LigneFinanceur,
    Rang,
    SyntheseDesFinanceurs,
    levier,
    rang_de_l_etat,
    synthese_des_financeurs,
)
from .fraicheur import Fraicheur, fraicheur
from .lectures import Somme, additionner, regrouper, sommes_par, total_des_parts
from .piliers import EcartAuRepere, LignePilier, Provisoire, SyntheseDesPiliers, provisoire, synthese_des_piliers
from .territoires import (
    LigneContrat,
    LigneEchelle,
    LigneQuartier,
    SyntheseDesContrats,
    SyntheseDesQuartiers,
    synthese_des_contrats,
    synthese_des_quartiers,
)
from .thematiques import LigneThematique, LigneTheme, SyntheseDesThematiques, synthese_des_thematiques
from .totaux import PlanDeFinancement, TotauxDeListe, plan_de_financement, totaux_de_liste

__all__ = [
    "Barre",
    "Base",
    "ChoixDeBase",
    "EcartAuRepere",
    "Fraicheur",
    "Levier",
    "LigneContrat",
    "LigneDepartement",
    "LigneEchelle",
    "LigneFinanceur",
    "LignePilier",
    "LigneQuartier",
    "LigneThematique",
    "LigneTheme",
    "PlanDeFinancement",
    "Provisoire",
    "Rang",
    "Somme",
    "SyntheseDesContrats",
    "SyntheseDesDepartements",
    "SyntheseDesFinanceurs",
    "SyntheseDesPiliers",
    "SyntheseDesQuartiers",
    "SyntheseDesThematiques",
    "TotauxDeListe",
    "additionner",
    "barre",
    "barres",
    "disponible",
    "disponibles_avec_meres",
    "Reste",
    "fraicheur",
    "levier",
    "lignee",
    "plafond",
    "plan_de_financement",
    "provisoire",
    "rang_de_l_etat",
    "regrouper",
    "sommes_par",
    "synthese_des_contrats",
    "synthese_des_departements",
    "synthese_des_financeurs",
    "synthese_des_piliers",
    "synthese_des_quartiers",
    "synthese_des_thematiques",
    "total_des_parts",
    "totaux_de_liste",
]
