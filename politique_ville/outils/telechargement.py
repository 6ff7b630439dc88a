"""Donner à télécharger une liste ou un classeur dans le format de l'adresse (`?format=xlsx`, `ods` ou `csv`)."""

from collections.abc import Callable
from tempfile import TemporaryFile
from typing import IO

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse

from .classeur import Feuille, enregistrer, lignes_csv

TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "csv": "text/csv; charset=utf-8",
    "zip": "application/zip",
}


def liste_en_fichier(format: str, nom: str, feuille: Feuille, *autres: Feuille) -> HttpResponseBase:
    """Une liste, ligne à ligne ; les feuilles qui l'expliquent l'accompagnent, sauf en CSV qui n'en porte qu'une.

    `nom` : celui du fichier, en ASCII et sans extension.
    """
    if format == "csv":
        entetes = {"Content-Disposition": f'attachment; filename="{nom}.csv"'}
        return StreamingHttpResponse(lignes_csv(feuille), content_type=TYPES["csv"], headers=entetes)

    def ecrire(vers, format):
        enregistrer(format, feuille, *autres, vers=vers, en_flux=True)

    return classeur_en_fichier(format, nom, ecrire)


def classeur_en_fichier(format: str, nom: str, ecrire: Callable[[IO[bytes], str], None]) -> FileResponse:
    """Un classeur de plusieurs feuilles ; `ecrire(vers, format)` en fait un fichier, en CSV un zip."""
    extension = "zip" if format == "csv" else format
    fichier = TemporaryFile()  # noqa: SIM115 (la réponse le ferme)
    ecrire(fichier, format)
    fichier.seek(0)
    return FileResponse(fichier, as_attachment=True, filename=f"{nom}.{extension}", content_type=TYPES[extension])
