"""L'administration : une valeur utilisée se désactive, ce qui a des opérations se lit seulement, un droit laisse sa trace."""

from datetime import date

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from comptes.enums import Role
from comptes.models import Habilitation, Utilisateur
from pilotage.models import Photographie
from politique_ville.outils.administration import LectureSeuleMixin
from programmation.enums import StatutExercice
from programmation.models import (
    Action,
    Campagne,
    Correspondance,
    Decision,
    Dispositif,
    Enveloppe,
    Exercice,
    Financement,
    Financeur,
    Lot,
    Organisme,
    PartenaireFinanceur,
    Pilier,
    Thematique,
)
from territoires.models import Commune, FiliationContrat, FiliationQuartier, NombreAnnonce, Quartier
from tests.fabriques import (
    ActionFactory,
    CommuneFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinancementFactory,
    FinanceurFactory,
    HabilitationFactory,
    PilierFactory,
    PrioriteFactory,
    QuartierFactory,
    RepereFactory,
    ThematiqueFactory,
    UtilisateurFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrateur(client):
    personne = UtilisateurFactory(courriel="admin@exemple.test", is_staff=True, is_superuser=True)
    client.force_login(personne)
    return personne


@pytest.fixture
def un_objet_de_chaque(administrateur):
    """De quoi qu'aucune liste de l'administration ne soit vide, ou presque."""
    action = ActionFactory(etablissement=None)
    FinancementFactory(action=action)
    EtablissementFactory(organisme=action.porteur)
    Correspondance.objects.create(thematique=action.thematique, pilier=action.pilier)
    RepereFactory(pilier=action.pilier)
    PrioriteFactory()
    ancien, nouveau = ContratFactory(ancien=True), action.contrat
    FiliationContrat.objects.create(ancien=ancien, nouveau=nouveau)
    quartiers = QuartierFactory(contrat=ancien, communes=[CommuneFactory()]), QuartierFactory(contrat=nouveau)
    FiliationQuartier.objects.create(ancien=quartiers[0], nouveau=quartiers[1], nature="redessine")
    NombreAnnonce.objects.create(departement=nouveau.departement, objet="pre", nombre=4, source="Une page datée")
    HabilitationFactory(quartier=quartiers[1], departement=None, role=Role.DELEGUE)


def adresse(objet, geste="change"):
    return reverse(f"admin:{objet._meta.app_label}_{objet._meta.model_name}_{geste}", args=[objet.pk])


def liste(modele, geste="changelist"):
    return reverse(f"admin:{modele._meta.app_label}_{modele._meta.model_name}_{geste}")


# --- Parcourir ---


def test_toutes_les_pages_s_ouvrent(client, un_objet_de_chaque):
    for modele, ecran in admin.site._registry.items():
        assert client.get(liste(modele)).status_code == 200, modele
        recherche = client.get(liste(modele), {"q": "Hérouville"} if ecran.search_fields else {})
        assert recherche.status_code == 200, modele
        if objet := modele._default_manager.first():
            assert client.get(adresse(objet)).status_code == 200, modele
            assert client.get(adresse(objet, "history")).status_code == 200, modele
        ajout = client.get(liste(modele, "add")).status_code
        assert ajout == (403 if isinstance(ecran, LectureSeuleMixin) else 200), modele


def test_aucune_page_ne_porte_de_style_ni_de_script_en_ligne(client, un_objet_de_chaque):
    for modele in admin.site._registry:
        objet = modele._default_manager.first()
        pages = [liste(modele)] + ([adresse(objet), adresse(objet, "history")] if objet else [])
        for page in pages:
            html = client.get(page).content.decode()
            assert " style=" not in html, page
            assert "<script>" not in html, page


def test_l_administration_a_un_titre_francais(client, administrateur):
    html = client.get(reverse("admin:index")).content.decode()
    assert "Administration de la programmation ville" in html
    assert "Référentiels et comptes" in html


def test_un_agent_n_entre_pas_dans_l_administration(client):
    client.force_login(HabilitationFactory(role=Role.RESPONSABLE).utilisateur)
    assert client.get(reverse("admin:index")).status_code == 302
    assert client.get(liste(Pilier)).status_code == 302


def test_une_liste_ne_fait_pas_plus_de_requetes_avec_trois_objets_qu_avec_un(
    client, administrateur, django_assert_num_queries
):
    for modele, fabrique in [(Financeur, FinanceurFactory), (Commune, CommuneFactory), (Quartier, QuartierFactory)]:
        fabrique()
        client.get(liste(modele))
        with django_assert_num_queries(100, exact=False) as une_ligne:
            client.get(liste(modele))
        fabrique(), fabrique()
        with django_assert_num_queries(len(une_ligne)):
            client.get(liste(modele))


def test_l_administration_n_a_pas_de_groupes(client, administrateur):
    """Un rôle se donne par une habilitation : un groupe de Django n'ouvrirait rien."""
    assert "Groupe" not in client.get(reverse("admin:index")).content.decode()
    assert "Groupe" not in client.get(adresse(administrateur)).content.decode()


# --- Une valeur utilisée se désactive ---


def test_une_valeur_utilisee_ne_se_supprime_pas_et_dit_pourquoi(client, administrateur):
    dispositif = DispositifFactory()
    ActionFactory(dispositif=dispositif)
    page = client.get(adresse(dispositif)).content.decode().replace("\u00a0", " ")
    assert "Sert à : 1 action. Ne peut donc pas être supprimé : décocher « proposé à la saisie »" in page
    assert client.post(adresse(dispositif, "delete"), {"post": "yes"}).status_code == 403
    assert Dispositif.objects.filter(pk=dispositif.pk).exists()


def test_une_valeur_inutile_se_supprime(client, administrateur):
    dispositif = DispositifFactory()
    assert "Ne sert encore à rien" in client.get(adresse(dispositif)).content.decode()
    assert client.post(adresse(dispositif, "delete"), {"post": "yes"}).status_code == 302
    assert not Dispositif.objects.exists()


def test_un_lien_multiple_compte_comme_un_usage(client, administrateur):
    commune, priorite = CommuneFactory(), PrioriteFactory()
    ContratFactory().communes.add(commune)
    ActionFactory().priorites.add(priorite)
    assert client.post(adresse(commune, "delete"), {"post": "yes"}).status_code == 403
    assert client.post(adresse(priorite, "delete"), {"post": "yes"}).status_code == 403


def test_aucune_liste_ne_supprime_en_masse_des_valeurs(client, administrateur):
    dispositif = DispositifFactory()
    client.post(liste(Dispositif), {"action": "delete_selected", "_selected_action": [dispositif.pk], "post": "yes"})
    assert Dispositif.objects.filter(pk=dispositif.pk).exists()


def test_une_valeur_se_desactive(client, administrateur):
    dispositif = DispositifFactory()
    ActionFactory(dispositif=dispositif)
    client.post(adresse(dispositif), {"libelle": dispositif.libelle})
    dispositif.refresh_from_db()
    assert not dispositif.est_actif
    assert dispositif.code == "contrat-de-ville"  # l'identifiant ne se modifie plus


def test_la_liste_dit_combien_d_actions_se_servent_de_chaque_valeur(client, administrateur):
    pilier = PilierFactory()
    financeur = FinanceurFactory()
    for _ in range(3):
        FinancementFactory(action=ActionFactory(pilier=pilier), financeur=financeur)
    FinancementFactory(
        action=financeur.financements.first().action, financeur=financeur, nature="specifique"
    )  # deux natures, une action
    assert "3 actions" in client.get(liste(Pilier)).content.decode().replace("\u00a0", " ")
    assert client.get(liste(Financeur)).context["cl"].queryset.get(pk=financeur.pk).nombre_d_actions == 3


def test_le_libelle_d_une_thematique_d_un_exercice_clos_est_en_lecture_seule(client, administrateur):
    ouverte = ThematiqueFactory(code="1.2")
    close = ThematiqueFactory(code="1.3")
    ActionFactory(thematique=ouverte)
    ActionFactory(exercice=ExerciceFactory(annee=2025, statut=StatutExercice.CLOS), thematique=close)
    for thematique in (ouverte, close):
        client.post(adresse(thematique), {"libelle": "Nouveau libellé", "est_actif": "on"})
    libelles = dict(Thematique.objects.values_list("code", "libelle"))
    assert libelles == {"1.2": "Nouveau libellé", "1.3": "Soutien à la scolarité"}


def test_le_libelle_d_un_theme_d_un_exercice_clos_ne_change_pas_non_plus(client, administrateur):
    action = ActionFactory(exercice=ExerciceFactory(annee=2025, statut=StatutExercice.CLOS))
    theme = action.thematique.theme
    formulaire = {"libelle": "Autre", "thematiques-TOTAL_FORMS": 0, "thematiques-INITIAL_FORMS": 0}
    page = client.post(adresse(theme), formulaire)
    assert "a servi dans un exercice clos" in page.content.decode()
    theme.refresh_from_db()
    assert theme.libelle == "Éducation"


# --- Les correspondances ---


def test_valider_des_correspondances_laisse_une_trace(client, administrateur):
    correspondance = Correspondance.objects.create(thematique=ThematiqueFactory(), pilier=PilierFactory())
    client.post(liste(Correspondance), {"action": "valider", "_selected_action": [correspondance.pk]})
    correspondance.refresh_from_db()
    assert correspondance.est_validee
    assert correspondance.history.first().history_user == administrateur
    historique = client.get(adresse(correspondance, "history")).content.decode()
    assert "choix validé par le service" in historique.lower()


def test_le_pilier_transversal_ne_se_propose_pas(client, administrateur):
    PilierFactory(), PilierFactory(transversal=True)
    page = client.get(liste(Correspondance, "add"))
    assert [p.code for p in page.context["adminform"].form.fields["pilier"].queryset] == ["cohesion-sociale"]


# --- Ce qui a des opérations ---


@pytest.mark.parametrize("modele", [Exercice, Campagne, Organisme])
def test_le_cadre_et_le_repertoire_se_lisent_seulement(client, un_objet_de_chaque, modele):
    objet = modele.objects.first()
    assert client.get(adresse(objet)).status_code == 200
    assert client.get(liste(modele, "add")).status_code == 403
    assert client.post(adresse(objet), {}).status_code == 403
    assert client.post(adresse(objet, "delete"), {"post": "yes"}).status_code == 403


def test_l_administration_n_ouvre_ni_action_ni_argent():
    """Être administrateur technique n'ouvre aucune action : seules les habilitations le font."""
    assert {Action, Decision, Financement, Enveloppe, Lot, Photographie}.isdisjoint(admin.site._registry)


# --- Les territoires ---


def test_un_contrat_dit_sa_generation_dans_une_liste_de_choix(client, administrateur):
    QuartierFactory(contrat=ContratFactory(intitule="Contrat de Caen", ancien=True))
    QuartierFactory(contrat=ContratFactory(intitule="Contrat de Caen"), nom="Centre", code="QN01499N")
    page = client.get(liste(Habilitation, "add")).content.decode()
    assert "Contrat de Caen (2015-2023)" in page
    assert "Centre – Contrat de Caen (2024-2030), QN01499N" in page


def test_le_code_d_un_contrat_se_renseigne_une_fois(client, administrateur):
    contrat = ContratFactory(code=None)
    champs = {
        "intitule": contrat.intitule,
        "departement": contrat.departement_id,
        "intercommunalite": contrat.intercommunalite_id,
        "generation": contrat.generation,
        "debut": "01/01/2024",
        "fin": "31/12/2030",
        "suites-TOTAL_FORMS": 0,
        "suites-INITIAL_FORMS": 0,
    }
    for code in ("", "CN01499N", "CN01400X"):
        client.post(adresse(contrat), champs | {"code": code})
        contrat.refresh_from_db()
        assert contrat.code == ("CN01499N" if code else None)


def test_une_commune_se_cherche_avec_ses_accents(client, administrateur):
    CommuneFactory(nom="Hérouville-Saint-Clair")
    CommuneFactory(nom="Ifs")
    trouvees = client.get(liste(Commune), {"q": "Hérouville"}).context["cl"].queryset
    assert [commune.nom for commune in trouvees] == ["Hérouville-Saint-Clair"]


# --- Les comptes ---


def test_un_compte_se_cree_par_son_courriel(client, administrateur):
    client.post(
        liste(Utilisateur, "add"),
        {
            "courriel": "Camille.Durand@Exemple.TEST",
            "nom": "Durand",
            "usable_password": "true",
            "password1": "quatre-chevaux-au-trot",
            "password2": "quatre-chevaux-au-trot",
        },
    )
    cree = Utilisateur.objects.get(courriel="camille.durand@exemple.test")
    assert cree.check_password("quatre-chevaux-au-trot")
    assert not cree.is_staff


def formulaire_du_compte(personne, **habilitation):
    """Ce que l'écran d'un compte poste, avec une habilitation de plus."""
    ligne = {f"habilitations-0-{champ}": valeur for champ, valeur in habilitation.items()}
    return {
        "courriel": personne.courriel,
        "is_active": "on",
        "habilitations-TOTAL_FORMS": 1 if ligne else 0,
        "habilitations-INITIAL_FORMS": 0,
        **ligne,
    }


def test_une_habilitation_se_donne_sur_la_page_du_compte_et_laisse_une_trace(client, administrateur):
    personne, calvados = UtilisateurFactory(), DepartementFactory()
    client.post(
        adresse(personne), formulaire_du_compte(personne, role="agent", departement=calvados.pk, du="01/01/2026")
    )
    habilitation = personne.habilitations.get()
    assert (habilitation.role, habilitation.departement, habilitation.du) == ("agent", calvados, date(2026, 1, 1))
    assert habilitation.history.get().history_user == administrateur


def test_une_habilitation_sur_deux_territoires_est_refusee(client, administrateur):
    personne, contrat = UtilisateurFactory(), ContratFactory()
    page = client.post(
        adresse(personne),
        formulaire_du_compte(personne, role="agent", departement=contrat.departement_id, contrat=contrat.pk),
    )
    assert "Choisir exactement un territoire" in page.content.decode()
    assert not personne.habilitations.exists()


def test_un_partenaire_est_borne_a_ses_financeurs_sur_la_page_de_son_habilitation(client, administrateur):
    habilitation, caf = HabilitationFactory(role=Role.PARTENAIRE), FinanceurFactory(nom="CAF", famille="caf")
    client.post(
        adresse(habilitation),
        {
            "utilisateur": habilitation.utilisateur_id,
            "role": "partenaire",
            "departement": habilitation.departement_id,
            "partenaires_financeurs-TOTAL_FORMS": 1,
            "partenaires_financeurs-INITIAL_FORMS": 0,
            "partenaires_financeurs-0-financeur": caf.pk,
        },
    )
    assert PartenaireFinanceur.objects.get().financeur == caf


def test_un_compte_qui_s_est_connecte_se_desactive_et_ne_se_supprime_pas(client, administrateur):
    ancien = UtilisateurFactory(last_login=timezone.now())
    neuf = UtilisateurFactory()
    assert "S’est déjà connecté" in client.get(adresse(ancien)).content.decode()
    assert client.post(adresse(ancien, "delete"), {"post": "yes"}).status_code == 403
    assert client.post(adresse(neuf, "delete"), {"post": "yes"}).status_code == 302
    client.post(adresse(ancien), formulaire_du_compte(ancien) | {"is_active": ""})
    ancien.refresh_from_db()
    assert not ancien.is_active


def test_qui_n_est_pas_super_utilisateur_ne_s_en_donne_pas_les_droits(client):
    from django.contrib.auth.models import Permission

    gestionnaire = UtilisateurFactory(is_staff=True)
    gestionnaire.user_permissions.set(Permission.objects.filter(content_type__model="utilisateur"))
    chef = UtilisateurFactory(is_staff=True, is_superuser=True)
    client.force_login(gestionnaire)
    client.post(adresse(gestionnaire), formulaire_du_compte(gestionnaire) | {"is_superuser": "on", "nom": "Changé"})
    gestionnaire.refresh_from_db()
    assert (gestionnaire.nom, gestionnaire.is_superuser) == ("Changé", False)
    assert client.post(adresse(chef), formulaire_du_compte(chef)).status_code == 403
