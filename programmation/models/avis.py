"""L'avis : ce qu'une personne pense d'une action avant que le préfet ne décide."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from comptes.enums import Role
from politique_ville.outils.montants import MontantField

from ..enums import Echelle, QualiteAvis, SensAvis, VisibiliteAvis
from .actions import Action, Localisation

PLUS_BASSE_PRIORITE = 3


def actions_du_delegue(utilisateur):
    """Les actions où un délégué donne son avis : celles de ses quartiers, celles à l'échelle d'un contrat qui contient
    l'un d'eux, et celles à l'échelle de son département. Vide pour qui n'est pas délégué."""
    suivis = utilisateur.quartiers_suivis().order_by()
    lieux = Localisation.objects.filter(action=OuterRef("pk"))
    a_l_echelle_du_contrat = Q(echelle=Echelle.CONTRAT, contrat__in=suivis.values("contrat")) & ~Exists(lieux)
    du_departement = Q(
        echelle=Echelle.DEPARTEMENT, exercice__departement__in=utilisateur.perimetre.departements_de_delegue
    )
    dans_ses_quartiers = Exists(lieux.filter(quartier__in=suivis))
    return Action.objects.visibles_par(utilisateur).filter(dans_ses_quartiers | a_l_echelle_du_contrat | du_departement)


class AvisQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Ceux des actions visibles ; un partenaire ne lit que les avis que l'État partage avec lui."""
        siens = self.filter(action__in=Action.objects.visibles_par(utilisateur).order_by())
        lecteurs = [h for h in utilisateur.habilitations_actives if h.role in Role.de_l_etat()]
        if any(h.france_entiere for h in lecteurs):
            return siens
        departements = {h.departement_concerne_id for h in lecteurs}
        partage = Q(visibilite=VisibiliteAvis.PARTENAIRES)
        return siens.filter(partage | Q(action__exercice__departement__in=departements))

    def exprimes(self):
        return self.exclude(sens=SensAvis.DISPENSE)


class Avis(models.Model):
    """Un avis par personne et par qualité ; il se corrige tant que l'action n'est pas décidée. Il n'augmente jamais
    la version de l'action : le délégué qui avise ne dérange pas l'agent qui saisit."""

    action = models.ForeignKey(Action, models.CASCADE, related_name="avis", verbose_name="action")
    auteur = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="avis", verbose_name="auteur")
    qualite = models.CharField("au nom de", max_length=16, choices=QualiteAvis)
    sens = models.CharField("avis", max_length=12, choices=SensAvis)
    montant_conseille = MontantField("montant conseillé", null=True, blank=True)
    priorite = models.PositiveSmallIntegerField(
        "priorité",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(PLUS_BASSE_PRIORITE)],
        help_text="De 1 (à financer d’abord) à 3.",
    )
    commentaire = models.TextField(
        "commentaire", blank=True, help_text="Sur l’action, jamais sur une personne : porteur, salarié ou bénéficiaire."
    )
    visibilite = models.CharField("lu par", max_length=12, choices=VisibiliteAvis, default=VisibiliteAvis.ETAT)
    donne_le = models.DateTimeField("donné le", default=timezone.now, editable=False)

    objects = AvisQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "avis"
        verbose_name_plural = "avis"
        ordering = ["action_id", "qualite", "donne_le", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["action", "auteur", "qualite"],
                name="avis_unique",
                violation_error_message="Vous avez déjà donné cet avis : le modifier.",
            ),
            models.CheckConstraint(
                condition=~Q(sens=SensAvis.DISPENSE) | (Q(montant_conseille=None, priorite=None) & ~Q(commentaire="")),
                name="avis_dispense_motivee",
                violation_error_message="Une dispense d’avis dit pourquoi, et ne conseille ni montant ni priorité.",
            ),
        ]

    def __str__(self):
        return f"{self.get_sens_display()} ({self.get_qualite_display().lower()})"

    @property
    def couleur(self):
        """La couleur du badge DSFR de son sens."""
        return SensAvis(self.sens).couleur

    def clean(self):
        if self.sens == SensAvis.DISPENSE and not self.commentaire.strip():
            raise ValidationError({"commentaire": "Une dispense d’avis dit pourquoi."})
        if self.sens == SensAvis.DISPENSE and (self.montant_conseille is not None or self.priorite is not None):
            raise ValidationError({"sens": "Une dispense d’avis ne conseille ni montant ni priorité."})
