"""Dire pourquoi un fichier ne s'ouvre ou ne s'écrit pas : le système l'expliquerait en anglais."""

import errno

RAISONS = {
    errno.ENOENT: "il n’existe pas",
    errno.EISDIR: "c’est un dossier",
    errno.ENOTDIR: "son chemin passe par ce qui n’est pas un dossier",
    errno.EACCES: "l’accès en est interdit à votre compte",
    errno.ENOSPC: "le disque est plein",
}


def raison(erreur: OSError) -> str:
    """« il n'existe pas » ; à défaut, le numéro que le système donne à l'erreur."""
    return RAISONS.get(erreur.errno, f"erreur {erreur.errno} du système")
