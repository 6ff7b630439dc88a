"""Le classeur ANCT : ses lignes sur l'exemple calculé à la main, son accord avec l'écran, et son recalcul."""

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from comptes.enums import Role
from pilotage.exports import Demande, gabarit_2024, gabarit_de, preparer
from pilotage.exports.formules import valeur
from programmation.models import Action, Localisation
from programmation.synthese import (
    Base,
    ChoixDeBase,
    synthese_des_contrats,
    synthese_des_financeurs,
    synthese_des_piliers,
    synthese_des_quartiers,
    synthese_des_thematiques,
)
from tests.fabriques import (
    ContratFactory,
    DepartementFactory,
    ExerciceFactory,
    OrganismeFactory,
    QuartierFactory,
    action_programmee,
    habiliter,
    localiser,
)
from tests.pages import noeuds, texte, textes
from tests.pilotage.tirage import tirer
from tests.pilotage.tirage_dispositifs import tirer_les_dispositifs

pytestmark = pytest.mark.django_db

ANCT = "/pilotage/anct/"
INSTANT = datetime(2026, 3, 12, 13, 5, tzinfo=UTC)
FEUILLES = [
    "Garde",
    "Programmation",
    "Financements",
    "Répartition",
    "Thématiques",
    "Piliers",
    "Contrats",
    "Quartiers",
    "Financeurs",
    "Exécution",
    "Bilan N-1",
    "CPO",
    "PRE",
    "Adultes-relais",
    "FONJEP",
    "Contrôles",
]
P147_ACCORDE = ChoixDeBase()
CHOIX = [
    P147_ACCORDE,
    ChoixDeBase(avec_pre=False),
    ChoixDeBase(Base.P147_DEMANDE),
    ChoixDeBase(Base.P147_DEMANDE, avec_pre=False),
    ChoixDeBase(Base.COUT),
    ChoixDeBase(Base.TOUS_FINANCEURS),
    ChoixDeBase(Base.TOUS_FINANCEURS, avec_annonce=True),
    ChoixDeBase(Base.NOMBRE),
]


def d(texte):
    return Decimal(texte)


def classeur_de(exercice, choix=P147_ACCORDE, **options):
    demande = {"auteur": "DDETS, chargé de mission", "au": INSTANT} | options
    return preparer(Demande(exercice, Action.objects.filter(exercice=exercice), choix, **demande))


def feuille(classeur, nom):
    return next(feuille for feuille in classeur.feuilles if feuille.nom == nom)


def lignes(classeur, nom, *titres):
    """Ces colonnes d'une feuille, telles que le fichier les montre ; le total d'une feuille de faits compris."""
    entetes, *corps = feuille(classeur, nom).cellules()
    rangs = [[titre.replace("\u00a0", " ") for titre in entetes].index(titre) for titre in titres]
    return [tuple(valeur(ligne[rang]) for rang in rangs) for ligne in corps]


def ouvrir(classeur, **options):
    fichier = io.BytesIO()
    classeur.ecrire(fichier)
    return load_workbook(fichier, **options)


@pytest.fixture
def exercice(exemple):
    return exemple.exercice


# --- Les lignes, calculées à la main ---


def test_les_feuilles_sont_celles_du_gabarit_dans_leur_ordre(exercice):
    assert [feuille.nom for feuille in classeur_de(exercice).feuilles] == FEUILLES


def test_programmation_porte_les_actions_deposees_avec_leur_statut_sans_les_brouillons(exemple, exercice):
    titres = ["Intitulé", "Contrat de ville", "Échelle", "P147 demandé", "P147 accordé", "Statut"]
    assert sorted(lignes(classeur_de(exercice), "Programmation", *titres)[:-1]) == sorted(
        [
            (exemple.a1.intitule, "Caen la mer", "Quartier", d("6000.00"), d("5000.01"), "Programmée"),
            (exemple.a2.intitule, "Caen la mer", "Contrat", d("4000.00"), d("3000.00"), "Programmée"),
            (exemple.a5.intitule, "Caen la mer", "Quartier", d("2000.00"), None, "Déposée"),
            (exemple.a3.intitule, "Lisieux", "Quartier", d("2000.00"), d("1499.99"), "Programmée"),
            (exemple.a6.intitule, "Lisieux", "Contrat", d("1500.00"), d("0.00"), "Non retenue"),
            (exemple.a4.intitule, None, "Département", d("1000.00"), d("500.00"), "Programmée"),
        ]
    )


def test_programmation_dit_le_plan_demande_l_acquis_et_l_ecart_au_cout(exemple, exercice):
    titres = ["Intitulé", "Communes, demandé", "EPCI, demandé", "Autofinancement, demandé", "Plan demandé moins coût"]
    titres += ["Cofinancements acquis", "Acquis, tous financeurs", "Acquis ou annoncé, tous financeurs"]
    connues = {ligne[0]: ligne[1:] for ligne in lignes(classeur_de(exercice), "Programmation", *titres)}
    un, deux = connues[exemple.a1.intitule], connues[exemple.a2.intitule]
    assert un == (d(2000), d(1000), d(1000), d(0), d(2700), d("7700.01"), d("7700.01"))
    assert deux == (None, d(2000), None, d(0), d(1500), d(4500), d(6500))
    assert connues[exemple.a5.intitule][3] == d(-1000)


def test_programmation_dit_la_part_du_p147_dans_le_cout(exemple, exercice):
    parts = dict(lignes(classeur_de(exercice), "Programmation", "Intitulé", "Part P147 du coût"))
    assert parts[exemple.a1.intitule] == d("0.500001")
    assert parts[exemple.a5.intitule] == "—"


def test_programmation_nomme_les_quartiers_le_siret_et_le_dossier(exemple, exercice):
    Action.objects.filter(pk=exemple.a1.pk).update(dossier="00054562", tranche=1)
    titres = ["Intitulé", "N° Dauphin", "Codes des quartiers", "SIRET", "EJ Chorus", "Transversal : Valeurs"]
    ligne = next(li for li in lignes(classeur_de(exercice), "Programmation", *titres) if li[0] == exemple.a1.intitule)
    codes = f"{exemple.q1.code} ; {exemple.q2.code} ; {exemple.q3.code}"
    assert ligne[1:] == ("00054562-01", codes, None, None, "oui")


def test_un_porteur_fusionne_se_lit_sous_le_nom_de_celui_qui_l_a_absorbe(exemple, exercice):
    absorbant = OrganismeFactory(nom="Maison de quartier")
    exemple.a1.porteur.fusionne_dans = absorbant
    exemple.a1.porteur.save()
    porteurs = dict(lignes(classeur_de(exercice), "Programmation", "Intitulé", "Porteur"))
    assert porteurs[exemple.a1.intitule] == "Maison de quartier"


def test_financements_a_une_ligne_par_ligne_de_plan(exemple, exercice):
    titres = ["Action", "Statut de l’action", "Financeur", "Famille", "Demandé", "Accordé", "État"]
    toutes = lignes(classeur_de(exercice), "Financements", *titres)[:-1]
    assert len(toutes) == 13
    assert [ligne[1:] for ligne in toutes if ligne[0] == exemple.a1.intitule] == [
        ("Programmée", "ANCT – P147", "ANCT – P147", d("6000.00"), d("5000.01"), "Acquis"),
        ("Programmée", "Ville de Caen", "Commune", d("2000.00"), d("2000.00"), "Acquis"),
        ("Programmée", "Caen la mer", "EPCI", d("1000.00"), d("700.00"), "Acquis"),
        ("Programmée", "Autofinancement", "Autofinancement", d("1000.00"), None, "Sollicité"),
    ]


def test_la_repartition_donne_a_chaque_quartier_sa_part_au_centime(exemple, exercice):
    titres = ["Action", "Quartier ou échelle", "Clé de répartition", "Coût ou financeur", "Coût, part", "Accordé, part"]
    toutes = lignes(classeur_de(exercice), "Répartition", *titres)[:-1]
    assert len(toutes) == 29
    de_a1 = [ligne[1:] for ligne in toutes if ligne[0] == exemple.a1.intitule and ligne[3] == "ANCT – P147"]
    assert de_a1 == [
        ("Q1", "2 sur 10", "ANCT – P147", None, d("1000.00")),
        ("Q2", "3 sur 10", "ANCT – P147", None, d("1500.00")),
        ("Q3", "5 sur 10", "ANCT – P147", None, d("2500.01")),
    ]
    couts = [(ligne[1], ligne[4]) for ligne in toutes if ligne[3] == "Coût prévisionnel"]
    assert sorted(couts) == [
        ("Caen la mer", d("8000.00")),
        ("Lisieux", d("2000.00")),
        ("Q1", d("2000.00")),
        ("Q1", d("3000.00")),
        ("Q2", d("3000.00")),
        ("Q3", d("5000.00")),
        ("Q4", d("4000.00")),
        ("Tout le département", d("1500.00")),
    ]


def test_les_thematiques_croisent_les_codes_officiels_et_les_contrats(exercice):
    titres = ["Niveau", "Code", "Caen la mer", "Lisieux", "À l’échelle du département", "Nombre d’actions"]
    titres += ["Crédits P147 accordés", "Part affichée", "Porteurs", "Cofinancements acquis"]
    assert lignes(classeur_de(exercice), "Thématiques", *titres) == [
        ("Thème", "1", d("8000.01"), d(0), d("500.00"), 3, d("8500.01"), d("0.85"), 3, d("4200.00")),
        ("Sous-thème", "1.1", d("3000.00"), d(0), d(0), 1, d("3000.00"), d("0.3"), 1, d("1500.00")),
        ("Sous-thème", "1.2", d("5000.01"), d(0), d("500.00"), 2, d("5500.01"), d("0.55"), 2, d("2700.00")),
        ("Thème", "5", d(0), d("1499.99"), d(0), 1, d("1499.99"), d("0.15"), 1, d("2000.00")),
        ("Sous-thème", "5.1", d(0), d("1499.99"), d(0), 1, d("1499.99"), d("0.15"), 1, d("2000.00")),
        ("Total", None, d("8000.01"), d("1499.99"), d("500.00"), 4, d("10000.00"), d(1), 4, d("6200.00")),
    ]


def test_les_piliers_disent_leur_part_et_leur_ecart_au_constat_et_le_transversal_est_hors_du_total(exercice):
    titres = ["Niveau", "Nombre d’actions", "Crédits P147 accordés", "Part affichée", "Part constatée ailleurs"]
    titres += ["Écart au constat, en points", "Écart au constat, en euros"]
    assert lignes(classeur_de(exercice), "Piliers", *titres) == [
        ("Pilier", 2, d("8000.01"), d("0.8"), d("0.8"), d(0), d("0.01")),
        ("Pilier", 0, d(0), d(0), d("0.02"), d("-2.0"), d("-200.00")),
        ("Pilier", 1, d("1499.99"), d("0.15"), None, None, None),
        ("Ligne", 1, d("500.00"), d("0.05"), None, None, None),
        ("Total", 4, d("10000.00"), d(1), None, None, None),
        ("Pilier transversal", 2, d("5500.01"), d("0.55"), None, None, None),
    ]


def test_les_contrats_disent_leur_part_et_leurs_euros_par_habitant(exercice):
    titres = ["Niveau", "Contrat de ville", "Nombre d’actions", "Crédits P147 accordés", "Part exacte", "Par habitant"]
    assert lignes(classeur_de(exercice), "Contrats", *titres) == [
        ("Contrat", "Caen la mer", 2, d("8000.01"), d("0.800001"), d("2.00")),
        ("Contrat", "Lisieux", 1, d("1499.99"), d("0.149999"), d("0.50")),
        ("Département", "À l’échelle du département", 1, d("500.00"), d("0.05"), "—"),
        ("Total", "Total", 4, d("10000.00"), d(1), None),
    ]


def test_les_quartiers_et_les_echelles_redonnent_le_total_mais_pas_le_nombre_d_actions(exercice):
    titres = ["Quartier ou échelle", "Nombre d’actions", "Crédits P147 accordés", "dont réparti par clé"]
    titres += ["Non localisé dans le contrat", "Lu à l’écran"]
    assert lignes(classeur_de(exercice), "Quartiers", *titres) == [
        ("Q1", 1, d("1000.00"), d("1.000"), d("3000.00"), d("1000.00")),
        ("Q2", 1, d("1500.00"), d("1.000"), d("3000.00"), d("1500.00")),
        ("Q3", 1, d("2500.01"), d("1.000"), d("3000.00"), d("2500.01")),
        ("Q4", 1, d("1499.99"), d("0.000"), d(0), d("1499.99")),
        ("À l’échelle du contrat", 1, d("3000.00"), None, None, d("3000.00")),
        ("À l’échelle du département", 1, d("500.00"), None, None, d("500.00")),
        ("Total", 4, d("10000.00"), None, None, d("10000.00")),
    ]


def test_les_financeurs_disent_l_acquis_hors_ressources_propres(exercice):
    titres = ["Financeur", "Rang parmi les publics", "Nombre d’actions", "Demandé", "Acquis", "Annoncé"]
    titres += ["Lignes sans vote"]
    toutes = lignes(classeur_de(exercice), "Financeurs", *titres)
    assert toutes[0] == ("ANCT – P147", 1, 4, d(13000), d(10000), d(0), 0)
    assert sorted(toutes[1:-1]) == [
        ("CAF", None, 1, d(2000), "—", d(2000), 1),
        ("Caen la mer", 2, 2, d(3000), d(2200), d(0), 0),
        ("Conseil départemental", 5, 1, d(500), d(0), d(0), 0),
        ("Région", 3, 1, d(2000), d(2000), d(0), 0),
        ("Ville de Caen", 3, 1, d(2000), d(2000), d(0), 0),
    ]
    assert toutes[-1] == ("Total", None, None, d(22500), d(16200), d(2000), 1)


def test_les_controles_rapprochent_chaque_feuille_et_comptent_les_anomalies(exercice):
    classeur = classeur_de(exercice)
    controles = lignes(classeur, "Contrôles", "Nature", "Contrôle", "Lu dans", "Comparé à", "Total lu", "Écart")
    lues = {ligne[2] for ligne in controles if ligne[0] == "Rapprochement"}
    assert lues == set(FEUILLES) - {"Garde", "Répartition", "Contrôles"}
    assert ("Rapprochement", "P147 accordé", "Programmation", "Écran", d("10000.00"), d(0)) in controles
    assert {ligne[5] for ligne in controles if ligne[0] == "Rapprochement"} == {d(0), "—"}  # « — » : rien à comparer
    anomalies = dict(lignes(classeur, "Contrôles", "Contrôle", "Anomalies"))
    assert (anomalies["Plan déséquilibré"], anomalies["Porteur sans SIRET"]) == (1, 5)


def test_la_garde_dit_le_perimetre_la_base_la_date_l_auteur_et_ce_qui_reste_a_decider(exercice):
    choix = ChoixDeBase(Base.TOUS_FINANCEURS, avec_annonce=True, avec_pre=False)
    garde = dict(lignes(classeur_de(exercice, choix, avertissement="Données fictives"), "Garde", "Rubrique", "Valeur"))
    garde = {rubrique: str(contenu).replace("\u00a0", " ") for rubrique, contenu in garde.items()}
    assert garde["Avertissement"] == "Données fictives"
    assert (garde["Département"], garde["Exercice"]) == ("Calvados (14)", "2026")
    assert garde["Base de calcul"] == (
        "crédits acquis ou annoncés de tous les financeurs, hors ressources propres, hors PRE"
    )
    assert garde["Actions comptées"] == "actions programmées, hors ajournées, non retenues et déprogrammées"
    assert garde["Filtres"] == "Sans les programmes de réussite éducative (PRE)"
    assert garde["État de l’exercice"] == "Ouvert ; provisoire : 1 action, 2\u202f000,00 € demandés non décidés"
    assert garde["Produit par"] == "DDETS, chargé de mission"
    assert garde["Produit le"] == str(INSTANT)
    assert garde["Gabarit"] == "2024.2"
    assert re.fullmatch(r"SHA-256 [0-9a-f]{64}", garde["Empreinte des données"])


def test_un_exercice_dont_les_campagnes_sont_figees_n_est_plus_provisoire(exercice):
    exercice.campagnes.update(figee_le=INSTANT)
    garde = dict(lignes(classeur_de(exercice), "Garde", "Rubrique", "Valeur"))
    assert garde["État de l’exercice"].endswith("toutes les campagnes qui portent des actions sont figées")


def test_l_empreinte_ne_change_qu_avec_les_donnees_ou_la_base(exemple, exercice):
    def empreinte(*choix, **options):
        garde = dict(lignes(classeur_de(exercice, *choix, **options), "Garde", "Rubrique", "Valeur"))
        return garde["Empreinte des données"]

    premiere = empreinte()
    assert empreinte(au=datetime(2027, 1, 1, tzinfo=UTC), auteur="autre") == premiere
    assert empreinte(ChoixDeBase(Base.COUT)) != premiere
    Action.objects.filter(pk=exemple.a1.pk).update(cout_previsionnel=d("10000.01"))
    assert empreinte() != premiere


# --- L'accord avec l'écran ---


@pytest.fixture
def tire():
    exercice = tirer(graine=14, nombre=40)
    tirer_les_dispositifs(exercice)
    return exercice


@pytest.mark.parametrize("choix", CHOIX, ids=str)
def test_chaque_total_du_classeur_est_celui_de_l_ecran(tire, choix):
    classeur = classeur_de(tire, choix)
    assert classeur.controles.en_ecart == []
    assert len(classeur.controles.rapprochements) > 40
    actions = Action.objects.filter(exercice=tire)
    mesure = (lambda ligne: ligne.montant) if choix.est_un_montant else (lambda ligne: ligne.nombre)
    colonne = choix.libelle if choix.est_un_montant else "Nombre d’actions"

    def lue(nom, *niveaux):
        toutes = lignes(classeur, nom, "Niveau", colonne, "Nombre d’actions", "Part affichée")
        return [ligne[1:] for ligne in toutes if ligne[0] in niveaux and ligne[2]]

    def a_l_ecran(lignes):
        return [(ou_tiret(mesure(ligne)), ligne.nombre, ou_tiret(ligne.part, 100)) for ligne in lignes if ligne.nombre]

    contrats = synthese_des_contrats(actions, choix)
    assert lue("Contrats", "Contrat", "Département") == a_l_ecran(contrats.lignes)
    assert lue("Contrats", "Total")[0][:2] == (mesure(contrats.total), contrats.total.nombre)
    assert lue("Piliers", "Pilier") == a_l_ecran(synthese_des_piliers(actions, choix).lignes)
    assert lue("Piliers", "Pilier transversal") == a_l_ecran(synthese_des_piliers(actions, choix).transversaux)
    themes = synthese_des_thematiques(actions, choix).themes
    assert sorted(lue("Thématiques", "Thème"), key=str) == sorted(a_l_ecran(themes), key=str)
    sous_themes = [thematique for theme in themes for thematique in theme.thematiques]
    assert sorted(lue("Thématiques", "Sous-thème"), key=str) == sorted(a_l_ecran(sous_themes), key=str)
    quartiers = synthese_des_quartiers(actions, choix)
    assert lue("Quartiers", "Quartier", "Échelle") == [
        (ou_tiret(mesure(ligne)), ligne.nombre, ou_tiret(ligne.part, 100))
        for ligne in (*quartiers.lignes, *quartiers.echelles)
        if ligne.nombre
    ]


def ou_tiret(contenu, diviseur=1):
    return "—" if contenu is None else contenu / diviseur


def test_les_financeurs_du_classeur_sont_ceux_de_l_ecran(tire):
    actions = Action.objects.filter(exercice=tire)
    for choix in (ChoixDeBase(), ChoixDeBase(avec_pre=False)):
        titres = ["Financeur", "Nombre d’actions", "Demandé", "Acquis", "Annoncé", "Lignes sans vote"]
        assert lignes(classeur_de(tire, choix), "Financeurs", *titres)[:-1] == [
            (li.financeur.nom, li.nombre, ou_tiret(li.demande), ou_tiret(li.acquis), li.annonce, li.en_attente)
            for li in synthese_des_financeurs(actions, choix).lignes
        ]


def test_un_ecart_se_voit_partout_et_dit_ou_regarder(exemple, exercice):
    """Une localisation dont le total des clés est faux perd une part de l'action : le quartier et le total diffèrent."""
    Localisation.objects.filter(action=exemple.a1, quartier=exemple.q3).update(cumul_total=20)
    classeur = classeur_de(exercice)
    en_ecart = {(r.libelle, r.a.lieu, r.b.lieu): r.ecart for r in classeur.controles.en_ecart}
    assert en_ecart["Coût total et parts du coût", "Programmation", "Répartition"] == d("2500.00")
    assert en_ecart["Crédits P147 accordés", "Programmation", "Quartiers"] == d("1250.01")
    garde = lignes(classeur, "Garde", "Rubrique", "Valeur", "À vérifier")
    assert ("Contrôles en écart", len(en_ecart)) in [(rubrique, nombre) for rubrique, _, nombre in garde]
    assert sum(rubrique == "Contrôle en écart" for rubrique, _, _ in garde) == len(en_ecart)
    ou = lignes(classeur, "Contrôles", "Contrôle", "Écart", "Où regarder")
    assert ("Coût total et parts du coût", d("2500.00"), "Programmation et Répartition") in ou


# --- Le fichier ---


def cellules_de(page, titre_de_la_premiere):
    """Les cellules de la première ligne de données, par titre de colonne."""
    entete = next(ligne for ligne in page.iter_rows() if ligne[0].value == titre_de_la_premiere)
    return {titre.value: page.cell(titre.row + 1, titre.column) for titre in entete}


def test_le_fichier_relu_a_de_vrais_nombres_et_de_vraies_dates(exercice):
    programmation = ouvrir(classeur_de(exercice))["Programmation"]
    cellules = cellules_de(programmation, "Exercice")
    debut, cout = cellules["Début"], cellules["Coût total"]
    assert (debut.is_date, debut.number_format) == (True, "dd/mm/yyyy")
    assert (cout.data_type, cout.number_format) == ("n", '#,##0.00\\ "€"')
    assert cellules["Intitulé"].data_type == "s"


def test_une_synthese_est_une_formule_qui_porte_sa_valeur(exercice):
    classeur = classeur_de(exercice)
    cellule = cellules_de(ouvrir(classeur)["Contrats"], "Niveau")["Crédits P147 accordés"]
    assert cellule.value.startswith("=IF(AND(D7>0,COUNTIFS(Programmation!")
    assert '"Programmée"' in cellule.value
    assert ouvrir(classeur, data_only=True)["Contrats"][cellule.coordinate].value == 8000.01


def test_les_titres_sont_figes_les_colonnes_filtrees_et_les_cles_masquees(exercice):
    livre = ouvrir(classeur_de(exercice))
    programmation, contrats = livre["Programmation"], livre["Contrats"]
    cellules = cellules_de(programmation, "Exercice")
    premiere = cellules["Exercice"].row
    assert programmation.freeze_panes == f"D{premiere}"
    assert programmation.tables["Programmation"].ref.startswith(f"A{premiere - 1}:")
    assert programmation.column_dimensions[cellules["Clé de l’action"].column_letter].hidden
    assert contrats.auto_filter.ref.startswith("A6:")
    assert contrats.print_area.startswith("'Contrats'!$A$1:")


def test_le_total_de_programmation_suit_le_filtre_du_tableur(exercice):
    *_, total = feuille(classeur_de(exercice), "Programmation").cellules()
    formules = [cellule for cellule in total if hasattr(cellule, "texte")]
    assert all("SUBTOTAL(109," in formule.texte for formule in formules)
    assert formules[0].cache == d("28500.00")


def test_un_texte_qui_ressemble_a_une_formule_reste_un_texte(exercice):
    contrat = ContratFactory(intitule="+Contrat", departement=exercice.departement)
    porteur = OrganismeFactory(nom="@SUM(A1:A9)")
    action_programmee(exercice=exercice, contrat=contrat, porteur=porteur, intitule='=HYPERLINK("http://x";"clic")')
    livre = ouvrir(classeur_de(exercice))
    formules = [
        cellule.value
        for page in livre
        for ligne in page.iter_rows()
        for cellule in ligne
        if cellule.data_type == "f" and re.match(r"=HYPERLINK|@SUM|\+Contrat", cellule.value)
    ]
    assert formules == []
    textes_de = {cellule.value for ligne in livre["Programmation"].iter_rows() for cellule in ligne}
    assert {'=HYPERLINK("http://x";"clic")', "@SUM(A1:A9)", "+Contrat"} <= textes_de


@pytest.mark.parametrize("format", ["xlsx", "ods", "csv"])
def test_les_memes_donnees_donnent_les_memes_octets(exercice, format):
    def octets(**options):
        fichier = io.BytesIO()
        classeur_de(exercice, **options).ecrire(fichier, format)
        return fichier.getvalue()

    assert octets() == octets()
    assert octets() != octets(au=datetime(2026, 3, 12, 13, 6, tzinfo=UTC))


def test_aucune_donnee_personnelle_n_est_dans_le_fichier(client, exercice):
    agent = habiliter(Role.AGENT, departement=exercice.departement)
    agent.nom, agent.prenom, agent.service = "Delacroix-Fleury", "Eugénie", "DDETS du Calvados"
    agent.save()
    client.force_login(agent)
    fichier = telecharger(client)
    contenu = b"".join(ZipFile(fichier).read(nom) for nom in ZipFile(fichier).namelist()).decode(errors="ignore")
    assert "DDETS du Calvados, chargé de mission" in contenu
    for personnel in ("Delacroix", "Eugénie", agent.courriel):
        assert personnel not in contenu


def test_un_exercice_sans_action_donne_un_classeur_valable_a_zero():
    exercice = ExerciceFactory()
    QuartierFactory(contrat=ContratFactory(intitule="Caen la mer"))
    for choix in CHOIX:
        classeur = classeur_de(exercice, choix)
        assert classeur.controles.en_ecart == []
        assert ouvrir(classeur, data_only=True).sheetnames == FEUILLES
    titres = ["Contrat de ville", "Nombre d’actions", "Crédits P147 accordés", "Part exacte", "Part affichée"]
    assert lignes(classeur_de(exercice), "Contrats", *titres) == [
        ("Caen la mer", 0, d("0.00"), "—", "—"),
        ("Total", 0, d("0.00"), "—", "—"),
    ]


def test_le_nombre_de_requetes_ne_depend_pas_du_nombre_d_actions(exercice):
    def requetes():
        with CaptureQueriesContext(
            connection,
        ) as lues:
            classeur_de(exercice)
        return len(lues)

    avant = requetes()
    contrat = ContratFactory(departement=exercice.departement)
    for _ in range(3):
        localiser(action_programmee(exercice=exercice, contrat=contrat), {QuartierFactory(contrat=contrat): 1})
    assert requetes() == avant
    assert avant < 90


def test_le_gabarit_est_le_dernier_paru_l_annee_de_l_exercice():
    assert [gabarit_de(annee) for annee in (2023, 2024, 2030)] == [gabarit_2024] * 3


# --- Les jumeaux ODS et CSV ---


def en_ods(classeur):
    fichier = io.BytesIO()
    classeur.ecrire(fichier, "ods")
    fichier.seek(0)
    livre = CalamineWorkbook.from_filelike(fichier)
    return {nom: livre.get_sheet_by_name(nom).to_python(skip_empty_area=False) for nom in livre.sheet_names}


def en_csv(classeur):
    fichier = io.BytesIO()
    classeur.ecrire(fichier, "csv")
    with ZipFile(fichier) as archive:
        textes_des_feuilles = {nom: archive.read(nom).decode("utf-8-sig") for nom in archive.namelist()}
    return {nom: list(csv.reader(io.StringIO(t), delimiter=";")) for nom, t in textes_des_feuilles.items()}


def simple(contenu):
    """Une cellule lue dans un xlsx ou un ODS, à la même forme ; un nombre au milliardième, un tableur compte en binaire."""
    if contenu is None:
        return ""
    if isinstance(contenu, datetime) and not (contenu.hour or contenu.minute):
        return contenu.date()
    if isinstance(contenu, datetime):
        return contenu.replace(second=0, microsecond=0)
    return round(contenu, 9) if isinstance(contenu, float) else contenu


def cellules_simples(rangees, largeur):
    rangees = [[simple(contenu) for contenu in rangee] for rangee in rangees]
    return [rangee + [""] * (largeur - len(rangee)) for rangee in rangees]


@pytest.mark.parametrize("choix", [CHOIX[0], CHOIX[3], CHOIX[6], CHOIX[7]], ids=str)
def test_l_ods_porte_les_memes_feuilles_et_les_memes_cellules_que_le_xlsx(tire, choix):
    """Garde est horodatée et porte l'empreinte : la même, puisque c'est le même classeur."""
    classeur = classeur_de(tire, choix)
    livre, ods = ouvrir(classeur, data_only=True), en_ods(classeur)
    assert list(ods) == livre.sheetnames == FEUILLES
    for nom in FEUILLES:
        largeur = livre[nom].max_column
        assert cellules_simples(ods[nom], largeur) == cellules_simples(livre[nom].values, largeur), nom


def test_le_zip_porte_un_csv_par_feuille_aux_memes_chiffres(tire):
    classeur = classeur_de(tire)
    livre, fichiers = ouvrir(classeur, data_only=True), en_csv(classeur)
    assert list(fichiers) == [f"{nom}.csv" for nom in FEUILLES]
    for nom in FEUILLES:
        feuille_ = feuille(classeur, nom)
        rangees = livre[nom].iter_rows(min_row=feuille_.premiere_ligne - 1, values_only=True)
        attendues = [[simple(contenu) for contenu in rangee] for rangee in rangees]
        lues = [[relu(texte_) for texte_ in ligne] for ligne in fichiers[f"{nom}.csv"]]
        assert lues == [[relu(en_texte_de_csv(contenu)) for contenu in rangee] for rangee in attendues], nom


def en_texte_de_csv(contenu):
    if isinstance(contenu, datetime):
        return f"{contenu:%d/%m/%Y %H:%M}"
    if isinstance(contenu, date):
        return f"{contenu:%d/%m/%Y}"
    return str(contenu).replace(".", ",") if isinstance(contenu, int | float) else contenu


def relu(contenu):
    """Un nombre français, ou le texte tel quel sans l'apostrophe qui le protège."""
    if re.fullmatch(r"-?\d+(,\d+)?(e-\d+)?", contenu):
        return round(float(contenu.replace(",", ".")), 9)
    return contenu.removeprefix("'")


def test_une_formule_dans_un_intitule_reste_un_texte_dans_les_trois_formats(exemple, exercice):
    titre = '=HYPERLINK("http://x";"clic")'
    Action.objects.filter(pk=exemple.a1.pk).update(intitule=titre)
    classeur = classeur_de(exercice)
    assert titre in {ligne[2] for ligne in en_ods(classeur)["Programmation"]}
    assert f"'{titre}" in {ligne[2] for ligne in en_csv(classeur)["Programmation.csv"]}
    fichier = io.BytesIO()
    classeur.ecrire(fichier, "ods")
    assert "of:=HYPERLINK" not in ZipFile(fichier).read("content.xml").decode()


# --- Le recalcul par LibreOffice ---


def formules_et_valeurs(livre, caches):
    """(feuille, cellule) → valeur de chaque cellule qui porte une formule."""
    return {
        (page.title, cellule.coordinate): caches[page.title][cellule.coordinate].value
        for page in livre
        for ligne in page.iter_rows()
        for cellule in ligne
        if cellule.data_type == "f"
    }


def egales(cache, recalculee):
    if isinstance(cache, int | float) and isinstance(recalculee, int | float):
        return abs(cache - recalculee) < 1e-7
    return (cache or "") == (recalculee or "")


def valeurs_changees(chemin, recalculer):
    """Ce que LibreOffice trouve autrement que la valeur en cache, combien de formules il a lues, et ses écarts."""
    recalcule = load_workbook(recalculer(chemin), data_only=True)
    attendues = formules_et_valeurs(load_workbook(chemin), load_workbook(chemin, data_only=True))
    changees = {
        ou: (attendue, recalcule[ou[0]][ou[1]].value)
        for ou, attendue in attendues.items()
        if not egales(attendue, recalcule[ou[0]][ou[1]].value)
    }
    controles = recalcule["Contrôles"].iter_rows(values_only=True)
    return changees, len(attendues), [ligne[6] for ligne in controles if ligne[0] == "Rapprochement"]


def test_libreoffice_recalcule_chaque_valeur_et_chaque_controle_a_zero(tire, tmp_path, recalculer):
    for choix in (CHOIX[0], CHOIX[3], CHOIX[6], CHOIX[7]):
        chemin = tmp_path / "anct.xlsx"
        classeur_de(tire, choix).ecrire(chemin)
        changees, formules, ecarts = valeurs_changees(chemin, recalculer)
        assert changees == {}
        assert set(ecarts) <= {0, "—"}
        assert (formules > 700, len(ecarts) > 40) == (True, True)


def test_libreoffice_recalcule_l_ods_comme_le_xlsx(tire, tmp_path, recalculer):
    """Toutes les cellules : LibreOffice relit l'ODS, recalcule ses formules, et retrouve les valeurs en cache du xlsx."""
    for choix in (CHOIX[0], CHOIX[6]):
        classeur, chemin = classeur_de(tire, choix), tmp_path / "anct.ods"
        with chemin.open("wb") as fichier:
            classeur.ecrire(fichier, "ods")
        recalcule, attendu = load_workbook(recalculer(chemin)), ouvrir(classeur)
        assert len(formules_et_valeurs(recalcule, recalcule)) == len(formules_et_valeurs(attendu, attendu)) > 700
        recalcule = load_workbook(recalculer(chemin), data_only=True)
        for ou, cache in formules_et_valeurs(attendu, ouvrir(classeur, data_only=True)).items():
            assert egales(cache, recalcule[ou[0]][ou[1]].value), ou


def test_un_exercice_vide_se_recalcule_sans_changer(tmp_path, recalculer):
    exercice = ExerciceFactory()
    QuartierFactory(contrat=ContratFactory())
    chemin = tmp_path / "vide.xlsx"
    classeur_de(exercice, ChoixDeBase(Base.P147_DEMANDE)).ecrire(chemin)
    changees, _, ecarts = valeurs_changees(chemin, recalculer)
    assert (changees, set(ecarts)) == ({}, {0, "—"})


def test_changer_un_statut_dans_programmation_recalcule_tout_et_les_controles_le_disent(
    exemple, exercice, tmp_path, recalculer
):
    """a1 (5 000,01 €) est déprogrammée dans le fichier : tout la perd, et l'écran, resté à 10 000,00 €, la réclame."""
    chemin = tmp_path / "change.xlsx"
    classeur_de(exercice).ecrire(chemin)
    livre = load_workbook(chemin)
    for ligne in livre["Programmation"].iter_rows(min_row=5):
        if ligne[2].value == exemple.a1.intitule:
            next(cellule for cellule in ligne if cellule.value == "Programmée").value = "Déprogrammée"
    livre.save(chemin)
    recalcule = load_workbook(recalculer(chemin), data_only=True)
    for nom in ("Thématiques", "Piliers", "Contrats", "Quartiers"):
        montants = valeurs_du_total(recalcule[nom])
        assert {4999.99, 10000, -5000.01} <= set(montants), nom
    assert {8499.99, 16200, -7700.01} <= set(valeurs_du_total(recalcule["Financeurs"]))
    garde = {ligne[0]: ligne[2] for ligne in recalcule["Garde"].iter_rows(values_only=True)}
    assert garde["Contrôles en écart"] > 0


def valeurs_du_total(page):
    """Les nombres de la ligne de total, au centime : un tableur compte en binaire."""
    (total,) = (ligne for ligne in page.iter_rows(values_only=True) if ligne[0] == "Total")
    return [round(contenu, 2) for contenu in total if isinstance(contenu, int | float)]


# --- L'écran ---


def telecharger(client, format="xlsx", **parametres):
    reponse = client.get(ANCT, {"format": format, **parametres})
    assert reponse.status_code == 200
    return io.BytesIO(b"".join(reponse.streaming_content))


@pytest.fixture
def agent(client, exercice):
    agent = habiliter(Role.AGENT, departement=exercice.departement)
    client.force_login(agent)
    return agent


def test_la_page_dit_ce_que_le_classeur_contiendra_et_que_tout_concorde(client, agent, exercice):
    reponse = client.get(ANCT)
    fiche = textes(reponse, "//dl/dd")
    assert fiche[:4] == [
        "6 actions déposées, dont 4 programmées",
        "tout le département, chaque contrat, chaque quartier",
        "crédits P147 accordés, PRE compris",
        "actions programmées, hors ajournées, non retenues et déprogrammées",
    ]
    assert fiche[4] == "ouvert ; provisoire : 1 action, 2 000,00 € demandés non décidés"
    assert textes(reponse, "//main//div[@role='status']/p") == [
        "65 totaux rapprochés d’une feuille à l’autre et de l’écran : aucun écart."
    ]
    ecarts = textes(reponse, "//main//table[2]//td[last()] | (//main//table)[2]//td[last()]")
    assert set(ecarts) == {"0,00 €", "0", "—"}  # ni poste ni PRE : rien à comparer


def test_la_page_montre_un_ecart_avant_le_telechargement(client, agent, exemple):
    Localisation.objects.filter(action=exemple.a1, quartier=exemple.q3).update(cumul_total=20)
    reponse = client.get(ANCT)
    alerte = textes(reponse, "//main//div[contains(@class, 'fr-alert--error')]//li")
    assert "Coût total et parts du coût : voir Programmation et Répartition" in alerte
    assert "2 500,00 €" in textes(reponse, "//main//td/strong")


def test_le_bouton_donne_le_fichier_de_la_base_montree(client, agent, exercice):
    parametres = {"exercice": exercice.pk, "base": "cout", "pre": "sans"}
    reponse = client.get(ANCT, parametres)
    bouton, *jumeaux = noeuds(reponse, "//a[@download]")
    assert texte(bouton) == "Télécharger le classeur"
    adresse = f"?exercice={exercice.pk}&base=cout&pre=sans&format="
    assert [lien.get("href") for lien in (bouton, *jumeaux)] == [f"{adresse}{f}" for f in ("xlsx", "ods", "csv")]
    fichier = client.get(ANCT + bouton.get("href"))
    assert fichier["Content-Disposition"] == 'attachment; filename="programmation-14-2026-cout-pre-sans.xlsx"'
    livre = load_workbook(io.BytesIO(b"".join(fichier.streaming_content)), data_only=True)
    garde = {ligne[0].value: ligne[1].value for ligne in livre["Garde"].iter_rows()}
    assert garde["Base de calcul"] == "coût prévisionnel, hors contributions volontaires, hors PRE"
    assert 15500 in valeurs_du_total(livre["Contrats"])


@pytest.mark.parametrize(
    ("format", "extension", "type_mime"),
    [
        ("ods", "ods", "application/vnd.oasis.opendocument.spreadsheet"),
        ("csv", "zip", "application/zip"),
    ],
)
def test_les_jumeaux_se_telechargent_sous_le_meme_nom(client, agent, exercice, format, extension, type_mime):
    reponse = client.get(ANCT, {"format": format, "base": "cout"})
    assert reponse["Content-Disposition"] == f'attachment; filename="programmation-14-2026-cout.{extension}"'
    assert reponse["Content-Type"] == type_mime
    assert len(ZipFile(io.BytesIO(b"".join(reponse.streaming_content))).namelist()) > 5


def test_sans_choix_la_page_montre_l_exercice_ouvert_le_plus_recent(client, agent, exercice):
    ExerciceFactory(annee=2027, statut="preparation")
    assert textes(client.get(ANCT), "//main//h2")[0].startswith("2026 – Calvados (14)")
    assert textes(client.get(ANCT), "//select[@name='exercice']/option") == [
        "2027 – Calvados (14)",
        "2026 – Calvados (14)",
    ]


def test_un_departement_sans_exercice_le_dit(client):
    client.force_login(habiliter(Role.AGENT, departement=DepartementFactory(code="30")))
    reponse = client.get(ANCT)
    assert "Aucun exercice n’est encore ouvert." in texte(noeuds(reponse, "//main")[0])


def test_une_lecture_n_ecrit_rien(client, agent, exercice):
    with CaptureQueriesContext(connection) as requetes:
        client.get(ANCT)
        for format in ("xlsx", "ods", "csv"):
            telecharger(client, format)
    assert [r["sql"] for r in requetes if r["sql"].startswith(("INSERT", "UPDATE", "DELETE"))] == []


@pytest.mark.parametrize("role", [Role.AGENT, Role.RESPONSABLE, Role.DELEGUE, Role.LECTEUR])
def test_qui_voit_tout_le_departement_produit_le_classeur(client, exercice, role):
    client.force_login(habiliter(role, departement=exercice.departement))
    assert client.get(ANCT).status_code == 200
    assert load_workbook(telecharger(client)).sheetnames == FEUILLES


def test_un_lecteur_national_choisit_parmi_tous_les_departements(client, exercice):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"), annee=2025)
    client.force_login(habiliter(Role.LECTEUR, france_entiere=True))
    assert textes(client.get(ANCT, {"exercice": gard.pk}), "//main//h2")[0].startswith("2025 – Gard (30)")


def test_qui_ne_voit_pas_tout_le_departement_n_ouvre_pas_la_page(client, exemple):
    exclus = [
        habiliter(Role.PARTENAIRE, departement=exemple.exercice.departement),
        habiliter(Role.PARTENAIRE, france_entiere=True),
        habiliter(Role.AGENT, contrat=exemple.caen),
        habiliter(Role.DELEGUE, quartier=exemple.q1),
    ]
    for personne in exclus:
        client.force_login(personne)
        assert client.get(ANCT).status_code == 403
        assert client.get(ANCT, {"exercice": exemple.exercice.pk, "format": "xlsx"}).status_code == 403
        assert "Classeur ANCT" not in textes(client.get("/compte/"), "//nav//a")


@pytest.mark.parametrize("format", ["", "xlsx", "ods", "csv"])
def test_l_exercice_d_un_autre_departement_n_existe_pas(client, agent, format):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    for valeur_de_l_adresse in (gard.pk, 999_999, "abc", "1e3", "²"):
        assert client.get(ANCT, {"exercice": valeur_de_l_adresse, "format": format}).status_code == 404


def test_le_menu_mene_au_classeur(client, agent):
    assert reverse("pilotage:anct") in [lien.get("href") for lien in noeuds(client.get("/compte/"), "//nav//a")]


# --- La commande ---


def exporter(**options):
    attendues = {"departement": "14", "annee": 2026, "verbosity": 0} | options
    call_command("exporter_anct", **attendues)


def test_la_commande_ecrit_le_meme_classeur_que_l_ecran(client, agent, exercice, tmp_path):
    chemin = tmp_path / "anct.xlsx"
    exporter(sortie=chemin)
    fichier, ecran = load_workbook(chemin, data_only=True), load_workbook(telecharger(client), data_only=True)
    for nom in FEUILLES[1:]:
        assert list(fichier[nom].values) == list(ecran[nom].values)
    assert list(tmp_path.iterdir()) == [chemin]


def test_la_commande_choisit_le_format_d_apres_l_extension(exercice, tmp_path):
    for nom in ("anct.ods", "anct.ZIP"):
        exporter(sortie=tmp_path / nom)
    assert CalamineWorkbook.from_path(tmp_path / "anct.ods").sheet_names == FEUILLES
    assert ZipFile(tmp_path / "anct.ZIP").namelist() == [f"{nom}.csv" for nom in FEUILLES]


def test_la_commande_remplace_le_fichier_existant_et_choisit_la_base(exercice, tmp_path, capsys):
    chemin = tmp_path / "anct.xlsx"
    chemin.write_text("ancien")
    exporter(sortie=chemin, base="cout", sans_pre=True, verbosity=1)
    garde = {ligne[0].value: ligne[1].value for ligne in load_workbook(chemin)["Garde"].iter_rows()}
    assert garde["Base de calcul"] == "coût prévisionnel, hors contributions volontaires, hors PRE"
    assert capsys.readouterr().out == f"{chemin} : 6 actions déposées.\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"departement": "99"}, "Le département « 99 » n’est pas chargé."),
        ({"annee": 2031}, "Calvados (14) n’a pas d’exercice 2031 (exercices : 2026)."),
        ({"sortie": Path("absent/anct.xlsx")}, "Le dossier « absent » n’existe pas."),
        ({"sortie": Path("anct.csv")}, "« anct.csv » ne finit ni par .xlsx, ni par .ods, ni par .zip"),
    ],
)
def test_la_commande_dit_ce_qui_ne_va_pas(exercice, tmp_path, options, message):
    options = {"sortie": tmp_path / "anct.xlsx"} | options
    with pytest.raises(CommandError, match=re.escape(message)):
        exporter(**options)
    assert list(tmp_path.iterdir()) == []


def test_la_commande_crie_un_controle_en_ecart(exemple, tmp_path, capsys):
    Localisation.objects.filter(action=exemple.a1, quartier=exemple.q3).update(cumul_total=20)
    exporter(sortie=tmp_path / "anct.xlsx", verbosity=1)
    assert "Coût total et parts du coût. Voir Programmation et Répartition." in capsys.readouterr().err
