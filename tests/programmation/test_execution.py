"""L'exécution : engager, payer, justifier, suivre ; ses chiffres en direct, qui ne changent rien à la programmation."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest

from comptes.enums import Role
from programmation import operations
from programmation.enums import (
    CodeParametre,
    EtatFinancement,
    EtatJustification,
    NaturePaiement,
    StatutAction,
    StatutExercice,
    SuiteJustification,
)
from programmation.models import (
    Action,
    Engagement,
    Justification,
    LigneEngagement,
    Paiement,
    Parametre,
    SuiviFinancement,
)
from programmation.operations import (
    DemandeDEngagement,
    DemandeDeJustification,
    DemandeDePaiement,
    DroitManquant,
    EntreTemps,
    JustificationChangee,
    LigneDEngagement,
    MotifExige,
    OperationRefusee,
    VoteOuVersement,
)
from programmation.synthese.execution import Execution, execution_de, synthese_d_execution
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    PilierFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def e():
    """L'exemple de docs/calculs.md : deux actions de Caen, 6 000 et 4 000 €, sur une enveloppe notifiée de 12 000 €."""
    e = SimpleNamespace(exercice=ExerciceFactory(annee=2025))
    e.agent = habiliter(Role.AGENT, departement=e.exercice.departement)
    e.responsable = habiliter(Role.RESPONSABLE, departement=e.exercice.departement)
    e.enveloppe = EnveloppeFactory(exercice=e.exercice, libelle="Crédits 2025")
    MouvementFactory(enveloppe=e.enveloppe, nature="notification", ae=euros(12_000), date=date(2025, 3, 1))
    e.caen = ContratFactory(intitule="Caen la mer")
    commun = {"exercice": e.exercice, "contrat": e.caen, "enveloppe": e.enveloppe}
    e.b1 = action_programmee(6000, intitule="B1", pilier=PilierFactory(), beneficiaires_prevus=100, **commun)
    e.b2 = action_programmee(4000, intitule="B2", pilier=PilierFactory(code="emploi", ordre=3), **commun)
    return e


def ej(numero, *lignes, jour=date(2025, 5, 10)):
    return DemandeDEngagement(numero, jour, [LigneDEngagement(action, euros(montant)) for action, montant in lignes])


def ligne_de(engagement, action):
    return engagement.lignes.get(action=action, ae__gt=0)


def paiement(ligne, nature, montant, jour, **options):
    return DemandeDePaiement(ligne, nature, euros(montant), jour, **options)


def derouler_l_exemple(e):
    """Deux EJ, un désengagement, un acompte, un solde, un reversement et une justification."""
    [e.ej1] = operations.engager([ej("2101000001", (e.b1, 5000), (e.b2, 4000))], par=e.agent)
    [e.ej2] = operations.engager([ej("2101000002", (e.b1, 1000), jour=date(2025, 9, 1))], par=e.agent)
    l1, l2 = ligne_de(e.ej1, e.b1), ligne_de(e.ej1, e.b2)
    operations.desengager(l2, euros(500), par=e.agent, motif="Action réduite")
    operations.payer(
        [
            paiement(l1, NaturePaiement.ACOMPTE, 2500, date(2025, 6, 1)),
            paiement(l1, NaturePaiement.SOLDE, 2500, date(2025, 12, 1)),
            paiement(l2, NaturePaiement.AVANCE, 3000, date(2025, 6, 1)),
        ],
        par=e.agent,
    )
    valeurs = {
        "etat": EtatJustification.VALIDEE,
        "recue_le": date(2026, 3, 2),
        "depense": euros("5599,50"),
        "beneficiaires_realises": 80,
        "non_utilise": euros("400,50"),
        "suite": SuiteJustification.REVERSEMENT_PERCU,
        "suite_le": date(2026, 4, 1),
    }
    operations.justifier([DemandeDeJustification(e.b1, valeurs)], par=e.agent)


# --- L'exemple refait à la main ---


def test_l_exemple_refait_a_la_main(e):
    derouler_l_exemple(e)
    lue = synthese_d_execution(Action.objects.all(), enveloppes=[e.enveloppe], jour=date(2026, 6, 1))
    assert lue.total == Execution(
        accorde=euros(10_000),
        engage=euros(9_500),
        paye=euros(8_000),
        reverse=euros("400,50"),
        justifie=euros("5599,50"),
        non_utilise=euros("400,50"),
        prevus=100,
        realises=80,
        programmees=2,
        engagees=2,
        payees=2,
        justifiees=1,
        a_justifier=1,
    )
    assert (lue.total.reste_a_engager, lue.total.net_paye) == (euros(500), euros("7599,50"))
    assert lue.total.reste_a_payer == euros("1900,50")
    taux = lue.total
    assert (taux.taux_d_engagement, taux.taux_de_paiement) == (Decimal("95.0"), Decimal("80.0"))
    assert (taux.taux_de_justification, taux.taux_de_realisation) == (Decimal("56.0"), Decimal("80.0"))
    assert [(x.libelle, x.execution.engage) for x in lue.piliers] == [
        ("Cohesion sociale", euros(6000)),
        ("Emploi", euros(3500)),
    ]
    assert [(x.libelle, x.execution.net_paye) for x in lue.contrats] == [("Caen la mer", euros("7599,50"))]
    [enveloppe] = lue.enveloppes
    assert (enveloppe.execution.accorde, enveloppe.execution.engage) == (euros(10_000), euros(9_500))
    assert (enveloppe.execution.paye, enveloppe.execution.reverse) == (euros(8_000), euros("400,50"))
