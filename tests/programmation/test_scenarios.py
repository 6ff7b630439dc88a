"""Les scénarios : naître, saisir, ajuster, dire un bilan, promouvoir une seule fois, s'en dédire sans effacer."""

from decimal import Decimal

import pytest
from django.utils import timezone

from comptes.enums import Role
from pilotage.verification.argent import decisions_et_statut
from politique_ville.outils.ajustement import Regle
from programmation import operations
from programmation.enums import EtatScenario, NatureDecision, StatutAction, StatutExercice
from programmation.models import Acte, Decision, Engagement, Financement, LigneEngagement, Scenario
from programmation.operations import (
    ChoixDeLigne,
    DemandeDeDecision,
    Depart,
    DroitManquant,
    MotifExige,
    OperationRefusee,
    PropositionsPerimees,
)
from programmation.operations.promotion import apres_promotion
from programmation.synthese import (
    ChoixDeBase,
    apercu_de_la_regle,
    bilan_du_scenario,
    comparer,
    empreinte,
    lignes_du_scenario,
    rang_de_l_etat,
    synthese_des_piliers,
)
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    PilierFactory,
    QuartierFactory,
    RepereFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent():
    ExerciceFactory()
    FinanceurFactory(p147=True)
    return habiliter(Role.AGENT)


@pytest.fixture
def responsable(agent):
    return habiliter(Role.RESPONSABLE)


@pytest.fixture
def caen():
    return ContratFactory(intitule="Contrat de ville de Caen")


@pytest.fixture
def trois(agent, caen):
    """Trois actions à décider, demandées 6 000, 3 000 et 2 000 €, proposées 5 000, 3 000 et rien."""
    actions = [
        ActionFactory(intitule=f"Action {lettre}", contrat=caen, statut=StatutAction.INSTRUITE) for lettre in "ABC"
    ]
    for action, demande, propose in zip(actions, (6000, 3000, 2000), (5000, 3000, None), strict=True):
        p147(action, demande, propose=propose)
    return actions


@pytest.fixture
def enveloppe(caen):
    """10 000,00 € prévus pour Caen."""
    enveloppe = EnveloppeFactory(libelle="Caen", contrat=caen)
    MouvementFactory(enveloppe=enveloppe, ae=euros(10_000))
    return enveloppe


def creer(agent, libelle="Essai", **options):
    return operations.creer_un_scenario(ExerciceFactory(), libelle, par=agent, **options)


def montants(scenario):
    return {ligne.action.intitule: ligne.montant for ligne in lignes_du_scenario(scenario)}


def saisir(scenario, agent, **valeurs):
    """`saisir(scenario, agent, A=100)` : 100 € à « Action A »."""
    actions = {ligne.action.intitule[-1]: ligne.action.pk for ligne in lignes_du_scenario(scenario)}
    return operations.saisir_des_montants(scenario, {actions[nom]: euros(v) for nom, v in valeurs.items()}, par=agent)


def promouvoir(scenario, par, **options):
    return operations.promouvoir(scenario, par=par, **options)


# --- Naître ---


@pytest.mark.parametrize(
    ("depart", "attendus"),
    [
        (Depart.PROPOSE, ["5000.00", "3000.00", None]),
        (Depart.DEMANDE, ["6000.00", "3000.00", "2000.00"]),
        (Depart.VIDE, [None, None, None]),
    ],
)
def test_un_scenario_nait_avec_les_actions_a_decider_et_ses_montants_de_depart(agent, trois, depart, attendus):
    ActionFactory(brouillon=True)
    ActionFactory(statut=StatutAction.NON_RETENUE)
    scenario = creer(agent, depart=depart)
    assert list(montants(scenario)) == ["Action A", "Action B", "Action C"]
    assert [m and str(m) for m in montants(scenario).values()] == attendus
    assert (scenario.etat, scenario.auteur, scenario.history.get().history_change_reason) == (
        EtatScenario.ETUDE,
        agent,
        "Nouveau scénario",
    )


def test_un_scenario_copie_les_montants_d_un_autre_et_sa_copie_garde_la_regle(agent, trois):
    premier = creer(agent)
    saisir(premier, agent, C=1200)
    operations.appliquer_une_regle(premier, Regle(euros(4600)), par=agent)
    copie = creer(agent, "Copie", depart=Depart.COPIE, modele=premier)
    assert montants(copie) == montants(premier)
    assert copie.regle == ""
    jumeau = operations.dupliquer_un_scenario(premier, "Jumeau", par=agent)
    assert jumeau.regle == Scenario.objects.get(pk=premier.pk).regle != ""


def test_le_scenario_d_une_enveloppe_prend_les_actions_qu_elle_porterait(agent, caen, trois):
    lisieux = ContratFactory(intitule="Lisieux")
    ActionFactory(intitule="Ailleurs", contrat=lisieux)
    de_caen = EnveloppeFactory(libelle="Caen", contrat=caen)
    tout = EnveloppeFactory(libelle="Toutes échelles")
    ActionFactory(intitule="Réservée", contrat=caen, enveloppe=tout)
    ActionFactory(intitule="Département", departementale=True)
    assert list(montants(creer(agent, enveloppe=de_caen))) == ["Action A", "Action B", "Action C"]
    assert set(montants(creer(agent, "Tout", enveloppe=tout))) == {"Ailleurs", "Réservée", "Département"}


def test_le_scenario_d_une_enveloppe_mere_prend_celles_de_ses_sous_enveloppes(agent, caen, trois):
    mere = EnveloppeFactory(libelle="Département")
    EnveloppeFactory(libelle="Caen", contrat=caen, parent=mere)
    assert len(montants(creer(agent, enveloppe=mere))) == 3


def test_une_campagne_figee_n_a_plus_de_scenario(agent, trois):
    campagne = trois[0].campagne
    campagne.figee_le = timezone.now()
    campagne.save()
    with pytest.raises(OperationRefusee) as refus:
        creer(agent)
    assert "campagne figée" in refus.value.messages[0]
    ete = CampagneFactory(exercice=trois[0].exercice, intitule="Été")
    ActionFactory(intitule="De l’été", campagne=ete)
    assert list(montants(creer(agent))) == ["De l’été"]


def test_un_exercice_clos_n_a_ni_nouveau_scenario_ni_montant_change(agent, trois):
    scenario = creer(agent)
    exercice = scenario.exercice
    exercice.statut = StatutExercice.CLOS
    exercice.save()
    for geste in (
        lambda: creer(agent, "Autre"),
        lambda: saisir(scenario, agent, A=1),
        lambda: operations.renommer_un_scenario(scenario, "Nom", par=agent),
        lambda: promouvoir(scenario, agent),
    ):
        with pytest.raises(OperationRefusee, match="clos"):
            geste()


def test_deux_scenarios_de_l_exercice_ne_portent_pas_le_meme_nom(agent, trois):
    creer(agent)
    with pytest.raises(OperationRefusee, match="porte déjà ce nom"):
        creer(agent)


def test_qui_ne_fait_que_lire_ou_n_a_qu_un_autre_contrat_ne_tient_pas_le_scenario(agent, caen, trois):
    de_caen = EnveloppeFactory(libelle="Caen", contrat=caen)
    d_un_contrat = habiliter(Role.AGENT, contrat=caen)
    for personne in (habiliter(Role.LECTEUR), habiliter(Role.DELEGUE), d_un_contrat):
        with pytest.raises(DroitManquant):
            creer(personne)
    scenario = creer(d_un_contrat, enveloppe=de_caen)
    with pytest.raises(DroitManquant):
        saisir(scenario, habiliter(Role.AGENT, contrat=ContratFactory()), A=1)
    assert set(Scenario.objects.visibles_par(d_un_contrat)) == {scenario}
    assert not Scenario.objects.visibles_par(habiliter(Role.PARTENAIRE, contrat=caen)).exists()


# --- Saisir ---


def test_la_derniere_saisie_l_emporte_et_dit_ce_qu_elle_remplace(agent, responsable, trois):
    scenario = creer(agent)
    assert saisir(scenario, agent, A=4000).avant == {trois[0].pk: euros(5000)}
    assert saisir(scenario, responsable, A=4500).avant == {trois[0].pk: euros(4000)}
    assert montants(scenario)["Action A"] == euros(4500)


def test_une_cellule_qui_ne_s_ecrit_pas_n_empeche_pas_les_autres(agent, trois):
    a, b, c = trois
    scenario = creer(agent)
    operations.decider([DemandeDeDecision(b, NatureDecision.ATTRIBUTION, euros(1000))], par=agent)
    autre = ActionFactory()
    saisie = operations.saisir_des_montants(
        scenario, {a.pk: euros(1), b.pk: euros(2), c.pk: euros(-3), autre.pk: euros(4)}, par=agent
    )
    assert set(saisie.refus) == {b.pk, c.pk, autre.pk}
    assert "Programmée" in saisie.refus[b.pk]
    assert list(montants(scenario).values()) == [euros(1), euros(3000), None]


def test_la_regle_imprimee_dit_qu_on_a_saisi_apres_elle_une_seule_fois(agent, trois):
    scenario = creer(agent)
    operations.appliquer_une_regle(scenario, Regle(euros(7000)), par=agent)
    for valeur in (1, 2):
        saisir(scenario, agent, A=valeur)
    scenario.refresh_from_db()
    assert scenario.regle.count("saisis à la main") == 1


# --- Ajuster ---


def test_la_regle_s_applique_aux_montants_encore_possibles_et_s_imprime(agent, trois):
    scenario = creer(agent, depart=Depart.DEMANDE)
    operations.decider([DemandeDeDecision(trois[2], NatureDecision.ATTRIBUTION, euros(1000))], par=agent)
    apercu = apercu_de_la_regle(scenario, Regle(euros(6000)))
    assert (apercu.avant, apercu.changees, apercu.ajustement.total) == (euros(9000), 2, euros(6000))
    operations.appliquer_une_regle(scenario, Regle(euros(6000)), par=agent)
    assert list(montants(scenario).values()) == [euros(4000), euros(2000), euros(2000)]
    scenario.refresh_from_db()
    assert scenario.regle.replace("\u202f", " ").replace("\u00a0", " ").startswith("Total de 6 000,00 €, au pro rata")
    assert scenario.history.first().history_change_reason == "Règle d’ajustement appliquée"


def test_une_regle_lue_sur_d_autres_montants_ne_s_applique_pas(agent, trois):
    scenario = creer(agent)
    lue = bilan_du_scenario(scenario).condense
    saisir(scenario, agent, A=10)
    with pytest.raises(OperationRefusee, match="a changé depuis"):
        operations.appliquer_une_regle(scenario, Regle(euros(6000)), par=agent, lue=lue)
    assert montants(scenario)["Action A"] == euros(10)


def test_une_regle_s_applique_a_une_copie_sans_toucher_l_original(agent, trois):
    scenario = creer(agent)
    copie = operations.appliquer_une_regle(scenario, Regle(euros(4000)), par=agent, copie="Moitié")
    assert (copie.libelle, sum(m or 0 for m in montants(copie).values())) == ("Moitié", euros(4000))
    assert montants(scenario)["Action A"] == euros(5000)


def test_l_empreinte_distingue_un_montant_deplace_d_une_action_a_l_autre():
    assert empreinte([(1, euros(10)), (2, euros(20))]) != empreinte([(1, euros(20)), (2, euros(10))])
    assert empreinte([(1, None)]) == 0
    assert empreinte([(1, euros(0))]) == 1


def test_deux_changements_qui_se_compensent_n_ont_pas_le_meme_condense(agent, trois):
    """A reçoit B centimes de plus et B, A centimes de moins (leurs identifiants) : la somme du navigateur n'en voit rien."""
    scenario = creer(agent)
    a, b, _ = trois
    avant = bilan_du_scenario(scenario)
    changes = {a.pk: euros(5000) + Decimal(b.pk) / 100, b.pk: euros(3000) - Decimal(a.pk) / 100}
    operations.saisir_des_montants(scenario, changes, par=agent)
    apres = bilan_du_scenario(scenario)
    assert (apres.empreinte, apres.condense == avant.condense) == (avant.empreinte, False)
    with pytest.raises(operations.MontantsChanges):
        operations.promouvoir(scenario, par=agent, lue=avant.condense)
    with pytest.raises(OperationRefusee, match="a changé depuis"):
        operations.appliquer_une_regle(scenario, Regle(euros(6000)), par=agent, lue=avant.condense)


# --- Le bilan ---


def test_le_bilan_compte_le_total_le_reste_et_les_piliers(agent, caen, trois, enveloppe):
    cadre = PilierFactory(code="cadre-de-vie", ordre=2)
    trois[1].pilier = cadre
    trois[1].save()
    RepereFactory(pilier=trois[0].pilier, part=Decimal("80.0"))
    action_programmee(2000, contrat=caen, enveloppe=enveloppe)
    bilan = bilan_du_scenario(creer(agent, enveloppe=enveloppe))
    assert (bilan.actions, bilan.nombre, bilan.total) == (3, 2, euros(8000))
    assert (bilan.avant.montant, bilan.apres, bilan.depassement) == (euros(8000), euros(0), euros(0))
    cohesion, autre = bilan.piliers
    assert [str(part.seul.part) for part in bilan.piliers] == ["62.5", "37.5"]
    assert [str(part.apres.part) for part in bilan.piliers] == ["70.0", "30.0"]
    assert (cohesion.apres.montant, autre.apres.montant) == (euros(7000), euros(3000))
    assert (cohesion.apres.ecart.points, cohesion.apres.ecart.euros) == (Decimal("-10.0"), euros(-1000))
    assert autre.apres.ecart is None


def test_le_bilan_dit_le_depassement_et_ce_qui_ne_compte_plus(agent, trois, enveloppe):
    scenario = creer(agent, enveloppe=enveloppe, depart=Depart.DEMANDE)
    bilan = bilan_du_scenario(scenario)
    assert (bilan.apres, bilan.depassement) == (euros(-1000), euros(1000))
    operations.decider([DemandeDeDecision(trois[1], NatureDecision.ATTRIBUTION, euros(2500), enveloppe)], par=agent)
    bilan = bilan_du_scenario(scenario)
    assert (bilan.nombre, bilan.total, bilan.apres) == (2, euros(8000), euros(-500))
    assert (bilan.hors_compte.nombre, bilan.hors_compte.montant) == (1, euros(3000))


def test_sans_enveloppe_il_n_y_a_pas_de_reste(agent, trois):
    bilan = bilan_du_scenario(creer(agent))
    assert (bilan.avant, bilan.apres, bilan.depassement) == (None, None, euros(0))


def test_les_quartiers_sans_action_sont_ceux_que_rien_ne_sert(agent, caen, trois):
    servi, programme, oublie = [QuartierFactory(contrat=caen, nom=nom) for nom in ("Servi", "Programmé", "Oublié")]
    QuartierFactory(contrat=caen, nom="Veille", nature="veille_active")
    localiser(trois[0], {servi: 1})
    localiser(trois[2], {oublie: 1})
    localiser(action_programmee(100, contrat=caen), {programme: 1})
    scenario = creer(agent)
    bilan = bilan_du_scenario(scenario)
    assert (bilan.quartiers_sans_action, bilan.quartiers) == ((oublie,), 3)
    saisir(scenario, agent, C=1)
    assert bilan_du_scenario(scenario).quartiers_sans_action == ()


def test_le_bilan_annonce_exactement_ce_que_le_tableau_de_bord_dira_une_fois_promu(agent, caen, trois):
    """Rang, écart et parts de l'exercice : avant la promotion par le scénario, après par le tableau de bord."""
    ville = FinanceurFactory(nom="Ville de Caen")
    RepereFactory(pilier=trois[0].pilier)
    cofinancement(trois[0], ville, 9000, 9000)
    cofinancement(trois[1], ville, 500)
    cofinancement(action_programmee(1000, contrat=caen), ville, 700, 700)
    scenario = creer(agent)
    annonce = bilan_du_scenario(scenario)
    promouvoir(scenario, agent)
    actions, choix = scenario.exercice.actions.all(), ChoixDeBase()
    assert annonce.rang == rang_de_l_etat(actions, choix)
    assert (annonce.rang.rang, annonce.rang.ecart, annonce.rang.en_attente) == (2, euros(-700), 1)
    piliers = synthese_des_piliers(actions, choix, departement=scenario.exercice.departement).lignes
    assert tuple(part.apres for part in annonce.piliers) == piliers
    promu = bilan_du_scenario(Scenario.objects.get(pk=scenario.pk))
    assert (promu.total, promu.nombre, promu.rang) == (annonce.total, annonce.nombre, annonce.rang)
    assert [part.apres for part in promu.piliers] == [part.apres for part in annonce.piliers]


def test_le_bilan_et_les_lignes_font_le_meme_nombre_de_requetes_pour_1_ou_3_actions(
    agent, caen, django_assert_max_num_queries, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def compter():
        scenario = Scenario.objects.select_related("exercice__departement", "enveloppe").get()
        with CaptureQueriesContext(connection) as capture:
            bilan_du_scenario(scenario)
            lignes_du_scenario(scenario)
        return len(capture)

    p147(ActionFactory(contrat=caen), 1000, propose=500)
    scenario = creer(agent)
    une = compter()
    for _ in range(2):
        p147(
            ActionFactory(
                contrat=ContratFactory(), campagne=CampagneFactory(exercice=scenario.exercice, intitule=str(_))
            )
        )
    operations.actualiser_un_scenario(scenario, par=agent)
    assert compter() == une


# --- Comparer ---


def test_comparer_ne_montre_que_les_actions_qui_different_la_plus_grande_difference_d_abord(agent, trois):
    prudent = creer(agent, "Prudent", depart=Depart.VIDE)
    saisir(prudent, agent, A=1000, C=0)
    ambitieux = creer(agent, "Ambitieux")
    comparaison = comparer([prudent, ambitieux])
    assert [(ligne.action.intitule, ligne.montants) for ligne in comparaison.differences] == [
        ("Action A", (euros(1000), euros(5000))),
        ("Action B", (None, euros(3000))),
    ]
    assert comparaison.communes == 1
    assert [bilan.total for bilan in comparaison.bilans] == [euros(1000), euros(8000)]


# --- Promouvoir ---


def test_promouvoir_attribue_ce_qui_a_un_montant_et_laisse_le_reste_a_decider(agent, trois, enveloppe):
    scenario = creer(agent, enveloppe=enveloppe)
    decisions = promouvoir(scenario, agent)
    assert [(d.action.intitule, d.montant, d.nature, d.enveloppe, d.scenario) for d in decisions] == [
        ("Action A", euros(5000), NatureDecision.ATTRIBUTION, enveloppe, scenario),
        ("Action B", euros(3000), NatureDecision.ATTRIBUTION, enveloppe, scenario),
    ]
    for action in trois:
        action.refresh_from_db()
    assert [a.statut for a in trois] == [StatutAction.PROGRAMMEE, StatutAction.PROGRAMMEE, StatutAction.INSTRUITE]
    scenario.refresh_from_db()
    assert scenario.etat == EtatScenario.PROMU
    assert scenario.promu_le is not None
    assert Financement.objects.get(action=trois[0]).accorde == euros(5000)
    assert trois[0].history.count() == 2


def test_un_scenario_promu_ne_se_promeut_pas_deux_fois_et_ne_change_plus(agent, trois):
    scenario = creer(agent)
    promouvoir(scenario, agent)
    for geste in (lambda: promouvoir(scenario, agent), lambda: saisir(scenario, agent, C=1)):
        with pytest.raises(OperationRefusee, match="ne change plus"):
            geste()
    assert Decision.objects.count() == 2


@pytest.mark.parametrize("champ", ["demande", "propose", "statut"])
def test_une_action_changee_se_choisit_et_rien_n_est_ecrit_avant(agent, trois, champ):
    a = trois[0]
    scenario = creer(agent)
    if champ == "statut":
        operations.revenir([a], StatutAction.DEPOSEE, par=agent, motif_statut="erreur")
    else:
        Financement.objects.filter(action=a).update(**{champ: euros(4200)})
    with pytest.raises(PropositionsPerimees) as refus:
        promouvoir(scenario, agent)
    (ligne,) = refus.value.lignes
    assert (ligne.action, len(ligne.differences)) == (a, 1)
    assert not Decision.objects.exists()


def test_une_ligne_perimee_prend_la_valeur_du_scenario_celle_qu_on_met_a_jour_ou_s_ecarte(agent, trois):
    scenario = creer(agent, depart=Depart.DEMANDE)
    Financement.objects.update(propose=euros(1500))
    versions = {a.pk: a.version for a in trois}
    choix = dict(zip(versions, (euros(6000), euros(1500), None), strict=True))
    decisions = promouvoir(
        scenario, agent, choix={pk: ChoixDeLigne(versions[pk], montant) for pk, montant in choix.items()}
    )
    assert [(d.action.intitule, d.montant) for d in decisions] == [("Action A", euros(6000)), ("Action B", euros(1500))]
    bilan = bilan_du_scenario(Scenario.objects.get())
    assert (bilan.total, bilan.nombre) == (euros(7500), 2)


def test_un_choix_fait_sur_une_version_depassee_se_refait(agent, trois):
    scenario = creer(agent)
    Financement.objects.filter(action=trois[0]).update(propose=euros(1500))
    perime = {trois[0].pk: ChoixDeLigne(trois[0].version - 1, euros(1500))}
    with pytest.raises(PropositionsPerimees):
        promouvoir(scenario, agent, choix=perime)


def test_une_action_decidee_ailleurs_est_listee_et_jamais_decidee_deux_fois(agent, trois):
    a = trois[0]
    scenario = creer(agent)
    operations.decider([DemandeDeDecision(a, NatureDecision.ATTRIBUTION, euros(1000))], par=agent)
    with pytest.raises(PropositionsPerimees) as refus:
        promouvoir(scenario, agent)
    assert [ligne.action for ligne in refus.value.lignes] == [a]
    a.refresh_from_db()
    decisions = promouvoir(scenario, agent, choix={a.pk: ChoixDeLigne(a.version, euros(5000))})
    assert [d.action.intitule for d in decisions] == ["Action B"]
    assert a.decisions.count() == 1


def test_une_campagne_figee_empeche_toute_promotion(agent, trois):
    scenario = creer(agent)
    trois[0].campagne.figee_le = timezone.now()
    trois[0].campagne.save()
    choix = {a.pk: ChoixDeLigne(a.version) for a in trois}
    with pytest.raises(OperationRefusee, match="est figée"):
        promouvoir(scenario, agent, choix=choix)


def test_le_depassement_est_refuse_a_l_agent_et_permis_au_responsable_avec_un_motif(
    agent, responsable, trois, enveloppe
):
    scenario = creer(agent, enveloppe=enveloppe, depart=Depart.DEMANDE)
    with pytest.raises(OperationRefusee, match="dépassent"):
        promouvoir(scenario, agent, motif="Il le faut")
    accord = {"depassements_acceptes": {enveloppe.pk: euros(1000)}}
    with pytest.raises(MotifExige):
        promouvoir(scenario, responsable, **accord)
    assert scenario.etat == EtatScenario.ETUDE
    assert len(promouvoir(scenario, responsable, motif="Complément annoncé", **accord)) == 3


def test_une_action_sans_enveloppe_d_office_prend_celle_que_l_on_choisit(agent, trois):
    premiere, seconde = EnveloppeFactory(libelle="Un"), EnveloppeFactory(libelle="Deux")
    for enveloppe in (premiere, seconde):
        MouvementFactory(enveloppe=enveloppe)
    scenario = creer(agent)
    with pytest.raises(OperationRefusee, match="choisir l’enveloppe"):
        promouvoir(scenario, agent)
    assert {d.enveloppe for d in promouvoir(scenario, agent, enveloppe=seconde)} == {seconde}


def test_une_action_dont_l_enveloppe_est_devenue_une_mere_prend_la_feuille_choisie(agent, trois, enveloppe):
    """Caen est divisée après coup : l'action y reste rattachée, on n'y décide plus."""
    for action in trois:
        action.enveloppe = enveloppe
        action.save()
    scenario = creer(agent)
    est, ouest = (
        EnveloppeFactory(libelle=nom, parent=enveloppe, contrat=enveloppe.contrat) for nom in ("Est", "Ouest")
    )
    for feuille in (est, ouest):
        MouvementFactory(enveloppe=feuille, ae=euros(8_000))
    lignes = lignes_du_scenario(scenario, sans_les_vides=True)
    demunies, possibles = operations.sans_enveloppe(scenario, lignes)
    assert (len(demunies), possibles) == (2, [est, ouest])
    apres = apres_promotion(scenario, lignes, ouest)
    assert [(b.enveloppe, b.montant, b.apres) for b in apres.besoins] == [
        (enveloppe, euros(8000), euros(2000)),
        (ouest, euros(8000), euros(0)),
    ]
    assert apres_promotion(scenario, lignes).sans == euros(8000)
    assert {d.enveloppe for d in promouvoir(scenario, agent, enveloppe=ouest)} == {ouest}


def test_un_scenario_sans_montant_ne_se_promeut_pas(agent, trois):
    with pytest.raises(OperationRefusee, match="Aucun montant"):
        promouvoir(creer(agent, depart=Depart.VIDE), agent)


# --- S'en dédire ---


def test_annuler_une_promotion_deprogramme_et_remet_a_decider_sans_rien_effacer(agent, trois, enveloppe):
    scenario = creer(agent, enveloppe=enveloppe)
    promouvoir(scenario, agent)
    scenario.refresh_from_db()
    operations.annuler_la_promotion(scenario, par=agent, motif="Erreur de scénario")
    scenario.refresh_from_db()
    assert (scenario.etat, scenario.promu_le) == (EtatScenario.ETUDE, None)
    a = trois[0]
    a.refresh_from_db()
    assert a.statut == StatutAction.INSTRUITE
    assert [(d.nature, d.montant) for d in a.decisions.all()] == [
        (NatureDecision.ATTRIBUTION, euros(5000)),
        (NatureDecision.DEPROGRAMMATION, euros(-5000)),
    ]
    assert "Erreur de scénario" in a.decisions.last().motif
    assert Financement.objects.get(action=a).accorde is None
    assert all(not ligne.est_perimee for ligne in lignes_du_scenario(scenario))
    promouvoir(scenario, agent)
    assert bilan_du_scenario(Scenario.objects.get()).total == euros(8000)


def test_annuler_rend_a_chaque_action_le_statut_d_avant_la_promotion(agent, trois):
    """Déposée, en liste d'attente, ajournée depuis que le scénario l'a vue : chacune redevient ce qu'elle était."""
    statuts = [StatutAction.DEPOSEE, StatutAction.LISTE_ATTENTE, StatutAction.INSTRUITE]
    for action, statut in zip(trois, statuts, strict=True):
        action.statut = statut
        action.save()
    scenario = creer(agent, depart=Depart.DEMANDE)
    ajournement = DemandeDeDecision(trois[2], NatureDecision.AJOURNEMENT)
    operations.decider([ajournement], par=agent, motif="Budget à préciser")
    trois[2].refresh_from_db()
    promouvoir(scenario, agent, choix={trois[2].pk: ChoixDeLigne(trois[2].version, euros(2000))})
    operations.annuler_la_promotion(scenario, par=agent, motif="Erreur")
    for action in trois:
        action.refresh_from_db()
    assert [a.statut for a in trois] == [StatutAction.DEPOSEE, StatutAction.LISTE_ATTENTE, StatutAction.AJOURNEE]
    assert not any(ligne.est_perimee for ligne in lignes_du_scenario(scenario))
    assert set(Financement.objects.values_list("etat", "accorde")) == {("sollicite", None)}
    assert [a.decisions.last().nature for a in trois] == ["deprogrammation", "liste_attente", "ajournement"]
    assert list(decisions_et_statut()) == []


def test_annuler_laisse_ce_qu_une_autre_decision_a_touche(agent, trois):
    scenario = creer(agent)
    promouvoir(scenario, agent)
    a, b, _ = trois
    complement = DemandeDeDecision(a, NatureDecision.COMPLEMENT, euros(100))
    operations.decider([complement], par=agent, motif="Complément")
    assert [d.action for d in operations.annuler_la_promotion(scenario, par=agent, motif="Erreur")] == [b]
    a.refresh_from_db()
    assert a.statut == StatutAction.PROGRAMMEE


def test_une_action_engagee_ou_dans_un_acte_signe_retient_toute_l_annulation(agent, trois):
    scenario = creer(agent)
    decisions = promouvoir(scenario, agent)
    ej = Engagement.objects.create(exercice=scenario.exercice, numero="21000001", date=timezone.localdate())
    ligne = LigneEngagement.objects.create(engagement=ej, action=trois[0], ae=euros(5000))
    with pytest.raises(OperationRefusee, match="déjà engagée"):
        operations.annuler_la_promotion(scenario, par=agent, motif="Erreur")
    ligne.delete()
    acte = Acte.objects.create(
        exercice=scenario.exercice, organisme=trois[1].porteur, nature="arrete", objet="x", signe_le="2026-04-01"
    )
    acte.decisions.add(decisions[1])
    with pytest.raises(OperationRefusee, match="« Action B » : déjà dans un acte signé"):
        operations.annuler_la_promotion(scenario, par=agent, motif="Erreur")
    assert Decision.objects.count() == 2


@pytest.mark.parametrize(("engagees", "attendu"), [(4, "et 1 autre : déjà"), (5, "et 2 autres : déjà")])
def test_les_actions_engagees_au_dela_de_trois_se_comptent_sans_faute(agent, caen, enveloppe, engagees, attendu):
    actions = [ActionFactory(contrat=caen, statut=StatutAction.INSTRUITE) for _ in range(engagees)]
    for action in actions:
        p147(action, 100, propose=100)
    scenario = creer(agent)
    promouvoir(scenario, agent)
    ej = Engagement.objects.create(exercice=scenario.exercice, numero="21000001", date=timezone.localdate())
    for action in actions:
        LigneEngagement.objects.create(engagement=ej, action=action, ae=euros(100))
    with pytest.raises(OperationRefusee, match=attendu):
        operations.annuler_la_promotion(scenario, par=agent, motif="Erreur")


def test_annuler_demande_un_motif_et_un_scenario_promu(agent, trois):
    scenario = creer(agent)
    with pytest.raises(MotifExige):
        operations.annuler_la_promotion(scenario, par=agent, motif=" ")
    with pytest.raises(OperationRefusee, match="n’est pas promu"):
        operations.annuler_la_promotion(scenario, par=agent, motif="Erreur")


# --- Écarter, actualiser ---


def test_un_scenario_ecarte_ne_change_plus_et_se_reprend(agent, trois):
    scenario = creer(agent)
    operations.ecarter_un_scenario(scenario, par=agent)
    with pytest.raises(OperationRefusee, match="ne change plus"):
        saisir(scenario, agent, A=1)
    assert operations.reprendre_un_scenario(scenario, par=agent).etat == EtatScenario.ETUDE


def test_actualiser_prend_acte_des_changements_et_ajoute_les_actions_arrivees(agent, caen, trois):
    scenario = creer(agent)
    Financement.objects.filter(action=trois[0]).update(propose=euros(1500))
    ActionFactory(intitule="Action D", contrat=caen)
    assert operations.actualiser_un_scenario(scenario, par=agent) == (1, 1)
    assert montants(scenario) == {
        "Action A": euros(5000),
        "Action B": euros(3000),
        "Action C": None,
        "Action D": None,
    }
    assert len(promouvoir(scenario, agent)) == 2
