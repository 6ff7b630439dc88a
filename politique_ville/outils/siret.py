"""SIREN et SIRET : longueur, chiffres, clé de Luhn, et l'exception de La Poste.

Source : INSEE, « numéro SIRET » : neuf chiffres du SIREN, quatre de l'établissement, un de contrôle ; la clé
de Luhn porte sur l'ensemble. La Poste (SIREN 356 000 000) a plus d'établissements que cette clé n'en permet :
la somme simple de leurs chiffres est un multiple de 5.
"""

import re

from django.core.exceptions import ValidationError

from politique_ville.outils.typographie import insecables

SIREN_DE_LA_POSTE = "356000000"
LONGUEUR_SIREN = 9
LONGUEUR_SIRET = 14

SEPARATEURS = re.compile(r"[\s.\-\u200b]+")
CHIFFRES = re.compile(r"[0-9]+")


def normaliser_siret(texte) -> str:
    """Le numéro sans les espaces, points ni tirets d'une recopie ; convient au SIREN comme au SIRET."""
    return SEPARATEURS.sub("", str(texte or ""))


def siret_valide(texte) -> bool:
    """Quatorze chiffres sans espace et une clé juste."""
    return _raison(texte, "SIRET", LONGUEUR_SIRET) is None


def siren_valide(texte) -> bool:
    """Neuf chiffres sans espace et une clé juste."""
    return _raison(texte, "SIREN", LONGUEUR_SIREN) is None


def valider_siret(texte) -> None:
    """Validateur de champ ; lève ValidationError en disant si c'est la longueur, un caractère ou la clé."""
    _valider(texte, "SIRET", LONGUEUR_SIRET)


def valider_siren(texte) -> None:
    """Validateur de champ ; lève ValidationError en disant si c'est la longueur, un caractère ou la clé."""
    _valider(texte, "SIREN", LONGUEUR_SIREN)


def _valider(texte, nom, longueur):
    raison = _raison(texte, nom, longueur)
    if raison:
        code, message = raison
        raise ValidationError(insecables(message), code=code)


def _raison(texte, nom, longueur):
    """Pourquoi le numéro est refusé (code, phrase), ou None s'il est bon."""
    texte = str(texte or "")
    if not CHIFFRES.fullmatch(texte):
        return (
            "caracteres",
            f"« {texte} » n’est pas un {nom} : écrire {longueur} chiffres, sans lettre ni espace.",
        )
    if len(texte) != longueur:
        return "longueur", _phrase_de_longueur(texte, nom, longueur)
    if not _cle_juste(texte) or not texte.strip("0"):
        return "cle", f"La clé du {nom} « {texte} » est fausse : un chiffre est sans doute mal recopié."
    return None


def _phrase_de_longueur(texte, nom, longueur):
    phrase = f"Un {nom} compte {longueur} chiffres : « {texte} » en compte {len(texte)}."
    if nom == "SIRET" and len(texte) == LONGUEUR_SIREN:
        return f"{phrase} C’est un SIREN : ajouter les cinq chiffres de l’établissement."
    if nom == "SIREN" and len(texte) == LONGUEUR_SIRET:
        return f"{phrase} C’est un SIRET : garder les neuf premiers chiffres."
    return phrase


def _cle_juste(numero):
    if _luhn(numero) % 10 == 0:
        return True
    est_de_la_poste = len(numero) == LONGUEUR_SIRET and numero.startswith(SIREN_DE_LA_POSTE)
    return est_de_la_poste and sum(map(int, numero)) % 5 == 0


def _luhn(numero):
    """Somme des chiffres, un sur deux étant doublé à partir de la droite (9 retiré s'il dépasse 9)."""
    doubles = (int(chiffre) * 2 for chiffre in numero[-2::-2])
    return sum(map(int, numero[-1::-2])) + sum(double - 9 if double > 9 else double for double in doubles)


__all__ = ["normaliser_siret", "siren_valide", "siret_valide", "valider_siren", "valider_siret"]
