"""L'administration des référentiels ; ce qui a des opérations s'y lit seulement."""

from django.contrib import admin
from django.db.models import Count
from django.utils.html import format_html, format_html_join

from comptes.admin import HabilitationAdmin
from comptes.models import Habilitation
from politique_ville.outils.administration import (
    HistoriqueAdmin,
    LectureSeuleMixin,
    RechercheNormaliseeMixin,
    SansSuppressionDeMasseMixin,
    ValeurUtiliseeMixin,
)
from politique_ville.outils.francais import pluriel
from politique_ville.outils.publipostage import mettre_en_page
from politique_ville.outils.typographie import insecables
from territoires.admin import du_departement

from .enums import NatureCourrier, NaturePilier, StatutExercice, VariableDeCourrier
from .models import (
    Campagne,
    Correspondance,
    Dispositif,
    Etablissement,
    Exercice,
    Financeur,
    ModeleDeCourrier,
    Nomenclature,
    Organisme,
    Parametre,
    PartenaireFinanceur,
    Pilier,
    PrioriteTransversale,
    Repere,
    Thematique,
    Theme,
)
from .models.nomenclature import ReferentielCompte
from .synthese.courriers import apercu_du_modele

# --- Les référentiels ---


class ReferentielAdmin(ValeurUtiliseeMixin, admin.ModelAdmin):
    """Une liste fermée : la liste dit combien d'actions se servent de chaque valeur."""

    conseil = "Ne peut donc pas être supprimé : décocher « proposé à la saisie » pour ne plus le proposer."
    nombre_d_actions = Count("actions", distinct=True)

    def get_readonly_fields(self, request, obj=None):
        """Ce qui décide d'un total ne change plus dès qu'un exercice clos s'en sert."""
        figes = obj.champs_figes if isinstance(obj, ReferentielCompte) and obj.sert_dans_un_exercice_clos else ()
        return [*super().get_readonly_fields(request, obj), *figes]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(nombre_d_actions=self.nombre_d_actions)

    @admin.display(description="utilisée par", ordering="nombre_d_actions")
    def utilisee_par(self, valeur):
        return pluriel(valeur.nombre_d_actions, "action", "actions")


class RepereInline(admin.TabularInline):
    model = Repere
    extra = 0


@admin.register(Pilier)
class PilierAdmin(ReferentielAdmin):
    list_display = ["libelle", "code", "nature", "ordre", "couleur", "est_actif", "utilisee_par"]
    list_filter = ["nature", "est_actif"]
    inlines = [RepereInline]
    identifiants = ["code"]
    nombre_d_actions = Count("actions", distinct=True) + Count("actions_transversales", distinct=True)


@admin.register(Repere)
class RepereAdmin(admin.ModelAdmin):
    list_display = ["pilier", "part", "departement", "periode", "source"]
    list_select_related = ["pilier", "departement"]


class ThemeInline(admin.TabularInline):
    model = Theme
    extra = 0
    can_delete = False
    show_change_link = True


@admin.register(Nomenclature)
class NomenclatureAdmin(ValeurUtiliseeMixin, admin.ModelAdmin):
    list_display = ["millesime", "annee_de_debut", "annee_de_fin", "source"]
    inlines = [ThemeInline]
    identifiants = ["millesime"]


class ThematiqueInline(admin.TabularInline):
    model = Thematique
    extra = 0
    can_delete = False
    show_change_link = True


@admin.register(Theme)
class ThemeAdmin(ValeurUtiliseeMixin, admin.ModelAdmin):
    list_display = ["code", "libelle", "nomenclature"]
    list_select_related = ["nomenclature"]
    list_filter = ["nomenclature"]
    search_fields = ["code", "libelle"]
    inlines = [ThematiqueInline]
    identifiants = ["nomenclature", "code"]


@admin.register(Thematique)
class ThematiqueAdmin(ReferentielAdmin):
    list_display = ["code", "libelle", "theme", "nomenclature", "est_actif", "utilisee_par"]
    list_select_related = ["theme__nomenclature"]
    list_filter = ["theme__nomenclature", "est_actif"]
    search_fields = ["code", "libelle"]
    identifiants = ["theme", "code"]

    @admin.display(description="nomenclature")
    def nomenclature(self, thematique):
        return thematique.theme.nomenclature

    def get_readonly_fields(self, request, obj=None):
        """Un exercice clos se relit à l'identique."""
        figee = obj is not None and obj.actions.filter(exercice__statut=StatutExercice.CLOS).exists()
        return [*super().get_readonly_fields(request, obj), *(["libelle"] if figee else [])]


@admin.register(Correspondance)
class CorrespondanceAdmin(SansSuppressionDeMasseMixin, HistoriqueAdmin):
    """Un choix validé n'est plus repris par le chargement des données de référence."""

    list_display = ["code", "pilier_court", "est_validee", "dispositif", "libelle"]
    list_select_related = ["thematique__theme__nomenclature", "dispositif", "pilier"]
    list_filter = ["thematique__theme__nomenclature", "est_validee", "pilier", "dispositif"]
    search_fields = ["thematique__code", "thematique__libelle"]
    autocomplete_fields = ["thematique"]
    actions = ["valider"]

    @admin.display(description="code", ordering="thematique")
    def code(self, correspondance):
        return f"{correspondance.thematique.theme.nomenclature} : {correspondance.thematique.code}"

    @admin.display(description="pilier proposé", ordering="pilier__ordre")
    def pilier_court(self, correspondance):
        return correspondance.pilier.libelle_court

    @admin.display(description="thématique", ordering="thematique__libelle")
    def libelle(self, correspondance):
        return correspondance.thematique.libelle

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "pilier":
            kwargs["queryset"] = Pilier.objects.filter(nature__in=NaturePilier.qui_s_additionnent())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.action(description="Valider les choix sélectionnés", permissions=["change"])
    def valider(self, request, queryset):
        for correspondance in queryset.filter(est_validee=False):
            correspondance.est_validee = True
            self.save_model(request, correspondance, None, True)


@admin.register(Dispositif)
class DispositifAdmin(ReferentielAdmin):
    list_display = ["libelle", "code", "est_pre", "est_actif", "utilisee_par"]
    list_filter = ["est_actif", "est_pre"]
    search_fields = ["libelle", "code"]
    identifiants = ["code"]


@admin.register(PrioriteTransversale)
class PrioriteTransversaleAdmin(ReferentielAdmin):
    list_display = ["libelle", "code", "est_actif", "utilisee_par"]
    identifiants = ["code"]


@admin.register(Financeur)
class FinanceurAdmin(ReferentielAdmin):
    list_display = ["nom", "famille", "bop", "departement", "est_a_preciser", "est_actif", "utilisee_par"]
    list_select_related = ["departement"]
    list_filter = ["famille", du_departement("departement"), "est_a_preciser", "est_actif"]
    search_fields = ["nom"]
    nombre_d_actions = Count("financements__action", distinct=True)


@admin.register(Parametre)
class ParametreAdmin(SansSuppressionDeMasseMixin, HistoriqueAdmin):
    """Un seuil ou un délai daté et sourcé ; sans ligne, la règle est inconnue et rien ne s'en déduit."""

    list_display = ["code", "departement_lu", "depuis", "valeur", "source"]
    list_select_related = ["departement"]
    list_filter = ["code", du_departement("departement")]
    ordering = ["code", "-depuis"]

    @admin.display(description="département", ordering="departement__code")
    def departement_lu(self, parametre):
        return parametre.departement or "Toute la France"


@admin.register(ModeleDeCourrier)
class ModeleDeCourrierAdmin(SansSuppressionDeMasseMixin, HistoriqueAdmin):
    """Un texte corrigé ici n'est plus repris par le chargement des données de référence, qui le reconnaît à son nom."""

    list_display = ["nom", "nature", "departement_lu", "est_actif"]
    list_select_related = ["departement"]
    list_filter = ["nature", "est_actif", du_departement("departement")]
    search_fields = ["nom", "objet"]
    fields = [
        *("nom", "nature", "departement", "est_actif"),
        *("objet", "corps", "signataire", "mise_en_page", "variables", "apercu"),
    ]

    def get_readonly_fields(self, request, obj=None):
        return [*["nom"] * bool(obj), "mise_en_page", "variables", "apercu"]

    def has_delete_permission(self, request, obj=None):
        """Un texte que l'on n'emploie plus se décoche : l'histoire le garde, le chargement ne le recrée pas."""
        return False

    @admin.display(description="département", ordering="departement__code")
    def departement_lu(self, modele):
        return modele.departement or "Toute la France"

    @admin.display(description="mise en page")
    def mise_en_page(self, modele):
        return insecables(
            "Une ligne vide sépare deux paragraphes. « ## » en tête d’un paragraphe en fait un titre ; « - » en tête "
            "de chacune de ses lignes, une liste. Le texte part tel quel : aucune autre mise en forme, aucun calcul."
        )

    @admin.display(description="variables")
    def variables(self, modele):
        """Celles de sa nature ; avant qu'elle soit choisie, toutes."""
        siennes = NatureCourrier(modele.nature).variables if modele.nature else VariableDeCourrier
        lignes = (("{{ " + variable.value + " }}", variable.label) for variable in siennes)
        return format_html("<ul>{}</ul>", format_html_join("", "<li><code>{}</code> {}</li>", lignes))

    @admin.display(description="aperçu, sur un exemple inventé")
    def apercu(self, modele):
        if not modele.pk:
            return "Enregistrer et continuer pour relire la lettre."
        exemple = apercu_du_modele(ModeleDeCourrier.objects.get(pk=modele.pk))  # tel qu'enregistré
        objet, signature = exemple.objet, "\n".join(exemple.signature)
        return format_html("<p><strong>{}</strong></p>{}{}", objet, exemple.corps, mettre_en_page(signature))


class PartenaireFinanceurInline(admin.TabularInline):
    model = PartenaireFinanceur
    extra = 0


@admin.register(Habilitation)
class HabilitationEtFinanceursAdmin(HabilitationAdmin):
    """Une habilitation, et les financeurs auxquels elle borne un partenaire."""

    inlines = [PartenaireFinanceurInline]


# --- Ce qui a des opérations : le cadre et le répertoire se lisent, le reste est absent (voir docs/droits.md) ---


@admin.register(Exercice)
class ExerciceAdmin(LectureSeuleMixin, HistoriqueAdmin):
    list_display = ["departement", "annee", "nomenclature", "statut"]
    list_select_related = ["departement", "nomenclature"]
    list_filter = ["statut", du_departement("departement")]


@admin.register(Campagne)
class CampagneAdmin(LectureSeuleMixin, HistoriqueAdmin):
    list_display = ["intitule", "exercice", "contrat", "vague", "figee_le"]
    list_select_related = ["exercice__departement", "contrat"]


class EtablissementInline(LectureSeuleMixin, admin.TabularInline):
    model = Etablissement
    extra = 0


@admin.register(Organisme)
class OrganismeAdmin(RechercheNormaliseeMixin, LectureSeuleMixin, HistoriqueAdmin):
    list_display = ["nom", "sigle", "siren", "forme", "fusionne_dans"]
    list_select_related = ["fusionne_dans"]
    inlines = [EtablissementInline]
    show_full_result_count = False
