"""Les postes dans un vrai navigateur : renouveler depuis le radar au clavier, accessible et lisible sur un téléphone."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from comptes.enums import Role
from dispositifs.dates import UN_JOUR, dernier_jour
from dispositifs.models import PosteAdulteRelais
from tests.dispositifs.fabriques import (
    AvenantFactory,
    BaremeAdulteRelaisFactory,
    ConventionFactory,
    OccupationFactory,
    PosteFactory,
    QuotaFactory,
    ReleveFactory,
    TriennaliteFactory,
)
from tests.fabriques import ContratFactory, ExerciceFactory, OrganismeFactory, QuartierFactory, habiliter

pytestmark = pytest.mark.django_db(transaction=True)

DISPOSITIFS = "/dispositifs/"


@pytest.fixture
def plaintes(page):
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


@pytest.fixture
def responsable(page, live_server):
    """Une session déjà ouverte : la connexion a ses propres tests."""
    utilisateur = habiliter(Role.RESPONSABLE, departement=ExerciceFactory(annee=timezone.localdate().year).departement)
    client = Client()
    client.force_login(utilisateur)
    jeton = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": jeton, "url": live_server.url}])
    return utilisateur


@pytest.fixture
def convention():
    """Une convention qui finit dans deux mois, avec tout ce qu'un poste peut porter."""
    BaremeAdulteRelaisFactory()
    contrat = ContratFactory(intitule="Contrat de ville de Caen la mer")
    poste = PosteFactory(numero="01499R0001", contrat=contrat, employeur=OrganismeFactory(nom="Association des Tours"))
    poste.quartiers.add(QuartierFactory(contrat=contrat, nom="Chemin-Vert"))
    fin = timezone.localdate() + timedelta(days=60)
    convention = ConventionFactory(poste=poste, debut=fin - timedelta(days=900), fin=fin)
    AvenantFactory(convention=convention, date_effet=convention.debut + timedelta(days=100))
    OccupationFactory(convention=convention)
    ReleveFactory(poste=poste)
    return convention


def violations(page):
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(page).response["violations"]]


@pytest.mark.parametrize("largeur", [1280, 360])
def test_les_ecrans_des_postes_sont_accessibles_et_tiennent_dans_l_ecran(
    page, live_server, responsable, convention, plaintes, largeur
):
    page.set_viewport_size({"width": largeur, "height": 800})
    exercice = ExerciceFactory(annee=timezone.localdate().year)
    QuotaFactory(exercice=exercice)
    fin = timezone.localdate() + timedelta(days=100)
    triennalite = TriennaliteFactory(debut=fin - timedelta(days=1000), fin=fin)
    poste, occupation = convention.poste, convention.occupations.get()
    liste, conventions = "adultes-relais/", f"conventions/{convention.pk}"
    ecrans = [liste, f"{liste}?contrat=999", f"{liste}?q=introuvable", f"{liste}radar/", f"{liste}ajouter/"]
    ecrans += [f"{liste}{poste.pk}/{geste}" for geste in ("", "modifier/", "conventions/")]
    ecrans += [f"{liste}employeurs/{poste.employeur_id}/", f"{liste}quota/{exercice.pk}/", "calendrier/"]
    ecrans += [f"{conventions}/{geste}/" for geste in ("modifier", "dossier", "renouveler", "avenants", "occupations")]
    ecrans += [f"{conventions}/supprimer/", f"occupations/{occupation.pk}/modifier/"]
    ecrans += ["fonjep/", f"fonjep/{triennalite.poste_id}/", f"fonjep/{triennalite.poste_id}/periodes/"]
    for ecran in ecrans:
        page.goto(f"{live_server.url}{DISPOSITIFS}{ecran}")
        page.evaluate("document.querySelectorAll('main details').forEach(repli => repli.open = true)")
        assert violations(page) == [], ecran
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), ecran
    assert plaintes == []


def test_au_telephone_le_radar_montre_l_etape_et_le_geste_sans_glisser(page, live_server, responsable, convention):
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{live_server.url}{DISPOSITIFS}adultes-relais/radar/")
    for vu in (page.get_by_text("Attendu : ").first, page.get_by_role("link", name="Renouveler le poste")):
        boite = vu.bounding_box()
        assert boite["x"] + boite["width"] <= 360


def test_au_telephone_une_evaluation_fonjep_se_lit_sans_glisser(page, live_server, responsable):
    """Au radar et sur la fiche du poste : chaque cellule tient dans l'écran, et dit ce qu'elle est."""
    page.set_viewport_size({"width": 360, "height": 800})
    fin = timezone.localdate() + timedelta(days=100)
    periode = TriennaliteFactory(debut=fin - timedelta(days=1000), fin=fin, poste__agent_referent=responsable)
    for ecran, titres in (("adultes-relais/radar/", 6), (f"fonjep/{periode.poste_id}/", 3)):
        page.goto(f"{live_server.url}{DISPOSITIFS}{ecran}")
        cellules = page.locator(".pv-empile tbody td, .pv-empile tbody th")
        boites = [cellule.bounding_box() for cellule in cellules.all()]
        assert [boite for boite in boites if boite["x"] + boite["width"] > 360] == [], ecran
        assert page.locator(".pv-empile [data-titre]").count() == titres


def test_renouveler_une_convention_depuis_le_radar_au_clavier(page, live_server, responsable, convention, plaintes):
    page.goto(live_server.url)
    page.get_by_role("button", name="Dispositifs").press("Enter")
    page.get_by_role("link", name="Échéances des postes").press("Enter")
    ligne = page.get_by_role("row", name="01499R0001")
    expect(ligne).to_contain_text("dans 60 jours")
    ligne.get_by_role("link", name="Dossier du poste 01499R0001").press("Enter")
    jour = timezone.localdate()
    for libelle in ("Demande de renouvellement reçue le", "Bilan reçu le", "Avis du délégué rendu le"):
        page.get_by_label(libelle).fill(jour.isoformat())
    page.get_by_role("button", name="Enregistrer").press("Enter")
    expect(page.get_by_text("Le dossier est à jour.")).to_be_visible()

    page.goto(f"{live_server.url}{DISPOSITIFS}adultes-relais/radar/")
    expect(page.get_by_role("row", name="01499R0001")).to_contain_text("Décider de la suite.")
    page.get_by_role("link", name="Renouveler le poste 01499R0001").press("Enter")
    debut = convention.fin + UN_JOUR
    expect(page.get_by_label("Fin")).to_have_value(dernier_jour(debut, 3).isoformat())
    page.get_by_label("Quotité").fill("40")
    page.get_by_label("Quotité").press("Enter")
    expect(page.locator("#id_quotite_error")).to_contain_text("la quotité va de")
    page.get_by_label("Quotité").fill("80")
    page.get_by_label("Quotité").press("Enter")
    expect(page.get_by_text(f"La convention est renouvelée à partir du {debut:%d/%m/%Y}.")).to_be_visible()

    suivante = convention.poste.conventions.latest("debut")
    assert (suivante.debut, suivante.fin, int(suivante.quotite)) == (debut, dernier_jour(debut, 3), 80)
    page.goto(f"{live_server.url}{DISPOSITIFS}adultes-relais/radar/")
    expect(page.get_by_role("row", name="01499R0001")).to_contain_text("la convention suivante est enregistrée")
    assert plaintes == []


def test_un_poste_se_saisit_au_clavier_avec_son_employeur_et_ses_quartiers(
    page, live_server, responsable, convention, plaintes
):
    OrganismeFactory(nom="Régie des quartiers")
    page.goto(f"{live_server.url}{DISPOSITIFS}adultes-relais/ajouter/")
    page.get_by_label("Contrat de ville").select_option("Contrat de ville de Caen la mer")
    page.get_by_label("Chemin-Vert").press("Space")
    employeur = page.get_by_role("combobox", name="Employeur (obligatoire)")
    employeur.press_sequentially("régie")
    expect(page.get_by_role("option", name="Régie des quartiers")).to_be_visible()
    employeur.press("ArrowDown")
    employeur.press("Enter")
    page.get_by_label("Numéro ANCT").fill("01499R0002")
    page.get_by_label("Numéro ANCT").press("Enter")
    expect(page.get_by_role("heading", name="Poste 01499R0002")).to_be_visible()
    poste = PosteAdulteRelais.objects.get(numero="01499R0002")
    assert (poste.employeur.nom, [q.nom for q in poste.quartiers.all()]) == ("Régie des quartiers", ["Chemin-Vert"])
    assert plaintes == []
