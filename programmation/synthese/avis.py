"""Les avis que les campagnes exigent et que personne n'a encore donnés, et depuis quand on les attend."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from ..enums import QualiteAvis, StatutAction, StatutExercice
from ..models import Action, Avis


@dataclass(frozen=True)
class Attente:
    """Combien d'actions attendent un avis, et le dépôt de la plus ancienne (None si aucune n'a de date connue)."""

    nombre: int
    depuis: datetime | None

    @property
    def jours(self) -> int | None:
        return jours_d_attente(self.depuis)


def jours_d_attente(deposee_le: datetime | None) -> int | None:
    """Le nombre de jours depuis le dépôt ; None si la date du dépôt n'est pas connue."""
    return None if deposee_le is None else (timezone.localdate() - timezone.localdate(deposee_le)).days


def avis_manquants(actions: Iterable[Action]) -> dict[int, list[QualiteAvis]]:
    """Par identifiant d'action, les avis que sa campagne exige et que ni un avis ni une dispense ne remplit.

    Une requête, quel que soit leur nombre ; une action qui ne manque de rien n'y est pas.
    """
    actions = [action for action in actions if action.campagne.avis_exiges]
    donnes = set(Avis.objects.filter(action__in=actions).order_by().values_list("action", "qualite")) if actions else ()
    manquants = {a.pk: [q for q in a.campagne.avis_exiges if (a.pk, q) not in donnes] for a in actions}
    return {pk: qualites for pk, qualites in manquants.items() if qualites}


def avis_a_obtenir(actions: Iterable[Action]) -> dict[int, str]:
    """Par identifiant d'action à décider, « Avis du délégué manquant » ; une requête. Décidée, elle n'attend plus rien.

    Dire qu'un avis manque ne montre aucun avis : la phrase se lit aussi devant des partenaires.
    """
    a_decider = [action for action in actions if action.statut in StatutAction.a_decider()]
    return {pk: dire_ce_qui_manque(qualites) for pk, qualites in avis_manquants(a_decider).items()}


def dire_ce_qui_manque(qualites: list[QualiteAvis]) -> str:
    noms = [qualite.de_qui for qualite in qualites]
    if len(noms) == 1:
        return f"Avis {noms[0]} manquant"
    return f"Avis {', '.join(noms[:-1])} et {noms[-1]} manquants"


def il_manque(qualites: Iterable[QualiteAvis]) -> Q:
    """Sur des actions : la campagne exige l'un de ces avis, et ni un avis ni une dispense ne le remplit."""
    manquants = Q(pk__in=[])
    for qualite in qualites:
        donne = Exists(Avis.objects.filter(action=OuterRef("pk"), qualite=qualite))
        manquants |= Q(**{f"campagne__avis_{qualite}_exige": True}) & ~donne
    return manquants


class SansAvis(models.TextChoices):
    """Les actions à qui manque un avis exigé ; la valeur est celle du paramètre `avis` de la liste des actions."""

    A_DECIDER = "a_decider", "manquant, reste à décider"
    PROGRAMMEES = "programmees", "manquant, action programmée"

    def condition(self) -> Q:
        statuts = [StatutAction.PROGRAMMEE] if self == SansAvis.PROGRAMMEES else StatutAction.a_decider()
        return Q(statut__in=statuts) & il_manque(QualiteAvis)


def en_attente(actions: QuerySet, qualites: Iterable[QualiteAvis]) -> QuerySet:
    """Celles de ces actions qui attendent l'un de ces avis : à décider, dans un exercice ouvert, avis exigé et absent.

    Une action déposée depuis longtemps passe devant ; sans date de dépôt connue, elle ferme la liste.
    """
    ouvertes = actions.filter(
        il_manque(qualites),
        statut__in=StatutAction.a_decider(),
        exercice__statut=StatutExercice.OUVERT,
        campagne__figee_le=None,
    )
    return ouvertes.order_by(F("deposee_le").asc(nulls_last=True), "pk")


def attente(actions: QuerySet, qualites: Iterable[QualiteAvis]) -> Attente:
    """Le compte de `en_attente`, en une requête."""
    compte = en_attente(actions, qualites).order_by().aggregate(nombre=Count("pk"), depuis=Min("deposee_le"))
    return Attente(compte["nombre"], compte["depuis"])
