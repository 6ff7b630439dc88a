"""Recevoir le fichier d'un agent sans lui faire confiance : taille, extension, contenu, archive."""

from dataclasses import replace
from pathlib import PurePath
from typing import BinaryIO

from politique_ville.outils.tableur.archive import copie_saine
from politique_ville.outils.tableur.fichier import (
    LIMITES,
    MEGAOCTET,
    MOT_DE_PASSE,
    REENREGISTRER,
    Fichier,
    FichierRefuse,
    Limites,
    refus_seulement,
)

ARCHIVES = (".xlsx", ".ods")
EXTENSIONS = (*ARCHIVES, ".xls", ".csv")
SIGNATURE_ZIP = b"PK\x03\x04"
SIGNATURE_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PAQUET_CHIFFRE = "EncryptedPackage".encode("utf-16-le")


def recevoir(flux: BinaryIO, nom: str, limites: Limites = LIMITES) -> Fichier:
    """Le fichier vérifié, prêt à lire ; lève FichierRefuse."""
    nom = PurePath(nom.replace("\\", "/")).name
    extension = PurePath(nom).suffix.lower()
    contenu = flux.read(limites.octets + 1)
    _verifier_taille_et_extension(contenu, nom, extension, limites)
    _verifier_contenu(contenu, nom, extension)
    fichier = Fichier(nom, extension, contenu, contenu, limites)
    if extension not in ARCHIVES:
        return fichier
    with refus_seulement(nom):
        return replace(fichier, lisible=copie_saine(fichier))


def _verifier_taille_et_extension(contenu, nom, extension, limites):
    if extension not in EXTENSIONS:
        raise FichierRefuse(f"« {nom} » n’est ni un .xlsx, ni un .xls, ni un .ods, ni un .csv. {REENREGISTRER}")
    if len(contenu) > limites.octets:
        taille = limites.octets // MEGAOCTET
        raise FichierRefuse(f"« {nom} » dépasse {taille} Mo. Retirer les images et les feuilles inutiles.")
    if not contenu.strip():
        raise FichierRefuse(f"« {nom} » est vide. Vérifier que le fichier a été enregistré.")


def _verifier_contenu(contenu, nom, extension):
    """L'extension dit-elle vrai ? Un .xlsx chiffré est un conteneur OLE."""
    if PAQUET_CHIFFRE in contenu:
        raise FichierRefuse(MOT_DE_PASSE.format(nom=nom))
    est_zip, est_ole = contenu.startswith(SIGNATURE_ZIP), contenu.startswith(SIGNATURE_OLE)
    attendu = {".xlsx": est_zip, ".ods": est_zip, ".xls": est_ole}
    est_texte = not (est_zip or est_ole or b"\x00" in contenu)
    if not attendu.get(extension, est_texte):
        raise FichierRefuse(f"Le contenu de « {nom} » n’est pas celui d’un fichier {extension}. {REENREGISTRER}")
