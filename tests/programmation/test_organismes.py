"""Le répertoire des organismes : chercher, créer, modifier, fusionner, et ce que chacun y voit."""

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from comptes.enums import Role
from programmation import operations
from programmation.forms.organismes import proposer
from programmation.models import Etablissement, Organisme, PartenaireFinanceur
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinanceurFactory,
    OrganismeFactory,
    action_programmee,
    avec_cle_de_luhn,
    cofinancement,
    euros,
    habiliter,
    p147,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

LISTE = "/programmation/organismes/"
AJOUTER = "/programmation/organismes/ajouter/"
SIREN = avec_cle_de_luhn("00098765")
SIRET = avec_cle_de_luhn(f"{SIREN}0001")
AUTRE_SIRET = avec_cle_de_luhn(f"{SIREN}0002")
FAUX_SIRET = SIRET[:-1] + str((int(SIRET[-1]) + 1) % 10)
INSECABLE, FINE = "\u00a0", "\u202f"


@pytest.fixture
def utilisateur():
    return habiliter(Role.AGENT)


@pytest.fixture
def agent(client, utilisateur):
    client.force_login(utilisateur)
    return client


def adresse(nom, organisme):
    return reverse(f"programmation:{nom}", args=[organisme.pk])


def noms(reponse):
    return [organisme.nom for organisme, _ in reponse.context["lignes"]]


# --- Chercher un porteur ---


def libelles(reponse):
    return [proposition.libelle for proposition in reponse.propositions]


def test_un_nom_sans_accent_propose_l_organisme_et_chacun_de_ses_etablissements(utilisateur):
    organisme = OrganismeFactory(nom="Régie des Écoles")
    OrganismeFactory(nom="Autre chose")
    premier, second = EtablissementFactory(organisme=organisme), EtablissementFactory(organisme=organisme)
    reponse = proposer("ecole regie", utilisateur)
    assert libelles(reponse) == [f"Régie des Écoles – {premier.siret}", f"Régie des Écoles – {second.siret}"]


def test_un_organisme_sans_etablissement_se_propose_aussi(utilisateur):
    OrganismeFactory(nom="Amicale du Bois")
    assert libelles(proposer("amicale", utilisateur)) == ["Amicale du Bois"]


def test_un_siret_colle_avec_des_espaces_propose_son_organisme(utilisateur):
    etablissement = EtablissementFactory(siret=SIRET)
    colle = f"{SIRET[:3]} {SIRET[3:6]} {SIRET[6:9]} {SIRET[9:]}"
    assert [p.etablissement for p in proposer(colle, utilisateur).propositions] == [etablissement]


def test_un_siret_juste_et_inconnu_se_cree(utilisateur):
    reponse = proposer(SIRET, utilisateur)
    assert (reponse.propositions, reponse.siret_a_creer, reponse.refus) == ([], SIRET, "")


def test_un_siret_inconnu_dont_le_siren_est_connu_va_a_son_organisme(utilisateur):
    organisme = OrganismeFactory(siren=SIREN)
    reponse = proposer(SIRET, utilisateur)
    assert (reponse.siret_a_creer, reponse.organisme_du_siren) == (SIRET, organisme)


@pytest.mark.parametrize(
    ("numero", "raison"),
    [
        (FAUX_SIRET, "La clé du SIRET"),
        ("00098765400", "Un SIRET compte 14 chiffres"),
        (str(int(SIREN) + 1).zfill(9), "La clé du SIREN"),
    ],
)
def test_un_numero_faux_dit_pourquoi(utilisateur, numero, raison):
    reponse = proposer(numero, utilisateur)
    assert reponse.refus.startswith(raison)
    assert (reponse.propositions, reponse.siret_a_creer) == ([], "")


def test_un_organisme_fusionne_renvoie_a_sa_cible(utilisateur):
    source, cible = OrganismeFactory(nom="Ass. Vivre"), OrganismeFactory(nom="Association Vivre Ensemble")
    ancien = EtablissementFactory(organisme=source, siret=SIRET)
    operations.fusionner(source, cible, par=utilisateur, motif="Doublon")
    [par_siret] = proposer(SIRET, utilisateur).propositions
    assert (par_siret.organisme, par_siret.etablissement, par_siret.ancien_nom) == (cible, ancien, "Ass. Vivre")
    [par_nom] = proposer("ass. vivre", utilisateur).propositions
    assert par_nom.organisme == cible


@pytest.mark.parametrize("texte", ["", " ", "a", "%", "'", "\u00a0"])
def test_trop_peu_de_texte_ne_propose_rien(utilisateur, texte):
    OrganismeFactory(nom="Amicale")
    assert proposer(texte, utilisateur).propositions == []


def test_la_recherche_rend_des_options_et_une_phrase(agent):
    OrganismeFactory(nom="Amicale <b>du</b> Bois")
    page = agent.get("/programmation/organismes/chercher/", {"porteur_texte": "amicale"}).content.decode()
    assert page.count('role="option"') == 2
    assert "Amicale &lt;b&gt;du&lt;/b&gt; Bois" in page
    assert "1 porteur proposé." in page
    assert "Créer un organisme" in page


# --- Créer sur place ---


def creer_sur_place(client, **champs):
    donnees = {"organisme-forme": "association", "organisme-droit": "prive", **champs}
    return client.post(AJOUTER, donnees, headers={"HX-Request": "true"})


def porteur_choisi(reponse):
    return json.loads(reponse.headers["HX-Trigger"])["porteur-choisi"]


def test_un_porteur_se_cree_sans_quitter_la_saisie(agent, utilisateur):
    reponse = creer_sur_place(agent, **{"organisme-siret": SIRET, "organisme-nom": "Les Amis d’Hérouville"})
    organisme = Organisme.objects.get()
    assert (organisme.nom, organisme.siren) == ("Les Amis d’Hérouville", SIREN)
    assert porteur_choisi(reponse) == {
        "porteur": organisme.pk,
        "etablissement": Etablissement.objects.get(siret=SIRET).pk,
        "libelle": f"Les Amis d’Hérouville – {SIRET}",
    }
    assert organisme.history.get().history_user == utilisateur


def messages_apres(client, **champs):
    donnees = {"forme": "association", "droit": "prive"} | champs
    page = client.post(AJOUTER, donnees, follow=True)
    return [str(message) for message in page.context["messages"]]


def test_un_organisme_du_meme_nom_sans_siret_est_signale_sans_etre_refuse(agent):
    premier = OrganismeFactory(nom="Régie Vivre", siren=None)
    avertis = messages_apres(agent, nom="regie  vivre")
    assert Organisme.objects.count() == 2
    assert f'href="{adresse("organisme_detail", premier)}"' in avertis[0]
    assert "s’appelle déjà" in avertis[0]
    assert "s’appelle déjà" in messages_apres(agent, nom="Régie Vivre", siret=SIRET)[0], "le premier n'a pas de numéro"


def test_deux_numeros_ou_deux_noms_ne_signalent_rien(agent):
    OrganismeFactory(nom="Régie Vivre", siren=avec_cle_de_luhn("00012345"))
    for champs in ({"nom": "Régie Vivre", "siret": SIRET}, {"nom": "Régie Vivre Ensemble"}):
        assert not any("s’appelle déjà" in message for message in messages_apres(agent, **champs))


def test_le_siret_d_un_organisme_existant_le_propose_au_lieu_d_en_creer_un_second(agent):
    existant = EtablissementFactory(siret=SIRET, organisme=OrganismeFactory(nom="Les Amis"))
    reponse = creer_sur_place(agent, **{"organisme-siret": SIRET, "organisme-nom": "Amis (Les)"})
    page = reponse.content.decode()
    assert "HX-Trigger" not in reponse.headers
    assert f'data-etablissement="{existant.pk}"' in page
    assert "Cet organisme est déjà au répertoire" in page
    assert Organisme.objects.count() == 1


def test_un_siren_connu_propose_d_y_ajouter_le_siret(agent):
    organisme = OrganismeFactory(nom="Les Amis", siren=SIREN)
    champs = {"organisme-siret": AUTRE_SIRET, "organisme-nom": "Les Amis, antenne"}
    page = creer_sur_place(agent, **champs).content.decode()
    assert f'name="rattacher" value="{organisme.pk}"' in page
    reponse = creer_sur_place(agent, rattacher=organisme.pk, **champs)
    assert porteur_choisi(reponse)["libelle"] == f"Les Amis – {AUTRE_SIRET}"
    assert list(organisme.etablissements.values_list("siret", flat=True)) == [AUTRE_SIRET]


@pytest.mark.parametrize("cle", ["999999", "abc", "", "99999999999999999999"])
def test_rattacher_a_un_organisme_qui_n_existe_pas_est_introuvable(agent, cle):
    assert creer_sur_place(agent, rattacher=cle, **{"organisme-siret": SIRET}).status_code == 404
    assert not Etablissement.objects.exists()


def test_rattacher_un_siret_faux_est_refuse(agent):
    organisme = OrganismeFactory()
    page = creer_sur_place(agent, rattacher=organisme.pk, **{"organisme-siret": FAUX_SIRET}).content.decode()
    assert "La clé du SIRET" in page
    assert not Etablissement.objects.exists()


@pytest.mark.parametrize(("siret", "phrase"), [(FAUX_SIRET, "La clé du SIRET"), ("12AB", "n’est pas un SIRET")])
def test_un_siret_faux_est_refuse_avec_sa_raison(agent, siret, phrase):
    page = creer_sur_place(agent, **{"organisme-siret": siret, "organisme-nom": "Les Amis"}).content.decode()
    assert phrase in page
    assert not Organisme.objects.exists()


# --- Répertoire ---


def test_la_liste_montre_les_vivants_et_la_recherche_trouve_aussi_les_fusionnes(agent, utilisateur):
    source, cible = OrganismeFactory(nom="Écureuils de Caen"), OrganismeFactory(nom="Les Écureuils")
    operations.fusionner(source, cible, par=utilisateur, motif="Doublon")
    assert noms(agent.get(LISTE)) == ["Les Écureuils"]
    assert noms(agent.get(LISTE, {"q": "ecureuils"})) == ["Écureuils de Caen", "Les Écureuils"]
    assert "Aucun organisme ne répond" in agent.get(LISTE, {"q": "introuvable"}).content.decode()


def test_la_liste_compte_les_actions_visibles_celles_des_absorbes_comprises(agent, utilisateur):
    source, cible = OrganismeFactory(nom="A"), OrganismeFactory(nom="B")
    ActionFactory(porteur=source)
    ActionFactory.create_batch(2, porteur=cible)
    ActionFactory(porteur=cible, exercice=ExerciceFactory(departement=DepartementFactory(code="30")))
    operations.fusionner(source, cible, par=utilisateur, motif="Doublon")
    assert agent.get(LISTE).context["lignes"] == [(cible, 3)]


@pytest.mark.parametrize(
    "texte",
    ["gazelles", "AGC", SIREN, f"{SIREN[:3]} {SIREN[3:6]} {SIREN[6:]}", SIRET, f"{SIREN} {SIRET[9:]}", "w142 001 234"],
)
def test_le_repertoire_et_la_fusion_se_cherchent_par_nom_sigle_siren_siret_et_rna(agent, texte):
    cherche = OrganismeFactory(nom="Les Gazelles", sigle="AGC", siren=SIREN, rna="W142001234")
    EtablissementFactory(organisme=cherche, siret=SIRET)
    autre = OrganismeFactory(nom="Tout autre")
    assert noms(agent.get(LISTE, {"q": texte})) == ["Les Gazelles"]
    assert list(agent.get(adresse("organisme_fusionner", autre), {"q": texte}).context["candidats"]) == [cherche]


def test_un_siret_inconnu_trouve_l_organisme_de_son_siren(agent):
    OrganismeFactory(nom="Les Gazelles", siren=SIREN)
    assert noms(agent.get(LISTE, {"q": AUTRE_SIRET})) == ["Les Gazelles"]
    assert noms(agent.get(LISTE, {"q": avec_cle_de_luhn("0001234500001")})) == []


def test_le_nombre_d_actions_mene_a_elles_et_un_organisme_d_ailleurs_le_dit(agent):
    ici, ailleurs = OrganismeFactory(nom="A"), OrganismeFactory(nom="B")
    ActionFactory(porteur=ici)
    ActionFactory(porteur=ailleurs, exercice=ExerciceFactory(departement=DepartementFactory(code="30")))
    page = agent.get(LISTE)
    assert textes(page, "//tbody/tr/td[3]") == ["1", "aucune"]
    assert [lien.get("href") for lien in noeuds(page, "//tbody//td/a")] == [
        f"{adresse('organisme_detail', ici)}#actions"
    ]


def test_la_liste_ne_lit_pas_plus_pour_trois_que_pour_un(agent, django_assert_num_queries):
    for nombre in (1, 2):
        ActionFactory.create_batch(nombre)
        with django_assert_num_queries(6):
            agent.get(LISTE)


def test_cinquante_organismes_par_page(agent):
    OrganismeFactory.create_batch(51)
    assert len(noms(agent.get(LISTE))) == 50
    assert len(noms(agent.get(LISTE, {"page": 2}))) == 1


# --- Fiche ---


def test_la_fiche_dit_les_numeros_et_les_actions_par_exercice_avec_leurs_totaux(agent):
    organisme = OrganismeFactory(nom="Régie", siren=SIREN)
    EtablissementFactory(organisme=organisme, siret=SIRET)
    action_programmee(1000, demande=1500, porteur=organisme)
    action_programmee("500.01", demande=600, porteur=organisme)
    p147(ActionFactory(porteur=organisme, exercice=ExerciceFactory(annee=2025)), 700)
    p147(ActionFactory(porteur=organisme, exercice=ExerciceFactory(departement=DepartementFactory(code="30"))), 9999)
    reponse = agent.get(adresse("organisme_detail", organisme))
    totaux = [
        (annee["exercice"].annee, len(annee["actions"]), annee["demande"], annee["accorde"])
        for annee in reponse.context["annees"]
    ]
    assert totaux == [(2026, 2, euros(2100), euros("1500.01")), (2025, 1, euros(700), euros(0))]
    page = reponse.content.decode()
    assert SIRET in page
    assert f"1{FINE}500,01{INSECABLE}€" in page
    assert "9" + FINE + "999" not in page


def test_la_fiche_lit_aussi_les_actions_des_organismes_absorbes(agent, utilisateur):
    source, cible = OrganismeFactory(nom="Source"), OrganismeFactory(nom="Cible")
    ActionFactory(porteur=source, intitule="Venue de la source")
    operations.fusionner(source, cible, par=utilisateur, motif="Doublon")
    page = agent.get(adresse("organisme_detail", cible)).content.decode()
    assert "Venue de la source" in page
    assert "A absorbé" in page
    assert "Fusionné dans" in agent.get(adresse("organisme_detail", source)).content.decode()


def test_la_fiche_ne_lit_pas_plus_pour_trois_actions_que_pour_une(agent, django_assert_num_queries):
    seul, fourni = OrganismeFactory(), OrganismeFactory()
    action_programmee(1000, porteur=seul)
    for annee in (2024, 2025, 2026):
        action_programmee(1000, porteur=fourni, exercice=ExerciceFactory(annee=annee))
    with CaptureQueriesContext(connection) as requetes:
        agent.get(adresse("organisme_detail", seul))
    with django_assert_num_queries(len(requetes)):
        agent.get(adresse("organisme_detail", fourni))


# --- Créer, modifier ---


def champs(**autres):
    return {"nom": "Les Amis", "forme": "association", "droit": "prive", **autres}


def test_un_organisme_se_cree_depuis_le_repertoire(agent):
    reponse = agent.post(AJOUTER, champs(siret=SIRET, rna="w 142 001 234", sigle="LA"))
    organisme = Organisme.objects.get()
    assert reponse.url == adresse("organisme_detail", organisme)
    assert (organisme.siren, organisme.rna, organisme.etablissements.get().siret) == (SIREN, "W142001234", SIRET)


@pytest.mark.parametrize(
    ("saisi", "fautif"),
    [
        ({"nom": ""}, "nom"),
        ({"siret": FAUX_SIRET}, "siret"),
        ({"siren": "123"}, "siren"),
        ({"rna": "142"}, "rna"),
        ({"courriel": "pas un courriel"}, "courriel"),
        ({"forme": "club"}, "forme"),
    ],
)
def test_un_organisme_faux_est_refuse_sur_son_champ(agent, saisi, fautif):
    reponse = agent.post(AJOUTER, champs(**saisi))
    assert list(reponse.context["formulaire"].errors) == [fautif]
    assert not Organisme.objects.exists()


def test_modifier_un_organisme_garde_la_trace_et_peut_ajouter_un_siret(agent, utilisateur):
    organisme = OrganismeFactory(nom="Avant", siren=SIREN)
    EtablissementFactory(organisme=organisme, siret=SIRET)
    agent.post(adresse("organisme_update", organisme), champs(nom="Après", siren=SIREN, siret=AUTRE_SIRET))
    organisme.refresh_from_db()
    assert (organisme.nom, organisme.history.latest().history_user) == ("Après", utilisateur)
    assert list(organisme.etablissements.values_list("siret", flat=True)) == sorted([SIRET, AUTRE_SIRET])


def test_le_siret_d_un_autre_ne_se_prend_pas(agent):
    EtablissementFactory(siret=SIRET, organisme=OrganismeFactory(nom="Le premier"))
    organisme = OrganismeFactory(nom="Le second")
    reponse = agent.post(adresse("organisme_update", organisme), champs(nom="Le second", siret=SIRET))
    assert "déjà celui de" in str(reponse.context["formulaire"].errors["siret"])
    assert "Le premier" in reponse.content.decode()
    assert not organisme.etablissements.exists()


# --- Fusionner ---


@pytest.fixture
def doublons():
    source, cible = OrganismeFactory(nom="Ass Vivre"), OrganismeFactory(nom="Association Vivre")
    ActionFactory(porteur=source)
    return source, cible


def test_fusionner_montre_l_apercu_puis_demande_un_motif(agent, doublons):
    source, cible = doublons
    choisir = agent.get(adresse("organisme_fusionner", source), {"q": "vivre"})
    assert list(choisir.context["candidats"]) == [cible]
    apercu = agent.get(adresse("organisme_fusionner", source), {"cible": cible.pk})
    assert apercu.context["cotes"] == [(source, 1), (cible, 0)]
    sans_motif = agent.post(adresse("organisme_fusionner", source), {"cible": cible.pk, "motif": " "})
    assert list(sans_motif.context["formulaire"].errors) == ["motif"]
    source.refresh_from_db()
    assert source.fusionne_dans is None


def test_une_fusion_garde_les_actions_et_se_defait(agent, doublons):
    source, cible = doublons
    action = source.actions.get()
    reponse = agent.post(adresse("organisme_fusionner", source), {"cible": cible.pk, "motif": "Doublon"})
    source.refresh_from_db()
    assert (reponse.url, source.fusionne_dans) == (adresse("organisme_detail", cible), cible)
    agent.post(adresse("organisme_annuler_fusion", source), {"motif": "Ce sont deux associations"})
    source.refresh_from_db()
    action.refresh_from_db()
    assert (source.fusionne_dans, action.porteur) == (None, source)
    assert [h.history_change_reason for h in source.history.all()[:2]] == ["Ce sont deux associations", "Doublon"]


@pytest.mark.parametrize("cible", ["", "abc", "0", "99999999999999999999"])
def test_fusionner_dans_rien_revient_au_choix(agent, doublons, cible):
    source, _ = doublons
    assert agent.post(adresse("organisme_fusionner", source), {"cible": cible, "motif": "x"}).status_code == 200
    source.refresh_from_db()
    assert source.fusionne_dans is None


def test_on_ne_fusionne_ni_en_soi_meme_ni_en_chaine(agent, utilisateur, doublons):
    source, cible = doublons
    agent.post(adresse("organisme_fusionner", source), {"cible": source.pk, "motif": "x"})
    operations.fusionner(source, cible, par=utilisateur, motif="Doublon")
    troisieme = OrganismeFactory()
    reponse = agent.post(adresse("organisme_fusionner", cible), {"cible": troisieme.pk, "motif": "x"})
    assert "a déjà absorbé" in reponse.content.decode()
    cible.refresh_from_db()
    assert cible.fusionne_dans is None


def test_annuler_une_fusion_qui_n_existe_pas_le_dit(agent):
    organisme = OrganismeFactory()
    reponse = agent.post(adresse("organisme_annuler_fusion", organisme), {"motif": "x"})
    assert "n’est pas fusionné" in str(reponse.context["formulaire"].errors)


# --- Qui voit, qui écrit ---

ECRITURES = ["organisme_update", "organisme_fusionner", "organisme_annuler_fusion"]


@pytest.mark.parametrize("role", [Role.DELEGUE, Role.LECTEUR])
def test_qui_lit_ne_voit_aucun_bouton_et_n_ecrit_rien(client, role):
    client.force_login(habiliter(role))
    organisme = OrganismeFactory()
    for page in (client.get(LISTE), client.get(adresse("organisme_detail", organisme))):
        assert not re.search(r"Ajouter|Modifier|Fusionner", page.content.decode())
    for nom in ECRITURES:
        assert client.get(adresse(nom, organisme)).status_code == 403
        assert client.post(adresse(nom, organisme), {"motif": "x"}).status_code == 403
    assert client.get(AJOUTER).status_code == 403
    assert creer_sur_place(client, **{"organisme-nom": "x"}).status_code == 403
    assert client.get("/programmation/organismes/chercher/").status_code == 403


def test_un_partenaire_ne_voit_que_les_porteurs_de_ses_actions(client):
    contrat = ContratFactory()
    sien, autre = OrganismeFactory(nom="Le sien"), OrganismeFactory(nom="Un autre")
    ActionFactory(contrat=contrat, porteur=sien)
    ActionFactory(porteur=autre)
    client.force_login(habiliter(Role.PARTENAIRE, contrat=contrat))
    assert noms(client.get(LISTE)) == ["Le sien"]
    assert noms(client.get(LISTE, {"q": "autre"})) == []
    assert client.get(adresse("organisme_detail", sien)).status_code == 200
    assert client.get(adresse("organisme_detail", autre)).status_code == 404
    assert client.get(adresse("organisme_update", sien)).status_code == 403
    assert client.get(adresse("organisme_update", autre)).status_code == 404


def test_un_partenaire_borne_a_un_financeur_ne_lit_pas_le_p147(client):
    contrat, caf = ContratFactory(), FinanceurFactory(nom="CAF", famille="caf")
    action = ActionFactory(contrat=contrat)
    p147(action, 4321)
    cofinancement(action, caf, 50)
    partenaire = habiliter(Role.PARTENAIRE, contrat=contrat)
    PartenaireFinanceur.objects.create(habilitation=partenaire.habilitations.get(), financeur=caf)
    client.force_login(partenaire)
    page = client.get(adresse("organisme_detail", action.porteur)).content.decode()
    assert action.intitule in page
    assert "321,00" not in page
