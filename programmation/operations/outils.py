"""Ce que toutes les opérations partagent : le verrou, le refus, l'écriture avec historique."""

import re
from contextlib import contextmanager

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from politique_ville.outils.tableur.champs import DERNIERE_ANNEE, PREMIERE_ANNEE

from ..models import Action, Exercice

TAILLE_DE_LOT = 500


class OperationRefusee(ValidationError):
    """L'opération n'a rien écrit ; ses messages disent, en français, pourquoi et que faire."""


class MotifExige(OperationRefusee):
    """Le geste demande un motif écrit."""


class ConflitDeVersion(OperationRefusee):
    """Quelqu'un a écrit entre la lecture et l'enregistrement. `actions` : ce qui est en base maintenant."""

    def __init__(self, actions):
        self.actions = actions
        super().__init__([f"« {action} » a été modifiée entre-temps par quelqu’un d’autre." for action in actions])


class DroitManquant(OperationRefusee):
    """La personne n'a pas le rôle que le geste demande là où il s'exerce."""


def verrouiller_les_exercices(exercices):
    """Verrouille les exercices, dans l'ordre de leur identifiant, et les rend par identifiant, relus sous le verrou."""
    return relire_les_exercices(exercices, sous_verrou=True)


def verrouiller_les_actions(actions):
    """Relit les actions sous verrou, leur exercice verrouillé d'abord ; rend un dictionnaire par identifiant."""
    return relire_les_actions(actions, sous_verrou=True)


def relire_les_exercices(exercices, *, sous_verrou):
    ids = {getattr(exercice, "pk", exercice) for exercice in exercices}
    relus = Exercice.objects.filter(pk__in=ids).select_related("departement", "nomenclature").order_by("pk")
    if sous_verrou:
        relus = relus.select_for_update(of=("self",), no_key=True)
    return {exercice.pk: exercice for exercice in relus}


def relire_les_actions(actions, *, sous_verrou):
    ids = [getattr(action, "pk", action) for action in actions]
    exercices = relire_les_exercices(
        Action.objects.filter(pk__in=ids).order_by().values_list("exercice", flat=True).distinct(),
        sous_verrou=sous_verrou,
    )
    relues = (
        Action.objects.select_related("campagne", "contrat", "thematique__theme", "pilier", "dispositif")
        .select_related("porteur", "etablissement", "enveloppe")
        .filter(pk__in=ids)
        .order_by("pk")
    )
    if sous_verrou:
        relues = relues.select_for_update(of=("self",))
    trouvees = {action.pk: action for action in relues}
    for action in trouvees.values():
        action.exercice = action.campagne.exercice = exercices[action.exercice_id]
    manquantes = set(ids) - set(trouvees)
    if manquantes:
        raise OperationRefusee("L’action n’existe plus : elle a été supprimée entre-temps.")
    return trouvees


def verifier_les_versions(attendues, actuelles):
    """`attendues` : version lue par action (None : pas de contrôle). Lève ConflitDeVersion."""
    en_conflit = [
        actuelles[pk] for pk, version in attendues.items() if version is not None and actuelles[pk].version != version
    ]
    if en_conflit:
        raise ConflitDeVersion(en_conflit)


def exiger_un_motif(motif, raison):
    if not motif.strip():
        raise MotifExige(raison)


def controler(instance):
    """Vérifie les champs et les règles de `clean()` sans aucune requête ; les contraintes font le reste en base."""
    cles_etrangeres = [champ.name for champ in instance._meta.fields if champ.is_relation]
    erreurs = dates_invraisemblables(instance)
    try:
        instance.clean_fields(exclude=cles_etrangeres)
    except ValidationError as erreur:
        erreurs = erreur.update_error_dict(erreurs)
    try:
        instance.clean()
    except ValidationError as erreur:
        erreurs = erreur.update_error_dict(erreurs)
    if erreurs:
        raise OperationRefusee(erreurs)


def dates_invraisemblables(instance):
    """Une faute de frappe dans l'année (0206, 20226) : la même règle qu'à l'import."""
    dates = {champ.name: getattr(instance, champ.attname) for champ in instance._meta.fields if est_une_date(champ)}
    phrase = f"L’année doit être entre {PREMIERE_ANNEE} et {DERNIERE_ANNEE}."
    return {nom: [phrase] for nom, jour in dates.items() if jour and not PREMIERE_ANNEE <= jour.year <= DERNIERE_ANNEE}


def est_une_date(champ):
    return isinstance(champ, models.DateField) and not isinstance(champ, models.DateTimeField)


def valeurs(objet, champs):
    """Les valeurs brutes (clés étrangères en identifiants), pour comparer avant et après."""
    return {champ: getattr(objet, objet._meta.get_field(champ).attname) for champ in champs}


def appliquer(objet, champs):
    """Pose ces valeurs sur l'objet et rend les noms des champs qui changent."""
    avant = valeurs(objet, champs)
    for champ, valeur in champs.items():
        setattr(objet, champ, valeur)
    apres = valeurs(objet, champs)
    return {champ for champ in champs if avant[champ] != apres[champ]}


def creer_avec_historique(objets, modele, *, par, motif):
    if objets:
        bulk_create_with_history(
            objets, modele, batch_size=TAILLE_DE_LOT, default_user=par, default_change_reason=motif
        )


def modifier_avec_historique(objets, modele, champs, *, par, motif):
    """Écrit ces champs et une ligne d'historique par objet ; un lot aux mêmes valeurs s'écrit en une requête.

    Les champs d'un objet s'écrivent ensemble : des contraintes de la base les lient (un accordé et son état).
    """
    if not objets:
        return
    groupes = grouper_par_valeurs(objets, champs)
    par_groupes = len(groupes) * 10 <= len(objets)
    with transaction.atomic(savepoint=False):
        if par_groupes:
            for valeurs, ids in groupes.items():
                modele._default_manager.filter(pk__in=ids).update(**dict(zip(champs, valeurs, strict=True)))
        bulk_update_with_history(
            objets,
            modele,
            [] if par_groupes else champs,
            batch_size=TAILLE_DE_LOT,
            default_user=par,
            default_change_reason=motif,
        )


def grouper_par_valeurs(objets, champs):
    """Les identifiants des objets, par les valeurs qu'ils reçoivent dans ces champs."""
    groupes = {}
    for objet in objets:
        valeurs = tuple(getattr(objet, objet._meta.get_field(champ).attname) for champ in champs)
        groupes.setdefault(valeurs, []).append(objet.pk)
    return groupes


def supprimer_avec_historique(objets, *, par, motif):
    """Supprime un à un : chaque ligne d'historique garde l'auteur et le motif."""
    for objet in objets:
        objet._history_user = par
        objet._change_reason = motif
        objet.delete()


@contextmanager
def contraintes_en_francais():
    """Traduit le refus d'une contrainte de la base par sa phrase française."""
    try:
        yield
    except IntegrityError as erreur:
        raise OperationRefusee(phrase_de_la_contrainte(str(erreur))) from erreur


def phrase_de_la_contrainte(texte):
    """La phrase de la contrainte que nomme le message de la base (nom sur PostgreSQL, nom ou colonnes sur SQLite)."""
    colonnes = set(re.findall(r"\w+\.(\w+)", texte))
    for modele in apps.get_models():
        for contrainte in modele._meta.constraints:
            if contrainte.name in texte or est_celle_des_colonnes(contrainte, modele, colonnes, texte):
                return contrainte.get_violation_error_message() % {"name": contrainte.name}
    return "La base refuse cette écriture : une valeur est déjà prise ou contredit une règle."


def est_celle_des_colonnes(contrainte, modele, colonnes, texte):
    if not isinstance(contrainte, models.UniqueConstraint) or f"{modele._meta.db_table}." not in texte:
        return False
    return bool(contrainte.fields) and {modele._meta.get_field(c).column for c in contrainte.fields} == colonnes
