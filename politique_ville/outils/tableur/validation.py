"""Convertir toutes les cellules d'une table et dire tout ce qui ne va pas, pas seulement la première erreur."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError

from politique_ville.outils.tableur.champs import Champ, en_texte
from politique_ville.outils.tableur.fichier import FichierRefuse
from politique_ville.outils.tableur.lecture import Ligne, Table
from politique_ville.outils.tableur.nominatif import colonnes_nominatives, ressemble_a_un_nir
from politique_ville.outils.tableur.plan import Anomalie, Gravite

LONGUEUR_CITEE = 80  # caractères de la cellule rappelés dans une anomalie


@dataclass(frozen=True)
class LigneValidee:
    """Les valeurs converties d'une ligne : une colonne absente du fichier n'y est pas, une cellule vide vaut None."""

    numero: int
    valeurs: Mapping[str, Any]


@dataclass(frozen=True)
class TableValidee:
    """La table convertie ; `lignes` ne contient que les lignes sans refus, `ecartees` celles qui n'étaient pas lues."""

    table: Table
    colonnes: Mapping[str, int]
    lignes: tuple[LigneValidee, ...]
    anomalies: tuple[Anomalie, ...]
    refusees: tuple[int, ...]
    ecartees: tuple[int, ...] = ()

    def anomalie(self, numero: int, champ: Champ, message: str, gravite: Gravite = Gravite.REFUS) -> Anomalie:
        """L'anomalie qu'une app découvre ensuite (quartier d'un autre contrat, dossier en double), avec sa cellule."""
        rang = self.colonnes.get(champ.nom)
        if rang is None:
            return Anomalie(f"ligne {numero}", champ.libelle, "", message, gravite)
        citation = _citation(self.cellules[numero][rang])
        return Anomalie(self.table.adresse(numero, rang), champ.libelle, citation, message, gravite)

    @cached_property
    def cellules(self) -> dict[int, tuple[Any, ...]]:
        """Toutes les cellules de chaque ligne, telles que lues, par numéro."""
        return {ligne.numero: ligne.valeurs for ligne in self.table.lignes}


def valider(table: Table, champs: Sequence[Champ], colonnes: Mapping[str, int]) -> TableValidee:
    """Les lignes converties et toutes les anomalies ; lève FichierRefuse si les colonnes elles-mêmes sont à revoir.

    Une ligne qu'un champ écarte n'est pas validée.
    """
    refuser_les_colonnes_nominatives(table)
    _exiger_les_colonnes(table, champs, colonnes)
    lus = [(champ, colonnes[champ.nom]) for champ in champs if champ.nom in colonnes]
    lignes, anomalies, refusees, ecartees = [], [], [], []
    for ligne in table.lignes:
        if _est_ecartee(ligne, lus):
            ecartees.append(ligne.numero)
            continue
        valeurs, refus = _convertir(table, ligne, lus)
        refus += _nirs(table, ligne)
        anomalies += refus
        if refus:
            refusees.append(ligne.numero)
        else:
            lignes.append(LigneValidee(ligne.numero, valeurs))
    return TableValidee(table, colonnes, *map(tuple, (lignes, anomalies, refusees, ecartees)))


def _est_ecartee(ligne, lus):
    ecartent = [champ.ecarte for champ, _ in lus if champ.ecarte]
    cellules = {champ.nom: ligne.valeurs[rang] for champ, rang in lus} if ecartent else {}
    return any(ecarte(cellules) for ecarte in ecartent)


def _convertir(table, ligne: Ligne, lus):
    valeurs, refus = {}, []
    for champ, rang in lus:
        cellule = ligne.valeurs[rang]
        try:
            valeurs[champ.nom] = champ.lire(cellule)
        except ValidationError as erreur:
            message = " ".join(erreur.messages)
            refus.append(Anomalie(table.adresse(ligne.numero, rang), champ.libelle, _citation(cellule), message))
    return valeurs, refus


def _nirs(table, ligne):
    """La valeur n'est pas citée : un numéro de sécurité sociale ne doit pas être recopié ailleurs."""
    message = "cette cellule ressemble à un numéro de sécurité sociale : l’effacer."
    return [
        Anomalie(table.adresse(ligne.numero, rang), table.entetes[rang], "", message)
        for rang, valeur in enumerate(ligne.valeurs)
        if ressemble_a_un_nir(valeur)
    ]


def refuser_les_colonnes_nominatives(table: Table, titres: Collection[str] = ()) -> None:
    """Lève FichierRefuse si le titre d'une colonne, ou l'un de ces titres, annonce des données sur des personnes."""
    rangs = colonnes_nominatives(table.entetes, titres)
    if rangs:
        raise FichierRefuse(
            f"« {table.fichier.nom} » contient des données sur des personnes : {_citer(table, rangs)}. "
            "Supprimer ces colonnes, puis recommencer."
        )


def _exiger_les_colonnes(table, champs, colonnes):
    exiges = [champ for champ in champs if champ.obligatoire or champ.colonne_exigee]
    manquants = [champ.libelle for champ in exiges if champ.nom not in colonnes]
    if manquants:
        noms = ", ".join(f"« {libelle} »" for libelle in manquants)
        lus = [rang for rang, entete in enumerate(table.entetes) if entete]
        raise FichierRefuse(
            f"Colonne obligatoire introuvable : {noms}. Colonnes lues à la ligne {table.ligne_des_entetes} : "
            f"{_citer(table, lus)}. Renommer la colonne, ou la choisir dans la correspondance."
        )


def _citer(table, rangs):
    return ", ".join(f"« {' '.join(table.entetes[rang].split())} » ({table.adresse('', rang)})" for rang in rangs)


def _citation(cellule):
    citee = "" if cellule is None else en_texte(cellule)
    return citee if len(citee) <= LONGUEUR_CITEE else f"{citee[: LONGUEUR_CITEE - 1]}…"
