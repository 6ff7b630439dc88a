"""manage.py importer : le même import que l'écran, par la même porte."""

import io
import re

import pytest
from django.core.management import CommandError, call_command

from comptes.enums import Role
from programmation.imports import lots
from programmation.models import Action, Dispositif, Lot, ModeleDeColonnes, Pilier, Thematique
from tests.fabriques import ExerciceFactory, habiliter
from tests.imports import FICHIERS, en_clair, fichier_d_essai, monde_des_fichiers, octets_xlsx

pytestmark = pytest.mark.django_db


@pytest.fixture
def exercice():
    return monde_des_fichiers()


@pytest.fixture
def responsable(exercice):
    habiliter(Role.AGENT, departement=exercice.departement)
    return habiliter(Role.RESPONSABLE, departement=exercice.departement)


def commande(fichier, *options, departement="14", annee="2026"):
    sortie, erreurs = io.StringIO(), io.StringIO()
    try:
        call_command(
            "importer",
            str(fichier),
            "--departement",
            departement,
            "--annee",
            annee,
            *options,
            stdout=sortie,
            stderr=erreurs,
        )
        echec = ""
    except CommandError as erreur:
        echec = en_clair(str(erreur))
    return en_clair(sortie.getvalue()), en_clair(erreurs.getvalue()), echec


def test_la_commande_importe_au_nom_du_premier_responsable_et_l_annonce(exercice, responsable):
    sortie, erreurs, echec = commande(FICHIERS / "actions.ods")
    assert (erreurs, echec) == ("", "")
    assert sortie.startswith(f"Au nom de {responsable.courriel} (")
    assert "  créées            3\n" in sortie
    lot = Lot.objects.get()
    assert sortie.endswith(f"Importé par {responsable.courriel}, lot n° {lot.pk}.\n")
    assert (Action.objects.count(), lot.etat, lot.auteur) == (3, "applique", responsable)


@pytest.mark.parametrize(("options", "statut"), [([], "brouillon"), (["--deposer"], "deposee")])
def test_la_commande_depose_les_actions_completes_si_on_le_demande(responsable, tmp_path, options, statut):
    entetes = "Intitulé;Contrat;Sous-thème;Pilier;Dispositif;Porteur;Début;Fin;Coût total"
    valeurs = [Thematique.objects.first(), Pilier.objects.first(), Dispositif.objects.first()]
    ligne = f"Danser;CN01403M;{';'.join(map(str, valeurs))};La Danse;01/01/2026;31/12/2026;1000"
    chemin = tmp_path / "actions.csv"
    chemin.write_text(f"{entetes}\n{ligne}\n", encoding="utf-8")
    sortie, erreurs, echec = commande(chemin, *options)
    assert (erreurs, echec) == ("", "")
    assert "Actions créées : 1 en brouillon." in sortie
    assert Action.objects.get().statut == statut


def test_la_commande_et_l_ecran_donnent_le_meme_plan(exercice, responsable):
    commande(FICHIERS / "actions.ods")
    par_la_commande = Lot.objects.get().plan
    Action.objects.all().delete()
    lot = lots.deposer(fichier_d_essai("actions.ods"), exercice, par=responsable)
    par_l_ecran = lots.planifier(lot, par=responsable).en_json()
    assert [ligne["statut"] for ligne in par_l_ecran["lignes"]] == [
        ligne["statut"] for ligne in par_la_commande["lignes"]
    ]


def test_l_essai_n_ecrit_rien_pas_meme_le_lot(exercice, responsable):
    sortie, _, echec = commande(FICHIERS / "actions.ods", "--essai")
    assert "  créées            3\n" in sortie
    assert (echec, Action.objects.count(), Lot.objects.count()) == ("", 0, 0)


def test_rejouer_la_commande_n_ecrit_rien(exercice, responsable):
    commande(FICHIERS / "actions.ods")
    sortie, _, _ = commande(FICHIERS / "actions.ods")
    assert sortie.endswith("Rien à écrire : tout est déjà enregistré.\n")
    assert Action.history.count() == 5  # trois créations, deux dépôts


def test_un_refus_dit_la_cellule_et_echoue(exercice, responsable, tmp_path):
    faux = tmp_path / "faux.xlsx"
    faux.write_bytes(octets_xlsx(["Intitulé", "Contrat"], ["Un", "Caen"]))
    _, erreurs, echec = commande(faux)
    assert erreurs.startswith(
        "Refus, B2 : « Caen » inconnu, vouliez-vous « CN01403M Contrat de ville de Caen la mer » ?"
    )
    assert echec == "Rien n’est importé : un seul refus arrête tout."
    assert (Action.objects.count(), Lot.objects.get().etat) == (0, "refuse")


def test_les_messages_se_lisent_dans_l_ordre_du_fichier(exercice, responsable, tmp_path):
    """La conversion refuse avant le rapprochement : sans tri, la ligne 10 se lisait avant la ligne 2."""
    lignes = [[f"Action {numero}", "Caen la mer", numero] for numero in range(2, 12)]
    lignes[0][0], lignes[8][2] = None, "cent"
    lignes.append(["Action 12", "Caen", "mille"])
    faux = tmp_path / "faux.xlsx"
    faux.write_bytes(octets_xlsx(["Intitulé", "Contrat", "Coût"], *lignes))
    _, erreurs, _ = commande(faux)
    assert re.findall(r"Refus, (\w+)", erreurs) == ["A2", "C10", "B12", "C12"]


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ({"departement": "99"}, "Le département 99 n’est pas chargé."),
        ({"annee": "2019"}, "Le département 14 n’a pas d’exercice 2019."),
        ({"options": ("--par", "personne@exemple.test")}, "Aucun compte actif n’a le courriel personne@exemple.test."),
        (
            {"options": ("--modele", "Dauphin")},
            "Pas de correspondance « Dauphin » dans ce département ; connues : aucun.",
        ),
    ],
)
def test_un_argument_faux_est_explique(exercice, responsable, options, phrase):
    suite = options.pop("options", ()) if isinstance(options, dict) else ()
    assert commande(FICHIERS / "actions.ods", *suite, **options)[2] == phrase


def test_un_fichier_introuvable_est_explique(exercice, responsable, tmp_path):
    assert commande(tmp_path / "absent.ods")[2] == f"« {tmp_path}/absent.ods » ne s’ouvre pas : il n’existe pas."
    assert commande(tmp_path)[2] == f"« {tmp_path} » ne s’ouvre pas : c’est un dossier."


def test_l_auteur_choisi_doit_pouvoir_importer(exercice, responsable):
    lecteur = habiliter(Role.LECTEUR, departement=exercice.departement)
    assert commande(FICHIERS / "actions.ods", "--par", lecteur.courriel)[2].startswith(
        "Seuls les agents et les responsables"
    )


def test_un_exercice_clos_refuse(exercice, responsable):
    ExerciceFactory(annee=2025, statut="clos")
    assert (
        commande(FICHIERS / "actions.ods", annee="2025")[2]
        == "L’exercice 2025 est clos : aucun fichier ne s’y importe."
    )


def test_la_commande_suit_une_correspondance_nommee(exercice, responsable, tmp_path):
    fichier = tmp_path / "service.xlsx"
    fichier.write_bytes(octets_xlsx(["Quoi", "Où"], ["Un", "CN01403M"]))
    ModeleDeColonnes.objects.create(
        nom="Service",
        modele="actions",
        auteur=responsable,
        departement=exercice.departement,
        correspondance={"colonnes": {"intitule": "Quoi", "contrat": "Où"}, "ignorees": []},
    )
    assert "Colonne introuvable" in commande(fichier)[2]
    assert commande(fichier, "--modele", "Service")[2] == ""
    assert Action.objects.get().intitule == "Un"
