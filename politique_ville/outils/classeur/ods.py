"""L'ODS : les mêmes feuilles, formules et valeurs que le xlsx, écrites ligne à ligne par lxml (décision 0009).

Un texte est toujours une chaîne, même s'il commence par = + - @ ; une formule est vivante et porte sa valeur.
"""

import re
from datetime import UTC, date, datetime
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.utils import timezone
from lxml import etree

from .feuille import NOMBRES, Cellule, Feuille, Formule, LigneDeTotal, LigneForte, lettre, simplifier, texte_propre
from .formules_odf import en_openformula
from .styles_ods import DECLARATIONS, ESPACES, Styles, settings_xml, styles_xml

TYPE = "application/vnd.oasis.opendocument.spreadsheet"
PARTIES = ("meta.xml", "styles.xml", "settings.xml", "content.xml")

# Comme Excel : « * » et « ? » sont des jokers, une casse n'en vaut pas une autre, un critère vaut toute la cellule.
CALCUL = (
    f"<table:calculation-settings {DECLARATIONS} table:case-sensitive='false' table:use-regular-expressions='false' "
    "table:use-wildcards='true' table:search-criteria-must-apply-to-whole-cell='true'/>"
)


def _nom(prefixe, nom):
    return f"{{{ESPACES[prefixe]}}}{nom}"


LIGNE, CELLULE = _nom("table", "table-row"), _nom("table", "table-cell")
STYLE, FORMULE = _nom("table", "style-name"), _nom("table", "formula")
GENRE, VALEUR, DATE = (_nom("office", nom) for nom in ("value-type", "value", "date-value"))
PARAGRAPHE, BLANCS, COMBIEN = (_nom("text", nom) for nom in ("p", "s", "c"))
BLANCS_PERDUS = re.compile(r"^ +| {2,}| +$")  # ceux qu'un lecteur d'ODF réduirait


def classeur_ods(*feuilles: Feuille, vers, titre: str = "", cree_le: datetime | None = None) -> None:
    """Écrit les feuilles en ODS dans `vers` (chemin ou fichier binaire), en mémoire constante.

    Avec `cree_le` fixé, le même contenu donne les mêmes octets. Le fichier ne porte ni auteur ni société.
    """
    instant = (cree_le or timezone.now()).astimezone(UTC)
    with ZipFile(vers, "w") as archive:

        def ajouter(nom, contenu, compression=ZIP_DEFLATED):
            archive.writestr(_entree(nom, instant, compression), contenu)

        ajouter("mimetype", TYPE, ZIP_STORED)  # en premier, et en clair : la signature d'un ODF
        ajouter("META-INF/manifest.xml", _manifeste())
        ajouter("meta.xml", _meta(texte_propre(titre), instant))
        ajouter("styles.xml", styles_xml(feuilles))
        ajouter("settings.xml", settings_xml(feuilles))
        with archive.open(_entree("content.xml", instant), "w") as flux:
            _ecrire_le_contenu(flux, feuilles)


def _entree(nom, instant, compression=ZIP_DEFLATED):
    entree = ZipInfo(nom, instant.timetuple()[:6])
    entree.compress_type = compression
    return entree


def _manifeste():
    fichiers = "".join(
        f'<manifest:file-entry manifest:full-path="{nom}" manifest:media-type="text/xml"/>' for nom in PARTIES
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><manifest:manifest {DECLARATIONS} manifest:version="1.3">'
        f'<manifest:file-entry manifest:full-path="/" manifest:version="1.3" manifest:media-type="{TYPE}"/>'
        f"{fichiers}</manifest:manifest>"
    )


def _meta(titre, instant):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-meta {DECLARATIONS} office:version="1.3"><office:meta>'
        f"<dc:title>{escape(titre)}</dc:title><meta:creation-date>{instant:%Y-%m-%dT%H:%M:%SZ}</meta:creation-date>"
        "</office:meta></office:document-meta>"
    )


# --- Le contenu ---


def _ecrire_le_contenu(flux, feuilles):
    styles, nombres = Styles(feuilles), []
    racine = _nom("office", "document-content")
    with (
        etree.xmlfile(flux, encoding="UTF-8", buffered=False) as xml,
        xml.element(racine, {_nom("office", "version"): "1.3"}, nsmap=ESPACES),
    ):
        xml.write(etree.XML(styles.declaration()))
        with xml.element(_nom("office", "body")), xml.element(_nom("office", "spreadsheet")):
            xml.write(etree.XML(CALCUL))
            for rang, feuille in enumerate(feuilles):
                attributs = {_nom("table", "name"): feuille.nom, STYLE: f"feuille{rang}"}
                with xml.element(_nom("table", "table"), attributs):
                    nombres.append(_ecrire_une_feuille(xml, feuille, styles))
            xml.write(_filtres(feuilles, nombres))


def _ecrire_une_feuille(xml, feuille, styles):
    """Écrit colonnes et lignes ; rend le nombre de lignes de données."""
    _ecrire_les_colonnes(xml, feuille)
    for numero, note in enumerate(feuille.lignes_libres):
        style = "titre" if numero == 0 and feuille.intitule else "general"
        xml.write(_ligne(note, [style] * len(note)))
    cellules = feuille.cellules()
    with xml.element(_nom("table", "table-header-rows")):
        xml.write(_ligne(next(cellules), [styles.en_tete(colonne) for colonne in feuille.colonnes]))
    return _ecrire_les_lignes(xml, feuille, cellules, styles)


def _ecrire_les_colonnes(xml, feuille):
    """Les colonnes figées se répètent à l'impression, comme la ligne des titres."""
    colonnes = [_colonne(colonne) for colonne in feuille.colonnes]
    if feuille.colonnes_figees:
        with xml.element(_nom("table", "table-header-columns")):
            for colonne in colonnes[: feuille.colonnes_figees]:
                xml.write(colonne)
    for colonne in colonnes[feuille.colonnes_figees :]:
        xml.write(colonne)


def _colonne(colonne):
    attributs = {STYLE: f"largeur{colonne.largeur}"}
    if colonne.masquee:
        attributs[_nom("table", "visibility")] = "collapse"
    return etree.Element(_nom("table", "table-column"), attributs, nsmap=ESPACES)


def _ecrire_les_lignes(xml, feuille, cellules, styles):
    ordinaires, forts, totaux = (
        [style(colonne) for colonne in feuille.colonnes] for style in (styles.ordinaire, styles.fort, styles.total)
    )
    nombre = 0
    for valeurs in cellules:
        if isinstance(valeurs, LigneDeTotal):
            if not nombre:  # le filtre a besoin d'une ligne, même vide
                xml.write(_ligne((), ()))
            xml.write(_ligne(valeurs, totaux, trait=True))
        else:
            fort = isinstance(valeurs, LigneForte)
            xml.write(_ligne(valeurs, forts if fort else ordinaires, trait=fort))
            nombre += 1
    return nombre


def _ligne(valeurs, styles, trait=False):
    """`trait` : celui d'une ligne en gras passe aussi sur ses cellules vides."""
    ligne = etree.Element(LIGNE, nsmap=ESPACES_DES_LIGNES)
    for valeur, style in zip(valeurs, styles, strict=True):
        cellule = etree.SubElement(ligne, CELLULE)
        if valeur is not None:
            _remplir(cellule, valeur, style)
        elif trait:
            cellule.set(STYLE, style)
    return ligne


ESPACES_DES_LIGNES = {prefixe: ESPACES[prefixe] for prefixe in ("office", "table", "text")}


def _remplir(cellule, valeur, style):
    """Selon le type de la valeur ; le texte d'abord, le plus fréquent."""
    if isinstance(valeur, Cellule):
        valeur, style = valeur.valeur, valeur.format
    if isinstance(valeur, Formule):
        cellule.set(FORMULE, en_openformula(valeur.texte))
        valeur = "" if valeur.cache is None else valeur.cache
    cellule.set(STYLE, style)
    valeur = simplifier(valeur)
    if isinstance(valeur, str):
        cellule.set(GENRE, "string")
        _ecrire_un_texte(cellule, valeur)
    elif isinstance(valeur, NOMBRES):
        cellule.set(GENRE, "float")
        cellule.set(VALEUR, str(valeur))
    elif isinstance(valeur, date):
        cellule.set(GENRE, "date")
        cellule.set(DATE, valeur.isoformat())


def _ecrire_un_texte(cellule, texte):
    """Un paragraphe par ligne ; une cellule n'a pas de tabulation, une espace la remplace."""
    for partie in texte.replace("\t", " ").split("\n"):
        paragraphe = etree.SubElement(cellule, PARAGRAPHE)
        if BLANCS_PERDUS.search(partie):
            _garder_les_blancs(paragraphe, partie)
        else:
            paragraphe.text = partie


def _garder_les_blancs(paragraphe, texte):
    precedent, debut = None, 0
    for blancs in BLANCS_PERDUS.finditer(texte):
        _suivre(paragraphe, precedent, texte[debut : blancs.start()])
        precedent = etree.SubElement(paragraphe, BLANCS, {COMBIEN: str(len(blancs[0]))})
        debut = blancs.end()
    _suivre(paragraphe, precedent, texte[debut:])


def _suivre(paragraphe, precedent, texte):
    if precedent is None:
        paragraphe.text = texte
    else:
        precedent.tail = texte


def _filtres(feuilles, nombres):
    """Le filtre de chaque tableau, de ses titres à sa dernière ligne, total exclu."""
    plages = etree.Element(_nom("table", "database-ranges"), nsmap=ESPACES)
    for rang, (feuille, nombre) in enumerate(zip(feuilles, nombres, strict=True)):
        titres = feuille.premiere_ligne - 1
        page = "'" + feuille.nom.replace("'", "''") + "'"
        fin = f"{lettre(len(feuille.colonnes))}{titres + max(nombre, 1)}"
        attributs = {
            "name": feuille.tableau or f"__Anonymous_Sheet_DB__{rang}",
            "target-range-address": f"{page}.A{titres}:{page}.{fin}",
            "display-filter-buttons": "true",
        }
        attributs = {_nom("table", nom): valeur for nom, valeur in attributs.items()}
        etree.SubElement(plages, _nom("table", "database-range"), attributs)
    return plages
