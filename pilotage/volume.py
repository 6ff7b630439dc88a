"""Des données d'échelle : des centaines de milliers d'actions, déterministes, pour mesurer la vitesse.

Seule exception à la règle « tout passe par les opérations » : ces lignes s'écrivent en masse et sans historique, dans
des départements fictifs (codes F00 à F99). Elles respectent tous les invariants : `verifier` n'y trouve rien.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from random import Random
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from comptes.enums import Role
from comptes.models import Habilitation, Utilisateur
from politique_ville.outils.repartition import cumuls
from programmation.enums import (
    Echelle,
    EtatFinancement,
    FamilleFinanceur,
    MotifStatut,
    NatureDecision,
    NatureMouvement,
    StatutAction,
    StatutExercice,
)
from programmation.models import (
    Action,
    Campagne,
    Correspondance,
    Decision,
    Dispositif,
    Enveloppe,
    Etablissement,
    Exercice,
    Financement,
    Financeur,
    Localisation,
    MouvementEnveloppe,
    Nomenclature,
    Organisme,
    Pilier,
    Thematique,
)
from programmation.regles import etat_p147
from territoires.enums import Generation
from territoires.models import Commune, ContratDeVille, Departement, Intercommunalite, Quartier

from .demonstration.organismes import siren, siret

DEPARTEMENTS_AU_PLUS = 100
DERNIERE_ANNEE, PREMIERE_ANNEE = 2026, 2015
CONTRATS, QUARTIERS, PORTEURS = 3, 4, 60  # contrats et porteurs par département, quartiers par contrat
NOTIFIE = Decimal("1000000000.00")  # euros, l'enveloppe d'un exercice
PREMIER_SIREN = 40_000  # ceux d'avant sont à la démonstration
AGENT, LECTEUR = "agent.volume@demo.example", "lecteur.volume@demo.example"

SORTS = {  # statut : poids quand l'année est passée, puis quand elle est ouverte
    StatutAction.PROGRAMMEE: (80, 50),
    StatutAction.NON_RETENUE: (8, 5),
    StatutAction.NON_RECEVABLE: (3, 2),
    StatutAction.LISTE_ATTENTE: (3, 5),
    StatutAction.AJOURNEE: (2, 3),
    StatutAction.RETIREE: (4, 2),
    StatutAction.INSTRUITE: (0, 15),
    StatutAction.DEPOSEE: (0, 15),
    StatutAction.BROUILLON: (0, 3),
}
NATURES = {
    StatutAction.PROGRAMMEE: NatureDecision.ATTRIBUTION,
    StatutAction.NON_RETENUE: NatureDecision.NON_RETENUE,
    StatutAction.NON_RECEVABLE: NatureDecision.NON_RECEVABLE,
    StatutAction.LISTE_ATTENTE: NatureDecision.LISTE_ATTENTE,
    StatutAction.AJOURNEE: NatureDecision.AJOURNEMENT,
}
VERBES = ["Accueillir", "Accompagner", "Animer", "Apprendre", "Cultiver", "Découvrir", "Écouter", "Prévenir", "Réunir"]
OBJETS = ["les familles", "la jeunesse", "les savoirs", "la santé", "le sport", "la culture", "l’emploi", "les écoles"]


class VolumeImpossible(Exception):
    """Trop d'années ou de départements, ou un volume déjà là ; rien n'est écrit."""


@dataclass
class Sol:
    """Un département fictif : ses contrats et quartiers par génération, ses porteurs, ses financeurs."""

    departement: Departement
    contrats: dict[str, list[ContratDeVille]]
    quartiers: dict[int, list[Quartier]]
    etablissements: list[Etablissement]
    financeurs: list[Financeur]


@dataclass
class Referentiels:
    """Ce qui est commun à tous : thématiques par nomenclature, pilier de chacune, dispositif, crédits P147."""

    nomenclatures: list[Nomenclature]
    thematiques: dict[int, list[Thematique]]
    piliers: dict[int, Pilier]
    dispositif: Dispositif
    p147: Financeur

    def nomenclature(self, annee: int) -> Nomenclature:
        """Celle de l'année ou, avant 2020, la plus ancienne."""
        return next((n for n in self.nomenclatures if n.annee_de_debut <= annee), self.nomenclatures[-1])


def generer(actions: int, annees: int, departements: int, graine: str = "volume") -> None:
    """Écrit `actions` actions à quatre financements, réparties également entre années et départements.

    Lève VolumeImpossible sans rien écrire.
    """
    verifier_les_bornes(actions, annees, departements)
    referentiels = lire_les_referentiels()
    with transaction.atomic():
        sols = [creer_le_sol(rang) for rang in range(departements)]
        agent = creer_les_comptes(sols[0].departement)
        millesimes = range(DERNIERE_ANNEE - annees + 1, DERNIERE_ANNEE + 1)
        lieux = [(sol, annee) for sol in sols for annee in millesimes]
        for rang, (sol, annee) in enumerate(lieux):
            nombre = actions * (rang + 1) // len(lieux) - actions * rang // len(lieux)
            alea = Random(f"{graine} {sol.departement.code} {annee}")
            Programmation(sol, annee, referentiels, agent, alea).ecrire(nombre)


def verifier_les_bornes(actions, annees, departements):
    if not 1 <= annees <= DERNIERE_ANNEE - PREMIERE_ANNEE + 1:
        raise VolumeImpossible(
            f"De 1 à {DERNIERE_ANNEE - PREMIERE_ANNEE + 1} années : les contrats commencent en 2015."
        )
    if not 1 <= departements <= DEPARTEMENTS_AU_PLUS:
        raise VolumeImpossible(f"De 1 à {DEPARTEMENTS_AU_PLUS} départements fictifs.")
    if actions < 1:
        raise VolumeImpossible("Il faut au moins une action.")
    if Departement.objects.filter(code__startswith="F").exists():
        raise VolumeImpossible("Les départements fictifs existent déjà : partir d’une base neuve.")
    if not Nomenclature.objects.exists():
        raise VolumeImpossible("Charger d’abord les données de référence : manage.py charger_reference.")


def lire_les_referentiels() -> Referentiels:
    thematiques, piliers = {}, {}
    for thematique in Thematique.objects.select_related("theme"):
        thematiques.setdefault(thematique.theme.nomenclature_id, []).append(thematique)
        piliers[thematique.pk] = Correspondance.objects.pilier_propose(thematique)
    return Referentiels(
        nomenclatures=list(Nomenclature.objects.order_by("-annee_de_debut")),
        thematiques=thematiques,
        piliers=piliers,
        dispositif=Dispositif.objects.get(code="contrat-de-ville"),
        p147=Financeur.objects.filter(famille=FamilleFinanceur.ANCT_P147).order_by("pk")[0],
    )


def ajouter_un_departement(actions: int, par: Utilisateur) -> Exercice:
    """Un département de plus, à lui seul le dernier exercice : de quoi mesurer un lot de cette taille."""
    referentiels = lire_les_referentiels()
    with transaction.atomic():
        programmation = Programmation(
            creer_le_sol(DEPARTEMENTS_AU_PLUS), DERNIERE_ANNEE, referentiels, par, Random(actions)
        )
        programmation.ecrire(actions)
    return programmation.exercice


def creer_le_sol(rang: int) -> Sol:
    code = f"{'FG'[rang // DEPARTEMENTS_AU_PLUS]}{rang % DEPARTEMENTS_AU_PLUS:02d}"
    departement = Departement.objects.create(code=code, nom=f"Département fictif {code}", region="Région fictive")
    epci = Intercommunalite.objects.create(siren=siren(90_000 + rang), nom=f"Communauté fictive {code}")
    commune = Commune.objects.create(
        code_insee=f"{code}01", nom=f"Ville-Fictive {code}", departement=departement, intercommunalite=epci
    )
    contrats = {generation: creer_les_contrats(departement, epci, generation) for generation in Generation}
    quartiers = {contrat.pk: creer_les_quartiers(contrat) for siens in contrats.values() for contrat in siens}
    return Sol(departement, contrats, quartiers, creer_les_porteurs(rang, commune), creer_les_financeurs(departement))


def creer_les_contrats(departement, epci, generation):
    """Leurs dates sont celles de leur génération."""
    return ContratDeVille.objects.bulk_create(
        ContratDeVille(
            intitule=f"Contrat de ville {departement.code}-{numero}",
            departement=departement,
            intercommunalite=epci,
            generation=generation,
            debut=date(generation.annee_de_debut, 1, 1),
            fin=date(generation.annee_de_fin, 12, 31),
        )
        for numero in range(1, CONTRATS + 1)
    )


def creer_les_quartiers(contrat):
    return Quartier.objects.bulk_create(
        Quartier(
            nom=f"Quartier {numero} ({contrat.intitule})",
            contrat=contrat,
            generation=contrat.generation,
            population=1_000 * numero,
            millesime_population="fictif",
            debut=contrat.debut,
        ).preparer_recherche()
        for numero in range(1, QUARTIERS + 1)
    )


def creer_les_porteurs(rang, commune):
    numeros = [siren(PREMIER_SIREN + rang * PORTEURS + numero) for numero in range(PORTEURS)]
    organismes = Organisme.objects.bulk_create(
        Organisme(nom=f"Association fictive {numero}", siren=numero).preparer_recherche() for numero in numeros
    )
    return Etablissement.objects.bulk_create(
        Etablissement(siret=siret(organisme.siren), organisme=organisme, commune=commune) for organisme in organismes
    )


def creer_les_financeurs(departement):
    familles = [f for f in FamilleFinanceur if f not in (FamilleFinanceur.ANCT_P147, FamilleFinanceur.PRIVE)]
    return Financeur.objects.bulk_create(
        Financeur(nom=f"{famille.label} {departement.code}", famille=famille, departement=departement)
        for famille in familles
    )


def creer_les_comptes(departement: Departement) -> Utilisateur:
    """Un agent du premier département et un lecteur national, sans mot de passe : le banc n'en a pas besoin."""
    agent = Utilisateur.objects.create_user(AGENT, nom="Agent du volume")
    Habilitation.objects.create(utilisateur=agent, role=Role.AGENT, departement=departement)
    lecteur = Utilisateur.objects.create_user(LECTEUR, nom="Lecteur du volume")
    Habilitation.objects.create(utilisateur=lecteur, role=Role.LECTEUR, france_entiere=True)
    return agent


def creer_l_enveloppe(exercice: Exercice, par: Utilisateur) -> Enveloppe:
    """La seule de l'exercice, notifiée en entier, assez grande pour tout ce qui s'y décide."""
    notification = date(exercice.annee, 2, 1)
    enveloppe = Enveloppe.objects.create(
        exercice=exercice, libelle="Crédits P147", notification_complete_le=notification
    )
    MouvementEnveloppe.objects.create(
        enveloppe=enveloppe, date=notification, nature=NatureMouvement.NOTIFICATION, ae=NOTIFIE, cp=NOTIFIE, auteur=par
    )
    return enveloppe


class Programmation:
    """Les actions d'un département, une année : tout ce qu'une action porte, écrit table par table."""

    def __init__(self, sol: Sol, annee: int, referentiels: Referentiels, agent: Utilisateur, alea: Random):
        self.sol, self.annee, self.referentiels, self.agent, self.alea = sol, annee, referentiels, agent, alea
        self.ouverte = annee == DERNIERE_ANNEE
        self.contrats = sol.contrats[Generation.de_l_annee(annee)]
        nomenclature = referentiels.nomenclature(annee)
        self.thematiques = referentiels.thematiques[nomenclature.pk]
        self.exercice = Exercice.objects.create(
            departement=sol.departement, annee=annee, nomenclature=nomenclature, statut=StatutExercice.OUVERT
        )
        gel = None if self.ouverte else datetime(annee, 7, 1, tzinfo=timezone.get_current_timezone())
        self.campagne = Campagne.objects.create(exercice=self.exercice, intitule=f"Campagne {annee}", figee_le=gel)
        self.enveloppe = creer_l_enveloppe(self.exercice, agent)

    def ecrire(self, nombre: int) -> None:
        actions = Action.objects.bulk_create([self.action(rang) for rang in range(nombre)])
        lignes, lieux, decisions = [], [], []
        for action in actions:
            p147, cofinancements = self.plan(action)
            lignes += [p147, *cofinancements]
            lieux += self.localisations(action)
            if action.statut in NATURES:
                decisions.append(self.decision(action, p147.accorde or Decimal(0)))
        Financement.objects.bulk_create(lignes)
        Localisation.objects.bulk_create(lieux)
        Decision.objects.bulk_create(decisions)

    def action(self, rang):
        alea = self.alea
        thematique, etablissement = alea.choice(self.thematiques), alea.choice(self.sol.etablissements)
        contrat = alea.choice(self.contrats) if alea.random() < 0.97 else None
        statut = alea.choices(list(SORTS), [poids[self.ouverte] for poids in SORTS.values()])[0]
        return Action(
            cle=UUID(int=alea.getrandbits(128), version=4),
            exercice=self.exercice,
            campagne=self.campagne,
            echelle=Echelle.CONTRAT if contrat else Echelle.DEPARTEMENT,
            contrat=contrat,
            thematique=thematique,
            pilier=self.referentiels.piliers[thematique.pk],
            dispositif=self.referentiels.dispositif,
            enveloppe=self.enveloppe,
            porteur=etablissement.organisme,
            etablissement=etablissement,
            intitule=f"{alea.choice(VERBES)} {alea.choice(OBJETS)}, groupe {rang + 1}",
            dossier=f"9{rang:07d}",
            date_debut=date(self.annee, 1, 1),
            date_fin=date(self.annee, 12, 31),
            cout_previsionnel=Decimal(alea.randint(10, 400) * 100),
            beneficiaires_prevus=alea.randint(10, 300),
            statut=statut,
            motif_statut=MotifStatut.DEMANDE_PORTEUR if statut == StatutAction.RETIREE else "",
            agent_referent=self.agent,
        ).preparer_recherche()

    def plan(self, action):
        """La ligne P147 et trois cofinanceurs, qui équilibrent le coût."""
        quart = action.cout_previsionnel / 4
        demandes = [quart * 2, quart, quart / 2, quart / 2]
        p147 = self.ligne(action, self.referentiels.p147, demandes[0])
        accorde = p147.demande * self.alea.choice([100, 80, 60]) / 100
        somme = accorde if action.statut == StatutAction.PROGRAMMEE else Decimal(0)
        p147.etat, p147.accorde = etat_p147(action.statut, somme)
        p147.date_etat = date(self.annee, 4, 15) if p147.accorde is not None else None
        choisis = zip(self.alea.sample(self.sol.financeurs, 3), demandes[1:], strict=True)
        return p147, [self.cofinancement(action, financeur, demande) for financeur, demande in choisis]

    def ligne(self, action, financeur, demande):
        famille = FamilleFinanceur(financeur.famille)
        return Financement(
            action=action, financeur=financeur, famille=famille, nature=famille.nature_proposee, demande=demande
        )

    def cofinancement(self, action, financeur, demande):
        ligne = self.ligne(action, financeur, demande)
        if self.alea.random() < (0.3 if self.ouverte else 0.8):
            ligne.etat, ligne.accorde, ligne.date_etat = EtatFinancement.ACQUIS, demande, date(self.annee, 5, 15)
        return ligne

    def localisations(self, action):
        """Aucun, un ou deux quartiers du contrat, dans l'ordre de leur identifiant, avec leurs clés cumulées."""
        if action.contrat is None:
            return []
        nombre = self.alea.choices([0, 1, 2], [20, 60, 20])[0]
        choisis = self.alea.sample(self.sol.quartiers[action.contrat_id], nombre)
        cles = [self.alea.randint(1, 5) for _ in choisis]
        return [
            Localisation(action=action, quartier=q, cle=cle, cumul_avant=avant, cumul_apres=apres, cumul_total=total)
            for q, cle, (avant, apres, total) in zip(
                sorted(choisis, key=lambda q: q.pk), cles, cumuls(cles) if cles else [], strict=True
            )
        ]

    def decision(self, action, montant):
        return Decision(
            action=action,
            date=date(self.annee, 4, 15),
            nature=NATURES[action.statut],
            montant=montant,
            enveloppe=self.enveloppe if montant else None,
            auteur=self.agent,
            porteur_nom=action.porteur.nom,
            porteur_siret=action.etablissement.siret,
        )
