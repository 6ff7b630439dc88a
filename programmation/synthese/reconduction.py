"""L'an dernier : ce qu'une action reconduite avait demandé, reçu, dépensé et rendu, à lire en la saisissant."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet
from django.utils import timezone

from ..enums import CodeParametre, EtatJustification, StatutAction
from ..models import Action, PrevisionPluriannuelle
from .delais import Regle
from .justifications import LigneDeJustification, ligne_de_justification


@dataclass(frozen=True)
class AnDernier:
    """`action` : celle qui est reconduite, avec ses montants P147. `prevu` : ce que sa CPO prévoyait pour cette année
    (euros), ou None."""

    action: Action
    justification: LigneDeJustification
    prevu: Decimal | None

    @property
    def depense(self) -> Decimal | None:
        return self._saisie("depense")

    @property
    def non_utilise(self) -> Decimal | None:
        return self._saisie("non_utilise")

    @property
    def realises(self) -> int | None:
        return self._saisie("beneficiaires_realises")

    @property
    def est_programmee(self) -> bool:
        return self.action.statut == StatutAction.PROGRAMMEE

    @property
    def sans_bilan(self) -> bool:
        """L'action a reçu des crédits et son porteur n'en a pas encore rendu compte : un avertissement, pas plus."""
        return self.est_programmee and self.justification.etat == EtatJustification.ATTENDUE

    def _saisie(self, champ):
        justification = self.justification.justification
        return getattr(justification, champ) if justification else None


def an_dernier(action: Action, actions: QuerySet[Action]) -> AnDernier | None:
    """Ce que dit l'action précédente, si elle est parmi `actions` (celles que la personne peut lire)."""
    if not action.action_precedente_id:
        return None
    lues = actions.select_related(None).select_related("exercice", "justification").avec_montants()
    precedente = lues.filter(pk=action.action_precedente_id).first()
    return precedente and bilan_de_l_an_dernier(action, precedente, Regle(CodeParametre.DELAI_JUSTIFICATION))


def bilan_de_l_an_dernier(action: Action, precedente: Action, delai: Regle) -> AnDernier:
    """Une requête. `precedente` : lue avec exercice, justification et montants ; `delai` : la règle pour justifier."""
    prevue = PrevisionPluriannuelle.objects.filter(action=precedente, annee=action.exercice.annee).first()
    ligne = ligne_de_justification(precedente, delai, timezone.localdate())
    return AnDernier(precedente, ligne, prevue and prevue.montant)
