"""Le contrat d'un modèle d'import, et le registre que les apps remplissent au démarrage (`AppConfig.ready`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from politique_ville.outils.tableur.champs import Champ
from politique_ville.outils.tableur.plan import Plan
from politique_ville.outils.tableur.validation import TableValidee


@dataclass(frozen=True)
class Grandeur:
    """Ce que l'aperçu compare avant et après : sa clé dans `Plan.totaux`, son titre ; un nombre, ou un montant (€)."""

    cle: str
    libelle: str
    est_un_montant: bool = True


@dataclass(frozen=True)
class TableauDesTotaux:
    """Comment se montre `Plan.totaux` (ligne → {clé : (avant, après)}) ; `ligne` : ce que chaque ligne est."""

    titre: str
    ligne: str
    grandeurs: tuple[Grandeur, ...]


class Contexte(Protocol):
    """Où, par qui et pourquoi l'on importe. Une app y garde aussi ce que son plan laisse à l'application."""

    champs: Sequence[Champ]
    intitules_refuses: Mapping[int, str]  # par numéro : de quoi reconnaître une ligne que la conversion a refusée
    deposer_les_completes: bool  # demandé à la confirmation ; sans effet sur ce qui ne se dépose pas


class ModeleImport(Protocol):
    """Ce qu'une app sait importer.

    `demande_un_exercice` : importe dans un exercice ; sinon, dans un département, pour plusieurs années.
    `explications` : ce que fera l'import, en phrases, avant de déposer un fichier.
    `titres_nominatifs` : les titres de colonne qui, dans ce fichier-là, annoncent une personne (forme normalisée).
    """

    nom: str
    libelle: str
    demande_un_exercice: bool
    explications: Sequence[str]
    titres_nominatifs: frozenset[str]
    totaux: TableauDesTotaux

    def contexte(self, ou: Any, utilisateur: Any, motif: str) -> Contexte:
        """Le contexte d'un import dans cet exercice ou ce département ; lève l'erreur de l'app s'il est interdit."""

    def champs(self, contexte: Any) -> Sequence[Champ]:
        """Les champs attendus ; les référentiels dépendent du contexte (nomenclature, contrats visibles)."""

    def groupe(self, champ: Champ) -> str:
        """Le groupe sous lequel le champ se propose dans une liste de choix ; vide : aucun."""

    def planifier(self, validee: TableValidee, contexte: Any) -> Plan:
        """Le plan des lignes valides, sans rien écrire ; rejouer un fichier appliqué donne tout inchangé."""

    def appliquer(self, plan: Plan, contexte: Any) -> Any:
        """Écrit le plan dans une transaction, par les opérations de l'app."""

    def adresse_de(self, cle: int) -> str:
        """L'adresse de l'objet d'une ligne du plan ; vide s'il n'a pas d'écran."""

    def suite(self, ou: Any) -> tuple[str, str]:
        """Où lire ce qui a été écrit : le libellé d'un lien et son adresse."""


_registre: dict[str, ModeleImport] = {}


def enregistrer(modele: ModeleImport) -> None:
    """Ajoute un modèle ; ValueError si un autre porte déjà ce nom."""
    if _registre.setdefault(modele.nom, modele) is not modele:
        raise ValueError(f"Deux modèles d’import s’appellent « {modele.nom} ».")


def modele(nom: str) -> ModeleImport:
    """Le modèle de ce nom ; KeyError s'il n'existe pas."""
    return _registre[nom]


def modeles() -> list[ModeleImport]:
    """Tous les modèles, dans l'ordre de leur libellé."""
    return sorted(_registre.values(), key=lambda modele: modele.libelle)
