"""Le responsable tient son enveloppe au clavier ; chaque segment mène à sa liste ; rien ne déborde au téléphone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from comptes.enums import Role
from programmation.models import MouvementEnveloppe
from programmation.synthese import barre
from tests.fabriques import euros, habiliter
from tests.programmation.exemple_enveloppes import enveloppes_de_l_exemple

pytestmark = pytest.mark.django_db(transaction=True)


def test_le_responsable_enregistre_un_gel_et_lit_la_barre(page, live_server, session_ouverte):
    exemple = enveloppes_de_l_exemple()
    session_ouverte(habiliter(Role.RESPONSABLE))
    page.goto(f"{live_server.url}/programmation/enveloppes/")
    assert Axe().run(page).violations_count == 0
    page.get_by_role("link", name="Caen la mer", exact=True).click()
    assert Axe().run(page).violations_count == 0
    page.get_by_role("link", name="Enregistrer un mouvement").click()
    page.get_by_label("Nature").select_option("gel")
    page.get_by_label("Autorisations d’engagement").fill("1 000,50")
    page.get_by_label("Motif").fill("Gel imposé")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Enregistrer le mouvement"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Journal des mouvements").wait_for()
    assert MouvementEnveloppe.objects.latest("pk").ae == euros("-1000,50")
    page.get_by_role("link", name="Engagé non payé").click()
    page.wait_for_url("**/programmation/actions/?*reste=engage*")
    assert "10\u202f000,00\xa0€" in page.locator("tfoot").inner_text()
    assert barre(exemple.fille_caen).notifie.ae == euros("54999,50")


@pytest.mark.parametrize("ecran", ["", "{mere}/", "{mere}/redeployer/"])
def test_rien_ne_deborde_au_telephone(page, live_server, session_ouverte, ecran):
    exemple = enveloppes_de_l_exemple()
    session_ouverte(habiliter(Role.RESPONSABLE))
    page.set_viewport_size({"width": 360, "height": 780})
    page.goto(f"{live_server.url}/programmation/enveloppes/{ecran.format(mere=exemple.mere.pk)}")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert Axe().run(page).violations_count == 0
