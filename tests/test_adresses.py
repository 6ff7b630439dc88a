"""Chaque adresse du site, ouverte par chaque rôle : ce qui s'ouvre, ce qui est refusé, ce qui n'existe pas pour lui.

Une page ajoutée sans ligne dans ce tableau fait échouer `test_aucune_adresse_n_echappe_au_tableau`.
"""

from datetime import date

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from comptes.enums import Role
from pilotage.operations import photographier
from programmation import operations
from programmation.imports import lots
from tests import imports
from tests.dispositifs.fabriques import AvenantFactory, OccupationFactory, SuiviPreFactory, TriennaliteFactory
from tests.fabriques import (
    ActeFactory,
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    OrganismeFactory,
    PaiementFactory,
    QuartierFactory,
    UtilisateurFactory,
    action_programmee,
    cofinancement,
    habiliter,
    localiser,
)
from tests.pages import noeuds

pytestmark = pytest.mark.django_db

PERSONNE = "anonyme"
SANS_DROIT = "sans habilitation"
AGENT, RESPONSABLE, DELEGUE, LECTEUR, PARTENAIRE = "agent", "responsable", "délégué", "lecteur", "partenaire"
D_AILLEURS = "agent du Gard"
NATIONAL = "lecteur national"
QUI_ECRIVENT = [AGENT, RESPONSABLE]
ETAT = [AGENT, RESPONSABLE, DELEGUE, LECTEUR, NATIONAL]
TOUS = [*ETAT, PARTENAIRE]
CONNECTES = [*TOUS, D_AILLEURS, SANS_DROIT]

# Par adresse : les objets qu'elle nomme ; pour les pages ouvertes, aussi qui obtient 200. Les autres reçoivent 404,
# ou 403 s'ils voient l'objet sans avoir le droit du geste.
PUBLIQUES = {
    "accessibilite": {},
    "comptes:login": {},
    "comptes:password_reset": {},
    "comptes:password_reset_done": {},
    "comptes:password_reset_complete": {},
    "comptes:password_reset_confirm": {"uidb64": "MQ", "token": "inconnu"},
}
OUVERTES = {
    "comptes:compte": ({}, CONNECTES),
    "comptes:password_change": ({}, CONNECTES),
    "comptes:password_change_done": ({}, CONNECTES),
    "pilotage:tableau_de_bord": ({}, CONNECTES),
    "pilotage:anct": ({}, [*QUI_ECRIVENT, LECTEUR, NATIONAL, D_AILLEURS]),
    "territoires:contrat_list": ({}, CONNECTES),
    "territoires:contrat_detail": ({"pk": "contrat"}, TOUS),
    "territoires:quartier_list": ({}, CONNECTES),
    "territoires:quartier_detail": ({"pk": "quartier"}, TOUS),
    "programmation:action_list": ({}, CONNECTES),
    "programmation:action_detail": ({"pk": "action"}, TOUS),
    "programmation:comite_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:comite_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:comite_detail": ({"pk": "comite"}, ETAT),
    "programmation:comite_update": ({"pk": "comite"}, QUI_ECRIVENT),
    "programmation:comite_inscrire": ({"pk": "comite"}, QUI_ECRIVENT),
    "programmation:comite_seance": ({"pk": "comite"}, QUI_ECRIVENT),
    "programmation:comite_projection": ({"pk": "comite"}, ETAT),
    "programmation:comite_ecran": ({"pk": "comite"}, ETAT),
    "pilotage:comite_releve": ({"pk": "comite"}, ETAT),
    "pilotage:comite_terminer": ({"pk": "comite"}, QUI_ECRIVENT),
    "programmation:action_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:action_update": ({"pk": "action"}, QUI_ECRIVENT),
    "programmation:action_decider": ({"pk": "action"}, QUI_ECRIVENT),
    "programmation:action_scinder": ({"pk": "action"}, QUI_ECRIVENT),
    "programmation:action_geste": ({"pk": "action", "geste": "instruire"}, QUI_ECRIVENT),
    "programmation:action_reconduire": ({"pk": "action"}, QUI_ECRIVENT),
    "programmation:reconduire_en_lot": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:action_previsions": ({"pk": "action"}, QUI_ECRIVENT),
    "programmation:prevision_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:action_histoire": ({"pk": "action"}, ETAT),
    "programmation:action_version": ({"pk": "action", "version": 1}, QUI_ECRIVENT),
    "programmation:organisme_histoire": ({"pk": "organisme"}, [*ETAT, D_AILLEURS]),
    "programmation:enveloppe_histoire": ({"pk": "enveloppe"}, ETAT),
    "programmation:exercice_histoire": ({"pk": "cadre"}, ETAT),
    "programmation:scenario_histoire": ({"pk": "scenario"}, ETAT),
    "programmation:comite_histoire": ({"pk": "comite"}, ETAT),
    "programmation:geste_en_lot": ({"geste": "deposer"}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:choix_de_la_saisie": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:propose_list": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:enveloppe_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:enveloppe_create": ({"exercice": "exercice"}, [RESPONSABLE]),
    "programmation:enveloppe_rattacher": ({"exercice": "exercice"}, QUI_ECRIVENT),
    "programmation:enveloppe_detail": ({"pk": "enveloppe"}, ETAT),
    "programmation:enveloppe_update": ({"pk": "enveloppe"}, [RESPONSABLE]),
    "programmation:mouvement_create": ({"pk": "enveloppe"}, [RESPONSABLE]),
    "programmation:enveloppe_redeployer": ({"pk": "enveloppe"}, [RESPONSABLE]),
    "programmation:enveloppe_notifiee": ({"pk": "enveloppe"}, [RESPONSABLE]),
    "programmation:mouvement_annuler": ({"pk": "mouvement"}, [RESPONSABLE]),
    "programmation:organisme_list": ({}, CONNECTES),
    "programmation:organisme_detail": ({"pk": "organisme"}, [*TOUS, D_AILLEURS]),
    "programmation:organisme_annuler_fusion": ({"pk": "fusionne"}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:organisme_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:organisme_update": ({"pk": "organisme"}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:organisme_fusionner": ({"pk": "organisme"}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:organisme_chercher": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:acte_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:acte_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:acte_en_lot": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:acte_detail": ({"pk": "acte"}, ETAT),
    "programmation:acte_update": ({"pk": "acte"}, QUI_ECRIVENT),
    "programmation:acte_dater": ({"pk": "acte"}, QUI_ECRIVENT),
    "programmation:acte_echeancier": ({"pk": "acte"}, QUI_ECRIVENT),
    "programmation:acte_pdf": ({"pk": "acte"}, ETAT),
    "programmation:acte_supprimer": ({"pk": "acte"}, QUI_ECRIVENT),
    "programmation:courrier_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:avis_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:avis_dispenser": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:avis_donner": ({"pk": "action"}, [*QUI_ECRIVENT, DELEGUE]),
    "programmation:changement_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:engagement_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:engagement_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:engagement_detail": ({"pk": "engagement"}, ETAT),
    "programmation:engagement_update": ({"pk": "engagement"}, QUI_ECRIVENT),
    "programmation:engagement_completer": ({"pk": "engagement"}, QUI_ECRIVENT),
    "programmation:ligne_desengager": ({"pk": "ligne"}, QUI_ECRIVENT),
    "programmation:ligne_retirer": ({"pk": "ligne"}, QUI_ECRIVENT),
    "programmation:paiement_create": ({"pk": "ligne"}, QUI_ECRIVENT),
    "programmation:paiement_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:paiement_retirer": ({"pk": "paiement"}, QUI_ECRIVENT),
    "programmation:justification_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:justification_update": ({"pk": "programmee"}, QUI_ECRIVENT),
    "programmation:suivi_create": ({"pk": "cofinancement"}, QUI_ECRIVENT),
    "programmation:echeance_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:exercice_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:exercice_create": ({}, [RESPONSABLE]),
    "programmation:exercice_detail": ({"pk": "cadre"}, ETAT),
    "programmation:exercice_ouvrir": ({"pk": "cadre"}, [RESPONSABLE]),
    "programmation:campagne_create": ({"pk": "cadre"}, [RESPONSABLE]),
    "programmation:campagne_update": ({"pk": "campagne"}, [RESPONSABLE]),
    "programmation:campagne_partager": ({"pk": "campagne"}, [RESPONSABLE]),
    "pilotage:campagne_figer": ({"pk": "campagne"}, [RESPONSABLE]),
    "pilotage:exercice_clore": ({"pk": "cadre"}, [RESPONSABLE]),
    "pilotage:exercice_rouvrir": ({"pk": "cadre"}, [RESPONSABLE]),
    "pilotage:passage": ({"pk": "cadre"}, ETAT),
    "pilotage:photographie_list": ({}, [*QUI_ECRIVENT, LECTEUR, NATIONAL, D_AILLEURS]),
    "pilotage:photographie_detail": ({"pk": "photographie"}, [*QUI_ECRIVENT, LECTEUR, NATIONAL]),
    "pilotage:photographie_actions": ({"pk": "photographie"}, [*QUI_ECRIVENT, LECTEUR, NATIONAL]),
    "pilotage:photographie_comparer": ({"pk": "photographie"}, [*QUI_ECRIVENT, LECTEUR, NATIONAL]),
    "programmation:modification_list": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:modification_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:modification_detail": ({"pk": "modification"}, QUI_ECRIVENT),
    "programmation:import_list": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:import_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:import_modele": ({"exercice": "exercice"}, QUI_ECRIVENT),
    "programmation:import_annote": ({"pk": "lot"}, QUI_ECRIVENT),
    "programmation:import_detail": ({"pk": "lot"}, QUI_ECRIVENT),
    "programmation:import_colonnes": ({"pk": "lot"}, QUI_ECRIVENT),
    "programmation:scenario_list": ({}, [*ETAT, D_AILLEURS]),
    "programmation:scenario_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "programmation:scenario_comparer": ({}, [*ETAT, D_AILLEURS]),
    "programmation:scenario_detail": ({"pk": "scenario"}, ETAT),
    "programmation:scenario_regle": ({"pk": "scenario"}, QUI_ECRIVENT),
    "programmation:scenario_promouvoir": ({"pk": "scenario"}, QUI_ECRIVENT),
    "programmation:scenario_geste": ({"pk": "scenario", "geste": "renommer"}, QUI_ECRIVENT),
    "dispositifs:pre_list": ({}, CONNECTES),
    "dispositifs:pre_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "dispositifs:pre_detail": ({"pk": "pre"}, TOUS),
    "dispositifs:pre_update": ({"pk": "pre"}, QUI_ECRIVENT),
    "dispositifs:suivi_pre_detail": ({"pk": "pre", "annee": 2026}, TOUS),
    "dispositifs:suivi_pre_update": ({"pk": "pre", "annee": 2026}, QUI_ECRIVENT),
    "dispositifs:adulte_relais_list": ({}, CONNECTES),
    "dispositifs:adulte_relais_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "dispositifs:adulte_relais_detail": ({"pk": "poste"}, ETAT),
    "dispositifs:adulte_relais_update": ({"pk": "poste"}, QUI_ECRIVENT),
    "dispositifs:radar": ({}, CONNECTES),
    "dispositifs:quota_update": ({"pk": "exercice"}, [RESPONSABLE]),
    "dispositifs:employeur_detail": ({"pk": "employeur"}, ETAT),
    "dispositifs:convention_create": ({"pk": "poste"}, QUI_ECRIVENT),
    "dispositifs:convention_update": ({"pk": "convention"}, QUI_ECRIVENT),
    "dispositifs:convention_dossier": ({"pk": "convention"}, QUI_ECRIVENT),
    "dispositifs:convention_renouveler": ({"pk": "convention"}, QUI_ECRIVENT),
    "dispositifs:convention_delete": ({"pk": "convention"}, QUI_ECRIVENT),
    "dispositifs:avenant_delete": ({"pk": "avenant"}, QUI_ECRIVENT),
    "dispositifs:avenant_create": ({"pk": "convention"}, QUI_ECRIVENT),
    "dispositifs:occupation_create": ({"pk": "convention"}, QUI_ECRIVENT),
    "dispositifs:occupation_update": ({"pk": "occupation"}, QUI_ECRIVENT),
    "dispositifs:occupation_delete": ({"pk": "occupation"}, QUI_ECRIVENT),
    "dispositifs:calendrier": ({}, CONNECTES),
    "dispositifs:fonjep_list": ({}, CONNECTES),
    "dispositifs:fonjep_create": ({}, [*QUI_ECRIVENT, D_AILLEURS]),
    "dispositifs:fonjep_detail": ({"pk": "fonjep"}, ETAT),
    "dispositifs:fonjep_update": ({"pk": "fonjep"}, QUI_ECRIVENT),
    "dispositifs:triennalite_create": ({"pk": "fonjep"}, QUI_ECRIVENT),
    "dispositifs:triennalite_update": ({"pk": "triennalite"}, QUI_ECRIVENT),
    "dispositifs:triennalite_delete": ({"pk": "triennalite"}, QUI_ECRIVENT),
}


PAR_POST = {
    "programmation:comite_supprimer": {"pk": "comite"},
    "programmation:comite_placer": {"pk": "comite"},
    "programmation:comite_retirer": {"pk": "comite"},
    "programmation:comite_ouvrir": {"pk": "comite"},
    "programmation:comite_reporter": {"pk": "comite"},
    "programmation:comite_montrer": {"pk": "comite"},
    "comptes:logout": {},
    "comptes:saisie_conserver": {},
    "comptes:saisie_abandonner": {},
    "programmation:import_confirmer": {"pk": "lot"},
    "programmation:modification_annuler": {"pk": "modification"},
    "programmation:scenario_montants": {"pk": "scenario"},
    "dispositifs:calendrier_creer": {},
    "dispositifs:calendrier_revoquer": {},
}
SANS_SESSION = {"dispositifs:calendrier_ics"}  # une adresse privée, qui a ses propres tests
# Ce qu'un partenaire ne voit pas : un organisme dont il ne voit aucune action, et tous les postes.
PAS_AU_PARTENAIRE = {"fusionne", "poste", "convention", "avenant", "occupation", "employeur", "fonjep", "triennalite"}
PAS_AU_PARTENAIRE |= {"cadre", "campagne", "photographie"}  # le cadre de l'année est à l'État
PAS_AU_PARTENAIRE |= {"enveloppe", "mouvement", "comite", "scenario"}
PAS_AU_PARTENAIRE |= {"acte", "engagement", "ligne", "paiement", "programmee", "cofinancement"}
VERS_AILLEURS = {"accueil": CONNECTES, "programmation:decision_en_lot": [*QUI_ECRIVENT, D_AILLEURS]}
VERS_AILLEURS |= {"programmation:comite_choisir": [*QUI_ECRIVENT, D_AILLEURS]}
FRAGMENTS_ET_FICHIERS = {
    "programmation:comite_ecran",
    "programmation:choix_de_la_saisie",
    "programmation:organisme_chercher",
    "programmation:import_modele",
    "programmation:import_annote",
    "programmation:acte_pdf",
}


def toutes_les_adresses(resolveur, espace=""):
    """Les noms de toutes les adresses du site, hors administration Django."""
    for motif in resolveur.url_patterns:
        if isinstance(motif, URLResolver):
            if motif.app_name != "admin":
                yield from toutes_les_adresses(motif, f"{motif.namespace}:" if motif.namespace else espace)
        elif isinstance(motif, URLPattern) and motif.name:
            yield espace + motif.name


NOMS = sorted(set(toutes_les_adresses(get_resolver())))


@pytest.fixture
def monde():
    """Un contrat du Calvados, une action d'un quartier, un organisme ; de quoi ouvrir chaque page."""
    contrat = ContratFactory()
    quartier = QuartierFactory(contrat=contrat)
    exercice = ExerciceFactory()
    ExerciceFactory(departement=DepartementFactory(code="30"))
    FinanceurFactory(p147=True)
    porteur = OrganismeFactory()
    action = ActionFactory(exercice=exercice, contrat=contrat, porteur=porteur, dossier="00054562")
    localiser(action, {quartier: 1})
    programmee = action_programmee(exercice=exercice, contrat=contrat, porteur=porteur)
    paiement = PaiementFactory(ligne__action=programmee)
    agent = habiliter(Role.AGENT, departement=exercice.departement)
    fichier = imports.csv(["Intitulé", "Contrat"], ["Une action", contrat.code])
    lot = lots.deposer(fichier, exercice, par=agent)
    lots.planifier(lot, par=agent)
    fusionne = OrganismeFactory(fusionne_dans=porteur)
    occupation = OccupationFactory(convention__poste__contrat=contrat, convention__poste__employeur=porteur)
    triennalite = TriennaliteFactory(poste__contrat=contrat)
    mouvement = MouvementFactory(enveloppe__exercice=exercice)
    comite = operations.creer_un_comite(action.campagne, "pilotage", date(2026, 3, 12), par=agent)
    operations.inscrire(comite, [action], par=agent)
    agents = operations.ValeursCommunes({"agent_referent": agent})
    modification = operations.modifier_en_lot({action: action.version}, agents, par=agent)
    objets = {
        "modification": modification,
        "photographie": photographier(exercice, "Envoi"),
        "campagne": action.campagne,
        "cadre": exercice,
        "comite": operations.ouvrir_la_seance(comite, par=agent),
        "mouvement": mouvement,
        "enveloppe": mouvement.enveloppe,
        "programmee": programmee,
        "acte": ActeFactory(decisions=list(programmee.decisions.all())),
        "cofinancement": cofinancement(programmee, FinanceurFactory()),
        "paiement": paiement,
        "ligne": paiement.ligne,
        "engagement": paiement.ligne.engagement,
        "occupation": occupation,
        "convention": occupation.convention,
        "avenant": AvenantFactory(convention=occupation.convention),
        "poste": occupation.convention.poste,
        "employeur": porteur,
        "triennalite": triennalite,
        "fonjep": triennalite.poste,
        "pre": SuiviPreFactory(programme__contrat=contrat, exercice=exercice).programme,
        "scenario": operations.creer_un_scenario(exercice, "Essai", par=agent),
        "fusionne": fusionne,
        "contrat": contrat,
        "quartier": quartier,
        "action": action,
        "organisme": porteur,
        "lot": lot,
    }
    return {cle: objet.pk for cle, objet in objets.items()} | {"exercice": exercice.pk, "_": contrat}


def personne(role, monde):
    calvados = {"departement": DepartementFactory()}
    return {
        AGENT: lambda: habiliter(Role.AGENT, **calvados),
        RESPONSABLE: lambda: habiliter(Role.RESPONSABLE, **calvados),
        DELEGUE: lambda: habiliter(Role.DELEGUE, contrat=monde["_"]),
        LECTEUR: lambda: habiliter(Role.LECTEUR, **calvados),
        PARTENAIRE: lambda: habiliter(Role.PARTENAIRE, contrat=monde["_"]),
        NATIONAL: lambda: habiliter(Role.LECTEUR, france_entiere=True),
        D_AILLEURS: lambda: habiliter(Role.AGENT, departement=DepartementFactory(code="30")),
        SANS_DROIT: UtilisateurFactory,
    }[role]()


def adresse(nom, objets, monde):
    return reverse(nom, kwargs={cle: monde.get(valeur, valeur) for cle, valeur in objets.items()})


def test_aucune_adresse_n_echappe_au_tableau():
    connues = {*OUVERTES, *PUBLIQUES, *PAR_POST, *VERS_AILLEURS, *SANS_SESSION, "galerie"}
    assert [nom for nom in NOMS if nom not in connues] == []


@pytest.mark.parametrize("nom", sorted(OUVERTES))
def test_sans_connexion_rien_ne_s_ouvre(client, monde, nom):
    chemin = adresse(nom, OUVERTES[nom][0], monde)
    for methode in (client.get, client.post):
        reponse = methode(chemin)
        assert (reponse.status_code, reponse.url.split("?")[0]) == (302, reverse(settings.LOGIN_URL))


@pytest.mark.parametrize("nom", sorted(PUBLIQUES))
def test_les_pages_de_connexion_s_ouvrent_a_tous(client, nom):
    reponse = client.get(adresse(nom, PUBLIQUES[nom], {}))
    assert reponse.status_code == 200
    verifier_la_page(reponse)


@pytest.mark.parametrize("nom", sorted(PAR_POST))
def test_ce_qui_ecrit_ne_s_ouvre_pas_par_un_lien(client, monde, nom):
    client.force_login(personne(AGENT, monde))
    assert client.get(adresse(nom, PAR_POST[nom], monde)).status_code == 405


@pytest.mark.parametrize("role", CONNECTES)
@pytest.mark.parametrize("nom", sorted(OUVERTES))
def test_chaque_page_pour_chaque_role(client, monde, nom, role):
    objets, qui = OUVERTES[nom]
    client.force_login(personne(role, monde))
    reponse = client.get(adresse(nom, objets, monde))
    if role not in qui:
        assert reponse.status_code == refus(nom, role)
        return
    assert reponse.status_code == 200
    if nom not in FRAGMENTS_ET_FICHIERS:
        verifier_la_page(reponse)


@pytest.mark.parametrize(("nom", "role"), [(nom, role) for nom, roles in VERS_AILLEURS.items() for role in roles])
def test_une_page_qui_renvoie_mene_a_une_page_ouverte(client, monde, nom, role):
    client.force_login(personne(role, monde))
    reponse = client.get(reverse(nom), follow=True)
    assert reponse.status_code == 200
    verifier_la_page(reponse)


def refus(nom, role):
    """404 hors du périmètre ; 403 pour qui voit la chose, ou une page sans objet, sans avoir le droit du geste."""
    hors_perimetre = role in (SANS_DROIT, D_AILLEURS)
    hors_perimetre |= role == DELEGUE and OUVERTES[nom][0].get("pk") == "photographie"  # elle est de tout l'exercice
    hors_perimetre |= role == PARTENAIRE and OUVERTES[nom][0].get("pk") in PAS_AU_PARTENAIRE
    a_un_objet = "pk" in OUVERTES[nom][0] or "exercice" in OUVERTES[nom][0]
    a_qui_ecrit = "import" in nom or "modification" in nom  # un lot n'est vu que de qui peut en faire un
    return 404 if a_un_objet and (hors_perimetre or a_qui_ecrit) else 403


def verifier_la_page(reponse):
    """Un seul titre, et aucun morceau de gabarit oublié."""
    texte = reponse.content.decode().replace("{{ echeancier }}", "")  # l'aide d'un texte d'acte cite ce mot
    assert len(noeuds(reponse, "//h1")) == 1
    assert [oubli for oubli in ("{{", "}}", "{%", "%}") if oubli in texte] == []
