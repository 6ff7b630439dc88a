"""La situation d'un poste adulte-relais un jour donné : sa convention, sa quotité, pourvu ou vacant, depuis quand.

Les listes, la fiche et les contrôles lisent les mêmes conditions.
"""

from datetime import date as Date

from django.db.models import (
    Case,
    CharField,
    DecimalField,
    DurationField,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models import Value as V
from django.db.models.functions import Coalesce

from ..dates import UN_JOUR
from ..enums import EtatDuPoste, EtatOccupation
from ..models import AvenantAdulteRelais, ConventionAdulteRelais, Occupation, PosteAdulteRelais


def avec_situation(postes: QuerySet[PosteAdulteRelais], jour: Date) -> QuerySet[PosteAdulteRelais]:
    """Ajoute `etat` (EtatDuPoste), `quotite` (%, None sans convention) ce jour, et `convention_fin`, celle de sa
    dernière convention."""
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
        convention_fin=Subquery(dernieres.values("fin")[:1]),
    )


def dans_l_etat(postes: QuerySet[PosteAdulteRelais], etat: str, jour: Date) -> QuerySet[PosteAdulteRelais]:
    """Ceux de ces postes qui sont dans cet état ce jour-là."""
    conditions = {EtatDuPoste.SANS_CONVENTION: ~Exists(en_vigueur(jour)), EtatDuPoste.NON_RENSEIGNE: inconnu(jour)}
    return postes.filter(conditions.get(etat) or Exists(occupations(jour).filter(etat=etat)))


def inconnu(jour: Date) -> Q:
    """La condition « une convention est en vigueur, et rien ne dit si le poste est pourvu ou vacant »."""
    return Q(Exists(en_vigueur(jour))) & ~Q(Exists(occupations(jour)))


def vacant_depuis(jour: Date) -> Case:
    """Le premier jour de la vacance en cours, NULL si le poste n'est pas vacant ce jour.

    Des occupations vacantes qui se suivent sans un jour d'écart sont une seule vacance, qu'une nouvelle convention les
    sépare ou non : c'est le début de la dernière que ne précède aucune.
    """
    vacantes = Occupation.objects.filter(etat=EtatOccupation.VACANT).order_by()
    ecart = ExpressionWrapper(OuterRef("debut") - Coalesce("fin", "convention__fin"), DurationField())
    precedentes = vacantes.filter(convention__poste=OuterRef("convention__poste"), debut__lt=OuterRef("debut"))
    precedentes = precedentes.annotate(ecart=ecart).filter(ecart__lte=UN_JOUR)
    premieres = vacantes.filter(~Exists(precedentes), convention__poste=OuterRef("pk"), debut__lte=jour)
    return Case(
        When(
            Exists(occupations(jour).filter(etat=EtatOccupation.VACANT)),
            then=Subquery(premieres.order_by("-debut").values("debut")[:1]),
        )
    )


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
