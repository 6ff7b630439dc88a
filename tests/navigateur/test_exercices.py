"""Figer, clore, rouvrir, voir une date passée, passer à l'année suivante dans un vrai navigateur : clavier, axe, 360 px."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from comptes.enums import Role
from pilotage.models import Photographie
from programmation.enums import StatutAction
from programmation.models import Exercice
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    p147,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def plaintes(page):
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


@pytest.fixture
def exercice(session_ouverte):
    """Une action programmée et cofinancée, une à décider, un brouillon ; une enveloppe de 5 000 €."""
    exercice = ExerciceFactory()
    contrat = ContratFactory(intitule="Caen la mer")
    enveloppe = EnveloppeFactory(libelle="P147 2026")
    MouvementFactory(enveloppe=enveloppe, ae=euros(5000))
    programmee = action_programmee(1200, intitule="Lire ensemble", contrat=contrat, enveloppe=enveloppe)
    cofinancement(programmee, FinanceurFactory(nom="Ville de Caen"), 800, 700)
    p147(ActionFactory(contrat=contrat), 500)
    ActionFactory(contrat=contrat, statut=StatutAction.BROUILLON)
    session_ouverte(habiliter(Role.RESPONSABLE))
    return exercice


def test_une_annee_se_fige_se_clot_se_relit_et_se_rouvre(page, live_server, exercice, plaintes):
    page.goto(f"{live_server.url}/programmation/exercices/")
    page.get_by_role("link", name="2026 – Calvados (14)").click()
    page.get_by_role("link", name="Figer").click()
    expect(page.get_by_text("1 action n’est pas décidée, pour 500,00 € demandés")).to_be_visible()
    page.get_by_role("button", name="Figer la campagne").press("Enter")
    expect(page.get_by_text("est figée et photographiée")).to_be_visible()

    page.get_by_role("link", name="Clore l’exercice").click()
    page.get_by_role("button", name="Clore l’exercice").press("Enter")
    expect(page.get_by_text("L’exercice 2026 est clos et photographié.")).to_be_visible()

    page.goto(f"{live_server.url}/pilotage/?exercice={exercice.pk}")
    page.get_by_text("Voir une date passée").click()
    jour = Photographie.objects.latest("pk").prise_le
    page.get_by_label("Au", exact=True).fill(f"{jour:%Y-%m-%d}")
    page.get_by_role("button", name="Voir", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Programmation 2026 – Calvados (14), au")
    page.get_by_role("link", name="Ce qui a changé depuis").click()
    expect(page.get_by_text("Rien n’a changé")).to_be_visible()

    page.goto(f"{live_server.url}/programmation/exercices/{exercice.pk}/")
    page.get_by_role("link", name="Rouvrir l’exercice").click()
    page.get_by_role("button", name="Rouvrir l’exercice").click()
    expect(page.get_by_text("Renseigner « Motif »").first).to_be_visible()
    page.get_by_label("Motif").fill("Une action oubliée")
    page.get_by_role("button", name="Rouvrir l’exercice").click()
    expect(page.get_by_text("L’exercice 2026 est rouvert.")).to_be_visible()
    expect(page.get_by_role("row", name="Une action oubliée")).to_be_visible()
    assert plaintes == []


def test_l_annee_suivante_se_prepare_une_fois(page, live_server, exercice, plaintes):
    page.goto(f"{live_server.url}/pilotage/passage/{exercice.pk}/")
    page.get_by_role("button", name="Préparer 2027").press("Enter")
    expect(page.get_by_text("Rien : 2027 a déjà tout ce que 2026 peut lui donner.")).to_be_visible()
    page.get_by_role("link", name="Quota d’adultes-relais").click()
    expect(page).to_have_url(
        f"{live_server.url}/dispositifs/adultes-relais/quota/{Exercice.objects.get(annee=2027).pk}/"
    )
    assert plaintes == []


def adresses(exercice):
    photo = Photographie.objects.latest("pk").pk
    campagne = exercice.campagnes.get().pk
    return [
        "/programmation/exercices/",
        "/programmation/exercices/ajouter/",
        f"/programmation/exercices/{exercice.pk}/",
        f"/programmation/exercices/{exercice.pk}/campagnes/ajouter/",
        f"/programmation/campagnes/{campagne}/partager/",
        f"/pilotage/campagnes/{campagne}/figer/",
        f"/pilotage/passage/{exercice.pk}/",
        "/pilotage/photographies/",
        f"/pilotage/photographies/{photo}/",
        f"/pilotage/photographies/{photo}/actions/",
        f"/pilotage/photographies/{photo}/comparer/",
    ]


def test_chaque_page_est_accessible_et_tient_sur_un_telephone(page, live_server, exercice):
    from pilotage.operations import photographier

    photographier(exercice, "Essai")
    page.set_viewport_size({"width": 360, "height": 740})
    fautes = {}
    for adresse in adresses(exercice):
        page.goto(f"{live_server.url}{adresse}")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            fautes[adresse] = "déborde"
        rapport = Axe().run(page)
        if rapport.violations_count:
            fautes[adresse] = [violation["id"] for violation in rapport.response["violations"]]
    assert fautes == {}
