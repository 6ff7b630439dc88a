"""Les liens et les phrases des écrans de pilotage."""

from django import template
from django.utils.html import format_html

from politique_ville.outils.francais import INCONNU, euros, nombre
from programmation.synthese import total_des_parts

from .. import phrases

register = template.Library()

register.filter("total_des_parts", total_des_parts)
register.filter("ecart", phrases.ecart)
register.filter("constat", phrases.constat)
register.filter("constat_commun", phrases.constat_commun)
register.filter("place", phrases.place)
register.filter("ecart_de_rang", phrases.ecart_de_rang)
register.filter("face_a", phrases.face_a)
register.filter("points_du_rang", phrases.points_du_rang)
register.filter("lignes_a_preciser", phrases.lignes_a_preciser)
register.filter("votes_connus", phrases.votes_connus)
register.filter("sans_filiation", phrases.sans_filiation)
register.filter("depuis", lambda filiation: phrases.DEPUIS[filiation.nature])
register.filter("vers", lambda filiation: phrases.VERS[filiation.nature])


@register.simple_tag
def lien_liste(portee, **criteres):
    """`{% lien_liste portee pilier=ligne.pilier.pk %}` : la liste dont le total est le nombre affiché."""
    return portee.liste(**criteres)


@register.simple_tag
def lien_tableau(portee, **changements):
    """`{% lien_tableau portee contrat=contrat.pk quartier=None %}` : le même tableau de bord, autrement borné."""
    return portee.adresse(**changements)


@register.simple_tag
def plus_grande_part(lignes, choix, nom):
    """La phrase d'un graphique ; `nom` : l'attribut qui nomme une ligne."""
    return phrases.la_plus_grande_part(lignes, choix, lambda ligne: phrases.sujet(getattr(ligne, nom)))


@register.simple_tag
def rang_du_contrat(financeurs, contrat):
    """Le rang de l'État/ANCT dans un contrat ; None s'il n'y a rien d'acquis, ou à l'échelle du département."""
    return financeurs.rangs_par_contrat.get(contrat.pk) if contrat else None


@register.simple_tag
def montant(valeur, adresse, inconnus=0):
    """Un montant qui mène à la liste dont il est le total, et combien d'actions n'en ont pas ; « — » ne mène à rien."""
    lien = INCONNU if valeur is None else format_html('<a href="{}">{}</a>', adresse, euros(valeur))
    if not inconnus:
        return lien
    return format_html('{} <br><span class="fr-text--xs">{} sans montant</span>', lien, nombre(inconnus))
