"""Les scénarios de l'année ouverte : trois façons de répartir ce qui reste à décider, dont une par la règle."""

from decimal import Decimal

from comptes.models import Utilisateur
from politique_ville.outils.ajustement import Regle
from programmation.models import Exercice
from programmation.operations import Depart, appliquer_une_regle, creer_un_scenario
from programmation.synthese import actions_a_proposer, bilan_du_scenario

BAISSE = 10  # % des montants demandés
PLANCHER, ARRONDI = Decimal(1_000), Decimal(100)


def batir_des_scenarios(code: str, annee: int, agent: Utilisateur) -> None:
    """Rien n'en est promu : ils se comparent."""
    exercice = Exercice.objects.get(departement__code=code, annee=annee)
    if not actions_a_proposer(exercice).exists():
        return
    creer_un_scenario(exercice, "Montants proposés", par=agent, depart=Depart.PROPOSE)
    demandes = creer_un_scenario(exercice, "Montants demandés", par=agent, depart=Depart.DEMANDE)
    total = bilan_du_scenario(demandes).total
    if total < PLANCHER:
        return
    regle = Regle(total * (100 - BAISSE) // 100, f"−{BAISSE} % des demandes", plancher=PLANCHER, arrondi=ARRONDI)
    appliquer_une_regle(demandes, regle, par=agent, copie=f"Demandes moins {BAISSE} %")
