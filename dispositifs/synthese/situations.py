"""La situation d'un poste adulte-relais un jour donné : sa convention, sa quotité, pourvu ou vacant."""

from datetime import date as Date

from django.db.models import Case, CharField, DecimalField, Exists, OuterRef, Q, QuerySet, Subquery, When
from django.db.models import Value as V
from django.db.models.functions import Coalesce

from ..enums import EtatDuPoste
from ..models import AvenantAdulteRelais, ConventionAdulteRelais, Occupation, PosteAdulteRelais


def avec_situation(postes: QuerySet[PosteAdulteRelais], jour: Date) -> QuerySet[PosteAdulteRelais]:
    """Ajoute `etat` (EtatDuPoste), `quotite` (%, None sans convention) ce jour, et `convention_debut`, `convention_fin`
    de sa dernière convention."""
    dernieres = ConventionAdulteRelais.objects.filter(poste=OuterRef("pk")).order_by("-debut")
    avenants = AvenantAdulteRelais.objects.filter(
        date_effet__lte=jour, quotite__isnull=False, **du_poste_ce_jour("convention__", jour)
    )
    return postes.annotate(
        etat=etat_sql(jour),
        quotite=Coalesce(
            Subquery(avenants.order_by("-date_effet").values("quotite")[:1]),
            Subquery(en_vigueur(jour).values("quotite")[:1]),
            output_field=DecimalField(),
        ),
        convention_debut=Subquery(dernieres.values("debut")[:1]),
        convention_fin=Subquery(dernieres.values("fin")[:1]),
    )


def dans_l_etat(postes: QuerySet[PosteAdulteRelais], etat: str, jour: Date) -> QuerySet[PosteAdulteRelais]:
    """Ceux de ces postes qui sont dans cet état ce jour-là."""
    conventionne, occupe = Exists(en_vigueur(jour)), occupations(jour)
    conditions = {
        EtatDuPoste.SANS_CONVENTION: ~conventionne,
        EtatDuPoste.NON_RENSEIGNE: Q(conventionne) & ~Q(Exists(occupe)),
    }
    return postes.filter(conditions.get(etat) or Exists(occupe.filter(etat=etat)))


def etat_sql(jour):
    """Une convention en vigueur, sinon « sans convention » ; l'occupation de ce jour, sinon « non renseigné »."""
    return Case(
        When(~Exists(en_vigueur(jour)), then=V(EtatDuPoste.SANS_CONVENTION.value)),
        default=Coalesce(Subquery(occupations(jour).values("etat")[:1]), V(EtatDuPoste.NON_RENSEIGNE.value)),
        output_field=CharField(),
    )


def du_poste_ce_jour(lien, jour):
    return {f"{lien}poste": OuterRef("pk"), f"{lien}debut__lte": jour, f"{lien}fin__gte": jour}


def en_vigueur(jour):
    return ConventionAdulteRelais.objects.filter(**du_poste_ce_jour("", jour)).order_by()


def occupations(jour):
    siennes = Occupation.objects.filter(debut__lte=jour, **du_poste_ce_jour("convention__", jour)).order_by()
    return siennes.filter(Q(fin=None) | Q(fin__gte=jour))
