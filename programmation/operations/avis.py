"""Donner un avis, ou s'en dispenser. Un avis n'augmente jamais la version de l'action."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur

from .. import regles
from ..enums import QualiteAvis, SensAvis, VisibiliteAvis
from ..models import Action, Avis
from ..synthese.avis import avis_manquants
from .outils import (
    DroitManquant,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
    modifier_avec_historique,
    verrouiller_les_actions,
)
from .statuts import exiger_les_droits, refuser_ensemble


@dataclass(frozen=True)
class AvisDonne:
    """Ce que dit un avis ; le montant conseillé est en euros de P147."""

    qualite: QualiteAvis
    sens: SensAvis
    montant_conseille: Decimal | None = None
    priorite: int | None = None
    commentaire: str = ""
    visibilite: VisibiliteAvis = VisibiliteAvis.ETAT


def donner_un_avis(action: Action, donne: AvisDonne, *, par: Utilisateur) -> Avis:
    """Enregistre l'avis de cette personne, ou corrige celui qu'elle a déjà donné en cette qualité.

    Renvoyé à l'identique, il n'écrit rien. Lève DroitManquant hors de ses quartiers, OperationRefusee si l'action
    n'attend pas d'avis.
    """
    with contraintes_en_francais(), transaction.atomic():
        action = verrouiller_les_actions([action])[action.pk]
        if donne.qualite not in regles.qualites_de_l_avis(par, action):
            raise DroitManquant(f"Vous ne donnez pas l’avis « {QualiteAvis(donne.qualite).label} » sur « {action} ».")
        refuser_ensemble([action], regles.empechement_d_aviser)
        connu = Avis.objects.filter(action=action, auteur=par, qualite=donne.qualite).first()
        avis = connu or Avis(action=action, auteur=par)
        change = appliquer(avis, asdict(donne))
        if connu and not change:
            return connu
        avis.donne_le = timezone.now()
        controler(avis)
        if connu:
            champs = [*sorted(change), "donne_le"]
            modifier_avec_historique([avis], Avis, champs, par=par, motif="Correction de l’avis")
        else:
            creer_avec_historique([avis], Avis, par=par, motif="Avis")
    return avis


def dispenser_d_avis(actions: Sequence[Action], qualite: QualiteAvis, *, par: Utilisateur, motif: str) -> list[Avis]:
    """Dispense ces actions d'un avis exigé, tout ou rien, avec un motif. Ce qui l'a déjà n'est pas touché."""
    exiger_un_motif(motif, {"motif": "Dire pourquoi ces actions se passent de cet avis."})
    with contraintes_en_francais(), transaction.atomic():
        verrouillees = list(verrouiller_les_actions(actions).values())
        exiger_les_droits(verrouillees, par)
        refuser_ensemble(verrouillees, regles.empechement_d_aviser)
        manquants = avis_manquants(verrouillees)
        dispenses = [
            Avis(action=action, auteur=par, qualite=qualite, sens=SensAvis.DISPENSE, commentaire=motif.strip())
            for action in verrouillees
            if qualite in manquants.get(action.pk, [])
        ]
        for dispense in dispenses:
            controler(dispense)
        creer_avec_historique(dispenses, Avis, par=par, motif=motif)
    return dispenses
