"""Ce que l'on demande, et qui peut le demander : les rôles de l'État qui voient tout le département."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from comptes.enums import Role
from comptes.models import Utilisateur
from programmation.models import Action, Exercice
from programmation.synthese import ChoixDeBase


@dataclass(frozen=True)
class Demande:
    """Un exercice et ses actions, visibles ; une base ; un auteur (service et rôle, jamais un nom) et un instant."""

    exercice: Exercice
    actions: QuerySet[Action]
    choix: ChoixDeBase
    auteur: str
    au: datetime


def exercices_du_classeur(utilisateur: Utilisateur) -> QuerySet[Exercice]:
    """Ceux de la France entière, ou des départements d'une habilitation de l'État ; aucun pour un partenaire."""
    habilitations = habilitations_entieres(utilisateur)
    if any(habilitation.france_entiere for habilitation in habilitations):
        return Exercice.objects.all()
    return Exercice.objects.filter(departement__in={habilitation.departement_id for habilitation in habilitations})


def habilitations_entieres(utilisateur):
    """Une habilitation sur un contrat ou un quartier ne montre pas tout le département."""
    siennes = [h for h in utilisateur.habilitations_actives if h.role in Role.de_l_etat()]
    return [h for h in siennes if h.france_entiere or h.departement_id]


def signature(utilisateur: Utilisateur, exercice: Exercice) -> str:
    """« DDETS du Calvados, chargé de mission » : le service et le rôle, jamais un nom."""
    siennes = [h for h in habilitations_entieres(utilisateur) if h.couvre(exercice.departement_id)]
    roles = list(dict.fromkeys(h.get_role_display().lower() for h in siennes))
    return ", ".join([utilisateur.service, *roles] if utilisateur.service else roles)
