"""Promouvoir un scénario : en faire des décisions d'un coup, en choisissant ce qui a changé ; et s'en dédire."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.francais import pluriel

from .. import regles
from ..enums import EtatScenario, MotifStatut, NatureDecision, StatutAction
from ..models import Acte, Decision, Enveloppe, LigneEngagement, Proposition, Scenario
from ..synthese import LigneDeScenario, condense, lignes_du_scenario
from .decisions import DemandeDeDecision, decider
from .depassements import Besoin, lire_les_besoins
from .outils import (
    TAILLE_DE_LOT,
    OperationRefusee,
    contraintes_en_francais,
    exiger_un_motif,
)
from .scenarios import ecrire, prendre_acte, refuser_si, relire, relire_pour_changer
from .statuts import revenir

MISES_DE_COTE = [NatureDecision.LISTE_ATTENTE, NatureDecision.AJOURNEMENT]


@dataclass(frozen=True)
class ChoixDeLigne:
    """Ce que l'agent décide d'une ligne périmée, au vu de cette version de l'action. `montant` None : l'écarter."""

    version: int
    montant: Decimal | None = None


class PropositionsPerimees(OperationRefusee):
    """Des actions ont changé depuis que le scénario les a vues : `lignes`, à choisir une à une. Rien n'est écrit."""

    def __init__(self, lignes: list[LigneDeScenario]):
        self.lignes = lignes
        super().__init__([f"« {ligne.action} » a changé depuis que le scénario l’a vue." for ligne in lignes])


class MontantsChanges(OperationRefusee):
    """Quelqu'un a changé un montant du scénario depuis que la personne l'a lu. Rien n'est écrit."""

    def __init__(self):
        super().__init__(
            "Un montant a changé entre-temps : relire ce que le scénario donne, puis promouvoir à nouveau."
        )


def promouvoir(
    scenario: Scenario,
    *,
    par: Utilisateur,
    lue: str | None = None,
    choix: Mapping[int, ChoixDeLigne] | None = None,
    enveloppe: Enveloppe | None = None,
    motif: str = "",
    date: Date | None = None,
    depassements_acceptes: Mapping[int, Decimal] | None = None,
) -> list[Decision]:
    """Attribue chaque montant supérieur à zéro, tout ou rien ; le reste est laissé à décider.

    `choix` : par action, ce que l'on fait d'une ligne périmée ; `enveloppe` : celle des actions qui n'en ont pas
    d'office ; `lue` : le condensé des montants lus (None : sans contrôle) ; `depassements_acceptes` : voir `decider`.
    Lève MontantsChanges, PropositionsPerimees, et tout ce que lève `decider`, sans rien écrire.
    """
    choix = choix or {}
    with contraintes_en_francais(), transaction.atomic():
        scenario = relire_pour_changer(scenario, par)
        if lue is not None and lue != condense(scenario.propositions.values_list("action", "montant")):
            raise MontantsChanges
        lignes = lignes_du_scenario(scenario, sans_les_vides=True)
        a_choisir = [ligne for ligne in lignes if ligne.est_perimee and not est_choisie(ligne, choix)]
        if a_choisir:
            raise PropositionsPerimees(a_choisir)
        retenues = [(ligne, montant) for ligne in lignes if (montant := montant_retenu(ligne, choix))]
        refuser_si("" if retenues else pourquoi_rien(lignes))
        revoir(scenario, [ligne.action for ligne, _ in retenues if ligne.differences])
        prises = demandes(scenario, retenues, enveloppe)
        decisions = decider(prises, par=par, motif=motif, date=date, depassements_acceptes=depassements_acceptes)
        garder_les_mises_a_jour(scenario, retenues)
        ecrire(scenario, par, motif or "Promotion", etat=EtatScenario.PROMU, promu_le=timezone.now())
    return decisions


def est_choisie(ligne, choix):
    """Le choix vaut pour ce que l'agent a lu : si l'action a encore changé, il se refait."""
    fait = choix.get(ligne.action.pk)
    return fait is not None and fait.version == ligne.action.version


def montant_retenu(ligne, choix) -> Decimal | None:
    if ligne.empechement:
        return None
    return choix[ligne.action.pk].montant if ligne.differences else ligne.montant


def pourquoi_rien(lignes):
    empechements = sorted({ligne.empechement for ligne in lignes if ligne.empechement})
    if not empechements:
        return "Aucun montant à promouvoir : le scénario ne donne rien, ou tout a été écarté."
    return f"Rien à promouvoir. Pour chaque action : {', ou '.join(empechements)}."


def demandes(scenario, retenues, enveloppe) -> list[DemandeDeDecision]:
    feuilles = list(Enveloppe.objects.filter(exercice=scenario.exercice_id).feuilles().order_by("pk"))
    return [
        DemandeDeDecision(
            ligne.action,
            NatureDecision.ATTRIBUTION,
            montant,
            enveloppe_de(ligne.action, scenario, feuilles, enveloppe),
            scenario=scenario,
        )
        for ligne, montant in retenues
    ]


def sans_enveloppe(scenario: Scenario, lignes: list[LigneDeScenario]) -> tuple[list[LigneDeScenario], list[Enveloppe]]:
    """Les lignes pour lesquelles il faudra choisir l'enveloppe, et les enveloppes entre lesquelles choisir."""
    feuilles = list(Enveloppe.objects.filter(exercice=scenario.exercice_id).feuilles().order_by("libelle", "pk"))
    demunies = [ligne for ligne in lignes if enveloppe_de(ligne.action, scenario, feuilles, None) is None]
    possibles = [e for e in feuilles if any(not e.pourquoi_pas(ligne.action) for ligne in demunies)]
    return (demunies, possibles) if possibles else ([], [])


@dataclass(frozen=True)
class ApresPromotion:
    """Ce que la promotion prendrait à chaque enveloppe et à ses mères ; `sans` : ce qui n'en a pas encore, en euros."""

    besoins: list[Besoin]
    total: Decimal
    sans: Decimal

    @property
    def depasse(self) -> bool:
        return any(besoin.depassement for besoin in self.besoins)


def apres_promotion(
    scenario: Scenario, lignes: list[LigneDeScenario], a_defaut: Enveloppe | None = None
) -> ApresPromotion:
    """Les enveloppes une fois le scénario promu, aux montants qu'il porte ; `a_defaut` : celle que l'on choisit."""
    enveloppes = {e.pk: e for e in Enveloppe.objects.filter(exercice=scenario.exercice_id).order_by("libelle", "pk")}
    feuilles = [e for e in enveloppes.values() if not any(autre.parent_id == e.pk for autre in enveloppes.values())]
    prises = [(enveloppe_de(ligne.action, scenario, feuilles, a_defaut), ligne.montant) for ligne in lignes]
    besoins = lire_les_besoins([(e.pk, montant) for e, montant in prises if e], enveloppes)
    sans = sum((montant for e, montant in prises if e is None), Decimal(0))
    return ApresPromotion(besoins, sum((montant for _, montant in prises), Decimal(0)), sans)


def enveloppe_de(action, scenario, feuilles, a_defaut):
    """La sienne si l'on y décide encore, sinon celle du scénario, celle d'office, et enfin celle qui est choisie."""
    sienne = next((e for e in feuilles if e.pk == action.enveloppe_id), None)
    if sienne:
        return sienne
    if scenario.enveloppe in feuilles and not scenario.enveloppe.pourquoi_pas(action):
        return scenario.enveloppe
    return regles.enveloppe_d_office(action, feuilles) or a_defaut


def revoir(scenario, actions):
    """Le scénario voit ces actions telles qu'elles sont maintenant."""
    if actions:
        prendre_acte(scenario, {p.action_id: p for p in scenario.propositions.filter(action__in=actions)})


def garder_les_mises_a_jour(scenario, retenues):
    """Un montant mis à jour à la promotion devient celui du scénario : son total est ce qu'il a fait attribuer."""
    nouveaux = {ligne.action.pk: m for ligne, m in retenues if m != ligne.montant}
    propositions = list(scenario.propositions.filter(action__in=nouveaux).order_by("pk"))
    for proposition in propositions:
        proposition.montant = nouveaux[proposition.action_id]
    Proposition.objects.bulk_update(propositions, ["montant"], batch_size=TAILLE_DE_LOT)


# --- S'en dédire ---


def annuler_la_promotion(scenario: Scenario, *, par: Utilisateur, motif: str) -> list[Decision]:
    """Déprogramme les actions encore intactes de ce scénario, leur rend le statut d'avant, et le remet à l'étude.

    Une décision ne s'efface pas : une déprogrammation la suit. Refusé dès qu'une de ses actions est engagée, ou dans un
    acte signé. Celles qu'une autre décision a touchées depuis restent telles quelles.
    """
    exiger_un_motif(motif, "Annuler une promotion demande un motif.")
    with contraintes_en_francais(), transaction.atomic():
        scenario = relire(scenario, par)
        if scenario.etat != EtatScenario.PROMU:
            raise OperationRefusee(f"Le scénario « {scenario} » n’est pas promu.")
        refuser_si(regles.empechement_de_batir(scenario.exercice))
        attributions = attributions_du_scenario(scenario)
        refuser_si(raison_de_ne_pas_annuler(attributions))
        intactes = [d for d in attributions if est_intacte(d)]
        refuser_si("" if intactes else "Aucune attribution de ce scénario n’est encore intacte : rien à annuler.")
        dit = f"Annulation de la promotion du scénario « {scenario} » : {motif.strip()}"
        deprogrammees = decider(
            [
                DemandeDeDecision(d.action, NatureDecision.DEPROGRAMMATION, None, d.enveloppe, scenario=scenario)
                for d in intactes
            ],
            par=par,
            motif=dit,
        )
        rendre_le_statut(scenario, [d.action for d in intactes], par, dit)
        ecrire(scenario, par, dit, etat=EtatScenario.ETUDE, promu_le=None)
    return deprogrammees


def rendre_le_statut(scenario, actions, par, motif):
    """Chaque action reprend le statut que la promotion a vu. L'attente et l'ajournement se disent par une décision : le
    statut d'une action décidée est celui de sa dernière décision."""
    vus = defaultdict(list)
    for proposition in scenario.propositions.filter(action__in=actions).select_related("action").order_by("pk"):
        vus[proposition.statut_vu].append(proposition.action)
    commun = {"par": par, "motif_statut": MotifStatut.AUTRE, "motif": motif}
    revenir(actions, StatutAction.INSTRUITE, **commun)
    revenir(vus[StatutAction.DEPOSEE], StatutAction.DEPOSEE, **commun)
    mises_de_cote = [DemandeDeDecision(a, nature) for nature in MISES_DE_COTE for a in vus[nature.statut]]
    decider(mises_de_cote, par=par, motif=motif)
    revoir(scenario, actions)


def attributions_du_scenario(scenario) -> list[Decision]:
    """La dernière attribution de chaque action par ce scénario ; `derniere` : la dernière décision de l'action."""
    siennes = scenario.decisions.filter(nature=NatureDecision.ATTRIBUTION).select_related("action", "enveloppe")
    attributions = {d.action_id: d for d in siennes.order_by("pk")}
    dernieres = dict(Decision.objects.filter(action__in=attributions).order_by("pk").values_list("action", "pk"))
    for action, attribution in attributions.items():
        attribution.derniere = dernieres[action]
    return list(attributions.values())


def est_intacte(attribution):
    return attribution.derniere == attribution.pk and attribution.action.statut == StatutAction.PROGRAMMEE


def raison_de_ne_pas_annuler(attributions):
    """La phrase qui nomme les actions engagées, ou dans un acte signé ; "" s'il n'y en a pas."""
    noms = {d.action_id: f"« {d.action} »" for d in attributions}
    engagees = LigneEngagement.objects.filter(action__in=noms).order_by("action_id").values_list("action", flat=True)
    signes = Acte.objects.filter(signe_le__isnull=False, decisions__in=attributions).order_by()
    signees = signes.values_list("decisions__action", flat=True)
    for raison, actions in (("engagée", engagees), ("dans un acte signé", signees)):
        citees = [noms[pk] for pk in dict.fromkeys(actions) if pk in noms]
        if citees:
            autres = f" et {pluriel(len(citees) - 3, 'autre', 'autres')}" if len(citees) > 3 else ""
            return f"{', '.join(citees[:3])}{autres} : déjà {raison}. Diminuer ou déprogrammer action par action."
    return ""
