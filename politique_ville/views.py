"""La déclaration d'accessibilité et, en développement, la galerie des composants."""

from django.contrib.auth.decorators import login_not_required
from django.shortcuts import render

from politique_ville import galerie as exemples


@login_not_required
def accessibilite(request):
    """Publique : qui ne peut pas se connecter doit pouvoir la lire."""
    return render(request, "accessibilite.html")


@login_not_required
def galerie(request):
    """Tous les composants, pour les regarder et les vérifier d'un coup d'œil ; servie seulement en développement."""
    return render(request, "galerie.html", exemples.contexte(request))
