"""Une enveloppe en autorisations d'engagement (AE) : ce qu'elle porte, ce qu'elle permet encore (voir docs/calculs.md).

Deux restes à ne pas confondre. Le **reste à décider** (plafond − accordé) dit si une décision passe. Le **disponible**
(reste à décider − proposé non décidé) est le dernier segment de la barre : ce que personne n'a encore promis.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from politique_ville.outils.montants import MontantField, total, total_lie

from ..enums import NatureMouvement, StatutAction
from ..models import Decision, Enveloppe, Exercice, Financement, LigneEngagement, Paiement
from .lectures import ZERO, Lecture, lire_ensemble

SANS_ENVELOPPE = "sans"  # au lieu d'identifiants : ce qu'aucune enveloppe ne porte
TOUTES_LES_ENVELOPPES = "toutes"  # au lieu d'identifiants : ce que porte une enveloppe, ou aucune


class Part(models.TextChoices):
    """Les segments de la barre, dans leur ordre ; la valeur est celle du paramètre `reste` de la liste des actions."""

    PAYE = "paye", "Payé"
    ENGAGE = "engage", "Engagé non payé"
    ACCORDE = "accorde", "Accordé non engagé"
    PROPOSE = "propose", "Proposé non décidé"
    DISPONIBLE = "disponible", "Disponible"

    @classmethod
    def des_actions(cls):
        """Celles qui sont la somme d'une liste d'actions ; le disponible est ce que le plafond laisse."""
        return [part for part in cls if part != cls.DISPONIBLE]


@dataclass(frozen=True)
class Credits:
    """Des autorisations d'engagement et des crédits de paiement, en euros."""

    ae: Decimal = ZERO
    cp: Decimal = ZERO

    def __add__(self, autres: "Credits") -> "Credits":
        return Credits(self.ae + autres.ae, self.cp + autres.cp)

    def __sub__(self, autres: "Credits") -> "Credits":
        return Credits(self.ae - autres.ae, self.cp - autres.cp)


@dataclass(frozen=True)
class Dotation:
    """Ce qu'une enveloppe a reçu : Σ des prévisions, Σ des autres mouvements ; ce dernier borne une fois complet."""

    previsionnel: Credits = Credits()
    notifie: Credits = Credits()
    est_notifiee: bool = False

    @property
    def credits(self) -> Credits:
        """Ceux qui bornent : le prévisionnel tant que la notification n'est pas déclarée complète, puis le notifié."""
        return self.notifie if self.est_notifiee else self.previsionnel

    @property
    def plafond(self) -> Decimal:
        return self.credits.ae


@dataclass(frozen=True)
class Barre(Dotation):
    """Une enveloppe, en euros ; celle d'une mère compte ce que portent tous ses descendants.

    Les cinq `segments` sont disjoints et font toujours le plafond. L'un peut être négatif : un engagé au-delà de
    l'accordé, une sur-programmation. `a_desengager` : ce qui est engagé au-delà de l'accordé, action par action.
    `reparti` : les plafonds des sous-enveloppes ; None pour une feuille.
    """

    accorde: Decimal = ZERO
    engage: Decimal = ZERO
    paye: Decimal = ZERO
    propose: Decimal = ZERO
    a_desengager: Decimal = ZERO
    reparti: Credits | None = None

    @property
    def reste_a_decider(self) -> Decimal:
        """Ce qu'une décision peut encore accorder ; négatif si l'enveloppe est sur-programmée."""
        return self.plafond - self.accorde

    @property
    def disponible(self) -> Decimal:
        return self.reste_a_decider - self.propose

    @property
    def sur_programmation(self) -> Decimal:
        return max(-self.reste_a_decider, ZERO)

    @property
    def restant_a_engager(self) -> Decimal:
        """Ce que la notification permet encore d'engager."""
        return self.notifie.ae - self.engage

    @property
    def non_reparti(self) -> Credits | None:
        """Ce qu'une mère n'a pas donné à ses sous-enveloppes ; négatif si un gel l'a ramenée sous leurs plafonds."""
        return None if self.reparti is None else self.credits - self.reparti

    @property
    def segments(self) -> dict[Part, Decimal]:
        return {
            Part.PAYE: self.paye,
            Part.ENGAGE: self.engage - self.paye,
            Part.ACCORDE: self.accorde - self.engage,
            Part.PROPOSE: self.propose,
            Part.DISPONIBLE: self.disponible,
        }


def barres(enveloppes: Iterable[Enveloppe]) -> dict[int, Barre]:
    """La barre de chaque enveloppe, par identifiant. Deux requêtes, quel que soit leur nombre."""
    enveloppes = list(enveloppes)
    return barres_dans(lire_l_arbre(enveloppes), enveloppes)


def barres_dans(arbre, enveloppes) -> dict[int, Barre]:
    portes = lire_ce_qu_elles_portent(arbre)
    return {
        e.pk: Barre(
            **vars(arbre.dotations[e.pk]),
            **{nom: sommes[e.pk] for nom, sommes in portes.items()},
            reparti=arbre.repartir(e.pk),
        )
        for e in enveloppes
    }


def barre(enveloppe: Enveloppe) -> Barre:
    return barres([enveloppe])[enveloppe.pk]


@dataclass(frozen=True)
class LigneEnveloppe:
    """Une enveloppe dans son arbre, et sa barre ; `niveau` : 0 si sa mère n'est pas montrée."""

    enveloppe: Enveloppe
    niveau: int
    barre: Barre


def arbre_des_enveloppes(enveloppes: Iterable[Enveloppe]) -> list[LigneEnveloppe]:
    """Ces enveloppes avec leurs barres, chaque mère suivie de ses filles, dans l'ordre reçu."""
    enveloppes = list(enveloppes)
    return ranger(enveloppes, barres(enveloppes))


def arbre_de_l_exercice(exercice: Exercice, visibles: QuerySet[Enveloppe]) -> list[LigneEnveloppe]:
    """Les visibles de l'exercice, par leur libellé. Deux requêtes : les autres, qui comptent, se lisent avec elles."""
    toutes = avec_recus(Enveloppe.objects.filter(exercice=exercice)).select_related("contrat", "dispositif")
    toutes = toutes.annotate(est_visible=Exists(visibles.filter(pk=OuterRef("pk")))).order_by("libelle", "pk")
    montrees = [enveloppe for enveloppe in toutes if enveloppe.est_visible]
    return ranger(montrees, barres_dans(arbre_de(toutes), montrees))


def ranger(enveloppes, lues) -> list[LigneEnveloppe]:
    montrees, filles = {enveloppe.pk for enveloppe in enveloppes}, defaultdict(list)
    for enveloppe in enveloppes:
        filles[enveloppe.parent_id if enveloppe.parent_id in montrees else None].append(enveloppe)

    def descendre(mere, niveau):
        for enveloppe in filles[mere]:
            yield LigneEnveloppe(enveloppe, niveau, lues[enveloppe.pk])
            yield from descendre(enveloppe.pk, niveau + 1)

    return list(descendre(None, 0))


# --- Les restes qui bornent une décision ou un engagement ---


@dataclass(frozen=True)
class Reste:
    """Ce qu'une enveloppe permet vraiment, en euros ; `mere` : celle qui le limite, None si c'est elle-même."""

    montant: Decimal
    mere: Enveloppe | None = None


def restes_a_decider(enveloppes: Iterable[Enveloppe]) -> dict[int, Decimal]:
    """Plafond − accordé de chaque enveloppe, par identifiant, sans regarder sa mère. Deux requêtes."""
    enveloppes = list(enveloppes)
    arbre = lire_l_arbre(enveloppes)
    accordes = arbre.cumuler(lire(arbre, Decision.objects, "montant"))
    return {e.pk: arbre.dotations[e.pk].plafond - accordes[e.pk] for e in enveloppes}


def restes_avec_meres(enveloppes: Iterable[Enveloppe]) -> dict[int, Reste]:
    """Le moindre reste à décider de chaque enveloppe et de ses mères, par identifiant ; à égalité, le sien."""
    return moindres_restes(enveloppes, restes_a_decider)


def reste_a_decider(enveloppe: Enveloppe) -> Decimal:
    """Plafond − accordé de cette seule enveloppe, en euros ; négatif si elle est sur-programmée."""
    return restes_a_decider([enveloppe])[enveloppe.pk]


def notifies_restants_a_engager(enveloppes: Iterable[Enveloppe]) -> dict[int, Reste]:
    """Le moindre notifié non engagé (AE, signé) de chaque enveloppe et de ses mères : engager s'y contrôle."""
    return moindres_restes(enveloppes, restes_a_engager)


def restes_a_engager(enveloppes):
    enveloppes = list(enveloppes)
    arbre = lire_l_arbre(enveloppes)
    engages = arbre.cumuler(lire(arbre, LigneEngagement.objects, "ae"))
    return {e.pk: arbre.dotations[e.pk].notifie.ae - engages[e.pk] for e in enveloppes}


def moindres_restes(enveloppes, lire_les_restes) -> dict[int, Reste]:
    enveloppes = list(enveloppes)
    exercices = {enveloppe.exercice_id for enveloppe in enveloppes}
    toutes = {enveloppe.pk: enveloppe for enveloppe in Enveloppe.objects.filter(exercice__in=exercices)}
    meres = {pk: enveloppe.parent_id for pk, enveloppe in toutes.items()}
    restes = lire_les_restes(toutes.values())
    moindres = {}
    for enveloppe in enveloppes:
        limite = min(lignee(enveloppe.pk, meres), key=lambda pk: restes[pk])
        moindres[enveloppe.pk] = Reste(restes[limite], toutes[limite] if limite != enveloppe.pk else None)
    return moindres


def dotations(enveloppes: Iterable[Enveloppe]) -> dict[int, Dotation]:
    """Prévisionnel, notifié et crédits en vigueur (AE et CP) de chaque enveloppe, par identifiant. Une requête."""
    enveloppes = list(enveloppes)
    arbre = lire_l_arbre(enveloppes)
    return {enveloppe.pk: arbre.dotations[enveloppe.pk] for enveloppe in enveloppes}


def plafond(enveloppe: Enveloppe) -> Decimal:
    """Ce que l'enveloppe permet d'attribuer en tout, en euros d'AE."""
    return dotations([enveloppe])[enveloppe.pk].plafond


# --- Ce que les actions y portent ---


def dans_les_enveloppes(chemin: str, enveloppes: Collection[int] | str) -> Q:
    """La condition « portée par ces enveloppes », par le chemin qui mène d'un modèle à son enveloppe."""
    if enveloppes == TOUTES_LES_ENVELOPPES:
        return Q()
    return Q(**{chemin: None}) if enveloppes == SANS_ENVELOPPE else Q(**{f"{chemin}__in": enveloppes})


def montant_de_la_part(part: Part, enveloppes: Collection[int] | str):
    """Ce qu'une action met dans ce segment : une expression pour annoter des actions ; sa somme est le segment.

    `enveloppes` : des identifiants, SANS_ENVELOPPE ou TOUTES_LES_ENVELOPPES.
    """
    if part == Part.PROPOSE:
        return somme_liee(propositions(enveloppes), "propose", "action")
    payes = Paiement.objects.filter(dans_les_enveloppes("ligne__enveloppe", enveloppes))
    engages = LigneEngagement.objects.filter(dans_les_enveloppes("enveloppe", enveloppes))
    accordes = Decision.objects.filter(dans_les_enveloppes("enveloppe", enveloppes))
    paye = somme_liee(payes, "cp", "ligne__action")
    engage = somme_liee(engages, "ae", "action")
    accorde = somme_liee(accordes, "montant", "action")
    return {Part.PAYE: paye, Part.ENGAGE: engage - paye, Part.ACCORDE: accorde - engage}[part]


def somme_liee(lignes, champ, lien):
    return Coalesce(total_lie(lignes, champ, lien), Value(ZERO, output_field=MontantField()))


def propositions(enveloppes: Collection[int] | str) -> QuerySet[Financement]:
    """Les lignes P147 dont le proposé attend une décision, par l'enveloppe de leur action."""
    a_decider = Financement.objects.p147().filter(action__statut__in=StatutAction.a_decider(), propose__isnull=False)
    return a_decider.filter(dans_les_enveloppes("action__enveloppe", enveloppes))


def famille(enveloppe: Enveloppe) -> list[int]:
    """Les identifiants de l'enveloppe et de toutes ses sous-enveloppes. Une requête."""
    siennes = Enveloppe.objects.filter(exercice=enveloppe.exercice_id)
    return descendance(enveloppe.pk, dict(siennes.order_by().values_list("pk", "parent")))


def attributions_recentes(decisions: QuerySet[Decision], montant: Decimal) -> list[Decision]:
    """Les attributions et compléments les plus récents, jusqu'à couvrir ce montant (euros)."""
    recentes, couvert = [], ZERO
    for decision in decisions.filter(montant__gt=0).order_by("-date", "-pk"):
        if couvert >= montant:
            break
        recentes.append(decision)
        couvert += decision.montant
    return recentes


def hors_des_enveloppes(exercices: Collection[Exercice]) -> dict[Part, Decimal]:
    """Par segment, ce que les actions de ces exercices mettent hors de toute enveloppe, s'il y en a. Quatre requêtes.

    Ni l'un ni l'autre n'entre dans une barre : c'est à rattacher.
    """
    sans = {nom: dans_les_enveloppes(nom, SANS_ENVELOPPE) for nom in ("enveloppe", "ligne__enveloppe")}
    siens = {"action__exercice__in": exercices}
    paye = somme(Paiement.objects.filter(sans["ligne__enveloppe"], ligne__action__exercice__in=exercices), "cp")
    engage = somme(LigneEngagement.objects.filter(sans["enveloppe"], **siens), "ae")
    accorde = somme(Decision.objects.filter(sans["enveloppe"], **siens), "montant")
    propose = somme(propositions(SANS_ENVELOPPE).filter(**siens), "propose")
    parts = zip(Part.des_actions(), (paye, engage - paye, accorde - engage, propose), strict=True)
    return {part: montant for part, montant in parts if montant}


def somme(lignes, champ) -> Decimal:
    return lignes.aggregate(somme=total(champ))["somme"] or ZERO


# --- L'arbre ---


@dataclass(frozen=True)
class Arbre:
    """Toutes les enveloppes des exercices lus : leur mère (None : aucune), et ce qu'elles ont reçu."""

    exercices: set[int]
    meres: dict[int, int | None]
    dotations: dict[int, Dotation]

    def cumuler(self, montants: dict[int, Decimal]) -> dict[int, Decimal]:
        """Les montants de chaque enveloppe, ajoutés à elle et à toutes ses mères."""
        sommes = dict.fromkeys(self.meres, ZERO)
        for pk, montant in montants.items():
            for ascendante in lignee(pk, self.meres):
                sommes[ascendante] += montant
        return sommes

    def repartir(self, pk: int) -> Credits | None:
        """Les crédits en vigueur de ses filles ; None si elle n'en a pas."""
        filles = [fille for fille, mere in self.meres.items() if mere == pk]
        return sum((self.dotations[fille].credits for fille in filles), Credits()) if filles else None


def lire_l_arbre(enveloppes) -> Arbre:
    """Celui des exercices de ces enveloppes. Une requête."""
    exercices = {enveloppe.exercice_id for enveloppe in enveloppes}
    return arbre_de(avec_recus(Enveloppe.objects.filter(exercice__in=exercices).order_by()))


def arbre_de(enveloppes) -> Arbre:
    """`enveloppes` : toutes celles de leurs exercices, avec ce qu'elles ont reçu."""
    return Arbre(
        exercices={e.exercice_id for e in enveloppes},
        meres={e.pk: e.parent_id for e in enveloppes},
        dotations={e.pk: dotation(e) for e in enveloppes},
    )


def avec_recus(enveloppes: QuerySet[Enveloppe]) -> QuerySet[Enveloppe]:
    """Leurs mouvements additionnés, la seule jointure multiple : `prevu_ae`, `prevu_cp`, `recu_ae`, `recu_cp`."""
    prevision = Q(mouvements__nature=NatureMouvement.PREVISION)
    return enveloppes.annotate(
        prevu_ae=total("mouvements__ae", filter=prevision),
        prevu_cp=total("mouvements__cp", filter=prevision),
        recu_ae=total("mouvements__ae", filter=~prevision),
        recu_cp=total("mouvements__cp", filter=~prevision),
    )


def dotation(enveloppe) -> Dotation:
    return Dotation(
        previsionnel=Credits(enveloppe.prevu_ae or ZERO, enveloppe.prevu_cp or ZERO),
        notifie=Credits(enveloppe.recu_ae or ZERO, enveloppe.recu_cp or ZERO),
        est_notifiee=enveloppe.notification_complete_le is not None,
    )


PORTES = ("accorde", "engage", "paye", "propose", "a_desengager")


def lire_ce_qu_elles_portent(arbre) -> dict[str, dict[int, Decimal]]:
    """Ce que les actions mettent dans chaque enveloppe et ses descendantes, par nom de `PORTES`. Une requête."""
    sommes = {nom: dict.fromkeys(arbre.meres, ZERO) for nom in PORTES}
    for (enveloppe, _), lus in lire_par_action(arbre).items():
        lus["a_desengager"] = max(lus.get("engage", ZERO) - lus.get("accorde", ZERO), ZERO)
        for nom, montant in lus.items():
            sommes[nom][enveloppe] += montant
    return {nom: arbre.cumuler(propres) for nom, propres in sommes.items()}


def lire_par_action(arbre):
    """L'accordé, l'engagé, le payé net et le proposé par (enveloppe, action)."""
    proposees = propositions(TOUTES_LES_ENVELOPPES)
    return lire_ensemble(
        Lecture(siennes(arbre, Decision.objects), ["enveloppe", "action"], {"accorde": total("montant")}),
        Lecture(siennes(arbre, LigneEngagement.objects), ["enveloppe", "action"], {"engage": total("ae")}),
        Lecture(
            siennes(arbre, Paiement.objects, "ligne__"), ["ligne__enveloppe", "ligne__action"], {"paye": total("cp")}
        ),
        Lecture(siennes(arbre, proposees, "action__"), ["action__enveloppe", "action"], {"propose": total("propose")}),
    )


def siennes(arbre, lignes, chemin="") -> QuerySet:
    """Celles de ces lignes que portent les enveloppes de l'arbre."""
    return lignes.filter(**{f"{chemin}enveloppe__exercice__in": arbre.exercices})


def lire(arbre, lignes, champ) -> dict[int, Decimal]:
    """La somme d'un champ par enveloppe. Une requête."""
    return dict(siennes(arbre, lignes).order_by().values_list("enveloppe").annotate(somme=total(champ)))


def lignee(pk: int, meres: dict[int, int | None]) -> list[int]:
    """L'enveloppe et ses mères ; une boucle, que la saisie refuse, ne la ferait pas tourner sans fin."""
    vues = []
    while pk is not None and pk not in vues:
        vues.append(pk)
        pk = meres[pk]
    return vues


def descendance(pk: int, meres: dict[int, int | None]) -> list[int]:
    """L'enveloppe et toutes ses sous-enveloppes."""
    return [fille for fille in meres if pk in lignee(fille, meres)]
