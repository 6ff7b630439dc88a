"""La programmation de toute une année, par département : ce que lit un lecteur national."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from territoires.models import Departement

from ..models import Action, Financement
from .bases import ChoixDeBase
from .lectures import Somme, additionner, connus_ou_relus, parts_des_sommes, sommes_par


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
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    lignes: QuerySet[Financement] | None = None,
    departements: Sequence[Departement] = (),
    sommes: Mapping[int, Somme] | None = None,
) -> SyntheseDesDepartements:
    """Les départements qui portent des actions, dans l'ordre de leur code. Deux requêtes au plus.

    `departements`, `sommes` : ce que la page en a déjà lu.
    """
    if sommes is None:
        sommes = sommes_par(actions, choix, "exercice__departement", lignes=lignes)
    departements = connus_ou_relus(sommes, departements, Departement.objects.all())
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
