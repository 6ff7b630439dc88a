"""Le processus à part où se lit un .xls : le fichier arrive par l'entrée standard, les rangées repartent par la sortie.

Borné en mémoire et en temps, il peut mourir sans emporter le serveur. Lancé par `pages`, sans rien de l'application.
"""

import pickle
import resource  # absent de Windows, où l'application ne tourne pas
import sys
from tempfile import NamedTemporaryFile

from python_calamine import CalamineWorkbook, PasswordError

MEMOIRE = 1024 * 1024 * 1024  # octets
DUREE = 20  # secondes de calcul
MOT_DE_PASSE_DEMANDE = 3  # code de sortie


def lire(contenu, lignes, colonnes):
    """{nom: (hauteur, largeur, rangées depuis A1)} ; aucune rangée pour une feuille trop grande."""
    with NamedTemporaryFile(suffix=".xls") as copie:
        copie.write(contenu)
        copie.flush()
        classeur = CalamineWorkbook.from_path(copie.name)
    pages = {}
    for nom in classeur.sheet_names:
        page = classeur.get_sheet_by_name(nom)
        tient = page.total_height <= lignes and page.total_width <= colonnes
        pages[nom] = page.total_height, page.total_width, page.to_python(skip_empty_area=False) if tient else []
    return pages


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMOIRE, MEMOIRE))
    resource.setrlimit(resource.RLIMIT_CPU, (DUREE, DUREE))
    try:
        pages = lire(sys.stdin.buffer.read(), *map(int, sys.argv[1:]))
    except PasswordError:
        sys.exit(MOT_DE_PASSE_DEMANDE)
    pickle.dump(pages, sys.stdout.buffer)
