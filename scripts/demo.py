"""Prépare la base de démonstration, puis sert l'application : `python scripts/demo.py [PORT]`.

Un seul processus pour toutes les étapes : chaque commande de Django coûte une seconde à démarrer. Toutes sont
rejouables : ce qui a été saisi dans l'application reste.
"""

import os
import socket
import sys

import django
from django.core.management import call_command

HOTE = "127.0.0.1"


def verifier_port(port):
    """Arrête tout, avant la moindre écriture, si un autre serveur occupe déjà le port."""
    with socket.socket() as prise:
        prise.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            prise.bind((HOTE, port))
        except OSError:
            sys.exit(f"Le port {port} est occupé : « make demo PORT={port + 1} » en choisit un autre.")


def regler():
    """Règle Django comme en service : une adresse inconnue montre notre page, non celle des développeurs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "politique_ville.settings")
    os.environ.setdefault("DEBUG", "0")
    os.environ.setdefault("DJANGO_RUNSERVER_HIDE_WARNING", "true")  # c'est une démonstration, on le sait
    django.setup()


def preparer():
    call_command("migrate", verbosity=0)
    call_command("charger_reference")
    call_command("charger_demonstration")


def servir(port):
    print(f"\nL'application est sur http://{HOTE}:{port}/ (Ctrl+C pour l'arrêter).\n", flush=True)
    call_command("runserver", f"{HOTE}:{port}", use_reloader=False)


def main(port=8000):
    verifier_port(port)
    regler()
    preparer()
    servir(port)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
