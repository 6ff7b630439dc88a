"""Les plans de financement : qui est sollicité selon le domaine et le lieu, pour combien, et ce qui est voté."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random

from programmation.enums import EtatFinancement, FamilleFinanceur
from programmation.models import Financeur
from programmation.operations import LigneDePlan, nom_a_preciser

from .lieux import Lieu
from .projets import Projet
from .territoires import Territoire

ETAT_PAR_DOMAINE = {
    "scolaire": "Éducation nationale",
    "pre": "Éducation nationale",
    "sante": "Agence régionale de santé (ARS)",
    "droits": "Prévention de la délinquance (FIPD)",
    "langue": "Intégration (BOP 104)",
    "mediation": "Prévention de la délinquance (FIPD)",
    "jeunesse": "Jeunesse et sports",
    "culture": "Affaires culturelles (DRAC)",
    "sport": "Jeunesse et sports",
    "vacances": "Jeunesse et sports",
    "tranquillite": "Prévention de la délinquance (FIPD)",
    "emploi": "Emploi (DREETS)",
    "entreprise": "Emploi (DREETS)",
}
DOMAINES_DE_LA_CAF = {"scolaire", "parentalite", "jeunesse", "vacances", "pre", "participation"}
DOMAINES_DU_BAILLEUR = {"cadre", "tranquillite", "transition", "mediation", "participation"}
EUROPE = "Fonds européens (FSE, FEDER)"
FONDATIONS = "Fondations, mécénat et autres aides privées"
AUTOFINANCEMENT = "Autofinancement du porteur"

# Contrats où la commune donne plus que l'État : il n'est pas partout le premier financeur.
COMMUNES_GENEREUSES = {"CN01402M", "CN03007I"}
PART_P147 = (30, 58)  # % du coût
PART_P147_OU_LA_COMMUNE_DONNE_PLUS = (14, 24)
PART_P147_D_UN_PRE = (64, 76)
PART_P147_D_UN_FINANCEUR_PRESQUE_UNIQUE = 72


@dataclass(frozen=True)
class Cofinanceur:
    financeur: Financeur
    poids: int


def part_p147(projet: Projet, alea: Random) -> int:
    """La part du P147 dans le coût (%) ; quelques projets en dépendent presque entièrement."""
    if projet.contrat and projet.contrat.code in COMMUNES_GENEREUSES:
        return alea.randint(*PART_P147_OU_LA_COMMUNE_DONNE_PLUS)
    if projet.est_pre:
        return alea.randint(*PART_P147_D_UN_PRE)
    if alea.random() < 0.03:
        return alea.choice([84, 90, 95])
    return alea.randint(*PART_P147)


def cofinanceurs(projet: Projet, territoire: Territoire, alea: Random) -> list[Cofinanceur]:
    """De un à cinq cofinanceurs, les plus naturels d'abord ; le porteur met souvent du sien."""
    domaine = projet.modele.domaine
    genereuse = projet.contrat and projet.contrat.code in COMMUNES_GENEREUSES
    noms = {
        commune(projet, territoire): 12 if genereuse else 6,
        communes_ensemble(projet, territoire): 4,
        nom_de_la_famille(territoire, FamilleFinanceur.DEPARTEMENT): 2,
        nom_de_la_famille(territoire, FamilleFinanceur.REGION): 2,
        ETAT_PAR_DOMAINE.get(domaine, ""): 4,
        nom_de_la_famille(territoire, FamilleFinanceur.CAF) if domaine in DOMAINES_DE_LA_CAF else "": 4,
        nom_de_la_famille(territoire, FamilleFinanceur.BAILLEUR) if domaine in DOMAINES_DU_BAILLEUR else "": 4,
        EUROPE if projet.famille == "emploi" and projet.p147 > 6_000 else "": 4,
        FONDATIONS if alea.random() < 0.15 else "": 2,
    }
    if alea.random() < 0.02:
        noms = {}  # un seul financeur public : une anomalie à regarder
    possibles = [nom for nom in noms if nom in territoire.financeurs]
    toujours = [nom for nom in possibles[:1] if nom == commune(projet, territoire)]
    nombre = alea.choices([1, 2, 3, 4], [22, 40, 28, 10])[0]
    tires = alea.sample(possibles, min(len(possibles), nombre))
    retenus = list(dict.fromkeys(toujours + tires))
    choisis = [Cofinanceur(territoire.financeurs[nom], noms[nom]) for nom in retenus]
    if alea.random() < 0.7:
        choisis.append(Cofinanceur(territoire.financeurs[AUTOFINANCEMENT], 1))
    return choisis[:5]


def commune(projet, territoire):
    """Le financeur de la ville du projet, ou aucun quand il s'étend sur plusieurs."""
    villes = villes_des_quartiers(projet, territoire)
    if not villes and projet.contrat:
        villes = {ville.nom for ville in projet.porteur.villes}
    return f"Commune {Lieu(min(villes)).de}" if len(villes) == 1 else ""


def communes_ensemble(projet, territoire):
    """L'intercommunalité ; au-delà de deux villes, des communes que le dossier ne nomme pas : à préciser."""
    if len(villes_des_quartiers(projet, territoire)) > 2:
        return nom_a_preciser(FamilleFinanceur.COMMUNE)
    return projet.contrat.intercommunalite.nom if projet.contrat else ""


def villes_des_quartiers(projet, territoire):
    return {territoire.ville(quartier).nom for quartier in projet.quartiers}


def nom_de_la_famille(territoire, famille):
    """Le seul financeur de cette famille dans le département."""
    return next((nom for nom, f in territoire.financeurs.items() if f.famille == famille and f.departement_id), "")


def repartir_en_ronds(montant: int, poids: list[int]) -> list[int]:
    """Un montant (€) réparti en multiples de 100 selon des poids ; le premier reçoit ce qui reste."""
    parts = [montant * p // sum(poids) // 100 * 100 for p in poids]
    return [montant - sum(parts[1:]), *parts[1:]]


def lignes_des_cofinanceurs(
    choisis: list[Cofinanceur], montant: int, annee: int, est_programmee: bool, alea: Random
) -> list[LigneDePlan]:
    """Les lignes des autres financeurs, qui font ensemble le montant (€), dans l'état où l'année les a laissées."""
    if not choisis or montant <= 0:
        return []
    parts = repartir_en_ronds(montant, [cofinanceur.poids for cofinanceur in choisis])
    return [
        ligne(cofinanceur.financeur, Decimal(part), annee, est_programmee, alea)
        for cofinanceur, part in zip(choisis, parts, strict=True)
        if part > 0
    ]


def ligne(financeur, demande, annee, est_programmee, alea):
    etat = etat_du_vote(annee, est_programmee, alea)
    if etat == EtatFinancement.SOLLICITE:
        inconnu = financeur.famille != FamilleFinanceur.AUTOFINANCEMENT and alea.random() < 0.004
        return LigneDePlan(financeur, demande=None if inconnu else demande)
    if etat == EtatFinancement.REFUSE:
        return LigneDePlan(financeur, demande=demande, accorde=Decimal(0), etat=etat, date_etat=date(annee, 5, 20))
    accorde = montant_vote(demande, alea)
    acquis = etat == EtatFinancement.ACQUIS
    return LigneDePlan(
        financeur,
        demande=demande,
        accorde=accorde,
        verse=accorde if acquis and annee < 2025 and alea.random() < 0.85 else None,
        etat=etat,
        date_etat=date(annee, alea.randint(3, 6), alea.randint(1, 28)) if acquis else None,
    )


def etat_du_vote(annee, est_programmee, alea):
    """Sollicité, annoncé, acquis ou refusé : plus l'année est ancienne, plus les votes sont connus."""
    poids = {2023: [2, 1, 90, 7], 2024: [3, 2, 88, 7], 2025: [8, 8, 77, 7]}.get(annee, [33, 22, 40, 5])
    if not est_programmee:
        poids = [75, 10, 5, 10]
    return alea.choices(list(EtatFinancement), poids)[0]


def montant_vote(demande, alea):
    """Le plus souvent toute la demande ; rarement plus."""
    part = alea.choices([100, 80, 60, 110], [78, 14, 7, 1])[0]
    return max(Decimal(100), demande * part // 10_000 * 100)
