"""Le récapitulatif par courriel : les échéances du calendrier, à qui les a demandées."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from comptes.enums import Role
from dispositifs.exports.calendrier import evenements
from dispositifs.operations import donner_une_adresse, revoquer_l_adresse
from tests.dispositifs.fabriques import ConventionFactory, PosteFactory, TriennaliteFactory
from tests.fabriques import DepartementFactory, habiliter

pytestmark = pytest.mark.django_db


def finissant(dans, **champs):
    fin = timezone.localdate() + timedelta(days=dans)
    return ConventionFactory(debut=fin - timedelta(days=800), fin=fin, **champs)


def rappeler(**options):
    sortie = StringIO()
    call_command("rappeler_les_echeances", stdout=sortie, **options)
    return sortie.getvalue()


def test_le_courriel_porte_les_memes_echeances_que_le_calendrier(mailoutbox):
    finissant(200, poste=PosteFactory(numero="01425R0002"))
    finissant(60, poste=PosteFactory(numero="01425R0001"))
    finissant(30, poste__departement=DepartementFactory(code="30"))
    fin = timezone.localdate() + timedelta(days=300)
    TriennaliteFactory(poste__code="D00001", debut=fin - timedelta(days=1000), fin=fin)
    agent = habiliter(Role.AGENT)
    donner_une_adresse(agent)
    rappeler()
    (courriel,) = mailoutbox
    assert (courriel.to, courriel.subject) == ([agent.courriel], "Postes : 3 échéances")
    titres = [titre for _, _, titre, _, _ in evenements(agent, timezone.localdate())]
    assert len(titres) == 3
    assert all(titre in courriel.body for titre in titres)
    assert courriel.body.index("01425R0001") < courriel.body.index("01425R0002")


def test_personne_ne_recoit_ce_qu_il_n_a_pas_demande_ni_un_courriel_vide(mailoutbox):
    finissant(60)
    habiliter(Role.AGENT)  # sans adresse de calendrier
    revoquee, parti, ailleurs = habiliter(Role.AGENT), habiliter(Role.AGENT), habiliter(Role.PARTENAIRE)
    for utilisateur in (revoquee, parti, ailleurs):
        donner_une_adresse(utilisateur)
    revoquer_l_adresse(revoquee)
    parti.is_active = False
    parti.save()
    assert rappeler() == ""
    assert mailoutbox == []


def test_un_essai_dit_a_qui_sans_rien_envoyer(mailoutbox):
    finissant(60)
    agent = habiliter(Role.AGENT)
    donner_une_adresse(agent)
    assert rappeler(essai=True) == f"{agent.courriel} : 1 échéance.\n"
    assert mailoutbox == []


def test_un_serveur_d_envoi_absent_se_dit_et_nomme_l_adresse(settings):
    finissant(60)
    agent = habiliter(Role.AGENT)
    donner_une_adresse(agent)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with pytest.raises(CommandError, match=f"Courriel refusé pour : {agent.courriel}"):
        rappeler()
