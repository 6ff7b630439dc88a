"""La règle d'ajustement : l'exemple de docs/calculs.md, ses refus, et ce qui doit rester vrai de tout montant."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from politique_ville.outils.ajustement import (
    Ajustement,
    AjustementImpossible,
    Ligne,
    Regle,
    Reste,
    SousLePlancher,
    ajuster,
)


def euros(valeur):
    return Decimal(str(valeur)).quantize(Decimal("0.01"))


def lignes(*montants):
    """Une ligne par montant, ou par couple (montant, demandé), de clé A, B, C…"""
    couples = [m if isinstance(m, tuple) else (m, None) for m in montants]
    return [
        Ligne("ABCDEFGHIJ"[rang], euros(montant), None if demande is None else euros(demande))
        for rang, (montant, demande) in enumerate(couples)
    ]


def montants(resultat: Ajustement):
    return [str(montant) for montant in resultat.montants.values()]


EXEMPLE = lignes((5000, 6000), (3000, 3000), (1500, 2000), (1050, 1500), (950, 1000))


def test_l_exemple_de_la_documentation():
    """−4 % sur tout, rien sous 1 000 €, arrondi à 100 € : 11 040,00 €, exactement."""
    regle = Regle(euros(11_040), "−4 %", plancher=euros(1000), arrondi=euros(100))
    resultat = ajuster(EXEMPLE, regle)
    assert montants(resultat) == ["5340.00", "3000.00", "1600.00", "1100.00", "0.00"]
    assert (resultat.total, resultat.reste) == (euros(11_040), euros(0))
    assert resultat.porteuses == {"A": euros(40)}


def test_le_reste_laisse_disponible_ne_va_a_personne():
    regle = Regle(euros(11_040), plancher=euros(1000), arrondi=euros(100), reste=Reste.DISPONIBLE)
    resultat = ajuster(EXEMPLE, regle)
    assert montants(resultat) == ["5300.00", "3000.00", "1600.00", "1100.00", "0.00"]
    assert (resultat.total, resultat.reste, resultat.porteuses) == (euros(11_000), euros(40), {})


def test_le_reste_va_a_la_premiere_ou_a_la_plus_forte_demande_et_deborde_sur_la_suivante():
    trois = lignes((1000, 1000), (1000, 5000), (1000, 2000))
    au_hasard = {"cible": euros("2150.99"), "arrondi": euros(100)}
    assert montants(ajuster(trois, Regle(**au_hasard))) == ["700.00", "750.99", "700.00"]
    premiere = Regle(**au_hasard, reste=Reste.PREMIERE)
    assert montants(ajuster(trois, premiere)) == ["750.99", "700.00", "700.00"]
    deborde = Regle(**au_hasard, plafond=euros("720.99"))
    assert montants(ajuster(trois, deborde)) == ["709.01", "720.99", "720.99"]


def test_le_plancher_releve_puis_les_autres_rendent():
    """100 € relevés à 500 € : les 400 € viennent des deux autres, au pro rata."""
    regle = Regle(euros(2100), plancher=euros(500), sous_le_plancher=SousLePlancher.RELEVER)
    assert montants(ajuster(lignes(1000, 1000, 100), regle)) == ["800.00", "800.00", "500.00"]


def test_relever_une_demande_plus_basse_que_le_plancher_s_arrete_a_la_demande():
    regle = Regle(euros(1300), plancher=euros(500), sous_le_plancher=SousLePlancher.RELEVER)
    assert montants(ajuster(lignes((1000, 2000), (200, 300)), regle)) == ["1000.00", "300.00"]


def test_ne_jamais_augmenter_laisse_disponible_ce_que_les_petits_rendent():
    regle = Regle(euros(11_040), plancher=euros(1000), arrondi=euros(100), jamais_augmenter=True)
    resultat = ajuster(EXEMPLE, regle)
    assert montants(resultat) == ["5000.00", "3000.00", "1500.00", "1050.00", "0.00"]
    assert resultat.reste == euros(490)


def test_un_montant_a_zero_reste_a_zero():
    assert montants(ajuster(lignes(0, 1000), Regle(euros(500)))) == ["0.00", "500.00"]


def test_un_plafond_qui_ne_laisse_pas_tout_placer_le_dit_par_le_reste():
    resultat = ajuster(lignes((1000, 1200), (1000, 1500)), Regle(euros(3000)))
    assert (montants(resultat), resultat.reste) == (["1200.00", "1500.00"], euros(300))


@pytest.mark.parametrize(
    ("regle", "phrase"),
    [
        (Regle(euros(-1)), "Le total à atteindre est négatif (−1,00 €) : rien n’est disponible."),
        (
            Regle(euros(900), plancher=euros(1000)),
            "Aucune action ne peut recevoir le plancher de 1 000,00 € dans un total de 900,00 €, sous son plafond.",
        ),
        (
            Regle(euros(1500), plancher=euros(1000), sous_le_plancher=SousLePlancher.RELEVER),
            "Relever au plancher demande au moins 2 000,00 €, plus que le total à atteindre (1 500,00 €).",
        ),
    ],
)
def test_une_regle_impossible_dit_pourquoi(regle, phrase):
    with pytest.raises(AjustementImpossible) as refus:
        ajuster(lignes(2000, 3000), regle)
    assert str(refus.value).replace("\u00a0", " ").replace("\u202f", " ") == phrase


def test_un_scenario_vide_ne_s_ajuste_pas():
    with pytest.raises(AjustementImpossible):
        ajuster(lignes(0, 0), Regle(euros(100)))


def test_la_regle_se_dit_en_une_phrase():
    regle = Regle(euros(11_040), "−4 %", plancher=euros(1000), arrondi=euros(100))
    assert regle.phrase.replace("\u00a0", " ").replace("\u202f", " ") == (
        "Total de 11 040,00 € (−4 %), au pro rata des montants ; rien sous 1 000,00 €, les plus petits montants ramenés"
        " à 0,00 € ; jamais plus que le demandé ; arrondi à 100,00 € ; le reste va à la plus forte demande, puis aux"
        " suivantes."
    )


# --- Ce qui reste vrai de tout montant ---

centimes = st.integers(0, 3_000_000)
demandes = st.one_of(st.none(), st.integers(1, 4_000_000))
listes = st.lists(st.tuples(centimes, demandes), min_size=1, max_size=12)
regles = st.fixed_dictionaries(
    {
        "plancher": st.integers(0, 300_000),
        "sous_le_plancher": st.sampled_from(SousLePlancher),
        "plafonner_au_demande": st.booleans(),
        "jamais_augmenter": st.booleans(),
        "plafond": st.one_of(st.none(), st.integers(1, 2_000_000)),
        "arrondi": st.sampled_from([1, 100, 1000, 10_000]),
        "reste": st.sampled_from(Reste),
    }
)


def construire(couples, brute, cible):
    montants = [
        Ligne(rang, euros(m) / 100, None if d is None else euros(d) / 100) for rang, (m, d) in enumerate(couples)
    ]
    en_euros = {nom: euros(brute[nom]) / 100 for nom in ("plancher", "plafond", "arrondi") if brute[nom] is not None}
    return montants, Regle(cible=euros(cible) / 100, **brute | en_euros)


@given(listes, regles, st.integers(0, 20_000_000))
def test_jamais_negatif_jamais_au_dessus_du_plafond_et_la_somme_est_la_cible(couples, brute, cible):
    montants, regle = construire(couples, brute, cible)
    try:
        resultat = ajuster(montants, regle)
    except AjustementImpossible:
        return
    assert resultat.total == sum(resultat.montants.values())
    assert resultat.total + resultat.reste == regle.cible
    assert resultat.reste >= 0
    for ligne in montants:
        montant, plafond = resultat.montants[ligne.cle], regle.plafond_de(ligne)
        assert montant >= 0
        assert plafond is None or montant * 100 <= plafond
        assert ligne.montant or not montant
        if montant:
            plancher = regle.plancher
            if regle.sous_le_plancher == SousLePlancher.RELEVER and plafond is not None:
                plancher = min(plancher, euros(plafond // regle.pas * regle.pas) / 100)
            assert montant >= plancher
        arrondie = montant - resultat.porteuses.get(ligne.cle, 0)
        assert arrondie % regle.arrondi == 0
    if regle.reste != Reste.DISPONIBLE and resultat.reste:
        pleines = [li for li in montants if resultat.montants[li.cle] and regle.plafond_de(li) is not None]
        assert len(pleines) == sum(1 for m in resultat.montants.values() if m)
        assert all(resultat.montants[li.cle] * 100 == regle.plafond_de(li) for li in pleines)


@given(st.lists(centimes.filter(bool), min_size=1, max_size=12), st.integers(0, 100), st.sampled_from([1, 100, 10_000]))
def test_sans_borne_la_cible_est_toujours_atteinte_a_moins_d_une_unite_du_pro_rata(montants, pourcent, pas):
    lignes = [Ligne(rang, euros(m) / 100) for rang, m in enumerate(montants)]
    total = sum(montants)
    cible = total * (100 - pourcent) // 100
    resultat = ajuster(lignes, Regle(euros(cible) / 100, arrondi=euros(pas) / 100, reste=Reste.DISPONIBLE))
    assert resultat.reste * 100 == cible % pas
    for rang, montant in enumerate(montants):
        assert abs(resultat.montants[rang] * 100 * total - montant * (cible // pas * pas)) < pas * total
