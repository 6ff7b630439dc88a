"""Le déroulement d'un exercice, par les opérations : saisir, déposer, instruire, doter, décider, figer, clore."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from random import Random

from django.utils import timezone

from comptes.models import Utilisateur
from pilotage.operations import cloturer_exercice, figer_campagne, terminer_un_comite
from programmation.enums import MotifStatut, NatureComite, NatureDecision, NatureMouvement
from programmation.models import Campagne, Enveloppe, Exercice, MouvementEnveloppe
from programmation.operations import (
    DemandeDeDecision,
    PrevisionsSaisies,
    SaisieDePassage,
    creer_un_comite,
    creer_une_enveloppe,
    decider,
    declarer_la_notification_complete,
    deposer,
    enregistrer,
    enregistrer_des_mouvements,
    enregistrer_en_seance,
    inscrire,
    instruire,
    ouvrir_la_seance,
    prevoir,
    retirer,
    scinder,
)
from programmation.regles import annees_a_prevoir

from .annees import (
    AJOURNEE,
    ATTENTE,
    BROUILLON,
    DEPOSEE,
    DEPROGRAMMEE,
    INSTRUITE,
    NON_RECEVABLE,
    NON_RETENUE,
    PROGRAMMEE,
    RETIREE,
    ActionPrevue,
    Annee,
)

MOTIFS = {
    NON_RETENUE: "Crédits insuffisants au regard des priorités du contrat",
    NON_RECEVABLE: "Action hors des quartiers prioritaires",
    AJOURNEE: "Budget à préciser avec les cofinanceurs",
    ATTENTE: "À réexaminer si des crédits se libèrent",
}
NATURES = {
    PROGRAMMEE: NatureDecision.ATTRIBUTION,
    DEPROGRAMMEE: NatureDecision.ATTRIBUTION,
    NON_RETENUE: NatureDecision.NON_RETENUE,
    NON_RECEVABLE: NatureDecision.NON_RECEVABLE,
    AJOURNEE: NatureDecision.AJOURNEMENT,
    ATTENTE: NatureDecision.LISTE_ATTENTE,
}
PERIMETRE_ELARGI = "Périmètre élargi à la demande du comité"
COMPLEMENT_D_AUTOMNE = "Crédits complémentaires d’automne"
ACTION_REDUITE = "Action réduite par le porteur"
ACTION_ABANDONNEE = "Action abandonnée par le porteur"
SCISSIONS = 3  # dossiers par an qui couvrent deux contrats


class Deroulement:
    """Fait vivre un exercice à ses actions prévues, jusqu'au statut de son année."""

    def __init__(self, annee: Annee, agent: Utilisateur, responsable: Utilisateur, alea: Random):
        self.annee, self.agent, self.responsable, self.alea = annee, agent, responsable, alea
        self.exercice: Exercice = annee.exercice
        self.mere: Enveloppe | None = None
        self.feuilles: dict[int | None, Enveloppe] = {}  # par contrat ; None : l'échelle du département
        self.montants: dict[Enveloppe, int] = {}  # euros de chaque feuille

    def saisir(self, prevues: list[ActionPrevue], precedentes: dict) -> list[ActionPrevue]:
        """Enregistre les actions, en un lot, et scinde quelques dossiers ; rend les prévues, une par action écrite."""
        self.creer_les_enveloppes(prevues)
        saisies = [
            self.annee.saisie(prevue, rang, precedentes.get(prevue.projet)) for rang, prevue in enumerate(prevues, 1)
        ]
        for prevue, action in zip(prevues, enregistrer(saisies, par=self.agent), strict=True):
            prevue.action = action
        self.ecrire_les_previsions(prevues)
        return prevues + self.scinder_quelques_dossiers(prevues)

    def creer_les_enveloppes(self, prevues):
        """Une enveloppe départementale, divisée entre les contrats et une dernière, qui sert à toutes les échelles."""
        self.mere = creer_une_enveloppe(self.exercice, f"Crédits P147 {self.annee.annee}", par=self.responsable)
        for prevue in prevues:
            cle = prevue.contrat.pk if prevue.contrat else None
            if cle not in self.feuilles:
                libelle = str(prevue.contrat) if prevue.contrat else "Toutes échelles"
                self.feuilles[cle] = creer_une_enveloppe(
                    self.exercice, libelle, par=self.responsable, parent=self.mere, contrat=prevue.contrat
                )
            prevue.enveloppe = self.feuilles[cle]

    def ecrire_les_previsions(self, prevues):
        """Chaque année d'une CPO prévoit celles qui la suivent."""
        saisies = [
            PrevisionsSaisies(p.action, {annee: Decimal(p.accorde) for annee in annees_a_prevoir(p.action)})
            for p in prevues
        ]
        saisies = [saisie for saisie in saisies if saisie.montants]
        prevoir(saisies, par=self.agent, motif="Prévision de la convention pluriannuelle")

    def scinder_quelques_dossiers(self, prevues):
        """Un dossier sur deux contrats donne une action par contrat : un tiers de la demande pour la seconde."""
        candidates = [prevue for prevue in prevues if peut_se_scinder(prevue)]
        nees = []
        for prevue in candidates[:SCISSIONS]:
            autre = next((cle for cle in self.feuilles if cle not in (None, prevue.contrat.pk)), None)
            if autre is not None:
                nees.append(self.scinder(prevue, self.feuilles[autre]))
        return nees

    def scinder(self, prevue, enveloppe):
        contrats = {prevue.contrat: 2, enveloppe.contrat: 1}
        motif = "Dossier déposé pour deux contrats"
        parts = scinder(prevue.action, contrats, par=self.agent, motif=motif)
        sienne, autre = sorted(parts, key=lambda action: action.pk)
        tiers = prevue.accorde // 300 * 100
        nee = ActionPrevue(prevue.projet, PROGRAMMEE, prevue.demande // 3, tiers, contrat=enveloppe.contrat)
        nee.enveloppe, nee.action = enveloppe, autre
        prevue.action, prevue.accorde, prevue.apres = sienne, 2 * tiers, 0
        prevue.demande -= nee.demande
        return nee

    def deposer_et_instruire(self, prevues):
        deposees = [p for p in prevues if p.sort != BROUILLON]
        annee = self.annee.annee
        tardives = [p for p in deposees if p.sort in (DEPOSEE, INSTRUITE)]
        vagues = (
            ([p for p in deposees if p not in tardives], date(annee - 1, 11, 20)),
            (tardives, date(annee, 9, 14)),
        )
        for vague, jour in vagues:
            deposer([p.action for p in vague], par=self.agent, le=min(instant(jour), timezone.now()))
        retirees = [p.action for p in deposees if p.sort == RETIREE]
        if retirees:
            motif = "Le porteur renonce à son projet"
            retirer(retirees, par=self.agent, motif_statut=MotifStatut.DEMANDE_PORTEUR, motif=motif)
        instruire([p.action for p in deposees if p.sort not in (DEPOSEE, RETIREE)], par=self.agent)

    # --- Les enveloppes ---

    def doter(self, prevues):
        """Les prévisions du responsable couvrent ce qui sera accordé et, en cours d'année, ce qui reste à décider."""
        self.montants = self.besoins(prevues)
        total = sum(self.montants.values())
        mouvements = [self.mouvement(self.mere, NatureMouvement.PREVISION, total, date(self.annee.annee, 1, 15))]
        mouvements += self.repartir(NatureMouvement.PREVISION, 100, date(self.annee.annee, 1, 20))
        enregistrer_des_mouvements(mouvements, par=self.responsable, motif="Hypothèse de début d’année")

    def besoins(self, prevues):
        """Par enveloppe, en euros ronds, un peu plus que ce qu'elle portera au plus."""
        besoins = defaultdict(int)
        for prevue in prevues:
            attendu = prevue.accorde * 6 // 10 if prevue.sort in (DEPOSEE, INSTRUITE, ATTENTE, AJOURNEE) else 0
            besoins[prevue.enveloppe] += prevue.maximum + attendu
        return {enveloppe: (montant * 102 // 100_000 + 1) * 1_000 for enveloppe, montant in besoins.items()}

    def notifier(self, *, complete: bool):
        """La notification arrive en deux fois, avec une réserve levée à l'automne ; l'année ouverte n'en a qu'une."""
        annee = self.annee.annee
        total = sum(self.montants.values())
        reserve = total // 50
        mouvements = [
            self.mouvement(self.mere, NatureMouvement.NOTIFICATION, total * 6 // 10, date(annee, 3, 2)),
            self.mouvement(self.mere, NatureMouvement.MISE_EN_RESERVE, -reserve, date(annee, 3, 2)),
            *self.repartir(NatureMouvement.NOTIFICATION, 60, date(annee, 3, 9)),
        ]
        if complete:
            solde = total - total * 6 // 10
            mouvements += [
                self.mouvement(self.mere, NatureMouvement.COMPLEMENT, solde, date(annee, 6, 15)),
                self.mouvement(self.mere, NatureMouvement.DEGEL, reserve, date(annee, 9, 28)),
                *self.repartir(NatureMouvement.COMPLEMENT, 40, date(annee, 6, 22)),
            ]
        enregistrer_des_mouvements(mouvements, par=self.responsable, motif="Notification du BOP régional")
        if complete:
            for enveloppe in [self.mere, *self.montants]:
                declarer_la_notification_complete(enveloppe, date(annee, 9, 28), par=self.responsable)

    def repartir(self, nature, pour_cent, jour):
        return [self.mouvement(e, nature, montant * pour_cent // 100, jour) for e, montant in self.montants.items()]

    def mouvement(self, enveloppe, nature, montant, jour):
        euros = Decimal(montant)
        return MouvementEnveloppe(enveloppe=enveloppe, nature=nature, ae=euros, cp=euros, date=jour)

    # --- Les décisions ---

    def decider_en_comite(self, prevues):
        """Un comité par enveloppe : attributions, dépassements motivés, refus ; puis la liste d'attente repêchée."""
        annee = self.annee.annee
        par_enveloppe = defaultdict(list)
        for prevue in prevues:
            if prevue.sort in NATURES:
                par_enveloppe[prevue.enveloppe].append(prevue)
        for rang, siennes in enumerate(par_enveloppe.values()):
            self.comite(siennes, date(annee, 3, 10 + rang))

    def repecher(self, prevues):
        """La liste d'attente, quand des crédits se libèrent."""
        self.attribuer([p for p in prevues if p.attend_d_abord], date(self.annee.annee, 5, 12))

    def comite(self, prevues, jour):
        directes = [p for p in prevues if NATURES[p.sort] == NatureDecision.ATTRIBUTION and not p.attend_d_abord]
        self.attribuer(directes, jour)
        for sort, motif in MOTIFS.items():
            concernees = [p for p in prevues if p.sort == sort or (sort == ATTENTE and p.attend_d_abord)]
            self.decider(concernees, NATURES[sort], jour, motif)

    def attribuer(self, prevues: Sequence[ActionPrevue], jour):
        """Accorder plus que demandé se motive : ces actions font un lot à part."""
        depassent = [p for p in prevues if p.accorde > p.demande]
        self.decider([p for p in prevues if p not in depassent], NatureDecision.ATTRIBUTION, jour)
        self.decider(depassent, NatureDecision.ATTRIBUTION, jour, PERIMETRE_ELARGI)

    def decider(self, prevues, nature, jour, motif=""):
        montants = {
            NatureDecision.ATTRIBUTION: "accorde",
            NatureDecision.COMPLEMENT: "apres",
            NatureDecision.DIMINUTION: "apres",
        }
        demandes = [
            DemandeDeDecision(
                p.action, nature, Decimal(getattr(p, montants[nature])) if nature in montants else None, p.enveloppe
            )
            for p in prevues
        ]
        if demandes:
            decider(demandes, par=self.agent, motif=motif, date=jour)

    def ajuster_apres_le_gel(self, prevues):
        annee = self.annee.annee
        programmees = [p for p in prevues if p.sort == PROGRAMMEE]
        completees = [p for p in programmees if p.apres > 0]
        diminuees = [p for p in programmees if p.apres < 0]
        self.decider(completees, NatureDecision.COMPLEMENT, date(annee, 10, 5), COMPLEMENT_D_AUTOMNE)
        self.decider(diminuees, NatureDecision.DIMINUTION, date(annee, 10, 5), ACTION_REDUITE)
        abandonnees = [p for p in prevues if p.sort == DEPROGRAMMEE]
        self.decider(abandonnees, NatureDecision.DEPROGRAMMATION, date(annee, 10, 12), ACTION_ABANDONNEE)

    def reunir_le_comite_d_automne(self, prevues):
        """Dans l'année ouverte, un vrai comité de pilotage repêche, complète, réduit et déprogramme, puis se termine.

        Ses décisions datent de sa séance. Sa fin et sa photographie, elles, datent du chargement : une photographie
        n'est vraie que du jour où elle est prise, et les décisions viennent d'être enregistrées.
        """
        examinees = [(p, *issue) for p in prevues if (issue := issue_d_automne(p))]
        if not examinees:
            return
        campagne = examinees[0][0].action.campagne
        jour = date(self.annee.annee, 10, 5)
        comite = creer_un_comite(campagne, NatureComite.PILOTAGE, jour, par=self.agent, lieu="Préfecture")
        passages = inscrire(comite, [p.action for p, *_ in examinees], par=self.agent)
        comite = ouvrir_la_seance(comite, par=self.agent)
        saisies = [
            SaisieDePassage(passage, nature, montant, motif, prevue.enveloppe)
            for passage, (prevue, nature, montant, motif) in zip(passages, examinees, strict=True)
        ]
        enregistrer_en_seance(comite, saisies, par=self.agent)
        terminer_un_comite(comite, par=self.agent)

    # --- La fin de l'exercice ---

    def figer(self):
        for campagne in Campagne.objects.filter(exercice=self.exercice):
            figer_campagne(campagne, par=self.responsable, le=instant(date(self.annee.annee, 7, 6)))

    def clore(self):
        cloturer_exercice(self.exercice, par=self.responsable, le=instant(date(self.annee.annee + 1, 2, 15)))


def issue_d_automne(prevue: ActionPrevue) -> tuple | None:
    """(nature, montant en euros, motif) de ce que le comité d'automne décide d'une action, ou None."""
    if prevue.sort == DEPROGRAMMEE:
        return NatureDecision.DEPROGRAMMATION, None, ACTION_ABANDONNEE
    if prevue.sort != PROGRAMMEE:
        return None
    if prevue.attend_d_abord:
        motif = PERIMETRE_ELARGI if prevue.accorde > prevue.demande else ""
        return NatureDecision.ATTRIBUTION, Decimal(prevue.accorde), motif
    if prevue.apres > 0:
        return NatureDecision.COMPLEMENT, Decimal(prevue.apres), COMPLEMENT_D_AUTOMNE
    return (NatureDecision.DIMINUTION, Decimal(prevue.apres), ACTION_REDUITE) if prevue.apres < 0 else None


def peut_se_scinder(prevue: ActionPrevue) -> bool:
    """Une action de tout un contrat, assez grosse, avec son dossier."""
    de_tout_le_contrat = prevue.contrat and not prevue.quartiers and not prevue.projet.est_pre
    assez_grosse = prevue.sort == PROGRAMMEE and 3_000 <= prevue.accorde <= prevue.demande
    return bool(de_tout_le_contrat and assez_grosse and prevue.action.dossier)


def instant(jour: date) -> datetime:
    """Ce jour à dix-huit heures, à Paris."""
    return timezone.make_aware(datetime.combine(jour, time(18)))
