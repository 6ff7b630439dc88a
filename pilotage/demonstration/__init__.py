"""Les données de démonstration : deux départements réels ; porteurs, actions, postes et comptes inventés.

Tout naît des opérations du métier, et d'une graine fixe : deux chargements donnent les mêmes chiffres. Les dates sont
celles des exercices, jamais celle du jour, sauf les échéances des postes (voir `postes`) et la fin du comité d'automne
(voir `deroulement`). Les postes du Calvados, eux, sont ceux que l'ANCT publie (voir `listes`).
"""

from dataclasses import dataclass
from random import Random

from django.db import connection, transaction

from comptes.models import Utilisateur
from programmation.models import Exercice, Nomenclature
from programmation.operations import ouvrir_un_exercice

from .actes import etablir_les_actes
from .annees import PROGRAMMEE, ActionPrevue, Annee, regler_les_montants, tirer_le_sort
from .avis import donner_des_avis
from .comites import reunir_les_comites
from .deroulement import Deroulement
from .enveloppes import animer_les_enveloppes
from .execution import Execution
from .gens import creer_les_comptes
from .listes import importer_les_listes
from .lots import modifier_des_selections
from .organismes import creer_les_porteurs
from .postes import inventer_des_postes
from .projets import Tirage
from .reussite import suivre_la_reussite_educative
from .scenarios import batir_des_scenarios
from .territoires import lire_le_territoire

GRAINE = "programmation-ville"
ANNEES = (2023, 2024, 2025, 2026)
CLOSES, FIGEES = (2023, 2024), (2023, 2024, 2025)
PART_RECONDUITE = 0.62  # des actions programmées d'une année reviennent la suivante


@dataclass(frozen=True)
class Profil:
    """Un département : ses actions par an, ses crédits P147 accordés par an (€) et la part de chaque famille.

    Les parts du Gard suivent le constat publié par sa DDETS (près de 80 %, environ 2 %) ; celles du Calvados et le
    partage du reste sont inventés.
    """

    identifiant: str
    actions: int
    budget: int
    parts: dict[str, float]


PROFILS = {
    "14": Profil(
        "calvados",
        250,
        1_480_000,
        {"cohesion-sociale": 0.725, "cadre-de-vie": 0.045, "emploi": 0.135, "pilotage": 0.095},
    ),
    "30": Profil(
        "gard", 600, 3_300_000, {"cohesion-sociale": 0.798, "cadre-de-vie": 0.021, "emploi": 0.118, "pilotage": 0.063}
    ),
}


def existe_deja() -> bool:
    """Un exercice existe dans un département de la démonstration : on ne touche à rien de ce qui a été saisi."""
    return Exercice.objects.filter(departement__code__in=PROFILS).exists()


def charger(taille: float = 1) -> None:
    """Crée comptes, porteurs et exercices, tout ou rien ; `taille` réduit le nombre d'actions (pour les tests)."""
    with transaction.atomic():
        comptes = creer_les_comptes()
        for code, profil in PROFILS.items():
            charger_un_departement(code, profil, comptes, taille)
            suivre_la_reussite_educative(code, comptes[f"agent.{profil.identifiant}"])
        donner_des_avis([comptes["delegue.caen"], comptes["delegue.lisieux"]], comptes["agent.calvados"], ANNEES[-1])
        inventer_des_postes(comptes["agent.gard"], comptes["responsable.gard"])
        importer_les_listes(comptes["agent.calvados"])
        for code, profil in PROFILS.items():
            agent, responsable = comptes[f"agent.{profil.identifiant}"], comptes[f"responsable.{profil.identifiant}"]
            modifier_des_selections(code, ANNEES[-1], agent, responsable)
            reunir_les_comites(code, ANNEES[-1], comptes[f"agent.{profil.identifiant}"])
            batir_des_scenarios(code, ANNEES[-1], comptes[f"agent.{profil.identifiant}"])
        for code, profil in PROFILS.items():  # en dernier : une enveloppe y passe en sur-programmation
            animer_les_enveloppes(ANNEES[-1], code, comptes[f"responsable.{profil.identifiant}"])
        mesurer_les_tables()


def mesurer_les_tables() -> None:
    """PostgreSQL lit très mal des tables qu'une même transaction vient de remplir, tant qu'il ne les a pas mesurées."""
    if connection.vendor == "postgresql":
        with connection.cursor() as curseur:
            curseur.execute("ANALYZE")


def charger_un_departement(code: str, profil: Profil, comptes: dict[str, Utilisateur], taille: float) -> None:
    alea = Random(f"{GRAINE} {code}")
    agent, responsable = comptes[f"agent.{profil.identifiant}"], comptes[f"responsable.{profil.identifiant}"]
    territoire = lire_le_territoire(code)
    porteurs = creer_les_porteurs(territoire.departement, territoire.villes, alea, agent)
    tirage = Tirage(territoire, porteurs, alea)
    projets, precedentes = tirage.projets_de_reussite_educative(ANNEES[0], taille), {}
    for annee in ANNEES:
        manquants = max(0, round(profil.actions * taille) - len(projets))
        projets += tirage.nouveaux(manquants, annee)
        exercice = ouvrir_un_exercice(territoire.departement, annee, nomenclature(annee), par=responsable)
        outils = Annee(exercice, territoire, [agent, responsable], alea)
        prevues = prevoir(outils, projets, profil, taille, alea)
        derouler(Deroulement(outils, agent, responsable, alea), prevues, precedentes)
        suites = Random(f"{GRAINE} {code} {annee} exécution")
        Execution(exercice, [agent, responsable], suites, finie=annee in FIGEES, close=annee in CLOSES).derouler()
        etablir_les_actes(exercice, agent, finie=annee in FIGEES)
        mesurer_les_tables()
        precedentes = {p.projet: p.action for p in reversed(prevues) if p.sort == PROGRAMMEE}
        projets = [projet for projet in projets if projet in precedentes and se_poursuit(projet, annee, alea)]


def nomenclature(annee: int) -> Nomenclature:
    """Celle dont le millésime couvre l'année."""
    return Nomenclature.objects.filter(annee_de_debut__lte=annee).order_by("-annee_de_debut")[0]


def se_poursuit(projet, annee, alea):
    en_cpo = annee + 1 < projet.premiere_annee + projet.annees_de_cpo
    return projet.est_pre or en_cpo or alea.random() < PART_RECONDUITE


def prevoir(outils: Annee, projets, profil, taille, alea) -> list[ActionPrevue]:
    """Les actions de l'année, avec leur sort, leurs montants et leur lieu."""
    prevues = [ActionPrevue(projet, tirer_le_sort(projet, outils.annee, alea)) for projet in projets]
    decidees = 0.66 if outils.annee not in FIGEES else 1
    regler_les_montants(prevues, round(profil.budget * taille * decidees), profil.parts, alea)
    for prevue in prevues:
        outils.situer(prevue)
    return prevues


def derouler(deroulement: Deroulement, prevues: list[ActionPrevue], precedentes: dict) -> None:
    """Mène l'exercice jusqu'où son année en est : clos, figé, ou encore ouvert."""
    annee = deroulement.annee.annee
    ecrites = deroulement.saisir(prevues, precedentes)
    deroulement.deposer_et_instruire(ecrites)
    deroulement.doter(ecrites)
    deroulement.decider_en_comite(ecrites)
    deroulement.notifier(complete=annee in FIGEES)
    if annee in FIGEES:
        deroulement.repecher(ecrites)
        deroulement.figer()
        deroulement.ajuster_apres_le_gel(ecrites)
    else:
        deroulement.reunir_le_comite_d_automne(ecrites)
    if annee in CLOSES:
        deroulement.clore()
