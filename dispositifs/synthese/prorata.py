"""Le prorata d’un montant annuel : exact au centime à travers un changement de barème ou une année bissextile.

Une date vaut un nombre entier de parts d'année depuis l'an zéro ; une durée est la différence de deux dates. Une année
civile entière fait donc toujours exactement `PARTS[prorata]` parts, et les morceaux d'une période s'additionnent.
"""

import calendar
from collections.abc import Callable, Iterable
from datetime import date as Date
from datetime import timedelta
from functools import lru_cache

from ..enums import Prorata

PARTS = {
    Prorata.JOURS: 365 * 366,  # divisible par la longueur de toute année
    Prorata.DOUZIEMES: 12 * 377_580,  # 377 580 = PPCM de 28, 29, 30 et 31
}
PLEIN_TEMPS = 10_000  # centièmes de % d'un temps plein


def rang_par_jours(jour: Date) -> int:
    longueur = 366 if calendar.isleap(jour.year) else 365
    parts = PARTS[Prorata.JOURS]
    return jour.year * parts + (jour.timetuple().tm_yday - 1) * (parts // longueur)


def rang_par_douziemes(jour: Date) -> int:
    douzieme = PARTS[Prorata.DOUZIEMES] // 12
    longueur = calendar.monthrange(jour.year, jour.month)[1]
    return (jour.year * 12 + jour.month - 1) * douzieme + (jour.day - 1) * (douzieme // longueur)


RANGS: dict[Prorata, Callable[[Date], int]] = {
    Prorata.JOURS: lru_cache(maxsize=8192)(rang_par_jours),
    Prorata.DOUZIEMES: lru_cache(maxsize=8192)(rang_par_douziemes),
}


def lendemain(jour: Date) -> Date:
    return jour + timedelta(days=1)


def tranches(debut: Date, fin: Date, etapes: Iterable[tuple[Date, object]]) -> list[tuple[Date, Date, object]]:
    """[début, fin[ découpé aux dates d'effet ; avant la première étape, la valeur est None.

    `etapes` : (date d'effet, valeur) dans l'ordre des dates.
    """
    resultat, courante, depuis = [], None, debut
    for date_effet, valeur in etapes:
        if date_effet >= fin:
            break
        if date_effet > depuis:
            resultat.append((depuis, date_effet, courante))
            depuis = date_effet
        courante = valeur
    if depuis < fin:
        resultat.append((depuis, fin, courante))
    return resultat


def centimes(numerateur: int, prorata: Prorata) -> int:
    """Au centime le plus proche, le demi s'éloignant de zéro.

    `numerateur` : somme de centimes annuels × quotité en centièmes de % × parts d'année.
    """
    denominateur = PLEIN_TEMPS * PARTS[prorata]
    return (2 * numerateur + denominateur) // (2 * denominateur)
