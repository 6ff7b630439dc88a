"""Le plan de financement d'une action : ses lignes saisies, comparées à celles qu'elle a déjà."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..enums import EtatFinancement, FamilleFinanceur
from ..models import Financement, Financeur
from .outils import OperationRefusee, controler, valeurs

CHAMPS_DE_LA_LIGNE = ["nature", "demande", "propose", "accorde", "verse", "etat", "date_etat"]
MONTANTS_DE_LA_LIGNE = ["demande", "propose", "accorde", "verse"]
CHAMPS_DES_DECISIONS = ["accorde", "verse", "etat", "date_etat"]  # sur la ligne P147, seules les décisions les écrivent


@dataclass(frozen=True)
class LigneDePlan:
    """Une ligne saisie du plan de financement, montants en euros (None : inconnu)."""

    financeur: Financeur
    nature: str = ""
    demande: Decimal | None = None
    propose: Decimal | None = None
    accorde: Decimal | None = None
    verse: Decimal | None = None
    etat: str = EtatFinancement.SOLLICITE
    date_etat: Any = None

    @property
    def cle(self):
        """Ce qui identifie la ligne dans son action : le P147 n'en a qu'une."""
        return cle_de_ligne(self.financeur, self.nature_retenue)

    @property
    def nature_retenue(self):
        return self.nature or FamilleFinanceur(self.financeur.famille).nature_proposee


@dataclass
class ChangementDePlan:
    """Ce qui a changé dans un plan : quelque chose, et parmi cela un montant."""

    change: bool = False
    montants_changes: bool = False

    def creer(self, action, saisie, ecritures):
        ligne = Financement(action=action, financeur=saisie.financeur, famille=saisie.financeur.famille)
        ecrire_la_ligne(ligne, saisie)
        ecritures.lignes_creees.append(ligne)
        self.change = self.montants_changes = True

    def modifier(self, ligne, saisie, ecritures):
        avant = valeurs(ligne, CHAMPS_DE_LA_LIGNE)
        ecrire_la_ligne(ligne, saisie)
        apres = valeurs(ligne, CHAMPS_DE_LA_LIGNE)
        changes = {champ for champ in avant if avant[champ] != apres[champ]}
        if changes:
            ecritures.lignes_modifiees.append(ligne)
            ecritures.champs_des_lignes |= changes
            self.change = True
            self.montants_changes |= not changes.isdisjoint(MONTANTS_DE_LA_LIGNE)

    def supprimer(self, ligne, decidee, ecritures):
        if decidee and ligne.famille == FamilleFinanceur.ANCT_P147:
            raise OperationRefusee("La ligne P147 porte des décisions : elle ne se retire pas du plan.")
        ecritures.lignes_supprimees.append(ligne)
        self.change = self.montants_changes = True


def ecrire_la_ligne(ligne, saisie):
    """Recopie la saisie ; sur la ligne P147, l'accordé et l'état restent ceux des décisions."""
    for champ in CHAMPS_DE_LA_LIGNE:
        if ligne.famille == FamilleFinanceur.ANCT_P147 and champ in CHAMPS_DES_DECISIONS:
            continue
        setattr(ligne, champ, saisie.nature_retenue if champ == "nature" else getattr(saisie, champ))
    if ligne.etat == EtatFinancement.REFUSE and ligne.accorde is None:
        ligne.accorde = Decimal(0)
    controler(ligne)


def cle_de_ligne(financeur, nature):
    return FamilleFinanceur.ANCT_P147 if financeur.famille == FamilleFinanceur.ANCT_P147 else (financeur.pk, nature)


def lignes_par_cle(plan):
    """Les lignes saisies par clé ; lève OperationRefusee si un financeur y est deux fois avec la même nature."""
    par_cle = {}
    for ligne in plan:
        if ligne.cle in par_cle:
            raise OperationRefusee(
                {"plan": f"« {ligne.financeur} » est deux fois dans le plan avec la même nature : réunir les lignes."}
            )
        par_cle[ligne.cle] = ligne
    return par_cle
