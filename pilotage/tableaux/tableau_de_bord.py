"""Le tableau de bord d'un exercice : quatre chiffres, les piliers, puis contrats, financeurs et thématiques."""

from dataclasses import dataclass
from datetime import date as Date

from django.utils import timezone

from comptes.enums import Role
from dispositifs.synthese import SyntheseDuQuota
from programmation.enums import QualiteAvis
from programmation.models.avis import actions_du_delegue
from programmation.synthese import (
    Attente,
    Fraicheur,
    LigneEnveloppe,
    Somme,
    SyntheseDesContrats,
    SyntheseDesDepartements,
    SyntheseDesFinanceurs,
    SyntheseDesPiliers,
    SyntheseDesQuartiers,
    SyntheseDesThematiques,
    attente,
    regrouper,
    synthese_des_contrats,
    synthese_des_departements,
    synthese_des_financeurs,
    synthese_des_piliers,
    synthese_des_quartiers,
    synthese_des_thematiques,
)
from programmation.synthese.lectures import classer
from programmation.synthese.piliers import axes_des_piliers
from territoires.enums import ObjetAnnonce
from territoires.models import NombreAnnonce

from ..portee import Portee
from .enveloppes import enveloppes_de_la_portee
from .execution import ExecutionDeLaPortee, execution_de_la_portee
from .pluriannuel import AVenir, a_venir_de_la_portee
from .postes import LigneDePostes, postes_de_la_portee, quota_a_signer


@dataclass(frozen=True)
class NombreAComparer:
    """Un nombre de contrats annoncé par une source datée, et celui de la base la même année."""

    annonce: NombreAnnonce
    en_base: int


@dataclass(frozen=True)
class Repartition:
    """Par département pour la France, par quartier pour un contrat ou des quartiers, par contrat sinon."""

    departements: SyntheseDesDepartements | None = None
    contrats: SyntheseDesContrats | None = None
    quartiers: SyntheseDesQuartiers | None = None


@dataclass(frozen=True)
class TableauDeBord:
    """Les chiffres d'une portée."""

    portee: Portee
    piliers: SyntheseDesPiliers
    financeurs: SyntheseDesFinanceurs
    thematiques: SyntheseDesThematiques
    repartition: Repartition
    nombres_a_comparer: tuple[NombreAComparer, ...]
    postes: tuple[LigneDePostes, ...]
    quota: SyntheseDuQuota | None
    enveloppes: tuple[LigneEnveloppe, ...]
    avis: Attente | None
    execution: ExecutionDeLaPortee | None
    a_venir: AVenir | None

    @property
    def fraicheur(self) -> Fraicheur:
        """Quand ces chiffres ont été lus."""
        return self.piliers.avancement.fraicheur

    @property
    def p147(self) -> Somme:
        """Les crédits accordés et les actions programmées, quelle que soit la base."""
        return self.piliers.avancement.p147


def tableau_de_bord(portee: Portee, jour: Date | None = None) -> TableauDeBord:
    """La page d'un agent fait vingt requêtes au plus, quel que soit le nombre d'actions, de contrats et d'enveloppes ;
    une de plus pour un contrat à l'automne, neuf avec les postes. Douze pour toute la France.

    `jour` : celui du rappel de quota, aujourd'hui par défaut.
    """
    actions, choix, bornage = portee.actions, portee.choix, portee.bornage
    axes = [*axes_des_piliers(portee.piliers), "thematique", axe_des_lieux(portee)]
    classement = classer(actions, choix, *axes, **bornage)
    lus = {"departement": portee.departement, "piliers": portee.piliers, "classement": classement}
    return TableauDeBord(
        portee=portee,
        piliers=synthese_des_piliers(actions, choix, **lus, **bornage),
        financeurs=synthese_des_financeurs(actions, choix, par_contrat=par_contrat(portee), **bornage),
        thematiques=synthese_des_thematiques(actions, choix, sommes=regrouper(classement, -2), **bornage),
        repartition=repartition(portee, regrouper(classement, -1)),
        nombres_a_comparer=nombres_a_comparer(portee),
        postes=postes_de_la_portee(portee),
        quota=quota_a_signer(portee, jour or timezone.localdate()),
        enveloppes=enveloppes_de_la_portee(portee),
        avis=avis_du_delegue(portee),
        execution=execution_de_la_portee(portee),
        a_venir=a_venir_de_la_portee(portee),
    )


def avis_du_delegue(portee) -> Attente | None:
    """Ce qui attend l'avis d'un délégué dans les exercices de la page ; None si rien, ou pour un autre rôle."""
    if portee.utilisateur.roles != {Role.DELEGUE}:
        return None
    attendus = attente(portee.cadre.actions(actions_du_delegue(portee.utilisateur)), [QualiteAvis.DELEGUE])
    return attendus if attendus.nombre else None


def par_contrat(portee) -> bool:
    """Le rang de l'État se lit par contrat quand la page montre ceux d'un département."""
    return portee.departement is not None and portee.contrat is None and not portee.quartiers


def axe_des_lieux(portee) -> str:
    return "exercice__departement" if portee.departement is None else "contrat"


def repartition(portee, sommes) -> Repartition:
    """`sommes` : celles de l'axe des lieux, que la répartition par quartier ne lit pas."""
    actions, choix, bornage = portee.actions, portee.choix, portee.bornage
    if portee.departement is None:
        lus = {"departements": portee.cadre.departements, "sommes": sommes}
        return Repartition(departements=synthese_des_departements(actions, choix, **lus))
    if par_contrat(portee):
        lus = {"contrats": portee.contrats_du_cadre, "sommes": sommes}
        return Repartition(contrats=synthese_des_contrats(actions, choix, **lus))
    a_montrer = portee.quartiers or portee.quartiers_du_territoire
    return Repartition(quartiers=synthese_des_quartiers(actions, choix, a_montrer=a_montrer, **bornage))


def nombres_a_comparer(portee) -> tuple[NombreAComparer, ...]:
    """Les nombres de contrats annoncés qui ne sont pas celui de la base cette année-là, pour qui les voit tous."""
    if not (par_contrat(portee) and portee.voit_tout_le_departement):
        return ()
    annonces = NombreAnnonce.objects.filter(departement=portee.departement, objet=ObjetAnnonce.CONTRATS)
    en_base = len(portee.contrats_du_cadre)
    return tuple(NombreAComparer(annonce, en_base) for annonce in annonces if annonce.nombre != en_base)
