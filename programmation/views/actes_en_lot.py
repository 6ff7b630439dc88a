"""Établir d'un coup les actes de plusieurs organismes : les voir d'abord, puis tout rédiger ou rien."""

import re

from django.contrib import messages
from django.http import Http404, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from politique_ville.outils.francais import euros, pluriel
from politique_ville.outils.listes import filtres_actifs, remplacer_parametres
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..enums import EtatActe
from ..forms.actes import A_ETABLIR, ActeFilterSet
from ..models import Acte
from ..models.actions import actions_lues_par_l_etat
from ..operations import DejaPorte, OperationRefusee
from ..synthese.actes import a_etablir
from ..synthese.actes_en_lot import actes_proposes
from .actes import DES_ACTIONS
from .en_lot import actions_choisies, lire_la_selection

PLAFOND = 200  # actes rédigés d'un coup
CLE = re.compile(r"(arrete|convention|cpo):([0-9]{1,9}(?:-[0-9]{1,9})*)")
UN_SEUL_EXERCICE = "Choisir les actions d’un seul exercice : un acte n’en porte qu’un."
RIEN_DE_COCHE = "Cocher au moins un organisme."
A_CHANGE = "Ce qui reste à établir a changé depuis que cette page est ouverte : la relire, rien n’est enregistré."


def acte_en_lot(request):
    """Les actes des actions du filtre, ou d'une sélection (`action`) ; l'envoi nomme ceux que l'on coche (`acte`)."""
    choisies, trop = lire_la_selection(request)
    if trop:
        return render(request, "programmation/acte_en_lot.html", {"refus": [trop]}, status=400)
    actions = actions_choisies(request, choisies)
    if len({action.exercice_id for action in actions}) > 1:
        return render(request, "programmation/acte_en_lot.html", {"refus": [insecables(UN_SEUL_EXERCICE)]})
    filtre = filtre_de(request, actions)
    proposes, avenants = a_proposer(request.user, filtre)
    montres, refus = proposes[:PLAFOND], []
    coches = [propose.cle for propose in montres]
    if request.method == "POST":
        coches = lire_les_coches(request)
        reponse, refus = etablir(request, filtre, montres, coches)
        if reponse:
            return reponse
    page = {
        "cadre": filtre.cadre,
        "filtres": filtres_actifs(filtre, sauf=filtre.tus),
        "lignes": [(propose, propose.cle in coches) for propose in montres],
        "montant": sum(propose.montant for propose in montres),
        "suivants": suivants(len(proposes) - len(montres)),
        "avenants": avenants,
        "refus": [insecables(phrase) for phrase in refus],
        "liste": adresse_de_la_liste(filtre, A_ETABLIR),
    }
    return render(request, "programmation/acte_en_lot.html", page, status=409 if A_CHANGE in refus else 200)


def filtre_de(request, choisies):
    """Le filtre de l'adresse ; d'une sélection, ses actions et leur exercice."""
    lues = actions_lues_par_l_etat(request.user)
    if not choisies:
        return ActeFilterSet(request.GET, lues, request=request)
    cadre = QueryDict(f"exercice={choisies[0].exercice_id}")
    siennes = lues.filter(pk__in=[action.pk for action in choisies])
    return ActeFilterSet(cadre, siennes, request=request)


def a_proposer(utilisateur, filtre):
    """Les actes proposés, et les actions qui attendent un avenant, parmi celles que la personne gère."""
    attendues = a_etablir(filtre.qs.order_by()).select_related(*DES_ACTIONS)
    lues = attendues.order_by("porteur__recherche", "recherche", "pk")
    return actes_proposes(action for action in lues if regles.peut_gerer(utilisateur, action))


def suivants(nombre):
    """Ce que le plafond laisse pour la fois d'après, en mots, ou ""."""
    if nombre <= 0:
        return ""
    reste = pluriel(nombre, "autre suivra", "autres suivront")
    return insecables(f"{PLAFOND} actes au plus se rédigent d’un coup : ceux-ci d’abord, {reste}.")


def lire_les_coches(request):
    """Les clés des actes cochés ; 404 si l'une est mal écrite."""
    coches = list(dict.fromkeys(request.POST.getlist("acte")))
    if not all(CLE.fullmatch(cle) for cle in coches):
        raise Http404("Acte mal désigné.")
    return coches


def etablir(request, filtre, montres, coches):
    """(la réponse, []) si tout est rédigé ou l'était déjà ; sinon (None, pourquoi)."""
    retenus = [propose for propose in montres if propose.cle in coches]
    if not coches:
        return None, [RIEN_DE_COCHE]
    if len(retenus) < len(coches):
        return envoi_perime(request, filtre, coches)
    try:
        operations.etablir_des_actes(retenus, par=request.user)
    except DejaPorte:
        return envoi_perime(request, filtre, coches)
    except OperationRefusee as refus:
        return None, refus.messages
    nombre = pluriel(len(retenus), "projet d’acte est rédigé", "projets d’acte sont rédigés")
    montant = euros(sum(propose.montant for propose in retenus))
    messages.success(request, insecables(f"{nombre}, pour {montant} : les relire avant de les faire signer."))
    return redirect(adresse_de_la_liste(filtre, EtatActe.A_SIGNER)), []


def envoi_perime(request, filtre, coches):
    """Le même envoi, renvoyé, n'a plus rien à écrire ; sinon, quelqu'un d'autre a établi ou décidé entre-temps."""
    if not deja_rediges(coches):
        return None, [A_CHANGE]
    messages.info(request, insecables("Ces actes sont déjà rédigés."))
    return redirect(adresse_de_la_liste(filtre, EtatActe.A_SIGNER)), []


def deja_rediges(coches):
    """Chacun de ces actes existe-t-il, de cette nature et avec ces seules décisions ? Deux requêtes."""
    voulus = [(nature, {int(pk) for pk in ids.split("-")}) for nature, ids in (cle.split(":") for cle in coches)]
    toutes = set().union(*(decisions for _, decisions in voulus))
    actes = Acte.objects.en_vigueur().filter(decisions__in=toutes).distinct().order_by().prefetch_related("decisions")
    rediges = [(acte.nature, {decision.pk for decision in acte.decisions.all()}) for acte in actes]
    return all(voulu in rediges for voulu in voulus)


def adresse_de_la_liste(filtre, etat):
    parametres = remplacer_parametres(filtre.data, etat=etat, page=None, tri=None)
    return f"{reverse('programmation:acte_list')}{parametres}"
