"""Les postes FONJEP : la liste, la fiche, la saisie, les périodes triennales."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from politique_ville.outils.typographie import insecables
from programmation.forms.organismes import MotifForm

from .. import operations, regles
from ..controles import CONTROLES_FONJEP
from ..dates import UN_JOUR, dernier_jour
from ..enums import Prorata
from ..exports.adultes_relais import annoter_des_controles, controles_releves
from ..exports.fonjep import ListeDesPostesFonjep
from ..filters.fonjep import FonjepFilterSet
from ..forms import fonjep as formulaires
from ..historique_postes import historique_du_poste_fonjep
from ..models import PosteFonjep, TriennaliteFonjep
from ..models.fonjep import DUREE
from ..operations import Saisie
from ..synthese import avec_le_retard, couts_fonjep_par_annee
from .gestes import PosteView
from .postes import GesteView, prorata_demande, repondre, supprimer

LISTE = ("FONJEP", "dispositifs:fonjep_list")
LUES = ["departement", "contrat", "association__fusionne_dans", "agent_referent"]


@require_safe
def fonjep_list(request):
    filtre = FonjepFilterSet(request.GET, PosteFonjep.objects.visibles_par(request.user), request=request)
    liste = ListeDesPostesFonjep(filtre, request.GET.get("tri", ""))
    return repondre(request, liste, "dispositifs/fonjep/liste.html")


@require_safe
def fonjep_detail(request, pk):
    jour = timezone.localdate()
    visibles = PosteFonjep.objects.visibles_par(request.user).select_related(*LUES)
    poste = get_object_or_404(annoter_des_controles(visibles, jour, CONTROLES_FONJEP), pk=pk)
    triennalites = list(avec_le_retard(poste.triennalites.order_by("-rang"), jour))
    annees = sorted({a for t in triennalites for a in range(t.debut.year, t.fin.year + 1)}, reverse=True)
    prorata = prorata_demande(request.GET)
    couts = couts_fonjep_par_annee(PosteFonjep.objects.filter(pk=pk), annees, prorata=prorata)
    contexte = {
        "poste": poste,
        "anomalies": controles_releves(poste, CONTROLES_FONJEP),
        "quartiers": poste.quartiers.all(),
        "triennalites": triennalites,
        "couts": [(annee, couts[annee].par_poste[poste.pk]) for annee in annees],
        "prorata": prorata,
        "proratas": list(Prorata),
        "releves": poste.releves.order_by("-annee", "rang"),
        "historique": historique_du_poste_fonjep(poste),
        "peut_ecrire": regles.peut_gerer(request.user, poste),
    }
    return render(request, "dispositifs/fonjep/fiche.html", contexte)


class PosteFonjepView(PosteView):
    modele, formulaire_class = PosteFonjep, formulaires.PosteFonjepForm
    operation = staticmethod(operations.enregistrer_des_postes_fonjep)
    racine = LISTE
    fiche = "dispositifs:fonjep_detail"
    nom = "un poste FONJEP"


class NouvelleTriennaliteView(GesteView):
    titre, fait = "Ajouter une période", "La période est enregistrée."
    explication = "Trois ans au plus, reconduite deux fois au plus."
    formulaire_class = formulaires.NouvelleTriennaliteForm
    racine, fiche = LISTE, "dispositifs:fonjep_detail"

    def lire(self, utilisateur, pk):
        poste = get_object_or_404(PosteFonjep.objects.visibles_par(utilisateur), pk=pk)
        return poste, poste

    def instance(self):
        """La reconduction qui suit la dernière période."""
        derniere = self.poste.triennalites.order_by("-rang").first()
        if derniere is None:
            return TriennaliteFonjep(poste=self.poste)
        debut = derniere.fin + UN_JOUR
        return TriennaliteFonjep(poste=self.poste, rang=derniere.rang + 1, debut=debut, fin=dernier_jour(debut, DUREE))

    def ecrire(self, envoi):
        saisie = Saisie({"poste": self.poste, **envoi.champs})
        return operations.enregistrer_des_triennalites([saisie], par=self.request.user)[0]


class TriennaliteView(GesteView):
    titre, fait = "Modifier la période", "La période est modifiée."
    formulaire_class = formulaires.TriennaliteForm
    racine, fiche = LISTE, "dispositifs:fonjep_detail"
    modifie = True

    def lire(self, utilisateur, pk):
        return triennalite_visible(utilisateur, pk)

    def ecrire(self, envoi):
        saisie = Saisie(envoi.champs, self.ligne, envoi.version)
        par, motif = self.request.user, envoi.motif
        return operations.enregistrer_des_triennalites([saisie], par=par, motif=motif)[0]


def triennalite_delete(request, pk):
    triennalite, poste = triennalite_visible(request.user, pk)
    contexte = {
        "liste": LISTE[0],
        "adresse_liste": reverse(LISTE[1]),
        "retour": reverse("dispositifs:fonjep_detail", args=[poste.pk]),
        "bouton": "Supprimer",
        "explication": insecables("Pour une erreur de saisie. L’historique du poste garde ce geste et son motif."),
    }
    formulaire = MotifForm(request.POST or None)
    return supprimer(request, triennalite, poste, operations.supprimer_une_triennalite, formulaire, **contexte)


def triennalite_visible(utilisateur, pk):
    """La période et son poste, ou 404."""
    postes = PosteFonjep.objects.visibles_par(utilisateur).order_by()
    triennalite = get_object_or_404(TriennaliteFonjep.objects.filter(poste__in=postes).select_related("poste"), pk=pk)
    return triennalite, triennalite.poste
