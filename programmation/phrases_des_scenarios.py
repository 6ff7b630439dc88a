"""Ce qui sépare des scénarios comparés, une phrase par constat ; aucun calcul ici."""

from collections.abc import Iterable

from politique_ville.outils.departements import du_departement
from politique_ville.outils.francais import euros, nombre, pluriel, pourcent, signe
from politique_ville.outils.typographie import insecables

from .synthese import BilanDeScenario, Comparaison


def constats(comparaison: Comparaison) -> list[str]:
    """Total, enveloppe, nombre d'actions, piliers, rang, quartiers, actions qui diffèrent."""
    bilans = comparaison.bilans
    phrases = [dire_le_total(bilans), *dire_les_depassements(bilans), dire_le_nombre(bilans), *dire_les_piliers(bilans)]
    phrases += [*dire_le_rang(bilans), dire_les_quartiers(bilans), dire_les_actions(comparaison)]
    return [insecables(phrase) for phrase in phrases]


def dire_le_total(bilans):
    bas, haut = extremes(bilans, lambda bilan: bilan.total)
    if bas.total == haut.total:
        return f"Même total : {euros(bas.total)}."
    return (
        f"{nom(bas)} coûte le moins, {euros(bas.total)}, soit {euros(haut.total - bas.total)} de moins que {nom(haut)}."
    )


def dire_les_depassements(bilans):
    """Rien sans enveloppe ; sinon, qui tient et qui dépasse."""
    en_trop = [f"{nom(b)} de {euros(b.depassement)}" for b in bilans if b.depassement]
    if en_trop:
        return [f"Dépassent le reste à décider : {', '.join(en_trop)}."]
    return ["Tous tiennent dans le reste à décider."] if all(b.avant for b in bilans) else []


def dire_le_nombre(bilans):
    bas, haut = extremes(bilans, lambda bilan: bilan.nombre)
    if bas.nombre == haut.nombre:
        return f"Même nombre d’actions servies : {nombre(bas.nombre)}."
    servies = pluriel(haut.nombre, "action", "actions")
    return f"{nom(haut)} sert le plus d’actions : {servies}, contre {nombre(bas.nombre)} pour {nom(bas)}."


def dire_les_piliers(bilans):
    """Pour chaque pilier qui a un constat publié, les parts de l'exercice une fois chaque scénario promu."""
    par_pilier = {}
    for bilan in bilans:
        for part in bilan.piliers:
            if part.apres.ecart:
                par_pilier.setdefault(part.apres.pilier, []).append((bilan, part.apres))
    for pilier, lignes in par_pilier.items():
        repere = lignes[0][1].ecart.repere
        parts = ", ".join(f"{pourcent(ligne.part)} avec {nom(bilan)}" for bilan, ligne in lignes)
        constat = f"constat {du_departement(repere.departement.nom)} ({repere.periode}) : {pourcent(repere.part)}"
        yield f"{pilier}, dans l’exercice : {parts} ; {constat}."


def dire_le_rang(bilans):
    """Où serait l'État parmi les financeurs publics."""
    classes = [bilan for bilan in bilans if bilan.rang and bilan.rang.autre]
    places = {(bilan.rang.rang, bilan.rang.autre) for bilan in classes}
    if len(places) == 1:
        rang, autre = places.pop()
        ecarts = ", ".join(f"{signe(bilan.rang.ecart)} avec {nom(bilan)}" for bilan in classes)
        return [f"L’État serait {dire_la_place(rang)}, face à « {autre} » : {ecarts}."]
    dits = [
        f"{dire_la_place(b.rang.rang)} avec {nom(b)} ({signe(b.rang.ecart)} face à « {b.rang.autre} »)" for b in classes
    ]
    return [f"L’État serait {', '.join(dits)}."] if dits else []


def dire_la_place(rang):
    return "premier" if rang == 1 else f"{rang}ᵉ"


def dire_les_quartiers(bilans):
    restes = [(bilan, bilan.quartiers_sans_action) for bilan in bilans]
    if not any(quartiers for _, quartiers in restes):
        return "Aucun ne laisse de quartier sans action."
    morceaux = [f"{nom(b)}, {pluriel(len(q), 'quartier', 'quartiers')}" for b, q in restes]
    return f"Sans action : {' ; '.join(morceaux)}."


def dire_les_actions(comparaison):
    if not comparaison.differences:
        return "Ils donnent à chaque action le même montant."
    changees = pluriel(len(comparaison.differences), "action ne reçoit", "actions ne reçoivent")
    return f"{changees} pas la même chose ; {pluriel(comparaison.communes, 'action', 'actions')} au même montant."


def extremes(bilans: Iterable[BilanDeScenario], valeur):
    return min(bilans, key=valeur), max(bilans, key=valeur)


def nom(bilan: BilanDeScenario) -> str:
    return f"« {bilan.scenario} »"
