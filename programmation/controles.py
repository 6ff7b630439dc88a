"""Les contrôles des actions : ce qui n'est pas interdit, mais qu'un agent doit regarder.

Chaque contrôle est une condition SQL : la fiche les évalue tous en une requête, un écran de masse filtre avec l'un.
Ils ne concernent que les actions dans le circuit : un brouillon n'est pas fini, une action sans suite ne l'est plus.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import models
from django.db.models import BigIntegerField, BooleanField, Count, Exists, ExpressionWrapper, F, OuterRef, Q, Subquery
from django.db.models import Value as V
from django.db.models.functions import Cast, Coalesce, ExtractYear
from django.db.models.lookups import Exact, GreaterThan
from django.utils import timezone

from politique_ville.outils.montants import MontantField, total_lie

from .enums import CodeParametre, NatureFinancement, StatutAction
from .models import Action, Financement, LigneEngagement
from .synthese.changements import couts_corriges, decisions_qui_changent, demandes_corrigees
from .synthese.delais import ReglesDatees, avec_fin_prorogee, justification_en_retard
from .synthese.echeances import convention_de_l_action, convention_due, impayees

SEUIL_DE_DEPENDANCE = 80  # % du coût prévisionnel


class Gravite(models.TextChoices):
    A_CORRIGER = "a_corriger", "À corriger"
    A_VERIFIER = "a_verifier", "À vérifier"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        return {self.A_CORRIGER: "error", self.A_VERIFIER: "warning"}[self]


@dataclass(frozen=True)
class Controle:
    """Un contrôle : `phrase` dit la règle à l'agent, `condition` la dit à la base, selon la règle datée `regle`."""

    code: str
    nom: str
    gravite: Gravite
    phrase: str
    condition: Callable[..., Any]
    regle: CodeParametre | None = None

    def parmi(self, actions):
        """Celles de ces actions que le contrôle relève."""
        return controlees(actions).filter(Q(statut__in=dans_le_circuit()) & self.en_sql(ReglesDatees()))

    def en_sql(self, datees: ReglesDatees) -> Q:
        return Q(self.condition(datees[self.regle]) if self.regle else self.condition())


def dans_le_circuit():
    return [s for s in StatutAction if s != StatutAction.BROUILLON and s not in StatutAction.sans_suite()]


def controlees(actions):
    """Ces actions, avec ce que plusieurs contrôles comparent : `accorde` et `engage`, en euros, et la fin prorogée."""
    return avec_fin_prorogee(actions).annotate(
        accorde=total_lie(Financement.objects.p147(), "accorde", "action"),
        engage=total_lie(LigneEngagement.objects.all(), "ae", "action"),
    )


def anomalies(action: Action, datees: ReglesDatees | None = None) -> list[Controle]:
    """Les contrôles qui relèvent cette action, en une requête. `datees` : les règles, si la page les partage."""
    if action.statut not in dans_le_circuit():
        return []
    datees = datees or ReglesDatees()
    conditions = {
        controle.code: ExpressionWrapper(controle.en_sql(datees), output_field=BooleanField()) for controle in CONTROLES
    }
    relevees = controlees(Action.objects.filter(pk=action.pk)).annotate(**conditions).values(*conditions).get()
    return [controle for controle in CONTROLES if relevees[controle.code]]


# --- Les conditions, sur des actions `controlees` ---


def plan_desequilibre():
    demandes = Coalesce(total_lie(Financement.objects.all(), "demande", "action"), V(Decimal(0), MontantField()))
    return ~Q(Exact(F("cout_previsionnel"), demandes))


def accorde_au_dela_du_demande():
    return Exists(Financement.objects.filter(action=OuterRef("pk"), accorde__gt=F("demande")))


def dependance_a_l_anct(seuil=SEUIL_DE_DEPENDANCE):
    """`seuil` en % du coût ; l'accordé dès qu'il est connu, sinon le demandé. Calcul en centimes entiers."""
    retenu = Coalesce(F("accorde"), total_lie(Financement.objects.p147(), "demande", "action"))
    return GreaterThan(centimes(retenu) * 100, centimes(F("cout_previsionnel")) * seuil)


def centimes(montant):
    return Cast(montant, BigIntegerField())


def financeur_unique():
    """Hors ressources propres du porteur."""
    lignes = Financement.objects.filter(action=OuterRef("pk")).exclude(nature=NatureFinancement.RESSOURCES_PROPRES)
    nombre = lignes.order_by().values("action").annotate(nombre=Count("financeur", distinct=True)).values("nombre")
    return Exact(Subquery(nombre, output_field=models.IntegerField()), 1)


def financeur_a_preciser():
    return Exists(Financement.objects.filter(action=OuterRef("pk"), financeur__est_a_preciser=True))


def debut_hors_exercice():
    return ~Q(Exact(ExtractYear("date_debut"), F("exercice__annee")))


# --- Après la décision ---


def bilan_manquant(delai):
    """Au-delà du délai de justification en vigueur : six mois après la fin (loi 2000-321, article 10)."""
    return justification_en_retard(timezone.localdate(), delai)


def engagee_au_dela_de_l_accorde():
    zero = V(Decimal(0), MontantField())
    return GreaterThan(Coalesce(F("engage"), zero), Coalesce(F("accorde"), zero))


def convention_manquante(seuil):
    return convention_due(seuil) & ~Exists(convention_de_l_action())


def paiement_attendu(delai):
    """Sans délai fixé par la DDETS, aucune."""
    if not delai.est_connue:
        return Q(pk__in=[])
    return Exists(impayees(Action.objects.filter(pk=OuterRef("pk")).order_by(), timezone.localdate(), delai))


@cache  # la condition ne dépend de rien, et l'écrire coûte plus que la lire
def montant_change_apres_decision():
    changes = decisions_qui_changent(action=OuterRef("pk")), demandes_corrigees(action_id=OuterRef("pk"))
    return Q(Exists(changes[0])) | Q(Exists(changes[1])) | Q(Exists(couts_corriges(id=OuterRef("pk"))))


CONTROLES = (
    Controle(
        "plan_desequilibre",
        "Plan déséquilibré",
        Gravite.A_CORRIGER,
        "Les montants demandés aux financeurs ne font pas le coût prévisionnel.",
        plan_desequilibre,
    ),
    Controle(
        "porteur_sans_siret",
        "Porteur sans SIRET",
        Gravite.A_CORRIGER,
        "L’action ne dit pas le SIRET du porteur : le classeur de l’ANCT le demande.",
        lambda: Q(etablissement=None),
    ),
    Controle(
        "debut_hors_exercice",
        "Début hors de l’exercice",
        Gravite.A_CORRIGER,
        "L’action ne commence pas dans l’année de l’exercice.",
        debut_hors_exercice,
    ),
    Controle(
        "financeur_a_preciser",
        "Financeur à préciser",
        Gravite.A_VERIFIER,
        "Une ligne du plan ne dit pas qui finance : son montant ne compte pas dans le rang des financeurs.",
        financeur_a_preciser,
    ),
    Controle(
        "accorde_au_dela_du_demande",
        "Accordé au-delà du demandé",
        Gravite.A_VERIFIER,
        "Un financeur accorde plus que ce qui lui est demandé.",
        accorde_au_dela_du_demande,
    ),
    Controle(
        "dependance_a_l_anct",
        "Dépendance à l’ANCT",
        Gravite.A_VERIFIER,
        f"Les crédits P147 portent plus de {SEUIL_DE_DEPENDANCE}\u00a0% du coût prévisionnel.",
        dependance_a_l_anct,
    ),
    Controle(
        "financeur_unique",
        "Financeur unique",
        Gravite.A_VERIFIER,
        "Un seul financeur est sollicité, hors ressources propres.",
        financeur_unique,
    ),
    Controle(
        "beneficiaires_inconnus",
        "Bénéficiaires non renseignés",
        Gravite.A_VERIFIER,
        "Le nombre de bénéficiaires prévus manque.",
        lambda: Q(beneficiaires_prevus=None),
    ),
    Controle(
        "bilan_manquant",
        "Bilan manquant",
        Gravite.A_CORRIGER,
        "L’action est finie, et son compte rendu n’est pas arrivé dans le délai.",
        bilan_manquant,
        CodeParametre.DELAI_JUSTIFICATION,
    ),
    Controle(
        "engagee_au_dela",
        "Engagée au-delà de l’accordé",
        Gravite.A_CORRIGER,
        "Les engagements de l’action dépassent ses crédits P147 accordés.",
        engagee_au_dela_de_l_accorde,
    ),
    Controle(
        "convention_manquante",
        "Convention obligatoire sans acte",
        Gravite.A_CORRIGER,
        "Au-dessus du seuil légal, un organisme de droit privé signe une convention : aucun acte n’en tient lieu.",
        convention_manquante,
        CodeParametre.SEUIL_CONVENTION,
    ),
    Controle(
        "paiement_attendu",
        "Engagée, jamais payée",
        Gravite.A_VERIFIER,
        "Le délai de paiement fixé par la DDETS est passé.",
        paiement_attendu,
        CodeParametre.DELAI_PAIEMENT,
    ),
    Controle(
        "montant_change",
        "Montant changé après décision",
        Gravite.A_VERIFIER,
        "Un accordé, un demandé ou le coût a changé après la première décision ; le motif est dans l’historique.",
        montant_change_apres_decision,
    ),
)
