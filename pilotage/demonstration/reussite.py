"""Les programmes de réussite éducative des actions inventées, et le suivi annuel de deux d'entre eux, inventé aussi."""

from datetime import date as Date
from decimal import Decimal

from comptes.models import Utilisateur
from dispositifs.enums import AxeEffectif, DomainePre, NaturePorteurPre, Prescripteur
from dispositifs.operations import SaisieDeProgramme, SaisieDeSuivi, enregistrer_un_programme, enregistrer_un_suivi
from programmation.models import Action
from territoires.models import Commune

from .organismes import MOTIF

ANNEES = (2025, 2026)
SUIVIS = ("CCAS de Nîmes", "CCAS d’Alès")
# Filles et garçons de chaque tranche d'âge, de 2 à 5 ans jusqu'à 17 ans et plus ; deux cases sont sous le seuil de
# cinq enfants, pour que le masquage se voie.
AGES = (11, 15, 40, 54, 24, 33, 1, 2)
PRESCRIPTEURS = {
    Prescripteur.ECOLE: 110,
    Prescripteur.FAMILLE: 30,
    Prescripteur.SOCIAL: 25,
    Prescripteur.SANTE: 12,
    Prescripteur.AUTRE: 3,
}
DOMAINES = {DomainePre.SANTE: 62, DomainePre.SCOLARITE: 151, DomainePre.PARENTALITE: 70}


def suivre_la_reussite_educative(departement: str, par: Utilisateur) -> None:
    """Un programme par action de réussite éducative de la dernière année ; un suivi complet, puis un qui commence."""
    actions = Action.objects.filter(dispositif__est_pre=True, exercice__departement__code=departement)
    actions = actions.select_related("porteur", "contrat", "exercice").order_by("pk")
    for derniere in actions.filter(exercice__annee=ANNEES[-1]):
        programme = enregistrer_le_programme(derniere, par)
        if derniere.porteur.nom in SUIVIS:
            for annee in ANNEES:
                siennes = actions.filter(exercice__annee=annee, porteur=derniere.porteur, contrat=derniere.contrat)
                suivre(programme, list(siennes), par)


def enregistrer_le_programme(action, par):
    """Le PRE est porté par le CCAS de l'action, dans sa ville."""
    champs = {"intitule": action.intitule, "contrat": action.contrat, "structure": action.porteur}
    champs |= {"nature_porteur": NaturePorteurPre.CCAS, "ouvert_le": Date(2015, 9, 1)}
    communes = Commune.objects.filter(etablissements__organisme=action.porteur)
    saisie = SaisieDeProgramme(champs, communes=list(communes))
    return enregistrer_un_programme(saisie, par=par, motif=MOTIF)


def suivre(programme, actions, par):
    """L'année finie est entièrement renseignée ; l'année en cours ne l'est pas encore."""
    if not actions:
        return
    exercice = actions[0].exercice
    champs = {"programme": programme, "exercice": exercice, "enfants_suivis": sum(AGES)}
    saisie = SaisieDeSuivi(champs, actions=actions)
    if exercice.annee < ANNEES[-1]:
        saisie.champs |= {
            "nouveaux": 70,
            "sortis": 55,
            "parcours_individualises": 172,
            "en_qpv": 160,
            "reunions": 22,
            "etp_coordonnateur": Decimal(1),
            "etp_referents": Decimal("4.5"),
            "duree_moyenne": 14,
            "convention_recue_le": Date(exercice.annee, 3, 10),
            "bilan_recu_le": Date(exercice.annee + 1, 3, 20),
        }
        saisie.effectifs = effectifs()
        saisie.budget = budget(actions)
    enregistrer_un_suivi(saisie, par=par, motif=MOTIF)


def effectifs() -> dict[tuple[str, str], int]:
    """(axe, modalité) → nombre d'enfants."""
    ages = zip(AxeEffectif.AGE_ET_SEXE.modalites, AGES, strict=True)
    return {
        **{(AxeEffectif.AGE_ET_SEXE, modalite): nombre for modalite, nombre in ages},
        **{(AxeEffectif.PRESCRIPTEUR, modalite): nombre for modalite, nombre in PRESCRIPTEURS.items()},
        **{(AxeEffectif.DOMAINE, modalite): nombre for modalite, nombre in DOMAINES.items()},
    }


def budget(actions):
    """Ce que chaque financeur a accordé aux actions du suivi (€)."""
    totaux = {}
    for action in actions:
        for ligne in action.financements.exclude(accorde=None).select_related("financeur").order_by("pk"):
            totaux[ligne.financeur] = totaux.get(ligne.financeur, 0) + ligne.accorde
    return totaux
