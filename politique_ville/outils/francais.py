"""Écrire des nombres en français : montants, parts, écarts, pluriels.

Une seule écriture pour l'écran, les messages et le classeur. Un mauvais type lève TypeError au lieu d'afficher un
nombre faux : un flottant a déjà perdu l'exactitude, un entier est peut-être des centimes.
"""

from decimal import ROUND_HALF_UP, Decimal

INCONNU = "—"
MOINS = "\u2212"
ESPACE = "\u00a0"  # insécable, avant €, % et le nom d'une unité
ESPACE_FINE = "\u202f"  # insécable, entre les milliers

DIXIEME = Decimal("0.1")
CENTIME = Decimal("0.01")
UNITE = Decimal("1")


def _chiffres(valeur: Decimal, pas: Decimal) -> str:
    """La valeur arrondie au pas (le demi s'éloigne de zéro), avec virgule, milliers et vrai signe moins."""
    if not isinstance(valeur, Decimal):
        raise TypeError(f"Decimal attendu, reçu {type(valeur).__name__} : {valeur!r}.")
    arrondie = valeur.quantize(pas, ROUND_HALF_UP) + 0  # + 0 : « -0,00 » n'existe pas
    return f"{arrondie:,f}".translate(str.maketrans({",": ESPACE_FINE, ".": ",", "-": MOINS}))


def euros(valeur: Decimal | None) -> str:
    """« 1 234,50 € » ; None, montant inconnu, donne « — »."""
    return INCONNU if valeur is None else f"{_chiffres(valeur, CENTIME)}{ESPACE}€"


def euros_entiers(valeur: Decimal | None) -> str:
    """« 1 235 € », arrondi à l'euro : pour un titre ou un graphique, jamais pour un total à rapprocher."""
    return INCONNU if valeur is None else f"{_chiffres(valeur, UNITE)}{ESPACE}€"


def nombre(valeur: int | Decimal | None) -> str:
    """« 27 278 ». PostgreSQL somme de grands entiers en Decimal : accepté s'il est entier, sinon TypeError."""
    if valeur is None:
        return INCONNU
    if isinstance(valeur, bool | float | str) or valeur != int(valeur):
        raise TypeError(f"Entier attendu, reçu {valeur!r}.")
    return _chiffres(Decimal(valeur), UNITE)


def pourcent(valeur: Decimal | None) -> str:
    """« 12,3 % », d'une valeur déjà en pour cent."""
    return INCONNU if valeur is None else f"{_chiffres(valeur, DIXIEME)}{ESPACE}%"


def signe(valeur: Decimal | None, unite: str = "€") -> str:
    """Un écart avec son signe : « +1 200,00 € », « −0,4 point » (unité `point`), « +3,1 % » ; zéro n'a pas de signe."""
    if valeur is None:
        return INCONNU
    pas = CENTIME if unite == "€" else DIXIEME
    chiffres = _chiffres(valeur, pas)
    arrondie = valeur.quantize(pas, ROUND_HALF_UP)
    accord = "s" if unite == "point" and abs(arrondie) >= 2 else ""
    return f"{'+' if arrondie > 0 else ''}{chiffres}{ESPACE}{unite}{accord}"


def pluriel(quantite: int, un: str, plusieurs: str) -> str:
    """« 0 action », « 1 action », « 3 actions » : en français, zéro est au singulier."""
    return f"{nombre(quantite)} {un if abs(quantite) < 2 else plusieurs}"
