"""Les écrans des enveloppes : ce qu'ils montrent, à qui, et ce qu'ils refusent de saisir."""

from datetime import date
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from comptes.enums import Role
from programmation.enums import NatureDecision, StatutExercice
from programmation.models import Decision, Enveloppe, MouvementEnveloppe
from programmation.operations import DemandeDeDecision, decider
from programmation.synthese import Part, barre, plafond
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    euros,
    habiliter,
    p147,
)
from tests.pages import noeuds, texte, textes
from tests.programmation.exemple_enveloppes import engagement, enveloppes_de_l_exemple, mouvement

pytestmark = pytest.mark.django_db

LISTE = "/programmation/enveloppes/"


@pytest.fixture
def exemple():
    return enveloppes_de_l_exemple()


@pytest.fixture
def responsable(client):
    personne = habiliter(Role.RESPONSABLE)
    client.force_login(personne)
    return personne


def fiche(enveloppe):
    return f"{LISTE}{enveloppe.pk}/"


def page(reponse):
    return " ".join(textes(reponse, "//main")).replace("\u202f", " ").replace("\xa0", " ")


def un_mouvement(**champs):
    defauts = {"nature": "notification", "ae": "100", "cp": "", "date": "2026-03-02", "reference": "", "motif": ""}
    return defauts | {"geste": str(uuid4())} | champs


def erreurs(reponse):
    return dict(reponse.context["formulaire"].errors)


# --- Lire ---


def test_l_arbre_montre_chaque_mere_suivie_de_ses_filles(client, responsable, exemple):
    reponse = client.get(LISTE)
    lignes = [[texte(cellule) for cellule in ligne.xpath("./th|./td")] for ligne in noeuds(reponse, "//tbody/tr")]
    assert [ligne[0] for ligne in lignes] == ["Crédits P147", "Caen la mer Caen la mer", "Lisieux Lisieux"]
    assert [cellule.replace("\u202f", " ").replace("\xa0", " ") for cellule in lignes[1][1:]] == [
        "60 000,00 €prévisionnel",
        "",
        "20 000,50 €",
        "39 999,50 €",
        "7 000,00 €",
        "32 999,50 €",
    ]
    assert "Proposé non décidé sans enveloppe : 1 500,00 €" in page(reponse)


def test_la_fiche_mene_de_chaque_segment_a_sa_liste_dont_le_total_est_le_segment(client, responsable, exemple):
    reponse = client.get(fiche(exemple.fille_caen))
    liens = noeuds(reponse, "//table[caption='Ce que porte l’enveloppe']//tbody//a/@href")
    segments = barre(exemple.fille_caen).segments
    assert [part.label for part in segments] == textes(reponse, "//table[1]//tbody/tr/th")[:5]
    for part, lien in zip(Part.des_actions(), liens, strict=False):
        assert client.get(lien).context["totaux"].reste == segments[part]
    assert liens[4] == f"{fiche(exemple.fille_caen)}#mouvements"


def test_la_fiche_dit_la_mere_qui_limite_le_non_reparti_et_les_credits(client, responsable, exemple):
    mouvement(exemple.mere, "prevision", -60_000)
    assert "Reste à décider : 39 999,50 €, mais Crédits P147 n’en permet que 15 999,50 €" in page(
        client.get(fiche(exemple.fille_caen))
    )
    lue = page(client.get(fiche(exemple.mere)))
    assert "Non réparti entre les sous-enveloppes : −50 000,00 € d’AE" in lue
    assert "Les sous-enveloppes ont 50 000,00 € de plus que leur mère." in lue
    assert "Notifié92 000,00 €87 000,00 €" in lue


def test_une_sur_programmation_se_dit_avec_les_attributions_les_plus_recentes(client, responsable, exemple):
    """60 000 − 45 000 gelés = 15 000 pour 20 000,50 accordés : 5 000,50 de trop."""
    mouvement(exemple.fille_caen, "prevision", -45_000)
    recente = ActionFactory(contrat=exemple.caen, intitule="La plus récente")
    DecisionFactory(action=recente, montant=euros(6_000), enveloppe=exemple.fille_caen, date=date(2026, 6, 1))
    lue = page(client.get(fiche(exemple.fille_caen)))
    assert "Sur-programmation de 11 000,50 €" in lue
    assert "01/06/2026 : La plus récente, 6 000,00 €" in lue
    assert f"15/04/2026 : {exemple.a1}" in lue, "6 000 ne couvrent pas 11 000,50"
    assert textes(client.get(LISTE), "//tbody//span[classe('fr-badge')]") == ["Sur-programmation"]


def test_une_decision_au_dela_du_disponible_se_lit_sur_la_fiche_et_dans_l_histoire_de_l_action(
    client, responsable, exemple
):
    FinanceurFactory(p147=True)
    action = ActionFactory(contrat=exemple.lisieux)
    p147(action, 30_000)
    demande = DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(27_000), exemple.fille_lisieux)
    accepte = {exemple.fille_lisieux.pk: euros(1_000)}
    decider([demande], par=responsable, motif="Arbitrage du préfet", depassements_acceptes=accepte)
    lue = page(client.get(fiche(exemple.mere)))
    assert "27 000,00 €1 000,00 €Arbitrage du préfet" in lue
    assert "au-delà du disponible de 1 000,00 €" in page(client.get(action.get_absolute_url()))


def test_engager_au_dela_de_l_accorde_se_dit(client, responsable, exemple):
    DecisionFactory(action=exemple.a1, nature="diminution", montant=euros(-8_000))
    assert "2 999,50 € sont engagés au-delà de l’accordé : désengager." in page(client.get(fiche(exemple.fille_caen)))


def test_un_exercice_sans_enveloppe_le_dit(client, responsable):
    ExerciceFactory()
    assert "Aucune enveloppe dans cet exercice." in page(client.get(LISTE))


def test_la_liste_et_la_fiche_font_autant_de_requetes_a_une_et_trois_filles(client, responsable, exemple):
    comptes = []
    for _ in range(2):
        siens = []
        for adresse in (LISTE, fiche(exemple.mere)):
            with CaptureQueriesContext(connection) as captees:
                client.get(adresse)
            siens.append(len(captees))
        comptes.append(siens)
        for _ in range(2):
            fille = EnveloppeFactory(exercice=exemple.exercice, parent=exemple.mere, contrat=ContratFactory())
            mouvement(fille, "prevision", 10)
            mouvement(exemple.mere, "prevision", 10)
    assert comptes[0] == comptes[1]


# --- Qui ---


@pytest.mark.parametrize("role", [Role.AGENT, Role.DELEGUE, Role.LECTEUR])
def test_l_etat_lit_sans_ecrire(client, exemple, role):
    client.force_login(habiliter(role))
    assert client.get(LISTE).status_code == 200
    assert "Enregistrer un mouvement" not in page(client.get(fiche(exemple.mere)))
    for geste in ("modifier/", "mouvement/", "redeployer/", "notification/"):
        assert client.get(f"{fiche(exemple.mere)}{geste}").status_code == 403
        assert client.post(f"{fiche(exemple.mere)}{geste}", un_mouvement()).status_code == 403


def test_un_partenaire_ne_voit_aucune_enveloppe(client, exemple):
    client.force_login(habiliter(Role.PARTENAIRE, contrat=exemple.caen))
    assert client.get(LISTE).status_code == 403
    assert client.get(fiche(exemple.fille_caen)).status_code == 404
    assert client.get(f"{fiche(exemple.fille_caen)}mouvement/").status_code == 404


def test_l_agent_d_un_contrat_lit_le_sien_et_celles_du_departement(client, exemple):
    client.force_login(habiliter(Role.AGENT, contrat=exemple.caen))
    assert textes(client.get(LISTE), "//tbody//th/a") == ["Crédits P147", "Caen la mer"]
    assert client.get(fiche(exemple.fille_lisieux)).status_code == 404
    assert "Les listes ne montrent que les actions de votre périmètre" in page(client.get(fiche(exemple.mere)))
    assert "Les listes ne montrent" not in page(client.get(fiche(exemple.fille_caen)))


def test_le_responsable_d_un_autre_departement_ne_la_trouve_pas(client, exemple):
    client.force_login(habiliter(Role.RESPONSABLE, departement=DepartementFactory(code="30")))
    assert client.get(fiche(exemple.mere)).status_code == 404
    assert client.post(f"{fiche(exemple.mere)}mouvement/", un_mouvement()).status_code == 404


def test_un_exercice_clos_se_lit_sans_gestes(client, responsable, exemple):
    exemple.exercice.statut = StatutExercice.CLOS
    exemple.exercice.save()
    nombre = MouvementEnveloppe.objects.count()
    lue = client.get(fiche(exemple.mere))
    assert "est clos : ses enveloppes ne changent plus" in page(lue)
    assert noeuds(lue, "//main//a[contains(@href, 'mouvement/')]") == []
    reponse = client.post(f"{fiche(exemple.mere)}mouvement/", un_mouvement())
    assert "est clos" in page(reponse)
    assert MouvementEnveloppe.objects.count() == nombre


# --- Créer, modifier ---


def test_creer_une_sous_enveloppe_depuis_la_fiche_de_sa_mere(client, responsable, exemple):
    adresse = f"{LISTE}ajouter/{exemple.exercice.pk}/"
    formulaire = client.get(f"{adresse}?parent={exemple.mere.pk}").context["formulaire"]
    assert formulaire.initial["parent"] == exemple.mere.pk
    donnees = {"libelle": "Été", "parent": exemple.mere.pk, "contrat": "", "dispositif": ""}
    reponse = client.post(adresse, donnees)
    ete = Enveloppe.objects.get(libelle="Été")
    assert (reponse.url, ete.parent) == (fiche(ete), exemple.mere)
    assert client.post(adresse, donnees).url == fiche(ete), "un double clic ne dit pas que le libellé est pris"
    assert Enveloppe.objects.filter(libelle="Été").count() == 1


def test_une_mere_qui_decide_ou_d_un_autre_exercice_ne_se_choisit_pas(client, responsable, exemple):
    ailleurs = EnveloppeFactory(exercice=ExerciceFactory(annee=2025))
    adresse = f"{LISTE}ajouter/{exemple.exercice.pk}/"
    for mere in (exemple.fille_caen, ailleurs):
        reponse = client.post(adresse, {"libelle": "Été", "parent": mere.pk})
        assert list(erreurs(reponse)) == ["parent"]


def test_modifier_refuse_un_libelle_pris(client, responsable, exemple):
    adresse = f"{fiche(exemple.fille_caen)}modifier/"
    champs = {"libelle": "Lisieux", "parent": exemple.mere.pk, "contrat": exemple.caen.pk}
    assert "porte déjà ce libellé" in page(client.post(adresse, champs))
    assert client.post(adresse, champs | {"libelle": "Caen"}).url == fiche(exemple.fille_caen)
    assert "Libellé : Caen la mer → Caen" in page(client.get(fiche(exemple.fille_caen)))


def test_deux_chefs_qui_modifient_la_meme_enveloppe_le_second_voit_le_conflit(client, responsable, exemple):
    adresse = f"{fiche(exemple.fille_caen)}modifier/"
    lue = client.get(adresse).context["formulaire"].initial["lue"]
    champs = {"parent": exemple.mere.pk, "contrat": exemple.caen.pk, "lue": lue}
    assert client.post(adresse, champs | {"libelle": "Caen"}).url == fiche(exemple.fille_caen)
    autre = habiliter(Role.RESPONSABLE)
    client.force_login(autre)
    reponse = client.post(adresse, champs | {"libelle": "Caen et Ifs"})
    assert f"« Caen » a changé entre-temps, par {responsable}" in page(reponse)
    exemple.fille_caen.refresh_from_db()
    assert exemple.fille_caen.libelle == "Caen"


# --- Mouvements ---


def test_un_montant_colle_avec_ses_espaces_est_lu_et_le_signe_suit_la_nature(client, responsable, exemple):
    reponse = client.post(
        f"{fiche(exemple.mere)}mouvement/", un_mouvement(nature="gel", ae="1\u202f234,50\xa0€", reference="N° 12")
    )
    assert reponse.url == fiche(exemple.mere)
    dernier = MouvementEnveloppe.objects.latest("pk")
    assert (dernier.ae, dernier.cp, dernier.reference) == (euros("-1234,50"), euros("-1234,50"), "N° 12")


@pytest.mark.parametrize(
    ("champs", "champ", "mots"),
    [
        ({"nature": "gel", "ae": "-5"}, "ae", "Gel\xa0» se déduit toujours"),
        ({"nature": "notification", "ae": "-5"}, "ae", "Notification\xa0» s’ajoute toujours"),
        ({"date": "0206-03-01"}, "date", "L’année doit être entre"),
        ({"date": "2206-03-01"}, "date", "L’année doit être entre"),
        ({"ae": "12,345"}, "ae", "deux décimales"),
        ({"ae": "1.234,50"}, "ae", "mélange"),
        ({"ae": "0"}, "ae", "en indiquer le montant"),
        ({"ae": ""}, "ae", "Renseigner"),
        ({"nature": "redeploiement"}, "nature", "choisir dans la liste"),
        ({"nature": ""}, "nature", "Choisir"),
        ({"geste": "double"}, "geste", ""),
    ],
)
def test_une_mauvaise_saisie_se_dit_sur_son_champ(client, responsable, exemple, champs, champ, mots):
    nombre = MouvementEnveloppe.objects.count()
    reponse = client.post(f"{fiche(exemple.mere)}mouvement/", un_mouvement(**champs))
    assert champ in erreurs(reponse)
    assert mots in str(erreurs(reponse)[champ])
    assert MouvementEnveloppe.objects.count() == nombre


def test_relever_une_sous_enveloppe_au_dessus_de_sa_mere_se_dit_en_tete(client, responsable, exemple):
    """60 000 + 30 000 + 10 000,01 > 100 000."""
    saisie = un_mouvement(nature="prevision", ae="10 000,01")
    lue = page(client.post(f"{fiche(exemple.fille_caen)}mouvement/", saisie))
    assert "Les sous-enveloppes de « Crédits P147 » feraient 100 000,01 € d’AE, plus que ses 100 000,00 €." in lue
    assert plafond(exemple.fille_caen) == euros(60_000)


@pytest.mark.parametrize(("complete", "dit"), [(False, True), (True, False)])
def test_un_gel_avant_la_notification_complete_dit_que_le_plafond_ne_change_pas(
    client, responsable, exemple, complete, dit
):
    if complete:
        type(exemple.mere).objects.filter(pk=exemple.mere.pk).update(notification_complete_le="2026-03-01")
    reponse = client.post(f"{fiche(exemple.mere)}mouvement/", un_mouvement(nature="gel", ae="100"), follow=True)
    assert ("enregistrer aussi une prévision négative" in " ".join(textes(reponse, "//body"))) == dit


def test_un_double_clic_n_enregistre_qu_une_fois(client, responsable, exemple):
    saisie = un_mouvement()
    reponses = [client.post(f"{fiche(exemple.mere)}mouvement/", saisie, follow=True) for _ in range(2)]
    assert "Ce mouvement est déjà enregistré." in " ".join(textes(reponses[1], "//body"))
    assert barre(exemple.mere).notifie.ae == euros(92_100)


def test_redeployer_et_annuler_depuis_le_journal(client, responsable, exemple):
    saisie = un_mouvement(nature="prevision", cible=exemple.fille_lisieux.pk, ae="10 000", motif="Été à Lisieux")
    assert client.post(f"{fiche(exemple.fille_caen)}redeployer/", saisie).url == fiche(exemple.fille_caen)
    assert [plafond(e) for e in (exemple.fille_caen, exemple.fille_lisieux)] == [euros(50_000), euros(40_000)]
    liens = noeuds(client.get(fiche(exemple.fille_lisieux)), "//a[.='Annuler']/@href")
    assert client.post(liens[-1], {"date": "2026-03-03", "motif": "Erreur"}).url == fiche(exemple.fille_lisieux)
    assert [plafond(e) for e in (exemple.fille_caen, exemple.fille_lisieux)] == [euros(60_000), euros(30_000)]
    assert "annule : Prévision du 02/03/2026" in page(client.get(fiche(exemple.fille_caen)))
    encore = client.post(liens[-1], {"date": "2026-03-03", "motif": "Erreur"}, follow=True)
    assert "Ce mouvement est déjà annulé." in " ".join(textes(encore, "//body"))


@pytest.mark.parametrize("vers", ["fille_caen", "mere", "ailleurs"])
def test_on_ne_redeploie_ni_vers_soi_ni_vers_sa_mere_ni_vers_un_autre_exercice(client, responsable, exemple, vers):
    exemple.ailleurs = EnveloppeFactory(exercice=ExerciceFactory(annee=2025))
    saisie = un_mouvement(nature="prevision", cible=getattr(exemple, vers).pk, motif="Essai")
    assert list(erreurs(client.post(f"{fiche(exemple.fille_caen)}redeployer/", saisie))) == ["cible"]


def test_declarer_deux_fois_la_notification_complete_n_y_revient_pas(client, responsable, exemple):
    """Le même envoi, avec son motif, reçu deux fois : le second ne se lit pas comme un retour en arrière."""
    adresse = f"{fiche(exemple.mere)}notification/"
    for _ in range(2):
        assert client.post(adresse, {"date": "2026-03-02", "motif": "Courrier reçu"}).url == fiche(exemple.mere)
    assert Enveloppe.objects.get(pk=exemple.mere.pk).notification_complete_le == date(2026, 3, 2)
    assert Enveloppe.history.filter(id=exemple.mere.pk, notification_complete_le__isnull=False).count() == 1


def test_declarer_la_notification_complete_puis_y_revenir(client, responsable, exemple):
    adresse = f"{fiche(exemple.mere)}notification/"
    assert client.post(adresse, {"date": "2026-09-28", "motif": ""}).url == fiche(exemple.mere)
    assert plafond(exemple.mere) == euros(92_000)
    assert list(erreurs(client.post(adresse, {"motif": ""}))) == ["motif"]
    client.post(adresse, {"motif": "Un complément arrive"})
    assert plafond(exemple.mere) == euros(100_000)


# --- La même barre ailleurs ---


def test_la_meme_barre_est_au_tableau_de_bord_a_la_fiche_du_contrat_et_a_la_decision(client, responsable, exemple):
    FinanceurFactory(p147=True)
    for adresse in (
        f"/pilotage/?exercice={exemple.exercice.pk}",
        f"/pilotage/?exercice={exemple.exercice.pk}&contrat={exemple.caen.pk}",
        f"/territoires/contrats/{exemple.caen.pk}/",
        f"/programmation/actions/{exemple.a3.pk}/decider/",
    ):
        lignes = textes(client.get(adresse), f"//tr[th/a[@href='{fiche(exemple.fille_caen)}']]")
        assert len(lignes) == 1, adresse
        assert "39 999,50 €" in lignes[0].replace("\u202f", " ").replace("\xa0", " ")


def test_sur_chaque_ecran_les_segments_font_le_plafond_en_vigueur(client, responsable, exemple):
    """92 000 notifiés moins 32 000 retirés, pour 24 000,50 accordés : le plafond n'est plus le prévisionnel."""
    mouvement(exemple.mere, "retrait", -32_000)
    Enveloppe.objects.filter(pk=exemple.mere.pk).update(notification_complete_le=date(2026, 9, 28))
    engagement(exemple.a2, 9_000)
    attendue = barre(exemple.mere)
    assert (attendue.plafond, sum(attendue.segments.values())) == (euros(60_000), euros(60_000))
    tableau = client.get("/pilotage/", {"exercice": exemple.exercice.pk}).context["tableau"].enveloppes
    liste = client.get(LISTE, {"exercice": exemple.exercice.pk}).context["groupes"][0][1]
    du_contrat = client.get("/pilotage/", {"contrat": exemple.caen.pk}).context["tableau"].enveloppes
    filles = client.get(fiche(exemple.mere)).context["filles"]
    assert {e.enveloppe.pk: e.barre for e in tableau} == {e.enveloppe.pk: e.barre for e in liste}
    assert {e.enveloppe.pk: e.barre for e in tableau}[exemple.mere.pk] == attendue
    assert [(e.enveloppe, e.niveau, e.barre) for e in du_contrat] == [
        (exemple.fille_caen, 0, barre(exemple.fille_caen))
    ]
    for ligne in [*tableau, *liste, *du_contrat, *filles]:
        assert sum(ligne.barre.segments.values()) == ligne.barre.plafond


def test_un_partenaire_n_en_lit_rien_au_tableau_de_bord(client, exemple):
    client.force_login(habiliter(Role.PARTENAIRE, contrat=exemple.caen))
    for adresse in ("/pilotage/", f"/territoires/contrats/{exemple.caen.pk}/"):
        assert noeuds(client.get(adresse), "//*[@id='enveloppes']") == []


def test_la_decision_saisie_garde_son_depassement(client, responsable, exemple):
    FinanceurFactory(p147=True)
    donnees = {
        "nature": "attribution",
        "montant": "50 000,00",
        "enveloppe": exemple.fille_caen.pk,
        "date": "2026-10-01",
        "motif": "Arbitrage",
        "version": exemple.a3.version,
        "depassement": f"{exemple.fille_caen.pk}-1000050",
    }
    client.post(f"/programmation/actions/{exemple.a3.pk}/decider/", donnees)
    assert Decision.objects.latest("pk").depassement == euros("10000,50")


# --- Rattacher ---


def test_rattacher_fait_entrer_le_propose_dans_la_barre_de_son_enveloppe(client, exemple):
    """A4 est de Caen : ses 1 500 € proposés s'ajoutent aux 7 000 ; une action du département n'a que des contrats."""
    client.force_login(habiliter(Role.AGENT))
    ActionFactory(departementale=True, exercice=exemple.exercice)
    adresse = f"{LISTE}rattacher/{exemple.exercice.pk}/"
    assert noeuds(client.get(LISTE), f"//a[@href='{adresse}']")
    avant = page(client.get(adresse))
    assert "Caen la mer" in avant
    assert "1 action n’a pas d’enveloppe qui s’impose : elle se choisira à la décision." in avant
    assert "1 action rattachée." in " ".join(textes(client.post(adresse, follow=True), "//body"))
    assert barre(exemple.fille_caen).propose == euros(8_500)
    exemple.a4.refresh_from_db()
    assert (exemple.a4.enveloppe, exemple.a4.version) == (exemple.fille_caen, 2)
    assert "0 action rattachée." in " ".join(textes(client.post(adresse, follow=True), "//body")), "un second clic"


def test_une_action_restee_dans_une_enveloppe_divisee_se_rattache_a_la_feuille(client, exemple):
    client.force_login(habiliter(Role.AGENT))
    reste = ActionFactory(contrat=exemple.lisieux, enveloppe=exemple.mere)
    departementale = ActionFactory(departementale=True, exercice=exemple.exercice, enveloppe=exemple.mere)
    client.post(f"{LISTE}rattacher/{exemple.exercice.pk}/")
    for action in (reste, departementale):
        action.refresh_from_db()
    assert (reste.enveloppe, departementale.enveloppe) == (exemple.fille_lisieux, exemple.mere)


def test_un_exercice_clos_ne_rattache_rien(client, exemple):
    client.force_login(habiliter(Role.AGENT))
    exemple.exercice.statut = StatutExercice.CLOS
    exemple.exercice.save()
    adresse = f"{LISTE}rattacher/{exemple.exercice.pk}/"
    assert "est clos" in page(client.get(adresse))
    client.post(adresse)
    exemple.a4.refresh_from_db()
    assert exemple.a4.enveloppe is None
