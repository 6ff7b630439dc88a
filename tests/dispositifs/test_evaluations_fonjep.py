"""L'évaluation d'une période FONJEP, due six mois avant son terme : la liste, la fiche et le radar disent pareil."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from comptes.enums import Role
from dispositifs.dates import decaler_de_mois, premier_jour_decale
from dispositifs.models import TriennaliteFonjep
from dispositifs.synthese import evaluations_attendues
from tests.dispositifs.fabriques import TriennaliteFactory
from tests.fabriques import habiliter

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("fin", "attendue_le"),
    [
        (date(2026, 12, 30), date(2026, 6, 30)),
        (date(2026, 12, 31), date(2026, 6, 30)),
        (date(2027, 3, 31), date(2026, 9, 30)),
        (date(2026, 8, 28), date(2026, 2, 28)),
        (date(2026, 8, 31), date(2026, 2, 28)),
        (date(2028, 8, 31), date(2028, 2, 29)),
        (date(2028, 2, 29), date(2027, 8, 29)),
    ],
)
def test_une_evaluation_est_en_retard_le_lendemain_du_jour_attendu(client, monkeypatch, fin, attendue_le):
    periode = TriennaliteFactory(debut=fin.replace(year=fin.year - 2, day=1), fin=fin)
    client.force_login(habiliter(Role.AGENT, departement=periode.poste.departement))
    assert periode.evaluation_attendue_le == attendue_le
    lendemain = attendue_le + timedelta(days=1)
    assert partout(client, monkeypatch, attendue_le) == (False, False, False)
    assert partout(client, monkeypatch, lendemain) == (True, True, True)


def partout(client, monkeypatch, jour):
    """Si, ce jour-là, le radar, la liste filtrée « En retard » et la fiche du poste disent le retard."""
    monkeypatch.setattr(timezone, "localdate", lambda *args: jour)
    (dite,) = evaluations_attendues(TriennaliteFonjep.objects.all(), jour)
    liste = client.get("/dispositifs/fonjep/", {"evaluation": "en_retard"}).content.decode()
    fiche = client.get(f"/dispositifs/fonjep/{dite.triennalite.poste_id}/").content.decode()
    return dite.en_retard, dite.triennalite.poste.code in liste, "En retard" in fiche


def test_pour_tous_les_jours_d_annees_communes_et_bissextile_la_borne_suit_le_jour_attendu():
    """La condition écrite pour la base (fin < borne) dit exactement « le jour attendu est passé »."""
    jours = [date(2027, 7, 1) + timedelta(days=n) for n in range(800)]  # juillet 2027 à septembre 2029
    attendus = [(fin, decaler_de_mois(fin, -6)) for fin in jours]
    for jour in jours:
        borne = premier_jour_decale(jour, 6)
        assert [fin for fin, attendu in attendus if (fin < borne) != (attendu < jour)] == [], jour
