"""Figer, clore, rouvrir : chaque geste laisse une photographie des chiffres, prise dans la même transaction."""

from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comptes.enums import Role
from pilotage import photographies
from pilotage.models import Photographie, PhotographieIntouchable
from pilotage.operations import cloturer_exercice, figer_campagne, rouvrir_exercice
from programmation.enums import StatutExercice
from programmation.models import Campagne, Exercice
from programmation.operations import DroitManquant, MotifExige, OperationRefusee
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    ExerciceFactory,
    FinanceurFactory,
    QuartierFactory,
    action_programmee,
    cofinancement,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def responsable(db):
    return habiliter(Role.RESPONSABLE)


@pytest.fixture
def exercice(db):
    return ExerciceFactory(annee=2025)


@pytest.fixture
def campagne(exercice):
    return exercice.campagnes.get()


def test_figer_une_campagne_photographie_son_exercice(responsable, exercice, campagne):
    action_programmee(accorde=3000, exercice=exercice, intitule="Lire ensemble")

    photographie = figer_campagne(campagne, par=responsable)

    assert photographie.motif == "Gel de la campagne « Campagne 2025 »"
    assert [ligne["intitule"] for ligne in photographie.lignes] == ["Lire ensemble"]
    assert Campagne.objects.get().figee_le is not None


def test_une_ligne_dit_tout_de_l_action(responsable, campagne, exercice):
    contrat = ContratFactory(intitule="Contrat de Caen")
    quartiers = [QuartierFactory(contrat=contrat, nom=nom) for nom in ("Chemin Vert", "Guérinière")]
    action = action_programmee(accorde=3000, demande=4000, exercice=exercice, contrat=contrat, cout_previsionnel=6000)
    cofinancement(action, FinanceurFactory(nom="Ville de Caen"), demande=2000)
    localiser(action, {quartiers[0]: 2, quartiers[1]: 1})

    [ligne] = figer_campagne(campagne, par=responsable).lignes

    assert ligne["cle"] == str(action.cle)
    assert (ligne["statut"], ligne["version"]) == ("programmee", 1)
    assert (ligne["contrat_id"], ligne["contrat_intitule"]) == (contrat.pk, "Contrat de Caen")
    assert ligne["cout_previsionnel"] == "6000.00"
    assert [(f["famille"], f["demande"], f["accorde"]) for f in ligne["financements"]] == [
        ("anct_p147", "4000.00", "3000.00"),
        ("commune", "2000.00", None),
    ]
    assert [(lieu["quartier_nom"], lieu["cle"]) for lieu in ligne["localisations"]] == [
        ("Chemin Vert", 2),
        ("Guérinière", 1),
    ]
    assert ligne["decisions"] == [
        {"date": "2025-04-15", "nature": "attribution", "montant": "3000.00", "enveloppe_id": None}
    ]


def test_la_synthese_totalise_par_pilier_par_contrat_et_par_statut(responsable, campagne, exercice):
    contrat = ContratFactory()
    action_programmee(accorde=3000, exercice=exercice, contrat=contrat)
    action_programmee(accorde=1000, exercice=exercice, departementale=True)
    p147(ActionFactory(exercice=exercice, contrat=contrat), demande=500)

    synthese = figer_campagne(campagne, par=responsable).synthese

    assert synthese["accorde"]["piliers"] == {
        "cohesion-sociale": {"montant": "4000.00", "nombre": 2, "inconnus": 0},
    }
    assert {cle: s["montant"] for cle, s in synthese["accorde"]["contrats"].items()} == {
        str(contrat.pk): "3000.00",
        "": "1000.00",
    }
    assert synthese["demande"]["statuts"]["deposee"] == {"montant": "500.00", "nombre": 1, "inconnus": 0}


def test_l_empreinte_se_recalcule_de_ce_que_la_base_a_garde(responsable, campagne, exercice):
    action_programmee(accorde="1234.56", exercice=exercice)
    figer_campagne(campagne, par=responsable)

    relue = Photographie.objects.get()

    assert relue.empreinte == photographies.empreinte(relue.lignes, relue.synthese)
    assert relue.lignes == photographies.lignes(exercice)


def test_clore_puis_rouvrir_photographie_a_chaque_fois(responsable, campagne, exercice):
    figer_campagne(campagne, par=responsable)
    cloturer_exercice(exercice, par=responsable)
    assert Exercice.objects.get().statut == StatutExercice.CLOS

    rouvrir_exercice(exercice, par=responsable, motif="Erreur de saisie")

    assert Exercice.objects.get().statut == StatutExercice.OUVERT
    assert [photo.motif for photo in Photographie.objects.order_by("pk")] == [
        "Gel de la campagne « Campagne 2025 »",
        "Clôture de l’exercice 2025",
        "Réouverture de l’exercice 2025",
    ]


def test_un_gel_repris_porte_sa_date(responsable, campagne):
    le = datetime(2025, 7, 6, 18, tzinfo=timezone.get_current_timezone())

    assert figer_campagne(campagne, par=responsable, le=le).prise_le == le
    assert timezone.localdate(Campagne.objects.get().figee_le) == date(2025, 7, 6)


def test_une_date_future_est_refusee(responsable, campagne, exercice):
    demain = timezone.now() + timedelta(days=1)
    with pytest.raises(OperationRefusee, match="futur"):
        figer_campagne(campagne, par=responsable, le=demain)
    figer_campagne(campagne, par=responsable)
    with pytest.raises(OperationRefusee, match="futur"):
        cloturer_exercice(exercice, par=responsable, le=demain)
    assert Photographie.objects.count() == 1


def test_un_geste_refuse_ne_photographie_rien(responsable, campagne, exercice):
    CampagneFactory(exercice=exercice, intitule="Seconde vague")
    with pytest.raises(DroitManquant):
        figer_campagne(campagne, par=habiliter(Role.AGENT))
    figer_campagne(campagne, par=responsable)
    with pytest.raises(OperationRefusee, match="déjà figée"):
        figer_campagne(campagne, par=responsable)
    with pytest.raises(OperationRefusee, match="Figer d’abord : « Seconde vague »"):
        cloturer_exercice(exercice, par=responsable)
    with pytest.raises(MotifExige):
        rouvrir_exercice(exercice, par=responsable, motif=" ")

    assert Photographie.objects.count() == 1


def test_une_photographie_ne_se_modifie_ni_ne_s_efface(responsable, campagne):
    photographie = figer_campagne(campagne, par=responsable)
    for geste in (photographie.save, photographie.delete, Photographie.objects.all().delete):
        with pytest.raises(PhotographieIntouchable):
            geste()


def test_photographier_dix_actions_ne_coute_pas_plus_de_requetes_qu_une(responsable, exercice):
    def requetes():
        with CaptureQueriesContext(connection) as capture:
            photographies.lignes(exercice)
            photographies.synthese(exercice)
        return len(capture)

    contrat, financeur = ContratFactory(), FinanceurFactory()
    cofinancement(action_programmee(accorde=100, exercice=exercice, contrat=contrat), financeur, accorde=50)
    d_une = requetes()
    for _ in range(9):
        cofinancement(action_programmee(accorde=100, exercice=exercice, contrat=contrat), financeur, accorde=50)
    assert requetes() == d_une
