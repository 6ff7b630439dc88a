"""Faire avancer une action hors décision : déposer, instruire, retirer, revenir, supprimer un brouillon."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur

from .. import regles
from ..enums import MotifStatut, StatutAction
from ..models import Action, Financement
from .d_office import feuilles_des_exercices, poser_l_enveloppe
from .outils import (
    DroitManquant,
    OperationRefusee,
    contraintes_en_francais,
    exiger_un_motif,
    modifier_avec_historique,
    supprimer_avec_historique,
    verrouiller_les_actions,
)


def deposer(
    actions: Sequence[Action], *, par: Utilisateur, motif: str = "", le: datetime | None = None
) -> list[Action]:
    """Passe des brouillons complets à « déposée » ; refuse si un champ manque ou si la campagne est figée.

    `le` : l'instant d'un dépôt passé que l'on reprend (par défaut, maintenant) ; l'attente des avis en part.
    """
    if le and le > timezone.now():
        raise OperationRefusee("La date du dépôt est dans le futur.")
    return changer_le_statut(
        actions, StatutAction.DEPOSEE, regles.empechement_de_deposer, par, motif or "Dépôt", deposee_le=le
    )


def instruire(actions: Sequence[Action], *, par: Utilisateur, motif: str = "") -> list[Action]:
    """Passe des actions déposées à « instruite »."""
    return changer_le_statut(
        actions, StatutAction.INSTRUITE, regles.empechement_d_instruire, par, motif or "Instruction"
    )


def retirer(actions: Sequence[Action], *, par: Utilisateur, motif_statut: MotifStatut, motif: str = "") -> list[Action]:
    """Retire du circuit des actions qui ne sont pas programmées ; le motif se choisit."""
    return changer_le_statut(
        actions, StatutAction.RETIREE, regles.empechement_de_retirer, par, motif, motif_statut=motif_statut
    )


def revenir(
    actions: Sequence[Action], vers: StatutAction, *, par: Utilisateur, motif_statut: MotifStatut, motif: str = ""
) -> list[Action]:
    """Ramène des actions à un statut antérieur (repêchage, erreur…) ; le motif se choisit."""

    def empechement(action):
        return regles.empechement_de_revenir(action, vers)

    return changer_le_statut(actions, vers, empechement, par, motif, motif_statut=motif_statut)


def supprimer_les_brouillons(actions: Sequence[Action], *, par: Utilisateur, motif: str = "") -> None:
    """Supprime des brouillons. Ce qui a quitté le brouillon ne se supprime jamais."""
    with transaction.atomic():
        verrouillees = verrouiller_les_actions(actions).values()
        for action in verrouillees:
            if not regles.peut_supprimer(par, action):
                raise OperationRefusee(f"« {action} » n’est pas un brouillon que vous pouvez supprimer.")
        supprimer_avec_historique(verrouillees, par=par, motif=motif or "Suppression du brouillon")


def changer_le_statut(
    actions: Sequence[Action],
    statut: StatutAction,
    empechement: Callable[[Action], str],
    par: Utilisateur,
    motif: str,
    *,
    motif_statut: str | None = None,
    deposee_le: datetime | None = None,
) -> list[Action]:
    """Le changement de statut d'un lot, tout ou rien ; la ligne P147 suit (voir `regles.etat_p147`)."""
    if motif_statut is not None:
        motif = " – ".join(filter(None, [libelle_du_motif(motif_statut), motif]))
    with contraintes_en_francais(), transaction.atomic():
        verrouillees = list(verrouiller_les_actions(actions).values())
        exiger_les_droits(verrouillees, par)
        refuser_ensemble(verrouillees, empechement)
        marquer_modifiees(verrouillees)
        for action in verrouillees:
            action.statut = statut
            action.motif_statut = motif_statut or ""
            if statut == StatutAction.DEPOSEE and action.deposee_le is None:
                action.deposee_le = deposee_le or action.modifie_le
        champs = ["statut", "motif_statut", "deposee_le", "version", "modifie_le"]
        champs += poser_les_enveloppes(verrouillees) if statut == StatutAction.DEPOSEE else []
        modifier_avec_historique(verrouillees, Action, champs, par=par, motif=motif)
        ajuster_les_lignes_p147(verrouillees, {}, par=par, motif=motif)
    return verrouillees


def poser_les_enveloppes(deposees):
    """Donne celle qui lui revient à chaque action déposée qui n'en a pas ; rend le champ à écrire, s'il change."""
    demunies = [action for action in deposees if action.enveloppe_id is None]
    feuilles = feuilles_des_exercices({action.exercice_id for action in demunies}) if demunies else []
    posees = [action for action in demunies if poser_l_enveloppe(action, feuilles)]
    return ["enveloppe"] if posees else []


def libelle_du_motif(motif_statut):
    if motif_statut not in MotifStatut.values:
        exiger_un_motif("", "Choisir un motif dans la liste.")
    return MotifStatut(motif_statut).label


def exiger_les_droits(actions, par):
    for action in actions:
        if not regles.peut_gerer(par, action):
            raise DroitManquant(f"Vous n’êtes pas habilité à changer « {action} ».")


def refuser_ensemble(actions, empechement):
    """Réunit les empêchements de tout le lot : l'agent les lit d'un coup."""
    refus = [f"« {action} » : {phrase}" for action in actions if (phrase := empechement(action))]
    if refus:
        raise OperationRefusee(refus)


def marquer_modifiees(actions):
    """Un même instant pour tout le lot, qui s'écrit alors en une requête."""
    maintenant = timezone.now()
    for action in actions:
        action.version += 1
        action.modifie_le = maintenant


def ajuster_les_lignes_p147(actions, sommes, *, par, motif, date=None):
    """Recopie sur la ligne P147 existante ce que disent le statut et la somme des décisions (`sommes` par action)."""
    lignes = {f.action_id: f for f in Financement.objects.p147().filter(action__in=actions)}
    modifiees = []
    for action in actions:
        ligne = lignes.get(action.pk)
        if ligne is None:
            continue
        avant = (ligne.etat, ligne.accorde)
        ligne.etat, ligne.accorde = regles.etat_p147(action.statut, sommes.get(action.pk, 0))
        if (ligne.etat, ligne.accorde) != avant:
            ligne.date_etat = date if ligne.accorde is not None else None
            modifiees.append(ligne)
    modifier_avec_historique(modifiees, Financement, ["etat", "accorde", "date_etat"], par=par, motif=motif)
    return lignes
