"""Ce que coûtent des postes sur une période : selon leurs conventions, et pour les jours où ils sont pourvus.

Le relevé publié par l'ANCT n'entre dans aucun de ces calculs.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date as Date
from decimal import Decimal
from typing import NamedTuple

from django.db.models import FilteredRelation, Q, QuerySet
from django.utils import timezone

from politique_ville.outils.montants import vers_centimes, vers_euros

from ..dates import UN_JOUR, en_clair
from ..enums import EtatOccupation, Prorata
from ..models import (
    AvenantAdulteRelais,
    Bareme,
    BaremeAdulteRelais,
    BaremeFonjep,
    ConventionAdulteRelais,
    PosteAdulteRelais,
    PosteFonjep,
    TriennaliteFonjep,
)
from .postes import de_ces_postes
from .prorata import PLEIN_TEMPS, RANGS, centimes, lendemain, tranches

NON_RENSEIGNE = ""
ETATS = (EtatOccupation.POURVU.value, EtatOccupation.VACANT.value, NON_RENSEIGNE)


@dataclass(frozen=True)
class Cout:
    """Euros et jours d'un poste sur une période ; un montant inconnu est None, et `raison` dit pourquoi.

    conventionné = occupé + vacant + non renseigné, en jours comme en euros. Non renseigné : aucune occupation ne le
    dit, ou ce jour n'est pas encore passé.
    """

    conventionne: Decimal | None = Decimal("0.00")
    occupe: Decimal | None = Decimal("0.00")
    vacant: Decimal | None = Decimal("0.00")
    non_renseigne: Decimal | None = Decimal("0.00")
    jours_conventionnes: int = 0
    jours_occupes: int = 0
    jours_vacants: int = 0
    jours_non_renseignes: int = 0
    raison: str = ""


@dataclass(frozen=True)
class TotalDesCouts:
    """La somme des coûts affichés, chaque montant None s'il est inconnu pour tous les postes qu'il concerne.

    `inconnus` : les postes dont le conventionné est inconnu, et qui n'y sont pas comptés.
    """

    cout: Cout
    postes: int
    inconnus: int


class CoutsParPoste(dict[int, Cout]):
    """Les coûts par identifiant de poste ; un poste sans convention sur la période ne coûte rien."""

    def __missing__(self, poste):
        return Cout()


@dataclass(frozen=True)
class CoutsDesPostes:
    """Les coûts par identifiant de poste, et leur total, avec la règle de prorata qui les a faits."""

    debut: Date
    fin: Date
    prorata: Prorata
    par_poste: CoutsParPoste
    total: TotalDesCouts


@dataclass
class Compte:
    """Ce qui s'additionne d'un poste : numérateurs exacts et jours par état, et les jours sans barème connu."""

    numerateurs: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ETATS, 0))
    jours: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ETATS, 0))
    inconnus: set[str] = field(default_factory=set)
    trous: list[tuple[Date, Date]] = field(default_factory=list)

    def cout(self, prorata: Prorata) -> Cout:
        """Au centime par arrondi cumulé : les parts d'un conventionné connu l'additionnent exactement."""
        if self.inconnus:
            montants = [None if e in self.inconnus else centimes(self.numerateurs[e], prorata) for e in ETATS]
            total = None
        else:
            montants, cumul, precedent = [], 0, 0
            for etat in ETATS:
                cumul += self.numerateurs[etat]
                total = centimes(cumul, prorata)
                montants.append(total - precedent)
                precedent = total
        jours = [self.jours[etat] for etat in ETATS]
        return Cout(*map(vers_euros, (total, *montants)), sum(jours), *jours, raison_des_trous(self.trous))


def raison_des_trous(trous: Iterable[tuple[Date, Date]]) -> str:
    """« Barème inconnu du 01/01/2025 au 31/12/2025. » Les bornes de chaque trou sont [début, fin[."""
    unis = []
    for debut, fin in sorted(trous):
        if unis and debut <= unis[-1][1]:
            unis[-1][1] = max(fin, unis[-1][1])
        else:
            unis.append([debut, fin])
    dits = [f"du {en_clair(debut)} au {en_clair(fin - UN_JOUR)}" for debut, fin in unis]
    return f"Barème inconnu {', '.join(dits)}." if dits else ""


def couts_des_adultes_relais(
    postes: QuerySet[PosteAdulteRelais],
    debut: Date,
    fin: Date,
    *,
    prorata: Prorata = Prorata.JOURS,
    au: Date | None = None,
) -> CoutsDesPostes:
    """Le coût de chaque poste du `debut` à la `fin` comprise ; l'occupation n'est lue que jusqu'au jour `au`
    (aujourd'hui par défaut). Trois requêtes, quel que soit le nombre de postes."""
    lues = conventions_de(postes, debut, fin)
    return calculer(lues, etapes_du_bareme(BaremeAdulteRelais), debut, fin, prorata, au or timezone.localdate())


def couts_par_annee(
    postes: QuerySet[PosteAdulteRelais], annees: Sequence[int], *, prorata: Prorata = Prorata.JOURS
) -> dict[int, CoutsDesPostes]:
    """Le coût de chaque poste, année par année. Trois requêtes, quel que soit le nombre d'années."""
    if not annees:
        return {}
    lues = conventions_de(postes, *bornes(annees))
    bareme, au = etapes_du_bareme(BaremeAdulteRelais), timezone.localdate()
    return {a: calculer(lues, bareme, *bornes([a]), prorata, au) for a in annees}


def couts_fonjep(
    postes: QuerySet[PosteFonjep], debut: Date, fin: Date, *, prorata: Prorata = Prorata.JOURS
) -> CoutsDesPostes:
    """Le coût conventionné de chaque poste FONJEP ; son occupation n'est pas suivie. Deux requêtes."""
    lues = triennalites_de(postes, debut, fin)
    return calculer(lues, etapes_du_bareme(BaremeFonjep), debut, fin, prorata, debut - UN_JOUR)


def couts_fonjep_par_annee(
    postes: QuerySet[PosteFonjep], annees: Sequence[int], *, prorata: Prorata = Prorata.JOURS
) -> dict[int, CoutsDesPostes]:
    """Le coût conventionné de chaque poste FONJEP, année par année. Deux requêtes."""
    if not annees:
        return {}
    lues, bareme = triennalites_de(postes, *bornes(annees)), etapes_du_bareme(BaremeFonjep)
    return {a: calculer(lues, bareme, *bornes([a]), prorata, bornes([a])[0] - UN_JOUR) for a in annees}


def bornes(annees: Sequence[int]) -> tuple[Date, Date]:
    """Du premier au dernier jour de ces années."""
    return Date(min(annees), 1, 1), Date(max(annees), 12, 31)


def calculer(periodes, bareme, debut, fin, prorata, au) -> CoutsDesPostes:
    calcul = Calcul(debut, fin, Prorata(prorata), bareme, au)
    for periode in periodes:
        calcul.ajouter(periode)
    return calcul.resultat()


# --- Lire ---


class Periode(NamedTuple):
    """Une convention, ou une triennalité ; `quotites` : (date d'effet, centièmes de %), `occupations` : (état, début,
    fin?), dans l'ordre des dates."""

    poste: int
    debut: Date
    fin: Date
    quotites: tuple[tuple[Date, int], ...]
    occupations: tuple[tuple[str, Date, Date | None], ...]


def conventions_de(postes, debut, fin) -> list[Periode]:
    """Les conventions de ces postes qui ont un jour dans la période, avec ce qu'elles y portent. Deux requêtes."""
    siennes = de_ces_postes(ConventionAdulteRelais, postes).filter(debut__lte=fin, fin__gte=debut)
    avenants = AvenantAdulteRelais.objects.filter(convention__in=siennes.order_by(), quotite__isnull=False)
    quotites = defaultdict(list)
    for convention, effet, quotite in avenants.order_by("date_effet").values_list(
        "convention", "date_effet", "quotite"
    ):
        quotites[convention].append((effet, en_centiemes(quotite)))
    pendant = Q(occupations__debut__lte=fin) & (Q(occupations__fin=None) | Q(occupations__fin__gte=debut))
    jointes = siennes.annotate(occupees=FilteredRelation("occupations", condition=pendant))
    champs = ["pk", "poste", "debut", "fin", "quotite", "occupees__etat", "occupees__debut", "occupees__fin"]
    lues, occupations = {}, {}
    for pk, poste, du, jusqu_au, quotite, *occupation in jointes.order_by("occupees__debut").values_list(*champs):
        lues[pk] = poste, du, jusqu_au, ((du, en_centiemes(quotite)), *quotites.get(pk, ()))
        occupations[pk] = (*occupations.get(pk, ()), tuple(occupation)) if occupation[0] else ()
    return [Periode(*lue, occupations[pk]) for pk, lue in lues.items()]


def triennalites_de(postes, debut, fin) -> list[Periode]:
    """Les périodes FONJEP de ces postes qui ont un jour dans la période. Une requête."""
    siennes = de_ces_postes(TriennaliteFonjep, postes).filter(debut__lte=fin, fin__gte=debut)
    lues = siennes.order_by().values_list("poste", "debut", "fin")
    return [Periode(poste, du, jusqu_au, ((du, PLEIN_TEMPS),), ()) for poste, du, jusqu_au in lues]


def etapes_du_bareme(modele: type[Bareme]) -> list[tuple[Date, int | None]]:
    """Les (date d'effet, centimes annuels) ; None à partir d'un trou déclaré."""
    lus = modele.objects.order_by("date_effet").values_list("date_effet", "montant")
    return [(date_effet, vers_centimes(montant)) for date_effet, montant in lus]


def en_centiemes(quotite: Decimal) -> int:
    return int(quotite * 100)


# --- Calculer ---


def raison_des_inconnus(couts: CoutsDesPostes) -> str:
    """Pourquoi des montants sont inconnus, en une phrase ; vide s'ils sont tous connus."""
    raisons = {cout.raison for cout in couts.par_poste.values() if cout.raison}
    if len(raisons) > 1:
        return f"Barème inconnu pour une partie de la période du {en_clair(couts.debut)} au {en_clair(couts.fin)}."
    return next(iter(raisons), "")


class Calcul:
    """Additionne les conventions de postes sur une période, bornes comprises.

    Un morceau : (début, après, quotités, états) d'une convention, bornée à la période [début, après[. Des milliers de
    postes n'ont que quelques centaines de situations différentes : chacune n'est bornée et comptée qu'une fois, et un
    poste n'en garde que les rangs.
    """

    def __init__(self, debut, fin, prorata, bareme, au):
        self.debut, self.fin, self.apres = debut, fin, lendemain(fin)
        self.connu_jusqu_a = lendemain(au)
        self.prorata = prorata
        self.rang = RANGS[prorata]
        self.bareme = bareme
        self.rangs_des_situations = {}  # None : aucun jour dans la période
        self.rangs_des_morceaux = {}
        self.par_poste = {}

    def ajouter(self, periode: Periode):
        situation = periode[1:]
        if situation not in self.rangs_des_situations:
            self.rangs_des_situations[situation] = self.rang_du_morceau(*situation)
        rang = self.rangs_des_situations[situation]
        if rang is not None:
            self.par_poste[periode.poste] = (*self.par_poste.get(periode.poste, ()), rang)

    def rang_du_morceau(self, debut, fin, quotites, occupations) -> int | None:
        debut, apres = max(debut, self.debut), min(lendemain(fin), self.apres)
        if debut >= apres:
            return None
        quotites = tuple([(max(du, debut), quotite) for du, quotite in quotites])
        morceau = (debut, apres, quotites, self.etats(debut, apres, occupations))
        return self.rangs_des_morceaux.setdefault(morceau, len(self.rangs_des_morceaux))

    def etats(self, debut, apres, occupations):
        """[début, après[ découpé en (état, début, après), ce qu'aucune occupation connue ne couvre compris."""
        decoupe, depuis = [], debut
        limite = min(apres, self.connu_jusqu_a)
        for etat, du, jusqu_au in occupations:
            premier = max(du, depuis)
            dernier = min(lendemain(jusqu_au), limite) if jusqu_au else limite
            if premier < dernier:
                if depuis < premier:
                    decoupe.append((NON_RENSEIGNE, depuis, premier))
                decoupe.append((etat, premier, dernier))
                depuis = dernier
        if depuis < apres:
            decoupe.append((NON_RENSEIGNE, depuis, apres))
        return tuple(decoupe)

    def resultat(self) -> CoutsDesPostes:
        nombres, morceaux = Counter(self.par_poste.values()), list(self.rangs_des_morceaux)
        couts = {rangs: self.cout([morceaux[rang] for rang in rangs]) for rangs in nombres}
        par_poste = CoutsParPoste({poste: couts[rangs] for poste, rangs in self.par_poste.items()})
        total = additionner([(couts[rangs], nombre) for rangs, nombre in nombres.items()])
        return CoutsDesPostes(self.debut, self.fin, self.prorata, par_poste, total)

    def cout(self, morceaux) -> Cout:
        compte = Compte()
        for debut, apres, quotites, etats in morceaux:
            for du, jusqu, quotite in tranches(debut, apres, quotites):
                for de, a, taux in tranches(du, jusqu, self.bareme):
                    if taux is None:
                        compte.trous.append((de, a))
                    for etat, premier, dernier in etats:
                        self.compter(compte, etat, max(de, premier), min(a, dernier), taux, quotite)
        return compte.cout(self.prorata)

    def compter(self, compte, etat, debut, apres, taux, quotite):
        if debut >= apres:
            return
        compte.jours[etat] += (apres - debut).days
        if taux is None:
            compte.inconnus.add(etat)
        else:
            compte.numerateurs[etat] += taux * quotite * (self.rang(apres) - self.rang(debut))


def additionner(couts: Iterable[tuple[Cout, int]]) -> TotalDesCouts:
    """La somme de (coût arrondi, nombre de postes) : un total est la somme de ses lignes.

    Sans aucune convention sur la période, on ne sait pas ce que coûtent les postes : les montants sont inconnus. Un
    poste sans jour vacant ne dit rien du coût de la vacance : si tous ceux qui en ont sont inconnus, il l'est.
    """
    couts = list(couts)
    if not couts:
        return TotalDesCouts(Cout(None, None, None, None), 0, 0)
    champs = list(Cout.__dataclass_fields__)
    montants = [
        somme([(getattr(c, montant), nombre) for c, nombre in couts if getattr(c, jours)])
        for montant, jours in zip(champs[:4], champs[4:8], strict=True)
    ]
    jours = [sum(getattr(c, champ) * nombre for c, nombre in couts) for champ in champs[4:8]]
    inconnus = sum(nombre for cout, nombre in couts if cout.conventionne is None)
    return TotalDesCouts(Cout(*montants, *jours), sum(nombre for _, nombre in couts), inconnus)


def somme(montants: list[tuple[Decimal | None, int]]) -> Decimal | None:
    connus = [montant * nombre for montant, nombre in montants if montant is not None]
    return sum(connus, Decimal("0.00")) if connus or not montants else None
