"""Recompter tous les invariants (docs/conception, modèle et argent) sur toute la base : `manage.py verifier`.

Chaque vérification a un nom, une phrase et une fonction qui rend les écarts ; une base saine n'en a aucun.
"""

from . import (
    actes,
    actions,
    argent,
    base,
    cadre,
    comites,
    dispositifs,
    execution,
    photographies,
    pluriannuel,
    scenarios,
)
from .outils import VERIFICATIONS, Ecart, Verification

__all__ = [
    "VERIFICATIONS",
    "Ecart",
    "Verification",
    "actes",
    "actions",
    "argent",
    "base",
    "cadre",
    "comites",
    "dispositifs",
    "execution",
    "photographies",
    "pluriannuel",
    "scenarios",
]
