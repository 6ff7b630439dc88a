"""Les modifications en lot, en mots : ce que chaque action a changé, et ce qui a bougé depuis."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from comptes.models import Utilisateur

from ..models import (
    Action,
    Campagne,
    Dispositif,
    Enveloppe,
    ModificationEnLot,
    Pilier,
    PrioriteTransversale,
    Thematique,
)

# Les champs d'une action qui se modifient en lot, dans l'ordre où on les lit.
CHAMPS_DU_LOT = {
    "campagne": Campagne,
    "thematique": Thematique,
    "dispositif": Dispositif,
    "pilier": Pilier,
    "enveloppe": Enveloppe,
    "agent_referent": Utilisateur,
}
PRIORITES = "priorites"
Etat = dict[str, Any]  # par champ, un identifiant (None : vide) ; les priorités, la liste des leurs


@dataclass(frozen=True)
class Changement:
    """Ce qui change d'une action, en mots : « thématique », « 1.1 Parentalité », « 1.2 Soutien à la scolarité »."""

    quoi: str
    avant: str
    apres: str


@dataclass(frozen=True)
class LigneDeModification:
    """Une action d'une modification. `depuis` : pourquoi elle ne s'annule plus, ou n'a pas été remise ; sinon ""."""

    action: Action | None
    changements: tuple[Changement, ...]
    depuis: str


def etats(actions: Iterable[int]) -> dict[int, Etat]:
    """Ce que ces actions valent maintenant dans les champs du lot, par identifiant. Deux requêtes."""
    ids = list(actions)
    lues = Action.objects.filter(pk__in=ids).order_by().values("pk", *CHAMPS_DU_LOT)
    par_action = {lue.pop("pk"): lue | {PRIORITES: []} for lue in lues}
    liens = Action.priorites.through.objects.filter(action__in=ids).order_by("prioritetransversale_id")
    for action, priorite in liens.values_list("action", "prioritetransversale"):
        par_action[action][PRIORITES].append(priorite)
    return par_action


def ce_qui_differe(avant: Etat, apres: Etat) -> list[str]:
    return [champ for champ in [*CHAMPS_DU_LOT, PRIORITES] if avant.get(champ) != apres.get(champ)]


class Noms:
    """Le nom de chaque objet que ces états désignent, lu une fois par table."""

    def __init__(self, etats: Iterable[Mapping[str, Any]]):
        etats = list(etats)
        self.par_champ = {}
        for champ, modele in [*CHAMPS_DU_LOT.items(), (PRIORITES, PrioriteTransversale)]:
            ids = {pk for etat in etats for pk in en_liste(etat.get(champ))}
            self.par_champ[champ] = {pk: str(objet) for pk, objet in modele.objects.in_bulk(ids).items()} if ids else {}

    def changements(self, avant: Etat, apres: Etat) -> tuple[Changement, ...]:
        return tuple(
            Changement(nom_du_champ(champ), self.en_mots(champ, avant[champ]), self.en_mots(champ, apres[champ]))
            for champ in ce_qui_differe(avant, apres)
        )

    def en_mots(self, champ: str, valeur) -> str:
        return ", ".join(self.par_champ[champ].get(pk, "supprimé depuis") for pk in en_liste(valeur)) or "—"


def en_liste(valeur) -> list:
    if valeur is None:
        return []
    return valeur if isinstance(valeur, list) else [valeur]


def nom_du_champ(champ: str) -> str:
    return Action._meta.get_field(champ).verbose_name


def lignes_de_la_modification(modification: ModificationEnLot) -> list[LigneDeModification]:
    """Ses actions, dans l'ordre où elles ont été modifiées, et ce qui empêche de remettre chacune comme avant."""
    actions = Action.objects.in_bulk([ligne["action"] for ligne in modification.lignes])
    annulee = modification.annulee_le is not None
    noms = Noms(etat for ligne in modification.lignes for etat in (ligne["avant"], ligne["apres"]))
    return [
        LigneDeModification(
            actions.get(ligne["action"]),
            noms.changements(ligne["avant"], ligne["apres"]),
            ligne.get("laissee", "") if annulee else ce_qui_a_change_depuis(ligne, actions.get(ligne["action"])),
        )
        for ligne in modification.lignes
    ]


def ce_qui_a_change_depuis(ligne: Mapping, action: Action | None) -> str:
    """Pourquoi cette ligne ne se remet plus comme avant, ou ""."""
    if action is None:
        return "supprimée depuis"
    if action.version != ligne["version"]:
        fois = action.version - ligne["version"]
        return "modifiée depuis" if fois == 1 else f"modifiée {fois} fois depuis"
    return ""
