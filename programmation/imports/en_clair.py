"""Une action en mots, champ par champ : ce que le plan montre d'avant, d'après, et d'un conflit."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from politique_ville.outils.francais import euros

from ..enums import Duree
from ..models import Action, Localisation, Organisme
from .financements import montants_en_clair

CHAMPS = {
    "intitule": "Intitulé",
    "echelle": "Échelle",
    "contrat": "Contrat de ville",
    "dossier": "Dossier Dauphin",
    "thematique": "Thématique",
    "pilier": "Pilier",
    "dispositif": "Dispositif",
    "enveloppe": "Enveloppe",
    "porteur": "Porteur",
    "etablissement": "SIRET",
    "origine": "Origine",
    "duree": "Durée",
    "date_debut": "Début",
    "date_fin": "Fin",
    "cout_previsionnel": "Coût prévisionnel",
    "contributions_volontaires": "Contributions volontaires",
    "beneficiaires_prevus": "Bénéficiaires prévus",
    "beneficiaires_femmes": "Bénéficiaires femmes",
    "beneficiaires_hommes": "Bénéficiaires hommes",
    "beneficiaires_qpv": "Bénéficiaires QPV",
    "description": "Description",
    "objectifs": "Objectifs",
    "statut": "Statut",
}
A_CREER = " (à créer)"


def en_clair(
    action: Action,
    plan: Iterable[Any] = (),
    quartiers: Mapping[Any, int] | None = None,
    priorites: Iterable[Any] = (),
    piliers_transversaux: Iterable[Any] = (),
) -> dict[str, str]:
    """Les valeurs renseignées, par libellé, dans l'ordre de l'écran ; l'inconnu n'y est pas."""
    mots = {libelle: _mot(action, nom) for nom, libelle in CHAMPS.items()}
    mots["Quartiers"] = _quartiers(quartiers or {})
    mots["Priorités transversales"] = " ; ".join(sorted(map(str, priorites)))
    mots["Piliers transversaux"] = " ; ".join(sorted(map(str, piliers_transversaux)))
    for ligne in plan:
        mots |= montants_en_clair(ligne)
    return {libelle: mot for libelle, mot in mots.items() if mot}


def _mot(action, nom):
    if nom == "dossier":
        return Action.reference_dauphin.fget(action)
    if nom == "duree":
        return _duree(action)
    if nom in ("echelle", "origine", "statut"):
        return getattr(action, f"get_{nom}_display")()
    valeur = getattr(action, nom)
    if valeur is None:
        return ""
    if isinstance(valeur, Decimal):
        return euros(valeur)
    if isinstance(valeur, date):
        return valeur.strftime("%d/%m/%Y")
    return _organisme(valeur) if nom == "porteur" else f"{valeur}{_naissance(valeur)}"


def _duree(action):
    if action.duree == Duree.CPO:
        return f"CPO {action.cpo_rang}/{action.cpo_nombre}"
    return action.get_duree_display()


def _organisme(organisme: Organisme):
    courant = organisme.courant
    siren = f", SIREN {courant.siren}" if courant.siren else ""
    return f"{courant}{siren}{_naissance(courant)}"


def _naissance(objet):
    """Un objet que l'import créera n'a, le temps du plan, qu'un identifiant négatif."""
    return A_CREER if (getattr(objet, "pk", None) or 0) < 0 else ""


def _quartiers(cles):
    """La clé n'est dite que si elle répartit inégalement."""
    egales = len(set(cles.values())) < 2
    ordonnes = sorted(cles.items(), key=lambda paire: paire[0].pk)
    return " ; ".join(str(quartier) if egales else f"{quartier} : {cle}" for quartier, cle in ordonnes)


def lieux(localisations: Iterable[Localisation]) -> dict[Any, int]:
    return {lieu.quartier: lieu.cle for lieu in localisations}
