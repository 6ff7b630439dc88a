"""Ce que l'ANCT a publié chaque année, à côté de nos calculs et jamais mêlé à eux."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, QuerySet

from politique_ville.outils.francais import pluriel
from politique_ville.outils.montants import total
from politique_ville.outils.typographie import insecables

from ..models import BaremeFonjep, ReleveAnct, ReleveFonjep


@dataclass(frozen=True)
class ReleveDeLAnnee:
    """Une année publiée : ses lignes, leurs postes (moins, si le fichier en répète), leur somme en euros.

    `au_montant_fonjep` : les lignes d'adultes-relais publiées au montant d'un poste FONJEP, comme en 2025.
    """

    annee: int
    lignes: int
    postes: int
    montant: Decimal
    au_montant_fonjep: int = 0

    @property
    def reserve(self) -> str:
        """Ce qui empêche de prendre la somme pour argent comptant ; vide si rien ne l'empêche."""
        repetes = f"{pluriel(self.lignes, 'ligne', 'lignes')} : des postes sont répétés"
        fonjep = f"{pluriel(self.au_montant_fonjep, 'ligne', 'lignes')} au montant d’un poste FONJEP"
        dites = [repetes] * (self.lignes > self.postes) + [fonjep] * bool(self.au_montant_fonjep)
        return insecables(" ; ".join(dites))


def releves_par_annee(releves: QuerySet[ReleveAnct] | QuerySet[ReleveFonjep]) -> list[ReleveDeLAnnee]:
    """Les lignes publiées, les postes distincts et la somme publiée, année par année. Une requête."""
    agregats = {"lignes": Count("pk"), "postes": Count("poste", distinct=True)}
    if releves.model is ReleveAnct:
        du_fonjep = BaremeFonjep.objects.exclude(montant=None).order_by().values("montant")
        agregats["au_montant_fonjep"] = Count("pk", filter=Q(montant__in=du_fonjep))
    agregats["montant"] = total("montant")  # en dernier : les autres lisent le montant de la ligne, pas cette somme
    lues = releves.order_by("annee").values("annee").annotate(**agregats)
    return [ReleveDeLAnnee(**ligne) for ligne in lues]
