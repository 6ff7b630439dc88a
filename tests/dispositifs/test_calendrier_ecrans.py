"""Le calendrier privé : une adresse qui ouvre les échéances d'une seule personne, et qui se révoque."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from icalendar import Calendar

from comptes.enums import Role
from dispositifs.dates import decaler_de_mois
from dispositifs.models import AbonnementCalendrier, ConventionAdulteRelais
from dispositifs.synthese import radar
from tests.dispositifs.fabriques import ConventionFactory, PosteFactory, TriennaliteFactory
from tests.fabriques import ContratFactory, DepartementFactory, OrganismeFactory, habiliter
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

PAGE = "/dispositifs/calendrier/"


def adresse_de(client, utilisateur):
    client.force_login(utilisateur)
    reponse = client.post(f"{PAGE}creer/")
    assert "no-store" in reponse["Cache-Control"]
    return noeuds(reponse, "//*[@id='adresse-du-calendrier']/@value")[0]


def evenements(adresse):
    """Le titre et le jour de chaque événement, lus sans session."""
    reponse = Client().get(adresse)
    assert (reponse.status_code, reponse["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    return [(str(e["summary"]), e.decoded("dtstart")) for e in Calendar.from_ical(reponse.content).walk("VEVENT")]


def finissant(**champs):
    fin = timezone.localdate() + timedelta(days=60)
    return ConventionFactory(debut=fin - timedelta(days=800), fin=fin, **champs)


def test_le_calendrier_montre_les_memes_echeances_que_le_radar(client):
    poste = PosteFactory(numero="01425R0001", employeur=OrganismeFactory(nom="Écoute, partage ; et cie"))
    convention = finissant(poste=poste)
    secret = finissant(poste__departement=DepartementFactory(code="30"))
    fin = timezone.localdate() + timedelta(days=100)
    triennalite = TriennaliteFactory(poste__code="D00001", debut=fin - timedelta(days=1000), fin=fin)
    agent = habiliter(Role.AGENT)
    vus = evenements(adresse_de(client, agent))
    association = triennalite.poste.association
    assert vus == [
        ("Fin de convention : adulte-relais 01425R0001, Écoute, partage ; et cie", convention.fin),
        (f"Évaluation attendue : FONJEP D00001, {association}", decaler_de_mois(fin, -6)),
    ]
    visibles = ConventionAdulteRelais.objects.visibles_par(agent)
    assert [e.convention for e in radar(visibles, timezone.localdate())] == [convention]
    assert secret not in visibles


def test_l_adresse_se_renouvelle_et_se_revoque(client):
    finissant()
    agent = habiliter(Role.AGENT)
    premiere = adresse_de(client, agent)
    assert len(evenements(premiere)) == 1
    seconde = adresse_de(client, agent)
    assert Client().get(premiere).status_code == 404
    assert len(evenements(seconde)) == 1
    client.post(f"{PAGE}revoquer/")
    assert Client().get(seconde).status_code == 404
    assert "pas encore d’adresse" in " ".join(textes(client.get(PAGE), "//main//p"))


def test_la_base_ne_garde_pas_l_adresse(client):
    adresse = adresse_de(client, habiliter(Role.AGENT))
    jeton = adresse.rsplit("/", 1)[1].removesuffix(".ics")
    assert len(jeton) == 43
    assert jeton not in AbonnementCalendrier.objects.get().empreinte
    assert jeton not in client.get(PAGE).content.decode()


def test_un_compte_desactive_ou_sans_habilitation_ne_montre_plus_rien(client):
    finissant()
    agent = habiliter(Role.AGENT)
    adresse = adresse_de(client, agent)
    agent.habilitations.all().delete()
    assert evenements(adresse) == []
    agent.is_active = False
    agent.save()
    assert Client().get(adresse).status_code == 404


def test_un_partenaire_a_un_calendrier_vide(client):
    convention = finissant()
    assert evenements(adresse_de(client, habiliter(Role.PARTENAIRE, contrat=convention.poste.contrat))) == []
    assert evenements(adresse_de(client, habiliter(Role.AGENT, contrat=ContratFactory()))) == []


@pytest.mark.parametrize("jeton", ["inconnu", "a" * 43, "é", "a" * 500])
def test_une_adresse_inconnue_n_existe_pas(jeton):
    assert Client().get(f"{PAGE}{jeton}.ics").status_code == 404


@pytest.mark.parametrize("nombre", [1, 3])
def test_le_calendrier_se_lit_en_quatre_requetes(client, django_assert_num_queries, nombre):
    for _ in range(nombre):
        finissant()
        TriennaliteFactory(debut=timezone.localdate() - timedelta(days=900), fin=timezone.localdate())
    adresse = adresse_de(client, habiliter(Role.AGENT))
    with django_assert_num_queries(4):
        Client().get(adresse)
