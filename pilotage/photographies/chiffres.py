"""La synthèse d'une photographie : les chiffres du tableau de bord tels qu'ils se lisent à cet instant.

Les fonctions de l'écran comptent : une photographie et l'écran du même instant ne peuvent pas se contredire.
Le format 1 (photographies d'avant) n'a que « accorde » et « demande » ; il reste lisible et vérifiable tel quel.
"""

from dataclasses import asdict
from typing import Any

from pilotage import phrases
from programmation.models import Action, Enveloppe, Exercice
from programmation.synthese import (
    Base,
    ChoixDeBase,
    Somme,
    additionner,
    barres,
    sommes_par,
    synthese_des_contrats,
    synthese_des_financeurs,
    synthese_des_piliers,
    synthese_des_quartiers,
    synthese_des_thematiques,
)

from .contenu import en_json

FORMAT = 2
AXES = {"piliers": "pilier__code", "contrats": "contrat_id", "statuts": "statut"}


def synthese(exercice: Exercice) -> dict:
    """Les sommes par axe (accordé, demandé), le tableau de bord complet et le cadre. Une trentaine de requêtes."""
    actions = Action.objects.filter(exercice=exercice)
    bases = {"accorde": ChoixDeBase(Base.P147_ACCORDE), "demande": ChoixDeBase(Base.P147_DEMANDE)}
    sommes = {nom: sommes_des_axes(actions, choix) for nom, choix in bases.items()}
    contenu = {"format": FORMAT, **sommes, "tableau": tableau(exercice, actions), "cadre": cadre(exercice)}
    return en_json(contenu)


def sommes_des_axes(actions, choix):
    """Par axe et par valeur de l'axe ; une clé vide est l'échelle du département."""
    return {axe: en_lignes(sommes_par(actions, choix, champ)) for axe, champ in AXES.items()}


def en_lignes(sommes):
    return {str(cle or ""): asdict(somme) for cle, somme in sommes.items()}


# --- Le tableau de bord ---


def tableau(exercice: Exercice, actions) -> dict[str, Any]:
    choix = ChoixDeBase()
    piliers = synthese_des_piliers(actions, choix, departement=exercice.departement)
    financeurs = synthese_des_financeurs(actions, choix, par_contrat=False)
    return {
        "total": asdict(piliers.total),
        "sans_pre": asdict(total(actions, ChoixDeBase(avec_pre=False))),
        "demande": asdict(total(actions, ChoixDeBase(Base.P147_DEMANDE))),
        "cout": asdict(total(actions, ChoixDeBase(Base.COUT))),
        "provisoire": asdict(piliers.provisoire) if piliers.provisoire else None,
        "decidees": piliers.avancement.fraicheur.decidees,
        "en_attente": piliers.avancement.fraicheur.en_attente,
        "piliers": [ligne_de_pilier(ligne) for ligne in piliers.lignes],
        "transversaux": [ligne_de_pilier(ligne) for ligne in piliers.transversaux],
        "contrats": [ligne_de_contrat(ligne) for ligne in synthese_des_contrats(actions, choix).lignes],
        "quartiers": lignes_des_quartiers(synthese_des_quartiers(actions, choix)),
        "thematiques": lignes_des_thematiques(synthese_des_thematiques(actions, choix)),
        "financeurs": [ligne_de_financeur(ligne) for ligne in financeurs.lignes],
        "rang": asdict(financeurs.rang) if financeurs.rang else None,
        "levier": asdict(financeurs.levier) if financeurs.levier else None,
        "enveloppes": lignes_des_enveloppes(exercice),
    }


def total(actions, choix) -> Somme:
    return additionner(sommes_par(actions, choix, "pilier").values())


def ligne_de_pilier(ligne):
    ecart = ligne.ecart and {
        "points": ligne.ecart.points,
        "euros": ligne.ecart.euros,
        "constat": phrases.constat(ligne.ecart.repere),
    }
    nommee = {"cle": ligne.pilier.code, "libelle": ligne.pilier.libelle}
    return nommee | montants(ligne) | {"inconnus": ligne.inconnus, "ecart": ecart or None}


def ligne_de_contrat(ligne):
    territoire = {"population": ligne.population, "millesime": ligne.millesime, "par_habitant": ligne.par_habitant}
    cle = str(ligne.contrat.pk) if ligne.contrat else ""
    return {"cle": cle, "libelle": ligne.libelle} | montants(ligne) | territoire


def lignes_des_quartiers(quartiers):
    siennes = [
        {"cle": str(ligne.quartier.pk), "libelle": ligne.quartier.nom}
        | montants(ligne)
        | {"population": ligne.population, "millesime": ligne.millesime, "par_habitant": ligne.par_habitant}
        for ligne in quartiers.lignes
    ]
    echelles = [
        {"cle": ligne.echelle.value, "libelle": f"À l’échelle : {ligne.echelle.label}"} | montants(ligne)
        for ligne in quartiers.echelles
    ]
    return siennes + echelles


def lignes_des_thematiques(thematiques):
    toutes = [ligne for theme in thematiques.themes for ligne in theme.thematiques]
    return [{"cle": str(ligne.thematique.pk), "libelle": str(ligne.thematique)} | montants(ligne) for ligne in toutes]


def montants(ligne):
    return {"montant": ligne.montant, "nombre": ligne.nombre, "part": ligne.part}


def ligne_de_financeur(ligne):
    return {
        "cle": f"{ligne.financeur.pk} {ligne.famille.value}",
        "libelle": ligne.financeur.nom,
        "famille": ligne.famille.label,
        "rang": ligne.rang,
        "demande": ligne.demande,
        "acquis": ligne.acquis,
        "annonce": ligne.annonce,
        "en_attente": ligne.en_attente,
        "nombre": ligne.nombre,
        "part": ligne.part,
    }


def lignes_des_enveloppes(exercice):
    """Chaque enveloppe, sa mère, ce qu'elle permet et ce qu'elle porte (euros), et ses mouvements."""
    enveloppes = list(Enveloppe.objects.filter(exercice=exercice).prefetch_related("mouvements").order_by("pk"))
    lues = barres(enveloppes)
    return [ligne_d_enveloppe(enveloppe, lues[enveloppe.pk]) for enveloppe in enveloppes]


def ligne_d_enveloppe(enveloppe, barre):
    """`execution` : l'engagé et le payé, des faits qui continuent après la clôture et ne se comparent donc pas."""
    return {
        "cle": str(enveloppe.pk),
        "libelle": enveloppe.libelle,
        "mere": str(enveloppe.parent_id or ""),
        "contrat": str(enveloppe.contrat_id or ""),
        "dispositif": str(enveloppe.dispositif_id or ""),
        "notification_complete_le": enveloppe.notification_complete_le,
        "previsionnel": asdict(barre.previsionnel),
        "notifie": asdict(barre.notifie),
        "plafond": barre.plafond,
        "accorde": barre.accorde,
        "propose": barre.propose,
        "disponible": barre.disponible,
        "execution": {"engage": barre.engage, "paye": barre.paye},
        "mouvements": [[m.date, m.nature, m.ae, m.cp, m.reference] for m in enveloppe.mouvements.all()],
    }


def cadre(exercice: Exercice) -> dict[str, Any]:
    """Où en était l'exercice : son statut, ses campagnes et leur gel."""
    campagnes = exercice.campagnes.order_by("vague", "pk")
    return {
        "departement": exercice.departement.nom,
        "annee": exercice.annee,
        "statut": exercice.statut,
        "nomenclature": str(exercice.nomenclature),
        "campagnes": [{"intitule": c.intitule, "figee_le": c.figee_le} for c in campagnes],
    }
