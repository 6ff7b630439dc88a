"""Ce que l'ANCT a publié chaque année, à côté de nos calculs et jamais mêlé à eux."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, QuerySet

from politique_ville.outils.montants import total

from ..models import ReleveAnct, ReleveFonjep


@dataclass(frozen=True)
class ReleveDeLAnnee:
    annee: int
    lignes: int
    postes: int  # moins que de lignes si le fichier répète un poste
    montant: Decimal


def releves_par_annee(releves: QuerySet[ReleveAnct] | QuerySet[ReleveFonjep]) -> list[ReleveDeLAnnee]:
    """Les lignes publiées, les postes distincts et la somme publiée, année par année. Une requête."""
    lues = releves.order_by("annee").values("annee")
    lues = lues.annotate(lignes=Count("pk"), postes=Count("poste", distinct=True), montant=total("montant"))
    return [ReleveDeLAnnee(**ligne) for ligne in lues]
