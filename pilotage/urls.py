from django.urls import path

from .views import anct, tableau_de_bord

app_name = "pilotage"

urlpatterns = [
    path("", tableau_de_bord.tableau_de_bord, name="tableau_de_bord"),
    path("anct/", anct.anct, name="anct"),
]
