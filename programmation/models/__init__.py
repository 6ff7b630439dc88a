"""Le cœur : nomenclature, cadre de l'année, organismes, actions et leur financement, avis, comités,
scénarios, décisions et leur exécution, imports."""

from .actions import (
    CHAMPS_RENSEIGNES,
    Action,
    Financement,
    Localisation,
    PartenaireFinanceur,
    PilierTransversalDeLAction,
    PrevisionPluriannuelle,
    PrioriteDeLAction,
    SuiviFinancement,
)
from .avis import Avis
from .cadre import Campagne, Enveloppe, Exercice, MouvementEnveloppe
from .comites import Comite, Passage
from .courriers import ModeleDeCourrier, Parametre
from .decisions import Decision, DecisionIntouchable
from .echeanciers import VersementPrevu
from .execution import Acte, Engagement, Justification, LigneEngagement, Paiement
from .imports import ACTIONS, Lot, ModeleDeColonnes
from .lots import ModificationEnLot
from .nomenclature import (
    Correspondance,
    Dispositif,
    Nomenclature,
    Pilier,
    PrioriteTransversale,
    Repere,
    Thematique,
    Theme,
)
from .organismes import Etablissement, Financeur, Organisme
from .scenarios import Proposition, Scenario

__all__ = [
    "ACTIONS",
    "CHAMPS_RENSEIGNES",
    "Acte",
    "Action",
    "Avis",
    "Campagne",
    "Comite",
    "Correspondance",
    "Decision",
    "DecisionIntouchable",
    "Dispositif",
    "Engagement",
    "Enveloppe",
    "Etablissement",
    "Exercice",
    "Financement",
    "Financeur",
    "Justification",
    "LigneEngagement",
    "Localisation",
    "Lot",
    "ModeleDeColonnes",
    "ModeleDeCourrier",
    "ModificationEnLot",
    "MouvementEnveloppe",
    "Nomenclature",
    "Organisme",
    "Paiement",
    "Parametre",
    "PartenaireFinanceur",
    "Passage",
    "Pilier",
    "PilierTransversalDeLAction",
    "PrevisionPluriannuelle",
    "PrioriteDeLAction",
    "PrioriteTransversale",
    "Proposition",
    "Repere",
    "Scenario",
    "SuiviFinancement",
    "Thematique",
    "Theme",
    "VersementPrevu",
]
