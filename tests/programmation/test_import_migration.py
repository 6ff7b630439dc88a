"""Les migrations qui reprennent ce que des imports ont déjà écrit, dans les deux sens."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from comptes.enums import Role
from programmation.models import Financeur, Lot
from tests.fabriques import DepartementFactory, ExerciceFactory, FinanceurFactory, habiliter

AVANT, APRES = [("programmation", "0001_initial")], [("programmation", "0002_lot_d_un_departement")]
FINANCEURS_MARQUES = [("programmation", "0003_financeur_a_preciser")]


def migrer(vers):
    """Les modèles tels qu'ils sont à cette migration."""
    executeur = MigrationExecutor(connection)
    executeur.migrate(vers)
    return executeur.loader.project_state(vers).apps


@pytest.fixture
def remise_en_etat():
    yield
    executeur = MigrationExecutor(connection)
    executeur.migrate(executeur.loader.graph.leaf_nodes())


@pytest.mark.django_db(transaction=True)
def test_un_lot_deja_depose_recoit_le_departement_de_son_exercice(remise_en_etat):
    gard = DepartementFactory(code="30")
    exercices = [ExerciceFactory(departement=gard, annee=2025), ExerciceFactory()]
    auteur = habiliter(Role.AGENT, departement=gard)
    for rang, exercice in enumerate(exercices):
        Lot.objects.create(
            exercice=exercice,
            departement=exercice.departement,
            modele="actions",
            nom_du_fichier=str(rang),
            auteur=auteur,
        )
    Lot.objects.create(departement=gard, modele="fonjep", nom_du_fichier="liste.csv", auteur=auteur)
    anciens = migrer(AVANT).get_model("programmation", "Lot")
    assert sorted(anciens.objects.values_list("nom_du_fichier", flat=True)) == ["0", "1"]  # la liste ne s'y garde pas
    nouveaux = migrer(APRES).get_model("programmation", "Lot")
    assert list(nouveaux.objects.order_by("nom_du_fichier").values_list("departement__code", flat=True)) == ["30", "14"]


@pytest.mark.django_db(transaction=True)
def test_les_financeurs_deja_crees_a_preciser_sont_marques(remise_en_etat):
    FinanceurFactory(nom="Commune (à préciser)")
    FinanceurFactory(nom="Commune de Caen")
    migrer(APRES)
    migrer(FINANCEURS_MARQUES)
    marques = Financeur.objects.order_by("nom").values_list("nom", "est_a_preciser")
    assert list(marques) == [("Commune (à préciser)", True), ("Commune de Caen", False)]
