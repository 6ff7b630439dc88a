"""Le tableau de bord et l'accueil : ce qu'ils montrent à chacun, et le total derrière chaque nombre.

Les chiffres sont ceux de l'exemple de docs/calculs.md, calculés à la main.
"""

import re
from datetime import date

import pytest
from django.http import QueryDict
from django.utils import timezone

from comptes.enums import Role
from comptes.models import Utilisateur
from pilotage.forms import PorteeForm
from pilotage.portee import Portee
from pilotage.tableaux import tableau_de_bord
from programmation.enums import Duree, EtatJustification, StatutExercice
from programmation.models import (
    Action,
    Campagne,
    Financeur,
    Justification,
    PartenaireFinanceur,
    PrevisionPluriannuelle,
)
from programmation.synthese import ChoixDeBase, synthese_des_departements
from programmation.synthese.avancement import avancement
from territoires.models import ContratDeVille, NombreAnnonce
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    HabilitationFactory,
    MouvementFactory,
    QuartierFactory,
    UtilisateurFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
)
from tests.pages import noeuds, texte, textes
from tests.pilotage.liens import en_nombre, liens_vers_la_liste, total_de_la_liste
from tests.programmation.exemple_enveloppes import engagement, paiement

TABLEAU = "/pilotage/"


@pytest.fixture
def agent(client, exemple):
    personne = habiliter(Role.AGENT, departement=exemple.exercice.departement)
    client.force_login(personne)
    return personne


def lire(client, **parametres):
    reponse = client.get(TABLEAU, parametres)
    assert reponse.status_code == 200
    return reponse


def chiffres(reponse):
    """Les quatre chiffres de tête : libellé, valeur, précision."""
    cartes = noeuds(reponse, "//div[classe('pv-chiffre')]")
    return [tuple(texte(p) for p in carte.xpath("p")) for carte in cartes]


def lignes(reponse, section):
    """Les lignes d'un tableau, cellules vides comprises, sans la barre."""
    cellules = "*[not(classe('pv-colonne-barre'))]"
    return [
        [texte(c) for c in ligne.xpath(cellules)] for ligne in noeuds(reponse, f"//section[@id='{section}']//table//tr")
    ]


# --- Ce que la page dit ---


def test_le_premier_ecran_dit_l_exercice_le_perimetre_et_la_base_en_mots(client, agent):
    reponse = lire(client)
    assert textes(reponse, "//h1") == ["Programmation 2026 du Calvados"]
    assert textes(reponse, "//dl[classe('pv-portee')]/div") == [
        "Périmètre : tous les contrats et l’échelle du département",
        "Base : crédits P147 accordés, PRE compris",
    ]
    assert textes(reponse, "//div[classe('pv-titre-tableau')]/*[classe('fr-badge')]") == ["Ouvert"]


def test_les_quatre_chiffres(client, agent):
    """Levier : votes connus de a1, a3 et a4, 4 000 € de droit commun pour 7 000 € de P147."""
    assert chiffres(lire(client)) == [
        ("Crédits P147 accordés", "10 000,00 €", "4 actions programmées"),
        ("Actions programmées", "4", "1 en attente de décision"),
        ("Droit commun pour 1 € de P147", "0,57 €", "votes connus pour 3 actions sur 4"),
        ("Rang de l’État (ANCT)", "1ᵉʳ", "+7 800,00 € devant « Caen la mer »"),
    ]


def test_les_piliers_font_cent_et_se_comparent_au_constat(client, agent):
    assert lignes(lire(client), "piliers") == [
        ["Pilier", "Part", "Montant", "Actions", "Écart au constat du Gard (antérieur à 2024)"],
        ["Cohesion sociale", "80,0 %", "8 000,01 €", "2", "moins de 0,1 point, soit +0,01 €"],
        ["Cadre de vie", "0,0 %", "0,00 €", "0", "−2,0 points, soit −200,00 €"],
        ["Emploi", "15,0 %", "1 499,99 €", "1", "pas de constat publié"],
        ["Pilotage", "5,0 %", "500,00 €", "1", "pas de constat publié"],
        ["Total", "100,0 %", "10 000,00 €", "4", ""],
    ]


def test_chaque_graphique_a_sa_phrase_son_tableau_et_ses_barres(client, agent):
    reponse = lire(client)
    for section in ("piliers", "transversal", "contrats", "financeurs", "thematiques"):
        chemin = f"//section[@id='{section}']"
        assert textes(reponse, f"{chemin}//p[classe('pv-phrase')]")[0]
        assert noeuds(reponse, f"{chemin}//table/caption")
        assert noeuds(reponse, f"{chemin}//svg")
        assert re.search(
            r"Au \d{2}/\d{2}/\d{4} \d{2}:\d{2}, 5 actions décidées, 1 en attente\.", texte_de(reponse, chemin)
        )
    assert "Cohesion sociale a la plus grande part : 80,0 %, soit 8 000,01 €." in texte_de(reponse, "//main")
    assert re.search(r"Le thème \d, [^,]+, a la plus grande part : ", texte_de(reponse, "//section[@id='thematiques']"))


def texte_de(reponse, chemin):
    return " ".join(textes(reponse, chemin))


def test_le_constat_est_marque_sur_la_barre_et_sa_source_consultable(client, agent, exemple):
    reponse = lire(client)
    reperes = noeuds(reponse, "//section[@id='piliers']//line[classe('pv-barre__repere')]/@x1")
    assert reperes == ["80.0%", "2.0%"]
    assert noeuds(reponse, "//section[@id='piliers']//a[@href='#constats']")
    assert f"Source : {exemple.repere_cohesion.source}" in texte_de(reponse, "//section[@id='constats']")
    page = reponse.content.decode()
    assert "style=" not in page
    assert "cible" not in page


@pytest.mark.parametrize("parametres", [{"base": "nombre"}, {"pre": "sans"}])
def test_les_constats_sont_masques_la_ou_ils_n_ont_pas_de_sens(client, agent, parametres):
    reponse = lire(client, **parametres)
    assert not noeuds(reponse, "//line[classe('pv-barre__repere')]")
    assert not noeuds(reponse, "//section[@id='constats']")


def test_provisoire_tant_qu_une_campagne_n_est_pas_figee(client, agent, exemple):
    assert textes(lire(client), "//p[classe('pv-provisoire')]") == [
        "Provisoire : 1 action, 2 000,00 € demandés non décidés."
    ]
    Campagne.objects.update(figee_le=timezone.now())
    assert textes(lire(client), "//p[classe('pv-provisoire')]") == []


def test_le_pilier_transversal_est_a_part_hors_du_total(client, agent):
    assert lignes(lire(client), "transversal")[1:] == [["Valeurs", "55,0 %", "5 500,01 €", "2"]]


def test_les_contrats_disent_le_rang_de_l_etat_et_l_ecart_au_suivant(client, agent):
    """Lisieux : la Région (2 000,00 €) passe devant l'État (1 499,99 €) ; chacun est écrit par son nom court."""
    ContratDeVille.objects.filter(intitule="Lisieux").update(intitule="Contrat de ville de Lisieux")
    assert lignes(lire(client), "contrats")[1:] == [
        ["Caen la mer", "80,0 %", "8 000,01 €", "2", "4 000 2021", "2,00 €", "1ᵉʳ provisoire"]
        + ["+5 800,01 € (+47,5 points) devant « Caen la mer » ; 1 vote attendu"],
        ["Lisieux", "15,0 %", "1 499,99 €", "1", "3 000 2021", "0,50 €", "2ᵉ, pas premier"]
        + ["−500,01 € (−14,3 points) derrière « Région »"],
        ["À l’échelle du département", "5,0 %", "500,00 €", "1", "—", "—", "—", "—"],
        ["Total", "100,0 %", "10 000,00 €", "4", "", "", "1ᵉʳ provisoire"]
        + ["+7 800,00 € (+48,1 points) devant « Caen la mer » ; 1 vote attendu"],
    ]


def test_les_financeurs_sont_classes_sur_l_acquis(client, agent):
    assert lignes(lire(client), "financeurs")[1:] == [
        ["1", "ANCT – P147", "ANCT – P147", "61,7 %", "10 000,00 €", "0,00 €", "0", "4"],
        ["2", "Caen la mer", "EPCI", "13,6 %", "2 200,00 €", "0,00 €", "0", "2"],
        ["3", "Région", "Région", "12,4 %", "2 000,00 €", "0,00 €", "0", "1"],
        ["3", "Ville de Caen", "Commune", "12,3 %", "2 000,00 €", "0,00 €", "0", "1"],
        ["—", "CAF", "CAF", "—", "—", "2 000,00 €", "1", "1"],
        ["5", "Conseil départemental", "Département", "0,0 %", "0,00 €", "0,00 €", "0", "1"],
        ["Total", "", "100,0 %", "16 200,00 €", "2 000,00 €", "", ""],
    ]


def test_un_financeur_a_preciser_est_dit_avec_sa_liste(client, agent, exemple):
    """Ville de Caen (2 000,00 €) à préciser : hors du rang, à Caen la mer comme en tout, et menant à ses lignes."""
    Financeur.objects.filter(nom="Ville de Caen").update(est_a_preciser=True)
    reponse = lire(client)
    assert textes(reponse, "//p[@id='rang']")[0].endswith(
        "Rang provisoire : 1 vote est attendu ; financeur à préciser pour 1 ligne, 2 000,00 €."
    )
    assert lignes(reponse, "financeurs")[-2][:5] == ["—", "Ville de Caen", "Commune", "12,3 %", "2 000,00 €"]
    assert [ligne[-1] for ligne in lignes(reponse, "contrats")[1:3]] == [
        "+5 800,01 € (+47,5 points) devant « Caen la mer » ; 1 vote attendu financeur à préciser pour 1 ligne, 2 000,00 €",
        "−500,01 € (−14,3 points) derrière « Région »",
    ]
    liens = [noeud.get("href") for noeud in noeuds(reponse, "//a[contains(@href, 'a_preciser=oui')]")]
    assert len(liens) == 3  # la phrase, Caen la mer et le total des contrats
    for lien in liens:
        liste = client.get(lien)
        assert (liste.context["totaux"].nombre, liste.context["totaux"].accorde) == (1, euros(2000))


def test_un_nombre_de_contrats_annonce_different_de_la_base_est_un_controle(client, agent, exemple):
    departement = exemple.exercice.departement
    champs = {"departement": departement, "objet": "contrats"}
    NombreAnnonce.objects.create(**champs, nombre=2, source="Une source d’accord")
    NombreAnnonce.objects.create(**champs, nombre=3, date=date(2020, 1, 2), source="Appel à projets 2020")
    reponse = lire(client)
    assert textes(reponse, "//section[@id='contrats']/h2") == ["2 contrats de ville"]
    assert textes(reponse, "//p[classe('pv-controle')]") == [
        "Contrôle : 3 contrats annoncés au 02/01/2020, 2 dans la base en 2026. Source : Appel à projets 2020."
    ]


# --- Chaque nombre mène à la liste dont il est le total ---

PORTEES = {
    "département": {},
    "base demandée": {"base": "p147-demande"},
    "base coût": {"base": "cout"},
    "coût et contributions volontaires": {"base": "cout", "contributions": "1"},
    "coût d’un quartier et contributions volontaires": {"base": "cout", "contributions": "1", "quartier": "q3"},
    "coût de deux quartiers": {"base": "cout", "quartier": "q1-q3"},
    "tous financeurs": {"base": "tous-financeurs"},
    "tous financeurs, annoncé compris": {"base": "tous-financeurs", "annonce": "1"},
    "nombre d’actions": {"base": "nombre"},
    "sans les PRE": {"pre": "sans"},
    "contrat": {"contrat": "caen"},
    "quartier": {"quartier": "q2"},
    "deux quartiers": {"quartier": "q1-q3"},
}


@pytest.mark.parametrize("parametres", PORTEES.values(), ids=PORTEES)
def test_chaque_nombre_est_le_total_de_la_liste_ou_il_mene(client, agent, exemple, parametres):
    contribuer(exemple)
    adresse = {nom: identifiants(exemple, valeur) for nom, valeur in parametres.items()}
    adresse |= {"annee": "2026", "departement": "14"}
    liens = liens_vers_la_liste(lire(client, **adresse))
    faux = {
        (mots, lien): obtenu
        for mots, lien in liens
        if (obtenu := total_de_la_liste(client, mots, lien)) != en_nombre(mots)
    }
    assert faux == {}


def contribuer(exemple):
    """400,01 € de bénévolat pour a1 (120,00 et 200,01 € à Q2 et Q3), 250,00 € pour a3 ; a2 et a4 n'en disent rien."""
    Action.objects.filter(pk=exemple.a1.pk).update(contributions_volontaires=euros("400.01"))
    Action.objects.filter(pk=exemple.a3.pk).update(contributions_volontaires=euros(250))


def identifiants(exemple, valeur):
    """« caen », « q1-q3 » deviennent les identifiants de l'exemple."""
    objets = [getattr(exemple, nom, None) for nom in valeur.split("-")]
    return "-".join(str(objet.pk) for objet in objets) if all(objets) else valeur


def test_le_levier_mene_a_son_detail_dont_chaque_nombre_est_une_liste(client, agent):
    """3 actions sur 4 aux votes connus : 7 000 € de P147, 4 000 € de droit commun, 700 € d'autres."""
    reponse = lire(client)
    assert noeuds(reponse, "//a[starts-with(@aria-label, 'Droit commun pour')]/@href") == ["#levier"]
    assert noeuds(reponse, "//a[starts-with(@aria-label, 'Rang de l’État')]/@href") == ["#rang"]
    section = "//section[@id='levier']"
    assert not noeuds(reponse, f"{section}//p[@id='rang']")
    assert "Votes connus pour 3 actions sur 4." in texte_de(reponse, section)
    assert textes(reponse, f"{section}//a") == ["3 actions", "4", "7 000,00 €", "4 000,00 €", "700,00 €"]


def test_le_rang_dit_parmi_combien_de_financeurs_et_le_tableau_les_montre(client, agent):
    """La CAF n'a pas voté : ni rang dans le tableau, ni place dans « sur 5 »."""
    phrase = "L’État (ANCT) est 1ᵉʳ sur 5 financeurs publics dont l’acquis est connu"
    reponse = lire(client)
    assert texte_de(reponse, "//p[@id='rang']").startswith(phrase)
    assert len([ligne for ligne in lignes(reponse, "financeurs")[1:-1] if ligne[0] != "—"]) == 5


def test_les_votes_attendus_menent_a_leurs_actions(client, agent, exemple):
    lien = noeuds(lire(client), "//section[@id='financeurs']//tr[th='CAF']/td[last()-1]/a")[0]
    reponse = client.get(lien.get("href"))
    assert texte(lien) == "1"
    assert [action.pk for action, *_ in reponse.context["lignes"]] == [exemple.a2.pk]


# --- Les contributions volontaires ---


def test_les_contributions_volontaires_sont_a_part_et_la_legende_le_dit(client, agent, exemple):
    contribuer(exemple)
    reponse = lire(client, base="cout")
    assert "Base : coût prévisionnel, hors contributions volontaires, PRE compris" in textes(
        reponse, "//dl[classe('pv-portee')]/div"
    )
    assert lignes(reponse, "piliers")[-1][:3] == ["Total", "100,0 %", "23 500,00 €"]
    assert texte_de(reponse, "//p[@id='contributions']") == (
        "Contributions volontaires, à part : 650,01 € (2 actions n’en disent rien). Les ajouter au coût"
    )
    assert not noeuds(lire(client), "//p[@id='contributions']")


def test_les_contributions_volontaires_s_ajoutent_au_cout_si_le_lecteur_le_demande(client, agent, exemple):
    """10 400,01 + 8 000 (cohésion), 4 250 (emploi), 1 500 (pilotage) : 24 150,01 € ; les constats n'en parlent pas."""
    contribuer(exemple)
    lien = noeuds(lire(client, base="cout"), "//p[@id='contributions']/a[last()]/@href")[0]
    reponse = client.get(lien)
    assert "Base : coût prévisionnel et contributions volontaires, PRE compris" in textes(
        reponse, "//dl[classe('pv-portee')]/div"
    )
    assert [ligne[:3] for ligne in lignes(reponse, "piliers")[1:]] == [
        ["Cohesion sociale", "76,2 %", "18 400,01 €"],
        ["Cadre de vie", "0,0 %", "0,00 €"],
        ["Emploi", "17,6 %", "4 250,00 €"],
        ["Pilotage", "6,2 %", "1 500,00 €"],
        ["Total", "100,0 %", "24 150,01 €"],
    ]
    assert noeuds(reponse, "//select[@name='contributions']/option[@selected]/@value") == ["1"]
    assert not noeuds(reponse, "//section[@id='constats']")
    assert not noeuds(reponse, "//p[@id='contributions']")


def test_la_liste_derriere_les_contributions_ne_montre_qu_elles(client, agent, exemple):
    contribuer(exemple)
    lien = noeuds(lire(client, base="cout"), "//p[@id='contributions']/a[1]/@href")[0]
    reponse = client.get(lien)
    assert reponse.context["totaux"].cout == euros("650.01")
    assert "Contributions volontaires ↕" in textes(reponse, "//thead//th/a")
    gardes = {champ.get("name"): champ.get("value") for champ in noeuds(reponse, "//form//input[@type='hidden']")}
    assert (gardes["base"], gardes["contributions"]) == ("cout", "seules")


# --- Choisir sa portée ---


def test_la_base_choisie_est_dite_et_reste_dans_l_adresse(client, agent):
    reponse = lire(client, base="cout", pre="sans")
    assert "Base : coût prévisionnel, hors contributions volontaires, hors PRE" in textes(
        reponse, "//dl[classe('pv-portee')]/div"
    )
    for nom, valeur in {"base": "cout", "pre": "sans", "annee": "2026"}.items():
        assert noeuds(reponse, f"//select[@name='{nom}']/option[@selected]/@value") == [valeur]
    assert lignes(reponse, "piliers")[-1][:4] == ["Total", "100,0 %", "15 500,00 €", "3"]


def test_un_contrat_montre_ses_quartiers_et_un_quartier_ses_parts(client, agent, exemple):
    """a1 (5 000,01 €) aux clés 2, 3, 5 ; a2 (3 000 €) à l'échelle du contrat."""
    reponse = lire(client, contrat=exemple.caen.pk)
    assert [ligne[:4] for ligne in lignes(reponse, "quartiers")[1:]] == [
        ["Q1", "12,5 %", "1 000,00 €", "1"],
        ["Q2", "18,7 %", "1 500,00 €", "1"],
        ["Q3", "31,3 %", "2 500,01 €", "1"],
        ["À l’échelle du contrat, sans quartier", "37,5 %", "3 000,00 €", "1"],
        ["Total", "100,0 %", "8 000,01 €", ""],
    ]
    reponse = lire(client, quartier=f"{exemple.q1.pk}-{exemple.q3.pk}")
    assert "Périmètre : quartiers Q1 et Q3" in textes(reponse, "//dl[classe('pv-portee')]/div")
    assert chiffres(reponse)[0][:2] == ("Crédits P147 accordés", "3 500,01 €")


@pytest.mark.parametrize(
    ("parametres", "phrase"),
    [
        ({"base": "bidon"}, "La base « bidon » n’existe pas : les crédits P147 accordés sont montrés."),
        ({"exercice": "abc"}, "« abc » n’est pas un identifiant d’exercice : il n’en est pas tenu compte."),
        ({"annee": "deux"}, "« deux » n’est pas une année : il n’en est pas tenu compte."),
        ({"departement": "x'"}, "« x' » n’est pas un code de département : il n’en est pas tenu compte."),
        ({"contrat": "1;2"}, "« 1;2 » n’est pas un identifiant de contrat : il n’en est pas tenu compte."),
        ({"quartier": "²"}, "« ² » n’est pas un identifiant de quartier : il n’en est pas tenu compte."),
    ],
)
def test_un_parametre_mal_ecrit_se_dit_et_laisse_la_valeur_par_defaut(client, agent, parametres, phrase):
    reponse = lire(client, **parametres)
    assert textes(reponse, "//div[classe('fr-alert')]") == [phrase]
    assert chiffres(reponse)[0][1] == "10 000,00 €"


def test_un_territoire_d_un_autre_exercice_est_laisse_de_cote(client, agent, exemple):
    ancien = ContratFactory(ancien=True, intitule="Ancien contrat")
    reponse = lire(client, contrat=ancien.pk)
    assert textes(reponse, "//div[classe('fr-alert')]") == [
        "Le « Ancien contrat » n’est pas dans cet exercice : il est laissé de côté."
    ]
    reponse = lire(client, contrat=exemple.caen.pk, quartier=exemple.q4.pk)
    assert textes(reponse, "//div[classe('fr-alert')]") == [
        "Le quartier « Q4 » n’est pas dans ce territoire : il est laissé de côté."
    ]


def test_hors_du_perimetre_repond_introuvable(client, agent):
    nimes = ContratFactory(departement=DepartementFactory(code="30"))
    quartier, exercice = QuartierFactory(contrat=nimes), ExerciceFactory(departement=nimes.departement)
    for parametres in (
        {"exercice": exercice.pk},
        {"departement": "30"},
        {"contrat": nimes.pk},
        {"quartier": quartier.pk},
        {"exercice": 10**17},
    ):
        assert client.get(TABLEAU, parametres).status_code == 404


def test_un_exercice_sans_action_une_annee_sans_exercice_un_departement_sans_exercice(client, db):
    agent = habiliter(Role.AGENT, departement=DepartementFactory())
    client.force_login(agent)
    assert "Aucun exercice n’est encore ouvert." in texte_de(lire(client), "//main")
    ExerciceFactory()
    reponse = lire(client)
    assert chiffres(reponse)[0] == ("Crédits P147 accordés", "0,00 €", "0 action programmée")
    assert "Il n’y a pas d’exercice 1999 dans ce périmètre." in texte_de(lire(client, annee=1999), "//main")


def test_l_exercice_ouvert_le_plus_recent_est_montre_d_abord(client, agent):
    ExerciceFactory(annee=2027, statut=StatutExercice.PREPARATION)
    ExerciceFactory(annee=2025, statut=StatutExercice.CLOS)
    assert textes(lire(client), "//h1") == ["Programmation 2026 du Calvados"]
    assert textes(lire(client, departement="14"), "//h1") == ["Programmation 2026 du Calvados"]
    assert textes(lire(client, annee="2025"), "//h1") == ["Programmation 2025 du Calvados"]


def test_un_lecteur_national_lit_une_annee_puis_un_departement(client, exemple):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    action_programmee(10_000, exercice=gard, pilier=exemple.cohesion)
    client.force_login(habiliter(Role.LECTEUR, france_entiere=True))
    reponse = lire(client)
    assert textes(reponse, "//h1") == ["Programmation 2026, France entière"]
    assert lignes(reponse, "departements")[1:] == [
        ["Calvados (14)", "50,0 %", "10 000,00 €", "4"],
        ["Gard (30)", "50,0 %", "10 000,00 €", "1"],
        ["Total", "100,0 %", "20 000,00 €", "5"],
    ]
    for mots, lien in liens_vers_la_liste(reponse):
        assert total_de_la_liste(client, mots, lien) == en_nombre(mots)
    lien = noeuds(reponse, "//section[@id='departements']//a[text()='Calvados (14)']/@href")[0]
    assert textes(client.get(lien), "//h1") == ["Programmation 2026 du Calvados"]


# --- L'accueil selon le rôle ---


def arriver(client, personne):
    client.force_login(personne)
    return client.get("/", follow=True)


def test_l_agent_arrive_sur_le_tableau_de_son_exercice(client, exemple):
    reponse = arriver(client, habiliter(Role.AGENT, departement=exemple.exercice.departement))
    assert reponse.redirect_chain == [("/pilotage/?annee=2026&departement=14&base=p147-accorde", 302)]


def test_le_delegue_arrive_sur_ses_quartiers_a_un_clic_du_departement(client, exemple):
    reponse = arriver(client, habiliter(Role.DELEGUE, quartier=exemple.q1))
    assert "quartier Q1, dans la limite de vos habilitations" in texte_de(reponse, "//dl[classe('pv-portee')]")
    assert chiffres(reponse)[0][1] == "1 000,00 €"
    lien = noeuds(reponse, "//main//a[text()='Tout le département']/@href")[0]
    reponse = client.get(lien)
    assert chiffres(reponse)[0][1] == "10 000,00 €"
    lien = noeuds(reponse, "//main//a[text()='Mes quartiers']/@href")[0]
    assert chiffres(client.get(lien))[0][1] == "1 000,00 €"


def test_le_delegue_de_tout_un_contrat_arrive_sur_ce_contrat(client, exemple):
    reponse = arriver(client, habiliter(Role.DELEGUE, contrat=exemple.caen))
    assert "Périmètre : Caen la mer" in textes(reponse, "//dl[classe('pv-portee')]/div")
    assert chiffres(reponse)[0][1] == "8 000,01 €"


def test_un_partenaire_financeur_arrive_sur_la_liste_de_ses_actions(client, exemple):
    partenaire = habiliter(Role.PARTENAIRE, departement=exemple.exercice.departement)
    PartenaireFinanceur.objects.create(habilitation=partenaire.habilitations.get(), financeur=exemple.caf)
    partenaire = Utilisateur.objects.get(pk=partenaire.pk)
    reponse = arriver(client, partenaire)
    assert reponse.redirect_chain == [("/programmation/actions/?annee=2026&departement=14", 302)]
    assert textes(reponse, "//tbody//th[@scope='row']") == [exemple.a2.intitule]


# --- Un partenaire borné à ses lignes, une ville bornée à son contrat ---


@pytest.fixture
def caf(client, exemple):
    """La CAF, seule à ne pas avoir voté (2 000,00 € annoncés pour a2), et 300,00 € acquis pour a3."""
    cofinancement(exemple.a3, exemple.caf, 300, 300)
    personne = habiliter(Role.PARTENAIRE, departement=exemple.exercice.departement)
    PartenaireFinanceur.objects.create(habilitation=personne.habilitations.get(), financeur=exemple.caf)
    client.force_login(Utilisateur.objects.get(pk=personne.pk))
    return exemple.caf


def test_un_partenaire_borne_lit_ses_lignes_sans_constat_ni_rang(client, caf):
    reponse = lire(client)
    assert textes(reponse, "//dl[classe('pv-portee')]/div") == [
        "Périmètre : tous les contrats et l’échelle du département ; vos lignes de financement seulement",
        "Base : crédits acquis de vos lignes de financement, hors ressources propres, PRE compris",
    ]
    assert chiffres(reponse) == [
        ("Acquis, vos lignes", "300,00 €", "sur les actions programmées"),
        ("Annoncé, vos lignes", "2 000,00 €", "pas encore voté"),
        ("Actions programmées où vous avez une ligne", "2", "0 en attente de décision"),
    ]
    assert lignes(reponse, "piliers")[0] == ["Pilier", "Part", "Montant", "Actions"]
    assert lignes(reponse, "piliers")[-1] == ["Total", "100,0 %", "300,00 €", "2"]
    assert lignes(reponse, "contrats")[0] == ["Contrat", "Part", "Montant", "Actions", "Habitants", "€ par habitant"]
    assert lignes(reponse, "financeurs")[0][0] == "Financeur"
    assert textes(reponse, "//section[@id='piliers']//h2") == ["Part de chaque pilier dans vos lignes"]
    assert textes(reponse, "//section[@id='financeurs']//h2") == ["Vos lignes de financement"]
    assert not noeuds(reponse, "//line[classe('pv-barre__repere')]|//section[@id='constats']|//section[@id='levier']")


@pytest.mark.parametrize("parametres", [{}, {"base": "cout"}, {"base": "nombre"}, {"contrat": "caen"}])
def test_chaque_nombre_d_un_partenaire_borne_est_le_total_de_sa_liste(client, caf, exemple, parametres):
    adresse = {nom: identifiants(exemple, valeur) for nom, valeur in parametres.items()}
    for mots, lien in liens_vers_la_liste(lire(client, **adresse, annee=2026, departement="14")):
        assert total_de_la_liste(client, mots, lien) == en_nombre(mots), lien


def test_un_partenaire_borne_ne_choisit_pas_les_credits_p147(client, caf):
    reponse = lire(client, base="p147-accorde")
    assert textes(reponse, "//div[classe('fr-alert')]") == [
        "Vous ne lisez que vos lignes de financement : elles remplacent celles du P147."
    ]
    assert textes(reponse, "//select[@name='base']/option") == [
        "Coût prévisionnel",
        "Vos lignes, acquis",
        "Nombre d’actions",
    ]


def test_une_ville_qui_ne_voit_qu_un_contrat_le_lit_par_son_nom_et_ses_quartiers(client, exemple):
    client.force_login(habiliter(Role.PARTENAIRE, contrat=exemple.caen))
    reponse = lire(client)
    assert textes(reponse, "//h1") == ["Programmation 2026 du Calvados – Caen la mer"]
    assert textes(reponse, "//dl[classe('pv-portee')]/div")[0] == "Périmètre : Caen la mer"
    assert [ligne[0] for ligne in lignes(reponse, "quartiers")[1:4]] == ["Q1", "Q2", "Q3"]
    assert textes(reponse, "//select[@name='contrat']/option") == ["Caen la mer"]
    assert chiffres(reponse)[0][1] == "8 000,01 €"


def test_qui_voit_plusieurs_contrats_sans_le_departement_les_lit_par_leurs_noms(client, exemple):
    ContratFactory(intitule="Contrat de ville du Pays de Honfleur")
    personne = habiliter(Role.PARTENAIRE, contrat=exemple.caen)
    HabilitationFactory(utilisateur=personne, role=Role.PARTENAIRE, departement=None, contrat=exemple.lisieux)
    client.force_login(personne)
    assert textes(lire(client), "//dl[classe('pv-portee')]/div")[0] == (
        "Périmètre : contrats de ville Caen la mer et Lisieux"
    )


def test_le_delegue_lit_d_abord_ses_quartiers(client, exemple):
    reponse = arriver(client, habiliter(Role.DELEGUE, contrat=exemple.caen))
    assert textes(reponse, "//h1") == ["Mes quartiers : programmation 2026"]
    assert [noeud.get("id") for noeud in noeuds(reponse, "//main//section")][:2] == ["piliers", "quartiers"]
    assert len(noeuds(reponse, "//section[@id='quartiers']")) == 1
    lien = noeuds(reponse, "//main//a[text()='Tout le département']/@href")[0]
    assert textes(client.get(lien), "//h1") == ["Programmation 2026 du Calvados"]


@pytest.mark.parametrize("adresse", ["/", "/pilotage/"])
def test_sans_habilitation_la_page_dit_a_qui_s_adresser(client, db, adresse):
    client.force_login(UtilisateurFactory())
    reponse = client.get(adresse)
    assert reponse.status_code == 200
    assert textes(reponse, "//h1") == ["Aucun territoire ne vous est ouvert"]


# --- Vite ---


def requetes_du_tableau(client, django_assert_max_num_queries, **parametres):
    with django_assert_max_num_queries(21) as lues:
        lire(client, **parametres)
    return len(lues)


def test_le_nombre_de_requetes_ne_depend_pas_du_nombre_de_contrats(
    client, agent, exemple, django_assert_max_num_queries
):
    parametres = {"base": "tous-financeurs", "departement": "14", "annee": "2026"}
    avant = requetes_du_tableau(client, django_assert_max_num_queries, **parametres)
    for _ in range(3):
        quartier = QuartierFactory()
        action = action_programmee(contrat=quartier.contrat, pilier=exemple.emploi, thematique=exemple.insertion)
        cofinancement(action, exemple.caf, 500, 500)
        localiser(action, {quartier: 1})
    assert requetes_du_tableau(client, django_assert_max_num_queries, **parametres) == avant
    requetes_du_tableau(client, django_assert_max_num_queries, contrat=exemple.caen.pk, base="cout")


def ajouter_de_tout(exemple):
    """Une ligne de plus dans chaque section : un contrat, une enveloppe, un EJ payé, un compte rendu, une CPO."""
    quartier = QuartierFactory()
    mere = EnveloppeFactory(exercice=exemple.exercice)
    MouvementFactory(enveloppe=mere, ae=euros(9000))
    enveloppe = EnveloppeFactory(exercice=exemple.exercice, parent=mere)
    commun = {"contrat": quartier.contrat, "pilier": exemple.emploi, "thematique": exemple.insertion}
    cpo = {"duree": Duree.CPO, "cpo_rang": 1, "cpo_nombre": 3}
    action = action_programmee(enveloppe=enveloppe, **commun, **cpo)
    action.piliers_transversaux.add(exemple.valeurs)
    cofinancement(action, FinanceurFactory(), 500, 500)
    localiser(action, {quartier: 1})
    PrevisionPluriannuelle.objects.create(action=action, annee=2027, montant=euros(700))
    paiement(engagement(action, 800, numero=f"21{action.pk:08d}"), 300)
    Justification.objects.create(action=action, etat=EtatJustification.VALIDEE, recue_le=date(2026, 9, 1))


@pytest.mark.parametrize("base", ["p147-accorde", "p147-demande", "cout", "tous-financeurs"])
def test_vingt_requetes_quand_tout_est_rempli_a_une_et_a_trois_lignes(agent, exemple, base, django_assert_num_queries):
    """À l'automne, quand le quota se rappelle : la session et le compte, puis ces dix-huit-là."""
    NombreAnnonce.objects.create(departement=exemple.exercice.departement, objet="contrats", nombre=9, source="Source")
    for lignes_de_plus in (1, 2):
        for _ in range(lignes_de_plus):
            ajouter_de_tout(exemple)
        personne = Utilisateur.objects.get(pk=agent.pk)
        with django_assert_num_queries(18):
            portee = Portee(QueryDict(f"annee=2026&departement=14&base={base}"), personne)
            tableau = tableau_de_bord(portee, date(2026, 10, 1))
            str(PorteeForm(portee))
        assert all([tableau.a_venir, tableau.execution, tableau.enveloppes, tableau.nombres_a_comparer])


# --- Deux synthèses propres au tableau ---


def test_la_fraicheur_compte_le_decide_et_ce_qui_attend(exemple):
    lue = avancement(Action.objects.all(), ChoixDeBase()).fraicheur
    assert (lue.decidees, lue.en_attente) == (5, 1)
    lue = avancement(Action.objects.all(), ChoixDeBase(avec_pre=False), quartiers=[exemple.q1, exemple.q2]).fraicheur
    assert (lue.decidees, lue.en_attente) == (1, 1)


def test_les_departements_s_additionnent(exemple):
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    ActionFactory(exercice=gard)
    synthese = synthese_des_departements(Action.objects.all(), ChoixDeBase())
    assert [(li.departement.code, li.montant, li.nombre, li.part) for li in synthese.lignes] == [
        ("14", euros(10_000), 4, euros(100).quantize(euros(1)))
    ]
