"""Lire un tableur ou un CSV en une table : des en-têtes, et des lignes qui gardent leur numéro d'origine.

Un nombre entier que le tableur rend en flottant redevient un entier (un code retrouve ses chiffres), un texte vide
devient None. Une formule en erreur reste visible (« #N/A »), sauf en .xls où elle se lit vide.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from itertools import islice
from typing import Any

from politique_ville.outils.classeur import CARACTERES_INTERDITS, lettre
from politique_ville.outils.recherche import normaliser
from politique_ville.outils.tableur.champs import Champ
from politique_ville.outils.tableur.entetes import reconnaitre
from politique_ville.outils.tableur.fichier import (
    REENREGISTRER,
    Fichier,
    FichierRefuse,
    refus_seulement,
)
from politique_ville.outils.tableur.pages import lire_les_noms, lire_les_pages

SEPARATEURS = ";\t,"
LIGNES_EXAMINEES = 50  # où chercher les en-têtes, et le séparateur d'un CSV
LIGNES_DE_TOTAL = {"total", "totaux", "total general", "consolidation"}
FEUILLE_CSV = "CSV"


@dataclass(frozen=True)
class Ligne:
    """Une ligne de données et son numéro dans le fichier, à partir de 1."""

    numero: int
    valeurs: tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """Ce qu'un agent voit dans son tableur : une feuille, ses en-têtes, ses lignes remplies."""

    fichier: Fichier
    feuille: str
    ligne_des_entetes: int
    entetes: tuple[str, ...]
    lignes: tuple[Ligne, ...]

    def adresse(self, numero: int, rang: int) -> str:
        """« C14 » : la colonne de rang 2 (à partir de 0) à la ligne 14."""
        return f"{lettre(rang + 1)}{numero}"


def feuilles(fichier: Fichier) -> list[str]:
    """Les noms des feuilles de calcul, dans l'ordre ; un CSV n'en a qu'une."""
    if fichier.extension == ".csv":
        return [FEUILLE_CSV]
    with refus_seulement(fichier.nom):
        return lire_les_noms(fichier)


def lire(
    fichier: Fichier,
    feuille: str | None = None,
    ligne_des_entetes: int | None = None,
    champs: Sequence[Champ] = (),
) -> Table:
    """La table d'un fichier ; lève FichierRefuse.

    Sans choix de l'agent, la feuille et la ligne d'en-têtes sont celles où l'on reconnaît le plus de `champs`, et à
    défaut la feuille la plus longue.
    """
    with refus_seulement(fichier.nom):
        pages = _pages(fichier, feuille)
        if not pages:
            raise FichierRefuse(f"« {fichier.nom} » ne contient aucune donnée. {REENREGISTRER}")
        choisie = max(pages, key=lambda nom: (_meilleure_ligne(pages[nom], champs)[0], len(pages[nom])))
        return _table(fichier, choisie, pages[choisie], ligne_des_entetes, champs)


def _pages(fichier, feuille):
    """Les rangées des feuilles non vides."""
    if fichier.extension == ".csv":
        return {FEUILLE_CSV: _rangees_csv(fichier)}
    pages = lire_les_pages(fichier, feuille).items()
    return {nom: [list(map(_simplifier, rangee)) for rangee in rangees] for nom, rangees in pages if rangees}


def _rangees_csv(fichier):
    texte = _decoder(fichier)
    lecteur = csv.reader(io.StringIO(texte, newline=""), delimiter=_separateur(texte))
    rangees = [
        [_sans_apostrophe(cellule) for cellule in rangee] for rangee in islice(lecteur, fichier.limites.lignes + 1)
    ]
    largeur = max(map(len, rangees))
    fichier.verifier_etendue(len(rangees), largeur)
    return [rangee + [None] * (largeur - len(rangee)) for rangee in rangees]


def _decoder(fichier):
    """UTF-8, avec ou sans BOM, sinon le Windows-1252 des tableurs français."""
    for encodage in ("utf-8-sig", "cp1252"):
        try:
            return fichier.lisible.decode(encodage)
        except UnicodeDecodeError:
            continue
    raise FichierRefuse(f"« {fichier.nom} » n’est écrit ni en UTF-8 ni en Windows-1252. {REENREGISTRER}")


def _separateur(texte):
    """Celui qui coupe le plus régulièrement les premières lignes, puis celui qui donne le plus de colonnes."""

    def regularite(separateur):
        lecteur = csv.reader(io.StringIO(texte, newline=""), delimiter=separateur)
        largeurs = Counter(len(rangee) for rangee in islice(lecteur, LIGNES_EXAMINEES) if len(rangee) > 1)
        largeur, nombre = largeurs.most_common(1)[0] if largeurs else (1, 0)
        return nombre, largeur

    return max(SEPARATEURS, key=regularite)


def _sans_apostrophe(cellule):
    """Retire l'apostrophe que nos CSV posent devant un texte qui ressemble à une formule."""
    texte = cellule.strip()
    protege = texte[:1] == "'" and texte[1:].lstrip()[:1] in ("=", "+", "-", "@")
    return _simplifier(texte[1:] if protege else texte)


def _simplifier(valeur):
    if isinstance(valeur, str):  # un xlsx peut cacher un caractère nul (« _x0000_ »), que la base ne range pas
        return CARACTERES_INTERDITS.sub("", valeur).strip() or None
    if isinstance(valeur, float) and valeur.is_integer():
        return int(valeur)
    if isinstance(valeur, datetime) and valeur.time() == time():
        return valeur.date()
    return valeur


def _meilleure_ligne(rangees: list, champs: Sequence[Champ]) -> tuple[int, int]:
    """Le nombre de champs reconnus et le rang de la ligne d'en-têtes la plus probable.

    Sans champ reconnu : la première ligne qui porte presque autant de textes que la plus fournie.
    """
    debut = rangees[:LIGNES_EXAMINEES]
    reconnus = [len(reconnaitre(_entetes(rangee), champs)) for rangee in debut]
    if max(reconnus):
        return max(reconnus), reconnus.index(max(reconnus))
    textes = [sum(isinstance(valeur, str) for valeur in rangee) for rangee in debut]
    return 0, next(rang for rang, nombre in enumerate(textes) if nombre >= 0.8 * max(textes))


def _table(fichier, nom, rangees, ligne_des_entetes, champs):
    numero = ligne_des_entetes or _meilleure_ligne(rangees, champs)[1] + 1
    entetes = _entetes(rangees[numero - 1]) if 0 < numero <= len(rangees) else ()
    if not any(entetes):
        raise FichierRefuse(f"« {fichier.nom} » n’a pas d’en-têtes à la ligne {numero}. Choisir la ligne des titres.")
    lignes = _lignes(rangees, numero, len(entetes))
    if not lignes:
        raise FichierRefuse(f"« {fichier.nom} » n’a aucune ligne remplie sous ses en-têtes (ligne {numero}).")
    return Table(fichier, nom, numero, entetes, lignes)


def _entetes(rangee: Iterable) -> tuple[str, ...]:
    """Les titres en texte, jusqu'au dernier qui n'est pas vide."""
    titres = ["" if valeur is None else str(valeur) for valeur in rangee]
    while titres and not titres[-1]:
        titres.pop()
    return tuple(titres)


def _lignes(rangees, numero, largeur):
    """Les lignes remplies sous les en-têtes, sans la ligne de total que nos exports et d'autres ajoutent à la fin."""
    suite = enumerate(rangees[numero:], numero + 1)
    lignes = [Ligne(n, tuple(rangee[:largeur])) for n, rangee in suite]
    remplies = [ligne for ligne in lignes if any(valeur is not None for valeur in ligne.valeurs)]
    if remplies and _est_un_total(remplies[-1]):
        remplies.pop()
    return tuple(remplies)


def _est_un_total(ligne):
    premiere = next(valeur for valeur in ligne.valeurs if valeur is not None)
    return isinstance(premiere, str) and normaliser(premiere) in LIGNES_DE_TOTAL
