"""Les gestes sur une sélection de la liste : déposer, instruire, décider ; tout ou rien, puis retour à la liste."""

import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html

from politique_ville.outils.francais import pluriel
from politique_ville.outils.typographie import insecables

from .. import regles
from ..enums import StatutAction
from ..forms.depassement import accord_a_donner
from ..forms.gestes import DecisionEnLot
from ..models import Action
from ..operations import ConflitDeVersion, OperationRefusee
from .gestes import (
    GESTES,
    LUES,
    SANS_DROIT,
    Geste,
    adresse_de_la_dispense,
    conflit,
    deja_decidees,
    enregistrer,
    sans_avis,
)
from .mixins import IDENTIFIANT, exiger

LOT_MAXIMAL = 200
ROLE_QUI_LIT = "Votre habilitation ne permet pas d’agir sur des actions."


@dataclass(frozen=True)
class GesteEnLot:
    """Un geste qui se confirme sans rien demander, sur plusieurs actions ; `fait` : au singulier, au pluriel."""

    geste: Geste
    libelle: str
    explication: str
    fait: tuple[str, str]


EN_LOT = {
    "deposer": GesteEnLot(
        GESTES["deposer"],
        "Déposer",
        "Elles entrent dans le circuit : elles ne pourront plus être supprimées.",
        ("action est déposée", "actions sont déposées"),
    ),
    "instruire": GesteEnLot(
        GESTES["instruire"],
        "Instruire",
        "Leur instruction est terminée : elles attendent leur décision.",
        ("action est instruite", "actions sont instruites"),
    ),
}


# --- La sélection ---


def lire_la_selection(request):
    """Les identifiants cochés dans la liste, et la phrase qui dit qu'il y en a trop, ou ""."""
    exiger(regles.peut_saisir_quelque_part(request.user), ROLE_QUI_LIT)
    donnees = request.POST if request.method == "POST" else request.GET
    choisies = donnees.getlist("action")
    trop = len(set(choisies)) > LOT_MAXIMAL
    return choisies, insecables(f"{LOT_MAXIMAL} actions au plus se choisissent ensemble.") if trop else ""


def actions_choisies(request, choisies):
    """Les actions de ces identifiants, dans leur ordre ; 404 si l'un est inconnu, mal écrit ou hors du périmètre."""
    if not all(re.fullmatch(IDENTIFIANT, identifiant) for identifiant in choisies):
        raise Http404("Identifiant d’action mal écrit.")
    ids = list(dict.fromkeys(int(identifiant) for identifiant in choisies))
    visibles = Action.objects.visibles_par(request.user).avec_montants().select_related(*LUES)
    trouvees = visibles.order_by().in_bulk(ids)
    if len(trouvees) != len(ids):
        raise Http404("Une action de la sélection n’existe pas ici.")
    actions = [trouvees[identifiant] for identifiant in ids]
    for action in actions:
        exiger(regles.peut_gerer(request.user, action), f"{SANS_DROIT} Action : « {action} ».")
    return actions


def filtres_de_depart(request):
    """Les paramètres de la liste d'où vient la sélection : ils n'ouvrent jamais rien d'autre que la liste."""
    donnees = request.POST if request.method == "POST" else request.GET
    return QueryDict(donnees.get("retour", "")).urlencode()


def adresse_de_la_liste(request, actions=()):
    """La liste telle qu'on l'a quittée ; à défaut, celle de l'exercice de ces actions."""
    filtres = filtres_de_depart(request)
    if not filtres and actions:
        filtres = urlencode({"exercice": actions[0].exercice_id})
    liste = reverse("programmation:action_list")
    return f"{liste}?{filtres}" if filtres else liste


def adresse_de_la_selection(request, nom, actions, *args):
    """La même sélection, sur la page de ce nom."""
    choisies = [("action", action.pk) for action in actions]
    return f"{reverse(nom, args=args)}?{urlencode([*choisies, ('retour', filtres_de_depart(request))])}"


def reunir(empechements):
    """Cent fois le même empêchement se dit une fois : (phrase, les actions qu'il arrête)."""
    par_phrase = defaultdict(list)
    for action, phrase in empechements:
        if phrase:
            par_phrase[insecables(phrase)].append(action)
    return list(par_phrase.items())


# --- Déposer, instruire ---


def geste_en_lot(request, geste):
    """Dit d'abord ce qui va changer et ce qui ne le peut pas ; l'envoi ne porte que sur ce qui le peut."""
    choisies, trop = lire_la_selection(request)
    if geste not in EN_LOT:
        raise Http404("Ce geste n’existe pas sur une sélection.")
    contexte = {"lot": EN_LOT[geste], "trop": trop, "liste": adresse_de_la_liste(request)}
    if trop:
        return render(request, "programmation/geste_en_lot.html", contexte, status=400)
    actions = actions_choisies(request, choisies)
    if request.method == "POST" and actions:
        try:
            EN_LOT[geste].geste.operation(actions, par=request.user)
        except OperationRefusee as refus:
            contexte["refus"] = [insecables(message) for message in refus.messages]
        else:
            dire_que_c_est_fait(request, EN_LOT[geste], actions)
            return redirect(adresse_de_la_liste(request, actions))
    contexte |= contexte_du_geste(request, EN_LOT[geste], actions)
    return render(request, "programmation/geste_en_lot.html", contexte)


def contexte_du_geste(request, lot, actions):
    empechements = [(a, lot.geste.empechement(a) or regles.empechement_de_modifier(a)) for a in actions]
    possibles = [action for action, phrase in empechements if not phrase]
    return {
        "actions": actions,
        "possibles": possibles,
        "libelle": f"{lot.libelle} {pluriel(len(possibles), 'action', 'actions')}",
        "empechements": reunir(empechements),
        "liste": adresse_de_la_liste(request, actions),
        "retour": filtres_de_depart(request),
    }


def dire_que_c_est_fait(request, lot, actions):
    """La suite est à un clic : ce qui est déposé ou instruit se décide."""
    fait = f"{pluriel(len(actions), *lot.fait)}."
    suite = adresse_de_la_selection(request, "programmation:decision_en_lot", actions)
    libelle = "Décider cette action" if len(actions) == 1 else f"Décider ces {len(actions)} actions"
    messages.success(request, format_html('{} <a class="fr-link" href="{}">{}</a>', fait, suite, libelle))


# --- Décider ---


def decision_en_lot(request):
    """Décider une sélection, une ligne par action ; les identifiants viennent de la liste (`action`, répété)."""
    choisies, trop = lire_la_selection(request)
    if trop:
        contexte = {"trop": trop, "liste": adresse_de_la_liste(request)}
        return render(request, "programmation/decision_en_lot.html", contexte, status=400)
    donnees = request.POST if request.method == "POST" else None
    actions = actions_choisies(request, choisies)
    lot = DecisionEnLot(actions, request.user, donnees)
    if donnees is not None and actions:
        reponse = decider_le_lot(request, actions, lot)
        if reponse:
            return reponse
    return render(request, "programmation/decision_en_lot.html", contexte_du_lot(request, actions, lot))


def decider_le_lot(request, actions, lot):
    """Enregistre le lot et rend la réponse, ou None s'il y a quelque chose à corriger."""
    reprendre = adresse_de_la_selection(request, "programmation:decision_en_lot", actions)
    liste = adresse_de_la_liste(request, actions)
    perimees = [a for a in actions if request.POST.get(f"a{a.pk}-version", "") != str(a.version)]
    if perimees:
        return deja_decidees(request, lot.commune, lot.lignes, liste) or conflit(request, perimees, reprendre)
    if not lot.is_valid():
        return None
    try:
        enregistrer(request, lot.commune, lot.demandes())
    except ConflitDeVersion as refus:
        deja = deja_decidees(request, lot.commune, lot.lignes, liste)
        return deja or conflit(request, refus.actions, reprendre)
    except OperationRefusee as refus:
        lot.commune.refuser(refus)
        lot.accord = accord_a_donner(refus, request.POST)
        return None
    return redirect(liste)


def contexte_du_lot(request, actions, lot):
    """Sans nature commune possible, la page dit pourquoi, et ce qu'il reste à faire avant."""
    empechements = [] if lot.commune.natures else reunir((a, empechement_du_circuit(a)) for a in actions)
    brouillons, attendent = [action for action in actions if action.est_brouillon], sans_avis(actions)
    return {
        "lot": lot,
        "actions": actions,
        "sans_avis": attendent,
        "dispenser": adresse_de_la_dispense([action for action, _ in attendent]),
        "total_demande": sum((a.p147_demande or 0 for a in actions), Decimal(0)),
        "empechements": empechements,
        "brouillons": len(brouillons),
        "deposer": adresse_de_la_selection(request, "programmation:geste_en_lot", brouillons, "deposer"),
        "statuts_differents": len({a.statut == StatutAction.PROGRAMMEE for a in actions}) > 1,
        "liste": adresse_de_la_liste(request, actions),
        "retour": filtres_de_depart(request),
    }


def empechement_du_circuit(action):
    return "" if regles.natures_de_decision_possibles(action) else regles.empechement_de_decider(action, "attribution")
