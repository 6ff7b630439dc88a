"""Ce qu'une photographie garde d'un exercice : une ligne par action, la synthèse, et leur empreinte."""

from .chiffres import FORMAT, synthese
from .comparaison import Difference, differences
from .contenu import empreinte, en_json
from .lignes import lignes, sans_libelles

__all__ = ["FORMAT", "Difference", "differences", "empreinte", "en_json", "lignes", "sans_libelles", "synthese"]
