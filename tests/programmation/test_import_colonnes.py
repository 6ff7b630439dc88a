"""Reconnaître les colonnes : celles qu'on propose à l'ANCT, celles de GISPRO et de Subventia, et les nôtres."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from comptes.enums import Role
from politique_ville.outils.tableur.champs import DossierDauphin
from programmation.imports import lots
from programmation.imports.cellules import dossier, duree, euros_ou_rien, liste_de_quartiers
from programmation.imports.champs import groupe
from programmation.imports.colonnes import proposer
from programmation.models import Financeur
from tests.fabriques import habiliter
from tests.imports import en_clair, fichier, monde_des_fichiers

# L'onglet « Programmation » proposé à l'ANCT (colonnes de nos exports annuels) : le titre, puis le champ qui le reçoit.
PROGRAMMATION = {
    "exercice": None,
    "code contrat (CN…)": None,
    "contrat": "contrat",
    "échelle": "echelle",
    "codes QPV": "quartiers",
    "n° Dauphin": "dossier",
    "SIRET": "siret",
    "porteur": "porteur",
    "type de porteur": "forme",
    "intitulé": "intitule",
    "thème": None,
    "sous-thème": "thematique",
    "priorités transversales": "priorites",
    "nouvelle/reconduite": "origine",
    "annuelle/CPO (tranche n/N)": "duree",
    "début": "date_debut",
    "fin": "date_fin",
    "coût total": "cout_previsionnel",
    "demandé P147": "demande_p147",
    "proposé": "propose_p147",
    "accordé P147": "accorde_p147",
    "autres crédits État (BOP)": "famille_etat",
    "Région": "famille_region",
    "Département": "famille_departement",
    "EPCI": "famille_epci",
    "communes": "famille_commune",
    "CAF": "famille_caf",
    "bailleurs": "famille_bailleur",
    "Europe": "famille_europe",
    "autres": "famille_autre_public",
    "autofinancement": "famille_autofinancement",
    "part P147 %": None,
    "EJ": None,
    "date de décision": None,
    "statut": "statut",
}


@pytest.fixture
def contexte(db):
    exercice = monde_des_fichiers()
    return lots.contexte(exercice, habiliter(Role.AGENT, departement=exercice.departement), "")


def reconnues(contexte, *entetes, valeurs=None):
    """Le champ de chaque titre, dans l'ordre du fichier ; None s'il n'est pas reconnu."""
    table = lots.lire_la_table(fichier(entetes, valeurs or [1] * len(entetes)), contexte)
    par_rang = {rang: nom for nom, rang in proposer(table, contexte.champs).items()}
    return [par_rang.get(rang) for rang in range(len(entetes))]


def test_les_colonnes_de_programmation_sont_reconnues(contexte):
    assert dict(zip(PROGRAMMATION, reconnues(contexte, *PROGRAMMATION), strict=True)) == PROGRAMMATION


def test_les_titres_de_gispro_et_de_subventia_sont_reconnus(contexte):
    assert reconnues(contexte, "Action de demande - Code dossier", "Code SIRET", "Type de tiers") == [
        "dossier",
        "siret",
        "forme",
    ]
    assert reconnues(contexte, "Référence administrative - Demande", "SIRET - Demandeur") == ["dossier", "siret"]


def test_la_casse_les_accents_et_les_sauts_de_ligne_ne_comptent_pas(contexte):
    titres = reconnues(
        contexte, "INTITULE\nde l'action", "Cout  previsionnel", "DEMANDE (P147)", "N°  DOSSIER\nDAUPHIN"
    )
    assert titres == ["intitule", "cout_previsionnel", "demande_p147", "dossier"]


def test_le_nom_d_un_financeur_passe_avant_sa_famille(contexte):
    caf = Financeur.objects.get(famille="caf")
    assert reconnues(contexte, "Demandé CAF du Calvados", "CAF") == [f"financeur_{caf.pk}", "famille_caf"]


def test_avec_un_financeur_par_ligne_etat_est_celui_du_financement(contexte):
    titres = reconnues(contexte, "Intitulé", "Financeur", "État", "Demandé", "Accordé")
    assert titres == ["intitule", "ligne_financeur", "ligne_etat", "ligne_demande", "ligne_accorde"]


def test_chaque_champ_se_range_dans_un_groupe_de_choix(contexte):
    groupes = {champ.nom: groupe(champ) for champ in contexte.champs}
    assert (groupes["intitule"], groupes["siret"], groupes["famille_caf"], groupes["ligne_etat"]) == (
        "L’action",
        "Le porteur",
        "Une colonne par financeur",
        "Une ligne par financement",
    )


# --- Lire une cellule ---


@pytest.mark.parametrize(
    ("cellule", "attendu"),
    [
        ("DA00054562-01", DossierDauphin("00054562", 1)),
        ("00054562", DossierDauphin("00054562", None)),
        (54562, DossierDauphin("00054562", None)),
        ("54562", DossierDauphin("00054562", None)),  # un CSV n'a que des textes
    ],
)
def test_un_numero_de_dossier_retrouve_ses_huit_chiffres(cellule, attendu):
    assert dossier(cellule) == attendu


@pytest.mark.parametrize("cellule", ["12", "DA123", "dossier en cours"])
def test_un_faux_numero_de_dossier_est_refuse(cellule):
    with pytest.raises(ValidationError, match="huit chiffres"):
        dossier(cellule)


@pytest.mark.parametrize(
    ("cellule", "attendu"),
    [
        ("Annuelle", ("annuelle", None, None)),
        ("CPO 2/3", ("cpo", 2, 3)),
        ("CPO (année 2 sur 3)", ("cpo", 2, 3)),
        ("Convention pluriannuelle d’objectifs (CPO)", ("cpo", None, None)),
        ("PLURIANNUELLE", ("cpo", None, None)),
    ],
)
def test_une_duree_se_dit_de_plusieurs_facons(cellule, attendu):
    assert tuple(duree(cellule).values()) == attendu


def test_une_duree_inconnue_est_refusee():
    with pytest.raises(ValidationError, match="CPO 2/3"):
        duree("longtemps")


@pytest.mark.parametrize(
    ("cellule", "attendu"),
    [
        ("QN01401M", (("QN01401M", 1),)),
        ("QN01401M:2 ; Chemin Vert : 3", (("QN01401M", 2), ("Chemin Vert", 3))),
        ("QN01401M, QN01402M", (("QN01401M", 1), ("QN01402M", 1))),
        ("Centre, nord", (("Centre, nord", 1),)),
        ("À l’échelle du contrat", ()),
    ],
)
def test_une_cellule_dit_un_ou_plusieurs_quartiers(cellule, attendu):
    assert liste_de_quartiers(cellule) == attendu


def test_une_cle_nulle_est_refusee():
    with pytest.raises(ValidationError, match="au moins 1"):
        liste_de_quartiers("QN01401M:0")


@pytest.mark.parametrize(
    ("cellule", "attendu"),
    [("1 234,50 €", Decimal("1234.50")), (0, Decimal("0.00")), ("-", None), ("—", None), ("néant", None)],
)
def test_un_tiret_n_est_pas_zero(cellule, attendu):
    assert euros_ou_rien(cellule) == attendu


def test_un_montant_negatif_est_refuse():
    with pytest.raises(ValidationError) as refus:
        euros_ou_rien(-5)
    assert en_clair(refus.value.messages[0]) == "« -5 » est négatif : un montant ne peut pas l’être."
