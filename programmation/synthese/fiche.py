"""Ce que la fiche d'une action dit des lignes qu'elle a lues : les chiffres des listes, sans refaire leurs requêtes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.db.models import QuerySet

from ..enums import NatureDecision
from ..models import Action, Decision, Financement, LigneEngagement, Paiement
from .actes import decisions_a_porter
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


def attend_un_acte(decisions: Sequence[Decision]) -> bool:
    """L'action de ces décisions, toutes les siennes, est-elle parmi celles d'`a_etablir` ? Une requête."""
    montants = {d.pk: d.montant for d in decisions if d.nature not in NatureDecision.sans_montant()}
    a_porter = decisions_a_porter().filter(pk__in=list(montants)).order_by().values_list("pk", flat=True)
    restent = [montants[pk] for pk in a_porter]
    deja_porte = len(restent) < len(montants)
    return sum(restent) > ZERO or bool(restent) and deja_porte


def lire_le_p147(actions: Sequence[Action], lignes: QuerySet[Financement]) -> None:
    """Donne à ces actions les montants P147 d'`avec_montants`, en une requête, ou aucune s'il n'y a pas d'action."""
    lues = {ligne.action_id: ligne for ligne in lignes.p147().filter(action__in=actions)}
    for action in actions:
        for nom in ("demande", "propose", "accorde"):
            setattr(action, f"p147_{nom}", getattr(lues.get(action.pk), nom, None))
