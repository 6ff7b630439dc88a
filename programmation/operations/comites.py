"""Les comités : composer l'ordre du jour, tenir la séance, enregistrer ce qui s'y propose ou s'y décide, terminer.

Le comité propose ; seul un comité de pilotage enregistre, avec l'issue, la décision du préfet. Tout s'écrit sous le
verrou de l'exercice : deux personnes en séance se suivent, et la seconde apprend ce que la première a enregistré.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import total

from .. import regles
from ..enums import EtatComite, FamilleFinanceur, NatureComite, NatureDecision, QualiteAvis, StatutAction
from ..models import Action, Campagne, Comite, Decision, Enveloppe, Financement, Financeur, Passage
from ..synthese.avis import avis_manquants
from ..synthese.comites import decisions_prises_ailleurs
from .decisions import DemandeDeDecision, decider, montant_retenu, raison_du_refus, sommes_des_decisions
from .exercices import DejaFait
from .outils import (
    DroitManquant,
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    modifier_avec_historique,
    supprimer_avec_historique,
    verifier_les_versions,
    verrouiller_les_actions,
    verrouiller_les_exercices,
)
from .plan import LigneDePlan
from .saisie import SaisieAction, enregistrer
from .statuts import exiger_les_droits, refuser_ensemble
from .versions import refuser_si_change

PROPOSENT_RIEN = [NatureDecision.NON_RETENUE, NatureDecision.NON_RECEVABLE]  # le proposé de la ligne P147 est alors 0 €
CORRIGENT = [NatureDecision.COMPLEMENT, NatureDecision.DIMINUTION]


@dataclass(frozen=True)
class SaisieDePassage:
    """Ce que la séance dit d'une action : montant signé en euros (None : celui que l'issue impose).

    `version` et `version_de_l_action` : celles que la personne a lues (None : sans contrôle).
    """

    passage: Passage
    issue: NatureDecision
    montant: Decimal | None = None
    observation: str = ""
    enveloppe: Enveloppe | None = None
    version: int | None = None
    version_de_l_action: int | None = None


class PassageModifie(OperationRefusee):
    """Quelqu'un a enregistré ces passages entre la lecture et l'envoi. `passages` : ce qui est en base maintenant."""

    def __init__(self, passages):
        self.passages = passages
        super().__init__([f"« {p.action} » a été enregistrée entre-temps par quelqu’un d’autre." for p in passages])


# --- Le comité ---


def creer_un_comite(campagne: Campagne, nature: NatureComite, date: Date, *, par: Utilisateur, **champs: Any) -> Comite:
    """Prévoit un comité ou une consultation écrite d'une campagne ouverte ; `champs` : lieu, partenaires_presents."""
    comite = Comite(campagne=campagne, nature=nature, date=date, **champs)
    with contraintes_en_francais(), transaction.atomic():
        comite.campagne = verrouiller_la_campagne(campagne)
        exiger_le_droit(par, comite)
        refuser(regles.empechement_de_reunir(comite.campagne))
        controler_le_comite(comite)
        creer_avec_historique([comite], Comite, par=par, motif="Nouveau comité")
    return comite


def modifier_un_comite(
    comite: Comite, champs: Mapping[str, Any], *, par: Utilisateur, lue: int | None = None
) -> Comite:
    """Change la date, le lieu ou la présence des partenaires d'un comité qui n'est pas terminé.

    `lue` : la version lue (`version_lue`). Lève ObjetChange si un autre l'a changée depuis.
    """
    with contraintes_en_francais(), transaction.atomic():
        comite = verrouiller_le_comite(comite, par)
        change = appliquer(comite, dict(champs))
        if change:
            refuser_si_change(comite, lue, "Ce comité")
        controler_le_comite(comite)
        if change:
            modifier_avec_historique([comite], Comite, sorted(change), par=par, motif="Comité modifié")
    return comite


def controler_le_comite(comite):
    controler(comite)
    phrase = regles.empechement_de_dater_le_comite(comite.campagne, comite.date)
    if phrase:
        raise OperationRefusee({"date": phrase})


def supprimer_un_comite(comite: Comite, *, par: Utilisateur) -> None:
    """Supprime un comité resté en préparation, et son ordre du jour."""
    with transaction.atomic():
        comite = verrouiller_le_comite(comite, par)
        if comite.etat != EtatComite.PREPARATION:
            raise OperationRefusee("Un comité qui a siégé ne se supprime pas : le terminer.")
        motif = "Comité supprimé"
        supprimer_avec_historique(comite.passages.select_related("action"), par=par, motif=motif)
        supprimer_avec_historique([comite], par=par, motif=motif)


def ouvrir_la_seance(comite: Comite, *, par: Utilisateur) -> Comite:
    """Passe un comité préparé « en séance », sur sa première action : on y enregistre les issues."""
    with transaction.atomic():
        comite = verrouiller_le_comite(comite, par)
        if comite.est_en_seance:
            raise DejaFait("La séance est déjà ouverte.")
        premier = comite.passages.order_by("ordre", "pk").first()
        if premier is None:
            raise OperationRefusee("L’ordre du jour est vide : y inscrire au moins une action.")
        comite.etat, comite.en_cours = EtatComite.EN_SEANCE, premier
        modifier_avec_historique([comite], Comite, ["etat", "en_cours"], par=par, motif="Ouverture de la séance")
    return comite


def montrer(comite: Comite, passage: Passage, *, par: Utilisateur) -> Comite:
    """Amène cette action à l'écran projeté. Ce n'est pas un fait de la programmation : sans historique."""
    with transaction.atomic():
        comite = verrouiller_le_comite(comite, par)
        refuser(regles.empechement_de_sieger(comite))
        comite.en_cours = relire_les_passages(comite, [passage])[passage.pk]
        Comite.objects.filter(pk=comite.pk).update(en_cours=comite.en_cours)
    return comite


def terminer(comite: Comite, *, par: Utilisateur, le: datetime | None = None) -> Comite:
    """Termine la séance : plus rien n'y change. À appeler par `pilotage.operations.terminer_un_comite`."""
    with transaction.atomic():
        comite = verrouiller_le_comite(comite, par)
        refuser(regles.empechement_de_sieger(comite))
        comite.etat, comite.termine_le, comite.en_cours = EtatComite.TERMINE, le or timezone.now(), None
        champs = ["etat", "termine_le", "en_cours"]
        modifier_avec_historique([comite], Comite, champs, par=par, motif="Fin de la séance")
    return comite


# --- L'ordre du jour ---


def inscrire(
    comite: Comite,
    actions: Sequence[Action],
    *,
    par: Utilisateur,
    montants: Mapping[int, Decimal | None] | None = None,
) -> list[Passage]:
    """Ajoute ces actions à la fin de l'ordre du jour, dans cet ordre ; celles qui y sont déjà n'y sont pas deux fois.

    `montants` : par identifiant d'action, le montant que la séance examinera (celui d'un scénario).
    """
    montants = montants or {}
    with contraintes_en_francais(), transaction.atomic():
        comite = verrouiller_le_comite(comite, par)
        refuser(regles.empechement_de_reunir(comite.campagne))
        ordres = dict(comite.passages.order_by().values_list("action", "ordre"))
        nouvelles = [pk for pk in dict.fromkeys(action.pk for action in actions) if pk not in ordres]
        relues = verrouiller_les_actions(nouvelles)
        ordonnees = [relues[pk] for pk in nouvelles]
        exiger_les_droits(ordonnees, par)
        refuser_ensemble(ordonnees, lambda action: regles.empechement_d_inscrire(action, comite))
        refuser_les_avis_manquants(ordonnees)
        passages = [
            Passage(comite=comite, action=action, ordre=rang, montant=montants.get(action.pk))
            for rang, action in enumerate(ordonnees, max(ordres.values(), default=0) + 1)
        ]
        creer_avec_historique(passages, Passage, par=par, motif="Inscription à l’ordre du jour")
    return passages


def refuser_les_avis_manquants(actions):
    """Un avis exigé et absent n'arrête l'action que si sa campagne l'a dit bloquant."""
    bloquees = [action for action in actions if action.campagne.avis_manquant_bloquant]
    manquants = avis_manquants(bloquees)
    refus = [
        f"« {a} » : il manque l’avis {', '.join(QualiteAvis(q).label.lower() for q in manquants[a.pk])}, "
        "que la campagne rend bloquant. Le recueillir, ou en dispenser l’action."
        for a in bloquees
        if a.pk in manquants
    ]
    if refus:
        raise OperationRefusee(refus)


def placer(passage: Passage, rang: int, *, par: Utilisateur) -> list[Passage]:
    """Met ce passage au rang voulu (à partir de 1) ; un rang trop grand le met à la fin."""
    with transaction.atomic():
        comite = verrouiller_le_comite(passage.comite, par)
        ordre = list(comite.passages.order_by("ordre", "pk"))
        deplace = next((p for p in ordre if p.pk == passage.pk), None)
        if deplace is None:
            raise OperationRefusee("Cette action n’est plus à l’ordre du jour.")
        ordre.remove(deplace)
        ordre.insert(max(rang - 1, 0), deplace)
        renumerotes = [p for numero, p in enumerate(ordre, 1) if appliquer(p, {"ordre": numero})]
        modifier_avec_historique(renumerotes, Passage, ["ordre"], par=par, motif="Ordre du jour réordonné")
    return ordre


def retirer_de_l_ordre_du_jour(passages: Sequence[Passage], *, par: Utilisateur) -> None:
    """Retire ces actions de l'ordre du jour ; ce que le comité a décidé y reste."""
    for comite in {passage.comite for passage in passages}:
        with transaction.atomic():
            comite = verrouiller_le_comite(comite, par)
            relus = relire_les_passages(comite, [p for p in passages if p.comite_id == comite.pk])
            decides = [p for p in relus.values() if p.decisions.exists()]
            if decides:
                raise OperationRefusee([f"« {p.action} » : décidée par ce comité, elle y reste." for p in decides])
            supprimer_avec_historique(relus.values(), par=par, motif="Retrait de l’ordre du jour")


# --- La séance ---


def enregistrer_en_seance(
    comite: Comite,
    saisies: Sequence[SaisieDePassage],
    *,
    par: Utilisateur,
    date: Date | None = None,
    depassements_acceptes: Mapping[int, Decimal] | None = None,
) -> list[Decision]:
    """Enregistre ces issues, tout ou rien ; un comité de pilotage enregistre et rend aussi les décisions du préfet.

    `date` : celle des décisions (par défaut, celle du comité) ; `depassements_acceptes` : voir `decider`. Lève
    PassageModifie, ConflitDeVersion, MotifExige, DepassementAAccepter, DroitManquant ou OperationRefusee (séance
    fermée, action décidée ailleurs, disponible dépassé) sans rien écrire.
    """
    with contraintes_en_francais(), transaction.atomic():
        comite = verrouiller_le_comite(comite, par)
        refuser(regles.empechement_de_sieger(comite))
        passages = relire_les_passages(comite, [saisie.passage for saisie in saisies])
        verifier_les_passages(saisies, passages)
        refuser_les_decidees_ailleurs(passages.values())
        actions = verrouiller_les_actions([p.action_id for p in passages.values()])
        exiger_les_droits(actions.values(), par)
        verifier_les_versions({passages[s.passage.pk].action_id: s.version_de_l_action for s in saisies}, actions)
        if comite.decide:
            decisions = poser_les_decisions(comite, saisies, passages, par, date, depassements_acceptes)
        else:
            decisions = poser_les_propositions(saisies, passages, actions)
        for passage in passages.values():
            passage.version += 1
            controler(passage)
        champs = ["issue", "montant", "observation", "version"]
        modifier_avec_historique(list(passages.values()), Passage, champs, par=par, motif=str(comite))
    return decisions


def poser_les_propositions(saisies, passages, actions):
    """Ce que le comité propose, par les règles de la décision qu'il prépare : aucune décision."""
    sommes, _ = sommes_des_decisions(actions)
    refus = []
    for saisie in saisies:
        passage = passages[saisie.passage.pk]
        action, demande = actions[passage.action_id], demande_de(saisie, passage)
        accorde = sommes.get(action.pk, Decimal(0))
        montant = montant_retenu(demande, accorde)
        phrase = raison_du_refus(demande, action, montant, accorde) or raison_du_signe(saisie.issue, montant)
        if phrase:
            refus.append(f"« {action} » : {phrase}")
        passage.issue, passage.montant, passage.observation = saisie.issue, montant, saisie.observation.strip()
    if refus:
        raise OperationRefusee(refus)
    return []


def raison_du_signe(issue, montant):
    """La base refuse à une décision un montant du mauvais signe ; une proposition suit la même règle."""
    positif = issue in (NatureDecision.ATTRIBUTION, NatureDecision.COMPLEMENT)
    if positif and montant <= 0:
        return "indiquer un montant supérieur à zéro."
    if issue == NatureDecision.DIMINUTION and montant >= 0:
        return "une diminution retire un montant."
    return ""


def poser_les_decisions(comite, saisies, passages, par, date, depassements_acceptes):
    """Les décisions du préfet ; l'issue du passage dit ce qu'elles font ensemble.

    Celles sans motif d'abord : s'il manque des crédits, c'est aux dernières, qui disent pourquoi.
    """
    date = date or min(comite.date, timezone.localdate())
    ordonnees = sorted(saisies, key=lambda s: bool(s.observation.strip()))
    demandes = [demande_de(s, passages[s.passage.pk]) for s in ordonnees]
    decisions = decider(demandes, par=par, date=date, depassements_acceptes=depassements_acceptes)
    sommes = Decision.objects.filter(passage__in=passages).order_by().values_list("passage")
    montants = dict(sommes.annotate(somme=total("montant")))
    for saisie in saisies:
        passage = passages[saisie.passage.pk]
        passage.issue = issue_au_bout(passage.issue, saisie.issue, montants[passage.pk])
        passage.montant, passage.observation = montants[passage.pk], saisie.observation.strip()
    return decisions


def issue_au_bout(avant, saisie, montant):
    """Ce que les décisions du passage font ensemble : corrigée, une attribution reste une attribution ; des compléments
    et des diminutions sont ce que leur somme (euros) en fait, ou la dernière si elle est nulle."""
    if saisie not in CORRIGENT:
        return saisie
    if avant == NatureDecision.ATTRIBUTION:
        return avant
    if montant == 0:
        return saisie
    return NatureDecision.COMPLEMENT if montant > 0 else NatureDecision.DIMINUTION


def demande_de(saisie, passage):
    lues = saisie.montant, saisie.enveloppe, saisie.version_de_l_action
    return DemandeDeDecision(passage.action, saisie.issue, *lues, passage=passage, motif=saisie.observation)


# --- Après le comité technique ---


def reporter_en_propose(comite: Comite, *, par: Utilisateur) -> list[Action]:
    """Écrit sur la ligne P147 de chaque action à décider ce que le comité propose : le montant, ou 0,00 € s'il refuse.

    Rend les actions changées. Une action ajournée, en liste d'attente ou décidée depuis garde son proposé.
    """
    with transaction.atomic():
        verrouiller_la_campagne(comite.campagne)
        exiger_le_droit(par, comite)
        if comite.decide:
            raise OperationRefusee("Un comité de pilotage décide : il ne laisse pas de proposition à reporter.")
        passages = comite.passages.select_related("action__exercice", "action__campagne")
        voulus = {p.action: montant_a_proposer(p) for p in passages.filter(action__statut__in=StatutAction.a_decider())}
        a_decider = {a: m for a, m in voulus.items() if m is not None and regles.natures_de_decision_possibles(a)}
        saisies = saisies_du_propose(a_decider)
        return enregistrer(saisies, par=par, motif=f"Proposition du {comite_en_mots(comite)}")


def montant_a_proposer(passage):
    """Ce que cette issue donne au proposé (euros), ou None si elle n'en dit rien."""
    if passage.issue == NatureDecision.ATTRIBUTION:
        return passage.montant
    return Decimal("0.00") if passage.issue in PROPOSENT_RIEN else None


def saisies_du_propose(montants):
    """Les plans des actions dont le proposé change, ligne P147 mise à jour ou créée."""
    lignes = {action.pk: [] for action in montants}
    for ligne in Financement.objects.filter(action__in=lignes).select_related("financeur").order_by("pk"):
        lignes[ligne.action_id].append(ligne)
    saisies = []
    for action, montant in montants.items():
        plan = plan_avec_le_propose(lignes[action.pk], montant)
        if plan is not None:
            saisies.append(SaisieAction({}, action, action.version, plan))
    return saisies


def plan_avec_le_propose(lignes, montant):
    """Le même plan avec ce proposé (euros) sur la ligne P147 ; None si elle le dit déjà."""
    p147 = next((ligne for ligne in lignes if ligne.famille == FamilleFinanceur.ANCT_P147), None)
    if p147 is not None and p147.propose == montant:
        return None
    plan = [en_ligne_de_plan(ligne, ligne.propose if ligne is not p147 else montant) for ligne in lignes]
    if p147 is None:
        plan.append(LigneDePlan(financeur_p147(), propose=montant))
    return plan


def financeur_p147():
    financeur = Financeur.objects.actifs().filter(famille=FamilleFinanceur.ANCT_P147).order_by("pk").first()
    if financeur is None:
        raise OperationRefusee("Aucun financeur ANCT – P147 n’est proposé : en créer un dans les référentiels.")
    return financeur


def en_ligne_de_plan(ligne, propose):
    return LigneDePlan(
        ligne.financeur,
        ligne.nature,
        ligne.demande,
        propose,
        ligne.accorde,
        ligne.verse,
        ligne.etat,
        ligne.date_etat,
    )


# --- Ce que ces gestes partagent ---


def verrouiller_la_campagne(campagne):
    """La campagne relue, son exercice verrouillé : quelqu'un a pu la figer."""
    exercice = verrouiller_les_exercices([campagne.exercice_id])[campagne.exercice_id]
    relue = Campagne.objects.select_related("contrat").get(pk=campagne.pk)
    relue.exercice = exercice
    return relue


def verrouiller_le_comite(comite, par):
    """Le comité relu sous le verrou de son exercice, que cette personne peut changer ; lève sinon."""
    campagne = verrouiller_la_campagne(comite.campagne)
    relu = Comite.objects.filter(pk=comite.pk).first()
    if relu is None:
        raise OperationRefusee("Ce comité n’existe plus : il a été supprimé entre-temps.")
    relu.campagne = campagne
    exiger_le_droit(par, relu)
    if relu.est_termine:
        fin = relu.history.filter(etat=EtatComite.TERMINE).order_by("history_id").first()
        qui = f" par {fin.history_user}" if fin and fin.history_user else ""
        moment = timezone.localtime(relu.termine_le)
        raise DejaFait(f"Comité terminé le {moment:%d/%m/%Y à %H:%M}{qui} : plus rien n’y change.")
    refuser(regles.empechement_du_comite(campagne))
    return relu


def exiger_le_droit(par, comite):
    if not regles.peut_tenir_un_comite(par, comite):
        raise DroitManquant("Ce geste est réservé aux agents et aux responsables du territoire de ce comité.")


def refuser(phrase):
    if phrase:
        raise OperationRefusee(phrase)


def relire_les_passages(comite, passages: Iterable[Passage]):
    """Ces passages relus, par identifiant ; lève si l'un d'eux n'est plus à l'ordre du jour."""
    ids = {passage.pk for passage in passages}
    relus = comite.passages.select_related("action").in_bulk(ids)
    if len(relus) != len(ids):
        raise OperationRefusee("Une action n’est plus à l’ordre du jour : quelqu’un l’a retirée. Recharger la page.")
    for passage in relus.values():
        passage.comite = comite
    return relus


def verifier_les_passages(saisies, passages):
    perimes = [
        passages[s.passage.pk] for s in saisies if s.version is not None and passages[s.passage.pk].version != s.version
    ]
    if perimes:
        raise PassageModifie(perimes)


def refuser_les_decidees_ailleurs(passages):
    """Une action décidée hors du comité depuis son inscription n'y est pas redécidée."""
    ailleurs = decisions_prises_ailleurs(passages)
    refus = [f"« {p.action} » : {dire_la_decision(ailleurs[p.pk])}" for p in passages if p.pk in ailleurs]
    if refus:
        raise OperationRefusee(refus)


def dire_la_decision(decision):
    moment = timezone.localtime(decision.enregistree_le)
    return (
        f"déjà décidée le {moment:%d/%m/%Y à %H:%M} par {decision.auteur} "
        f"({decision.get_nature_display().lower()}, {euros(decision.montant)}), hors de ce comité."
    )


def comite_en_mots(comite):
    """« comité technique du 12/03/2026 »."""
    return f"{comite.get_nature_display().lower()} du {comite.date:%d/%m/%Y}"
