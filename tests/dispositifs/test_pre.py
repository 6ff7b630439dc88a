"""Les PRE : des agrégats qui s'additionnent, de petits effectifs que rien ne retrouve, un montant compté une fois."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from comptes.enums import Role
from dispositifs import operations
from dispositifs.enums import AxeEffectif, NaturePorteurPre
from dispositifs.historique_pre import en_mots, historique_du_programme
from dispositifs.models import ActionDuSuivi, EffectifPre, ProgrammeReussiteEducative, SuiviPre
from dispositifs.operations import ModifieEntreTemps, SaisieDeProgramme, SaisieDeSuivi
from dispositifs.synthese import MASQUE, feuille_de_suivi, masquer, masquer_une_part, programmes_par_departement
from pilotage.verification.dispositifs import suivi_de_pre
from programmation.enums import Droit
from programmation.models import Action, PartenaireFinanceur
from programmation.operations import DroitManquant, OperationRefusee
from territoires.enums import ObjetAnnonce
from territoires.models import NombreAnnonce
from tests.dispositifs.fabriques import BudgetPreFactory, ProgrammeFactory, SuiviPreFactory
from tests.fabriques import (
    ActionFactory,
    CommuneFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    ExerciceFactory,
    FinanceurFactory,
    OrganismeFactory,
    QuartierFactory,
    euros,
    habiliter,
)

AGES = AxeEffectif.AGE_ET_SEXE


@pytest.fixture
def agent(db):
    return habiliter(Role.AGENT)


def enregistrer(agent, suivi, champs=None, **contenu):
    return operations.enregistrer_un_suivi(SaisieDeSuivi(champs or {}, suivi, **contenu), par=agent)


def refus(geste, *args, exception=OperationRefusee, **champs):
    with pytest.raises(exception) as erreur:
        geste(*args, **champs)
    return erreur.value.message_dict if hasattr(erreur.value, "error_dict") else erreur.value.messages


def action_pre(programme, **champs):
    return ActionFactory(**{"contrat": programme.contrat, "dispositif": DispositifFactory(pre=True)} | champs)


def par_age(*nombres):
    return {(AGES, modalite): n for modalite, n in zip(AGES.modalites, nombres, strict=False)}


# --- Le programme ---


def test_un_programme_se_cree_avec_ses_communes(agent):
    contrat, caen = ContratFactory(), CommuneFactory()
    champs = {
        "intitule": "PRE de Caen",
        "contrat": contrat,
        "nature_porteur": NaturePorteurPre.CAISSE_DES_ECOLES,
        "structure": OrganismeFactory(droit=Droit.PUBLIC),
    }
    pre = operations.enregistrer_un_programme(SaisieDeProgramme(champs, communes=[caen]), par=agent)
    assert (list(pre.communes.all()), pre.version, pre.history.latest().history_user) == ([caen], 1, agent)
    operations.enregistrer_un_programme(SaisieDeProgramme({"intitule": "PRE de Caen"}, pre, 1, [caen]), par=agent)
    assert ProgrammeReussiteEducative.objects.get().version == 1
    saisie = SaisieDeProgramme({"ferme_le": date(2026, 8, 31)}, pre, 1)
    assert operations.enregistrer_un_programme(saisie, par=agent).version == 2
    refus(operations.enregistrer_un_programme, saisie, par=agent, exception=ModifieEntreTemps)


def test_un_porteur_prive_est_refuse(agent):
    saisie = SaisieDeProgramme({"structure": OrganismeFactory()}, ProgrammeFactory())
    assert refus(operations.enregistrer_un_programme, saisie, par=agent)["structure"] == [
        "Un PRE est porté par une structure à comptabilité publique."
    ]


def modifier(agent, pre, **champs):
    communes = champs.pop("communes", None)
    return operations.enregistrer_un_programme(SaisieDeProgramme(champs, pre, communes=communes), par=agent)


def test_le_contrat_d_un_programme_ne_change_pas_sous_ses_actions_liees(agent):
    suivi, ailleurs = SuiviPreFactory(), ContratFactory()
    enregistrer(agent, suivi, actions=[action := action_pre(suivi.programme)])
    assert refus(modifier, agent, suivi.programme, contrat=ailleurs) == {
        "contrat": [f"« {action} », liée à une feuille, est d’un autre contrat : la délier d’abord."]
    }
    gard = ContratFactory(departement=DepartementFactory(code="30"))
    tout = habiliter(Role.AGENT, france_entiere=True)
    assert refus(modifier, tout, suivi.programme, contrat=gard)["contrat"][0] == (
        "La feuille 2026 est d’un autre département que ce contrat."
    )
    du_departement = action_pre(suivi.programme, contrat=None, echelle="departement")
    enregistrer(agent, suivi, actions=[du_departement])
    assert modifier(agent, suivi.programme, contrat=ailleurs).contrat == ailleurs


def test_un_programme_reste_ouvert_l_annee_de_ses_feuilles(agent):
    pre = SuiviPreFactory().programme
    phrase = ["Le PRE a une feuille 2026 : il est ouvert cette année-là."]
    assert refus(modifier, agent, pre, ferme_le=date(2025, 12, 31)) == {"ferme_le": phrase}
    assert refus(modifier, agent, pre, ouvert_le=date(2027, 1, 1)) == {"ouvert_le": phrase}
    assert modifier(agent, pre, ouvert_le=date(2026, 9, 1), ferme_le=date(2026, 12, 31)).version == 2


def test_l_annee_ou_le_programme_est_ferme_n_a_pas_de_feuille(agent):
    pre = ProgrammeFactory(intitule="PRE de Caen", ferme_le=date(2025, 8, 31))
    assert refus(enregistrer, agent, None, {"programme": pre, "exercice": ExerciceFactory()}) == [
        "« PRE de Caen » n’est pas ouvert en 2026 : il n’a pas de feuille cette année-là."
    ]
    enregistrer(agent, None, {"programme": pre, "exercice": ExerciceFactory(annee=2025)})
    assert SuiviPre.objects.get().exercice.annee == 2025


def test_l_histoire_d_un_programme_garde_ses_communes(agent, django_assert_num_queries):
    caen, lisieux = CommuneFactory(nom="Caen"), CommuneFactory(nom="Lisieux")
    champs = {"intitule": "PRE", "contrat": ContratFactory(), "nature_porteur": NaturePorteurPre.CCAS}
    champs |= {"structure": OrganismeFactory(droit=Droit.PUBLIC)}
    pre = operations.enregistrer_un_programme(SaisieDeProgramme(champs, communes=[caen]), par=agent)
    for communes in ([lisieux], [lisieux], [caen, lisieux]):
        modifier(agent, pre, intitule="PRE du Calvados", communes=communes)
    with django_assert_num_queries(4):  # l’histoire, ses contrats, ses structures, les communes de toutes ses lignes
        gestes = historique_du_programme(pre)
    assert [(c.sujet, c.avant, c.apres) for geste in gestes for c in geste.changements] == [
        ("Communes", "Lisieux", "Caen, Lisieux"),
        ("Intitulé", "PRE", "PRE du Calvados"),
        ("Communes", "Caen", "Lisieux"),
        ("Communes", "—", "Caen"),
        ("Programme de réussite éducative", "", "créé"),
    ]


# --- Le suivi ---


def test_un_suivi_garde_des_agregats_et_ne_confond_pas_vide_et_zero(agent):
    pre, ville = ProgrammeFactory(), FinanceurFactory()
    suivi = enregistrer(
        agent,
        None,
        {"programme": pre, "exercice": ExerciceFactory(), "enfants_suivis": 30, "sortis": 0},
        actions=[action := action_pre(pre)],
        effectifs=par_age(30, 0),
        budget={ville: euros(25000)},
    )
    assert (suivi.nouveaux, suivi.sortis, suivi.version) == (None, 0, 1)
    assert list(suivi.effectifs.order_by("modalite").values_list("modalite", "nombre")) == [("2-5f", 30), ("2-5g", 0)]
    assert (suivi.liens.get().action, suivi.budgets.get().montant) == (action, euros(25000))


def test_un_suivi_se_corrige_sans_toucher_au_reste_et_sous_verrou(agent):
    suivi = SuiviPreFactory()
    enregistrer(agent, suivi, effectifs=par_age(10, 20), version=1)
    enregistrer(agent, suivi, effectifs=par_age(10, 21), version=2)
    assert enregistrer(agent, suivi, effectifs=par_age(10, 21), version=3).version == 3
    assert EffectifPre.objects.count() == 2
    refus(enregistrer, agent, suivi, {"sortis": 1}, version=2, exception=ModifieEntreTemps)
    refus(enregistrer, habiliter(Role.LECTEUR), suivi, {"sortis": 1}, exception=DroitManquant)


@pytest.mark.parametrize(
    "effectifs",
    [par_age(10, 10, 10, 10, 10, 10, 30, 29), par_age(100, 21), {(AxeEffectif.DOMAINE, "sante"): 121}],
)
def test_des_effectifs_qui_ne_font_pas_le_total_sont_refuses(agent, effectifs):
    suivi = SuiviPreFactory(enfants_suivis=120)
    ((phrase,),) = refus(enregistrer, agent, suivi, effectifs=effectifs).values()
    assert "pour 120 suivis" in phrase
    assert EffectifPre.objects.count() == 0


def test_des_effectifs_complets_incomplets_ou_par_domaine_sont_acceptes(agent):
    suivi = SuiviPreFactory(enfants_suivis=120)
    domaines = {(AxeEffectif.DOMAINE, m): 80 for m in AxeEffectif.DOMAINE.modalites}
    enregistrer(agent, suivi, effectifs=par_age(10, 10, 10, 10, 10, 10, 30, 30) | domaines)
    assert "pour 119 suivis" in refus(enregistrer, agent, suivi, {"enfants_suivis": 119})[AGES][0]


def test_sans_enfants_suivis_un_axe_complet_fait_le_total(agent):
    suivi = SuiviPreFactory(enfants_suivis=None)
    ages = par_age(10, 12, 10, 10, 5, 5, 5, 5)
    prescripteurs = dict.fromkeys([(AxeEffectif.PRESCRIPTEUR, m) for m in AxeEffectif.PRESCRIPTEUR.modalites], 25)
    assert refus(enregistrer, agent, suivi, {"en_qpv": 500}, effectifs=ages | prescripteurs) == {
        "en_qpv": [
            "« Dont habitants des QPV » : 500 enfants, mais 62 selon « Âge et sexe » : indiquer les enfants suivis, "
            "ou corriger."
        ],
        "prescripteur": [
            "« Prescripteur » : 125 enfants, mais 62 selon « Âge et sexe » : indiquer les enfants suivis, ou corriger."
        ],
    }
    phrases = refus(enregistrer, agent, suivi, {"nouveaux": 126}, effectifs=prescripteurs | par_age(126))
    assert [phrase.split(", mais")[0] for (phrase,) in phrases.values()] == [
        "« Nouveaux » : 126 enfants",
        "« Âge et sexe » : 126 enfants",
    ]
    assert "125 selon « Prescripteur »" in phrases["nouveaux"][0]
    enregistrer(agent, suivi, {"en_qpv": 62}, effectifs=ages)
    enregistrer(agent, suivi, {"en_qpv": 500}, effectifs=par_age(10))  # aucun axe complet : aucun total à opposer


def test_un_sous_ensemble_ne_depasse_pas_le_total(agent):
    messages = refus(enregistrer, agent, SuiviPreFactory(), {"en_qpv": 121})
    assert messages == {"en_qpv": ["« Dont habitants des QPV » : 121 enfants, pour 120 suivis."]}
    refus(enregistrer, agent, SuiviPreFactory(), effectifs={(AGES, "18+f"): 3})


def test_une_action_n_est_que_dans_un_seul_suivi(agent):
    premier = SuiviPreFactory()
    action = action_pre(premier.programme)
    enregistrer(agent, premier, actions=[action])
    autre = SuiviPreFactory(programme__contrat=premier.programme.contrat)
    messages = refus(enregistrer, agent, autre, actions=[action])
    assert messages["actions"] == [f"« {action} » est déjà dans le suivi de {premier.programme} en 2026."]
    with pytest.raises(IntegrityError), transaction.atomic():
        ActionDuSuivi.objects.create(suivi=autre, action=action)
    enregistrer(agent, premier, actions=[])
    assert ActionDuSuivi.objects.count() == 0


def test_une_action_d_un_autre_exercice_dispositif_ou_contrat_est_refusee(agent):
    suivi = SuiviPreFactory()
    pre = suivi.programme
    for action, mot in (
        (action_pre(pre, exercice=ExerciceFactory(annee=2025)), "exercice"),
        (ActionFactory(contrat=pre.contrat), "réussite éducative"),
        (action_pre(ProgrammeFactory()), "autre contrat"),
    ):
        assert mot in refus(enregistrer, agent, suivi, actions=[action])["actions"][0]


def test_un_suivi_est_d_un_exercice_du_departement(agent):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    champs = {"programme": ProgrammeFactory(), "exercice": gard}
    assert "exercice" in refus(enregistrer, agent, None, champs)


# --- Les chiffres ---


def test_le_cout_par_enfant_dit_pourquoi_il_est_inconnu(db):
    suivi = SuiviPreFactory(enfants_suivis=130)

    def cout():
        return feuille_de_suivi(suivi, Action.objects.none()).cout

    assert cout().raison == "Budget non renseigné."
    BudgetPreFactory(suivi=suivi)
    BudgetPreFactory(suivi=suivi, montant=euros(40000))
    assert cout().montant == euros("769,23")  # 100 000 ÷ 130
    suivi.enfants_suivis = None
    assert (cout().montant, cout().budget) == (None, euros(100000))
    suivi.enfants_suivis = 4
    assert cout().raison == "Moins de 5 enfants suivis : non communiqué."


def test_inscrits_annonces_et_sortis_de_la_geographie(db, django_assert_num_queries):
    calvados = DepartementFactory()
    caen, colombelles = CommuneFactory(nom="Caen"), CommuneFactory(nom="Colombelles")
    QuartierFactory(communes=[caen])
    QuartierFactory(contrat=ContratFactory(ancien=True), communes=[caen, colombelles])
    ProgrammeFactory(communes=[caen])
    sorti = ProgrammeFactory(intitule="PRE de Colombelles", communes=[colombelles])
    ProgrammeFactory(communes=[caen], ferme_le=date(2024, 8, 31))
    ProgrammeFactory(contrat=ContratFactory(departement=DepartementFactory(code="30")))
    NombreAnnonce.objects.create(departement=calvados, objet=ObjetAnnonce.PRE, nombre=5, source="Sans date")
    NombreAnnonce.objects.create(
        departement=calvados, objet=ObjetAnnonce.PRE, nombre=4, date=date(2022, 4, 28), source="calvados.gouv.fr"
    )
    with django_assert_num_queries(2):
        (lus,) = programmes_par_departement(ProgrammeReussiteEducative.objects.all(), [calvados], 2026)
    assert (lus.inscrits, lus.annonces, lus.source) == (2, 4, "calvados.gouv.fr")
    assert lus.hors_geographie == (sorti,)
    (en_2023,) = programmes_par_departement(ProgrammeReussiteEducative.objects.all(), [calvados], 2023)
    assert (en_2023.inscrits, en_2023.hors_geographie) == (3, ())


# --- Le périmètre ---


def test_chaque_habilitation_voit_les_pre_de_son_territoire(db):
    suivi = SuiviPreFactory()
    quartier = QuartierFactory(contrat=suivi.programme.contrat)
    gard = ProgrammeFactory(contrat=ContratFactory(departement=DepartementFactory(code="30")))
    portes = [
        habiliter(Role.AGENT),
        habiliter(Role.DELEGUE, quartier=quartier),
        habiliter(Role.PARTENAIRE, contrat=suivi.programme.contrat),
    ]
    for utilisateur in portes:
        assert list(ProgrammeReussiteEducative.objects.visibles_par(utilisateur)) == [suivi.programme]
    national = habiliter(Role.LECTEUR, france_entiere=True)
    assert set(ProgrammeReussiteEducative.objects.visibles_par(national)) == {suivi.programme, gard}


def test_un_partenaire_borne_a_un_financeur_ne_voit_aucun_pre(db):
    suivi = SuiviPreFactory()
    partenaire = habiliter(Role.PARTENAIRE, contrat=suivi.programme.contrat)
    PartenaireFinanceur.objects.create(habilitation=partenaire.habilitations.get(), financeur=FinanceurFactory())
    assert not ProgrammeReussiteEducative.objects.visibles_par(partenaire).exists()


# --- manage.py verifier ---


def test_verifier_recompte_les_effectifs_et_les_actions_d_un_suivi(agent):
    suivi = SuiviPreFactory(enfants_suivis=30)
    enregistrer(agent, suivi, actions=[action_pre(suivi.programme)], effectifs=par_age(10, 20))
    assert list(suivi_de_pre()) == []
    EffectifPre.objects.create(suivi=suivi, axe=AGES, modalite="17+f", nombre=1)
    ActionDuSuivi.objects.create(suivi=suivi, action=(action := ActionFactory()))
    assert [ecart.trouve for ecart in suivi_de_pre()] == [
        "« Âge et sexe » : 31 enfants, pour 30 suivis.",
        f"« {action} » n’est pas une action de réussite éducative.",
    ]


def test_verifier_nomme_une_feuille_d_une_annee_ou_le_programme_est_ferme(db):
    SuiviPreFactory(programme__ferme_le=date(2025, 8, 31))
    assert [e.trouve for e in suivi_de_pre()] == ["Le PRE a une feuille 2026 : il est ouvert cette année-là."]


def test_verifier_nomme_des_effectifs_impossibles_sans_enfants_suivis(db):
    suivi = SuiviPreFactory(enfants_suivis=None, sortis=9)
    for (axe, modalite), nombre in par_age(*[1] * 8).items():
        EffectifPre.objects.create(suivi=suivi, axe=axe, modalite=modalite, nombre=nombre)
    assert [ecart.trouve for ecart in suivi_de_pre()] == [
        "« Sortis » : 9 enfants, mais 8 selon « Âge et sexe » : indiquer les enfants suivis, ou corriger."
    ]


# --- Les petits effectifs ---


def test_une_petite_case_est_masquee_avec_ce_qui_la_rendrait():
    tableau = masquer([[10, 12], [3, 20], [15, 16], [8, 9]])
    # 3 est petit ; 20 le rendrait par sa ligne, 8 par sa colonne, et 9 rendrait 8 par la sienne.
    assert tableau.lignes == ((10, 12), (MASQUE, MASQUE), (15, 16), (MASQUE, MASQUE))
    assert (tableau.totaux_des_lignes, tableau.totaux_des_colonnes, tableau.total) == ((22, 23, 31, 17), (36, 57), 93)


def test_un_tableau_sans_petit_effectif_sort_entier():
    tableau = masquer([[10, 12], [5, 20]])
    assert (tableau.lignes, tableau.total) == (((10, 12), (5, 20)), 47)


def test_une_case_inconnue_reste_inconnue_et_ses_marges_aussi():
    tableau = masquer([[10, None], [6, 20]])
    assert (tableau.lignes, tableau.totaux_des_lignes, tableau.total) == (((10, None), (6, 20)), (None, 26), None)


def test_une_part_petite_ou_dont_le_reste_est_petit_est_masquee():
    assert [masquer_une_part(n, 20) for n in (None, 0, 4, 5, 15, 16, 19, 20)] == [
        None,
        MASQUE,
        MASQUE,
        5,
        15,
        MASQUE,
        MASQUE,
        20,
    ]
    assert masquer_une_part(7, None) == 7


def etendu(tableau):
    lignes = [[*ligne, t] for ligne, t in zip(tableau.lignes, tableau.totaux_des_lignes, strict=True)]
    return [*lignes, [*tableau.totaux_des_colonnes, tableau.total]]


def rang(matrice):
    """Le rang, par élimination exacte."""
    lignes, trouve = [[Fraction(x) for x in ligne] for ligne in matrice], 0
    for colonne in range(len(lignes[0]) if lignes else 0):
        pivot = next((r for r in range(trouve, len(lignes)) if lignes[r][colonne]), None)
        if pivot is None:
            continue
        lignes[trouve], lignes[pivot] = lignes[pivot], lignes[trouve]
        for r in range(len(lignes)):
            if r != trouve and lignes[r][colonne]:
                facteur = lignes[r][colonne] / lignes[trouve][colonne]
                lignes[r] = [a - facteur * b for a, b in zip(lignes[r], lignes[trouve], strict=True)]
        trouve += 1
    return trouve


def retrouvables(tableau):
    """Les cases masquées que les sommes des lignes et des colonnes suffisent à calculer."""
    cases = etendu(tableau)
    hauteur, largeur = len(cases), len(cases[0])
    caches = [(i, j) for i in range(hauteur) for j in range(largeur) if cases[i][j] == MASQUE]
    sommes = [[(i, j) for j in range(largeur)] for i in range(hauteur)]
    sommes += [[(i, j) for i in range(hauteur)] for j in range(largeur)]
    equations = [[(place in places) * (-1 if place == places[-1] else 1) for place in caches] for places in sommes]
    return [
        c
        for k, c in enumerate(caches)
        if rang([*equations, [int(k == m) for m in range(len(caches))]]) == rang(equations)
    ]


TABLEAUX = st.lists(st.lists(st.integers(0, 30), min_size=2, max_size=2), min_size=4, max_size=4)


@given(TABLEAUX)
def test_aucune_case_masquee_ne_se_retrouve_par_les_marges(cases):
    tableau = masquer(cases)
    assert [n for ligne in etendu(tableau) for n in ligne if n != MASQUE and n < 5] == []
    assert retrouvables(tableau) == []


def test_l_histoire_ecrit_un_nombre_a_la_francaise_et_laisse_ses_points_a_un_intitule():
    intitule, etp = ProgrammeReussiteEducative._meta.get_field("intitule"), SuiviPre._meta.get_field("etp_referents")
    assert en_mots(intitule, "P.R.E. de St. Jean", None) == "P.R.E. de St. Jean"
    assert en_mots(etp, Decimal("4.50"), None) == "4,50"
