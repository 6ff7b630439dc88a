"""Les gestes sur les dispositifs : une fonction, un lot, une transaction, un motif."""

from .annuelles import enregistrer_des_releves, enregistrer_le_quota
from .calendrier import abonne_de, donner_une_adresse, revoquer_l_adresse
from .conventions import (
    ajouter_un_avenant,
    enregistrer_des_conventions,
    enregistrer_des_occupations,
    quotite_au,
    renouveler,
    supprimer_un_avenant,
    supprimer_une_convention,
    supprimer_une_occupation,
)
from .fonjep import enregistrer_des_triennalites, supprimer_une_triennalite
from .outils import ModifieEntreTemps, Saisie
from .postes import SaisieDePoste, enregistrer_des_postes, enregistrer_des_postes_fonjep
from .pre import SaisieDeProgramme, SaisieDeSuivi, enregistrer_un_programme, enregistrer_un_suivi

__all__ = [
    "ModifieEntreTemps",
    "Saisie",
    "SaisieDePoste",
    "SaisieDeProgramme",
    "SaisieDeSuivi",
    "abonne_de",
    "ajouter_un_avenant",
    "donner_une_adresse",
    "enregistrer_des_conventions",
    "enregistrer_des_occupations",
    "enregistrer_des_postes",
    "enregistrer_des_postes_fonjep",
    "enregistrer_des_releves",
    "enregistrer_des_triennalites",
    "enregistrer_le_quota",
    "enregistrer_un_programme",
    "enregistrer_un_suivi",
    "quotite_au",
    "renouveler",
    "revoquer_l_adresse",
    "supprimer_un_avenant",
    "supprimer_une_convention",
    "supprimer_une_occupation",
    "supprimer_une_triennalite",
]
