"""Lance une commande avec un serveur PostgreSQL jetable : `python scripts/avec_postgres.py COMMANDE…`.

Le serveur n'écoute que sur une prise locale, dans un dossier temporaire : plusieurs peuvent vivre en même temps.
`DATABASE_URL` le désigne ; il est arrêté et effacé à la fin, même sur un signal. Le code rendu est celui de la
commande, ou `ABSENT` (69) si aucun serveur PostgreSQL n'est installé.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

ABSENT = 69  # EX_UNAVAILABLE : « service indisponible »
DEBIAN = Path("/usr/lib/postgresql")
# Une base jetable n'a pas à survivre à une coupure : rien n'attend le disque.
REGLAGES = {
    "listen_addresses": "''",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}


def trouver_postgres(debian=DEBIAN, chemin=None):
    """Dossier des programmes du serveur : la version la plus récente de Debian, sinon le PATH ; None si absent."""
    versions = sorted(debian.glob("*/bin/pg_ctl"), key=lambda p: int(p.parts[-3]) if p.parts[-3].isdigit() else 0)
    trouve = versions[-1] if versions else shutil.which("pg_ctl", path=chemin)
    return Path(trouve).resolve().parent if trouve else None


def lancer(commande, dossier, **options):
    """Lance un programme du serveur, qui refuse d'être root : il tourne alors sous le compte « postgres »."""
    compte = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run(commande, cwd=dossier, stdout=subprocess.DEVNULL, **compte, **options)


@contextmanager
def serveur(programmes):
    """Démarre un serveur vide et rend son adresse ; l'arrête et l'efface en sortant."""
    dossier = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # le chemin d'une prise locale tient en 107 octets
    pg_ctl = [programmes / "pg_ctl", "-D", dossier / "donnees", "-w", "-s"]
    reglages = " ".join(f"-c {nom}={valeur}" for nom, valeur in REGLAGES.items())
    try:
        if os.geteuid() == 0:
            shutil.chown(dossier, "postgres", "postgres")
        initdb = [programmes / "initdb", "-D", dossier / "donnees", "-U", "postgres", "-A", "trust", "--no-sync"]
        lancer([*initdb, "-E", "UTF8", "--locale=C.UTF-8"], dossier, check=True)
        lancer([*pg_ctl, "start", "-l", dossier / "journal", "-o", f"-k {dossier} {reglages}"], dossier, check=True)
        yield f"postgres://postgres@{quote(str(dossier), safe='')}/postgres"
    finally:
        lancer([*pg_ctl, "stop", "-m", "immediate"], dossier, stderr=subprocess.DEVNULL)
        shutil.rmtree(dossier)


def executer(commande, adresse):
    """Lance la commande et attend sa fin, même interrompue : le serveur ne s'arrête qu'après elle."""
    processus = subprocess.Popen(commande, env={**os.environ, "DATABASE_URL": adresse})
    try:
        code = processus.wait()
    except KeyboardInterrupt:  # le terminal a prévenu la commande en même temps que nous
        code = processus.wait()
    except SystemExit:
        processus.terminate()
        processus.wait()
        raise
    return code if code >= 0 else 128 - code


def interrompre(numero, _cadre):
    """Un signal devient une exception : les « finally » s'exécutent, le serveur s'arrête."""
    raise SystemExit(128 + numero)


def main(commande):
    if not commande:
        sys.exit("Usage : python scripts/avec_postgres.py COMMANDE…")
    programmes = trouver_postgres()
    if programmes is None:
        print("PostgreSQL n'est pas installé ici (Debian : apt-get install postgresql).", file=sys.stderr)
        return ABSENT
    signal.signal(signal.SIGTERM, interrompre)
    signal.signal(signal.SIGHUP, interrompre)
    with serveur(programmes) as adresse:
        return executer(commande, adresse)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
