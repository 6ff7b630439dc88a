"""Socle commun des tests : réglages rapides et sans trace, choix des tests selon le moteur et le navigateur."""

import os
import shutil
import subprocess
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.db import connection

hypothesis.settings.register_profile("projet", deadline=None, derandomize=True)  # ni chronomètre, ni hasard
hypothesis.settings.load_profile("projet")

EN_CI = os.environ.get("CI") == "true"
RECALCULER_TOUJOURS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop>
<prop oor:name="ODFRecalcMode" oor:op="fuse"><value>0</value></prop>
</item>
</oor:items>
"""


def pytest_configure():
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # le vrai prend 0,3 s par compte


def pytest_ignore_collect(collection_path, config):
    """Sans le greffon de navigateur (`-p playwright`), dont l'import prend 3 s, ses tests ne sont pas lus."""
    if collection_path.name == "navigateur" and not config.pluginmanager.hasplugin("playwright"):
        return True
    return None


def pytest_collection_modifyitems(config, items):
    """Un test marqué d'un moteur ne concerne que lui : il est écarté, et non sauté, sur l'autre."""
    autre = {"sqlite": "postgresql", "postgresql": "sqlite"}[connection.vendor]
    ecartes = [test for test in items if test.get_closest_marker(autre)]
    if ecartes:
        config.hook.pytest_deselected(items=ecartes)
        items[:] = [test for test in items if test not in ecartes]


def sautes_interdits(session):
    """Nombre de tests sautés, si c'est une faute : dans l'intégration continue, tout doit être vérifié."""
    rapport = session.config.pluginmanager.get_plugin("terminalreporter")
    return len(rapport.stats.get("skipped", ())) if EN_CI else 0


def pytest_sessionfinish(session):
    if sautes_interdits(session):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    nombre = sautes_interdits(terminalreporter._session)
    if nombre:
        terminalreporter.section("ÉCHEC : CI=true n'admet aucun test sauté", red=True)
        for rapport in terminalreporter.stats["skipped"]:
            terminalreporter.line(f"{rapport.nodeid} : {rapport.longrepr[-1]}")


@pytest.fixture(scope="session", autouse=True)
def _fichiers_deposes(tmp_path_factory):
    """Les fichiers déposés pendant les tests ne touchent pas ceux de l'application."""
    settings.MEDIA_ROOT = tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory):
    """SQLite dans un fichier : chaque fil a sa connexion et attend son tour, comme en vrai. En mémoire, ils la partagent."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("base") / "essai.sqlite3")


@pytest.fixture
def sans_n_plus_1():
    """`with sans_n_plus_1():` échoue si une même relation y est lue objet par objet (django-zeal)."""
    from zeal import zeal_context
    from zeal.constants import ALL_APPS, initialize_app_registry
    from zeal.patch import patch

    if not ALL_APPS:
        initialize_app_registry()
        patch()
    return zeal_context


@pytest.fixture
def recalculer(tmp_path):
    """Rend le chemin du xlsx où LibreOffice a réécrit un xlsx ou un ODS recalculé, avec un profil neuf qui l'y oblige.

    LibreOffice n'est exigé que dans l'intégration continue, où un test sauté est un échec.
    """
    soffice = shutil.which("soffice")
    if soffice is None:
        pytest.skip("LibreOffice n’est pas installé : le recalcul des formules n’est pas vérifié.")
    profil = tmp_path / "profil"
    (profil / "user").mkdir(parents=True)
    (profil / "user" / "registrymodifications.xcu").write_text(RECALCULER_TOUJOURS)

    def convertir(chemin):
        sortie = tmp_path / "recalcule"
        options = ["--headless", "--convert-to", "xlsx", "--outdir", sortie, chemin]
        subprocess.run([soffice, f"-env:UserInstallation={profil.as_uri()}", *options], check=True, capture_output=True)
        return sortie / Path(chemin).with_suffix(".xlsx").name

    return convertir
