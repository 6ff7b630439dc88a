"""Compter en mois : le même jour, des mois plus tard ou plus tôt, même quand le mois est plus court."""

import calendar
from datetime import date as Date
from datetime import timedelta

UN_JOUR = timedelta(days=1)


def decaler_de_mois(jour: Date, mois: int) -> Date:
    """Le même jour, des mois plus tard ou plus tôt ; au plus le dernier du mois (31/08 − 6 mois = 28 ou 29/02)."""
    annee, rang = divmod(jour.year * 12 + jour.month - 1 + mois, 12)
    return Date(annee, rang + 1, min(jour.day, calendar.monthrange(annee, rang + 1)[1]))


def premier_jour_decale(jour: Date, mois: int) -> Date:
    """Le premier jour que `decaler_de_mois` ramène, mois en arrière, à `jour` ou après.

    Le même jour, des mois plus tard ; le premier du mois suivant s'il n'existe pas (31/08 + 6 mois = 01/03).
    """
    decale = decaler_de_mois(jour, mois)
    return decale if decale.day == jour.day else decale + UN_JOUR
