"""Le quota : postes notifiés, conventions signées dans l'année, postes inutilisés, qui ne se reportent pas."""

from dataclasses import dataclass

from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from programmation.models import Exercice

from ..models import ConventionAdulteRelais


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
    """Le quota d'un exercice et les conventions (déjà bornées au périmètre) signées cette année-là. Une requête."""
    return quota_de(avec_quota(Exercice.objects.filter(pk=exercice.pk), conventions).get())


def avec_quota(exercices: QuerySet[Exercice], conventions: QuerySet[ConventionAdulteRelais]) -> QuerySet[Exercice]:
    """Ajoute à chaque exercice ce que `quota_de` lit."""
    siennes = conventions.filter(poste__departement=OuterRef("departement"))
    return exercices.annotate(
        notifies=F("quota_adultes_relais__postes_notifies"),
        signees=nombre(siennes.filter(signee_le__year=OuterRef("annee"))),
        sans_date=nombre(siennes.filter(signee_le=None, debut__year=OuterRef("annee"))),
    )


def nombre(conventions):
    comptees = conventions.order_by().values("poste__departement").annotate(nombre=Count("pk")).values("nombre")
    return Coalesce(Subquery(comptees, output_field=IntegerField()), 0)


def quota_de(exercice: Exercice) -> SyntheseDuQuota:
    """`exercice` : annoté par `avec_quota`."""
    return SyntheseDuQuota(
        annee=exercice.annee,
        notifies=exercice.notifies,
        signees=exercice.signees,
        inutilises=None if exercice.notifies is None else exercice.notifies - exercice.signees,
        sans_date=exercice.sans_date,
    )
