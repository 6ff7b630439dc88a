"""L'échéancier des conventions et de leurs avenants : une avance, puis le solde au vu du bilan."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from comptes.models import Utilisateur
from programmation.enums import NatureActe, NaturePaiement
from programmation.models import Acte
from programmation.operations import Versement, fixer_l_echeancier
from programmation.synthese.echeanciers import montant_de, montants_des_parts

DEUX_MOIS = timedelta(days=60)
MOITIES, HUIT_DIXIEMES = (Decimal(50), Decimal(50)), (Decimal(80), Decimal(20))  # l'avance et le solde, en %
UNE_FORTE_AVANCE_SUR = 10


def fixer_les_echeanciers(actes: Iterable[Acte], par: Utilisateur) -> None:
    """Une convention sur dix prévoit une avance plus forte que ce qui se paie d'abord : l'échéance le montre."""
    for acte in actes:
        if NatureActe.CONVENTION in (acte.nature, acte.remplace and acte.remplace.nature):
            fixer_l_echeancier(acte, en_deux_fois(acte), par=par)


def en_deux_fois(acte: Acte) -> list[Versement]:
    decidee_le = min(acte.decisions.values_list("date", flat=True))
    parts = MOITIES if acte.organisme_id % UNE_FORTE_AVANCE_SUR else HUIT_DIXIEMES
    avance, solde = montants_des_parts(montant_de(acte), parts)
    fin = max(date(decidee_le.year, 12, 15), decidee_le + 2 * DEUX_MOIS)
    return [
        Versement(NaturePaiement.AVANCE, avance, decidee_le + DEUX_MOIS, "signature de la convention"),
        Versement(NaturePaiement.SOLDE, solde, fin, "remise du bilan intermédiaire"),
    ]
