"""Le tableau de bord et les fiches de territoire dans un vrai navigateur : un coup d'œil, accessible, sans script."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from programmation.models import Organisme
from tests.fabriques import HabilitationFactory, UtilisateurFactory
from tests.programmation.exemple import construire_l_exemple

MOT_DE_PASSE = "quatre-chevaux-au-trot"
CARRE = {"type": "Polygon", "coordinates": [[[0, 49], [0.01, 49], [0.01, 49.01], [0, 49.01], [0, 49]]]}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def exemple(transactional_db):
    exemple = construire_l_exemple()
    exemple.q1.contour = CARRE
    exemple.q1.save()
    personne = UtilisateurFactory(courriel="camille@exemple.test", password=MOT_DE_PASSE, nom="Durand")
    HabilitationFactory(utilisateur=personne, departement=exemple.exercice.departement)
    return exemple


@pytest.fixture
def plaintes(page):
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


def se_connecter(page, live_server):
    page.goto(f"{live_server.url}/compte/connexion/")
    page.get_by_label("Adresse électronique").fill("camille@exemple.test")
    page.get_by_label("Mot de passe").fill(MOT_DE_PASSE)
    page.get_by_label("Mot de passe").press("Enter")
    page.wait_for_url("**/pilotage/**")


def violations(page):
    fautes = Axe().run(page).response["violations"]
    return [(faute["id"], [noeud["target"] for noeud in faute["nodes"]]) for faute in fautes]


@pytest.mark.parametrize("largeur", [1280, 360, 320])
def test_les_pages_sont_accessibles_et_tiennent_dans_l_ecran(page, live_server, exemple, plaintes, largeur):
    page.set_viewport_size({"width": largeur, "height": 720})
    se_connecter(page, live_server)
    adresses = [
        "/pilotage/?base=tous-financeurs&annonce=1",
        f"/pilotage/?annee=2026&departement=14&contrat={exemple.caen.pk}&base=bidon",
        "/territoires/contrats/",
        f"/territoires/contrats/{exemple.caen.pk}/",
        "/territoires/quartiers/",
        f"/territoires/quartiers/{exemple.q1.pk}/",
    ]
    for adresse in adresses:
        page.goto(live_server.url + adresse)
        assert violations(page) == [], adresse
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), adresse
    assert plaintes == []


def test_le_premier_ecran_dit_tout_sans_defiler(page, live_server, exemple):
    page.set_viewport_size({"width": 1280, "height": 720})
    se_connecter(page, live_server)
    entier = {"ratio": 1}
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport(**entier)
    expect(page.locator(".pv-portee")).to_be_in_viewport(**entier)
    for carte in page.locator(".pv-chiffre").all():
        expect(carte).to_be_in_viewport(**entier)
    for ligne in page.locator("#piliers tr").all():
        expect(ligne).to_be_in_viewport(**entier)


def test_la_base_se_change_sans_script_et_au_clavier(browser, live_server, exemple):
    contexte = browser.new_context(java_script_enabled=False, locale="fr-FR")
    page = contexte.new_page()
    se_connecter(page, live_server)
    resume = page.locator("summary", has_text="Changer de vue ou de base")
    resume.focus()
    page.keyboard.press("Enter")
    page.get_by_label("Base de calcul").select_option("Nombre d’actions")
    page.get_by_role("button", name="Afficher").click()
    expect(page.locator(".pv-portee")).to_contain_text("nombre d’actions, PRE compris")
    assert "base=nombre" in page.url
    contexte.close()


def test_d_une_part_a_sa_liste_et_retour(page, live_server, exemple):
    se_connecter(page, live_server)
    page.locator("#piliers").get_by_role("link", name="8 000,01 €").click()
    expect(page.locator("tfoot")).to_contain_text("8 000,01 €")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Programmation 2026 du Calvados")


def test_l_impression_garde_les_chiffres_et_les_barres(page, live_server, exemple):
    se_connecter(page, live_server)
    page.emulate_media(media="print")
    expect(page.locator(".pv-changer:visible")).to_have_count(0)
    expect(page.locator(".pv-portee")).to_be_visible()
    assert page.locator("#piliers .pv-barre__repere").count() == 2


def test_les_fiches_se_lisent_sur_un_telephone(page, live_server, exemple):
    """Les libellés longs prenaient toute la largeur : 34 px restaient à la valeur."""
    page.set_viewport_size({"width": 320, "height": 720})
    se_connecter(page, live_server)
    porteur = Organisme.objects.first()
    for adresse in (f"/territoires/contrats/{exemple.caen.pk}/", f"/programmation/organismes/{porteur.pk}/"):
        page.goto(live_server.url + adresse)
        largeurs = page.locator("dl.pv-fiche > dd").evaluate_all("valeurs => valeurs.map(v => v.clientWidth)")
        assert min(largeurs) >= 250, adresse


def test_au_telephone_ce_que_chaque_financeur_apporte_se_lit_sans_defiler(page, live_server, exemple):
    page.set_viewport_size({"width": 360, "height": 720})
    se_connecter(page, live_server)
    droite = "cellules => Math.max(...cellules.map(c => c.getBoundingClientRect().right))"
    assert page.locator("#financeurs tbody td:nth-child(6)").evaluate_all(droite) <= 360  # les montants acquis
    expect(page.locator("#financeurs").get_by_role("columnheader", name="Famille")).to_be_hidden()
