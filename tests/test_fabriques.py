"""Les fabriques rendent des données que les règles acceptent : sinon les autres tests ne prouveraient rien."""

import pytest

from politique_ville.outils.siret import siret_valide
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    EtablissementFactory,
    ExerciceFactory,
    QuartierFactory,
    action_programmee,
    euros,
    habiliter,
    localiser,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("options", [{}, {"brouillon": True}, {"departementale": True}])
def test_une_action_fabriquee_respecte_toutes_les_regles(options):
    ActionFactory(**options).full_clean()


def test_une_action_programmee_a_une_ligne_et_une_decision_du_meme_montant():
    action = action_programmee(accorde="1234,50", demande=2000)
    ligne, decision = action.financements.get(), action.decisions.get()
    ligne.full_clean(exclude=["famille"])
    assert (ligne.demande, ligne.accorde, decision.montant) == (euros(2000), euros("1234.50"), euros("1234.50"))


def test_une_action_d_un_autre_departement_suit_son_exercice():
    exercice = ExerciceFactory(departement=DepartementFactory(code="30"), annee=2025)
    action = ActionFactory(exercice=exercice)
    action.full_clean()
    assert action.contrat.departement == exercice.departement
    assert exercice.campagnes.get() == action.campagne


def test_localiser_ecrit_des_cumuls_justes():
    contrat = ContratFactory()
    quartiers = [QuartierFactory(contrat=contrat) for _ in range(3)]
    lieux = localiser(ActionFactory(contrat=contrat), dict(zip(quartiers, (2, 3, 5), strict=True)))
    assert [(lieu.cumul_avant, lieu.cumul_apres, lieu.cumul_total) for lieu in lieux] == [
        (0, 2, 10),
        (2, 5, 10),
        (5, 10, 10),
    ]


def test_un_agent_fabrique_voit_son_departement():
    action = ActionFactory()
    assert type(action).objects.visibles_par(habiliter()).get() == action


def test_un_siret_fabrique_est_juste():
    assert siret_valide(EtablissementFactory().siret)
