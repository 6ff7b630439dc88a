"""Les gestes sur une sélection : déposer et instruire en une fois, dire d'un mot ce qui l'empêche, revenir à la liste."""

import pytest
from django.urls import reverse

from comptes.enums import Role
from programmation.enums import StatutAction
from programmation.models import Action
from tests.fabriques import ActionFactory, ContratFactory, DepartementFactory, ExerciceFactory, habiliter, p147
from tests.pages import textes

pytestmark = pytest.mark.django_db
DEPOSER, INSTRUIRE = "/programmation/actions/gestes/deposer/", "/programmation/actions/gestes/instruire/"
DECIDER = "/programmation/actions/decider/"
LISTE = "/programmation/actions/"
FILTRES = "annee=2026&departement=14&statut=brouillon&page=2"


@pytest.fixture
def agent(client):
    utilisateur = habiliter(Role.AGENT, departement=ExerciceFactory().departement)
    client.force_login(utilisateur)
    return utilisateur


@pytest.fixture
def trois(agent):
    """Trois brouillons complets, qui demandent 1 000 € chacun."""
    actions = [ActionFactory(intitule=f"Action {nom}", statut=StatutAction.BROUILLON) for nom in "ABC"]
    for action in actions:
        p147(action, demande=1000)
    return actions


def cles(actions, **autres):
    return {"action": [action.pk for action in actions], **autres}


def statuts():
    return list(Action.objects.order_by("pk").values_list("statut", flat=True))


def test_une_selection_se_depose_puis_s_instruit_en_un_geste(client, trois):
    page = client.get(DEPOSER, cles(trois))
    assert textes(page, "//h1") == ["Déposer une sélection de 3 actions"]
    assert "Déposer 3 actions" in textes(page, "//main//button")
    assert statuts() == ["brouillon"] * 3, "un GET n'écrit rien"
    reponse = client.post(DEPOSER, cles(trois), follow=True)
    assert statuts() == ["deposee"] * 3
    assert textes(reponse, "//*[@role='status']") == ["3 actions sont déposées. Décider ces 3 actions"]
    assert "Instruire 3 actions" in textes(client.get(INSTRUIRE, cles(trois)), "//main//button")
    client.post(INSTRUIRE, cles(trois))
    assert statuts() == ["instruite"] * 3


def test_ce_qui_ne_peut_se_deposer_est_nomme_et_reste_a_part(client, trois):
    incomplets = [ActionFactory(intitule=f"Incomplète {n}", brouillon=True) for n in (1, 2)]
    page = client.get(DEPOSER, cles([*trois, *incomplets]))
    (raison,) = textes(page, "//main//li[strong]")
    assert raison.startswith("2 actions : Il manque : thématique, pilier, dispositif, porteur")
    envoyees = page.content.decode().count('<input type="hidden" name="action"')
    assert envoyees == 3
    assert "Déposer 3 actions" in textes(page, "//main//button")


def test_un_seul_empechement_arrete_tout_l_envoi(client, trois):
    incomplet = ActionFactory(brouillon=True)
    page = client.post(DEPOSER, cles([*trois, incomplet]))
    assert statuts() == ["brouillon"] * 4
    assert "Il manque" in page.content.decode()


def test_deposer_deux_fois_dit_une_fois_que_c_est_deja_fait(client, trois):
    client.post(DEPOSER, cles(trois))
    page = client.post(DEPOSER, cles(trois))
    assert "3 actions : L’action est déjà « Déposée »." in " ".join(textes(page, "//main//li"))
    assert [action.version for action in Action.objects.all()] == [a.version + 1 for a in trois]


def test_decider_des_brouillons_dit_une_fois_pourquoi_et_mene_au_depot(client, trois):
    page = client.get(DECIDER, cles(trois, retour=FILTRES))
    (raison,) = textes(page, "//main//li[strong]")
    assert raison.startswith("3 actions : Pas de décision « Attribution » sur une action « Brouillon ».")
    (lien,) = textes(page, "//main//a[@class='fr-btn']")
    assert lien == "Déposer d’abord ces 3 actions"
    depot = client.get(page.context["deposer"])
    assert [action.pk for action in depot.context["possibles"]] == [action.pk for action in trois]
    assert depot.context["liste"] == f"{LISTE}?{FILTRES}"


@pytest.mark.parametrize("adresse", [DEPOSER, INSTRUIRE])
def test_les_droits_du_lot_sont_ceux_du_geste_unitaire(client, trois, adresse):
    ailleurs = ActionFactory(exercice=ExerciceFactory(departement=DepartementFactory(code="30")))
    for methode in (client.get, client.post):
        assert methode(adresse, cles([*trois, ailleurs])).status_code == 404
        assert methode(adresse, {"action": "abc"}).status_code == 404
    agent_du_contrat = habiliter(Role.AGENT, contrat=trois[0].contrat)
    agent_du_contrat.habilitations.create(role=Role.LECTEUR, departement=trois[0].exercice.departement)
    client.force_login(agent_du_contrat)
    assert client.post(adresse, cles(trois)).status_code == 403
    client.force_login(habiliter(Role.DELEGUE, departement=trois[0].exercice.departement))
    assert client.post(adresse, cles(trois)).status_code == 403
    assert statuts() == ["brouillon"] * 3 + [ailleurs.statut]


def test_un_geste_qui_demande_un_motif_ne_se_fait_pas_en_lot(client, trois):
    for nom in ("retirer", "supprimer", "inconnu"):
        assert client.get(reverse("programmation:geste_en_lot", args=[nom]), cles(trois)).status_code == 404


def test_sans_selection_ou_avec_trop_d_actions_la_page_dit_quoi_faire(client, agent):
    assert "Aucune action choisie" in client.get(DEPOSER).content.decode()
    reponse = client.get(DEPOSER, {"action": range(1, 202)})
    assert reponse.status_code == 400
    assert "200 actions au plus" in reponse.content.decode()


def test_le_lot_fait_autant_de_requetes_a_une_et_trois_actions(client, trois, django_assert_max_num_queries):
    comptes = []
    for methode, actions in ((client.get, trois[:1]), (client.get, trois)):
        with django_assert_max_num_queries(15) as captees:
            methode(DEPOSER, cles(actions))
        comptes.append(len(captees.captured_queries))
    assert comptes[0] == comptes[1]
    envois = []
    for actions in (trois[:1], trois[1:]):
        with django_assert_max_num_queries(30) as captees:
            client.post(DEPOSER, cles(actions))
        envois.append(len(captees.captured_queries))
    assert envois[0] == envois[1]


# --- Revenir d'où l'on vient ---


def test_apres_un_lot_la_liste_garde_ses_filtres(client, trois):
    assert client.post(DEPOSER, cles(trois, retour=FILTRES)).url == f"{LISTE}?{FILTRES}"
    saisie = {"nature": "attribution", "date": "2026-01-15", "motif": "", "retour": FILTRES} | cles(trois)
    for action in Action.objects.all():
        saisie |= {f"a{action.pk}-montant": "1000", f"a{action.pk}-version": action.version}
    assert client.post(DECIDER, saisie).url == f"{LISTE}?{FILTRES}"


def test_le_retour_forge_ne_mene_jamais_hors_de_la_liste(client, trois):
    for forge in ("//ailleurs.example", "https://ailleurs.example/?a=1", "x\r\nLocation: https://ailleurs.example"):
        reponse = client.post(DEPOSER, cles(trois[:1], retour=forge))
        assert reponse.status_code in (200, 302)
        assert reponse.status_code == 200 or reponse.url.startswith(f"{LISTE}?")


def test_la_liste_dit_aux_gestes_d_ou_l_on_part(client, trois):
    page = client.get(f"{LISTE}?annee=2026&departement=14&statut=brouillon")
    assert 'name="retour" value="annee=2026&amp;departement=14&amp;statut=brouillon"' in page.content.decode()
    assert "Déposer la sélection" in textes(page, "//main//button")


def test_une_action_d_un_contrat_qu_on_ne_voit_pas_n_existe_pas(client, trois):
    client.force_login(habiliter(Role.AGENT, contrat=ContratFactory()))
    assert client.get(DEPOSER, cles(trois)).status_code == 404
