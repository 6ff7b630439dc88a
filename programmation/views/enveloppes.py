"""Les enveloppes d'un exercice : l'arbre, la fiche et son journal, et les gestes du responsable."""

from django.contrib import messages
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from politique_ville.outils.francais import euros, pluriel
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..enums import NatureMouvement, StatutAction
from ..forms.choix import trouver
from ..forms.enveloppes import (
    CHAMPS_D_UNE_ENVELOPPE,
    AnnulationForm,
    EnveloppeFilterSet,
    EnveloppeForm,
    MouvementForm,
    NotificationForm,
    RedeploiementForm,
)
from ..historique import Suivi, lire_les_gestes
from ..models import Action, Decision, Enveloppe, Exercice, MouvementEnveloppe
from ..operations import DejaEnregistre, OperationRefusee
from ..synthese import (
    arbre_des_enveloppes,
    attributions_recentes,
    barre,
    famille,
    hors_des_enveloppes,
    restes_avec_meres,
)
from .mixins import exiger

POUR_L_ETAT = "Les enveloppes se lisent par les services de l’État."
RESPONSABLE_SEUL = "Seul le responsable du département tient les enveloppes."
DEJA = "Ce mouvement est déjà enregistré."
LUES = ["exercice__departement", "contrat", "dispositif", "parent"]


# --- Lire ---


@require_safe
def enveloppe_list(request):
    """L'arbre des enveloppes du cadre ; pour plusieurs départements, leurs enveloppes mères seulement."""
    exiger(regles.lit_les_enveloppes(request.user), POUR_L_ETAT)
    visibles = Enveloppe.objects.visibles_par(request.user).select_related(*LUES).order_by("libelle", "pk")
    filtre = EnveloppeFilterSet(request.GET, visibles, request=request)
    cadre, enveloppes = filtre.cadre, filtre.qs
    if cadre.departement is None:
        enveloppes = enveloppes.filter(parent=None)
    exercice = cadre.exercices[0] if len(cadre.exercices) == 1 else None
    contexte = {
        "formulaire": filtre.form,
        "cadre": cadre,
        "groupes": par_exercice(cadre.exercices, arbre_des_enveloppes(enveloppes)),
        "hors": hors_des_enveloppes([exercice]) if exercice and voit_tout(request.user, exercice) else {},
        "exercice": exercice,
        "a_rattacher": peut_rattacher(request.user, exercice),
        "peut_ecrire": exercice is not None and regles.peut_tenir_les_enveloppes(request.user, exercice),
        "empechement": regles.empechement_de_tenir_les_enveloppes(exercice) if exercice else "",
    }
    return render(request, "programmation/enveloppe_list.html", contexte)


def peut_rattacher(utilisateur, exercice):
    """Y a-t-il ici des actions à rattacher, et le droit de le faire ?"""
    ouvert = exercice is not None and not exercice.est_clos and regles.peut_saisir(utilisateur, exercice)
    return ouvert and a_rattacher(utilisateur, exercice).exists()


def par_exercice(exercices, lignes):
    """(exercice, ses lignes), pour ceux qui en ont."""
    groupes = [(e, [ligne for ligne in lignes if ligne.enveloppe.exercice_id == e.pk]) for e in exercices]
    return [(exercice, siennes) for exercice, siennes in groupes if siennes]


def voit_tout(utilisateur, exercice, contrat_id=None):
    """Voit-elle toutes les actions que ces crédits portent ? Sinon les listes sont plus courtes que les barres."""
    perimetre = utilisateur.perimetre_de_l_etat
    return perimetre.national or exercice.departement_id in perimetre.departements or contrat_id in perimetre.contrats


@require_safe
def enveloppe_detail(request, pk):
    enveloppe = enveloppe_visible(request.user, pk)
    lue, siennes = barre(enveloppe), famille(enveloppe)
    visibles = Enveloppe.objects.visibles_par(request.user).select_related(*LUES).order_by("libelle", "pk")
    decisions = decisions_lisibles(request.user, siennes)
    mouvements = enveloppe.mouvements.select_related("auteur", "annule", "annule_par").order_by("date", "pk")
    suivis = [Suivi(Enveloppe, {"id": enveloppe.pk}, principal="créée")]
    contexte = {
        "enveloppe": enveloppe,
        "barre": lue,
        "reste": restes_avec_meres([enveloppe])[enveloppe.pk],
        "mouvements": mouvements,
        "filles": arbre_des_enveloppes(visibles.filter(pk__in=siennes).exclude(pk=enveloppe.pk)),
        "recentes": attributions_recentes(decisions, lue.sur_programmation),
        "depassements": decisions.filter(depassement__isnull=False),
        "listes_entieres": voit_tout(request.user, enveloppe.exercice, enveloppe.contrat_id),
        "historique": lire_les_gestes(suivis),
        **droits(request.user, enveloppe.exercice),
    }
    return render(request, "programmation/enveloppe_detail.html", contexte)


def droits(utilisateur, exercice):
    """Peut-elle écrire ici, et sinon pourquoi ?"""
    return {
        "peut_ecrire": regles.peut_tenir_les_enveloppes(utilisateur, exercice),
        "empechement": insecables(regles.empechement_de_tenir_les_enveloppes(exercice)),
    }


def decisions_lisibles(utilisateur, enveloppes):
    """Les décisions prises dans ces enveloppes, sur des actions que la personne voit ; la plus récente d'abord."""
    actions = Action.objects.visibles_par(utilisateur).order_by().values("pk")
    decisions = Decision.objects.filter(enveloppe__in=enveloppes, action__in=actions)
    return decisions.select_related("action", "auteur", "enveloppe").order_by("-date", "-pk")


def enveloppe_visible(utilisateur, pk):
    return get_object_or_404(Enveloppe.objects.visibles_par(utilisateur).select_related(*LUES), pk=pk)


def enveloppe_a_tenir(utilisateur, pk):
    """404 si elle n'est pas visible, 403 à qui n'est pas responsable."""
    enveloppe = enveloppe_visible(utilisateur, pk)
    exiger(regles.peut_tenir_les_enveloppes(utilisateur, enveloppe.exercice), RESPONSABLE_SEUL)
    return enveloppe


# --- Créer, modifier ---


def enveloppe_create(request, exercice):
    exercices = Exercice.objects.visibles_par(request.user).select_related("departement")
    exercice = get_object_or_404(exercices, pk=exercice)
    exiger(regles.peut_tenir_les_enveloppes(request.user, exercice), RESPONSABLE_SEUL)
    formulaire = EnveloppeForm(exercice, request.POST or None, initial=de_la_mere(request, exercice))
    if formulaire.is_valid():
        reponse = creer(request, exercice, formulaire)
        if reponse:
            return reponse
    retour = f"{reverse('programmation:enveloppe_list')}?exercice={exercice.pk}"
    return geste(request, formulaire, exercice, f"Ajouter une enveloppe, {exercice.annee}", "Ajouter", retour)


def de_la_mere(request, exercice):
    """Une sous-enveloppe part du contrat et du dispositif de sa mère."""
    mere = trouver(Enveloppe.objects.filter(exercice=exercice), request.GET.get("parent"))
    return {"parent": mere.pk, "contrat": mere.contrat_id, "dispositif": mere.dispositif_id} if mere else {}


def creer(request, exercice, formulaire):
    champs = formulaire.champs
    try:
        enveloppe = operations.creer_une_enveloppe(exercice, **champs, par=request.user)
    except OperationRefusee as refus:
        jumelle = deja_creee(request.user, exercice, champs)
        if jumelle is None:
            formulaire.refuser(refus)
            return None
        messages.info(request, insecables(f"« {jumelle} » est déjà créée."))
        return redirect("programmation:enveloppe_detail", jumelle.pk)
    messages.success(
        request, insecables(f"« {enveloppe} » est créée : y enregistrer une prévision ou une notification.")
    )
    return redirect("programmation:enveloppe_detail", enveloppe.pk)


def deja_creee(utilisateur, exercice, champs):
    """La même, que la même personne a créée d'un premier clic."""
    jumelle = Enveloppe.objects.filter(exercice=exercice, **champs).first()
    return jumelle if jumelle and jumelle.history.last().history_user_id == utilisateur.pk else None


def enveloppe_update(request, pk):
    enveloppe = enveloppe_a_tenir(request.user, pk)
    initial = {nom: getattr(enveloppe, nom) for nom in CHAMPS_D_UNE_ENVELOPPE}
    initial["lue"] = operations.version_lue(enveloppe)
    formulaire = EnveloppeForm(enveloppe.exercice, request.POST or None, initial=initial, enveloppe=enveloppe)
    if formulaire.is_valid():
        champs, lue = formulaire.champs, formulaire.cleaned_data["lue"]
        reponse = tenter(
            request,
            formulaire,
            lambda: operations.modifier_une_enveloppe(enveloppe, champs, par=request.user, lue=lue),
            "L’enveloppe est modifiée.",
            enveloppe,
        )
        if reponse:
            return reponse
    return geste_sur(request, formulaire, enveloppe, f"Modifier « {enveloppe} »", "Enregistrer")


# --- Les mouvements ---


def mouvement_create(request, pk):
    enveloppe = enveloppe_a_tenir(request.user, pk)
    formulaire = MouvementForm(request.POST or None)
    if formulaire.is_valid():
        mouvement = formulaire.mouvement(enveloppe)
        reponse = tenter(
            request,
            formulaire,
            lambda: operations.enregistrer_des_mouvements([mouvement], par=request.user, motif=mouvement.motif),
            mouvement_en_mots(mouvement),
            enveloppe,
        )
        if reponse:
            return reponse
    return geste_sur(request, formulaire, enveloppe, f"Mouvement de « {enveloppe} »", "Enregistrer le mouvement")


def mouvement_en_mots(mouvement):
    """Un gel ou un retrait ne réduit ce qui se décide qu'une fois la notification complète : dire quoi faire avant."""
    fait = f"Mouvement enregistré : {mouvement.get_nature_display().lower()} de {euros(mouvement.ae)}."
    if mouvement.nature in NatureMouvement.deduites() and not mouvement.enveloppe.notification_complete_le:
        fait += (
            " Le plafond ne change pas : il suit les prévisions tant que la notification n’est pas complète. Pour "
            "décider moins dès maintenant, enregistrer aussi une prévision négative."
        )
    return fait


def enveloppe_redeployer(request, pk):
    enveloppe = enveloppe_a_tenir(request.user, pk)
    formulaire = RedeploiementForm(enveloppe, request.POST or None)
    if formulaire.is_valid():
        lus = formulaire.cleaned_data
        suite = {nom: lus[nom] for nom in ("date", "motif", "nature", "reference", "geste")}
        reponse = tenter(
            request,
            formulaire,
            lambda: operations.redeployer(enveloppe, lus["cible"], formulaire.credits, par=request.user, **suite),
            f"{euros(formulaire.credits.ae)} passent de « {enveloppe} » à « {lus['cible']} ».",
            enveloppe,
        )
        if reponse:
            return reponse
    return geste_sur(request, formulaire, enveloppe, f"Redéployer depuis « {enveloppe} »", "Redéployer")


def mouvement_annuler(request, pk):
    mouvement = get_object_or_404(
        MouvementEnveloppe.objects.select_related("annule_par").filter(
            enveloppe__in=Enveloppe.objects.visibles_par(request.user).order_by().values("pk")
        ),
        pk=pk,
    )
    enveloppe = enveloppe_a_tenir(request.user, mouvement.enveloppe_id)
    if request.method == "POST" and hasattr(mouvement, "annule_par"):
        messages.info(request, "Ce mouvement est déjà annulé.")
        return redirect("programmation:enveloppe_detail", enveloppe.pk)
    formulaire = AnnulationForm(request.POST or None)
    if formulaire.is_valid():
        reponse = tenter(
            request,
            formulaire,
            lambda: operations.annuler_un_mouvement(mouvement, par=request.user, **formulaire.cleaned_data),
            "Le mouvement est annulé par un mouvement inverse.",
            enveloppe,
        )
        if reponse:
            return reponse
    titre = f"Annuler : {mouvement.get_nature_display().lower()} de {euros(mouvement.ae)}, « {enveloppe} »"
    empechement = regles.empechement_d_annuler(mouvement)
    return geste_sur(request, formulaire, enveloppe, titre, "Annuler ce mouvement", empechement)


def enveloppe_notifiee(request, pk):
    enveloppe = enveloppe_a_tenir(request.user, pk)
    if request.method == "POST" and "date" in request.POST and enveloppe.notification_complete_le:
        messages.info(request, "Cette notification est déjà déclarée complète.")  # y revenir n'envoie pas de date
        return redirect("programmation:enveloppe_detail", enveloppe.pk)
    formulaire = NotificationForm(enveloppe, request.POST or None)
    if request.method == "POST" and formulaire.is_valid():
        jour, motif = formulaire.date_declaree, formulaire.cleaned_data["motif"]
        dit = "est déclarée complète" if jour else "n’est plus déclarée complète"
        reponse = tenter(
            request,
            formulaire,
            lambda: operations.declarer_la_notification_complete(enveloppe, jour, par=request.user, motif=motif),
            f"La notification de « {enveloppe} » {dit}.",
            enveloppe,
        )
        if reponse:
            return reponse
    declaree = enveloppe.notification_complete_le
    titre = f"Revenir sur la notification de « {enveloppe} »" if declaree else f"Notification de « {enveloppe} »"
    return geste_sur(request, formulaire, enveloppe, titre, "Revenir" if declaree else "Déclarer complète")


# --- Les actions sans enveloppe ---


def enveloppe_rattacher(request, exercice):
    """Ce que le rattachement ferait, enveloppe par enveloppe ; l'envoi le fait."""
    exercices = Exercice.objects.visibles_par(request.user).select_related("departement")
    exercice = get_object_or_404(exercices, pk=exercice)
    exiger(regles.peut_saisir(request.user, exercice), "Votre habilitation ne permet pas de modifier ces actions.")
    liste = f"{reverse('programmation:enveloppe_list')}?exercice={exercice.pk}"
    actions = list(a_rattacher(request.user, exercice))
    if request.method == "POST":
        rattacher(request, actions)
        return redirect(liste)
    groupes = par_enveloppe(actions, exercice)
    contexte = {
        "exercice": exercice,
        "liste": liste,
        "a_choisir": groupes.pop(None, []),
        "groupes": groupes,
        "empechement": insecables(regles.empechement_de_tenir_les_enveloppes(exercice)),
    }
    return render(request, "programmation/enveloppe_rattacher.html", contexte)


def a_rattacher(utilisateur, exercice):
    """Les actions à décider de l'exercice qu'aucune feuille ne porte : sans enveloppe, ou dans une qui fut divisée."""
    divisees = Enveloppe.objects.filter(exercice=exercice, sous_enveloppes__isnull=False).order_by().values("pk")
    visibles = Action.objects.visibles_par(utilisateur).filter(exercice=exercice)
    sans_feuille = visibles.filter(Q(enveloppe=None) | Q(enveloppe__in=divisees))
    a_decider = sans_feuille.filter(statut__in=StatutAction.a_decider())
    return a_decider.select_related("contrat", "enveloppe").order_by("recherche", "pk")


def rattacher(request, actions):
    try:
        rattachees = operations.rattacher_a_leur_enveloppe(actions, par=request.user)
    except OperationRefusee as refus:
        for message in refus.messages:
            messages.error(request, insecables(message))
    else:
        messages.success(request, f"{pluriel(len(rattachees), 'action rattachée', 'actions rattachées')}.")


def par_enveloppe(actions, exercice):
    """Les actions, par l'enveloppe qui leur revient d'office ; None : il faudra choisir."""
    feuilles = list(Enveloppe.objects.filter(exercice=exercice).feuilles().order_by("libelle", "pk"))
    groupes = {}
    for action in actions:
        groupes.setdefault(regles.enveloppe_d_office(action, feuilles), []).append(action)
    return groupes


# --- Ce qu'ils partagent ---


def tenter(request, formulaire, operation, fait, enveloppe):
    """Exécute l'opération et rend la réponse ; None si elle a refusé : le formulaire dit alors pourquoi."""
    try:
        operation()
    except DejaEnregistre:
        messages.info(request, DEJA)
    except OperationRefusee as refus:
        formulaire.refuser(refus)
        return None
    else:
        messages.success(request, insecables(fait))
    return redirect("programmation:enveloppe_detail", enveloppe.pk)


def geste_sur(request, formulaire, enveloppe, titre, libelle, empechement=""):
    retour = reverse("programmation:enveloppe_detail", args=[enveloppe.pk])
    return geste(request, formulaire, enveloppe.exercice, titre, libelle, retour, enveloppe, empechement)


def geste(request, formulaire, exercice, titre, libelle, retour, enveloppe=None, empechement=""):
    """La page d'un geste ; un exercice clos dit qu'il est clos, sans formulaire."""
    contexte = {
        "formulaire": formulaire,
        "enveloppe": enveloppe,
        "barre": barre(enveloppe) if enveloppe else None,
        "exercice": exercice,
        "titre": insecables(titre),
        "libelle": libelle,
        "retour": retour,
        "empechement": insecables(regles.empechement_de_tenir_les_enveloppes(exercice) or empechement),
    }
    return render(request, "programmation/enveloppe_geste.html", contexte)
