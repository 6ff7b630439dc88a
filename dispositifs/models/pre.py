"""Les programmes de réussite éducative et leur suivi annuel, en agrégats : aucun enfant n'y est connu."""

from decimal import ROUND_HALF_UP

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from politique_ville.outils.montants import CENTIME, MontantField
from programmation.enums import Droit
from programmation.models import Action, Exercice, Financeur, Organisme
from programmation.models.actions import financeurs_du_partenaire
from territoires.models import Commune, ContratDeVille

from ..enums import AxeEffectif, NaturePorteurPre

SOUS_ENSEMBLES = ["nouveaux", "sortis", "parcours_individualises", "en_qpv"]


class ProgrammeQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Ceux de son territoire ; un partenaire borné à un financeur n'en voit aucun."""
        porte = Q(pk__in=[])
        for habilitation in utilisateur.habilitations_actives:
            perimetre = habilitation.perimetre
            if financeurs_du_partenaire(habilitation):
                continue
            if perimetre.national:
                return self
            porte |= Q(contrat__departement__in=perimetre.departements | perimetre.departements_de_delegue)
            porte |= Q(contrat__in=perimetre.contrats | perimetre.contrats_des_quartiers)
        return self.filter(porte)

    def ouverts_en(self, annee):
        """Ceux qui ne sont ni fermés avant l'année, ni ouverts après."""
        return self.filter(
            Q(ouvert_le=None) | Q(ouvert_le__year__lte=annee), Q(ferme_le=None) | Q(ferme_le__year__gte=annee)
        )


class ProgrammeReussiteEducative(models.Model):
    """Un PRE accompagne des enfants de 2 à 16 ans d'un contrat de ville, par des parcours individualisés."""

    intitule = models.CharField("intitulé", max_length=150)
    contrat = models.ForeignKey(
        ContratDeVille, models.PROTECT, related_name="programmes_pre", verbose_name="contrat de ville"
    )
    nature_porteur = models.CharField("nature du porteur", max_length=20, choices=NaturePorteurPre)
    structure = models.ForeignKey(
        Organisme, models.PROTECT, related_name="programmes_pre", verbose_name="structure porteuse"
    )
    communes = models.ManyToManyField(Commune, related_name="programmes_pre", verbose_name="communes")
    ouvert_le = models.DateField("ouvert le", null=True, blank=True)
    ferme_le = models.DateField("fermé le", null=True, blank=True)
    version = models.PositiveIntegerField("version", default=1, editable=False)
    modifie_le = models.DateTimeField("modifié le", default=timezone.now, editable=False)

    objects = ProgrammeQuerySet.as_manager()
    history = HistoricalRecords(m2m_fields=[communes])

    class Meta:
        verbose_name = "programme de réussite éducative"
        verbose_name_plural = "programmes de réussite éducative"
        ordering = ["contrat", "intitule"]
        constraints = [
            models.UniqueConstraint(
                fields=["contrat", "intitule"],
                name="pre_unique",
                violation_error_message="Un PRE du contrat porte déjà cet intitulé.",
            ),
            models.CheckConstraint(
                condition=Q(nature_porteur__in=NaturePorteurPre.values),
                name="pre_nature_du_porteur",
                violation_error_message="Un PRE est porté par une structure à comptabilité publique.",
            ),
            models.CheckConstraint(
                condition=Q(ouvert_le=None) | Q(ferme_le=None) | Q(ferme_le__gte=F("ouvert_le")),
                name="pre_dates_ordonnees",
                violation_error_message="Le PRE ferme avant d’ouvrir.",
            ),
        ]

    def __str__(self):
        return self.intitule

    @property
    def departement_id(self):
        return self.contrat.departement_id

    def clean(self):
        if self.structure_id and self.structure.droit != Droit.PUBLIC:
            raise ValidationError({"structure": "Un PRE est porté par une structure à comptabilité publique."})


def effectif(nom):
    return models.PositiveIntegerField(nom, null=True, blank=True, help_text="Un nombre ; vide : non renseigné.")


def etp(nom):
    return models.DecimalField(
        nom, max_digits=5, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )


class SuiviPre(models.Model):
    """Ce qu'un PRE a fait une année, en nombres seulement. « Non renseigné » n'est jamais zéro."""

    programme = models.ForeignKey(
        ProgrammeReussiteEducative, models.PROTECT, related_name="suivis", verbose_name="programme"
    )
    exercice = models.ForeignKey(Exercice, models.PROTECT, related_name="suivis_pre", verbose_name="exercice")
    enfants_suivis = effectif("enfants suivis")
    nouveaux = effectif("nouveaux")
    sortis = effectif("sortis")
    parcours_individualises = effectif("parcours individualisés")
    en_qpv = effectif("dont habitants des QPV")
    reunions = effectif("réunions de l’équipe de soutien")
    etp_coordonnateur = etp("ETP de coordonnateur")
    etp_referents = etp("ETP de référents de parcours")
    duree_moyenne = effectif("durée moyenne d’un parcours (mois)")
    convention_recue_le = models.DateField("convention reçue le", null=True, blank=True)
    bilan_recu_le = models.DateField("bilan reçu le", null=True, blank=True)
    version = models.PositiveIntegerField("version", default=1, editable=False)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "suivi de PRE"
        verbose_name_plural = "suivis de PRE"
        ordering = ["-exercice__annee", "programme"]
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "exercice"],
                name="suivi_pre_unique",
                violation_error_message="Ce PRE a déjà un suivi pour cet exercice.",
            ),
            *[
                models.CheckConstraint(
                    condition=Q(**{champ: None}) | Q(enfants_suivis=None) | Q(**{f"{champ}__lte": F("enfants_suivis")}),
                    name=f"suivi_pre_{champ}",
                    violation_error_message="Un effectif dépasse le nombre d’enfants suivis.",
                )
                for champ in SOUS_ENSEMBLES
            ],
        ]

    def __str__(self):
        return f"{self.programme} en {self.exercice.annee}"

    def clean(self):
        if self.exercice.departement_id != self.programme.departement_id:
            raise ValidationError({"exercice": "Cet exercice n’est pas du département du PRE."})


class ActionDuSuivi(models.Model):
    """L'action qui finance le PRE : son montant est dans la programmation, une seule fois."""

    suivi = models.ForeignKey(SuiviPre, models.PROTECT, related_name="liens", verbose_name="suivi")
    action = models.OneToOneField(Action, models.PROTECT, related_name="suivi_pre", verbose_name="action")

    history = HistoricalRecords()

    class Meta:
        verbose_name = "action d’un suivi de PRE"
        verbose_name_plural = "actions d’un suivi de PRE"


class EffectifPre(models.Model):
    """Un nombre d'enfants dans une case (âge et sexe, prescripteur, domaine) ; une case absente est inconnue."""

    suivi = models.ForeignKey(SuiviPre, models.PROTECT, related_name="effectifs", verbose_name="suivi")
    axe = models.CharField("axe", max_length=12, choices=AxeEffectif)
    modalite = models.CharField("modalité", max_length=12)
    nombre = models.PositiveIntegerField("nombre d’enfants")

    history = HistoricalRecords()

    class Meta:
        verbose_name = "effectif de PRE"
        verbose_name_plural = "effectifs de PRE"
        constraints = [
            models.UniqueConstraint(
                fields=["suivi", "axe", "modalite"],
                name="effectif_pre_unique",
                violation_error_message="Cette case est déjà renseignée.",
            ),
            models.CheckConstraint(
                condition=Q(axe=AxeEffectif.AGE_ET_SEXE, modalite__in=AxeEffectif.AGE_ET_SEXE.modalites)
                | Q(axe=AxeEffectif.PRESCRIPTEUR, modalite__in=AxeEffectif.PRESCRIPTEUR.modalites)
                | Q(axe=AxeEffectif.DOMAINE, modalite__in=AxeEffectif.DOMAINE.modalites),
                name="effectif_pre_modalite_connue",
                violation_error_message="Cette case n’existe pas dans cet axe.",
            ),
        ]


class BudgetPre(models.Model):
    """Ce qu'un financeur apporte au PRE, selon son bilan ; jamais ajouté aux montants de la programmation."""

    suivi = models.ForeignKey(SuiviPre, models.PROTECT, related_name="budgets", verbose_name="suivi")
    financeur = models.ForeignKey(Financeur, models.PROTECT, related_name="budgets_pre", verbose_name="financeur")
    montant = MontantField("montant")

    history = HistoricalRecords()

    class Meta:
        verbose_name = "budget de PRE"
        verbose_name_plural = "budgets de PRE"
        constraints = [
            models.UniqueConstraint(
                fields=["suivi", "financeur"],
                name="budget_pre_unique",
                violation_error_message="Ce financeur est déjà dans le budget.",
            ),
        ]


class ReperePre(models.Model):
    """Un coût national publié et daté, montré à côté de celui d'un PRE : un constat, jamais une cible."""

    annee = models.PositiveSmallIntegerField("année")
    perimetre = models.CharField("périmètre du coût", max_length=60)
    cout = MontantField("coût")
    enfants = models.PositiveIntegerField("enfants", validators=[MinValueValidator(1)])
    source = models.TextField("source")

    class Meta:
        verbose_name = "repère national de PRE"
        verbose_name_plural = "repères nationaux de PRE"
        ordering = ["annee", "perimetre"]
        constraints = [
            models.UniqueConstraint(
                fields=["annee", "perimetre"],
                name="repere_pre_unique",
                violation_error_message="Ce repère existe déjà pour cette année.",
            ),
            models.CheckConstraint(
                condition=Q(enfants__gte=1),
                name="repere_pre_avec_enfants",
                violation_error_message="Un repère compte au moins un enfant.",
            ),
        ]

    def __str__(self):
        return f"repère de {self.annee}, {self.perimetre}"

    @property
    def cout_par_enfant(self):
        """En euros, au centime."""
        return (self.cout / self.enfants).quantize(CENTIME, ROUND_HALF_UP)
