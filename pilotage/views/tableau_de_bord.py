"""Le tableau de bord."""

from django.shortcuts import render

from .. import tableaux
from ..forms import PorteeForm
from ..portee import Portee
from .accueil import sans_territoire


def tableau_de_bord(request):
    if not request.user.habilitations_actives:
        return sans_territoire(request)
    portee = Portee(request.GET, request.user)
    contexte = {"portee": portee, "formulaire": PorteeForm(portee)}
    if portee.cadre.exercices:
        contexte["tableau"] = tableaux.tableau_de_bord(portee)
    return render(request, "pilotage/tableau_de_bord.html", contexte)
