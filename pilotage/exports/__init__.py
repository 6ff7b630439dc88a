"""Le classeur ANCT : les mêmes chiffres que l'écran, en formules vivantes, et leurs rapprochements (docs/classeur.md).

`preparer` lit la base et calcule tout sans rien écrire ; `ecrire` en fait un fichier. L'écran montre les contrôles du
même objet : il ne peut pas promettre autre chose que ce que le fichier contient.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from politique_ville.outils.classeur import Feuille, enregistrer
from programmation.enums import StatutAction
from programmation.synthese import Provisoire, provisoire, totaux_de_liste

from . import gabarit_2024
from .controles import Controles, coherences, page_des_controles, rapprochements
from .controles_des_dispositifs import coherences_des_dispositifs, rapprochements_des_dispositifs
from .controles_des_enveloppes import lignes_des_depassements
from .demande import Demande, exercices_du_classeur, peut_produire, signature
from .dispositifs import lire_les_dispositifs
from .execution import lire_l_execution, rapprochements_de_l_execution
from .formules import Page
from .garde import page_de_garde, phrase_provisoire
from .lecture import colonnes_du_plan, empreinte, lire_les_feuilles
from .mesures import mesure_des_actions
from .pluriannuel import lire_les_cpo, rapprochements_des_cpo

GABARITS = {2024: gabarit_2024}  # la première année de chaque gabarit


@dataclass(frozen=True)
class ClasseurAnct:
    """Le classeur prêt à écrire, et ce que l'écran en dit avant de le donner."""

    demande: Demande
    feuilles: tuple[Feuille, ...]
    controles: Controles
    actions: Page
    attente: Provisoire | None

    @property
    def nombre(self) -> int:
        """Les actions déposées : les lignes de Programmation."""
        return len(self.actions.lignes)

    @property
    def programmees(self) -> int:
        return self.actions.valeurs("statut").count(StatutAction.PROGRAMMEE.label)

    @property
    def phrase_provisoire(self) -> str:
        return phrase_provisoire(self.attente)

    @property
    def nom_de_fichier(self) -> str:
        """« programmation-14-2025-cout-pre-sans », sans extension : la base et ses options y sont."""
        exercice, choix = self.demande.exercice, self.demande.choix
        options = [f"{nom}-{valeur}" for nom, valeur in choix.parametres().items() if nom != "base"]
        return "-".join(["programmation", exercice.departement.code, str(exercice.annee), choix.base.value, *options])

    def ecrire(self, vers: Any, format: str = "xlsx") -> None:
        """Écrit le classeur dans un chemin ou un fichier binaire ; mêmes données et même instant : mêmes octets."""
        exercice = self.demande.exercice
        titre = f"Programmation {exercice.annee} – {exercice.departement}"
        enregistrer(format, *self.feuilles, vers=vers, titre=titre, cree_le=self.demande.au)


def gabarit_de(annee: int) -> ModuleType:
    """Le dernier gabarit paru cette année-là ; avant le premier, le premier."""
    parus = [debut for debut in GABARITS if debut <= annee]
    return GABARITS[max(parus, default=min(GABARITS))]


def preparer(demande: Demande) -> ClasseurAnct:
    """Lit et calcule tout le classeur, sans rien écrire, en moins de quatre-vingt-dix requêtes."""
    gabarit = gabarit_de(demande.exercice.annee)
    feuilles = lire_les_feuilles(demande, gabarit)
    dispositifs = lire_les_dispositifs(demande, gabarit, feuilles.actions)
    execution = lire_l_execution(demande, gabarit)
    cpo = lire_les_cpo(demande, gabarit)
    controles = controler(demande, gabarit, feuilles, dispositifs, execution, cpo)
    attente = provisoire(demande.actions, demande.choix)
    titre = f"Programmation des contrats de ville, {demande.exercice.annee} – {demande.exercice.departement}"
    identite = gabarit.VERSION, empreinte(feuilles, dispositifs.pages, demande.choix)
    garde = page_de_garde(gabarit.garde(titre), demande, *identite, attente, controles)
    pages = (garde, *vars(feuilles).values(), *execution.pages, cpo.page, *dispositifs.pages, controles.page)
    return ClasseurAnct(demande, tuple(page.feuille for page in pages), controles, feuilles.actions, attente)


def controler(demande, gabarit, feuilles, dispositifs, execution, cpo) -> Controles:
    deposees = demande.actions.exclude(statut=StatutAction.BROUILLON)
    mesure, colonnes = mesure_des_actions(feuilles.actions, demande.choix), colonnes_du_plan(gabarit)
    rapproches = rapprochements(feuilles, mesure, totaux_de_liste(deposees), colonnes)
    rapproches += rapprochements_de_l_execution(execution, feuilles.actions)
    rapproches += rapprochements_des_cpo(cpo)
    rapproches += rapprochements_des_dispositifs(dispositifs, feuilles.actions)
    coherents = coherences(deposees) + coherences_des_dispositifs(demande)
    depassements = lignes_des_depassements(demande.actions)
    page = page_des_controles(gabarit.CONTROLES, rapproches, coherents, depassements)
    return Controles(page, rapproches, coherents)


__all__ = ["ClasseurAnct", "Demande", "exercices_du_classeur", "gabarit_de", "peut_produire", "preparer", "signature"]
