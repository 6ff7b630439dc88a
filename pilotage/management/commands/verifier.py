"""Recompte tous les invariants sur toute la base ; silence si tout est juste, une ligne par écart sinon."""

from django.core.management.base import BaseCommand, CommandError

from pilotage.verification import VERIFICATIONS
from politique_ville.outils.francais import pluriel
from politique_ville.outils.typographie import insecables


class Command(BaseCommand):
    help = "Recompte tous les invariants ; sort en erreur avec une ligne par écart (-v 2 les énumère)."

    def handle(self, *args, verbosity, **options):
        nombre = 0
        for verification in VERIFICATIONS:
            if verbosity > 1:
                self.stdout.write(insecables(f"{verification.nom} : {verification.phrase}"))
            for ecart in verification.ecarts():
                self.stdout.write(insecables(f"{verification.nom} – {ecart}"))
                nombre += 1
        if nombre:
            raise CommandError(f"{pluriel(nombre, 'écart', 'écarts')}.")
