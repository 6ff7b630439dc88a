"""Charge les données de référence ; rejouable, et tout ou rien."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from dispositifs import chargement as dispositifs
from politique_ville.outils.reference import Bilan, ErreurDeReference
from programmation import chargement as programmation
from territoires import chargement as territoires

FIXTURES = settings.BASE_DIR / "fixtures"
TABLES = [*territoires.TABLES, *programmation.TABLES, *dispositifs.TABLES]


def charger(dossiers: list[Path]) -> dict[str, Bilan]:
    """Charge chaque dossier en une seule transaction ; rend ce qui a été fait, par table."""
    bilans = {table.nom: Bilan() for table in TABLES}
    with transaction.atomic():
        for dossier in dossiers:
            for table in TABLES:
                if (dossier / table.fichier).exists():
                    bilans[table.nom] += table.charger(dossier / table.fichier)
    return bilans


def verifier_departement(dossier: Path) -> None:
    """Un dossier de département a ses fichiers exigés, et aucun autre CSV ou GeoJSON que ceux qui se chargent."""
    for table in TABLES:
        if table.est_exigee and not (dossier / table.fichier).exists():
            raise ErreurDeReference("ce fichier est absent.", dossier / table.fichier)
    connus = {table.fichier for table in TABLES}
    for fichier in sorted(dossier.iterdir()):
        if fichier.suffix in (".csv", ".geojson") and fichier.name not in connus:
            raise ErreurDeReference(f"nom inconnu. Noms attendus : {', '.join(sorted(connus))}.", fichier)


class Command(BaseCommand):
    help = "Charge les référentiels et les territoires livrés, ou ceux d'un autre département (voir docs/donnees.md)."

    def add_arguments(self, parser):
        parser.add_argument(
            "--dossier",
            type=Path,
            help="un dossier aux mêmes formats, chargé à la place des départements livrés",
        )

    def handle(self, *args, dossier, **options):
        departements = [dossier] if dossier else sorted((FIXTURES / "departements").iterdir())
        try:
            for departement in departements:
                verifier_departement(departement)
            bilans = charger([FIXTURES / "france", *departements])
        except ErreurDeReference as erreur:
            raise CommandError(f"{erreur}\nRien n’a été écrit.") from None
        if options["verbosity"]:
            self.imprimer(bilans)

    def imprimer(self, bilans):
        self.stdout.write(f"{'':28}{'créés':>10}{'modifiés':>10}{'inchangés':>11}{'préservés':>11}")
        for nom, bilan in bilans.items():
            nombres = f"{bilan.crees:>10}{bilan.modifies:>10}{bilan.inchanges:>11}{bilan.preserves:>11}"
            self.stdout.write(f"{nom:28}{nombres}")
