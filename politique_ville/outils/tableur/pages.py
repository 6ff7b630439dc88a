"""Ouvrir un .xlsx, un .ods ou un .xls : les feuilles et leurs rangées de valeurs, depuis A1.

Un .xlsx ou un .ods, déjà vérifié par `archive`, se lit sur place. Un .xls ne se vérifie pas d'avance : abîmé, il peut
faire réserver des gigaoctets et tuer le serveur ; il se lit dans un processus à part.
"""

import io
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook, SheetTypeEnum

from politique_ville.outils.tableur import processus_xls
from politique_ville.outils.tableur.fichier import MOT_DE_PASSE, Fichier, FichierRefuse

PROCESSUS = Path(__file__).with_name("processus_xls.py")

Pages = dict[str, list[list[Any]]]


def lire_les_noms(fichier: Fichier) -> list[str]:
    """Les noms des feuilles de calcul, dans l'ordre."""
    return list(_pages_xls(fichier)) if fichier.extension == ".xls" else _noms(_ouvrir(fichier))


def lire_les_pages(fichier: Fichier, feuille: str | None = None) -> Pages:
    """Les rangées de toutes les feuilles, ou d'une seule ; FichierRefuse si elle manque ou dépasse les limites."""
    if fichier.extension == ".xls":
        pages = _pages_xls(fichier)
        return {nom: pages[nom] for nom in _choisir(fichier, list(pages), feuille)}
    classeur = _ouvrir(fichier)
    # `skip_empty_area=False` garde les lignes vides du haut, donc les adresses des cellules
    return {
        nom: classeur.get_sheet_by_name(nom).to_python(skip_empty_area=False)
        for nom in _choisir(fichier, _noms(classeur), feuille)
    }


def _ouvrir(fichier):
    return CalamineWorkbook.from_filelike(io.BytesIO(fichier.lisible))


def _noms(classeur):
    return [page.name for page in classeur.sheets_metadata if page.typ == SheetTypeEnum.WorkSheet]


def _choisir(fichier, noms, feuille):
    if feuille is None or feuille in noms:
        return noms if feuille is None else [feuille]
    citees = ", ".join(f"« {nom} »" for nom in noms)
    raise FichierRefuse(f"« {fichier.nom} » n’a pas de feuille « {feuille} ». Choisir parmi : {citees}.")


def _pages_xls(fichier):
    limites = fichier.limites
    commande = [sys.executable, "-I", PROCESSUS, str(limites.lignes), str(limites.colonnes)]
    resultat = subprocess.run(commande, input=fichier.lisible, capture_output=True, check=False)
    if resultat.returncode == processus_xls.MOT_DE_PASSE_DEMANDE:
        raise FichierRefuse(MOT_DE_PASSE.format(nom=fichier.nom))
    resultat.check_returncode()
    pages = pickle.loads(resultat.stdout)  # écrit par notre propre processus, jamais par l'agent
    for hauteur, largeur, _ in pages.values():
        fichier.verifier_etendue(hauteur, largeur)
    return {nom: rangees for nom, (_, _, rangees) in pages.items()}
