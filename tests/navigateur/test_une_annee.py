"""Une année entière, de la notification de l'enveloppe au dernier bilan, par ceux qui la vivent, dans leurs navigateurs."""

import re
from datetime import date
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import expect

from comptes.enums import Role
from politique_ville.outils.francais import euros as montant_affiche
from programmation.enums import NatureCourrier, SensAvis, StatutAction, StatutExercice
from programmation.models import Action, Campagne, Comite, Decision, Enveloppe, ModeleDeCourrier, Paiement, Proposition
from programmation.synthese import barre
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    ExerciceFactory,
    FinanceurFactory,
    OrganismeFactory,
    QuartierFactory,
    action_programmee,
    euros,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db(transaction=True)

ANNEE = timezone.localdate().year
A_DECIDER = {"Chantiers jeunes": 4000, "Café des parents": 3000, "Permis citoyen": 2000}
RECONDUITE = "Ateliers de lecture"


@pytest.fixture
def monde():
    """L'an dernier, une action programmée ; cette année, un exercice sans enveloppe et trois actions instruites."""
    departement = DepartementFactory()
    contrat = ContratFactory(departement=departement, intitule="Contrat de ville de Caen la mer")
    quartier = QuartierFactory(contrat=contrat, nom="Guérinière")
    FinanceurFactory(p147=True)
    porteur = OrganismeFactory(
        nom="Association des Tours", adresse="12 rue des Tours", code_postal="14000", ville="Caen"
    )
    precedent = ExerciceFactory(departement=departement, annee=ANNEE - 1)
    communs = {"contrat": contrat, "porteur": porteur}
    ancienne = action_programmee(5000, exercice=precedent, intitule=RECONDUITE, **communs)
    localiser(ancienne, {quartier: 1})
    exercice = ExerciceFactory(departement=departement, annee=ANNEE)
    ModeleDeCourrier.objects.create(
        nature=NatureCourrier.ACCORD,
        nom="Lettre d’accord",
        objet="Votre subvention {{ annee }}",
        corps="Nous vous accordons {{ montant }} ({{ montant_en_lettres }}) pour « {{ intitule }} ».",
        signataire="La préfète",
    )
    for intitule, demande in A_DECIDER.items():
        action = ActionFactory(
            exercice=exercice,
            intitule=intitule,
            statut=StatutAction.INSTRUITE,
            cout_previsionnel=demande,
            date_debut=date(ANNEE, 1, 1),
            date_fin=date(ANNEE, 12, 31),
            **communs,
        )
        localiser(action, {quartier: 1})
        p147(action, demande=demande)
    return {"exercice": exercice, "quartier": quartier, "ancienne": ancienne}


@pytest.fixture
def ouvrir(browser, live_server, session_ouverte):
    """Un navigateur à part pour chaque personne : `ouvrir(agent)`, ou au téléphone."""
    contextes = []

    def ouvrir_un_navigateur(personne, largeur=1280):
        contexte = browser.new_context(locale="fr-FR", viewport={"width": largeur, "height": 900})
        contextes.append(contexte)
        session_ouverte(personne, contexte)
        page = contexte.new_page()
        page.set_default_timeout(15_000)
        page.aller = lambda adresse: page.goto(f"{live_server.url}{adresse}")
        return page

    yield ouvrir_un_navigateur
    for contexte in contextes:
        contexte.close()


def action_de(intitule):
    return Action.objects.get(intitule=intitule, exercice__annee=ANNEE)


def test_une_annee_entiere_de_la_notification_au_compte_rendu(ouvrir, monde):
    exercice = monde["exercice"]
    responsable, agent = habiliter(Role.RESPONSABLE), habiliter(Role.AGENT)
    delegue = habiliter(Role.DELEGUE, quartier=monde["quartier"])
    chef, bureau, telephone = ouvrir(responsable), ouvrir(agent), ouvrir(delegue, largeur=360)

    notifier_l_enveloppe(chef, exercice)
    reconduire(bureau, monde["ancienne"])
    donner_son_avis(telephone)
    comparer_et_promouvoir(bureau, exercice)
    deliberer(bureau, chef, exercice)
    ecrire_aux_porteurs(bureau)
    engager_et_payer(bureau)
    figer_et_clore(chef, exercice)
    justifier_apres_la_cloture(bureau)
    rouvrir(chef, exercice)
    call_command("verifier")


def titre(page, texte):
    page.get_by_role("heading", level=1).filter(has_text=texte).wait_for()


def attendre(page, condition):
    """Ce qui s'écrit sans recharger la page se lit en base."""
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(100)
    pytest.fail("rien n’a été écrit en dix secondes")


def notifier_l_enveloppe(page, exercice):
    page.aller(f"/programmation/enveloppes/ajouter/{exercice.pk}/")
    page.get_by_label("Libellé").fill(f"Crédits P147 {ANNEE}")
    page.locator("main form button[type=submit]").click()
    page.get_by_role("link", name="Enregistrer un mouvement").click()
    page.get_by_label("Nature").select_option("notification")
    page.get_by_label("Autorisations d’engagement (AE)").fill("12 000,00")
    page.get_by_label("Référence").fill("Notification du BOP régional")
    page.locator("main form button[type=submit]").click()
    page.get_by_role("link", name="Notification complète").click()
    page.locator("main form button[type=submit]").click()
    titre(page, f"Crédits P147 {ANNEE}")
    expect(page.get_by_role("main")).to_contain_text("Plafond notifié")
    enveloppe = Enveloppe.objects.get()
    assert enveloppe.notification_complete_le == timezone.localdate()
    assert barre(enveloppe).reste_a_decider == euros(12000)


def reconduire(page, ancienne):
    page.aller(f"/programmation/actions/{ancienne.pk}/")
    page.get_by_role("button", name=f"Reconduire en {ANNEE}").click()
    page.get_by_text("est reconduite en").wait_for()
    nouvelle = action_de(RECONDUITE)
    page.aller(f"/programmation/actions/{nouvelle.pk}/")
    page.get_by_role("link", name="Déposer").click()
    page.locator("main form button[type=submit]").click()
    titre(page, RECONDUITE)
    nouvelle.refresh_from_db()
    assert (nouvelle.statut, nouvelle.action_precedente) == (StatutAction.DEPOSEE, ancienne)


def donner_son_avis(page):
    page.aller("/programmation/avis/")
    page.get_by_role("link", name=RECONDUITE).click()
    titre(page, RECONDUITE)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_role("button", name="Favorable", exact=True).click()
    page.get_by_text("est enregistré").wait_for()
    assert action_de(RECONDUITE).avis.get().sens == SensAvis.FAVORABLE


def comparer_et_promouvoir(page, exercice):
    """Deux hypothèses pour les mêmes actions ; la prudente est promue pour deux d'entre elles."""
    montants = {
        "Prudent": {RECONDUITE: "4 500", "Chantiers jeunes": "3 000,50"},
        "Ambitieux": {RECONDUITE: "5 000", "Chantiers jeunes": "4 000", "Café des parents": "3 000"},
    }
    for nom, siens in montants.items():
        page.aller(f"/programmation/scenarios/ajouter/?exercice={exercice.pk}")
        page.get_by_label("Nom du scénario").fill(nom)
        page.get_by_role("radio", name="Aucun").check(force=True)
        page.locator("main form button[type=submit]").click()
        titre(page, nom)
        for intitule, montant in siens.items():
            cellule = page.get_by_label(f"Montant pour {intitule}")
            cellule.fill(montant)
            cellule.press("Enter")
            attendre(page, lambda nom=nom, intitule=intitule: montant_du_scenario(nom, intitule) is not None)
    page.aller("/programmation/scenarios/")
    for nom in montants:
        page.get_by_label(f"Comparer {nom}").check(force=True)
    page.get_by_role("button", name="Comparer les scénarios cochés").click()
    principal = page.get_by_role("main")
    expect(principal).to_contain_text(montant_affiche(euros("7500,50")))
    expect(principal).to_contain_text(montant_affiche(euros(12000)))
    page.aller("/programmation/scenarios/")
    page.get_by_role("link", name="Prudent", exact=True).click()
    page.get_by_role("link", name="Promouvoir en décisions").click()
    page.locator("main form button[type=submit]").click()
    titre(page, "Prudent")
    promues = Decision.objects.exclude(scenario=None).order_by("montant").values_list("montant", flat=True)
    assert list(promues) == [euros("3000,50"), euros(4500)]


def montant_du_scenario(nom, intitule):
    return Proposition.objects.get(scenario__libelle=nom, action__intitule=intitule).montant


def deliberer(bureau, chef, exercice):
    """Deux personnes tiennent la même séance : la seconde lit la décision de la première, et ne l'écrase pas ; l'écran
    projeté suit."""
    campagne = Campagne.objects.get(exercice=exercice)
    bureau.aller("/programmation/comites/ajouter/")
    bureau.get_by_label("Campagne").select_option(str(campagne.pk))
    bureau.get_by_label("Nature").select_option("pilotage")
    bureau.get_by_label("Date").fill(timezone.localdate().isoformat())
    bureau.locator("main form button[type=submit]").first.click()
    bureau.wait_for_url(re.compile(r"/comites/[0-9]+/"))
    comite = Comite.objects.get()
    bureau.aller(f"/programmation/comites/{comite.pk}/inscrire/?exercice={exercice.pk}&statut=instruite")
    bureau.get_by_role("button", name="Inscrire les actions cochées").click()
    bureau.get_by_role("button", name="Ouvrir la séance").click()
    titre(bureau, "Séance")
    chef.aller(f"/programmation/comites/{comite.pk}/seance/")
    ecran = chef.context.new_page()
    ecran.goto(chef.url.replace("/seance/", "/projection/"))
    issue_en_seance(bureau, "Café des parents", "2 500")
    issue_en_seance(chef, "Café des parents", "2 999")
    expect(chef.get_by_role("main")).to_contain_text(montant_affiche(euros(2500)))
    issue_en_seance(chef, "Permis citoyen", "1 000", recharger=True)
    expect(ecran.get_by_role("main")).to_contain_text(montant_affiche(euros("999,50")), timeout=15_000)
    decidees = Decision.objects.exclude(passage=None).order_by("montant").values_list("montant", flat=True)
    assert list(decidees) == [euros(1000), euros(2500)]
    bureau.aller(f"/pilotage/comites/{comite.pk}/terminer/")
    bureau.locator("main form button[type=submit]").click()
    titre(bureau, "Comité de pilotage")
    expect(bureau.get_by_role("main")).to_contain_text(montant_affiche(euros(3500)))


def issue_en_seance(page, intitule, montant, *, recharger=False):
    if recharger:
        page.goto(page.url)
    ligne = page.get_by_role("row").filter(has_text=intitule)
    ligne.get_by_role("combobox").first.select_option("attribution")
    ligne.get_by_role("textbox").first.fill(montant)
    page.get_by_role("button", name="Enregistrer les issues choisies").click()
    page.wait_for_load_state("networkidle")


def ecrire_aux_porteurs(page):
    """Les lettres d'accord du comité, en un PDF."""
    comite = Comite.objects.get()
    page.aller(f"/programmation/courriers/?comite={comite.pk}")
    expect(page.get_by_role("region", name="Aperçu de la première lettre")).to_contain_text(
        "deux mille cinq cents euros"
    )
    with page.expect_download() as telechargement:
        page.get_by_role("button", name="Télécharger en un PDF").click()
    assert Path(telechargement.value.path()).read_bytes().startswith(b"%PDF")


def engager_et_payer(page):
    action = action_de("Chantiers jeunes")
    page.aller(f"/programmation/actions/{action.pk}/")
    page.get_by_role("link", name="Engager").click()
    page.get_by_label("Numéro d’EJ").fill("2104567890")
    page.get_by_label("Montant engagé pour Chantiers jeunes").fill("3 000,50")
    page.locator("main form button[type=submit]").click()
    titre(page, "2104567890")
    page.aller(f"/programmation/actions/{action.pk}/")
    page.get_by_role("link", name="Payer").first.click()
    page.get_by_label("Nature").select_option("avance")
    page.get_by_label("Montant").fill("1 500,25")
    page.locator("main form button[type=submit]").click()
    page.wait_for_load_state("networkidle")
    paiement = Paiement.objects.get()
    assert (paiement.cp, paiement.ligne.ae) == (euros("1500,25"), euros("3000,50"))


def figer_et_clore(page, exercice):
    campagne = Campagne.objects.get(exercice=exercice)
    page.aller(f"/pilotage/campagnes/{campagne.pk}/figer/")
    page.locator("main form button[type=submit]").click()
    titre(page, "Exercice")
    page.get_by_role("link", name="Clore l’exercice").click()
    page.locator("main form button[type=submit]").click()
    titre(page, "Exercice")
    exercice.refresh_from_db()
    assert exercice.statut == StatutExercice.CLOS


def justifier_apres_la_cloture(page):
    action = action_de("Chantiers jeunes")
    page.aller(f"/programmation/actions/{action.pk}/justification/")
    page.get_by_label("État").select_option("recue")
    page.get_by_label("Reçue le").fill(timezone.localdate().isoformat())
    page.get_by_label("Dépensé").fill("3 900")
    page.get_by_label("Bénéficiaires réalisés").fill("38")
    page.locator("main form button[type=submit]").click()
    titre(page, "Chantiers jeunes")
    assert action.justification.depense == euros(3900)


def rouvrir(page, exercice):
    page.aller(f"/pilotage/exercices/{exercice.pk}/rouvrir/")
    page.locator("main form button[type=submit]").click()
    expect(page.get_by_role("main")).to_contain_text("Motif")
    page.get_by_label("Motif").fill("Erreur de porteur relevée par la chambre régionale des comptes")
    page.locator("main form button[type=submit]").click()
    titre(page, "Exercice")
    exercice.refresh_from_db()
    assert exercice.statut == StatutExercice.OUVERT
