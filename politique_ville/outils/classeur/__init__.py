"""Les classeurs qui sortent de l'outil : une seule déclaration de feuilles, trois rendus, xlsx, ODS et CSV.

Le texte d'un porteur qui commence par = + - @ reste un texte : une chaîne en xlsx et en ODS, une apostrophe en CSV.
"""

from datetime import datetime

from .csv import csv_francais, lignes_csv, zip_de_csv
from .feuille import CARACTERES_INTERDITS, Cellule, Colonne, Feuille, Formule, lettre, texte_propre
from .ods import classeur_ods
from .xlsx import classeur

FORMATS = ("xlsx", "ods", "csv")


def enregistrer(
    format: str, *feuilles: Feuille, vers, en_flux: bool = False, titre: str = "", cree_le: datetime | None = None
) -> None:
    """Écrit les feuilles dans l'un des `FORMATS` ; en CSV, seule dans un .csv, à plusieurs dans un zip.

    `en_flux` : voir `classeur` ; les autres formats le sont toujours.
    """
    if format == "xlsx":
        classeur(*feuilles, vers=vers, en_flux=en_flux, titre=titre, cree_le=cree_le)
    elif format == "ods":
        classeur_ods(*feuilles, vers=vers, titre=titre, cree_le=cree_le)
    elif len(feuilles) == 1:
        csv_francais(*feuilles, vers)
    else:
        zip_de_csv(*feuilles, vers=vers, cree_le=cree_le)


__all__ = [
    "CARACTERES_INTERDITS",
    "FORMATS",
    "Cellule",
    "Colonne",
    "Feuille",
    "Formule",
    "classeur",
    "classeur_ods",
    "csv_francais",
    "enregistrer",
    "lettre",
    "lignes_csv",
    "texte_propre",
    "zip_de_csv",
]
