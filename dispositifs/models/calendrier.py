"""L'abonnement d'une personne au calendrier de ses échéances, par une adresse privée."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class AbonnementCalendrier(models.Model):
    """Une adresse privée ouvre le calendrier de quelqu'un sans connexion ; on n'en garde que l'empreinte.

    Qui lirait la base n'en tirerait aucune adresse ; perdue, elle ne se retrouve pas : on en crée une autre.
    """

    utilisateur = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="abonnement_calendrier", verbose_name="utilisateur"
    )
    empreinte = models.CharField("empreinte de l’adresse", max_length=64, unique=True, editable=False)
    cree_le = models.DateTimeField("créé le", default=timezone.now, editable=False)

    class Meta:
        verbose_name = "abonnement au calendrier"
        verbose_name_plural = "abonnements au calendrier"

    def __str__(self):
        return f"calendrier de {self.utilisateur}"
