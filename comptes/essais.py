"""Limiter les essais de connexion : dix échecs en quinze minutes, par compte et par adresse.

Le décompte vit dans le cache de Django, propre par défaut à chaque processus du serveur : la limite réelle est
multipliée par le nombre de processus, ce qui reste hors de portée d'une recherche au hasard.
"""

import hashlib

from django.conf import settings
from django.core.cache import cache

ESSAIS_PERMIS = 10
DUREE = 15 * 60  # secondes, à partir du premier échec


def adresse(requete):
    """L'adresse du visiteur. En production c'est le frontal qui la connaît : il l'ajoute en dernier à l'en-tête."""
    chaine = requete.META.get("HTTP_X_FORWARDED_FOR", "") if settings.EN_PRODUCTION else ""
    return chaine.split(",")[-1].strip() or requete.META["REMOTE_ADDR"]


def sont_epuises(requete, courriel):
    return any(cache.get(cle, 0) >= ESSAIS_PERMIS for cle in _cles(requete, courriel))


def compter(requete, courriel):
    """Un échec de plus pour ce compte, qu'il existe ou non, et pour cette adresse."""
    for cle in _cles(requete, courriel):
        if not cache.add(cle, 1, DUREE):
            cache.incr(cle)


def oublier(requete, courriel):
    """La personne a prouvé qui elle est : son compte repart de zéro, et le poste d'où elle vient aussi."""
    cache.delete_many(_cles(requete, courriel))


def _cles(requete, courriel):
    """Une empreinte : l'identifiant est écrit par le visiteur, une clé de cache n'accepte pas tout."""
    sujets = f"compte {courriel.strip().lower()}", f"adresse {adresse(requete)}"
    return [f"essais-{hashlib.sha256(sujet.encode()).hexdigest()}" for sujet in sujets]
