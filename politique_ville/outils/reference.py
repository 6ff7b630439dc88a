"""Lire un fichier de référence (CSV ou GeoJSON) ; son format est dans docs/donnees.md."""

import csv
import datetime
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from .typographie import insecables


class ErreurDeReference(Exception):
    """Un fichier de référence est absent, mal formé ou incohérent ; le message dit lequel, et où."""

    def __init__(self, message: str, fichier: Path, lieu: str = ""):
        nom = f"{fichier.parent.name}/{fichier.name}, {lieu}" if lieu else fichier
        super().__init__(insecables(f"{nom} : {message}"))


@dataclass(frozen=True)
class Ligne:
    """Une ligne d'un fichier : ses cellules sans espaces autour, et de quoi dire où elle est (« ligne 12 »)."""

    fichier: Path
    lieu: str
    cellules: dict[str, str]

    def erreur(self, message: str) -> ErreurDeReference:
        return ErreurDeReference(message, self.fichier, self.lieu)

    def texte(self, colonne: str) -> str:
        return self.cellules.get(colonne, "")

    def obligatoire(self, colonne: str) -> str:
        if not self.texte(colonne):
            raise self.erreur(f"la colonne « {colonne} » est vide.")
        return self.texte(colonne)

    def code(self, colonne: str, motif: str, attendu: str) -> str:
        """Une cellule obligatoire qui suit un motif : un tableur qui ôte le zéro de « 01001 » ne passe pas."""
        texte = self.obligatoire(colonne)
        if not re.fullmatch(motif, texte):
            raise self.erreur(f"« {texte} » dans la colonne « {colonne} », {attendu} attendu.")
        return texte

    def entier(self, colonne: str) -> int | None:
        return self._converti(colonne, int, "un nombre entier")

    def decimal(self, colonne: str) -> Decimal | None:
        return self._converti(colonne, lambda texte: Decimal(texte.replace(",", ".")), "un nombre")

    def date(self, colonne: str) -> datetime.date | None:
        return self._converti(colonne, datetime.date.fromisoformat, "une date comme 2024-01-31")

    def booleen(self, colonne: str) -> bool:
        return self._converti(colonne, ["non", "oui"].index, "« oui » ou « non »") == 1

    def _converti(self, colonne, convertir, attendu):
        texte = self.texte(colonne)
        try:
            return convertir(texte) if texte else None
        except (ValueError, InvalidOperation):
            raise self.erreur(f"« {texte} » dans la colonne « {colonne} », {attendu} attendu.") from None

    def lien(self, colonne: str, index: dict, manque: str) -> Any:
        """L'objet que la cellule désigne, None si elle est vide ; `manque` nomme ce qui serait inconnu (« EPCI »)."""
        texte = self.texte(colonne)
        return self.trouver(texte, index, manque, texte) if texte else None

    def lien_obligatoire(self, colonne: str, index: dict, manque: str) -> Any:
        texte = self.obligatoire(colonne)
        return self.trouver(texte, index, manque, texte)

    def liens(self, colonne: str, index: dict, manque: str) -> list:
        """Les objets d'une cellule qui en désigne plusieurs, séparés par des points-virgules."""
        codes = [code.strip() for code in self.texte(colonne).split(";") if code.strip()]
        return [self.trouver(code, index, manque, code) for code in codes]

    def trouver(self, cle: Any, index: dict, manque: str, texte: str) -> Any:
        if cle not in index:
            raise self.erreur(f"« {texte} », {manque} inconnu.")
        return index[cle]


def lire_texte(fichier: Path) -> str:
    try:
        return fichier.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ErreurDeReference("ce fichier est absent.", fichier) from None
    except UnicodeDecodeError:
        raise ErreurDeReference("ce fichier n’est pas encodé en UTF-8.", fichier) from None


def lire_csv(fichier: Path, colonnes: str) -> list[Ligne]:
    """Les lignes d'un CSV, à virgules ou à points-virgules, qui a au moins ces colonnes (séparées par une espace)."""
    texte = lire_texte(fichier)
    entete = texte.partition("\n")[0]
    delimiteur = ";" if entete.count(";") > entete.count(",") else ","
    lecteur = csv.DictReader(texte.splitlines(keepends=True), delimiter=delimiteur, restkey="", restval="")
    manquantes = [colonne for colonne in colonnes.split() if colonne not in (lecteur.fieldnames or [])]
    if manquantes:
        raise ErreurDeReference(f"colonne manquante, {', '.join(manquantes)}.", fichier, "ligne 1")
    return [_ligne(fichier, lecteur.line_num, cellules) for cellules in lecteur]


def _ligne(fichier, numero, cellules):
    if cellules.pop("", None):
        raise ErreurDeReference("il y a plus de cellules que de colonnes.", fichier, f"ligne {numero}")
    return Ligne(fichier, f"ligne {numero}", {colonne: valeur.strip() for colonne, valeur in cellules.items()})


def lire_geojson(fichier: Path) -> list[tuple[Ligne, dict]]:
    """Les entités d'une collection GeoJSON : leurs propriétés, et leur contour (Polygon ou MultiPolygon)."""
    try:
        entites = [(e["properties"], e["geometry"]) for e in json.loads(lire_texte(fichier))["features"]]
        sont_des_surfaces = all(contour["type"] in ("Polygon", "MultiPolygon") for _, contour in entites)
    except (ValueError, KeyError, TypeError):
        sont_des_surfaces = False
    if not sont_des_surfaces:
        raise ErreurDeReference("une collection GeoJSON de Polygon et de MultiPolygon est attendue.", fichier)
    return [
        (Ligne(fichier, f"entité {rang}", {nom: str(valeur) for nom, valeur in proprietes.items()}), contour)
        for rang, (proprietes, contour) in enumerate(entites, start=1)
    ]


@dataclass
class Bilan:
    """Ce que le chargement d'une table a fait, en nombre de lignes."""

    crees: int = 0
    modifies: int = 0
    inchanges: int = 0
    preserves: int = 0  # le fichier dit autre chose, mais un agent a tranché : rien n'est réécrit

    def __add__(self, autre: "Bilan") -> "Bilan":
        return Bilan(*(getattr(self, nom) + getattr(autre, nom) for nom in self.__dataclass_fields__))


@dataclass(frozen=True)
class Table:
    """Une table de référence, son fichier, et la fonction qui le charge."""

    nom: str
    fichier: str
    charger: Callable[[Path], Bilan]
    est_exigee: bool = False  # un dossier de département sans ce fichier est refusé
