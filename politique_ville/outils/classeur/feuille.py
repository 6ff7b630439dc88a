"""Ce qu'une feuille contient, quel que soit le fichier : des colonnes (titre, valeur, format) et des lignes.

L'écran, les fichiers et les tests lisent `Feuille.cellules()` : aucun ne peut dire un autre chiffre.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from xlsxwriter.utility import quote_sheetname, xl_col_to_name

LONGUEUR_MAXIMALE = 32_767  # caractères d'une cellule, limite d'Excel
LONGUEUR_NOM_DE_FEUILLE = 31
LARGEUR_DE_PAGE = 280  # caractères ; au-delà, une feuille imprimée sur une page devient illisible
PREMIERE_ANNEE = 1900  # Excel ne sait pas dater avant

NOMBRES = (int, Decimal, float)
CARACTERES_INTERDITS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Formule:
    """Une formule en anglais (« =SUM(A1:A3) »), et la valeur qu'elle donne aujourd'hui.

    Un écart d'euros s'écrit `ROUND(…,2)` : un tableur compte en binaire. Dans un critère de SUMIFS, Excel confond
    deux codes qui se lisent comme le même nombre (« 00236035 » et « 236035 »).
    """

    texte: str
    cache: Any


@dataclass(frozen=True)
class Cellule:
    """Une valeur dont le format n'est pas celui de sa colonne."""

    valeur: Any
    format: str = "general"


@dataclass(frozen=True)
class Colonne:
    """Une colonne ; `rouge_si=("!=", 0)` met en évidence, `total` ajoute son total sous le tableau.

    `liste` (« ='Listes'!$A$2:$A$41 ») propose des choix dans les cellules à remplir, sans en interdire d'autres.
    """

    titre: str
    valeur: Callable[[Any], Any]
    format: str = "texte"
    largeur: int = 20
    total: bool = False
    rouge_si: tuple[str, Any] | None = None
    masquee: bool = False
    liste: str = ""


class LigneForte(list):
    """Les cellules d'une ligne en gras, sous-total ou total écrit comme une ligne du tableau."""


class LigneDeTotal(list):
    """Les cellules de la dernière ligne, si des colonnes s'additionnent."""


@dataclass(frozen=True)
class Feuille:
    """Un tableau nommé ; `intitule` et `notes` (texte, ou plusieurs cellules) s'écrivent au-dessus.

    Les lignes d'un export en flux sont un itérateur, lu une seule fois : alors `plage` n'est pas disponible.
    `forte(ligne)` met une ligne en gras ; `tableau` nomme le tableau Excel que devient la feuille, impossible en flux.
    """

    titre: str
    colonnes: tuple[Colonne, ...]
    lignes: Iterable[Any]
    intitule: str = ""
    notes: tuple[Any, ...] = ()
    colonnes_figees: int = 0
    paysage: bool = True
    forte: Callable[[Any], bool] | None = None
    tableau: str = ""

    def __post_init__(self):
        if len(set(self.titres)) < len(self.colonnes):
            raise ValueError(f"Deux colonnes de la feuille {self.titre} portent le même titre.")

    @property
    def titres(self) -> list[str]:
        return [colonne.titre for colonne in self.colonnes]

    @property
    def nom(self) -> str:
        """Le nom de l'onglet : 31 caractères au plus, sans les signes que le tableur interdit."""
        return re.sub(r"[\[\]:*?/\\]", " ", self.titre)[:LONGUEUR_NOM_DE_FEUILLE].strip("' ")

    @property
    def lignes_libres(self) -> list[tuple]:
        """Ce qui s'écrit au-dessus du tableau, ligne vide comprise."""
        notes = [note if isinstance(note, tuple) else (note,) for note in self.notes]
        haut = [(self.intitule,), *notes] if self.intitule else notes
        return [*haut, ()] if haut else []

    @property
    def premiere_ligne(self) -> int:
        """Le numéro, dans le tableur, de la première ligne de données."""
        return len(self.lignes_libres) + 2

    @property
    def pages_de_large(self) -> int:
        """Le nombre de pages imprimées sur lesquelles s'étalent les colonnes, pour rester lisibles."""
        return 1 + sum(c.largeur for c in self.colonnes if not c.masquee) // LARGEUR_DE_PAGE

    def cellules(self) -> Iterator[list]:
        """Les titres, les lignes, puis le total s'il y en a un : ce que chaque fichier écrit."""
        yield self.titres
        sommes = {rang: None for rang, colonne in enumerate(self.colonnes) if colonne.total}
        nombre = 0
        for ligne in self.lignes:
            nombre += 1
            valeurs = [colonne.valeur(ligne) for colonne in self.colonnes]
            for rang in sommes:
                sommes[rang] = _ajouter(sommes[rang], valeurs[rang])
            yield LigneForte(valeurs) if self.forte and self.forte(ligne) else valeurs
        if sommes:
            yield self._ligne_de_total(sommes, nombre)

    def plage(self, titre: str) -> str:
        """La plage d'une colonne, pour une formule : 'Programmation'!$F$2:$F$1001. ValueError si elle n'existe pas."""
        if not isinstance(self.lignes, Collection):
            raise TypeError(f"Les lignes de {self.titre} sont un flux : leur nombre n’est pas encore connu.")
        return f"{quote_sheetname(self.nom)}!{self._plage(self.titres.index(titre), len(self.lignes))}"

    def cellule(self, titre: str, rang: int = 0) -> str:
        """L'adresse d'une cellule, pour une formule ; `rang` compte les lignes de données à partir de 0."""
        colonne = lettre(self.titres.index(titre) + 1)
        return f"{quote_sheetname(self.nom)}!${colonne}${self.premiere_ligne + rang}"

    def _plage(self, rang, nombre):
        colonne, debut = lettre(rang + 1), self.premiere_ligne
        return f"${colonne}${debut}:${colonne}${debut + max(nombre, 1) - 1}"

    def _ligne_de_total(self, sommes, nombre):
        """Le total suit le filtre du tableur ; une somme de tout inconnu reste « — »."""
        ligne = LigneDeTotal([None] * len(self.colonnes))
        for rang, somme in sommes.items():
            plage = self._plage(rang, nombre)
            texte = f'=IF(SUBTOTAL(102,{plage})=0,"—",SUBTOTAL(109,{plage}))'
            ligne[rang] = Formule(texte, "—" if somme is None else somme)
        libres = [rang for rang in range(len(ligne)) if rang not in sommes and not self.colonnes[rang].masquee]
        if libres:
            ligne[libres[0]] = "Total"
        return ligne


def lettre(rang: int) -> str:
    """Le nom d'une colonne du tableur : 1 → A, 27 → AA."""
    return xl_col_to_name(rang - 1)


def texte_propre(valeur: Any) -> str:
    """Le texte qu'une cellule peut porter : sans caractère de contrôle, 32 767 caractères au plus."""
    texte = str(valeur)
    if texte.isprintable() and len(texte) <= LONGUEUR_MAXIMALE and not texte.startswith("<r>"):
        return texte  # presque toujours
    texte = CARACTERES_INTERDITS.sub("", texte.replace("\r\n", "\n").replace("\r", "\n"))
    if len(texte) > LONGUEUR_MAXIMALE:
        texte = f"{texte[: LONGUEUR_MAXIMALE - 1]}…"
    if texte.startswith("<r>"):  # XlsxWriter prendrait « <r>…</r> » pour du XML déjà mis en forme
        texte = f" {texte[: LONGUEUR_MAXIMALE - 1]}"
    return texte


def simplifier(valeur):
    """La valeur telle qu'une cellule la porte : None, nombre, date sans fuseau, ou texte propre."""
    if isinstance(valeur, str):
        return texte_propre(valeur)
    if isinstance(valeur, bool):
        return "oui" if valeur else "non"
    if valeur is None or isinstance(valeur, NOMBRES):
        return valeur
    if isinstance(valeur, date) and valeur.year < PREMIERE_ANNEE:
        return valeur.strftime("%d/%m/%Y")
    if isinstance(valeur, datetime):
        return timezone.make_naive(valeur) if timezone.is_aware(valeur) else valeur
    return valeur if isinstance(valeur, date) else texte_propre(valeur)


def _ajouter(somme, valeur):
    if isinstance(valeur, Formule):
        valeur = valeur.cache
    if valeur is None or isinstance(valeur, str):
        return somme
    return valeur if somme is None else somme + valeur
