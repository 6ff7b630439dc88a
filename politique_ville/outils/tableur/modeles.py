"""Le contrat d'un modèle d'import, et le registre que les apps remplissent au démarrage (`AppConfig.ready`)."""

from collections.abc import Sequence
from typing import Any, Protocol

from politique_ville.outils.tableur.champs import Champ
from politique_ville.outils.tableur.plan import Plan
from politique_ville.outils.tableur.validation import TableValidee


class ModeleImport(Protocol):
    """Ce qu'une app sait importer. `contexte` est à elle : exercice, utilisateur, options."""

    nom: str
    libelle: str

    def champs(self, contexte: Any) -> Sequence[Champ]:
        """Les champs attendus ; les référentiels dépendent du contexte (nomenclature, contrats visibles)."""

    def planifier(self, validee: TableValidee, contexte: Any) -> Plan:
        """Le plan des lignes valides, sans rien écrire ; rejouer un fichier appliqué donne tout inchangé."""

    def appliquer(self, plan: Plan, contexte: Any) -> Any:
        """Écrit le plan dans une transaction, par les opérations de l'app."""


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
