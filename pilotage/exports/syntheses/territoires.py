"""Les feuilles Contrats et Quartiers."""

from programmation.synthese import LigneQuartier, SyntheseDesContrats, SyntheseDesQuartiers
from territoires.models import ContratDeVille

from ..feuilles_de_faits import ECHELLES
from ..formules import Critere, Page, corps, quotient, valeur
from ..mesures import Mesure
from .commun import (
    cellule,
    cellule_fixe,
    champ_de,
    chiffrer,
    cofinancements,
    critere_de_la_ligne,
    ligne_de_total,
    lu,
    part_du_tout,
    partager,
    porteurs,
    rapprocher,
)


def page_des_contrats(modele, synthese: SyntheseDesContrats, mesure: Mesure) -> Page:
    lignes = [
        {
            "cle": f"contrat-{ligne.contrat.pk}" if ligne.contrat else "departement",
            "niveau": "Contrat" if ligne.contrat else "Département",
            "code": ligne.contrat.code if ligne.contrat else None,
            "libelle": ligne.libelle,
            **habitants(ligne),
        }
        for ligne in synthese.lignes
    ]
    page, rang_du_total = Page(modele, [*lignes, ligne_de_total()]), len(lignes)
    for rang, ligne in enumerate([*synthese.lignes, synthese.total]):
        criteres = [critere_de_la_ligne(page, rang, "cle_contrat")] if rang < rang_du_total else []
        chiffrer(page, rang, mesure, criteres, lu(mesure, ligne))
        page.lignes[rang]["porteurs"] = porteurs(mesure.actions, *criteres)
        page.lignes[rang]["cofinancements"] = cofinancements(mesure, *criteres)
    parts, champ = [ligne.part for ligne in synthese.lignes], champ_de(mesure)
    total = cellule_fixe(page, champ, rang_du_total)
    partager(page, champ, [*parts, part_du_tout(lu(mesure, synthese.total))], total)
    par_habitant(page, mesure)
    return page


def habitants(ligne) -> dict:
    return {"population": ligne.population, "millesime": ligne.millesime}


def par_habitant(page: Page, mesure: Mesure) -> None:
    """Les euros par habitant, au centime, là où la population est connue."""
    for rang, ligne in enumerate(page.lignes):
        if mesure.choix.est_un_montant and "population" in ligne:
            ligne["par_habitant"] = quotient(cellule(page, "montant", rang), cellule(page, "population", rang), 2)


def page_des_quartiers(
    modele,
    synthese: SyntheseDesQuartiers,
    contrats: dict[int, ContratDeVille],
    mesure: Mesure,
    actions: Mesure,
    nombre_lu: int,
) -> Page:
    """Les quartiers, puis les deux échelles.

    `actions` : la mesure de Programmation, qui compte chaque action une fois ; `nombre_lu` : ce nombre, à l'écran.
    """
    lues = [*synthese.lignes, *synthese.echelles]
    lignes = [ligne_de_quartier(lue, contrats[lue.quartier.contrat_id]) for lue in synthese.lignes]
    page = Page(modele, [*lignes, *map(ligne_d_echelle, synthese.echelles), ligne_de_total()])
    for rang, lue in enumerate(lues):
        colonne = "cle_lieu" if rang < len(synthese.lignes) else "echelle"
        chiffrer(page, rang, mesure, [critere_de_la_ligne(page, rang, colonne)], lu(mesure, lue))
    totaliser_les_lieux(page, mesure, actions, synthese.montant_total if champ_de(mesure) == "montant" else nombre_lu)
    partager_les_lieux(page, mesure, [lue.part for lue in lues])
    par_habitant(page, mesure)
    if mesure.choix.est_un_montant:
        for rang, lue in enumerate(synthese.lignes):
            situer(page, rang, mesure, lue)
    return page


def ligne_de_quartier(ligne: LigneQuartier, contrat: ContratDeVille) -> dict:
    quartier = ligne.quartier
    return {
        "cle": f"quartier-{quartier.pk}",
        "niveau": "Quartier",
        "code": quartier.code,
        "libelle": str(quartier),
        "contrat": str(contrat),
        **habitants(ligne),
    }


def ligne_d_echelle(ligne) -> dict:
    """Sa clé est la valeur de la colonne « Échelle » de Répartition."""
    libelle = ECHELLES[ligne.echelle]
    return {"cle": libelle, "niveau": "Échelle", "libelle": f"À l’échelle du {libelle.lower()}"}


def totaliser_les_lieux(page, mesure, actions, ecran):
    """Le montant s'additionne dans Répartition ; le nombre d'actions se compte dans Programmation."""
    rang = len(page.lignes) - 1
    ligne = page.lignes[rang]
    ligne["nombre"] = actions.nombre()
    if mesure.choix.est_un_montant:
        ligne["montant"] = mesure.montant()
    rapprocher(page, rang, champ_de(mesure), ecran)


def partager_les_lieux(page, mesure, parts):
    """Des parts du montant ou, si la base est un nombre, des présences : une action sur deux quartiers en a deux."""
    champ, rang_du_total = champ_de(mesure), len(parts)
    if mesure.choix.est_un_montant:
        total = cellule_fixe(page, champ, rang_du_total)
        partager(page, champ, [*parts, part_du_tout(total[1])], total)
        return
    presences = sum(valeur(ligne["nombre"]) for ligne in page.lignes[:-1])
    somme = f"SUM({page.fixe(champ, 0)}:{page.fixe(champ, rang_du_total - 1)})"
    partager(page, champ, parts, (somme, presences))


def situer(page: Page, rang: int, mesure: Mesure, lue: LigneQuartier) -> None:
    """Ce que le quartier partage avec d'autres, et ce que son contrat porte sans désigner de quartier."""
    ligne, critere = page.lignes[rang], critere_de_la_ligne(page, rang, "cle_lieu")
    partagee = mesure.montants.somme(mesure.champ, critere, Critere("partage", "oui"))
    ligne["reparti"] = quotient((corps(partagee), partagee.cache), cellule(page, "montant", rang), 3)
    ligne["non_localise"] = mesure.montant(Critere("cle_lieu", f"contrat-{lue.quartier.contrat_id}"))
