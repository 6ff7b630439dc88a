"""L'échéancier d'un acte dans un vrai navigateur : fixé au clavier, en parts ; accessible ; lisible sur un téléphone."""

from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from comptes.enums import Role
from programmation import operations
from programmation.enums import NatureActe
from programmation.models import VersementPrevu
from programmation.operations import SaisieDActe
from tests.fabriques import (
    ExerciceFactory,
    LigneEngagementFactory,
    PaiementFactory,
    action_programmee,
    euros,
    habiliter,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acte(session_ouverte):
    """Une convention de 6 000,01 €, en projet ; l'agent du Calvados est connecté."""
    action = action_programmee("6000,01", exercice=ExerciceFactory(annee=2025))
    agent = session_ouverte(habiliter(Role.AGENT, departement=action.exercice.departement))
    saisie = SaisieDActe(NatureActe.CONVENTION, "Objet", list(action.decisions.all()), "", "{{ echeancier }}")
    return operations.rediger_un_acte(saisie, par=agent)


@pytest.fixture
def plaintes(page):
    recueil = []
    page.on("console", lambda m: recueil.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda erreur: recueil.append(str(erreur)))
    return recueil


def verifier_la_page(page):
    fautes = [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(page).response["violations"]]
    assert fautes == []
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


def taper(page, *touches):
    for touche in touches:
        page.keyboard.press(touche) if touche in ("Tab", "Enter") else page.keyboard.type(touche)


@pytest.mark.parametrize("largeur", [1280, 360])
def test_un_echeancier_se_fixe_au_clavier_en_parts(page, live_server, acte, plaintes, largeur):
    page.set_viewport_size({"width": largeur, "height": 800})
    page.goto(f"{live_server.url}{acte.get_absolute_url()}echeancier/")
    total = page.locator("[data-total]")
    expect(total).to_have_text("6 000,01 € sur 6 000,01 €")
    page.locator("#id_v-0-nature").focus()
    taper(page, "Av", "Tab", "80")
    expect(page.locator("#id_v-0-montant")).to_have_value("4800,00")
    expect(total).to_have_text("4 800,00 € sur 6 000,01 €, il manque 1 200,01 €")
    page.locator("#id_v-0-prevu_le").fill("2025-06-01")  # l'ordre des chiffres, au clavier, suit la langue du poste
    page.locator("#id_v-1-nature").focus()
    taper(page, "So", "Tab", "20")
    page.locator("#id_v-1-prevu_le").fill("2025-12-01")
    expect(page.locator("#id_v-1-montant")).to_have_value("1200,01")
    expect(total).to_have_text("6 000,01 € sur 6 000,01 €")
    verifier_la_page(page)
    page.get_by_role("button", name="Enregistrer l’échéancier").focus()
    taper(page, "Enter")
    expect(page.get_by_text("L’échéancier est enregistré.")).to_be_visible()
    verifier_la_page(page)
    assert list(VersementPrevu.objects.values_list("nature", "montant", "prevu_le")) == [
        ("avance", euros("4800"), date(2025, 6, 1)),
        ("solde", euros("1200,01"), date(2025, 12, 1)),
    ]
    assert plaintes == []


def test_un_montant_tape_ne_vient_plus_d_une_part(page, live_server, acte):
    page.goto(f"{live_server.url}{acte.get_absolute_url()}echeancier/")
    page.locator("#id_v-0-part").fill("80")
    page.locator("#id_v-0-montant").fill("6000")
    expect(page.locator("#id_v-0-part")).to_have_value("")
    expect(page.locator("[data-total]")).to_have_text("6 000,00 € sur 6 000,01 €, il manque 0,01 €")


@pytest.mark.parametrize("largeur", [1280, 360])
def test_la_fiche_montre_prevu_paye_et_reste(page, live_server, acte, plaintes, largeur):
    page.set_viewport_size({"width": largeur, "height": 800})
    agent = acte.history.first().history_user
    action = acte.decisions.get().action
    operations.dater_un_acte(acte, numero="1", signe_le=date(2025, 5, 2), notifie_le=None, par=agent)
    PaiementFactory(ligne=LigneEngagementFactory(action=action, ae=euros("6000,01")), cp=euros(5000))
    page.goto(f"{live_server.url}{acte.get_absolute_url()}#echeancier")
    expect(page.get_by_role("row", name="Versement unique")).to_contain_text("1 000,01 €")
    verifier_la_page(page)
    assert plaintes == []
