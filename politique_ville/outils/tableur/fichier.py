"""Le fichier d'un agent, ses limites, et la seule exception que l'import connaisse : FichierRefuse."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from politique_ville.outils.typographie import insecables

journal = logging.getLogger(__name__)

MEGAOCTET = 1024 * 1024

REENREGISTRER = "L’ouvrir dans un tableur, l’enregistrer au format .xlsx ou .ods, puis recommencer."
ALLEGER = "Effacer ce qui est loin du tableau, ou couper le fichier en deux."
MOT_DE_PASSE = "« {nom} » est protégé par un mot de passe. Retirer la protection, enregistrer, puis recommencer."
ABIME = f"« {{nom}} » est abîmé ou incomplet. {REENREGISTRER}"


class FichierRefuse(Exception):
    """Le fichier ne peut pas être lu ; le texte dit pourquoi et que faire, à l'attention de l'agent."""

    def __init__(self, phrase: str):
        super().__init__(insecables(phrase))


@dataclass(frozen=True)
class Limites:
    """Ce qu'un fichier peut peser, en octets, lignes, colonnes et cellules par feuille."""

    octets: int = 10 * MEGAOCTET
    octets_decompresses: int = 150 * MEGAOCTET
    taux_de_compression: int = 200
    lignes: int = 50_000
    colonnes: int = 200
    cellules: int = 2_000_000


LIMITES = Limites()


@dataclass(frozen=True)
class Fichier:
    """Un fichier vérifié : ses octets tels que reçus, et `lisible`, la copie saine que lit le moteur."""

    nom: str
    extension: str
    contenu: bytes = field(repr=False)
    lisible: bytes = field(repr=False)
    limites: Limites = LIMITES

    @property
    def empreinte(self) -> str:
        """SHA-256 des octets reçus, en hexadécimal."""
        return hashlib.sha256(self.contenu).hexdigest()

    def verifier_etendue(self, lignes: int, colonnes: int, deja_lues: int = 0) -> None:
        """Lève FichierRefuse si une feuille va trop loin ; `deja_lues` : les cellules des feuilles précédentes."""
        limites, borne = self.limites, ""
        if lignes > limites.lignes:
            borne = f"{limites.lignes} lignes"
        elif colonnes > limites.colonnes:
            borne = f"{limites.colonnes} colonnes"
        elif deja_lues + lignes * colonnes > limites.cellules:
            borne = f"{limites.cellules} cellules"
        if borne:
            raise FichierRefuse(f"Une feuille de « {self.nom} » dépasse {borne}. {ALLEGER}")


@contextmanager
def refus_seulement(nom: str) -> Iterator[None]:
    """Traduit toute panne de lecture en FichierRefuse ; la cause est au journal.

    BaseException, parce qu'une panique de la bibliothèque de lecture (Rust) n'est pas une Exception.
    """
    try:
        yield
    except (FichierRefuse, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as erreur:
        journal.warning("Fichier illisible : %s", nom, exc_info=True)
        raise FichierRefuse(ABIME.format(nom=nom)) from erreur
