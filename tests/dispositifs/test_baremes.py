"""Les barèmes livrés : des valeurs sourcées, et des trous déclarés ; le chargement se rejoue."""

import io
from datetime import date

import pytest
from django.core.management import call_command

from dispositifs.chargement import charger_baremes_adultes_relais, charger_baremes_fonjep, charger_reperes_pre
from dispositifs.models import BaremeAdulteRelais, BaremeFonjep, PosteAdulteRelais, ReperePre
from dispositifs.synthese import couts_des_adultes_relais
from pilotage.management.commands.charger_reference import FIXTURES
from politique_ville.outils.reference import Bilan, ErreurDeReference
from tests.dispositifs.fabriques import ConventionFactory
from tests.fabriques import euros

pytestmark = pytest.mark.django_db

FRANCE = FIXTURES / "france"


def charger():
    return charger_baremes_adultes_relais(FRANCE / "baremes_adultes_relais.csv")


def test_le_chargement_se_rejoue():
    assert charger().crees == 13
    assert charger() == Bilan(inchanges=13)
    assert charger_baremes_fonjep(FRANCE / "baremes_fonjep.csv").crees == 1
    assert BaremeFonjep.objects.get().montant == euros(7164)
    assert BaremeAdulteRelais.objects.first().history.count() == 1


def test_la_commande_de_reference_charge_les_baremes():
    call_command("charger_reference", verbosity=0)
    assert (BaremeAdulteRelais.objects.count(), BaremeFonjep.objects.count()) == (13, 1)


def test_les_reperes_nationaux_de_pre_sont_dates_et_sources():
    assert charger_reperes_pre(FRANCE / "reperes_pre.csv").crees == 2
    lus = [(r.annee, r.perimetre, r.cout_par_enfant) for r in ReperePre.objects.all()]
    assert lus == [(2014, "tous financeurs", euros("968,27")), (2021, "crédits de l’État", euros("776,47"))]


def test_les_trous_du_bareme_restent_des_trous():
    charger()
    trous = BaremeAdulteRelais.objects.filter(montant=None).values_list("date_effet", flat=True)
    assert list(trous) == [date(2017, 1, 1), date(2025, 1, 1)]
    assert BaremeAdulteRelais.objects.exclude(source="").count() == 13


@pytest.mark.parametrize(
    ("annee", "nombre", "total"),
    [
        (2020, 20, "397501,20"),
        (2022, 30, "637620,00"),
        (2023, 27, "609004,71"),
        (2024, 29, "661507,69"),
        (2025, 27, None),
        (2019, 3, None),
    ],
)
def test_le_bareme_redonne_les_totaux_theoriques_du_calvados(annee, nombre, total):
    charger()
    for _ in range(nombre):
        ConventionFactory(debut=date(annee, 1, 1), fin=date(annee + 1, 12, 31))
    debut, fin = date(annee, 1, 1), date(annee, 12, 31)
    lus = couts_des_adultes_relais(PosteAdulteRelais.objects.all(), debut, fin).total
    assert lus.cout.conventionne == (total and euros(total))
    assert lus.inconnus == (0 if total else nombre)


@pytest.mark.parametrize("statut", ["date", "deduit", "annuel"])
def test_un_trou_rempli_dans_l_administration_n_est_pas_repris_par_le_fichier(admin_client, statut):
    charger()
    modifier(admin_client, date(2025, 1, 1), montant="23000", statut=statut, source="Décret lu par le service")
    assert charger() == Bilan(inchanges=12, preserves=1)
    rempli = BaremeAdulteRelais.objects.get(date_effet=date(2025, 1, 1))
    assert (rempli.montant, rempli.statut, rempli.source) == (euros(23000), statut, "Décret lu par le service")


def test_un_montant_corrige_dans_l_administration_n_est_pas_repris_par_le_fichier(admin_client):
    charger()
    modifier(admin_client, date(2024, 1, 1), montant="22900", statut="annuel", source="Arrêté lu par le service")
    assert charger() == Bilan(inchanges=12, preserves=1)
    assert BaremeAdulteRelais.objects.get(date_effet=date(2024, 1, 1)).montant == euros(22900)


def test_un_bareme_vide_dans_l_administration_n_est_pas_rempli_par_le_fichier(admin_client):
    charger()
    modifier(admin_client, date(2024, 1, 1), montant="", statut="inconnu", source="Montant contesté")
    assert charger() == Bilan(inchanges=12, preserves=1)
    assert BaremeAdulteRelais.objects.get(date_effet=date(2024, 1, 1)).montant is None


def test_une_correction_livree_reprend_un_bareme_que_le_service_n_a_pas_touche(tmp_path):
    charger()
    fichier = tmp_path / "baremes.csv"
    fichier.write_text('date_effet,montant,statut,source\n2016-07-01,"18936,50",date,Relu\n', encoding="utf-8")
    assert charger_baremes_adultes_relais(fichier) == Bilan(modifies=1)
    assert BaremeAdulteRelais.objects.get(date_effet=date(2016, 7, 1)).montant == euros("18936,50")


def test_le_chargement_dit_combien_de_baremes_il_a_preserves(admin_client):
    call_command("charger_reference", verbosity=0)
    modifier(admin_client, date(2025, 1, 1), montant="23000", statut="annuel", source="Décret lu par le service")
    sortie = io.StringIO()
    call_command("charger_reference", stdout=sortie)
    (dite,) = [ligne for ligne in sortie.getvalue().splitlines() if ligne.startswith("barèmes adultes-relais")]
    assert dite.split()[-4:] == ["0", "0", "12", "1"]  # créés, modifiés, inchangés, préservés


def modifier(client, date_effet, **champs):
    """Le geste de l'administrateur, à son écran."""
    bareme = BaremeAdulteRelais.objects.get(date_effet=date_effet)
    adresse = f"/admin/dispositifs/baremeadulterelais/{bareme.pk}/change/"
    assert client.post(adresse, {"date_effet": f"{date_effet:%d/%m/%Y}", **champs}).status_code == 302


@pytest.mark.parametrize(
    ("ligne", "message"),
    [
        (",20000,annuel,Source", "la colonne « date_effet » est vide."),
        ("2025-01-01,20000,inconnu,Source", "Un barème inconnu n’a pas de montant"),
        ("2025-01-01,,annuel,Source", "Un barème inconnu n’a pas de montant"),
        ("2025-01-01,-5,annuel,Source", "montant : Un montant ne peut pas être négatif."),
        ("2025-01-01,vingt mille,annuel,Source", "« vingt mille » dans la colonne « montant »"),
    ],
)
def test_un_bareme_mal_ecrit_est_refuse_avec_sa_ligne(tmp_path, ligne, message):
    fichier = tmp_path / "baremes.csv"
    fichier.write_text(f"date_effet,montant,statut,source\n{ligne}\n", encoding="utf-8")
    with pytest.raises(ErreurDeReference) as erreur:
        charger_baremes_adultes_relais(fichier)
    assert message in str(erreur.value).replace("\u00a0", " ").replace("\u202f", " ")
    assert "ligne 2" in str(erreur.value)
