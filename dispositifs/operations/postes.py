"""Enregistrer des postes, adultes-relais ou FONJEP : leurs champs, leurs quartiers, leurs missions."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models, transaction
from django.utils import timezone

from comptes.models import Utilisateur
from programmation.operations.outils import (
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    modifier_avec_historique,
    supprimer_avec_historique,
)
from territoires.models import Quartier

from ..models import LieuDuPoste, LieuFonjep, MissionDuPoste, PosteAdulteRelais, PosteFonjep
from .dossiers import Dossiers
from .outils import Ecritures, Saisie, exiger_la_gestion, verrouiller, versions_lues


@dataclass
class SaisieDePoste(Saisie):
    """Un poste ; `quartiers` et `missions` remplacent l'existant, None les laisse tels quels."""

    quartiers: Sequence[Quartier] | None = None
    missions: Sequence[str] | None = None


def enregistrer_des_postes(
    saisies: Sequence[SaisieDePoste], *, par: Utilisateur, motif: str = ""
) -> list[PosteAdulteRelais]:
    """Crée ou modifie des postes adultes-relais, tout ou rien ; une saisie qui ne change rien n'écrit rien.

    Lève ModifieEntreTemps, DroitManquant ou OperationRefusee.
    """
    with contraintes_en_francais(), transaction.atomic():
        postes, touches = ecrire_les_postes(PosteAdulteRelais, LieuDuPoste, saisies, par, motif)
        Dossiers(touches).controler()
    return postes


def enregistrer_des_postes_fonjep(
    saisies: Sequence[SaisieDePoste], *, par: Utilisateur, motif: str = ""
) -> list[PosteFonjep]:
    """Crée ou modifie des postes FONJEP, tout ou rien. Lève ModifieEntreTemps, DroitManquant ou OperationRefusee."""
    with contraintes_en_francais(), transaction.atomic():
        return ecrire_les_postes(PosteFonjep, LieuFonjep, saisies, par, motif)[0]


def ecrire_les_postes(modele, lieu, saisies, par, motif):
    """Les postes dans l'ordre des saisies, et ceux qui ont changé."""
    relus = verrouiller(modele, versions_lues((s.objet.pk, s.version) for s in saisies if s.objet))
    ecritures, postes, touches = Ecritures(), [], {}
    liens = Liens(relus, lieu)
    for saisie in saisies:
        poste = relus[saisie.objet.pk] if saisie.objet else modele()
        if poste.pk:
            exiger_la_gestion(par, poste)
        changes = appliquer(poste, saisie.champs)
        controler_le_poste(poste, liens.quartiers_voulus(poste, saisie))
        exiger_la_gestion(par, poste)
        if changes or poste.pk is None or liens.changent(poste, saisie):
            touches[id(poste)] = poste
            avancer_d_une_version(poste)
            ecritures.retenir(poste, changes | {"version", "modifie_le"})
        postes.append(poste)
    creer_avec_historique(ecritures.creees, modele, par=par, motif=motif)
    modifier_avec_historique(ecritures.modifiees, modele, sorted(ecritures.champs), par=par, motif=motif)
    for poste, saisie in zip(postes, saisies, strict=True):
        liens.remplacer(poste, saisie, par, motif)
    return postes, list(touches.values())


def avancer_d_une_version(poste):
    if poste.pk:
        poste.version += 1
        poste.modifie_le = timezone.now()


def controler_le_poste(poste, quartiers):
    controler(poste)
    for quartier in quartiers:
        if quartier.contrat_id != poste.contrat_id:
            raise OperationRefusee({"quartiers": f"« {quartier} » n’est pas un quartier du contrat du poste."})


class Liens:
    """Les quartiers et les missions des postes d'un lot, lus une fois."""

    def __init__(self, postes, lieu):
        self.lieu = lieu
        self.lieux = grouper(lieu.objects.filter(poste__in=postes).select_related("quartier"))
        missions = MissionDuPoste.objects.filter(poste__in=postes) if lieu is LieuDuPoste else []
        self.missions = grouper(missions)

    def quartiers_voulus(self, poste, saisie):
        if saisie.quartiers is not None:
            return saisie.quartiers
        return [lieu.quartier for lieu in self.lieux.get(poste.pk, [])]

    def changent(self, poste, saisie):
        quartiers = {lieu.quartier_id for lieu in self.lieux.get(poste.pk, [])}
        missions = {ligne.mission for ligne in self.missions.get(poste.pk, [])}
        return (saisie.quartiers is not None and {q.pk for q in saisie.quartiers} != quartiers) or (
            saisie.missions is not None and set(saisie.missions) != missions
        )

    def remplacer(self, poste, saisie, par, motif):
        if saisie.quartiers is not None:
            voulus = {quartier.pk for quartier in saisie.quartiers}
            remplacer(self.lieu, poste, "quartier_id", self.lieux.get(poste.pk, []), voulus, par, motif)
        if saisie.missions is not None:
            actuelles = self.missions.get(poste.pk, [])
            remplacer(MissionDuPoste, poste, "mission", actuelles, set(saisie.missions), par, motif)


def remplacer(modele: type[models.Model], poste, champ, actuelles, voulues, par, motif):
    """Les lignes liées au poste deviennent exactement celles qui sont voulues."""
    retirees = [ligne for ligne in actuelles if getattr(ligne, champ) not in voulues]
    supprimer_avec_historique(retirees, par=par, motif=motif)
    nouvelles = voulues - {getattr(ligne, champ) for ligne in actuelles}
    lignes = [modele(poste=poste, **{champ: valeur}) for valeur in sorted(nouvelles)]
    for ligne in lignes:
        controler(ligne)
    creer_avec_historique(lignes, modele, par=par, motif=motif)


def grouper(lignes):
    groupes = {}
    for ligne in lignes:
        groupes.setdefault(ligne.poste_id, []).append(ligne)
    return groupes
