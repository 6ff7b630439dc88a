"""La nomenclature : piliers, thèmes et thématiques d'un millésime, et les étiquettes qui ne s'additionnent pas."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from simple_history.models import HistoricalRecords

from territoires.models import Departement

from ..enums import NaturePilier


class ActifQuerySet(models.QuerySet):
    def actifs(self):
        """Ce qui se propose encore à la saisie : une valeur utilisée se désactive, elle ne se supprime pas."""
        return self.filter(est_actif=True)


class Referentiel(models.Model):
    est_actif = models.BooleanField("proposé à la saisie", default=True)

    objects = ActifQuerySet.as_manager()

    class Meta:
        abstract = True


class ReferentielCompte(Referentiel):
    """Une valeur dont un champ décide d'un total : il ne change plus dès qu'un exercice clos s'en sert.

    `champs_figes` : ces champs. `chemins_des_exercices` : ce qui mène d'elle aux exercices qui s'en servent.
    """

    champs_figes = ()
    chemins_des_exercices = ("actions__exercice",)

    class Meta:
        abstract = True

    @property
    def sert_dans_un_exercice_clos(self):
        siens = type(self)._default_manager.filter(pk=self.pk)
        return any(siens.filter(**{f"{chemin}__statut": "clos"}).exists() for chemin in self.chemins_des_exercices)

    def clean(self):
        super().clean()
        if not self.pk:
            return
        avant = type(self)._default_manager.values(*self.champs_figes).get(pk=self.pk)
        changes = [champ for champ in self.champs_figes if avant[champ] != getattr(self, champ)]
        if changes and self.sert_dans_un_exercice_clos:
            phrase = "Un exercice clos s’en sert : ce choix ne change plus. Créer une autre valeur."
            raise ValidationError(dict.fromkeys(changes, phrase))


class Pilier(ReferentielCompte):
    """Un pilier de la politique de la ville ; le transversal est une étiquette qui ne s'additionne pas."""

    champs_figes = ("nature",)
    chemins_des_exercices = ("actions__exercice", "actions_transversales__exercice")

    code = models.SlugField("code", max_length=30, unique=True)
    libelle = models.CharField("libellé", max_length=100)
    libelle_court = models.CharField("libellé court", max_length=40)
    ordre = models.PositiveSmallIntegerField("ordre")
    couleur = models.CharField(
        "couleur",
        max_length=7,
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "Écrire une couleur comme #000091.")],
    )
    nature = models.CharField("nature", max_length=12, choices=NaturePilier)

    class Meta:
        verbose_name = "pilier"
        ordering = ["ordre"]

    def __str__(self):
        return self.libelle


class Repere(models.Model):
    """La part d'un pilier constatée et publiée quelque part : un ordre de grandeur, jamais une cible."""

    pilier = models.ForeignKey(Pilier, models.CASCADE, related_name="reperes", verbose_name="pilier")
    part = models.DecimalField("part (%)", max_digits=4, decimal_places=1)
    departement = models.ForeignKey(
        Departement, models.PROTECT, related_name="reperes", verbose_name="département du constat"
    )
    periode = models.CharField("période", max_length=100)
    source = models.TextField("source")

    class Meta:
        verbose_name = "repère"
        ordering = ["pilier__ordre"]
        constraints = [
            models.UniqueConstraint(fields=["pilier", "departement", "periode"], name="repere_unique"),
            models.CheckConstraint(
                condition=Q(part__gte=0, part__lte=100),
                name="repere_part_entre_0_et_100",
                violation_error_message="Une part est entre 0 et 100 %.",
            ),
        ]

    def __str__(self):
        return f"{self.pilier} : {self.part} %"


class NomenclatureQuerySet(models.QuerySet):
    def en_vigueur(self, annee):
        """Celle dont le millésime couvre l'année, ou None."""
        couvrent = Q(annee_de_fin=None) | Q(annee_de_fin__gte=annee)
        return self.filter(couvrent, annee_de_debut__lte=annee).order_by("-annee_de_debut").first()


class Nomenclature(models.Model):
    """La nomenclature des thématiques en vigueur pendant un millésime ; un exercice garde la sienne pour toujours."""

    millesime = models.CharField("millésime", max_length=20, unique=True)
    annee_de_debut = models.PositiveSmallIntegerField("première année")
    annee_de_fin = models.PositiveSmallIntegerField("dernière année", null=True, blank=True)
    source = models.TextField("source", blank=True)

    objects = NomenclatureQuerySet.as_manager()

    class Meta:
        verbose_name = "nomenclature"
        ordering = ["-annee_de_debut"]

    def __str__(self):
        return self.millesime

    @property
    def periode(self):
        """« 2020-2023 » ; « depuis 2024 » pour celle qui est encore en vigueur."""
        return self.millesime if self.annee_de_fin else f"depuis {self.annee_de_debut}"


class Theme(models.Model):
    nomenclature = models.ForeignKey(Nomenclature, models.PROTECT, related_name="themes", verbose_name="nomenclature")
    code = models.CharField("code", max_length=5)
    libelle = models.CharField("libellé", max_length=150)

    class Meta:
        verbose_name = "thème"
        ordering = ["nomenclature", "code"]
        constraints = [models.UniqueConstraint(fields=["nomenclature", "code"], name="theme_unique")]

    def __str__(self):
        return f"{self.code} {self.libelle}"

    def clean(self):
        """Un exercice clos se relit à l'identique, thèmes compris."""
        if self.pk and self.a_change() and self.thematiques.filter(actions__exercice__statut="clos").exists():
            raise ValidationError(
                "Ce thème a servi dans un exercice clos : créer une nomenclature d’un nouveau millésime."
            )

    def a_change(self):
        avant = Theme.objects.values("code", "libelle", "nomenclature_id").get(pk=self.pk)
        return avant != {"code": self.code, "libelle": self.libelle, "nomenclature_id": self.nomenclature_id}


class Thematique(Referentiel):
    """Une thématique (sous-thème de l'ANCT) ; son code est un texte : « 1.5a »."""

    theme = models.ForeignKey(Theme, models.PROTECT, related_name="thematiques", verbose_name="thème")
    code = models.CharField("code", max_length=10)
    libelle = models.CharField("libellé", max_length=200)

    class Meta:
        verbose_name = "thématique"
        ordering = ["theme__nomenclature", "code"]
        constraints = [models.UniqueConstraint(fields=["theme", "code"], name="thematique_unique")]

    def __str__(self):
        return f"{self.code} {self.libelle}"

    def clean(self):
        """Un exercice clos se relit à l'identique : le libellé d'une thématique qui y a servi ne change plus."""
        if self.pk and self.a_change() and self.actions.filter(exercice__statut="clos").exists():
            raise ValidationError(
                "Cette thématique a servi dans un exercice clos : créer une nomenclature d’un nouveau millésime."
            )

    def a_change(self):
        avant = Thematique.objects.values("code", "libelle", "theme_id").get(pk=self.pk)
        return avant != {"code": self.code, "libelle": self.libelle, "theme_id": self.theme_id}


class Dispositif(ReferentielCompte):
    """Le cadre dans lequel une action est financée : contrat de ville, PRE, CLAS, Quartiers d'été…"""

    champs_figes = ("est_pre",)

    code = models.SlugField("code", max_length=40, unique=True)
    libelle = models.CharField("libellé", max_length=150, unique=True)
    est_pre = models.BooleanField("programme de réussite éducative (PRE)", default=False)

    class Meta:
        verbose_name = "dispositif"
        ordering = ["libelle"]

    def __str__(self):
        return self.libelle


class CorrespondanceQuerySet(models.QuerySet):
    def pilier_propose(self, thematique, dispositif=None):
        """Le pilier proposé pour une action, ou None : la correspondance du dispositif l'emporte sur la générale."""
        correspondances = self.filter(Q(dispositif=None) | Q(dispositif=dispositif), thematique=thematique)
        plus_precise = (
            correspondances.select_related("pilier").order_by(F("dispositif_id").asc(nulls_last=True)).first()
        )
        return plus_precise.pilier if plus_precise else None


class Correspondance(models.Model):
    """Le pilier proposé pour une thématique, ou pour une thématique dans un dispositif (la plus précise l'emporte)."""

    thematique = models.ForeignKey(
        Thematique, models.CASCADE, related_name="correspondances", verbose_name="thématique"
    )
    dispositif = models.ForeignKey(
        Dispositif,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="correspondances",
        verbose_name="dispositif",
    )
    pilier = models.ForeignKey(Pilier, models.PROTECT, related_name="correspondances", verbose_name="pilier")
    est_validee = models.BooleanField("choix validé par le service", default=False)

    objects = CorrespondanceQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "correspondance"
        ordering = ["thematique", "dispositif"]
        constraints = [
            models.UniqueConstraint(
                "thematique",
                Coalesce("dispositif", 0),
                name="correspondance_unique",
                violation_error_message="Cette thématique a déjà une correspondance pour ce dispositif.",
            ),
        ]

    def __str__(self):
        precision = f", {self.dispositif}" if self.dispositif_id else ""
        return f"{self.thematique}{precision} → {self.pilier}"

    def clean(self):
        if self.pilier_id and self.pilier.nature == NaturePilier.TRANSVERSAL:
            raise ValidationError({"pilier": "Le pilier transversal est une étiquette : il ne reçoit aucune action."})


class PrioriteTransversale(Referentiel):
    """Une priorité transversale étiquette une action ; elle ne s'additionne jamais."""

    code = models.SlugField("code", max_length=40, unique=True)
    libelle = models.CharField("libellé", max_length=150)

    class Meta:
        verbose_name = "priorité transversale"
        verbose_name_plural = "priorités transversales"
        ordering = ["libelle"]

    def __str__(self):
        return self.libelle
