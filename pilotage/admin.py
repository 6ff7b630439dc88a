"""Le cadre du site d'administration ; ce que pilotage tient (photographies, envois) en est absent."""

import dsfr.admin
from django.contrib import admin

admin.site.site_header = admin.site.site_title = "Administration de la programmation ville"
admin.site.index_title = "Référentiels et comptes"
admin.site.enable_nav_sidebar = False  # elle répète l'accueil, et prend aux tableaux le quart de l'écran
admin.site.unregister(dsfr.admin.DsfrConfig)  # le pied de page et l'en-tête sont dans nos gabarits
