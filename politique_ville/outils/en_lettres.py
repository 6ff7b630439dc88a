"""Écrire un montant en toutes lettres : « mille deux cent trente-quatre euros et cinquante centimes »."""

from decimal import Decimal

from num2words import num2words

from .montants import CENTIME

MILLION = 1_000_000


def montant_en_lettres(montant: Decimal) -> str:
    """Le montant (euros) en lettres, accordé ; les centimes ne s'écrivent que s'il y en a.

    Lève TypeError pour autre chose qu'un Decimal, ValueError pour un montant négatif ou plus fin que le centime.
    """
    if not isinstance(montant, Decimal):
        raise TypeError(f"Decimal attendu, reçu {montant!r}.")
    if montant < 0 or montant != montant.quantize(CENTIME):
        raise ValueError(f"Un montant à écrire est positif, au centime : {montant}.")
    euros, centimes = divmod(int(montant * 100), 100)
    parties = [en_mots(euros, "euro")] if euros or not centimes else []
    parties += [en_mots(centimes, "centime")] if centimes else []
    return " et ".join(parties)


def en_mots(nombre: int, unite: str) -> str:
    """« un euro », « deux cents euros » ; « un million d'euros » quand rien ne suit les millions."""
    lettres = num2words(nombre, lang="fr")
    liaison = " d’" if nombre and nombre % MILLION == 0 else " "
    return f"{lettres}{liaison}{unite}{'s' if nombre > 1 else ''}"
