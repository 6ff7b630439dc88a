"""Où en est un exercice, campagne par campagne : ce qui attend encore une décision, et ce qu'il reste à attribuer."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal

from django.db.models import Count, FilteredRelation, QuerySet

from politique_ville.outils.montants import total

from ..enums import EtatComite, StatutAction
from ..models import Action, Campagne, Comite, Enveloppe
from .enveloppes import barres
from .lectures import LIGNE_P147, ZERO

# Ce que compte chaque nombre d'un avancement ; une action n'est que dans un seul.
COMPTES = {
    "brouillons": [StatutAction.BROUILLON],
    "a_decider": [StatutAction.DEPOSEE, StatutAction.INSTRUITE],
    "de_cote": [StatutAction.LISTE_ATTENTE, StatutAction.AJOURNEE],
    "programmees": [StatutAction.PROGRAMMEE],
    "sans_suite": StatutAction.sans_suite(),
}


@dataclass(frozen=True)
class Avancement:
    """Des nombres d'actions, et leurs euros P147 : demandés pour celles qui attendent, accordés pour les programmées.

    `de_cote` : en liste d'attente ou ajournées. `comites` : ceux qui ne sont pas terminés.
    """

    brouillons: int = 0
    a_decider: int = 0
    de_cote: int = 0
    programmees: int = 0
    sans_suite: int = 0
    demande: Decimal = ZERO
    accorde: Decimal = ZERO
    comites: int = 0

    def __add__(self, autre: "Avancement") -> "Avancement":
        return Avancement(*(getattr(self, champ.name) + getattr(autre, champ.name) for champ in fields(self)))

    @property
    def attendent(self) -> int:
        """Les actions déposées qui n'ont pas reçu de décision définitive."""
        return self.a_decider + self.de_cote


def avancements(actions: QuerySet[Action], campagnes: Iterable[Campagne]) -> dict[int, Avancement]:
    """L'avancement de chaque campagne, par identifiant, sur ces actions. Deux requêtes, quel que soit leur nombre."""
    ids = [campagne.pk for campagne in campagnes]
    resultats = dict.fromkeys(ids, Avancement())
    for campagne, statut, nombre, demande, accorde in sommes_par_statut(actions, ids):
        resultats[campagne] += avancement(statut, nombre, demande or ZERO, accorde or ZERO)
    en_cours = Comite.objects.filter(campagne__in=ids).exclude(etat=EtatComite.TERMINE)
    for campagne, nombre in en_cours.order_by().values_list("campagne").annotate(nombre=Count("pk")):
        resultats[campagne] += Avancement(comites=nombre)
    return resultats


def sommes_par_statut(actions, campagnes):
    """Une ligne P147 par action (contrainte de la base) : une seule jointure."""
    lues = Action.objects.filter(pk__in=actions.order_by().values("pk"), campagne__in=campagnes).order_by()
    lues = lues.annotate(lignes=FilteredRelation("financements", condition=LIGNE_P147)).values_list(
        "campagne", "statut"
    )
    return lues.annotate(nombre=Count("pk"), demande=total("lignes__demande"), accorde=total("lignes__accorde"))


def avancement(statut, nombre, demande, accorde) -> Avancement:
    [compte] = [nom for nom, statuts in COMPTES.items() if statut in statuts]
    return Avancement(
        **{compte: nombre},
        demande=demande if compte in ("a_decider", "de_cote") else ZERO,
        accorde=accorde if compte == "programmees" else ZERO,
    )


def avancement_total(siens: Iterable[Avancement]) -> Avancement:
    return sum(siens, Avancement())


def restes_des_exercices(enveloppes: QuerySet[Enveloppe]) -> dict[int, Decimal]:
    """Par exercice, ce que ses enveloppes mères permettent encore d'accorder (€, signé) ; absent s'il n'en a pas."""
    meres = list(enveloppes.filter(parent=None))
    lues, restes = barres(meres), {}
    for enveloppe in meres:
        restes[enveloppe.exercice_id] = restes.get(enveloppe.exercice_id, ZERO) + lues[enveloppe.pk].reste_a_decider
    return restes
