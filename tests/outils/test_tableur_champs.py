from datetime import date, datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from politique_ville.outils.tableur import champs
from politique_ville.outils.tableur.champs import Champ, DossierDauphin, Option
from politique_ville.outils.typographie import insecables

THEMATIQUES = [
    Option(11, "Éducation", "1.1"),
    Option(12, "Santé", "1.2", ("Santé mentale",)),
    Option(34, "Transitions", "3.4"),
    Option(110, "Cadre de vie", "1.10"),
    Option(31, "Cadre de vie", "3.1"),
]


def refus(convertir, cellule):
    with pytest.raises(ValidationError) as erreur:
        convertir(cellule)
    return insecables(" ".join(erreur.value.messages)).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("cellule", "attendu"),
    [
        ("1 234,50 €", "1234.50"),
        ("1\u202f234,5\u00a0€", "1234.50"),
        ("1234.5", "1234.50"),
        (1234.5, "1234.50"),
        (1234, "1234.00"),
        (0.1 + 0.2, "0.30"),
        (1234.1000000001, "1234.10"),
        (0, "0.00"),
    ],
)
def test_un_montant_se_lit_au_centime(cellule, attendu):
    valeur = champs.montant(cellule)
    assert valeur == Decimal(attendu)
    assert isinstance(valeur, Decimal)


@pytest.mark.parametrize(
    ("cellule", "message"),
    [
        ("12O", "« 12O » n’est pas un montant : écrire des chiffres, par exemple 1 234,50."),
        ("1,234", "« 1,234 » a plus de deux décimales : un montant s’arrête au centime."),
        (12.345, "« 12,345 » a plus de deux décimales : un montant s’arrête au centime."),
        (-5, "« -5 » est négatif : un montant ne peut pas l’être."),
        ("€", "« € » n’est pas un montant : écrire 1 234,50."),
        (True, "« oui » n’est pas un montant : écrire 1 234,50."),
        (date(2026, 3, 12), "« 12/03/2026 » n’est pas un montant : écrire 1 234,50."),
    ],
)
def test_un_montant_faux_est_refuse_avec_sa_raison(cellule, message):
    assert refus(champs.montant, cellule) == message


def test_un_montant_signe_accepte_le_negatif():
    assert champs.montant_signe("-5,50") == Decimal("-5.50")


@pytest.mark.parametrize("cellule", [date(2026, 3, 12), "12/03/2026", "12.3.2026", "2026-03-12", "2026-03-12T00:00:00"])
def test_une_date_se_lit_sous_ses_ecritures(cellule):
    assert champs.date_du_jour(cellule) == date(2026, 3, 12)


def test_une_date_avec_heure_perd_son_heure():
    assert champs.date_du_jour(datetime.fromisoformat("2026-03-12 10:30")) == date(2026, 3, 12)


@pytest.mark.parametrize("cellule", ["12/03/26", "31/02/2026", "mars 2026", 46093, "12/03/2026 "[:5]])
def test_une_date_fausse_est_refusee(cellule):
    assert "n’est pas une date : écrire par exemple 12/03/2026" in refus(champs.date_du_jour, cellule)


def test_une_annee_invraisemblable_est_refusee():
    assert refus(champs.date_du_jour, "12/03/0206") == "« 12/03/0206 » : l’année 206 est invraisemblable."


@pytest.mark.parametrize(
    ("cellule", "attendu"), [("OUI", True), (" Non", False), (True, True), (0, False), ("x", True)]
)
def test_un_booleen_se_lit_sous_ses_ecritures(cellule, attendu):
    assert champs.booleen(cellule) is attendu


def test_un_booleen_inconnu_est_refuse():
    assert refus(champs.booleen, "peut-être") == "« peut-être » : écrire oui ou non."


@pytest.mark.parametrize(("cellule", "attendu"), [(12, 12), ("1 234", 1234), ("0", 0)])
def test_un_entier_se_lit(cellule, attendu):
    assert champs.entier()(cellule) == attendu


@pytest.mark.parametrize("cellule", [12.5, "douze", "-1", True, "9" * 30])
def test_un_entier_faux_est_refuse(cellule):
    refus(champs.entier(), cellule)


def test_un_texte_garde_les_chiffres_d_un_code_et_sa_longueur_est_bornee():
    assert champs.texte(20)(236035) == "236035"
    assert refus(champs.texte(3), "abcd") == "le texte compte 4 caractères : 3 au plus."


@pytest.mark.parametrize("cellule", ["1.1", 1.1, "education", "1.1 Éducation", "1.1 - ÉDUCATION"])
def test_un_choix_se_reconnait_par_code_ou_libelle(cellule):
    assert champs.choix(THEMATIQUES)(cellule) == 11


def test_un_choix_se_reconnait_par_synonyme():
    assert champs.choix(THEMATIQUES)("santé MENTALE") == 12


@pytest.mark.parametrize(
    ("cellule", "message"),
    [
        ("Educ.", "« Educ. » inconnu, vouliez-vous « 1.1 Éducation » ?"),
        ("Educattion", "« Educattion » inconnu, vouliez-vous « 1.1 Éducation » ?"),
        ("Sante mentlae", "« Sante mentlae » inconnu, vouliez-vous « 1.2 Santé » ?"),
        ("Transtion", "« Transtion » inconnu, vouliez-vous « 3.4 Transitions » ?"),
        ("Insertion", "« Insertion » inconnu : choisir dans la liste de référence."),
        ("Zzz", "« Zzz » inconnu : choisir dans la liste de référence."),
        ("11", "« 11 » inconnu, vouliez-vous « 1.1 Éducation » ?"),
        (
            "cadre de vie",
            "« cadre de vie » désigne plusieurs choix : écrire « 1.10 Cadre de vie » ou « 3.1 Cadre de vie ».",
        ),
    ],
)
def test_un_choix_inconnu_appelle_une_suggestion(cellule, message):
    assert refus(champs.choix(THEMATIQUES), cellule) == message


@pytest.mark.parametrize("cellule", [41177507500046, "41177507500046", "411 775 075 00046"])
def test_un_siret_se_lit_en_nombre_ou_en_texte(cellule):
    assert champs.siret(cellule) == "41177507500046"


def test_un_siret_en_nombre_retrouve_ses_zeros():
    assert champs.siret(588003400011) == "00588003400011"


def test_un_siret_en_notation_scientifique_est_explique():
    assert refus(champs.siret, "4,11775E+13") == (
        "« 4,11775E+13 » a perdu ses chiffres : mettre la colonne au format texte et recopier le SIRET."
    )


@pytest.mark.parametrize(
    ("cellule", "attendu"),
    [
        ("DA00054562-01", DossierDauphin("00054562", 1)),
        ("00054562", DossierDauphin("00054562", None)),
        ("da00054562-", DossierDauphin("00054562", None)),
        (236035, DossierDauphin("00236035", None)),
    ],
)
def test_un_numero_de_dossier_donne_le_dossier_et_la_tranche(cellule, attendu):
    assert champs.dossier_dauphin(cellule) == attendu


@pytest.mark.parametrize("cellule", ["236035", "DA0005456", 123456789, "DA00054562-A"])
def test_un_numero_de_dossier_faux_est_refuse(cellule):
    assert "huit chiffres, par exemple DA00054562-01" in refus(champs.dossier_dauphin, cellule)


def test_une_cellule_vide_vaut_inconnu_sauf_si_le_champ_est_obligatoire():
    assert Champ("m", "Montant", champs.montant).lire(None) is None
    obligatoire = Champ("m", "Montant", champs.montant, obligatoire=True)
    assert refus(obligatoire.lire, None) == "« Montant » est obligatoire : remplir la cellule."


@pytest.mark.parametrize("cellule", ["#N/A", "#REF!", "Err:509", "ERR:522", "#VALEUR !"])
def test_une_formule_en_erreur_est_refusee_meme_dans_un_texte(cellule):
    attendu = f"la formule donne {cellule} : écrire la valeur."
    assert refus(Champ("t", "Titre", champs.texte(20)).lire, cellule) == attendu


def test_un_texte_qui_commence_comme_une_erreur_reste_un_texte():
    assert Champ("t", "Titre", champs.texte(20)).lire("Err:509 corrigée") == "Err:509 corrigée"
