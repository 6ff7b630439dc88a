"""Ce que coûtent des postes sur une période : selon leurs conventions, et pour les jours où ils sont pourvus.

Le relevé publié par l'ANCT n'entre dans aucun de ces calculs.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date as Date
from decimal import Decimal

from django.db.models import QuerySet
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
    Occupation,
    PosteAdulteRelais,
    PosteFonjep,
    TriennaliteFonjep,
)
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
    """La somme des coûts affichés, chaque montant None s'il n'est connu pour aucun poste ; `inconnus` : les postes
    dont le conventionné est inconnu, et qui n'y sont pas comptés."""

    cout: Cout
    postes: int
    inconnus: int


@dataclass(frozen=True)
class CoutsDesPostes:
    """Les coûts par identifiant de poste, et leur total, avec la règle de prorata qui les a faits."""

    debut: Date
    fin: Date
    prorata: Prorata
    par_poste: dict[int, Cout]
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
    (aujourd'hui par défaut). Cinq requêtes, quel que soit le nombre de postes."""
    calcul = Calcul(debut, fin, prorata, etapes_du_bareme(BaremeAdulteRelais), au or timezone.localdate())
    conventions = ConventionAdulteRelais.objects.filter(poste__in=postes.order_by(), debut__lte=fin, fin__gte=debut)
    ids = conventions.order_by().values("pk")
    quotites = defaultdict(list)
    avenants = AvenantAdulteRelais.objects.filter(convention__in=ids, quotite__isnull=False).order_by("date_effet")
    for convention, date_effet, quotite in avenants.values_list("convention", "date_effet", "quotite"):
        quotites[convention].append((date_effet, en_centiemes(quotite)))
    occupations = defaultdict(list)
    lues = Occupation.objects.filter(convention__in=ids).order_by("debut")
    for convention, etat, du, jusqu_au in lues.values_list("convention", "etat", "debut", "fin"):
        occupations[convention].append((etat, du, jusqu_au))
    champs = conventions.order_by().values_list("pk", "poste", "debut", "fin", "quotite")
    for pk, poste, du, jusqu_au, quotite in champs:
        etapes = [(du, en_centiemes(quotite)), *quotites.get(pk, ())]
        calcul.ajouter(poste, du, jusqu_au, etapes, occupations.get(pk, ()))
    return calcul.resultat(postes)


def couts_fonjep(
    postes: QuerySet[PosteFonjep], debut: Date, fin: Date, *, prorata: Prorata = Prorata.JOURS
) -> CoutsDesPostes:
    """Le coût conventionné de chaque poste FONJEP ; son occupation n'est pas suivie. Trois requêtes."""
    calcul = Calcul(debut, fin, prorata, etapes_du_bareme(BaremeFonjep), debut - UN_JOUR)
    periodes = TriennaliteFonjep.objects.filter(poste__in=postes.order_by(), debut__lte=fin, fin__gte=debut)
    for poste, du, jusqu_au in periodes.order_by().values_list("poste", "debut", "fin"):
        calcul.ajouter(poste, du, jusqu_au, [(du, PLEIN_TEMPS)], ())
    return calcul.resultat(postes)


def etapes_du_bareme(modele: type[Bareme]) -> list[tuple[Date, int | None]]:
    """Les (date d'effet, centimes annuels) ; None à partir d'un trou déclaré."""
    lus = modele.objects.order_by("date_effet").values_list("date_effet", "montant")
    return [(date_effet, vers_centimes(montant)) for date_effet, montant in lus]


def en_centiemes(quotite: Decimal) -> int:
    return int(quotite * 100)


class Calcul:
    """Additionne les conventions de postes sur une période, bornes comprises."""

    def __init__(self, debut, fin, prorata, bareme, au):
        self.debut, self.fin, self.apres = debut, fin, lendemain(fin)
        self.connu_jusqu_a = lendemain(au)
        self.prorata = Prorata(prorata)
        self.rang = RANGS[self.prorata]
        self.bareme = bareme
        self.comptes = defaultdict(Compte)

    def ajouter(self, poste, debut, fin, quotites, occupations):
        """Une convention ; `quotites` : (date d'effet, centièmes de %), `occupations` : (état, début, fin?)."""
        debut, apres = max(debut, self.debut), min(lendemain(fin), self.apres)
        compte = self.comptes[poste]
        etats = self.etats(debut, apres, occupations)
        for du, jusqu, quotite in tranches(debut, apres, quotites):
            for de, a, taux in tranches(du, jusqu, self.bareme):
                if taux is None:
                    compte.trous.append((de, a))
                for etat, premier, dernier in etats:
                    self.compter(compte, etat, max(de, premier), min(a, dernier), taux, quotite)

    def compter(self, compte, etat, debut, apres, taux, quotite):
        if debut >= apres:
            return
        compte.jours[etat] += (apres - debut).days
        if taux is None:
            compte.inconnus.add(etat)
        else:
            compte.numerateurs[etat] += taux * quotite * (self.rang(apres) - self.rang(debut))

    def etats(self, debut, apres, occupations):
        """[début, après[ découpé en (état, début, après), ce qu'aucune occupation connue ne couvre compris."""
        decoupe, depuis = [], debut
        limite = min(apres, self.connu_jusqu_a)
        for etat, du, jusqu_au in occupations:
            premier = max(du, depuis)
            dernier = min(lendemain(jusqu_au), limite) if jusqu_au else limite
            if premier < dernier:
                decoupe += [(NON_RENSEIGNE, depuis, premier), (etat, premier, dernier)]
                depuis = dernier
        return [*decoupe, (NON_RENSEIGNE, depuis, apres)]

    def resultat(self, postes) -> CoutsDesPostes:
        couts = {poste: compte.cout(self.prorata) for poste, compte in self.comptes.items()}
        par_poste = {pk: couts.get(pk, Cout()) for pk in postes.order_by().values_list("pk", flat=True)}
        return CoutsDesPostes(self.debut, self.fin, self.prorata, par_poste, additionner(couts.values()))


def additionner(couts: Iterable[Cout]) -> TotalDesCouts:
    """La somme des coûts arrondis : un total est la somme de ses lignes. 0,00 € sans aucun poste."""
    couts = list(couts)
    montants = [somme([getattr(c, champ) for c in couts]) for champ in list(Cout.__dataclass_fields__)[:4]]
    jours = [sum(getattr(c, champ) for c in couts) for champ in list(Cout.__dataclass_fields__)[4:8]]
    inconnus = sum(cout.conventionne is None for cout in couts)
    return TotalDesCouts(Cout(*montants, *jours), len(couts), inconnus)


def somme(montants: list[Decimal | None]) -> Decimal | None:
    connus = [montant for montant in montants if montant is not None]
    return sum(connus, Decimal("0.00")) if connus or not montants else None
