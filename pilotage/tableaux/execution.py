"""L'exécution d'une portée, en direct : engagé, payé, justifié, chaque chiffre avec la liste dont il vient."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from programmation.regles import est_de_l_etat
from programmation.synthese.execution import LigneExecution, SyntheseDExecution, synthese_d_execution
from territoires.models import ContratDeVille

from ..portee import Portee


@dataclass(frozen=True)
class ExecutionDeLaPortee:
    """`synthese` : de toutes les actions de la portée, quelle que soit la base ; les montants sont en euros de P147."""

    portee: Portee
    synthese: SyntheseDExecution

    def adresse(self, liste: str, **criteres: Any) -> str:
        """La liste d'exécution de ce nom, bornée comme la portée, avec ces critères de plus."""
        portee = self.portee
        bornes = {
            "annee": portee.annee,
            "departement": portee.departement.code,
            "contrat": portee.contrat and portee.contrat.pk,
            "pre": None if portee.choix.avec_pre else "sans",
        }
        retenus = {nom: valeur for nom, valeur in (bornes | criteres).items() if valeur is not None}
        return f"{reverse(f'programmation:{liste}')}?{urlencode(retenus)}"

    def actions(self, etat: str) -> str:
        """La liste des actions dans cet état d'exécution, quel que soit leur statut."""
        return self.portee.liste(statut=None, base=None, annonce=None, contributions=None, execution=etat)

    @property
    def des_piliers(self) -> list[tuple[LigneExecution, dict[str, str]]]:
        return [(ligne, self._liens(pilier=ligne.objet.pk)) for ligne in self.synthese.piliers if ligne.objet]

    @property
    def des_contrats(self) -> list[tuple[LigneExecution, dict[str, str]]]:
        """Vide quand la portée est déjà un contrat."""
        if self.portee.contrat:
            return []
        return [(ligne, self._liens(**du_contrat(ligne.objet))) for ligne in self.synthese.contrats]

    @property
    def liens(self) -> dict[str, str]:
        return self._liens()

    def _liens(self, **criteres):
        return {
            "accorde": self.portee.liste(statut="programmee", base=None, annonce=None, contributions=None, **criteres),
            "engage": self.adresse("engagement_list", **criteres),
            "paye": self.adresse("paiement_list", **criteres),
            "justifie": self.adresse("justification_list", etat="validee", **criteres),
            "non_utilise": self.adresse("justification_list", **criteres),
            "non_engagees": self.actions("non_engagees"),
            "a_justifier": self.actions("a_justifier"),
            "en_retard": self.actions("en_retard"),
        }


def du_contrat(contrat: ContratDeVille | None) -> dict[str, Any]:
    return {"contrat": contrat.pk} if contrat else {"echelle": "departement"}


def execution_de_la_portee(portee: Portee) -> ExecutionDeLaPortee | None:
    """None pour un partenaire, pour plusieurs départements, et pour des quartiers : un paiement ne se répartit pas."""
    if portee.exercice is None or portee.quartiers or not voit_l_execution(portee):
        return None
    lus = {"piliers": portee.piliers, "contrats": portee.contrats_du_cadre}
    return ExecutionDeLaPortee(portee, synthese_d_execution(portee.actions, avec_pre=portee.choix.avec_pre, **lus))


def voit_l_execution(portee: Portee) -> bool:
    return est_de_l_etat(portee.utilisateur, portee.cadre.departements_montres)
