"""Rapprocher les feuilles PRE, Adultes-relais et FONJEP de Programmation et de l'écran, et compter leurs anomalies."""

from collections.abc import Iterator

from django.db.models import Count, Q
from django.utils import timezone

from dispositifs.controles import (
    CONTROLES_DES_ADULTES_RELAIS,
    CONTROLES_DES_PRE,
    CONTROLES_FONJEP,
    actions_sans_suivi,
    anomalies_des_pre,
)
from dispositifs.models import PosteAdulteRelais, PosteFonjep
from politique_ville.outils.classeur import Formule
from politique_ville.outils.typographie import insecables

from .controles import ECRAN, Coherence, Cote, Rapprochement, rapprochement
from .demande import Demande
from .dispositifs import Dispositifs, Postes, programmes_de
from .feuilles_de_faits import PRE_SANS_FEUILLE
from .formules import INCONNU, Critere, Page, Selection, corps, est_un_nombre, total, total_connu

MONTANTS = {
    "conventionne": "Coût théorique",
    "occupe": "Coût des jours pourvus",
    "vacant": "Coût des jours vacants",
    "non_renseigne": "Coût des jours non renseignés",
}


def rapprochements_des_dispositifs(dispositifs: Dispositifs, actions: Page) -> list[Rapprochement]:
    return [
        *des_pre(dispositifs, actions),
        *des_postes(dispositifs.adultes_relais, MONTANTS),
        *des_postes(dispositifs.fonjep, ["conventionne"]),
    ]


def des_pre(dispositifs: Dispositifs, actions: Page) -> Iterator[Rapprochement]:
    """Le P147 des PRE est celui de leurs lignes de Programmation ; le reste est celui de la liste des PRE."""
    page, ecran = dispositifs.pre, dispositifs.totaux_des_pre
    des_actions = Selection(actions, Critere("pre", "oui"))
    connus = des_actions.connus("p147_accorde")
    a, b = (si_connus(connus, somme) for somme in (total(page, ["p147"]), des_actions.somme("p147_accorde")))
    yield rapprochement("P147 accordé des PRE", page, a, actions, b)
    a_une_feuille = Critere("cle_pre", PRE_SANS_FEUILLE, sauf=True)
    connus = Selection(actions, Critere("pre", "oui"), a_une_feuille).connus("p147_accorde")
    liees = si_connus(connus, Selection(page, Critere("contrat", "", sauf=True)).somme("p147"))
    yield rapprochement("P147 accordé aux actions liées", page, liees, ECRAN, ecran.sommes.get("p147"))
    yield rapprochement("Budget des bilans", page, total_connu(page, ["budget"]), ECRAN, ecran.sommes.get("budget"))
    enfants = ecran.sommes.get("enfants_suivis")
    yield rapprochement("Enfants suivis", page, total_connu(page, ["enfants_suivis"]), ECRAN, enfants, "entier")


def si_connus(connus: Formule, somme: Formule) -> Formule:
    """La somme, ou « — » si aucun de ses montants n'est connu."""
    texte = f'=IF({corps(connus)}=0,"{INCONNU}",{corps(somme)})'
    return Formule(texte, somme.cache if connus.cache else INCONNU)


def des_postes(postes: Postes, montants) -> Iterator[Rapprochement]:
    """Chaque total de la feuille est celui de la synthèse, et le publié celui de la liste de l'ANCT."""
    page, ecran = postes.page, postes.total
    conventionnes = Formule(f'=COUNTIF({page.plage("jours_conventionnes")},">0")', nombre_de_positifs(page))
    yield rapprochement("Postes conventionnés", page, conventionnes, ECRAN, ecran.postes, "entier")
    for nom in montants:
        yield rapprochement(MONTANTS[nom], page, total_connu(page, [nom]), ECRAN, getattr(ecran.cout, nom))
    if "vacant" in montants:
        jours = total(page, ["jours_vacants"])
        yield rapprochement("Jours vacants", page, jours, ECRAN, ecran.cout.jours_vacants, "entier")
    publie = Cote(page.nom, total_connu(page, ["publie"]))
    yield Rapprochement("Publié par l’ANCT", publie, Cote("Liste ANCT", postes.publie), ou=page.nom)


def nombre_de_positifs(page):
    return sum(est_un_nombre(jours) and jours > 0 for jours in page.valeurs("jours_conventionnes"))


# --- Cohérence ---


def coherences_des_dispositifs(demande: Demande) -> list[Coherence]:
    """Combien de PRE et de postes chaque contrôle relève ; quatre requêtes."""
    jour, departement = timezone.localdate(demande.au), demande.exercice.departement_id
    par_pre = anomalies_des_pre(programmes_de(demande.exercice), demande.exercice.annee).values()
    nombres = [controle.code for siennes in par_pre for controle in siennes]
    a_lier = actions_sans_suivi(demande.actions).count()
    return [
        *(coherence("PRE", controle, nombres.count(controle.code)) for controle in CONTROLES_DES_PRE),
        Coherence("PRE : Action sans feuille", a_lier, "Aucune feuille annuelle ne porte l’action.", True),
        *des_postes_releves("Adultes-relais", PosteAdulteRelais, CONTROLES_DES_ADULTES_RELAIS, departement, jour),
        *des_postes_releves("FONJEP", PosteFonjep, CONTROLES_FONJEP, departement, jour),
    ]


def des_postes_releves(nom, modele, controles, departement, jour) -> list[Coherence]:
    comptes = {c.code: Count("pk", filter=Q(c.condition(jour))) for c in controles}
    nombres = modele.objects.filter(departement=departement).aggregate(**comptes)
    return [coherence(nom, controle, nombres[controle.code]) for controle in controles]


def coherence(nom, controle, nombre) -> Coherence:
    libelle = insecables(f"{nom} : {controle.nom}")
    return Coherence(libelle, nombre, insecables(controle.phrase), controle.gravite == controle.gravite.A_CORRIGER)
