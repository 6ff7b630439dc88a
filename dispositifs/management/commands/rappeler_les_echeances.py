"""Envoie par courriel, à qui suit ses échéances dans un agenda, les mêmes échéances ; à planifier chaque semaine."""

from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dispositifs.exports.calendrier import evenements
from dispositifs.models import AbonnementCalendrier
from politique_ville.outils.francais import pluriel

PIED = (
    "Le détail est dans Programmation ville, Dispositifs, Échéances. "
    "Révoquer votre adresse de calendrier arrête ces courriels."
)


class Command(BaseCommand):
    help = "Envoie le récapitulatif des échéances à ceux qui ont une adresse de calendrier."

    def add_arguments(self, parser):
        parser.add_argument("--essai", action="store_true", help="dit à qui l'on écrirait, sans rien envoyer")

    def handle(self, *args, essai, verbosity, **options):
        echecs = []
        abonnes = AbonnementCalendrier.objects.filter(utilisateur__is_active=True).select_related("utilisateur")
        for abonnement in abonnes.order_by("utilisateur__courriel"):
            utilisateur = abonnement.utilisateur
            echeances = sorted(evenements(utilisateur, timezone.localdate()), key=lambda evenement: evenement[0])
            if not echeances:
                continue
            titre = pluriel(len(echeances), "échéance", "échéances")
            if verbosity or essai:
                self.stdout.write(f"{utilisateur.courriel} : {titre}.")
            if not essai and not envoyer(utilisateur, f"Postes : {titre}", recapitulatif(echeances)):
                echecs.append(utilisateur.courriel)
        if echecs:
            raise CommandError(f"Courriel refusé pour : {', '.join(echecs)}. Vérifier l'adresse et le serveur d'envoi.")


def recapitulatif(echeances) -> str:
    """Le corps du courriel : une échéance par paragraphe, la plus proche d'abord."""
    paragraphes = [f"{jour:%d/%m/%Y} – {titre}\n{detail}" for jour, _, titre, detail, _ in echeances]
    return "\n\n".join([*paragraphes, PIED])


def envoyer(utilisateur, objet, corps) -> bool:
    """Faux si le serveur d'envoi refuse ce destinataire : les autres reçoivent le leur."""
    try:
        send_mail(objet, corps, settings.DEFAULT_FROM_EMAIL, [utilisateur.courriel])
    except (SMTPException, OSError):
        return False
    return True
