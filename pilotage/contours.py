"""Dessiner le contour d'un quartier en SVG, sans carte ni ressource extérieure."""

from dataclasses import dataclass
from math import cos, radians

COTE = 320  # le plus grand côté du dessin, en unités SVG
MARGE = 4
KM_PAR_DEGRE = 111.32  # un degré de latitude, en kilomètres


@dataclass(frozen=True)
class Dessin:
    """Un chemin SVG, la taille de son cadre, et ce qu'il mesure en kilomètres, d'ouest en est puis du nord au sud."""

    chemin: str
    largeur: int
    hauteur: int
    km_ouest_est: float
    km_nord_sud: float

    @property
    def cadre(self) -> str:
        """Le viewBox, avec une marge pour l'épaisseur du trait."""
        return f"-{MARGE} -{MARGE} {self.largeur + 2 * MARGE} {self.hauteur + 2 * MARGE}"

    @property
    def description(self) -> str:
        """« environ 1,2 km d’ouest en est et 0,8 km du nord au sud »."""
        ouest_est, nord_sud = (f"{km:.1f}".replace(".", ",") for km in (self.km_ouest_est, self.km_nord_sud))
        return f"environ {ouest_est}\u00a0km d’ouest en est et {nord_sud}\u00a0km du nord au sud"


def dessiner(contour: dict | None) -> Dessin | None:
    """Le dessin d'un contour GeoJSON (Polygon ou MultiPolygon), nord en haut ; None sans contour."""
    anneaux = _anneaux(contour)
    if not anneaux:
        return None
    longitudes, latitudes = zip(*(point for anneau in anneaux for point in anneau), strict=True)
    ouest, nord = min(longitudes), max(latitudes)
    degre_est = cos(radians((nord + min(latitudes)) / 2))  # un degré de longitude est plus court loin de l'équateur
    large, haut = (max(longitudes) - ouest) * degre_est, nord - min(latitudes)
    echelle = COTE / max(large, haut)

    def place(longitude, latitude):
        return f"{(longitude - ouest) * degre_est * echelle:.0f} {(nord - latitude) * echelle:.0f}"

    chemin = "".join(f"M{'L'.join(place(*point) for point in anneau)}Z" for anneau in anneaux)
    return Dessin(chemin, round(large * echelle), round(haut * echelle), large * KM_PAR_DEGRE, haut * KM_PAR_DEGRE)


def _anneaux(contour):
    """Les lignes fermées du contour, trous compris : chacune une liste de (longitude, latitude)."""
    if not contour:
        return []
    polygones = contour["coordinates"] if contour["type"] == "MultiPolygon" else [contour["coordinates"]]
    return [[point[:2] for point in anneau] for polygone in polygones for anneau in polygone]
