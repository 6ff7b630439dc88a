"""L'histoire d'un objet : qui a changé quoi, quand et pourquoi, dans ses champs et dans les lignes qui en dépendent.

Tout est lu en une requête par sorte de ligne, plus une par sorte d'objet cité (un contrat, un porteur), jamais une par
ligne. Celle d'une action : ses champs, son plan, ses lieux, ses étiquettes, ses prévisions ; entière, aussi ses
décisions, ses avis, ses comités et son exécution. `histoire_de` lit la même, bornée à un champ ou à un bloc.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format

from politique_ville.outils.francais import INCONNU, euros, signe
from politique_ville.outils.montants import MontantField

from .models import (
    Action,
    Avis,
    Decision,
    Financement,
    Justification,
    LigneEngagement,
    Localisation,
    Paiement,
    Passage,
    PilierTransversalDeLAction,
    PrevisionPluriannuelle,
    PrioriteDeLAction,
    SuiviFinancement,
)

LIMITE = 100  # lignes d'histoire lues par sorte d'objet, les plus récentes
MEME_GESTE = timedelta(seconds=5)  # un geste écrit plusieurs tables à quelques millisecondes d'écart
TECHNIQUES = {"id", "cle", "version", "recherche", "cree_le", "modifie_le", "action", "famille", "poste", "convention"}
TECHNIQUES |= {"cumul_avant", "cumul_apres", "cumul_total"}
VERBES = {"+": "ajouté", "-": "retiré"}


@dataclass(frozen=True)
class Suivi:
    """Une sorte de lignes à lire : leur modèle, et `criteres`, qui dit lesquelles.

    `principal` : l'objet lui-même, et le mot qui dit sa création (« créée ») ; `sujet` : le champ qui nomme une ligne
    liée (son financeur), `nom` celui qu'elles ont toutes ; sans rien, une ligne se nomme comme son modèle l'écrit.
    `champs` : ceux dont on lit l'histoire seule, leur première valeur comprise ; `valeurs` : une ligne ajoutée dit ce
    qu'elle vaut. `limite` : None, toutes les lignes.
    """

    modele: type[models.Model]
    criteres: dict[str, Any]
    sujet: str = ""
    principal: str = ""
    feminin: bool = False  # « convention ajoutée »
    nom: str = ""
    champs: tuple[str, ...] = ()
    valeurs: bool = False
    limite: int | None = LIMITE

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
    version: int | None = None  # celle que l'action avait alors

    def prolonge(self, date, auteur, motif):
        return (self.auteur, self.motif) == (auteur, motif) and abs(self.date - date) < MEME_GESTE


def dernier_geste(action: Action) -> Evenement | None:
    """Le dernier qui a écrit l'action, son plan ou ses lieux : qui, quand, pourquoi. None si rien n'en est gardé.

    Chacun augmente la version de l'action : sa dernière ligne d'histoire suffit.
    """
    ligne = action.history.select_related("history_user").order_by("-history_date", "-history_id").first()
    if ligne is None:
        return None
    return Evenement(ligne.history_date, str(ligne.history_user or ""), ligne.history_change_reason or "")


def suivis_de_l_action(pk: int) -> list[Suivi]:
    """Ce qui fait une version de l'action : ses champs, et les lignes qui n'existent que par elle."""
    siennes = {"action_id": pk}
    return [
        Suivi(Action, {"id": pk}, principal="créée"),
        Suivi(Financement, siennes, sujet="financeur"),
        Suivi(Localisation, siennes, sujet="quartier"),
        Suivi(PilierTransversalDeLAction, siennes, sujet="pilier"),
        Suivi(PrioriteDeLAction, siennes, sujet="prioritetransversale", feminin=True),
        Suivi(PrevisionPluriannuelle, siennes, feminin=True),
    ]


def blocs_de_l_action(pk: int) -> dict[str, list[Suivi]]:
    """Les lignes suivies de chaque bloc de la fiche, par le nom que porte l'adresse."""
    principal, plan, lieux, transversaux, priorites, previsions = suivis_de_l_action(pk)
    siennes = {"action_id": pk}
    lignes = LigneEngagement.history.filter(**siennes).values("id")
    financements = Financement.history.filter(**siennes).values("id")
    return {
        "plan": [replace(plan, valeurs=True)],
        "quartiers": [replace(lieux, valeurs=True)],
        "piliers_transversaux": [transversaux],
        "priorites": [priorites],
        "previsions": [replace(previsions, valeurs=True)],
        "decisions": [replace(principal, champs=("statut", "motif_statut", "deposee_le"))],
        "avis": [Suivi(Avis, siennes, sujet="auteur", valeurs=True)],
        "comites": [Suivi(Passage, siennes, sujet="comite", valeurs=True)],
        "execution": [
            Suivi(LigneEngagement, siennes, feminin=True),
            Suivi(Paiement, {"ligne_id__in": lignes}),
            Suivi(Justification, siennes, nom="Justification", feminin=True, valeurs=True),
            Suivi(SuiviFinancement, {"financement_id__in": financements}, nom="Suivi d’un cofinanceur", valeurs=True),
        ],
    }


# Ce que la fiche dit sur une même ligne.
ENSEMBLE = {
    "contrat": ("contrat", "echelle", "campagne"),
    "date_debut": ("date_debut", "date_fin"),
    "duree": ("duree", "cpo_rang", "cpo_nombre"),
    "dossier": ("dossier", "tranche"),
    "beneficiaires_prevus": (
        "beneficiaires_prevus",
        "beneficiaires_femmes",
        "beneficiaires_hommes",
        "beneficiaires_qpv",
    ),
}
AVEC_LES_DECISIONS = ("", "decisions")
LIGNE_DU_PLAN = re.compile(r"plan-([0-9]{1,18})")


def histoire_de(action: Action, champ: str = "") -> list[Evenement] | None:
    """Tous les gestes sur l'action ; `champ` : un de ses champs, un bloc, ou la ligne `plan-<identifiant>` de son plan.

    None si rien ne s'appelle ainsi.
    """
    suivis = suivis_du_champ(action.pk, champ)
    if suivis is None:
        return None
    decisions = lignes_de_decision(action) if champ in AVEC_LES_DECISIONS else []
    return lire_les_gestes([replace(suivi, limite=None) for suivi in suivis], decisions)


def suivis_du_champ(pk, champ):
    blocs = blocs_de_l_action(pk)
    ligne = LIGNE_DU_PLAN.fullmatch(champ)
    if not champ:
        du_reste = [suivi for nom in ("avis", "comites", "execution") for suivi in blocs[nom]]
        return suivis_de_l_action(pk) + du_reste
    if ligne:
        return [Suivi(Financement, {"action_id": pk, "id": int(ligne[1])}, sujet="financeur", valeurs=True)]
    champs = ENSEMBLE.get(champ, (champ,))
    if champs[0] in {c.name for c in champs_suivis(Action)}:
        return [Suivi(Action, {"id": pk}, principal="créée", champs=champs)]
    return blocs.get(champ)


def lire_les_gestes(suivis: Iterable[Suivi], autres: Iterable[Any] = ()) -> list[Evenement]:
    """Les gestes qui ont touché ces lignes, et ces `autres` faits, le plus récent d'abord."""
    lignes = [ligne for suivi in suivis for ligne in lire_le_suivi(suivi)]
    noms = Noms(lignes)
    evenements = []
    for ligne in sorted([*lignes, *autres], key=lambda ligne: ligne.date, reverse=True):
        changements = ligne.changements(noms)
        if ligne.est_muette and not changements:
            continue
        if not evenements or not evenements[-1].prolonge(ligne.date, ligne.auteur, ligne.motif):
            evenements.append(Evenement(ligne.date, ligne.auteur, ligne.motif))
        evenements[-1].changements.extend(changements)
        evenements[-1].version = evenements[-1].version or ligne.version
    return evenements


@dataclass(frozen=True)
class LigneDeDecision:
    """Une décision dans l'histoire : elle n'a pas de lignes d'histoire à elle, puisqu'elle ne change jamais."""

    decision: Decision
    est_muette = False
    version = None

    @property
    def date(self):
        return self.decision.enregistree_le

    @property
    def auteur(self):
        return str(self.decision.auteur)

    @property
    def motif(self):
        return self.decision.motif or "Décision"

    def changements(self, noms):
        montant = f" : {signe(self.decision.montant)} de P147" if self.decision.montant else ""
        return [Changement("Décision", "", f"{self.decision.get_nature_display()}{montant}")]


def lignes_de_decision(action):
    return [LigneDeDecision(decision) for decision in action.decisions.select_related("auteur")]


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
    def version(self):
        return getattr(self.actuelle, "version", None) if self.suivi.principal and not self.suivi.champs else None

    @property
    def est_muette(self):
        """Bornée à un champ, une ligne qui ne le change pas ne dit rien."""
        return bool(self.suivi.champs)

    @property
    def champs(self):
        tous = champs_suivis(self.modele)
        return [c for c in tous if c.name in self.suivi.champs] if self.suivi.champs else tous

    @property
    def modifies(self):
        """Les champs qui diffèrent de la ligne précédente."""
        if self.precedente is None or self.actuelle.history_type != "~":
            return []
        return [c for c in self.champs if self.avant(c) != self.apres(c)]

    @property
    def poses(self):
        """À la création, les champs lus qui ont reçu une valeur, sauf celui qui nomme déjà la ligne."""
        cree = self.actuelle.history_type == "+" and (self.suivi.champs or self.suivi.valeurs)
        lus = [c for c in self.champs if c.name != self.suivi.sujet] if cree else []
        return [c for c in lus if self.apres(c) not in (None, "")]

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
        for champ in self.poses:
            if champ.is_relation:
                yield champ.related_model, self.apres(champ)
        if self.suivi.sujet:
            yield self.suivi.champ_du_sujet.related_model, self.apres(self.suivi.champ_du_sujet)

    def nom(self, noms):
        """Ce qui distingue une ligne liée ; vide pour l'objet principal."""
        if self.suivi.principal or self.suivi.nom:
            return self.suivi.nom
        return noms.dire(self.suivi.champ_du_sujet, self.actuelle) if self.suivi.sujet else str(self.actuelle.instance)

    def changements(self, noms):
        de_quoi, nature = self.nom(noms), self.actuelle.history_type
        if nature in VERBES and self.suivi.champs:
            return self.valeurs_posees(noms)
        if nature in VERBES and self.suivi.principal:
            return [Changement(majuscule(self.modele._meta.verbose_name), "", self.suivi.principal)]
        if nature in VERBES:
            fait = Changement(majuscule(de_quoi), "", VERBES[nature] + "e" * self.suivi.feminin)
            return [fait, *self.valeurs_posees(noms)]
        suffixe = f" ({de_quoi})" if de_quoi else ""
        return [
            Changement(
                f"{majuscule(champ.verbose_name)}{suffixe}",
                noms.dire(champ, self.precedente),
                noms.dire(champ, self.actuelle),
            )
            for champ in self.modifies
        ]

    def valeurs_posees(self, noms):
        return [Changement(majuscule(c.verbose_name), "", noms.dire(c, self.actuelle)) for c in self.poses]


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
        if isinstance(valeur, date):
            return date_format(timezone.localtime(valeur) if isinstance(valeur, datetime) else valeur, "d/m/Y")
        return str(dict(champ.flatchoices).get(valeur, valeur))


def lire(modele, **criteres):
    """Les lignes d'histoire de ces objets, chacune avec la précédente du même objet."""
    return lire_le_suivi(Suivi(modele, criteres))


def lire_le_suivi(suivi):
    lues = suivi.modele.history.filter(**suivi.criteres).select_related("history_user")
    par_objet = defaultdict(list)
    for ligne in lues.order_by("-history_date", "-history_id")[: suivi.limite]:
        par_objet[ligne.id].append(ligne)
    return [
        Ligne(suivi, actuelle, precedente)
        for lignes in par_objet.values()
        for actuelle, precedente in pairwise([*lignes, None])
    ]


def ecart_depuis(objet: models.Model, lue: int) -> tuple[list[Changement], dict[str, tuple[Any, Any]]]:
    """Ce qui a changé depuis la ligne d'histoire `lue` de cet objet : en mots, puis par champ, (alors, maintenant).

    Une clé étrangère est son identifiant. Rien si cette ligne n'est pas la sienne.
    """
    suite = list(objet.history.filter(history_id__gte=lue).order_by("history_id"))
    if not suite or suite[0].history_id != lue:
        return [], {}
    ligne = Ligne(Suivi(type(objet), {}, principal="modifié"), suite[-1], suite[0])
    return ligne.changements(Noms([ligne])), {c.name: (ligne.avant(c), ligne.apres(c)) for c in ligne.modifies}


def champs_suivis(modele):
    """Ceux que son histoire garde, sauf les techniques."""
    gardes = {champ.name for champ in modele.history.model._meta.fields}
    return [champ for champ in modele._meta.fields if champ.name in gardes - TECHNIQUES]


def majuscule(texte):
    return texte[0].upper() + texte[1:]
