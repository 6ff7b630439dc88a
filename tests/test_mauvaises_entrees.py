"""Ce que personne ne devrait envoyer : une phrase en français ou un refus 4xx, jamais une erreur 500, rien d'écrit."""

import io
import uuid
from itertools import chain, cycle

import pytest
from django import forms
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client
from django.urls import get_resolver, reverse

from comptes.enums import Role
from politique_ville.outils.formulaires import ChoixMultiplesField
from programmation import operations
from programmation.enums import NatureDecision, StatutAction
from programmation.models import Action, Decision, Etablissement, Lot, Organisme
from programmation.operations import DemandeDeDecision, OperationRefusee
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    OrganismeFactory,
    QuartierFactory,
    ThematiqueFactory,
    action_programmee,
    habiliter,
    localiser,
    p147,
)
from tests.imports import octets_xlsx
from tests.pages import noeuds
from tests.test_adresses import OUVERTES, RESPONSABLE, adresse, monde, personne

__all__ = ["monde"]  # le monde de tests/test_adresses.py, repris ici

pytestmark = pytest.mark.django_db

AJOUTER = "/programmation/actions/ajouter/"
NUL = "a\x00b"
GEANT = "9" * 5000  # int() refuse au-delà de 4 300 chiffres
DEMESURE = "9" * 30  # au-delà de ce que la base range dans un entier
HOSTILES = ["abc", "-1", "²", "٣", GEANT, "1e9", "__class__", "😀", "%s%(x)s", "1-2-x", "--", "NaN", "1_0", "0"]
REGLE = {"cible": "montant", "montant": "1", "plancher": "0", "plafond": "9", "arrondi": "1", "reste": "demande"}
PAGES = [
    "/pilotage/",
    "/pilotage/anct/",
    "/programmation/actions/",
    "/programmation/actions/ajouter/",
    "/programmation/actions/choix/",
    "/programmation/actions/decider/",
    "/programmation/changements/",
    "/programmation/echeances/",
    "/programmation/engagements/",
    "/programmation/engagements/ajouter/",
    "/programmation/justifications/",
    "/programmation/paiements/",
    "/programmation/imports/",
    "/programmation/scenarios/",
    "/programmation/scenarios/ajouter/",
    "/programmation/scenarios/comparer/",
    "/programmation/scenarios/{scenario}/",
    "/programmation/scenarios/{scenario}/regle/",
    "/programmation/organismes/",
    "/programmation/organismes/ajouter/",
    "/programmation/organismes/chercher/",
    "/territoires/contrats/",
    "/territoires/quartiers/",
    "/programmation/actions/{action}/",
    "/programmation/organismes/{organisme}/",
    "/programmation/organismes/{organisme}/fusionner/",
    "/territoires/contrats/{contrat}/",
    "/territoires/quartiers/{quartier}/",
]


@pytest.fixture
def cadre():
    class Cadre:
        exercice = ExerciceFactory()
        contrat = ContratFactory(intitule="Caen la mer")
        quartier = QuartierFactory(contrat=contrat)
        anct = FinanceurFactory(p147=True)
        porteur = OrganismeFactory(nom="Régie Vivre Ensemble")
        agent = habiliter(Role.AGENT)

    return Cadre


@pytest.fixture
def agent(client, cadre):
    client.force_login(cadre.agent)
    return client


@pytest.fixture
def pages(cadre):
    """Chaque page, avec de vrais objets."""
    action = action_programmee(exercice=cadre.exercice, contrat=cadre.contrat, porteur=cadre.porteur)
    localiser(action, {cadre.quartier: 1})
    objets = {"action": action, "organisme": cadre.porteur, "contrat": cadre.contrat, "quartier": cadre.quartier}
    ActionFactory(exercice=cadre.exercice, contrat=cadre.contrat)
    objets["scenario"] = operations.creer_un_scenario(cadre.exercice, "Essai", par=cadre.agent)
    cles = {nom: objet.pk for nom, objet in objets.items()}
    return [page.format(**cles) for page in PAGES]


def brouillon(cadre, **champs):
    return {
        "geste": "brouillon",
        "cle": str(uuid.uuid4()),
        "exercice": cadre.exercice.pk,
        "echelle": "contrat",
        "contrat": cadre.contrat.pk,
        "intitule": "Lire au pied des tours",
        "origine": "nouvelle",
        "duree": "annuelle",
        "plan-TOTAL_FORMS": "0",
        "plan-INITIAL_FORMS": "0",
    } | champs


def erreurs(reponse):
    assert reponse.status_code == 200, "le formulaire revient"
    return reponse.context["formulaire"].errors


# --- Les adresses ---


class AdresseLue(QueryDict):
    """Les paramètres d'une adresse, qui retient les noms qu'une page y cherche."""

    cherches = set()

    def __getitem__(self, nom):
        self.cherches.add(nom)
        return super().__getitem__(nom)

    def __contains__(self, nom):
        self.cherches.add(nom)
        return super().__contains__(nom)

    def getlist(self, nom, default=None):
        self.cherches.add(nom)
        return super().getlist(nom, default)


@pytest.fixture
def noms_cherches(monkeypatch):
    """Par adresse, les noms de paramètres que la page lit : un paramètre nouveau s'essaie sans être écrit ici."""
    monkeypatch.setattr("django.core.handlers.wsgi.QueryDict", AdresseLue)

    def lire(client, page):
        AdresseLue.cherches.clear()
        client.get(page, {"inconnu": "1"})
        return sorted(AdresseLue.cherches)

    return lire


def test_aucun_parametre_seul_ne_casse_une_page(client, monde, noms_cherches):
    """Un à la fois, sur chaque page qu'un responsable ouvre : un premier refus ne cache pas les suivants.

    Une fois sur deux le nombre démesuré, sinon la valeur hostile suivante : chaque nom en rencontre plusieurs d'une page
    à l'autre.
    """
    client.force_login(personne(RESPONSABLE, monde))
    client.raise_request_exception = False
    pages = [adresse(nom, objets, monde) for nom, (objets, roles) in OUVERTES.items() if RESPONSABLE in roles]
    essais = [(page, nom) for page in pages for nom in noms_cherches(client, page)]
    valeurs = chain.from_iterable((DEMESURE, valeur) for valeur in cycle(HOSTILES))
    casses = [
        (page, nom, valeur[:30])
        for (page, nom), valeur in zip(essais, valeurs, strict=False)
        if client.get(page, {nom: valeur}).status_code not in (200, 302, 400, 404)
    ]
    assert len(essais) > 400
    assert casses == []


@pytest.mark.parametrize("nom", REGLE)
def test_une_regle_mal_ecrite_ne_casse_pas_son_apercu(agent, pages, nom):
    [regle] = [page for page in pages if page.endswith("/regle/")]
    for valeur in (DEMESURE, *HOSTILES):
        assert agent.get(regle, REGLE | {nom: valeur}).status_code == 200, valeur


@pytest.mark.parametrize(
    ("annee", "reste"), [("1999", "contrat"), ("1999", "quartier"), ("0", "contrat"), ("99999", "thematique")]
)
def test_une_annee_sans_exercice_donne_une_liste_vide(agent, cadre, annee, reste):
    cle = {"contrat": cadre.contrat, "quartier": cadre.quartier, "thematique": ThematiqueFactory()}[reste].pk
    reponse = agent.get("/programmation/actions/", {"annee": annee, reste: cle})
    assert reponse.status_code == 200
    assert reponse.context["totaux"].nombre == 0


def test_un_caractere_nul_dans_une_adresse_est_une_mauvaise_requete(agent, pages):
    for page in pages:
        assert agent.get(page, {"q": NUL}).status_code == 400
    assert agent.get("/programmation/organismes/%00/").status_code == 400
    assert agent.get("/programmation/actions/", {NUL: "1"}).status_code == 400
    page = agent.get("/programmation/organismes/", {"q": NUL})
    assert len(noeuds(page, "//h1")) == 1, "la page d'erreur en français"


def test_un_cookie_forge_n_atteint_pas_la_base():
    """Un cookie entre guillemets porte n'importe quel octet : « \\000 » y est un caractère nul."""
    visiteur = Client()
    visiteur.cookies[settings.SESSION_COOKIE_NAME] = "\x00" * 20
    assert visiteur.get("/programmation/actions/").status_code == 400


@pytest.mark.parametrize("methode", ["put", "patch", "delete", "options", "trace"])
def test_une_methode_inattendue_n_ecrit_rien(agent, pages, methode):
    avant = list(Action.objects.order_by("pk").values_list("pk", "version"))
    for page in [*pages, f"/programmation/actions/{avant[0][0]}/gestes/retirer/"]:
        assert getattr(agent, methode)(page).status_code < 500
    assert list(Action.objects.order_by("pk").values_list("pk", "version")) == avant


# --- La saisie ---


@pytest.mark.parametrize("champ", ["intitule", "description", "objectifs", "dossier", "porteur_texte", "cle", "lu"])
def test_un_caractere_nul_est_refuse_sur_son_champ(agent, cadre, champ):
    assert champ in erreurs(agent.post(AJOUTER, brouillon(cadre, **{champ: NUL})))
    assert Action.objects.count() == 0


def test_emoji_accents_et_caracteres_de_controle_reviennent_intacts_et_la_page_tient(agent, cadre):
    intitule = "Été 😀 \u202e à l’envers \x07 cloche"
    action_pk = agent.post(AJOUTER, brouillon(cadre, intitule=intitule)).url.rstrip("/").rpartition("/")[2]
    assert Action.objects.get(pk=action_pk).intitule == intitule
    assert agent.get(f"/programmation/actions/{action_pk}/").status_code == 200
    for format in ("xlsx", "csv"):
        fichier = agent.get("/programmation/actions/", {"format": format})
        assert b"".join(fichier.streaming_content)


def test_un_intitule_demesure_est_refuse_et_une_description_de_200_000_signes_est_gardee(agent, cadre):
    assert "intitule" in erreurs(agent.post(AJOUTER, brouillon(cadre, intitule="x" * 251)))
    assert agent.post(AJOUTER, brouillon(cadre, description="mot " * 50_000)).status_code == 302


def test_un_envoi_demesure_est_une_mauvaise_requete(agent, cadre):
    assert agent.post(AJOUTER, brouillon(cadre, description="x" * 3_000_000)).status_code == 400
    trop_de_champs = {f"x{rang}": "1" for rang in range(10_001)}
    assert agent.post(AJOUTER, brouillon(cadre, **trop_de_champs)).status_code == 400
    assert Action.objects.count() == 0


@pytest.mark.parametrize("date", ["0001-01-01", "0206-01-01", "9999-12-31", "2101-01-01"])
def test_une_annee_impossible_est_refusee_sur_sa_date(agent, cadre, date):
    refus = erreurs(agent.post(AJOUTER, brouillon(cadre, date_debut=date, date_fin=date)))
    assert refus["date_debut"] == ["L’année doit être entre 1900 et 2100."]
    assert Action.objects.count() == 0


@pytest.mark.parametrize("geste", ["actualiser", "brouillon"])
@pytest.mark.parametrize("nombre", ["abc", "1000000", GEANT, "²", ""])
def test_un_plan_aux_compteurs_forges_redonne_la_page_sans_rien_ecrire(agent, cadre, geste, nombre):
    donnees = brouillon(cadre, geste=geste) | {"plan-TOTAL_FORMS": nombre, "plan-INITIAL_FORMS": nombre}
    reponse = agent.post(AJOUTER, donnees)
    assert reponse.status_code == 200
    assert len(reponse.context["formulaire"].plan.forms) <= 51
    assert Action.objects.count() == 0


def test_aucun_champ_forge_n_ecrit_ce_que_la_page_ne_montre_pas(agent, cadre):
    """Statut, enveloppe, accordé P147, version : un envoi forgé ne les choisit pas."""
    enveloppe = EnveloppeFactory(exercice=cadre.exercice)
    forges = {"statut": "programmee", "enveloppe": enveloppe.pk, "version": "99", "id": "7", "pk": "7"}
    ligne = {"financeur": cadre.anct.pk, "demande": "100", "accorde": "100", "verse": "100", "etat": "acquis"}
    plan = {"plan-TOTAL_FORMS": "1"} | {f"plan-0-{nom}": valeur for nom, valeur in ligne.items()}
    agent.post(AJOUTER, brouillon(cadre, **forges, **plan))
    action = Action.objects.get()
    assert (action.statut, action.enveloppe, action.version) == (StatutAction.BROUILLON, None, 1)
    financement = action.financements.get()
    assert (financement.accorde, financement.verse, financement.etat) == (None, None, "sollicite")


def test_le_fragment_de_saisie_refuse_une_action_demesuree(agent):
    assert agent.get("/programmation/actions/choix/", {"action": GEANT}).status_code == 200


# --- Les choix multiples ---


@pytest.mark.parametrize(
    ("page", "champ"),
    [
        ("/programmation/actions/ajouter/", "piliers_transversaux"),
        ("/programmation/actions/ajouter/", "priorites"),
        ("/programmation/actions/{action}/modifier/", "quartiers"),
        ("/programmation/modifications/ajouter/", "ajouter"),
        ("/programmation/actes/ajouter/", "decisions"),
        ("/dispositifs/pre/ajouter/", "communes"),
        ("/dispositifs/adultes-relais/ajouter/", "quartiers"),
        ("/dispositifs/fonjep/ajouter/", "quartiers"),
    ],
)
@pytest.mark.parametrize("cle", ["9" * 30, GEANT, "-1", "²", NUL])
def test_un_identifiant_demesure_dans_un_choix_multiple_est_refuse(agent, cadre, page, champ, cle):
    action = action_programmee(exercice=cadre.exercice, contrat=cadre.contrat)
    lieu = {"annee": 2026, "departement": "14", "echelle": "contrat", "contrat": cadre.contrat.pk}
    envoi = lieu | {"action": action.pk, "version": action.version, champ: [cle]}
    assert agent.post(page.format(action=action.pk), envoi).status_code in (200, 302, 400, 404)


def test_chaque_choix_multiple_du_projet_refuse_un_identifiant_demesure():
    """Un nouveau formulaire qui prendrait le champ de Django s'y verrait : ceux de sa classe, et de ses étiquettes."""
    assert get_resolver().url_patterns, "les formulaires sont tous lus"
    champs = [
        (formulaire.__name__, nom, champ)
        for formulaire in descendantes(forms.BaseForm)
        if ".forms" in formulaire.__module__ and not formulaire.__module__.startswith("django")
        for nom, champ in formulaire.base_fields.items()
        if isinstance(champ, forms.ModelMultipleChoiceField)
    ]
    assert len(champs) >= 8
    assert [champ[:2] for champ in champs if not isinstance(champ[2], ChoixMultiplesField)] == []


def descendantes(classe):
    for fille in classe.__subclasses__():
        yield fille
        yield from descendantes(fille)


# --- Décider ---


@pytest.mark.parametrize(
    ("champ", "valeur"),
    [
        ("montant", "12,345"),
        ("montant", "mille"),
        ("montant", "-5"),
        ("montant", GEANT),
        ("montant", "0," + "0" * 400 + "1"),
        ("montant", "NaN"),
        ("montant", "Infinity"),
        ("montant", NUL),
        ("date", "0001-01-01"),
        ("date", "9999-12-31"),
        ("date", "2026-02-30"),
        ("date", NUL),
        ("motif", NUL),
        ("nature", "gratification"),
        ("nature", NUL),
    ],
)
def test_une_decision_mal_ecrite_est_refusee_sur_son_champ(agent, cadre, champ, valeur):
    action = ActionFactory(contrat=cadre.contrat)
    p147(action, 1000)
    juste = {"nature": "attribution", "montant": "800", "date": "2026-03-01", "motif": "", "version": action.version}
    reponse = agent.post(f"/programmation/actions/{action.pk}/decider/", juste | {champ: valeur})
    assert erreurs(reponse).keys() & {champ, "__all__"}
    assert not Decision.objects.exists()


def test_une_enveloppe_d_un_autre_departement_ne_porte_pas_une_decision(agent, cadre):
    EnveloppeFactory(exercice=cadre.exercice)
    gard = EnveloppeFactory(exercice=ExerciceFactory(departement=DepartementFactory(code="30")), libelle="Gard 2026")
    action = ActionFactory(contrat=cadre.contrat)
    p147(action, 1000)
    donnees = {"nature": "attribution", "montant": "800", "date": "2026-03-01", "version": action.version}
    reponse = agent.post(f"/programmation/actions/{action.pk}/decider/", donnees | {"enveloppe": gard.pk})
    assert "enveloppe" in erreurs(reponse)
    assert "Gard 2026" not in reponse.content.decode()
    demande = DemandeDeDecision(action, NatureDecision.ATTRIBUTION, 800, gard)
    with pytest.raises(OperationRefusee, match="autre exercice"):
        operations.decider([demande], par=cadre.agent)
    assert not Decision.objects.exists()


@pytest.mark.parametrize("cle", ["0", "-1", "1,5", "abc", GEANT, "100001", NUL])
def test_une_cle_de_scission_mal_ecrite_est_refusee(agent, cadre, cle):
    action = ActionFactory(contrat=cadre.contrat, dossier="00054562")
    autre = ContratFactory()
    donnees = {f"cle_{cadre.contrat.pk}": "1", f"cle_{autre.pk}": cle, "motif": "Deux contrats"}
    assert f"cle_{autre.pk}" in erreurs(agent.post(f"/programmation/actions/{action.pk}/scinder/", donnees))
    assert Action.objects.count() == 1


# --- Les organismes ---


@pytest.mark.parametrize("siret", [NUL, "123", "0001234550001", "00012345500017", "A" * 14, "٠" * 14, GEANT])
def test_rattacher_un_siret_forge_est_refuse(agent, cadre, siret):
    donnees = {"organisme-siret": siret, "organisme-nom": "Régie", "rattacher": cadre.porteur.pk}
    reponse = agent.post("/programmation/organismes/ajouter/", donnees, headers={"HX-Request": "true"})
    assert "siret" in erreurs(reponse)
    assert not Etablissement.objects.exists()
    assert Organisme.objects.get().siren is None


@pytest.mark.parametrize("rattacher", ["", "abc", "-1", GEANT, NUL, "9" * 21])
def test_rattacher_a_un_identifiant_forge_est_introuvable(agent, rattacher):
    donnees = {"organisme-siret": "00012345500016", "rattacher": rattacher}
    reponse = agent.post("/programmation/organismes/ajouter/", donnees, headers={"HX-Request": "true"})
    assert reponse.status_code == 404


# --- Les imports ---


def deposer(client, cadre, contenu, nom):
    fichier = SimpleUploadedFile(nom, contenu)
    donnees = {"quoi": "actions", "exercice": cadre.exercice.pk, "fichier": fichier}
    return client.post(reverse("programmation:import_create"), donnees)


@pytest.mark.parametrize(
    "contenu",
    [
        b"Intitul\xc3\xa9;Contrat\r\nA\x00B;CT\r\n",
        b"\x00" * 100,
        b";;;\r\n" * 10,
        "Intitulé;Contrat\r\n\ufffe😀\x07;\x1f\r\n".encode(),
        b"\xff\xfe" + "Intitulé;Contrat\r\nx;y\r\n".encode("utf-16-le"),
    ],
)
def test_un_csv_aux_octets_hostiles_est_refuse_ou_lu_jamais_une_erreur(agent, cadre, contenu):
    reponse = deposer(agent, cadre, contenu, "actions\x00.csv")
    assert reponse.status_code in (200, 302)
    for lot in Lot.objects.all():
        assert agent.get(reverse("programmation:import_colonnes", args=[lot.pk])).status_code == 200


def test_un_xlsx_qui_cache_un_caractere_nul_ne_casse_pas_le_plan(agent, cadre):
    """Dans un xlsx, « _x0000_ » se décode en caractère nul."""
    octets = octets_xlsx(["Intitulé", "Contrat"], ["Lire _x0000_ ici", cadre.contrat.code])
    reponse = deposer(agent, cadre, octets, "actions.xlsx")
    lot = Lot.objects.get()
    page = agent.get(reponse.url)
    champs = {f"colonne_{rang}": champ.value() for rang, (*_, champ) in enumerate(page.context["formulaire"].lignes)}
    lieu = {"feuille": lot.correspondance["feuille"], "ligne": lot.correspondance["ligne"]}
    assert agent.post(reponse.url, lieu | champs).status_code == 302
    assert agent.get(reverse("programmation:import_detail", args=[lot.pk])).status_code == 200
    assert agent.post(reverse("programmation:import_confirmer", args=[lot.pk])).status_code == 302
    assert "\x00" not in "".join(Action.objects.values_list("intitule", flat=True))


def test_un_fichier_vide_ou_une_page_html_est_refuse(agent, cadre):
    for contenu, nom in [(b"", "a.xlsx"), (b"<html></html>", "a.xlsx"), (io.BytesIO().getvalue(), "a.csv")]:
        assert "fichier" in erreurs(deposer(agent, cadre, contenu, nom))
    assert not Lot.objects.exists()


# --- La connexion ---


@pytest.mark.parametrize("courriel", [NUL, "x" * 5000 + "@exemple.test", "😀", "' OR 1=1 --"])
def test_un_courriel_hostile_ne_connecte_pas_et_ne_casse_rien(client, courriel):
    for page, champ in [("comptes:login", "username"), ("comptes:password_reset", "email")]:
        reponse = client.post(reverse(page), {champ: courriel, "password": NUL})
        assert reponse.status_code == 200
        assert reponse.context["form"].errors


@pytest.mark.parametrize("uid", ["AA", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "w6k", "-", "AAAA" * 200])
def test_un_lien_de_mot_de_passe_forge_est_perime(client, uid):
    assert client.get(reverse("comptes:password_reset_confirm", args=[uid, "abc-def"])).status_code == 200
