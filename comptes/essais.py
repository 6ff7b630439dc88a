"""Limiter les essais de connexion : dix échecs en quinze minutes pour un compte, cent pour une adresse.

Une adresse est celle de tout un service derrière son frontal : quelqu'un qui se trompe n'enferme pas ses collègues.

Le décompte est dans la base, que tous les processus du serveur partagent ; le cache de Django serait propre à chacun.
"""

import hashlib
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from comptes.models import EssaisDeConnexion

PERMIS = {"adresse": 100, "compte": 10}  # échecs ; l'adresse d'abord : rien d'autre qu'attendre ne la rouvre
DUREE = 15 * 60  # secondes, à partir du premier échec


def adresse(requete):
    """L'adresse du visiteur. En production c'est le frontal qui la connaît : il l'ajoute en dernier à l'en-tête."""
    chaine = requete.META.get("HTTP_X_FORWARDED_FOR", "") if settings.EN_PRODUCTION else ""
    return chaine.split(",")[-1].strip() or requete.META["REMOTE_ADDR"]


def ce_qui_attend(requete, courriel):
    """« adresse » ou « compte », si l'un a épuisé ses essais ; None sinon."""
    empreintes = _empreintes(requete, courriel)
    recents = EssaisDeConnexion.objects.filter(empreinte__in=empreintes.values(), depuis__gt=_debut())
    echecs = dict(recents.values_list("empreinte", "echecs"))
    return next((quoi for quoi, permis in PERMIS.items() if echecs.get(empreintes[quoi], 0) >= permis), None)


def compter(requete, courriel):
    """Un échec de plus pour ce compte, qu'il existe ou non, et pour cette adresse."""
    EssaisDeConnexion.objects.filter(depuis__lte=_debut()).delete()
    for empreinte in _empreintes(requete, courriel).values():
        _, premier = EssaisDeConnexion.objects.get_or_create(empreinte=empreinte, defaults={"depuis": timezone.now()})
        if not premier:
            EssaisDeConnexion.objects.filter(empreinte=empreinte).update(echecs=F("echecs") + 1)


def oublier(courriel):
    """La personne a prouvé qui elle est : son compte repart de zéro, non l'adresse, qui en essaie d'autres."""
    EssaisDeConnexion.objects.filter(empreinte=_empreinte_du_compte(courriel)).delete()


def _debut():
    """Les échecs d'avant ne comptent plus."""
    return timezone.now() - timedelta(seconds=DUREE)


def _empreintes(requete, courriel):
    return {"adresse": _empreinte(f"adresse {adresse(requete)}"), "compte": _empreinte_du_compte(courriel)}


def _empreinte_du_compte(courriel):
    return _empreinte(f"compte {courriel.strip().lower()}")


def _empreinte(sujet):
    """L'identifiant est écrit par le visiteur : la base n'en garde que l'empreinte."""
    return hashlib.sha256(sujet.encode()).hexdigest()
