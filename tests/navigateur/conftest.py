"""Parcours dans Chromium : `pytest -p playwright tests/navigateur`."""

import os
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright tourne dans une boucle asyncio

ICI = Path(__file__).parent
# Debian fournit le navigateur. Pas de bac à sable (root en intégration continue), rien en arrière-plan, rien sur le réseau.
CHROMIUM = "/usr/bin/chromium"
DRAPEAUX = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items):
    for test in items:
        if ICI in test.path.parents:
            test.add_marker("navigateur")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": DRAPEAUX}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return {**browser_context_args, "locale": "fr-FR", "viewport": {"width": 1280, "height": 800}}


@pytest.fixture
def session_ouverte(page, live_server):
    """Ouvre une session sans passer par la connexion, qui a ses propres tests : `session_ouverte(utilisateur)`."""

    def ouvrir(utilisateur, contexte=None):
        client = Client()
        client.force_login(utilisateur)
        jeton = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": jeton, "url": live_server.url}
        (contexte or page.context).add_cookies([cookie])
        return utilisateur

    return ouvrir
