from django.contrib.auth.views import LogoutView
from django.urls import path

from comptes import views

app_name = "comptes"

urlpatterns = [
    path("", views.compte, name="compte"),
    path("connexion/", views.ConnexionView.as_view(), name="login"),
    path("deconnexion/", LogoutView.as_view(), name="logout"),
    path("saisies/", views.saisie_conserver, name="saisie_conserver"),
    path("saisies/abandonner/", views.saisie_abandonner, name="saisie_abandonner"),
    path("mot-de-passe/", views.MotDePasseView.as_view(), name="password_change"),
    path("mot-de-passe/change/", views.MotDePasseChangeView.as_view(), name="password_change_done"),
    path("mot-de-passe/oublie/", views.MotDePasseOublieView.as_view(), name="password_reset"),
    path("mot-de-passe/oublie/envoye/", views.MotDePasseOublieEnvoyeView.as_view(), name="password_reset_done"),
    path(
        "mot-de-passe/nouveau/<uidb64>/<token>/",
        views.NouveauMotDePasseView.as_view(),
        name="password_reset_confirm",
    ),
    path(
        "mot-de-passe/nouveau/choisi/",
        views.NouveauMotDePasseChoisiView.as_view(),
        name="password_reset_complete",
    ),
]
