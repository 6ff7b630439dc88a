"""La liste des actions : ce qu'elle montre, ce qu'elle totalise, ce que chaque filtre retient."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from comptes.enums import Role
from comptes.models import Habilitation
from programmation.enums import EtatFinancement, FamilleFinanceur, Origine, StatutAction, StatutExercice
from programmation.models import Action, Campagne, PartenaireFinanceur
from tests.fabriques import (
    ActionFactory,
    CommuneFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinanceurFactory,
    OrganismeFactory,
    PilierFactory,
    QuartierFactory,
    ThematiqueFactory,
    ThemeFactory,
    UtilisateurFactory,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)
from tests.pages import textes

pytestmark = pytest.mark.django_db

LISTE = "/programmation/actions/"


@pytest.fixture
def monde():
    """Quatre actions du Calvados en 2026, différentes par tout ce qui se filtre."""
    m = SimpleNamespace(exercice=ExerciceFactory())
    m.caen, m.lisieux = ContratFactory(intitule="Caen la mer"), ContratFactory(intitule="Lisieux")
    herouville = CommuneFactory(nom="Hérouville-Saint-Clair")
    m.chemin_vert = QuartierFactory(contrat=m.caen, nom="Chemin Vert", code="QN01401M", communes=[herouville])
    m.guerin = QuartierFactory(contrat=m.caen, nom="Guérinière")
    m.cadre = PilierFactory(code="cadre-de-vie", ordre=2)
    m.valeurs = PilierFactory(transversal=True)
    emploi = ThemeFactory(code="5", libelle="Emploi")
    m.insertion = ThematiqueFactory(theme=emploi, code="5.1", libelle="Insertion")
    m.pre = DispositifFactory(pre=True)
    m.ville, m.caf = FinanceurFactory(nom="Ville de Caen"), FinanceurFactory(nom="CAF", famille=FamilleFinanceur.CAF)
    m.tours, m.ancien = OrganismeFactory(nom="Les Tours"), OrganismeFactory(nom="Les Vieilles Tours")
    m.ancien.fusionne_dans = m.tours
    m.ancien.save()
    EtablissementFactory(organisme=m.tours, siret="00000001800010")
    m.agent = habiliter(Role.AGENT, departement=m.exercice.departement)

    m.ludo = ActionFactory(
        intitule="Ludothèque",
        contrat=m.caen,
        porteur=m.tours,
        dossier="00054562",
        tranche=1,
        cout_previsionnel=euros("900,01"),
        agent_referent=m.agent,
    )
    localiser(m.ludo, {m.chemin_vert: 1, m.guerin: 2})
    p147(m.ludo, demande="500,00", propose="400,00")
    cofinancement(m.ludo, m.ville, demande="400,01", accorde="100,00")
    m.ludo.piliers_transversaux.add(m.valeurs)

    m.ecoute = ActionFactory(
        intitule="Écoute des jeunes",
        contrat=m.lisieux,
        porteur=m.ancien,
        pilier=m.cadre,
        statut=StatutAction.PROGRAMMEE,
        origine=Origine.RECONDUITE,
        cout_previsionnel=euros(2000),
    )
    p147(m.ecoute, demande=2000, accorde="1500,50")
    cofinancement(m.ecoute, m.caf, demande=300, accorde=300, etat=EtatFinancement.ANNONCE)

    m.forum = ActionFactory(
        intitule="Forum de l’emploi", departementale=True, thematique=m.insertion, cout_previsionnel=euros(100)
    )
    m.brouillon = ActionFactory(intitule="Aide aux devoirs", contrat=m.caen, brouillon=True, dispositif=m.pre)
    return m


def lire(client, **parametres):
    reponse = client.get(LISTE, parametres)
    assert reponse.status_code == 200
    return reponse


def titres(reponse):
    return [action.intitule for action, *_ in reponse.context["lignes"]]


TOUTES = ["Aide aux devoirs", "Écoute des jeunes", "Forum de l’emploi", "Ludothèque"]


def test_la_liste_s_ouvre_sur_l_exercice_ouvert_le_plus_recent(client, monde):
    clos = ExerciceFactory(annee=2027, statut=StatutExercice.PREPARATION)
    ActionFactory(exercice=clos, intitule="Trop tôt")
    ActionFactory(exercice=ExerciceFactory(annee=2025), intitule="L’an passé")
    client.force_login(monde.agent)
    reponse = lire(client)
    assert titres(reponse) == TOUTES
    assert reponse.context["cadre"].en_mots == "2026 – Calvados (14)"
    assert titres(lire(client, annee="2025")) == ["L’an passé"]
    assert titres(lire(client, exercice=clos.pk)) == ["Trop tôt"]


FILTRES = {
    "contrat": ({"contrat": "caen"}, ["Aide aux devoirs", "Ludothèque"]),
    "quartier": ({"quartier": "chemin_vert"}, ["Ludothèque"]),
    "pilier": ({"pilier": "cadre"}, ["Écoute des jeunes"]),
    "pilier transversal": ({"pilier": "valeurs"}, ["Ludothèque"]),
    "thématique": ({"thematique": "insertion"}, ["Forum de l’emploi"]),
    "dispositif": ({"dispositif": "pre"}, ["Aide aux devoirs"]),
    "porteur, fusionnés compris": ({"porteur": "tours"}, ["Écoute des jeunes", "Ludothèque"]),
    "porteur fusionné": ({"porteur": "ancien"}, ["Écoute des jeunes", "Ludothèque"]),
    "financeur": ({"financeur": "caf"}, ["Écoute des jeunes"]),
    "agent": ({"agent": "agent"}, ["Ludothèque"]),
    "famille": ({"famille": "commune"}, ["Ludothèque"]),
    "statut": ({"statut": "programmee"}, ["Écoute des jeunes"]),
    "statuts": ({"statut": ["programmee", "brouillon"]}, ["Aide aux devoirs", "Écoute des jeunes"]),
    "échelle du contrat": ({"echelle": "contrat"}, ["Aide aux devoirs", "Écoute des jeunes", "Ludothèque"]),
    "échelle du département": ({"echelle": "departement"}, ["Forum de l’emploi"]),
    "sans quartier": ({"echelle": "sans_localisation"}, ["Aide aux devoirs", "Écoute des jeunes"]),
    "origine": ({"origine": "reconduite"}, ["Écoute des jeunes"]),
    "sans les PRE": ({"pre": "sans"}, ["Écoute des jeunes", "Forum de l’emploi", "Ludothèque"]),
    "avec les PRE": ({"pre": "avec"}, TOUTES),
    "recherche sans accent": ({"q": "ludotheque"}, ["Ludothèque"]),
    "recherche par dossier": ({"q": "54562"}, ["Ludothèque"]),
    "recherche par dossier tel que Dauphin l'écrit": ({"q": "DA00054562"}, ["Ludothèque"]),
    "recherche par dossier et tranche": ({"q": "DA00054562-01"}, ["Ludothèque"]),
    "recherche par dossier, en minuscules et avec des espaces": ({"q": " da 0005 4562 - 1"}, ["Ludothèque"]),
    "recherche par une autre tranche": ({"q": "DA00054562-02"}, []),
    "recherche par SIRET": ({"q": "00000001800010"}, ["Écoute des jeunes", "Ludothèque"]),
    "recherche par SIRET recopié avec des espaces": ({"q": "000 000 018 00010"}, ["Écoute des jeunes", "Ludothèque"]),
    "recherche par un SIRET inconnu": ({"q": "99999999999999"}, []),
    "nom du porteur": ({"porteur_nom": "vieilles"}, ["Écoute des jeunes"]),
    "nom du porteur, fusionnés compris": ({"porteur_nom": "les TOURS"}, ["Écoute des jeunes", "Ludothèque"]),
    "SIRET du porteur": ({"porteur_nom": "000 000 018 00010"}, ["Écoute des jeunes", "Ludothèque"]),
    "recherche par porteur": ({"q": "vieilles TOURS"}, ["Écoute des jeunes"]),
    "recherche par quartier": ({"q": "guériniere"}, ["Ludothèque"]),
    "recherche par code de quartier": ({"q": "qn01401m"}, ["Ludothèque"]),
    "recherche par commune du quartier": ({"q": "herouville"}, ["Ludothèque"]),
    "recherche par quartier et commune": ({"q": "herouville chemin vert"}, ["Ludothèque"]),
    "deux quartiers ne se mélangent pas": ({"q": "herouville guérinière"}, []),
    "recherche sans aucune lettre": ({"q": "-"}, TOUTES),
    "base tolérée": ({"base": "cout"}, TOUTES),
    "deux filtres": ({"contrat": "caen", "statut": "deposee"}, ["Ludothèque"]),
    "rien ne répond": ({"q": "introuvable"}, []),
}


@pytest.mark.parametrize(("parametres", "attendues"), FILTRES.values(), ids=FILTRES)
def test_chaque_filtre_retient_ses_actions(client, monde, parametres, attendues):
    client.force_login(monde.agent)
    adresse = {nom: identifiant(monde, valeur) for nom, valeur in parametres.items()}
    assert titres(lire(client, **adresse)) == attendues


def identifiant(monde, valeur):
    objet = getattr(monde, valeur, None) if isinstance(valeur, str) else None
    return getattr(objet, "pk", valeur)


def test_le_theme_retient_les_actions_de_ses_thematiques(client, monde):
    client.force_login(monde.agent)
    assert titres(lire(client, theme=monde.insertion.theme_id)) == ["Forum de l’emploi"]


# --- Les totaux ---


def totaux(reponse):
    lus = reponse.context["totaux"]
    return (lus.nombre, lus.cout, lus.demande, lus.propose, lus.accorde)


def test_les_totaux_sont_ceux_de_tout_le_filtre_et_disent_ce_qui_est_inconnu(client, monde):
    client.force_login(monde.agent)
    reponse = lire(client)
    assert totaux(reponse) == (4, euros("3000,01"), euros(2500), euros(400), euros("1500,50"))
    assert reponse.context["totaux"].inconnus == {"cout": 1, "demande": 2, "propose": 3, "accorde": 3}
    assert "4 actions de tous statuts, brouillons compris, au" in reponse.content.decode()


def test_un_total_sans_aucun_montant_connu_est_inconnu_et_un_total_vide_est_zero(client, monde):
    client.force_login(monde.agent)
    assert totaux(lire(client, q="forum")) == (1, euros(100), None, None, None)
    assert totaux(lire(client, q="introuvable")) == (0, euros(0), euros(0), euros(0), euros(0))


def test_filtree_par_quartier_la_liste_montre_et_totalise_la_part(client, monde):
    client.force_login(monde.agent)
    premier, second = lire(client, quartier=monde.chemin_vert.pk), lire(client, quartier=monde.guerin.pk)
    # 900,01 € aux clés 1 et 2 : 300,00 et 600,01 ; 500,00 € : 166,66 et 333,34 ; 400,00 € : 133,33 et 266,67
    assert totaux(premier) == (1, euros("300,00"), euros("166,66"), euros("133,33"), None)
    assert totaux(second) == (1, euros("600,01"), euros("333,34"), euros("266,67"), None)
    ((ligne, *_),) = premier.context["lignes"]
    assert (ligne.cout, ligne.demande, ligne.propose) == (euros("300,00"), euros("166,66"), euros("133,33"))
    assert "la part du quartier" in premier.content.decode()


def test_filtree_par_financeur_la_liste_montre_et_totalise_ses_lignes(client, monde):
    client.force_login(monde.agent)
    reponse = lire(client, financeur=monde.ville.pk)
    assert totaux(reponse) == (1, euros("900,01"), euros("400,01"), None, euros("100,00"))
    assert "Demandé Ville de Caen" in reponse.content.decode()


def test_deux_lignes_d_un_meme_financeur_s_additionnent_sans_doubler_le_cout(client, monde):
    cofinancement(monde.ludo, monde.ville, demande="50,00", nature="specifique")
    client.force_login(monde.agent)
    reponse = lire(client, financeur=monde.ville.pk)
    assert totaux(reponse) == (1, euros("900,01"), euros("450,01"), None, euros("100,00"))
    part = lire(client, financeur=monde.ville.pk, quartier=monde.chemin_vert.pk)
    # 400,01 € et 50,00 € se partagent ligne par ligne : 133,33 + 16,66
    assert totaux(part) == (1, euros("300,00"), euros("149,99"), None, euros("33,33"))
    assert [ligne.demande for ligne, *_ in part.context["lignes"]] == [euros("149,99")]


def test_la_base_tous_financeurs_totalise_l_acquis_et_l_annonce_sur_demande(client, monde):
    client.force_login(monde.agent)
    assert totaux(lire(client, base="tous-financeurs"))[4] == euros("1600,50")  # 1 500,50 + 100,00
    assert totaux(lire(client, base="tous-financeurs", annonce="1"))[4] == euros("1900,50")
    assert totaux(lire(client, base="tous-financeurs", annonce="1", famille="caf"))[4] == euros(300)


# --- Le tri, les pages, l'adresse ---


@pytest.mark.parametrize(
    ("tri", "attendues"),
    [
        ("action", TOUTES),
        ("-action", TOUTES[::-1]),
        ("cout", ["Forum de l’emploi", "Ludothèque", "Écoute des jeunes", "Aide aux devoirs"]),
        ("-cout", ["Écoute des jeunes", "Ludothèque", "Forum de l’emploi", "Aide aux devoirs"]),
        ("-demande", ["Écoute des jeunes", "Ludothèque", "Aide aux devoirs", "Forum de l’emploi"]),
        ("accorde", ["Écoute des jeunes", "Aide aux devoirs", "Forum de l’emploi", "Ludothèque"]),
        ("statut", ["Aide aux devoirs", "Forum de l’emploi", "Ludothèque", "Écoute des jeunes"]),
        ("contrat", ["Aide aux devoirs", "Ludothèque", "Écoute des jeunes", "Forum de l’emploi"]),
        ("n’importe quoi", TOUTES),
    ],
)
def test_le_tri_ordonne_toute_la_liste_l_inconnu_en_dernier(client, monde, tri, attendues):
    client.force_login(monde.agent)
    assert titres(lire(client, tri=tri)) == attendues


def test_une_page_hors_bornes_montre_la_derniere(client, monde):
    for numero in range(60):
        ActionFactory(intitule=f"Z{numero:02}", contrat=monde.caen)
    client.force_login(monde.agent)
    reponse = lire(client, page="99")
    assert titres(reponse) == [f"Z{numero}" for numero in range(46, 60)]
    assert totaux(reponse)[0] == 64
    assert "51 à 64 sur 64" in reponse.content.decode()
    assert titres(lire(client, page="abc"))[:1] == ["Aide aux devoirs"]


def test_les_filtres_actifs_se_disent_et_se_retirent_un_par_un(client, monde):
    client.force_login(monde.agent)
    reponse = lire(client, contrat=monde.caen.pk, statut=["deposee", "brouillon"], pre="avec")
    filtres = [(f.libelle, f.valeur) for f in reponse.context["filtres_actifs"]]
    assert filtres == [("Contrat de ville", "Caen la mer"), ("Statut", "Déposée"), ("Statut", "Brouillon")]
    sans_contrat = client.get(LISTE + reponse.context["filtres_actifs"][0].lien)
    assert titres(sans_contrat) == ["Aide aux devoirs", "Forum de l’emploi", "Ludothèque"]
    assert reponse.context["sans_filtre"] == "?annee=2026&departement=14"


def test_les_liens_de_la_page_disent_toujours_l_exercice(client, monde):
    client.force_login(monde.agent)
    page = lire(client).content.decode()
    assert "?annee=2026&amp;departement=14&amp;tri=cout" in page
    assert "?annee=2026&amp;departement=14&amp;format=xlsx" in page


# --- Le périmètre ---


def test_un_agent_ne_voit_pas_les_actions_d_un_autre_departement(client, monde):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    ActionFactory(exercice=gard)
    client.force_login(monde.agent)
    assert titres(lire(client)) == TOUTES
    reponse = lire(client, exercice=gard.pk)
    assert titres(reponse) == []
    assert "hors de cet exercice ou de votre périmètre" in reponse.content.decode()


@pytest.mark.parametrize(
    "parametres",
    [
        {"contrat": "abc"},
        {"contrat": "999999"},
        {"quartier": "99999999999999999999999"},
        {"porteur": "99999999999999999999999"},
        {"porteur": "abc"},
        {"pilier": "-1"},
        {"statut": "inventé"},
        {"annee": "abc"},
        {"departement": "75"},
        {"exercice": "abc"},
        {"echelle": "lune"},
        {"q": "x" * 500},
    ],
)
def test_une_valeur_inconnue_donne_un_message_et_une_liste_vide(client, monde, parametres):
    client.force_login(monde.agent)
    reponse = lire(client, **parametres)
    assert titres(reponse) == []
    assert "Un point à corriger" in reponse.content.decode()


def test_les_choix_et_leurs_libelles_ne_fuient_pas_hors_du_perimetre(client, monde):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    nimes = ContratFactory(departement=gard.departement, intitule="Nîmes secret")
    quartier = QuartierFactory(contrat=nimes, nom="Pissevin secret")
    FinanceurFactory(nom="Ville de Nîmes secrète", departement=gard.departement)
    agent = UtilisateurFactory(nom="Secret")
    ActionFactory(exercice=gard, contrat=nimes, agent_referent=agent)
    client.force_login(monde.agent)
    for parametres in ({}, {"contrat": nimes.pk}, {"quartier": quartier.pk}, {"agent": agent.pk}):
        assert "ecret" not in lire(client, **parametres).content.decode()


def test_un_lecteur_national_choisit_une_annee_de_toute_la_france(client, monde):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    ActionFactory(exercice=gard, intitule="Au Gard")
    client.force_login(habiliter(Role.LECTEUR, france_entiere=True))
    reponse = lire(client)
    assert reponse.context["cadre"].en_mots == "2026 – France entière"
    assert titres(reponse) == ["Aide aux devoirs", "Au Gard", *TOUTES[1:]]
    assert titres(lire(client, annee="2026", departement="30")) == ["Au Gard"]
    # Les listes de toute la France ne sont pas affichées, mais un lien du tableau de bord marche.
    assert titres(lire(client, annee="2026", contrat=monde.lisieux.pk)) == ["Écoute des jeunes"]


def test_un_delegue_voit_d_abord_ses_quartiers_a_un_clic_du_reste(client, monde):
    QuartierFactory(contrat=monde.caen)
    delegue = habiliter(Role.DELEGUE, quartier=monde.chemin_vert)
    delegue.habilitations.create(role=Role.DELEGUE, quartier=monde.guerin)
    client.force_login(delegue)
    reponse = lire(client)
    assert titres(reponse) == ["Ludothèque"]
    assert totaux(reponse)[1] == euros("900,01")  # les deux parts ensemble
    (filtre,) = reponse.context["filtres_actifs"]
    assert filtre.libelle == "Quartier"
    assert titres(client.get(LISTE + filtre.lien)) == ["Aide aux devoirs", "Forum de l’emploi", "Ludothèque"]


def test_un_delegue_qui_suit_tout_un_contrat_voit_d_abord_ce_contrat(client, monde):
    QuartierFactory(contrat=monde.lisieux)
    client.force_login(habiliter(Role.DELEGUE, contrat=monde.caen))
    assert titres(lire(client)) == ["Aide aux devoirs", "Ludothèque"]
    client.force_login(habiliter(Role.DELEGUE, departement=monde.exercice.departement))
    assert titres(lire(client)) == TOUTES


def test_sans_habilitation_la_liste_est_vide_et_le_dit(client, monde):
    client.force_login(UtilisateurFactory())
    reponse = lire(client)
    assert titres(reponse) == []
    assert "Aucun exercice ici" in reponse.content.decode()


def test_qui_n_ecrit_pas_ne_peut_ni_choisir_ni_ajouter(client, monde):
    client.force_login(habiliter(Role.LECTEUR, departement=monde.exercice.departement))
    page = lire(client).content.decode()
    assert "Décider la sélection" not in page
    assert "Ajouter une action" not in page


# --- Le partenaire ---


@pytest.fixture
def la_caf(monde):
    utilisateur = habiliter(Role.PARTENAIRE, departement=monde.exercice.departement)
    PartenaireFinanceur.objects.create(
        habilitation=Habilitation.objects.get(utilisateur=utilisateur), financeur=monde.caf
    )
    return utilisateur


def test_un_partenaire_financeur_ne_lit_que_ses_lignes(client, monde, la_caf):
    client.force_login(la_caf)
    reponse = lire(client, tri="-accorde")
    assert titres(reponse) == ["Écoute des jeunes"]
    assert totaux(reponse) == (1, euros(2000), euros(300), None, euros(300))
    assert "1 500,50" not in reponse.content.decode().replace("\u202f", " ")
    # Ni par le filtre : l'action a une ligne P147, mais il ne doit pas l'apprendre.
    assert titres(lire(client, famille="anct_p147")) == []
    assert "Ville de Caen" not in reponse.content.decode()


def test_un_partenaire_lit_le_propose_une_fois_partage(client, monde):
    partenaire = habiliter(Role.PARTENAIRE, contrat=monde.caen)
    client.force_login(partenaire)
    assert "Proposé" not in lire(client, tri="propose").content.decode()
    for campagne in Campagne.objects.all():
        campagne.propositions_partagees_le = timezone.now() - timedelta(days=1)
        campagne.save()
    reponse = lire(client)
    assert titres(reponse) == ["Ludothèque"]
    assert "400,00" in reponse.content.decode()


# --- Les noms ---


def test_la_colonne_et_le_filtre_ecrivent_le_nom_court_du_contrat(client, monde):
    monde.caen.intitule = "Contrat de ville de Caen la mer"
    monde.caen.save()
    client.force_login(monde.agent)
    page = lire(client, contrat=monde.caen.pk)
    assert "Contrat de ville de" not in page.content.decode()
    assert textes(page, "//tbody/tr/td[4]") == ["Caen la mer", "Caen la mer"]


# --- Le poids ---


def requetes_de_la_liste(client, django_assert_max_num_queries, **parametres):
    with django_assert_max_num_queries(15) as captees:
        lire(client, **parametres)
    return len(captees.captured_queries)


@pytest.mark.parametrize(
    "filtre", [{}, {"tri": "-accorde"}, {"quartier": "oui"}, {"financeur": "oui"}, {"q": "chemin vert"}]
)
def test_la_liste_fait_autant_de_requetes_a_une_trois_et_cinquante_lignes(
    client, monde, django_assert_max_num_queries, filtre
):
    client.force_login(monde.agent)
    adresse = {"quartier": {"quartier": monde.chemin_vert.pk}, "financeur": {"financeur": monde.ville.pk}}
    parametres = adresse.get(next(iter(filtre), ""), filtre)
    Action.objects.exclude(pk=monde.ludo.pk).filter(financements=None).delete()
    comptes = []
    for nombre in (0, 2, 47):
        for _ in range(nombre):
            action = ActionFactory(contrat=monde.caen)
            localiser(action, {monde.chemin_vert: 1})
            p147(action)
            cofinancement(action, monde.ville)
        comptes.append(requetes_de_la_liste(client, django_assert_max_num_queries, **parametres))
    assert len(set(comptes)) == 1


def test_cinquante_lignes_pesent_moins_de_100_ko(client, monde):
    for _ in range(60):
        action = ActionFactory(
            contrat=monde.caen,
            intitule="Accompagnement à la scolarité et ouverture culturelle des collégiens du quartier",
            porteur=OrganismeFactory(nom="Association pour la promotion des quartiers de l’agglomération"),
        )
        p147(action, demande=12345, propose=10000)
    for numero in range(40):
        QuartierFactory(contrat=monde.caen, nom=f"Quartier au nom assez long numéro {numero}")
        ThematiqueFactory(code=f"1.{numero}", libelle="Une thématique au libellé aussi long que celui de l’ANCT")
    client.force_login(monde.agent)
    assert len(lire(client).content) < 100_000
