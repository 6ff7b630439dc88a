"""Les filtres de la liste des PRE : une année, un département, un contrat, une recherche."""

import django_filters

from politique_ville.outils.formulaires import FiltresForm
from politique_ville.outils.recherche import normaliser
from programmation.filters import Cadre, ChoixDuCadreFilter
from territoires.models import ContratDeVille

from ..models import ProgrammeReussiteEducative


def contrats_des_pre(cadre):
    """Les contrats, de toute génération, qui ont un PRE visible dans le cadre."""
    visibles = ProgrammeReussiteEducative.objects.visibles_par(cadre.utilisateur)
    siens = ContratDeVille.objects.filter(departement__in=cadre.departements_montres, pk__in=visibles.values("contrat"))
    return [(contrat.pk, contrat) for contrat in siens]


class PreFilterSet(django_filters.FilterSet):
    """Les paramètres de l'adresse : `annee` et `departement` (code), ou `exercice` ; `contrat`, `q`."""

    class Meta:
        form = FiltresForm

    q = django_filters.CharFilter(label="Recherche (PRE, structure, commune)", method="chercher", max_length=100)
    annee = ChoixDuCadreFilter(
        lambda cadre: [(a, a) for a in cadre.annees], label="Année", method="laisser", empty_label=None
    )
    departement = ChoixDuCadreFilter(
        lambda cadre: [(d.code, d) for d in cadre.departements],
        label="Département",
        method="laisser",
        empty_label="Tous",
        si_plusieurs=True,
    )
    contrat = ChoixDuCadreFilter(contrats_des_pre, label="Contrat de ville", empty_label="Tous", trop_long=True)

    def __init__(self, data, *args, request, **options):
        self.cadre = Cadre(data, request.user)
        super().__init__(self.cadre.parametres, *args, request=request, **options)

    @property
    def annee_montree(self):
        """L'année de la liste ; None si la personne n'a aucun exercice."""
        return self.cadre.exercices[0].annee if self.cadre.exercices else None

    @property
    def du_cadre(self):
        """Les PRE de l'année et des départements, avant le contrat et la recherche."""
        if self.form.errors or self.annee_montree is None:
            return self.queryset.none()
        ouverts = self.queryset.ouverts_en(self.annee_montree)
        return ouverts.filter(contrat__departement__in=self.cadre.departements_montres)

    def filter_queryset(self, queryset):
        """Un paramètre refusé n'ouvre rien : la liste est vide, et le message dit pourquoi."""
        return super().filter_queryset(self.du_cadre)

    def laisser(self, queryset, nom, valeur):
        """Le cadre borne la liste."""
        return queryset

    def chercher(self, queryset, nom, valeur):
        """Les PRE se comptent par dizaines : chaque mot est cherché dans leur texte, sans accent."""
        mots = normaliser(valeur).split()
        lus = queryset.select_related("structure").prefetch_related("communes")
        return queryset.filter(pk__in=[pre.pk for pre in lus if all(mot in texte(pre) for mot in mots)])


def texte(pre):
    communes = " ".join(commune.nom for commune in pre.communes.all())
    return normaliser(f"{pre.intitule} {pre.structure} {communes}")
