"""Tous les chiffres : écran, classeur, contrôles et tests appellent les mêmes fonctions (règles : docs/calculs.md).

Chaque fonction reçoit des actions déjà bornées au périmètre et filtrées, et rend des dataclasses gelées. `quartiers` :
si des quartiers sont choisis, les montants sont leurs parts. `lignes` : les financements lisibles d'un partenaire
(`Financement.objects.bornes_a(utilisateur)`), par défaut tous.
"""

from .avis import Attente, attente, avis_manquants, en_attente, jours_d_attente
from .bases import Base, ChoixDeBase
from .departements import LigneDepartement, SyntheseDesDepartements, synthese_des_departements
from .enveloppes import (
    Barre,
    Credits,
    Dotation,
    Part,
    Reste,
    barre,
    barres,
    dotations,
    hors_des_enveloppes,
    lignee,
    notifie_restant_a_engager,
    notifies_restants_a_engager,
    plafond,
    reste_a_decider,
    restes_a_decider,
    restes_avec_meres,
)
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
from .propositions import (
    Apercu,
    Difference,
    LigneDeScenario,
    actions_a_proposer,
    apercu_de_la_regle,
    lignes_du_scenario,
)
from .scenarios import BilanDeScenario, Comparaison, LigneComparee, PartDePilier, bilan_du_scenario, comparer, empreinte
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
    "Attente",
    "Barre",
    "Base",
    "ChoixDeBase",
    "Credits",
    "Dotation",
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
    "Part",
    "PlanDeFinancement",
    "Provisoire",
    "Rang",
    "Reste",
    "Somme",
    "SyntheseDesContrats",
    "SyntheseDesDepartements",
    "SyntheseDesFinanceurs",
    "SyntheseDesPiliers",
    "SyntheseDesQuartiers",
    "SyntheseDesThematiques",
    "TotauxDeListe",
    "additionner",
    "attente",
    "avis_manquants",
    "barre",
    "barres",
    "dotations",
    "en_attente",
    "fraicheur",
    "jours_d_attente",
    "hors_des_enveloppes",
    "levier",
    "lignee",
    "notifie_restant_a_engager",
    "notifies_restants_a_engager",
    "plafond",
    "plan_de_financement",
    "provisoire",
    "rang_de_l_etat",
    "regrouper",
    "reste_a_decider",
    "restes_a_decider",
    "restes_avec_meres",
    "sommes_par",
    "synthese_des_contrats",
    "synthese_des_departements",
    "synthese_des_financeurs",
    "synthese_des_piliers",
    "synthese_des_quartiers",
    "synthese_des_thematiques",
    "total_des_parts",
    "totaux_de_liste",
    "Apercu",
    "BilanDeScenario",
    "Comparaison",
    "Difference",
    "LigneComparee",
    "LigneDeScenario",
    "PartDePilier",
    "actions_a_proposer",
    "apercu_de_la_regle",
    "bilan_du_scenario",
    "comparer",
    "empreinte",
    "lignes_du_scenario",
]
