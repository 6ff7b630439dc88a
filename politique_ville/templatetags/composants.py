"""Composants qui ont un corps ou des arguments répétés ; les autres sont de simples includes."""

from django import template
from django.template.loader import render_to_string

register = template.Library()


@register.simple_block_tag
def tableau(content, legende, **options):
    """Conteneur de tableau ; contrat dans `composants/tableau.html`."""
    return render_to_string("composants/tableau.html", {"corps": content, "legende": legende, **options})


@register.inclusion_tag("composants/fil_ariane.html")
def fil_ariane(*elements):
    """Des couples libellé, adresse, puis le libellé de la page courante."""
    *parents, courante = elements
    return {"etapes": list(zip(parents[::2], parents[1::2], strict=True)), "courante": courante}


@register.simple_tag
def pages_voisines(page):
    """Les numéros à montrer autour de la page courante, coupés par des points de suspension."""
    return list(page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1))
