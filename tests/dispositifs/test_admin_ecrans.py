"""L'administration des barèmes : un trou se déclare, une date manquante se refuse, un poste s'y lit seulement."""

import pytest

from dispositifs.enums import StatutBareme
from dispositifs.models import BaremeAdulteRelais
from tests.dispositifs.fabriques import PosteFactory
from tests.fabriques import UtilisateurFactory
from tests.pages import textes

pytestmark = pytest.mark.django_db

BAREMES = "/admin/dispositifs/baremeadulterelais/"


@pytest.fixture
def admin(client):
    client.force_login(UtilisateurFactory(is_staff=True, is_superuser=True))
    return client


def test_un_bareme_inconnu_se_saisit_sans_montant(admin):
    saisie = {"date_effet": "2026-07-01", "montant": "", "statut": "inconnu", "source": "Décret attendu"}
    assert admin.post(f"{BAREMES}add/", saisie).status_code == 302
    bareme = BaremeAdulteRelais.objects.get()
    assert (bareme.montant, bareme.statut) == (None, StatutBareme.INCONNU)
    assert "Montant inconnu" in " ".join(textes(admin.get(BAREMES), "//table[@id='result_list']//td"))


@pytest.mark.parametrize(
    ("faute", "phrase"),
    [
        ({"date_effet": ""}, "obligatoire"),
        ({"montant": "beaucoup"}, "n’est pas un montant"),
        ({"montant": ""}, "Un barème inconnu n’a pas de montant ; les autres en ont un."),
        ({"statut": "inconnu"}, "Un barème inconnu n’a pas de montant ; les autres en ont un."),
        ({"source": ""}, "obligatoire"),
    ],
)
def test_un_bareme_fautif_est_refuse_en_francais(admin, faute, phrase):
    saisie = {"date_effet": "2025-07-01", "montant": "23 000,50", "statut": "date", "source": "Décret"} | faute
    reponse = admin.post(f"{BAREMES}add/", saisie)
    assert reponse.status_code == 200
    assert phrase in " ".join(textes(reponse, "//*[classe('errorlist')]"))
    assert not BaremeAdulteRelais.objects.exists()


def test_un_poste_se_lit_dans_l_administration_sans_s_y_ecrire(admin):
    poste = PosteFactory()
    adresse = f"/admin/dispositifs/posteadulterelais/{poste.pk}/change/"
    assert admin.get(adresse).status_code == 200
    assert admin.post(adresse, {"numero": "01499R0001"}).status_code == 403
