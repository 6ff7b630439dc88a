"""L'exécution en direct : accordé, engagé, payé, justifié, par pilier, contrat et enveloppe (règles : docs/calculs.md).

Séparée de la programmation, et jamais figée : un paiement d'après clôture s'y lit, et ne change aucun autre chiffre.
Elle compte toutes les actions reçues : ce qui reste engagé d'une action déprogrammée est encore engagé.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date as Date
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    FilteredRelation,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from politique_ville.outils.montants import MontantField, total, total_lie
from territoires.models import ContratDeVille

from ..enums import EtatFinancement, EtatJustification, FamilleFinanceur, NatureFinancement, StatutAction
from ..models import (
    Action,
    Decision,
    Enveloppe,
    Financement,
    Justification,
    LigneEngagement,
    Organisme,
    Paiement,
    Pilier,
    SuiviFinancement,
)
from .delais import en_retard_de_justification, sans_compte_rendu
from .lectures import LIGNE_P147, ZERO, Lecture, connus_ou_relus, lire_ensemble, pourcentage, une_fois_chacune

AXES = ("pilier", "contrat")


class EtatExecution(models.TextChoices):
    """Où en est une action ; la valeur est celle du paramètre `execution` de la liste des actions."""

    ENGAGEES = "engagees", "engagée"
    NON_ENGAGEES = "non_engagees", "programmée, non engagée"
    PAYEES = "payees", "payée"
    JUSTIFIEES = "justifiees", "justifiée"
    A_JUSTIFIER = "a_justifier", "finie, à justifier"
    EN_RETARD = "en_retard", "justification en retard"

    def condition(self, jour: Date) -> Q:
        """Ce que l'état veut dire, en SQL, ce jour-là. Une action dont tout est désengagé n'est plus engagée."""
        engagee = Q(Exists(sommes_positives(LigneEngagement, "action", "ae")))
        if self == EtatExecution.ENGAGEES:
            return engagee
        if self == EtatExecution.NON_ENGAGEES:
            return Q(statut=StatutAction.PROGRAMMEE) & ~engagee
        if self == EtatExecution.PAYEES:
            return Q(Exists(sommes_positives(Paiement, "ligne__action", "cp")))
        if self == EtatExecution.JUSTIFIEES:
            return Q(Exists(Justification.objects.filter(action=OuterRef("pk"), etat=EtatJustification.VALIDEE)))
        attendues = sans_compte_rendu if self == EtatExecution.A_JUSTIFIER else en_retard_de_justification
        return Q(Exists(attendues(Action.objects.filter(pk=OuterRef("pk")).order_by(), jour)))


def sommes_positives(modele, lien, champ):
    """Les sommes par action de ce champ, si elles sont au-dessus de zéro : de quoi écrire un `Exists`."""
    siennes = modele.objects.filter(**{lien: OuterRef("pk")}).order_by().values(lien)
    return siennes.annotate(somme=total(champ)).filter(somme__gt=ZERO)


# --- Les chiffres ---


@dataclass(frozen=True)
class Execution:
    """En euros de P147. `paye` et `reverse` sont positifs, et le net payé est leur différence.

    `justifie` : l'accordé des actions programmées dont la justification est validée, moins leur non utilisé, sauf ce
    que les décisions prises depuis en ont déjà repris en tout.
    `prevus`, `realises` : les bénéficiaires des actions dont on connaît les deux. Le reste est un nombre d'actions.
    """

    accorde: Decimal = ZERO
    engage: Decimal = ZERO
    paye: Decimal = ZERO
    reverse: Decimal = ZERO
    justifie: Decimal = ZERO
    non_utilise: Decimal = ZERO
    prevus: int = 0
    realises: int = 0
    programmees: int = 0
    engagees: int = 0
    non_engagees: int = 0
    payees: int = 0
    justifiees: int = 0
    a_justifier: int = 0
    en_retard: int = 0

    def __add__(self, autre: "Execution") -> "Execution":
        return Execution(*(getattr(self, champ.name) + getattr(autre, champ.name) for champ in fields(self)))

    @property
    def net_paye(self) -> Decimal:
        return self.paye - self.reverse

    @property
    def reste_a_payer(self) -> Decimal:
        return self.engage - self.net_paye

    @property
    def taux_d_engagement(self) -> Decimal | None:
        """Engagé ÷ accordé, en % ; None si rien n'est accordé."""
        return pourcentage(self.engage, self.accorde)

    @property
    def taux_de_paiement(self) -> Decimal | None:
        """Net payé ÷ engagé, en %."""
        return pourcentage(self.net_paye, self.engage)

    @property
    def taux_de_justification(self) -> Decimal | None:
        """Justifié ÷ accordé, en %."""
        return pourcentage(self.justifie, self.accorde)

    @property
    def taux_de_realisation(self) -> Decimal | None:
        """Bénéficiaires réalisés ÷ prévus, en %, sur les actions dont on connaît les deux."""
        return pourcentage(self.realises, self.prevus)


@dataclass(frozen=True)
class LigneExecution:
    """Un pilier, un contrat (None : l'échelle du département) ou une enveloppe (None : hors enveloppe)."""

    objet: Pilier | ContratDeVille | Enveloppe | None
    libelle: str
    execution: Execution


@dataclass(frozen=True)
class Cofinancements:
    """Les autres financeurs des actions programmées, en euros : le dernier suivi, à défaut le plan."""

    acquis: Decimal
    verse: Decimal
    suivis: int  # lignes du plan qui ont au moins un suivi


@dataclass(frozen=True)
class SyntheseDExecution:
    """`enveloppes` : sans justifié ni bénéficiaires, qui sont ceux d'une action et non d'une enveloppe."""

    total: Execution
    piliers: tuple[LigneExecution, ...]
    contrats: tuple[LigneExecution, ...]
    enveloppes: tuple[LigneExecution, ...]
    cofinancements: Cofinancements | None
    au: datetime


def synthese_d_execution(
    actions: QuerySet[Action],
    *,
    avec_pre: bool = True,
    avec_cofinancements: bool = False,
    enveloppes: Sequence[Enveloppe] = (),
    piliers: Iterable[Pilier] = (),
    contrats: Iterable[ContratDeVille] = (),
    jour: Date | None = None,
) -> SyntheseDExecution:
    """Deux requêtes, deux de plus avec les cofinancements, une avec les enveloppes dont on veut la ligne.

    `piliers`, `contrats` : ceux que la page a déjà lus ; une requête de plus pour chaque sorte où il en manque.
    """
    siennes = une_fois_chacune(actions)
    siennes = siennes if avec_pre else siennes.exclude(dispositif__est_pre=True)
    groupes = executions_par(siennes, AXES, jour or timezone.localdate())
    return SyntheseDExecution(
        total=sum(groupes.values(), Execution()),
        piliers=lignes_des_piliers(regrouper(groupes, 0), piliers),
        contrats=lignes_des_contrats(regrouper(groupes, 1), contrats),
        enveloppes=lignes_des_enveloppes(siennes, enveloppes),
        cofinancements=cofinancements(siennes) if avec_cofinancements else None,
        au=timezone.now(),
    )


def execution_de(action: Action, jour: Date | None = None) -> Execution:
    """L'exécution d'une action. Deux requêtes."""
    groupes = executions_par(Action.objects.filter(pk=action.pk).order_by(), ("pk",), jour or timezone.localdate())
    return sum(groupes.values(), Execution())


def executions_par(actions: QuerySet[Action], axes: Sequence[str], jour: Date) -> dict[tuple, Execution]:
    """L'exécution par valeurs de ces champs d'Action. Deux requêtes : le délai de justification, puis tous les faits.

    `actions` : chacune une fois, sans jointure multiple ; seules s'y joignent leur ligne P147 et leur justification.
    """
    ids = actions.values("pk")
    groupes = lire_ensemble(
        lecture(LigneEngagement.objects.filter(action__in=ids), "action__", axes, ENGAGES),
        lecture(Paiement.objects.filter(ligne__action__in=ids), "ligne__action__", axes, PAYES),
        lecture(avec_ligne_p147(actions), "", axes, NOMBRES_FIXES | nombres_par_etat(jour) | ACCORDES | JUSTIFIES),
    )
    return {cle: en_execution(faits) for cle, faits in groupes.items()}


def avec_ligne_p147(actions):
    return actions.annotate(p147=FilteredRelation("financements", condition=LIGNE_P147))


def avec_justifie(actions: QuerySet[Action]) -> QuerySet[Action]:
    """Ajoute `justifie`, en euros : None tant que la justification n'est pas validée, ou l'action plus programmée."""
    return avec_ligne_p147(actions).annotate(justifie=Case(When(PROGRAMMEES_VALIDEES, then=JUSTIFIE)))


VALIDEE = EtatJustification.VALIDEE
CONNUS = Q(beneficiaires_prevus__isnull=False, justification__beneficiaires_realises__isnull=False)
PROGRAMMEES_VALIDEES = Q(justification__etat=VALIDEE, statut=StatutAction.PROGRAMMEE)
ZERO_EURO = Value(ZERO, output_field=MontantField())
# Ce que les décisions, depuis que le compte rendu est reçu, reprennent en tout est déjà sorti de l'accordé.
DEPUIS_LE_COMPTE_RENDU = Decision.objects.filter(date__gte=OuterRef("justification__recue_le"))
REPRIS = Least(Coalesce(total_lie(DEPUIS_LE_COMPTE_RENDU, "montant", "action"), ZERO_EURO), ZERO_EURO)  # négatif
ENCORE_INUTILISE = Greatest(Coalesce("justification__non_utilise", ZERO_EURO) + REPRIS, ZERO_EURO)
JUSTIFIE = Coalesce("p147__accorde", ZERO_EURO) - ENCORE_INUTILISE
NOMBRES_FIXES = {"programmees": Count("pk", filter=Q(statut=StatutAction.PROGRAMMEE))}
ACCORDES = {"accorde": total("p147__accorde")}
JUSTIFIES = {
    "non_utilise": total("justification__non_utilise"),
    "justifie": total(JUSTIFIE, filter=PROGRAMMEES_VALIDEES),
    "prevus": Sum("beneficiaires_prevus", filter=CONNUS, output_field=IntegerField()),
    "realises": Sum("justification__beneficiaires_realises", filter=CONNUS, output_field=IntegerField()),
}
ENGAGES = {"engage": total("ae")}
PAYES = {"paye": total("cp", filter=Q(cp__gt=ZERO)), "rendu": total("cp", filter=Q(cp__lt=ZERO))}


def nombres_par_etat(jour):
    return {etat.value: Count("pk", filter=etat.condition(jour)) for etat in EtatExecution}


def lecture(lignes, chemin, axes, agregats) -> Lecture:
    """`chemin` : ce qui mène de ces lignes à leur action."""
    return Lecture(lignes, [f"{chemin}{axe}" for axe in axes], agregats)


def en_execution(faits) -> Execution:
    reverse = -faits.pop("rendu", ZERO)
    return Execution(**faits, reverse=reverse)


# --- Les axes ---


def regrouper(groupes: dict[tuple, Execution], rang: int) -> dict[Any, Execution]:
    """L'exécution par la seule `rang`-ième valeur de la clé."""
    sommes = {}
    for cle, execution in groupes.items():
        sommes[cle[rang]] = sommes.get(cle[rang], Execution()) + execution
    return sommes


def lignes_des_piliers(executions, connus) -> tuple[LigneExecution, ...]:
    piliers = connus_ou_relus(executions, connus, Pilier.objects.all())
    return tuple(LigneExecution(pilier, str(pilier), executions[pilier.pk]) for pilier in piliers)


def lignes_des_contrats(executions, connus) -> tuple[LigneExecution, ...]:
    """Les contrats dans leur ordre habituel, puis l'échelle du département."""
    contrats = connus_ou_relus(executions, connus, ContratDeVille.objects.all())
    lignes = [LigneExecution(contrat, contrat.nom_court, executions[contrat.pk]) for contrat in contrats]
    if None in executions:
        lignes.append(LigneExecution(None, "À l’échelle du département", executions[None]))
    return tuple(lignes)


def lignes_des_enveloppes(actions: QuerySet[Action], enveloppes: Sequence[Enveloppe]) -> tuple[LigneExecution, ...]:
    """Ce que chacune porte de ces actions ; ce qui est hors enveloppe, s'il y en a, vient en dernier."""
    if not enveloppes:
        return ()
    ids = actions.values("pk")
    groupes = lire_ensemble(
        Lecture(Decision.objects.filter(action__in=ids), ["enveloppe"], {"accorde": total("montant")}),
        Lecture(LigneEngagement.objects.filter(action__in=ids), ["enveloppe"], ENGAGES),
        Lecture(Paiement.objects.filter(ligne__action__in=ids), ["ligne__enveloppe"], PAYES),
    )
    executions = {enveloppe: en_execution(faits) for (enveloppe,), faits in groupes.items()}
    connues = [LigneExecution(e, str(e), executions[e.pk]) for e in enveloppes if e.pk in executions]
    hors = executions.get(None, Execution())
    return tuple(connues + [LigneExecution(None, "Hors enveloppe", hors)] * (hors != Execution()))


# --- Les cofinanceurs ---


def cofinancements(actions: QuerySet[Action]) -> Cofinancements:
    """L'acquis et le versé des autres financeurs, selon leur dernier suivi ou, à défaut, le plan. Deux requêtes."""
    autres = Financement.objects.filter(action__in=actions.values("pk"), action__statut=StatutAction.PROGRAMMEE)
    autres = autres.exclude(famille=FamilleFinanceur.ANCT_P147).exclude(nature=NatureFinancement.RESSOURCES_PROPRES)
    suivis = derniers_suivis(SuiviFinancement.objects.filter(financement__in=autres.order_by().values("pk")))
    connus = {"acquis": total("accorde", filter=Q(etat=EtatFinancement.ACQUIS)), "verse": total("verse")}
    du_plan = autres.exclude(pk__in=list(suivis)).aggregate(**connus)
    acquis = sum((s.accorde for s in suivis.values() if s.etat == EtatFinancement.ACQUIS), ZERO)
    verse = sum((s.verse for s in suivis.values() if s.verse is not None), ZERO)
    return Cofinancements((du_plan["acquis"] or ZERO) + acquis, (du_plan["verse"] or ZERO) + verse, len(suivis))


def derniers_suivis(suivis: QuerySet[SuiviFinancement]) -> dict[int, SuiviFinancement]:
    """Le dernier suivi de chaque ligne de financement, par date puis par ordre de saisie."""
    return {suivi.financement_id: suivi for suivi in suivis.order_by("date", "pk")}


# --- Ce qui reste à engager, à payer ---


@dataclass(frozen=True)
class PosteAEngager:
    """Ce qu'une enveloppe (None : hors enveloppe) accorde à une action, et ce qui en est engagé, en euros."""

    action: Action
    enveloppe: Enveloppe | None
    accorde: Decimal
    engage: Decimal

    @property
    def reste(self) -> Decimal:
        """Jamais négatif : un engagé au-delà de l'accordé ne laisse rien à engager."""
        return max(self.accorde - self.engage, ZERO)


def postes_a_engager(actions: Iterable[Action]) -> list[PosteAEngager]:
    """Une ligne par action et par enveloppe qui lui accorde des crédits, dans l'ordre des actions. Deux requêtes."""
    actions = list(actions)
    cles = ["action", "enveloppe"]
    groupes = lire_ensemble(
        Lecture(Decision.objects.filter(action__in=actions), cles, {"accorde": total("montant")}),
        Lecture(LigneEngagement.objects.filter(action__in=actions), cles, ENGAGES),
    )
    enveloppes = Enveloppe.objects.in_bulk({enveloppe for _, enveloppe in groupes if enveloppe})
    return [
        PosteAEngager(action, enveloppes.get(enveloppe), lus["accorde"], lus.get("engage", ZERO))
        for action in actions
        for (pk, enveloppe), lus in sorted(groupes.items(), key=lambda item: item[0][1] or 0)
        if pk == action.pk and lus.get("accorde", ZERO) > ZERO
    ]


def avec_paye(lignes: QuerySet[LigneEngagement]) -> QuerySet[LigneEngagement]:
    """Ajoute `paye` : le net payé de chaque ligne, en euros."""
    paye = total_lie(Paiement.objects.all(), "cp", "ligne")
    return lignes.annotate(paye=Coalesce(paye, Value(ZERO, output_field=MontantField())))


def qui_restent_a_payer(lignes: QuerySet[LigneEngagement]) -> QuerySet[LigneEngagement]:
    """Toutes les lignes, désengagements compris, des postes qui engagent plus que leur net payé.

    Un poste : un EJ, une action et une enveloppe (ou aucune).
    """
    engage, paye = somme_du_poste(LigneEngagement, "ae"), somme_du_poste(Paiement, "cp", "ligne__")
    return lignes.alias(engage_du_poste=engage, paye_du_poste=paye).filter(engage_du_poste__gt=F("paye_du_poste"))


def somme_du_poste(modele, champ, chemin=""):
    """`chemin` : ce qui mène de ce modèle à sa ligne d'engagement."""
    siens = {f"{chemin}{cle}": OuterRef(cle) for cle in ("engagement_id", "action_id")}
    enveloppe = Coalesce(f"{chemin}enveloppe_id", 0)
    lignes = modele.objects.filter(**siens).alias(sur=enveloppe).filter(sur=Coalesce(OuterRef("enveloppe_id"), 0))
    sommes = lignes.order_by().values(f"{chemin}engagement_id").annotate(somme=total(champ)).values("somme")
    return Coalesce(Subquery(sommes, output_field=MontantField()), ZERO_EURO)


@dataclass(frozen=True)
class TotauxDEngagement:
    """Les lignes d'une liste : leur nombre, leurs EJ, ce qu'elles engagent et ce qui en est payé, net, en euros."""

    lignes: int
    engagements: int
    ae: Decimal
    paye: Decimal

    @property
    def reste(self) -> Decimal:
        return self.ae - self.paye


def totaux_d_engagement(lignes: QuerySet[LigneEngagement]) -> TotauxDEngagement:
    """Deux requêtes."""
    siennes = lignes.order_by()
    lu = siennes.aggregate(lignes=Count("pk"), engagements=Count("engagement", distinct=True), somme=total("ae"))
    paye = Paiement.objects.filter(ligne__in=siennes.values("pk")).aggregate(somme=total("cp"))["somme"]
    return TotauxDEngagement(lu["lignes"], lu["engagements"], lu["somme"] or ZERO, paye or ZERO)


@dataclass(frozen=True)
class TotauxDesPaiements:
    """Les paiements d'une liste : leur nombre, ce qui est payé et ce qui est rendu (positif), en euros."""

    nombre: int
    paye: Decimal
    reverse: Decimal

    @property
    def net(self) -> Decimal:
        return self.paye - self.reverse


def totaux_des_paiements(paiements: QuerySet[Paiement]) -> TotauxDesPaiements:
    """Une requête."""
    lu = paiements.order_by().aggregate(nombre=Count("pk"), **{f"lu_{nom}": a for nom, a in PAYES.items()})
    return TotauxDesPaiements(lu["nombre"], lu["lu_paye"] or ZERO, -(lu["lu_rendu"] or ZERO))


# --- Le seuil de la convention ---


def accordes_dans_l_annee(organismes: Iterable[Organisme], annee: int, departement_id: int) -> dict[int, Decimal]:
    """Par organisme (absorbés compris), les crédits P147 accordés dans un département pour un exercice, en euros."""
    courants = {organisme.courant.pk for organisme in organismes}
    siennes = Q(action__porteur__in=courants) | Q(action__porteur__fusionne_dans__in=courants)
    lignes = Financement.objects.p147().filter(
        siennes, action__exercice__annee=annee, action__exercice__departement=departement_id, accorde__isnull=False
    )
    courant = Coalesce("action__porteur__fusionne_dans", "action__porteur")
    return dict(lignes.order_by().values_list(courant).annotate(somme=total("accorde")))
