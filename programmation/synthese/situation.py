"""Les crédits tels qu'un comité les lit : parts des piliers et enveloppes, maintenant ou à la fin de la séance.

Tant que la séance dure, ce sont les chiffres du tableau de bord. Terminée, on relit par l'historique ce que la base
disait à cet instant : la situation d'un comité ne change plus, et dit ce que dit sa photographie.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Model, QuerySet

from politique_ville.outils.montants import vers_centimes

from ..enums import FamilleFinanceur, NatureMouvement, StatutAction
from ..models import Action, Comite, Decision, Enveloppe, Financement, MouvementEnveloppe, Pilier
from .avancement import Provisoire, provisoire
from .bases import ChoixDeBase
from .enveloppes import barres, lignee
from .lectures import ZERO, Somme, additionner
from .piliers import LignePilier, a_montrer, lignes_des_piliers, synthese_des_piliers


@dataclass(frozen=True)
class CreditsDEnveloppe:
    """Une enveloppe, en euros d'AE : reste à décider = plafond − accordé. `rang` : sa profondeur dans l'arbre."""

    enveloppe: Enveloppe
    plafond: Decimal
    accorde: Decimal
    rang: int

    @property
    def reste_a_decider(self) -> Decimal:
        return self.plafond - self.accorde

    @property
    def reste_en_centimes(self) -> int:
        """Pour le script qui suit la frappe."""
        return vers_centimes(self.reste_a_decider)


@dataclass(frozen=True)
class Situation:
    """Les parts des piliers de l'exercice (ou du contrat de la campagne) et ses enveloppes, à un instant."""

    piliers: tuple[LignePilier, ...]
    total: Somme
    provisoire: Provisoire | None
    enveloppes: tuple[CreditsDEnveloppe, ...]
    au: datetime

    def enveloppes_de(self, action: Action) -> tuple[CreditsDEnveloppe, ...]:
        """Celles qui peuvent porter cette action : l'écran d'une seule action ne montre qu'elles."""
        return tuple(credits for credits in self.enveloppes if not credits.enveloppe.pourquoi_pas(action))


def actions_du_territoire(comite: Comite, actions: QuerySet[Action] | None = None) -> QuerySet[Action]:
    """Celles de l'exercice ou, si la campagne est d'un contrat, celles de ce contrat ; parmi `actions`."""
    actions = (Action.objects.all() if actions is None else actions).filter(exercice=comite.campagne.exercice_id)
    return actions.filter(contrat=comite.campagne.contrat_id) if comite.campagne.contrat_id else actions


def situation(comite: Comite, actions: QuerySet[Action] | None = None, enveloppes: QuerySet | None = None) -> Situation:
    """Les mêmes chiffres que le tableau de bord, maintenant, ou à la fin d'un comité terminé.

    `actions`, `enveloppes` : ceux que la personne voit (par défaut, tous).
    """
    enveloppes = enveloppes_du_comite(comite, enveloppes)
    if comite.est_termine:
        return situation_au(comite, enveloppes)
    actions, choix = actions_du_territoire(comite, actions), ChoixDeBase()
    piliers = synthese_des_piliers(actions, choix)
    lues = barres(enveloppes)
    credits = [(e, lues[e.pk].plafond, lues[e.pk].accorde) for e in enveloppes]
    return Situation(
        piliers.lignes, piliers.total, provisoire(actions, choix), en_arbre(credits, enveloppes), piliers.au
    )


def enveloppes_du_comite(comite, visibles=None):
    """Celles où une action de la campagne peut être décidée, et leurs mères ; terminé, telles qu'elles étaient."""
    visibles = Enveloppe.objects.all() if visibles is None else visibles
    toutes = list(visibles.filter(exercice=comite.campagne.exercice_id).order_by("libelle", "pk"))
    if comite.est_termine:
        toutes = telles_qu_alors(toutes, comite.termine_le)
    contrat = comite.campagne.contrat_id
    meres = {e.pk: e.parent_id for e in toutes}
    concernees = [e for e in toutes if contrat is None or e.contrat_id in (None, contrat)]
    gardees = {pk for e in concernees for pk in lignee(e.pk, defaultdict(lambda: None, meres))}
    return [e for e in toutes if e.pk in gardees]


def en_arbre(credits, enveloppes):
    """Chaque mère suivie de ses filles, avec leur profondeur."""
    meres = defaultdict(lambda: None, {e.pk: e.parent_id for e in enveloppes})
    noms = {e.pk: str(e) for e in enveloppes}

    def chemin(enveloppe):
        connues = [pk for pk in lignee(enveloppe.pk, meres) if pk in noms]
        return [(noms[pk], pk) for pk in reversed(connues)]

    lignes = [CreditsDEnveloppe(e, plafond, accorde, len(chemin(e)) - 1) for e, plafond, accorde in credits]
    return tuple(sorted(lignes, key=lambda ligne: chemin(ligne.enveloppe)))


# --- Le même, à la fin d'un comité ---


def valeurs_au(modele: type[Model], champs: Sequence[str], le: datetime, **criteres) -> dict[int, dict]:
    """Les valeurs de ces champs telles qu'elles étaient à cet instant, par identifiant ; ce qui fut effacé n'y est pas.

    `criteres` : sur des champs qui ne changent pas (l'action d'une ligne), ou laissés à l'appelant.
    """
    traces = modele.history.filter(history_date__lte=le, **criteres).order_by("history_id")
    derniers = {}
    for pk, type_de_trace, *valeurs in traces.values_list("id", "history_type", *champs):
        derniers[pk] = None if type_de_trace == "-" else dict(zip(champs, valeurs, strict=True))
    return {pk: valeurs for pk, valeurs in derniers.items() if valeurs is not None}


def telles_qu_alors(enveloppes: Iterable[Enveloppe], le: datetime) -> list[Enveloppe]:
    """Ces enveloppes avec le libellé, la mère et la notification qu'elles avaient à cet instant, sans celles nées
    depuis. Une requête."""
    champs = ["libelle", "parent_id", "contrat_id", "dispositif_id", "notification_complete_le"]
    alors = valeurs_au(Enveloppe, champs, le, id__in=[e.pk for e in enveloppes])
    connues = [e for e in enveloppes if e.pk in alors]
    for enveloppe in connues:
        for champ, valeur in alors[enveloppe.pk].items():
            setattr(enveloppe, champ, valeur)
    return connues


def situation_au(comite, enveloppes):
    le, campagne, choix = comite.termine_le, comite.campagne, ChoixDeBase()
    actions = valeurs_au(Action, ["statut", "pilier_id", "contrat_id"], le, exercice=campagne.exercice_id)
    if campagne.contrat_id:
        actions = {pk: a for pk, a in actions.items() if a["contrat_id"] == campagne.contrat_id}
    programmees = {pk: a["pilier_id"] for pk, a in actions.items() if a["statut"] == StatutAction.PROGRAMMEE}
    sommes = sommes_par_pilier(programmees, le)
    somme_totale = additionner(sommes.values())
    lignes = lignes_des_piliers(a_montrer(list(Pilier.objects.all()), sommes), sommes, choix, {}, somme_totale)
    return Situation(lignes, somme_totale, None, en_arbre(credits_au(enveloppes, le), enveloppes), le)


def sommes_par_pilier(programmees, le):
    p147 = {"action__in": programmees, "famille": FamilleFinanceur.ANCT_P147}
    lignes = valeurs_au(Financement, ["action_id", "accorde"], le, **p147)
    accordes = {ligne["action_id"]: ligne["accorde"] for ligne in lignes.values()}
    sommes = defaultdict(list)
    for pk, pilier in programmees.items():
        accorde = accordes.get(pk)
        sommes[pilier].append(Somme(accorde, 1, int(accorde is None)))
    return {pilier: additionner(siennes) for pilier, siennes in sommes.items()}


def credits_au(enveloppes, le):
    """(enveloppe, plafond, accordé) à cet instant, par les règles de `barres`."""
    completes = {e.pk for e in enveloppes if e.notification_complete_le}
    mouvements = valeurs_au(MouvementEnveloppe, ["enveloppe_id", "nature", "ae"], le, enveloppe__in=enveloppes)
    plafonds = defaultdict(Decimal)
    for mouvement in mouvements.values():
        if (mouvement["nature"] == NatureMouvement.PREVISION) != (mouvement["enveloppe_id"] in completes):
            plafonds[mouvement["enveloppe_id"]] += mouvement["ae"]
    accordes = accordes_au(enveloppes, le)
    return [(e, plafonds[e.pk] + ZERO, accordes[e.pk] + ZERO) for e in enveloppes]


def accordes_au(enveloppes, le):
    exercices = {e.exercice_id for e in enveloppes}
    alors = valeurs_au(Enveloppe, ["parent_id"], le, exercice__in=exercices)
    meres = defaultdict(lambda: None, {pk: valeurs["parent_id"] for pk, valeurs in alors.items()})
    decisions = Decision.objects.filter(enveloppe__exercice__in=exercices, enregistree_le__lte=le).order_by()
    accordes = defaultdict(Decimal)
    for feuille, montant in decisions.values_list("enveloppe", "montant"):
        for pk in lignee(feuille, meres):
            accordes[pk] += montant
    return accordes
