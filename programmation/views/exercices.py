"""Les exercices et leurs campagnes : où ils en sont, les préparer, les ouvrir, régler une campagne, partager.

Figer, clore, rouvrir et passer à l'année suivante sont dans `pilotage.views.exercices` : ils photographient.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from politique_ville.outils.francais import euros, pluriel
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..enums import StatutExercice
from ..forms.exercices import CampagneForm, ExerciceForm, departements_du_responsable
from ..models import Action, Campagne, Enveloppe, Exercice
from ..operations import OperationRefusee
from ..synthese.exercices import Avancement, avancement_total, avancements, restes_des_exercices
from .confirmations import Confirmation, confirmer
from .mixins import exiger

AU_RESPONSABLE = "Les exercices et leurs campagnes sont tenus par le chef de service du département."
A_L_ETAT = "Le cadre de l’année se lit dans les services de l’État."


@dataclass(frozen=True)
class LigneDExercice:
    """Un exercice, ses campagnes et leur avancement ; `reste` : le reste à décider (None : sans enveloppe)."""

    exercice: Exercice
    campagnes: list[tuple[Campagne, Avancement]]
    reste: Decimal | None

    @property
    def total(self):
        return avancement_total(avancement for _, avancement in self.campagnes)

    @property
    def figees(self):
        return sum(campagne.est_figee for campagne, _ in self.campagnes)


def lignes_d_exercices(utilisateur, exercices):
    """Ce que la personne voit de ces exercices, en quelques requêtes quel que soit leur nombre."""
    exercices = list(exercices)
    campagnes = list(
        Campagne.objects.visibles_par(utilisateur)
        .filter(exercice__in=exercices)
        .select_related("contrat", "dispositif")
        .order_by("vague", "intitule", "pk")
    )
    visibles = Action.objects.visibles_par(utilisateur).filter(exercice__in=exercices)
    lus = avancements(visibles, campagnes)
    restes = restes_des_exercices(Enveloppe.objects.visibles_par(utilisateur).filter(exercice__in=exercices))
    return [
        LigneDExercice(
            exercice,
            [(campagne, lus[campagne.pk]) for campagne in campagnes if campagne.exercice_id == exercice.pk],
            restes.get(exercice.pk),
        )
        for exercice in exercices
    ]


# --- Lire ---


@require_safe
def exercice_list(request):
    exiger(regles.sert_l_etat(request.user), A_L_ETAT)
    exercices = Exercice.objects.lus_par_l_etat(request.user).select_related("departement", "nomenclature")
    exercices = exercices.order_by("-annee", "departement__code")
    contexte = {
        "lignes": lignes_d_exercices(request.user, exercices),
        "peut_preparer": departements_du_responsable(request.user).exists(),
    }
    return render(request, "programmation/exercice_list.html", contexte)


@require_safe
def exercice_detail(request, pk):
    exercice = exercice_de_l_etat(request.user, pk)
    [ligne] = lignes_d_exercices(request.user, [exercice])
    est_ouvert = exercice.statut == StatutExercice.OUVERT
    contexte = {
        "exercice": exercice,
        "ligne": ligne,
        "peut_tenir": regles.peut_figer(request.user, exercice),
        "pas_clos": insecables(regles.empechement_de_clore(exercice)) if est_ouvert else "",
        "histoire": histoire(exercice),
        "annee_suivante": exercice.annee + 1,
        "voit_les_photographies": voit_tout(request.user, exercice),
    }
    return render(request, "programmation/exercice_detail.html", contexte)


def voit_tout(utilisateur, exercice):
    """Une photographie est de tout l'exercice : il faut voir tout le département, côté État."""
    perimetre = utilisateur.perimetre_de_l_etat
    return perimetre.national or exercice.departement_id in perimetre.departements


def histoire(exercice, au_plus=30):
    """Ce qui a été fait à l'exercice et à ses campagnes, le plus récent d'abord."""
    de_l_exercice = exercice.history.select_related("history_user")[:au_plus]
    des_campagnes = Campagne.history.filter(exercice=exercice).select_related("history_user")[:au_plus]
    faits = [("", ligne) for ligne in de_l_exercice] + [(ligne.intitule, ligne) for ligne in des_campagnes]
    return sorted(faits, key=lambda fait: fait[1].history_date, reverse=True)[:au_plus]


# --- Préparer, ouvrir ---


def exercice_create(request):
    exiger(departements_du_responsable(request.user).exists(), AU_RESPONSABLE)
    formulaire = ExerciceForm(request.user, request.POST or None)
    if formulaire.is_valid():
        try:
            exercice = operations.preparer_un_exercice(**formulaire.cleaned_data, par=request.user)
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(request, insecables(f"L’exercice {exercice} est en préparation."))
            return redirect("programmation:exercice_detail", exercice.pk)
    return render(request, "programmation/exercice_form.html", {"formulaire": formulaire})


def exercice_ouvrir(request, pk):
    exercice = exercice_a_tenir(request.user, pk)
    [ligne] = lignes_d_exercices(request.user, [exercice])
    deposees = pluriel(ligne.total.attendent, "action déjà déposée pourra", "actions déjà déposées pourront")
    consequences = [
        f"{deposees} recevoir une décision, pour {euros(ligne.total.demande)} demandés.",
        dire_le_reste(ligne.reste),
    ]
    confirmation = Confirmation(
        exercice,
        f"Ouvrir l’exercice {exercice.annee}",
        "Ouvrir l’exercice",
        regles.empechement_d_ouvrir(exercice),
        consequences,
        partial(operations.ouvrir, exercice),
        f"L’exercice {exercice.annee} est ouvert.",
    )
    return confirmer(request, confirmation)


def dire_le_reste(reste):
    if reste is None:
        return "L’exercice n’a pas encore d’enveloppe : rien ne borne les décisions."
    if reste < 0:
        return f"Les enveloppes sont dépassées de {euros(-reste)}."
    return f"Il reste {euros(reste)} à décider dans les enveloppes."


# --- Les campagnes ---


def campagne_create(request, pk):
    exercice = exercice_a_tenir(request.user, pk)
    return regler(request, Campagne(exercice=exercice), f"Nouvelle campagne {exercice.annee}")


def campagne_update(request, pk):
    campagne = campagne_a_tenir(request.user, pk)
    return regler(request, campagne, f"Régler « {campagne} »")


def regler(request, campagne, titre):
    exercice, nouvelle = campagne.exercice, campagne.pk is None
    lue = None if nouvelle else operations.version_lue(campagne)
    formulaire = CampagneForm(request.POST or None, instance=campagne, initial={"lue": lue})
    if formulaire.is_valid() and enregistrer(request, formulaire, exercice, campagne):
        return redirect("programmation:exercice_detail", exercice.pk)
    empechement = regles.empechement_de_regler(Campagne.objects.get(pk=campagne.pk)) if not nouvelle else ""
    if nouvelle and exercice.est_clos:
        empechement = f"L’exercice {exercice.annee} est clos : aucune campagne ne s’y ajoute."
    contexte = {
        "exercice": exercice,
        "titre": insecables(titre),
        "formulaire": formulaire,
        "empechement": insecables(empechement),
    }
    return render(request, "programmation/campagne_form.html", contexte)


def enregistrer(request, formulaire, exercice, campagne):
    """Passe par l'opération ; rend la campagne, ou None après avoir placé ses refus dans le formulaire."""
    champs, lue = formulaire.champs, formulaire.cleaned_data["lue"]
    try:
        if campagne.pk:
            ecrite = operations.modifier_une_campagne(campagne, champs, par=request.user, lue=lue)
        else:
            ecrite = operations.creer_une_campagne(exercice, champs.pop("intitule"), par=request.user, **champs)
    except OperationRefusee as refus:
        formulaire.refuser(refus)
        return None
    messages.success(request, insecables(f"La campagne « {ecrite} » est enregistrée."))
    return ecrite


def campagne_partager(request, pk):
    campagne = campagne_a_tenir(request.user, pk)
    avancement = avancements(Action.objects.filter(campagne=campagne), [campagne])[campagne.pk]
    nombre = pluriel(avancement.attendent, "action non décidée", "actions non décidées")
    confirmation = Confirmation(
        campagne.exercice,
        f"Partager les propositions de « {campagne} »",
        "Partager avec les partenaires",
        regles.empechement_de_partager(campagne),
        [
            f"Villes, EPCI, CAF et autres partenaires liront le montant proposé, dont celui de {nombre}.",
            "Les avis réservés aux services de l’État restent cachés.",
            "Ce qui a été lu ne se reprend pas : le partage ne s’annule pas.",
        ],
        partial(operations.partager_les_propositions, campagne),
        f"Les propositions de « {campagne} » sont partagées.",
    )
    return confirmer(request, confirmation)


# --- Portes ---


def exercice_de_l_etat(utilisateur, pk):
    """404 hors du périmètre, et à qui n'y est que partenaire."""
    exercices = Exercice.objects.lus_par_l_etat(utilisateur).select_related("departement", "nomenclature")
    return get_object_or_404(exercices, pk=pk)


def exercice_a_tenir(utilisateur, pk):
    """404 s'il ne se voit pas, 403 à qui n'en est pas le responsable."""
    exercice = exercice_de_l_etat(utilisateur, pk)
    exiger(regles.peut_figer(utilisateur, exercice), AU_RESPONSABLE)
    return exercice


def campagne_a_tenir(utilisateur, pk):
    visibles = Campagne.objects.visibles_par(utilisateur).select_related(
        "exercice__departement", "exercice__nomenclature"
    )
    campagne = get_object_or_404(visibles, pk=pk)
    if not regles.voit_l_exercice(utilisateur, campagne.exercice):
        raise Http404("Campagne hors du périmètre de l’État")
    exiger(regles.peut_figer(utilisateur, campagne.exercice), AU_RESPONSABLE)
    return campagne
