"""L'administration des dispositifs : les barèmes se tiennent ici, le reste s'y lit seulement."""

from django.contrib import admin

from politique_ville.outils.administration import (
    HistoriqueAdmin,
    LectureSeuleMixin,
    SansSuppressionDeMasseMixin,
)
from politique_ville.outils.francais import euros
from politique_ville.outils.typographie import insecables
from territoires.admin import du_departement

from .enums import StatutBareme
from .models import (
    BaremeAdulteRelais,
    BaremeFonjep,
    ConventionAdulteRelais,
    PosteAdulteRelais,
    PosteFonjep,
    QuotaAdulteRelais,
    TriennaliteFonjep,
)

# --- Les référentiels ---


@admin.register(BaremeAdulteRelais, BaremeFonjep)
class BaremeAdmin(SansSuppressionDeMasseMixin, HistoriqueAdmin):
    """Un montant annuel daté et sourcé ; sans montant, il déclare un trou, que rien ne comble."""

    list_display = ["date_effet", "montant_lu", "statut", "est_verifie", "source"]
    list_filter = ["statut"]
    ordering = ["-date_effet"]

    @admin.display(description="montant annuel", ordering="montant")
    def montant_lu(self, bareme):
        return euros(bareme.montant)

    @admin.display(description="vérifié", boolean=True)
    def est_verifie(self, bareme):
        return bareme.statut in (StatutBareme.DATE, StatutBareme.DEDUIT)

    def get_form(self, request, obj=None, **kwargs):
        aide = "Vide si le montant est inconnu : les coûts de cette période sont alors inconnus, avec cette raison."
        return super().get_form(request, obj, help_texts={"montant": insecables(aide)}, **kwargs)


# --- Ce qui a des opérations se lit ---


@admin.register(QuotaAdulteRelais)
class QuotaAdulteRelaisAdmin(LectureSeuleMixin, HistoriqueAdmin):
    list_display = ["exercice", "postes_notifies", "notifie_le", "reference"]
    list_select_related = ["exercice__departement"]


class ConventionInline(LectureSeuleMixin, admin.TabularInline):
    model = ConventionAdulteRelais
    extra = 0


@admin.register(PosteAdulteRelais)
class PosteAdulteRelaisAdmin(LectureSeuleMixin, HistoriqueAdmin):
    list_display = ["__str__", "employeur", "contrat", "categorie_employeur"]
    list_select_related = ["employeur", "contrat"]
    list_filter = [du_departement("departement"), "categorie_employeur"]
    search_fields = ["numero", "employeur__recherche"]
    inlines = [ConventionInline]
    show_full_result_count = False


class TriennaliteInline(LectureSeuleMixin, admin.TabularInline):
    model = TriennaliteFonjep
    extra = 0


@admin.register(PosteFonjep)
class PosteFonjepAdmin(LectureSeuleMixin, HistoriqueAdmin):
    list_display = ["code", "association", "contrat"]
    list_select_related = ["association", "contrat"]
    list_filter = [du_departement("departement")]
    search_fields = ["code", "association__recherche"]
    inlines = [TriennaliteInline]
