"""Répartir sans perdre un centime : la même part en Python et en SQL, sur les deux moteurs."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from politique_ville.outils.repartition import cumuls, part, part_sql, parts_affichees, repartir
from programmation.models import Localisation
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    FinanceurFactory,
    QuartierFactory,
    cofinancement,
    euros,
    localiser,
)

MONTANTS = st.integers(0, 10**12 - 1).map(lambda centimes: Decimal(centimes) / 100)
CLES = st.lists(st.integers(1, 100_000), min_size=1, max_size=20)


def test_l_exemple_de_la_conception():
    assert repartir(Decimal("100.01"), [2, 3, 5]) == [Decimal("20.00"), Decimal("30.00"), Decimal("50.01")]


def test_un_montant_inconnu_a_des_parts_inconnues():
    assert repartir(None, [1, 2]) == [None, None]
    assert repartir(Decimal(0), [1, 2]) == [Decimal("0.00"), Decimal("0.00")]


def test_les_cumuls_vont_de_zero_au_total():
    assert cumuls([2, 3, 5]) == [(0, 2, 10), (2, 5, 10), (5, 10, 10)]


@given(montant=MONTANTS, cles=CLES)
def test_les_parts_font_le_montant_et_chacune_est_a_un_centime_de_sa_part_exacte(montant, cles):
    parts = repartir(montant, cles)
    assert sum(parts) == montant
    for valeur, cle in zip(parts, cles, strict=True):
        assert valeur >= 0
        assert abs(valeur - montant * cle / sum(cles)) < Decimal("0.01")


@given(montant=MONTANTS, cle=st.integers(1, 1000), nombre=st.integers(1, 8))
def test_des_cles_egales_donnent_des_parts_a_un_centime_pres(montant, cle, nombre):
    parts = repartir(montant, [cle] * nombre)
    assert max(parts) - min(parts) <= Decimal("0.01")


@pytest.mark.django_db
@pytest.mark.parametrize("cles", [[1], [1, 1, 1], [2, 3, 5], [1, 99_999], [7, 11, 13, 17]])
@pytest.mark.parametrize("montant", ["0", "0,01", "0,02", "100,01", "33333,33", "9999999999,99"])
def test_la_part_est_la_meme_en_sql_et_en_python(montant, cles):
    contrat = ContratFactory()
    action = ActionFactory(contrat=contrat, cout_previsionnel=euros(montant))
    cofinancement(action, FinanceurFactory(), montant)
    localiser(action, {QuartierFactory(contrat=contrat): cle for cle in cles})
    lues = Localisation.objects.order_by("quartier_id").annotate(
        cout=part_sql("action__cout_previsionnel"), demande=part_sql("action__financements__demande")
    )
    attendues = [part(euros(montant), li.cumul_avant, li.cumul_apres, li.cumul_total) for li in lues]
    assert (
        [lieu.cout for lieu in lues] == [lieu.demande for lieu in lues] == attendues == repartir(euros(montant), cles)
    )


# --- Parts affichées ---


@given(valeurs=st.lists(MONTANTS, min_size=1, max_size=30), decimales=st.integers(0, 2))
def test_les_parts_affichees_font_exactement_cent(valeurs, decimales):
    parts = parts_affichees(valeurs, decimales)
    if sum(valeurs) == 0:
        assert parts == [None] * len(valeurs)
    else:
        assert sum(parts) == 100
        for affichee, valeur in zip(parts, valeurs, strict=True):
            assert abs(affichee - valeur * 100 / sum(valeurs)) < Decimal(10) ** -decimales


def test_a_reste_egal_la_plus_grande_puis_la_premiere_recoit_le_dixieme():
    assert parts_affichees([1, 1, 1]) == [Decimal("33.4"), Decimal("33.3"), Decimal("33.3")]
    assert parts_affichees([Decimal("0.00"), Decimal("5.00")]) == [Decimal("0.0"), Decimal("100.0")]


def test_sans_valeur_il_n_y_a_pas_de_parts():
    assert parts_affichees([]) == []
    assert parts_affichees([0, 0]) == [None, None]
