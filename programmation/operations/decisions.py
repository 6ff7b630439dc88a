"""Décider : enregistrer ce que le préfet accorde, complète, diminue ou refuse, en un lot et une transaction."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import total

from .. import regles
from ..enums import EtatFinancement, FamilleFinanceur, NatureDecision, NatureFinancement, QualiteAvis
from ..models import Action, Decision, Enveloppe, Financement, Financeur, Passage, Scenario
from ..synthese import avis_manquants
from .depassements import verifier_le_disponible
from .outils import (
    MotifExige,
    OperationRefusee,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    modifier_avec_historique,
    verifier_les_versions,
    verrouiller_les_actions,
)
from .statuts import ajuster_les_lignes_p147, exiger_les_droits, marquer_modifiees


@dataclass(frozen=True)
class DemandeDeDecision:
    """Une décision à enregistrer : montant signé en euros (None : celui que la nature impose, 0 ou le retrait de tout).

    `version` : celle de l'action que le décideur a lue (None : sans contrôle). `passage` : celui du comité où elle se
    prend. `scenario` : celui que l'on promeut. `motif` : le sien (None : celui du lot).
    """

    action: Action
    nature: NatureDecision
    montant: Decimal | None = None
    enveloppe: Enveloppe | None = None
    version: int | None = None
    passage: Passage | None = None
    scenario: Scenario | None = None
    motif: str | None = None


@dataclass(frozen=True)
class Lectures:
    """Ce qu'il faut savoir d'un lot d'actions, sous le verrou de leurs exercices, pour les décider.

    `sommes` : l'accordé (euros) par action ; `porteuses` : ce même accordé, par enveloppe de ses décisions (None : sans
    enveloppe) ; `enveloppes` : toutes celles des exercices, par identifiant ; `avis_manquants` : ceux sans lesquels la
    campagne n'attribue rien, par action.
    """

    sommes: dict[int, Decimal]
    porteuses: dict[int, dict[int | None, Decimal]]
    enveloppes: dict[int, Enveloppe]
    avis_manquants: dict[int, list[QualiteAvis]]


def decider(
    demandes: Sequence[DemandeDeDecision],
    *,
    par: Utilisateur,
    motif: str = "",
    date: Date | None = None,
    depassements_acceptes: Mapping[int, Decimal] | None = None,
) -> list[Decision]:
    """Enregistre un lot de décisions, tout ou rien, et recopie statut et accordé P147 sur les actions.

    Verrouille d'abord les exercices, donc toutes leurs enveloppes : deux décisions simultanées ne dépassent le
    disponible ni d'une feuille ni de la mère de deux feuilles. `depassements_acceptes` : par enveloppe, de combien
    d'euros le responsable accepte de la dépasser ; un motif ne suffit pas. Lève ConflitDeVersion, MotifExige,
    DepassementAAccepter, DroitManquant ou OperationRefusee sans rien écrire.
    """
    date = date or timezone.localdate()
    with contraintes_en_francais(), transaction.atomic():
        actions = verrouiller_les_actions([demande.action for demande in demandes])
        verifier_les_versions({d.action.pk: d.version for d in demandes}, actions)
        exiger_les_droits(actions.values(), par)
        verifier_la_date(date, actions.values())
        lues = lire(actions)
        decisions = preparer(demandes, actions, lues, par, motif, date)
        verifier_le_disponible(decisions, lues.enveloppes, par, depassements_acceptes or {})
        enregistrer_les_decisions(decisions, lues.sommes, par, date)
    return decisions


def lire(actions):
    exigeantes = [action for action in actions.values() if action.campagne.avis_manquant_bloquant]
    return Lectures(
        *sommes_des_decisions(actions), enveloppes_des_exercices(actions.values()), avis_manquants(exigeantes)
    )


def sommes_des_decisions(actions):
    """Par identifiant d'action, la somme (euros) de ses décisions, en tout et par enveloppe. Une requête."""
    groupes = Decision.objects.filter(action__in=actions).order_by().values_list("action", "enveloppe")
    sommes, porteuses = {}, defaultdict(dict)
    for action, enveloppe, somme in groupes.annotate(somme=total("montant")):
        sommes[action] = sommes.get(action, Decimal(0)) + somme
        porteuses[action][enveloppe] = somme
    return sommes, porteuses


def enveloppes_des_exercices(actions):
    """Toutes les enveloppes des exercices de ces actions, par identifiant : les feuilles, et leurs mères."""
    exercices = {action.exercice_id for action in actions}
    return Enveloppe.objects.filter(exercice__in=exercices).select_related("exercice").order_by("pk").in_bulk()


def verifier_la_date(date, actions):
    for exercice in {action.exercice for action in actions}:
        empechement = regles.empechement_de_dater(exercice, date)
        if empechement:
            raise OperationRefusee({"date": empechement})


def preparer(demandes, actions, lues, par, motif, date):
    doublons = [pk for pk, nombre in Counter(d.action.pk for d in demandes).items() if nombre > 1]
    if doublons:
        raise OperationRefusee(f"« {actions[doublons[0]]} » est deux fois dans le lot : une décision par action.")
    demandes_p147 = {f.action_id: f.demande for f in Financement.objects.p147().filter(action__in=actions)}
    decisions, refus, motifs = [], [], []
    for demande in demandes:
        action = actions[demande.action.pk]
        accorde = lues.sommes.get(action.pk, Decimal(0))
        montant, sien = montant_retenu(demande, accorde), (motif if demande.motif is None else demande.motif).strip()
        phrase = raison_du_refus(demande, action, montant, accorde)
        phrase = phrase or raison_de_l_avis_manquant(demande, lues.avis_manquants.get(action.pk))
        enveloppe = enveloppe_de_la_decision(demande, action, montant, lues)
        phrase = phrase or raison_du_refus_de_l_enveloppe(enveloppe, action, montant, lues)
        if phrase:
            refus.append(f"« {action} » : {phrase}")
        elif not sien and regles.motif_exige_pour_decider(demande.nature, montant, demandes_p147.get(action.pk)):
            motifs.append(f"« {action} » : {raison_du_motif(demande.nature, demandes_p147.get(action.pk))}")
        decisions.append(decision(action, demande, montant, enveloppe, par, sien, date))
    if refus:
        raise OperationRefusee(refus)
    if motifs:
        raise MotifExige(motifs)
    return decisions


def montant_retenu(demande, accorde):
    if demande.nature in NatureDecision.sans_montant():
        return demande.montant or Decimal(0)
    if demande.nature == NatureDecision.DEPROGRAMMATION and demande.montant is None:
        return -accorde
    return demande.montant


def raison_du_refus(demande, action, montant, accorde):
    """La phrase qui dit pourquoi cette décision est impossible, ou ""."""
    empechement = regles.empechement_de_decider(action, demande.nature)
    if empechement:
        return empechement
    if montant is None:
        return "indiquer le montant de la décision."
    if demande.nature == NatureDecision.DEPROGRAMMATION and accorde + montant != 0:
        return f"une déprogrammation retire tout l’accordé, soit {euros(-accorde)}."
    if accorde + montant < 0:
        return f"l’accordé ({euros(accorde)}) ne peut pas devenir négatif."
    if demande.nature == NatureDecision.DIMINUTION and accorde + montant == 0:
        return "retirer tout l’accordé est une déprogrammation."
    return ""


def raison_de_l_avis_manquant(demande, manquants):
    """Pourquoi l'attribution attend un avis que la campagne déclare bloquant, ou ""."""
    if demande.nature != NatureDecision.ATTRIBUTION or not manquants:
        return ""
    noms = ", ".join(qualite.label.lower() for qualite in manquants)
    return f"il manque un avis que la campagne exige ({noms}) : le demander, ou en dispenser l’action."


def enveloppe_de_la_decision(demande, action, montant, lues):
    """Celle que l'on choisit ou, à défaut, celle de l'action, relue sous le verrou ; None sans montant.

    Ce qui fut accordé sans enveloppe se rend de même : l'enveloppe choisie y gagnerait des crédits qu'elle n'a pas.
    """
    choisie, porteuses = demande.enveloppe or action.enveloppe, lues.porteuses[action.pk]
    if not montant or choisie is None:
        return None
    if montant < 0 and porteuses.get(choisie.pk, 0) < -montant <= porteuses.get(None, 0):
        return None
    return lues.enveloppes.get(choisie.pk, choisie)  # celle d'un autre exercice n'y est pas


def raison_du_refus_de_l_enveloppe(enveloppe, action, montant, lues):
    """Pourquoi cette enveloppe ne porte pas la décision, ou ""."""
    enveloppes = lues.enveloppes
    if not montant:
        return ""
    if montant < 0:
        return raison_de_ne_pas_rendre(enveloppe, -montant, lues.porteuses[action.pk], enveloppes)
    if enveloppe is None:
        existe = any(e.exercice_id == action.exercice_id for e in enveloppes.values())
        return "choisir l’enveloppe qui porte la décision." if existe else ""
    raison = enveloppe.pourquoi_pas(action)
    if raison:
        return f"l’enveloppe « {enveloppe} » {raison} : en choisir une autre."
    if any(e.parent_id == enveloppe.pk for e in enveloppes.values()):
        return f"« {enveloppe} » a des sous-enveloppes : décider dans l’une d’elles."
    return ""


def raison_de_ne_pas_rendre(enveloppe, rendu, porteuses, enveloppes):
    """Pourquoi cette enveloppe ne reprend pas ce montant à l'action, ou "" : ce qu'elle lui a donné, et pas plus."""
    sienne = enveloppe.pk if enveloppe else None
    donne = porteuses.get(sienne, Decimal(0))
    if rendu <= donne:
        return ""
    autres = " ou ".join(noms_des_donneuses(porteuses, enveloppes, sauf=sienne))
    if enveloppe is None:
        return f"choisir l’enveloppe qui reprend les crédits : {autres}."
    if donne <= 0:
        return f"« {enveloppe} » ne lui accorde rien : rendre les crédits {autres}."
    return f"« {enveloppe} » ne lui accorde que {euros(donne)} : rendre d’abord le reste {autres}, par une diminution."


def noms_des_donneuses(porteuses, enveloppes, *, sauf):
    """« à « Caen » », « hors enveloppe » : celles qui accordent à l'action, dans l'ordre de leur identifiant."""
    donneuses = sorted((pk for pk, somme in porteuses.items() if somme > 0 and pk != sauf), key=lambda pk: pk or 0)
    return [f"à « {enveloppes[pk]} »" if pk else "hors enveloppe" for pk in donneuses]


def raison_du_motif(nature, demande):
    if nature != NatureDecision.ATTRIBUTION:
        return f"une décision « {NatureDecision(nature).label} » demande un motif."
    if demande is None:
        return "accorder sans montant demandé connu demande un motif."
    return f"accorder plus que les {euros(demande)} demandés demande un motif."


def decision(action, demande, montant, enveloppe, par, motif, date):
    """La ligne de décision, qui garde le nom et le SIRET du porteur à cette date."""
    return Decision(
        action=action,
        date=date,
        nature=demande.nature,
        montant=montant,
        enveloppe=enveloppe,
        motif=motif,
        auteur=par,
        passage=demande.passage,
        scenario=demande.scenario,
        porteur_nom=str(action.porteur or ""),
        porteur_siret=action.etablissement.siret if action.etablissement else "",
    )


def enregistrer_les_decisions(decisions, sommes, par, date):
    par_motif = defaultdict(list)
    for d in decisions:
        controler(d)
        d.action.statut = NatureDecision(d.nature).statut
        d.action.motif_statut = ""
        sommes[d.action_id] = sommes.get(d.action_id, Decimal(0)) + d.montant
        par_motif[d.motif or "Décision"].append(d.action)
    marquer_modifiees([d.action for d in decisions])
    Decision.objects.bulk_create(decisions)
    for motif, actions in par_motif.items():
        enregistrer_les_actions(actions, sommes, par, motif, date)


def enregistrer_les_actions(actions, sommes, par, motif, date):
    """Le statut de ces actions décidées pour un même motif, qui reste dans leur historique, et leur ligne P147."""
    champs = ["statut", "motif_statut", "version", "modifie_le"]
    modifier_avec_historique(actions, Action, champs, par=par, motif=motif)
    lignes = ajuster_les_lignes_p147(actions, sommes, par=par, motif=motif, date=date)
    creer_les_lignes_p147([a for a in actions if a.pk not in lignes], sommes, par, motif, date)


def creer_les_lignes_p147(actions, sommes, par, motif, date):
    """Une action décidée sans ligne P147 en reçoit une : l'accordé n'a pas d'autre place."""
    if not actions:
        return
    financeur = Financeur.objects.actifs().filter(famille=FamilleFinanceur.ANCT_P147).order_by("pk").first()
    if financeur is None:
        raise OperationRefusee("Aucun financeur ANCT – P147 n’est proposé : en créer un dans les référentiels.")
    lignes = []
    for action in actions:
        etat, accorde = regles.etat_p147(action.statut, sommes.get(action.pk, Decimal(0)))
        ligne = Financement(action=action, financeur=financeur, famille=financeur.famille)
        ligne.nature, ligne.etat, ligne.accorde = NatureFinancement.SPECIFIQUE, etat, accorde
        ligne.date_etat = date if etat != EtatFinancement.SOLLICITE else None
        lignes.append(ligne)
    creer_avec_historique(lignes, Financement, par=par, motif=motif)
