"""Figer, clore, rouvrir à l'écran : les conséquences d'abord, un seul geste ensuite, et qui l'a fait si c'est un autre."""

from datetime import date

import pytest

from comptes.enums import Role
from pilotage.models import Photographie
from pilotage.operations import cloturer_exercice, figer_campagne
from programmation.enums import StatutAction, StatutExercice
from programmation.models import Campagne, Comite, Exercice
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    DepartementFactory,
    EnveloppeFactory,
    ExerciceFactory,
    MouvementFactory,
    action_programmee,
    euros,
    habiliter,
    p147,
)
from tests.pages import noeuds, textes
from tests.pages import texte as texte_du_noeud

pytestmark = pytest.mark.django_db


def texte(reponse):
    return texte_du_noeud(noeuds(reponse, "//main")[0])


def consequences(reponse):
    return textes(reponse, "//main//h2[.='Ce que cela entraîne']/following-sibling::ul[1]/li")


@pytest.fixture
def exercice():
    return ExerciceFactory()


@pytest.fixture
def campagne(exercice):
    return exercice.campagnes.get()


@pytest.fixture
def responsable():
    return habiliter(Role.RESPONSABLE)


@pytest.fixture
def connecte(client, responsable):
    client.force_login(responsable)
    return client


def adresses(exercice):
    return {
        "figer": f"/pilotage/campagnes/{exercice.campagnes.get().pk}/figer/",
        "clore": f"/pilotage/exercices/{exercice.pk}/clore/",
        "rouvrir": f"/pilotage/exercices/{exercice.pk}/rouvrir/",
    }


def confirmer(client, adresse, **donnees):
    """Lit la page, puis confirme ce qu'elle annonce."""
    formulaire = client.get(adresse).context["formulaire"]
    return client.post(adresse, {"vu": formulaire["vu"].value(), **donnees}, follow=True)


def test_figer_dit_ce_qui_reste_sans_decision_et_ce_qui_reste_a_accorder(connecte, exercice, campagne):
    p147(ActionFactory(), 700)
    p147(ActionFactory(statut=StatutAction.AJOURNEE), 300)
    ActionFactory(statut=StatutAction.BROUILLON)
    MouvementFactory(enveloppe=EnveloppeFactory(), ae=euros(5000))
    action_programmee(1200, enveloppe=exercice.enveloppes.get())
    Comite.objects.create(campagne=campagne, nature="pilotage", date=date(2026, 4, 1))
    assert consequences(connecte.get(adresses(exercice)["figer"])) == [
        "2 actions ne sont pas décidées, pour 1 000,00 € demandés : plus aucune première décision ne sera possible.",
        "1 brouillon : plus aucun dépôt ne sera possible.",
        "1 comité n’est pas terminé : aucune décision n’y sera plus prise.",
        "Il reste 3 800,00 € à décider dans les enveloppes.",
        "Compléter, diminuer ou déprogrammer restera possible, avec un motif.",
        "Une photographie gardera les chiffres de cet instant : 1 action programmée, 1 200,00 € accordés.",
    ]


def test_l_annee_se_fige_se_clot_et_se_rouvre(connecte, exercice, responsable):
    action_programmee(1200)
    adresse = adresses(exercice)
    assert "est figée et photographiée" in texte(confirmer(connecte, adresse["figer"]))
    assert "est clos et photographié" in texte(confirmer(connecte, adresse["clore"]))
    page = confirmer(connecte, adresse["rouvrir"], motif="Une action oubliée")
    assert "est rouvert" in texte(page)
    assert "Une action oubliée" in texte(page)
    exercice.refresh_from_db()
    assert exercice.statut == StatutExercice.OUVERT
    assert [photo.motif for photo in Photographie.objects.order_by("pk")] == [
        "Gel de la campagne « Campagne 2026 »",
        "Clôture de l’exercice 2026",
        "Réouverture de l’exercice 2026",
    ]


def test_clore_avec_une_campagne_ouverte_dit_laquelle_figer(connecte, exercice):
    CampagneFactory(exercice=exercice, intitule="Été")
    page = connecte.get(adresses_d(exercice)["clore"])
    assert "Figer d’abord : « Campagne 2026 », « Été »." in texte(page)
    assert noeuds(page, "//main//form") == []
    connecte.post(adresses_d(exercice)["clore"], {})
    exercice.refresh_from_db()
    assert exercice.statut == StatutExercice.OUVERT
    assert not Photographie.objects.exists()


def adresses_d(exercice):
    return {"clore": f"/pilotage/exercices/{exercice.pk}/clore/"}


@pytest.mark.parametrize("motif", ["", "   "])
def test_rouvrir_sans_motif_est_refuse(connecte, exercice, campagne, responsable, motif):
    figer_campagne(campagne, par=responsable)
    cloturer_exercice(exercice, par=responsable)
    reponse = confirmer(connecte, adresses(exercice)["rouvrir"], motif=motif)
    assert reponse.context["formulaire"].errors["motif"]
    assert Exercice.objects.get().est_clos
    assert Photographie.objects.count() == 2


def test_un_double_clic_fige_une_fois_et_le_dit(connecte, exercice, responsable):
    adresse = adresses(exercice)["figer"]
    vu = {"vu": connecte.get(adresse).context["formulaire"]["vu"].value()}
    assert connecte.post(adresse, vu).status_code == 302
    seconde = connecte.post(adresse, vu, follow=True)
    assert f"La campagne « Campagne 2026 » est déjà figée, par {responsable} le" in texte(seconde)
    assert Photographie.objects.count() == 1


def test_le_second_chef_lit_qui_a_clos(client, exercice, campagne, responsable):
    figer_campagne(campagne, par=responsable)
    autre = habiliter(Role.RESPONSABLE)
    client.force_login(autre)
    adresse = adresses(exercice)["clore"]
    vu = {"vu": client.get(adresse).context["formulaire"]["vu"].value()}
    cloturer_exercice(exercice, par=responsable)
    assert f"L’exercice 2026 est déjà clos, par {responsable} le" in texte(client.post(adresse, vu, follow=True))
    assert Photographie.objects.count() == 2


def test_ce_qui_a_change_pendant_la_lecture_se_relit_avant_de_figer(connecte, exercice, campagne):
    adresse = adresses(exercice)["figer"]
    vu = {"vu": connecte.get(adresse).context["formulaire"]["vu"].value()}
    p147(ActionFactory(), 700)
    page = connecte.post(adresse, vu)
    assert "Les chiffres ont changé pendant que vous lisiez" in texte(page)
    assert "1 action n’est pas décidée, pour 700,00 € demandés" in texte(page)
    assert not Campagne.objects.get().est_figee
    assert connecte.post(adresse, {"vu": page.context["formulaire"]["vu"].value()}).status_code == 302


@pytest.mark.parametrize("geste", ["figer", "clore", "rouvrir"])
def test_un_autre_departement_n_existe_pas(connecte, geste):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    for methode in (connecte.get, connecte.post):
        assert methode(adresses(gard)[geste]).status_code == 404
    assert not Campagne.objects.get(exercice=gard).est_figee


@pytest.mark.parametrize(
    ("role", "attendu"), [(Role.AGENT, 403), (Role.DELEGUE, 403), (Role.LECTEUR, 403), (Role.PARTENAIRE, 404)]
)
@pytest.mark.parametrize("geste", ["figer", "clore", "rouvrir"])
def test_les_autres_roles_ne_font_aucun_de_ces_gestes(client, exercice, role, attendu, geste):
    client.force_login(habiliter(role))
    assert client.get(adresses(exercice)[geste]).status_code == attendu
    assert client.post(adresses(exercice)[geste], {"motif": "Essai"}).status_code == attendu
    assert not Photographie.objects.exists()


def test_le_responsable_d_un_seul_contrat_ne_tient_pas_l_exercice(client, exercice):
    contrat = ContratFactory()
    action_programmee(100, contrat=contrat)
    client.force_login(habiliter(Role.RESPONSABLE, contrat=contrat))
    assert client.get(adresses(exercice)["figer"]).status_code == 403
