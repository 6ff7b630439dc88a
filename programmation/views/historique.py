"""L'histoire de chaque objet de la programmation, champ par champ, et le retour d'une action à une version passée."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..forms.conflit import comparer, saisie_de
from ..forms.historique import RetourForm
from ..historique import Suivi, histoire_de, lire_les_gestes, majuscule
from ..models import (
    Action,
    Campagne,
    Comite,
    Enveloppe,
    Etablissement,
    Exercice,
    MouvementEnveloppe,
    Organisme,
    Passage,
    Scenario,
)
from ..operations import ConflitDeVersion, OperationRefusee
from .gestes import action_visible, conflit
from .mixins import exiger

PAR_PAGE = 50
A_L_ETAT = "L’historique est réservé aux services de l’État."
BLOCS = {
    "plan": "Plan de financement",
    "quartiers": "Quartiers",
    "piliers_transversaux": "Piliers transversaux",
    "priorites": "Priorités",
    "previsions": "Années à venir",
    "decisions": "Statut et décisions",
    "avis": "Avis",
    "comites": "Comités",
    "execution": "Exécution",
}


# --- Une action ---


@require_safe
def action_histoire(request, pk):
    """`?champ=` : un champ, un bloc de la fiche ou une ligne du plan ; sans lui, tout."""
    action = get_object_or_404(Action.objects.visibles_par(request.user).select_related("exercice"), pk=pk)
    exiger(regles.est_de_l_etat(request.user, [action.exercice.departement_id]), A_L_ETAT)
    champ = request.GET.get("champ", "")
    evenements = histoire_de(action, champ)
    if evenements is None:
        raise Http404("Ce champ n’existe pas.")
    contexte = {
        "objet": action,
        "retour": action.get_absolute_url(),
        "champ": nom_du_champ(champ),
        "blocs": BLOCS.items(),
        "choisi": champ,
        "restaurable": action if regles.peut_modifier(request.user, action) else None,
    } | liste("Actions", "action_list")
    return page(request, evenements, contexte)


def nom_du_champ(champ):
    if not champ or champ in BLOCS:
        return BLOCS.get(champ, "")
    if champ.startswith("plan-"):
        return "Ligne du plan de financement"
    return majuscule(Action._meta.get_field(champ).verbose_name)


def liste(nom, vue):
    """La liste d'où vient l'objet, pour le fil d'Ariane."""
    return {"liste": nom, "adresse_de_la_liste": reverse(f"programmation:{vue}")}


def page(request, evenements, contexte):
    feuillet = Paginator(evenements, PAR_PAGE).get_page(request.GET.get("page"))
    contexte |= {"page": feuillet, "nombre": len(evenements)}
    return render(request, "programmation/historique_detail.html", contexte)


# --- Le reste du cadre ---


@require_safe
def organisme_histoire(request, pk):
    organisme = get_object_or_404(Organisme.objects.visibles_par(request.user), pk=pk)
    exiger(regles.sert_l_etat(request.user), A_L_ETAT)
    suivis = [
        Suivi(Organisme, {"id": pk}, principal="créé", limite=None),
        Suivi(Etablissement, {"organisme_id": pk}, limite=None),
    ]
    retour = reverse("programmation:organisme_detail", args=[pk])
    contexte = {"objet": organisme, "retour": retour} | liste("Organismes", "organisme_list")
    return page(request, lire_les_gestes(suivis), contexte)


@require_safe
def enveloppe_histoire(request, pk):
    enveloppe = get_object_or_404(Enveloppe.objects.visibles_par(request.user), pk=pk)
    suivis = [
        Suivi(Enveloppe, {"id": pk}, principal="créée", limite=None),
        Suivi(MouvementEnveloppe, {"enveloppe_id": pk}, valeurs=True, limite=None),
    ]
    retour = reverse("programmation:enveloppe_detail", args=[pk])
    contexte = {"objet": enveloppe, "retour": retour} | liste("Enveloppes", "enveloppe_list")
    return page(request, lire_les_gestes(suivis), contexte)


@require_safe
def exercice_histoire(request, pk):
    exercice = get_object_or_404(Exercice.objects.lus_par_l_etat(request.user).select_related("departement"), pk=pk)
    suivis = [
        Suivi(Exercice, {"id": pk}, principal="préparé", limite=None),
        Suivi(Campagne, {"exercice_id": pk}, feminin=True, limite=None),
    ]
    retour = exercice.get_absolute_url()
    contexte = {"objet": exercice, "retour": retour} | liste("Exercices et campagnes", "exercice_list")
    return page(request, lire_les_gestes(suivis), contexte)


@require_safe
def scenario_histoire(request, pk):
    """Son nom, son état, les règles appliquées ; ses montants, qui ne sont que des essais, n'ont pas d'histoire."""
    scenario = get_object_or_404(Scenario.objects.visibles_par(request.user), pk=pk)
    retour = reverse("programmation:scenario_detail", args=[pk])
    contexte = {"objet": scenario, "retour": retour} | liste("Scénarios", "scenario_list")
    return page(request, lire_les_gestes([Suivi(Scenario, {"id": pk}, principal="créé", limite=None)]), contexte)


@require_safe
def comite_histoire(request, pk):
    """Sa date, son lieu, sa séance, et ce que l'on a enregistré pour chaque action que la personne peut voir."""
    comite = get_object_or_404(Comite.objects.visibles_par(request.user), pk=pk)
    visibles = Action.objects.visibles_par(request.user).order_by().values("pk")
    passages = {"comite_id": pk, "action_id__in": visibles}
    suivis = [
        Suivi(Comite, {"id": pk}, principal="prévu", limite=None),
        Suivi(Passage, passages, sujet="action", valeurs=True, limite=None),
    ]
    retour = reverse("programmation:comite_detail", args=[pk])
    contexte = {"objet": comite, "retour": retour} | liste("Comités", "comite_list")
    return page(request, lire_les_gestes(suivis), contexte)


# --- Revenir à une version ---


def action_version(request, pk, version):
    """Ce qui changerait, champ par champ ; l'envoi écrit une nouvelle version. Rien n'est effacé."""
    action = action_visible(request, pk)
    retour, empechement = lire_le_retour(action, version)
    ecarts = ecarts_du_retour(action, retour) if retour else []
    motif_exige = regles.motif_exige_pour_deplacer_un_total(action, action.decisions.exists())
    donnees = request.POST if request.method == "POST" else None
    formulaire = RetourForm(donnees, initial={"lue": action.version}, motif_exige=motif_exige)
    if donnees is not None and formulaire.is_valid() and not empechement:
        try:
            operations.restaurer(action, version, par=request.user, **formulaire.cleaned_data)
        except ConflitDeVersion as refus:
            return conflit(request, refus.actions, request.path)
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(request, insecables(f"L’action est revenue à sa version {version}. Rien n’est effacé."))
            return redirect(action)
    contexte = {
        "action": action,
        "version": version,
        "retour": retour,
        "ecarts": ecarts,
        "reste": [insecables(phrase) for phrase in retour.reste] if retour else [],
        "formulaire": formulaire,
        "empechement": insecables(empechement),
    }
    return render(request, "programmation/historique_version.html", contexte)


def lire_le_retour(action, version):
    """Le retour, ou None et la phrase qui dit pourquoi il n'y en a pas."""
    empechement = regles.empechement_de_modifier(action)
    if empechement:
        return None, empechement
    try:
        return operations.preparer_le_retour(action, version), ""
    except OperationRefusee as refus:
        return None, " ".join(refus.messages)


def ecarts_du_retour(action, retour):
    """Les champs qui changeraient : aujourd'hui (`base`), alors (`mien`)."""
    return comparer(None, saisie_de(action, retour.saisie.champs), retour.saisie)
