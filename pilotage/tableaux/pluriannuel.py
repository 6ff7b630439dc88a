"""L'engagé à venir d'une portée : ce que ses CPO prévoient après l'exercice, et la liste dont il vient."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from programmation.models import Pilier
from programmation.regles import est_de_l_etat
from programmation.synthese.pluriannuel import SynthesePluriannuelle, engage_a_venir

from ..portee import Portee


@dataclass(frozen=True)
class AVenir:
    portee: Portee
    synthese: SynthesePluriannuelle

    @property
    def lignes(self):
        """(pilier ou None pour l'ensemble, montant de chaque année, total, adresse de la liste)."""
        return [
            (ligne.pilier, montants, ligne.total, self.liste(ligne.pilier)) for ligne, montants in self.synthese.tableau
        ]

    def liste(self, pilier: Pilier | None = None) -> str:
        portee = self.portee
        bornes = {
            "annee": portee.annee,
            "departement": portee.departement and portee.departement.code,
            "contrat": portee.contrat and portee.contrat.pk,
            "pilier": pilier and pilier.pk,
            "pre": None if portee.choix.avec_pre else "sans",
        }
        retenus = {nom: valeur for nom, valeur in bornes.items() if valeur is not None}
        return f"{reverse('programmation:prevision_list')}?{urlencode(retenus)}"


def a_venir_de_la_portee(portee: Portee) -> AVenir | None:
    """None pour un partenaire, pour des quartiers (une prévision ne se répartit pas), ou si rien n'est prévu."""
    if portee.quartiers or not est_de_l_etat(portee.utilisateur, portee.cadre.departements_montres):
        return None
    synthese = engage_a_venir(portee.actions, avec_pre=portee.choix.avec_pre, piliers=portee.piliers)
    return AVenir(portee, synthese) if synthese else None
