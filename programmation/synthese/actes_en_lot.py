"""Les actes que l'on peut établir d'un coup : un par organisme, exercice et nature, avec toutes leurs décisions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.db.models import F

from ..enums import Duree, NatureActe, NatureCourrier
from ..models import Acte, Action, Decision, Exercice, ModeleDeCourrier, Organisme
from .actes import NatureProposee, decisions_a_porter, proposer_des_natures
from .courriers import Depart, texte_de_depart


@dataclass(frozen=True)
class ActePropose:
    """Un acte qui reste à établir : toutes les décisions à porter de ces actions, dans la nature que la loi demande."""

    organisme: Organisme
    exercice: Exercice
    actions: tuple[Action, ...]
    decisions: tuple[Decision, ...]
    proposee: NatureProposee

    @property
    def nature(self) -> NatureActe:
        return self.proposee.nature

    @property
    def montant(self) -> Decimal:
        """En euros."""
        return sum(decision.montant for decision in self.decisions)

    @property
    def cle(self) -> str:
        """« convention:12-15 » : la nature et les décisions, telles qu'un envoi les nomme."""
        return f"{self.nature.value}:{'-'.join(str(pk) for pk in sorted(d.pk for d in self.decisions))}"


def actes_proposes(actions: Iterable[Action]) -> tuple[list[ActePropose], list[Action]]:
    """Les actes à établir pour ces actions, qui en attendent un (`a_etablir`), et celles qu'un acte porte déjà : leur
    complément ou leur diminution se porte par un avenant. Le nombre de requêtes ne dépend que de celui des exercices.

    Les actions sont lues avec leur exercice et son département, leur contrat et leur porteur courant.
    """
    actions = list(actions)
    portees = deja_portees(actions)
    decisions = decisions_par_action([action for action in actions if action.pk not in portees])
    groupes = [tuple(groupe) for groupe in par_organisme_et_duree(a for a in actions if a.pk in decisions).values()]
    proposes = [
        ActePropose(g[0].porteur.courant, g[0].exercice, g, tuple(d for a in g for d in decisions[a.pk]), nature)
        for g, nature in zip(groupes, proposer_des_natures(groupes), strict=True)
    ]
    return proposes, [action for action in actions if action.pk in portees]


def deja_portees(actions):
    """Les identifiants de celles dont un acte en vigueur porte déjà une décision."""
    portages = Acte.decisions.through.objects.filter(decision__action__in=actions, acte__in=Acte.objects.en_vigueur())
    return set(portages.order_by().values_list("decision__action", flat=True))


def decisions_par_action(actions):
    """Les décisions à porter de chaque action, la plus ancienne d'abord, avec l'action déjà lue."""
    lues = {action.pk: action for action in actions}
    trouvees: dict[int, list[Decision]] = {}
    for decision in decisions_a_porter().filter(action__in=actions).order_by("date", "pk"):
        decision.action = lues[decision.action_id]
        trouvees.setdefault(decision.action_id, []).append(decision)
    return trouvees


def par_organisme_et_duree(actions):
    """Un acte ne s'adresse qu'à un organisme, dans un exercice ; une CPO ne se mêle pas aux actions annuelles."""
    groupes: dict[tuple, list[Action]] = {}
    for action in actions:
        cle = (action.porteur.courant.pk, action.exercice_id, action.duree == Duree.CPO)
        groupes.setdefault(cle, []).append(action)
    return groupes


# --- Le texte ---


def departs(proposes: Sequence[ActePropose], le: Date) -> list[Depart]:
    """L'objet et le texte de chaque acte, du premier modèle de sa nature, celui du département d'abord. Une requête."""
    modeles = ModeleDeCourrier.objects.actifs().exclude(nature__in=NatureCourrier.lettres())
    modeles = list(modeles.order_by(F("departement_id").asc(nulls_last=True), "nom", "pk"))
    return [depart(propose, modeles, le) for propose in proposes]


def depart(propose, modeles, le):
    nature = NatureCourrier.de_l_acte(propose.nature)
    ici = (None, propose.exercice.departement_id)
    modele = next((m for m in modeles if m.nature == nature and m.departement_id in ici), None)
    if modele is None:
        return Depart(f"{propose.nature.label}, {propose.exercice.annee}", "")
    return texte_de_depart(modele, propose.nature, propose.decisions, le)
