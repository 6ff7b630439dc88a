"""Remplir un texte à variables nommées, « {{ porteur }} », et le mettre en page. Rien ne s'y exécute.

Un paragraphe finit à une ligne vide. « ## » en tête d'un paragraphe en fait un titre ; « - » en tête de chacune de ses
lignes, une liste.
"""

import re
from collections.abc import Mapping

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from .typographie import insecables

VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
ACCOLADES = re.compile(r"\{\{|\}\}")
TITRE, PUCE = "## ", "- "
SAUT = mark_safe("<br>")


class VariableMalEcrite(Exception):
    """Des accolades ouvertes ou fermées ne nomment aucune variable ; le message les cite."""


def variables(texte: str) -> list[str]:
    """Les noms que cite le texte, une fois chacun, dans leur ordre. Lève VariableMalEcrite."""
    reste = VARIABLE.sub("", texte)
    fautive = ACCOLADES.search(reste)
    if fautive:
        raise VariableMalEcrite(reste[max(0, fautive.start() - 20) : fautive.end() + 20].strip())
    return list(dict.fromkeys(VARIABLE.findall(texte)))


def remplir(texte: str, valeurs: Mapping[str, str]) -> str:
    """Le texte dont chaque variable a pris sa valeur, aux espaces insécables près ; une valeur n'est jamais relue."""
    return insecables(VARIABLE.sub(lambda trouvee: valeurs[trouvee[1]], texte))


def remplir_ce_qui_est_connu(texte: str, valeurs: Mapping[str, str]) -> str:
    """Le texte dont les variables connues ont pris leur valeur ; une autre reste écrite telle quelle."""
    return VARIABLE.sub(lambda trouvee: insecables(valeurs.get(trouvee[1], trouvee[0])), texte)


def mettre_en_page(texte: str, niveau: int = 2) -> SafeString:
    """Le HTML de ce texte, échappé ; `niveau` : celui de ses titres."""
    blocs = re.split(r"\n\s*\n", texte.replace("\r\n", "\n").strip())
    return format_html_join("\n", "{}", ((en_html(b.strip().split("\n"), niveau),) for b in blocs if b.strip()))


def en_html(lignes: list[str], niveau: int) -> SafeString:
    if lignes[0].startswith(TITRE):
        titre = format_html("<h{}>{}</h{}>", niveau, lignes[0].removeprefix(TITRE), niveau)
        return titre + en_html(lignes[1:], niveau) if lignes[1:] else titre
    if all(ligne.startswith(PUCE) for ligne in lignes):
        puces = format_html_join("", "<li>{}</li>", ((ligne.removeprefix(PUCE),) for ligne in lignes))
        return format_html("<ul>{}</ul>", puces)
    return format_html("<p>{}</p>", format_html_join(SAUT, "{}", ((ligne,) for ligne in lignes)))


__all__ = ["VariableMalEcrite", "mettre_en_page", "remplir", "remplir_ce_qui_est_connu", "variables"]
