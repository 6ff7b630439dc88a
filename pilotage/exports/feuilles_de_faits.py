"""Les trois feuilles de faits : les actions, leurs lignes de plan, et la part de chaque quartier.

Leurs lignes sont des dictionnaires aux noms du gabarit.
"""

from decimal import Decimal

from politique_ville.outils.classeur import Formule
from politique_ville.outils.repartition import part
from programmation.enums import (
    Duree,
    Echelle,
    EtatFinancement,
    FamilleFinanceur,
    FormeOrganisme,
    NatureFinancement,
    Origine,
    StatutAction,
)
from programmation.models import Pilier

from .faits import Faits
from .formules import INCONNU, ZERO, Page, quotient

COUT = "Coût prévisionnel"
FAMILLE_DU_COUT = "Coût"  # dans Répartition, la famille de la ligne de coût : une seule par action et par lieu
P147 = FamilleFinanceur.ANCT_P147
ETATS_ACQUIS = [EtatFinancement.ACQUIS]
ETATS_ANNONCES = [EtatFinancement.ACQUIS, EtatFinancement.ANNONCE]
PRE_SANS_FEUILLE = "pre-aucun"
ECHELLES = {Echelle.CONTRAT: "Contrat", Echelle.DEPARTEMENT: "Département"}


# --- Programmation ---


def page_des_actions(modele, faits: Faits, transversaux: list[Pilier], colonne_de_la_famille: dict) -> Page:
    """La feuille Programmation ; `colonne_de_la_famille` dit où va le demandé de chaque famille de financeurs."""
    page = Page(
        modele, [ligne_d_action(action, faits, transversaux, colonne_de_la_famille) for action in faits.actions]
    )
    for rang, ligne in enumerate(page.lignes):
        accorde, cout = page.ici("p147_accorde", rang), page.ici("cout", rang)
        ligne["part_p147"] = quotient((accorde, ligne["p147_accorde"]), (cout, ligne["cout"]))
        ligne["desequilibre"] = desequilibre(page, rang, dict.fromkeys(colonne_de_la_famille.values()))
    return page


def desequilibre(page, rang, colonnes):
    """Le plan demandé moins le coût : 0,00 € s'il est équilibré, « — » si rien n'est connu du plan."""
    ligne, plan = page.lignes[rang], ["p147_demande", *colonnes]
    connus = [ligne[nom] for nom in plan if ligne.get(nom) is not None]
    cellules = ",".join(page.ici(nom, rang) for nom in plan)
    texte = f'=IF(COUNT({cellules})=0,"{INCONNU}",ROUND(SUM({cellules})-{page.ici("cout", rang)},2))'
    return Formule(texte, sum(connus, ZERO) - ligne["cout"] if connus else INCONNU)


def ligne_d_action(action: dict, faits: Faits, transversaux, colonne_de_la_famille) -> dict:
    plan, pk = faits.lignes.get(action["pk"], []), action["pk"]
    return (
        identite(action, faits)
        | programme(action, faits, transversaux)
        | montants(action, plan, colonne_de_la_famille)
        | {
            "beneficiaires": action["beneficiaires_prevus"],
            "femmes": action["beneficiaires_femmes"],
            "hommes": action["beneficiaires_hommes"],
            "habitants_qpv": action["beneficiaires_qpv"],
            "ej": faits.ejs.get(pk),
            "decision_le": faits.decisions.get(pk),
            "statut": StatutAction(action["statut"]).label,
        }
        | cles(action)
    )


def identite(action, faits):
    """Qui, où, sous quel numéro ; le porteur est celui qui a absorbé l'ancien, s'il a fusionné."""
    lieux = faits.lieux.get(action["pk"], [])
    return {
        "exercice": action["annee"],
        "dossier": reference_dauphin(action),
        "intitule": action["intitule"],
        "contrat_code": action["contrat_code"],
        "contrat": action["contrat_intitule"],
        "echelle": "Quartier" if lieux else ECHELLES[action["echelle"]],
        "quartiers": " ; ".join(lieu["code"] or nom_du_quartier(lieu) for lieu in lieux),
        "siret": action["siret"],
        "porteur": action["courant_nom"] or action["porteur_nom"],
        "porteur_pk": action["courant_pk"] or action["porteur_pk"],
        "forme": FormeOrganisme(action["courant_forme"] or action["porteur_forme"]).label,
    }


def programme(action, faits, transversaux):
    """Dans quel cadre : thème, pilier, dispositif, durée, dates."""
    pk = action["pk"]
    siens = faits.transversaux.get(pk, [])
    duree = Duree(action["duree"])
    return {
        "theme": f"{action['theme_code']} {action['theme_libelle']}",
        "thematique": f"{action['thematique_code']} {action['thematique_libelle']}",
        "pilier": action["pilier_libelle"],
        "dispositif": action["dispositif_libelle"],
        "pre": oui_ou_non(action["est_pre"]),
        "priorites": " ; ".join(faits.priorites.get(pk, [])),
        **{f"transversal_{p.pk}": oui_ou_non(p.pk in siens) for p in transversaux},
        "origine": Origine(action["origine"]).label,
        "duree": f"CPO {action['cpo_rang']}/{action['cpo_nombre']}" if duree == Duree.CPO else duree.label,
        "debut": action["date_debut"],
        "fin": action["date_fin"],
    }


def montants(action, plan, colonne_de_la_famille):
    """Le coût, la ligne P147, le plan demandé par famille, l'acquis et l'annoncé, en euros ; None : inconnu."""
    p147 = next((ligne for ligne in plan if ligne["famille"] == P147), {})
    autres = [ligne for ligne in plan if ligne["famille"] != P147]
    votes = [ligne for ligne in plan if ligne["nature"] != NatureFinancement.RESSOURCES_PROPRES]
    demandes = {}
    for ligne in autres:
        colonne = colonne_de_la_famille[ligne["famille"]]
        demandes[colonne] = additionner(demandes.get(colonne), ligne["demande"])
    return {
        "cout": action["cout_previsionnel"],
        **{f"p147_{nom}": p147.get(nom) for nom in ("demande", "propose", "accorde")},
        "bop": " ; ".join(sorted({ligne["bop"] for ligne in autres if ligne["bop"]})),
        **demandes,
        "cofinancements": accorde([ligne for ligne in votes if ligne["famille"] != P147], ETATS_ACQUIS),
        "acquis": accorde(votes, ETATS_ACQUIS),
        "acquis_ou_annonce": accorde(votes, ETATS_ANNONCES),
    }


def additionner(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    """La somme des montants connus."""
    return b if a is None else a if b is None else a + b


def accorde(lignes, etats) -> Decimal | None:
    somme = None
    for ligne in lignes:
        if ligne["etat"] in etats:
            somme = additionner(somme, ligne["accorde"])
    return somme


def cles(action):
    """Ce que comparent les formules, et ce qui retrouvera l'action au retour du fichier."""
    return {
        "cle": str(action["cle"]),
        "version": action["version"],
        "cle_contrat": cle_du_contrat(action),
        "cle_theme": f"theme-{action['theme_pk']}",
        "cle_thematique": f"thematique-{action['thematique_id']}",
        "cle_pilier": f"pilier-{action['pilier_id']}",
        "cle_pre": cle_du_pre(action),
    }


def cle_du_pre(action):
    """Le programme dont une feuille porte l'action ; None pour une action qui n'est pas de réussite éducative."""
    if action["programme_pre"]:
        return f"pre-{action['programme_pre']}"
    return PRE_SANS_FEUILLE if action["est_pre"] else None


def cle_du_contrat(action):
    return f"contrat-{action['contrat_id']}" if action["contrat_id"] else "departement"


def reference_dauphin(action):
    tranche = f"-{action['tranche']:02d}" if action["tranche"] else ""
    return f"{action['dossier']}{tranche}" if action["dossier"] else None


def nom_du_quartier(lieu):
    return lieu["usage"] or lieu["nom"]


def oui_ou_non(vrai):
    return "oui" if vrai else "non"


# --- Financements ---


def page_des_financements(modele, faits: Faits, actions: Page) -> Page:
    """Une ligne par ligne de plan ; le statut de l'action est lu dans Programmation."""
    lignes = []
    for action, ligne_de_l_action in zip(faits.actions, actions.lignes, strict=True):
        deja_vus = set()
        for ligne in faits.lignes.get(action["pk"], []):
            lignes.append(ligne_de_financement(ligne, ligne_de_l_action, deja_vus))
    page = Page(modele, lignes)
    lire_le_statut(page, actions)
    return page


def ligne_de_financement(ligne, action, deja_vus):
    """`premiere` vaut 1 une fois par financeur et par action : leur somme est un nombre d'actions."""
    reprise = {nom: action[nom] for nom in ("dossier", "intitule", "contrat", "statut", "pre", "cle")}
    return (
        reprise
        | commun(ligne)
        | {nom: ligne[nom] for nom in ("bop", "demande", "propose", "accorde", "verse", "date_etat")}
        | {"premiere": premiere(ligne, deja_vus), "cle_financeur": f"financeur-{ligne['financeur_id']}"}
    )


def premiere(ligne, deja_vus):
    if ligne["nature"] == NatureFinancement.RESSOURCES_PROPRES:
        return 0
    financeur = (ligne["financeur_id"], ligne["famille"])
    nouveau = financeur not in deja_vus
    deja_vus.add(financeur)
    return int(nouveau)


def commun(ligne):
    return {
        "financeur": ligne["financeur_nom"],
        "famille": FamilleFinanceur(ligne["famille"]).label,
        "nature": NatureFinancement(ligne["nature"]).label,
        "etat": EtatFinancement(ligne["etat"]).label,
    }


def lire_le_statut(page: Page, actions: Page) -> None:
    """Le statut se change à un seul endroit : Programmation. Ailleurs, une formule l'y lit par la clé de l'action."""
    statuts, cles_des_actions = actions.plage("statut"), actions.plage("cle")
    for rang, ligne in enumerate(page.lignes):
        texte = f"=INDEX({statuts},MATCH({page.ici('cle', rang)},{cles_des_actions},0))"
        ligne["statut"] = Formule(texte, ligne["statut"])


# --- Répartition ---


def page_de_la_repartition(modele, faits: Faits, actions: Page) -> Page:
    """Pour chaque lieu d'une action : son coût, puis chacun de ses financements."""
    lignes = []
    for action, ligne_de_l_action in zip(faits.actions, actions.lignes, strict=True):
        plan = faits.lignes.get(action["pk"], [])
        for lieu in faits.lieux.get(action["pk"], [None]):
            lignes += lignes_du_lieu(action, plan, lieu, ligne_de_l_action)
    page = Page(modele, lignes)
    lire_le_statut(page, actions)
    return page


def lignes_du_lieu(action, plan, lieu, ligne_de_l_action):
    reprise = {nom: ligne_de_l_action[nom] for nom in ("intitule", "statut", "pre", "cle")}
    reprise |= quartier(lieu) if lieu else echelle(action)
    yield reprise | {"objet": COUT, "famille": FAMILLE_DU_COUT, "cout": part_du_lieu(action["cout_previsionnel"], lieu)}
    for ligne in plan:
        communs = commun(ligne)
        parts = {nom: part_du_lieu(ligne[nom], lieu) for nom in ("demande", "accorde")}
        yield reprise | communs | {"objet": communs["financeur"]} | parts


def quartier(lieu):
    return {
        "echelle": "Quartier",
        "lieu_code": lieu["code"],
        "lieu": nom_du_quartier(lieu),
        "repartition": f"{lieu['cle']} sur {lieu['cumul_total']}",
        "cle_lieu": f"quartier-{lieu['quartier_id']}",
        "partage": "oui" if lieu["cle"] < lieu["cumul_total"] else None,
    }


def echelle(action):
    lieu = action["contrat_intitule"] or "Tout le département"
    return {"echelle": ECHELLES[action["echelle"]], "lieu": lieu, "cle_lieu": cle_du_contrat(action)}


def part_du_lieu(montant, lieu):
    if lieu is None:
        return montant
    return part(montant, lieu["cumul_avant"], lieu["cumul_apres"], lieu["cumul_total"])
