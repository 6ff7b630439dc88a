"""Deux modifications en lot de l'année ouverte : un changement d'agent, et une étiquette mise par erreur, annulée."""

from comptes.models import Utilisateur
from programmation.enums import StatutAction
from programmation.models import Action, PrioriteTransversale
from programmation.operations import ValeursCommunes, annuler_la_modification, modifier_en_lot

REPRISES, ETIQUETEES = 8, 5


def modifier_des_selections(code: str, annee: int, agent: Utilisateur, responsable: Utilisateur) -> None:
    """Sur les premières actions à décider ; aucun total ne change."""
    actions = Action.objects.filter(exercice__departement__code=code, exercice__annee=annee)
    a_decider = actions.filter(statut__in=StatutAction.a_decider()).order_by("recherche", "pk")
    reprises = list(a_decider.exclude(agent_referent=responsable)[:REPRISES])
    priorite = PrioriteTransversale.objects.order_by("pk").first()
    etiquetees = list(a_decider.exclude(priorites=priorite)[:ETIQUETEES])
    if not reprises or not etiquetees or priorite is None:
        return
    erreur = modifier_en_lot(versions(etiquetees), ValeursCommunes(priorites_ajoutees=[priorite]), par=agent)
    annuler_la_modification(erreur, par=agent)
    a_reprendre = list(Action.objects.filter(pk__in=[action.pk for action in reprises]).order_by("pk"))
    suivies = ValeursCommunes({"agent_referent": responsable})
    modifier_en_lot(versions(a_reprendre), suivies, par=agent, motif="Dossiers repris pendant un congé")


def versions(actions: list[Action]) -> dict[Action, int]:
    return {action: action.version for action in actions}
