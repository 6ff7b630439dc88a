"""Décider, et faire vivre une action autour de la décision."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comptes.enums import Role
from programmation import operations
from programmation.enums import (
    EtatFinancement,
    MotifStatut,
    NatureDecision,
    NatureMouvement,
    StatutAction,
    StatutExercice,
)
from programmation.models import Action, Decision, DecisionIntouchable, Enveloppe, Financement
from programmation.operations import (
    ConflitDeVersion,
    DemandeDeDecision,
    DroitManquant,
    MotifExige,
    OperationRefusee,
)
from programmation.operations.depassements import DepassementAAccepter
from programmation.synthese import barre
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    DecisionFactory,
    DispositifFactory,
    EnveloppeFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    OrganismeFactory,
    action_programmee,
    euros,
    habiliter,
    p147,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def exercice():
    return ExerciceFactory()


@pytest.fixture
def agent(exercice):
    FinanceurFactory(p147=True)
    return habiliter(Role.AGENT, departement=exercice.departement)


@pytest.fixture
def responsable(exercice):
    FinanceurFactory(p147=True)
    return habiliter(Role.RESPONSABLE, departement=exercice.departement)


def decider(par, action, nature, montant=None, motif="", **demande):
    montant = None if montant is None else euros(montant)
    return operations.decider([DemandeDeDecision(action, nature, montant, **demande)], par=par, motif=motif)[0]


def ligne_p147(action):
    return Financement.objects.p147().values_list("accorde", "etat").get(action=action)


def test_une_attribution_programme_l_action_et_se_recopie_sur_la_ligne_p147(agent):
    action = ActionFactory()
    p147(action, demande=5000)
    decider(agent, action, NatureDecision.ATTRIBUTION, 4000)
    action.refresh_from_db()
    assert (action.statut, action.version, ligne_p147(action)) == ("programmee", 2, (euros(4000), "acquis"))


def test_la_decision_garde_le_porteur_de_ce_jour(agent):
    porteur = OrganismeFactory(nom="Les Francas", sigle="LF")
    etablissement = EtablissementFactory(organisme=porteur)
    action = ActionFactory(porteur=porteur, etablissement=etablissement)
    p147(action, demande=5000)
    decision = decider(agent, action, NatureDecision.ATTRIBUTION, 4000)
    assert (decision.porteur_nom, decision.porteur_siret) == ("Les Francas (LF)", etablissement.siret)


def test_la_ligne_p147_qui_manque_est_creee(agent):
    action = ActionFactory()
    decider(agent, action, NatureDecision.ATTRIBUTION, 1000, motif="Sans demande chiffrée")
    assert ligne_p147(action) == (euros(1000), EtatFinancement.ACQUIS)


def test_complement_diminution_puis_deprogrammation_se_cumulent(agent):
    action = ActionFactory()
    p147(action, demande=5000)
    decider(agent, action, NatureDecision.ATTRIBUTION, 4000)
    decider(agent, action, NatureDecision.COMPLEMENT, "500,50", motif="Public plus nombreux")
    assert ligne_p147(action) == (euros("4500,50"), "acquis")
    decider(agent, action, NatureDecision.DIMINUTION, "-1000,25", motif="Action écourtée")
    assert ligne_p147(action) == (euros("3500,25"), "acquis")
    decider(agent, action, NatureDecision.DEPROGRAMMATION, motif="Abandon du porteur")
    assert ligne_p147(action) == (euros(0), "refuse")
    assert Action.objects.get().statut == StatutAction.DEPROGRAMMEE
    assert list(Decision.objects.values_list("montant", flat=True)) == [
        euros(4000),
        euros("500,50"),
        euros("-1000,25"),
        euros("-3500,25"),
    ]


@pytest.mark.parametrize(
    ("nature", "statut", "ligne"),
    [
        (NatureDecision.AJOURNEMENT, "ajournee", (None, "sollicite")),
        (NatureDecision.LISTE_ATTENTE, "liste_attente", (None, "sollicite")),
        (NatureDecision.NON_RETENUE, "non_retenue", (euros(0), "refuse")),
        (NatureDecision.NON_RECEVABLE, "non_recevable", (euros(0), "refuse")),
    ],
)
def test_une_decision_sans_montant_donne_son_statut(agent, nature, statut, ligne):
    action = ActionFactory()
    p147(action, demande=5000)
    decider(agent, action, nature, motif="Crédits insuffisants")
    action.refresh_from_db()
    assert (action.statut, ligne_p147(action)) == (statut, ligne)


def test_accorder_plus_que_demande_exige_un_motif(agent):
    action = ActionFactory()
    p147(action, demande=5000)
    with pytest.raises(MotifExige, match="plus que les 5"):
        decider(agent, action, NatureDecision.ATTRIBUTION, 5001)
    assert Decision.objects.count() == 0
    assert decider(agent, action, NatureDecision.ATTRIBUTION, 5001, motif="Arbitrage").montant == euros(5001)


@pytest.mark.parametrize(
    ("nature", "montant", "phrase"),
    [
        (NatureDecision.DIMINUTION, -4001, "négatif"),
        (NatureDecision.DIMINUTION, -4000, "déprogrammation"),
        (NatureDecision.DEPROGRAMMATION, -1000, "retire tout"),
        (NatureDecision.COMPLEMENT, None, "indiquer le montant"),
        (NatureDecision.ATTRIBUTION, 100, "Pas de décision"),
    ],
)
def test_une_decision_impossible_sur_une_action_programmee_est_expliquee(agent, nature, montant, phrase):
    action = action_programmee(accorde=4000)
    with pytest.raises(OperationRefusee, match=phrase):
        decider(agent, action, nature, montant, motif="Essai")
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(("nature", "montant"), [(NatureDecision.ATTRIBUTION, -5), (NatureDecision.AJOURNEMENT, 5)])
def test_un_montant_du_mauvais_signe_est_refuse(agent, nature, montant):
    with pytest.raises(OperationRefusee):
        decider(agent, ActionFactory(), nature, montant, motif="Essai")
    assert Decision.objects.count() == 0


def test_une_decision_dans_le_futur_est_refusee(agent):
    demain = timezone.localdate() + timedelta(days=1)
    demande = DemandeDeDecision(ActionFactory(), NatureDecision.ATTRIBUTION, euros(10))
    with pytest.raises(OperationRefusee, match="futur"):
        operations.decider([demande], par=agent, motif="Essai", date=demain)


@pytest.mark.parametrize(("jour", "permis"), [(date(2024, 12, 31), False), (date(2025, 1, 1), True)])
def test_une_decision_ne_remonte_pas_avant_l_annee_precedente(agent, jour, permis):
    """L'exercice 2026 se décide au plus tôt en 2025 : 1999 ou 2006 est une faute de frappe."""
    demande = DemandeDeDecision(ActionFactory(), NatureDecision.ATTRIBUTION, euros(10))
    if permis:
        assert operations.decider([demande], par=agent, motif="Essai", date=jour)[0].date == jour
        return
    with pytest.raises(OperationRefusee, match="31/12/2024, est avant le 01/01/2025 : vérifier l’année"):
        operations.decider([demande], par=agent, motif="Essai", date=jour)


def test_deux_personnes_decident_la_meme_action_une_seule_decision(agent, responsable):
    action = ActionFactory()
    p147(action, demande=5000)
    decider(agent, action, NatureDecision.ATTRIBUTION, 4000, version=1)
    with pytest.raises(ConflitDeVersion):
        decider(responsable, action, NatureDecision.ATTRIBUTION, 3000, version=1)
    with pytest.raises(OperationRefusee, match="Pas de décision"):
        decider(responsable, action, NatureDecision.ATTRIBUTION, 3000)
    assert Decision.objects.get().montant == euros(4000)


def test_un_lot_se_decide_tout_ou_rien(agent):
    bonnes = [ActionFactory(), ActionFactory()]
    brouillon = ActionFactory(brouillon=True, intitule="Brouillon oublié")
    demandes = [DemandeDeDecision(a, NatureDecision.ATTRIBUTION, euros(100)) for a in [*bonnes, brouillon]]
    with pytest.raises(OperationRefusee, match="Brouillon oublié"):
        operations.decider(demandes, par=agent, motif="COPIL")
    assert Decision.objects.count() == 0
    operations.decider(demandes[:2], par=agent, motif="COPIL")
    assert Decision.objects.count() == 2


def test_un_lot_de_montants_differents_ecrit_l_accorde_avec_son_etat(agent):
    actions = [ActionFactory() for _ in range(12)]
    for action in actions:
        p147(action, demande=5000)
    demandes = [DemandeDeDecision(a, NatureDecision.ATTRIBUTION, euros(100 + rang)) for rang, a in enumerate(actions)]
    operations.decider(demandes, par=agent)
    assert [ligne_p147(a) for a in actions] == [(euros(100 + rang), "acquis") for rang in range(12)]


def test_la_meme_action_deux_fois_dans_un_lot_est_refusee(agent):
    demande = DemandeDeDecision(ActionFactory(), NatureDecision.ATTRIBUTION, euros(100))
    with pytest.raises(OperationRefusee, match="deux fois"):
        operations.decider([demande, demande], par=agent, motif="COPIL")


def test_le_nombre_de_requetes_ne_depend_pas_du_lot(agent, django_assert_max_num_queries):
    def lot(nombre):
        return [DemandeDeDecision(ActionFactory(), NatureDecision.ATTRIBUTION, euros(10)) for _ in range(nombre)]

    un, trois = lot(1), lot(3)
    with django_assert_max_num_queries(17):
        operations.decider(un, par=agent, motif="COPIL")
    with django_assert_max_num_queries(17):
        operations.decider(trois, par=agent, motif="COPIL")


@pytest.mark.parametrize("role", [Role.DELEGUE, Role.LECTEUR, Role.PARTENAIRE])
def test_seuls_agents_et_responsables_decident(role):
    with pytest.raises(DroitManquant):
        decider(habiliter(role), ActionFactory(), NatureDecision.ATTRIBUTION, 10)


def test_une_decision_ne_se_modifie_ni_ne_s_efface(agent):
    action_programmee(accorde=4000)
    decision = Decision.objects.get()
    decision.montant = euros(1)
    for geste in (decision.save, decision.delete, Decision.objects.all().delete):
        with pytest.raises(DecisionIntouchable):
            geste()
    with pytest.raises(DecisionIntouchable):
        Decision.objects.update(montant=euros(1))


# --- Enveloppes ---


@pytest.fixture
def enveloppe(exercice):
    enveloppe = EnveloppeFactory(exercice=exercice)
    MouvementFactory(enveloppe=enveloppe, ae=euros(10000))
    return enveloppe


def test_une_decision_choisit_son_enveloppe_des_que_l_exercice_en_a(agent, enveloppe):
    action = ActionFactory()
    with pytest.raises(OperationRefusee, match="choisir l’enveloppe"):
        decider(agent, action, NatureDecision.ATTRIBUTION, 10, motif="Essai")
    assert (
        decider(agent, action, NatureDecision.ATTRIBUTION, 10, motif="Bon", enveloppe=enveloppe).enveloppe == enveloppe
    )


def test_un_agent_ne_depasse_pas_le_disponible_un_responsable_le_motive(agent, responsable, enveloppe):
    action = ActionFactory()
    p147(action, demande=20000)
    with pytest.raises(OperationRefusee, match="Seul un responsable"):
        decider(agent, action, NatureDecision.ATTRIBUTION, "10000,01", motif="Urgent", enveloppe=enveloppe)
    demande = DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros("10000,01"), enveloppe)
    accord = {"depassements_acceptes": {enveloppe.pk: euros("0,01")}}
    with pytest.raises(DepassementAAccepter):
        operations.decider([demande], par=responsable, motif="Arbitrage")
    with pytest.raises(MotifExige, match="accorder 0,01.*au-delà du reste à décider demande un motif"):
        operations.decider([demande], par=responsable, **accord)
    operations.decider([demande], par=responsable, motif="Arbitrage", **accord)
    assert ligne_p147(action) == (euros("10000,01"), "acquis")


@pytest.fixture
def mere(exercice):
    """Une enveloppe de 1 000 €, divisée en deux feuilles de 800 € (prévues avant que la mère ne soit notifiée)."""
    mere = EnveloppeFactory(exercice=exercice, libelle="Crédits P147")
    MouvementFactory(enveloppe=mere, ae=euros(1000))
    for libelle in ("Caen", "Lisieux"):
        MouvementFactory(enveloppe=EnveloppeFactory(exercice=exercice, libelle=libelle, parent=mere), ae=euros(800))
    return mere


def demande_dans(enveloppe, montant):
    action = ActionFactory()
    p147(action, demande=5000)
    return DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(montant), enveloppe)


def test_le_lot_entier_tient_dans_l_enveloppe_mere(agent, responsable, mere):
    """600 + 600 = 1 200 € tiennent dans chaque feuille (800 €), pas dans la mère (1 000 €)."""
    caen, lisieux = mere.sous_enveloppes.order_by("libelle")
    lot = [demande_dans(caen, 600), demande_dans(lisieux, 600)]
    with pytest.raises(OperationRefusee) as refus:
        operations.decider(lot, par=agent, motif="Urgent")
    assert Decision.objects.count() == 0
    assert [message.replace("\u202f", " ").replace("\xa0", " ") for message in refus.value.messages] == [
        "« Crédits P147 » (enveloppe mère) : 1 200,00 € dépassent le reste à décider (1 000,00 €). Réduire les montants, "
        "ou s’adresser au responsable. Seul un responsable peut dépasser, avec un motif."
    ]
    with pytest.raises(DepassementAAccepter, match="Crédits P147"):
        operations.decider(lot, par=responsable, motif="Arbitrage")
    operations.decider(lot, par=responsable, motif="Arbitrage", depassements_acceptes={mere.pk: euros(200)})
    assert Decision.objects.count() == 2


def test_une_mere_sur_programmee_bloque_toute_nouvelle_attribution(agent, mere):
    """1 000 − 500 accordés − 1 500 gelés = −1 000 € : un gel passe toujours, une nouvelle décision plus jamais."""
    caen = mere.sous_enveloppes.get(libelle="Caen")
    [prise] = operations.decider([demande_dans(caen, 500)], par=agent)
    MouvementFactory(enveloppe=mere, ae=euros(-1500))
    with pytest.raises(OperationRefusee, match="Crédits P147"):
        operations.decider([demande_dans(caen, 1)], par=agent, motif="Essai")
    decider(agent, prise.action, NatureDecision.DIMINUTION, -100, motif="Rendre des crédits", enveloppe=caen)
    assert Decision.objects.count() == 2


def test_le_disponible_se_lit_en_autant_de_requetes_pour_une_et_trois_enveloppes(agent, exercice, mere):
    lots = [[demande_dans(mere.sous_enveloppes.first(), 1)]]
    feuilles = [EnveloppeFactory(exercice=exercice, parent=mere) for _ in range(3)]
    for feuille in feuilles:
        MouvementFactory(enveloppe=feuille, ae=euros(100))
    lots.append([demande_dans(feuille, 1) for feuille in feuilles])
    assert agent.habilitations_actives  # lues une fois par requête, hors du lot
    comptes = []
    for lot in lots:
        with CaptureQueriesContext(connection) as captees:
            operations.decider(lot, par=agent)
        comptes.append(len(captees))
    assert comptes == [16, 16]


@pytest.mark.parametrize(
    ("propre_a", "phrase"),
    [("contrat", "celle d’un autre contrat"), ("dispositif", "celle d’un autre dispositif")],
)
def test_l_enveloppe_d_un_autre_contrat_ou_d_un_autre_dispositif_est_refusee(agent, exercice, propre_a, phrase):
    autre = {"contrat": ContratFactory, "dispositif": lambda: DispositifFactory(pre=True)}[propre_a]()
    enveloppe = EnveloppeFactory(exercice=exercice, libelle="La sienne", **{propre_a: autre})
    MouvementFactory(enveloppe=enveloppe)
    demande = demande_dans(enveloppe, 100)
    with pytest.raises(OperationRefusee, match=f"« La sienne » est {phrase}"):
        operations.decider([demande], par=agent, motif="Essai")
    Action.objects.filter(pk=demande.action.pk).update(**{propre_a: autre})
    operations.decider([demande], par=agent)
    assert Decision.objects.get().enveloppe == enveloppe


def test_l_enveloppe_choisie_se_relit_sous_le_verrou(agent, exercice):
    """Elle était à tous les contrats quand la page s'est ouverte ; elle est devenue celle d'un autre."""
    enveloppe = EnveloppeFactory(exercice=exercice, libelle="La sienne")
    MouvementFactory(enveloppe=enveloppe)
    demande = demande_dans(enveloppe, 100)
    Enveloppe.objects.update(contrat=ContratFactory())
    with pytest.raises(OperationRefusee, match="celle d’un autre contrat"):
        operations.decider([demande], par=agent)


def test_une_decision_prise_autrefois_dans_la_mauvaise_enveloppe_se_defait(agent, exercice):
    """Seules les nouvelles attributions sont bornées : rendre les crédits est la façon de réparer."""
    action = action_programmee(accorde=1000)
    voisine = EnveloppeFactory(exercice=exercice, contrat=ContratFactory())
    DecisionFactory(action=action, nature=NatureDecision.COMPLEMENT, montant=euros(500), enveloppe=voisine)
    with pytest.raises(OperationRefusee, match="celle d’un autre contrat"):
        decider(agent, action, NatureDecision.COMPLEMENT, 1, motif="Essai", enveloppe=voisine)
    decider(agent, action, NatureDecision.DIMINUTION, -500, motif="Rendus", enveloppe=voisine)
    assert Decision.objects.filter(enveloppe=voisine).count() == 2


@pytest.fixture
def de_deux_enveloppes(agent, exercice):
    """« Caen » a accordé 300 €, « Réserve » 700 €."""
    caen, reserve = (EnveloppeFactory(exercice=exercice, libelle=libelle) for libelle in ("Caen", "Réserve"))
    for enveloppe in (caen, reserve):
        MouvementFactory(enveloppe=enveloppe, ae=euros(1000))
    demande = demande_dans(caen, 300)
    operations.decider([demande], par=agent, motif="Début")
    decider(agent, demande.action, NatureDecision.COMPLEMENT, 700, motif="Suite", enveloppe=reserve)
    return demande.action, caen, reserve


def test_une_enveloppe_ne_reprend_pas_plus_qu_elle_n_a_accorde_a_l_action(agent, de_deux_enveloppes):
    action, caen, reserve = de_deux_enveloppes
    with pytest.raises(OperationRefusee) as refus:
        decider(agent, action, NatureDecision.DIMINUTION, "-300,01", motif="Essai", enveloppe=caen)
    assert [message.replace("\xa0", " ") for message in refus.value.messages] == [
        f"« {action} » : « Caen » ne lui accorde que 300,00 € : rendre d’abord le reste à « Réserve », par une diminution."
    ]
    decider(agent, action, NatureDecision.DIMINUTION, -300, motif="Rendus", enveloppe=caen)
    with pytest.raises(OperationRefusee, match="« Caen » ne lui accorde rien : rendre les crédits à « Réserve »"):
        decider(agent, action, NatureDecision.DIMINUTION, -1, motif="Essai", enveloppe=caen)
    assert barre(caen).accorde == 0


def test_deprogrammer_rend_a_chaque_enveloppe_ce_qu_elle_a_accorde(agent, de_deux_enveloppes):
    action, caen, reserve = de_deux_enveloppes
    with pytest.raises(OperationRefusee, match="« Réserve » ne lui accorde que"):
        decider(agent, action, NatureDecision.DEPROGRAMMATION, motif="Annulée", enveloppe=reserve)
    decider(agent, action, NatureDecision.DIMINUTION, -300, motif="Annulée", enveloppe=caen)
    decider(agent, action, NatureDecision.DEPROGRAMMATION, motif="Annulée", enveloppe=reserve)
    assert (barre(caen).accorde, barre(reserve).accorde) == (0, 0)


def test_ce_qui_fut_accorde_sans_enveloppe_ne_se_rend_a_aucune(agent, exercice):
    """500 € accordés avant que l'exercice ait des enveloppes : les rendre à Caen lui donnerait 500 € de plus que son
    plafond de 1 000."""
    action = action_programmee(500)
    caen = EnveloppeFactory(exercice=exercice, libelle="Caen")
    MouvementFactory(enveloppe=caen, ae=euros(1000))
    diminution = decider(agent, action, NatureDecision.DIMINUTION, -200, motif="Réduite", enveloppe=caen)
    retrait = decider(agent, action, NatureDecision.DEPROGRAMMATION, motif="Annulée")
    assert (diminution.enveloppe, retrait.enveloppe, retrait.montant) == (None, None, euros(-300))
    assert barre(caen).reste_a_decider == euros(1000)


def test_une_enveloppe_ne_reprend_que_sa_part_de_ce_qui_fut_aussi_accorde_sans_elle(agent, exercice):
    """500 € sans enveloppe, puis 300 de Caen : tout retirer se fait en deux fois, chacun reprenant le sien."""
    action = action_programmee(500)
    caen = EnveloppeFactory(exercice=exercice, libelle="Caen")
    MouvementFactory(enveloppe=caen, ae=euros(1000))
    decider(agent, action, NatureDecision.COMPLEMENT, 300, motif="Suite", enveloppe=caen)
    with pytest.raises(OperationRefusee, match="« Caen » ne lui accorde que 300,00.* le reste hors enveloppe"):
        decider(agent, action, NatureDecision.DEPROGRAMMATION, motif="Annulée", enveloppe=caen)
    assert decider(agent, action, NatureDecision.DIMINUTION, -500, motif="Annulée", enveloppe=caen).enveloppe is None
    assert decider(agent, action, NatureDecision.DEPROGRAMMATION, motif="Annulée", enveloppe=caen).enveloppe == caen
    assert barre(caen).accorde == 0


def test_l_enveloppe_d_un_contrat_ne_porte_pas_l_echelle_du_departement(agent, exercice):
    enveloppe = EnveloppeFactory(exercice=exercice, contrat=ContratFactory())
    demande = DemandeDeDecision(ActionFactory(departementale=True), NatureDecision.ATTRIBUTION, euros(1), enveloppe)
    with pytest.raises(OperationRefusee, match="celle d’un autre contrat"):
        operations.decider([demande], par=agent, motif="Essai")


def test_une_sous_enveloppe_est_du_contrat_et_du_dispositif_de_sa_mere(responsable, exercice):
    """Sans quoi une feuille sans contrat, dans l'enveloppe de Lisieux, porterait une action de Caen."""
    lisieux, pre = ContratFactory(intitule="Lisieux"), DispositifFactory(pre=True)
    mere = operations.creer_une_enveloppe(exercice, "Lisieux", par=responsable, contrat=lisieux, dispositif=pre)
    with pytest.raises(OperationRefusee) as refus:
        operations.creer_une_enveloppe(exercice, "Sans contrat", par=responsable, parent=mere)
    assert set(refus.value.message_dict) == {"contrat", "dispositif"}
    fille = operations.creer_une_enveloppe(
        exercice, "Lisieux, appel 2", par=responsable, parent=mere, contrat=lisieux, dispositif=pre
    )
    assert fille.parent == mere


def test_on_ne_decide_que_dans_une_feuille(responsable, enveloppe, exercice):
    EnveloppeFactory(exercice=exercice, parent=enveloppe)
    with pytest.raises(OperationRefusee, match="sous-enveloppes"):
        decider(responsable, ActionFactory(), NatureDecision.ATTRIBUTION, 10, motif="Essai", enveloppe=enveloppe)


def test_un_gel_passe_toujours_une_relevee_pas_au_dessus_de_la_mere(responsable, enveloppe, exercice):
    fille = operations.creer_une_enveloppe(exercice, "Caen", par=responsable, parent=enveloppe)

    def mouvement(nature, ae):
        ligne = MouvementFactory.build(enveloppe=fille, nature=nature, ae=euros(ae), cp=euros(ae), auteur=None)
        return operations.enregistrer_des_mouvements([ligne], par=responsable)

    mouvement(NatureMouvement.PREVISION, 9000)
    with pytest.raises(OperationRefusee, match="plus que ses 10"):
        mouvement(NatureMouvement.PREVISION, 1001)
    mouvement(NatureMouvement.GEL, -50000)
    assert fille.mouvements.count() == 2


# --- Statuts ---


def test_un_brouillon_incomplet_ne_se_depose_pas_et_dit_ce_qui_manque(agent):
    action = ActionFactory(brouillon=True)
    with pytest.raises(
        OperationRefusee, match="thématique, pilier, dispositif, porteur, début, fin, coût prévisionnel"
    ):
        operations.deposer([action], par=agent)


def test_deposer_instruire_retirer_et_revenir(agent):
    action = ActionFactory(statut=StatutAction.BROUILLON)
    operations.deposer([action], par=agent)
    operations.instruire([action], par=agent)
    operations.retirer([action], par=agent, motif_statut=MotifStatut.DEMANDE_PORTEUR)
    action.refresh_from_db()
    assert (action.statut, action.motif_statut) == ("retiree", "demande_porteur")
    operations.revenir([action], StatutAction.DEPOSEE, par=agent, motif_statut=MotifStatut.REPECHAGE, motif="Courrier")
    action.refresh_from_db()
    assert (action.statut, action.motif_statut, action.version) == ("deposee", "repechage", 5)
    assert action.history.first().history_change_reason == "Repêchage – Courrier"


def test_une_action_non_retenue_repechee_redevient_sollicitee(agent):
    action = ActionFactory()
    p147(action, demande=5000)
    decider(agent, action, NatureDecision.NON_RETENUE, motif="Crédits insuffisants")
    operations.revenir([action], StatutAction.INSTRUITE, par=agent, motif_statut=MotifStatut.REPECHAGE)
    assert ligne_p147(action) == (None, "sollicite")


def test_rien_ne_revient_en_brouillon(agent):
    with pytest.raises(OperationRefusee, match="ne revient pas"):
        operations.revenir([ActionFactory()], StatutAction.BROUILLON, par=agent, motif_statut=MotifStatut.ERREUR)


def test_revenir_ou_retirer_exige_un_motif_de_la_liste(agent):
    with pytest.raises(MotifExige):
        operations.retirer([ActionFactory()], par=agent, motif_statut="")


def test_seul_un_brouillon_se_supprime(agent):
    brouillon, deposee = ActionFactory(brouillon=True), ActionFactory()
    with pytest.raises(OperationRefusee):
        operations.supprimer_les_brouillons([brouillon, deposee], par=agent)
    operations.supprimer_les_brouillons([brouillon], par=agent)
    assert list(Action.objects.all()) == [deposee]
    assert Action.history.filter(id=brouillon.pk).first().history_type == "-"


# --- Figer et clore ---


def test_une_campagne_figee_ne_recoit_plus_ni_depot_ni_premiere_decision(responsable, exercice):
    decidee, attente = action_programmee(accorde=100), ActionFactory()
    brouillon = ActionFactory(statut=StatutAction.BROUILLON)
    operations.figer(exercice.campagnes.get(), par=responsable)
    with pytest.raises(OperationRefusee, match="figée"):
        operations.deposer([brouillon], par=responsable)
    with pytest.raises(OperationRefusee, match="figée"):
        decider(responsable, attente, NatureDecision.ATTRIBUTION, 10, motif="Tard")
    decider(responsable, decidee, NatureDecision.COMPLEMENT, 10, motif="Reliquat")
    assert ligne_p147(decidee) == (euros(110), "acquis")


def test_un_exercice_se_clot_quand_toutes_ses_campagnes_sont_figees(responsable, exercice):
    with pytest.raises(OperationRefusee, match="Figer d’abord"):
        operations.clore(exercice, par=responsable)
    operations.figer(exercice.campagnes.get(), par=responsable)
    assert operations.clore(exercice, par=responsable).statut == StatutExercice.CLOS


def test_un_exercice_clos_ne_se_decide_plus_et_se_rouvre_avec_un_motif(responsable, exercice):
    action = action_programmee(accorde=100)
    operations.figer(exercice.campagnes.get(), par=responsable)
    operations.clore(exercice, par=responsable)
    with pytest.raises(OperationRefusee, match="clos"):
        decider(responsable, action, NatureDecision.COMPLEMENT, 10, motif="Tard")
    with pytest.raises(MotifExige):
        operations.rouvrir(exercice, par=responsable, motif=" ")
    assert operations.rouvrir(exercice, par=responsable, motif="Erreur de saisie").statut == StatutExercice.OUVERT


def test_figer_clore_et_rouvrir_sont_au_responsable_du_departement(agent, exercice):
    with pytest.raises(DroitManquant):
        operations.figer(exercice.campagnes.get(), par=agent)
    with pytest.raises(DroitManquant):
        operations.figer(exercice.campagnes.get(), par=habiliter(Role.RESPONSABLE, contrat=ContratFactory()))


def test_ouvrir_un_exercice_cree_sa_campagne(responsable, exercice):
    nouveau = operations.ouvrir_un_exercice(exercice.departement, 2027, exercice.nomenclature, par=responsable)
    assert (nouveau.statut, nouveau.campagnes.get().intitule) == ("ouvert", "Programmation 2027")
    with pytest.raises(OperationRefusee, match="existe déjà"):
        operations.ouvrir_un_exercice(exercice.departement, 2027, exercice.nomenclature, par=responsable)


def test_une_seconde_campagne_a_ses_dates_et_son_contrat(responsable, exercice):
    with pytest.raises(OperationRefusee, match="département"):
        operations.creer_une_campagne(exercice, "Été", par=responsable, contrat=ContratFactory(departement__code="30"))
    campagne = operations.creer_une_campagne(exercice, "Été", par=responsable, ouverture=date(2026, 5, 1))
    assert CampagneFactory(exercice=exercice, intitule="Été") == campagne


# --- Organismes ---


def test_un_doublon_fusionne_puis_se_dedit_sans_perdre_d_action(agent):
    bon, doublon = OrganismeFactory(nom="Les Francas"), OrganismeFactory(nom="LES FRANCAS 14")
    action = ActionFactory(porteur=doublon)
    operations.fusionner(doublon, bon, par=agent, motif="Même SIREN")
    action.refresh_from_db()
    assert (action.porteur, action.porteur.courant) == (doublon, bon)
    operations.annuler_la_fusion(doublon, par=agent, motif="Deux associations")
    action.refresh_from_db()
    assert action.porteur.courant == doublon


def test_une_chaine_de_fusions_est_refusee(agent):
    a, b, c = OrganismeFactory.create_batch(3)
    operations.fusionner(a, b, par=agent, motif="Doublon")
    with pytest.raises(OperationRefusee, match="déjà absorbé"):
        operations.fusionner(b, c, par=agent, motif="Doublon")
    with pytest.raises(OperationRefusee, match="déjà fusionné"):
        operations.fusionner(c, a, par=agent, motif="Doublon")


def test_un_siret_donne_son_siren_et_ne_va_qu_a_un_organisme(agent):
    premier = operations.enregistrer_un_organisme(OrganismeFactory.build(), par=agent, siret="732 829 320 00074")
    assert (premier.siren, premier.etablissements.get().siret) == ("732829320", "73282932000074")
    autre = OrganismeFactory.build(nom="Autre graphie")
    with pytest.raises(OperationRefusee, match="déjà"):
        operations.enregistrer_un_organisme(autre, par=agent, siret="73282932000074")


def test_un_siret_a_la_cle_fausse_dit_pourquoi(agent):
    with pytest.raises(OperationRefusee, match="clé"):
        operations.enregistrer_un_organisme(OrganismeFactory.build(), par=agent, siret="73282932000075")
