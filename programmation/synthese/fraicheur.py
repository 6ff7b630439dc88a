"""Quand les chiffres ont été lus, et combien d'actions sont déjà décidées."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from ..enums import NatureDecision, StatutAction
from ..models import Action
from .bases import ChoixDeBase
from .lectures import dans_les_quartiers, sans_pre_si, une_fois_chacune
from .piliers import NON_DECIDEES

DECIDEES = frozenset(StatutAction(nature.statut) for nature in NatureDecision)


@dataclass(frozen=True)
class Fraicheur:
    """« Au 12/03/2026 14:05, 118 actions décidées, 6 en attente »."""

    au: datetime
    decidees: int
    en_attente: int


def fraicheur(actions: QuerySet[Action], choix: ChoixDeBase, *, quartiers: Sequence = ()) -> Fraicheur:
    """Décidées dans tous les sens, ajournement compris ; en attente : déposées ou instruites. Une requête."""
    lues = dans_les_quartiers(sans_pre_si(une_fois_chacune(actions), choix), quartiers)
    comptes = {
        nom: Count("pk", filter=Q(statut__in=statuts), distinct=bool(quartiers))
        for nom, statuts in {"decidees": DECIDEES, "en_attente": NON_DECIDEES}.items()
    }
    return Fraicheur(au=timezone.now(), **lues.aggregate(**comptes))
