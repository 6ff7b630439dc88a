"""Saisir un PRE, ou sa feuille annuelle ; montrer les deux versions quand deux personnes y touchent."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views import View

from politique_ville.outils.typographie import insecables
from programmation.models import Exercice
from programmation.operations import OperationRefusee
from programmation.regles import peut_saisir_quelque_part
from programmation.views.mixins import exiger

from .. import operations, regles
from ..forms.pre import ProgrammeForm, SuiviForm
from ..forms.versions import comparer, reunir
from ..models import ProgrammeReussiteEducative, SuiviPre
from ..operations import ModifieEntreTemps
from .pre import programme_visible

RESOUDRE = "resoudre"
LECTURE_SEULE = "Votre habilitation ne permet pas de saisir des programmes de réussite éducative ici."
CHOISIR = "Choisir une valeur sur chaque ligne."


class SaisieView(View):
    """Une fiche à verrou optimiste. La sous-classe donne `objet`, `formulaire(donnees)`, `ecrire(saisie)`, `retour`."""

    objet = None  # ce qui est modifié ; None : une création

    def get(self, request, **kwargs):
        return self.page(self.formulaire())

    def post(self, request, **kwargs):
        formulaire = self.formulaire(request.POST)
        if not formulaire.is_valid():
            return self.page(formulaire)
        if self.objet and formulaire.cleaned_data["version"] != self.objet.version:
            return self.conflit(formulaire)
        try:
            return self.reussir(self.ecrire(formulaire.saisie(self.valeurs(formulaire))))
        except ModifieEntreTemps:
            return self.conflit(formulaire)
        except ChoixManquant:
            return self.conflit(formulaire, CHOISIR)
        except OperationRefusee as refus:
            if self.est_une_resolution:
                return self.conflit(formulaire, " ".join(refus.messages))
            formulaire.refuser(refus)
            return self.page(formulaire)

    @property
    def est_une_resolution(self):
        return self.request.POST.get("geste") == RESOUDRE

    @property
    def choix(self):
        donnees = self.request.POST.items()
        return {nom.removeprefix("choix-"): valeur for nom, valeur in donnees if nom.startswith("choix-")}

    def valeurs(self, formulaire):
        """Celles du formulaire ou, au retour de la page de conflit, celles qui y ont été choisies."""
        if not self.est_une_resolution:
            return formulaire.valeurs()
        base = self.en_base()
        ecarts = comparer(base, formulaire.valeurs(), formulaire.libelles, self.choix)
        if any(not ecart.choisi for ecart in ecarts):
            raise ChoixManquant
        return reunir(base, formulaire.valeurs(), self.choix)

    def en_base(self):
        self.objet.refresh_from_db(fields=["version"])
        return self.formulaire().valeurs_en_base()

    def conflit(self, formulaire, phrase=""):
        """Les deux états, valeur par valeur ; rien n'a été enregistré."""
        mienne, libelles = formulaire.valeurs(), formulaire.libelles
        ecarts = comparer(self.en_base(), mienne, libelles, self.choix)
        if not ecarts:
            messages.info(self.request, "Quelqu’un d’autre a déjà enregistré la même chose.")
            return redirect(self.retour)
        contexte = {
            "titre": self.titre,
            "ecarts": ecarts,
            "version": self.objet.version,
            "changements": self.objet.history.select_related("history_user")[:1],
            "renvoyes": champs_a_renvoyer(self.request.POST),
            "phrase": insecables(phrase),
            "retour": self.retour,
        }
        return render(self.request, "dispositifs/deux_versions.html", contexte, status=409)

    def page(self, formulaire):
        contexte = {"formulaire": formulaire, "titre": self.titre, "objet": self.objet, "retour": self.retour}
        return render(self.request, self.template_name, contexte | self.contexte())

    def contexte(self):
        return {}

    def reussir(self, objet):
        messages.success(self.request, insecables(f"« {objet} » est enregistré."))
        return redirect(self.adresse(objet))


class ChoixManquant(Exception):
    """Une ligne de la page de conflit n'a pas de valeur choisie."""


def champs_a_renvoyer(donnees):
    """La saisie entière, pour la page de conflit : rien ne s'y perd."""
    propres = {"csrfmiddlewaretoken", "geste", "version"}
    noms = [nom for nom in donnees if nom not in propres and not nom.startswith("choix-")]
    return [(nom, valeur) for nom in noms for valeur in donnees.getlist(nom)]


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
