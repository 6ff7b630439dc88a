"""La décision : l'acte du préfet qui donne, modifie ou refuse les crédits P147 d'une action."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from politique_ville.outils.montants import MontantField

from ..enums import NatureDecision
from .actions import Action
from .cadre import Enveloppe


class DecisionIntouchable(Exception):
    """Une décision enregistrée ne se modifie ni ne s'efface : une autre décision la corrige."""


class DecisionQuerySet(models.QuerySet):
    def update(self, **champs):
        raise DecisionIntouchable(DecisionIntouchable.__doc__)

    def delete(self):
        raise DecisionIntouchable(DecisionIntouchable.__doc__)

    def bulk_update(self, *args, **kwargs):
        raise DecisionIntouchable(DecisionIntouchable.__doc__)


class Decision(models.Model):
    """Une décision ne se modifie jamais : une autre la complète, la diminue ou l'annule."""

    action = models.ForeignKey(Action, models.PROTECT, related_name="decisions", verbose_name="action")
    date = models.DateField("date")
    nature = models.CharField("nature", max_length=20, choices=NatureDecision)
    montant = MontantField("montant P147", signe=True)
    enveloppe = models.ForeignKey(
        Enveloppe, models.PROTECT, null=True, blank=True, related_name="decisions", verbose_name="enveloppe"
    )
    motif = models.TextField("motif", blank=True)
    auteur = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="decisions", verbose_name="auteur"
    )
    depassement = MontantField("dépassement du disponible", null=True, blank=True)
    passage = models.ForeignKey(
        "programmation.Passage",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="decisions",
        verbose_name="passage en comité",
    )
    scenario = models.ForeignKey(
        "programmation.Scenario",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="decisions",
        verbose_name="scénario",
    )
    porteur_nom = models.CharField("porteur à cette date", max_length=260)
    porteur_siret = models.CharField("SIRET du porteur à cette date", max_length=14, blank=True)
    enregistree_le = models.DateTimeField("enregistrée le", default=timezone.now, editable=False)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        verbose_name = "décision"
        ordering = ["date", "id"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(nature__in=[NatureDecision.ATTRIBUTION, NatureDecision.COMPLEMENT], montant__gt=0)
                    | Q(nature=NatureDecision.DIMINUTION, montant__lt=0)
                    | Q(nature=NatureDecision.DEPROGRAMMATION, montant__lte=0)
                    | Q(nature__in=NatureDecision.sans_montant(), montant=0)
                ),
                name="decision_montant_selon_nature",
                violation_error_message=(
                    "Une attribution ou un complément est positif, une diminution ou une déprogrammation négative, "
                    "les autres décisions sont à 0,00 €."
                ),
            ),
            models.CheckConstraint(
                condition=Q(depassement=None) | Q(depassement__gt=0, depassement__lte=F("montant")),
                name="decision_depasse_de_son_montant",
                violation_error_message="Une décision ne dépasse le disponible que d’une part de son montant.",
            ),
        ]

    def __str__(self):
        return f"{self.get_nature_display()} du {self.date:%d/%m/%Y}"

    def save(self, *args, **kwargs):
        if self.pk is not None and not self._state.adding:
            raise DecisionIntouchable(DecisionIntouchable.__doc__)
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise DecisionIntouchable(DecisionIntouchable.__doc__)
