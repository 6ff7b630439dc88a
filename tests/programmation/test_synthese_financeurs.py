"""Financeurs, rang de l'État et levier, calculés à la main sur l'exemple de docs/calculs.md."""

from decimal import Decimal

import pytest

from comptes.enums import Role
from programmation.enums import EtatFinancement, FamilleFinanceur, NatureFinancement
from programmation.models import Action, Financement, PartenaireFinanceur
from programmation.synthese import (
    Base,
    ChoixDeBase,
    Levier,
    Rang,
    levier,
    rang_de_l_etat,
    synthese_des_financeurs,
    synthese_des_piliers,
)
from tests.fabriques import (
    ContratFactory,
    DepartementFactory,
    FinanceurFactory,
    QuartierFactory,
    action_programmee,
    cofinancement,
    habiliter,
    localiser,
)

ACCORDE = ChoixDeBase()


def d(texte):
    return Decimal(texte)


def toutes():
    return Action.objects.all()


# --- Le tableau ---


def test_chaque_financeur_a_son_demande_son_acquis_et_son_annonce(exemple):
    """Ressources propres exclues ; la CAF n'a rien voté (inconnu), le Conseil départemental a refusé (zéro)."""
    synthese = synthese_des_financeurs(toutes(), ACCORDE)
    assert [
        (li.financeur.nom, li.demande, li.acquis, li.annonce, li.en_attente, li.nombre, li.part)
        for li in synthese.lignes
    ] == [
        ("ANCT – P147", d("13000.00"), d("10000.00"), d("0.00"), 0, 4, d("61.7")),
        ("Caen la mer", d("3000.00"), d("2200.00"), d("0.00"), 0, 2, d("13.6")),
        ("Région", d("2000.00"), d("2000.00"), d("0.00"), 0, 1, d("12.4")),
        ("Ville de Caen", d("2000.00"), d("2000.00"), d("0.00"), 0, 1, d("12.3")),
        ("CAF", d("2000.00"), None, d("2000.00"), 1, 1, None),
        ("Conseil départemental", d("500.00"), d("0.00"), d("0.00"), 0, 1, d("0.0")),
    ]
    assert (synthese.demande, synthese.acquis, synthese.annonce) == (d("22500.00"), d("16200.00"), d("2000.00"))


def test_le_total_des_financeurs_est_celui_de_la_base_tous_financeurs(exemple):
    for avec_pre in (True, False):
        choix = ChoixDeBase(Base.TOUS_FINANCEURS, avec_pre=avec_pre)
        assert synthese_des_financeurs(toutes(), choix).acquis == synthese_des_piliers(toutes(), choix).total.montant


def test_le_tableau_dit_ce_qu_il_compte(exemple):
    assert synthese_des_financeurs(toutes(), ACCORDE).legende == ChoixDeBase(Base.TOUS_FINANCEURS).legende()


# --- Le rang ---


def test_l_etat_est_premier_avec_son_ecart_au_second(exemple):
    """10 000 − 2 200 = 7 800 € ; 7 800 ÷ 16 200 = 48,1 points ; la CAF n'a pas voté : provisoire."""
    rang = rang_de_l_etat(toutes(), ACCORDE)
    assert rang == Rang(1, False, d("10000.00"), 5, "Caen la mer", d("2200.00"), d("7800.00"), d("48.1"), 1)
    assert rang.est_provisoire


def test_le_rang_et_le_tableau_comptent_les_memes_financeurs(exemple):
    """La CAF n'a pas voté : elle n'a pas de rang, et n'est pas dans « sur n » ; le refus du département y est."""
    synthese = synthese_des_financeurs(toutes(), ACCORDE)
    assert [(ligne.financeur.nom, ligne.rang) for ligne in synthese.lignes if ligne.rang is None] == [("CAF", None)]
    assert synthese.rang.financeurs == len([ligne for ligne in synthese.lignes if ligne.rang])


def test_chaque_contrat_a_son_rang(exemple):
    """Caen la mer : 5 800,01 € d'avance sur 12 200,01 ; Lisieux : 500,01 € de retard sur 3 499,99."""
    rangs = synthese_des_financeurs(toutes(), ACCORDE).rangs_par_contrat
    assert rangs == {
        exemple.caen.pk: Rang(1, False, d("8000.01"), 3, "Caen la mer", d("2200.00"), d("5800.01"), d("47.5"), 1),
        exemple.lisieux.pk: Rang(2, False, d("1499.99"), 2, "Région", d("2000.00"), d("-500.01"), d("-14.3"), 0),
    }


@pytest.mark.django_db
def test_un_ex_aequo_partage_le_rang_et_l_ecart_est_nul():
    action = action_programmee(1000)
    cofinancement(action, FinanceurFactory(nom="Ville"), 1000, 1000)
    cofinancement(action, FinanceurFactory(nom="Région", famille=FamilleFinanceur.REGION), 1000, 1000)
    assert rang_de_l_etat(toutes(), ACCORDE) == Rang(
        1, True, d("1000.00"), 3, "Région", d("1000.00"), d("0.00"), d("0.0"), 0
    )


@pytest.mark.django_db
def test_chaque_financeur_concourt_seul_jamais_par_famille():
    """Deux villes à 600 € font 1 200 € ensemble, mais aucune ne dépasse les 1 000 € de l'État."""
    action = action_programmee(1000)
    for nom in ("Ville A", "Ville B"):
        cofinancement(action, FinanceurFactory(nom=nom), 600, 600)
    rang = rang_de_l_etat(toutes(), ACCORDE)
    assert (rang.rang, rang.autre, rang.ecart) == (1, "Ville A", d("400.00"))


@pytest.fixture
def deux_communes_sans_nom(db):
    """L'exemple de docs/calculs.md : 1 000,00 € de P147, 400,00 de la Région, 700,00 + 800,00 de communes."""
    communes = FinanceurFactory(nom="Commune (à préciser)", est_a_preciser=True)
    premiere, seconde = action_programmee(600), action_programmee(400)
    cofinancement(premiere, FinanceurFactory(nom="Région", famille=FamilleFinanceur.REGION), 400, 400)
    cofinancement(premiere, communes, 700, 700)
    cofinancement(seconde, communes, 800, 800)


def test_un_financeur_a_preciser_n_a_pas_de_rang_et_rend_provisoire_celui_de_l_etat(deux_communes_sans_nom):
    """Ensemble, les communes feraient 1 500 € : aucune n'est connue pour dépasser les 1 000 € de l'État."""
    rang = rang_de_l_etat(toutes(), ACCORDE)
    assert rang == Rang(1, False, d("1000.00"), 2, "Région", d("400.00"), d("600.00"), d("20.7"), 0, 2, d("1500.00"))
    assert rang.est_provisoire


def test_la_ligne_d_un_financeur_a_preciser_garde_ses_montants_et_vient_apres_les_autres(deux_communes_sans_nom):
    synthese = synthese_des_financeurs(toutes(), ACCORDE)
    assert [(ligne.rang, ligne.financeur.nom, ligne.acquis, ligne.part) for ligne in synthese.lignes] == [
        (1, "ANCT – P147", d("1000.00"), d("34.5")),
        (2, "Région", d("400.00"), d("13.8")),
        (None, "Commune (à préciser)", d("1500.00"), d("51.7")),
    ]
    assert synthese.acquis == d("2900.00")
    assert synthese.levier.pour_un_euro == d("1.90")


@pytest.mark.django_db
def test_sans_autre_financeur_nomme_l_etat_est_premier_et_seul():
    action = action_programmee(1000)
    cofinancement(action, FinanceurFactory(est_a_preciser=True), 1500, 1500)
    assert rang_de_l_etat(toutes(), ACCORDE) == Rang(
        1, False, d("1000.00"), 1, None, None, None, None, 0, 1, d("1500.00")
    )


@pytest.mark.django_db
def test_un_prive_a_preciser_ne_change_rien_au_rang():
    action = action_programmee(1000)
    cofinancement(action, FinanceurFactory(famille=FamilleFinanceur.PRIVE, est_a_preciser=True), 1500, 1500)
    assert rang_de_l_etat(toutes(), ACCORDE).est_provisoire is False


@pytest.mark.django_db
def test_les_prives_et_les_ressources_propres_ne_concourent_pas():
    action = action_programmee(1000)
    cofinancement(action, FinanceurFactory(nom="Mécène", famille=FamilleFinanceur.PRIVE), 5000, 5000)
    cofinancement(action, FinanceurFactory(nom="Porteur", famille=FamilleFinanceur.AUTOFINANCEMENT), 5000, 5000)
    cofinancement(
        action, FinanceurFactory(nom="Ville porteuse"), 5000, 5000, nature=NatureFinancement.RESSOURCES_PROPRES
    )
    assert rang_de_l_etat(toutes(), ACCORDE) == Rang(1, False, d("1000.00"), 1, None, None, None, None, 0)


@pytest.mark.django_db
def test_les_lignes_p147_de_plusieurs_financeurs_n_en_font_qu_un():
    action_programmee(400)
    autre = action_programmee(300)
    Financement.objects.filter(action=autre).update(
        financeur=FinanceurFactory(nom="ANCT, autre service", famille=FamilleFinanceur.ANCT_P147)
    )
    cofinancement(autre, FinanceurFactory(), 600, 600)
    assert rang_de_l_etat(toutes(), ACCORDE).montant == d("700.00")


@pytest.mark.django_db
def test_la_variante_ajoute_l_etat_de_droit_commun():
    action = action_programmee(400)
    cofinancement(action, FinanceurFactory(nom="DRAC", famille=FamilleFinanceur.ETAT), 300, 300)
    cofinancement(action, FinanceurFactory(nom="Ville"), 500, 500)
    assert rang_de_l_etat(toutes(), ACCORDE).rang == 2
    avec = synthese_des_financeurs(toutes(), ACCORDE, avec_etat=True).rang
    assert (avec.rang, avec.montant, avec.ecart) == (1, d("700.00"), d("200.00"))


@pytest.mark.django_db
def test_sans_rien_d_acquis_il_n_y_a_pas_de_rang():
    assert rang_de_l_etat(toutes(), ACCORDE) is None


def test_un_partenaire_borne_ne_lit_ni_rang_ni_levier(exemple):
    partenaire = habiliter(Role.PARTENAIRE, departement=DepartementFactory())
    PartenaireFinanceur.objects.create(habilitation=partenaire.habilitations.get(), financeur=exemple.epci)
    synthese = synthese_des_financeurs(
        Action.objects.visibles_par(partenaire), ACCORDE, lignes=Financement.objects.bornes_a(partenaire)
    )
    assert [(ligne.financeur, ligne.acquis) for ligne in synthese.lignes] == [(exemple.epci, d("2200.00"))]
    assert (synthese.rang, synthese.rangs_par_contrat, synthese.levier, synthese.leviers_par_contrat) == (
        None,
        {},
        None,
        {},
    )


def test_les_lignes_de_tous_ne_bornent_personne(exemple):
    agent = habiliter()
    lignes = Financement.objects.bornes_a(agent)
    assert synthese_des_financeurs(toutes(), ACCORDE, lignes=lignes).rang.rang == 1


# --- Le levier ---


def test_le_levier_ne_compare_que_les_actions_dont_les_votes_sont_connus(exemple):
    """A2 attend la CAF : 7 000 € de P147 sur les trois autres, 4 000 € de droit commun, 700 € d'autres."""
    resultat = levier(toutes(), ACCORDE)
    assert resultat == Levier(d("7000.00"), d("4000.00"), d("700.00"), votes_connus=3, actions=4)
    assert (resultat.pour_un_euro, resultat.autres_pour_un_euro) == (d("0.57"), d("0.10"))


def test_chaque_contrat_a_son_levier(exemple):
    leviers = synthese_des_financeurs(toutes(), ACCORDE).leviers_par_contrat
    assert leviers == {
        exemple.caen.pk: Levier(d("5000.01"), d("2000.00"), d("700.00"), 1, 2),
        exemple.lisieux.pk: Levier(d("1499.99"), d("2000.00"), d("0.00"), 1, 1),
    }


@pytest.mark.django_db
def test_sans_p147_le_levier_est_sans_objet():
    resultat = levier(toutes(), ACCORDE)
    assert (resultat.pour_un_euro, resultat.autres_pour_un_euro, resultat.actions) == (None, None, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("montants", [(100, 100), (100, 30)])
def test_deux_cofinancements_egaux_ou_differents_s_ajoutent(montants):
    action = action_programmee(1000)
    for montant in montants:
        cofinancement(action, FinanceurFactory(), montant, montant)
    assert levier(toutes(), ACCORDE).droit_commun == sum(montants)


@pytest.mark.django_db
def test_un_mecene_qui_n_a_pas_repondu_n_empeche_pas_de_connaitre_les_votes():
    action = action_programmee(1000)
    cofinancement(action, FinanceurFactory(nom="Mécène", famille=FamilleFinanceur.PRIVE), 500)
    assert levier(toutes(), ACCORDE).votes_connus == 1


# --- Quartiers ---


@pytest.mark.django_db
def test_un_quartier_prend_sa_part_de_chaque_ligne():
    """Clés 1 et 2 : le tiers de 1 000 € est 333,33 €, celui de 100,01 € est 33,33 €."""
    contrat = ContratFactory()
    q1, q2 = QuartierFactory(contrat=contrat), QuartierFactory(contrat=contrat)
    action = action_programmee(1000, contrat=contrat)
    cofinancement(action, FinanceurFactory(), "100,01", "100,01")
    cofinancement(action, FinanceurFactory(), 50, 50, etat=EtatFinancement.ANNONCE)
    localiser(action, {q1: 1, q2: 2})
    tiers = synthese_des_financeurs(toutes(), ACCORDE, quartiers=[q1])
    assert [(li.acquis, li.annonce, li.nombre) for li in tiers.lignes] == [
        (d("333.33"), d("0.00"), 1),
        (d("33.33"), d("0.00"), 1),
        (None, d("16.66"), 1),
    ]
    tout = synthese_des_financeurs(toutes(), ACCORDE, quartiers=[q1, q2])
    assert (tout.acquis, tout.annonce, tout.rang.en_attente) == (d("1100.01"), d("50.00"), 1)
    assert [ligne.nombre for ligne in tout.lignes] == [1, 1, 1]


# --- Requêtes ---


@pytest.mark.parametrize("par_contrat", [True, False])
def test_le_nombre_de_requetes_ne_depend_pas_du_nombre_de_lignes(exemple, django_assert_num_queries, par_contrat):
    for actions in (Action.objects.filter(pk=exemple.a1.pk), toutes()):
        with django_assert_num_queries(2):
            synthese_des_financeurs(actions, ACCORDE, par_contrat=par_contrat)


def test_par_contrat_ou_non_les_totaux_sont_les_memes(exemple):
    avec = synthese_des_financeurs(toutes(), ACCORDE)
    sans = synthese_des_financeurs(toutes(), ACCORDE, par_contrat=False)
    assert (avec.lignes, avec.rang, avec.levier) == (sans.lignes, sans.rang, sans.levier)
    assert (sans.rangs_par_contrat, sans.leviers_par_contrat) == ({}, {})
