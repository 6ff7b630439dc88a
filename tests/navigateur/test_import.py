"""Importer une année depuis un tableur écrit par LibreOffice, dans un vrai navigateur."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from comptes.enums import Role
from programmation.imports import lots
from programmation.models import Action
from tests.fabriques import habiliter
from tests.imports import FICHIERS, fichier, monde_des_fichiers

pytestmark = pytest.mark.django_db(transaction=True)
MOT_DE_PASSE = "quatre-chevaux-au-trot"


@pytest.fixture
def agent():
    exercice = monde_des_fichiers()
    personne = habiliter(Role.AGENT, departement=exercice.departement)
    personne.set_password(MOT_DE_PASSE)
    personne.save()
    return personne


@pytest.fixture
def connectee(page, live_server, agent):
    page.goto(f"{live_server.url}/compte/connexion/?next=/programmation/imports/")
    page.get_by_label("Adresse électronique").fill(agent.courriel)
    page.get_by_label("Mot de passe").fill(MOT_DE_PASSE)
    page.get_by_label("Mot de passe").press("Enter")
    page.wait_for_url("**/programmation/imports/")
    return page


def verifier(page):
    """Accessible, et dans l'écran à toutes les largeurs."""
    fautes = [(faute["id"], [n["target"] for n in faute["nodes"]]) for faute in Axe().run(page).response["violations"]]
    assert fautes == []
    for largeur in (360, 1280):
        page.set_viewport_size({"width": largeur, "height": 800})
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), largeur


def test_un_tableur_de_libreoffice_devient_des_actions(connectee):
    page = connectee
    verifier(page)
    page.get_by_role("link", name="Importer un fichier").click()
    page.get_by_label("Fichier").set_input_files(FICHIERS / "actions.ods")
    verifier(page)
    page.get_by_role("button", name="Lire le fichier").click()

    expect(page.get_by_label("Colonne A, « N° Dauphin »")).to_have_value("dossier")
    page.get_by_label("Colonne O, « Repère interne »").select_option(label="Description")
    page.get_by_label("Garder cette correspondance sous le nom").fill("Tableau du service")
    verifier(page)
    page.get_by_role("button", name="Voir ce qui changera").click()

    expect(page.get_by_role("link", name="Créées (3)")).to_be_visible()
    ensemble = page.get_by_role("row", name="Ensemble de l’exercice")
    expect(ensemble).to_contain_text("10 000,50 €")
    page.get_by_text("19 valeurs").first.click()
    verifier(page)
    page.get_by_role("button", name="Confirmer l’import").dblclick()

    page.get_by_role("link", name="Voir les actions de l’exercice").click()
    expect(page.get_by_role("link", name="Lire au pied des tours")).to_be_visible()
    assert Action.objects.get(dossier="00054562").description == "A-12"
    assert Action.objects.count() == 3


def test_un_fichier_refuse_se_lit_sur_un_telephone(connectee, agent):
    exercice = lots.exercices_ou_importer(agent).get()
    lignes = [["Atelier", "Caen", "dix mille"], ["Autre", "CN01403M", 100]]
    lot = lots.deposer(fichier(["Intitulé", "Contrat", "Coût"], *lignes), exercice, par=agent)
    lots.planifier(lot, par=agent)
    page = connectee
    page.reload()
    page.get_by_role("link", name="actions.xlsx").click()
    expect(page.get_by_role("heading", name="Rien ne peut être importé")).to_be_visible()
    verifier(page)
    with page.expect_download() as telechargement:
        page.get_by_role("link", name="Télécharger le fichier annoté").click()
    assert telechargement.value.suggested_filename == "actions-annote.xlsx"


def test_le_choix_de_chaque_colonne_se_voit_sur_un_telephone(connectee, agent):
    """Sans défiler de côté : c'est la seule chose à remplir de l'écran."""
    exercice = lots.exercices_ou_importer(agent).get()
    titre = "Intitulé complet de l’action tel que le porteur l’a déposé"
    valeurs = ["Lire au pied des tours et sous les arbres du quartier", "Contrat de ville de Caen la mer", 100]
    lot = lots.deposer(fichier([titre, "Contrat", "Coût"], valeurs), exercice, par=agent)
    page = connectee
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(page.url + f"{lot.pk}/colonnes/")
    for colonne in ("Colonne A", "Colonne B", "Colonne C"):
        cadre = page.get_by_label(colonne).bounding_box()
        assert cadre["x"] >= 0
        assert cadre["x"] + cadre["width"] <= 360
    verifier(page)
