"""Dépasser le reste à décider : un motif écrit pour autre chose ne suffit pas, l'accord nomme l'enveloppe et le montant."""

from datetime import date

import pytest

from comptes.enums import Role
from programmation import operations
from programmation.enums import NatureComite, NatureDecision, StatutAction
from programmation.models import Decision
from programmation.operations import DemandeDeDecision, MotifExige, SaisieDePassage
from programmation.operations.depassements import DepassementAAccepter
from tests.fabriques import (
    ActionFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    euros,
    habiliter,
    p147,
)
from tests.pages import noeuds, texte, textes

pytestmark = pytest.mark.django_db

JOUR = date(2026, 3, 12)
ATTRIBUTION = NatureDecision.ATTRIBUTION


@pytest.fixture
def responsable(client):
    FinanceurFactory(p147=True)
    utilisateur = habiliter(Role.RESPONSABLE, departement=ExerciceFactory().departement)
    client.force_login(utilisateur)
    return utilisateur


@pytest.fixture
def agent(responsable):
    return habiliter(Role.AGENT, departement=ExerciceFactory().departement)


@pytest.fixture
def caen():
    """1 000,00 € prévus pour Caen."""
    enveloppe = EnveloppeFactory(libelle="Caen")
    MouvementFactory(enveloppe=enveloppe, ae=euros(1000))
    return enveloppe


@pytest.fixture
def actions(responsable, caen):
    """Trois actions instruites, qui demandent 2 000,00 € chacune."""
    actions = [ActionFactory(intitule=f"Atelier {n}", statut=StatutAction.INSTRUITE, enveloppe=caen) for n in "ABC"]
    for action in actions:
        p147(action, 2000)
    return actions


@pytest.fixture
def copil(responsable, actions):
    comite = operations.creer_un_comite(ExerciceFactory().campagnes.get(), NatureComite.PILOTAGE, JOUR, par=responsable)
    operations.inscrire(comite, actions, par=responsable)
    return operations.ouvrir_la_seance(comite, par=responsable)


def demande(action, montant, enveloppe, **options):
    return DemandeDeDecision(action, ATTRIBUTION, euros(montant), enveloppe, **options)


def accords(page):
    """Les cases d'accord de la page : (valeur, libellé, cochée)."""
    cases = noeuds(page, "//input[@name='depassement']")
    libelles = textes(page, "//input[@name='depassement']/following-sibling::label")
    return [(c.get("value"), dit, c.get("checked") is not None) for c, dit in zip(cases, libelles, strict=True)]


def dits(page):
    return textes(page, "//*[@role='status']")


# --- L'opération ---


def test_un_motif_ne_vaut_pas_accord_et_un_accord_ne_vaut_que_pour_son_montant(responsable, actions, caen):
    """1 200 € pour 1 000 : 200,00 € de trop. Accepter 199,99 ne suffit pas, 200 oui."""
    for acceptes in (None, {}, {caen.pk: euros("199,99")}, {caen.pk + 1: euros(200)}):
        with pytest.raises(DepassementAAccepter) as refus:
            operations.decider(
                [demande(actions[0], 1200, caen)], par=responsable, motif="Bon projet", depassements_acceptes=acceptes
            )
    [depassement] = refus.value.depassements
    assert (depassement.enveloppe, depassement.depassement) == (caen, euros(200))
    assert not Decision.objects.exists()
    accord = {"depassements_acceptes": {caen.pk: euros(200)}}
    [prise] = operations.decider([demande(actions[0], 1200, caen)], par=responsable, motif="Arbitrage", **accord)
    assert (prise.depassement, prise.motif) == (euros(200), "Arbitrage")


def test_une_enveloppe_deja_sur_programmee_ne_compte_que_le_montant_du_lot(responsable, actions, caen):
    MouvementFactory(enveloppe=caen, ae=euros(-1500))  # il manque déjà 500 €
    with pytest.raises(DepassementAAccepter) as refus:
        operations.decider([demande(actions[0], 300, caen)], par=responsable, motif="Urgent")
    assert [b.depassement for b in refus.value.depassements] == [euros(300)]


def test_la_feuille_et_sa_mere_s_acceptent_chacune(responsable, actions, caen):
    """Caen dépasse de 200 ; sa mère, dotée de 900, de 300 : c'est elle qui manque le plus."""
    caen.parent = mere = EnveloppeFactory(libelle="Calvados")
    caen.save()
    MouvementFactory(enveloppe=mere, ae=euros(900))
    lot = [demande(actions[0], 1200, caen)]
    with pytest.raises(DepassementAAccepter) as refus:
        operations.decider(lot, par=responsable, motif="Arbitrage", depassements_acceptes={caen.pk: euros(200)})
    acceptes = {b.enveloppe.pk: b.depassement for b in refus.value.depassements}
    assert acceptes == {caen.pk: euros(200), mere.pk: euros(300)}
    [prise] = operations.decider(lot, par=responsable, motif="Arbitrage", depassements_acceptes=acceptes)
    assert (prise.depassement, prise.depassee) == (euros(300), mere)


def test_en_seance_le_total_du_lot_se_juge_ensemble_et_le_motif_est_celui_de_la_ligne(
    responsable, copil, actions, caen
):
    """600 sans motif, puis 700 et 500 : 800,00 € de trop, que portent les lignes qui disent pourquoi."""

    def lot(*motifs):
        montants = zip(actions, (700, 500, 600), motifs, strict=True)
        passages = {p.action: p for p in copil.passages.select_related("action")}
        return [SaisieDePassage(passages[a], ATTRIBUTION, euros(m), motif, caen) for a, m, motif in montants]

    with pytest.raises(DepassementAAccepter) as refus:
        operations.enregistrer_en_seance(copil, lot("Priorité", "Urgence", ""), par=responsable)
    assert [b.depassement for b in refus.value.depassements] == [euros(800)]
    accord = {"depassements_acceptes": {caen.pk: euros(800)}}
    with pytest.raises(MotifExige, match="« Atelier C » : accorder 300,00"):
        operations.enregistrer_en_seance(copil, lot("", "Urgence", ""), par=responsable, **accord)
    decisions = operations.enregistrer_en_seance(copil, lot("Priorité", "Urgence", ""), par=responsable, **accord)
    assert {d.action.intitule: (d.depassement, d.motif) for d in decisions} == {
        "Atelier C": (None, ""),
        "Atelier A": (euros(300), "Priorité"),
        "Atelier B": (euros(500), "Urgence"),
    }
    traces = [a.history.first().history_change_reason for a in actions]
    assert traces == ["Priorité", "Urgence", "Décision"]


# --- Les quatre écrans ---


def decider_une(actions, copil, **autres):
    action = actions[0]
    champs = {"nature": "attribution", "montant": "1200", "date": JOUR.isoformat(), "version": action.version}
    return f"/programmation/actions/{action.pk}/decider/", champs | {"motif": "Très bon projet"} | autres


def decider_en_lot(actions, copil, **autres):
    champs = {"nature": "attribution", "date": JOUR.isoformat(), "motif": "Très bon projet"}
    champs["action"] = [a.pk for a in actions[:2]]
    for a in actions[:2]:
        champs |= {f"a{a.pk}-montant": "600", f"a{a.pk}-version": a.version}
    return "/programmation/actions/decider/", champs | autres


def decider_en_seance(actions, copil, **autres):
    champs = {}
    for p in copil.passages.select_related("action").order_by("ordre")[:2]:
        saisie = {"issue": "attribution", "montant": "600", "observation": autres.get("motif", "Très bon projet")}
        saisie |= {"version": p.version, "version_de_l_action": p.action.version}
        champs |= {f"p{p.pk}-{nom}": valeur for nom, valeur in saisie.items()}
    return f"/programmation/comites/{copil.pk}/seance/", champs | autres


def decider_une_en_seance(actions, copil, **autres):
    p = copil.passages.select_related("action").get(action=actions[0])
    saisie = {"issue": "attribution", "montant": "1200", "observation": autres.get("motif", "Très bon projet")}
    saisie |= {"version": p.version, "version_de_l_action": p.action.version}
    champs = {f"p{p.pk}-{nom}": valeur for nom, valeur in saisie.items()}
    return f"/programmation/comites/{copil.pk}/seance/", champs | {"passage": p.pk} | autres


ECRANS = [decider_une, decider_en_lot, decider_en_seance, decider_une_en_seance]


@pytest.mark.parametrize("envoi", ECRANS)
def test_chaque_ecran_demande_l_accord_puis_dit_ce_qui_est_au_dela(client, actions, copil, caen, envoi):
    adresse, champs = envoi(actions, copil)
    page = client.post(adresse, champs)
    assert not Decision.objects.exists()
    assert "1 200,00 € dépassent de 200,00 € le reste à décider (1 000,00 €)" in texte(noeuds(page, "//main")[0])
    assert accords(page) == [(f"{caen.pk}-20000", "Dépasser « Caen » de 200,00 €", False)]
    page = client.post(adresse, champs | {"depassement": f"{caen.pk}-20000"}, follow=True)
    assert "dont 200,00 € au-delà du reste de « Caen »." in dits(page)[0]
    assert sum(d.depassement or 0 for d in Decision.objects.all()) == euros(200)


@pytest.mark.parametrize("envoi", ECRANS)
def test_l_accord_sans_motif_le_demande_et_reste_coche(client, actions, copil, caen, envoi):
    adresse, champs = envoi(actions, copil, motif="", depassement=f"{caen.pk}-20000")
    page = client.post(adresse, champs)
    assert not Decision.objects.exists()
    assert "au-delà du reste à décider demande un motif" in texte(noeuds(page, "//main")[0])
    assert [cochee for _, _, cochee in accords(page)] == [True]


@pytest.mark.parametrize("envoi", ECRANS)
def test_un_depassement_qui_a_grandi_entre_temps_se_relit(client, agent, actions, copil, caen, envoi):
    """Un autre accorde 100 € pendant que la page est ouverte : 300 € de trop, et non les 200 que l'on a lus."""
    adresse, champs = envoi(actions, copil, depassement=f"{caen.pk}-20000")
    operations.decider([demande(actions[2], 100, caen)], par=agent, date=JOUR)
    page = client.post(adresse, champs)
    assert Decision.objects.count() == 1
    assert accords(page) == [(f"{caen.pk}-30000", "Dépasser « Caen » de 300,00 €", False)]


@pytest.mark.parametrize("envoi", ECRANS)
def test_un_agent_n_a_pas_d_accord_a_donner(client, agent, actions, copil, caen, envoi):
    client.force_login(agent)
    adresse, champs = envoi(actions, copil, depassement=f"{caen.pk}-20000")
    page = client.post(adresse, champs)
    assert "Seul un responsable peut dépasser, avec un motif." in texte(noeuds(page, "//main")[0])
    assert accords(page) == []
    assert not Decision.objects.exists()


@pytest.mark.parametrize("valeur", ["abc", "-1", "1-", "0-0", "9" * 5000, "²-²", "0-" + "9" * 18, "9-" + "9" * 18])
def test_un_accord_mal_ecrit_n_accepte_rien(client, actions, copil, caen, valeur):
    adresse, champs = decider_une(actions, copil, depassement=valeur.replace("9-", f"{caen.pk + 1}-"))
    assert client.post(adresse, champs).status_code == 200
    assert not Decision.objects.exists()


def test_promouvoir_annonce_chaque_depassement_puis_demande_l_accord(client, responsable, actions, caen):
    scenario = operations.creer_un_scenario(ExerciceFactory(), "Essai", par=responsable, depart="demande")
    adresse = f"/programmation/scenarios/{scenario.pk}/promouvoir/"
    envoi = {"date": JOUR.isoformat(), "motif": "Comité du 9 juin"}
    annonce = client.get(adresse)
    assert "En tout, le scénario donne 6 000,00 €." in texte(noeuds(annonce, "//main")[0])
    assert textes(annonce, "//tr[th='« Caen »']/td") == [
        "1 000,00 €",
        "6 000,00 €",
        "−5 000,00 € dépasse le reste à décider de 5 000,00 €",
    ]
    page = client.post(adresse, envoi)
    assert not Decision.objects.exists()
    assert accords(page) == [(f"{caen.pk}-500000", "Dépasser « Caen » de 5 000,00 €", False)]
    page = client.post(adresse, envoi | {"depassement": f"{caen.pk}-500000"}, follow=True)
    assert dits(page)[0] == (
        "Le scénario est promu : 3 décisions enregistrées, pour 6 000,00 €, dont 5 000,00 € au-delà du reste de « Caen »."
    )
