"""Ce qui a changé d'une photographie à une autre, ou jusqu'à maintenant, en mots et au centime."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from programmation.enums import StatutAction
from programmation.models import Action

from .comparaison import champs_communs, differences_d_une_ligne, reduire
from .lecture import ligne_p147, montant, tableau_garde
from .lignes import sans_libelles

ZERO = Decimal("0.00")
AXES = {"piliers": "Piliers", "contrats": "Contrats", "enveloppes": "Enveloppes : plafond"}
EN_MOTS = {
    "financements": "plan de financement",
    "localisations": "quartiers",
    "decisions": "décisions",
    "previsions": "prévisions pluriannuelles",
    "version": "",  # elle change avec tout le reste
}


@dataclass(frozen=True)
class Ecart:
    """Une ligne dans les deux états, en euros (None : inconnu, ou absente de l'un)."""

    libelle: str
    avant: Decimal | None
    apres: Decimal | None

    @property
    def difference(self) -> Decimal:
        return (self.apres or ZERO) - (self.avant or ZERO)


@dataclass(frozen=True)
class ActionChangee:
    """Une action qui n'est plus la même ; `quoi` : ce qui a changé, en mots ; accordé P147 en euros."""

    intitule: str
    porteur: str
    quoi: str
    avant: Decimal | None
    apres: Decimal | None

    @property
    def difference(self) -> Decimal:
        return (self.apres or ZERO) - (self.avant or ZERO)


@dataclass(frozen=True)
class Evolution:
    total: Ecart
    demande: Ecart
    axes: dict[str, list[Ecart]]
    actions: list[ActionChangee]

    @property
    def est_nulle(self) -> bool:
        return not self.actions and not self.total.difference and not any(e.difference for e in self.toutes)

    @property
    def toutes(self) -> list[Ecart]:
        return [ecart for ecarts in self.axes.values() for ecart in ecarts]


def evolution(avant: dict[str, Any], apres: dict[str, Any]) -> Evolution:
    """Deux contenus `{lignes, synthese}` : les totaux, chaque axe, et les actions qui ont changé."""
    tableaux = tableau_garde(avant["synthese"]), tableau_garde(apres["synthese"])
    return Evolution(
        total=Ecart("P147 accordé", *(t["total"]["montant"] for t in tableaux)),
        demande=Ecart("P147 demandé", *(t["demande"]["montant"] for t in tableaux)),
        axes={titre: ecarts(axe, *tableaux) for axe, titre in AXES.items() if all(axe in t for t in tableaux)},
        actions=list(actions_changees(avant["lignes"], apres["lignes"])),
    )


def ecarts(axe, avant, apres) -> list[Ecart]:
    """Les lignes d'un axe qui ne disent plus le même montant."""
    valeur = "plafond" if axe == "enveloppes" else "montant"
    anciennes, actuelles = ({ligne["cle"]: ligne for ligne in t[axe]} for t in (avant, apres))
    cles = dict.fromkeys([*anciennes, *actuelles])
    lignes = [
        Ecart(
            (actuelles.get(cle) or anciennes[cle])["libelle"],
            anciennes.get(cle, {}).get(valeur),
            actuelles.get(cle, {}).get(valeur),
        )
        for cle in cles
    ]
    return [ligne for ligne in lignes if ligne.difference]


def actions_changees(avant: list[dict], apres: list[dict]) -> Iterable[ActionChangee]:
    anciennes, actuelles = ({ligne["cle"]: ligne for ligne in lignes} for lignes in (avant, apres))
    forme = champs_communs(avant, apres)
    for cle in dict.fromkeys([*actuelles, *anciennes]):
        ancienne, actuelle = anciennes.get(cle), actuelles.get(cle)
        quoi = ce_qui_change(ancienne, actuelle, forme)
        if quoi:
            montree = actuelle or ancienne
            yield ActionChangee(
                montree["intitule"], montree["porteur_nom"] or "—", quoi, accorde(ancienne), accorde(actuelle)
            )


def ce_qui_change(ancienne, actuelle, forme) -> str:
    """« statut : Instruite → Programmée ; décisions », ou "" si rien n'a changé."""
    if ancienne is None or actuelle is None:
        return "ajoutée" if ancienne is None else "supprimée"
    reduites = [reduire(sans_libelles(ligne), forme) for ligne in (ancienne, actuelle)]
    mots = [dire(difference) for difference in differences_d_une_ligne("", *reduites)]
    return " ; ".join(mot for mot in mots if mot)


def dire(difference) -> str:
    if difference.champ == "statut":
        return f"statut : {StatutAction(difference.avant).label} → {StatutAction(difference.apres).label}"
    if difference.champ in EN_MOTS:
        return EN_MOTS[difference.champ]
    return str(Action._meta.get_field(difference.champ.removesuffix("_id")).verbose_name)


def accorde(ligne) -> Decimal | None:
    return montant(ligne_p147(ligne).get("accorde")) if ligne else None
