"""Les scénarios : des montants d'essai dans une enveloppe, qui n'engagent rien avant d'être promus."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from politique_ville.outils.montants import MontantField

from ..enums import EtatScenario, StatutAction
from .actions import Action
from .cadre import Enveloppe, Exercice
from .nomenclature import Thematique


class ScenarioQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Ceux des départements de l'agent de l'État, ou de l'enveloppe de son contrat ; jamais un partenaire."""
        perimetre = utilisateur.perimetre_de_l_etat
        if perimetre.national:
            return self
        departements = perimetre.departements | perimetre.departements_de_delegue
        return self.filter(Q(exercice__departement__in=departements) | Q(enveloppe__contrat__in=perimetre.contrats))


class Scenario(models.Model):
    """Un scénario propose un montant P147 à chacune de ses actions ; promu, il devient des décisions."""

    exercice = models.ForeignKey(Exercice, models.PROTECT, related_name="scenarios", verbose_name="exercice")
    enveloppe = models.ForeignKey(
        Enveloppe,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="scenarios",
        verbose_name="enveloppe",
        help_text="Vide : toutes les actions à décider de l’exercice.",
    )
    libelle = models.CharField("nom", max_length=100)
    regle = models.TextField("règle appliquée", blank=True, editable=False)
    etat = models.CharField("état", max_length=8, choices=EtatScenario, default=EtatScenario.ETUDE, editable=False)
    auteur = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="scenarios", verbose_name="auteur"
    )
    cree_le = models.DateTimeField("créé le", default=timezone.now, editable=False)
    promu_le = models.DateTimeField("promu le", null=True, blank=True, editable=False)

    objects = ScenarioQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "scénario"
        ordering = ["exercice_id", "libelle"]
        constraints = [
            models.UniqueConstraint(
                fields=["exercice", "libelle"],
                name="scenario_unique",
                violation_error_message="Un scénario de l’exercice porte déjà ce nom.",
            ),
            models.CheckConstraint(
                condition=Q(etat=EtatScenario.PROMU, promu_le__isnull=False)
                | (~Q(etat=EtatScenario.PROMU) & Q(promu_le=None)),
                name="scenario_promu_date",
                violation_error_message="Un scénario promu dit quand il l’a été.",
            ),
        ]

    def __str__(self):
        return self.libelle

    def clean(self):
        if self.enveloppe_id and self.enveloppe.exercice_id != self.exercice_id:
            raise ValidationError({"enveloppe": "Cette enveloppe est d’un autre exercice."})


class Proposition(models.Model):
    """Le montant P147 (euros) qu'un scénario propose à une action, et ce que l'action était quand on l'a proposé.

    Vide : le scénario n'en dit rien ; 0,00 € : il ne lui donne rien. Périmée si l'action a changé depuis.
    """

    scenario = models.ForeignKey(Scenario, models.CASCADE, related_name="propositions", verbose_name="scénario")
    action = models.ForeignKey(Action, models.CASCADE, related_name="propositions", verbose_name="action")
    montant = MontantField("montant", null=True, blank=True)
    statut_vu = models.CharField("statut vu", max_length=16, choices=StatutAction)
    thematique_vue = models.ForeignKey(
        Thematique, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="thématique vue"
    )
    demande_vu = MontantField("demandé vu", null=True, blank=True)
    propose_vu = MontantField("proposé vu", null=True, blank=True)
    accorde_vu = MontantField("accordé vu", null=True, blank=True)

    class Meta:
        verbose_name = "proposition"
        ordering = ["scenario_id", "action_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["scenario", "action"],
                name="proposition_unique",
                violation_error_message="Cette action est déjà dans le scénario.",
            ),
        ]
