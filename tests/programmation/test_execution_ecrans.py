"""Les écrans de l'exécution : ce qu'on y lit, ce qu'on y fait, ce qu'ils refusent, et qui ne les voit pas."""

from datetime import date

import pytest
from django.urls import reverse

from comptes.enums import Role
from programmation import operations
from programmation.enums import EtatFinancement, EtatJustification, NaturePaiement, StatutExercice
from programmation.models import Engagement, Justification, LigneEngagement, Paiement, SuiviFinancement
from programmation.operations import DemandeDeJustification
from programmation.synthese.execution import execution_de
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    LigneEngagementFactory,
    MouvementFactory,
    PaiementFactory,
    PilierFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db


@pytest.fixture
def exercice():
    return ExerciceFactory(annee=2025)


@pytest.fixture
def agent(exercice, client):
    utilisateur = habiliter(Role.AGENT, departement=exercice.departement)
    client.force_login(utilisateur)
    return utilisateur


@pytest.fixture
def action(exercice, agent):
    """Une action de 2025, programmée, à qui 1 500 € sont accordés."""
    return action_programmee(1500, exercice=exercice, intitule="Ludothèque")


@pytest.fixture
def ligne(action):
    return LigneEngagementFactory(action=action, engagement__numero="2101")


def adresse(nom, *args):
    return reverse(f"programmation:{nom}", args=args)


def erreurs(reponse):
    return " ".join(textes(reponse, "//*[@role='alert']"))


# --- Engager ---


def engager(client, action, montant="1 234,50", numero="210 100 0001", jour="2025-05-10", **autres):
    champs = {"action": action.pk, "numero": numero, "date": jour, f"a{action.pk}-e0-montant": montant}
    return client.post(adresse("engagement_create"), champs | autres)


def test_la_page_propose_ce_qui_reste_a_engager_de_chaque_enveloppe(client, exercice, agent):
    caen, reserve = (EnveloppeFactory(exercice=exercice, libelle=nom) for nom in ("Caen", "Réserve"))
    action = action_programmee(1000, exercice=exercice, enveloppe=caen)
    DecisionFactory(action=action, nature="complement", montant=euros(500), enveloppe=reserve)
    LigneEngagementFactory(action=action, enveloppe=caen, ae=euros(400))
    page = client.get(f"{adresse('engagement_create')}?action={action.pk}")
    valeurs = [champ.get("value") for champ in noeuds(page, "//input[contains(@name, 'montant')]")]
    assert valeurs == ["600,00", "500,00"]
    assert textes(page, "//tbody//td[2]") == ["Caen", "Réserve"]


def test_un_montant_colle_avec_ses_espaces_s_enregistre_au_centime(client, action, agent):
    reponse = engager(client, action, montant="1\u202f234,50\u00a0€")
    engagement = Engagement.objects.get()
    assert reponse.url == adresse("engagement_detail", engagement.pk)
    assert (engagement.numero, engagement.date) == ("2101000001", date(2025, 5, 10))
    assert engagement.lignes.get().ae == euros("1234,50")


def test_le_double_clic_n_engage_qu_une_fois(client, action, agent):
    premiere, seconde = engager(client, action), engager(client, action)
    assert premiere.url == seconde.url
    assert LigneEngagement.objects.count() == 1


def test_un_ej_deja_pris_propose_d_y_ajouter_les_actions(client, action, agent, ligne):
    reponse = engager(client, action, montant="200", numero="2101")
    assert "Cet EJ est déjà enregistré dans l’exercice" in erreurs(reponse)
    [lien] = noeuds(reponse, "//a[contains(@href, 'completer')]")
    page = client.get(lien.get("href"))
    vues = noeuds(page, "//input[@name='vues']")[0].get("value")
    champs = {"action": action.pk, "vues": vues, f"a{action.pk}-e0-montant": "200"}
    client.post(lien.get("href"), champs)
    assert sorted(ligne.engagement.lignes.values_list("ae", flat=True)) == [euros(200), euros(1000)]
    assert "Quelqu’un a enregistré autre chose entre-temps" in erreurs(client.post(lien.get("href"), champs))


@pytest.mark.parametrize(
    ("envoi", "phrase"),
    [
        ({"montant": "1 500,01"}, "dépassent ce qui reste à engager, 1 500,00 €"),
        ({"montant": ""}, "Indiquer un montant pour une action au moins"),
        ({"montant": "beaucoup"}, "n’est pas un montant"),
        ({"jour": "2099-01-01"}, "La date est dans le futur"),
        ({"numero": ""}, "Renseigner « Numéro d’EJ »"),
    ],
)
def test_une_mauvaise_saisie_se_dit_et_n_ecrit_rien(client, action, agent, envoi, phrase):
    page = engager(client, action, **envoi)
    assert phrase in " ".join(textes(page, "//main"))
    assert not Engagement.objects.exists()


def test_une_action_non_programmee_est_ecartee_avec_sa_raison(client, exercice, agent):
    deposee = ActionFactory(exercice=exercice)
    page = client.get(f"{adresse('engagement_create')}?action={deposee.pk}")
    assert "Seule une action programmée s’engage" in erreurs(page)
    assert not noeuds(page, "//form[@data-engagement]")
    engager(client, deposee)
    assert not Engagement.objects.exists()


def test_le_responsable_depasse_le_notifie_avec_un_motif_que_la_page_demande(client, exercice):
    client.force_login(habiliter(Role.RESPONSABLE, departement=exercice.departement))
    enveloppe = EnveloppeFactory(exercice=exercice)
    MouvementFactory(enveloppe=enveloppe, nature="notification", ae=euros(100))
    action = action_programmee(1500, exercice=exercice, enveloppe=enveloppe)
    montant = {f"a{action.pk}-e{enveloppe.pk}-montant": "200"}
    assert "Dépasser demande un motif" in erreurs(engager(client, action, **montant))
    assert engager(client, action, motif="Notification attendue lundi", **montant).status_code == 302


# --- L'EJ, ses gestes ---


def test_la_fiche_d_un_ej_additionne_ses_lignes_et_montre_ses_paiements(client, ligne):
    LigneEngagementFactory(engagement=ligne.engagement, action=ligne.action, ae=euros(-300))
    PaiementFactory(ligne=ligne)
    page = client.get(adresse("engagement_detail", ligne.engagement_id))
    assert textes(page, "//dl[classe('pv-faits')]/dd") == ["700,00 €", "500,00 €", "200,00 €"]
    assert len(noeuds(page, "//a[.='Retirer le paiement du 01/06/2025']")) == 1


def test_un_paiement_renvoye_a_l_identique_est_deja_enregistre(client, ligne):
    champs = {"nature": "acompte", "montant": "300", "date": "2025-06-01", "numero": "DP 1", "vus": "0"}
    for _ in range(2):
        reponse = client.post(adresse("paiement_create", ligne.pk), champs)
        assert reponse.url == adresse("engagement_detail", ligne.engagement_id)
    assert Paiement.objects.get().numero == "DP1"


def test_un_paiement_apres_celui_d_un_autre_se_relit_avant_de_partir(client, ligne):
    PaiementFactory(ligne=ligne)
    champs = {"nature": "acompte", "montant": "300", "date": "2025-06-01", "vus": "0"}
    page = client.post(adresse("paiement_create", ligne.pk), champs)
    assert "Quelqu’un a enregistré autre chose entre-temps" in erreurs(page)
    [vus] = noeuds(page, "//input[@name='vus']")
    assert client.post(adresse("paiement_create", ligne.pk), champs | {"vus": vus.get("value")}).status_code == 302
    assert Paiement.objects.count() == 2


@pytest.mark.parametrize(
    ("champs", "phrase"),
    [
        ({"montant": "1000,01"}, "dépassent ce qui reste à payer, 1 000,00 €"),
        ({"date": "2025-05-09"}, "Un paiement suit son engagement"),
        ({"date": "2099-05-09"}, "La date est dans le futur"),
        ({"nature": "reversement"}, "Le porteur ne rend pas plus que les 0,00 €"),
        ({"nature": "don"}, "choisir dans la liste"),
    ],
)
def test_un_paiement_impossible_se_dit_sur_le_formulaire(client, ligne, champs, phrase):
    envoi = {"nature": "acompte", "montant": "100", "date": "2025-06-01", "vus": "0"} | champs
    assert phrase in erreurs(client.post(adresse("paiement_create", ligne.pk), envoi))
    assert not Paiement.objects.exists()


def test_desengager_deux_fois_le_meme_envoi_n_ecrit_qu_une_ligne(client, ligne):
    champs = {"montant": "250", "motif": "Action réduite", "vues": "1"}
    for _ in range(2):
        assert client.post(adresse("ligne_desengager", ligne.pk), champs).status_code == 302
    assert sorted(LigneEngagement.objects.values_list("ae", flat=True)) == [euros(-250), euros(1000)]


def test_retirer_la_derniere_ligne_ramene_a_l_action(client, ligne):
    reponse = client.post(adresse("ligne_retirer", ligne.pk), {"motif": "Faute de frappe"})
    assert reponse.url == ligne.action.get_absolute_url()
    assert client.get(reponse.url).status_code == 200
    assert not Engagement.objects.exists()


def test_retirer_une_ligne_d_un_ej_qui_en_garde_ramene_a_l_ej(client, ligne):
    LigneEngagementFactory(action=action_programmee(exercice=ligne.action.exercice), engagement=ligne.engagement)
    reponse = client.post(adresse("ligne_retirer", ligne.pk), {"motif": "Faute de frappe"})
    assert reponse.url == adresse("engagement_detail", ligne.engagement_id)
    assert client.get(reponse.url).status_code == 200


def test_corriger_et_retirer_un_paiement_demandent_un_motif(client, ligne):
    paiement = PaiementFactory(ligne=ligne)
    assert "Renseigner « Motif »" in erreurs(client.post(adresse("paiement_retirer", paiement.pk)))
    assert client.post(adresse("paiement_retirer", paiement.pk), {"motif": "Doublon"}).status_code == 302
    assert not Paiement.objects.exists()


# --- Les listes ---


def test_les_listes_totalisent_tout_le_filtre_et_s_exportent(client, ligne):
    PaiementFactory(ligne=ligne)
    PaiementFactory(ligne=ligne, nature=NaturePaiement.REVERSEMENT, cp=euros(-100), date=date(2025, 7, 1))
    autre = LigneEngagementFactory(action=action_programmee(exercice=ligne.action.exercice), ae=euros(400))
    page = client.get(adresse("engagement_list"), {"annee": 2025})
    assert textes(page, "//tfoot//td[classe('pv-montant') and .//strong]") == ["1 400,00 €", "400,00 €", "1 000,00 €"]
    filtree = client.get(adresse("engagement_list"), {"annee": 2025, "contrat": autre.action.contrat_id})
    assert textes(filtree, "//tfoot//td[classe('pv-montant') and .//strong]") == ["400,00 €", "0,00 €", "400,00 €"]
    paiements = client.get(adresse("paiement_list"), {"annee": 2025, "ej": "2101"})
    assert textes(paiements, "//tfoot//strong") == ["400,00 €"]
    for nom in ("engagement_list", "paiement_list", "justification_list", "echeance_list", "changement_list"):
        for forme in ("xlsx", "ods", "csv"):
            fichier = client.get(adresse(nom), {"annee": 2025, "format": forme})
            assert fichier.status_code == 200, (nom, forme)
            assert b"".join(fichier.streaming_content)


def test_le_reste_a_payer_compte_les_desengagements(client, agent, action):
    """Un EJ de 1 500 € réduit de 400 : 1 100 à payer, 100 après un paiement de 1 000, puis plus rien."""
    ligne = LigneEngagementFactory(action=action, ae=euros(1500))
    operations.desengager(ligne, euros(400), par=agent, motif="Action réduite")
    soldee = LigneEngagementFactory(action=action_programmee(exercice=action.exercice), ae=euros(300))
    PaiementFactory(ligne=soldee, cp=euros(300))
    assert totaux_a_payer(client, action) == (2, euros(1100), euros(0), euros(1100))
    PaiementFactory(ligne=ligne, cp=euros(1000))
    assert totaux_a_payer(client, action) == (2, euros(1100), euros(1000), euros(100))
    assert execution_de(action).reste_a_payer == euros(100)
    PaiementFactory(ligne=ligne, cp=euros(100))
    assert totaux_a_payer(client, action) == (0, euros(0), euros(0), euros(0))
    assert execution_de(action).reste_a_payer == euros(0)


def totaux_a_payer(client, action):
    tableau = client.get(adresse("engagement_list"), {"annee": 2025, "reste": "a_payer"}).context["tableau"]
    return tableau.nombre, *tableau.totaux.values()


def test_une_adresse_mal_ecrite_n_ouvre_rien_et_dit_pourquoi(client, ligne):
    page = client.get(adresse("engagement_list"), {"annee": 2025, "contrat": "0", "enveloppe": "x"})
    assert "n’existe pas" in erreurs(page)
    assert not noeuds(page, "//tbody")


@pytest.mark.parametrize("nom", ["engagement_list", "paiement_list", "justification_list", "echeance_list"])
def test_une_et_trois_lignes_se_lisent_en_autant_de_requetes(
    client, agent, exercice, nom, django_assert_max_num_queries
):
    comptes = []
    for ajoutees in (1, 2):
        for _ in range(ajoutees):
            PaiementFactory(ligne__action=action_programmee(exercice=exercice))
        client.get(adresse(nom), {"annee": 2025})
        with django_assert_max_num_queries(30) as lues:
            assert client.get(adresse(nom), {"annee": 2025}).status_code == 200
        comptes.append(len(lues))
    assert comptes[0] == comptes[1]


@pytest.mark.parametrize(
    ("execution", "attendues"),
    [
        ("engagees", {"Engagée", "Payée", "Reversée"}),
        ("non_engagees", {"Accordée"}),
        ("payees", {"Payée"}),
        ("justifiees", {"Payée"}),
        ("a_justifier", {"Accordée", "Engagée", "Reversée"}),
    ],
)
def test_la_liste_des_actions_se_filtre_par_l_execution(client, agent, exercice, execution, attendues):
    accordee, engagee, payee, reversee = (
        action_programmee(exercice=exercice, intitule=nom) for nom in ("Accordée", "Engagée", "Payée", "Reversée")
    )
    LigneEngagementFactory(action=engagee)
    PaiementFactory(ligne__action=payee)
    rendu = PaiementFactory(ligne__action=reversee)
    PaiementFactory(ligne=rendu.ligne, nature=NaturePaiement.REVERSEMENT, cp=euros(-500))
    Justification.objects.create(action=payee, etat=EtatJustification.VALIDEE, recue_le=date(2026, 2, 1))
    ActionFactory(exercice=exercice, intitule="Déposée")
    page = client.get(reverse("programmation:action_list"), {"annee": 2025, "execution": execution})
    assert set(textes(page, "//tbody//th/a")) == attendues


# --- Justifier ---


def justifier(client, action, **champs):
    envoi = {"etat": "recue", "recue_le": "2026-03-02", "version": "0"} | champs
    return client.post(adresse("justification_update", action.pk), envoi)


def test_une_justification_s_enregistre_et_se_lit_sur_la_fiche(client, action, agent):
    champs = {"etat": "validee", "depense": "1 400,50", "beneficiaires_realises": "40", "non_utilise": "99,50"}
    reponse = justifier(client, action, suite="report", suite_le="2026-04-01", **champs)
    assert reponse.url == f"{action.get_absolute_url()}#execution"
    lue = Justification.objects.get()
    assert (lue.depense, lue.non_utilise, lue.version) == (euros("1400,50"), euros("99,50"), 1)
    fiche = " ".join(textes(client.get(action.get_absolute_url()), "//section[@id='execution']"))
    for phrase in ("Validée reçue le 02/03/2026", "1 400,50 €", "99,50 € : report le 01/04/2026"):
        assert phrase in fiche


def test_une_justification_refuse_un_nombre_de_personnes_impossible(client, action, agent):
    page = justifier(client, action, beneficiaires_realises="99999999999")
    assert "Au plus 9 999 999 personnes" in erreurs(page)
    assert not Justification.objects.exists()


def test_le_second_agent_voit_ce_que_le_premier_a_ecrit_et_rien_ne_s_ecrase(client, action, agent):
    justifier(client, action, depense="100")
    page = justifier(client, action, depense="200")
    assert page.status_code == 409
    assert "dépensé 100,00 €" in erreurs(page)
    assert Justification.objects.get().depense == euros(100)
    [version] = noeuds(page, "//input[@name='version']")
    assert justifier(client, action, depense="200", version=version.get("value")).status_code == 302
    assert Justification.objects.get().depense == euros(200)


def test_la_meme_justification_renvoyee_est_deja_enregistree(client, action, agent):
    for _ in range(2):
        assert justifier(client, action, depense="100").status_code == 302
    assert Justification.objects.get().version == 1


def test_une_justification_impossible_se_dit_sur_son_champ(client, action, agent):
    page = justifier(client, action, etat="validee", non_utilise="1 500,01")
    assert "Une justification validée dit ce qui a été dépensé" in erreurs(page)
    assert "Pas plus que les 1 500,00 € accordés" in erreurs(page)


# --- Suivre un cofinanceur ---


def test_un_vote_tardif_se_saisit_apres_la_cloture_depuis_la_fiche(client, action, agent, exercice):
    ligne = cofinancement(action, FinanceurFactory(nom="CAF"), 1000)
    exercice.statut = StatutExercice.CLOS
    exercice.save()
    [lien] = noeuds(client.get(action.get_absolute_url()), f"//a[@href='{adresse('suivi_create', ligne.pk)}']")
    champs = {"date": "2026-02-01", "etat": "acquis", "accorde": "900", "verse": "450", "vus": "0"}
    for _ in range(2):
        assert client.post(lien.get("href"), champs).status_code == 302
    suivi = SuiviFinancement.objects.get()
    assert (suivi.etat, suivi.accorde, suivi.verse) == (EtatFinancement.ACQUIS, euros(900), euros(450))
    lignes = textes(client.get(action.get_absolute_url()), "//section[@id='execution']//tr[th='CAF']/td")
    assert lignes[:4] == ["Acquis", "900,00 €", "450,00 €", "01/02/2026"]


def test_avant_la_cloture_seul_le_versement_se_saisit(client, action, agent):
    ligne = cofinancement(action, FinanceurFactory(), 1000, 800)
    champs = {"date": "2025-09-01", "etat": "refuse", "accorde": "0", "verse": "450", "vus": "0"}
    client.post(adresse("suivi_create", ligne.pk), champs)
    suivi = SuiviFinancement.objects.get()
    assert (suivi.etat, suivi.accorde, suivi.verse) == (EtatFinancement.ACQUIS, euros(800), euros(450))


# --- Qui voit, qui fait ---


def test_la_fiche_montre_l_execution_a_l_etat_et_ses_gestes_a_qui_ecrit(client, action, agent, ligne):
    section = "//section[@id='execution']"
    assert "Engager" in textes(client.get(action.get_absolute_url()), f"{section}//a")
    client.force_login(habiliter(Role.DELEGUE, contrat=action.contrat))
    lue = client.get(action.get_absolute_url())
    adresses = [lien.get("href") for lien in noeuds(lue, f"{section}//a")]
    assert adresse("engagement_detail", ligne.engagement_id) in adresses
    assert not [a for a in adresses if any(geste in a for geste in ("payer", "ajouter", "justification", "suivre"))]
    client.force_login(habiliter(Role.PARTENAIRE, contrat=action.contrat))
    assert not noeuds(client.get(action.get_absolute_url()), section)


def test_un_partenaire_ne_trouve_rien_de_l_execution(client, action, ligne):
    client.force_login(habiliter(Role.PARTENAIRE, contrat=action.contrat))
    for nom in ("engagement_list", "paiement_list", "justification_list", "echeance_list", "changement_list"):
        assert client.get(adresse(nom)).status_code == 403
    for nom, pk in (("engagement_detail", ligne.engagement_id), ("paiement_create", ligne.pk)):
        assert client.get(adresse(nom, pk)).status_code == 404
    liste = client.get(reverse("programmation:action_list"), {"annee": 2025, "execution": "engagees"})
    assert not noeuds(liste, "//tbody")
    assert not noeuds(liste, "//select[@name='execution']")


def test_un_agent_du_gard_partenaire_ici_ne_lit_pas_l_execution_du_calvados(client, action, ligne):
    personne = habiliter(Role.AGENT, departement=DepartementFactory(code="30"))
    client.force_login(personne)
    page = client.get(adresse("engagement_list"), {"annee": 2025})
    assert page.status_code == 200
    assert not noeuds(page, "//tbody")
    assert client.get(adresse("engagement_detail", ligne.engagement_id)).status_code == 404


def test_un_agent_d_un_contrat_ne_lit_d_un_ej_que_ses_lignes(client, action, ligne):
    autre = action_programmee(exercice=action.exercice, contrat=ContratFactory(), intitule="Ailleurs")
    LigneEngagementFactory(engagement=ligne.engagement, action=autre, ae=euros(9000))
    client.force_login(habiliter(Role.AGENT, contrat=autre.contrat))
    page = client.get(adresse("engagement_detail", ligne.engagement_id))
    # Agent de l'État, il lit le département ; il n'écrit que dans son contrat.
    assert client.get(adresse("ligne_desengager", ligne.pk)).status_code in (403, 404)
    assert client.get(adresse("engagement_update", ligne.engagement_id)).status_code == 403
    assert page.status_code == 200
    assert "9 000,00 €" in " ".join(textes(page, "//tbody"))


# --- Au tableau de bord ---


def test_le_tableau_de_bord_dit_l_execution_et_chaque_chiffre_mene_a_sa_liste(client, action, agent, ligne):
    PaiementFactory(ligne=ligne)
    operations.justifier(
        [DemandeDeJustification(action, {"etat": "validee", "recue_le": date(2026, 3, 1), "depense": euros(1)})],
        par=agent,
    )
    action_programmee(
        500, exercice=action.exercice, contrat=action.contrat, pilier=PilierFactory(code="emploi", ordre=2)
    )
    page = client.get("/pilotage/", {"annee": 2025})
    [pied, *_] = noeuds(page, "//section[@id='execution']//tfoot")
    lus = [(lien.text, lien.get("href")) for lien in pied.iter("a")]
    assert [mots.replace("\u202f", " ").replace("\u00a0", " ") for mots, _ in lus] == [
        "2 000,00 €",
        "1 000,00 €",
        "500,00 €",
        "1 500,00 €",
        "0,00 €",
    ]
    listes = ["actions", "engagements", "paiements", "justifications", "justifications"]
    for (montant, lien), liste in zip(lus, listes, strict=True):
        assert lien.startswith(f"/programmation/{liste}/")
        assert montant.replace("\u202f", " ").replace("\u00a0", " ") in textes(client.get(lien), "//tfoot//strong")


def test_un_partenaire_ne_lit_pas_l_execution_au_tableau_de_bord(client, action, ligne):
    client.force_login(habiliter(Role.PARTENAIRE, contrat=action.contrat))
    assert not noeuds(client.get("/pilotage/", {"annee": 2025}), "//section[@id='execution']")
