"""Rien de ce qui est tapé ne se perd quand la session expire : dans un vrai navigateur, de la frappe à l'action."""

import time
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from comptes.models import SaisieConservee
from programmation import operations
from programmation.enums import NatureComite
from programmation.models import Action, Organisme
from tests.fabriques import (
    ContratFactory,
    ExerciceFactory,
    FinanceurFactory,
    QuartierFactory,
    euros,
    habiliter,
)

pytestmark = pytest.mark.django_db(transaction=True)

AJOUTER = "/programmation/actions/ajouter/"
MOT_DE_PASSE = "Quartiers-2030-essais"
RANGER = "**/compte/saisies/"


@pytest.fixture
def agent():
    exercice = ExerciceFactory()
    contrat = ContratFactory(intitule="Caen la mer", departement=exercice.departement)
    for nom in ("Chemin Vert", "Grâce de Dieu"):
        QuartierFactory(nom=nom, contrat=contrat)
    FinanceurFactory(p147=True)
    FinanceurFactory(nom="Ville de Caen")
    utilisateur = habiliter(departement=exercice.departement)
    utilisateur.set_password(MOT_DE_PASSE)
    utilisateur.save()
    return utilisateur


@pytest.fixture
def plaintes(page):
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


@pytest.fixture
def ouvrir(page, live_server, agent):
    """Ouvre un écran en passant par la vraie page de connexion."""

    def aller(chemin=AJOUTER):
        page.goto(live_server.url + chemin)
        if "/compte/connexion/" in page.url:
            se_connecter(page, agent)

    return aller


def se_connecter(page, agent):
    page.get_by_label("Adresse électronique").fill(agent.courriel)
    page.get_by_label("Mot de passe").fill(MOT_DE_PASSE)
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_url(lambda adresse: "/compte/connexion/" not in adresse)


def attendre(condition):
    """Ce que le navigateur envoie en quittant une page n'a pas de réponse à attendre."""
    fin = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < fin, "rien n'est arrivé au serveur"
        time.sleep(0.1)


def violations(page):
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(page).response["violations"]]


def test_la_session_expire_pendant_la_saisie_et_rien_ne_se_perd(page, ouvrir, agent, plaintes):
    ouvrir()
    page.locator("#id_contrat").select_option(label="Caen la mer")
    page.get_by_role("checkbox", name="Chemin Vert").check(force=True)
    with page.expect_response(RANGER) as rangee:
        page.locator("#id_intitule").fill("Lire")
    assert rangee.value.status == 204
    Session.objects.all().delete()
    with page.expect_response(RANGER):
        page.locator("#id_intitule").fill("Lire au pied des tours")
    expect(page.locator("[data-session-expiree]")).to_contain_text("Votre session a expiré.")
    page.locator("#id_plan-0-demande").fill("1 234,50")
    page.get_by_role("button", name="Ajouter un financeur").click()
    page.locator("#id_plan-1-financeur").select_option(label="Ville de Caen")
    page.locator("#id_plan-1-demande").fill("500")
    page.get_by_role("button", name="Enregistrer le brouillon").click()
    page.wait_for_url("**/compte/connexion/**")
    expect(page.get_by_text("Ce que vous aviez tapé est gardé")).to_be_visible()
    se_connecter(page, agent)
    expect(page.locator("[data-retrouvee]")).to_contain_text("a été retrouvée")
    expect(page.locator("#id_intitule")).to_have_value("Lire au pied des tours")
    expect(page.get_by_role("checkbox", name="Chemin Vert")).to_be_checked()
    expect(page.locator("#id_plan-1-demande")).to_have_value("500,00")
    assert violations(page) == []
    page.get_by_role("button", name="Enregistrer le brouillon").click()
    page.wait_for_url("**/programmation/actions/*/")
    action = Action.objects.get()
    assert action.intitule == "Lire au pied des tours"
    assert sorted(action.financements.values_list("demande", flat=True)) == [euros(500), euros("1234,50")]
    assert not SaisieConservee.objects.exists()
    ouvrir()
    expect(page.locator("[data-retrouvee]")).to_have_count(0)
    expect(page.locator("#id_intitule")).to_have_value("")
    assert plaintes == []


def test_une_page_quittee_se_retrouve_et_s_abandonne(page, ouvrir, agent):
    ouvrir()
    page.locator("#id_intitule").fill("À moitié saisie")
    page.get_by_role("link", name="Accueil").first.click()
    attendre(SaisieConservee.objects.exists)
    ouvrir()
    expect(page.locator("#id_intitule")).to_have_value("À moitié saisie")
    page.get_by_role("button", name="L’abandonner").click()
    expect(page.locator("#id_intitule")).to_have_value("")
    assert not SaisieConservee.objects.exists()


def test_rouverte_apres_le_changement_d_un_autre_la_saisie_se_relit_puis_s_enregistre(page, ouvrir, agent):
    """La saisie remise garde la version qu'elle avait lue : le refus dit ce qui a changé, le second envoi passe."""
    campagne = ExerciceFactory().campagnes.get()
    comite = operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, date(2026, 3, 12), par=agent)
    adresse = f"/programmation/comites/{comite.pk}/modifier/"
    ouvrir(adresse)
    lue = page.locator("[name=lue]").input_value()
    with page.expect_response(RANGER):
        page.locator("#id_lieu").fill("Mairie de Caen")
    operations.modifier_un_comite(comite, {"date": date(2026, 3, 19)}, par=habiliter())
    ouvrir(adresse)
    expect(page.locator("#id_lieu")).to_have_value("Mairie de Caen")
    expect(page.locator("[name=lue]")).to_have_value(lue)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("a changé entre-temps")).to_contain_text("(12/03/2026 → 19/03/2026)")
    expect(page.locator("#id_lieu")).to_have_value("Mairie de Caen")
    expect(page.locator("#id_date")).to_have_value("2026-03-19")
    page.get_by_role("button", name="Enregistrer").click()
    page.wait_for_url(f"**/programmation/comites/{comite.pk}/")
    comite.refresh_from_db()
    assert (comite.lieu, comite.date) == ("Mairie de Caen", date(2026, 3, 19))
    assert not SaisieConservee.objects.exists()


def test_annuler_oublie_ce_qui_etait_tape(page, ouvrir, agent):
    ouvrir()
    with page.expect_response(RANGER):
        page.locator("#id_intitule").fill("À oublier")
    page.get_by_role("link", name="Annuler").click()
    page.wait_for_url(lambda adresse: "ajouter" not in adresse)  # la page oublie d'abord, puis s'en va
    attendre(lambda: not SaisieConservee.objects.exists())
    ouvrir()
    expect(page.locator("#id_intitule")).to_have_value("")


@pytest.mark.parametrize("largeur", [1280, 360])
def test_un_organisme_a_moitie_saisi_revient_dans_ses_champs(page, ouvrir, agent, plaintes, largeur):
    page.set_viewport_size({"width": largeur, "height": 800})
    ouvrir("/programmation/organismes/ajouter/")
    page.get_by_label("Forme").select_option(label="Commune")
    with page.expect_response(RANGER):
        page.locator("#id_nom").fill("Régie des Tours")
    Session.objects.all().delete()
    page.locator("#id_sigle").fill("RT")
    page.get_by_role("button", name="Enregistrer").click()
    page.wait_for_url("**/compte/connexion/**")
    se_connecter(page, agent)
    expect(page.locator("#id_nom")).to_have_value("Régie des Tours")
    expect(page.locator("#id_sigle")).to_have_value("RT")
    expect(page.locator("[data-retrouvee]")).to_be_visible()
    assert violations(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    page.get_by_role("button", name="Enregistrer").click()
    page.wait_for_url("**/programmation/organismes/*/")
    organisme = Organisme.objects.get()
    assert (organisme.nom, organisme.sigle, organisme.forme) == ("Régie des Tours", "RT", "commune")
    assert plaintes == []


def test_un_poste_retrouve_les_quartiers_de_son_contrat(page, ouvrir, agent):
    adresse = "/dispositifs/adultes-relais/ajouter/"
    ouvrir(adresse)
    page.locator("#id_contrat").select_option(label="Caen la mer")
    page.get_by_role("checkbox", name="Grâce de Dieu").check(force=True)
    with page.expect_response(RANGER):
        page.locator("#id_numero").fill("AR14")
    ouvrir(adresse)
    expect(page.locator("#id_numero")).to_have_value("AR14")
    expect(page.get_by_role("checkbox", name="Grâce de Dieu")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Chemin Vert")).not_to_be_checked()
