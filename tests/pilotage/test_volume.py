"""Les données d'échelle, et le hasard réglé : la même graine donne les mêmes chiffres."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count, F, Sum

from comptes.models import Utilisateur
from pilotage import demonstration, volume
from programmation.models import Action, Decision, Enveloppe, Exercice, Financement, Localisation
from territoires.models import Departement

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, scope="module")
def _reference(django_db_setup, django_db_blocker):
    """Les données de référence, chargées une fois pour le module."""
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("charger_reference", verbosity=0)
        yield
        transaction.set_rollback(True)


def chiffres():
    """Tout ce qui compte d'une base, sans ses identifiants."""
    return {
        "actions": sorted(Action.objects.values_list("exercice__annee", "dossier", "intitule", "cout_previsionnel", "statut").order_by(), key=str),
        "plan": sorted(Financement.objects.values_list("action__intitule", "financeur__nom", "demande", "accorde", "etat").order_by(), key=str),
        "lieux": sorted(Localisation.objects.values_list("action__intitule", "quartier__nom", "cle").order_by(), key=str),
        "decisions": sorted(Decision.objects.values_list("action__intitule", "date", "nature", "montant").order_by(), key=str),
    }  # fmt: skip


def deux_fois(charger):
    """Les chiffres de deux chargements, chacun parti de la même base."""
    releves = []
    for _ in range(2):
        with transaction.atomic():
            charger()
            releves.append(chiffres())
            transaction.set_rollback(True)
    return releves


def test_les_actions_se_repartissent_egalement():
    volume.generer(actions=100, annees=3, departements=2)

    par_exercice = Exercice.objects.annotate(nombre=Count("actions")).values_list("annee", "nombre")
    assert sorted(par_exercice) == [(2024, 16), (2024, 16), (2025, 17), (2025, 17), (2026, 17), (2026, 17)]


def test_chaque_action_a_quatre_financements_qui_equilibrent_son_cout():
    volume.generer(actions=60, annees=2, departements=1)

    plans = Action.objects.annotate(lignes=Count("financements"), demande=Sum("financements__demande"))
    assert set(plans.values_list("lignes", flat=True)) == {4}
    assert not plans.exclude(demande=F("cout_previsionnel"))
    assert Localisation.objects.exists()
    assert Decision.objects.exists()


def test_rien_n_entre_dans_l_historique():
    volume.generer(actions=20, annees=1, departements=1)

    assert Action.objects.count() == 20
    assert not Action.history.exists()
    assert not Financement.history.exists()


def test_chaque_exercice_a_une_enveloppe_et_tout_ce_qui_est_accorde_s_y_impute():
    volume.generer(actions=60, annees=2, departements=1)

    assert Enveloppe.objects.count() == Exercice.objects.count() == 2
    assert not Action.objects.exclude(enveloppe__exercice=F("exercice"))
    assert set(Decision.objects.filter(montant__gt=0).values_list("enveloppe__libelle", flat=True)) == {"Crédits P147"}


def test_les_annees_d_avant_2024_sont_sur_les_anciens_contrats():
    volume.generer(actions=60, annees=12, departements=1)

    generations = set(Action.objects.exclude(contrat=None).values_list("exercice__annee", "contrat__generation"))
    assert generations == {(a, "2015-2023" if a < 2024 else "2024-2030") for a in range(2015, 2027)}


def test_un_agent_d_un_departement_et_un_lecteur_national():
    volume.generer(actions=40, annees=1, departements=2)

    agent, lecteur = (Utilisateur.objects.get(courriel=c) for c in (volume.AGENT, volume.LECTEUR))
    assert not agent.has_usable_password()
    assert Action.objects.visibles_par(agent).count() == 20
    assert Action.objects.visibles_par(lecteur).count() == 40


def test_la_meme_graine_donne_les_memes_chiffres():
    premier, second = deux_fois(lambda: volume.generer(actions=40, annees=2, departements=2))
    assert premier == second

    [autre, _] = deux_fois(lambda: volume.generer(actions=40, annees=2, departements=2, graine="autre"))
    assert autre != premier


def test_deux_chargements_de_la_demonstration_donnent_les_memes_chiffres():
    premier, second = deux_fois(lambda: demonstration.charger(taille=0.05))
    assert len(premier["actions"]) > 150
    assert premier == second


def test_on_ne_genere_pas_deux_fois():
    volume.generer(actions=10, annees=1, departements=1)
    with pytest.raises(volume.VolumeImpossible, match="base neuve"):
        volume.generer(actions=10, annees=1, departements=1)


@pytest.mark.parametrize(
    ("bornes", "message"),
    [
        ({"annees": 13}, "De 1 à 12 années"),
        ({"annees": 0}, "De 1 à 12 années"),
        ({"departements": 101}, "De 1 à 100 départements"),
        ({"actions": 0}, "au moins une action"),
    ],
)
def test_ce_qui_deborde_est_refuse_sans_rien_ecrire(bornes, message):
    with pytest.raises(CommandError, match=message):
        call_command("generer_volume", **{"actions": 10, "annees": 1, "departements": 1} | bornes)
    assert not Departement.objects.filter(code__startswith="F").exists()


def test_la_commande_dit_ce_qu_elle_a_fait(settings):
    sortie = StringIO()
    call_command("generer_volume", actions=10, annees=1, departements=1, stdout=sortie)
    assert "10 actions, 1 année, 1 département." in sortie.getvalue().replace("\u00a0", " ")

    settings.EN_PRODUCTION = True
    with pytest.raises(CommandError, match="MODE=production"):
        call_command("generer_volume")
