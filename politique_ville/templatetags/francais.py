"""Filtres et balise disponibles dans tous les gabarits ; le calcul est dans `politique_ville.outils`."""

from django import template
from django.template.defaultfilters import stringfilter

from politique_ville.outils import francais, typographie
from politique_ville.outils.listes import remplacer_parametres

register = template.Library()

register.filter("euros", francais.euros)
register.filter("euros_entiers", francais.euros_entiers)
register.filter("nombre", francais.nombre)
register.filter("pourcent", francais.pourcent)
register.filter("signe", francais.signe)
register.filter("insecables", stringfilter(typographie.insecables), is_safe=True)


@register.filter
def pluriel(quantite, formes):
    """`{{ n|pluriel:"action,actions" }}` : le nombre et le mot accordé."""
    un, plusieurs = formes.split(",")
    return francais.pluriel(quantite, un, plusieurs)


@register.simple_tag(takes_context=True)
def remplace_parametres(context, **changements):
    """`{% remplace_parametres tri="nom" page=None %}` : l'adresse courante modifiée, même dans un include « only »."""
    return remplacer_parametres(context.request.GET, **changements)
