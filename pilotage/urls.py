from django.urls import path

from .views import anct, comites, tableau_de_bord

app_name = "pilotage"

urlpatterns = [
    path("", tableau_de_bord.tableau_de_bord, name="tableau_de_bord"),
    path("anct/", anct.anct, name="anct"),
    path("comites/<int:pk>/terminer/", comites.comite_terminer, name="comite_terminer"),
    path("comites/<int:pk>/releve/", comites.comite_releve, name="comite_releve"),
]
