"""Ajuster des montants pour qu'ils tiennent exactement dans un total : pro rata, plancher, plafond, arrondi, reste.

Fonction pure, en centimes entiers : des lignes, une règle, un résultat.
1. Sous le plancher, au choix : les plus petites lignes s'effacent une à une tant que la part d'une autre y reste (et
   d'abord celles dont le plafond, arrondi, est dessous) ; ou toutes sont relevées au plancher, ou à leur plafond.
2. Les autres se partagent la cible au pro rata de leur montant, chacune entre ses bornes.
3. Chaque part est tronquée à l'arrondi, et les unités manquantes vont aux plus forts restes.
4. Ce que l'arrondi n'a pas pu placer va où la règle le dit, sans passer aucun plafond.
Exemple refait à la main : docs/calculs.md, « La règle d'ajustement ».
"""

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from .francais import euros
from .montants import CENTIME, vers_centimes, vers_euros
from .typographie import insecables

ZERO = Decimal("0.00")


class SousLePlancher(StrEnum):
    """Ce que devient une part trop petite."""

    RAMENER_A_ZERO = "zero"
    RELEVER = "relever"


class Reste(StrEnum):
    """Où vont les euros que l'arrondi n'a pas placés."""

    PLUS_FORTE_DEMANDE = "demande"
    PREMIERE = "premiere"
    DISPONIBLE = "disponible"


class AjustementImpossible(ValueError):
    """Aucun montant ne répond à la règle ; le message dit, en français, pourquoi."""


@dataclass(frozen=True)
class Ligne:
    """Un montant à ajuster (euros, ≥ 0), et ce qui est demandé (None : inconnu, donc sans plafond)."""

    cle: Hashable
    montant: Decimal
    demande: Decimal | None = None


@dataclass(frozen=True)
class Regle:
    """La règle, en euros. `origine` : d'où vient la cible, en mots ; `plafond` : le même pour toutes (None : aucun)."""

    cible: Decimal
    origine: str = ""
    plancher: Decimal = ZERO
    sous_le_plancher: SousLePlancher = SousLePlancher.RAMENER_A_ZERO
    plafonner_au_demande: bool = True
    jamais_augmenter: bool = False
    plafond: Decimal | None = None
    arrondi: Decimal = CENTIME
    reste: Reste = Reste.PLUS_FORTE_DEMANDE

    def plafond_de(self, ligne: Ligne) -> int | None:
        """Le plafond d'une ligne, en centimes (None : aucun)."""
        plafonds = [self.plafond]
        plafonds += [ligne.demande] * self.plafonner_au_demande + [ligne.montant] * self.jamais_augmenter
        return min((vers_centimes(p) for p in plafonds if p is not None), default=None)

    @property
    def pas(self) -> int:
        return vers_centimes(self.arrondi)

    @property
    def plancher_arrondi(self) -> int:
        """Le plus petit multiple de l'arrondi qui n'est pas sous le plancher, en centimes."""
        return -(-vers_centimes(self.plancher) // self.pas) * self.pas

    @property
    def phrase(self) -> str:
        """« Total porté à 96 000,00 € (−4 %), au pro rata ; … ; le reste va à la plus forte demande. »"""
        origine = f" ({self.origine})" if self.origine else ""
        morceaux = [f"Total de {euros(self.cible)}{origine}, au pro rata des montants"]
        morceaux += [self._dire_le_plancher(), self._dire_le_plafond()]
        morceaux += ["au centime" if self.arrondi == CENTIME else f"arrondi à {euros(self.arrondi)}"]
        morceaux += [DIRE_LE_RESTE[self.reste]]
        return insecables(f"{' ; '.join(morceau for morceau in morceaux if morceau)}.")

    def _dire_le_plancher(self):
        if not self.plancher:
            return ""
        if self.sous_le_plancher == SousLePlancher.RELEVER:
            return f"rien sous {euros(self.plancher)}, ce qui l’est y est relevé, ou au plafond s’il est plus bas"
        return f"rien sous {euros(self.plancher)}, les plus petits montants ramenés à 0,00 €"

    def _dire_le_plafond(self):
        limites = ["le demandé"] * self.plafonner_au_demande + ["le montant de départ"] * self.jamais_augmenter
        limites += [euros(self.plafond)] if self.plafond is not None else []
        return f"jamais plus que {' ni que '.join(limites)}" if limites else "sans plafond"


DIRE_LE_RESTE = {
    Reste.PLUS_FORTE_DEMANDE: "le reste va à la plus forte demande, puis aux suivantes",
    Reste.PREMIERE: "le reste va à la première action de la liste, puis aux suivantes",
    Reste.DISPONIBLE: "le reste est laissé disponible",
}


@dataclass(frozen=True)
class Ajustement:
    """Le résultat, en euros : total + reste = cible. `porteuses` : les lignes qui ont reçu le reste, et combien.

    `reste` n'est pas nul si la règle le laisse disponible, ou si les plafonds n'ont pas permis de tout placer.
    """

    montants: dict[Hashable, Decimal]
    total: Decimal
    reste: Decimal
    porteuses: dict[Hashable, Decimal] = field(default_factory=dict)


@dataclass
class Part:
    """Une ligne pendant le calcul, en centimes. `bas` et `haut` : multiples de l'arrondi (haut None : sans plafond).

    Sa part exacte est la fraction `exacte ÷ sur` ; bornée, un entier.
    """

    ligne: Ligne
    poids: int
    bas: int
    haut: int | None
    plafond: int | None
    exacte: int = 0
    sur: int = 1
    montant: int = 0

    @property
    def place(self):
        """Ce que le plafond permet encore d'ajouter (None : tout)."""
        return None if self.plafond is None else self.plafond - self.montant


def ajuster(lignes: Sequence[Ligne], regle: Regle) -> Ajustement:
    """Les montants de la règle, exacts au centime ; une ligne à 0,00 € y reste. Lève AjustementImpossible."""
    parts = [part(ligne, regle) for ligne in lignes if ligne.montant > 0]
    if regle.cible < 0:
        raise AjustementImpossible(f"Le total à atteindre est négatif ({euros(regle.cible)}) : rien n’est disponible.")
    if not parts:
        raise AjustementImpossible("Aucun montant à ajuster : saisir d’abord des montants.")
    servies = relevees(parts, regle) if regle.sous_le_plancher == SousLePlancher.RELEVER else epargnees(parts, regle)
    partager(servies, cible_arrondie(regle))
    arrondir(servies, regle.pas)
    porteuses = placer_le_reste(servies, vers_centimes(regle.cible) - sum(p.montant for p in servies), regle.reste)
    places = {p.ligne.cle: vers_euros(p.montant) for p in servies}
    montants = {ligne.cle: places.get(ligne.cle, ZERO) for ligne in lignes}
    total = sum(montants.values(), ZERO)
    return Ajustement(montants, total, regle.cible - total, porteuses)


def cible_arrondie(regle):
    return vers_centimes(regle.cible) // regle.pas * regle.pas


def part(ligne, regle):
    plafond = regle.plafond_de(ligne)
    haut = None if plafond is None else plafond // regle.pas * regle.pas
    bas = regle.plancher_arrondi if regle.sous_le_plancher == SousLePlancher.RELEVER else 0
    return Part(ligne, vers_centimes(ligne.montant), bas if haut is None else min(bas, haut), haut, plafond)


# --- Le plancher ---


def relevees(parts, regle):
    """Toutes, si la cible permet de donner à chacune son plancher."""
    minimum = sum(p.bas for p in parts)
    if minimum > vers_centimes(regle.cible):
        raise AjustementImpossible(
            f"Relever au plancher demande au moins {euros(vers_euros(minimum))}, "
            f"plus que le total à atteindre ({euros(regle.cible)})."
        )
    return parts


def epargnees(parts, regle):
    """Celles qui reçoivent au moins le plancher : les plus petites s'effacent une à une, la dernière d'abord à égalité.

    Plus il s'en efface, plus la part des autres grandit : le nombre qu'il faut se cherche donc par dichotomie.
    """
    plancher, cible = regle.plancher_arrondi, cible_arrondie(regle)
    possibles = [p for p in parts if p.haut is None or p.haut >= plancher]
    rangs = sorted(range(len(possibles)), key=lambda rang: (possibles[rang].poids, -rang))
    tailles = [possibles[rang] for rang in rangs]
    effacees = bisect_left(range(len(tailles)), True, key=lambda n: la_premiere_atteint(tailles[n:], cible, plancher))
    if effacees == len(tailles) and cible:
        raise AjustementImpossible(
            f"Aucune action ne peut recevoir le plancher de {euros(regle.plancher)} "
            f"dans un total de {euros(regle.cible)}, sous son plafond."
        )
    return [possibles[rang] for rang in sorted(rangs[effacees:])]


def la_premiere_atteint(parts, cible, plancher):
    partager(parts, cible)
    return parts[0].exacte >= plancher * parts[0].sur


# --- Le pro rata, l'arrondi, le reste ---


def partager(parts, cible):
    """Écrit la part exacte de chacune, au pro rata de son poids, entre ses bornes ; leur somme est la cible.

    On fixe à leur borne celles qui la passent, du côté qui passe le plus, et l'on recommence avec les autres : c'est
    la façon dont un navigateur partage la largeur d'une ligne. Sous des plafonds trop bas, la somme reste inférieure.
    """
    libres, reste = list(parts), cible
    while libres:
        poids = sum(p.poids for p in libres)
        trop = [p for p in libres if p.haut is not None and p.poids * reste > p.haut * poids]
        peu = [p for p in libres if p.poids * reste < p.bas * poids]
        if not trop and not peu:
            break
        exces = sum(p.poids * reste - p.haut * poids for p in trop)
        manque = sum(p.bas * poids - p.poids * reste for p in peu)
        for p in trop if exces >= manque else peu:
            p.exacte, p.sur = p.haut if exces >= manque else p.bas, 1
            reste -= p.exacte
        fixees = {id(p) for p in (trop if exces >= manque else peu)}
        libres = [p for p in libres if id(p) not in fixees]
    for p in libres:
        p.exacte, p.sur = p.poids * reste, poids


def arrondir(parts, pas):
    """Tronque chaque part à l'arrondi, puis donne les unités manquantes aux plus forts restes.

    À reste égal, à la plus grande, puis à la première. Seules les parts non bornées ont un reste, et toutes les mêmes
    `sur` : ils se comparent comme des entiers.
    """
    for p in parts:
        p.montant = p.exacte // (p.sur * pas) * pas
    libres = [p for p in parts if p.sur > 1]
    restes = [p.exacte - p.montant * p.sur for p in libres]
    manquantes = sum(restes) // (libres[0].sur * pas) if libres else 0
    ordre = sorted(range(len(libres)), key=lambda rang: (-restes[rang], -libres[rang].poids, rang))
    for rang in ordre[:manquantes]:
        libres[rang].montant += pas


def placer_le_reste(parts, reste, ou) -> dict[Hashable, Decimal]:
    """Ajoute le reste (centimes) aux lignes servies, dans l'ordre que dit la règle, sans passer leur plafond."""
    if ou == Reste.DISPONIBLE:
        return {}
    ordre = [p for p in parts if p.montant]
    if ou == Reste.PLUS_FORTE_DEMANDE:
        ordre.sort(key=lambda p: -(p.ligne.demande or ZERO))
    porteuses = {}
    for p in ordre:
        ajout = reste if p.place is None else min(reste, p.place)
        if ajout:
            p.montant += ajout
            reste -= ajout
            porteuses[p.ligne.cle] = vers_euros(ajout)
    return porteuses
