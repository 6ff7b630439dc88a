from django.urls import path

from .views import anct, comites, exercices, photographies, tableau_de_bord

app_name = "pilotage"

urlpatterns = [
    path("", tableau_de_bord.tableau_de_bord, name="tableau_de_bord"),
    path("campagnes/<int:pk>/figer/", exercices.campagne_figer, name="campagne_figer"),
    path("exercices/<int:pk>/clore/", exercices.exercice_clore, name="exercice_clore"),
    path("exercices/<int:pk>/rouvrir/", exercices.exercice_rouvrir, name="exercice_rouvrir"),
    path("passage/<int:pk>/", exercices.passage, name="passage"),
    path("photographies/", photographies.photographie_list, name="photographie_list"),
    path("photographies/<int:pk>/", photographies.photographie_detail, name="photographie_detail"),
    path("photographies/<int:pk>/actions/", photographies.photographie_actions, name="photographie_actions"),
    path("photographies/<int:pk>/comparer/", photographies.photographie_comparer, name="photographie_comparer"),
    path("anct/", anct.anct, name="anct"),
    path("comites/<int:pk>/terminer/", comites.comite_terminer, name="comite_terminer"),
    path("comites/<int:pk>/releve/", comites.comite_releve, name="comite_releve"),
]
