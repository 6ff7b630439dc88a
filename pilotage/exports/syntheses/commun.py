"""Ce que toutes les synthèses font d'une ligne : la chiffrer, la rapprocher de l'écran, lui donner sa part."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from ..formules import INCONNU, Critere, Formule, Page, Selection, ecart, ou_inconnu, quotient, valeur
from ..mesures import Mesure

TOTAL = "Total"
CENT = Decimal(100)


def ligne_de_total(libelle: str = TOTAL) -> dict:
    return {"niveau": TOTAL, "libelle": libelle, "forte": True}


def critere_de_la_ligne(page: Page, rang: int, nom: str) -> Critere:
    """« Cette colonne des faits vaut la clé de cette ligne. »"""
    return Critere(nom, page.lignes[rang]["cle"], adresse=page.ici("cle", rang))


def champ_de(mesure: Mesure) -> str:
    """La colonne qui porte ce que la base mesure."""
    return "montant" if mesure.choix.est_un_montant else "nombre"


def lu(mesure: Mesure, ligne: Any) -> Any:
    """Ce que la base mesure, dans une ligne de l'écran."""
    return ligne.montant if mesure.choix.est_un_montant else ligne.nombre


def chiffrer(page: Page, rang: int, mesure: Mesure, criteres: Iterable[Critere], ecran: Any) -> None:
    """Le nombre, le montant et l'écart à l'écran d'une ligne. `ecran` : ce que l'écran mesure (None : inconnu)."""
    ligne, criteres = page.lignes[rang], tuple(criteres)
    ligne["nombre"] = mesure.nombre(*criteres)
    if mesure.choix.est_un_montant:
        ligne["montant"] = mesure.montant(*criteres, adresse_du_nombre=page.ici("nombre", rang))
        ligne["inconnus"] = mesure.inconnus(*criteres)
    rapprocher(page, rang, champ_de(mesure), ecran)


def rapprocher(page: Page, rang: int, champ: str, ecran: Any) -> None:
    ligne = page.lignes[rang]
    ligne["ecran"] = INCONNU if ecran is None else ecran
    ligne["ecart"] = ecart(cellule(page, champ, rang), cellule(page, "ecran", rang))


def cellule(page: Page, champ: str, rang: int) -> tuple[str, Any]:
    """L'adresse et la valeur d'une cellule de la page."""
    return page.ici(champ, rang), valeur(page.lignes[rang][champ])


def cellule_fixe(page: Page, champ: str, rang: int) -> tuple[str, Any]:
    return page.fixe(champ, rang), valeur(page.lignes[rang][champ])


def partager(page: Page, champ: str, parts: Sequence[Decimal | None], total: tuple[str, Any]) -> None:
    """La part exacte de chaque ligne dans le total (adresse, valeur), et sa part affichée, en % (None : « — »)."""
    for rang, part in enumerate(parts):
        ligne = page.lignes[rang]
        ligne["part"] = quotient(cellule(page, champ, rang), total)
        ligne["part_affichee"] = INCONNU if part is None else part / CENT


def part_du_tout(total: Any) -> Decimal | None:
    """La part affichée d'un total : 100 %, ou rien s'il est nul."""
    return CENT if total else None


def porteurs(selection: Selection, *criteres: Critere) -> int:
    """Combien de porteurs différents ; une valeur : aucune formule simple ne compte sans répétition."""
    return len({selection.page.lignes[rang]["porteur_pk"] for rang in selection.rangs(*criteres)})


def cofinancements(mesure: Mesure, *criteres: Critere) -> Formule:
    """Ce que les autres financeurs que le P147 ont acquis aux actions comptées ; « — » si aucun vote n'est connu."""
    actions = mesure.actions
    somme, connus = (f("cofinancements", *criteres) for f in (actions.somme, actions.connus))
    return ou_inconnu(somme, connus, actions.nombre(*criteres))
