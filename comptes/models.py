"""Les gens : qui se connecte, avec quel rôle, sur quel territoire."""

from dataclasses import dataclass, field, fields

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.functional import cached_property
from simple_history.models import HistoricalRecords

from territoires.models import ContratDeVille, Departement, FiliationContrat, FiliationQuartier, Quartier

from .enums import Role


class UtilisateurManager(BaseUserManager):
    def get_by_natural_key(self, courriel):
        return self.get(courriel=self.normaliser_courriel(courriel))

    @staticmethod
    def normaliser_courriel(courriel):
        """Un courriel est un identifiant : sa casse ne compte pas."""
        return (courriel or "").strip().lower()

    def create_user(self, courriel, password=None, **champs):
        if not courriel:
            raise ValueError("Un compte a besoin d’un courriel.")
        utilisateur = self.model(courriel=self.normaliser_courriel(courriel), **champs)
        utilisateur.set_password(password)
        utilisateur.save(using=self._db)
        return utilisateur

    def create_superuser(self, courriel, password=None, **champs):
        return self.create_user(courriel, password, **champs | {"is_staff": True, "is_superuser": True})


class Utilisateur(AbstractBaseUser, PermissionsMixin):
    """Un utilisateur se connecte par son courriel ; ce sont ses habilitations qui lui ouvrent un territoire."""

    courriel = models.EmailField("courriel", unique=True)
    nom = models.CharField("nom", max_length=100, blank=True)
    prenom = models.CharField("prénom", max_length=100, blank=True)
    service = models.CharField("service", max_length=200, blank=True)
    is_staff = models.BooleanField("accède à l’administration", default=False)
    is_active = models.BooleanField("actif", default=True)
    cree_le = models.DateTimeField("créé le", default=timezone.now, editable=False)

    objects = UtilisateurManager()

    USERNAME_FIELD = "courriel"
    EMAIL_FIELD = "courriel"
    REQUIRED_FIELDS = []

    class Meta:
        verbose_name = "utilisateur"
        ordering = ["nom", "prenom", "courriel"]

    def __str__(self):
        return f"{self.prenom} {self.nom}".strip() or self.courriel

    def clean(self):
        self.courriel = UtilisateurManager.normaliser_courriel(self.courriel)

    def get_full_name(self):
        return str(self)

    @cached_property
    def habilitations_actives(self):
        """Les habilitations en vigueur aujourd'hui et leur périmètre, lus une fois par requête."""
        habilitations = list(self.habilitations.actives().select_related("contrat", "quartier__contrat"))
        lire_les_perimetres(habilitations)
        return habilitations

    @cached_property
    def perimetre(self):
        """Tout ce que ses habilitations lui ouvrent."""
        return Perimetre.union(self.habilitations_actives)

    @cached_property
    def perimetre_de_l_etat(self):
        """Ce que lui ouvrent ses seules habilitations d'État : les enveloppes et les totaux, jamais à un partenaire."""
        return Perimetre.union(h for h in self.habilitations_actives if h.role in Role.de_l_etat())

    @cached_property
    def roles(self):
        return {habilitation.role for habilitation in self.habilitations_actives}

    @property
    def habilitations_departementales(self):
        """Celles d'un rôle de l'État qui montrent un département en entier, ou toute la France."""
        siennes = [h for h in self.habilitations_actives if h.role in Role.de_l_etat()]
        return [h for h in siennes if h.france_entiere or h.departement_id]

    def contrats_visibles(self):
        """Les contrats dont il ouvre la fiche, ou qu'il trouve dans une liste de choix."""
        p = self.perimetre
        if p.national:
            return ContratDeVille.objects.all()
        departements = p.departements | p.departements_de_delegue
        contrats = p.contrats | p.contrats_des_quartiers
        return ContratDeVille.objects.filter(Q(departement__in=departements) | Q(pk__in=contrats))

    def quartiers_visibles(self):
        """Les quartiers des contrats qu'il voit en entier, et les siens."""
        p = self.perimetre
        if p.national:
            return Quartier.objects.all()
        departements = p.departements | p.departements_de_delegue
        return Quartier.objects.filter(
            Q(contrat__departement__in=departements) | Q(contrat__in=p.contrats) | Q(pk__in=p.quartiers)
        )

    def quartiers_suivis(self):
        """Les quartiers de ses habilitations de délégué : ce que ses écrans montrent d'abord."""
        delegations = Perimetre.union(h for h in self.habilitations_actives if h.role == Role.DELEGUE)
        if delegations.national:
            return Quartier.objects.all()
        return Quartier.objects.filter(
            Q(contrat__departement__in=delegations.departements)
            | Q(contrat__in=delegations.contrats)
            | Q(pk__in=delegations.quartiers)
        )

    def departements_visibles(self):
        """Les départements dont il voit au moins un contrat."""
        if self.perimetre.national:
            return Departement.objects.all()
        return Departement.objects.filter(pk__in=self.perimetre.tous_les_departements)

    def a_le_role(self, roles, departement_id, contrat_id=None):
        """Exerce-t-il l'un de ces rôles ici ? Un contrat ne vaut pas le département, ni un quartier le contrat."""
        return any(h.couvre(departement_id, contrat_id) for h in self.habilitations_actives if h.role in roles)


class EssaisDeConnexion(models.Model):
    """Les échecs récents d'un compte, ou d'une adresse, connus par leur empreinte : voir `comptes/essais.py`."""

    empreinte = models.CharField(max_length=64, primary_key=True)
    echecs = models.PositiveSmallIntegerField("échecs", default=1)
    depuis = models.DateTimeField("premier échec le")

    class Meta:
        verbose_name = "essais de connexion"
        verbose_name_plural = "essais de connexion"

    def __str__(self):
        return f"{self.echecs} échecs depuis {self.depuis}"


class SaisieConservee(models.Model):
    """Ce qu'une personne avait tapé dans un formulaire sans l'enregistrer : la session expirée ne le perd pas.

    `contenu` : les paires (champ, valeur) du formulaire, telles que le navigateur les enverrait.
    """

    utilisateur = models.ForeignKey(
        Utilisateur, models.CASCADE, related_name="saisies_conservees", verbose_name="utilisateur"
    )
    adresse = models.CharField("adresse de l’écran", max_length=500)
    contenu = models.JSONField("contenu")
    conservee_le = models.DateTimeField("conservée le", default=timezone.now)

    class Meta:
        verbose_name = "saisie conservée"
        verbose_name_plural = "saisies conservées"
        ordering = ["-conservee_le"]
        constraints = [
            models.UniqueConstraint(
                fields=["utilisateur", "adresse"],
                name="saisie_conservee_unique",
                violation_error_message="Une saisie est déjà conservée pour cet écran.",
            ),
        ]

    def __str__(self):
        return self.adresse


class HabilitationQuerySet(models.QuerySet):
    def actives(self):
        aujourd_hui = timezone.localdate()
        return self.filter(Q(du__isnull=True) | Q(du__lte=aujourd_hui), Q(au__isnull=True) | Q(au__gte=aujourd_hui))


class Habilitation(models.Model):
    """Une habilitation donne un rôle à une personne sur la France, un département, un contrat ou un quartier."""

    utilisateur = models.ForeignKey(
        Utilisateur, models.CASCADE, related_name="habilitations", verbose_name="utilisateur"
    )
    role = models.CharField("rôle", max_length=20, choices=Role)
    france_entiere = models.BooleanField("France entière", default=False)
    departement = models.ForeignKey(
        Departement,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="habilitations",
        verbose_name="département",
    )
    contrat = models.ForeignKey(
        ContratDeVille,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="habilitations",
        verbose_name="contrat",
    )
    quartier = models.ForeignKey(
        Quartier, models.CASCADE, null=True, blank=True, related_name="habilitations", verbose_name="quartier"
    )
    du = models.DateField("du", null=True, blank=True)
    au = models.DateField("au", null=True, blank=True)

    objects = HabilitationQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "habilitation"
        ordering = ["utilisateur", "role"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(france_entiere=True, departement=None, contrat=None, quartier=None)
                    | Q(france_entiere=False, departement__isnull=False, contrat=None, quartier=None)
                    | Q(france_entiere=False, departement=None, contrat__isnull=False, quartier=None)
                    | Q(france_entiere=False, departement=None, contrat=None, quartier__isnull=False)
                ),
                name="habilitation_un_seul_territoire",
                violation_error_message=(
                    "Choisir exactement un territoire : la France entière, un département, un contrat ou un quartier."
                ),
            ),
            models.CheckConstraint(
                condition=Q(du=None) | Q(au=None) | Q(au__gte=F("du")),
                name="habilitation_dates_ordonnees",
                violation_error_message="L’habilitation finit avant de commencer.",
            ),
        ]

    def __str__(self):
        return f"{self.get_role_display()}, {self.territoire}"

    @property
    def territoire(self):
        return self.departement or self.contrat or self.quartier or "France entière"

    @property
    def departement_concerne_id(self):
        """Le département d'une habilitation de contrat ou de quartier est celui du contrat."""
        if self.quartier_id:
            return self.quartier.contrat.departement_id
        return self.contrat.departement_id if self.contrat_id else self.departement_id

    def couvre(self, departement_id, contrat_id=None):
        """Vaut-elle pour tout ce département ou, si un contrat est donné, pour tout ce contrat ?"""
        if self.france_entiere:
            return True
        if self.departement_id:
            return self.departement_id == departement_id
        return contrat_id is not None and self.contrat_id == contrat_id

    def clean(self):
        if self.role in Role.qui_ecrivent() and self.quartier_id:
            raise ValidationError({"quartier": "Qui saisit et décide est habilité sur un contrat ou un département."})


@dataclass
class Perimetre:
    """Ce qu'ouvrent une ou plusieurs habilitations, en identifiants : ce que le reste du code sait d'un territoire."""

    national: bool = False
    departements: set = field(default_factory=set)
    contrats: set = field(default_factory=set)
    quartiers: set = field(default_factory=set)
    contrats_des_quartiers: set = field(default_factory=set)
    departements_de_delegue: set = field(default_factory=set)
    tous_les_departements: set = field(default_factory=set)

    @classmethod
    def union(cls, habilitations):
        """Le périmètre réuni d'habilitations dont le périmètre est lu."""
        perimetre = cls()
        for habilitation in habilitations:
            perimetre.national |= habilitation.perimetre.national
            for champ in fields(cls)[1:]:
                getattr(perimetre, champ.name).update(getattr(habilitation.perimetre, champ.name))
        return perimetre


def lire_les_perimetres(habilitations):
    """Pose `perimetre` sur chaque habilitation, en trois requêtes au plus quel que soit leur nombre.

    Voir un contrat ou un quartier, c'est lire aussi son passé : les ancêtres sont dans le périmètre.
    """
    anciens_contrats = ancetres(FiliationContrat, {h.contrat_id for h in habilitations} - {None})
    anciens_quartiers = ancetres(FiliationQuartier, {h.quartier_id for h in habilitations} - {None})
    contrats_anciens = contrats_par_quartier({pk for pks in anciens_quartiers.values() for pk in pks})
    for h in habilitations:
        passes = anciens_quartiers.get(h.quartier_id, set())
        h.perimetre = Perimetre(
            national=h.france_entiere,
            departements={h.departement_id} - {None},
            contrats=({h.contrat_id} - {None}) | anciens_contrats.get(h.contrat_id, set()),
            quartiers=({h.quartier_id} - {None}) | passes,
            contrats_des_quartiers={contrats_anciens[pk] for pk in passes}
            | ({h.quartier.contrat_id} if h.quartier_id else set()),
            departements_de_delegue=({h.departement_concerne_id} if h.role == Role.DELEGUE else set()) - {None},
            tous_les_departements={h.departement_concerne_id} - {None},
        )


def ancetres(modele, ids):
    """Les identifiants des ancêtres directs, par identifiant."""
    par_identifiant = {}
    if ids:
        for nouveau, ancien in modele.objects.filter(nouveau__in=ids).values_list("nouveau", "ancien"):
            par_identifiant.setdefault(nouveau, set()).add(ancien)
    return par_identifiant


def contrats_par_quartier(ids):
    return dict(Quartier.objects.filter(pk__in=ids).values_list("pk", "contrat")) if ids else {}
