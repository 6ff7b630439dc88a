"""Écrit le classeur ANCT d'un exercice : le même que l'écran, avec tout le département."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from pilotage.exports import Demande, preparer
from politique_ville import contexte
from politique_ville.outils.fichiers import raison
from politique_ville.outils.francais import pluriel
from programmation.models import Action, Exercice
from programmation.synthese import Base, ChoixDeBase
from territoires.models import Departement

AUTEUR = "commande exporter_anct"
FORMAT_DE = {".xlsx": "xlsx", ".ods": "ods", ".zip": "csv"}  # un zip d'un CSV par feuille


class Command(BaseCommand):
    help = "Écrit le classeur ANCT d'un exercice dans un fichier .xlsx, .ods ou .zip (CSV), qu'il remplace s'il existe."

    def add_arguments(self, parser):
        parser.add_argument("--departement", required=True, help="code du département, par exemple 14")
        parser.add_argument("--annee", required=True, type=int)
        parser.add_argument("--sortie", required=True, type=Path, metavar="FICHIER.xlsx|.ods|.zip")
        parser.add_argument("--base", choices=Base.values, default=Base.P147_ACCORDE.value, help="base de calcul")
        parser.add_argument("--annonce", action="store_true", help="compte aussi l'annoncé (base tous-financeurs)")
        parser.add_argument("--sans-pre", action="store_true", help="écarte les programmes de réussite éducative")

    def handle(self, *args, departement, annee, sortie, verbosity, **options):
        verifier_la_sortie(sortie)
        exercice = exercice_de(departement, annee)
        choix = ChoixDeBase(Base(options["base"]), options["annonce"], not options["sans_pre"])
        actions = Action.objects.filter(exercice=exercice)
        classeur = preparer(Demande(exercice, actions, choix, AUTEUR, timezone.now(), contexte.bandeau(None)))
        ecrire(classeur, sortie)
        if verbosity:
            self.dire(classeur, sortie)

    def dire(self, classeur, sortie):
        self.stdout.write(f"{sortie} : {pluriel(classeur.nombre, 'action déposée', 'actions déposées')}.")
        for rapprochement in classeur.controles.en_ecart:
            _, _, ecart = rapprochement.en_mots()
            self.stderr.write(f"Contrôle en écart de {ecart} : {rapprochement.libelle}. Voir {rapprochement.ou}.")


def verifier_la_sortie(sortie: Path) -> None:
    """Avant de calculer : un mauvais chemin se dit tout de suite."""
    if sortie.suffix.lower() not in FORMAT_DE:
        raise CommandError(f"« {sortie.name} » ne finit ni par .xlsx, ni par .ods, ni par .zip (un CSV par feuille).")
    if not sortie.parent.is_dir():
        raise CommandError(f"Le dossier « {sortie.parent} » n’existe pas.")


def exercice_de(code: str, annee: int) -> Exercice:
    departement = Departement.objects.filter(code=code).first()
    if departement is None:
        raise CommandError(f"Le département « {code} » n’est pas chargé.")
    exercices = Exercice.objects.filter(departement=departement).select_related("departement", "nomenclature")
    exercice = exercices.filter(annee=annee).first()
    if exercice is None:
        annees = ", ".join(str(annee) for annee in exercices.order_by("annee").values_list("annee", flat=True))
        raise CommandError(f"{departement} n’a pas d’exercice {annee} (exercices : {annees or 'aucun'}).")
    return exercice


def ecrire(classeur, sortie: Path) -> None:
    """Écrit à côté puis remplace : une panne ne laisse pas un fichier à moitié écrit."""
    provisoire = sortie.with_suffix(".partiel")
    try:
        with provisoire.open("wb") as fichier:
            classeur.ecrire(fichier, FORMAT_DE[sortie.suffix.lower()])
        provisoire.replace(sortie)
    except OSError as erreur:
        raise CommandError(f"« {sortie} » ne peut pas être écrit : {raison(erreur)}.") from erreur
    finally:
        provisoire.unlink(missing_ok=True)
