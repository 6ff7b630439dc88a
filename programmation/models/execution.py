"""Après la décision : les actes, les engagements, les paiements, la justification. Des faits datés, pas des statuts."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from simple_history.models import HistoricalRecords

from politique_ville.outils.francais import euros
from politique_ville.outils.montants import MontantField

from ..enums import EtatActe, EtatJustification, NatureActe, NaturePaiement, SuiteJustification
from .actions import DES_PERSONNES, Action, actions_lues_par_l_etat
from .cadre import Enveloppe, Exercice
from .decisions import Decision
from .organismes import Organisme


class ActeQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Ceux des départements de l'agent de l'État, ou qui portent une action de son contrat."""
        perimetre = utilisateur.perimetre_de_l_etat
        if perimetre.national:
            return self
        departements = perimetre.departements | perimetre.departements_de_delegue
        des_contrats = Decision.objects.filter(action__contrat__in=perimetre.contrats).order_by().values("pk")
        portes = Acte.decisions.through.objects.filter(decision__in=des_contrats).values("acte")
        return self.filter(Q(exercice__departement__in=departements) | Q(pk__in=portes))

    def en_vigueur(self):
        """Ceux qu'aucun acte signé n'a remplacés, projets compris ; un retrait signé ne porte plus rien."""
        retires = Q(nature=NatureActe.RETRAIT, signe_le__isnull=False)
        return self.exclude(remplace_par__signe_le__isnull=False).exclude(retires)

    def a_l_etat(self, etat):
        """Ceux de cet EtatActe : le même découpage que `Acte.etat`."""
        remplaces = Q(remplace_par__signe_le__isnull=False)
        if etat == EtatActe.REMPLACE:
            return self.filter(remplaces)
        signe = {"signe_le__isnull": etat == EtatActe.A_SIGNER}
        notifie = {} if etat == EtatActe.A_SIGNER else {"notifie_le__isnull": etat == EtatActe.A_NOTIFIER}
        return self.exclude(remplaces).filter(**signe, **notifie)


class Acte(models.Model):
    """Un acte porte une ou plusieurs décisions d'un organisme. Signé, son texte ne change plus : un avenant le
    remplace, et l'ancienne version reste lisible."""

    exercice = models.ForeignKey(Exercice, models.PROTECT, related_name="actes", verbose_name="exercice")
    organisme = models.ForeignKey(Organisme, models.PROTECT, related_name="actes", verbose_name="organisme")
    nature = models.CharField("nature", max_length=12, choices=NatureActe)
    numero = models.CharField("numéro", max_length=50, null=True, blank=True)
    objet = models.CharField("objet", max_length=250)
    texte = models.TextField("texte", blank=True)
    signe_le = models.DateField("signé le", null=True, blank=True)
    notifie_le = models.DateField("notifié au porteur le", null=True, blank=True)
    remplace = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="remplace_par", verbose_name="remplace"
    )
    decisions = models.ManyToManyField(Decision, related_name="actes", verbose_name="décisions")
    version = models.PositiveIntegerField("version", default=1, editable=False)

    objects = ActeQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "acte"
        ordering = ["-exercice__annee", "organisme__recherche", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["exercice", "numero"],
                name="acte_numero_unique",
                violation_error_message="Un acte de l’exercice porte déjà ce numéro.",
            ),
            models.CheckConstraint(
                condition=~Q(numero=""),
                name="acte_numero_non_vide",
                violation_error_message="Un numéro d’acte inconnu reste vide (NULL).",
            ),
            models.CheckConstraint(
                condition=Q(notifie_le=None) | Q(signe_le__isnull=False, notifie_le__gte=F("signe_le")),
                name="acte_signe_avant_d_etre_notifie",
                violation_error_message="Un acte se notifie après sa signature.",
            ),
            models.CheckConstraint(
                condition=(
                    Q(nature__in=[NatureActe.AVENANT, NatureActe.RETRAIT], remplace__isnull=False)
                    | (~Q(nature__in=[NatureActe.AVENANT, NatureActe.RETRAIT]) & Q(remplace=None))
                ),
                name="acte_remplace_selon_nature",
                violation_error_message="Un avenant ou un retrait dit quel acte il remplace ; les autres, aucun.",
            ),
        ]

    def __str__(self):
        numero = f" n° {self.numero}" if self.numero else ""
        return f"{self.get_nature_display()}{numero} – {self.organisme}"

    def get_absolute_url(self):
        return reverse("programmation:acte_detail", args=[self.pk])

    @property
    def suivant(self):
        """L'avenant ou le retrait qui le remplace, signé ou non ; None s'il n'y en a pas."""
        return getattr(self, "remplace_par", None)

    @property
    def etat(self):
        """Un avenant ne remplace qu'une fois signé."""
        if self.suivant and self.suivant.signe_le:
            return EtatActe.REMPLACE
        if self.signe_le is None:
            return EtatActe.A_SIGNER
        return EtatActe.NOTIFIE if self.notifie_le else EtatActe.A_NOTIFIER


class EngagementQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        """Ceux qui engagent au moins une action dont il lit l'exécution."""
        actions = actions_lues_par_l_etat(utilisateur).values("pk")
        lignes = LigneEngagement.objects.filter(action__in=actions).order_by().values("engagement")
        return self.filter(pk__in=lignes)


class Engagement(models.Model):
    """Un engagement juridique (EJ) de Chorus ; il peut couvrir plusieurs actions d'un exercice."""

    exercice = models.ForeignKey(Exercice, models.PROTECT, related_name="engagements", verbose_name="exercice")
    numero = models.CharField("numéro d’EJ", max_length=20)
    date = models.DateField("date")

    objects = EngagementQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "engagement"
        ordering = ["-date", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["exercice", "numero"],
                name="engagement_unique",
                violation_error_message="Cet EJ est déjà enregistré dans l’exercice : y ajouter l’action.",
            ),
        ]

    def __str__(self):
        return f"EJ {self.numero}"


class LigneEngagement(models.Model):
    """Ce qu'un EJ engage pour une action (AE, euros, signé), sur l'enveloppe qui la finance."""

    engagement = models.ForeignKey(Engagement, models.CASCADE, related_name="lignes", verbose_name="engagement")
    action = models.ForeignKey(Action, models.PROTECT, related_name="lignes_engagement", verbose_name="action")
    enveloppe = models.ForeignKey(
        Enveloppe,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="lignes_engagement",
        verbose_name="enveloppe",
    )
    ae = MontantField("autorisations d’engagement", signe=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "ligne d’engagement"
        verbose_name_plural = "lignes d’engagement"
        ordering = ["engagement_id", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(ae=0),
                name="ligne_engagement_non_nulle",
                violation_error_message="Une ligne d’engagement n’est pas à 0,00 €.",
            ),
        ]

    def __str__(self):
        return f"Ligne de {euros(self.ae)}"

    def clean(self):
        if self.action.exercice_id != self.engagement.exercice_id:
            raise ValidationError({"action": "Cette action est d’un autre exercice que l’engagement."})
        if self.enveloppe_id and self.enveloppe.exercice_id != self.action.exercice_id:
            raise ValidationError({"enveloppe": "Cette enveloppe est d’un autre exercice."})


class Paiement(models.Model):
    """Une demande de paiement (DP) réglée (CP, euros) ; un reversement du porteur est négatif."""

    ligne = models.ForeignKey(
        LigneEngagement, models.PROTECT, related_name="paiements", verbose_name="ligne d’engagement"
    )
    numero = models.CharField("numéro de DP", max_length=20, blank=True)
    date = models.DateField("date")
    nature = models.CharField("nature", max_length=12, choices=NaturePaiement)
    cp = MontantField("crédits de paiement", signe=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "paiement"
        ordering = ["date", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(nature=NaturePaiement.REVERSEMENT, cp__lt=0)
                | (~Q(nature=NaturePaiement.REVERSEMENT) & Q(cp__gt=0)),
                name="paiement_du_bon_signe",
                violation_error_message="Un paiement est positif ; un reversement du porteur est négatif.",
            ),
        ]

    def __str__(self):
        return f"{self.get_nature_display()} de {euros(self.cp)}"


class JustificationQuerySet(models.QuerySet):
    def visibles_par(self, utilisateur):
        return self.filter(action__in=actions_lues_par_l_etat(utilisateur).values("pk"))


class Justification(models.Model):
    """Ce que le porteur a rendu compte d'une action : compte rendu financier (CRF), non-réalisation, prorogation."""

    action = models.OneToOneField(Action, models.CASCADE, related_name="justification", verbose_name="action")
    etat = models.CharField("état", max_length=16, choices=EtatJustification, default=EtatJustification.ATTENDUE)
    recue_le = models.DateField("reçue le", null=True, blank=True)
    prorogation_jusqu_au = models.DateField("action prorogée jusqu’au", null=True, blank=True)
    depense = MontantField("dépensé", null=True, blank=True)
    beneficiaires_realises = models.PositiveIntegerField(
        "bénéficiaires réalisés", null=True, blank=True, validators=[DES_PERSONNES]
    )
    non_utilise = MontantField("P147 non utilisé", null=True, blank=True)
    suite = models.CharField("suite donnée", max_length=20, choices=SuiteJustification, blank=True)
    suite_le = models.DateField("suite donnée le", null=True, blank=True)
    version = models.PositiveIntegerField("version", default=1, editable=False)

    objects = JustificationQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "justification"
        ordering = ["action_id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(etat=EtatJustification.ATTENDUE, recue_le=None)
                | (~Q(etat=EtatJustification.ATTENDUE) & Q(recue_le__isnull=False)),
                name="justification_recue_datee",
                violation_error_message="Reçue, la justification dit quand ; attendue, elle n’a pas de date.",
            ),
            models.CheckConstraint(
                condition=Q(suite="") | Q(non_utilise__gt=0),
                name="justification_suite_d_un_reste",
                violation_error_message="Une suite porte sur du P147 non utilisé : en indiquer le montant.",
            ),
        ]

    def __str__(self):
        return f"{self.get_etat_display()} – {self.action}"
