"""Saisir un PRE, ou sa feuille annuelle."""

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse

from politique_ville.outils.typographie import insecables
from programmation.models import Exercice
from programmation.regles import peut_saisir_quelque_part
from programmation.views.mixins import exiger

from .. import operations, regles
from ..forms.pre import ProgrammeForm
from ..forms.suivi_pre import SuiviForm
from ..models import ProgrammeReussiteEducative, SuiviPre
from .pre import programme_visible
from .saisie import SaisieView

LECTURE_SEULE = "Votre habilitation ne permet pas de saisir des programmes de réussite éducative ici."


class ProgrammeView(SaisieView):
    """Un PRE : le créer, le modifier."""

    template_name = "dispositifs/pre/programme_form.html"

    def dispatch(self, request, pk=None):
        if pk:
            self.objet = programme_visible(request.user, pk)
            exiger(regles.peut_gerer(request.user, self.objet), LECTURE_SEULE)
        exiger(peut_saisir_quelque_part(request.user), LECTURE_SEULE)
        return super().dispatch(request)

    @property
    def titre(self):
        return insecables(f"Modifier « {self.objet} »" if self.objet else "Ajouter un PRE")

    @property
    def retour(self):
        return self.adresse(self.objet) if self.objet else reverse("dispositifs:pre_list")

    def adresse(self, programme):
        return reverse("dispositifs:pre_detail", args=[programme.pk])

    def formulaire(self, donnees=None):
        # Une instance neuve : valider un formulaire change la sienne, et la page dit ce qui est en base.
        sien = ProgrammeReussiteEducative.objects.get(pk=self.objet.pk) if self.objet else None
        return ProgrammeForm(donnees, instance=sien, utilisateur=self.request.user)

    def ecrire(self, saisie):
        return operations.enregistrer_un_programme(saisie, par=self.request.user)


class SuiviView(SaisieView):
    """La feuille annuelle d'un PRE, sur un écran."""

    template_name = "dispositifs/pre/suivi_form.html"

    def dispatch(self, request, pk, annee):
        self.programme = programme_visible(request.user, pk)
        exiger(regles.peut_gerer(request.user, self.programme), LECTURE_SEULE)
        self.exercice = get_object_or_404(Exercice, departement=self.programme.departement_id, annee=annee)
        self.objet = self.lire()
        if self.objet is None and not regles.etait_ouvert(self.programme, annee):
            raise Http404("Ce programme n’est pas ouvert cette année-là.")
        return super().dispatch(request)

    def lire(self):
        suivi = SuiviPre.objects.filter(programme=self.programme, exercice=self.exercice).first()
        return suivi and self.avec_ses_liens(suivi)

    def avec_ses_liens(self, suivi):
        suivi.programme, suivi.exercice = self.programme, self.exercice
        return suivi

    @property
    def titre(self):
        return insecables(f"Feuille {self.exercice.annee} de « {self.programme} »")

    @property
    def retour(self):
        return self.adresse(self.objet) if self.objet else reverse("dispositifs:pre_detail", args=[self.programme.pk])

    def adresse(self, suivi):
        return reverse("dispositifs:suivi_pre_detail", args=[self.programme.pk, self.exercice.annee])

    def formulaire(self, donnees=None):
        return SuiviForm(
            donnees, instance=self.lire() or self.avec_ses_liens(SuiviPre()), utilisateur=self.request.user
        )

    def contexte(self):
        return {"programme": self.programme, "exercice": self.exercice}

    def ecrire(self, saisie):
        return operations.enregistrer_un_suivi(saisie, par=self.request.user)
