"""Reconnaître les colonnes d'un fichier, sans casse, accent, ponctuation ni petits mots."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from politique_ville.outils.recherche import normaliser
from politique_ville.outils.tableur.champs import Champ

PETITS_MOTS = {"d", "de", "des", "du", "en", "et", "eur", "euro", "euros", "l", "la", "le", "les"}
ABREVIATIONS = {"n": "numero", "no": "numero", "num": "numero", "mt": "montant", "tel": "telephone"}
PROCHE = 0.75  # ressemblance (de 0 à 1) à partir de laquelle une colonne est suggérée, jamais retenue d'office


@dataclass(frozen=True)
class Correspondance:
    """Quelle colonne porte quel champ (nom → rang), et ce qui reste à dire à l'agent."""

    colonnes: Mapping[str, int]
    non_reconnues: tuple[int, ...]
    suggestions: Mapping[int, Champ]
    manquants: tuple[Champ, ...]


@lru_cache(maxsize=4096)
def forme(entete: str) -> str:
    """La forme comparée d'un en-tête : « N° doc.⏎n° EJ CHORUS » → « numero doc numero ej chorus »."""
    mots = re.findall(r"[a-z0-9]+", normaliser(entete))
    return " ".join(ABREVIATIONS.get(mot, mot) for mot in mots if mot not in PETITS_MOTS)


def reconnaitre(
    entetes: Sequence[str], champs: Sequence[Champ], memoire: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Le rang de la colonne de chaque champ reconnu ; la première colonne l'emporte.

    `memoire` (nom du champ → en-tête), choisie par l'agent une fois précédente, passe avant les synonymes.
    """
    rangs = {}
    for rang, entete in enumerate(entetes):
        rangs.setdefault(forme(entete), rang)
    rangs.pop("", None)
    colonnes = {}
    for champ in champs:
        noms = [(memoire or {}).get(champ.nom, ""), champ.libelle, champ.nom, *champ.synonymes]
        libres = (rangs[cle] for cle in map(forme, noms) if cle in rangs and rangs[cle] not in colonnes.values())
        if (rang := next(libres, None)) is not None:
            colonnes[champ.nom] = rang
    return colonnes


def proposer(
    entetes: Sequence[str], champs: Sequence[Champ], memoire: Mapping[str, str] | None = None
) -> Correspondance:
    """La correspondance à montrer : colonnes reconnues, colonnes à rapprocher d'un champ voisin, champs manquants."""
    colonnes = reconnaitre(entetes, champs, memoire)
    restantes = tuple(rang for rang, entete in enumerate(entetes) if entete and rang not in colonnes.values())
    libres = [champ for champ in champs if champ.nom not in colonnes]
    suggestions = {rang: proche for rang in restantes if (proche := _champ_proche(entetes[rang], libres))}
    return Correspondance(colonnes, restantes, suggestions, tuple(champ for champ in libres if champ.obligatoire))


def _champ_proche(entete, champs):
    formes = {forme(nom): champ for champ in champs for nom in (champ.libelle, *champ.synonymes)}
    proches = get_close_matches(forme(entete), formes, n=1, cutoff=PROCHE)
    return formes[proches[0]] if proches else None
