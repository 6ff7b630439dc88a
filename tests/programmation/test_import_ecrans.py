"""Les écrans d'import : de la liste vide à la confirmation, et ce que chacun a le droit d'y faire."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone
from openpyxl import load_workbook

from comptes.enums import Role
from programmation import operations
from programmation.enums import StatutExercice
from programmation.imports import lots
from programmation.models import Action, Lot, ModeleDeColonnes
from territoires.models import ContratDeVille
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    ExerciceFactory,
    UtilisateurFactory,
    habiliter,
)
from tests.imports import FICHIERS, fichier, monde_des_fichiers, octets_xlsx
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db
LISTE = "/programmation/imports/"
AJOUTER = "/programmation/imports/ajouter/"


@pytest.fixture
def exercice():
    return monde_des_fichiers()


@pytest.fixture
def agent(exercice, client):
    personne = habiliter(Role.AGENT, departement=exercice.departement)
    client.force_login(personne)
    return personne


@pytest.fixture
def lot(exercice, agent):
    return lots.deposer(fichier(["Intitulé", "Contrat"], ["Un", "CN01403M"]), exercice, par=agent)


def deposer(client, exercice, nom="actions.ods", contenu=None, **champs):
    contenu = (FICHIERS / nom).read_bytes() if contenu is None else contenu
    donnees = {"quoi": "actions", "exercice": exercice.pk, "fichier": SimpleUploadedFile(nom, contenu), **champs}
    return client.post(AJOUTER, donnees)


def choix_des_colonnes(page):
    """Les valeurs du formulaire telles que la page les propose."""
    cachees = {
        n.get("name"): n.get("value") for n in noeuds(page, "//main//form[@method='post']//input[@type='hidden']")
    }
    for choix in noeuds(page, "//main//form[@method='post']//select"):
        retenue = choix.xpath(".//option[@selected]/@value")
        cachees[choix.get("name")] = retenue[0] if retenue else ""
    return cachees


def test_la_liste_vide_dit_a_quoi_sert_un_import(client, agent):
    page = client.get(LISTE)
    assert textes(page, "//h1") == ["Imports"]
    assert "Rien n’est écrit avant d’avoir lu ce qui changera" in page.content.decode()


def test_du_fichier_a_la_liste_des_actions(client, exercice, agent):
    reponse = deposer(client, exercice)
    lot = Lot.objects.get()
    assert reponse.url == f"/programmation/imports/{lot.pk}/colonnes/"
    page = client.get(reponse.url)
    choix = choix_des_colonnes(page)
    assert (choix["feuille"], choix["ligne"], choix["colonne_0"], choix["colonne_14"]) == (
        "Programmation",
        "3",
        "dossier",
        "",
    )
    reponse = client.post(page.request["PATH_INFO"], choix | {"colonne_14": "description", "nom_du_modele": "Service"})
    assert reponse.url == f"/programmation/imports/{lot.pk}/"
    page = client.get(reponse.url)
    assert "Toutes (3)" in textes(page, "//nav[@aria-label='Filtrer les lignes']//a")
    assert "ANCT – P147 – demandé" in page.content.decode()
    reponse = client.post(f"/programmation/imports/{lot.pk}/confirmer/", follow=True)
    assert textes(reponse, "//*[@role='status']") == ["« actions.ods » est importé."]
    assert Action.objects.get(dossier="00054562").description == "A-12"
    assert ModeleDeColonnes.objects.get().correspondance["colonnes"]["description"] == "Repère interne"


def test_l_ecran_dit_les_brouillons_et_une_case_depose_ceux_qui_sont_complets(client, agent, lot):
    lots.planifier(lot, par=agent)
    page = client.get(f"/programmation/imports/{lot.pk}/")
    assert "Actions créées : 1 en brouillon." in " ".join(textes(page, "//main//p"))
    assert textes(page, "//label[@for='deposer']")[0].startswith("Déposer les actions créées qui sont complètes")
    client.post(f"/programmation/imports/{lot.pk}/confirmer/", {"deposer": "oui"})
    assert Action.objects.get().statut == "brouillon", "il lui manque sa thématique"
    assert "naît en brouillon" in client.get(AJOUTER).content.decode()


def test_la_liste_montre_les_lots_leur_etat_et_leurs_auteurs(client, exercice, agent, lot):
    lots.planifier(lot, par=agent)
    lots.confirmer(lot, par=agent)
    lots.deposer(fichier(["Intitulé", "Contrat"], ["Deux", "CN01403M"], nom="second.xlsx"), exercice, par=agent)
    lignes = textes(client.get(LISTE), "//tbody/tr")
    assert lignes[0].startswith(
        "second.xlsx Actions et plans de financement 2026 – Calvados (14) Colonnes à régler — —"
    )
    assert lignes[1].startswith("actions.xlsx Actions et plans de financement 2026 – Calvados (14) Appliqué 1 0")
    assert str(agent) in lignes[1]


def test_la_liste_fait_autant_de_requetes_pour_un_lot_que_pour_trois(
    client, exercice, agent, django_assert_num_queries
):
    depose = fichier(["Intitulé", "Contrat"], ["Un", "CN01403M"])
    lots.planifier(lots.deposer(depose, exercice, par=agent), par=agent)
    client.get(LISTE)
    with django_assert_num_queries(6):
        client.get(LISTE)
    for _ in range(2):
        lots.planifier(lots.deposer(depose, exercice, par=agent), par=agent)
    with django_assert_num_queries(6):
        client.get(LISTE)


def test_le_plan_survit_au_rechargement_sans_relire_le_fichier(client, agent, lot):
    lots.planifier(lot, par=agent)
    lot.fichier.storage.delete(lot.fichier.name)
    for _ in range(2):
        page = client.get(f"/programmation/imports/{lot.pk}/")
        assert textes(page, "//tbody/tr/th") == ["Ensemble de l’exercice", "Contrat de ville de Caen la mer"]
        assert textes(page, "//p[classe('pv-import-titre')]") == ["Ligne 2 Créée Un"]


def test_un_lot_sans_plan_mene_a_ses_colonnes(client, agent, lot):
    assert client.get(f"/programmation/imports/{lot.pk}/").url == f"/programmation/imports/{lot.pk}/colonnes/"


def test_le_plan_se_filtre_et_se_pagine(client, exercice, agent):
    lignes = [[f"Action {n}", "CN01403M"] for n in range(60)] + [["Fausse", "Nulle part"]]
    lot = lots.deposer(fichier(["Intitulé", "Contrat"], *lignes), exercice, par=agent)
    lots.planifier(lot, par=agent)
    page = client.get(f"/programmation/imports/{lot.pk}/?statut=cree&page=2")
    assert len(noeuds(page, "//ul[classe('pv-import-lignes')]/li")) == 10
    page = client.get(f"/programmation/imports/{lot.pk}/?statut=refuse")
    messages = textes(page, "//li[classe('pv-import-refus')]")
    assert messages == ["Refus, B62 : « Nulle part » inconnu : choisir dans la liste de référence."]
    assert "Confirmer" not in page.content.decode()


def test_les_refus_se_montrent_d_abord_et_les_avertissements_se_filtrent(client, exercice, agent):
    """Sur mille lignes, trois refus et deux avertissements ne se cherchent pas page après page."""
    lignes = [[f"Action {n}", "CN01403M", None] for n in range(60)]
    lignes += [["Fausse", "Nulle part", None], ["Neuve", "CN01403M", "Lire à Caen"]]
    lot = lots.deposer(fichier(["Intitulé", "Contrat", "Porteur"], *lignes), exercice, par=agent)
    lots.planifier(lot, par=agent)
    adresse, titres = f"/programmation/imports/{lot.pk}/", "//p[classe('pv-import-titre')]"
    page = client.get(adresse)
    assert textes(page, titres) == ["Ligne 62 Refusée Fausse"]
    assert textes(page, "//nav[classe('pv-import-filtre')]//a") == [
        "Toutes (62)",
        "Créées (61)",
        "Refusées (1)",
        "Avec un avertissement (1)",
    ]
    assert textes(page, "//a[classe('fr-tag')][@aria-current]") == ["Refusées (1)"]
    page = client.get(f"{adresse}?statut=averties")
    assert textes(page, titres) == ["Ligne 63 Créée Neuve"]
    assert textes(page, "//a[classe('fr-tag')][@aria-current]") == ["Avec un avertissement (1)"]
    assert len(textes(client.get(f"{adresse}?statut="), titres)) == 50


def test_ce_que_fera_la_confirmation_se_lit_avant_de_confirmer(client, exercice, agent):
    ActionFactory(exercice=exercice, contrat=ContratDeVille.objects.get(), dossier="00054562", intitule="Lire")
    lignes = [["00054561", "Danser", "CN01403M", "La Danse"], ["00054562", "Boxer", "CN01403M", "La Boxe"]]
    lignes += [[None, f"Action {n}", "CN01403M", None] for n in range(20)]
    lot = lots.deposer(fichier(["Dossier", "Intitulé", "Contrat", "Porteur"], *lignes), exercice, par=agent)
    lots.planifier(lot, par=agent)
    page = client.get(f"/programmation/imports/{lot.pk}/")
    assert textes(page, "//p[classe('fr-text--lead')]") == ["Lignes du fichier : 21 créées, 1 modifiée."]
    assert textes(page, "//a[@href='?statut=averties']") == ["3 avertissements", "Avec un avertissement (2)"]
    page = client.get(f"/programmation/imports/{lot.pk}/?statut=averties")
    assert textes(page, "//p[classe('pv-import-titre')]") == ["Ligne 3 Modifiée Boxer", "Ligne 2 Créée Danser"]


def test_un_refus_que_beaucoup_de_lignes_partagent_est_aussi_dit_en_tete(client, exercice, agent):
    lignes = [[f"Action {n}", "CN01403M", "Insertion"] for n in range(7)] + [["Autre", "CN01403M", "Sport"]]
    lot = lots.deposer(fichier(["Intitulé", "Contrat", "Thématique"], *lignes), exercice, par=agent)
    lots.planifier(lot, par=agent)
    page = client.get(f"/programmation/imports/{lot.pk}/")
    assert textes(page, "//div[classe('fr-alert--error')]")[1:] == [
        "Thématique : « Insertion » inconnu : choisir dans la liste de référence. 7 lignes : 2, 3, 4, 5, 6 et 2 autres."
    ]
    assert len(textes(page, "//li[classe('pv-import-refus')]")) == 8


def test_une_ligne_illisible_garde_son_intitule(client, exercice, agent):
    lot = lots.deposer(fichier(["Intitulé", "Contrat", "Coût"], ["Lire", "CN01403M", "cher"]), exercice, par=agent)
    lots.planifier(lot, par=agent)
    page = client.get(f"/programmation/imports/{lot.pk}/")
    assert textes(page, "//p[classe('pv-import-titre')]") == ["Ligne 2 Refusée Lire"]


def test_un_refus_empeche_de_confirmer_et_se_telecharge_annote(client, exercice, agent):
    lot = lots.deposer(fichier(["Intitulé", "Contrat"], ["Un", "Nulle part"]), exercice, par=agent)
    lots.planifier(lot, par=agent)
    client.post(f"/programmation/imports/{lot.pk}/confirmer/")
    assert Action.objects.count() == 0
    reponse = client.get(f"/programmation/imports/{lot.pk}/annote/")
    assert reponse["Content-Disposition"] == 'attachment; filename="actions-annote.xlsx"'
    livre = load_workbook(io.BytesIO(b"".join(reponse.streaming_content)))
    assert "inconnu" in livre["Actions"]["B2"].comment.text


def test_un_double_clic_sur_confirmer_n_importe_qu_une_fois(client, agent, lot):
    lots.planifier(lot, par=agent)
    for _ in range(2):
        reponse = client.post(f"/programmation/imports/{lot.pk}/confirmer/", follow=True)
    assert Action.objects.count() == 1
    assert "Cet import est déjà écrit" in reponse.content.decode()


def test_une_base_qui_a_change_renvoie_au_nouveau_plan(client, exercice, agent, lot):
    lots.planifier(lot, par=agent)
    ActionFactory(exercice=exercice, contrat=exercice.departement.contrats.get(), intitule="Un")
    reponse = client.post(f"/programmation/imports/{lot.pk}/confirmer/", follow=True)
    assert textes(reponse, "//*[@role='alert']") == [
        "Rien n’est écrit : la base a changé depuis cet aperçu. Relire le nouveau plan.",
        "Ligne 2 : elle était créée, elle serait maintenant inchangée.",
    ]


def test_une_lecture_ne_confirme_rien(client, agent, lot):
    lots.planifier(lot, par=agent)
    assert client.get(f"/programmation/imports/{lot.pk}/confirmer/").status_code == 405


# --- Les colonnes ---


def test_choisir_une_autre_feuille_relit_sans_rien_ecrire(client, exercice, agent):
    deposer(client, exercice)
    lot = Lot.objects.get()
    page = client.get(f"/programmation/imports/{lot.pk}/colonnes/?feuille=Garde&ligne=1")
    assert textes(page, "//tbody/tr/th") == ["Programmation 2026, extraite le 12/03/2026"]
    lot.refresh_from_db()
    assert lot.correspondance["feuille"] == "Programmation"


def test_une_ligne_de_titres_impossible_est_expliquee(client, agent, lot):
    page = client.get(f"/programmation/imports/{lot.pk}/colonnes/?feuille=Actions&ligne=900")
    assert "n’a pas d’en-têtes à la ligne 900" in page.content.decode()
    page = client.get(f"/programmation/imports/{lot.pk}/colonnes/?feuille=Inconnue&ligne=zero")
    assert page.status_code == 200


def test_la_meme_donnee_dans_deux_colonnes_est_refusee(client, agent, lot):
    page = client.get(f"/programmation/imports/{lot.pk}/colonnes/")
    choix = choix_des_colonnes(page) | {"colonne_1": "intitule"}
    page = client.post(f"/programmation/imports/{lot.pk}/colonnes/", choix)
    assert "La colonne A porte déjà cette donnée." in page.content.decode()


def test_sans_colonne_qui_reconnaisse_une_action_le_plan_est_refuse(client, agent, lot):
    page = client.get(f"/programmation/imports/{lot.pk}/colonnes/")
    page = client.post(f"/programmation/imports/{lot.pk}/colonnes/", choix_des_colonnes(page) | {"colonne_0": ""})
    assert "Colonne introuvable" in page.content.decode()


def test_un_champ_forge_est_refuse(client, agent, lot):
    page = client.get(f"/programmation/imports/{lot.pk}/colonnes/")
    page = client.post(
        f"/programmation/imports/{lot.pk}/colonnes/", choix_des_colonnes(page) | {"colonne_0": "statut_forge"}
    )
    assert page.status_code == 200
    lot.refresh_from_db()
    assert lot.plan == {}


def test_les_colonnes_d_un_lot_applique_ne_se_reglent_plus(client, agent, lot):
    lots.planifier(lot, par=agent)
    lots.confirmer(lot, par=agent)
    assert client.get(f"/programmation/imports/{lot.pk}/colonnes/").url == f"/programmation/imports/{lot.pk}/"


def test_une_correspondance_gardee_se_propose_au_fichier_suivant(client, exercice, agent, lot):
    page = client.get(f"/programmation/imports/{lot.pk}/colonnes/")
    reglee = choix_des_colonnes(page) | {"colonne_1": "", "nom_du_modele": "Service"}
    client.post(f"/programmation/imports/{lot.pk}/colonnes/", reglee)
    modele = ModeleDeColonnes.objects.get()
    assert "Service" in client.get(AJOUTER).content.decode()
    suivant = octets_xlsx(["Contrat", "Intitulé"], ["CN01403M", "Deux"])
    reponse = deposer(client, exercice, "suivant.xlsx", suivant, modele_de_colonnes=modele.pk)
    choix = choix_des_colonnes(client.get(reponse.url))
    assert (choix["colonne_0"], choix["colonne_1"]) == ("", "intitule")


# --- Fichiers hostiles ou maladroits ---


@pytest.mark.parametrize(
    ("nom", "contenu", "phrase"),
    [
        ("actions.exe", b"MZ", "n’est ni un .xlsx"),
        ("actions.xlsx", b"Intitule;Contrat", "n’est pas celui d’un fichier .xlsx"),
        ("actions.xlsx", b"PK\x03\x04 tronque", "abîmé ou incomplet"),
        ("actions.csv", b"   ", "est vide"),
        ("actions.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "abîmé ou incomplet"),
        ("actions.csv", b"Date de naissance;Nom de l'enfant\r\n2015;X", "des données sur des personnes"),
    ],
)
def test_un_mauvais_fichier_est_explique_et_rien_n_est_garde(client, exercice, agent, nom, contenu, phrase):
    page = deposer(client, exercice, nom, contenu)
    assert page.status_code == 200
    assert phrase in page.content.decode()
    assert Lot.objects.count() == 0


def test_sans_fichier_le_formulaire_revient(client, exercice, agent):
    page = client.post(AJOUTER, {"quoi": "actions", "exercice": exercice.pk})
    assert "Un point à corriger" in page.content.decode()


def test_le_fichier_depose_n_est_pas_servi(client, agent, lot):
    for adresse in (f"/media/{lot.fichier.name}", f"/{lot.fichier.name}"):
        assert client.get(adresse).status_code == 404


def test_un_titre_malveillant_reste_du_texte(client, exercice, agent):
    piege = "<script>alert(1)</script>"
    lot = lots.deposer(fichier(["Intitulé", "Contrat", piege], [piege, "CN01403M", piege]), exercice, par=agent)
    assert piege not in client.get(f"/programmation/imports/{lot.pk}/colonnes/").content.decode()
    lots.planifier(lot, par=agent)
    assert piege not in client.get(f"/programmation/imports/{lot.pk}/").content.decode()


# --- Qui importe, et où ---


def test_un_exercice_clos_et_une_campagne_figee_sont_expliques_avant_de_deposer(client, exercice, agent):
    ExerciceFactory(annee=2025, statut=StatutExercice.CLOS)
    exercice.campagnes.update(figee_le=timezone.now())
    page = client.get(AJOUTER)
    assert textes(page, "//*[@role='status']") == [
        "Exercices clos, où plus rien ne s’importe : 2025 – Calvados (14).",
        "2026 – Calvados (14), campagnes figées : « Campagne 2026 ». Aucune action ne s’y ajoute ; celles qu’elles ont déjà "
        "se corrigent.",
    ]
    assert textes(page, "//select[@name='exercice']/option") == ["2026 – Calvados (14)"]


def test_un_exercice_clos_forge_est_refuse(client, exercice, agent):
    clos = ExerciceFactory(annee=2025, statut=StatutExercice.CLOS)
    assert deposer(client, clos).status_code == 200
    assert Lot.objects.count() == 0


@pytest.mark.parametrize("role", [Role.DELEGUE, Role.LECTEUR, Role.PARTENAIRE])
def test_qui_lit_n_importe_pas_et_ne_trouve_aucun_lot(client, exercice, lot, role):
    client.force_login(habiliter(role))
    for adresse in adresses(exercice, lot):
        assert client.get(adresse).status_code == (403 if adresse in (LISTE, AJOUTER) else 404)


def test_un_agent_d_un_autre_departement_ne_voit_ni_les_lots_ni_l_exercice(client, exercice, agent, lot):
    lots.planifier(lot, par=agent)
    du_gard = habiliter(Role.AGENT, departement=DepartementFactory(code="30"))
    client.force_login(du_gard)
    for adresse in adresses(exercice, lot)[2:]:
        assert client.get(adresse).status_code == 404
    assert client.post(f"/programmation/imports/{lot.pk}/confirmer/").status_code == 404
    assert client.post(f"/programmation/imports/{lot.pk}/colonnes/").status_code == 404
    assert "actions.xlsx" not in client.get(LISTE).content.decode()
    assert deposer(client, exercice).status_code == 200
    assert (Lot.objects.count(), Action.objects.count()) == (1, 0)


def test_l_agent_d_un_seul_contrat_lit_pourquoi_il_n_importe_pas(client, exercice, lot):
    client.force_login(habiliter(Role.AGENT, contrat=ContratFactory()))
    assert "il faut être agent ou responsable d’un département entier" in client.get(LISTE).content.decode()
    assert "Aucun département où importer." in client.get(AJOUTER).content.decode()
    assert client.get(f"/programmation/imports/{lot.pk}/").status_code == 404


def test_sans_connexion_rien_ne_s_ouvre(client, exercice, lot):
    client.force_login(UtilisateurFactory())
    client.logout()
    for adresse in adresses(exercice, lot):
        assert client.get(adresse).status_code == 302


def test_un_collegue_du_departement_confirme_le_lot(client, exercice, agent, lot):
    lots.planifier(lot, par=agent)
    collegue = habiliter(Role.RESPONSABLE, departement=exercice.departement)
    client.force_login(collegue)
    client.post(f"/programmation/imports/{lot.pk}/confirmer/")
    assert Action.history.get().history_user == collegue


def test_le_modele_vide_se_telecharge(client, exercice, agent):
    reponse = client.get(f"/programmation/imports/modele/{exercice.pk}/")
    assert reponse["Content-Disposition"] == 'attachment; filename="actions-a-importer-14-2026.xlsx"'
    livre = load_workbook(io.BytesIO(b"".join(reponse.streaming_content)))
    assert "Intitulé" in [cellule.value for cellule in livre["Actions"][1]]


def adresses(exercice, lot):
    return [
        LISTE,
        AJOUTER,
        f"/programmation/imports/modele/{exercice.pk}/",
        f"/programmation/imports/{lot.pk}/",
        f"/programmation/imports/{lot.pk}/colonnes/",
        f"/programmation/imports/{lot.pk}/annote/",
    ]


def test_un_fichier_xlsx_mal_forme_dans_ses_lignes_ne_casse_rien(client, exercice, agent):
    octets = octets_xlsx(
        ["Intitulé", "Contrat", "Coût total", "Début"], [12, 12, "x" * 500, True], [None, None, "=1/0", 3.5]
    )
    reponse = deposer(client, exercice, "bizarre.xlsx", octets)
    page = client.get(reponse.url)
    reponse = client.post(reponse.url, choix_des_colonnes(page), follow=True)
    assert reponse.status_code == 200
    assert "Rien ne peut être importé" in reponse.content.decode()


def test_un_conflit_montre_ses_trois_valeurs(client, exercice, agent, lot):
    lots.planifier(lot, par=agent)
    lots.confirmer(lot, par=agent)
    action = Action.objects.get()
    operations.enregistrer([operations.SaisieAction(champs={"intitule": "Deux"}, action=action)], par=agent)
    retour = lots.deposer(fichier(["Clé", "Version", "Action"], [str(action.cle), 1, "Trois"]), exercice, par=agent)
    lots.planifier(retour, par=agent)
    page = client.get(f"/programmation/imports/{retour.pk}/")
    assert "Intitulé : à l’export « Un », en base « Deux », dans le fichier « Trois »" in textes(page, "//main//li")


@pytest.mark.django_db(transaction=True)
def test_deux_collegues_qui_confirment_ensemble_n_importent_qu_une_fois(exercice, agent, lot):
    lots.planifier(lot, par=agent)

    def confirmer(_):
        try:
            lots.confirmer(lot, par=agent)
            return "importé"
        except lots.DejaApplique:
            return "déjà"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as fils:
        assert sorted(fils.map(confirmer, range(2))) == ["déjà", "importé"]
    assert Action.objects.count() == 1
