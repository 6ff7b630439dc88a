"""L'effet d'un plan sur les totaux de l'exercice : nombre d'actions, demandé P147, coût, en tout et par contrat."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from ..enums import FamilleFinanceur

ENSEMBLE = "Ensemble de l’exercice"
DEPARTEMENT = "Échelle du département"


class Poids(NamedTuple):
    """Ce qu'une action pèse : son contrat (son intitulé), son demandé P147 et son coût, en euros."""

    contrat: str
    demande: Decimal | None
    cout: Decimal | None


def poids(action: Any, plan: Iterable[Any]) -> Poids:
    """Le poids d'une action et de son plan, enregistrés ou non ; tous statuts confondus."""
    p147 = [ligne.demande for ligne in plan if ligne.financeur.famille == FamilleFinanceur.ANCT_P147]
    demande = p147[0] if p147 else None
    return Poids(str(action.contrat or DEPARTEMENT), demande, action.cout_previsionnel)


def effet(avant: Mapping[Any, Poids], apres: Mapping[Any, Poids]) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Les totaux avant et après, de l'ensemble puis de chaque contrat dont un total change."""
    contrats = sorted({p.contrat for p in (*avant.values(), *apres.values())})
    effets = {ENSEMBLE: _compare(avant.values(), apres.values())}
    for contrat in contrats:
        siens = _compare(*([p for p in sorte.values() if p.contrat == contrat] for sorte in (avant, apres)))
        if any(a != b for a, b in siens.values()):
            effets[contrat] = siens
    return effets


def _compare(avant, apres):
    totaux = [_totaux(list(poids)) for poids in (avant, apres)]
    return {nom: (totaux[0][nom], totaux[1][nom]) for nom in totaux[0]}


def _totaux(poids):
    return {
        "actions": len(poids),
        "demande": _somme(p.demande for p in poids),
        "cout": _somme(p.cout for p in poids),
    }


def _somme(montants):
    """None si tout est inconnu, 0 s'il n'y a rien."""
    montants = list(montants)
    connus = [montant for montant in montants if montant is not None]
    return sum(connus, Decimal("0.00")) if connus or not montants else None
