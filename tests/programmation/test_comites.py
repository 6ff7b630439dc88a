"""Les comités : l'ordre du jour, la séance, ce qui s'y propose ou s'y décide, et le relevé qui n'en change plus."""

from datetime import date
from decimal import Decimal

import pytest
from django.utils import timezone

from comptes.enums import Role
from pilotage.models import Photographie
from pilotage.operations import terminer_un_comite
from programmation import operations
from programmation.enums import EtatComite, NatureComite, NatureDecision, StatutAction
from programmation.models import Action, Comite, Decision, Financement, Passage
from programmation.operations import (
    ConflitDeVersion,
    DejaFait,
    DemandeDeDecision,
    DroitManquant,
    MotifExige,
    OperationRefusee,
    PassageModifie,
    SaisieDePassage,
)
from programmation.synthese.comites import avis_a_projeter, empreinte_de_la_seance, ordre_du_jour
from programmation.synthese.releve import releve
from programmation.synthese.situation import situation
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    OrganismeFactory,
    PilierFactory,
    action_programmee,
    euros,
    habiliter,
    p147,
)

pytestmark = pytest.mark.django_db

JOUR = date(2026, 3, 12)
ATTRIBUTION, AJOURNEMENT = NatureDecision.ATTRIBUTION, NatureDecision.AJOURNEMENT
NON_RETENUE = NatureDecision.NON_RETENUE


@pytest.fixture
def agent():
    return habiliter(Role.AGENT, departement=ExerciceFactory().departement)


@pytest.fixture
def responsable():
    return habiliter(Role.RESPONSABLE, departement=ExerciceFactory().departement)


@pytest.fixture
def campagne():
    return ExerciceFactory().campagnes.get()


@pytest.fixture
def enveloppe():
    """10 000,00 € de prévision pour tout le département."""
    enveloppe = EnveloppeFactory(exercice=ExerciceFactory(), libelle="Crédits P147")
    MouvementFactory(enveloppe=enveloppe, ae=euros(10_000))
    return enveloppe


@pytest.fixture
def actions(campagne, enveloppe):
    """Trois actions instruites qui demandent 1 000, 2 000 et 3 000 € ; la dernière est du pilier emploi."""
    FinanceurFactory(p147=True)
    piliers = [PilierFactory(), PilierFactory(), PilierFactory(code="emploi", ordre=3)]
    actions = [
        ActionFactory(intitule=f"Action {n}", statut=StatutAction.INSTRUITE, pilier=pilier, enveloppe=enveloppe)
        for n, pilier in enumerate(piliers, 1)
    ]
    for rang, action in enumerate(actions, 1):
        p147(action, 1000 * rang, propose=900 * rang)
    return actions


def comite_de(nature, campagne, agent, actions=(), *, ouvert=True, montants=None, jour=JOUR, **champs):
    comite = operations.creer_un_comite(campagne, nature, jour, par=agent, **champs)
    operations.inscrire(comite, actions, par=agent, montants=montants)
    if ouvert:
        comite = operations.ouvrir_la_seance(comite, par=agent)
    return comite


@pytest.fixture
def copil(campagne, agent, actions):
    return comite_de(NatureComite.PILOTAGE, campagne, agent, actions)


@pytest.fixture
def technique(campagne, agent, actions):
    return comite_de(NatureComite.TECHNIQUE, campagne, agent, actions)


def passage_de(comite, action):
    return comite.passages.select_related("action").get(action=action)


def saisie(comite, action, issue, montant=None, motif="", **options):
    passage = passage_de(comite, action)
    lues = {"version": passage.version, "version_de_l_action": Action.objects.get(pk=action.pk).version}
    return SaisieDePassage(passage, issue, euros(montant), motif, **lues | options)


def enregistrer(comite, action, issue, montant=None, motif="", *, par, **options):
    return operations.enregistrer_en_seance(comite, [saisie(comite, action, issue, montant, motif, **options)], par=par)


def ordres(comite):
    return list(comite.passages.order_by("ordre").values_list("action__intitule", flat=True))


# --- L'ordre du jour ---


def test_les_actions_s_inscrivent_une_fois_dans_l_ordre_donne(campagne, agent, actions):
    comite = comite_de(NatureComite.TECHNIQUE, campagne, agent, reversed(actions), ouvert=False)
    assert ordres(comite) == ["Action 3", "Action 2", "Action 1"]
    assert operations.inscrire(comite, actions, par=agent) == [], "un second envoi n'inscrit rien de plus"
    assert comite.passages.count() == 3


def test_un_scenario_donne_les_montants_a_examiner_sans_rien_decider(campagne, agent, actions):
    comite = comite_de(NatureComite.PILOTAGE, campagne, agent, actions, montants={actions[0].pk: euros(750)})
    passage = passage_de(comite, actions[0])
    assert (passage.montant, passage.issue) == (euros(750), "")
    assert not Decision.objects.exists()


def test_un_passage_se_place_au_rang_voulu(campagne, agent, actions):
    comite = comite_de(NatureComite.TECHNIQUE, campagne, agent, actions, ouvert=False)
    operations.placer(passage_de(comite, actions[2]), 1, par=agent)
    assert ordres(comite) == ["Action 3", "Action 1", "Action 2"]
    operations.placer(passage_de(comite, actions[2]), 99, par=agent)
    assert ordres(comite) == ["Action 1", "Action 2", "Action 3"]
    assert list(comite.passages.order_by("ordre").values_list("ordre", flat=True)) == [1, 2, 3]


def test_ni_un_brouillon_ni_une_action_d_une_autre_campagne_ne_s_inscrivent(campagne, agent, actions):
    autre = ExerciceFactory(annee=2025)
    fautives = [ActionFactory(brouillon=True), ActionFactory(exercice=autre)]
    comite = comite_de(NatureComite.TECHNIQUE, campagne, agent, ouvert=False)
    with pytest.raises(OperationRefusee) as refus:
        operations.inscrire(comite, [*actions, *fautives], par=agent)
    assert len(refus.value.messages) == 2
    assert not comite.passages.exists(), "tout ou rien"


def test_un_avis_exige_n_arrete_l_inscription_que_si_la_campagne_le_rend_bloquant(campagne, agent, actions):
    comite = comite_de(NatureComite.TECHNIQUE, campagne, agent, actions[:1], ouvert=False)
    campagne.avis_manquant_bloquant = True
    campagne.save()
    with pytest.raises(OperationRefusee, match="délégué du préfet"):
        operations.inscrire(comite, actions[1:], par=agent)
    assert comite.passages.count() == 1


def test_une_campagne_figee_n_a_plus_de_comite_ni_d_inscription(campagne, agent, actions):
    comite = comite_de(NatureComite.TECHNIQUE, campagne, agent, actions[:1], ouvert=False)
    campagne.figee_le = timezone.now()
    campagne.save()
    with pytest.raises(OperationRefusee, match="figée"):
        operations.creer_un_comite(campagne, NatureComite.PILOTAGE, JOUR, par=agent)
    with pytest.raises(OperationRefusee, match="figée"):
        operations.inscrire(comite, actions, par=agent)
    assert Comite.objects.count() == 1


def test_un_exercice_clos_n_a_plus_rien_qui_change_dans_ses_comites(campagne, agent, technique, actions):
    campagne.exercice.statut = "clos"
    campagne.exercice.save()
    for geste in (
        lambda: operations.placer(passage_de(technique, actions[0]), 2, par=agent),
        lambda: enregistrer(technique, actions[0], ATTRIBUTION, 500, par=agent),
        lambda: operations.terminer(technique, par=agent),
    ):
        with pytest.raises(OperationRefusee, match="clos"):
            geste()


def test_le_meme_comite_le_meme_jour_se_dit_en_francais(campagne, agent, technique):
    with pytest.raises(OperationRefusee, match="déjà prévu ce jour-là"):
        operations.creer_un_comite(campagne, NatureComite.TECHNIQUE, JOUR, par=agent)


def test_un_comite_en_preparation_se_supprime_pas_celui_qui_a_siege(campagne, agent, technique, actions):
    prepare = comite_de(NatureComite.PILOTAGE, campagne, agent, actions, ouvert=False)
    operations.supprimer_un_comite(prepare, par=agent)
    assert Comite.objects.get() == technique
    with pytest.raises(OperationRefusee, match="a siégé"):
        operations.supprimer_un_comite(technique, par=agent)


def test_une_seance_ne_s_ouvre_ni_vide_ni_deux_fois(campagne, agent, actions):
    comite = comite_de(NatureComite.TECHNIQUE, campagne, agent, ouvert=False)
    with pytest.raises(OperationRefusee, match="ordre du jour est vide"):
        operations.ouvrir_la_seance(comite, par=agent)
    operations.inscrire(comite, actions, par=agent)
    ouvert = operations.ouvrir_la_seance(comite, par=agent)
    assert (ouvert.etat, ouvert.en_cours) == (EtatComite.EN_SEANCE, passage_de(comite, actions[0]))
    with pytest.raises(DejaFait):
        operations.ouvrir_la_seance(comite, par=agent)


def test_montrer_une_action_ne_laisse_pas_de_trace_et_change_l_ecran(technique, agent, actions):
    avant, traces = empreinte_de_la_seance(technique), technique.history.count()
    comite = operations.montrer(technique, passage_de(technique, actions[1]), par=agent)
    comite.refresh_from_db()
    assert comite.en_cours == passage_de(technique, actions[1])
    assert empreinte_de_la_seance(comite) != avant
    assert technique.history.count() == traces


@pytest.mark.parametrize("role", [Role.LECTEUR, Role.DELEGUE, Role.PARTENAIRE])
def test_seuls_l_agent_et_le_responsable_tiennent_un_comite(role, campagne, technique, actions):
    personne = habiliter(role, departement=campagne.exercice.departement)
    for geste in (
        lambda: operations.creer_un_comite(campagne, NatureComite.PILOTAGE, JOUR, par=personne),
        lambda: operations.montrer(technique, passage_de(technique, actions[1]), par=personne),
        lambda: enregistrer(technique, actions[0], ATTRIBUTION, 500, par=personne),
        lambda: terminer_un_comite(technique, par=personne),
    ):
        with pytest.raises(DroitManquant):
            geste()


def test_l_agent_d_un_seul_contrat_ne_tient_pas_le_comite_du_departement(campagne, technique, actions):
    personne = habiliter(Role.AGENT, contrat=actions[0].contrat)
    with pytest.raises(DroitManquant):
        operations.montrer(technique, passage_de(technique, actions[0]), par=personne)
    campagne.contrat = actions[0].contrat
    campagne.save()
    operations.montrer(Comite.objects.get(), passage_de(technique, actions[0]), par=personne)


# --- Le comité technique propose ---


def test_un_comite_technique_propose_sans_attribuer(technique, agent, actions):
    enregistrer(technique, actions[0], ATTRIBUTION, 800, "Priorité du contrat", par=agent)
    passage = passage_de(technique, actions[0])
    assert (passage.issue, passage.montant, passage.version) == (ATTRIBUTION, euros(800), 2)
    assert passage.observation == "Priorité du contrat"
    assert not Decision.objects.exists()
    action = Action.objects.get(pk=actions[0].pk)
    assert (action.statut, action.version) == (StatutAction.INSTRUITE, 1), "ni statut, ni version"


@pytest.mark.parametrize(
    ("issue", "montant", "phrase"),
    [
        (ATTRIBUTION, None, "indiquer le montant"),
        (ATTRIBUTION, 0, "supérieur à zéro"),
        (NatureDecision.COMPLEMENT, 100, "Pas de décision « Complément »"),
    ],
)
def test_une_proposition_suit_les_regles_de_la_decision_qu_elle_prepare(
    technique, agent, actions, issue, montant, phrase
):
    with pytest.raises(OperationRefusee, match=phrase):
        enregistrer(technique, actions[0], issue, montant, par=agent)
    assert passage_de(technique, actions[0]).issue == ""


def test_rien_ne_s_enregistre_hors_seance(campagne, agent, actions):
    comite = comite_de(NatureComite.TECHNIQUE, campagne, agent, actions, ouvert=False)
    with pytest.raises(OperationRefusee, match="séance n’est pas ouverte"):
        enregistrer(comite, actions[0], ATTRIBUTION, 500, par=agent)


def test_les_propositions_se_reportent_en_propose(technique, agent, actions):
    """800 € pour la première, refus de la deuxième (0 €), ajournement de la troisième, dont le proposé reste 2 700 €."""
    enregistrer(technique, actions[0], ATTRIBUTION, 800, par=agent)
    enregistrer(technique, actions[1], NON_RETENUE, par=agent)
    enregistrer(technique, actions[2], AJOURNEMENT, par=agent)
    changees = operations.reporter_en_propose(technique, par=agent)
    assert {a.intitule for a in changees} == {"Action 1", "Action 2"}
    proposes = Financement.objects.order_by("action_id").values_list("propose", flat=True)
    assert list(proposes) == [euros(800), euros(0), euros(2700)]
    assert operations.reporter_en_propose(technique, par=agent) == [], "reporter deux fois n'écrit rien"
    motif = Action.history.filter(id=actions[0].pk).first().history_change_reason
    assert motif == "Proposition du comité technique du 12/03/2026"


def test_reporter_laisse_le_propose_d_une_action_decidee_depuis(campagne, agent, actions, enveloppe):
    technique = comite_de(NatureComite.TECHNIQUE, campagne, agent, actions)
    enregistrer(technique, actions[0], ATTRIBUTION, 800, par=agent)
    decision = operations.DemandeDeDecision(actions[0], ATTRIBUTION, euros(500), enveloppe)
    operations.decider([decision], par=agent)
    avant = Financement.objects.get(action=actions[0]).propose
    assert operations.reporter_en_propose(technique, par=agent) == []
    assert Financement.objects.get(action=actions[0]).propose == avant


def test_une_action_sans_ligne_p147_en_recoit_une_avec_le_propose(campagne, agent, actions):
    nue = ActionFactory(statut=StatutAction.INSTRUITE, intitule="Sans plan")
    comite = comite_de(NatureComite.CONSULTATION, campagne, agent, [nue])
    enregistrer(comite, nue, ATTRIBUTION, 400, par=agent)
    operations.reporter_en_propose(comite, par=agent)
    ligne = Financement.objects.get(action=nue)
    assert (ligne.propose, ligne.demande, ligne.famille) == (euros(400), None, "anct_p147")


def test_un_comite_de_pilotage_ne_se_reporte_pas(copil, agent):
    with pytest.raises(OperationRefusee, match="décide"):
        operations.reporter_en_propose(copil, par=agent)


# --- Le comité de pilotage décide ---


def test_un_comite_de_pilotage_enregistre_l_issue_et_la_decision_du_prefet(copil, agent, actions, enveloppe):
    enregistrer(copil, actions[0], ATTRIBUTION, 1000, enveloppe=enveloppe, par=agent)
    decision = Decision.objects.get()
    passage = passage_de(copil, actions[0])
    assert (decision.passage, decision.montant, decision.date) == (passage, euros(1000), JOUR)
    assert (passage.issue, passage.montant) == (ATTRIBUTION, euros(1000))
    assert Action.objects.get(pk=actions[0].pk).statut == StatutAction.PROGRAMMEE
    assert Financement.objects.get(action=actions[0]).accorde == euros(1000)


def test_un_comite_a_venir_decide_au_jour_d_aujourd_hui(campagne, agent, actions, enveloppe):
    demain = timezone.localdate() + timezone.timedelta(days=1)
    comite = comite_de(NatureComite.PILOTAGE, campagne, agent, actions, jour=demain)
    enregistrer(comite, actions[0], ATTRIBUTION, 1000, par=agent)
    assert Decision.objects.get().date == timezone.localdate()


def test_plusieurs_lignes_s_enregistrent_ensemble_ou_pas_du_tout(copil, agent, actions):
    lot = [
        saisie(copil, actions[0], ATTRIBUTION, 1000),
        saisie(copil, actions[1], NON_RETENUE, motif="Crédits insuffisants"),
        saisie(copil, actions[2], ATTRIBUTION, 9500, motif="Exceptionnel"),
    ]
    with pytest.raises(OperationRefusee, match="dépassent"):
        operations.enregistrer_en_seance(copil, lot, par=agent)
    assert not Decision.objects.exists()
    lot[2] = saisie(copil, actions[2], ATTRIBUTION, 3000)
    operations.enregistrer_en_seance(copil, lot, par=agent)
    assert list(Decision.objects.order_by("action_id").values_list("montant", flat=True)) == [
        euros(1000),
        euros(0),
        euros(3000),
    ]
    assert ordre_du_jour(copil).retenu == euros(4000)


def test_un_refus_ou_un_montant_au_dessus_du_demande_exige_un_motif(copil, agent, actions):
    for issue, montant in ((NON_RETENUE, None), (ATTRIBUTION, 1500)):
        with pytest.raises(MotifExige):
            enregistrer(copil, actions[0], issue, montant, par=agent)
    enregistrer(copil, actions[0], ATTRIBUTION, 1500, "Seconde classe ouverte", par=agent)
    assert Decision.objects.get().motif == "Seconde classe ouverte"


def test_au_dessus_du_disponible_seul_le_responsable_avec_un_motif(copil, agent, responsable, actions, enveloppe):
    MouvementFactory(enveloppe=enveloppe, ae=euros(-9500))  # il reste 500 €
    with pytest.raises(OperationRefusee):
        enregistrer(copil, actions[0], ATTRIBUTION, 1000, "Urgent", par=agent)
    accord = {"depassements_acceptes": {enveloppe.pk: euros(500)}}
    with pytest.raises(MotifExige):
        operations.enregistrer_en_seance(
            copil, [saisie(copil, actions[0], ATTRIBUTION, 1000)], par=responsable, **accord
        )
    motivee = saisie(copil, actions[0], ATTRIBUTION, 1000, "Avance sur le complément annoncé")
    operations.enregistrer_en_seance(copil, [motivee], par=responsable, **accord)
    assert situation(copil).enveloppes[0].reste_a_decider == euros(-500)


def test_une_action_decidee_ailleurs_n_est_pas_redecidee(copil, agent, responsable, actions):
    demande = DemandeDeDecision(actions[0], ATTRIBUTION, euros(600))
    operations.decider([demande], par=responsable, date=JOUR)
    ligne = ordre_du_jour(copil).lignes[0]
    assert (ligne.ailleurs, ligne.est_traitee) == (Decision.objects.get(), True)
    with pytest.raises(OperationRefusee, match=f"déjà décidée le .* par {responsable} .*600,00"):
        enregistrer(copil, actions[0], NatureDecision.COMPLEMENT, 100, "Rallonge", par=agent)
    assert Decision.objects.count() == 1


def test_une_action_ajournee_par_un_comite_se_decide_au_suivant_inscrit_d_avance(campagne, agent, copil, actions):
    suivant = comite_de(NatureComite.PILOTAGE, campagne, agent, actions, jour=date(2026, 6, 9))
    enregistrer(copil, actions[0], AJOURNEMENT, motif="Budget à préciser", par=agent)
    assert [ligne.est_traitee for ligne in ordre_du_jour(suivant).lignes] == [False, False, False]
    enregistrer(suivant, actions[0], ATTRIBUTION, 800, par=agent)
    assert [d.nature for d in actions[0].decisions.order_by("pk")] == [AJOURNEMENT, ATTRIBUTION]
    assert ordre_du_jour(copil).lignes[0].ailleurs.nature == ATTRIBUTION


def test_une_promotion_annulee_rend_ses_actions_a_decider_au_comite(copil, agent, actions):
    scenario = operations.creer_un_scenario(copil.campagne.exercice, "Essai", par=agent)
    operations.promouvoir(scenario, par=agent)
    assert all(ligne.ailleurs for ligne in ordre_du_jour(copil).lignes)
    operations.annuler_la_promotion(scenario, par=agent, motif="Erreur")
    assert [ligne.ailleurs for ligne in ordre_du_jour(copil).lignes] == [None, None, None]
    enregistrer(copil, actions[0], ATTRIBUTION, 1000, par=agent)
    assert ordre_du_jour(copil).retenu == euros(1000)


def test_le_releve_garde_ce_qui_etait_decide_ailleurs_a_la_fin_du_comite(copil, agent, actions):
    scenario = operations.creer_un_scenario(copil.campagne.exercice, "Essai", par=agent)
    operations.promouvoir(scenario, par=agent)
    terminer_un_comite(copil, par=agent)
    operations.annuler_la_promotion(scenario, par=agent, motif="Erreur")
    assert [bool(ligne.ailleurs) for ligne in ordre_du_jour(Comite.objects.get()).lignes] == [True, True, True]


def test_une_action_programmee_avant_le_comite_peut_y_recevoir_un_complement(campagne, agent, enveloppe):
    FinanceurFactory(p147=True)
    action = action_programmee(1000, enveloppe=enveloppe)
    comite = comite_de(NatureComite.PILOTAGE, campagne, agent, [action])
    enregistrer(comite, action, NatureDecision.COMPLEMENT, 200, "Seconde session", par=agent)
    passage = passage_de(comite, action)
    assert (passage.issue, passage.montant) == (NatureDecision.COMPLEMENT, euros(200))
    assert Financement.objects.get().accorde == euros(1200)


def test_une_erreur_de_seance_se_corrige_par_une_diminution_du_meme_passage(copil, agent, actions):
    enregistrer(copil, actions[0], ATTRIBUTION, 1000, par=agent)
    enregistrer(copil, actions[0], NatureDecision.DIMINUTION, -300, "Montant mal lu", par=agent)
    passage = passage_de(copil, actions[0])
    assert (passage.issue, passage.montant) == (ATTRIBUTION, euros(700))
    assert passage.decisions.count() == 2


@pytest.mark.parametrize(
    ("corrections", "issue"),
    [
        ([200, -300], NatureDecision.DIMINUTION),
        ([-300, 500], NatureDecision.COMPLEMENT),
        ([300, -100], NatureDecision.COMPLEMENT),
        ([200, -200], NatureDecision.DIMINUTION),
    ],
)
def test_l_issue_dit_ce_que_les_decisions_de_la_seance_font_ensemble(campagne, agent, enveloppe, corrections, issue):
    """Programmée à 1 000 € avant le comité ; à 0,00 € au bout, c'est la dernière décision qui nomme l'issue."""
    FinanceurFactory(p147=True)
    action = action_programmee(1000, enveloppe=enveloppe)
    comite = comite_de(NatureComite.PILOTAGE, campagne, agent, [action])
    for montant in corrections:
        nature = NatureDecision.COMPLEMENT if montant > 0 else NatureDecision.DIMINUTION
        enregistrer(comite, action, nature, montant, "Budget revu", par=agent)
    passage = passage_de(comite, action)
    assert (passage.issue, passage.montant) == (issue, euros(sum(corrections)))


def test_un_passage_decide_ne_se_retire_pas(copil, agent, actions):
    enregistrer(copil, actions[0], ATTRIBUTION, 1000, par=agent)
    with pytest.raises(OperationRefusee, match="décidée par ce comité"):
        operations.retirer_de_l_ordre_du_jour([passage_de(copil, a) for a in actions[:2]], par=agent)
    assert copil.passages.count() == 3
    operations.retirer_de_l_ordre_du_jour([passage_de(copil, actions[1])], par=agent)
    assert copil.passages.count() == 2


def test_qui_a_lu_une_version_perimee_l_apprend_et_n_ecrase_rien(technique, agent, responsable, actions):
    perimee = saisie(technique, actions[0], ATTRIBUTION, 500)
    enregistrer(technique, actions[0], ATTRIBUTION, 800, par=responsable)
    with pytest.raises(PassageModifie) as conflit:
        operations.enregistrer_en_seance(technique, [perimee], par=agent)
    assert conflit.value.passages[0].montant == euros(800)
    assert passage_de(technique, actions[0]).montant == euros(800)


def test_l_action_modifiee_depuis_la_lecture_est_un_conflit(copil, agent, actions):
    perimee = saisie(copil, actions[0], ATTRIBUTION, 500)
    operations.enregistrer(
        [operations.SaisieAction({"intitule": "Action 1 bis"}, actions[0], 1)], par=agent, motif="Correction"
    )
    with pytest.raises(ConflitDeVersion):
        operations.enregistrer_en_seance(copil, [perimee], par=agent)


# --- Terminer ---


def test_terminer_photographie_et_plus_rien_ne_change(copil, agent, actions):
    enregistrer(copil, actions[0], ATTRIBUTION, 1000, par=agent)
    photographie = terminer_un_comite(copil, par=agent)
    assert (photographie.comite, photographie.exercice) == (copil, copil.campagne.exercice)
    assert photographie.motif.startswith("Fin du comité de pilotage du 12/03/2026")
    for geste in (
        lambda: terminer_un_comite(copil, par=agent),
        lambda: operations.placer(passage_de(copil, actions[0]), 2, par=agent),
        lambda: operations.inscrire(copil, [ActionFactory()], par=agent),
        lambda: operations.retirer_de_l_ordre_du_jour([passage_de(copil, actions[1])], par=agent),
        lambda: enregistrer(copil, actions[1], ATTRIBUTION, 10, par=agent),
        lambda: operations.montrer(copil, passage_de(copil, actions[1]), par=agent),
        lambda: operations.modifier_un_comite(copil, {"lieu": "Ailleurs"}, par=agent),
    ):
        with pytest.raises(DejaFait, match=f"terminé le .* par {agent}"):
            geste()
    assert Photographie.objects.count() == 1


def test_un_comite_en_preparation_ne_se_termine_pas(campagne, agent, actions):
    comite = comite_de(NatureComite.PILOTAGE, campagne, agent, actions, ouvert=False)
    with pytest.raises(OperationRefusee, match="séance n’est pas ouverte"):
        terminer_un_comite(comite, par=agent)
    assert not Photographie.objects.exists()


def decider_le_copil(copil, agent, actions):
    enregistrer(copil, actions[0], ATTRIBUTION, 1000, par=agent)
    enregistrer(copil, actions[1], AJOURNEMENT, motif="Budget à préciser", par=agent)
    enregistrer(copil, actions[2], ATTRIBUTION, 2500, par=agent)


def en_chiffres(releve):
    return {
        "lignes": [
            (li.intitule, li.pilier.code, li.demande, li.propose, li.issue, li.montant, li.motif)
            for li in releve.lignes
        ],
        "issues": [(t.libelle, t.montant, t.nombre) for t in releve.par_issue],
        "piliers": [(t.libelle, t.montant, t.nombre) for t in releve.par_pilier],
        "enveloppes": [(t.libelle, t.montant, t.nombre) for t in releve.par_enveloppe],
        "parts": [(li.pilier.code, li.montant, li.part) for li in releve.situation.piliers],
        "credits": [(c.enveloppe.libelle, c.plafond, c.accorde) for c in releve.situation.enveloppes],
    }


def test_le_releve_totalise_issues_piliers_et_enveloppes(copil, agent, actions):
    """1 000 € à la cohésion sociale, 2 500 € à l'emploi, 3 500 € dans l'enveloppe de 10 000 € : il en reste 6 500 €."""
    decider_le_copil(copil, agent, actions)
    lu = en_chiffres(releve(copil))
    assert lu["lignes"][0][4:] == ("attribution", euros(1000), "")
    assert lu["issues"] == [("Attribution", euros(3500), 2), ("Ajournement", euros(0), 1)]
    assert lu["piliers"] == [("Cohesion sociale", euros(1000), 2), ("Emploi", euros(2500), 1)]
    assert lu["enveloppes"] == [("Crédits P147", euros(3500), 2)]
    assert lu["parts"] == [
        ("cohesion-sociale", euros(1000), Decimal("28.6")),
        ("emploi", euros(2500), Decimal("71.4")),
    ]
    assert lu["credits"] == [("Crédits P147", euros(10_000), euros(3500))]
    total = releve(copil)
    assert (total.montant, total.nombre, len(total.accordees), len(total.en_attente)) == (euros(3500), 3, 2, 1)


def test_le_releve_d_un_comite_termine_ne_change_plus(copil, agent, actions, enveloppe, responsable):
    """Après la séance : une diminution, un pilier changé, un intitulé corrigé, un complément d'enveloppe."""
    decider_le_copil(copil, agent, actions)
    avant = en_chiffres(releve(copil))
    terminer_un_comite(copil, par=agent)
    copil.refresh_from_db()
    assert en_chiffres(releve(copil)) == avant
    diminution = DemandeDeDecision(actions[2], NatureDecision.DIMINUTION, euros(-500), enveloppe)
    operations.decider([diminution], par=agent, motif="Budget réduit", date=JOUR)
    corrections = {"intitule": "Renommée", "pilier": PilierFactory()}
    corrigee = Action.objects.get(pk=actions[2].pk)
    operations.enregistrer([operations.SaisieAction(corrections, corrigee)], par=agent, motif="Reclassement")
    operations.decider([DemandeDeDecision(actions[1], ATTRIBUTION, euros(900))], par=agent, date=JOUR)
    assert en_chiffres(releve(Comite.objects.get())) == avant


def test_les_enveloppes_d_un_comite_termine_restent_celles_de_ce_jour_la(copil, agent, actions, enveloppe, responsable):
    """Après la séance : renommée, l'enveloppe quitte sa mère pour une autre, née depuis."""
    mere = EnveloppeFactory(exercice=enveloppe.exercice, libelle="Mère")
    MouvementFactory(enveloppe=mere, ae=euros(20_000))
    operations.modifier_une_enveloppe(enveloppe, {"parent": mere}, par=responsable)
    decider_le_copil(copil, agent, actions)
    avant = en_chiffres(releve(copil))
    assert avant["credits"] == [("Mère", euros(20_000), euros(3500)), ("Crédits P147", euros(10_000), euros(3500))]
    terminer_un_comite(copil, par=agent)
    autre = operations.creer_une_enveloppe(enveloppe.exercice, "Autre mère", par=responsable)
    MouvementFactory(enveloppe=autre, ae=euros(30_000))
    changes = {"parent": autre, "libelle": "Crédits de 2026"}
    operations.modifier_une_enveloppe(enveloppe, changes, par=responsable)
    assert en_chiffres(releve(Comite.objects.get())) == avant


def test_les_porteurs_d_un_comite_termine_gardent_leur_nom_de_ce_jour_la(copil, agent, actions):
    """Un porteur est déjà fusionné à la fin de la séance ; ensuite l'absorbant est renommé, un autre est fusionné."""
    absorbe, libre = actions[0].porteur, actions[1].porteur
    absorbant = OrganismeFactory(nom="Régie des quartiers", sigle="RDQ")
    operations.fusionner(absorbe, absorbant, par=agent, motif="Doublon")
    decider_le_copil(copil, agent, actions)
    avant = [ligne.porteur for ligne in releve(copil).lignes]
    assert avant[:2] == ["Régie des quartiers (RDQ)", libre.nom]
    terminer_un_comite(copil, par=agent)
    absorbant.refresh_from_db()
    absorbant.nom = "Renommée"
    operations.enregistrer_un_organisme(absorbant, par=agent)
    operations.fusionner(libre, absorbant, par=agent, motif="Doublon")
    comite = Comite.objects.get()
    assert [ligne.action.porteur.courant.nom for ligne in ordre_du_jour(comite).lignes][:2] == ["Renommée", "Renommée"]
    assert [ligne.porteur for ligne in releve(comite).lignes] == avant


def test_le_releve_dit_ce_que_dit_la_photographie(copil, agent, actions):
    decider_le_copil(copil, agent, actions)
    photographie = terminer_un_comite(copil, par=agent)
    lu = en_chiffres(releve(Comite.objects.get()))
    tableau = photographie.synthese["tableau"]
    parts = [(li["cle"], euros(li["montant"]), Decimal(li["part"])) for li in tableau["piliers"]]
    assert parts == lu["parts"]
    credits = [(e["libelle"], euros(e["plafond"]), euros(e["accorde"])) for e in tableau["enveloppes"]]
    assert credits == lu["credits"]
    lignes = {ligne["intitule"]: ligne for ligne in photographie.lignes}
    decides = {nom: sum(Decimal(d["montant"]) for d in ligne["decisions"]) for nom, ligne in lignes.items()}
    assert decides == {li[0]: li[5] for li in lu["lignes"]}


# --- Ce que l'on voit ---


def test_l_ecran_projete_ne_montre_que_les_avis_partages(campagne, agent, actions, technique):
    from programmation.models import Avis

    for visibilite in ("etat", "partenaires"):
        Avis.objects.create(
            action=actions[0],
            auteur=habiliter(Role.DELEGUE),
            qualite="delegue",
            sens="favorable",
            visibilite=visibilite,
        )
    assert [a.visibilite for a in avis_a_projeter(technique)] == ["partenaires"]
    interne = operations.modifier_un_comite(technique, {"partenaires_presents": False}, par=agent)
    assert avis_a_projeter(interne).count() == 2
    seul = comite_de(NatureComite.PILOTAGE, campagne, agent, partenaires_presents=False, ouvert=False)
    assert avis_a_projeter(seul).count() == 1, "un comité de pilotage réunit toujours les partenaires"


def test_un_partenaire_ne_voit_aucun_comite_l_etat_voit_les_siens(campagne, technique):
    departement = campagne.exercice.departement
    visibles = {
        role: Comite.objects.visibles_par(habiliter(role, departement=departement)).count() for role in Role.values
    }
    assert visibles == {"agent": 1, "responsable": 1, "delegue": 1, "lecteur": 1, "partenaire": 0}
    assert not Comite.objects.visibles_par(habiliter(Role.AGENT, contrat=ContratFactory())).exists()


def test_l_ordre_du_jour_se_lit_en_autant_de_requetes_pour_une_ou_trois_actions(
    campagne, agent, actions, django_assert_num_queries
):
    petit = comite_de(NatureComite.TECHNIQUE, campagne, agent, actions[:1])
    grand = comite_de(NatureComite.PILOTAGE, campagne, agent, actions)
    for comite in (petit, grand):
        comite.campagne.exercice  # noqa: B018
        with django_assert_num_queries(6):
            ordre_du_jour(comite, avis=avis_a_projeter(comite))


def test_l_empreinte_change_avec_ce_que_l_ecran_montre(copil, agent, actions, enveloppe):
    empreintes = [empreinte_de_la_seance(copil)]
    assert empreinte_de_la_seance(copil) == empreintes[0]
    enregistrer(copil, actions[0], ATTRIBUTION, 1000, par=agent)
    empreintes.append(empreinte_de_la_seance(copil))
    MouvementFactory(enveloppe=enveloppe, ae=euros(500))
    empreintes.append(empreinte_de_la_seance(copil))
    operations.placer(passage_de(copil, actions[2]), 1, par=agent)
    empreintes.append(empreinte_de_la_seance(copil))
    assert len(set(empreintes)) == 4


def test_chaque_passage_garde_son_histoire(technique, agent, actions):
    enregistrer(technique, actions[0], ATTRIBUTION, 800, par=agent)
    traces = Passage.history.filter(action=actions[0]).order_by("history_id")
    assert [(t.issue, t.history_user) for t in traces] == [("", agent), ("attribution", agent)]
