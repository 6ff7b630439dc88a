"""La feuille annuelle d'un PRE, telle qu'elle sort : ses petits effectifs n'y sont pas, ni de quoi les retrouver."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from programmation.enums import FamilleFinanceur
from programmation.models import Action

from .. import regles
from ..enums import AxeEffectif, Sexe, TrancheAge
from ..models import BudgetPre, ReperePre, SuiviPre
from .effectifs import TableauDEffectifs, masquer, masquer_une_part
from .pre import CoutParEnfant, cases_par_suivi, cout, effectifs_des_suivis

Effectif = int | str | None


@dataclass(frozen=True)
class Modalite:
    """Une case d'un axe à une dimension : son libellé et ce qui en sort."""

    libelle: str
    nombre: Effectif


@dataclass(frozen=True)
class FeuilleDePre:
    """Tout ce que l'écran, l'impression et le classeur montrent d'un suivi. `ages` : tranches d'âge × sexe."""

    suivi: SuiviPre
    effectifs: dict[str, Effectif]
    ages: TableauDEffectifs
    prescripteurs: tuple[Modalite, ...]
    domaines: tuple[Modalite, ...]
    budgets: tuple[BudgetPre, ...]
    cout: CoutParEnfant
    actions: tuple[Action, ...]

    @property
    def budget_p147(self) -> Decimal | None:
        """Ce que le bilan dit avoir reçu du P147."""
        return somme_connue([b.montant for b in self.budgets if b.financeur.famille == FamilleFinanceur.ANCT_P147])

    @property
    def p147_accorde(self) -> Decimal | None:
        """Ce que la programmation accorde aux actions liées."""
        return somme_connue([action.p147_accorde for action in self.actions])

    @property
    def tranches(self) -> list[tuple[str, tuple[Effectif, ...], Effectif]]:
        """(tranche d'âge, (filles, garçons), total)."""
        return list(zip(TrancheAge.labels, self.ages.lignes, self.ages.totaux_des_lignes, strict=True))


def feuille_de_suivi(suivi: SuiviPre, actions: QuerySet[Action]) -> FeuilleDePre:
    """La feuille d'un suivi ; `actions` : celles que la personne voit. Cinq requêtes au plus."""
    return feuilles_de_suivi([suivi], actions)[0]


def feuilles_de_suivi(suivis: Sequence[SuiviPre], actions: QuerySet[Action]) -> list[FeuilleDePre]:
    """De même pour plusieurs suivis, dans leur ordre. Cinq requêtes au plus en tout."""
    effectifs, cases = effectifs_des_suivis(suivis), cases_par_suivi(suivis)
    budgets, liees = budgets_par_suivi(suivis), actions_par_suivi(suivis, actions)
    return [
        feuille(s, effectifs[s.pk], cases.get(s.pk, {}), budgets.get(s.pk, []), liees.get(s.pk, [])) for s in suivis
    ]


def feuille(suivi, effectifs, cases, budgets, actions) -> FeuilleDePre:
    total = regles.total_des_enfants(suivi.enfants_suivis, cases)
    return FeuilleDePre(
        suivi=suivi,
        effectifs=effectifs,
        ages=masquer(tableau_des_ages(cases), total),
        prescripteurs=prescripteurs(cases, total),
        domaines=domaines(cases, total),
        budgets=tuple(budgets),
        cout=cout(somme_connue([b.montant for b in budgets]), suivi.enfants_suivis),
        actions=tuple(actions),
    )


# --- Lire ---


def budgets_par_suivi(suivis):
    budgets = {}
    for budget in BudgetPre.objects.filter(suivi__in=suivis).select_related("financeur").order_by("financeur", "pk"):
        budgets.setdefault(budget.suivi_id, []).append(budget)
    return budgets


def actions_par_suivi(suivis, actions):
    liees = {}
    lues = actions.filter(suivi_pre__suivi__in=suivis).avec_montants().select_related("suivi_pre", "exercice")
    for action in lues.order_by("recherche", "pk"):
        liees.setdefault(action.suivi_pre.suivi_id, []).append(action)
    return liees


# --- Masquer ---


def tableau_des_ages(cases):
    axe = AxeEffectif.AGE_ET_SEXE
    return [[cases.get((axe, f"{tranche}{sexe}")) for sexe in Sexe.values] for tranche in TrancheAge.values]


def prescripteurs(cases, total):
    axe = AxeEffectif.PRESCRIPTEUR
    (nombres,) = masquer([[cases.get((axe, code)) for code in axe.modalites]], total).lignes
    return tuple(Modalite(libelle, n) for libelle, n in zip(axe.libelles, nombres, strict=True))


def domaines(cases, total):
    """Un enfant relève de plusieurs domaines : chacun est une part du total, et ils ne s'additionnent pas."""
    axe = AxeEffectif.DOMAINE
    parts = [masquer_une_part(cases.get((axe, code)), total) for code in axe.modalites]
    return tuple(Modalite(libelle, n) for libelle, n in zip(axe.libelles, parts, strict=True))


def somme_connue(montants):
    connus = [montant for montant in montants if montant is not None]
    return sum(connus, Decimal("0.00")) if connus else None


# --- Comparer ---


def reperes_nationaux() -> list[ReperePre]:
    """Les coûts par enfant publiés, du plus ancien au plus récent. Une requête."""
    return list(ReperePre.objects.order_by("annee", "perimetre"))
