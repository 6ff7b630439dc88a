"""Ce qu'une enveloppe permet encore d'attribuer, en autorisations d'engagement (AE)."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q

from politique_ville.outils.montants import total

from ..enums import NatureMouvement
from ..models import Decision, Enveloppe, MouvementEnveloppe
from .lectures import ZERO


@dataclass(frozen=True)
class Barre:
    """Une enveloppe, en euros d'AE : accordé + disponible = plafond. Disponible négatif : sur-programmation."""

    previsionnel: Decimal
    notifie: Decimal
    plafond: Decimal
    accorde: Decimal

    @property
    def disponible(self) -> Decimal:
        return self.plafond - self.accorde

    @property
    def sur_programmation(self) -> Decimal:
        return max(-self.disponible, ZERO)


def barres(enveloppes: Iterable[Enveloppe]) -> dict[int, Barre]:
    """La barre de chaque enveloppe, par identifiant. Trois requêtes, quel que soit leur nombre.

    Prévisionnel = Σ des prévisions ; notifié = Σ des autres mouvements. Le plafond est le prévisionnel tant que la
    notification n'est pas déclarée complète, ensuite le notifié. L'accordé d'une enveloppe mère est celui de tous ses
    descendants : on ne décide que dans une feuille.
    """
    enveloppes = list(enveloppes)
    mouvements = sommes_des_mouvements(enveloppes)
    accordes = accordes_avec_descendants(enveloppes)
    resultat = {}
    for enveloppe in enveloppes:
        previsionnel, notifie = mouvements.get(enveloppe.pk, (ZERO, ZERO))
        plafond = notifie if enveloppe.notification_complete_le else previsionnel
        resultat[enveloppe.pk] = Barre(previsionnel, notifie, plafond, accordes[enveloppe.pk])
    return resultat


def barre(enveloppe: Enveloppe) -> Barre:
    return barres([enveloppe])[enveloppe.pk]


def plafond(enveloppe: Enveloppe) -> Decimal:
    """Ce que l'enveloppe permet d'attribuer en tout, en euros."""
    return barre(enveloppe).plafond


def disponible(enveloppe: Enveloppe) -> Decimal:
    """Ce qu'elle permet encore d'attribuer, en euros ; négatif si elle est sur-programmée."""
    return barre(enveloppe).disponible


@dataclass(frozen=True)
class Reste:
    """Ce qu'une enveloppe permet vraiment d'attribuer, en euros ; `mere` : celle qui le limite, None si c'est elle."""

    disponible: Decimal
    mere: Enveloppe | None


def disponibles_avec_meres(enveloppes: Iterable[Enveloppe]) -> dict[int, Reste]:
    """Le moindre disponible de chaque enveloppe et de ses mères, par identifiant ; à égalité, le sien."""
    enveloppes = list(enveloppes)
    exercices = {enveloppe.exercice_id for enveloppe in enveloppes}
    toutes = {enveloppe.pk: enveloppe for enveloppe in Enveloppe.objects.filter(exercice__in=exercices)}
    meres = {pk: enveloppe.parent_id for pk, enveloppe in toutes.items()}
    lues = barres(toutes.values())
    restes = {}
    for enveloppe in enveloppes:
        limite = min(lignee(enveloppe.pk, meres), key=lambda pk: lues[pk].disponible)
        restes[enveloppe.pk] = Reste(lues[limite].disponible, toutes[limite] if limite != enveloppe.pk else None)
    return restes


def sommes_des_mouvements(enveloppes) -> dict[int, tuple[Decimal, Decimal]]:
    """(prévisionnel, notifié) de chaque enveloppe qui a des mouvements."""
    prevision = Q(nature=NatureMouvement.PREVISION)
    groupes = MouvementEnveloppe.objects.filter(enveloppe__in=enveloppes).order_by().values_list("enveloppe")
    groupes = groupes.annotate(prevu=total("ae", filter=prevision), notifie=total("ae", filter=~prevision))
    return {pk: (prevu or ZERO, notifie or ZERO) for pk, prevu, notifie in groupes}


def accordes_avec_descendants(enveloppes) -> dict[int, Decimal]:
    exercices = {enveloppe.exercice_id for enveloppe in enveloppes}
    meres = dict(Enveloppe.objects.filter(exercice__in=exercices).order_by().values_list("pk", "parent"))
    decisions = Decision.objects.filter(enveloppe__exercice__in=exercices).order_by().values_list("enveloppe")
    accordes = dict.fromkeys(meres, ZERO)
    for feuille, somme in decisions.annotate(somme=total("montant")):
        for pk in lignee(feuille, meres):
            accordes[pk] += somme
    return accordes


def lignee(pk: int, meres: dict[int, int | None]) -> list[int]:
    """L'enveloppe et ses mères ; une boucle, que la saisie refuse, ne la ferait pas tourner sans fin."""
    vues = []
    while pk is not None and pk not in vues:
        vues.append(pk)
        pk = meres[pk]
    return vues
