"""Ce qui est déjà gardé de la liste, et ce qui est nouveau : chaque ligne reçoit son relevé, ou son rang."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from django.db import models

from politique_ville.outils.francais import euros
from programmation.imports.fiches import Journal

from .lignes import LigneDeListe, refuser


class Garde(NamedTuple):
    """Ce qu'un relevé gardé dit d'un poste une année."""

    annee: int
    poste: str
    id_publie: str
    siret: str


def lire_les_gardes(lignes: Iterable[LigneDeListe], modele: type[models.Model], cle: str) -> list[Garde]:
    """Les relevés gardés des postes de la liste, toutes années ; `cle` : le champ qui porte le numéro d'un poste."""
    numero = f"poste__{cle}"
    releves = modele.objects.filter(**{f"{numero}__in": {ligne.poste for ligne in lignes}})
    return [Garde(*valeurs) for valeurs in releves.values_list("annee", numero, "id_publie", "siret")]


def rapprocher(lignes: Iterable[LigneDeListe], modele: type[models.Model], journal: Journal) -> None:
    """Apparie les lignes d'un même identifiant et d'une même année aux relevés gardés, quel que soit leur ordre.

    Ce qui dit la même chose est déjà là. Ce qui reste des deux côtés se contredit : la ligne est refusée. Le reste est
    nouveau, au rang suivant : la source répète des postes, et ses répétitions sont gardées.
    """
    connus, par_cle = defaultdict(list), defaultdict(list)
    for ligne in lignes:
        par_cle[ligne.cle].append(ligne)
    ids = {id_publie for _, id_publie in par_cle}
    annees = {annee for annee, _ in par_cle}
    for releve in modele.objects.filter(annee__in=annees, id_publie__in=ids).select_related("poste").order_by("rang"):
        connus[releve.annee, releve.id_publie].append(releve)
    for cle, siennes in par_cle.items():
        _apparier(siennes, connus.get(cle, []), journal)


def _apparier(lignes, connus, journal):
    restants, nouvelles = list(connus), []
    for ligne in lignes:
        pareil = next((releve for releve in restants if publie(releve) == ligne.publie), None)
        if pareil:
            ligne.releve, ligne.rang = pareil, pareil.rang
            restants.remove(pareil)
        else:
            nouvelles.append(ligne)
    for ligne, releve in zip(nouvelles, restants, strict=False):
        refuser(ligne, *_contradiction(ligne, releve), journal)
    dernier = max((releve.rang for releve in connus), default=0)
    for rang, ligne in enumerate(nouvelles[len(restants) :], dernier + 1):
        ligne.rang = rang


def publie(releve):
    """Ce qui ne peut pas changer d'un relevé gardé, dans l'ordre de `LigneDeListe.publie`."""
    return releve.montant, releve.siret, releve.code_contrat


def _contradiction(ligne, releve):
    """Le champ qui change, et la phrase."""
    noms = {"montant": euros, "siret": str, "contrat": str}
    for (champ, en_clair), avant, apres in zip(noms.items(), publie(releve), ligne.publie, strict=True):
        if avant != apres:
            garde = en_clair(avant) or "rien"
            return champ, f"la liste de {ligne.annee} déjà gardée disait {garde} pour {ligne.id_publie} : à vérifier."
    raise ValueError("Un relevé pareil à la ligne ne la contredit pas.")
