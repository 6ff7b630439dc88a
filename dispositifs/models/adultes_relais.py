"""Les adultes-relais : postes, conventions successives, avenants, périodes d'occupation, quotas, relevés publiés."""

from datetime import date as Date
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from programmation.models import Exercice, Organisme
from territoires.models import Quartier

from ..dates import UN_JOUR, dernier_jour, en_clair
from ..enums import CategorieEmployeur, EtatOccupation, Mission, NatureContrat, SuiteConvention
from .perimetre import postes_ouverts
from .postes import Poste, Releve

QUOTITE_MINIMALE = 50  # % d'un temps plein (D5134-156)
DUREE_MAXIMALE = 3  # ans (D5134-150)
DECRET_2013_54 = Date(2013, 1, 18)  # un autre barème, non chargé, valait pour les conventions antérieures
SANS_PERSONNE = "Rien sur la personne qui occupe le poste : ni nom, ni date de naissance, ni motif de départ."

QUOTITE_PERMISE = "La quotité va de la moitié d’un temps plein (50) à un temps plein (100)."


def champ_quotite(**options):
    """Une quotité en % d'un temps plein, au centième."""
    bornes = [MinValueValidator(QUOTITE_MINIMALE, QUOTITE_PERMISE), MaxValueValidator(100, QUOTITE_PERMISE)]
    return models.DecimalField("quotité (%)", max_digits=5, decimal_places=2, validators=bornes, **options)


def quotite_permise(nom):
    return models.CheckConstraint(
        condition=Q(quotite=None) | Q(quotite__gte=QUOTITE_MINIMALE, quotite__lte=100),
        name=nom,
        violation_error_message=QUOTITE_PERMISE,
    )


class PosteAdulteRelaisQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Ceux de son territoire ; un partenaire n'en voit aucun."""
        if utilisateur.perimetre_de_l_etat.national:
            return self
        return self.filter(postes_ouverts(utilisateur, LieuDuPoste))


class PosteAdulteRelais(Poste):
    """Un poste adulte-relais est une aide de l'État à un employeur, par conventions successives."""

    numero = models.CharField(
        "numéro ANCT",
        max_length=10,
        unique=True,
        null=True,
        blank=True,
        validators=[RegexValidator(r"^[0-9AB]{5}R\d{4}$", "Un numéro de poste s’écrit comme 01414R0045.")],
        help_text="Les dix premiers signes de l’identifiant publié ; les deux derniers sont ceux de la convention.",
    )
    employeur = models.ForeignKey(
        Organisme, models.PROTECT, related_name="postes_adultes_relais", verbose_name="employeur"
    )
    categorie_employeur = models.CharField(
        "catégorie d’employeur", max_length=16, choices=CategorieEmployeur, blank=True
    )
    quartiers = models.ManyToManyField(
        Quartier,
        through="LieuDuPoste",
        blank=True,
        related_name="postes_adultes_relais",
        verbose_name="quartiers d’intervention",
    )

    objects = PosteAdulteRelaisQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "poste adulte-relais"
        verbose_name_plural = "postes adultes-relais"
        ordering = ["departement__code", "numero", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(numero=""),
                name="poste_ar_numero_non_vide",
                violation_error_message="Un numéro de poste inconnu reste vide (NULL).",
            ),
        ]

    def __str__(self):
        return self.numero or f"poste sans numéro ({self.employeur})"


class LieuDuPoste(models.Model):
    """Un quartier où intervient le poste."""

    poste = models.ForeignKey(PosteAdulteRelais, models.CASCADE, related_name="lieux", verbose_name="poste")
    quartier = models.ForeignKey(Quartier, models.PROTECT, related_name="lieux_adultes_relais", verbose_name="quartier")

    history = HistoricalRecords()

    class Meta:
        verbose_name = "quartier d’intervention"
        verbose_name_plural = "quartiers d’intervention"
        constraints = [
            models.UniqueConstraint(
                fields=["poste", "quartier"],
                name="lieu_du_poste_unique",
                violation_error_message="Ce quartier est déjà celui du poste.",
            ),
        ]


class MissionDuPoste(models.Model):
    """Une des six missions de D5134-145 confiées au poste."""

    poste = models.ForeignKey(PosteAdulteRelais, models.CASCADE, related_name="missions", verbose_name="poste")
    mission = models.CharField("mission", max_length=16, choices=Mission)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "mission du poste"
        verbose_name_plural = "missions du poste"
        constraints = [
            models.UniqueConstraint(
                fields=["poste", "mission"],
                name="mission_du_poste_unique",
                violation_error_message="Cette mission est déjà celle du poste.",
            ),
        ]

    def __str__(self):
        return self.get_mission_display()


class ConventionAdulteRelaisQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Celles des postes visibles."""
        return self.filter(poste__in=PosteAdulteRelais.objects.visibles_par(utilisateur).order_by())


class ConventionAdulteRelais(models.Model):
    """Une convention lie l’employeur et le préfet pour un poste, trois ans au plus ; ses avenants changent `fin`."""

    poste = models.ForeignKey(PosteAdulteRelais, models.PROTECT, related_name="conventions", verbose_name="poste")
    numero = models.CharField(
        "numéro de convention",
        max_length=12,
        unique=True,
        null=True,
        blank=True,
        validators=[RegexValidator(r"^[0-9AB]{5}R\d{6}$", "Un identifiant publié s’écrit comme 01414R004503.")],
    )
    debut = models.DateField("début")
    fin = models.DateField("fin")
    quotite = champ_quotite(default=Decimal(100))
    signee_le = models.DateField("signée le", null=True, blank=True)
    derogation_de_residence = models.BooleanField("dérogation de résidence accordée", default=False)
    demande_recue_le = models.DateField("demande de renouvellement reçue le", null=True, blank=True)
    bilan_recu_le = models.DateField("bilan reçu le", null=True, blank=True)
    avis_du_delegue_le = models.DateField("avis du délégué rendu le", null=True, blank=True)
    suite = models.CharField(
        "suite", max_length=12, choices=SuiteConvention, default=SuiteConvention.A_DECIDER, help_text=SANS_PERSONNE
    )

    objects = ConventionAdulteRelaisQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "convention adulte-relais"
        verbose_name_plural = "conventions adultes-relais"
        ordering = ["poste", "debut"]
        indexes = [models.Index(fields=["fin"], name="convention_ar_fin")]
        constraints = [
            models.CheckConstraint(
                condition=Q(fin__gte=F("debut")),
                name="convention_ar_dates_ordonnees",
                violation_error_message="La convention finit avant de commencer.",
            ),
            models.CheckConstraint(
                condition=Q(debut__gte=DECRET_2013_54),
                name="convention_ar_depuis_2013",
                violation_error_message="Une convention antérieure au 18/01/2013 relève d’un autre barème.",
            ),
            models.CheckConstraint(
                condition=~Q(numero=""),
                name="convention_ar_numero_non_vide",
                violation_error_message="Un numéro de convention inconnu reste vide (NULL).",
            ),
            quotite_permise("convention_ar_quotite"),
            models.UniqueConstraint(
                fields=["poste", "debut"],
                name="convention_ar_debut_unique",
                violation_error_message="Deux conventions du poste commencent le même jour.",
            ),
        ]

    def __str__(self):
        return f"convention du {en_clair(self.debut)} au {en_clair(self.fin)}"

    def clean(self):
        if self.debut and self.fin and self.fin > dernier_jour(self.debut, DUREE_MAXIMALE):
            limite = en_clair(dernier_jour(self.debut, DUREE_MAXIMALE))
            raise ValidationError({"fin": f"Une convention dure au plus trois ans : jusqu’au {limite}."})
        if self.numero and self.poste.numero and not self.numero.startswith(self.poste.numero):
            raise ValidationError({"numero": f"Ce numéro n’est pas celui du poste {self.poste.numero}."})


class AvenantAdulteRelais(models.Model):
    """Un avenant change la quotité à une date d'effet, ou la fin de la convention."""

    convention = models.ForeignKey(
        ConventionAdulteRelais, models.PROTECT, related_name="avenants", verbose_name="convention"
    )
    date_effet = models.DateField("date d’effet")
    quotite = champ_quotite(null=True, blank=True)
    nouvelle_fin = models.DateField("nouvelle fin", null=True, blank=True)
    signe_le = models.DateField("signé le", null=True, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "avenant adulte-relais"
        verbose_name_plural = "avenants adultes-relais"
        ordering = ["convention", "date_effet"]
        constraints = [
            models.CheckConstraint(
                condition=Q(quotite__isnull=False) | Q(nouvelle_fin__isnull=False),
                name="avenant_ar_change_quelque_chose",
                violation_error_message="Un avenant change la quotité ou la fin de la convention.",
            ),
            quotite_permise("avenant_ar_quotite"),
            models.UniqueConstraint(
                fields=["convention", "date_effet"],
                name="avenant_ar_date_unique",
                violation_error_message="Deux avenants de la convention ont la même date d’effet.",
            ),
        ]

    def __str__(self):
        return f"avenant du {en_clair(self.date_effet)}"


class Occupation(models.Model):
    """Une période d'une convention où le poste est pourvu ou vacant ; ce qu'aucune ne couvre n'est pas renseigné."""

    convention = models.ForeignKey(
        ConventionAdulteRelais, models.PROTECT, related_name="occupations", verbose_name="convention"
    )
    etat = models.CharField("état", max_length=6, choices=EtatOccupation, help_text=SANS_PERSONNE)
    nature_contrat = models.CharField("nature du contrat", max_length=3, choices=NatureContrat, blank=True)
    debut = models.DateField("début")
    fin = models.DateField("fin", null=True, blank=True, help_text="Vide : jusqu’à la fin de la convention.")
    conditions_verifiees_le = models.DateField(
        "conditions vérifiées le",
        null=True,
        blank=True,
        help_text="Âge, résidence et situation vérifiés par l’employeur, à la signature.",
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = "occupation"
        ordering = ["convention", "debut"]
        constraints = [
            models.CheckConstraint(
                condition=Q(fin=None) | Q(fin__gte=F("debut")),
                name="occupation_dates_ordonnees",
                violation_error_message="L’occupation finit avant de commencer.",
            ),
            models.CheckConstraint(
                condition=Q(etat=EtatOccupation.POURVU, nature_contrat__in=NatureContrat.values)
                | Q(etat=EtatOccupation.VACANT, nature_contrat="", conditions_verifiees_le=None),
                name="occupation_contrat_selon_etat",
                violation_error_message="Un poste pourvu l’est par un CDI ou un CDD ; un poste vacant, par aucun.",
            ),
            models.UniqueConstraint(
                fields=["convention", "debut"],
                name="occupation_debut_unique",
                violation_error_message="Deux occupations commencent le même jour.",
            ),
        ]

    def __str__(self):
        return f"{self.get_etat_display().lower()} depuis le {en_clair(self.debut)}"

    @property
    def fin_effective(self):
        """Le dernier jour de l'occupation."""
        return self.fin or max(self.convention.fin, self.debut - UN_JOUR)


class QuotaAdulteRelaisQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Ceux des départements qu'il voit en entier, côté État."""
        perimetre = utilisateur.perimetre_de_l_etat
        if perimetre.national:
            return self
        return self.filter(exercice__departement__in=perimetre.departements | perimetre.departements_de_delegue)


class QuotaAdulteRelais(models.Model):
    """Le nombre de postes notifiés à un département pour un exercice ; ceux qui ne servent pas sont perdus."""

    exercice = models.OneToOneField(
        Exercice, models.PROTECT, related_name="quota_adultes_relais", verbose_name="exercice"
    )
    postes_notifies = models.PositiveSmallIntegerField("postes notifiés")
    notifie_le = models.DateField("notifié le", null=True, blank=True)
    reference = models.CharField("référence", max_length=100, blank=True)
    version = models.PositiveIntegerField("version", default=1, editable=False)

    objects = QuotaAdulteRelaisQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "quota d’adultes-relais"
        verbose_name_plural = "quotas d’adultes-relais"
        ordering = ["exercice"]

    def __str__(self):
        return f"quota d’adultes-relais {self.exercice}"


class ReleveAnct(Releve):
    """La ligne d'un poste adulte-relais dans la liste annuelle de l'ANCT."""

    poste = models.ForeignKey(PosteAdulteRelais, models.PROTECT, related_name="releves", verbose_name="poste")

    history = HistoricalRecords()

    class Meta(Releve.Meta):
        verbose_name = "relevé de l’ANCT"
        verbose_name_plural = "relevés de l’ANCT"
