"""La part de chaque pilier, son écart au constat publié, et ce qui reste à décider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Count, Q, QuerySet

from politique_ville.outils.montants import CENTIME, total
from territoires.models import Departement

from ..enums import NaturePilier
from ..models import Action, Financement, Pilier, Repere
from .bases import Base, ChoixDeBase
from .fraicheur import Fraicheur, Provisoire, avancement
from .lectures import (
    Somme,
    actions_comptees,
    additionner,
    bornes,
    part_des_quartiers,
    parts_des_sommes,
    pourcentage,
    sommes_par,
)


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
    """

    choix: ChoixDeBase
    legende: str
    fraicheur: Fraicheur
    lignes: tuple[LignePilier, ...]
    transversaux: tuple[LignePilier, ...]
    total: Somme
    provisoire: Provisoire | None
    contributions: Somme | None

    @property
    def au(self) -> datetime:
        return self.fraicheur.au


def synthese_des_piliers(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
    departement: Departement | None = None,
    sommes: Mapping[int, Somme] | None = None,
    piliers: Sequence[Pilier] = (),
) -> SyntheseDesPiliers:
    """Les parts des piliers ; `departement` : celui dont on préfère les constats publiés, s'il en a.

    `sommes` : celles de chaque pilier, si elles sont déjà lues avec un autre axe. `piliers` : tous, s'ils sont lus.

    Un lecteur borné à ses lignes ne lit pas d'écart : les constats portent sur tous les crédits d'un territoire.
    """
    bornage = {"quartiers": quartiers, "lignes": lignes}
    sommes = sommes_par(actions, choix, "pilier", **bornage) if sommes is None else sommes
    tous = list(piliers or Pilier.objects.all())
    somme_totale = additionner(sommes.values())
    reperes = reperes_des_piliers(departement) if choix.a_des_reperes and not bornes(lignes) else {}
    fraicheur, a_decider = avancement(actions, choix, **bornage)
    return SyntheseDesPiliers(
        choix=choix,
        legende=choix.legende(quartiers),
        fraicheur=fraicheur,
        lignes=lignes_des_piliers(a_montrer(tous, sommes), sommes, choix, reperes, somme_totale),
        transversaux=lignes_transversales(actions, choix, tous, somme_totale, **bornage),
        total=somme_totale,
        provisoire=a_decider,
        contributions=contributions_a_part(actions, choix, quartiers),
    )


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


def lignes_transversales(actions, choix, piliers, somme_totale, **bornage):
    """Les étiquettes : une action en porte plusieurs ou aucune, leurs parts ne font donc pas 100.

    Une étiquette retirée de la saisie se lit encore là où des actions la portent : un exercice clos ne change pas.
    """
    etiquettes = [p for p in piliers if p.nature == NaturePilier.TRANSVERSAL]
    if not etiquettes:
        return ()
    sommes = sommes_par(actions, choix, "piliers_transversaux", **bornage)
    transversaux = [pilier for pilier in etiquettes if pilier.est_actif or pilier.pk in sommes]
    siennes = [sommes.get(pilier.pk, Somme()) for pilier in transversaux]
    return tuple(
        LignePilier(p, s.montant, s.nombre, s.inconnus, pourcentage(*en_valeurs(s, somme_totale, choix)))
        for p, s in zip(transversaux, siennes, strict=True)
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


def contributions_a_part(actions: QuerySet[Action], choix: ChoixDeBase, quartiers: Sequence = ()) -> Somme | None:
    """Les contributions volontaires des actions comptées, en euros ; None si la base n'est pas un coût, ou les compte.

    `inconnus` : les actions qui n'en disent rien.
    """
    if choix.base != Base.COUT or choix.compte_les_contributions:
        return None
    connue = Q(contributions_volontaires__isnull=False)
    lues = actions_comptees(actions, choix, quartiers).aggregate(
        montant=total(part_des_quartiers("contributions_volontaires", quartiers), filter=connue),
        nombre=Count("pk", distinct=bool(quartiers)),
        connues=Count("pk", filter=connue, distinct=bool(quartiers)),
    )
    return Somme(lues["montant"], lues["nombre"], lues["nombre"] - lues["connues"])
