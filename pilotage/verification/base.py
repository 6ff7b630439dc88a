"""Ce que la base devrait déjà garantir : contraintes, montants, listes fermées."""

from django.apps import apps
from django.db.models import BooleanField, CharField, CheckConstraint, ExpressionWrapper
from django.db.models import Value as V

from politique_ville.outils.montants import MontantField

from .outils import ecarts_de, verification

APPLICATIONS = ["territoires", "comptes", "programmation", "dispositifs", "pilotage"]


def modeles():
    return [modele for nom in APPLICATIONS for modele in apps.get_app_config(nom).get_models()]


@verification("contrainte", "Aucune ligne ne contredit une contrainte de la base, même posée ou rétablie après elle.")
def contrainte():
    for modele in modeles():
        for posee in modele._meta.constraints:
            if isinstance(posee, CheckConstraint):
                tenue = ExpressionWrapper(posee.condition, output_field=BooleanField())
                fautives = modele._base_manager.annotate(contrainte_tenue=tenue).filter(contrainte_tenue=False)
                yield from ecarts_de(fautives, V(str(posee.violation_error_message)), V(posee.name))


@verification("montant négatif", "Un montant n’est jamais négatif, sauf les champs déclarés signés.")
def montant_negatif():
    for modele in modeles():
        for champ in modele._meta.fields:
            if isinstance(champ, MontantField) and not champ.signe:
                fautives = modele._base_manager.filter(**{f"{champ.name}__lt": 0})
                yield from ecarts_de(fautives, V("un montant positif ou nul"), champ.name)


@verification("liste fermée", "Une valeur d’une liste fermée est dans la liste.")
def liste_fermee():
    for modele in modeles():
        for champ in modele._meta.fields:
            if isinstance(champ, CharField) and champ.choices:
                connues = [valeur for valeur, _ in champ.flatchoices] + [""] * champ.blank
                fautives = modele._base_manager.exclude(**{f"{champ.name}__in": connues})
                fautives = fautives.exclude(**{champ.name: None}) if champ.null else fautives
                yield from ecarts_de(fautives, V(f"une valeur connue de « {champ.verbose_name} »"), champ.name)
