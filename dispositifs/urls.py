"""Les écrans des dispositifs : adultes-relais, FONJEP, réussite éducative."""

from django.urls import path

from .views import pre, saisie_pre

app_name = "dispositifs"
urlpatterns = [
    path("pre/", pre.pre_list, name="pre_list"),
    path("pre/ajouter/", saisie_pre.ProgrammeView.as_view(), name="pre_create"),
    path("pre/<int:pk>/", pre.programme_detail, name="pre_detail"),
    path("pre/<int:pk>/modifier/", saisie_pre.ProgrammeView.as_view(), name="pre_update"),
    path("pre/<int:pk>/<int:annee>/", pre.suivi_detail, name="suivi_pre_detail"),
    path("pre/<int:pk>/<int:annee>/saisir/", saisie_pre.SuiviView.as_view(), name="suivi_pre_update"),
]
