"""Les conventions d'un poste adulte-relais, leurs avenants et ses occupations."""

from collections.abc import Sequence
from datetime import date as Date
from decimal import Decimal
from typing import Any

from django.db import models, transaction

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
from ..dates import UN_JOUR
from ..enums import SuiteConvention
from ..models import AvenantAdulteRelais, ConventionAdulteRelais, Occupation, PosteAdulteRelais
from .dossiers import Dossiers
from .outils import Ecritures, Saisie, avancer, exiger_la_gestion, verrouiller, versions_lues

POURQUOI_UNE_ERREUR = "Dire pourquoi cette ligne était une erreur."
DEJA_SUPPRIMEE = "Cette ligne n’existe plus : elle a été supprimée entre-temps."


def enregistrer_des_conventions(
    saisies: Sequence[Saisie], *, par: Utilisateur, motif: str = ""
) -> list[ConventionAdulteRelais]:
    """Crée ou modifie un lot de conventions (`champs["poste"]` pour une création), tout ou rien.

    Changer les dates ou la quotité d'une convention signée demande un motif. Lève ModifieEntreTemps, MotifExige,
    DroitManquant ou OperationRefusee (trois ans, chevauchement, quotité, occupation laissée dehors).
    """
    return enregistrer(ConventionAdulteRelais, saisies, par, motif)


def enregistrer_des_occupations(saisies: Sequence[Saisie], *, par: Utilisateur, motif: str = "") -> list[Occupation]:
    """Crée ou modifie un lot d'occupations (`champs["convention"]` pour une création), tout ou rien.

    Lève ModifieEntreTemps, DroitManquant ou OperationRefusee (hors convention, chevauchement, CDI interdit).
    """
    return enregistrer(Occupation, saisies, par, motif)


def ajouter_un_avenant(
    convention: ConventionAdulteRelais,
    *,
    par: Utilisateur,
    date_effet: Date,
    quotite: Decimal | None = None,
    nouvelle_fin: Date | None = None,
    signe_le: Date | None = None,
    version: int | None = None,
    motif: str = "",
) -> AvenantAdulteRelais:
    """Ajoute un avenant (quotité en %, ou nouvelle fin), et donne à la convention sa nouvelle fin.

    Lève ModifieEntreTemps, DroitManquant ou OperationRefusee.
    """
    motif = motif or "Avenant"
    with contraintes_en_francais(), transaction.atomic():
        postes = postes_verrouilles([(convention.poste_id, version)], par)
        dossiers = Dossiers(postes.values())
        convention = dossiers.conventions[convention.pk]
        avenant = AvenantAdulteRelais(
            convention=convention, date_effet=date_effet, quotite=quotite, nouvelle_fin=nouvelle_fin, signe_le=signe_le
        )
        convention.fin = nouvelle_fin or convention.fin
        controler(avenant)
        controler(convention)
        dossiers.controler([avenant])
        modifier_avec_historique([convention], ConventionAdulteRelais, ["fin"], par=par, motif=motif)
        creer_avec_historique([avenant], AvenantAdulteRelais, par=par, motif=motif)
        avancer(postes.values(), par=par, motif=motif)
    return avenant


def renouveler(
    convention: ConventionAdulteRelais,
    *,
    par: Utilisateur,
    fin: Date,
    version: int | None = None,
    motif: str = "Renouvellement",
    **champs: Any,
) -> ConventionAdulteRelais:
    """Crée la convention suivante, du lendemain de celle-ci jusqu'à `fin`, à la même quotité sauf précision.

    Lève OperationRefusee si une convention la suit déjà, et ce que lève `enregistrer_des_conventions`.
    """
    with transaction.atomic():
        convention = ConventionAdulteRelais.objects.select_related("poste").get(pk=convention.pk)
        suite = {"suite": SuiteConvention.RENOUVELER}
        enregistrer_des_conventions([Saisie(suite, convention, version)], par=par, motif=motif)
        if convention.poste.conventions.filter(debut__gt=convention.fin).exists():
            raise OperationRefusee(f"Une autre convention suit déjà la {convention}.")
        nouvelle = {"quotite": quotite_au(convention, convention.fin), "debut": convention.fin + UN_JOUR, "fin": fin}
        saisie = Saisie({"poste": convention.poste, **nouvelle, **champs})
        return enregistrer_des_conventions([saisie], par=par, motif=motif)[0]


def quotite_au(convention: ConventionAdulteRelais, jour: Date) -> Decimal:
    """La quotité (%) ce jour-là, avenants compris."""
    avenants = convention.avenants.filter(date_effet__lte=jour, quotite__isnull=False).order_by("-date_effet")
    return avenants.values_list("quotite", flat=True).first() or convention.quotite


# --- Défaire une erreur de saisie ---


def supprimer_une_convention(
    convention: ConventionAdulteRelais, *, par: Utilisateur, motif: str, version: int | None = None
) -> None:
    """Supprime une convention saisie par erreur : ni signée, ni avenant, ni occupation. Son histoire reste.

    Lève ModifieEntreTemps, MotifExige, DroitManquant ou OperationRefusee.
    """
    supprimer(convention, convention.poste_id, regles.empechement_de_supprimer_la_convention, par, motif, version)


def supprimer_une_occupation(
    occupation: Occupation, *, par: Utilisateur, motif: str, version: int | None = None
) -> None:
    """Supprime une occupation saisie par erreur. Lève ModifieEntreTemps, MotifExige, DroitManquant ou
    OperationRefusee."""
    supprimer(occupation, occupation.convention.poste_id, lambda ligne: "", par, motif, version)


def supprimer_un_avenant(
    avenant: AvenantAdulteRelais, *, par: Utilisateur, motif: str, version: int | None = None
) -> None:
    """Supprime un avenant saisi par erreur. S'il changeait la fin, elle redevient celle que dit le dernier autre ;
    sans autre, elle reste, et se corrige sur la convention.

    Lève ModifieEntreTemps, MotifExige, DroitManquant ou OperationRefusee (une occupation resterait dehors).
    """
    exiger_un_motif(motif, POURQUOI_UNE_ERREUR)
    with contraintes_en_francais(), transaction.atomic():
        postes = postes_verrouilles([(avenant.convention.poste_id, version)], par)
        dossiers = Dossiers(postes.values())
        avenant = dossiers.avenants.pop(avenant.pk, None)
        if avenant is None:
            raise OperationRefusee(DEJA_SUPPRIMEE)
        convention = avenant.convention
        autres = [a for a in dossiers.avenants.values() if a.convention is convention and a.nouvelle_fin]
        if avenant.nouvelle_fin and autres:
            convention.fin = max(autres, key=lambda a: a.date_effet).nouvelle_fin
            controler(convention)
            modifier_avec_historique([convention], ConventionAdulteRelais, ["fin"], par=par, motif=motif)
        dossiers.controler()
        supprimer_avec_historique([avenant], par=par, motif=motif)
        avancer(postes.values(), par=par, motif=motif)


def supprimer(ligne, poste, empechement, par, motif, version):
    exiger_un_motif(motif, POURQUOI_UNE_ERREUR)
    with contraintes_en_francais(), transaction.atomic():
        postes = postes_verrouilles([(poste, version)], par)
        relue = type(ligne).objects.filter(pk=ligne.pk).first()
        if relue is None:
            raise OperationRefusee(DEJA_SUPPRIMEE)
        if empechement(relue):
            raise OperationRefusee(empechement(relue))
        supprimer_avec_historique([relue], par=par, motif=motif)
        avancer(postes.values(), par=par, motif=motif)


# --- Ce que conventions et occupations partagent ---


def enregistrer(modele: type[models.Model], saisies, par, motif) -> list:
    with contraintes_en_francais(), transaction.atomic():
        postes = postes_verrouilles([(poste_de(s), s.version) for s in saisies], par)
        dossiers = Dossiers(postes.values())
        ecritures, lignes, touches = Ecritures(), [], {}
        for saisie in saisies:
            ligne = relue(modele, dossiers, saisie)
            appliquer_au_dossier(ligne, saisie, dossiers, ecritures, motif)
            lignes.append(ligne)
        for ligne in (*ecritures.creees, *ecritures.modifiees):
            poste = ligne.poste if modele is ConventionAdulteRelais else ligne.convention.poste
            touches[poste.pk] = poste
        dossiers.controler(ecritures.creees)
        creer_avec_historique(ecritures.creees, modele, par=par, motif=motif)
        modifier_avec_historique(ecritures.modifiees, modele, sorted(ecritures.champs), par=par, motif=motif)
        avancer(touches.values(), par=par, motif=motif)
    return lignes


def postes_verrouilles(paires, par):
    """Les postes de ces couples (identifiant, version lue), relus sous verrou, et que la personne gère."""
    postes = verrouiller(PosteAdulteRelais, versions_lues(paires))
    for poste in postes.values():
        exiger_la_gestion(par, poste)
    return postes


def poste_de(saisie):
    """L'identifiant du poste que la saisie concerne."""
    if isinstance(saisie.objet, ConventionAdulteRelais):
        return saisie.objet.poste_id
    if isinstance(saisie.objet, Occupation):
        return saisie.objet.convention.poste_id
    return saisie.champs["poste"].pk if "poste" in saisie.champs else saisie.champs["convention"].poste_id


def relue(modele, dossiers, saisie):
    """La ligne relue sous verrou, ou une nouvelle."""
    if saisie.objet is None:
        return modele()
    connues = dossiers.conventions if modele is ConventionAdulteRelais else dossiers.occupations
    if saisie.objet.pk not in connues:
        raise OperationRefusee(DEJA_SUPPRIMEE)
    return connues[saisie.objet.pk]


def appliquer_au_dossier(ligne, saisie, dossiers, ecritures, motif):
    """Pose les champs, rattache une ligne nouvelle à ce qui a été relu, et exige le motif d'un changement d'argent."""
    champs = dict(saisie.champs)
    for lien, connus in (("poste", dossiers.postes), ("convention", dossiers.conventions)):
        lie = champs.pop(lien, None)
        if lie is not None and ligne.pk is None:
            setattr(ligne, lien, connus[lie.pk])
    etait_signee = bool(ligne.pk and getattr(ligne, "signee_le", None))
    changes = appliquer(ligne, champs)
    if regles.motif_exige_pour_changer(etait_signee, changes):
        exiger_un_motif(motif, f"Changer les dates ou la quotité de la {ligne}, signée, demande un motif.")
    controler(ligne)
    ecritures.retenir(ligne, changes)
