"""Le quota : postes notifiés, conventions signées dans l'année, postes inutilisés, qui ne se reportent pas."""

from dataclasses import dataclass

from django.db.models import QuerySet

from programmation.models import Exercice

from ..models import ConventionAdulteRelais, QuotaAdulteRelais


@dataclass(frozen=True)
class SyntheseDuQuota:
    """`notifies` et `inutilises` sont None tant que rien n'est notifié ; `inutilises` est négatif si l'on a signé de
    trop. `sans_date` : conventions qui commencent dans l'année sans date de signature, non comptées."""

    annee: int
    notifies: int | None
    signees: int
    inutilises: int | None
    sans_date: int


def synthese_du_quota(exercice: Exercice, conventions: QuerySet[ConventionAdulteRelais]) -> SyntheseDuQuota:
    """Le quota d'un exercice et les conventions (déjà bornées au périmètre) signées cette année-là. Trois requêtes."""
    siennes = conventions.filter(poste__departement=exercice.departement_id).order_by()
    notifies = QuotaAdulteRelais.objects.filter(exercice=exercice).values_list("postes_notifies", flat=True).first()
    signees = siennes.filter(signee_le__year=exercice.annee).count()
    return SyntheseDuQuota(
        annee=exercice.annee,
        notifies=notifies,
        signees=signees,
        inutilises=None if notifies is None else notifies - signees,
        sans_date=siennes.filter(signee_le=None, debut__year=exercice.annee).count(),
    )
