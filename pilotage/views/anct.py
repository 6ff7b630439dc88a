"""Le classeur ANCT : ce qu'il contiendra, ses contrôles, et le fichier. Un GET n'écrit rien en base."""

from dataclasses import replace
from urllib.parse import urlencode

from django.http import Http404
from django.shortcuts import render
from django.utils import timezone

from politique_ville import contexte
from politique_ville.outils.classeur import FORMATS
from politique_ville.outils.telechargement import classeur_en_fichier
from politique_ville.outils.typographie import insecables
from programmation.enums import StatutExercice
from programmation.models import Action
from programmation.synthese import ChoixDeBase
from programmation.views.mixins import exiger

from ..exports import Demande, exercices_du_classeur, peut_produire, preparer, signature
from ..forms import ClasseurForm

EN_ENTIER = insecables("Le classeur compte un département entier : votre habilitation ne le voit pas tout.")


def anct(request):
    """La page ou, avec `format=xlsx`, `ods` ou `csv`, le fichier. 403 pour qui ne voit aucun département en entier."""
    exiger(peut_produire(request.user), EN_ENTIER)
    exercices = exercices_du_classeur(request.user).select_related("departement", "nomenclature")
    exercices = list(exercices.order_by("-annee", "departement__code"))
    if not exercices:
        return render(request, "pilotage/anct.html")
    exercice = exercice_choisi(exercices, request.GET.get("exercice"))
    # Le gabarit de l'ANCT n'a pas de colonne pour les contributions volontaires : sa base ne les compte jamais.
    choix = replace(ChoixDeBase.depuis_parametres(request.GET), avec_contributions=False)
    classeur = preparer(demande(request, exercice, choix))
    if request.GET.get("format") in FORMATS:
        return classeur_en_fichier(request.GET["format"], classeur.nom_de_fichier, classeur.ecrire)
    page = {"classeur": classeur, "formulaire": ClasseurForm(exercices, exercice, choix)}
    return render(request, "pilotage/anct.html", page | liens(exercice, choix))


def liens(exercice, choix):
    """L'adresse du classeur dans chaque format : `lien_xlsx`, `lien_ods`, `lien_csv`."""
    adresse = {"exercice": exercice.pk, **choix.parametres()}
    return {f"lien_{format}": "?" + urlencode(adresse | {"format": format}) for format in FORMATS}


def exercice_choisi(exercices, valeur):
    """Celui de l'adresse, ou 404 ; sans rien, l'exercice ouvert le plus récent, à défaut le plus récent."""
    if valeur:
        trouves = [exercice for exercice in exercices if str(exercice.pk) == valeur]
        if not trouves:
            raise Http404("Cet exercice n’existe pas, ou n’est pas dans votre périmètre.")
        return trouves[0]
    ouverts = [exercice for exercice in exercices if exercice.statut == StatutExercice.OUVERT]
    return (ouverts or exercices)[0]


def demande(request, exercice, choix):
    return Demande(
        exercice=exercice,
        actions=Action.objects.visibles_par(request.user).filter(exercice=exercice),
        choix=choix,
        auteur=signature(request.user, exercice),
        au=timezone.now(),
        avertissement=contexte.bandeau(request),
    )
