"""Décrire un champ attendu et convertir une cellule ; tout refus est une ValidationError qui dit quoi corriger.

Une cellule arrive telle que le tableur la donne : texte, entier, flottant, date, booléen, ou None si elle est vide.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError

from politique_ville.outils.montants import en_centimes_exacts, lire_montant
from politique_ville.outils.recherche import normaliser
from politique_ville.outils.siret import LONGUEUR_SIRET, normaliser_siret, valider_siret

ERREURS_DE_FORMULE = {
    "#DIV/0!",
    "#N/A",
    "#NAME?",
    "#NOM?",
    "#NULL!",
    "#NUL!",
    "#NUM!",
    "#NOMBRE!",
    "#REF!",
    "#VALUE!",
    "#VALEUR!",
}
ERREUR_DE_LIBREOFFICE = re.compile(r"ERR:\d+")
BRUIT_BINAIRE = Decimal("0.000001")  # € : 0,1 + 0,2 calculé par un tableur n'est pas une troisième décimale
PREMIERE_ANNEE, DERNIERE_ANNEE = 1900, 2100
OUI = {"1", "o", "oui", "true", "vrai", "x", "yes"}
NON = {"0", "false", "faux", "n", "no", "non"}
RESSEMBLANCE = 0.75  # de 0 à 1 : une faute de frappe fait 0,9 ; « insertion » et « transitions », 0,6
NOTATION_SCIENTIFIQUE = re.compile(r"\d+(?:[.,]\d+)?e\+\d+", re.IGNORECASE)
DATE_FRANCAISE = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})")
DATE_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?")
DOSSIER = re.compile(r"(?:DA)?(\d{8})(?:-(\d*))?")
LONGUEUR_DOSSIER = 8

Convertisseur = Callable[[Any], Any]


@dataclass(frozen=True)
class Champ:
    """Une donnée attendue ; `convertir` reçoit une cellule non vide et lève ValidationError si elle la refuse.

    `obligatoire` : la colonne doit être là, et chaque cellule remplie ; `colonne_exigee` : la colonne seulement.
    `ecarte` reçoit les cellules de la ligne, par nom de champ : vrai si elle n'est pas à lire (elle est d'un autre
    département). Rien n'y est alors validé.
    """

    nom: str
    libelle: str
    convertir: Convertisseur
    synonymes: tuple[str, ...] = ()
    obligatoire: bool = False
    aide: str = ""
    colonne_exigee: bool = False
    ecarte: Callable[[Mapping[str, Any]], bool] | None = None

    def lire(self, cellule: Any) -> Any:
        """La valeur du champ, None si la cellule est vide."""
        if cellule is None:
            if self.obligatoire:
                raise ValidationError(f"« {self.libelle} » est obligatoire : remplir la cellule.", code="required")
            return None
        if isinstance(cellule, str) and _est_une_erreur(cellule):
            raise ValidationError(f"la formule donne {cellule} : écrire la valeur.", code="formule")
        return self.convertir(cellule)


def _est_une_erreur(cellule):
    """« #REF! », « #VALEUR ! », ou « Err:509 », que LibreOffice écrit dans la cellule."""
    ecrit = re.sub(r"\s", "", cellule).upper()
    return ecrit in ERREURS_DE_FORMULE or bool(ERREUR_DE_LIBREOFFICE.fullmatch(ecrit))


class DossierDauphin(NamedTuple):
    """Un numéro de dossier à huit chiffres, et la tranche annuelle qui le suit parfois (-01, -02…)."""

    numero: str
    tranche: int | None


@dataclass(frozen=True)
class Option:
    """Une valeur d'un référentiel, reconnue par son code, son libellé, les deux ensemble, ou un synonyme."""

    valeur: Any
    libelle: str
    code: str = ""
    synonymes: tuple[str, ...] = ()

    @property
    def affichage(self) -> str:
        return f"{self.code} {self.libelle}".strip()

    @property
    def noms(self) -> tuple[str, ...]:
        return (self.code, self.libelle, self.affichage, *self.synonymes)


def en_texte(cellule: Any) -> str:
    """Ce que l'agent lit dans la cellule, pour un message ou un champ de texte."""
    if isinstance(cellule, bool):
        return "oui" if cellule else "non"
    if isinstance(cellule, datetime):
        return cellule.strftime("%d/%m/%Y %H:%M")
    if isinstance(cellule, date):
        return cellule.strftime("%d/%m/%Y")
    return repr(cellule).replace(".", ",") if isinstance(cellule, float) else str(cellule)


def texte(longueur: int) -> Convertisseur:
    """Un texte d'au plus `longueur` caractères ; un code numérique garde ses chiffres."""

    def convertir(cellule):
        valeur = en_texte(cellule)
        if len(valeur) > longueur:
            raise ValidationError(f"le texte compte {len(valeur)} caractères : {longueur} au plus.", code="max_length")
        return valeur

    return convertir


def montant(cellule: Any) -> Decimal:
    """Un montant en euros, positif ou nul, à deux décimales."""
    valeur = montant_signe(cellule)
    if valeur < 0:
        raise ValidationError(f"« {en_texte(cellule)} » est négatif : un montant ne peut pas l’être.", code="min_value")
    return valeur


def montant_signe(cellule: Any) -> Decimal:
    """Un montant en euros, d'un texte (« 1 234,50 € ») ou d'un nombre ; jamais arrondi."""
    if isinstance(cellule, float):
        return en_centimes_exacts(_sans_bruit(Decimal(repr(cellule))), en_texte(cellule))
    valeur = None if isinstance(cellule, bool | date) else lire_montant(cellule)
    if valeur is None:
        raise ValidationError(f"« {en_texte(cellule)} » n’est pas un montant : écrire 1 234,50.", code="invalid")
    return valeur


def _sans_bruit(valeur):
    arrondie = round(valeur, 2)
    return arrondie if abs(arrondie - valeur) < BRUIT_BINAIRE else valeur


def entier(minimum: int = 0, maximum: int = 1_000_000_000) -> Convertisseur:
    """Un nombre entier entre deux bornes comprises."""

    def convertir(cellule):
        chiffres = re.sub(r"\s", "", str(cellule))
        if isinstance(cellule, bool) or not re.fullmatch(r"-?[0-9]{1,15}", chiffres):
            raise ValidationError(f"« {en_texte(cellule)} » n’est pas un nombre entier.", code="invalid")
        if not minimum <= int(chiffres) <= maximum:
            raise ValidationError(f"« {chiffres} » n’est pas entre {minimum} et {maximum}.", code="borne")
        return int(chiffres)

    return convertir


def date_du_jour(cellule: Any) -> date:
    """Une vraie date, « 12/03/2026 » ou « 2026-03-12 »."""
    if isinstance(cellule, datetime):
        return _dans_les_bornes(cellule.date(), cellule)
    if isinstance(cellule, date):
        return _dans_les_bornes(cellule, cellule)
    try:
        return _dans_les_bornes(_lire_date(str(cellule)), cellule)
    except ValueError:
        raise ValidationError(
            f"« {en_texte(cellule)} » n’est pas une date : écrire par exemple 12/03/2026.", code="invalid"
        ) from None


def _lire_date(ecrit):
    if francaise := DATE_FRANCAISE.fullmatch(ecrit):
        jour, mois, annee = map(int, francaise.groups())
        return date(annee, mois, jour)
    if iso := DATE_ISO.fullmatch(ecrit):
        return date(*map(int, iso.groups()))
    raise ValueError(ecrit)


def _dans_les_bornes(jour, cellule):
    if not PREMIERE_ANNEE <= jour.year <= DERNIERE_ANNEE:
        raise ValidationError(f"« {en_texte(cellule)} » : l’année {jour.year} est invraisemblable.", code="borne")
    return jour


def booleen(cellule: Any) -> bool:
    """Oui ou non, sous ses écritures courantes (vrai, x, 1…)."""
    mot = normaliser(en_texte(cellule))
    if mot not in OUI | NON:
        raise ValidationError(f"« {en_texte(cellule)} » : écrire oui ou non.", code="invalid")
    return mot in OUI


def choix(options: Iterable[Option]) -> Convertisseur:
    """La valeur d'un référentiel ; un mot inconnu appelle une suggestion, un libellé partagé réclame le code."""
    index: dict[str, list[Option]] = {}
    for option in options:
        for nom in {_cle(nom) for nom in option.noms} - {""}:
            index.setdefault(nom, []).append(option)

    def convertir(cellule):
        ecrit = str(cellule)
        trouvees = index.get(_cle(ecrit), [])
        if not trouvees:
            raise ValidationError(f"« {ecrit} » inconnu{_suggestion(_cle(ecrit), index)}", code="inconnu")
        if len(trouvees) > 1:
            codes = " ou ".join(f"« {option.affichage} »" for option in trouvees)
            raise ValidationError(f"« {ecrit} » désigne plusieurs choix : écrire {codes}.", code="ambigu")
        return trouvees[0].valeur

    return convertir


def _cle(ecrit):
    """« 1.1 - Éducation » et « 1.1 education » ont la même clé ; « 1.1 » et « 11 » non."""
    return " ".join(re.findall(r"[a-z0-9]+", normaliser(ecrit)))


def _suggestion(cle, index):
    debuts = [nom for nom in index if cle and nom.startswith(cle)]
    proches = sorted(debuts, key=len) or get_close_matches(cle, index, n=1, cutoff=RESSEMBLANCE)
    return (
        f", vouliez-vous « {index[proches[0]][0].affichage} » ?"
        if proches
        else " : choisir dans la liste de référence."
    )


def siret(cellule: Any) -> str:
    """Quatorze chiffres à la clé juste ; un nombre retrouve les zéros que le tableur lui a ôtés."""
    ecrit = normaliser_siret(en_texte(cellule))
    if NOTATION_SCIENTIFIQUE.fullmatch(ecrit):
        raise ValidationError(
            f"« {ecrit} » a perdu ses chiffres : mettre la colonne au format texte et recopier le SIRET.",
            code="scientifique",
        )
    ecrit = ecrit.zfill(LONGUEUR_SIRET) if isinstance(cellule, int) else ecrit
    valider_siret(ecrit)
    return ecrit


def dossier_dauphin(cellule: Any) -> DossierDauphin:
    """« DA00054562-01 » → (« 00054562 », 1). Source : (?:DA)?(\\d{8})(?:-\\d*)?, Data.Subvention."""
    ecrit = re.sub(r"\s", "", str(cellule)).upper()
    ecrit = ecrit.zfill(LONGUEUR_DOSSIER) if isinstance(cellule, int) else ecrit
    trouve = DOSSIER.fullmatch(ecrit)
    if not trouve:
        raise ValidationError(
            f"« {en_texte(cellule)} » n’est pas un numéro de dossier : huit chiffres, par exemple DA00054562-01.",
            code="invalid",
        )
    numero, tranche = trouve.groups()
    return DossierDauphin(numero, int(tranche or 0) or None)
