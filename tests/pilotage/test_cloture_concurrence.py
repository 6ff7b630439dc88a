"""Deux chefs au même instant, par de vrais fils : un seul fige, un seul clôt, l'autre lit qui l'a fait."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from comptes.enums import Role
from pilotage.models import Photographie
from pilotage.operations import cloturer_exercice, figer_campagne, passer_a_l_annee_suivante
from programmation.enums import NatureDecision, StatutAction
from programmation.models import Campagne, Exercice, Financement
from programmation.operations import DejaFait, DemandeDeDecision, OperationRefusee, decider
from programmation.operations.outils import verrouiller_les_exercices
from tests.fabriques import (
    ActionFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    action_programmee,
    euros,
    habiliter,
    p147,
)
from tests.test_concurrence import ensemble

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chefs():
    ExerciceFactory()
    FinanceurFactory(p147=True)
    return [habiliter(Role.RESPONSABLE) for _ in range(3)]


def un_seul(resultats, chefs):
    """Le gagnant, après avoir vérifié que les autres lisent son nom."""
    gagnants = [chef for chef, resultat in zip(chefs, resultats, strict=True) if isinstance(resultat, Photographie)]
    refus = [resultat for resultat in resultats if isinstance(resultat, DejaFait)]
    assert (len(gagnants), len(refus)) == (1, len(chefs) - 1)
    assert all(f"par {gagnants[0]} le" in refusee.messages[0] for refusee in refus)
    return gagnants[0]


def test_trois_chefs_figent_en_meme_temps_un_seul_fige(chefs):
    campagne = Campagne.objects.get()
    resultats = ensemble(*[lambda c=chef: figer_campagne(campagne, par=c) for chef in chefs])
    un_seul(resultats, chefs)
    assert Photographie.objects.count() == 1


def test_trois_chefs_cloturent_en_meme_temps_un_seul_clot(chefs):
    campagne, exercice = Campagne.objects.get(), Exercice.objects.get()
    figer_campagne(campagne, par=chefs[0])
    resultats = ensemble(*[lambda c=chef: cloturer_exercice(exercice, par=c) for chef in chefs])
    gagnant = un_seul(resultats, chefs)
    assert Exercice.objects.get().est_clos
    assert Photographie.objects.count() == 2
    assert exercice.history.first().history_user == gagnant


def test_clore_et_completer_au_meme_instant_se_suivent(chefs):
    """Ou bien le complément est dans la photographie de clôture, ou bien il est refusé : jamais entre les deux."""
    action = action_programmee(1000)
    campagne, exercice = Campagne.objects.get(), Exercice.objects.get()
    figer_campagne(campagne, par=chefs[0])
    demande = DemandeDeDecision(action, NatureDecision.COMPLEMENT, euros(100))
    cloture, complement = ensemble(
        lambda: cloturer_exercice(exercice, par=chefs[0]), lambda: decider([demande], par=chefs[1], motif="Automne")
    )
    [ligne] = cloture.lignes
    photographie = ligne["financements"][0]["accorde"]
    assert photographie == str(Financement.objects.get().accorde)
    assert photographie == ("1000.00" if isinstance(complement, OperationRefusee) else "1100.00")


def test_figer_et_deposer_au_meme_instant_se_suivent(chefs):
    action = ActionFactory(statut=StatutAction.INSTRUITE)
    p147(action, 500)
    campagne = Campagne.objects.get()
    attribution = DemandeDeDecision(action, NatureDecision.ATTRIBUTION, euros(500))
    gel, decision = ensemble(
        lambda: figer_campagne(campagne, par=chefs[0]), lambda: decider([attribution], par=chefs[1])
    )
    attendu = "instruite" if isinstance(decision, OperationRefusee) else "programmee"
    assert gel.lignes[0]["statut"] == attendu


def test_deux_chefs_preparent_l_annee_suivante_en_meme_temps_elle_n_existe_qu_une_fois(chefs):
    exercice = Exercice.objects.get()
    ensemble(*[lambda c=chef: passer_a_l_annee_suivante(exercice, par=c) for chef in chefs])
    assert list(Exercice.objects.order_by("annee").values_list("annee", flat=True)) == [2026, 2027]
    assert Campagne.objects.filter(exercice__annee=2027).count() == 1


def attendre_qu_un_fil_attende():
    """Qu'une autre connexion soit arrêtée par un verrou ; après dix secondes, la suite du test dira ce qui manque."""
    with connection.cursor() as curseur:
        for _ in range(200):
            curseur.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if curseur.fetchone()[0]:
                return
            time.sleep(0.05)


def seul(geste):
    try:
        return geste()
    finally:
        connection.close()


@pytest.mark.postgresql
def test_le_passage_prend_ses_verrous_dans_l_ordre_de_tous_les_gestes(chefs):
    """L'année suivante, saisie la première, a le plus petit identifiant : le passage l'attend avant de tenir l'autre."""
    suivante, exercice = Exercice.objects.get(), ExerciceFactory(annee=2025)
    EnveloppeFactory(exercice=exercice)
    with ThreadPoolExecutor(1) as fils:
        with transaction.atomic():
            verrouiller_les_exercices([suivante])
            passage = fils.submit(seul, lambda: passer_a_l_annee_suivante(exercice, par=chefs[0]))
            attendre_qu_un_fil_attende()
            Exercice.objects.select_for_update(nowait=True, no_key=True).get(pk=exercice.pk)
        assert passage.result(timeout=30).suivant == suivante
    assert suivante.enveloppes.count() == 1
