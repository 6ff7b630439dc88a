"""Deux personnes en séance au même instant, par de vrais fils : rien ne s'écrase, rien ne se décide deux fois."""

from datetime import date

import pytest

from comptes.enums import Role
from pilotage.models import Photographie
from pilotage.operations import terminer_un_comite
from programmation import operations
from programmation.enums import NatureComite, NatureDecision, StatutAction
from programmation.models import Comite, Decision, Passage
from programmation.operations import OperationRefusee, SaisieDePassage
from programmation.synthese import reste_a_decider
from tests.fabriques import (
    ActionFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    euros,
    habiliter,
    p147,
)
from tests.test_concurrence import ensemble, envoi

pytestmark = pytest.mark.django_db(transaction=True)

JOUR = date(2026, 3, 12)


@pytest.fixture
def agents():
    ExerciceFactory()
    FinanceurFactory(p147=True)
    return [habiliter(Role.AGENT) for _ in range(3)]


def seance(nature, agents, demandes, plafond=10_000):
    enveloppe = EnveloppeFactory(exercice=ExerciceFactory())
    MouvementFactory(enveloppe=enveloppe, ae=euros(plafond))
    actions = [ActionFactory(statut=StatutAction.INSTRUITE, enveloppe=enveloppe) for _ in demandes]
    for action, demande in zip(actions, demandes, strict=True):
        p147(action, demande)
    comite = operations.creer_un_comite(actions[0].campagne, nature, JOUR, par=agents[0])
    operations.inscrire(comite, actions, par=agents[0])
    return operations.ouvrir_la_seance(comite, par=agents[0]), enveloppe


def formulaire(passage, montant):
    prefixe = f"p{passage.pk}-"
    return {
        "passage": passage.pk,
        f"{prefixe}issue": "attribution",
        f"{prefixe}montant": str(montant),
        f"{prefixe}observation": "",
        f"{prefixe}version": 1,
        f"{prefixe}version_de_l_action": 1,
    }


def test_trois_personnes_decident_la_meme_action_une_seule_decision_les_autres_voient_le_conflit(agents):
    comite, enveloppe = seance(NatureComite.PILOTAGE, agents, [1000])
    passage = comite.passages.get()
    adresse = f"/programmation/comites/{comite.pk}/seance/"
    montants = (500, 600, 700)
    envois = [envoi(agent, adresse, formulaire(passage, m)) for agent, m in zip(agents, montants, strict=True)]
    assert sorted(ensemble(*envois)) == [302, 409, 409]
    decision = Decision.objects.get()
    passage.refresh_from_db()
    assert (passage.montant, passage.version) == (decision.montant, 2)
    assert reste_a_decider(enveloppe) == euros(10_000) - decision.montant


def test_un_double_clic_decide_une_seule_fois(agents):
    comite, _ = seance(NatureComite.PILOTAGE, agents, [1000])
    adresse = f"/programmation/comites/{comite.pk}/seance/"
    double = [envoi(agents[0], adresse, formulaire(comite.passages.get(), 500)) for _ in range(3)]
    assert ensemble(*double) == [302, 302, 302], "le même envoi se reconnaît"
    assert Decision.objects.count() == 1


def test_deux_propositions_d_un_comite_technique_ne_s_ecrasent_pas(agents):
    comite, _ = seance(NatureComite.TECHNIQUE, agents, [1000])
    passage = comite.passages.get()

    def geste(agent, montant):
        saisie = SaisieDePassage(passage, NatureDecision.ATTRIBUTION, euros(montant), version=1)
        return lambda: operations.enregistrer_en_seance(comite, [saisie], par=agent)

    resultats = ensemble(*[geste(agent, 100 * rang) for rang, agent in enumerate(agents, 1)])
    assert sorted(type(r).__name__ for r in resultats) == ["PassageModifie", "PassageModifie", "list"]
    assert Passage.history.count() == 2, "l'inscription, et une seule issue"


def test_deux_actions_decidees_au_meme_instant_ne_depassent_pas_l_enveloppe(agents):
    """Trois actions de 400 € dans 1 000 € : deux passent, la troisième est refusée et son passage reste à examiner."""
    comite, enveloppe = seance(NatureComite.PILOTAGE, agents, [400, 400, 400], plafond=1000)

    def geste(agent, passage):
        saisie = SaisieDePassage(passage, NatureDecision.ATTRIBUTION, euros(400), version=1)
        return lambda: operations.enregistrer_en_seance(comite, [saisie], par=agent)

    resultats = ensemble(*[geste(*paire) for paire in zip(agents, comite.passages.all(), strict=True)])
    refus = [resultat for resultat in resultats if isinstance(resultat, OperationRefusee)]
    assert len(refus) == 1
    assert reste_a_decider(enveloppe) == euros(200)
    assert comite.passages.filter(issue="").count() == 1


def test_decider_ailleurs_et_en_seance_au_meme_instant_ne_decide_qu_une_fois(agents):
    comite, _ = seance(NatureComite.PILOTAGE, agents, [1000])
    passage = comite.passages.select_related("action").get()
    saisie = SaisieDePassage(passage, NatureDecision.ATTRIBUTION, euros(500), version=1, version_de_l_action=1)
    demande = operations.DemandeDeDecision(passage.action, NatureDecision.ATTRIBUTION, euros(600), version=1)
    resultats = ensemble(
        lambda: operations.enregistrer_en_seance(comite, [saisie], par=agents[0]),
        lambda: operations.decider([demande], par=agents[1], date=JOUR),
    )
    assert len([r for r in resultats if isinstance(r, OperationRefusee)]) == 1
    assert Decision.objects.count() == 1


def test_deux_responsables_terminent_au_meme_instant_une_seule_photographie(agents):
    comite, _ = seance(NatureComite.PILOTAGE, agents, [1000])
    resultats = ensemble(*[lambda agent=agent: terminer_un_comite(comite, par=agent) for agent in agents])
    assert sorted(type(r).__name__ for r in resultats) == ["DejaFait", "DejaFait", "Photographie"]
    assert Photographie.objects.count() == 1


def test_terminer_et_enregistrer_au_meme_instant_se_suivent(agents):
    """Si la fin passe d'abord, l'issue est refusée ; sinon elle est dans la photographie. Jamais entre les deux."""
    comite, _ = seance(NatureComite.PILOTAGE, agents, [1000])
    saisie = SaisieDePassage(comite.passages.get(), NatureDecision.ATTRIBUTION, euros(500), version=1)
    issue, photographie = ensemble(
        lambda: operations.enregistrer_en_seance(comite, [saisie], par=agents[0]),
        lambda: terminer_un_comite(comite, par=agents[1]),
    )
    decisions = [d for ligne in photographie.lignes for d in ligne["decisions"]]
    assert len(decisions) == Decision.objects.count() == (0 if isinstance(issue, OperationRefusee) else 1)
    assert Comite.objects.get().est_termine


def test_la_meme_action_inscrite_au_meme_instant_ne_l_est_qu_une_fois(agents):
    comite, _ = seance(NatureComite.TECHNIQUE, agents, [1000])
    action = ActionFactory(statut=StatutAction.INSTRUITE)
    nees = ensemble(*[lambda agent=agent: operations.inscrire(comite, [action], par=agent) for agent in agents])
    assert sorted(len(n) for n in nees) == [0, 0, 1]
    assert list(comite.passages.order_by("ordre").values_list("ordre", flat=True)) == [1, 2]


def test_deux_personnes_modifient_le_meme_comite_la_seconde_voit_le_conflit(agents):
    """La première dit les partenaires présents : l'écran projeté ne doit pas remontrer les avis de l'État."""
    comite, _ = seance(NatureComite.TECHNIQUE, agents, [1000])
    adresse = f"/programmation/comites/{comite.pk}/modifier/"
    lue = operations.version_lue(comite)
    saisie = {"date": "2026-03-12", "lieu": "", "lue": lue}
    assert envoi(agents[0], adresse, saisie | {"lieu": "Préfecture", "partenaires_presents": "on"})() == 302
    assert envoi(agents[1], adresse, saisie | {"lieu": "Mairie"})() == 200
    comite.refresh_from_db()
    assert (comite.lieu, comite.partenaires_presents) == ("Préfecture", True)
    with pytest.raises(OperationRefusee, match=f"Ce comité a changé entre-temps, par {agents[0]}"):
        operations.modifier_un_comite(comite, {"lieu": "Mairie"}, par=agents[1], lue=lue)
