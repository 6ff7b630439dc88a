"""Les règles chiffrées : chargées avec leur source, tenues par le service, sans délai de paiement inventé."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from pilotage.management.commands.charger_reference import FIXTURES
from politique_ville.outils.reference import Bilan
from programmation.chargement import charger_parametres
from programmation.enums import CodeParametre
from programmation.models import Parametre
from tests.fabriques import DepartementFactory, UtilisateurFactory

pytestmark = pytest.mark.django_db


def charger():
    return charger_parametres(FIXTURES / "france" / "parametres.csv")


def test_le_seuil_et_le_delai_ont_leur_source_et_le_delai_de_paiement_n_a_pas_de_valeur():
    assert charger() == Bilan(crees=2)
    assert charger() == Bilan(inchanges=2)
    lus = {p.code: (p.valeur, p.departement, p.source.split(" ;")[0]) for p in Parametre.objects.all()}
    loi = "Loi n° 2000-321 du 12 avril 2000, article 10"
    assert lus == {
        CodeParametre.SEUIL_CONVENTION: (Decimal(23_000), None, loi),
        CodeParametre.DELAI_JUSTIFICATION: (
            Decimal(6),
            None,
            f"{loi} : compte rendu financier dans les six mois qui suivent la fin de l’exercice",
        ),
    }


def test_le_chargement_ne_reprend_pas_une_regle_que_le_service_a_corrigee():
    charger()
    seuil = Parametre.objects.get(code=CodeParametre.SEUIL_CONVENTION)
    seuil.valeur = Decimal(20_000)
    seuil._change_reason = "Arrêté préfectoral"
    seuil.save()
    assert charger() == Bilan(inchanges=1, preserves=1)
    seuil.refresh_from_db()
    assert seuil.valeur == 20_000


def test_l_administrateur_date_le_delai_d_un_departement_en_mois_entiers(client):
    client.force_login(UtilisateurFactory(is_staff=True, is_superuser=True))
    gard = DepartementFactory(code="30")
    champs = {
        "code": CodeParametre.DELAI_PAIEMENT,
        "departement": gard.pk,
        "depuis": "2026-01-01",
        "source": "Note de service",
    }
    ajouter = reverse("admin:programmation_parametre_add")
    refus = client.post(ajouter, champs | {"valeur": "2.5"})
    assert "Un délai est un nombre entier de mois." in refus.content.decode()
    assert client.post(ajouter, champs | {"valeur": "2"}).status_code == 302
    assert Parametre.objects.en_vigueur(CodeParametre.DELAI_PAIEMENT, date(2026, 6, 1), gard) == 2
    assert Parametre.objects.en_vigueur(CodeParametre.DELAI_PAIEMENT, date(2026, 6, 1)) is None
