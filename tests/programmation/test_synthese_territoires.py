"""Contrats, quartiers et thématiques, calculés à la main sur l'exemple de docs/calculs.md."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from programmation.models import Action
from programmation.synthese import (
    Base,
    ChoixDeBase,
    synthese_des_contrats,
    synthese_des_piliers,
    synthese_des_quartiers,
    synthese_des_thematiques,
)
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    FinanceurFactory,
    QuartierFactory,
    action_programmee,
    cofinancement,
    euros,
    localiser,
)

ACCORDE = ChoixDeBase()


def d(texte):
    return Decimal(texte)


def toutes():
    return Action.objects.all()


# --- Contrats ---


def test_chaque_contrat_a_son_montant_sa_part_et_ses_euros_par_habitant(exemple):
    """Caen la mer : 8 000,01 € ÷ 4 000 habitants = 2,00 € ; Lisieux : 1 499,99 ÷ 3 000 = 0,50 €."""
    synthese = synthese_des_contrats(toutes(), ACCORDE)
    assert [(li.libelle, li.montant, li.nombre, li.part) for li in synthese.lignes] == [
        ("Caen la mer", d("8000.01"), 2, d("80.0")),
        ("Lisieux", d("1499.99"), 1, d("15.0")),
        ("À l’échelle du département", d("500.00"), 1, d("5.0")),
    ]
    assert [(li.population, li.millesime, li.par_habitant) for li in synthese.lignes] == [
        (4000, "2021", d("2.00")),
        (3000, "2021", d("0.50")),
        (None, "", None),
    ]
    assert (synthese.total.montant, synthese.total.nombre) == (d("10000.00"), 4)


def test_un_contrat_sans_action_est_lu_a_zero_s_il_est_demande(exemple):
    honfleur = ContratFactory(intitule="Honfleur")
    ligne = synthese_des_contrats(toutes(), ACCORDE, contrats=[honfleur]).lignes[1]
    assert (ligne.contrat, ligne.montant, ligne.nombre, ligne.part) == (honfleur, d("0.00"), 0, d("0.0"))
    assert (ligne.population, ligne.par_habitant) == (None, None)


def test_la_population_est_celle_des_quartiers_prioritaires_avec_leurs_millesimes(exemple):
    QuartierFactory(contrat=exemple.caen, population=500, millesime_population="2018")
    QuartierFactory(contrat=exemple.caen, population=9_999, nature="veille_active", millesime_population="2013")
    ligne = synthese_des_contrats(toutes(), ACCORDE).lignes[0]
    assert (ligne.population, ligne.millesime, ligne.par_habitant) == (4500, "2018 à 2021", d("1.78"))


@pytest.mark.parametrize("options", [{"choix": ChoixDeBase(Base.NOMBRE)}, {"choix": ACCORDE, "quartiers": True}])
def test_les_euros_par_habitant_d_un_contrat_sont_tus_sans_montant_ou_pour_un_quartier(exemple, options):
    quartiers = [exemple.q1] if options.get("quartiers") else []
    ligne = synthese_des_contrats(toutes(), options["choix"], quartiers=quartiers).lignes[0]
    assert ligne.par_habitant is None


# --- Quartiers ---


def test_quartiers_et_echelles_redonnent_le_total(exemple):
    """5 000,01 € aux clés 2, 3 et 5 sur trois quartiers ; 3 000 € à l'échelle du contrat, 500 € du département."""
    synthese = synthese_des_quartiers(toutes(), ACCORDE)
    assert [(li.quartier.nom, li.montant, li.nombre, li.part) for li in synthese.lignes] == [
        ("Q1", d("1000.00"), 1, d("10.0")),
        ("Q2", d("1500.00"), 1, d("15.0")),
        ("Q3", d("2500.01"), 1, d("25.0")),
        ("Q4", d("1499.99"), 1, d("15.0")),
    ]
    assert [(e.echelle, e.montant, e.nombre, e.part) for e in synthese.echelles] == [
        ("contrat", d("3000.00"), 1, d("30.0")),
        ("departement", d("500.00"), 1, d("5.0")),
    ]
    assert synthese.montant_total == d("10000.00")


def test_chaque_quartier_dit_ce_qui_est_reparti_par_cle_et_ce_qui_n_est_pas_localise(exemple):
    action_programmee(250, contrat=exemple.caen)
    localiser(action_programmee(3000, contrat=exemple.caen), {exemple.q1: 7})
    q1, q2, _, q4 = synthese_des_quartiers(toutes(), ACCORDE).lignes
    assert (q1.montant, q1.par_habitant, q1.pourcent_reparti, q1.non_localise) == (
        d("4000.00"),
        d("4.00"),
        d("25.0"),
        d("3250.00"),
    )
    assert (q2.par_habitant, q2.pourcent_reparti) == (d("0.75"), d("100.0"))
    assert (q4.population, q4.millesime, q4.pourcent_reparti, q4.non_localise) == (3000, "2021", d("0.0"), d("0.00"))


@pytest.mark.parametrize("base", [base for base in Base if base != Base.NOMBRE])
def test_dans_chaque_base_quartiers_et_echelles_redonnent_le_total(exemple, base):
    choix = ChoixDeBase(base)
    synthese = synthese_des_quartiers(toutes(), choix)
    lues = [ligne.montant for ligne in (*synthese.lignes, *synthese.echelles)]
    assert (
        sum(montant for montant in lues if montant is not None) == synthese_des_piliers(toutes(), choix).total.montant
    )
    assert synthese.montant_total == synthese_des_piliers(toutes(), choix).total.montant


def test_un_quartier_sans_action_est_lu_a_zero_s_il_est_demande(exemple):
    q5 = QuartierFactory(contrat=exemple.lisieux, nom="Q5")
    ligne = next(li for li in synthese_des_quartiers(toutes(), ACCORDE, a_montrer=[q5]).lignes if li.quartier == q5)
    assert (ligne.montant, ligne.nombre, ligne.par_habitant, ligne.pourcent_reparti) == (d("0.00"), 0, d("0.00"), None)


def test_des_quartiers_choisis_ne_lisent_que_leurs_parts(exemple):
    synthese = synthese_des_quartiers(toutes(), ACCORDE, quartiers=[exemple.q1, exemple.q3])
    assert [(li.quartier, li.montant) for li in synthese.lignes] == [
        (exemple.q1, d("1000.00")),
        (exemple.q3, d("2500.01")),
    ]
    assert [echelle.montant for echelle in synthese.echelles] == [d("0.00"), d("0.00")]
    assert synthese.montant_total == d("3500.01")


@pytest.mark.django_db
def test_100_01_aux_cles_2_3_5_font_20_30_et_50_01():
    contrat = ContratFactory()
    quartiers = [QuartierFactory(contrat=contrat) for _ in range(3)]
    localiser(action_programmee("100,01", contrat=contrat), dict(zip(quartiers, (2, 3, 5), strict=True)))
    synthese = synthese_des_quartiers(toutes(), ACCORDE)
    assert [ligne.montant for ligne in synthese.lignes] == [d("20.00"), d("30.00"), d("50.01")]


class TestReparti(TestCase):
    """Hypothesis, sur le moteur des tests : ni les parts SQL ni leur somme ne perdent un centime."""

    @given(
        centimes=st.integers(1, 10**10),
        cles=st.lists(st.integers(1, 1000), min_size=1, max_size=5),
        cofinance=st.integers(0, 10**8),
    )
    def test_les_parts_de_chaque_quartier_font_le_total(self, centimes, cles, cofinance):
        contrat = ContratFactory()
        action = action_programmee(euros(Decimal(centimes) / 100), contrat=contrat)
        cofinancement(action, FinanceurFactory(), 1, Decimal(cofinance) / 100)
        localiser(action, {QuartierFactory(contrat=contrat): cle for cle in cles})
        for base in (Base.P147_ACCORDE, Base.TOUS_FINANCEURS):
            synthese = synthese_des_quartiers(Action.objects.filter(pk=action.pk), ChoixDeBase(base))
            attendu = centimes + (cofinance if base == Base.TOUS_FINANCEURS else 0)
            assert sum(ligne.montant for ligne in synthese.lignes) == Decimal(attendu) / 100


# --- Thématiques ---


def test_les_themes_et_leurs_thematiques_ont_chacun_leurs_parts(exemple):
    synthese = synthese_des_thematiques(toutes(), ACCORDE)
    assert [(t.theme.code, t.montant, t.nombre, t.part) for t in synthese.themes] == [
        ("1", d("8500.01"), 3, d("85.0")),
        ("5", d("1499.99"), 1, d("15.0")),
    ]
    assert [(t.thematique.code, t.montant, t.nombre, t.part) for t in synthese.themes[0].thematiques] == [
        ("1.1", d("3000.00"), 1, d("30.0")),
        ("1.2", d("5500.01"), 2, d("55.0")),
    ]
    assert synthese.total.montant == d("10000.00")


def test_une_thematique_d_un_quartier_prend_ses_parts(exemple):
    [education] = synthese_des_thematiques(toutes(), ACCORDE, quartiers=[exemple.q2]).themes
    assert (education.montant, education.part) == (d("1500.00"), d("100.0"))


# --- Requêtes ---


@pytest.mark.parametrize(
    ("synthese", "requetes"),
    [(synthese_des_contrats, 2), (synthese_des_quartiers, 3), (synthese_des_thematiques, 2)],
)
def test_le_nombre_de_requetes_ne_depend_pas_du_nombre_de_lignes(
    exemple, django_assert_num_queries, synthese, requetes
):
    with django_assert_num_queries(requetes):
        synthese(Action.objects.filter(pk=exemple.a1.pk), ACCORDE)
    with django_assert_num_queries(requetes):
        synthese(toutes(), ACCORDE)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("synthese", "lignes"),
    [(synthese_des_contrats, "lignes"), (synthese_des_quartiers, "lignes"), (synthese_des_thematiques, "themes")],
)
def test_un_brouillon_seul_ne_donne_aucune_ligne(synthese, lignes):
    contrat = ContratFactory()
    localiser(ActionFactory(brouillon=True, contrat=contrat), {QuartierFactory(contrat=contrat): 1})
    assert getattr(synthese(toutes(), ACCORDE), lignes) == ()
