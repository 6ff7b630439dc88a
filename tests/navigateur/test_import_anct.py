"""Importer la liste des adultes-relais de l'ANCT, dans un vrai navigateur : déposer, lire ce qui étonne, confirmer."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import expect

from comptes.enums import Role
from dispositifs.models import PosteAdulteRelais, ReleveAnct
from tests.dispositifs.fabriques import BaremeFonjepFactory
from tests.fabriques import ContratFactory, DepartementFactory, ExerciceFactory, habiliter

pytestmark = pytest.mark.django_db(transaction=True)
MOT_DE_PASSE = "quatre-chevaux-au-trot"
LISTE = settings.BASE_DIR / "fixtures" / "anct" / "adultes_relais_14.csv"


@pytest.fixture
def connectee(page, live_server):
    """L'agent du Calvados, sur ses imports."""
    calvados = DepartementFactory()
    ExerciceFactory()
    ContratFactory(departement=calvados, code="CN01403M")
    BaremeFonjepFactory()
    agent = habiliter(Role.AGENT, departement=calvados)
    agent.set_password(MOT_DE_PASSE)
    agent.save()
    page.goto(f"{live_server.url}/compte/connexion/?next=/programmation/imports/ajouter/")
    page.get_by_label("Adresse électronique").fill(agent.courriel)
    page.get_by_label("Mot de passe").fill(MOT_DE_PASSE)
    page.get_by_label("Mot de passe").press("Enter")
    page.wait_for_url("**/programmation/imports/ajouter/")
    return page


def verifier(page):
    """Accessible, et dans l'écran à toutes les largeurs."""
    fautes = [(faute["id"], [n["target"] for n in faute["nodes"]]) for faute in Axe().run(page).response["violations"]]
    assert fautes == []
    for largeur in (360, 1280):
        page.set_viewport_size({"width": largeur, "height": 800})
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), largeur


def test_une_liste_de_l_anct_devient_des_postes(connectee):
    page = connectee
    verifier(page)
    page.get_by_label("Actions et plans de financement").focus()
    page.keyboard.press("ArrowDown")  # au clavier, le choix suivant
    expect(page.get_by_label("Adultes-relais : liste publiée")).to_be_checked()
    page.locator("input[type=file]").set_input_files(LISTE)
    page.get_by_role("button", name="Lire le fichier").click()

    expect(page.get_by_label("Colonne B, « id_poste »")).to_have_value("id")
    expect(page.get_by_label("Colonne F, « code_cv »")).to_have_value("contrat")
    verifier(page)
    page.get_by_role("button", name="Voir ce qui changera").click()

    expect(page.get_by_role("row", name="2024")).to_contain_text("661 507,69 €")
    expect(page.get_by_text("7 164,00 € est le montant d’un poste FONJEP")).to_be_visible()
    expect(page.get_by_text("06121R000200 est le numéro d’un autre département")).to_have_count(0)  # page suivante
    verifier(page)
    assert PosteAdulteRelais.objects.count() == 0
    page.get_by_role("button", name="Confirmer l’import").dblclick()

    expect(page.get_by_role("link", name="Voir les postes adultes-relais")).to_be_visible()
    assert (PosteAdulteRelais.objects.count(), ReleveAnct.objects.count()) == (45, 161)
