"""Un geste qui engage tout un exercice : la page dit ses conséquences chiffrées, l'envoi le fait, une seule fois."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse

from politique_ville.outils.typographie import insecables

from ..forms.exercices import ConfirmationForm
from ..models import Exercice
from ..operations import DejaFait, OperationRefusee

CELA_A_CHANGE = "Les chiffres ont changé pendant que vous lisiez : relire avant de confirmer."


@dataclass(frozen=True)
class Confirmation:
    """La page d'un geste : son titre, ce qui l'empêche ("" : rien), ce qu'il entraîne, et ce qui se dit après.

    `operation` : appelée avec `par` et les données du formulaire.
    """

    exercice: Exercice
    titre: str
    libelle: str
    empechement: str
    consequences: Sequence[str]
    operation: Callable
    fait: str
    formulaire: type[ConfirmationForm] = ConfirmationForm

    @property
    def retour(self):
        return reverse("programmation:exercice_detail", args=[self.exercice.pk])

    @property
    def empreinte(self):
        return hashlib.sha256("\n".join(self.consequences).encode()).hexdigest()[:16]


def confirmer(request, confirmation: Confirmation):
    """Montre la page, ou fait le geste. Fait par un autre entre-temps : le dit, avec son nom, sans rien refaire."""
    recu = request.POST if request.method == "POST" else None
    formulaire = confirmation.formulaire(recu, empreinte=confirmation.empreinte)
    if recu is not None and formulaire.is_valid():
        if confirmation.empechement or formulaire.annonce_ce_qui_est():
            reponse = faire(request, confirmation, formulaire)
            if reponse:
                return reponse
        else:
            messages.warning(request, insecables(CELA_A_CHANGE))
            vu = {"vu": confirmation.empreinte}
            formulaire.data = {**recu.dict(), **vu}
    contexte = {
        "confirmation": confirmation,
        "titre": insecables(confirmation.titre),
        "formulaire": formulaire,
        "empechement": insecables(confirmation.empechement),
        "consequences": [insecables(phrase) for phrase in confirmation.consequences],
    }
    return render(request, "programmation/exercice_geste.html", contexte)


def faire(request, confirmation, formulaire):
    """La redirection après le geste, ou None après avoir placé le refus dans le formulaire."""
    try:
        confirmation.operation(par=request.user, **formulaire.donnees())
    except DejaFait as deja:
        messages.info(request, insecables(deja.messages[0]))
    except OperationRefusee as refus:
        formulaire.refuser(refus)
        return None
    else:
        messages.success(request, insecables(confirmation.fait))
    return redirect(confirmation.retour)
