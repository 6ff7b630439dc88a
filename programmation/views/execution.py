"""L'exécution d'une action sur sa fiche : engagée, payée, justifiée, ses actes, ses cofinanceurs, et les gestes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date as Date
from decimal import Decimal

from django.urls import reverse
from django.utils import timezone

from .. import regles
from ..enums import CodeParametre, FamilleFinanceur, NatureFinancement
from ..models import Acte, Action, Decision, Financement, LigneEngagement, Paiement, SuiviFinancement
from ..synthese.delais import Regle, ReglesDatees
from ..synthese.echeances import seuil_de_la_convention
from ..synthese.execution import (
    Execution,
    accordes_dans_l_annee,
    avec_paye,
    derniers_suivis,
)
from ..synthese.fiche import attend_un_acte, execution_lue, reste_a_engager
from ..synthese.justifications import LigneDeJustification, ligne_de_justification
from ..synthese.lectures import ZERO


@dataclass(frozen=True)
class ConventionDeLAction:
    """Ce que dit le seuil légal. `obligatoire` : l'action seule le dépasse ; `cumul` : l'accordé de l'année à son
    porteur le dépasse sans elle seule (à confirmer), en euros, None sinon. `seuil` : None s'il est inconnu."""

    seuil: Decimal | None
    obligatoire: bool = False
    cumul: Decimal | None = None


@dataclass(frozen=True)
class ExecutionDeLAction:
    """Ce que la fiche montre à l'État ; `peut_ecrire` : agent ou responsable, là où elle est."""

    execution: Execution
    lignes: list[LigneEngagement]
    paiements: list[Paiement]
    justification: LigneDeJustification
    actes: list[Acte]
    convention: ConventionDeLAction
    suivis: list[tuple[Financement, SuiviFinancement | None]]
    peut_ecrire: bool
    peut_justifier: bool
    gestes: list[tuple[str, str]] = field(default_factory=list)


def execution_de_la_fiche(
    action: Action,
    utilisateur,
    plan: Sequence[Financement],
    decisions: Sequence[Decision],
    datees: ReglesDatees,
) -> ExecutionDeLAction | None:
    """None pour un partenaire, et tant que rien n'a été décidé. `plan`, `decisions` : tous ceux de l'action.

    Six requêtes, sept pour qui écrit, et les règles datées.
    """
    if not regles.lit_l_execution(utilisateur, action):
        return None
    lignes = list(avec_paye(action.lignes_engagement.select_related("engagement", "enveloppe")).order_by("pk"))
    justifiable = not regles.empechement_de_justifier(action)
    if not (lignes or justifiable):
        return None
    peut_ecrire = regles.peut_executer(utilisateur, action)
    paiements = list(Paiement.objects.filter(ligne__in=lignes))
    accorde = next((ligne.accorde for ligne in plan if ligne.famille == FamilleFinanceur.ANCT_P147), None)
    return ExecutionDeLAction(
        execution=execution_lue(accorde or ZERO, lignes, paiements),
        lignes=lignes,
        paiements=paiements,
        justification=ligne_de_justification(action, datees[CodeParametre.DELAI_JUSTIFICATION], timezone.localdate()),
        actes=list(actes_de(action)),
        convention=convention_de(action, accorde, datees[CodeParametre.SEUIL_CONVENTION]),
        suivis=suivis_de(action, plan),
        peut_ecrire=peut_ecrire,
        peut_justifier=peut_ecrire and justifiable,
        gestes=gestes(action, decisions, lignes) if peut_ecrire else [],
    )


def actes_de(action):
    """Tous ceux qui ont porté une de ses décisions, le premier d'abord."""
    siens = Acte.objects.filter(decisions__action=action).distinct()
    return siens.select_related("organisme", "remplace_par").order_by("pk")


def gestes(action, decisions, lignes):
    """(libellé, adresse) de ce que l'on peut faire maintenant, d'ici."""
    possibles = []
    if attend_un_acte(decisions):
        possibles.append(("Établir l’acte", f"{reverse('programmation:acte_create')}?action={action.pk}"))
    if not regles.empechement_d_engager(action) and reste_a_engager(decisions, lignes):
        possibles.append(("Engager", f"{reverse('programmation:engagement_create')}?action={action.pk}"))
    if not regles.empechement_de_justifier(action):
        adresse = reverse("programmation:justification_update", args=[action.pk])
        possibles.append(("Saisir la justification", adresse))
    return possibles


def convention_de(action, accorde: Decimal | None, regle: Regle) -> ConventionDeLAction:
    seuil = seuil_de_la_convention(regle, action)
    if seuil is None or action.porteur is None:
        return ConventionDeLAction(seuil)
    annee, departement = action.exercice.annee, action.exercice.departement_id
    cumul = accordes_dans_l_annee([action.porteur], annee, departement).get(action.porteur.courant.pk)
    seule = regles.convention_obligatoire(action.porteur, accorde, seuil)
    ensemble = regles.convention_obligatoire(action.porteur, cumul, seuil)
    return ConventionDeLAction(seuil, seule, cumul if ensemble and not seule else None)


def suivis_de(action, plan):
    """Chaque ligne d'un autre financeur, et son dernier suivi."""
    suivis = derniers_suivis(SuiviFinancement.objects.filter(financement__action=action))
    return [
        (ligne, suivis.get(ligne.pk))
        for ligne in plan
        if ligne.famille != FamilleFinanceur.ANCT_P147 and ligne.nature != NatureFinancement.RESSOURCES_PROPRES
    ]


# --- La fiche d'un organisme ---


def seuil_depasse(regle: Regle, organisme, exercice, accorde: Decimal | None) -> Decimal | None:
    """Le seuil de la convention (euros par an), si l'accordé de l'exercice à cet organisme le dépasse ; None sinon."""
    seuil = regle.valeur(exercice.departement_id, Date(exercice.annee, 1, 1))
    return seuil if regles.convention_obligatoire(organisme, accorde, seuil) else None
