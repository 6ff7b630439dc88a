"""Les PRE et les postes d'un contrat ou d'un quartier, pour sa fiche."""

from dataclasses import dataclass

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from comptes.models import Utilisateur
from dispositifs.models import (
    PosteAdulteRelais,
    PosteFonjep,
    ProgrammeReussiteEducative,
    ReleveAnct,
    ReleveFonjep,
    TriennaliteFonjep,
)
from dispositifs.synthese import LigneDePre, avec_situation, lignes_de_pre
from programmation.models import Action
from programmation.regles import est_de_l_etat
from territoires.models import ContratDeVille, Quartier


@dataclass(frozen=True)
class DispositifsDuTerritoire:
    """Les PRE de l'année, les postes d'aujourd'hui. `voit_les_postes` : un partenaire n'en voit aucun."""

    annee: int
    pre: tuple[LigneDePre, ...]
    adultes_relais: tuple[PosteAdulteRelais, ...]
    fonjep: tuple[PosteFonjep, ...]
    voit_les_postes: bool


def dispositifs_du_territoire(
    contrat: ContratDeVille, utilisateur: Utilisateur, annee: int, quartier: Quartier | None = None
) -> DispositifsDuTerritoire:
    """Ceux du contrat, ou du quartier : un PRE y est s'il sert l'une de ses communes. Huit requêtes au plus."""
    voit = est_de_l_etat(utilisateur, [contrat.departement_id])
    return DispositifsDuTerritoire(
        annee=annee,
        pre=tuple(pre_du_territoire(contrat, utilisateur, annee, quartier)),
        adultes_relais=tuple(adultes_relais(contrat, utilisateur, quartier)) if voit else (),
        fonjep=tuple(fonjep(contrat, utilisateur, quartier)) if voit else (),
        voit_les_postes=voit,
    )


def pre_du_territoire(contrat, utilisateur, annee, quartier) -> list[LigneDePre]:
    programmes = ProgrammeReussiteEducative.objects.visibles_par(utilisateur).filter(contrat=contrat)
    if quartier:
        communes = ProgrammeReussiteEducative.communes.through.objects.filter(commune__in=quartier.communes.all())
        programmes = programmes.filter(pk__in=communes.values("programmereussiteeducative"))
    actions = Action.objects.visibles_par(utilisateur)
    return lignes_de_pre(programmes.ouverts_en(annee).order_by("intitule", "pk"), annee, actions)


def adultes_relais(contrat, utilisateur, quartier):
    postes = PosteAdulteRelais.objects.visibles_par(utilisateur)
    lus = avec_situation(du_lieu(postes, contrat, quartier), timezone.localdate())
    lus = lus.annotate(publie_en=derniere_annee(ReleveAnct))
    return lus.select_related("employeur__fusionne_dans").order_by("numero", "pk")


def fonjep(contrat, utilisateur, quartier):
    """Chaque poste avec la fin de sa dernière période."""
    dernieres = TriennaliteFonjep.objects.filter(poste=OuterRef("pk")).order_by("-fin").values("fin")[:1]
    lus = du_lieu(PosteFonjep.objects.visibles_par(utilisateur), contrat, quartier)
    lus = lus.annotate(fin=Subquery(dernieres), publie_en=derniere_annee(ReleveFonjep))
    return lus.select_related("association__fusionne_dans").order_by("code", "pk")


def derniere_annee(modele):
    """La dernière liste de l'ANCT où le poste est nommé."""
    return Subquery(modele.objects.filter(poste=OuterRef("pk")).order_by("-annee").values("annee")[:1])


def du_lieu(postes, contrat, quartier):
    return postes.filter(contrat=contrat, quartiers=quartier) if quartier else postes.filter(contrat=contrat)
