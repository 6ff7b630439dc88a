"""Importe un fichier d'actions : le même import que l'écran, par la même porte."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from comptes.enums import Role
from comptes.models import Habilitation, Utilisateur
from politique_ville.outils.tableur.fichier import FichierRefuse
from programmation.imports import lots
from programmation.imports.apercu import SORTS, Apercu
from programmation.models import Exercice, ModeleDeColonnes
from programmation.operations import OperationRefusee


class Command(BaseCommand):
    help = "Importe un fichier d'actions (.xlsx, .ods, .xls, .csv), tout ou rien."

    def add_arguments(self, parser):
        parser.add_argument("fichier", type=Path)
        parser.add_argument("--departement", required=True, metavar="14")
        parser.add_argument("--annee", required=True, type=int, metavar="2026")
        parser.add_argument("--modele", metavar="NOM", help="correspondance de colonnes réglée et nommée à l'écran")
        parser.add_argument("--essai", action="store_true", help="dit ce qui changerait, sans rien écrire")
        parser.add_argument("--par", metavar="COURRIEL", help="auteur ; sinon le premier responsable, puis agent")

    def handle(self, *args, fichier, departement, annee, modele, essai, par, **options):
        exercice = self.exercice(departement, annee)
        auteur = self.auteur(par, exercice)
        reglage = self.modele_de_colonnes(modele, exercice)
        try:
            recu = self.recevoir(fichier)
            if essai:
                self.dire(lots.essayer(recu, exercice, par=auteur, modele_de_colonnes=reglage))
            else:
                self.importer(recu, exercice, auteur, reglage)
        except (FichierRefuse, OperationRefusee) as refus:
            messages = refus.messages if isinstance(refus, OperationRefusee) else [str(refus)]
            raise CommandError("\n".join(messages)) from refus

    def importer(self, fichier, exercice, auteur, reglage):
        lot = lots.deposer(fichier, exercice, par=auteur, modele_de_colonnes=reglage)
        plan = lots.planifier(lot, par=auteur)
        self.dire(plan)
        if plan.change_quelque_chose:
            lots.confirmer(lot, par=auteur)
            self.stdout.write(f"Importé par {auteur.courriel}, lot n° {lot.pk}.")
        else:
            self.stdout.write("Rien à écrire : tout est déjà enregistré.")

    def dire(self, plan):
        """Les compteurs, puis les messages par cellule ; CommandError s'il y a un refus."""
        apercu = Apercu(plan.en_json())
        for statut, nombre in apercu.compteurs.items():
            self.stdout.write(f"  {SORTS[statut].pluriel:<12}{nombre:>7}")
        for avertissement in plan.avertissements:
            self.stdout.write(f"Avertissement, {avertissement}")
        for refus in plan.refus:
            self.stderr.write(f"Refus, {refus}")
        if not plan.est_applicable:
            raise CommandError("Rien n’est importé : un seul refus arrête tout.")

    # --- Ce que désignent les arguments ---

    def exercice(self, departement, annee):
        exercices = Exercice.objects.select_related("departement", "nomenclature")
        exercice = exercices.filter(departement__code=departement, annee=annee).first()
        if exercice is None:
            raise CommandError(f"Le département {departement} n’a pas d’exercice {annee}.")
        return exercice

    def auteur(self, courriel, exercice):
        if courriel:
            auteur = Utilisateur.objects.filter(courriel=courriel.strip().lower(), is_active=True).first()
            if auteur is None:
                raise CommandError(f"Aucun compte actif n’a le courriel {courriel}.")
            return auteur
        for role in (Role.RESPONSABLE, Role.AGENT):
            trouvees = Habilitation.objects.actives().filter(role=role, departement=exercice.departement)
            habilitation = trouvees.filter(utilisateur__is_active=True).order_by("pk").first()
            if habilitation:
                self.stdout.write(f"Au nom de {habilitation.utilisateur.courriel} ({habilitation.get_role_display()}).")
                return habilitation.utilisateur
        raise CommandError(f"Personne ne peut importer dans le département {exercice.departement} : préciser --par.")

    def modele_de_colonnes(self, nom, exercice):
        if not nom:
            return None
        siens = ModeleDeColonnes.objects.filter(departement=exercice.departement, modele=lots.MODELE)
        modele = siens.filter(nom=nom).first()
        if modele is None:
            connus = ", ".join(f"« {autre} »" for autre in siens) or "aucun"
            raise CommandError(f"Pas de correspondance « {nom} » dans ce département ; connues : {connus}.")
        return modele

    def recevoir(self, chemin):
        try:
            with chemin.open("rb") as flux:
                return lots.recevoir_un_fichier(flux, chemin.name)
        except OSError as erreur:
            raise CommandError(f"« {chemin} » ne s’ouvre pas : {erreur.strerror}.") from erreur
