"""Les fichiers `import.*` et `chiffre.*` ont été écrits par LibreOffice à partir d'un même tableau (voir LISEZMOI)."""

import csv
import io
import struct
from datetime import date
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import xlsxwriter

from politique_ville.outils.classeur import Colonne, Feuille, classeur, csv_francais
from politique_ville.outils.tableur.champs import Champ, montant, texte
from politique_ville.outils.tableur.fichier import FichierRefuse, Limites
from politique_ville.outils.tableur.lecture import Ligne, feuilles, lire
from politique_ville.outils.tableur.reception import recevoir

FICHIERS = Path(__file__).parent.parent / "fichiers"
CHAMPS = (
    Champ("dossier", "N° de dossier", texte(20)),
    Champ("montant", "Montant demandé", montant),
    Champ("intitule", "Intitulé de l’action", texte(200)),
)
ENTETES = (
    "N° de\ndossier",
    "Code SIRET",
    "Thématique",
    "Montant demandé (€)",
    "Début",
    "Reconduite",
    "INTITULE de l'action",
)


def fichier_d_essai(nom):
    with (FICHIERS / nom).open("rb") as flux:
        return recevoir(flux, nom)


def recu(contenu, nom, **limites):
    return recevoir(io.BytesIO(contenu), nom, Limites(**limites))


def refus(fonction, *args, **options):
    with pytest.raises(FichierRefuse) as erreur:
        fonction(*args, **options)
    return str(erreur.value).replace("\u00a0", " ")


def xlsx(cellules, feuille="Feuille"):
    """Un xlsx dont les cellules sont données par (ligne, colonne), à partir de 0."""
    sortie = io.BytesIO()
    with xlsxwriter.Workbook(sortie) as livre:
        page = livre.add_worksheet(feuille)
        for (ligne, colonne), valeur in cellules.items():
            page.write(ligne, colonne, valeur)
    return sortie.getvalue()


def modifier(contenu, partie, transformer):
    """L'archive dont une partie est transformée."""
    sortie = io.BytesIO()
    with ZipFile(io.BytesIO(contenu)) as source, ZipFile(sortie, "w", ZIP_DEFLATED) as cible:
        for nom in source.namelist():
            octets = source.read(nom)
            cible.writestr(nom, transformer(octets) if nom == partie else octets)
    return sortie.getvalue()


ORDINAIRE = xlsx({(0, 0): "Intitulé", (0, 1): "Montant", (1, 0): "École", (1, 1): 12.5})


# --- Ce qui se lit ---


@pytest.mark.parametrize("extension", ["xlsx", "ods", "xls"])
def test_le_meme_tableau_se_lit_de_la_meme_facon_dans_les_trois_formats(extension):
    fichier = fichier_d_essai(f"import.{extension}")
    assert feuilles(fichier) == ["Garde", "Actions", "Vide"]
    table = lire(fichier, champs=CHAMPS)
    erreur = None if extension == "xls" else "#DIV/0!"
    assert (table.feuille, table.ligne_des_entetes, table.entetes) == ("Actions", 3, ENTETES)
    assert table.lignes == (
        Ligne(4, (236035, 41177507500046, "1.1 Éducation", 1234.5, date(2026, 3, 12), True, "=Coup de pouce")),
        Ligne(6, ("DA00054562-01", "411 775 075 00047", "Educ.", "1 234,567", "12/03/26", "peut-être", None)),
        Ligne(7, (54562, None, None, erreur, None, None, "Formule en erreur")),
    )


def test_l_adresse_d_une_cellule_est_celle_du_tableur():
    table = lire(fichier_d_essai("import.xlsx"), champs=CHAMPS)
    assert table.adresse(6, 2) == "C6"
    assert table.adresse(6, 26) == "AA6"


def test_l_agent_peut_choisir_la_feuille_et_la_ligne_des_titres():
    table = lire(fichier_d_essai("import.ods"), "Actions", 4)
    assert table.entetes[2] == "1.1 Éducation"
    assert [ligne.numero for ligne in table.lignes] == [6, 7]


def test_sans_champ_reconnu_la_ligne_des_titres_est_la_plus_fournie_en_textes():
    assert lire(fichier_d_essai("import.xlsx")).ligne_des_entetes == 3


def test_un_code_en_notation_scientifique_retrouve_ses_chiffres():
    contenu = xlsx({(0, 0): "SIRET", (0, 1): "x", (1, 0): 1.5e13, (1, 1): 12.5})
    assert lire(recu(contenu, "a.xlsx")).lignes == (Ligne(2, (15000000000000, 12.5)),)


@pytest.mark.parametrize("separateur", [";", ",", "\t"])
@pytest.mark.parametrize("encodage", ["utf-8", "utf-8-sig", "cp1252"])
def test_un_csv_se_lit_quel_que_soit_son_separateur_et_son_encodage(separateur, encodage):
    sortie = io.StringIO()
    ecrivain = csv.writer(sortie, delimiter=separateur)
    ecrivain.writerows(
        [["Intitulé", "Montant", "Coût"], ["Été, l’école; oui", "1 234,50 €", "2,5"], ["", "", ""], ["b", "3,5", ""]]
    )
    table = lire(recu(sortie.getvalue().encode(encodage), "a.csv"))
    assert table.entetes == ("Intitulé", "Montant", "Coût")
    assert table.lignes == (Ligne(2, ("Été, l’école; oui", "1 234,50 €", "2,5")), Ligne(4, ("b", "3,5", None)))


def test_notre_csv_et_notre_classeur_se_relisent_avec_les_memes_valeurs():
    colonnes = (
        Colonne("Intitulé", lambda ligne: ligne[0]),
        Colonne("Montant", lambda ligne: ligne[1], "euros", total=True),
    )
    feuille = Feuille("Actions", colonnes, [("=1+1", 12.5), ("- atelier", 3.5)])
    en_csv, en_xlsx = io.BytesIO(), io.BytesIO()
    csv_francais(feuille, en_csv)
    classeur(feuille, vers=en_xlsx)
    assert lire(recu(en_csv.getvalue(), "a.csv")).lignes == (
        Ligne(2, ("=1+1", "12,50")),
        Ligne(3, ("- atelier", "3,50")),
    )
    assert lire(recu(en_xlsx.getvalue(), "a.xlsx")).lignes == (Ligne(2, ("=1+1", 12.5)), Ligne(3, ("- atelier", 3.5)))


def test_l_empreinte_est_celle_des_octets_recus():
    assert recu(b"a;b\n1;2\n", "a.csv").empreinte == "403bea5152c251c5bc7ef420d824d191605723f99392e83a0549ad58c6d46291"


def test_une_mise_en_forme_qui_deborde_du_tableau_ne_gene_pas():
    contenu = modifier(
        ORDINAIRE,
        "xl/worksheets/sheet1.xml",
        lambda octets: octets.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"/></row></sheetData>'),
    )
    assert lire(recu(contenu, "a.xlsx")).lignes == (Ligne(2, ("École", 12.5)),)


# --- Ce qui est refusé ---


@pytest.mark.parametrize(
    ("contenu", "nom", "message"),
    [
        (b"a;b", "a.pdf", "« a.pdf » n’est ni un .xlsx, ni un .xls, ni un .ods, ni un .csv."),
        (b"", "a.csv", "« a.csv » est vide."),
        (b" \n", "a.xlsx", "« a.xlsx » est vide."),
        (b"a;b\n1;2", "a.xlsx", "Le contenu de « a.xlsx » n’est pas celui d’un fichier .xlsx."),
        (b"<html><table></table></html>", "a.xls", "Le contenu de « a.xls » n’est pas celui d’un fichier .xls."),
        (ORDINAIRE, "a.csv", "Le contenu de « a.csv » n’est pas celui d’un fichier .csv."),
        (ORDINAIRE, "a.ods", "Le contenu de « a.ods » n’est pas celui d’un fichier .ods."),
        (ORDINAIRE, "a.xls", "Le contenu de « a.xls » n’est pas celui d’un fichier .xls."),
        ("a;b".encode("utf-16"), "a.csv", "Le contenu de « a.csv » n’est pas celui d’un fichier .csv."),
        (ORDINAIRE[:-200], "C:\\envoi\\a.xlsx", "« a.xlsx » est abîmé ou incomplet."),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "a.xlsx",
            "« a.xlsx » est protégé",
        ),
    ],
)
def test_un_fichier_inattendu_est_refuse_avec_un_remede(contenu, nom, message):
    phrase = refus(recu, contenu, nom)
    assert phrase.startswith(message)
    assert len(phrase) > len(message) + 10


def test_un_fichier_trop_lourd_est_refuse_sans_etre_lu_en_entier():
    flux = io.BytesIO(b"x" * 3_000_000)
    assert "dépasse 1 Mo" in refus(recevoir, flux, "a.csv", Limites(octets=1024 * 1024))
    assert flux.tell() == 1024 * 1024 + 1


@pytest.mark.parametrize("nom", ["chiffre.ods", "chiffre.xls"])
def test_un_fichier_protege_par_mot_de_passe_le_dit(nom):
    assert "protégé par un mot de passe. Retirer la protection" in refus(lambda: lire(fichier_d_essai(nom)))


def test_un_xls_abime_est_refuse_sans_emporter_le_processus():
    contenu = (FICHIERS / "import.xls").read_bytes()
    assert "abîmé" in refus(lire, recu(contenu[:1500], "a.xls"))


def test_un_xls_dont_une_cellule_est_a_l_autre_bout_de_la_feuille_est_refuse():
    """Le premier nombre (ligne 4, colonne A) est déplacé en 65536 : un rectangle de quatre milliards de cellules."""
    contenu = (FICHIERS / "import.xls").read_bytes()
    position = (
        contenu.index(struct.pack("<HHHH", 0x0203, 14, 3, 1)) + 4
    )  # enregistrement NUMBER : longueur, ligne, colonne
    loin = contenu[:position] + struct.pack("<HH", 65_535, 65_535) + contenu[position + 4 :]
    assert "« a.xls »" in refus(lire, recu(loin, "a.xls"))


def test_une_bombe_de_decompression_est_refusee():
    contenu = modifier(ORDINAIRE, "xl/styles.xml", lambda octets: octets + b" " * 30_000_000)
    assert len(contenu) < 100_000
    assert "anormalement gros une fois décompressé" in refus(recu, contenu, "a.xlsx")


@pytest.mark.parametrize("extension", ["xlsx", "ods"])
def test_une_dtd_est_refusee(extension):
    partie = {"xlsx": "xl/sharedStrings.xml", "ods": "content.xml"}[extension]
    dtd = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    contenu = modifier(
        (FICHIERS / f"import.{extension}").read_bytes(), partie, lambda octets: octets.replace(b"?>", b"?>" + dtd, 1)
    )
    assert "XML externe" in refus(recu, contenu, f"a.{extension}")


@pytest.mark.parametrize(
    ("cellule", "borne"),
    [((60_000, 0), "50000 lignes"), ((1, 300), "200 colonnes"), ((45_000, 100), "2000000 cellules")],
)
def test_une_cellule_perdue_au_loin_est_refusee_avant_de_remplir_la_memoire(cellule, borne):
    contenu = xlsx({(0, 0): "Intitulé", cellule: "x"})
    assert f"dépasse {borne}" in refus(recu, contenu, "a.xlsx")


def test_une_cellule_ods_repetee_un_million_de_fois_est_refusee():
    contenu = modifier(
        (FICHIERS / "import.ods").read_bytes(),
        "content.xml",
        lambda octets: octets.replace(
            b'<table:table-cell office:value-type="string"',
            b'<table:table-cell table:number-columns-repeated="1000000" office:value-type="string"',
            1,
        ),
    )
    assert "dépasse 200 colonnes" in refus(recu, contenu, "a.ods")


def test_un_csv_trop_long_est_refuse():
    assert "dépasse 3 lignes" in refus(lire, recu(b"a;b\n" * 4, "a.csv", lignes=3))


def test_une_feuille_inconnue_est_refusee_en_citant_les_autres():
    message = refus(lire, fichier_d_essai("import.xlsx"), "Bilan")
    assert message == "« import.xlsx » n’a pas de feuille « Bilan ». Choisir parmi : « Garde », « Actions », « Vide »."


@pytest.mark.parametrize(
    ("contenu", "ligne", "message"),
    [
        (b"a;b\n", None, "« a.csv » n’a aucune ligne remplie sous ses en-têtes (ligne 1)."),
        (b"a;b\n1;2\n", 9, "« a.csv » n’a pas d’en-têtes à la ligne 9. Choisir la ligne des titres."),
        (b"a;b\n;\n1;2\n", 2, "« a.csv » n’a pas d’en-têtes à la ligne 2. Choisir la ligne des titres."),
    ],
)
def test_une_table_sans_titres_ou_sans_lignes_est_refusee(contenu, ligne, message):
    assert refus(lire, recu(contenu, "a.csv"), ligne_des_entetes=ligne) == message


def test_un_classeur_sans_aucune_valeur_est_refuse():
    assert "ne contient aucune donnée" in refus(lire, recu(xlsx({}), "a.xlsx"))


@pytest.mark.parametrize("extension", ["xlsx", "ods", "csv"])
def test_un_fichier_altere_n_importe_ou_ne_leve_jamais_que_fichier_refuse(extension):
    contenu = (FICHIERS / f"import.{extension}").read_bytes() if extension != "csv" else b"N\xb0;Montant\n1;2,5\n" * 3
    pas = max(1, len(contenu) // 60)
    for position in range(0, len(contenu), pas):
        altere = contenu[:position] + bytes([contenu[position] ^ 0x5A]) + contenu[position + 1 :]
        try:
            lire(recu(altere, f"a.{extension}"), champs=CHAMPS)
        except FichierRefuse as erreur:
            assert str(erreur)  # noqa: PT017 : lire sans erreur est permis aussi
