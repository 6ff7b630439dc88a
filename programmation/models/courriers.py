"""Les modèles de courrier que la DDETS rédige, et les règles chiffrées qui ont une date."""

from datetime import date as Date

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from simple_history.models import HistoricalRecords

from politique_ville.outils.publipostage import VariableMalEcrite, variables
from politique_ville.outils.typographie import insecables
from territoires.models import Departement

from ..enums import CodeParametre, NatureCourrier, VariableDeCourrier
from .nomenclature import ActifQuerySet, Referentiel


class ModeleDeCourrierQuerySet(ActifQuerySet):
    def proposes_dans(self, departement):
        """Ceux du département et ceux de toute la France, que le service n'a pas retirés."""
        return self.actifs().filter(Q(departement=None) | Q(departement=departement))


class ModeleDeCourrier(Referentiel):
    """Le texte d'une lettre ou d'un acte ; entre doubles accolades, les variables que l'action remplit."""

    departement = models.ForeignKey(
        Departement,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="modeles_de_courrier",
        verbose_name="département",
        help_text="Vide : proposé dans tous les départements.",
    )
    nature = models.CharField("nature", max_length=12, choices=NatureCourrier)
    nom = models.CharField("nom", max_length=100)
    objet = models.CharField("objet", max_length=250)
    corps = models.TextField("corps")
    signataire = models.TextField("signature", blank=True, help_text="La qualité du signataire, sur plusieurs lignes.")

    objects = ModeleDeCourrierQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "modèle de courrier"
        verbose_name_plural = "modèles de courrier"
        ordering = ["nature", "nom"]
        constraints = [
            models.UniqueConstraint(
                "nom",
                Coalesce("departement", 0),
                name="modele_de_courrier_unique",
                violation_error_message="Un modèle de courrier porte déjà ce nom.",
            ),
        ]

    def __str__(self):
        return self.nom

    def clean(self):
        """Une variable que sa nature ne connaît pas partirait telle quelle chez un porteur."""
        if self.nature in NatureCourrier:
            permises = [str(variable.value) for variable in NatureCourrier(self.nature).variables]
            de_l_objet = [nom for nom in permises if nom != VariableDeCourrier.ECHEANCIER]  # une liste, sur des lignes
            refus = {
                "objet": self.refus_du_texte(self.objet, de_l_objet),
                "corps": self.refus_du_texte(self.corps, permises),
                "signataire": self.refus_du_texte(self.signataire, permises),
            }
            if any(refus.values()):
                raise ValidationError({champ: phrase for champ, phrase in refus.items() if phrase})

    def refus_du_texte(self, texte, permises):
        """Pourquoi ce texte ne peut pas se remplir avec ces seules variables, ou ""."""
        try:
            inconnues = [nom for nom in variables(texte) if nom not in permises]
        except VariableMalEcrite as refus:
            return insecables(f"Des accolades ne nomment aucune variable, vers « {refus} » : écrire {{{{ porteur }}}}.")
        if not inconnues:
            return ""
        une = len(inconnues) == 1
        debut = "La variable" if une else "Les variables"
        suite = "n’existe pas" if une else "n’existent pas"
        noms, connues = (", ".join(f"« {nom} »" for nom in liste) for liste in (inconnues, permises))
        nature = NatureCourrier(self.nature).label
        return insecables(f"{debut} {noms} {suite} pour « {nature} ». Celles que l’on peut écrire : {connues}.")


class ParametreQuerySet(models.QuerySet):
    def en_vigueur(self, code: str, le: Date, departement=None):
        """La valeur du département à cette date, à défaut celle de toute la France ; None si aucune n'est connue."""
        connus = self.filter(Q(departement=None) | Q(departement=departement), code=code, depuis__lte=le)
        trouve = connus.order_by(models.F("departement").asc(nulls_last=True), "-depuis").first()
        return trouve.valeur if trouve else None


class Parametre(models.Model):
    """Une règle chiffrée (un seuil en euros, un délai en mois), sa date d'effet et sa source."""

    code = models.CharField("règle", max_length=24, choices=CodeParametre)
    departement = models.ForeignKey(
        Departement,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="parametres",
        verbose_name="département",
        help_text="Vide : toute la France.",
    )
    depuis = models.DateField("à compter du")
    valeur = models.DecimalField("valeur", max_digits=12, decimal_places=2)
    source = models.CharField("source", max_length=300)

    objects = ParametreQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "règle chiffrée"
        verbose_name_plural = "règles chiffrées"
        ordering = ["code", "-depuis"]
        constraints = [
            models.UniqueConstraint(
                "code",
                Coalesce("departement", 0),
                "depuis",
                name="parametre_unique",
                violation_error_message="Cette règle a déjà une valeur à cette date.",
            ),
            models.CheckConstraint(
                condition=Q(valeur__gte=0),
                name="parametre_positif",
                violation_error_message="La valeur d’une règle n’est pas négative.",
            ),
        ]

    def __str__(self):
        return f"{self.get_code_display()} : {self.valeur}"

    def clean(self):
        """Un délai se compte en mois entiers : son échéance tombe un jour."""
        if self.code in CodeParametre.delais() and self.valeur is not None and self.valeur % 1:
            raise ValidationError({"valeur": "Un délai est un nombre entier de mois."})
