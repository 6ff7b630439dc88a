"""Les règles datées (seuil, délais) : leur valeur pour un département à une date, en Python et en SQL.

La valeur du département l'emporte sur celle de toute la France. Sans valeur, la règle est inconnue : rien n'est dû,
rien n'est en retard, et l'écran le dit.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal
from functools import cached_property
from itertools import pairwise

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from politique_ville.outils.dates import decaler_de_mois, premier_jour_decale

from ..enums import CodeParametre, EtatJustification, StatutAction
from ..models import Action, Justification, Parametre

PORTEUR_DOIT = (EtatJustification.ATTENDUE, EtatJustification.A_COMPLETER)


@dataclass(frozen=True)
class Fenetre:
    """Une valeur, le département où elle vaut (None : ceux qui n'ont pas la leur) et les fins d'action qu'elle règle :
    du jour `du` compris à `avant` exclu (None : sans fin)."""

    departement: int | None
    du: Date
    avant: Date | None
    valeur: Decimal


class Regle:
    """Toutes les valeurs d'une règle, lues en une requête, ou déjà `lues`, la plus récente d'abord."""

    def __init__(self, code: CodeParametre, lues: list[Parametre] | None = None):
        self.code = code
        if lues is not None:
            self.lues = lues

    @cached_property
    def lues(self) -> list[Parametre]:
        return list(Parametre.objects.filter(code=self.code).order_by("-depuis"))

    def valeur(self, departement_id: int, le: Date) -> Decimal | None:
        """Celle du département à cette date, à défaut celle de toute la France ; None si aucune n'est connue."""
        en_vigueur = [parametre for parametre in self.lues if parametre.depuis <= le]
        siennes = [p for p in en_vigueur if p.departement_id == departement_id]
        nationales = [p for p in en_vigueur if p.departement_id is None]
        return next((p.valeur for p in [*siennes, *nationales]), None)

    @property
    def est_connue(self) -> bool:
        return bool(self.lues)

    @cached_property
    def departements(self) -> set[int]:
        """Ceux qui ont leur propre valeur."""
        return {p.departement_id for p in self.lues if p.departement_id}

    def fenetres(self) -> Iterator[Fenetre]:
        """Tout le temps que la règle couvre, département par département."""
        for departement in [None, *sorted(self.departements)]:
            jours = sorted({p.depuis for p in self.lues if p.departement_id in (None, departement)})
            for du, avant in pairwise([*jours, None]):
                yield Fenetre(departement, du, avant, self.valeur(departement, du))


class ReglesDatees:
    """Toutes les règles, lues en une requête dès que l'une sert : l'écran qui en applique plusieurs les partage."""

    @cached_property
    def lues(self) -> dict[str, list[Parametre]]:
        lues = defaultdict(list)
        for parametre in Parametre.objects.order_by("-depuis"):
            lues[parametre.code].append(parametre)
        return lues

    def __getitem__(self, code: CodeParametre) -> Regle:
        return Regle(code, self.lues[code])


def mois_ecoules(regle: Regle, champ: str, departement: str, jour: Date) -> Q:
    """La condition « plus de mois se sont écoulés depuis la date `champ` que la règle n'en laisse », en SQL.

    `departement` : le chemin vers l'identifiant du département. La même règle qu'`echeance` en Python.
    """
    condition = Q(pk__in=[])
    for fenetre in regle.fenetres():
        limite = premier_jour_decale(jour, -int(fenetre.valeur))
        avant = min(limite, fenetre.avant) if fenetre.avant else limite
        ou = Q(**{departement: fenetre.departement})
        if fenetre.departement is None:
            ou = ~Q(**{f"{departement}__in": regle.departements})
        condition |= ou & Q(**{f"{champ}__gte": fenetre.du, f"{champ}__lt": avant})
    return condition


def echeance(regle: Regle, departement_id: int, depuis: Date | None) -> Date | None:
    """Le dernier jour du délai qui court depuis cette date ; None si la date ou la règle est inconnue."""
    mois = regle.valeur(departement_id, depuis) if depuis else None
    return None if mois is None else decaler_de_mois(depuis, int(mois))


# --- La justification ---


def avec_fin_prorogee(actions: QuerySet[Action]) -> QuerySet[Action]:
    """Ajoute `fin_prorogee` : la fin de l'action ou, si elle est prorogée, la nouvelle."""
    return actions.annotate(fin_prorogee=Coalesce("justification__prorogation_jusqu_au", "date_fin"))


def compte_rendu_attendu(jour: Date) -> Q:
    """La condition « programmée, finie, et son porteur doit encore la justification ou un complément », sur des actions
    qui portent leur fin prorogée."""
    rendue = Justification.objects.filter(action=OuterRef("pk")).exclude(etat__in=PORTEUR_DOIT)
    return Q(statut=StatutAction.PROGRAMMEE, fin_prorogee__lt=jour) & ~Exists(rendue)


def justification_en_retard(jour: Date, regle: Regle) -> Q:
    """La même, le délai passé."""
    return compte_rendu_attendu(jour) & mois_ecoules(regle, "fin_prorogee", "exercice__departement", jour)


def sans_compte_rendu(actions: QuerySet[Action], jour: Date) -> QuerySet[Action]:
    return avec_fin_prorogee(actions).filter(compte_rendu_attendu(jour))


def en_retard_de_justification(actions: QuerySet[Action], jour: Date, regle: Regle | None = None) -> QuerySet[Action]:
    """Celles dont le délai est passé. `regle` : le délai, s'il est déjà lu."""
    regle = regle or Regle(CodeParametre.DELAI_JUSTIFICATION)
    return avec_fin_prorogee(actions).filter(justification_en_retard(jour, regle))
