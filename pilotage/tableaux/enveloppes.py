"""Les enveloppes d'une portée : celles de l'exercice, ou celles du contrat choisi."""

from programmation.models import Enveloppe
from programmation.synthese import LigneEnveloppe, arbre_de_l_exercice

from ..portee import Portee


def enveloppes_de_la_portee(portee: Portee) -> tuple[LigneEnveloppe, ...]:
    """Deux requêtes ; aucune pour plusieurs départements ou pour des quartiers, qui n'ont pas d'enveloppe."""
    if portee.exercice is None or portee.quartiers:
        return ()
    visibles = Enveloppe.objects.visibles_par(portee.utilisateur)
    if portee.contrat:
        visibles = visibles.filter(contrat=portee.contrat)
    return tuple(arbre_de_l_exercice(portee.exercice, visibles))
