"""Figer, clore, rouvrir : chaque geste laisse une photographie des chiffres, prise dans la même transaction."""

from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comptes.enums import Role
from pilotage import photographies
from pilotage.models import Photographie, PhotographieIntouchable
from pilotage.operations import cloturer_exercice, figer_campagne, photographier, rouvrir_exercice
from pilotage.verification import VERIFICATIONS
from programmation.enums import NatureDecision, StatutExercice
from programmation.models import Action, Campagne, Exercice, Financement, MouvementEnveloppe
from programmation.operations import DemandeDeDecision, DroitManquant, MotifExige, OperationRefusee, decider
from programmation.synthese.exercices import avancements
from territoires.models import ContratDeVille
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    PilierFactory,
    QuartierFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)
from tests.pages import noeuds, textes
from tests.pages import texte as texte_du_noeud

pytestmark = pytest.mark.django_db


@pytest.fixture
def responsable(db):
    return habiliter(Role.RESPONSABLE)


@pytest.fixture
def exercice(db):
    return ExerciceFactory(annee=2025)


@pytest.fixture
def campagne(exercice):
    return exercice.campagnes.get()


def test_figer_une_campagne_photographie_son_exercice(responsable, exercice, campagne):
    action_programmee(accorde=3000, exercice=exercice, intitule="Lire ensemble")

    photographie = figer_campagne(campagne, par=responsable)

    assert photographie.motif == "Gel de la campagne « Campagne 2025 »"
    assert [ligne["intitule"] for ligne in photographie.lignes] == ["Lire ensemble"]
    assert Campagne.objects.get().figee_le is not None


def test_une_ligne_dit_tout_de_l_action(responsable, campagne, exercice):
    contrat = ContratFactory(intitule="Contrat de Caen")
    quartiers = [QuartierFactory(contrat=contrat, nom=nom) for nom in ("Chemin Vert", "Guérinière")]
    action = action_programmee(accorde=3000, demande=4000, exercice=exercice, contrat=contrat, cout_previsionnel=6000)
    cofinancement(action, FinanceurFactory(nom="Ville de Caen"), demande=2000)
    localiser(action, {quartiers[0]: 2, quartiers[1]: 1})

    [ligne] = figer_campagne(campagne, par=responsable).lignes

    assert ligne["cle"] == str(action.cle)
    assert (ligne["statut"], ligne["version"]) == ("programmee", 1)
    assert (ligne["contrat_id"], ligne["contrat_intitule"]) == (contrat.pk, "Contrat de Caen")
    assert ligne["cout_previsionnel"] == "6000.00"
    assert [(f["famille"], f["demande"], f["accorde"]) for f in ligne["financements"]] == [
        ("anct_p147", "4000.00", "3000.00"),
        ("commune", "2000.00", None),
    ]
    assert [(lieu["quartier_nom"], lieu["cle"]) for lieu in ligne["localisations"]] == [
        ("Chemin Vert", 2),
        ("Guérinière", 1),
    ]
    assert ligne["decisions"] == [
        {"date": "2025-04-15", "nature": "attribution", "montant": "3000.00", "enveloppe_id": None}
    ]


def test_la_synthese_totalise_par_pilier_par_contrat_et_par_statut(responsable, campagne, exercice):
    contrat = ContratFactory()
    action_programmee(accorde=3000, exercice=exercice, contrat=contrat)
    action_programmee(accorde=1000, exercice=exercice, departementale=True)
    p147(ActionFactory(exercice=exercice, contrat=contrat), demande=500)

    synthese = figer_campagne(campagne, par=responsable).synthese

    assert synthese["accorde"]["piliers"] == {
        "cohesion-sociale": {"montant": "4000.00", "nombre": 2, "inconnus": 0},
    }
    assert {cle: s["montant"] for cle, s in synthese["accorde"]["contrats"].items()} == {
        str(contrat.pk): "3000.00",
        "": "1000.00",
    }
    assert synthese["demande"]["statuts"]["deposee"] == {"montant": "500.00", "nombre": 1, "inconnus": 0}


def test_l_empreinte_se_recalcule_de_ce_que_la_base_a_garde(responsable, campagne, exercice):
    action_programmee(accorde="1234.56", exercice=exercice)
    figer_campagne(campagne, par=responsable)

    relue = Photographie.objects.get()

    assert relue.empreinte == photographies.empreinte(relue.lignes, relue.synthese)
    assert relue.lignes == photographies.lignes(exercice)


def test_clore_puis_rouvrir_photographie_a_chaque_fois(responsable, campagne, exercice):
    figer_campagne(campagne, par=responsable)
    cloturer_exercice(exercice, par=responsable)
    assert Exercice.objects.get().statut == StatutExercice.CLOS

    rouvrir_exercice(exercice, par=responsable, motif="Erreur de saisie")

    assert Exercice.objects.get().statut == StatutExercice.OUVERT
    assert [photo.motif for photo in Photographie.objects.order_by("pk")] == [
        "Gel de la campagne « Campagne 2025 »",
        "Clôture de l’exercice 2025",
        "Réouverture de l’exercice 2025",
    ]


def test_un_gel_repris_porte_sa_date(responsable, campagne):
    le = datetime(2025, 7, 6, 18, tzinfo=timezone.get_current_timezone())

    assert figer_campagne(campagne, par=responsable, le=le).prise_le == le
    assert timezone.localdate(Campagne.objects.get().figee_le) == date(2025, 7, 6)


def test_une_date_future_est_refusee(responsable, campagne, exercice):
    demain = timezone.now() + timedelta(days=1)
    with pytest.raises(OperationRefusee, match="futur"):
        figer_campagne(campagne, par=responsable, le=demain)
    figer_campagne(campagne, par=responsable)
    with pytest.raises(OperationRefusee, match="futur"):
        cloturer_exercice(exercice, par=responsable, le=demain)
    assert Photographie.objects.count() == 1


def test_un_geste_refuse_ne_photographie_rien(responsable, campagne, exercice):
    CampagneFactory(exercice=exercice, intitule="Seconde vague")
    with pytest.raises(DroitManquant):
        figer_campagne(campagne, par=habiliter(Role.AGENT))
    figer_campagne(campagne, par=responsable)
    with pytest.raises(OperationRefusee, match="déjà figée"):
        figer_campagne(campagne, par=responsable)
    with pytest.raises(OperationRefusee, match="Figer d’abord : « Seconde vague »"):
        cloturer_exercice(exercice, par=responsable)
    with pytest.raises(MotifExige):
        rouvrir_exercice(exercice, par=responsable, motif=" ")

    assert Photographie.objects.count() == 1


def test_une_photographie_ne_se_modifie_ni_ne_s_efface(responsable, campagne):
    photographie = figer_campagne(campagne, par=responsable)
    for geste in (photographie.save, photographie.delete, Photographie.objects.all().delete):
        with pytest.raises(PhotographieIntouchable):
            geste()


def test_photographier_dix_actions_ne_coute_pas_plus_de_requetes_qu_une(responsable, exercice):
    def requetes():
        with CaptureQueriesContext(connection) as capture:
            photographies.lignes(exercice)
            photographies.synthese(exercice)
        return len(capture)

    contrat, financeur = ContratFactory(), FinanceurFactory()
    cofinancement(action_programmee(accorde=100, exercice=exercice, contrat=contrat), financeur, accorde=50)
    d_une = requetes()
    for _ in range(9):
        cofinancement(action_programmee(accorde=100, exercice=exercice, contrat=contrat), financeur, accorde=50)
    assert requetes() == d_une


# --- « Au » une date, à l'écran ---


def page(reponse):
    return texte_du_noeud(noeuds(reponse, "//main")[0])


def ligne_du_tableau(reponse, titre, nom):
    """Les cellules de la ligne de ce nom, sous ce titre."""
    return textes(reponse, f"//main//section[h2[.='{titre}']]//tr[th[.='{nom}']]/td")


@pytest.fixture
def photographiee(responsable, campagne, exercice):
    """3 000 € en cohésion sociale, 1 000 € en emploi ; une enveloppe de 5 000 € ; 500 € demandés non décidés."""
    contrat = ContratFactory(intitule="Contrat de Caen")
    enveloppe = EnveloppeFactory(exercice=exercice, libelle="P147")
    MouvementFactory(enveloppe=enveloppe, ae=euros(5000), date=date(2025, 2, 1))
    champs = {"exercice": exercice, "contrat": contrat, "enveloppe": enveloppe}
    lecture = action_programmee(accorde=3000, demande=4000, intitule="Lire ensemble", **champs)
    cofinancement(lecture, FinanceurFactory(nom="Ville de Caen"), 2000, 1500)
    action_programmee(accorde=1000, intitule="Emploi", pilier=PilierFactory(code="emploi", ordre=3), **champs)
    p147(ActionFactory(**champs), demande=500)
    return figer_campagne(
        campagne, par=responsable, le=datetime(2025, 7, 6, 18, tzinfo=timezone.get_current_timezone())
    )


@pytest.fixture
def connecte(client, responsable):
    client.force_login(responsable)
    return client


def test_la_photographie_montre_le_tableau_de_bord_du_jour_meme_si_tout_a_change_depuis(connecte, photographiee):
    contrat = ContratDeVille.objects.get(intitule="Contrat de Caen")
    Financement.objects.filter(famille="anct_p147", accorde=euros(3000)).update(accorde=euros(1), demande=euros(1))
    Action.objects.filter(intitule="Emploi").update(pilier=PilierFactory())
    MouvementEnveloppe.objects.all().delete()
    ContratDeVille.objects.filter(pk=contrat.pk).update(intitule="Renommé")
    reponse = connecte.get(f"/pilotage/photographies/{photographiee.pk}/")
    assert ligne_du_tableau(reponse, "Part de chaque pilier", "Cohesion sociale")[1:] == ["75,0 %", "3 000,00 €", "1"]
    assert ligne_du_tableau(reponse, "Part de chaque pilier", "Emploi")[1:] == ["25,0 %", "1 000,00 €", "1"]
    assert ligne_du_tableau(reponse, "Part de chaque pilier", "Total")[1:] == ["100,0 %", "4 000,00 €", "2"]
    assert ligne_du_tableau(reponse, "Contrats de ville", "Contrat de Caen")[1:] == ["100,0 %", "4 000,00 €", "2"]
    assert ligne_du_tableau(reponse, "Statuts", "Programmée") == ["2", "5 000,00 €", "4 000,00 €"]
    assert ligne_du_tableau(reponse, "Financeurs", "Ville de Caen") == [
        "2",
        "Commune",
        "27,3 %",
        "1 500,00 €",
        "0,00 €",
        "0",
    ]
    assert ligne_du_tableau(reponse, "Enveloppes", "P147") == [
        "5 000,00 €",
        "0,00 €",
        "5 000,00 €",
        "4 000,00 €",
        "0,00 €",
        "1 000,00 €",
    ]
    assert "au 06/07/2025 à 18:00" in page(reponse)
    assert photographiee.empreinte in page(reponse)


def test_les_actions_se_lisent_telles_qu_elles_etaient(connecte, photographiee):
    Action.objects.filter(intitule="Lire ensemble").update(intitule="Renommée")
    adresse = f"/pilotage/photographies/{photographiee.pk}/actions/"
    assert "Lire ensemble" in page(connecte.get(adresse))
    deposees = connecte.get(adresse, {"statut": "deposee"})
    assert [action["demande"] for action in deposees.context["actions"]] == [euros(500)]
    assert "Aucune action à cette date" in page(connecte.get(adresse, {"statut": "abc"}))


def test_ce_qui_a_change_depuis_se_dit_au_centime(connecte, responsable, photographiee):
    action = Action.objects.get(intitule="Lire ensemble")
    complement = DemandeDeDecision(action, NatureDecision.COMPLEMENT, euros("250.01"), action.enveloppe)
    decider([complement], par=responsable, motif="Crédits d’automne")
    reponse = connecte.get(f"/pilotage/photographies/{photographiee.pk}/comparer/")
    assert textes(reponse, "//main//tr[th[.='P147 accordé']]/td") == ["4 000,00 €", "4 250,01 €", "+250,01 €"]
    assert textes(reponse, "//main//tr[th[starts-with(., 'Lire ensemble')]]/td") == [
        "décisions ; plan de financement",
        "3 000,00 €",
        "3 250,01 €",
        "+250,01 €",
    ]


def test_sans_changement_la_comparaison_le_dit(connecte, photographiee):
    adresse = f"/pilotage/photographies/{photographiee.pk}/comparer/"
    assert "Rien n’a changé : mêmes actions, mêmes montants, au centime." in page(connecte.get(adresse))


def test_deux_photographies_se_comparent(connecte, responsable, exercice, photographiee):
    ActionFactory(exercice=exercice, intitule="Arrivée après")
    cloture = cloturer_exercice(exercice, par=responsable)
    reponse = connecte.get(f"/pilotage/photographies/{photographiee.pk}/comparer/", {"avec": cloture.pk})
    assert textes(reponse, "//main//tr[th[starts-with(., 'Arrivée après')]]/td")[0] == "ajoutée"


def test_une_photographie_d_un_autre_exercice_ne_se_compare_pas(connecte, responsable, photographiee):
    autre = figer_campagne(ExerciceFactory(annee=2026).campagnes.get(), par=responsable)
    adresse = f"/pilotage/photographies/{photographiee.pk}/comparer/"
    for valeur in (autre.pk, "abc", "9" * 30, "-1"):
        assert connecte.get(adresse, {"avec": valeur}).status_code == 404


@pytest.mark.parametrize(
    ("jour", "phrase"),
    [
        ("2025-07-07", "Aucune photographie n’a été prise le 07/07/2025"),
        ("hier", "Cette date est mal écrite"),
        ("0206-99-99", "Cette date est mal écrite"),
    ],
)
def test_sans_photographie_ce_jour_la_la_liste_le_dit(connecte, exercice, photographiee, jour, phrase):
    reponse = connecte.get("/pilotage/photographies/", {"exercice": exercice.pk, "jour": jour})
    assert phrase in page(reponse)
    assert "06/07/2025 18:00" in page(reponse)


def test_du_tableau_de_bord_la_date_choisie_mene_a_sa_photographie(connecte, exercice, photographiee):
    tableau = connecte.get("/pilotage/", {"exercice": exercice.pk})
    [formulaire] = noeuds(tableau, "//form[.//input[@name='jour']]")
    assert formulaire.xpath(".//input[@name='exercice']/@value") == [str(exercice.pk)]
    reponse = connecte.get(formulaire.get("action"), {"exercice": exercice.pk, "jour": "2025-07-06"})
    assert reponse.url == f"/pilotage/photographies/{photographiee.pk}/"


def test_la_photographie_d_un_ancien_format_se_lit_et_se_verifie(connecte, exercice, photographiee):
    """Avant, une photographie ne gardait que les sommes par pilier, contrat et statut."""
    champs = {"propose", "accorde", "demande", "famille", "financeur_id", "nature", "verse", "etat", "financeur_nom"}
    lignes = [
        {cle: v for cle, v in ligne.items() if cle in ANCIENS_CHAMPS}
        | {"financements": [{c: f[c] for c in champs} for f in ligne["financements"]]}
        for ligne in photographiee.lignes
    ]
    synthese = {base: photographiee.synthese[base] for base in ("accorde", "demande")}
    ancienne = Photographie.objects.create(
        exercice=exercice,
        motif="Clôture de l’exercice 2025",
        lignes=lignes,
        synthese=synthese,
        empreinte=photographies.empreinte(lignes, synthese),
    )
    reponse = connecte.get(f"/pilotage/photographies/{ancienne.pk}/")
    assert "ancien format" in page(reponse)
    assert ligne_du_tableau(reponse, "Part de chaque pilier", "Total")[1:] == ["100,0 %", "4 000,00 €", "2"]
    assert connecte.get(f"/pilotage/photographies/{ancienne.pk}/actions/").status_code == 200
    assert "Rien n’a changé" in page(connecte.get(f"/pilotage/photographies/{ancienne.pk}/comparer/"))
    Exercice.objects.update(statut=StatutExercice.CLOS)
    Campagne.objects.update(figee_le=timezone.now())
    assert ecarts_des_photographies() == []
    Action.objects.filter(intitule="Emploi").update(cout_previsionnel=euros("9999.99"))
    assert [ecart.objet for ecart in ecarts_des_photographies()] == [
        "exercice 2025 – Calvados (14), action « Emploi », cout_previsionnel"
    ]


ANCIENS_CHAMPS = {
    "cle", "version", "intitule", "statut", "echelle", "contrat_id", "thematique_id", "pilier_id", "dispositif_id",
    "porteur_id", "dossier", "tranche", "origine", "duree", "cpo_rang", "cpo_nombre", "date_debut", "date_fin",
    "cout_previsionnel", "contributions_volontaires", "beneficiaires_prevus", "beneficiaires_qpv", "contrat_intitule",
    "thematique_code", "pilier_code", "dispositif_libelle", "porteur_nom", "porteur_siret", "localisations",
}  # fmt: skip


def ecarts_des_photographies():
    noms = {"empreinte d’une photographie", "exercice clos"}
    return [ecart for v in VERIFICATIONS if v.nom in noms for ecart in v.ecarts()]


def test_une_photographie_prise_apres_la_cloture_ne_cache_pas_un_changement(responsable, exercice, photographiee):
    cloturer_exercice(exercice, par=responsable)
    Financement.objects.filter(accorde=euros(3000)).update(accorde=euros("3000.01"))
    photographier(exercice, "Envoi au siège")
    assert ecarts_des_photographies() != []


@pytest.mark.parametrize(("role", "attendu"), [(Role.PARTENAIRE, 404), (Role.AGENT, 200), (Role.LECTEUR, 200)])
def test_qui_lit_une_photographie(client, photographiee, role, attendu):
    client.force_login(habiliter(role))
    for suite in ("", "actions/", "comparer/"):
        assert client.get(f"/pilotage/photographies/{photographiee.pk}/{suite}").status_code == attendu


def test_un_delegue_d_un_contrat_n_en_lit_aucune(client, photographiee):
    client.force_login(habiliter(Role.DELEGUE, contrat=ContratDeVille.objects.get()))
    assert client.get(f"/pilotage/photographies/{photographiee.pk}/").status_code == 404
    assert client.get("/pilotage/photographies/").status_code == 403


def test_la_liste_et_le_tableau_ne_lisent_pas_le_detail_des_actions(connecte, photographiee):
    with CaptureQueriesContext(connection) as capture:
        connecte.get("/pilotage/photographies/")
        connecte.get(f"/pilotage/photographies/{photographiee.pk}/")
    assert not [requete for requete in capture if '"pilotage_photographie"."lignes"' in requete["sql"]]


def test_l_exemple_de_la_documentation_fige_puis_complete(connecte, responsable, exemple):
    """Les nombres de docs/calculs.md, « Ce qui reste avant de figer, et la photographie »."""
    campagne = exemple.exercice.campagnes.get()
    avancement = avancements(Action.objects.all(), [campagne])[campagne.pk]
    assert (avancement.brouillons, avancement.a_decider, avancement.demande) == (1, 1, euros(2000))
    assert (avancement.programmees, avancement.accorde, avancement.sans_suite) == (4, euros(10_000), 1)
    photographie = figer_campagne(campagne, par=responsable)
    lignes = {
        ligne["libelle"]: (ligne["montant"], ligne["part"]) for ligne in photographie.synthese["tableau"]["piliers"]
    }
    assert [valeurs for valeurs in lignes.values() if valeurs[0] != "0.00"] == [
        ("8000.01", "80.0"),
        ("1499.99", "15.0"),
        ("500.00", "5.0"),
    ]
    complement = DemandeDeDecision(exemple.a3, NatureDecision.COMPLEMENT, euros("250.01"))
    decider([complement], par=responsable, motif="Crédits d’automne")
    reponse = connecte.get(f"/pilotage/photographies/{photographie.pk}/comparer/")
    evolution = reponse.context["evolution"]
    assert (evolution.total.avant, evolution.total.apres) == (euros(10_000), euros("10250.01"))
    [emploi] = evolution.axes["Piliers"]
    assert (emploi.avant, emploi.apres) == (euros("1499.99"), euros(1750))
    assert [action.difference for action in evolution.actions] == [euros("250.01")]
