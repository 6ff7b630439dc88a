"""Tenir le répertoire des organismes : créer, modifier, rattacher un SIRET, fusionner des doublons et s'en dédire."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from comptes.models import Utilisateur
from politique_ville.outils.siret import normaliser_siret, valider_siret

from .. import regles
from ..enums import FamilleFinanceur
from ..models import Etablissement, Financeur, Organisme
from .outils import (
    DroitManquant,
    OperationRefusee,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
)


def enregistrer_un_organisme(organisme: Organisme, *, par: Utilisateur, siret: str = "", motif: str = "") -> Organisme:
    """Crée ou modifie un organisme, et lui ajoute l'établissement de ce SIRET s'il ne l'a pas.

    Un SIRET donne son SIREN à l'organisme qui n'en a pas. Lève OperationRefusee si le SIRET est à un autre organisme.
    """
    exiger_le_repertoire(par)
    siret = normaliser_siret(siret) if siret else ""
    exiger_un_siret_juste(siret)
    with contraintes_en_francais(), transaction.atomic():
        if siret and not organisme.siren:
            organisme.siren = siret[:9]
        valider(organisme)
        sauver(organisme, par, motif or "Organisme")
        if siret:
            rattacher_un_siret(organisme, siret, par=par, motif=motif)
    return organisme


def creer_des_organismes(
    organismes: Sequence[Organisme], etablissements: Sequence[Etablissement], *, par: Utilisateur, motif: str
) -> None:
    """Crée d'un coup des organismes et des établissements, qui peuvent être les leurs ; tout ou rien.

    Lève OperationRefusee si un SIREN ou un SIRET est faux, ou déjà pris.
    """
    exiger_le_repertoire(par)
    for organisme in organismes:
        controler(organisme.preparer_recherche())
    for etablissement in etablissements:
        controler(etablissement)
    with contraintes_en_francais(), transaction.atomic():
        creer_avec_historique(list(organismes), Organisme, par=par, motif=motif)
        for etablissement in etablissements:
            etablissement.organisme = etablissement.organisme  # son identifiant, connu depuis qu'il est écrit
        creer_avec_historique(list(etablissements), Etablissement, par=par, motif=motif)


def nom_a_preciser(famille: FamilleFinanceur) -> str:
    """Le financeur d'une famille dont le fichier ne dit pas le nom : « Commune (à préciser) »."""
    return f"{FamilleFinanceur(famille).label} (à préciser)"


def financeur_a_preciser(famille: FamilleFinanceur) -> Financeur:
    """Ce financeur, créé s'il manque, pour toute la France."""
    financeur, _ = Financeur.objects.update_or_create(
        nom=nom_a_preciser(famille),
        departement=None,
        defaults={"est_a_preciser": True},
        create_defaults={"famille": famille, "est_a_preciser": True},
    )
    return financeur


def rattacher_un_siret(
    organisme: Organisme, siret: str, *, par: Utilisateur, motif: str = "", **champs: Any
) -> Etablissement:
    """L'établissement de ce SIRET, créé au besoin ; refuse s'il est déjà à un autre organisme, en le nommant."""
    existant = Etablissement.objects.select_related("organisme").filter(siret=siret).first()
    if existant and existant.organisme.courant != organisme.courant:
        raise OperationRefusee({"siret": f"Le SIRET {siret} est déjà celui de « {existant.organisme} »."})
    if existant:
        return existant
    etablissement = Etablissement(organisme=organisme, siret=siret, **champs)
    valider(etablissement)
    sauver(etablissement, par, motif or "Nouvel établissement")
    return etablissement


def fusionner(source: Organisme, cible: Organisme, *, par: Utilisateur, motif: str) -> Organisme:
    """Déclare que la source est la cible : ses actions se lisent sous la cible, sans être réécrites.

    Réversible par `annuler_la_fusion`. Une chaîne de fusions est refusée, pour que chaque retour soit simple.
    """
    exiger_le_repertoire(par)
    exiger_un_motif(motif, "Fusionner deux organismes demande un motif.")
    with transaction.atomic():
        organismes = Organisme.objects.select_for_update().in_bulk([source.pk, cible.pk])
        source, cible = organismes[source.pk], organismes[cible.pk]
        if source == cible:
            raise OperationRefusee("Choisir deux organismes différents.")
        if source.fusionne_dans_id or cible.fusionne_dans_id:
            raise OperationRefusee("L’un des deux est déjà fusionné : annuler d’abord cette fusion.")
        if source.fusionnes.exists():
            raise OperationRefusee(f"« {source} » a déjà absorbé un autre organisme : fusionner dans l’autre sens.")
        source.fusionne_dans = cible
        sauver(source, par, motif)
    return source


def annuler_la_fusion(source: Organisme, *, par: Utilisateur, motif: str) -> Organisme:
    """Rend à la source sa vie propre : ses actions, qui n'ont jamais changé de porteur, se relisent sous son nom."""
    exiger_le_repertoire(par)
    exiger_un_motif(motif, "Annuler une fusion demande un motif.")
    with transaction.atomic():
        source = Organisme.objects.select_for_update().get(pk=source.pk)
        if source.fusionne_dans_id is None:
            raise OperationRefusee(f"« {source} » n’est pas fusionné.")
        source.fusionne_dans = None
        sauver(source, par, motif)
    return source


def exiger_un_siret_juste(siret):
    try:
        if siret:
            valider_siret(siret)
    except ValidationError as erreur:
        raise OperationRefusee({"siret": erreur.messages}) from erreur


def exiger_le_repertoire(par):
    if not regles.peut_tenir_les_organismes(par):
        raise DroitManquant("Seuls les agents et les responsables tiennent le répertoire des organismes.")


def valider(objet):
    try:
        objet.full_clean()
    except ValidationError as erreur:
        raise OperationRefusee(erreur) from erreur


def sauver(objet, par, motif):
    objet._history_user = par
    objet._change_reason = motif
    objet.save()
