"""Relire une photographie sans la base : ses montants redeviennent des Decimal, ses anciens formats des tableaux."""

import re
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from politique_ville.outils.repartition import parts_affichees
from programmation.enums import FamilleFinanceur, StatutAction
from programmation.synthese import Levier, Rang

MONTANT = re.compile(r"-?\d+\.\d{1,2}", re.ASCII)
TEXTES = {"cle", "libelle", "famille", "millesime", "constat", "autre", "mere", "contrat", "dispositif", "mouvements"}
P147 = FamilleFinanceur.ANCT_P147.value


def en_nombres(valeur: Any, nom: str = "") -> Any:
    """La même valeur, dont les montants et les parts sont des Decimal ; ce qui nomme reste un texte."""
    if nom in TEXTES:
        return valeur
    if isinstance(valeur, dict):
        return {cle: en_nombres(v, cle) for cle, v in valeur.items()}
    if isinstance(valeur, list):
        return [en_nombres(v) for v in valeur]
    return Decimal(valeur) if isinstance(valeur, str) and MONTANT.fullmatch(valeur) else valeur


def tableau_garde(synthese: dict[str, Any]) -> dict[str, Any]:
    """Le tableau de bord que garde une synthèse. Un ancien format n'a ni financeurs, ni enveloppes, ni thématiques."""
    tableau = en_nombres(synthese["tableau"]) if "tableau" in synthese else ancien_tableau(synthese)
    tableau["rang"] = reconstruire(Rang, tableau.get("rang"))
    tableau["levier"] = reconstruire(Levier, tableau.get("levier"))
    tableau["statuts"] = statuts(synthese)
    tableau["parts"] = {axe: total_des_parts(tableau.get(axe, [])) for axe in ("piliers", "contrats", "thematiques")}
    return tableau


def total_des_parts(lignes) -> Decimal | None:
    """La somme des parts affichées : 100,0, ou None si rien n'a de part."""
    parts = [ligne["part"] for ligne in lignes if ligne["part"] is not None]
    return sum(parts) if parts else None


def ancien_tableau(synthese):
    accorde = en_nombres(synthese["accorde"])
    return {
        "est_ancien": True,
        "total": additionner(accorde["piliers"].values()),
        "demande": additionner(en_nombres(synthese["demande"])["piliers"].values()),
        "piliers": avec_parts(accorde["piliers"], lambda cle: cle),
        "contrats": avec_parts(accorde["contrats"], lambda cle: f"contrat n° {cle}" if cle else "Département"),
    }


def additionner(sommes: Iterable[dict]) -> dict[str, Any]:
    """La somme de ces sommes ; un montant inconnu ne lui ajoute rien."""
    sommes = list(sommes)
    connus = [somme["montant"] for somme in sommes if somme["montant"] is not None]
    montant = sum(connus, Decimal("0.00")) if connus or not sommes else None
    return {"montant": montant, "nombre": sum(s["nombre"] for s in sommes)}


def avec_parts(sommes, nommer):
    parts = parts_affichees([somme["montant"] or Decimal(0) for somme in sommes.values()])
    lignes = zip(sommes.items(), parts, strict=True)
    return [{"cle": cle, "libelle": nommer(cle), "part": part, **somme} for (cle, somme), part in lignes]


def statuts(synthese):
    """Les actions par statut, dans l'ordre du circuit : le demandé des déposées, l'accordé des programmées."""
    demandes, accordes = (en_nombres(synthese[base]["statuts"]) for base in ("demande", "accorde"))
    return [
        {
            "libelle": statut.label,
            "nombre": demandes.get(statut.value, accordes.get(statut.value, {"nombre": 0}))["nombre"],
            "demande": demandes.get(statut.value, {"montant": None})["montant"],
            "accorde": accordes.get(statut.value, {"montant": None})["montant"],
        }
        for statut in StatutAction
        if statut.value in demandes or statut.value in accordes
    ]


def reconstruire(classe, valeurs):
    """La dataclass que gardait le JSON, ou None : elle n'y est pas, ou il lui manque un champ ajouté depuis."""
    noms = {champ.name for champ in fields(classe)}
    if not valeurs or not noms <= valeurs.keys():
        return None
    return classe(**{nom: valeurs[nom] for nom in noms})


# --- Les lignes ---


def ligne_p147(ligne: dict) -> dict[str, Any]:
    """Le financement P147 de l'action ; {} si elle n'en a pas."""
    return next((f for f in ligne["financements"] if f["famille"] == P147), {})


def montant(texte: str | None) -> Decimal | None:
    return None if texte is None else Decimal(texte)


def ligne_lue(ligne: dict) -> dict[str, Any]:
    """Ce qu'une liste montre d'une action photographiée, montants en euros."""
    p147 = ligne_p147(ligne)
    return {
        "cle": ligne["cle"],
        "intitule": ligne["intitule"],
        "porteur": ligne["porteur_nom"] or "—",
        "contrat": ligne["contrat_intitule"] or "À l’échelle du département",
        "pilier": ligne.get("pilier_libelle") or ligne["pilier_code"] or "—",
        "statut": StatutAction(ligne["statut"]),
        "quartiers": ", ".join(lieu["quartier_nom"] for lieu in ligne["localisations"]),
        "cout": montant(ligne["cout_previsionnel"]),
        "demande": montant(p147.get("demande")),
        "propose": montant(p147.get("propose")),
        "accorde": montant(p147.get("accorde")),
    }
