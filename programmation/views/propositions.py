"""Saisir les proposés dans la liste : mêmes filtres, mêmes colonnes, mêmes totaux, et une cellule par action à décider.

Chaque envoi est un bloc (une cellule, ou une colonne collée) : il s'écrit en entier ou pas du tout.
"""

import json
import re

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from politique_ville.outils.francais import pluriel
from politique_ville.outils.listes import remplacer_parametres
from politique_ville.outils.montants import lire_montant
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..exports import Liste
from ..filters import ActionFilterSet
from ..models import Action, Campagne, Decision
from ..operations import MontantPropose, OperationRefusee, ProposesRefuses
from .liste import REPLIEES, contexte, voit_propose
from .mixins import IDENTIFIANT, exiger

PAR_PAGE = 100
CELLULE = re.compile(rf"a({IDENTIFIANT})")
ROLE_QUI_LIT = "Votre habilitation ne permet pas de saisir des montants proposés."
PAS_CE_REGARD = insecables(
    "Le proposé se saisit sur la liste du P147 : retirer le filtre par financeur, par état ou par quartier."
)


@require_http_methods(["GET", "HEAD", "POST"])
def propose_list(request):
    exiger(regles.peut_saisir_quelque_part(request.user), ROLE_QUI_LIT)
    filtre = ActionFilterSet(request.GET, Action.objects.visibles_par(request.user), request=request)
    request.GET = filtre.data
    liste = Liste(filtre, request.GET.get("tri", ""), voit_propose=voit_propose(request.user, filtre.cadre))
    if request.method == "POST":
        return enregistrer(request, liste)
    return page(request, liste)


def page(request, liste, saisies=None, refus=None):
    """`saisies`, `refus` : ce qui avait été tapé sans script, et ce qui a empêché de l'enregistrer, par action."""
    donnees = contexte(request, liste, PAR_PAGE)
    cellules = Cellules([action for action, *_ in donnees["lignes"]], request.user, saisies or {}, refus or {})
    donnees["lignes"] = [(*ligne, cellules.de(ligne[0])) for ligne in donnees["lignes"]]
    donnees |= {
        "totaux_affiches": totaux_affiches(donnees["totaux"], colonnes_lues(liste)[1]),
        "est_saisissable": est_saisissable(liste),
        "repliees": REPLIEES | {"accorde"},
        "pas_ce_regard": PAS_CE_REGARD,
        "colonnes_de_texte": donnees["colonnes_de_texte"] - donnees["peut_ecrire"],
        "liste": f"{reverse('programmation:action_list')}?{remplacer_parametres(request.GET, page=None)[1:]}",
        "erreurs": [insecables(phrase) for phrase in (refus or {}).values()],
    }
    return render(request, "programmation/propositions_list.html", donnees)


def colonnes_lues(liste):
    """Les colonnes de texte, puis celles des montants."""
    montants = [c for c in liste.colonnes if c.format == "euros"]
    return [c for c in liste.colonnes if c not in montants], montants


def totaux_affiches(totaux, montants):
    return [(colonne, getattr(totaux, colonne.nom), totaux.inconnus[colonne.nom]) for colonne in montants]


def est_saisissable(liste):
    """La colonne montre la ligne P147 entière de l'action : ni une part de quartier, ni un autre financeur."""
    entier = liste.regard.une_ligne_par_action and not liste.quartiers and not liste.filtre.cadre.bornes
    return entier and liste.voit_propose


class Cellules:
    """Ce que la cellule du proposé montre, action par action : une saisie, ou la raison qui l'empêche."""

    def __init__(self, actions, utilisateur, saisies, refus):
        self.utilisateur, self.saisies, self.refus = utilisateur, saisies, refus
        self.campagnes = Campagne.objects.in_bulk({action.campagne_id for action in actions})
        ids = [action.pk for action in actions]
        self.decidees = set(Decision.objects.filter(action__in=ids).order_by().values_list("action", flat=True))

    def de(self, action):
        action.campagne = self.campagnes[action.campagne_id]
        en_base = ecrire(action.propose)
        return {
            "valeur": self.saisies.get(action.pk, en_base),
            "en_base": en_base,
            "erreur": insecables(self.refus.get(action.pk, "")),
            "empechement": insecables(self.empechement(action)),
        }

    def empechement(self, action):
        if not regles.peut_gerer(self.utilisateur, action):
            return "Hors de votre habilitation."
        return regles.empechement_de_proposer_dans_la_liste(action, action.pk in self.decidees)


def ecrire(montant):
    """Comme un agent l'écrirait dans la cellule : « 1234,50 »."""
    return "" if montant is None else f"{montant:.2f}".replace(".", ",")


# --- Enregistrer ---


def enregistrer(request, liste):
    """Écrit le bloc reçu, puis rend les totaux et l'état de chaque cellule ; sans script, toute la page arrive."""
    montants, versions, erreurs = lire_les_cellules(request.POST)
    actions_visibles(request, [*montants, *erreurs])
    if request.htmx:
        cellules = ecrire_le_bloc(montants, versions, erreurs, request.user)
        return totaux(request, liste, cellules)
    return enregistrer_la_page(request, liste, montants, versions, erreurs)


def lire_les_cellules(donnees):
    """Les montants lisibles et les versions lues, par action, et pourquoi les autres montants ne le sont pas."""
    montants, versions, erreurs = {}, {}, {}
    for nom, texte in donnees.items():
        trouve = CELLULE.fullmatch(nom)
        if not trouve:
            continue
        pk, version = int(trouve[1]), donnees.get(f"v{trouve[1]}", "")
        versions[pk] = int(version) if re.fullmatch(IDENTIFIANT, version) else 0
        try:
            montants[pk] = lire_montant(texte)
        except ValidationError as erreur:
            erreurs[pk] = erreur.messages[0]
    return montants, versions, erreurs


def actions_visibles(request, ids):
    """404 si l'une de ces actions est inconnue ou hors du périmètre."""
    if Action.objects.visibles_par(request.user).filter(pk__in=ids).order_by().count() != len(set(ids)):
        raise Http404("Une action de la saisie n’existe pas ici.")


def ecrire_le_bloc(montants, versions, erreurs, utilisateur):
    """L'état de chaque cellule après l'envoi : sa version si tout est écrit, sinon ce qui arrête le bloc."""
    if erreurs:
        return {pk: {"erreur": insecables(phrase)} for pk, phrase in erreurs.items()}
    try:
        ecrites = operations.proposer(blocs(montants, versions), par=utilisateur)
    except ProposesRefuses as refusees:
        return {pk: cellule_refusee(refus) for pk, refus in refusees.refus.items()}
    except OperationRefusee as refus:
        return {pk: {"erreur": insecables(refus.messages[0])} for pk in montants}
    return {pk: {"version": version} for pk, version in ecrites.items()}


def blocs(montants, versions):
    return [MontantPropose(pk, montant, versions[pk]) for pk, montant in montants.items()]


def cellule_refusee(refus):
    if not refus.conflit:
        return {"erreur": insecables(refus.phrase)}
    trace = Action.history.filter(id=refus.action.pk).select_related("history_user").order_by("-history_id").first()
    qui = str(trace.history_user) if trace and trace.history_user else "une autre personne"
    quand = timezone.localtime(refus.action.modifie_le)
    return {
        "conflit": insecables(f"Modifiée par {qui} le {quand:%d/%m} à {quand:%H:%M}."),
        "actuel": ecrire(refus.actuel),
        "version": refus.action.version,
    }


def totaux(request, liste, cellules):
    lus, (textes, montants) = liste.totaux(), colonnes_lues(liste)
    donnees = {
        "totaux": lus,
        "totaux_affiches": totaux_affiches(lus, montants),
        "colonnes_de_texte": len(textes),
        "cellules": json.dumps(cellules),
    }
    return render(request, "programmation/_propositions_totaux.html", donnees)


def enregistrer_la_page(request, liste, montants, versions, erreurs):
    cellules = ecrire_le_bloc(montants, versions, erreurs, request.user)
    refus = {pk: en_une_phrase(c) for pk, c in cellules.items() if "erreur" in c or "conflit" in c}
    if refus:
        tapes = {int(nom[1:]): texte for nom, texte in request.POST.items() if CELLULE.fullmatch(nom)}
        return page(request, liste, tapes, refus)
    messages.success(request, f"{pluriel(len(montants), 'montant proposé relu', 'montants proposés relus')}.")
    return redirect(f"{request.path}?{request.GET.urlencode()}")


def en_une_phrase(cellule):
    if "erreur" in cellule:
        return cellule["erreur"]
    return f"{cellule['conflit']} Proposé maintenant : {cellule['actuel'] or 'aucun'}."
