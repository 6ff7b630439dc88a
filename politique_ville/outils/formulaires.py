"""Champs de saisie communs aux formulaires."""

from django import forms


class SaisieDate(forms.DateInput):
    """Le calendrier du navigateur : il exige la date au format ISO, quelle que soit la langue de la page."""

    input_type = "date"

    def __init__(self, attrs=None):
        super().__init__(attrs, format="%Y-%m-%d")
