"""Les PRE d'une année : enregistrés et annoncés, sortis de la géographie prioritaire, effectifs, coût par enfant."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Exists, F, OuterRef, QuerySet

from politique_ville.outils.montants import CENTIME, total
from programmation.enums import FamilleFinanceur
from programmation.models import Action, Financement
from territoires.enums import Generation, NatureQuartier, ObjetAnnonce
from territoires.models import Departement, NombreAnnonce, Quartier

from .. import regles
from ..models import SOUS_ENSEMBLES, ActionDuSuivi, BudgetPre, EffectifPre, ProgrammeReussiteEducative, SuiviPre
from .effectifs import MASQUE, SEUIL, masquer_une_part, taire


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

    departement: Departement
    inscrits: int
    annonces: int | None
    source: str
    date: Date | None
    hors_geographie: tuple[ProgrammeReussiteEducative, ...]


@dataclass(frozen=True)
class LigneDePre:
    """Un PRE une année, tel qu'il sort : ses effectifs sont masqués. Sans suivi, tout y est None (inconnu).

    `effectifs` : les enfants suivis et leurs sous-ensembles, par nom de champ. `p147` : l'accordé des actions liées.
    """

    programme: ProgrammeReussiteEducative
    suivi: SuiviPre | None
    effectifs: dict[str, int | str | None]
    cout: CoutParEnfant
    p147: Decimal | None

    @property
    def budget(self) -> Decimal | None:
        return self.cout.budget


@dataclass(frozen=True)
class TotauxDesPre:
    """La somme de ce que les lignes montrent, et ce qu'elles taisent ou ignorent, par colonne."""

    nombre: int
    sommes: dict[str, int | Decimal | None]
    masques: dict[str, int]
    inconnus: dict[str, int]


EFFECTIFS = ("enfants_suivis", *SOUS_ENSEMBLES)
Cases = dict[tuple[str, str], int]  # (axe, modalité) → nombre d'enfants


# --- Le coût ---


def cout(budget: Decimal | None, enfants: int | None) -> CoutParEnfant:
    """Le budget total du bilan ÷ les enfants suivis, au centime."""
    if budget is None:
        return CoutParEnfant(None, None, "Budget non renseigné.")
    if enfants is None:
        return CoutParEnfant(None, budget, "Nombre d’enfants suivis non renseigné.")
    if enfants < SEUIL:
        return CoutParEnfant(None, budget, f"Moins de {SEUIL} enfants suivis : non communiqué.")
    return CoutParEnfant((budget / enfants).quantize(CENTIME, ROUND_HALF_UP), budget)


# --- Les effectifs, tels qu'ils sortent ---


@dataclass(frozen=True)
class Annee:
    """Ce qu'un PRE dit d'une année : `total`, les enfants qu'un lecteur compte ; `effectifs`, déjà masqués."""

    suivi: SuiviPre
    total: int | None
    effectifs: dict[str, int | str | None]


def effectifs_des_suivis(suivis: Iterable[SuiviPre]) -> dict[int, dict[str, int | str | None]]:
    """Ce qui sort des enfants suivis et de leurs sous-ensembles, par suivi. Deux requêtes au plus."""
    suivis = list(suivis)
    tous = SuiviPre.objects.filter(programme__in={suivi.programme_id for suivi in suivis}).select_related("exercice")
    cases = cases_par_suivi(suivi for suivi in tous if suivi.enfants_suivis is None)
    annees = {(s.programme_id, s.exercice.annee): annee_de(s, cases.get(s.pk, {})) for s in tous}
    return {suivi.pk: tus_d_une_annee_a_l_autre(suivi, annees) for suivi in suivis}


def annee_de(suivi: SuiviPre, cases: Cases) -> Annee:
    total = regles.total_des_enfants(suivi.enfants_suivis, cases)
    return Annee(suivi, total, effectifs_affiches(suivi, total))


def tus_d_une_annee_a_l_autre(suivi, annees):
    """Les effectifs d'un suivi, sans ce qui rendrait ceux de l'année voisine : sortis de N = suivis de N + nouveaux de
    N+1 − suivis de N+1."""
    programme, annee = suivi.programme_id, suivi.exercice.annee
    sienne = annees[programme, annee]
    liens = (("sortis", annee + 1, "nouveaux"), ("nouveaux", annee - 1, "sortis"))
    rendus = [champ for champ, voisine, lie in liens if rend(sienne, champ, annees.get((programme, voisine)), lie)]
    return sienne.effectifs | {champ: taire(sienne.effectifs[champ]) for champ in rendus}


def rend(sienne: Annee, champ: str, voisine: Annee | None, lie: str) -> bool:
    """Vrai si `champ` rend le petit `lie` de l'année voisine, fût-il vide : la différence le dirait à sa place."""
    nombre = getattr(sienne.suivi, champ)
    if voisine is None or nombre is None:
        return False
    if getattr(voisine.suivi, lie) is not None:
        return voisine.effectifs[lie] == MASQUE
    connus = None not in (sienne.total, voisine.total)
    return connus and 0 <= nombre + voisine.total - sienne.total < SEUIL


def effectifs_affiches(suivi: SuiviPre, total: int | None) -> dict[str, int | str | None]:
    """Les enfants suivis et leurs sous-ensembles, masqués sous le seuil ou s'ils rendaient un petit reste de ce total,
    que le lecteur connaît, fût-ce par un axe complet."""
    parts = {champ: masquer_une_part(getattr(suivi, champ), total) for champ in SOUS_ENSEMBLES}
    return {"enfants_suivis": masquer_une_part(suivi.enfants_suivis, None)} | parts


def cases_par_suivi(suivis: Iterable[SuiviPre]) -> dict[int, Cases]:
    """Les effectifs par (axe, modalité), par suivi. Une requête, ou aucune s'il n'y a pas de suivi."""
    cases = defaultdict(dict)
    for case in EffectifPre.objects.filter(suivi__in=list(suivis)):
        cases[case.suivi_id][case.axe, case.modalite] = case.nombre
    return cases


# --- Une liste ---


def lignes_de_pre(
    programmes: QuerySet[ProgrammeReussiteEducative], annee: int, actions: QuerySet[Action]
) -> list[LigneDePre]:
    """Une ligne par PRE (déjà bornés et ordonnés), l'année dite ; `actions` : celles que la personne voit.

    Sept requêtes au plus, quel que soit le nombre de PRE : les autres années et, sans enfants suivis, les cases, pour
    masquer.
    """
    programmes = list(
        programmes.select_related("contrat__departement", "structure__fusionne_dans").prefetch_related("communes")
    )
    suivis = SuiviPre.objects.filter(programme__in=programmes, exercice__annee=annee).select_related("exercice")
    par_programme = {suivi.programme_id: suivi for suivi in suivis}
    budgets = sommes_par_suivi(BudgetPre.objects.filter(suivi__in=par_programme.values()), "suivi", "montant")
    accordes = accordes_par_suivi(par_programme.values(), actions)
    effectifs = effectifs_des_suivis(par_programme.values())
    return [ligne_de_pre(pre, par_programme.get(pre.pk), effectifs, budgets, accordes) for pre in programmes]


def ligne_de_pre(programme, suivi, effectifs, budgets, accordes) -> LigneDePre:
    if suivi is None:
        inconnus = dict.fromkeys(EFFECTIFS)
        return LigneDePre(programme, None, inconnus, CoutParEnfant(None, None, "Aucun suivi cette année-là."), None)
    par_enfant = cout(budgets.get(suivi.pk), suivi.enfants_suivis)
    return LigneDePre(programme, suivi, effectifs[suivi.pk], par_enfant, accordes.get(suivi.pk))


def sommes_par_suivi(lignes, suivi, montant):
    sommes = lignes.order_by().values_list(suivi).annotate(somme=total(montant))
    return dict(sommes)


def accordes_par_suivi(suivis: Iterable[SuiviPre], actions: QuerySet[Action]) -> dict[int, Decimal | None]:
    """L'accordé P147 des actions liées que la personne voit, par suivi : une action n'est que dans un suivi."""
    liees = ActionDuSuivi.objects.filter(suivi__in=list(suivis), action__in=actions.order_by().values("pk"))
    lignes = Financement.objects.filter(famille=FamilleFinanceur.ANCT_P147, action__suivi_pre__in=liees)
    return sommes_par_suivi(lignes, "action__suivi_pre__suivi", "accorde")


def totaux_des_pre(lignes: Sequence[LigneDePre]) -> TotauxDesPre:
    """Un total est la somme de ce qui est montré : un effectif masqué n'y entre pas, et ne s'en retrouve pas."""
    valeurs = defaultdict(list)
    for ligne in lignes:
        for nom, valeur in (*ligne.effectifs.items(), ("budget", ligne.budget), ("p147", ligne.p147)):
            valeurs[nom].append(valeur)
    return TotauxDesPre(
        nombre=len(lignes),
        sommes={nom: somme_des_connus(colonne) for nom, colonne in valeurs.items()},
        masques={nom: colonne.count(MASQUE) for nom, colonne in valeurs.items()},
        inconnus={nom: colonne.count(None) for nom, colonne in valeurs.items()},
    )


def somme_des_connus(colonne):
    connus = [valeur for valeur in colonne if valeur is not None and valeur != MASQUE]
    return sum(connus) if connus else None


# --- Par département ---


def programmes_par_departement(
    programmes: QuerySet[ProgrammeReussiteEducative], departements: Iterable[Departement], annee: int
) -> list[ProgrammesDuDepartement]:
    """Les PRE (déjà bornés au périmètre) de ces départements, dans leur ordre, l'année dite. Deux requêtes."""
    departements = list(departements)
    ouverts, annonces = defaultdict(list), {}
    for pre in programmes_de_l_annee(programmes.filter(contrat__departement__in=departements), annee):
        ouverts[pre.contrat.departement_id].append(pre)
    for annonce in annonces_de_pre(departements):
        annonces.setdefault(annonce.departement_id, annonce)
    return [du_departement(d, ouverts[d.pk], annonces.get(d.pk)) for d in departements]


def programmes_de_l_annee(programmes, annee):
    """Ceux qui sont ouverts l'année dite, par intitulé, annotés de `dans_la_geographie`."""
    ouverts = programmes.ouverts_en(annee).annotate(dans_la_geographie=Exists(quartiers_prioritaires(annee)))
    return ouverts.select_related("contrat").order_by("intitule", "pk")


def est_hors_geographie(programme: ProgrammeReussiteEducative, annee: int) -> bool:
    """Vrai si aucune commune du PRE n'a de quartier prioritaire cette année-là. Une requête."""
    sien = ProgrammeReussiteEducative.objects.filter(pk=programme.pk)
    return not sien.filter(Exists(quartiers_prioritaires(annee))).exists()


def quartiers_prioritaires(annee):
    """Ceux de la génération de l'année, dans une commune du programme, que l'on lit par son identifiant."""
    prioritaires = Quartier.objects.filter(nature=NatureQuartier.QPV, generation=Generation.de_l_annee(annee))
    return prioritaires.filter(communes__programmes_pre=OuterRef("pk")).order_by()


def annonces_de_pre(departements):
    """Les nombres annoncés, le plus récent d'abord."""
    annonces = NombreAnnonce.objects.filter(departement__in=departements, objet=ObjetAnnonce.PRE)
    return annonces.order_by(F("date").desc(nulls_last=True), "pk")


def du_departement(departement, ouverts, annonce) -> ProgrammesDuDepartement:
    return ProgrammesDuDepartement(
        departement=departement,
        inscrits=len(ouverts),
        annonces=annonce and annonce.nombre,
        source=annonce.source if annonce else "",
        date=annonce and annonce.date,
        hors_geographie=tuple(pre for pre in ouverts if not pre.dans_la_geographie),
    )
