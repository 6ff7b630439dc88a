"""Deux textes parlent-ils de la même chose ? Un mot qui veut dire quelque chose, en commun, suffit à le croire."""

import re

from politique_ville.outils.recherche import normaliser

MOT = re.compile(r"[a-z]{4,}")  # ni articles, ni numéros, ni années
PASSE_PARTOUT = (
    "action animation association atelier autour avec chez club comite contre dans demande dispositif entre "
    "festival habitant jeune leur mise nouveau nouvelle place pour projet quartier saison sans structure tous toutes "
    "vers ville"
)


def ont_un_mot_commun(un: str, autre: str) -> bool:
    """Vrai si les deux partagent un mot de quatre lettres ou plus, pluriel et mots passe-partout mis à part."""
    return bool(_mots(un) & _mots(autre))


def _mots(texte):
    """Les mots qui veulent dire quelque chose ; tous les mots d'un texte qui n'en a pas (« VVV 2026 »)."""
    return _au_singulier(texte) - INSIGNIFIANTS or set(normaliser(texte).split())


def _au_singulier(texte):
    return {mot.rstrip("s") for mot in MOT.findall(normaliser(texte))}


INSIGNIFIANTS = _au_singulier(PASSE_PARTOUT)
