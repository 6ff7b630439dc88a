"""Les engagements : la liste, un EJ, engager une sélection d'actions, désengager, corriger, retirer."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from politique_ville.outils.francais import euros
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..forms.execution import (
    CorrectionForm,
    DesengagementForm,
    EngagementEnLot,
    EngagementForm,
    LignesForm,
    MotifForm,
)
from ..forms.filtres_execution import EngagementFilterSet
from ..historique import Suivi, lire_les_gestes
from ..models import Action, Engagement, LigneEngagement, Paiement
from ..models.actions import actions_lues_par_l_etat
from ..operations import DemandeDEngagement, EntreTemps, OperationRefusee
from ..operations.execution import compte_du_poste, ecrire_le_numero
from ..synthese.execution import avec_paye, postes_a_engager, totaux_d_engagement
from .en_lot import actions_choisies, adresse_de_la_liste, filtres_de_depart, lire_la_selection
from .mixins import exiger
from .tableaux import ColonneDeTableau, Tableau, exiger_l_etat, recu, repondre

SANS_DROIT = "Votre habilitation ne permet pas d’engager ni de payer cette action."
LUES = ["engagement__exercice__departement", "action__contrat", "action__porteur__fusionne_dans", "enveloppe"]


# --- La liste ---


@require_safe
def engagement_list(request):
    exiger_l_etat(request)
    filtre = EngagementFilterSet(request.GET, actions_lues_par_l_etat(request.user), request=request)
    lignes = filtre.lignes()
    totaux = totaux_d_engagement(lignes)
    tableau = Tableau(
        nom="engagements",
        filtre=filtre,
        colonnes=COLONNES,
        lignes=avec_paye(lignes).select_related(*LUES).order_by("-engagement__date", "-engagement_id", "pk"),
        nombre=totaux.lignes,
        mots="ligne d’engagement,lignes d’engagement",
        totaux={"ae": totaux.ae, "paye": totaux.paye, "reste": totaux.reste},
    )
    return repondre(
        request,
        tableau,
        "programmation/engagement_list.html",
        totaux=totaux,
        peut_ecrire=regles.peut_saisir_quelque_part(request.user),
    )


def adresse_de_l_ej(ligne):
    return reverse("programmation:engagement_detail", args=[ligne.engagement_id])


COLONNES = (
    ColonneDeTableau(
        "ej", "EJ", lambda x: x.engagement.numero, largeur=14, tri="engagement__numero", lien=adresse_de_l_ej
    ),
    ColonneDeTableau("date", "Date", lambda x: x.engagement.date, "date", 12, tri="engagement__date"),
    ColonneDeTableau(
        "action",
        "Action",
        lambda x: x.action.intitule,
        largeur=44,
        tri="action__recherche",
        lien=lambda x: x.action.get_absolute_url(),
    ),
    ColonneDeTableau("porteur", "Porteur", lambda x: str(x.action.porteur.courant), largeur=32),
    ColonneDeTableau(
        "contrat", "Contrat", lambda x: x.action.contrat.nom_court if x.action.contrat else "Département", largeur=24
    ),
    ColonneDeTableau("enveloppe", "Enveloppe", lambda x: str(x.enveloppe or ""), largeur=24),
    ColonneDeTableau("ae", "Engagé (AE)", lambda x: x.ae, "euros", 16, tri="ae"),
    ColonneDeTableau("paye", "Payé, net (CP)", lambda x: x.paye, "euros", 16),
    ColonneDeTableau("reste", "Reste à payer", lambda x: x.ae - x.paye, "euros", 16),
)


# --- Un EJ ---


def engagement_visible(request, pk):
    visibles = Engagement.objects.visibles_par(request.user).select_related("exercice__departement")
    return get_object_or_404(visibles, pk=pk)


@require_safe
def engagement_detail(request, pk):
    engagement = engagement_visible(request, pk)
    toutes = LigneEngagement.objects.filter(engagement=engagement)
    siennes = toutes.filter(action__in=actions_lues_par_l_etat(request.user).values("pk"))
    lignes = list(avec_paye(siennes).select_related(*LUES).order_by("action_id", "pk"))
    gerees = {ligne.pk for ligne in lignes if regles.peut_executer(request.user, avec_exercice(ligne, engagement))}
    paiements = Paiement.objects.filter(ligne__in=lignes).select_related("ligne__action").order_by("date", "pk")
    contexte = {
        "engagement": engagement,
        "lignes": [(ligne, ligne.pk in gerees) for ligne in lignes],
        "paiements": [(paiement, paiement.ligne_id in gerees) for paiement in paiements],
        "totaux": totaux_d_engagement(siennes),
        "en_partie": len(lignes) < toutes.count(),
        "peut_corriger": len(gerees) == toutes.count(),
        "historique": historique_de_l_engagement(engagement, lignes),
    }
    return render(request, "programmation/engagement_detail.html", contexte)


def avec_exercice(ligne, engagement):
    ligne.action.exercice = engagement.exercice
    return ligne.action


def historique_de_l_engagement(engagement, lignes):
    """Celle de l'EJ, de ses lignes et de leurs paiements, même retirés : seules les lignes que la personne lit."""
    actions = {ligne.action_id for ligne in lignes}
    histoire = LigneEngagement.history.filter(engagement_id=engagement.pk, action_id__in=actions)
    siennes = set(histoire.order_by().values_list("id", flat=True))
    return lire_les_gestes(
        [
            Suivi(Engagement, {"id": engagement.pk}, principal="créé"),
            Suivi(LigneEngagement, {"id__in": siennes}, feminin=True),
            Suivi(Paiement, {"ligne_id__in": siennes}),
        ]
    )


# --- Engager une sélection ---


def engagement_create(request):
    choisies, trop = lire_la_selection(request)
    actions = [] if trop else actions_choisies(request, choisies)
    lot = EngagementEnLot(postes_a_engager(programmees(actions)), EngagementForm(recu(request)), recu(request))
    existant = None
    if request.method == "POST" and actions and lot.is_valid():
        existant = ej_existant(request.user, actions, lot.commune.cleaned_data["numero"])
        if existant and existant.date == lot.commune.cleaned_data["date"] and lot.redit(existant):
            messages.info(request, "Cet EJ est déjà enregistré.")
            return redirect("programmation:engagement_detail", existant.pk)
        engagement = enregistrer_l_engagement(request, lot)
        if engagement:
            messages.success(request, insecables(f"{engagement} est enregistré."))
            return redirect("programmation:engagement_detail", engagement.pk)
    contexte = {
        "titre": "Engager",
        "lot": lot,
        "trop": trop,
        "ecartees": [
            (a, insecables(regles.empechement_d_engager(a))) for a in actions if a not in programmees(actions)
        ],
        "existant": existant,
        "lien_existant": adresse_pour_completer(existant, actions) if existant else "",
    }
    return render(request, "programmation/engagement_form.html", contexte | cadre_de_la_selection(request, actions))


def cadre_de_la_selection(request, actions):
    retour = adresse_de_la_liste(request, actions)
    return {"actions": actions, "retour": filtres_de_depart(request), "liste": retour}


def programmees(actions):
    return [action for action in actions if not regles.empechement_d_engager(action)]


def ej_existant(utilisateur, actions, numero):
    """L'EJ de ce numéro dans le même exercice, si la personne en lit une ligne."""
    visibles = Engagement.objects.visibles_par(utilisateur)
    return visibles.filter(exercice=actions[0].exercice_id, numero=ecrire_le_numero(numero)).first()


def enregistrer_l_engagement(request, lot):
    """L'EJ écrit, ou None après avoir placé les refus dans le formulaire."""
    valides = lot.commune.cleaned_data
    demande = DemandeDEngagement(valides["numero"], valides["date"], lot.demandes())
    try:
        return operations.engager([demande], par=request.user, motif=valides["motif"])[0]
    except OperationRefusee as refus:
        lot.commune.refuser(refus)
        return None


def adresse_pour_completer(engagement, actions):
    choisies = "&".join(f"action={action.pk}" for action in actions)
    return f"{reverse('programmation:engagement_completer', args=[engagement.pk])}?{choisies}"


def engagement_completer(request, pk):
    """Ajouter des actions à un EJ déjà enregistré."""
    engagement = engagement_visible(request, pk)
    choisies, trop = lire_la_selection(request)
    actions = [] if trop else actions_choisies(request, choisies)
    if any(action.exercice_id != engagement.exercice_id for action in actions):
        raise Http404("Une action de la sélection est d’un autre exercice que l’EJ.")
    vues = {"vues": engagement.lignes.count()}
    lot = EngagementEnLot(
        postes_a_engager(programmees(actions)), LignesForm(recu(request), initial=vues), recu(request)
    )
    if request.method == "POST" and actions and lot.is_valid() and completer(request, engagement, lot):
        return redirect("programmation:engagement_detail", engagement.pk)
    contexte = {
        "titre": f"Compléter l’{engagement}",
        "engagement": engagement,
        "lot": lot,
        "trop": trop,
        "ecartees": [
            (a, insecables(regles.empechement_d_engager(a))) for a in actions if a not in programmees(actions)
        ],
    }
    return render(request, "programmation/engagement_form.html", contexte | cadre_de_la_selection(request, actions))


def completer(request, engagement, lot):
    """Vrai si les lignes sont écrites ; sinon le formulaire dit pourquoi."""
    valides = lot.commune.cleaned_data
    options = {"par": request.user, "motif": valides["motif"], "vues": valides["vues"]}
    try:
        lignes = operations.completer_l_engagement(engagement, lot.demandes(), **options)
    except OperationRefusee as refus:
        rafraichir(lot.commune, refus)
        lot.commune.refuser(refus)
        return False
    messages.success(request, f"{euros(sum(ligne.ae for ligne in lignes))} de plus sont engagés.")
    return True


def rafraichir(formulaire, refus):
    """Après un envoi dépassé, le formulaire réaffiché porte ce que la base contient : on peut le renvoyer."""
    if isinstance(refus, EntreTemps):
        formulaire.data = formulaire.data.copy()
        for nom in {"vus", "vues"} & set(formulaire.fields):
            formulaire.data[nom] = formulaire.initial[nom]


# --- Les gestes sur une ligne, sur un EJ ---


def ligne_a_gerer(request, pk):
    """La ligne, si la personne lit l'action (404 sinon) et peut l'exécuter (403 sinon)."""
    lues = LigneEngagement.objects.filter(action__in=actions_lues_par_l_etat(request.user).values("pk"))
    ligne = get_object_or_404(lues.select_related(*LUES, "action__exercice__departement"), pk=pk)
    exiger(regles.peut_executer(request.user, ligne.action), SANS_DROIT)
    return ligne


def geste(request, formulaire, agir, *, titre, bouton, objet, retour, explication="", deja=None):
    """Une page de geste : le formulaire, ce qu'il fait, le retour. `agir` écrit et rend la phrase à dire ensuite.

    `deja` : si l'envoi est dépassé, dit si le même envoi a déjà été enregistré (double clic, page renvoyée).
    """
    if request.method == "POST" and formulaire.is_valid():
        try:
            phrase = agir(formulaire.cleaned_data)
        except OperationRefusee as refus:
            if isinstance(refus, EntreTemps) and deja and deja(formulaire):
                messages.info(request, "Cet envoi est déjà enregistré.")
                return redirect(retour)
            rafraichir(formulaire, refus)
            formulaire.refuser(refus)
        else:
            messages.success(request, insecables(phrase))
            return redirect(retour)
    contexte = {"titre": titre, "bouton": bouton, "objet": objet, "retour": retour, "formulaire": formulaire}
    return render(request, "programmation/execution_geste.html", contexte | {"explication": insecables(explication)})


def ligne_desengager(request, pk):
    ligne = ligne_a_gerer(request, pk)
    engage, paye = compte_du_poste(ligne)
    vues = ligne.engagement.lignes.count()
    formulaire = DesengagementForm(engage - paye, recu(request), initial={"vues": vues})

    def agir(valides):
        operations.desengager(ligne, valides["montant"], par=request.user, motif=valides["motif"], vues=valides["vues"])
        return f"{euros(valides['montant'])} sont désengagés."

    def deja(envoye):
        derniere = ligne.engagement.lignes.order_by("-pk").first()
        vus = envoye.cleaned_data
        meme = (ligne.action_id, ligne.enveloppe_id, -vus["montant"])
        return vues == vus["vues"] + 1 and (derniere.action_id, derniere.enveloppe_id, derniere.ae) == meme

    return geste(
        request,
        formulaire,
        agir,
        titre="Désengager",
        bouton="Désengager",
        objet=f"{ligne.engagement}, {ligne.action}",
        retour=adresse_de_l_ej(ligne),
        explication="Une ligne négative s’ajoute à l’EJ : les crédits redeviennent disponibles à l’engagement.",
        deja=deja,
    )


def ligne_retirer(request, pk):
    ligne = ligne_a_gerer(request, pk)

    def agir(valides):
        operations.retirer_la_ligne(ligne, par=request.user, motif=valides["motif"])
        return "La ligne est retirée."

    autres = LigneEngagement.objects.filter(engagement=ligne.engagement_id).exclude(pk=ligne.pk)
    retour = adresse_de_l_ej(ligne) if request.method == "GET" or autres.exists() else ligne.action.get_absolute_url()
    return geste(
        request,
        MotifForm(recu(request)),
        agir,
        titre="Retirer une ligne saisie par erreur",
        bouton="Retirer la ligne",
        objet=f"{ligne.engagement}, {ligne.action} : {euros(ligne.ae)}",
        retour=retour,
        explication="Pour une faute de saisie. Si Chorus a vraiment rendu les crédits, désengager plutôt.",
    )


def engagement_update(request, pk):
    engagement = engagement_visible(request, pk)
    actions = Action.objects.filter(lignes_engagement__engagement=engagement).select_related("exercice").distinct()
    exiger(all(regles.peut_executer(request.user, action) for action in actions), SANS_DROIT)
    initial = {"numero": engagement.numero, "date": engagement.date, "lue": operations.version_lue(engagement)}

    def agir(valides):
        operations.corriger_l_engagement(engagement, **valides, par=request.user)
        return "L’EJ est corrigé."

    return geste(
        request,
        CorrectionForm(recu(request), initial=initial),
        agir,
        titre="Corriger l’EJ",
        bouton="Corriger",
        objet=str(engagement),
        retour=reverse("programmation:engagement_detail", args=[engagement.pk]),
    )
