"""Se connecter, changer de mot de passe, en retrouver un, lire son compte."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django.asserts import assertRedirects

from comptes import essais
from comptes.enums import Role
from comptes.models import EssaisDeConnexion, Utilisateur
from tests.fabriques import HabilitationFactory, UtilisateurFactory
from tests.pages import noeuds, texte, textes

CONNEXION = "/compte/connexion/"
COURRIEL = "camille.durand@exemple.fr"
MOT_DE_PASSE = "quatre-chevaux-au-trot"
NOUVEAU = "cinq-poules-au-galop"
INCORRECT = "Adresse électronique ou mot de passe incorrect."

pytestmark = pytest.mark.django_db


@pytest.fixture
def camille():
    return UtilisateurFactory(courriel=COURRIEL, password=MOT_DE_PASSE, prenom="Camille", nom="Durand")


def connecter(client, courriel=COURRIEL, mot_de_passe=MOT_DE_PASSE, **options):
    return client.post(CONNEXION, {"username": courriel, "password": mot_de_passe, **options})


def erreurs(reponse):
    return textes(reponse, "//*[classe('fr-alert--error')]//li")


def est_connecte(client):
    return "_auth_user_id" in client.session


def test_on_se_connecte_par_son_courriel_sans_souci_de_casse(client, camille):
    reponse = connecter(client, " Camille.Durand@EXEMPLE.fr ")
    assertRedirects(reponse, "/", fetch_redirect_response=False)
    assert est_connecte(client)


def test_on_revient_a_la_page_demandee_jamais_a_un_autre_site(client, camille):
    assert connecter(client, next="/compte/").url == "/compte/"
    assert connecter(client, next="https://ailleurs.example/").url == "/"


def test_une_page_fermee_mene_a_la_connexion(client):
    assertRedirects(client.get("/compte/"), f"{CONNEXION}?next=/compte/")


@pytest.mark.parametrize("courriel", [COURRIEL, "personne@exemple.fr"])
def test_un_echec_ne_dit_pas_si_le_compte_existe(client, camille, courriel):
    reponse = connecter(client, courriel, "faux")
    assert erreurs(reponse) == [INCORRECT]
    assert not est_connecte(client)


def test_un_compte_inactif_ne_se_connecte_pas(client, camille):
    Utilisateur.objects.filter(pk=camille.pk).update(is_active=False)
    assert erreurs(connecter(client)) == [INCORRECT]


def test_un_formulaire_vide_nomme_les_deux_champs(client):
    assert erreurs(connecter(client, "", "")) == [
        "Adresse électronique : Renseigner « Adresse électronique ».",
        "Mot de passe : Renseigner « Mot de passe ».",
    ]


def test_un_mot_de_passe_oublie_ou_change_vide_nomme_ses_champs(client, camille):
    oublie = client.post("/compte/mot-de-passe/oublie/", {"email": ""})
    assert erreurs(oublie) == ["Adresse électronique : Renseigner « Adresse électronique »."]
    client.force_login(camille)
    assert erreurs(client.post("/compte/mot-de-passe/", {})) == [
        "Ancien mot de passe : Renseigner « Ancien mot de passe ».",
        "Nouveau mot de passe : Renseigner « Nouveau mot de passe ».",
        "Confirmation du nouveau mot de passe : Renseigner « Confirmation du nouveau mot de passe ».",
    ]


def test_apres_dix_echecs_le_compte_attend_meme_avec_le_bon_mot_de_passe(client, camille):
    for _ in range(9):
        connecter(
            client,
            mot_de_passe="faux",
        )
    assert erreurs(connecter(client, mot_de_passe="faux")) == [INCORRECT]
    assert erreurs(connecter(client))[0].startswith("Trop d’essais sans succès. Attendez quinze minutes")
    assert not est_connecte(client)


def test_l_attente_vaut_pour_tous_les_processus_du_serveur_puis_finit(client, camille):
    """Le décompte est dans la base : un processus qui vient de naître le connaît."""
    for _ in range(10):
        connecter(client, mot_de_passe="faux")
    assert EssaisDeConnexion.objects.filter(echecs=10).count() == 2  # le compte et l'adresse
    assert erreurs(connecter(client))[0].startswith("Trop d’essais")
    EssaisDeConnexion.objects.update(depuis=timezone.now() - timedelta(seconds=essais.DUREE + 1))
    assert erreurs(connecter(client, mot_de_passe="faux")) == [INCORRECT]
    assert connecter(client).status_code == 302
    assert EssaisDeConnexion.objects.count() == 1  # l'adresse, qui est à tout un service


def test_neuf_echecs_puis_un_succes_remettent_le_compte_a_zero(client, camille):
    for _ in range(9):
        connecter(client, mot_de_passe="faux")
    assert connecter(client).status_code == 302
    assert erreurs(connecter(client, mot_de_passe="faux")) == [INCORRECT]


def echouer_depuis_l_adresse(client, fois):
    """Des échecs d'une même adresse, sur des comptes tous différents."""
    for numero in range(fois):
        connecter(client, f"inconnu{numero}@exemple.fr", "faux")


def test_un_collegue_du_meme_reseau_se_connecte_malgre_dix_echecs(client, camille):
    for _ in range(10):
        connecter(client, "collegue@exemple.fr", "faux")
    echouer_depuis_l_adresse(client, 10)
    assert connecter(client).status_code == 302


def test_cent_echecs_d_une_meme_adresse_la_font_attendre(client, camille):
    echouer_depuis_l_adresse(client, 100)
    assert erreurs(connecter(client)) == [
        "Trop d’essais sans succès depuis votre réseau, tous comptes confondus. Attendez quinze minutes."
    ]
    ailleurs = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.post(CONNEXION, {"username": COURRIEL, "password": MOT_DE_PASSE}, **ailleurs).status_code == 302


def test_un_compte_a_soi_n_efface_pas_le_decompte_de_l_adresse(client, camille):
    """Sinon, se connecter de temps en temps laisserait essayer tous les autres comptes sans fin."""
    echouer_depuis_l_adresse(client, 99)
    assert connecter(client).status_code == 302
    echouer_depuis_l_adresse(client, 1)
    assert erreurs(connecter(client))[0].startswith("Trop d’essais sans succès depuis votre réseau")


def test_l_adresse_est_celle_que_le_frontal_ajoute_en_production_seulement(rf, settings):
    requete = rf.get("/", headers={"x-forwarded-for": "10.0.0.1, 192.0.2.7"})
    assert essais.adresse(requete) == "127.0.0.1"
    settings.EN_PRODUCTION = True
    assert essais.adresse(requete) == "192.0.2.7"
    assert essais.adresse(rf.get("/")) == "127.0.0.1"


def test_l_administration_passe_par_la_meme_porte(client):
    assertRedirects(client.get("/admin/login/?next=/admin/"), f"{CONNEXION}?next=/admin/")


def test_un_compte_connecte_mais_sans_droit_lit_pourquoi(client, camille):
    client.force_login(camille)
    reponse = client.get("/admin/", follow=True)
    assert "Vous êtes déjà connecté, mais votre compte n’ouvre pas la page demandée." in reponse.content.decode()


def test_on_se_deconnecte_par_un_envoi_jamais_par_un_lien(client, camille):
    client.force_login(camille)
    assert client.get("/compte/deconnexion/").status_code == 405
    assertRedirects(client.post("/compte/deconnexion/"), CONNEXION)
    assert not est_connecte(client)


def test_une_page_connectee_n_est_gardee_que_par_ce_navigateur(client, camille):
    client.force_login(camille)
    for adresse in ("/compte/", "/programmation/actions/", "/programmation/actions/999999/", "/"):
        assert client.get(adresse).headers["Cache-Control"] == "private, no-cache"


def test_une_page_publique_n_a_pas_cet_en_tete(client):
    assert "Cache-Control" not in client.get("/accessibilite/").headers
    assert "Clear-Site-Data" not in client.get("/accessibilite/").headers


def test_se_deconnecter_efface_ce_que_le_navigateur_gardait(client, camille):
    client.force_login(camille)
    assert client.post("/compte/deconnexion/").headers["Clear-Site-Data"] == '"cache"'


def test_chaque_page_mene_a_la_declaration_d_accessibilite(client):
    [lien] = noeuds(client.get(CONNEXION), "//footer//a[contains(., 'Accessibilité')]")
    page = client.get(lien.get("href"))
    assert "non conforme" in texte(noeuds(page, "//main")[0])
    assert "Défenseur des droits" in texte(noeuds(page, "//main")[0])


def test_on_change_son_mot_de_passe_et_on_reste_connecte(client, camille):
    client.force_login(camille)
    donnees = {"old_password": MOT_DE_PASSE, "new_password1": NOUVEAU, "new_password2": NOUVEAU}
    assertRedirects(client.post("/compte/mot-de-passe/", donnees), "/compte/mot-de-passe/change/")
    camille.refresh_from_db()
    assert camille.check_password(NOUVEAU)
    assert est_connecte(client)


@pytest.mark.parametrize(
    ("faible", "raison"),
    [
        ("court", "Ce mot de passe est trop court. Il doit contenir au minimum 12 caractères."),
        ("camille.durand@exemple", "Le mot de passe est trop semblable au champ « courriel »."),
        ("583920174655", "Ce mot de passe est entièrement numérique."),
    ],
)
def test_un_mot_de_passe_faible_est_refuse(client, camille, faible, raison):
    client.force_login(camille)
    donnees = {"old_password": MOT_DE_PASSE, "new_password1": faible, "new_password2": faible}
    reponse = client.post("/compte/mot-de-passe/", donnees)
    assert f"Confirmation du nouveau mot de passe : {raison}" in erreurs(reponse)


def test_qui_a_oublie_son_mot_de_passe_recoit_un_lien_et_s_en_sert_une_fois(client, camille):
    for _ in range(10):
        connecter(client, mot_de_passe="faux")
    assertRedirects(
        client.post("/compte/mot-de-passe/oublie/", {"email": COURRIEL.upper()}), "/compte/mot-de-passe/oublie/envoye/"
    )
    (message,) = mail.outbox
    assert message.subject == "Programmation ville : choisir un nouveau mot de passe"
    assert message.to == [COURRIEL]
    lien = re.search(r"http://testserver(\S+)", message.body).group(1)

    page = client.get(lien, follow=True)
    formulaire = page.request["PATH_INFO"]
    assertRedirects(
        client.post(formulaire, {"new_password1": NOUVEAU, "new_password2": NOUVEAU}),
        "/compte/mot-de-passe/nouveau/choisi/",
    )
    assert connecter(client, mot_de_passe=NOUVEAU).status_code == 302
    assert "Ce lien ne sert plus" in client.get(lien, follow=True).content.decode()


def test_une_adresse_sans_compte_recoit_la_meme_reponse_et_aucun_courriel(client, camille):
    reponse = client.post("/compte/mot-de-passe/oublie/", {"email": "personne@exemple.fr"})
    assertRedirects(reponse, "/compte/mot-de-passe/oublie/envoye/")
    assert mail.outbox == []


@pytest.mark.parametrize("nombre", [1, 3])
def test_mon_compte_montre_mes_habilitations_sans_requete_par_ligne(client, camille, nombre, django_assert_num_queries):
    for _ in range(nombre):
        HabilitationFactory(utilisateur=camille, role=Role.DELEGUE)
    client.force_login(camille)
    with django_assert_num_queries(4):  # session, utilisateur, rôles du menu, habilitations
        reponse = client.get("/compte/")
    lignes = [[texte(cellule) for cellule in ligne] for ligne in noeuds(reponse, "//tbody/tr")]
    assert lignes == [["Délégué du préfet", "Calvados (14)", "—", "sans fin"]] * nombre
    assert "Camille Durand" in textes(reponse, "//dd")


def test_sans_habilitation_mon_compte_dit_a_qui_demander(client, camille):
    client.force_login(camille)
    assert "Demandez un rôle à l’administrateur de votre DDETS." in client.get("/compte/").content.decode()
