"""Les gestes du métier : une fonction, un lot, une transaction, un motif. Rien d'autre n'écrit ce qui est suivi."""

from .avis import AvisDonne, dispenser_d_avis, donner_un_avis
from .cadre import creer_une_enveloppe, declarer_la_notification_complete, enregistrer_des_mouvements
from .decisions import DemandeDeDecision, decider
from .exercices import (
    DejaFait,
    clore,
    creer_une_campagne,
    figer,
    modifier_une_campagne,
    ouvrir,
    ouvrir_un_exercice,
    partager_les_propositions,
    preparer_un_exercice,
    rouvrir,
    version_de_la_campagne,
)
from .organismes import (
    annuler_la_fusion,
    creer_des_organismes,
    enregistrer_un_organisme,
    financeur_a_preciser,
    fusionner,
    nom_a_preciser,
    rattacher_un_siret,
)
from .outils import ConflitDeVersion, DroitManquant, MotifExige, OperationRefusee
from .plan import LigneDePlan
from .saisie import Examen, SaisieAction, enregistrer, enregistrer_et_deposer, examiner
from .scission import scinder
from .statuts import deposer, instruire, retirer, revenir, supprimer_les_brouillons

__all__ = [
    "AvisDonne",
    "ConflitDeVersion",
    "DejaFait",
    "DemandeDeDecision",
    "DroitManquant",
    "Examen",
    "LigneDePlan",
    "MotifExige",
    "OperationRefusee",
    "SaisieAction",
    "annuler_la_fusion",
    "clore",
    "creer_une_campagne",
    "creer_des_organismes",
    "creer_une_enveloppe",
    "decider",
    "declarer_la_notification_complete",
    "deposer",
    "dispenser_d_avis",
    "donner_un_avis",
    "enregistrer",
    "enregistrer_et_deposer",
    "enregistrer_des_mouvements",
    "enregistrer_un_organisme",
    "examiner",
    "figer",
    "financeur_a_preciser",
    "fusionner",
    "instruire",
    "modifier_une_campagne",
    "nom_a_preciser",
    "ouvrir",
    "ouvrir_un_exercice",
    "partager_les_propositions",
    "preparer_un_exercice",
    "rattacher_un_siret",
    "retirer",
    "revenir",
    "rouvrir",
    "scinder",
    "supprimer_les_brouillons",
    "version_de_la_campagne",
]
