"""Un scénario dans un vrai navigateur : au clavier, le total suit la frappe, une colonne se colle, à deux sans s'effacer."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from comptes.enums import Role
from programmation import operations
from programmation.enums import StatutAction
from programmation.models import Decision, Proposition
from programmation.operations import Depart
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    PilierFactory,
    QuartierFactory,
    RepereFactory,
    euros,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db(transaction=True)

MOT_DE_PASSE = "Quartiers-2030-essais"
LISTE = "/programmation/scenarios/"


@pytest.fixture
def agent():
    FinanceurFactory(p147=True)
    utilisateur = habiliter(Role.AGENT, departement=ExerciceFactory().departement)
    utilisateur.set_password(MOT_DE_PASSE)
    utilisateur.save()
    return utilisateur


@pytest.fixture
def actions(agent):
    caen = ContratFactory(intitule="Contrat de ville de Caen")
    actions = [ActionFactory(intitule=f"Action {x}", contrat=caen, statut=StatutAction.INSTRUITE) for x in "ABC"]
    for rang, action in enumerate(actions, 1):
        p147(action, 1000 * rang, propose=500 * rang)
        localiser(action, {QuartierFactory(contrat=caen): 1})
    RepereFactory(pilier=PilierFactory())
    MouvementFactory(enveloppe=EnveloppeFactory(libelle="Crédits 2026"), ae=euros(5000))
    return actions


@pytest.fixture
def scenario(agent, actions):
    return operations.creer_un_scenario(ExerciceFactory(), "Essai", par=agent)


@pytest.fixture
def plaintes(page):
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


@pytest.fixture
def session(page, live_server, agent):
    client = Client()
    client.force_login(agent)
    jeton = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": jeton, "url": live_server.url}])
    return agent


def violations(page):
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(page).response["violations"]]


def ouvrir(page, live_server, scenario, suite=""):
    page.goto(f"{live_server.url}{LISTE}{scenario.pk}/{suite}")


def cellule(page, action):
    return page.get_by_label(f"Montant pour {action.intitule}")


def tete(page):
    """Total, reste, nombre, tels qu'ils se lisent."""
    return [page.locator(f"[data-{nom}]").inner_text() for nom in ("total", "reste", "nombre")]


def montants():
    return list(Proposition.objects.order_by("action_id").values_list("montant", flat=True))


@pytest.mark.parametrize("largeur", [1280, 360])
def test_les_ecrans_des_scenarios_sont_accessibles_et_tiennent_dans_l_ecran(
    page, live_server, session, scenario, plaintes, largeur
):
    autre = operations.creer_un_scenario(ExerciceFactory(), "Large", par=session, depart=Depart.DEMANDE)
    page.set_viewport_size({"width": largeur, "height": 800})
    regle = "regle/?cible=moins&moins=4&sous_le_plancher=zero&arrondi=100&reste=demande&demande=on"
    ecrans = ["", "ajouter/", f"comparer/?scenarios={scenario.pk}-{autre.pk}", f"{scenario.pk}/"]
    ecrans += [f"{scenario.pk}/{suite}" for suite in (regle, "promouvoir/", "gestes/renommer/")]
    for ecran in ecrans:
        page.goto(f"{live_server.url}{LISTE}{ecran}")
        assert (ecran, violations(page)) == (ecran, [])
        assert page.evaluate("document.documentElement.scrollWidth") <= largeur
    assert plaintes == []


def test_le_total_suit_chaque_frappe_et_le_serveur_le_confirme_au_clavier(
    page, live_server, session, actions, scenario, plaintes
):
    a, b, c = actions
    ouvrir(page, live_server, scenario)
    assert tete(page) == ["3\u202f000,00\u00a0€", "2\u202f000,00\u00a0€", "3"]
    cellule(page, a).click()
    page.keyboard.press("Control+A")
    page.keyboard.type("12")
    assert tete(page)[0] == "2\u202f512,00\u00a0€"
    page.keyboard.type("34,5")
    assert tete(page) == ["3\u202f734,50\u00a0€", "1\u202f265,50\u00a0€", "3"]
    assert montants()[0] == euros(500)
    page.keyboard.press("Enter")
    expect(cellule(page, b)).to_be_focused()
    expect(page.locator("#bilan[data-cellules]")).to_be_visible()
    expect(cellule(page, a)).to_have_value("1234,50")
    page.keyboard.type("0")
    page.keyboard.press("ArrowDown")
    expect(cellule(page, c)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(cellule(page, b)).to_have_value("0,00")
    assert tete(page) == ["2\u202f734,50\u00a0€", "2\u202f265,50\u00a0€", "2"]
    assert montants() == [euros("1234,50"), euros(0), euros(1500)]
    assert plaintes == []


def test_un_montant_illisible_reste_en_erreur_avec_sa_raison_et_echap_revient(
    page, live_server, session, actions, scenario
):
    a = actions[0]
    ouvrir(page, live_server, scenario)
    for texte, raison in (("abc", "Ce n’est pas un montant"), ("-3", "négatif"), ("1,234", "deux décimales")):
        cellule(page, a).fill(texte)
        cellule(page, a).press("Tab")
        expect(cellule(page, a)).to_have_attribute("aria-invalid", "true")
        expect(page.locator(f"#dit-{a.pk}")).to_contain_text(raison)
    cellule(page, a).press("Escape")
    expect(cellule(page, a)).to_have_value("500,00")
    expect(page.locator(f"#dit-{a.pk}")).to_have_count(0)
    assert montants()[0] == euros(500)


def test_une_colonne_d_un_tableur_se_colle_d_un_coup(page, live_server, session, actions, scenario):
    ouvrir(page, live_server, scenario)
    page.evaluate(
        """([nom, texte]) => {
            const presse = new DataTransfer();
            presse.setData("text", texte);
            const cellule = document.querySelector(`input[name=${nom}]`);
            cellule.focus();
            cellule.dispatchEvent(new ClipboardEvent("paste", { clipboardData: presse, bubbles: true, cancelable: true }));
        }""",
        [f"a{actions[0].pk}", "1 000,50\tx\r\n\r\nn’importe quoi\r\n4\r\n"],
    )
    expect(page.locator(f"#dit-{actions[2].pk}")).to_contain_text("sans ligne où aller")
    expect(page.locator("#bilan[data-cellules]")).to_be_visible()
    assert montants() == [euros("1000,50"), None, euros(1500)]


def test_deux_personnes_dans_le_meme_scenario_se_voient(page, live_server, session, actions, scenario):
    a, b, c = actions
    ouvrir(page, live_server, scenario)
    operations.saisir_des_montants(scenario, {a.pk: euros(7), b.pk: euros(8)}, par=habiliter(Role.RESPONSABLE))
    cellule(page, a).fill("9")
    cellule(page, a).press("Enter")
    expect(page.locator(f"#dit-{a.pk}")).to_have_text("Une autre personne avait saisi 7,00\u00a0€ entre-temps.")
    expect(page.locator(f"#dit-{b.pk}")).to_have_text("Changé par une autre personne.")
    cellule(page, c).focus()
    assert montants() == [euros(9), euros(8), euros(1500)]
    assert tete(page)[0] == "1\u202f517,00\u00a0€"


def test_une_session_expiree_garde_ce_qui_est_tape_le_dit_et_le_retrouve_apres_la_connexion(
    page, live_server, session, actions, scenario
):
    a, b, c = actions
    ouvrir(page, live_server, scenario)
    page.context.clear_cookies()
    cellule(page, a).fill("42")
    cellule(page, a).press("Enter")
    expect(page.locator(f"#dit-{a.pk}")).to_contain_text("Pas enregistré")
    expect(cellule(page, a)).to_have_value("42")
    expect(page.locator("h1")).to_contain_text("Essai")
    cellule(page, b).fill("mille")
    operations.saisir_des_montants(scenario, {c.pk: euros(7)}, par=session)
    page.get_by_role("button", name="Reprendre").click()
    page.get_by_label("Adresse électronique").fill(session.courriel)
    page.get_by_label("Mot de passe").fill(MOT_DE_PASSE)
    page.get_by_role("button", name="Se connecter").click()
    expect(page.locator("h1")).to_contain_text("Essai")
    expect(cellule(page, a)).to_have_value("42")
    expect(cellule(page, b)).to_have_value("mille")
    expect(cellule(page, c)).to_have_value("7,00")
    expect(page.locator(f"#dit-{a.pk}")).to_have_text("Retrouvé, pas encore enregistré.")
    assert tete(page)[0] == "1\u202f049,00\u00a0€", "42 retrouvés, 1 000 gardés sous « mille », 7"
    assert montants() == [euros(500), euros(1000), euros(7)], "rien ne s'écrit à l'ouverture d'une page"
    cellule(page, b).fill("8")
    page.get_by_role("button", name="Enregistrer les montants").click()
    expect(page.locator("[data-retrouvee]")).to_be_hidden()
    assert montants() == [euros(42), euros(8), euros(7)]
    ouvrir(page, live_server, scenario)
    expect(page.locator("[data-retrouvee]")).to_have_count(0)


def test_ajuster_par_une_regle_puis_promouvoir(page, live_server, session, actions, scenario, plaintes):
    ouvrir(page, live_server, scenario)
    page.get_by_role("link", name="Ajuster par une règle").click()
    page.get_by_label("d’un pourcentage").check(force=True)
    page.get_by_label("Baisse (%)").fill("10")
    page.get_by_role("button", name="Voir l’aperçu").click()
    page.get_by_role("button", name="Appliquer la règle").click()
    expect(page.get_by_text("Règle appliquée.")).to_be_visible()
    assert sum(montants()) == euros(2700)
    page.get_by_role("link", name="Promouvoir en décisions").click()
    page.get_by_role("button", name="Promouvoir").click()
    expect(page.get_by_text("Promu en décisions", exact=True)).to_be_visible()
    assert Decision.objects.count() == 3
    assert plaintes == []
