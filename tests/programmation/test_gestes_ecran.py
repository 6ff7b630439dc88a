"""Les gestes à l'écran : une page qui confirme, un envoi qui fait, des refus en français, rien d'écrit à moitié."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from comptes.enums import Role
from programmation import operations
from programmation.enums import FamilleFinanceur, StatutAction, StatutExercice
from programmation.models import Action, Decision, Enveloppe
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    p147,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def exercice():
    return ExerciceFactory()


@pytest.fixture
def agent(exercice, client):
    utilisateur = habiliter(Role.AGENT, departement=exercice.departement)
    client.force_login(utilisateur)
    return utilisateur


@pytest.fixture
def action(agent):
    """Une action déposée qui demande 1 000 € ; 800 sont proposés."""
    action = ActionFactory(intitule="Ludothèque")
    p147(action, demande=1000, propose=800)
    return action


def adresse(nom, *args):
    return reverse(f"programmation:{nom}", args=args)


def geste(client, action, nom, **donnees):
    return client.post(adresse("action_geste", action.pk, nom), donnees)


def texte(reponse):
    brut = reponse.content.decode().replace("&nbsp;", " ").replace("\u202f", " ").replace("\u00a0", " ")
    return brut.replace("&#x27;", "'")


def statut(action):
    return Action.objects.get(pk=action.pk).statut


# --- Déposer, instruire, retirer, revenir, supprimer ---


def test_une_action_va_du_brouillon_a_l_instruction_par_l_ecran(client, agent):
    action = ActionFactory(statut=StatutAction.BROUILLON)
    assert "ne pourra plus être supprimée" in texte(client.get(adresse("action_geste", action.pk, "deposer")))
    assert statut(action) == StatutAction.BROUILLON
    reponse = geste(client, action, "deposer")
    assert reponse.url == action.get_absolute_url()
    assert statut(action) == StatutAction.DEPOSEE
    geste(client, action, "instruire")
    assert statut(action) == StatutAction.INSTRUITE


def test_deposer_un_brouillon_incomplet_dit_ce_qui_manque(client, agent):
    action = ActionFactory(brouillon=True)
    assert "Il manque : thématique, pilier, dispositif, porteur" in texte(geste(client, action, "deposer"))
    assert statut(action) == StatutAction.BROUILLON


def test_deposer_deux_fois_ne_depose_qu_une_fois(client, agent):
    action = ActionFactory(statut=StatutAction.BROUILLON)
    geste(client, action, "deposer")
    assert "L’action est déjà « Déposée »" in texte(geste(client, action, "deposer"))
    assert Action.objects.get(pk=action.pk).version == action.version + 1


def test_retirer_demande_un_motif_choisi_et_revenir_aussi(client, action):
    assert "Choisir « Motif »." in texte(geste(client, action, "retirer"))
    assert statut(action) == StatutAction.DEPOSEE
    assert "Ce choix n’est pas proposé ici" in texte(geste(client, action, "retirer", motif_statut="inventé"))
    geste(client, action, "retirer", motif_statut="doublon", motif="Déjà au dossier 12")
    assert statut(action) == StatutAction.RETIREE
    assert action.history.first().history_change_reason == "Doublon – Déjà au dossier 12"
    geste(client, action, "revenir", vers="programmee", motif_statut="erreur")
    assert statut(action) == StatutAction.RETIREE
    geste(client, action, "revenir", vers="deposee", motif_statut="erreur")
    assert statut(action) == StatutAction.DEPOSEE


def test_seul_un_brouillon_se_supprime(client, action):
    brouillon = ActionFactory(brouillon=True)
    assert geste(client, brouillon, "supprimer").url == adresse("action_list")
    assert not Action.objects.filter(pk=brouillon.pk).exists()
    assert "Seul un brouillon se supprime" in texte(client.get(adresse("action_geste", action.pk, "supprimer")))
    geste(client, action, "supprimer")
    assert Action.objects.filter(pk=action.pk).exists()


def test_un_geste_inconnu_n_existe_pas(client, action):
    assert client.get(adresse("action_geste", action.pk, "detruire")).status_code == 404


def test_un_exercice_clos_refuse_tout_geste_et_dit_pourquoi(client, action, exercice):
    Action.objects.filter(pk=action.pk).update(dossier="00054562")
    exercice.statut = StatutExercice.CLOS
    exercice.save()
    assert "L’exercice 2026 est clos" in texte(geste(client, action, "retirer", motif_statut="doublon"))
    assert "L’exercice 2026 est clos : aucune décision" in texte(client.get(adresse("action_decider", action.pk)))
    assert "L’exercice 2026 est clos" in texte(client.get(adresse("action_scinder", action.pk)))
    assert statut(action) == StatutAction.DEPOSEE


PAGES = ["action_decider", "action_scinder", "deposer", "retirer", "revenir", "supprimer", "instruire"]


def adresse_du_geste(nom, action):
    return adresse(nom, action.pk) if nom.startswith("action_") else adresse("action_geste", action.pk, nom)


@pytest.mark.parametrize("nom", PAGES)
def test_qui_voit_sans_avoir_le_droit_lit_un_refus_clair(client, action, nom):
    client.force_login(habiliter(Role.DELEGUE, departement=action.exercice.departement))
    for methode in (client.get, client.post):
        reponse = methode(adresse_du_geste(nom, action))
        assert reponse.status_code == 403
        assert "Votre habilitation ne permet pas ce geste" in texte(reponse)


@pytest.mark.parametrize("nom", PAGES)
def test_hors_du_perimetre_aucun_geste_n_existe(client, agent, nom):
    ailleurs = ActionFactory(exercice=ExerciceFactory(departement=DepartementFactory(code="30")))
    assert client.get(adresse_du_geste(nom, ailleurs)).status_code == 404
    assert client.post(adresse_du_geste(nom, ailleurs)).status_code == 404


@pytest.mark.parametrize("nom", PAGES)
def test_un_get_n_ecrit_rien(client, action, nom):
    assert client.get(adresse_du_geste(nom, action), {"motif_statut": "doublon"}).status_code == 200
    assert Action.objects.get(pk=action.pk).version == action.version


def test_sans_jeton_un_envoi_est_refuse(agent, action):
    mefiant = Client(enforce_csrf_checks=True)
    mefiant.force_login(agent)
    assert mefiant.post(adresse("action_decider", action.pk), decision(action)).status_code == 403
    assert not Decision.objects.exists()


# --- Décider ---


def decision(action, **champs):
    saisie = {"nature": "attribution", "montant": "800,00", "date": timezone.localdate().isoformat()}
    return saisie | {"version": action.version, "motif": ""} | champs


def decider(client, action, **champs):
    return client.post(adresse("action_decider", action.pk), decision(action, **champs))


def test_le_montant_est_prerempli_par_le_propose_sinon_par_le_demande(client, action):
    assert 'value="800,00"' in texte(client.get(adresse("action_decider", action.pk)))
    action.financements.all().delete()
    p147(action, demande=1000)
    assert 'value="1000,00"' in texte(client.get(adresse("action_decider", action.pk)))


def test_attribuer_programme_l_action(client, action, agent):
    reponse = decider(client, action, montant="1 000,00 €")
    assert reponse.url == action.get_absolute_url()
    (prise,) = Decision.objects.all()
    assert (prise.montant, prise.auteur, prise.motif) == (euros(1000), agent, "")
    assert statut(action) == StatutAction.PROGRAMMEE


def test_un_double_envoi_ne_decide_qu_une_fois_et_dit_que_c_est_fait(client, action):
    decider(client, action)
    reponse = client.post(adresse("action_decider", action.pk), decision(action), follow=True)
    assert reponse.redirect_chain == [(action.get_absolute_url(), 302)]
    assert "Votre décision est déjà enregistrée." in texte(reponse)
    assert Decision.objects.count() == 1


def test_un_ajournement_renvoye_est_deja_enregistre_meme_si_la_page_proposait_une_enveloppe(client, action):
    """Sans montant, la décision ne garde pas l'enveloppe que le formulaire envoie toujours."""
    enveloppe = EnveloppeFactory(exercice=action.exercice)
    ajournement = {"nature": "ajournement", "montant": "", "enveloppe": enveloppe.pk, "motif": "Budget à revoir"}
    decider(client, action, **ajournement)
    reponse = client.post(adresse("action_decider", action.pk), decision(action, **ajournement), follow=True)
    assert "Votre décision est déjà enregistrée." in texte(reponse)
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(
    "autre", [{"montant": "700"}, {"nature": "ajournement"}, {"motif": "Autre"}, {"date": "2026-01-02"}, {"version": 7}]
)
def test_un_second_envoi_different_est_un_conflit(client, action, agent, autre):
    decider(client, action)
    reponse = decider(client, action, **autre)
    assert reponse.status_code == 409
    assert "Rien n’a été écrit" in texte(reponse)
    assert f"déjà décidée, « Attribution » enregistrée par {agent}" in texte(reponse)
    assert Decision.objects.count() == 1


def test_la_meme_decision_d_un_collegue_est_un_conflit(client, action, agent):
    decider(client, action)
    client.force_login(habiliter(Role.AGENT, departement=action.exercice.departement))
    assert decider(client, action).status_code == 409


def test_un_second_complement_identique_n_est_pas_le_premier(client, agent):
    """La décision identique date d'avant la page : c'est un collègue qui a changé l'action depuis."""
    action = action_programmee(accorde=1000)
    complement = {"nature": "complement", "montant": "300", "motif": "Public plus nombreux"}
    decider(client, action, **complement)
    action.refresh_from_db()
    operations.enregistrer([operations.SaisieAction(champs={"description": "Revue"}, action=action)], par=agent)
    assert decider(client, action, **complement).status_code == 409
    assert Decision.objects.count() == 2


def test_une_diminution_se_saisit_en_positif_et_se_retire(client, agent):
    action = action_programmee(accorde=1000)
    decider(client, action, nature="diminution", montant="300", motif="Effectif réduit")
    assert Decision.objects.latest("id").montant == euros(-300)


@pytest.mark.parametrize("nature", ["ajournement", "liste_attente", "non_recevable", "non_retenue"])
def test_une_decision_sans_montant_ignore_le_montant_prerempli(client, action, nature):
    decider(client, action, nature=nature, motif="Crédits insuffisants")
    assert (Decision.objects.get().nature, Decision.objects.get().montant) == (nature, euros(0))


def test_une_deprogrammation_retire_tout_l_accorde(client, agent):
    action = action_programmee(accorde="1234,50")
    decider(client, action, nature="deprogrammation", montant="", motif="Porteur défaillant")
    assert Decision.objects.latest("id").montant == euros("-1234,50")


@pytest.mark.parametrize(
    ("champs", "message"),
    [
        ({"montant": "1200"}, "accorder plus que les 1 000,00 € demandés demande un motif"),
        ({"nature": "ajournement"}, "demande un motif"),
        ({"montant": ""}, "Indiquer un montant supérieur à zéro."),
        ({"montant": "0"}, "Indiquer un montant supérieur à zéro."),
        ({"montant": "douze"}, "n’est pas un montant"),
        ({"montant": "12,345"}, "plus de deux décimales"),
        ({"montant": "-5"}, "Un montant ne peut pas être négatif."),
        ({"nature": "inventée"}, "Ce choix n’est pas proposé ici pour « Décision »"),
        ({"nature": "complement"}, "Ce choix n’est pas proposé ici"),
        ({"date": "demain"}, "n’est pas une date : écrire par exemple 31/12/2026"),
        ({"date": "2999-01-01"}, "dans le futur"),
    ],
)
def test_une_mauvaise_saisie_revient_avec_un_message_sans_rien_ecrire(client, action, champs, message):
    reponse = decider(client, action, **champs)
    assert reponse.status_code == 200
    assert message in texte(reponse)
    assert not Decision.objects.exists()
    assert statut(action) == StatutAction.DEPOSEE


def test_une_version_mal_ecrite_est_un_conflit_et_jamais_une_erreur(client, action):
    for version in ("", "abc", "99999999999999999999"):
        assert decider(client, action, version=version).status_code == 409
    assert not Decision.objects.exists()


def test_le_motif_exige_se_dit_sur_le_champ_motif(client, action):
    formulaire = decider(client, action, montant="1200").context["formulaire"]
    assert list(formulaire.errors) == ["motif"]


def test_decider_choisit_une_enveloppe_feuille_et_dit_son_reste_a_decider(client, action, exercice):
    mere = EnveloppeFactory(exercice=exercice, libelle="P147")
    fille = EnveloppeFactory(exercice=exercice, libelle="Appel 1", parent=mere)
    EnveloppeFactory(exercice=exercice, libelle="Appel 2", parent=mere)
    MouvementFactory(enveloppe=mere, ae=euros(4000))
    MouvementFactory(enveloppe=fille, ae=euros(5000))
    reponse = client.get(adresse("action_decider", action.pk))
    page = texte(reponse)
    assert "Reste à décider : « Appel 1 », 4 000,00 € (celui de la mère « P147 ») ; « Appel 2 », 0,00 €." in page, (
        "le moindre reste à décider, dit sous le champ, et de qui il vient"
    )
    assert choix_d_enveloppe(reponse) == ["Choisir", "Appel 1", "Appel 2"]
    assert "Choisir l’enveloppe qui porte la décision" in texte(decider(client, action))
    assert "Ce choix n’est pas proposé ici" in texte(decider(client, action, enveloppe=mere.pk))
    decider(client, action, enveloppe=fille.pk)
    assert Decision.objects.get().enveloppe == fille


def enveloppe(exercice, libelle, **propre_a):
    enveloppe = EnveloppeFactory(exercice=exercice, libelle=libelle, **propre_a)
    MouvementFactory(enveloppe=enveloppe, ae=euros(100_000))
    return enveloppe


def choix_d_enveloppe(reponse):
    formulaire = reponse.context["lot"].commune if "lot" in reponse.context else reponse.context["formulaire"]
    return [str(libelle).split(" –")[0] for _, libelle in formulaire.fields["enveloppe"].choices]


def test_l_agent_d_un_seul_contrat_decide_sur_l_enveloppe_du_departement(client, action, exercice):
    enveloppe(exercice, "Lisieux", contrat=ContratFactory())
    seule = enveloppe(exercice, "Calvados")
    client.force_login(habiliter(Role.AGENT, contrat=action.contrat))
    assert choix_d_enveloppe(client.get(adresse("action_decider", action.pk))) == ["Calvados"]
    decider(client, action, enveloppe=seule.pk)
    assert Decision.objects.get().enveloppe == seule


def test_seules_les_enveloppes_de_l_action_se_proposent_la_sienne_d_office(client, action, exercice):
    enveloppe(exercice, "Lisieux", contrat=ContratFactory())
    enveloppe(exercice, "PRE", dispositif=DispositifFactory(pre=True))
    enveloppe(exercice, "Réserve")
    sienne = enveloppe(exercice, "Caen", contrat=action.contrat)
    page = client.get(adresse("action_decider", action.pk))
    assert choix_d_enveloppe(page) == ["Caen", "Réserve"]
    assert page.context["formulaire"]["enveloppe"].value() == sienne.pk
    lisieux = Enveloppe.objects.get(libelle="Lisieux")
    assert list(decider(client, action, enveloppe=lisieux.pk).context["formulaire"].errors) == ["enveloppe"]
    assert not Decision.objects.exists()


def test_sans_enveloppe_qui_convienne_la_page_dit_qui_l_ouvre(client, action, exercice):
    enveloppe(exercice, "Lisieux", contrat=ContratFactory())
    assert "le responsable en ouvre une" in texte(decider(client, action))
    assert not Decision.objects.exists()


def test_une_diminution_rend_les_credits_a_l_enveloppe_qui_les_a_donnes(client, action, exercice):
    reserve = enveloppe(exercice, "Réserve")
    caen = enveloppe(exercice, "Caen", contrat=action.contrat)
    decider(client, action, enveloppe=reserve.pk)
    action.refresh_from_db()
    page = client.get(adresse("action_decider", action.pk))
    assert page.context["formulaire"]["enveloppe"].value() == reserve.pk
    ailleurs = decider(client, action, nature="diminution", montant="100", motif="Moins", enveloppe=caen.pk)
    assert "« Caen » ne lui accorde rien : rendre les crédits à « Réserve »" in texte(ailleurs)
    decider(client, action, nature="deprogrammation", montant="", motif="Abandon", enveloppe="")
    assert list(Decision.objects.order_by("pk").values_list("enveloppe", "montant")) == [
        (reserve.pk, euros(800)),
        (reserve.pk, euros(-800)),
    ]


def test_une_date_d_un_autre_temps_se_dit_sur_la_date(client, action):
    formulaire = decider(client, action, date="1999-01-01").context["formulaire"]
    assert list(formulaire.errors) == ["date"]
    assert "vérifier l’année" in str(formulaire.errors["date"])


def test_depasser_le_disponible_est_refuse_a_un_agent(client, action, exercice):
    enveloppe = EnveloppeFactory(exercice=exercice)
    MouvementFactory(enveloppe=enveloppe, ae=euros(500))
    reponse = decider(client, action, enveloppe=enveloppe.pk)
    assert "Seul un responsable peut dépasser" in texte(reponse)
    assert not Decision.objects.exists()


# --- Décider en lot ---


@pytest.fixture
def trois(agent):
    FinanceurFactory(p147=True)
    actions = [ActionFactory(intitule=f"Action {nom}") for nom in "ABC"]
    for rang, action in enumerate(actions, 1):
        p147(action, demande=1000 * rang)
    return actions


LOT = "/programmation/actions/decider/"


def lot(actions, montants, **commun):
    saisie = {"nature": "attribution", "date": timezone.localdate().isoformat(), "motif": ""} | commun
    saisie["action"] = [action.pk for action in actions]
    for action, montant in zip(actions, montants, strict=True):
        saisie |= {f"a{action.pk}-montant": montant, f"a{action.pk}-version": action.version}
    return saisie


def test_une_selection_se_decide_avec_des_montants_individuels(client, trois):
    page = client.get(LOT, {"action": [a.pk for a in trois]})
    assert "Décider une sélection de 3 actions" in texte(page)
    assert page.context["total_demande"] == euros(6000)
    reponse = client.post(LOT, lot(trois, ["1 000,00", "1500,50", "3000"]))
    assert reponse.url.endswith(f"?exercice={trois[0].exercice_id}")
    montants = Decision.objects.order_by("action_id").values_list("montant", flat=True)
    assert list(montants) == [euros(1000), euros("1500,50"), euros(3000)]
    assert "3 décisions enregistrées, pour 5 500,50 €." in texte(client.get(reponse.url))


def test_chaque_action_du_lot_a_l_enveloppe_de_son_contrat(client, trois, exercice):
    siennes = [enveloppe(exercice, f"Contrat de {a}", contrat=a.contrat) for a in trois]
    page = client.get(LOT, {"action": [a.pk for a in trois]})
    assert choix_d_enveloppe(page) == ["Celle de chaque action"]
    assert "Contrat de Action B" in texte(page)
    client.post(LOT, lot(trois, ["1000", "2000", "3000"], enveloppe=""))
    assert [d.enveloppe for d in Decision.objects.order_by("action_id")] == siennes


def test_une_enveloppe_commune_au_lot_se_choisit(client, trois, exercice):
    enveloppe(exercice, "Contrat de A", contrat=trois[0].contrat)
    reserves = [enveloppe(exercice, f"Réserve {rang}") for rang in (1, 2)]
    page = client.get(LOT, {"action": [a.pk for a in trois]})
    assert choix_d_enveloppe(page) == ["Celle de chaque action", "Réserve 1", "Réserve 2"]
    refus = client.post(LOT, lot(trois, ["1000", "2000", "3000"], enveloppe=""))
    assert "Aucune enveloppe ne revient d’office à « Action B », « Action C » : en choisir une ici." in texte(refus)
    client.post(LOT, lot(trois, ["1000", "2000", "3000"], enveloppe=reserves[0].pk))
    assert {d.enveloppe for d in Decision.objects.all()} == {reserves[0]}


def test_un_lot_dont_une_action_n_a_pas_d_enveloppe_le_dit(client, trois, exercice):
    for action in trois[:2]:
        enveloppe(exercice, f"Contrat de {action}", contrat=action.contrat)
    refus = texte(client.post(LOT, lot(trois, ["1000", "2000", "3000"], enveloppe="")))
    assert "ni d’office à « Action C » : décider à part." in refus
    assert not Decision.objects.exists()


def test_le_meme_lot_renvoye_est_deja_enregistre(client, trois):
    envoi = lot(trois, ["1000", "1500,50", "3000"])
    client.post(LOT, envoi)
    reponse = client.post(LOT, envoi, follow=True)
    assert "Vos 3 décisions sont déjà enregistrées." in texte(reponse)
    assert Decision.objects.count() == 3
    assert client.post(LOT, envoi | {f"a{trois[0].pk}-montant": "999"}).status_code == 409
    assert Decision.objects.count() == 3


def test_une_erreur_de_ligne_refuse_tout_le_lot_et_se_dit_sur_sa_ligne(client, trois):
    reponse = client.post(LOT, lot(trois, ["1000", "douze", ""]))
    premiere, deuxieme, troisieme = reponse.context["lot"].lignes
    assert not premiere.errors
    assert "n’est pas un montant" in str(deuxieme.errors["montant"])
    assert "Indiquer un montant" in str(troisieme.errors["montant"])
    assert not Decision.objects.exists()


def test_un_montant_au_dela_de_la_demande_exige_un_motif_pour_tout_le_lot(client, trois):
    reponse = client.post(LOT, lot(trois, ["1000", "2000", "3000,01"]))
    assert "« Action C » : accorder plus que les 3 000,00 € demandés" in texte(reponse)
    assert not Decision.objects.exists()
    client.post(LOT, lot(trois, ["1000", "2000", "3000,01"], motif="Priorité du préfet"))
    assert Decision.objects.count() == 3


def test_une_action_decidee_entre_temps_arrete_tout_le_lot(client, trois):
    formulaire = lot(trois, ["1000", "2000", "3000"])
    decider(client, trois[1], montant="2000")
    reponse = client.post(LOT, formulaire)
    assert reponse.status_code == 409
    assert "Action B" in texte(reponse)
    assert "Action A" not in texte(reponse)
    assert Decision.objects.count() == 1
    reprise = client.get(reponse.context["reprendre"])
    assert "Sélection mélangée" in texte(reprise)


@pytest.mark.parametrize("identifiant", ["999999", "abc", "-1", "99999999999999999999999", "1.5"])
def test_un_identifiant_forge_n_existe_pas(client, trois, identifiant):
    assert client.get(LOT, {"action": [trois[0].pk, identifiant]}).status_code == 404
    assert client.post(LOT, lot(trois, ["1", "1", "1"]) | {"action": [identifiant]}).status_code == 404
    assert not Decision.objects.exists()


def test_une_action_d_ailleurs_glissee_dans_le_lot_n_existe_pas(client, trois):
    ailleurs = ActionFactory(exercice=ExerciceFactory(departement=DepartementFactory(code="30")))
    assert client.post(LOT, lot([*trois, ailleurs], ["1"] * 4)).status_code == 404
    assert not Decision.objects.exists()


def test_une_action_visible_que_l_on_ne_gere_pas_arrete_le_lot(client, trois):
    agent_du_contrat = habiliter(Role.AGENT, contrat=trois[0].contrat)
    habiliter_aussi(agent_du_contrat, Role.LECTEUR, trois[0].exercice.departement)
    client.force_login(agent_du_contrat)
    reponse = client.post(LOT, lot(trois, ["1", "1", "1"]))
    assert reponse.status_code == 403
    assert "« Action B »" in texte(reponse)


def habiliter_aussi(utilisateur, role, departement):
    utilisateur.habilitations.create(role=role, departement=departement)


def test_la_meme_action_deux_fois_n_est_decidee_qu_une_fois(client, trois):
    client.post(LOT, lot(trois[:1], ["1000"]) | {"action": [trois[0].pk, trois[0].pk]})
    assert Decision.objects.count() == 1


def test_sans_selection_ou_avec_trop_d_actions_la_page_dit_quoi_faire(client, agent):
    assert "Aucune action choisie" in texte(client.get(LOT))
    reponse = client.get(LOT, {"action": range(1, 202)})
    assert reponse.status_code == 400
    assert "200 actions au plus" in texte(reponse)


def test_un_delegue_ne_decide_pas_en_lot(client, trois):
    client.force_login(habiliter(Role.DELEGUE, departement=trois[0].exercice.departement))
    assert client.get(LOT, {"action": trois[0].pk}).status_code == 403


@pytest.mark.parametrize("avec_enveloppes", [False, True])
def test_le_lot_fait_autant_de_requetes_a_une_et_trois_actions(
    client, trois, exercice, django_assert_max_num_queries, avec_enveloppes
):
    for action in trois * avec_enveloppes:
        enveloppe(exercice, f"Contrat de {action}", contrat=action.contrat)
        enveloppe(exercice, f"Réserve {action}")
    comptes = []
    for actions in (trois[:1], trois):
        with django_assert_max_num_queries(20) as captees:
            client.get(LOT, {"action": [a.pk for a in actions]})
        comptes.append(len(captees.captured_queries))
    assert comptes[0] == comptes[1]


# --- Scinder ---


def test_scinder_repartit_au_centime_entre_les_contrats(client, agent):
    caen, lisieux = ContratFactory(intitule="Caen"), ContratFactory(intitule="Lisieux")
    action = ActionFactory(contrat=caen, dossier="00054562", cout_previsionnel=euros("100,01"))
    cofinancement(action, FinanceurFactory(famille=FamilleFinanceur.CAF, nom="CAF"), demande="100,01")
    page = texte(client.get(adresse("action_scinder", action.pk)))
    assert "Caen" in page
    assert "Lisieux" in page
    saisie = {f"cle_{caen.pk}": 1, f"cle_{lisieux.pk}": 2, "motif": "Deux agglomérations"}
    client.post(adresse("action_scinder", action.pk), saisie)
    couts = {a.contrat: a.cout_previsionnel for a in Action.objects.filter(dossier="00054562")}
    assert couts == {caen: euros("33,33"), lisieux: euros("66,68")}


def test_scinder_refuse_un_seul_contrat_une_cle_fausse_et_un_double_envoi(client, agent):
    caen, lisieux = ContratFactory(), ContratFactory()
    action = ActionFactory(contrat=caen, dossier="00054562")
    envoi = adresse("action_scinder", action.pk)
    assert "Choisir au moins deux contrats" in texte(client.post(envoi, {f"cle_{caen.pk}": 1, "motif": "x"}))
    faux = {f"cle_{caen.pk}": 1, f"cle_{lisieux.pk}": "-2", "motif": "x"}
    assert "écrire au moins 1" in texte(client.post(envoi, faux))
    assert "Renseigner « Motif »." in texte(client.post(envoi, faux | {"motif": ""}))
    juste = faux | {f"cle_{lisieux.pk}": 1}
    client.post(envoi, juste)
    assert "a déjà une action" in texte(client.post(envoi, juste))
    assert Action.objects.count() == 2


def test_une_campagne_figee_n_offre_plus_de_premiere_decision(client, action):
    action.campagne.figee_le = timezone.now() - timedelta(days=1)
    action.campagne.save()
    assert "est figée : plus de première décision" in texte(client.get(adresse("action_decider", action.pk)))
    decider(client, action)
    assert not Decision.objects.exists()
