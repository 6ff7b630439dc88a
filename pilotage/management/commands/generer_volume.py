"""Génère des données d'échelle dans des départements fictifs, pour le banc de mesure."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from pilotage import volume
from politique_ville.outils.francais import pluriel


class Command(BaseCommand):
    help = "Génère des actions fictives en masse, sans historique, sur une base qui n'en a pas encore."

    def add_arguments(self, parser):
        parser.add_argument("--actions", type=int, default=300_000, help="nombre d'actions (300 000)")
        parser.add_argument("--annees", type=int, default=10, help="nombre d'années, jusqu'à 2026 (10)")
        parser.add_argument("--departements", type=int, default=100, help="nombre de départements (100)")
        parser.add_argument("--graine", default="volume", help="la même graine donne les mêmes chiffres")

    def handle(self, *args, actions, annees, departements, graine, verbosity, **options):
        if settings.EN_PRODUCTION:
            raise CommandError("MODE=production : les données d’échelle ne s’y génèrent jamais.")
        try:
            volume.generer(actions, annees, departements, graine)
        except volume.VolumeImpossible as erreur:
            raise CommandError(str(erreur)) from None
        if verbosity:
            nombres = [(actions, "action"), (annees, "année"), (departements, "département")]
            self.stdout.write(", ".join(pluriel(nombre, mot, f"{mot}s") for nombre, mot in nombres) + ".")
            self.stdout.write(f"Comptes du banc : {volume.AGENT}, {volume.LECTEUR}.")
