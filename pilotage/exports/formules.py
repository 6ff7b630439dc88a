"""Écrire une formule et la valeur qu'elle donne, toutes deux tirées des mêmes lignes.

Une valeur en cache est calculée ici comme le tableur la calculera, jamais recopiée de l'écran : la feuille Contrôles
peut donc les rapprocher vraiment. Les clés que comparent les formules ne se lisent pas comme des nombres
(« contrat-12 ») : SUMIFS confond « 1.1 » et « 1.10 ».
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from politique_ville.outils.classeur import Cellule, Colonne, Feuille, Formule, lettre
from politique_ville.outils.typographie import insecables

INCONNU = "—"
ZERO = Decimal("0.00")


@dataclass(frozen=True)
class Champ:
    """Une colonne du gabarit : le nom de sa valeur dans le code, et ce que la feuille en montre."""

    nom: str
    titre: str
    format: str = "texte"
    largeur: int = 14
    total: bool = False
    rouge_si: tuple[str, Any] | None = None
    masquee: bool = False

    def colonne(self) -> Colonne:
        return Colonne(
            insecables(self.titre),
            lambda ligne: ligne.get(self.nom),
            self.format,
            self.largeur,
            self.total,
            self.rouge_si,
            self.masquee,
        )


@dataclass(frozen=True)
class ModeleDeFeuille:
    """Une feuille du gabarit : son nom d'onglet, ses colonnes, ce qui s'écrit au-dessus."""

    nom: str
    champs: tuple[Champ, ...]
    intitule: str
    notes: tuple[str, ...] = ()
    colonnes_figees: int = 0
    tableau: str = ""
    paysage: bool = True


class Page:
    """Une feuille en train de se remplir : ses lignes sont des dictionnaires, nommés comme les champs du gabarit.

    Le nombre de lignes est fixé à la création ; leurs formules viennent ensuite, puisqu'elles se désignent entre elles.
    """

    def __init__(self, modele: ModeleDeFeuille, lignes: list[dict]):
        self.lignes = lignes
        self.champs = {champ.nom: rang for rang, champ in enumerate(modele.champs)}
        self.feuille = Feuille(
            modele.nom,
            tuple(champ.colonne() for champ in modele.champs),
            lignes,
            intitule=modele.intitule,
            notes=tuple(map(insecables, modele.notes)),
            colonnes_figees=modele.colonnes_figees,
            paysage=modele.paysage,
            forte=lambda ligne: ligne.get("forte", False),
            tableau=modele.tableau,
        )
        self.nom = modele.nom
        self._valeurs = {}

    def plage(self, nom: str) -> str:
        """La plage d'une colonne : Programmation!$F$4:$F$300."""
        return self.feuille.plage(self.feuille.titres[self.champs[nom]])

    def cellule(self, nom: str, rang: int) -> str:
        """L'adresse d'une cellule vue d'une autre feuille."""
        return self.feuille.cellule(self.feuille.titres[self.champs[nom]], rang)

    def ici(self, nom: str, rang: int) -> str:
        """L'adresse d'une cellule vue de la même feuille ; relative, pour qu'un tri emporte la formule."""
        return f"{lettre(self.champs[nom] + 1)}{self.feuille.premiere_ligne + rang}"

    def fixe(self, nom: str, rang: int) -> str:
        """La même, absolue : pour un total que visent plusieurs lignes."""
        return f"${lettre(self.champs[nom] + 1)}${self.feuille.premiere_ligne + rang}"

    def valeurs(self, nom: str) -> list:
        """Ce que valent les cellules d'une colonne, lues une fois : à ne demander que la colonne remplie."""
        if nom not in self._valeurs:
            self._valeurs[nom] = [valeur(ligne.get(nom)) for ligne in self.lignes]
        return self._valeurs[nom]


def valeur(contenu: Any) -> Any:
    """Ce que vaut une cellule : le cache d'une formule, la valeur d'une cellule mise en forme."""
    if isinstance(contenu, Cellule):
        contenu = contenu.valeur
    return contenu.cache if isinstance(contenu, Formule) else contenu


def est_un_nombre(contenu: Any) -> bool:
    return isinstance(contenu, int | Decimal)


def nombre_ou_zero(contenu: Any) -> int | Decimal:
    """Ce que rend `N()` : zéro pour un texte (« — ») ou une cellule vide."""
    return contenu if est_un_nombre(contenu) else ZERO


# --- Compter et additionner sous conditions ---


@dataclass(frozen=True)
class Critere:
    """Une condition sur une colonne : égale à la valeur ou, si `sauf`, différente d'elle.

    `adresse` : la cellule où la formule lit la valeur ; à défaut, la formule l'écrit.
    """

    nom: str
    valeur: str
    sauf: bool = False
    adresse: str = ""

    def en_texte(self) -> str:
        return self.adresse or f'"{"<>" if self.sauf else ""}{self.valeur}"'

    def retient(self, contenu: Any) -> bool:
        return ((contenu or "") == self.valeur) != self.sauf


class Selection:
    """Les lignes d'une page que retiennent des critères fixes ; sait les compter et les additionner par clé."""

    def __init__(self, page: Page, *criteres: Critere):
        self.page, self.criteres = page, criteres
        self._retenus = range(len(page.lignes))
        for critere in criteres:
            contenus = page.valeurs(critere.nom)
            self._retenus = [rang for rang in self._retenus if critere.retient(contenus[rang])]
        self._groupes = {}

    def nombre(self, *criteres: Critere) -> Formule:
        """Le nombre de lignes : COUNTIFS."""
        return Formule(f"=COUNTIFS({self._conditions(criteres)})", len(self.rangs(*criteres)))

    def connus(self, nom: str, *criteres: Critere) -> Formule:
        """Le nombre de lignes dont le montant (jamais négatif) est connu."""
        texte = f'=COUNTIFS({self._conditions(criteres)},{self.page.plage(nom)},">=0")'
        return Formule(texte, len(self._nombres(nom, criteres)))

    def somme(self, nom: str, *criteres: Critere) -> Formule:
        """La somme d'une colonne, les cellules vides comptant pour zéro : SUMIFS."""
        texte = f"=SUMIFS({self.page.plage(nom)},{self._conditions(criteres)})"
        return Formule(texte, sum(self._nombres(nom, criteres), ZERO))

    def _conditions(self, criteres):
        return ",".join(f"{self.page.plage(c.nom)},{c.en_texte()}" for c in (*self.criteres, *criteres))

    def rangs(self, *criteres: Critere) -> list[int]:
        """Les rangs retenus pour ces clés, par un index lu une fois par jeu de colonnes."""
        noms = tuple(critere.nom for critere in criteres)
        if noms not in self._groupes:
            self._groupes[noms] = self._indexer(noms)
        return self._groupes[noms].get(tuple(critere.valeur for critere in criteres), [])

    def _indexer(self, noms):
        colonnes = [self.page.valeurs(nom) for nom in noms]
        groupes = {}
        for rang in self._retenus:
            groupes.setdefault(tuple(colonne[rang] for colonne in colonnes), []).append(rang)
        return groupes

    def _nombres(self, nom, criteres):
        contenus = self.page.valeurs(nom)
        return [contenus[rang] for rang in self.rangs(*criteres) if est_un_nombre(contenus[rang])]


# --- Les autres formules ---


def corps(formule: Formule) -> str:
    """La formule sans son signe égal, pour l'écrire dans une autre."""
    return formule.texte.removeprefix("=")


def ou_inconnu(somme: Formule, connus: Formule, nombre: Formule, adresse_du_nombre: str = "") -> Formule:
    """La somme ou, si des lignes existent sans qu'aucun montant soit connu, « — »."""
    inconnue = nombre.cache > 0 and connus.cache == 0
    texte = f'=IF(AND({adresse_du_nombre or corps(nombre)}>0,{corps(connus)}=0),"{INCONNU}",{corps(somme)})'
    return Formule(texte, INCONNU if inconnue else somme.cache)


def quotient(numerateur: tuple[str, Any], denominateur: tuple[str, Any], decimales: int | None = None) -> Formule:
    """L'un divisé par l'autre (adresse, valeur), exact ou arrondi ; « — » si l'un est inconnu ou le second nul."""
    (haut, a), (bas, b) = numerateur, denominateur
    rapport = f"{haut}/{bas}" if decimales is None else f"ROUND({haut}/{bas},{decimales})"
    texte = f'=IF(OR(COUNT({haut})=0,N({bas})=0),"{INCONNU}",{rapport})'
    if not est_un_nombre(a) or not nombre_ou_zero(b):
        return Formule(texte, INCONNU)
    exact = Decimal(a) / Decimal(b)
    return Formule(texte, exact if decimales is None else arrondi(exact, decimales))


def arrondi(nombre: Decimal, decimales: int) -> Decimal:
    """Comme ROUND : le demi s'éloigne de zéro."""
    return nombre.quantize(Decimal(10) ** -decimales, ROUND_HALF_UP)


def difference(a: Any, b: Any) -> Decimal:
    """Ce qui sépare deux totaux, au centime ; l'inconnu y compte pour zéro."""
    return arrondi(Decimal(nombre_ou_zero(a) - nombre_ou_zero(b)), 2)


def ecart(a: tuple[str, Any], b: tuple[str, Any]) -> Formule:
    """La différence de deux cellules (adresse, valeur) ; arrondie, car un tableur compte en binaire."""
    return Formule(f"=ROUND(N({a[0]})-N({b[0]}),2)", difference(a[1], b[1]))


def ecart_connu(a: tuple[str, Any], b: tuple[str, Any]) -> Formule:
    """La même, ou « — » si l'une des deux cellules est inconnue."""
    texte = f'=IF(COUNT({a[0]},{b[0]})=2,ROUND({a[0]}-{b[0]},2),"{INCONNU}")'
    return Formule(texte, difference(a[1], b[1]) if est_un_nombre(a[1]) and est_un_nombre(b[1]) else INCONNU)


def total_connu(page: Page, noms: Iterable[str]) -> Formule:
    """La somme de colonnes entières ; « — » si aucune cellule n'est connue : rien n'y vaut zéro."""
    somme = total(page, noms)
    plages = corps(somme).removeprefix("SUM")
    connue = any(est_un_nombre(contenu) for nom in noms for contenu in page.valeurs(nom))
    return Formule(f'=IF(COUNT{plages}=0,"{INCONNU}",{corps(somme)})', somme.cache if connue else INCONNU)


def total(page: Page, noms: Iterable[str]) -> Formule:
    """La somme de colonnes entières."""
    noms = list(noms)
    texte = ",".join(page.plage(nom) for nom in noms)
    contenus = [contenu for nom in noms for contenu in page.valeurs(nom)]
    return Formule(f"=SUM({texte})", sum((c for c in contenus if est_un_nombre(c)), ZERO))
