"""Les actes : la liste et ce qui reste à établir, la fiche, rédiger, signer, notifier, remplacer, télécharger."""

import re

from django.contrib import messages
from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from politique_ville import contexte
from politique_ville.outils.listes import remplacer_parametres
from politique_ville.outils.pdf import PdfIndisponible
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..enums import NatureActe
from ..forms.actes import A_ETABLIR, ETATS, ActeFilterSet, ActeForm, DatesForm, TexteForm
from ..forms.execution import MotifForm
from ..historique import Suivi, lire_les_gestes
from ..lettres import courriers_en_pdf
from ..models import Acte, Action, Decision, VersementPrevu
from ..models.actions import actions_lues_par_l_etat
from ..operations import ActeChange, DejaPorte, OperationRefusee
from ..synthese.actes import (
    a_etablir,
    avec_montant,
    decisions_de,
    proposer_une_nature,
    totaux_des_actes,
    versions,
)
from ..synthese.courriers import acte_a_imprimer, cite_l_echeancier
from ..synthese.echeanciers import echeanciers
from .courriers import en_piece_jointe
from .en_lot import actions_choisies, adresse_de_la_liste, lire_la_selection
from .engagements import geste
from .mixins import IDENTIFIANT, exiger
from .tableaux import ColonneDeTableau, Tableau, exiger_l_etat, repondre

SANS_DROIT = "Votre habilitation ne permet pas d’établir cet acte."
LUES = ["exercice__departement", "organisme__fusionne_dans", "remplace__organisme", "remplace_par__organisme"]
DES_DECISIONS = ["action__exercice__departement", "action__contrat", "action__porteur__fusionne_dans", "enveloppe"]


DES_ACTIONS = ["exercice__departement", "contrat", "porteur__fusionne_dans"]


# --- La liste ---


@require_safe
def acte_list(request):
    exiger_l_etat(request)
    filtre = ActeFilterSet(request.GET, actions_lues_par_l_etat(request.user), request=request)
    actes = filtre.actes(Acte.objects.visibles_par(request.user))
    attendues = a_etablir(filtre.qs.order_by())
    totaux, choisi = totaux_des_actes(actes), filtre.etat_choisi
    nombres = totaux.par_etat | {A_ETABLIR: attendues.count()}
    if choisi == A_ETABLIR:
        tableau = tableau_a_etablir(filtre, attendues, nombres[A_ETABLIR])
    else:
        retenus = actes.a_l_etat(choisi) if choisi else actes
        tableau = tableau_des_actes(filtre, retenus, totaux_des_actes(retenus) if choisi else totaux)
    etats = [
        (libelle, nombres[etat], lien_de_l_etat(filtre.data, etat, choisi), etat == choisi) for etat, libelle in ETATS
    ]
    peut_ecrire = regles.peut_saisir_quelque_part(request.user)
    page = {"etats": etats, "a_etablir": choisi == A_ETABLIR, "peut_ecrire": peut_ecrire}
    page["en_lot"] = adresse_en_lot(filtre.data) if choisi == A_ETABLIR and nombres[A_ETABLIR] else ""
    return repondre(request, tableau, "programmation/acte_list.html", **page)


def lien_de_l_etat(adresse, etat, choisi):
    return remplacer_parametres(adresse, etat=None if etat == choisi else etat, page=None, tri=None)


def adresse_en_lot(adresse):
    """Établir d'un coup les actes de ces mêmes filtres."""
    parametres = remplacer_parametres(adresse, etat=None, page=None, tri=None, format=None)
    return f"{reverse('programmation:acte_en_lot')}{parametres}"


def tableau_des_actes(filtre, actes, totaux):
    return Tableau(
        nom="actes",
        filtre=filtre,
        colonnes=COLONNES,
        lignes=avec_montant(actes).select_related(*LUES).order_by("-exercice__annee", "organisme__recherche", "pk"),
        nombre=totaux.nombre,
        mots="acte,actes",
        totaux={"montant": totaux.montant},
    )


def tableau_a_etablir(filtre, actions, nombre):
    lues = actions.select_related("exercice__departement", "contrat", "porteur__fusionne_dans")
    return Tableau(
        nom="actes à établir",
        filtre=filtre,
        colonnes=COLONNES_A_ETABLIR,
        lignes=lues.order_by("porteur__recherche", "recherche", "pk"),
        nombre=nombre,
        mots="action,actions",
    )


def adresse_pour_etablir(action):
    return f"{reverse('programmation:acte_create')}?action={action.pk}"


COLONNES = (
    ColonneDeTableau(
        "acte", "Acte", lambda a: nom_de(a), largeur=34, tri="numero", lien=lambda a: a.get_absolute_url()
    ),
    ColonneDeTableau(
        "organisme", "Organisme", lambda a: str(a.organisme.courant), largeur=36, tri="organisme__recherche"
    ),
    ColonneDeTableau("objet", "Objet", lambda a: a.objet, largeur=44),
    ColonneDeTableau("montant", "Décisions portées", lambda a: a.montant, "euros", 18, tri="montant"),
    ColonneDeTableau("etat", "État", lambda a: a.etat.label, largeur=14, badge=lambda a: a.etat.couleur),
    ColonneDeTableau("signe_le", "Signé le", lambda a: a.signe_le, "date", 12, tri="signe_le"),
    ColonneDeTableau("notifie_le", "Notifié le", lambda a: a.notifie_le, "date", 12, tri="notifie_le"),
    ColonneDeTableau("remplace", "Remplace", lambda a: a.remplace and nom_de(a.remplace), largeur=26),
)
COLONNES_A_ETABLIR = (
    ColonneDeTableau(
        "action", "Action", lambda a: a.intitule, largeur=44, tri="recherche", lien=lambda a: a.get_absolute_url()
    ),
    ColonneDeTableau("organisme", "Organisme", lambda a: str(a.porteur.courant), largeur=36, tri="porteur__recherche"),
    ColonneDeTableau("contrat", "Contrat", lambda a: a.contrat.nom_court if a.contrat else "Département", largeur=24),
    ColonneDeTableau("montant", "À porter par un acte", lambda a: a.a_porter, "euros", 18, tri="a_porter"),
    ColonneDeTableau("decidee_le", "Décidée le", lambda a: a.decidee_le, "date", 12, tri="decidee_le"),
    ColonneDeTableau("geste", "Prochain geste", lambda a: "Établir l’acte", largeur=18, lien=adresse_pour_etablir),
)


def nom_de(acte):
    """« Convention n° 12 », sans son organisme."""
    return f"{acte.get_nature_display()} n° {acte.numero}" if acte.numero else acte.get_nature_display()


# --- Un acte ---


def acte_visible(request, pk):
    return get_object_or_404(Acte.objects.visibles_par(request.user).select_related(*LUES), pk=pk)


def acte_a_tenir(request, pk):
    """L'acte, si la personne le lit (404 sinon) et gère toutes ses actions (403 sinon)."""
    acte = acte_visible(request, pk)
    exiger(peut_tenir(request.user, decisions_portees(acte)), SANS_DROIT)
    return acte


def decisions_portees(acte):
    return list(acte.decisions.select_related(*DES_DECISIONS).order_by("action__recherche", "date", "pk"))


def peut_tenir(utilisateur, decisions):
    return all(regles.peut_gerer(utilisateur, decision.action) for decision in decisions)


@require_safe
def acte_detail(request, pk):
    acte = acte_visible(request, pk)
    decisions = decisions_portees(acte)
    lues = set(actions_lues_par_l_etat(request.user).filter(decisions__actes=acte).values_list("pk", flat=True))
    page = {
        "acte": acte,
        "nom": nom_de(acte),
        "courrier": acte_a_imprimer(acte),
        "decisions": [d for d in decisions if d.action_id in lues],
        "cachees": len([d for d in decisions if d.action_id not in lues]),
        "total": (total := sum(d.montant for d in decisions)),
        "echeancier": echeanciers(Acte.objects.filter(pk=acte.pk)).get(acte.pk),
        "peut_fixer": not regles.empechement_de_fixer_l_echeancier(acte, total),
        "cite": cite_l_echeancier(acte),
        "versions": [(version, nom_de(version)) for version in versions(acte)],
        "peut_ecrire": peut_tenir(request.user, decisions),
        "peut_rediger": not regles.empechement_de_rediger(acte),
        "peut_remplacer": not regles.empechement_de_remplacer(acte),
        "historique": lire_les_gestes(
            [Suivi(Acte, {"id": acte.pk}, principal="créé"), Suivi(VersementPrevu, {"acte_id": acte.pk})]
        ),
    }
    return render(request, "programmation/acte_detail.html", page)


@require_safe
def acte_pdf(request, pk):
    """L'acte à signer, ou tel que signé."""
    acte = acte_visible(request, pk)
    projet = "" if acte.signe_le else insecables("Projet, non signé.")
    avertissement = " ".join(filter(None, [projet, contexte.bandeau(request)]))
    try:
        pdf = courriers_en_pdf([acte_a_imprimer(acte)], f"{nom_de(acte)}, {acte.organisme}", avertissement)
    except PdfIndisponible as refus:
        messages.error(request, insecables(str(refus)))
        return redirect(acte)
    return en_piece_jointe(pdf, f"acte-{slugify(acte.numero or acte.pk)}-{slugify(acte.organisme)[:60]}.pdf")


# --- Établir ---


def acte_create(request):
    """Un projet d'acte pour les décisions d'une sélection (`action`), ou à la place d'un acte (`remplace`)."""
    remplace = acte_a_remplacer(request)
    choisies, trop = lire_la_selection(request)
    actions = [] if trop else actions_choisies(request, choisies)
    if remplace:
        siennes = Action.objects.filter(decisions__actes=remplace).distinct()
        actions = list(siennes.select_related(*DES_ACTIONS).order_by("pk"))
    page = {"remplace": remplace, "trop": trop, "actions": actions, "liste": adresse_de_la_liste(request, actions)}
    groupes = par_organisme_et_exercice(actions)
    if len(groupes) != 1:
        page["groupes"] = groupes
        return render(request, "programmation/acte_form.html", page)
    page |= preparer(request, actions, remplace)
    if request.method == "POST" and page["formulaire"].is_valid() and (reponse := rediger(request, page["formulaire"])):
        return reponse
    return render(request, "programmation/acte_form.html", page)


def acte_a_remplacer(request):
    """L'acte que nomme `remplace`, ou None ; 404 s'il est mal écrit ou hors du périmètre, 403 sans le droit."""
    valeur = (request.POST if request.method == "POST" else request.GET).get("remplace", "")
    if valeur and not re.fullmatch(IDENTIFIANT, valeur):
        raise Http404("Acte inconnu.")
    return acte_a_tenir(request, int(valeur)) if valeur else None


def par_organisme_et_exercice(actions):
    """Un acte ne s'adresse qu'à un organisme, dans un exercice : {(organisme, exercice): ses actions choisies}."""
    groupes = {}
    for action in actions:
        if action.porteur:
            groupes.setdefault((action.porteur.courant, action.exercice), []).append(action)
    return groupes


def preparer(request, actions, remplace):
    """Le formulaire, et ce que dit la loi : toutes les décisions que l'organisme a à porter dans l'exercice, celles des
    actions choisies déjà cochées ; en remplacement, celles de l'acte remplacé aussi."""
    exercice, organisme = actions[0].exercice, actions[0].porteur.courant
    decisions = decisions_possibles(request, organisme, exercice, remplace)
    cochees = [d for d in decisions if d.action_id in {action.pk for action in actions}]
    proposee = proposer_une_nature(actions)
    initial = {"decisions": [d.pk for d in cochees], "nature": proposee.nature}
    if remplace:
        initial["nature"] = NatureActe.AVENANT if sum(d.montant for d in cochees) > 0 else NatureActe.RETRAIT
    return {
        "organisme": organisme,
        "exercice": exercice,
        "proposee": proposee,
        "decisions": decisions,
        "empechement": insecables(regles.empechement_de_remplacer(remplace)) if remplace else "",
        "deja": Acte.objects.visibles_par(request.user).en_vigueur().filter(decisions__action__in=actions).distinct(),
        "formulaire": ActeForm(decisions, exercice.departement, remplace, request.POST or None, initial=initial),
    }


def decisions_possibles(request, organisme, exercice, remplace):
    """Celles que la personne gère et qu'aucun acte ne porte, celles de l'acte remplacé, celles qu'elle envoie : si un
    autre acte les porte déjà, l'opération le dit."""
    visibles = actions_lues_par_l_etat(request.user)
    libres = decisions_de(organisme, exercice, visibles)
    envoyees = [pk for pk in request.POST.getlist("decisions") if re.fullmatch(IDENTIFIANT, pk)]
    siennes = Decision.objects.filter(Q(pk__in=libres.values("pk")) | Q(pk__in=envoyees, action__in=visibles))
    siennes = siennes.select_related(*DES_DECISIONS)
    ids = [decision.pk for decision in siennes if regles.peut_gerer(request.user, decision.action)]
    ids += remplace.decisions.values_list("pk", flat=True) if remplace else []
    lues = Decision.objects.filter(pk__in=ids).select_related(*DES_DECISIONS)
    return lues.order_by("action__recherche", "action_id", "date", "pk")


def rediger(request, formulaire):
    """Écrit le projet et mène à sa fiche ; None après avoir placé les refus dans le formulaire."""
    saisie = formulaire.saisie()
    try:
        acte = operations.rediger_un_acte(saisie, par=request.user)
    except DejaPorte as refus:
        if redit(saisie, refus.acte):
            messages.info(request, insecables("Cet acte est déjà enregistré."))
            return redirect(refus.acte)
        formulaire.refuser(refus)
        return None
    except OperationRefusee as refus:
        formulaire.refuser(refus)
        return None
    messages.success(
        request, insecables("Le projet d’acte est enregistré : relire son texte avant de le faire signer.")
    )
    return redirect(acte)


def redit(saisie, acte):
    """Cet envoi, renvoyé, dit-il ce que cet acte a enregistré ?"""
    memes = set(acte.decisions.values_list("pk", flat=True)) == {d.pk for d in saisie.decisions}
    return memes and (acte.nature, acte.objet) == (saisie.nature, saisie.objet)


# --- Relire, dater, supprimer ---


def acte_update(request, pk):
    """Relire le texte d'un projet."""
    acte = acte_a_tenir(request, pk)
    formulaire = TexteForm(acte, request.POST or None)

    def agir(valeurs, version):
        return operations.modifier_un_acte(acte, **valeurs, version=version, par=request.user)

    mots = {"titre": "Relire le texte", "bouton": "Enregistrer le texte", "fait": "Le texte est enregistré."}
    return ecrire(request, acte, formulaire, agir, mots, regles.empechement_de_rediger(acte))


def acte_dater(request, pk):
    """Enregistrer la signature, puis la notification au porteur."""
    acte = acte_a_tenir(request, pk)
    formulaire = DatesForm(acte, request.POST or None)

    def agir(valeurs, version):
        motif = formulaire.cleaned_data["motif"]
        return operations.dater_un_acte(acte, **valeurs, version=version, par=request.user, motif=motif)

    mots = {
        "titre": "Signature et notification",
        "bouton": "Enregistrer les dates",
        "fait": "Les dates sont enregistrées.",
        "explication": insecables(
            "Une fois l’acte signé, son texte ne change plus : un avenant ou un retrait le remplace."
        ),
    }
    return ecrire(request, acte, formulaire, agir, mots)


def ecrire(request, acte, formulaire, agir, mots, empechement=""):
    """Un envoi sur un acte : enregistré, déjà enregistré (page renvoyée), ou dépassé par quelqu'un d'autre (409)."""
    conflit = None
    if request.method == "POST" and formulaire.is_valid():
        try:
            agir(formulaire.valeurs, formulaire.version_lue)
        except ActeChange as refus:
            if formulaire.redit(refus.acte):
                messages.info(request, insecables("Cet envoi est déjà enregistré."))
                return redirect(acte)
            conflit = refus.acte
            formulaire.data = formulaire.data.copy()
            formulaire.data["version"] = conflit.version
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(request, mots["fait"])
            return redirect(acte)
    page = {"acte": acte, "nom": nom_de(acte), "formulaire": formulaire, "conflit": conflit, **mots}
    page["empechement"] = insecables(empechement)
    return render(request, "programmation/acte_ecrire.html", page, status=409 if conflit else 200)


def acte_supprimer(request, pk):
    """Supprimer un projet, avec un motif."""
    acte = acte_a_tenir(request, pk)

    def agir(valides):
        operations.supprimer_un_acte(acte, par=request.user, motif=valides["motif"])
        return "Le projet d’acte est supprimé : ses décisions sont de nouveau à porter."

    return geste(
        request,
        MotifForm(request.POST or None),
        agir,
        titre="Supprimer un projet d’acte",
        bouton="Supprimer le projet",
        objet=f"{nom_de(acte)}, {acte.organisme.courant}",
        retour=reverse("programmation:acte_list") if request.method == "POST" else acte.get_absolute_url(),
        explication="L’historique le garde. Un acte signé ne se supprime pas : un retrait le remplace.",
    )
