"""Les postes FONJEP de la politique de la ville : une aide de trois ans, reconduite deux fois au plus."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from programmation.models import Organisme
from territoires.models import Quartier

from ..dates import decaler_de_mois, dernier_jour, en_clair
from .perimetre import postes_ouverts
from .postes import Poste, Releve

DUREE = 3  # ans
RECONDUCTIONS = 2  # au plus : neuf ans en tout
DELAI_D_EVALUATION = 6  # mois avant le terme


class PosteFonjepQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Ceux de son territoire ; un partenaire n'en voit aucun."""
        return self.filter(postes_ouverts(utilisateur, LieuFonjep))


class PosteFonjep(Poste):
    """Un poste FONJEP est une aide annuelle forfaitaire à une association qui emploie un permanent."""

    code = models.CharField("code FONJEP", max_length=10, unique=True)
    association = models.ForeignKey(Organisme, models.PROTECT, related_name="postes_fonjep", verbose_name="association")
    quartiers = models.ManyToManyField(
        Quartier, through="LieuFonjep", blank=True, related_name="postes_fonjep", verbose_name="quartiers"
    )

    objects = PosteFonjepQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "poste FONJEP"
        verbose_name_plural = "postes FONJEP"
        ordering = ["departement__code", "code"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(code=""),
                name="poste_fonjep_code_renseigne",
                violation_error_message="Un poste FONJEP a un code.",
            ),
        ]

    def __str__(self):
        return self.code


class LieuFonjep(models.Model):
    """Un quartier où intervient le poste."""

    poste = models.ForeignKey(PosteFonjep, models.CASCADE, related_name="lieux", verbose_name="poste")
    quartier = models.ForeignKey(Quartier, models.PROTECT, related_name="lieux_fonjep", verbose_name="quartier")

    history = HistoricalRecords()

    class Meta:
        verbose_name = "quartier du poste FONJEP"
        verbose_name_plural = "quartiers du poste FONJEP"
        constraints = [
            models.UniqueConstraint(
                fields=["poste", "quartier"],
                name="lieu_fonjep_unique",
                violation_error_message="Ce quartier est déjà celui du poste.",
            ),
        ]


class TriennaliteFonjep(models.Model):
    """Une période d'aide de trois ans au plus ; son rang dit combien de fois elle a été reconduite."""

    poste = models.ForeignKey(PosteFonjep, models.PROTECT, related_name="triennalites", verbose_name="poste")
    rang = models.PositiveSmallIntegerField("rang de reconduction", default=0)
    debut = models.DateField("début")
    fin = models.DateField("fin")
    evaluation_recue_le = models.DateField("évaluation reçue le", null=True, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "triennalité FONJEP"
        verbose_name_plural = "triennalités FONJEP"
        ordering = ["poste", "rang"]
        constraints = [
            models.CheckConstraint(
                condition=Q(fin__gte=F("debut")),
                name="triennalite_dates_ordonnees",
                violation_error_message="La période finit avant de commencer.",
            ),
            models.CheckConstraint(
                condition=Q(rang__lte=RECONDUCTIONS),
                name="triennalite_deux_reconductions",
                violation_error_message="Un poste FONJEP se reconduit deux fois au plus.",
            ),
            models.UniqueConstraint(
                fields=["poste", "rang"],
                name="triennalite_rang_unique",
                violation_error_message="Le poste a déjà une période de ce rang.",
            ),
        ]

    def __str__(self):
        return f"période du {en_clair(self.debut)} au {en_clair(self.fin)}"

    def clean(self):
        if self.debut and self.fin and self.fin > dernier_jour(self.debut, DUREE):
            limite = en_clair(dernier_jour(self.debut, DUREE))
            raise ValidationError({"fin": f"Une période dure au plus trois ans : jusqu’au {limite}."})

    @property
    def evaluation_attendue_le(self):
        """L'évaluation est à remettre six mois avant le terme."""
        return decaler_de_mois(self.fin, -DELAI_D_EVALUATION)

    @property
    def peut_etre_reconduite(self):
        """Deux reconductions au plus."""
        return self.rang < RECONDUCTIONS


class ReleveFonjep(Releve):
    """La ligne d'un poste FONJEP dans la liste annuelle de l'ANCT."""

    poste = models.ForeignKey(PosteFonjep, models.PROTECT, related_name="releves", verbose_name="poste")

    history = HistoricalRecords()

    class Meta(Releve.Meta):
        verbose_name = "relevé FONJEP"
        verbose_name_plural = "relevés FONJEP"
