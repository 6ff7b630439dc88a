"""Le verrou, les versions et le refus, communs aux opérations des dispositifs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils import timezone

from comptes.models import Utilisateur
from programmation.operations.outils import (
    ConflitDeVersion,
    DroitManquant,
    OperationRefusee,
    modifier_avec_historique,
)

from .. import regles


class ModifieEntreTemps(ConflitDeVersion):
    """Quelqu'un a écrit entre la lecture et l'enregistrement. `postes` : ce qui est en base maintenant."""

    def __init__(self, postes):
        self.actions = self.postes = postes
        OperationRefusee.__init__(self, [f"« {p} » a été modifié entre-temps par quelqu’un d’autre." for p in postes])


@dataclass
class Saisie:
    """Ce qu'un formulaire ou une ligne d'import écrit : `objet` à modifier (None : création), valeurs de champs.

    `version` : celle du poste qui a été lue (None : sans contrôle).
    """

    champs: dict[str, Any]
    objet: models.Model | None = None
    version: int | None = None


@dataclass
class Ecritures:
    """Les lignes d'un modèle qu'un lot crée ou modifie."""

    creees: list = field(default_factory=list)
    modifiees: list = field(default_factory=list)
    champs: set = field(default_factory=set)

    def retenir(self, objet, changes):
        """Retient l'objet ; dit s'il y a quelque chose à écrire."""
        if objet.pk is None:
            self.creees.append(objet)
        elif changes:
            self.modifiees.append(objet)
            self.champs |= changes
        return objet.pk is None or bool(changes)


def versions_lues(paires: Iterable[tuple[int, int | None]]) -> dict[int, int | None]:
    """Par poste, d'après ces couples (identifiant, version), la plus ancienne qu'une saisie du lot ait lue.

    Une saisie sans version (None) n'efface pas celle d'une autre : si l'une a été dépassée, le lot entier est refusé.
    """
    lues = {}
    for pk, version in paires:
        lues.setdefault(pk, []).append(version)
    return {pk: min((v for v in versions if v is not None), default=None) for pk, versions in lues.items()}


def verrouiller(modele: type[models.Model], versions: dict[int, int | None]) -> dict[int, Any]:
    """Les postes relus sous verrou, par identifiant. Lève ModifieEntreTemps, ou OperationRefusee s'il en manque un."""
    relus = modele.objects.filter(pk__in=versions).select_for_update(of=("self",)).order_by("pk")
    postes = {poste.pk: poste for poste in relus.select_related("contrat")}
    if versions.keys() - postes.keys():
        raise OperationRefusee("Le poste n’existe plus : il a été supprimé entre-temps.")
    en_conflit = [postes[pk] for pk, version in versions.items() if version not in (None, postes[pk].version)]
    if en_conflit:
        raise ModifieEntreTemps(en_conflit)
    return postes


def exiger_la_gestion(par: Utilisateur, poste) -> None:
    if not regles.peut_gerer(par, poste):
        raise DroitManquant("Vous n’êtes pas habilité à saisir des postes ici.")


def refuser(erreurs: Sequence[tuple[str, str]]) -> None:
    """Lève OperationRefusee avec ces couples (champ, phrase), s'il y en a."""
    if erreurs:
        par_champ = {}
        for champ, phrase in erreurs:
            par_champ.setdefault(champ, []).append(phrase)
        raise OperationRefusee(par_champ)


def avancer(postes: Iterable[models.Model], *, par: Utilisateur, motif: str) -> None:
    """Donne une version de plus à chaque poste dont quelque chose a changé."""
    postes = list(postes)
    for poste in postes:
        poste.version += 1
        poste.modifie_le = timezone.now()
    if postes:
        modifier_avec_historique(postes, type(postes[0]), ["version", "modifie_le"], par=par, motif=motif)
