"""L'échéancier des actes : ce qu'ils prévoient de verser, ce que les paiements en couvrent, ce que l'on attend encore
(règle et exemple : docs/calculs.md)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date as Date
from decimal import Decimal

from django.db.models import Q, QuerySet

from politique_ville.outils.montants import total
from politique_ville.outils.repartition import repartir

from ..enums import NatureActe
from ..models import Acte, LigneEngagement, Paiement, VersementPrevu

ZERO = Decimal("0.00")
VERSEMENT_UNIQUE = "Versement unique"
PORTAGES = Acte.decisions.through.objects
ATTRIBUE = total("decision__montant", filter=~Q(acte__nature=NatureActe.RETRAIT))

Attributions = dict[int, Decimal]  # par acte, des euros


@dataclass(frozen=True)
class LigneDEcheancier:
    """Un versement, en euros. `prevu_le` : None sans échéancier saisi. `reste` : ce que l'on en attend encore."""

    libelle: str
    montant: Decimal
    prevu_le: Date | None = None
    condition: str = ""
    paye: Decimal = ZERO
    reste: Decimal = ZERO


@dataclass(frozen=True)
class Echeancier:
    """Celui d'un acte, en euros : prévu = payé + reste + désengagé, que l'on n'attend plus.

    `est_saisi` : à défaut, un seul versement de la totalité, sans date. `est_suivi` : l'acte est signé et en vigueur,
    les paiements s'y lisent ; `en_plus` : payé au-delà de ce qu'il attribue à chaque action.
    """

    lignes: tuple[LigneDEcheancier, ...]
    est_saisi: bool
    est_suivi: bool = False
    en_plus: Decimal = ZERO

    @property
    def prevu(self) -> Decimal:
        return sum((ligne.montant for ligne in self.lignes), ZERO)

    @property
    def paye(self) -> Decimal:
        return sum((ligne.paye for ligne in self.lignes), ZERO)

    @property
    def reste(self) -> Decimal:
        return sum((ligne.reste for ligne in self.lignes), ZERO)

    @property
    def desengage(self) -> Decimal:
        return self.prevu - self.paye - self.reste


def montants_des_parts(montant: Decimal, parts: Sequence[Decimal]) -> list[Decimal]:
    """Le montant (euros) partagé selon ces parts (%, deux décimales), au centime, dans leur ordre."""
    return repartir(montant, [int(part * 100) for part in parts])


def montant_de(acte: Acte) -> Decimal:
    """Ce que l'acte attribue (euros) : la somme des décisions qu'il porte ; rien pour un retrait."""
    if acte.nature == NatureActe.RETRAIT:
        return ZERO
    return acte.decisions.order_by().aggregate(somme=total("montant"))["somme"] or ZERO


# --- Ce que l'acte prévoit ---


def lignes_de(versements: Sequence[VersementPrevu], montant: Decimal) -> list[LigneDEcheancier]:
    """Les versements saisis, ou un seul de la totalité ; rien si l'acte n'attribue rien."""
    if not versements:
        return [LigneDEcheancier(VERSEMENT_UNIQUE, montant)] if montant > 0 else []
    seul = len(versements) == 1
    return [
        LigneDEcheancier(VERSEMENT_UNIQUE if seul else v.get_nature_display(), v.montant, v.prevu_le, v.condition)
        for v in versements
    ]


# --- Ce qui en est payé ---


def echeanciers(actes: QuerySet[Acte]) -> dict[int, Echeancier]:
    """Par identifiant d'acte. Seul un acte signé et en vigueur reçoit des paiements. Cinq requêtes."""
    ids = actes.order_by().values("pk")
    versements = defaultdict(list)
    for versement in VersementPrevu.objects.filter(acte__in=ids).order_by("acte_id", "prevu_le", "pk"):
        versements[versement.acte_id].append(versement)
    portages = PORTAGES.filter(acte__in=ids)
    couverts, en_plus, attendus = payes_et_attendus(portages.order_by().values("decision__action"))
    trouves = {}
    for acte, montant in sommes(portages, "acte", ATTRIBUE).items():
        siens = versements[acte]
        trouves[acte] = Echeancier(tuple(lignes_de(siens, montant or ZERO)), est_saisi=bool(siens))
        if acte in couverts:
            trouves[acte] = suivre(trouves[acte], couverts[acte], attendus[acte], en_plus[acte])
    return trouves


def suivre(echeancier: Echeancier, paye: Decimal, attendu: Decimal, en_plus: Decimal) -> Echeancier:
    """Ce qui est payé couvre les versements dans l'ordre des dates ; au-delà de l'attendu, on n'attend plus rien."""
    lignes, avant = [], ZERO
    for ligne in echeancier.lignes:
        apres = avant + ligne.montant
        couvert = max(min(apres, paye) - avant, ZERO)
        reste = max(min(apres, attendu) - max(avant, paye), ZERO)
        lignes.append(replace(ligne, paye=couvert, reste=reste))
        avant = apres
    return replace(echeancier, lignes=tuple(lignes), est_suivi=True, en_plus=en_plus + max(paye - avant, ZERO))


def payes_et_attendus(actions: QuerySet) -> tuple[Counter, Counter, Counter]:
    """Par acte signé et en vigueur qui porte l'une de ces actions : ce qu'il en est payé, à hauteur de ce qu'il lui
    attribue ; le payé au-delà, qui ne paie pas une autre action ; ce que l'on en attend en tout.

    On attend ce que l'acte attribue ; une fois un désengagement enregistré, ce qui reste engagé, ou ce qui est payé.
    """
    verses = Paiement.objects.filter(ligne__action__in=actions, cp__gt=ZERO)
    payes, engages = sommes(verses, "ligne__action", total("cp")), restes_engages(actions)
    couverts, en_plus, attendus = Counter(), Counter(), Counter()
    for action, attribues in attributions_par_action(actions).items():
        paye = payes.get(action, ZERO)
        parts = partager(paye, attribues)
        couverts.update(parts)
        en_plus[list(attribues)[-1]] += paye - sum(parts.values())
        attendus.update(partager(max(engages[action], paye), attribues) if action in engages else attribues)
    return couverts, en_plus, attendus


def attributions_par_action(actions) -> dict[int, Attributions]:
    """Par action, puis par acte signé et en vigueur, le plus ancien d'abord."""
    signes = Acte.objects.en_vigueur().filter(signe_le__isnull=False).order_by()
    portages = PORTAGES.filter(acte__in=signes.values("pk"), decision__action__in=actions)
    groupes = portages.order_by("acte__signe_le", "acte_id").values_list("decision__action", "acte")
    trouvees = defaultdict(dict)
    for action, acte, somme in groupes.annotate(somme=total("decision__montant")):
        trouvees[action][acte] = somme
    return trouvees


def restes_engages(actions) -> dict[int, Decimal]:
    """L'engagé net (AE) des seules actions dont quelque chose a été désengagé."""
    rendues = LigneEngagement.objects.filter(action__in=actions, ae__lt=ZERO).order_by().values("action")
    return sommes(LigneEngagement.objects.filter(action__in=rendues), "action", total("ae"))


def sommes(lignes, cle, somme) -> dict[int, Decimal]:
    return dict(lignes.order_by().values_list(cle).annotate(somme=somme))


def partager(somme: Decimal, attribues: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """Cette somme entre les actes d'une même action : le plus ancien d'abord, à hauteur de ce qu'il lui attribue."""
    parts, reste = {}, somme
    for acte, attribue in attribues.items():
        parts[acte] = min(reste, max(attribue, ZERO))
        reste -= parts[acte]
    return parts
