"""Le chargement des données de référence : complet, rejouable, tout ou rien, et ouvert à tout département."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from pilotage.management.commands.charger_reference import FIXTURES, TABLES, charger
from programmation.enums import FamilleFinanceur, NaturePilier, StatutExercice
from programmation.models import (
    Correspondance,
    Dispositif,
    Financeur,
    Nomenclature,
    Pilier,
    PrioriteTransversale,
    Repere,
    Thematique,
)
from territoires.models import Commune, ContratDeVille, FiliationQuartier, Intercommunalite, Quartier
from tests.fabriques import ActionFactory, ExerciceFactory

pytestmark = pytest.mark.django_db

MODELES = [table.nom for table in TABLES]
DOSSIERS = [FIXTURES / "france", FIXTURES / "departements" / "14", FIXTURES / "departements" / "30"]

DEPARTEMENT_99 = {
    "departements.csv": "code,nom,region\n99,Fictif,Région fictive\n",
    "intercommunalites.csv": "siren,nom,nature,successeur\n"
    "990000001,CC Ancienne,communauté de communes,990000002\n"
    "990000002,CA Nouvelle,communauté d’agglomération,\n",
    "communes.csv": "code_insee,nom,departement,siren_epci,population\n"
    "99001,Port-l’Évêque,99,990000002,12000\n"
    "99002,Valfleuri,99,990000002,\n",
    "contrats.csv": "code,generation,intitule,departement,siren_epci,debut,fin,communes\n"
    ",2015-2023,Contrat de ville ancien,99,990000001,2015-01-01,2023-12-31,99001\n"
    "CN09901N,2024-2030,Contrat de ville nouveau,99,990000002,2024-01-01,2030-12-31,99001;99002\n",
    "filiations_contrats.csv": "ancien,nouveau\nContrat de ville ancien,CN09901N\n",
    "quartiers.csv": "code,nom,nature,generation,contrat,communes,population,debut\n"
    ",Les Tilleuls,qpv,2015-2023,Contrat de ville ancien,99001,,2015-01-01\n"
    "QN09901M,Les Tilleuls,qpv,2024-2030,CN09901N,99001;99002,1500,2024-01-01\n",
    "filiations_quartiers.csv": "ancien_contrat,ancien,nouveau_contrat,nouveau,nature\n"
    "Contrat de ville ancien,Les Tilleuls,CN09901N,QN09901M,redessine\n",
    "financeurs.csv": "nom,famille,bop,departement\nCAF du Fictif,caf,,99\n",
}


@pytest.fixture
def dossier(tmp_path):
    """Les fichiers d'un département fictif, que chaque test peut abîmer."""
    racine = tmp_path / "99"
    racine.mkdir()
    for nom, texte in DEPARTEMENT_99.items():
        (racine / nom).write_text(texte, encoding="utf-8")
    return racine


def remplacer(fichier, ancien, nouveau):
    texte = fichier.read_text(encoding="utf-8")
    assert texte.count(ancien) == 1
    fichier.write_text(texte.replace(ancien, nouveau), encoding="utf-8")


def charger_dossier(dossier):
    return charger([FIXTURES / "france", dossier])


def refus(dossier):
    """Le message de la commande, après avoir vérifié que rien n'a été écrit."""
    with pytest.raises(CommandError) as erreur:
        call_command("charger_reference", dossier=dossier, verbosity=0)
    assert not Pilier.objects.exists()
    assert not Commune.objects.exists()
    return str(erreur.value).replace("\u00a0", " ")


# --- Ce qui est livré ---


def test_les_deux_nomenclatures_ont_leurs_codes_en_texte():
    charger(DOSSIERS)
    codes = {
        nomenclature.millesime: " ".join(
            Thematique.objects.filter(theme__nomenclature=nomenclature).order_by("code").values_list("code", flat=True)
        )
        for nomenclature in Nomenclature.objects.all()
    }
    assert codes == {
        "2020-2023": "1.1 1.2 1.3 1.4 1.5 1.5a 1.5b 1.6 2.1 2.2 3.1 3.2 4.1 4.2",
        "2024-": "1.1 1.2 1.3 1.4 2.1 2.2 2.3 2.4 3.1 3.2 3.3 3.4 4.1 4.2 4.3 4.4 5.1 5.2 5.3 5.4 5.5 6.1 6.2 6.3 6.4",
    }


def test_trois_piliers_une_ligne_et_un_transversal():
    charger(DOSSIERS)
    assert list(Pilier.objects.values_list("code", "nature")) == [
        ("cohesion-sociale", NaturePilier.PILIER),
        ("cadre-de-vie", NaturePilier.PILIER),
        ("emploi", NaturePilier.PILIER),
        ("pilotage", NaturePilier.LIGNE),
        ("valeurs-de-la-republique", NaturePilier.TRANSVERSAL),
    ]


def test_les_couleurs_des_piliers_se_voient_sur_blanc():
    charger(DOSSIERS)
    for pilier in Pilier.objects.all():
        assert 1.05 / (luminance(pilier.couleur) + 0.05) >= 3, pilier  # RGAA 3.3 : contraste d'un graphique


def luminance(couleur):
    """La luminance relative d'une couleur « #rrggbb » (WCAG 2)."""
    rouge, vert, bleu = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (int(couleur[i : i + 2], 16) / 255 for i in (1, 3, 5))
    )
    return 0.2126 * rouge + 0.7152 * vert + 0.0722 * bleu


def test_les_reperes_sont_des_constats_du_gard_avec_leur_source():
    charger(DOSSIERS)
    assert list(Repere.objects.values_list("pilier__code", "part", "departement__code")) == [
        ("cohesion-sociale", 80, "30"),
        ("cadre-de-vie", 2, "30"),
    ]
    assert all("DDETS du Gard" in repere.source for repere in Repere.objects.all())


def test_chaque_thematique_propose_un_pilier():
    charger(DOSSIERS)
    proposes = {}
    for thematique in Thematique.objects.select_related("theme__nomenclature").order_by("code"):
        pilier = Correspondance.objects.pilier_propose(thematique)
        proposes.setdefault((thematique.theme.nomenclature.millesime, pilier.code), []).append(thematique.code)
    assert {cle: " ".join(codes) for cle, codes in proposes.items()} == {
        ("2020-2023", "cohesion-sociale"): "1.1 1.2 1.3 1.4 1.5 1.5a 1.5b 1.6",
        ("2020-2023", "emploi"): "2.1 2.2",
        ("2020-2023", "cadre-de-vie"): "3.1 3.2",
        ("2020-2023", "pilotage"): "4.1 4.2",
        ("2024-", "cohesion-sociale"): "1.1 1.2 1.3 1.4 2.1 2.2 2.3 2.4 3.3 4.1 4.2 4.3 4.4 6.1 6.2",
        ("2024-", "cadre-de-vie"): "3.1 3.2 3.4",
        ("2024-", "emploi"): "5.1 5.2 5.3 5.4 5.5",
        ("2024-", "pilotage"): "6.3 6.4",
    }


def test_la_correspondance_du_dispositif_l_emporte_sur_celle_de_la_thematique():
    charger(DOSSIERS)
    scolarite = Thematique.objects.get(theme__nomenclature__millesime="2024-", code="1.2")
    pilier_propose = Correspondance.objects.pilier_propose
    assert pilier_propose(scolarite, Dispositif.objects.get(code="clas")).code == "cohesion-sociale"
    assert pilier_propose(scolarite, Dispositif.objects.get(code="clas-animation")).code == "pilotage"
    Correspondance.objects.filter(thematique=scolarite).delete()
    assert pilier_propose(scolarite) is None


def test_les_depenses_de_pilotage_du_document_source_vont_au_pilotage():
    charger(DOSSIERS)
    for dispositif, millesime, code in [
        ("conseil-citoyen", "2020-2023", "1.5"),
        ("conseil-citoyen", "2024-", "6.2"),
        ("clas-animation", "2020-2023", "1.1"),
        ("equipe-projet", "2024-", "6.1"),
        ("centre-de-ressources", "2024-", "6.4"),
    ]:
        thematique = Thematique.objects.get(theme__nomenclature__millesime=millesime, code=code)
        propose = Correspondance.objects.pilier_propose(thematique, Dispositif.objects.get(code=dispositif))
        assert propose.code == "pilotage", (dispositif, millesime, code)


def test_aucune_correspondance_livree_n_est_donnee_pour_validee():
    charger(DOSSIERS)
    assert not Correspondance.objects.filter(est_validee=True).exists()
    assert Correspondance.history.count() == Correspondance.objects.count()  # l'historique dit d'où elle vient


def test_un_seul_dispositif_est_le_pre_et_les_priorites_sont_trois():
    charger(DOSSIERS)
    assert [dispositif.code for dispositif in Dispositif.objects.filter(est_pre=True)] == ["pre"]
    assert PrioriteTransversale.objects.count() == 3


def test_un_departement_propose_ses_financeurs_et_ceux_de_toute_la_france():
    charger(DOSSIERS)
    calvados = ContratDeVille.objects.get(code="CN01403M").departement
    proposes = Financeur.objects.proposes_dans(calvados)
    assert [f.nom for f in proposes.filter(famille=FamilleFinanceur.ANCT_P147)] == [
        "ANCT – politique de la ville (P147)"
    ]
    assert [f.nom for f in proposes.filter(famille=FamilleFinanceur.CAF)] == ["CAF du Calvados"]
    assert [f.nom for f in proposes.filter(famille=FamilleFinanceur.REGION)] == ["Région Normandie"]
    assert {f.famille for f in proposes} == set(FamilleFinanceur)
    # Un BOP n'est écrit que s'il est sourcé.
    assert sorted(Financeur.objects.exclude(bop="").values_list("bop", flat=True)) == ["104", "147"]


# --- Rejouer ---


def test_rejouer_ne_change_rien():
    premiers = charger(DOSSIERS)
    assert sum(bilan.crees for bilan in premiers.values()) == sum(
        bilan.inchanges for nom, bilan in charger(DOSSIERS).items() if nom != "contours de quartiers"
    )
    for nom, bilan in charger(DOSSIERS).items():
        assert (bilan.crees, bilan.modifies, bilan.preserves) == (0, 0, 0), nom


def test_rejouer_quand_rien_n_a_change_n_ecrit_pas(django_assert_max_num_queries):
    charger(DOSSIERS)
    with django_assert_max_num_queries(150) as requetes:
        charger(DOSSIERS)
    ecrites = [r["sql"] for r in requetes.captured_queries if r["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert ecrites == []


def test_la_commande_imprime_un_resume():
    sortie = StringIO()
    call_command("charger_reference", stdout=sortie)
    lignes = {ligne[:28].strip(): ligne[28:].split() for ligne in sortie.getvalue().splitlines()}
    assert lignes["communes"] == ["876", "0", "0", "0"]
    assert set(MODELES) <= set(lignes)


def test_une_valeur_corrigee_dans_le_fichier_est_corrigee_en_base(dossier):
    charger_dossier(dossier)
    remplacer(dossier / "communes.csv", "12000", "12500")
    remplacer(dossier / "quartiers.csv", "99001;99002,1500", "99002,1500")
    bilans = charger_dossier(dossier)
    assert (bilans["communes"].modifies, bilans["communes"].inchanges) == (1, 1)
    assert (bilans["quartiers"].modifies, bilans["quartiers"].inchanges) == (1, 1)
    assert Commune.objects.get(code_insee="99001").population == 12_500
    assert [c.nom for c in Quartier.objects.get(code="QN09901M").communes.all()] == ["Valfleuri"]


def test_une_case_vide_n_efface_pas_ce_qu_un_agent_a_saisi(dossier):
    charger_dossier(dossier)
    ancien = Quartier.objects.get(code=None)
    ancien.code, ancien.population = "QP099001", 1400
    ancien.save()
    bilan = charger_dossier(dossier)["quartiers"]
    assert (bilan.crees, bilan.modifies, bilan.inchanges) == (0, 0, 2)
    assert Quartier.objects.get(code="QP099001").population == 1400


def test_un_code_enfin_connu_complete_le_quartier_qui_n_en_avait_pas(dossier):
    charger_dossier(dossier)
    ancien = Quartier.objects.get(code=None)
    remplacer(dossier / "quartiers.csv", "\n,Les Tilleuls", "\nQP099001,Les Tilleuls")
    bilan = charger_dossier(dossier)["quartiers"]
    assert (bilan.crees, bilan.modifies) == (0, 1)
    assert Quartier.objects.get(code="QP099001") == ancien


def test_un_referentiel_desactive_reste_comme_l_agent_l_a_laisse(dossier):
    charger_dossier(dossier)
    Financeur.objects.filter(nom="CAF du Fictif").update(est_actif=False, famille="autre_public")
    bilan = charger_dossier(dossier)["financeurs"]
    assert (bilan.modifies, bilan.preserves) == (0, 1)
    financeur = Financeur.objects.get(nom="CAF du Fictif")
    assert (financeur.est_actif, financeur.famille) == (False, FamilleFinanceur.AUTRE_PUBLIC)


def test_une_correspondance_validee_n_est_pas_reprise_et_une_autre_l_est(dossier):
    charger_dossier(dossier)
    emploi = Pilier.objects.get(code="emploi")
    mediation, transitions = Correspondance.objects.filter(
        dispositif=None, thematique__theme__nomenclature__millesime="2024-", thematique__code__in=["3.3", "3.4"]
    ).order_by("thematique__code")
    Correspondance.objects.filter(pk=mediation.pk).update(pilier=emploi, est_validee=True)
    Correspondance.objects.filter(pk=transitions.pk).update(pilier=emploi)
    bilan = charger_dossier(dossier)["correspondances"]
    assert (bilan.modifies, bilan.preserves) == (1, 1)
    mediation.refresh_from_db()
    transitions.refresh_from_db()
    assert (mediation.pilier, transitions.pilier.code) == (emploi, "cadre-de-vie")
    assert transitions.history.first().history_change_reason == "Chargement des données de référence"


def test_le_libelle_d_une_thematique_d_un_exercice_clos_ne_change_pas(dossier):
    charger_dossier(dossier)
    thematique = Thematique.objects.get(theme__nomenclature__millesime="2024-", code="1.2")
    clos = ExerciceFactory(nomenclature=thematique.theme.nomenclature, statut=StatutExercice.CLOS)
    ActionFactory(exercice=clos, thematique=thematique)
    Thematique.objects.filter(pk=thematique.pk).update(libelle="Libellé du bilan rendu")
    with pytest.raises(CommandError, match="a servi dans un exercice clos"):
        call_command("charger_reference", dossier=dossier)


# --- Un autre département ---


def test_un_autre_departement_se_charge_aux_memes_formats(dossier):
    call_command("charger_reference", dossier=dossier, verbosity=0)
    contrat = ContratDeVille.objects.avec_population().get(code="CN09901N")
    assert contrat.departement.nom == "Fictif"
    assert contrat.population_des_quartiers == 1500
    assert contrat.communes.count() == 2
    assert Intercommunalite.objects.get(siren="990000001").successeur.nom == "CA Nouvelle"
    assert FiliationQuartier.objects.get().ancien.contrat.code is None
    assert ContratDeVille.objects.count() == 2  # ni le Calvados ni le Gard


def test_un_fichier_venu_d_un_tableur_francais_se_lit_aussi(dossier):
    texte = DEPARTEMENT_99["communes.csv"].replace(",", ";")
    (dossier / "communes.csv").write_text(texte, encoding="utf-8-sig")
    charger_dossier(dossier)
    assert Commune.objects.get(code_insee="99001").nom == "Port-l’Évêque"


@pytest.mark.parametrize(
    ("fichier", "ancien", "nouveau", "message"),
    [
        ("communes.csv", "siren_epci", "epci", "99/communes.csv, ligne 1 : colonne manquante, siren_epci."),
        (
            "communes.csv",
            "99002",
            "9902",
            "99/communes.csv, ligne 3 : « 9902 » dans la colonne « code_insee », un code",
        ),
        ("communes.csv", "12000", "12 mille", "99/communes.csv, ligne 2 : « 12 mille » dans la colonne « population »"),
        ("communes.csv", "12000", "-5", "99/communes.csv, ligne 2 : population : "),
        ("communes.csv", "99002", "99001", "99/communes.csv, ligne 3 : cette ligne répète la ligne 2."),
        ("communes.csv", "Valfleuri", "", "99/communes.csv, ligne 3 : la colonne « nom » est vide."),
        (
            "communes.csv",
            "990000002,12000",
            "990000009,12000",
            "99/communes.csv, ligne 2 : « 990000009 », EPCI inconnu.",
        ),
        ("communes.csv", "Valfleuri", "Val,fleuri,trop", "99/communes.csv, ligne 3 : il y a plus de cellules"),
        ("intercommunalites.csv", ",990000002", ",990000007", "ligne 2 : « 990000007 », EPCI inconnu."),
        (
            "contrats.csv",
            "99001;99002",
            "99001;99009",
            "99/contrats.csv, ligne 3 : « 99009 », code de commune inconnu.",
        ),
        (
            "contrats.csv",
            "2030-12-31",
            "31/12/2030",
            "ligne 3 : « 31/12/2030 » dans la colonne « fin », une date comme",
        ),
        (
            "contrats.csv",
            "2030-12-31",
            "2023-12-31",
            "99/contrats.csv, ligne 3 : La fin du contrat est avant son début.",
        ),
        ("quartiers.csv", "2024-2030,CN09901N", "2024-2030,CN09909N", "ligne 3 : « CN09909N », contrat inconnu."),
        ("quartiers.csv", "2024-2030,CN09901N", "2015-2023,CN09901N", "ligne 3 : generation : Le contrat « Contrat de"),
        ("quartiers.csv", "99001;99002", "", "99/quartiers.csv, ligne 3 : la colonne « communes » est vide."),
        ("filiations_quartiers.csv", "QN09901M", "QN09902M", "« QN09902M », quartier de ce contrat inconnu."),
        ("financeurs.csv", "caf,", "caisse,", "99/financeurs.csv, ligne 2 : famille : "),
    ],
)
def test_une_erreur_dit_le_fichier_et_la_ligne_et_n_ecrit_rien(dossier, fichier, ancien, nouveau, message):
    remplacer(dossier / fichier, ancien, nouveau)
    texte = refus(dossier)
    assert message in texte
    assert texte.endswith("Rien n’a été écrit.")


def test_un_fichier_exige_absent_est_nomme(dossier):
    (dossier / "quartiers.csv").unlink()
    assert "quartiers.csv : ce fichier est absent." in refus(dossier)


def test_un_dossier_absent_est_refuse(tmp_path):
    assert "ce fichier est absent." in refus(tmp_path / "nulle-part")


def test_un_fichier_au_nom_inconnu_n_est_pas_oublie_en_silence(dossier):
    (dossier / "contour.geojson").write_text("{}", encoding="utf-8")
    assert "contour.geojson : nom inconnu. Noms attendus : anciennes_communes.csv, " in refus(dossier)


def test_un_fichier_qui_n_est_pas_en_utf_8_est_refuse(dossier):
    (dossier / "communes.csv").write_bytes(DEPARTEMENT_99["communes.csv"].encode("cp1252"))
    assert "communes.csv : ce fichier n’est pas encodé en UTF-8." in refus(dossier)


@pytest.mark.parametrize(
    ("texte", "message"),
    [
        ("{", "une collection GeoJSON de Polygon et de MultiPolygon est attendue."),
        ('{"features": [{"properties": {}, "geometry": {"type": "Point"}}]}', "une collection GeoJSON de Polygon"),
        (
            '{"features": [{"properties": {"code": "QN09909M"}, "geometry": {"type": "Polygon", "coordinates": []}}]}',
            "99/contours.geojson, entité 1 : « QN09909M », quartier inconnu.",
        ),
    ],
)
def test_un_contour_mal_forme_ou_sans_quartier_est_refuse(dossier, texte, message):
    (dossier / "contours.geojson").write_text(texte, encoding="utf-8")
    assert message in refus(dossier)


def test_deux_lignes_que_la_base_ne_peut_pas_garder_ensemble_sont_refusees(dossier):
    (dossier / "dispositifs.csv").write_text("code,libelle,est_pre\na,Bis,non\nb,Bis,non\n", encoding="utf-8")
    assert "dispositifs.csv : deux lignes se contredisent, la base refuse" in refus(dossier)
