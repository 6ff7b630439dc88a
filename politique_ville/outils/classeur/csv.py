"""Le CSV français : « ; », BOM, virgule décimale, JJ/MM/AAAA, une apostrophe devant ce qui serait une formule."""

import csv
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.utils import timezone

from .feuille import Cellule, Feuille, Formule, simplifier

DEBUTS_DE_FORMULE = ("=", "+", "-", "@")


def lignes_csv(feuille: Feuille) -> Iterator[str]:
    """Les lignes du CSV français, une à une (StreamingHttpResponse) : « ; », BOM, virgule décimale, JJ/MM/AAAA."""
    ecrivain = csv.writer(_Echo(), delimiter=";", lineterminator="\r\n")
    formats = [colonne.format for colonne in feuille.colonnes]
    debut = "\ufeff"
    for valeurs in feuille.cellules():
        textes = [_texte_csv(valeur, nom) for valeur, nom in zip(valeurs, formats, strict=True)]
        yield debut + ecrivain.writerow(textes)
        debut = ""


def csv_francais(feuille: Feuille, vers) -> None:
    """Écrit le CSV de la feuille, en UTF-8, dans un fichier binaire : les mêmes lignes que le xlsx, sans les notes."""
    for ligne in lignes_csv(feuille):
        vers.write(ligne.encode())


def _texte_csv(valeur, nom):
    if isinstance(valeur, Cellule):
        valeur, nom = valeur.valeur, valeur.format
    if isinstance(valeur, Formule):
        valeur = valeur.cache
    valeur = simplifier(valeur)
    if valeur is None:
        return ""
    if isinstance(valeur, str):
        return f"'{valeur}" if _ressemble_a_une_formule(valeur) else valeur
    if isinstance(valeur, date):
        return valeur.strftime("%d/%m/%Y %H:%M" if isinstance(valeur, datetime) else "%d/%m/%Y")
    return _nombre_csv(valeur, nom)


def _ressemble_a_une_formule(texte):
    return texte.startswith(("\t", "\n")) or texte.lstrip().startswith(DEBUTS_DE_FORMULE)


def _nombre_csv(valeur, nom):
    """Virgule décimale, sans espace ni exposant ; toujours deux décimales pour un montant."""
    exact = Decimal(repr(valeur)) if isinstance(valeur, float) else Decimal(valeur)
    return f"{exact:.2f}".replace(".", ",") if nom == "euros" else f"{exact:f}".replace(".", ",")


class _Echo:
    """Le fichier dont `csv.writer` a besoin, qui rend la ligne au lieu de la garder."""

    def write(self, ligne):
        return ligne


def zip_de_csv(*feuilles: Feuille, vers, cree_le: datetime | None = None) -> None:
    """Un CSV par feuille, sous son nom, dans un zip ; avec `cree_le` fixé, le même contenu donne les mêmes octets."""
    instant = timezone.localtime(cree_le).timetuple()[:6]
    with ZipFile(vers, "w") as archive:
        for feuille in feuilles:
            entree = ZipInfo(f"{feuille.nom}.csv", instant)
            entree.compress_type = ZIP_DEFLATED
            with archive.open(entree, "w") as fichier:
                csv_francais(feuille, fichier)
