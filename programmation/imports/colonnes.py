"""Retrouver dans un fichier les colonnes d'une action, et retenir la correspondance qu'un agent a réglée."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError

from politique_ville.outils.tableur.champs import Champ
from politique_ville.outils.tableur.entetes import forme, reconnaitre
from politique_ville.outils.tableur.fichier import FichierRefuse
from politique_ville.outils.tableur.lecture import Table
from politique_ville.outils.tableur.nominatif import ressemble_a_un_nir
from politique_ville.outils.tableur.validation import refuser_les_colonnes_nominatives

from ..models import ModeleDeColonnes
from .cellules import euros_ou_rien
from .champs import FAMILLE, FINANCEUR, LIGNE

CELLULES_EXAMINEES = 20
RECONNAISSENT = ("cle", "dossier", "intitule")
# Sans colonne « Financeur », « Montant demandé » est ce que la DDETS programme : le P147.
SANS_FINANCEUR = {f"{LIGNE}{mot}": f"{mot}_p147" for mot in ("demande", "propose", "accorde")}


def proposer(table: Table, champs: Sequence[Champ], modele: ModeleDeColonnes | None = None) -> dict[str, int]:
    """Le rang de la colonne de chaque champ reconnu ; un modèle de colonnes passe avant les en-têtes connus."""
    reglage = modele.correspondance if modele else {}
    ignorees = {forme(entete) for entete in reglage.get("ignorees", ())}
    colonnes = reconnaitre(table.entetes, champs, reglage.get("colonnes"))
    if f"{LIGNE}financeur" in colonnes:  # alors « État » est celui du financement, non un financeur
        lignes_d_abord = sorted(champs, key=lambda champ: not champ.nom.startswith(LIGNE))
        colonnes = reconnaitre(table.entetes, lignes_d_abord, reglage.get("colonnes"))
    gardees = {
        nom: rang
        for nom, rang in colonnes.items()
        if forme(table.entetes[rang]) not in ignorees and _porte_des_montants(table, nom, rang)
    }
    return gardees if f"{LIGNE}financeur" in gardees else _sans_lignes(gardees)


def _porte_des_montants(table, nom, rang):
    """« Région » ou « Ville » est parfois un lieu : sans aucun montant, la colonne n'est pas celle d'un financeur."""
    if not nom.startswith((FAMILLE, FINANCEUR)):
        return True
    remplies = [ligne.valeurs[rang] for ligne in table.lignes if ligne.valeurs[rang] is not None]
    return not remplies or any(map(_est_un_montant, remplies[:CELLULES_EXAMINEES]))


def _est_un_montant(cellule: Any) -> bool:
    try:
        return euros_ou_rien(cellule) is not None
    except ValidationError:
        return False


def _sans_lignes(colonnes):
    lignes = {nom: rang for nom, rang in colonnes.items() if nom.startswith(LIGNE)}
    reste = {nom: rang for nom, rang in colonnes.items() if nom not in lignes}
    p147 = {SANS_FINANCEUR[nom]: rang for nom, rang in lignes.items() if nom in SANS_FINANCEUR}
    return p147 | reste


def reglage(table: Table, colonnes: Mapping[str, int]) -> dict[str, Any]:
    """Ce qu'un modèle de colonnes retient : les en-têtes choisis, et ceux que l'agent ne veut pas importer."""
    choisis = {nom: table.entetes[rang] for nom, rang in colonnes.items()}
    restants = [e for rang, e in enumerate(table.entetes) if e and rang not in colonnes.values()]
    return {"colonnes": choisis, "ignorees": restants}


def exiger_de_quoi_reconnaitre(table: Table, colonnes: Mapping[str, int]) -> None:
    """Lève FichierRefuse si aucune colonne ne dit de quelle action parle une ligne."""
    if not any(nom in colonnes for nom in RECONNAISSENT):
        lues = ", ".join(f"« {' '.join(entete.split())} »" for entete in table.entetes if entete)
        raise FichierRefuse(
            "Colonne introuvable : il faut « Intitulé » pour créer des actions, ou « Dossier Dauphin » ou « Clé » pour "
            f"en mettre à jour. Colonnes lues à la ligne {table.ligne_des_entetes} : {lues}. Renommer une colonne, ou "
            "la choisir dans la correspondance."
        )


def refuser_les_personnes(table: Table, titres: Collection[str] = ()) -> None:
    """Lève FichierRefuse, avant que le fichier ne soit gardé, s'il porte des données sur des personnes.

    `titres` : ceux qui, dans ce fichier-là, en annoncent aussi (forme normalisée).
    """
    refuser_les_colonnes_nominatives(table, titres)
    for ligne in table.lignes:
        for rang, valeur in enumerate(ligne.valeurs):
            if ressemble_a_un_nir(valeur):
                raise FichierRefuse(
                    f"La cellule {table.adresse(ligne.numero, rang)} de « {table.fichier.nom} » ressemble à un numéro "
                    "de sécurité sociale : l’effacer, puis recommencer."
                )
