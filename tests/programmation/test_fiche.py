"""La fiche d'une action : tout ce que la personne a le droit d'en lire, et rien d'autre."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comptes.enums import Role
from comptes.models import Habilitation
from programmation import operations
from programmation.controles import CONTROLES, anomalies
from programmation.enums import (
    EtatFinancement,
    FamilleFinanceur,
    NatureDecision,
    NaturePaiement,
    StatutAction,
    StatutExercice,
)
from programmation.models import (
    Action,
    Avis,
    Justification,
    Paiement,
    PartenaireFinanceur,
    PilierTransversalDeLAction,
    PrevisionPluriannuelle,
    PrioriteDeLAction,
    SuiviFinancement,
)
from programmation.operations import DemandeDeDecision, LigneDePlan, SaisieAction
from programmation.synthese.actes import a_etablir
from programmation.synthese.execution import execution_de, postes_a_engager
from programmation.synthese.fiche import attend_un_acte, execution_lue, reste_a_engager
from tests.fabriques import (
    ActeFactory,
    ActionFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    EnveloppeFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinanceurFactory,
    LigneEngagementFactory,
    OrganismeFactory,
    PaiementFactory,
    PilierFactory,
    PrioriteFactory,
    QuartierFactory,
    UtilisateurFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)
from tests.pages import noeuds, texte, textes

pytestmark = pytest.mark.django_db


@pytest.fixture
def exercice():
    return ExerciceFactory()


@pytest.fixture
def agent(exercice):
    return habiliter(Role.AGENT, departement=exercice.departement)


@pytest.fixture
def caf():
    return FinanceurFactory(nom="CAF", famille=FamilleFinanceur.CAF)


@pytest.fixture
def ludo(caf):
    """Une action en règle : 1 000 € de coût, 600 demandés au P147, 400 à la CAF."""
    etablissement = EtablissementFactory()
    action = ActionFactory(
        intitule="Ludothèque",
        porteur=etablissement.organisme,
        etablissement=etablissement,
        cout_previsionnel=euros(1000),
        beneficiaires_prevus=80,
        dossier="00054562",
        tranche=1,
    )
    p147(action, demande=600, propose=550)
    cofinancement(action, caf, demande=400)
    return action


def page(client, utilisateur, action):
    client.force_login(utilisateur)
    reponse = client.get(action.get_absolute_url())
    assert reponse.status_code == 200
    return reponse.content.decode().replace("\u202f", " ").replace("\u00a0", " ").replace("&nbsp;", " ")


def test_la_fiche_dit_tout_de_l_action(client, agent, ludo):
    action = ludo
    action.contributions_volontaires = euros(250)
    action.save()
    localiser(
        action,
        {QuartierFactory(contrat=action.contrat, nom="Nord"): 1, QuartierFactory(contrat=action.contrat, nom="Sud"): 2},
    )
    PrevisionPluriannuelle.objects.create(action=action, annee=2027, montant=euros(700))
    texte = page(client, agent, action)
    for attendu in (
        "Ludothèque",
        "Déposée",
        "00054562-01",
        "1.2 Soutien à la scolarité",
        "du 01/01/2026 au 31/12/2026",
        "le plan est équilibré au centime",
        "60,0 % du demandé",
        "550,00 €",
        "250,00 €, hors coût et hors parts",
        "333,33 €",  # 1 000,00 € à la clé 1 sur 3
        "666,67 €",
        "200,00 €",  # 600,00 € du P147, à la clé 1 sur 3
        "2027 : 700,00 €",
        "Hors des totaux",
    ):
        assert attendu in texte


def test_apres_decision_la_fiche_montre_le_journal_la_part_accordee_et_le_reste_a_trouver(client, agent, ludo):
    demande = DemandeDeDecision(ludo, NatureDecision.ATTRIBUTION, euros(500))
    operations.decider([demande], par=agent, motif="Bon projet")
    texte = page(client, agent, ludo)
    assert "+500,00 €" in texte
    assert "Bon projet" in texte
    assert "50,0 % du coût après décision" in texte
    assert "Reste à trouver</dt><dd>500,00 €" in texte


def test_un_plan_desequilibre_dit_son_ecart_au_centime(client, agent, ludo):
    ludo.cout_previsionnel = euros("1000,01")
    ludo.save()
    assert "écart de −0,01 € entre le demandé et le coût" in page(client, agent, ludo)


def test_le_porteur_fusionne_se_lit_sous_son_nom_courant(client, agent, ludo):
    ludo.porteur.fusionne_dans = OrganismeFactory(nom="Le Nouveau Nom")
    ludo.porteur.save()
    assert f'Le Nouveau Nom <span class="fr-text--xs">(déposée sous le nom « {ludo.porteur.nom} »)' in page(
        client, agent, ludo
    )


def test_la_fiche_montre_l_annee_precedente_et_le_meme_dossier_ailleurs(client, agent, ludo):
    precedente = action_programmee(
        accorde=450, demande=900, exercice=ExerciceFactory(annee=2025), intitule="Ludothèque d’avant"
    )
    ludo.action_precedente = precedente
    ludo.save()
    jumelle = action_programmee(accorde=70, dossier="00054562", tranche=1, contrat=ContratFactory(intitule="Lisieux"))
    texte = page(client, agent, ludo)
    assert "900,00 € demandés, — proposés, 450,00 € accordés" in texte
    assert "Ludothèque d’avant</a> (Programmée)" in texte
    assert "Dossier 00054562 : aussi sur un autre contrat" in texte
    assert "00054562-01, 2026, Lisieux</a> : 70,00 € accordés" in texte
    assert jumelle.get_absolute_url() in texte


def test_la_fiche_ecrit_le_nom_court_du_contrat(client, agent, ludo):
    ludo.contrat.intitule = "Contrat de ville de Caen la mer"
    ludo.contrat.save()
    texte = page(client, agent, ludo)
    assert " : Caen la mer</p>" in texte
    assert "Contrat de ville de" not in texte


def test_les_tranches_d_un_dossier_font_une_action_pluriannuelle(client, agent, ludo):
    ludo.contrat.intitule = "Contrat de ville de Caen la mer"
    ludo.contrat.save()
    premiere = {"dossier": "00054562", "tranche": 2, "contrat": ludo.contrat}
    action_programmee(accorde=450, exercice=ExerciceFactory(annee=2025), **premiere)
    jumelle = action_programmee(accorde=70, dossier="00054562", tranche=1, contrat=ContratFactory(intitule="Lisieux"))
    action_programmee(dossier="99999999", tranche=3)
    lue = page(client, agent, ludo)
    assert "Action pluriannuelle : dossier 00054562, 3 actions" in lue
    assert textes(lue, "//h2[starts-with(., 'Action pluri')]/following-sibling::ul[1]/li") == [
        "00054562-02, 2025, Caen la mer : 450,00 € accordés en P147 (Programmée)",
        "00054562-01, 2026, Caen la mer (cette action) (Déposée)",
        "00054562-01, 2026, Lisieux : 70,00 € accordés en P147 (Programmée)",
    ]
    assert "aussi sur un autre contrat" not in lue
    assert jumelle.get_absolute_url() in lue


@pytest.mark.parametrize(
    ("reglage", "adresse"),
    [
        ("https://dauphin.example/", "https://dauphin.example/"),
        ("https://dauphin.example/d/{dossier}", "https://dauphin.example/d/00054562"),
    ],
)
def test_la_fiche_ouvre_dauphin_dans_une_nouvelle_fenetre(client, agent, ludo, settings, reglage, adresse):
    settings.ADRESSE_DAUPHIN = reglage
    [lien] = noeuds(page(client, agent, ludo), "//a[contains(., 'ouvrir Dauphin')]")
    assert (lien.get("href"), lien.get("target"), lien.get("rel")) == (adresse, "_blank", "noopener")
    assert texte(lien) == "ouvrir Dauphin (nouvelle fenêtre)"


def test_sans_dossier_ou_sans_reglage_la_fiche_n_a_pas_de_lien_vers_dauphin(client, agent, ludo, settings):
    assert "ouvrir Dauphin" not in page(client, agent, ActionFactory(dossier=None))
    settings.ADRESSE_DAUPHIN = ""
    assert "ouvrir Dauphin" not in page(client, agent, ludo)


def test_la_cle_ne_se_montre_qu_entre_plusieurs_quartiers(client, agent, ludo):
    nord, sud = (QuartierFactory(contrat=ludo.contrat) for _ in range(2))
    localiser(ludo, {nord: 43})
    assert ">Clé<" not in page(client, agent, ludo)
    assert ">43<" not in page(client, agent, ludo)
    ludo.localisations.all().delete()
    localiser(ludo, {nord: 43, sud: 7})
    assert ">43<" in page(client, agent, ludo)


def test_l_action_precedente_hors_perimetre_ne_se_lit_pas(client, ludo):
    partenaire = habiliter(Role.PARTENAIRE, contrat=ludo.contrat)
    ludo.action_precedente = action_programmee(intitule="Ailleurs")
    ludo.save()
    assert "Ailleurs" not in page(client, partenaire, ludo)


# --- L'exécution, sur les lignes déjà lues ---


def test_les_lignes_lues_disent_la_meme_execution_que_la_base(exercice):
    """1 000 € accordés en deux enveloppes, 900 engagés dont 50 de trop sur la seconde : il en reste 150 à engager."""
    ete, annee = EnveloppeFactory(exercice=exercice), EnveloppeFactory(exercice=exercice)
    action = action_programmee(1000, exercice=exercice, enveloppe=annee)
    DecisionFactory(action=action, nature=NatureDecision.DIMINUTION, montant=euros(-300))
    DecisionFactory(action=action, nature=NatureDecision.COMPLEMENT, montant=euros(300), enveloppe=ete)
    lignes = [LigneEngagementFactory(action=action, enveloppe=e, ae=euros(m)) for e, m in ((annee, 550), (ete, 350))]
    PaiementFactory(ligne=lignes[0])
    PaiementFactory(ligne=lignes[0], nature=NaturePaiement.REVERSEMENT, cp=euros("-100,50"))
    lue = execution_lue(euros(1000), lignes, Paiement.objects.all())
    assert (lue.engage, lue.paye, lue.reverse, lue.reste_a_payer) == (
        euros(900),
        euros(500),
        euros("100,50"),
        euros("500,50"),
    )
    comptee = execution_de(action)
    for champ in ("accorde", "engage", "paye", "reverse"):
        assert getattr(lue, champ) == getattr(comptee, champ)
    restes = [poste.reste for poste in postes_a_engager([action])]
    assert reste_a_engager(action.decisions.all(), lignes) == sum(restes) == euros(150)


def test_les_decisions_lues_disent_comme_la_liste_si_un_acte_est_a_etablir():
    """Une attribution l'attend ; portée, plus rien ; une diminution ensuite, oui, et sans acte à changer, non."""
    nue, portee, diminuee, annulee = (action_programmee(1000) for _ in range(4))
    for action in (portee, diminuee):
        ActeFactory(decisions=list(action.decisions.all()))
    for action in (diminuee, annulee):
        DecisionFactory(action=action, nature=NatureDecision.DIMINUTION, montant=euros(-1000))
    DecisionFactory(action=portee, nature=NatureDecision.AJOURNEMENT, montant=euros(0))
    attendues = [a for a in (nue, portee, diminuee, annulee) if attend_un_acte(list(a.decisions.all()))]
    assert attendues == list(a_etablir(Action.objects.order_by("pk"))) == [nue, diminuee]
    assert not attend_un_acte([])


# --- L'historique ---


def test_la_fiche_dit_le_dernier_geste_et_mene_a_toute_l_histoire_champ_par_champ(client, agent, exercice, caf):
    contrat, autre = ContratFactory(intitule="Caen"), ContratFactory(intitule="Lisieux")
    plan = [LigneDePlan(caf, demande=euros(400))]
    saisie = SaisieAction({"exercice": exercice, "contrat": contrat, "intitule": "Lire"}, plan=plan)
    (action,) = operations.enregistrer([saisie], par=agent, motif="Saisie de départ")
    suite = SaisieAction(
        {"contrat": autre, "cout_previsionnel": euros(500)}, action=action, plan=[LigneDePlan(caf, demande=euros(450))]
    )
    operations.enregistrer([suite], par=agent, motif="Le porteur a corrigé")
    [geste] = noeuds(page(client, agent, action), "//h2[@id='historique']/following-sibling::p")
    le = timezone.localtime(action.history.first().history_date)
    assert texte(geste) == (
        f"Dernière modification le {le:%d/%m/%Y à %H:%M}, {agent} : Le porteur a corrigé. Tout l’historique"
    )
    [lien] = geste.findall("a")
    histoire = client.get(lien.get("href")).content.decode().replace("\u202f", " ").replace("\u00a0", " ")
    for attendu in (
        "Contrat de ville : Caen → Lisieux",
        "Coût prévisionnel : — → 500,00 €",
        "Demandé (CAF) : 400,00 € → 450,00 €",
        "Saisie de départ",
    ):
        assert attendu in histoire.replace("&nbsp;", " ")


def test_sans_histoire_la_fiche_mene_quand_meme_a_la_page_qui_le_dit(client, agent, ludo):
    ludo.history.all().delete()
    [geste] = noeuds(page(client, agent, ludo), "//h2[@id='historique']/following-sibling::p")
    assert texte(geste) == "Tout l’historique"


def test_la_fiche_fait_autant_de_requetes_avec_une_ou_trois_lignes_de_tout(client, agent, caf):
    """Une action exécutée, qui en suit une et que d'autres suivent : ce qu'une fiche a de plus long à lire."""
    precedente = action_programmee(exercice=ExerciceFactory(annee=2025))
    Justification.objects.create(action=precedente)
    action = action_programmee(dossier="00054562", tranche=1, action_precedente=precedente)
    client.force_login(agent)
    comptes = []
    for nombre in (1, 2):
        for _ in range(nombre):
            garnir(action, agent)
        with CaptureQueriesContext(connection) as lues:
            client.get(action.get_absolute_url())
        comptes.append(len(lues))
    assert comptes[0] == comptes[1] <= 25


def garnir(action, agent):
    """Une ligne de plus de tout ce que la fiche montre."""
    ligne = cofinancement(action, FinanceurFactory(), demande=1)
    acquis = {"etat": EtatFinancement.ACQUIS, "accorde": euros(1)}
    SuiviFinancement.objects.create(financement=ligne, date=date(2026, 3, 1), **acquis)
    localiser_encore(action)
    ActeFactory(decisions=[DecisionFactory(action=action)])
    PaiementFactory(ligne=LigneEngagementFactory(action=action))
    Avis.objects.create(action=action, auteur=UtilisateurFactory(), qualite="service", sens="favorable")
    PrevisionPluriannuelle.objects.create(action=action, annee=2027 + action.previsions.count(), montant=euros(700))
    PilierTransversalDeLAction.objects.create(action=action, pilier=PilierFactory(code=f"t{action.avis.count()}"))
    PrioriteDeLAction.objects.create(
        action=action, prioritetransversale=PrioriteFactory(code=f"p{action.avis.count()}")
    )
    ActionFactory(dossier=action.dossier, tranche=1, contrat=ContratFactory())
    ActionFactory(action_precedente=action)
    action.history.create(**historique_d_un_changement(action, agent))


def localiser_encore(action):
    cles = {lieu.quartier: lieu.cle for lieu in action.localisations.all()}
    action.localisations.all().delete()
    localiser(action, cles | {QuartierFactory(contrat=action.contrat): 1})


def historique_d_un_changement(action, agent):
    champs = {c.attname: getattr(action, c.attname) for c in Action._meta.fields if c.name != "recherche"}
    champs |= {"porteur_id": OrganismeFactory().pk, "history_type": "~", "history_user": agent}
    return champs | {"history_date": timezone.now()}


# --- Les gestes proposés ---


def boutons(client, utilisateur, action):
    client.force_login(utilisateur)
    return [libelle for libelle, _ in client.get(action.get_absolute_url()).context["gestes"]]


def test_la_fiche_propose_les_gestes_permis_et_eux_seuls(client, agent, ludo):
    assert boutons(client, agent, ludo) == ["Décider", "Marquer instruite", "Retirer", "Scinder"]
    assert boutons(client, agent, ActionFactory(brouillon=True)) == ["Supprimer le brouillon"]
    assert boutons(client, agent, ActionFactory(statut=StatutAction.BROUILLON)) == ["Déposer", "Supprimer le brouillon"]
    assert boutons(client, agent, ActionFactory(statut=StatutAction.RETIREE)) == ["Revenir en arrière"]
    assert boutons(client, agent, action_programmee()) == ["Décider"]


def test_un_lecteur_et_un_exercice_clos_n_ont_aucun_geste(client, agent, ludo, exercice):
    lecteur = habiliter(Role.LECTEUR, departement=exercice.departement)
    assert boutons(client, lecteur, ludo) == []
    exercice.statut = StatutExercice.CLOS
    exercice.save()
    assert boutons(client, agent, ludo) == []


# --- Le périmètre ---


def test_hors_du_perimetre_la_fiche_n_existe_pas(client, agent):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    client.force_login(agent)
    assert client.get(ActionFactory(exercice=gard).get_absolute_url()).status_code == 404
    assert client.get("/programmation/actions/99999999999999999999/").status_code == 404


def test_un_partenaire_ne_lit_ni_le_propose_ni_les_motifs_ni_l_histoire(client, agent, ludo):
    operations.decider(
        [DemandeDeDecision(ludo, NatureDecision.ATTRIBUTION, euros(500))], par=agent, motif="Avis interne"
    )
    ville = habiliter(Role.PARTENAIRE, contrat=ludo.contrat)
    texte = page(client, ville, ludo)
    assert "+500,00 €" in texte
    for secret in ("550,00 €", "Proposé", "Avis interne", "Historique", "À regarder"):
        assert secret not in texte
    ludo.campagne.propositions_partagees_le = timezone.now() - timedelta(days=1)
    ludo.campagne.save()
    assert "550,00 €" in page(client, ville, ludo)


def test_un_partenaire_financeur_ne_lit_que_sa_ligne(client, agent, ludo, caf):
    localiser(ludo, {QuartierFactory(contrat=ludo.contrat): 1})
    operations.decider([DemandeDeDecision(ludo, NatureDecision.ATTRIBUTION, euros(500))], par=agent)
    utilisateur = habiliter(Role.PARTENAIRE, departement=ludo.exercice.departement)
    PartenaireFinanceur.objects.create(habilitation=Habilitation.objects.get(utilisateur=utilisateur), financeur=caf)
    texte = page(client, utilisateur, ludo)
    assert "400,00 €" in texte
    assert "vos lignes seulement" in texte
    for secret in ("600,00 €", "500,00 €", "550,00 €", "ANCT", "équilibré", "Décisions"):
        assert secret not in texte


# --- Les contrôles ---


def codes(action):
    return {controle.code for controle in anomalies(action)}


def test_une_action_en_regle_n_a_aucune_anomalie(ludo):
    assert codes(ludo) == set()


@pytest.mark.parametrize(
    ("champs", "attendus"),
    [
        ({"cout_previsionnel": euros("1000,01")}, {"plan_desequilibre"}),
        ({"etablissement": None}, {"porteur_sans_siret"}),
        ({"beneficiaires_prevus": None}, {"beneficiaires_inconnus"}),
    ],
)
def test_chaque_champ_manquant_ou_faux_est_releve(ludo, champs, attendus):
    for champ, valeur in champs.items():
        setattr(ludo, champ, valeur)
    ludo.save()
    assert codes(ludo) == attendus


def test_une_action_qui_commence_hors_de_l_annee_est_relevee(ludo):
    ludo.date_debut = ludo.date_debut.replace(year=2025)
    ludo.save()
    assert codes(ludo) == {"debut_hors_exercice"}


def test_la_dependance_se_releve_au_dela_du_seuil_et_pas_au_seuil(ludo, caf):
    ligne_p147, ligne_caf = ludo.financements.order_by("pk")
    ligne_p147.demande, ligne_caf.demande = euros(800), euros(200)
    ligne_p147.save(), ligne_caf.save()
    assert codes(ludo) == set()
    ligne_p147.demande, ligne_caf.demande = euros("800,01"), euros("199,99")
    ligne_p147.save(), ligne_caf.save()
    assert codes(ludo) == {"dependance_a_l_anct"}


def test_un_financeur_unique_et_un_accorde_au_dela_du_demande_se_relevent(ludo, caf):
    ludo.financements.filter(financeur=caf).delete()
    fonds_propres = FinanceurFactory(nom="Fonds propres", famille=FamilleFinanceur.AUTOFINANCEMENT)
    cofinancement(ludo, fonds_propres, demande=400)
    assert codes(ludo) == {"financeur_unique"}
    cofinancement(ludo, caf, demande=0, accorde=1)
    assert codes(ludo) == {"accorde_au_dela_du_demande"}


def test_un_financeur_a_preciser_se_releve(ludo, caf):
    caf.est_a_preciser = True
    caf.save()
    assert codes(ludo) == {"financeur_a_preciser"}


def test_les_controles_en_masse_relevent_les_memes_actions_hors_brouillons_et_sans_suite(ludo):
    brouillon = ActionFactory(statut=StatutAction.BROUILLON)
    retiree = ActionFactory(statut=StatutAction.RETIREE)
    nue = ActionFactory()
    assert codes(brouillon) == codes(retiree) == set()
    for controle in CONTROLES:
        releve = controle.code in codes(nue)
        assert list(controle.parmi(Action.objects.all())) == ([nue] if releve else [])
    assert codes(nue) == {"plan_desequilibre", "porteur_sans_siret", "beneficiaires_inconnus"}
