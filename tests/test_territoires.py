"""Les territoires livrés : le Calvados et le Gard, tels que leurs sources les comptent."""

import pytest
from django.core.management import call_command

from territoires.enums import Generation, NatureFiliation, ObjetAnnonce
from territoires.models import (
    AncienneCommune,
    Commune,
    ContratDeVille,
    Departement,
    FiliationContrat,
    FiliationQuartier,
    Intercommunalite,
    NombreAnnonce,
    Quartier,
)


@pytest.fixture(autouse=True)
def _reference(db):
    call_command("charger_reference", verbosity=0)


def quartiers(departement, generation):
    return Quartier.objects.filter(contrat__departement__code=departement, generation=generation)


def contrats(departement, generation):
    return ContratDeVille.objects.filter(departement__code=departement, generation=generation)


def test_le_calvados_a_526_communes_et_le_gard_350():
    assert Commune.objects.filter(departement__code="14").count() == 526
    assert Commune.objects.filter(departement__code="30").count() == 350
    assert Commune.objects.get(code_insee="14327").nom == "Hérouville-Saint-Clair"
    assert Departement.objects.get(code="14").region == "Normandie"


def test_une_commune_se_cherche_sans_accent():
    assert [str(commune) for commune in Commune.objects.recherche("HEROUVILLE saint")] == ["Hérouville-Saint-Clair"]


def test_une_ancienne_commune_mene_a_l_actuelle():
    assert AncienneCommune.objects.count() == 205
    assert AncienneCommune.objects.get(code_insee="14725").commune.nom == "Honfleur"  # Vasouy


def test_un_epci_disparu_mene_a_son_successeur():
    assert Intercommunalite.objects.get(siren="200033157").successeur.siren == "200065597"
    assert Intercommunalite.objects.get(siren="243000551").successeur.nom == "CA Alès Agglomération"
    assert Intercommunalite.objects.get(siren="200065597").nature == "communauté urbaine"


def test_chaque_generation_a_ses_contrats():
    assert [contrats("14", generation).count() for generation in Generation] == [3, 3]
    assert [contrats("30", generation).count() for generation in Generation] == [8, 7]


def test_chaque_generation_a_ses_quartiers_et_ceux_du_gard_de_2015_sont_inconnus():
    assert [quartiers("14", generation).count() for generation in Generation] == [9, 8]
    assert [quartiers("30", generation).count() for generation in Generation] == [0, 17]


def test_un_contrat_couvre_les_annees_de_sa_generation():
    caen = ContratDeVille.objects.get(code="CV051")
    assert [annee for annee in (2014, 2015, 2023, 2024) if caen.couvre(annee)] == [2015, 2023]
    assert contrats("30", Generation.G2024).en_vigueur(2026).count() == 7


def test_chaque_contrat_a_son_nom_court_unique_dans_sa_generation():
    noms = [contrat.nom_court for contrat in contrats("14", Generation.G2024).order_by("intitule")]
    assert noms == ["Caen la mer", "Lisieux Normandie", "Pays de Honfleur-Beuzeville"]
    assert "Alès Agglomération" in {contrat.nom_court for contrat in contrats("30", Generation.G2024)}
    assert ContratDeVille(intitule="Contrat de ville de La Rochelle").nom_court == "La Rochelle"
    assert ContratDeVille(intitule="Convention du littoral").nom_court == "Convention du littoral"


def test_un_lieu_se_cherche_par_son_nom_son_code_ou_sa_commune():
    herouville = Quartier.objects.get(code="QN01406M")
    trouves = Quartier.objects.filter(generation=Generation.G2024)
    assert list(trouves.recherche_du_lieu("herouville")) == [herouville]
    assert list(trouves.recherche_du_lieu("Grande Delle Hérouville")) == [herouville]
    assert list(trouves.recherche_du_lieu("qn01406m")) == [herouville]


def test_la_population_compte_chaque_quartier_une_fois():
    assert quartiers("14", Generation.G2024).population() == 31_910
    assert quartiers("30", Generation.G2024).population() == 77_683
    assert quartiers("30", Generation.G2015).population() is None


def test_un_quartier_a_cheval_sur_deux_communes_compte_une_fois_apres_une_jointure():
    du_sud = Quartier.objects.filter(communes__code_insee__in=["14118", "14271", "14341"], generation=Generation.G2024)
    assert du_sud.count() == 7  # la Grâce de Dieu et la Guérinière sont chacune sur deux de ces communes
    assert du_sud.population() == 4_222 + 3_595 + 4_383 + 1_965 + 1_484


def test_la_population_d_un_contrat_ne_se_multiplie_pas_par_ses_communes():
    caen = ContratDeVille.objects.filter(code="CN01403M", communes__quartiers__isnull=False).avec_population()
    assert caen.distinct().get().population_des_quartiers == 27_278
    assert {contrat.population_des_quartiers for contrat in contrats("14", Generation.G2015).avec_population()} == {
        None
    }


def test_un_quartier_de_2024_dit_son_code_son_millesime_et_son_contour():
    honfleur = Quartier.objects.get(code="QN01407M")
    assert str(honfleur) == "Canteloup - Marronniers - Le Buquet"
    assert honfleur.nom == "Le quartier prioritaire de Honfleur"
    assert honfleur.millesime_population == "RP 2020"
    assert honfleur.contour["type"] == "MultiPolygon"
    assert quartiers("14", Generation.G2024).filter(contour=None).count() == 0
    assert quartiers("30", Generation.G2024).filter(contour=None).count() == 0


def test_un_quartier_de_2015_n_a_ni_code_ni_population_inventes():
    anciens = quartiers("14", Generation.G2015)
    assert {(quartier.code, quartier.population, quartier.contour) for quartier in anciens} == {(None, None, None)}
    assert all("non retrouvés" in quartier.note for quartier in anciens)


def test_un_code_inconnu_n_est_jamais_une_chaine_vide():
    assert not Quartier.objects.filter(code="").exists()
    assert not ContratDeVille.objects.filter(code="").exists()


def test_colombelles_est_sortie_sans_suite():
    assert [(quartier.nom, quartier.suites.count()) for quartier in Quartier.objects.sortis()] == [("Colombelles", 0)]


def test_les_quartiers_du_gard_de_2024_n_ont_pas_d_ancetre_connu_et_ceux_du_calvados_en_ont_un():
    sans_ancetre = Quartier.objects.filter(generation=Generation.G2024, ancetres=None)
    assert sans_ancetre.filter(contrat__departement__code="14").count() == 0
    assert sans_ancetre.filter(contrat__departement__code="30").count() == 17


def test_aucun_quartier_livre_n_est_entrant_leur_code_dit_qu_ils_prolongent_un_quartier_de_2015():
    assert not Quartier.objects.entrants().exists()
    assert all(quartier.prolonge for quartier in Quartier.objects.filter(generation=Generation.G2024))


def test_la_lettre_du_code_dit_ce_qu_est_devenu_le_quartier():
    natures = dict(FiliationQuartier.objects.values_list("nouveau__code", "nature"))
    assert natures == {
        "QN01401M": NatureFiliation.REDESSINE,
        "QN01402M": NatureFiliation.REDESSINE,
        "QN01403M": NatureFiliation.REDESSINE,
        "QN01404M": NatureFiliation.REDESSINE,
        "QN01405I": NatureFiliation.INCHANGE,
        "QN01406M": NatureFiliation.REDESSINE,
        "QN01407M": NatureFiliation.REDESSINE,
        "QN01408M": NatureFiliation.REDESSINE,
    }
    assert all("Déduit" in filiation.source for filiation in FiliationQuartier.objects.all())


def test_chaque_contrat_de_2015_a_une_suite():
    suites = dict(FiliationContrat.objects.values_list("ancien__code", "nouveau__code"))
    assert suites == {
        "CV051": "CN01403M",
        "CV052": "CN01402M",
        "CV053": "CN01401M",
        "CV093": "CN03001I",
        "CV094": "CN03003I",
        "CV095": "CN03004I",
        "CV096": "CN03001I",  # La Grand-Combe est aujourd'hui dans Alès Agglomération
        "CV097": "CN03002I",
        "CV098": "CN03005I",
        "CV099": "CN03007I",
        "CV100": "CN03006I",
    }


def test_les_nombres_annonces_gardent_leur_source():
    annonces = NombreAnnonce.objects.values_list("departement__code", "objet", "nombre")
    assert sorted(annonces) == [
        ("14", ObjetAnnonce.CONTRATS, 3),
        ("14", ObjetAnnonce.PRE, 4),
        ("30", ObjetAnnonce.CONTRATS, 7),
        ("30", ObjetAnnonce.PRE, 7),
    ]
    assert not NombreAnnonce.objects.filter(source="").exists()
