"""Ce que les filtres des listes de postes partagent : une année, un territoire, un organisme, une recherche."""

import re
from functools import cached_property

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.http import QueryDict
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.formulaires import FiltresForm
from politique_ville.outils.recherche import contient_les_mots, normaliser
from programmation.filters import ChoixDuCadreFilter, ChoixFilter
from territoires.models import Departement

from ..enums import Prorata
from ..models import DUREE_MAXIMALE
from ..models.adultes_relais import DECRET_2013_54

IDENTIFIANT = re.compile(r"[0-9]{1,18}")
NUMERO_DE_CONVENTION = re.compile(r"\b([0-9ab]{5}r\d{4})\d{2}\b")  # celui du poste, et deux chiffres


class CadreDesPostes:
    """L'année des coûts, et les choix que les filtres proposent : ceux des postes que la personne voit.

    Pour la France entière, un contrat ou un organisme ne se choisit qu'une fois le département choisi.
    """

    def __init__(self, parametres: QueryDict, postes: QuerySet, *, national: bool, organisme: str):
        self.parametres = parametres.copy()
        self.parametres.setdefault("annee", str(timezone.localdate().year))
        self.postes, self.national, self.organisme = postes, national, organisme
        self.code = self.parametres.get("departement", "")

    @property
    def annees(self) -> list[int]:
        """De la première convention possible à la fin d'une convention signée aujourd'hui."""
        return list(range(timezone.localdate().year + DUREE_MAXIMALE, DECRET_2013_54.year - 1, -1))

    @cached_property
    def lignes(self) -> list[dict]:
        """Les territoires et les organismes des postes du département choisi, ou de ceux de la personne."""
        champs = [
            "departement__code",
            "departement__nom",
            "contrat",
            "contrat__intitule",
            "quartiers",
            "quartiers__nom",
        ]
        champs += [self.organisme, f"{self.organisme}__nom"]
        postes = self.postes.filter(departement__code=self.code) if self.code else self.postes
        if self.national and not self.code:
            postes = postes.filter(self._demandes())
        return list(postes.order_by().values(*champs).distinct())

    def _demandes(self):
        """Ce que l'adresse nomme, sans département choisi."""
        demandes = Q(pk__in=[])
        for parametre, champ in (("contrat", "contrat"), ("quartier", "quartiers"), ("organisme", self.organisme)):
            if IDENTIFIANT.fullmatch(self.parametres.get(parametre, "")):
                demandes |= Q(**{champ: self.parametres[parametre]})
        return demandes

    @cached_property
    def departements(self) -> dict[str, str]:
        if self.national:
            departements = Departement.objects.order_by("code").values_list("code", "nom")
        else:
            siens = self.postes.order_by("departement__code").values_list("departement__code", "departement__nom")
            departements = siens.distinct() if self.code else self._paires("departement__code", "departement__nom")
        return {code: f"{nom} ({code})" for code, nom in departements}

    @property
    def departement(self) -> str | None:
        """Le nom du seul département montré ; None s'il y en a plusieurs."""
        if self.code:
            return self.departements.get(self.code)
        return next(iter(self.departements.values())) if len(self.departements) == 1 else None

    @property
    def en_mots(self) -> str:
        return self.departement or ("France entière" if self.national else "tous vos départements")

    def contrats(self):
        return self._paires("contrat", "contrat__intitule")

    def quartiers(self):
        return self._paires("quartiers", "quartiers__nom")

    def organismes(self):
        return self._paires(self.organisme, f"{self.organisme}__nom")

    def agents(self):
        referents = self.postes.order_by().values("agent_referent")
        return [(agent.pk, agent) for agent in Utilisateur.objects.filter(pk__in=referents)]

    def _paires(self, cle, nom):
        paires = {(ligne[cle], ligne[nom]) for ligne in self.lignes if ligne[cle] is not None}
        return sorted(paires, key=lambda paire: (normaliser(paire[1]), paire[0]))


class PosteFilterSet(django_filters.FilterSet):
    """Les paramètres communs : `q`, `annee` (celle des coûts), `prorata` (leur règle), `departement` (code), `contrat`,
    `quartier`, `organisme` (identifiants), `releve` (année d'une liste publiée par l'ANCT). Les paramètres inconnus ne
    bornent rien."""

    class Meta:
        form = FiltresForm

    champ_organisme = ""  # le champ du modèle, dit par chaque liste
    champ_numero = ""
    lieux = None  # le modèle qui lie postes et quartiers

    q = django_filters.CharFilter(label="Recherche (numéro, organisme)", method="chercher", max_length=100)
    annee = ChoixDuCadreFilter(
        lambda cadre: [(a, a) for a in cadre.annees], label="Année des coûts", method="laisser", empty_label=None
    )
    departement = ChoixDuCadreFilter(
        lambda cadre: cadre.departements.items(),
        label="Département",
        field_name="departement__code",
        empty_label="Tous",
        si_plusieurs=True,
    )
    contrat = ChoixDuCadreFilter(CadreDesPostes.contrats, label="Contrat de ville", empty_label="Tous", trop_long=True)
    quartier = ChoixDuCadreFilter(
        CadreDesPostes.quartiers, label="Quartier", empty_label="Tous", trop_long=True, method="localiser"
    )
    prorata = ChoixFilter(
        label="Prorata des coûts", choices=Prorata.choices, method="laisser", empty_label="Par défaut : jours"
    )
    releve = django_filters.NumberFilter(
        label="Publié par l’ANCT en (année)", method="publies", min_value=DECRET_2013_54.year, max_value=9999
    )

    def __init__(self, data=None, queryset=None, *, request, **options):
        national = request.user.perimetre.national
        self.cadre = CadreDesPostes(data or QueryDict(), queryset, national=national, organisme=self.champ_organisme)
        super().__init__(self.cadre.parametres, queryset, request=request, **options)

    @property
    def annee_des_couts(self) -> int:
        """À lire après validation ; l'année en cours si celle de l'adresse est refusée."""
        return int(self.form.cleaned_data.get("annee") or timezone.localdate().year)

    @property
    def prorata_des_couts(self) -> Prorata:
        """À lire après validation ; les jours si l'adresse ne choisit pas, ou si son choix est refusé."""
        return Prorata(self.form.cleaned_data.get("prorata") or Prorata.JOURS)

    def filter_queryset(self, queryset):
        """Un paramètre refusé n'ouvre rien : la liste est vide, et le message dit pourquoi."""
        return queryset.none() if self.form.errors else super().filter_queryset(queryset)

    def laisser(self, queryset, nom, valeur):
        return queryset

    def chercher(self, queryset, nom, valeur):
        texte = NUMERO_DE_CONVENTION.sub(r"\1", valeur.lower())
        avec_numero = queryset.annotate(numero_en_minuscules=Lower(self.champ_numero))
        return avec_numero.filter(
            contient_les_mots(texte, "numero_en_minuscules", f"{self.champ_organisme}__recherche")
        )

    def localiser(self, queryset, nom, valeur):
        return queryset.filter(Exists(self.lieux.objects.filter(poste=OuterRef("pk"), quartier=valeur)))

    def par_organisme(self, queryset, nom, valeur):
        """L'organisme choisi, et ceux qui ont été fusionnés dans lui."""
        champ = self.champ_organisme
        return queryset.filter(Q(**{champ: valeur}) | Q(**{f"{champ}__fusionne_dans": valeur}))

    def publies(self, queryset, nom, valeur):
        releves = queryset.model._meta.get_field("releves").related_model.objects
        return queryset.filter(Exists(releves.filter(poste=OuterRef("pk"), annee=int(valeur))))
