"""Les comités : ils proposent, action par action ; la décision du préfet attribue."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from politique_ville.outils.montants import MontantField

from ..enums import EtatComite, NatureComite, NatureDecision
from .actions import Action
from .cadre import Campagne


class ComiteQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Ceux des départements de l'agent de l'État, ou des campagnes de son contrat ; jamais un partenaire."""
        perimetre = utilisateur.perimetre_de_l_etat
        if perimetre.national:
            return self
        departements = perimetre.departements | perimetre.departements_de_delegue
        return self.filter(
            Q(campagne__exercice__departement__in=departements) | Q(campagne__contrat__in=perimetre.contrats)
        )


class Comite(models.Model):
    """Une séance, ou une consultation écrite, qui passe en revue des actions d'une campagne."""

    campagne = models.ForeignKey(Campagne, models.PROTECT, related_name="comites", verbose_name="campagne")
    nature = models.CharField("nature", max_length=12, choices=NatureComite)
    date = models.DateField("date")
    lieu = models.CharField("lieu", max_length=150, blank=True)
    partenaires_presents = models.BooleanField(
        "des partenaires sont présents",
        default=True,
        help_text="L’écran projeté ne montre alors que les avis que l’État partage.",
    )
    etat = models.CharField("état", max_length=12, choices=EtatComite, default=EtatComite.PREPARATION, editable=False)
    en_cours = models.ForeignKey(
        "programmation.Passage",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="passage examiné",
        editable=False,
    )
    termine_le = models.DateTimeField("terminé le", null=True, blank=True, editable=False)

    objects = ComiteQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["en_cours"])  # ce que l'écran montre n'est pas un fait

    class Meta:
        verbose_name = "comité"
        ordering = ["-date", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campagne", "nature", "date"],
                name="comite_unique",
                violation_error_message="Ce comité est déjà prévu ce jour-là pour cette campagne.",
            ),
            models.CheckConstraint(
                condition=Q(etat=EtatComite.TERMINE, termine_le__isnull=False)
                | (~Q(etat=EtatComite.TERMINE) & Q(termine_le=None)),
                name="comite_termine_date",
                violation_error_message="Un comité terminé dit quand il l’a été.",
            ),
        ]

    def __str__(self):
        return f"{self.get_nature_display()} du {self.date:%d/%m/%Y}"

    @property
    def couleur(self):
        """La couleur du badge DSFR de son état."""
        return EtatComite(self.etat).couleur

    @property
    def decide(self):
        """Un comité de pilotage enregistre les décisions du préfet ; les autres ne font que proposer."""
        return self.nature == NatureComite.PILOTAGE

    @property
    def montre_les_avis_de_l_etat(self):
        """Les seuls services de l'État sont là : l'écran projeté peut montrer leurs avis internes."""
        return self.nature == NatureComite.TECHNIQUE and not self.partenaires_presents

    @property
    def est_en_seance(self):
        return self.etat == EtatComite.EN_SEANCE

    @property
    def est_termine(self):
        return self.etat == EtatComite.TERMINE


class Passage(models.Model):
    """Une action à l'ordre du jour : ce que le comité propose pour elle, et à quel montant (euros, signé)."""

    comite = models.ForeignKey(Comite, models.CASCADE, related_name="passages", verbose_name="comité")
    action = models.ForeignKey(Action, models.PROTECT, related_name="passages", verbose_name="action")
    ordre = models.PositiveIntegerField("ordre")
    issue = models.CharField("issue proposée", max_length=20, choices=NatureDecision, blank=True)
    montant = MontantField("montant proposé", signe=True, null=True, blank=True)
    observation = models.TextField(
        "observation", blank=True, help_text="Sur l’action, jamais sur une personne : porteur, salarié ou bénéficiaire."
    )
    version = models.PositiveIntegerField("version", default=1, editable=False)
    inscrit_le = models.DateTimeField("inscrit à l’ordre du jour le", default=timezone.now, editable=False)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "passage en comité"
        verbose_name_plural = "passages en comité"
        ordering = ["comite_id", "ordre", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["comite", "action"],
                name="passage_unique",
                violation_error_message="Cette action est déjà à l’ordre du jour.",
            ),
        ]

    def __str__(self):
        return f"{self.ordre}. {self.action}"
