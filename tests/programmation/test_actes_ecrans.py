"""Les écrans des actes : la liste et ses états, établir, relire, signer, notifier, remplacer ; qui fait quoi."""

from datetime import date
from types import SimpleNamespace

import pytest
from django.urls import reverse

from comptes.enums import Role
from programmation import operations
from programmation.enums import NatureActe, NatureCourrier, NatureDecision, StatutExercice
from programmation.models import Acte, Decision, Exercice, ModeleDeCourrier, Parametre
from programmation.operations import SaisieDActe
from tests.fabriques import (
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    ExerciceFactory,
    OrganismeFactory,
    action_programmee,
    euros,
    habiliter,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db


@pytest.fixture
def a(client):
    """Deux actions d'une association et un modèle d'arrêté ; l'agent du Calvados est connecté."""
    a = SimpleNamespace(exercice=ExerciceFactory(annee=2025), contrat=ContratFactory())
    a.porteur = OrganismeFactory(nom="Les Tilleuls")
    a.agent = habiliter(Role.AGENT, departement=a.exercice.departement)
    commun = {"exercice": a.exercice, "contrat": a.contrat, "porteur": a.porteur}
    a.lecture = action_programmee(6000, intitule="Lecture", **commun)
    a.sport = action_programmee(4000, intitule="Sport", **commun)
    corps = "{{ porteur }} reçoit {{ montant }}."
    ModeleDeCourrier.objects.create(
        nature=NatureCourrier.ARRETE, nom="Arrêté", objet="Arrêté {{ annee }}", corps=corps, signataire="Le préfet"
    )
    client.force_login(a.agent)
    return a


def url(nom, *args):
    return reverse(f"programmation:acte_{nom}", args=args)


def envoi(*decisions, **champs):
    donnees = {"nature": "arrete", "decisions": [d.pk for d in decisions], "numero": "", "objet": "", "modele": ""}
    return donnees | {"action": [d.action_id for d in decisions]} | champs


def acte_de(a, *actions, **champs):
    saisie = {"nature": NatureActe.ARRETE, "objet": "Subvention", "decisions": decisions_de(*actions)} | champs
    return operations.rediger_un_acte(SaisieDActe(**saisie), par=a.agent)


def decisions_de(*actions):
    return list(Decision.objects.filter(action__in=actions).order_by("pk"))


def signe(a, acte, signe_le=date(2025, 5, 2), notifie_le=None):
    options = {"numero": acte.numero or "", "signe_le": signe_le, "notifie_le": notifie_le}
    return operations.dater_un_acte(acte, **options, par=a.agent)


def liste(client, **parametres):
    return client.get(url("list"), {"annee": "2025", "departement": "14"} | parametres)


# --- La liste ---


def test_la_liste_compte_les_actes_par_etat_et_les_actions_a_etablir(client, a):
    signe(a, acte_de(a, a.lecture, numero="2025-1"))
    page = liste(client)
    assert textes(page, "//ul[classe('fr-tags-group')]/li") == [
        "À établir : 1",
        "À signer : 0",
        "À notifier : 1",
        "Notifié : 0",
        "Remplacé : 0",
    ]
    assert textes(page, "//tbody/tr/*")[:5] == [
        "Arrêté attributif n° 2025-1",
        "Les Tilleuls",
        "Subvention",
        "6 000,00 €",
        "À notifier",
    ]


def test_les_actions_a_etablir_menent_a_l_acte(client, a):
    signe(a, acte_de(a, a.lecture))
    page = liste(client, etat="a_etablir")
    assert textes(page, "//tbody/tr/*") == [
        "Sport",
        "Les Tilleuls",
        a.contrat.nom_court,
        "4 000,00 €",
        "15/04/2025",
        "Établir l’acte",
    ]
    assert noeuds(page, "//tbody//td/a/@href") == [f"{url('create')}?action={a.sport.pk}"]


def test_les_filtres_retiennent_un_etat_une_nature_ou_un_organisme(client, a):
    signe(a, acte_de(a, a.lecture))
    acte_de(a, a.sport, nature=NatureActe.CONVENTION)
    autre = action_programmee(10, exercice=a.exercice, contrat=a.contrat)
    acte_de(a, autre)
    noms = "//tbody/tr/th"
    assert textes(liste(client, etat="a_signer", nature="convention"), noms) == ["Convention"]
    assert len(textes(liste(client, etat="a_signer"), noms)) == 2
    assert len(textes(liste(client, porteur=a.porteur.pk), noms)) == 2
    assert textes(liste(client, q="sport"), noms) == ["Convention"]


def test_le_fichier_porte_les_memes_lignes(client, a):
    acte_de(a, a.lecture, a.sport)
    reponse = liste(client, format="csv")
    assert "Arrêté attributif;Les Tilleuls;Subvention;10000,00;À signer" in reponse.getvalue().decode("utf-8-sig")


def test_un_total_compte_une_fois_les_decisions_qu_un_avenant_reprend(client, a):
    premier = signe(a, acte_de(a, a.lecture))
    acte_de(a, a.lecture, nature=NatureActe.AVENANT, remplace=premier)
    assert textes(liste(client), "//tfoot//strong") == ["6 000,00 €"]


def test_la_liste_a_autant_de_requetes_pour_une_et_trois_lignes(client, a, django_assert_num_queries):
    acte_de(a, a.lecture)
    liste(client)
    with CompteRequetes() as une:
        liste(client)
    acte_de(a, a.sport)
    acte_de(a, action_programmee(10, exercice=a.exercice, contrat=a.contrat))
    with django_assert_num_queries(une.nombre):
        liste(client)


class CompteRequetes:
    def __enter__(self):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        self.capture = CaptureQueriesContext(connection)
        self.capture.__enter__()
        return self

    def __exit__(self, *erreur):
        self.capture.__exit__(*erreur)
        self.nombre = len(self.capture)


# --- Établir ---


def test_etablir_propose_l_arrete_et_les_autres_decisions_de_l_organisme(client, a):
    page = client.get(f"{url('create')}?action={a.lecture.pk}")
    assert textes(page, "//select[@name='nature']/option[@selected]") == ["Arrêté attributif"]
    assert textes(page, "//fieldset//label") == [
        "Lecture – Attribution du 15/04/2025 : 6 000,00 €",
        "Sport – Attribution du 15/04/2025 : 4 000,00 €",
    ]
    assert len(noeuds(page, "//fieldset//input[@checked]")) == 1


def test_etablir_redige_le_texte_du_modele_et_renvoyer_la_page_n_en_fait_pas_deux(client, a):
    donnees = envoi(*decisions_de(a.lecture, a.sport))
    reponse = client.post(url("create"), donnees)
    acte = Acte.objects.get()
    assert (reponse.url, acte.objet) == (url("detail", acte.pk), "Arrêté 2025")
    assert acte.texte == "Les Tilleuls reçoit 10\u202f000,00\xa0€.\n\nLe préfet"
    reponse = client.post(url("create"), donnees, follow=True)
    assert "Cet acte est déjà enregistré." in reponse.content.decode()
    assert Acte.objects.count() == 1


def test_une_decision_deja_portee_est_refusee_en_nommant_l_acte(client, a):
    acte_de(a, a.lecture, numero="7")
    page = client.post(url("create"), envoi(*decisions_de(a.lecture, a.sport)))
    assert "déjà portée par Arrêté attributif n° 7" in page.content.decode()
    assert Acte.objects.count() == 1


def test_plusieurs_organismes_menent_a_un_acte_chacun(client, a):
    autre = action_programmee(10, exercice=a.exercice, contrat=a.contrat, porteur=OrganismeFactory(nom="Le Lien"))
    page = client.get(f"{url('create')}?action={a.lecture.pk}&action={a.sport.pk}&action={autre.pk}")
    assert textes(page, "//main//ul/li[contains(., 'action')]") == [
        "Les Tilleuls, 2025 : 2 actions",
        "Le Lien, 2025 : 1 action",
    ]


def test_un_modele_d_une_autre_nature_est_refuse(client, a):
    convention = ModeleDeCourrier.objects.create(
        nature=NatureCourrier.CONVENTION, nom="Convention", objet="Objet", corps="Corps"
    )
    page = client.post(url("create"), envoi(*decisions_de(a.lecture), modele=convention.pk))
    assert "en choisir un de la nature de l’acte" in page.content.decode()
    assert not Acte.objects.exists()


def test_la_fiche_de_l_action_mene_a_l_acte_et_celle_de_l_organisme_les_liste(client, a):
    fiche = client.get(a.lecture.get_absolute_url())
    assert f"{url('create')}?action={a.lecture.pk}" in noeuds(fiche, "//section[@id='execution']//a/@href")
    acte = acte_de(a, a.lecture)
    fiche = client.get(a.lecture.get_absolute_url())
    assert noeuds(fiche, "//section[@id='execution']//dd/a/@href") == [acte.get_absolute_url()]
    organisme = client.get(reverse("programmation:organisme_detail", args=[a.porteur.pk]))
    assert acte.get_absolute_url() in noeuds(organisme, "//h2[@id='actes']/following::a/@href")


# --- Relire, signer, notifier, remplacer ---


def test_la_fiche_dit_les_decisions_le_total_le_texte_et_les_versions(client, a):
    premier = signe(a, acte_de(a, a.lecture, numero="1", texte="Premier texte"))
    DecisionFactory(action=a.lecture, nature=NatureDecision.COMPLEMENT, montant=euros(500), date=date(2025, 6, 1))
    second = acte_de(a, a.lecture, nature=NatureActe.AVENANT, remplace=premier)
    page = client.get(premier.get_absolute_url())
    assert textes(page, "(//tfoot)[1]//strong") == ["6 000,00 €"]
    assert "À remplacer par" in textes(page, "//dt")
    assert textes(page, "//ol[not(@class)]/li") == [
        "Arrêté attributif n° 1, signature du 02/05/2025",
        "Avenant, projet",
    ]
    assert "Premier texte" in textes(page, "//*[classe('pv-lettre__corps')]")
    assert textes(client.get(second.get_absolute_url()), "(//tfoot)[1]//strong") == ["6 500,00 €"]


def test_le_texte_se_relit_puis_se_fige_a_la_signature(client, a):
    acte = acte_de(a, a.lecture)
    texte = {"numero": "2025-9", "objet": "Objet", "texte": "## Article 1\r\n\r\nCorps", "version": 1}
    assert client.post(url("update", acte.pk), texte).url == acte.get_absolute_url()
    assert textes(client.get(acte.get_absolute_url()), "//*[classe('pv-lettre__corps')]/h2") == ["Article 1"]
    dates = {"numero": "2025-9", "signe_le": "2025-05-02", "notifie_le": "2025-05-12", "motif": "", "version": 2}
    client.post(url("dater", acte.pk), dates)
    page = client.get(url("update", acte.pk))
    assert "Cet acte est signé depuis le 02/05/2025" in page.content.decode()
    assert noeuds(page, "//main//form") == []


def test_la_meme_page_renvoyee_est_reconnue_et_une_autre_est_un_conflit(client, a):
    acte = acte_de(a, a.lecture)
    texte = {"numero": "", "objet": "Objet", "texte": "Le mien", "version": 1}
    client.post(url("update", acte.pk), texte)
    assert client.post(url("update", acte.pk), texte).status_code == 302
    page = client.post(url("update", acte.pk), texte | {"texte": "Le sien"})
    assert page.status_code == 409
    assert "Quelqu’un est passé avant vous" in page.content.decode()
    assert noeuds(page, "//input[@name='version']/@value") == ["2"]
    assert Acte.objects.get().texte == "Le mien"


def test_une_notification_avant_la_signature_se_dit_sur_son_champ(client, a):
    acte = acte_de(a, a.lecture)
    dates = {"numero": "", "signe_le": "2025-05-02", "notifie_le": "2025-05-01", "motif": "", "version": 1}
    page = client.post(url("dater", acte.pk), dates)
    assert "Un acte se notifie après sa signature, le 02/05/2025." in textes(page, "//*[@id='id_notifie_le_error']")[0]


def test_apres_la_cloture_un_acte_s_etablit_se_signe_et_se_notifie(client, a):
    Exercice.objects.update(statut=StatutExercice.CLOS)
    client.post(url("create"), envoi(*decisions_de(a.lecture)))
    acte = Acte.objects.get()
    dates = {"numero": "1", "signe_le": "2025-05-02", "notifie_le": "2025-05-12", "motif": "", "version": 1}
    client.post(url("dater", acte.pk), dates)
    assert Acte.objects.get().notifie_le == date(2025, 5, 12)


def test_remplacer_propose_l_avenant_et_coche_ce_que_l_acte_porte(client, a):
    acte = acte_de(a, a.lecture)
    page = client.get(f"{url('create')}?remplace={acte.pk}")
    assert "n’est pas signé" in page.content.decode()
    signe(a, acte)
    DecisionFactory(action=a.lecture, nature=NatureDecision.COMPLEMENT, montant=euros(500), date=date(2025, 6, 1))
    page = client.get(f"{url('create')}?remplace={acte.pk}")
    assert textes(page, "//select[@name='nature']/option") == ["Avenant", "Retrait"]
    assert len(noeuds(page, "//fieldset//input[@checked]")) == 2
    donnees = envoi(*decisions_de(a.lecture), nature="avenant", remplace=acte.pk, objet="Avenant")
    client.post(url("create"), donnees)
    assert Acte.objects.get(nature="avenant").remplace == acte


def test_supprimer_un_projet_demande_un_motif(client, a):
    acte = acte_de(a, a.lecture)
    client.post(url("supprimer", acte.pk), {"motif": ""})
    assert Acte.objects.exists()
    assert client.post(url("supprimer", acte.pk), {"motif": "Doublon"}).url == url("list")
    assert not Acte.objects.exists()


def test_le_pdf_d_un_acte_se_telecharge_sans_rien_ecrire(client, a):
    acte = acte_de(a, a.lecture, texte="Texte", numero="2025-3")
    reponse = client.get(url("pdf", acte.pk))
    assert reponse.content[:5] == b"%PDF-"
    assert reponse["Content-Disposition"] == 'attachment; filename="acte-2025-3-les-tilleuls.pdf"'
    assert acte.history.count() == 1


# --- Qui fait quoi ---


def test_l_etat_lit_et_n_ecrit_pas_un_partenaire_n_a_rien(client, a):
    acte = acte_de(a, a.lecture)
    client.force_login(habiliter(Role.LECTEUR, departement=a.exercice.departement))
    page = client.get(acte.get_absolute_url())
    assert textes(page, "//main//ul[classe('pv-gestes')]//a") == ["Télécharger le PDF"]
    for nom in ("update", "dater", "supprimer"):
        assert client.get(url(nom, acte.pk)).status_code == 403
    assert client.get(f"{url('create')}?remplace={acte.pk}").status_code == 403
    partenaire = habiliter(Role.PARTENAIRE, contrat=a.contrat)
    client.force_login(partenaire)
    assert client.get(url("list")).status_code == 403
    assert {client.get(url(nom, acte.pk)).status_code for nom in ("detail", "pdf", "update")} == {404}
    organisme = client.get(reverse("programmation:organisme_detail", args=[a.porteur.pk]))
    assert noeuds(organisme, "//h2[@id='actes']") == []
    client.force_login(habiliter(Role.AGENT, departement=DepartementFactory(code="30")))
    assert client.get(acte.get_absolute_url()).status_code == 404


def test_un_agent_d_un_seul_contrat_ne_tient_pas_l_acte_d_un_autre_contrat(client, a):
    ailleurs = action_programmee(10, intitule="Ailleurs", exercice=a.exercice, porteur=a.porteur)
    acte = acte_de(a, a.lecture, ailleurs)
    client.force_login(habiliter(Role.AGENT, contrat=ailleurs.contrat))
    page = client.get(acte.get_absolute_url())
    assert page.status_code == 200
    assert client.get(url("dater", acte.pk)).status_code == 403
    client.force_login(habiliter(Role.AGENT, contrat=ContratFactory()))
    assert client.get(acte.get_absolute_url()).status_code == 404


@pytest.mark.parametrize("valeur", ["x", "999999", "1" * 30])
def test_un_acte_a_remplacer_inconnu_repond_404(client, a, valeur):
    assert client.get(f"{url('create')}?remplace={valeur}").status_code == 404


def test_une_echeance_de_convention_mene_a_l_acte_a_etablir_et_un_acte_a_signer_a_sa_fiche(client, a):
    Parametre.objects.create(code="seuil_convention", depuis=date(2001, 6, 10), valeur=23_000, source="Décret 2001-495")
    grande = action_programmee(30_000, exercice=a.exercice, contrat=a.contrat, porteur=a.porteur)
    acte = acte_de(a, a.lecture)
    page = client.get(reverse("programmation:echeance_list"), {"annee": "2025"})
    assert f"{url('create')}?action={grande.pk}" in noeuds(page, "//td[@data-titre='Prochain geste']/a/@href")
    assert acte.get_absolute_url() in noeuds(page, "//td[@data-titre='Prochain geste']/a/@href")


def test_un_envoi_mal_ecrit_est_dit_et_n_ecrit_rien(client, a):
    page = client.post(url("create"), envoi(*decisions_de(a.lecture), nature="dissolution"))
    assert "Ce choix n’est pas proposé ici pour «\xa0Nature\xa0»" in page.content.decode()
    page = client.post(url("create"), envoi(*decisions_de(a.lecture)) | {"decisions": ["x", "99999999"]})
    assert page.status_code == 200
    acte = acte_de(a, a.lecture)
    assert client.post(url("dater", acte.pk), {"signe_le": "hier", "version": "x"}).status_code == 200
    assert Acte.objects.get().signe_le is None
