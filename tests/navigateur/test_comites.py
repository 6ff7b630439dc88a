"""Un comité dans un vrai navigateur : l'ordre du jour au clavier, l'écran projeté qui suit, deux personnes en séance."""

from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from comptes.enums import Role
from programmation import operations
from programmation.enums import NatureComite, StatutAction
from programmation.models import Avis, Decision
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    PilierFactory,
    QuartierFactory,
    euros,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db(transaction=True)

COMITES = "/programmation/comites/"


def ouvrir_une_session(page, live_server, utilisateur):
    client = Client()
    client.force_login(utilisateur)
    jeton = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": jeton, "url": live_server.url}])


def ecouter(page, recueil):
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))


@pytest.fixture
def plaintes(page):
    recueil = []
    ecouter(page, recueil)
    return recueil


@pytest.fixture
def agent(page, live_server):
    utilisateur = habiliter(Role.AGENT, departement=ExerciceFactory().departement)
    ouvrir_une_session(page, live_server, utilisateur)
    return utilisateur


@pytest.fixture
def comite(agent):
    """Trois actions de 1 000, 2 000 et 3 000 € à l'ordre du jour d'un comité de pilotage ; l'enveloppe : 5 000 €."""
    exercice = ExerciceFactory()
    FinanceurFactory(p147=True)
    PilierFactory(code="emploi", ordre=3)
    enveloppe = EnveloppeFactory(exercice=exercice, libelle="Crédits P147")
    MouvementFactory(enveloppe=enveloppe, ae=euros(5000))
    caen = ContratFactory(intitule="Caen la mer")
    actions = [
        ActionFactory(intitule=f"Atelier {nom}", statut=StatutAction.INSTRUITE, contrat=caen, enveloppe=enveloppe)
        for nom in "ABC"
    ]
    for rang, action in enumerate(actions, 1):
        p147(action, demande=1000 * rang, propose=900 * rang)
        localiser(action, {QuartierFactory(contrat=caen): 1})
    Avis.objects.create(
        action=actions[0],
        auteur=habiliter(Role.DELEGUE),
        qualite="delegue",
        sens="favorable",
        visibilite="partenaires",
        commentaire="Très attendue au quartier",
    )
    comite = operations.creer_un_comite(actions[0].campagne, NatureComite.PILOTAGE, date(2026, 3, 12), par=agent)
    operations.inscrire(comite, actions, par=agent)
    return comite


@pytest.fixture
def seance(comite, agent):
    return operations.ouvrir_la_seance(comite, par=agent)


@pytest.fixture
def salle(browser, live_server, browser_context_args):
    """L'écran projeté, sur une autre machine : la session du préfet, qui lit."""
    contexte = browser.new_context(**browser_context_args | {"viewport": {"width": 1920, "height": 1080}})
    page = contexte.new_page()
    ouvrir_une_session(page, live_server, habiliter(Role.LECTEUR, departement=ExerciceFactory().departement))
    yield page
    contexte.close()


def passage(comite, nom):
    return comite.passages.get(action__intitule=f"Atelier {nom}")


def violations(page):
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(page).response["violations"]]


@pytest.mark.parametrize("largeur", [1920, 1280, 360])
def test_les_ecrans_d_un_comite_sont_accessibles_et_tiennent_dans_l_ecran(page, live_server, seance, plaintes, largeur):
    page.set_viewport_size({"width": largeur, "height": 800})
    pk, premier = seance.pk, passage(seance, "A").pk
    ecrans = ["", "ajouter/", f"{pk}/", f"{pk}/modifier/", f"{pk}/inscrire/", f"{pk}/seance/"]
    ecrans += [f"{pk}/seance/?passage={premier}", f"{pk}/projection/", f"{pk}/projection/?vue=table"]
    adresses = [COMITES + ecran for ecran in ecrans]
    adresses += [f"/pilotage/comites/{pk}/{geste}/" for geste in ("releve", "terminer")]
    for adresse in adresses:
        page.goto(live_server.url + adresse)
        for repli in page.locator("details:not([open]) > summary").all():
            repli.click()
        assert violations(page) == [], adresse
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), adresse
    assert plaintes == []


def test_l_ordre_du_jour_se_compose_au_clavier(page, live_server, comite, plaintes):
    page.goto(f"{live_server.url}{COMITES}{comite.pk}/")
    page.get_by_label("Descendre Atelier A").focus()
    page.keyboard.press("Enter")
    expect(page.locator("tbody th a")).to_have_text(["Atelier B", "Atelier A", "Atelier C"])
    expect(page.get_by_label("Rang de Atelier A")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(page.locator("tbody th a")).to_have_text(["Atelier B", "Atelier C", "Atelier A"])
    assert plaintes == []


def test_le_total_suit_chaque_frappe_et_avertit_avant_de_depasser(page, live_server, seance, plaintes):
    page.goto(f"{live_server.url}{COMITES}{seance.pk}/seance/")
    montant_a, montant_c = (page.locator(f"#id_p{passage(seance, nom).pk}-montant") for nom in "AC")
    total, alerte = page.locator("[data-total]"), page.locator("[data-alerte]")
    expect(total).to_have_text("0,00 €")
    montant_a.fill("1000")
    expect(total).to_have_text("1 000,00 €")
    expect(page.locator(f"#id_p{passage(seance, 'A').pk}-issue")).to_have_value("attribution")
    expect(page.locator("[data-apres]")).to_have_text("après : 4 000,00 €")
    expect(page.locator("[data-part-apres]")).to_have_text(["après : 100,0 %", "après : 0,0 %"])
    montant_a.press("End")
    montant_a.press("5")
    expect(page.locator("td .pv-depasse").first).to_have_text("Dépasse la demande de 9 005,00 € : motif exigé.")
    expect(alerte).to_have_text("Au-delà du reste à décider : Crédits P147.")
    montant_a.fill("1000")
    expect(alerte).to_have_text("")
    montant_c.fill("3000")
    expect(total).to_have_text("4 000,00 €")
    page.get_by_role("button", name="Enregistrer les issues choisies").click()
    expect(page.get_by_role("status").first).to_have_text("2 issues enregistrées.")
    assert sorted(Decision.objects.values_list("montant", flat=True)) == [euros(1000), euros(3000)]
    assert plaintes == []


@pytest.mark.parametrize("largeur", [1280, 360])
def test_une_erreur_ne_fait_pas_sortir_le_tableau_et_un_depassement_s_accepte(page, live_server, seance, largeur):
    chef = habiliter(Role.RESPONSABLE, departement=ExerciceFactory().departement)
    ouvrir_une_session(page, live_server, chef)
    page.set_viewport_size({"width": largeur, "height": 900})
    page.goto(f"{live_server.url}{COMITES}{seance.pk}/seance/")
    prefixe = f"#id_p{passage(seance, 'A').pk}"
    page.locator(f"{prefixe}-montant").fill("abc")
    page.get_by_role("button", name="Enregistrer les issues choisies").click()
    expect(page.locator("tbody .fr-message--error")).to_have_count(1)
    assert not page.evaluate(
        "(t => t.scrollWidth > t.clientWidth)(document.querySelector('.pv-lot .fr-table__content'))"
    )
    page.locator(f"{prefixe}-montant").fill("6000")
    page.locator(f"{prefixe}-observation").fill("Très bon projet")
    page.get_by_role("button", name="Enregistrer les issues choisies").click()
    expect(page.get_by_role("alert").first).to_contain_text("6 000,00 € dépassent de 1 000,00 € le reste à décider")
    assert not Decision.objects.exists()
    page.get_by_text("Dépasser « Crédits P147 » de 1 000,00 €").click()
    page.get_by_role("button", name="Enregistrer les issues choisies").click()
    expect(page.get_by_role("status").first).to_contain_text("dont 1 000,00 € au-delà du reste de « Crédits P147 ».")
    assert Decision.objects.get().depassement == euros(1000)


def test_tout_attribuer_ne_decide_que_ce_que_l_on_enregistre(page, live_server, seance):
    page.goto(f"{live_server.url}{COMITES}{seance.pk}/seance/")
    page.get_by_role("button", name="Attribuer tous les montants affichés").click()
    expect(page.locator("[data-total]")).to_have_text("5 400,00 €")
    assert not Decision.objects.exists()


def test_l_ecran_projete_suit_la_seance_sans_se_recharger(page, live_server, seance, salle, plaintes):
    """L'agent décide sur son poste ; la salle lit aussitôt la décision, l'enveloppe et les piliers, puis la suivante."""
    recueil = []
    ecouter(salle, recueil)
    salle.goto(f"{live_server.url}{COMITES}{seance.pk}/projection/")
    expect(salle.get_by_role("heading", name="Atelier A")).to_be_visible()
    expect(salle.get_by_text("Très attendue au quartier")).to_be_visible()
    salle.evaluate("window.temoin = 'jamais rechargée'")
    page.goto(f"{live_server.url}{COMITES}{seance.pk}/seance/?passage={passage(seance, 'A').pk}")
    page.get_by_label("Issue").select_option("attribution")
    page.get_by_label("Montant").fill("800")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    expect(salle.locator(".pv-examen__issue")).to_contain_text("800,00 €")
    expect(salle.locator("[data-enveloppe] strong")).to_have_text("4 200,00 €")
    expect(salle.locator(".pv-situation tfoot")).to_contain_text("800,00 €")
    page.get_by_role("button", name="Suivante : Atelier B").click()
    expect(salle.get_by_role("heading", name="Atelier B")).to_be_visible()
    assert salle.evaluate("window.temoin") == "jamais rechargée"
    assert not salle.evaluate("document.documentElement.scrollHeight > window.innerHeight"), "tout tient sur l'écran"
    assert plaintes + recueil == []


def test_deux_personnes_en_seance_la_seconde_voit_les_deux_valeurs(
    page, live_server, seance, browser, browser_context_args
):
    adresse = f"{live_server.url}{COMITES}{seance.pk}/seance/?passage={passage(seance, 'B').pk}"
    autre = browser.new_context(**browser_context_args).new_page()
    collegue = habiliter(Role.RESPONSABLE, departement=ExerciceFactory().departement)
    ouvrir_une_session(autre, live_server, collegue)
    for poste in (page, autre):
        poste.goto(adresse)
        poste.get_by_label("Issue").select_option("attribution")
    page.get_by_label("Montant").fill("1500")
    autre.get_by_label("Montant").fill("1800")
    autre.get_by_role("button", name="Enregistrer", exact=True).click()
    expect(autre.get_by_role("status").first).to_contain_text("1 800,00 €")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    conflit = page.get_by_role("alert")
    expect(conflit).to_contain_text("Votre saisie : Attribution, 1 500,00 €")
    expect(conflit).to_contain_text(f"En base : Attribution, 1 800,00 €, par {collegue}")
    expect(conflit).to_be_focused()
    assert Decision.objects.get().montant == euros(1800)
    autre.context.close()


def test_un_double_clic_decide_une_seule_fois(page, live_server, seance):
    page.goto(f"{live_server.url}{COMITES}{seance.pk}/seance/?passage={passage(seance, 'A').pk}")
    page.get_by_label("Issue").select_option("attribution")
    page.get_by_role("button", name="Enregistrer", exact=True).dblclick()
    expect(page.locator(".pv-examen__issue")).to_contain_text("900,00 €")
    assert Decision.objects.count() == 1


def test_une_session_expiree_ramene_l_ecran_a_la_connexion(page, live_server, seance):
    page.goto(f"{live_server.url}{COMITES}{seance.pk}/projection/")
    page.context.clear_cookies()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connexion")


def test_terminer_puis_lire_le_releve(page, live_server, seance):
    page.goto(f"{live_server.url}/pilotage/comites/{seance.pk}/terminer/")
    page.get_by_role("button", name="Terminer le comité").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Relevé de décisions")
    with page.expect_download() as telechargement:
        page.get_by_role("link", name="Télécharger le relevé").click()
    assert telechargement.value.suggested_filename == "releve-comite-de-pilotage-2026-03-12-14.pdf"
