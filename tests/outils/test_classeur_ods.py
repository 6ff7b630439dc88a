"""L'ODS : les mêmes valeurs que le xlsx et le CSV, lues par des bibliothèques et par LibreOffice."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from zipfile import ZIP_STORED, ZipFile

import pytest
from lxml import etree
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from politique_ville.outils.classeur import (
    Cellule,
    Colonne,
    Feuille,
    Formule,
    classeur,
    classeur_ods,
    csv_francais,
    enregistrer,
)
from politique_ville.outils.classeur.formules_odf import en_openformula

INSTANT = datetime(2026, 3, 12, 13, 5, tzinfo=UTC)
PIEGES = [
    "=1+1",
    "+33 2",
    "-5 %",
    "@SOMME(A1)",
    "\t=1+1",
    "  deux  blancs  ",
    "tab\tulation",
    "un\n\ntrois",
    "<b>&amp;</b>",
]
COLONNES = (
    Colonne("Intitulé", lambda ligne: ligne[0], largeur=40),
    Colonne("Accordé", lambda ligne: ligne[1], "euros", total=True, rouge_si=(">", 1000)),
    Colonne("Début", lambda ligne: ligne[2], "date"),
    Colonne("Clé", lambda ligne: ligne[3], "entier", masquee=True),
)
LIGNES = [
    ("École", Decimal("1234.50"), date(2026, 3, 12), 7),
    ("Déprogrammée", Decimal("-0.10"), None, 0),
    ("Inconnue", None, None, None),
]


def feuille(lignes=LIGNES, **options):
    return Feuille("Actions à l’année", COLONNES, lignes, **options)


def en_ods(*feuilles, **options):
    fichier = io.BytesIO()
    classeur_ods(*feuilles, vers=fichier, **options)
    return fichier


def lire_ods(fichier):
    """Les feuilles d'un ODS, vide compris ; une cellule vide est la chaîne vide."""
    fichier.seek(0)
    livre = CalamineWorkbook.from_filelike(fichier)
    return {nom: livre.get_sheet_by_name(nom).to_python(skip_empty_area=False) for nom in livre.sheet_names}


def lire_xlsx(fichier):
    livre = load_workbook(fichier, data_only=True)
    return {page.title: [["" if v is None else v for v in rangee] for rangee in page.values] for page in livre}


def contenu(fichier):
    with ZipFile(fichier) as archive:
        return etree.fromstring(archive.read("content.xml"))


def xpath(racine, chemin):
    return racine.xpath(chemin, namespaces=racine.nsmap)


def test_l_ods_le_xlsx_et_le_csv_donnent_les_memes_chiffres():
    en_xlsx, en_csv = io.BytesIO(), io.BytesIO()
    classeur(feuille(), vers=en_xlsx)
    csv_francais(feuille(), en_csv)
    lues = [
        ["Intitulé", "Accordé", "Début", "Clé"],
        ["École", 1234.5, date(2026, 3, 12), 7],
        ["Déprogrammée", -0.1, "", 0],
        ["Inconnue", "", "", ""],
        ["Total", 1234.4, "", ""],
    ]
    assert lire_ods(en_ods(feuille())) == {"Actions à l’année": lues}
    (rangees,) = lire_xlsx(en_xlsx).values()
    assert [[v.date() if isinstance(v, datetime) else v for v in rangee] for rangee in rangees] == lues
    assert list(csv.reader(io.StringIO(en_csv.getvalue().decode("utf-8-sig")), delimiter=";"))[1:] == [
        ["École", "1234,50", "12/03/2026", "7"],
        ["Déprogrammée", "-0,10", "", "0"],
        ["Inconnue", "", "", ""],
        ["Total", "1234,40", "", ""],
    ]


@pytest.mark.parametrize("piege", PIEGES)
def test_un_texte_reste_une_chaine_et_garde_ses_blancs(piege):
    fichier = en_ods(Feuille("Textes", (Colonne("T", lambda ligne: ligne),), [piege]))
    assert lire_ods(fichier)["Textes"][1] == [piege.replace("\t", " ")]
    assert xpath(contenu(fichier), "//table:table-cell/@office:value-type") == ["string", "string"]
    assert xpath(contenu(fichier), "//@table:formula") == []


def test_les_notes_les_valeurs_rares_et_les_cellules_vides():
    instant = datetime(2026, 3, 12, 13, 5, tzinfo=UTC)
    colonne = Colonne("V", lambda ligne: ligne)
    valeurs = [
        True,
        1.5,
        "",
        None,
        date(1789, 7, 14),
        Cellule(instant, "date_heure"),
        Cellule(Formule("=1+1", 2), "entier"),
    ]
    page = Feuille("Rares", (colonne,), valeurs, intitule="Titre", notes=(("Une", 2),))
    lues = [
        ["Titre", ""],
        ["Une", 2],
        ["", ""],
        ["V", ""],
        ["oui", ""],
        [1.5, ""],
        ["", ""],
        ["", ""],
        ["14/07/1789", ""],
    ]
    lues += [[datetime(2026, 3, 12, 14, 5), ""], [2, ""]]  # noqa: DTZ001 (un tableur n'a pas de fuseau)
    assert lire_ods(en_ods(page))["Rares"] == lues


def test_une_liste_en_flux_s_ecrit_sans_etre_gardee_et_vide_garde_son_total():
    assert lire_ods(en_ods(feuille(ligne for ligne in LIGNES)))["Actions à l’année"][3][0] == "Inconnue"
    assert lire_ods(en_ods(feuille([])))["Actions à l’année"] == [
        ["Intitulé", "Accordé", "Début", "Clé"],
        ["", "", "", ""],
        ["Total", "—", "", ""],
    ]


def test_au_meme_instant_le_meme_contenu_donne_les_memes_octets():
    options = {"titre": "Programmation & Cie", "cree_le": INSTANT}
    for format in ("ods", "csv"):
        deux = [io.BytesIO(), io.BytesIO()]
        for fichier in deux:
            enregistrer(format, feuille(), Feuille("B", COLONNES, LIGNES), vers=fichier, **options)
        assert deux[0].getvalue() == deux[1].getvalue()


def test_le_fichier_s_annonce_comme_un_ods_et_ne_porte_aucun_nom():
    with ZipFile(en_ods(feuille(), titre="Programmation & Cie")) as archive:
        premier = archive.infolist()[0]
        assert (premier.filename, premier.compress_type) == ("mimetype", ZIP_STORED)
        assert archive.read("mimetype") == b"application/vnd.oasis.opendocument.spreadsheet"
        meta = archive.read("meta.xml").decode()
    assert "<dc:title>Programmation &amp; Cie</dc:title>" in meta
    assert "creator" not in meta


@pytest.mark.parametrize(
    ("xlsx", "odf"),
    [
        ("=SUM($B$2:$B$4)", "of:=SUM([.$B$2:.$B$4])"),
        ("='Par an'!B2+1", "of:=[$'Par an'.B2]+1"),
        ('=SUMIFS(A!$B$2:$B$9,A!$A$2:$A$9,"a,b")', 'of:=SUMIFS([$A.$B$2:.$B$9];[$A.$A$2:.$A$9];"a,b")'),
        ('=IF(AND(COUNT(B2)=0,N(C2)<>0),"—",B2/C2)', 'of:=IF(AND(COUNT([.B2])=0;N([.C2])<>0);"—";[.B2]/[.C2])'),
    ],
)
def test_une_formule_se_dit_en_openformula(xlsx, odf):
    assert en_openformula(xlsx) == odf


def test_un_csv_seul_est_un_csv_et_plusieurs_feuilles_un_zip():
    seul, plusieurs = io.BytesIO(), io.BytesIO()
    enregistrer("csv", feuille(), vers=seul)
    enregistrer("csv", feuille(), Feuille("Répartition", COLONNES, LIGNES), vers=plusieurs)
    with ZipFile(plusieurs) as archive:
        assert archive.namelist() == ["Actions à l’année.csv", "Répartition.csv"]
        assert archive.read("Répartition.csv") == seul.getvalue()
    assert seul.getvalue().startswith("\ufeffIntitulé;".encode())


def test_les_titres_et_les_premieres_colonnes_sont_figes():
    """LibreOffice ne garde pas les volets quand il convertit : c'est le réglage qu'il lit en ouvrant qui est vérifié."""
    with ZipFile(en_ods(feuille(colonnes_figees=2, intitule="Actions"), Feuille("B", COLONNES, []))) as archive:
        reglages = etree.fromstring(archive.read("settings.xml"))
    feuilles = xpath(reglages, "//config:config-item-map-named/config:config-item-map-entry")
    figes = [
        [int(item.text) for item in feuille_ if item.get(f"{{{item.nsmap['config']}}}name").startswith("Position")]
        for feuille_ in feuilles
    ]
    assert figes == [[2, 3], [0, 1]]


# --- LibreOffice ---


def test_somme_marche_dans_libreoffice(tmp_path, recalculer):
    somme = f"=SUM({feuille().plage('Accordé')})"
    fausse = Feuille("Somme", (Colonne("S", lambda ligne: ligne, "euros"),), [Formule(somme, Decimal("99.99"))])
    chemin = tmp_path / "essai.ods"
    classeur_ods(feuille(), fausse, vers=chemin)
    livre = load_workbook(recalculer(chemin), data_only=True)
    assert livre["Somme"]["A2"].value == pytest.approx(1234.4)
    assert livre["Actions à l’année"]["B5"].value == pytest.approx(1234.4)


def test_libreoffice_lit_les_formats_francais_le_filtre_et_la_mise_en_evidence(tmp_path, recalculer):
    chemin = tmp_path / "essai.ods"
    forte = feuille(colonnes_figees=1, intitule="Actions", forte=lambda ligne: ligne[3] == 0)
    classeur_ods(forte, vers=chemin)
    page = load_workbook(recalculer(chemin)).active
    assert page.auto_filter.ref == "A3:D6"
    assert page["B4"].number_format == "#,##0.00\\ [$€-40C]"
    assert (page["C4"].number_format, page["A4"].number_format) == ("[$-40C]dd/mm/yyyy", "[$-40C]@")
    assert page["C4"].value == datetime(2026, 3, 12)  # noqa: DTZ001
    assert [page[nom].font.b for nom in ("A1", "A3", "A4", "A5", "A7")] == [True, True, False, True, True]
    assert page.column_dimensions["D"].hidden is True
    assert page.column_dimensions["A"].width == pytest.approx(40, abs=2)
    regles = [regle for regles in page.conditional_formatting for regle in regles.rules]
    lues = [(regle.operator, regle.formula) for regle in sorted(regles, key=lambda regle: regle.priority)]
    assert lues == [("equal", ['"—"']), ("greaterThan", ["1000"])]  # un inconnu n'est jamais en rouge
    assert page.page_setup.orientation == "landscape"
