"""L'exécution : engager, payer, justifier, suivre ; ses chiffres en direct, qui ne changent rien à la programmation."""

from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from comptes.enums import Role
from pilotage import photographies
from pilotage.exports import Demande, gabarit_2024
from pilotage.exports.execution import lire_l_execution
from programmation import operations
from programmation.enums import (
    CodeParametre,
    EtatFinancement,
    EtatJustification,
    NatureDecision,
    NaturePaiement,
    StatutAction,
    StatutExercice,
    SuiteJustification,
)
from programmation.models import (
    Action,
    Engagement,
    Financement,
    Justification,
    LigneEngagement,
    Paiement,
    Parametre,
    SuiviFinancement,
)
from programmation.operations import (
    DemandeDeDecision,
    DemandeDeJustification,
    DemandeDEngagement,
    DemandeDePaiement,
    DroitManquant,
    EntreTemps,
    JustificationChangee,
    LigneDEngagement,
    MotifExige,
    ObjetChange,
    OperationRefusee,
    VoteOuVersement,
)
from programmation.synthese.bases import ChoixDeBase
from programmation.synthese.delais import Regle, en_retard_de_justification
from programmation.synthese.execution import Execution, execution_de, synthese_d_execution
from programmation.synthese.justifications import (
    avec_execution,
    ligne_de_justification,
    totaux_des_justifications,
)
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    PilierFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def e():
    """L'exemple de docs/calculs.md : deux actions de Caen, 6 000 et 4 000 €, sur une enveloppe notifiée de 12 000 €."""
    e = SimpleNamespace(exercice=ExerciceFactory(annee=2025))
    e.agent = habiliter(Role.AGENT, departement=e.exercice.departement)
    e.responsable = habiliter(Role.RESPONSABLE, departement=e.exercice.departement)
    e.enveloppe = EnveloppeFactory(exercice=e.exercice, libelle="Crédits 2025")
    MouvementFactory(enveloppe=e.enveloppe, nature="notification", ae=euros(12_000), date=date(2025, 3, 1))
    e.caen = ContratFactory(intitule="Caen la mer")
    commun = {"exercice": e.exercice, "contrat": e.caen, "enveloppe": e.enveloppe}
    e.b1 = action_programmee(6000, intitule="B1", pilier=PilierFactory(), beneficiaires_prevus=100, **commun)
    e.b2 = action_programmee(4000, intitule="B2", pilier=PilierFactory(code="emploi", ordre=3), **commun)
    return e


@contextmanager
def refuse(phrase):
    """L'opération refuse en disant cette phrase, et n'écrit rien ; les espaces insécables y sont des espaces."""
    with pytest.raises(OperationRefusee) as refus:
        yield
    assert phrase in " ".join(" ".join(refus.value.messages).split())


def delai(mois=6):
    commun = {"code": CodeParametre.DELAI_JUSTIFICATION, "depuis": date(2000, 4, 12), "source": "Loi n° 2000-321"}
    return Parametre.objects.create(valeur=mois, **commun)


def ej(numero, *lignes, jour=date(2025, 5, 10)):
    return DemandeDEngagement(numero, jour, [LigneDEngagement(action, euros(montant)) for action, montant in lignes])


def ligne_de(engagement, action):
    return engagement.lignes.get(action=action, ae__gt=0)


def paiement(ligne, nature, montant, jour, **options):
    return DemandeDePaiement(ligne, nature, euros(montant), jour, **options)


def derouler_l_exemple(e):
    """Deux EJ, un désengagement, un acompte, un solde, un reversement et une justification."""
    [e.ej1] = operations.engager([ej("2101000001", (e.b1, 5000), (e.b2, 4000))], par=e.agent)
    [e.ej2] = operations.engager([ej("2101000002", (e.b1, 1000), jour=date(2025, 9, 1))], par=e.agent)
    l1, l2 = ligne_de(e.ej1, e.b1), ligne_de(e.ej1, e.b2)
    operations.desengager(l2, euros(500), par=e.agent, motif="Action réduite")
    operations.payer(
        [
            paiement(l1, NaturePaiement.ACOMPTE, 2500, date(2025, 6, 1)),
            paiement(l1, NaturePaiement.SOLDE, 2500, date(2025, 12, 1)),
            paiement(l2, NaturePaiement.AVANCE, 3000, date(2025, 6, 1)),
        ],
        par=e.agent,
    )
    valeurs = {
        "etat": EtatJustification.VALIDEE,
        "recue_le": date(2026, 3, 2),
        "depense": euros("5599,50"),
        "beneficiaires_realises": 80,
        "non_utilise": euros("400,50"),
        "suite": SuiteJustification.REVERSEMENT_PERCU,
        "suite_le": date(2026, 4, 1),
    }
    operations.justifier([DemandeDeJustification(e.b1, valeurs)], par=e.agent)


# --- L'exemple refait à la main ---


def test_l_exemple_refait_a_la_main(e):
    derouler_l_exemple(e)
    lue = synthese_d_execution(Action.objects.all(), enveloppes=[e.enveloppe], jour=date(2026, 6, 1))
    assert lue.total == Execution(
        accorde=euros(10_000),
        engage=euros(9_500),
        paye=euros(8_000),
        reverse=euros("400,50"),
        justifie=euros("5599,50"),
        non_utilise=euros("400,50"),
        prevus=100,
        realises=80,
        programmees=2,
        engagees=2,
        payees=2,
        justifiees=1,
        a_justifier=1,
    )
    assert (lue.total.accorde - lue.total.engage, lue.total.net_paye) == (euros(500), euros("7599,50"))
    assert lue.total.reste_a_payer == euros("1900,50")
    taux = lue.total
    assert (taux.taux_d_engagement, taux.taux_de_paiement) == (Decimal("95.0"), Decimal("80.0"))
    assert (taux.taux_de_justification, taux.taux_de_realisation) == (Decimal("56.0"), Decimal("80.0"))
    assert [(x.libelle, x.execution.engage) for x in lue.piliers] == [
        ("Cohesion sociale", euros(6000)),
        ("Emploi", euros(3500)),
    ]
    assert [(x.libelle, x.execution.net_paye) for x in lue.contrats] == [("Caen la mer", euros("7599,50"))]
    [enveloppe] = lue.enveloppes
    assert (enveloppe.execution.accorde, enveloppe.execution.engage) == (euros(10_000), euros(9_500))
    assert (enveloppe.execution.paye, enveloppe.execution.reverse) == (euros(8_000), euros("400,50"))


@pytest.mark.parametrize(
    ("jour", "montant", "accorde", "justifie"),
    [
        (date(2026, 4, 15), "-400,50", "5599,50", "5599,50"),  # exactement ce qui n'a pas servi
        (date(2026, 4, 15), "-100", "5900", "5599,50"),
        (date(2026, 4, 15), "-1000", "5000", "5000"),
        (date(2026, 2, 1), "-400,50", "5599,50", "5199"),  # avant le compte rendu : son non utilisé est en plus
    ],
)
def test_le_non_utilise_qu_une_diminution_reprend_ne_se_deduit_pas_deux_fois(e, jour, montant, accorde, justifie):
    """B1 : 6 000 € accordés, compte rendu reçu le 02/03/2026, validé, 400,50 € non utilisés."""
    derouler_l_exemple(e)
    DecisionFactory(action=e.b1, nature="diminution", montant=euros(montant), enveloppe=e.enveloppe, date=jour)
    e.b1.financements.update(accorde=euros(accorde))
    lue = execution_de(e.b1)
    assert (lue.accorde, lue.non_utilise, lue.justifie) == (euros(accorde), euros("400,50"), euros(justifie))
    [pilier, _] = synthese_d_execution(Action.objects.all()).piliers
    assert pilier.execution.justifie == euros(justifie)
    assert la_liste_dit_le_justifie(e) == {"B1": euros(justifie), "B2": None}


def la_liste_dit_le_justifie(e):
    """Par action, son justifié dans la liste ; le total en est celui de la synthèse."""
    justifie = totaux_des_justifications(Action.objects.filter(exercice=e.exercice)).justifie
    assert justifie == synthese_d_execution(Action.objects.filter(exercice=e.exercice)).total.justifie
    return {action.intitule: action.justifie for action in avec_execution(Action.objects.filter(exercice=e.exercice))}


@pytest.mark.parametrize(
    ("decisions", "justifie"),
    [
        ([("diminution", -200), ("complement", 200)], "5800"),  # saisie par erreur, puis rétablie
        ([("complement", 200), ("diminution", -200)], "5800"),
        ([("deprogrammation", -6000), ("attribution", 6000)], "5800"),  # déprogrammée, puis repêchée
        ([("deprogrammation", -6000), ("attribution", 5900)], "5800"),  # 100 repris : 5 900 − (200 − 100)
        ([("diminution", -200), ("complement", 150)], "5800"),  # 50 repris : 5 950 − (200 − 50)
        ([("complement", 500)], "6300"),
    ],
)
def test_une_diminution_retablie_ne_reprend_rien_du_non_utilise(e, decisions, justifie):
    """B1 : 6 000 € accordés, compte rendu reçu le 02/03/2026, 200 € non utilisés ; puis ces décisions, dans l'ordre."""
    recu = {"etat": EtatJustification.VALIDEE, "recue_le": date(2026, 3, 2), "depense": euros(5800)}
    operations.justifier([DemandeDeJustification(e.b1, recu | {"non_utilise": euros(200)})], par=e.agent)
    for mois, (nature, montant) in enumerate(decisions, 4):
        jour = date(2026, mois, 1)
        DecisionFactory(action=e.b1, nature=nature, montant=euros(montant), enveloppe=e.enveloppe, date=jour)
    accorde = 6000 + sum(montant for _, montant in decisions)
    e.b1.financements.update(accorde=euros(accorde))
    assert execution_de(e.b1).justifie == euros(justifie)
    assert la_liste_dit_le_justifie(e) == {"B1": euros(justifie), "B2": None}
    borne = euros(max(6000, accorde))
    with refuse("Pas plus que les"):
        trop = {"non_utilise": borne + euros("0,01")}
        operations.justifier([DemandeDeJustification(e.b1, trop)], par=e.agent)
    operations.justifier([DemandeDeJustification(e.b1, {"non_utilise": borne})], par=e.agent)


def test_une_justification_se_corrige_encore_quand_une_diminution_a_repris_le_non_utilise(e):
    """4 000 € accordés, 3 500 non utilisés, repris : il reste 500 accordés, et le compte rendu dit toujours 3 500."""
    recu = {"etat": EtatJustification.RECUE, "recue_le": date(2026, 3, 2), "non_utilise": euros(3500)}
    operations.justifier([DemandeDeJustification(e.b2, recu)], par=e.agent)
    diminution = DemandeDeDecision(e.b2, NatureDecision.DIMINUTION, euros(-3500), e.enveloppe)
    operations.decider([diminution], par=e.agent, motif="Non utilisé", date=date(2026, 4, 1))
    valide = {"etat": EtatJustification.VALIDEE, "depense": euros(500)}
    operations.justifier([DemandeDeJustification(e.b2, valide)], par=e.agent)
    assert execution_de(e.b2).justifie == euros(500)
    with refuse("Pas plus que les 4 000,00 € accordés"):
        operations.justifier([DemandeDeJustification(e.b2, {"non_utilise": euros("4000,01")})], par=e.agent)


def chiffres_de_programmation(exercice):
    """Ce qu'une photographie garde de l'exercice."""
    return {"lignes": photographies.lignes(exercice), "synthese": photographies.synthese(exercice)}


def test_les_faits_d_execution_d_un_exercice_clos_ne_changent_aucun_chiffre_de_programmation(e):
    e.exercice.statut = StatutExercice.CLOS
    e.exercice.save()
    avant = chiffres_de_programmation(e.exercice)
    versions = dict(Action.objects.values_list("pk", "version"))
    derouler_l_exemple(e)
    caf = cofinancement(e.b1, FinanceurFactory(), 1000, etat=EtatFinancement.SOLLICITE)
    avant_le_suivi = chiffres_de_programmation(e.exercice)
    vote = VoteOuVersement(date(2026, 2, 1), EtatFinancement.ACQUIS, euros(900), euros(450))
    operations.suivre_un_financement(caf, vote, par=e.agent)
    assert list(photographies.differences(avant_le_suivi, chiffres_de_programmation(e.exercice))) == []
    caf.delete()
    assert list(photographies.differences(avant, chiffres_de_programmation(e.exercice))) == []
    assert dict(Action.objects.values_list("pk", "version")) == versions


# --- Engager ---


def test_un_ej_couvre_plusieurs_actions_et_chaque_ligne_prend_l_enveloppe_de_la_decision(e):
    [engagement] = operations.engager([ej("210 100 0001", (e.b1, 5000), (e.b2, 4000))], par=e.agent)
    assert (engagement.numero, engagement.exercice) == ("2101000001", e.exercice)
    lignes = list(engagement.lignes.values_list("action__intitule", "enveloppe", "ae"))
    assert lignes == [("B1", e.enveloppe.pk, euros(5000)), ("B2", e.enveloppe.pk, euros(4000))]
    assert engagement.history.get().history_user == e.agent


def test_une_action_sur_deux_enveloppes_demande_laquelle(e):
    reserve = EnveloppeFactory(exercice=e.exercice, libelle="Réserve")
    MouvementFactory(enveloppe=reserve, nature="notification", ae=euros(1000))
    DecisionFactory(action=e.b1, nature="complement", montant=euros(500), enveloppe=reserve)
    with refuse("choisir l’enveloppe à engager, « Crédits 2025 » ou « Réserve »"):
        operations.engager([ej("1", (e.b1, 500))], par=e.agent)
    demande = DemandeDEngagement("1", date(2025, 5, 10), [LigneDEngagement(e.b1, euros(500), reserve)])
    [engagement] = operations.engager([demande], par=e.agent)
    assert engagement.lignes.get().enveloppe == reserve
    with refuse("dépassent ce qui reste à engager, 0,00 € sur 500,00 €"):
        operations.engager([DemandeDEngagement("2", date(2025, 5, 10), demande.lignes)], par=e.agent)


def test_une_enveloppe_qui_n_accorde_rien_a_l_action_est_refusee(e):
    reserve = EnveloppeFactory(exercice=e.exercice, libelle="Réserve")
    ligne = LigneDEngagement(e.b1, euros(500), reserve)
    with refuse("« Réserve » ne lui accorde rien. Engager sur « Crédits 2025 »"):
        operations.engager([DemandeDEngagement("1", date(2025, 5, 10), [ligne])], par=e.agent)


def test_sans_aucune_enveloppe_la_ligne_n_en_a_pas(e):
    action = action_programmee(800, exercice=ExerciceFactory(annee=2026))
    agent = habiliter(Role.AGENT, departement=action.exercice.departement)
    [engagement] = operations.engager([ej("1", (action, 800), jour=date(2026, 5, 1))], par=agent)
    assert engagement.lignes.get().enveloppe is None


def test_on_n_engage_pas_plus_que_l_accorde_sauf_le_responsable_avec_un_motif(e):
    operations.engager([ej("1", (e.b1, 5000))], par=e.agent)
    trop = [ej("2", (e.b1, 1001))]
    with refuse("dépassent ce qui reste à engager, 1 000,00 € sur 6 000,00 €"):
        operations.engager(trop, par=e.agent, motif="Urgent")
    with pytest.raises(MotifExige):
        operations.engager(trop, par=e.responsable)
    [engagement] = operations.engager(trop, par=e.responsable, motif="Complément en cours de signature")
    assert engagement.lignes.get().history.get().history_change_reason == "Complément en cours de signature"


def test_un_lot_ne_compte_pas_deux_fois_ce_qui_reste_a_engager_d_une_action(e):
    """6 400 € accordés par trois enveloppes, 6 000 engagés sur la première, qui n'en accorde plus que 5 400 : il reste
    400 € en tout, et non 400 sur chacune des deux autres."""
    autres = [EnveloppeFactory(exercice=e.exercice, libelle=nom) for nom in ("Réserve", "Été")]
    for enveloppe in autres:
        MouvementFactory(enveloppe=enveloppe, nature="notification", ae=euros(1000))
        DecisionFactory(action=e.b1, nature="complement", montant=euros(500), enveloppe=enveloppe)
    premiere = LigneDEngagement(e.b1, euros(6000), e.enveloppe)
    operations.engager([DemandeDEngagement("1", date(2025, 5, 10), [premiere])], par=e.agent)
    DecisionFactory(action=e.b1, nature="diminution", montant=euros(-600), enveloppe=e.enveloppe)

    def engager(*montants):
        lignes = [LigneDEngagement(e.b1, euros(m), autre) for m, autre in zip(montants, autres, strict=True) if m]
        operations.engager([DemandeDEngagement("2", date(2025, 5, 10), lignes)], par=e.agent)

    with refuse("800,00 € dépassent ce qui reste à engager en tout, 400,00 € sur 6 400,00 € accordés."):
        engager(400, 400)
    with refuse("500,00 € dépassent ce qui reste à engager en tout, 400,00 €"):
        engager(500, 0)
    with refuse("600,00 € dépassent ce qui reste à engager, 500,00 € sur 500,00 € accordés. Seul"):
        engager(600, 0)
    engager(150, 250)


def test_on_n_engage_pas_plus_que_le_notifie_de_l_enveloppe_ni_de_sa_mere(e):
    mere = EnveloppeFactory(exercice=e.exercice, libelle="Mère")
    e.enveloppe.parent = mere
    e.enveloppe.save()
    MouvementFactory(enveloppe=mere, nature="notification", ae=euros(7000))
    with refuse("« Mère » (enveloppe mère) : 7 001,00 € dépassent le notifié qui reste à engager (7 000,00 €)"):
        operations.engager([ej("1", (e.b1, 5000), (e.b2, 2001))], par=e.agent)
    assert not Engagement.objects.exists()
    operations.engager([ej("1", (e.b1, 5000), (e.b2, 2000))], par=e.agent)


@pytest.mark.parametrize("statut", [s for s in StatutAction if s not in (StatutAction.PROGRAMMEE, "brouillon")])
def test_seule_une_action_programmee_s_engage(e, statut):
    action = ActionFactory(exercice=e.exercice, contrat=e.caen, statut=statut)
    with refuse("Seule une action programmée s’engage"):
        operations.engager([ej("1", (e.b1, 100), (action, 100))], par=e.agent)
    assert not LigneEngagement.objects.exists()


def test_un_ej_ne_s_enregistre_qu_une_fois_par_exercice(e):
    operations.engager([ej("2101000001", (e.b1, 100))], par=e.agent)
    with refuse("Cet EJ est déjà enregistré dans l’exercice"):
        operations.engager([ej("210 100 0001", (e.b2, 100))], par=e.agent)


def test_un_ej_n_engage_que_des_actions_d_un_meme_exercice(e):
    autre = action_programmee(exercice=ExerciceFactory(annee=2026))
    with refuse("d’un même exercice"):
        operations.engager([ej("1", (e.b1, 100), (autre, 100))], par=e.agent)


@pytest.mark.parametrize(("jour", "phrase"), [(date(2023, 12, 31), "vérifier l’année"), (date(2099, 1, 1), "futur")])
def test_un_ej_est_date_ni_trop_tot_ni_dans_le_futur(e, jour, phrase):
    with refuse(phrase):
        operations.engager([ej("1", (e.b1, 100), jour=jour)], par=e.agent)


def test_completer_un_ej_que_quelqu_un_a_change_entre_temps_n_ecrit_rien(e):
    [engagement] = operations.engager([ej("1", (e.b1, 100))], par=e.agent)
    [ligne] = operations.completer_l_engagement(engagement, [LigneDEngagement(e.b2, euros(200))], par=e.agent, vues=1)
    assert (ligne.engagement, ligne.ae) == (engagement, euros(200))
    with pytest.raises(EntreTemps):
        operations.completer_l_engagement(engagement, [LigneDEngagement(e.b2, euros(200))], par=e.agent, vues=1)


def test_un_lecteur_un_delegue_un_agent_d_ailleurs_n_engagent_pas(e):
    gard = DepartementFactory(code="30")
    for personne in (
        habiliter(Role.LECTEUR, departement=e.exercice.departement),
        habiliter(Role.DELEGUE, contrat=e.caen),
        habiliter(Role.AGENT, departement=gard),
    ):
        with pytest.raises(DroitManquant):
            operations.engager([ej("1", (e.b1, 100))], par=personne)


# --- Désengager, corriger ---


def test_un_desengagement_est_une_ligne_negative_motivee_qui_ne_touche_pas_au_paye(e):
    [engagement] = operations.engager([ej("1", (e.b1, 5000))], par=e.agent)
    ligne = engagement.lignes.get()
    operations.payer([paiement(ligne, NaturePaiement.AVANCE, 3000, date(2025, 6, 1))], par=e.agent)
    with pytest.raises(MotifExige):
        operations.desengager(ligne, euros(100), par=e.agent, motif=" ")
    with refuse("Au plus 2 000,00 € : 5 000,00 € engagés, dont 3 000,00 € payés"):
        operations.desengager(ligne, euros("2000,01"), par=e.agent, motif="Réduite")
    rendue = operations.desengager(ligne, euros(2000), par=e.agent, motif="Réduite")
    assert (rendue.ae, rendue.enveloppe, rendue.engagement) == (euros(-2000), e.enveloppe, engagement)
    with refuse("dépassent ce qui reste à payer, 0,00 €"):
        operations.payer([paiement(ligne, NaturePaiement.SOLDE, 1, date(2025, 7, 1))], par=e.agent)
    operations.engager([ej("2", (e.b1, 3000))], par=e.agent)  # les crédits rendus s'engagent à nouveau


def test_une_ligne_fausse_se_retire_avec_un_motif_et_l_ej_vide_disparait(e):
    [engagement] = operations.engager([ej("1", (e.b1, 5000))], par=e.agent)
    ligne = engagement.lignes.get()
    [paye] = operations.payer([paiement(ligne, NaturePaiement.AVANCE, 3000, date(2025, 6, 1))], par=e.agent)
    with refuse("a des paiements"):
        operations.retirer_la_ligne(ligne, par=e.agent, motif="Erreur")
    operations.retirer_le_paiement(paye, par=e.agent, motif="Erreur")
    operations.retirer_la_ligne(ligne, par=e.agent, motif="Erreur")
    assert not Engagement.objects.exists()
    assert LigneEngagement.history.filter(history_type="-").get().history_change_reason == "Erreur"


def test_retirer_un_desengagement_rengage_et_ne_depasse_pas_l_accorde_sans_motif_du_responsable(e):
    """Les 2 000 € rendus sont engagés ailleurs : les reprendre engagerait 8 000 € des 6 000 accordés."""
    [engagement] = operations.engager([ej("1", (e.b1, 6000))], par=e.agent)
    rendue = operations.desengager(engagement.lignes.get(), euros(2000), par=e.agent, motif="Réduite")
    [ailleurs] = operations.engager([ej("2", (e.b1, 2000))], par=e.agent)
    with refuse("« B1 » : 2 000,00 € dépassent ce qui reste à engager, 0,00 € sur 6 000,00 € accordés"):
        operations.retirer_la_ligne(rendue, par=e.agent, motif="Erreur")
    operations.retirer_la_ligne(ailleurs.lignes.get(), par=e.agent, motif="Erreur")
    operations.retirer_la_ligne(rendue, par=e.agent, motif="Erreur")
    assert [ligne.ae for ligne in LigneEngagement.objects.all()] == [euros(6000)]


def test_un_ej_se_corrige_avec_un_motif_jamais_apres_son_premier_paiement(e):
    [engagement] = operations.engager([ej("1", (e.b1, 5000))], par=e.agent)
    operations.payer([paiement(engagement.lignes.get(), NaturePaiement.AVANCE, 1, date(2025, 6, 1))], par=e.agent)
    with refuse("Un paiement de cet EJ date déjà du 01/06/2025"):
        operations.corriger_l_engagement(engagement, "1", date(2025, 6, 2), par=e.agent, motif="Faute")
    operations.corriger_l_engagement(engagement, "21 2", date(2025, 6, 1), par=e.agent, motif="Faute")
    engagement.refresh_from_db()
    assert (engagement.numero, engagement.date) == ("212", date(2025, 6, 1))


def test_deux_agents_qui_corrigent_le_meme_ej_ne_s_effacent_pas(e):
    [engagement] = operations.engager([ej("1", (e.b1, 5000))], par=e.agent)
    lue = operations.version_lue(engagement)

    def corriger(numero):
        operations.corriger_l_engagement(engagement, numero, date(2025, 5, 10), par=e.agent, motif="Faute", lue=lue)

    corriger("2")
    corriger("2")  # le même envoi, répété, n'ajoute pas d'histoire
    assert engagement.history.count() == 2
    with pytest.raises(ObjetChange, match="L’EJ 2 a changé entre-temps"):
        corriger("3")
    assert Engagement.objects.get().numero == "2"


def test_un_ej_retire_entre_temps_se_dit_et_ne_casse_rien(e):
    [engagement] = operations.engager([ej("1", (e.b1, 5000))], par=e.agent)
    lu = Engagement.objects.get(pk=engagement.pk)
    operations.retirer_la_ligne(engagement.lignes.get(), par=e.agent, motif="Erreur")
    with pytest.raises(EntreTemps, match="n’existe plus"):
        operations.corriger_l_engagement(lu, "2", date(2025, 6, 2), par=e.agent, motif="Faute")
    with pytest.raises(EntreTemps, match="n’existe plus"):
        operations.completer_l_engagement(lu, [LigneDEngagement(e.b2, euros(100))], par=e.agent)


# --- Payer ---


@pytest.fixture
def ligne(e):
    [engagement] = operations.engager([ej("1", (e.b1, 1000))], par=e.agent)
    return engagement.lignes.get()


@pytest.mark.parametrize(
    ("nature", "montant", "jour", "phrase"),
    [
        ("acompte", "1000,01", date(2025, 6, 1), "dépassent ce qui reste à payer, 1 000,00 €"),
        ("acompte", 0, date(2025, 6, 1), "supérieur à zéro"),
        ("acompte", 100, date(2025, 5, 9), "Un paiement suit son engagement, daté du 10/05/2025"),
        ("acompte", 100, date(2099, 6, 1), "dans le futur"),
        ("reversement", 1, date(2025, 6, 1), "Le porteur ne rend pas plus que les 0,00 € reçus"),
    ],
)
def test_un_paiement_impossible_est_refuse_en_francais(e, ligne, nature, montant, jour, phrase):
    with refuse(phrase):
        operations.payer([paiement(ligne, nature, montant, jour)], par=e.agent)
    assert not Paiement.objects.exists()


def test_un_lot_de_paiements_est_tout_ou_rien_et_tient_compte_de_lui_meme(e, ligne):
    lot = [paiement(ligne, NaturePaiement.ACOMPTE, 600, date(2025, 6, 1)) for _ in range(2)]
    with refuse("reste à payer, 400,00 €"):
        operations.payer(lot, par=e.agent)
    assert not Paiement.objects.exists()


def test_un_reversement_est_negatif_et_rouvre_le_reste_a_payer(e, ligne):
    operations.payer([paiement(ligne, NaturePaiement.SOLDE, 1000, date(2025, 6, 1))], par=e.agent)
    [rendu] = operations.payer([paiement(ligne, NaturePaiement.REVERSEMENT, "250,50", date(2025, 7, 1))], par=e.agent)
    assert rendu.cp == euros("-250,50")
    chiffres = execution_de(e.b1)
    assert (chiffres.paye, chiffres.reverse, chiffres.net_paye) == (euros(1000), euros("250,50"), euros("749,50"))


@pytest.mark.parametrize("suite", ["payer", "désengager"])
def test_retirer_un_reversement_ne_laisse_pas_payer_plus_que_l_engage(e, ligne, suite):
    """1 000 € payés, 250,50 rendus, puis payés à nouveau ou désengagés : sans ce reversement, 250,50 € de trop."""
    operations.payer([paiement(ligne, NaturePaiement.AVANCE, 1000, date(2025, 6, 1))], par=e.agent)
    [rendu] = operations.payer([paiement(ligne, NaturePaiement.REVERSEMENT, "250,50", date(2025, 7, 1))], par=e.agent)
    if suite == "payer":
        operations.payer([paiement(ligne, NaturePaiement.SOLDE, "250,50", date(2025, 8, 1))], par=e.agent)
        payes, engages = "1 250,50 €", "1 000,00 €"
    else:
        operations.desengager(ligne, euros("250,50"), par=e.agent, motif="Rendu")
        payes, engages = "1 000,00 €", "749,50 €"
    with refuse(f"Sans ce reversement, {payes} seraient payés pour {engages} engagés"):
        operations.retirer_le_paiement(rendu, par=e.agent, motif="Erreur")
    assert Paiement.objects.filter(pk=rendu.pk).exists()


def test_le_meme_paiement_renvoye_ne_compte_pas_deux_fois(e, ligne):
    envoi = paiement(ligne, NaturePaiement.ACOMPTE, 300, date(2025, 6, 1), vus=0)
    operations.payer([envoi], par=e.agent)
    with pytest.raises(EntreTemps):
        operations.payer([envoi], par=e.agent)
    assert Paiement.objects.count() == 1


# --- Justifier ---


def justifier(e, action, version=None, **valeurs):
    recue = {"etat": EtatJustification.RECUE, "recue_le": date(2026, 3, 1)}
    [justification] = operations.justifier([DemandeDeJustification(action, recue | valeurs, version)], par=e.agent)
    return justification


def test_la_justification_a_sa_version_et_l_action_garde_la_sienne(e):
    premiere = justifier(e, e.b1, version=0)
    assert (premiere.version, premiere.history.get().history_user) == (1, e.agent)
    justifier(e, e.b1, version=1, depense=euros(100))
    with pytest.raises(JustificationChangee) as refus:
        justifier(e, e.b1, version=1, depense=euros(200))
    assert refus.value.justification.depense == euros(100)
    assert justifier(e, e.b1, version=2, depense=euros(100)).version == 2  # rien n'a changé : rien ne s'écrit
    e.b1.refresh_from_db()
    assert e.b1.version == 1


@pytest.mark.parametrize(
    ("valeurs", "phrase"),
    [
        ({"recue_le": None}, "Dire quand elle a été reçue"),
        ({"recue_le": date(2099, 1, 1)}, "dans le futur"),
        ({"recue_le": date(2024, 12, 31)}, "L’action ne commence que le 01/01/2025"),
        ({"etat": "attendue"}, "n’a pas de date de réception"),
        ({"etat": "attendue", "recue_le": None, "depense": Decimal(1)}, "Rien n’est reçu"),
        ({"etat": "validee"}, "dit ce qui a été dépensé"),
        ({"prorogation_jusqu_au": date(2025, 12, 31)}, "au-delà de la fin prévue"),
        ({"non_utilise": Decimal("6000.01")}, "Pas plus que les 6 000,00 € accordés"),
        ({"suite": "report", "suite_le": date(2026, 3, 1)}, "Une suite porte sur du P147 non utilisé"),
        ({"suite": "report", "non_utilise": Decimal(5)}, "La suite donnée se date"),
        ({"suite_le": date(2026, 3, 1)}, "Choisir la suite donnée"),
        (
            {"suite": "reversement_demande", "suite_le": date(2026, 3, 1), "non_utilise": Decimal(5)},
            "n’a reçu que 0,00 €",
        ),
    ],
)
def test_une_justification_incoherente_est_refusee(e, valeurs, phrase):
    with refuse(phrase):
        justifier(e, e.b1, **valeurs)
    assert not Justification.objects.exists()


def test_une_action_non_programmee_n_a_rien_a_justifier(e):
    with refuse("n’a rien à justifier"):
        justifier(e, ActionFactory(exercice=e.exercice, contrat=e.caen))


def test_le_porteur_d_une_action_deprogrammee_rend_ce_qu_il_a_recu(e, ligne):
    """1 000 € payés, puis tout l'accordé retiré : le non utilisé se borne au payé, et rien n'est justifié."""
    operations.payer([paiement(ligne, NaturePaiement.AVANCE, 1000, date(2025, 6, 1))], par=e.agent)
    retrait = operations.DemandeDeDecision(e.b1, NatureDecision.DEPROGRAMMATION)
    operations.decider([retrait], par=e.agent, motif="Action abandonnée")
    percu = {"suite": SuiteJustification.REVERSEMENT_PERCU, "suite_le": date(2026, 4, 1)}
    with refuse("Pas plus que les 1 000,00 € payés"):
        justifier(e, e.b1, non_utilise=euros("1000,01"), **percu)
    justifier(e, e.b1, etat=EtatJustification.VALIDEE, depense=euros(0), non_utilise=euros(1000), **percu)
    lue = execution_de(e.b1)
    assert (lue.accorde, lue.net_paye, lue.reverse, lue.justifie) == (euros(0), euros(0), euros(1000), euros(0))
    assert lue.non_utilise == euros(1000)
    assert la_liste_dit_le_justifie(e) == {"B1": None, "B2": None}


def test_un_reversement_percu_ecrit_le_paiement_negatif_qui_manque_et_lui_seul(e, ligne):
    operations.payer([paiement(ligne, NaturePaiement.SOLDE, 1000, date(2025, 6, 1))], par=e.agent)
    operations.payer([paiement(ligne, NaturePaiement.REVERSEMENT, 100, date(2026, 3, 1))], par=e.agent)
    percu = {"suite": SuiteJustification.REVERSEMENT_PERCU, "suite_le": date(2026, 4, 1)}
    justifier(e, e.b1, non_utilise=euros("400,50"), **percu)
    rendus = Paiement.objects.filter(nature=NaturePaiement.REVERSEMENT).values_list("cp", "date")
    assert list(rendus) == [(euros(-100), date(2026, 3, 1)), (euros("-300,50"), date(2026, 4, 1))]
    rendu = Paiement.objects.order_by("pk").last()
    with refuse("La justification dit ce reversement perçu"):
        operations.retirer_le_paiement(rendu, par=e.agent, motif="Erreur")


def test_un_reversement_percu_sur_deux_lignes_dit_d_enregistrer_le_paiement_d_abord(e):
    for numero in "12":
        [engagement] = operations.engager([ej(numero, (e.b1, 1000))], par=e.agent)
        operations.payer([paiement(engagement.lignes.get(), NaturePaiement.SOLDE, 1000, date(2025, 6, 1))], par=e.agent)
    percu = {"suite": SuiteJustification.REVERSEMENT_PERCU, "suite_le": date(2026, 4, 1)}
    with refuse("Enregistrer d’abord le reversement de 400,00 €"):
        justifier(e, e.b1, non_utilise=euros(400), **percu)
    assert not Justification.objects.exists()


# --- Suivre un autre financeur ---


def test_avant_la_cloture_un_vote_s_ecrit_dans_le_plan_et_un_versement_se_suit(e):
    ville = cofinancement(e.b1, FinanceurFactory(), 1000, 800)
    vote = VoteOuVersement(date(2025, 9, 1), EtatFinancement.ACQUIS, euros(900), None)
    with refuse("Avant la clôture, un vote s’écrit dans le plan"):
        operations.suivre_un_financement(ville, vote, par=e.agent)
    versement = VoteOuVersement(date(2025, 9, 1), EtatFinancement.ACQUIS, euros(800), euros(400))
    operations.suivre_un_financement(ville, versement, par=e.agent, vus=0)
    with pytest.raises(EntreTemps):
        operations.suivre_un_financement(ville, versement, par=e.agent, vus=0)
    assert SuiviFinancement.objects.count() == 1
    ville.refresh_from_db()
    assert ville.verse is None
    lus = synthese_d_execution(Action.objects.all(), avec_cofinancements=True).cofinancements
    assert (lus.acquis, lus.verse, lus.suivis) == (euros(800), euros(400), 1)


def test_apres_la_cloture_le_vote_tardif_se_lit_dans_la_seule_execution(e):
    ville = cofinancement(e.b1, FinanceurFactory(), 1000)
    e.exercice.statut = StatutExercice.CLOS
    e.exercice.save()
    vote = VoteOuVersement(date(2026, 2, 1), EtatFinancement.ACQUIS, euros(900), euros(450))
    operations.suivre_un_financement(ville, vote, par=e.agent)
    ville.refresh_from_db()
    assert (ville.etat, ville.accorde) == (EtatFinancement.SOLLICITE, None)
    lus = synthese_d_execution(Action.objects.all(), avec_cofinancements=True).cofinancements
    assert (lus.acquis, lus.verse) == (euros(900), euros(450))


@pytest.mark.parametrize(
    ("fait", "phrase"),
    [
        (VoteOuVersement(date(2026, 2, 1), EtatFinancement.ACQUIS), "annoncé ou acquis : dire combien"),
        (VoteOuVersement(date(2026, 2, 1), EtatFinancement.ACQUIS, Decimal(10), Decimal(11)), "Pas plus que les 10,00"),
        (VoteOuVersement(date(2099, 2, 1), EtatFinancement.REFUSE, Decimal(0)), "dans le futur"),
    ],
)
def test_un_suivi_incoherent_est_refuse(e, fait, phrase):
    ville = cofinancement(e.b1, FinanceurFactory(), 1000)
    e.exercice.statut = StatutExercice.CLOS
    e.exercice.save()
    with refuse(phrase):
        operations.suivre_un_financement(ville, fait, par=e.agent)


def test_une_ligne_du_plan_retiree_entre_temps_se_dit_et_ne_casse_rien(e):
    caf = cofinancement(e.b1, FinanceurFactory(), 1000, etat=EtatFinancement.SOLLICITE)
    lue = Financement.objects.get(pk=caf.pk)
    caf.delete()
    with refuse("Cette ligne du plan n’existe plus"):
        operations.suivre_un_financement(lue, VoteOuVersement(date(2025, 6, 1), EtatFinancement.SOLLICITE), par=e.agent)


def test_la_ligne_p147_ne_se_suit_pas_comme_un_cofinanceur(e):
    p147 = e.b1.financements.get()
    fait = VoteOuVersement(date(2025, 9, 1), EtatFinancement.ACQUIS, euros(6000), euros(1))
    with refuse("Le P147 se suit par ses engagements"):
        operations.suivre_un_financement(p147, fait, par=e.agent)


# --- Les règles datées ---


def test_la_valeur_du_departement_l_emporte_a_sa_date():
    calvados, gard = DepartementFactory(), DepartementFactory(code="30")
    commun = {"code": CodeParametre.DELAI_JUSTIFICATION, "source": "Essai"}
    Parametre.objects.create(depuis=date(2000, 1, 1), valeur=6, **commun)
    Parametre.objects.create(depuis=date(2026, 1, 1), valeur=3, departement=gard, **commun)
    regle = Regle(CodeParametre.DELAI_JUSTIFICATION)
    assert regle.valeur(calvados.pk, date(2026, 6, 1)) == 6
    assert [regle.valeur(gard.pk, date(annee, 6, 1)) for annee in (1999, 2025, 2026)] == [None, 6, 3]


@pytest.mark.parametrize(
    ("fin", "jour", "en_retard"),
    [
        (date(2025, 12, 31), date(2026, 6, 30), False),
        (date(2025, 12, 31), date(2026, 7, 1), True),
        (date(2025, 8, 31), date(2026, 2, 28), False),
        (date(2025, 8, 31), date(2026, 3, 1), True),
        (date(2026, 2, 28), date(2026, 8, 29), True),
    ],
)
def test_le_retard_est_le_meme_en_sql_et_en_python(fin, jour, en_retard):
    delai()
    action = action_programmee(exercice=ExerciceFactory(annee=2025), date_fin=fin)
    ligne = ligne_de_justification(action, Regle(CodeParametre.DELAI_JUSTIFICATION), jour)
    assert ligne.en_retard is en_retard
    assert en_retard_de_justification(Action.objects.all(), jour).exists() is en_retard


def test_une_prorogation_repousse_l_echeance_et_un_compte_rendu_recu_l_eteint(e):
    delai()
    jour = date(2026, 7, 1)
    assert set(en_retard_de_justification(Action.objects.all(), jour)) == {e.b1, e.b2}
    valeurs = {"etat": EtatJustification.ATTENDUE, "prorogation_jusqu_au": date(2026, 1, 31)}
    operations.justifier([DemandeDeJustification(e.b1, valeurs)], par=e.agent)
    justifier(e, e.b2)
    assert not en_retard_de_justification(Action.objects.all(), jour).exists()
    assert set(en_retard_de_justification(Action.objects.all(), date(2026, 8, 1))) == {e.b1}
    justifier(e, e.b2, etat=EtatJustification.A_COMPLETER)
    assert set(en_retard_de_justification(Action.objects.all(), jour)) == {e.b2}


def test_sans_delai_connu_rien_n_est_en_retard(e):
    assert not en_retard_de_justification(Action.objects.all(), date(2030, 1, 1)).exists()


def test_le_classeur_dit_les_retards_du_jour_qu_il_est_a_paris(e):
    """Due le 30/06/2026 : à 22 h 30 UTC, il est déjà le 1er juillet en France."""
    delai()
    demande = Demande(
        e.exercice, Action.objects.all(), ChoixDeBase(), "DDETS", datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    )
    lues = lire_l_execution(demande, gabarit_2024).execution.lignes
    assert [ligne["justification"] for ligne in lues] == ["En retard", "En retard"]
