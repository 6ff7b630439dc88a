"""Les PRE d'un département : inscrits et annoncés, sortis de la géographie prioritaire, coût par enfant."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Exists, F, OuterRef, QuerySet

from politique_ville.outils.montants import CENTIME, total
from territoires.enums import Generation, ObjetAnnonce
from territoires.models import Departement, NombreAnnonce, Quartier

from ..models import BudgetPre, ProgrammeReussiteEducative, SuiviPre
from .effectifs import SEUIL


@dataclass(frozen=True)
class CoutParEnfant:
    """En euros par enfant suivi ; None, et `raison` dit pourquoi."""

    montant: Decimal | None
    budget: Decimal | None
    raison: str = ""


@dataclass(frozen=True)
class ProgrammesDuDepartement:
    """`annonces` est None si aucune source n'annonce de nombre ; `hors_geographie` : ceux dont aucune commune n'a de
    quartier prioritaire de la génération de l'année."""

    inscrits: int
    annonces: int | None
    source: str
    hors_geographie: tuple[ProgrammeReussiteEducative, ...]


def cout_par_enfant(suivi: SuiviPre) -> CoutParEnfant:
    """Le budget total du bilan ÷ les enfants suivis, au centime. Une requête."""
    budget = BudgetPre.objects.filter(suivi=suivi).aggregate(somme=total("montant"))["somme"]
    if budget is None:
        return CoutParEnfant(None, None, "Budget non renseigné.")
    if suivi.enfants_suivis is None:
        return CoutParEnfant(None, budget, "Nombre d’enfants suivis non renseigné.")
    if suivi.enfants_suivis < SEUIL:
        return CoutParEnfant(None, budget, f"Moins de {SEUIL} enfants suivis : non communiqué.")
    return CoutParEnfant((budget / suivi.enfants_suivis).quantize(CENTIME, ROUND_HALF_UP), budget)


def programmes_du_departement(
    programmes: QuerySet[ProgrammeReussiteEducative], departement: Departement, annee: int
) -> ProgrammesDuDepartement:
    """Les PRE (déjà bornés au périmètre) d'un département, l'année dite. Deux requêtes."""
    generation = Generation.de_l_annee(annee)
    prioritaires = Quartier.objects.filter(
        communes__programmes_pre=OuterRef("pk"), generation=generation, communes__departement=departement
    )
    ouverts = list(
        programmes.filter(contrat__departement=departement)
        .ouverts_en(annee)
        .annotate(dans_la_geographie=Exists(prioritaires))
        .order_by("intitule")
    )
    annonces = NombreAnnonce.objects.filter(departement=departement, objet=ObjetAnnonce.PRE)
    annonce = annonces.order_by(F("date").desc(nulls_last=True)).first()
    return ProgrammesDuDepartement(
        inscrits=len(ouverts),
        annonces=annonce and annonce.nombre,
        source=annonce.source if annonce else "",
        hors_geographie=tuple(pre for pre in ouverts if not pre.dans_la_geographie),
    )
