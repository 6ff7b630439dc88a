"""Les actes : rédiger, modifier, signer, notifier, remplacer, exercice clos ou non. Aucun chiffre n'en dépend.

Un acte porte des décisions d'un même organisme et d'un même exercice ; une décision n'est portée que par un acte en
vigueur à la fois, ou par le projet d'avenant de celui-là.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from typing import Any

from django.db import transaction
from django.db.models import Max, prefetch_related_objects

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
ACTE_DISPARU = "Cet acte n’existe plus : il a été supprimé entre-temps."
CHAMPS_DES_DATES = ("numero", "signe_le", "notifie_le")
LUES = ("exercice__departement", "organisme__fusionne_dans", "remplace", "remplace_par")


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
    return rediger_des_actes([saisie], par=par, motif=motif)[0]


def rediger_des_actes(saisies: Sequence[SaisieDActe], *, par: Utilisateur, motif: str = "") -> list[Acte]:
    """Crée un lot de projets d'acte, tout ou rien, dans l'ordre des saisies ; le nombre de requêtes n'en dépend pas.

    Lève DejaPorte, DroitManquant ou OperationRefusee sans rien écrire ; d'un lot, le refus nomme chaque organisme.
    """
    if not saisies:
        raise OperationRefusee("Aucun acte à rédiger.")
    with contraintes_en_francais(), transaction.atomic():
        lectures = LecturesDesActes(saisies)
        exiger_les_droits(lectures.actions.values(), par)
        actes = lectures.preparer(saisies)
        creer_avec_historique(actes, Acte, par=par, motif=motif or "Projet d’acte")
        porter(actes, [lectures.decisions_de(saisie) for saisie in saisies])
    return actes


def porter(actes, decisions_par_acte):
    lien = Acte.decisions.through
    paires = zip(actes, decisions_par_acte, strict=True)
    lien.objects.bulk_create([lien(acte=acte, decision=d) for acte, decisions in paires for d in decisions])


class LecturesDesActes:
    """Ce qu'il faut savoir, sous verrou, des décisions d'un lot d'actes, lu une fois pour tous."""

    def __init__(self, saisies):
        ids = [decision.pk for saisie in saisies for decision in saisie.decisions]
        decisions = list(Decision.objects.filter(pk__in=ids).order_by("date", "pk"))
        if not decisions:
            raise OperationRefusee({"decisions": "Choisir au moins une décision."})
        self.actions = verrouiller_les_actions({decision.action_id for decision in decisions})
        for decision in decisions:
            decision.action = self.actions[decision.action_id]
        porteurs = {action.porteur_id: action.porteur for action in self.actions.values() if action.porteur}
        prefetch_related_objects(list(porteurs.values()), "fusionne_dans")
        self.decisions = {decision.pk: decision for decision in decisions}
        self.fois = Counter(ids)
        self.obligees = {action.pk for action in actions_a_conventionner(self.actions.values())}
        self.remplaces = relire_les_actes(saisie.remplace.pk for saisie in saisies if saisie.remplace)
        self.portages = portages_en_vigueur(ids)
        self.numeros_pris = actes_de_ces_numeros([cle for saisie in saisies if (cle := self.cle_du_numero(saisie))])

    def decisions_de(self, saisie):
        """Celles d'un acte, la plus ancienne d'abord."""
        siennes = {decision.pk for decision in saisie.decisions}
        lues = [self.decisions[pk] for pk in siennes if pk in self.decisions]
        return sorted(lues, key=lambda decision: (decision.date, decision.pk))

    def cle_du_numero(self, saisie):
        """(exercice, numéro), ou None si le numéro est encore inconnu."""
        numero, decisions = ecrire_le_numero(saisie.numero), self.decisions_de(saisie)
        return (decisions[0].action.exercice_id, numero) if numero and decisions else None

    def preparer(self, saisies):
        """Les actes, pas encore écrits ; lève les refus de tout le lot ensemble."""
        actes, refus, portes = [], [], []
        for saisie in saisies:
            try:
                actes.append(self.acte(saisie))
            except OperationRefusee as seul:
                if len(saisies) == 1:
                    raise
                portes += [seul.acte] if isinstance(seul, DejaPorte) else []
                refus += [f"« {self.nom_de(saisie)} » : {message}" for message in seul.messages]
        if refus:
            raise DejaPorte(refus, portes[0]) if portes else OperationRefusee(refus)
        return actes

    def nom_de(self, saisie):
        return saisie.decisions[0].action.porteur.courant if saisie.decisions else saisie.objet

    def acte(self, saisie):
        decisions = self.decisions_de(saisie)
        refuser_les_decisions(decisions)
        remplace = self.remplace_de(saisie)
        self.refuser_la_nature(saisie.nature, remplace, decisions)
        acte = Acte(exercice=decisions[0].action.exercice, organisme=organisme_de(decisions), remplace=remplace)
        refuser_l_organisme(acte, remplace)
        self.refuser_le_double_portage(decisions, remplace)
        appliquer(acte, a_ecrire({"nature": saisie.nature, "objet": saisie.objet, "texte": saisie.texte}))
        acte.numero = ecrire_le_numero(saisie.numero)
        refuser_le_numero(acte, self.numeros_pris)
        controler(acte)
        return acte

    def remplace_de(self, saisie):
        if saisie.remplace is None:
            return None
        if saisie.remplace.pk not in self.remplaces:
            raise OperationRefusee(ACTE_DISPARU)
        return self.remplaces[saisie.remplace.pk]

    def refuser_la_nature(self, nature, remplace, decisions):
        """Un avenant ou un retrait remplace un acte signé ; au-dessus du seuil légal, un arrêté ne suffit pas."""
        refuser_ce_remplacement(nature, remplace)
        total = sum(decision.montant for decision in decisions)
        if nature not in REMPLACANTS and total <= 0:
            raise OperationRefusee({"decisions": "Cet acte n’attribuerait rien : choisir une décision d’attribution."})
        obligees = {d.action_id: d.action for d in decisions if d.action_id in self.obligees}
        if nature == NatureActe.ARRETE and obligees:
            noms = ", ".join(f"« {action} »" for action in obligees.values())
            raise OperationRefusee({"nature": f"La loi exige une convention au-dessus du seuil : {noms}."})

    def refuser_le_double_portage(self, decisions, remplace):
        """Hors de l'acte que l'on remplace, aucune de ces décisions n'est portée par un acte en vigueur, ni par deux
        actes du lot."""
        doubles = [d for d in decisions if self.fois[d.pk] > 1]
        if doubles:
            raise OperationRefusee([f"« {d.action} », {d} : deux fois dans le lot." for d in doubles])
        trouves = [(d, acte) for d in decisions for acte in self.portages.get(d.pk, ()) if acte != remplace]
        if trouves:
            raise DejaPorte([f"« {d.action} », {d} : déjà portée par {a}." for d, a in trouves], trouves[0][1])


def refuser_les_decisions(decisions):
    """Elles sont d'un seul exercice, et telles qu'un acte les porte."""
    if not decisions:
        raise OperationRefusee({"decisions": "Choisir au moins une décision."})
    refus = [f"« {d.action} » : {phrase}" for d in decisions if (phrase := regles.empechement_de_porter(d))]
    annees = {decision.action.exercice_id: str(decision.action.exercice.annee) for decision in decisions}
    if len(annees) > 1:
        siennes = ", ".join(sorted(set(annees.values())))
        refus.append(f"Un acte ne porte que des décisions d’un même exercice ; celles-ci sont de {siennes}.")
    if refus:
        raise OperationRefusee({"decisions": refus})


def organisme_de(decisions):
    """Le seul organisme de ces décisions, après fusion."""
    organismes = {d.action.porteur.courant.pk: d.action.porteur.courant for d in decisions}
    if len(organismes) > 1:
        noms = ", ".join(f"« {organisme} »" for organisme in organismes.values())
        raise OperationRefusee(
            {"decisions": f"Un acte ne s’adresse qu’à un organisme ; ces décisions en ont : {noms}."}
        )
    return next(iter(organismes.values()))


def refuser_ce_remplacement(nature, remplace):
    if (nature in REMPLACANTS) != (remplace is not None):
        phrase = (
            "Dire quel acte il remplace." if remplace is None else "Seul un avenant ou un retrait remplace un acte."
        )
        raise OperationRefusee({"nature": phrase})
    if remplace and (empechement := regles.empechement_de_remplacer(remplace)):
        raise OperationRefusee(empechement)


def refuser_l_organisme(acte, remplace):
    if remplace is None:
        return
    if remplace.exercice_id != acte.exercice_id:
        raise OperationRefusee({"decisions": f"L’acte à remplacer est de l’exercice {remplace.exercice.annee}."})
    if remplace.organisme.courant != acte.organisme:
        raise OperationRefusee({"decisions": f"L’acte à remplacer s’adresse à « {remplace.organisme.courant} »."})


def portages_en_vigueur(decisions: Iterable[int]) -> dict[int, list[Acte]]:
    """Par décision, les actes en vigueur qui la portent déjà. Une requête."""
    portages = Acte.decisions.through.objects.filter(decision__in=decisions, acte__in=Acte.objects.en_vigueur())
    trouves: dict[int, list[Acte]] = {}
    for portage in portages.select_related("acte__organisme").order_by("decision_id", "acte_id"):
        trouves.setdefault(portage.decision_id, []).append(portage.acte)
    return trouves


def actes_de_ces_numeros(numeros: Sequence[tuple[int, str | None]]) -> dict[tuple[int, str], Acte]:
    """Les actes qui portent déjà l'un de ces numéros, par (exercice, numéro). Une requête, s'il y en a."""
    cherches = {numero for _, numero in numeros if numero}
    if not cherches:
        return {}
    exercices = {exercice for exercice, _ in numeros}
    trouves = Acte.objects.filter(exercice__in=exercices, numero__in=cherches).select_related("organisme")
    return {(acte.exercice_id, acte.numero): acte for acte in trouves.order_by("pk")}


def refuser_le_numero(acte, pris):
    autre = pris.get((acte.exercice_id, acte.numero)) if acte.numero else None
    if autre and autre.pk != acte.pk:
        raise OperationRefusee({"numero": f"{autre} porte déjà ce numéro dans l’exercice."})


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


@dataclass(frozen=True)
class DatesDActe:
    """La signature et la notification d'un acte. `version` : celle que l'on a lue (None : sans contrôle)."""

    acte: Acte
    numero: str
    signe_le: Date | None
    notifie_le: Date | None = None
    version: int | None = None

    @property
    def valeurs(self):
        return {
            "numero": ecrire_le_numero(self.numero),
            "signe_le": self.signe_le,
            "notifie_le": self.notifie_le,
        }


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
    return dater_des_actes([DatesDActe(acte, numero, signe_le, notifie_le, version)], par=par, motif=motif)[0]


def dater_des_actes(dates: Sequence[DatesDActe], *, par: Utilisateur, motif: str = "") -> list[Acte]:
    """De même pour un lot d'actes, tout ou rien, dans l'ordre donné ; le nombre de requêtes n'en dépend pas."""
    with contraintes_en_francais(), transaction.atomic():
        actes = relire_pour_ecrire_ensemble({d.acte.pk: d.version for d in dates}, par)
        decidees = dates_des_decisions(actes)
        pris = actes_de_ces_numeros([(actes[d.acte.pk].exercice_id, d.valeurs["numero"]) for d in dates])
        a_ecrire: dict[str, list[Acte]] = {}
        for une in dates:
            acte = actes[une.acte.pk]
            raison = motif or ("Notification" if acte.signe_le and une.notifie_le else "Signature")
            if poser_les_dates(acte, une, decidees[acte.pk], pris, motif, seul=len(dates) == 1):
                a_ecrire.setdefault(raison, []).append(acte)
        for raison, siens in a_ecrire.items():
            modifier_avec_historique(siens, Acte, [*CHAMPS_DES_DATES, "version"], par=par, motif=raison)
    return [actes[une.acte.pk] for une in dates]


def poser_les_dates(acte, dates, decidee_le, pris, motif, *, seul):
    """Pose la signature et la notification sur l'acte ; dit si quelque chose change. D'un lot, le refus le nomme."""
    valeurs = dates.valeurs
    try:
        refuser_les_dates(acte, dates.signe_le, dates.notifie_le, decidee_le)
        if any(acte.signe_le and getattr(acte, nom) not in (None, v) for nom, v in valeurs.items()):
            exiger_un_motif(motif, {"motif": "Corriger ce qui est déjà enregistré demande un motif."})
        if not appliquer(acte, valeurs):
            return False
        acte.version += 1
        refuser_le_numero(acte, pris)
        controler(acte)
    except OperationRefusee as refus:
        if seul:
            raise
        raise type(refus)([f"{acte} : {phrase}" for phrase in refus.messages]) from refus
    return True


def dates_des_decisions(actes: Iterable[int]) -> dict[int, Date]:
    """Par acte, la date de la dernière décision qu'il porte. Une requête."""
    liens = Acte.decisions.through.objects.filter(acte__in=actes).order_by()
    return dict(liens.values_list("acte").annotate(le=Max("decision__date")))


def refuser_les_dates(acte, signe_le, notifie_le, decidee_le):
    """Les dates dans l'ordre : la décision, l'acte que l'on remplace, la signature, la notification, aujourd'hui."""
    if signe_le is None:
        deja = "Un acte signé ne redevient pas un projet : le remplacer." if acte.signe_le else ""
        if notifie_le or deja:
            raise OperationRefusee(
                {"signe_le": deja or "Un acte se notifie après sa signature : dire quand il est signé."}
            )
        raise OperationRefusee({"signe_le": "Dire quand l’acte est signé."})
    erreurs = {
        "signe_le": regles.empechement_de_dater_l_execution(acte.exercice, signe_le)
        or trop_tot(acte, signe_le, decidee_le),
        "notifie_le": notifie_le and empechement_de_notifier(signe_le, notifie_le),
    }
    if any(erreurs.values()):
        raise OperationRefusee({champ: phrase for champ, phrase in erreurs.items() if phrase})


def trop_tot(acte, signe_le, decidee_le):
    """Un acte se signe après les décisions qu'il porte, et après celui qu'il remplace."""
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


def relire_les_actes(ids: Iterable[int]) -> dict[int, Acte]:
    ids = list(ids)
    return Acte.objects.select_related(*LUES).order_by().in_bulk(ids) if ids else {}


def relire_pour_ecrire(acte, par, version=None):
    """L'acte, relu sous le verrou de son exercice, si la personne peut écrire toutes ses actions."""
    return relire_pour_ecrire_ensemble({acte.pk: version}, par)[acte.pk]


def relire_pour_ecrire_ensemble(versions: Mapping[int, int | None], par) -> dict[int, Acte]:
    """De même pour plusieurs actes ; `versions` : celle qui a été lue de chacun (None : sans contrôle)."""
    actions = Action.objects.filter(decisions__actes__in=versions).order_by().values_list("pk", flat=True)
    exiger_les_droits(verrouiller_les_actions(set(actions)).values(), par)
    actes = relire_les_actes(versions)
    for pk, version in versions.items():
        if pk not in actes:
            raise OperationRefusee(ACTE_DISPARU)
        if version is not None and version != actes[pk].version:
            raise ActeChange(actes[pk])
    return actes


def enregistrer(acte, valeurs, par, motif):
    """Écrit ce qui change, et rien si rien ne change : une page renvoyée n'ajoute pas d'histoire."""
    if not appliquer(acte, valeurs):
        return
    acte.version += 1
    controler_l_acte(acte)
    modifier_avec_historique([acte], Acte, [*valeurs, "version"], par=par, motif=motif)


def controler_l_acte(acte):
    refuser_le_numero(acte, actes_de_ces_numeros([(acte.exercice_id, acte.numero)]))
    controler(acte)


def refuser(empechement):
    if empechement:
        raise OperationRefusee(empechement)
