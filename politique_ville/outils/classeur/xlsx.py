"""Le xlsx ; seul ce module connaît XlsxWriter. Une formule est vivante et porte sa valeur en cache."""

import textwrap
from datetime import UTC, date, datetime

from django.utils import timezone
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from .feuille import (
    NOMBRES,
    PREMIERE_ANNEE,
    Cellule,
    Feuille,
    Formule,
    LigneDeTotal,
    LigneForte,
    simplifier,
    texte_propre,
)

HAUTEUR_DE_LIGNE = 15  # points
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
# Pour un tableur, un texte diffère de tout nombre et le dépasse : sans cette règle, un inconnu serait en rouge.
SI_INCONNU = {"type": "cell", "criteria": "==", "value": '"—"', "stop_if_true": True}


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


class _Onglet(Worksheet):
    """XlsxWriter cherche dans chaque formule les trente fonctions parues après 2007 ; les nôtres n'en ont aucune.

    Un classeur de 12 000 formules s'écrit ainsi une seconde plus vite. Aucune option publique ne l'évite, d'où cette
    méthode interne : si XlsxWriter la renomme, le fichier restera le même, un peu plus lent à écrire.
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
    page.fit_to_pages(feuille.pages_de_large, 0)
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
        page.write_datetime(ligne, colonne, simplifier(valeur), style)
    elif valeur is not None:
        _ecrire(page, ligne, colonne, simplifier(valeur), style, styles)


def _cache(formule):
    valeur = simplifier(formule.cache)
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
            for condition in (SI_INCONNU, _condition(colonne, styles["rouge"])):
                page.conditional_format(titres + 1, rang, derniere, rang, condition)
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
