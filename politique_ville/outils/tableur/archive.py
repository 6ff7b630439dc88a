"""Vérifier un .xlsx ou un .ods, qui sont des archives de XML, avant qu'une bibliothèque ne les développe en mémoire.

Refusés : bombe de décompression, archive chiffrée, DTD et entités (XML externe), et une cellule isolée très loin
ou répétée un million de fois, dont le rectangle ne tiendrait pas en mémoire. La lecture ne reçoit ensuite qu'une
copie faite des seules parties vérifiées : ce que ce module n'a pas vu n'existe pas.
"""

import io
import re
from xml.parsers import expat
from zipfile import ZIP_STORED, ZipFile

from openpyxl.utils import column_index_from_string

from politique_ville.outils.tableur.fichier import MOT_DE_PASSE, REENREGISTRER, Fichier, FichierRefuse

BLOC = 65_536
PETIT = 5_000_000  # octets : en deçà, un fort taux de compression ne menace rien
PARTIES_AU_PLUS = 2_000
TEMOINS = {".xlsx": "xl/workbook.xml", ".ods": "content.xml"}

ERREUR_XLSX = re.compile(rb'(<(?:\w+:)?c\b[^<>]*\bt=)"e"')
ERREUR_ODS = re.compile(rb'office:string-value=""(\s+calcext:value-type="error")')


def copie_saine(fichier: Fichier) -> bytes:
    """Une archive faite des parties XML vérifiées ; lève FichierRefuse, ou l'erreur de lecture de l'archive."""
    copie = io.BytesIO()
    with ZipFile(io.BytesIO(fichier.contenu)) as source, ZipFile(copie, "w", ZIP_STORED) as cible:
        _verifier_sommaire(source, fichier)
        reste = _octets_permis(fichier)
        for partie in source.infolist():
            if partie.filename.endswith((".xml", ".rels")) or partie.filename == "mimetype":
                octets = _lire(source, partie, reste, fichier)
                reste -= len(octets)
                cible.writestr(partie.filename, _montrer_les_erreurs(octets))
    return copie.getvalue()


def _verifier_sommaire(archive, fichier):
    parties = archive.infolist()
    noms = {partie.filename for partie in parties}
    if TEMOINS[fichier.extension] not in noms:
        raise FichierRefuse(
            f"Le contenu de « {fichier.nom} » n’est pas celui d’un fichier {fichier.extension}. {REENREGISTRER}"
        )
    if len(parties) > PARTIES_AU_PLUS or len(noms) < len(parties):
        raise FichierRefuse(f"« {fichier.nom} » n’est pas un tableur ordinaire. {REENREGISTRER}")
    chiffree = any(partie.flag_bits & 1 for partie in parties)
    if chiffree or ("META-INF/manifest.xml" in noms and _manifeste_chiffre(archive)):
        raise FichierRefuse(MOT_DE_PASSE.format(nom=fichier.nom))


def _manifeste_chiffre(archive):
    with archive.open("META-INF/manifest.xml") as flux:
        return b"encryption-data" in flux.read(PETIT)


def _octets_permis(fichier):
    limites = fichier.limites
    return min(limites.octets_decompresses, max(PETIT, len(fichier.contenu) * limites.taux_de_compression))


def _lire(archive, partie, reste, fichier):
    """Les octets d'une partie, décompressés et analysés bloc par bloc ; `mimetype` n'est pas du XML."""
    analyser = _analyseur(fichier) if partie.filename != "mimetype" else lambda bloc, fin: None
    blocs, total = [], 0
    with archive.open(partie) as flux:
        while bloc := flux.read(BLOC):
            total += len(bloc)
            if total > reste:
                raise FichierRefuse(f"« {fichier.nom} » est anormalement gros une fois décompressé. {REENREGISTRER}")
            analyser(bloc, False)
            blocs.append(bloc)
    analyser(b"", True)
    return b"".join(blocs)


def _analyseur(fichier):
    def refuser_dtd(*_):
        raise FichierRefuse(f"« {fichier.nom} » contient du XML externe (DTD), refusé par sécurité. {REENREGISTRER}")

    analyseur = expat.ParserCreate()
    analyseur.StartDoctypeDeclHandler = refuser_dtd
    analyseur.StartElementHandler = ETENDUES[fichier.extension](fichier).debut
    return analyseur.Parse


def _montrer_les_erreurs(octets):
    """Une cellule en erreur (#N/A) serait lue comme vide : on en fait un texte, que la validation refusera."""
    return ERREUR_ODS.sub(rb"\1", ERREUR_XLSX.sub(rb'\1"str"', octets))


class Etendue:
    """Jusqu'où va le contenu d'une feuille : une cellule mise en forme mais vide ne compte pas."""

    def __init__(self, fichier):
        self.fichier = fichier
        self.ligne = self.colonne = 0
        self.bas = self.droite = self.deja_lues = 0

    def atteindre(self):
        """Prend acte d'une cellule remplie à la position courante ; lève FichierRefuse hors des limites."""
        if self.ligne > self.bas or self.colonne > self.droite:
            self.bas, self.droite = max(self.bas, self.ligne), max(self.droite, self.colonne)
            self.fichier.verifier_etendue(self.bas, self.droite, self.deja_lues)


class EtendueXlsx(Etendue):
    def debut(self, nom, attributs):
        nom = nom.rpartition(":")[2]
        if nom == "c":
            self._aller(attributs.get("r"))
        elif nom == "row":
            self.ligne, self.colonne = int(attributs.get("r", self.ligne + 1)), 0
        elif nom in ("v", "is"):
            self.atteindre()

    def _aller(self, adresse):
        """`r="C14"`, facultatif : sans lui, la cellule suit la précédente."""
        if adresse is None:
            self.colonne += 1
        else:
            lettres = adresse.rstrip("0123456789")
            self.colonne, self.ligne = column_index_from_string(lettres), int(adresse[len(lettres) :])


class EtendueOds(Etendue):
    def debut(self, nom, attributs):
        if nom in ("table:table-cell", "table:covered-table-cell"):
            self.colonne += int(attributs.get("table:number-columns-repeated", 1))
            if any(attribut.startswith("office:") for attribut in attributs):
                self.atteindre()
        elif nom == "text:p":
            self.atteindre()
        elif nom == "table:table-row":
            self.ligne, self.colonne = self.ligne + int(attributs.get("table:number-rows-repeated", 1)), 0
        elif nom == "table:table":
            self.deja_lues += self.bas * self.droite  # toutes les feuilles d'un .ods se lisent ensemble
            self.ligne = self.colonne = self.bas = self.droite = 0


ETENDUES = {".xlsx": EtendueXlsx, ".ods": EtendueOds}
