"""Nommer un département dans une phrase : « du Calvados », « de l’Orne », « des Landes », « de Mayotte »."""

import re

MASCULINS = re.compile(
    "Bas-Rhin|Calvados|Cantal|Cher|Doubs|Finistère|Gard|Gers|Haut-Rhin|Jura|Loir-et-Cher|Loiret|Lot|Lot-et-Garonne|"
    "Maine-et-Loire|Morbihan|Nord|Pas-de-Calais|Puy-de-Dôme|Rhône|Tarn|Tarn-et-Garonne|Territoire de Belfort|"
    "Val-d’Oise|Val-de-Marne|Var"
)
SANS_ARTICLE = re.compile(r"La |Mayotte|Paris|Saint-|Vaucluse|Wallis")
PLURIELS = re.compile(
    r"Alpes-|Ardennes|Bouches-|Côtes-|Deux-|Hautes-|Hauts-|Landes|Pyrénées-|Terres|Vosges|Yvelines|Îles"
)
DEVANT_VOYELLE = re.compile(r"[AEÉIÎOUY]|Hérault")


def du_departement(nom: str) -> str:
    """Le nom précédé de « de » et de son article ; un nom inconnu est pris au féminin singulier."""
    if PLURIELS.match(nom):
        return f"des {nom}"
    if SANS_ARTICLE.match(nom):
        return f"de {nom}"
    if MASCULINS.fullmatch(nom):
        return f"du {nom}"
    return f"de l’{nom}" if DEVANT_VOYELLE.match(nom) else f"de la {nom}"
