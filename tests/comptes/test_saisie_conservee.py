"""Ce qu'une personne tape survit à sa session : gardé pour elle seule, retrouvé à la reconnexion, effacé ensuite."""

import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from comptes import conservation
from comptes.conservation import Ecran
from comptes.models import SaisieConservee
from programmation.models import Action
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    ExerciceFactory,
    FinanceurFactory,
    OrganismeFactory,
    UtilisateurFactory,
    action_programmee,
    habiliter,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

AJOUTER = "/programmation/actions/ajouter/"
CONSERVER, ABANDONNER = "/compte/saisies/", "/compte/saisies/abandonner/"
CONNEXION = "/compte/connexion/"
MOT_DE_PASSE = "Quartiers-2030-essais"


@pytest.fixture
def agent():
    utilisateur = habiliter(departement=ExerciceFactory().departement)
    utilisateur.set_password(MOT_DE_PASSE)
    utilisateur.save()
    return utilisateur


@pytest.fixture
def client(client, agent):
    client.force_login(agent)
    return client


def champ(client, adresse=AJOUTER):
    (valeur,) = noeuds(client.get(adresse), "//input[@data-conserver]/@value")
    return valeur


def brouillon(client, **champs):
    exercice = ExerciceFactory()
    return {
        "conservation": champ(client),
        "geste": "brouillon",
        "cle": str(uuid.uuid4()),
        "exercice": exercice.pk,
        "echelle": "contrat",
        "contrat": ContratFactory(departement=exercice.departement).pk,
        "intitule": "Lire au pied des tours",
        "origine": "nouvelle",
        "duree": "annuelle",
        "plan-TOTAL_FORMS": "1",
        "plan-INITIAL_FORMS": "0",
        "plan-0-financeur": FinanceurFactory(p147=True).pk,
        "plan-0-demande": "1 234,50",
        **champs,
    }


def expirer(client):
    client.session.delete()


def se_connecter(client, courriel, mot_de_passe=MOT_DE_PASSE):
    return client.post(CONNEXION, {"username": courriel, "password": mot_de_passe, "next": AJOUTER})


# --- Au fil de la frappe ---


def test_la_saisie_se_range_au_fil_de_la_frappe_et_revient_a_l_ouverture(client, agent):
    assert client.post(CONSERVER, brouillon(client)).status_code == 204
    assert client.post(CONSERVER, brouillon(client, intitule="Lire, la suite")).status_code == 204
    (gardee,) = SaisieConservee.objects.all()
    assert (gardee.utilisateur, gardee.adresse) == (agent, AJOUTER)
    assert {"csrfmiddlewaretoken", "conservation", "geste"}.isdisjoint(nom for nom, _ in gardee.contenu)
    page = client.get(AJOUTER)
    assert page.context["formulaire"]["intitule"].value() == "Lire, la suite"
    assert page.context["formulaire"].plan.forms[0]["demande"].value() == "1 234,50"
    (dit,) = textes(page, "//*[@data-retrouvee]/p")
    quand = timezone.localtime(gardee.conservee_le)
    assert dit == f"Votre saisie du {quand:%d/%m} à {quand:%H:%M} a été retrouvée. Elle n’est pas enregistrée."
    assert noeuds(page, "//*[classe('fr-message--error')]") == [], "rien n'est vérifié tant que rien n'est envoyé"


def test_un_get_n_ecrit_rien_et_ne_garde_rien(client):
    client.get(AJOUTER)
    assert not SaisieConservee.objects.exists()


def test_enregistree_la_saisie_est_effacee(client):
    donnees = brouillon(client)
    client.post(CONSERVER, donnees)
    assert client.post(AJOUTER, donnees).status_code == 302
    assert not SaisieConservee.objects.exists()
    assert client.get(AJOUTER).context["retrouvee"] is None


def test_refusee_la_saisie_reste_gardee(client):
    donnees = brouillon(client, intitule="")
    client.post(CONSERVER, donnees)
    assert client.post(AJOUTER, donnees).status_code == 200
    assert SaisieConservee.objects.exists()


def test_abandonnee_elle_est_effacee_et_la_page_revient_vide(client):
    client.post(CONSERVER, brouillon(client))
    reponse = client.post(ABANDONNER, {"conservation": champ(client)})
    assert reponse.url == AJOUTER
    assert not SaisieConservee.objects.exists()
    assert client.get(AJOUTER).context["formulaire"]["intitule"].value() is None


def test_une_saisie_rangee_apres_son_enregistrement_ne_se_represente_pas(client):
    """La frappe et l'envoi se sont croisés : l'action existe déjà."""
    donnees = brouillon(client)
    client.post(AJOUTER, donnees)
    client.post(CONSERVER, donnees)
    assert client.get(AJOUTER).context["retrouvee"] is None


# --- Session expirée ---


def test_un_envoi_apres_l_expiration_se_retrouve_apres_la_reconnexion_et_ne_cree_qu_une_action(client, agent):
    donnees = brouillon(client)
    client.post(CONSERVER, donnees | {"intitule": "Lire"})
    expirer(client)
    reponse = client.post(AJOUTER, donnees)
    assert reponse.url.startswith(CONNEXION)
    assert "Ce que vous aviez tapé est gardé" in client.get(reponse.url).content.decode()
    assert not Action.objects.exists()
    assert se_connecter(client, agent.courriel).url == AJOUTER
    page = client.get(AJOUTER)
    assert page.context["formulaire"]["intitule"].value() == "Lire au pied des tours"
    assert conservation.EN_ATTENTE not in client.session
    assert client.post(AJOUTER, donnees).status_code == 302
    assert Action.objects.get().intitule == "Lire au pied des tours"
    assert not SaisieConservee.objects.exists()


def test_un_autre_utilisateur_du_meme_navigateur_ne_recoit_rien(client, agent):
    donnees = brouillon(client)
    expirer(client)
    client.post(AJOUTER, donnees)
    autre = habiliter()
    autre.set_password(MOT_DE_PASSE)
    autre.save()
    se_connecter(client, autre.courriel)
    assert client.get(AJOUTER).context["retrouvee"] is None
    assert not SaisieConservee.objects.exists()
    assert conservation.EN_ATTENTE not in client.session


def test_une_page_d_avant_la_reconnexion_garde_sa_saisie_au_lieu_de_la_perdre(agent):
    """L'agent s'est reconnecté dans un autre onglet : le jeton de la vieille page n'est plus le bon."""
    navigateur = Client(enforce_csrf_checks=True)
    navigateur.force_login(agent)
    donnees = brouillon(navigateur) | {"csrfmiddlewaretoken": "a" * 64}
    reponse = navigateur.post(AJOUTER, donnees)
    assert reponse.url == AJOUTER
    assert not Action.objects.exists()
    page = navigateur.get(AJOUTER)
    assert page.context["formulaire"]["intitule"].value() == "Lire au pied des tours"
    assert "Cette page datait d’avant votre reconnexion" in " ".join(textes(page, "//*[@role='alert']"))


def test_sans_champ_signe_un_envoi_anonyme_ne_laisse_rien(client, agent):
    """Ni un formulaire forgé, ni la connexion elle-même : rien d'autre que nos écrans de saisie ne se garde."""
    donnees = brouillon(client)
    expirer(client)
    for forge in ("", "n’importe quoi", Ecran(agent.pk, AJOUTER).champ + "x"):
        client.post(AJOUTER, donnees | {"conservation": forge})
    client.post(CONNEXION, {"username": agent.courriel, "password": "faux"})
    assert conservation.EN_ATTENTE not in client.session


# --- À elle seule, et dans des bornes ---


def test_la_saisie_d_une_personne_n_est_vue_ni_effacee_par_une_autre(client, agent):
    client.post(CONSERVER, brouillon(client))
    sien = champ(client)
    autre = Client()
    autre.force_login(habiliter())
    assert autre.get(AJOUTER).context["retrouvee"] is None
    assert autre.post(CONSERVER, {"conservation": sien, "intitule": "Vol"}).status_code == 403
    assert autre.post(ABANDONNER, {"conservation": sien}).status_code == 403
    assert dict(SaisieConservee.objects.get().contenu)["intitule"] == "Lire au pied des tours"


def test_ni_mot_de_passe_ni_jeton_ni_caractere_nul_ne_se_gardent(client):
    donnees = brouillon(client, old_password="secret", csrfmiddlewaretoken="jeton", intitule="Li\x00re")
    client.post(CONSERVER, donnees)
    contenu = dict(SaisieConservee.objects.get().contenu)
    assert {"old_password", "csrfmiddlewaretoken"}.isdisjoint(contenu)
    assert contenu["intitule"] == "Lire"


def test_un_accord_a_depasser_ne_se_garde_pas(client):
    """Il vaut pour le montant lu ce jour-là : remis coché, il passerait sans être relu."""
    client.post(CONSERVER, brouillon(client, depassement="3-20000"))
    assert "depassement" not in dict(SaisieConservee.objects.get().contenu)
    assert "depassement" in conservation.PAS_DE_LA_SAISIE


def test_une_saisie_trop_longue_n_est_pas_gardee_et_le_dit(client):
    donnees = brouillon(client, description="x" * conservation.TAILLE_MAXIMALE)
    assert client.post(CONSERVER, donnees).status_code == 413
    expirer(client)
    client.post(AJOUTER, donnees)
    assert conservation.EN_ATTENTE not in client.session
    assert not SaisieConservee.objects.exists()


def test_le_nombre_et_l_age_des_saisies_sont_bornes(agent, monkeypatch):
    monkeypatch.setattr(conservation, "PAR_PERSONNE", 3)
    ancienne = SaisieConservee.objects.create(
        utilisateur=UtilisateurFactory(), adresse="/vieille/", contenu=[], conservee_le=timezone.now() - timedelta(31)
    )
    assert conservation.retrouver(ancienne.utilisateur, "/vieille/") is None, "trop vieille pour être proposée"
    for rang in range(5):
        conservation.conserver(Ecran(agent.pk, f"/page/{rang}/"), [["a", "b"]])
    adresses = SaisieConservee.objects.order_by("adresse").values_list("adresse", flat=True)
    assert list(adresses) == ["/page/2/", "/page/3/", "/page/4/"]


def test_la_session_anonyme_ne_garde_que_les_derniers_ecrans(client, agent):
    expirer(client)
    for rang in range(5):
        client.post(AJOUTER, {"conservation": Ecran(agent.pk, f"/page/{rang}/").champ, "a": str(rang)})
    assert [adresse for _, adresse, _ in client.session[conservation.EN_ATTENTE]] == [
        "/page/2/",
        "/page/3/",
        "/page/4/",
    ]


def test_ce_qui_attendait_dans_une_session_finie_s_efface_au_suivant(client, agent):
    donnees = brouillon(client)
    expirer(client)
    client.post(AJOUTER, donnees)
    Session.objects.update(expire_date=timezone.now() - timedelta(hours=1))
    autre = Client()
    autre.post(AJOUTER, donnees)
    assert [session.session_key for session in Session.objects.all()] == [autre.session.session_key]


# --- Les autres écrans ---


@pytest.mark.parametrize(
    "adresse",
    [
        "/programmation/organismes/ajouter/",
        "/dispositifs/pre/ajouter/",
        "/dispositifs/adultes-relais/ajouter/",
        "/dispositifs/fonjep/ajouter/",
    ],
)
def test_les_autres_saisies_se_gardent_aussi_et_le_navigateur_les_remet(client, adresse):
    client.post(CONSERVER, {"conservation": champ(client, adresse), "nom": "Les Tours </script>"})
    page = client.get(adresse)
    (donnees,) = noeuds(page, "//script[@id='saisie-retrouvee']")
    assert "</script>" not in (donnees.text or "")
    assert "Les Tours" in donnees.text
    assert len(noeuds(page, "//*[@data-retrouvee]//button")) == 1


def test_l_avis_et_le_compte_rendu_tapes_se_gardent_aussi(client):
    a_decider, decidee = ActionFactory(), action_programmee(1000)
    for adresse in (
        f"/programmation/avis/{a_decider.pk}/",
        f"/programmation/actions/{decidee.pk}/justification/",
    ):
        client.post(CONSERVER, {"conservation": champ(client, adresse), "commentaire": "Porteur bien connu"})
        (donnees,) = noeuds(client.get(adresse), "//script[@id='saisie-retrouvee']")
        assert "Porteur bien connu" in donnees.text


def test_modifier_un_organisme_efface_ce_qui_etait_garde(client):
    organisme = OrganismeFactory(nom="Régie")
    adresse = f"/programmation/organismes/{organisme.pk}/modifier/"
    donnees = {"conservation": champ(client, adresse), "nom": "Régie de quartier", "forme": "association"}
    donnees |= {"droit": "prive"}
    client.post(CONSERVER, donnees)
    reponse = client.post(adresse, donnees)
    assert reponse.status_code == 302, reponse.context["formulaire"].errors
    assert not SaisieConservee.objects.exists()


def test_le_cookie_de_session_est_le_seul_lien_avec_la_saisie_en_attente(client, agent):
    donnees = brouillon(client)
    expirer(client)
    client.post(AJOUTER, donnees)
    del client.cookies[settings.SESSION_COOKIE_NAME]
    se_connecter(client, agent.courriel)
    assert client.get(AJOUTER).context["retrouvee"] is None
