"""La programmation par contrat et par quartier, et ce qu'elle fait par habitant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Exists, OuterRef, QuerySet

from politique_ville.outils.montants import CENTIME
from territoires.models import ContratDeVille, Quartier

from ..enums import Echelle
from ..models import Action, Financement, Localisation
from .bases import ChoixDeBase
from .lectures import (
    TOUS_LES_QUARTIERS,
    ZERO,
    Somme,
    additionner,
    connus_ou_relus,
    parts_des_sommes,
    pourcentage,
    sommes_par,
)


@dataclass(frozen=True)
class LigneContrat:
    """Un contrat, ou l'échelle du département (contrat None). Population : celle de ses QPV, chacun compté une fois."""

    contrat: ContratDeVille | None
    libelle: str
    montant: Decimal | None
    nombre: int
    part: Decimal | None
    population: int | None
    millesime: str
    par_habitant: Decimal | None


@dataclass(frozen=True)
class SyntheseDesContrats:
    choix: ChoixDeBase
    legende: str
    lignes: tuple[LigneContrat, ...]
    total: Somme


@dataclass(frozen=True)
class LigneQuartier:
    """Un quartier : sa part des montants (euros), dont z % réparti par clé, et w € de son contrat non localisés."""

    quartier: Quartier
    montant: Decimal | None
    nombre: int
    part: Decimal | None
    population: int | None
    millesime: str
    par_habitant: Decimal | None
    pourcent_reparti: Decimal | None
    non_localise: Decimal | None


@dataclass(frozen=True)
class LigneEchelle:
    """Ce qui n'est dans aucun quartier, à l'échelle du contrat ou du département."""

    echelle: Echelle
    montant: Decimal | None
    nombre: int
    part: Decimal | None


@dataclass(frozen=True)
class SyntheseDesQuartiers:
    """Quartiers + échelle du contrat + du département = total, au centime ; les nombres, eux, ne s'additionnent pas."""

    choix: ChoixDeBase
    legende: str
    lignes: tuple[LigneQuartier, ...]
    echelles: tuple[LigneEchelle, LigneEchelle]
    montant_total: Decimal | None

    @property
    def toutes_les_lignes(self) -> tuple:
        return *self.lignes, *self.echelles


def synthese_des_contrats(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
    contrats: Sequence[ContratDeVille] = (),
    sommes: Mapping[int | None, Somme] | None = None,
) -> SyntheseDesContrats:
    """Les contrats qui portent des actions, et ceux de `contrats` même s'ils n'en portent pas ; puis le département.

    `contrats` : lus avec leur population ; tous sont relus si l'un manque. `sommes` : celles de chaque contrat, si
    elles sont déjà lues avec un autre axe.
    """
    if sommes is None:
        sommes = sommes_par(actions, choix, "contrat", quartiers=quartiers, lignes=lignes)
    montres = {*sommes, *(contrat.pk for contrat in contrats)}
    lus = connus_ou_relus(montres, contrats, ContratDeVille.objects.avec_population())
    lus += [None] if None in sommes else []
    siennes = [sommes.get(contrat.pk if contrat else None, Somme()) for contrat in lus]
    parts = parts_des_sommes(siennes, choix)
    return SyntheseDesContrats(
        choix=choix,
        legende=choix.legende(quartiers),
        lignes=tuple(
            ligne_contrat(contrat, somme, part, choix, par_habitant_utile=not quartiers)
            for contrat, somme, part in zip(lus, siennes, parts, strict=True)
        ),
        total=additionner(siennes),
    )


def ligne_contrat(contrat, somme, part, choix, par_habitant_utile):
    if contrat is None:
        libelle = "À l’échelle du département"
        return LigneContrat(None, libelle, somme.montant, somme.nombre, part, None, "", None)
    millesimes = {contrat.premier_millesime, contrat.dernier_millesime} - {None}
    montant = somme.montant if par_habitant_utile and choix.est_un_montant else None
    return LigneContrat(
        contrat=contrat,
        libelle=str(contrat),
        montant=somme.montant,
        nombre=somme.nombre,
        part=part,
        population=contrat.population_des_quartiers,
        millesime=" à ".join(sorted(millesimes)),
        par_habitant=par_habitant(montant, contrat.population_des_quartiers),
    )


def par_habitant(montant: Decimal | None, population: int | None) -> Decimal | None:
    """Les euros par habitant, au centime, le demi vers le haut ; None si l'un des deux manque."""
    if montant is None or not population:
        return None
    return (montant / population).quantize(CENTIME, ROUND_HALF_UP)


def synthese_des_quartiers(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
    a_montrer: Iterable[Quartier] = (),
) -> SyntheseDesQuartiers:
    """La part de chaque quartier et les deux échelles ; `a_montrer` : ceux que l'on veut lire même sans action.

    Si `quartiers` est donné, seules leurs parts sont lues : les échelles sont alors à 0,00 €.
    """
    lieux = sommes_des_lieux(actions, choix, quartiers, lignes)
    hors = {} if quartiers else sommes_par(non_localisees(actions), choix, "echelle", "contrat", lignes=lignes)
    a_montrer = list(a_montrer)
    montres = {*lieux, *(quartier.pk for quartier in a_montrer)}
    lus = connus_ou_relus(montres, a_montrer, Quartier.objects.defer("contour"))
    echelles = [additionner(s for (e, _), s in hors.items() if e == echelle) for echelle in Echelle]
    siennes = [lieux.get(quartier.pk, Lieu()) for quartier in lus]
    toutes = [*(lieu.somme for lieu in siennes), *echelles]
    parts = parts_des_sommes(toutes, choix)
    non_localise = {contrat: somme.montant for (_, contrat), somme in hors.items()}
    return SyntheseDesQuartiers(
        choix=choix,
        legende=choix.legende(TOUS_LES_QUARTIERS),
        lignes=tuple(
            ligne_quartier(quartier, lieu, part, choix, non_localise.get(quartier.contrat_id, ZERO))
            for quartier, lieu, part in zip(lus, siennes, parts, strict=False)
        ),
        echelles=tuple(
            LigneEchelle(echelle, somme.montant, somme.nombre, part)
            for echelle, somme, part in zip(Echelle, echelles, parts[len(lus) :], strict=True)
        ),
        montant_total=additionner(toutes).montant,
    )


@dataclass(frozen=True)
class Lieu:
    """La somme des parts d'un quartier, et celle des seules parts réparties par clé entre plusieurs quartiers."""

    somme: Somme = Somme()
    repartie: Somme = Somme()


def sommes_des_lieux(actions, choix, quartiers, lignes) -> dict[int, Lieu]:
    """Une requête, groupée aussi par clé : une clé plus petite que le total dit que le montant est partagé."""
    colonnes = ["localisations__quartier", "localisations__cle", "localisations__cumul_total"]
    groupes = sommes_par(actions, choix, *colonnes, quartiers=quartiers or TOUS_LES_QUARTIERS, lignes=lignes)
    par_quartier = {}
    for (quartier, cle, total), somme in groupes.items():
        par_quartier.setdefault(quartier, []).append((somme, cle < total))
    return {
        quartier: Lieu(additionner(s for s, _ in sommes), additionner(s for s, partagee in sommes if partagee))
        for quartier, sommes in par_quartier.items()
    }


def non_localisees(actions):
    return actions.filter(~Exists(Localisation.objects.filter(action=OuterRef("pk"))))


def ligne_quartier(quartier, lieu, part, choix, non_localise):
    montant = lieu.somme.montant if choix.est_un_montant else None
    return LigneQuartier(
        quartier=quartier,
        montant=montant,
        nombre=lieu.somme.nombre,
        part=part,
        population=quartier.population,
        millesime=quartier.millesime_population,
        par_habitant=par_habitant(montant, quartier.population),
        pourcent_reparti=pourcentage(lieu.repartie.montant, montant),
        non_localise=non_localise,
    )
