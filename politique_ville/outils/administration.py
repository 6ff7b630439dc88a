"""Ce que tous les écrans d'administration partagent : ne pas supprimer ce qui sert, ne pas toucher à ce qui s'opère."""

from collections import Counter

from django.contrib import admin
from django.db.models import QuerySet
from simple_history.admin import SimpleHistoryAdmin

from .francais import pluriel
from .recherche import normaliser
from .typographie import insecables


def usagers(objet) -> list[QuerySet]:
    """Pour chaque relation qui mène à l'objet, ceux qui s'en servent."""
    return [
        relation.related_model._base_manager.filter(**{relation.field.name: objet})
        for relation in objet._meta.related_objects
    ]


def phrase_d_usage(objet) -> str:
    """« Sert à : 12 actions, 1 correspondance. », ou une chaîne vide."""
    comptes = Counter()
    for queryset in usagers(objet):
        comptes[queryset.model._meta] += queryset.count()
    noms = [pluriel(nombre, meta.verbose_name, meta.verbose_name_plural) for meta, nombre in (+comptes).items()]
    return f"Sert à : {', '.join(noms)}." if noms else ""


class SansSuppressionDeMasseMixin:
    def get_actions(self, request):
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class ValeurUtiliseeMixin(SansSuppressionDeMasseMixin):
    """Une valeur utilisée se désactive, elle ne se supprime pas.

    `identifiants` : les champs qui la font reconnaître d'un chargement à l'autre, figés dès qu'ils sont renseignés.
    `conseil` : ce que l'on fait au lieu de supprimer.
    """

    identifiants = ()
    conseil = "Ne peut donc pas être supprimé."

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and not (
            obj and any(queryset.exists() for queryset in usagers(obj))
        )

    def get_readonly_fields(self, request, obj=None):
        figes = [nom for nom in self.identifiants if obj and getattr(obj, nom) not in (None, "")]
        return [*super().get_readonly_fields(request, obj), *figes, *(["utilisation"] if obj else [])]

    def get_fields(self, request, obj=None):
        """Un identifiant figé reste en tête, au lieu de passer à la fin avec ce qui ne se modifie pas."""
        return sorted(super().get_fields(request, obj), key=lambda nom: nom not in self.identifiants)

    @admin.display(description="utilisation")
    def utilisation(self, objet):
        phrase = phrase_d_usage(objet)
        return insecables(f"{phrase} {self.conseil}" if phrase else "Ne sert encore à rien : peut être supprimé.")


class RechercheNormaliseeMixin:
    """Chercher « Hérouville » dans la colonne `recherche`, qui n'a ni accent ni majuscule."""

    search_fields = ["recherche"]

    def get_search_results(self, request, queryset, search_term):
        return super().get_search_results(request, queryset, normaliser(search_term))


class HistoriqueAdmin(SimpleHistoryAdmin):
    """L'historique se lit ; on ne revient pas en arrière depuis l'administration."""

    object_history_list_template = "admin/historique.html"

    def revert_disabled(self, request, obj=None):
        return True


class LectureSeuleMixin(SansSuppressionDeMasseMixin):
    """Ce qui a des opérations se lit ici, et ne s'écrit que par elles."""

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
