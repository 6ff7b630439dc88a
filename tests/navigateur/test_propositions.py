"""Taper les proposés dans la liste, au clavier et par collage, comme dans un tableur."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from programmation.models import Financement
from programmation.operations import MontantPropose, proposer
from tests.fabriques import ActionFactory, ContratFactory, action_programmee, euros, habiliter, p147

pytestmark = pytest.mark.django_db(transaction=True)

MOT_DE_PASSE = "Quartiers-2030-essais"
PROPOSES = "/programmation/propositions/"
ETAT, TOTAL = "[data-etat]", "#totaux td:nth-of-type(3)"


@pytest.fixture
def actions():
    """A, B et D à décider, C programmée : elle ne se saisit plus."""
    contrat = ContratFactory()
    a, b, d = [ActionFactory(intitule=f"Action {nom}", contrat=contrat) for nom in "ABD"]
    for action, propose in ((a, 400), (b, None), (d, None)):
        p147(action, demande=1000, propose=propose)
    action_programmee(accorde=700, contrat=contrat, intitule="Action C")
    return a, b, d


@pytest.fixture
def agent():
    utilisateur = habiliter()
    utilisateur.set_password(MOT_DE_PASSE)
    utilisateur.save()
    return utilisateur


@pytest.fixture
def ouvrir(page, live_server, session_ouverte, agent, actions):
    session_ouverte(agent)
    page.goto(live_server.url + PROPOSES)
    return page


def cellule(page, action):
    return page.locator(f"[name=a{action.pk}]")


def violations(page):
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(page).response["violations"]]


def propose(action):
    return Financement.objects.p147().get(action=action).propose


def coller(page, action, texte):
    cellule(page, action).evaluate(
        """(champ, texte) => {
            const presse = new DataTransfer();
            presse.setData("text", texte);
            champ.focus();
            champ.dispatchEvent(new ClipboardEvent("paste", {clipboardData: presse, bubbles: true, cancelable: true}));
        }""",
        texte,
    )


def test_entree_enregistre_et_descend_echap_annule_les_fleches_circulent(ouvrir, actions):
    page, (a, b, d) = ouvrir, actions
    cellule(page, a).fill("1 234,50 €")
    cellule(page, a).press("Enter")
    expect(cellule(page, b)).to_be_focused()
    expect(page.locator(TOTAL)).to_contain_text("1 234,50")
    expect(page.locator(ETAT)).to_have_text("Tout est enregistré.")
    cellule(page, b).press("ArrowDown")
    expect(cellule(page, d)).to_be_focused()
    cellule(page, d).press("ArrowUp")
    cellule(page, b).fill("99")
    cellule(page, b).press("Escape")
    expect(cellule(page, b)).to_have_value("")
    assert (propose(a), propose(b)) == (euros("1234,50"), None)


def test_une_colonne_collee_attend_sa_cellule_fautive_puis_s_enregistre_en_entier(ouvrir, actions):
    page, (a, b, d) = ouvrir, actions
    coller(page, a, "500,00 €\nmille\n\n20\n")
    expect(cellule(page, b)).to_have_attribute("aria-invalid", "true")
    expect(page.locator(ETAT)).to_contain_text("3 montants ne sont pas enregistrés")
    assert [propose(action) for action in (a, b, d)] == [euros(400), None, None]
    cellule(page, b).fill("1000")
    cellule(page, b).press("Enter")
    expect(page.locator(ETAT)).to_have_text("Tout est enregistré.")
    expect(page.locator("[data-dit]")).to_have_count(0)
    assert [propose(action) for action in (a, b, d)] == [euros(500), euros(1000), euros(20)]


def test_coller_sur_une_ligne_figee_ne_colle_rien(ouvrir, actions):
    page, (a, b, _) = ouvrir, actions
    coller(page, a, "500\n600\n700")
    expect(page.locator(f"#dit-{a.pk}")).to_contain_text("Action C")
    expect(cellule(page, b)).to_have_value("")
    coller(page, a, "1\n2\n\n4\n5")
    expect(page.locator(f"#dit-{a.pk}")).to_contain_text("1 valeur(s) de trop")
    assert propose(a) == euros(400)


def test_un_conflit_montre_les_trois_valeurs_et_laisse_choisir(ouvrir, actions):
    page, (a, b, _) = ouvrir, actions
    for action, montant in ((a, 700), (b, 50)):
        proposer([MontantPropose(action.pk, euros(montant), action.version)], par=habiliter("responsable"))
    cellule(page, a).fill("800")
    cellule(page, a).press("Enter")
    dit = page.locator(f"#dit-{a.pk}")
    for morceau in ("400,00", "700,00", "800,00"):
        expect(dit).to_contain_text(morceau)
    assert violations(page) == []
    dit.get_by_role("button", name="Garder le mien").click()
    expect(page.locator(ETAT)).to_have_text("Tout est enregistré.")
    cellule(page, b).fill("60")
    cellule(page, b).press("Enter")
    page.locator(f"#dit-{b.pk}").get_by_role("button", name="Prendre l’autre").click()
    expect(cellule(page, b)).to_have_value("50,00")
    assert (propose(a), propose(b)) == (euros(800), euros(50))


def test_une_session_expiree_ne_fait_rien_retaper(ouvrir, agent, actions):
    page, (a, b, d) = ouvrir, actions
    Session.objects.all().delete()
    cellule(page, a).fill("800")
    cellule(page, a).press("Enter")
    expect(page.locator(f"#dit-{a.pk}")).to_contain_text("Pas enregistré")
    cellule(page, b).fill("60")
    assert violations(page) == []
    proposer([MontantPropose(d.pk, euros(5), d.version)], par=habiliter("responsable"))
    page.get_by_role("button", name="Reprendre").click()
    page.get_by_label("Adresse électronique").fill(agent.courriel)
    page.get_by_label("Mot de passe").fill(MOT_DE_PASSE)
    page.get_by_role("button", name="Se connecter").click()
    for action, valeur in ((a, "800"), (b, "60"), (d, "5,00")):
        expect(cellule(page, action)).to_have_value(valeur)
    assert [propose(action) for action in (a, b, d)] == [euros(400), None, euros(5)]
    assert violations(page) == []
    page.get_by_role("button", name="Enregistrer les proposés").click()
    expect(page.locator(ETAT)).to_have_text("Tout est enregistré.")
    expect(page.locator("[data-retrouvee]")).to_be_hidden()
    assert [propose(action) for action in (a, b, d)] == [euros(800), euros(60), euros(5)]
    page.reload()
    expect(page.locator("[data-retrouvee]")).to_have_count(0)


def test_une_coupure_s_enregistre_des_qu_elle_finit(ouvrir, actions):
    """La session tient toujours : « Reprendre » enregistre ce qui est resté."""
    page, (a, b, _) = ouvrir, actions
    page.context.set_offline(True)
    cellule(page, a).fill("800")
    cellule(page, a).press("Enter")
    expect(page.locator(f"#dit-{a.pk}")).to_contain_text("Pas enregistré")
    page.context.set_offline(False)
    cellule(page, b).fill("60")
    page.get_by_role("button", name="Reprendre").click()
    expect(page.locator("main")).to_contain_text("2 montants proposés relus.")
    assert (propose(a), propose(b)) == (euros(800), euros(60))


@pytest.mark.parametrize("largeur", [1280, 360])
def test_l_ecran_est_accessible_et_tient_dans_la_page(ouvrir, largeur):
    ouvrir.set_viewport_size({"width": largeur, "height": 800})
    assert violations(ouvrir) == []
    assert not ouvrir.evaluate("document.documentElement.scrollWidth > window.innerWidth")
