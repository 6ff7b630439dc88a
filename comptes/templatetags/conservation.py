"""Ce qu'un formulaire qui se conserve écrit dans sa page : son champ caché, et ce qui a été retrouvé."""

from django import template
from django.utils import timezone

from politique_ville.outils.typographie import insecables

from .. import conservation
from ..conservation import CHAMP, Ecran

register = template.Library()


@register.inclusion_tag("comptes/_champ_de_conservation.html", takes_context=True)
def champ_de_conservation(context):
    """À mettre dans le formulaire : sa saisie se range alors au fil de la frappe, et survit à la session."""
    requete = context["request"]
    return {"nom": CHAMP, "valeur": Ecran(requete.user.pk, requete.path).champ}


@register.inclusion_tag("comptes/_saisie_retrouvee.html", takes_context=True)
def saisie_retrouvee(context, retrouvee=None):
    """Avant le formulaire : dit ce qui a été retrouvé et propose de l'abandonner.

    `retrouvee` : la saisie que la vue a déjà remise dans le formulaire ; sinon, le navigateur l'y remet.
    """
    requete = context["request"]
    a_remettre = None
    if retrouvee is None and requete.method == "GET":
        retrouvee = a_remettre = conservation.retrouver(requete.user, requete.path)
    return {
        "nom": CHAMP,
        "valeur": Ecran(requete.user.pk, requete.path).champ,
        "retrouvee": retrouvee,
        "a_remettre": a_remettre and a_remettre.contenu,
        "phrase": retrouvee and phrase(retrouvee.conservee_le),
        "csrf_token": context.get("csrf_token"),
    }


def phrase(quand):
    quand = timezone.localtime(quand)
    return insecables(f"Votre saisie du {quand:%d/%m} à {quand:%H:%M} a été retrouvée. Elle n’est pas enregistrée.")
