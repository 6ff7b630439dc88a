import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from politique_ville.outils.classeur import (
    Cellule,
    Colonne,
    Feuille,
    Formule,
    classeur,
    csv_francais,
    lettre,
    lignes_csv,
    texte_propre,
)


@dataclass(frozen=True)
class Ligne:
    intitule: str
    accorde: Decimal | None
    contrat: str = "Caen la mer"
    debut: date | None = None


COLONNES = (
    Colonne("Intitulé", lambda ligne: ligne.intitule, largeur=40),
    Colonne("Contrat", lambda ligne: ligne.contrat),
    Colonne("Accordé P147", lambda ligne: ligne.accorde, "euros", total=True),
    Colonne("Début", lambda ligne: ligne.debut, "date"),
)
LIGNES = [
    Ligne("École ouverte", Decimal("1234.50"), debut=date(2026, 3, 12)),
    Ligne("=1+1", Decimal("0.10"), contrat="Lisieux"),
    Ligne("- atelier", None),
]


def feuille(lignes=LIGNES, **options):
    return Feuille("Actions à l’année", COLONNES, lignes, **options)


def relire(*feuilles, data_only=False, **options):
    fichier = io.BytesIO()
    classeur(*feuilles, vers=fichier, **options)
    return load_workbook(fichier, data_only=data_only)


def valeurs(page):
    return [list(ligne) for ligne in page.iter_rows(values_only=True)]


def test_les_cellules_sont_les_titres_les_lignes_et_le_total():
    titres, premiere, deuxieme, troisieme, total = feuille().cellules()
    assert titres == ["Intitulé", "Contrat", "Accordé P147", "Début"]
    assert premiere == ["École ouverte", "Caen la mer", Decimal("1234.50"), date(2026, 3, 12)]
    assert deuxieme[0] == "=1+1"
    assert troisieme[2] is None
    assert total == [
        "Total",
        None,
        Formule('=IF(SUBTOTAL(102,$C$2:$C$4)=0,"—",SUBTOTAL(109,$C$2:$C$4))', Decimal("1234.60")),
        None,
    ]


def test_le_total_de_montants_tous_inconnus_est_inconnu():
    *_, total = feuille([Ligne("a", None)]).cellules()
    assert total[2].cache == "—"


@pytest.mark.parametrize("en_flux", [False, True])
def test_le_fichier_relu_porte_de_vrais_nombres_de_vraies_dates_et_la_valeur_en_cache(en_flux):
    page = relire(feuille(iter(LIGNES)), data_only=True, en_flux=en_flux)["Actions à l’année"]
    assert valeurs(page) == [
        ["Intitulé", "Contrat", "Accordé P147", "Début"],
        ["École ouverte", "Caen la mer", 1234.5, datetime.fromisoformat("2026-03-12")],
        ["=1+1", "Lisieux", 0.1, None],
        ["- atelier", "Caen la mer", None, None],
        ["Total", None, 1234.6, None],
    ]
    assert page["A3"].data_type == "s"
    assert page["C2"].number_format == '#,##0.00\\ "€"'
    assert page["D2"].number_format == "dd/mm/yyyy"


def test_le_total_est_une_formule_vivante():
    page = relire(feuille())["Actions à l’année"]
    assert page["C5"].value == '=IF(SUBTOTAL(102,$C$2:$C$4)=0,"—",SUBTOTAL(109,$C$2:$C$4))'


def test_les_en_tetes_sont_figes_filtres_et_repetes_a_l_impression():
    page = relire(feuille(intitule="Actions", notes=("Périmètre : Calvados",), colonnes_figees=1))["Actions à l’année"]
    assert page["A1"].value == "Actions"
    assert page["A2"].value == "Périmètre : Calvados"
    assert page["A4"].value == "Intitulé"
    assert page.freeze_panes == "B5"
    assert page.auto_filter.ref == "A4:D7"
    assert page.print_title_rows == "$4:$4"
    assert page.print_area == "'Actions à l’année'!$A$1:$D$8"
    assert page.page_setup.orientation == "landscape"
    assert page.column_dimensions["A"].width == pytest.approx(40, abs=1)


def test_une_ligne_forte_est_en_gras_jusque_dans_ses_cellules_vides_et_compte_comme_les_autres():
    page = relire(feuille(forte=lambda ligne: ligne.intitule == "=1+1"))["Actions à l’année"]
    assert [page[f"A{numero}"].font.bold for numero in (2, 3, 4)] == [False, True, False]
    assert page["D3"].border.top.style == "thin"
    assert page["C5"].value.startswith("=IF(SUBTOTAL(102,$C$2:$C$4)")


def test_une_feuille_peut_etre_un_tableau_excel():
    page = relire(feuille(tableau="Actions"))["Actions à l’année"]
    tableau = page.tables["Actions"]
    assert (tableau.ref, tableau.column_names) == ("A1:D4", ["Intitulé", "Contrat", "Accordé P147", "Début"])
    assert page.auto_filter.ref is None


def test_une_ligne_est_assez_haute_pour_un_texte_long_et_pour_un_titre():
    colonnes = (Colonne("Un titre sur deux lignes", lambda ligne: ligne, "texte_long", 16),)
    page = relire(Feuille("T", colonnes, ["court", "un texte qui tient sur trois lignes de seize"]))["T"]
    assert [page.row_dimensions[numero].height for numero in (1, 2, 3)] == [30, None, 45]


def test_une_feuille_large_s_imprime_sur_plusieurs_pages_en_repetant_ses_colonnes_figees():
    etroite = feuille()
    large = Feuille("L", tuple(Colonne(f"c{rang}", str, largeur=100) for rang in range(6)), [1], colonnes_figees=1)
    assert relire(etroite)["Actions à l’année"].page_setup.fitToWidth in (None, 1)
    assert relire(large)["L"].page_setup.fitToWidth == 3
    assert relire(large)["L"].print_title_cols == "$A:$A"


def test_une_liste_vide_garde_ses_titres_et_un_total_inconnu():
    page = relire(feuille([]), data_only=True)["Actions à l’année"]
    assert valeurs(page) == [
        ["Intitulé", "Contrat", "Accordé P147", "Début"],
        [None, None, None, None],
        ["Total", None, "—", None],
    ]


def test_une_plage_designe_les_lignes_de_donnees_d_une_autre_feuille():
    programmation = feuille(notes=("une note",))
    assert programmation.plage("Accordé P147") == "'Actions à l’année'!$C$4:$C$6"
    assert programmation.cellule("Contrat", 1) == "'Actions à l’année'!$B$5"


def test_la_plage_d_un_flux_est_refusee():
    with pytest.raises(TypeError, match="flux"):
        feuille(iter(LIGNES)).plage("Contrat")


def test_deux_colonnes_de_meme_titre_sont_refusees():
    with pytest.raises(ValueError, match="même titre"):
        Feuille("Double", (COLONNES[0], COLONNES[0]), [])


def test_le_nom_d_onglet_respecte_les_limites_du_tableur():
    assert Feuille("Adultes-relais / FONJEP : [2026]", (), []).nom == "Adultes-relais   FONJEP    2026"
    assert len(Feuille("é" * 40, (), []).nom) == 31


def test_les_colonnes_se_nomment_comme_dans_le_tableur():
    assert [lettre(1), lettre(26), lettre(27), lettre(200)] == ["A", "Z", "AA", "GR"]


def test_une_cellule_peut_avoir_son_propre_format_et_une_colonne_se_masquer():
    garde = Feuille(
        "Garde",
        (
            Colonne("Rubrique", lambda ligne: ligne[0]),
            Colonne("Valeur", lambda ligne: ligne[1]),
            Colonne("Clé", lambda ligne: "k", masquee=True),
        ),
        [
            ("Total", Cellule(Decimal("12.30"), "euros")),
            ("Produit le", Cellule(datetime(2026, 3, 12, 13, 5, tzinfo=UTC), "date_heure")),
            ("Écart", Cellule(Formule("=B2-12.3", Decimal(0)), "euros")),
            ("Figé", True),
        ],
    )
    page = relire(garde, data_only=True)["Garde"]
    assert [cellule.value for cellule in page["B"]] == [
        "Valeur",
        12.3,
        datetime.fromisoformat("2026-03-12 14:05"),
        0,
        "oui",
    ]
    assert page["B2"].number_format == '#,##0.00\\ "€"'
    assert page.column_dimensions["C"].hidden


def test_un_ecart_non_nul_est_mis_en_evidence():
    controles = Feuille(
        "Contrôles", (Colonne("Écart", lambda ligne: ligne, "euros", rouge_si=("!=", 0)),), [Decimal(0), Decimal(1)]
    )
    (regle,) = relire(controles)["Contrôles"].conditional_formatting
    assert str(regle.sqref) == "A2:A3"
    inconnu, en_ecart = regle.rules
    assert (inconnu.operator, inconnu.formula, inconnu.stopIfTrue, inconnu.dxfId) == ("equal", ['"—"'], True, None)
    assert (en_ecart.operator, en_ecart.formula) == ("notEqual", ["0"])


def test_les_caracteres_de_controle_sont_retires_et_les_textes_trop_longs_coupes():
    assert texte_propre("a\x00b\x0bc\ud800d\r\ne") == "abcd\ne"
    assert len(texte_propre("x" * 40_000)) == 32_767
    assert texte_propre("x" * 40_000).endswith("…")


@pytest.mark.parametrize("en_flux", [False, True])
@pytest.mark.parametrize("texte", ["<r>faux</r>", "a & b < c", "_x0041_", " bord ", "x" * 40_000])
def test_un_texte_hostile_laisse_un_fichier_lisible(texte, en_flux):
    page = relire(Feuille("T", (Colonne("t", lambda ligne: ligne),), [texte]), en_flux=en_flux)["T"]
    assert page["A2"].value.strip() in (texte.strip(), texte_propre(texte), "_x005F_x0041_")


def test_une_date_d_avant_1900_reste_lisible_en_texte():
    page = relire(Feuille("T", (Colonne("t", lambda ligne: ligne, "date"),), [date(1899, 3, 12)]))["T"]
    assert page["A2"].value == "12/03/1899"


def test_le_meme_contenu_donne_les_memes_octets_sans_auteur():
    octets = []
    for _ in range(2):
        fichier = io.BytesIO()
        classeur(feuille(), vers=fichier, titre="Programmation", cree_le=datetime(2026, 3, 12, 14, 5, tzinfo=UTC))
        octets.append(fichier.getvalue())
    assert octets[0] == octets[1]
    proprietes = ZipFile(fichier).read("docProps/core.xml").decode()
    assert "<dc:creator></dc:creator>" in proprietes
    assert "2026-03-12T14:05:00Z" in proprietes


def test_le_csv_francais_a_les_memes_lignes_que_le_classeur():
    fichier = io.BytesIO()
    csv_francais(feuille(), fichier)
    assert fichier.getvalue().decode() == (
        "\ufeffIntitulé;Contrat;Accordé P147;Début\r\n"
        "École ouverte;Caen la mer;1234,50;12/03/2026\r\n"
        "'=1+1;Lisieux;0,10;\r\n"
        "'- atelier;Caen la mer;;\r\n"
        "Total;;1234,60;\r\n"
    )


def test_le_csv_ne_protege_que_les_textes():
    colonnes = (
        Colonne("texte", lambda ligne: ligne[0]),
        Colonne("montant", lambda ligne: ligne[1], "euros"),
        Colonne("part", lambda ligne: ligne[2], "pourcent"),
        Colonne("instant", lambda ligne: ligne[3], "date_heure"),
    )
    ligne = ("\t@x", Decimal("-5"), 0.125, datetime(2026, 3, 12, 13, 5, tzinfo=UTC))
    _, texte = lignes_csv(Feuille("T", colonnes, [ligne]))
    assert texte == "'\t@x;-5,00;0,125;12/03/2026 14:05\r\n"


def test_le_csv_est_rendu_ligne_a_ligne():
    demandees = []

    def source():
        for ligne in LIGNES:
            demandees.append(ligne)
            yield ligne

    flux = lignes_csv(feuille(source()))
    next(flux)
    next(flux)
    assert demandees == LIGNES[:1]


def test_libreoffice_recalcule_les_memes_valeurs_que_le_cache(tmp_path, recalculer):
    programmation = feuille()
    montants, contrats = programmation.plage("Accordé P147"), programmation.plage("Contrat")
    attendus = {"Caen la mer": Decimal("1234.50"), "Lisieux": Decimal("0.10"), "Bayeux": Decimal(0)}
    synthese = Feuille(
        "Contrats",
        (
            Colonne("Contrat", lambda ligne: ligne[1]),
            Colonne(
                "Accordé",
                lambda ligne: Formule(f"=SUMIFS({montants},{contrats},A{ligne[0]})", attendus[ligne[1]]),
                "euros",
                total=True,
            ),
        ),
        list(enumerate(attendus, 2)),
    )
    chemin = tmp_path / "essai.xlsx"
    classeur(programmation, synthese, vers=chemin)
    cache = load_workbook(chemin, data_only=True)
    recalcule = load_workbook(recalculer(chemin), data_only=True)
    for nom in cache.sheetnames:
        assert valeurs(recalcule[nom]) == valeurs(cache[nom])
    assert recalcule["Contrats"]["B5"].value == 1234.6
