"""La boucle commune à tous les imports : lire → correspondance → valider → plan."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from politique_ville.outils.tableur.entetes import reconnaitre
from politique_ville.outils.tableur.fichier import Fichier
from politique_ville.outils.tableur.lecture import lire
from politique_ville.outils.tableur.modeles import ModeleImport
from politique_ville.outils.tableur.plan import LignePlan, Plan, Statut
from politique_ville.outils.tableur.validation import valider


def preparer(
    fichier: Fichier,
    modele: ModeleImport,
    contexte: Any,
    *,
    feuille: str | None = None,
    ligne_des_entetes: int | None = None,
    colonnes: Mapping[str, int] | None = None,
) -> Plan:
    """Le plan d'import d'un fichier, calculé sans écrire ; lève FichierRefuse.

    `colonnes` (nom du champ → rang) est la correspondance choisie par l'agent ; sans elle, celle des en-têtes.
    """
    champs = modele.champs(contexte)
    table = lire(fichier, feuille, ligne_des_entetes, champs)
    if colonnes is None:
        colonnes = reconnaitre(table.entetes, champs)
    validee = valider(table, champs, colonnes)
    plan = modele.planifier(validee, contexte)
    refusees = tuple(LignePlan(numero, Statut.REFUSE) for numero in validee.refusees)
    return replace(
        plan,
        lignes=tuple(sorted((*plan.lignes, *refusees), key=lambda ligne: ligne.numero)),
        anomalies=(*validee.anomalies, *plan.anomalies),
        modele=modele.nom,
        empreinte=fichier.empreinte,
    )
