"""Dessiner la barre d'une enveloppe, mener de chaque segment à sa liste, dire ce qui ne va pas."""

from decimal import Decimal
from urllib.parse import urlencode

from django import template
from django.urls import reverse

from politique_ville.outils.francais import euros
from politique_ville.outils.typographie import insecables

from ..synthese import Part

register = template.Library()

ZERO, CENT = Decimal(0), Decimal(100)


@register.inclusion_tag("composants/barre_segments.html")
def barre_de_l_enveloppe(barre):
    """La barre entière est le plafond ou, si ce qui est porté le dépasse, ce qui est porté : un trait marque alors le
    plafond. Un segment négatif n'a pas de largeur."""
    portes = [(part, max(barre.segments[part], ZERO)) for part in Part.des_actions()]
    total = sum(montant for _, montant in portes)
    echelle = max(barre.plafond, total)
    traits, x = [], ZERO
    for part, montant in portes:
        largeur = pour_cent(montant, echelle)
        traits.append((part.value, x, largeur))
        x += largeur
    return {
        "traits": traits,
        "plafond": pour_cent(max(barre.plafond, ZERO), echelle) if total > barre.plafond else None,
    }


def pour_cent(montant, echelle):
    return (montant * CENT / echelle).quantize(Decimal("0.01")) if echelle else ZERO


@register.simple_tag
def segments_de_l_enveloppe(enveloppe, barre):
    """(segment, montant, adresse de la liste dont il est la somme) ; pour le disponible, le journal des mouvements."""
    return [
        (part, montant, adresse_de_la_part(part, enveloppe.exercice_id, enveloppe.pk))
        for part, montant in barre.segments.items()
    ]


@register.simple_tag
def adresse_de_la_part(part, exercice, enveloppe="sans", **autres):
    """La liste des actions qui font ce segment ; `enveloppe` : son identifiant, ou « sans »."""
    if part == Part.DISPONIBLE:
        return f"{reverse('programmation:enveloppe_detail', args=[enveloppe])}#mouvements"
    criteres = {"exercice": exercice, "enveloppe": enveloppe, "reste": Part(part).value, **autres}
    return f"{reverse('programmation:action_list')}?{urlencode(criteres)}"


@register.filter
def alertes(barre):
    """Ce qui ne va pas dans une enveloppe, en toutes lettres."""
    phrases = []
    if barre.sur_programmation:
        phrases.append(
            f"Sur-programmation de {euros(barre.sur_programmation)} : {euros(barre.accorde)} sont accordés pour un "
            f"plafond de {euros(barre.plafond)}. Rien n’est défait ; une nouvelle attribution est refusée."
        )
    elif barre.disponible < 0:
        phrases.append(
            f"Les propositions dépassent de {euros(-barre.disponible)} ce qui reste à décider : {euros(barre.propose)} "
            f"sont proposés, {euros(barre.reste_a_decider)} restent."
        )
    if barre.a_desengager:
        phrases.append(f"{euros(barre.a_desengager)} sont engagés au-delà de l’accordé : désengager.")
    if barre.restant_a_engager < 0:
        phrases.append(f"L’engagé dépasse de {euros(-barre.restant_a_engager)} ce qui est notifié.")
    if barre.non_reparti and barre.non_reparti.ae < 0:
        phrases.append(f"Les sous-enveloppes ont {euros(-barre.non_reparti.ae)} de plus que leur mère.")
    return [insecables(phrase) for phrase in phrases]
