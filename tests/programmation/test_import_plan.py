"""Le plan d'un import d'actions : ce qu'il promet avant d'écrire, et ce que la confirmation écrit."""

from datetime import date

import pytest

from comptes.enums import Role
from programmation import operations
from programmation.enums import EtatLot, StatutAction, StatutExercice
from programmation.imports import lots
from programmation.imports.apercu import Apercu
from programmation.models import Action, Financement, Financeur, Lot, Organisme
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    DispositifFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinanceurFactory,
    NomenclatureFactory,
    OrganismeFactory,
    PilierFactory,
    PrioriteFactory,
    QuartierFactory,
    ThematiqueFactory,
    ThemeFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)
from tests.imports import actions_importees, compteurs, csv, en_clair, fichier, importer, messages, planifier

pytestmark = pytest.mark.django_db

SIRET = "00000001800010"  # clé juste, et que personne ne peut porter


@pytest.fixture
def exercice():
    return ExerciceFactory()


@pytest.fixture
def caen():
    return ContratFactory(code="CN01403M", intitule="Contrat de ville de Caen la mer")


@pytest.fixture
def agent(exercice):
    return habiliter(Role.AGENT, departement=exercice.departement)


@pytest.fixture
def referentiel(exercice, caen):
    """De quoi renseigner une action entière."""
    FinanceurFactory(p147=True)
    FinanceurFactory(nom="CAF du Calvados", famille="caf", departement=exercice.departement)
    FinanceurFactory(nom="Région Normandie", famille="region", departement=exercice.departement)
    DispositifFactory(libelle="Contrat de ville")
    ThematiqueFactory(code="1.1", libelle="Éducation", theme=ThemeFactory())
    PilierFactory(libelle="Cohésion sociale")
    return exercice


ENTETES = [
    "N° Dauphin",
    "Intitulé",
    "Contrat",
    "Sous-thème",
    "Pilier",
    "Dispositif",
    "Porteur",
    "Début",
    "Fin",
    "Coût total",
    "Demandé P147",
    "CAF",
    "Statut",
]


def ligne(dossier="DA00054562-01", intitule="Lire au pied des tours", contrat="CN01403M", **champs):
    valeurs = {
        "N° Dauphin": dossier,
        "Intitulé": intitule,
        "Contrat": contrat,
        "Sous-thème": "1.1",
        "Pilier": "Cohésion sociale",
        "Dispositif": "Contrat de ville",
        "Porteur": "Lire à Caen",
        "Début": date(2026, 1, 1),
        "Fin": date(2026, 12, 31),
        "Coût total": 10000,
        "Demandé P147": 6000,
        "CAF": "4 000,00 €",
        "Statut": "Déposée",
    }
    return list((valeurs | champs).values())


def tableur(*lignes, entetes=ENTETES, nom="actions.xlsx"):
    return fichier(entetes, *lignes, nom=nom)


# --- Créer ---


def test_une_ligne_complete_cree_l_action_son_plan_et_son_porteur_et_la_depose(referentiel, agent):
    importer(tableur(ligne()), referentiel, agent)
    action = Action.objects.get()
    assert (action.reference_dauphin, action.statut, str(action.porteur)) == ("00054562-01", "deposee", "Lire à Caen")
    assert (str(action.thematique), str(action.pilier), action.cout_previsionnel) == (
        "1.1 Éducation",
        "Cohésion sociale",
        euros(10000),
    )
    plan = action.financements.order_by("famille").values_list("famille", "demande", "etat")
    assert list(plan) == [("anct_p147", euros(6000), "sollicite"), ("caf", euros(4000), "sollicite")]


def test_toutes_les_lignes_d_un_import_partagent_le_motif_du_fichier(referentiel, agent):
    lot = importer(tableur(ligne(), ligne(dossier="00054563")), referentiel, agent)
    motifs = {trace.history_change_reason for trace in Action.history.all()}
    assert motifs == {lots.motif_du_lot("actions.xlsx", lot.cree_le)}
    assert {trace.history_user for trace in Financement.history.all()} == {agent}


def test_sans_statut_les_actions_completes_se_deposent_a_la_confirmation_si_on_le_demande(referentiel, agent):
    lignes = [ligne(Statut=None), ligne("00054563", Statut=None), ligne("00054564", Fin=None, Statut=None)]
    lot = lots.deposer(tableur(*lignes), referentiel, par=agent)
    apercu = Apercu(lots.planifier(lot, par=agent).en_json())
    assert (apercu.brouillons, apercu.naissances) == (3, "3 en brouillon")
    lots.confirmer(lot, par=agent, deposer_les_completes=True)
    assert dict(Action.objects.values_list("dossier", "statut")) == {
        "00054562": "deposee",
        "00054563": "deposee",
        "00054564": "brouillon",
    }


def test_sans_le_demander_les_actions_restent_en_brouillon(referentiel, agent):
    depose = tableur(ligne(Statut=None), ligne("00054563"))
    apercu = Apercu(planifier(depose, referentiel, agent).en_json())
    assert apercu.naissances == "1 en brouillon, 1 déposée"
    importer(depose, referentiel, agent)
    assert set(Action.objects.values_list("statut", flat=True)) == {"brouillon", "deposee"}


def test_le_plan_ne_fait_que_lire(referentiel, agent):
    plan = planifier(tableur(ligne()), referentiel, agent)
    assert compteurs(plan) == {"cree": 1}
    assert (Action.objects.count(), Organisme.objects.count(), Lot.objects.count()) == (0, 0, 0)


def test_un_brouillon_n_exige_que_l_intitule_et_le_contrat(referentiel, agent):
    importer(fichier(["Intitulé", "Contrat"], ["Atelier", "Contrat de ville de Caen la mer"]), referentiel, agent)
    assert (Action.objects.get().statut, Action.objects.get().version) == (StatutAction.BROUILLON, 1)


def test_une_action_a_l_echelle_du_departement_n_a_pas_de_contrat(referentiel, agent):
    importer(fichier(["Intitulé", "Contrat"], ["Centre de ressources", "Département"]), referentiel, agent)
    assert (Action.objects.get().echelle, Action.objects.get().contrat) == ("departement", None)


def test_les_quartiers_se_disent_par_code_ou_par_nom_avec_leur_cle(referentiel, agent, caen):
    premier = QuartierFactory(contrat=caen, code="QN01401M", nom="Chemin Vert")
    second = QuartierFactory(contrat=caen, code="QN01402M", nom="Guérinière")
    importer(
        fichier(["Intitulé", "Contrat", "QPV"], ["Atelier", "CN01403M", "QN01401M:2 ; guerinière"]), referentiel, agent
    )
    lieux = Action.objects.get().localisations.values_list("quartier", "cle", "cumul_total")
    assert list(lieux) == [(premier.pk, 2, 3), (second.pk, 1, 3)]


def test_les_quartiers_designent_le_contrat_qui_n_est_pas_ecrit(referentiel, agent, caen):
    QuartierFactory(contrat=caen, code="QN01401M")
    importer(fichier(["Intitulé", "QPV"], ["Atelier", "QN01401M"]), referentiel, agent)
    assert Action.objects.get().contrat == caen


def test_la_correspondance_propose_le_pilier_qui_manque(referentiel, agent):
    from programmation.models import Correspondance, Thematique

    pilier = PilierFactory(code="cadre-de-vie")
    Correspondance.objects.create(thematique=Thematique.objects.get(), pilier=pilier)
    importer(
        fichier(["Intitulé", "Contrat", "Thématique"], ["Atelier", "CN01403M", "1.1 Éducation"]), referentiel, agent
    )
    assert Action.objects.get().pilier == pilier


def test_les_autres_champs_d_une_action_s_importent(referentiel, agent):
    PrioriteFactory(code="jeunesse")
    PrioriteFactory(code="egalite")
    entetes = [
        "Intitulé",
        "Contrat",
        "Nouvelle/reconduite",
        "Annuelle/CPO (tranche n/N)",
        "Bénéficiaires prévus",
        "Dont femmes",
        "Dont QPV",
        "Priorités transversales",
        "Contributions volontaires",
        "Description",
    ]
    valeurs = [
        "Atelier",
        "CN01403M",
        "Reconduite",
        "CPO 2/3",
        "40",
        25,
        30,
        "jeunesse ; Egalite",
        "1 200,50",
        "Deux fois",
    ]
    importer(fichier(entetes, valeurs), referentiel, agent)
    action = Action.objects.get()
    assert (action.origine, action.duree, action.cpo_rang, action.cpo_nombre) == ("reconduite", "cpo", 2, 3)
    assert (action.beneficiaires_prevus, action.beneficiaires_femmes, action.beneficiaires_qpv) == (40, 25, 30)
    assert set(action.priorites.values_list("code", flat=True)) == {"jeunesse", "egalite"}
    assert (action.contributions_volontaires, action.description) == (euros("1200,50"), "Deux fois")


# --- Mettre à jour ---


def test_un_dossier_connu_dans_le_contrat_met_l_action_a_jour(referentiel, agent, caen):
    action = ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562", tranche=1, intitule="Lire")
    p147(action, demande=5000)
    plan = planifier(
        fichier(["Dossier", "Contrat", "Coût", "Demandé P147"], ["00054562-01", "CN01403M", 12000, 6000]),
        referentiel,
        agent,
    )
    assert compteurs(plan) == {"modifie": 1}
    assert en_clair(plan.lignes[0].changements) == {
        "Coût prévisionnel": ("10 000,00 €", "12 000,00 €"),
        "ANCT – P147 – demandé": ("5 000,00 €", "6 000,00 €"),
    }


def test_le_meme_dossier_sur_un_autre_contrat_est_une_autre_action(referentiel, agent):
    ActionFactory(exercice=referentiel, contrat=ContratFactory(), dossier="00054562", tranche=1)
    importer(tableur(ligne()), referentiel, agent)
    assert Action.objects.filter(dossier="00054562").count() == 2


def test_une_cellule_vide_ne_vide_pas_un_champ(referentiel, agent, caen):
    action = ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562", description="À garder")
    cofinancement(action, FinanceurFactory(nom="Ville"), 500)
    importer(
        fichier(["Dossier", "Description", "Coût", "Intitulé", "Demandé P147"], ["00054562", None, 11000, None, None]),
        referentiel,
        agent,
    )
    action.refresh_from_db()
    assert (action.description, action.cout_previsionnel, action.financements.count()) == (
        "À garder",
        euros(11000),
        1,
    )


def test_une_ligne_du_plan_absente_du_fichier_reste(referentiel, agent, caen):
    action = ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562")
    cofinancement(action, FinanceurFactory(nom="Ville"), 500)
    importer(fichier(["Dossier", "CAF"], ["00054562", 700]), referentiel, agent)
    assert sorted(action.financements.values_list("demande", flat=True)) == [euros(500), euros(700)]


def test_zero_pour_un_financeur_absent_n_ajoute_pas_de_ligne(referentiel, agent):
    importer(tableur(ligne(CAF=0)), referentiel, agent)
    assert list(Financement.objects.values_list("famille", flat=True)) == ["anct_p147"]


def test_un_tiret_est_une_case_sans_montant(referentiel, agent):
    importer(tableur(ligne(CAF="-"), ligne(dossier="00054563", CAF="—")), referentiel, agent)
    assert Financement.objects.count() == 2


# --- Rejouer ---


def test_rejouer_le_meme_fichier_ne_change_rien(referentiel, agent):
    depose = tableur(ligne(), ligne(dossier=None, intitule="Sans numéro", Statut="Brouillon"))
    importer(depose, referentiel, agent)
    avant = etat_de_la_base()
    plan = planifier(depose, referentiel, agent)
    assert compteurs(plan) == {"inchange": 2}
    importer(depose, referentiel, agent)
    assert etat_de_la_base() == avant


def test_rejouer_apres_une_decision_ne_change_rien(referentiel, agent):
    depose = tableur(ligne())
    importer(depose, referentiel, agent)
    action = Action.objects.get()
    operations.decider([operations.DemandeDeDecision(action, "attribution", euros(5000))], par=agent)
    assert compteurs(planifier(depose, referentiel, agent)) == {"inchange": 1}


def test_sans_dossier_le_meme_intitule_du_meme_porteur_est_la_meme_action(referentiel, agent, caen):
    porteur = OrganismeFactory(nom="Lire à Caen")
    ActionFactory(exercice=referentiel, contrat=caen, intitule="Lire au pied des Tours", porteur=porteur)
    entetes = ["Intitulé", "Contrat", "Porteur", "Description"]
    memes = fichier(entetes, ["LIRE AU PIED DES TOURS", "CN01403M", "lire a caen", "Nouveau"])
    assert compteurs(planifier(memes, referentiel, agent)) == {"modifie": 1}
    autre = fichier(entetes, ["Lire au pied des tours", "CN01403M", "Un autre porteur", "Nouveau"])
    assert compteurs(planifier(autre, referentiel, agent)) == {"cree": 1}


def test_deux_actions_du_meme_intitule_ne_se_devinent_pas(referentiel, agent, caen):
    for _ in range(2):
        ActionFactory(exercice=referentiel, contrat=caen, intitule="Atelier")
    plan = planifier(fichier(["Intitulé", "Contrat"], ["Atelier", "CN01403M"]), referentiel, agent)
    assert messages(plan) == [
        "A2 : plusieurs actions de l’exercice ont cet intitulé : indiquer le dossier Dauphin, ou la clé d’un export."
    ]


def etat_de_la_base():
    return (
        list(Action.objects.order_by("pk").values_list("pk", "version", "modifie_le")),
        Action.history.count(),
        Financement.history.count(),
        Organisme.objects.count(),
    )


# --- Tout ou rien ---


def test_un_seul_refus_et_rien_ne_s_ecrit(referentiel, agent):
    depose = tableur(ligne(), ligne(dossier="00054563", **{"Sous-thème": "Educ."}))
    lot = lots.deposer(depose, referentiel, par=agent)
    plan = lots.planifier(lot, par=agent)
    assert messages(plan, "refus") == ["D3 : « Educ. » inconnu, vouliez-vous « 1.1 Éducation » ?"]
    with pytest.raises(operations.OperationRefusee, match="refus"):
        lots.confirmer(lot, par=agent)
    lot.refresh_from_db()
    assert (Action.objects.count(), Organisme.objects.count(), lot.etat) == (0, 0, EtatLot.REFUSE)


def test_le_meme_dossier_deux_fois_pour_un_contrat_est_refuse_en_nommant_la_ligne(referentiel, agent):
    plan = planifier(tableur(ligne(), ligne(intitule="Autre titre")), referentiel, agent)
    assert messages(plan, "refus") == [
        "A3 : ce dossier est déjà à la ligne 2, pour le même contrat : n’en garder qu’une."
    ]


def test_les_messages_disent_la_cellule_et_la_regle(referentiel, agent):
    fausse = ligne(Début=date(2026, 6, 1), Fin=date(2026, 5, 1))
    plan = planifier(tableur(ligne(dossier="00054563", **{"Coût total": "dix mille"}), fausse), referentiel, agent)
    assert messages(plan, "refus") == [
        "J2 : « dix mille » n’est pas un montant : écrire des chiffres, par exemple 1 234,50.",
        "I3 : L’action finit avant de commencer.",
    ]


def test_deposer_sans_tout_renseigner_est_refuse(referentiel, agent):
    plan = planifier(tableur(ligne(**{"Coût total": None, "Sous-thème": None})), referentiel, agent)
    assert messages(plan, "refus") == [
        "M2 : cette action ne peut pas être déposée. Il manque : thématique, coût prévisionnel."
    ]


def test_une_decision_ne_s_importe_pas(referentiel, agent):
    plan = planifier(tableur(ligne(Statut="Programmée")), referentiel, agent)
    assert messages(plan, "refus") == [
        "M2 : « Programmée » ne s’importe pas : écrire « Déposée », puis enregistrer la décision à l’écran."
    ]


def test_l_accorde_p147_est_ignore_avec_un_avertissement(referentiel, agent):
    depose = tableur([*ligne(), 9999], entetes=[*ENTETES, "Accordé P147"])
    lot = importer(depose, referentiel, agent)
    assert "N1 : l’accordé P147 n’est pas importé : une décision s’enregistre à l’écran." in lot_messages(lot)
    assert Financement.objects.p147().get().accorde is None


def lot_messages(lot):
    return [anomalie["phrase"].replace("\u00a0", " ") for anomalie in lot.plan["anomalies"]]


def test_un_contrat_de_l_ancienne_generation_est_refuse(referentiel, agent):
    ContratFactory(ancien=True, code="CV051", intitule="Contrat de ville de Caen la mer")
    plan = planifier(
        fichier(["Intitulé", "Contrat"], ["Un", "CV051"], ["Deux", "Contrat de ville de Caen la mer"]),
        referentiel,
        agent,
    )
    assert messages(plan) == ["B2 : Ce contrat n’est pas en vigueur en 2026."]


def test_un_quartier_d_un_autre_contrat_ou_d_une_autre_generation_est_refuse(referentiel, agent, caen):
    QuartierFactory(contrat=caen, nom="Chemin Vert")
    lisieux = ContratFactory(intitule="Contrat de Lisieux")
    QuartierFactory(contrat=lisieux, nom="Hauteville")
    ancien = ContratFactory(ancien=True, intitule="Contrat de 2015")
    QuartierFactory(contrat=ancien, nom="Calvaire Saint-Pierre")
    plan = planifier(
        fichier(
            ["Intitulé", "Contrat", "Quartiers"],
            ["Un", "CN01403M", "Hauteville"],
            ["Deux", "CN01403M", "Calvaire Saint-Pierre"],
            ["Trois", "CN01403M", "Chemin ver"],
        ),
        referentiel,
        agent,
    )
    assert messages(plan) == [
        "C2 : « Hauteville » n’est pas un quartier de « Contrat de ville de Caen la mer », mais de « Contrat de Lisieux » "
        "(2024-2030).",
        "C3 : « Calvaire Saint-Pierre » n’est pas un quartier de « Contrat de ville de Caen la mer », mais de « Contrat de "
        "2015 » (2015-2023).",
        f"C4 : « Chemin ver » inconnu, vouliez-vous « {caen.quartiers.get().code} Chemin Vert » ?",
    ]


def test_une_thematique_d_une_autre_nomenclature_est_inconnue(referentiel, agent):
    ancienne = NomenclatureFactory(millesime="2020-2023", annee_de_debut=2020)
    ThematiqueFactory(theme=ThemeFactory(nomenclature=ancienne), code="9.9", libelle="Disparue")
    plan = planifier(tableur(ligne(**{"Sous-thème": "Disparue"})), referentiel, agent)
    assert messages(plan, "refus") == ["D2 : « Disparue » inconnu : choisir dans la liste de référence."]


def test_une_colonne_obligatoire_qui_manque_se_dit_une_fois(referentiel, agent):
    plan = planifier(fichier(["Intitulé", "Coût"], ["Un", 1], ["Deux", 2]), referentiel, agent)
    assert messages(plan) == [
        "ligne 1 : la colonne « Contrat de ville » manque, obligatoire pour créer une action (lignes 2, 3)."
    ]
    assert compteurs(plan) == {"refuse": 2}


def test_une_campagne_figee_ne_recoit_plus_d_action(referentiel, agent, caen):
    from django.utils import timezone

    action = ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562")
    referentiel.campagnes.update(figee_le=timezone.now())
    entetes = ["Dossier", "Contrat", "Intitulé", "Description"]
    plan = planifier(
        fichier(entetes, ["00054562", "CN01403M", action.intitule, "Corrigée"], ["00054563", "CN01403M", "Neuve", "x"]),
        referentiel,
        agent,
    )
    assert compteurs(plan) == {"modifie": 1, "refuse": 1}
    assert messages(plan) == ["C3 : Aucune campagne de l’exercice 2026 n’est ouverte : elles sont figées."]


def test_un_dossier_deja_pris_par_une_autre_action_est_refuse(referentiel, agent, caen):
    ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562", intitule="Première")
    seconde = ActionFactory(exercice=referentiel, contrat=caen, dossier="00054563")
    plan = planifier(fichier(["Clé", "Dossier"], [str(seconde.cle), "00054562"]), referentiel, agent)
    assert messages(plan) == ["B2 : ce dossier est déjà celui de « Première » dans le même contrat."]


def test_une_cle_inconnue_est_refusee(referentiel, agent):
    d_ailleurs = ActionFactory(exercice=ExerciceFactory(annee=2025))
    plan = planifier(fichier(["Clé", "Intitulé"], [str(d_ailleurs.cle), "Titre"]), referentiel, agent)
    assert messages(plan) == ["A2 : aucune action de cet exercice n’a cette clé : vider la cellule pour la créer."]


def test_une_action_saisie_sans_dossier_est_signalee_avant_d_en_creer_une_seconde(referentiel, agent, caen):
    porteur = OrganismeFactory(nom="Lire à Caen")
    ActionFactory(exercice=referentiel, contrat=caen, intitule="Lire au pied des tours", porteur=porteur)
    plan = planifier(tableur(ligne()), referentiel, agent)
    assert messages(plan) == [
        "A2 : « Lire au pied des tours » existe sans dossier, avec le même porteur : cette ligne en créera une autre."
    ]


# --- Conflits ---


def test_un_export_perime_montre_les_trois_valeurs_et_refuse(referentiel, agent, caen):
    champs = {"exercice": referentiel, "contrat": caen, "intitule": "Titre lu"}
    action = operations.enregistrer([operations.SaisieAction(champs=champs)], par=agent)[0]
    operations.enregistrer(
        [operations.SaisieAction(champs={"intitule": "Titre de Dominique"}, action=action)], par=agent
    )
    retour = fichier(["Clé", "Version", "Action"], [str(action.cle), 1, "Titre de Camille"])
    plan = planifier(retour, referentiel, agent)
    conflit = plan.lignes[0]
    assert (conflit.base, conflit.changements) == (
        {"Intitulé": "Titre lu"},
        {"Intitulé": ("Titre de Dominique", "Titre de Camille")},
    )
    assert messages(plan) == [
        "B2 : l’action a changé depuis cet export (version 1, maintenant 2) et le fichier écrit autre chose : Intitulé. "
        "Repartir d’un export récent, ou vider la cellule « Version » pour imposer le fichier."
    ]
    assert not plan.est_applicable


def test_le_montant_lu_a_l_export_se_retrouve_dans_le_conflit(referentiel, agent, caen):
    champs = {"exercice": referentiel, "contrat": caen, "intitule": "Titre"}
    financeur = Financeur.objects.get(famille="caf")
    plan = [operations.LigneDePlan(financeur, demande=euros(100))]
    action = operations.enregistrer([operations.SaisieAction(champs=champs, plan=plan)], par=agent)[0]
    autre = [operations.LigneDePlan(financeur, demande=euros(200))]
    operations.enregistrer([operations.SaisieAction(champs={}, action=action, plan=autre)], par=agent)
    retour = planifier(fichier(["Clé", "Version", "CAF"], [str(action.cle), 1, 300]), referentiel, agent)
    assert en_clair((retour.lignes[0].base, retour.lignes[0].changements)) == (
        {"CAF du Calvados – demandé": "100,00 €"},
        {"CAF du Calvados – demandé": ("200,00 €", "300,00 €")},
    )


def test_une_version_perimee_qui_n_ecrit_rien_n_est_pas_un_conflit(referentiel, agent, caen):
    champs = {"exercice": referentiel, "contrat": caen, "intitule": "Titre lu"}
    action = operations.enregistrer([operations.SaisieAction(champs=champs)], par=agent)[0]
    retour = fichier(["Clé", "Version", "Action"], [str(action.cle), 1, "Titre corrigé"])
    importer(retour, referentiel, agent)
    assert compteurs(planifier(retour, referentiel, agent)) == {"inchange": 1}


# --- Porteurs ---


def test_un_porteur_inconnu_au_siret_juste_est_cree_avec_son_etablissement(referentiel, agent):
    depose = fichier(
        ["Intitulé", "Contrat", "SIRET", "Porteur", "Type de porteur"],
        ["Un", "CN01403M", SIRET, "CCAS de Caen", "CCAS ou CIAS"],
    )
    plan = planifier(depose, referentiel, agent)
    assert plan.lignes[0].apres["Porteur"] == "CCAS de Caen, SIREN 000000018 (à créer)"
    importer(depose, referentiel, agent)
    action = Action.objects.get()
    assert (action.etablissement.siret, action.porteur.siren, action.porteur.forme, action.porteur.droit) == (
        SIRET,
        "000000018",
        "ccas",
        "public",
    )


def test_un_siret_connu_garde_le_nom_du_repertoire_et_le_dit(referentiel, agent):
    etablissement = EtablissementFactory(siret=SIRET, organisme__nom="Lire à Caen", organisme__siren="000000018")
    plan = planifier(
        fichier(["Intitulé", "Contrat", "SIRET", "Porteur"], ["Un", "CN01403M", SIRET, "LAC"]), referentiel, agent
    )
    assert messages(plan) == [
        "D2 : ce numéro est celui de « Lire à Caen », dont le nom est gardé : vérifier le numéro."
    ]
    assert plan.lignes[0].apres["SIRET"] == etablissement.siret


def test_un_nouveau_siret_d_un_organisme_connu_ajoute_un_etablissement(referentiel, agent):
    organisme = OrganismeFactory(nom="Lire à Caen", siren="000000018")
    importer(fichier(["Intitulé", "Contrat", "SIRET"], ["Un", "CN01403M", SIRET]), referentiel, agent)
    assert (Organisme.objects.count(), organisme.etablissements.get().siret) == (1, SIRET)


def test_un_siret_inconnu_sans_nom_ne_cree_pas_de_porteur(referentiel, agent):
    plan = planifier(fichier(["Intitulé", "Contrat", "SIRET"], ["Un", "CN01403M", SIRET]), referentiel, agent)
    assert messages(plan) == ["C2 : porteur inconnu : indiquer aussi son nom, pour le créer."]


def test_un_siret_a_la_cle_fausse_est_refuse(referentiel, agent):
    plan = planifier(
        fichier(["Intitulé", "Contrat", "SIRET"], ["Un", "CN01403M", "00000001800011"]), referentiel, agent
    )
    assert messages(plan) == [
        "C2 : La clé du SIRET « 00000001800011 » est fausse : un chiffre est sans doute mal recopié."
    ]


def test_un_nom_proche_est_signale_et_le_porteur_cree_une_seule_fois(referentiel, agent):
    OrganismeFactory(nom="Association Lire à Caen")
    depose = fichier(
        ["Intitulé", "Contrat", "Porteur"],
        ["Un", "CN01403M", "Asociation Lire à Caen"],
        ["Deux", "CN01403M", "asociation lire a caen"],
    )
    plan = planifier(depose, referentiel, agent)
    assert messages(plan) == [
        "C2 : « Asociation Lire à Caen » est inconnu et sera créé sans SIRET, vouliez-vous « Association Lire à Caen » ?"
    ]
    importer(depose, referentiel, agent)
    assert Organisme.objects.count() == 2


def test_deux_organismes_du_meme_nom_reclament_un_siret(referentiel, agent):
    for _ in range(2):
        OrganismeFactory(nom="Centre social")
    plan = planifier(
        fichier(["Intitulé", "Contrat", "Porteur"], ["Un", "CN01403M", "Centre social"]), referentiel, agent
    )
    assert messages(plan) == ["C2 : 2 organismes portent ce nom : ajouter une colonne SIRET."]


def test_une_fusion_ne_reecrit_pas_le_porteur(referentiel, agent, caen):
    ancien, courant = OrganismeFactory(nom="Ancien nom"), OrganismeFactory(nom="Nom courant")
    action = ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562", porteur=ancien)
    operations.fusionner(ancien, courant, par=agent, motif="Doublon")
    depose = fichier(["Dossier", "Porteur"], ["00054562", "Nom courant"])
    assert compteurs(planifier(depose, referentiel, agent)) == {"inchange": 1}
    action.refresh_from_db()
    assert action.porteur == ancien


# --- Financements ---


def test_une_ligne_par_financement_reunit_les_lignes_du_meme_dossier(referentiel, agent):
    entetes = ["Dossier", "Intitulé", "Contrat", "Coût", "Financeur", "Nature", "Demandé", "État", "Accordé"]
    depose = fichier(
        entetes,
        ["00054562", "Atelier", "CN01403M", 10000, "P147", None, 6000, None, None],
        ["00054562", "Atelier", "CN01403M", 10000, "CAF", "Droit commun", 3000, "Acquis", 2500],
        ["00054562", None, None, None, "Région Normandie", "Crédits spécifiques", 1000, "Sollicité", None],
    )
    plan = planifier(depose, referentiel, agent)
    assert compteurs(plan) == {"cree": 1}
    importer(depose, referentiel, agent)
    lignes = Financement.objects.order_by("famille").values_list("famille", "nature", "demande", "etat", "accorde")
    assert list(lignes) == [
        ("anct_p147", "specifique", euros(6000), "sollicite", None),
        ("caf", "droit_commun", euros(3000), "acquis", euros(2500)),
        ("region", "specifique", euros(1000), "sollicite", None),
    ]
    assert compteurs(planifier(depose, referentiel, agent)) == {"inchange": 1}


def test_deux_lignes_d_une_action_qui_se_contredisent_sont_refusees(referentiel, agent):
    depose = fichier(
        ["Dossier", "Intitulé", "Contrat", "Coût", "Financeur", "Demandé"],
        ["00054562", "Atelier", "CN01403M", 10000, "P147", 6000],
        ["00054562", "Atelier", "CN01403M", 11000, "CAF", 4000],
    )
    assert messages(planifier(depose, referentiel, agent)) == [
        "D3 : contredit la ligne 2 : écrire la même valeur sur toutes les lignes de l’action."
    ]


def test_un_financeur_deux_fois_dans_une_action_est_refuse(referentiel, agent):
    depose = fichier(
        ["Dossier", "Intitulé", "Contrat", "Financeur", "Demandé"],
        ["00054562", "Atelier", "CN01403M", "CAF", 6000],
        ["00054562", "Atelier", "CN01403M", "CAF du Calvados", 4000],
    )
    assert messages(planifier(depose, referentiel, agent)) == [
        "D3 : « CAF du Calvados » est déjà à la ligne 2 avec la même nature : réunir les montants."
    ]


def test_un_accorde_sans_etat_est_refuse_sur_sa_ligne(referentiel, agent):
    depose = fichier(
        ["Intitulé", "Contrat", "Financeur", "Demandé", "Accordé"],
        ["Atelier", "CN01403M", "P147", 6000, None],
        [None, None, "CAF", 4000, 3000],
    )
    assert messages(planifier(depose, referentiel, agent)) == [
        "E3 : Sollicité : l’accordé reste vide ; annoncé ou acquis : il est renseigné ; refusé : il vaut 0,00 €."
    ]


def test_un_financeur_refuse_vaut_zero(referentiel, agent):
    depose = fichier(
        ["Intitulé", "Contrat", "Financeur", "Demandé", "État"], ["Atelier", "CN01403M", "CAF", 4000, "Refusé"]
    )
    importer(depose, referentiel, agent)
    assert Financement.objects.get().accorde == euros(0)


def test_montant_demande_sans_financeur_est_le_p147(referentiel, agent):
    importer(fichier(["Intitulé", "Contrat", "Montant demandé"], ["Atelier", "CN01403M", 6000]), referentiel, agent)
    assert Financement.objects.get().famille == "anct_p147"


def test_une_colonne_peut_porter_le_nom_d_un_financeur(referentiel, agent):
    importer(fichier(["Intitulé", "Contrat", "Région Normandie"], ["Atelier", "CN01403M", 600]), referentiel, agent)
    assert str(Financement.objects.get().financeur) == "Région Normandie"


def test_l_epci_est_celui_du_contrat(referentiel, agent, caen):
    autre = ContratFactory()
    for contrat in (caen, autre):
        FinanceurFactory(nom=contrat.intercommunalite.nom, famille="epci", departement=contrat.departement)
    importer(fichier(["Intitulé", "Contrat", "EPCI"], ["Atelier", "CN01403M", 600]), referentiel, agent)
    assert str(Financement.objects.get().financeur) == caen.intercommunalite.nom


def test_une_famille_a_plusieurs_financeurs_va_sur_une_ligne_a_preciser(referentiel, agent):
    for nom in ("Commune de Caen", "Commune d’Ifs"):
        FinanceurFactory(nom=nom, famille="commune", departement=referentiel.departement)
    depose = fichier(["Intitulé", "Contrat", "Communes"], ["Un", "CN01403M", 600], ["Deux", "CN01403M", 700])
    plan = planifier(depose, referentiel, agent)
    assert messages(plan)[0].startswith(
        "C2 : plusieurs financeurs possibles : le montant ira sur « Commune (à préciser) »"
    )
    importer(depose, referentiel, agent)
    assert set(Financement.objects.values_list("financeur__nom", "famille")) == {("Commune (à préciser)", "commune")}
    assert Financeur.objects.get(financements__isnull=False, financements__demande=euros(600)).est_a_preciser
    assert compteurs(planifier(depose, referentiel, agent)) == {"inchange": 2}


def test_une_colonne_de_famille_met_a_jour_la_seule_ligne_de_cette_famille(referentiel, agent, caen):
    for nom in ("Commune de Caen", "Commune d’Ifs"):
        FinanceurFactory(nom=nom, famille="commune", departement=referentiel.departement)
    action = ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562")
    cofinancement(action, Financeur.objects.get(nom="Commune d’Ifs"), 500)
    importer(fichier(["Dossier", "Communes"], ["00054562", 800]), referentiel, agent)
    assert list(action.financements.values_list("financeur__nom", "demande")) == [("Commune d’Ifs", euros(800))]


def test_une_colonne_de_famille_ne_se_repartit_pas_entre_plusieurs_lignes(referentiel, agent, caen):
    action = ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562")
    for nom, montant in (("Commune de Caen", 500), ("Commune d’Ifs", 300)):
        cofinancement(action, FinanceurFactory(nom=nom, departement=referentiel.departement), montant)
    meme_somme = fichier(["Dossier", "Communes"], ["00054562", 800])
    assert compteurs(planifier(meme_somme, referentiel, agent)) == {"inchange": 1}
    autre = planifier(fichier(["Dossier", "Communes"], ["00054562", 900]), referentiel, agent)
    assert messages(autre)[0].startswith("B2 : l’action a plusieurs lignes ici (« Commune de Caen, droit commun », ")


def test_une_colonne_ville_qui_dit_un_lieu_n_est_pas_un_financement(referentiel, agent):
    depose = fichier(["Intitulé", "Contrat", "Ville", "Région"], ["Atelier", "CN01403M", "Caen", 300])
    importer(depose, referentiel, agent)
    assert list(Financement.objects.values_list("famille", flat=True)) == ["region"]


# --- Droits et cadre ---


def test_les_totaux_disent_l_effet_par_contrat(referentiel, agent, caen):
    lisieux = ContratFactory(code="CN01401M", intitule="Contrat de Lisieux")
    action = ActionFactory(exercice=referentiel, contrat=lisieux, dossier="00054563", cout_previsionnel=euros(1000))
    p147(action, demande=500)
    deplacee = fichier(
        ["Clé", "Dossier", "Intitulé", "Contrat", "Coût", "Demandé P147"],
        [str(action.cle), None, None, "CN01403M", 2000, None],
        [None, "00054562", "Neuve", "CN01403M", 10000, 6000],
    )
    plan = planifier(deplacee, referentiel, agent)
    assert plan.totaux == {
        "Ensemble de l’exercice": {
            "actions": (1, 2),
            "demande": (euros(500), euros(6500)),
            "cout": (euros(1000), euros(12000)),
        },
        "Contrat de Lisieux": {"actions": (1, 0), "demande": (euros(500), euros(0)), "cout": (euros(1000), euros(0))},
        "Contrat de ville de Caen la mer": {
            "actions": (0, 2),
            "demande": (euros(0), euros(6500)),
            "cout": (euros(0), euros(12000)),
        },
    }


@pytest.mark.parametrize("role", [Role.DELEGUE, Role.LECTEUR, Role.PARTENAIRE])
def test_qui_lit_n_importe_pas(referentiel, role):
    with pytest.raises(operations.DroitManquant):
        planifier(tableur(ligne()), referentiel, habiliter(role))


def test_l_agent_d_un_seul_contrat_n_importe_pas(referentiel, caen):
    with pytest.raises(operations.DroitManquant):
        planifier(tableur(ligne()), referentiel, habiliter(Role.AGENT, contrat=caen))


def test_rien_ne_s_importe_dans_un_exercice_clos(agent):
    clos = ExerciceFactory(annee=2025, statut=StatutExercice.CLOS)
    with pytest.raises(operations.OperationRefusee, match="clos"):
        planifier(tableur(ligne()), clos, agent)


def test_un_montant_d_une_action_decidee_change_avec_le_motif_de_l_import(referentiel, agent, caen):
    action = action_programmee(accorde=3000, exercice=referentiel, contrat=caen, dossier="00054562")
    lot = importer(fichier(["Dossier", "Demandé P147"], ["00054562", 5000]), referentiel, agent)
    ligne_p147 = action.financements.get()
    assert (ligne_p147.demande, ligne_p147.accorde) == (euros(5000), euros(3000))
    assert ligne_p147.history.first().history_change_reason == lots.motif_du_lot(lot.nom_du_fichier, lot.cree_le)


# --- Confirmer ---


def test_confirmer_deux_fois_n_applique_qu_une_fois(referentiel, agent):
    lot = importer(tableur(ligne()), referentiel, agent)
    with pytest.raises(lots.DejaApplique):
        lots.confirmer(lot, par=agent)
    assert Action.objects.count() == 1


def test_une_base_qui_a_change_depuis_l_apercu_arrete_tout_et_dit_quoi(referentiel, agent, caen):
    lot = lots.deposer(tableur(ligne()), referentiel, par=agent)
    lots.planifier(lot, par=agent)
    ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562", tranche=1)
    with pytest.raises(lots.PlanPerime) as perime:
        lots.confirmer(lot, par=agent)
    assert perime.value.messages == ["Ligne 2 : elle était créée, elle serait maintenant modifiée."]
    assert Action.objects.count() == 1
    lot.refresh_from_db()
    assert lot.plan["compteurs"]["modifie"] == 1
    lots.confirmer(lot, par=agent)
    assert Action.objects.get().intitule == "Lire au pied des tours"


def test_une_autre_action_qui_change_n_arrete_pas_l_import(referentiel, agent, caen):
    lot = lots.deposer(tableur(ligne()), referentiel, par=agent)
    lots.planifier(lot, par=agent)
    ActionFactory(exercice=referentiel, contrat=caen, dossier="00099999")
    lots.confirmer(lot, par=agent)
    assert Action.objects.filter(dossier="00054562").exists()


def test_un_lot_jamais_planifie_ne_se_confirme_pas(referentiel, agent):
    lot = lots.deposer(tableur(ligne()), referentiel, par=agent)
    with pytest.raises(lots.PlanPerime, match="pas encore été calculé"):
        lots.confirmer(lot, par=agent)
    assert Action.objects.count() == 0


def test_le_nombre_de_requetes_du_plan_ne_depend_pas_du_nombre_de_lignes(
    referentiel, agent, django_assert_max_num_queries
):
    connues = [ligne(dossier=f"0005{n:04d}", CAF=None) for n in range(3)]
    importer(tableur(*connues), referentiel, agent)
    for nombre in (1, 3):
        changees = [ligne(dossier=f"0005{n:04d}", CAF=700 + n) for n in range(nombre)]
        neuves = [ligne(dossier=f"0006{n:04d}", Porteur=f"Porteur {n}") for n in range(nombre)]
        with django_assert_max_num_queries(45):
            planifier(tableur(*changees, *neuves), referentiel, agent)


def test_un_csv_et_un_xlsx_donnent_le_meme_plan(referentiel, agent):
    plans = [
        planifier(sorte, referentiel, agent)
        for sorte in (tableur(ligne()), csv(ENTETES, ligne(Début="01/01/2026", Fin="31/12/2026")))
    ]
    assert plans[0].lignes == plans[1].lignes


def test_une_campagne_du_contrat_recoit_ses_actions(referentiel, agent, caen):
    celle_de_caen = CampagneFactory(exercice=referentiel, intitule="COPIL de Caen", contrat=caen)
    importer(tableur(ligne()), referentiel, agent)
    assert actions_importees() == [("Lire au pied des tours", celle_de_caen.intitule)]


def test_localiser_tout_le_contrat_retire_les_quartiers(referentiel, agent, caen):
    action = ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562")
    localiser(action, {QuartierFactory(contrat=caen): 1})
    importer(fichier(["Dossier", "Quartiers"], ["00054562", "À l’échelle du contrat"]), referentiel, agent)
    assert action.localisations.count() == 0


def test_un_dossier_designe_l_action_meme_si_ses_quartiers_sont_faux(referentiel, agent, caen):
    ActionFactory(exercice=referentiel, contrat=caen, dossier="00054562")
    QuartierFactory(contrat=ContratFactory(intitule="Contrat de Lisieux"), nom="Hauteville")
    plan = planifier(fichier(["Dossier", "Quartiers"], ["00054562", "Hauteville"]), referentiel, agent)
    assert messages(plan)[0].startswith(
        "B2 : « Hauteville » n’est pas un quartier de « Contrat de ville de Caen la mer »"
    )
