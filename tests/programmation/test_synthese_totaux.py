"""Les totaux d'une liste et le plan de financement d'une action, calculés à la main."""

from decimal import Decimal

import pytest
from django.utils import timezone

from comptes.enums import Role
from programmation.enums import EtatFinancement, FamilleFinanceur, NatureFinancement, StatutAction
from programmation.models import Action, Campagne, Financement, PartenaireFinanceur
from programmation.synthese import TotauxDeListe, plan_de_financement, totaux_de_liste
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    DepartementFactory,
    FinanceurFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    p147,
)


def d(texte):
    return Decimal(texte)


def toutes():
    return Action.objects.all()


# --- Totaux d'une liste ---


def test_les_totaux_sont_ceux_de_toutes_les_lignes_de_la_liste(exemple):
    """Brouillon compris : 23 500 + 3 000 + 2 000 € de coût, 16 500 + 900 € demandés, 22 500 − 13 000 + 1 000 ailleurs."""
    assert totaux_de_liste(toutes()) == TotauxDeListe(
        nombre=7,
        cout_previsionnel=d("28500.00"),
        p147_demande=d("17400.00"),
        p147_propose=None,
        p147_accorde=d("10000.00"),
        plan_demande=d("27900.00"),
        inconnus={
            "cout_previsionnel": 1,
            "p147_demande": 0,
            "p147_propose": 7,
            "p147_accorde": 2,
            "plan_demande": 0,
        },
    )


def test_les_totaux_sont_la_somme_des_lignes_de_la_page(exemple):
    totaux = totaux_de_liste(toutes())
    lignes = list(toutes().avec_montants())
    for colonne in ("cout_previsionnel", "p147_demande", "p147_accorde", "plan_demande"):
        connus = [montant for ligne in lignes if (montant := getattr(ligne, colonne)) is not None]
        assert getattr(totaux, colonne) == sum(connus)
        assert totaux.inconnus[colonne] == len(lignes) - len(connus)


def test_filtree_par_quartier_la_liste_totalise_les_parts(exemple):
    """Q1 a deux dixièmes de A1 et tout A5 : coût 2 000 + 3 000, demandé 1 200 + 2 000, plan 2 000 + 2 000."""
    totaux = totaux_de_liste(toutes(), quartiers=[exemple.q1])
    assert (totaux.nombre, totaux.cout_previsionnel, totaux.p147_demande) == (2, d("5000.00"), d("3200.00"))
    assert (totaux.p147_accorde, totaux.plan_demande) == (d("1000.00"), d("4000.00"))


@pytest.mark.django_db
def test_une_liste_vide_totalise_zero():
    totaux = totaux_de_liste(toutes())
    assert (totaux.nombre, totaux.cout_previsionnel, totaux.p147_accorde, totaux.plan_demande) == (0, 0, 0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("montants", [(100, 100), (100, 40)])
def test_deux_financements_par_action_ne_multiplient_pas_le_cout(montants):
    action = action_programmee(500)
    for montant in montants:
        cofinancement(action, FinanceurFactory(), montant)
    totaux = totaux_de_liste(Action.objects.filter(financements__isnull=False))
    assert (totaux.nombre, totaux.cout_previsionnel, totaux.p147_accorde) == (1, d("10000.00"), d("500.00"))
    assert totaux.plan_demande == euros(500 + sum(montants))


@pytest.mark.django_db
def test_le_propose_d_une_campagne_non_partagee_ne_se_devine_pas_au_total():
    partagee = ActionFactory()
    Campagne.objects.update(propositions_partagees_le=timezone.now())
    cachee = ActionFactory(campagne=CampagneFactory(exercice=partagee.exercice, intitule="Été"))
    p147(partagee, propose=300)
    p147(cachee, propose=500)
    assert totaux_de_liste(toutes()).p147_propose == d("800.00")
    assert totaux_de_liste(toutes(), propositions_partagees=True).p147_propose == d("300.00")


def test_un_partenaire_borne_ne_totalise_que_ses_lignes(exemple):
    partenaire = habiliter(Role.PARTENAIRE, departement=DepartementFactory())
    PartenaireFinanceur.objects.create(habilitation=partenaire.habilitations.get(), financeur=exemple.epci)
    totaux = totaux_de_liste(Action.objects.visibles_par(partenaire), lignes=Financement.objects.bornes_a(partenaire))
    assert (totaux.nombre, totaux.p147_demande, totaux.plan_demande) == (2, None, d("3000.00"))


def test_les_totaux_tiennent_en_deux_requetes(exemple, django_assert_num_queries):
    for actions in (Action.objects.filter(pk=exemple.a1.pk), toutes()):
        with django_assert_num_queries(2):
            totaux_de_liste(actions)


# --- Plan de financement ---


@pytest.mark.django_db
def test_avant_decision_le_plan_se_lit_sur_le_demande():
    action = ActionFactory(cout_previsionnel=d("12345.68"))
    p147(action, "12345,67")
    cofinancement(action, FinanceurFactory(), "0,01")
    plan = plan_de_financement(action)
    assert (plan.demande, plan.ecart, plan.est_equilibre) == (d("12345.68"), d("0.00"), True)
    assert (plan.part_p147, plan.est_decide, plan.reste_a_trouver) == (d("100.0"), False, None)


@pytest.mark.django_db
def test_un_plan_desequilibre_dit_son_ecart_au_centime():
    action = ActionFactory(cout_previsionnel=d("10000.00"))
    p147(action, "6000,01")
    cofinancement(action, FinanceurFactory(), "3000,00")
    cofinancement(action, FinanceurFactory(), None)
    plan = plan_de_financement(action)
    assert (plan.demande, plan.ecart, plan.est_equilibre) == (d("9000.01"), d("-999.99"), False)
    assert plan.part_p147 == d("66.7")


def test_apres_decision_le_plan_dit_le_reste_a_trouver(exemple):
    """A1 : 10 000 − (5 000,01 + 2 000 + 700) acquis − 1 000 de ressources propres = 1 299,99 €."""
    plan = plan_de_financement(exemple.a1)
    assert (plan.est_decide, plan.acquis, plan.ressources_propres) == (True, d("7700.01"), d("1000.00"))
    assert (plan.part_p147_accorde, plan.reste_a_trouver) == (d("50.0"), d("1299.99"))


def test_l_annonce_n_est_pas_encore_trouve(exemple):
    """A2 : 8 000 − (3 000 + 1 500) = 3 500 €, dont 2 000 annoncés par la CAF."""
    plan = plan_de_financement(exemple.a2)
    assert (plan.acquis, plan.annonce, plan.reste_a_trouver) == (d("4500.00"), d("2000.00"), d("3500.00"))


def test_une_action_refusee_a_tout_a_trouver(exemple):
    plan = plan_de_financement(exemple.a6)
    assert (plan.part_p147_accorde, plan.reste_a_trouver) == (d("0.0"), d("2000.00"))


@pytest.mark.django_db
def test_les_ressources_propres_accordees_l_emportent_sur_les_prevues():
    action = action_programmee(4000, cout_previsionnel=d("5000.00"))
    porteur = FinanceurFactory(nom="Porteur", famille=FamilleFinanceur.AUTOFINANCEMENT)
    cofinancement(action, porteur, 1000, 600, nature=NatureFinancement.RESSOURCES_PROPRES)
    plan = plan_de_financement(action)
    assert (plan.acquis, plan.ressources_propres, plan.reste_a_trouver) == (d("4000.00"), d("600.00"), d("400.00"))


@pytest.mark.django_db
def test_un_plan_vide_est_inconnu():
    plan = plan_de_financement(ActionFactory(brouillon=True))
    assert (plan.demande, plan.ecart, plan.part_p147, plan.reste_a_trouver) == (None, None, None, None)


@pytest.mark.django_db
@pytest.mark.parametrize("statut", [StatutAction.LISTE_ATTENTE, StatutAction.AJOURNEE])
def test_une_action_en_attente_n_a_pas_de_reste_a_trouver(statut):
    action = ActionFactory(statut=statut)
    p147(action, 500)
    assert plan_de_financement(action).est_decide is False


def test_un_partenaire_borne_ne_lit_que_ses_lignes_du_plan(exemple):
    lignes = Financement.objects.filter(financeur=exemple.epci)
    plan = plan_de_financement(exemple.a1, lignes)
    assert [ligne.financeur for ligne in plan.lignes] == [exemple.epci]
    assert (plan.demande, plan.ecart, plan.part_p147, plan.reste_a_trouver) == (d("1000.00"), None, None, None)


def test_le_plan_tient_en_une_requete(exemple, django_assert_num_queries):
    for action in (exemple.a7, exemple.a1):
        with django_assert_num_queries(1):
            [str(ligne) for ligne in plan_de_financement(action).lignes]


@pytest.mark.django_db
def test_une_ligne_refusee_n_apporte_rien():
    action = action_programmee(4000, cout_previsionnel=d("5000.00"))
    cofinancement(action, FinanceurFactory(), 1000, 0, etat=EtatFinancement.REFUSE)
    assert plan_de_financement(action).reste_a_trouver == d("1000.00")
