"""Le classeur ANCT dans un vrai navigateur : choisir, lire les contrôles, télécharger ; accessible, et au téléphone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from openpyxl import load_workbook
from playwright.sync_api import expect

from comptes.enums import Role
from tests.fabriques import habiliter
from tests.pilotage.tirage import tirer

pytestmark = pytest.mark.django_db(transaction=True)

MOT_DE_PASSE = "quatre-chevaux-au-trot"


@pytest.fixture
def connectee(page, live_server):
    exercice = tirer(graine=14, nombre=12)
    personne = habiliter(Role.RESPONSABLE, departement=exercice.departement)
    personne.set_password(MOT_DE_PASSE)
    personne.save()
    page.goto(f"{live_server.url}/compte/connexion/?next=/pilotage/anct/")
    page.get_by_label("Adresse électronique").fill(personne.courriel)
    page.get_by_label("Mot de passe").fill(MOT_DE_PASSE)
    page.get_by_label("Mot de passe").press("Enter")
    page.wait_for_url("**/pilotage/anct/")
    return page


def test_choisir_une_base_lire_les_controles_et_telecharger_le_meme_total(connectee, tmp_path):
    page = connectee
    page.get_by_label("Base de calcul", exact=True).select_option(label="Coût prévisionnel")
    page.get_by_role("button", name="Afficher").press("Enter")
    expect(page.get_by_text("aucun écart.")).to_be_visible()
    assert "base=cout" in page.url
    controle = page.locator("tr", has_text="Contrats").filter(has_text="Coût prévisionnel").last
    affiche = controle.get_by_role("cell").nth(1).inner_text()
    with page.expect_download() as attente:
        page.get_by_role("link", name="Télécharger le classeur").click()
    fichier = tmp_path / attente.value.suggested_filename
    attente.value.save_as(fichier)
    assert fichier.name == "programmation-14-2026-cout.xlsx"
    contrats = load_workbook(fichier, data_only=True)["Contrats"]
    (somme,) = (ligne[4] for ligne in contrats.iter_rows(values_only=True) if ligne[0] == "Total")
    assert en_nombre(affiche) == round(somme, 2)


def en_nombre(texte):
    return float("".join(c for c in texte if c.isdigit() or c == ",").replace(",", "."))


@pytest.mark.parametrize("largeur", [1280, 360, 320])
def test_la_page_est_accessible_et_tient_dans_l_ecran(connectee, largeur):
    connectee.set_viewport_size({"width": largeur, "height": 800})
    fautes = Axe().run(connectee).response["violations"]
    assert [(faute["id"], [noeud["target"] for noeud in faute["nodes"]]) for faute in fautes] == []
    assert not connectee.evaluate("document.documentElement.scrollWidth > window.innerWidth")


def test_au_telephone_le_nombre_d_anomalies_se_lit_sans_defiler(connectee):
    connectee.set_viewport_size({"width": 360, "height": 800})
    nombres = connectee.get_by_role("region", name="Anomalies des actions").locator("td:nth-child(2)")
    droite = "cellules => Math.max(...cellules.map(c => c.getBoundingClientRect().right))"
    assert nombres.evaluate_all(droite) <= 360
