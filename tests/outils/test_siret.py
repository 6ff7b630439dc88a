import pytest
from django.core.exceptions import ValidationError

from politique_ville.outils.siret import (
    normaliser_siret,
    siren_valide,
    siret_valide,
    valider_siren,
    valider_siret,
)


@pytest.mark.parametrize("siret", ["41177507500046", "23350001600040", "27010003500012"])
def test_un_siret_publie_est_valide(siret):
    assert siret_valide(siret)
    assert siren_valide(siret[:9])


@pytest.mark.parametrize("siret", ["41177507500047", "4117750750004", "4117750750004A", "", None, "0" * 14, "٤" * 14])
def test_un_siret_faux_est_refuse(siret):
    assert not siret_valide(siret)


def test_le_siege_de_la_poste_suit_la_cle_ordinaire():
    assert siret_valide("35600000000048")


def test_un_etablissement_de_la_poste_suit_la_somme_multiple_de_cinq():
    # 3 + 5 + 6 + 5 + 1 = 20, multiple de 5 ; la clé de Luhn y est fausse (voir le test suivant)
    assert siret_valide("35600000050001")
    assert not siret_valide("35600000050002")


def test_la_somme_multiple_de_cinq_ne_vaut_que_pour_la_poste():
    # 4 + 1 + 1 + 7 + 7 + 5 + 7 + 5 + 4 + 4 = 45, mais ce n'est pas La Poste
    assert not siret_valide("41177507500044")


def test_une_recopie_avec_espaces_points_et_tirets_se_normalise():
    assert normaliser_siret(" 411 775\u00a0075\u202f00046 ") == "41177507500046"
    assert normaliser_siret("411.775.075-00046") == "41177507500046"
    assert normaliser_siret(None) == ""


@pytest.mark.parametrize(
    ("siret", "code", "message"),
    [
        (
            "4117750750004",
            "longueur",
            "Un SIRET compte 14 chiffres\u00a0: «\u00a04117750750004\u00a0» en compte 13.",
        ),
        (
            "411775075",
            "longueur",
            "Un SIRET compte 14 chiffres\u00a0: «\u00a0411775075\u00a0» en compte 9. "
            "C’est un SIREN\u00a0: ajouter les cinq chiffres de l’établissement.",
        ),
        (
            "411775O7500046",
            "caracteres",
            "«\u00a0411775O7500046\u00a0» n’est pas un SIRET\u00a0: écrire 14 chiffres, sans lettre ni espace.",
        ),
        (
            "41177507500047",
            "cle",
            "La clé du SIRET «\u00a041177507500047\u00a0» est fausse\u00a0: un chiffre est sans doute mal recopié.",
        ),
    ],
)
def test_le_message_dit_la_raison(siret, code, message):
    with pytest.raises(ValidationError) as erreur:
        valider_siret(siret)
    assert erreur.value.code == code
    assert erreur.value.messages == [message]


def test_un_siret_donne_pour_un_siren_est_explique():
    with pytest.raises(ValidationError, match="garder les neuf premiers chiffres"):
        valider_siren("41177507500046")
    valider_siren("411775075")
