"""La feuille Piliers : les piliers et la ligne, leur total, les étiquettes transversales, les constats publiés."""

from programmation.enums import NaturePilier
from programmation.synthese import LignePilier, SyntheseDesPiliers

from ..formules import Critere, Formule, Page, arrondi, valeur
from ..mesures import Mesure
from .commun import (
    CENT,
    cellule_fixe,
    champ_de,
    chiffrer,
    critere_de_la_ligne,
    ligne_de_total,
    lu,
    part_du_tout,
    partager,
)

TRANSVERSAL = NaturePilier.TRANSVERSAL.label


def page_des_piliers(modele, synthese: SyntheseDesPiliers, mesure: Mesure) -> Page:
    """Les piliers et la ligne, leur total, puis les étiquettes transversales."""
    lignes = [
        *(ligne_de_pilier(ligne) for ligne in synthese.lignes),
        ligne_de_total(),
        *(ligne_de_pilier(ligne) for ligne in synthese.transversaux),
    ]
    page, rang_du_total = Page(modele, lignes), len(synthese.lignes)
    total = lu(mesure, synthese.total)
    chiffrer(page, rang_du_total, mesure, [], total)
    for rang, ligne in enumerate(synthese.lignes):
        chiffrer(page, rang, mesure, [critere_de_la_ligne(page, rang, "cle_pilier")], lu(mesure, ligne))
    for rang, ligne in enumerate(synthese.transversaux, rang_du_total + 1):
        etiquette = Critere(f"transversal_{ligne.pilier.pk}", "oui")
        chiffrer(page, rang, mesure, [etiquette], lu(mesure, ligne))
    parts = [ligne.part for ligne in synthese.lignes], [ligne.part for ligne in synthese.transversaux]
    champ = champ_de(mesure)
    partager(page, champ, [*parts[0], part_du_tout(total), *parts[1]], cellule_fixe(page, champ, rang_du_total))
    for rang, ligne in enumerate(synthese.lignes):
        comparer_au_constat(page, rang, ligne, rang_du_total)
    return page


def ligne_de_pilier(ligne: LignePilier) -> dict:
    pilier = ligne.pilier
    return {"cle": f"pilier-{pilier.pk}", "niveau": pilier.get_nature_display(), "libelle": pilier.libelle}


def comparer_au_constat(page: Page, rang: int, lue: LignePilier, rang_du_total: int) -> None:
    """Points : part affichée − constat. Euros : montant − constat × total, au centime."""
    if lue.ecart is None:
        return
    ligne, repere = page.lignes[rang], lue.ecart.repere
    ligne["constat"] = repere.part / CENT
    ligne["constat_source"] = f"{repere.departement}, {repere.periode}"
    constat, part = page.ici("constat", rang), page.ici("part_affichee", rang)
    points = arrondi((ligne["part_affichee"] - ligne["constat"]) * 100, 1)
    ligne["ecart_points"] = Formule(f"=ROUND(({part}-{constat})*100,1)", points)
    montant, total = page.ici("montant", rang), page.fixe("montant", rang_du_total)
    attendu = arrondi(valeur(page.lignes[rang_du_total]["montant"]) * ligne["constat"], 2)
    texte = f"=ROUND({montant}-ROUND({total}*{constat},2),2)"
    ligne["ecart_euros"] = Formule(texte, valeur(ligne["montant"]) - attendu)
