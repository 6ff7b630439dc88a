"""Mener d'un champ d'une fiche à son histoire, en un clic, pour qui a le droit de la lire."""

from django import template
from django.utils.html import format_html

register = template.Library()

LIEN = '<a class="pv-suivi" href="{}?champ={}">{}<span class="fr-sr-only"> : historique</span></a>'


@register.simple_tag(takes_context=True)
def suivi(context, champ, libelle):
    """Le libellé d'un champ ou d'un bloc ; un lien, si la page donne `adresse_histoire` à qui la lit."""
    adresse = context.get("adresse_histoire")
    return format_html(LIEN, adresse, champ, libelle) if adresse else libelle
