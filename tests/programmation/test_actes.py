"""Les actes : une décision n'est portée qu'une fois, un acte signé ne change plus, un avenant le remplace."""

from datetime import date
from types import SimpleNamespace

import pytest

from comptes.enums import Role
from programmation import operations
from programmation.enums import CodeParametre, Droit, Duree, EtatActe, NatureActe, NatureDecision, StatutExercice
from programmation.models import Acte, Action, Decision, Exercice, Parametre
from programmation.operations import ActeChange, DejaPorte, DroitManquant, MotifExige, OperationRefusee, SaisieDActe
from programmation.synthese.actes import (
    a_etablir,
    avec_montant,
    decisions_a_porter,
    proposer_une_nature,
    totaux_des_actes,
    versions,
)
from tests.fabriques import (
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    ExerciceFactory,
    OrganismeFactory,
    action_programmee,
    euros,
    habiliter,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def a():
    """Deux actions d'une association, 6 000 et 4 000 €, décidées le 15 avril 2025."""
    a = SimpleNamespace(exercice=ExerciceFactory(annee=2025), porteur=OrganismeFactory(nom="Les Tilleuls"))
    a.agent = habiliter(Role.AGENT, departement=a.exercice.departement)
    a.contrat = ContratFactory()
    commun = {"exercice": a.exercice, "contrat": a.contrat, "porteur": a.porteur}
    a.lecture = action_programmee(6000, intitule="Lecture", **commun)
    a.sport = action_programmee(4000, intitule="Sport", **commun)
    return a


def seuil(valeur=23_000):
    commun = {"code": CodeParametre.SEUIL_CONVENTION, "depuis": date(2001, 6, 10), "source": "Décret 2001-495"}
    return Parametre.objects.create(valeur=valeur, **commun)


def decisions_de(*actions):
    return list(Decision.objects.filter(action__in=actions).order_by("pk"))


def rediger(a, *actions, **options):
    saisie = {"nature": NatureActe.ARRETE, "objet": "Subvention 2025", "decisions": decisions_de(*actions)} | options
    return operations.rediger_un_acte(SaisieDActe(**saisie), par=a.agent)


def dater(a, acte, signe_le=date(2025, 5, 2), notifie_le=None, numero="", **options):
    champs = {"numero": numero or acte.numero or "", "signe_le": signe_le, "notifie_le": notifie_le}
    return operations.dater_un_acte(acte, **champs, par=a.agent, **options)


def phrases(refus):
    return " ".join(refus.value.messages)


# --- Rédiger ---


def test_un_acte_porte_plusieurs_decisions_d_un_organisme(a):
    acte = rediger(a, a.lecture, a.sport, texte="Entre\r\nnous  \r\n")
    assert (acte.organisme, acte.exercice, acte.etat) == (a.porteur, a.exercice, EtatActe.A_SIGNER)
    assert avec_montant(Acte.objects.all()).get().montant == euros(10_000)
    assert acte.texte == "Entre\nnous"
    assert acte.history.get().history_user == a.agent


def test_une_decision_n_est_portee_que_par_un_acte_en_vigueur(a):
    premier = rediger(a, a.lecture)
    with pytest.raises(DejaPorte) as refus:
        rediger(a, a.lecture, a.sport)
    assert refus.value.acte == premier
    assert "« Lecture », Attribution du 15/04/2025 : déjà portée par Arrêté attributif – Les Tilleuls." in phrases(
        refus
    )
    assert Acte.objects.count() == 1


def test_un_acte_ne_s_adresse_qu_a_un_organisme(a):
    autre = action_programmee(1000, exercice=a.exercice, contrat=a.contrat, porteur=OrganismeFactory(nom="Le Lien"))
    with pytest.raises(OperationRefusee, match="qu’à un organisme") as refus:
        rediger(a, a.lecture, autre)
    assert "« Les Tilleuls », « Le Lien »" in phrases(refus)


def test_deux_organismes_fusionnes_n_en_font_qu_un(a):
    ancien = OrganismeFactory(fusionne_dans=a.porteur)
    autre = action_programmee(1000, exercice=a.exercice, contrat=a.contrat, porteur=ancien)
    assert rediger(a, a.lecture, autre).organisme == a.porteur


def test_un_acte_ne_porte_qu_un_exercice(a):
    suivant = ExerciceFactory(annee=2026, departement=a.exercice.departement)
    autre = action_programmee(1000, exercice=suivant, contrat=a.contrat, porteur=a.porteur)
    with pytest.raises(OperationRefusee, match="même exercice ; celles-ci sont de 2025, 2026"):
        rediger(a, a.lecture, autre)


def test_un_ajournement_ne_se_porte_pas_par_un_acte(a):
    ajournee = action_programmee(1, exercice=a.exercice, contrat=a.contrat, porteur=a.porteur)
    decision = DecisionFactory(action=ajournee, nature=NatureDecision.AJOURNEMENT, montant=euros(0))
    with pytest.raises(OperationRefusee, match="« Ajournement » ne se porte pas par un acte"):
        rediger(a, decisions=[decision])


def test_le_numero_est_unique_dans_l_exercice(a):
    rediger(a, a.lecture, numero=" 2025-12 ")
    with pytest.raises(OperationRefusee) as refus:
        rediger(a, a.sport, numero="2025-12")
    assert refus.value.message_dict == {
        "numero": ["Arrêté attributif n° 2025-12 – Les Tilleuls porte déjà ce numéro dans l’exercice."]
    }


def test_sans_habilitation_sur_l_action_rien_ne_s_ecrit(a):
    lecteur = habiliter(Role.LECTEUR, departement=a.exercice.departement)
    ailleurs = habiliter(Role.AGENT, departement=DepartementFactory(code="30"))
    for personne in (lecteur, ailleurs):
        a.agent = personne
        with pytest.raises(DroitManquant):
            rediger(a, a.lecture)
    assert not Acte.objects.exists()


def test_un_acte_ne_change_ni_l_action_ni_son_exercice_clos(a):
    Exercice.objects.update(statut=StatutExercice.CLOS)
    version = a.lecture.version
    acte = rediger(a, a.lecture)
    dater(a, acte, notifie_le=date(2025, 5, 12))
    assert Action.objects.get(pk=a.lecture.pk).version == version
    assert Acte.objects.get().etat == EtatActe.NOTIFIE


# --- Modifier, signer, notifier ---


def test_le_texte_se_modifie_tant_que_l_acte_n_est_pas_signe(a):
    acte = rediger(a, a.lecture)
    operations.modifier_un_acte(acte, objet="Objet", texte="Texte", numero="", par=a.agent, version=1)
    dater(a, acte)
    with pytest.raises(OperationRefusee, match="signé depuis le 02/05/2025"):
        operations.modifier_un_acte(acte, objet="Autre", texte="Autre", numero="", par=a.agent)
    with pytest.raises(OperationRefusee, match="signé depuis le 02/05/2025"):
        operations.supprimer_un_acte(acte, par=a.agent, motif="Erreur")
    assert Acte.objects.values_list("objet", "texte", "version").get() == ("Objet", "Texte", 3)


def test_deux_personnes_n_ecrasent_pas_leur_texte(a):
    acte = rediger(a, a.lecture)
    operations.modifier_un_acte(acte, objet="Objet", texte="Le mien", numero="", par=a.agent, version=1)
    with pytest.raises(ActeChange) as refus:
        operations.modifier_un_acte(acte, objet="Objet", texte="Le sien", numero="", par=a.agent, version=1)
    assert refus.value.acte.texte == "Le mien"


def test_enregistrer_sans_rien_changer_n_ajoute_pas_d_histoire(a):
    acte = rediger(a, a.lecture)
    operations.modifier_un_acte(acte, objet=acte.objet, texte="", numero="", par=a.agent, version=1)
    assert (acte.history.count(), Acte.objects.get().version) == (1, 1)


def test_un_acte_se_notifie_apres_sa_signature(a):
    acte = rediger(a, a.lecture)
    for signe_le, notifie_le, phrase in (
        (None, date(2025, 5, 2), "Un acte se notifie après sa signature"),
        (date(2025, 5, 2), date(2025, 5, 1), "après sa signature, le 02/05/2025"),
        (date(2025, 4, 14), None, "L’acte porte une décision du 15/04/2025"),
        (date(2999, 1, 1), None, "dans le futur"),
    ):
        with pytest.raises(OperationRefusee, match=phrase):
            dater(a, acte, signe_le, notifie_le)
    assert Acte.objects.get().signe_le is None


def test_corriger_une_date_enregistree_demande_un_motif(a):
    acte = dater(a, rediger(a, a.lecture))
    dater(a, acte, notifie_le=date(2025, 5, 12))
    with pytest.raises(MotifExige, match="Corriger"):
        dater(a, acte, signe_le=date(2025, 5, 3), notifie_le=date(2025, 5, 12))
    with pytest.raises(OperationRefusee, match="ne redevient pas un projet"):
        dater(a, acte, signe_le=None)
    acte = dater(a, acte, signe_le=date(2025, 5, 3), notifie_le=date(2025, 5, 12), motif="Faute de frappe")
    assert acte.signe_le == date(2025, 5, 3)


def test_supprimer_un_projet_rend_ses_decisions_a_porter(a):
    acte = rediger(a, a.lecture)
    assert list(decisions_a_porter()) == decisions_de(a.sport)
    with pytest.raises(MotifExige):
        operations.supprimer_un_acte(acte, par=a.agent, motif=" ")
    operations.supprimer_un_acte(acte, par=a.agent, motif="Mauvais organisme")
    assert decisions_a_porter().count() == 2
    assert Acte.history.first().history_change_reason == "Mauvais organisme"


# --- Remplacer ---


def test_un_avenant_remplace_l_acte_signe_et_l_ancien_reste_lisible(a):
    arrete = dater(a, rediger(a, a.lecture, numero="1", texte="Le premier texte"))
    DecisionFactory(action=a.lecture, nature=NatureDecision.COMPLEMENT, montant=euros(500), date=date(2025, 6, 1))
    avenant = rediger(a, a.lecture, nature=NatureActe.AVENANT, remplace=arrete, numero="2")
    assert Acte.objects.get(pk=arrete.pk).etat == EtatActe.A_NOTIFIER  # il vaut tant que l'avenant n'est pas signé
    dater(a, avenant, signe_le=date(2025, 6, 2))
    arrete = Acte.objects.get(pk=arrete.pk)
    assert (arrete.etat, arrete.texte) == (EtatActe.REMPLACE, "Le premier texte")
    assert [str(v.numero) for v in versions(arrete)] == [str(v.numero) for v in versions(avenant)] == ["1", "2"]
    totaux = totaux_des_actes(Acte.objects.all())
    assert (totaux.nombre, totaux.montant) == (2, euros(6500))  # l'attribution n'est comptée qu'une fois


def test_un_acte_deja_remplace_ou_non_signe_ne_se_remplace_pas(a):
    arrete = rediger(a, a.lecture)
    with pytest.raises(OperationRefusee, match="n’est pas signé"):
        rediger(a, a.lecture, nature=NatureActe.AVENANT, remplace=arrete)
    dater(a, arrete)
    rediger(a, a.lecture, nature=NatureActe.AVENANT, remplace=arrete)
    with pytest.raises(OperationRefusee, match="déjà remplacé"):
        rediger(a, a.lecture, nature=NatureActe.RETRAIT, remplace=arrete)


def test_un_avenant_dit_quel_acte_il_remplace_du_meme_organisme(a):
    with pytest.raises(OperationRefusee, match="Dire quel acte il remplace"):
        rediger(a, a.lecture, nature=NatureActe.AVENANT)
    arrete = dater(a, rediger(a, a.lecture))
    with pytest.raises(OperationRefusee, match="Seul un avenant ou un retrait"):
        rediger(a, a.sport, remplace=arrete)
    autre = action_programmee(1000, exercice=a.exercice, contrat=a.contrat)
    with pytest.raises(OperationRefusee, match="s’adresse à « Les Tilleuls »"):
        rediger(a, autre, nature=NatureActe.AVENANT, remplace=arrete)


def test_un_retrait_signe_libere_ses_decisions(a):
    arrete = dater(a, rediger(a, a.lecture))
    retrait = rediger(a, a.lecture, nature=NatureActe.RETRAIT, remplace=arrete)
    assert list(decisions_a_porter()) == decisions_de(a.sport)
    dater(a, retrait, signe_le=date(2025, 6, 2))
    assert rediger(a, a.lecture).etat == EtatActe.A_SIGNER


def test_un_avenant_ne_se_signe_pas_avant_l_acte_qu_il_remplace(a):
    arrete = dater(a, rediger(a, a.lecture))
    avenant = rediger(a, a.lecture, nature=NatureActe.AVENANT, remplace=arrete)
    with pytest.raises(OperationRefusee, match="L’acte qu’il remplace est signé du 02/05/2025"):
        dater(a, avenant, signe_le=date(2025, 4, 20))


# --- Ce qui reste à établir ---


def test_a_etablir_nomme_ce_qui_attribue_ou_change_ce_qui_est_porte(a):
    dater(a, rediger(a, a.lecture))
    assert [(x.intitule, x.a_porter, x.decidee_le) for x in a_etablir(Action.objects.all())] == [
        ("Sport", euros(4000), date(2025, 4, 15))
    ]
    baisse = {"nature": NatureDecision.DIMINUTION, "date": date(2025, 6, 1)}
    DecisionFactory(action=a.lecture, montant=euros(-1000), **baisse)
    DecisionFactory(action=a.sport, nature=NatureDecision.DEPROGRAMMATION, montant=euros(-4000))
    assert [(x.intitule, x.a_porter) for x in a_etablir(Action.objects.all())] == [("Lecture", euros(-1000))]


# --- Le seuil de la convention ---


@pytest.mark.parametrize(
    ("accorde", "droit", "nature"),
    [
        (23_000, Droit.PRIVE, NatureActe.ARRETE),
        ("23000,01", Droit.PRIVE, NatureActe.CONVENTION),
        (50_000, Droit.PUBLIC, NatureActe.ARRETE),
    ],
)
def test_la_convention_est_proposee_au_dessus_du_seuil(a, accorde, droit, nature):
    seuil()
    porteur = OrganismeFactory(droit=droit)
    action = action_programmee(accorde, exercice=a.exercice, contrat=a.contrat, porteur=porteur)
    assert proposer_une_nature([action]).nature == nature


def test_un_arrete_est_refuse_au_dessus_du_seuil(a):
    seuil()
    grande = action_programmee(30_000, intitule="Grande", exercice=a.exercice, contrat=a.contrat, porteur=a.porteur)
    with pytest.raises(OperationRefusee, match="La loi exige une convention au-dessus du seuil : « Grande »"):
        rediger(a, grande)
    assert rediger(a, grande, nature=NatureActe.CONVENTION).pk


def test_le_cumul_de_l_annee_propose_la_convention_sans_l_imposer(a):
    seuil(8000)
    proposee = proposer_une_nature([a.lecture])
    assert (proposee.nature, proposee.obligees, proposee.cumul) == (NatureActe.CONVENTION, (), euros(10_000))
    assert rediger(a, a.lecture).nature == NatureActe.ARRETE


def test_une_action_pluriannuelle_propose_sa_cpo_et_sans_seuil_connu_rien_n_est_impose(a):
    Action.objects.filter(pk=a.lecture.pk).update(duree=Duree.CPO, cpo_rang=1, cpo_nombre=3)
    assert proposer_une_nature(list(Action.objects.filter(pk=a.lecture.pk))).nature == NatureActe.CPO
    sport = proposer_une_nature([a.sport])
    assert (sport.nature, sport.seuil) == (NatureActe.ARRETE, None)
