"""Les contrôles des postes et des PRE : ce qui n'est pas interdit, mais qu'un agent doit regarder.

Chaque contrôle est une condition SQL, comme ceux des actions (programmation/controles.py), vraie un jour donné.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.db.models import (
    BooleanField,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models import Value as V
from django.db.models.functions import Coalesce, Concat, Left
from django.db.models.lookups import Exact, LessThan, LessThanOrEqual
from django.utils import timezone

from politique_ville.outils.montants import MontantField, total_lie
from programmation.controles import Gravite
from programmation.enums import FamilleFinanceur, StatutAction
from programmation.models import Financement

from .dates import decaler_de_mois
from .enums import AxeEffectif
from .models import (
    ActionDuSuivi,
    BaremeFonjep,
    BudgetPre,
    ConventionAdulteRelais,
    EffectifPre,
    ReleveAnct,
    ReleveFonjep,
    SuiviPre,
)
from .synthese.echeances import echue_sans_suite
from .synthese.pre import quartiers_prioritaires
from .synthese.situations import inconnu, vacant_depuis

MOIS_DE_VACANCE = 3


@dataclass(frozen=True)
class ControleDePoste:
    """`phrase` dit la règle à l'agent, `condition(jour)` la dit à la base."""

    code: str
    nom: str
    gravite: Gravite
    phrase: str
    condition: Callable[[Date], Q]

    def parmi(self, postes: QuerySet, jour: Date) -> QuerySet:
        """Ceux de ces postes que le contrôle relève ce jour-là."""
        return postes.filter(self.condition(jour))


# --- Les conditions ---


def vacance_longue(jour):
    return Q(LessThanOrEqual(vacant_depuis(jour), decaler_de_mois(jour, -MOIS_DE_VACANCE)))


def convention_echue(jour):
    """Ce que le radar montre comme échu."""
    return Q(Exists(ConventionAdulteRelais.objects.filter(echue_sans_suite(jour), poste=OuterRef("pk"))))


def numero_d_un_autre_departement(jour):
    """Un numéro commence par le code du département sur trois signes : 014 pour le Calvados."""
    attendu = Concat(V("0"), F("departement__code"), output_field=CharField())
    du_departement = Q(Exact(Left("numero", 3), attendu)) | Q(Exact(Left("numero", 3), F("departement__code")))
    return Q(numero__isnull=False) & ~du_departement


def montant_du_bareme_fonjep(jour):
    """Le relevé d'un adulte-relais publié au montant d'un poste FONJEP : l'erreur du fichier de 2025."""
    montants = BaremeFonjep.objects.exclude(montant=None).order_by().values("montant")
    return Q(Exists(ReleveAnct.objects.filter(poste=OuterRef("pk"), montant__in=montants)))


def siret_qui_change(jour):
    sirets = ReleveAnct.objects.filter(poste=OuterRef("pk")).exclude(siret="").order_by().values("poste")
    return Q(Exists(sirets.annotate(nombre=Count("siret", distinct=True)).filter(nombre__gt=1)))


def repete_dans(modele):
    """La condition « le fichier d'une année nomme ce poste plus d'une fois »."""
    return lambda jour: Q(Exists(modele.objects.filter(poste=OuterRef("pk"), rang__gt=1)))


CONTROLES_DES_ADULTES_RELAIS = (
    ControleDePoste(
        "categorie_inconnue",
        "Catégorie d’employeur inconnue",
        Gravite.A_CORRIGER,
        "Sans elle, on ne sait pas si l’employeur peut conclure un CDI.",
        lambda jour: Q(categorie_employeur=""),
    ),
    ControleDePoste(
        "sans_contrat",
        "Sans contrat de ville",
        Gravite.A_VERIFIER,
        "Le poste n’est rattaché à aucun contrat de ville.",
        lambda jour: Q(contrat=None),
    ),
    ControleDePoste(
        "autre_departement",
        "Numéro d’un autre département",
        Gravite.A_VERIFIER,
        "Le numéro du poste est celui d’un autre département.",
        numero_d_un_autre_departement,
    ),
    ControleDePoste(
        "vacance_longue",
        "Vacance longue",
        Gravite.A_VERIFIER,
        f"Le poste est vacant depuis au moins {MOIS_DE_VACANCE} mois, d’une convention à la suivante.",
        vacance_longue,
    ),
    ControleDePoste(
        "occupation_inconnue",
        "Occupation non renseignée",
        Gravite.A_CORRIGER,
        "Le poste est conventionné, et rien ne dit s’il est pourvu ou vacant.",
        inconnu,
    ),
    ControleDePoste(
        "convention_echue",
        "Convention échue sans suite",
        Gravite.A_CORRIGER,
        "La dernière convention a fini, et rien ne dit si elle est renouvelée ou si le poste s’arrête.",
        convention_echue,
    ),
    ControleDePoste(
        "releve_au_bareme_fonjep",
        "Montant publié d’un poste FONJEP",
        Gravite.A_VERIFIER,
        "L’ANCT a publié pour ce poste le montant d’un poste FONJEP.",
        montant_du_bareme_fonjep,
    ),
    ControleDePoste(
        "siret_qui_change",
        "SIRET publié qui change",
        Gravite.A_VERIFIER,
        "L’ANCT a publié des SIRET différents d’une année à l’autre.",
        siret_qui_change,
    ),
    ControleDePoste(
        "releve_repete",
        "Poste répété dans la liste publiée",
        Gravite.A_VERIFIER,
        "La liste d’une année nomme ce poste plus d’une fois.",
        repete_dans(ReleveAnct),
    ),
)

CONTROLES_FONJEP = (
    ControleDePoste(
        "releve_repete",
        "Poste répété dans la liste publiée",
        Gravite.A_VERIFIER,
        "La liste d’une année nomme ce poste plus d’une fois.",
        repete_dans(ReleveFonjep),
    ),
    ControleDePoste(
        "sans_contrat",
        "Sans contrat de ville",
        Gravite.A_VERIFIER,
        "Le poste n’est rattaché à aucun contrat de ville.",
        lambda jour: Q(contrat=None),
    ),
)


# --- Les PRE : ils lisent les vrais effectifs, jamais ce qui est masqué ---


@dataclass(frozen=True)
class ControleDePre:
    """`phrase` dit la règle à l'agent, `condition(annee)` la dit à la base, sur un programme et son suivi."""

    code: str
    nom: str
    gravite: Gravite
    phrase: str
    condition: Callable[[int], Q]

    def parmi(self, programmes: QuerySet, annee: int) -> QuerySet:
        """Ceux de ces programmes que le contrôle relève cette année-là."""
        return programmes.filter(self.condition(annee))


def anomalies_des_pre(programmes: QuerySet, annee: int) -> dict[int, list[ControleDePre]]:
    """Les contrôles qui relèvent chacun de ces programmes, par identifiant. Une requête."""
    conditions = {
        c.code: ExpressionWrapper(Q(c.condition(annee)), output_field=BooleanField()) for c in CONTROLES_DES_PRE
    }
    lus = programmes.order_by().annotate(**conditions).values("pk", *conditions)
    return {ligne["pk"]: [c for c in CONTROLES_DES_PRE if ligne[c.code]] for ligne in lus}


def actions_sans_suivi(actions: QuerySet) -> QuerySet:
    """Les actions de réussite éducative programmées que ne porte aucun suivi."""
    return actions.filter(dispositif__est_pre=True, statut=StatutAction.PROGRAMMEE, suivi_pre=None)


def suivis_de(annee, **criteres):
    return Exists(SuiviPre.objects.filter(programme=OuterRef("pk"), exercice__annee=annee, **criteres))


def liens_de(annee):
    return Exists(ActionDuSuivi.objects.filter(suivi__programme=OuterRef("pk"), suivi__exercice__annee=annee))


def budgets_de(annee):
    return Exists(BudgetPre.objects.filter(suivi__programme=OuterRef("pk"), suivi__exercice__annee=annee))


def p147_different(annee):
    """Le P147 du bilan et l'accordé des actions liées ; une ligne absente vaut zéro, un budget vide ne dit rien."""
    zero = V(Decimal(0), MontantField())
    du_bilan = total_lie(
        BudgetPre.objects.filter(suivi__exercice__annee=annee, financeur__famille=FamilleFinanceur.ANCT_P147),
        "montant",
        "suivi__programme",
    )
    accorde = total_lie(
        Financement.objects.filter(famille=FamilleFinanceur.ANCT_P147, action__suivi_pre__suivi__exercice__annee=annee),
        "accorde",
        "action__suivi_pre__suivi__programme",
    )
    egaux = Q(Exact(Coalesce(du_bilan, zero), Coalesce(accorde, zero)))
    return Q(budgets_de(annee)) & Q(liens_de(annee)) & ~egaux


def effectifs_incomplets(annee):
    axe = AxeEffectif.AGE_ET_SEXE
    cases = EffectifPre.objects.filter(suivi__programme=OuterRef("pk"), suivi__exercice__annee=annee, axe=axe)
    nombre = cases.order_by().values("suivi__programme").annotate(nombre=Count("pk")).values("nombre")
    cases = Coalesce(Subquery(nombre, output_field=IntegerField()), 0)
    sans_total = Q(suivis_de(annee, enfants_suivis=None))
    return Q(suivis_de(annee)) & (sans_total | Q(LessThan(cases, len(axe.modalites))))


def bilan_attendu(annee):
    finie = annee < timezone.localdate().year
    return Q(suivis_de(annee, bilan_recu_le=None)) if finie else Q(pk__in=[])


CONTROLES_DES_PRE = (
    ControleDePre(
        "pre_hors_geographie",
        "Sorti de la géographie prioritaire",
        Gravite.A_VERIFIER,
        "Aucune commune du PRE n’a de quartier prioritaire cette année-là.",
        lambda annee: ~Q(Exists(quartiers_prioritaires(annee))),
    ),
    ControleDePre(
        "pre_sans_suivi",
        "Sans suivi",
        Gravite.A_CORRIGER,
        "Le PRE n’a pas de feuille pour cette année.",
        lambda annee: ~Q(suivis_de(annee)),
    ),
    ControleDePre(
        "pre_sans_action",
        "Suivi sans action",
        Gravite.A_CORRIGER,
        "Aucune action n’est liée au suivi : son montant n’est pas dans la programmation.",
        lambda annee: Q(suivis_de(annee)) & ~Q(liens_de(annee)),
    ),
    ControleDePre(
        "pre_p147_different",
        "P147 du bilan différent",
        Gravite.A_CORRIGER,
        "Le P147 du bilan n’est pas ce que la programmation accorde aux actions liées.",
        p147_different,
    ),
    ControleDePre(
        "pre_effectifs_incomplets",
        "Effectifs incomplets",
        Gravite.A_CORRIGER,
        "Le nombre d’enfants suivis, ou sa répartition par âge et par sexe, n’est pas entièrement renseigné.",
        effectifs_incomplets,
    ),
    ControleDePre(
        "pre_sans_budget",
        "Budget non renseigné",
        Gravite.A_VERIFIER,
        "Le suivi ne dit pas le budget du PRE : le coût par enfant est inconnu.",
        lambda annee: Q(suivis_de(annee)) & ~Q(budgets_de(annee)),
    ),
    ControleDePre(
        "pre_bilan_attendu",
        "Bilan attendu",
        Gravite.A_VERIFIER,
        "L’année est finie, et le bilan n’est pas reçu.",
        bilan_attendu,
    ),
)
