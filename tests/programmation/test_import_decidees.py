"""Un import qui touche des actions décidées : les mêmes règles que l'écran, avec le motif du lot."""

import pytest

from comptes.enums import Role
from politique_ville.outils.tableur.plan import Statut
from programmation.imports import lots
from tests.fabriques import (
    ContratFactory,
    EnveloppeFactory,
    ExerciceFactory,
    PilierFactory,
    QuartierFactory,
    action_programmee,
    habiliter,
)
from tests.imports import compteurs, fichier, importer, messages, planifier

pytestmark = pytest.mark.django_db


@pytest.fixture
def caen():
    return ContratFactory(intitule="Contrat de ville de Caen la mer")


@pytest.fixture
def agent():
    return habiliter(Role.AGENT, departement=ExerciceFactory().departement)


def test_le_motif_du_lot_explique_ce_qui_deplace_un_total(agent, caen):
    """Le plan montre chaque champ qui change ; l'historique garde le fichier qui l'a changé."""
    emploi, quartier = PilierFactory(code="emploi"), QuartierFactory(contrat=caen, nom="Chemin Vert")
    action = action_programmee(contrat=caen)
    recu = fichier(["Clé", "Pilier", "Quartiers"], [str(action.cle), "Emploi", "Chemin Vert"])
    [ligne] = planifier(recu, action.exercice, agent).lignes
    assert set(ligne.apres) == {"Pilier", "Quartiers"}
    lot = importer(recu, action.exercice, agent)
    action.refresh_from_db()
    assert (action.pilier, action.localisations.get().quartier) == (emploi, quartier)
    motif = lots.motif_du_lot("actions.xlsx", lot.cree_le)
    assert action.history.first().history_change_reason == motif
    assert action.localisations.get().history.first().history_change_reason == motif


def test_le_contrat_qu_une_decision_retient_est_refuse_sur_sa_cellule(agent, caen):
    ContratFactory(intitule="Contrat de ville de Lisieux")
    action = action_programmee(contrat=caen, enveloppe=EnveloppeFactory(libelle="Caen", contrat=caen))
    plan = planifier(
        fichier(["Clé", "Contrat"], [str(action.cle), "Contrat de ville de Lisieux"]), action.exercice, agent
    )
    assert compteurs(plan) == {str(Statut.REFUSE): 1}
    assert messages(plan) == [
        "B2 : « Caen » porte une décision de l’action : son contrat ne change plus. "
        "Déprogrammer l’action, puis en saisir une autre."
    ]
