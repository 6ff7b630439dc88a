"""Les classeurs et les CSV qui sortent de l'outil ; seul ce module connaît XlsxWriter.

Une feuille est une suite de colonnes (titre, valeur, format) et de lignes. L'écran, le fichier et les tests lisent
`Feuille.cellules()`. Une formule est vivante et porte sa valeur en cache : un aperçu ou pandas lisent le bon nombre.
Le texte d'un porteur qui commence par = + - @ reste un texte : jamais de `write()` de XlsxWriter, qui devinerait.
"""

import csv
import re
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from xlsxwriter import Workbook
from xlsxwriter.utility import quote_sheetname, xl_col_to_name
from xlsxwriter.worksheet import Worksheet

LONGUEUR_MAXIMALE = 32_767  # caractères d'une cellule, limite d'Excel
LONGUEUR_NOM_DE_FEUILLE = 31
HAUTEUR_DE_LIGNE = 15  # points
LARGEUR_DE_PAGE = 280  # caractères ; au-delà, une feuille imprimée sur une page devient illisible
PREMIERE_ANNEE = 1900  # Excel ne sait pas dater avant
LIGNES_A_REMPLIR = 5_000  # lignes où une colonne à liste propose ses choix

FORMATS = {
    "general": {},
    "texte": {"num_format": "@"},  # un SIRET retouché dans le tableur reste un texte
    "texte_long": {"num_format": "@", "text_wrap": True},
    "entier": {"num_format": "#,##0", "align": "right"},  # à droite, « — » aussi
    "annee": {"num_format": "0"},
    "nombre": {"num_format": "#,##0.00", "align": "right"},
    "euros": {"num_format": '#,##0.00\\ "€"', "align": "right"},
    "pourcent": {"num_format": "0.0\\ %", "align": "right"},  # d'une fraction : 0,123 s'affiche « 12,3 % »
    "date": {"num_format": "dd/mm/yyyy", "align": "left"},
    "date_heure": {"num_format": "dd/mm/yyyy hh:mm", "align": "left"},
}
EN_TETE = {"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#E3E3FD", "bottom": 1}
TITRE = {"bold": True, "font_size": 14}
TOTAL = {"bold": True, "top": 1}
ROUGE = {"font_color": "#B34000", "bg_color": "#FFE9E6"}

NOMBRES = (int, Decimal, float)
CARACTERES_INTERDITS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
DEBUTS_DE_FORMULE = ("=", "+", "-", "@")


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

    def cellules(self) -> Iterator[list]:
        """Les titres, les lignes, puis le total s'il y en a un : ce que le xlsx et le CSV écrivent."""
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


def classeur(*feuilles: Feuille, vers, en_flux: bool = False, titre: str = "", cree_le: datetime | None = None) -> None:
    """Écrit les feuilles en xlsx dans `vers` (chemin ou fichier binaire).

    `en_flux` écrit ligne à ligne, en mémoire constante, pour les grandes listes. Avec `cree_le` fixé, le même contenu
    donne les mêmes octets. Le fichier ne porte ni auteur ni société.
    """
    with Workbook(vers, {"constant_memory": en_flux}) as livre:
        instant = (cree_le or timezone.now()).astimezone(UTC)
        livre.set_properties({"title": texte_propre(titre), "created": instant})
        styles = _styles(livre)
        for feuille in feuilles:
            _ecrire_feuille(livre.add_worksheet(feuille.nom, worksheet_class=_Onglet), feuille, styles)


def lignes_csv(feuille: Feuille) -> Iterator[str]:
    """Les lignes du CSV français, une à une (StreamingHttpResponse) : « ; », BOM, virgule décimale, JJ/MM/AAAA."""
    ecrivain = csv.writer(_Echo(), delimiter=";", lineterminator="\r\n")
    formats = [colonne.format for colonne in feuille.colonnes]
    debut = "\ufeff"
    for valeurs in feuille.cellules():
        textes = [_texte_csv(valeur, nom) for valeur, nom in zip(valeurs, formats, strict=True)]
        yield debut + ecrivain.writerow(textes)
        debut = ""


def csv_francais(feuille: Feuille, vers) -> None:
    """Écrit le CSV de la feuille, en UTF-8, dans un fichier binaire : les mêmes lignes que le xlsx, sans les notes."""
    for ligne in lignes_csv(feuille):
        vers.write(ligne.encode())


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


def _ajouter(somme, valeur):
    if isinstance(valeur, Formule):
        valeur = valeur.cache
    if valeur is None or isinstance(valeur, str):
        return somme
    return valeur if somme is None else somme + valeur


def _simplifier(valeur):
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


class _Onglet(Worksheet):
    """XlsxWriter cherche dans chaque formule les trente fonctions parues après 2007 ; les nôtres n'en ont aucune.

    Un classeur de 12 000 formules s'écrit ainsi une seconde plus vite.
    """

    def _prepare_formula(self, formula, expand_future_functions=False):
        return formula.removeprefix("=")


def _styles(livre):
    """Les formats nommés, et chacun en gras pour la ligne de total."""
    styles = {nom: livre.add_format(options | {"valign": "top"}) for nom, options in FORMATS.items()}
    totaux = {("total", nom): livre.add_format(options | TOTAL) for nom, options in FORMATS.items()}
    propres = {"entete": EN_TETE, "entete_right": EN_TETE | {"align": "right"}, "titre": TITRE, "rouge": ROUGE}
    return styles | totaux | {nom: livre.add_format(options) for nom, options in propres.items()}


def _ecrire_feuille(page, feuille, styles):
    _mettre_en_page(page, feuille)
    _ecrire_le_haut(page, feuille, styles)
    _donner_la_hauteur(page, feuille.premiere_ligne - 2, feuille.titres, feuille.colonnes)
    cellules = feuille.cellules()
    for rang, titre in enumerate(next(cellules)):
        style = _style_d_en_tete(feuille.colonnes[rang], styles)
        page.write_string(feuille.premiere_ligne - 2, rang, texte_propre(titre), style)
    nombre = _ecrire_les_lignes(page, feuille, cellules, styles)
    _finir(page, feuille, nombre, styles)


def _style_d_en_tete(colonne, styles):
    """Le titre d'une colonne de nombres s'aligne sur eux."""
    return styles["entete_right" if FORMATS[colonne.format].get("align") == "right" else "entete"]


def _mettre_en_page(page, feuille):
    """Largeurs, volets figés, impression en A4 : titres et colonnes figées répétés, assez de pages pour être lue."""
    for rang, colonne in enumerate(feuille.colonnes):
        page.set_column(rang, rang, colonne.largeur, None, {"hidden": colonne.masquee})
    page.freeze_panes(feuille.premiere_ligne - 1, feuille.colonnes_figees)
    page.repeat_rows(feuille.premiere_ligne - 2)
    if feuille.paysage:
        page.set_landscape()
    page.set_paper(9)
    if feuille.colonnes_figees:
        page.repeat_columns(0, feuille.colonnes_figees - 1)
    page.fit_to_pages(1 + sum(c.largeur for c in feuille.colonnes if not c.masquee) // LARGEUR_DE_PAGE, 0)
    page.set_footer("&L&A&R&P / &N")


def _ecrire_le_haut(page, feuille, styles):
    for numero, note in enumerate(feuille.lignes_libres):
        for rang, valeur in enumerate(note):
            style = styles["titre" if numero == 0 and feuille.intitule else "general"]
            _ecrire(page, numero, rang, valeur, style, styles)


def _ecrire_les_lignes(page, feuille, cellules, styles):
    """Écrit les lignes et le total ; rend le nombre de lignes de données."""
    ordinaires = [styles[colonne.format] for colonne in feuille.colonnes]
    gras = [styles["total", colonne.format] for colonne in feuille.colonnes]
    longues = [rang for rang, colonne in enumerate(feuille.colonnes) if colonne.format == "texte_long"]
    debut, nombre = feuille.premiere_ligne - 1, 0
    for valeurs in cellules:
        est_le_total = isinstance(valeurs, LigneDeTotal)
        numero = debut + (max(nombre, 1) if est_le_total else nombre)
        if longues:
            _donner_la_hauteur(page, numero, [valeurs[r] for r in longues], [feuille.colonnes[r] for r in longues])
        if est_le_total or isinstance(valeurs, LigneForte):
            _souligner(page, numero, gras)
            _ecrire_une_ligne(page, numero, valeurs, gras, styles)
        else:
            _ecrire_une_ligne(page, numero, valeurs, ordinaires, styles)
        nombre += not est_le_total
    return nombre


def _donner_la_hauteur(page, numero, textes, colonnes):
    """Assez haut pour les textes qui reviennent à la ligne ; Excel le devinerait, LibreOffice et les aperçus non."""
    lignes = 1
    for texte, colonne in zip(textes, colonnes, strict=True):
        texte = texte.cache if isinstance(texte, Formule) else texte
        if isinstance(texte, str):
            lignes = max(lignes, len(textwrap.wrap(texte, max(colonne.largeur - 1, 1))))
    if lignes > 1:
        page.set_row(numero, lignes * HAUTEUR_DE_LIGNE)


def _souligner(page, numero, formats):
    """Le trait d'une ligne en gras passe aussi sur ses cellules vides."""
    for rang, style in enumerate(formats):
        page.write_blank(numero, rang, None, style)


def _ecrire_une_ligne(page, numero, valeurs, formats, styles):
    for rang, valeur in enumerate(valeurs):
        if valeur is not None:
            _ecrire(page, numero, rang, valeur, formats[rang], styles)


def _ecrire(page, ligne, colonne, valeur, style, styles):
    """Écrit une cellule selon le type de sa valeur ; le texte d'abord, le plus fréquent. L'inconnu la laisse vide."""
    if isinstance(valeur, str):
        texte = texte_propre(valeur)
        if texte:
            page.write_string(ligne, colonne, texte, style)
    elif isinstance(valeur, Formule):
        page.write_formula(ligne, colonne, valeur.texte, style, _cache(valeur))
    elif isinstance(valeur, Cellule):
        _ecrire(page, ligne, colonne, valeur.valeur, styles[valeur.format], styles)
    elif isinstance(valeur, NOMBRES) and not isinstance(valeur, bool):
        page.write_number(ligne, colonne, valeur, style)
    elif isinstance(valeur, date) and valeur.year >= PREMIERE_ANNEE:
        page.write_datetime(ligne, colonne, _simplifier(valeur), style)
    elif valeur is not None:
        _ecrire(page, ligne, colonne, _simplifier(valeur), style, styles)


def _cache(formule):
    valeur = _simplifier(formule.cache)
    return "" if valeur is None else valeur


def _finir(page, feuille, nombre, styles):
    """Ce qui dépend du nombre de lignes : filtre, zone d'impression, mise en évidence."""
    titres, derniere_colonne = feuille.premiere_ligne - 2, len(feuille.colonnes) - 1
    derniere = titres + max(nombre, 1)
    if feuille.tableau:
        page.add_table(titres, 0, derniere, derniere_colonne, _tableau(feuille, styles))
    else:
        page.autofilter(titres, 0, derniere, derniere_colonne)
    a_un_total = any(colonne.total for colonne in feuille.colonnes)
    page.print_area(0, 0, derniere + a_un_total, derniere_colonne)
    for rang, colonne in enumerate(feuille.colonnes):
        if colonne.rouge_si:
            page.conditional_format(titres + 1, rang, derniere, rang, _condition(colonne, styles["rouge"]))
        if colonne.liste:
            choix = {"validate": "list", "source": colonne.liste, "error_type": "information"}
            page.data_validation(titres + 1, rang, titres + LIGNES_A_REMPLIR, rang, choix)


def _tableau(feuille, styles):
    """Le tableau Excel : ses titres sont ceux de la feuille, avec leurs filtres et des bandes légères."""
    entetes = [
        {"header": texte_propre(colonne.titre), "header_format": _style_d_en_tete(colonne, styles)}
        for colonne in feuille.colonnes
    ]
    return {"name": feuille.tableau, "style": "Table Style Light 1", "columns": entetes}


def _condition(colonne, style):
    critere, valeur = colonne.rouge_si
    borne = f'"{valeur}"' if isinstance(valeur, str) else valeur
    return {"type": "cell", "criteria": critere, "value": borne, "format": style}


def _texte_csv(valeur, nom):
    if isinstance(valeur, Cellule):
        valeur, nom = valeur.valeur, valeur.format
    if isinstance(valeur, Formule):
        valeur = valeur.cache
    valeur = _simplifier(valeur)
    if valeur is None:
        return ""
    if isinstance(valeur, str):
        return f"'{valeur}" if _ressemble_a_une_formule(valeur) else valeur
    if isinstance(valeur, date):
        return valeur.strftime("%d/%m/%Y %H:%M" if isinstance(valeur, datetime) else "%d/%m/%Y")
    return _nombre_csv(valeur, nom)


def _ressemble_a_une_formule(texte):
    return texte.startswith(("\t", "\n")) or texte.lstrip().startswith(DEBUTS_DE_FORMULE)


def _nombre_csv(valeur, nom):
    """Virgule décimale, sans espace ni exposant ; toujours deux décimales pour un montant."""
    exact = Decimal(repr(valeur)) if isinstance(valeur, float) else Decimal(valeur)
    return f"{exact:.2f}".replace(".", ",") if nom == "euros" else f"{exact:f}".replace(".", ",")


class _Echo:
    """Le fichier dont `csv.writer` a besoin, qui rend la ligne au lieu de la garder."""

    def write(self, ligne):
        return ligne


__all__ = [
    "Cellule",
    "Colonne",
    "Feuille",
    "Formule",
    "classeur",
    "csv_francais",
    "lettre",
    "lignes_csv",
    "texte_propre",
]
