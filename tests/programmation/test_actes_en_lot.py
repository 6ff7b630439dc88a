"""Établir d'un coup les actes de plusieurs organismes : un par organisme et par nature, tout ou rien, une seule fois."""

from datetime import date
from types import SimpleNamespace

import pytest
from django.urls import reverse

from comptes.enums import Role
from programmation import operations
from programmation.enums import CodeParametre, Duree, NatureActe, NatureCourrier, NatureDecision
from programmation.models import Acte, Decision, ModeleDeCourrier, Parametre
from programmation.operations import DatesDActe, DejaPorte, MotifExige, OperationRefusee, SaisieDActe
from programmation.synthese.actes import a_etablir
from programmation.synthese.actes_en_lot import actes_proposes
from programmation.views import actes_en_lot
from tests.fabriques import (
    ContratFactory,
    DecisionFactory,
    ExerciceFactory,
    OrganismeFactory,
    action_programmee,
    euros,
    habiliter,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

EN_LOT = reverse("programmation:acte_en_lot")
CADRE = "?annee=2025&departement=14"


@pytest.fixture
def a(client):
    """Trois organismes et cinq actions, un seuil de 23 000 €, un modèle d'arrêté ; l'agent du Calvados est connecté.

    Les Abeilles : Lecture (6 000) et Sport (4 000), arrêté. Les Bleuets : Été (30 000), convention ; Fil (9 000), une
    CPO. La Mairie, de droit public : Kiosque (50 000), arrêté.
    """
    a = SimpleNamespace(exercice=ExerciceFactory(annee=2025), contrat=ContratFactory())
    a.agent = habiliter(Role.AGENT, departement=a.exercice.departement)
    a.abeilles, a.bleuets = OrganismeFactory(nom="Les Abeilles"), OrganismeFactory(nom="Les Bleuets")
    a.mairie = OrganismeFactory(nom="Mairie", forme="commune", droit="public")
    commun = {"exercice": a.exercice, "contrat": a.contrat}
    a.lecture = action_programmee(6000, intitule="Lecture", porteur=a.abeilles, **commun)
    a.sport = action_programmee(4000, intitule="Sport", porteur=a.abeilles, **commun)
    a.ete = action_programmee(30000, intitule="Été", porteur=a.bleuets, **commun)
    cpo = {"duree": Duree.CPO, "cpo_rang": 1, "cpo_nombre": 3}
    a.fil = action_programmee(9000, intitule="Fil", porteur=a.bleuets, **cpo, **commun)
    a.kiosque = action_programmee(50000, intitule="Kiosque", porteur=a.mairie, **commun)
    a.actions = [a.lecture, a.sport, a.ete, a.fil, a.kiosque]
    Parametre.objects.create(code=CodeParametre.SEUIL_CONVENTION, valeur=23000, depuis=date(2001, 1, 1))
    corps = "{{ porteur }} reçoit {{ montant }}."
    ModeleDeCourrier.objects.create(
        nature=NatureCourrier.ARRETE, nom="Arrêté", objet="Arrêté {{ annee }}", corps=corps, signataire="Le préfet"
    )
    client.force_login(a.agent)
    return a


def dits(reponse):
    return [" ".join(str(message).split()) for message in reponse.context["messages"]]


def cles(page):
    return noeuds(page, "//input[@name='acte']/@value")


def en_base():
    lus = Acte.objects.order_by("organisme__nom", "nature").prefetch_related("decisions__action")
    return [(a.organisme.nom, a.nature, sorted({d.action.intitule for d in a.decisions.all()})) for a in lus]


TOUS = [
    ("Les Abeilles", "arrete", ["Lecture", "Sport"]),
    ("Les Bleuets", "convention", ["Été"]),
    ("Les Bleuets", "cpo", ["Fil"]),
    ("Mairie", "arrete", ["Kiosque"]),
]

# --- L'opération ---


def test_un_acte_par_organisme_et_par_nature_porte_toutes_les_decisions_de_ses_actions(a):
    DecisionFactory(action=a.sport, nature=NatureDecision.COMPLEMENT, montant=euros(500), date=date(2025, 6, 1))
    proposes, avenants = actes_proposes(a_etablir(type(a.sport).objects.order_by("porteur__nom", "intitule")))
    assert [(str(p.organisme), p.nature, p.montant) for p in proposes] == [
        ("Les Abeilles", NatureActe.ARRETE, euros(10500)),
        ("Les Bleuets", NatureActe.CPO, euros(9000)),
        ("Les Bleuets", NatureActe.CONVENTION, euros(30000)),
        ("Mairie", NatureActe.ARRETE, euros(50000)),
    ]
    assert avenants == []
    actes = operations.etablir_des_actes(proposes, par=a.agent)
    assert en_base() == TOUS
    assert actes[0].objet == "Arrêté 2025"
    assert actes[0].texte.split() == ["Les", "Abeilles", "reçoit", "10", "500,00", "€.", "Le", "préfet"]
    assert [acte.history.get().history_user for acte in actes] == [a.agent] * 4
    assert a_etablir(type(a.sport).objects.all()).count() == 0


def test_un_refus_n_ecrit_rien_du_lot_et_nomme_l_organisme(a):
    decisions = {action: list(action.decisions.all()) for action in a.actions}
    saisies = [
        SaisieDActe(NatureActe.ARRETE, "Lecture", decisions[a.lecture]),
        SaisieDActe(NatureActe.ARRETE, "Été", decisions[a.ete]),
    ]
    with pytest.raises(OperationRefusee) as refus:
        operations.rediger_des_actes(saisies, par=a.agent)
    assert refus.value.messages == ["« Les Bleuets » : La loi exige une convention au-dessus du seuil : « Été »."]
    assert Acte.objects.count() == 0


def test_une_decision_ne_se_porte_qu_une_fois_fut_ce_dans_un_meme_lot(a):
    siennes = list(a.lecture.decisions.all())
    deux = [SaisieDActe(NatureActe.ARRETE, "Un", siennes), SaisieDActe(NatureActe.ARRETE, "Deux", siennes)]
    with pytest.raises(OperationRefusee, match="deux fois dans le lot"):
        operations.rediger_des_actes(deux, par=a.agent)
    operations.rediger_un_acte(deux[0], par=a.agent)
    autre = SaisieDActe(NatureActe.ARRETE, "Sport", list(a.sport.decisions.all()))
    with pytest.raises(DejaPorte):
        operations.rediger_des_actes([deux[1], autre], par=a.agent)
    assert Acte.objects.count() == 1


def test_le_nombre_de_requetes_ne_depend_pas_du_nombre_d_actes(a, django_assert_num_queries):
    assert a.agent.roles  # ses habilitations se lisent une fois par requête web
    lues = type(a.sport).objects.select_related("exercice__departement", "contrat", "porteur__fusionne_dans")

    def etablir(*actions):
        lus, _ = actes_proposes(lues.filter(pk__in=[action.pk for action in actions]).order_by("pk"))
        operations.etablir_des_actes(lus, par=a.agent)

    with django_assert_num_queries(19):
        etablir(a.lecture)
    with django_assert_num_queries(19):
        etablir(a.ete, a.fil, a.kiosque)


def test_dater_un_lot_d_actes_tout_ou_rien(a, django_assert_num_queries):
    proposes, _ = actes_proposes(a.actions)
    actes = operations.etablir_des_actes(proposes, par=a.agent)
    jour = date(2025, 5, 2)
    trop_tot = [DatesDActe(actes[0], "1", jour), DatesDActe(actes[1], "2", date(2025, 4, 1))]
    with pytest.raises(OperationRefusee, match="Les Bleuets : L’acte porte une décision du 15/04/2025"):
        operations.dater_des_actes(trop_tot, par=a.agent)
    assert not Acte.objects.exclude(signe_le=None).exists()
    assert a.agent.roles
    with django_assert_num_queries(11):
        operations.dater_des_actes([DatesDActe(actes[0], "1", jour)], par=a.agent)
    suite = [DatesDActe(acte, f"{rang}", jour, date(2025, 5, 9)) for rang, acte in enumerate(actes[1:], 2)]
    with django_assert_num_queries(11):
        operations.dater_des_actes(suite, par=a.agent)
    assert sorted(Acte.objects.values_list("numero", "version")) == [("1", 2), ("2", 2), ("3", 2), ("4", 2)]
    with pytest.raises(MotifExige):
        operations.dater_des_actes([DatesDActe(actes[0], "7", jour)], par=a.agent)
    with pytest.raises(OperationRefusee, match="porte déjà ce numéro"):
        operations.dater_des_actes([DatesDActe(actes[0], "2", jour)], par=a.agent, motif="Erreur")


# --- L'écran ---


def test_la_page_montre_l_organisme_les_actions_le_montant_et_la_nature_sans_rien_ecrire(client, a):
    page = client.get(f"{EN_LOT}{CADRE}")
    assert textes(page, "//tbody/tr/*") == [
        "Les Abeilles, 2025 Adresse à compléter dans le texte.",
        "Lecture Sport",
        "10 000,00 €",
        "Arrêté attributif",
        "Les Bleuets, 2025 Adresse à compléter dans le texte.",
        "Été",
        "30 000,00 €",
        "Convention obligatoire : une action dépasse 23 000,00 €",
        "Les Bleuets, 2025 Adresse à compléter dans le texte.",
        "Fil",
        "9 000,00 €",
        "Convention pluriannuelle d’objectifs proposée : 39 000,00 € dans l’année, au-dessus de 23 000,00 €",
        "Mairie, 2025 Adresse à compléter dans le texte.",
        "Kiosque",
        "50 000,00 €",
        "Arrêté attributif",
    ]
    assert textes(page, "//tfoot//strong") == ["99 000,00 €"]
    assert len(noeuds(page, "//input[@name='acte'][@checked]")) == 4
    assert Acte.objects.count() == 0


def test_l_envoi_redige_les_actes_coches_et_mene_a_ceux_qui_sont_a_signer(client, a):
    choisies = cles(client.get(f"{EN_LOT}{CADRE}"))[:2]
    reponse = client.post(f"{EN_LOT}{CADRE}", {"acte": choisies}, follow=True)
    assert en_base() == TOUS[:2]
    assert dits(reponse) == ["2 projets d’acte sont rédigés, pour 40 000,00 € : les relire avant de les faire signer."]
    assert textes(reponse, "//tbody/tr/th") == ["Arrêté attributif", "Convention"]


def test_le_meme_envoi_deux_fois_ne_redige_qu_une_fois(client, a):
    choisies = cles(client.get(f"{EN_LOT}{CADRE}"))
    client.post(f"{EN_LOT}{CADRE}", {"acte": choisies})
    reponse = client.post(f"{EN_LOT}{CADRE}", {"acte": choisies}, follow=True)
    assert dits(reponse)[-1] == "Ces actes sont déjà rédigés."
    assert en_base() == TOUS


def test_ce_qui_a_change_depuis_la_page_se_relit_et_rien_n_est_ecrit(client, a):
    choisies = cles(client.get(f"{EN_LOT}{CADRE}"))
    DecisionFactory(action=a.sport, nature=NatureDecision.COMPLEMENT, montant=euros(500), date=date(2025, 6, 1))
    reponse = client.post(f"{EN_LOT}{CADRE}", {"acte": choisies})
    assert reponse.status_code == 409
    assert "Ce qui reste à établir a changé" in textes(reponse, "//div[@role='alert']")[0]
    assert len(noeuds(reponse, "//input[@name='acte'][@checked]")) == 3
    assert Acte.objects.count() == 0


def test_rien_de_coche_ou_un_acte_mal_designe(client, a):
    assert textes(client.post(f"{EN_LOT}{CADRE}"), "//div[@role='alert']") == ["Cocher au moins un organisme."]
    assert client.post(f"{EN_LOT}{CADRE}", {"acte": "avenant:1"}).status_code == 404
    assert Acte.objects.count() == 0


def test_une_selection_sur_deux_exercices_le_dit_au_lieu_d_en_taire_un(client, a):
    suivante = action_programmee(700, exercice=ExerciceFactory(annee=2026), porteur=a.mairie, contrat=a.contrat)
    selection = f"{EN_LOT}?action={a.lecture.pk}&action={suivante.pk}"
    page = client.get(selection)
    assert textes(page, "//*[@role='alert']") == ["Choisir les actions d’un seul exercice : un acte n’en porte qu’un."]
    assert cles(page) == []
    assert len(cles(client.get(f"{EN_LOT}?action={a.lecture.pk}&action={a.sport.pk}"))) == 1


def test_un_complement_a_un_acte_en_vigueur_se_porte_par_un_avenant(client, a):
    client.post(f"{EN_LOT}{CADRE}", {"acte": cles(client.get(f"{EN_LOT}{CADRE}"))})
    DecisionFactory(action=a.sport, nature=NatureDecision.COMPLEMENT, montant=euros(500), date=date(2025, 6, 1))
    page = client.get(f"{EN_LOT}{CADRE}")
    assert (cles(page), textes(page, "//details//li")) == ([], ["Sport, Les Abeilles"])


def test_le_plafond_se_dit_et_les_suivants_attendent(client, a, monkeypatch):
    monkeypatch.setattr(actes_en_lot, "PLAFOND", 2)
    page = client.get(f"{EN_LOT}{CADRE}")
    dit = "2 actes au plus se rédigent d’un coup : ceux-ci d’abord, 2 autres suivront."
    assert (len(cles(page)), textes(page, "//div[@role='status']")) == (2, [dit])
    client.post(f"{EN_LOT}{CADRE}", {"acte": cles(page)})
    assert len(cles(client.get(f"{EN_LOT}{CADRE}"))) == 2


def test_la_liste_a_etablir_et_une_selection_y_menent_avec_leurs_filtres(client, a):
    liste = client.get(reverse("programmation:acte_list"), {"annee": "2025", "etat": "a_etablir", "q": "lecture"})
    [lien] = noeuds(liste, "//a[contains(., 'Établir ces actes')]/@href")
    assert textes(client.get(lien), "//tbody//td[1]") == ["Lecture"]
    choisies = {"action": [a.sport.pk, a.ete.pk]}
    [lien] = noeuds(
        client.get(reverse("programmation:acte_create"), choisies), "//a[contains(., 'Établir ces actes')]/@href"
    )
    assert textes(client.get(lien), "//tbody//td[1]") == ["Sport", "Été"]
    assert not noeuds(client.get(reverse("programmation:acte_list")), "//a[contains(., 'Établir ces actes')]")


def test_qui_ne_gere_qu_un_contrat_n_etablit_que_ses_actes(client, a):
    ailleurs = action_programmee(1000, intitule="Ailleurs", exercice=a.exercice, contrat=ContratFactory())
    client.force_login(habiliter(Role.AGENT, contrat=ailleurs.contrat))
    page = client.get(f"{EN_LOT}{CADRE}")
    assert textes(page, "//tbody//td[1]") == ["Ailleurs"]
    autre = f"arrete:{Decision.objects.get(action=a.lecture).pk}-{Decision.objects.get(action=a.sport).pk}"
    assert client.post(f"{EN_LOT}{CADRE}", {"acte": [autre]}).status_code == 409
    assert client.get(EN_LOT, {"action": a.lecture.pk}).status_code == 404
    assert Acte.objects.count() == 0


def test_qui_lit_n_etablit_rien(client, a):
    client.force_login(habiliter(Role.LECTEUR, departement=a.exercice.departement))
    assert client.get(f"{EN_LOT}{CADRE}").status_code == 403
    liste = client.get(reverse("programmation:acte_list"), {"annee": "2025", "etat": "a_etablir"})
    assert not noeuds(liste, "//a[contains(., 'Établir ces actes')]")
