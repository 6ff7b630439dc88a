"""Saisir une action dans un vrai navigateur : au clavier seul, sans rien perdre, accessible, lisible sur un téléphone."""

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import expect

from programmation import operations
from programmation.enums import FamilleFinanceur, StatutAction
from programmation.models import Action, Correspondance, Organisme
from programmation.operations import SaisieAction
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinanceurFactory,
    OrganismeFactory,
    PilierFactory,
    PrioriteFactory,
    QuartierFactory,
    ThematiqueFactory,
    ThemeFactory,
    avec_cle_de_luhn,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db(transaction=True)

SIREN = avec_cle_de_luhn("00045612")
SIRET = avec_cle_de_luhn(f"{SIREN}0001")
AJOUTER = "/programmation/actions/ajouter/"
FICHE = re.compile(r"/programmation/actions/\d+/$")
QUARTIERS = {
    "Caen la mer": ["Chemin Vert", "Grâce de Dieu", "Calvaire Saint-Pierre", "Belles Portes", "Guérinière"],
    "Lisieux Normandie": ["Hauteville"],
    "Pays de Falaise et Vire": ["Val de Vire", "Guibray"],
}
THEMATIQUES = {
    ("1", "Éducation"): [("1.1", "Soutien à la parentalité"), ("1.2", "Soutien à la scolarité"), ("1.3", "PRE")],
    ("2", "Santé"): [("2.1", "Accès aux droits et aux soins"), ("2.2", "Santé mentale")],
    ("5", "Emploi"): [("5.1", "Accompagnement vers l’emploi"), ("5.2", "Création d’activité")],
}
FINANCEURS = {
    "Ville de Caen": FamilleFinanceur.COMMUNE,
    "Caen la mer (EPCI)": FamilleFinanceur.EPCI,
    "Département du Calvados": FamilleFinanceur.DEPARTEMENT,
    "CAF du Calvados": FamilleFinanceur.CAF,
    "Autofinancement": FamilleFinanceur.AUTOFINANCEMENT,
}


@pytest.fixture
def cadre():
    """Ce qu'un agent du Calvados trouve en 2026 : de vrais noms de lieux, des organismes inventés."""
    exercice = ExerciceFactory()
    for intitule, quartiers in QUARTIERS.items():
        contrat = ContratFactory(intitule=intitule)
        for nom in quartiers:
            QuartierFactory(nom=nom, contrat=contrat)
    cohesion, emploi = PilierFactory(), PilierFactory(code="emploi", ordre=3)
    PilierFactory(transversal=True, libelle="Valeurs de la République et citoyenneté")
    for (code, theme), thematiques in THEMATIQUES.items():
        for numero, libelle in thematiques:
            thematique = ThematiqueFactory(theme=ThemeFactory(code=code, libelle=theme), code=numero, libelle=libelle)
            Correspondance.objects.create(thematique=thematique, pilier=emploi if code == "5" else cohesion)
    for code in ("contrat-de-ville", "cite-educative", "quartiers-d-ete", "vacances-apprenantes"):
        DispositifFactory(code=code)
    for code in ("egalite-femmes-hommes", "jeunesse", "lutte-contre-les-discriminations"):
        PrioriteFactory(code=code)
    FinanceurFactory(p147=True)
    for nom, famille in FINANCEURS.items():
        FinanceurFactory(nom=nom, famille=famille, departement=exercice.departement)
    for nom in ("Régie de quartier du Chemin Vert", "Régie des Écoles", "Centre social Hauteville"):
        EtablissementFactory(organisme=OrganismeFactory(nom=nom))
    return exercice


@pytest.fixture
def agent(cadre):
    return habiliter("agent", departement=cadre.departement)


@pytest.fixture
def plaintes(page):
    """Ce que le navigateur reproche à la page : erreurs de script, ressources refusées par la politique de sécurité."""
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


@pytest.fixture
def connecter(client, context, live_server):
    def se_connecter(utilisateur):
        client.force_login(utilisateur)
        nom = settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": nom, "value": client.cookies[nom].value, "url": live_server.url}])

    return se_connecter


@pytest.fixture
def ouvrir(page, live_server, connecter, agent):
    connecter(agent)

    def aller(chemin):
        page.goto(live_server.url + chemin)

    return aller


def violations(page):
    return [
        (faute["id"], [noeud["target"] for noeud in faute["nodes"]]) for faute in Axe().run(page).response["violations"]
    ]


def deborde(page):
    return page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


class Clavier:
    """Un agent qui n'a pas de souris : chaque touche est comptée."""

    def __init__(self, page):
        self.page, self.frappes, self.debut = page, 0, time.monotonic()

    def touche(self, nom, fois=1):
        for _ in range(fois):
            self.page.keyboard.press(nom)
        self.frappes += fois

    def taper(self, texte):
        self.page.keyboard.type(texte)
        self.frappes += len(texte)

    def coller(self, texte):
        """Ctrl+V d'un texte copié d'un tableur ou d'un courriel."""
        self.page.keyboard.insert_text(texte)
        self.frappes += 1

    def aller(self, selecteur):
        """Tabule jusqu'au champ, comme un agent qui ne connaît pas la page."""
        for _ in range(80):
            if self.page.evaluate("s => document.activeElement.matches(s)", selecteur):
                return
            self.touche("Tab")
        pytest.fail(f"{selecteur} ne s’atteint pas au clavier.")

    def bilan(self):
        return f"{self.frappes} frappes, {time.monotonic() - self.debut:.1f} s sans les pauses d’une personne"


def creer_le_porteur(clavier, page):
    clavier.aller("#id_porteur_texte")
    clavier.coller(f"{SIRET[:3]} {SIRET[3:6]} {SIRET[6:9]} {SIRET[9:]}")
    expect(page.get_by_role("option", name="Créer l’organisme avec ce SIRET")).to_be_visible()
    clavier.touche("Enter")
    expect(page.locator("#id_organisme-nom")).to_be_focused()
    clavier.taper("Les Amis du Chemin Vert")
    clavier.touche("Enter")
    expect(page.locator("#id_porteur_texte")).to_have_value(f"Les Amis du Chemin Vert – {SIRET}")


def remplir_le_plan(clavier, page):
    clavier.aller("#id_plan-0-demande")
    clavier.coller("1\u00a0234,50")
    for rang, (financeur, montant) in enumerate([("Ville", "1000"), ("CAF", "500"), ("Autof", "265,50")], start=1):
        clavier.touche("Enter")
        expect(page.locator(f"#id_plan-{rang}-financeur")).to_be_focused()
        clavier.taper(financeur)
        clavier.aller(f"#id_plan-{rang}-demande")
        clavier.taper(montant)


def test_une_action_complete_se_saisit_et_se_depose_au_clavier_seul(page, ouvrir, cadre, plaintes):
    ouvrir(AJOUTER)
    clavier = Clavier(page)
    clavier.aller("#id_contrat")
    clavier.taper("Caen")
    expect(page.get_by_role("checkbox", name="Chemin Vert")).to_be_attached()
    for quartier in ("Chemin Vert", "Grâce de Dieu"):
        case = page.get_by_role("checkbox", name=quartier)
        clavier.aller(f"#{case.get_attribute('id')}")
        clavier.touche("Space")
    clavier.touche("Shift+Tab")  # la clé du premier se montre quand le second est coché
    clavier.taper("2")
    clavier.touche("Tab", fois=2)
    clavier.taper("3")
    clavier.aller("#id_intitule")
    clavier.taper("Lire au pied des tours")
    creer_le_porteur(clavier, page)
    clavier.aller("#id_dossier")
    clavier.coller("DA00054562-01")
    clavier.aller("#id_date_debut")
    clavier.taper("01012026")
    clavier.aller("#id_date_fin")
    clavier.taper("12122026")  # le jour et le mois se valent, quelle que soit la langue du navigateur
    clavier.aller("#id_dispositif")
    clavier.taper("Contrat")
    clavier.aller("#id_thematique")
    clavier.taper("5.1")
    expect(page.locator("#id_pilier option:checked")).to_have_text("Emploi")
    clavier.aller("#id_cout_previsionnel")
    clavier.taper("3000")
    remplir_le_plan(clavier, page)
    expect(page.locator("[data-phrase]")).to_have_text("Le plan est équilibré.")
    assert violations(page) == []
    clavier.aller("button[value=deposer]")
    clavier.touche("Enter")
    page.wait_for_url(FICHE)
    print(f"\nUne action complète au clavier seul : {clavier.bilan()}.")

    action = Action.objects.get()
    assert (action.statut, action.contrat.intitule, action.porteur.siren) == (
        StatutAction.DEPOSEE,
        "Caen la mer",
        SIREN,
    )
    assert (action.dossier, action.tranche, action.etablissement.siret) == ("00054562", 1, SIRET)
    assert (str(action.date_debut), str(action.date_fin)) == ("2026-01-01", "2026-12-12")
    assert (action.thematique.code, action.pilier.code) == ("5.1", "emploi")
    assert list(action.localisations.values_list("quartier__nom", "cle")) == [("Chemin Vert", 2), ("Grâce de Dieu", 3)]
    assert list(action.financements.order_by("pk").values_list("financeur__nom", "nature", "demande")) == [
        ("ANCT – P147", "specifique", euros("1234.50")),
        ("Ville de Caen", "droit_commun", euros(1000)),
        ("CAF du Calvados", "droit_commun", euros(500)),
        ("Autofinancement", "ressources_propres", euros("265.50")),
    ]
    assert plaintes == []


def test_le_plan_se_calcule_en_direct_au_centime(page, ouvrir, cadre, plaintes):
    ouvrir(AJOUTER)
    demande = page.locator("#id_plan-0-demande")
    page.locator("#id_cout_previsionnel").fill("12345,68")
    for colle in ("12\u00a0345,67", "12\u202f345,67 €", "12\u2009345.67", "12 345,67"):
        demande.fill(colle)
        expect(page.locator("[data-total]")).to_have_text("12\u202f345,67\u00a0€")
        expect(page.locator("[data-ecart]")).to_have_text("−0,01\u00a0€")
    expect(page.locator("[data-phrase]")).to_have_text("Plan déséquilibré\u00a0: il manque 0,01\u00a0€.")
    expect(page.locator("[data-part]")).to_have_text("100,0\u00a0%")
    expect(page.locator("[data-bilan-lu]")).to_contain_text("Total demandé 12\u202f345,67\u00a0€.")
    demande.press("Enter")
    page.locator("#id_plan-1-financeur").select_option(label="Ville de Caen")
    expect(page.locator("#id_plan-1-nature")).to_have_value("droit_commun")
    page.locator("#id_plan-1-demande").fill("0,01")
    expect(page.locator("[data-phrase]")).to_have_text("Le plan est équilibré.")
    page.get_by_role("row").last.get_by_role("checkbox").check(force=True)
    expect(page.locator("[data-ecart]")).to_have_text("−0,01\u00a0€")
    demande.fill("13 248,18")
    expect(page.locator("[data-phrase]")).to_have_text("Plan déséquilibré\u00a0: il y a 902,50\u00a0€ en trop.")
    demande.fill("12a")
    expect(page.locator("[data-phrase]")).to_contain_text("Un montant n’est pas lisible")
    assert plaintes == []


def test_le_porteur_se_choisit_au_clavier_et_s_oublie_si_le_texte_change(page, ouvrir, cadre):
    ouvrir(AJOUTER)
    champ, liste = page.locator("#id_porteur_texte"), page.get_by_role("listbox", name="Porteurs proposés")
    champ.press_sequentially("ecole")
    expect(liste.get_by_role("option").first).to_contain_text("Régie des Écoles")
    expect(champ).to_have_attribute("aria-expanded", "true")
    champ.press("ArrowDown")
    expect(champ).to_have_attribute("aria-activedescendant", "porteur-1")
    assert violations(page) == []
    champ.press("Escape")
    expect(liste).to_be_hidden()
    champ.press("ArrowDown")
    expect(liste).to_be_visible()
    champ.press("ArrowDown")
    champ.press("Enter")
    ecoles = Organisme.objects.get(nom="Régie des Écoles")
    expect(page.locator("[name=porteur]")).to_have_value(str(ecoles.pk))
    champ.press("Backspace")
    expect(page.locator("[name=porteur]")).to_have_value("")


def test_une_seconde_orthographe_du_meme_siret_propose_l_organisme_existant(page, ouvrir, cadre):
    existant = EtablissementFactory(siret=SIRET, organisme=OrganismeFactory(nom="Les Amis du Chemin Vert"))
    ouvrir(AJOUTER)
    page.locator("#id_porteur_texte").press_sequentially("Amis (Les)")
    page.get_by_role("option", name="Créer un organisme").wait_for()
    page.keyboard.press("Enter")
    expect(page.locator("#id_organisme-siret")).to_be_focused()
    page.keyboard.type(SIRET)
    page.keyboard.press("Enter")
    choisir = page.get_by_role("button", name="Choisir «\u00a0Les Amis du Chemin Vert\u00a0»")
    expect(choisir).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("[name=etablissement]")).to_have_value(str(existant.pk))
    assert Organisme.objects.filter(nom__contains="Amis").count() == 1


def test_changer_de_contrat_change_les_quartiers_sans_perdre_la_saisie(page, ouvrir, cadre):
    ouvrir(AJOUTER)
    page.locator("#id_intitule").fill("Lire au pied des tours")
    page.locator("#id_plan-0-demande").fill("100")
    page.locator("#id_contrat").select_option(label="Lisieux Normandie")
    expect(page.get_by_role("checkbox", name="Hauteville")).to_be_attached()
    page.get_by_role("radio", name="Département").check(force=True)
    expect(page.get_by_role("checkbox", name="Hauteville")).to_have_count(0)
    expect(page.locator("#id_intitule")).to_have_value("Lire au pied des tours")
    expect(page.locator("#id_plan-0-demande")).to_have_value("100,00")


def test_la_cle_ne_se_montre_qu_entre_plusieurs_quartiers(page, ouvrir, cadre):
    ouvrir(AJOUTER)
    page.locator("#id_contrat").select_option(label="Caen la mer")
    cles = page.get_by_label("Clé de", exact=False)
    premier, second = (page.get_by_role("checkbox", name=nom) for nom in ("Chemin Vert", "Grâce de Dieu"))
    premier.check(force=True)
    expect(cles.filter(visible=True)).to_have_count(0)
    second.check(force=True)
    expect(cles.filter(visible=True)).to_have_count(2)
    premier.uncheck(force=True)
    expect(cles.filter(visible=True)).to_have_count(0)


def test_changer_de_departement_change_les_financeurs(page, live_server, connecter, cadre):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    FinanceurFactory(nom="Ville de Nîmes", departement=gard.departement)
    connecter(habiliter("agent", france_entiere=True))
    page.goto(live_server.url + AJOUTER)
    page.locator("#id_plan-0-demande").fill("100")
    page.locator("#id_exercice").select_option(label=str(gard))
    financeurs = page.locator("#id_plan-0-financeur")
    expect(financeurs.locator("option", has_text="Ville de Nîmes")).to_have_count(1)
    expect(financeurs.locator("option", has_text="Ville de Caen")).to_have_count(0)
    expect(financeurs.locator("option:checked")).to_have_text("ANCT – P147")


def test_entree_dans_un_champ_n_enregistre_pas_par_megarde(page, ouvrir, cadre):
    ouvrir(AJOUTER)
    page.locator("#id_intitule").fill("Presque")
    page.locator("#id_intitule").press("Enter")
    page.wait_for_timeout(200)
    assert page.url.endswith(AJOUTER)


@pytest.fixture
def action(cadre):
    action = ActionFactory(
        contrat__intitule="Vire", porteur=Organisme.objects.first(), intitule="Lire au pied des tours"
    )
    p147(action, 4000)
    cofinancement(action, FinanceurFactory(nom="Région Normandie", famille=FamilleFinanceur.REGION), 6000, 2500)
    localiser(action, {QuartierFactory(nom="Léonard Gille", contrat=action.contrat): 2})
    return action


@pytest.mark.parametrize("largeur", [1280, 360, 320])
def test_les_pages_sont_accessibles_et_tiennent_dans_l_ecran(page, ouvrir, action, plaintes, largeur):
    page.set_viewport_size({"width": largeur, "height": 800})
    organisme = f"/programmation/organismes/{action.porteur_id}/"
    pages = [AJOUTER, f"/programmation/actions/{action.pk}/modifier/", "/programmation/organismes/", organisme]
    pages += [
        f"{organisme}modifier/",
        f"{organisme}fusionner/?q=r",
        f"{organisme}fusionner/?cible={Organisme.objects.last().pk}",
    ]
    for chemin in pages:
        ouvrir(chemin)
        assert violations(page) == []
        assert not deborde(page)
    assert plaintes == []


@pytest.mark.parametrize("largeur", [1280, 360])
def test_un_conflit_se_lit_et_se_resout(page, ouvrir, action, largeur):
    page.set_viewport_size({"width": largeur, "height": 800})
    ouvrir(f"/programmation/actions/{action.pk}/modifier/")
    champs = {"intitule": "Lire ensemble", "objectifs": "Ceux du collègue"}
    operations.enregistrer([SaisieAction(action=action, champs=champs)], par=habiliter("responsable"))
    page.locator("#id_intitule").fill("Lire, saison 2")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cette action a changé pendant votre saisie")
    assert violations(page) == []
    assert not deborde(page)
    page.get_by_role("radio", name="Votre saisie\u00a0: Lire, saison 2").check(force=True)
    page.get_by_role("button", name="Enregistrer ces choix").click()
    page.wait_for_url(f"**/programmation/actions/{action.pk}/")
    action.refresh_from_db()
    assert (action.intitule, action.objectifs) == ("Lire, saison 2", "Ceux du collègue")


def test_abandonner_un_conflit_repart_de_la_base(page, ouvrir, action):
    """La saisie gardée au fil de la frappe ne revient pas avec la version dépassée."""
    ouvrir(f"/programmation/actions/{action.pk}/modifier/")
    with page.expect_response("**/compte/saisies/"):
        page.locator("#id_intitule").fill("Lire, saison 2")
    operations.enregistrer(
        [SaisieAction(action=action, champs={"intitule": "Lire ensemble"})], par=habiliter("responsable")
    )
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cette action a changé pendant votre saisie")
    page.get_by_role("link", name="Abandonner ma saisie et repartir de la base").click()
    expect(page.locator("#id_intitule")).to_have_value("Lire ensemble")
    expect(page.locator("[data-retrouvee]")).to_have_count(0)
