"""L'administration des territoires."""

from django.contrib import admin

from politique_ville.outils.administration import RechercheNormaliseeMixin, ValeurUtiliseeMixin

from .models import (
    AncienneCommune,
    Commune,
    ContratDeVille,
    Departement,
    FiliationContrat,
    FiliationQuartier,
    Intercommunalite,
    NombreAnnonce,
    Quartier,
)


def du_departement(chemin):
    """Un filtre qui ne propose que les départements dont la liste a quelque chose, et non toute la France."""
    return (chemin, admin.RelatedOnlyFieldListFilter)


def libelle_de_contrat(contrat):
    """Deux générations d'un contrat portent souvent le même intitulé."""
    return f"{contrat} ({contrat.generation})"


def libelle_de_quartier(quartier):
    """Plusieurs quartiers s'appellent « Centre Ville »."""
    return f"{quartier} – {libelle_de_contrat(quartier.contrat)}{f', {quartier.code}' if quartier.code else ''}"


class ChoixDeTerritoireMixin:
    """Dans une liste de choix, un contrat dit sa génération, et un quartier son contrat et son code."""

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        champ = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.related_model is ContratDeVille:
            champ.label_from_instance = libelle_de_contrat
        elif db_field.related_model is Quartier:
            champ.queryset = champ.queryset.select_related("contrat")
            champ.label_from_instance = libelle_de_quartier
        return champ


class FiliationContratInline(ChoixDeTerritoireMixin, admin.TabularInline):
    model = FiliationContrat
    fk_name = "ancien"
    extra = 0
    verbose_name_plural = "suites"


class FiliationQuartierInline(ChoixDeTerritoireMixin, admin.TabularInline):
    model = FiliationQuartier
    fk_name = "ancien"
    extra = 0
    verbose_name_plural = "suites"


class AncienneCommuneInline(admin.TabularInline):
    model = AncienneCommune
    extra = 0


@admin.register(Departement)
class DepartementAdmin(ValeurUtiliseeMixin, admin.ModelAdmin):
    list_display = ["code", "nom", "region"]
    search_fields = ["code", "nom"]
    identifiants = ["code"]


@admin.register(Intercommunalite)
class IntercommunaliteAdmin(ValeurUtiliseeMixin, admin.ModelAdmin):
    list_display = ["nom", "siren", "nature", "successeur"]
    list_select_related = ["successeur"]
    search_fields = ["nom", "siren"]
    autocomplete_fields = ["successeur"]
    identifiants = ["siren"]


@admin.register(Commune)
class CommuneAdmin(RechercheNormaliseeMixin, ValeurUtiliseeMixin, admin.ModelAdmin):
    list_display = ["nom", "code_insee", "departement", "intercommunalite", "population"]
    list_select_related = ["departement", "intercommunalite"]
    list_filter = [du_departement("departement")]
    search_fields = ["recherche", "code_insee"]
    autocomplete_fields = ["intercommunalite"]
    inlines = [AncienneCommuneInline]
    identifiants = ["code_insee"]


@admin.register(ContratDeVille)
class ContratDeVilleAdmin(ValeurUtiliseeMixin, admin.ModelAdmin):
    list_display = ["intitule", "code", "generation", "departement", "intercommunalite", "debut", "fin", "signe_le"]
    list_select_related = ["departement", "intercommunalite"]
    list_filter = ["generation", du_departement("departement")]
    search_fields = ["intitule", "code"]
    autocomplete_fields = ["intercommunalite", "communes"]
    inlines = [FiliationContratInline]
    identifiants = ["code"]


@admin.register(Quartier)
class QuartierAdmin(RechercheNormaliseeMixin, ChoixDeTerritoireMixin, ValeurUtiliseeMixin, admin.ModelAdmin):
    list_display = ["nom", "nom_d_usage", "code", "generation", "contrat", "population", "a_un_contour"]
    list_select_related = ["contrat"]
    list_filter = ["generation", "nature", du_departement("contrat__departement")]
    autocomplete_fields = ["communes"]
    exclude = ["contour"]
    inlines = [FiliationQuartierInline]
    identifiants = ["code"]

    @admin.display(description="contour", boolean=True)
    def a_un_contour(self, quartier):
        return quartier.contour is not None


@admin.register(FiliationContrat)
class FiliationContratAdmin(ChoixDeTerritoireMixin, admin.ModelAdmin):
    list_display = ["ancien", "nouveau"]
    list_select_related = ["ancien", "nouveau"]
    list_filter = [du_departement("ancien__departement")]


@admin.register(FiliationQuartier)
class FiliationQuartierAdmin(ChoixDeTerritoireMixin, admin.ModelAdmin):
    list_display = ["ancien", "nouveau", "nature", "source"]
    list_select_related = ["ancien", "nouveau"]
    list_filter = [du_departement("ancien__contrat__departement"), "nature"]


@admin.register(NombreAnnonce)
class NombreAnnonceAdmin(admin.ModelAdmin):
    list_display = ["departement", "objet", "nombre", "date", "source"]
    list_select_related = ["departement"]
    list_filter = [du_departement("departement"), "objet"]
