"""Reconduire : d'un clic, le brouillon de l'année, lié à l'action de l'an dernier, sans rien de ce qui a été accordé."""

from datetime import date

import pytest
from django.urls import reverse
from django.utils import timezone

from comptes.enums import Role
from programmation import operations
from programmation.enums import (
    Duree,
    EtatFinancement,
    EtatJustification,
    FamilleFinanceur,
    Origine,
    StatutAction,
    StatutExercice,
)
from programmation.models import (
    Action,
    Correspondance,
    Dispositif,
    Justification,
    Parametre,
    PrevisionPluriannuelle,
)
from programmation.operations import DejaReconduite, DemandeDeReconduction, DroitManquant, OperationRefusee
from programmation.operations.reconduction import preparer
from territoires.enums import NatureFiliation
from territoires.models import FiliationContrat, FiliationQuartier
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    DepartementFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinanceurFactory,
    NomenclatureFactory,
    OrganismeFactory,
    PilierFactory,
    PrioriteFactory,
    QuartierFactory,
    ThematiqueFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
)
from tests.pages import noeuds
from tests.test_concurrence import ensemble

pytestmark = pytest.mark.django_db


@pytest.fixture
def an_passe():
    return ExerciceFactory(annee=2025, statut=StatutExercice.CLOS)


@pytest.fixture
def exercice(an_passe):
    return ExerciceFactory(annee=2026)


@pytest.fixture
def agent(exercice):
    return habiliter(Role.AGENT, departement=exercice.departement)


@pytest.fixture
def ludo(an_passe):
    """Programmée en 2025 : 900 € demandés au P147 et 450 accordés, 300 demandés à la ville, 250 votés et versés."""
    etablissement = EtablissementFactory()
    action = action_programmee(
        450,
        900,
        exercice=an_passe,
        intitule="Ludothèque",
        description="Jouer ensemble",
        objectifs="Se rencontrer",
        porteur=etablissement.organisme,
        etablissement=etablissement,
        dossier="00054562",
        date_debut=date(2025, 2, 28),
        date_fin=date(2025, 11, 30),
        cout_previsionnel=euros(1200),
        contributions_volontaires=euros(100),
        beneficiaires_prevus=80,
        beneficiaires_femmes=50,
    )
    cofinancement(action, FinanceurFactory(nom="Ville"), 300, 250, verse=euros(250))
    localiser(action, {QuartierFactory(contrat=action.contrat): 2, QuartierFactory(contrat=action.contrat): 1})
    action.priorites.add(PrioriteFactory())
    action.piliers_transversaux.add(PilierFactory(transversal=True))
    return action


def reconduire(action, agent, **demande):
    [reconduite] = operations.reconduire([DemandeDeReconduction(action, **demande)], par=agent)
    reconduite.action.refresh_from_db()
    return reconduite


def test_le_brouillon_reprend_le_projet_et_ce_qui_se_redemande(agent, exercice, ludo):
    reconduite = reconduire(ludo, agent)
    action = reconduite.action
    assert (action.exercice, action.campagne, action.statut) == (exercice, exercice.campagnes.get(), "brouillon")
    assert (action.action_precedente, action.origine, action.version) == (ludo, Origine.RECONDUITE, 1)
    memes = ["contrat", "thematique", "pilier", "dispositif", "porteur", "etablissement", "intitule", "description"]
    memes += ["objectifs", "cout_previsionnel", "contributions_volontaires", "beneficiaires_prevus"]
    assert [getattr(action, champ) for champ in memes] == [getattr(ludo, champ) for champ in memes]
    assert (action.date_debut, action.date_fin) == (date(2026, 2, 28), date(2026, 11, 30))
    assert [(lieu.quartier_id, lieu.cle) for lieu in action.localisations.all()] == [
        (lieu.quartier_id, lieu.cle) for lieu in ludo.localisations.all()
    ]
    assert [p.code for p in action.priorites.all()] == ["jeunesse"]
    assert [p.code for p in action.piliers_transversaux.all()] == ["valeurs"]
    assert action.agent_referent == agent
    assert reconduite.remarques == ()


def test_rien_de_ce_qui_a_ete_propose_accorde_vote_ou_verse_ne_suit(agent, ludo):
    plan = reconduire(ludo, agent).action.financements.order_by("pk")
    assert [(f.famille, f.demande, f.propose, f.accorde, f.verse, f.etat) for f in plan] == [
        (FamilleFinanceur.ANCT_P147, euros(900), None, None, None, EtatFinancement.SOLLICITE),
        (FamilleFinanceur.COMMUNE, euros(300), None, None, None, EtatFinancement.SOLLICITE),
    ]


def test_ni_le_dossier_ni_la_tranche_ni_les_decisions_ne_suivent(agent, ludo):
    action = reconduire(ludo, agent).action
    assert (action.dossier, action.tranche, action.enveloppe, action.deposee_le) == (None, None, None, None)
    assert not action.decisions.exists()


def test_le_brouillon_a_son_histoire_et_l_an_dernier_ne_change_pas(agent, ludo):
    action = reconduire(ludo, agent).action
    [creation] = action.history.all()
    assert (creation.history_user, creation.history_change_reason) == (agent, "Reconduction")
    assert Action.objects.get(pk=ludo.pk).version == ludo.version


def test_un_29_fevrier_devient_un_28(agent, ludo):
    Action.objects.filter(pk=ludo.pk).update(date_debut=date(2024, 2, 29))
    assert reconduire(ludo, agent).action.date_debut == date(2025, 2, 28)


# --- Ce qui a changé depuis ---


def test_le_contrat_fini_passe_a_son_seul_successeur_et_ses_quartiers_sans_ambiguite_avec_lui(agent):
    fin = ExerciceFactory(annee=2023, statut=StatutExercice.CLOS, nomenclature=NomenclatureFactory())
    ExerciceFactory(annee=2024)
    ancien, nouveau = ContratFactory(ancien=True, intitule="Contrat de ville de Caen"), ContratFactory()
    FiliationContrat.objects.create(ancien=ancien, nouveau=nouveau)
    action = action_programmee(exercice=fin, contrat=ancien)
    avant = [QuartierFactory(contrat=ancien, nom=nom) for nom in ("Même", "Réuni 1", "Réuni 2", "Scindé", "Sorti")]
    apres = [QuartierFactory(contrat=nouveau, nom=nom) for nom in ("Même", "Réunis", "Moitié 1", "Moitié 2")]
    for rang, vers, nature in (
        (0, 0, NatureFiliation.REDESSINE),
        (1, 1, NatureFiliation.FUSIONNE),
        (2, 1, NatureFiliation.FUSIONNE),
        (3, 2, NatureFiliation.SCINDE),
        (3, 3, NatureFiliation.SCINDE),
    ):
        FiliationQuartier.objects.create(ancien=avant[rang], nouveau=apres[vers], nature=nature)
    localiser(action, dict(zip(avant, (1, 2, 3, 4, 5), strict=True)))
    reconduite = reconduire(action, agent)
    assert reconduite.action.contrat == nouveau
    assert {lieu.quartier.nom: lieu.cle for lieu in reconduite.action.localisations.all()} == {"Même": 1, "Réunis": 5}
    assert reconduite.remarques == (
        f"Contrat : « {nouveau} » succède à « Caen ».",
        "Quartier à choisir : « Scindé » est scindé ou change de contrat.",
        "Quartier à choisir : « Sorti » est sorti de la géographie prioritaire.",
    )


@pytest.mark.parametrize(
    ("suites", "fin"), [(0, "aucun contrat ne lui succède"), (2, "plusieurs contrats lui succèdent")]
)
def test_sans_successeur_unique_le_contrat_se_choisit_donc_rien_n_est_cree(agent, suites, fin):
    ExerciceFactory(annee=2024)
    ancien = ContratFactory(ancien=True)
    for _ in range(suites):
        FiliationContrat.objects.create(ancien=ancien, nouveau=ContratFactory())
    action = action_programmee(exercice=ExerciceFactory(annee=2023), contrat=ancien)
    with pytest.raises(OperationRefusee, match=fin):
        reconduire(action, agent)
    assert not Action.objects.filter(action_precedente=action).exists()


def test_la_thematique_est_celle_du_meme_code_dans_la_nomenclature_de_l_annee(agent, ludo, exercice):
    exercice.nomenclature = NomenclatureFactory(millesime="2026-", annee_de_debut=2026)
    exercice.save()
    sans = reconduire(ludo, agent)
    assert (sans.action.thematique, sans.remarques) == (
        None,
        (f"Thématique à choisir : « {ludo.thematique} » n’est plus dans la nomenclature.",),
    )
    sans.action.delete()
    suivante = ThematiqueFactory(theme__nomenclature=exercice.nomenclature, libelle="Réussite")
    avec = reconduire(ludo, agent)
    assert avec.action.thematique == suivante
    assert avec.remarques == ("Thématique à vérifier, la nomenclature a changé : « 1.2 Réussite ».",)


def test_le_pilier_est_celui_que_propose_la_correspondance_d_aujourd_hui(agent, ludo):
    emploi = PilierFactory(code="emploi", ordre=3)
    Correspondance.objects.create(thematique=ludo.thematique, pilier=emploi)
    reconduite = reconduire(ludo, agent)
    assert reconduite.action.pilier == emploi
    assert reconduite.remarques == ("Pilier : « Emploi » est proposé ; c’était « Cohesion sociale ».",)


def test_ce_qui_ne_se_propose_plus_est_dit_et_laisse_a_choisir(agent, ludo):
    Dispositif.objects.update(est_actif=False)
    type(ludo.priorites.get()).objects.update(est_actif=False)
    ludo.financements.exclude(famille="anct_p147").get().financeur.__class__.objects.filter(nom="Ville").update(
        est_actif=False
    )
    ludo.etablissement.fin = date(2025, 6, 30)
    ludo.etablissement.save()
    reconduite = reconduire(ludo, agent)
    action = reconduite.action
    assert (action.dispositif, action.etablissement, action.priorites.count()) == (None, None, 0)
    assert [f.famille for f in action.financements.all()] == [FamilleFinanceur.ANCT_P147]
    assert sorted(remarque.split(" :")[0] for remarque in reconduite.remarques) == [
        "Dispositif à choisir",
        "Financeur à choisir",
        "SIRET à choisir",
        "Étiquette à choisir",
    ]


def test_le_porteur_fusionne_est_celui_d_aujourd_hui(agent, ludo):
    absorbant = OrganismeFactory(nom="Les Jeux réunis")
    ludo.porteur.fusionne_dans = absorbant
    ludo.porteur.save()
    reconduite = reconduire(ludo, agent)
    assert (reconduite.action.porteur, reconduite.action.etablissement) == (absorbant, ludo.etablissement)
    assert reconduite.remarques == (f"Porteur : « {ludo.porteur} » a été réuni à « Les Jeux réunis ».",)


# --- CPO ---


def cpo(an_passe, rang, nombre=3):
    return action_programmee(700, exercice=an_passe, duree=Duree.CPO, cpo_rang=rang, cpo_nombre=nombre)


def test_une_cpo_avance_d_une_annee_et_emporte_les_previsions_qui_restent(agent, an_passe):
    action = cpo(an_passe, 1)
    for annee, montant in ((2026, 650), (2027, 600)):
        PrevisionPluriannuelle.objects.create(action=action, annee=annee, montant=euros(montant))
    nouvelle = reconduire(action, agent).action
    assert (nouvelle.duree, nouvelle.cpo_rang, nouvelle.cpo_nombre) == (Duree.CPO, 2, 3)
    assert list(nouvelle.previsions.values_list("annee", "montant")) == [(2027, euros(600))]


def test_une_cpo_finie_ne_repart_qu_annuelle(agent, an_passe):
    action = cpo(an_passe, 3)
    with pytest.raises(OperationRefusee, match="sa CPO est finie \\(3 sur 3\\) : la reconduire comme action annuelle"):
        reconduire(action, agent)
    nouvelle = reconduire(action, agent, annuelle=True).action
    assert (nouvelle.duree, nouvelle.cpo_rang, nouvelle.cpo_nombre) == (Duree.ANNUELLE, None, None)


# --- Refus ---


def test_une_action_se_reconduit_une_fois(agent, ludo):
    premiere = reconduire(ludo, agent).action
    with pytest.raises(DejaReconduite) as refus:
        reconduire(ludo, agent)
    assert refus.value.reconduites == [premiere]
    assert Action.objects.filter(action_precedente=ludo).count() == 1


def test_un_brouillon_un_exercice_absent_ou_clos_et_une_campagne_figee_sont_refuses(agent, ludo, exercice):
    brouillon = ActionFactory(exercice=ludo.exercice, brouillon=True)
    refus = {"un brouillon ne se reconduit pas": brouillon}
    for phrase, action in refus.items():
        with pytest.raises(OperationRefusee, match=phrase):
            reconduire(action, agent)
    exercice.campagnes.update(figee_le=timezone.now())
    with pytest.raises(OperationRefusee, match="aucune campagne de 2026 ne lui est ouverte"):
        reconduire(ludo, agent)
    exercice.statut = StatutExercice.CLOS
    exercice.save()
    with pytest.raises(OperationRefusee, match="l’exercice 2026 est clos"):
        reconduire(ludo, agent)
    with pytest.raises(OperationRefusee, match="l’exercice 2027 n’existe pas encore"):
        reconduire(ActionFactory(exercice=exercice), agent)


def test_entre_deux_campagnes_ouvertes_il_faut_choisir_sauf_si_l_une_est_celle_du_contrat(agent, ludo, exercice):
    ete = CampagneFactory(exercice=exercice, intitule="Été", vague=2)
    with pytest.raises(OperationRefusee, match="plusieurs campagnes de 2026 sont ouvertes : en choisir une"):
        reconduire(ludo, agent)
    choisie = reconduire(ludo, agent, campagne=ete).action
    assert choisie.campagne == ete
    choisie.delete()
    sienne = CampagneFactory(exercice=exercice, intitule="COPIL", contrat=ludo.contrat)
    assert reconduire(ludo, agent).action.campagne == sienne


def test_un_lot_est_tout_ou_rien(agent, ludo, an_passe):
    brouillon = ActionFactory(exercice=an_passe, brouillon=True)
    with pytest.raises(OperationRefusee):
        operations.reconduire([DemandeDeReconduction(ludo), DemandeDeReconduction(brouillon)], par=agent)
    assert not Action.objects.filter(exercice__annee=2026).exists()


def test_la_meme_action_deux_fois_dans_le_lot_est_refusee(agent, ludo):
    with pytest.raises(OperationRefusee, match="deux fois dans le lot"):
        operations.reconduire([DemandeDeReconduction(ludo), DemandeDeReconduction(ludo)], par=agent)
    assert not Action.objects.filter(action_precedente=ludo).exists()


def test_sans_droit_sur_l_annee_suivante_rien_n_est_cree(ludo, exercice):
    with pytest.raises(DroitManquant):
        reconduire(ludo, habiliter(Role.LECTEUR, departement=exercice.departement))
    assert not Action.objects.filter(action_precedente=ludo).exists()


def test_preparer_lit_autant_pour_une_action_que_pour_trois(agent, an_passe, exercice, django_assert_max_num_queries):
    contrat, thematique = ContratFactory(), ThematiqueFactory(theme__nomenclature=exercice.nomenclature)
    actions = [action_programmee(exercice=an_passe, contrat=contrat, thematique=thematique) for _ in range(3)]
    for nombre in (1, 3):
        with django_assert_max_num_queries(14):
            preparer([DemandeDeReconduction(action) for action in actions[:nombre]], agent)


@pytest.mark.django_db(transaction=True)
def test_deux_clics_au_meme_instant_ne_creent_qu_un_brouillon(agent, ludo):
    demande = DemandeDeReconduction(ludo)
    resultats = ensemble(*[lambda: operations.reconduire([demande], par=agent)] * 2)
    assert sorted(type(resultat).__name__ for resultat in resultats) == ["DejaReconduite", "list"]
    assert Action.objects.filter(action_precedente=ludo).count() == 1


# --- À l'écran ---


def test_un_clic_sur_la_fiche_cree_le_brouillon_et_l_ouvre(client, agent, ludo):
    client.force_login(agent)
    [bouton] = noeuds(client.get(ludo.get_absolute_url()), "//form[contains(@action, 'reconduire')]//button")
    assert bouton.text == "Reconduire en 2026"
    reponse = client.post(reverse("programmation:action_reconduire", args=[ludo.pk]), follow=True)
    nouvelle = Action.objects.get(action_precedente=ludo)
    assert reponse.redirect_chain[-1][0] == reverse("programmation:action_update", args=[nouvelle.pk])
    assert "est reconduite en 2026, en brouillon" in reponse.content.decode().replace("\u00a0", " ")


def test_un_second_clic_mene_au_meme_brouillon(client, agent, ludo):
    client.force_login(agent)
    adresse = reverse("programmation:action_reconduire", args=[ludo.pk])
    client.post(adresse)
    nouvelle = Action.objects.get(action_precedente=ludo)
    assert client.post(adresse).url == nouvelle.get_absolute_url()
    assert "déjà reconduite" in client.get(adresse).content.decode()
    assert noeuds(client.get(ludo.get_absolute_url()), "//form[contains(@action, 'reconduire')]") == []
    assert nouvelle.get_absolute_url() in client.get(ludo.get_absolute_url()).content.decode()


def test_la_page_demande_la_campagne_s_il_y_en_a_plusieurs(client, agent, ludo, exercice):
    ete = CampagneFactory(exercice=exercice, intitule="Été", vague=2)
    client.force_login(agent)
    adresse = reverse("programmation:action_reconduire", args=[ludo.pk])
    reponse = client.post(adresse)
    assert "choisir la sienne" in reponse.content.decode()
    client.post(adresse, {"campagne": ete.pk})
    assert Action.objects.get(action_precedente=ludo).campagne == ete


def test_la_page_propose_une_annuelle_a_une_cpo_finie(client, agent, an_passe, exercice):
    action = cpo(an_passe, 3)
    client.force_login(agent)
    adresse = reverse("programmation:action_reconduire", args=[action.pk])
    assert "cocher pour repartir en action annuelle" in client.post(adresse).content.decode()
    client.post(adresse, {"annuelle": "on"})
    assert Action.objects.get(action_precedente=action).duree == Duree.ANNUELLE


def test_une_selection_se_reconduit_et_dit_ce_qui_ne_le_peut_pas(client, agent, ludo, an_passe, exercice):
    finie = cpo(an_passe, 3)
    client.force_login(agent)
    adresse = reverse("programmation:reconduire_en_lot")
    reponse = client.get(adresse, {"action": [ludo.pk, finie.pk]})
    assert "sa CPO est finie" in reponse.content.decode()
    assert [noeud.get("value") for noeud in noeuds(reponse, "//form//li/input[@name='action']")] == [str(ludo.pk)]
    reponse = client.post(adresse, {"action": [ludo.pk]})
    assert reponse.url == f"/programmation/actions/?exercice={exercice.pk}&statut=brouillon&origine=reconduite"
    reponse = client.post(adresse, {"action": [ludo.pk]})
    assert "Rien n’est créé deux fois" in reponse.content.decode()
    assert Action.objects.filter(action_precedente=ludo).count() == 1


@pytest.mark.parametrize("campagne", ["", "0", "9" * 30, "x", "-1"])
def test_une_campagne_mal_ecrite_se_corrige(client, agent, ludo, exercice, campagne):
    CampagneFactory(exercice=exercice, intitule="Été", vague=2)
    client.force_login(agent)
    adresse = reverse("programmation:action_reconduire", args=[ludo.pk])
    assert client.post(adresse, {"campagne": campagne}).status_code == 200
    assert not Action.objects.filter(action_precedente=ludo).exists()


def test_hors_perimetre_404_et_sans_le_role_403(client, ludo, exercice):
    adresse = reverse("programmation:action_reconduire", args=[ludo.pk])
    client.force_login(habiliter(Role.AGENT, departement=DepartementFactory(code="30")))
    assert client.post(adresse).status_code == 404
    client.force_login(habiliter(Role.LECTEUR, departement=exercice.departement))
    assert client.post(adresse).status_code == 403
    assert not Action.objects.filter(action_precedente=ludo).exists()


# --- L'an dernier, pendant la saisie ---


def encart(client, agent, action):
    client.force_login(agent)
    reponse = client.get(reverse("programmation:action_update", args=[action.pk]))
    [section] = noeuds(reponse, "//section[@aria-labelledby='titre-an-dernier']")
    return " ".join(section.text_content().split()).replace("\u202f", " ")


def test_la_saisie_montre_l_an_dernier(client, agent, ludo):
    Justification.objects.create(
        action=ludo,
        etat=EtatJustification.VALIDEE,
        recue_le=date(2026, 3, 1),
        depense=euros(1100),
        beneficiaires_realises=72,
        non_utilise=euros(50),
    )
    texte = encart(client, agent, reconduire(ludo, agent).action)
    for attendu in (
        "L’an dernier (2025)",
        "900,00 € demandés, — proposés, 450,00 € accordés",
        "validée, reçue le 01/03/2026",
        "1 100,00 €",
        "50,00 €",
        "80 prévus, 72 réalisés",
    ):
        assert attendu in texte
    assert "attendu" not in texte


def test_sans_bilan_un_avertissement_et_rien_ne_bloque(client, agent, ludo):
    Parametre.objects.create(code="delai_justification", depuis=date(2000, 4, 12), valeur=6)
    action = reconduire(ludo, agent).action
    assert "Bilan 2025 attendu" in encart(client, agent, action)
    assert operations.deposer([action], par=agent)[0].statut == StatutAction.DEPOSEE


def test_une_action_nouvelle_n_a_pas_d_an_dernier(client, agent, exercice):
    client.force_login(agent)
    reponse = client.get(reverse("programmation:action_update", args=[ActionFactory(exercice=exercice).pk]))
    assert noeuds(reponse, "//section[@aria-labelledby='titre-an-dernier']") == []


def test_un_partenaire_ne_lit_pas_le_bilan_de_l_an_dernier(client, agent, ludo):
    action = reconduire(ludo, agent).action
    Action.objects.filter(pk=action.pk).update(statut=StatutAction.DEPOSEE)
    client.force_login(habiliter(Role.PARTENAIRE, contrat=ludo.contrat))
    reponse = client.get(action.get_absolute_url())
    assert noeuds(reponse, "//section[@aria-labelledby='titre-an-dernier']") == []
    assert "En 2025" in reponse.content.decode()
