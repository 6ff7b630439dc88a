"""Mener d'un champ d'une fiche à son histoire, en un clic, pour qui a le droit de la lire."""

from django import template
from django.urls import reverse
from django.utils.html import format_html

register = template.Library()

LIEN = '<a class="pv-suivi" href="{}?champ={}">{}<span class="fr-sr-only"> : histoire</span></a>'


@register.simple_tag(takes_context=True)
def suivi(context, champ, libelle):
    """Le libellé d'un champ ou d'un bloc de l'action de la page ; un lien, si la page montre l'histoire."""
    if not context.get("est_de_l_etat"):
        return libelle
    adresse = reverse("programmation:action_histoire", args=[context["action"].pk])
    return format_html(LIEN, adresse, champ, libelle)
