"""Les adresses du site ; chaque application tient les siennes."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from pilotage.views.accueil import accueil
from politique_ville import views

vers_la_connexion = RedirectView.as_view(pattern_name="comptes:login", query_string=True)

urlpatterns = [
    path("", accueil, name="accueil"),
    path("pilotage/", include("pilotage.urls")),
    path("programmation/", include("programmation.urls")),
    path("dispositifs/", include("dispositifs.urls")),
    path("territoires/", include("pilotage.urls_territoires")),
    path("compte/", include("comptes.urls")),
    path("accessibilite/", views.accessibilite, name="accessibilite"),
    # Une seule porte d'entrée : la connexion de l'administration n'a pas la limitation des essais.
    path("admin/login/", login_not_required(vers_la_connexion)),
    path("admin/", admin.site.urls),
]

if settings.DEBUG:
    urlpatterns.append(path("composants/", views.galerie, name="galerie"))
