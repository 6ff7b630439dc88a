"""L'administration des comptes : une personne, et ce qu'on lui ouvre."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group

from politique_ville.outils.administration import HistoriqueAdmin, ValeurUtiliseeMixin
from territoires.admin import ChoixDeTerritoireMixin, du_departement

from .models import Habilitation, Utilisateur

DROITS = ["is_staff", "is_superuser", "user_permissions"]
admin.site.unregister(Group)  # un rôle se donne par une habilitation ; un groupe n'ouvrirait rien


class UtilisateurCreationForm(AdminUserCreationForm):
    class Meta:
        model = Utilisateur
        fields = ["courriel", "nom", "prenom", "service"]


class UtilisateurModificationForm(UserChangeForm):
    class Meta:
        model = Utilisateur
        fields = "__all__"


class HabilitationInline(ChoixDeTerritoireMixin, admin.StackedInline):
    model = Habilitation
    extra = 0
    fields = ["role", ("france_entiere", "departement"), "contrat", "quartier", ("du", "au")]
    show_change_link = True


@admin.register(Utilisateur)
class UtilisateurAdmin(ValeurUtiliseeMixin, UserAdmin):
    """Un compte qui a servi se désactive ; seul un super-utilisateur donne des droits d'administration."""

    conseil = "Ne peut donc pas être supprimé : décocher « actif » pour lui fermer la porte."
    form, add_form = UtilisateurModificationForm, UtilisateurCreationForm
    list_display = ["courriel", "nom", "prenom", "service", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff", "habilitations__role", du_departement("habilitations__departement")]
    search_fields = ["courriel", "nom", "prenom", "service"]
    ordering = ["courriel"]
    readonly_fields = ["last_login", "cree_le"]
    inlines = [HabilitationInline]
    fieldsets = [
        (None, {"fields": ["courriel", "password"]}),
        ("Personne", {"fields": ["nom", "prenom", "service"]}),
        ("Accès", {"fields": ["is_active", *DROITS]}),
        ("Vie du compte", {"fields": ["cree_le", "last_login", "utilisation"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["courriel", "nom", "prenom", "service", "usable_password", "password1", "password2"]})
    ]

    def get_inlines(self, request, obj):
        return super().get_inlines(request, obj) if obj else []

    def get_readonly_fields(self, request, obj=None):
        return [*super().get_readonly_fields(request, obj), *([] if request.user.is_superuser else DROITS)]

    def has_change_permission(self, request, obj=None):
        reserve = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not reserve

    def has_delete_permission(self, request, obj=None):
        s_est_connecte = obj is not None and obj.last_login is not None
        return super().has_delete_permission(request, obj) and not s_est_connecte

    @admin.display(description="utilisation")
    def utilisation(self, utilisateur):
        """L'historique porte son nom dès qu'il s'est connecté, même si rien d'autre ne le cite."""
        phrase = super().utilisation(utilisateur)
        return f"S’est déjà connecté. {self.conseil}" if utilisateur.last_login else phrase


class HabilitationAdmin(ChoixDeTerritoireMixin, HistoriqueAdmin):
    """Enregistrée par programmation, qui y ajoute les financeurs d'un partenaire."""

    list_display = ["utilisateur", "role", "territoire", "du", "au"]
    list_select_related = ["utilisateur", "departement", "contrat", "quartier"]
    list_filter = ["role", "france_entiere", du_departement("departement")]
    search_fields = ["utilisateur__courriel", "utilisateur__nom", "utilisateur__prenom"]
    autocomplete_fields = ["utilisateur"]
