"""Le site tel qu'il est servi en production : fichiers statiques collectés et renommés, politique de sécurité, gunicorn."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

RACINE = Path(__file__).resolve().parents[2]


def port_libre():
    with socket.socket() as prise:
        prise.bind(("127.0.0.1", 0))
        return prise.getsockname()[1]


def attendre(adresse, serveur):
    for _ in range(100):
        if serveur.poll() is not None:
            pytest.fail("Le serveur de production s’est arrêté au démarrage.")
        try:
            return urlopen(adresse).status
        except OSError:
            time.sleep(0.1)
    return pytest.fail("Le serveur de production ne répond pas.")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    dossier = tmp_path_factory.mktemp("production")
    environnement = {
        **os.environ,
        "MODE": "production",
        "SECRET_KEY": "une-cle-longue-et-assez-variee-pour-un-essai-0123456789-abcdefghij",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "0",
        "DATABASE_URL": f"sqlite:///{dossier / 'essai.sqlite3'}",
        "STATIC_ROOT": str(dossier / "statiques"),
        "MEDIA_ROOT": str(dossier / "media"),
    }
    del environnement["DJANGO_ALLOW_ASYNC_UNSAFE"]  # propre à ce pilote de navigateur, refusé en production
    for commande in (["check", "--deploy", "--fail-level", "ERROR"], ["migrate"], ["collectstatic", "--no-input"]):
        subprocess.run([sys.executable, "manage.py", *commande], cwd=RACINE, env=environnement, check=True)
    port = port_libre()
    serveur = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "politique_ville.wsgi",
            "--bind",
            f"127.0.0.1:{port}",
            "--log-level",
            "error",
        ],
        cwd=RACINE,
        env=environnement,
    )
    adresse = f"http://127.0.0.1:{port}"
    attendre(f"{adresse}/compte/connexion/", serveur)
    yield adresse
    serveur.terminate()
    serveur.wait()


def test_la_page_de_connexion_a_son_style_et_rien_n_est_refuse_par_le_navigateur(page, site):
    plaintes = []
    page.on("console", lambda message: plaintes.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda requete: plaintes.append(requete.url))
    page.goto(f"{site}/")
    assert page.url.endswith("/compte/connexion/?next=/")
    police = page.evaluate("getComputedStyle(document.body).fontFamily")
    assert "Marianne" in police
    assert plaintes == []


def test_une_adresse_inconnue_ne_montre_rien_de_l_interieur(page, site):
    reponse = page.goto(f"{site}/compte/adresse-inconnue/")
    assert "Traceback" not in page.content()
    assert (reponse.status, page.locator("h1").count()) == (404, 1)
