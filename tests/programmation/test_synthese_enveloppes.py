"""Ce qu'une enveloppe permet d'attribuer, calculé à la main."""

from datetime import date
from decimal import Decimal

import pytest

from programmation.models import Enveloppe
from programmation.synthese import Barre, barre, barres, disponible, plafond
from tests.fabriques import DecisionFactory, EnveloppeFactory, MouvementFactory, action_programmee, euros

pytestmark = pytest.mark.django_db


def mouvement(enveloppe, nature, montant):
    MouvementFactory(enveloppe=enveloppe, nature=nature, ae=euros(montant))


def d(texte):
    return Decimal(texte)


def test_une_enveloppe_sans_mouvement_ne_permet_rien():
    assert barre(EnveloppeFactory()) == Barre(d("0.00"), d("0.00"), d("0.00"), d("0.00"))


def test_le_plafond_est_le_previsionnel_puis_le_notifie():
    """100 000 prévus ; 60 000 notifiés + 15 000 − 2 000 gelés = 73 000."""
    enveloppe = EnveloppeFactory()
    mouvement(enveloppe, "prevision", 90_000)
    mouvement(enveloppe, "prevision", 10_000)
    mouvement(enveloppe, "notification", 60_000)
    mouvement(enveloppe, "complement", 15_000)
    mouvement(enveloppe, "gel", -2_000)
    assert (barre(enveloppe).previsionnel, barre(enveloppe).notifie) == (d("100000.00"), d("73000.00"))
    assert plafond(enveloppe) == d("100000.00")
    enveloppe.notification_complete_le = date(2026, 9, 1)
    assert plafond(enveloppe) == d("73000.00")


def test_le_disponible_est_le_plafond_moins_les_decisions():
    """100 000 − 40 000,50 − 10 000 + 5 000,25 = 54 999,75 €."""
    enveloppe = EnveloppeFactory()
    mouvement(enveloppe, "prevision", 100_000)
    action = action_programmee("40000,50", enveloppe=enveloppe)
    action_programmee(10_000, enveloppe=enveloppe)
    DecisionFactory(action=action, nature="diminution", montant=euros("-5000,25"))
    assert disponible(enveloppe) == d("54999.75")
    assert barre(enveloppe).accorde + barre(enveloppe).disponible == barre(enveloppe).plafond


def test_un_gel_qui_depasse_le_disponible_est_une_sur_programmation():
    enveloppe = EnveloppeFactory(notification_complete_le=date(2026, 9, 1))
    mouvement(enveloppe, "notification", 10_000)
    action_programmee(8_000, enveloppe=enveloppe)
    mouvement(enveloppe, "gel", -3_000)
    assert (disponible(enveloppe), barre(enveloppe).sur_programmation) == (d("-1000.00"), d("1000.00"))


def test_une_enveloppe_mere_compte_les_decisions_de_ses_feuilles():
    mere = EnveloppeFactory()
    fille = EnveloppeFactory(exercice=mere.exercice, parent=mere)
    petite_fille = EnveloppeFactory(exercice=mere.exercice, parent=fille)
    mouvement(mere, "prevision", 5_000)
    action_programmee(1_000, enveloppe=fille)
    action_programmee(500, enveloppe=petite_fille)
    toutes = barres([mere, fille, petite_fille])
    assert [toutes[e.pk].accorde for e in (mere, fille, petite_fille)] == [d("1500.00"), d("1500.00"), d("500.00")]
    assert toutes[mere.pk].disponible == d("3500.00")


def test_trois_requetes_quel_que_soit_le_nombre_d_enveloppes(django_assert_num_queries):
    enveloppes = [EnveloppeFactory() for _ in range(3)]
    for lues in (enveloppes[:1], enveloppes):
        with django_assert_num_queries(3):
            barres(lues)
    with django_assert_num_queries(4):
        barres(Enveloppe.objects.all())
