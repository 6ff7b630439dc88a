"""Ce que des actes portent, ce qu'il en reste à établir, et la nature que la loi demande (docs/calculs.md)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery

from politique_ville.outils.montants import total, total_lie

from .. import regles
from ..enums import CodeParametre, Duree, EtatActe, NatureActe, NatureDecision
from ..models import Acte, Action, Decision, Exercice, Financement, Organisme
from .delais import Regle
from .echeances import seuil_de_la_convention
from .execution import accordes_dans_l_annee

ZERO = Decimal("0.00")


# --- Ce que les actes portent ---


def avec_montant(actes: QuerySet[Acte]) -> QuerySet[Acte]:
    """Ajoute `montant` : la somme (euros) des décisions que chaque acte porte."""
    return actes.annotate(montant=total_lie(Acte.decisions.through.objects.all(), "decision__montant", "acte"))


@dataclass(frozen=True)
class TotauxDesActes:
    """Le nombre d'actes, et la somme de leurs décisions en euros, chacune comptée une fois."""

    nombre: int
    montant: Decimal
    par_etat: dict[str, int]


def totaux_des_actes(actes: QuerySet[Acte]) -> TotauxDesActes:
    """Cinq requêtes. Un avenant reprend les décisions de l'acte qu'il remplace : elles ne comptent pas deux fois."""
    portees = Acte.decisions.through.objects.filter(acte__in=actes.order_by().values("pk")).values("decision")
    montant = Decision.objects.filter(pk__in=portees).aggregate(somme=total("montant"))["somme"]
    par_etat = nombres_par_etat(actes)
    return TotauxDesActes(sum(par_etat.values()), montant or ZERO, par_etat)


def nombres_par_etat(actes: QuerySet[Acte]) -> dict[str, int]:
    return {etat.value: actes.order_by().a_l_etat(etat).aggregate(nombre=Count("pk"))["nombre"] for etat in EtatActe}


def versions(acte: Acte) -> list[Acte]:
    """L'acte et ceux qu'il remplace ou qui le remplacent, du premier au dernier. Une requête par version."""
    avant, apres = [], []
    courant = acte
    while courant.remplace_id:
        courant = courant.remplace
        avant.insert(0, courant)
    courant = acte
    while courant.suivant:
        courant = courant.suivant
        apres.append(courant)
    return [*avant, acte, *apres]


# --- Ce qui reste à établir ---


def decisions_a_porter() -> QuerySet[Decision]:
    """Celles qui attribuent, modifient ou retirent des crédits, et qu'aucun acte en vigueur ne porte."""
    portees = Acte.decisions.through.objects.filter(acte__in=Acte.objects.en_vigueur().order_by().values("pk"))
    return Decision.objects.exclude(nature__in=NatureDecision.sans_montant()).exclude(pk__in=portees.values("decision"))


def a_etablir(actions: QuerySet[Action]) -> QuerySet[Action]:
    """Les actions dont une décision attend son acte : ce qui n'est pas porté attribue, ou change ce qui l'est.

    Ajoute `a_porter` (euros, signé) et `decidee_le`, la date de la dernière de ces décisions.
    """
    porte = Acte.decisions.through.objects.filter(
        decision__action=OuterRef("pk"), acte__in=Acte.objects.en_vigueur().order_by().values("pk")
    )
    siennes = decisions_a_porter().filter(action=OuterRef("pk")).order_by().values("action")
    decidees = actions.annotate(
        a_porter=total_lie(decisions_a_porter(), "montant", "action"),
        decidee_le=Subquery(siennes.annotate(le=Max("date")).values("le")),
    )
    return decidees.filter(Q(a_porter__gt=0) | Q(Exists(porte), a_porter__isnull=False))


def decisions_de(organisme: Organisme, exercice: Exercice, actions: QuerySet[Action]) -> QuerySet[Decision]:
    """Les décisions à porter d'un organisme, absorbés compris, dans un exercice, parmi ces actions."""
    siennes = actions.filter(exercice=exercice).filter(
        Q(porteur=organisme.courant) | Q(porteur__fusionne_dans=organisme.courant)
    )
    return decisions_a_porter().filter(action__in=siennes.order_by().values("pk")).order_by("action_id", "date", "pk")


# --- Le seuil de la convention ---


@dataclass(frozen=True)
class NatureProposee:
    """L'acte que l'on propose, et pourquoi. `obligees` : les actions que la loi oblige à conventionner ; `cumul` :
    l'accordé de l'année à l'organisme, s'il dépasse seul le seuil (à confirmer). En euros ; None : sans objet."""

    nature: NatureActe
    seuil: Decimal | None
    obligees: tuple[Action, ...]
    cumul: Decimal | None


def proposer_une_nature(actions: Sequence[Action]) -> NatureProposee:
    """Pour des actions d'un même organisme et d'un même exercice."""
    return proposer_des_natures([actions])[0]


def proposer_des_natures(groupes: Sequence[Sequence[Action]]) -> list[NatureProposee]:
    """Une par groupe d'actions d'un même organisme et d'un même exercice. Deux requêtes, et une par exercice."""
    toutes = [action for groupe in groupes for action in groupe]
    regle = Regle(CodeParametre.SEUIL_CONVENTION)
    obligees = {action.pk for action in actions_a_conventionner(toutes, regle)}
    cumuls = cumuls_par_exercice(toutes)
    return [proposer(groupe, regle, obligees, cumuls) for groupe in groupes]


def cumuls_par_exercice(actions):
    """Par (exercice, organisme), l'accordé de l'année, en euros. Une requête par exercice."""
    organismes = {}
    for action in actions:
        organismes.setdefault(action.exercice, set()).add(action.porteur.courant)
    return {
        (exercice.pk, organisme): somme
        for exercice, siens in organismes.items()
        for organisme, somme in accordes_dans_l_annee(siens, exercice.annee, exercice.departement_id).items()
    }


def proposer(actions, regle, obligees, cumuls):
    premiere = actions[0]
    organisme = premiere.porteur.courant
    seuil = seuil_de_la_convention(regle, premiere)
    siennes = tuple(action for action in actions if action.pk in obligees)
    cumul = cumuls.get((premiere.exercice_id, organisme.pk))
    ensemble = regles.convention_obligatoire(organisme, cumul, seuil)
    if any(action.duree == Duree.CPO for action in actions):
        nature = NatureActe.CPO
    else:
        nature = NatureActe.CONVENTION if siennes or ensemble else NatureActe.ARRETE
    return NatureProposee(nature, seuil, siennes, cumul if ensemble and not siennes else None)


def actions_a_conventionner(actions: Iterable[Action], regle: Regle | None = None) -> list[Action]:
    """Celles dont l'accordé dépasse seul le seuil, pour un organisme de droit privé. Une requête et une règle."""
    actions = list(actions)
    regle = regle or Regle(CodeParametre.SEUIL_CONVENTION)
    accordes = dict(Financement.objects.p147().filter(action__in=actions).values_list("action", "accorde"))
    return [
        action
        for action in actions
        if regles.convention_obligatoire(action.porteur, accordes.get(action.pk), seuil_de_la_convention(regle, action))
    ]
