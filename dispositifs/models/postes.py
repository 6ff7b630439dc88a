"""Ce que partagent un poste adulte-relais et un poste FONJEP."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from politique_ville.outils.montants import MontantField
from territoires.models import ContratDeVille, Departement


class Poste(models.Model):
    """Un poste est aidé dans un contrat de ville, ou hors contrat ; on n'enregistre rien sur qui l'occupe."""

    departement = models.ForeignKey(Departement, models.PROTECT, related_name="+", verbose_name="département")
    contrat = models.ForeignKey(
        ContratDeVille, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="contrat de ville"
    )
    agent_referent = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="agent référent"
    )
    version = models.PositiveIntegerField("version", default=1, editable=False)
    cree_le = models.DateTimeField("créé le", default=timezone.now, editable=False)
    modifie_le = models.DateTimeField("modifié le", default=timezone.now, editable=False)

    class Meta:
        abstract = True

    def clean(self):
        if self.contrat_id and self.contrat.departement_id != self.departement_id:
            raise ValidationError({"contrat": "Ce contrat n’est pas dans le département du poste."})


class Releve(models.Model):
    """Ce que l'ANCT a publié d'un poste une année, recopié tel quel : jamais additionné à nos propres calculs.

    `rang` compte les lignes du fichier qui répètent le même poste la même année.
    """

    annee = models.PositiveSmallIntegerField("année")
    rang = models.PositiveSmallIntegerField("rang dans le fichier", default=1)
    id_publie = models.CharField("identifiant publié", max_length=20)
    montant = MontantField("montant publié")
    siret = models.CharField("SIRET publié", max_length=14, blank=True)
    raison_sociale = models.CharField("raison sociale publiée", max_length=200, blank=True)
    code_contrat = models.CharField("code de contrat publié", max_length=10, blank=True)
    source = models.TextField("source", blank=True)

    class Meta:
        abstract = True
        ordering = ["annee", "id_publie", "rang"]
        constraints = [
            models.UniqueConstraint(
                fields=["annee", "id_publie", "rang"],
                name="%(class)s_unique",
                violation_error_message="Ce relevé de l’année existe déjà pour ce poste.",
            ),
            models.CheckConstraint(
                condition=models.Q(rang__gte=1),
                name="%(class)s_rang_positif",
                violation_error_message="Le rang d’un relevé se compte à partir de 1.",
            ),
        ]

    def __str__(self):
        return f"{self.id_publie} en {self.annee}"
