"""Les dispositifs d'un exercice tiré au hasard : PRE aux petits effectifs, postes aux quotités et barèmes inégaux."""

from datetime import date
from decimal import Decimal
from random import Random

from dispositifs.enums import AxeEffectif
from dispositifs.models import ActionDuSuivi, EffectifPre
from programmation.models import Action, Exercice
from territoires.models import ContratDeVille
from tests.dispositifs.fabriques import (
    AvenantFactory,
    BaremeAdulteRelaisFactory,
    BaremeFonjepFactory,
    BudgetPreFactory,
    ConventionFactory,
    OccupationFactory,
    PosteFactory,
    PosteFonjepFactory,
    ProgrammeFactory,
    ReleveFactory,
    ReleveFonjepFactory,
    SuiviPreFactory,
    TriennaliteFactory,
)
from tests.fabriques import CommuneFactory, FinanceurFactory

from .tirage import montant


def tirer_les_dispositifs(exercice: Exercice, graine: int = 14) -> None:
    """Des PRE avec ou sans feuille, des actions de PRE liées ou non, des postes au barème connu ou non."""
    hasard = Random(graine)
    contrats = list(ContratDeVille.objects.filter(departement=exercice.departement).order_by("pk"))
    for contrat in contrats[:4]:
        tirer_un_pre(hasard, exercice, contrat)
    BaremeAdulteRelaisFactory(date_effet=date(2020, 1, 1), montant=Decimal("22810.61"))
    BaremeAdulteRelaisFactory(date_effet=date(2026, 11, 1), montant=None)  # un trou : ce qui le touche est inconnu
    BaremeFonjepFactory()
    for contrat in [*contrats, None]:
        tirer_un_adulte_relais(hasard, exercice, contrat)
        tirer_un_fonjep(hasard, exercice, contrat)


def tirer_un_pre(hasard, exercice, contrat):
    programme = ProgrammeFactory(contrat=contrat, communes=[CommuneFactory()])
    if hasard.random() < 0.2:
        return
    nombres = [hasard.choice([0, 2, 4, 12, 30, 51]) for _ in AxeEffectif.AGE_ET_SEXE.modalites]
    suivi = SuiviPreFactory(
        programme=programme, exercice=exercice, enfants_suivis=hasard.choice([sum(nombres), None]), sortis=None
    )
    for modalite, nombre in zip(AxeEffectif.AGE_ET_SEXE.modalites, nombres, strict=True):
        EffectifPre.objects.create(suivi=suivi, axe=AxeEffectif.AGE_ET_SEXE, modalite=modalite, nombre=nombre)
    for rang in range(hasard.choice([0, 2])):
        BudgetPreFactory(suivi=suivi, financeur=FinanceurFactory(nom=f"Ville {rang}"), montant=montant(hasard))
    siennes = Action.objects.filter(exercice=exercice, contrat=contrat, dispositif__est_pre=True, suivi_pre=None)
    for action in siennes.order_by("pk")[:2]:
        ActionDuSuivi.objects.create(suivi=suivi, action=action)


def tirer_un_adulte_relais(hasard, exercice, contrat):
    poste = PosteFactory(departement=exercice.departement, contrat=contrat)
    fin = date(2026, hasard.choice([6, 12]), 28)
    if hasard.random() < 0.8:
        convention = ConventionFactory(poste=poste, fin=fin, quotite=Decimal(hasard.choice([50, 80, 100])))
        if hasard.random() < 0.5:
            AvenantFactory(convention=convention, date_effet=date(2026, 2, 15), quotite=Decimal("62.50"))
        OccupationFactory(convention=convention, fin=date(2026, 1, 20))
        OccupationFactory(convention=convention, vacant=True, debut=date(2026, 1, 21), fin=date(2026, 2, 10))
    for rang in range(1, hasard.choice([1, 2, 3])):
        ReleveFactory(poste=poste, annee=exercice.annee, rang=rang, montant=montant(hasard))


def tirer_un_fonjep(hasard, exercice, contrat):
    poste = PosteFonjepFactory(departement=exercice.departement, contrat=contrat)
    if hasard.random() < 0.8:
        TriennaliteFactory(poste=poste, fin=date(2026, hasard.choice([3, 12]), 31))
    ReleveFonjepFactory(poste=poste, annee=exercice.annee)
