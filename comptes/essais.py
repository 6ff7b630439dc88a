"""Limiter les essais de connexion : dix échecs en quinze minutes, par compte et par adresse.

Le décompte est dans la base, que tous les processus du serveur partagent ; le cache de Django serait propre à chacun.
"""

import hashlib
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from comptes.models import EssaisDeConnexion

ESSAIS_PERMIS = 10
DUREE = 15 * 60  # secondes, à partir du premier échec


def adresse(requete):
    """L'adresse du visiteur. En production c'est le frontal qui la connaît : il l'ajoute en dernier à l'en-tête."""
    chaine = requete.META.get("HTTP_X_FORWARDED_FOR", "") if settings.EN_PRODUCTION else ""
    return chaine.split(",")[-1].strip() or requete.META["REMOTE_ADDR"]


def sont_epuises(requete, courriel):
    siens = EssaisDeConnexion.objects.filter(empreinte__in=_empreintes(requete, courriel))
    return siens.filter(depuis__gt=_debut(), echecs__gte=ESSAIS_PERMIS).exists()


def compter(requete, courriel):
    """Un échec de plus pour ce compte, qu'il existe ou non, et pour cette adresse."""
    EssaisDeConnexion.objects.filter(depuis__lte=_debut()).delete()
    for empreinte in _empreintes(requete, courriel):
        _, premier = EssaisDeConnexion.objects.get_or_create(empreinte=empreinte, defaults={"depuis": timezone.now()})
        if not premier:
            EssaisDeConnexion.objects.filter(empreinte=empreinte).update(echecs=F("echecs") + 1)


def oublier(requete, courriel):
    """La personne a prouvé qui elle est : son compte repart de zéro, et le poste d'où elle vient aussi."""
    EssaisDeConnexion.objects.filter(empreinte__in=_empreintes(requete, courriel)).delete()


def _debut():
    """Les échecs d'avant ne comptent plus."""
    return timezone.now() - timedelta(seconds=DUREE)


def _empreintes(requete, courriel):
    """L'identifiant est écrit par le visiteur : la base n'en garde que l'empreinte."""
    sujets = f"compte {courriel.strip().lower()}", f"adresse {adresse(requete)}"
    return [hashlib.sha256(sujet.encode()).hexdigest() for sujet in sujets]
