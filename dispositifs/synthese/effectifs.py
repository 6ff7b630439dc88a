"""Masquer les petits effectifs : aucun nombre inférieur à cinq ne sort, ni ne se retrouve par différence."""

from collections.abc import Sequence
from dataclasses import dataclass

SEUIL = 5  # enfants
MASQUE = "n. c."  # non communiqué : la case est petite, ou elle permettrait d'en retrouver une


@dataclass(frozen=True)
class TableauDEffectifs:
    """Un tableau et ses marges, tels qu'ils sortent : un nombre, MASQUE, ou None si la case n'est pas renseignée."""

    lignes: tuple[tuple[int | str | None, ...], ...]
    totaux_des_lignes: tuple[int | str | None, ...]
    totaux_des_colonnes: tuple[int | str | None, ...]
    total: int | str | None


def masquer(cases: Sequence[Sequence[int | None]]) -> TableauDEffectifs:
    """Le tableau masqué : d'abord tout nombre sous le seuil, puis ce qui le rendrait par différence.

    Une marge dont une case est inconnue est inconnue.
    """
    etendu = avec_marges(cases)
    caches = {(i, j) for i, ligne in enumerate(etendu) for j, n in enumerate(ligne) if n is not None and n < SEUIL}
    while a_cacher := prochaine_case(etendu, caches):
        caches.add(a_cacher)
    sortie = [[MASQUE if (i, j) in caches else n for j, n in enumerate(ligne)] for i, ligne in enumerate(etendu)]
    return TableauDEffectifs(
        lignes=tuple(tuple(ligne[:-1]) for ligne in sortie[:-1]),
        totaux_des_lignes=tuple(ligne[-1] for ligne in sortie[:-1]),
        totaux_des_colonnes=tuple(sortie[-1][:-1]),
        total=sortie[-1][-1],
    )


def avec_marges(cases):
    lignes = [[*ligne, somme(ligne)] for ligne in cases]
    return [*lignes, [somme(colonne) for colonne in zip(*lignes, strict=True)]]


def somme(nombres):
    return None if None in nombres else sum(nombres)


def prochaine_case(etendu, caches):
    """Une case à cacher encore, ou None : la plus petite visible de la première ligne ou colonne qui en trahit une."""
    hauteur, largeur = len(etendu), len(etendu[0])
    lignes = [[(i, j) for j in range(largeur)] for i in range(hauteur)]
    colonnes = [[(i, j) for i in range(hauteur)] for j in range(largeur)]
    for places in (*lignes, *colonnes):
        if trahit(etendu, caches, places):
            visibles = [p for p in places if p not in caches and etendu[p[0]][p[1]] is not None]
            # Une case plutôt que sa marge ; à défaut de case, la marge.
            visibles.sort(key=lambda p: (p == places[-1], etendu[p[0]][p[1]]))
            return visibles[0]
    return None


def trahit(etendu, caches, places):
    """Vrai si cette ligne rend une case cachée : elle y est seule, ou les cases cachées font moins que le seuil."""
    valeurs = [etendu[i][j] for i, j in places]
    cachees = [place for place in places if place in caches]
    if not cachees or len(cachees) == len(places) or None in valeurs:
        return False
    if places[-1] in caches:
        return len(cachees) == 1
    return len(cachees) == 1 or sum(etendu[i][j] for i, j in cachees) < SEUIL


def masquer_une_part(nombre: int | None, total: int | None) -> int | str | None:
    """Un « dont » : masqué s'il est sous le seuil, ou si le reste du total l'est sans être nul."""
    if nombre is None:
        return None
    reste = None if total is None else total - nombre
    return MASQUE if nombre < SEUIL or (reste is not None and 0 < reste < SEUIL) else nombre


def taire(nombre):
    """Une case non renseignée le reste."""
    return None if nombre is None else MASQUE
