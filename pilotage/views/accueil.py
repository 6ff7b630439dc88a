"""L'accueil : chacun arrive sur l'écran de son rôle."""

from django.http import QueryDict
from django.shortcuts import redirect, render

from ..portee import Portee


def accueil(request):
    """Le tableau de bord de l'exercice, borné pour un délégué à ses quartiers ; ses actions, pour un financeur."""
    if not request.user.habilitations_actives:
        return sans_territoire(request)
    portee = Portee(QueryDict(), request.user)
    if portee.cadre.bornes:
        return redirect(portee.liste(statut=None, base=None))
    return redirect(portee.adresse())


def sans_territoire(request):
    """Aucune habilitation : le dire, et dire à qui s'adresser."""
    return render(request, "pilotage/sans_territoire.html")
