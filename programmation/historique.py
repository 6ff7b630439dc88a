"""L'histoire d'un objet : qui a changé quoi, quand et pourquoi, dans ses champs et dans les lignes qui en dépendent.

Tout est lu en une requête par sorte de ligne, plus une par sorte d'objet cité (un contrat, un porteur), jamais une par
ligne. Celle d'une action : ses champs, son plan, ses lieux.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db import models
from django.utils.formats import date_format

from politique_ville.outils.francais import INCONNU, euros
from politique_ville.outils.montants import MontantField

from .models import Action, Financement, Localisation

LIMITE = 100  # lignes d'histoire lues par sorte d'objet, les plus récentes
MEME_GESTE = timedelta(seconds=5)  # un geste écrit plusieurs tables à quelques millisecondes d'écart
TECHNIQUES = {"id", "cle", "version", "recherche", "cree_le", "modifie_le", "action", "famille", "poste", "convention"}
TECHNIQUES |= {"cumul_avant", "cumul_apres", "cumul_total"}
VERBES = {"+": "ajouté", "-": "retiré"}


@dataclass(frozen=True)
class Suivi:
    """Une sorte de lignes à lire : leur modèle, et `criteres`, qui dit lesquelles.

    `principal` : l'objet lui-même, et le mot qui dit sa création (« créée ») ; `sujet` : le champ qui nomme une ligne
    liée (son financeur) ; sans l'un ni l'autre, une ligne se nomme comme son modèle l'écrit.
    """

    modele: type[models.Model]
    criteres: dict[str, Any]
    sujet: str = ""
    principal: str = ""
    feminin: bool = False  # « convention ajoutée »

    @property
    def champ_du_sujet(self):
        return self.modele._meta.get_field(self.sujet)


@dataclass(frozen=True)
class Changement:
    """Ce qui a changé, en mots : « Demandé (Ville de Caen) : 1 000,00 € → 1 200,00 € »."""

    sujet: str
    avant: str
    apres: str


@dataclass
class Evenement:
    """Un geste : tous les changements écrits ensemble par la même personne, pour le même motif."""

    date: datetime
    auteur: str
    motif: str
    changements: list[Changement] = field(default_factory=list)

    def prolonge(self, date, auteur, motif):
        return (self.auteur, self.motif) == (auteur, motif) and abs(self.date - date) < MEME_GESTE


def historique(action: Action) -> list[Evenement]:
    """Les gestes sur cette action, le plus récent d'abord."""
    return lire_les_gestes(
        [
            Suivi(Action, {"id": action.pk}, principal="créée"),
            Suivi(Financement, {"action_id": action.pk}, sujet="financeur"),
            Suivi(Localisation, {"action_id": action.pk}, sujet="quartier"),
        ]
    )


def lire_les_gestes(suivis: Iterable[Suivi]) -> list[Evenement]:
    """Les gestes qui ont touché ces lignes, le plus récent d'abord."""
    lignes = [ligne for suivi in suivis for ligne in lire_le_suivi(suivi)]
    noms = Noms(lignes)
    evenements = []
    for ligne in sorted(lignes, key=lambda ligne: ligne.date, reverse=True):
        if not evenements or not evenements[-1].prolonge(ligne.date, ligne.auteur, ligne.motif):
            evenements.append(Evenement(ligne.date, ligne.auteur, ligne.motif))
        evenements[-1].changements.extend(ligne.changements(noms))
    return evenements


@dataclass(frozen=True)
class Ligne:
    """Une ligne d'histoire et celle qui la précède pour le même objet (None : sa création, ou trop ancienne)."""

    suivi: Suivi
    actuelle: Any
    precedente: Any

    @property
    def modele(self):
        return self.suivi.modele

    @property
    def date(self):
        return self.actuelle.history_date

    @property
    def auteur(self):
        return str(self.actuelle.history_user or "")

    @property
    def motif(self):
        return self.actuelle.history_change_reason or ""

    @property
    def modifies(self):
        """Les champs qui diffèrent de la ligne précédente."""
        if self.precedente is None or self.actuelle.history_type != "~":
            return []
        return [c for c in champs_suivis(self.modele) if self.avant(c) != self.apres(c)]

    def avant(self, champ):
        return getattr(self.precedente, champ.attname)

    def apres(self, champ):
        return getattr(self.actuelle, champ.attname)

    def objets_cites(self):
        """(modèle, identifiant) de ce qu'il faut nommer."""
        for champ in self.modifies:
            if champ.is_relation:
                yield champ.related_model, self.avant(champ)
                yield champ.related_model, self.apres(champ)
        if self.suivi.sujet:
            yield self.suivi.champ_du_sujet.related_model, self.apres(self.suivi.champ_du_sujet)

    def nom(self, noms):
        """Ce qui distingue une ligne liée ; vide pour l'objet principal."""
        if self.suivi.principal:
            return ""
        return noms.dire(self.suivi.champ_du_sujet, self.actuelle) if self.suivi.sujet else str(self.actuelle.instance)

    def changements(self, noms):
        de_quoi, nature = self.nom(noms), self.actuelle.history_type
        if nature in VERBES and self.suivi.principal:
            return [Changement(majuscule(self.modele._meta.verbose_name), "", self.suivi.principal)]
        if nature in VERBES:
            return [Changement(majuscule(de_quoi), "", VERBES[nature] + "e" * self.suivi.feminin)]
        suffixe = f" ({de_quoi})" if de_quoi else ""
        return [
            Changement(
                f"{majuscule(champ.verbose_name)}{suffixe}",
                noms.dire(champ, self.precedente),
                noms.dire(champ, self.actuelle),
            )
            for champ in self.modifies
        ]


class Noms:
    """Les objets que l'histoire cite, lus d'un coup par modèle."""

    def __init__(self, lignes):
        cites = defaultdict(set)
        for ligne in lignes:
            for modele, identifiant in ligne.objets_cites():
                cites[modele].add(identifiant)
        self.objets = {modele: modele._default_manager.in_bulk(ids - {None}) for modele, ids in cites.items()}

    def dire(self, champ, ligne):
        """La valeur d'un champ d'une ligne d'histoire, en français."""
        valeur = getattr(ligne, champ.attname)
        if valeur is None or valeur == "":
            return INCONNU
        if champ.is_relation:
            return str(self.objets[champ.related_model].get(valeur, "supprimé"))
        if isinstance(valeur, bool):
            return "oui" if valeur else "non"
        if isinstance(valeur, Decimal):
            return euros(valeur) if isinstance(champ, MontantField) else f"{valeur:f}".replace(".", ",")
        if hasattr(valeur, "strftime"):
            return date_format(valeur, "d/m/Y")
        return str(dict(champ.flatchoices).get(valeur, valeur))


def lire(modele, **criteres):
    """Les lignes d'histoire de ces objets, chacune avec la précédente du même objet."""
    return lire_le_suivi(Suivi(modele, criteres))


def lire_le_suivi(suivi):
    lues = suivi.modele.history.filter(**suivi.criteres).select_related("history_user")
    par_objet = defaultdict(list)
    for ligne in lues.order_by("-history_date", "-history_id")[:LIMITE]:
        par_objet[ligne.id].append(ligne)
    return [
        Ligne(suivi, actuelle, precedente)
        for lignes in par_objet.values()
        for actuelle, precedente in pairwise([*lignes, None])
    ]


def champs_suivis(modele):
    return [champ for champ in modele._meta.fields if champ.name not in TECHNIQUES]


def majuscule(texte):
    return texte[0].upper() + texte[1:]
