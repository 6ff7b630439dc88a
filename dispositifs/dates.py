"""Les dates des conventions : trois ans, six mois avant un terme, et des périodes dont les deux bornes comptent."""

import calendar
from datetime import date as Date
from datetime import timedelta

UN_JOUR = timedelta(days=1)


def dernier_jour(debut: Date, annees: int) -> Date:
    """Le dernier jour d'une durée en années : trois ans à partir du 01/07/2024 finissent le 30/06/2027."""
    try:
        anniversaire = debut.replace(year=debut.year + annees)
    except ValueError:  # un 29 février : l'année suivante commence le 1er mars
        anniversaire = Date(debut.year + annees, 3, 1)
    return anniversaire - UN_JOUR


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


def en_clair(jour: Date) -> str:
    return f"{jour:%d/%m/%Y}"
