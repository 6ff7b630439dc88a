"""Enregistrer des actions : champs, plan de financement, localisations, étiquettes, en un lot et une transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.repartition import cumuls
from territoires.models import Quartier

from .. import regles
from ..enums import Echelle
from ..models import (
    Action,
    Campagne,
    Decision,
    Financement,
    Localisation,
    Pilier,
    PrevisionPluriannuelle,
    PrioriteTransversale,
)
from .d_office import feuilles_des_exercices, poser_l_enveloppe
from .outils import (
    DroitManquant,
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
    modifier_avec_historique,
    relire_les_actions,
    relire_les_exercices,
    supprimer_avec_historique,
    verifier_les_versions,
)
from .plan import ChangementDePlan, LigneDePlan, cle_de_ligne, lignes_par_cle
from .statuts import deposer

# Ce qui, changé, déplace un total déjà lu d'un territoire, d'un pilier ou d'un porteur à l'autre.
DEPLACENT_UN_TOTAL = {
    "echelle": "l’échelle",
    "contrat": "le contrat",
    "campagne": "la campagne",
    "thematique": "la thématique",
    "pilier": "le pilier",
    "dispositif": "le dispositif",
    "porteur": "le porteur",
    "cout_previsionnel": "un montant",
    "contributions_volontaires": "un montant",
}
PORTENT_L_ENVELOPPE = {"contrat", "dispositif"}  # l'enveloppe d'une action est de son contrat et de son dispositif
CHAMPS_DE_LA_DUREE = {"duree", "cpo_rang", "cpo_nombre"}
PAS_DANS_CETTE_ENVELOPPE = (
    "« {} » porte une décision de l’action : son {} ne change plus. Déprogrammer l’action, puis en saisir une autre."
)
STATUT_PAR_SON_GESTE = "Le statut ne se saisit pas : déposer, instruire, décider ou retirer l’action."
ETIQUETTES = {"piliers_transversaux": Pilier, "priorites": PrioriteTransversale}


@dataclass
class SaisieAction:
    """Ce qu'un formulaire, une ligne d'import ou une commande écrit d'une action.

    `action` : celle que l'on modifie (None : création). `version` : celle qui a été lue (None : sans contrôle).
    `champs` : valeurs de champs du modèle. `plan`, `localisations` (quartier → clé), `piliers_transversaux` et
    `priorites` remplacent l'existant ; None les laisse tels quels.
    """

    champs: dict[str, Any]
    action: Action | None = None
    version: int | None = None
    plan: Sequence[LigneDePlan] | None = None
    localisations: dict[Quartier, int] | None = None
    piliers_transversaux: Sequence[Pilier] | None = None
    priorites: Sequence[PrioriteTransversale] | None = None


@dataclass
class Ecritures:
    """Ce qu'un lot va écrire, réuni pour n'écrire qu'une fois par table."""

    creees: list = field(default_factory=list)
    modifiees: list = field(default_factory=list)
    champs_modifies: set = field(default_factory=set)
    champs_des_lignes: set = field(default_factory=set)
    lignes_creees: list = field(default_factory=list)
    lignes_modifiees: list = field(default_factory=list)
    lignes_supprimees: list = field(default_factory=list)
    lieux_crees: list = field(default_factory=list)
    lieux_modifies: list = field(default_factory=list)
    lieux_supprimes: list = field(default_factory=list)
    etiquettes: list = field(default_factory=list)


@dataclass(frozen=True)
class Examen:
    """Ce que deviendrait une saisie : l'action telle qu'elle serait écrite, ou le refus qui l'en empêche."""

    action: Action | None
    change: bool = False
    refus: OperationRefusee | None = None


def enregistrer(saisies: Sequence[SaisieAction], *, par: Utilisateur, motif: str = "") -> list[Action]:
    """Crée ou modifie un lot d'actions, tout ou rien ; rend les actions dans l'ordre des saisies.

    Une saisie qui ne change rien n'écrit rien et laisse la version. Lève ConflitDeVersion, MotifExige, DroitManquant
    ou OperationRefusee (règle, contrainte), sans rien écrire.
    """
    with contraintes_en_francais(), transaction.atomic():
        contexte = Contexte(saisies, sous_verrou=True)
        ecritures = Ecritures()
        actions = [contexte.appliquer(saisie, ecritures, par, motif) for saisie in saisies]
        ecrire(ecritures, par, motif)
    return actions


def examiner(saisies: Sequence[SaisieAction], *, par: Utilisateur, motif: str = "") -> list[Examen]:
    """Ce que `enregistrer` ferait de chaque saisie, par les mêmes règles, sans verrou et sans rien écrire.

    L'unicité du dossier, que seule la base garantit, reste à vérifier par l'appelant.
    """
    contexte = Contexte(saisies, sous_verrou=False)
    return [contexte.examiner(saisie, par, motif) for saisie in saisies]


def enregistrer_et_deposer(saisie: SaisieAction, *, par: Utilisateur, motif: str = "") -> Action:
    """Enregistre un brouillon et le dépose, ou ne fait rien des deux. Lève ce que lèvent les deux gestes."""
    with transaction.atomic():
        enregistrees = enregistrer([saisie], par=par, motif=motif)
        return deposer(enregistrees, par=par)[0]


class Contexte:
    """Ce qu'il faut lire, une fois pour tout le lot et sous verrou s'il s'écrit, avant d'appliquer chaque saisie."""

    def __init__(self, saisies, *, sous_verrou):
        existantes = [saisie.action.pk for saisie in saisies if saisie.action]
        nouvelles = {saisie.champs["exercice"].pk for saisie in saisies if not saisie.action}
        self.exercices = relire_les_exercices(nouvelles, sous_verrou=sous_verrou)
        self.instant = timezone.now()  # le même pour tout le lot
        self.actions = relire_les_actions(existantes, sous_verrou=sous_verrou) if existantes else {}
        self.touches = nouvelles | {action.exercice_id for action in self.actions.values()}
        touchees = Campagne.objects.filter(exercice__in=self.touches)
        self.campagnes = touchees.order_by("vague", "pk")  # lues si l'une change
        verifier_les_versions({s.action.pk: s.version for s in saisies if s.action}, self.actions)
        self.decisions = grouper(Decision.objects.filter(action__in=existantes).select_related("enveloppe"))
        self.lignes = grouper(Financement.objects.filter(action__in=existantes).select_related("financeur"))
        self.lieux = grouper(Localisation.objects.filter(action__in=existantes).select_related("quartier"))
        self.etiquettes = {champ: etiquettes_par_action(champ, saisies, existantes) for champ in ETIQUETTES}

    @cached_property
    def feuilles(self):
        return feuilles_des_exercices(self.touches)

    def examiner(self, saisie, par, motif):
        ecritures = Ecritures()
        try:
            action = self.appliquer(saisie, ecritures, par, motif)
        except OperationRefusee as refus:
            return Examen(None, refus=refus)
        return Examen(action, change=bool(ecritures.creees or ecritures.modifiees))

    def appliquer(self, saisie, ecritures, par, motif):
        action = self.actions[saisie.action.pk] if saisie.action else self.nouvelle(saisie)
        if action.pk:
            self.verifier_les_droits(action, par)
        changes = self.appliquer_les_champs(action, saisie)
        self.verifier_les_droits(action, par)
        plan = self.appliquer_le_plan(action, saisie, ecritures)
        lieux = self.appliquer_les_localisations(action, saisie, ecritures)
        etiquettes = self.appliquer_les_etiquettes(action, saisie, ecritures)
        deplaces = ce_qui_deplace_un_total(changes, plan, lieux)
        if action.pk and deplaces and regles.motif_exige_pour_deplacer_un_total(action, action.pk in self.decisions):
            cause = "l’action est décidée" if action.pk in self.decisions else "sa campagne est figée"
            exiger_un_motif(motif, f"Changer {enumerer(deplaces)} de « {action} » demande un motif : {cause}.")
        controler_l_action(action, self.instant)
        if action.pk is None:
            ecritures.creees.append(action)
        elif changes or plan.change or lieux or etiquettes:
            action.version += 1
            ecritures.modifiees.append(action)
            ecritures.champs_modifies |= changes
        return action

    def appliquer_les_champs(self, action, saisie):
        """Pose les champs de la saisie sur l'action et rend les noms de ceux qui changent."""
        campagne = saisie.champs.get("campagne")
        if action.pk and campagne and campagne.pk != action.campagne_id:
            empechement = regles.empechement_de_changer_de_campagne(action, self.relue(campagne))
            if empechement:
                raise OperationRefusee({"campagne": empechement})
        if action.pk and saisie.champs.get("statut", action.statut) != action.statut:
            raise OperationRefusee({"statut": STATUT_PAR_SON_GESTE})
        changes = appliquer(action, saisie.champs)
        if action.pk and changes & CHAMPS_DE_LA_DUREE:
            retenir_les_previsions(action)
        if action.pk and changes & PORTENT_L_ENVELOPPE:
            self.retenir_dans_les_enveloppes_decidees(action)
        if changes & PORTENT_L_ENVELOPPE and "enveloppe" not in saisie.champs and self.suivre_l_enveloppe(action):
            changes.add("enveloppe")
        return changes

    def suivre_l_enveloppe(self, action):
        """D'un nouveau contrat ou dispositif, l'action quitte l'enveloppe qui ne la porte plus et prend celle qui lui
        revient d'office ; dit si son enveloppe a changé."""
        avant = action.enveloppe_id
        if action.enveloppe and action.enveloppe.pourquoi_pas(action):
            action.enveloppe = None
        poser_l_enveloppe(action, self.feuilles)
        return action.enveloppe_id != avant

    def retenir_dans_les_enveloppes_decidees(self, action):
        """Une décision ne se modifie pas : son enveloppe doit rester celle du contrat et du dispositif de l'action."""
        for decision in self.decisions.get(action.pk, []):
            enveloppe = decision.enveloppe
            if enveloppe and enveloppe.pourquoi_pas(action):
                champ = "dispositif" if enveloppe.contrat_id in (None, action.contrat_id) else "contrat"
                raise OperationRefusee({champ: PAS_DANS_CETTE_ENVELOPPE.format(enveloppe, champ)})

    def nouvelle(self, saisie):
        action = Action(exercice=self.exercices[saisie.champs["exercice"].pk])
        saisie.champs["exercice"] = action.exercice
        choisie = saisie.champs.get("campagne")
        if choisie:
            campagne = self.relue(choisie)
        else:
            campagne = self.campagne_par_defaut(action.exercice, saisie.champs.get("contrat"))
        saisie.champs["campagne"] = campagne
        if campagne.exercice_id == action.exercice_id:
            campagne.exercice = action.exercice
        empechement = regles.empechement_de_creer(campagne)
        if empechement:
            raise OperationRefusee(empechement)
        return action

    def relue(self, campagne):
        """La même campagne, lue sous le verrou : quelqu'un a pu la figer depuis que la saisie l'a choisie."""
        return next((lue for lue in self.campagnes if lue.pk == campagne.pk), campagne)

    def campagne_par_defaut(self, exercice, contrat):
        """La première campagne non figée du contrat, sinon celle de tout l'exercice."""
        ouvertes = [c for c in self.campagnes if c.exercice_id == exercice.pk and not c.est_figee]
        for campagne in ouvertes:
            if contrat and campagne.contrat_id == contrat.pk:
                return campagne
        generales = [c for c in ouvertes if c.contrat_id is None]
        if not generales:
            raise OperationRefusee(f"Aucune campagne de l’exercice {exercice.annee} n’est ouverte : elles sont figées.")
        return generales[0]

    def verifier_les_droits(self, action, par):
        if not regles.peut_gerer(par, action):
            raise DroitManquant("Vous n’êtes pas habilité à saisir des actions ici.")
        empechement = regles.empechement_de_modifier(action)
        if empechement:
            raise OperationRefusee(empechement)

    def appliquer_le_plan(self, action, saisie, ecritures):
        if saisie.plan is None:
            return ChangementDePlan()
        existantes = {cle_de_ligne(ligne.financeur, ligne.nature): ligne for ligne in self.lignes.get(action.pk, [])}
        saisies = lignes_par_cle(saisie.plan)
        changement = ChangementDePlan()
        for cle, ligne_saisie in saisies.items():
            if cle in existantes:
                changement.modifier(existantes[cle], ligne_saisie, ecritures)
            else:
                changement.creer(action, ligne_saisie, ecritures)
        for cle, ligne in existantes.items():
            if cle not in saisies:
                changement.supprimer(ligne, action.pk in self.decisions, ecritures)
        return changement

    def appliquer_les_localisations(self, action, saisie, ecritures):
        existantes = {lieu.quartier_id: lieu for lieu in self.lieux.get(action.pk, [])}
        if saisie.localisations is None:
            for lieu in existantes.values():
                verifier_le_quartier(action, lieu.quartier)
            return False
        return remplacer_les_localisations(action, existantes, saisie.localisations, ecritures)

    def appliquer_les_etiquettes(self, action, saisie, ecritures):
        change = False
        for champ in ETIQUETTES:
            voulues = getattr(saisie, champ)
            if voulues is None:
                continue
            voulues = {objet.pk for objet in voulues}
            if voulues != self.etiquettes[champ].get(action.pk, set()):
                ecritures.etiquettes.append((action, champ, voulues))
                change = True
        return change


def retenir_les_previsions(action):
    """Une prévision reste dans la durée de sa CPO."""
    for prevision in PrevisionPluriannuelle.objects.filter(action=action):
        if prevision.annee not in regles.annees_a_prevoir(action):
            phrase = f"L’action a une prévision pour {prevision.annee} : la retirer avant de changer sa durée."
            raise OperationRefusee({"cpo_nombre": phrase})


def ce_qui_deplace_un_total(changes, plan, lieux):
    """Ce qui change, en mots, parmi ce qui déplace un total : « le pilier », « les quartiers », « un montant »."""
    mots = {mot: None for champ, mot in DEPLACENT_UN_TOTAL.items() if champ in changes}
    if lieux:
        mots["les quartiers"] = None
    if plan.montants_changes:
        mots["un montant"] = None
    return list(mots)


def enumerer(mots):
    *premiers, dernier = mots
    return f"{', '.join(premiers)} et {dernier}" if premiers else dernier


def remplacer_les_localisations(action, existantes, voulues, ecritures):
    """Écrit les quartiers voulus, dans l'ordre de leur identifiant, avec leurs clés cumulées ; dit si cela change."""
    if voulues and action.echelle != Echelle.CONTRAT:
        raise OperationRefusee({"localisations": "Une action à l’échelle du département n’a pas de quartier."})
    change = False
    ordonnes = sorted(voulues.items(), key=lambda paire: paire[0].pk)
    for (quartier, cle), (avant, apres, total) in zip(ordonnes, cumuls([c for _, c in ordonnes]), strict=True):
        verifier_le_quartier(action, quartier)
        lieu = existantes.pop(quartier.pk, None) or Localisation(action=action, quartier=quartier)
        ecrit = (cle, avant, apres, total)
        if (lieu.cle, lieu.cumul_avant, lieu.cumul_apres, lieu.cumul_total) != ecrit or lieu.pk is None:
            lieu.cle, lieu.cumul_avant, lieu.cumul_apres, lieu.cumul_total = ecrit
            lieu.action = action
            controler(lieu)
            (ecritures.lieux_modifies if lieu.pk else ecritures.lieux_crees).append(lieu)
            change = True
    ecritures.lieux_supprimes.extend(existantes.values())
    return change or bool(existantes)


def verifier_le_quartier(action, quartier):
    if quartier.contrat_id != action.contrat_id:
        raise OperationRefusee(
            {"localisations": f"« {quartier} » n’est pas un quartier du contrat de l’action : choisir les siens."}
        )


def controler_l_action(action, instant):
    action.preparer_recherche()
    action.modifie_le = instant
    controler(action)


def grouper(lignes):
    par_action = {}
    for ligne in lignes:
        par_action.setdefault(ligne.action_id, []).append(ligne)
    return par_action


def ecrire(ecritures, par, motif):
    """Écrit le lot, une table après l'autre, avec l'historique.

    Ce qui disparaît s'écrit avant l'action, le reste après : `operations.restauration` y lit ce que valait une version.
    """
    auteur = {"par": par, "motif": motif}
    supprimer_avec_historique(ecritures.lignes_supprimees, **auteur)
    supprimer_avec_historique(ecritures.lieux_supprimes, **auteur)
    retirer_les_etiquettes(ecritures.etiquettes, **auteur)
    creer_avec_historique(ecritures.creees, Action, **auteur)
    champs = sorted(ecritures.champs_modifies | champs_deduits(ecritures.champs_modifies))
    modifier_avec_historique(ecritures.modifiees, Action, champs, **auteur)
    creer_avec_historique(rattacher(ecritures.lignes_creees), Financement, **auteur)
    modifier_avec_historique(ecritures.lignes_modifiees, Financement, sorted(ecritures.champs_des_lignes), **auteur)
    creer_avec_historique(rattacher(ecritures.lieux_crees), Localisation, **auteur)
    cumulees = ["cle", "cumul_avant", "cumul_apres", "cumul_total"]
    modifier_avec_historique(ecritures.lieux_modifies, Localisation, cumulees, **auteur)
    poser_les_etiquettes(ecritures.etiquettes, **auteur)


def champs_deduits(champs):
    """Les colonnes que l'écriture tient elle-même ; la recherche ne suit que ce qu'elle lit."""
    lus = {"intitule", "dossier"}
    return {"version", "modifie_le"} | ({"recherche"} if lus & champs else set())


def rattacher(lignes):
    """Donne aux lignes l'identifiant de leur action, connu depuis qu'elle est écrite."""
    for ligne in lignes:
        ligne.action = ligne.action
    return lignes


def etiquettes_par_action(champ, saisies, existantes):
    """Les identifiants des étiquettes de chaque action existante, en une requête si une saisie en parle."""
    if not existantes or all(getattr(saisie, champ) is None for saisie in saisies):
        return {}
    liens, colonne = table_de_liaison(champ)
    par_action = {}
    for action, etiquette in liens.objects.filter(action__in=existantes).values_list("action_id", colonne):
        par_action.setdefault(action, set()).add(etiquette)
    return par_action


def table_de_liaison(champ):
    relation = Action._meta.get_field(champ)
    return relation.remote_field.through, f"{relation.m2m_reverse_field_name()}_id"


def retirer_les_etiquettes(etiquettes, *, par, motif):
    """Les liens d'une action vers ce qu'elle ne porte plus."""
    for champ, siennes in par_champ(etiquettes).items():
        liens, colonne = table_de_liaison(champ)
        poses = liens.objects.filter(action__in=[pk for pk in siennes if pk]).order_by("pk")
        inutiles = [lien for lien in poses if getattr(lien, colonne) not in siennes[lien.action_id]]
        supprimer_avec_historique(inutiles, par=par, motif=motif)


def poser_les_etiquettes(etiquettes, *, par, motif):
    """Les liens qui manquent ; les actions créées ont maintenant leur identifiant."""
    for champ, siennes in par_champ(etiquettes).items():
        liens, colonne = table_de_liaison(champ)
        poses = set(liens.objects.filter(action__in=siennes).order_by().values_list("action_id", colonne))
        manquants = [
            liens(action_id=action, **{colonne: pk})
            for action, voulues in siennes.items()
            for pk in sorted(voulues)
            if (action, pk) not in poses
        ]
        creer_avec_historique(manquants, liens, par=par, motif=motif)


def par_champ(etiquettes):
    """Les identifiants voulus, par champ puis par action."""
    groupes = {}
    for action, champ, voulues in etiquettes:
        groupes.setdefault(champ, {})[action.pk] = voulues
    return groupes
