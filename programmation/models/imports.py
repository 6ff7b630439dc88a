"""Les imports : ce qui a été déposé, ce qu'il ferait, ce qu'il a fait."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from comptes.enums import Role

from ..enums import EtatLot
from .cadre import Exercice

ACTIONS = "actions"  # le modèle d'import des actions, qui vaut pour un exercice


class ModeleDeColonnes(models.Model):
    """Une correspondance de colonnes que l'agent a réglée une fois et nommée pour la retrouver."""

    nom = models.CharField("nom", max_length=100)
    modele = models.CharField("modèle d’import", max_length=40)
    auteur = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="modeles_de_colonnes", verbose_name="auteur"
    )
    departement = models.ForeignKey(
        "territoires.Departement",
        models.CASCADE,
        related_name="modeles_de_colonnes",
        verbose_name="département",
    )
    correspondance = models.JSONField("correspondance", default=dict)

    class Meta:
        verbose_name = "modèle de colonnes"
        verbose_name_plural = "modèles de colonnes"
        ordering = ["nom"]
        constraints = [
            models.UniqueConstraint(
                fields=["departement", "modele", "nom"],
                name="modele_de_colonnes_unique",
                violation_error_message="Un modèle de colonnes porte déjà ce nom.",
            ),
        ]

    def __str__(self):
        return self.nom


class LotQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Les lots des départements où il saisit partout : un import est un acte de la DDETS."""
        habilitations = [h for h in utilisateur.habilitations_actives if h.role in Role.qui_ecrivent()]
        if any(h.france_entiere for h in habilitations):
            return self
        return self.filter(departement__in={h.departement_id for h in habilitations} - {None})


class Lot(models.Model):
    """Un lot est un fichier déposé, le plan de ce qu'il écrirait, puis la trace de ce qu'il a écrit.

    Des actions s'importent dans un exercice ; une liste publiée vaut pour un département et plusieurs années.
    """

    departement = models.ForeignKey(
        "territoires.Departement", models.PROTECT, related_name="lots", verbose_name="département"
    )
    exercice = models.ForeignKey(
        Exercice, models.PROTECT, null=True, blank=True, related_name="lots", verbose_name="exercice"
    )
    modele = models.CharField("modèle d’import", max_length=40)
    nom_du_fichier = models.CharField("fichier", max_length=255)
    fichier = models.FileField("fichier conservé", upload_to="imports/%Y/")
    empreinte = models.CharField("empreinte SHA-256", max_length=64)
    correspondance = models.JSONField("correspondance", default=dict)
    plan = models.JSONField("plan", default=dict)
    etat = models.CharField("état", max_length=10, choices=EtatLot, default=EtatLot.PREPARE)
    auteur = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="lots", verbose_name="auteur")
    cree_le = models.DateTimeField("déposé le", default=timezone.now, editable=False)
    applique_le = models.DateTimeField("appliqué le", null=True, blank=True)

    objects = LotQuerySet.as_manager()

    class Meta:
        verbose_name = "import"
        ordering = ["-cree_le"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(modele=ACTIONS) | models.Q(exercice__isnull=False),
                name="lot_d_actions_dans_un_exercice",
                violation_error_message="Des actions s’importent dans un exercice.",
            ),
        ]

    def __str__(self):
        return self.nom_du_fichier

    @property
    def ou(self):
        """L'exercice où le lot s'importe, sinon son département."""
        return self.exercice or self.departement
