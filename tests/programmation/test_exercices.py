"""L'exercice et ses campagnes : les préparer, les ouvrir, régler une campagne, partager ; qui le peut, et quand."""

from datetime import date

import pytest
from django.utils import timezone

from comptes.enums import Role
from programmation import operations
from programmation.enums import EtatComite, NatureDecision, StatutAction, StatutExercice
from programmation.models import Action, Campagne, Comite, Enveloppe, Exercice
from programmation.operations import (
    DejaFait,
    DemandeDeDecision,
    DroitManquant,
    OperationRefusee,
    SaisieAction,
    version_lue,
)
from programmation.synthese.exercices import Avancement, avancement_total, avancements, restes_des_exercices
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    EnveloppeFactory,
    ExerciceFactory,
    MouvementFactory,
    NomenclatureFactory,
    action_programmee,
    euros,
    habiliter,
    p147,
)
from tests.pages import noeuds
from tests.pages import texte as texte_du_noeud

pytestmark = pytest.mark.django_db


def texte(reponse):
    """Toute la page, en un texte aux espaces simples."""
    return texte_du_noeud(noeuds(reponse, "//main")[0])


@pytest.fixture
def responsable():
    return habiliter(Role.RESPONSABLE)


@pytest.fixture
def exercice():
    return ExerciceFactory()


@pytest.fixture
def campagne(exercice):
    return exercice.campagnes.get()


@pytest.fixture
def connecte(client, responsable):
    client.force_login(responsable)
    return client


# --- Préparer, ouvrir ---


def test_un_exercice_prepare_a_sa_nomenclature_et_sa_campagne(responsable):
    NomenclatureFactory(millesime="2020-2023", annee_de_debut=2020, annee_de_fin=2023)
    en_vigueur = NomenclatureFactory()
    exercice = operations.preparer_un_exercice(DepartementFactory(), 2027, par=responsable)
    assert (exercice.statut, exercice.nomenclature) == (StatutExercice.PREPARATION, en_vigueur)
    assert [str(c) for c in exercice.campagnes.all()] == ["Programmation 2027"]


@pytest.mark.parametrize("annee", [206, 0, 20226])
def test_une_annee_mal_tapee_est_refusee(responsable, annee):
    NomenclatureFactory()
    with pytest.raises(OperationRefusee, match="L’année doit être entre 1900 et 2100"):
        operations.preparer_un_exercice(DepartementFactory(), annee, par=responsable)
    assert not Exercice.objects.exists()


def test_sans_nomenclature_l_annee_ne_se_prepare_pas(responsable):
    with pytest.raises(OperationRefusee, match="Aucune nomenclature n’est connue pour 2027"):
        operations.preparer_un_exercice(DepartementFactory(), 2027, par=responsable)


def test_en_preparation_on_depose_mais_on_ne_decide_pas(responsable):
    exercice = ExerciceFactory(statut=StatutExercice.PREPARATION)
    action = ActionFactory(exercice=exercice, statut=StatutAction.INSTRUITE)
    p147(action)
    demande = DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(100))
    with pytest.raises(OperationRefusee, match="en préparation : aucune décision"):
        operations.decider([demande], par=responsable)
    operations.ouvrir(exercice, par=responsable)
    operations.decider([demande], par=responsable)
    assert Action.objects.get().statut == StatutAction.PROGRAMMEE


def test_ouvrir_deux_fois_dit_qui_l_a_fait(responsable):
    exercice = ExerciceFactory(statut=StatutExercice.PREPARATION)
    operations.ouvrir(exercice, par=responsable)
    with pytest.raises(DejaFait, match=f"n’est plus en préparation, par {responsable} le"):
        operations.ouvrir(exercice, par=habiliter(Role.RESPONSABLE))


@pytest.mark.parametrize("role", [Role.AGENT, Role.DELEGUE, Role.LECTEUR, Role.PARTENAIRE])
def test_le_responsable_seul_tient_l_exercice(exercice, campagne, role):
    autre = habiliter(role)
    gestes = [
        lambda: operations.creer_une_campagne(exercice, "Été", par=autre),
        lambda: operations.modifier_une_campagne(campagne, {"vague": 2}, par=autre),
        lambda: operations.partager_les_propositions(campagne, par=autre),
        lambda: operations.figer(campagne, par=autre),
        lambda: operations.clore(exercice, par=autre),
        lambda: operations.ouvrir(exercice, par=autre),
        lambda: operations.preparer_un_exercice(exercice.departement, 2027, par=autre),
    ]
    for geste in gestes:
        with pytest.raises(DroitManquant):
            geste()


# --- Les campagnes ---


def test_une_campagne_de_dates_inversees_est_refusee(responsable, exercice):
    with pytest.raises(OperationRefusee, match="se clôt avant d’ouvrir"):
        operations.creer_une_campagne(
            exercice, "Été", ouverture=date(2026, 6, 1), cloture=date(2026, 5, 1), par=responsable
        )
    assert Campagne.objects.count() == 1


def test_une_campagne_de_l_an_206_est_refusee(responsable, exercice):
    with pytest.raises(OperationRefusee, match="L’année doit être entre 1900 et 2100"):
        operations.creer_une_campagne(exercice, "Été", ouverture=date(206, 6, 1), par=responsable)


@pytest.mark.parametrize("vague", [0, 21, 99_999_999_999])
def test_une_vague_se_numerote_de_1_a_20(responsable, exercice, vague):
    with pytest.raises(OperationRefusee, match="de 1 à 20"):
        operations.creer_une_campagne(exercice, "Été", vague=vague, par=responsable)


def test_une_campagne_ne_se_reduit_pas_a_un_contrat_qui_n_est_pas_celui_de_ses_actions(responsable, campagne):
    ActionFactory()
    with pytest.raises(OperationRefusee, match="1 action hors de"):
        operations.modifier_une_campagne(campagne, {"contrat": ContratFactory()}, par=responsable)
    sienne = Action.objects.get().contrat
    operations.modifier_une_campagne(campagne, {"contrat": sienne}, par=responsable)
    assert Campagne.objects.get().contrat == sienne


def test_une_campagne_figee_ne_se_regle_plus(responsable, campagne):
    operations.figer(campagne, par=responsable)
    with pytest.raises(OperationRefusee, match="est figée : ses règles ne changent plus"):
        operations.modifier_une_campagne(campagne, {"vague": 2}, par=responsable)


def test_deux_chefs_qui_reglent_la_meme_campagne_ne_s_effacent_pas(responsable, campagne):
    autre = habiliter(Role.RESPONSABLE)
    lue = version_lue(campagne)
    operations.modifier_une_campagne(campagne, {"vague": 2}, par=responsable, lue=lue)
    with pytest.raises(OperationRefusee, match=f"a changé entre-temps, par {responsable}"):
        operations.modifier_une_campagne(campagne, {"vague": 3}, par=autre, lue=lue)
    assert Campagne.objects.get().vague == 2


def test_partager_deux_fois_dit_qui_l_a_fait(responsable, campagne):
    operations.partager_les_propositions(campagne, par=responsable)
    with pytest.raises(DejaFait, match=f"déjà partagées, par {responsable}"):
        operations.partager_les_propositions(campagne, par=responsable)


# --- Le gel ---


def test_figee_une_campagne_n_accepte_ni_depot_ni_premiere_decision_ni_nouvelle_action(responsable, exercice, campagne):
    brouillon, instruite = (ActionFactory(statut=s) for s in (StatutAction.BROUILLON, StatutAction.INSTRUITE))
    p147(instruite)
    operations.figer(campagne, par=responsable)
    attribution = DemandeDeDecision(instruite, NatureDecision.ATTRIBUTION, euros(100))
    nouvelle = SaisieAction({"exercice": exercice, "contrat": brouillon.contrat, "intitule": "Nouvelle"})
    gestes = [
        lambda: operations.deposer([brouillon], par=responsable),
        lambda: operations.decider([attribution], par=responsable),
        lambda: operations.enregistrer([nouvelle], par=responsable),
        lambda: operations.enregistrer_et_deposer(SaisieAction({}, action=brouillon), par=responsable),
        lambda: operations.enregistrer([SaisieAction({"statut": "deposee"}, action=brouillon)], par=responsable),
    ]
    for geste in gestes:
        with pytest.raises(OperationRefusee, match="figée|Le statut ne se saisit pas"):
            geste()
    assert {action.statut for action in Action.objects.all()} == {StatutAction.BROUILLON, StatutAction.INSTRUITE}


def test_figee_une_campagne_n_a_plus_ni_scenario_ni_comite(responsable, exercice, campagne):
    action = ActionFactory(statut=StatutAction.INSTRUITE)
    p147(action)
    comite = operations.creer_un_comite(campagne, "pilotage", date(2026, 3, 12), par=responsable)
    operations.inscrire(comite, [action], par=responsable)
    comite = operations.ouvrir_la_seance(comite, par=responsable)
    scenario = operations.creer_un_scenario(exercice, "Avant", par=responsable)
    operations.saisir_des_montants(scenario, {action.pk: euros(100)}, par=responsable)
    operations.figer(campagne, par=responsable)
    issue = operations.SaisieDePassage(comite.passages.get(), NatureDecision.ATTRIBUTION, euros(100))
    gestes = {
        "un scénario": lambda: operations.creer_un_scenario(exercice, "Après", par=responsable),
        "une promotion": lambda: operations.promouvoir(scenario, par=responsable),
        "un comité": lambda: operations.creer_un_comite(campagne, "technique", date(2026, 4, 1), par=responsable),
        "une décision en séance": lambda: operations.enregistrer_en_seance(comite, [issue], par=responsable),
    }
    passes = []
    for nom, geste in gestes.items():
        try:
            geste()
        except OperationRefusee:
            continue
        passes.append(nom)
    assert passes == []


@pytest.mark.parametrize(
    ("nature", "montant", "accorde"),
    [
        (NatureDecision.COMPLEMENT, 200, 1200),
        (NatureDecision.DIMINUTION, -300, 700),
        (NatureDecision.DEPROGRAMMATION, None, 0),
    ],
)
def test_figee_une_campagne_se_complete_se_diminue_se_deprogramme_avec_un_motif(
    responsable, campagne, nature, montant, accorde
):
    action = action_programmee(1000)
    operations.figer(campagne, par=responsable)
    demande = DemandeDeDecision(action, nature, euros(montant))
    with pytest.raises(operations.MotifExige):
        operations.decider([demande], par=responsable)
    operations.decider([demande], par=responsable, motif="Crédits d’automne")
    assert action.financements.get().accorde == euros(accorde)


# --- L'avancement ---


def test_l_avancement_compte_chaque_action_une_fois(exercice, campagne):
    for statut, demande in (("deposee", 100), ("instruite", 200), ("ajournee", 400), ("non_retenue", 800)):
        p147(ActionFactory(statut=statut), demande)
    ActionFactory(statut=StatutAction.BROUILLON)
    action_programmee(1600)
    Comite.objects.create(campagne=campagne, nature="pilotage", date=date(2026, 4, 1))
    Comite.objects.create(
        campagne=campagne, nature="technique", date=date(2026, 3, 1), etat=EtatComite.TERMINE, termine_le=timezone.now()
    )
    lu = avancements(Action.objects.all(), [campagne])[campagne.pk]
    assert lu == Avancement(
        brouillons=1,
        a_decider=2,
        de_cote=1,
        programmees=1,
        sans_suite=1,
        demande=euros(700),
        accorde=euros(1600),
        comites=1,
    )
    assert lu.attendent == 3
    assert avancement_total([lu, lu]).demande == euros(1400)


def test_le_reste_d_un_exercice_est_celui_de_ses_enveloppes_meres(exercice):
    mere = EnveloppeFactory(libelle="P147")
    fille = EnveloppeFactory(libelle="Caen", parent=mere)
    for enveloppe, ae in ((mere, 5000), (fille, 3000)):
        MouvementFactory(enveloppe=enveloppe, ae=euros(ae))
    action_programmee(1200, enveloppe=fille)
    assert restes_des_exercices(Enveloppe.objects.all()) == {exercice.pk: euros(3800)}


# --- Les écrans ---


def test_la_liste_dit_ou_en_est_chaque_exercice(connecte, exercice):
    action_programmee(1600)
    p147(ActionFactory(), 700)
    page = texte(connecte.get("/programmation/exercices/"))
    assert "2026 – Calvados (14) Ouvert 0 sur 1 1 1 600,00 € 1 700,00 € —" in page


def test_la_liste_ne_coute_pas_plus_de_requetes_pour_trois_exercices(connecte, django_assert_max_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def requetes():
        with CaptureQueriesContext(connection) as capture:
            connecte.get("/programmation/exercices/")
        return len(capture)

    MouvementFactory(enveloppe=EnveloppeFactory())
    d_un = requetes()
    for annee in (2024, 2025):
        MouvementFactory(enveloppe=EnveloppeFactory(exercice=ExerciceFactory(annee=annee)))
        action_programmee(100, exercice=ExerciceFactory(annee=annee))
    assert requetes() == d_un


def test_la_fiche_dit_ce_qui_reste_avant_de_figer(connecte, exercice):
    p147(ActionFactory(), 700)
    ActionFactory(statut=StatutAction.BROUILLON)
    page = texte(connecte.get(f"/programmation/exercices/{exercice.pk}/"))
    assert "Reste avant de figer 1 action à décider pour 700,00 € demandés 1 brouillon" in page
    assert "Avant de clore. Figer d’abord : « Campagne 2026 »." in page


def test_preparer_un_exercice_a_l_ecran(connecte, exercice):
    reponse = connecte.post(
        "/programmation/exercices/ajouter/", {"departement": exercice.departement_id, "annee": "2027"}
    )
    assert reponse.status_code == 302
    assert Exercice.objects.get(annee=2027).statut == StatutExercice.PREPARATION


def test_une_annee_206_a_l_ecran_se_dit_sur_le_champ(connecte, exercice):
    reponse = connecte.post("/programmation/exercices/ajouter/", {"departement": exercice.departement_id, "annee": 206})
    assert reponse.status_code == 200
    assert reponse.context["formulaire"].errors["annee"] == ["L’année doit être entre 1900 et 2100."]


def test_l_exercice_qui_existe_deja_se_dit(connecte, exercice):
    reponse = connecte.post(
        "/programmation/exercices/ajouter/", {"departement": exercice.departement_id, "annee": 2026}
    )
    assert "existe déjà pour ce département" in texte(reponse)


def envoi_d_une_campagne(**champs):
    return {"intitule": "Été", "vague": "2", "avis_delegue_exige": "on", **champs}


def test_creer_une_campagne_a_l_ecran(connecte, exercice):
    contrat = ContratFactory()
    envoi = envoi_d_une_campagne(
        contrat=contrat.pk, dispositif=DispositifFactory(code="vvv").pk, ouverture="2026-05-01", cloture="2026-06-15"
    )
    assert connecte.post(f"/programmation/exercices/{exercice.pk}/campagnes/ajouter/", envoi).status_code == 302
    ete = Campagne.objects.get(intitule="Été")
    assert (ete.contrat, ete.vague, ete.cloture, ete.avis_delegue_exige) == (contrat, 2, date(2026, 6, 15), True)


@pytest.mark.parametrize(
    ("champs", "phrase"),
    [
        ({"ouverture": "2026-06-15", "cloture": "2026-05-01"}, "La campagne se clôt avant d’ouvrir"),
        ({"ouverture": "0206-05-01"}, "L’année doit être entre 1900 et 2100"),
        ({"intitule": "Campagne 2026"}, "porte déjà cet intitulé"),
        ({"intitule": ""}, "Renseigner « intitulé »"),
        ({"contrat": "9999"}, "Ce choix n’est pas proposé ici"),
        ({"vague": "-1"}, "trop petit"),
    ],
)
def test_une_campagne_mal_remplie_se_dit_et_n_ecrit_rien(connecte, exercice, champs, phrase):
    reponse = connecte.post(
        f"/programmation/exercices/{exercice.pk}/campagnes/ajouter/", envoi_d_une_campagne(**champs)
    )
    assert reponse.status_code == 200
    assert phrase.lower() in texte(reponse).lower()
    assert Campagne.objects.count() == 1


def test_regler_une_campagne_a_l_ecran(connecte, campagne):
    adresse = f"/programmation/campagnes/{campagne.pk}/modifier/"
    lue = connecte.get(adresse).context["formulaire"]["lue"].value()
    envoi = envoi_d_une_campagne(intitule="Programmation", avis_manquant_bloquant="on", lue=lue)
    assert connecte.post(adresse, envoi).status_code == 302
    campagne.refresh_from_db()
    assert (str(campagne), campagne.avis_manquant_bloquant) == ("Programmation", True)


def test_une_campagne_d_un_autre_departement_n_existe_pas(connecte):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    for adresse in ("campagnes/{0}/modifier/", "campagnes/{0}/partager/"):
        chemin = f"/programmation/{adresse.format(gard.campagnes.get().pk)}"
        assert connecte.get(chemin).status_code == 404
        assert connecte.post(chemin, {}).status_code == 404
    assert connecte.get(f"/programmation/exercices/{gard.pk}/").status_code == 404


def test_ouvrir_et_partager_se_confirment(connecte, responsable):
    exercice = ExerciceFactory(statut=StatutExercice.PREPARATION)
    for adresse in (f"exercices/{exercice.pk}/ouvrir/", f"campagnes/{exercice.campagnes.get().pk}/partager/"):
        vu = connecte.get(f"/programmation/{adresse}").context["formulaire"]["vu"].value()
        assert connecte.post(f"/programmation/{adresse}", {"vu": vu}).status_code == 302
    exercice.refresh_from_db()
    assert exercice.statut == StatutExercice.OUVERT
    assert exercice.campagnes.get().propositions_partagees_le is not None


def test_un_partenaire_ne_lit_pas_le_cadre_de_l_annee(client, exercice):
    client.force_login(habiliter(Role.PARTENAIRE))
    assert client.get("/programmation/exercices/").status_code == 403
    assert client.get(f"/programmation/exercices/{exercice.pk}/").status_code == 404


def test_un_agent_lit_sans_pouvoir_faire(client, exercice, campagne):
    client.force_login(habiliter(Role.AGENT))
    page = texte(client.get(f"/programmation/exercices/{exercice.pk}/"))
    assert "Ajouter une campagne" not in page
    assert client.get(f"/programmation/exercices/{exercice.pk}/campagnes/ajouter/").status_code == 403
    assert client.post(f"/programmation/campagnes/{campagne.pk}/partager/", {}).status_code == 403
