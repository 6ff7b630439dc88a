"""La part de chaque pilier, son écart au constat publié, et ce qui reste à décider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Exists, OuterRef, QuerySet

from politique_ville.outils.montants import CENTIME
from territoires.models import Departement

from ..enums import NaturePilier
from ..models import Action, Financement, Pilier, Repere
from .avancement import Avancement, Provisoire, avancement
from .bases import Base, ChoixDeBase
from .lectures import Somme, additionner, bornes, classer, parts_des_sommes, pourcentage, regrouper


@dataclass(frozen=True)
class EcartAuRepere:
    """Ce qui sépare une part affichée d'un constat publié : jamais une cible, jamais une faute."""

    repere: Repere
    points: Decimal
    euros: Decimal


@dataclass(frozen=True)
class LignePilier:
    """Un pilier : montant en euros (None : inconnu), nombre d'actions, part en % (None : sans objet)."""

    pilier: Pilier
    montant: Decimal | None
    nombre: int
    inconnus: int
    part: Decimal | None
    ecart: EcartAuRepere | None = None


@dataclass(frozen=True)
class SyntheseDesPiliers:
    """Les piliers et la ligne, qui s'additionnent ; les transversaux à part, qui ne changent pas le total.

    `contributions` : les contributions volontaires, à part, si la base est un coût qui ne les compte pas.
    `avancement` : celui des mêmes actions, lu au même moment.
    """

    choix: ChoixDeBase
    legende: str
    avancement: Avancement
    lignes: tuple[LignePilier, ...]
    transversaux: tuple[LignePilier, ...]
    total: Somme
    contributions: Somme | None

    @property
    def provisoire(self) -> Provisoire | None:
        return self.avancement.provisoire

    @property
    def au(self) -> datetime:
        return self.avancement.fraicheur.au


def synthese_des_piliers(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
    departement: Departement | None = None,
    piliers: Sequence[Pilier] = (),
    classement: Mapping[tuple, Somme] | None = None,
) -> SyntheseDesPiliers:
    """Les parts des piliers ; `departement` : celui dont on préfère les constats publiés, s'il en a.

    `piliers` : tous, s'ils sont déjà lus ; `classement` : leurs `axes_des_piliers`, s'ils sont lus avec d'autres après.

    Un lecteur borné à ses lignes ne lit pas d'écart : les constats portent sur tous les crédits d'un territoire.
    """
    bornage = {"quartiers": quartiers, "lignes": lignes}
    tous = list(piliers or Pilier.objects.all())
    if classement is None:
        classement = classer(actions, choix, *axes_des_piliers(tous), **bornage)
    sommes = regrouper(classement, 0)
    somme_totale = additionner(sommes.values())
    reperes = reperes_des_piliers(departement) if choix.a_des_reperes and not bornes(lignes) else {}
    lu = avancement(actions, choix, **bornage)
    return SyntheseDesPiliers(
        choix=choix,
        legende=choix.legende(quartiers),
        avancement=lu,
        lignes=lignes_des_piliers(a_montrer(tous, sommes), sommes, choix, reperes, somme_totale),
        transversaux=lignes_transversales(tous, classement, choix, somme_totale),
        total=somme_totale,
        contributions=lu.contributions if a_part_du_cout(choix) else None,
    )


def a_part_du_cout(choix) -> bool:
    return choix.base == Base.COUT and not choix.compte_les_contributions


def axes_des_piliers(piliers: Sequence[Pilier]) -> list[str | Exists]:
    """Le pilier, puis chaque étiquette, portée ou non : groupée ainsi, une action ne compte qu'une fois."""
    portees = Action.piliers_transversaux.through.objects.filter(action=OuterRef("pk"))
    return ["pilier", *(Exists(portees.filter(pilier=etiquette.pk)) for etiquette in etiquettes(piliers))]


def etiquettes(piliers) -> list[Pilier]:
    return [pilier for pilier in piliers if pilier.nature == NaturePilier.TRANSVERSAL]


def a_montrer(piliers, sommes):
    """Ceux qui s'additionnent et sont proposés à la saisie, et tout autre qui porte des actions."""
    cumules = NaturePilier.qui_s_additionnent()
    return [p for p in piliers if p.pk in sommes or (p.est_actif and p.nature in cumules)]


def lignes_des_piliers(piliers, sommes, choix, reperes, somme_totale):
    siennes = [sommes.get(pilier.pk, Somme()) for pilier in piliers]
    parts = parts_des_sommes(siennes, choix)
    return tuple(
        LignePilier(
            pilier,
            somme.montant,
            somme.nombre,
            somme.inconnus,
            part,
            ecart_au_repere(reperes.get(pilier.pk), somme.montant, part, somme_totale.montant),
        )
        for pilier, somme, part in zip(piliers, siennes, parts, strict=True)
    )


def lignes_transversales(piliers, classement, choix, somme_totale):
    """Les étiquettes : une action en porte plusieurs ou aucune, leurs parts ne font donc pas 100.

    Une étiquette retirée de la saisie se lit encore là où des actions la portent : un exercice clos ne change pas.
    """
    sommes = [
        (etiquette, regrouper(classement, rang).get(True, Somme()))
        for rang, etiquette in enumerate(etiquettes(piliers), start=1)
    ]
    return tuple(
        LignePilier(p, s.montant, s.nombre, s.inconnus, pourcentage(*en_valeurs(s, somme_totale, choix)))
        for p, s in sommes
        if p.est_actif or s.nombre
    )


def en_valeurs(somme, somme_totale, choix):
    if choix.est_un_montant:
        return somme.montant, somme_totale.montant
    return somme.nombre, somme_totale.nombre


def reperes_des_piliers(departement: Departement | None) -> dict[int, Repere]:
    """Un constat par pilier : celui du département s'il en a un, sinon le dernier enregistré."""
    reperes = Repere.objects.select_related("departement").order_by("pk")
    propres_en_dernier = sorted(reperes, key=lambda repere: repere.departement == departement)
    return {repere.pilier_id: repere for repere in propres_en_dernier}


def ecart_au_repere(repere, montant, part, montant_total) -> EcartAuRepere | None:
    """Points : part affichée − constat. Euros : montant − constat × total, au centime."""
    if repere is None or part is None:
        return None
    attendu = (montant_total * repere.part / 100).quantize(CENTIME, ROUND_HALF_UP)
    return EcartAuRepere(repere, part - repere.part, montant - attendu)
