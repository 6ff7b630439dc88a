"""Les montants changés après une décision, chacun avec son motif : ce que le préfet a lu a bougé, et on dit pourquoi.

Un vote d'un autre financeur n'en est pas un : il suit son cours. Comptent les décisions qui corrigent la première, et
les corrections, après elle, d'un montant demandé ou du coût prévisionnel.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from politique_ville.outils.montants import MontantField

from ..enums import NatureDecision
from ..models import Action, Decision, Financement, Financeur
from .lectures import ZERO

INCONNU = Value(Decimal(-1), MontantField())  # aucun montant demandé ni coût n'est négatif
QUI_CHANGENT = [NatureDecision.COMPLEMENT, NatureDecision.DIMINUTION, NatureDecision.DEPROGRAMMATION]


@dataclass(frozen=True)
class Changement:
    """Un montant changé, en euros (None : inconnu) ; pour une décision, l'accordé avant et après elle."""

    action: Action
    date: datetime
    objet: str
    avant: Decimal | None
    apres: Decimal | None
    auteur: str
    motif: str


def decisions_qui_changent(**criteres) -> QuerySet[Decision]:
    return Decision.objects.filter(nature__in=QUI_CHANGENT, **criteres)


def demandes_corrigees(**criteres) -> QuerySet:
    """Les lignes d'histoire où un montant demandé change, naît ou disparaît après la première décision de l'action."""
    return corrigees(Financement, "demande", "action_id", **criteres)


def couts_corriges(**criteres) -> QuerySet:
    return corrigees(Action, "cout_previsionnel", "id", **criteres)


def corrigees(modele, champ, action, **criteres):
    """`champ` : le montant ; `action` : l'identifiant de l'action dans l'histoire de ce modèle."""
    decidee = Decision.objects.filter(action=OuterRef(action), enregistree_le__lt=OuterRef("history_date"))
    change = ~Q(Exact(Coalesce(champ, INCONNU), Coalesce(montant_avant(modele, champ), INCONNU)))
    retiree = Q(history_type="-", **{f"{champ}__isnull": False})
    return modele.history.filter(change & ~Q(history_type="-") | retiree, Exists(decidee), **criteres).order_by()


def montant_avant(modele, champ):
    """Celui de la ligne d'histoire précédente du même objet."""
    precedentes = modele.history.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id"))
    return Subquery(precedentes.order_by("-history_id").values(champ)[:1])


def changements(actions: QuerySet[Action]) -> list[Changement]:
    """Ceux de ces actions, le plus récent d'abord. Cinq requêtes."""
    ids = actions.order_by().values("pk")
    par_id = {action.pk: action for action in actions.select_related("exercice", "contrat")}
    tous = [*des_decisions(ids, par_id), *des_demandes(ids, par_id), *des_couts(ids, par_id)]
    return sorted(tous, key=lambda c: (c.date, c.action.pk), reverse=True)


def des_decisions(ids, actions) -> Iterator[Changement]:
    changees = decisions_qui_changent(action__in=ids).order_by().values("action")
    accordes = defaultdict(lambda: ZERO)
    for d in Decision.objects.filter(action__in=changees).select_related("auteur").order_by("action_id", "pk"):
        avant = accordes[d.action_id]
        apres = accordes[d.action_id] = avant + d.montant
        if d.nature in QUI_CHANGENT:
            objet = f"Accordé P147, {d.get_nature_display().lower()}"
            yield Changement(actions[d.action_id], d.enregistree_le, objet, avant, apres, str(d.auteur), d.motif)


def des_demandes(ids, actions) -> Iterator[Changement]:
    corrigees = demandes_corrigees(action_id__in=ids).annotate(montant_avant=montant_avant(Financement, "demande"))
    lues = list(corrigees.select_related("history_user"))
    financeurs = Financeur.objects.in_bulk({ligne.financeur_id for ligne in lues})
    for ligne in lues:
        objet = f"Demandé, {financeurs.get(ligne.financeur_id, 'financeur supprimé')}"
        yield de_l_histoire(actions[ligne.action_id], ligne, objet, ligne.demande)


def des_couts(ids, actions) -> Iterator[Changement]:
    lues = couts_corriges(id__in=ids).annotate(montant_avant=montant_avant(Action, "cout_previsionnel"))
    for ligne in lues.select_related("history_user"):
        yield de_l_histoire(actions[ligne.id], ligne, "Coût prévisionnel", ligne.cout_previsionnel)


def de_l_histoire(action, ligne, objet, apres):
    """Une ligne retirée du plan n'a plus de montant."""
    retiree = ligne.history_type == "-"
    avant, apres = (apres, None) if retiree else (ligne.montant_avant, apres)
    motif, auteur = ligne.history_change_reason or "", str(ligne.history_user or "")
    return Changement(action, ligne.history_date, objet, avant, apres, auteur, motif)
