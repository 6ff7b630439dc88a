"""Reconduire une action ou une sélection ; prévoir les années d'une CPO, et lire ce que toutes prévoient."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_safe

from politique_ville.outils.francais import pluriel
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..forms.filtres_execution import ExecutionFilterSet
from ..forms.reconduction import PrevisionsForm, ReconductionForm
from ..models.actions import actions_lues_par_l_etat
from ..operations import ConflitDeVersion, DejaReconduite, DemandeDeReconduction, OperationRefusee
from ..operations.reconduction import preparer
from ..synthese.pluriannuel import a_venir, lignes_a_venir
from .en_lot import actions_choisies, adresse_de_la_liste, filtres_de_depart, lire_la_selection, reunir
from .gestes import action_visible, conflit
from .tableaux import ColonneDeTableau, Tableau, exiger_l_etat, repondre

# --- Reconduire ---


def action_reconduire(request, pk):
    """Depuis la fiche, un envoi suffit ; la page ne s'affiche que s'il reste à choisir, ou si rien n'est possible."""
    action = action_visible(request, pk)
    [preparation] = preparer([DemandeDeReconduction(action)], request.user)
    formulaire = ReconductionForm(preparation, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if preparation.deja:
            return deja_reconduite(request, preparation.deja)
        if not preparation.empechement and formulaire.is_valid():
            try:
                [reconduite] = operations.reconduire([formulaire.demande()], par=request.user)
                return reussir(request, reconduite)
            except DejaReconduite as refus:
                return deja_reconduite(request, refus.reconduites[0])
            except OperationRefusee as refus:
                formulaire.refuser(refus)
    contexte = {"action": action, "preparation": preparation, "formulaire": formulaire}
    return render(request, "programmation/reconduction_action.html", contexte)


def deja_reconduite(request, action):
    messages.info(request, insecables(f"« {action} » est déjà reconduite en {action.exercice.annee}."))
    return redirect(action)


def reussir(request, reconduite):
    """Le brouillon s'ouvre aussitôt : il reste à le relire, à le compléter et à le déposer."""
    action = reconduite.action
    phrase = f"« {action} » est reconduite en {action.exercice.annee}, en brouillon : rien n’est accordé."
    phrase += f" Enveloppe : « {action.enveloppe} »." if action.enveloppe else ""
    messages.success(request, insecables(phrase))
    if reconduite.remarques:
        points = format_html_join("", "<li>{}</li>", ((insecables(r),) for r in reconduite.remarques))
        messages.warning(request, format_html("À vérifier :<ul>{}</ul>", points))
    return redirect("programmation:action_update", action.pk)


def reconduire_en_lot(request):
    """Dit d'abord ce qui se reconduit et ce qui ne le peut pas ; l'envoi ne porte que sur ce qui le peut."""
    choisies, trop = lire_la_selection(request)
    contexte = {"trop": trop, "liste": adresse_de_la_liste(request), "retour": filtres_de_depart(request)}
    if trop:
        return render(request, "programmation/reconduction_lot.html", contexte, status=400)
    actions = actions_choisies(request, choisies)
    demandes = [DemandeDeReconduction(action) for action in actions]
    if request.method == "POST" and actions:
        try:
            return lot_reconduit(request, operations.reconduire(demandes, par=request.user))
        except DejaReconduite as refus:
            contexte["refus"] = [insecables(message) for message in refus.messages]
            contexte["deja"] = refus.reconduites
        except OperationRefusee as refus:
            contexte["refus"] = [insecables(message) for message in refus.messages]
    preparations = preparer(demandes, request.user)
    contexte |= {
        "actions": actions,
        "possibles": [p for p in preparations if not p.pourquoi_pas],
        "empechements": reunir((p.action, p.pourquoi_pas) for p in preparations),
        "liste": adresse_de_la_liste(request, actions),
    }
    return render(request, "programmation/reconduction_lot.html", contexte)


def lot_reconduit(request, reconduites):
    nombre = pluriel(len(reconduites), "action est reconduite", "actions sont reconduites")
    a_verifier = sum(bool(reconduite.remarques) for reconduite in reconduites)
    suite = f" {pluriel(a_verifier, 'brouillon', 'brouillons')} à compléter." if a_verifier else ""
    messages.success(request, insecables(f"{nombre}, en brouillon.{suite}"))
    exercice = reconduites[0].action.exercice
    adresse = reverse("programmation:action_list")
    return redirect(f"{adresse}?exercice={exercice.pk}&statut=brouillon&origine=reconduite")


# --- Les prévisions d'une CPO ---


def action_previsions(request, pk):
    action = action_visible(request, pk)
    motif_exige = regles.motif_exige_pour_deplacer_un_total(action, action.decisions.exists())
    formulaire = PrevisionsForm(action, request.POST or None, motif_exige=motif_exige)
    if request.method == "POST" and formulaire.is_valid():
        try:
            motif = formulaire.cleaned_data["motif"]
            changees = operations.prevoir([formulaire.saisie()], par=request.user, motif=motif)
        except ConflitDeVersion as refus:
            return conflit(request, refus.actions, request.path)
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            fait = "Les prévisions sont enregistrées." if changees else "Les prévisions n’ont pas changé."
            messages.success(request, fait)
            return redirect(action)
    empechement = regles.empechement_de_prevoir(action)
    if not empechement and not regles.annees_a_prevoir(action):
        empechement = "C’est la dernière année de la CPO : il n’y a rien à prévoir."
    contexte = {"action": action, "formulaire": formulaire, "empechement": insecables(empechement)}
    return render(request, "programmation/reconduction_previsions.html", contexte)


COLONNES = (
    ColonneDeTableau(
        "action",
        "Action",
        lambda p: p.action.intitule,
        largeur=44,
        tri="action__recherche",
        lien=lambda p: p.action.get_absolute_url(),
    ),
    ColonneDeTableau("porteur", "Porteur", lambda p: str(p.action.porteur.courant), largeur=32),
    ColonneDeTableau(
        "contrat", "Contrat", lambda p: p.action.contrat.nom_court if p.action.contrat else "Département", largeur=24
    ),
    ColonneDeTableau("pilier", "Pilier", lambda p: str(p.action.pilier), largeur=28, tri="action__pilier__ordre"),
    ColonneDeTableau("rang", "Année de la CPO", lambda p: f"{p.action.cpo_rang} sur {p.action.cpo_nombre}", largeur=12),
    ColonneDeTableau("annee", "Année prévue", lambda p: str(p.annee), largeur=12, tri="annee"),
    ColonneDeTableau("montant", "Prévu", lambda p: p.montant, "euros", 16, tri="montant"),
)


@require_safe
def prevision_list(request):
    """Ce que les CPO programmées prévoient après l'exercice : la liste derrière « engagé à venir »."""
    exiger_l_etat(request)
    filtre = ExecutionFilterSet(request.GET, actions_lues_par_l_etat(request.user), request=request)
    previsions = a_venir(filtre.qs)
    synthese = lignes_a_venir(previsions)
    tableau = Tableau(
        nom="previsions",
        filtre=filtre,
        colonnes=COLONNES,
        lignes=previsions.select_related("action__contrat", "action__porteur__fusionne_dans", "action__pilier"),
        nombre=synthese.nombre,
        mots="prévision,prévisions",
        totaux={"montant": synthese.total},
    )
    return repondre(request, tableau, "programmation/reconduction_prevision_list.html", synthese=synthese)
