"""Cent lignes qui méritent la même phrase : la dire une fois, avec leur nombre et les premières."""

from collections.abc import Iterable

LIGNES_CITEES = 5  # au-delà, une phrase qui se répète se dit une fois pour toutes


def se_repete(numeros: Iterable[int]) -> bool:
    return len(set(numeros)) > LIGNES_CITEES


def d_ensemble(phrase: str, numeros: Iterable[int]) -> str:
    """« … 141 lignes : 2, 3, 4, 5, 6 et 136 autres. »"""
    lignes = sorted(set(numeros))
    cites = ", ".join(map(str, lignes[:LIGNES_CITEES]))
    autres = len(lignes) - LIGNES_CITEES
    return f"{phrase} {len(lignes)} lignes : {cites} et {autres} autre{'s' if autres > 1 else ''}."
