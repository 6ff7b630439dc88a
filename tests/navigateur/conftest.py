"""Parcours dans Chromium : `pytest -p playwright tests/navigateur`."""

import os
from pathlib import Path

import pytest

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
