"""Tout formulaire où l'on tape garde sa saisie : un nouveau gabarit ne peut pas l'oublier."""

import json
import re
from datetime import date

import pytest
from django.conf import settings
from django.test import Client

from comptes import conservation
from comptes.conservation import ADRESSE_MAXIMALE, EN_ATTENTE
from comptes.enums import Role
from comptes.models import SaisieConservee
from programmation import operations
from programmation.enums import NatureComite, StatutAction
from programmation.models import Comite, Decision, MouvementEnveloppe
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    EnveloppeFactory,
    ExerciceFactory,
    habiliter,
    p147,
)
from tests.pages import noeuds

# Les envois sans rien à garder : (gabarit, nombre) → pourquoi. Ce qui se tape ailleurs porte « champ_de_conservation ».
RIEN_A_GARDER = {
    ("_entete.html", 1): "se déconnecter",
    ("comptes/_saisie_retrouvee.html", 1): "abandonner une saisie retrouvée",
    ("comptes/connexion.html", 1): "un mot de passe ne se garde jamais",
    ("comptes/mot_de_passe.html", 1): "un mot de passe ne se garde jamais",
    ("comptes/mot_de_passe_oublie.html", 1): "avant toute connexion : la saisie ne serait à personne",
    ("comptes/nouveau_mot_de_passe.html", 1): "un mot de passe ne se garde jamais",
    ("dispositifs/calendrier.html", 2): "des boutons",
    ("pilotage/comite_terminer.html", 1): "une confirmation",
    ("pilotage/passage.html", 1): "une confirmation",
    ("programmation/_comite_ordre.html", 3): "des boutons, et le rang d'une ligne",
    ("programmation/_import_verdict.html", 1): "une confirmation, et une case",
    ("programmation/acte_en_lot.html", 1): "une confirmation : les actes à rédiger sont cochés d'office",
    ("programmation/action_detail.html", 1): "un bouton",
    ("programmation/comite_detail.html", 1): "un bouton",
    ("programmation/comite_form.html", 1): "supprimer : une confirmation",
    ("programmation/comite_seance_action.html", 2): "montrer une action à l'écran projeté : des boutons",
    ("programmation/courrier_form.html", 1): "télécharger des lettres : rien ne s'y tape, rien n'est enregistré",
    ("programmation/enveloppe_rattacher.html", 1): "une confirmation",
    ("programmation/geste_en_lot.html", 1): "une confirmation",
    ("programmation/import_create.html", 1): "un fichier : aucun navigateur ne laisse le remettre",
    ("programmation/modification_detail.html", 1): "une confirmation",
    ("programmation/reconduction_lot.html", 1): "une confirmation",
}
FORMULAIRE = re.compile(r'<form\b[^>]*method="post".*?</form>', re.DOTALL)


def test_tout_formulaire_garde_sa_saisie_ou_dit_pourquoi_il_n_en_a_pas():
    gabarits = settings.BASE_DIR / "templates"
    sans = set()
    for gabarit in gabarits.rglob("*.html"):
        formulaires = FORMULAIRE.findall(gabarit.read_text())
        oublieux = [f for f in formulaires if "{% champ_de_conservation" not in f]
        if oublieux:
            sans.add((str(gabarit.relative_to(gabarits)), len(oublieux)))
    assert sans == set(RIEN_A_GARDER)


# --- Quelques écrans, en vrai ---


@pytest.fixture
def responsable(client):
    personne = habiliter(Role.RESPONSABLE, departement=ExerciceFactory().departement)
    client.force_login(personne)
    return personne


def taper_puis_expirer(client, adresse, envoi=None, **tape):
    """L'envoi d'une page ouverte avant que sa session n'expire ; rend la réponse."""
    page = client.get(adresse)
    (signe,) = noeuds(page, "//input[@data-conservation]/@value")
    client.session.delete()
    return client.post(envoi or adresse, {"conservation": signe, **tape})


def se_reconnecter(client, personne, reponse):
    """Rend l'adresse où la connexion ramène."""
    personne.set_password("Quartiers-2030-essais")
    personne.save()
    suite = client.get(reponse.url).context["next"]
    donnees = {"username": personne.courriel, "password": "Quartiers-2030-essais", "next": suite}
    return client.post("/compte/connexion/", donnees).url


def retrouvee(client, adresse):
    trouves = noeuds(client.get(adresse), "//script[@id='saisie-retrouvee']")
    return " ".join(valeur for _, valeur in json.loads(trouves[0].text_content())) if trouves else ""


@pytest.mark.django_db
def test_un_mouvement_d_enveloppe_se_retrouve_apres_la_reconnexion_puis_s_oublie_enregistre(client, responsable):
    adresse = f"/programmation/enveloppes/{EnveloppeFactory().pk}/mouvement/"
    geste = "0f5a3c1e-8f0e-4c50-9f7e-2f1f0d5f7a11"
    tape = {"nature": "notification", "date": "2026-02-01", "ae": "1 234,50", "motif": "Arrêté", "geste": geste}
    reponse = taper_puis_expirer(client, adresse, **tape)
    assert se_reconnecter(client, responsable, reponse) == adresse
    assert "1 234,50" in retrouvee(client, adresse)
    (signe,) = noeuds(client.get(adresse), "//input[@data-conservation]/@value")
    assert client.post(adresse, {"conservation": signe, **tape}).status_code == 302
    assert MouvementEnveloppe.objects.count() == 1
    assert not SaisieConservee.objects.exists()


@pytest.mark.django_db
def test_un_comite_se_retrouve_apres_la_reconnexion(client, responsable):
    CampagneFactory()
    adresse = "/programmation/comites/ajouter/"
    reponse = taper_puis_expirer(client, adresse, nature="technique", lieu="Salle des <fêtes>")
    assert se_reconnecter(client, responsable, reponse) == adresse
    assert "Salle des" in retrouvee(client, adresse)
    assert not Comite.objects.exists()


@pytest.mark.django_db
def test_une_longue_selection_a_decider_se_retrouve_avec_ses_actions(client, responsable):
    """Son adresse ne tient pas dans la colonne : une empreinte l'y remplace, et la connexion y ramène quand même."""
    actions = [p147(ActionFactory(statut=StatutAction.INSTRUITE), demande=1000).action for _ in range(60)]
    adresse = "/programmation/actions/decider/?" + "&".join(f"action={a.pk}" for a in actions) + "&retour=tri%3Dpilier"
    assert len(adresse) > ADRESSE_MAXIMALE
    reponse = taper_puis_expirer(client, adresse, motif="Arbitrage du 3 mars")
    assert se_reconnecter(client, responsable, reponse) == adresse
    assert "Arbitrage du 3 mars" in retrouvee(client, adresse)
    assert retrouvee(client, f"/programmation/actions/decider/?action={actions[0].pk}") == "", "une autre sélection"
    assert not Decision.objects.exists()


@pytest.mark.django_db
def test_une_decision_depassee_n_est_pas_remise_sur_les_valeurs_d_aujourd_hui(client, responsable):
    action = p147(ActionFactory(statut=StatutAction.INSTRUITE), demande=1000).action
    adresse = f"/programmation/actions/{action.pk}/decider/"
    (signe,) = noeuds(client.get(adresse), "//input[@data-conservation]/@value")
    donnees = {"conservation": signe, "nature": "attribution", "montant": "900", "version": action.version - 1}
    client.post("/compte/saisies/", donnees)
    assert client.post(adresse, donnees).status_code == 409
    assert retrouvee(client, adresse) == ""


@pytest.mark.django_db
def test_une_confirmation_ramene_a_la_page_d_ou_elle_est_partie(client, responsable):
    """Son adresse d'envoi ne se lit pas, ou y perdrait sa sélection."""
    client.session.delete()
    page = "http://testserver/programmation/actions/gestes/deposer/?action=1&action=2"
    reponse = client.post("/programmation/actions/gestes/deposer/", {"action": 1}, headers={"referer": page})
    suite = client.get(reponse.url).context["next"]
    assert suite == "/programmation/actions/gestes/deposer/?action=1&action=2"
    assert EN_ATTENTE not in client.session
    ailleurs = client.post("/programmation/actions/decider/", headers={"referer": "https://ailleurs.example/"})
    assert client.get(ailleurs.url).context["next"] == "/programmation/actions/decider/"


@pytest.mark.django_db
def test_temoins_effaces_la_saisie_est_gardee_quand_meme(responsable):
    navigateur = Client(enforce_csrf_checks=True)
    ecran = conservation.Ecran(responsable.pk, "/programmation/comites/ajouter/")
    reponse = navigateur.post(ecran.adresse, {"conservation": ecran.champ, "lieu": "Hérouville"})
    assert reponse.url == "/compte/connexion/?next=/programmation/comites/ajouter/"
    assert navigateur.session[EN_ATTENTE] == [[responsable.pk, ecran.adresse, [["lieu", "Hérouville"]]]]


@pytest.mark.django_db
def test_une_decision_en_seance_se_retrouve_sur_l_action_examinee(client, responsable):
    action = p147(ActionFactory(statut=StatutAction.INSTRUITE), demande=1000).action
    jour = date(2026, 3, 12)
    comite = operations.creer_un_comite(action.campagne, NatureComite.PILOTAGE, jour, par=responsable)
    operations.inscrire(comite, [action], par=responsable)
    operations.ouvrir_la_seance(comite, par=responsable)
    passage = comite.passages.get()
    adresse = f"/programmation/comites/{comite.pk}/seance/?passage={passage.pk}"
    tape = {"passage": passage.pk, f"p{passage.pk}-montant": "800", f"p{passage.pk}-observation": "Avec réserve"}
    reponse = taper_puis_expirer(client, adresse, **tape)
    assert se_reconnecter(client, responsable, reponse) == adresse
    assert "Avec réserve" in retrouvee(client, adresse)


@pytest.mark.django_db
def test_le_motif_d_une_modification_en_lot_suit_jusqu_a_son_effet(client, responsable):
    """Retrouvé au choix des valeurs, il se tape à la page suivante."""
    action = ActionFactory()
    adresse = f"/programmation/modifications/ajouter/?action={action.pk}"
    agent = {"action": action.pk, "agent_referent": responsable.pk, "motif": "Départ de l'agent"}
    reponse = taper_puis_expirer(client, adresse, **agent)
    assert se_reconnecter(client, responsable, reponse) == adresse
    assert "Départ de l" in retrouvee(client, adresse)
    (motif,) = noeuds(client.post(adresse, agent), "//textarea[@name='motif']")
    assert motif.text_content().strip() == "Départ de l'agent"
