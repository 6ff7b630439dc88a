"""Ce qui arrive une fois l'an : le quota notifié, et la liste que publie l'ANCT."""

from collections.abc import Sequence

from django.db import transaction

from comptes.models import Utilisateur
from programmation.models import Exercice
from programmation.operations.outils import (
    DroitManquant,
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
    modifier_avec_historique,
    verrouiller_les_exercices,
)

from .. import regles
from ..models import QuotaAdulteRelais, ReleveAnct, ReleveFonjep
from .outils import ModifieEntreTemps, exiger_la_gestion


def enregistrer_le_quota(
    exercice: Exercice, champs: dict, *, par: Utilisateur, version: int | None = None, motif: str = ""
) -> QuotaAdulteRelais:
    """Crée ou modifie le quota d'un exercice ouvert ; changer un nombre notifié demande un motif.

    Lève ModifieEntreTemps, MotifExige, DroitManquant ou OperationRefusee.
    """
    with contraintes_en_francais(), transaction.atomic():
        exercice = verrouiller_les_exercices([exercice])[exercice.pk]
        if not regles.peut_tenir_le_quota(par, exercice):
            raise DroitManquant("Seul le responsable du département tient le quota d’adultes-relais.")
        if exercice.est_clos:
            raise OperationRefusee(f"L’exercice {exercice.annee} est clos : son quota ne change plus.")
        quota = QuotaAdulteRelais.objects.filter(exercice=exercice).first() or QuotaAdulteRelais(exercice=exercice)
        if quota.pk and version not in (None, quota.version):
            raise ModifieEntreTemps([quota])
        changes = appliquer(quota, champs)
        controler(quota)
        ecrire_le_quota(quota, changes, par, motif)
    return quota


def ecrire_le_quota(quota, changes, par, motif):
    if quota.pk is None:
        creer_avec_historique([quota], QuotaAdulteRelais, par=par, motif=motif)
    elif changes:
        exiger_un_motif(motif, "Changer le quota notifié demande un motif.")
        quota.version += 1
        modifier_avec_historique([quota], QuotaAdulteRelais, [*sorted(changes), "version"], par=par, motif=motif)


def enregistrer_des_releves(
    releves: Sequence[ReleveAnct] | Sequence[ReleveFonjep], *, par: Utilisateur, motif: str
) -> int:
    """Garde ce que l'ANCT a publié de ces postes ; une ligne déjà connue et identique n'est pas réécrite.

    Rend le nombre de lignes écrites. Lève DroitManquant, ou OperationRefusee si une ligne connue disait autre chose.
    """
    if not releves:
        return 0
    modele = type(releves[0])
    with contraintes_en_francais(), transaction.atomic():
        postes = {releve.poste_id: releve.poste for releve in releves}
        for poste in postes.values():
            exiger_la_gestion(par, poste)
        connus = {cle(releve): releve for releve in modele.objects.filter(poste__in=postes)}
        nouveaux = [releve for releve in releves if a_ecrire(releve, connus.get(cle(releve)))]
        for releve in nouveaux:
            controler(releve)
        creer_avec_historique(nouveaux, modele, par=par, motif=motif)
    return len(nouveaux)


def cle(releve):
    return releve.annee, releve.id_publie, releve.rang


def a_ecrire(releve, connu):
    """Vrai si la ligne manque ; refuse celle qui contredit un relevé déjà gardé."""
    if connu is None:
        return True
    if (connu.montant, connu.siret, connu.code_contrat) != (releve.montant, releve.siret, releve.code_contrat):
        raise OperationRefusee(f"Le relevé {connu} est déjà enregistré avec d’autres valeurs.")
    return False
