"""L'effet d'une liste sur ce qui est gardé des listes publiées, année par année."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple


class Poids(NamedTuple):
    """Ce qu'un relevé pèse : son année, son poste, son montant publié (€)."""

    annee: int
    poste: str
    montant: Decimal


def effet(annee: int, avant: Iterable[Poids], apres: Iterable[Poids]) -> dict[str, tuple[Any, Any]]:
    """Postes, lignes et montant de l'année, (avant, après) ; un poste répété ne compte qu'une fois parmi les postes."""
    totaux = [_totaux([poids for poids in sorte if poids.annee == annee]) for sorte in (avant, apres)]
    return {cle: (totaux[0][cle], totaux[1][cle]) for cle in totaux[0]}


def _totaux(poids):
    return {
        "postes": len({p.poste for p in poids}),
        "lignes": len(poids),
        "montant": sum((p.montant for p in poids), Decimal("0.00")),
    }
