"""Les formes d'un ODS : formats français, largeurs, volets figés, mise en page. Les valeurs s'écrivent dans `ods`."""

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from .feuille import Colonne, Feuille

ESPACES = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
    "number": "urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0",
    "fo": "urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0",
    "meta": "urn:oasis:names:tc:opendocument:xmlns:meta:1.0",
    "config": "urn:oasis:names:tc:opendocument:xmlns:config:1.0",
    "manifest": "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
    "of": "urn:oasis:names:tc:opendocument:xmlns:of:1.2",
    "ooo": "http://openoffice.org/2004/office",
}
DECLARATIONS = " ".join(f'xmlns:{prefixe}="{adresse}"' for prefixe, adresse in ESPACES.items())

FRANCAIS = 'number:language="fr" number:country="FR"'
JOUR = (
    '<number:day number:style="long"/><number:text>/</number:text><number:month number:style="long"/>'
    '<number:text>/</number:text><number:year number:style="long"/>'
)
HEURE = (
    '<number:text> </number:text><number:hours number:style="long"/><number:text>:</number:text>'
    '<number:minutes number:style="long"/>'
)


def _nombre(decimales, milliers=True):
    return (
        f'<number:number number:decimal-places="{decimales}" number:min-decimal-places="{decimales}" '
        f'number:min-integer-digits="1" number:grouping="{"true" if milliers else "false"}"/>'
    )


# Pour chaque format d'une colonne : son élément, ce qu'il contient, l'alignement, le retour à la ligne.
FORMATS = {
    "general": ("number-style", '<number:number number:min-integer-digits="1"/>', "", False),
    "texte": ("text-style", "<number:text-content/>", "", False),
    "texte_long": ("text-style", "<number:text-content/>", "", True),
    "entier": ("number-style", _nombre(0), "end", False),
    "annee": ("number-style", _nombre(0, milliers=False), "", False),
    "nombre": ("number-style", _nombre(2), "end", False),
    "euros": (
        "currency-style",
        f"{_nombre(2)}<number:text>\u00a0</number:text><number:currency-symbol {FRANCAIS}>€</number:currency-symbol>",
        "end",
        False,
    ),
    "pourcent": ("percentage-style", f"{_nombre(1)}<number:text>\u00a0%</number:text>", "end", False),
    "date": ("date-style", JOUR, "start", False),
    "date_heure": ("date-style", JOUR + HEURE, "start", False),
}
GRAS = 'fo:font-weight="bold"'
FOND_D_EN_TETE = 'fo:background-color="#e3e3fd" fo:border-bottom="0.75pt solid #000000"'
TRAIT_DE_TOTAL = 'fo:border-top="0.75pt solid #000000"'
ROUGE = (
    '<style:style style:name="rouge" style:family="table-cell" style:parent-style-name="Default">'
    '<style:table-cell-properties fo:background-color="#ffe9e6"/><style:text-properties fo:color="#b34000"/>'
    "</style:style>"
)


class Styles:
    """Le nom du style d'une cellule, et la déclaration de tous ceux que des feuilles emploient."""

    def __init__(self, feuilles: Sequence[Feuille]):
        self.feuilles = feuilles
        colonnes = [colonne for feuille in feuilles for colonne in feuille.colonnes]
        self.conditions = list(dict.fromkeys(c.rouge_si for c in colonnes if c.rouge_si))
        self.largeurs = sorted({colonne.largeur for colonne in colonnes})

    def ordinaire(self, colonne: Colonne) -> str:
        return colonne.format + self._si(colonne)

    def fort(self, colonne: Colonne) -> str:
        return f"{colonne.format}-gras" + self._si(colonne)

    def total(self, colonne: Colonne) -> str:
        return f"{colonne.format}-gras"

    def en_tete(self, colonne: Colonne) -> str:
        """Le titre d'une colonne de nombres s'aligne sur eux."""
        return "entete-droite" if FORMATS[colonne.format][2] == "end" else "entete"

    def _si(self, colonne):
        return f"-si{self.conditions.index(colonne.rouge_si)}" if colonne.rouge_si else ""

    def declaration(self) -> str:
        """Les styles automatiques de content.xml."""
        return f"<office:automatic-styles {DECLARATIONS}>{''.join(self._tous())}</office:automatic-styles>"

    def _tous(self):
        for rang in range(len(self.feuilles)):
            page = f'style:name="feuille{rang}" style:family="table" style:master-page-name="page{rang}"'
            yield f'<style:style {page}><style:table-properties table:display="true"/></style:style>'
        for largeur in self.largeurs:
            cm = f"{(largeur * 7 + 5) / 96 * 2.54:.2f}cm"  # un caractère fait 7 points d'écran, comme dans Excel
            taille = f'<style:table-column-properties style:column-width="{cm}"/>'
            yield f'<style:style style:name="largeur{largeur}" style:family="table-column">{taille}</style:style>'
        for nom, (element, contenu, *_) in FORMATS.items():
            yield f'<number:{element} style:name="n-{nom}" {FRANCAIS}>{contenu}</number:{element}>'
        yield _cellule("titre", texte=f'{GRAS} fo:font-size="14pt"')
        yield _cellule("entete", FOND_D_EN_TETE, GRAS, retour=True)
        yield _cellule("entete-droite", FOND_D_EN_TETE, GRAS, "end", retour=True)
        conditions = {"": "", **{f"-si{rang}": _condition(*c) for rang, c in enumerate(self.conditions)}}
        for nom in FORMATS:
            for suffixe, condition in conditions.items():
                yield _cellule_au_format(nom, suffixe, "", "", condition)
                yield _cellule_au_format(nom, f"-gras{suffixe}", TRAIT_DE_TOTAL, GRAS, condition)


def _cellule_au_format(nom, suffixe, cellule, texte, condition):
    _, _, alignement, retour = FORMATS[nom]
    return _cellule(nom + suffixe, cellule, texte, alignement, retour, f"n-{nom}", condition)


def _cellule(nom, cellule="", texte="", alignement="", retour=False, donnees="", condition=""):
    lien = f'style:data-style-name="{donnees}"' if donnees else ""
    passer = 'fo:wrap-option="wrap"' if retour else ""
    aligner = f'<style:paragraph-properties fo:text-align="{alignement}"/>' if alignement else ""
    source = 'style:text-align-source="fix"' if alignement else ""
    return (
        f'<style:style style:name="{nom}" style:family="table-cell" style:parent-style-name="Default" {lien}>'
        f"<style:table-cell-properties {cellule} {passer} {source}/>{aligner}<style:text-properties {texte}/>"
        f"{condition}</style:style>"
    )


def _condition(operateur, valeur):
    borne = f'"{valeur}"' if isinstance(valeur, str) else valeur
    rouge = _si(f"cell-content(){operateur}{borne}", "rouge")
    return _si('cell-content()="—"', "Default") + rouge  # pour un tableur, un texte diffère de tout nombre


def _si(condition, style):
    return f'<style:map style:condition={quoteattr(condition)} style:apply-style-name="{style}"/>'


def styles_xml(feuilles: Sequence[Feuille]) -> str:
    """Le style par défaut, le rouge, et une mise en page par feuille : A4, en largeur, son nom et la page en pied."""
    mises = "".join(_mise_en_page(rang, feuille) for rang, feuille in enumerate(feuilles))
    maitresses = "".join(
        f'<style:master-page style:name="page{rang}" style:page-layout-name="mise{rang}"><style:footer>'
        "<text:p><text:sheet-name/> – <text:page-number/> / <text:page-count/></text:p>"
        "</style:footer></style:master-page>"
        for rang in range(len(feuilles))
    )
    return _document(
        "styles",
        '<office:styles><style:style style:name="Default" style:family="table-cell">'
        '<style:table-cell-properties style:vertical-align="top"/></style:style>'
        f"{ROUGE}</office:styles><office:automatic-styles>{mises}</office:automatic-styles>"
        f"<office:master-styles>{maitresses}</office:master-styles>",
    )


def _mise_en_page(rang, feuille):
    largeur, hauteur = ("29.7cm", "21cm") if feuille.paysage else ("21cm", "29.7cm")
    sens = "landscape" if feuille.paysage else "portrait"
    return (
        f'<style:page-layout style:name="mise{rang}"><style:page-layout-properties fo:page-width="{largeur}" '
        f'fo:page-height="{hauteur}" style:print-orientation="{sens}" fo:margin="1.8cm" '
        f'style:scale-to-X="{feuille.pages_de_large}" style:scale-to-Y="0"/><style:footer-style>'
        '<style:header-footer-properties fo:min-height="0.6cm" fo:margin-top="0.4cm"/>'
        "</style:footer-style></style:page-layout>"
    )


def settings_xml(feuilles: Sequence[Feuille]) -> str:
    """Les titres, et les premières colonnes s'il le faut, restent à l'écran."""
    tables = "".join(map(_volets, feuilles))
    return _document(
        "settings",
        '<office:settings><config:config-item-set config:name="ooo:view-settings">'
        '<config:config-item-map-indexed config:name="Views"><config:config-item-map-entry>'
        f'<config:config-item-map-named config:name="Tables">{tables}</config:config-item-map-named>'
        "</config:config-item-map-entry></config:config-item-map-indexed></config:config-item-set></office:settings>",
    )


def _volets(feuille):
    colonnes, lignes = feuille.colonnes_figees, feuille.premiere_ligne - 1
    reglages = [
        ("HorizontalSplitMode", "short", 2 if colonnes else 0),
        ("VerticalSplitMode", "short", 2),
        ("HorizontalSplitPosition", "int", colonnes),
        ("VerticalSplitPosition", "int", lignes),
        ("ActiveSplitRange", "short", 3 if colonnes else 2),
        ("PositionRight", "int", colonnes),
        ("PositionBottom", "int", lignes),
    ]
    items = "".join(
        f'<config:config-item config:name="{nom}" config:type="{genre}">{valeur}</config:config-item>'
        for nom, genre, valeur in reglages
    )
    return f"<config:config-item-map-entry config:name={quoteattr(feuille.nom)}>{items}</config:config-item-map-entry>"


def _document(nom, contenu):
    racine = f"office:document-{nom}"
    return f'<?xml version="1.0" encoding="UTF-8"?><{racine} {DECLARATIONS} office:version="1.3">{contenu}</{racine}>'
