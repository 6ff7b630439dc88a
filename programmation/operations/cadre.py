"""Le cadre de l'année : ouvrir un exercice, figer une campagne, clore, rouvrir, tenir les enveloppes.

Figer et clore ont leur porte publique dans pilotage, qui photographie d'abord.
"""

from collections.abc import Sequence
from datetime import date as Date
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.francais import euros
from territoires.models import Departement

from .. import regles
from ..enums import StatutExercice
from ..models import Campagne, Enveloppe, Exercice, MouvementEnveloppe, Nomenclature
from ..synthese import plafond
from .outils import (
    DroitManquant,
    OperationRefusee,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
    modifier_avec_historique,
    verrouiller_les_exercices,
)


def ouvrir_un_exercice(
    departement: Departement, annee: int, nomenclature: Nomenclature, *, par: Utilisateur
) -> Exercice:
    """Crée l'exercice, ouvert, et sa campagne par défaut, qui accueille les actions de tous les contrats."""
    exercice = Exercice(departement=departement, annee=annee, nomenclature=nomenclature, statut=StatutExercice.OUVERT)
    exiger_le_responsable(par, exercice)
    with contraintes_en_francais(), transaction.atomic():
        creer_avec_historique([exercice], Exercice, par=par, motif="Ouverture de l’exercice")
        creer_une_campagne(exercice, f"Programmation {annee}", par=par)
    return exercice


def creer_une_campagne(exercice: Exercice, intitule: str, *, par: Utilisateur, **champs) -> Campagne:
    """Ajoute une campagne à un exercice qui n'est pas clos (contrat, dispositif, vague, dates, avis exigés)."""
    exiger_le_responsable(par, exercice)
    if exercice.est_clos:
        raise OperationRefusee(f"L’exercice {exercice.annee} est clos : aucune campagne ne s’y ajoute.")
    campagne = Campagne(exercice=exercice, intitule=intitule, **champs)
    controler(campagne)
    with contraintes_en_francais(), transaction.atomic():
        creer_avec_historique([campagne], Campagne, par=par, motif="Nouvelle campagne")
    return campagne


def figer(campagne: Campagne, *, par: Utilisateur, le: datetime | None = None) -> Campagne:
    """Fige une campagne : plus de dépôt ni de première décision. À appeler par `pilotage.operations.figer_campagne`.

    `le` : le jour d'un gel passé que l'on reprend (par défaut, maintenant) ; jamais dans le futur.
    """
    le = le or timezone.now()
    if le > timezone.now():
        raise OperationRefusee("La date du gel est dans le futur.")
    with transaction.atomic():
        exercice = verrouiller_les_exercices([campagne.exercice_id])[campagne.exercice_id]
        campagne = Campagne.objects.get(pk=campagne.pk)
        exiger_le_responsable(par, exercice)
        if campagne.est_figee:
            raise OperationRefusee(f"La campagne « {campagne} » est déjà figée.")
        campagne.figee_le = le
        modifier_avec_historique([campagne], Campagne, ["figee_le"], par=par, motif="Gel de la campagne")
    return campagne


def clore(exercice: Exercice, *, par: Utilisateur) -> Exercice:
    """Clôt un exercice dont toutes les campagnes sont figées. À appeler par `pilotage.operations.cloturer_exercice`."""
    with transaction.atomic():
        exercice = verrouiller_les_exercices([exercice])[exercice.pk]
        exiger_le_responsable(par, exercice)
        if exercice.est_clos:
            raise OperationRefusee(f"L’exercice {exercice.annee} est déjà clos.")
        ouvertes = [str(campagne) for campagne in exercice.campagnes.filter(figee_le=None)]
        if ouvertes:
            raise OperationRefusee(f"Figer d’abord : {', '.join(ouvertes)}.")
        changer_le_statut_de_l_exercice(exercice, StatutExercice.CLOS, par, "Clôture de l’exercice")
    return exercice


def rouvrir(exercice: Exercice, *, par: Utilisateur, motif: str) -> Exercice:
    """Rouvre un exercice clos, avec un motif. À appeler par `pilotage.operations`."""
    exiger_un_motif(motif, "Rouvrir un exercice clos demande un motif.")
    with transaction.atomic():
        exercice = verrouiller_les_exercices([exercice])[exercice.pk]
        exiger_le_responsable(par, exercice)
        if not exercice.est_clos:
            raise OperationRefusee(f"L’exercice {exercice.annee} n’est pas clos.")
        changer_le_statut_de_l_exercice(exercice, StatutExercice.OUVERT, par, motif)
    return exercice


def changer_le_statut_de_l_exercice(exercice, statut, par, motif):
    exercice.statut = statut
    modifier_avec_historique([exercice], Exercice, ["statut"], par=par, motif=motif)


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


def exiger_le_responsable(par, exercice):
    if not regles.peut_figer(par, exercice):
        raise DroitManquant(f"Ce geste est réservé au responsable du département {exercice.departement}.")


def refuser_si_clos(exercice):
    if exercice.est_clos:
        raise OperationRefusee(f"L’exercice {exercice.annee} est clos : ses enveloppes ne changent plus.")
