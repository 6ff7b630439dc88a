"""La part de chaque pilier, son écart au constat publié, et ce qui reste à décider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Count, FilteredRelation, Q, QuerySet
from django.utils import timezone

from politique_ville.outils.montants import CENTIME, total
from territoires.models import Departement

from ..enums import NaturePilier, StatutAction
from ..models import Action, Financement, Pilier, Repere
from .bases import Base, ChoixDeBase
from .lectures import (
    LIGNE_P147,
    Somme,
    actions_comptees,
    additionner,
    bornes,
    dans_les_quartiers,
    part_des_quartiers,
    parts_des_sommes,
    pourcentage,
    sans_pre_si,
    sommes_par,
    une_fois_chacune,
)

NON_DECIDEES = [StatutAction.DEPOSEE, StatutAction.INSTRUITE]


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
class Provisoire:
    """Ce qui peut encore changer les chiffres : n actions déposées non décidées, m euros de P147 demandés."""

    nombre: int
    demande: Decimal | None


@dataclass(frozen=True)
class SyntheseDesPiliers:
    """Les piliers et la ligne, qui s'additionnent ; les transversaux à part, qui ne changent pas le total.

    `contributions` : les contributions volontaires, à part, si la base est un coût qui ne les compte pas.
    """

    choix: ChoixDeBase
    legende: str
    au: datetime
    lignes: tuple[LignePilier, ...]
    transversaux: tuple[LignePilier, ...]
    total: Somme
    provisoire: Provisoire | None
    contributions: Somme | None


def synthese_des_piliers(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
    departement: Departement | None = None,
    sommes: Mapping[int, Somme] | None = None,
) -> SyntheseDesPiliers:
    """Les parts des piliers ; `departement` : celui dont on préfère les constats publiés, s'il en a.

    `sommes` : celles de chaque pilier, si elles sont déjà lues avec un autre axe.

    Un lecteur borné à ses lignes ne lit pas d'écart : les constats portent sur tous les crédits d'un territoire.
    """
    bornage = {"quartiers": quartiers, "lignes": lignes}
    sommes = sommes_par(actions, choix, "pilier", **bornage) if sommes is None else sommes
    tous = list(Pilier.objects.all())
    somme_totale = additionner(sommes.values())
    reperes = reperes_des_piliers(departement) if choix.a_des_reperes and not bornes(lignes) else {}
    return SyntheseDesPiliers(
        choix=choix,
        legende=choix.legende(quartiers),
        au=timezone.now(),
        lignes=lignes_des_piliers(a_montrer(tous, sommes), sommes, choix, reperes, somme_totale),
        transversaux=lignes_transversales(actions, choix, tous, somme_totale, **bornage),
        total=somme_totale,
        provisoire=provisoire(actions, choix, **bornage),
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


def provisoire(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
) -> Provisoire | None:
    """Ce qui reste à décider dans les campagnes non figées de ces actions ; None si toutes sont figées."""
    lues = dans_les_quartiers(sans_pre_si(une_fois_chacune(actions), choix), quartiers)
    lues = lues.annotate(lignes=FilteredRelation("financements", condition=LIGNE_P147))
    ouverte = Q(campagne__figee_le=None)
    a_decider = ouverte & Q(statut__in=NON_DECIDEES)
    demande = part_des_quartiers("lignes__demande", quartiers)
    compte = lues.aggregate(
        ouvertes=Count("pk", filter=ouverte),
        nombre=Count("pk", filter=a_decider, distinct=bool(quartiers)),
        demande=total(demande, filter=a_decider & bornes(lignes)),
    )
    if not compte["ouvertes"]:
        return None
    return Provisoire(compte["nombre"], compte["demande"] if compte["nombre"] else Decimal("0.00"))
