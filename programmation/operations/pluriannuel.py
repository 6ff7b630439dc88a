"""Prévoir les années suivantes d'une CPO : hors de tous les totaux, jusqu'à ce que chacune devienne ferme."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from comptes.models import Utilisateur

from .. import regles
from ..models import Action, PrevisionPluriannuelle
from .outils import (
    DroitManquant,
    OperationRefusee,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
    modifier_avec_historique,
    supprimer_avec_historique,
    verifier_les_versions,
    verrouiller_les_actions,
)
from .statuts import marquer_modifiees


@dataclass(frozen=True)
class PrevisionsSaisies:
    """Ce qu'une CPO prévoit, en euros par année (None : rien n'est prévu) ; remplace ce qu'elle prévoyait.

    `version` : celle de l'action qui a été lue (None : sans contrôle).
    """

    action: Action
    montants: Mapping[int, Decimal | None]
    version: int | None = None


def prevoir(saisies: Sequence[PrevisionsSaisies], *, par: Utilisateur, motif: str = "") -> list[Action]:
    """Écrit les prévisions d'un lot de CPO, tout ou rien ; rend les actions qui changent.

    Refuse l'année ferme, une année passée ou au-delà de la CPO, une action annuelle et un exercice clos. Lève
    ConflitDeVersion, DroitManquant, MotifExige ou OperationRefusee.
    """
    with contraintes_en_francais(), transaction.atomic():
        actions = verrouiller_les_actions([saisie.action for saisie in saisies])
        verifier_les_versions({s.action.pk: s.version for s in saisies}, actions)
        lues = previsions_par_action(actions)
        changements = [changement(actions[s.action.pk], s, lues.get(s.action.pk, {}), par, motif) for s in saisies]
        changements = [c for c in changements if c.change]
        ecrire(changements, par, motif or "Prévision pluriannuelle")
    return [c.action for c in changements]


def previsions_par_action(actions):
    lues = {}
    for prevision in PrevisionPluriannuelle.objects.filter(action__in=actions):
        lues.setdefault(prevision.action_id, {})[prevision.annee] = prevision
    return lues


@dataclass
class Changement:
    action: Action
    creees: list[PrevisionPluriannuelle]
    modifiees: list[PrevisionPluriannuelle]
    supprimees: list[PrevisionPluriannuelle]

    @property
    def change(self):
        return bool(self.creees or self.modifiees or self.supprimees)


def changement(action, saisie, lues, par, motif):
    verifier(action, saisie, par)
    voulues = {annee: montant for annee, montant in saisie.montants.items() if montant is not None}
    change = Changement(action, [], [], [lue for annee, lue in lues.items() if annee not in voulues])
    for annee, montant in sorted(voulues.items()):
        prevision = lues.get(annee) or PrevisionPluriannuelle(action=action, annee=annee)
        if prevision.montant != montant:
            prevision.montant = montant
            controler(prevision)
            (change.modifiees if prevision.pk else change.creees).append(prevision)
    if change.change and regles.motif_exige_pour_deplacer_un_total(action, action.decisions.exists()):
        exiger_un_motif(motif, f"« {action} » est décidée ou sa campagne est figée : changer une prévision se motive.")
    return change


def verifier(action, saisie, par):
    if not regles.peut_gerer(par, action):
        raise DroitManquant(f"Vous n’êtes pas habilité à changer « {action} ».")
    empechement = regles.empechement_de_prevoir(action)
    permises = regles.annees_a_prevoir(action)
    hors = [annee for annee, montant in saisie.montants.items() if montant is not None and annee not in permises]
    if not empechement and hors:
        empechement = regles.pourquoi_pas_cette_annee(action, min(hors))
    if empechement:
        raise OperationRefusee(f"« {action} » : {empechement}")


def ecrire(changements, par, motif):
    """La suppression d'abord, puis l'action, puis le reste : l'ordre que lit `operations.restauration`."""
    auteur = {"par": par, "motif": motif}
    supprimer_avec_historique([p for c in changements for p in c.supprimees], **auteur)
    actions = [c.action for c in changements]
    marquer_modifiees(actions)
    modifier_avec_historique(actions, Action, ["version", "modifie_le"], **auteur)
    creer_avec_historique([p for c in changements for p in c.creees], PrevisionPluriannuelle, **auteur)
    modifiees = [p for c in changements for p in c.modifiees]
    modifier_avec_historique(modifiees, PrevisionPluriannuelle, ["montant"], **auteur)
