"""Les barèmes datés : le montant annuel de l'aide pour un poste à temps plein, et ce que l'on n'en sait pas."""

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from politique_ville.outils.montants import MontantField

from ..enums import StatutBareme


class Bareme(models.Model):
    """Un barème vaut de sa date d'effet à la date d'effet du suivant ; sans montant, il déclare un trou."""

    date_effet = models.DateField("date d’effet", unique=True)
    montant = MontantField("montant annuel", null=True, blank=True)
    statut = models.CharField("statut", max_length=8, choices=StatutBareme)
    source = models.TextField("source")

    class Meta:
        abstract = True
        ordering = ["date_effet"]
        constraints = [
            models.CheckConstraint(
                condition=Q(statut=StatutBareme.INCONNU, montant=None)
                | (~Q(statut=StatutBareme.INCONNU) & Q(montant__isnull=False)),
                name="%(class)s_montant_selon_statut",
                violation_error_message="Un barème inconnu n’a pas de montant ; les autres en ont un.",
            ),
        ]

    def __str__(self):
        return f"barème du {self.date_effet:%d/%m/%Y}"


class BaremeAdulteRelais(Bareme):
    """L'aide annuelle à un poste adulte-relais à temps plein (D5134-160)."""

    history = HistoricalRecords()

    class Meta(Bareme.Meta):
        verbose_name = "barème adulte-relais"
        verbose_name_plural = "barèmes adultes-relais"


class BaremeFonjep(Bareme):
    """L'aide annuelle à un poste FONJEP de la politique de la ville."""

    history = HistoricalRecords()

    class Meta(Bareme.Meta):
        verbose_name = "barème FONJEP"
        verbose_name_plural = "barèmes FONJEP"
