"""Comparer deux états d'un exercice : deux photographies, ou une photographie et un recomptage ; au centime."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .lignes import sans_libelles

# De la synthèse, ce qui nomme, ce qui se déduit du reste, ce que le territoire sait par ailleurs (population), et les
# faits d'exécution, qui continuent après la clôture.
PAS_DES_CHIFFRES = {
    "libelle",
    "famille",
    "autre",
    "part",
    "ecart",
    "population",
    "millesime",
    "par_habitant",
    "execution",
}
ABSENTE = "absente"
PRESENTE = "présente"


@dataclass(frozen=True)
class Difference:
    """Une différence : l'objet, le champ qui change ("" : tout l'objet), et ses deux valeurs."""

    objet: str
    champ: str
    avant: Any
    apres: Any


def differences(avant: dict[str, Any], apres: dict[str, Any]) -> Iterator[Difference]:
    """Tout ce qui sépare deux contenus `{lignes, synthese}`, libellés exclus : les actions, puis les chiffres."""
    yield from differences_des_lignes(avant["lignes"], apres["lignes"])
    yield from differences_des_chiffres(avant["synthese"], apres["synthese"])


def differences_des_lignes(avant: list[dict], apres: list[dict]) -> Iterator[Difference]:
    """Action par action (leur clé) ; un champ qu'un ancien format ne gardait pas n'est pas comparé."""
    anciennes, actuelles = par_cle(avant), par_cle(apres)
    forme_commune = champs_communs(avant, apres)
    for cle in sorted(anciennes.keys() | actuelles.keys()):
        ancienne, actuelle = anciennes.get(cle), actuelles.get(cle)
        objet = f"action « {(actuelle or ancienne)['intitule']} »"
        if ancienne is None or actuelle is None:
            yield Difference(objet, "", PRESENTE if ancienne else ABSENTE, PRESENTE if actuelle else ABSENTE)
            continue
        yield from differences_d_une_ligne(objet, reduire(ancienne, forme_commune), reduire(actuelle, forme_commune))


def differences_d_une_ligne(objet, ancienne, actuelle):
    """Le statut d'abord, puis dans l'ordre des noms : celui du JSON diffère d'un moteur à l'autre."""
    for champ in sorted(ancienne, key=lambda nom: (nom != "statut", nom)):
        if ancienne[champ] != actuelle[champ]:
            yield Difference(objet, champ, ancienne[champ], actuelle[champ])


def par_cle(lignes):
    return {ligne["cle"]: sans_libelles(ligne) for ligne in lignes}


def champs_communs(avant, apres):
    """Ce que les deux formats gardent : les champs d'une ligne et, pour ses listes, ceux de leurs éléments."""
    return croiser(forme(avant), forme(apres))


def forme(lignes):
    """Les champs que portent des lignes, à tous leurs niveaux ; None pour une valeur simple ou une liste vide."""
    champs = {}
    for ligne in lignes:
        if not isinstance(ligne, dict):
            return None
        for nom, valeur in ligne.items():
            dessous = forme(valeur) if isinstance(valeur, list) and valeur else None
            champs[nom] = champs.get(nom) or dessous
    return champs or None


def croiser(une, autre):
    """Les champs de l'une et de l'autre ; celle qui ne dit rien (aucune ligne) n'exclut rien."""
    if une is None or autre is None:
        return une or autre
    return {nom: croiser(une[nom], autre[nom]) for nom in une if nom in autre}


def reduire(valeur, champs):
    if isinstance(valeur, list):
        return [reduire(v, champs) for v in valeur]
    if isinstance(valeur, dict) and champs is not None:
        return {nom: reduire(v, champs[nom]) for nom, v in valeur.items() if nom in champs}
    return valeur


def differences_des_chiffres(avant: dict, apres: dict) -> Iterator[Difference]:
    """Les sommes et le tableau de bord ; une rubrique qu'un ancien format ne gardait pas n'est pas comparée."""
    for rubrique in ("accorde", "demande", "tableau"):
        if rubrique in avant and rubrique in apres:
            yield from differences_d_une_rubrique(rubrique, chiffres(avant[rubrique]), chiffres(apres[rubrique]))


def differences_d_une_rubrique(rubrique, avant, apres):
    for nom in sorted(avant.keys() | apres.keys()):
        if avant.get(nom) != apres.get(nom):
            yield Difference(f"synthèse, {rubrique}", nom, avant.get(nom), apres.get(nom))


def chiffres(valeur: Any) -> Any:
    """Les seuls chiffres : sans ce qui nomme ni ce qui se déduit ; une liste nommée par clé n'a plus d'ordre, et une
    ligne sans action (un pilier ajouté depuis) n'en est pas une."""
    if isinstance(valeur, dict):
        return {nom: chiffres(v) for nom, v in valeur.items() if nom not in PAS_DES_CHIFFRES}
    if isinstance(valeur, list) and valeur and isinstance(valeur[0], dict):
        return {ligne["cle"]: chiffres(ligne) for ligne in valeur if ligne.get("nombre") != 0}
    return {} if valeur == [] else valeur
