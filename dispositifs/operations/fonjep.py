"""Les périodes triennales d'un poste FONJEP."""

from collections.abc import Sequence

from django.db import transaction

from comptes.models import Utilisateur
from programmation.operations.outils import (
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    modifier_avec_historique,
)

from .. import regles
from ..models import PosteFonjep, TriennaliteFonjep
from .outils import Ecritures, Saisie, appliquer, avancer, exiger_la_gestion, refuser, verrouiller


def enregistrer_des_triennalites(
    saisies: Sequence[Saisie], *, par: Utilisateur, motif: str = ""
) -> list[TriennaliteFonjep]:
    """Crée ou modifie un lot de périodes (`champs["poste"]` pour une création), tout ou rien.

    Lève ModifieEntreTemps, DroitManquant ou OperationRefusee (trois ans, deux reconductions, chevauchement).
    """
    with contraintes_en_francais(), transaction.atomic():
        versions = {poste_de(saisie): saisie.version for saisie in saisies}
        postes = verrouiller(PosteFonjep, versions)
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


def poste_de(saisie):
    return saisie.objet.poste_id if saisie.objet else saisie.champs["poste"].pk


def appliquer_la_saisie(saisie, connues, ecritures):
    ligne = connues[saisie.objet.pk] if saisie.objet else TriennaliteFonjep()
    changes = appliquer(ligne, saisie.champs)
    controler(ligne)
    ecritures.retenir(ligne, changes)
    return ligne
