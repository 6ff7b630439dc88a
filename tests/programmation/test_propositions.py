"""Le proposé tapé dans la liste : une cellule ou une colonne, tout ou rien, et les totaux qui suivent."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comptes.enums import Role
from programmation.enums import StatutAction, StatutExercice
from programmation.models import Action, Exercice, Financement
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    FinanceurFactory,
    HabilitationFactory,
    QuartierFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

PROPOSES = "/programmation/propositions/"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def agent(client):
    utilisateur = habiliter()
    client.force_login(utilisateur)
    return utilisateur


@pytest.fixture
def trois(agent):
    """Trois actions à décider ; la première demande 1 000 € et propose 400 €, la troisième n'a pas de ligne P147."""
    contrat = ContratFactory()
    actions = [ActionFactory(intitule=f"Action {nom}", contrat=contrat) for nom in "ABC"]
    p147(actions[0], demande=1000, propose=400)
    cofinancement(actions[0], FinanceurFactory(nom="Ville de Caen"), demande=500, accorde=300)
    p147(actions[1], demande=2000)
    return actions


def saisir(client, cellules, adresse=PROPOSES, **options):
    """Envoie un bloc : {action: texte}, avec les versions lues ; rend l'état de chaque cellule."""
    donnees = {}
    for action, texte in cellules.items():
        donnees |= {f"a{action.pk}": texte, f"v{action.pk}": action.version}
    reponse = client.post(adresse, donnees, **HTMX | options)
    assert reponse.status_code == 200
    (pied,) = noeuds(reponse, "//tfoot")
    return {int(pk): etat for pk, etat in json.loads(pied.get("data-cellules")).items()}, reponse


def proposes():
    return dict(Financement.objects.p147().values_list("action", "propose"))


def test_une_cellule_ecrit_la_seule_ligne_p147_et_les_totaux_suivent(client, agent, trois):
    premiere = trois[0]
    etats, reponse = saisir(client, {premiere: "1 234,50 €"})
    assert etats == {premiere.pk: {"version": 2}}
    assert proposes()[premiere.pk] == euros("1234,50")
    ville = premiere.financements.get(financeur__nom="Ville de Caen")
    assert (ville.demande, ville.accorde) == (euros(500), euros(300))
    assert premiere.financements.get(famille="anct_p147").demande == euros(1000)
    assert "1 234,50 €" in textes(reponse, "//tfoot//td[3]")[0]
    trace = premiere.financements.get(famille="anct_p147").history.first()
    assert (trace.propose, trace.history_user) == (euros("1234,50"), agent)


def test_une_colonne_collee_s_ecrit_en_entier_et_cree_la_ligne_qui_manque(client, trois):
    FinanceurFactory(p147=True)
    a, b, c = trois
    etats, _ = saisir(client, {a: "", b: "1 500", c: "20,5"})
    assert etats == {a.pk: {"version": 2}, b.pk: {"version": 2}, c.pk: {"version": 2}}
    assert proposes() == {a.pk: None, b.pk: euros(1500), c.pk: euros("20,50")}


def test_une_cellule_illisible_arrete_tout_le_bloc_et_dit_pourquoi(client, trois):
    a, b, _ = trois
    etats, _ = saisir(client, {a: "500", b: "mille"})
    assert list(etats) == [b.pk]
    assert "« mille » n’est pas un montant" in etats[b.pk]["erreur"].replace("\u00a0", " ")
    assert proposes() == {a.pk: euros(400), b.pk: None}
    assert Action.objects.get(pk=a.pk).version == 1


def test_un_conflit_montre_l_autre_valeur_et_n_ecrit_rien_du_bloc(client, trois):
    a, b, _ = trois
    autre = habiliter(Role.RESPONSABLE)
    client.force_login(autre)
    saisir(client, {a: "700"})
    client.force_login(habiliter())
    etats, _ = saisir(client, {a: "800", b: "900"})
    assert list(etats) == [a.pk]
    assert (etats[a.pk]["actuel"], etats[a.pk]["version"]) == ("700,00", 2)
    assert etats[a.pk]["conflit"].replace("\u00a0", " ").startswith(f"Modifiée par {autre} le ")
    assert proposes() == {a.pk: euros(700), b.pk: None}


def test_le_meme_envoi_recu_deux_fois_n_ecrit_qu_une_fois(client, trois):
    a = trois[0]
    saisir(client, {a: "800"})
    etats, _ = saisir(client, {a: "800"})
    assert etats == {a.pk: {"version": 2}}
    assert Action.history.filter(id=a.pk, version=2).count() == 1


@pytest.mark.parametrize(
    ("preparer", "raison"),
    [
        (lambda a: Action.objects.filter(pk=a.pk).update(statut=StatutAction.RETIREE), "Plus à décider."),
        (lambda a: DecisionFactory(action=a, montant=0, nature="ajournement"), "Déjà décidée"),
        (lambda a: figer(a.campagne), "Campagne figée"),
        (lambda a: Exercice.objects.update(statut=StatutExercice.CLOS), "L’exercice 2026 est clos"),
    ],
    ids=["retiree", "ajournee", "figee", "close"],
)
def test_ce_qui_ne_se_saisit_pas_le_dit_et_ne_s_ecrit_pas(client, trois, preparer, raison):
    a = trois[0]
    preparer(a)
    page = client.get(PROPOSES, {"exercice": a.exercice_id})
    assert noeuds(page, f"//input[@name='a{a.pk}']") == []
    assert any(raison in texte for texte in textes(page, "//td/span[classe('pv-remarque')]"))
    etats, _ = saisir(client, {a: "800"})
    assert raison in etats[a.pk]["erreur"].replace("\u00a0", " ")
    assert proposes()[a.pk] == euros(400)


def figer(campagne):
    campagne.figee_le = timezone.now()
    campagne.save()


def test_l_ecran_garde_les_filtres_les_colonnes_et_les_totaux_de_la_liste(client, trois):
    action_programmee(accorde=700, contrat=trois[0].contrat, intitule="Déjà programmée")
    filtres = {"contrat": trois[0].contrat_id, "annee": "2026", "departement": "14", "tri": "-demande"}
    liste = client.get("/programmation/actions/", filtres)
    page = client.get(PROPOSES, filtres)
    assert textes(page, "//thead//th") == textes(liste, "//thead//th")[1:]
    assert textes(page, "//tfoot//td") == textes(liste, "//tfoot//td")
    assert textes(page, "//tbody//th") == textes(liste, "//tbody//th")
    assert len(noeuds(page, "//tbody//input[starts-with(@name, 'a')]")) == 3
    (lien,) = noeuds(liste, "//a[normalize-space()='Saisir les proposés']/@href")
    assert lien.startswith(PROPOSES)
    assert f"contrat={trois[0].contrat_id}" in lien


def test_une_part_de_quartier_ou_un_autre_financeur_ne_se_saisit_pas(client, trois):
    quartier = QuartierFactory(contrat=trois[0].contrat)
    localiser(trois[0], {quartier: 1})
    for filtre in ({"quartier": quartier.pk}, {"famille": "commune"}):
        page = client.get(PROPOSES, filtre | {"annee": "2026", "departement": "14"})
        assert "Ces montants ne se saisissent pas ici." in page.content.decode()
        assert noeuds(page, "//tbody//input") == []


def test_les_droits_404_hors_du_perimetre_et_403_sans_le_role(client, trois):
    gard = DepartementFactory(code="30")
    client.force_login(habiliter(Role.AGENT, departement=gard))
    assert client.post(PROPOSES, {f"a{trois[0].pk}": "1", f"v{trois[0].pk}": 1}, **HTMX).status_code == 404
    client.force_login(habiliter(Role.LECTEUR))
    assert client.get(PROPOSES).status_code == 403
    assert client.post(PROPOSES, {f"a{trois[0].pk}": "1"}, **HTMX).status_code == 403
    assert proposes()[trois[0].pk] == euros(400)


def test_qui_n_ecrit_que_dans_un_contrat_ne_saisit_pas_les_autres(client, trois):
    ici, ailleurs = trois[0], ActionFactory()
    p147(ailleurs, demande=100)
    utilisateur = habiliter(Role.AGENT, contrat=ici.contrat)
    HabilitationFactory(utilisateur=utilisateur, role=Role.LECTEUR)
    client.force_login(utilisateur)
    page = client.get(PROPOSES)
    assert noeuds(page, f"//input[@name='a{ailleurs.pk}']") == []
    etats, _ = saisir(client, {ailleurs: "50"})
    assert "habilitation" in etats[ailleurs.pk]["erreur"]


def test_sans_script_la_page_entiere_s_enregistre_ou_se_corrige(client, trois):
    a, b, _ = trois
    donnees = {f"a{a.pk}": "450", f"v{a.pk}": 1, f"a{b.pk}": "mille", f"v{b.pk}": 1}
    page = client.post(PROPOSES, donnees)
    assert "Rien n’est enregistré" in page.content.decode()
    assert noeuds(page, f"//input[@name='a{a.pk}']/@value") == ["450"]
    assert proposes()[a.pk] == euros(400)
    reponse = client.post(PROPOSES, donnees | {f"a{b.pk}": "1000"})
    assert reponse.status_code == 302
    assert (proposes()[a.pk], proposes()[b.pk]) == (euros(450), euros(1000))


def test_l_ecran_coute_autant_de_requetes_pour_une_ou_trois_actions(client, agent):
    def compter():
        with CaptureQueriesContext(connection) as requetes:
            assert client.get(PROPOSES).status_code == 200
        return len(requetes)

    contrat = ContratFactory()
    p147(ActionFactory(contrat=contrat), 100)
    une = compter()
    for _ in range(2):
        p147(ActionFactory(contrat=contrat), 100)
    assert compter() == une
