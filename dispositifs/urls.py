"""Les écrans des dispositifs : adultes-relais, FONJEP, réussite éducative."""

from django.urls import path

from .views import adultes_relais, calendrier, fonjep, gestes, pre, saisie_pre

app_name = "dispositifs"
urlpatterns = [
    path("adultes-relais/", adultes_relais.adulte_relais_list, name="adulte_relais_list"),
    path("adultes-relais/ajouter/", gestes.PosteView.as_view(), name="adulte_relais_create"),
    path("adultes-relais/radar/", adultes_relais.radar, name="radar"),
    path("adultes-relais/quota/<int:pk>/", gestes.QuotaView.as_view(), name="quota_update"),
    path("adultes-relais/employeurs/<int:pk>/", adultes_relais.employeur_detail, name="employeur_detail"),
    path("adultes-relais/<int:pk>/", adultes_relais.adulte_relais_detail, name="adulte_relais_detail"),
    path("adultes-relais/<int:pk>/modifier/", gestes.PosteView.as_view(), name="adulte_relais_update"),
    path("adultes-relais/<int:pk>/conventions/", gestes.NouvelleConventionView.as_view(), name="convention_create"),
    path("conventions/<int:pk>/modifier/", gestes.ConventionView.as_view(), name="convention_update"),
    path("conventions/<int:pk>/dossier/", gestes.DossierView.as_view(), name="convention_dossier"),
    path("conventions/<int:pk>/renouveler/", gestes.RenouvellementView.as_view(), name="convention_renouveler"),
    path("conventions/<int:pk>/supprimer/", gestes.convention_delete, name="convention_delete"),
    path("conventions/<int:pk>/avenants/", gestes.AvenantView.as_view(), name="avenant_create"),
    path("conventions/<int:pk>/occupations/", gestes.NouvelleOccupationView.as_view(), name="occupation_create"),
    path("avenants/<int:pk>/supprimer/", gestes.avenant_delete, name="avenant_delete"),
    path("occupations/<int:pk>/modifier/", gestes.OccupationView.as_view(), name="occupation_update"),
    path("occupations/<int:pk>/supprimer/", gestes.occupation_delete, name="occupation_delete"),
    path("calendrier/", calendrier.calendrier, name="calendrier"),
    path("calendrier/creer/", calendrier.calendrier_creer, name="calendrier_creer"),
    path("calendrier/revoquer/", calendrier.calendrier_revoquer, name="calendrier_revoquer"),
    path("calendrier/<str:jeton>.ics", calendrier.calendrier_ics, name="calendrier_ics"),
    path("fonjep/", fonjep.fonjep_list, name="fonjep_list"),
    path("fonjep/ajouter/", fonjep.PosteFonjepView.as_view(), name="fonjep_create"),
    path("fonjep/<int:pk>/", fonjep.fonjep_detail, name="fonjep_detail"),
    path("fonjep/<int:pk>/modifier/", fonjep.PosteFonjepView.as_view(), name="fonjep_update"),
    path("fonjep/<int:pk>/periodes/", fonjep.NouvelleTriennaliteView.as_view(), name="triennalite_create"),
    path("fonjep/periodes/<int:pk>/modifier/", fonjep.TriennaliteView.as_view(), name="triennalite_update"),
    path("fonjep/periodes/<int:pk>/supprimer/", fonjep.triennalite_delete, name="triennalite_delete"),
    path("pre/", pre.pre_list, name="pre_list"),
    path("pre/ajouter/", saisie_pre.ProgrammeView.as_view(), name="pre_create"),
    path("pre/<int:pk>/", pre.programme_detail, name="pre_detail"),
    path("pre/<int:pk>/modifier/", saisie_pre.ProgrammeView.as_view(), name="pre_update"),
    path("pre/<int:pk>/<int:annee>/", pre.suivi_detail, name="suivi_pre_detail"),
    path("pre/<int:pk>/<int:annee>/saisir/", saisie_pre.SuiviView.as_view(), name="suivi_pre_update"),
]
