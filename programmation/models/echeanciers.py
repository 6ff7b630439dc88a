"""L'échéancier d'un acte : ce qu'il prévoit de verser au porteur, quand, et à quelle condition."""

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from politique_ville.outils.francais import euros
from politique_ville.outils.montants import MontantField

from ..enums import NaturePaiement
from .execution import Acte


class VersementPrevu(models.Model):
    """Un versement que l'acte prévoit. Ensemble, ils font le montant de l'acte, au centime : l'opération y veille, et
    `verifier` le recompte. Un versement ne se modifie pas : changer l'échéancier le retire et en ajoute un autre."""

    acte = models.ForeignKey(Acte, models.CASCADE, related_name="versements", verbose_name="acte")
    nature = models.CharField("nature", max_length=12, choices=NaturePaiement)
    montant = MontantField("montant")
    prevu_le = models.DateField("prévu le")
    condition = models.CharField("condition", max_length=250, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "versement prévu"
        verbose_name_plural = "versements prévus"
        ordering = ["prevu_le", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(montant__gt=0),
                name="versement_prevu_positif",
                violation_error_message="Un versement prévu est supérieur à zéro.",
            ),
            models.CheckConstraint(
                condition=~Q(nature=NaturePaiement.REVERSEMENT),
                name="versement_prevu_au_porteur",
                violation_error_message="Un échéancier prévoit des versements au porteur, jamais un reversement.",
            ),
        ]

    def __str__(self):
        condition = f", {self.condition}" if self.condition else ""
        nature = self.get_nature_display().lower()
        return f"Versement de {euros(self.montant)} le {self.prevu_le:%d/%m/%Y} ({nature}{condition})"
