"""Les avis : la liste de ceux que l'on attend, l'écran où l'on répond en deux gestes, la dispense en lot."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from comptes.enums import Role
from politique_ville.outils.francais import pluriel

from .. import regles
from ..enums import QualiteAvis, SensAvis
from ..filters import Cadre
from ..forms.avis import AvisForm, DispenseForm
from ..models import Action, Avis, Localisation
from ..models.actions import actions_lues_par_l_etat
from ..models.avis import actions_du_delegue
from ..operations import OperationRefusee, dispenser_d_avis, donner_un_avis
from ..synthese import attente, avis_manquants, en_attente, jours_d_attente
from .en_lot import actions_choisies, lire_la_selection
from .mixins import exiger

PAR_PAGE = 50
LUES = ["exercice__departement", "campagne", "contrat", "porteur__fusionne_dans", "pilier", "thematique", "enveloppe"]
A_L_ETAT = "Les avis attendus sont réservés aux services de l’État."
SANS_AVIS = "Votre habilitation ne permet pas de donner un avis sur cette action."


# --- La liste de ce que l'on attend ---


@require_safe
def avis_list(request):
    """Un délégué y lit ce qu'il doit à ses quartiers ; un agent, tout ce que ses campagnes attendent."""
    exiger(regles.sert_l_etat(request.user), A_L_ETAT)
    cadre = Cadre(request.GET, request.user)
    request.GET = cadre.parametres
    est_delegue = request.user.roles == {Role.DELEGUE}
    choisie = request.GET.get("qualite", "")
    qualites = [QualiteAvis.DELEGUE] if est_delegue else qualites_demandees(choisie)
    actions = cadre.actions(a_aviser(request.user))
    attendues = en_attente(actions, qualites).avec_montants().select_related(*LUES).prefetch_related(lieux())
    page = Paginator(attendues, PAR_PAGE).get_page(request.GET.get("page"))
    contexte = {
        "cadre": cadre,
        "page": page,
        "lignes": lignes(page.object_list),
        "attente": attente(actions, qualites),
        "est_delegue": est_delegue,
        "qualites": QualiteAvis,
        "choisie": choisie if choisie in QualiteAvis.values else "",
        "peut_ecrire": regles.peut_saisir_quelque_part(request.user),
    }
    return render(request, "programmation/avis_list.html", contexte)


def a_aviser(utilisateur):
    """Celles dont cette personne suit les avis : les siennes si elle est déléguée, sinon toutes au titre de l’État."""
    return (
        actions_du_delegue(utilisateur) if utilisateur.roles == {Role.DELEGUE} else actions_lues_par_l_etat(utilisateur)
    )


def qualites_demandees(choisie):
    return [QualiteAvis(choisie)] if choisie in QualiteAvis.values else list(QualiteAvis)


def lieux():
    """Les quartiers de chaque action, sans leur contour."""
    localisations = Localisation.objects.select_related("quartier").defer("quartier__contour").order_by("quartier_id")
    return Prefetch("localisations", localisations)


def lignes(actions):
    """(action, où elle se tient, avis qui manquent, jours d'attente)."""
    actions = list(actions)
    manquants = avis_manquants(actions)
    return [
        (action, lieu(action), [q.label for q in manquants.get(action.pk, [])], jours_d_attente(action.deposee_le))
        for action in actions
    ]


def lieu(action):
    quartiers = [str(localisation.quartier) for localisation in action.localisations.all()]
    if quartiers:
        return ", ".join(quartiers)
    return f"À l’échelle du contrat {action.contrat.nom_court}" if action.contrat else "À l’échelle du département"


# --- Donner son avis ---


def avis_donner(request, pk):
    """Le résumé de l'action et trois boutons ; un délégué hors de ses quartiers obtient 404."""
    actions = Action.objects.visibles_par(request.user).avec_montants().select_related(*LUES)
    action = get_object_or_404(actions.prefetch_related(lieux()), pk=pk)
    qualites = regles.qualites_de_l_avis(request.user, action)
    if not qualites and Role.DELEGUE in request.user.roles:
        raise Http404("Hors de ses quartiers")
    exiger(qualites, SANS_AVIS)
    siens = {avis.qualite: avis for avis in Avis.objects.filter(action=action, auteur=request.user)}
    avis = siens.get(request.GET.get("qualite", qualites[0]))
    formulaire = AvisForm(qualites, request.POST or None, avis=avis)
    empechement = regles.empechement_d_aviser(action)
    if request.method == "POST" and not empechement and formulaire.is_valid():
        try:
            donne = donner_un_avis(action, formulaire.avis(), par=request.user)
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(
                request, f"Votre avis sur « {action} » est enregistré : {donne.get_sens_display().lower()}."
            )
            return redirect(adresse_de_retour(request, action))
    contexte = {
        "action": action,
        "lieu": lieu(action),
        "formulaire": formulaire,
        "sens": SensAvis.exprimes(),
        "avis": avis,
        "autres": Avis.objects.visibles_par(request.user).filter(action=action).select_related("auteur"),
        "empechement": empechement,
        "attend_depuis": jours_d_attente(action.deposee_le),
    }
    return render(request, "programmation/avis_donner.html", contexte)


def adresse_de_retour(request, action):
    """Un délégué enchaîne sur ceux qu'il doit encore ; un agent revient à l'action."""
    return reverse("programmation:avis_list") if Role.DELEGUE in request.user.roles else action.get_absolute_url()


# --- Se dispenser d'un avis ---


def avis_dispenser(request):
    """Dispenser une sélection d'un avis exigé, avec un motif ; tout ou rien."""
    choisies, trop = lire_la_selection(request)
    liste = reverse("programmation:avis_list")
    if trop:
        return render(request, "programmation/avis_dispenser.html", {"trop": trop, "liste": liste}, status=400)
    actions = actions_choisies(request, choisies)
    formulaire = DispenseForm(request.POST or None)
    if request.method == "POST" and actions and formulaire.is_valid():
        try:
            dispenses = dispenser_d_avis(
                actions,
                QualiteAvis(formulaire.cleaned_data["qualite"]),
                par=request.user,
                motif=formulaire.cleaned_data["motif"],
            )
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            fait = pluriel(len(dispenses), "action est dispensée", "actions sont dispensées")
            messages.success(request, f"{fait} de cet avis.")
            return redirect(liste)
    contexte = {
        "actions": actions,
        "formulaire": formulaire,
        "liste": liste,
    }
    return render(request, "programmation/avis_dispenser.html", contexte)
