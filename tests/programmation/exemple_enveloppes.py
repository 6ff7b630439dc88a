"""L'exemple des enveloppes de docs/calculs.md : une mère, deux filles, une année de crédits, calculés à la main."""

from datetime import date
from types import SimpleNamespace

from programmation.models import Engagement, LigneEngagement, Paiement
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    EnveloppeFactory,
    ExerciceFactory,
    MouvementFactory,
    action_programmee,
    euros,
    p147,
)


def mouvement(enveloppe, nature, ae, cp=None, jour=date(2026, 2, 1)):
    return MouvementFactory(
        enveloppe=enveloppe, nature=nature, ae=euros(ae), cp=euros(ae if cp is None else cp), date=jour
    )


def engagement(action, ae, enveloppe=None, numero="2100000001"):
    """La ligne d'un EJ qui engage cette action."""
    ej, _ = Engagement.objects.get_or_create(
        exercice=action.exercice, numero=numero, defaults={"date": date(2026, 6, 1)}
    )
    return LigneEngagement.objects.create(
        engagement=ej, action=action, enveloppe=enveloppe or action.enveloppe, ae=euros(ae)
    )


def paiement(ligne, cp, nature="acompte"):
    return Paiement.objects.create(ligne=ligne, date=date(2026, 7, 1), nature=nature, cp=euros(cp))


def enveloppes_de_l_exemple():
    e = SimpleNamespace(exercice=ExerciceFactory())
    e.caen, e.lisieux = ContratFactory(intitule="Caen la mer"), ContratFactory(intitule="Lisieux")
    e.mere = EnveloppeFactory(exercice=e.exercice, libelle="Crédits P147")
    e.fille_caen = EnveloppeFactory(exercice=e.exercice, parent=e.mere, libelle="Caen la mer", contrat=e.caen)
    e.fille_lisieux = EnveloppeFactory(exercice=e.exercice, parent=e.mere, libelle="Lisieux", contrat=e.lisieux)
    doter(e)
    remplir(e)
    return e


def doter(e):
    """100 000 prévus, 60 000 et 30 000 réparties ; notifiée en deux fois, 55 000 puis 40 000, et gelée de 3 000."""
    for enveloppe, montant in ((e.mere, 100_000), (e.fille_caen, 60_000), (e.fille_lisieux, 30_000)):
        mouvement(enveloppe, "prevision", montant, jour=date(2026, 1, 15))
    mouvement(e.mere, "notification", 55_000, 50_000, jour=date(2026, 3, 2))
    mouvement(e.fille_caen, "notification", 35_000, 30_000, jour=date(2026, 3, 9))
    mouvement(e.mere, "complement", 40_000, jour=date(2026, 6, 15))
    mouvement(e.fille_caen, "complement", 21_000, jour=date(2026, 6, 22))
    mouvement(e.mere, "gel", -3_000, jour=date(2026, 9, 7))


def remplir(e):
    """À Caen 20 000,50 accordés, 15 000 engagés, 5 000 payés ; à Lisieux 4 000 ; 7 000 proposés, 1 500 sans enveloppe."""
    e.a1 = action_programmee("20000,50", contrat=e.caen, enveloppe=e.fille_caen)
    e.a2 = action_programmee(4_000, contrat=e.lisieux, enveloppe=e.fille_lisieux)
    e.ligne = engagement(e.a1, 15_000)
    paiement(e.ligne, 5_000, "avance")
    e.a3 = ActionFactory(contrat=e.caen, enveloppe=e.fille_caen)
    p147(e.a3, 9_000, propose=7_000)
    e.a4 = ActionFactory(contrat=e.caen)
    p147(e.a4, 2_000, propose=1_500)
