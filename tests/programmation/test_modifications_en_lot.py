"""Modifier plusieurs actions d'un coup : l'effet d'abord, tout ou rien, une seule entrée, et l'annulation."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comptes.enums import Role
from programmation import operations
from programmation.enums import StatutAction, StatutExercice
from programmation.models import Action, Correspondance, Exercice, ModificationEnLot
from programmation.operations import (
    ConflitDeVersion,
    ModificationPasIntacte,
    MotifExige,
    OperationRefusee,
    ValeursCommunes,
)
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    DispositifFactory,
    EnveloppeFactory,
    ExerciceFactory,
    PilierFactory,
    PrioriteFactory,
    ThematiqueFactory,
    ThemeFactory,
    action_programmee,
    euros,
    habiliter,
    p147,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

AJOUTER = "/programmation/modifications/ajouter/"
MODIFICATIONS = "/programmation/modifications/"


@pytest.fixture
def agent(client):
    utilisateur = habiliter()
    client.force_login(utilisateur)
    return utilisateur


@pytest.fixture
def insertion():
    """La thématique 5.1, que la correspondance range dans l'emploi ; la 1.2 est à la cohésion sociale."""
    emploi = PilierFactory(code="emploi", ordre=3)
    thematique = ThematiqueFactory(theme=ThemeFactory(code="5", libelle="Emploi"), code="5.1", libelle="Insertion")
    Correspondance.objects.create(thematique=thematique, pilier=emploi)
    Correspondance.objects.create(thematique=ThematiqueFactory(), pilier=PilierFactory())
    return thematique


@pytest.fixture
def quatre(agent, insertion):
    """Quatre actions de la 1.2, en cohésion sociale, qui demandent 1 000, 2 000, 3 000 et 4 000 €."""
    contrat = ContratFactory()
    actions = [ActionFactory(intitule=f"Action {nom}", contrat=contrat) for nom in "ABCD"]
    for rang, action in enumerate(actions, 1):
        p147(action, demande=1000 * rang)
    return actions


def versions(actions):
    return dict.fromkeys(actions) | {action: action.version for action in actions}


def piliers():
    return list(Action.objects.order_by("pk").values_list("pilier__code", flat=True))


def thematiques():
    return list(Action.objects.order_by("pk").values_list("thematique__code", flat=True))


# --- L'aperçu ---


def test_l_apercu_montre_l_effet_sur_les_parts_des_piliers_et_n_ecrit_rien(quatre, insertion, agent):
    """10 000 € demandés, tous en cohésion sociale ; les deux premières (3 000 €) passeraient à l'emploi : 70 % et 30 %."""
    effet = operations.apercevoir(quatre[:2], ValeursCommunes({"thematique": insertion}), par=agent)
    avant = {ligne.pilier.code: (ligne.montant, ligne.part) for ligne in effet.avant.lignes}
    apres = {ligne.pilier.code: (ligne.montant, ligne.part) for ligne in effet.apres.lignes}
    assert avant["cohesion-sociale"] == (euros(10000), Decimal("100.0"))
    assert apres == {
        "cohesion-sociale": (euros(7000), Decimal("70.0")),
        "emploi": (euros(3000), Decimal("30.0")),
    }
    assert effet.avant.total == effet.apres.total
    mots = [(c.quoi, c.avant, c.apres) for c in effet.lignes[0].changements]
    assert mots == [
        ("thématique", "1.2 Soutien à la scolarité", "5.1 Insertion"),
        ("pilier", "Cohesion sociale", "Emploi"),
    ]
    assert thematiques() == ["1.2"] * 4
    assert not Action.history.filter(version=2).exists()


def test_un_pilier_choisi_a_la_main_reste(quatre, insertion, agent):
    Action.objects.filter(pk=quatre[0].pk).update(pilier=PilierFactory(code="cadre-de-vie", ordre=2))
    operations.modifier_en_lot(versions(quatre[:2]), ValeursCommunes({"thematique": insertion}), par=agent)
    assert piliers()[:2] == ["cadre-de-vie", "emploi"]


def test_l_apercu_dit_ce_qui_ne_peut_pas_changer_et_pourquoi(quatre, agent):
    exercice = quatre[0].exercice
    figee = CampagneFactory(exercice=exercice, intitule="Figée", figee_le=timezone.now())
    Action.objects.filter(pk=quatre[0].pk).update(campagne=figee)
    seconde = CampagneFactory(exercice=exercice, intitule="Seconde vague", vague=2)
    effet = operations.apercevoir(quatre, ValeursCommunes({"campagne": seconde}), par=agent)
    assert [bool(ligne.empechement) for ligne in effet.lignes] == [True, False, False, False]
    assert "figée" in effet.lignes[0].empechement
    assert [ligne.action for ligne in effet.changees] == quatre[1:]


# --- Enregistrer ---


def test_un_lot_s_ecrit_en_une_seule_entree_avec_son_motif(quatre, insertion, agent):
    jeunesse = PrioriteFactory()
    valeurs = ValeursCommunes({"thematique": insertion, "agent_referent": agent}, [jeunesse])
    faite = operations.modifier_en_lot(versions(quatre), valeurs, par=agent, motif="Nouvelle nomenclature")
    assert ModificationEnLot.objects.get() == faite
    assert (faite.auteur, faite.motif, len(faite.lignes)) == (agent, "Nouvelle nomenclature", 4)
    assert thematiques() == ["5.1"] * 4
    assert piliers() == ["emploi"] * 4
    assert all(list(action.priorites.all()) == [jeunesse] for action in quatre)
    traces = Action.history.filter(version=2)
    assert {(t.history_user, t.history_change_reason) for t in traces} == {(agent, "Nouvelle nomenclature")}
    assert traces.count() == 4


def test_une_version_perimee_arrete_tout_le_lot(quatre, insertion, agent):
    operations.modifier_en_lot(versions(quatre[:1]), ValeursCommunes({"agent_referent": agent}), par=agent)
    with pytest.raises(ConflitDeVersion) as refus:
        operations.modifier_en_lot(versions(quatre), ValeursCommunes({"thematique": insertion}), par=agent)
    assert refus.value.actions == quatre[:1]
    assert thematiques() == ["1.2"] * 4
    assert ModificationEnLot.objects.count() == 1


def test_une_action_decidee_demande_un_motif_pour_changer_de_thematique_pas_d_agent(quatre, insertion, agent):
    DecisionFactory(action=quatre[0], montant=0, nature="ajournement")
    operations.modifier_en_lot(versions(quatre[:1]), ValeursCommunes({"agent_referent": agent}), par=agent)
    deux = list(Action.objects.order_by("pk")[:2])
    valeurs = ValeursCommunes({"thematique": insertion})
    assert operations.apercevoir(deux, valeurs, par=agent).motif_exige
    with pytest.raises(MotifExige):
        operations.modifier_en_lot(versions(deux), valeurs, par=agent)
    assert thematiques() == ["1.2"] * 4
    operations.modifier_en_lot(versions(deux), valeurs, par=agent, motif="Erreur de classement")
    assert thematiques() == ["5.1", "5.1", "1.2", "1.2"]


def test_un_exercice_clos_ou_deux_exercices_ne_se_modifient_pas(quatre, insertion, agent):
    autre = ActionFactory(exercice=ExerciceFactory(annee=2025))
    valeurs = ValeursCommunes({"agent_referent": agent})
    with pytest.raises(OperationRefusee, match="un seul exercice"):
        operations.modifier_en_lot(versions([quatre[0], autre]), valeurs, par=agent)
    Exercice.objects.update(statut=StatutExercice.CLOS)
    with pytest.raises(OperationRefusee, match="clos"):
        operations.modifier_en_lot(versions(quatre), valeurs, par=agent)


def test_une_decision_retient_l_action_dans_son_enveloppe(quatre, agent):
    une, autre = EnveloppeFactory(exercice=quatre[0].exercice), EnveloppeFactory(exercice=quatre[0].exercice)
    decidee = action_programmee(accorde=700, contrat=quatre[0].contrat)
    decidee.decisions.all()._raw_delete(decidee.decisions.db)
    DecisionFactory(action=decidee, montant=euros(700), enveloppe=une)
    valeurs = ValeursCommunes({"enveloppe": autre})
    effet = operations.apercevoir([quatre[0], decidee], valeurs, par=agent)
    assert [bool(ligne.empechement) for ligne in effet.lignes] == [False, True]
    with pytest.raises(OperationRefusee, match="porte sa décision"):
        operations.modifier_en_lot(versions([quatre[0], decidee]), valeurs, par=agent, motif="x")
    assert not Action.objects.exclude(enveloppe=None).exists()


def test_rien_ne_change_ne_fait_pas_d_entree(quatre, agent):
    with pytest.raises(OperationRefusee, match="rien ne change"):
        operations.modifier_en_lot(versions(quatre), ValeursCommunes({"dispositif": quatre[0].dispositif}), par=agent)
    assert not ModificationEnLot.objects.exists()


# --- Annuler ---


def test_annuler_remet_toutes_les_valeurs_d_avant(quatre, insertion, agent):
    jeunesse, sport = PrioriteFactory(), PrioriteFactory(code="sport")
    quatre[0].priorites.add(sport)
    Action.objects.filter(pk=quatre[1].pk).update(pilier=PilierFactory(code="cadre-de-vie", ordre=2))
    avant = list(Action.objects.order_by("pk").values_list("thematique", "pilier", "agent_referent"))
    valeurs = ValeursCommunes({"thematique": insertion, "agent_referent": agent}, [jeunesse], [sport])
    faite = operations.modifier_en_lot(versions(quatre), valeurs, par=agent)
    assert list(quatre[0].priorites.all()) == [jeunesse]
    autre = habiliter(Role.RESPONSABLE)
    assert operations.annuler_la_modification(faite, par=autre) == 4
    assert list(Action.objects.order_by("pk").values_list("thematique", "pilier", "agent_referent")) == avant
    assert list(quatre[0].priorites.all()) == [sport]
    assert not quatre[1].priorites.exists()
    faite.refresh_from_db()
    assert (faite.annulee_par, faite.annulee_le is not None) == (autre, True)
    raisons = set(Action.history.filter(version=3).values_list("history_change_reason", flat=True))
    assert [r.replace("\u00a0", " ") for r in raisons] == [f"Annulation de « {faite.resume} »".replace("\u00a0", " ")]
    with pytest.raises(OperationRefusee, match="déjà annulée"):
        operations.annuler_la_modification(faite, par=agent)


def test_une_action_changee_depuis_arrete_l_annulation_sauf_a_ne_remettre_que_les_intactes(quatre, insertion, agent):
    faite = operations.modifier_en_lot(versions(quatre), ValeursCommunes({"thematique": insertion}), par=agent)
    premiere = Action.objects.get(pk=quatre[0].pk)
    operations.enregistrer([operations.SaisieAction({"objectifs": "Lire"}, premiere, 2)], par=agent)
    with pytest.raises(ModificationPasIntacte):
        operations.annuler_la_modification(faite, par=agent)
    assert thematiques() == ["5.1"] * 4
    assert operations.annuler_la_modification(faite, par=agent, seulement_intactes=True) == 3
    assert thematiques() == ["5.1", "1.2", "1.2", "1.2"]


# --- Les écrans ---


def envoi(actions, **autres):
    return {"action": [action.pk for action in actions], **autres}


def champs_de(page):
    """Ce que le formulaire de l'aperçu renverrait."""
    champs = {}
    for champ in noeuds(page, "//main//form//input[@type='hidden']"):
        champs.setdefault(champ.get("name"), []).append(champ.get("value"))
    return champs


def test_le_parcours_de_la_liste_a_l_annulation(client, quatre, insertion, agent):
    liste = client.get("/programmation/actions/")
    assert "Modifier la sélection" in textes(liste, "//form[@id='selection']//button")
    page = client.get(AJOUTER, envoi(quatre))
    assert textes(page, "//h1") == ["Modifier une sélection de 4 actions"]
    page = client.post(AJOUTER, envoi(quatre, thematique=insertion.pk))
    assert textes(page, "//h1") == ["Effet de la modification sur 4 actions"]
    assert "Modifier 4 actions" in textes(page, "//main//button")
    assert textes(page, "//tr[th='Emploi']/td")[2:4] == ["0,0 %", "100,0 %"]
    assert thematiques() == ["1.2"] * 4
    reponse = client.post(AJOUTER, champs_de(page) | {"geste": "enregistrer", "motif": ""}, follow=True)
    assert "4 actions modifiées." in textes(reponse, "//*[@role='status']")[0]
    assert thematiques() == ["5.1"] * 4
    (ligne,) = textes(client.get(MODIFICATIONS), "//tbody/tr")
    assert "Thématique : 5.1 Insertion" in ligne
    faite = ModificationEnLot.objects.get()
    client.post(f"{MODIFICATIONS}{faite.pk}/annuler/")
    assert thematiques() == ["1.2"] * 4


def test_le_meme_envoi_recu_deux_fois_ne_fait_qu_une_entree(client, quatre, insertion):
    page = client.post(AJOUTER, envoi(quatre, thematique=insertion.pk))
    donnees = champs_de(page) | {"geste": "enregistrer"}
    premiere, seconde = client.post(AJOUTER, donnees), client.post(AJOUTER, donnees)
    assert premiere.url == seconde.url
    assert ModificationEnLot.objects.count() == 1


def test_un_conflit_montre_les_actions_et_n_ecrit_rien(client, quatre, insertion, agent):
    page = client.post(AJOUTER, envoi(quatre, thematique=insertion.pk))
    operations.modifier_en_lot(versions(quatre[:1]), ValeursCommunes({"agent_referent": agent}), par=agent)
    reponse = client.post(AJOUTER, champs_de(page) | {"geste": "enregistrer"})
    assert reponse.status_code == 409
    assert "« Action A » a été modifiée entre-temps" in " ".join(textes(reponse, "//*[@role='alert']"))
    assert thematiques() == ["1.2"] * 4


def test_un_motif_exige_se_demande_sur_l_apercu(client, quatre, insertion):
    DecisionFactory(action=quatre[0], montant=0, nature="ajournement")
    page = client.post(AJOUTER, envoi(quatre, thematique=insertion.pk))
    assert "un motif est demandé" in page.content.decode()
    reponse = client.post(AJOUTER, champs_de(page) | {"geste": "enregistrer"})
    assert "demande un motif" in " ".join(textes(reponse, "//*[@role='alert']"))
    assert client.post(AJOUTER, champs_de(page) | {"geste": "enregistrer", "motif": "Correction"}).status_code == 302


def test_toutes_les_actions_du_filtre_se_modifient_ensemble(client, quatre):
    ActionFactory(intitule="Ailleurs")
    filtres = f"annee=2026&departement=14&contrat={quatre[0].contrat_id}"
    page = client.get(AJOUTER, {"toutes": "1", "retour": filtres})
    assert textes(page, "//h1") == ["Modifier une sélection de 4 actions"]


def test_au_dela_de_la_limite_rien_ne_se_choisit(client, quatre, monkeypatch):
    monkeypatch.setattr("programmation.views.lots.LOT_MAXIMAL", 3)
    reponse = client.get(AJOUTER, envoi(quatre))
    assert reponse.status_code == 400
    assert "actions au plus se modifient ensemble" in reponse.content.decode()


def test_les_droits_404_hors_du_perimetre_et_403_sans_le_role(client, quatre, insertion, agent):
    faite = operations.modifier_en_lot(versions(quatre), ValeursCommunes({"thematique": insertion}), par=agent)
    client.force_login(habiliter(Role.AGENT, departement=DepartementFactory(code="30")))
    assert client.get(AJOUTER, envoi(quatre)).status_code == 404
    assert client.get(f"{MODIFICATIONS}{faite.pk}/").status_code == 404
    assert client.post(f"{MODIFICATIONS}{faite.pk}/annuler/").status_code == 404
    client.force_login(habiliter(Role.LECTEUR))
    assert client.get(AJOUTER, envoi(quatre)).status_code == 403
    assert client.get(MODIFICATIONS).status_code == 403
    assert client.get(f"{MODIFICATIONS}{faite.pk}/").status_code == 404
    assert thematiques() == ["5.1"] * 4


def test_annuler_a_l_ecran_montre_ce_qui_a_change_et_propose_les_intactes(client, quatre, insertion, agent):
    faite = operations.modifier_en_lot(versions(quatre), ValeursCommunes({"thematique": insertion}), par=agent)
    premiere = Action.objects.get(pk=quatre[0].pk)
    operations.enregistrer([operations.SaisieAction({"objectifs": "Lire"}, premiere, 2)], par=agent)
    adresse = f"{MODIFICATIONS}{faite.pk}/"
    reponse = client.post(f"{adresse}annuler/")
    assert reponse.status_code == 409
    assert "modifiée depuis" in reponse.content.decode()
    assert "Annuler pour 3 actions intactes seulement" in textes(reponse, "//main//button")
    client.post(f"{adresse}annuler/", {"intactes": "1"})
    assert thematiques() == ["5.1", "1.2", "1.2", "1.2"]
    page = client.get(adresse)
    assert "laissée, modifiée depuis" in page.content.decode()
    assert noeuds(page, "//main//form") == []


def test_revenir_au_formulaire_garde_les_choix(client, quatre, insertion):
    jeunesse = PrioriteFactory()
    page = client.post(AJOUTER, envoi(quatre, thematique=insertion.pk, ajouter=[jeunesse.pk]))
    page = client.post(AJOUTER, champs_de(page) | {"geste": "revenir"})
    assert noeuds(page, "//select[@name='thematique']/option[@selected]/@value") == [str(insertion.pk)]
    assert noeuds(page, "//input[@name='ajouter'][@checked]/@value") == [str(jeunesse.pk)]


def test_sans_rien_choisir_la_page_le_dit(client, quatre):
    page = client.post(AJOUTER, envoi(quatre))
    assert "Choisir au moins une valeur à changer." in page.content.decode()


def test_l_apercu_coute_autant_de_requetes_pour_deux_ou_quatre_actions(client, quatre, insertion):
    DispositifFactory(pre=True)

    def compter(actions):
        with CaptureQueriesContext(connection) as requetes:
            assert client.post(AJOUTER, envoi(actions, thematique=insertion.pk)).status_code == 200
        return len(requetes)

    compter(quatre[:2])
    assert compter(quatre[:2]) == compter(quatre)


def test_un_lot_change_une_action_programmee_avec_son_accorde(quatre, insertion, agent):
    programmee = action_programmee(accorde=700, contrat=quatre[0].contrat)
    effet = operations.apercevoir([programmee], ValeursCommunes({"thematique": insertion}), par=agent)
    assert programmee.statut == StatutAction.PROGRAMMEE
    assert {ligne.pilier.code: ligne.montant for ligne in effet.apres.lignes if ligne.nombre} == {"emploi": euros(700)}
