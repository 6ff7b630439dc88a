"""L'exemple de docs/calculs.md : sept actions du Calvados en 2026, dont tous les chiffres ont été calculés à la main."""

from types import SimpleNamespace

from programmation.enums import EtatFinancement, FamilleFinanceur, NatureFinancement, StatutAction
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    DispositifFactory,
    ExerciceFactory,
    FinanceurFactory,
    PilierFactory,
    QuartierFactory,
    RepereFactory,
    ThematiqueFactory,
    ThemeFactory,
    action_programmee,
    cofinancement,
    euros,
    localiser,
    p147,
)


def construire_l_exemple():
    """Écrit les sept actions et rend de quoi les nommer."""
    e = SimpleNamespace(exercice=ExerciceFactory())
    construire_le_sol(e)
    construire_le_cadre(e)
    construire_les_actions(e)
    construire_les_cofinancements(e)
    return e


def construire_le_sol(e):
    e.caen = ContratFactory(intitule="Caen la mer")
    e.lisieux = ContratFactory(intitule="Lisieux")
    e.q1 = QuartierFactory(contrat=e.caen, nom="Q1", population=1000)
    e.q2 = QuartierFactory(contrat=e.caen, nom="Q2", population=2000)
    e.q3 = QuartierFactory(contrat=e.caen, nom="Q3", population=1000)
    e.q4 = QuartierFactory(contrat=e.lisieux, nom="Q4", population=3000)


def construire_le_cadre(e):
    e.cohesion = PilierFactory(code="cohesion-sociale", ordre=1)
    e.cadre = PilierFactory(code="cadre-de-vie", ordre=2)
    e.emploi = PilierFactory(code="emploi", ordre=3)
    e.pilotage = PilierFactory(ligne=True)
    e.valeurs = PilierFactory(transversal=True)
    gard = DepartementFactory(code="30")
    e.repere_cohesion = RepereFactory(pilier=e.cohesion, part=euros(80), departement=gard)
    e.repere_cadre = RepereFactory(pilier=e.cadre, part=euros(2), departement=gard)
    education, autre = ThemeFactory(code="1", libelle="Éducation"), ThemeFactory(code="5", libelle="Emploi")
    e.education, e.pre = ThematiqueFactory(theme=education, code="1.2"), ThematiqueFactory(theme=education, code="1.1")
    e.insertion = ThematiqueFactory(theme=autre, code="5.1")


def construire_les_actions(e):
    e.a1 = action_programmee(
        "5000,01", 6000, contrat=e.caen, pilier=e.cohesion, thematique=e.education, cout_previsionnel=euros(10_000)
    )
    localiser(e.a1, {e.q1: 2, e.q2: 3, e.q3: 5})
    e.a2 = action_programmee(
        3000,
        4000,
        contrat=e.caen,
        pilier=e.cohesion,
        thematique=e.pre,
        dispositif=DispositifFactory(pre=True),
        cout_previsionnel=euros(8_000),
    )
    e.a3 = action_programmee(
        "1499,99", 2000, contrat=e.lisieux, pilier=e.emploi, thematique=e.insertion, cout_previsionnel=euros(4_000)
    )
    localiser(e.a3, {e.q4: 1})
    e.a4 = action_programmee(
        500, 1000, departementale=True, pilier=e.pilotage, thematique=e.education, cout_previsionnel=euros(1_500)
    )
    e.a5 = ActionFactory(contrat=e.caen, pilier=e.cadre, thematique=e.education, cout_previsionnel=euros(3_000))
    localiser(e.a5, {e.q1: 1})
    p147(e.a5, 2000)
    e.a6 = ActionFactory(
        contrat=e.lisieux,
        pilier=e.emploi,
        thematique=e.insertion,
        cout_previsionnel=euros(2_000),
        statut=StatutAction.NON_RETENUE,
    )
    p147(e.a6, 1500, 0, etat=EtatFinancement.REFUSE)
    DecisionFactory(action=e.a6, nature="non_retenue", montant=0)
    e.a7 = ActionFactory(contrat=e.caen, brouillon=True)
    p147(e.a7, 900)
    for action in (e.a1, e.a4):
        action.piliers_transversaux.add(e.valeurs)


def construire_les_cofinancements(e):
    famille = FamilleFinanceur
    e.ville = FinanceurFactory(nom="Ville de Caen", famille=famille.COMMUNE)
    e.epci = FinanceurFactory(nom="Caen la mer", famille=famille.EPCI)
    e.caf = FinanceurFactory(nom="CAF", famille=famille.CAF)
    e.region = FinanceurFactory(nom="Région", famille=famille.REGION)
    e.conseil = FinanceurFactory(nom="Conseil départemental", famille=famille.DEPARTEMENT)
    e.porteur = FinanceurFactory(nom="Autofinancement", famille=famille.AUTOFINANCEMENT)
    cofinancement(e.a1, e.ville, 2000, 2000)
    cofinancement(e.a1, e.epci, 1000, 700, nature=NatureFinancement.SPECIFIQUE)
    cofinancement(e.a1, e.porteur, 1000)
    cofinancement(e.a2, e.caf, 2000, 2000, etat=EtatFinancement.ANNONCE)
    cofinancement(e.a2, e.epci, 2000, 1500, nature=NatureFinancement.SPECIFIQUE)
    cofinancement(e.a3, e.region, 2000, 2000)
    cofinancement(e.a4, e.conseil, 500, 0, etat=EtatFinancement.REFUSE)
