"""Les actes : rédiger, modifier, signer, notifier, remplacer, exercice clos ou non. Aucun chiffre n'en dépend.

Un acte porte des décisions d'un même organisme et d'un même exercice ; une décision n'est portée que par un acte en
vigueur à la fois, ou par le projet d'avenant de celui-là.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from typing import Any

from django.db import transaction

from comptes.models import Utilisateur

from .. import regles
from ..enums import NatureActe
from ..models import Acte, Action, Decision
from ..synthese.actes import actions_a_conventionner
from .outils import (
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
    modifier_avec_historique,
    supprimer_avec_historique,
    verrouiller_les_actions,
)
from .statuts import exiger_les_droits

REMPLACANTS = (NatureActe.AVENANT, NatureActe.RETRAIT)


class ActeChange(OperationRefusee):
    """Quelqu'un a écrit cet acte entre la lecture et l'enregistrement. `acte` : en base maintenant."""

    def __init__(self, acte):
        self.acte = acte
        super().__init__("Cet acte a été modifié entre-temps par quelqu’un d’autre.")


class DejaPorte(OperationRefusee):
    """Un autre acte en vigueur porte déjà l'une de ces décisions. `acte` : le premier trouvé."""

    def __init__(self, messages, acte):
        self.acte = acte
        super().__init__(messages)


@dataclass(frozen=True)
class SaisieDActe:
    """Un projet d'acte. `remplace` : l'acte signé qu'un avenant ou un retrait remplace. `numero` : vide, à venir."""

    nature: NatureActe
    objet: str
    decisions: Sequence[Decision]
    numero: str = ""
    texte: str = ""
    remplace: Acte | None = None


# --- Rédiger ---


def rediger_un_acte(saisie: SaisieDActe, *, par: Utilisateur, motif: str = "") -> Acte:
    """Crée un projet d'acte. Lève DejaPorte, DroitManquant ou OperationRefusee sans rien écrire."""
    with contraintes_en_francais(), transaction.atomic():
        decisions = relire_les_decisions(saisie.decisions)
        exiger_les_droits({d.action_id: d.action for d in decisions}.values(), par)
        remplace = relire(saisie.remplace) if saisie.remplace else None
        refuser_la_nature(saisie.nature, remplace, decisions)
        acte = Acte(exercice=decisions[0].action.exercice, organisme=organisme_de(decisions), remplace=remplace)
        refuser_l_organisme(acte, remplace)
        refuser_le_double_portage(decisions, remplace)
        appliquer(acte, a_ecrire({"nature": saisie.nature, "objet": saisie.objet, "texte": saisie.texte}))
        acte.numero = ecrire_le_numero(saisie.numero)
        controler_l_acte(acte)
        creer_avec_historique([acte], Acte, par=par, motif=motif or "Projet d’acte")
        acte.decisions.set(decisions)
    return acte


def relire_les_decisions(decisions: Iterable[Decision]) -> list[Decision]:
    """Relues, leurs actions et leurs exercices sous verrou ; d'un seul exercice, et telles qu'un acte les porte."""
    ids = [decision.pk for decision in decisions]
    lues = list(Decision.objects.filter(pk__in=ids).order_by("date", "pk"))
    if not lues:
        raise OperationRefusee({"decisions": "Choisir au moins une décision."})
    actions = verrouiller_les_actions({decision.action_id for decision in lues})
    for decision in lues:
        decision.action = actions[decision.action_id]
    refus = [f"« {d.action} » : {phrase}" for d in lues if (phrase := regles.empechement_de_porter(d))]
    if len({action.exercice_id for action in actions.values()}) > 1:
        annees = ", ".join(sorted({str(action.exercice.annee) for action in actions.values()}))
        refus.append(f"Un acte ne porte que des décisions d’un même exercice ; celles-ci sont de {annees}.")
    if refus:
        raise OperationRefusee({"decisions": refus})
    return lues


def organisme_de(decisions):
    """Le seul organisme de ces décisions, après fusion."""
    organismes = {d.action.porteur.courant.pk: d.action.porteur.courant for d in decisions}
    if len(organismes) > 1:
        noms = ", ".join(f"« {organisme} »" for organisme in organismes.values())
        raise OperationRefusee(
            {"decisions": f"Un acte ne s’adresse qu’à un organisme ; ces décisions en ont : {noms}."}
        )
    return next(iter(organismes.values()))


def refuser_la_nature(nature, remplace, decisions):
    """Un avenant ou un retrait remplace un acte signé ; au-dessus du seuil légal, un arrêté ne suffit pas."""
    if (nature in REMPLACANTS) != (remplace is not None):
        phrase = (
            "Dire quel acte il remplace." if remplace is None else "Seul un avenant ou un retrait remplace un acte."
        )
        raise OperationRefusee({"nature": phrase})
    if remplace and (empechement := regles.empechement_de_remplacer(remplace)):
        raise OperationRefusee(empechement)
    total = sum(decision.montant for decision in decisions)
    if nature not in REMPLACANTS and total <= 0:
        raise OperationRefusee({"decisions": "Cet acte n’attribuerait rien : choisir une décision d’attribution."})
    if nature == NatureActe.ARRETE:
        refuser_un_arrete_au_dessus_du_seuil(decisions)


def refuser_un_arrete_au_dessus_du_seuil(decisions):
    obligees = actions_a_conventionner({d.action_id: d.action for d in decisions}.values())
    if obligees:
        noms = ", ".join(f"« {action} »" for action in obligees)
        raise OperationRefusee({"nature": f"La loi exige une convention au-dessus du seuil : {noms}."})


def refuser_l_organisme(acte, remplace):
    if remplace is None:
        return
    if remplace.exercice_id != acte.exercice_id:
        raise OperationRefusee({"decisions": f"L’acte à remplacer est de l’exercice {remplace.exercice.annee}."})
    if remplace.organisme.courant != acte.organisme:
        raise OperationRefusee({"decisions": f"L’acte à remplacer s’adresse à « {remplace.organisme.courant} »."})


def refuser_le_double_portage(decisions, remplace):
    """Hors de l'acte que l'on remplace, aucune de ces décisions n'est portée par un acte en vigueur."""
    ids = [decision.pk for decision in decisions]
    portages = Acte.decisions.through.objects.filter(decision__in=ids, acte__in=Acte.objects.en_vigueur())
    portages = portages.exclude(acte=remplace) if remplace else portages
    trouves = list(portages.select_related("acte__organisme", "decision__action").order_by("decision_id", "acte_id"))
    if trouves:
        phrases = [f"« {p.decision.action} », {p.decision} : déjà portée par {p.acte}." for p in trouves]
        raise DejaPorte(phrases, trouves[0].acte)


def ecrire_le_numero(numero: str) -> str | None:
    """« 2026 – 12 » reste tel quel, aux espaces des bords près ; vide, le numéro est inconnu."""
    return " ".join((numero or "").split()) or None


def a_ecrire(valeurs: Mapping[str, Any]) -> dict[str, Any]:
    """Un texte saisi dans un navigateur finit ses lignes par deux caractères : un seul en base."""
    return {nom: v.replace("\r\n", "\n").strip() if isinstance(v, str) else v for nom, v in valeurs.items()}


# --- Modifier, supprimer un projet ---


def modifier_un_acte(
    acte: Acte, *, objet: str, texte: str, numero: str, par: Utilisateur, version: int | None = None
) -> Acte:
    """Change l'objet, le texte ou le numéro d'un acte qui n'est pas signé. Lève ActeChange, DroitManquant ou
    OperationRefusee."""
    valeurs = a_ecrire({"objet": objet, "texte": texte}) | {"numero": ecrire_le_numero(numero)}
    with contraintes_en_francais(), transaction.atomic():
        acte = relire_pour_ecrire(acte, par, version)
        refuser(regles.empechement_de_rediger(acte))
        refuser_les_variables(valeurs["texte"])
        enregistrer(acte, valeurs, par, "Rédaction")
    return acte


def refuser_les_variables(texte):
    """Une variable mal écrite partirait telle quelle chez le porteur."""
    if empechement := regles.empechement_du_texte(texte):
        raise OperationRefusee({"texte": empechement})


def supprimer_un_acte(acte: Acte, *, par: Utilisateur, motif: str) -> None:
    """Supprime un projet qui n'est pas signé ; l'historique le garde, et ses décisions redeviennent à porter."""
    exiger_un_motif(motif, {"motif": "Supprimer un projet d’acte demande un motif."})
    with transaction.atomic():
        acte = relire_pour_ecrire(acte, par)
        refuser(regles.empechement_de_rediger(acte))
        supprimer_avec_historique([*acte.versements.all(), acte], par=par, motif=motif)


# --- Signer, notifier ---


def dater_un_acte(
    acte: Acte,
    *,
    numero: str,
    signe_le: Date | None,
    notifie_le: Date | None,
    par: Utilisateur,
    version: int | None = None,
    motif: str = "",
) -> Acte:
    """Enregistre la signature, puis la notification au porteur. D'un acte signé, corriger une date ou un numéro demande
    un motif, et la signature ne s'efface plus. Lève ActeChange, DroitManquant, MotifExige ou OperationRefusee."""
    valeurs = {"numero": ecrire_le_numero(numero), "signe_le": signe_le, "notifie_le": notifie_le}
    with contraintes_en_francais(), transaction.atomic():
        acte = relire_pour_ecrire(acte, par, version)
        refuser_les_dates(acte, signe_le, notifie_le)
        corriges = [nom for nom, v in valeurs.items() if acte.signe_le and getattr(acte, nom) not in (None, v)]
        if corriges:
            exiger_un_motif(motif, {"motif": "Corriger ce qui est déjà enregistré demande un motif."})
        enregistrer(acte, valeurs, par, motif or ("Notification" if acte.signe_le and notifie_le else "Signature"))
    return acte


def refuser_les_dates(acte, signe_le, notifie_le):
    """Les dates dans l'ordre : la décision, l'acte que l'on remplace, la signature, la notification, aujourd'hui."""
    if signe_le is None:
        deja = "Un acte signé ne redevient pas un projet : le remplacer." if acte.signe_le else ""
        if notifie_le or deja:
            raise OperationRefusee(
                {"signe_le": deja or "Un acte se notifie après sa signature : dire quand il est signé."}
            )
        raise OperationRefusee({"signe_le": "Dire quand l’acte est signé."})
    erreurs = {
        "signe_le": regles.empechement_de_dater_l_execution(acte.exercice, signe_le) or trop_tot(acte, signe_le),
        "notifie_le": notifie_le and empechement_de_notifier(signe_le, notifie_le),
    }
    if any(erreurs.values()):
        raise OperationRefusee({champ: phrase for champ, phrase in erreurs.items() if phrase})


def trop_tot(acte, signe_le):
    """Un acte se signe après les décisions qu'il porte, et après celui qu'il remplace."""
    decidee_le = max(acte.decisions.values_list("date", flat=True))
    if signe_le < decidee_le:
        return f"L’acte porte une décision du {decidee_le:%d/%m/%Y} : il se signe ce jour-là ou après."
    if acte.remplace and signe_le < acte.remplace.signe_le:
        return f"L’acte qu’il remplace est signé du {acte.remplace.signe_le:%d/%m/%Y}."
    if acte.suivant and acte.suivant.signe_le and signe_le > acte.suivant.signe_le:
        return f"L’acte qui le remplace est signé du {acte.suivant.signe_le:%d/%m/%Y}."
    return ""


def empechement_de_notifier(signe_le, notifie_le):
    if notifie_le < signe_le:
        return f"Un acte se notifie après sa signature, le {signe_le:%d/%m/%Y}."
    return regles.empechement_du_futur(notifie_le)


# --- Ce que ces gestes partagent ---


def relire(acte: Acte) -> Acte:
    lus = Acte.objects.select_related("exercice__departement", "organisme__fusionne_dans", "remplace", "remplace_par")
    trouve = lus.filter(pk=acte.pk).first()
    if trouve is None:
        raise OperationRefusee("Cet acte n’existe plus : il a été supprimé entre-temps.")
    return trouve


def relire_pour_ecrire(acte, par, version=None):
    """L'acte, relu sous le verrou de son exercice, si la personne peut écrire toutes ses actions."""
    actions = Action.objects.filter(decisions__actes=acte.pk).order_by().values_list("pk", flat=True)
    exiger_les_droits(verrouiller_les_actions(set(actions)).values(), par)
    acte = relire(acte)
    if version is not None and version != acte.version:
        raise ActeChange(acte)
    return acte


def enregistrer(acte, valeurs, par, motif):
    """Écrit ce qui change, et rien si rien ne change : une page renvoyée n'ajoute pas d'histoire."""
    if not appliquer(acte, valeurs):
        return
    acte.version += 1
    controler_l_acte(acte)
    modifier_avec_historique([acte], Acte, [*valeurs, "version"], par=par, motif=motif)


def controler_l_acte(acte):
    autres = Acte.objects.filter(exercice=acte.exercice_id, numero=acte.numero).exclude(pk=acte.pk)
    if acte.numero and (autre := autres.select_related("organisme").first()):
        raise OperationRefusee({"numero": f"{autre} porte déjà ce numéro dans l’exercice."})
    controler(acte)


def refuser(empechement):
    if empechement:
        raise OperationRefusee(empechement)
