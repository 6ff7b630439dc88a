"""Les filtres des listes de contrats et de quartiers, bornés au périmètre de la personne."""

import django_filters
from django.db.models import Q
from django.utils import timezone

from politique_ville.outils.formulaires import FiltresForm
from politique_ville.outils.recherche import contient_les_mots, normaliser
from territoires.enums import Generation
from territoires.models import ContratDeVille, Quartier

TOUTES = "toutes"
CE_QUE_L_ON_CHERCHE = "Nom, code ou commune."
GENERATIONS = [*Generation.choices, (TOUTES, "Toutes")]


def departements_de(request):
    return request.user.departements_visibles()


class TerritoireFilterSet(django_filters.FilterSet):
    """Paramètres : `departement` (code), `generation` (celle en vigueur, sauf mention contraire ; `toutes`), `q`."""

    class Meta:
        form = FiltresForm

    q = django_filters.CharFilter(label="Recherche", method="chercher", max_length=100, help_text=CE_QUE_L_ON_CHERCHE)
    departement = django_filters.ModelChoiceFilter(
        label="Département", queryset=departements_de, to_field_name="code", empty_label="Tous"
    )
    generation = django_filters.ChoiceFilter(
        label="Génération", choices=GENERATIONS, empty_label=None, method="de_la_generation"
    )

    def __init__(self, data=None, *args, **options):
        data = data.copy()
        data.setdefault("generation", Generation.de_l_annee(timezone.localdate().year) or Generation.values[-1])
        super().__init__(data, *args, **options)

    def filter_queryset(self, queryset):
        """Un paramètre refusé n'ouvre rien : la liste est vide, et le message dit pourquoi."""
        return queryset.none() if self.form.errors else super().filter_queryset(queryset)

    def de_la_generation(self, queryset, nom, valeur):
        return queryset if valeur == TOUTES else queryset.filter(generation=valeur)


class ContratFilterSet(TerritoireFilterSet):
    def chercher(self, queryset, nom, valeur):
        """Par l'intitulé, le code ou l'EPCI, sans accent ; ou par une commune ou un quartier du contrat."""
        mots = normaliser(valeur).split()
        noms = queryset.order_by().values_list("pk", "intitule", "code", "intercommunalite__nom")
        trouves = [pk for pk, *textes in noms if all(mot in normaliser(" ".join(filter(None, textes))) for mot in mots)]
        lieux = Q(pk__in=Quartier.objects.recherche(valeur).order_by().values("contrat"))
        lieux |= Q(
            pk__in=ContratDeVille.communes.through.objects.filter(
                contient_les_mots(valeur, "commune__recherche")
            ).values("contratdeville")
        )
        return queryset.filter(lieux | Q(pk__in=trouves))


class QuartierFilterSet(TerritoireFilterSet):
    departement = django_filters.ModelChoiceFilter(
        label="Département",
        field_name="contrat__departement",
        queryset=departements_de,
        to_field_name="code",
        empty_label="Tous",
    )

    def chercher(self, queryset, nom, valeur):
        """Par le nom, le nom d'usage ou le code ; ou par la commune."""
        communes = Quartier.communes.through.objects.filter(contient_les_mots(valeur, "commune__recherche"))
        return queryset.filter(contient_les_mots(valeur, "recherche") | Q(pk__in=communes.values("quartier")))
