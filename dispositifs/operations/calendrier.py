"""L'adresse privée du calendrier d'une personne : la créer, la retrouver, la révoquer."""

import hashlib
import secrets

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur

from ..models import AbonnementCalendrier

OCTETS = 32  # 256 bits : personne ne devine une adresse


def donner_une_adresse(utilisateur: Utilisateur) -> str:
    """Un nouveau jeton pour cette personne, qui annule le précédent ; il ne se relit pas."""
    jeton = secrets.token_urlsafe(OCTETS)
    valeurs = {"empreinte": empreinte(jeton), "cree_le": timezone.now()}
    with transaction.atomic():
        AbonnementCalendrier.objects.update_or_create(utilisateur=utilisateur, defaults=valeurs)
    return jeton


def revoquer_l_adresse(utilisateur: Utilisateur) -> None:
    AbonnementCalendrier.objects.filter(utilisateur=utilisateur).delete()


def abonne_de(jeton: str) -> Utilisateur | None:
    """La personne de ce jeton, si son compte est actif."""
    trouves = AbonnementCalendrier.objects.filter(empreinte=empreinte(jeton), utilisateur__is_active=True)
    abonnement = trouves.select_related("utilisateur").first()
    return abonnement and abonnement.utilisateur


def empreinte(jeton: str) -> str:
    return hashlib.sha256(jeton.encode()).hexdigest()
