"""L'écran de l'échéancier : toutes les lignes d'un coup, en euros ou en parts ; la fiche, les échéances ; qui fait quoi."""

from datetime import date
from types import SimpleNamespace

import pytest
from django.urls import reverse

from comptes.enums import Role
from programmation import operations
from programmation.enums import NatureActe, NatureDecision, StatutExercice
from programmation.models import Decision, Exercice, VersementPrevu
from programmation.operations import SaisieDActe, Versement
from tests.fabriques import (
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    ExerciceFactory,
    LigneEngagementFactory,
    OrganismeFactory,
    PaiementFactory,
    action_programmee,
    euros,
    habiliter,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db


@pytest.fixture
def a(client):
    """Une convention de 6 000,01 € d'une association, en projet ; l'agent du Calvados est connecté."""
    a = SimpleNamespace(exercice=ExerciceFactory(annee=2025), contrat=ContratFactory())
    a.porteur = OrganismeFactory(nom="Les Tilleuls")
    a.agent = habiliter(Role.AGENT, departement=a.exercice.departement)
    commun = {"exercice": a.exercice, "contrat": a.contrat, "porteur": a.porteur}
    a.lecture = action_programmee("6000,01", intitule="Lecture", **commun)
    a.acte = rediger(a, NatureActe.CONVENTION)
    a.url = reverse("programmation:acte_echeancier", args=[a.acte.pk])
    client.force_login(a.agent)
    return a


def rediger(a, nature, remplace=None, texte="{{ echeancier }}"):
    decisions = list(Decision.objects.filter(action=a.lecture).order_by("pk"))
    return operations.rediger_un_acte(SaisieDActe(nature, "Objet", decisions, "", texte, remplace), par=a.agent)


def envoi(*lignes, version=1):
    """Les lignes : (nature, part, montant, date, condition)."""
    donnees = {"version": version, "v-TOTAL_FORMS": len(lignes), "v-INITIAL_FORMS": 0}
    for rang, ligne in enumerate(lignes):
        for nom, valeur in zip(("nature", "part", "montant", "prevu_le", "condition"), ligne, strict=True):
            donnees[f"v-{rang}-{nom}"] = valeur
    return donnees


VIDE = ("", "", "", "", "")
EN_PARTS = [
    ("avance", "80", "", "2025-06-01", "à la signature"),
    VIDE,
    ("solde", "20", "", "2025-12-01", ""),
]


def fixer(a, *lignes, acte=None):
    versements = [Versement(nature, euros(montant), jour) for nature, montant, jour in lignes]
    return operations.fixer_l_echeancier(acte or a.acte, versements, par=a.agent)


def signer(a, acte=None):
    dates = {"numero": "", "signe_le": date(2025, 5, 2), "notifie_le": None}
    return operations.dater_un_acte(acte or a.acte, **dates, par=a.agent)


def erreurs(page):
    return textes(page, "//*[classe('fr-message--error')] | //main//*[classe('fr-alert--error')]//li")


def en_base():
    return list(VersementPrevu.objects.values_list("nature", "montant", "prevu_le", "condition"))


# --- Fixer ---


def test_la_page_part_d_un_seul_versement_de_la_totalite(client, a):
    page = client.get(a.url)
    assert noeuds(page, "//input[contains(@name, '-montant')]/@value") == ["6000,01"]
    assert textes(page, "//select[@name='v-0-nature']/option[@selected]") == ["Solde"]
    assert textes(page, "//select[@name='v-0-nature']/option") == ["Choisir", "Avance", "Acompte", "Solde"]
    assert len(noeuds(page, "//tr[@data-ligne]")) == 4
    assert not VersementPrevu.objects.exists()


def test_des_parts_donnent_des_montants_exacts_et_une_ligne_vide_ne_compte_pas(client, a):
    assert client.post(a.url, envoi(*EN_PARTS)).url == a.acte.get_absolute_url()
    assert en_base() == [
        ("avance", euros("4800"), date(2025, 6, 1), "à la signature"),
        ("solde", euros("1200,01"), date(2025, 12, 1), ""),
    ]
    page = client.get(a.acte.get_absolute_url())
    assert textes(page, "//table[caption[contains(., 'Versements prévus')]]/tbody/tr/*") == [
        *("Avance", "01/06/2025", "à la signature", "4 800,00 €"),
        *("Solde", "01/12/2025", "—", "1 200,01 €"),
    ]
    assert textes(page, "//*[classe('pv-lettre__corps')]//li")[1] == (
        "Solde : 1 200,01 € (mille deux cents euros et un centime), à verser le 1er décembre 2025"
    )
    assert "Versement de 4 800,00 € le 01/06/2025 (avance, à la signature)" in " ".join(textes(page, "//main//li"))


@pytest.mark.parametrize(
    ("lignes", "phrase"),
    [
        ([("avance", "80", "", "2025-06-01", ""), ("solde", "", "1200", "2025-12-01", "")], "à chaque versement"),
        ([("avance", "80", "", "2025-06-01", ""), ("solde", "19,5", "", "2025-12-01", "")], "Les parts font 99,5 %"),
        ([("solde", "100", "6000", "2025-06-01", "")], "Cette part fait 6 000,01 €, pas 6 000,00 €"),
        ([("solde", "", "6000", "2025-06-01", "")], "il manque 0,01 €"),
        ([("solde", "", "", "2025-06-01", "")], "Renseigner « Montant », ou une part"),
        ([("", "", "6000,01", "2025-06-01", "")], "Choisir « Versement »."),
        ([("solde", "", "6000,01", "", "")], "Renseigner « Prévu le »."),
        ([("solde", "", "6000,01", "2025-04-01", "")], "Versement 1 : le prévoir le 15/04/2025"),
        ([("reversement", "", "6000,01", "2025-06-01", "")], "Ce choix n’est pas proposé ici pour « Versement »"),
        ([("solde", "120", "", "2025-06-01", "")], "est trop grand pour « Part »"),
        ([("solde", "", "1", "2025-06-01", "")] * 25, "Un échéancier a au plus 24 versements."),
    ],
)
def test_une_saisie_fausse_dit_pourquoi_et_garde_ce_qui_est_tape(client, a, lignes, phrase):
    page = client.post(a.url, envoi(*lignes))
    assert phrase in " ".join(erreurs(page))
    assert noeuds(page, "//input[@name='v-0-part']/@value") == [lignes[0][1]] * bool(lignes[0][1])
    assert en_base() == []


def test_une_page_tronquee_se_dit(client, a):
    page = client.post(a.url, {"version": 1})
    assert "L’échéancier est arrivé incomplet : recharger la page." in " ".join(erreurs(page))


@pytest.mark.parametrize("compteur", ["abc", "-1", "999999999", ""])
def test_un_compteur_de_lignes_forge_redonne_la_page_sans_rien_ecrire(client, a, compteur):
    fixer(a, ("solde", "6000,01", date(2025, 6, 1)))
    page = client.post(a.url, envoi(*EN_PARTS, version=2) | {"v-TOTAL_FORMS": compteur})
    assert page.status_code == 200
    assert [nature for nature, *_ in en_base()] == ["solde"]


def test_renvoyer_la_page_n_ecrit_rien_et_une_autre_saisie_est_un_conflit(client, a):
    client.post(a.url, envoi(*EN_PARTS))
    page = client.post(a.url, envoi(*EN_PARTS), follow=True)
    assert "Cet échéancier est déjà enregistré." in page.content.decode()
    autre = ("solde", "", "6000,01", "2025-06-01", "")
    page = client.post(a.url, envoi(autre))
    assert page.status_code == 409
    assert "En base : avance de 4 800,00 € le 01/06/2025 (à la signature)" in " ".join(
        textes(page, "//*[@role='alert']")
    )
    assert noeuds(page, "//input[@name='version']/@value") == ["2"]
    assert len(en_base()) == 2
    client.post(a.url, envoi(autre, version=2))
    assert [nature for nature, *_ in en_base()] == ["solde"]


def test_renvoyer_des_espaces_ou_un_autre_ordre_n_est_pas_un_conflit(client, a):
    """Deux versements du même jour, tapés le solde d'abord ; une condition tapée avec deux espaces."""
    lignes = [
        ("solde", "", "2000,01", "2025-06-01", "bilan  reçu"),
        ("avance", "", "4000", "2025-06-01", " à la  signature "),
    ]
    for envoyees in (lignes, lignes, lignes[::-1]):
        assert client.post(a.url, envoi(*envoyees)).status_code == 302
    assert len(en_base()) == VersementPrevu.history.count() == 2


def test_signe_l_echeancier_ne_se_modifie_plus(client, a):
    signer(a)
    page = client.get(a.url)
    assert "Cet acte est signé depuis le 02/05/2025" in page.content.decode()
    assert noeuds(page, "//main//form") == []
    client.post(a.url, envoi(*EN_PARTS, version=2))
    assert en_base() == []
    assert noeuds(client.get(a.acte.get_absolute_url()), f"//a[@href='{a.url}']") == []


def test_l_exercice_clos_l_echeancier_se_fixe(client, a):
    Exercice.objects.update(statut=StatutExercice.CLOS)
    client.post(a.url, envoi(*EN_PARTS))
    assert len(en_base()) == 2


def test_un_avenant_part_de_l_echeancier_qu_il_remplace(client, a):
    signer(a, fixer(a, ("avance", 4000, date(2025, 6, 1)), ("solde", "2000,01", date(2025, 12, 1))))
    DecisionFactory(action=a.lecture, nature=NatureDecision.COMPLEMENT, montant=euros(500), date=date(2025, 6, 1))
    avenant = rediger(a, NatureActe.AVENANT, a.acte)
    page = client.get(reverse("programmation:acte_echeancier", args=[avenant.pk]))
    assert noeuds(page, "//input[contains(@name, '-montant')]/@value") == ["4000,00", "2000,01"]
    assert "6 500,01 €" in " ".join(textes(page, "//main/p"))
    ancien = client.get(a.acte.get_absolute_url())
    assert len(noeuds(ancien, "//table[caption[contains(., 'Versements prévus')]]/tbody/tr")) == 2


def test_un_texte_qui_ne_cite_pas_l_echeancier_le_dit(client, a):
    operations.modifier_un_acte(a.acte, objet="Objet", texte="Rien", numero="", par=a.agent)
    fixer(a, ("solde", "6000,01", date(2025, 6, 1)))
    assert "y écrire {{ echeancier }}" in client.get(a.acte.get_absolute_url()).content.decode()


# --- Prévu, payé, reste ---


def test_la_fiche_dit_prevu_paye_et_reste(client, a):
    signer(a, fixer(a, ("avance", 4800, date(2025, 6, 1)), ("solde", "1200,01", date(2025, 12, 1))))
    PaiementFactory(ligne=LigneEngagementFactory(action=a.lecture, ae=euros("6000,01")), cp=euros(5000))
    page = client.get(a.acte.get_absolute_url())
    table = "//table[caption[contains(., 'Versements prévus')]]"
    assert textes(page, f"{table}/thead//th")[3:] == ["Prévu", "Payé", "Reste"]
    assert textes(page, f"{table}/tfoot//strong") == ["6 000,01 €", "5 000,00 €", "1 000,01 €"]
    assert textes(page, f"{table}/tbody/tr[2]/td[@class='pv-montant']") == ["1 200,01 €", "200,00 €", "1 000,01 €"]


def test_les_echeances_montrent_le_versement_passe_et_non_paye(client, a):
    signer(a, fixer(a, ("avance", 4800, date(2025, 6, 1)), ("solde", "1200,01", date(2025, 12, 1))))
    VersementPrevu.objects.filter(nature="solde").update(prevu_le=date(2099, 12, 1))  # à venir, quel que soit le jour
    page = client.get(reverse("programmation:echeance_list"), {"annee": 2025, "departement": 14, "nature": "versement"})
    [ligne] = noeuds(page, "//tbody/tr")
    cellules = textes(page, "//tbody/tr/*")
    assert cellules[:3] == ["Convention – Les Tilleuls", "Versement prévu à payer", "01/06/2025"]
    assert cellules[-1] == "4 800,00 €"
    assert ligne.xpath(".//a/@href")[0] == f"{a.acte.get_absolute_url()}#echeancier"


# --- Qui fait quoi ---


def test_l_etat_lit_l_echeancier_et_un_partenaire_n_en_sait_rien(client, a):
    client.force_login(habiliter(Role.LECTEUR, departement=a.exercice.departement))
    page = client.get(a.acte.get_absolute_url())
    assert textes(page, "//h2[@id='echeancier']") == ["Échéancier"]
    assert noeuds(page, f"//a[@href='{a.url}']") == []
    assert client.get(a.url).status_code == client.post(a.url, envoi(*EN_PARTS)).status_code == 403
    for role, ou in (
        (Role.PARTENAIRE, {"contrat": a.contrat}),
        (Role.AGENT, {"departement": DepartementFactory(code="30")}),
    ):
        client.force_login(habiliter(role, **ou))
        assert client.post(a.url, envoi(*EN_PARTS)).status_code == 404
    client.force_login(habiliter(Role.RESPONSABLE, departement=a.exercice.departement))
    assert client.post(a.url, envoi(*EN_PARTS)).status_code == 302
