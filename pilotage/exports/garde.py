"""La feuille Garde : ce que le classeur contient, d'où il vient, et ce qui n'y est pas juste."""

from collections.abc import Sequence
from typing import Any

from politique_ville.outils.classeur import Cellule, Formule
from politique_ville.outils.francais import euros, pluriel
from politique_ville.outils.typographie import insecables
from programmation.synthese import Provisoire

from .controles import RAPPROCHEMENT, Coherence, Controles, Rapprochement
from .demande import Demande
from .formules import Page

CONTENU = {
    "Programmation": "Les actions déposées, une par ligne, avec leur statut et leur plan de financement.",
    "Financements": "Les lignes de plan, une par financeur et par action.",
    "Répartition": "Le coût et les financements de chaque action, répartis entre ses quartiers.",
    "Thématiques": "Les thèmes et sous-thèmes officiels, par contrat.",
    "Piliers": "Les piliers, lecture locale.",
    "Contrats": "Les contrats de ville et l’échelle du département.",
    "Quartiers": "Les quartiers et ce qui n’y est pas localisé.",
    "Financeurs": "Ce que chaque financeur apporte, et son rang.",
    "PRE": "Les programmes de réussite éducative, en agrégats masqués sous cinq enfants.",
    "Adultes-relais": "Les postes adultes-relais : jours, coûts, montant publié par l’ANCT.",
    "FONJEP": "Les postes FONJEP : périodes, coûts, montant publié par l’ANCT.",
    "Contrôles": "Les totaux rapprochés d’une feuille à l’autre et de l’écran.",
}
FORMULES = (
    "Les synthèses sont des formules : changer un statut ou un montant dans les feuilles de faits les recalcule. Les "
    "colonnes masquées portent les clés qui relient les feuilles. En CSV, les synthèses sont des valeurs."
)


def page_de_garde(
    modele, demande: Demande, gabarit: str, empreinte: str, attente: Provisoire | None, controles: Controles
) -> Page:
    """`gabarit` : sa version ; `attente` : ce qui reste à décider."""
    exercice, choix = demande.exercice, demande.choix
    lignes = [
        *([ligne("Avertissement", demande.avertissement)] if demande.avertissement else []),
        ligne("Département", f"{exercice.departement.nom} ({exercice.departement.code})"),
        ligne("Exercice", str(exercice.annee)),
        ligne("État de l’exercice", etat(exercice, attente)),
        ligne("Périmètre", "Tout le département : chaque contrat, chaque quartier, chaque échelle"),
        ligne("Filtres", "Aucun, PRE compris" if choix.avec_pre else "Sans les programmes de réussite éducative (PRE)"),
        ligne("Base de calcul", choix.phrase),
        ligne("Actions comptées", choix.base.phrase_des_actions),
        ligne("Nomenclature", exercice.nomenclature.periode),
        ligne("Produit le", Cellule(demande.au, "date_heure")),
        ligne("Produit par", demande.auteur),
        ligne("Gabarit", gabarit),
        ligne("Empreinte des données", f"SHA-256 {empreinte}"),
        ligne_des_rapprochements(controles),
        *lignes_en_ecart(controles.en_ecart),
        *lignes_de_coherence(controles.coherences),
        ligne("Formules", FORMULES),
        *(ligne(f"Feuille {nom}", texte) for nom, texte in CONTENU.items()),
    ]
    return Page(modele, lignes)


def ligne(rubrique: str, valeur: Any, alertes: Any = None) -> dict:
    if isinstance(valeur, str):
        valeur = insecables(valeur)
    return {"rubrique": rubrique, "valeur": valeur, "alertes": alertes}


def etat(exercice, provisoire: Provisoire | None) -> str:
    """« Ouvert ; provisoire : 6 actions, 12 000,00 € demandés non décidés »."""
    return f"{exercice.get_statut_display()} ; {phrase_provisoire(provisoire)}"


def phrase_provisoire(provisoire: Provisoire | None) -> str:
    if provisoire is None:
        return "toutes les campagnes qui portent des actions sont figées"
    nombre = pluriel(provisoire.nombre, "action", "actions")
    return insecables(f"provisoire : {nombre}, {euros(provisoire.demande)} demandés non décidés")


def ligne_des_rapprochements(controles: Controles) -> dict:
    """Le nombre de contrôles en écart reste vivant : il se recalcule avec le classeur."""
    nature, ou = controles.page.plage("nature"), controles.page.plage("ou")
    en_ecart = f'=SUMPRODUCT(({nature}="{RAPPROCHEMENT}")*({ou}<>""))'
    formule = Formule(en_ecart, len(controles.en_ecart))
    nombre = len(controles.rapprochements)
    return ligne("Contrôles en écart", f"{nombre} totaux rapprochés d’une feuille à l’autre et de l’écran", formule)


def lignes_en_ecart(rapprochements: list[Rapprochement]):
    for r in rapprochements:
        texte = f"{r.libelle} : {r.a.lieu} et {r.b.lieu} diffèrent. Voir {r.ou}."
        yield ligne("Contrôle en écart", texte, 1)


def lignes_de_coherence(coherences: Sequence[Coherence]):
    """Les anomalies à corriger, en rouge ; le détail est dans Contrôles."""
    for coherence in coherences:
        if coherence.a_corriger and coherence.anomalies:
            yield ligne(f"Anomalie : {coherence.libelle}", coherence.phrase, coherence.anomalies)
