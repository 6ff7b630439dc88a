"""Ce qu'une liste d'actions totalise : le coût, et les montants des lignes de financement qu'elle regarde."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, FilteredRelation, Q, QuerySet

from politique_ville.outils.montants import total, total_lie
from politique_ville.outils.repartition import part_sql

from ..enums import EtatFinancement, FamilleFinanceur
from ..models import Action, Financement, Localisation
from .enveloppes import TOUTES_LES_ENVELOPPES, Part, montant_de_la_part
from .lectures import ZERO, bornes, cout_compte, une_fois_chacune

MONTANTS = ("demande", "propose", "accorde")
TITRES_DU_COUT = {
    ("cout_previsionnel",): "Coût prévisionnel",
    ("cout_previsionnel", "contributions_volontaires"): "Coût et contributions volontaires",
    ("contributions_volontaires",): "Contributions volontaires",
}


@dataclass(frozen=True)
class Regard:
    """Les lignes de financement qu'une liste montre : le P147, un financeur, une famille, ou toutes.

    `criteres` : ceux d'un `Financement`. `etats` : ceux dont l'accordé compte (None : tous). `champs_du_cout` : les
    champs d'Action que la colonne du coût additionne. `part` : le segment de la barre de ces `enveloppes` que la liste
    montre en plus (None : aucun).
    """

    nom: str = "P147"
    criteres: dict[str, Any] | None = None
    etats: list[EtatFinancement] | None = None
    champs_du_cout: Sequence[str] = ("cout_previsionnel",)
    part: Part | None = None
    enveloppes: Collection[int] | str = TOUTES_LES_ENVELOPPES

    @property
    def champs(self) -> tuple[str, ...]:
        """Les montants d'une ligne de la liste, dans l'ordre des colonnes."""
        return ("cout", *MONTANTS, *["reste"] * bool(self.part))

    @property
    def segment(self) -> dict[str, Any]:
        """Ce que l'action met dans le segment, en annotation ; rien s'il n'y en a pas."""
        return {"reste": montant_de_la_part(self.part, self.enveloppes)} if self.part else {}

    @property
    def mot_accorde(self) -> str:
        return "Accordé" if self.etats is None else "Acquis"

    @property
    def mot_cout(self) -> str:
        return TITRES_DU_COUT[tuple(self.champs_du_cout)]

    @property
    def une_ligne_par_action(self) -> bool:
        """Le P147 n'a qu'une ligne par action (contrainte de la base)."""
        return self.criteres is None

    def condition(self, chemin: str = "") -> Q:
        """Les lignes regardées, par le chemin qui mène d'un autre modèle à elles."""
        criteres = {"famille": FamilleFinanceur.ANCT_P147} if self.criteres is None else self.criteres
        return Q(**{f"{chemin}{nom}": valeur for nom, valeur in criteres.items()})

    def etats_comptes(self, champ: str, chemin: str = "") -> Q:
        return Q(**{f"{chemin}etat__in": self.etats}) if self.etats and champ == "accorde" else Q()


@dataclass(frozen=True)
class TotauxDuRegard:
    """Les totaux d'une liste, en euros (None : tout est inconnu), et combien d'actions n'ont pas de montant."""

    nombre: int
    cout: Decimal | None
    demande: Decimal | None
    propose: Decimal | None
    accorde: Decimal | None
    inconnus: dict[str, int]
    reste: Decimal | None = None


def totaux_du_regard(
    actions: QuerySet[Action], regard: Regard, lisibles: QuerySet[Financement], *, quartiers: Sequence = ()
) -> TotauxDuRegard:
    """Les totaux de toutes les actions, en une requête : les lignes se somment par action, puis les actions.

    `lisibles` : les lignes que la personne peut lire. `quartiers` : les montants sont alors leurs parts.
    """
    champs = regard.champs
    agregats = {f"total_{champ}": total(champ) for champ in champs}
    agregats |= {f"connus_{champ}": Count(champ) for champ in champs}
    sommes = sommes_par_action(une_fois_chacune(actions), regard, lisibles, quartiers=quartiers)
    lus = sommes.aggregate(nombre=Count("pk"), **agregats)
    return TotauxDuRegard(
        lus["nombre"],
        **{champ: lus[f"total_{champ}"] if lus["nombre"] else ZERO for champ in champs},
        inconnus={champ: lus["nombre"] - lus[f"connus_{champ}"] for champ in champs},
    )


def sommes_par_action(
    actions: QuerySet[Action], regard: Regard, lisibles: QuerySet[Financement], *, quartiers: Sequence = ()
) -> QuerySet:
    """Le coût, le demandé, le proposé et l'accordé de chaque action (`values`), ou les parts des quartiers ; et ce
    qu'elle met dans le segment regardé."""
    if quartiers:
        return actions.values("pk").annotate(**montants_par_action(regard, lisibles, quartiers))
    regardees = FilteredRelation("financements", condition=regard.condition("financements__"))
    jointes = actions.annotate(lignes=regardees).values("pk").annotate(cout=cout_compte(regard.champs_du_cout))
    jointes = jointes.annotate(**regard.segment)
    if regard.une_ligne_par_action and not bornes(lisibles):  # sans grouper : quatre fois plus vite
        return jointes.annotate(**{champ: F(f"lignes__{champ}") for champ in MONTANTS})
    lues = {champ: bornes(lisibles) & regard.etats_comptes(champ, "lignes__") for champ in MONTANTS}
    return jointes.annotate(**{champ: total(f"lignes__{champ}", filter=lues[champ]) for champ in lues})


def montants_par_action(regard: Regard, lisibles: QuerySet[Financement], quartiers: Sequence = ()) -> dict[str, Any]:
    """Les mêmes montants en sous-requêtes, pour annoter les actions d'une page, ou d'un quartier."""
    lignes = lisibles.filter(regard.condition())
    if not quartiers:
        cout, parts = cout_compte(regard.champs_du_cout), {champ: champ for champ in MONTANTS}
    else:
        lieux = Localisation.objects.filter(quartier__in=quartiers)
        lignes = lignes.filter(action__localisations__quartier__in=quartiers)
        cout = total_lie(lieux, cout_compte(regard.champs_du_cout, lambda nom: part_sql(f"action__{nom}")), "action")
        parts = {champ: part_sql(champ, "action__localisations__") for champ in MONTANTS}
    return {"cout": cout, **regard.segment} | {
        champ: total_lie(lignes.filter(regard.etats_comptes(champ)), parts[champ], "action") for champ in MONTANTS
    }
