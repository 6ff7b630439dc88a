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


def masquer(cases: Sequence[Sequence[int | None]], total: int | None = None) -> TableauDEffectifs:
    """Le tableau masqué : d'abord tout nombre sous le seuil, puis ce qui le rendrait par différence.

    Une marge dont une case est inconnue est inconnue. `total` : celui qu'un lecteur connaît par ailleurs, ou None.
    """
    if any(None in ligne for ligne in cases):
        return masquer_un_incomplet(cases, total)
    etendu = avec_marges(cases)
    caches = {(i, j) for i, ligne in enumerate(etendu) for j, n in enumerate(ligne) if n < SEUIL}
    while a_cacher := prochaines_cases(etendu, caches):
        caches |= a_cacher
    return tableau([[MASQUE if (i, j) in caches else n for j, n in enumerate(li)] for i, li in enumerate(etendu)])


def masquer_un_incomplet(cases, total):
    """Une marge qui compte une petite case est tue avec elle : seul le total, s'il est connu, lie alors ce qui ne se
    voit pas. Si ce reste est petit, tout est tu."""
    reste = None if total is None else total - sum(n for ligne in cases for n in ligne if n and n >= SEUIL)
    tait_tout = reste is not None and reste < SEUIL
    sortie = [[n if n is None or (n >= SEUIL and not tait_tout) else MASQUE for n in ligne] for ligne in cases]
    return tableau(avec_marges(sortie))


def tableau(etendu):
    return TableauDEffectifs(
        lignes=tuple(tuple(ligne[:-1]) for ligne in etendu[:-1]),
        totaux_des_lignes=tuple(ligne[-1] for ligne in etendu[:-1]),
        totaux_des_colonnes=tuple(etendu[-1][:-1]),
        total=etendu[-1][-1],
    )


def avec_marges(cases):
    lignes = [[*ligne, somme(ligne)] for ligne in cases]
    return [*lignes, [somme(colonne) for colonne in zip(*lignes, strict=True)]]


def somme(nombres):
    """Inconnue dès qu'un nombre l'est, tue dès qu'un nombre l'est."""
    if None in nombres:
        return None
    return MASQUE if MASQUE in nombres else sum(nombres)


def prochaines_cases(etendu, caches):
    """Ce qu'il faut cacher encore : les plus petites cases visibles de la première ligne ou colonne qui en trahit une.

    Les ex æquo ensemble : à n'en choisir qu'une par son rang, qui connaît la règle retrouverait la petite.
    """
    hauteur, largeur = len(etendu), len(etendu[0])
    lignes = [[(i, j) for j in range(largeur)] for i in range(hauteur)]
    colonnes = [[(i, j) for i in range(hauteur)] for j in range(largeur)]
    for places in (*lignes, *colonnes):
        if trahit(etendu, caches, places):
            visibles = {(i, j): etendu[i][j] for i, j in places[:-1] if (i, j) not in caches}
            return {place for place, n in visibles.items() if n == min(visibles.values())} or {places[-1]}
    return set()


def trahit(etendu, caches, places):
    """Vrai si cette ligne rend une case cachée : elle y est seule, ou les cases cachées font moins que le seuil, ou
    elles font le plus que des petites puissent faire (quatre petites qui font 16 sont quatre 4)."""
    *cases, marge = places
    cachees = [etendu[i][j] for i, j in cases if (i, j) in caches]
    if marge in caches:
        return not cachees
    if len(cachees) in (0, 1) or sum(cachees) < SEUIL:
        return bool(cachees)
    return len(cachees) < len(cases) and set(cachees) == {SEUIL - 1}


def masquer_une_part(nombre: int | None, total: int | None) -> int | str | None:
    """Un « dont » : masqué s'il est sous le seuil, ou si le reste du total l'est sans être nul."""
    if nombre is None:
        return None
    reste = None if total is None else total - nombre
    return MASQUE if nombre < SEUIL or (reste is not None and 0 < reste < SEUIL) else nombre


def taire(nombre):
    """Une case non renseignée le reste."""
    return None if nombre is None else MASQUE
