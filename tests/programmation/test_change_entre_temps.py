"""Deux personnes sur le même objet : la seconde lit ce qui a changé, garde son texte, et son second envoi passe."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from lxml import html

from comptes import conservation
from comptes.enums import Role
from comptes.models import SaisieConservee
from programmation import operations
from programmation.enums import NatureComite
from tests.fabriques import EnveloppeFactory, ExerciceFactory, LigneEngagementFactory, action_programmee, habiliter
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

JOUR, PLUS_TARD = date(2026, 3, 12), date(2026, 3, 19)


@dataclass
class Essai:
    """Un écran de modification, et ce que chacun y fait : `autre` change un champ, l'envoi en change un second."""

    objet: Any
    adresse: str
    autre: Any
    dit: str
    envoi: dict[str, str]
    attendu: dict[str, Any]


def enveloppe(par):
    objet = EnveloppeFactory(libelle="Caen")
    mere = EnveloppeFactory(libelle="Département")
    return Essai(
        objet,
        f"/programmation/enveloppes/{objet.pk}/modifier/",
        lambda qui: operations.modifier_une_enveloppe(objet, {"parent": mere}, par=qui),
        "Enveloppe mère (— → Département)",
        {"libelle": "Caen et Ifs"},
        {"libelle": "Caen et Ifs", "parent_id": mere.pk},
    )


def comite(par):
    objet = operations.creer_un_comite(
        ExerciceFactory().campagnes.get(), NatureComite.TECHNIQUE, JOUR, par=par, partenaires_presents=False
    )
    return Essai(
        objet,
        f"/programmation/comites/{objet.pk}/modifier/",
        lambda qui: operations.modifier_un_comite(objet, {"partenaires_presents": True, "date": PLUS_TARD}, par=qui),
        "(non → oui)",
        {"lieu": "Mairie"},
        {"lieu": "Mairie", "partenaires_presents": True, "date": PLUS_TARD},
    )


def campagne(par):
    objet = ExerciceFactory().campagnes.get()
    return Essai(
        objet,
        f"/programmation/campagnes/{objet.pk}/modifier/",
        lambda qui: operations.modifier_une_campagne(
            objet, {"avis_delegue_exige": not objet.avis_delegue_exige}, par=qui
        ),
        "non",
        {"intitule": "Été"},
        {"intitule": "Été", "avis_delegue_exige": not objet.avis_delegue_exige},
    )


def ej(par):
    action = action_programmee(1500, exercice=ExerciceFactory(annee=2025))
    objet = LigneEngagementFactory(action=action, engagement__numero="2101").engagement
    return Essai(
        objet,
        f"/programmation/engagements/{objet.pk}/modifier/",
        lambda qui: operations.corriger_l_engagement(objet, "2199", objet.date, par=qui, motif="Faute"),
        "(2101 → 2199)",
        {"date": "2025-05-09", "motif": "Jour mal lu"},
        {"date": date(2025, 5, 9), "numero": "2199"},
    )


@pytest.fixture(params=[enveloppe, comite, campagne, ej], ids=lambda fabrique: fabrique.__name__)
def essai(request, moi):
    return request.param(moi)


@pytest.fixture
def moi(client):
    ExerciceFactory()
    personne = habiliter(Role.RESPONSABLE)
    client.force_login(personne)
    return personne


def champs(page):
    """Ce que le navigateur enverrait du formulaire de la page."""
    (formulaire,) = [f for f in html.fromstring(page.content.decode()).forms if "lue" in f.fields]
    return dict(formulaire.form_values())


def test_le_refus_dit_ce_qui_a_change_et_le_second_envoi_garde_les_deux(client, essai):
    lus = champs(client.get(essai.adresse))
    autre = habiliter(Role.RESPONSABLE)
    essai.autre(autre)
    refus = client.post(essai.adresse, lus | essai.envoi)
    (phrase,) = textes(refus, "//*[@role='alert']")
    assert f"a changé entre-temps, par {autre} le" in phrase
    assert essai.dit in phrase
    assert client.post(essai.adresse, champs(refus)).status_code == 302
    essai.objet.refresh_from_db()
    assert {nom: getattr(essai.objet, nom) for nom in essai.attendu} == essai.attendu
    assert essai.objet.history.first().history_user_id != autre.pk


def test_une_saisie_gardee_rapporte_la_version_qu_elle_a_lue_et_se_renvoie_sans_se_perdre(client, essai):
    """Remise sur une version plus récente, elle écraserait en silence ce que l'autre a écrit."""
    lus = champs(client.get(essai.adresse)) | essai.envoi
    client.post("/compte/saisies/", lus)
    essai.autre(habiliter(Role.RESPONSABLE))
    rouverte = client.get(essai.adresse)
    assert noeuds(rouverte, "//script[@id='saisie-retrouvee']")
    remis = dict(SaisieConservee.objects.get().contenu) | {conservation.CHAMP: lus[conservation.CHAMP]}
    assert remis["lue"] == lus["lue"] != champs(rouverte)["lue"]
    refus = client.post(essai.adresse, remis)
    assert refus.status_code == 200
    assert client.post(essai.adresse, champs(refus)).status_code == 302
    assert not SaisieConservee.objects.exists()


def test_une_version_inconnue_ne_passe_pas_et_se_rattrape(client, essai):
    refus = client.post(essai.adresse, champs(client.get(essai.adresse)) | essai.envoi | {"lue": "999999"})
    assert "a changé entre-temps" in textes(refus, "//*[@role='alert']")[0]
    assert client.post(essai.adresse, champs(refus)).status_code == 302
