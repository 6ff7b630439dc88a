"""Les cinq feuilles de synthèse : des formules sur les feuilles de faits, à côté de ce que dit l'écran.

Chaque fonction reçoit la synthèse de l'écran, en pose les lignes dans son ordre, écrit leurs formules, rend la page.
"""

from .financeurs import page_des_financeurs
from .piliers import page_des_piliers
from .territoires import page_des_contrats, page_des_quartiers
from .thematiques import page_des_thematiques

__all__ = [
    "page_des_contrats",
    "page_des_financeurs",
    "page_des_piliers",
    "page_des_quartiers",
    "page_des_thematiques",
]
