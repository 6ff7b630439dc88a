"""Le quota : postes notifiés, conventions signées dans l'année, postes inutilisés, qui ne se reportent pas."""

from dataclasses import dataclass

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

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


def synthese_du_quota(exercice: Exercice, quotas: QuerySet[QuotaAdulteRelais]) -> SyntheseDuQuota:
    """Le quota d'un exercice et les conventions signées cette année-là. Une requête."""
    return quota_de(avec_quota(Exercice.objects.filter(pk=exercice.pk), quotas).get())


def avec_quota(exercices: QuerySet[Exercice], quotas: QuerySet[QuotaAdulteRelais]) -> QuerySet[Exercice]:
    """Ajoute à chaque exercice ce que `quota_de` lit. `quotas` : ceux que la personne voit.

    Un quota se compare à toutes les conventions du département, même à celles qu'un délégué ne lit pas une à une.
    """
    conventions = ConventionAdulteRelais.objects.filter(poste__departement=OuterRef("departement"))
    return exercices.annotate(
        notifies=Subquery(quotas.filter(exercice=OuterRef("pk")).order_by().values("postes_notifies")),
        signees=nombre(conventions.filter(signee_le__year=OuterRef("annee"))),
        sans_date=nombre(conventions.filter(signee_le=None, debut__year=OuterRef("annee"))),
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
