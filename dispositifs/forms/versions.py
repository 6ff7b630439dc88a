"""Deux personnes ont modifié la même fiche : montrer ce qui diffère, laisser choisir, ne rien écraser en silence.

Un formulaire donne ses valeurs dans un dictionnaire plat ; ce qui est en base s'écrit de même, et se compare en mots.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Choices, Model

from politique_ville.outils.francais import INCONNU, euros, nombre
from programmation.forms.conflit import EN_BASE, Ecart

BUDGET = "budget-"  # puis l'identifiant du financeur


def comparer(
    base: Mapping[str, Any],
    mienne: Mapping[str, Any],
    libelles: Mapping[str, str],
    choix: Mapping[str, str],
    lus: Mapping[str, str] | None = None,
) -> list[Ecart]:
    """Les valeurs qui diffèrent, dans l'ordre des libellés ; une clé absente est une valeur inconnue. `lus` : ce que la
    personne avait sous les yeux, en mots, ou None."""
    en_base, miens = mots_de(base, libelles), mots_de(mienne, libelles)
    return [
        Ecart(
            cle, libelle, None if lus is None else lus.get(cle, INCONNU), en_base[cle], miens[cle], choix.get(cle, "")
        )
        for cle, libelle in libelles.items()
        if en_base[cle] != miens[cle]
    ]


def mots_de(valeurs: Mapping[str, Any], libelles: Mapping[str, str]) -> dict[str, str]:
    return {cle: en_mots(cle, valeurs.get(cle)) for cle in libelles}


def reunir(base: Mapping[str, Any], mienne: Mapping[str, Any], choix: Mapping[str, str]) -> dict[str, Any]:
    """La saisie, où chaque valeur que la personne laisse à la base en reprend ce qui y est."""
    gardees = {cle for cle, cote in choix.items() if cote == EN_BASE}
    return {cle: (base if cle in gardees else mienne).get(cle) for cle in {**mienne, **base}}


def en_mots(cle: str, valeur: Any) -> str:
    """Un décimal est un montant sous une clé qui commence par `BUDGET`, un nombre d'ETP ailleurs."""
    if valeur is None or valeur == "":
        return INCONNU
    if isinstance(valeur, Choices):
        return valeur.label
    if isinstance(valeur, bool):
        return "oui" if valeur else "non"
    if isinstance(valeur, Decimal) and cle.startswith(BUDGET):
        return euros(valeur)
    if isinstance(valeur, Decimal):
        return f"{valeur:.2f}".replace(".", ",")
    if isinstance(valeur, date):
        return f"{valeur:%d/%m/%Y}"
    if isinstance(valeur, int):
        return nombre(valeur)
    if isinstance(valeur, Iterable) and not isinstance(valeur, str | Model):
        return ", ".join(sorted(en_mots(cle, objet) for objet in valeur)) or INCONNU
    return str(valeur)
