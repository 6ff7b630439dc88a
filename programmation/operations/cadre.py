"""Les enveloppes de l'année : les créer, y enregistrer des mouvements, déclarer la notification complète."""

from collections.abc import Sequence
from datetime import date as Date

from django.db import transaction

from comptes.models import Utilisateur
from politique_ville.outils.francais import euros

from ..models import Enveloppe, Exercice, MouvementEnveloppe
from ..synthese import plafond
from .exercices import exiger_le_responsable
from .outils import (
    OperationRefusee,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    modifier_avec_historique,
    verrouiller_les_exercices,
)


def creer_une_enveloppe(
    exercice: Exercice, libelle: str, *, par: Utilisateur, parent: Enveloppe | None = None, **champs
) -> Enveloppe:
    """Crée une enveloppe, ou une sous-enveloppe d'une mère qui ne porte pas de décision."""
    exiger_le_responsable(par, exercice)
    enveloppe = Enveloppe(exercice=exercice, libelle=libelle, parent=parent, **champs)
    controler(enveloppe)
    with contraintes_en_francais(), transaction.atomic():
        refuser_si_clos(verrouiller_les_exercices([exercice])[exercice.pk])
        if parent and parent.decisions.exists():
            raise OperationRefusee(f"« {parent} » porte déjà des décisions : elle ne peut plus être divisée.")
        creer_avec_historique([enveloppe], Enveloppe, par=par, motif="Nouvelle enveloppe")
    return enveloppe


def enregistrer_des_mouvements(
    mouvements: Sequence[MouvementEnveloppe], *, par: Utilisateur, motif: str = ""
) -> list[MouvementEnveloppe]:
    """Ajoute des mouvements ; une sous-enveloppe ne peut être relevée au-dessus de sa mère. Un gel passe toujours."""
    with contraintes_en_francais(), transaction.atomic():
        exercices = verrouiller_les_exercices({m.enveloppe.exercice_id for m in mouvements})
        for mouvement in mouvements:
            exercice = exercices[mouvement.enveloppe.exercice_id]
            exiger_le_responsable(par, exercice)
            refuser_si_clos(exercice)
            mouvement.auteur = par
            controler(mouvement)
        creer_avec_historique(list(mouvements), MouvementEnveloppe, par=par, motif=motif or "Mouvement d’enveloppe")
        verifier_les_meres(mouvements)
    return list(mouvements)


def verifier_les_meres(mouvements):
    """Relevées, les sous-enveloppes d'une même mère ne dépassent pas, ensemble, le plafond de la mère."""
    for mere in {m.enveloppe.parent for m in mouvements if m.enveloppe.parent_id and m.ae > 0}:
        relevees = sum(plafond(fille) for fille in mere.sous_enveloppes.all())
        if relevees > plafond(mere):
            raise OperationRefusee(
                f"Les sous-enveloppes de « {mere} » feraient {euros(relevees)}, plus que ses {euros(plafond(mere))}."
            )


def declarer_la_notification_complete(
    enveloppe: Enveloppe, date: Date, *, par: Utilisateur, motif: str = "Notification complète"
) -> Enveloppe:
    """Dès lors, le plafond est le notifié et non plus le prévisionnel."""
    exiger_le_responsable(par, enveloppe.exercice)
    with transaction.atomic():
        refuser_si_clos(verrouiller_les_exercices([enveloppe.exercice_id])[enveloppe.exercice_id])
        enveloppe.notification_complete_le = date
        modifier_avec_historique([enveloppe], Enveloppe, ["notification_complete_le"], par=par, motif=motif)
    return enveloppe


def refuser_si_clos(exercice):
    if exercice.est_clos:
        raise OperationRefusee(f"L’exercice {exercice.annee} est clos : ses enveloppes ne changent plus.")
