"""L'histoire d'une action : qui a changé quoi, quand et pourquoi, dans ses champs, son plan et ses lieux.

Tout est lu en trois requêtes, plus une par sorte d'objet cité (un contrat, un porteur), jamais une par ligne.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db import models
from django.utils.formats import date_format

from politique_ville.outils.francais import INCONNU, euros

from .models import Action, Financement, Localisation

LIMITE = 100  # lignes d'histoire lues par sorte d'objet, les plus récentes
MEME_GESTE = timedelta(seconds=5)  # un geste écrit plusieurs tables à quelques millisecondes d'écart
TECHNIQUES = {"id", "cle", "version", "recherche", "cree_le", "modifie_le", "action", "famille"}
TECHNIQUES |= {"cumul_avant", "cumul_apres", "cumul_total"}
VERBES = {"+": "ajouté", "-": "retiré"}


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
    lignes = [ligne for modele, lien in SUIVIS for ligne in lire(modele, **{lien: action.pk})]
    noms = Noms(lignes)
    evenements = []
    for ligne in sorted(lignes, key=lambda ligne: ligne.date, reverse=True):
        if not evenements or not evenements[-1].prolonge(ligne.date, ligne.auteur, ligne.motif):
            evenements.append(Evenement(ligne.date, ligne.auteur, ligne.motif))
        evenements[-1].changements.extend(ligne.changements(noms))
    return evenements


SUIVIS = [(Action, "id"), (Financement, "action_id"), (Localisation, "action_id")]


@dataclass(frozen=True)
class Ligne:
    """Une ligne d'histoire et celle qui la précède pour le même objet (None : sa création, ou trop ancienne)."""

    modele: type[models.Model]
    actuelle: Any
    precedente: Any

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
        if self.modele is not Action:
            champ = champ_du_sujet(self.modele)
            yield champ.related_model, self.apres(champ)

    def changements(self, noms):
        de_quoi = "" if self.modele is Action else noms.dire(champ_du_sujet(self.modele), self.actuelle)
        if self.actuelle.history_type in VERBES:
            sujet = de_quoi or "Action"
            return [Changement(sujet, "", "créée" if self.modele is Action else VERBES[self.actuelle.history_type])]
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
        if isinstance(valeur, Decimal):
            return euros(valeur)
        if hasattr(valeur, "strftime"):
            return date_format(valeur, "d/m/Y")
        return str(dict(champ.flatchoices).get(valeur, valeur))


def lire(modele, **criteres):
    """Les lignes d'histoire de ces objets, chacune avec la précédente du même objet."""
    lues = modele.history.filter(**criteres).select_related("history_user").order_by("-history_date", "-history_id")
    par_objet = defaultdict(list)
    for ligne in lues[:LIMITE]:
        par_objet[ligne.id].append(ligne)
    return [
        Ligne(modele, actuelle, precedente)
        for lignes in par_objet.values()
        for actuelle, precedente in pairwise([*lignes, None])
    ]


def champs_suivis(modele):
    return [champ for champ in modele._meta.fields if champ.name not in TECHNIQUES]


def champ_du_sujet(modele):
    """Ce qui nomme une ligne liée : son financeur, son quartier."""
    return modele._meta.get_field("financeur" if modele is Financement else "quartier")


def majuscule(texte):
    return texte[0].upper() + texte[1:]
