"""Point d'entrée du serveur (gunicorn politique_ville.wsgi)."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "politique_ville.settings")

application = get_wsgi_application()

# Ce que le démarrage a créé ne mourra pas : le ramasse-miettes n'a plus à le reparcourir pendant les requêtes.
gc.freeze()
