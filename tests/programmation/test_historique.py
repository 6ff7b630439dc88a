"""L'histoire par champ, le retour à une version passée, et le motif qu'exige tout montant changé après décision."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from comptes.enums import Role
from programmation import operations
from programmation.enums import EtatFinancement, FamilleFinanceur, NatureDecision, StatutAction, StatutExercice
from programmation.historique import histoire_de
from programmation.models import Action, Avis, PrioriteDeLAction, PrioriteTransversale
from programmation.operations import (
    ConflitDeVersion,
    DemandeDeDecision,
    DroitManquant,
    LigneDePlan,
    MotifExige,
    OperationRefusee,
    PrevisionsSaisies,
    SaisieAction,
)
from programmation.operations.lots import ValeursCommunes
from tests.fabriques import (
    CampagneFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    OrganismeFactory,
    PilierFactory,
    PrioriteFactory,
    QuartierFactory,
    ThematiqueFactory,
    euros,
    habiliter,
)
from tests.imports import fichier, importer
from tests.pages import noeuds

pytestmark = pytest.mark.django_db


@pytest.fixture
def exercice():
    return ExerciceFactory()


@pytest.fixture
def agent(exercice):
    return habiliter(Role.AGENT, departement=exercice.departement)


@pytest.fixture
def anct():
    return FinanceurFactory(p147=True)


@pytest.fixture
def ville():
    return FinanceurFactory(nom="Ville")


@pytest.fixture
def contrat():
    return ContratFactory()


@pytest.fixture
def champs(exercice, contrat):
    return {
        "exercice": exercice,
        "contrat": contrat,
        "intitule": "Ludothèque",
        "thematique": ThematiqueFactory(theme__nomenclature=exercice.nomenclature),
        "pilier": PilierFactory(),
        "dispositif": DispositifFactory(),
        "porteur": OrganismeFactory(nom="Les Jeux"),
        "date_debut": date(2026, 1, 1),
        "date_fin": date(2026, 12, 31),
        "cout_previsionnel": euros(1000),
    }


@pytest.fixture
def ludo(agent, champs, anct, contrat):
    """Version 1 (brouillon, 600 € au P147, à l'échelle du contrat, jeunesse), puis version 2, déposée."""
    saisie = SaisieAction(champs, plan=[LigneDePlan(anct, demande=euros(600))], priorites=[PrioriteFactory()])
    return operations.enregistrer_et_deposer(saisie, par=agent)


def changer(action, agent, motif="", plan=None, localisations=None, priorites=None, **champs):
    saisie = SaisieAction(champs, action, plan=plan, localisations=localisations, priorites=priorites)
    return operations.enregistrer([saisie], par=agent, motif=motif)[0]


def decider(action, agent, montant=500):
    demande = DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(montant))
    operations.decider([demande], par=agent)
    return Action.objects.get(pk=action.pk)


def dits(evenements):
    return [
        (e.motif, [(c.sujet, c.avant.replace("\u202f", " "), c.apres.replace("\u202f", " ")) for c in e.changements])
        for e in evenements
    ]


# --- Lire ---


def test_un_champ_dit_qui_quand_avant_apres_et_pourquoi_de_sa_premiere_valeur_a_la_derniere(agent, ludo):
    changer(ludo, agent, "Budget revu", cout_previsionnel=euros(1200))
    changer(ludo, agent, intitule="Ludothèque de quartier")
    evenements = histoire_de(ludo, "cout_previsionnel")
    assert dits(evenements) == [
        ("Budget revu", [("Coût prévisionnel", "1 000,00\u00a0€", "1 200,00\u00a0€")]),
        ("", [("Coût prévisionnel", "", "1 000,00\u00a0€")]),
    ]
    assert {evenement.auteur for evenement in evenements} == {str(agent)}


def test_le_plan_dit_ses_lignes_ajoutees_changees_et_retirees(agent, ludo, anct, ville):
    avec = [LigneDePlan(anct, demande=euros(600)), LigneDePlan(ville, demande=euros(400))]
    changer(ludo, agent, "Ville sollicitée", plan=avec)
    changer(ludo, agent, "Ville retirée", plan=[LigneDePlan(anct, demande=euros(700))])
    assert [motif for motif, _ in dits(histoire_de(ludo, "plan"))] == ["Ville retirée", "Ville sollicitée", ""]
    ligne = ludo.financements.get()
    assert dits(histoire_de(ludo, f"plan-{ligne.pk}"))[0] == (
        "Ville retirée",
        [("Demandé (ANCT – P147)", "600,00\u00a0€", "700,00\u00a0€")],
    )


def test_les_etiquettes_posees_et_retirees_ont_leur_histoire(agent, ludo):
    egalite = PrioriteFactory(code="egalite")
    changer(ludo, agent, "Public élargi", priorites=[egalite])
    assert dits(histoire_de(ludo, "priorites")) == [
        ("Public élargi", [("Egalite", "", "ajoutée"), ("Jeunesse", "", "retirée")]),
        ("", [("Jeunesse", "", "ajoutée")]),
    ]
    assert [p.code for p in ludo.priorites.all()] == ["egalite"]


def test_toute_l_histoire_reunit_les_decisions_et_les_avis(agent, ludo):
    delegue = habiliter(Role.DELEGUE, contrat=ludo.contrat)
    Avis.objects.create(action=ludo, auteur=delegue, qualite="delegue", sens="favorable")
    decider(ludo, agent)
    textes = [c.sujet for e in histoire_de(ludo) for c in e.changements]
    assert {"Décision", "Statut", f"{delegue}", "Action", "Accordé (ANCT – P147)"} <= set(textes)
    assert dits(histoire_de(ludo, "decisions"))[0][1][-1] == (
        "Décision",
        "",
        "Attribution : +500,00\u00a0€ de P147",
    )


def test_un_champ_inconnu_n_a_pas_d_histoire(client, agent, ludo):
    assert histoire_de(ludo, "mot_de_passe") is None
    client.force_login(agent)
    assert client.get(reverse("programmation:action_histoire", args=[ludo.pk]), {"champ": "version"}).status_code == 404


def test_l_histoire_n_est_jamais_coupee(agent, ludo):
    for rang in range(105):
        ludo.intitule = f"Ludothèque {rang}"
        ludo.save()
    assert sum(len(e.changements) for e in histoire_de(ludo, "intitule")) == 106


def test_chaque_champ_de_la_fiche_mene_a_son_histoire_en_un_clic(client, agent, ludo):
    client.force_login(agent)
    liens = [lien.get("href") for lien in noeuds(client.get(ludo.get_absolute_url()), "//a[@class='pv-suivi']")]
    assert len(liens) >= 15
    for lien in liens:
        assert client.get(lien).status_code == 200


def test_l_histoire_est_a_l_etat(client, ludo):
    adresse = reverse("programmation:action_histoire", args=[ludo.pk])
    client.force_login(habiliter(Role.PARTENAIRE, contrat=ludo.contrat))
    assert client.get(adresse).status_code == 403
    assert noeuds(client.get(ludo.get_absolute_url()), "//a[@class='pv-suivi']") == []
    client.force_login(habiliter(Role.AGENT, departement=DepartementFactory(code="30")))
    assert client.get(adresse).status_code == 404


def test_un_organisme_une_enveloppe_et_un_exercice_ont_aussi_la_leur(client, agent, exercice):
    organisme = OrganismeFactory(nom="Les Jeux")
    organisme.nom = "Les Jeux réunis"
    organisme._change_reason = "Nom de l’avis SIRENE"
    organisme.save()
    mouvement = MouvementFactory(enveloppe__exercice=exercice)
    client.force_login(agent)
    for nom, objet, attendu in (
        ("organisme_histoire", organisme, "Les Jeux → Les Jeux réunis"),
        ("enveloppe_histoire", mouvement.enveloppe, "Autorisations d’engagement"),
        ("exercice_histoire", exercice, "Campagne 2026"),
    ):
        page = client.get(reverse(f"programmation:{nom}", args=[objet.pk])).content.decode()
        assert attendu in page


# --- Revenir ---


def test_une_campagne_figee_apres_minuit_l_est_au_jour_de_paris(client, exercice):
    """Le 9 mars à 23 h 30 en temps universel, il est 0 h 30 le 10 à Paris."""
    campagne = exercice.campagnes.get()
    campagne.figee_le = campagne.propositions_partagees_le = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
    campagne.save()
    client.force_login(habiliter(Role.RESPONSABLE))
    histoire = client.get(reverse("programmation:exercice_histoire", args=[exercice.pk])).content.decode()
    figer = client.get(reverse("pilotage:campagne_figer", args=[campagne.pk])).content.decode()
    assert [page.count("09/03/2026") for page in (histoire, figer)] == [0, 0]
    assert histoire.count("10/03/2026") >= 2
    assert "figée depuis le 10/03/2026" in figer.replace("\u00a0", " ")


def test_revenir_redonne_les_champs_le_plan_les_quartiers_et_les_etiquettes_d_alors(agent, ludo, anct, ville, contrat):
    quartier = QuartierFactory(contrat=contrat)
    changer(
        ludo,
        agent,
        intitule="Autre nom",
        cout_previsionnel=euros(1500),
        plan=[LigneDePlan(anct, demande=euros(900)), LigneDePlan(ville, demande=euros(600))],
        localisations={quartier: 2},
        priorites=[PrioriteFactory(code="egalite")],
    )
    revenue = operations.restaurer(ludo, 2, par=agent, motif="Erreur de dossier")
    revenue.refresh_from_db()
    assert (revenue.version, revenue.intitule, revenue.cout_previsionnel) == (4, "Ludothèque", euros(1000))
    assert list(revenue.financements.values_list("financeur__nom", "demande")) == [(anct.nom, euros(600))]
    assert (revenue.localisations.count(), [p.code for p in revenue.priorites.all()]) == (0, ["jeunesse"])
    derniere = revenue.history.first()
    assert derniere.history_change_reason.startswith("Retour à la version 2 du ")
    assert derniere.history_change_reason.endswith(" : Erreur de dossier")


def test_rien_ne_s_efface_on_peut_revenir_du_retour(agent, ludo, anct, ville):
    changer(ludo, agent, plan=[LigneDePlan(anct, demande=euros(900)), LigneDePlan(ville, demande=euros(600))])
    operations.restaurer(ludo, 2, par=agent)
    revenue = operations.restaurer(ludo, 3, par=agent)
    assert list(revenue.financements.order_by("pk").values_list("demande", flat=True)) == [euros(900), euros(600)]
    assert list(revenue.history.values_list("version", flat=True)) == [5, 4, 3, 2, 1]


def test_le_retour_ne_touche_ni_aux_decisions_ni_a_l_accorde_ni_aux_votes(agent, ludo, anct, ville):
    vote = LigneDePlan(ville, demande=euros(400), accorde=euros(350), etat=EtatFinancement.ACQUIS)
    changer(ludo, agent, plan=[LigneDePlan(anct, demande=euros(600)), vote])
    decidee = decider(ludo, agent)
    changer(decidee, agent, "Revu", cout_previsionnel=euros(1100))
    retour = operations.preparer_le_retour(Action.objects.get(pk=ludo.pk), 2)
    assert retour.reste == ["Plan : la ligne « Ville » reste, elle porte un accordé ou un versement."]
    revenue = operations.restaurer(ludo, 2, par=agent, motif="Revenir au dépôt")
    revenue.refresh_from_db()
    assert (revenue.statut, revenue.cout_previsionnel) == (StatutAction.PROGRAMMEE, euros(1000))
    plan = revenue.financements.order_by("pk").values_list("famille", "demande", "accorde", "etat")
    assert list(plan) == [
        (FamilleFinanceur.ANCT_P147, euros(600), euros(500), EtatFinancement.ACQUIS),
        (FamilleFinanceur.COMMUNE, euros(400), euros(350), EtatFinancement.ACQUIS),
    ]
    assert revenue.decisions.get().montant == euros(500)


def test_ce_qui_ne_peut_pas_revenir_est_nomme_et_le_reste_revient(agent, ludo, exercice, contrat, champs):
    ete = CampagneFactory(exercice=exercice, intitule="Été")
    changer(
        ludo,
        agent,
        intitule="Autre nom",
        campagne=ete,
        porteur=OrganismeFactory(nom="Autre"),
        dispositif=DispositifFactory(code="ville-vie-vacances"),
        priorites=[],
    )
    ancienne = exercice.campagnes.exclude(pk=ete.pk).get()
    ancienne.figee_le = timezone.now()
    ancienne.save()
    champs["porteur"].fusionne_dans = OrganismeFactory(nom="Les Jeux réunis")
    champs["porteur"].save()
    champs["dispositif"].__class__.objects.filter(pk=champs["dispositif"].pk).update(est_actif=False)
    PrioriteTransversale.objects.update(est_actif=False)
    retour = operations.preparer_le_retour(Action.objects.get(pk=ludo.pk), 2)
    assert retour.reste == [
        f"Contrat et campagne : La campagne « {ancienne} » est figée : aucune action n’y entre.",
        "Porteur : « Les Jeux » a été réuni à « Les Jeux réunis ».",
        f"Dispositif : « {champs['dispositif']} » ne se propose plus.",
        "Priorités transversales : « Jeunesse » ne se propose plus.",
    ]
    revenue = operations.restaurer(ludo, 2, par=agent)
    assert (revenue.intitule, revenue.campagne, revenue.porteur.nom) == ("Ludothèque", ete, "Autre")


def test_l_exercice_clos_le_droit_et_la_version_lue_s_imposent_au_retour(agent, ludo, exercice):
    changer(ludo, agent, intitule="Autre nom")
    with pytest.raises(ConflitDeVersion):
        operations.restaurer(ludo, 2, par=agent, lue=2)
    with pytest.raises(DroitManquant):
        operations.restaurer(ludo, 2, par=habiliter(Role.LECTEUR, departement=exercice.departement))
    with pytest.raises(OperationRefusee, match="n’est pas une version passée"):
        operations.restaurer(ludo, 3, par=agent)
    changer(ludo, agent, intitule="Ludothèque")
    with pytest.raises(OperationRefusee, match="rien ne change"):
        operations.restaurer(ludo, 2, par=agent)
    exercice.statut = StatutExercice.CLOS
    exercice.save()
    with pytest.raises(OperationRefusee, match="est clos"):
        operations.restaurer(ludo, 3, par=agent)
    assert Action.objects.get(pk=ludo.pk).version == 4


def test_une_prevision_hors_de_la_duree_d_alors_la_retient(agent, ludo):
    changer(ludo, agent, duree="cpo", cpo_rang=1, cpo_nombre=2)
    operations.prevoir([PrevisionsSaisies(ludo, {2027: euros(600)})], par=agent)
    retour = operations.preparer_le_retour(Action.objects.get(pk=ludo.pk), 2)
    assert retour.reste == ["Durée : l’action a une prévision pour 2027."]


def test_la_page_montre_aujourd_hui_et_alors_puis_ecrit_une_version(client, agent, ludo):
    changer(ludo, agent, intitule="Autre nom")
    client.force_login(agent)
    histoire = client.get(reverse("programmation:action_histoire", args=[ludo.pk]))
    adresse = reverse("programmation:action_version", args=[ludo.pk, 2])
    assert adresse in histoire.content.decode()
    page = client.get(adresse)
    [ligne] = noeuds(page, "//tbody/tr")
    assert [" ".join(c.text_content().split()) for c in ligne] == ["Intitulé", "Autre nom", "Ludothèque"]
    assert client.post(adresse, {"lue": "2", "motif": ""}).status_code == 409
    assert client.post(adresse, {"lue": "3", "motif": ""}).status_code == 302
    assert client.post(adresse, {"lue": "3", "motif": ""}).status_code == 409  # le même envoi, une seconde fois
    assert list(ludo.history.values_list("intitule", flat=True)) == [
        "Ludothèque",
        "Autre nom",
        "Ludothèque",
        "Ludothèque",
    ]


@pytest.mark.parametrize("version", [0, 2, 7, 10**20])
def test_une_version_qui_n_est_pas_passee_se_dit(client, agent, ludo, version):
    client.force_login(agent)
    adresse = reverse("programmation:action_version", args=[ludo.pk, version])
    for reponse in (client.get(adresse), client.post(adresse, {"lue": "1" * 30, "motif": "\x00"})):
        assert reponse.status_code in (200, 400)
    assert "n’est pas une version passée" in client.get(adresse).content.decode().replace("\u00a0", " ")
    assert Action.objects.get(pk=ludo.pk).version == 2


@pytest.mark.parametrize("champ", ["plan-", "plan-0", f"plan-{'9' * 18}", "plan-٣", "é", "id", "'", "history_user"])
def test_un_champ_mal_ecrit_ne_casse_rien(client, agent, ludo, champ):
    client.force_login(agent)
    reponse = client.get(reverse("programmation:action_histoire", args=[ludo.pk]), {"champ": champ, "page": "9999"})
    assert reponse.status_code in (200, 404)


def test_l_histoire_se_lit_en_autant_de_requetes_pour_trois_changements_que_pour_un(
    client, agent, ludo, django_assert_num_queries
):
    client.force_login(agent)
    adresse = reverse("programmation:action_histoire", args=[ludo.pk])
    changer(ludo, agent, porteur=OrganismeFactory())
    client.get(adresse)
    with CaptureQueriesContext(connection) as avant:
        client.get(adresse)
    for _ in range(2):
        changer(ludo, agent, porteur=OrganismeFactory())
    with django_assert_num_queries(len(avant)):
        client.get(adresse)


def test_un_lecteur_ne_revient_a_rien(client, ludo, agent, exercice):
    changer(ludo, agent, intitule="Autre nom")
    adresse = reverse("programmation:action_version", args=[ludo.pk, 2])
    client.force_login(habiliter(Role.LECTEUR, departement=exercice.departement))
    assert client.post(adresse, {"lue": "3"}).status_code == 403
    histoire = client.get(reverse("programmation:action_histoire", args=[ludo.pk]))
    assert (histoire.status_code, adresse in histoire.content.decode()) == (200, False)


# --- J3 : un montant changé après décision ---


def par_saisie_du_cout(action, agent, motif):
    changer(action, agent, motif, cout_previsionnel=euros(1234))


def par_saisie_du_plan(action, agent, motif):
    p147 = action.financements.get()
    changer(action, agent, motif, plan=[LigneDePlan(p147.financeur, demande=euros(612), propose=p147.propose)])


def par_saisie_du_propose(action, agent, motif):
    p147 = action.financements.get()
    changer(action, agent, motif, plan=[LigneDePlan(p147.financeur, demande=p147.demande, propose=euros(1))])


def par_retour(action, agent, motif):
    operations.restaurer(action, 2, par=agent, motif=motif)


def par_complement(action, agent, motif):
    operations.decider([DemandeDeDecision(action, NatureDecision.COMPLEMENT, euros(10))], par=agent, motif=motif)


def par_diminution(action, agent, motif):
    operations.decider([DemandeDeDecision(action, NatureDecision.DIMINUTION, euros(-10))], par=agent, motif=motif)


def par_deprogrammation(action, agent, motif):
    operations.decider([DemandeDeDecision(action, NatureDecision.DEPROGRAMMATION)], par=agent, motif=motif)


def par_prevision(action, agent, motif):
    operations.prevoir([PrevisionsSaisies(action, {2027: euros(600)})], par=agent, motif=motif)


def par_lot(action, agent, motif):
    valeurs = ValeursCommunes({"pilier": PilierFactory(code="emploi", ordre=3)})
    operations.modifier_en_lot({action: action.version}, valeurs, par=agent, motif=motif)


CHEMINS = [
    par_lot,
    par_saisie_du_cout,
    par_saisie_du_plan,
    par_saisie_du_propose,
    par_retour,
    par_complement,
    par_diminution,
    par_deprogrammation,
    par_prevision,
]


@pytest.mark.parametrize("chemin", CHEMINS)
def test_apres_decision_aucun_chemin_ne_change_un_montant_sans_motif(agent, ludo, chemin):
    changer(ludo, agent, cout_previsionnel=euros(1100), duree="cpo", cpo_rang=1, cpo_nombre=2)
    decidee = decider(ludo, agent)
    with pytest.raises(MotifExige):
        chemin(decidee, agent, "")
    assert Action.objects.get(pk=ludo.pk).version == decidee.version
    chemin(decidee, agent, "Motif écrit")
    assert Action.objects.get(pk=ludo.pk).version == decidee.version + 1
    assert decidee.history.first().history_change_reason.endswith("Motif écrit")


def test_un_import_dit_lui_meme_son_motif(agent, ludo):
    decidee = decider(ludo, agent)
    importer(fichier(["Clé", "Coût prévisionnel"], [str(ludo.cle), "1234"]), ludo.exercice, agent)
    [ligne, *_] = decidee.history.all()
    assert (ligne.cout_previsionnel, ligne.history_change_reason[:6]) == (euros(1234), "Import")


# --- La migration ---


@pytest.fixture
def remise_en_etat():
    yield
    executeur = MigrationExecutor(connection)
    executeur.migrate(executeur.loader.graph.leaf_nodes())


@pytest.mark.django_db(transaction=True)
def test_les_etiquettes_d_avant_entrent_dans_l_histoire_a_la_date_de_leur_action(remise_en_etat, agent, ludo):
    PrioriteDeLAction.history.all().delete()
    MigrationExecutor(connection).migrate([("programmation", "0008_modeles_d_actes")])
    MigrationExecutor(connection).migrate([("programmation", "0009_histoire_des_etiquettes")])
    assert [p.code for p in ludo.priorites.all()] == ["jeunesse"]
    [reprise] = PrioriteDeLAction.history.all()
    premiere = ludo.history.last()
    assert (reprise.history_type, reprise.history_date, reprise.history_user) == (
        "+",
        premiere.history_date,
        agent,
    )
