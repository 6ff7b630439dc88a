"""L'exécution dans un vrai navigateur : engager, payer, justifier au clavier ; accessible ; lisible sur un téléphone."""

import re
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from comptes.enums import Role
from programmation.enums import CodeParametre, StatutExercice
from programmation.models import Justification, LigneEngagement, Paiement, Parametre
from tests.fabriques import (
    ExerciceFactory,
    FinanceurFactory,
    LigneEngagementFactory,
    PaiementFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
)

pytestmark = pytest.mark.django_db(transaction=True)

RACINE = "/programmation/"


@pytest.fixture
def exercice():
    Parametre.objects.create(
        code=CodeParametre.DELAI_JUSTIFICATION, depuis=date(2000, 4, 12), valeur=6, source="Loi n° 2000-321"
    )
    return ExerciceFactory(annee=2025)


@pytest.fixture
def actions(exercice):
    return [action_programmee(1000 * rang, exercice=exercice, intitule=f"Atelier {rang}") for rang in (1, 2)]


@pytest.fixture
def plaintes(page):
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


@pytest.fixture
def agent(page, live_server, exercice):
    """Une session déjà ouverte : la connexion a ses propres tests."""
    utilisateur = habiliter(Role.AGENT, departement=exercice.departement)
    client = Client()
    client.force_login(utilisateur)
    jeton = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": jeton, "url": live_server.url}])
    return utilisateur


def violations(page):
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(page).response["violations"]]


@pytest.mark.parametrize("largeur", [1280, 360])
def test_les_ecrans_de_l_execution_sont_accessibles_et_tiennent_dans_l_ecran(
    page, live_server, agent, actions, plaintes, largeur
):
    page.set_viewport_size({"width": largeur, "height": 800})
    paiement = PaiementFactory(ligne__action=actions[0])
    ligne, pk = paiement.ligne, actions[0].pk
    suivie = cofinancement(actions[0], FinanceurFactory(), 1000, 800)
    listes = [
        f"{nom}/?annee=2025" for nom in ("engagements", "paiements", "justifications", "echeances", "changements")
    ]
    ecrans = [*listes, "engagements/?annee=2024", f"engagements/{ligne.engagement_id}/"]
    ecrans += [f"engagements/lignes/{ligne.pk}/{geste}/" for geste in ("payer", "desengager", "retirer")]
    ecrans += [f"engagements/ajouter/?action={pk}&action={actions[1].pk}", "engagements/ajouter/"]
    ecrans += [f"actions/{pk}/justification/", f"financements/{suivie.pk}/suivre/", f"actions/{pk}/"]
    for ecran in ecrans:
        page.goto(f"{live_server.url}{RACINE}{ecran}")
        for repli in page.locator("details:not([open]) > summary").all():
            repli.click()
        assert violations(page) == [], ecran
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), ecran
    assert plaintes == []


def test_de_la_liste_au_paiement_puis_a_la_justification_au_clavier(page, live_server, agent, actions, plaintes):
    page.goto(f"{live_server.url}{RACINE}actions/?annee=2025&execution=non_engagees")
    for action in actions:
        page.get_by_label(f"Choisir {action}").press("Space")
    page.get_by_text("Autres gestes", exact=True).press("Enter")
    page.get_by_role("button", name="Engager la sélection").press("Enter")
    total = page.locator("[data-total]")
    expect(total).to_have_text(re.compile(r"3.000,00.€"))
    page.get_by_label("Numéro d’EJ").fill("210 100 0001")
    page.get_by_label("Date de l’engagement").fill("2025-05-10")
    page.get_by_label("Montant engagé pour Atelier 2").fill("1 234,50")
    expect(total).to_have_text(re.compile(r"2.234,50.€"))
    page.get_by_role("button", name="Enregistrer l’engagement").press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("EJ 2101000001")
    page.get_by_role("link", name="Payer Atelier 2").press("Enter")
    page.get_by_label("Nature").select_option("solde")
    page.get_by_label("Montant").fill("1234,50")
    page.get_by_label("Date").fill("2025-06-01")
    page.get_by_role("button", name="Enregistrer").press("Enter")
    expect(page.get_by_text(re.compile("Paiement enregistré.: Solde de 1.234,50.€."))).to_be_visible()
    assert Paiement.objects.get().cp == euros("1234,50")

    page.goto(f"{live_server.url}{RACINE}echeances/?nature=en_retard")
    page.get_by_role("link", name="Relancer le porteur").last.press("Enter")
    page.get_by_label("État").select_option("validee")
    page.get_by_label("Reçue le").fill("2026-03-02")
    page.get_by_label("Dépensé").fill("2 500")
    page.get_by_role("button", name="Enregistrer la justification").press("Enter")
    expect(page.get_by_text("La justification est enregistrée.")).to_be_visible()
    assert Justification.objects.get().depense == euros(2500)
    assert plaintes == []


def test_apres_la_cloture_la_fiche_saisit_encore_l_execution(page, live_server, agent, actions, exercice):
    ligne = LigneEngagementFactory(action=actions[0], engagement__numero="2101")
    exercice.statut = StatutExercice.CLOS
    exercice.save()
    page.goto(f"{live_server.url}{RACINE}actions/{actions[0].pk}/")
    expect(page.get_by_role("link", name="Modifier", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Payer sur l’EJ 2101").click()
    page.get_by_label("Nature").select_option("avance")
    page.get_by_label("Montant").fill("400")
    page.get_by_label("Date").fill("2026-03-01")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("(clos : l’exécution, elle, se saisit toujours)")).to_be_visible()
    assert Paiement.objects.get().ligne == ligne


def test_un_double_clic_n_engage_qu_une_fois(page, live_server, agent, actions):
    page.goto(f"{live_server.url}{RACINE}engagements/ajouter/?action={actions[0].pk}")
    page.get_by_label("Numéro d’EJ").fill("2101000001")
    page.get_by_label("Date de l’engagement").fill("2025-05-10")
    page.get_by_role("button", name="Enregistrer l’engagement").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("EJ 2101000001")
    assert LigneEngagement.objects.count() == 1
