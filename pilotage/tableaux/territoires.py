"""La fiche d'un contrat et celle d'un quartier : ce qu'ils sont, d'où ils viennent, ce qui y est programmé."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from comptes.models import Utilisateur
from programmation.enums import StatutExercice
from programmation.models import Exercice
from programmation.synthese import (
    Fraicheur,
    LigneEnveloppe,
    LigneQuartier,
    SyntheseDesFinanceurs,
    SyntheseDesPiliers,
    SyntheseDesQuartiers,
    synthese_des_financeurs,
    synthese_des_piliers,
    synthese_des_quartiers,
)
from territoires.models import ContratDeVille, FiliationContrat, FiliationQuartier, Quartier

from ..contours import Dessin, dessiner
from ..portee import Portee, cle_des_quartiers
from .dispositifs import DispositifsDuTerritoire, dispositifs_du_territoire
from .enveloppes import enveloppes_de_la_portee
from .execution import ExecutionDeLaPortee, execution_de_la_portee
from .pluriannuel import AVenir, a_venir_de_la_portee


@dataclass(frozen=True)
class Programmation:
    """Ce qui est programmé sur un territoire pendant un exercice ; `autres` : les exercices que l'on peut lire."""

    portee: Portee
    autres: tuple[Exercice, ...]
    piliers: SyntheseDesPiliers
    financeurs: SyntheseDesFinanceurs
    quartiers: SyntheseDesQuartiers
    execution: ExecutionDeLaPortee | None
    a_venir: AVenir | None
    enveloppes: tuple[LigneEnveloppe, ...]

    @property
    def fraicheur(self) -> Fraicheur:
        """Quand ces chiffres ont été lus."""
        return self.piliers.avancement.fraicheur

    @property
    def du_quartier(self) -> LigneQuartier | None:
        """La ligne du quartier de la fiche, si c'est celle d'un quartier."""
        choisis = self.portee.quartiers
        return next((ligne for ligne in self.quartiers.lignes if ligne.quartier in choisis), None)


@dataclass(frozen=True)
class FicheContrat:
    """`contrat` porte `population_des_quartiers` : chaque quartier y est compté une fois."""

    contrat: ContratDeVille
    quartiers: tuple[Quartier, ...]
    ancetres: tuple[FiliationContrat, ...]
    suites: tuple[FiliationContrat, ...]
    programmation: Programmation | None
    dispositifs: DispositifsDuTerritoire


@dataclass(frozen=True)
class FicheQuartier:
    quartier: Quartier
    ancetres: tuple[FiliationQuartier, ...]
    suites: tuple[FiliationQuartier, ...]
    dessin: Dessin | None
    programmation: Programmation | None
    dispositifs: DispositifsDuTerritoire


def fiche_contrat(contrat: ContratDeVille, utilisateur: Utilisateur, parametres: QueryDict) -> FicheContrat:
    """`contrat` est lu avec sa population, son département, son EPCI et ses communes."""
    quartiers = utilisateur.quartiers_visibles().filter(contrat=contrat).defer("contour")
    programme = programmation(contrat, utilisateur, parametres)
    return FicheContrat(
        contrat=contrat,
        quartiers=tuple(quartiers.prefetch_related("communes")),
        ancetres=tuple(contrat.ancetres.select_related("ancien").order_by("ancien__intitule")),
        suites=tuple(contrat.suites.select_related("nouveau").order_by("nouveau__intitule")),
        programmation=programme,
        dispositifs=dispositifs_du_territoire(contrat, utilisateur, annee_de(programme)),
    )


def fiche_quartier(quartier: Quartier, utilisateur: Utilisateur, parametres: QueryDict) -> FicheQuartier:
    """`quartier` est lu avec son contrat, le département de celui-ci et ses communes."""
    programme = programmation(quartier.contrat, utilisateur, parametres, quartier)
    return FicheQuartier(
        quartier=quartier,
        ancetres=tuple(quartier.ancetres.select_related("ancien").defer("ancien__contour").order_by("ancien__nom")),
        suites=tuple(quartier.suites.select_related("nouveau").defer("nouveau__contour").order_by("nouveau__nom")),
        dessin=dessiner(quartier.contour),
        programmation=programme,
        dispositifs=dispositifs_du_territoire(quartier.contrat, utilisateur, annee_de(programme), quartier),
    )


def programmation(contrat, utilisateur, parametres, quartier=None) -> Programmation | None:
    """Celle de l'exercice choisi (paramètre `annee`), à défaut du dernier ouvert ; None si le contrat n'en a aucun."""
    exercices = tuple(exercices_du_contrat(contrat, utilisateur))
    if not exercices:
        return None
    choisi = exercice_choisi(exercices, parametres.get("annee"))
    portee = Portee(adresse(choisi, contrat, quartier, parametres), utilisateur)
    actions, choix = portee.actions, portee.choix
    return Programmation(
        portee=portee,
        autres=exercices,
        piliers=synthese_des_piliers(
            actions, choix, departement=contrat.departement, piliers=portee.piliers, **portee.bornage
        ),
        financeurs=synthese_des_financeurs(actions, choix, par_contrat=False, **portee.bornage),
        quartiers=synthese_des_quartiers(
            actions, choix, lignes=portee.cadre.lignes, a_montrer=portee.quartiers_du_territoire
        ),
        execution=execution_de_la_portee(portee),
        a_venir=a_venir_de_la_portee(portee),
        enveloppes=enveloppes_de_la_portee(portee),
    )


def annee_de(programme: Programmation | None) -> int:
    """L'année de la fiche ; sans exercice, l'année en cours."""
    return int(programme.portee.annee) if programme else timezone.localdate().year


def exercices_du_contrat(contrat, utilisateur) -> QuerySet[Exercice]:
    """Ceux que les dates du contrat contiennent, le plus récent d'abord."""
    visibles = Exercice.objects.visibles_par(utilisateur).filter(departement=contrat.departement)
    return visibles.filter(annee__range=(contrat.debut.year, contrat.fin.year)).order_by("-annee")


def exercice_choisi(exercices, annee) -> Exercice:
    demande = next((e for e in exercices if str(e.annee) == annee), None)
    ouverts = (e for e in exercices if e.statut == StatutExercice.OUVERT)
    return demande or next(ouverts, exercices[0])


def adresse(exercice, contrat, quartier, parametres) -> QueryDict:
    """La portée de la fiche, avec la base de calcul demandée."""
    lus = {nom: parametres[nom] for nom in ("base", "annonce", "pre") if nom in parametres}
    lus |= {"annee": exercice.annee, "departement": contrat.departement.code, "contrat": contrat.pk}
    return QueryDict(urlencode(lus | ({"quartier": cle_des_quartiers([quartier])} if quartier else {})))
