"""La base de calcul : ce que l'on compte, sur quelles actions, et comment le dire à côté de chaque chiffre."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models

from ..enums import EtatFinancement, StatutAction

NON_DEPOSEES = [StatutAction.BROUILLON, StatutAction.RETIREE, StatutAction.NON_RECEVABLE]
DEPOSEES = [statut for statut in StatutAction if statut not in NON_DEPOSEES]

PHRASE_PROGRAMMEES = "actions programmées, hors ajournées, non retenues et déprogrammées"
PHRASE_DEPOSEES = "actions déposées, hors brouillons, retirées et non recevables"
PHRASE_QUARTIERS = (
    "montants : parts des quartiers choisis ; le nombre d’actions, lui, ne s’additionne pas d’un quartier à l’autre"
)


class Base(models.TextChoices):
    """Ce que l'on additionne ; la valeur est celle du paramètre `base` de l'adresse."""

    P147_ACCORDE = "p147-accorde", "Crédits P147 accordés"
    P147_DEMANDE = "p147-demande", "Crédits P147 demandés"
    COUT = "cout", "Coût prévisionnel"
    TOUS_FINANCEURS = "tous-financeurs", "Tous financeurs, accordé"
    NOMBRE = "nombre", "Nombre d’actions"

    @property
    def statuts(self) -> list[StatutAction]:
        """Les statuts des actions comptées : on demande avant la décision, le reste se compte après."""
        return DEPOSEES if self == self.P147_DEMANDE else [StatutAction.PROGRAMMEE]

    @property
    def phrase_des_actions(self) -> str:
        return PHRASE_DEPOSEES if self == self.P147_DEMANDE else PHRASE_PROGRAMMEES


@dataclass(frozen=True)
class ChoixDeBase:
    """La base choisie par le lecteur, écrite dans l'adresse et à côté de chaque chiffre.

    `ses_lignes_seules` : il ne lit que ses propres lignes de financement ; dit par la portée, jamais par l'adresse.
    """

    base: Base = Base.P147_ACCORDE
    avec_annonce: bool = False
    avec_pre: bool = True
    avec_contributions: bool = False
    ses_lignes_seules: bool = False

    @classmethod
    def depuis_parametres(cls, parametres: Mapping[str, Any]) -> "ChoixDeBase":
        """Le choix que porte une adresse ; ce qui n'est pas reconnu prend la valeur par défaut."""
        valeur = parametres.get("base")
        return cls(
            base=Base(valeur) if valeur in Base.values else Base.P147_ACCORDE,
            avec_annonce=parametres.get("annonce") == "1",
            avec_pre=parametres.get("pre") != "sans",
            avec_contributions=parametres.get("contributions") == "1",
        )

    def parametres(self) -> dict[str, str]:
        """Les paramètres d'adresse qui redonnent ce choix, sans ceux qui ne changent rien."""
        parametres = {"base": self.base.value}
        if self.compte_l_annonce:
            parametres["annonce"] = "1"
        if self.compte_les_contributions:
            parametres["contributions"] = "1"
        if not self.avec_pre:
            parametres["pre"] = "sans"
        return parametres

    @property
    def libelle(self) -> str:
        return "Vos lignes, acquis" if self._dit_ses_lignes else self.base.label

    @property
    def _dit_ses_lignes(self) -> bool:
        return self.ses_lignes_seules and self.base == Base.TOUS_FINANCEURS

    @property
    def est_un_montant(self) -> bool:
        return self.base != Base.NOMBRE

    @property
    def compte_l_annonce(self) -> bool:
        """« Avec annoncé » n'a de sens que pour l'accordé de tous les financeurs."""
        return self.avec_annonce and self.base == Base.TOUS_FINANCEURS

    @property
    def compte_les_contributions(self) -> bool:
        """Les contributions volontaires (bénévolat, mises à disposition) ne s'ajoutent qu'au coût, et sur demande."""
        return self.avec_contributions and self.base == Base.COUT

    @property
    def champs_du_cout(self) -> list[str]:
        """Les champs d'Action qui font le coût que compte la base."""
        return ["cout_previsionnel"] + ["contributions_volontaires"] * self.compte_les_contributions

    @property
    def etats_comptes(self) -> list[EtatFinancement]:
        return [EtatFinancement.ACQUIS] + [EtatFinancement.ANNONCE] * self.compte_l_annonce

    @property
    def a_des_reperes(self) -> bool:
        """Les constats publiés portent sur tous les crédits, PRE compris : ailleurs, l'écart n'aurait pas de sens."""
        tous_les_credits = not self.compte_les_contributions and not self.ses_lignes_seules
        return self.est_un_montant and self.avec_pre and tous_les_credits

    @property
    def phrase(self) -> str:
        """« crédits P147 accordés, PRE compris »."""
        sujet = {
            Base.P147_ACCORDE: "crédits P147 accordés",
            Base.P147_DEMANDE: "crédits P147 demandés",
            Base.COUT: f"coût prévisionnel{self._contributions}",
            Base.TOUS_FINANCEURS: f"crédits {self._fermete} {self._de_qui}, hors ressources propres",
            Base.NOMBRE: "nombre d’actions",
        }[self.base]
        return f"{sujet}, {'PRE compris' if self.avec_pre else 'hors PRE'}"

    @property
    def _fermete(self) -> str:
        return "acquis ou annoncés" if self.compte_l_annonce else "acquis"

    @property
    def _de_qui(self) -> str:
        return "de vos lignes de financement" if self.ses_lignes_seules else "de tous les financeurs"

    @property
    def _contributions(self) -> str:
        return " et contributions volontaires" if self.compte_les_contributions else ", hors contributions volontaires"

    def legende(self, quartiers: Sequence = ()) -> str:
        """Ce que compte un total : la base, les actions et, si des quartiers sont choisis, leurs parts."""
        phrases = [self.phrase, self.base.phrase_des_actions]
        if quartiers:
            phrases.append(PHRASE_QUARTIERS)
        return "\u00a0; ".join(phrase.replace(" :", "\u00a0:").replace(" ;", "\u00a0;") for phrase in phrases)
