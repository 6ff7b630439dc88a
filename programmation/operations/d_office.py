"""L'enveloppe d'une action se pose d'office quand une seule lui convient ; celle que l'on a choisie reste."""

from collections.abc import Iterable

from .. import regles
from ..models import Action, Enveloppe


def feuilles_des_exercices(exercices: Iterable) -> list[Enveloppe]:
    """Les enveloppes où l'on décide, pour tout un lot. Une requête."""
    return list(Enveloppe.objects.filter(exercice__in=exercices).feuilles().order_by("pk"))


def poser_l_enveloppe(action: Action, feuilles: list[Enveloppe]) -> bool:
    """Donne à une action qui n'en a pas celle qui lui revient (docs/calculs.md) ; dit si elle en reçoit une.

    Sans dispositif, rien : l'enveloppe de ce dispositif, quand on le saura, sera peut-être plus près d'elle.
    """
    if action.enveloppe_id or not action.dispositif_id:
        return False
    action.enveloppe = regles.enveloppe_d_office(action, feuilles)
    return action.enveloppe is not None
