"""Ce qu'une photographie garde d'un exercice : une ligne par action, la synthèse, et leur empreinte."""

from .chiffres import FORMAT, synthese
from .comparaison import Difference, differences
from .contenu import empreinte, en_json
from .evolution import Evolution, evolution
from .lecture import ligne_lue, tableau_garde
from .lignes import lignes, sans_libelles

__all__ = [
    "FORMAT",
    "Difference",
    "Evolution",
    "differences",
    "empreinte",
    "en_json",
    "evolution",
    "ligne_lue",
    "lignes",
    "sans_libelles",
    "synthese",
    "tableau_garde",
]
