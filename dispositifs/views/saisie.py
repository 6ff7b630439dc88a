"""Saisir une fiche à verrou optimiste ; montrer les deux versions quand deux personnes y touchent."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views import View

from politique_ville.outils.typographie import insecables
from programmation.operations import OperationRefusee

from ..forms.versions import comparer, reunir
from ..operations import ModifieEntreTemps

RESOUDRE = "resoudre"
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
        return self.objet is not None and self.request.POST.get("geste") == RESOUDRE

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
