"""Ce qui arrive à des enveloppes en cours d'année : un redéploiement, une saisie annulée, un dépassement motivé."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from comptes.models import Utilisateur
from programmation.enums import NatureDecision, NatureMouvement
from programmation.models import Action, Enveloppe, Exercice, MouvementEnveloppe
from programmation.operations import (
    DemandeDeDecision,
    annuler_un_mouvement,
    decider,
    enregistrer_des_mouvements,
    redeployer,
)
from programmation.synthese import Credits, restes_a_decider

REDEPLOYE, DEPASSEMENT, SAISI_DEUX_FOIS = Decimal(2_000), Decimal(500), Decimal(5_000)


def animer_les_enveloppes(annee: int, code: str, responsable: Utilisateur) -> None:
    """Les gestes du responsable sur les enveloppes d'un exercice ouvert ; ses feuilles de la plus à la moins libre."""
    exercice = Exercice.objects.get(departement__code=code, annee=annee)
    feuilles = Enveloppe.objects.filter(exercice=exercice).exclude(parent=None)
    restes = restes_a_decider(feuilles)
    rangees = sorted(feuilles, key=lambda feuille: (-restes[feuille.pk], feuille.pk))
    annuler_une_saisie(Enveloppe.objects.get(exercice=exercice, parent=None), responsable)
    if len(rangees) > 1 and restes[rangees[0].pk] > 2 * REDEPLOYE:
        redeployer_une_prevision(rangees[0], rangees[1], responsable)
    depasser(rangees[-1], restes[rangees[-1].pk], responsable)


def redeployer_une_prevision(source, cible, responsable):
    redeployer(
        source,
        cible,
        Credits(REDEPLOYE, REDEPLOYE),
        par=responsable,
        date=date(source.exercice.annee, 6, 2),
        motif="Sous-consommation constatée au premier semestre",
        nature=NatureMouvement.PREVISION,
        reference="Note du 02/06 (fictive)",
        geste=UUID(int=source.pk),
    )


def annuler_une_saisie(mere, responsable):
    """Une notification enregistrée deux fois, puis annulée par un retrait."""
    saisie = MouvementEnveloppe(
        enveloppe=mere,
        nature=NatureMouvement.NOTIFICATION,
        ae=SAISI_DEUX_FOIS,
        cp=SAISI_DEUX_FOIS,
        date=date(mere.exercice.annee, 3, 16),
    )
    enregistrer_des_mouvements([saisie], par=responsable, motif="Notification du BOP régional")
    jour = date(mere.exercice.annee, 3, 17)
    annuler_un_mouvement(saisie, par=responsable, motif="Enregistrée deux fois", date=jour)


def depasser(feuille, reste, responsable):
    """Un complément que le responsable accorde au-delà du reste à décider, avec son motif."""
    programmees = Action.objects.programmees().filter(decisions__enveloppe=feuille, dispositif__est_pre=False)
    action = programmees.order_by("pk").first()
    if action is None:
        return
    demande = DemandeDeDecision(action, NatureDecision.COMPLEMENT, max(reste, Decimal(0)) + DEPASSEMENT, feuille)
    motif = "Arbitrage du préfet, dans l’attente d’un complément de notification"
    accepte = {feuille.pk: DEPASSEMENT}
    jour = date(feuille.exercice.annee, 10, 19)
    decider([demande], par=responsable, motif=motif, date=jour, depassements_acceptes=accepte)
