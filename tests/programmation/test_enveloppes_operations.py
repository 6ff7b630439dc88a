"""Les gestes sur les enveloppes : créer, modifier, doter, redéployer, annuler, déclarer la notification complète."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from comptes.enums import Role
from programmation import operations
from programmation.enums import NatureDecision, NatureMouvement, StatutExercice
from programmation.models import Decision, Enveloppe, MouvementEnveloppe
from programmation.operations import (
    DejaEnregistre,
    DemandeDeDecision,
    DroitManquant,
    MotifExige,
    OperationRefusee,
)
from programmation.synthese import Credits, barre, plafond
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    action_programmee,
    euros,
    habiliter,
    p147,
)
from tests.programmation.exemple_enveloppes import mouvement

pytestmark = pytest.mark.django_db

JOUR = date(2026, 3, 2)


@pytest.fixture
def responsable():
    return habiliter(Role.RESPONSABLE)


@pytest.fixture
def mere(responsable):
    return operations.creer_une_enveloppe(ExerciceFactory(), "P147", par=responsable)


@pytest.fixture
def filles(mere, responsable):
    """Deux filles de 600 et 300 €, dans une mère de 1 000 € ; tout est prévu."""
    doter(responsable, mere, 1_000)
    filles = [
        operations.creer_une_enveloppe(mere.exercice, nom, par=responsable, parent=mere) for nom in ("Caen", "Lisieux")
    ]
    for fille, montant in zip(filles, (600, 300), strict=True):
        doter(responsable, fille, montant)
    return filles


def un_mouvement(enveloppe, ae, cp=None, nature=NatureMouvement.PREVISION, **champs):
    cp = ae if cp is None else cp
    return MouvementEnveloppe(
        enveloppe=enveloppe, nature=nature, ae=euros(ae), cp=euros(cp), **{"date": JOUR, **champs}
    )


def doter(par, enveloppe, ae, cp=None, nature=NatureMouvement.PREVISION, **champs):
    return operations.enregistrer_des_mouvements([un_mouvement(enveloppe, ae, cp, nature, **champs)], par=par)


def redeployer(par, source, cible, ae, cp=None, nature=NatureMouvement.PREVISION, motif="Sous-consommation", **options):
    credits = Credits(euros(ae), euros(ae if cp is None else cp))
    return operations.redeployer(source, cible, credits, par=par, date=JOUR, motif=motif, nature=nature, **options)


# --- Relever une sous-enveloppe ---


@pytest.mark.parametrize(("ae", "cp"), [("100,01", 0), (0, "100,01")])
def test_une_sous_enveloppe_n_est_relevee_au_dessus_de_sa_mere_ni_en_ae_ni_en_cp(responsable, filles, ae, cp):
    """600 + 300 + 100 = 1 000 € : un centime de plus ne tient pas."""
    doter(responsable, filles[0], 100)
    operations.annuler_un_mouvement(MouvementEnveloppe.objects.latest("pk"), par=responsable, motif="Essai")
    with pytest.raises(OperationRefusee, match="P147"):
        doter(responsable, filles[0], ae, cp)
    assert plafond(filles[0]) == euros(600)


def test_une_mere_et_ses_filles_se_relevent_ensemble(responsable, mere, filles):
    lot = [un_mouvement(filles[0], 500), un_mouvement(mere, 500)]
    operations.enregistrer_des_mouvements(lot, par=responsable)
    assert (plafond(mere), plafond(filles[0])) == (euros(1500), euros(1100))


def test_un_gel_impose_ramene_la_mere_sous_ses_filles_et_ne_bloque_que_ce_qui_releve(responsable, mere, filles):
    doter(responsable, mere, -500)
    assert barre(mere).non_reparti.ae == euros(-400)
    doter(responsable, filles[1], -100)
    with pytest.raises(OperationRefusee):
        doter(responsable, filles[0], 1)
    redeployer(responsable, filles[0], filles[1], 50)
    assert [plafond(fille) for fille in filles] == [euros(550), euros(250)]


def test_declarer_une_fille_notifiee_ne_la_releve_pas_au_dessus_de_sa_mere(responsable, mere, filles):
    """800 notifiés à Caen avant que la mère le soit : 800 + 300 ne tiennent pas dans 1 000 € prévus."""
    doter(responsable, filles[0], 800, nature=NatureMouvement.NOTIFICATION)
    with pytest.raises(OperationRefusee, match="P147"):
        operations.declarer_la_notification_complete(filles[0], JOUR, par=responsable)
    assert Enveloppe.objects.get(pk=filles[0].pk).notification_complete_le is None


def test_la_notification_complete_se_retire_avec_un_motif(responsable, mere):
    operations.declarer_la_notification_complete(mere, JOUR, par=responsable)
    with pytest.raises(MotifExige):
        operations.declarer_la_notification_complete(mere, None, par=responsable)
    operations.declarer_la_notification_complete(mere, None, par=responsable, motif="Un complément est annoncé")
    assert Enveloppe.objects.get(pk=mere.pk).notification_complete_le is None


# --- Redéployer ---


def test_redeployer_ecrit_deux_mouvements_opposes_d_un_meme_geste(responsable, filles):
    geste = uuid4()
    paire = redeployer(responsable, *filles, "123,45", "100,00", geste=geste, reference="Note 12")
    lus = MouvementEnveloppe.objects.filter(geste=geste).order_by("pk")
    assert [(m.enveloppe, m.ae, m.cp, m.motif, m.reference, m.auteur) for m in lus] == [
        (filles[0], euros("-123,45"), euros(-100), "Sous-consommation", "Note 12", responsable),
        (filles[1], euros("123,45"), euros(100), "Sous-consommation", "Note 12", responsable),
    ]
    assert [m.pk for m in paire] == [m.pk for m in lus]


def test_le_meme_envoi_n_est_enregistre_qu_une_fois(responsable, filles):
    geste = uuid4()
    redeployer(responsable, *filles, 10, geste=geste)
    with pytest.raises(DejaEnregistre):
        redeployer(responsable, *filles, 10, geste=geste)
    assert plafond(filles[0]) == euros(590)


@pytest.mark.parametrize(
    ("vers", "champ"), [("elle-même", "cible"), ("sa mère", "cible"), ("un autre exercice", "cible"), ("rien", "ae")]
)
def test_un_redeploiement_impossible_dit_pourquoi(responsable, mere, filles, vers, champ):
    ailleurs = EnveloppeFactory(exercice=ExerciceFactory(annee=2025))
    cible = {"elle-même": filles[0], "sa mère": mere, "un autre exercice": ailleurs}.get(vers, filles[1])
    with pytest.raises(OperationRefusee) as refus:
        redeployer(responsable, filles[0], cible, 0 if vers == "rien" else 10)
    assert list(refus.value.message_dict) == [champ]
    assert MouvementEnveloppe.objects.count() == 3


def test_on_ne_redeploie_ni_plus_que_l_enveloppe_n_a_ni_ce_qu_elle_a_accorde(responsable, filles):
    action_programmee(550, enveloppe=filles[0])
    with pytest.raises(OperationRefusee, match="n’a que 600,00"):
        redeployer(responsable, *filles, "600,01")
    with pytest.raises(OperationRefusee, match="a déjà accordé le reste : 50,00"):
        redeployer(responsable, *filles, "50,01")
    redeployer(responsable, *filles, 50)
    assert barre(filles[0]).reste_a_decider == euros(0)


def test_une_mere_ne_redeploie_pas_ce_qu_elle_a_reparti(responsable, mere, filles):
    autre = operations.creer_une_enveloppe(mere.exercice, "Été", par=responsable)
    with pytest.raises(OperationRefusee, match="a réparti"):
        redeployer(responsable, mere, autre, "100,01")
    redeployer(responsable, mere, autre, 100)
    assert plafond(autre) == euros(100)


def test_redeployer_des_credits_notifies_ne_touche_pas_la_prevision(responsable, filles):
    nature = NatureMouvement.REDEPLOIEMENT
    with pytest.raises(OperationRefusee, match="n’a que 0,00"):
        redeployer(responsable, *filles, 10, nature=nature)
    doter(responsable, filles[0], 100, nature=NatureMouvement.NOTIFICATION)
    redeployer(responsable, *filles, 10, nature=nature)
    assert [barre(fille).notifie.ae for fille in filles] == [euros(90), euros(10)]
    assert [plafond(fille) for fille in filles] == [euros(600), euros(300)]


# --- Annuler ---


@pytest.mark.parametrize(
    ("nature", "ae", "inverse"),
    [
        ("prevision", 100, "prevision"),
        ("notification", 100, "retrait"),
        ("complement", 100, "retrait"),
        ("gel", -100, "degel"),
        ("mise_en_reserve", -100, "degel"),
        ("degel", 100, "gel"),
        ("retrait", -100, "complement"),
    ],
)
def test_un_mouvement_s_annule_par_son_inverse_jamais_par_un_effacement(responsable, mere, nature, ae, inverse):
    [annule] = doter(responsable, mere, ae, nature=nature, reference="N1")
    [contraire] = operations.annuler_un_mouvement(annule, par=responsable, motif="Saisi deux fois")
    assert (contraire.nature, contraire.ae, contraire.cp) == (inverse, euros(-ae), euros(-ae))
    assert (contraire.annule, contraire.motif, contraire.reference) == (annule, "Saisi deux fois", "N1")
    assert barre(mere).notifie.ae == barre(mere).previsionnel.ae == euros(0)
    assert MouvementEnveloppe.objects.count() == 2


def test_un_mouvement_ne_s_annule_qu_une_fois_et_une_annulation_jamais(responsable, mere):
    [annule] = doter(responsable, mere, 100)
    [contraire] = operations.annuler_un_mouvement(annule, par=responsable, motif="Erreur")
    with pytest.raises(OperationRefusee, match="déjà annulé"):
        operations.annuler_un_mouvement(annule, par=responsable, motif="Erreur")
    with pytest.raises(OperationRefusee, match="saisir de nouveau"):
        operations.annuler_un_mouvement(contraire, par=responsable, motif="Erreur")
    with pytest.raises(MotifExige):
        operations.annuler_un_mouvement(doter(responsable, mere, 5)[0], par=responsable, motif="")


def test_les_deux_moities_d_un_redeploiement_s_annulent_ensemble(responsable, filles):
    paire = redeployer(responsable, *filles, 10, geste=uuid4())
    operations.annuler_un_mouvement(paire[1], par=responsable, motif="Erreur")
    assert [plafond(fille) for fille in filles] == [euros(600), euros(300)]


def test_annuler_un_redeploiement_ne_reprend_pas_ce_que_l_autre_a_accorde(responsable, filles):
    """Lisieux reçoit 200 € et en accorde 450 de ses 500 : il n'en rend que 50, par un redéploiement."""
    paire = redeployer(responsable, *filles, 200, geste=uuid4())
    action_programmee(450, enveloppe=filles[1])
    with pytest.raises(OperationRefusee, match="« Lisieux » a déjà accordé le reste : 50,00"):
        operations.annuler_un_mouvement(paire[0], par=responsable, motif="Erreur")
    assert plafond(filles[1]) == euros(500)
    redeployer(responsable, filles[1], filles[0], 50)
    assert barre(filles[1]).reste_a_decider == euros(0)


def test_annuler_un_retrait_ne_releve_pas_une_fille_au_dessus_de_sa_mere(responsable, mere, filles):
    [retire] = doter(responsable, filles[0], -400)
    doter(responsable, mere, -300)
    with pytest.raises(OperationRefusee, match="P147"):
        operations.annuler_un_mouvement(retire, par=responsable, motif="Erreur")


# --- Ce qu'un mouvement ne peut pas être ---


@pytest.mark.parametrize(
    ("champs", "mots"),
    [
        ({"date": date(206, 3, 1)}, "L’année doit être entre"),
        ({"date": date(2024, 12, 31)}, "vérifier l’année"),
        ({"ae": Decimal(0), "cp": Decimal(0)}, "en indiquer le montant"),
        ({"nature": "notification", "ae": Decimal(-5)}, "montant positif"),
        ({"nature": "gel"}, "montant négatif"),
    ],
)
def test_un_mouvement_invraisemblable_est_refuse(responsable, mere, champs, mots):
    mauvais = un_mouvement(mere, 5)
    for nom, valeur in champs.items():
        setattr(mauvais, nom, valeur)
    with pytest.raises(OperationRefusee, match=mots):
        operations.enregistrer_des_mouvements([mauvais], par=responsable)
    assert not MouvementEnveloppe.objects.exists()


def test_un_mouvement_n_est_pas_date_du_futur(responsable, mere):
    demain = timezone.localdate() + timedelta(days=1)
    with pytest.raises(OperationRefusee, match="futur"):
        doter(responsable, mere, 5, date=demain)


# --- Modifier ---


def test_une_enveloppe_modifiee_garde_ce_qu_elle_porte(responsable, mere):
    """Elle porte une action de Caen : elle peut devenir celle de Caen, pas celle de Lisieux."""
    caen, lisieux = ContratFactory(intitule="Caen"), ContratFactory(intitule="Lisieux")
    action_programmee(10, contrat=caen, enveloppe=mere)
    with pytest.raises(OperationRefusee, match="autre contrat"):
        operations.modifier_une_enveloppe(mere, {"contrat": lisieux}, par=responsable)
    modifiee = operations.modifier_une_enveloppe(mere, {"contrat": caen, "libelle": "Caen"}, par=responsable)
    assert (modifiee.contrat, str(modifiee)) == (caen, "Caen")
    assert modifiee.history.first().history_user == responsable


def test_deux_chefs_qui_modifient_la_meme_enveloppe_ne_s_effacent_pas(responsable, mere):
    autre, lue = habiliter(Role.RESPONSABLE), operations.version_lue(mere)
    operations.modifier_une_enveloppe(mere, {"libelle": "Caen"}, par=responsable, lue=lue)
    with pytest.raises(OperationRefusee, match=f"« Caen » a changé entre-temps, par {responsable}"):
        operations.modifier_une_enveloppe(mere, {"libelle": "Lisieux"}, par=autre, lue=lue)
    operations.modifier_une_enveloppe(mere, {"libelle": "Caen"}, par=responsable, lue=lue)  # le même envoi, répété
    assert Enveloppe.objects.get().libelle == "Caen"


def test_la_mere_est_relue_sous_le_verrou(responsable, mere, filles):
    """Deux pages ouvertes quand la mère était à tous les contrats ; elle est devenue celle de Caen."""
    caen, lue = ContratFactory(intitule="Caen"), Enveloppe.objects.get(pk=mere.pk)
    autre = operations.creer_une_enveloppe(mere.exercice, "Été", par=responsable)
    Enveloppe.objects.filter(exercice=mere.exercice).exclude(pk=autre.pk).update(contrat=caen)
    with pytest.raises(OperationRefusee, match="Choisir le contrat de l’enveloppe mère, « Caen »"):
        operations.creer_une_enveloppe(mere.exercice, "Automne", par=responsable, parent=lue)
    with pytest.raises(OperationRefusee, match="Choisir le contrat de l’enveloppe mère, « Caen »"):
        operations.modifier_une_enveloppe(autre, {"parent": lue}, par=responsable)


def test_une_mere_ne_change_pas_de_contrat_sans_ses_filles(responsable, mere, filles):
    with pytest.raises(OperationRefusee, match="Caen"):
        operations.modifier_une_enveloppe(mere, {"contrat": ContratFactory()}, par=responsable)


def test_une_enveloppe_ne_descend_pas_d_elle_meme(responsable, mere, filles):
    with pytest.raises(OperationRefusee, match="sous-enveloppes"):
        operations.modifier_une_enveloppe(mere, {"parent": filles[0]}, par=responsable)


def test_changer_de_mere_ne_depasse_pas_la_nouvelle(responsable, mere, filles):
    autre = operations.creer_une_enveloppe(mere.exercice, "Été", par=responsable)
    doter(responsable, autre, 500)
    with pytest.raises(OperationRefusee, match="Été"):
        operations.modifier_une_enveloppe(filles[0], {"parent": autre}, par=responsable)
    assert operations.modifier_une_enveloppe(filles[1], {"parent": autre}, par=responsable).parent == autre


def test_une_enveloppe_qui_porte_des_decisions_ne_se_divise_plus(responsable, mere):
    action_programmee(10, enveloppe=mere)
    with pytest.raises(OperationRefusee, match="divisée"):
        operations.creer_une_enveloppe(mere.exercice, "Caen", par=responsable, parent=mere)


# --- Qui, et quand ---


def gestes(par, enveloppe):
    autre = Enveloppe.objects.exclude(pk=enveloppe.pk).first()
    premier = enveloppe.mouvements.first()
    return [
        lambda: operations.creer_une_enveloppe(enveloppe.exercice, "Nouvelle", par=par),
        lambda: operations.modifier_une_enveloppe(enveloppe, {"libelle": "Autre"}, par=par),
        lambda: doter(par, enveloppe, -1),
        lambda: redeployer(par, enveloppe, autre, 1),
        lambda: operations.annuler_un_mouvement(premier, par=par, motif="Erreur"),
        lambda: operations.declarer_la_notification_complete(enveloppe, JOUR, par=par),
    ]


@pytest.mark.parametrize("role", [Role.AGENT, Role.DELEGUE, Role.LECTEUR, Role.PARTENAIRE])
def test_seul_le_responsable_tient_les_enveloppes(filles, role):
    for geste in gestes(habiliter(role), filles[0]):
        with pytest.raises(DroitManquant):
            geste()


def test_un_exercice_clos_ne_bouge_plus(responsable, filles):
    filles[0].exercice.statut = StatutExercice.CLOS
    filles[0].exercice.save()
    for geste in gestes(responsable, filles[0]):
        with pytest.raises(OperationRefusee, match="est clos"):
            geste()
    assert MouvementEnveloppe.objects.count() == 3


# --- Le dépassement d'une décision ---


@pytest.fixture
def decider(responsable):
    FinanceurFactory(p147=True)

    def decider_le_lot(*montants):
        demandes = []
        for enveloppe, montant in montants:
            action = ActionFactory()
            p147(action, 10_000)
            demandes.append(DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(montant), enveloppe))
        acceptes = dict.fromkeys(Enveloppe.objects.values_list("pk", flat=True), euros(10_000))
        operations.decider(demandes, par=responsable, motif="Arbitrage du préfet", depassements_acceptes=acceptes)
        return list(Decision.objects.order_by("pk").values_list("depassement", flat=True))

    return decider_le_lot


def test_chaque_decision_garde_ce_qu_elle_accorde_au_dela_du_reste(decider, filles):
    """Caen, 600 € : 500, puis 150 dont 50 de trop, puis 40 entièrement de trop."""
    assert decider(*[(filles[0], montant) for montant in (500, 150, 40)]) == [None, euros(50), euros(40)]


def test_le_depassement_est_le_plus_grand_manque_de_la_feuille_et_de_ses_meres(decider, responsable, mere, filles):
    """Gelée de 500, la mère n'a plus que 500 € : 600 à Caen la dépassent de 100, puis 300 à Lisieux de 300."""
    doter(responsable, mere, -500)
    assert decider((filles[0], 600), (filles[1], 300)) == [euros(100), euros(300)]


def test_une_enveloppe_deja_sur_programmee_fait_un_depassement_de_tout_le_montant(decider, responsable, filles):
    mouvement(filles[0], "prevision", -700)
    assert decider((filles[0], 30)) == [euros(30)]
