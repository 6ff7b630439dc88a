"""Les porteurs et les financeurs."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from simple_history.models import HistoricalRecords

from politique_ville.outils.recherche import Recherchable, RechercheQuerySet, normaliser
from politique_ville.outils.siret import LONGUEUR_SIREN, normaliser_siret, valider_siren, valider_siret
from territoires.models import Commune, Departement

from ..enums import Droit, FamilleFinanceur, FormeOrganisme
from .nomenclature import ReferentielCompte


class OrganismeQuerySet(RechercheQuerySet):
    def vivants(self):
        """Ceux qui n'ont pas été fusionnés dans un autre : les seuls que l'on propose."""
        return self.filter(fusionne_dans=None)

    def recherche(self, texte):
        """Chaque mot est dans le nom, le sigle, le SIREN ou le RNA ; à partir de neuf chiffres, espaces permis, c'est
        un SIREN ou un SIRET, même commencé : l'organisme de cet établissement, ou à défaut de ce SIREN."""
        numero = normaliser_siret(texte)
        if not (numero.isdecimal() and len(numero) >= LONGUEUR_SIREN):
            return super().recherche(texte)
        etablissements = Etablissement.objects.filter(organisme=OuterRef("pk"), siret__startswith=numero)
        return self.filter(Q(siren=numero[:LONGUEUR_SIREN]) | Exists(etablissements))

    def homonymes(self, organisme):
        """Les autres organismes vivants de ce nom, à la casse et aux accents près ; deux SIREN les distinguent."""
        nom = normaliser(organisme.nom)
        autres = self.vivants().filter(recherche__startswith=nom).exclude(pk=organisme.pk)
        if organisme.siren:
            autres = autres.filter(siren=None)
        return [autre for autre in autres if normaliser(autre.nom) == nom]

    def ou_fusionnes(self):
        """Ceux-là et ceux qui y ont été fusionnés : les mêmes, pour qui cherche leurs actions."""
        trouves = self.order_by().values("pk")
        return Organisme.objects.filter(Q(pk__in=trouves) | Q(fusionne_dans__in=trouves))

    def visibles_par(self, utilisateur):
        """Le répertoire est commun à tous les départements, pour qu'un porteur n'y soit pas deux fois ;
        un partenaire n'y voit que les porteurs des actions qu'il voit."""
        from .actions import Action

        if utilisateur.roles - {"partenaire"}:
            return self
        return self.filter(pk__in=Action.objects.visibles_par(utilisateur).order_by().values("porteur"))


class Organisme(Recherchable):
    """Un organisme porte des actions ; ses SIRET changent, lui demeure."""

    siren = models.CharField("SIREN", max_length=9, unique=True, null=True, blank=True, validators=[valider_siren])
    rna = models.CharField(
        "RNA",
        max_length=10,
        unique=True,
        null=True,
        blank=True,
        validators=[RegexValidator(r"^W\d{9}$", "Un numéro RNA s’écrit W suivi de neuf chiffres.")],
    )
    nom = models.CharField("nom", max_length=200)
    sigle = models.CharField("sigle", max_length=50, blank=True)
    forme = models.CharField("forme", max_length=20, choices=FormeOrganisme, default=FormeOrganisme.ASSOCIATION)
    droit = models.CharField("droit", max_length=6, choices=Droit, default=Droit.PRIVE)
    courriel = models.EmailField(
        "courriel de la structure",
        blank=True,
        help_text="Une adresse de la structure, pas celle d’une personne.",
    )
    telephone = models.CharField("téléphone de la structure", max_length=20, blank=True)
    adresse = models.CharField("adresse postale", max_length=200, blank=True, help_text="Numéro et voie.")
    code_postal = models.CharField(
        "code postal",
        max_length=5,
        blank=True,
        validators=[RegexValidator(r"^[0-9]{5}$", "Un code postal a cinq chiffres.")],
    )
    ville = models.CharField("ville", max_length=100, blank=True)
    cer_souscrit_le = models.DateField("contrat d’engagement républicain souscrit le", null=True, blank=True)
    fusionne_dans = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="fusionnes", verbose_name="fusionné dans"
    )

    objects = OrganismeQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["recherche"])

    class Meta:
        verbose_name = "organisme"
        ordering = ["recherche", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(siren="") & ~Q(rna=""),
                name="organisme_codes_non_vides",
                violation_error_message="Un SIREN ou un RNA inconnu reste vide (NULL).",
            ),
            models.CheckConstraint(
                condition=Q(fusionne_dans=None) | ~Q(fusionne_dans=F("id")),
                name="organisme_pas_fusionne_en_lui_meme",
                violation_error_message="Un organisme ne peut pas être fusionné dans lui-même.",
            ),
        ]

    def __str__(self):
        return f"{self.nom} ({self.sigle})" if self.sigle else self.nom

    def texte_de_recherche(self):
        return f"{self.nom} {self.sigle} {self.siren or ''} {self.rna or ''}"

    @property
    def lignes_de_l_adresse(self):
        """« 3, rue du Moulin », « 14000 Caen » ; vide si la ville ou le code postal manque : rien n'y arriverait."""
        if not (self.code_postal and self.ville):
            return []
        return [*filter(None, [self.adresse]), f"{self.code_postal} {self.ville}"]

    @property
    def courant(self):
        """L'organisme sous lequel ses actions se lisent aujourd'hui, après une éventuelle fusion."""
        return self.fusionne_dans or self


class Etablissement(models.Model):
    """Un établissement est une adresse d'un organisme, connue par son SIRET."""

    siret = models.CharField("SIRET", max_length=14, unique=True, validators=[valider_siret])
    organisme = models.ForeignKey(Organisme, models.PROTECT, related_name="etablissements", verbose_name="organisme")
    commune = models.ForeignKey(
        Commune, models.PROTECT, null=True, blank=True, related_name="etablissements", verbose_name="commune"
    )
    debut = models.DateField("depuis le", null=True, blank=True)
    fin = models.DateField("jusqu’au", null=True, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "établissement"
        ordering = ["siret"]
        constraints = [
            models.CheckConstraint(
                condition=Q(debut=None) | Q(fin=None) | Q(fin__gte=F("debut")),
                name="etablissement_dates_ordonnees",
                violation_error_message="L’établissement ferme avant d’ouvrir.",
            ),
        ]

    def __str__(self):
        return self.siret

    def clean(self):
        siren = self.organisme.siren if self.organisme_id else None
        if siren and self.siret and self.siret[:9] != siren:
            raise ValidationError(
                {"siret": f"Ce SIRET commence par {self.siret[:9]}, mais le SIREN de l’organisme est {siren}."}
            )


class FinanceurQuerySet(models.QuerySet):
    def actifs(self):
        return self.filter(est_actif=True)

    def proposes_dans(self, departement):
        """Ceux du département et ceux de toute la France."""
        return self.actifs().filter(Q(departement=None) | Q(departement=departement))

    def visibles_par(self, utilisateur):
        """Ceux de toute la France et ceux des départements de ses habilitations."""
        if utilisateur.perimetre.national:
            return self
        return self.filter(Q(departement=None) | Q(departement__in=utilisateur.perimetre.tous_les_departements))


class Financeur(ReferentielCompte):
    """Un financeur apporte de l'argent à une action ; sa famille dit s'il concourt au rang des financeurs publics."""

    champs_figes = ("est_a_preciser",)
    chemins_des_exercices = ("financements__action__exercice",)

    nom = models.CharField("nom", max_length=150)
    famille = models.CharField("famille", max_length=20, choices=FamilleFinanceur)
    bop = models.CharField("BOP", max_length=20, blank=True, help_text="Saisi, jamais deviné : par exemple 104.")
    departement = models.ForeignKey(
        Departement,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="financeurs",
        verbose_name="département",
        help_text="Vide : proposé dans tous les départements.",
    )
    est_a_preciser = models.BooleanField(
        "à préciser",
        default=False,
        help_text="Il tient la place de plusieurs financeurs : il garde ses montants, mais n’a pas de rang.",
    )

    objects = FinanceurQuerySet.as_manager()

    class Meta:
        verbose_name = "financeur"
        ordering = ["famille", "nom"]
        constraints = [
            models.UniqueConstraint(
                "nom",
                Coalesce("departement", 0),
                name="financeur_unique",
                violation_error_message="Ce financeur existe déjà.",
            ),
        ]

    def __str__(self):
        return self.nom
