"""Ce qu'un formulaire qui se conserve écrit dans sa page : son champ caché, et ce qui a été retrouvé."""

from django import template
from django.utils import timezone

from politique_ville.outils.typographie import insecables

from .. import conservation
from ..conservation import CHAMP, Ecran

register = template.Library()


@register.inclusion_tag("comptes/_champ_de_conservation.html", takes_context=True)
def champ_de_conservation(context, adresse="", au_fil=True, remise=False):
    """À mettre dans tout formulaire où l'on tape, après son jeton : la saisie survit alors à la session.

    `adresse` : celle où revenir, quand le chemin ne dit pas tout (une sélection, des filtres : la page entière).
    `au_fil` : la range aussi au fil de la frappe ; non pour des cellules, qui s'enregistrent une à une.
    `remise` : la vue a déjà remis ce qui a été retrouvé ; sinon, le navigateur le remet.
    """
    requete = context["request"]
    ecran = Ecran(requete.user.pk, adresse or requete.path)
    a_remettre = requete.method == "GET" and not remise
    retrouvee = conservation.retrouver(requete.user, ecran.adresse) if a_remettre else None
    return {
        "nom": CHAMP,
        "valeur": ecran.champ,
        "au_fil": au_fil,
        "retrouvee": retrouvee,
        "phrase": retrouvee and phrase(retrouvee.conservee_le),
    }


@register.inclusion_tag("comptes/_saisie_retrouvee.html", takes_context=True)
def saisie_remise(context, retrouvee):
    """Avant le formulaire où la vue a remis une saisie (ou None) : dit d'où elle vient, propose de l'abandonner."""
    requete = context["request"]
    return {
        "nom": CHAMP,
        "valeur": Ecran(requete.user.pk, requete.path).champ,
        "phrase": retrouvee and phrase(retrouvee.conservee_le),
        "csrf_token": context.get("csrf_token"),
    }


def phrase(quand):
    quand = timezone.localtime(quand)
    return insecables(f"Votre saisie du {quand:%d/%m} à {quand:%H:%M} a été retrouvée. Elle n’est pas enregistrée.")
