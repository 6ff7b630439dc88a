"""Les montants : centimes entiers en base, `Decimal` en euros dans Python, exacts sur les deux moteurs.

SQLite range un décimal dans un flottant : une somme de 30 000 × 1,37 € y donne 41 100,000 000 008 €. Le champ de ce
module range des centimes entiers ; les sommes, comparaisons et contraintes sont donc des calculs d'entiers.
"""

import re
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import OuterRef, Subquery, Sum
from django.db.models.expressions import Combinable, register_combinable_fields

CENTIME = Decimal("0.01")
MONTANT_MAXIMAL = Decimal("9999999999.99")  # dix milliards d'euros : quinze fois le programme 147

MONTANT = re.compile(r"[+-]?\d+([.,]\d*)?")
ESPACES = re.compile(r"[\s\u00a0\u202f\u2009]+")


def lire_montant(texte):
    """Le montant en euros écrit par un agent (« 1 234,50 € », « 1234.5 »), ou None si le texte est vide.

    Lève ValidationError si le texte n'est pas un montant, ou s'il a plus de deux décimales.
    """
    brut = ESPACES.sub("", str(texte)).removesuffix("€")
    if brut == "":
        return None
    if "," in brut and "." in brut:
        raise ValidationError(
            f"« {texte} » mélange la virgule et le point : écrire par exemple 1 234,50.", code="invalid"
        )
    if not MONTANT.fullmatch(brut):
        raise ValidationError(
            f"« {texte} » n’est pas un montant : écrire des chiffres, par exemple 1 234,50.", code="invalid"
        )
    return en_centimes_exacts(Decimal(brut.replace(",", ".")), texte)


def en_centimes_exacts(valeur, texte=None):
    """La valeur en euros à deux décimales ; lève ValidationError si elle en a davantage ou si elle déborde."""
    if abs(valeur) > MONTANT_MAXIMAL:
        raise ValidationError(f"« {texte or valeur} » est trop grand pour un montant.", code="max_value")
    arrondie = valeur.quantize(CENTIME)
    if arrondie != valeur:
        raise ValidationError(
            f"« {texte or valeur} » a plus de deux décimales : un montant s’arrête au centime.",
            code="decimales",
        )
    return arrondie


def vers_centimes(valeur):
    """Les centimes entiers d'un montant en euros ; refuse un flottant, qui aurait déjà perdu l'exactitude."""
    if valeur is None:
        return None
    if isinstance(valeur, float):
        raise TypeError(f"Un montant n’est jamais un flottant : {valeur!r}.")
    return int(en_centimes_exacts(Decimal(valeur)) * 100)


def vers_euros(centimes):
    """Le montant en euros de centimes entiers."""
    return None if centimes is None else (Decimal(int(centimes)) / 100).quantize(CENTIME)


class MontantFormField(forms.DecimalField):
    """Saisie d'un montant : accepte « 1 234,50 € » collé avec n'importe quelle espace."""

    widget = forms.TextInput
    default_error_messages = {"min_value": "Un montant ne peut pas être négatif."}

    def __init__(self, **kwargs):
        kwargs.setdefault("max_digits", 12)
        kwargs.setdefault("decimal_places", 2)
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("inputmode", "decimal")

    def to_python(self, value):
        if value in self.empty_values:
            return None
        if isinstance(value, Decimal):
            return en_centimes_exacts(value)
        return lire_montant(value)

    def prepare_value(self, value):
        return f"{value:.2f}".replace(".", ",") if isinstance(value, Decimal) else value


class MontantField(models.Field):
    """Montant en euros, en centimes entiers dans la base ; positif ou nul sauf `signe=True`.

    Dérive de `models.Field` : dérivé d'un champ entier, `F("a") + F("b")` rendrait des centimes sans le dire.
    """

    description = "Montant en euros"
    empty_strings_allowed = False
    default_error_messages = {"invalid": "« %(value)s » n’est pas un montant."}

    def __init__(self, *args, signe=False, **kwargs):
        self.signe = signe
        super().__init__(*args, **kwargs)

    def get_internal_type(self):
        return "BigIntegerField"

    def db_check(self, connection):
        """La règle « jamais négatif » est dans la base, pour chaque champ qui n'est pas déclaré signé."""
        return None if self.signe else f"{connection.ops.quote_name(self.column)} >= 0"

    def deconstruct(self):
        nom, chemin, args, kwargs = super().deconstruct()
        if self.signe:
            kwargs["signe"] = True
        return nom, chemin, args, kwargs

    @property
    def validators(self):
        propres = [] if self.signe else [MinValueValidator(0, "Un montant ne peut pas être négatif.")]
        return [*super().validators, *propres]

    def to_python(self, value):
        if value is None or isinstance(value, Decimal):
            return value
        if isinstance(value, float):
            raise ValidationError(self.error_messages["invalid"], code="invalid", params={"value": value})
        return lire_montant(value)

    def from_db_value(self, value, expression, connection):
        return vers_euros(value)

    def get_prep_value(self, value):
        return vers_centimes(super().get_prep_value(value))

    def value_to_string(self, obj):
        valeur = self.value_from_object(obj)
        return "" if valeur is None else str(valeur)

    def formfield(self, **kwargs):
        options = {"form_class": MontantFormField}
        if not self.signe:
            options["min_value"] = Decimal(0)
        return super().formfield(**options | kwargs)


for operateur in (Combinable.ADD, Combinable.SUB):
    register_combinable_fields(MontantField, operateur, MontantField, MontantField)


def total(champ, **options):
    """Somme d'un champ de montant, pour l'`aggregate` ou l'`annotate` d'une requête sans jointure multiple."""
    return Sum(champ, output_field=MontantField(), **options)


def total_lie(lignes, champ, lien, **criteres):
    """Somme d'un champ de lignes liées, par sous-requête ; None si tout est inconnu."""
    lignes = lignes.filter(**{lien: OuterRef("pk")}, **criteres)
    sommes = lignes.order_by().values(lien).annotate(somme=total(champ)).values("somme")
    return Subquery(sommes, output_field=MontantField())


__all__ = [
    "CENTIME",
    "MontantField",
    "MontantFormField",
    "lire_montant",
    "total",
    "total_lie",
    "vers_centimes",
    "vers_euros",
]
