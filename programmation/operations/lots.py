"""Modifier plusieurs actions d'un coup : en voir l'effet, l'enregistrer sous un seul motif, l'annuler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.typographie import insecables

from .. import regles
from ..enums import StatutAction
from ..models import Action, Correspondance, Decision, ModificationEnLot, PrioriteTransversale
from ..synthese import synthese_des_piliers
from ..synthese.bases import Base, ChoixDeBase
from ..synthese.lots import (
    CHAMPS_DU_LOT,
    PRIORITES,
    Changement,
    Noms,
    ce_qui_a_change_depuis,
    ce_qui_differe,
    etats,
    nom_du_champ,
)
from ..synthese.piliers import SyntheseDesPiliers
from .outils import OperationRefusee, contraintes_en_francais, relire_les_actions, verrouiller_les_actions
from .saisie import DEPLACENT_UN_TOTAL, SaisieAction, enregistrer, examiner

MOTIF_D_UN_APERCU = "Aperçu"  # jamais gardé : la transaction est annulée
LONGUEUR_DU_RESUME = ModificationEnLot._meta.get_field("resume").max_length


@dataclass(frozen=True)
class ValeursCommunes:
    """Ce que reçoivent toutes les actions du lot.

    `champs` : parmi CHAMPS_DU_LOT, la valeur (None : vide). Sans pilier choisi, une thématique ou un dispositif qui
    change remplace le pilier que la correspondance avait proposé ; un pilier choisi à la main reste.
    """

    champs: Mapping[str, Any] = field(default_factory=dict)
    priorites_ajoutees: Sequence[PrioriteTransversale] = ()
    priorites_retirees: Sequence[PrioriteTransversale] = ()

    @property
    def priorites_changent(self) -> bool:
        return bool(self.priorites_ajoutees or self.priorites_retirees)

    @property
    def resume(self) -> str:
        """« thématique : 1.2 Soutien à la scolarité ; priorité ajoutée : Jeunesse »."""
        mots = [f"{nom_du_champ(champ)} : {valeur or 'aucun'}" for champ, valeur in self.champs.items()]
        for quoi, priorites in (("ajoutée", self.priorites_ajoutees), ("retirée", self.priorites_retirees)):
            mots += [f"priorité {quoi} : {priorite}" for priorite in priorites]
        texte = insecables(" ; ".join(mots))
        return texte if len(texte) <= LONGUEUR_DU_RESUME else f"{texte[: LONGUEUR_DU_RESUME - 1]}…"


@dataclass(frozen=True)
class LigneDApercu:
    """Ce que deviendrait une action ; `empechement` : pourquoi elle ne peut pas changer, ou ""."""

    action: Action
    changements: tuple[Changement, ...]
    empechement: str


@dataclass(frozen=True)
class ApercuDuLot:
    """L'effet d'un lot sans qu'il soit écrit : action par action, et sur les piliers de l'exercice."""

    lignes: tuple[LigneDApercu, ...]
    motif_exige: bool
    avant: SyntheseDesPiliers
    apres: SyntheseDesPiliers

    @property
    def changees(self) -> list[LigneDApercu]:
        return [ligne for ligne in self.lignes if ligne.changements and not ligne.empechement]


class ModificationPasIntacte(OperationRefusee):
    """Des actions ont changé depuis la modification : rien n'est annulé. `nombre` : combien."""

    def __init__(self, nombre):
        self.nombre = nombre
        super().__init__("Des actions ont changé depuis : rien n’est annulé.")


# --- Ce que chaque action recevrait ---


def saisies_du_lot(actions: Sequence[Action], valeurs: ValeursCommunes, versions: Mapping[int, int]):
    """La saisie de chaque action (versions lues, par identifiant ; sans version, sans contrôle)."""
    correspondances = Correspondances() if {"thematique", "dispositif"} & set(valeurs.champs) else None
    siennes = etats(action.pk for action in actions)
    toutes = PrioriteTransversale.objects.in_bulk() if valeurs.priorites_changent else {}
    saisies = []
    for action in actions:
        champs = dict(valeurs.champs)
        if correspondances and "pilier" not in champs:
            champs |= correspondances.nouveau_pilier(action, champs)
        priorites = priorites_du_lot(siennes[action.pk][PRIORITES], valeurs, toutes)
        saisies.append(SaisieAction(champs, action, versions.get(action.pk), priorites=priorites))
    return saisies


def priorites_du_lot(siennes, valeurs, toutes):
    """Les priorités de l'action après le lot, ou None s'il n'en dit rien."""
    if not valeurs.priorites_changent:
        return None
    retirees = {priorite.pk for priorite in valeurs.priorites_retirees}
    voulues = ({*siennes} | {priorite.pk for priorite in valeurs.priorites_ajoutees}) - retirees
    return [toutes[pk] for pk in sorted(voulues)]


class Correspondances:
    """Le pilier que propose chaque thématique, dans un dispositif ou en général ; lues une fois."""

    def __init__(self):
        lues = Correspondance.objects.select_related("pilier").order_by("pk")
        self.piliers = {(c.thematique_id, c.dispositif_id): c.pilier for c in lues}

    def pilier(self, thematique_id, dispositif_id):
        """La plus précise l'emporte ; None si rien ne le dit."""
        precise = self.piliers.get((thematique_id, dispositif_id))
        return precise or self.piliers.get((thematique_id, None))

    def nouveau_pilier(self, action, champs):
        thematique = champs.get("thematique", action.thematique)
        dispositif = champs.get("dispositif", action.dispositif)
        avant = self.pilier(action.thematique_id, action.dispositif_id)
        apres = self.pilier(thematique and thematique.pk, dispositif and dispositif.pk)
        choisi = action.pilier_id is not None and action.pilier != avant
        return {} if apres is None or choisi else {"pilier": apres}


def refus_de_l_enveloppe(actions: Sequence[Action], valeurs: ValeursCommunes) -> dict[int, str]:
    """Par identifiant, pourquoi l'action ne quitte pas l'enveloppe qui porte ses décisions."""
    if "enveloppe" not in valeurs.champs:
        return {}
    voulue = valeurs.champs["enveloppe"]
    portees = Decision.objects.filter(action__in=actions).exclude(enveloppe=None).select_related("enveloppe")
    return {
        decision.action_id: f"« {decision.enveloppe} » porte sa décision : la rendre d’abord par une diminution."
        for decision in portees.order_by("pk")
        if decision.enveloppe != voulue
    }


def exercice_du_lot(actions):
    """Le seul exercice de ces actions ; lève OperationRefusee s'il y en a plusieurs, ou s'il est clos."""
    exercices = {action.exercice_id: action.exercice for action in actions}
    if len(exercices) != 1:
        raise OperationRefusee("Une modification en lot porte sur les actions d’un seul exercice.")
    (exercice,) = exercices.values()
    if exercice.est_clos:
        raise OperationRefusee(f"L’exercice {exercice.annee} est clos : ses chiffres ne changent plus.")
    return exercice


# --- Voir l'effet ---


def apercevoir(actions: Sequence[Action], valeurs: ValeursCommunes, *, par: Utilisateur) -> ApercuDuLot:
    """L'effet du lot, par les règles et les calculs mêmes qui l'écriraient, dans une transaction annulée.

    Lève OperationRefusee si les actions sont de plusieurs exercices, ou d'un exercice clos.
    """
    relues = [relue for _, relue in sorted(relire_les_actions(actions, sous_verrou=False).items())]
    exercice = exercice_du_lot(relues)
    avant = etats(action.pk for action in relues)
    refus = refus_de_l_enveloppe(relues, valeurs)
    saisies = saisies_du_lot(relues, valeurs, {})
    examens = examiner(saisies, par=par, motif=MOTIF_D_UN_APERCU)
    apres = {s.action.pk: etat_examine(avant[s.action.pk], s, e) for s, e in zip(saisies, examens, strict=True)}
    refus = {s.action.pk: " ".join(e.refus.messages) for s, e in zip(saisies, examens, strict=True) if e.refus} | refus
    noms = Noms([*avant.values(), *apres.values()])
    lignes = tuple(
        LigneDApercu(a, noms.changements(avant[a.pk], apres[a.pk]), insecables(refus.get(a.pk, ""))) for a in relues
    )
    changees = {ligne.action.pk for ligne in lignes if ligne.changements and not ligne.empechement}
    possibles = [saisie for saisie in saisies if saisie.action.pk in changees]
    return ApercuDuLot(
        lignes, motif_est_exige(possibles, avant, apres), *effet_sur_les_piliers(possibles, exercice, par)
    )


def etat_examine(avant, saisie, examen):
    """Ce que l'action vaudrait dans les champs du lot ; ce qu'elle vaut, si elle est refusée."""
    if examen.refus:
        return avant
    apres = {champ: getattr(examen.action, f"{champ}_id") for champ in CHAMPS_DU_LOT}
    priorites = avant[PRIORITES] if saisie.priorites is None else sorted(p.pk for p in saisie.priorites)
    return apres | {PRIORITES: priorites}


def motif_est_exige(saisies, avant, apres):
    """L'une de ces actions est décidée, ou d'une campagne figée, et ce qui change déplace un total."""
    ids = [saisie.action.pk for saisie in saisies]
    decidees = set(Decision.objects.filter(action__in=ids).order_by().values_list("action", flat=True))
    return any(
        regles.motif_exige_pour_deplacer_un_total(s.action, s.action.pk in decidees)
        and not DEPLACENT_UN_TOTAL.keys().isdisjoint(ce_qui_differe(avant[s.action.pk], apres[s.action.pk]))
        for s in saisies
    )


def effet_sur_les_piliers(saisies, exercice, par) -> tuple[SyntheseDesPiliers, SyntheseDesPiliers]:
    """Les piliers de l'exercice avant et après : sur l'accordé si le lot a des actions programmées, sinon sur le
    demandé."""
    programmees = any(saisie.action.statut == StatutAction.PROGRAMMEE for saisie in saisies)
    choix = ChoixDeBase(Base.P147_ACCORDE if programmees else Base.P147_DEMANDE)
    portee = Action.objects.visibles_par(par).filter(exercice=exercice)
    avant = synthese_des_piliers(portee, choix)
    with transaction.atomic():
        enregistrer(saisies, par=par, motif=MOTIF_D_UN_APERCU)
        apres = synthese_des_piliers(portee, choix)
        transaction.set_rollback(True)
    return avant, apres


# --- Enregistrer ---


def modifier_en_lot(
    actions: Mapping[Action, int], valeurs: ValeursCommunes, *, par: Utilisateur, motif: str = ""
) -> ModificationEnLot:
    """Donne ces valeurs à toutes les actions (version lue de chacune), ou à aucune ; garde de quoi l'annuler.

    Lève ConflitDeVersion, MotifExige, DroitManquant ou OperationRefusee sans rien écrire.
    """
    with contraintes_en_francais(), transaction.atomic():
        relues = [relue for _, relue in sorted(verrouiller_les_actions(list(actions)).items())]
        exercice = exercice_du_lot(relues)
        refus = refus_de_l_enveloppe(relues, valeurs)
        if refus:
            raise OperationRefusee([f"« {action} » : {refus[action.pk]}" for action in relues if action.pk in refus])
        avant = etats(action.pk for action in relues)
        versions = {action.pk: version for action, version in actions.items()}
        ecrites = enregistrer(saisies_du_lot(relues, valeurs, versions), par=par, motif=motif.strip())
        lignes = lignes_a_garder(ecrites, avant)
        if not lignes:
            raise OperationRefusee("Ces actions ont déjà ces valeurs : rien ne change.")
        return ModificationEnLot.objects.create(
            exercice=exercice, auteur=par, motif=motif.strip(), resume=valeurs.resume, lignes=lignes
        )


def lignes_a_garder(ecrites, avant):
    """De chaque action changée : ce qu'elle valait et ce qu'elle vaut, champ par champ, et sa version maintenant."""
    apres = etats(action.pk for action in ecrites)
    lignes = []
    for action in ecrites:
        champs = ce_qui_differe(avant[action.pk], apres[action.pk])
        if champs:
            valeurs = [{champ: etat[action.pk][champ] for champ in champs} for etat in (avant, apres)]
            lignes.append({"action": action.pk, "version": action.version, "avant": valeurs[0], "apres": valeurs[1]})
    return lignes


# --- Annuler ---


def annuler_la_modification(
    modification: ModificationEnLot, *, par: Utilisateur, seulement_intactes: bool = False
) -> int:
    """Remet les valeurs d'avant, tout ou rien ; rend le nombre d'actions remises.

    Une action qui a changé depuis arrête tout (ModificationPasIntacte), sauf `seulement_intactes`, qui la laisse.
    """
    with contraintes_en_francais(), transaction.atomic():
        modification = ModificationEnLot.objects.select_for_update(of=("self",)).get(pk=modification.pk)
        if modification.annulee_le:
            raise OperationRefusee("Cette modification est déjà annulée.")
        presentes = Action.objects.filter(pk__in=[ligne["action"] for ligne in modification.lignes])
        actions = verrouiller_les_actions(presentes.order_by())
        intactes = [x for x in modification.lignes if not ce_qui_a_change_depuis(x, actions.get(x["action"]))]
        changees = len(modification.lignes) - len(intactes)
        if changees and not (seulement_intactes and intactes):
            raise ModificationPasIntacte(changees)
        saisies = saisies_d_annulation(intactes, actions)
        enregistrer(saisies, par=par, motif=insecables(f"Annulation de « {modification.resume} »"))
        for ligne in modification.lignes:
            if ligne not in intactes:
                ligne["laissee"] = ce_qui_a_change_depuis(ligne, actions.get(ligne["action"]))
        modification.annulee_le, modification.annulee_par = timezone.now(), par
        modification.save(update_fields=["annulee_le", "annulee_par", "lignes"])
    return len(intactes)


def saisies_d_annulation(lignes, actions):
    """Chaque action avec ses valeurs d'avant ; lève OperationRefusee si l'une d'elles n'existe plus."""
    objets = {
        champ: modele.objects.in_bulk({ligne["avant"].get(champ) for ligne in lignes} - {None})
        for champ, modele in CHAMPS_DU_LOT.items()
    }
    priorites = PrioriteTransversale.objects.in_bulk()
    saisies = []
    for ligne in lignes:
        avant, action = dict(ligne["avant"]), actions[ligne["action"]]
        voulues = [priorites[pk] for pk in avant.pop(PRIORITES) if pk in priorites] if PRIORITES in avant else None
        champs = {champ: retrouver(objets, champ, pk, action) for champ, pk in avant.items()}
        saisies.append(SaisieAction(champs, action, ligne["version"], priorites=voulues))
    return saisies


def retrouver(objets, champ, pk, action):
    if pk is not None and pk not in objets[champ]:
        raise OperationRefusee(f"« {action} » : sa valeur d’avant ({nom_du_champ(champ)}) n’existe plus.")
    return objets[champ].get(pk)
