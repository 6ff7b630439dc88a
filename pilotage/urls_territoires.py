from django.urls import path

from .views import territoires

app_name = "territoires"

urlpatterns = [
    path("contrats/", territoires.contrat_list, name="contrat_list"),
    path("contrats/<int:pk>/", territoires.contrat_detail, name="contrat_detail"),
    path("quartiers/", territoires.quartier_list, name="quartier_list"),
    path("quartiers/<int:pk>/", territoires.quartier_detail, name="quartier_detail"),
]
