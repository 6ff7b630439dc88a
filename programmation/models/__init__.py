"""Le cœur : nomenclature, cadre de l'année, organismes, actions et leur financement, décisions, imports."""

from .actions import (
    CHAMPS_RENSEIGNES,
    Action,
    Financement,
    Localisation,
    PartenaireFinanceur,
    PrevisionPluriannuelle,
    SuiviFinancement,
)
from .cadre import Campagne, Enveloppe, Exercice, MouvementEnveloppe
from .decisions import Decision, DecisionIntouchable
from .imports import ACTIONS, Lot, ModeleDeColonnes
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

__all__ = [
    "ACTIONS",
    "CHAMPS_RENSEIGNES",
    "Action",
    "Campagne",
    "Correspondance",
    "Decision",
    "DecisionIntouchable",
    "Dispositif",
    "Enveloppe",
    "Etablissement",
    "Exercice",
    "Financement",
    "Financeur",
    "Localisation",
    "Lot",
    "ModeleDeColonnes",
    "MouvementEnveloppe",
    "Nomenclature",
    "Organisme",
    "PartenaireFinanceur",
    "Pilier",
    "PrevisionPluriannuelle",
    "PrioriteTransversale",
    "Repere",
    "SuiviFinancement",
    "Thematique",
    "Theme",
]
