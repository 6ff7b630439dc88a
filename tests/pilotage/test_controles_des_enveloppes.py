"""La feuille Contrôles du classeur ANCT : les décisions au-delà du disponible, leur total et leurs motifs."""

from datetime import UTC, date, datetime

import pytest

from pilotage.exports import Demande, preparer
from pilotage.exports.formules import valeur
from programmation.models import Action, Decision
from programmation.synthese import ChoixDeBase
from tests.fabriques import ActionFactory, DecisionFactory, EnveloppeFactory, euros

pytestmark = pytest.mark.django_db


def lignes_des_controles(exercice):
    actions = Action.objects.filter(exercice=exercice)
    classeur = preparer(Demande(exercice, actions, ChoixDeBase(), "DDETS", datetime(2026, 12, 1, tzinfo=UTC)))
    entetes, *corps = next(f for f in classeur.feuilles if f.nom == "Contrôles").cellules()
    titres = ("Nature", "Contrôle", "Lu dans", "Total lu", "Total comparé", "Anomalies", "Où regarder")
    rangs = [list(entetes).index(titre) for titre in titres]
    lignes = [[str(valeur(ligne[rang]) or "").replace("\xa0", " ") for rang in rangs] for ligne in corps]
    return [ligne for ligne in lignes if ligne[0] in ("Enveloppes", "Dépassement")]


def test_chaque_depassement_a_sa_ligne_avec_son_motif():
    enveloppe = EnveloppeFactory(libelle="Caen")
    for montant, depasse, motif in ((500, None, ""), (150, 50, "Arbitrage du préfet"), (40, "40,50", "=Urgence")):
        DecisionFactory(
            action=ActionFactory(exercice=enveloppe.exercice, intitule=f"Action de {montant} €"),
            montant=euros(montant + 1),
            depassement=euros(depasse),
            enveloppe=enveloppe,
            motif=motif,
            date=date(2026, 4, 15),
        )
    assert lignes_des_controles(enveloppe.exercice) == [
        [
            "Enveloppes",
            "Décisions au-delà du disponible : 2 décisions, 90,50 €",
            "",
            "90.50",
            "",
            "2",
            "Prises par le responsable, chacune avec son motif, dans les lignes suivantes.",
        ],
        ["Dépassement", "Action de 150 €, 15/04/2026", "Caen", "50.00", "151.00", "", "Arbitrage du préfet"],
        ["Dépassement", "Action de 40 €, 15/04/2026", "Caen", "40.50", "41.00", "", "=Urgence"],
    ]


def test_sans_depassement_la_feuille_le_dit():
    DecisionFactory(enveloppe=None)
    exercice = Decision.objects.get().action.exercice
    [ligne] = lignes_des_controles(exercice)
    assert ligne[1] == "Décisions au-delà du disponible : 0 décision, 0,00 €"
    assert "Aucune décision" in ligne[-1]
