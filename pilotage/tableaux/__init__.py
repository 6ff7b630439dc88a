"""Ce que montre chaque page : une page = une fonction qui rend une dataclass ; les chiffres viennent de synthese."""

from .tableau_de_bord import TableauDeBord, tableau_de_bord
from .territoires import FicheContrat, FicheQuartier, fiche_contrat, fiche_quartier

__all__ = [
    "FicheContrat",
    "FicheQuartier",
    "TableauDeBord",
    "fiche_contrat",
    "fiche_quartier",
    "tableau_de_bord",
]
