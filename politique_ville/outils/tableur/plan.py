"""Le plan d'un import, calculé sans écrire : ce qui sera créé, modifié, inchangé, refusé, et l'effet sur les totaux."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from politique_ville.outils.typographie import insecables


class Gravite(StrEnum):
    REFUS = "refus"
    AVERTISSEMENT = "avertissement"


class Statut(StrEnum):
    CREE = "cree"
    MODIFIE = "modifie"
    INCHANGE = "inchange"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Anomalie:
    """Ce qui ne va pas dans une cellule, et comment le corriger ; `cellule` : « C14 », ou « ligne 14 »."""

    cellule: str
    champ: str
    valeur: str
    message: str
    gravite: Gravite = Gravite.REFUS

    @property
    def texte(self) -> str:
        """Le message, typographié."""
        return insecables(self.message)

    def __str__(self):
        return insecables(f"{self.cellule} : {self.message}")


def place(anomalie: Anomalie) -> tuple[int, int, str]:
    """La ligne du fichier, puis sa colonne : l'agent corrige de haut en bas (« C9 » avant « AB9 » et « C10 »)."""
    colonne, ligne = re.fullmatch(r"(\D*)(\d*)", anomalie.cellule).groups()
    return int(ligne or 0), len(colonne), colonne


@dataclass(frozen=True)
class LignePlan:
    """Le sort d'une ligne du fichier ; `avant` et `apres` donnent les valeurs par libellé de champ.

    `base` : en cas de conflit de version, les valeurs que l'agent avait sous les yeux.
    """

    numero: int
    statut: Statut
    intitule: str = ""
    avant: Mapping[str, Any] = field(default_factory=dict)
    apres: Mapping[str, Any] = field(default_factory=dict)
    cle: Any = None  # ce qui permettra à l'app de retrouver l'objet, à la confirmation
    base: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changements(self) -> dict[str, tuple[Any, Any]]:
        """Les seuls champs dont la valeur change : libellé → (avant, après)."""
        return {nom: (self.avant.get(nom), v) for nom, v in self.apres.items() if self.avant.get(nom) != v}


@dataclass(frozen=True)
class Plan:
    """Tout ou rien : un seul refus bloque le plan. `totaux` : libellé → (avant, après), au choix de l'app."""

    lignes: tuple[LignePlan, ...]
    anomalies: tuple[Anomalie, ...] = ()
    totaux: Mapping[str, Any] = field(default_factory=dict)
    modele: str = ""
    empreinte: str = ""  # SHA-256 du fichier lu

    @property
    def compteurs(self) -> dict[Statut, int]:
        comptes = Counter(ligne.statut for ligne in self.lignes)
        return {statut: comptes[statut] for statut in Statut}

    @property
    def refus(self) -> list[Anomalie]:
        return [anomalie for anomalie in self.anomalies if anomalie.gravite == Gravite.REFUS]

    @property
    def avertissements(self) -> list[Anomalie]:
        return [anomalie for anomalie in self.anomalies if anomalie.gravite == Gravite.AVERTISSEMENT]

    @property
    def est_applicable(self) -> bool:
        return not self.refus and not self.compteurs[Statut.REFUSE]

    @property
    def change_quelque_chose(self) -> bool:
        return bool(self.compteurs[Statut.CREE] or self.compteurs[Statut.MODIFIE])

    @property
    def signature(self) -> str:
        """Ce qui a été montré : à la confirmation, un plan recalculé de même signature est le même plan."""
        return hashlib.sha256(json.dumps(self.en_json(), sort_keys=True).encode()).hexdigest()

    def en_json(self) -> dict[str, Any]:
        """Le plan pour l'aperçu, en types que JSON connaît : montants et dates en texte."""
        lignes = [asdict(ligne) | {"changements": ligne.changements} for ligne in self.lignes]
        return en_json(
            {
                "modele": self.modele,
                "empreinte": self.empreinte,
                "est_applicable": self.est_applicable,
                "compteurs": self.compteurs,
                "totaux": self.totaux,
                "anomalies": [asdict(a) | {"phrase": str(a)} for a in self.anomalies],
                "lignes": lignes,
            }
        )


def en_json(valeur: Any) -> Any:
    """La valeur en types que JSON connaît : « 1234.50 », « 2026-03-12 », et le texte de tout autre objet."""
    if isinstance(valeur, Mapping):
        return {str(cle): en_json(v) for cle, v in valeur.items()}
    if isinstance(valeur, list | tuple | set | frozenset):
        return [en_json(v) for v in valeur]
    if valeur is None or isinstance(valeur, bool | int | float):
        return valeur
    return valeur.isoformat() if isinstance(valeur, date) else str(valeur)
