"""Ce que dit un graphique en une phrase, un écart, un rang, un levier, une filiation ; aucun calcul ici."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from politique_ville.outils.departements import du_departement
from politique_ville.outils.francais import euros, nombre, pluriel, pourcent, signe
from politique_ville.outils.typographie import insecables
from programmation.models import Repere, Theme
from programmation.synthese import ChoixDeBase, EcartAuRepere, Levier, LignePilier, Rang
from territoires.enums import Generation, NatureFiliation
from territoires.models import Quartier


def valeur(ligne: Any, choix: ChoixDeBase) -> str:
    """« 1 234,50 € », ou « 12 actions » si la base est un nombre d'actions."""
    return euros(ligne.montant) if choix.est_un_montant else pluriel(ligne.nombre, "action", "actions")


def la_plus_grande_part(lignes: Iterable[Any], choix: ChoixDeBase, nom: Callable[[Any], str]) -> str:
    """« Cohésion sociale a la plus grande part : 79,6 %, soit 1 234,50 €. » ; vide si rien n'a de part."""
    connues = [ligne for ligne in lignes if ligne.part is not None]
    if not connues:
        return ""
    premiere = max(connues, key=lambda ligne: ligne.part)
    return insecables(
        f"{nom(premiere)} a la plus grande part : {pourcent(premiere.part)}, soit {valeur(premiere, choix)}."
    )


def sujet(nomme: Any) -> str:
    """Ce qui commence une phrase : le numéro d'un thème y serait pris pour une quantité."""
    return f"Le thème {nomme.code}, {nomme.libelle}," if isinstance(nomme, Theme) else str(nomme)


def ecart(ecart: EcartAuRepere) -> str:
    """« −0,4 point, soit −14 200,00 € »."""
    return f"{en_points(ecart.points, ecart.euros)}, soit {signe(ecart.euros)}"


def en_points(points: Decimal, en_euros: Decimal) -> str:
    """« −0,4 point » ; « moins de 0,1 point » si l'arrondi est nul et non l'écart en euros."""
    return "moins de 0,1 point" if en_euros and not points else signe(points, "point")


def constat(repere: Repere) -> str:
    """« constat du Gard (antérieur à 2024) »."""
    return f"constat {du_departement(repere.departement.nom)} ({repere.periode})"


def constat_commun(lignes: Iterable[LignePilier]) -> str:
    """Le constat, s'il est le même pour tous les piliers ; sinon « constat publié »."""
    constats = {constat(ligne.ecart.repere) for ligne in lignes if ligne.ecart}
    return constats.pop() if len(constats) == 1 else "constat publié"


# --- Les financeurs ---


def place(rang: Rang) -> str:
    """« 1ᵉʳ », « 2ᵉ ex æquo »."""
    ordinal = "1ᵉʳ" if rang.rang == 1 else f"{rang.rang}ᵉ"
    return f"{ordinal} ex æquo" if rang.ex_aequo else ordinal


def ecart_de_rang(rang: Rang) -> str:
    """« +84 000,00 € devant « Ville de Caen » »."""
    if rang.autre:
        return f"{signe(rang.ecart)} {face_a(rang)}"
    if rang.en_attente:
        return "seul financeur public à avoir voté"
    return "seul financeur public nommé" if rang.a_preciser else "seul financeur public"


def lignes_a_preciser(rang: Rang) -> str:
    """« 2 lignes, 1 500,00 € » : celles dont le financeur est à préciser."""
    return f"{pluriel(rang.a_preciser, 'ligne', 'lignes')}, {euros(rang.montant_a_preciser)}"


def face_a(rang: Rang) -> str:
    """« devant « Commune de Caen » » : entre guillemets, un nom de toute sorte se passe d'article."""
    ou = "devant" if rang.ecart > 0 else "derrière" if rang.ecart < 0 else "à égalité avec"
    return insecables(f"{ou} « {rang.autre} »")


def points_du_rang(rang: Rang) -> str:
    """« +12,3 points »."""
    return en_points(rang.points, rang.ecart)


def votes_connus(levier: Levier) -> str:
    """« votes connus pour 31 actions sur 48 »."""
    return f"votes connus pour {pluriel(levier.votes_connus, 'action', 'actions')} sur {nombre(levier.actions)}"


# --- Les filiations ---

DEPUIS = {
    NatureFiliation.INCHANGE: "prolonge, sans changement de périmètre, le quartier",
    NatureFiliation.REDESSINE: "prolonge, redessiné, le quartier",
    NatureFiliation.SCINDE: "est issu de la scission du quartier",
    NatureFiliation.FUSIONNE: "réunit, avec d’autres, le quartier",
}
VERS = {
    NatureFiliation.INCHANGE: "est prolongé, sans changement de périmètre, par le quartier",
    NatureFiliation.REDESSINE: "est prolongé, redessiné, par le quartier",
    NatureFiliation.SCINDE: "est scindé ; une partie devient le quartier",
    NatureFiliation.FUSIONNE: "est réuni à d’autres dans le quartier",
}


def sans_filiation(quartier: Quartier) -> str:
    """Ce que l'on sait d'un quartier sans ancêtre (2024) ou sans suite (2015).

    La dernière lettre d'un code de 2024 dit s'il est nouveau (N) ou s'il préexistait, modifié (M) ou non (I) : source
    ANCT, contours QP2024. Sans cette lettre, rien ne dit qu'il entre.
    """
    if quartier.generation == Generation.G2015:
        return "Sorti de la géographie prioritaire au 1ᵉʳ janvier 2024."
    if quartier.est_entrant:
        return "Entrant dans la géographie prioritaire au 1ᵉʳ janvier 2024."
    prolonge = (
        f" Il prolonge un quartier de 2015 (lettre {quartier.code[-1]} de son code)." if quartier.prolonge else ""
    )
    return insecables(f"Filiation non renseignée.{prolonge}")
