"""Les modifications en lot : ce qui a changé d'un coup, et de quoi l'annuler d'un coup."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from comptes.enums import Role

from .cadre import Exercice


class ModificationEnLotQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Celles des exercices où la personne écrit dans tout le département, et les siennes."""
        habilitations = [h for h in utilisateur.habilitations_actives if h.role in Role.qui_ecrivent()]
        if any(h.france_entiere for h in habilitations):
            return self
        departements = {h.departement_id for h in habilitations} - {None}
        return self.filter(models.Q(exercice__departement__in=departements) | models.Q(auteur=utilisateur))


class ModificationEnLot(models.Model):
    """Une modification de plusieurs actions, sous un seul motif. `lignes` : pour chaque action, la valeur de chaque
    champ avant et après, et sa version après : tant qu'elle n'a pas changé depuis, la modification s'annule."""

    exercice = models.ForeignKey(Exercice, models.PROTECT, related_name="modifications_en_lot", verbose_name="exercice")
    auteur = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="modifications_en_lot", verbose_name="auteur"
    )
    faite_le = models.DateTimeField("faite le", default=timezone.now, editable=False)
    motif = models.TextField("motif")
    resume = models.CharField("ce qui change", max_length=250)
    lignes = models.JSONField("lignes")
    annulee_le = models.DateTimeField("annulée le", null=True, blank=True, editable=False)
    annulee_par = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="annulée par",
        editable=False,
    )

    objects = ModificationEnLotQuerySet.as_manager()

    class Meta:
        verbose_name = "modification en lot"
        verbose_name_plural = "modifications en lot"
        ordering = ["-faite_le"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(annulee_le=None, annulee_par=None)
                | models.Q(annulee_le__isnull=False, annulee_par__isnull=False),
                name="modification_annulee_par",
                violation_error_message="Une modification annulée dit quand et par qui.",
            ),
        ]

    def __str__(self):
        return self.resume
