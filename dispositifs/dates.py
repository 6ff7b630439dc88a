"""Les dates des conventions : trois ans, six mois avant un terme, et des périodes dont les deux bornes comptent."""

from datetime import date as Date

from politique_ville.outils.dates import UN_JOUR, decaler_de_mois, premier_jour_decale

__all__ = ["UN_JOUR", "decaler_de_mois", "dernier_jour", "en_clair", "premier_jour_decale"]


def dernier_jour(debut: Date, annees: int) -> Date:
    """Le dernier jour d'une durée en années : trois ans à partir du 01/07/2024 finissent le 30/06/2027."""
    try:
        anniversaire = debut.replace(year=debut.year + annees)
    except ValueError:  # un 29 février : l'année suivante commence le 1er mars
        anniversaire = Date(debut.year + annees, 3, 1)
    return anniversaire - UN_JOUR


def en_clair(jour: Date) -> str:
    return f"{jour:%d/%m/%Y}"
