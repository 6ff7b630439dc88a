"""Charge les données de démonstration ; ne fait rien si des exercices existent déjà."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from pilotage import demonstration
from pilotage.demonstration.gens import COMPTES, MOT_DE_PASSE
from programmation.models import Nomenclature


class Command(BaseCommand):
    help = "Charge des données fictives : comptes, porteurs, quatre exercices du Calvados et du Gard."

    def handle(self, *args, verbosity, **options):
        if settings.EN_PRODUCTION:
            raise CommandError("MODE=production : les données de démonstration ne s’y chargent jamais.")
        if not Nomenclature.objects.exists():
            raise CommandError("Charger d’abord les données de référence : manage.py charger_reference.")
        deja = demonstration.existe_deja()
        if not deja:
            demonstration.charger()
        if verbosity:
            self.dire("Données de démonstration déjà là." if deja else "Données de démonstration chargées.")

    def dire(self, titre):
        self.stdout.write(f"{titre} Mot de passe de tous les comptes : {MOT_DE_PASSE}")
        for compte in COMPTES:
            self.stdout.write(f"  {compte.courriel:<35} {compte.presentation}")
