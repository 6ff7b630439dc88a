"""Les échéances : ce qui attend, depuis quand, et le geste ; le seuil des conventions ; les contrôles d'après décision."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from comptes.enums import Role
from programmation import operations, regles
from programmation.controles import anomalies
from programmation.enums import (
    CodeParametre,
    Droit,
    Duree,
    EtatJustification,
    NatureActe,
    NatureDecision,
    StatutExercice,
)
from programmation.models import Acte, Action, Justification, Parametre
from programmation.operations import DemandeDeDecision
from programmation.synthese.changements import changements
from programmation.synthese.delais import Regle
from programmation.synthese.echeances import NatureEcheance, ReglesDesEcheances, echeances
from programmation.synthese.execution import accordes_dans_l_annee
from tests.fabriques import (
    ActionFactory,
    DepartementFactory,
    ExerciceFactory,
    FinanceurFactory,
    LigneEngagementFactory,
    OrganismeFactory,
    PaiementFactory,
    action_programmee,
    euros,
    habiliter,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

JOUR = date(2026, 7, 1)


@pytest.fixture(autouse=True)
def regles_datees():
    """Six mois pour justifier, 23 000 € pour conventionner ; aucun délai de paiement."""
    for code, valeur in ((CodeParametre.DELAI_JUSTIFICATION, 6), (CodeParametre.SEUIL_CONVENTION, 23_000)):
        Parametre.objects.create(code=code, depuis=date(2001, 1, 1), valeur=valeur, source="Loi n° 2000-321")


@pytest.fixture
def exercice():
    return ExerciceFactory(annee=2025)


def lues(jour=JOUR):
    return echeances(Action.objects.all(), Acte.objects.all(), jour, ReglesDesEcheances.lire())


def natures(jour=JOUR):
    return [(e.nature, e.date, e.jours) for e in lues(jour)]


def acte(decisions, **champs):
    action = decisions[0].action
    cree = Acte.objects.create(
        exercice=action.exercice, organisme=action.porteur, objet="Subvention", **{"nature": NatureActe.ARRETE} | champs
    )
    cree.decisions.set(decisions)
    return cree


# --- Les échéances ---


def test_une_justification_est_due_puis_en_retard(exercice):
    action_programmee(exercice=exercice)
    assert natures(date(2025, 12, 31)) == []
    assert natures(date(2026, 6, 30)) == [(NatureEcheance.DUE, date(2026, 6, 30), 0)]
    assert natures() == [(NatureEcheance.EN_RETARD, date(2026, 6, 30), 1)]


def test_un_compte_rendu_recu_attend_sa_validation_et_un_reversement_d_etre_percu(exercice):
    action = action_programmee(exercice=exercice)
    commun = {"action": action, "recue_le": date(2026, 3, 1), "non_utilise": euros(100)}
    suite = {"suite": "reversement_demande", "suite_le": date(2026, 4, 1)}
    Justification.objects.create(etat=EtatJustification.RECUE, **commun, **suite)
    assert [(e.nature, e.date, e.montant) for e in lues()] == [
        (NatureEcheance.A_VALIDER, date(2026, 3, 1), euros(1000)),
        (NatureEcheance.REVERSEMENT, date(2026, 4, 1), euros(100)),
    ]


def test_un_acte_attend_sa_signature_puis_sa_notification(exercice):
    action = action_programmee(exercice=exercice, date_fin=date(2026, 12, 31))
    attendu = acte([action.decisions.get()])
    assert natures() == [(NatureEcheance.A_SIGNER, date(2025, 4, 15), 442)]
    attendu.signe_le = date(2026, 6, 30)
    attendu.save()
    assert natures() == [(NatureEcheance.A_NOTIFIER, date(2026, 6, 30), 1)]
    attendu.notifie_le = date(2026, 7, 1)
    attendu.save()
    assert natures() == []


def test_un_acte_remplace_n_attend_plus_sa_notification(exercice):
    """La liste des actes le dit « remplacé » : les échéances disent la même chose, et attendent son avenant."""
    action = action_programmee(exercice=exercice, date_fin=date(2026, 12, 31))
    decisions = [action.decisions.get()]
    remplace = acte(decisions, signe_le=date(2026, 6, 1))
    avenant = acte(decisions, nature=NatureActe.AVENANT, remplace=remplace, signe_le=date(2026, 6, 30))
    assert [(e.nature, e.objet) for e in lues()] == [(NatureEcheance.A_NOTIFIER, avenant)]


def test_au_dessus_du_seuil_un_organisme_de_droit_prive_attend_sa_convention(exercice):
    prive, public = OrganismeFactory(droit=Droit.PRIVE), OrganismeFactory(droit=Droit.PUBLIC)
    commun = {"exercice": exercice, "date_fin": date(2026, 12, 31)}
    attend = action_programmee("23000,01", porteur=prive, **commun)
    action_programmee(23_000, porteur=prive, **commun)
    action_programmee(50_000, porteur=public, **commun)
    absorbe = OrganismeFactory(droit=Droit.PUBLIC, fusionne_dans=prive)
    fusionnee = action_programmee(30_000, porteur=absorbe, **commun)
    assert {e.action for e in lues()} == {attend, fusionnee}
    assert {e.nature for e in lues()} == {NatureEcheance.CONVENTION}
    for action in (attend, fusionnee):
        acte([action.decisions.get()], nature=NatureActe.CONVENTION, signe_le=JOUR, notifie_le=JOUR)
    assert lues() == []


def test_une_convention_suivie_d_avenants_couvre_l_action_retiree_elle_n_en_couvre_plus(exercice):
    """Un avenant signé remplace la convention et la prolonge ; un retrait signé y met fin ; un projet n'y change rien."""
    commun = {"exercice": exercice, "porteur": OrganismeFactory(droit=Droit.PRIVE), "date_fin": date(2026, 12, 31)}
    premiere, ajoutee = (action_programmee(30_000, **commun) for _ in range(2))
    signe = {"signe_le": JOUR, "notifie_le": JOUR}

    def sans_convention():
        alerte = {e.action for e in lues() if e.nature == NatureEcheance.CONVENTION}
        assert {a for a in (premiere, ajoutee) if "convention_manquante" in codes(a)} == alerte
        return alerte

    convention = acte([premiere.decisions.get()], nature=NatureActe.CONVENTION, **signe)
    assert sans_convention() == {ajoutee}
    toutes = [premiere.decisions.get(), ajoutee.decisions.get()]
    avenant = acte(toutes, nature=NatureActe.AVENANT, remplace=convention, **signe)
    second = acte(toutes, nature=NatureActe.AVENANT, remplace=avenant, **signe)
    retrait = acte(toutes, nature=NatureActe.RETRAIT, remplace=second)
    assert sans_convention() == set()
    Acte.objects.filter(pk=retrait.pk).update(**signe)
    assert sans_convention() == {premiere, ajoutee}
    arrete = acte([premiere.decisions.get()], **signe)
    acte([premiere.decisions.get()], nature=NatureActe.AVENANT, remplace=arrete, **signe)
    assert sans_convention() == {premiere, ajoutee}, "l’avenant d’un arrêté n’est pas une convention"


def test_une_cpo_attend_sa_tranche_suivante_ou_finit(exercice):
    commun = {"duree": Duree.CPO, "cpo_nombre": 3, "exercice": exercice, "date_fin": date(2026, 12, 31)}
    seconde, derniere = (action_programmee(cpo_rang=rang, **commun) for rang in (2, 3))
    attendues = {(NatureEcheance.TRANCHE, seconde), (NatureEcheance.FIN_DE_CPO, derniere)}
    assert {(e.nature, e.action) for e in lues()} == attendues
    assert lues(date(2026, 6, 30)) == []  # plus de six mois avant
    action_programmee(exercice=ExerciceFactory(annee=2026), action_precedente=seconde, date_fin=date(2027, 12, 31))
    assert [e.nature for e in lues()] == [NatureEcheance.FIN_DE_CPO]


def test_la_tranche_d_un_exercice_clos_ne_se_decide_plus(exercice):
    commun = {"duree": Duree.CPO, "cpo_nombre": 3, "cpo_rang": 1, "date_fin": date(2026, 12, 31)}
    action_programmee(exercice=exercice, **commun)
    ExerciceFactory(annee=2026, statut=StatutExercice.CLOS)
    assert lues(date(2026, 12, 1)) == []


def test_sans_delai_de_paiement_connu_rien_n_est_attendu_puis_il_court_de_l_engagement(exercice):
    action = action_programmee(exercice=exercice, date_fin=date(2026, 12, 31))
    ligne = LigneEngagementFactory(action=action)
    assert lues() == []
    Parametre.objects.create(code=CodeParametre.DELAI_PAIEMENT, depuis=date(2020, 1, 1), valeur=2, source="DDETS")
    assert natures() == [(NatureEcheance.PAIEMENT, date(2025, 7, 10), 356)]
    assert natures(date(2025, 7, 10)) == []
    PaiementFactory(ligne=ligne)
    assert lues() == []


def test_la_page_trie_filtre_et_dit_le_prochain_geste(client, exercice):
    client.force_login(habiliter(Role.AGENT, departement=exercice.departement))
    action = action_programmee(exercice=exercice, intitule="Ludothèque")
    acte([action.decisions.get()])
    page = client.get(reverse("programmation:echeance_list"))
    assert textes(page, "//tbody//th/a")[-1] == "Ludothèque"
    assert "Justification en retard : 1" in textes(page, "//a[classe('fr-tag')]")
    filtree = client.get(reverse("programmation:echeance_list"), {"nature": "en_retard"})
    [geste] = noeuds(filtree, "//tbody//a[contains(., 'Relancer')]")
    assert geste.get("href") == reverse("programmation:justification_update", args=[action.pk])
    assert "paiement attendu après l’engagement (mois) : —" in " ".join(textes(page, "//main/p"))


def test_un_delegue_lit_les_echeances_sans_geste_de_saisie(client, exercice):
    action = action_programmee(exercice=exercice)
    client.force_login(habiliter(Role.DELEGUE, contrat=action.contrat))
    page = client.get(reverse("programmation:echeance_list"))
    [geste] = noeuds(page, "//tbody//a[contains(., 'Relancer')]")
    assert geste.get("href") == f"{action.get_absolute_url()}#execution"


# --- Le seuil de la convention ---


def test_convention_obligatoire_au_dessus_du_seuil_et_de_droit_prive():
    prive, public = OrganismeFactory.build(droit=Droit.PRIVE), OrganismeFactory.build(droit=Droit.PUBLIC)
    seuil = euros(23_000)
    assert regles.convention_obligatoire(prive, euros("23000,01"), seuil)
    assert not regles.convention_obligatoire(prive, euros(23_000), seuil)
    assert not regles.convention_obligatoire(public, euros(50_000), seuil)
    for inconnu in ((None, euros(50_000), seuil), (prive, None, seuil), (prive, euros(50_000), None)):
        assert not regles.convention_obligatoire(*inconnu)


def test_le_cumul_de_l_annee_avertit_sur_la_fiche_de_l_action_et_de_l_organisme(client, exercice):
    client.force_login(habiliter(Role.AGENT, departement=exercice.departement))
    porteur = OrganismeFactory(droit=Droit.PRIVE)
    une = action_programmee(20_000, exercice=exercice, porteur=porteur)
    assert "À confirmer" not in " ".join(textes(client.get(une.get_absolute_url()), "//main"))
    action_programmee(4_000, exercice=exercice, porteur=OrganismeFactory(fusionne_dans=porteur))
    action_programmee(9_000, exercice=ExerciceFactory(annee=2026), porteur=porteur)
    assert accordes_dans_l_annee([porteur], 2025, exercice.departement_id) == {porteur.pk: euros(24_000)}
    fiche = " ".join(textes(client.get(une.get_absolute_url()), "//section[@id='execution']"))
    assert "son porteur reçoit 24 000,00 € cette année" in fiche
    organisme = client.get(reverse("programmation:organisme_detail", args=[porteur.pk]))
    assert "24 000,00 € accordés en 2025" in " ".join(textes(organisme, "//main"))


# --- Les contrôles ---


def codes(action):
    return {controle.code for controle in anomalies(action)}


def test_le_bilan_manque_six_mois_apres_la_fin():
    jour = timezone.localdate()
    ancienne = action_programmee(exercice=ExerciceFactory(annee=jour.year - 2))
    recente = action_programmee(exercice=ExerciceFactory(annee=jour.year), date_fin=jour - timedelta(days=1))
    assert "bilan_manquant" in codes(ancienne)
    assert "bilan_manquant" not in codes(recente)


def test_une_action_engagee_au_dela_de_l_accorde_est_relevee(exercice):
    action = action_programmee(1000, exercice=exercice)
    LigneEngagementFactory(action=action, ae=euros(1000))
    assert "engagee_au_dela" not in codes(action)
    LigneEngagementFactory(action=action, ae=euros("0,01"))
    assert "engagee_au_dela" in codes(action)


def test_une_convention_qui_manque_est_un_controle(exercice):
    action = action_programmee(30_000, exercice=exercice)
    assert "convention_manquante" in codes(action)
    acte([action.decisions.get()], nature=NatureActe.CONVENTION)
    assert "convention_manquante" not in codes(action)


def test_un_montant_change_apres_decision_est_un_controle_dont_la_liste_dit_le_motif(client):
    exercice = ExerciceFactory(annee=2026)
    agent = habiliter(Role.AGENT, departement=exercice.departement)
    client.force_login(agent)
    action = ActionFactory(exercice=exercice, statut="instruite", intitule="Ludothèque")
    p147 = action.financements.create(
        financeur=FinanceurFactory(p147=True), famille="anct_p147", nature="specifique", demande=euros(1000)
    )
    decider(action, NatureDecision.ATTRIBUTION, 800, agent)
    assert "montant_change" not in codes(action)
    decider(action, NatureDecision.COMPLEMENT, 100, agent, "Crédits d’automne")
    assert "montant_change" in codes(action)
    p147.refresh_from_db()
    p147.demande = euros(1200)
    p147._change_reason = "Erreur de saisie"
    p147.save()
    action.refresh_from_db()
    action.cout_previsionnel = euros(9_000)
    action._change_reason = "Budget revu"
    action.save()
    lus = [(c.objet, c.avant, c.apres, c.motif) for c in changements(Action.objects.all())]
    assert sorted(lus, key=lambda c: c[0]) == [
        ("Accordé P147, complément", euros(800), euros(900), "Crédits d’automne"),
        ("Coût prévisionnel", euros(10_000), euros(9_000), "Budget revu"),
        ("Demandé, ANCT – P147", euros(1000), euros(1200), "Erreur de saisie"),
    ]
    page = client.get(reverse("programmation:changement_list"), {"annee": 2026})
    assert len(noeuds(page, "//tbody/tr")) == 3
    assert "Budget revu" in " ".join(textes(page, "//tbody"))


def decider(action, nature, montant, par, motif=""):
    operations.decider([DemandeDeDecision(action, nature, euros(montant))], par=par, motif=motif)


def test_un_departement_a_son_propre_seuil():
    gard = DepartementFactory(code="30")
    Parametre.objects.create(
        code=CodeParametre.SEUIL_CONVENTION, depuis=date(2026, 1, 1), valeur=5_000, departement=gard, source="Arrêté"
    )
    actions = [
        action_programmee(6_000, exercice=ExerciceFactory(annee=annee, departement=gard)) for annee in (2025, 2026)
    ]
    assert Regle(CodeParametre.SEUIL_CONVENTION).valeur(gard.pk, date(2026, 1, 1)) == 5_000
    assert {e.action for e in lues() if e.nature == NatureEcheance.CONVENTION} == {actions[1]}
