"""La migration qui donne ses communes à l'histoire des PRE, dans les deux sens."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from comptes.enums import Role
from dispositifs import operations
from dispositifs.historique_pre import historique_du_programme
from dispositifs.models import ProgrammeReussiteEducative
from dispositifs.operations import SaisieDeProgramme
from tests.dispositifs.fabriques import ProgrammeFactory
from tests.fabriques import CommuneFactory, habiliter


def migrer(vers):
    MigrationExecutor(connection).migrate([("dispositifs", vers)])


@pytest.fixture
def remise_en_etat():
    yield
    executeur = MigrationExecutor(connection)
    executeur.migrate(executeur.loader.graph.leaf_nodes())


@pytest.mark.django_db(transaction=True)
def test_les_lignes_d_avant_reprennent_les_communes_d_aujourd_hui(remise_en_etat):
    caen, lisieux = CommuneFactory(nom="Caen"), CommuneFactory(nom="Lisieux")
    pre = ProgrammeFactory(intitule="PRE de Caen", communes=[caen])
    ProgrammeFactory(communes=[lisieux])
    migrer("0002_abonnement_calendrier")
    migrer("0003_communes_dans_l_historique_des_pre")
    assert {c.commune.nom for ligne in pre.history.all() for c in ligne.communes.all()} == {"Caen"}
    saisie = SaisieDeProgramme({"intitule": "PRE du Calvados"}, ProgrammeReussiteEducative.objects.get(pk=pre.pk))
    operations.enregistrer_un_programme(saisie, par=habiliter(Role.AGENT))
    changements = historique_du_programme(pre)[0].changements
    assert [c.sujet for c in changements] == ["Intitulé"]  # les communes n'ont pas l'air d'arriver
