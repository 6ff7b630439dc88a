"""Plusieurs personnes au même instant, par de vrais fils : une seule gagne, les autres l'apprennent, rien ne se perd.

Chaque fil a sa connexion ; la barrière les lâche ensemble. SQLite fait attendre l'écrivain, PostgreSQL le verrou de
l'exercice : le résultat promis est le même.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client

from comptes.enums import Role
from programmation import operations
from programmation.enums import NatureDecision, NatureMouvement, StatutAction
from programmation.models import Action, Decision, Etablissement, Financement, Organisme
from programmation.operations import DemandeDeDecision, OperationRefusee
from programmation.synthese import Credits, reste_a_decider
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    OrganismeFactory,
    euros,
    habiliter,
    p147,
)

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 30  # secondes : un fil bloqué fait échouer le test au lieu de le figer


def ensemble(*gestes):
    """Exécute ces gestes au même instant, chacun dans son fil ; rend leurs résultats, ou leur refus."""
    depart = Barrier(len(gestes), timeout=PATIENCE)

    def faire(geste):
        try:
            connection.ensure_connection()
            depart.wait()
            return geste()
        except OperationRefusee as refus:
            return refus
        finally:
            connection.close()

    with ThreadPoolExecutor(len(gestes)) as fils:
        return [futur.result(timeout=PATIENCE) for futur in [fils.submit(faire, geste) for geste in gestes]]


def connecte(utilisateur):
    client = Client()
    client.force_login(utilisateur)
    return client


def envoi(utilisateur, adresse, donnees):
    client = connecte(utilisateur)
    return lambda: client.post(adresse, donnees).status_code


@pytest.fixture
def agents():
    ExerciceFactory()
    FinanceurFactory(p147=True)
    return [habiliter(Role.AGENT) for _ in range(3)]


def test_trois_personnes_decident_la_meme_action_une_seule_decision_les_autres_l_apprennent(agents):
    action = ActionFactory(statut=StatutAction.INSTRUITE)
    p147(action, 1000)
    donnees = {"nature": "attribution", "montant": "800", "date": "2026-03-01", "motif": "", "version": action.version}
    adresse = f"/programmation/actions/{action.pk}/decider/"
    assert sorted(ensemble(*[envoi(agent, adresse, donnees) for agent in agents])) == [302, 409, 409]
    assert Decision.objects.get().montant == euros(800)
    assert Financement.objects.get().accorde == euros(800)
    action.refresh_from_db()
    assert (action.statut, action.version) == (StatutAction.PROGRAMMEE, 2)


def test_deux_decisions_simultanees_ne_depassent_pas_le_disponible(agents):
    """Trois actions de 400 € dans une enveloppe de 1 000 € : deux passent, la troisième est refusée et nommée."""
    enveloppe = EnveloppeFactory()
    MouvementFactory(enveloppe=enveloppe, ae=euros(1000))
    actions = [ActionFactory(statut=StatutAction.INSTRUITE) for _ in agents]
    for action in actions:
        p147(action, 400)

    def geste(action, agent):
        demande = DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(400), enveloppe, action.version)
        return lambda: operations.decider([demande], par=agent)

    resultats = ensemble(*[geste(*paire) for paire in zip(actions, agents, strict=True)])
    refus = [resultat for resultat in resultats if isinstance(resultat, OperationRefusee)]
    assert len(refus) == 1
    assert "dépassent le reste à décider" in refus[0].messages[0]
    assert Decision.objects.count() == 2
    assert reste_a_decider(enveloppe) == euros(200)


def test_deux_decisions_simultanees_dans_deux_feuilles_ne_depassent_pas_leur_mere(agents):
    """Trois feuilles de 400 € sous une mère de 1 000 € : chaque feuille a de quoi, la mère n'en paie que deux."""
    mere = EnveloppeFactory()
    MouvementFactory(enveloppe=mere, ae=euros(1000))
    feuilles = [EnveloppeFactory(exercice=mere.exercice, parent=mere) for _ in agents]
    actions = [ActionFactory(statut=StatutAction.INSTRUITE) for _ in agents]
    for feuille, action in zip(feuilles, actions, strict=True):
        MouvementFactory(enveloppe=feuille, ae=euros(400))
        p147(action, 400)

    def geste(action, agent, feuille):
        demande = DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(400), feuille, action.version)
        return lambda: operations.decider([demande], par=agent)

    resultats = ensemble(*[geste(*trio) for trio in zip(actions, agents, feuilles, strict=True)])
    refus = [resultat for resultat in resultats if isinstance(resultat, OperationRefusee)]
    assert [str(mere) in message for resultat in refus for message in resultat.messages] == [True]
    assert reste_a_decider(mere) == euros(200)


def test_trois_redeploiements_simultanes_ne_prennent_pas_plus_que_l_enveloppe_n_a():
    """1 000 € prévus, trois fois 400 : deux passent, le troisième apprend ce qui reste."""
    source = EnveloppeFactory()
    MouvementFactory(enveloppe=source, ae=euros(1000))
    responsables = [habiliter(Role.RESPONSABLE) for _ in range(3)]
    cibles = [EnveloppeFactory(exercice=source.exercice) for _ in responsables]

    def geste(cible, responsable):
        credits, champs = Credits(euros(400), euros(400)), {"date": date(2026, 3, 2), "motif": "Essai"}
        champs["nature"] = NatureMouvement.PREVISION
        return lambda: operations.redeployer(source, cible, credits, par=responsable, **champs)

    resultats = ensemble(*[geste(*paire) for paire in zip(cibles, responsables, strict=True)])
    refus = [resultat for resultat in resultats if isinstance(resultat, OperationRefusee)]
    assert len(refus) == 1
    assert "n’a que 200,00" in refus[0].messages[0]
    assert sorted(reste_a_decider(cible) for cible in cibles) == [euros(0), euros(400), euros(400)]


def test_le_meme_mouvement_envoye_trois_fois_n_est_ecrit_qu_une_fois():
    enveloppe, responsable = EnveloppeFactory(), habiliter(Role.RESPONSABLE)
    donnees = {"nature": "prevision", "ae": "400", "date": "2026-03-02", "geste": str(uuid.uuid4())}
    adresse = f"/programmation/enveloppes/{enveloppe.pk}/mouvement/"
    assert ensemble(*[envoi(responsable, adresse, donnees) for _ in range(3)]) == [302, 302, 302]
    assert reste_a_decider(enveloppe) == euros(400)


def test_deux_lots_qui_se_croisent_ne_se_bloquent_pas(agents):
    """Les mêmes actions prises dans l'ordre inverse : pas d'étreinte fatale, un lot passe, l'autre est en conflit."""
    actions = [ActionFactory(statut=StatutAction.INSTRUITE) for _ in range(4)]
    for action in actions:
        p147(action, 100)

    def lot(ordonnees, agent):
        demandes = [DemandeDeDecision(a, NatureDecision.ATTRIBUTION, euros(100), None, a.version) for a in ordonnees]
        return lambda: operations.decider(demandes, par=agent)

    resultats = ensemble(lot(actions, agents[0]), lot(actions[::-1], agents[1]))
    assert sorted(type(resultat).__name__ for resultat in resultats) == ["ConflitDeVersion", "list"]
    assert Decision.objects.count() == 4


def test_un_double_envoi_simultane_ne_cree_qu_une_action(agents):
    contrat = ContratFactory()
    donnees = {
        "geste": "brouillon",
        "cle": str(uuid.uuid4()),
        "exercice": ExerciceFactory().pk,
        "echelle": "contrat",
        "contrat": contrat.pk,
        "intitule": "Lire au pied des tours",
        "origine": "nouvelle",
        "duree": "annuelle",
        "plan-TOTAL_FORMS": "0",
        "plan-INITIAL_FORMS": "0",
    }
    envois = [envoi(agents[0], "/programmation/actions/ajouter/", donnees) for _ in range(3)]
    assert ensemble(*envois) == [302, 302, 302], "chacun est mené à l'action enregistrée"
    assert Action.objects.count() == 1


def test_deux_modifications_simultanees_l_une_passe_l_autre_montre_le_conflit(agents):
    action = ActionFactory(brouillon=True)
    saisies = [
        operations.SaisieAction(champs={"intitule": f"Version de {agent.nom}"}, action=action, version=action.version)
        for agent in agents
    ]

    def geste(saisie, agent):
        return lambda: operations.enregistrer([saisie], par=agent)

    resultats = ensemble(*[geste(*paire) for paire in zip(saisies, agents, strict=True)])
    assert sorted(type(r).__name__ for r in resultats) == ["ConflitDeVersion", "ConflitDeVersion", "list"]
    gagnant = next(resultat[0] for resultat in resultats if isinstance(resultat, list))
    action.refresh_from_db()
    assert (action.intitule, action.version) == (gagnant.intitule, 2)


def test_figer_et_decider_au_meme_instant_se_suivent(agents):
    """Si le gel passe d'abord, la première décision est refusée ; sinon elle est dans le gel. Jamais entre les deux."""
    action = ActionFactory(statut=StatutAction.INSTRUITE)
    p147(action, 1000)
    responsable = habiliter(Role.RESPONSABLE)
    demande = DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(1000), None, action.version)
    decision, gel = ensemble(
        lambda: operations.decider([demande], par=agents[0]),
        lambda: operations.figer(action.campagne, par=responsable),
    )
    assert gel.est_figee
    if isinstance(decision, OperationRefusee):
        assert "figée" in decision.messages[0]
    assert Decision.objects.count() == (0 if isinstance(decision, OperationRefusee) else 1)


def test_le_meme_siret_cree_au_meme_instant_ne_donne_qu_un_organisme(agents):
    def geste(agent):
        return lambda: operations.enregistrer_un_organisme(Organisme(nom="Régie"), par=agent, siret="00012345500016")

    resultats = ensemble(*[geste(agent) for agent in agents])
    assert len([resultat for resultat in resultats if isinstance(resultat, OperationRefusee)]) == 2
    assert (Organisme.objects.count(), Etablissement.objects.count()) == (1, 1)


def test_une_fusion_et_son_contraire_au_meme_instant_ne_font_pas_de_boucle(agents):
    un, deux = OrganismeFactory(), OrganismeFactory()
    resultats = ensemble(
        lambda: operations.fusionner(un, deux, par=agents[0], motif="Doublon"),
        lambda: operations.fusionner(deux, un, par=agents[1], motif="Doublon"),
    )
    assert len([resultat for resultat in resultats if isinstance(resultat, OperationRefusee)]) == 1
    assert Organisme.objects.vivants().count() == 1


def test_l_argent_de_trois_complements_simultanes_s_additionne(agents):
    """Sans version lue (une commande), les trois passent l'un après l'autre : 500 + 3 × 10 = 530 €."""
    action = ActionFactory(statut=StatutAction.INSTRUITE)
    p147(action, 1000)
    operations.decider([DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(500))], par=agents[0])
    demande = DemandeDeDecision(action, NatureDecision.COMPLEMENT, euros(10))

    def geste(agent):
        return lambda: operations.decider([demande], par=agent, motif="Complément")

    ensemble(*[geste(agent) for agent in agents])
    assert sum(Decision.objects.values_list("montant", flat=True), Decimal(0)) == euros(530)
    assert Financement.objects.get().accorde == euros(530)


def test_deux_personnes_promeuvent_le_meme_scenario_il_n_est_promu_qu_une_fois(agents):
    p147(ActionFactory(), 1000, propose=800)
    scenario = operations.creer_un_scenario(ExerciceFactory(), "Essai", par=agents[0])
    gestes = [lambda agent=agent: operations.promouvoir(scenario, par=agent) for agent in agents]
    resultats = ensemble(*gestes)
    assert sorted(isinstance(resultat, OperationRefusee) for resultat in resultats) == [False, True, True]
    assert Decision.objects.get().montant == euros(800)
