"""Champs de saisie communs aux formulaires, et les phrases de leurs refus."""

import re
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join

from .typographie import insecables

# Par code d'erreur : ce qu'un agent lit, à la place de « Ce champ est obligatoire ». Django remplace les %(…)s.
PHRASES = {
    "required": "Renseigner « {libelle} ».",
    "invalid_choice": "Ce choix n’est pas proposé ici pour « {libelle} » : choisir dans la liste.",
    "invalid_pk_value": "Ce choix n’est pas proposé ici pour « {libelle} » : choisir dans la liste.",
    "min_value": "« %(show_value)s » est trop petit pour « {libelle} » : écrire au moins %(limit_value)s.",
    "max_value": "« %(show_value)s » est trop grand pour « {libelle} » : écrire au plus %(limit_value)s.",
    "max_length": "« {libelle} » compte %(show_value)s caractères : %(limit_value)s au plus.",
}
PHRASES_PAR_CHAMP = {
    forms.ChoiceField: {"required": "Choisir « {libelle} »."},
    forms.DateField: {"invalid": "« {libelle} » n’est pas une date : écrire par exemple 31/12/2026."},
    forms.IntegerField: {"invalid": "« {libelle} » est un nombre entier : écrire des chiffres, par exemple 12."},
    # Après le nombre entier, dont Django fait descendre le nombre à virgule.
    forms.DecimalField: {"invalid": "« {libelle} » est un nombre : écrire des chiffres, par exemple 12,5."},
}
IDENTIFIANT = re.compile("[0-9]{1,18}")  # au-delà, SQLite n'en veut pas
POUR_CENT = re.compile(r"\s*\(%\)|%")  # Django y lirait une valeur à remplacer


def phrases_du_champ(champ):
    """Les phrases des refus que Django dirait avec ses mots ; celles qu'un champ écrit lui-même restent."""
    libelle = POUR_CENT.sub("", str(champ.label or "ce champ"))
    propres = {
        k: v for classe, dites in PHRASES_PAR_CHAMP.items() if isinstance(champ, classe) for k, v in dites.items()
    }
    dites = PHRASES | propres
    return {c: insecables(p.format(libelle=libelle)) for c, p in dites.items() if _est_de_django(champ, c)}


def _est_de_django(champ, code):
    """Ce refus se dirait-il avec les mots de Django ? Un message écrit par nous n'est celui d'aucune de ses classes."""
    siens = [
        c.__dict__.get("default_error_messages", {}) for c in type(champ).__mro__ if c.__module__.startswith("django")
    ]
    return code not in champ.error_messages or any(champ.error_messages[code] is m.get(code) for m in siens)


class PhrasesMixin:
    """Un formulaire dont chaque refus nomme le champ et le remède."""

    def full_clean(self):
        for champ in self.fields.values():
            champ.error_messages |= phrases_du_champ(champ)
        super().full_clean()

    def add_error(self, field, error):
        super().add_error(field, nombres_en_francais(error))


def nombres_en_francais(refus):
    """Le même refus, dont les nombres s'écriront « 49,99 »."""
    if isinstance(refus, ValidationError):
        listes = refus.error_dict.values() if hasattr(refus, "error_dict") else [refus.error_list]
        for erreur in (erreur for liste in listes for erreur in liste if erreur.params):
            erreur.params = {
                n: str(v).replace(".", ",") if isinstance(v, Decimal) else v for n, v in erreur.params.items()
            }
    return refus


class FiltresForm(PhrasesMixin, forms.Form):
    """Le formulaire d'un jeu de filtres, à donner en `Meta.form` : une adresse mal écrite dit quel filtre corriger."""


class ChoixMultiplesField(forms.ModelMultipleChoiceField):
    """Plusieurs objets : un identifiant démesuré est refusé, quand Django le passerait à SQLite, qui tombe en panne."""

    def clean(self, value):
        for cle in value if isinstance(value, list | tuple) else ():
            if isinstance(cle, str) and not IDENTIFIANT.fullmatch(cle):
                refus = self.error_messages["invalid_pk_value"]
                raise ValidationError(refus, code="invalid_pk_value", params={"pk": cle})
        return super().clean(value)


class SaisieDate(forms.DateInput):
    """Le calendrier du navigateur : il exige la date au format ISO, quelle que soit la langue de la page."""

    input_type = "date"

    def __init__(self, attrs=None):
        super().__init__(attrs, format="%Y-%m-%d")


class ListeDeroulante(forms.Select):
    """Un select sans groupes, écrit d'un trait : par son gabarit, Django met 0,1 ms à écrire chaque option."""

    def render(self, name, value, attrs=None, renderer=None):
        choisies = self.format_value(value)
        options = ((v, " selected" if str(v) in choisies else "", libelle) for v, libelle in self.choices)
        attributs = flatatt(self.build_attrs(self.attrs, {**(attrs or {}), "name": name}))
        lignes = format_html_join("\n", '<option value="{}"{}>{}</option>', options)
        return format_html("<select{}>\n{}\n</select>", attributs, lignes)
