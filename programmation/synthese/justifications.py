"""Ce que les porteurs doivent et rendent : une ligne par action, son échéance, son état, et les totaux."""

from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from politique_ville.outils.montants import total, total_lie

from ..enums import EtatJustification, StatutAction
from ..models import Action, Financement, Justification, LigneEngagement, Paiement
from .delais import PORTEUR_DOIT, Regle, avec_fin_prorogee, echeance
from .execution import avec_justifie
from .lectures import ZERO, pourcentage


@dataclass(frozen=True)
class LigneDeJustification:
    """Une action et sa justification (None : rien de saisi). `due_le` : None si le délai ou la fin est inconnu."""

    action: Action
    justification: Justification | None
    due_le: Date | None
    jour: Date

    @property
    def etat(self) -> EtatJustification:
        return EtatJustification(self.justification.etat if self.justification else EtatJustification.ATTENDUE)

    @property
    def porteur_doit(self) -> bool:
        return self.etat in PORTEUR_DOIT

    @property
    def en_retard(self) -> bool:
        """Les seules actions programmées : une action déprogrammée n'est plus attendue."""
        due = self.porteur_doit and self.action.statut == StatutAction.PROGRAMMEE
        return due and self.due_le is not None and self.due_le < self.jour

    @property
    def libelle(self) -> str:
        return "En retard" if self.en_retard else self.etat.label

    @property
    def couleur(self) -> str:
        return "error" if self.en_retard else self.etat.couleur

    @property
    def realisation(self) -> Decimal | None:
        """Bénéficiaires réalisés ÷ prévus, en %."""
        realises = self.justification.beneficiaires_realises if self.justification else None
        return pourcentage(realises, self.action.beneficiaires_prevus)


def a_justifier_ou_justifiees(actions: QuerySet[Action]) -> QuerySet[Action]:
    """Les actions programmées, et toute autre qui a une justification."""
    saisie = Justification.objects.filter(action=OuterRef("pk"))
    return actions.filter(Q(statut=StatutAction.PROGRAMMEE) | Q(Exists(saisie)))


def avec_execution(actions: QuerySet[Action]) -> QuerySet[Action]:
    """Ajoute `accorde`, `engage`, `paye` (net) et `justifie`, en euros (None : rien), et la fin prorogée."""
    return avec_justifie(avec_fin_prorogee(actions)).annotate(
        accorde=total_lie(Financement.objects.p147(), "accorde", "action"),
        engage=total_lie(LigneEngagement.objects.all(), "ae", "action"),
        paye=total_lie(Paiement.objects.all(), "cp", "ligne__action"),
    )


def ligne_de_justification(action: Action, regle: Regle, jour: Date) -> LigneDeJustification:
    """`action` est lue avec son exercice et, si elle en a une, sa justification."""
    justification = getattr(action, "justification", None)
    prorogee = justification and justification.prorogation_jusqu_au
    due_le = echeance(regle, action.exercice.departement_id, prorogee or action.date_fin)
    return LigneDeJustification(action, justification, due_le, jour)


@dataclass(frozen=True)
class TotauxDesJustifications:
    """Le nombre d'actions et, en euros : accordé, payé net, dépensé (dit par le porteur), non utilisé, justifié."""

    nombre: int
    accorde: Decimal
    paye: Decimal
    depense: Decimal
    non_utilise: Decimal
    justifie: Decimal


def totaux_des_justifications(actions: QuerySet[Action]) -> TotauxDesJustifications:
    """Quatre requêtes."""
    ids = {"action__in": actions.order_by().values("pk")}
    justifies = Justification.objects.filter(**ids).aggregate(d=total("depense"), n=total("non_utilise"))
    accorde = Financement.objects.p147().filter(**ids).aggregate(somme=total("accorde"))["somme"]
    paye = Paiement.objects.filter(ligne__action__in=ids["action__in"]).aggregate(somme=total("cp"))["somme"]
    siennes = avec_justifie(Action.objects.filter(pk__in=ids["action__in"])).order_by()
    lu = siennes.aggregate(nombre=Count("pk"), somme=total("justifie"))
    return TotauxDesJustifications(
        nombre=lu["nombre"],
        accorde=accorde or ZERO,
        paye=paye or ZERO,
        depense=justifies["d"] or ZERO,
        non_utilise=justifies["n"] or ZERO,
        justifie=lu["somme"] or ZERO,
    )
