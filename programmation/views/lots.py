"""Les modifications en lot : choisir des valeurs, en lire l'effet, enregistrer ; la liste, le détail, l'annulation."""

import re

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from politique_ville.outils.francais import pluriel
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..filters import ActionFilterSet, Cadre
from ..forms.lots import ModificationForm, MotifDuLotForm
from ..models import Action, ModificationEnLot
from ..operations import ConflitDeVersion, ModificationPasIntacte, OperationRefusee
from ..synthese.lots import lignes_de_la_modification
from .en_lot import actions_choisies, adresse_de_la_liste, filtres_de_depart, reunir
from .mixins import IDENTIFIANT, exiger

LOT_MAXIMAL = 500
PAR_PAGE = 50
RELUES = 20  # les dernières modifications de la personne, où reconnaître un envoi reçu deux fois
ROLE_QUI_LIT = "Votre habilitation ne permet pas de modifier des actions."
TROP = insecables(f"{LOT_MAXIMAL} actions au plus se modifient ensemble : restreindre les filtres de la liste.")


# --- Choisir, lire l'effet, enregistrer ---


@require_http_methods(["GET", "HEAD", "POST"])
def modification_create(request):
    exiger(regles.peut_saisir_quelque_part(request.user), ROLE_QUI_LIT)
    choisies = lire_la_selection(request)
    if len(choisies) > LOT_MAXIMAL:
        return render(request, "programmation/modification_form.html", cadre(request) | {"trop": TROP}, status=400)
    actions = actions_choisies(request, choisies)
    contexte = cadre(request, actions)
    empechement = pourquoi_aucune(actions)
    if empechement:
        return render(request, "programmation/modification_form.html", contexte | {"empechement": empechement})
    exercice = actions[0].exercice
    formulaire = ModificationForm(exercice, request.user, request.POST if request.method == "POST" else None)
    contexte["formulaire"] = formulaire
    if request.method != "POST" or request.POST.get("geste") == "revenir" or not formulaire.is_valid():
        if request.POST.get("geste") == "revenir":
            contexte["formulaire"] = ModificationForm(exercice, request.user, initial=choix_de(formulaire))
        return render(request, "programmation/modification_form.html", contexte)
    if request.POST.get("geste") == "enregistrer":
        return enregistrer(request, actions, formulaire, contexte)
    return apercu(request, actions, formulaire, contexte)


def lire_la_selection(request):
    """Les actions cochées ; avec `toutes`, celles du filtre de la liste d'où l'on vient que la personne peut gérer."""
    donnees = request.POST if request.method == "POST" else request.GET
    if "toutes" not in donnees:
        return list(dict.fromkeys(donnees.getlist("action")))
    filtre = ActionFilterSet(
        QueryDict(donnees.get("retour", "")), Action.objects.visibles_par(request.user), request=request
    )
    lues = list(filtre.qs.order_by("recherche", "pk").select_related("exercice")[: LOT_MAXIMAL + 1])
    trop = len(lues) > LOT_MAXIMAL
    return [str(action.pk) for action in lues if trop or regles.peut_gerer(request.user, action)]


def cadre(request, actions=()):
    return {
        "actions": actions,
        "liste": adresse_de_la_liste(request, actions),
        "retour": filtres_de_depart(request),
        "motif_tape": motif_tape(request),
    }


def motif_tape(request):
    """Le motif se tape à la page de l'effet ; revenir changer les valeurs ne le perd pas."""
    return request.POST.get("motif", "")


def pourquoi_aucune(actions):
    """Pourquoi rien ne se modifie ensemble dans cette sélection, ou ""."""
    if len({action.exercice_id for action in actions}) > 1:
        return insecables("Choisir les actions d’un seul exercice : ses campagnes et ses enveloppes lui sont propres.")
    return insecables(regles.empechement_de_modifier(actions[0])) if actions else "Aucune action choisie."


def choix_de(formulaire):
    """Ce qui avait été choisi, pour revenir au formulaire sans rien reperdre."""
    plusieurs = ("ajouter", "retirer")
    return {
        nom: formulaire.data.getlist(nom) if nom in plusieurs else formulaire.data.get(nom) for nom in formulaire.fields
    }


def apercu(request, actions, formulaire, contexte, *, motif=None, refus=(), statut=200):
    """L'effet des valeurs choisies sur chaque action et sur les piliers ; rien n'est écrit."""
    try:
        effet = operations.apercevoir(actions, formulaire.valeurs(), par=request.user)
    except OperationRefusee as refuse:
        contexte["empechement"] = insecables(" ".join(refuse.messages))
        return render(request, "programmation/modification_form.html", contexte)
    inchangees = [x.action for x in effet.lignes if not x.changements and not x.empechement]
    contexte |= {
        "effet": effet,
        "piliers": list(zip(effet.avant.lignes, effet.apres.lignes, strict=True)) if memes_piliers(effet) else [],
        "empechements": reunir((ligne.action, ligne.empechement) for ligne in effet.lignes),
        "inchangees": inchangees,
        "resume": formulaire.valeurs().resume,
        "motif": motif or MotifDuLotForm(exige=effet.motif_exige, initial={"motif": motif_tape(request)}),
        "libelle": f"Modifier {pluriel(len(effet.changees), 'action', 'actions')}",
        "refus": [insecables(phrase) for phrase in refus],
    }
    return render(request, "programmation/modification_apercu.html", contexte, status=statut)


def memes_piliers(effet):
    """Les deux lectures montrent les mêmes piliers, dans le même ordre."""
    return [x.pilier for x in effet.avant.lignes] == [x.pilier for x in effet.apres.lignes]


def enregistrer(request, actions, formulaire, contexte):
    versions = {a: version_lue(request, a) for a in actions}
    deja = deja_faite(request, versions, formulaire.valeurs())
    if deja:
        messages.info(request, "Cette modification est déjà enregistrée.")
        return redirect("programmation:modification_detail", deja.pk)
    motif = MotifDuLotForm(request.POST)
    motif.is_valid()
    try:
        faite = operations.modifier_en_lot(
            versions, formulaire.valeurs(), par=request.user, motif=motif.cleaned_data.get("motif", "")
        )
    except ConflitDeVersion as refus:
        phrases = [*refus.messages, "Rien n’est enregistré : voici l’effet sur les actions telles qu’elles sont."]
        return apercu(request, actions, formulaire, contexte, motif=motif, refus=phrases, statut=409)
    except OperationRefusee as refus:
        return apercu(request, actions, formulaire, contexte, motif=motif, refus=refus.messages)
    messages.success(request, f"{pluriel(len(faite.lignes), 'action modifiée', 'actions modifiées')}.")
    return redirect("programmation:modification_detail", faite.pk)


def version_lue(request, action):
    version = request.POST.get(f"a{action.pk}-version", "")
    return int(version) if re.fullmatch(IDENTIFIANT, version) else 0


def deja_faite(request, versions, valeurs):
    """La modification que ce même envoi a déjà faite (double clic, page renvoyée), ou None."""
    lues = {action.pk: version + 1 for action, version in versions.items()}
    siennes = ModificationEnLot.objects.filter(auteur=request.user, resume=valeurs.resume, annulee_le=None)
    return next(
        (m for m in siennes.order_by("-pk")[:RELUES] if {x["action"]: x["version"] for x in m.lignes} == lues), None
    )


# --- Lire, annuler ---


@require_safe
def modification_list(request):
    exiger(regles.peut_saisir_quelque_part(request.user), ROLE_QUI_LIT)
    cadre_lu = Cadre(request.GET, request.user)
    request.GET = cadre_lu.parametres
    siennes = visibles(request).filter(exercice__in=[e.pk for e in cadre_lu.exercices]).order_by("-faite_le", "-pk")
    page = Paginator(siennes, PAR_PAGE).get_page(request.GET.get("page"))
    return render(request, "programmation/modification_list.html", {"cadre": cadre_lu, "page": page})


def visibles(request):
    lues = ModificationEnLot.objects.visibles_par(request.user)
    return lues.select_related("exercice__departement", "auteur", "annulee_par")


@require_safe
def modification_detail(request, pk):
    modification = get_object_or_404(visibles(request), pk=pk)
    return detail(request, modification)


def detail(request, modification, refus=(), statut=200):
    lignes = lignes_de_la_modification(modification)
    exiger_les_actions_visibles(request, lignes)
    changees = [] if modification.annulee_le else [ligne for ligne in lignes if ligne.depuis]
    contexte = {
        "modification": modification,
        "lignes": lignes,
        "changees": changees,
        "intactes": len(lignes) - len(changees),
        "empechement": insecables(empechement_d_annuler(modification)),
        "refus": [insecables(phrase) for phrase in refus],
    }
    return render(request, "programmation/modification_detail.html", contexte, status=statut)


def exiger_les_actions_visibles(request, lignes):
    """Un département perdu de vue emporte ses modifications : l'intitulé d'une action hors périmètre ne se lit pas."""
    ids = [ligne.action.pk for ligne in lignes if ligne.action]
    if Action.objects.visibles_par(request.user).filter(pk__in=ids).order_by().count() != len(ids):
        raise Http404("Une action de cette modification n’existe pas ici.")


def empechement_d_annuler(modification):
    if modification.exercice.est_clos:
        return f"L’exercice {modification.exercice.annee} est clos : cette modification ne s’annule plus."
    return ""


@require_POST
def modification_annuler(request, pk):
    """Remet tout comme avant ; si des actions ont changé depuis, elles sont montrées et rien n'est annulé."""
    modification = get_object_or_404(visibles(request), pk=pk)
    exiger(regles.peut_saisir_quelque_part(request.user), ROLE_QUI_LIT)
    try:
        nombre = operations.annuler_la_modification(
            modification, par=request.user, seulement_intactes="intactes" in request.POST
        )
    except ModificationPasIntacte as refus:
        return detail(request, modification, refus.messages, statut=409)
    except OperationRefusee as refus:
        modification.refresh_from_db()
        return detail(request, modification, refus.messages)
    messages.success(request, f"{pluriel(nombre, 'action remise', 'actions remises')} comme avant.")
    return redirect("programmation:modification_detail", modification.pk)
