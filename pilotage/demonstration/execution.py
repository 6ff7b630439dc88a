"""L'exécution d'un exercice : un EJ par porteur, une avance et un solde, puis les justifications des années passées.

Tout passe par les opérations. L'année ouverte n'est engagée que dans la limite d'une partie de ce qui est notifié.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_DOWN, Decimal
from random import Random

from django.utils import timezone

from comptes.models import Utilisateur
from programmation.enums import (
    EtatFinancement,
    EtatJustification,
    FamilleFinanceur,
    NatureFinancement,
    NaturePaiement,
    SuiteJustification,
)
from programmation.models import Action, Exercice, Financement, LigneEngagement
from programmation.operations import (
    DemandeDeJustification,
    DemandeDEngagement,
    DemandeDePaiement,
    LigneDEngagement,
    VoteOuVersement,
    completer_l_engagement,
    engager,
    justifier,
    payer,
    suivre_un_financement,
)
from programmation.synthese import notifies_restants_a_engager
from programmation.synthese.execution import postes_a_engager

CENTIME = Decimal("0.01")
PART_DE_L_ANNEE_OUVERTE = Decimal("0.9")  # du notifié d'une enveloppe, engagé avant l'été
SUITES = [SuiteJustification.REVERSEMENT_PERCU, SuiteJustification.DEDUCTION, SuiteJustification.REPORT]


class Execution:
    """Engage, paie et justifie les actions programmées d'un exercice.

    `gens` : un agent et un responsable ; `finie` : l'année est passée ; `close` : presque tous les comptes rendus sont
    validés.
    """

    def __init__(self, exercice: Exercice, gens: Sequence[Utilisateur], alea: Random, *, finie: bool, close: bool):
        self.exercice, self.alea, self.finie, self.close = exercice, alea, finie, close
        self.agent, self.responsable = gens
        self.actions = list(Action.objects.programmees().filter(exercice=exercice).order_by("pk"))

    def derouler(self) -> None:
        lignes = self.engager()
        if not self.finie:
            self.depasser(lignes)
        self.payer(lignes)
        if self.finie:
            self.justifier()
            self.suivre_les_cofinanceurs()

    def jour(self, mois: int, jour: int, apres: int = 0) -> date:
        """Un jour de l'exercice, ou de `apres` années plus tard ; jamais dans le futur."""
        return min(date(self.exercice.annee + apres, mois, jour), timezone.localdate())

    def engager(self) -> list[LigneEngagement]:
        """Un EJ par porteur, pour toutes ses actions."""
        restes = self.restes()
        par_porteur = defaultdict(list)
        for poste in postes_a_engager(self.actions):
            if poste.enveloppe and poste.reste <= restes[poste.enveloppe.pk]:
                restes[poste.enveloppe.pk] -= poste.reste
                ligne = LigneDEngagement(poste.action, poste.reste, poste.enveloppe)
                par_porteur[poste.action.porteur_id].append(ligne)
        prefixe = f"21{self.exercice.departement.code}{self.exercice.annee % 100}"
        demandes = [
            DemandeDEngagement(f"{prefixe}{rang:04d}", self.jour(5, 18), lignes)
            for rang, lignes in enumerate(par_porteur.values(), 1)
        ]
        if demandes:
            engager(demandes, par=self.agent)
        return list(LigneEngagement.objects.filter(action__in=self.actions).order_by("pk"))

    def depasser(self, lignes):
        """Un complément engagé avant sa décision : un contrôle le relève."""
        if lignes:
            ligne = lignes[0]
            complement = LigneDEngagement(ligne.action, Decimal(100), ligne.enveloppe)
            motif = "Complément convenu, décision au prochain comité"
            completer_l_engagement(ligne.engagement, [complement], par=self.responsable, motif=motif)

    def restes(self) -> dict[int, Decimal]:
        part = 1 if self.finie else PART_DE_L_ANNEE_OUVERTE
        feuilles = self.exercice.enveloppes.feuilles().order_by("pk")
        return {pk: reste.montant * part for pk, reste in notifies_restants_a_engager(feuilles).items()}

    def payer(self, lignes):
        """Une avance de moitié, puis le solde si l'année est passée ; un sur douze l'attend encore."""
        demandes = []
        for rang, ligne in enumerate(lignes, 1):
            avance = (ligne.ae / 2).quantize(CENTIME, ROUND_DOWN)
            demandes.append(DemandeDePaiement(ligne, NaturePaiement.AVANCE, avance, self.jour(6, 15), f"DP{rang:05d}"))
            if self.finie and rang % 12:
                solde = DemandeDePaiement(ligne, NaturePaiement.SOLDE, ligne.ae - avance, self.jour(11, 24))
                demandes.append(solde)
        if demandes:
            payer(demandes, par=self.agent)

    def justifier(self):
        """Un compte rendu sur quinze manque (sur soixante une fois clos) ; un sur neuf rend une part des crédits."""
        payees = {ligne.action_id: ligne for ligne in LigneEngagement.objects.filter(action__in=self.actions)}
        rendues = [action for rang, action in enumerate(self.actions) if rang % (60 if self.close else 15)]
        demandes = [
            DemandeDeJustification(action, self.compte_rendu(action, rang, payees.get(action.pk)))
            for rang, action in enumerate(rendues)
        ]
        if demandes:
            justifier(demandes, par=self.agent)

    def compte_rendu(self, action, rang, ligne):
        recue = {"recue_le": self.jour(1 + rang % 6, 1 + rang % 27, apres=1)}
        if rang % 11 == 5 and not self.close:
            return recue | {"etat": EtatJustification.RECUE}
        if rang % 11 == 8 and not self.close:
            return recue | {"etat": EtatJustification.A_COMPLETER}
        depense = (action.cout_previsionnel * self.alea.randint(90, 101) / 100).quantize(CENTIME, ROUND_DOWN)
        valide = recue | {"etat": EtatJustification.VALIDEE, "depense": depense}
        if action.beneficiaires_prevus is not None:
            valide["beneficiaires_realises"] = action.beneficiaires_prevus * self.alea.randint(70, 115) // 100
        if rang % 9 or ligne is None:
            return valide
        non_utilise = (ligne.ae / 10).quantize(CENTIME, ROUND_DOWN)
        suite = {"suite": SUITES[rang // 9 % len(SUITES)], "suite_le": self.jour(9, 15, apres=1)}
        return valide | {"non_utilise": non_utilise} | suite

    def suivre_les_cofinanceurs(self):
        """Quelques versements connus après coup."""
        lignes = Financement.objects.filter(action__in=self.actions, etat=EtatFinancement.ACQUIS, accorde__gt=0)
        autres = lignes.exclude(famille=FamilleFinanceur.ANCT_P147).exclude(nature=NatureFinancement.RESSOURCES_PROPRES)
        for ligne in autres.order_by("pk")[:5]:
            fait = VoteOuVersement(self.jour(12, 15), ligne.etat, ligne.accorde, ligne.accorde)
            suivre_un_financement(ligne, fait, par=self.agent)
