"""Les enveloppes de l'année : les créer, enregistrer leurs mouvements, redéployer, annuler, les dire notifiées.

Un mouvement ne se modifie ni ne s'efface : un mouvement inverse l'annule. Ce qui est imposé (gel, retrait, réserve)
passe toujours ; ce qui est choisi (créer, relever, redéployer) ne passe que si les crédits y sont.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from datetime import date as Date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.francais import euros

from .. import regles
from ..enums import NatureMouvement
from ..models import Action, Enveloppe, Exercice, MouvementEnveloppe
from ..synthese import Barre, Credits, Dotation, barre, dotations, lignee
from .exercices import exiger_le_responsable
from .outils import (
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
    modifier_avec_historique,
    verrouiller_les_actions,
    verrouiller_les_exercices,
)
from .statuts import exiger_les_droits, marquer_modifiees, refuser_ensemble
from .versions import refuser_si_change

EN_MOTS = {"ae": "d’AE", "cp": "de CP"}
INVERSES = {
    NatureMouvement.PREVISION: NatureMouvement.PREVISION,
    NatureMouvement.NOTIFICATION: NatureMouvement.RETRAIT,
    NatureMouvement.COMPLEMENT: NatureMouvement.RETRAIT,
    NatureMouvement.MISE_EN_RESERVE: NatureMouvement.DEGEL,
    NatureMouvement.GEL: NatureMouvement.DEGEL,
    NatureMouvement.DEGEL: NatureMouvement.GEL,
    NatureMouvement.RETRAIT: NatureMouvement.COMPLEMENT,
    NatureMouvement.REDEPLOIEMENT: NatureMouvement.REDEPLOIEMENT,
}


class DejaEnregistre(OperationRefusee):
    """Le même envoi a déjà écrit ces mouvements (double clic, page renvoyée)."""


# --- L'enveloppe ---


def creer_une_enveloppe(
    exercice: Exercice, libelle: str, *, par: Utilisateur, parent: Enveloppe | None = None, **champs
) -> Enveloppe:
    """Crée une enveloppe, ou une sous-enveloppe d'une mère qui ne porte pas de décision."""
    with contraintes_en_francais(), transaction.atomic():
        exercice = verrouiller(exercice, par)
        enveloppe = Enveloppe(exercice=exercice, libelle=libelle.strip(), parent=relue(parent), **champs)
        controler(enveloppe)
        refuser_de_diviser(enveloppe.parent)
        creer_avec_historique([enveloppe], Enveloppe, par=par, motif="Nouvelle enveloppe")
    return enveloppe


def modifier_une_enveloppe(
    enveloppe: Enveloppe, champs: dict[str, Any], *, par: Utilisateur, lue: int | None = None
) -> Enveloppe:
    """Change son libellé, sa mère, son contrat ou son dispositif, si ce qu'elle porte et ses filles le permettent.

    `lue` : la version lue (`version_lue`). Lève ObjetChange si un autre l'a changée depuis.
    """
    champs = dict(champs)
    with contraintes_en_francais(), transaction.atomic():
        exercice = verrouiller(enveloppe.exercice, par)
        enveloppe = relue(enveloppe)
        if "parent" in champs:
            champs["parent"] = relue(champs["parent"])
        nom, changes = f"« {enveloppe} »", appliquer(enveloppe, champs)
        if not changes:
            return enveloppe
        refuser_si_change(enveloppe, lue, nom)
        controler(enveloppe)
        if "parent" in changes:
            refuser_une_boucle(enveloppe)
            refuser_de_diviser(enveloppe.parent)
        refuser_de_perdre_ce_qu_elle_porte(enveloppe)
        with filles_dans_leur_mere([exercice.pk]):
            modifier_avec_historique([enveloppe], Enveloppe, sorted(changes), par=par, motif="Enveloppe modifiée")
    return enveloppe


def relue(enveloppe):
    """La même, telle qu'elle est sous le verrou de son exercice : quelqu'un a pu la changer depuis que la page est lue.

    Aucune pour aucune.
    """
    return Enveloppe.objects.get(pk=enveloppe.pk) if enveloppe else None


def refuser_de_diviser(mere):
    """On décide dans une feuille : une enveloppe qui porte des décisions n'a pas de sous-enveloppe."""
    if mere and (mere.decisions.exists() or mere.lignes_engagement.exists()):
        raise OperationRefusee({"parent": f"« {mere} » porte déjà des décisions : elle ne peut plus être divisée."})


def refuser_une_boucle(enveloppe):
    meres = dict(Enveloppe.objects.filter(exercice=enveloppe.exercice_id).order_by().values_list("pk", "parent"))
    if enveloppe.parent_id and enveloppe.pk in lignee(enveloppe.parent_id, meres):
        raise OperationRefusee({"parent": f"« {enveloppe.parent} » est l’une de ses sous-enveloppes."})


def refuser_de_perdre_ce_qu_elle_porte(enveloppe):
    """Devenue celle d'un autre contrat ou d'un autre dispositif, elle ne porterait plus ses actions ni ses filles."""
    for fille in enveloppe.sous_enveloppes.all():
        siens = (enveloppe.contrat_id, fille.contrat_id), (enveloppe.dispositif_id, fille.dispositif_id)
        if any(mere and mere != sien for mere, sien in siens):
            raise OperationRefusee(f"Sa sous-enveloppe « {fille} » ne la suivrait plus : changer d’abord celle-ci.")
    portees = Action.objects.filter(Q(enveloppe=enveloppe) | Q(decisions__enveloppe=enveloppe)).order_by("pk")
    for action in portees.distinct():
        raison = enveloppe.pourquoi_pas(action)
        if raison:
            raise OperationRefusee(f"Elle porte « {action} » : avec ce changement, elle {raison}.")


def declarer_la_notification_complete(
    enveloppe: Enveloppe, date: Date | None, *, par: Utilisateur, motif: str = ""
) -> Enveloppe:
    """Dès lors, le plafond est le notifié et non plus le prévisionnel. Sans date : la déclaration est retirée."""
    if date is None:
        exiger_un_motif(motif, "Revenir sur la notification complète demande un motif.")
    with transaction.atomic():
        exercice = verrouiller(enveloppe.exercice, par)
        refuser_la_date(exercice, date)
        enveloppe = Enveloppe.objects.get(pk=enveloppe.pk)
        if not appliquer(enveloppe, {"notification_complete_le": date}):
            return enveloppe
        raison = motif.strip() or "Notification complète"
        with filles_dans_leur_mere([exercice.pk]):
            modifier_avec_historique([enveloppe], Enveloppe, ["notification_complete_le"], par=par, motif=raison)
    return enveloppe


# --- Les mouvements ---


def enregistrer_des_mouvements(
    mouvements: Sequence[MouvementEnveloppe], *, par: Utilisateur, motif: str = ""
) -> list[MouvementEnveloppe]:
    """Ajoute des mouvements ; une sous-enveloppe ne peut être relevée au-dessus de sa mère. Un gel passe toujours.

    Lève DejaEnregistre si le même geste a déjà été écrit.
    """
    mouvements = list(mouvements)
    with contraintes_en_francais(), transaction.atomic():
        exercices = verrouiller_les_exercices({m.enveloppe.exercice_id for m in mouvements})
        refuser_un_double_envoi(mouvements)
        for mouvement in mouvements:
            mouvement.auteur, mouvement.motif = par, mouvement.motif.strip() or motif.strip()
            verifier_le_mouvement(mouvement, exercices[mouvement.enveloppe.exercice_id], par)
        with filles_dans_leur_mere(exercices):
            creer_avec_historique(mouvements, MouvementEnveloppe, par=par, motif=motif or "Mouvement d’enveloppe")
    return mouvements


def redeployer(
    source: Enveloppe,
    cible: Enveloppe,
    credits: Credits,
    *,
    par: Utilisateur,
    date: Date,
    motif: str,
    nature: NatureMouvement = NatureMouvement.REDEPLOIEMENT,
    reference: str = "",
    geste: UUID | None = None,
) -> list[MouvementEnveloppe]:
    """Passe des crédits (> 0) d'une enveloppe à une autre de l'exercice : deux mouvements opposés, en un seul geste.

    `nature` : REDEPLOIEMENT pour des crédits notifiés, PREVISION pour une hypothèse.
    """
    exiger_un_motif(motif, "Redéployer demande un motif.")
    commun = {"date": date, "nature": nature, "motif": motif.strip(), "reference": reference, "geste": geste}
    paire = [
        MouvementEnveloppe(enveloppe=source, ae=-credits.ae, cp=-credits.cp, **commun),
        MouvementEnveloppe(enveloppe=cible, ae=credits.ae, cp=credits.cp, **commun),
    ]
    with transaction.atomic():
        verrouiller(source.exercice, par)
        refuser_ce_redeploiement(source, cible, credits)
        enregistrer_des_mouvements(paire, par=par, motif=motif)
        refuser_de_trop_prendre(source, credits, nature)
    return paire


def annuler_un_mouvement(
    mouvement: MouvementEnveloppe, *, par: Utilisateur, motif: str, date: Date | None = None
) -> list[MouvementEnveloppe]:
    """Écrit le mouvement inverse, qui le nomme ; les deux mouvements d'un redéploiement s'annulent ensemble."""
    exiger_un_motif(motif, "Annuler un mouvement demande un motif.")
    with transaction.atomic():
        verrouiller(mouvement.enveloppe.exercice, par)
        annules = du_meme_geste(mouvement)
        for annule in annules:
            empechement = regles.empechement_d_annuler(annule)
            if empechement:
                raise OperationRefusee(empechement)
        inverses = [inverse(annule, motif, date or timezone.localdate()) for annule in annules]
        enregistrer_des_mouvements(inverses, par=par, motif=motif)
        if len(annules) > 1:
            refuser_de_trop_reprendre(annules)
    return inverses


def refuser_de_trop_reprendre(paire):
    """Annuler un redéploiement, c'est redéployer en sens inverse : les mêmes limites s'y appliquent."""
    recu = max(paire, key=lambda mouvement: (mouvement.ae, mouvement.cp))
    refuser_de_trop_prendre(recu.enveloppe, Credits(recu.ae, recu.cp), recu.nature)


def du_meme_geste(mouvement):
    """Le mouvement, et l'autre moitié si c'est un redéploiement."""
    lus = MouvementEnveloppe.objects.select_related("enveloppe__exercice", "annule_par").order_by("pk")
    if mouvement.geste is None:
        return list(lus.filter(pk=mouvement.pk))
    return list(lus.filter(geste=mouvement.geste))


def inverse(mouvement, motif, date):
    return MouvementEnveloppe(
        enveloppe=mouvement.enveloppe,
        date=date,
        nature=INVERSES[NatureMouvement(mouvement.nature)],
        ae=-mouvement.ae,
        cp=-mouvement.cp,
        reference=mouvement.reference,
        motif=motif.strip(),
        annule=mouvement,
    )


# --- Les actions ---


def rattacher_a_leur_enveloppe(actions: Sequence[Action], *, par: Utilisateur) -> list[Action]:
    """Donne à chaque action qu'aucune feuille ne porte celle qui lui revient d'office ; laisse les autres à choisir.

    Leur « proposé » entre alors dans la barre de cette enveloppe. Rend les actions rattachées.
    """
    with transaction.atomic():
        relues = list(verrouiller_les_actions(actions).values())
        exiger_les_droits(relues, par)
        refuser_ensemble(relues, regles.empechement_de_modifier)
        feuilles = list(Enveloppe.objects.filter(exercice__in={action.exercice_id for action in relues}).feuilles())
        rattachees = [action for action in relues if action.enveloppe not in feuilles]
        for action in rattachees:
            action.enveloppe = regles.enveloppe_d_office(action, feuilles)
        rattachees = [action for action in rattachees if action.enveloppe]
        marquer_modifiees(rattachees)
        champs = ["enveloppe", "version", "modifie_le"]
        modifier_avec_historique(rattachees, Action, champs, par=par, motif="Rattachée à son enveloppe")
    return rattachees


# --- Ce qui les arrête ---


def verrouiller(exercice, par):
    """L'exercice, relu sous verrou, si la personne en tient les enveloppes et s'il n'est pas clos."""
    exercice = verrouiller_les_exercices([exercice])[exercice.pk]
    verifier_l_exercice(exercice, par)
    return exercice


def verifier_l_exercice(exercice, par):
    exiger_le_responsable(par, exercice)
    empechement = regles.empechement_de_tenir_les_enveloppes(exercice)
    if empechement:
        raise OperationRefusee(empechement)


def verifier_le_mouvement(mouvement, exercice, par):
    verifier_l_exercice(exercice, par)
    controler(mouvement)
    refuser_la_date(exercice, mouvement.date)
    if not mouvement.ae and not mouvement.cp:
        raise OperationRefusee({"ae": "Un mouvement porte des AE, des CP, ou les deux : en indiquer le montant."})


def refuser_la_date(exercice, jour):
    empechement = regles.empechement_de_dater_un_mouvement(exercice, jour) if jour else ""
    if empechement:
        raise OperationRefusee({"date": empechement})


def refuser_un_double_envoi(mouvements):
    gestes = {mouvement.geste for mouvement in mouvements} - {None}
    if gestes and MouvementEnveloppe.objects.filter(geste__in=gestes).exists():
        raise DejaEnregistre("Ce mouvement est déjà enregistré.")


def refuser_ce_redeploiement(source, cible, credits):
    if source.exercice_id != cible.exercice_id:
        raise OperationRefusee({"cible": f"« {cible} » est d’un autre exercice."})
    if source.pk == cible.pk:
        raise OperationRefusee({"cible": "Choisir une autre enveloppe que celle d’où viennent les crédits."})
    meres = dict(Enveloppe.objects.filter(exercice=source.exercice_id).order_by().values_list("pk", "parent"))
    if source.pk in lignee(cible.pk, meres) or cible.pk in lignee(source.pk, meres):
        raise OperationRefusee(
            {"cible": "L’une est dans l’autre : enregistrer un mouvement de la sous-enveloppe, pas un redéploiement."}
        )
    if credits.ae < 0 or credits.cp < 0 or not (credits.ae or credits.cp):
        raise OperationRefusee({"ae": "Indiquer ce qui est redéployé : un montant supérieur à zéro."})


def refuser_de_trop_prendre(source, credits, nature):
    """Redéployer est un choix : on ne prend ni plus que l'enveloppe n'a, ni ce qu'elle a déjà accordé ou réparti."""
    apres = barre(source)
    cote = apres.previsionnel if nature == NatureMouvement.PREVISION else apres.notifie
    for nom, sigle in EN_MOTS.items():
        reste = getattr(cote, nom)
        if getattr(credits, nom) and reste < 0:
            raise OperationRefusee({nom: f"« {source} » n’a que {euros(reste + getattr(credits, nom))} {sigle}."})
    if (nature == NatureMouvement.PREVISION) != apres.est_notifiee:
        refuser_de_prendre_l_accorde(source, apres, credits)


def refuser_de_prendre_l_accorde(source, apres: Barre, credits: Credits):
    if credits.ae and apres.reste_a_decider < 0:
        reste = max(apres.reste_a_decider + credits.ae, Decimal(0))
        raise OperationRefusee({"ae": f"« {source} » a déjà accordé le reste : {euros(reste)} à redéployer au plus."})
    libre = apres.non_reparti
    if libre and (libre.ae < 0 < credits.ae or libre.cp < 0 < credits.cp):
        raise OperationRefusee(f"« {source} » a réparti ces crédits : les reprendre d’abord à ses sous-enveloppes.")


@contextmanager
def filles_dans_leur_mere(exercices):
    """Refuse l'écriture qui relève des sous-enveloppes si, ensemble, elles passent alors leur mère, en AE ou en CP.

    Ce qui ne fait que baisser une mère (un gel) passe, même s'il la ramène sous ce qu'elle a réparti.
    """
    avant, _ = credits_repartis(exercices)
    yield
    repartis, meres = credits_repartis(exercices)
    for mere, reparti in repartis.items():
        ancien = avant.get(mere, Credits())
        for nom, sigle in EN_MOTS.items():
            somme, plafond = getattr(reparti, nom), getattr(meres[mere].credits, nom)
            if somme > max(plafond, getattr(ancien, nom)):
                raise OperationRefusee(
                    f"Les sous-enveloppes de « {mere} » feraient {euros(somme)} {sigle}, plus que ses {euros(plafond)}."
                )


def credits_repartis(exercices) -> tuple[dict[Enveloppe, Credits], dict[Enveloppe, Dotation]]:
    """La somme des crédits en vigueur des filles de chaque mère, et ce que chaque enveloppe a reçu. Trois requêtes."""
    enveloppes = Enveloppe.objects.filter(exercice__in=exercices).in_bulk()
    recus = dotations(enveloppes.values())
    repartis = {}
    for enveloppe in enveloppes.values():
        if enveloppe.parent_id:
            mere = enveloppes[enveloppe.parent_id]
            repartis[mere] = repartis.get(mere, Credits()) + recus[enveloppe.pk].credits
    return repartis, {enveloppe: recus[pk] for pk, enveloppe in enveloppes.items()}
