"""Deux agents au même instant : ni l'engagé, ni le payé ne dépasse ; la seconde justification, comme le second
échéancier, apprend le premier."""

from datetime import date

import pytest

from comptes.enums import Role
from programmation import operations
from programmation.enums import EtatJustification, NaturePaiement
from programmation.models import Justification, LigneEngagement, Paiement
from programmation.operations import (
    DemandeDeJustification,
    DemandeDEngagement,
    DemandeDePaiement,
    LigneDEngagement,
    OperationRefusee,
    Versement,
)
from tests.fabriques import ActeFactory, LigneEngagementFactory, action_programmee, euros, habiliter
from tests.test_concurrence import ensemble

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def action():
    return action_programmee(1000)


@pytest.fixture
def agents(action):
    return [habiliter(Role.AGENT) for _ in range(3)]


def refus(resultats):
    return [resultat for resultat in resultats if isinstance(resultat, OperationRefusee)]


def test_trois_ej_simultanes_n_engagent_pas_plus_que_l_accorde(action, agents):
    def engager(numero, agent):
        demande = DemandeDEngagement(numero, date(2026, 5, 1), [LigneDEngagement(action, euros(400))])
        return lambda: operations.engager([demande], par=agent)

    resultats = ensemble(*[engager(str(rang), agent) for rang, agent in enumerate(agents)])
    assert len(refus(resultats)) == 1
    assert LigneEngagement.objects.count() == 2


def test_le_meme_paiement_envoye_trois_fois_n_est_ecrit_qu_une(action, agents):
    ligne = LigneEngagementFactory(action=action)

    def payer(agent):
        demande = DemandeDePaiement(ligne, NaturePaiement.ACOMPTE, euros(300), date(2026, 6, 1), vus=0)
        return lambda: operations.payer([demande], par=agent)

    assert len(refus(ensemble(*map(payer, agents)))) == 2
    assert Paiement.objects.get().cp == euros(300)


def test_trois_justifications_simultanees_une_seule_s_ecrit(action, agents):
    def justifier(depense, agent):
        valeurs = {"etat": EtatJustification.RECUE, "recue_le": date(2026, 3, 1), "depense": euros(depense)}
        return lambda: operations.justifier([DemandeDeJustification(action, valeurs, version=0)], par=agent)

    resultats = ensemble(*[justifier(100 + rang, agent) for rang, agent in enumerate(agents)])
    assert len(refus(resultats)) == 2
    assert Justification.objects.get().version == 1


def test_trois_echeanciers_simultanes_un_seul_s_ecrit(action, agents):
    acte = ActeFactory(decisions=list(action.decisions.all()))

    def fixer(mois, agent):
        versement = Versement(NaturePaiement.SOLDE, euros(1000), date(2026, mois, 1))
        return lambda: operations.fixer_l_echeancier(acte, [versement], par=agent, version=1)

    resultats = ensemble(*[fixer(6 + rang, agent) for rang, agent in enumerate(agents)])
    assert len(refus(resultats)) == 2
    assert acte.versements.get().montant == euros(1000)
