"""Les enveloppes d'une portée : celles de l'exercice, ou celles du contrat choisi."""

from programmation.models import Enveloppe
from programmation.synthese import LigneEnveloppe, arbre_des_enveloppes

from ..portee import Portee


def enveloppes_de_la_portee(portee: Portee) -> tuple[LigneEnveloppe, ...]:
    """Trois requêtes ; aucune pour plusieurs départements ou pour des quartiers, qui n'ont pas d'enveloppe."""
    if portee.exercice is None or portee.quartiers:
        return ()
    visibles = Enveloppe.objects.visibles_par(portee.utilisateur).filter(exercice=portee.exercice)
    if portee.contrat:
        visibles = visibles.filter(contrat=portee.contrat)
    return tuple(arbre_des_enveloppes(visibles.select_related("contrat", "dispositif").order_by("libelle", "pk")))
