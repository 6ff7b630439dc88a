"""La base de calcul : son adresse, ses phrases, les actions qu'elle compte."""

import pytest
from django.http import QueryDict

from programmation.enums import StatutAction
from programmation.synthese import Base, ChoixDeBase

P = StatutAction


@pytest.mark.parametrize(
    ("adresse", "choix"),
    [
        ("", ChoixDeBase()),
        ("base=cout", ChoixDeBase(Base.COUT)),
        ("base=cout&contributions=1", ChoixDeBase(Base.COUT, avec_contributions=True)),
        ("base=tous-financeurs&annonce=1", ChoixDeBase(Base.TOUS_FINANCEURS, avec_annonce=True)),
        ("base=p147-demande&pre=sans", ChoixDeBase(Base.P147_DEMANDE, avec_pre=False)),
        ("base=inconnue&annonce=oui&pre=peut-etre", ChoixDeBase()),
        ("base=&base=nombre", ChoixDeBase(Base.NOMBRE)),
    ],
)
def test_l_adresse_dit_la_base_et_ce_qui_n_est_pas_reconnu_est_ignore(adresse, choix):
    assert ChoixDeBase.depuis_parametres(QueryDict(adresse)) == choix


@pytest.mark.parametrize("base", Base)
@pytest.mark.parametrize("avec_pre", [True, False])
def test_les_parametres_redonnent_le_meme_choix(base, avec_pre):
    choix = ChoixDeBase(base, avec_pre=avec_pre)
    assert ChoixDeBase.depuis_parametres(choix.parametres()) == choix


def test_les_contributions_volontaires_ne_vont_dans_l_adresse_qu_avec_le_cout():
    assert ChoixDeBase(avec_contributions=True).parametres() == {"base": "p147-accorde"}
    choix = ChoixDeBase(Base.COUT, avec_contributions=True)
    assert choix.parametres() == {"base": "cout", "contributions": "1"}
    assert ChoixDeBase.depuis_parametres(choix.parametres()) == choix


def test_avec_annonce_ne_va_dans_l_adresse_que_si_elle_change_le_total():
    assert ChoixDeBase(Base.COUT, avec_annonce=True).parametres() == {"base": "cout"}
    assert ChoixDeBase(Base.TOUS_FINANCEURS, avec_annonce=True).parametres() == {
        "base": "tous-financeurs",
        "annonce": "1",
    }


@pytest.mark.parametrize(
    ("choix", "phrase"),
    [
        (ChoixDeBase(), "crédits P147 accordés, PRE compris"),
        (ChoixDeBase(Base.P147_DEMANDE, avec_pre=False), "crédits P147 demandés, hors PRE"),
        (ChoixDeBase(Base.COUT), "coût prévisionnel, hors contributions volontaires, PRE compris"),
        (
            ChoixDeBase(Base.COUT, avec_contributions=True),
            "coût prévisionnel et contributions volontaires, PRE compris",
        ),
        (
            ChoixDeBase(Base.TOUS_FINANCEURS, ses_lignes_seules=True),
            "crédits acquis de vos lignes de financement, hors ressources propres, PRE compris",
        ),
        (
            ChoixDeBase(Base.TOUS_FINANCEURS),
            "crédits acquis de tous les financeurs, hors ressources propres, PRE compris",
        ),
        (
            ChoixDeBase(Base.TOUS_FINANCEURS, avec_annonce=True),
            "crédits acquis ou annoncés de tous les financeurs, hors ressources propres, PRE compris",
        ),
        (ChoixDeBase(Base.NOMBRE), "nombre d’actions, PRE compris"),
    ],
)
def test_la_base_se_dit_en_une_phrase(choix, phrase):
    assert choix.phrase == phrase


def test_la_legende_dit_les_actions_comptees():
    assert ChoixDeBase().legende() == (
        "crédits P147 accordés, PRE compris\u00a0; actions programmées, hors ajournées, non retenues et déprogrammées"
    )


def test_la_legende_dit_que_le_nombre_ne_s_additionne_pas_par_quartier():
    assert (
        ChoixDeBase()
        .legende(quartiers=[1])
        .endswith(
            "montants\u00a0: parts des quartiers choisis\u00a0; "
            "le nombre d’actions, lui, ne s’additionne pas d’un quartier à l’autre"
        )
    )


def test_le_demande_compte_les_actions_deposees_et_le_reste_les_programmees():
    assert Base.P147_DEMANDE.statuts == [
        P.DEPOSEE,
        P.INSTRUITE,
        P.PROGRAMMEE,
        P.LISTE_ATTENTE,
        P.AJOURNEE,
        P.NON_RETENUE,
        P.DEPROGRAMMEE,
    ]
    assert {base: base.statuts for base in Base if base != Base.P147_DEMANDE} == {
        base: [P.PROGRAMMEE] for base in Base if base != Base.P147_DEMANDE
    }
