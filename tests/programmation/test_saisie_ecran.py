"""L'écran de saisie d'une action : ce qu'un agent y voit, ce que le serveur en fait, ce qu'il refuse et comment."""

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from comptes.enums import Role
from programmation import operations
from programmation.enums import Echelle, EtatFinancement, StatutAction, StatutExercice
from programmation.models import Action, Correspondance
from programmation.operations import SaisieAction
from territoires.enums import Generation
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    EnveloppeFactory,
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
from tests.pages import noeuds, texte, textes

pytestmark = pytest.mark.django_db

AJOUTER = "/programmation/actions/ajouter/"
INSECABLE, FINE, ETROITE = "\u00a0", "\u202f", "\u2009"


@pytest.fixture
def cadre():
    """Le Calvados en 2026 : un contrat de deux quartiers, de quoi classer et financer une action."""

    class Cadre:
        exercice = ExerciceFactory()
        contrat = ContratFactory(intitule="Caen la mer")
        chemin_vert = QuartierFactory(nom="Chemin Vert", contrat=contrat)
        grace_de_dieu = QuartierFactory(nom="Grâce de Dieu", contrat=contrat)
        thematique = ThematiqueFactory()
        dispositif = DispositifFactory()
        pilier = PilierFactory()
        porteur = OrganismeFactory(nom="Régie Vivre Ensemble")
        anct = FinanceurFactory(p147=True)
        ville = FinanceurFactory(nom="Ville de Caen")
        caf = FinanceurFactory(nom="CAF du Calvados", famille="caf")
        agent = habiliter(Role.AGENT, departement=exercice.departement)

    return Cadre


@pytest.fixture
def agent(client, cadre):
    client.force_login(cadre.agent)
    return client


def brouillon(cadre, **champs):
    """Ce qu'envoie une page où seul le strict nécessaire est rempli."""
    return {
        "geste": "brouillon",
        "cle": str(uuid.uuid4()),
        "exercice": cadre.exercice.pk,
        "echelle": "contrat",
        "contrat": cadre.contrat.pk,
        "intitule": "Lire au pied des tours",
        "origine": "nouvelle",
        "duree": "annuelle",
        "plan-TOTAL_FORMS": "0",
        "plan-INITIAL_FORMS": "0",
        **champs,
    }


def complete(cadre, **champs):
    renseignes = {
        "geste": "deposer",
        "dispositif": cadre.dispositif.pk,
        "thematique": cadre.thematique.pk,
        "pilier": cadre.pilier.pk,
        "porteur": cadre.porteur.pk,
        "porteur_texte": str(cadre.porteur),
        "date_debut": "2026-01-01",
        "date_fin": "2026-12-31",
        "cout_previsionnel": "3 000",
    }
    return brouillon(cadre, **renseignes | champs)


def plan(*lignes):
    """Les champs du formset : une ligne par dictionnaire."""
    donnees = {"plan-TOTAL_FORMS": str(len(lignes)), "plan-INITIAL_FORMS": "0"}
    for rang, ligne in enumerate(lignes):
        donnees |= {f"plan-{rang}-{champ}": valeur for champ, valeur in ({"etat": "sollicite"} | ligne).items()}
    return donnees


def envoyer(client, donnees, action=None):
    return client.post(reverse("programmation:action_update", args=[action.pk]) if action else AJOUTER, donnees)


def erreurs(reponse):
    assert reponse.status_code == 200, "le formulaire revient"
    return reponse.context["formulaire"].errors


def erreurs_du_plan(reponse):
    assert reponse.status_code == 200
    return reponse.context["formulaire"].plan.errors


def phrases(reponse):
    return [str(message) for message in reponse.context["messages"]]


def de_la_page(client, action):
    """Ce que le navigateur renverrait si l'agent ne touchait à rien."""
    formulaire = client.get(reverse("programmation:action_update", args=[action.pk])).context["formulaire"]
    donnees = {"geste": "enregistrer"}
    for champ in formulaire:
        valeur = champ.value()
        if valeur is not None and not champ.field.disabled:
            donnees[champ.html_name] = champ.field.prepare_value(valeur)
    contexte = client.get(reverse("programmation:action_update", args=[action.pk])).context
    donnees["lu"] = contexte["lu"]
    donnees["plan-TOTAL_FORMS"] = str(len(formulaire.plan.forms))
    donnees["plan-INITIAL_FORMS"] = "0"
    for ligne in formulaire.plan:
        for champ in ligne:
            if champ.value() not in (None, False):
                donnees[champ.html_name] = champ.field.prepare_value(champ.value())
    return {nom: valeur for nom, valeur in donnees.items() if valeur is not None}


# --- Qui saisit ---


@pytest.mark.parametrize("role", [Role.DELEGUE, Role.LECTEUR, Role.PARTENAIRE])
def test_qui_ne_fait_que_lire_ne_saisit_pas(client, cadre, role):
    client.force_login(habiliter(role, departement=cadre.exercice.departement))
    action = ActionFactory(contrat=cadre.contrat)
    for adresse in (
        AJOUTER,
        reverse("programmation:choix_de_la_saisie"),
        f"/programmation/actions/{action.pk}/modifier/",
    ):
        assert client.get(adresse).status_code == 403
    assert client.post(AJOUTER, brouillon(cadre)).status_code == 403
    assert Action.objects.count() == 1


def test_l_action_d_un_autre_departement_est_introuvable(client, cadre):
    client.force_login(habiliter(Role.AGENT, departement=DepartementFactory(code="30")))
    action = ActionFactory(contrat=cadre.contrat)
    assert client.get(f"/programmation/actions/{action.pk}/modifier/").status_code == 404
    assert client.post(f"/programmation/actions/{action.pk}/modifier/", {}).status_code == 404
    assert client.get(reverse("programmation:choix_de_la_saisie"), {"action": action.pk}).status_code == 404


def test_une_action_d_un_exercice_clos_ne_s_ouvre_plus_a_la_saisie(agent, cadre):
    action = ActionFactory(contrat=cadre.contrat)
    cadre.exercice.statut = StatutExercice.CLOS
    cadre.exercice.save()
    reponse = agent.get(f"/programmation/actions/{action.pk}/modifier/")
    assert (reponse.status_code, reponse.url) == (302, action.get_absolute_url())


def test_sans_exercice_ouvert_la_page_le_dit(agent, cadre):
    cadre.exercice.statut = StatutExercice.CLOS
    cadre.exercice.save()
    assert "Aucun exercice n’est ouvert à la saisie." in agent.get(AJOUTER).content.decode()


# --- Ce que la page propose ---


def choix(reponse, champ):
    return [objet.pk for objet in reponse.context["formulaire"].fields[champ].queryset]


def test_l_exercice_propose_est_l_ouvert_le_plus_recent(agent, cadre):
    ExerciceFactory(annee=2025)
    ExerciceFactory(annee=2027, statut=StatutExercice.PREPARATION)
    ExerciceFactory(annee=2024, statut=StatutExercice.CLOS)
    reponse = agent.get(AJOUTER)
    assert [e.annee for e in reponse.context["formulaire"].fields["exercice"].queryset] == [2027, 2026, 2025]
    assert reponse.context["formulaire"]["exercice"].value() == cadre.exercice.pk


def test_les_choix_sont_bornes_au_departement_et_a_l_annee(agent, cadre):
    ContratFactory(ancien=True)
    ContratFactory(departement=DepartementFactory(code="30"))
    ancienne = NomenclatureFactory(millesime="2020-2023", annee_de_debut=2020)
    ThematiqueFactory(theme=ThemeFactory(nomenclature=ancienne, code="9"), code="9.1")
    FinanceurFactory(nom="Ville de Nîmes", departement=DepartementFactory(code="30"))
    reponse = agent.get(AJOUTER)
    assert choix(reponse, "contrat") == [cadre.contrat.pk]
    assert choix(reponse, "thematique") == [cadre.thematique.pk]
    assert set(reponse.context["formulaire"].plan.forms[0].fields["financeur"].choices[1][0].split()) == {
        "ANCT",
        "–",
        "P147",
    }
    assert "Ville de Nîmes" not in reponse.content.decode()


def test_le_choix_du_contrat_et_le_resume_ecrivent_son_nom_court(agent, cadre):
    """« Contrat de ville de » répété ne distingue rien."""
    cadre.contrat.intitule = "Contrat de ville de Caen la mer"
    cadre.contrat.save()
    assert "Caen la mer" in textes(agent.get(AJOUTER), "//select[@id='id_contrat']/option")
    action = ActionFactory(contrat=cadre.contrat)
    decider = agent.get(reverse("programmation:action_decider", args=[action.pk]))
    assert " · Caen la mer · " in textes(decider, "//main")[0]


def test_un_agent_d_un_seul_contrat_ne_saisit_que_la(client, cadre):
    ContratFactory(intitule="Lisieux")
    client.force_login(habiliter(Role.AGENT, contrat=cadre.contrat))
    reponse = client.get(AJOUTER)
    assert choix(reponse, "contrat") == [cadre.contrat.pk]
    assert [valeur for valeur, _ in reponse.context["formulaire"].fields["echelle"].choices] == [Echelle.CONTRAT]


def test_une_nouvelle_action_commence_par_la_ligne_p147(agent, cadre):
    ligne = agent.get(AJOUTER).context["formulaire"].plan.forms[0]
    assert ligne["financeur"].value() == str(cadre.anct.pk)
    assert ligne.fields["accorde"].widget.attrs["readonly"] is True


def test_ajouter_une_autre_garde_exercice_contrat_et_porteur(agent, cadre):
    reponse = agent.get(
        AJOUTER, {"exercice": cadre.exercice.pk, "contrat": cadre.contrat.pk, "porteur": cadre.porteur.pk}
    )
    formulaire = reponse.context["formulaire"]
    assert formulaire["porteur_texte"].value() == "Régie Vivre Ensemble"
    assert [lieu["quartier"] for lieu in formulaire.lieux] == [cadre.chemin_vert, cadre.grace_de_dieu]


def test_une_adresse_forgee_ne_preremplit_rien(agent, cadre):
    ailleurs = ContratFactory(intitule="Nîmes", departement=DepartementFactory(code="30"))
    reponse = agent.get(AJOUTER, {"contrat": ailleurs.pk, "porteur": "xx", "exercice": "99999999999999999999"})
    assert reponse.status_code == 200
    assert "Nîmes" not in reponse.content.decode()


# --- Le fragment ---


def fragment(client, champ, **valeurs):
    entetes = {"HX-Request": "true", "HX-Trigger-Name": champ}
    return client.get(reverse("programmation:choix_de_la_saisie"), valeurs, headers=entetes)


def test_choisir_un_contrat_montre_ses_quartiers_et_ses_campagnes(agent, cadre):
    autre = ContratFactory(intitule="Lisieux")
    hauteville = QuartierFactory(nom="Hauteville", contrat=autre)
    CampagneFactory(exercice=cadre.exercice, contrat=autre, intitule="COPIL de Lisieux")
    page = fragment(agent, "contrat", exercice=cadre.exercice.pk, echelle="contrat", contrat=autre.pk).content.decode()
    assert re.findall(r'id="bloc-(\w+)"', page) == ["campagne", "quartiers"]
    assert "COPIL de Lisieux" in page
    assert re.findall(r'name="quartiers" value="(\d+)"', page) == [str(hauteville.pk)]


def test_le_fragment_garde_les_quartiers_coches_et_leurs_cles(agent, cadre):
    cle = f"cle_{cadre.grace_de_dieu.pk}"
    valeurs = {"exercice": cadre.exercice.pk, "echelle": "contrat", "contrat": cadre.contrat.pk}
    page = fragment(agent, "contrat", quartiers=[cadre.grace_de_dieu.pk], **valeurs, **{cle: "3"}).content.decode()
    assert len(re.findall(r"checked", page)) == 1
    assert re.search(rf'name="{cle}" value="3"', page)


def test_la_thematique_et_le_dispositif_proposent_un_pilier(agent, cadre):
    emploi = PilierFactory(code="emploi")
    Correspondance.objects.create(thematique=cadre.thematique, pilier=cadre.pilier)
    Correspondance.objects.create(thematique=cadre.thematique, dispositif=cadre.dispositif, pilier=emploi)
    commun = {"exercice": cadre.exercice.pk, "thematique": cadre.thematique.pk}

    def retenu(**valeurs):
        page = fragment(agent, "thematique", **commun, **valeurs).content.decode()
        return re.findall(r'<option value="(\d+)" selected', page)

    assert retenu() == [str(cadre.pilier.pk)]
    assert retenu(dispositif=cadre.dispositif.pk) == [str(emploi.pk)]
    assert retenu(dispositif=cadre.dispositif.pk, pilier=cadre.pilier.pk, pilier_propose=cadre.pilier.pk) == [
        str(emploi.pk)
    ]
    assert retenu(dispositif=cadre.dispositif.pk, pilier=cadre.pilier.pk) == [str(cadre.pilier.pk)], (
        "le choix de l'agent reste"
    )


def test_le_fragment_n_ouvre_pas_un_contrat_hors_perimetre(agent, cadre):
    nimes = ContratFactory(intitule="Nîmes", departement=DepartementFactory(code="30"))
    QuartierFactory(nom="Pissevin", contrat=nimes)
    reponse = fragment(agent, "contrat", exercice=cadre.exercice.pk, echelle="contrat", contrat=nimes.pk)
    assert reponse.status_code == 200
    assert "Pissevin" not in reponse.content.decode()


@pytest.mark.parametrize("valeur", ["", "abc", "0", "-1", "²", "99999999999999999999"])
def test_des_identifiants_forges_ne_font_jamais_une_erreur_500(agent, cadre, valeur):
    noms = [
        "exercice",
        "contrat",
        "campagne",
        "thematique",
        "dispositif",
        "pilier",
        "porteur",
        "etablissement",
        "action",
    ]
    reponse = fragment(agent, "exercice", **dict.fromkeys([*noms, "quartiers", "cle_1"], valeur))
    assert reponse.status_code in (200, 404)


# --- Enregistrer ---


def test_un_brouillon_ne_demande_qu_exercice_echelle_contrat_et_intitule(agent, cadre):
    reponse = envoyer(agent, brouillon(cadre))
    action = Action.objects.get()
    assert reponse.url == action.get_absolute_url()
    assert (action.statut, action.contrat, action.intitule) == (
        StatutAction.BROUILLON,
        cadre.contrat,
        "Lire au pied des tours",
    )
    assert (action.exercice, action.campagne) == (cadre.exercice, cadre.exercice.campagnes.get())


def test_une_action_complete_est_deposee_avec_son_plan_et_ses_quartiers(agent, cadre):
    priorite, valeurs = PrioriteFactory(), PilierFactory(transversal=True)
    lignes = plan(
        {"financeur": cadre.anct.pk, "demande": f"1{INSECABLE}234,50"},
        {
            "financeur": cadre.ville.pk,
            "demande": f"1{FINE}000",
            "accorde": "500",
            "etat": "acquis",
            "date_etat": "2026-03-12",
        },
        {"financeur": cadre.caf.pk, "demande": f"765,50{ETROITE}€", "nature": "specifique"},
    )
    lieux = {"quartiers": [cadre.chemin_vert.pk, cadre.grace_de_dieu.pk], f"cle_{cadre.grace_de_dieu.pk}": "2"}
    etiquettes = {"priorites": [priorite.pk], "piliers_transversaux": [valeurs.pk]}
    reponse = envoyer(agent, complete(cadre, dossier="DA00054562-01", **lignes, **lieux, **etiquettes))
    action = Action.objects.get()
    assert reponse.url == action.get_absolute_url()
    assert (action.statut, action.cout_previsionnel) == (StatutAction.DEPOSEE, euros(3000))
    assert (action.dossier, action.tranche) == ("00054562", 1)
    assert list(action.localisations.values_list("quartier__nom", "cle")) == [("Chemin Vert", 1), ("Grâce de Dieu", 2)]
    assert list(
        action.financements.order_by("pk").values_list("financeur__nom", "nature", "demande", "accorde", "etat")
    ) == [
        ("ANCT – P147", "specifique", euros("1234.50"), None, "sollicite"),
        ("Ville de Caen", "droit_commun", euros(1000), euros(500), "acquis"),
        ("CAF du Calvados", "specifique", euros("765.50"), None, "sollicite"),
    ]
    assert (list(action.priorites.all()), list(action.piliers_transversaux.all())) == ([priorite], [valeurs])
    assert action.history.latest().history_user == cadre.agent


def test_la_reussite_nomme_l_action_et_propose_la_suivante(agent, cadre):
    reponse = agent.post(AJOUTER, complete(cadre), follow=True)
    [phrase] = phrases(reponse)
    assert phrase.startswith(f"«{INSECABLE}Lire au pied des tours{INSECABLE}» est déposée.")
    assert f"contrat={cadre.contrat.pk}&amp;porteur={cadre.porteur.pk}" in phrase


def test_une_balise_dans_l_intitule_reste_du_texte(agent, cadre):
    reponse = agent.post(AJOUTER, brouillon(cadre, intitule="<script>alert(1)</script>"), follow=True)
    assert "<script>alert" not in reponse.content.decode()


def test_deposer_exige_le_reste_champ_par_champ(agent, cadre):
    reponse = envoyer(agent, brouillon(cadre, geste="deposer"))
    attendus = {"thematique", "pilier", "dispositif", "porteur_texte", "date_debut", "date_fin", "cout_previsionnel"}
    assert set(erreurs(reponse)) == attendus
    assert not Action.objects.exists()


def test_un_depot_refuse_n_enregistre_rien(agent, cadre):
    """La campagne est figée entre l'ouverture de la page et le dépôt."""
    action = ActionFactory(contrat=cadre.contrat, statut=StatutAction.BROUILLON, intitule="Avant")
    donnees = de_la_page(agent, action) | {"geste": "deposer", "intitule": "Après"}
    operations.figer(cadre.exercice.campagnes.get(), par=habiliter(Role.RESPONSABLE))
    reponse = envoyer(agent, donnees, action)
    assert "est figée" in str(erreurs(reponse)["__all__"])
    action.refresh_from_db()
    assert (action.intitule, action.statut, action.version) == ("Avant", StatutAction.BROUILLON, 1)


def test_le_pilier_laisse_vide_prend_celui_de_la_correspondance(agent, cadre):
    Correspondance.objects.create(thematique=cadre.thematique, pilier=cadre.pilier)
    envoyer(agent, complete(cadre, pilier=""))
    assert Action.objects.get().pilier == cadre.pilier


def test_le_plan_propose_mais_laisse_vide_n_est_pas_enregistre(agent, cadre):
    envoyer(agent, brouillon(cadre, **plan({"financeur": cadre.anct.pk, "nature": "specifique"}, {"financeur": ""})))
    assert not Action.objects.get().financements.exists()


def test_sans_campagne_ouverte_la_creation_est_refusee_en_tete(agent, cadre):
    operations.figer(cadre.exercice.campagnes.get(), par=habiliter(Role.RESPONSABLE))
    assert "elles sont figées" in str(erreurs(envoyer(agent, brouillon(cadre)))["__all__"])
    assert not Action.objects.exists()


def test_un_plan_desequilibre_est_enregistre_et_nomme(agent, cadre):
    reponse = agent.post(
        AJOUTER, complete(cadre, **plan({"financeur": cadre.anct.pk, "demande": "2 000,01"})), follow=True
    )
    _, anomalie = phrases(reponse)
    assert anomalie == (
        f"Plan déséquilibré{INSECABLE}: il manque 999,99{INSECABLE}€ par rapport au coût de 3{FINE}000,00{INSECABLE}€."
    )
    assert Action.objects.get().financements.get().demande == euros("2000.01")


def test_une_action_du_departement_n_a_ni_contrat_ni_quartier(agent, cadre):
    envoyer(agent, complete(cadre, echelle="departement", contrat=""))
    assert Action.objects.get().contrat is None


# --- Double envoi ---


def test_le_meme_formulaire_envoye_deux_fois_ne_cree_qu_une_action(agent, cadre):
    donnees = complete(cadre, dossier="00054562-01", **plan({"financeur": cadre.anct.pk, "demande": "3000"}))
    premiere, seconde = envoyer(agent, donnees), envoyer(agent, donnees)
    assert premiere.url == seconde.url == Action.objects.get().get_absolute_url()


def test_le_meme_formulaire_renvoye_autrement_montre_les_deux_versions(agent, cadre):
    donnees = brouillon(cadre)
    envoyer(agent, donnees)
    action = Action.objects.get()
    reponse = envoyer(agent, donnees | {"intitule": "Lire au pied des tours, le soir"})
    assert reponse.status_code == 409
    assert [ecart.cle for ecart in reponse.context["ecarts"]] == ["intitule"]
    assert "Ce formulaire avait déjà enregistré cette action" in " ".join(textes(reponse, "//main//p"))
    assert Action.objects.get().intitule == "Lire au pied des tours"
    choisis = champs_caches(reponse) | {"geste": "resoudre", "choix-intitule": "mien"}
    assert envoyer(agent, choisis, action).url == action.get_absolute_url()
    assert Action.objects.get().intitule == "Lire au pied des tours, le soir"


def test_le_meme_formulaire_renvoye_avec_une_faute_ne_perd_pas_la_saisie(agent, cadre):
    donnees = brouillon(cadre)
    envoyer(agent, donnees)
    reponse = envoyer(agent, donnees | {"intitule": "Lire le soir", "cout_previsionnel": "douze"})
    assert "cout_previsionnel" in reponse.context["formulaire"].errors
    assert reponse.context["formulaire"]["intitule"].value() == "Lire le soir"
    assert Action.objects.get().intitule == "Lire au pied des tours"


def test_un_brouillon_renvoye_pour_le_deposer_dit_qu_il_reste_a_le_faire(agent, cadre):
    donnees = complete(cadre, geste="brouillon")
    envoyer(agent, donnees)
    reponse = agent.get(envoyer(agent, donnees | {"geste": "deposer"}).url)
    assert "Elle est en brouillon : il reste à la déposer." in " ".join(phrases(reponse)).replace(INSECABLE, " ")
    assert Action.objects.get().statut == StatutAction.BROUILLON


def test_une_seconde_action_du_meme_nom_sans_dossier_est_signalee(agent, cadre):
    envoyer(agent, brouillon(cadre))
    premiere = Action.objects.get()
    page = agent.get(envoyer(agent, brouillon(cadre)).url)
    assert Action.objects.count() == 2, "c'est un avertissement, pas un refus"
    assert "Une autre action sans dossier a le même intitulé" in " ".join(phrases(page))
    assert f'href="{premiere.get_absolute_url()}"' in page.content.decode()


def test_une_action_sans_jumelle_ne_signale_rien(agent, cadre):
    envoyer(agent, brouillon(cadre, dossier="00054562"))
    for autre in ({}, {"intitule": "Autre", "dossier": ""}):
        page = agent.get(envoyer(agent, brouillon(cadre, **autre)).url)
        assert "a le même intitulé" not in " ".join(phrases(page))


def test_le_jeton_d_une_action_hors_perimetre_ne_la_montre_pas(agent, cadre):
    ailleurs = ActionFactory(
        exercice=ExerciceFactory(departement=DepartementFactory(code="30")), intitule="Secret du Gard"
    )
    reponse = envoyer(agent, brouillon(cadre, cle=str(ailleurs.cle)))
    assert erreurs(reponse)["__all__"]
    assert "Secret" not in reponse.content.decode()
    assert Action.objects.count() == 1


# --- Refus ---

MAUVAIS = [
    ({"intitule": ""}, "intitule"),
    ({"contrat": ""}, "contrat"),
    ({"cout_previsionnel": "mille"}, "cout_previsionnel"),
    ({"cout_previsionnel": "10,505"}, "cout_previsionnel"),
    ({"cout_previsionnel": "-1"}, "cout_previsionnel"),
    ({"cout_previsionnel": "1.234,50"}, "cout_previsionnel"),
    ({"cout_previsionnel": "NaN"}, "cout_previsionnel"),
    ({"contributions_volontaires": "1e5"}, "contributions_volontaires"),
    ({"dossier": "5456"}, "dossier"),
    ({"dossier": "DA00054562-01", "tranche": "2"}, "tranche"),
    ({"tranche": "1"}, "tranche"),
    ({"date_debut": "2026-05-01", "date_fin": "2026-04-30"}, "date_fin"),
    ({"date_debut": "31/02/2026"}, "date_debut"),
    ({"duree": "cpo"}, "cpo_rang"),
    ({"duree": "cpo", "cpo_rang": "3", "cpo_nombre": "2"}, "cpo_rang"),
    ({"beneficiaires_prevus": "10", "beneficiaires_femmes": "8", "beneficiaires_hommes": "5"}, "beneficiaires_prevus"),
    ({"beneficiaires_prevus": "-5"}, "beneficiaires_prevus"),
    ({"porteur_texte": "00000000000001"}, "porteur_texte"),
    ({"porteur_texte": "123 456 789"}, "porteur_texte"),
    ({"porteur_texte": "Inconnu au bataillon"}, "porteur_texte"),
    ({"cle": "pas-un-jeton"}, "cle"),
]


@pytest.mark.parametrize(("champs", "fautif"), MAUVAIS)
def test_une_mauvaise_valeur_est_refusee_sur_son_champ(agent, cadre, champs, fautif):
    reponse = envoyer(agent, brouillon(cadre, **champs))
    assert list(erreurs(reponse)) == [fautif]
    assert not Action.objects.exists()


def test_sans_exercice_le_formulaire_revient(agent, cadre):
    assert "exercice" in erreurs(envoyer(agent, brouillon(cadre, exercice="")))


def test_chaque_refus_de_montant_dit_pourquoi(agent, cadre):
    def phrase(texte):
        return erreurs(envoyer(agent, brouillon(cadre, cout_previsionnel=texte)))["cout_previsionnel"][0]

    assert "n’est pas un montant" in phrase("mille")
    assert "plus de deux décimales" in phrase("10,505")


@pytest.mark.parametrize(
    ("champs", "fautif", "phrase"),
    [
        ({"intitule": ""}, "intitule", "Renseigner « Intitulé »."),
        ({"date_debut": "31/02/2026"}, "date_debut", "« Début » n’est pas une date : écrire par exemple 31/12/2026."),
        (
            {"beneficiaires_prevus": "-5"},
            "beneficiaires_prevus",
            "« -5 » est trop petit pour « Bénéficiaires prévus » : écrire au moins 0.",
        ),
        (
            {"beneficiaires_prevus": "dix"},
            "beneficiaires_prevus",
            "« Bénéficiaires prévus » est un nombre entier : écrire des chiffres, par exemple 12.",
        ),
        ({"cout_previsionnel": "-1"}, "cout_previsionnel", "Un montant ne peut pas être négatif."),
        (
            {"thematique": "999999"},
            "thematique",
            "Ce choix n’est pas proposé ici pour « Thématique » : choisir dans la liste.",
        ),
        ({"intitule": "x" * 251}, "intitule", "« Intitulé » compte 251 caractères : 250 au plus."),
        ({"geste": "deposer"}, "thematique", "Choisir « Thématique »."),
        ({"geste": "deposer"}, "cout_previsionnel", "Renseigner « Coût prévisionnel »."),
    ],
)
def test_un_refus_nomme_le_champ_et_le_remede(agent, cadre, champs, fautif, phrase):
    [dite] = erreurs(envoyer(agent, brouillon(cadre, **champs)))[fautif]
    assert dite.replace(INSECABLE, " ") == phrase


def test_un_plan_en_trop_le_dit_dans_l_ordre_du_francais(agent, cadre):
    reponse = agent.post(
        AJOUTER, complete(cadre, **plan({"financeur": cadre.anct.pk, "demande": "3902,50"})), follow=True
    )
    assert "il y a 902,50 € en trop par rapport" in phrases(reponse)[1].replace(INSECABLE, " ")


def test_le_pilier_d_une_action_deposee_se_dit_obligatoire(agent, cadre):
    brouillonne = agent.get(AJOUTER)
    deposee = agent.get(reverse("programmation:action_update", args=[ActionFactory(contrat=cadre.contrat).pk]))
    pilier = "//label[@for='id_pilier']"
    assert textes(brouillonne, pilier) == ["Pilier"]
    assert textes(deposee, pilier) == ["Pilier (obligatoire)"]


def test_la_cle_fausse_d_un_siret_est_dite(agent, cadre):
    [phrase] = erreurs(envoyer(agent, brouillon(cadre, porteur_texte="000 000 001 00019")))["porteur_texte"]
    assert phrase.startswith("La clé du SIRET")


def test_un_quartier_d_un_autre_contrat_ou_d_une_autre_generation_est_refuse(agent, cadre):
    voisin = QuartierFactory(nom="Hauteville")
    ancien = QuartierFactory(nom="Ancien", contrat=ContratFactory(ancien=True), generation=Generation.G2015)
    for quartier in (voisin, ancien):
        reponse = envoyer(agent, brouillon(cadre, quartiers=[quartier.pk]))
        assert erreurs(reponse)["quartiers"] == ["Un quartier coché n’est pas du contrat choisi : cocher les siens."]
        assert quartier.nom not in reponse.content.decode()


def test_la_cle_d_un_quartier_est_un_entier_positif(agent, cadre):
    cle = f"cle_{cadre.chemin_vert.pk}"
    for valeur in ("0", "-1", "1,5", "x"):
        assert list(erreurs(envoyer(agent, brouillon(cadre, quartiers=[cadre.chemin_vert.pk], **{cle: valeur})))) == [
            cle
        ]


def test_une_action_du_departement_avec_un_contrat_ou_un_quartier_est_refusee(agent, cadre):
    assert set(erreurs(envoyer(agent, brouillon(cadre, echelle="departement")))) == {"contrat"}
    quartiers = {"contrat": "", "quartiers": [cadre.chemin_vert.pk]}
    assert set(erreurs(envoyer(agent, brouillon(cadre, echelle="departement", **quartiers)))) == {"quartiers"}


def test_des_choix_hors_perimetre_sont_des_erreurs_de_choix(agent, cadre):
    gard = DepartementFactory(code="30")
    exercice = ExerciceFactory(departement=gard)
    forges = {
        "exercice": exercice.pk,
        "contrat": ContratFactory(departement=gard).pk,
        "campagne": exercice.campagnes.get().pk,
        "agent_referent": habiliter(Role.AGENT, departement=gard).pk,
        "thematique": ThematiqueFactory(
            theme=ThemeFactory(nomenclature=NomenclatureFactory(millesime="2020-2023"), code="7"), code="7.1"
        ).pk,
        "pilier": PilierFactory(transversal=True).pk,
    }
    for champ, valeur in forges.items():
        assert champ in erreurs(envoyer(agent, brouillon(cadre, **{champ: valeur})))
    assert not Action.objects.exists()


def test_un_agent_d_un_contrat_ne_saisit_pas_ailleurs(client, cadre):
    autre = ContratFactory(intitule="Lisieux")
    client.force_login(habiliter(Role.AGENT, contrat=cadre.contrat))
    assert "contrat" in erreurs(envoyer(client, brouillon(cadre, contrat=autre.pk)))
    assert "echelle" in erreurs(envoyer(client, brouillon(cadre, echelle="departement", contrat="")))


def test_un_dossier_deja_pris_nomme_son_action(agent, cadre):
    ActionFactory(contrat=cadre.contrat, dossier="00054562", tranche=1, intitule="La première")
    [phrase] = erreurs(envoyer(agent, brouillon(cadre, dossier="00054562-01")))["dossier"]
    assert "La première" in phrase
    assert envoyer(agent, brouillon(cadre, dossier="00054562-02")).status_code == 302


def test_un_financeur_en_double_est_refuse_sur_sa_ligne(agent, cadre):
    lignes = plan(
        {"financeur": cadre.ville.pk, "demande": "10"},
        {"financeur": cadre.ville.pk, "demande": "20", "nature": "droit_commun"},
        {"financeur": cadre.ville.pk, "demande": "30", "nature": "specifique"},
    )
    premiere, seconde, troisieme = erreurs_du_plan(envoyer(agent, brouillon(cadre, **lignes)))
    assert (premiere, set(seconde), troisieme) == ({}, {"financeur"}, {})


@pytest.mark.parametrize(
    ("ligne", "fautif"),
    [
        ({"demande": "10"}, "financeur"),
        ({"financeur": "ville", "demande": "dix"}, "demande"),
        ({"financeur": "ville", "demande": "10,001"}, "demande"),
        ({"financeur": "ville", "demande": "-10"}, "demande"),
        ({"financeur": "ville", "accorde": "10"}, "etat"),
        ({"financeur": "ville", "etat": "acquis"}, "accorde"),
        ({"financeur": "ville", "etat": "refuse", "accorde": "10"}, "accorde"),
        ({"financeur": "999", "demande": "10"}, "financeur"),
        ({"financeur": "ville", "nature": "magique"}, "nature"),
        ({"financeur": "ville", "date_etat": "demain"}, "date_etat"),
    ],
)
def test_une_ligne_fausse_du_plan_est_refusee_sur_place(agent, cadre, ligne, fautif):
    if ligne.get("financeur") == "ville":
        ligne = ligne | {"financeur": cadre.ville.pk}
    reponse = envoyer(agent, brouillon(cadre, **plan(ligne)))
    assert [list(e) for e in erreurs_du_plan(reponse)] == [[fautif]]
    assert not Action.objects.exists()


def test_un_plan_dont_les_compteurs_sont_abimes_est_refuse_proprement(agent, cadre):
    donnees = brouillon(cadre)
    donnees.pop("plan-TOTAL_FORMS")
    assert erreurs(envoyer(agent, donnees))["__all__"]
    trop = plan(*[{"financeur": cadre.ville.pk, "demande": "1"}] * 60)
    assert envoyer(agent, brouillon(cadre, **trop)).status_code == 200
    assert not Action.objects.exists()


def test_l_accorde_du_p147_ne_se_saisit_pas(agent, cadre):
    lignes = plan({"financeur": cadre.anct.pk, "demande": "1000", "accorde": "1000", "etat": "acquis"})
    envoyer(agent, brouillon(cadre, **lignes))
    ligne = Action.objects.get().financements.get()
    assert (ligne.accorde, ligne.etat) == (None, EtatFinancement.SOLLICITE)


# --- Porteur ---


def test_le_porteur_se_reconnait_par_son_siret_sans_javascript(agent, cadre):
    etablissement = EtablissementFactory(organisme=cadre.porteur)
    siret = etablissement.siret
    envoyer(agent, brouillon(cadre, porteur_texte=f"{siret[:3]} {siret[3:6]} {siret[6:9]} {siret[9:]}"))
    action = Action.objects.get()
    assert (action.porteur, action.etablissement) == (cadre.porteur, etablissement)


def test_le_nom_exact_suffit_meme_sans_accent_s_il_est_seul(agent, cadre):
    envoyer(agent, brouillon(cadre, porteur_texte="regie vivre ensemble"))
    assert Action.objects.get().porteur == cadre.porteur


def test_un_debut_de_nom_ne_choisit_pas_a_la_place_de_l_agent(agent, cadre):
    [phrase] = erreurs(envoyer(agent, brouillon(cadre, porteur_texte="régie")))["porteur_texte"]
    assert f"choisir par exemple «{INSECABLE}Régie Vivre Ensemble{INSECABLE}»" in phrase


def test_un_nom_partage_demande_de_preciser(agent, cadre):
    premier = EtablissementFactory(organisme=OrganismeFactory(nom="Régie Vivre Ensemble"))
    [phrase] = erreurs(envoyer(agent, brouillon(cadre, porteur_texte="Régie Vivre Ensemble")))["porteur_texte"]
    assert "ne désigne pas un seul organisme" in phrase
    envoyer(agent, brouillon(cadre, porteur_texte=f"régie vivre ensemble – {premier.siret}"))
    assert Action.objects.get().porteur == premier.organisme


def test_un_porteur_fusionne_renvoie_a_sa_cible(agent, cadre):
    source = OrganismeFactory(nom="Regie vivre ensemble 14")
    etablissement = EtablissementFactory(organisme=source)
    operations.fusionner(source, cadre.porteur, par=cadre.agent, motif="Doublon")
    envoyer(agent, brouillon(cadre, porteur_texte=etablissement.siret))
    action = Action.objects.get()
    assert (action.porteur, action.etablissement) == (cadre.porteur, etablissement)


def test_une_action_garde_son_porteur_apres_une_fusion(agent, cadre):
    """La fusion est réversible : rouvrir et enregistrer une action ne la réécrit pas sous la cible."""
    source = OrganismeFactory(nom="Regie vivre ensemble 14")
    action = ActionFactory(contrat=cadre.contrat, porteur=source)
    operations.fusionner(source, cadre.porteur, par=cadre.agent, motif="Doublon")
    envoyer(agent, de_la_page(agent, action) | {"intitule": "Après"}, action)
    action.refresh_from_db()
    assert (action.intitule, action.porteur) == ("Après", source)


def test_un_etablissement_d_un_autre_organisme_est_refuse(agent, cadre):
    etablissement = EtablissementFactory()
    donnees = {"porteur": cadre.porteur.pk, "etablissement": etablissement.pk}
    texte = f"{cadre.porteur} – {etablissement.siret}"
    assert "etablissement" in erreurs(envoyer(agent, brouillon(cadre, porteur_texte=texte, **donnees)))


# --- Modifier ---


def test_rouvrir_et_enregistrer_sans_rien_changer_ne_change_rien(agent, cadre):
    action = ActionFactory(contrat=cadre.contrat, description="Un\ndeux", dossier="00054562", tranche=2)
    localiser(action, {cadre.chemin_vert: 2, cadre.grace_de_dieu: 3})
    p147(action, 1000)
    cofinancement(action, cadre.ville, 500, 400)
    donnees = de_la_page(agent, action)
    donnees["description"] = "Un\r\ndeux"  # le navigateur renvoie ses fins de ligne
    assert envoyer(agent, donnees, action).status_code == 302
    action.refresh_from_db()
    assert (action.version, action.history.filter(version__gt=1).count()) == (1, 0)


def test_modifier_une_action_change_ses_champs_son_plan_et_ses_lieux(agent, cadre):
    action = ActionFactory(contrat=cadre.contrat, intitule="Avant")
    localiser(action, {cadre.chemin_vert: 1})
    p147(action, 1000)
    ligne = cofinancement(action, cadre.ville, 500)
    donnees = de_la_page(agent, action) | {
        "intitule": "Après",
        "quartiers": [cadre.grace_de_dieu.pk],
        "plan-1-DELETE": "on",
    }
    donnees["plan-0-demande"] = "1 500,00"
    assert envoyer(agent, donnees, action).status_code == 302
    action.refresh_from_db()
    assert (action.intitule, action.version) == ("Après", 2)
    assert [lieu.quartier for lieu in action.localisations.all()] == [cadre.grace_de_dieu]
    assert list(action.financements.values_list("financeur", "demande")) == [(cadre.anct.pk, euros(1500))]
    assert ligne.history.latest().history_type == "-"


def test_une_action_deposee_ne_redevient_pas_incomplete(agent, cadre):
    action = ActionFactory(contrat=cadre.contrat)
    reponse = envoyer(
        agent, de_la_page(agent, action) | {"cout_previsionnel": "", "porteur_texte": "", "pilier": ""}, action
    )
    assert set(erreurs(reponse)) == {"cout_previsionnel", "porteur_texte", "pilier"}


def test_l_exercice_d_une_action_ne_change_pas(agent, cadre):
    autre = ExerciceFactory(annee=2027)
    action = ActionFactory(contrat=cadre.contrat)
    envoyer(agent, de_la_page(agent, action) | {"exercice": autre.pk, "intitule": "Après"}, action)
    action.refresh_from_db()
    assert (action.exercice, action.intitule) == (cadre.exercice, "Après")


def test_changer_un_montant_decide_demande_un_motif(agent, cadre):
    action = action_programmee(1000, contrat=cadre.contrat, porteur=cadre.porteur)
    donnees = de_la_page(agent, action) | {"cout_previsionnel": "12 000"}
    assert list(erreurs(envoyer(agent, donnees, action))) == ["motif"]
    assert envoyer(agent, donnees | {"motif": "Devis revu"}, action).status_code == 302
    action.refresh_from_db()
    assert action.cout_previsionnel == euros(12000)
    assert action.history.latest().history_change_reason == "Devis revu"


def test_changer_le_pilier_decide_demande_un_motif_qui_le_nomme(agent, cadre):
    action = action_programmee(1000, contrat=cadre.contrat, porteur=cadre.porteur)
    donnees = de_la_page(agent, action) | {"pilier": PilierFactory(code="emploi").pk}
    refus = erreurs(envoyer(agent, donnees, action))
    assert list(refus) == ["motif"]
    assert "Changer le pilier de" in refus["motif"][0]
    assert envoyer(agent, donnees | {"motif": "Arbitrage du comité"}, action).status_code == 302


def test_un_envoi_sans_rien_changer_a_une_action_decidee_ne_demande_rien(agent, cadre):
    action = action_programmee(1000, contrat=cadre.contrat, porteur=cadre.porteur)
    localiser(action, {cadre.chemin_vert: 2, cadre.grace_de_dieu: 1})
    assert envoyer(agent, de_la_page(agent, action), action).status_code == 302
    action.refresh_from_db()
    assert action.version == 1


def test_le_contrat_d_une_decision_sur_son_enveloppe_ne_change_plus(agent, cadre):
    enveloppe = EnveloppeFactory(exercice=cadre.exercice, contrat=cadre.contrat, libelle="Caen la mer")
    action = action_programmee(1000, contrat=cadre.contrat, porteur=cadre.porteur, enveloppe=enveloppe)
    donnees = de_la_page(agent, action) | {"contrat": ContratFactory().pk, "motif": "Erreur"}
    refus = erreurs(envoyer(agent, donnees, action))
    assert list(refus) == ["contrat"]
    assert "Déprogrammer l’action" in refus["contrat"][0]


def test_une_action_a_decider_change_de_contrat_et_quitte_l_enveloppe_de_l_ancien(agent, cadre):
    enveloppe = EnveloppeFactory(exercice=cadre.exercice, contrat=cadre.contrat)
    action = ActionFactory(contrat=cadre.contrat, porteur=cadre.porteur, enveloppe=enveloppe)
    donnees = de_la_page(agent, action)
    assert envoyer(agent, donnees | {"intitule": "Même contrat"}, action).status_code == 302
    action.refresh_from_db()
    assert (action.intitule, action.enveloppe) == ("Même contrat", enveloppe)
    autre = ContratFactory()
    assert envoyer(agent, donnees | {"contrat": autre.pk, "version": action.version}, action).status_code == 302
    action.refresh_from_db()
    assert (action.contrat, action.enveloppe) == (autre, None)


def test_un_exercice_fige_n_est_pas_propose_d_office_et_se_dit_des_le_choix(client, agent, cadre):
    fige = ExerciceFactory(annee=2027, statut=StatutExercice.OUVERT)
    fige.campagnes.update(figee_le=timezone.now())
    page = client.get(AJOUTER)
    assert textes(page, "//select[@name='exercice']/option[@selected]") == [str(cadre.exercice)]
    assert f"{fige} (campagnes figées)" in textes(page, "//select[@name='exercice']/option")
    assert "aucune action ne s’y ajoute" not in page.content.decode()
    page = client.get(AJOUTER, {"exercice": fige.pk})
    assert "Les campagnes de cet exercice sont figées" in texte(noeuds(page, "//*[@id='bloc-campagne']")[0])
    assert textes(page, "//select[@name='campagne']/option") == ["Aucune"]


def test_une_action_figee_ne_se_voit_proposer_que_sa_campagne(agent, cadre):
    action = ActionFactory(contrat=cadre.contrat)
    CampagneFactory(exercice=cadre.exercice, intitule="Seconde vague")
    action.campagne.figee_le = timezone.now()
    action.campagne.save()
    formulaire = agent.get(f"/programmation/actions/{action.pk}/modifier/").context["formulaire"]
    assert list(formulaire.fields["campagne"].queryset) == [action.campagne]


def test_le_motif_ne_s_affiche_que_s_il_peut_etre_exige(agent, cadre):
    libre, decidee = ActionFactory(contrat=cadre.contrat), action_programmee(1000, contrat=cadre.contrat)
    assert 'name="motif"' not in agent.get(f"/programmation/actions/{libre.pk}/modifier/").content.decode()
    assert 'name="motif"' in agent.get(f"/programmation/actions/{decidee.pk}/modifier/").content.decode()


def test_ce_qui_est_desactive_depuis_reste_sur_l_action(agent, cadre):
    action = ActionFactory(contrat=cadre.contrat)
    cofinancement(action, cadre.ville, 500)
    for objet in (action.thematique, action.dispositif, action.pilier, cadre.ville):
        objet.est_actif = False
        objet.save()
    assert envoyer(agent, de_la_page(agent, action) | {"intitule": "Après"}, action).status_code == 302


# --- Sans JavaScript, ou après une session expirée ---


def test_actualiser_garde_la_saisie_met_les_choix_a_jour_et_ne_verifie_rien(agent, cadre):
    donnees = brouillon(cadre, geste="actualiser", intitule="", cout_previsionnel="mille", **plan({"demande": "dix"}))
    reponse = envoyer(agent, donnees)
    page = reponse.content.decode()
    assert (erreurs(reponse), "fr-message--error" in page) == ({}, False)
    assert "Chemin Vert" in page
    assert 'value="mille"' in page
    assert len(reponse.context["formulaire"].plan.forms) == 2
    assert not Action.objects.exists()


# --- Deux personnes en même temps ---


@pytest.fixture
def collegue(cadre):
    return habiliter(Role.RESPONSABLE)


def modifier(action, par, motif="", **champs):
    return operations.enregistrer([SaisieAction(action=action, champs=champs)], par=par, motif=motif)[0]


def test_un_conflit_montre_les_trois_versions_et_n_ecrase_rien(agent, cadre, collegue):
    action = ActionFactory(contrat=cadre.contrat, intitule="Lu", description="Intacte", cout_previsionnel=euros(1000))
    donnees = de_la_page(agent, action)
    modifier(action, collegue, motif="Appel du porteur", intitule="Celui du collègue", cout_previsionnel=euros(2000))
    reponse = envoyer(agent, donnees | {"intitule": "Le mien"}, action)
    assert reponse.status_code == 409
    ecarts = {e.cle: (e.lu, e.base, e.mien, e.retenu) for e in reponse.context["ecarts"]}
    assert ecarts == {
        "intitule": ("Lu", "Celui du collègue", "Le mien", ""),
        "cout_previsionnel": (
            f"1{FINE}000,00{INSECABLE}€",
            f"2{FINE}000,00{INSECABLE}€",
            f"1{FINE}000,00{INSECABLE}€",
            "base",
        ),
    }
    page = reponse.content.decode()
    assert str(collegue) in page
    assert "Appel du porteur" in page
    action.refresh_from_db()
    assert action.intitule == "Celui du collègue"


def test_un_conflit_sur_une_action_decidee_entre_temps_laisse_ecrire_le_motif(agent, cadre, collegue):
    action = ActionFactory(contrat=cadre.contrat, porteur=cadre.porteur)
    donnees = de_la_page(agent, action) | {"pilier": PilierFactory(code="emploi").pk}
    demande = operations.DemandeDeDecision(action, "attribution", euros(1000))
    operations.decider([demande], par=collegue, motif="Comité")
    page = envoyer(agent, donnees, action)
    assert page.status_code == 409
    assert 'name="motif"' in page.content.decode()
    action.refresh_from_db()
    choix = {"geste": "resoudre", "version": action.version, "vu": page.context["vu"], "choix-pilier": "mien"}
    choix |= {f"choix-{ecart.cle}": "base" for ecart in page.context["ecarts"] if ecart.cle != "pilier"}
    refus = envoyer(agent, donnees | choix, action)
    assert "Changer le pilier de" in refus.context["phrase"]
    assert envoyer(agent, donnees | choix | {"motif": "Arbitrage"}, action).status_code == 302
    action.refresh_from_db()
    assert action.pilier.code == "emploi"


def test_un_conflit_montre_aussi_le_plan_les_quartiers_et_les_etiquettes(agent, cadre, collegue):
    action = ActionFactory(contrat=cadre.contrat)
    p147(action, 1000)
    donnees = de_la_page(agent, action)
    ligne = operations.LigneDePlan(cadre.anct, demande=euros(1500))
    saisie = SaisieAction(
        champs={}, action=action, plan=[ligne], localisations={cadre.chemin_vert: 2}, priorites=[PrioriteFactory()]
    )
    operations.enregistrer([saisie], par=collegue)
    donnees |= plan({"financeur": cadre.anct.pk, "demande": "1200"}, {"financeur": cadre.caf.pk, "demande": "300"})
    reponse = envoyer(agent, donnees, action)
    ecarts = {e.libelle: (e.base, e.mien, e.retenu) for e in reponse.context["ecarts"]}
    demande = f"demandé {{}}{INSECABLE}€ · proposé —"
    assert ecarts == {
        "Quartiers et clés": ("Chemin Vert (clé 2)", "Aucun quartier", "base"),
        "Priorités transversales": ("Jeunesse", "—", "base"),
        "Financement ANCT – P147, crédits spécifiques": (
            demande.format(f"1{FINE}500,00"),
            demande.format(f"1{FINE}200,00"),
            "",
        ),
        "Financement CAF du Calvados, droit commun": (
            "—",
            f"{demande.format('300,00')} · accordé — · versé — · sollicité",
            "mien",
        ),
    }


def champs_caches(reponse):
    page = reponse.content.decode()
    champs = {}
    for nom, valeur in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page):
        champs.setdefault(nom, []).append(valeur.replace("&amp;", "&").replace("&#x27;", "'"))
    champs.pop("csrfmiddlewaretoken", None)
    return champs | {"geste": "resoudre"}


def test_resoudre_un_conflit_prend_chaque_valeur_choisie(agent, cadre, collegue):
    action = ActionFactory(contrat=cadre.contrat, intitule="Lu", objectifs="Lus")
    localiser(action, {cadre.chemin_vert: 1})
    donnees = de_la_page(agent, action)
    modifier(action, collegue, intitule="Celui du collègue", objectifs="Ceux du collègue", cout_previsionnel=euros(500))
    reponse = envoyer(agent, donnees | {"intitule": "Le mien", "objectifs": "Les miens", "quartiers": []}, action)
    choisis = {
        "choix-intitule": "mien",
        "choix-objectifs": "base",
        "choix-localisations": "mien",
        "choix-cout_previsionnel": "base",
    }
    assert envoyer(agent, champs_caches(reponse) | choisis, action).status_code == 302
    action.refresh_from_db()
    assert (action.intitule, action.objectifs, action.cout_previsionnel) == ("Le mien", "Ceux du collègue", euros(500))
    assert (action.version, action.localisations.count()) == (3, 0)


def test_resoudre_un_conflit_du_plan_ligne_par_ligne(agent, cadre, collegue):
    action = ActionFactory(contrat=cadre.contrat)
    p147(action, 1000)
    donnees = de_la_page(agent, action)
    lignes = [
        operations.LigneDePlan(cadre.anct, demande=euros(1500)),
        operations.LigneDePlan(cadre.ville, demande=euros(700)),
    ]
    operations.enregistrer([SaisieAction(champs={}, action=action, plan=lignes)], par=collegue)
    saisies = plan({"financeur": cadre.anct.pk, "demande": "1200"}, {"financeur": cadre.caf.pk, "demande": "300"})
    reponse = envoyer(agent, donnees | saisies, action)
    choisis = {
        "choix-plan-p147": "mien",
        f"choix-plan-{cadre.ville.pk}-droit_commun": "base",
        f"choix-plan-{cadre.caf.pk}-droit_commun": "mien",
    }
    assert envoyer(agent, champs_caches(reponse) | choisis, action).status_code == 302
    demandes = dict(action.financements.values_list("financeur", "demande"))
    assert demandes == {cadre.anct.pk: euros(1200), cadre.ville.pk: euros(700), cadre.caf.pk: euros(300)}


def test_une_ligne_sans_choix_renvoie_la_page_de_conflit(agent, cadre, collegue):
    action = ActionFactory(contrat=cadre.contrat, intitule="Lu")
    donnees = de_la_page(agent, action)
    modifier(action, collegue, intitule="Celui du collègue", objectifs="Nouveaux")
    reponse = envoyer(agent, donnees | {"intitule": "Le mien"}, action)
    reponse = envoyer(agent, champs_caches(reponse) | {"choix-intitule": "mien"}, action)
    assert reponse.status_code == 409
    assert {e.cle: e.retenu for e in reponse.context["ecarts"]} == {"intitule": "mien", "objectifs": "base"}
    assert "Choisir une valeur sur chaque ligne." in reponse.content.decode()


def test_un_second_conflit_pendant_la_resolution_se_montre_aussi(agent, cadre, collegue):
    action = ActionFactory(contrat=cadre.contrat, intitule="Lu")
    donnees = de_la_page(agent, action)
    modifier(action, collegue, intitule="Deuxième")
    reponse = envoyer(agent, donnees | {"intitule": "Le mien"}, action)
    modifier(action, collegue, intitule="Troisième")
    reponse = envoyer(agent, champs_caches(reponse) | {"choix-intitule": "mien"}, action)
    assert reponse.status_code == 409
    [ecart] = reponse.context["ecarts"]
    assert (ecart.lu, ecart.base, ecart.mien) == ("Deuxième", "Troisième", "Le mien")


def test_enregistrer_deux_fois_la_meme_modification_mene_a_la_fiche(agent, cadre):
    action = ActionFactory(contrat=cadre.contrat)
    donnees = de_la_page(agent, action) | {"intitule": "Après"}
    premiere, seconde = envoyer(agent, donnees, action), envoyer(agent, donnees, action)
    assert premiere.url == seconde.url == action.get_absolute_url()
    action.refresh_from_db()
    assert action.version == 2


def test_une_decision_prise_entre_temps_n_empeche_pas_de_garder_sa_saisie(agent, cadre, collegue):
    action = ActionFactory(contrat=cadre.contrat, intitule="Lu")
    p147(action, 1000)
    donnees = de_la_page(agent, action)
    demande = operations.DemandeDeDecision(action, "attribution", euros(800))
    operations.decider([demande], par=collegue)
    reponse = envoyer(agent, donnees | {"intitule": "Le mien"}, action)
    assert {e.cle: e.retenu for e in reponse.context["ecarts"]} == {"intitule": "mien"}
    assert envoyer(agent, champs_caches(reponse) | {"choix-intitule": "mien"}, action).status_code == 302
    action.refresh_from_db()
    assert (action.intitule, action.statut) == ("Le mien", StatutAction.PROGRAMMEE)
    assert action.financements.get().accorde == euros(800)


def test_une_modification_sans_version_est_refusee(agent, cadre):
    action = ActionFactory(contrat=cadre.contrat, intitule="Lu")
    donnees = de_la_page(agent, action) | {"intitule": "Après", "version": ""}
    assert "version" in erreurs(envoyer(agent, donnees, action))
    action.refresh_from_db()
    assert action.intitule == "Lu"


# --- Lectures ---


def test_la_page_ne_lit_pas_plus_pour_trois_lignes_que_pour_une(agent, cadre, django_assert_num_queries):
    simple, fournie = ActionFactory(contrat=cadre.contrat), ActionFactory(contrat=cadre.contrat)
    localiser(simple, {cadre.chemin_vert: 1})
    localiser(fournie, {cadre.chemin_vert: 1, cadre.grace_de_dieu: 1, QuartierFactory(contrat=cadre.contrat): 1})
    cofinancement(simple, cadre.ville)
    for financeur in (cadre.ville, cadre.caf, FinanceurFactory(nom="Région")):
        cofinancement(fournie, financeur)
    with CaptureQueriesContext(connection) as requetes:
        agent.get(f"/programmation/actions/{simple.pk}/modifier/")
    with django_assert_num_queries(len(requetes)):
        agent.get(f"/programmation/actions/{fournie.pk}/modifier/")


def test_lire_la_page_n_ecrit_rien(agent, cadre):
    agent.get(AJOUTER)
    fragment(agent, "exercice", exercice=cadre.exercice.pk)
    assert not Action.objects.exists()
