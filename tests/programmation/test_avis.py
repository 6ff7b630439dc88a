"""Les avis : qui les donne, où, ce qu'ils changent, et ce qui manque."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from comptes.enums import Role
from programmation.enums import Echelle, NatureDecision, QualiteAvis, SensAvis, StatutAction, VisibiliteAvis
from programmation.models import Action, Avis, Campagne
from programmation.models.avis import actions_du_delegue
from programmation.operations import (
    AvisDonne,
    DemandeDeDecision,
    DroitManquant,
    MotifExige,
    OperationRefusee,
    decider,
    deposer,
    dispenser_d_avis,
    donner_un_avis,
)
from programmation.synthese import attente, avis_manquants, en_attente
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    ExerciceFactory,
    FinanceurFactory,
    QuartierFactory,
    action_programmee,
    euros,
    habiliter,
    localiser,
    p147,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

FAVORABLE = AvisDonne(QualiteAvis.DELEGUE, SensAvis.FAVORABLE)


@pytest.fixture
def contrat():
    return ContratFactory()


@pytest.fixture
def quartier(contrat):
    return QuartierFactory(contrat=contrat)


@pytest.fixture
def delegue(quartier):
    return habiliter(Role.DELEGUE, quartier=quartier)


@pytest.fixture
def agent():
    return habiliter(Role.AGENT)


@pytest.fixture
def action(contrat, quartier):
    action = ActionFactory(contrat=contrat)
    localiser(action, {quartier: 1})
    return action


# --- Qui avise quoi ---


def test_un_delegue_avise_ses_quartiers_l_echelle_de_leur_contrat_et_celle_du_departement(
    delegue, contrat, quartier, action
):
    voisin = QuartierFactory(contrat=contrat)
    ailleurs = ActionFactory(contrat=contrat)
    localiser(ailleurs, {voisin: 1})
    du_contrat = ActionFactory(contrat=contrat)
    du_departement = ActionFactory(echelle=Echelle.DEPARTEMENT, contrat=None)
    autre_contrat = ActionFactory()
    gard = ActionFactory(
        exercice=ExerciceFactory(departement=DepartementFactory(code="30")), echelle=Echelle.DEPARTEMENT, contrat=None
    )
    avisees = set(actions_du_delegue(delegue))
    assert avisees == {action, du_contrat, du_departement}
    assert not avisees & {ailleurs, autre_contrat, gard}


def test_hors_de_ses_quartiers_un_delegue_obtient_404_et_l_operation_refuse(client, delegue, contrat):
    ailleurs = ActionFactory(contrat=contrat)
    localiser(ailleurs, {QuartierFactory(contrat=contrat): 1})
    client.force_login(delegue)
    adresse = reverse("programmation:avis_donner", args=[ailleurs.pk])
    assert client.get(adresse).status_code == 404
    assert client.post(adresse, {"qualite": "delegue", "sens": "favorable"}).status_code == 404
    with pytest.raises(DroitManquant):
        donner_un_avis(ailleurs, FAVORABLE, par=delegue)
    assert not Avis.objects.exists()


def test_un_agent_recoit_les_avis_du_service_et_du_chef_de_projet_jamais_celui_du_delegue(agent, action):
    donner_un_avis(action, AvisDonne(QualiteAvis.SERVICE, SensAvis.RESERVE), par=agent)
    with pytest.raises(DroitManquant):
        donner_un_avis(action, FAVORABLE, par=agent)
    assert [avis.qualite for avis in Avis.objects.all()] == ["service"]


@pytest.mark.parametrize("role", [Role.LECTEUR, Role.PARTENAIRE])
def test_qui_lit_seulement_ne_donne_pas_d_avis(client, role, contrat, action):
    client.force_login(habiliter(role, contrat=contrat))
    assert client.get(reverse("programmation:avis_donner", args=[action.pk])).status_code == 403


# --- Donner un avis ---


def test_deux_gestes_suffisent_ouvrir_l_action_puis_presser_un_bouton(client, delegue, action):
    client.force_login(delegue)
    page = client.get(reverse("programmation:avis_list"))
    adresse = reverse("programmation:avis_donner", args=[action.pk])
    assert adresse in page.content.decode()
    reponse = client.post(adresse, {"qualite": "delegue", "visibilite": "etat", "sens": "favorable"})
    assert reponse.status_code == 302
    avis = Avis.objects.get()
    assert (avis.sens, avis.auteur, avis.visibilite) == ("favorable", delegue, "etat")
    assert avis.history.get().history_user == delegue


def test_un_avis_ne_change_pas_la_version_de_l_action(delegue, action):
    donner_un_avis(action, FAVORABLE, par=delegue)
    action.refresh_from_db()
    assert action.version == 1


def test_un_avis_se_corrige_et_le_meme_envoi_n_ecrit_rien(delegue, action):
    donner_un_avis(action, FAVORABLE, par=delegue)
    donner_un_avis(action, FAVORABLE, par=delegue)
    assert Avis.history.count() == 1
    corrige = AvisDonne(QualiteAvis.DELEGUE, SensAvis.DEFAVORABLE, euros("1 234,50".replace(" ", "")), 2, "Doublon")
    donner_un_avis(action, corrige, par=delegue)
    avis = Avis.objects.get()
    assert (avis.sens, avis.montant_conseille, avis.priorite) == ("defavorable", euros("1234,50"), 2)
    assert [h.sens for h in Avis.history.order_by("history_id")] == ["favorable", "defavorable"]


def test_un_montant_colle_avec_des_espaces_se_lit_et_un_texte_se_refuse_en_francais(client, delegue, action):
    client.force_login(delegue)
    adresse = reverse("programmation:avis_donner", args=[action.pk])
    champs = {"qualite": "delegue", "visibilite": "etat", "sens": "reserve"}
    refusee = client.post(adresse, champs | {"montant_conseille": "beaucoup"})
    assert refusee.status_code == 200
    assert "Montant P147 conseillé" in refusee.content.decode()
    client.post(adresse, champs | {"montant_conseille": "1 234,50 €"})
    assert Avis.objects.get().montant_conseille == euros("1234,50")


@pytest.mark.parametrize("statut", [StatutAction.BROUILLON, StatutAction.NON_RETENUE])
def test_un_avis_ne_se_donne_ni_avant_le_depot_ni_apres_la_decision(agent, contrat, statut):
    action = ActionFactory(contrat=contrat, statut=statut)
    with pytest.raises(OperationRefusee, match="n’attend pas d’avis"):
        donner_un_avis(action, AvisDonne(QualiteAvis.SERVICE, SensAvis.FAVORABLE), par=agent)


def test_un_partenaire_ne_lit_que_les_avis_partages(contrat, action, delegue, agent):
    donner_un_avis(action, FAVORABLE, par=delegue)
    partage = AvisDonne(QualiteAvis.SERVICE, SensAvis.RESERVE, visibilite=VisibiliteAvis.PARTENAIRES)
    donner_un_avis(action, partage, par=agent)
    partenaire = habiliter(Role.PARTENAIRE, contrat=contrat)
    assert [a.qualite for a in Avis.objects.visibles_par(partenaire)] == ["service"]
    assert {a.qualite for a in Avis.objects.visibles_par(agent)} == {"service", "delegue"}
    ailleurs = habiliter(Role.PARTENAIRE, contrat=ContratFactory())
    assert not Avis.objects.visibles_par(ailleurs).exists()


# --- Ce qui manque ---


def test_l_avis_exige_manque_jusqu_a_l_avis_ou_a_la_dispense(agent, delegue, contrat, quartier, action):
    autre = ActionFactory(contrat=contrat)
    assert avis_manquants([action, autre]) == {
        action.pk: [QualiteAvis.DELEGUE],
        autre.pk: [QualiteAvis.DELEGUE],
    }
    donner_un_avis(action, FAVORABLE, par=delegue)
    dispenser_d_avis([action, autre], QualiteAvis.DELEGUE, par=agent, motif="Délégué absent jusqu’en mai")
    assert avis_manquants([action, autre]) == {}
    assert [(a.action, a.sens) for a in Avis.objects.order_by("pk")] == [(action, "favorable"), (autre, "dispense")]


def test_une_dispense_demande_un_motif(agent, action):
    with pytest.raises(MotifExige):
        dispenser_d_avis([action], QualiteAvis.DELEGUE, par=agent, motif=" ")
    assert not Avis.objects.exists()


def test_une_dispense_en_lot_est_tout_ou_rien(agent, action, contrat):
    decidee = ActionFactory(contrat=contrat, statut=StatutAction.NON_RETENUE)
    with pytest.raises(OperationRefusee):
        dispenser_d_avis([action, decidee], QualiteAvis.DELEGUE, par=agent, motif="Urgence")
    assert not Avis.objects.exists()


def test_l_attente_se_compte_depuis_le_depot(agent, contrat):
    il_y_a_dix_jours = timezone.now() - timedelta(days=10)
    ancienne = ActionFactory(contrat=contrat, deposee_le=il_y_a_dix_jours)
    recente = ActionFactory(contrat=contrat, deposee_le=timezone.now())
    sans_date = ActionFactory(contrat=contrat)
    action_programmee(contrat=contrat)
    assert list(en_attente(Action.objects.all(), [QualiteAvis.DELEGUE])) == [ancienne, recente, sans_date]
    assert attente(Action.objects.all(), [QualiteAvis.DELEGUE]).jours == 10


def test_le_depot_date_l_action_une_fois(agent, contrat):
    brouillon = ActionFactory(contrat=contrat, statut=StatutAction.BROUILLON)
    deposer([brouillon], par=agent)
    brouillon.refresh_from_db()
    assert timezone.localdate(brouillon.deposee_le) == timezone.localdate()


# --- Ce que l'avis change à la décision ---


def test_un_avis_manquant_n_arrete_l_attribution_que_si_la_campagne_le_dit(agent, action):
    FinanceurFactory(p147=True)
    p147(action, demande=1000)
    action.campagne.avis_manquant_bloquant = True
    action.campagne.save()
    demande = DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(1000))
    with pytest.raises(OperationRefusee, match="il manque un avis que la campagne exige"):
        decider([demande], par=agent)
    dispenser_d_avis([action], QualiteAvis.DELEGUE, par=agent, motif="Comité demain")
    decider([demande], par=agent)
    assert Action.objects.get(pk=action.pk).statut == StatutAction.PROGRAMMEE


def test_sans_regle_bloquante_l_avis_manquant_n_est_qu_un_avertissement(client, agent, action):
    FinanceurFactory(p147=True)
    p147(action, demande=1000)
    client.force_login(agent)
    assert "Avis attendu" in client.get(action.get_absolute_url()).content.decode()
    decider([DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(1000))], par=agent)


def test_decider_seule_ou_en_lot_avertit_de_l_avis_qui_manque_et_mene_a_la_dispense(client, agent, action):
    FinanceurFactory(p147=True)
    autre = ActionFactory(campagne=action.campagne)
    for choisie in (action, autre):
        p147(choisie, demande=1000)
    client.force_login(agent)
    seule = reverse("programmation:action_decider", args=[action.pk])
    assert avertissements(client.get(seule)) == [f"Avis du délégué manquant pour « {action} ». L’en dispenser"]
    lot = reverse("programmation:decision_en_lot")
    page = client.get(lot, {"action": [action.pk, autre.pk]})
    assert avertissements(page) == [
        f"Avis du délégué manquant pour 2 actions : « {action} », « {autre} ». Les en dispenser"
    ]
    (lien,) = noeuds(page, "//a[text()='Les en dispenser']/@href")
    assert textes(client.get(lien), "//main//form/ul/li/a")[:2] == [action.intitule, autre.intitule]
    dispenser_d_avis([action, autre], QualiteAvis.DELEGUE, par=agent, motif="Comité demain")
    assert avertissements(client.get(seule)) == avertissements(client.get(lot, {"action": action.pk})) == []


def test_l_avertissement_nomme_chaque_avis_et_dit_s_il_bloque(client, agent, action):
    campagne = action.campagne
    campagne.avis_service_exige = campagne.avis_manquant_bloquant = True
    campagne.save()
    client.force_login(agent)
    page = client.get(reverse("programmation:action_decider", args=[action.pk]))
    assert avertissements(page) == [
        f"Avis du délégué et du service manquants pour « {action} » (sans lui, pas d’attribution). L’en dispenser"
    ]


def test_une_action_decidee_n_avertit_plus_d_un_avis_qui_ne_peut_plus_venir(client, agent):
    action = action_programmee(1000)
    client.force_login(agent)
    assert avertissements(client.get(reverse("programmation:action_decider", args=[action.pk]))) == []


def test_la_liste_trouve_pour_l_etat_seul_les_actions_sans_l_avis_exige(client, agent, contrat, action):
    decidee, dispensee = action_programmee(1000, contrat=contrat), ActionFactory(contrat=contrat)
    dispenser_d_avis([dispensee], QualiteAvis.DELEGUE, par=agent, motif="Comité demain")
    liste = reverse("programmation:action_list")
    partenaire = habiliter(Role.PARTENAIRE, contrat=contrat)
    for valeur, trouvee in (("a_decider", action), ("programmees", decidee)):
        client.force_login(agent)
        page = client.get(liste, {"annee": 2026, "avis": valeur})
        assert textes(page, "//tbody//th//a") == [trouvee.intitule]
        client.force_login(partenaire)
        page = client.get(liste, {"annee": 2026, "avis": valeur})
        assert textes(page, "//tbody//th//a") == []
        assert noeuds(page, "//select[@name='avis']") == []
    Campagne.objects.update(avis_delegue_exige=False)
    client.force_login(agent)
    assert textes(client.get(liste, {"annee": 2026, "avis": "programmees"}), "//tbody//th//a") == []


def avertissements(page):
    return textes(page, "//*[classe('fr-alert--warning')]")


# --- Les écrans ---


def test_la_liste_du_delegue_ne_montre_que_ce_qu_il_doit_et_le_tableau_de_bord_l_annonce(
    client, delegue, contrat, action
):
    ailleurs = ActionFactory(contrat=contrat)
    localiser(ailleurs, {QuartierFactory(contrat=contrat): 1})
    client.force_login(delegue)
    page = client.get(reverse("programmation:avis_list"))
    assert textes(page, "//tbody//th//a") == [action.intitule]
    assert "1 action attend votre avis" in client.get(reverse("pilotage:tableau_de_bord")).content.decode()
    donner_un_avis(action, FAVORABLE, par=delegue)
    assert "Aucun avis n’est attendu." in client.get(reverse("programmation:avis_list")).content.decode()


@pytest.mark.parametrize("role", [Role.AGENT, Role.DELEGUE])
def test_la_liste_fait_autant_de_requetes_pour_une_action_que_pour_trois(client, contrat, quartier, role):
    client.force_login(habiliter(role, contrat=contrat))

    def requetes():
        with CaptureQueriesContext(connection) as captees:
            client.get(reverse("programmation:avis_list"))
        return len(captees)

    localiser(ActionFactory(contrat=contrat), {quartier: 1})
    requetes()
    une = requetes()
    for _ in range(2):
        localiser(ActionFactory(contrat=contrat), {quartier: 1})
    assert requetes() == une


def test_un_agent_dispense_une_selection_depuis_la_liste(client, agent, action):
    client.force_login(agent)
    adresse = reverse("programmation:avis_dispenser")
    assert "Dispenser 1 action" in client.get(adresse, {"action": action.pk}).content.decode()
    sans_motif = client.post(adresse, {"action": action.pk, "qualite": "delegue", "motif": ""})
    assert "Renseigner «\u00a0Motif\u00a0»." in sans_motif.content.decode()
    client.post(adresse, {"action": action.pk, "qualite": "delegue", "motif": "Délégué absent"})
    assert Avis.objects.get().commentaire == "Délégué absent"


def test_un_delegue_ne_dispense_pas(client, delegue, action):
    client.force_login(delegue)
    assert client.get(reverse("programmation:avis_dispenser"), {"action": action.pk}).status_code == 403
