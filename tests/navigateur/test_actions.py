"""La liste, la fiche et la décision dans un vrai navigateur : au clavier, accessibles, lisibles sur un téléphone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from comptes.enums import Role
from programmation.models import Decision
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    ExerciceFactory,
    FinanceurFactory,
    OrganismeFactory,
    PilierFactory,
    QuartierFactory,
    ThematiqueFactory,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db(transaction=True)

LISTE = "/programmation/actions/"


@pytest.fixture
def actions():
    caen = ContratFactory(intitule="Caen la mer")
    actions = [ActionFactory(intitule=f"Atelier {nom}", contrat=caen, dossier=f"0005456{nom}") for nom in "123"]
    for rang, action in enumerate(actions, 1):
        p147(action, demande=1000 * rang)
        cofinancement(action, FinanceurFactory(nom="Ville de Caen"), demande=500)
        localiser(action, {QuartierFactory(contrat=caen): 1, QuartierFactory(contrat=caen): 2})
    return actions


@pytest.fixture
def plaintes(page):
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


@pytest.fixture
def agent(page, live_server):
    """Une session déjà ouverte : la connexion a ses propres tests."""
    utilisateur = habiliter(Role.AGENT, departement=ExerciceFactory().departement)
    client = Client()
    client.force_login(utilisateur)
    jeton = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": jeton, "url": live_server.url}])
    return utilisateur


def violations(page):
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(page).response["violations"]]


@pytest.mark.parametrize("largeur", [1280, 360])
def test_les_ecrans_des_actions_sont_accessibles_et_tiennent_dans_l_ecran(
    page, live_server, agent, actions, plaintes, largeur
):
    page.set_viewport_size({"width": largeur, "height": 800})
    pk = actions[0].pk
    ecrans = ["", "?contrat=999", "?q=introuvable", f"{pk}/", f"{pk}/decider/", f"{pk}/scinder/"]
    ecrans += [f"{pk}/gestes/retirer/", f"decider/?action={pk}&action={actions[1].pk}", "decider/"]
    for ecran in ecrans:
        page.goto(f"{live_server.url}{LISTE}{ecran}")
        for repli in page.locator("details:not([open], [data-menu]) > summary").all():
            repli.click()
        assert violations(page) == []
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), ecran
    assert plaintes == []


def test_la_liste_d_un_grand_departement_tient_a_1280_px(page, live_server, agent):
    """Le Gard : « Agglomération », « Citoyenneté », un statut, « 100 sans montant » ne se coupent pas."""
    ActionFactory.create_batch(100, statut="instruite")
    action = ActionFactory(
        contrat=ContratFactory(intitule="Alès Agglomération"),
        thematique=ThematiqueFactory(code="2.3", libelle="Citoyenneté"),
        pilier=PilierFactory(libelle_court="Cohésion sociale"),
        porteur=OrganismeFactory(nom="Centre socioculturel"),
        dossier="93026389",
        tranche=1,
        statut="programmee",
        cout_previsionnel=euros(17_654_321),
    )
    p147(action, demande=7_654_321, propose=7_654_321, accorde=7_654_321)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{live_server.url}{LISTE}")
    assert page.locator(".fr-table__content").evaluate("boite => boite.scrollWidth - boite.clientWidth") == 0


def test_une_selection_se_decide_au_clavier_avec_un_total_qui_suit_la_frappe(
    page, live_server, agent, actions, plaintes
):
    page.goto(f"{live_server.url}{LISTE}?q=atelier")
    for action in actions[:2]:
        page.get_by_label(f"Choisir {action}").press("Space")
    expect(page.get_by_text("2 actions choisies")).to_be_visible()
    page.get_by_role("button", name="Décider la sélection").press("Enter")

    total = page.locator("[data-total]")
    expect(total).to_have_text(re.compile(r"3.000,00.€"))
    montant = page.get_by_label("Montant pour Atelier 2")
    montant.fill("2 500,50")
    expect(total).to_have_text(re.compile(r"3.500,50.€, dont 500,50.€ au-delà de la demande"))
    expect(page.get_by_text("Dépasse la demande de 500,50")).to_be_visible()
    page.get_by_label("Motif").fill("Priorité du comité")
    page.get_by_role("button", name="Enregistrer les décisions").press("Enter")

    expect(page.get_by_text("2 décisions enregistrées, pour 3 500,50 €.")).to_be_visible()
    assert set(Decision.objects.values_list("montant", flat=True)) == {euros(1000), euros("2500,50")}
    assert plaintes == []


def test_une_selection_de_brouillons_se_depose_au_clavier_et_revient_a_la_liste(page, live_server, agent, plaintes):
    brouillons = [ActionFactory(intitule=f"Brouillon {rang}", statut="brouillon") for rang in (1, 2)]
    page.goto(f"{live_server.url}{LISTE}?statut=brouillon")
    page.get_by_role("button", name="Cocher les 2 de cette page").press("Enter")
    expect(page.get_by_text("2 actions choisies")).to_be_visible()
    page.get_by_role("button", name="Décider la sélection").press("Enter")
    page.get_by_role("link", name="Déposer d’abord ces 2 actions").press("Enter")
    assert violations(page) == []
    page.get_by_role("button", name="Déposer 2 actions").press("Enter")
    expect(page.get_by_text("2 actions sont déposées.")).to_be_visible()
    assert "statut=brouillon" in page.url
    assert {type(b).objects.get(pk=b.pk).statut for b in brouillons} == {"deposee"}
    page.get_by_role("link", name="Décider ces 2 actions").press("Enter")
    expect(page.get_by_label("Montant pour Brouillon 2")).to_be_visible()
    assert plaintes == []


@pytest.mark.parametrize("largeur", [1280, 360])
def test_les_autres_gestes_s_ouvrent_et_se_ferment_au_clavier(page, live_server, agent, actions, plaintes, largeur):
    page.set_viewport_size({"width": largeur, "height": 800})
    page.goto(f"{live_server.url}{LISTE}?q=atelier")
    menu, instruire = (
        page.get_by_text("Autres gestes", exact=True),
        page.get_by_role("button", name="Instruire la sélection"),
    )
    expect(instruire).to_be_hidden()
    page.get_by_label(f"Choisir {actions[0]}").press("Space")
    menu.press("Enter")
    expect(instruire).to_be_visible()
    assert violations(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    instruire.press("Escape")
    expect(instruire).to_be_hidden()
    expect(menu).to_be_focused()
    menu.press("Enter")
    page.get_by_label(f"Choisir {actions[1]}").focus()
    expect(instruire).to_be_hidden()
    menu.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(instruire).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Instruire une sélection de 1 action")
    assert plaintes == []


def test_au_telephone_le_montant_a_decider_se_saisit_sans_defiler(page, live_server, agent, actions):
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{live_server.url}{LISTE}decider/?action={actions[0].pk}&action={actions[1].pk}")
    for action in actions[:2]:
        cadre = page.get_by_label(f"Montant pour {action}").bounding_box()
        assert cadre["x"] >= 0
        assert cadre["x"] + cadre["width"] <= 360


def test_une_decision_sans_montant_verrouille_les_montants(page, live_server, agent, actions):
    page.goto(f"{live_server.url}{LISTE}decider/?action={actions[0].pk}")
    page.get_by_label("Décision", exact=False).first.select_option("ajournement")
    expect(page.locator("[data-total]")).to_have_text("sans montant")
    expect(page.get_by_label("Montant pour Atelier 1")).to_have_attribute("readonly", "")


def test_le_bouton_retour_rend_la_selection_et_plus_rien_apres_la_deconnexion(page, live_server, agent, actions):
    page.goto(f"{live_server.url}{LISTE}")
    page.get_by_role("checkbox", name="Choisir Atelier 2").check(force=True)
    page.get_by_role("link", name="Atelier 1").click()
    page.wait_for_url(f"**{actions[0].get_absolute_url()}")
    page.go_back()
    expect(page.get_by_role("checkbox", name="Choisir Atelier 2")).to_be_checked()
    page.get_by_role("button", name="Se déconnecter").click()
    page.wait_for_url("**/compte/connexion/")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connexion")


def test_filtrer_puis_telecharger_donne_le_fichier_de_l_ecran(page, live_server, agent, actions):
    page.goto(live_server.url + LISTE)
    page.get_by_label("Recherche").fill("atelier 3")
    page.get_by_label("Recherche").press("Enter")
    expect(page.get_by_text("1 filtre actif")).to_be_visible()
    with page.expect_download() as attente:
        page.get_by_role("link", name="Télécharger la liste").click()
    assert re.fullmatch(r"actions-2026-calvados-14-au-[\d-]+\.xlsx", attente.value.suggested_filename)


def test_au_telephone_la_liste_se_lit_sans_defiler_de_cote_et_rend_ses_colonnes_a_la_demande(
    page, live_server, agent, actions
):
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{live_server.url}{LISTE}")
    assert page.locator(".fr-table__content").evaluate("boite => boite.scrollWidth - boite.clientWidth") == 0
    cout, tri = page.locator("tbody [data-titre='Coût prévisionnel']").first, page.get_by_role("link", name="Coût")
    expect(page.locator("tbody [data-titre='Demandé P147']").first).to_be_visible()
    case = page.get_by_label(f"Choisir {actions[0]}")
    case.scroll_into_view_if_needed()
    expect(case).to_be_in_viewport()
    expect(cout).to_be_hidden()
    page.get_by_label("Montrer toutes les colonnes").press("Space")
    expect(cout).to_be_visible()
    expect(tri).to_be_visible()
    assert violations(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
