"""Importe un fichier (actions, liste publiée par l'ANCT) : le même import que l'écran, par la même porte."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from comptes.enums import Role
from comptes.models import Habilitation, Utilisateur
from politique_ville.outils.fichiers import raison
from politique_ville.outils.tableur.fichier import FichierRefuse
from politique_ville.outils.tableur.modeles import modele as modele_d_import
from politique_ville.outils.tableur.modeles import modeles
from politique_ville.outils.tableur.plan import place
from programmation.imports import lots
from programmation.imports.apercu import SORTS, Apercu
from programmation.models import ACTIONS, Exercice, ModeleDeColonnes
from programmation.operations import OperationRefusee
from territoires.models import Departement


class Command(BaseCommand):
    help = "Importe un fichier (.xlsx, .ods, .xls, .csv) d'actions ou une liste publiée par l'ANCT, tout ou rien."

    def add_arguments(self, parser):
        parser.add_argument("fichier", type=Path)
        parser.add_argument("--departement", required=True, metavar="14")
        parser.add_argument("--annee", type=int, metavar="2026", help="l'exercice ; exigée pour des actions")
        parser.add_argument(
            "--quoi",
            choices=[modele.nom for modele in modeles()],
            default=ACTIONS,
            help=f"ce que porte le fichier ({ACTIONS} sans précision)",
        )
        parser.add_argument("--modele", metavar="NOM", help="correspondance de colonnes réglée et nommée à l'écran")
        parser.add_argument("--essai", action="store_true", help="dit ce qui changerait, sans rien écrire")
        parser.add_argument("--deposer", action="store_true", help="dépose les actions créées qui sont complètes")
        parser.add_argument("--par", metavar="COURRIEL", help="auteur ; sinon le premier responsable, puis agent")

    def handle(self, *args, fichier, departement, annee, quoi, modele, essai, deposer, par, **options):
        ou = self.ou_importer(departement, annee, quoi)
        departement = getattr(ou, "departement", ou)
        auteur = self.auteur(par, departement)
        reglage = {"quoi": quoi, "modele_de_colonnes": self.modele_de_colonnes(modele, departement, quoi)}
        try:
            recu = self.recevoir(fichier)
            if essai:
                self.dire(lots.essayer(recu, ou, par=auteur, **reglage))
            else:
                self.importer(recu, ou, auteur, reglage, deposer)
        except (FichierRefuse, OperationRefusee) as refus:
            messages = refus.messages if isinstance(refus, OperationRefusee) else [str(refus)]
            raise CommandError("\n".join(messages)) from refus

    def importer(self, fichier, ou, auteur, reglage, deposer):
        lot = lots.deposer(fichier, ou, par=auteur, **reglage)
        plan = lots.planifier(lot, par=auteur)
        self.dire(plan)
        if plan.change_quelque_chose:
            lots.confirmer(lot, par=auteur, deposer_les_completes=deposer)
            self.stdout.write(f"Importé par {auteur.courriel}, lot n° {lot.pk}.")
        else:
            self.stdout.write("Rien à écrire : tout est déjà enregistré.")

    def dire(self, plan):
        """Les compteurs, puis les messages par cellule ; CommandError s'il y a un refus."""
        apercu = Apercu(plan.en_json())
        for statut, nombre in apercu.compteurs.items():
            self.stdout.write(f"  {SORTS[statut].pluriel:<12}{nombre:>7}")
        if apercu.naissances:
            self.stdout.write(f"Actions créées : {apercu.naissances}.")
        for avertissement in sorted(plan.avertissements, key=place):
            self.stdout.write(f"Avertissement, {avertissement}")
        for refus in sorted(plan.refus, key=place):
            self.stderr.write(f"Refus, {refus}")
        if not plan.est_applicable:
            raise CommandError("Rien n’est importé : un seul refus arrête tout.")

    # --- Ce que désignent les arguments ---

    def ou_importer(self, code, annee, quoi):
        """L'exercice ou le département que demande ce modèle d'import."""
        departement = Departement.objects.filter(code=code).first()
        if departement is None:
            raise CommandError(f"Le département {code} n’est pas chargé.")
        return self.exercice(departement, annee) if modele_d_import(quoi).demande_un_exercice else departement

    def exercice(self, departement, annee):
        if annee is None:
            raise CommandError("Des actions s’importent dans un exercice : préciser --annee.")
        exercices = Exercice.objects.select_related("departement", "nomenclature")
        exercice = exercices.filter(departement=departement, annee=annee).first()
        if exercice is None:
            raise CommandError(f"Le département {departement.code} n’a pas d’exercice {annee}.")
        return exercice

    def auteur(self, courriel, departement):
        if courriel:
            auteur = Utilisateur.objects.filter(courriel=courriel.strip().lower(), is_active=True).first()
            if auteur is None:
                raise CommandError(f"Aucun compte actif n’a le courriel {courriel}.")
            return auteur
        for role in (Role.RESPONSABLE, Role.AGENT):
            trouvees = Habilitation.objects.actives().filter(role=role, departement=departement)
            habilitation = trouvees.filter(utilisateur__is_active=True).order_by("pk").first()
            if habilitation:
                self.stdout.write(f"Au nom de {habilitation.utilisateur.courriel} ({habilitation.get_role_display()}).")
                return habilitation.utilisateur
        raise CommandError(f"Personne ne peut importer dans le département {departement} : préciser --par.")

    def modele_de_colonnes(self, nom, departement, quoi):
        if not nom:
            return None
        siens = ModeleDeColonnes.objects.filter(departement=departement, modele=quoi)
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
            raise CommandError(f"« {chemin} » ne s’ouvre pas : {raison(erreur)}.") from erreur
