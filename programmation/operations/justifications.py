"""Justifier et suivre : ce que le porteur rend compte, ce qu'un autre financeur vote ou verse, même après clôture."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import total

from .. import regles
from ..enums import EtatFinancement, EtatJustification, NaturePaiement, StatutAction, SuiteJustification
from ..models import Action, Decision, Financement, Justification, LigneEngagement, Paiement, SuiviFinancement
from .execution import DemandeDePaiement, payer, refuser_la_date, verifier_les_vues
from .outils import (
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    modifier_avec_historique,
    verrouiller_les_actions,
)
from .statuts import exiger_les_droits, refuser_ensemble

ZERO = Decimal("0.00")
CE_QUE_DIT_LE_COMPTE_RENDU = ("depense", "beneficiaires_realises", "non_utilise")
REVERSEMENTS = (SuiteJustification.REVERSEMENT_DEMANDE, SuiteJustification.REVERSEMENT_PERCU)


class JustificationChangee(OperationRefusee):
    """Quelqu'un a écrit cette justification entre la lecture et l'enregistrement. `justification` : en base."""

    def __init__(self, justification):
        self.justification = justification
        super().__init__(f"La justification de « {justification.action} » a été modifiée entre-temps.")


@dataclass(frozen=True)
class DemandeDeJustification:
    """Ce qu'on enregistre de la justification d'une action : des champs de Justification.

    `version` : celle que la personne a lue, 0 s'il n'y en avait aucune (None : sans contrôle).
    """

    action: Action
    valeurs: Mapping[str, Any]
    version: int | None = None


def justifier(demandes: Sequence[DemandeDeJustification], *, par: Utilisateur, motif: str = "") -> list[Justification]:
    """Crée ou met à jour les justifications, tout ou rien. Un reversement dit perçu est enregistré en paiement négatif
    s'il ne l'est pas encore. Lève JustificationChangee, DroitManquant ou OperationRefusee sans rien écrire."""
    with contraintes_en_francais(), transaction.atomic():
        actions = verrouiller_les_actions([demande.action for demande in demandes])
        exiger_les_droits(actions.values(), par)
        refuser_ensemble(actions.values(), regles.empechement_de_justifier)
        connues = {j.action_id: j for j in Justification.objects.filter(action__in=actions)}
        verifier_les_versions_des_justifications(demandes, connues, actions)
        sommes = SommesDesActions(actions)
        ecrites = [a_jour(demande, actions[demande.action.pk], connues, sommes) for demande in demandes]
        changees = [justification for justification, change in ecrites if change]
        ecrire_les_justifications(changees, par, motif or "Justification")
        percevoir(changees, sommes, par, motif)
    return [justification for justification, _ in ecrites]


def a_jour(demande, action, connues, sommes):
    """La justification de l'action avec ces valeurs, vérifiée, et si elle est à écrire."""
    justification = connues.get(action.pk) or Justification(version=0)
    justification.action = action
    change = bool(appliquer(justification, dict(demande.valeurs))) or justification.pk is None
    if change:
        verifier_la_justification(justification, sommes)
        justification.version += 1
    return justification, change


def verifier_les_versions_des_justifications(demandes, connues, actions):
    for demande in demandes:
        connue = connues.get(demande.action.pk)
        if demande.version is not None and demande.version != (connue.version if connue else 0):
            if connue is None:
                raise OperationRefusee("Cette justification n’existe plus : relire la page.")
            connue.action = actions[connue.action_id]
            raise JustificationChangee(connue)


class SommesDesActions:
    """Les décisions, le payé (hors reversements) et le reversé (positif) de chaque action, en euros. Deux requêtes."""

    def __init__(self, actions):
        self.decisions = defaultdict(list)
        for action, *decision in Decision.objects.filter(action__in=actions).values_list("action", "date", "montant"):
            self.decisions[action].append(decision)
        self.payes, self.reverses = Counter(), Counter()
        paiements = Paiement.objects.filter(ligne__action__in=actions).order_by().values_list("ligne__action", "cp")
        for action, cp in paiements:
            (self.payes if cp > 0 else self.reverses)[action] += abs(cp)

    def accorde_justifie(self, justification):
        """L'accordé dont parle le compte rendu : ce qui en est repris en tout depuis sa réception n'y change rien."""
        recu, siennes = justification.recue_le, self.decisions[justification.action_id]
        depuis = sum((montant for jour, montant in siennes if recu and jour >= recu), ZERO)
        return sum((montant for _, montant in siennes), ZERO) - min(depuis, ZERO)


def verifier_la_justification(justification, sommes):
    erreurs = erreurs_des_dates(justification) | erreurs_du_contenu(justification, sommes)
    if erreurs:
        raise OperationRefusee(erreurs)
    controler(justification)


def erreurs_des_dates(justification):
    erreurs, action = {}, justification.action
    recue, suite, proroge = justification.recue_le, justification.suite_le, justification.prorogation_jusqu_au
    if justification.etat == EtatJustification.ATTENDUE and recue:
        erreurs["recue_le"] = "Une justification attendue n’a pas de date de réception."
    if justification.etat != EtatJustification.ATTENDUE and not recue:
        erreurs["recue_le"] = "Dire quand elle a été reçue."
    elif recue and (phrase := regles.empechement_du_futur(recue)):
        erreurs["recue_le"] = phrase
    elif recue and action.date_debut and recue < action.date_debut:
        erreurs["recue_le"] = f"L’action ne commence que le {action.date_debut:%d/%m/%Y}."
    if proroge and action.date_fin and proroge <= action.date_fin:
        erreurs["prorogation_jusqu_au"] = f"Une prorogation va au-delà de la fin prévue, {action.date_fin:%d/%m/%Y}."
    if bool(justification.suite) != bool(suite):
        erreurs["suite_le"] = "La suite donnée se date." if justification.suite else "Choisir la suite donnée."
    elif suite and (phrase := regles.empechement_du_futur(suite)):
        erreurs["suite_le"] = phrase
    return erreurs


def erreurs_du_contenu(justification, sommes):
    erreurs, pk = {}, justification.action_id
    dits = [nom for nom in CE_QUE_DIT_LE_COMPTE_RENDU if getattr(justification, nom) is not None]
    if justification.etat == EtatJustification.ATTENDUE and dits:
        return dict.fromkeys(dits, "Rien n’est reçu : changer l’état d’abord.")
    if justification.etat == EtatJustification.VALIDEE and justification.depense is None:
        erreurs["depense"] = "Une justification validée dit ce qui a été dépensé."
    non_utilise = justification.non_utilise or ZERO
    deprogrammee = justification.action.statut == StatutAction.DEPROGRAMMEE  # plus rien d'accordé : il rend le reçu
    borne, mot = (sommes.payes[pk], "payés") if deprogrammee else (sommes.accorde_justifie(justification), "accordés")
    if non_utilise > borne:
        erreurs["non_utilise"] = f"Pas plus que les {euros(borne or ZERO)} {mot}."
    elif justification.suite in REVERSEMENTS and non_utilise > sommes.payes[pk]:
        erreurs["non_utilise"] = f"Le porteur n’a reçu que {euros(sommes.payes[pk] or ZERO)} : il ne rend pas plus."
    if justification.suite and not non_utilise:
        erreurs["suite"] = "Une suite porte sur du P147 non utilisé : en indiquer le montant."
    return erreurs


def ecrire_les_justifications(justifications, par, motif):
    nouvelles = [justification for justification in justifications if justification.pk is None]
    connues = [justification for justification in justifications if justification.pk is not None]
    champs = [c.name for c in Justification._meta.fields if c.name not in ("id", "action")]
    modifier_avec_historique(connues, Justification, champs, par=par, motif=motif)
    creer_avec_historique(nouvelles, Justification, par=par, motif=motif)


# --- Le reversement perçu ---


def percevoir(justifications, sommes, par, motif):
    """Enregistre en paiement négatif ce qu'une justification dit perçu et qui ne l'est pas encore."""
    manques = {
        j.action_id: (j, j.non_utilise - sommes.reverses[j.action_id])
        for j in justifications
        if j.suite == SuiteJustification.REVERSEMENT_PERCU and j.non_utilise > sommes.reverses[j.action_id]
    }
    if not manques:
        return
    lignes = lignes_payees(manques)
    demandes = [reversement(j, manque, lignes[action]) for action, (j, manque) in manques.items()]
    payer(demandes, par=par, motif=motif or "Reversement perçu")


def lignes_payees(actions):
    """Par action, ses lignes d'engagement et ce que chacune a payé, net (euros)."""
    groupes = defaultdict(list)
    lues = LigneEngagement.objects.filter(action__in=actions).annotate(paye=total("paiements__cp")).order_by("pk")
    for ligne in lues.select_related("engagement"):
        groupes[ligne.action_id].append((ligne, ligne.paye or ZERO))
    return groupes


def reversement(justification, manque, lignes):
    """Le paiement négatif à écrire : sur la seule ligne qui a assez payé ; sinon, l'agent dit laquelle."""
    possibles = [ligne for ligne, paye in lignes if paye >= manque]
    if len(possibles) != 1:
        phrase = f"Enregistrer d’abord le reversement de {euros(manque)} sur la ligne d’engagement qui l’a payé."
        raise OperationRefusee({"suite": phrase})
    return DemandeDePaiement(possibles[0], NaturePaiement.REVERSEMENT, manque, justification.suite_le)


# --- Suivre un autre financeur ---


@dataclass(frozen=True)
class VoteOuVersement:
    """Ce qu'un autre financeur a voté, et versé en tout, à une date, en euros (None : inconnu)."""

    date: Date
    etat: EtatFinancement
    accorde: Decimal | None = None
    verse: Decimal | None = None


def suivre_un_financement(
    financement: Financement, fait: VoteOuVersement, *, par: Utilisateur, motif: str = "", vus: int | None = None
) -> SuiviFinancement:
    """Enregistre un vote ou un versement connu après coup : le plan de financement, lui, ne change pas.

    Avant la clôture, un vote s'écrit dans le plan : seul le versé se suit. `vus` : combien de suivis ont été lus.
    """
    with contraintes_en_francais(), transaction.atomic():
        action = verrouiller_les_actions([financement.action_id])[financement.action_id]
        exiger_les_droits([action], par)
        financement = relire_la_ligne_du_plan(financement)
        verifier_les_vues(vus, financement.suivis.count())
        refuser_la_date(regles.empechement_de_dater_l_execution(action.exercice, fait.date))
        verifier_le_suivi(financement, fait, action)
        suivi = SuiviFinancement(financement=financement, date=fait.date, etat=fait.etat)
        suivi.accorde, suivi.verse = fait.accorde, fait.verse
        controler(suivi)
        creer_avec_historique([suivi], SuiviFinancement, par=par, motif=motif or "Suivi d’un cofinanceur")
    return suivi


def relire_la_ligne_du_plan(financement):
    relue = Financement.objects.select_related("financeur").filter(pk=financement.pk).first()
    if relue is None:
        raise OperationRefusee("Cette ligne du plan n’existe plus : elle a été retirée entre-temps.")
    return relue


def verifier_le_suivi(financement, fait, action):
    empechement = regles.empechement_de_suivre(financement)
    if empechement:
        raise OperationRefusee(empechement)
    permis = {EtatFinancement.SOLLICITE: fait.accorde is None, EtatFinancement.REFUSE: fait.accorde == 0}
    if not permis.get(fait.etat, fait.accorde is not None):
        phrase = "Sollicité : rien n’est accordé ; refusé : 0,00 € ; annoncé ou acquis : dire combien."
        raise OperationRefusee({"accorde": phrase})
    plan = (financement.etat, financement.accorde)
    if not action.exercice.est_clos and (fait.etat, fait.accorde) != plan:
        phrase = "Avant la clôture, un vote s’écrit dans le plan de financement : modifier l’action."
        raise OperationRefusee({"etat": phrase})
    if fait.verse is not None and fait.verse > (fait.accorde or ZERO):
        raise OperationRefusee({"verse": f"Pas plus que les {euros(fait.accorde or ZERO)} accordés."})
    if fait.date > timezone.localdate():
        raise OperationRefusee({"date": "La date est dans le futur."})
