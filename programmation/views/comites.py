"""Les comités : la liste, et l'ordre du jour que l'on compose. Un GET n'écrit jamais."""

import re
from decimal import Decimal

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from politique_ville.outils.francais import pluriel
from politique_ville.outils.listes import filtres_actifs, remplacer_parametres
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..enums import StatutAction
from ..exports import Liste
from ..filters import ActionFilterSet, Cadre
from ..forms.comites import ComiteForm
from ..models import Action, Comite, Enveloppe, Passage, Scenario
from ..operations import OperationRefusee
from ..synthese.avis import avis_manquants
from ..synthese.comites import ordre_du_jour
from ..synthese.releve import releve
from .mixins import IDENTIFIANT, exiger

PAR_PAGE = 30
MAXIMUM = 500  # actions proposées à la fois à l'ordre du jour
POUR_L_ETAT = "Les comités se lisent avec une habilitation de l’État : agent, responsable, délégué ou lecteur."
SANS_DROIT = "Votre habilitation ne permet pas de tenir ce comité."


def comite_visible(request, pk):
    """Le comité, si la personne le voit ; 404 sinon."""
    visibles = Comite.objects.visibles_par(request.user).select_related("campagne__exercice__departement")
    return get_object_or_404(visibles.select_related("campagne__contrat"), pk=pk)


def comite_a_tenir(request, pk):
    """Le comité, si la personne le voit (404 sinon) et peut le tenir (403 sinon)."""
    comite = comite_visible(request, pk)
    exiger(regles.peut_tenir_un_comite(request.user, comite), SANS_DROIT)
    return comite


def identifiant(valeur):
    """Le nombre qu'écrit cette valeur d'une adresse ou d'un envoi ; 0, que rien ne porte, si c'est autre chose."""
    return int(valeur) if re.fullmatch(IDENTIFIANT, valeur or "") else 0


def passage_du_comite(comite, valeur):
    """Le passage que nomme l'adresse ou l'envoi ; 404 s'il n'est pas de ce comité."""
    return get_object_or_404(comite.passages.select_related("action", "comite"), pk=identifiant(valeur))


def actions_vues(request):
    return Action.objects.visibles_par(request.user)


def enveloppes_vues(request):
    return Enveloppe.objects.visibles_par(request.user)


def faire(request, geste, fait=""):
    """Exécute ce geste, et dit ce qui est fait ou pourquoi il est refusé ; rend vrai s'il a eu lieu."""
    try:
        geste()
    except OperationRefusee as refus:
        for message in refus.messages:
            messages.error(request, insecables(message))
        return False
    if fait:
        messages.success(request, insecables(fait))
    return True


# --- La liste ---


@require_safe
def comite_list(request):
    exiger(regles.lit_les_comites(request.user), POUR_L_ETAT)
    cadre = Cadre(request.GET, request.user)
    comites = Comite.objects.visibles_par(request.user).filter(campagne__exercice__in=[e.pk for e in cadre.exercices])
    comites = comites.select_related("campagne__exercice__departement", "campagne__contrat").order_by("-date", "-pk")
    page = Paginator(comites, PAR_PAGE).get_page(request.GET.get("page"))
    comptes = comptes_des_passages(page.object_list)
    contexte = {
        "cadre": cadre,
        "page": page,
        "lignes": [(comite, *comptes.get(comite.pk, (0, 0))) for comite in page],
        "peut_ecrire": regles.peut_saisir_quelque_part(request.user),
    }
    return render(request, "programmation/comite_list.html", contexte)


def comptes_des_passages(comites):
    """(inscrites, examinées) par identifiant de comité. Une requête."""
    passages = Passage.objects.filter(comite__in=[c.pk for c in comites]).order_by().values_list("comite")
    comptes = passages.annotate(inscrites=Count("pk"), examinees=Count("pk", filter=~Q(issue="")))
    return {pk: (inscrites, examinees) for pk, inscrites, examinees in comptes}


# --- Prévoir, modifier, supprimer ---


def comite_create(request):
    exiger(regles.peut_saisir_quelque_part(request.user), SANS_DROIT)
    formulaire = ComiteForm(request.user, request.POST or None)
    if formulaire.is_valid():
        try:
            comite = operations.creer_un_comite(par=request.user, **formulaire.cleaned_data)
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(request, insecables("Le comité est prévu : composer son ordre du jour."))
            filtres = QueryDict(request.POST.get("filtres", "")).urlencode()
            return redirect(f"{reverse('programmation:comite_inscrire', args=[comite.pk])}?{filtres}")
    filtres = request.POST.get("filtres", request.GET.urlencode())
    contexte = {"formulaire": formulaire, "titre": "Prévoir un comité", "filtres": filtres}
    return render(request, "programmation/comite_form.html", contexte)


def comite_update(request, pk):
    comite = comite_a_tenir(request, pk)
    formulaire = ComiteForm(request.user, request.POST or None, comite=comite)
    if formulaire.is_valid():
        champs = dict(formulaire.cleaned_data)
        try:
            operations.modifier_un_comite(comite, champs, par=request.user, lue=champs.pop("lue"))
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(request, "Le comité est modifié.")
            return redirect("programmation:comite_detail", comite.pk)
    contexte = {"formulaire": formulaire, "titre": f"Modifier le {operations.comite_en_mots(comite)}", "comite": comite}
    return render(request, "programmation/comite_form.html", contexte)


@require_POST
def comite_supprimer(request, pk):
    comite = comite_a_tenir(request, pk)
    if faire(request, lambda: operations.supprimer_un_comite(comite, par=request.user), "Le comité est supprimé."):
        return redirect("programmation:comite_list")
    return redirect("programmation:comite_detail", pk)


# --- L'ordre du jour ---


@require_safe
def comite_detail(request, pk):
    comite = comite_visible(request, pk)
    contexte = {
        "comite": comite,
        "peut_tenir": peut_encore_tenir(request.user, comite),
        "peut_ecrire": regles.peut_tenir_un_comite(request.user, comite),
    }
    if comite.est_termine:
        contexte["releve"] = releve(comite, actions_vues(request), enveloppes_vues(request))
    else:
        contexte |= contexte_de_l_ordre(request, comite)
    return render(request, "programmation/comite_detail.html", contexte)


def peut_encore_tenir(utilisateur, comite):
    return (
        regles.peut_tenir_un_comite(utilisateur, comite)
        and not comite.est_termine
        and not comite.campagne.exercice.est_clos
    )


def contexte_de_l_ordre(request, comite):
    ordre = ordre_du_jour(comite, actions_vues(request))
    a_reporter = not comite.decide and any(ligne.passage.issue for ligne in ordre.lignes)
    return {
        "ordre": ordre,
        "place": request.GET.get("place", ""),  # le passage que l'on vient de déplacer garde le focus
        "sans_avis": [ligne for ligne in ordre.lignes if ligne.sans_avis],
        "a_reporter": a_reporter,
        "empechement": insecables(regles.empechement_de_reunir(comite.campagne)),
        "gel": insecables(regles.gel_en_seance(comite.campagne)) if comite.est_en_seance else "",
    }


@require_POST
def comite_placer(request, pk):
    comite = comite_a_tenir(request, pk)
    passage = passage_du_comite(comite, request.POST.get("passage", ""))
    rang = request.POST.get("vers") or request.POST.get("rang", "")
    if not identifiant(rang):
        messages.error(request, insecables("Le rang est un nombre entier : écrire par exemple 3."))
    else:
        faire(request, lambda: operations.placer(passage, identifiant(rang), par=request.user))
    return redirect(f"{reverse('programmation:comite_detail', args=[pk])}?place={passage.pk}")


@require_POST
def comite_retirer(request, pk):
    comite = comite_a_tenir(request, pk)
    passage = passage_du_comite(comite, request.POST.get("passage", ""))
    fait = f"« {passage.action} » n’est plus à l’ordre du jour."
    faire(request, lambda: operations.retirer_de_l_ordre_du_jour([passage], par=request.user), fait)
    return redirect("programmation:comite_detail", pk)


@require_safe
def comite_choisir(request):
    """De la liste des actions vers l'ordre du jour d'un comité : lequel ?"""
    exiger(regles.peut_saisir_quelque_part(request.user), SANS_DROIT)
    filtres = filtres_de_la_liste(request.GET)
    cadre = Cadre(filtres, request.user)
    visibles = Comite.objects.visibles_par(request.user).select_related("campagne__contrat", "campagne__exercice")
    siens = visibles.filter(campagne__exercice__in=[e.pk for e in cadre.exercices], termine_le=None)
    comites = [
        comite
        for comite in siens.order_by("date", "pk")
        if peut_encore_tenir(request.user, comite) and not comite.campagne.est_figee
    ]
    if len(comites) == 1:
        adresse = reverse("programmation:comite_inscrire", args=[comites[0].pk])
        return redirect(f"{adresse}?{filtres.urlencode()}")
    contexte = {"cadre": cadre, "comites": comites, "filtres": filtres.urlencode()}
    return render(request, "programmation/comite_choisir.html", contexte)


def filtres_de_la_liste(parametres):
    """Les filtres de la liste, que son formulaire de sélection envoie dans `retour`, et les actions cochées."""
    if "retour" not in parametres:
        return parametres
    filtres = QueryDict(parametres["retour"], mutable=True)
    filtres.setlist("action", parametres.getlist("action"))
    return filtres


def comite_inscrire(request, pk):
    """Les actions d'un filtre de la liste (la même adresse), d'une sélection (`action`) ou d'un `scenario`."""
    comite = comite_a_tenir(request, pk)
    if request.method == "POST":
        return inscrire_les_choisies(request, comite)
    return render(request, "programmation/comite_inscrire.html", candidates(request, comite))


def inscrire_les_choisies(request, comite):
    demandees = list(dict.fromkeys(identifiant(cle) for cle in request.POST.getlist("action")))
    visibles = actions_vues(request).in_bulk(demandees)
    if len(visibles) != len(demandees):
        raise Http404("Une action de la sélection n’existe pas ici.")
    scenario = scenario_choisi(request, comite, request.POST.get("scenario"))
    montants = montants_du_scenario(scenario)
    nees = []

    def geste():
        nees.extend(
            operations.inscrire(comite, [visibles[cle] for cle in demandees], par=request.user, montants=montants)
        )

    if not faire(request, geste):
        adresse = reverse("programmation:comite_inscrire", args=[comite.pk])
        return redirect(f"{adresse}?{QueryDict(request.POST.get('filtres', '')).urlencode()}")
    mots = (
        pluriel(len(nees), "action est inscrite", "actions sont inscrites") if nees else "Rien de nouveau n’est inscrit"
    )
    messages.success(request, f"{mots} à l’ordre du jour.")
    return redirect("programmation:comite_detail", comite.pk)


def scenarios_du_comite(request, comite):
    scenarios = Scenario.objects.visibles_par(request.user).filter(exercice=comite.campagne.exercice_id)
    return scenarios.order_by("libelle")


def scenario_choisi(request, comite, valeur):
    if not valeur:
        return None
    return get_object_or_404(scenarios_du_comite(request, comite), pk=identifiant(valeur))


def montants_du_scenario(scenario):
    """Le montant que le scénario propose à chaque action (None : il n'en dit rien)."""
    return dict(scenario.propositions.order_by().values_list("action", "montant")) if scenario else {}


def candidates(request, comite):
    """Ce que l'adresse désigne ; ce qui est déjà inscrit, ou ne peut pas l'être, est compté et dit."""
    exercice = comite.campagne.exercice
    parametres = request.GET.copy()
    parametres["annee"], parametres["departement"] = str(exercice.annee), exercice.departement.code
    if not set(request.GET) - {"page", "scenario", "tri", "exercice"}:
        parametres.setlist("statut", [str(statut) for statut in StatutAction.a_decider()])
    filtre = ActionFilterSet(parametres, actions_vues(request), request=request)
    liste = Liste(filtre, parametres.get("tri", ""))
    scenario = scenario_choisi(request, comite, request.GET.get("scenario"))
    montants = montants_du_scenario(scenario)
    choisies = [identifiant(cle) for cle in request.GET.getlist("action")]
    identifiants = liste.identifiants
    if choisies or scenario:
        identifiants = identifiants.filter(pk__in=choisies or list(montants))
    inscrites = set(comite.passages.order_by().values_list("action", flat=True))
    restantes = [cle for cle in identifiants if cle not in inscrites]
    possibles, ecartees = trier(restantes, comite)
    actions = liste.lignes(possibles[:MAXIMUM])
    for action in actions:
        action.campagne = comite.campagne
    manquants = avis_manquants(actions)
    return {
        "comite": comite,
        "empechement": insecables(regles.empechement_de_reunir(comite.campagne)),
        "formulaire": filtre.form,
        "cadre": filtre.cadre,
        "filtres_actifs": filtres_actifs(filtre, sauf=filtre.tus),
        "scenarios": scenarios_du_comite(request, comite),
        "scenario": scenario,
        "lignes": [(action, montants.get(action.pk), action.pk in manquants) for action in actions],
        "en_trop": max(len(possibles) - MAXIMUM, 0),
        "ecartees": ecartees,
        "deja": len(identifiants) - len(restantes),
        "demande": sum((a.demande or Decimal(0) for a in actions), Decimal("0.00")),
        "filtres": remplacer_parametres(request.GET, page=None).removeprefix("?"),
    }


def trier(identifiants, comite):
    """Les identifiants que l'on peut inscrire, et les autres actions par la phrase qui dit pourquoi. Une requête."""
    lues = Action.objects.filter(pk__in=identifiants).select_related("campagne").order_by()
    actions = {action.pk: action for action in lues.only("intitule", "statut", "campagne", "campagne__intitule")}
    possibles, ecartees = [], {}
    for action in (actions[cle] for cle in identifiants if cle in actions):
        phrase = regles.empechement_d_inscrire(action, comite)
        if phrase:
            ecartees.setdefault(insecables(phrase), []).append(action)
        else:
            possibles.append(action.pk)
    return possibles, list(ecartees.items())


@require_POST
def comite_ouvrir(request, pk):
    comite = comite_a_tenir(request, pk)
    fait = " ".join(filter(None, ["La séance est ouverte.", regles.gel_en_seance(comite.campagne)]))
    if faire(request, lambda: operations.ouvrir_la_seance(comite, par=request.user), fait):
        return redirect("programmation:comite_seance", pk)
    return redirect("programmation:comite_detail", pk)


@require_POST
def comite_reporter(request, pk):
    comite = comite_a_tenir(request, pk)
    changees = []
    if faire(request, lambda: changees.extend(operations.reporter_en_propose(comite, par=request.user))):
        mots = pluriel(len(changees), "montant proposé est mis à jour", "montants proposés sont mis à jour")
        messages.success(request, f"{mots}.")
    return redirect("programmation:comite_detail", pk)
