"""Les écrans d'un comité : composer l'ordre du jour, tenir la séance, projeter. Un GET n'écrit jamais."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from comptes.enums import Role
from comptes.models import SaisieConservee
from programmation import operations
from programmation.enums import EtatComite, NatureComite, NatureDecision, QualiteAvis, StatutAction
from programmation.models import Action, Avis, Comite, Decision, Financement, Proposition, Scenario
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    DepartementFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    QuartierFactory,
    action_programmee,
    euros,
    habiliter,
    localiser,
    p147,
)
from tests.pages import noeuds, texte, textes

pytestmark = pytest.mark.django_db

COMITES = "/programmation/comites/"
JOUR = date(2026, 3, 12)


@pytest.fixture
def agent(client):
    utilisateur = habiliter(Role.AGENT, departement=ExerciceFactory().departement)
    client.force_login(utilisateur)
    return utilisateur


@pytest.fixture
def campagne():
    return ExerciceFactory().campagnes.get()


@pytest.fixture
def enveloppe():
    enveloppe = EnveloppeFactory(exercice=ExerciceFactory(), libelle="Crédits P147")
    MouvementFactory(enveloppe=enveloppe, ae=euros(10_000))
    return enveloppe


@pytest.fixture
def actions(enveloppe):
    FinanceurFactory(p147=True)
    actions = [
        ActionFactory(intitule=f"Atelier {nom}", statut=StatutAction.INSTRUITE, enveloppe=enveloppe) for nom in "ABC"
    ]
    for rang, action in enumerate(actions, 1):
        p147(action, 1000 * rang, propose=900 * rang)
    return actions


def seance(nature, campagne, agent, actions):
    comite = operations.creer_un_comite(campagne, nature, JOUR, par=agent)
    operations.inscrire(comite, actions, par=agent)
    return operations.ouvrir_la_seance(comite, par=agent)


@pytest.fixture
def copil(campagne, agent, actions):
    return seance(NatureComite.PILOTAGE, campagne, agent, actions)


@pytest.fixture
def technique(campagne, agent, actions):
    return seance(NatureComite.TECHNIQUE, campagne, agent, actions)


def adresse(comite, suite=""):
    return f"{COMITES}{comite.pk}/{suite}"


def passage(comite, action):
    return comite.passages.get(action=action)


def champs(comite, action, issue, montant="", observation="", **autres):
    """Ce que le navigateur envoie pour une ligne, d'après les versions en base."""
    p = comite.passages.select_related("action").get(action=action)
    prefixe = f"p{p.pk}-"
    envoyes = {
        "issue": issue,
        "montant": montant,
        "observation": observation,
        "version": p.version,
        "version_de_l_action": p.action.version,
    }
    return {prefixe + nom: valeur for nom, valeur in envoyes.items()} | autres


def seul(comite, action, issue, montant="", observation="", **autres):
    return champs(comite, action, issue, montant, observation, passage=passage(comite, action).pk, **autres)


# --- Prévoir et composer ---


def test_l_agent_prevoit_un_comite_et_compose_son_ordre_du_jour(client, agent, campagne, actions):
    donnees = {"campagne": campagne.pk, "nature": "pilotage", "date": "2026-03-12", "lieu": "Préfecture"}
    reponse = client.post(f"{COMITES}ajouter/", donnees)
    comite = Comite.objects.get()
    assert reponse.url == adresse(comite, "inscrire/?")
    assert (comite.lieu, comite.partenaires_presents, comite.etat) == ("Préfecture", False, EtatComite.PREPARATION)
    page = client.get(adresse(comite, "inscrire/"))
    assert textes(page, "//tbody//th/a") == ["Atelier A", "Atelier B", "Atelier C"]
    assert not comite.passages.exists(), "un GET n'écrit rien"
    reponse = client.post(adresse(comite, "inscrire/"), {"action": [a.pk for a in actions]}, follow=True)
    assert textes(reponse, "//*[@role='status']") == ["3 actions sont inscrites à l’ordre du jour."]
    assert [texte(n) for n in noeuds(reponse, "//tbody//th/a")] == ["Atelier A", "Atelier B", "Atelier C"]
    (total,) = textes(reponse, "//tfoot/tr/td[@data-titre='Demandé P147']")
    assert total == "6 000,00 €"


def test_un_comite_sans_date_ni_campagne_dit_ce_qui_manque(client, agent, campagne):
    page = client.post(f"{COMITES}ajouter/", {"nature": "pilotage"})
    assert {"Campagne", "Date"} <= set(textes(page, "//*[@role='alert']//li/a"))
    assert not Comite.objects.exists()


def test_l_historique_d_un_comite_dit_sa_date_sa_seance_et_chaque_issue(client, agent, copil, actions):
    operations.modifier_un_comite(copil, {"date": date(2026, 3, 13)}, par=agent)
    client.post(adresse(copil, "seance/"), seul(copil, actions[0], "ajournement", observation="Budget à revoir"))
    (lien,) = noeuds(client.get(adresse(copil)), "//a[text()='Historique du comité']/@href")
    page = client.get(lien)
    gestes = textes(page, "//ol[classe('pv-histoire')]//ul/li")
    assert {"Date : 12/03/2026 → 13/03/2026", "Comité : prévu", "Atelier A : ajouté"} <= set(gestes)
    assert "Issue proposée (Atelier A) : — → Ajournement" in gestes


def test_un_delegue_d_ailleurs_ne_lit_pas_les_passages_des_actions_qu_il_ne_voit_pas(client, campagne, copil):
    client.force_login(habiliter(Role.DELEGUE, contrat=ContratFactory(intitule="Lisieux")))
    page = client.get(adresse(copil, "histoire/"))
    assert "Atelier" not in page.content.decode()


@pytest.mark.parametrize("jour", ["1900-03-12", "2024-12-31", "2028-01-01", "2100-03-12"])
def test_un_comite_ne_se_date_pas_loin_de_son_exercice(client, agent, campagne, jour):
    page = client.post(f"{COMITES}ajouter/", {"campagne": campagne.pk, "nature": "pilotage", "date": jour})
    assert "est trop loin de l’exercice 2026" in texte(noeuds(page, "//*[@role='alert']")[0])
    assert not Comite.objects.exists()


def test_deux_envois_du_meme_comite_n_en_font_qu_un(client, agent, campagne):
    donnees = {"campagne": campagne.pk, "nature": "pilotage", "date": "2026-03-12"}
    client.post(f"{COMITES}ajouter/", donnees)
    page = client.post(f"{COMITES}ajouter/", donnees)
    assert "déjà prévu ce jour-là" in texte(noeuds(page, "//*[@role='alert']")[0])
    assert Comite.objects.count() == 1


def test_les_filtres_de_la_liste_font_l_ordre_du_jour(client, agent, campagne, actions):
    comite = operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, JOUR, par=agent)
    page = client.get(adresse(comite, f"inscrire/?annee=2026&departement=14&contrat={actions[1].contrat_id}"))
    assert textes(page, "//tbody//th/a") == ["Atelier B"]
    triees = client.get(adresse(comite, "inscrire/?tri=-demande&statut=instruite"))
    assert textes(triees, "//tbody//th/a") == ["Atelier C", "Atelier B", "Atelier A"]


def test_ce_qui_ne_s_inscrit_pas_est_dit(client, agent, campagne, actions):
    comite = operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, JOUR, par=agent)
    operations.inscrire(comite, actions[:1], par=agent)
    ActionFactory(statut=StatutAction.RETIREE, intitule="Retirée")
    page = client.get(adresse(comite, "inscrire/?annee=2026&departement=14"))
    assert textes(page, "//tbody//th/a") == ["Atelier B", "Atelier C"]
    contenu = texte(noeuds(page, "//main")[0])
    assert "1 action est déjà à l’ordre du jour." in contenu
    assert "Retirée : une action « Retirée » ne s’inscrit pas" in contenu


def test_la_liste_mene_a_l_ordre_du_jour_d_un_comite(client, agent, campagne, actions):
    vide = client.get(f"{COMITES}choisir/?statut=instruite")
    assert "Aucun comité ouvert ici." in texte(noeuds(vide, "//main")[0])
    comite = operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, JOUR, par=agent)
    seul_comite = client.get(f"{COMITES}choisir/?statut=instruite&q=atelier")
    assert seul_comite.url == adresse(comite, "inscrire/?statut=instruite&q=atelier")
    cochees = client.get(f"{COMITES}choisir/", {"action": [actions[1].pk], "retour": "q=atelier&tri=-demande"})
    page = client.get(cochees.url)
    assert textes(page, "//tbody//th/a") == ["Atelier B"], "la sélection de la liste, sous ses filtres"
    operations.creer_un_comite(campagne, NatureComite.PILOTAGE, JOUR, par=agent)
    deux = client.get(f"{COMITES}choisir/?q=atelier")
    assert textes(deux, "//main/ul/li/a") == ["Comité technique du 12/03/2026", "Comité de pilotage du 12/03/2026"]


def test_un_scenario_donne_ses_actions_et_ses_montants(client, agent, campagne, actions):
    scenario = Scenario.objects.create(exercice=campagne.exercice, libelle="Prudent", auteur=agent)
    for action, montant in zip(actions[:2], (700, 0), strict=True):
        Proposition.objects.create(scenario=scenario, action=action, montant=euros(montant), statut_vu=action.statut)
    comite = operations.creer_un_comite(campagne, NatureComite.PILOTAGE, JOUR, par=agent)
    page = client.get(adresse(comite, f"inscrire/?scenario={scenario.pk}"))
    assert textes(page, "//tbody//td[@data-titre='Scénario']") == ["700,00 €", "0,00 €"]
    client.post(adresse(comite, "inscrire/"), {"action": [a.pk for a in actions[:2]], "scenario": scenario.pk})
    assert list(comite.passages.order_by("ordre").values_list("montant", "issue")) == [(euros(700), ""), (euros(0), "")]


def test_du_scenario_un_lien_mene_a_l_ordre_du_jour_avec_ses_actions(client, agent, campagne, actions):
    """Une action décidée depuis n'y est plus : un complément se prévoit à part."""
    scenario = operations.creer_un_scenario(campagne.exercice, "Prudent", par=agent)
    operations.saisir_des_montants(scenario, {action.pk: euros(700) for action in actions}, par=agent)
    Action.objects.filter(pk=actions[2].pk).update(statut=StatutAction.PROGRAMMEE)
    lien = "//a[. = 'Inscrire ses actions à un comité']/@href"
    [vers] = noeuds(client.get(reverse("programmation:scenario_detail", args=[scenario.pk])), lien)
    assert "Aucun comité ouvert ici." in client.get(vers).text
    comite = operations.creer_un_comite(campagne, NatureComite.PILOTAGE, JOUR, par=agent)
    page = client.get(vers, follow=True)
    assert page.redirect_chain[0][0].startswith(adresse(comite, "inscrire/?"))
    assert textes(page, "//tbody//td[@data-titre='Scénario']") == ["700,00 €", "700,00 €"]
    operations.ecarter_un_scenario(scenario, par=agent)
    assert not noeuds(client.get(reverse("programmation:scenario_detail", args=[scenario.pk])), lien)


def test_une_action_ou_un_scenario_d_ailleurs_n_existe_pas(client, agent, campagne):
    comite = operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, JOUR, par=agent)
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    ailleurs = ActionFactory(exercice=gard)
    autre = Scenario.objects.create(exercice=gard, libelle="Gard", auteur=agent)
    assert client.post(adresse(comite, "inscrire/"), {"action": ailleurs.pk}).status_code == 404
    assert client.get(adresse(comite, f"inscrire/?scenario={autre.pk}")).status_code == 404
    assert client.get(adresse(comite, "inscrire/?scenario=abc")).status_code == 404


def test_l_ordre_se_change_par_un_bouton_ou_par_un_rang(client, agent, campagne, actions):
    comite = operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, JOUR, par=agent)
    operations.inscrire(comite, actions, par=agent)

    def ordre():
        return "".join(i[-1] for i in comite.passages.order_by("ordre").values_list("action__intitule", flat=True))

    dernier = passage(comite, actions[2])
    reponse = client.post(adresse(comite, "placer/"), {"passage": dernier.pk, "vers": 2, "rang": 3})
    assert (ordre(), reponse.url) == ("ACB", adresse(comite, f"?place={dernier.pk}"))
    client.post(adresse(comite, "placer/"), {"passage": dernier.pk, "rang": 1})
    assert ordre() == "CAB"
    page = client.post(adresse(comite, "placer/"), {"passage": dernier.pk, "rang": "deux"}, follow=True)
    assert "nombre entier" in texte(noeuds(page, "//*[@role='alert']")[0])
    client.post(adresse(comite, "retirer/"), {"passage": dernier.pk})
    assert ordre() == "AB"


def test_l_ordre_du_jour_s_affiche_en_autant_de_requetes_pour_une_ou_trois_actions(client, agent, campagne, actions):
    petit = operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, JOUR, par=agent)
    grand = operations.creer_un_comite(campagne, NatureComite.PILOTAGE, JOUR, par=agent)
    operations.inscrire(petit, actions[:1], par=agent)
    operations.inscrire(grand, actions, par=agent)
    for ecran in ("", "projection/", "projection/?vue=table"):
        comptes = []
        for comite in (petit, grand):
            with CaptureQueriesContext(connection) as requetes:
                assert client.get(adresse(comite, ecran)).status_code == 200
            comptes.append(len(requetes))
        assert comptes[0] == comptes[1], ecran


def test_les_actions_a_inscrire_s_affichent_en_autant_de_requetes_pour_une_ou_trois(client, agent, campagne, actions):
    comite = operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, JOUR, par=agent)
    ete = CampagneFactory(exercice=campagne.exercice, intitule="Été")
    ailleurs = [ActionFactory(campagne=ete, intitule=f"Été {rang}", statut=actions[0].statut) for rang in range(3)]

    def compter(nombre):
        choisies = [*actions[:nombre], *ailleurs[:nombre]]
        with CaptureQueriesContext(connection) as requetes:
            page = client.get(adresse(comite, "inscrire/"), {"action": [action.pk for action in choisies]})
        assert len(noeuds(page, "//tbody/tr")) == nombre
        return len(requetes), "elle est de la campagne « Été »" in texte(noeuds(page, "//main")[0])

    assert compter(3) == compter(1)
    assert compter(1)[1]


def test_les_actions_ecartees_se_comptent_toutes_et_se_nomment_par_cent(client, agent, campagne, actions):
    comite = operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, JOUR, par=agent)
    for rang in range(103):
        ActionFactory(statut=StatutAction.RETIREE, intitule=f"Retirée {rang:03}")
    page = client.get(adresse(comite, "inscrire/?statut=retiree"))
    noms = textes(page, "//details[summary[starts-with(., 'Lesquelles')]]//li")
    assert (len(noms), noms[99], noms[100]) == (101, "Retirée 099", "et 3 autres")
    assert "103 actions : une action « Retirée »" in texte(noeuds(page, "//main")[0])


# --- La séance ---


def test_une_action_se_decide_en_seance_et_l_on_passe_a_la_suivante(client, copil, actions):
    page = client.get(adresse(copil, f"seance/?passage={passage(copil, actions[0]).pk}"))
    assert textes(page, "//h1") == ["Atelier A"]
    assert noeuds(page, "//input[contains(@name, 'montant')]")[0].get("value") == "900,00"
    reponse = client.post(adresse(copil, "seance/"), seul(copil, actions[0], "attribution", "1 000", suite="suivante"))
    suivant = passage(copil, actions[1])
    assert reponse.url == adresse(copil, f"seance/?passage={suivant.pk}")
    copil.refresh_from_db()
    assert copil.en_cours == suivant
    assert Decision.objects.get().montant == euros(1000)


def test_la_fiche_de_l_action_dit_quel_comite_a_decide(client, copil, actions):
    client.post(adresse(copil, "seance/"), seul(copil, actions[0], "attribution", "1000"))
    fiche = client.get(actions[0].get_absolute_url())
    (lien,) = noeuds(fiche, f"//a[@href='{adresse(copil)}']")
    assert texte(lien) == "Comité de pilotage du 12/03/2026"


def test_les_lignes_renseignees_du_tableau_s_enregistrent_ensemble(client, copil, actions):
    lot = champs(copil, actions[0], "attribution", "1000") | champs(copil, actions[1], "")
    lot |= champs(copil, actions[2], "ajournement", observation="Budget à préciser")
    reponse = client.post(adresse(copil, "seance/"), lot, follow=True)
    assert textes(reponse, "//*[@role='status']")[0] == "2 issues enregistrées."
    assert set(Decision.objects.values_list("nature", "montant", "motif")) == {
        ("attribution", euros(1000), ""),
        ("ajournement", euros(0), "Budget à préciser"),
    }
    assert passage(copil, actions[1]).issue == ""


def test_un_refus_sans_motif_garde_ce_qui_est_tape_et_dit_ou(client, copil, actions):
    page = client.post(adresse(copil, "seance/"), seul(copil, actions[0], "non_retenue"))
    assert "demande un motif" in texte(noeuds(page, "//*[@role='alert']")[0])
    assert noeuds(page, "//select[contains(@name,'issue')]/option[@selected]")[0].get("value") == "non_retenue"
    lot = champs(copil, actions[0], "non_retenue") | champs(copil, actions[1], "attribution", "800")
    page = client.post(adresse(copil, "seance/"), lot)
    assert "« Atelier A »" in texte(noeuds(page, "//*[@role='alert']")[0])
    montants = [n.get("value") for n in noeuds(page, "//input[contains(@name, 'montant')]")]
    assert montants[1] == "800"
    assert not Decision.objects.exists()


def test_une_ligne_en_erreur_ne_fait_rougir_qu_elle(client, copil, actions):
    lot = champs(copil, actions[0], "attribution", "abc") | champs(copil, actions[1], "")
    lot |= champs(copil, actions[2], "", "12,345", "À revoir")
    page = client.post(adresse(copil, "seance/"), lot)
    assert textes(page, "//tbody//*[contains(@id, '_error')]") == [
        "« abc » n’est pas un montant : écrire des chiffres, par exemple 1 234,50."
    ]
    assert noeuds(page, "//input[contains(@name, 'montant')]")[2].get("value") == "12,345", "ce qui est tapé reste"
    sans_enveloppe = champs(copil, actions[0], "non_retenue") | champs(copil, actions[1], "")
    page = client.post(adresse(copil, "seance/"), sans_enveloppe)
    assert noeuds(page, "//tbody//*[contains(@id, '_error')]") == []


def test_un_conflit_ne_fait_rougir_aucune_ligne_jamais_touchee(client, copil, agent, actions):
    lot = champs(copil, actions[0], "attribution", "500") | champs(copil, actions[1], "")
    saisie = operations.SaisieDePassage(passage(copil, actions[0]), NatureDecision.ATTRIBUTION, euros(800))
    autre = habiliter(Role.RESPONSABLE, departement=copil.campagne.exercice.departement)
    operations.enregistrer_en_seance(copil, [saisie], par=autre)
    page = client.post(adresse(copil, "seance/"), lot)
    assert page.status_code == 409
    assert noeuds(page, "//tbody//*[contains(@id, '_error')]") == []


def test_la_seance_et_la_projection_disent_l_avis_qui_manque_a_chaque_action(client, agent, copil, actions):
    """Le comité de pilotage reçoit des partenaires : dire qu'un avis manque n'en montre aucun."""
    operations.dispenser_d_avis(actions[1:], QualiteAvis.DELEGUE, par=agent, motif="Comité demain")
    choisie = f"?passage={passage(copil, actions[0]).pk}"
    for page in ("seance/", f"seance/{choisie}", "projection/?vue=table", f"projection/{choisie}"):
        assert client.get(adresse(copil, page)).content.decode().count("Avis du délégué manquant") == 1, page
    client.post(adresse(copil, "seance/"), seul(copil, actions[0], "attribution", "1 000"))
    assert "Avis du délégué manquant" not in client.get(adresse(copil, "projection/?vue=table")).content.decode()


def test_la_seance_d_une_campagne_figee_dit_ce_qui_ne_s_y_enregistre_plus(client, agent, campagne, actions):
    comite = operations.creer_un_comite(campagne, NatureComite.PILOTAGE, JOUR, par=agent)
    operations.inscrire(comite, actions, par=agent)
    campagne.figee_le = timezone.now()
    campagne.save()
    page = client.post(adresse(comite, "ouvrir/"), follow=True)
    gel = "est figée : plus aucune première décision ne s’y enregistre."
    assert gel in textes(page, "//*[@role='status']")[0]
    fiche = texte(noeuds(client.get(adresse(comite)), "//main")[0])
    assert (gel in fiche, "ne s’y réunit plus" in fiche) == (True, False)
    assert gel in texte(noeuds(client.get(adresse(comite, "seance/")), "//main")[0])
    seule = client.get(adresse(comite, f"seance/?passage={passage(comite, actions[0]).pk}"))
    assert gel in texte(noeuds(seule, "//main")[0])


def test_rien_de_choisi_le_dit(client, copil, actions):
    page = client.post(adresse(copil, "seance/"), champs(copil, actions[0], ""), follow=True)
    assert "choisir l’issue d’au moins une action" in texte(noeuds(page, "//*[@role='alert']")[0])


def test_sans_issue_les_montants_et_les_observations_tapes_restent(client, copil, actions):
    (signe,) = noeuds(client.get(adresse(copil, "seance/")), "//input[@name='conservation']/@value")
    tape = champs(copil, actions[0], "", "850", "Voir le budget") | champs(copil, actions[1], "")
    client.post("/compte/saisies/", tape | {"conservation": signe})
    page = client.post(adresse(copil, "seance/"), tape | {"conservation": signe})
    prefixe = f"p{passage(copil, actions[0]).pk}"
    assert noeuds(page, f"//input[@name='{prefixe}-observation']/@value") == ["Voir le budget"]
    assert noeuds(page, f"//input[@name='{prefixe}-montant']/@value") == ["850"]
    assert noeuds(page, "//*[@aria-invalid='true']") == []
    assert SaisieConservee.objects.exists()
    assert client.post(adresse(copil, "seance/"), {}).status_code == 200


def test_le_meme_envoi_deux_fois_ne_decide_qu_une_fois(client, copil, actions):
    envoi = seul(copil, actions[0], "attribution", "1000")
    client.post(adresse(copil, "seance/"), envoi)
    reponse = client.post(adresse(copil, "seance/"), envoi, follow=True)
    assert "Votre saisie est déjà enregistrée." in textes(reponse, "//*[@role='status']")
    assert Decision.objects.count() == 1


def test_deux_personnes_le_conflit_montre_les_deux_valeurs(client, technique, actions):
    envoi = seul(technique, actions[0], "attribution", "500")
    autre = habiliter(Role.RESPONSABLE, departement=technique.campagne.exercice.departement)
    saisie = operations.SaisieDePassage(passage(technique, actions[0]), NatureDecision.ATTRIBUTION, euros(800))
    operations.enregistrer_en_seance(technique, [saisie], par=autre)
    page = client.post(adresse(technique, "seance/"), envoi)
    assert page.status_code == 409
    alerte = texte(noeuds(page, "//*[@role='alert']")[0])
    assert "Votre saisie : Attribution, 500,00 €" in alerte
    assert f"En base : Attribution, 800,00 €, par {autre}" in alerte
    assert passage(technique, actions[0]).montant == euros(800)
    versions = {n.get("name")[-7:]: n.get("value") for n in noeuds(page, "//input[contains(@name, 'version')]")}
    assert versions["version"] == "2", "le formulaire repart de ce qui est en base"


def test_un_conflit_dans_le_tableau_garde_les_autres_lignes_tapees(client, copil, agent, actions):
    lot = champs(copil, actions[0], "attribution", "500") | champs(copil, actions[1], "attribution", "1234,50")
    autre = habiliter(Role.RESPONSABLE, departement=copil.campagne.exercice.departement)
    saisie = operations.SaisieDePassage(passage(copil, actions[0]), NatureDecision.ATTRIBUTION, euros(800))
    operations.enregistrer_en_seance(copil, [saisie], par=autre)
    page = client.post(adresse(copil, "seance/"), lot)
    assert page.status_code == 409
    assert "Votre saisie : Attribution, 500,00 €" in texte(noeuds(page, "//*[@role='alert']")[0])
    montants = [n.get("value") for n in noeuds(page, "//input[contains(@name, 'montant')]")]
    assert "1234,50" in montants
    assert Decision.objects.count() == 1


def test_une_action_decidee_ailleurs_est_dite_et_n_a_pas_de_formulaire(client, agent, copil, actions):
    demande = operations.DemandeDeDecision(actions[0], NatureDecision.ATTRIBUTION, euros(600))
    operations.decider([demande], par=agent, date=JOUR)
    page = client.get(adresse(copil, f"seance/?passage={passage(copil, actions[0]).pk}"))
    assert not noeuds(page, "//select[contains(@name, 'issue')]")
    contenu = texte(noeuds(page, "//main")[0])
    assert f"par {agent}" in contenu
    assert "n’est pas redécidée ici" in contenu
    client.post(adresse(copil, "seance/"), seul(copil, actions[0], "complement", "100", "Rallonge"))
    assert Decision.objects.count() == 1


def test_hors_seance_le_poste_de_saisie_renvoie_au_comite(client, agent, campagne, actions):
    comite = operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, JOUR, par=agent)
    reponse = client.get(adresse(comite, "seance/"), follow=True)
    assert "La séance n’est pas ouverte" in texte(noeuds(reponse, "//*[@role='alert']")[0])


def test_le_comite_technique_se_reporte_en_propose(client, technique, actions):
    client.post(adresse(technique, "seance/"), seul(technique, actions[0], "attribution", "750"))
    page = client.get(adresse(technique))
    assert "Reporter en « proposé »" in [b.replace("\xa0", " ") for b in textes(page, "//main//button")]
    reponse = client.post(adresse(technique, "reporter/"), follow=True)
    assert textes(reponse, "//*[@role='status']") == ["1 montant proposé est mis à jour."]
    assert Financement.objects.get(action=actions[0]).propose == euros(750)


def test_la_correction_d_une_decision_est_une_autre_decision(client, copil, actions):
    client.post(adresse(copil, "seance/"), seul(copil, actions[0], "attribution", "1000"))
    page = client.get(adresse(copil, f"seance/?passage={passage(copil, actions[0]).pk}"))
    natures = [n.get("value") for n in noeuds(page, "//select[contains(@name, 'issue')]/option")]
    assert natures == ["", "complement", "diminution", "deprogrammation"]
    client.post(adresse(copil, "seance/"), seul(copil, actions[0], "diminution", "250", "Mal lu"))
    assert passage(copil, actions[0]).montant == euros(750)


# --- L'écran projeté ---


def test_l_ecran_suit_l_action_que_le_poste_de_saisie_montre(client, copil, actions):
    assert textes(client.get(adresse(copil, "projection/")), "//h2") == ["Atelier A"]
    client.post(adresse(copil, "montrer/"), {"passage": passage(copil, actions[1]).pk})
    page = client.get(adresse(copil, "projection/"))
    assert textes(page, "//h2") == ["Atelier B"]
    montants = dict(zip(textes(page, "//dl//dt"), textes(page, "//dl//dd"), strict=True))
    assert (montants["Demandé"], montants["Proposé"]) == ("2 000,00 €", "1 800,00 €")


def test_l_ecran_montre_l_an_dernier_et_les_quartiers(client, copil, actions):
    avant = action_programmee(650, demande=700, exercice=ExerciceFactory(annee=2025), contrat=actions[0].contrat)
    actions[0].action_precedente = avant
    actions[0].save()
    localiser(actions[0], {QuartierFactory(contrat=actions[0].contrat, nom="Guérinière"): 1})
    page = client.get(adresse(copil, "projection/"))
    assert "L’an dernier650,00 €accordés sur 700,00 €" in texte(noeuds(page, "//dl")[0]).replace(" 650", "650").replace(
        "€ accordés", "€accordés"
    )
    assert "Guérinière" in texte(noeuds(page, "//article")[0])


def test_l_ecran_repond_204_tant_que_rien_n_a_change(client, agent, copil, actions):
    page = client.get(adresse(copil, "projection/"))
    demande = noeuds(page, "//*[@id='ecran']")[0].get("hx-get")
    with CaptureQueriesContext(connection) as requetes:
        reponse = client.get(demande)
    assert (reponse.status_code, reponse.content) == (204, b"")
    assert [r["sql"] for r in requetes if not r["sql"].startswith("SELECT")] == []
    client.post(adresse(copil, "seance/"), seul(copil, actions[0], "attribution", "1000"))
    reponse = client.get(demande)
    assert reponse.status_code == 200
    assert noeuds(reponse, "//*[@id='ecran']")[0].get("hx-get") != demande
    contenu = texte(noeuds(reponse, "//*[@id='ecran']")[0])
    assert "Attribution : 1 000,00 €" in contenu
    assert "9 000,00 €" in contenu, "le reste à décider de l'enveloppe"


def test_l_avis_interne_n_est_jamais_projete_devant_des_partenaires(client, agent, technique, copil, actions):
    textes_des_avis = {"etat": "Porteur fragile", "partenaires": "Utile au quartier"}
    for visibilite, commentaire in textes_des_avis.items():
        Avis.objects.create(
            action=actions[0],
            auteur=habiliter(Role.DELEGUE),
            qualite="delegue",
            sens="reserve",
            visibilite=visibilite,
            commentaire=commentaire,
        )
    for comite in (technique, copil):
        ecrans = ["projection/", "projection/ecran/?vue=action", f"seance/?passage={passage(comite, actions[0]).pk}"]
        for ecran in ecrans:
            contenu = client.get(adresse(comite, ecran)).content.decode()
            assert ("Utile au quartier" in contenu, "Porteur fragile" in contenu) == (True, False), ecran
        operations.modifier_un_comite(comite, {"partenaires_presents": False}, par=agent)
    assert "Porteur fragile" in client.get(adresse(technique, "projection/")).content.decode()
    assert "Porteur fragile" not in client.get(adresse(copil, "projection/")).content.decode()


def test_tout_l_ordre_du_jour_se_projette(client, copil, actions):
    client.post(adresse(copil, "seance/"), seul(copil, actions[0], "attribution", "1000"))
    page = client.get(adresse(copil, "projection/?vue=table"))
    assert textes(page, "//tbody/tr/td[@data-titre='Montant']") == ["1 000,00 €", "—", "—"]
    assert textes(page, "//tfoot//td[@data-titre='Total']") == ["1 000,00 €"]


def test_un_lecteur_lit_et_projette_mais_n_enregistre_rien(client, copil, actions):
    client.force_login(habiliter(Role.LECTEUR, departement=copil.campagne.exercice.departement))
    for ecran in ("", "projection/", "projection/ecran/"):
        assert client.get(adresse(copil, ecran)).status_code == 200, ecran
    assert not noeuds(client.get(adresse(copil)), "//main//form")
    envoi = seul(copil, actions[0], "attribution", "1000")
    gestes = [
        "seance/",
        "montrer/",
        "placer/",
        "retirer/",
        "ouvrir/",
        "reporter/",
        "supprimer/",
        "inscrire/",
        "modifier/",
    ]
    assert {geste: client.post(adresse(copil, geste), envoi).status_code for geste in gestes} == dict.fromkeys(
        gestes, 403
    )
    assert not Decision.objects.exists()


@pytest.mark.parametrize("territoire", ["partenaire", "ailleurs"])
def test_un_partenaire_ou_un_agent_d_ailleurs_n_y_trouve_rien(client, copil, territoire):
    if territoire == "partenaire":
        personne = habiliter(Role.PARTENAIRE, departement=copil.campagne.exercice.departement)
    else:
        personne = habiliter(Role.AGENT, departement=DepartementFactory(code="30"))
    client.force_login(personne)
    for ecran in ("", "seance/", "projection/", "projection/ecran/", "inscrire/", "modifier/"):
        assert client.get(adresse(copil, ecran)).status_code == 404, ecran
    for geste in ("seance/", "montrer/", "placer/", "retirer/", "ouvrir/", "reporter/", "supprimer/"):
        assert client.post(adresse(copil, geste)).status_code == 404, geste


def test_un_delegue_ne_lit_que_les_actions_de_son_perimetre(client, copil, actions):
    quartier = QuartierFactory(contrat=actions[0].contrat)
    client.force_login(habiliter(Role.DELEGUE, quartier=quartier))
    page = client.get(adresse(copil))
    assert page.status_code == 200
    assert textes(page, "//tbody//th/a") == ["Atelier A"]


def test_un_passage_d_un_autre_comite_n_existe_pas_ici(client, technique, copil, actions):
    autre = passage(technique, actions[0]).pk
    assert client.get(adresse(copil, f"seance/?passage={autre}")).status_code == 404
    assert client.get(adresse(copil, "seance/?passage=abc")).status_code == 404
    assert client.post(adresse(copil, "montrer/"), {"passage": autre}).status_code == 404
    assert client.post(adresse(copil, "seance/"), {"passage": autre}).status_code == 404


def test_la_liste_dit_ou_en_est_chaque_comite(client, copil, technique, actions):
    client.post(adresse(copil, "seance/"), seul(copil, actions[0], "attribution", "1000"))
    page = client.get(COMITES)
    lignes = dict(
        zip(textes(page, "//tbody//th"), textes(page, "//tbody//td[@data-titre='Ordre du jour']"), strict=True)
    )
    assert lignes["Comité de pilotage du 12/03/2026"] == "3 actions, 1 examinée"
    client.force_login(habiliter(Role.LECTEUR, contrat=ContratFactory()))
    vide = client.get(COMITES)
    assert "Aucun comité dans votre périmètre" in texte(noeuds(vide, "//main")[0])


HOSTILES = ["abc", "-1", "²", "9" * 5000, "😀", ""]
PARAMETRES = ["passage", "scenario", "vue", "vu", "page", "annee", "format", "place", "tri", "action", "retour"]


@pytest.mark.parametrize("valeur", HOSTILES)
def test_une_adresse_ou_un_envoi_hostile_ne_casse_rien(client, copil, actions, valeur):
    """Une phrase ou un refus 4xx, jamais une panne, et rien d'écrit."""
    hostile = dict.fromkeys(PARAMETRES, valeur)
    ecrans = [
        "",
        "inscrire/",
        "seance/",
        "projection/",
        "projection/ecran/?vue=situation",
        "projection/ecran/?vue=action",
    ]
    for chemin in [
        COMITES,
        f"{COMITES}choisir/",
        f"/pilotage/comites/{copil.pk}/releve/",
        *(adresse(copil, e) for e in ecrans),
    ]:
        assert client.get(chemin, hostile).status_code < 500, chemin
    numero = passage(copil, actions[0]).pk
    noms = ("issue", "montant", "observation", "version", "version_de_l_action", "enveloppe")
    envoi = {f"p{numero}-{nom}": valeur for nom in noms} | {"passage": valeur, "rang": valeur, "action": valeur}
    for geste in ("placer/", "retirer/", "montrer/", "seance/", "inscrire/"):
        assert client.post(adresse(copil, geste), envoi).status_code < 500, geste
    for geste in ("placer/", "seance/"):
        assert client.post(adresse(copil, geste), envoi | {"passage": numero}).status_code < 500, geste
    champs_du_comite = dict.fromkeys(("campagne", "nature", "date", "lieu"), valeur)
    assert client.post(f"{COMITES}ajouter/", champs_du_comite).status_code == 200
    assert not Decision.objects.exists()
    assert Comite.objects.count() == 1
