"""L'année d'un département : ouvrir, clore et rouvrir un exercice ; créer, régler, partager et figer ses campagnes.

Figer, clore et rouvrir ont leur porte publique dans pilotage, qui les photographie dans la même transaction.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.francais import pluriel
from politique_ville.outils.tableur.champs import DERNIERE_ANNEE, PREMIERE_ANNEE
from territoires.models import Departement

from .. import regles
from ..enums import StatutExercice
from ..models import Campagne, Exercice, Nomenclature
from .outils import (
    DroitManquant,
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
    modifier_avec_historique,
    verrouiller_les_exercices,
)
from .versions import par_qui, refuser_si_change

BORNENT_UNE_CAMPAGNE = {"contrat", "dispositif"}  # ses actions sont alors de ce contrat, de ce dispositif


class DejaFait(OperationRefusee):
    """Quelqu'un a déjà figé, ouvert, clos ou rouvert : la phrase dit qui et quand, et rien n'est écrit."""


# --- L'exercice ---


def preparer_un_exercice(
    departement: Departement,
    annee: int,
    nomenclature: Nomenclature | None = None,
    *,
    par: Utilisateur,
    campagne: dict[str, Any] | None = None,
) -> Exercice:
    """Crée l'exercice en préparation et sa campagne par défaut : on y dépose, on n'y décide pas encore.

    `nomenclature` : par défaut celle qui est en vigueur cette année-là. `campagne` : les champs de sa campagne.
    """
    return creer_un_exercice(departement, annee, nomenclature, StatutExercice.PREPARATION, par, campagne)


def ouvrir_un_exercice(
    departement: Departement, annee: int, nomenclature: Nomenclature, *, par: Utilisateur
) -> Exercice:
    """Crée l'exercice, ouvert, et sa campagne par défaut, qui accueille les actions de tous les contrats."""
    return creer_un_exercice(departement, annee, nomenclature, StatutExercice.OUVERT, par)


def creer_un_exercice(departement, annee, nomenclature, statut, par, campagne=None):
    if not PREMIERE_ANNEE <= annee <= DERNIERE_ANNEE:
        raise OperationRefusee({"annee": f"L’année doit être entre {PREMIERE_ANNEE} et {DERNIERE_ANNEE}."})
    nomenclature = nomenclature or Nomenclature.objects.en_vigueur(annee)
    if nomenclature is None:
        raise OperationRefusee(f"Aucune nomenclature n’est connue pour {annee} : la charger d’abord.")
    exercice = Exercice(departement=departement, annee=annee, nomenclature=nomenclature, statut=statut)
    exiger_le_responsable(par, exercice)
    motif = "Ouverture de l’exercice" if statut == StatutExercice.OUVERT else "Préparation de l’exercice"
    with contraintes_en_francais(), transaction.atomic():
        creer_avec_historique([exercice], Exercice, par=par, motif=motif)
        creer_une_campagne(exercice, **{"intitule": f"Programmation {annee}", **(campagne or {})}, par=par)
    return exercice


def ouvrir(exercice: Exercice, *, par: Utilisateur) -> Exercice:
    """Passe un exercice préparé à « ouvert » : le préfet peut y décider."""
    with transaction.atomic():
        exercice = verrouiller_les_exercices([exercice])[exercice.pk]
        exiger_le_responsable(par, exercice)
        if exercice.statut != StatutExercice.PREPARATION:
            raise DejaFait(f"L’exercice {exercice.annee} n’est plus en préparation{par_qui(exercice)}.")
        changer_le_statut_de_l_exercice(exercice, StatutExercice.OUVERT, par, "Ouverture de l’exercice")
    return exercice


def clore(exercice: Exercice, *, par: Utilisateur) -> Exercice:
    """Clôt un exercice dont toutes les campagnes sont figées. À appeler par `pilotage.operations.cloturer_exercice`."""
    with transaction.atomic():
        exercice = verrouiller_les_exercices([exercice])[exercice.pk]
        exiger_le_responsable(par, exercice)
        if exercice.est_clos:
            raise DejaFait(f"L’exercice {exercice.annee} est déjà clos{par_qui(exercice)}.")
        empechement = regles.empechement_de_clore(exercice)
        if empechement:
            raise OperationRefusee(empechement)
        changer_le_statut_de_l_exercice(exercice, StatutExercice.CLOS, par, "Clôture de l’exercice")
    return exercice


def rouvrir(exercice: Exercice, *, par: Utilisateur, motif: str) -> Exercice:
    """Rouvre un exercice clos, avec un motif. À appeler par `pilotage.operations.rouvrir_exercice`."""
    exiger_un_motif(motif, "Rouvrir un exercice clos demande un motif.")
    with transaction.atomic():
        exercice = verrouiller_les_exercices([exercice])[exercice.pk]
        exiger_le_responsable(par, exercice)
        if not exercice.est_clos:
            raise DejaFait(f"L’exercice {exercice.annee} n’est pas clos : statut changé{par_qui(exercice)}.")
        changer_le_statut_de_l_exercice(exercice, StatutExercice.OUVERT, par, motif)
    return exercice


def changer_le_statut_de_l_exercice(exercice, statut, par, motif):
    exercice.statut = statut
    modifier_avec_historique([exercice], Exercice, ["statut"], par=par, motif=motif)


# --- Les campagnes ---


def creer_une_campagne(exercice: Exercice, intitule: str, *, par: Utilisateur, **champs: Any) -> Campagne:
    """Ajoute une campagne à un exercice qui n'est pas clos (contrat, dispositif, vague, dates, avis exigés)."""
    with contraintes_en_francais(), transaction.atomic():
        exercice = verrouiller_les_exercices([exercice])[exercice.pk]
        exiger_le_responsable(par, exercice)
        if exercice.est_clos:
            raise OperationRefusee(f"L’exercice {exercice.annee} est clos : aucune campagne ne s’y ajoute.")
        campagne = Campagne(exercice=exercice, intitule=intitule, **champs)
        controler(campagne)
        creer_avec_historique([campagne], Campagne, par=par, motif="Nouvelle campagne")
    return campagne


def modifier_une_campagne(
    campagne: Campagne, champs: dict[str, Any], *, par: Utilisateur, lue: int | None = None
) -> Campagne:
    """Change l'intitulé, le territoire, les dates ou les règles d'une campagne qui n'est pas figée.

    `lue` : la version lue (`version_lue`). Lève ObjetChange si un autre l'a changée depuis.
    """
    with contraintes_en_francais(), transaction.atomic():
        campagne = relire_sous_verrou(campagne, par)
        empechement = regles.empechement_de_regler(campagne)
        if empechement:
            raise OperationRefusee(empechement)
        nom, changes = f"« {campagne} »", appliquer(campagne, champs)
        if changes:
            refuser_si_change(campagne, lue, nom)
        controler(campagne)
        refuser_les_actions_d_ailleurs(campagne, changes)
        if changes:
            modifier_avec_historique([campagne], Campagne, sorted(changes), par=par, motif="Réglage de la campagne")
    return campagne


def refuser_les_actions_d_ailleurs(campagne, changes):
    """Réduire une campagne à un contrat ou à un dispositif n'en chasse pas les actions des autres."""
    for champ in sorted(changes & BORNENT_UNE_CAMPAGNE):
        voulu = getattr(campagne, champ)
        ailleurs = campagne.actions.exclude(**{champ: voulu}).count() if voulu else 0
        if ailleurs:
            phrase = f"Elle a {pluriel(ailleurs, 'action', 'actions')} hors de « {voulu} » : laisser ce choix vide."
            raise OperationRefusee({champ: phrase})


def partager_les_propositions(campagne: Campagne, *, par: Utilisateur) -> Campagne:
    """Montre « proposé » aux partenaires de la campagne ; ce qu'ils ont lu, rien ne le cache ensuite."""
    with transaction.atomic():
        campagne = relire_sous_verrou(campagne, par)
        if campagne.exercice.est_clos:
            raise OperationRefusee(f"L’exercice {campagne.exercice.annee} est clos : rien ne s’y partage plus.")
        if campagne.propositions_partagees_le:
            raise DejaFait(f"Les propositions de « {campagne} » sont déjà partagées{par_qui(campagne)}.")
        campagne.propositions_partagees_le = timezone.now()
        motif = "Propositions partagées avec les partenaires"
        modifier_avec_historique([campagne], Campagne, ["propositions_partagees_le"], par=par, motif=motif)
    return campagne


def figer(campagne: Campagne, *, par: Utilisateur, le: datetime | None = None) -> Campagne:
    """Fige une campagne : plus de dépôt ni de première décision. À appeler par `pilotage.operations.figer_campagne`.

    `le` : le jour d'un gel passé que l'on reprend (par défaut, maintenant) ; jamais dans le futur.
    """
    le = le or timezone.now()
    if le > timezone.now():
        raise OperationRefusee("La date du gel est dans le futur.")
    with transaction.atomic():
        campagne = relire_sous_verrou(campagne, par)
        if campagne.est_figee:
            raise DejaFait(f"La campagne « {campagne} » est déjà figée{par_qui(campagne)}.")
        empechement = regles.empechement_de_figer(campagne)
        if empechement:
            raise OperationRefusee(empechement)
        campagne.figee_le = le
        modifier_avec_historique([campagne], Campagne, ["figee_le"], par=par, motif="Gel de la campagne")
    return campagne


def relire_sous_verrou(campagne, par):
    """La campagne relue, son exercice verrouillé ; réservé au responsable."""
    exercice = verrouiller_les_exercices([campagne.exercice_id])[campagne.exercice_id]
    relue = Campagne.objects.select_related("contrat", "dispositif").get(pk=campagne.pk)
    relue.exercice = exercice
    exiger_le_responsable(par, exercice)
    return relue


# --- Partagé ---


def exiger_le_responsable(par, exercice):
    if not regles.peut_figer(par, exercice):
        raise DroitManquant(f"Ce geste est réservé au responsable du département {exercice.departement}.")
