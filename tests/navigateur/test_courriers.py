"""Du comité au porteur : des lettres et un acte, de la sélection à la signature, au clavier et au téléphone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from comptes.enums import Role
from programmation.models import Acte, ModeleDeCourrier, Organisme
from tests.fabriques import ContratFactory, ExerciceFactory, OrganismeFactory, action_programmee, habiliter

pytestmark = pytest.mark.django_db(transaction=True)
CORPS = "Madame, Monsieur,\n\nUne subvention de {{ montant }} ({{ montant_en_lettres }}) vous est accordée."


@pytest.fixture
def agent(session_ouverte):
    """Deux actions accordées, l'une à un organisme sans adresse, et un modèle par nature utile."""
    exercice, contrat = ExerciceFactory(), ContratFactory(intitule="Contrat de ville de Caen la mer")
    tilleuls = OrganismeFactory(nom="Les Tilleuls", adresse="3, rue du Moulin", code_postal="14000", ville="Caen")
    commun = {"exercice": exercice, "contrat": contrat}
    action_programmee(6000, intitule="Ateliers de lecture", porteur=tilleuls, **commun)
    action_programmee("1234,50", intitule="Courir ensemble", porteur=OrganismeFactory(nom="Le Lien"), **commun)
    objet = "Votre action « {{ intitule }} »"
    ModeleDeCourrier.objects.create(nature="accord", nom="Accord", objet=objet, corps=CORPS, signataire="Le préfet")
    texte = "Le préfet {{ departement }} arrête :\n\n## Article 1\n\n{{ porteur }} reçoit {{ montant }} pour :\n\n{{ actions }}"
    ModeleDeCourrier.objects.create(nature="arrete", nom="Arrêté", objet="Arrêté {{ annee }}", corps=texte)
    return session_ouverte(habiliter(Role.AGENT, departement=exercice.departement))


def sans_defaut(page):
    assert Axe().run(page).violations_count == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_de_la_selection_aux_lettres_en_saisissant_l_adresse_qui_manque(page, live_server, agent):
    page.goto(f"{live_server.url}/programmation/actions/")
    for nom in ("Ateliers de lecture", "Courir ensemble"):
        page.get_by_role("checkbox", name=f"Choisir {nom}").check(force=True)
    page.get_by_text("Autres gestes", exact=True).press("Enter")
    page.get_by_role("button", name="Courriers de la sélection").press("Enter")
    page.get_by_text("1 lettre peut être écrite").wait_for()
    sans_defaut(page)
    page.set_viewport_size({"width": 360, "height": 780})
    sans_defaut(page)
    page.get_by_role("link", name="Saisir l’adresse").click()
    page.get_by_label("Code postal").fill("14100")
    page.get_by_label("Ville", exact=True).fill("Lisieux")
    page.get_by_role("button", name="Enregistrer").click()
    page.get_by_text("2 lettres peuvent être écrites").wait_for()
    assert Organisme.objects.get(nom="Le Lien").lignes_de_l_adresse == ["14100 Lisieux"]
    with page.expect_download() as attendu:
        page.get_by_role("button", name="Télécharger en un PDF").press("Enter")
    assert attendu.value.path().read_bytes()[:5] == b"%PDF-"


def test_un_acte_se_redige_se_signe_et_se_notifie(page, live_server, agent):
    page.goto(f"{live_server.url}/programmation/actes/")
    page.get_by_role("link", name="À établir : 2").click()
    sans_defaut(page)
    page.get_by_role("row", name="Ateliers de lecture").get_by_role("link", name="Établir l’acte").click()
    sans_defaut(page)
    page.get_by_role("button", name="Rédiger le projet").click()
    page.get_by_role("link", name="Relire le texte").click()
    sans_defaut(page)
    page.get_by_label("Numéro").fill("2026-1")
    page.get_by_role("button", name="Enregistrer le texte").click()
    page.get_by_role("link", name="Enregistrer la signature").click()
    page.get_by_label("Signé le").fill("2026-05-04")
    page.get_by_label("Notifié au porteur le").fill("2026-05-11")
    page.set_viewport_size({"width": 360, "height": 780})
    sans_defaut(page)
    page.get_by_role("button", name="Enregistrer les dates").click()
    page.get_by_text("Les dates sont enregistrées.").wait_for()
    sans_defaut(page)
    page.goto(f"{live_server.url}/programmation/actes/")
    sans_defaut(page)
    acte = Acte.objects.get()
    assert (acte.numero, f"{acte.signe_le:%d/%m}", f"{acte.notifie_le:%d/%m}") == ("2026-1", "04/05", "11/05")
    assert "- « Ateliers de lecture » : 6 000,00 €" in acte.texte.replace("\u202f", " ").replace("\xa0", " ")
