"""Ce que l'on demande, et qui peut le demander : les rôles de l'État qui voient tout le département."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from comptes.models import Utilisateur
from programmation.models import Action, Exercice
from programmation.synthese import ChoixDeBase


@dataclass(frozen=True)
class Demande:
    """Un exercice et ses actions, toutes visibles ; une base ; un auteur (service et rôle, jamais un nom) ; un instant.

    `avertissement` : ce que dit le bandeau des écrans (« Données fictives »), s'il y en a un.
    """

    exercice: Exercice
    actions: QuerySet[Action]
    choix: ChoixDeBase
    auteur: str
    au: datetime
    avertissement: str = ""


def peut_produire(utilisateur: Utilisateur) -> bool:
    """Le classeur est celui de tout un département : ni un partenaire, ni qui n'en voit qu'un contrat."""
    return bool(utilisateur.habilitations_departementales)


def exercices_du_classeur(utilisateur: Utilisateur) -> QuerySet[Exercice]:
    """Ceux des départements qu'il voit en entier, à un titre de l'État."""
    siennes = utilisateur.habilitations_departementales
    if any(habilitation.france_entiere for habilitation in siennes):
        return Exercice.objects.all()
    return Exercice.objects.filter(departement__in={habilitation.departement_id for habilitation in siennes})


def signature(utilisateur: Utilisateur, exercice: Exercice) -> str:
    """« DDETS du Calvados, chargé de mission » : le service et le rôle, jamais un nom."""
    siennes = [h for h in utilisateur.habilitations_departementales if h.couvre(exercice.departement_id)]
    roles = list(dict.fromkeys(h.get_role_display().lower() for h in siennes))
    return ", ".join([utilisateur.service, *roles] if utilisateur.service else roles)
