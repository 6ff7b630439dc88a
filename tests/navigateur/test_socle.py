"""Le cadre et les composants dans un vrai navigateur : accessibilité, politique de sécurité, clavier, petits écrans."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.fabriques import HabilitationFactory, UtilisateurFactory

MOT_DE_PASSE = "quatre-chevaux-au-trot"
GALERIE = "/essai/composants/?page=3&tri=-accorde"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.test_socle_interface")]


@pytest.fixture
def plaintes(page):
    """Ce que le navigateur reproche à la page : erreurs de script, ressources refusées par la politique de sécurité."""
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


@pytest.fixture
def camille():
    personne = UtilisateurFactory(courriel="camille@exemple.test", password=MOT_DE_PASSE, nom="Durand")
    HabilitationFactory(utilisateur=personne)
    return personne


def se_connecter(page, live_server, suite):
    page.goto(f"{live_server.url}/compte/connexion/?next={suite}")
    page.get_by_label("Adresse électronique").fill("camille@exemple.test")
    page.get_by_label("Mot de passe").fill(MOT_DE_PASSE)
    page.get_by_label("Mot de passe").press("Enter")
    page.wait_for_url(f"**{suite}")


def violations(page):
    return [
        (faute["id"], [noeud["target"] for noeud in faute["nodes"]]) for faute in Axe().run(page).response["violations"]
    ]


def deborde(page):
    return page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


@pytest.mark.parametrize("largeur", [1280, 360, 320])
def test_les_composants_sont_accessibles_et_tiennent_dans_l_ecran(page, live_server, camille, plaintes, largeur):
    page.set_viewport_size({"width": largeur, "height": 800})
    se_connecter(page, live_server, "/compte/")
    for adresse in ("/compte/", "/compte/mot-de-passe/", GALERIE):
        page.goto(live_server.url + adresse)
        assert violations(page) == []
        assert not deborde(page)
    assert plaintes == []


def test_une_connexion_ratee_mene_le_clavier_au_resume_des_erreurs(page, live_server, plaintes):
    page.goto(f"{live_server.url}/compte/connexion/")
    page.get_by_role("button", name="Se connecter").click()
    resume = page.locator("[data-prend-le-focus]")
    expect(resume).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Adresse électronique")).to_be_focused()
    assert violations(page) == []
    assert plaintes == []


def test_le_menu_s_ouvre_au_clavier(page, live_server, camille):
    se_connecter(page, live_server, "/compte/")
    page.get_by_role("button", name="Territoires").press("Enter")
    expect(page.get_by_role("link", name="Quartiers")).to_be_visible()


def test_le_menu_et_la_deconnexion_marchent_sur_un_telephone(page, live_server, camille):
    page.set_viewport_size({"width": 360, "height": 800})
    se_connecter(page, live_server, "/compte/")
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Tableau de bord")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Se déconnecter").click()
    page.wait_for_url("**/compte/connexion/")


def test_un_tableau_large_defile_seul_au_clavier(page, live_server):
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(live_server.url + GALERIE)
    tableau = page.get_by_role("region", name="Piliers de l’exercice 2026")
    derniere = tableau.get_by_role("columnheader", name="Écart au constat")
    expect(derniere).not_to_be_in_viewport()
    tableau.focus()
    for _ in range(20):
        tableau.press("ArrowRight")
    expect(derniere).to_be_in_viewport()
    assert not deborde(page)


def test_un_double_clic_n_envoie_qu_une_fois(page, live_server):
    page.goto(f"{live_server.url}/compte/mot-de-passe/oublie/")
    envois = []
    page.on("request", lambda requete: envois.append(requete.url) if requete.method == "POST" else None)
    page.get_by_label("Adresse électronique").fill("camille@exemple.test")
    page.get_by_role("button", name="Recevoir le lien").dblclick()
    page.wait_for_url("**/envoye/")
    assert len(envois) == 1


def test_l_impression_ne_garde_que_le_contenu(page, live_server):
    page.goto(live_server.url + GALERIE)
    page.emulate_media(media="print")
    for selecteur in (".fr-header__tools", ".fr-footer", ".fr-pagination", ".fr-breadcrumb"):
        expect(page.locator(selecteur).first).to_be_hidden()
    expect(page.get_by_role("heading", name="Composants")).to_be_visible()
