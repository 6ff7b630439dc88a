"""Convertir les cellules propres à une action ; tout refus est une ValidationError qui dit quoi corriger."""

import re
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from politique_ville.outils.recherche import normaliser
from politique_ville.outils.siret import LONGUEUR_SIREN, normaliser_siret, valider_siren
from politique_ville.outils.tableur.champs import Convertisseur, DossierDauphin, dossier_dauphin, en_texte, montant

from ..enums import Duree

TIRETS = {"", "–", "—", "neant", "sans objet"}  # ce qu'un tableur met dans une case sans montant
SEPARATEURS = re.compile(r"[;|\n]+")
CODES_A_LA_VIRGULE = re.compile(r"[A-Z]{2}[0-9]\w+(?:\s*,\s*[A-Z]{2}[0-9]\w+)+", re.IGNORECASE)
CLE_DE_QUARTIER = re.compile(r"(.*\S)\s*:\s*(\d{1,6})")
TOUT_LE_CONTRAT = {"contrat", "contrat entier", "tout le contrat", "a l echelle du contrat", "echelle du contrat"}
ZEROS_PERDUS = re.compile(r"[1-9][0-9]{3,6}")
DUREE_CPO = re.compile(r"(?:cpo|pluriannuelle?|convention pluriannuelle)\D*(?:(\d{1,2})\s*(?:/|sur)\s*(\d{1,2}))?\D*")


def rapide(convertir: Convertisseur) -> Convertisseur:
    """Un référentiel se lit mille fois avec dix valeurs : la conversion d'une même cellule n'est faite qu'une fois."""
    return lru_cache(maxsize=10_000, typed=True)(convertir)


def cle(cellule: Any) -> UUID:
    try:
        return UUID(str(cellule))
    except ValueError:
        raise ValidationError(
            f"« {en_texte(cellule)} » n’est pas une clé de nos exports : la recopier, ou vider la cellule.",
            code="invalid",
        ) from None


def dossier(cellule: Any) -> DossierDauphin:
    """Le numéro de dossier ; un CSV ne distingue pas un texte d'un nombre, qui a perdu ses zéros."""
    if isinstance(cellule, str) and ZEROS_PERDUS.fullmatch(cellule.strip()):
        return dossier_dauphin(int(cellule))
    return dossier_dauphin(cellule)


def siren(cellule: Any) -> str:
    """Neuf chiffres à la clé juste ; un nombre retrouve les zéros que le tableur lui a ôtés."""
    ecrit = normaliser_siret(en_texte(cellule))
    ecrit = ecrit.zfill(LONGUEUR_SIREN) if isinstance(cellule, int) else ecrit
    valider_siren(ecrit)
    return ecrit


def euros_ou_rien(cellule: Any) -> Any:
    """Un montant en euros ; un tiret est une case sans montant."""
    if isinstance(cellule, str) and normaliser(cellule) in TIRETS:
        return None
    return montant(cellule)


def duree(cellule: Any) -> dict[str, Any]:
    """« Annuelle », « CPO 2/3 » : la durée, et pour une CPO son année et leur nombre, quand la cellule les dit."""
    ecrit = normaliser(en_texte(cellule))
    if ecrit in ("annuelle", "annuel", "ponctuelle"):
        return {"duree": Duree.ANNUELLE, "cpo_rang": None, "cpo_nombre": None}
    if trouve := DUREE_CPO.fullmatch(ecrit):
        rang, nombre = (int(n) if n else None for n in trouve.groups())
        return {"duree": Duree.CPO, "cpo_rang": rang, "cpo_nombre": nombre}
    raise ValidationError(f"« {en_texte(cellule)} » : écrire « Annuelle », ou « CPO 2/3 ».", code="invalid")


def liste_de(convertir: Convertisseur) -> Convertisseur:
    """Plusieurs valeurs d'un référentiel, séparées par « ; »."""

    def convertir_chacune(cellule):
        return tuple(dict.fromkeys(convertir(mot) for mot in _morceaux(cellule)))

    return rapide(convertir_chacune)


@lru_cache(maxsize=10_000)
def liste_de_quartiers(cellule: Any) -> tuple[tuple[str, int], ...]:
    """« QN01401M:2 ; Chemin Vert » → (("QN01401M", 2), ("Chemin Vert", 1)) ; tout le contrat se dit d'un mot."""
    if normaliser(en_texte(cellule)) in TOUT_LE_CONTRAT:
        return ()
    if isinstance(cellule, str) and CODES_A_LA_VIRGULE.fullmatch(cellule.strip()):
        cellule = cellule.replace(",", ";")
    return tuple(_quartier_et_cle(mot) for mot in _morceaux(cellule))


def _quartier_et_cle(mot):
    trouve = CLE_DE_QUARTIER.fullmatch(mot)
    if trouve is None:
        return mot, 1
    if int(trouve[2]) < 1:
        raise ValidationError(f"« {mot} » : une clé de répartition est un entier d’au moins 1.", code="borne")
    return trouve[1], int(trouve[2])


def _morceaux(cellule):
    return [mot.strip() for mot in SEPARATEURS.split(en_texte(cellule)) if mot.strip()]
