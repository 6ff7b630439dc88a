"""Ce qu'un import fait remarquer : un numéro mal recopié, un dossier en double, cent fois le même avertissement."""

import pytest

from comptes.enums import Role
from territoires.models import ContratDeVille
from tests.fabriques import ActionFactory, habiliter
from tests.imports import fichier, messages, monde_des_fichiers, planifier

pytestmark = pytest.mark.django_db

CAEN = "Contrat de ville de Caen la mer"


@pytest.fixture
def exercice():
    return monde_des_fichiers()


@pytest.fixture
def caen(exercice):
    return ContratDeVille.objects.get()


@pytest.fixture
def agent(exercice):
    return habiliter(Role.AGENT, departement=exercice.departement)


# --- Le même dossier deux fois ---

EN_DOUBLE = "ce dossier est déjà à la ligne {}, pour le même contrat : n’en garder qu’une."


def doubles(*lignes):
    return fichier(["Dossier", "Intitulé", "Contrat", "Coût"], *lignes)


@pytest.mark.parametrize("fausse", [0, 1])
def test_un_dossier_en_double_se_voit_meme_si_l_une_des_lignes_est_deja_refusee(exercice, agent, fausse):
    lignes = [["00054562", "Atelier", CAEN, 100], ["00054562", "Atelier", CAEN, 100]]
    lignes[fausse][3] = "cent"
    plan = planifier(doubles(*lignes), exercice, agent)
    assert messages(plan) == [
        f"D{fausse + 2} : « cent » n’est pas un montant : écrire des chiffres, par exemple 1 234,50.",
        f"A3 : {EN_DOUBLE.format(2)}",
    ]


def test_deux_lignes_deja_refusees_pour_le_meme_dossier_le_disent_aussi(exercice, agent):
    lignes = [["00054562", "Atelier", CAEN, "cent"], ["00054562", "Atelier", CAEN, "mille"]]
    assert messages(planifier(doubles(*lignes), exercice, agent))[-1] == f"A3 : {EN_DOUBLE.format(2)}"


def test_un_dossier_connu_en_double_se_voit_aussi(exercice, agent, caen):
    ActionFactory(exercice=exercice, contrat=caen, dossier="00054562", intitule="Atelier")
    lignes = [["00054562", "Atelier", CAEN, "cent"], ["00054562", "Atelier", CAEN, 100]]
    assert messages(planifier(doubles(*lignes), exercice, agent))[-1] == f"A3 : {EN_DOUBLE.format(2)}"


def test_un_contrat_illisible_ne_fait_pas_croire_a_un_double(exercice, agent):
    """Le même dossier dans deux contrats est deux actions : tant qu'un contrat ne se lit pas, on n'en dit rien."""
    lignes = [["00054562", "Atelier", "Kan", 100], ["00054562", "Atelier", "Lizieu", 100]]
    plan = planifier(doubles(*lignes), exercice, agent)
    assert [message[:2] for message in messages(plan)] == ["C2", "C3"]


def test_les_lignes_d_un_meme_plan_de_financement_ne_sont_pas_des_doubles(exercice, agent):
    entetes = ["Dossier", "Intitulé", "Contrat", "Financeur", "Montant demandé"]
    lignes = [["00054562", "Atelier", CAEN, "CAF", "cent"], ["00054562", "Atelier", CAEN, "Région", 100]]
    plan = planifier(fichier(entetes, *lignes), exercice, agent)
    assert [message[:2] for message in messages(plan)] == ["E2"]
