"""Reconduire d'un clic, lire l'histoire d'un champ et revenir à une version, sur un grand écran comme au téléphone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from comptes.enums import Role
from programmation import operations
from programmation.enums import StatutExercice
from programmation.models import Action
from programmation.operations import SaisieAction
from tests.fabriques import EtablissementFactory, ExerciceFactory, action_programmee, euros, habiliter

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ludo():
    """Programmée en 2025, exercice clos ; 2026 est ouvert."""
    etablissement = EtablissementFactory()
    return action_programmee(
        450,
        900,
        exercice=ExerciceFactory(annee=2025, statut=StatutExercice.CLOS),
        intitule="Ludothèque du Chemin Vert",
        porteur=etablissement.organisme,
        etablissement=etablissement,
    )


def tient(page, largeur):
    """Rien ne dépasse de la largeur, et axe ne trouve rien."""
    page.set_viewport_size({"width": largeur, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= largeur
    assert Axe().run(page).violations_count == 0


def test_une_action_se_reconduit_d_un_clic_l_an_dernier_sous_les_yeux(page, live_server, session_ouverte, ludo):
    exercice = ExerciceFactory()
    session_ouverte(habiliter(Role.AGENT, departement=exercice.departement))
    page.goto(f"{live_server.url}{ludo.get_absolute_url()}")
    page.get_by_role("button", name="Reconduire en 2026").click()
    page.wait_for_url("**/modifier/")
    assert page.get_by_role("heading", name="L’an dernier (2025)").is_visible()
    for largeur in (1280, 360):
        tient(page, largeur)
    nouvelle = Action.objects.get(action_precedente=ludo)
    assert (nouvelle.exercice, nouvelle.statut) == (exercice, "brouillon")
    page.goto(f"{live_server.url}{ludo.get_absolute_url()}")
    assert page.get_by_role("button", name="Reconduire en 2026").count() == 0
    assert page.get_by_role("link", name="Ludothèque du Chemin Vert").is_visible()


def test_un_champ_mene_a_son_histoire_et_une_version_passee_revient(page, live_server, session_ouverte):
    action = action_programmee(intitule="Ludothèque")
    agent = session_ouverte(habiliter(Role.AGENT, departement=action.exercice.departement))
    operations.enregistrer([SaisieAction({"cout_previsionnel": euros(1500)}, action)], par=agent, motif="Budget revu")
    operations.enregistrer([SaisieAction({"cout_previsionnel": euros(1700)}, action)], par=agent, motif="Encore revu")
    page.goto(f"{live_server.url}{action.get_absolute_url()}")
    page.get_by_role("link", name="Coût prévisionnel").click()
    page.get_by_text("Budget revu").wait_for()
    tient(page, 360)
    page.get_by_role("link", name="Tout", exact=True).click()
    page.get_by_role("link", name="Revenir à cette version").first.click()
    page.get_by_role("heading", name="Revenir à la version 2").wait_for()
    for largeur in (1280, 360):
        tient(page, largeur)
    page.get_by_label("Motif").fill("Premier budget")
    page.get_by_role("button", name="Revenir à cette version").click()
    page.get_by_text("L’action est revenue à sa version 2").wait_for()
    assert Action.objects.get(pk=action.pk).cout_previsionnel == euros(1500)
