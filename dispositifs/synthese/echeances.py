"""Le radar : les conventions et les périodes qui finissent, ce qui est fait et ce qui reste à faire."""

from dataclasses import dataclass
from datetime import date as Date

from django.conf import settings
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    QuerySet,
    When,
)
from django.db.models import Value as V

from ..dates import decaler_de_mois, premier_jour_decale
from ..enums import Horizon, SuiteConvention
from ..models import ConventionAdulteRelais, TriennaliteFonjep
from ..models.fonjep import DELAI_D_EVALUATION

MOIS_DU_RADAR = 12
PROCHES = (Horizon.TROIS_MOIS, Horizon.SIX_MOIS)


@dataclass(frozen=True)
class Etape:
    """Une pièce du dossier de renouvellement, et le jour où elle est arrivée (None : elle manque)."""

    libelle: str
    court: str
    faite_le: Date | None


@dataclass(frozen=True)
class Echeance:
    """Une convention qui finit : quand, qui la suit, ce qui est fait, et la prochaine étape."""

    convention: ConventionAdulteRelais
    jours: int  # négatif : la convention a fini il y a tant de jours
    horizon: Horizon
    responsable: settings.AUTH_USER_MODEL
    etapes: tuple[Etape, ...]
    prochaine_etape: str

    @property
    def jours_ecoules(self) -> int:
        """Depuis que la convention a fini."""
        return -self.jours


@dataclass(frozen=True)
class EvaluationAttendue:
    """Une période FONJEP qui finit : son évaluation est due six mois avant."""

    triennalite: TriennaliteFonjep
    attendue_le: Date
    en_retard: bool
    reconductible: bool


def radar(conventions: QuerySet[ConventionAdulteRelais], au: Date) -> list[Echeance]:
    """Toutes celles qui finissent dans les douze mois, et celles qui ont fini sans suite décidée ni convention
    suivante. La plus proche d'abord. Une requête."""
    return [echeance(convention, au) for convention in du_radar(conventions, au)]


def du_radar(conventions: QuerySet[ConventionAdulteRelais], au: Date) -> QuerySet[ConventionAdulteRelais]:
    """Les conventions du radar, annotées de `a_une_suite` et d'`horizon_sql`, à lire par page."""
    return (
        conventions.filter(Q(fin__gte=au, fin__lte=decaler_de_mois(au, MOIS_DU_RADAR)) | echue_sans_suite(au))
        .annotate(a_une_suite=Exists(convention_suivante()), horizon_sql=horizon_en_sql(au))
        .select_related("poste__employeur__fusionne_dans", "poste__contrat", "poste__agent_referent")
        .order_by("fin", "pk")
    )


def echue_sans_suite(au: Date) -> Q:
    """La condition « la convention a fini, sans suite décidée ni convention suivante »."""
    return Q(~Exists(convention_suivante()), fin__lt=au, suite=SuiteConvention.A_DECIDER)


def convention_suivante():
    return ConventionAdulteRelais.objects.filter(poste=OuterRef("poste"), debut__gt=OuterRef("fin"))


def nombres_par_horizon(conventions: QuerySet[ConventionAdulteRelais]) -> dict[Horizon, int]:
    """Combien de conventions du radar à chaque horizon, zéro compris. Une requête."""
    comptees = conventions.order_by().values("horizon_sql").annotate(nombre=Count("pk"))
    nombres = {ligne["horizon_sql"]: ligne["nombre"] for ligne in comptees}
    return {horizon: nombres.get(horizon.value, 0) for horizon in Horizon}


def echeance(convention: ConventionAdulteRelais, au: Date) -> Echeance:
    """`convention` : annotée de `a_une_suite`, vrai si une convention du même poste la suit."""
    etapes = etapes_du_dossier(convention)
    return Echeance(
        convention=convention,
        jours=(convention.fin - au).days,
        horizon=horizon(convention.fin, au),
        responsable=convention.poste.agent_referent,
        etapes=etapes,
        prochaine_etape=prochaine_etape(convention, etapes),
    )


def etapes_du_dossier(convention: ConventionAdulteRelais) -> tuple[Etape, ...]:
    """La liste de contrôle d'un renouvellement."""
    return (
        Etape("Demande de renouvellement reçue", "Demande", convention.demande_recue_le),
        Etape("Bilan reçu", "Bilan", convention.bilan_recu_le),
        Etape("Avis du délégué du préfet", "Avis du délégué", convention.avis_du_delegue_le),
    )


def horizon(fin: Date, au: Date) -> Horizon:
    if fin < au:
        return Horizon.ECHUE
    for horizon in PROCHES:
        if fin <= decaler_de_mois(au, int(horizon)):
            return horizon
    return Horizon.DOUZE_MOIS


def horizon_en_sql(au: Date) -> Case:
    """La même règle, pour compter et filtrer en base."""
    proches = [When(fin__lte=decaler_de_mois(au, int(horizon)), then=V(horizon.value)) for horizon in PROCHES]
    echue = When(fin__lt=au, then=V(Horizon.ECHUE.value))
    return Case(echue, *proches, default=V(Horizon.DOUZE_MOIS.value), output_field=CharField())


def prochaine_etape(convention, etapes):
    """La première chose qui manque, en clair."""
    if convention.a_une_suite:
        return "Rien : la convention suivante est enregistrée."
    if convention.suite == SuiteConvention.TERMINER:
        return "Rien : la fin est décidée."
    manque = next((etape.libelle for etape in etapes if etape.faite_le is None), "")
    if manque:
        return f"Attendu : {manque[0].lower()}{manque[1:]}."
    if convention.suite == SuiteConvention.A_DECIDER:
        return "Décider de la suite."
    return "Enregistrer la convention suivante."


def evaluation_attendue(au: Date) -> Q:
    """La condition « la période finit dans les douze mois, et son évaluation manque »."""
    return Q(fin__gte=au, fin__lte=decaler_de_mois(au, MOIS_DU_RADAR), evaluation_recue_le=None)


def evaluation_en_retard(au: Date) -> Q:
    """La condition « l'évaluation manque, et le jour où elle était attendue est passé » : la liste, la fiche et le
    radar n'en ont pas d'autre."""
    return Q(fin__lt=premier_jour_decale(au, DELAI_D_EVALUATION), evaluation_recue_le=None)


def avec_le_retard(triennalites: QuerySet[TriennaliteFonjep], au: Date) -> QuerySet[TriennaliteFonjep]:
    """Annote `en_retard` : l'évaluation de la période l'est."""
    return triennalites.annotate(en_retard=ExpressionWrapper(evaluation_en_retard(au), output_field=BooleanField()))


def evaluations_attendues(triennalites: QuerySet[TriennaliteFonjep], au: Date) -> list[EvaluationAttendue]:
    """Les périodes FONJEP en cours qui finissent dans les douze mois et dont l'évaluation manque. Une requête."""
    attendues = avec_le_retard(triennalites.filter(evaluation_attendue(au)), au)
    lues = attendues.select_related("poste__association", "poste__agent_referent")
    return [
        EvaluationAttendue(t, t.evaluation_attendue_le, t.en_retard, t.peut_etre_reconduite)
        for t in lues.order_by("fin", "pk")
    ]
