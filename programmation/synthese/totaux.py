"""Les totaux d'une liste filtrée, et le plan de financement d'une action."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, FilteredRelation, Q, QuerySet

from politique_ville.outils.montants import total

from ..enums import EtatFinancement, FamilleFinanceur, NatureFinancement
from ..models import Action, Financement
from .lectures import (
    LIGNE_P147,
    ZERO,
    bornes,
    dans_les_quartiers,
    part_des_quartiers,
    pourcentage,
    somme_connue,
    une_fois_chacune,
)


@dataclass(frozen=True)
class TotauxDeListe:
    """La somme de chaque colonne, en euros (None : tout est inconnu), sous le nom qu'elle a dans `avec_montants()`.

    `inconnus` : par colonne, combien d'actions n'ont pas de montant.
    """

    nombre: int
    cout_previsionnel: Decimal | None
    p147_demande: Decimal | None
    p147_propose: Decimal | None
    p147_accorde: Decimal | None
    plan_demande: Decimal | None
    inconnus: dict[str, int] = field(default_factory=dict)


def totaux_de_liste(
    actions: QuerySet[Action],
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
    propositions_partagees: bool = False,
) -> TotauxDeListe:
    """Les totaux de toutes les actions du filtre, quel que soit leur statut. Deux requêtes.

    `propositions_partagees` : n'additionner que le proposé des campagnes qui l'ont partagé, pour un partenaire.
    """
    lues = dans_les_quartiers(une_fois_chacune(actions), quartiers)
    colonnes = totaux_par_action(lues, quartiers, lignes, propositions_partagees)
    colonnes |= total_du_plan(lues, quartiers, lignes)
    nombre = colonnes["nombre"]
    noms = [nom.removeprefix("total_") for nom in colonnes if nom.startswith("total_")]
    return TotauxDeListe(
        nombre=nombre,
        inconnus={nom: nombre - colonnes[f"connus_{nom}"] for nom in noms},
        **{nom: colonnes[f"total_{nom}"] if nombre else ZERO for nom in noms},
    )


def totaux_par_action(lues, quartiers, lignes, propositions_partagees):
    """Le coût et la ligne P147, unique par action : une seule jointure."""
    lisible = bornes(lignes)
    partage = Q(campagne__propositions_partagees_le__isnull=False) if propositions_partagees else Q()
    conditions = {
        "cout_previsionnel": Q(cout_previsionnel__isnull=False),
        "p147_demande": lisible & Q(lignes__demande__isnull=False),
        "p147_propose": lisible & partage & Q(lignes__propose__isnull=False),
        "p147_accorde": lisible & Q(lignes__accorde__isnull=False),
    }
    agregats = {}
    for nom, connu in conditions.items():
        champ = nom.replace("p147_", "lignes__")
        agregats[f"total_{nom}"] = total(part_des_quartiers(champ, quartiers), filter=connu)
        agregats[f"connus_{nom}"] = Count("pk", filter=connu, distinct=bool(quartiers))
    jointes = lues.annotate(lignes=FilteredRelation("financements", condition=LIGNE_P147))
    return jointes.aggregate(nombre=Count("pk", distinct=bool(quartiers)), **agregats)


def total_du_plan(lues, quartiers, lignes):
    """Le demandé de toutes les lignes du plan, ressources propres comprises : ce qui équilibre le coût."""
    connu = Q(lignes__demande__isnull=False) & bornes(lignes)
    return lues.annotate(lignes=FilteredRelation("financements")).aggregate(
        total_plan_demande=total(part_des_quartiers("lignes__demande", quartiers), filter=connu),
        connus_plan_demande=Count("pk", filter=connu, distinct=True),
    )


@dataclass(frozen=True)
class PlanDeFinancement:
    """Le plan d'une action, en euros (None : inconnu).

    `ecart` = demandé − coût : 0,00 € si le plan est équilibré, négatif s'il y manque de l'argent.
    `part_p147` : part du P147 dans le demandé, en %. Après décision : `part_p147_accorde`, part du coût, et
    `reste_a_trouver` = coût − acquis − ressources propres (leur accordé ou, à défaut, ce que le porteur en prévoit).
    """

    lignes: tuple[Financement, ...]
    cout: Decimal | None
    demande: Decimal | None
    ecart: Decimal | None
    part_p147: Decimal | None
    est_decide: bool
    acquis: Decimal
    annonce: Decimal
    ressources_propres: Decimal
    part_p147_accorde: Decimal | None
    reste_a_trouver: Decimal | None

    @property
    def est_equilibre(self) -> bool:
        return self.ecart == 0


def plan_de_financement(action: Action, lignes: QuerySet[Financement] | None = None) -> PlanDeFinancement:
    """Une requête ; `lignes` borne un partenaire aux siennes : le reste à trouver lui est alors inconnu."""
    siennes = (Financement.objects if lignes is None else lignes).filter(action=action)
    plan = tuple(siennes.select_related("financeur").order_by("pk"))
    borne = bool(bornes(lignes))
    p147 = next((ligne for ligne in plan if ligne.famille == FamilleFinanceur.ANCT_P147), None)
    est_decide = p147 is not None and p147.etat != EtatFinancement.SOLLICITE
    cout = action.cout_previsionnel
    demande = somme_connue(ligne.demande for ligne in plan)
    acquis = somme_des_votes(plan, EtatFinancement.ACQUIS)
    propres = ressources_propres(plan)
    return PlanDeFinancement(
        lignes=plan,
        cout=cout,
        demande=demande,
        ecart=None if borne or None in (cout, demande) else demande - cout,
        part_p147=None if borne else pourcentage(p147.demande if p147 else ZERO, demande),
        est_decide=est_decide,
        acquis=acquis,
        annonce=somme_des_votes(plan, EtatFinancement.ANNONCE),
        ressources_propres=propres,
        part_p147_accorde=pourcentage(p147.accorde, cout) if est_decide else None,
        reste_a_trouver=cout - acquis - propres if est_decide and not borne and cout is not None else None,
    )


def somme_des_votes(plan, etat) -> Decimal:
    """L'accordé des lignes dans cet état ; les ressources propres, que personne ne vote, sont à part."""
    propres = NatureFinancement.RESSOURCES_PROPRES
    return somme_connue(ligne.accorde for ligne in plan if ligne.etat == etat and ligne.nature != propres) or ZERO


def ressources_propres(plan) -> Decimal:
    """Ce que le porteur apporte : l'accordé s'il est connu, sinon ce qu'il prévoit."""
    propres = [ligne for ligne in plan if ligne.nature == NatureFinancement.RESSOURCES_PROPRES]
    return somme_connue(ligne.demande if ligne.accorde is None else ligne.accorde for ligne in propres) or ZERO
