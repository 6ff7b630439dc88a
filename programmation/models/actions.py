"""L'action : ce qui est programmé, où, et avec quel plan de financement."""

import re
import uuid
from functools import reduce
from operator import or_

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from simple_history.models import HistoricalRecords

from comptes.enums import Role
from comptes.models import Habilitation
from politique_ville.outils.montants import MontantField, total_lie
from politique_ville.outils.recherche import Recherchable, RechercheQuerySet, contient_les_mots, normaliser
from politique_ville.outils.siret import LONGUEUR_SIRET, normaliser_siret
from territoires.models import ContratDeVille, Quartier

from ..enums import (
    Duree,
    Echelle,
    EtatFinancement,
    FamilleFinanceur,
    MotifStatut,
    NatureFinancement,
    NaturePilier,
    Origine,
    StatutAction,
)
from .cadre import Campagne, Enveloppe, Exercice
from .nomenclature import Dispositif, Pilier, PrioriteTransversale, Thematique
from .organismes import Etablissement, Financeur, Organisme

DES_PERSONNES = MaxValueValidator(9_999_999, "Au plus 9 999 999 personnes : vérifier le nombre.")

DOSSIER_DAUPHIN = re.compile(r"(?:DA)?(?P<numero>[0-9]{8})(?:-(?P<tranche>[0-9]{0,3}))?", re.ASCII | re.IGNORECASE)
ACCORDE_SELON_ETAT = (
    "Sollicité : l’accordé reste vide ; annoncé ou acquis : il est renseigné ; refusé : il vaut 0,00 €."
)
CHAMPS_RENSEIGNES = [
    "thematique",
    "pilier",
    "dispositif",
    "porteur",
    "date_debut",
    "date_fin",
    "cout_previsionnel",
]


def financeurs_du_partenaire(habilitation):
    """Les financeurs auxquels une habilitation de partenaire est bornée (aucun : non bornée), lus une fois."""
    if habilitation.role != Role.PARTENAIRE:
        return set()
    if not hasattr(habilitation, "_financeurs"):
        habilitation._financeurs = set(habilitation.partenaires_financeurs.values_list("financeur_id", flat=True))
    return habilitation._financeurs


class ActionQuerySet(RechercheQuerySet):
    def visibles_par(self, utilisateur):
        """La seule porte : les actions que cette personne a le droit de connaître (voir docs/droits.md)."""
        if any(h.france_entiere and h.role != Role.PARTENAIRE for h in utilisateur.habilitations_actives):
            return self
        return self.filter(self._condition_de_visibilite(utilisateur))

    def _condition_de_visibilite(self, utilisateur):
        portes = [self._porte(h) for h in utilisateur.habilitations_actives]
        departements = utilisateur.perimetre.departements_de_delegue
        if departements:
            from .decisions import Decision

            decidee = Exists(Decision.objects.filter(action=OuterRef("pk")))
            portes.append(Q(exercice__departement__in=departements) & decidee)
        return reduce(or_, portes, Q(pk__in=[]))

    @staticmethod
    def _porte(habilitation):
        """La condition qu'une habilitation ouvre : son territoire, borné pour un partenaire."""
        perimetre = habilitation.perimetre
        porte = Q(pk__isnull=False) if perimetre.national else territoire_ouvert(perimetre)
        if habilitation.role == Role.DELEGUE and not perimetre.national:
            porte |= Q(exercice__departement=habilitation.departement_concerne_id, echelle=Echelle.DEPARTEMENT)
        if habilitation.role == Role.PARTENAIRE:
            porte &= ~Q(statut=StatutAction.BROUILLON)
            financeurs = financeurs_du_partenaire(habilitation)
            if financeurs:
                lignes = Financement.objects.filter(action=OuterRef("pk"), financeur__in=financeurs)
                porte &= Exists(lignes)
        return porte

    def programmees(self):
        return self.filter(statut=StatutAction.PROGRAMMEE)

    def decidees(self):
        return self.exclude(decisions=None)

    def recherche(self, texte, quartiers=None):
        """Chaque mot est dans l'intitulé, le numéro de dossier, le nom ou le SIREN du porteur ; ou bien tous désignent
        un quartier de l'action, par son nom ou sa commune. Ces quartiers se lisent d'abord, parmi `quartiers` : la base
        n'en a que quelques-uns à comparer. « DA00054562-01 » est un dossier et sa tranche, quatorze chiffres un SIRET.
        """
        if not normaliser(texte):
            return self
        ecrit = Q(contient_les_mots(texte, "recherche", "porteur__recherche")) | _numerotee(texte)
        quartiers = Quartier.objects.all() if quartiers is None else quartiers
        lieux = quartiers.recherche_du_lieu(texte).order_by().values_list("pk", flat=True)
        return self.filter(ecrit | _localisee_dans(list(lieux)))

    def localisees_dans(self, quartiers):
        """Les actions qui ont une localisation dans l'un de ces quartiers."""
        return self.filter(_localisee_dans(quartiers))

    def jumelles_sans_dossier(self, action):
        """Les autres actions du même nom, exercice et contrat qu'aucun dossier ne distingue."""
        memes = {nom: getattr(action, nom) for nom in ("exercice", "contrat", "intitule")}
        return self.filter(**memes, dossier=None).exclude(pk=action.pk).order_by("pk")

    def a_l_echelle_du_contrat(self):
        return self.filter(~Exists(Localisation.objects.filter(action=OuterRef("pk"))), echelle=Echelle.CONTRAT)

    def avec_montants(self, lignes=None):
        """Ajoute demandé, proposé et accordé P147 et les totaux du plan, pour une page de liste.

        `lignes` borne les financements lus (un partenaire ne voit que les siens).
        """
        lignes = Financement.objects.all() if lignes is None else lignes
        p147 = {"famille": FamilleFinanceur.ANCT_P147}
        return self.annotate(
            p147_demande=total_lie(lignes, "demande", "action", **p147),
            p147_propose=total_lie(lignes, "propose", "action", **p147),
            p147_accorde=total_lie(lignes, "accorde", "action", **p147),
            plan_demande=total_lie(lignes, "demande", "action"),
        )


def _numerotee(texte):
    """La condition « a ce numéro de dossier, tel que Dauphin l'écrit, ou un porteur de ce SIRET »."""
    dossier = DOSSIER_DAUPHIN.fullmatch(re.sub(r"\s", "", texte))
    if dossier:
        tranche = int(dossier["tranche"] or 0)
        de_la_tranche = Q(tranche=tranche) | Q(tranche=None) if tranche else Q()
        return Q(dossier=dossier["numero"]) & de_la_tranche
    siret = normaliser_siret(texte)
    if not (siret.isdecimal() and len(siret) == LONGUEUR_SIRET):
        return Q(pk__in=[])
    return Q(porteur__in=Organisme.objects.recherche(siret).ou_fusionnes().order_by().values("pk"))


def _localisee_dans(quartiers):
    """La condition « se tient dans l'un de ces quartiers »."""
    return Exists(Localisation.objects.filter(action=OuterRef("pk"), quartier__in=quartiers))


def territoire_ouvert(perimetre):
    """La condition « dans ce périmètre » : départements et contrats entiers, et pour un quartier ses actions
    et celles à l'échelle de son contrat, pas tout le contrat."""
    condition = Q(exercice__departement__in=perimetre.departements) | Q(contrat__in=perimetre.contrats)
    if perimetre.quartiers:
        siennes = _localisee_dans(perimetre.quartiers)
        sans_lieu = ~Exists(Localisation.objects.filter(action=OuterRef("pk")))
        condition |= Q(contrat__in=perimetre.contrats_des_quartiers) & (siennes | sans_lieu)
    return condition


class Action(Recherchable):
    """Une action est le projet d'un porteur, financé une année dans le cadre d'un contrat de ville."""

    cle = models.UUIDField("clé", default=uuid.uuid4, unique=True, editable=False)
    exercice = models.ForeignKey(Exercice, models.PROTECT, related_name="actions", verbose_name="exercice")
    campagne = models.ForeignKey(Campagne, models.PROTECT, related_name="actions", verbose_name="campagne")
    echelle = models.CharField("échelle", max_length=12, choices=Echelle, default=Echelle.CONTRAT)
    contrat = models.ForeignKey(
        ContratDeVille,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="actions",
        verbose_name="contrat de ville",
    )
    thematique = models.ForeignKey(
        Thematique, models.PROTECT, null=True, blank=True, related_name="actions", verbose_name="thématique"
    )
    pilier = models.ForeignKey(
        Pilier, models.PROTECT, null=True, blank=True, related_name="actions", verbose_name="pilier"
    )
    dispositif = models.ForeignKey(
        Dispositif, models.PROTECT, null=True, blank=True, related_name="actions", verbose_name="dispositif"
    )
    porteur = models.ForeignKey(
        Organisme, models.PROTECT, null=True, blank=True, related_name="actions", verbose_name="porteur"
    )
    etablissement = models.ForeignKey(
        Etablissement,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="actions",
        verbose_name="établissement",
    )
    intitule = models.CharField("intitulé", max_length=250)
    description = models.TextField("description", blank=True)
    objectifs = models.TextField("objectifs", blank=True)
    dossier = models.CharField(
        "dossier Dauphin",
        max_length=8,
        null=True,
        blank=True,
        validators=[RegexValidator(r"^\d{8}$", "Un numéro de dossier Dauphin a huit chiffres.")],
    )
    tranche = models.PositiveSmallIntegerField("tranche du dossier", null=True, blank=True)
    enveloppe = models.ForeignKey(
        Enveloppe, models.PROTECT, null=True, blank=True, related_name="actions", verbose_name="enveloppe"
    )
    origine = models.CharField("origine", max_length=12, choices=Origine, default=Origine.NOUVELLE)
    duree = models.CharField("durée", max_length=12, choices=Duree, default=Duree.ANNUELLE)
    cpo_rang = models.PositiveSmallIntegerField("année de la CPO", null=True, blank=True)
    cpo_nombre = models.PositiveSmallIntegerField("nombre d’années de la CPO", null=True, blank=True)
    action_precedente = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reconductions",
        verbose_name="action précédente",
    )
    date_debut = models.DateField("début", null=True, blank=True)
    date_fin = models.DateField("fin", null=True, blank=True)
    cout_previsionnel = MontantField("coût prévisionnel", null=True, blank=True)
    contributions_volontaires = MontantField("contributions volontaires", null=True, blank=True)
    beneficiaires_prevus = models.PositiveIntegerField(
        "bénéficiaires prévus", null=True, blank=True, validators=[DES_PERSONNES]
    )
    beneficiaires_femmes = models.PositiveIntegerField("dont femmes", null=True, blank=True, validators=[DES_PERSONNES])
    beneficiaires_hommes = models.PositiveIntegerField("dont hommes", null=True, blank=True, validators=[DES_PERSONNES])
    beneficiaires_qpv = models.PositiveIntegerField(
        "dont habitants des QPV", null=True, blank=True, validators=[DES_PERSONNES]
    )
    piliers_transversaux = models.ManyToManyField(
        Pilier,
        through="PilierTransversalDeLAction",
        blank=True,
        related_name="actions_transversales",
        verbose_name="piliers transversaux",
    )
    priorites = models.ManyToManyField(
        PrioriteTransversale,
        through="PrioriteDeLAction",
        blank=True,
        related_name="actions",
        verbose_name="priorités transversales",
    )
    statut = models.CharField("statut", max_length=16, choices=StatutAction, default=StatutAction.BROUILLON)
    motif_statut = models.CharField("motif du statut", max_length=20, choices=MotifStatut, blank=True)
    deposee_le = models.DateTimeField("déposée le", null=True, blank=True, editable=False)
    agent_referent = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="actions_suivies",
        verbose_name="agent référent",
    )
    version = models.PositiveIntegerField("version", default=1, editable=False)
    cree_le = models.DateTimeField("créée le", default=timezone.now, editable=False)
    modifie_le = models.DateTimeField("modifiée le", default=timezone.now, editable=False)

    objects = ActionQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["recherche"])

    class Meta:
        verbose_name = "action"
        ordering = ["-exercice__annee", "recherche", "id"]
        indexes = [
            models.Index(fields=["exercice", "statut"], name="action_exercice_statut"),
            models.Index(fields=["exercice", "contrat"], name="action_exercice_contrat"),
            models.Index(fields=["exercice", "thematique"], name="action_exercice_thematique"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(echelle=Echelle.CONTRAT, contrat__isnull=False)
                | Q(echelle=Echelle.DEPARTEMENT, contrat=None),
                name="action_contrat_selon_echelle",
                violation_error_message=(
                    "Choisir un contrat à l’échelle du contrat, et n’en choisir aucun à l’échelle du département."
                ),
            ),
            models.CheckConstraint(
                condition=Q(statut=StatutAction.BROUILLON)
                | Q(**{f"{champ}__isnull": False for champ in CHAMPS_RENSEIGNES}),
                name="action_brouillon_ou_renseignee",
                violation_error_message=(
                    "Pour déposer : renseigner thématique, pilier, dispositif, porteur, dates et coût prévisionnel."
                ),
            ),
            models.CheckConstraint(
                condition=Q(date_debut=None) | Q(date_fin=None) | Q(date_fin__gte=F("date_debut")),
                name="action_dates_ordonnees",
                violation_error_message="L’action finit avant de commencer.",
            ),
            models.CheckConstraint(
                condition=Q(dossier=None) | Q(dossier__regex=r"^[0-9]{8}$"),
                name="action_dossier_huit_chiffres",
                violation_error_message="Un numéro de dossier Dauphin a huit chiffres.",
            ),
            models.CheckConstraint(
                condition=Q(tranche=None) | Q(dossier__isnull=False, tranche__gte=1),
                name="action_tranche_d_un_dossier",
                violation_error_message="Une tranche est celle d’un dossier Dauphin, et se compte à partir de 1.",
            ),
            models.UniqueConstraint(
                "exercice",
                Coalesce("contrat", 0),
                "dossier",
                Coalesce("tranche", 0),
                condition=Q(dossier__isnull=False),
                name="action_dossier_unique",
                violation_error_message="Ce dossier Dauphin a déjà une action dans cet exercice et ce contrat.",
            ),
            models.CheckConstraint(
                condition=Q(duree=Duree.ANNUELLE, cpo_rang=None, cpo_nombre=None)
                | Q(duree=Duree.CPO, cpo_rang__gte=1, cpo_nombre__gte=F("cpo_rang")),
                name="action_cpo_rang_et_nombre",
                violation_error_message="Une CPO dit son année et leur nombre (2 sur 3) ; une action annuelle, aucun.",
            ),
        ]

    def __str__(self):
        return self.intitule

    def get_absolute_url(self):
        return reverse("programmation:action_detail", args=[self.pk])

    def texte_de_recherche(self):
        return f"{self.intitule} {self.dossier or ''}"

    @property
    def est_brouillon(self):
        return self.statut == StatutAction.BROUILLON

    @property
    def couleur(self):
        """La couleur du badge DSFR de son statut."""
        return StatutAction(self.statut).couleur

    @property
    def reference_dauphin(self):
        """Le dossier et sa tranche comme Dauphin les écrit : 00054562-01."""
        if not self.dossier:
            return ""
        return f"{self.dossier}-{self.tranche:02d}" if self.tranche else self.dossier

    @property
    def champs_manquants(self):
        """Les noms des champs qu'il reste à renseigner avant de déposer."""
        manquants = [champ for champ in CHAMPS_RENSEIGNES if getattr(self, self._meta.get_field(champ).attname) is None]
        return [self._meta.get_field(champ).verbose_name for champ in manquants]

    def clean(self):
        """Les règles d'une action, dites champ par champ ; sans requête si les objets liés sont déjà lus."""
        if self.exercice_id is None:
            return  # le champ manquant est déjà une erreur, et tout le reste dépend de l'exercice
        erreurs = self._erreurs_du_contrat() | self._erreurs_de_la_forme()
        if self.thematique_id and self.thematique.theme.nomenclature_id != self.exercice.nomenclature_id:
            erreurs["thematique"] = f"Cette thématique n’est pas de la nomenclature {self.exercice.nomenclature}."
        if self.pilier_id and self.pilier.nature == NaturePilier.TRANSVERSAL:
            erreurs["pilier"] = "Le pilier transversal est une étiquette : choisir le pilier qui porte les montants."
        erreurs |= self._erreurs_du_cadre() | self._erreurs_de_l_etablissement() | self._erreurs_des_beneficiaires()
        if erreurs:
            raise ValidationError(erreurs)

    def _erreurs_du_contrat(self):
        if (self.echelle == Echelle.CONTRAT) != (self.contrat_id is not None):
            return {"contrat": "Choisir un contrat à l’échelle du contrat, et aucun à l’échelle du département."}
        if self.contrat_id and self.contrat.departement_id != self.exercice.departement_id:
            return {"contrat": "Ce contrat n’est pas dans le département de l’exercice."}
        if self.contrat_id and not self.contrat.couvre(self.exercice.annee):
            return {"contrat": f"Ce contrat n’est pas en vigueur en {self.exercice.annee}."}
        return {}

    def _erreurs_de_la_forme(self):
        erreurs = {}
        if self.date_debut and self.date_fin and self.date_fin < self.date_debut:
            erreurs["date_fin"] = "L’action finit avant de commencer."
        if self.tranche and not self.dossier:
            erreurs["tranche"] = "Une tranche est celle d’un dossier Dauphin : indiquer son numéro."
        if self.duree == Duree.CPO and not (self.cpo_rang and self.cpo_nombre and self.cpo_rang <= self.cpo_nombre):
            erreurs["cpo_rang"] = "Une CPO dit son année et leur nombre, par exemple 2 sur 3."
        if self.duree == Duree.ANNUELLE and (self.cpo_rang or self.cpo_nombre):
            erreurs["cpo_rang"] = "Une action annuelle n’a pas d’année de CPO."
        if not self.est_brouillon and self.champs_manquants:
            erreurs[NON_FIELD_ERRORS] = f"Il manque, pour une action déposée : {', '.join(self.champs_manquants)}."
        return erreurs

    def _erreurs_du_cadre(self):
        erreurs = {}
        if self.campagne_id and self.campagne.exercice_id != self.exercice_id:
            erreurs["campagne"] = "Cette campagne est d’un autre exercice."
        elif self.campagne_id and self.campagne.contrat_id not in (None, self.contrat_id):
            erreurs["campagne"] = "Cette campagne est celle d’un autre contrat."
        if self.enveloppe_id and (raison := self.enveloppe.pourquoi_pas(self)):
            erreurs["enveloppe"] = f"Cette enveloppe {raison}."
        return erreurs

    def _erreurs_de_l_etablissement(self):
        """Après une fusion, les établissements de l'organisme absorbé valent pour celui qui l'a absorbé."""
        if not (self.etablissement_id and self.porteur_id) or self.etablissement.organisme_id == self.porteur_id:
            return {}
        if self.etablissement.organisme.courant == self.porteur.courant:
            return {}
        return {"etablissement": "Cet établissement n’est pas celui du porteur."}

    def _erreurs_des_beneficiaires(self):
        femmes, hommes, total = (
            self.beneficiaires_femmes,
            self.beneficiaires_hommes,
            self.beneficiaires_prevus,
        )
        if None not in (femmes, hommes, total) and femmes + hommes > total:
            return {"beneficiaires_prevus": f"{femmes} femmes et {hommes} hommes font plus que {total} bénéficiaires."}
        if None not in (self.beneficiaires_qpv, total) and self.beneficiaires_qpv > total:
            return {"beneficiaires_qpv": f"Pas plus que les {total} bénéficiaires prévus."}
        return {}


class PilierTransversalDeLAction(models.Model):
    """Une étiquette de l'action : une ligne à elle, pour que son histoire dise qui l'a posée ou retirée."""

    action = models.ForeignKey(Action, models.CASCADE, verbose_name="action")
    pilier = models.ForeignKey(Pilier, models.CASCADE, verbose_name="pilier transversal")

    history = HistoricalRecords()

    class Meta:
        verbose_name = "pilier transversal de l’action"
        verbose_name_plural = "piliers transversaux des actions"
        db_table = "programmation_action_piliers_transversaux"
        unique_together = [("action", "pilier")]


class PrioriteDeLAction(models.Model):
    """Une priorité transversale de l'action, suivie de même."""

    action = models.ForeignKey(Action, models.CASCADE, verbose_name="action")
    prioritetransversale = models.ForeignKey(PrioriteTransversale, models.CASCADE, verbose_name="priorité transversale")

    history = HistoricalRecords()

    class Meta:
        verbose_name = "priorité de l’action"
        verbose_name_plural = "priorités des actions"
        db_table = "programmation_action_priorites"
        unique_together = [("action", "prioritetransversale")]


def actions_lues_par_l_etat(utilisateur):
    """Les actions que cette personne voit au titre de l'État, et non d'un partenariat : leurs avis, leur exécution."""
    actions = Action.objects.visibles_par(utilisateur).order_by()
    lecteurs = [h for h in utilisateur.habilitations_actives if h.role in Role.de_l_etat()]
    if any(h.france_entiere for h in lecteurs):
        return actions
    return actions.filter(exercice__departement__in={h.departement_concerne_id for h in lecteurs})


class Localisation(models.Model):
    """Un quartier où l'action a lieu, et la clé qui lui donne sa part de chaque montant."""

    action = models.ForeignKey(Action, models.CASCADE, related_name="localisations", verbose_name="action")
    quartier = models.ForeignKey(Quartier, models.PROTECT, related_name="localisations", verbose_name="quartier")
    cle = models.PositiveIntegerField(
        "clé de répartition",
        default=1,
        validators=[MinValueValidator(1, "Une clé est au moins 1."), MaxValueValidator(100_000)],
    )
    cumul_avant = models.PositiveIntegerField("cumul des clés avant", editable=False)
    cumul_apres = models.PositiveIntegerField("cumul des clés après", editable=False)
    cumul_total = models.PositiveIntegerField("total des clés", editable=False)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "localisation"
        ordering = ["action_id", "quartier_id"]
        indexes = [models.Index(fields=["quartier", "action"], name="localisation_quartier_action")]
        constraints = [
            models.UniqueConstraint(
                fields=["action", "quartier"],
                name="localisation_unique",
                violation_error_message="Ce quartier est déjà dans l’action.",
            ),
            models.CheckConstraint(
                condition=Q(cle__gt=0),
                name="localisation_cle_positive",
                violation_error_message="Une clé de répartition est un entier d’au moins 1.",
            ),
            models.CheckConstraint(
                condition=Q(cumul_apres=F("cumul_avant") + F("cle"), cumul_total__gte=F("cumul_apres")),
                name="localisation_cumuls_justes",
                violation_error_message="Les cumuls de clés sont écrits par l’opération de localisation.",
            ),
        ]

    def clean(self):
        if self.quartier.contrat_id != self.action.contrat_id:
            raise ValidationError({"quartier": f"« {self.quartier} » n’est pas un quartier du contrat de l’action."})


class FinancementQuerySet(models.QuerySet):
    def bornes_a(self, utilisateur):
        """Les lignes lisibles d'actions déjà passées par la porte : un partenaire financeur ne lit que les siennes."""
        libres, bornees = [], []
        for habilitation in utilisateur.habilitations_actives:
            (bornees if financeurs_du_partenaire(habilitation) else libres).append(habilitation)
        if not bornees:
            return self
        portes = [Q(action__in=Action.objects.filter(ActionQuerySet._porte(h))) for h in libres]
        portes += [
            Q(
                action__in=Action.objects.filter(ActionQuerySet._porte(h)),
                financeur__in=financeurs_du_partenaire(h),
            )
            for h in bornees
        ]
        return self.filter(reduce(or_, portes))

    def visibles_par(self, utilisateur):
        return self.filter(action__in=Action.objects.visibles_par(utilisateur).order_by()).bornes_a(utilisateur)

    def p147(self):
        return self.filter(famille=FamilleFinanceur.ANCT_P147)


class Financement(models.Model):
    """Une ligne du plan de financement : ce qu'un financeur est sollicité d'apporter, propose, accorde, verse."""

    action = models.ForeignKey(Action, models.CASCADE, related_name="financements", verbose_name="action")
    financeur = models.ForeignKey(Financeur, models.PROTECT, related_name="financements", verbose_name="financeur")
    famille = models.CharField("famille", max_length=20, choices=FamilleFinanceur, editable=False)
    nature = models.CharField("nature", max_length=20, choices=NatureFinancement)
    demande = MontantField("demandé", null=True, blank=True)
    propose = MontantField("proposé", null=True, blank=True)
    accorde = MontantField("accordé", null=True, blank=True)
    verse = MontantField("versé", null=True, blank=True)
    etat = models.CharField("état", max_length=10, choices=EtatFinancement, default=EtatFinancement.SOLLICITE)
    date_etat = models.DateField("date de la délibération ou de la notification", null=True, blank=True)

    objects = FinancementQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "financement"
        ordering = ["action_id", "id"]
        indexes = [
            models.Index(fields=["financeur", "action"], name="financement_financeur_action"),
            # Les totaux P147 de la France entière se lisent dans l'index seul (PostgreSQL ; SQLite s'en passe).
            models.Index(
                fields=["action"],
                include=["demande", "accorde"],
                condition=Q(famille=FamilleFinanceur.ANCT_P147),
                name="financement_p147_montants",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["action", "financeur", "nature"],
                name="financement_unique",
                violation_error_message="Ce financeur est déjà dans le plan avec cette nature : réunir les lignes.",
            ),
            models.UniqueConstraint(
                fields=["action"],
                condition=Q(famille=FamilleFinanceur.ANCT_P147),
                name="financement_une_ligne_p147",
                violation_error_message="Une action n’a qu’une ligne de crédits P147.",
            ),
            models.CheckConstraint(
                condition=Q(etat=EtatFinancement.SOLLICITE, accorde=None)
                | Q(etat__in=[EtatFinancement.ANNONCE, EtatFinancement.ACQUIS], accorde__isnull=False)
                | Q(etat=EtatFinancement.REFUSE, accorde=0),
                name="financement_accorde_selon_etat",
                violation_error_message=ACCORDE_SELON_ETAT,
            ),
        ]

    def __str__(self):
        return f"{self.financeur}, {self.get_nature_display().lower()}"

    def clean(self):
        """La règle de l'accordé, dite avant d'écrire ; un refus sans accordé est écrit à 0,00 € par l'opération."""
        permis = {EtatFinancement.SOLLICITE: self.accorde is None, EtatFinancement.REFUSE: not self.accorde}
        if not permis.get(self.etat, self.accorde is not None):
            raise ValidationError({"accorde": ACCORDE_SELON_ETAT})


class PrevisionPluriannuelle(models.Model):
    """Ce qu'une CPO prévoit pour une année à venir : hors de tous les totaux."""

    action = models.ForeignKey(Action, models.CASCADE, related_name="previsions", verbose_name="action")
    annee = models.PositiveSmallIntegerField("année")
    montant = MontantField("montant")

    history = HistoricalRecords()

    class Meta:
        verbose_name = "prévision pluriannuelle"
        verbose_name_plural = "prévisions pluriannuelles"
        ordering = ["annee"]
        constraints = [models.UniqueConstraint(fields=["action", "annee"], name="prevision_unique")]

    def __str__(self):
        return f"Prévision {self.annee}"


class SuiviFinancement(models.Model):
    """Un vote ou un versement d'un autre financeur, connu après coup : un fait daté, lu par la seule exécution."""

    financement = models.ForeignKey(Financement, models.CASCADE, related_name="suivis", verbose_name="financement")
    date = models.DateField("date")
    etat = models.CharField("état", max_length=10, choices=EtatFinancement)
    accorde = MontantField("accordé", null=True, blank=True)
    verse = MontantField("versé", null=True, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "suivi d’un financement"
        verbose_name_plural = "suivis de financements"
        ordering = ["date", "id"]


class PartenaireFinanceur(models.Model):
    """Borne une habilitation de partenaire aux lignes d'un financeur : la CAF ne voit que les siennes."""

    habilitation = models.ForeignKey(
        Habilitation, models.CASCADE, related_name="partenaires_financeurs", verbose_name="habilitation"
    )
    financeur = models.ForeignKey(Financeur, models.PROTECT, related_name="partenaires", verbose_name="financeur")

    class Meta:
        verbose_name = "partenaire financeur"
        verbose_name_plural = "partenaires financeurs"
        constraints = [
            models.UniqueConstraint(fields=["habilitation", "financeur"], name="partenaire_financeur_unique"),
        ]

    def __str__(self):
        return str(self.financeur)

    def clean(self):
        if self.habilitation_id and self.habilitation.role != Role.PARTENAIRE:
            raise ValidationError({"habilitation": "Seule l’habilitation d’un partenaire se borne à un financeur."})
