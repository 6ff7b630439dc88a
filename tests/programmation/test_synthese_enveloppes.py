"""Ce qu'une enveloppe porte et permet encore, calculé à la main (docs/calculs.md)."""

from datetime import date
from decimal import Decimal

import pytest

from programmation.enums import StatutAction
from programmation.models import Action, Enveloppe
from programmation.synthese import (
    Barre,
    Credits,
    Part,
    Reste,
    barre,
    barres,
    hors_des_enveloppes,
    notifies_restants_a_engager,
    plafond,
    reste_a_decider,
    restes_avec_meres,
)
from programmation.synthese.enveloppes import montant_de_la_part
from tests.fabriques import DecisionFactory, EnveloppeFactory, action_programmee, euros
from tests.programmation.exemple_enveloppes import engagement, enveloppes_de_l_exemple, mouvement, paiement

pytestmark = pytest.mark.django_db


def d(texte):
    return Decimal(texte)


@pytest.fixture
def exemple():
    return enveloppes_de_l_exemple()


def segments(enveloppe):
    return [str(montant) for montant in barre(enveloppe).segments.values()]


def test_une_enveloppe_sans_mouvement_ne_permet_rien():
    assert barre(EnveloppeFactory()) == Barre()


def test_les_cinq_segments_d_une_feuille(exemple):
    """60 000 prévus : 5 000 payés, 10 000 engagés, 5 000,50 accordés, 7 000 proposés, 32 999,50 disponibles."""
    assert segments(exemple.fille_caen) == ["5000.00", "10000.00", "5000.50", "7000.00", "32999.50"]
    assert segments(exemple.fille_lisieux) == ["0.00", "0.00", "4000.00", "0.00", "26000.00"]


def test_ceux_d_une_mere_sont_la_somme_de_ses_filles_et_du_non_reparti(exemple):
    """100 000 prévus, 90 000 répartis : 32 999,50 + 26 000 + 10 000 = 68 999,50 disponibles."""
    assert segments(exemple.mere) == ["5000.00", "10000.00", "9000.50", "7000.00", "68999.50"]
    assert barre(exemple.mere).non_reparti == Credits(d("10000.00"), d("10000.00"))
    assert barre(exemple.fille_caen).non_reparti is None


def test_notifiee_en_deux_fois_puis_gelee_la_notification_complete_change_le_plafond(exemple):
    """AE : 55 000 + 40 000 − 3 000 = 92 000 ; CP : 50 000 + 40 000 − 3 000 = 87 000."""
    lue = barre(exemple.mere)
    assert (lue.previsionnel, lue.notifie) == (
        Credits(d("100000.00"), d("100000.00")),
        Credits(d("92000.00"), d("87000.00")),
    )
    assert (lue.plafond, lue.reste_a_decider) == (d("100000.00"), d("75999.50"))
    Enveloppe.objects.filter(pk=exemple.mere.pk).update(notification_complete_le=date(2026, 9, 28))
    lue = barre(exemple.mere)
    assert (lue.plafond, lue.credits.cp) == (d("92000.00"), d("87000.00"))
    assert (lue.reste_a_decider, lue.disponible) == (d("67999.50"), d("60999.50"))
    assert lue.non_reparti.ae == d("2000.00"), "92 000 − (60 000 + 30 000)"


def test_les_segments_font_toujours_le_plafond(exemple):
    engagement(exemple.a2, 9_000)
    DecisionFactory(action=exemple.a1, nature="diminution", montant=euros(-8_000))
    paiement(exemple.ligne, 14_000)
    for lue in barres(Enveloppe.objects.all()).values():
        assert sum(lue.segments.values()) == lue.plafond


def test_engager_au_dela_de_l_accorde_se_dit_sans_tordre_les_segments(exemple):
    """Diminuée de 8 000, A1 a 12 000,50 accordés pour 15 000 engagés : 2 999,50 à désengager."""
    DecisionFactory(action=exemple.a1, nature="diminution", montant=euros(-8_000))
    lue = barre(exemple.fille_caen)
    assert lue.segments[Part.ACCORDE] == d("-2999.50")
    assert lue.a_desengager == d("2999.50")
    lue = barre(exemple.mere)
    assert lue.segments[Part.ACCORDE] == d("1000.50"), "4 000 de Lisieux − 2 999,50"
    assert lue.a_desengager == d("2999.50"), "l’accordé d’une autre action ne le cache pas"


def test_seul_le_propose_d_une_action_a_decider_compte(exemple):
    Action.objects.filter(pk=exemple.a3.pk).update(statut=StatutAction.NON_RETENUE)
    assert barre(exemple.fille_caen).propose == d("0.00")
    Action.objects.filter(pk=exemple.a3.pk).update(statut=StatutAction.AJOURNEE)
    assert barre(exemple.fille_caen).propose == d("7000.00")


def test_ce_qu_aucune_enveloppe_ne_porte_est_dit_a_part(exemple):
    assert hors_des_enveloppes([exemple.exercice]) == {Part.PROPOSE: d("1500.00")}
    engagement(exemple.a4, 500)
    assert hors_des_enveloppes([exemple.exercice]) == {
        Part.ENGAGE: d("500.00"),
        Part.ACCORDE: d("-500.00"),
        Part.PROPOSE: d("1500.00"),
    }


def test_chaque_segment_est_la_somme_de_ce_que_les_actions_y_mettent(exemple):
    famille = [exemple.mere.pk, exemple.fille_caen.pk, exemple.fille_lisieux.pk]
    for part in Part.des_actions():
        actions = Action.objects.annotate(reste=montant_de_la_part(part, famille))
        assert sum(action.reste for action in actions) == barre(exemple.mere).segments[part]


def test_un_gel_qui_depasse_le_reste_a_decider_est_une_sur_programmation():
    enveloppe = EnveloppeFactory(notification_complete_le=date(2026, 9, 1))
    mouvement(enveloppe, "notification", 10_000)
    action_programmee(8_000, enveloppe=enveloppe)
    mouvement(enveloppe, "gel", -3_000)
    lue = barre(enveloppe)
    assert (lue.reste_a_decider, lue.disponible, lue.sur_programmation) == (d("-1000.00"), d("-1000.00"), d("1000.00"))
    assert reste_a_decider(enveloppe) == d("-1000.00")


def test_le_moindre_reste_est_celui_de_la_mere_ou_le_sien(exemple):
    assert restes_avec_meres([exemple.fille_caen]) == {exemple.fille_caen.pk: Reste(d("39999.50"))}
    mouvement(exemple.mere, "prevision", -60_000)
    assert restes_avec_meres([exemple.fille_caen]) == {exemple.fille_caen.pk: Reste(d("15999.50"), exemple.mere)}
    assert plafond(exemple.mere) == d("40000.00")


def test_engager_se_controle_sur_le_notifie_de_la_feuille_et_de_ses_meres(exemple):
    """Caen : 35 000 + 21 000 − 15 000 = 41 000 ; Lisieux n'a rien de notifié ; la mère : 92 000 − 15 000 = 77 000."""
    enveloppes = [exemple.fille_caen, exemple.fille_lisieux, exemple.mere]
    restes = notifies_restants_a_engager(enveloppes)
    assert [restes[e.pk].montant for e in enveloppes] == [d("41000.00"), d("0.00"), d("77000.00")]
    mouvement(exemple.mere, "retrait", -60_000)
    assert notifies_restants_a_engager([exemple.fille_caen]) == {
        exemple.fille_caen.pk: Reste(d("17000.00"), exemple.mere)
    }


def test_trois_niveaux_se_cumulent():
    mere = EnveloppeFactory()
    fille = EnveloppeFactory(exercice=mere.exercice, parent=mere)
    petite_fille = EnveloppeFactory(exercice=mere.exercice, parent=fille)
    mouvement(mere, "prevision", 5_000)
    action_programmee(1_000, enveloppe=fille)
    action_programmee(500, enveloppe=petite_fille)
    toutes = barres([mere, fille, petite_fille])
    assert [toutes[e.pk].accorde for e in (mere, fille, petite_fille)] == [d("1500.00"), d("1500.00"), d("500.00")]
    assert toutes[mere.pk].disponible == d("3500.00")


def test_deux_requetes_quel_que_soit_le_nombre_d_enveloppes(django_assert_num_queries, exemple):
    enveloppes = [exemple.mere, exemple.fille_caen, exemple.fille_lisieux]
    for lues in (enveloppes[:1], enveloppes):
        with django_assert_num_queries(2):
            barres(lues)
