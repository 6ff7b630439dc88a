"""Ce qu'un import fait remarquer : un numéro mal recopié, un dossier en double, cent fois le même avertissement."""

import pytest

from comptes.enums import Role
from programmation.imports.mots import ont_un_mot_commun
from territoires.models import ContratDeVille
from tests.fabriques import ActionFactory, FinanceurFactory, OrganismeFactory, habiliter
from tests.imports import fichier, importer, messages, monde_des_fichiers, planifier

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


# --- Un numéro mal recopié ---

SIRET, AUTRE_SIRET = "00000001800010", "00000002600013"  # clés justes, et que personne ne peut porter


@pytest.fixture
def connue(exercice, caen):
    porteur = OrganismeFactory(nom="Lire à Caen", siren=SIRET[:9])
    return ActionFactory(
        exercice=exercice, contrat=caen, dossier="00054562", intitule="Lire au pied des tours", porteur=porteur
    )


def a_verifier(exercice, agent, intitule, porteur, siret, repere="Dossier", valeur="00054562"):
    """Les avertissements d'une ligne qui redit le dossier (ou la clé) de l'action connue."""
    entetes = [repere, "Contrat", "Intitulé", "Porteur", "SIRET"]
    plan = planifier(fichier(entetes, [valeur, CAEN, intitule, porteur, siret]), exercice, agent)
    return [message for message in messages(plan) if "aujourd’hui" in message]


def test_un_dossier_qui_change_d_intitule_et_de_porteur_est_a_verifier(exercice, agent, connue):
    assert a_verifier(exercice, agent, "Du sport pour toutes", "Sport pour toutes", AUTRE_SIRET) == [
        "A2 : ce dossier est aujourd’hui « Lire au pied des tours » de « Lire à Caen » : vérifier le numéro."
    ]


@pytest.mark.parametrize(
    ("intitule", "porteur", "siret"),
    [
        ("Du sport pour toutes", "Lire à Caen", SIRET),  # le même porteur renomme son action
        ("Lire au pied des tours, saison 2", "Sport pour toutes", AUTRE_SIRET),  # l'action change de main
        (None, "Sport pour toutes", AUTRE_SIRET),
        ("Du sport pour toutes", None, None),
    ],
)
def test_un_dossier_qui_garde_son_intitule_ou_son_porteur_est_bien_le_meme(
    exercice, agent, connue, intitule, porteur, siret
):
    assert a_verifier(exercice, agent, intitule, porteur, siret) == []


def test_un_mot_passe_partout_ne_suffit_pas_a_reconnaitre_une_action(exercice, agent, connue):
    connue.intitule = "Atelier de lecture pour le quartier"
    connue.save()
    trouves = a_verifier(exercice, agent, "Ateliers de boxe dans le quartier", "Sport pour toutes", AUTRE_SIRET)
    assert len(trouves) == 1


@pytest.mark.parametrize(
    ("un", "autre", "attendu"),
    [
        ("Jardins partagés", "Le jardin partagé de la Guérinière", True),
        ("Médiation santé", "SANTE EN VILLE", True),
        ("VVV", "VVV 2026", True),  # sans mot assez long, tous comptent
        ("Ateliers de cuisine", "Atelier de boxe", False),
        ("Vacances 2025", "Sport 2025", False),
        ("", "Sport", False),
    ],
)
def test_deux_textes_ont_ou_non_un_mot_en_commun(un, autre, attendu):
    assert ont_un_mot_commun(un, autre) is attendu


def test_une_cle_collee_sur_une_autre_ligne_est_a_verifier(exercice, agent, connue):
    ligne = ("Du sport pour toutes", "Sport pour toutes", AUTRE_SIRET)
    assert a_verifier(exercice, agent, *ligne, repere="Clé", valeur=str(connue.cle)) == [
        "A2 : cette clé est aujourd’hui celle de « Lire au pied des tours » de « Lire à Caen » : vérifier la ligne."
    ]


def test_une_fois_importe_le_changement_ne_se_signale_plus(exercice, agent, connue):
    entetes = ["Dossier", "Contrat", "Intitulé", "Porteur", "SIRET"]
    depose = fichier(entetes, ["00054562", CAEN, "Du sport pour toutes", "Sport pour toutes", AUTRE_SIRET])
    importer(depose, exercice, agent)
    assert messages(planifier(depose, exercice, agent)) == []


# --- Cent fois le même avertissement ---


def communes(exercice, agent, nombre):
    for nom in ("Ville de Caen", "Ville d’Hérouville"):
        FinanceurFactory(nom=nom, famille="commune", departement=exercice.departement)
    lignes = [[f"Action {numero}", CAEN, 100] for numero in range(nombre)]
    return messages(planifier(fichier(["Intitulé", "Contrat", "Communes"], *lignes), exercice, agent))


A_PRECISER = (
    "plusieurs financeurs possibles : le montant ira sur « Commune (à préciser) » ; pour en désigner un, le choisir dans "
    "la correspondance, ou écrire une ligne par financement."
)


def test_un_avertissement_repete_est_dit_une_fois_sur_sa_colonne(exercice, agent):
    assert communes(exercice, agent, 8) == [f"C1 : {A_PRECISER} 8 lignes : 2, 3, 4, 5, 6 et 3 autres."]
    assert communes(exercice, agent, 6) == [f"C1 : {A_PRECISER} 6 lignes : 2, 3, 4, 5, 6 et 1 autre."]


def test_un_avertissement_rare_reste_sur_ses_cellules(exercice, agent):
    assert communes(exercice, agent, 2) == [f"C2 : {A_PRECISER}", f"C3 : {A_PRECISER}"]


def porteurs(exercice, agent, *lignes):
    """Une action par (porteur, SIRET)."""
    actions = [[f"Action {rang}", CAEN, *ligne] for rang, ligne in enumerate(lignes)]
    return messages(planifier(fichier(["Intitulé", "Contrat", "Porteur", "SIRET"], *actions), exercice, agent))


def test_deux_noms_voisins_qui_ont_chacun_leur_siren_ne_se_rapprochent_pas(exercice, agent):
    OrganismeFactory(nom="Régie de quartier de Caen", siren=SIRET[:9])
    assert porteurs(exercice, agent, ("Régie du quartier de Caen", AUTRE_SIRET)) == []


def test_un_nom_voisin_sans_siren_est_signale(exercice, agent):
    OrganismeFactory(nom="Régie de quartier de Caen", siren=None)
    assert porteurs(exercice, agent, ("Régie du quartier de Caen", AUTRE_SIRET)) == [
        "C2 : nouveau porteur, qui ressemble à « Régie de quartier de Caen », connu sans SIREN : vérifier que c’en est "
        "un autre."
    ]


def test_beaucoup_de_porteurs_inconnus_se_disent_en_une_phrase(exercice, agent):
    noms = ["Alpha Caen", "Bricolage solidaire", "Cirque en ville", "Danse", "Entraide", "Femmes du monde", "Gym douce"]
    assert porteurs(exercice, agent, *((nom, None) for nom in noms)) == [
        "C1 : porteurs inconnus, qui seront créés sans SIRET. 7 lignes : 2, 3, 4, 5, 6 et 2 autres."
    ]


def test_un_nom_mal_ecrit_parmi_beaucoup_d_inconnus_garde_sa_suggestion(exercice, agent):
    OrganismeFactory(nom="Les jardins de la Grâce de Dieu", siren=None)
    noms = ["Alpha Caen", "Bricolage solidaire", "Cirque en ville", "Danse", "Entraide", "Femmes du monde"]
    dits = porteurs(exercice, agent, *((nom, None) for nom in [*noms, "Les jardin de la Grace de Dieu"]))
    assert dits == [
        "C1 : porteurs inconnus, qui seront créés sans SIRET. 6 lignes : 2, 3, 4, 5, 6 et 1 autre.",
        "C8 : « Les jardin de la Grace de Dieu » est inconnu et sera créé sans SIRET, vouliez-vous « Les jardins de la "
        "Grâce de Dieu » ?",
    ]


def test_un_numero_sous_un_tout_autre_nom_est_nomme_meme_parmi_beaucoup_de_variantes(exercice, agent):
    OrganismeFactory(nom="Lire à Caen", siren=SIRET[:9])
    variantes = [(f"Lire Caen {annee}", SIRET) for annee in range(2018, 2025)]
    assert porteurs(exercice, agent, *variantes, ("Boxe normande", SIRET)) == [
        "C1 : noms un peu différents de ceux du répertoire, qui garde les siens. 7 lignes : 2, 3, 4, 5, 6 et 2 autres.",
        "C9 : ce numéro est celui de « Lire à Caen », dont le nom est gardé : vérifier le numéro.",
    ]
