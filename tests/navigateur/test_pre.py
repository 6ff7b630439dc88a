"""Remplir la feuille annuelle d'un PRE dans un vrai navigateur : au clavier seul, accessible, lisible au téléphone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import expect

from comptes.enums import Role
from dispositifs.models import SuiviPre
from programmation.enums import StatutAction
from tests.dispositifs.fabriques import ProgrammeFactory
from tests.fabriques import ActionFactory, CommuneFactory, DispositifFactory, FinanceurFactory, euros, habiliter, p147

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pre():
    """Un PRE de Caen, et l'action qui le finance en 2026."""
    programme = ProgrammeFactory(intitule="PRE de Caen", communes=[CommuneFactory(nom="Caen")])
    FinanceurFactory(nom="Ville de Caen")
    dispositif = DispositifFactory(pre=True)
    action = ActionFactory(
        intitule="Parcours de réussite",
        contrat=programme.contrat,
        dispositif=dispositif,
        statut=StatutAction.PROGRAMMEE,
    )
    p147(action, demande=60000, accorde=60000)
    return programme


@pytest.fixture
def plaintes(page):
    """Ce que le navigateur reproche à la page : erreurs de script, ressources refusées par la politique de sécurité."""
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


@pytest.fixture
def ouvrir(page, client, context, live_server, pre):
    client.force_login(habiliter(Role.AGENT, departement=pre.contrat.departement))
    nom = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": nom, "value": client.cookies[nom].value, "url": live_server.url}])

    def aller(chemin):
        page.goto(live_server.url + chemin)

    return aller


def tabuler_jusqu_a(page, selecteur):
    for _ in range(60):
        if page.evaluate("s => document.activeElement.matches(s)", selecteur):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{selecteur} ne s’atteint pas au clavier.")


def remplir(page, nombres):
    """Tape chaque nombre et passe au champ suivant ; None laisse le champ vide."""
    for nombre in nombres:
        if nombre is not None:
            page.keyboard.type(str(nombre))
        page.keyboard.press("Tab")


def violations(page):
    return [(faute["id"], [n["target"] for n in faute["nodes"]]) for faute in Axe().run(page).response["violations"]]


def test_une_feuille_se_remplit_au_clavier(page, ouvrir, pre, plaintes):
    ouvrir(f"/dispositifs/pre/{pre.pk}/")
    tabuler_jusqu_a(page, "a[href$='/2026/saisir/']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Feuille 2026")
    assert violations(page) == []
    tabuler_jusqu_a(page, "#id_enfants_suivis")
    remplir(page, [120, 40, 0, 100, 90, None])
    tabuler_jusqu_a(page, "#id_age_sexe_2_5f")
    remplir(page, [10, 12, 20, 30, 18, 22, 3, 5])  # ligne après ligne : filles, puis garçons
    tabuler_jusqu_a(page, "#id_etp_coordonnateur")
    remplir(page, ["1", "2,5"])
    tabuler_jusqu_a(page, "#id_budget-0-financeur")
    remplir(page, ["ANCT", "60000", "Ville", "24 000,50"])
    tabuler_jusqu_a(page, "#id_actions_0")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").or_(page.get_by_role("status")).first).to_contain_text("PRE de Caen en 2026")
    suivi = SuiviPre.objects.get()
    assert (suivi.enfants_suivis, suivi.sortis, suivi.duree_moyenne, suivi.effectifs.count()) == (120, 0, None, 8)
    assert sorted(suivi.budgets.values_list("montant", flat=True)) == [euros("24000,50"), euros(60000)]
    assert (suivi.liens.get().action.intitule, str(suivi.etp_referents)) == ("Parcours de réussite", "2.50")
    # La feuille qui sort tait le 3, et ce qui le rendrait.
    fin = page.get_by_role("table", name="Âge et sexe").get_by_role("row", name="17 ans et plus")
    assert fin.get_by_role("cell").all_inner_texts() == ["n. c.", "n. c.", "8"]
    assert (violations(page), plaintes) == ([], [])


@pytest.mark.parametrize("largeur", [1280, 360])
def test_les_ecrans_des_pre_tiennent_dans_la_largeur(page, ouvrir, pre, largeur):
    page.set_viewport_size({"width": largeur, "height": 800})
    for chemin in ("", "ajouter/", f"{pre.pk}/", f"{pre.pk}/2026/saisir/"):
        ouvrir(f"/dispositifs/pre/{chemin}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), chemin
        assert violations(page) == []
