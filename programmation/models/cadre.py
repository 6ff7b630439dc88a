"""Le cadre d'une année : exercice, campagnes, enveloppes et leurs mouvements."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from simple_history.models import HistoricalRecords

from politique_ville.outils.montants import MontantField
from territoires.models import ContratDeVille, Departement

from ..enums import NatureMouvement, QualiteAvis, StatutExercice
from .nomenclature import Dispositif, Nomenclature

VAGUES = "Une vague se numérote de 1 à 20."


class ExerciceQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Les exercices des départements de ses habilitations."""
        if utilisateur.perimetre.national:
            return self
        return self.filter(departement__in=utilisateur.perimetre.tous_les_departements)

    def lus_par_l_etat(self, utilisateur):
        """Ceux des départements où la personne sert l'État : un partenaire ne lit pas le cadre de l'année."""
        perimetre = utilisateur.perimetre_de_l_etat
        return self if perimetre.national else self.filter(departement__in=perimetre.tous_les_departements)


class Exercice(models.Model):
    """Un exercice est l'année de programmation d'un département ; clos, ses chiffres ne bougent plus."""

    departement = models.ForeignKey(Departement, models.PROTECT, related_name="exercices", verbose_name="département")
    annee = models.PositiveSmallIntegerField("année")
    nomenclature = models.ForeignKey(
        Nomenclature, models.PROTECT, related_name="exercices", verbose_name="nomenclature"
    )
    statut = models.CharField("statut", max_length=12, choices=StatutExercice, default=StatutExercice.PREPARATION)

    objects = ExerciceQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "exercice"
        ordering = ["departement__code", "-annee"]
        constraints = [
            models.UniqueConstraint(
                fields=["departement", "annee"],
                name="exercice_unique",
                violation_error_message="Cet exercice existe déjà pour ce département.",
            ),
        ]

    def __str__(self):
        return f"{self.annee} – {self.departement}"

    def get_absolute_url(self):
        return reverse("programmation:exercice_detail", args=[self.pk])

    @property
    def couleur(self):
        """La couleur du badge DSFR de son statut."""
        return StatutExercice(self.statut).couleur

    @property
    def est_clos(self):
        return self.statut == StatutExercice.CLOS


class CampagneQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Celles des exercices visibles, sans les campagnes propres à un contrat qu'il ne voit pas."""
        return self.filter(
            Q(contrat=None) | Q(contrat__in=utilisateur.contrats_visibles()),
            exercice__in=Exercice.objects.visibles_par(utilisateur),
        )


class Campagne(models.Model):
    """Une campagne programme une partie de l'exercice : un contrat et son COPIL, une seconde vague, l'été."""

    exercice = models.ForeignKey(Exercice, models.PROTECT, related_name="campagnes", verbose_name="exercice")
    intitule = models.CharField("intitulé", max_length=150)
    contrat = models.ForeignKey(
        ContratDeVille,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="campagnes",
        verbose_name="contrat",
    )
    dispositif = models.ForeignKey(
        Dispositif, models.PROTECT, null=True, blank=True, related_name="campagnes", verbose_name="dispositif"
    )
    vague = models.PositiveSmallIntegerField(
        "vague", default=1, validators=[MinValueValidator(1, VAGUES), MaxValueValidator(20, VAGUES)]
    )
    ouverture = models.DateField("ouverture", null=True, blank=True)
    cloture = models.DateField("clôture des dépôts", null=True, blank=True)
    avis_delegue_exige = models.BooleanField("avis du délégué exigé", default=True)
    avis_service_exige = models.BooleanField("avis du service exigé", default=False)
    avis_chef_de_projet_exige = models.BooleanField("avis du chef de projet exigé", default=False)
    avis_manquant_bloquant = models.BooleanField("un avis manquant bloque", default=False)
    propositions_partagees_le = models.DateTimeField("propositions partagées le", null=True, blank=True)
    figee_le = models.DateTimeField("figée le", null=True, blank=True)

    objects = CampagneQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "campagne"
        ordering = ["exercice", "vague", "intitule"]
        constraints = [
            models.UniqueConstraint(
                fields=["exercice", "intitule"],
                name="campagne_unique",
                violation_error_message="Une campagne de l’exercice porte déjà cet intitulé.",
            ),
            models.CheckConstraint(
                condition=Q(ouverture=None) | Q(cloture=None) | Q(cloture__gte=F("ouverture")),
                name="campagne_dates_ordonnees",
                violation_error_message="La campagne se clôt avant d’ouvrir.",
            ),
        ]

    def __str__(self):
        return self.intitule

    @property
    def est_figee(self):
        return self.figee_le is not None

    @property
    def avis_exiges(self):
        """Les qualités au nom de qui la campagne exige un avis."""
        return [qualite for qualite in QualiteAvis if getattr(self, f"avis_{qualite.value}_exige")]

    def clean(self):
        if self.contrat_id and self.contrat.departement_id != self.exercice.departement_id:
            raise ValidationError({"contrat": "Ce contrat n’est pas dans le département de l’exercice."})


class EnveloppeQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Celles des départements de l'agent de l'État, ou de son contrat ; un partenaire n'en voit aucune.

        Qui n'a qu'un contrat voit aussi celles qui n'en ont aucun : la seule du département porte toutes ses décisions.
        """
        perimetre = utilisateur.perimetre_de_l_etat
        if perimetre.national:
            return self
        departements = perimetre.departements | perimetre.departements_de_delegue
        des_contrats = ContratDeVille.objects.filter(pk__in=perimetre.contrats).order_by().values("departement")
        return self.filter(
            Q(exercice__departement__in=departements)
            | Q(contrat__in=perimetre.contrats)
            | Q(contrat=None, exercice__departement__in=des_contrats)
        )

    def feuilles(self):
        """Celles qui n'ont pas de sous-enveloppe : les seules où l'on décide."""
        return self.filter(sous_enveloppes=None)


class Enveloppe(models.Model):
    """Une enveloppe est ce que le département peut attribuer, en tout, pour un contrat ou pour un dispositif."""

    exercice = models.ForeignKey(Exercice, models.PROTECT, related_name="enveloppes", verbose_name="exercice")
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="sous_enveloppes",
        verbose_name="enveloppe mère",
    )
    libelle = models.CharField("libellé", max_length=150)
    contrat = models.ForeignKey(
        ContratDeVille,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="enveloppes",
        verbose_name="contrat",
    )
    dispositif = models.ForeignKey(
        Dispositif,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="enveloppes",
        verbose_name="dispositif",
    )
    notification_complete_le = models.DateField("notification complète le", null=True, blank=True)

    objects = EnveloppeQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "enveloppe"
        ordering = ["exercice", "libelle"]
        constraints = [
            models.UniqueConstraint(
                fields=["exercice", "libelle"],
                name="enveloppe_unique",
                violation_error_message="Une enveloppe de l’exercice porte déjà ce libellé.",
            ),
            models.CheckConstraint(
                condition=Q(parent=None) | ~Q(parent=F("id")),
                name="enveloppe_pas_sa_mere",
                violation_error_message="Une enveloppe ne peut pas être sa propre mère.",
            ),
        ]

    def __str__(self):
        return self.libelle

    def clean(self):
        if self.parent_id and self.parent.exercice_id != self.exercice_id:
            raise ValidationError({"parent": "L’enveloppe mère est d’un autre exercice."})
        if self.contrat_id and self.contrat.departement_id != self.exercice.departement_id:
            raise ValidationError({"contrat": "Ce contrat n’est pas dans le département de l’exercice."})
        if self.parent_id:
            self._suivre_la_mere()

    def _suivre_la_mere(self):
        """Les crédits d'un contrat ou d'un dispositif, divisés, restent les siens : la feuille le dit donc seule."""
        erreurs = {}
        for champ in ("contrat", "dispositif"):
            sien, mere = getattr(self, f"{champ}_id"), getattr(self.parent, f"{champ}_id")
            if mere and sien != mere:
                erreurs[champ] = f"Choisir le {champ} de l’enveloppe mère, « {getattr(self.parent, champ)} »."
        if erreurs:
            raise ValidationError(erreurs)

    def pourquoi_pas(self, action):
        """La fin de la phrase « cette enveloppe … » qui dit pourquoi elle ne porte pas cette action, ou ""."""
        if self.exercice_id != action.exercice_id:
            return "est d’un autre exercice"
        if self.contrat_id not in (None, action.contrat_id):
            return "est celle d’un autre contrat"
        if self.dispositif_id not in (None, action.dispositif_id):
            return "est celle d’un autre dispositif"
        return ""


class MouvementEnveloppe(models.Model):
    """Un mouvement daté d'une enveloppe ; une prévision n'est pas une notification. Jamais modifié ni effacé : un
    mouvement inverse l'annule.

    `geste` : ce qu'un même envoi a écrit (les deux mouvements d'un redéploiement) ; il reconnaît un double envoi.
    """

    enveloppe = models.ForeignKey(Enveloppe, models.PROTECT, related_name="mouvements", verbose_name="enveloppe")
    date = models.DateField("date")
    nature = models.CharField("nature", max_length=20, choices=NatureMouvement)
    ae = MontantField("autorisations d’engagement", signe=True)
    cp = MontantField("crédits de paiement", signe=True)
    reference = models.CharField("référence", max_length=100, blank=True)
    motif = models.TextField("motif", blank=True)
    auteur = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="mouvements_enveloppe", verbose_name="auteur"
    )
    annule = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="annule_par", verbose_name="annule"
    )
    geste = models.UUIDField("geste", null=True, blank=True, editable=False)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "mouvement d’enveloppe"
        verbose_name_plural = "mouvements d’enveloppe"
        ordering = ["date", "id"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(nature__in=["prevision", "redeploiement"])
                    | Q(nature__in=["notification", "complement", "degel"], ae__gte=0, cp__gte=0)
                    | Q(nature__in=["mise_en_reserve", "gel", "retrait"], ae__lte=0, cp__lte=0)
                ),
                name="mouvement_du_bon_signe",
                violation_error_message=(
                    "Une notification, un complément ou un dégel s’ajoute (montant positif) ; "
                    "une réserve, un gel ou un retrait se déduit (montant négatif)."
                ),
            ),
            models.UniqueConstraint(
                fields=["geste", "enveloppe"],
                name="mouvement_enregistre_une_fois",
                violation_error_message="Ce mouvement est déjà enregistré.",
            ),
        ]

    def __str__(self):
        return f"{self.get_nature_display()} du {self.date:%d/%m/%Y}"
