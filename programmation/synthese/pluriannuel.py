"""L'engagé à venir : ce que les CPO programmées prévoient pour les années suivantes, hors de tous les totaux.

Chaque exercice ne lit que les prévisions de ses propres actions : reconduite, une CPO emporte celles qui restent. La
même année n'est donc jamais comptée deux fois.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, QuerySet

from ..models import Action, Pilier, PrevisionPluriannuelle
from .lectures import ZERO, connus_ou_relus


@dataclass(frozen=True)
class LigneAVenir:
    """Ce qui est prévu pour un pilier (None : le total), en euros, par année et en tout."""

    pilier: Pilier | None
    montants: dict[int, Decimal]

    @property
    def total(self) -> Decimal:
        return sum(self.montants.values(), ZERO)

    def par_annee(self, annees) -> list[Decimal]:
        return [self.montants.get(annee, ZERO) for annee in annees]


@dataclass(frozen=True)
class SynthesePluriannuelle:
    """`nombre` : de prévisions ; `actions` : de CPO qui en ont une."""

    lignes: tuple[LigneAVenir, ...]
    nombre: int
    actions: int

    @property
    def annees(self) -> list[int]:
        return sorted({annee for ligne in self.lignes for annee in ligne.montants})

    @property
    def ensemble(self) -> LigneAVenir:
        return LigneAVenir(
            None, {a: sum((ligne.montants.get(a, ZERO) for ligne in self.lignes), ZERO) for a in self.annees}
        )

    @property
    def total(self) -> Decimal:
        return self.ensemble.total

    @property
    def tableau(self) -> list[tuple[LigneAVenir, list[Decimal]]]:
        """Les lignes, l'ensemble en dernier, et leur montant de chaque année."""
        return [(ligne, ligne.par_annee(self.annees)) for ligne in [*self.lignes, self.ensemble]]

    @property
    def par_annee(self) -> list[tuple[int, Decimal]]:
        return list(self.ensemble.montants.items())


def a_venir(actions: QuerySet[Action]) -> QuerySet[PrevisionPluriannuelle]:
    """Les prévisions de celles de ces actions qui sont programmées, pour les années d'après leur exercice."""
    programmees = actions.programmees().order_by().values("pk")
    previsions = PrevisionPluriannuelle.objects.filter(action__in=programmees, annee__gt=F("action__exercice__annee"))
    return previsions.order_by("annee", "action__pilier__ordre", "action__recherche", "pk")


def lignes_a_venir(
    previsions: QuerySet[PrevisionPluriannuelle], piliers: Iterable[Pilier] = ()
) -> SynthesePluriannuelle:
    """Par pilier, dans l'ordre des piliers. Une requête, deux si `piliers` ne les a pas déjà tous lus."""
    lues = list(previsions.order_by().values_list("action__pilier", "annee", "action", "montant"))
    groupes = defaultdict(dict)
    for pilier, annee, _, montant in lues:
        groupes[pilier][annee] = groupes[pilier].get(annee, ZERO) + montant
    lignes = [LigneAVenir(p, groupes[p.pk]) for p in connus_ou_relus(groupes, piliers, Pilier.objects.all())]
    return SynthesePluriannuelle(tuple(lignes), len(lues), len({action for _, _, action, _ in lues}))


def engage_a_venir(
    actions: QuerySet[Action], *, avec_pre: bool = True, piliers: Iterable[Pilier] = ()
) -> SynthesePluriannuelle | None:
    """L'engagé à venir de ces actions ; None si rien n'est prévu."""
    comptees = actions if avec_pre else actions.exclude(dispositif__est_pre=True)
    synthese = lignes_a_venir(a_venir(comptees), piliers)
    return synthese if synthese.nombre else None
