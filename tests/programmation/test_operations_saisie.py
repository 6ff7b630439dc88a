"""Enregistrer des actions : ce que l'opération promet à l'écran, à l'import et aux commandes."""

from datetime import date

import pytest
from django.utils import timezone

from comptes.enums import Role
from programmation import operations
from programmation.enums import Echelle, EtatFinancement, NatureFinancement, StatutAction, StatutExercice
from programmation.models import Action, Campagne, Financement
from programmation.operations import (
    ConflitDeVersion,
    DroitManquant,
    LigneDePlan,
    MotifExige,
    OperationRefusee,
    SaisieAction,
)
from territoires.enums import Generation
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    DecisionFactory,
    DispositifFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    NomenclatureFactory,
    OrganismeFactory,
    PilierFactory,
    PrioriteFactory,
    QuartierFactory,
    ThematiqueFactory,
    action_programmee,
    euros,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def exercice():
    return ExerciceFactory()


@pytest.fixture
def contrat():
    return ContratFactory()


@pytest.fixture
def agent(exercice):
    return habiliter(Role.AGENT, departement=exercice.departement)


def champs_du_brouillon(exercice, contrat, **champs):
    return {"exercice": exercice, "contrat": contrat, "intitule": "Lire au pied des tours", **champs}


def enregistrer_une(agent, motif="", **saisie):
    return operations.enregistrer([SaisieAction(**saisie)], par=agent, motif=motif)[0]


def test_un_brouillon_n_exige_qu_exercice_contrat_et_intitule(agent, exercice, contrat):
    action = enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat))
    action.refresh_from_db()
    assert (action.statut, action.version, action.campagne) == (StatutAction.BROUILLON, 1, exercice.campagnes.get())
    assert action.recherche == "lire au pied des tours"


def test_l_action_va_dans_la_campagne_de_son_contrat_si_elle_existe(agent, exercice, contrat):
    celle_du_contrat = CampagneFactory(exercice=exercice, intitule="COPIL du contrat", contrat=contrat)
    action = enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat))
    assert action.campagne == celle_du_contrat


def test_l_historique_garde_l_auteur_et_le_motif(agent, exercice, contrat):
    action = enregistrer_une(agent, motif="Reprise du tableur", champs=champs_du_brouillon(exercice, contrat))
    trace = action.history.get()
    assert (trace.history_user, trace.history_change_reason) == (agent, "Reprise du tableur")


def test_un_plan_de_deux_financeurs_recopie_la_famille_et_propose_la_nature(agent, exercice, contrat):
    anct, ville = FinanceurFactory(p147=True), FinanceurFactory(nom="Ville de Caen")
    plan = [LigneDePlan(anct, demande=euros(3000)), LigneDePlan(ville, demande=euros(2000))]
    action = enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat), plan=plan)
    lignes = action.financements.order_by("-demande").values_list("famille", "nature", "demande")
    assert list(lignes) == [
        ("anct_p147", NatureFinancement.SPECIFIQUE, euros(3000)),
        ("commune", NatureFinancement.DROIT_COMMUN, euros(2000)),
    ]


def test_enregistrer_deux_fois_la_meme_saisie_ne_change_rien(agent, exercice, contrat):
    quartier = QuartierFactory(contrat=contrat)
    ville = FinanceurFactory()
    saisie = {
        "champs": champs_du_brouillon(exercice, contrat, description="Atelier"),
        "plan": [LigneDePlan(ville, demande=euros(2000))],
        "localisations": {quartier: 1},
        "priorites": [PrioriteFactory()],
    }
    action = enregistrer_une(agent, **saisie)
    enregistrer_une(agent, action=action, version=1, **saisie)
    action.refresh_from_db()
    assert (action.version, action.history.count(), action.financements.get().history.count()) == (1, 1, 1)


@pytest.mark.parametrize(
    "changement",
    [
        {"champs": {"intitule": "Autre titre"}},
        {"champs": {}, "priorites": []},
        {"champs": {}, "plan": []},
        {"champs": {}, "localisations": {}},
    ],
)
def test_toute_ecriture_augmente_la_version(agent, exercice, contrat, changement):
    action = enregistrer_une(
        agent,
        champs=champs_du_brouillon(exercice, contrat),
        plan=[LigneDePlan(FinanceurFactory(), demande=euros(100))],
        localisations={QuartierFactory(contrat=contrat): 1},
        priorites=[PrioriteFactory()],
    )
    enregistrer_une(agent, action=action, version=1, **changement)
    action.refresh_from_db()
    assert action.version == 2


def test_les_cles_cumulees_suivent_l_ordre_des_quartiers(agent, exercice, contrat):
    a, b, c = [QuartierFactory(contrat=contrat) for _ in range(3)]
    action = enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat), localisations={c: 5, a: 2, b: 3})
    lieux = action.localisations.order_by("quartier_id").values_list("cle", "cumul_avant", "cumul_apres", "cumul_total")
    assert list(lieux) == [(2, 0, 2, 10), (3, 2, 5, 10), (5, 5, 10, 10)]


def test_retirer_un_quartier_recalcule_les_cumuls_des_autres(agent, exercice, contrat):
    a, b = [QuartierFactory(contrat=contrat) for _ in range(2)]
    action = enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat), localisations={a: 2, b: 3})
    enregistrer_une(agent, action=action, champs={}, localisations={b: 3})
    assert list(action.localisations.values_list("cumul_avant", "cumul_apres", "cumul_total")) == [(0, 3, 3)]


def test_un_formulaire_ouvert_avant_le_changement_d_un_autre_n_ecrase_rien(agent, exercice, contrat):
    action = enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat))
    enregistrer_une(agent, action=action, version=1, champs={"intitule": "Titre de Dominique"})
    with pytest.raises(ConflitDeVersion) as conflit:
        enregistrer_une(agent, action=action, version=1, champs={"intitule": "Titre de Camille"})
    assert [a.intitule for a in conflit.value.actions] == ["Titre de Dominique"]
    action.refresh_from_db()
    assert action.intitule == "Titre de Dominique"


def test_une_saisie_refusee_n_ecrit_rien_du_lot(agent, exercice, contrat):
    bonne = SaisieAction(champs=champs_du_brouillon(exercice, contrat))
    mauvaise = SaisieAction(
        champs=champs_du_brouillon(exercice, contrat, date_debut=date(2026, 6, 1), date_fin=date(2026, 5, 1))
    )
    with pytest.raises(OperationRefusee) as refus:
        operations.enregistrer([bonne, mauvaise], par=agent)
    assert refus.value.message_dict == {"date_fin": ["L’action finit avant de commencer."]}
    assert Action.objects.count() == 0


def test_un_quartier_d_un_autre_contrat_est_refuse(agent, exercice, contrat):
    with pytest.raises(OperationRefusee, match="n’est pas un quartier du contrat"):
        enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat), localisations={QuartierFactory(): 1})


def test_changer_de_contrat_sans_changer_les_quartiers_est_refuse(agent, exercice, contrat):
    quartier = QuartierFactory(contrat=contrat)
    action = enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat), localisations={quartier: 1})
    with pytest.raises(OperationRefusee, match="n’est pas un quartier du contrat"):
        enregistrer_une(agent, action=action, champs={"contrat": ContratFactory()})


def test_un_contrat_de_la_mauvaise_generation_est_refuse(agent, exercice):
    ancien = ContratFactory(ancien=True)
    assert ancien.generation == Generation.G2015
    with pytest.raises(OperationRefusee) as refus:
        enregistrer_une(agent, champs=champs_du_brouillon(exercice, ancien))
    assert refus.value.message_dict == {"contrat": ["Ce contrat n’est pas en vigueur en 2026."]}


def test_une_thematique_d_une_autre_nomenclature_est_refusee(agent, exercice, contrat):
    ancienne = ThematiqueFactory(theme__nomenclature=NomenclatureFactory(millesime="2020-2023", annee_de_debut=2020))
    with pytest.raises(OperationRefusee) as refus:
        enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat, thematique=ancienne))
    assert refus.value.message_dict == {"thematique": ["Cette thématique n’est pas de la nomenclature 2024-."]}


def test_le_pilier_transversal_ne_porte_pas_d_action(agent, exercice, contrat):
    with pytest.raises(OperationRefusee, match="étiquette"):
        enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat, pilier=PilierFactory(transversal=True)))


def test_un_financeur_en_double_dans_le_plan_est_nomme(agent, exercice, contrat):
    ville = FinanceurFactory(nom="Ville de Lisieux")
    plan = [LigneDePlan(ville, demande=euros(1)), LigneDePlan(ville, demande=euros(2))]
    with pytest.raises(OperationRefusee, match="Ville de Lisieux"):
        enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat), plan=plan)
    assert Financement.objects.count() == 0


def test_le_meme_dossier_deux_fois_dans_le_contrat_est_refuse_en_francais(agent, exercice, contrat):
    enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat, dossier="00054562", tranche=1))
    with pytest.raises(OperationRefusee, match="dossier Dauphin a déjà une action"):
        enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat, dossier="00054562", tranche=1))
    autre_contrat = champs_du_brouillon(exercice, ContratFactory(), dossier="00054562", tranche=1)
    assert enregistrer_une(agent, champs=autre_contrat).reference_dauphin == "00054562-01"


def test_l_accorde_p147_ne_se_saisit_pas(agent, exercice, contrat):
    action = action_programmee(accorde=3000, exercice=exercice, contrat=contrat)
    ligne = LigneDePlan(FinanceurFactory(p147=True), demande=euros(5000), accorde=euros(9999), etat="refuse")
    enregistrer_une(agent, action=action, champs={}, plan=[ligne], motif="Demande corrigée")
    p147_apres = action.financements.get()
    assert (p147_apres.demande, p147_apres.accorde, p147_apres.etat) == (euros(5000), euros(3000), "acquis")


def test_un_montant_d_une_action_decidee_ne_change_pas_sans_motif(agent, exercice, contrat):
    action = action_programmee(accorde=3000, exercice=exercice, contrat=contrat)
    with pytest.raises(MotifExige):
        enregistrer_une(agent, action=action, champs={"cout_previsionnel": euros(12000)})
    enregistrer_une(agent, action=action, champs={"description": "Sans effet sur les montants"})
    enregistrer_une(agent, action=action, champs={"cout_previsionnel": euros(12000)}, motif="Devis reçu")
    assert Action.objects.get().cout_previsionnel == euros(12000)


def figer(campagne):
    campagne.figee_le = timezone.now()
    campagne.save()


@pytest.fixture
def decidee(exercice, contrat):
    return action_programmee(accorde=3000, exercice=exercice, contrat=contrat)


def autre_contrat():
    return {"champs": {"contrat": ContratFactory()}}


def a_l_echelle_du_departement():
    return {"champs": {"echelle": Echelle.DEPARTEMENT, "contrat": None}}


QUI_DEPLACENT_UN_TOTAL = {
    "le contrat": autre_contrat,
    "l’échelle et le contrat": a_l_echelle_du_departement,
    "le pilier": lambda: {"champs": {"pilier": PilierFactory(code="emploi")}},
    "la thématique": lambda: {"champs": {"thematique": ThematiqueFactory(code="5.1")}},
    "le dispositif": lambda: {"champs": {"dispositif": DispositifFactory(pre=True)}},
    "le porteur": lambda: {"champs": {"porteur": OrganismeFactory()}},
    "un montant": lambda: {"champs": {}, "plan": [LigneDePlan(FinanceurFactory(p147=True), demande=euros(1))]},
}


@pytest.mark.parametrize(("mots", "changement"), QUI_DEPLACENT_UN_TOTAL.items(), ids=QUI_DEPLACENT_UN_TOTAL)
def test_deplacer_un_total_d_une_action_decidee_demande_un_motif(agent, decidee, mots, changement):
    saisie = changement()
    with pytest.raises(MotifExige, match=f"Changer {mots} de « {decidee} » demande un motif"):
        enregistrer_une(agent, action=decidee, **saisie)
    decidee.refresh_from_db()
    assert decidee.version == 1
    enregistrer_une(agent, action=decidee, motif="Erreur de saisie", **saisie)
    assert decidee.history.first().history_change_reason == "Erreur de saisie"


def test_changer_les_quartiers_ou_leurs_poids_d_une_action_decidee_demande_un_motif(agent, contrat, decidee):
    a, b = [QuartierFactory(contrat=contrat) for _ in range(2)]
    localiser(decidee, {a: 1, b: 1})
    for localisations in ({a: 1}, {a: 1, b: 2}, {}):
        with pytest.raises(MotifExige, match="Changer les quartiers"):
            enregistrer_une(agent, action=decidee, champs={}, localisations=localisations)
    enregistrer_une(agent, action=decidee, champs={}, localisations={a: 1, b: 1})
    enregistrer_une(agent, action=decidee, champs={}, localisations={a: 1, b: 2}, motif="Clés du porteur")
    assert decidee.localisations.first().history.first().history_change_reason == "Clés du porteur"


def test_une_campagne_figee_demande_le_meme_motif_pour_une_action_non_decidee(agent, exercice, contrat):
    action = ActionFactory(exercice=exercice, contrat=contrat)
    enregistrer_une(agent, action=action, champs={"pilier": PilierFactory(code="emploi")})
    figer(exercice.campagnes.get())
    with pytest.raises(MotifExige, match="le pilier"):
        enregistrer_une(agent, action=action, champs={"pilier": PilierFactory()})
    enregistrer_une(agent, action=action, champs={"description": "Précisée"})


# --- Le gel et les enveloppes ne se contournent pas ---


@pytest.mark.parametrize("figee", ["ancienne", "nouvelle"])
def test_une_action_n_entre_ni_ne_sort_d_une_campagne_figee(agent, exercice, contrat, figee):
    campagnes = {"ancienne": exercice.campagnes.get(), "nouvelle": CampagneFactory(exercice=exercice, intitule="Été")}
    action = ActionFactory(exercice=exercice, contrat=contrat, brouillon=True, campagne=campagnes["ancienne"])
    figer(campagnes[figee])
    with pytest.raises(OperationRefusee) as refus:
        enregistrer_une(agent, action=action, champs={"campagne": campagnes["nouvelle"]}, motif="Vraiment")
    assert list(refus.value.message_dict) == ["campagne"]
    assert f"« {campagnes[figee]} » est figée" in refus.value.messages[0]
    enregistrer_une(agent, action=action, champs={"campagne": campagnes["ancienne"], "intitule": "Corrigé"})


def test_une_campagne_figee_depuis_que_le_formulaire_l_a_lue_est_relue_sous_verrou(agent, exercice, contrat):
    campagne = CampagneFactory(exercice=exercice, intitule="Été")
    action = ActionFactory(exercice=exercice, contrat=contrat)
    Campagne.objects.filter(pk=campagne.pk).update(figee_le=timezone.now())
    for saisie in (
        {"action": action, "champs": {"campagne": campagne}},
        {"champs": champs_du_brouillon(exercice, contrat, campagne=campagne)},
    ):
        with pytest.raises(OperationRefusee, match="est figée"):
            enregistrer_une(agent, **saisie)


def test_la_campagne_d_un_autre_exercice_est_refusee(agent, exercice, contrat):
    autre = ExerciceFactory(annee=2027).campagnes.get()
    with pytest.raises(OperationRefusee) as refus:
        enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat, campagne=autre))
    assert refus.value.message_dict == {"campagne": ["Cette campagne est d’un autre exercice."]}


def test_une_action_decidee_change_de_campagne_ouverte_avec_un_motif(agent, exercice, decidee):
    ete = CampagneFactory(exercice=exercice, intitule="Été")
    with pytest.raises(MotifExige, match="la campagne"):
        enregistrer_une(agent, action=decidee, champs={"campagne": ete})
    assert enregistrer_une(agent, action=decidee, champs={"campagne": ete}, motif="Seconde vague").campagne == ete


def test_une_action_d_une_campagne_figee_ne_se_scinde_plus(agent, exercice, contrat):
    """Sa part naîtrait dans une campagne ouverte : elle sortirait du gel."""
    CampagneFactory(exercice=exercice, intitule="Été")
    action = ActionFactory(exercice=exercice, contrat=contrat, dossier="00054562")
    figer(action.campagne)
    with pytest.raises(OperationRefusee, match="est figée"):
        operations.scinder(action, {contrat: 1, ContratFactory(): 1}, par=agent, motif="Essai")


@pytest.mark.parametrize("champ", ["contrat", "dispositif"])
def test_une_decision_retient_l_action_dans_le_contrat_et_le_dispositif_de_son_enveloppe(agent, decidee, champ):
    enveloppe = EnveloppeFactory(exercice=decidee.exercice, libelle="Caen", **{champ: getattr(decidee, champ)})
    DecisionFactory(action=decidee, enveloppe=enveloppe)
    autre = ContratFactory() if champ == "contrat" else DispositifFactory(pre=True)
    with pytest.raises(OperationRefusee) as refus:
        enregistrer_une(agent, action=decidee, champs={champ: autre}, motif="Erreur")
    assert list(refus.value.message_dict) == [champ]
    assert "« Caen » porte une décision de l’action" in refus.value.messages[0]
    assert "Déprogrammer l’action, puis en saisir une autre" in refus.value.messages[0]


def test_une_action_sans_decision_quitte_l_enveloppe_de_son_ancien_contrat(agent, exercice, contrat):
    enveloppe = EnveloppeFactory(exercice=exercice, contrat=contrat)
    action = ActionFactory(exercice=exercice, contrat=contrat, enveloppe=enveloppe)
    enregistrer_une(agent, action=action, champs={"contrat": ContratFactory()})
    action.refresh_from_db()
    assert action.enveloppe is None


def test_l_enveloppe_d_un_autre_contrat_ne_se_pose_pas_sur_une_action(agent, exercice, contrat):
    ailleurs = EnveloppeFactory(exercice=exercice, contrat=ContratFactory())
    with pytest.raises(OperationRefusee) as refus:
        enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat, enveloppe=ailleurs))
    assert refus.value.message_dict == {"enveloppe": ["Cette enveloppe est celle d’un autre contrat."]}


def test_la_ligne_p147_d_une_action_decidee_ne_quitte_pas_le_plan(agent, exercice, contrat):
    action = action_programmee(exercice=exercice, contrat=contrat)
    with pytest.raises(OperationRefusee, match="ne se retire pas du plan"):
        enregistrer_une(agent, action=action, champs={}, plan=[], motif="Essai")


def test_un_financeur_acquis_garde_sa_date_et_un_refus_vaut_zero(agent, exercice, contrat):
    caf, ville = FinanceurFactory(nom="CAF", famille="caf"), FinanceurFactory(nom="Ville")
    plan = [
        LigneDePlan(caf, demande=euros(800), accorde=euros(700), etat="acquis", date_etat=date(2026, 3, 3)),
        LigneDePlan(ville, demande=euros(500), etat=EtatFinancement.REFUSE),
    ]
    action = enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat), plan=plan)
    lignes = action.financements.order_by("-demande").values_list("accorde", "etat", "date_etat")
    assert list(lignes) == [(euros(700), "acquis", date(2026, 3, 3)), (euros(0), "refuse", None)]


def test_un_accorde_sollicite_est_refuse_par_la_base_en_francais(agent, exercice, contrat):
    plan = [LigneDePlan(FinanceurFactory(), demande=euros(800), accorde=euros(700))]
    with pytest.raises(OperationRefusee, match="Sollicité : l’accordé reste vide"):
        enregistrer_une(agent, champs=champs_du_brouillon(exercice, contrat), plan=plan)


def test_rien_ne_se_saisit_dans_un_exercice_clos(agent, contrat):
    clos = ExerciceFactory(annee=2025, statut=StatutExercice.CLOS)
    action = ActionFactory(exercice=clos, contrat=contrat)
    with pytest.raises(OperationRefusee, match="clos"):
        enregistrer_une(agent, action=action, champs={"intitule": "Tard"})
    with pytest.raises(OperationRefusee, match="clos"):
        enregistrer_une(agent, champs=champs_du_brouillon(clos, contrat))


def test_un_agent_d_un_contrat_ne_saisit_pas_dans_un_autre(exercice, contrat):
    agent_du_contrat = habiliter(Role.AGENT, contrat=contrat)
    action = enregistrer_une(agent_du_contrat, champs=champs_du_brouillon(exercice, contrat))
    with pytest.raises(DroitManquant):
        enregistrer_une(agent_du_contrat, champs=champs_du_brouillon(exercice, ContratFactory()))
    with pytest.raises(DroitManquant):
        enregistrer_une(agent_du_contrat, action=action, champs={"contrat": ContratFactory()})


@pytest.mark.parametrize("role", [Role.DELEGUE, Role.LECTEUR, Role.PARTENAIRE])
def test_qui_lit_n_ecrit_pas(exercice, contrat, role):
    with pytest.raises(DroitManquant):
        enregistrer_une(habiliter(role), champs=champs_du_brouillon(exercice, contrat))


def test_le_nombre_de_requetes_ne_depend_pas_du_nombre_d_actions(
    agent, exercice, contrat, django_assert_max_num_queries
):
    ville, thematique, pilier = FinanceurFactory(), ThematiqueFactory(), PilierFactory()
    dispositif, porteur = DispositifFactory(), OrganismeFactory()

    def saisies(nombre):
        communs = {"thematique": thematique, "pilier": pilier, "dispositif": dispositif, "porteur": porteur}
        return [
            SaisieAction(
                champs=champs_du_brouillon(exercice, contrat, **communs), plan=[LigneDePlan(ville, demande=euros(10))]
            )
            for _ in range(nombre)
        ]

    with django_assert_max_num_queries(12):
        operations.enregistrer(saisies(1), par=agent)
    with django_assert_max_num_queries(12):
        operations.enregistrer(saisies(3), par=agent)


# --- Scinder ---


def test_un_dossier_sur_deux_contrats_se_scinde_au_centime(agent, exercice, contrat):
    autre = ContratFactory()
    quartier = QuartierFactory(contrat=contrat)
    action = ActionFactory(
        exercice=exercice,
        contrat=contrat,
        dossier="00054562",
        cout_previsionnel=euros("100,01"),
        beneficiaires_prevus=10,
    )
    p147(action, demande="100,01")
    localiser(action, {quartier: 1})
    premiere, seconde = operations.scinder(action, {contrat: 1, autre: 2}, par=agent, motif="Deux contrats")
    assert (premiere.pk, premiere.contrat, seconde.contrat) == (action.pk, contrat, autre)
    assert (premiere.cout_previsionnel, seconde.cout_previsionnel) == (euros("33,33"), euros("66,68"))
    assert [a.financements.get().demande for a in (premiere, seconde)] == [euros("33,33"), euros("66,68")]
    assert (premiere.beneficiaires_prevus, seconde.beneficiaires_prevus) == (3, 7)
    assert (seconde.dossier, seconde.statut, seconde.localisations.count()) == ("00054562", "deposee", 0)
    assert premiere.localisations.get().quartier == quartier


def test_une_action_programmee_ou_sans_dossier_ne_se_scinde_pas(agent, exercice, contrat):
    cles = {contrat: 1, ContratFactory(): 1}
    with pytest.raises(OperationRefusee, match="ne se scinde pas"):
        operations.scinder(action_programmee(exercice=exercice, contrat=contrat), cles, par=agent, motif="Essai")
    with pytest.raises(OperationRefusee, match="dossier Dauphin"):
        operations.scinder(ActionFactory(exercice=exercice, contrat=contrat), cles, par=agent, motif="Essai")
