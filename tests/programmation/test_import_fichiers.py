"""De vrais fichiers : écrits par LibreOffice, revenus de nos exports, issus du modèle vide, ou hostiles."""

import io
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import load_workbook

from comptes.enums import Role
from politique_ville.outils.classeur import classeur
from politique_ville.outils.tableur.fichier import FichierRefuse
from programmation.imports import lots
from programmation.imports.en_clair import A_CREER, lieux
from programmation.imports.en_clair import en_clair as en_mots
from programmation.imports.modele_vide import modele_vide
from programmation.models import Action, Lot
from territoires.models import Quartier
from tests.fabriques import ContratFactory, QuartierFactory, habiliter
from tests.imports import (
    compteurs,
    csv,
    en_clair,
    fichier,
    fichier_d_essai,
    importer,
    messages,
    monde_des_fichiers,
    octets_xlsx,
    planifier,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def exercice():
    return monde_des_fichiers()


@pytest.fixture
def agent(exercice):
    return habiliter(Role.AGENT, departement=exercice.departement)


def test_les_quatre_formats_ecrits_par_libreoffice_donnent_le_meme_plan(exercice, agent):
    plans = [
        planifier(fichier_d_essai(f"actions.{extension}"), exercice, agent)
        for extension in ("ods", "xlsx", "xls", "csv")
    ]
    assert [plan.lignes == plans[0].lignes for plan in plans] == [True] * 4
    assert compteurs(plans[0]) == {"cree": 3}
    assert en_clair(plans[0].lignes[0].apres) == {
        "Intitulé": "Lire au pied des tours",
        "Échelle": "Contrat de ville",
        "Contrat de ville": "Contrat de ville de Caen la mer",
        "Dossier Dauphin": "00054562-01",
        "Thématique": "1.1 Éducation",
        "Pilier": "Cohesion sociale",
        "Dispositif": "Contrat de ville",
        "Porteur": "Lire à Caen (à créer)",
        "Origine": "Reconduite",
        "Durée": "Annuelle",
        "Début": "01/01/2026",
        "Fin": "31/12/2026",
        "Coût prévisionnel": "10 000,00 €",
        "Statut": "Déposée",
        "Quartiers": "Chemin Vert : 2 ; Guérinière : 1",
        "ANCT – P147 – demandé": "6 000,50 €",
        "CAF du Calvados – demandé": "2 500,00 €",
        "Région Normandie – demandé": "1 499,50 €",
    }


@pytest.mark.parametrize("extension", ["ods", "xlsx", "xls", "csv"])
def test_un_fichier_de_libreoffice_s_importe_puis_se_rejoue_sans_rien_changer(exercice, agent, extension):
    importer(fichier_d_essai(f"actions.{extension}"), exercice, agent)
    actions = Action.objects.order_by("pk").values_list("dossier", "tranche", "intitule", "statut", "version")
    assert list(actions) == [
        ("00054562", 1, "Lire au pied des tours", "deposee", 2),
        ("00054563", None, "Du sport pour toutes", "deposee", 2),
        ("00054564", None, "=Atelier à préparer", "brouillon", 1),
    ]
    assert compteurs(planifier(fichier_d_essai(f"actions.{extension}"), exercice, agent)) == {"inchange": 3}


def test_le_plan_dit_exactement_ce_que_la_confirmation_ecrit(exercice, agent):
    plan = planifier(fichier_d_essai("actions.ods"), exercice, agent)
    importer(fichier_d_essai("actions.ods"), exercice, agent)
    promis = [{champ: mot.removesuffix(A_CREER) for champ, mot in ligne.apres.items()} for ligne in plan.lignes]
    ecrit = [
        en_mots(action, action.financements.all(), lieux(action.localisations.all()))
        for action in Action.objects.order_by("pk")
    ]
    assert ecrit == promis


def test_notre_export_de_liste_revient_sans_rien_changer(exercice, agent, client):
    importer(fichier_d_essai("actions.ods"), exercice, agent)
    client.force_login(agent)
    for sorte in ("xlsx", "csv"):
        octets = b"".join(client.get(f"/programmation/actions/?format={sorte}").streaming_content)
        recu = lots.recevoir_un_fichier(io.BytesIO(octets), f"actions.{sorte}")
        plan = planifier(recu, exercice, agent)
        assert (compteurs(plan), messages(plan, "refus")) == ({"inchange": 3}, [])


def test_la_part_d_un_quartier_exportee_ne_devient_pas_le_montant_de_l_action(exercice, agent, client):
    importer(fichier_d_essai("actions.ods"), exercice, agent)
    client.force_login(agent)
    adresse = f"/programmation/actions/?format=xlsx&quartier={Quartier.objects.get(nom='Guérinière').pk}"
    octets = b"".join(client.get(adresse).streaming_content)
    plan = planifier(lots.recevoir_un_fichier(io.BytesIO(octets), "part.xlsx"), exercice, agent)
    assert compteurs(plan) == {"inchange": 1}


def test_un_export_corrige_met_a_jour_par_la_cle(exercice, agent, client):
    importer(fichier_d_essai("actions.ods"), exercice, agent)
    client.force_login(agent)
    livre = load_workbook(io.BytesIO(b"".join(client.get("/programmation/actions/?format=xlsx").streaming_content)))
    page = livre["Actions"]
    titres = [cellule.value for cellule in page[1]]
    page.cell(2, titres.index("Action") + 1).value = "Titre corrigé"
    sortie = io.BytesIO()
    livre.save(sortie)
    sortie.seek(0)
    plan = planifier(lots.recevoir_un_fichier(sortie, "retour.xlsx"), exercice, agent)
    assert compteurs(plan) == {"modifie": 1, "inchange": 2}


def test_l_ods_de_la_liste_revient_sans_rien_changer(exercice, agent, client):
    importer(fichier_d_essai("actions.ods"), exercice, agent)
    client.force_login(agent)
    octets = io.BytesIO(b"".join(client.get("/programmation/actions/?format=ods").streaming_content))
    assert compteurs(planifier(lots.recevoir_un_fichier(octets, "retour.ods"), exercice, agent)) == {"inchange": 3}


def test_le_modele_vide_rempli_s_importe(exercice, agent):
    contexte = lots.contexte(exercice, agent, "")
    octets = io.BytesIO()
    classeur(*modele_vide(contexte.references, contexte.champs), vers=octets)
    livre = load_workbook(octets)
    page = livre["Actions"]
    rangs = {cellule.value: cellule.column for cellule in page[1]}
    assert livre.sheetnames == ["Actions", "Mode d’emploi", "Listes"]
    choix = {
        str(v.sqref).rstrip("0123456789").split(":")[0].rstrip("0123456789"): v.formula1
        for v in page.data_validations.dataValidation
    }
    plage = choix[page.cell(1, rangs["Thématique"]).column_letter].replace("$", "").partition("!")[2]
    cellules = livre["Listes"][plage]
    assert [c.value for c in (cellules[0] if isinstance(cellules, tuple) else [cellules])] == ["1.1 Éducation"]
    for titre, valeur in {
        "Intitulé": "Atelier",
        "Contrat de ville": "CN01403M",
        "Thématique": "1.1 Éducation",
        "Région": 100,
    }.items():
        page.cell(2, rangs[titre]).value = valeur
    rempli = io.BytesIO()
    livre.save(rempli)
    rempli.seek(0)
    importer(lots.recevoir_un_fichier(rempli, "modele.xlsx"), exercice, agent)
    action = Action.objects.get()
    assert (action.intitule, str(action.thematique), action.financements.get().famille) == (
        "Atelier",
        "1.1 Éducation",
        "region",
    )


def listes_du_modele(exercice, agent):
    """Les choix que propose le modèle vide, par colonne."""
    contexte = lots.contexte(exercice, agent, "")
    titres, *lignes = modele_vide(contexte.references, contexte.champs)[-1].cellules()
    return {titre: [v for v in valeurs if v] for titre, valeurs in zip(titres, zip(*lignes, strict=True), strict=True)}


def test_le_modele_vide_propose_des_noms_et_non_des_codes(exercice, agent):
    ContratFactory(ancien=True, code="CV051", intitule="Contrat de ville de Caen la mer")
    listes = listes_du_modele(exercice, agent)
    assert listes["Contrat de ville"] == ["Contrat de ville de Caen la mer", "Département"]
    assert listes["Quartiers"] == ["Chemin Vert", "Guérinière"]


def test_deux_contrats_de_meme_nom_se_distinguent_par_leur_code(exercice, agent):
    ContratFactory(code="CN01404M", intitule="Contrat de ville de Caen la Mer")
    assert listes_du_modele(exercice, agent)["Contrat de ville"] == [
        "CN01403M Contrat de ville de Caen la mer",
        "CN01404M Contrat de ville de Caen la Mer",
        "Département",
    ]


def test_un_quartier_d_un_ancien_contrat_ne_se_propose_pas_et_un_nom_partage_ne_s_y_lit_qu_une_fois(exercice, agent):
    QuartierFactory(contrat=ContratFactory(ancien=True), nom="Calvaire Saint-Pierre")
    QuartierFactory(contrat=ContratFactory(intitule="Contrat de ville de Lisieux"), nom="Chemin Vert")
    assert listes_du_modele(exercice, agent)["Quartiers"] == ["Chemin Vert", "Guérinière"]


def test_chaque_choix_du_modele_vide_se_lit_a_l_import(exercice, agent):
    """Deux contrats de même nom, deux quartiers de même nom : tout ce que proposent les listes est accepté."""
    autre = ContratFactory(code="CN01404M", intitule="Contrat de ville de Caen la Mer")
    QuartierFactory(contrat=autre, nom="Guérinière")
    QuartierFactory(contrat=autre, nom="Le quartier prioritaire", nom_d_usage="Canteloup - Marronniers")
    contrats = {"Chemin Vert": "CN01403M", "Guérinière": "CN01403M", "Canteloup - Marronniers": "CN01404M"}
    listes = listes_du_modele(exercice, agent)
    for titre in ("Contrat de ville", "Quartiers", "Thématique", "Pilier", "Dispositif", "Type de porteur"):
        for valeur in listes[titre]:
            valeurs = {"Intitulé": "Atelier", "Contrat de ville": contrats.get(valeur, "CN01403M")} | {titre: valeur}
            plan = planifier(fichier(list(valeurs), list(valeurs.values())), exercice, agent)
            assert (valeur, messages(plan, "refus")) == (valeur, [])


# --- Fichiers refusés : rien n'en est gardé ---


def refus(recu, exercice, agent):
    with pytest.raises(FichierRefuse) as erreur:
        lots.deposer(recu, exercice, par=agent)
    assert Lot.objects.count() == 0
    return en_clair(str(erreur.value))


def test_une_colonne_sur_des_personnes_est_refusee_et_le_fichier_n_est_pas_garde(exercice, agent):
    depose = fichier(["Intitulé", "Contrat", "Date de naissance"], ["Un", "CN01403M", "2015"])
    assert "« Date de naissance » (C)" in refus(depose, exercice, agent)


def test_un_numero_de_securite_sociale_est_refuse_avec_sa_cellule(exercice, agent):
    depose = fichier(["Intitulé", "Contrat", "Note"], ["Un", "CN01403M", "1 85 05 14 118 123 69"])
    phrase = refus(depose, exercice, agent)
    assert phrase.startswith("La cellule C2 de « actions.xlsx » ressemble à un numéro de sécurité sociale")


def test_un_fichier_renomme_est_refuse():
    with pytest.raises(FichierRefuse, match="n’est pas celui d’un fichier .xlsx"):
        lots.recevoir_un_fichier(io.BytesIO(b"Intitule;Contrat\r\nUn;CN01403M"), "actions.xlsx")


def test_une_bombe_de_decompression_est_refusee():
    bombe = io.BytesIO()
    with ZipFile(bombe, "w", ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<a>" + b" " * 200_000_000 + b"</a>")
    bombe.seek(0)
    with pytest.raises(FichierRefuse, match="anormalement gros"):
        lots.recevoir_un_fichier(bombe, "actions.xlsx")


def test_un_fichier_aux_en_tetes_etrangers_dit_ce_qu_il_faut(exercice, agent):
    with pytest.raises(FichierRefuse) as erreur:
        planifier(fichier(["Quantité", "Remarque"], [1, "x"]), exercice, agent)
    assert en_clair(str(erreur.value)) == (
        "Colonne introuvable : il faut « Intitulé » pour créer des actions, ou « Dossier Dauphin » ou « Clé » pour en mettre à "
        "jour. Colonnes lues à la ligne 1 : « Quantité », « Remarque ». Renommer une colonne, ou la choisir dans la "
        "correspondance."
    )


def test_un_fichier_change_ou_disparu_du_serveur_ne_s_applique_pas(exercice, agent):
    lot = lots.deposer(fichier(["Intitulé", "Contrat"], ["Un", "CN01403M"]), exercice, par=agent)
    lots.planifier(lot, par=agent)
    with open(lot.fichier.path, "wb") as flux:
        flux.write(octets_xlsx(["Intitulé", "Contrat"], ["Autre", "CN01403M"]))
    with pytest.raises(FichierRefuse, match="a changé sur le serveur"):
        lots.confirmer(lot, par=agent)
    lot.fichier.storage.delete(lot.fichier.name)
    with pytest.raises(FichierRefuse, match="n’est plus sur le serveur"):
        lots.confirmer(lot, par=agent)
    assert Action.objects.count() == 0


def test_le_fichier_garde_ne_porte_pas_le_nom_choisi_par_l_agent(exercice, agent):
    depose = csv(["Intitulé", "Contrat"], ["Un", "CN01403M"], nom="../../liste des actions.csv")
    lot = lots.deposer(depose, exercice, par=agent)
    assert lot.nom_du_fichier == "liste des actions.csv"
    assert "liste" not in lot.fichier.name


def test_une_correspondance_nommee_sert_au_fichier_suivant(exercice, agent):
    from programmation.models import ModeleDeColonnes

    depose = fichier(["Quoi", "Où", "Coût"], ["Un", "CN01403M", 100])
    lot = lots.deposer(depose, exercice, par=agent)
    table = lots.lire_la_table(depose, lots.contexte(exercice, agent, ""))
    lots.nommer_les_colonnes(lot, table, {"intitule": 0, "contrat": 1}, "Export du service", par=agent)
    suivant = fichier(["Où", "Coût", "Quoi"], ["CN01403M", 100, "Deux"])
    modele = ModeleDeColonnes.objects.get(nom="Export du service")
    plan = lots.essayer(suivant, exercice, par=agent, modele_de_colonnes=modele)
    assert (compteurs(plan), plan.lignes[0].intitule, "Coût prévisionnel" in plan.lignes[0].apres) == (
        {"cree": 1},
        "Deux",
        False,
    )
