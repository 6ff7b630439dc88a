"""Vérifie tout, étape par étape, et résume : `make test`.

Une étape qui échoue n'arrête pas les suivantes. Un outil absent (PostgreSQL, Chromium) fait sauter son étape en une
ligne ; dans l'intégration continue (`CI=true`), c'est un échec : rien n'y est sauté.
"""

import os
import shutil
import subprocess
import sys
import time

from avec_postgres import ABSENT

RACINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EN_CI = os.environ.get("CI") == "true"
PYTEST = [sys.executable, "-m", "pytest", "-q"]
SQLITE = {"DATABASE_URL": ""}  # le défaut des réglages ; tests/conftest.py en éloigne la base d’essai
POSTGRES = [sys.executable, "scripts/avec_postgres.py"]


def lancer(commande, **environnement):
    return subprocess.run(commande, cwd=RACINE, env={**os.environ, **environnement}).returncode


def lint():
    return lancer(["make", "-s", "lint"])


def suite_sqlite():
    return lancer(PYTEST, **SQLITE)


def suite_postgres():
    """La seconde passe avance aussi l'horloge : les dates se vérifient sans une passe de plus."""
    return lancer([*POSTGRES, *PYTEST, "-p", "horloge_23h30"], PYTHONPATH="scripts")


def navigateur():
    if not shutil.which("chromium"):
        print("Chromium n'est pas installé ici (Debian : apt-get install chromium).", file=sys.stderr)
        return ABSENT
    return lancer(["make", "-s", ".venv/.navigateur"]) or lancer(
        [*PYTEST, "-p", "playwright", "tests/navigateur"], **SQLITE
    )


ETAPES = {
    "style, contrats d'import et migrations": lint,
    "suite sur SQLite": suite_sqlite,
    "suite sur PostgreSQL, horloge à 23:30 UTC": suite_postgres,
    "parcours dans le navigateur": navigateur,
}


def executer(nom, etape):
    """Annonce l'étape, la lance, et rend (réussie ?, ligne du résumé)."""
    print(f"\n=== {nom} ===", flush=True)
    debut = time.monotonic()
    code = etape()
    if code == ABSENT:
        return not EN_CI, f"{'ÉCHEC (absent)' if EN_CI else 'sautée (absent)':<16} {nom}"
    return code == 0, f"{'ÉCHEC' if code else 'réussie':<16} {nom} ({time.monotonic() - debut:.0f} s)"


def main():
    resultats = [executer(nom, etape) for nom, etape in ETAPES.items()]
    print("\n=== résumé ===", *(ligne for _, ligne in resultats), sep="\n")
    return 0 if all(reussie for reussie, _ in resultats) else 1


if __name__ == "__main__":
    sys.exit(main())
