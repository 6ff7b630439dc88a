"""Les contrôles des postes : ce qui n'est pas interdit, mais qu'un agent doit regarder.

Chaque contrôle est une condition SQL, comme ceux des actions (programmation/controles.py), vraie un jour donné.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date as Date

from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models import Value as V
from django.db.models.functions import Concat, Left
from django.db.models.lookups import Exact

from programmation.controles import Gravite

from .dates import decaler_de_mois
from .enums import EtatOccupation
from .models import BaremeFonjep, ConventionAdulteRelais, Occupation, ReleveAnct, ReleveFonjep

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


def occupations_du_jour(jour):
    return Occupation.objects.filter(
        Q(fin=None) | Q(fin__gte=jour),
        convention__poste=OuterRef("pk"),
        convention__fin__gte=jour,
        debut__lte=jour,
    )


def conventionne(jour):
    return Exists(ConventionAdulteRelais.objects.filter(poste=OuterRef("pk"), debut__lte=jour, fin__gte=jour))


def vacance_longue(jour):
    depuis = decaler_de_mois(jour, -MOIS_DE_VACANCE)
    return Q(Exists(occupations_du_jour(jour).filter(etat=EtatOccupation.VACANT, debut__lte=depuis)))


def occupation_inconnue(jour):
    return Q(conventionne(jour)) & ~Q(Exists(occupations_du_jour(jour)))


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
        f"Le poste est vacant depuis au moins {MOIS_DE_VACANCE} mois.",
        vacance_longue,
    ),
    ControleDePoste(
        "occupation_inconnue",
        "Occupation non renseignée",
        Gravite.A_CORRIGER,
        "Le poste est conventionné, et rien ne dit s’il est pourvu ou vacant.",
        occupation_inconnue,
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
