from django.urls import path

from .views import avis, en_lot, fiche, gestes, imports, liste, organismes, saisie

app_name = "programmation"

urlpatterns = [
    path("actions/", liste.action_list, name="action_list"),
    path("actions/ajouter/", saisie.SaisieView.as_view(), name="action_create"),
    path("actions/choix/", saisie.choix_de_la_saisie, name="choix_de_la_saisie"),
    path("actions/decider/", en_lot.decision_en_lot, name="decision_en_lot"),
    path("actions/gestes/<str:geste>/", en_lot.geste_en_lot, name="geste_en_lot"),
    path("actions/<int:pk>/", fiche.ActionDetailView.as_view(), name="action_detail"),
    path("actions/<int:pk>/decider/", gestes.action_decider, name="action_decider"),
    path("actions/<int:pk>/scinder/", gestes.action_scinder, name="action_scinder"),
    path("actions/<int:pk>/gestes/<str:geste>/", gestes.action_geste, name="action_geste"),
    path("actions/<int:pk>/modifier/", saisie.SaisieView.as_view(), name="action_update"),
    path("avis/", avis.avis_list, name="avis_list"),
    path("avis/dispenser/", avis.avis_dispenser, name="avis_dispenser"),
    path("avis/<int:pk>/", avis.avis_donner, name="avis_donner"),
    path("imports/", imports.ImportListView.as_view(), name="import_list"),
    path("imports/ajouter/", imports.import_create, name="import_create"),
    path("imports/modele/<int:exercice>/", imports.import_modele, name="import_modele"),
    path("imports/<int:pk>/", imports.import_detail, name="import_detail"),
    path("imports/<int:pk>/colonnes/", imports.import_colonnes, name="import_colonnes"),
    path("imports/<int:pk>/confirmer/", imports.import_confirmer, name="import_confirmer"),
    path("imports/<int:pk>/annote/", imports.import_annote, name="import_annote"),
    path("organismes/", organismes.organisme_list, name="organisme_list"),
    path("organismes/ajouter/", organismes.organisme_create, name="organisme_create"),
    path("organismes/chercher/", organismes.organisme_chercher, name="organisme_chercher"),
    path("organismes/<int:pk>/", organismes.organisme_detail, name="organisme_detail"),
    path("organismes/<int:pk>/modifier/", organismes.organisme_update, name="organisme_update"),
    path("organismes/<int:pk>/fusionner/", organismes.organisme_fusionner, name="organisme_fusionner"),
    path(
        "organismes/<int:pk>/annuler-la-fusion/", organismes.organisme_annuler_fusion, name="organisme_annuler_fusion"
    ),
]
