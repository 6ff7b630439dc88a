"""La feuille CPO : ce que les conventions programmées prévoient après l'exercice, une ligne par année prévue."""

from collections.abc import Iterator
from dataclasses import dataclass

from programmation.synthese.pluriannuel import SynthesePluriannuelle, a_venir, lignes_a_venir

from .controles import ECRAN, Rapprochement, rapprochement
from .demande import Demande
from .execution import identite
from .formules import Page, total

LUES = ["action__contrat", "action__pilier", "action__porteur__fusionne_dans"]
AUCUNE = "Aucune prévision."  # un tableau de classeur ne peut pas être sans ligne


@dataclass(frozen=True)
class FeuilleDesCpo:
    page: Page
    synthese: SynthesePluriannuelle


def lire_les_cpo(demande: Demande, gabarit) -> FeuilleDesCpo:
    """Au plus quatre requêtes."""
    previsions = a_venir(demande.actions)
    lues = previsions.select_related(*LUES).order_by(
        "action__contrat__intitule", "action__recherche", "action_id", "annee"
    )
    lignes = [ligne_de_prevision(prevision) for prevision in lues]
    return FeuilleDesCpo(Page(gabarit.CPO, lignes or [{"intitule": AUCUNE}]), lignes_a_venir(previsions))


def ligne_de_prevision(prevision):
    action = prevision.action
    return identite(action) | {
        "pilier": action.pilier.libelle,
        "rang": f"{action.cpo_rang} sur {action.cpo_nombre}",
        "annee": prevision.annee,
        "prevu": prevision.montant,
        "cle": str(action.cle),
    }


def rapprochements_des_cpo(feuille: FeuilleDesCpo) -> Iterator[Rapprochement]:
    yield rapprochement("Engagé à venir", feuille.page, total(feuille.page, ["prevu"]), ECRAN, feuille.synthese.total)
