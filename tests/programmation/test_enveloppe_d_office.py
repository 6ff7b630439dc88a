"""L'enveloppe posée d'office : dès que l'action se saisit, s'importe, se reconduit ou se dépose, si une seule convient."""

import uuid
from datetime import date

import pytest
from django.urls import reverse

from comptes.enums import Role
from programmation import operations
from programmation.enums import StatutAction, StatutExercice
from programmation.models import Action
from programmation.operations import DemandeDeReconduction, SaisieAction
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DispositifFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    OrganismeFactory,
    PilierFactory,
    ThematiqueFactory,
    action_programmee,
    euros,
    habiliter,
)
from tests.imports import fichier, importer, planifier
from tests.pages import textes

pytestmark = pytest.mark.django_db


@pytest.fixture
def exercice():
    return ExerciceFactory()


@pytest.fixture
def caen():
    return ContratFactory(code="CN01403M", intitule="Caen la mer")


@pytest.fixture
def agent(exercice):
    return habiliter(Role.AGENT, departement=exercice.departement)


@pytest.fixture
def contrat_de_ville():
    return DispositifFactory(libelle="Contrat de ville")


@pytest.fixture
def enveloppes(exercice, caen):
    """Une mère, et trois feuilles : Caen, le PRE à Caen, et Lisieux."""
    mere = EnveloppeFactory(exercice=exercice, libelle="P147")
    pre = DispositifFactory(pre=True)
    lisieux = ContratFactory(intitule="Lisieux")
    commun = {"exercice": exercice, "parent": mere}
    return {
        "caen": EnveloppeFactory(libelle="Caen", contrat=caen, **commun),
        "pre": EnveloppeFactory(libelle="PRE à Caen", contrat=caen, dispositif=pre, **commun),
        "lisieux": EnveloppeFactory(libelle="Lisieux", contrat=lisieux, **commun),
    }


def saisie(exercice, contrat, **champs):
    return SaisieAction(champs={"exercice": exercice, "contrat": contrat, "intitule": "Lire", **champs})


def enregistrer(agent, *saisies, motif=""):
    return operations.enregistrer(saisies, par=agent, motif=motif)


def relue(action):
    return Action.objects.get(pk=action.pk)


# --- Saisir, modifier ---


def test_une_action_nait_dans_la_seule_feuille_au_plus_pres_de_son_contrat(
    agent, exercice, caen, contrat_de_ville, enveloppes
):
    [action] = enregistrer(agent, saisie(exercice, caen, dispositif=contrat_de_ville))
    assert relue(action).enveloppe == enveloppes["caen"]
    assert action.history.get().enveloppe == enveloppes["caen"]


def test_l_enveloppe_du_dispositif_passe_avant_celle_du_seul_contrat(agent, exercice, caen, enveloppes):
    [action] = enregistrer(agent, saisie(exercice, caen, dispositif=enveloppes["pre"].dispositif))
    assert relue(action).enveloppe == enveloppes["pre"]


def test_un_brouillon_sans_dispositif_attend_de_le_savoir(agent, exercice, caen, enveloppes):
    """Posée trop tôt, celle de Caen resterait à une action du PRE."""
    [action] = enregistrer(agent, saisie(exercice, caen))
    assert relue(action).enveloppe is None
    pre = enveloppes["pre"].dispositif
    enregistrer(agent, SaisieAction(champs={"dispositif": pre}, action=action))
    assert relue(action).enveloppe == enveloppes["pre"]


def test_deux_enveloppes_aussi_proches_laissent_le_choix(agent, exercice, caen, contrat_de_ville, enveloppes):
    EnveloppeFactory(exercice=exercice, libelle="Été à Caen", contrat=caen)
    [action] = enregistrer(agent, saisie(exercice, caen, dispositif=contrat_de_ville))
    assert relue(action).enveloppe is None


def test_un_choix_fait_n_est_jamais_ecrase(agent, exercice, caen, contrat_de_ville, enveloppes):
    choisie = EnveloppeFactory(exercice=exercice, libelle="Toutes échelles")
    champs = {"dispositif": contrat_de_ville, "enveloppe": choisie}
    [action] = enregistrer(agent, saisie(exercice, caen, **champs))
    assert relue(action).enveloppe == choisie
    enregistrer(agent, SaisieAction(champs={"dispositif": enveloppes["pre"].dispositif}, action=action))
    assert relue(action).enveloppe == choisie
    enregistrer(agent, SaisieAction(champs={"enveloppe": None}, action=action))
    assert relue(action).enveloppe is None


def test_changer_de_contrat_fait_prendre_l_enveloppe_du_nouveau(agent, exercice, caen, contrat_de_ville, enveloppes):
    [action] = enregistrer(agent, saisie(exercice, caen, dispositif=contrat_de_ville))
    enregistrer(agent, SaisieAction(champs={"contrat": enveloppes["lisieux"].contrat}, action=action))
    assert relue(action).enveloppe == enveloppes["lisieux"]


def test_une_saisie_qui_ne_touche_pas_au_classement_laisse_l_action_sans_enveloppe(agent, exercice, caen, enveloppes):
    """Rejouer un fichier n'écrit rien : « Rattacher » s'en charge, ou le dépôt."""
    action = ActionFactory(exercice=exercice, contrat=caen)
    enregistrer(agent, SaisieAction(champs={"intitule": action.intitule}, action=action))
    assert (relue(action).enveloppe, relue(action).version) == (None, 1)


def test_la_part_d_un_dossier_scinde_prend_l_enveloppe_de_son_contrat(agent, exercice, caen, enveloppes):
    action = ActionFactory(exercice=exercice, contrat=caen, dossier="00054562", enveloppe=enveloppes["caen"])
    cles = {caen: 1, enveloppes["lisieux"].contrat: 1}
    premiere, seconde = operations.scinder(action, cles, par=agent, motif="Deux contrats")
    assert (relue(premiere).enveloppe, relue(seconde).enveloppe) == (enveloppes["caen"], enveloppes["lisieux"])


# --- Déposer, reconduire, décider ---


def test_deposer_donne_son_enveloppe_a_l_action_qui_n_en_a_pas(agent, exercice, caen, enveloppes):
    choisie = EnveloppeFactory(exercice=exercice, libelle="Toutes échelles")
    demunie, servie = [
        ActionFactory(exercice=exercice, contrat=caen, statut=StatutAction.BROUILLON, enveloppe=e)
        for e in (None, choisie)
    ]
    operations.deposer([demunie, servie], par=agent)
    assert (relue(demunie).enveloppe, relue(servie).enveloppe) == (enveloppes["caen"], choisie)
    assert demunie.history.latest().enveloppe == enveloppes["caen"]


def test_une_action_reconduite_nait_dans_l_enveloppe_de_l_annee(client, agent, exercice, caen, enveloppes):
    an_passe = ExerciceFactory(annee=2025, statut=StatutExercice.CLOS)
    avant = EnveloppeFactory(exercice=an_passe, libelle="Caen", contrat=caen)
    action = action_programmee(exercice=an_passe, contrat=caen, enveloppe=avant)
    client.force_login(agent)
    reponse = client.post(reverse("programmation:action_reconduire", args=[action.pk]), follow=True)
    assert Action.objects.get(exercice=exercice).enveloppe == enveloppes["caen"]
    assert "Enveloppe : « Caen »." in dits(reponse)[0]


def test_une_action_saisie_s_accorde_sans_choisir_d_enveloppe(agent, exercice, caen, contrat_de_ville, enveloppes):
    champs = {"porteur": OrganismeFactory(), "thematique": ThematiqueFactory(), "pilier": PilierFactory()}
    champs |= {"date_debut": date(2026, 1, 1), "date_fin": date(2026, 12, 31), "cout_previsionnel": euros(1000)}
    [action] = enregistrer(agent, saisie(exercice, caen, dispositif=contrat_de_ville, **champs))
    operations.deposer([action], par=agent)
    FinanceurFactory(p147=True)
    for enveloppe in (enveloppes["caen"].parent, enveloppes["caen"]):
        MouvementFactory(enveloppe=enveloppe, ae=euros(1000))
    demande = operations.DemandeDeDecision(relue(action), "attribution", euros(500))
    [decision] = operations.decider([demande], par=agent, motif="Demande inconnue")
    assert decision.enveloppe == enveloppes["caen"]


# --- Ce que l'agent en voit ---


def dits(reponse):
    """Les messages de la page, espaces insécables ramenées à des espaces."""
    return [str(message).replace("\u00a0", " ") for message in reponse.context["messages"]]


def test_la_saisie_dit_l_enveloppe_recue_une_seule_fois(client, agent, exercice, caen, contrat_de_ville, enveloppes):
    client.force_login(agent)
    envoi = {"geste": "brouillon", "cle": str(uuid.uuid4()), "exercice": exercice.pk, "echelle": "contrat"}
    envoi |= {"contrat": caen.pk, "intitule": "Lire", "dispositif": contrat_de_ville.pk, "origine": "nouvelle"}
    envoi |= {"duree": "annuelle", "plan-TOTAL_FORMS": "0", "plan-INITIAL_FORMS": "0"}
    reponse = client.post(reverse("programmation:action_create"), envoi, follow=True)
    action = Action.objects.get()
    assert "« Lire » est enregistrée en brouillon. Enveloppe : « Caen »." in dits(reponse)[0]
    suite = envoi | {"intitule": "Lire et dire", "version": action.version, "campagne": action.campagne_id}
    reponse = client.post(reverse("programmation:action_update", args=[action.pk]), suite, follow=True)
    assert "« Lire et dire » est enregistrée en brouillon." in dits(reponse)[0]
    assert "Enveloppe" not in dits(reponse)[0]


def test_la_fiche_dit_l_enveloppe_a_l_etat_et_jamais_a_un_partenaire(client, exercice, caen, enveloppes):
    action = action_programmee(exercice=exercice, contrat=caen, enveloppe=enveloppes["caen"])
    lien = f'//dd/a[@href="{reverse("programmation:enveloppe_detail", args=[enveloppes["caen"].pk])}"]'
    client.force_login(habiliter(Role.LECTEUR, departement=exercice.departement))
    assert textes(client.get(action.get_absolute_url()), lien) == ["Caen"]
    client.force_login(habiliter(Role.PARTENAIRE, contrat=caen))
    page = client.get(action.get_absolute_url())
    assert (textes(page, lien), textes(page, "//dt[. = 'Enveloppe']")) == ([], [])


def test_le_plan_de_l_import_montre_l_enveloppe_que_chaque_action_recevra(
    agent, exercice, caen, contrat_de_ville, enveloppes
):
    entetes = ["Intitulé", "Contrat", "Dispositif"]
    recu = fichier(entetes, ["Lire", "CN01403M", "Contrat de ville"], ["Dire", "Département", "Contrat de ville"])
    plan = planifier(recu, exercice, agent)
    assert [ligne.apres.get("Enveloppe") for ligne in plan.lignes] == ["Caen", None]
    importer(recu, exercice, agent)
    assert dict(Action.objects.values_list("intitule", "enveloppe__libelle")) == {"Lire": "Caen", "Dire": None}
    assert {ligne.statut for ligne in planifier(recu, exercice, agent).lignes} == {"inchange"}


# --- En lot ---


@pytest.mark.parametrize("geste", ["saisir", "deposer"])
def test_le_nombre_de_requetes_ne_depend_pas_du_nombre_d_actions(
    agent, exercice, caen, contrat_de_ville, enveloppes, django_assert_num_queries, geste
):
    def agir(nombre):
        if geste == "saisir":
            return enregistrer(agent, *[saisie(exercice, caen, dispositif=contrat_de_ville) for _ in range(nombre)])
        return operations.deposer(brouillons.pop(), par=agent)

    assert agent.roles  # ses habilitations se lisent une fois par requête web
    brouillons = [
        ActionFactory.create_batch(n, exercice=exercice, contrat=caen, statut=StatutAction.BROUILLON) for n in (3, 1)
    ]
    with django_assert_num_queries({"saisir": 7, "deposer": 9}[geste]):
        agir(1)
    with django_assert_num_queries({"saisir": 7, "deposer": 9}[geste]):
        agir(3)


def test_sans_enveloppe_dans_l_annee_la_reconduction_passe(agent, exercice, caen):
    action = action_programmee(exercice=ExerciceFactory(annee=2025, statut=StatutExercice.CLOS), contrat=caen)
    [reconduite] = operations.reconduire([DemandeDeReconduction(action)], par=agent)
    assert reconduite.action.enveloppe is None
