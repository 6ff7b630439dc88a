"""Rendre à l'agent une copie de son fichier où chaque cellule refusée est rouge et commentée.

Un .xlsx garde sa forme ; un .csv, .ods ou .xls devient un xlsx de mêmes adresses. Une feuille « Anomalies » les liste.
"""

import io
import logging
import re
from collections import defaultdict
from collections.abc import Sequence

from openpyxl import Workbook, load_workbook
from openpyxl.cell import MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill

from politique_ville.outils.classeur import texte_propre
from politique_ville.outils.tableur.fichier import refus_seulement
from politique_ville.outils.tableur.lecture import Table
from politique_ville.outils.tableur.plan import Anomalie, Gravite, place

journal = logging.getLogger(__name__)

CELLULES_AU_PLUS = 200_000  # au-delà, rendre tout le classeur prendrait plus de dix secondes
AUTEUR = "Programmation ville"
ADRESSE = re.compile(r"[A-Z]{1,3}[1-9][0-9]*")  # une anomalie peut porter sur la ligne entière
FEUILLE = "Anomalies"
TITRES = ("Cellule", "Champ", "Valeur lue", "Message", "Gravité")
FONDS = {
    Gravite.REFUS: PatternFill("solid", start_color="FFFFB3AB"),
    Gravite.AVERTISSEMENT: PatternFill("solid", start_color="FFFFE8A3"),
}


def annoter(table: Table, anomalies: Sequence[Anomalie]) -> bytes:
    """Les octets du xlsx annoté ; chaque anomalie est une cellule rouge et une ligne de la feuille « Anomalies »."""
    with refus_seulement(table.fichier.nom):
        page = _rouvrir(table) or _reconstruire(table, anomalies)
        _marquer(page, anomalies)
        _lister(page.parent, anomalies)
        sortie = io.BytesIO()
        page.parent.save(sortie)
        return sortie.getvalue()


def _rouvrir(table):
    """La feuille de l'agent sans les marques d'une annotation précédente ; None s'il ne se rouvre pas tel quel."""
    if table.fichier.extension != ".xlsx" or _est_immense(table):
        return None
    try:
        livre = load_workbook(io.BytesIO(table.fichier.contenu))
        _effacer_les_marques(livre, table.feuille)
    except Exception:  # openpyxl est plus exigeant que la lecture : la copie sera reconstruite
        journal.warning("Classeur reconstruit pour l’annotation : %s", table.fichier.nom, exc_info=True)
        return None
    return livre[table.feuille]


def _effacer_les_marques(livre, feuille):
    if FEUILLE in livre.sheetnames and feuille != FEUILLE:
        del livre[FEUILLE]
    for rangee in livre[feuille].iter_rows():
        for cellule in rangee:
            if cellule.comment and cellule.comment.author == AUTEUR:
                cellule.comment, cellule.fill = None, PatternFill()


def _est_immense(table):
    return len(table.lignes) * len(table.entetes) > CELLULES_AU_PLUS


def _reconstruire(table, anomalies):
    """Les mêmes valeurs aux mêmes adresses ; d'une table immense, seulement les lignes à corriger."""
    page = Workbook().active
    _ecrire(page, table.ligne_des_entetes, table.entetes)
    a_corriger = {re.sub(r"\D", "", anomalie.cellule) for anomalie in anomalies}
    for ligne in table.lignes:
        if not _est_immense(table) or str(ligne.numero) in a_corriger:
            _ecrire(page, ligne.numero, ligne.valeurs)
    return page


def _ecrire(page, numero, valeurs):
    """Un texte reste un texte, même s'il commence par « = »."""
    for colonne, valeur in enumerate(valeurs, 1):
        if valeur is not None and valeur != "":
            cellule = page.cell(numero, colonne, texte_propre(valeur) if isinstance(valeur, str) else valeur)
            if isinstance(valeur, str):
                cellule.data_type = "s"


def _marquer(page, anomalies):
    par_cellule = defaultdict(list)
    for anomalie in anomalies:
        par_cellule[anomalie.cellule].append(anomalie)
    for adresse, siennes in par_cellule.items():
        cellule = page[adresse] if ADRESSE.fullmatch(adresse) else None
        if cellule is not None and not isinstance(cellule, MergedCell):
            texte = texte_propre("\n".join(anomalie.texte for anomalie in siennes))
            cellule.comment = Comment(texte, AUTEUR, height=120, width=320)
            cellule.fill = FONDS[min((a.gravite for a in siennes), key=list(Gravite).index)]


def _lister(livre, anomalies):
    page = livre.create_sheet(FEUILLE)
    _ecrire(page, 1, TITRES)
    for numero, anomalie in enumerate(sorted(anomalies, key=place), 2):
        valeurs = (anomalie.cellule, anomalie.champ, anomalie.valeur, anomalie.texte, anomalie.gravite)
        _ecrire(page, numero, map(str, valeurs))
    for colonne, largeur in zip("ABCDE", (12, 30, 40, 90, 16), strict=True):
        page.column_dimensions[colonne].width = largeur
    page.freeze_panes = "A2"
