"""La programmation de toute une année, par département : ce que lit un lecteur national."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from territoires.models import Departement

from ..models import Action, Financement
from .bases import ChoixDeBase
from .lectures import Somme, additionner, parts_des_sommes, sommes_par


@dataclass(frozen=True)
class LigneDepartement:
    departement: Departement
    montant: Decimal | None
    nombre: int
    part: Decimal | None


@dataclass(frozen=True)
class SyntheseDesDepartements:
    choix: ChoixDeBase
    legende: str
    lignes: tuple[LigneDepartement, ...]
    total: Somme


def synthese_des_departements(
    actions: QuerySet[Action], choix: ChoixDeBase, *, lignes: QuerySet[Financement] | None = None
) -> SyntheseDesDepartements:
    """Les départements qui portent des actions, dans l'ordre de leur code. Deux requêtes."""
    sommes = sommes_par(actions, choix, "exercice__departement", lignes=lignes)
    departements = list(Departement.objects.filter(pk__in=sommes))
    siennes = [sommes[departement.pk] for departement in departements]
    return SyntheseDesDepartements(
        choix=choix,
        legende=choix.legende(),
        lignes=tuple(
            LigneDepartement(departement, somme.montant, somme.nombre, part)
            for departement, somme, part in zip(departements, siennes, parts_des_sommes(siennes, choix), strict=True)
        ),
        total=additionner(siennes),
    )
