"""L'export est la liste : mêmes lignes, mêmes colonnes, même ordre, à l'écran, en xlsx, en ODS et en CSV."""

import csv
import io
import re
from decimal import Decimal
from html import unescape

import pytest
from django.utils import timezone
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from comptes.enums import Role
from comptes.models import Habilitation
from politique_ville.outils.francais import INCONNU
from programmation.enums import FamilleFinanceur
from programmation.models import PartenaireFinanceur
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    ExerciceFactory,
    FinanceurFactory,
    QuartierFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db

LISTE = "/programmation/actions/"
RETOUR = ["Clé", "Version"]


@pytest.fixture
def agent(client):
    utilisateur = habiliter(Role.AGENT, departement=ExerciceFactory().departement)
    client.force_login(utilisateur)
    return utilisateur


@pytest.fixture
def actions(agent):
    caen = ContratFactory(intitule="Caen la mer")
    ludo = ActionFactory(contrat=caen, intitule="Ludothèque", dossier="00054562", cout_previsionnel=euros("900,01"))
    p147(ludo, demande="500,00", propose="400,00")
    localiser(ludo, {QuartierFactory(contrat=caen): 1, QuartierFactory(contrat=caen): 2})
    return [ludo, action_programmee(accorde="1234,50", intitule="Écoute"), ActionFactory(brouillon=True)]


def tableau_de_l_ecran(client, **parametres):
    """Les titres et les cellules lus dans la page, en texte."""
    page = client.get(LISTE, parametres).content.decode()
    entete, corps = re.search(r"<thead>(.*?)</thead>.*?<tbody>(.*?)</tbody>", page, re.DOTALL).groups()
    titres = [mots(c) for c in re.findall(r"<a class=\"pv-tri\"[^>]*>(.*?)<span", entete, re.DOTALL)]
    lignes = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", ligne, re.DOTALL) for ligne in corps.split("</tr>")[:-1]]
    return titres, [[mots(cellule) for cellule in cellules if "checkbox" not in cellule] for cellules in lignes]


def mots(html):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", html))).strip()


def xlsx(client, **parametres):
    reponse = client.get(LISTE, parametres | {"format": "xlsx"})
    return reponse, load_workbook(io.BytesIO(b"".join(reponse.streaming_content)))


def lignes_de_l_ods(client, feuille="Actions", **parametres):
    """Les lignes d'une feuille de l'ODS, une cellule vide valant None comme en xlsx."""
    reponse = client.get(LISTE, parametres | {"format": "ods"})
    livre = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(reponse.streaming_content)))
    lignes = livre.get_sheet_by_name(feuille).to_python()
    return [tuple(None if valeur == "" else valeur for valeur in ligne) for ligne in lignes]


def lignes_du_csv(client, **parametres):
    reponse = client.get(LISTE, parametres | {"format": "csv"})
    texte = b"".join(reponse.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(texte), delimiter=";"))


def en_texte_d_ecran(valeur):
    """Une cellule de tableur comme l'écran l'écrit."""
    if valeur is None:
        return ""
    if isinstance(valeur, int | float):
        return f"{Decimal(str(valeur)):,.2f} €".replace(",", " ").replace(".", ",")
    return str(valeur)


@pytest.mark.parametrize("parametres", [{}, {"tri": "-cout"}, {"tri": "statut"}, {"q": "e"}, {"statut": "programmee"}])
def test_l_ecran_et_les_fichiers_ont_les_memes_lignes_colonnes_et_ordre(client, actions, parametres):
    titres, lignes = tableau_de_l_ecran(client, **parametres)
    entete, *cellules = xlsx(client, **parametres)[1]["Actions"].iter_rows(values_only=True)
    assert list(entete) == titres + RETOUR
    assert [[en_texte_d_ecran(v) for v in ligne[:-2]] for ligne in cellules] == [
        ["" if cellule == INCONNU else cellule for cellule in ligne] for ligne in lignes
    ]
    assert lignes_de_l_ods(client, **parametres) == [entete, *cellules]
    entete_csv, *lignes_csv = lignes_du_csv(client, **parametres)
    assert entete_csv == titres + RETOUR
    assert [ligne[1] for ligne in lignes_csv] == [ligne[1] for ligne in lignes]


def test_les_montants_sont_de_vrais_nombres_et_la_cle_et_la_version_suivent(client, actions):
    ludo = actions[0]
    ligne = next(row for row in xlsx(client)[1]["Actions"].iter_rows(values_only=True) if row[1] == "Ludothèque")
    assert ligne[7:] == (900.01, 500, 400, None, str(ludo.cle), ludo.version)
    csv_ = next(row for row in lignes_du_csv(client) if row[1] == "Ludothèque")
    assert csv_[7:] == ["900,01", "500,00", "400,00", "", str(ludo.cle), "1"]
    assert next(row for row in lignes_de_l_ods(client) if row[1] == "Ludothèque") == ligne


def test_l_ods_porte_le_meme_nom_et_la_meme_lecture_que_le_xlsx(client, actions):
    reponse = client.get(LISTE, {"format": "ods", "statut": "deposee"})
    assert b"".join(reponse.streaming_content).startswith(b"PK")
    jour = timezone.localdate().isoformat()
    assert reponse["Content-Type"] == "application/vnd.oasis.opendocument.spreadsheet"
    assert f'filename="actions-2026-calvados-14-au-{jour}.ods"' in reponse["Content-Disposition"]
    lecture = dict(lignes_de_l_ods(client, "Lecture", statut="deposee")[1:])
    assert (lecture["Exercice"], lecture["Statut"]) == ("2026 – Calvados (14)", "Déposée")


@pytest.mark.parametrize("format", ["xlsx", "ods", "csv"])
def test_un_anonyme_n_exporte_rien(client, actions, format):
    client.logout()
    assert client.get(LISTE, {"format": format}).status_code == 302


def test_l_ecran_propose_les_trois_formats(client, actions):
    page = client.get(LISTE).content.decode()
    assert re.findall(r"href=\"[^\"]*format=(\w+)\" download", page) == ["xlsx", "ods", "csv"]


def test_filtre_par_quartier_le_fichier_porte_la_part(client, actions):
    premier = actions[0].localisations.order_by("quartier_id").first().quartier
    _, ligne = xlsx(client, quartier=premier.pk)[1]["Actions"].iter_rows(values_only=True)
    assert ligne[7:10] == (300, 166.66, 133.33)


def test_une_formule_en_tete_de_titre_reste_un_texte(client, agent):
    ActionFactory(intitule='=HYPERLINK("http://piege";"Cliquer")')
    feuille = xlsx(client)[1]["Actions"]
    assert (feuille["B2"].value, feuille["B2"].data_type) == ('=HYPERLINK("http://piege";"Cliquer")', "s")
    assert lignes_du_csv(client)[1][1] == '\'=HYPERLINK("http://piege";"Cliquer")'
    assert lignes_de_l_ods(client)[1][1] == '=HYPERLINK("http://piege";"Cliquer")'


def test_le_fichier_depasse_la_page_et_le_paquet(client, agent, monkeypatch):
    monkeypatch.setattr("programmation.exports.PAQUET", 7)
    contrat = ContratFactory()
    for numero in range(60):
        ActionFactory(contrat=contrat, intitule=f"A{numero:02}")
    titres = [row[1] for row in xlsx(client, tri="-action", page=2)[1]["Actions"].iter_rows(values_only=True)]
    assert titres == ["Action", *(f"A{numero:02}" for numero in range(59, -1, -1))]


def test_le_fichier_porte_un_nom_date_et_dit_ses_filtres_et_ses_totaux(client, actions):
    reponse, livre = xlsx(client, statut="deposee", q="ludo")
    jour = timezone.localdate().isoformat()
    assert f'filename="actions-2026-calvados-14-au-{jour}.xlsx"' in reponse["Content-Disposition"]
    lecture = dict(livre["Lecture"].iter_rows(min_row=2, values_only=True))
    assert lecture["Exercice"] == "2026 – Calvados (14)"
    assert lecture["Recherche (intitulé, dossier, porteur, quartier ou commune)"] == "ludo"
    assert lecture["Statut"] == "Déposée"
    assert lecture["Demandé P147"] == "500,00\u00a0€"
    assert lecture["Contenu"].startswith("1 action au statut «\u00a0Déposée\u00a0», au ")


def test_un_filtre_refuse_donne_un_fichier_vide(client, actions):
    assert len(lignes_du_csv(client, contrat="999999")) == 1


def test_l_export_reste_dans_le_perimetre(client, actions):
    ActionFactory(exercice=ExerciceFactory(departement=DepartementFactory(code="30")), intitule="Au Gard")
    assert len(lignes_du_csv(client)) == len(lignes_de_l_ods(client)) == 1 + len(actions)


def test_un_partenaire_financeur_n_exporte_que_ses_lignes(client, actions):
    caf = FinanceurFactory(nom="CAF", famille=FamilleFinanceur.CAF)
    cofinancement(actions[1], caf, demande=300, accorde=200)
    utilisateur = habiliter(Role.PARTENAIRE, departement=actions[1].exercice.departement)
    PartenaireFinanceur.objects.create(habilitation=Habilitation.objects.get(utilisateur=utilisateur), financeur=caf)
    client.force_login(utilisateur)
    entete, ligne = lignes_du_csv(client)
    assert entete[7:] == ["Coût prévisionnel", "Demandé (vos lignes)", "Accordé (vos lignes)", *RETOUR]
    assert ligne[8:10] == ["300,00", "200,00"]
    assert [ligne[8:10] for ligne in lignes_de_l_ods(client)[1:]] == [(300, 200)]


def test_le_fichier_fait_autant_de_requetes_a_une_et_trois_lignes(client, agent, django_assert_max_num_queries):
    comptes = []
    for nombre in (1, 2):
        for _ in range(nombre):
            p147(ActionFactory())
        with django_assert_max_num_queries(24) as captees:
            lignes_du_csv(client)
            lignes_de_l_ods(client)
        comptes.append(len(captees.captured_queries))
    assert comptes[0] == comptes[1]
