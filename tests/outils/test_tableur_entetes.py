import pytest

from politique_ville.outils.tableur.champs import Champ, montant, texte
from politique_ville.outils.tableur.entetes import forme, proposer, reconnaitre
from politique_ville.outils.tableur.nominatif import colonnes_nominatives, ressemble_a_un_nir

EJ = Champ(
    "ej",
    "N° EJ",
    texte(20),
    ("CHORUS -EJ", "EJ CHORUS", "CHORUS EJ", "N° doc. Précédent n° EJ CHORUS", "EJ", "N° doc. précédent (EJ)"),
)
DEMANDE = Champ("demande", "Montant demandé", montant, ("Demandé P147",), obligatoire=True)
INTITULE = Champ("intitule", "Intitulé de l’action", texte(200), ("Intitulé",), obligatoire=True)
CHAMPS = (EJ, DEMANDE, INTITULE)


@pytest.mark.parametrize(
    "entete",
    [
        "CHORUS -EJ",
        "EJ CHORUS",
        "CHORUS EJ",
        "N° doc. Précédent\nn° EJ CHORUS",
        "ej",
        "Nº EJ",
        "N° DOC. PRECEDENT (EJ)",
    ],
)
def test_les_en_tetes_de_chaque_annee_de_gispro_sont_reconnus(entete):
    assert reconnaitre([entete], CHAMPS) == {"ej": 0}


@pytest.mark.parametrize(
    "entete", ["Montant demandé (€)", "MONTANT DEMANDE", "montant_demande", "Mt demandé en euros", "Demande"]
)
def test_la_casse_les_accents_et_l_unite_ne_comptent_pas(entete):
    assert reconnaitre([entete], CHAMPS) == {"demande": 0}


def test_la_premiere_de_deux_colonnes_semblables_l_emporte():
    correspondance = proposer(["EJ", "Intitulé", "N° EJ", "", "Montant demandé"], CHAMPS)
    assert correspondance.colonnes == {"ej": 2, "demande": 4, "intitule": 1}
    assert correspondance.non_reconnues == (0,)


def test_une_colonne_proche_est_suggeree_sans_etre_retenue():
    correspondance = proposer(["Montant demmandé", "Couleur"], CHAMPS)
    assert correspondance.colonnes == {}
    assert correspondance.suggestions == {0: DEMANDE}
    assert correspondance.manquants == (DEMANDE, INTITULE)


def test_la_correspondance_memorisee_passe_avant_les_synonymes():
    entetes = ["Intitulé", "Libellé du projet"]
    assert reconnaitre(entetes, CHAMPS, {"intitule": "LIBELLÉ du projet"}) == {"intitule": 1}


def test_la_forme_d_un_en_tete_n_a_ni_accent_ni_ponctuation_ni_petit_mot():
    assert forme("N° doc. Précédent\nn° EJ CHORUS") == "numero doc precedent numero ej chorus"
    assert forme("Œuvres de l’année (en €)") == "oeuvres annee"


@pytest.mark.parametrize(
    "entete",
    [
        "Prénom",
        "Nom et prénom",
        "PRENOM du président",
        "Nom de naissance",
        "Nom de jeune fille",
        "Nom de famille",
        "Date de naissance",
        "Lieu de naissance",
        "Né(e) le",
        "NIR",
        "N° de sécurité sociale",
        "Numéro sécu",
        "Adresse personnelle",
        "Domicile",
        "Téléphone portable",
        "Tél. mobile",
        "Portable",
        "Courriel personnel",
        "E-mail perso",
        "Nom de l’enfant",
        "Noms des élèves",
        "Nom du titulaire",
        "Adresse du salarié",
        "Civilité",
        "Nationalité",
        "DDN",
        "birthdate",
        "Identité",
        "Agent recruté",
        "Salariée recrutée",
        "Occupant du poste",
    ],
)
def test_une_colonne_sur_une_personne_est_refusee(entete):
    assert colonnes_nominatives(["Montant", entete]) == [1]


@pytest.mark.parametrize(
    "entete",
    [
        "Nom",
        "Nom du porteur",
        "Nom de la structure",
        "Nom d’usage",
        "Nom du quartier",
        "nomBeneficiaire",
        "Nom du bénéficiaire",
        "Nombre d’enfants",
        "Nombre de jeunes",
        "Adresse",
        "Adresse du siège",
        "Téléphone",
        "Courriel de la structure",
        "Agent référent",
        "Agents recrutés",
        "Occupé",
        "Identifiant du poste",
        "Date de début",
        "Financement Sécurité sociale",
        "Libellé de la famille de procédure",
        "Nom de la famille de financeurs",
        "Fournisseur titulaire principal (EJ)",
        "Représentant légal",
        "Jeunesse",
        "Date de création",
        "",
    ],
)
def test_une_colonne_sur_une_structure_est_acceptee(entete):
    assert colonnes_nominatives([entete]) == []


@pytest.mark.parametrize(
    "valeur",
    [
        "184127645108946",  # 1841276451089 modulo 97 = 51, clé 97 − 51 = 46
        184127645108946,
        "1 84 12 76 451 089 46",
        "voir le dossier de 184127645108946, urgent",
        "185052A00100174",  # en Corse, 2A compte 19 : 1850519001001 modulo 97 = 23, clé 74
    ],
)
def test_un_numero_de_securite_sociale_est_reconnu(valeur):
    assert ressemble_a_un_nir(valeur)


@pytest.mark.parametrize(
    "valeur", ["184127645108947", "41177507500046", 41177507500046, 2104093248, None, 184127645108946.5]
)
def test_un_autre_numero_n_est_pas_pris_pour_un_nir(valeur):
    assert not ressemble_a_un_nir(valeur)
