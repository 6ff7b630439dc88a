"""Les gestes sur une action : une page qui dit ce qui va se passer, un envoi qui le fait, rien entre les deux."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from politique_ville.outils.francais import euros, pluriel
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..forms.depassement import accord_a_donner, lire_l_accord
from ..forms.gestes import DecisionForm, GesteForm, RetourForm, RetraitForm, ScissionForm
from ..models import Action, Decision
from ..operations import ConflitDeVersion, OperationRefusee
from ..operations.depassements import dire_les_depassements
from ..synthese import avis_a_obtenir
from .mixins import exiger

SANS_DROIT = "Votre habilitation ne permet pas ce geste sur cette action."
TRACE = ["id", "version", "history_date"]
LUES = ["exercice__departement", "campagne", "contrat", "porteur__fusionne_dans", "enveloppe"]


@dataclass(frozen=True)
class Geste:
    """Un changement de statut : `fait` se dit après, `empechement` dit pourquoi il est impossible, ou ""."""

    nom: str
    libelle: str
    explication: str
    fait: str
    operation: Callable
    empechement: Callable[[Action], str]
    formulaire: type[GesteForm] = GesteForm

    def agir(self, action, par, donnees: dict[str, Any]):
        self.operation([action], par=par, **donnees)


def empechement_de_supprimer(action):
    return "" if action.est_brouillon else "Seul un brouillon se supprime : une action déposée se retire."


def empechement_de_revenir(action):
    retours = regles.RETOURS.get(action.statut)
    if not retours:
        return f"Une action « {action.get_statut_display()} » n’a pas de retour possible."
    return regles.empechement_de_revenir(action, retours[0])


GESTES = {
    geste.nom: geste
    for geste in [
        Geste(
            "deposer",
            "Déposer",
            "L’action entre dans le circuit : elle ne pourra plus être supprimée.",
            "L’action est déposée.",
            operations.deposer,
            regles.empechement_de_deposer,
        ),
        Geste(
            "instruire",
            "Marquer instruite",
            "L’instruction est terminée : l’action attend sa décision.",
            "L’action est instruite.",
            operations.instruire,
            regles.empechement_d_instruire,
        ),
        Geste(
            "retirer",
            "Retirer",
            "L’action sort du circuit avant toute attribution. Elle pourra y revenir.",
            "L’action est retirée.",
            operations.retirer,
            regles.empechement_de_retirer,
            RetraitForm,
        ),
        Geste(
            "revenir",
            "Revenir en arrière",
            "L’action reprend un statut antérieur. Le motif reste dans son historique.",
            "L’action est revenue en arrière.",
            operations.revenir,
            empechement_de_revenir,
            RetourForm,
        ),
        Geste(
            "supprimer",
            "Supprimer le brouillon",
            "Le brouillon disparaît avec son plan de financement. Ce geste ne se défait pas.",
            "Le brouillon est supprimé.",
            operations.supprimer_les_brouillons,
            empechement_de_supprimer,
        ),
    ]
}


def gestes_possibles(utilisateur, action):
    """Les gestes que cette personne peut faire maintenant : (libellé, adresse)."""
    if not regles.peut_modifier(utilisateur, action):
        return []
    possibles = []
    if regles.natures_de_decision_possibles(action):
        possibles.append(("Décider", reverse("programmation:action_decider", args=[action.pk])))
    for geste in GESTES.values():
        if not (geste.empechement(action) or regles.empechement_de_modifier(action)):
            adresse = reverse("programmation:action_geste", args=[action.pk, geste.nom])
            possibles.append((geste.libelle, adresse))
    if not regles.empechement_de_scinder(action):
        possibles.append(("Scinder", reverse("programmation:action_scinder", args=[action.pk])))
    return possibles


def action_visible(request, pk):
    """L'action, si la personne la voit (404 sinon) et peut la gérer (403 sinon)."""
    visibles = Action.objects.visibles_par(request.user).avec_montants().select_related(*LUES)
    action = get_object_or_404(visibles, pk=pk)
    exiger(regles.peut_gerer(request.user, action), SANS_DROIT)
    return action


def action_geste(request, pk, geste):
    action = action_visible(request, pk)
    geste = GESTES.get(geste)
    if geste is None:
        raise Http404("Ce geste n’existe pas.")
    formulaire = geste.formulaire(action, request.POST if request.method == "POST" else None)
    if request.method == "POST" and formulaire.is_valid():
        try:
            geste.agir(action, request.user, formulaire.cleaned_data)
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(request, insecables(geste.fait))
            return redirect("programmation:action_list" if geste.nom == "supprimer" else action)
    empechement = geste.empechement(action) or regles.empechement_de_modifier(action)
    contexte = {
        "action": action,
        "geste": geste,
        "explication": insecables(geste.explication),
        "formulaire": formulaire,
        "empechement": insecables(empechement),
    }
    return render(request, "programmation/action_geste.html", contexte)


# --- Décider ---


def action_decider(request, pk):
    action = action_visible(request, pk)
    formulaire, accord = DecisionForm(action, request.user, request.POST if request.method == "POST" else None), None
    if request.method == "POST":
        if request.POST.get("version", "") != str(action.version):
            return deja_decidees(request, formulaire, [formulaire], action) or conflit(request, [action], request.path)
        if formulaire.is_valid():
            try:
                enregistrer(request, formulaire, formulaire.demandes())
                return redirect(action)
            except ConflitDeVersion as refus:
                deja = deja_decidees(request, formulaire, [formulaire], action)
                return deja or conflit(request, refus.actions, request.path)
            except OperationRefusee as refus:
                formulaire.refuser(refus)
                accord = accord_a_donner(refus, request.POST)
    contexte = {"action": action, "formulaire": formulaire, "empechement": pourquoi_rien(action, formulaire)}
    contexte |= {"accord": accord, "sans_avis": sans_avis([action]), "dispenser": adresse_de_la_dispense([action])}
    return render(request, "programmation/action_decider.html", contexte)


def sans_avis(actions):
    """Les actions qui attendent encore un avis exigé, et lequel ; une requête, quel que soit leur nombre."""
    manquants = avis_a_obtenir(actions)
    return [(action, manquants[action.pk]) for action in actions if action.pk in manquants]


def adresse_de_la_dispense(actions):
    return f"{reverse('programmation:avis_dispenser')}?{urlencode([('action', action.pk) for action in actions])}"


def pourquoi_rien(action, formulaire):
    """La phrase qui dit pourquoi aucune décision n'est possible, ou ""."""
    return "" if formulaire.natures else insecables(regles.empechement_de_decider(action, "attribution"))


def enregistrer(request, formulaire, demandes):
    """Écrit les décisions, tout ou rien, et le dit. Lève OperationRefusee."""
    valides = formulaire.cleaned_data
    commun = {"motif": valides["motif"], "date": valides["date"]}
    decisions = operations.decider(
        demandes, par=request.user, depassements_acceptes=lire_l_accord(request.POST), **commun
    )
    mots = pluriel(len(decisions), "décision enregistrée", "décisions enregistrées")
    somme = euros(sum(d.montant for d in decisions))
    messages.success(request, insecables(f"{mots}, pour {somme}{dire_les_depassements(decisions)}."))


def deja_decidees(request, commune, lignes, retour):
    """Le même envoi de la même personne a déjà tout écrit (page renvoyée, coupure) : le dire et passer à `retour`.

    None si une seule action a changé autrement depuis la version que la page avait lue.
    """
    ids = [ligne.action.pk for ligne in lignes]
    versions = dict(Action.objects.filter(pk__in=ids).order_by().values_list("pk", "version"))
    decisions = {d.action_id: d for d in Decision.objects.filter(action__in=ids, auteur=request.user).order_by("pk")}
    ecrites = {(pk, version): le for pk, version, le in Action.history.filter(id__in=ids).values_list(*TRACE)}
    for ligne in lignes:
        pk, lue, decision = ligne.action.pk, ligne.version_lue, decisions.get(ligne.action.pk)
        ecrite = ecrites.get((pk, lue))
        seule = decision and ecrite and versions[pk] == lue + 1 and ecrite < decision.enregistree_le
        if not (seule and commune.redit(decision, ligne.montant_lu)):
            return None
    deja = pluriel(len(lignes), "décision est déjà enregistrée", "décisions sont déjà enregistrées")
    messages.info(request, "Votre décision est déjà enregistrée." if len(lignes) == 1 else f"Vos {deja}.")
    return redirect(retour)


def conflit(request, actions, reprendre):
    """Quelqu'un a écrit entre la lecture et l'envoi : on montre où en sont les actions, et rien n'est enregistré."""
    ids = [action.pk for action in actions]
    actuelles = Action.objects.visibles_par(request.user).avec_montants().filter(pk__in=ids)
    decisions = {d.action_id: d for d in Decision.objects.filter(action__in=ids).select_related("auteur")}
    etats = [(action, decisions.get(action.pk)) for action in actuelles]  # par date : la dernière l'emporte
    contexte = {"etats": etats, "reprendre": reprendre}
    reponse = render(request, "programmation/conflit_de_decision.html", contexte, status=409)
    reponse.oublie_la_saisie = True  # retrouvée, elle reviendrait avec la version dépassée
    return reponse


# --- Scinder ---


def action_scinder(request, pk):
    action = action_visible(request, pk)
    formulaire = ScissionForm(action, request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and formulaire.is_valid():
        try:
            actions = operations.scinder(
                action, formulaire.cles(), par=request.user, motif=formulaire.cleaned_data["motif"]
            )
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(request, f"Le dossier {action.dossier} fait maintenant {len(actions)} actions.")
            return redirect(action)
    contexte = {
        "action": action,
        "formulaire": formulaire,
        "empechement": insecables(regles.empechement_de_scinder(action)),
    }
    return render(request, "programmation/action_scinder.html", contexte)
