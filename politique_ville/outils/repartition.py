"""Répartir un montant entre des quartiers, ou un total en parts affichées, sans perdre un centime.

La répartition est par arrondi cumulé : la part d'une ligne est `m × apres ÷ total − m × avant ÷ total`, en division
entière de centimes, où `avant` et `apres` sont les clés cumulées des lignes qui précèdent et jusqu'à elle comprise.
Les parts s'additionnent donc exactement au montant. La même formule sert en Python et en SQL, sur les deux moteurs.
Exemple : 100,01 € aux clés 2, 3 et 5 = 20,00 € + 30,00 € + 50,01 €.
"""

from decimal import ROUND_FLOOR, Decimal
from itertools import accumulate

from django.db.models import BigIntegerField, ExpressionWrapper, F
from django.db.models.functions import Cast

from .montants import MontantField, vers_centimes, vers_euros


def part(montant, avant, apres, total):
    """La part d'un montant (euros, ≥ 0) pour la ligne dont les clés cumulées vont de `avant` à `apres` sur `total`."""
    if montant is None:
        return None
    centimes = vers_centimes(montant)
    return vers_euros(centimes * apres // total - centimes * avant // total)


def cumuls(cles):
    """Les (avant, après, total) de chaque clé, dans l'ordre donné."""
    apres = list(accumulate(cles))
    return [(fin - cle, fin, apres[-1]) for cle, fin in zip(cles, apres, strict=True)]


def repartir(montant, cles):
    """Les parts d'un montant (euros, ≥ 0) aux clés données, dans leur ordre ; leur somme est le montant, au centime."""
    return [part(montant, *cumul) for cumul in cumuls(cles)]


def part_sql(champ, localisation=""):
    """La même part en SQL : `champ` est un MontantField, `localisation` le chemin vers les colonnes de cumul."""
    centimes = Cast(F(champ), BigIntegerField())
    total = F(f"{localisation}cumul_total")
    jusque_la = ExpressionWrapper(centimes * F(f"{localisation}cumul_apres") / total, BigIntegerField())
    avant = ExpressionWrapper(centimes * F(f"{localisation}cumul_avant") / total, BigIntegerField())
    return ExpressionWrapper(jusque_la - avant, MontantField())


def parts_affichees(valeurs, decimales=1):
    """Les parts en % (Decimal) de valeurs ≥ 0, par plus forts restes : elles font exactement 100.

    À reste égal, la plus grande valeur, puis la première, reçoit l'unité. Un total nul n'a pas de parts.
    """
    total = sum(valeurs)
    if not total:
        return [None] * len(valeurs)
    unite = Decimal(10) ** -decimales
    exactes = [Decimal(valeur) * 100 / Decimal(total) for valeur in valeurs]
    parts = [exacte.quantize(unite, ROUND_FLOOR) for exacte in exactes]
    manquantes = int((100 - sum(parts)) / unite)
    ordre = sorted(range(len(parts)), key=lambda i: (parts[i] - exactes[i], -valeurs[i], i))
    for i in ordre[:manquantes]:
        parts[i] += unite
    return parts
