"""Les gestes qui engagent tout un exercice : figer une campagne, clore, rouvrir, passer à l'année suivante."""

from functools import partial

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.timezone import localtime

from politique_ville.outils.francais import euros, pluriel
from politique_ville.outils.typographie import insecables
from programmation import regles
from programmation.forms.exercices import ReouvertureForm
from programmation.operations import OperationRefusee
from programmation.synthese.exercices import Avancement
from programmation.views.confirmations import Confirmation, confirmer
from programmation.views.exercices import (
    AU_RESPONSABLE,
    campagne_a_tenir,
    dire_le_reste,
    exercice_a_tenir,
    exercice_de_l_etat,
    lignes_d_exercices,
)
from programmation.views.mixins import exiger

from .. import operations
from ..models import Photographie
from ..passage import preparer_le_passage
from ..reglages import reglages

COMPLEMENT_PERMIS = "Compléter, diminuer ou déprogrammer restera possible, avec un motif."
FAITS_PERMIS = "Engagements, paiements, justifications et votes tardifs des financeurs resteront saisissables, à part."


def campagne_figer(request, pk):
    campagne = campagne_a_tenir(request.user, pk)
    [ligne] = lignes_d_exercices(request.user, [campagne.exercice])
    avancement = {c.pk: a for c, a in ligne.campagnes}[campagne.pk]
    confirmation = Confirmation(
        campagne.exercice,
        f"Figer « {campagne} »",
        "Figer la campagne",
        regles.empechement_de_figer(campagne) or deja_figee(campagne),
        [
            *ce_qui_attend(avancement),
            dire_le_reste(ligne.reste),
            COMPLEMENT_PERMIS,
            ce_que_garde_la_photographie(ligne),
        ],
        partial(operations.figer_campagne, campagne),
        f"La campagne « {campagne} » est figée et photographiée.",
    )
    return confirmer(request, confirmation)


def deja_figee(campagne):
    """Le jour de Paris : figée à 0 h 30, la base dit encore la veille."""
    return f"La campagne est figée depuis le {localtime(campagne.figee_le):%d/%m/%Y}." if campagne.est_figee else ""


def ce_qui_attend(avancement: Avancement) -> list[str]:
    """Ce que le gel laisse sans décision, en phrases ; une seule s'il n'y a rien."""
    phrases = []
    if avancement.attendent:
        nombre = pluriel(avancement.attendent, "action n’est pas décidée", "actions ne sont pas décidées")
        demande = euros(avancement.demande)
        phrases.append(f"{nombre}, pour {demande} demandés : plus aucune première décision ne sera possible.")
    if avancement.brouillons:
        phrases.append(
            f"{pluriel(avancement.brouillons, 'brouillon', 'brouillons')} : plus aucun dépôt ne sera possible."
        )
    if avancement.comites:
        mots = pluriel(avancement.comites, "comité n’est pas terminé", "comités ne sont pas terminés")
        phrases.append(f"{mots} : aucune décision n’y sera plus prise.")
    return phrases or ["Toutes les actions sont décidées : rien n’est laissé en attente."]


def ce_que_garde_la_photographie(ligne):
    total = ligne.total
    nombre = pluriel(total.programmees, "action programmée", "actions programmées")
    return f"Une photographie gardera les chiffres de cet instant : {nombre}, {euros(total.accorde)} accordés."


def exercice_clore(request, pk):
    exercice = exercice_a_tenir(request.user, pk)
    [ligne] = lignes_d_exercices(request.user, [exercice])
    sans_decision = [phrase for phrase in ce_qui_attend(ligne.total) if ligne.total.attendent or ligne.total.brouillons]
    confirmation = Confirmation(
        exercice,
        f"Clore l’exercice {exercice.annee}",
        "Clore l’exercice",
        regles.empechement_de_clore(exercice),
        [
            "Plus rien de la programmation ne changera : actions, décisions, plans, quartiers, enveloppes.",
            *sans_decision,
            dire_le_reste(ligne.reste),
            FAITS_PERMIS,
            ce_que_garde_la_photographie(ligne),
        ],
        partial(operations.cloturer_exercice, exercice),
        f"L’exercice {exercice.annee} est clos et photographié.",
    )
    return confirmer(request, confirmation)


def exercice_rouvrir(request, pk):
    exercice = exercice_a_tenir(request.user, pk)
    cloture = Photographie.objects.filter(exercice=exercice).sans_lignes().de_la_cloture()
    confirmation = Confirmation(
        exercice,
        f"Rouvrir l’exercice {exercice.annee}",
        "Rouvrir l’exercice",
        "" if exercice.est_clos else f"L’exercice {exercice.annee} n’est pas clos.",
        [
            "La programmation redevient modifiable, avec un motif à chaque changement qui déplace un total.",
            "Ses campagnes restent figées : ni dépôt, ni première décision.",
            f"La photographie « {cloture} » reste telle quelle : elle dira ce qui a changé."
            if cloture
            else "Aucune photographie ne garde ses chiffres de clôture.",
        ],
        partial(operations.rouvrir_exercice, exercice),
        f"L’exercice {exercice.annee} est rouvert.",
        ReouvertureForm,
    )
    return confirmer(request, confirmation)


def passage(request, pk):
    """Ce que l'année suivante reprendra, ce qu'elle a déjà, et ce qu'il y reste à régler ; se rejoue sans risque."""
    exercice = exercice_de_l_etat(request.user, pk)
    peut_tenir = regles.peut_figer(request.user, exercice)
    refus = []
    if request.method == "POST":
        exiger(peut_tenir, AU_RESPONSABLE)
        try:
            ajoute = operations.passer_a_l_annee_suivante(exercice, par=request.user)
        except OperationRefusee as refusee:
            refus = [insecables(message) for message in refusee.messages]
        else:
            messages.success(request, dire_ce_qui_est_ajoute(ajoute))
            return redirect("pilotage:passage", exercice.pk)
    prevu = preparer_le_passage(exercice)
    contexte = {
        "exercice": exercice,
        "passage": prevu,
        "refus": refus,
        "laisses": [insecables(phrase) for phrase in prevu.laisses],
        "peut_tenir": peut_tenir,
        "reglages": reglages(prevu.suivant, exercice) if prevu.suivant else [],
    }
    return render(request, "pilotage/passage.html", contexte)


def dire_ce_qui_est_ajoute(passage):
    ajouts = [pluriel(1, f"exercice {passage.annee} en préparation", "")] if passage.suivant is None else []
    if passage.campagnes:
        ajouts.append(pluriel(len(passage.campagnes), "campagne", "campagnes"))
    if passage.enveloppes:
        ajouts.append(pluriel(len(passage.enveloppes), "enveloppe", "enveloppes"))
    return insecables(f"Ajouté : {', '.join(ajouts)}." if ajouts else "Rien à ajouter : tout y est déjà.")
