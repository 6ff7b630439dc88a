"""Un délégué donne son avis debout, au téléphone : deux gestes, rien à faire glisser de côté."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from comptes.enums import Role
from programmation.models import Avis
from tests.fabriques import ActionFactory, ContratFactory, QuartierFactory, habiliter, localiser, p147

pytestmark = pytest.mark.django_db(transaction=True)


def test_un_delegue_donne_son_avis_en_deux_gestes_au_telephone(page, live_server, session_ouverte):
    quartier = QuartierFactory(contrat=ContratFactory())
    action = ActionFactory(
        contrat=quartier.contrat, intitule="Ateliers de lecture à la Guérinière", description="Lire. " * 70
    )
    localiser(action, {quartier: 1})
    p147(action, demande=2300)
    page.set_viewport_size({"width": 360, "height": 780})
    session_ouverte(habiliter(Role.DELEGUE, quartier=quartier))
    page.goto(f"{live_server.url}/programmation/avis/")
    assert Axe().run(page).violations_count == 0
    page.get_by_role("link", name="Ateliers de lecture à la Guérinière").click()
    page.wait_for_url("**/avis/*/")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert Axe().run(page).violations_count == 0
    favorable = page.get_by_role("button", name="Favorable", exact=True)
    boite = favorable.bounding_box()
    assert boite["y"] + boite["height"] <= 780  # sans défiler, même sous un long résumé
    favorable.click()
    page.get_by_text("Aucun avis n’est attendu.").wait_for()
    assert Avis.objects.get().sens == "favorable"
