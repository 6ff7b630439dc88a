"""Les écrans des scénarios : ce qu'ils montrent, ce qu'ils refusent, ce qu'un double envoi ne fait pas deux fois."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comptes.enums import Role
from comptes.models import SaisieConservee
from programmation import operations
from programmation.enums import EtatScenario, NatureDecision, QualiteAvis, StatutAction
from programmation.models import Decision, Financement, Proposition, Scenario
from programmation.operations import DemandeDeDecision, Depart
from programmation.synthese import bilan_du_scenario
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
    euros,
    habiliter,
    localiser,
    p147,
)
from tests.pages import noeuds, texte, textes

pytestmark = pytest.mark.django_db

LISTE = "/programmation/scenarios/"


@pytest.fixture
def agent(client):
    ExerciceFactory()
    FinanceurFactory(p147=True)
    utilisateur = habiliter(Role.AGENT)
    client.force_login(utilisateur)
    return utilisateur


@pytest.fixture
def trois(agent):
    caen = ContratFactory(intitule="Contrat de ville de Caen")
    actions = [ActionFactory(intitule=f"Action {x}", contrat=caen, statut=StatutAction.INSTRUITE) for x in "ABC"]
    for action, demande, propose in zip(actions, (6000, 3000, 2000), (5000, 3000, None), strict=True):
        p147(action, demande, propose=propose)
    return actions


@pytest.fixture
def enveloppe(agent):
    enveloppe = EnveloppeFactory(libelle="Crédits 2026")
    MouvementFactory(enveloppe=enveloppe, ae=euros(10_000))
    return enveloppe


@pytest.fixture
def scenario(agent, trois, enveloppe):
    return operations.creer_un_scenario(ExerciceFactory(), "Essai", par=agent)


def adresse(scenario, suite=""):
    return f"{LISTE}{scenario.pk}/{suite}"


def saisir(client, scenario, empreinte=None, **cellules):
    """L'envoi que fait la page : les cellules changées et l'empreinte attendue ; rend les cellules reçues."""
    attendue = str(bilan_du_scenario(scenario).empreinte) if empreinte is None else empreinte
    envoi = {"empreinte": attendue} | cellules
    reponse = client.post(adresse(scenario, "montants/"), envoi, headers={"hx-request": "true"})
    assert reponse.status_code == 200
    (bilan,) = noeuds(reponse, "//section[@id='bilan']")
    return json.loads(bilan.get("data-cellules")), reponse


# --- La liste, la création ---


def test_la_liste_montre_les_scenarios_de_l_exercice_et_rien_a_un_partenaire(client, scenario):
    assert textes(client.get(LISTE), "//tbody/tr/th") == ["Essai"]
    client.force_login(habiliter(Role.PARTENAIRE, contrat=ContratFactory()))
    assert client.get(LISTE).status_code == 403
    assert client.get(adresse(scenario)).status_code == 404


@pytest.mark.parametrize(
    ("role", "ou", "codes"),
    [
        (Role.LECTEUR, {}, (200, 403)),
        (Role.DELEGUE, {}, (200, 403)),
        (Role.PARTENAIRE, {}, (404, 404)),
        (Role.AGENT, {"departement": "30"}, (404, 404)),
    ],
)
def test_l_etat_lit_qui_ecrit_tient_les_autres_n_en_savent_rien(client, scenario, role, ou, codes):
    ou = {"departement": DepartementFactory(code=ou["departement"])} if ou else {}
    client.force_login(habiliter(role, **ou))
    lire, ecrire = codes
    assert client.get(adresse(scenario)).status_code == lire
    for suite in ("regle/", "promouvoir/", "gestes/renommer/"):
        assert client.get(adresse(scenario, suite)).status_code == ecrire
    assert client.post(adresse(scenario, "montants/"), {"a1": "2"}).status_code == ecrire


def test_creer_un_scenario_y_mene_et_le_meme_envoi_n_en_cree_qu_un(client, trois):
    exercice = ExerciceFactory()
    envoi = {"libelle": "Prudent", "depart": Depart.DEMANDE, "enveloppe": ""}
    for _ in range(2):
        reponse = client.post(f"{LISTE}ajouter/?exercice={exercice.pk}", envoi)
        assert reponse.url == adresse(Scenario.objects.get())
    assert textes(client.get(reponse.url), "//h1")[0].startswith("Prudent")


def test_un_nom_deja_pris_et_une_campagne_figee_se_disent_sur_la_page(client, agent, trois, scenario):
    Scenario.objects.update(cree_le=timezone.now() - timezone.timedelta(hours=1))
    envoi = {"libelle": "Essai", "depart": Depart.VIDE, "enveloppe": ""}
    page = client.post(f"{LISTE}ajouter/", envoi)
    assert "Un scénario de l’exercice porte déjà ce nom." in page.content.decode()
    campagne = trois[0].campagne
    campagne.figee_le = timezone.now()
    campagne.save()
    page = client.post(f"{LISTE}ajouter/", envoi | {"libelle": "Autre"})
    assert "campagne figée" in page.content.decode()
    assert Scenario.objects.count() == 1


def test_l_agent_d_un_contrat_choisit_parmi_ses_enveloppes(client, trois):
    caen = trois[0].contrat
    siens = EnveloppeFactory(libelle="Caen", contrat=caen)
    EnveloppeFactory(libelle="Toutes")
    client.force_login(habiliter(Role.AGENT, contrat=caen))
    assert [o.get("value") for o in noeuds(client.get(f"{LISTE}ajouter/"), "//select[@name='enveloppe']/option")] == [
        str(siens.pk)
    ]


# --- L'écran ---


def test_l_ecran_montre_chaque_action_et_le_bilan(client, trois, scenario):
    page = client.get(adresse(scenario))
    assert [texte.split(" Association")[0] for texte in textes(page, "//form//tbody/tr/th")] == [
        "Action A",
        "Action B",
        "Action C",
    ]
    assert [champ.get("value") for champ in noeuds(page, "//input[classe('pv-cellule')]")] == ["5000,00", "3000,00", ""]
    assert textes(page, "//dl//output") == ["8 000,00 €", "2 000,00 €", "2"]
    assert noeuds(page, "//output[@data-avant='1000000']")


def test_un_delegue_ne_lit_que_les_actions_de_son_perimetre_et_sait_qu_il_y_en_a_d_autres(client, trois, scenario):
    client.force_login(habiliter(Role.DELEGUE, contrat=ContratFactory()))
    page = client.get(adresse(scenario))
    assert noeuds(page, "//form//tbody/tr") == []
    assert "3 autres actions hors de votre périmètre" in page.content.decode().replace("\u00a0", " ")
    assert noeuds(page, "//input[classe('pv-cellule')]") == []


def test_l_historique_d_un_scenario_dit_qui_l_a_cree_renomme_et_ecarte(client, agent, scenario):
    operations.renommer_un_scenario(scenario, "Prudent", par=agent)
    operations.ecarter_un_scenario(scenario, par=agent)
    (lien,) = noeuds(client.get(adresse(scenario)), "//a[text()='Historique']/@href")
    gestes = textes(client.get(lien), "//ol[classe('pv-histoire')]//ul/li")
    assert gestes == ["État : À l’étude → Écarté", "Nom : Essai → Prudent", "Scénario : créé"]
    assert noeuds(client.get(lien), f"//ol[classe('pv-histoire')]//p[contains(., '{agent}')]")


def test_l_ecran_fait_le_meme_nombre_de_requetes_pour_1_ou_3_actions(client, agent, scenario, trois):
    def compter():
        with CaptureQueriesContext(connection) as capture:
            assert client.get(adresse(scenario)).status_code == 200
        return len(capture)

    toutes = compter()
    Proposition.objects.exclude(action=trois[0]).delete()
    assert compter() == toutes


def test_un_montant_change_se_confirme_avec_le_total_et_le_reste(client, trois, scenario):
    a = trois[0]
    attendue = str(bilan_du_scenario(scenario).empreinte - a.pk * 500_001 + a.pk * 123_451)
    cellules, reponse = saisir(client, scenario, attendue, **{f"a{a.pk}": "1 234,50 €"})
    assert cellules == {str(a.pk): {"valeur": "1234,50", "avant": "5000,00"}}
    assert textes(reponse, "//dl//output") == ["4 234,50 €", "5 765,50 €", "2"]


@pytest.mark.parametrize(
    ("texte", "raison"),
    [
        ("mille", "n’est pas un montant"),
        ("-5", "ne peut pas être négatif"),
        ("1,234", "plus de deux décimales"),
        ("99999999999", "trop grand"),
        ("1.000,50", "mélange la virgule et le point"),
    ],
)
def test_un_montant_refuse_dit_sa_raison_et_rien_n_est_enregistre(client, trois, scenario, texte, raison):
    a = trois[0]
    cellules, _ = saisir(client, scenario, **{f"a{a.pk}": texte})
    assert raison in cellules[str(a.pk)]["erreur"]
    assert Proposition.objects.get(action=a).montant == euros(5000)


def test_un_montant_vide_ou_nul_n_est_pas_la_meme_chose(client, trois, scenario):
    a, b, _ = trois
    saisir(client, scenario, **{f"a{a.pk}": "", f"a{b.pk}": "0"})
    assert [Proposition.objects.get(action=x).montant for x in (a, b)] == [None, euros(0)]


def test_ce_qu_une_autre_personne_a_change_revient_avec_la_reponse(client, agent, trois, scenario):
    a, b, c = trois
    avant = bilan_du_scenario(scenario).empreinte
    operations.saisir_des_montants(scenario, {b.pk: euros(10)}, par=habiliter(Role.RESPONSABLE))
    cellules, _ = saisir(client, scenario, str(avant - a.pk * 500_001 + a.pk * 101), **{f"a{a.pk}": "1"})
    assert cellules == {
        str(a.pk): {"valeur": "1,00", "avant": "5000,00"},
        str(b.pk): {"valeur": "10,00"},
        str(c.pk): {"valeur": ""},
    }


def test_un_scenario_promu_entre_temps_refuse_la_cellule_et_dit_pourquoi(client, agent, trois, scenario):
    operations.promouvoir(scenario, par=agent)
    cellules, _ = saisir(client, scenario, **{f"a{trois[2].pk}": "5"})
    assert "promu en décisions" in cellules[str(trois[2].pk)]["erreur"]


def test_sans_script_la_table_entiere_s_enregistre_si_personne_n_y_a_touche(client, trois, scenario):
    a, b, c = trois
    envoi = {f"a{a.pk}": "1", f"a{b.pk}": "x", f"a{c.pk}": "3", "condense": bilan_du_scenario(scenario).condense}
    page = client.post(adresse(scenario, "montants/"), envoi, follow=True)
    assert "n’est pas un montant" in page.content.decode()
    assert [Proposition.objects.get(action=x).montant for x in trois] == [euros(1), euros(3000), euros(3)]
    page = client.post(adresse(scenario, "montants/"), envoi | {f"a{a.pk}": "2"}, follow=True)
    assert "ont changé entre-temps" in page.content.decode()
    assert Proposition.objects.get(action=a).montant == euros(1)


def test_un_montant_ne_se_change_pas_par_un_lien(client, scenario):
    assert client.get(adresse(scenario, "montants/")).status_code == 405


# --- La règle ---

REGLE = {
    "moins": "10",
    "cible": "moins",
    "sous_le_plancher": "zero",
    "arrondi": "100",
    "reste": "demande",
    "demande": "on",
}


def test_l_apercu_n_ecrit_rien_et_l_application_ecrit_la_regle(client, scenario):
    page = client.get(adresse(scenario, "regle/"), REGLE)
    assert textes(page, "//tbody/tr/td[@data-titre='Après']") == ["4 500,00 €", "2 700,00 €"]
    scenario.refresh_from_db()
    assert scenario.regle == ""
    lue = noeuds(page, "//input[@name='lue']")[0].get("value")
    envoi = {champ.get("name"): champ.get("value", "") for champ in noeuds(page, "//form[@method='post']//input")}
    reponse = client.post(adresse(scenario, "regle/"), envoi | {"lue": lue})
    assert reponse.url == adresse(scenario)
    scenario.refresh_from_db()
    assert "−10 % de 8 000,00 €" in scenario.regle.replace("\u202f", " ").replace("\u00a0", " ")
    assert scenario.regle in client.get(adresse(scenario)).content.decode().replace("&#x27;", "'")


def test_la_regle_s_applique_a_une_copie(client, scenario):
    reponse = client.post(adresse(scenario, "regle/"), REGLE | {"copie": "Moins dix"})
    copie = Scenario.objects.get(libelle="Moins dix")
    assert reponse.url == adresse(copie)
    assert bilan_du_scenario(copie).total == euros(7200)
    assert bilan_du_scenario(scenario).total == euros(8000)


def test_une_regle_impossible_dit_pourquoi_et_une_autre_lecture_refait_l_apercu(client, scenario):
    page = client.get(adresse(scenario, "regle/"), REGLE | {"plancher": "9000"})
    assert "Aucune action ne peut recevoir le plancher" in page.content.decode()
    page = client.post(adresse(scenario, "regle/"), REGLE | {"lue": "1"})
    assert "a changé depuis" in page.content.decode()
    assert bilan_du_scenario(scenario).total == euros(8000)


@pytest.mark.parametrize("manque", [{"moins": ""}, {"moins": "200"}, {"cible": "ailleurs"}, {"plancher": "x"}])
def test_une_regle_mal_ecrite_se_corrige(client, scenario, manque):
    page = client.get(adresse(scenario, "regle/"), REGLE | manque)
    assert page.status_code == 200
    assert noeuds(page, "//*[@data-prend-le-focus]")
    assert noeuds(page, "//form[@method='post'][.//input[@name='lue']]") == []


# --- Comparer ---


def test_comparer_met_cote_a_cote_et_dit_une_phrase_par_constat(client, agent, trois, scenario):
    localiser(trois[2], {QuartierFactory(contrat=trois[2].contrat, nom="Oublié"): 1})
    autre = operations.creer_un_scenario(ExerciceFactory(), "Large", par=agent, depart=Depart.DEMANDE)
    page = client.get(f"{LISTE}comparer/?scenarios={scenario.pk}-{autre.pk}")
    phrases = textes(page, "//main//ul[not(@class)]/li")
    assert "« Essai » coûte le moins, 8 000,00 €, soit 3 000,00 € de moins que « Large »." in phrases
    assert "Dépassent le reste à décider : « Large » de 1 000,00 €." in phrases
    assert "« Large » sert le plus d’actions : 3 actions, contre 2 pour « Essai »." in phrases
    assert "Sans action : « Essai », 1 quartier ; « Large », 0 quartier." in phrases
    assert textes(page, "//table[2]//tbody/tr/th | //tbody/tr[td[@data-titre='Différence']]/th")[0].startswith(
        "Action C"
    )
    cases = client.get(f"{LISTE}comparer/", {"scenario": [scenario.pk, autre.pk]})
    assert textes(cases, "//h1") == textes(page, "//h1")


def test_comparer_demande_deux_ou_trois_scenarios_visibles_du_meme_exercice(client, agent, trois, scenario):
    assert "deux ou trois" in client.get(f"{LISTE}comparer/").content.decode()
    assert "deux ou trois" in client.get(f"{LISTE}comparer/?scenarios={scenario.pk}").content.decode()
    for mauvais in (f"{scenario.pk}-999999", "x", f"{scenario.pk}-1e3"):
        assert client.get(f"{LISTE}comparer/?scenarios={mauvais}").status_code == 404
    passe = ExerciceFactory(annee=2025)
    ActionFactory(exercice=passe)
    ancien = operations.creer_un_scenario(passe, "Ancien", par=agent)
    page = client.get(f"{LISTE}comparer/?scenarios={scenario.pk}-{ancien.pk}")
    assert "exercices différents" in page.content.decode()


def test_la_page_d_un_scenario_ne_lit_qu_une_fois_si_ses_campagnes_sont_figees(client, scenario):
    with CaptureQueriesContext(connection) as lues:
        client.get(adresse(scenario))
    figees = [r for r in lues if 'figee_le" IS NULL' in r["sql"] and r["sql"].endswith("LIMIT 1")]
    assert len(figees) == 1


# --- Promouvoir ---


def decider_le(jour="2026-04-01", **autres):
    return {"date": jour, "motif": ""} | autres


def test_promouvoir_decide_une_fois_meme_en_double_clic(client, scenario):
    page = client.get(adresse(scenario, "promouvoir/"))
    assert "1 action sans montant ou à zéro est laissée à décider." in page.content.decode()
    for _ in range(2):
        assert client.post(adresse(scenario, "promouvoir/"), decider_le()).url == adresse(scenario)
    assert [d.montant for d in Decision.objects.order_by("montant")] == [euros(3000), euros(5000)]
    page = client.get(adresse(scenario))
    assert "déjà promu" in page.content.decode()
    assert "Ne compte plus" not in page.content.decode()
    assert noeuds(page, "//input[classe('pv-cellule')]") == []


def test_on_ne_promeut_que_les_montants_que_l_on_a_lus(client, agent, trois, scenario):
    """Quelqu'un change un montant pendant que la page est ouverte : rien n'est décidé, la page se relit."""
    [lue] = valeurs(client.get(adresse(scenario, "promouvoir/")), "//input[@name='lue']")
    operations.saisir_des_montants(scenario, {trois[0].pk: euros(5500)}, par=agent)
    page = client.post(adresse(scenario, "promouvoir/"), decider_le(lue=lue), follow=True)
    assert "Un montant a changé entre-temps" in page.content.decode()
    assert not Decision.objects.exists()
    [lue] = valeurs(page, "//input[@name='lue']")
    assert client.post(adresse(scenario, "promouvoir/"), decider_le(lue=lue)).url == adresse(scenario)
    assert [d.montant for d in Decision.objects.order_by("montant")] == [euros(3000), euros(5500)]


def test_un_montant_change_entre_temps_ne_perd_ni_le_motif_ni_les_choix(client, agent, trois, scenario):
    a, b, _ = trois
    Financement.objects.filter(action=a).update(propose=euros(4000))
    page = client.get(adresse(scenario, "promouvoir/"))
    [lue], [signe] = valeurs(page, "//input[@name='lue']"), valeurs(page, "//input[@name='conservation']")
    tape = decider_le(lue=lue, motif="Comité du 9 juin", conservation=signe)
    tape |= {f"l{a.pk}-choix": "maj", f"l{a.pk}-montant": "4000", f"l{a.pk}-version": a.version}
    client.post("/compte/saisies/", tape)
    operations.saisir_des_montants(scenario, {b.pk: euros(2500)}, par=agent)
    page = client.post(adresse(scenario, "promouvoir/"), tape)
    assert page.status_code == 409
    assert SaisieConservee.objects.exists(), "la page quittée là, tout se retrouverait"
    assert textes(page, "//textarea[@name='motif']") == ["Comité du 9 juin"]
    assert valeurs(page, f"//input[@name='l{a.pk}-choix'][@checked]") == ["maj"]
    [lue] = valeurs(page, "//input[@name='lue']")
    assert client.post(adresse(scenario, "promouvoir/"), tape | {"lue": lue}).url == adresse(scenario)
    assert {d.action: (d.montant, d.motif) for d in Decision.objects.all()} == {
        a: (euros(4000), "Comité du 9 juin"),
        b: (euros(2500), "Comité du 9 juin"),
    }
    assert not SaisieConservee.objects.exists()


def test_une_action_change_pendant_l_envoi_le_choix_se_demande_et_le_motif_reste(client, trois, scenario):
    """Entre la lecture de la page et le verrou, quelqu'un change le proposé d'une action."""
    a, ecrite = trois[0], []

    def a_l_ouverture_de_la_transaction(executer, sql, parametres, plusieurs, contexte):
        if sql.startswith("SAVEPOINT") and not ecrite:
            ecrite.append(Financement.objects.filter(action=a).update(propose=euros(4000)))
        return executer(sql, parametres, plusieurs, contexte)

    with connection.execute_wrapper(a_l_ouverture_de_la_transaction):
        page = client.post(adresse(scenario, "promouvoir/"), decider_le(motif="Comité du 9 juin"))
    assert (page.status_code, len(ecrite), Decision.objects.count()) == (409, 1, 0)
    assert "Des actions viennent de changer" in page.content.decode()
    assert len(noeuds(page, f"//input[@name='l{a.pk}-choix']")) == 3
    assert textes(page, "//textarea[@name='motif']") == ["Comité du 9 juin"]


def valeurs(page, chemin):
    return [noeud.get("value") for noeud in noeuds(page, chemin)]


def test_la_fiche_d_une_action_promue_mene_a_son_scenario(client, agent, trois, scenario):
    operations.promouvoir(scenario, par=agent)
    page = client.get(trois[0].get_absolute_url())
    assert textes(page, f"//a[@href='{adresse(scenario)}']") == ["scénario « Essai »"]


def test_promouvoir_avertit_des_actions_servies_a_qui_l_avis_exige_manque(client, agent, trois, scenario):
    a, b, _ = trois
    page = client.get(adresse(scenario, "promouvoir/"))
    assert textes(page, "//*[classe('fr-alert--warning')]") == [
        f"Avis du délégué manquant pour 2 actions : « {a} », « {b} »."
    ]
    operations.dispenser_d_avis([a, b], QualiteAvis.DELEGUE, par=agent, motif="Comité demain")
    assert textes(client.get(adresse(scenario, "promouvoir/")), "//*[classe('fr-alert--warning')]") == []


def test_une_action_changee_demande_son_choix_avant_de_promouvoir(client, trois, scenario):
    a, b, _ = trois
    Financement.objects.filter(action=a).update(propose=euros(4000))
    page = client.get(adresse(scenario, "promouvoir/"))
    assert textes(page, "//*[classe('pv-perimee')]//li")[0] == "proposé : 5 000,00 €, maintenant 4 000,00 €"
    page = client.post(adresse(scenario, "promouvoir/"), decider_le())
    assert (page.status_code, Decision.objects.count()) == (200, 0)
    choix = {f"l{a.pk}-choix": "maj", f"l{a.pk}-montant": "4000", f"l{a.pk}-version": a.version}
    assert client.post(adresse(scenario, "promouvoir/"), decider_le(**choix)).status_code == 302
    assert {d.action: d.montant for d in Decision.objects.all()} == {a: euros(4000), b: euros(3000)}


def test_un_choix_lu_sur_une_autre_version_se_refait(client, trois, scenario):
    a = trois[0]
    Financement.objects.filter(action=a).update(propose=euros(4000))
    choix = {f"l{a.pk}-choix": "scenario", f"l{a.pk}-version": a.version - 1}
    page = client.post(adresse(scenario, "promouvoir/"), decider_le(**choix))
    assert (page.status_code, Decision.objects.count()) == (200, 0)


def test_une_action_decidee_ailleurs_est_listee_et_reste_telle_quelle(client, agent, trois, scenario, enveloppe):
    a = trois[0]
    operations.decider([DemandeDeDecision(a, NatureDecision.ATTRIBUTION, euros(100), enveloppe)], par=agent)
    page = client.get(adresse(scenario, "promouvoir/"))
    assert "Elle ne peut plus être attribuée" in page.content.decode()
    (choix,) = noeuds(page, f"//input[@name='l{a.pk}-choix']")
    envoi = {f"l{a.pk}-choix": choix.get("value"), f"l{a.pk}-version": a.version + 1}
    assert client.post(adresse(scenario, "promouvoir/"), decider_le(**envoi)).status_code == 302
    assert a.decisions.count() == 1


def test_le_depassement_se_dit_et_demande_un_responsable_et_un_motif(client, agent, trois, enveloppe):
    large = operations.creer_un_scenario(ExerciceFactory(), "Large", par=agent, depart=Depart.DEMANDE)
    assert "dépasse le reste à décider" in client.get(adresse(large, "promouvoir/")).content.decode()
    assert "dépassent" in client.post(adresse(large, "promouvoir/"), decider_le()).content.decode()
    client.force_login(habiliter(Role.RESPONSABLE))
    page = client.post(adresse(large, "promouvoir/"), decider_le(motif="Comité du 9 juin"))
    [accord] = valeurs(page, "//input[@name='depassement']")
    page = client.post(adresse(large, "promouvoir/"), decider_le(depassement=accord))
    assert noeuds(page, "//textarea[@name='motif'][@aria-invalid='true']")
    assert noeuds(page, "//input[@name='depassement'][@checked]")
    accepte = decider_le(motif="Complément attendu", depassement=accord)
    assert client.post(adresse(large, "promouvoir/"), accepte).status_code == 302


def test_l_enveloppe_ne_se_demande_que_s_il_faut_choisir(client, scenario):
    assert noeuds(client.get(adresse(scenario, "promouvoir/")), "//select[@name='enveloppe']") == []
    seconde = EnveloppeFactory(libelle="Seconde")
    MouvementFactory(enveloppe=seconde)
    page = client.get(adresse(scenario, "promouvoir/"))
    assert len(noeuds(page, "//select[@name='enveloppe']/option")) == 3
    assert "choisir l’enveloppe" in client.post(adresse(scenario, "promouvoir/"), decider_le()).content.decode()
    client.post(adresse(scenario, "promouvoir/"), decider_le(enveloppe=seconde.pk))
    assert {d.enveloppe for d in Decision.objects.all()} == {seconde}


def test_une_campagne_figee_le_dit_et_n_offre_plus_ce_qui_serait_refuse(client, agent, scenario, trois):
    trois[0].campagne.figee_le = timezone.now()
    trois[0].campagne.save()
    page = client.get(adresse(scenario))
    corps = texte(noeuds(page, "//main")[0])
    assert "Campagne figée : ce scénario ne se promeut plus." in corps
    assert "depuis que le scénario" not in corps
    assert noeuds(page, "//input[classe('pv-cellule')]") == []
    gestes = textes(page, "//main//ul[classe('pv-gestes') or classe('fr-btns-group')]//a")
    assert gestes == ["Renommer", "Écarter"]
    for suite in ("promouvoir/", "regle/"):
        assert "Campagne figée : ce scénario ne se promeut plus." in texte(
            noeuds(client.get(adresse(scenario, suite)), "//main")[0]
        )
    assert "Campagne figée" in client.get(adresse(scenario, "gestes/dupliquer/")).content.decode()


def test_ce_qui_a_change_et_ce_qui_est_fige_se_comptent_a_part(client, agent, scenario, trois):
    """Trois actions : l'une figée dans sa campagne, une autre dont le proposé a changé."""
    figee = CampagneFactory(exercice=trois[0].exercice, intitule="Été", figee_le=timezone.now())
    trois[0].campagne = figee
    trois[0].save()
    Financement.objects.filter(action=trois[1]).update(propose=euros(2900))
    corps = texte(noeuds(client.get(adresse(scenario)), "//main")[0])
    assert "1 action est d’une campagne figée : le scénario ne lui donne plus rien." in corps
    assert "1 action a changé depuis que le scénario l’a vue" in corps


# --- Les gestes ---


def test_renommer_dupliquer_ecarter_reprendre(client, scenario):
    client.post(adresse(scenario, "gestes/renommer/"), {"libelle": "Nouveau nom"})
    copie = client.post(adresse(scenario, "gestes/dupliquer/"), {"libelle": "Copie"}).url
    assert client.get(copie).status_code == 200
    client.post(adresse(scenario, "gestes/ecarter/"))
    scenario.refresh_from_db()
    assert (scenario.libelle, scenario.etat) == ("Nouveau nom", EtatScenario.ECARTE)
    assert "ce geste n’y a pas lieu" in client.get(adresse(scenario, "gestes/renommer/")).content.decode()
    client.post(adresse(scenario, "gestes/reprendre/"))
    scenario.refresh_from_db()
    assert scenario.etat == EtatScenario.ETUDE


def test_actualiser_dit_ce_qui_a_change_et_ce_qui_est_arrive(client, trois, scenario):
    Financement.objects.filter(action=trois[0]).update(propose=euros(4000))
    ActionFactory()
    page = client.post(adresse(scenario, "gestes/actualiser/"), follow=True)
    assert "1 ligne mise à jour, 1 action ajoutée, sans montant." in page.content.decode()


def test_annuler_une_promotion_demande_un_motif_et_le_dit(client, agent, scenario):
    operations.promouvoir(scenario, par=agent)
    page = client.post(adresse(scenario, "gestes/annuler/"), {"motif": ""})
    assert noeuds(page, "//textarea[@aria-invalid='true']")
    page = client.post(adresse(scenario, "gestes/annuler/"), {"motif": "Mauvais scénario"}, follow=True)
    texte = page.content.decode().replace("\u202f", " ").replace("\u00a0", " ")
    assert "2 actions sont ramenées à leur statut d’avant, et 8 000,00 € rendus." in texte


def test_un_geste_inconnu_n_existe_pas(client, scenario):
    assert client.get(adresse(scenario, "gestes/effacer/")).status_code == 404
