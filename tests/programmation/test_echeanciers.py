"""L'échéancier d'un acte : il fait le montant de l'acte au centime, se fige à la signature, et se lit contre les paiements."""

from datetime import date
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from comptes.enums import Role
from programmation import operations
from programmation.enums import NatureActe, NatureCourrier, NatureDecision, NaturePaiement, StatutExercice
from programmation.models import Acte, Action, Decision, Exercice, ModeleDeCourrier, VersementPrevu
from programmation.operations import ActeChange, DroitManquant, OperationRefusee, SaisieDActe, Versement
from programmation.synthese.courriers import acte_a_imprimer, texte_de_depart
from programmation.synthese.echeances import NatureEcheance, ReglesDesEcheances, echeances
from programmation.synthese.echeanciers import echeanciers, montants_des_parts
from tests.fabriques import (
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    ExerciceFactory,
    LigneEngagementFactory,
    OrganismeFactory,
    PaiementFactory,
    action_programmee,
    euros,
    habiliter,
)

pytestmark = pytest.mark.django_db

JUIN, SEPTEMBRE, DECEMBRE = date(2025, 6, 1), date(2025, 9, 1), date(2025, 12, 1)
AVANCE, ACOMPTE, SOLDE = NaturePaiement.AVANCE, NaturePaiement.ACOMPTE, NaturePaiement.SOLDE


@pytest.fixture
def a():
    """Les deux actions de docs/calculs.md, 6 000 et 4 000 €, d'une même association, dans une convention."""
    a = SimpleNamespace(exercice=ExerciceFactory(annee=2025), porteur=OrganismeFactory(nom="Les Tilleuls"))
    a.agent = habiliter(Role.AGENT, departement=a.exercice.departement)
    a.contrat = ContratFactory()
    commun = {"exercice": a.exercice, "contrat": a.contrat, "porteur": a.porteur}
    a.b1 = action_programmee(6000, intitule="B1", **commun)
    a.b2 = action_programmee(4000, intitule="B2", **commun)
    a.acte = rediger(a, a.b1, a.b2)
    return a


def rediger(a, *actions, **options):
    decisions = list(Decision.objects.filter(action__in=actions).order_by("pk"))
    saisie = {"nature": NatureActe.CONVENTION, "objet": "Subvention", "decisions": decisions, "numero": ""} | options
    return operations.rediger_un_acte(SaisieDActe(**saisie), par=a.agent)


def fixer(a, *versements, acte=None, **options):
    lignes = [Versement(nature, euros(montant), *reste) for nature, montant, *reste in versements]
    return operations.fixer_l_echeancier(acte or a.acte, lignes, par=a.agent, **options)


def signer(a, acte=None, signe_le=date(2025, 5, 2)):
    return operations.dater_un_acte(acte or a.acte, numero="", signe_le=signe_le, notifie_le=None, par=a.agent)


def en_trois_fois(a):
    return fixer(a, (AVANCE, 5000, JUIN), (ACOMPTE, 3000, SEPTEMBRE, "bilan reçu"), (SOLDE, 2000, DECEMBRE))


def payer(action, *montants, engage=None):
    ligne = LigneEngagementFactory(action=action, ae=euros(engage or 6000))
    for montant in map(euros, montants):
        nature = ACOMPTE if montant > 0 else NaturePaiement.REVERSEMENT
        PaiementFactory(ligne=ligne, nature=nature, cp=montant)
    return ligne


def suivi(acte):
    return echeanciers(Acte.objects.filter(pk=acte.pk))[acte.pk]


def restes(acte):
    return [ligne.reste for ligne in suivi(acte).lignes]


def a_payer(jour):
    lues = echeances(Action.objects.all(), Acte.objects.all(), jour, ReglesDesEcheances.lire())
    return [(e.objet, e.date, e.montant) for e in lues if e.nature == NatureEcheance.VERSEMENT]


def phrases(refus):
    return " ".join(" ".join(refus.value.messages).split())


# --- Fixer ---


def test_sans_saisie_un_acte_se_verse_en_une_fois_sans_date(a):
    lu = suivi(a.acte)
    assert [(ligne.libelle, ligne.montant, ligne.prevu_le) for ligne in lu.lignes] == [
        ("Versement unique", euros(10_000), None)
    ]
    assert (lu.est_saisi, lu.est_suivi) == (False, False)


def test_un_echeancier_fait_le_montant_de_l_acte_au_centime(a):
    with pytest.raises(OperationRefusee) as refus:
        fixer(a, (AVANCE, 8000, JUIN), (SOLDE, "1999,99", DECEMBRE))
    assert phrases(refus) == "Les versements font 9 999,99 €, l’acte 10 000,00 € : il manque 0,01 €."
    with pytest.raises(OperationRefusee) as refus:
        fixer(a, (AVANCE, 8000, JUIN), (SOLDE, "2000,01", DECEMBRE))
    assert phrases(refus) == "Les versements font 10 000,01 €, l’acte 10 000,00 € : 0,01 € de trop."
    assert not VersementPrevu.objects.exists()
    en_trois_fois(a)
    assert [(v.nature, v.montant, v.prevu_le, v.condition) for v in a.acte.versements.all()] == [
        (AVANCE, euros(5000), JUIN, ""),
        (ACOMPTE, euros(3000), SEPTEMBRE, "bilan reçu"),
        (SOLDE, euros(2000), DECEMBRE, ""),
    ]


@pytest.mark.parametrize(
    ("montant", "parts", "attendus"),
    [
        ("10000", ["80", "20"], ["8000", "2000"]),
        ("10000,01", ["50", "30", "20"], ["5000", "3000", "2000,01"]),
        ("100,01", ["33,33", "33,33", "33,34"], ["33,33", "33,33", "33,35"]),
        ("0,01", ["50", "50"], ["0", "0,01"]),
    ],
)
def test_des_parts_partagent_le_montant_au_centime(montant, parts, attendus):
    parts = [euros(part) for part in parts]
    assert montants_des_parts(euros(montant), parts) == [euros(attendu) for attendu in attendus]
    assert sum(euros(attendu) for attendu in attendus) == euros(montant)


@pytest.mark.parametrize(
    ("versement", "phrase"),
    [
        ((NaturePaiement.REVERSEMENT, 10_000, JUIN), "Versement 1 : un échéancier ne prévoit pas de reversement."),
        ((SOLDE, 0, JUIN), "Versement 1 : indiquer un montant supérieur à zéro."),
        ((SOLDE, 10_000, date(2025, 4, 14)), "Versement 1 : le prévoir le 15/04/2025, jour de la décision, ou après."),
        ((SOLDE, 10_000, date(2206, 6, 1)), "Versement 1 : le 01/06/2206 est trop loin de la décision du 15/04/2025"),
        ((SOLDE, 10_000, date(2031, 1, 1)), "Versement 1 : le 01/01/2031 est trop loin de la décision"),
        ((SOLDE, 10_000, JUIN, "x" * 251), "250"),
    ],
)
def test_un_versement_impossible_est_refuse_et_rien_ne_s_ecrit(a, versement, phrase):
    with pytest.raises(OperationRefusee) as refus:
        fixer(a, versement)
    assert phrase in phrases(refus)
    assert not VersementPrevu.objects.exists()


def test_un_versement_se_prevoit_jusqu_a_la_cinquieme_annee_apres_la_decision(a):
    fixer(a, (SOLDE, 10_000, date(2030, 12, 31)))
    assert VersementPrevu.objects.get().prevu_le == date(2030, 12, 31)


def test_la_base_refuse_un_versement_nul_ou_un_reversement(a):
    for nature, montant in ((SOLDE, 0), (NaturePaiement.REVERSEMENT, 10)):
        with pytest.raises(IntegrityError), transaction.atomic():
            VersementPrevu.objects.create(acte=a.acte, nature=nature, montant=euros(montant), prevu_le=JUIN)


def test_changer_l_echeancier_garde_ce_qui_reste_et_dit_qui_a_change_quoi(a):
    en_trois_fois(a)
    garde = a.acte.versements.first()
    fixer(a, (AVANCE, 5000, JUIN), (SOLDE, 5000, DECEMBRE))
    assert a.acte.versements.first() == garde
    assert [(h.history_type, h.montant, h.history_user) for h in VersementPrevu.history.order_by("history_id")] == [
        ("+", euros(5000), a.agent),
        ("+", euros(3000), a.agent),
        ("+", euros(2000), a.agent),
        ("-", euros(3000), a.agent),
        ("-", euros(2000), a.agent),
        ("+", euros(5000), a.agent),
    ]
    assert Acte.objects.get().version == 3


def test_enregistrer_le_meme_echeancier_n_ajoute_pas_d_histoire(a):
    en_trois_fois(a)
    fixer(a, (ACOMPTE, 3000, SEPTEMBRE, " bilan  reçu "), (SOLDE, 2000, DECEMBRE), (AVANCE, 5000, JUIN))
    assert (VersementPrevu.history.count(), Acte.objects.get().version) == (3, 2)


def test_sans_aucun_versement_l_acte_revient_a_un_seul(a):
    en_trois_fois(a)
    fixer(a)
    assert [ligne.libelle for ligne in suivi(a.acte).lignes] == ["Versement unique"]


def test_deux_personnes_n_ecrasent_pas_leur_echeancier(a):
    fixer(a, (SOLDE, 10_000, JUIN), version=1)
    with pytest.raises(ActeChange):
        fixer(a, (SOLDE, 10_000, DECEMBRE), version=1)
    assert VersementPrevu.objects.get().prevu_le == JUIN


def test_signe_l_echeancier_ne_change_plus(a):
    signer(a, en_trois_fois(a))
    with pytest.raises(OperationRefusee, match="signé depuis le 02/05/2025"):
        fixer(a, (SOLDE, 10_000, DECEMBRE))
    assert a.acte.versements.count() == 3


def test_un_retrait_n_a_pas_d_echeancier(a):
    signer(a)
    retrait = rediger(a, a.b1, a.b2, nature=NatureActe.RETRAIT, remplace=a.acte)
    with pytest.raises(OperationRefusee, match="Un retrait ne verse rien"):
        fixer(a, (SOLDE, 10_000, DECEMBRE), acte=retrait)
    assert suivi(retrait).lignes == ()


def test_sans_habilitation_rien_ne_s_ecrit(a):
    lecteur = habiliter(Role.LECTEUR, departement=a.exercice.departement)
    ailleurs = habiliter(Role.AGENT, departement=DepartementFactory(code="30"))
    for a.agent in (lecteur, ailleurs):
        with pytest.raises(DroitManquant):
            en_trois_fois(a)
    assert not VersementPrevu.objects.exists()


def test_l_exercice_clos_l_echeancier_se_fixe_sans_toucher_l_action(a):
    Exercice.objects.update(statut=StatutExercice.CLOS)
    version = a.b1.version
    en_trois_fois(a)
    assert (a.acte.versements.count(), Action.objects.get(pk=a.b1.pk).version) == (3, version)


def test_un_projet_supprime_emporte_son_echeancier_et_l_histoire_le_garde(a):
    en_trois_fois(a)
    operations.supprimer_un_acte(a.acte, par=a.agent, motif="Doublon")
    assert not VersementPrevu.objects.exists()
    retires = VersementPrevu.history.filter(history_type="-")
    assert {(h.history_user, h.history_change_reason) for h in retires} == {(a.agent, "Doublon")}


def test_un_avenant_porte_le_sien_et_l_ancien_reste_lisible(a):
    signer(a, en_trois_fois(a))
    DecisionFactory(action=a.b1, nature=NatureDecision.COMPLEMENT, montant=euros(500), date=JUIN)
    avenant = rediger(a, a.b1, a.b2, nature=NatureActe.AVENANT, remplace=a.acte)
    fixer(a, (AVANCE, 5000, JUIN), (SOLDE, 5500, DECEMBRE), acte=avenant)
    signer(a, avenant, signe_le=date(2025, 7, 1))
    payer(a.b1, 5000)
    assert [ligne.montant for ligne in suivi(a.acte).lignes] == [euros(5000), euros(3000), euros(2000)]
    assert not suivi(a.acte).est_suivi
    assert restes(avenant) == [euros(0), euros(5500)]


# --- Prévu, payé, reste (l'exemple de docs/calculs.md) ---


def test_les_paiements_couvrent_les_versements_dans_l_ordre_des_dates(a):
    signer(a, en_trois_fois(a))
    payer(a.b1, 2500, 2500, "-400,50")
    payer(a.b2, 3000, engage=4000)
    LigneEngagementFactory(action=a.b2, ae=euros(-500))
    lu = suivi(a.acte)
    assert [(ligne.paye, ligne.reste) for ligne in lu.lignes] == [
        (euros(5000), euros(0)),
        (euros(3000), euros(0)),
        (euros(0), euros(1500)),
    ]
    assert (lu.prevu, lu.paye, lu.reste, lu.desengage) == (euros(10_000), euros(8000), euros(1500), euros(500))
    assert a_payer(date(2025, 11, 30)) == []
    assert a_payer(DECEMBRE) == [(a.acte, DECEMBRE, euros(1500))]


def test_un_versement_passe_et_paye_en_partie_attend_son_reste(a):
    signer(a, en_trois_fois(a))
    payer(a.b1, "4999,99")
    assert a_payer(date(2025, 5, 31)) == []
    assert a_payer(SEPTEMBRE) == [(a.acte, JUIN, euros("0,01")), (a.acte, SEPTEMBRE, euros(3000))]


def test_un_projet_et_un_acte_sans_echeancier_n_attendent_rien(a):
    en_trois_fois(a)
    assert a_payer(date(2026, 1, 1)) == []
    fixer(a)
    signer(a)
    assert a_payer(date(2026, 1, 1)) == []
    assert (suivi(a.acte).est_suivi, suivi(a.acte).reste) == (True, euros(10_000))


def test_un_reversement_ne_rouvre_rien_et_un_trop_paye_se_dit(a):
    signer(a, fixer(a, (SOLDE, 10_000, JUIN)))
    payer(a.b1, 6100, -100, engage=6100)
    payer(a.b2, 4000, engage=4000)
    lu = suivi(a.acte)
    assert (lu.paye, lu.reste, lu.en_plus) == (euros(10_000), euros(0), euros(100))


def test_ce_qu_une_action_a_rendu_ne_cache_pas_ce_que_l_autre_attend(a):
    """B1 : 6 000 payés, 400 rendus puis désengagés, on n'en attend plus rien ; B2 : 3 000 des 4 000 payés."""
    signer(a, en_trois_fois(a))
    payer(a.b1, 6000, -400)
    LigneEngagementFactory(action=a.b1, ae=euros(-400))
    payer(a.b2, 3000, engage=4000)
    lu = suivi(a.acte)
    assert restes(a.acte) == [euros(0), euros(0), euros(1000)]
    assert (lu.paye, lu.reste, lu.desengage, lu.en_plus) == (euros(9000), euros(1000), euros(0), euros(0))


@pytest.mark.parametrize(("verses", "engage"), [([6400], 6400), ([6000, -400, 400], 6000)])
def test_ce_qu_une_action_a_recu_de_trop_ne_paie_pas_l_autre(a, verses, engage):
    """B1 reçoit 400 € de plus que l'acte ne lui attribue ; B2 attend toujours 1 000 des 4 000 siens."""
    signer(a, en_trois_fois(a))
    payer(a.b1, *verses, engage=engage)
    payer(a.b2, 3000, engage=4000)
    lu = suivi(a.acte)
    assert (lu.paye, lu.reste, lu.desengage, lu.en_plus) == (euros(9000), euros(1000), euros(0), euros(400))


def test_un_engage_au_dela_de_l_attribue_ne_s_attend_pas_d_une_autre(a):
    """B1 : 7 000 engagés, 500 désengagés, 6 000 attendus ; B2 : 3 500 attendus des 4 000, 500 désengagés."""
    signer(a, en_trois_fois(a))
    payer(a.b1, 1000, engage=7000)
    payer(a.b2, 3000, engage=4000)
    for action in (a.b1, a.b2):
        LigneEngagementFactory(action=action, ae=euros(-500))
    lu = suivi(a.acte)
    assert (lu.paye, lu.reste, lu.desengage) == (euros(4000), euros(5500), euros(500))


def test_deux_actes_d_une_action_se_partagent_ses_paiements_le_plus_ancien_d_abord(a):
    signer(a, fixer(a, (SOLDE, 10_000, JUIN)))
    DecisionFactory(action=a.b1, nature=NatureDecision.COMPLEMENT, montant=euros(500), date=JUIN)
    complement = a.b1.decisions.get(nature=NatureDecision.COMPLEMENT)
    second = rediger(a, decisions=[complement])
    signer(a, fixer(a, (SOLDE, 500, SEPTEMBRE), acte=second), signe_le=date(2025, 6, 2))
    payer(a.b2, 4000, engage=4000)
    payer(a.b1, 6200, engage=6500)
    assert (suivi(a.acte).paye, suivi(second).paye) == (euros(10_000), euros(200))
    assert a_payer(SEPTEMBRE) == [(second, SEPTEMBRE, euros(300))]


def test_les_echeances_ont_autant_de_requetes_pour_un_et_trois_actes(a, django_assert_num_queries):
    fixer(a, (SOLDE, 10_000, JUIN))
    signer(a)
    with django_assert_num_queries(5):
        assert len(echeanciers(Acte.objects.all())) == 1
    for _ in range(2):
        autre = action_programmee(100, exercice=a.exercice, contrat=a.contrat)
        acte = rediger(a, autre)
        signer(a, fixer(a, (SOLDE, 100, JUIN), acte=acte))
    with django_assert_num_queries(5):
        assert len(echeanciers(Acte.objects.all())) == 3


# --- Le texte ---


def modele(corps="Versé :\n\n{{ echeancier }}", nature=NatureCourrier.CONVENTION, **champs):
    return ModeleDeCourrier(**{"nature": nature, "nom": "Modèle", "objet": "Objet", "corps": corps} | champs)


def test_le_texte_dit_l_echeancier_en_chiffres_et_en_lettres_et_le_suit(a):
    decisions = list(a.acte.decisions.select_related("action__exercice__departement", "action__contrat"))
    depart = texte_de_depart(modele(), NatureActe.CONVENTION, decisions, date(2025, 5, 2))
    operations.modifier_un_acte(a.acte, objet="Objet", texte=depart.texte, numero="", par=a.agent)
    acte = Acte.objects.select_related("exercice__departement").get()
    assert lignes_du_texte(acte) == ["Versé :", "", "- Versement unique : 10 000,00 € (dix mille euros)"]
    en_trois_fois(a)
    assert lignes_du_texte(acte)[2:] == [
        "- Avance : 5 000,00 € (cinq mille euros), à verser le 1er juin 2025",
        "- Acompte : 3 000,00 € (trois mille euros), à verser le 1er septembre 2025 ; condition : bilan reçu",
        "- Solde : 2 000,00 € (deux mille euros), à verser le 1er décembre 2025",
    ]


def lignes_du_texte(acte):
    texte = acte_a_imprimer(acte).texte
    return texte.replace("\xa0", " ").replace("\u202f", " ").split("\n")


@pytest.mark.parametrize(
    ("champs", "fautif"),
    [
        ({"nature": NatureCourrier.ACCORD}, "corps"),
        ({"nature": NatureCourrier.RETRAIT}, "corps"),
        ({"corps": "{{ echeance }}"}, "corps"),
        ({"corps": "Corps", "objet": "{{ echeancier }}"}, "objet"),
        ({"corps": "Corps", "signataire": "{{ prefet }}"}, "signataire"),
    ],
)
def test_un_modele_ne_cite_l_echeancier_que_la_ou_il_y_en_a_un(champs, fautif):
    with pytest.raises(ValidationError) as refus:
        modele(**champs).clean()
    assert list(refus.value.message_dict) == [fautif]


def test_un_modele_d_acte_peut_citer_l_echeancier():
    for nature in (NatureCourrier.CONVENTION, NatureCourrier.ARRETE, NatureCourrier.AVENANT):
        modele(nature=nature).clean()


@pytest.mark.parametrize("texte", ["{{ echeance }}", "{{ echeancier", "{{ l’échéancier }}"])
def test_une_variable_inconnue_est_refusee_dans_le_texte_d_un_acte(a, texte):
    with pytest.raises(OperationRefusee, match="ne lit que {{ echeancier }}") as refus:
        operations.modifier_un_acte(a.acte, objet="Objet", texte=texte, numero="", par=a.agent)
    assert list(refus.value.message_dict) == ["texte"]
