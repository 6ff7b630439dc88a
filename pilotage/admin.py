"""L'administration du pilotage, et le cadre du site d'administration."""

import dsfr.admin
from django.contrib import admin

from politique_ville.outils.administration import LectureSeuleMixin

from .models import Photographie

admin.site.site_header = admin.site.site_title = "Administration de la programmation ville"
admin.site.index_title = "Référentiels et comptes"
admin.site.enable_nav_sidebar = False  # elle répète l'accueil, et prend aux tableaux le quart de l'écran
admin.site.unregister(dsfr.admin.DsfrConfig)  # le pied de page et l'en-tête sont dans nos gabarits


@admin.register(Photographie)
class PhotographieAdmin(LectureSeuleMixin, admin.ModelAdmin):
    list_display = ["motif", "exercice", "prise_le", "empreinte"]
    list_select_related = ["exercice__departement"]
    exclude = ["lignes", "synthese"]
