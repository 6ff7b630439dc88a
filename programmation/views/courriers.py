"""Les courriers d'une sélection d'actions, ou d'un comité : choisir un modèle, relire, télécharger. Rien ne s'écrit."""

import re

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from politique_ville import contexte
from politique_ville.outils.pdf import PdfIndisponible
from politique_ville.outils.telechargement import TYPES
from politique_ville.outils.typographie import insecables

from .. import regles
from ..forms.courriers import EnvoiForm
from ..lettres import courriers_en_pdf, courriers_en_zip
from ..models import Action, Comite
from ..synthese.courriers import preparer_un_envoi
from .en_lot import (
    LOT_MAXIMAL,
    ROLE_QUI_LIT,
    actions_choisies,
    adresse_de_la_liste,
    adresse_de_la_selection,
    filtres_de_depart,
    lire_la_selection,
)
from .gestes import LUES
from .mixins import IDENTIFIANT, exiger

FICHIERS = {"pdf": courriers_en_pdf, "zip": courriers_en_zip}
PLUSIEURS_DEPARTEMENTS = "Ces actions sont de plusieurs départements : choisir celles d’un seul."


def courrier_create(request):
    """`action` (répété) ou `comite`, puis `modele` et `le` ; l'envoi, avec `format` et `depuis`, rend le fichier."""
    comite = comite_choisi(request)
    actions, trop = actions_du_comite(request, comite) if comite else actions_de_la_selection(request)
    page = {"actions": actions, "comite": comite, "retour": filtres_de_depart(request)}
    page["liste"] = comite_ou_liste(request, comite, actions)
    departements = {action.exercice.departement for action in actions}
    if trop or len(departements) != 1:
        page["trop"] = trop or (insecables(PLUSIEURS_DEPARTEMENTS) if departements else "")
        return render(request, "programmation/courrier_form.html", page, status=400 if page["trop"] else 200)
    formulaire = EnvoiForm(departements.pop(), [a.statut for a in actions], envoye(request))
    choix = formulaire.choix
    envoi = preparer_un_envoi(choix[0], actions, choix[1]) if choix and choix[0] else None
    if request.method == "POST" and envoi and (fichier := fichier_demande(request, envoi)):
        return fichier
    page |= {"formulaire": formulaire, "envoi": envoi, "tranches": tranches(envoi), "le": choix and choix[1]}
    page |= {"avertissement": contexte.bandeau(request), "ici": adresse_de_la_page(request, actions, comite)}
    return render(request, "programmation/courrier_form.html", page)


def adresse_de_la_page(request, actions, comite):
    """Cette même page, pour y revenir après avoir complété une adresse."""
    if not comite:
        return adresse_de_la_selection(request, "programmation:courrier_create", actions)
    return f"{reverse('programmation:courrier_create')}?comite={comite.pk}"


# --- Ce que l'on a choisi ---


def actions_de_la_selection(request):
    choisies, trop = lire_la_selection(request)
    return ([], trop) if trop else (actions_choisies(request, choisies), "")


def comite_choisi(request):
    """Le comité que nomme l'adresse, ou None ; 404 s'il est inconnu ou hors du périmètre."""
    valeur = (request.POST if request.method == "POST" else request.GET).get("comite")
    if not valeur:
        return None
    exiger(regles.peut_saisir_quelque_part(request.user), ROLE_QUI_LIT)
    if not re.fullmatch(IDENTIFIANT, valeur):
        raise Http404("Comité inconnu.")
    return get_object_or_404(Comite.objects.visibles_par(request.user), pk=valeur)


def actions_du_comite(request, comite):
    """Celles de son ordre du jour que la personne gère, dans leur ordre."""
    visibles = Action.objects.visibles_par(request.user).filter(passages__comite=comite)
    lues = visibles.select_related(*LUES).order_by("passages__ordre", "passages__pk")
    return [action for action in lues if regles.peut_gerer(request.user, action)], ""


def comite_ou_liste(request, comite, actions):
    """D'où l'on vient."""
    return reverse("programmation:comite_detail", args=[comite.pk]) if comite else adresse_de_la_liste(request, actions)


def envoye(request):
    """Le choix du modèle et de la date : dans l'envoi, ou dans l'adresse une fois le modèle changé."""
    if request.method == "POST":
        return request.POST
    return request.GET if "modele" in request.GET else None


# --- Le fichier ---


def tranches(envoi):
    """(depuis, premier rang, dernier rang) : un fichier a au plus LOT_MAXIMAL lettres."""
    nombre = len(envoi.lettres) if envoi else 0
    return [(d, d + 1, min(d + LOT_MAXIMAL, nombre)) for d in range(0, nombre, LOT_MAXIMAL)]


def fichier_demande(request, envoi):
    """Le PDF ou le zip, ou None s'il n'y a rien à y mettre ou si ce serveur ne sait pas l'écrire."""
    format, depuis = request.POST.get("format", "pdf"), request.POST.get("depuis", "0")
    if format not in FICHIERS or not re.fullmatch(r"[0-9]{1,6}", depuis):
        raise Http404("Ce fichier n’existe pas.")
    lettres = envoi.lettres[int(depuis) : int(depuis) + LOT_MAXIMAL]
    if not lettres:
        messages.error(request, insecables("Aucune lettre ne peut être écrite : lire pourquoi ci-dessous."))
        return None
    try:
        contenu = FICHIERS[format](lettres, str(envoi.modele), contexte.bandeau(request))
    except PdfIndisponible as refus:
        messages.error(request, insecables(str(refus)))
        return None
    nom = f"courriers-{slugify(envoi.modele.get_nature_display())}-{timezone.localdate():%Y-%m-%d}.{format}"
    return en_piece_jointe(contenu, nom)


def en_piece_jointe(contenu, nom):
    type_du_fichier = TYPES.get(nom.rpartition(".")[2], "application/pdf")
    return HttpResponse(contenu, type_du_fichier, headers={"Content-Disposition": f'attachment; filename="{nom}"'})
