"""Le sol : départements, intercommunalités, communes, contrats de ville, quartiers, et ce qui les relie."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, F, Max, Min, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import NullIf

from politique_ville.outils.recherche import Recherchable, RechercheQuerySet, contient_les_mots

from .enums import Generation, NatureFiliation, NatureQuartier, ObjetAnnonce

VIDE_OU_RENSEIGNE = "Laisser ce code vide s’il est inconnu : il ne peut pas être une chaîne vide en base."
NOUVEAU, PREEXISTANTS = "N", ("M", "I")  # la dernière lettre d'un code de 2024 ; M : modifié, I : inchangé
DEBUT_D_INTITULE = re.compile(r"[Cc]ontrat de ville\s+(?:de la |de l['’]|du |des |de |d['’])")


class Departement(models.Model):
    """Un département est le ressort d'une DDETS."""

    code = models.CharField("code", max_length=3, unique=True)
    nom = models.CharField("nom", max_length=100)
    region = models.CharField("région", max_length=100)

    class Meta:
        verbose_name = "département"
        ordering = ["code"]

    def __str__(self):
        return f"{self.nom} ({self.code})"


class Intercommunalite(models.Model):
    """Une intercommunalité (EPCI) porte un contrat de ville ; elle peut être à cheval sur deux départements."""

    siren = models.CharField("SIREN", max_length=9, unique=True, validators=[RegexValidator(r"^\d{9}$")])
    nom = models.CharField("nom", max_length=200)
    nature = models.CharField("nature", max_length=100, blank=True)
    successeur = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="predecesseurs", verbose_name="successeur"
    )

    class Meta:
        verbose_name = "intercommunalité"
        ordering = ["nom"]

    def __str__(self):
        return self.nom


class Commune(Recherchable):
    code_insee = models.CharField("code INSEE", max_length=5, unique=True)
    nom = models.CharField("nom", max_length=100)
    departement = models.ForeignKey(Departement, models.PROTECT, related_name="communes", verbose_name="département")
    intercommunalite = models.ForeignKey(
        Intercommunalite, models.PROTECT, null=True, blank=True, related_name="communes", verbose_name="EPCI"
    )
    population = models.PositiveIntegerField("population municipale (habitants)", null=True, blank=True)

    objects = RechercheQuerySet.as_manager()

    class Meta:
        verbose_name = "commune"
        ordering = ["recherche"]

    def __str__(self):
        return self.nom


class AncienneCommune(models.Model):
    """Une commune déléguée ou associée : un import ancien la nomme encore."""

    code_insee = models.CharField("code INSEE", max_length=5)
    nom = models.CharField("nom", max_length=100)
    commune = models.ForeignKey(
        Commune, models.PROTECT, related_name="anciennes_communes", verbose_name="commune actuelle"
    )

    class Meta:
        verbose_name = "ancienne commune"
        verbose_name_plural = "anciennes communes"
        ordering = ["nom"]
        constraints = [
            models.UniqueConstraint(fields=["code_insee", "commune"], name="ancienne_commune_unique"),
        ]

    def __str__(self):
        return f"{self.nom} ({self.code_insee})"


class ContratDeVilleQuerySet(models.QuerySet):
    def en_vigueur(self, annee):
        """Les contrats dont les dates contiennent l'année."""
        return self.filter(debut__year__lte=annee, fin__year__gte=annee)

    def avec_population(self):
        """Ajoute `population_des_quartiers` (prioritaires, chacun compté une fois), et ses millésimes extrêmes.

        `premier_millesime` et `dernier_millesime` sont None si aucun n'est connu.
        """
        millesime = NullIf("millesime_population", Value(""))
        return self.annotate(
            population_des_quartiers=des_quartiers_prioritaires(Sum("population")),
            premier_millesime=des_quartiers_prioritaires(Min(millesime)),
            dernier_millesime=des_quartiers_prioritaires(Max(millesime)),
        )


def des_quartiers_prioritaires(agregat):
    """L'agrégat des quartiers prioritaires de chaque contrat, en sous-requête : aucune jointure ne le multiplie."""
    quartiers = Quartier.objects.prioritaires().filter(contrat=OuterRef("pk")).order_by()
    return Subquery(quartiers.values("contrat").annotate(lu=agregat).values("lu"))


class ContratDeVille(models.Model):
    """Un contrat de ville engage l'État, une intercommunalité et leurs partenaires."""

    code = models.CharField("code ANCT", max_length=10, unique=True, null=True, blank=True)
    intitule = models.CharField("intitulé", max_length=200)
    departement = models.ForeignKey(Departement, models.PROTECT, related_name="contrats", verbose_name="département")
    intercommunalite = models.ForeignKey(Intercommunalite, models.PROTECT, related_name="contrats", verbose_name="EPCI")
    generation = models.CharField("génération", max_length=9, choices=Generation)
    debut = models.DateField("début")
    fin = models.DateField("fin")
    signe_le = models.DateField("signé le", null=True, blank=True)
    signataires = models.TextField("signataires", blank=True)
    communes = models.ManyToManyField(Commune, related_name="contrats", verbose_name="communes", blank=True)
    source = models.TextField("source", blank=True)
    note = models.TextField("note", blank=True)

    objects = ContratDeVilleQuerySet.as_manager()

    class Meta:
        verbose_name = "contrat de ville"
        verbose_name_plural = "contrats de ville"
        ordering = ["departement__code", "-generation", "intitule"]
        constraints = [
            models.CheckConstraint(
                condition=Q(fin__gte=F("debut")),
                name="contrat_dates_ordonnees",
                violation_error_message="La fin du contrat est avant son début.",
            ),
            models.CheckConstraint(
                condition=~Q(code=""), name="contrat_code_non_vide", violation_error_message=VIDE_OU_RENSEIGNE
            ),
        ]

    def __str__(self):
        return self.intitule

    @property
    def nom_court(self):
        """« Caen la mer » pour « Contrat de ville de Caen la mer » : ce qu'une colonne « Contrat » écrit."""
        return DEBUT_D_INTITULE.sub("", self.intitule)

    def couvre(self, annee):
        return self.debut.year <= annee <= self.fin.year


class FiliationContrat(models.Model):
    ancien = models.ForeignKey(ContratDeVille, models.CASCADE, related_name="suites", verbose_name="ancien contrat")
    nouveau = models.ForeignKey(ContratDeVille, models.CASCADE, related_name="ancetres", verbose_name="nouveau contrat")

    class Meta:
        verbose_name = "filiation de contrats"
        verbose_name_plural = "filiations de contrats"
        constraints = [
            models.UniqueConstraint(fields=["ancien", "nouveau"], name="filiation_contrat_unique"),
            models.CheckConstraint(
                condition=~Q(ancien=F("nouveau")),
                name="filiation_contrat_distincts",
                violation_error_message="Un contrat ne peut pas être sa propre suite.",
            ),
        ]

    def __str__(self):
        return f"{self.ancien} → {self.nouveau}"


class NombreAnnonce(models.Model):
    """Un nombre de contrats ou de PRE annoncé par une source datée, à comparer à ce que la base contient."""

    departement = models.ForeignKey(
        Departement, models.CASCADE, related_name="nombres_annonces", verbose_name="département"
    )
    objet = models.CharField("objet", max_length=10, choices=ObjetAnnonce)
    nombre = models.PositiveSmallIntegerField("nombre")
    date = models.DateField("date de la source", null=True, blank=True)
    source = models.TextField("source")

    class Meta:
        verbose_name = "nombre annoncé"
        verbose_name_plural = "nombres annoncés"
        ordering = ["departement", "objet", "date"]
        constraints = [
            models.UniqueConstraint(fields=["departement", "objet", "source"], name="nombre_annonce_unique"),
        ]

    def __str__(self):
        return f"{self.nombre} {self.get_objet_display()}"


class QuartierQuerySet(RechercheQuerySet):
    def sortis(self):
        """Les quartiers d'une génération passée qui n'ont pas de suite (Colombelles en 2024)."""
        suites = FiliationQuartier.objects.filter(ancien=OuterRef("pk"))
        return self.filter(~Exists(suites), generation=Generation.G2015)

    def entrants(self):
        """Les quartiers de 2024 que leur code dit nouveaux : sans ancêtre connu ne veut pas dire entrant."""
        return self.filter(code__endswith=NOUVEAU, generation=Generation.G2024)

    def prioritaires(self):
        """Ceux dont la population se compte : ni veille active, ni poche de pauvreté."""
        return self.filter(nature=NatureQuartier.QPV)

    def recherche_du_lieu(self, texte):
        """Les quartiers dont le nom, le code ou une commune contiennent chaque mot du texte."""
        return self.filter(contient_les_mots(texte, "recherche", "communes__recherche")).distinct()

    def population(self):
        """Le nombre d'habitants, chaque quartier compté une fois ; None si aucun n'est connu."""
        quartiers = Quartier.objects.filter(pk__in=self.order_by().values("pk"))
        return quartiers.aggregate(total=Sum("population"))["total"]


class Quartier(Recherchable):
    """Un quartier (prioritaire, en veille active ou poche de pauvreté) appartient à un contrat et à une génération."""

    code = models.CharField("code", max_length=10, unique=True, null=True, blank=True)
    nom = models.CharField("nom", max_length=200)
    nom_d_usage = models.CharField("nom d’usage", max_length=200, blank=True)
    nature = models.CharField("nature", max_length=20, choices=NatureQuartier, default=NatureQuartier.QPV)
    generation = models.CharField("génération", max_length=9, choices=Generation)
    contrat = models.ForeignKey(
        ContratDeVille, models.PROTECT, related_name="quartiers", verbose_name="contrat de ville"
    )
    communes = models.ManyToManyField(Commune, related_name="quartiers", verbose_name="communes")
    population = models.PositiveIntegerField("population (habitants)", null=True, blank=True)
    millesime_population = models.CharField("millésime de la population", max_length=20, blank=True)
    debut = models.DateField("en vigueur du")
    fin = models.DateField("au", null=True, blank=True)
    contour = models.JSONField("contour (GeoJSON)", null=True, blank=True)
    source = models.TextField("source", blank=True)
    note = models.TextField("note", blank=True)

    objects = QuartierQuerySet.as_manager()

    class Meta:
        verbose_name = "quartier"
        ordering = ["contrat__departement__code", "-generation", "contrat", "recherche"]
        constraints = [
            models.CheckConstraint(
                condition=Q(generation__in=Generation.values),
                name="quartier_generation_connue",
                violation_error_message="La génération du quartier (2015-2023 ou 2024-2030) est obligatoire.",
            ),
            models.CheckConstraint(
                condition=Q(fin__isnull=True) | Q(fin__gte=F("debut")),
                name="quartier_dates_ordonnees",
                violation_error_message="La fin du quartier est avant son début.",
            ),
            models.CheckConstraint(
                condition=~Q(code=""),
                name="quartier_code_non_vide",
                violation_error_message=VIDE_OU_RENSEIGNE,
            ),
        ]

    def __str__(self):
        return self.nom_d_usage or self.nom

    @property
    def est_entrant(self):
        return self.generation == Generation.G2024 and (self.code or "").endswith(NOUVEAU)

    @property
    def prolonge(self):
        """Son code dit-il qu'il existait déjà en 2015, que son ancêtre soit connu ou non ?"""
        return self.generation == Generation.G2024 and (self.code or "").endswith(PREEXISTANTS)

    def texte_de_recherche(self):
        return f"{self.nom} {self.nom_d_usage} {self.code or ''}"

    def clean(self):
        if self.contrat_id and self.contrat.generation != self.generation:
            raise ValidationError(
                {"generation": f"Le contrat « {self.contrat} » est de la génération {self.contrat.generation}."}
            )


class FiliationQuartier(models.Model):
    """Ce qu'un quartier de 2015 devient en 2024 : la seule base de toute comparaison entre générations."""

    ancien = models.ForeignKey(Quartier, models.CASCADE, related_name="suites", verbose_name="ancien quartier")
    nouveau = models.ForeignKey(Quartier, models.CASCADE, related_name="ancetres", verbose_name="nouveau quartier")
    nature = models.CharField("nature", max_length=10, choices=NatureFiliation)
    source = models.TextField("source", blank=True)

    class Meta:
        verbose_name = "filiation de quartiers"
        verbose_name_plural = "filiations de quartiers"
        constraints = [
            models.UniqueConstraint(fields=["ancien", "nouveau"], name="filiation_quartier_unique"),
            models.CheckConstraint(
                condition=~Q(ancien=F("nouveau")),
                name="filiation_quartier_distincts",
                violation_error_message="Un quartier ne peut pas être sa propre suite.",
            ),
        ]

    def __str__(self):
        return f"{self.ancien} → {self.nouveau}"
