"""La seule requête des synthèses : des actions groupées, et la somme que dit la base choisie.

Tout part d'Action, jamais de deux jointures multiples que l'on sommerait ensemble : une ligne P147 par action
(contrainte de la base), ou une somme par couple (ligne, quartier) dont chaque part n'apparaît qu'une fois.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db.models import Aggregate, Count, Expression, F, FilteredRelation, Model, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from politique_ville.outils.montants import MontantField, total
from politique_ville.outils.repartition import part_sql, parts_affichees

from ..enums import FamilleFinanceur, NatureFinancement
from ..models import Action, Financement
from .bases import Base, ChoixDeBase

ZERO = Decimal("0.00")
TOUS_LES_QUARTIERS = "tous"  # au lieu d'une liste : les parts de tous les quartiers
HORS_RESSOURCES_PROPRES = ~Q(financements__nature=NatureFinancement.RESSOURCES_PROPRES)
LIGNE_P147 = Q(financements__famille=FamilleFinanceur.ANCT_P147)


@dataclass(frozen=True)
class Somme:
    """Un montant en euros (None : tout est inconnu), le nombre d'actions, et combien n'ont pas de montant connu."""

    montant: Decimal | None = ZERO
    nombre: int = 0
    inconnus: int = 0


def additionner(sommes: Iterable[Somme]) -> Somme:
    """La somme des sommes : 0,00 € s'il n'y a aucune action, None si aucun montant n'est connu."""
    sommes = list(sommes)
    nombre = sum(somme.nombre for somme in sommes)
    montant = somme_connue(somme.montant for somme in sommes if somme.nombre) if nombre else ZERO
    return Somme(montant, nombre, sum(somme.inconnus for somme in sommes))


def regrouper(sommes: Mapping[tuple, Somme], rang: int) -> dict[Any, Somme]:
    """Les sommes par la seule `rang`-ième valeur de leur clé : celles d'un axe, lues avec un autre en une requête."""
    groupes = {}
    for cle, somme in sommes.items():
        groupes.setdefault(cle[rang], []).append(somme)
    return {cle: additionner(siennes) for cle, siennes in groupes.items()}


def somme_connue(montants: Iterable[Decimal | None]) -> Decimal | None:
    """La somme des montants connus ; None si aucun ne l'est."""
    connus = [montant for montant in montants if montant is not None]
    return sum(connus, ZERO) if connus else None


def valeurs_des_parts(sommes: Iterable[Somme], choix: ChoixDeBase) -> list[Decimal | int | None]:
    """Ce qui se compare entre les lignes d'une synthèse : le montant, ou le nombre d'actions."""
    return [somme.montant if choix.est_un_montant else somme.nombre for somme in sommes]


def parts_des_sommes(sommes: Iterable[Somme], choix: ChoixDeBase) -> list[Decimal | None]:
    """Les parts affichées, en %, qui font exactement 100,0 ; None pour une ligne inconnue."""
    valeurs = valeurs_des_parts(sommes, choix)
    parts = parts_affichees([valeur or 0 for valeur in valeurs])
    return [None if valeur is None else part for valeur, part in zip(valeurs, parts, strict=True)]


def total_des_parts(lignes: Iterable[Any]) -> Decimal | None:
    """La somme des parts affichées de ces lignes ; None si aucune n'a de part."""
    parts = [ligne.part for ligne in lignes if ligne.part is not None]
    return sum(parts) if parts else None


def pourcentage(valeur: Decimal | int | None, total: Decimal | int | None) -> Decimal | None:
    """La part en %, à un dixième, le demi vers le haut ; None si l'un est inconnu ou le total nul."""
    if valeur is None or not total:
        return None
    return (Decimal(valeur) * 100 / Decimal(total)).quantize(Decimal("0.1"), ROUND_HALF_UP)


def une_fois_chacune(actions: QuerySet[Action]) -> QuerySet[Action]:
    """Les mêmes actions, prêtes à être groupées sans qu'aucune ne compte deux fois.

    Un queryset qui ne joint que des clés étrangères sert tel quel (26 ms pour 30 000 actions) ; une jointure multiple,
    une annotation ou un `distinct` passe par les identifiants (72 ms). Une tranche est refusée (TypeError) : un total
    est celui du filtre, jamais de la page.
    """
    requete = actions.query
    jointures = [jointure.join_field for jointure in requete.alias_map.values() if jointure.join_type]
    multiples = any(champ.one_to_many or champ.many_to_many for champ in jointures)
    if multiples or requete.annotations or requete.distinct:
        actions = Action.objects.filter(pk__in=actions.order_by().values("pk"))
    return actions.order_by()


def actions_comptees(actions: QuerySet[Action], choix: ChoixDeBase, quartiers: Sequence = ()) -> QuerySet[Action]:
    """Les actions que compte la base choisie, avec ou sans PRE ; bornées aux quartiers, s'il y en a."""
    comptees = une_fois_chacune(actions).filter(statut__in=choix.base.statuts)
    return dans_les_quartiers(sans_pre_si(comptees, choix), quartiers)


def sans_pre_si(actions: QuerySet[Action], choix: ChoixDeBase) -> QuerySet[Action]:
    return actions if choix.avec_pre else actions.exclude(dispositif__est_pre=True)


def dans_les_quartiers(actions: QuerySet[Action], quartiers: Sequence) -> QuerySet[Action]:
    """Joint les localisations dans ces quartiers : la jointure que `part_des_quartiers` lit."""
    if quartiers == TOUS_LES_QUARTIERS:
        return actions.filter(localisations__isnull=False)
    return actions.filter(localisations__quartier__in=quartiers) if quartiers else actions


def part_des_quartiers(champ: str, quartiers: Sequence):
    """Le champ lui-même ou, si des quartiers sont choisis, la part de chacun."""
    return part_sql(champ, "localisations__") if quartiers else F(champ)


def bornes(lignes: QuerySet[Financement] | None) -> Q:
    """La condition « ligne lisible » ; vide si toutes le sont."""
    if lignes is None or not lignes.query.where:
        return Q()
    return Q(lignes__in=lignes.order_by())


def lignes_de_la_base(choix: ChoixDeBase) -> Q:
    """Les lignes de financement que la base additionne."""
    if choix.base == Base.TOUS_FINANCEURS:
        return Q(financements__etat__in=choix.etats_comptes) & HORS_RESSOURCES_PROPRES
    return LIGNE_P147


def champ_de_la_base(choix: ChoixDeBase) -> str:
    """Le champ additionné ; la base « nombre » n'en a pas, celui que l'on lit n'y est pas gardé."""
    if choix.base in (Base.COUT, Base.NOMBRE):
        return "cout_previsionnel"
    return "lignes__demande" if choix.base == Base.P147_DEMANDE else "lignes__accorde"


def cout_compte(champs: Iterable[str], lire: Callable[[str], Any] = F):
    """La somme de ces champs d'Action, le coût d'abord : une contribution volontaire inconnue ne lui ajoute rien.

    `lire` : l'expression d'un champ ; pour des quartiers, sa part.
    """
    premier, *autres = champs
    somme = lire(premier)
    for champ in autres:
        somme += Coalesce(lire(champ), Value(ZERO, output_field=MontantField()))
    return somme


def sommes_par(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *champs: str,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
) -> dict[Any, Somme]:
    """Les sommes par valeur des champs d'Action donnés (un seul : sa valeur ; plusieurs : un tuple). Une requête."""
    sommes = classer(actions, choix, *champs, quartiers=quartiers, lignes=lignes)
    return {cle[0]: somme for cle, somme in sommes.items()} if len(champs) == 1 else sommes


def classer(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *axes: str | Expression,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
) -> dict[tuple, Somme]:
    """Les sommes par valeurs de plusieurs axes, champs ou expressions d'Action ; `regrouper` en tire ceux d'un seul."""
    comptees = actions_comptees(actions, choix, quartiers)
    comptees, agregats = avec_agregats(comptees, choix, quartiers, lignes)
    return {
        tuple(cle): en_somme(montant, nombre, connus, choix)
        for *cle, montant, nombre, connus in comptees.values_list(*axes).annotate(**agregats)
    }


def avec_agregats(actions, choix, quartiers, lignes):
    """Les actions jointes aux lignes de la base, et les trois agrégats d'une somme."""
    champ = champ_de_la_base(choix)
    connu = Q(**{f"{champ}__isnull": False})
    if champ.startswith("lignes__"):
        actions = actions.annotate(lignes=FilteredRelation("financements", condition=lignes_de_la_base(choix)))
        connu &= bornes(lignes)
    repete = bool(quartiers) or choix.base == Base.TOUS_FINANCEURS
    return actions, {
        "montant": total(montant_compte(champ, choix, quartiers), filter=connu),
        "nombre": Count("pk", distinct=repete),
        "connus": Count("pk", distinct=repete, filter=connu),
    }


def montant_compte(champ, choix, quartiers):
    """L'expression que la base additionne : un montant de ligne ou, pour le coût, le coût et ce qui s'y ajoute."""
    if champ.startswith("lignes__"):
        return part_des_quartiers(champ, quartiers)
    return cout_compte(choix.champs_du_cout, lambda nom: part_des_quartiers(nom, quartiers))


def en_somme(montant, nombre, connus, choix) -> Somme:
    return Somme(montant, nombre, nombre - connus) if choix.est_un_montant else Somme(None, nombre, 0)


# --- Lire moins souvent ---


def connus_ou_relus(cles: Iterable[int | None], connus: Iterable[Model], tous: QuerySet) -> list[Model]:
    """Les objets de ces clés, parmi ceux que la page a déjà lus, dans leur ordre ; une requête s'il en manque un."""
    cles, connus = {*cles} - {None}, list(connus)
    if cles <= {objet.pk for objet in connus}:
        return [objet for objet in connus if objet.pk in cles]
    return list(tous.filter(pk__in=cles))


@dataclass(frozen=True)
class Lecture:
    """Ce que l'on additionne d'une table : les champs qui la groupent, et des agrégats qui disent leur type."""

    lignes: QuerySet
    cles: Sequence[str]
    agregats: Mapping[str, Aggregate]


class Vide(Expression):
    """Une colonne que cette lecture ne remplit pas ; PostgreSQL veut son type : des centimes, ou un nombre."""

    def as_sql(self, compiler, connection):
        return "CAST(NULL AS bigint)", []


def lire_ensemble(*lectures: Lecture) -> dict[tuple, dict[str, Any]]:
    """Les agrégats de plusieurs tables par valeurs des mêmes clés, en une seule requête (UNION ALL).

    Chacune laisse vides les colonnes des autres ; un agrégat nul ou inconnu est omis : il vaut zéro. Les noms sont tous
    différents. La plus simple d'abord : Django écrit deux fois la première.
    """
    vides = {nom: Vide(a.output_field) for lecture in lectures for nom, a in lecture.agregats.items()}
    premiere, *autres = (
        lecture.lignes.order_by()
        .values_list(*lecture.cles)
        .annotate(**{f"lu_{nom}": colonne for nom, colonne in (vides | dict(lecture.agregats)).items()})
        for lecture in lectures
    )
    groupes = defaultdict(dict)
    for ligne in premiere.union(*autres, all=True):
        siens = groupes[ligne[: -len(vides)]]
        for nom, lu in zip(vides, ligne[-len(vides) :], strict=True):
            if lu:
                siens[nom] = siens.get(nom, 0) + lu
    return groupes
