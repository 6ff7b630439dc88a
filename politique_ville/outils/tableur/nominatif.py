"""Refuser les données sur des personnes : l'outil n'en a pas l'usage, et ne doit pas les recevoir par mégarde.

Le nom d'un porteur, d'un quartier ou d'un bénéficiaire au sens d'une subvention (une structure) n'en est pas une.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any

from politique_ville.outils.tableur.entetes import forme

PERSONNES = (
    "adulte relais|apprenant|eleve|enfant|jeune|mediateur|mediatrice|mere|parent|participante?|patiente?|pere"
    "|salariee?|stagiaire|titulaire|usager"
)
INTERDITES = tuple(
    re.compile(motif)
    for motif in (
        r"\bprenoms?\b",
        rf"\bnoms? (?:{PERSONNES})s?$",
        r"\bnom (?:naissance|famille|patronymique|marital|epouse|jeune fille)$",
        r"\b(?:date|lieu|commune|ville|pays|annee|jour|departement) naissance\b|^naissance$|^nee?(?: e)?$",
        r"\bddn\b|birth|\bidentite\b",
        r"\b(?:agent|personne|salariee?) recrutee?\b|\boccupante?s?\b",
        r"\bnir\b|\bnumero (?:securite sociale|secu)\b",
        r"\badresse (?:personnelle|perso|privee|domicile)\b|^domicile$",
        rf"\b(?:adresse|telephone|courriel|e mail|email|mail) (?:{PERSONNES})s?$",
        r"\b(?:telephone|numero) (?:portable|mobile|personnel|perso|domicile)\b|^portable$",
        r"\b(?:courriel|e mail|email|mail) (?:personnel|perso|prive)\b",
        r"^civilite$|^nationalite$|^situation familiale$",
    )
)

# Sexe, année, mois (01-12, et les codes de substitution), département (2A et 2B en Corse), commune, ordre, clé.
NIR = re.compile(
    r"(?<![0-9])([1-478] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3}) ?(\d{2})(?![0-9])"
)


def colonnes_nominatives(entetes: Sequence[str], titres: Collection[str] = ()) -> list[int]:
    """Les rangs des colonnes dont le titre annonce des données sur une personne ; `titres` : d'autres qui le font."""
    formes = map(forme, entetes)
    return [rang for rang, titre in enumerate(formes) if titre in titres or _est_nominative(titre)]


def ressemble_a_un_nir(valeur: Any) -> bool:
    """Un numéro de sécurité sociale de quinze caractères, à la clé juste, seul ou dans un texte."""
    if not isinstance(valeur, str | int):
        return False
    return any(_cle_juste(*numero.groups()) for numero in NIR.finditer(str(valeur).replace("\u00a0", " ")))


def _est_nominative(titre):
    return any(motif.search(titre) for motif in INTERDITES)


def _cle_juste(numero, cle):
    """La clé est 97 moins le reste par 97 ; en Corse 2A compte 19 et 2B 18 (INSEE)."""
    chiffres = numero.replace(" ", "").replace("2A", "19").replace("2B", "18")
    return 97 - int(chiffres) % 97 == int(cle)
