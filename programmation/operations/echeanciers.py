"""Fixer l'échéancier d'un acte tant qu'il n'est pas signé, exercice clos ou non. Aucun chiffre de la programmation n'en
dépend : il dit quand se verse ce que l'acte attribue."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.db import transaction

from comptes.models import Utilisateur
from politique_ville.outils.francais import euros

from .. import regles
from ..enums import NaturePaiement
from ..models import Acte, VersementPrevu
from ..synthese.echeanciers import montant_de
from .actes import refuser, relire_pour_ecrire
from .outils import (
    OperationRefusee,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    modifier_avec_historique,
    supprimer_avec_historique,
)

MOTIF = "Échéancier"
CHAMPS = ("nature", "montant", "prevu_le", "condition")
ANNEES_POUR_VERSER = 5  # après l'année de la dernière décision : au-delà, l'année est mal tapée


@dataclass(frozen=True)
class Versement:
    """Ce que l'acte prévoit de verser : une avance, un acompte ou un solde (euros), à cette date, à cette condition."""

    nature: NaturePaiement
    montant: Decimal
    prevu_le: Date
    condition: str = ""


def fixer_l_echeancier(
    acte: Acte, versements: Sequence[Versement], *, par: Utilisateur, version: int | None = None
) -> Acte:
    """Remplace l'échéancier par ces versements, qui font le montant de l'acte au centime ; aucun : un seul, sans date.
    Lève ActeChange, DroitManquant ou OperationRefusee sans rien écrire."""
    with contraintes_en_francais(), transaction.atomic():
        acte = relire_pour_ecrire(acte, par, version)
        montant = montant_de(acte)
        refuser(regles.empechement_de_fixer_l_echeancier(acte, montant))
        refuser_les_versements(acte, versements, montant)
        remplacer(acte, versements, par)
    return acte


def refuser_les_versements(acte, versements, montant):
    """Chacun suit la décision, et leur somme est le montant de l'acte. Ni taux d'avance ni ordre des natures : aucune
    source connue n'en fixe."""
    if not versements:
        return
    decidees = list(acte.decisions.values_list("date", flat=True))
    refus = [phrase for rang, v in enumerate(versements, 1) if (phrase := empechement_du_versement(rang, v, decidees))]
    ecart = sum(v.montant for v in versements) - montant
    if ecart and not refus:
        sens = f"{euros(ecart)} de trop" if ecart > 0 else f"il manque {euros(-ecart)}"
        refus = [f"Les versements font {euros(montant + ecart)}, l’acte {euros(montant)} : {sens}."]
    if refus:
        raise OperationRefusee(refus)


def empechement_du_versement(rang, versement, decidees):
    """`decidees` : les dates des décisions que l'acte porte."""
    if versement.nature == NaturePaiement.REVERSEMENT:
        return f"Versement {rang} : un échéancier ne prévoit pas de reversement."
    if versement.montant <= 0:
        return f"Versement {rang} : indiquer un montant supérieur à zéro."
    jour, premiere, derniere = versement.prevu_le, min(decidees), max(decidees)
    if jour < premiere:
        return f"Versement {rang} : le prévoir le {premiere:%d/%m/%Y}, jour de la décision, ou après."
    if jour.year > derniere.year + ANNEES_POUR_VERSER:
        dit = f"le {jour:%d/%m/%Y} est trop loin de la décision du {derniere:%d/%m/%Y}"
        return f"Versement {rang} : {dit} : vérifier l’année."
    try:
        controler(VersementPrevu(**vars(versement)))
    except OperationRefusee as refus:
        return f"Versement {rang} : {' '.join(refus.messages)}"
    return ""


def remplacer(acte, versements, par):
    """Garde ce qui ne change pas, et n'écrit rien si rien ne change : une page renvoyée n'ajoute pas d'histoire."""
    voulus = Counter(valeurs_de(versement) for versement in versements)
    retires = []
    for prevu in acte.versements.all():
        if voulus[valeurs_de(prevu)]:
            voulus[valeurs_de(prevu)] -= 1
        else:
            retires.append(prevu)
    ajoutes = [VersementPrevu(acte=acte, **dict(zip(CHAMPS, v, strict=True))) for v in voulus.elements()]
    if retires or ajoutes:
        ecrire(acte, retires, ajoutes, par)


def ecrire(acte, retires, ajoutes, par):
    """La version de l'acte augmente : qui l'a lu avant l'apprend avant d'écrire."""
    supprimer_avec_historique(retires, par=par, motif=MOTIF)
    creer_avec_historique(ajoutes, VersementPrevu, par=par, motif=MOTIF)
    acte.version += 1
    modifier_avec_historique([acte], Acte, ["version"], par=par, motif=MOTIF)


def valeurs_de(versement):
    """Ce qui fait qu'un versement est le même ; les espaces d'une condition n'y comptent pas."""
    return versement.nature, versement.montant, versement.prevu_le, " ".join(versement.condition.split())
