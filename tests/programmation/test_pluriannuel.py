"""Les CPO : seule l'année ferme est programmée ; ce qui est prévu ensuite se lit à part, et mène à sa liste."""

from urllib.parse import urlencode

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from comptes.enums import Role
from pilotage.exports import Demande, preparer
from pilotage.portee import Portee
from pilotage.tableaux.tableau_de_bord import tableau_de_bord
from programmation import operations
from programmation.enums import Duree, FamilleFinanceur, StatutExercice
from programmation.models import Action, PartenaireFinanceur, PrevisionPluriannuelle
from programmation.operations import (
    ConflitDeVersion,
    DroitManquant,
    MotifExige,
    OperationRefusee,
    PrevisionsSaisies,
    SaisieAction,
)
from programmation.synthese import ChoixDeBase
from programmation.synthese.pluriannuel import engage_a_venir
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DispositifFactory,
    ExerciceFactory,
    FinanceurFactory,
    PilierFactory,
    QuartierFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
)
from tests.pages import noeuds

pytestmark = pytest.mark.django_db


@pytest.fixture
def exercice():
    return ExerciceFactory()


@pytest.fixture
def agent(exercice):
    return habiliter(Role.AGENT, departement=exercice.departement)


def cpo(rang=1, nombre=3, fabrique=action_programmee, **champs):
    return fabrique(duree=Duree.CPO, cpo_rang=rang, cpo_nombre=nombre, **champs)


@pytest.fixture
def deposee(exercice):
    """Une CPO de trois ans, 2026 à 2028, à décider."""
    return cpo(fabrique=ActionFactory)


def prevoir(action, agent, montants, motif="", **saisie):
    montants = {annee: None if montant is None else euros(montant) for annee, montant in montants.items()}
    return operations.prevoir([PrevisionsSaisies(action, montants, **saisie)], par=agent, motif=motif)


def prevues(action):
    return dict(action.previsions.order_by("annee").values_list("annee", "montant"))


# --- L'opération ---


def test_les_annees_a_venir_s_ecrivent_se_changent_et_se_retirent_avec_leur_histoire(agent, deposee):
    prevoir(deposee, agent, {2027: 700, 2028: 600})
    assert prevues(deposee) == {2027: euros(700), 2028: euros(600)}
    prevoir(deposee, agent, {2027: 650, 2028: None}, motif="Budget revu")
    assert prevues(deposee) == {2027: euros(650)}
    histoire = PrevisionPluriannuelle.history.order_by("history_id")
    assert [(h.history_type, h.annee, h.montant, h.history_change_reason) for h in histoire] == [
        ("+", 2027, euros(700), "Prévision pluriannuelle"),
        ("+", 2028, euros(600), "Prévision pluriannuelle"),
        ("-", 2028, euros(600), "Budget revu"),
        ("~", 2027, euros(650), "Budget revu"),
    ]
    assert Action.objects.get(pk=deposee.pk).version == 3


def test_rien_ne_change_si_rien_ne_change(agent, deposee):
    prevoir(deposee, agent, {2027: 700})
    assert prevoir(deposee, agent, {2027: 700, 2028: None}) == []
    assert Action.objects.get(pk=deposee.pk).version == 2


@pytest.mark.parametrize(
    ("annee", "phrase"),
    [
        (2026, "2026 est l’année ferme"),
        (2025, "2025 est passée"),
        (2029, "la CPO finit en 2028 : aucune prévision en 2029"),
    ],
)
def test_l_annee_ferme_une_annee_passee_et_au_dela_de_la_cpo_sont_refusees(agent, deposee, annee, phrase):
    with pytest.raises(OperationRefusee, match=phrase):
        prevoir(deposee, agent, {2027: 700, annee: 700})
    assert prevues(deposee) == {}


def test_une_action_annuelle_un_exercice_clos_et_un_lecteur_sont_refuses(agent, exercice, deposee):
    with pytest.raises(OperationRefusee, match="Seule une CPO"):
        prevoir(ActionFactory(), agent, {2027: 700})
    with pytest.raises(DroitManquant):
        prevoir(deposee, habiliter(Role.LECTEUR, departement=exercice.departement), {2027: 700})
    exercice.statut = StatutExercice.CLOS
    exercice.save()
    with pytest.raises(OperationRefusee, match="est clos"):
        prevoir(deposee, agent, {2027: 700})
    assert not PrevisionPluriannuelle.objects.exists()


def test_une_saisie_perimee_et_une_cpo_decidee_sans_motif_sont_refusees(agent, deposee):
    prevoir(deposee, agent, {2027: 700}, version=1)
    with pytest.raises(ConflitDeVersion):
        prevoir(deposee, agent, {2027: 800}, version=1)
    decidee = cpo()
    with pytest.raises(MotifExige):
        prevoir(decidee, agent, {2027: 700})
    prevoir(decidee, agent, {2027: 700}, motif="Convention signée")
    assert prevues(decidee) == {2027: euros(700)}


def test_raccourcir_la_cpo_demande_d_abord_de_retirer_la_prevision(agent, deposee):
    prevoir(deposee, agent, {2028: 600})
    for champs in ({"cpo_nombre": 2}, {"duree": Duree.ANNUELLE, "cpo_rang": None, "cpo_nombre": None}):
        with pytest.raises(OperationRefusee, match="L’action a une prévision pour 2028"):
            operations.enregistrer([SaisieAction(champs, deposee)], par=agent)
    operations.enregistrer([SaisieAction({"cpo_nombre": 4}, deposee)], par=agent)
    assert Action.objects.get(pk=deposee.pk).cpo_nombre == 4


def test_scinder_une_cpo_repartit_aussi_ce_qu_elle_prevoit(agent, deposee):
    deposee.dossier = "00054562"
    deposee.save()
    prevoir(deposee, agent, {2027: "100,01", 2028: 60})
    cles = {deposee.contrat: 2, ContratFactory(): 1}
    sienne, autre = operations.scinder(deposee, cles, par=agent, motif="Deux contrats")
    assert prevues(sienne) == {2027: euros("66,67"), 2028: euros(40)}
    assert prevues(autre) == {2027: euros("33,34"), 2028: euros(20)}


# --- Les chiffres (docs/calculs.md) ---


@pytest.fixture
def trois_cpo(exercice, deposee):
    """Cohésion : 700 € en 2027 et 600 en 2028 ; emploi : 1 000,01 € en 2027. La quatrième n'est pas décidée."""
    emploi = PilierFactory(code="emploi", ordre=3)
    caen = ContratFactory(intitule="Contrat de ville de Caen")
    premiere, seconde = cpo(contrat=caen), cpo(nombre=2, pilier=emploi, contrat=caen)
    pre = cpo(nombre=2, dispositif=DispositifFactory(pre=True))
    for action, annee, montant in (
        (premiere, 2027, 700),
        (premiere, 2028, 600),
        (seconde, 2027, "1000,01"),
        (pre, 2027, 50),
        (deposee, 2027, 9_999),
    ):
        PrevisionPluriannuelle.objects.create(action=action, annee=annee, montant=euros(montant))
    return [premiere, seconde, pre]


def test_l_engage_a_venir_est_celui_des_cpo_programmees_par_pilier_et_par_annee(trois_cpo):
    synthese = engage_a_venir(Action.objects.all())
    assert synthese.annees == [2027, 2028]
    assert [(ligne.pilier and ligne.pilier.code, montants) for ligne, montants in synthese.tableau] == [
        ("cohesion-sociale", [euros(750), euros(600)]),
        ("emploi", [euros("1000,01"), euros(0)]),
        (None, [euros("1750,01"), euros(600)]),
    ]
    assert (synthese.total, synthese.nombre, synthese.actions) == (euros("2350,01"), 4, 3)
    assert engage_a_venir(Action.objects.all(), avec_pre=False).total == euros("2300,01")


def test_reconduite_une_annee_n_est_pas_comptee_deux_fois(agent, trois_cpo):
    suivant = ExerciceFactory(annee=2027)
    [reconduite] = operations.reconduire([operations.DemandeDeReconduction(trois_cpo[0])], par=agent)
    Action.objects.filter(pk=reconduite.action.pk).update(statut="programmee")
    assert engage_a_venir(Action.objects.filter(exercice=suivant)).total == euros(600)


def test_sans_prevision_il_n_y_a_pas_de_ligne(exercice):
    cpo()
    assert engage_a_venir(Action.objects.all()) is None


def portee(utilisateur, **parametres):
    return Portee(QueryDict(urlencode({"annee": 2026} | parametres)), utilisateur)


def test_le_tableau_de_bord_le_dit_a_part_et_mene_a_la_liste_du_meme_total(client, agent, trois_cpo):
    client.force_login(agent)
    page = client.get(reverse("pilotage:tableau_de_bord"), {"annee": 2026})
    [section] = noeuds(page, "//section[@id='a-venir']")
    texte = " ".join(section.text_content().split()).replace("\u202f", " ").replace("\u00a0", " ")
    assert "3 actions pluriannuelles programmées prévoient 1 750,01 € en 2027, 600,00 € en 2028" in texte
    assert tableau_de_bord(portee(agent)).p147.montant == euros(3000)  # trois fois 1 000 € fermes, sans les prévisions
    for adresse, total in zip(section.xpath(".//td/a/@href"), ["1 350,00", "1 000,01", "2 350,01"], strict=True):
        liste = client.get(adresse)
        pied = " ".join(noeuds(liste, "//tfoot")[0].text_content().split()).replace("\u202f", " ")
        assert total in pied


def test_la_fiche_du_contrat_dit_le_sien(client, agent, trois_cpo):
    client.force_login(agent)
    page = client.get(reverse("territoires:contrat_detail", args=[trois_cpo[0].contrat_id]), {"annee": 2026})
    [section] = noeuds(page, "//section[@id='a-venir']")
    assert "2 actions pluriannuelles" in section.text_content()


def test_ni_un_partenaire_ni_un_quartier_n_ont_de_ligne_a_venir(agent, trois_cpo):
    contrat = trois_cpo[0].contrat
    localiser(trois_cpo[0], {QuartierFactory(contrat=contrat): 1})
    assert tableau_de_bord(portee(habiliter(Role.PARTENAIRE, contrat=contrat))).a_venir is None
    quartier = trois_cpo[0].localisations.get().quartier_id
    assert tableau_de_bord(portee(agent, quartier=quartier)).a_venir is None
    assert tableau_de_bord(portee(agent)).a_venir.synthese.nombre == 4


def test_la_feuille_cpo_du_classeur_redonne_l_ecran(agent, exercice, trois_cpo):
    classeur = preparer(Demande(exercice, Action.objects.all(), ChoixDeBase(), "DDETS", timezone.now()))
    [feuille] = [f for f in classeur.feuilles if f.nom == "CPO"]
    assert len(list(feuille.lignes)) == 4
    [rapproche] = [r for r in classeur.controles.rapprochements if r.libelle == "Engagé à venir"]
    assert (rapproche.a.valeur, rapproche.ecart) == (euros("2350,01"), 0)


# --- Les écrans ---


def test_on_prevoit_depuis_la_fiche(client, agent, deposee):
    client.force_login(agent)
    adresse = reverse("programmation:action_previsions", args=[deposee.pk])
    assert adresse in client.get(deposee.get_absolute_url()).content.decode()
    page = client.get(adresse)
    assert [champ.get("name") for champ in noeuds(page, "//form//input[starts-with(@name, 'annee')]")] == [
        "annee_2027",
        "annee_2028",
    ]
    assert client.post(adresse, {"annee_2027": "700", "annee_2028": "", "version": "1"}).status_code == 302
    assert prevues(deposee) == {2027: euros(700)}
    assert client.post(adresse, {"annee_2027": "800", "version": "1"}).status_code == 409
    assert "700,00" in client.get(deposee.get_absolute_url()).content.decode()


def test_la_derniere_annee_n_a_rien_a_prevoir_et_un_montant_mal_ecrit_se_corrige(client, agent, deposee, exercice):
    client.force_login(agent)
    derniere = cpo(rang=3)
    page = client.get(reverse("programmation:action_previsions", args=[derniere.pk])).content.decode()
    assert "C’est la dernière année de la CPO" in page.replace("\u00a0", " ")
    adresse = reverse("programmation:action_previsions", args=[deposee.pk])
    for faux in ("-5", "beaucoup"):
        assert client.post(adresse, {"annee_2027": faux, "version": "1"}).status_code == 200
    assert prevues(deposee) == {}


def test_un_partenaire_borne_a_ses_lignes_ne_lit_pas_ce_que_le_p147_prevoit(client, agent, trois_cpo):
    caf = FinanceurFactory(nom="CAF", famille=FamilleFinanceur.CAF)
    cofinancement(trois_cpo[0], caf, 100)
    partenaire = habiliter(Role.PARTENAIRE, contrat=trois_cpo[0].contrat)
    client.force_login(partenaire)
    assert "Prévu pour les années suivantes" in client.get(trois_cpo[0].get_absolute_url()).content.decode()
    PartenaireFinanceur.objects.create(habilitation=partenaire.habilitations.get(), financeur=caf)
    client.force_login(type(partenaire).objects.get(pk=partenaire.pk))
    assert "Prévu pour les années suivantes" not in client.get(trois_cpo[0].get_absolute_url()).content.decode()


def test_la_liste_se_lit_en_autant_de_requetes_avec_trois_cpo_qu_avec_une(
    client, agent, exercice, django_assert_num_queries
):
    client.force_login(agent)
    adresse = reverse("programmation:prevision_list")
    PrevisionPluriannuelle.objects.create(action=cpo(), annee=2027, montant=euros(1))
    client.get(adresse)
    with CaptureQueriesContext(connection) as avant:
        assert client.get(adresse).status_code == 200
    for _ in range(2):
        PrevisionPluriannuelle.objects.create(action=cpo(), annee=2027, montant=euros(1))
    with django_assert_num_queries(len(avant)):
        client.get(adresse)
