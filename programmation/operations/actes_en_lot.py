"""Établir d'un coup les actes de plusieurs organismes : les mêmes règles qu'un par un, tout ou rien."""

from collections.abc import Sequence

from django.utils import timezone

from comptes.models import Utilisateur

from ..models import Acte
from ..synthese.actes_en_lot import ActePropose, departs
from .actes import SaisieDActe, rediger_des_actes


def etablir_des_actes(proposes: Sequence[ActePropose], *, par: Utilisateur, motif: str = "") -> list[Acte]:
    """Rédige chaque acte proposé, avec le texte de son modèle ; le numéro se donne à la signature.

    Lève DejaPorte, DroitManquant ou OperationRefusee sans rien écrire.
    """
    textes = departs(proposes, timezone.localdate())
    saisies = [
        SaisieDActe(propose.nature, texte.objet[:250], propose.decisions, texte=texte.texte)
        for propose, texte in zip(proposes, textes, strict=True)
    ]
    return rediger_des_actes(saisies, par=par, motif=motif or "Projets d’actes établis ensemble")
