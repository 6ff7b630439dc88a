"""Saisir les montants proposés de plusieurs actions, comme dans un tableur, sans toucher au reste de leur plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from comptes.models import Utilisateur

from .. import regles
from ..models import Action, Decision, Financement
from .comites import saisies_du_propose
from .outils import OperationRefusee, contraintes_en_francais, verrouiller_les_actions
from .saisie import enregistrer

SANS_DROIT = "Votre habilitation ne permet pas de saisir cette action."


@dataclass(frozen=True)
class MontantPropose:
    """Le proposé (euros ; None : effacé) tapé pour une action, et la version de l'action que l'on avait lue."""

    action: int
    montant: Decimal | None
    version: int


@dataclass(frozen=True)
class RefusDePropose:
    """Pourquoi un montant n'est pas écrit. `conflit` : l'action a changé depuis qu'elle a été lue ; le proposé de la
    base et sa version disent où elle en est."""

    phrase: str
    action: Action
    actuel: Decimal | None = None
    conflit: bool = False


class ProposesRefuses(OperationRefusee):
    """Rien du bloc n'est écrit. `refus` : par identifiant d'action, ce qui l'empêche."""

    def __init__(self, refus: dict[int, RefusDePropose]):
        self.refus = refus
        super().__init__([f"« {r.action} » : {r.phrase}" for r in refus.values()])


def proposer(montants: Sequence[MontantPropose], *, par: Utilisateur) -> dict[int, int]:
    """Écrit ces montants sur les lignes P147, tous ou aucun ; rend la version de chaque action.

    Un montant que la base a déjà n'écrit rien : le même envoi, reçu deux fois, ne gêne pas. Lève ProposesRefuses.
    """
    with contraintes_en_francais(), transaction.atomic():
        actions = verrouiller_les_actions([montant.action for montant in montants])
        actuels = proposes_des_actions(actions)
        changes = [m for m in montants if m.montant != actuels.get(m.action)]
        decidees = set(Decision.objects.filter(action__in=actions).order_by().values_list("action", flat=True))
        refus = {m.action: refus_du_montant(m, actions[m.action], actuels, decidees, par) for m in changes}
        refus = {pk: pourquoi for pk, pourquoi in refus.items() if pourquoi}
        if refus:
            raise ProposesRefuses(refus)
        ecrites = enregistrer(saisies_du_propose({actions[m.action]: m.montant for m in changes}), par=par)
    return {pk: action.version for pk, action in (actions | {a.pk: a for a in ecrites}).items()}


def proposes_des_actions(actions) -> dict[int, Decimal | None]:
    """Le proposé P147 de chaque action qui a cette ligne."""
    lignes = Financement.objects.p147().filter(action__in=actions).order_by()
    return dict(lignes.values_list("action", "propose"))


def refus_du_montant(saisi, action, actuels, decidees, par) -> RefusDePropose | None:
    actuel = actuels.get(action.pk)
    if not regles.peut_gerer(par, action):
        return RefusDePropose(SANS_DROIT, action, actuel)
    empechement = regles.empechement_de_proposer_dans_la_liste(action, action.pk in decidees)
    if empechement:
        return RefusDePropose(empechement, action, actuel)
    if saisi.montant is not None and saisi.montant < 0:
        return RefusDePropose("Un montant ne peut pas être négatif.", action, actuel)
    if saisi.version != action.version:
        return RefusDePropose("L’action a changé depuis que vous l’avez lue.", action, actuel, conflit=True)
    return None
