"""Le coût d'un poste : l'exemple calculé à la main de docs/calculs.md, et les trous du barème, qui restent des trous."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispositifs.enums import EtatOccupation, Prorata
from dispositifs.models import PosteAdulteRelais, PosteFonjep
from dispositifs.synthese import couts_des_adultes_relais, couts_fonjep
from dispositifs.synthese.prorata import PARTS, RANGS, tranches
from tests.dispositifs.fabriques import (
    AvenantFactory,
    BaremeAdulteRelaisFactory,
    BaremeFonjepFactory,
    ConventionFactory,
    OccupationFactory,
    PosteFactory,
    TriennaliteFactory,
)
from tests.fabriques import euros


@pytest.fixture
def exemple(db):
    """Le poste de docs/calculs.md : 80 %, puis temps plein le 01/03/2024 ; pourvu, vacant, pourvu."""
    BaremeAdulteRelaisFactory(date_effet=date(2023, 1, 1), montant=euros("22555,73"))
    BaremeAdulteRelaisFactory(date_effet=date(2024, 1, 1), montant=euros("22810,61"))
    BaremeAdulteRelaisFactory(date_effet=date(2025, 1, 1), montant=None)
    convention = ConventionFactory(debut=date(2023, 7, 1), fin=date(2026, 6, 30), quotite=Decimal(80))
    AvenantFactory(convention=convention, date_effet=date(2024, 3, 1), quotite=Decimal(100))
    OccupationFactory(convention=convention, debut=date(2023, 9, 1), fin=date(2024, 1, 31))
    OccupationFactory(convention=convention, vacant=True, debut=date(2024, 2, 1), fin=date(2024, 3, 31))
    OccupationFactory(convention=convention, debut=date(2024, 4, 1))
    return convention.poste


def couts(debut, fin, **options):
    options.setdefault("au", date(2026, 11, 22))
    return couts_des_adultes_relais(PosteAdulteRelais.objects.all(), debut, fin, **options)


def cout(poste, debut, fin, **options):
    return couts(debut, fin, **options).par_poste[poste.pk]


def montants(resultat):
    return [resultat.conventionne, resultat.occupe, resultat.vacant, resultat.non_renseigne]


def jours(resultat):
    return [
        resultat.jours_conventionnes,
        resultat.jours_occupes,
        resultat.jours_vacants,
        resultat.jours_non_renseignes,
    ]


def test_le_prorata_de_la_documentation_tombe_juste_au_centime(exemple):
    resultat = cout(exemple, date(2023, 7, 1), date(2024, 12, 31))
    assert montants(resultat) == [euros("31159,17"), euros("24716,10"), euros("3377,96"), euros("3065,11")]
    assert jours(resultat) == [550, 428, 60, 62]
    assert resultat.raison == ""


def test_chaque_morceau_de_la_documentation_tombe_juste(exemple):
    assert cout(exemple, date(2023, 7, 1), date(2023, 12, 31)).conventionne == euros("9096,45")
    assert cout(exemple, date(2024, 1, 1), date(2024, 2, 29)).conventionne == euros("2991,56")
    assert cout(exemple, date(2024, 3, 1), date(2024, 12, 31)).conventionne == euros("19071,17")


def test_la_methode_est_un_parametre(exemple):
    resultat = couts(date(2023, 7, 1), date(2024, 12, 31), prorata=Prorata.DOUZIEMES)
    assert resultat.prorata.label == "Douzièmes, et prorata des jours d’un mois incomplet"
    assert resultat.total.cout.conventionne == euros("31072,55")


def test_une_annee_entiere_vaut_le_bareme_meme_bissextile(db):
    BaremeAdulteRelaisFactory(montant=euros("22810,61"))
    poste = ConventionFactory(debut=date(2023, 1, 1), fin=date(2025, 12, 31)).poste
    for annee in (2023, 2024, 2025):
        for prorata in Prorata:
            assert cout(poste, date(annee, 1, 1), date(annee, 12, 31), prorata=prorata).conventionne == euros(
                "22810,61"
            )


def test_un_changement_de_bareme_au_premier_juillet(db):
    BaremeAdulteRelaisFactory(date_effet=date(2022, 7, 1), montant=euros(21254))
    BaremeAdulteRelaisFactory(date_effet=date(2023, 7, 1), montant=euros("22555,73"))
    poste = ConventionFactory(debut=date(2023, 1, 1), fin=date(2025, 12, 31)).poste
    # 21 254,00 × 181/365 + 22 555,73 × 184/365 = 10 539,6548 + 11 370,5597
    assert cout(poste, date(2023, 1, 1), date(2023, 12, 31)).conventionne == euros("21910,21")


def test_un_bareme_inconnu_ne_se_devine_pas(exemple):
    resultat = cout(exemple, date(2024, 1, 1), date(2026, 12, 31), au=date(2024, 12, 31))
    assert resultat.conventionne is None
    assert (resultat.occupe, resultat.vacant, resultat.non_renseigne) == (euros("18684,76"), euros("3377,96"), None)
    assert resultat.raison == "Barème inconnu du 01/01/2025 au 30/06/2026."
    assert resultat.jours_conventionnes == 366 + 365 + 181


def test_avant_le_premier_bareme_le_montant_est_inconnu(db):
    BaremeAdulteRelaisFactory(date_effet=date(2024, 7, 1))
    poste = ConventionFactory(debut=date(2024, 1, 1), fin=date(2024, 12, 31)).poste
    resultat = cout(poste, date(2024, 1, 1), date(2024, 12, 31))
    assert (resultat.conventionne, resultat.raison) == (None, "Barème inconnu du 01/01/2024 au 30/06/2024.")


def test_l_avenir_n_est_pas_occupe(exemple):
    resultat = cout(exemple, date(2024, 1, 1), date(2024, 12, 31), au=date(2024, 4, 30))
    assert jours(resultat) == [366, 31 + 30, 60, 245]


def test_un_poste_sans_convention_ne_coute_rien_sur_la_periode(exemple):
    autre = PosteFactory()
    resultat = couts(date(2024, 1, 1), date(2024, 12, 31))
    assert montants(resultat.par_poste[autre.pk]) == [euros(0)] * 4
    assert (resultat.total.postes, resultat.total.inconnus) == (1, 0)


def test_le_total_est_la_somme_des_lignes_et_dit_celles_qui_manquent(exemple):
    ConventionFactory(debut=date(2024, 12, 31), fin=date(2024, 12, 31))
    ConventionFactory(debut=date(2024, 7, 1), fin=date(2025, 6, 30))
    resultat = couts(date(2024, 1, 1), date(2024, 12, 31)).total
    # 22 062,72 + 22 810,61/366 + 22 810,61 × 184/366 = 22 062,72 + 62,32 + 11 467,63
    assert (resultat.cout.conventionne, resultat.postes, resultat.inconnus) == (euros("33592,67"), 3, 0)
    resultat = couts(date(2024, 12, 31), date(2025, 1, 1)).total
    assert (resultat.cout.conventionne, resultat.postes, resultat.inconnus) == (euros("62,32"), 3, 2)


def test_un_poste_sans_vacance_ne_rend_pas_connu_le_cout_de_celle_d_un_autre(exemple):
    """En 2025 aucun barème n'est connu ; un poste pourvu, un poste vacant : « 0,00 € de vacance » serait faux."""
    OccupationFactory(convention=ConventionFactory(), vacant=True)
    resultat = couts(date(2025, 1, 1), date(2025, 12, 31)).total.cout
    assert (resultat.jours_vacants, resultat.vacant, resultat.occupe) == (365, None, None)
    assert resultat.non_renseigne == euros(0)


def test_un_total_tout_inconnu_est_inconnu_sans_convention_aussi(exemple):
    assert couts(date(2025, 1, 1), date(2025, 12, 31)).total.cout.conventionne is None
    assert couts(date(2019, 1, 1), date(2019, 12, 31)).total.cout.conventionne is None


@pytest.mark.parametrize("nombre", [1, 3])
def test_le_cout_de_tous_les_postes_se_lit_en_trois_requetes(exemple, nombre, django_assert_num_queries):
    for _ in range(nombre - 1):
        OccupationFactory(convention__debut=date(2024, 2, 1))
    with django_assert_num_queries(3):
        couts(date(2024, 1, 1), date(2024, 12, 31))


def test_un_poste_fonjep_coute_7_164_euros_par_an(db, django_assert_num_queries):
    BaremeFonjepFactory()
    poste = TriennaliteFactory(debut=date(2024, 7, 1), fin=date(2027, 6, 30)).poste
    with django_assert_num_queries(2):
        resultat = couts_fonjep(PosteFonjep.objects.all(), date(2024, 1, 1), date(2024, 12, 31))
    assert resultat.par_poste[poste.pk].conventionne == euros("3601,57")  # 7 164 × 184/366
    resultat = couts_fonjep(PosteFonjep.objects.all(), date(2025, 1, 1), date(2025, 12, 31))
    assert resultat.total.cout.conventionne == euros(7164)


DATES = st.dates(min_value=date(2013, 1, 18), max_value=date(2035, 12, 31))


@given(a=DATES, b=DATES, c=DATES, prorata=st.sampled_from(Prorata))
def test_les_morceaux_d_une_periode_s_additionnent_exactement(a, b, c, prorata):
    a, b, c = sorted((a, b, c))
    rang = RANGS[prorata]
    assert (rang(b) - rang(a)) + (rang(c) - rang(b)) == rang(c) - rang(a)
    assert rang(a.replace(day=1, month=1, year=a.year + 1)) - rang(a.replace(day=1, month=1)) == PARTS[prorata]
    assert (b == a) == (rang(b) == rang(a))


@given(debut=DATES, fin=DATES, etapes=st.lists(DATES, unique=True))
def test_les_tranches_couvrent_la_periode_sans_trou(debut, fin, etapes):
    decoupe = tranches(debut, fin, [(jour, jour) for jour in sorted(etapes)])
    assert sum((b - a).days for a, b, _ in decoupe) == max((fin - debut).days, 0)
    for a, b, valeur in decoupe:
        assert valeur is None or valeur <= a
        assert [jour for jour in etapes if a < jour < b] == []


def test_un_etat_d_occupation_a_sa_couleur():
    assert [etat.couleur for etat in EtatOccupation] == ["success", "warning"]
