"""La feuille Financeurs : ce que chacun apporte aux actions programmées."""

from dataclasses import replace

from programmation.enums import EtatFinancement
from programmation.synthese import LigneFinanceur, SyntheseDesFinanceurs

from ..formules import Critere, Formule, Page, Selection, corps, ou_inconnu
from ..mesures import HORS_PRE, HORS_RESSOURCES_PROPRES, PROGRAMMEE
from .commun import cellule_fixe, critere_de_la_ligne, ligne_de_total, part_du_tout, partager, rapprocher

SOLLICITE, ANNONCE = (Critere("etat", e.label) for e in (EtatFinancement.SOLLICITE, EtatFinancement.ANNONCE))
SANS_ATTENTE = [replace(critere, sauf=True) for critere in (SOLLICITE, ANNONCE)]


def page_des_financeurs(modele, synthese: SyntheseDesFinanceurs, financements: Page) -> Page:
    """Les financeurs des actions programmées, hors ressources propres ; toujours l'acquis, quelle que soit la base."""
    page = Page(modele, [*map(ligne_de_financeur, synthese.lignes), ligne_de_total()])
    rang_du_total = len(synthese.lignes)
    fixes = [PROGRAMMEE, HORS_RESSOURCES_PROPRES, *([] if synthese.choix.avec_pre else [HORS_PRE])]
    selection, votes = Selection(financements, *fixes), Selection(financements, *fixes, *SANS_ATTENTE)
    for rang, lue in enumerate([*synthese.lignes, synthese]):
        criteres = criteres_du_financeur(page, rang) if rang < rang_du_total else []
        chiffrer_le_financeur(page, rang, selection, votes, criteres)
        rapprocher(page, rang, "montant", lue.acquis)
    del page.lignes[rang_du_total]["nombre"]
    parts = [ligne.part for ligne in synthese.lignes]
    total = cellule_fixe(page, "montant", rang_du_total)
    partager(page, "montant", [*parts, part_du_tout(synthese.acquis)], total)
    return page


def ligne_de_financeur(ligne: LigneFinanceur) -> dict:
    return {
        "cle": f"financeur-{ligne.financeur.pk}",
        "niveau": "Financeur",
        "famille": ligne.famille.label,
        "libelle": ligne.financeur.nom,
        "rang": ligne.rang,
    }


def criteres_du_financeur(page: Page, rang: int) -> list[Critere]:
    """Un financeur qui a changé de famille a une ligne par famille."""
    famille = Critere("famille", page.lignes[rang]["famille"], adresse=page.ici("famille", rang))
    return [critere_de_la_ligne(page, rang, "cle_financeur"), famille]


def chiffrer_le_financeur(page: Page, rang: int, selection: Selection, votes: Selection, criteres: list) -> None:
    """`votes` : les lignes votées. Un refus est un vote connu, à 0,00 € : il se lit avec l'acquis."""
    ligne, nombre = page.lignes[rang], selection.nombre(*criteres)
    ligne["nombre"] = selection.somme("premiere", *criteres)
    ligne["demande"] = connu_ou_non(selection, "demande", criteres, nombre)
    ligne["montant"] = connu_ou_non(votes, "accorde", criteres, nombre)
    ligne["annonce"] = selection.somme("accorde", *criteres, ANNONCE)
    attendus = [selection.nombre(*criteres, etat) for etat in (SOLLICITE, ANNONCE)]
    ligne["en_attente"] = Formule("=" + "+".join(corps(n) for n in attendus), sum(n.cache for n in attendus))


def connu_ou_non(selection, champ, criteres, nombre):
    return ou_inconnu(selection.somme(champ, *criteres), selection.connus(champ, *criteres), nombre)
