"""Les périodes triennales d'un poste FONJEP."""

from collections.abc import Sequence

from django.db import transaction

from comptes.models import Utilisateur
from programmation.operations.outils import (
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
    modifier_avec_historique,
    supprimer_avec_historique,
)

from .. import regles
from ..models import PosteFonjep, TriennaliteFonjep
from .outils import Ecritures, Saisie, avancer, exiger_la_gestion, refuser, verrouiller, versions_lues


def enregistrer_des_triennalites(
    saisies: Sequence[Saisie], *, par: Utilisateur, motif: str = ""
) -> list[TriennaliteFonjep]:
    """Crée ou modifie un lot de périodes (`champs["poste"]` pour une création), tout ou rien.

    Lève ModifieEntreTemps, DroitManquant ou OperationRefusee (trois ans, deux reconductions, chevauchement).
    """
    with contraintes_en_francais(), transaction.atomic():
        postes = verrouiller(PosteFonjep, versions_lues((poste_de(s), s.version) for s in saisies))
        for poste in postes.values():
            exiger_la_gestion(par, poste)
        connues = {t.pk: t for t in TriennaliteFonjep.objects.filter(poste__in=postes)}
        ecritures = Ecritures()
        lignes = [appliquer_la_saisie(saisie, connues, ecritures) for saisie in saisies]
        touches = {ligne.poste_id: postes[ligne.poste_id] for ligne in (*ecritures.creees, *ecritures.modifiees)}
        toutes = [*connues.values(), *ecritures.creees]
        for pk in touches:
            refuser(regles.erreurs_des_triennalites([t for t in toutes if t.poste_id == pk]))
        creer_avec_historique(ecritures.creees, TriennaliteFonjep, par=par, motif=motif)
        champs = sorted(ecritures.champs)
        modifier_avec_historique(ecritures.modifiees, TriennaliteFonjep, champs, par=par, motif=motif)
        avancer(touches.values(), par=par, motif=motif)
    return lignes


def supprimer_une_triennalite(
    triennalite: TriennaliteFonjep, *, par: Utilisateur, motif: str, version: int | None = None
) -> None:
    """Supprime une période saisie par erreur, la dernière du poste : les rangs se suivent.

    Lève ModifieEntreTemps, MotifExige, DroitManquant ou OperationRefusee.
    """
    exiger_un_motif(motif, "Dire pourquoi cette période était une erreur.")
    with contraintes_en_francais(), transaction.atomic():
        postes = verrouiller(PosteFonjep, {triennalite.poste_id: version})
        for poste in postes.values():
            exiger_la_gestion(par, poste)
        relue = TriennaliteFonjep.objects.filter(pk=triennalite.pk).first()
        if relue is None:
            raise OperationRefusee("Cette période n’existe plus : elle a été supprimée entre-temps.")
        if TriennaliteFonjep.objects.filter(poste=relue.poste_id, rang__gt=relue.rang).exists():
            raise OperationRefusee("Une période la suit : supprimer d’abord la dernière.")
        supprimer_avec_historique([relue], par=par, motif=motif)
        avancer(postes.values(), par=par, motif=motif)


def poste_de(saisie):
    return saisie.objet.poste_id if saisie.objet else saisie.champs["poste"].pk


def appliquer_la_saisie(saisie, connues, ecritures):
    ligne = connues[saisie.objet.pk] if saisie.objet else TriennaliteFonjep()
    changes = appliquer(ligne, saisie.champs)
    controler(ligne)
    ecritures.retenir(ligne, changes)
    return ligne
