"""« Au » une date : les photographies d'un exercice, ce que chacune montre, et ce qui a changé depuis."""

from datetime import date

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from politique_ville.outils.typographie import insecables
from programmation.enums import StatutAction, StatutExercice
from programmation.models import Exercice
from programmation.views.mixins import exiger

from .. import photographies
from ..models import Photographie
from ..portee import ENTIER

PAR_PAGE = 100
TOUT_LE_DEPARTEMENT = (
    "Une photographie montre tout un exercice, proposé compris : elle est à l’État, département entier."
)


def photographies_visibles(utilisateur):
    lues = Photographie.objects.visibles_par(utilisateur).select_related("exercice__departement", "comite__campagne")
    return lues.order_by("-prise_le", "-pk")


def photographie_visible(request, pk, *, avec_lignes=False):
    visibles = photographies_visibles(request.user)
    return get_object_or_404(visibles if avec_lignes else visibles.sans_lignes(), pk=pk)


@require_safe
def photographie_list(request):
    """Toutes, ou celles d'un exercice ; `jour` : mène à celle de ce jour, la dernière s'il y en a plusieurs."""
    exiger(request.user.habilitations_departementales, TOUT_LE_DEPARTEMENT)
    lues = photographies_visibles(request.user).sans_lignes()
    exercice = exercice_demande(request)
    if exercice:
        lues = lues.filter(exercice=exercice)
    if exercice and request.GET.get("jour"):
        trouvee = celle_du_jour(request, lues)
        if trouvee:
            return redirect("pilotage:photographie_detail", trouvee.pk)
    page = Paginator(lues, PAR_PAGE).get_page(request.GET.get("page"))
    contexte = {
        "page": page,
        "exercice": exercice,
        "photographies": [(photo, photographies.tableau_garde(photo.synthese)["total"]) for photo in page],
    }
    return render(request, "pilotage/photographie_list.html", contexte)


def exercice_demande(request):
    """L'exercice de l'adresse, ou None ; 404 s'il est hors du périmètre ou mal écrit."""
    valeur = request.GET.get("exercice", "")
    if not valeur:
        return None
    if not ENTIER.fullmatch(valeur):
        raise Http404("Identifiant d’exercice mal écrit.")
    visibles = Exercice.objects.lus_par_l_etat(request.user).select_related("departement")
    return get_object_or_404(visibles, pk=valeur)


def celle_du_jour(request, lues):
    """La dernière photographie de ce jour, ou None après avoir dit pourquoi."""
    try:
        jour = date.fromisoformat(request.GET["jour"])
    except ValueError:
        messages.warning(request, insecables("Cette date est mal écrite : choisir une photographie dans la liste."))
        return None
    trouvee = next((photo for photo in lues if timezone.localdate(photo.prise_le) == jour), None)
    if trouvee is None:
        phrase = f"Aucune photographie n’a été prise le {jour:%d/%m/%Y} : choisir dans la liste."
        messages.info(request, insecables(phrase))
    return trouvee


@require_safe
def photographie_detail(request, pk):
    photographie = photographie_visible(request, pk)
    cadre = photographie.synthese.get("cadre")
    contexte = {
        "photographie": photographie,
        "exercice": photographie.exercice,
        "tableau": photographies.tableau_garde(photographie.synthese),
        "cadre": cadre,
        "statut_de_l_exercice": StatutExercice(cadre["statut"]).label if cadre else "",
    }
    return render(request, "pilotage/photographie_detail.html", contexte)


@require_safe
def photographie_actions(request, pk):
    """Les actions telles qu'elles étaient, par page ; `statut` en retient une partie."""
    photographie = photographie_visible(request, pk, avec_lignes=True)
    statut = request.GET.get("statut", "")
    retenues = [ligne for ligne in photographie.lignes if statut in ("", ligne["statut"])]
    page = Paginator(retenues, PAR_PAGE).get_page(request.GET.get("page"))
    contexte = {
        "photographie": photographie,
        "exercice": photographie.exercice,
        "page": page,
        "actions": [photographies.ligne_lue(ligne) for ligne in page],
        "statut": statut,
        "statuts": StatutAction.choices,
    }
    return render(request, "pilotage/photographie_actions.html", contexte)


@require_safe
def photographie_comparer(request, pk):
    """Ce qui a changé jusqu'à aujourd'hui, ou jusqu'à une autre photographie du même exercice (`avec`)."""
    photographie = photographie_visible(request, pk, avec_lignes=True)
    siennes = photographies_visibles(request.user).filter(exercice=photographie.exercice)
    autre = autre_photographie(request, siennes)
    avant, apres = contenu(photographie), contenu(autre) if autre else maintenant(photographie.exercice)
    evolution = photographies.evolution(avant, apres)
    contexte = {
        "photographie": photographie,
        "exercice": photographie.exercice,
        "autre": autre,
        "autres": siennes.sans_lignes().exclude(pk=photographie.pk),
        "evolution": evolution,
        "totaux": [evolution.total, evolution.demande],
        "page": Paginator(evolution.actions, PAR_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "pilotage/photographie_comparer.html", contexte)


def autre_photographie(request, siennes):
    valeur = request.GET.get("avec", "")
    if not valeur:
        return None
    if not ENTIER.fullmatch(valeur):
        raise Http404("Identifiant de photographie mal écrit.")
    return get_object_or_404(siennes, pk=valeur)


def contenu(photographie):
    return {"lignes": photographie.lignes, "synthese": photographie.synthese}


def maintenant(exercice):
    """Un recomptage neuf, comme si l'on photographiait à l'instant ; rien n'est écrit."""
    return {"lignes": photographies.lignes(exercice), "synthese": photographies.synthese(exercice)}
