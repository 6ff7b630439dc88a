"""De quel département est une ligne : ce qu'en disent sa colonne, son contrat et le numéro de son poste."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError

from politique_ville.outils.tableur.champs import en_texte
from territoires.models import ContratDeVille, Departement

CODE = re.compile(r"\d{2,3}|2[AB]")
LONGUEUR_DU_NUMERO = 3  # « 014 » en tête de l'identifiant d'un adulte-relais


def code_du_departement(cellule: Any) -> str:
    """Le code d'un département ; un tableur a pu ôter le zéro de « 01 ». Lève ValidationError."""
    code = en_texte(cellule).strip().upper().zfill(2)
    if not CODE.fullmatch(code):
        raise ValidationError(f"« {en_texte(cellule)} » n’est pas le code d’un département : par exemple 14.")
    return code


def debut_des_numeros(departement: Departement) -> str:
    """« 014 », par quoi commencent les identifiants des adultes-relais du département."""
    return departement.code.zfill(LONGUEUR_DU_NUMERO)


def est_un_numero_du(departement: Departement, identifiant: str) -> bool:
    """Vrai de « 01414R004503 » dans le Calvados ; le Nord a deux séries, 59L à Lille et 59V à Valenciennes."""
    debut = identifiant[:LONGUEUR_DU_NUMERO]
    return debut == debut_des_numeros(departement) or (debut[:2] == departement.code and debut[2:] in ("L", "V"))


@dataclass(frozen=True)
class HorsDuDepartement:
    """Dit d'une ligne, avant de la valider, qu'elle n'est pas du département : sa colonne en nomme un autre ou, si elle
    est vide (Saint-Martin l'est), ni son contrat ni son numéro n'en sont. Une cellule illisible est lue avec sa ligne.
    """

    departement: Departement

    def __call__(self, cellules: Mapping[str, Any]) -> bool:
        ecrit = cellules["departement"]
        if ecrit is None:
            return not self._en_est(cellules)
        try:
            return code_du_departement(ecrit) != self.departement.code
        except ValidationError:
            return False

    def _en_est(self, cellules):
        contrat, numero = (en_texte(cellules.get(nom) or "").strip() for nom in ("contrat", "id"))
        return contrat in self._contrats or est_un_numero_du(self.departement, numero)

    @cached_property
    def _contrats(self):
        codes = ContratDeVille.objects.filter(departement=self.departement).order_by().values_list("code", flat=True)
        return {code for code in codes if code}
