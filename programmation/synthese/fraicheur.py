"""Quand les chiffres ont été lus, combien d'actions sont déjà décidées, et ce qui peut encore changer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, FilteredRelation, Q, QuerySet
from django.utils import timezone

from politique_ville.outils.montants import total

from ..enums import NatureDecision, StatutAction
from ..models import Action, Financement
from .bases import ChoixDeBase
from .lectures import LIGNE_P147, ZERO, bornes, dans_les_quartiers, part_des_quartiers, sans_pre_si, une_fois_chacune

DECIDEES = frozenset(StatutAction(nature.statut) for nature in NatureDecision)
NON_DECIDEES = [StatutAction.DEPOSEE, StatutAction.INSTRUITE]


@dataclass(frozen=True)
class Fraicheur:
    """« Au 12/03/2026 14:05, 118 actions décidées, 6 en attente ».

    Décidées dans tous les sens, ajournement compris ; en attente : déposées ou instruites.
    """

    au: datetime
    decidees: int
    en_attente: int


@dataclass(frozen=True)
class Provisoire:
    """Ce qui peut encore changer les chiffres : n actions déposées non décidées, m euros de P147 demandés."""

    nombre: int
    demande: Decimal | None


def avancement(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
) -> tuple[Fraicheur, Provisoire | None]:
    """Ce qui est décidé, et ce qui reste à décider dans les campagnes non figées, s'il y en a. Une requête."""
    lues = dans_les_quartiers(sans_pre_si(une_fois_chacune(actions), choix), quartiers)
    ouverte, a_decider = Q(campagne__figee_le=None), Q(statut__in=NON_DECIDEES)
    conditions = {
        "decidees": Q(statut__in=DECIDEES),
        "en_attente": a_decider,
        "ouvertes": ouverte,
        "nombre": ouverte & a_decider,
    }
    comptes = lues.annotate(lignes=FilteredRelation("financements", condition=LIGNE_P147)).aggregate(
        **{nom: Count("pk", filter=condition, distinct=bool(quartiers)) for nom, condition in conditions.items()},
        demande=total(part_des_quartiers("lignes__demande", quartiers), filter=ouverte & a_decider & bornes(lignes)),
    )
    lue = Fraicheur(timezone.now(), comptes["decidees"], comptes["en_attente"])
    if not comptes["ouvertes"]:
        return lue, None
    return lue, Provisoire(comptes["nombre"], comptes["demande"] if comptes["nombre"] else ZERO)


def provisoire(actions: QuerySet[Action], choix: ChoixDeBase) -> Provisoire | None:
    """Ce qui reste à décider, seul. Une requête."""
    return avancement(actions, choix)[1]
