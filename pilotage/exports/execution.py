"""Les feuilles Exécution et Bilan N-1 : ce qui est engagé, payé et justifié, et ce que l'année d'avant a donné.

Des faits qui continuent après la clôture : ils ne changent aucune autre feuille, et se lisent au jour du classeur.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from politique_ville.outils.classeur import Formule
from programmation.enums import CodeParametre, StatutAction
from programmation.models import Action, LigneEngagement
from programmation.synthese.delais import Regle
from programmation.synthese.execution import Execution, executions_par
from programmation.synthese.justifications import (
    TotauxDesJustifications,
    a_justifier_ou_justifiees,
    avec_execution,
    ligne_de_justification,
    totaux_des_justifications,
)

from .controles import ECRAN, Rapprochement, rapprochement
from .demande import Demande
from .faits import numeros_par_action
from .formules import Page, quotient, total

LUES = ["exercice__departement", "contrat", "pilier", "porteur__fusionne_dans", "justification"]
AUCUNE = "Aucune action programmée."  # un tableau de classeur ne peut pas être sans ligne
MONTANTS_DU_BILAN = {"accorde": "P147 accordé l’an dernier", "depense": "Dépensé", "non_utilise": "P147 non utilisé"}
MONTANTS = {"engage": "Engagé (AE)", "paye": "Payé (CP)", "reverse": "Reversé par les porteurs"}


@dataclass(frozen=True)
class FeuillesDExecution:
    """Les deux feuilles, et ce que l'écran totalise de l'exercice et du précédent."""

    execution: Page
    bilan: Page
    total: Execution
    total_du_bilan: TotauxDesJustifications

    @property
    def pages(self) -> tuple[Page, Page]:
        return self.execution, self.bilan


def lire_l_execution(demande: Demande, gabarit) -> FeuillesDExecution:
    """`demande.au` date les retards. Seize requêtes."""
    exercice, jour = demande.exercice, timezone.localdate(demande.au)
    precedentes = Action.objects.filter(
        exercice__departement=exercice.departement_id, exercice__annee=exercice.annee - 1
    )
    executions = executions_par(demande.actions.order_by(), ("pk",), jour)
    return FeuillesDExecution(
        execution=page_de_l_execution(gabarit.EXECUTION, demande.actions, executions, jour),
        bilan=page_du_bilan(gabarit.BILAN, precedentes, demande.actions, jour),
        total=sum(executions.values(), Execution()),
        total_du_bilan=totaux_des_justifications(a_justifier_ou_justifiees(precedentes)),
    )


def page_de_l_execution(modele, actions: QuerySet[Action], executions, jour) -> Page:
    """Les actions programmées, et celles que l'on avait engagées avant de les déprogrammer."""
    engagees = LigneEngagement.objects.filter(action__in=actions.order_by().values("pk"))
    lues = actions.filter(Q(statut=StatutAction.PROGRAMMEE) | Q(pk__in=engagees.order_by().values("action")))
    ejs = numeros_par_action(engagees)
    regle = Regle(CodeParametre.DELAI_JUSTIFICATION)
    lignes = []
    for action in lues.select_related(*LUES).order_by("contrat__intitule", "recherche", "pk"):
        execution = executions.get((action.pk,), Execution())
        lignes.append(ligne_d_execution(action, execution, ejs, ligne_de_justification(action, regle, jour)))
    page = Page(modele, lignes or [{"intitule": AUCUNE}])
    for rang, ligne in enumerate(lignes):
        engage, accorde = page.ici("engage", rang), page.ici("accorde", rang)
        net = f"{page.ici('paye', rang)}-{page.ici('reverse', rang)}"
        ligne["reste"] = Formule(f"=ROUND({engage}-({net}),2)", ligne["engage"] - ligne["paye"] + ligne["reverse"])
        ligne["taux"] = quotient((engage, ligne["engage"]), (accorde, ligne["accorde"]))
    return page


def ligne_d_execution(action, execution, ejs, justification):
    return identite(action) | {
        "pilier": action.pilier.libelle,
        "accorde": execution.accorde,
        "ej": ejs.get(action.pk),
        "engage": execution.engage,
        "paye": execution.paye,
        "reverse": execution.reverse,
        "justification": justification.libelle,
        "due_le": justification.due_le,
        "cle": str(action.cle),
    }


def identite(action):
    return {
        "dossier": action.reference_dauphin or None,
        "intitule": action.intitule,
        "contrat": action.contrat.intitule if action.contrat else None,
        "porteur": str(action.porteur.courant),
        "statut": StatutAction(action.statut).label,
    }


def page_du_bilan(modele, precedentes: QuerySet[Action], actions: QuerySet[Action], jour) -> Page:
    """Ce que les actions de l'an dernier ont rendu, et si elles sont reconduites cette année."""
    reconduites = set(actions.filter(action_precedente__in=precedentes).values_list("action_precedente", flat=True))
    regle = Regle(CodeParametre.DELAI_JUSTIFICATION)
    lues = avec_execution(a_justifier_ou_justifiees(precedentes)).select_related(*LUES)
    lignes = [
        ligne_de_bilan(action, ligne_de_justification(action, regle, jour), action.pk in reconduites)
        for action in lues.order_by("contrat__intitule", "recherche", "pk")
    ]
    page = Page(modele, lignes or [{"intitule": AUCUNE}])
    for rang, ligne in enumerate(lignes):
        realises, prevus = page.ici("realises", rang), page.ici("prevus", rang)
        ligne["realisation"] = quotient((realises, ligne["realises"]), (prevus, ligne["prevus"]))
    return page


def ligne_de_bilan(action, lue, reconduite):
    justification = lue.justification
    champs = {nom: getattr(justification, nom, None) for nom in ("recue_le", "depense", "non_utilise", "suite_le")}
    return (
        identite(action)
        | champs
        | {
            "accorde": action.accorde,
            "paye": action.paye,
            "etat": lue.libelle,
            "suite": justification.get_suite_display() if justification else None,
            "prevus": action.beneficiaires_prevus,
            "realises": getattr(justification, "beneficiaires_realises", None),
            "reconduite": "oui" if reconduite else "non",
            "cle": str(action.cle),
        }
    )


def rapprochements_de_l_execution(feuilles: FeuillesDExecution, actions: Page) -> Iterator[Rapprochement]:
    """La feuille et l'écran ; l'accordé est aussi celui de Programmation."""
    page, ecran = feuilles.execution, feuilles.total
    accorde = total(page, ["accorde"])
    yield rapprochement("P147 accordé", page, accorde, actions, total(actions, ["p147_accorde"]))
    for nom, libelle in MONTANTS.items():
        yield rapprochement(libelle, page, total(page, [nom]), ECRAN, getattr(ecran, nom))
    for nom, libelle in MONTANTS_DU_BILAN.items():
        lu = getattr(feuilles.total_du_bilan, nom)
        yield rapprochement(libelle, feuilles.bilan, total(feuilles.bilan, [nom]), ECRAN, lu)
