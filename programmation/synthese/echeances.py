"""Ce qui attend un geste après la décision, et depuis quand : justifications, CPO, conventions, actes, paiements,
versements prévus."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.db import models
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery

from politique_ville.outils.dates import decaler_de_mois

from ..enums import (
    CodeParametre,
    Droit,
    Duree,
    EtatJustification,
    NatureActe,
    StatutAction,
    StatutExercice,
    SuiteJustification,
)
from ..models import Acte, Action, Exercice, LigneEngagement, VersementPrevu
from .delais import Regle, echeance, mois_ecoules, sans_compte_rendu
from .echeanciers import echeanciers
from .execution import EtatExecution
from .justifications import avec_execution, ligne_de_justification

PREAVIS = 6  # mois avant la fin d'une CPO
CONVENTIONS = (NatureActe.CONVENTION, NatureActe.CPO)
AVENANTS = 5  # ceux d'une même convention que l'on remonte jusqu'à elle
LUES = ["exercice__departement", "contrat", "porteur__fusionne_dans", "justification"]


class NatureEcheance(models.TextChoices):
    """Ce qui est attendu ; la valeur est celle du paramètre `nature` de la page."""

    EN_RETARD = "en_retard", "Justification en retard"
    DUE = "due", "Justification due"
    A_VALIDER = "a_valider", "Compte rendu à valider"
    REVERSEMENT = "reversement", "Reversement attendu"
    CONVENTION = "convention", "Convention obligatoire sans acte"
    A_SIGNER = "a_signer", "Acte à signer"
    A_NOTIFIER = "a_notifier", "Acte à notifier"
    TRANCHE = "tranche", "Tranche de CPO à décider"
    FIN_DE_CPO = "fin_de_cpo", "CPO qui finit"
    PAIEMENT = "paiement", "Paiement attendu"
    VERSEMENT = "versement", "Versement prévu à payer"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        if self == self.EN_RETARD:
            return "error"
        return "warning" if self in (self.CONVENTION, self.REVERSEMENT, self.PAIEMENT, self.VERSEMENT) else "info"

    @property
    def prochain_geste(self):
        return {
            self.EN_RETARD: "Relancer le porteur, puis saisir le compte rendu",
            self.DUE: "Demander le compte rendu au porteur",
            self.A_VALIDER: "Examiner, valider ou demander un complément",
            self.REVERSEMENT: "Enregistrer le reversement dès qu’il est perçu",
            self.CONVENTION: "Établir la convention",
            self.A_SIGNER: "Faire signer l’acte",
            self.A_NOTIFIER: "Notifier l’acte au porteur",
            self.TRANCHE: "Reconduire l’action et décider la tranche suivante",
            self.FIN_DE_CPO: "Évaluer, puis décider d’une nouvelle convention",
            self.PAIEMENT: "Vérifier le paiement dans Chorus",
            self.VERSEMENT: "Vérifier le paiement dans Chorus, puis le saisir",
        }[self]


@dataclass(frozen=True)
class Echeance:
    """Une action, ou un acte, qui attend. `date` : le jour de l'échéance, ou celui depuis lequel on attend (None :
    inconnu). `montant` : ce qui est en jeu, en euros (None : rien)."""

    nature: NatureEcheance
    objet: Action | Acte
    action: Action | None
    date: Date | None
    jour: Date
    montant: Decimal | None = None

    @property
    def jours(self) -> int | None:
        """Passés depuis la date ; négatif si elle est à venir."""
        return None if self.date is None else (self.jour - self.date).days

    @property
    def organisme(self):
        return (self.action.porteur if self.action else self.objet.organisme).courant


@dataclass(frozen=True)
class ReglesDesEcheances:
    """Les trois règles datées, lues une fois."""

    justification: Regle
    convention: Regle
    paiement: Regle

    @classmethod
    def lire(cls) -> "ReglesDesEcheances":
        codes = CodeParametre.DELAI_JUSTIFICATION, CodeParametre.SEUIL_CONVENTION, CodeParametre.DELAI_PAIEMENT
        return cls(*map(Regle, codes))


def echeances(
    actions: QuerySet[Action], actes: QuerySet[Acte], jour: Date, regles_datees: ReglesDesEcheances
) -> list[Echeance]:
    """Tout ce qui attend parmi ces actions et ces actes, la plus ancienne d'abord. Quatorze requêtes, trois règles."""
    lues = actions.order_by().select_related(*LUES)
    trouvees = [
        *justifications(lues, jour, regles_datees.justification),
        *rendues(lues, jour),
        *conventions_manquantes(lues, jour, regles_datees.convention),
        *conventions_pluriannuelles(lues, jour),
        *paiements_attendus(lues, jour, regles_datees.paiement),
        *actes_en_attente(actes, jour),
        *versements_a_payer(actes, jour),
    ]
    return sorted(trouvees, key=lambda e: (e.date is None, e.date or jour, str(e.objet), e.objet.pk))


# --- Justifier ---


def justifications(actions, jour, regle) -> Iterable[Echeance]:
    for action in avec_execution(sans_compte_rendu(actions, jour)):
        ligne = ligne_de_justification(action, regle, jour)
        nature = NatureEcheance.EN_RETARD if ligne.en_retard else NatureEcheance.DUE
        yield Echeance(nature, action, action, ligne.due_le, jour, action.accorde)


def rendues(actions, jour) -> Iterable[Echeance]:
    """Les comptes rendus reçus que personne n'a validés, et les reversements demandés."""
    recues = Q(justification__etat=EtatJustification.RECUE)
    demandees = Q(justification__suite=SuiteJustification.REVERSEMENT_DEMANDE)
    for action in avec_execution(actions.filter(recues | demandees)):
        lue = action.justification
        if lue.etat == EtatJustification.RECUE:
            yield Echeance(NatureEcheance.A_VALIDER, action, action, lue.recue_le, jour, action.accorde)
        if lue.suite == SuiteJustification.REVERSEMENT_DEMANDE:
            yield Echeance(NatureEcheance.REVERSEMENT, action, action, lue.suite_le, jour, lue.non_utilise)


# --- Conventions et actes ---


def conventions_manquantes(actions, jour, regle) -> Iterable[Echeance]:
    """Les actions que la loi oblige à conventionner, et qu'aucune convention en vigueur ne porte."""
    sans = avec_execution(actions).filter(convention_due(regle), ~Exists(convention_de_l_action()))
    for action in sans.annotate(decidee_le=Max("decisions__date")):
        yield Echeance(NatureEcheance.CONVENTION, action, action, action.decidee_le, jour, action.accorde)


def convention_due(regle: Regle) -> Q:
    """La condition SQL de `regles.convention_obligatoire`, sur des actions qui portent leur `accorde` : programmées,
    d'un organisme de droit privé, au-dessus du seuil en vigueur au 1er janvier de leur exercice."""
    prive = Q(porteur__fusionne_dans=None, porteur__droit=Droit.PRIVE) | Q(porteur__fusionne_dans__droit=Droit.PRIVE)
    au_dela = Q(pk__in=[])
    for fenetre in regle.fenetres():
        premiere = fenetre.du.year + (fenetre.du > Date(fenetre.du.year, 1, 1))
        annees = Q(exercice__annee__gte=premiere)
        if fenetre.avant:
            annees &= Q(exercice__annee__lt=fenetre.avant.year + (fenetre.avant > Date(fenetre.avant.year, 1, 1)))
        ou = Q(exercice__departement=fenetre.departement)
        if fenetre.departement is None:
            ou = ~Q(exercice__departement__in=regle.departements)
        au_dela |= ou & annees & Q(accorde__gt=fenetre.valeur)
    return prive & au_dela & Q(statut=StatutAction.PROGRAMMEE)


def seuil_de_la_convention(regle: Regle, action: Action) -> Decimal | None:
    """Celui en vigueur au 1er janvier de l'exercice, en euros par an ; None s'il est inconnu."""
    exercice = action.exercice
    return regle.valeur(exercice.departement_id, Date(exercice.annee, 1, 1))


def convention_de_l_action():
    """Les actes en vigueur qui portent l'action : conventions, CPO et leurs avenants. Un retrait signé y met fin."""
    origines = ["remplace__" * rang + "nature__in" for rang in range(AVENANTS + 1)]
    d_une_convention = Q(*[(origine, CONVENTIONS) for origine in origines], _connector=Q.OR)
    return Acte.objects.en_vigueur().filter(d_une_convention, decisions__action=OuterRef("pk"))


def actes_en_attente(actes, jour) -> Iterable[Echeance]:
    """À signer depuis leur dernière décision ; à notifier depuis leur signature. Remplacé, il n'attend plus."""
    en_cours = actes.exclude(remplace_par__signe_le__isnull=False)
    attendus = en_cours.filter(Q(signe_le=None) | Q(notifie_le=None)).order_by()
    lus = attendus.select_related("exercice__departement", "organisme__fusionne_dans")
    for acte in lus.annotate(decide_le=Max("decisions__date")):
        if acte.signe_le is None:
            yield Echeance(NatureEcheance.A_SIGNER, acte, None, acte.decide_le, jour)
        else:
            yield Echeance(NatureEcheance.A_NOTIFIER, acte, None, acte.signe_le, jour)


def versements_a_payer(actes, jour) -> Iterable[Echeance]:
    """Ce que les actes signés et en vigueur prévoyaient de verser à ce jour, et que les paiements ne couvrent pas."""
    prevus = VersementPrevu.objects.filter(prevu_le__lte=jour).order_by().values("acte")
    attendus = actes.en_vigueur().filter(signe_le__isnull=False, pk__in=prevus).order_by()
    suivis = echeanciers(attendus)
    for acte in attendus.select_related("exercice__departement", "organisme__fusionne_dans"):
        for ligne in suivis[acte.pk].lignes:
            if ligne.prevu_le <= jour and ligne.reste:
                yield Echeance(NatureEcheance.VERSEMENT, acte, None, ligne.prevu_le, jour, ligne.reste)


# --- CPO ---


def conventions_pluriannuelles(actions, jour) -> Iterable[Echeance]:
    """Six mois avant la fin de l'année d'une CPO : décider la suivante, tant que son exercice n'est pas clos ; ou, la
    dernière année, évaluer."""
    limite = decaler_de_mois(jour, PREAVIS)
    cpo = avec_execution(actions).filter(statut=StatutAction.PROGRAMMEE, duree=Duree.CPO, fin_prorogee__lte=limite)
    trop_tard = Exercice.objects.filter(
        departement=OuterRef("exercice__departement"), annee=OuterRef("exercice__annee") + 1, statut=StatutExercice.CLOS
    )
    tranches = cpo.filter(~Exists(suites_decidees()), ~Exists(trop_tard), cpo_rang__lt=F("cpo_nombre"))
    for action in tranches:
        yield Echeance(NatureEcheance.TRANCHE, action, action, action.date_fin, jour, action.accorde)
    for action in cpo.filter(cpo_rang=F("cpo_nombre"), fin_prorogee__gte=jour):
        yield Echeance(NatureEcheance.FIN_DE_CPO, action, action, action.date_fin, jour, action.accorde)


def suites_decidees():
    """L'année suivante de la même action, déjà tranchée : reconduite, ou même dossier et tranche d'après."""
    meme_dossier = Q(
        dossier=OuterRef("dossier"),
        contrat=OuterRef("contrat"),
        cpo_rang=OuterRef("cpo_rang") + 1,
        exercice__departement=OuterRef("exercice__departement"),
    )
    suites = Action.objects.filter(Q(action_precedente=OuterRef("pk")) | meme_dossier)
    return suites.exclude(statut__in=[StatutAction.BROUILLON, *StatutAction.a_decider()])


# --- Paiements ---


def paiements_attendus(actions, jour, regle) -> Iterable[Echeance]:
    """Engagées, jamais payées, et le délai que la DDETS a fixé est passé. Sans délai fixé, aucune."""
    if regle.est_connue:
        for action in avec_execution(impayees(actions, jour, regle)):
            due_le = echeance(regle, action.exercice.departement_id, action.engagee_le)
            yield Echeance(NatureEcheance.PAIEMENT, action, action, due_le, jour, action.engage)


def impayees(actions: QuerySet[Action], jour: Date, regle: Regle) -> QuerySet[Action]:
    """Les actions engagées, jamais payées, au-delà du délai qui court depuis leur dernier EJ."""
    siennes = LigneEngagement.objects.filter(action=OuterRef("pk")).order_by("-engagement__date")
    engagees = actions.annotate(engagee_le=Subquery(siennes.values("engagement__date")[:1]))
    etats = EtatExecution.ENGAGEES.condition(jour), ~EtatExecution.PAYEES.condition(jour)
    return engagees.filter(*etats, mois_ecoules(regle, "engagee_le", "exercice__departement", jour))
