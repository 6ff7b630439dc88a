"""Des postes, adultes-relais ou FONJEP : combien, et ce qui leur est lié."""

from dataclasses import dataclass

from django.db.models import Count, Exists, Model, OuterRef, QuerySet

from ..models import ConventionAdulteRelais, PosteAdulteRelais, PosteFonjep, TriennaliteFonjep


@dataclass(frozen=True)
class NombresDePostes:
    """Des postes, et parmi eux ceux dont aucune convention (FONJEP : aucune période) n'est enregistrée : on ne sait ni
    ce qu'ils coûtent, ni s'ils étaient vacants."""

    tous: int
    sans_convention: int


def nombres_de_postes(postes: QuerySet[PosteAdulteRelais] | QuerySet[PosteFonjep]) -> NombresDePostes:
    """Une requête."""
    conventions = ConventionAdulteRelais if postes.model is PosteAdulteRelais else TriennaliteFonjep
    sans = ~Exists(conventions.objects.filter(poste=OuterRef("pk")).order_by())
    nombres = postes.order_by().aggregate(tous=Count("pk"), sans_convention=Count("pk", filter=sans))
    return NombresDePostes(**nombres)


def de_ces_postes(modele: type[Model], postes: QuerySet) -> QuerySet:
    """Les lignes d'un modèle lié (conventions, relevés…) qui sont à ces postes.

    Rien ne borne les postes de la France entière : on épargne à PostgreSQL une jointure dont il ne devine pas qu'elle
    garde tout (5 000 postes : 5 ms de la liste).
    """
    tous = not postes.query.where and not postes.query.is_sliced
    return modele.objects.all() if tous else modele.objects.filter(poste__in=postes.order_by())
