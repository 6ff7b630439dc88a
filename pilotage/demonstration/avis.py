"""Des avis sur ce qui reste à décider : la plupart donnés, quelques-uns attendus, une dispense."""

from comptes.models import Utilisateur
from programmation.enums import QualiteAvis, SensAvis, StatutAction, VisibiliteAvis
from programmation.models import Action
from programmation.models.avis import actions_du_delegue
from programmation.operations import AvisDonne, dispenser_d_avis, donner_un_avis

SANS_AVIS = 3  # une action sur trois attend encore le sien
AVIS = (
    AvisDonne(QualiteAvis.DELEGUE, SensAvis.FAVORABLE, commentaire="Porteur bien implanté dans le quartier."),
    AvisDonne(QualiteAvis.DELEGUE, SensAvis.FAVORABLE, priorite=1, visibilite=VisibiliteAvis.PARTENAIRES),
    AvisDonne(QualiteAvis.DELEGUE, SensAvis.RESERVE, commentaire="Le partenariat avec le collège reste à écrire."),
    AvisDonne(QualiteAvis.DELEGUE, SensAvis.DEFAVORABLE, commentaire="Doublon avec une action déjà financée."),
)


def donner_des_avis(delegues: list[Utilisateur], agent: Utilisateur, annee: int) -> None:
    """Chaque délégué avise deux actions sur trois de ses quartiers ; l'agent se dispense d'un avis, avec son motif."""
    a_decider = StatutAction.a_decider()
    for delegue in delegues:
        siennes = actions_du_delegue(delegue).filter(exercice__annee=annee, statut__in=a_decider, avis=None)
        for rang, action in enumerate(siennes.order_by("pk")):
            if rang % SANS_AVIS:
                donner_un_avis(action, AVIS[rang % len(AVIS)], par=delegue)
    attendues = Action.objects.filter(
        exercice__annee=annee, exercice__departement__code="14", statut__in=a_decider, avis=None
    )
    motif = "Action reprise à l’identique, avis donné l’an dernier."
    dispenser_d_avis(list(attendues.order_by("pk")[:1]), QualiteAvis.DELEGUE, par=agent, motif=motif)
