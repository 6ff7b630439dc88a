"""Saisir une fiche à verrou optimiste ; montrer les deux versions quand deux personnes y touchent.

Ce que la personne avait lu voyage signé dans son formulaire, comme pour une action (programmation/forms/conflit.py).
"""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views import View

from politique_ville.outils.typographie import insecables
from programmation.forms.conflit import Lu
from programmation.operations import OperationRefusee

from ..forms.versions import comparer, mots_de, reunir
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
            return self.conflit(formulaire, self.vu)
        try:
            return self.reussir(self.ecrire(formulaire.saisie(self.valeurs(formulaire))))
        except ModifieEntreTemps:
            return self.conflit(formulaire, self.vu)
        except ChoixManquant:
            return self.conflit(formulaire, self.lu, CHOISIR)
        except OperationRefusee as refus:
            if self.est_une_resolution:
                return self.conflit(formulaire, self.lu, " ".join(refus.messages))
            formulaire.refuser(refus)
            return self.page(formulaire)

    @property
    def est_une_resolution(self):
        return self.objet is not None and self.request.POST.get("geste") == RESOUDRE

    @property
    def lu(self):
        """Ce que la personne avait lu en ouvrant la page, que son formulaire rapporte, signé."""
        return self.request.POST.get("lu", "")

    @property
    def vu(self):
        """De même, ou ce que la page des deux versions lui a montré depuis."""
        return self.request.POST.get("vu") or self.lu

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

    def conflit(self, formulaire, jeton, phrase=""):
        """Les trois états, valeur par valeur ; rien n'a été enregistré. `jeton` : ce que la personne avait lu."""
        base, libelles, lu = self.en_base(), formulaire.libelles, Lu.du_jeton(jeton)
        ecarts = comparer(base, formulaire.valeurs(), libelles, self.choix, lu.textes)
        if not ecarts:
            messages.info(self.request, "Quelqu’un d’autre a déjà enregistré la même chose.")
            return redirect(self.retour)
        contexte = {
            "titre": self.titre,
            "ecarts": ecarts,
            "version": self.objet.version,
            "lu": jeton,
            "vu": Lu(self.objet.version, mots_de(base, libelles)).jeton,
            "changements": self.objet.history.filter(version__gt=lu.version).select_related("history_user"),
            "renvoyes": champs_a_renvoyer(self.request.POST),
            "phrase": insecables(phrase),
            "retour": self.retour,
        }
        return render(self.request, "dispositifs/deux_versions.html", contexte, status=409)

    def page(self, formulaire):
        contexte = {"formulaire": formulaire, "titre": self.titre, "objet": self.objet, "retour": self.retour}
        contexte["lu"] = self.lu if formulaire.is_bound else self.jeton_de(formulaire)
        return render(self.request, self.template_name, contexte | self.contexte())

    def jeton_de(self, formulaire):
        """Ce que la page montre de la base, pour le comparer si quelqu'un d'autre y touche ; vide : une création."""
        if self.objet is None:
            return ""
        return Lu(self.objet.version, mots_de(formulaire.valeurs_en_base(), formulaire.libelles)).jeton

    def contexte(self):
        return {}

    def reussir(self, objet):
        messages.success(self.request, insecables(f"« {objet} » est enregistré."))
        return redirect(self.adresse(objet))


class ChoixManquant(Exception):
    """Une ligne de la page de conflit n'a pas de valeur choisie."""


def champs_a_renvoyer(donnees):
    """La saisie entière, pour la page de conflit : rien ne s'y perd."""
    propres = {"csrfmiddlewaretoken", "geste", "version", "lu", "vu"}
    noms = [nom for nom in donnees if nom not in propres and not nom.startswith("choix-")]
    return [(nom, valeur) for nom in noms for valeur in donnees.getlist(nom)]
