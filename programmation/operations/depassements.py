"""Dépasser le reste à décider d'une enveloppe : le mesurer, le faire accepter au responsable, en exiger le motif."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from comptes.models import Utilisateur
from politique_ville.outils.francais import euros

from .. import regles
from ..models import Decision, Enveloppe
from ..synthese import lignee, restes_a_decider
from .outils import MotifExige, OperationRefusee


@dataclass(frozen=True)
class Besoin:
    """Ce qu'un lot prend dans une enveloppe, mère ou feuille, et ce qu'elle permettait d'y décider, en euros."""

    enveloppe: Enveloppe
    nom: str
    montant: Decimal
    reste: Decimal

    @property
    def apres(self) -> Decimal:
        return self.reste - self.montant

    @property
    def depassement(self) -> Decimal:
        """Une enveloppe déjà sur-programmée n'ajoute pas son propre manque à celui du lot."""
        return min(self.montant, max(-self.apres, Decimal(0)))


class DepassementAAccepter(OperationRefusee):
    """Le lot dépasse une enveloppe de plus que ce qui a été accepté. `depassements` : tous, à accepter un à un."""

    def __init__(self, depassements: list[Besoin]):
        self.depassements = depassements
        super().__init__(
            [
                f"{b.nom} : {euros(b.montant)} dépassent de {euros(b.depassement)} le reste à décider "
                f"({euros(b.reste)})."
                for b in depassements
            ]
            + ["Réduire les montants, ou accepter chaque dépassement et en écrire le motif."]
        )


class DepassementSansMotif(MotifExige):
    """Un dépassement accepté que rien n'explique. `depassements` : ceux du lot."""

    def __init__(self, depassements: list[Besoin], decisions: Iterable[Decision]):
        self.depassements = depassements
        super().__init__(
            [
                f"« {d.action} » : accorder {euros(d.depassement)} au-delà du reste à décider demande un motif."
                for d in decisions
            ]
        )


def verifier_le_disponible(
    decisions: list[Decision], enveloppes: Mapping[int, Enveloppe], par: Utilisateur, acceptes: Mapping[int, Decimal]
):
    """Refuse de dépasser le reste à décider d'une feuille ou d'une de ses mères, sauf au responsable qui l'a lu et
    accepté (`acceptes` : par enveloppe, le dépassement en euros) et en écrit le motif ; chaque décision le garde.

    Ce que le lot diminue par ailleurs n'est pas déduit du besoin : chaque attribution doit trouver ses crédits.
    """
    donnees = [d for d in decisions if d.enveloppe_id and d.montant > 0]
    besoins = lire_les_besoins([(d.enveloppe_id, d.montant) for d in donnees], enveloppes)
    depassements = [besoin for besoin in besoins if besoin.depassement]
    refuser_a_qui_ne_peut_pas(depassements, par)
    if any(b.depassement > acceptes.get(b.enveloppe.pk, Decimal(0)) for b in depassements):
        raise DepassementAAccepter(depassements)
    noter_les_depassements(donnees, enveloppes, {b.enveloppe.pk: b.reste for b in besoins})
    sans_motif = [d for d in donnees if d.depassement and not d.motif]
    if sans_motif:
        raise DepassementSansMotif(depassements, sans_motif)


def lire_les_besoins(prises: Iterable[tuple[int, Decimal]], enveloppes: Mapping[int, Enveloppe]) -> list[Besoin]:
    """Ce qu'un lot prend (feuille, montant) dans chaque feuille et dans ses mères. Deux requêtes."""
    meres = {pk: enveloppe.parent_id for pk, enveloppe in enveloppes.items()}
    montants = Counter()
    for feuille, montant in prises:
        montants.update(dict.fromkeys(lignee(feuille, meres), montant))
    restes = restes_a_decider(enveloppes.values())
    return [
        Besoin(enveloppe, nommer(enveloppe, enveloppes), montants[pk], restes[pk])
        for pk, enveloppe in enveloppes.items()
        if pk in montants
    ]


def refuser_a_qui_ne_peut_pas(depassements, par):
    refus = [
        f"{b.nom} : {euros(b.montant)} dépassent le reste à décider ({euros(b.reste)}). Réduire les montants, ou "
        "s’adresser au responsable. Seul un responsable peut dépasser, avec un motif."
        for b in depassements
        if not regles.peut_depasser(par, b.enveloppe.exercice)
    ]
    if refus:
        raise OperationRefusee(refus)


def noter_les_depassements(decisions, enveloppes, restes):
    """Écrit sur chaque décision la part de son montant qui ne trouve plus de crédits, dans l'ordre du lot : le plus
    grand manque de sa feuille et de ses mères, sans dépasser son montant ; et celle à qui il manque (`depassee`)."""
    meres = {pk: enveloppe.parent_id for pk, enveloppe in enveloppes.items()}
    pris = Counter()
    for d in decisions:
        lignes = lignee(d.enveloppe_id, meres)
        pris.update(dict.fromkeys(lignes, d.montant))
        limite = max(lignes, key=lambda pk: pris[pk] - restes[pk])
        manque = pris[limite] - restes[limite]
        d.depassement, d.depassee = min(manque, d.montant) if manque > 0 else None, enveloppes[limite]


def nommer(enveloppe: Enveloppe, enveloppes: Mapping[int, Enveloppe]) -> str:
    est_mere = any(e.parent_id == enveloppe.pk for e in enveloppes.values())
    return f"« {enveloppe} » (enveloppe mère)" if est_mere else f"« {enveloppe} »"


def dire_les_depassements(decisions: Iterable[Decision]) -> str:
    """« , dont 200,00 € au-delà du reste de « Caen » » ; "" si ces décisions, qui viennent d'être prises, tiennent."""
    sommes = Counter()
    for d in decisions:
        if d.depassement:
            sommes[d.depassee] += d.depassement
    morceaux = [f"{euros(somme)} au-delà du reste de « {enveloppe} »" for enveloppe, somme in sommes.items()]
    return f", dont {' et '.join(morceaux)}" if morceaux else ""
