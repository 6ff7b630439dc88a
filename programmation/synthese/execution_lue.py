"""L'exécution d'une seule action, sur les lignes que sa page a déjà lues : aucune requête (docs/calculs.md)."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from ..models import Decision, LigneEngagement, Paiement
from .execution import Execution
from .lectures import ZERO


def execution_lue(accorde: Decimal, lignes: Iterable[LigneEngagement], paiements: Iterable[Paiement]) -> Execution:
    """L'accordé (euros), l'engagé et le payé d'`execution_de` ; les autres chiffres, que la fiche tait, sont à zéro."""
    montants = [paiement.cp for paiement in paiements]
    return Execution(
        accorde=accorde,
        engage=sum((ligne.ae for ligne in lignes), ZERO),
        paye=sum((cp for cp in montants if cp > ZERO), ZERO),
        reverse=-sum((cp for cp in montants if cp < ZERO), ZERO),
    )


def reste_a_engager(decisions: Iterable[Decision], lignes: Iterable[LigneEngagement]) -> Decimal:
    """La somme des restes de `postes_a_engager`, en euros : ce que chaque enveloppe accorde, moins l'engagé."""
    accordes, engages = defaultdict(lambda: ZERO), defaultdict(lambda: ZERO)
    for decision in decisions:
        accordes[decision.enveloppe_id] += decision.montant
    for ligne in lignes:
        engages[ligne.enveloppe_id] += ligne.ae
    return sum((max(accorde - engages[cle], ZERO) for cle, accorde in accordes.items() if accorde > ZERO), ZERO)
