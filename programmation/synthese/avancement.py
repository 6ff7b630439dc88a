"""Où en est la programmation, quelle que soit la base : ce qui est décidé, accordé, et ce qui peut encore changer."""

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
from .lectures import (
    LIGNE_P147,
    ZERO,
    Somme,
    bornes,
    dans_les_quartiers,
    part_des_quartiers,
    sans_pre_si,
    une_fois_chacune,
)

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


@dataclass(frozen=True)
class Avancement:
    """`provisoire` : dans les campagnes non figées, None si toutes le sont. `p147` : les crédits accordés aux actions
    programmées ; `contributions` : leurs contributions volontaires, `inconnus` : celles qui n'en disent rien.
    """

    fraicheur: Fraicheur
    provisoire: Provisoire | None
    p147: Somme
    contributions: Somme


def avancement(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
) -> Avancement:
    """Du choix, seul compte « avec PRE ». Une requête."""
    jointes = dans_les_quartiers(sans_pre_si(une_fois_chacune(actions), choix), quartiers)
    jointes = jointes.annotate(lignes=FilteredRelation("financements", condition=LIGNE_P147))
    nombres = {
        nom: Count("pk", filter=condition, distinct=bool(quartiers))
        for nom, condition in actions_denombrees(lignes).items()
    }
    montants = {
        nom: total(part_des_quartiers(champ, quartiers), filter=condition)
        for nom, (champ, condition) in montants_additionnes(lignes).items()
    }
    return en_avancement(jointes.aggregate(**nombres, **montants))


OUVERTES, PROGRAMMEES = Q(campagne__figee_le=None), Q(statut=StatutAction.PROGRAMMEE)
A_DECIDER = OUVERTES & Q(statut__in=NON_DECIDEES)


def actions_denombrees(lignes) -> dict[str, Q]:
    return {
        "decidees": Q(statut__in=DECIDEES),
        "en_attente": Q(statut__in=NON_DECIDEES),
        "ouvertes": OUVERTES,
        "a_decider": A_DECIDER,
        "programmees": PROGRAMMEES,
        "accordees": PROGRAMMEES & bornes(lignes) & Q(lignes__accorde__isnull=False),
        "contributrices": PROGRAMMEES & Q(contributions_volontaires__isnull=False),
    }


def montants_additionnes(lignes) -> dict[str, tuple[str, Q]]:
    """Un champ, et les actions où on l'additionne."""
    return {
        "demande": ("lignes__demande", A_DECIDER & bornes(lignes)),
        "accorde": ("lignes__accorde", PROGRAMMEES & bornes(lignes)),
        "contributions": ("contributions_volontaires", PROGRAMMEES),
    }


def en_avancement(lus) -> Avancement:
    programmees, a_decider = lus["programmees"], lus["a_decider"]
    return Avancement(
        fraicheur=Fraicheur(timezone.now(), lus["decidees"], lus["en_attente"]),
        provisoire=Provisoire(a_decider, lus["demande"] if a_decider else ZERO) if lus["ouvertes"] else None,
        p147=Somme(lus["accorde"] if programmees else ZERO, programmees, programmees - lus["accordees"]),
        contributions=Somme(lus["contributions"], programmees, programmees - lus["contributrices"]),
    )


def provisoire(actions: QuerySet[Action], choix: ChoixDeBase) -> Provisoire | None:
    """Ce qui reste à décider, seul. Une requête."""
    return avancement(actions, choix).provisoire
