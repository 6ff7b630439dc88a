"""Revenir à une version passée d'une action : une écriture de plus, par les règles de toute saisie. Rien ne s'efface.

Reviennent les champs saisis, le demandé et le proposé du plan, les quartiers et les étiquettes. Ni le statut, ni les
décisions, ni ce qui est accordé, voté ou versé : ils ont leurs gestes. Ce qui ne peut pas revenir est nommé.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur

from .. import regles
from ..models import (
    Action,
    Financement,
    Financeur,
    Localisation,
    PilierTransversalDeLAction,
    PrevisionPluriannuelle,
    PrioriteDeLAction,
)
from .outils import OperationRefusee, verrouiller_les_actions
from .plan import LigneDePlan, cle_de_ligne
from .saisie import SaisieAction, enregistrer, examiner

# Ce qui revient ensemble, ou pas du tout : l'un sans l'autre n'aurait pas de sens.
GROUPES = [
    ["echelle", "contrat", "campagne"],
    ["porteur", "etablissement"],
    ["dossier", "tranche"],
    ["duree", "cpo_rang", "cpo_nombre"],
    ["date_debut", "date_fin"],
    ["beneficiaires_prevus", "beneficiaires_femmes", "beneficiaires_hommes", "beneficiaires_qpv"],
    *([champ] for champ in ("intitule", "description", "objectifs", "thematique", "pilier", "dispositif")),
    *([champ] for champ in ("cout_previsionnel", "contributions_volontaires", "agent_referent")),
]
CHAMPS = [champ for groupe in GROUPES for champ in groupe]
LIENS = {
    "piliers_transversaux": (PilierTransversalDeLAction, "pilier"),
    "priorites": (PrioriteDeLAction, "prioritetransversale"),
}


@dataclass
class Retour:
    """Ce que deviendrait l'action. `date`, `auteur` : de la version ; `reste` : ce qui ne revient pas, en phrases."""

    action: Action
    version: int
    date: datetime
    auteur: str
    saisie: SaisieAction
    reste: list[str] = field(default_factory=list)


def restaurer(action: Action, version: int, *, par: Utilisateur, motif: str = "", lue: int | None = None) -> Action:
    """Redonne à l'action les valeurs de cette version, comme une saisie ; `lue` : la version que la page montrait.

    Lève ConflitDeVersion, MotifExige, DroitManquant ou OperationRefusee (règle, gel, clôture, rien à changer).
    """
    with transaction.atomic():
        actuelle = verrouiller_les_actions([action])[action.pk]
        retour = preparer_le_retour(actuelle, version)
        saisie = replace(retour.saisie, version=lue)
        [examen] = examiner([saisie], par=par, motif=motif)  # avec le motif de la personne, sans ce qui le complète
        if examen.refus:
            raise examen.refus
        if not examen.change:
            raise OperationRefusee("L’action est déjà telle qu’à cette version : rien ne change.")
        phrase = f"Retour à la version {version} du {timezone.localtime(retour.date):%d/%m/%Y}"
        return enregistrer([saisie], par=par, motif=f"{phrase} : {motif}" if motif.strip() else phrase)[0]


def preparer_le_retour(action: Action, version: int) -> Retour:
    """Ce que donnerait le retour, sans rien écrire. Lève OperationRefusee si cette version n'a pas d'histoire."""
    lignes = Action.history.filter(id=action.pk).select_related("history_user")
    ligne = lignes.filter(version=version).order_by("-history_date", "-history_id").first()
    suivante = lignes.filter(version__gt=version).order_by("history_date", "history_id").first()
    if ligne is None or suivante is None:
        raise OperationRefusee("Cette version n’est pas une version passée de l’action.")
    intervalle = Intervalle(action, ligne.history_date, suivante.history_date)
    reste = []
    champs = champs_d_alors(action, ligne, reste)
    saisie = SaisieAction(
        champs=champs,
        action=action,
        plan=plan_d_alors(intervalle, reste),
        localisations=lieux_d_alors(intervalle, champs["contrat"], reste),
        **{champ: etiquettes_d_alors(intervalle, champ, reste) for champ in LIENS},
    )
    return Retour(action, version, ligne.history_date, str(ligne.history_user or ""), saisie, reste)


@dataclass(frozen=True)
class Intervalle:
    """Une version de l'action : de l'écriture de sa ligne (`debut`) à celle de la suivante (`fin`)."""

    action: Action
    debut: datetime
    fin: datetime

    def lignes(self, modele) -> list[Any]:
        """Les lignes d'histoire de ce qui existait à cette version.

        `saisie.ecrire` supprime avant d'écrire la ligne de l'action, et ajoute ou modifie après : une suppression dans
        l'intervalle est de la version suivante, un ajout est de celle-ci.
        """
        etats = {}
        for ligne in modele.history.filter(action_id=self.action.pk).order_by("history_date", "history_id"):
            if ligne.history_type == "-" and ligne.history_date <= self.debut:
                etats.pop(ligne.id, None)
            elif ligne.history_type != "-" and ligne.history_date < self.fin:
                etats[ligne.id] = ligne
        return [etats[pk] for pk in sorted(etats)]


# --- Les champs ---


def champs_d_alors(action, ligne, reste):
    champs = {}
    for groupe in GROUPES:
        alors = {champ: valeur(ligne, champ) for champ in groupe}
        change = any(getattr(ligne, attname(c)) != getattr(action, attname(c)) for c in groupe)
        raison = pourquoi_reste(action, ligne, groupe, alors) if change else ""
        if raison:
            reste.append(raison)
        champs |= {champ: getattr(action, champ) for champ in groupe} if raison or not change else alors
    return champs


def attname(champ):
    return Action._meta.get_field(champ).attname


def valeur(ligne, champ):
    """La valeur d'alors ; pour une clé étrangère, l'objet d'aujourd'hui, ou None s'il n'existe plus."""
    brute, modele = getattr(ligne, attname(champ)), Action._meta.get_field(champ).related_model
    return modele._default_manager.filter(pk=brute).first() if modele and brute is not None else brute


def pourquoi_reste(action, ligne, groupe, alors):
    """La phrase qui dit pourquoi ce groupe garde sa valeur d'aujourd'hui, ou ""."""
    for champ in groupe:
        if alors[champ] is None and getattr(ligne, attname(champ)) is not None:
            return f"{libelle(champ)} : ce qui était choisi n’existe plus."
    raison = RAISONS.get(groupe[0], reference_qui_reste)
    return raison(action, groupe[0], alors)


def libelle(champ):
    nom = Action._meta.get_field(champ).verbose_name
    return nom[0].upper() + nom[1:]


def reference_qui_reste(action, champ, alors):
    if getattr(alors[champ], "est_actif", True) and getattr(alors[champ], "is_active", True):
        return enveloppe_qui_reste(action, champ, alors[champ]) if champ == "dispositif" else ""
    return f"{libelle(champ)} : « {alors[champ]} » ne se propose plus."


def contrat_qui_reste(action, champ, alors):
    if alors["campagne"] != action.campagne:
        empechement = regles.empechement_de_changer_de_campagne(action, alors["campagne"])
        if empechement:
            return f"Contrat et campagne : {empechement}"
    return enveloppe_qui_reste(action, "contrat", alors["contrat"])


def enveloppe_qui_reste(action, champ, voulu):
    """Une décision ne change pas : son enveloppe reste celle du contrat et du dispositif de l'action."""
    for decision in action.decisions.exclude(enveloppe=None).select_related("enveloppe"):
        propre = getattr(decision.enveloppe, f"{champ}_id")
        if propre is not None and propre != getattr(voulu, "pk", None):
            return f"{libelle(champ)} : l’enveloppe « {decision.enveloppe} » porte une décision de l’action."
    return ""


def porteur_qui_reste(action, champ, alors):
    porteur = alors["porteur"]
    if porteur and porteur.fusionne_dans_id:
        return f"Porteur : « {porteur} » a été réuni à « {porteur.fusionne_dans} »."
    return ""


def dossier_qui_reste(action, champ, alors):
    if alors["dossier"] is None:
        return ""
    meme = Action.objects.filter(exercice=action.exercice_id, contrat=action.contrat_id, **alors)
    prise = meme.exclude(pk=action.pk).first()
    return f"Dossier Dauphin : {alors['dossier']} est maintenant celui de « {prise} »." if prise else ""


def duree_qui_reste(action, champ, alors):
    apres = Action(exercice=action.exercice, **alors)
    annees = PrevisionPluriannuelle.objects.filter(action=action).values_list("annee", flat=True)
    hors = [annee for annee in annees if annee not in regles.annees_a_prevoir(apres)]
    return f"Durée : l’action a une prévision pour {min(hors)}." if hors else ""


RAISONS: dict[str, Callable] = {
    "echelle": contrat_qui_reste,
    "porteur": porteur_qui_reste,
    "dossier": dossier_qui_reste,
    "duree": duree_qui_reste,
}


# --- Le plan, les quartiers, les étiquettes ---


def plan_d_alors(intervalle, reste) -> list[LigneDePlan]:
    """Le demandé et le proposé d'alors ; l'accordé, le versé et le vote d'aujourd'hui."""
    actuelles = Financement.objects.filter(action=intervalle.action).select_related("financeur").order_by("pk")
    actuelles = {cle_de_ligne(ligne.financeur, ligne.nature): ligne for ligne in actuelles}
    anciennes = intervalle.lignes(Financement)
    financeurs = Financeur.objects.in_bulk([ligne.financeur_id for ligne in anciennes])
    plan = []
    for ancienne in anciennes:
        financeur = financeurs.get(ancienne.financeur_id)
        actuelle = financeur and actuelles.pop(cle_de_ligne(financeur, ancienne.nature), None)
        if actuelle or (financeur and financeur.est_actif):
            plan.append(ligne_d_alors(ancienne, financeur, actuelle))
        else:
            reste.append(f"Plan : « {financeur or 'financeur supprimé'} » ne se propose plus, sa ligne ne revient pas.")
    return plan + lignes_qui_restent(intervalle.action, actuelles.values(), reste)


def ligne_d_alors(ancienne, financeur, actuelle):
    ligne = LigneDePlan(financeur, ancienne.nature, demande=ancienne.demande, propose=ancienne.propose)
    if actuelle is None:
        return ligne
    votes = {champ: getattr(actuelle, champ) for champ in ("accorde", "verse", "etat", "date_etat")}
    return replace(ligne, financeur=actuelle.financeur, **votes)


def lignes_qui_restent(action, ajoutees, reste):
    """Une ligne ajoutée depuis s'en va, sauf si elle porte un accordé ou un versement."""
    gardees = []
    for ligne in ajoutees:
        if ligne.accorde is not None or ligne.verse is not None:
            reste.append(f"Plan : la ligne « {ligne.financeur} » reste, elle porte un accordé ou un versement.")
            montants = {champ: getattr(ligne, champ) for champ in ("demande", "propose", "accorde", "verse")}
            gardees.append(
                LigneDePlan(ligne.financeur, ligne.nature, etat=ligne.etat, date_etat=ligne.date_etat, **montants)
            )
    return gardees


def lieux_d_alors(intervalle, contrat, reste):
    """Les quartiers d'alors s'ils sont du contrat que l'action aura ; sinon ceux d'aujourd'hui."""
    quartiers = Localisation._meta.get_field("quartier").related_model.objects
    anciens = intervalle.lignes(Localisation)
    par_pk = quartiers.in_bulk([ligne.quartier_id for ligne in anciens])
    lieux = {par_pk[ligne.quartier_id]: ligne.cle for ligne in anciens if ligne.quartier_id in par_pk}
    if all(quartier.contrat_id == getattr(contrat, "pk", None) for quartier in lieux):
        return lieux
    reste.append("Quartiers : ceux d’alors ne sont pas du contrat que l’action garde.")
    return {lieu.quartier: lieu.cle for lieu in intervalle.action.localisations.select_related("quartier")}


def etiquettes_d_alors(intervalle, champ, reste):
    modele, colonne = LIENS[champ]
    actuelles = set(getattr(intervalle.action, champ).all())
    voulues = modele._meta.get_field(colonne).related_model.objects.filter(
        pk__in=[getattr(ligne, f"{colonne}_id") for ligne in intervalle.lignes(modele)]
    )
    gardees = [etiquette for etiquette in voulues if etiquette.est_actif or etiquette in actuelles]
    reste.extend(f"{libelle(champ)} : « {e} » ne se propose plus." for e in voulues if e not in gardees)
    return gardees
