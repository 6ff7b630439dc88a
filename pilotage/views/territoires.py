"""Les contrats et les quartiers : listes et fiches."""

from django.core.paginator import Paginator
from django.db.models import Count
from django.shortcuts import get_object_or_404, render

from politique_ville.outils.listes import filtres_actifs

from .. import tableaux
from ..filters import ContratFilterSet, QuartierFilterSet

PAR_PAGE = 50


def contrat_list(request):
    contrats = request.user.contrats_visibles().avec_population().annotate(nombre_de_quartiers=Count("quartiers"))
    contrats = contrats.select_related("departement", "intercommunalite")
    contrats = contrats.order_by("departement__code", "-generation", "intitule")  # compter défait l'ordre du modèle
    return liste(request, ContratFilterSet(request.GET, contrats, request=request), "territoires/contrat_list.html")


def quartier_list(request):
    quartiers = request.user.quartiers_visibles().select_related("contrat__departement").prefetch_related("communes")
    filtre = QuartierFilterSet(request.GET, quartiers.defer("contour"), request=request)
    return liste(request, filtre, "territoires/quartier_list.html", population=filtre.qs.population())


def liste(request, filtre, gabarit, **contexte):
    page = Paginator(filtre.qs, PAR_PAGE).get_page(request.GET.get("page"))
    actifs = filtres_actifs(filtre, sauf=["generation"])
    return render(request, gabarit, {"filtre": filtre, "filtres_actifs": actifs, "page": page, **contexte})


def contrat_detail(request, pk):
    lus = request.user.contrats_visibles().avec_population()
    lus = lus.select_related("departement", "intercommunalite__successeur").prefetch_related("communes")
    fiche = tableaux.fiche_contrat(get_object_or_404(lus, pk=pk), request.user, request.GET)
    return render(request, "territoires/contrat_detail.html", {"fiche": fiche})


def quartier_detail(request, pk):
    lus = request.user.quartiers_visibles().select_related("contrat__departement").prefetch_related("communes")
    fiche = tableaux.fiche_quartier(get_object_or_404(lus, pk=pk), request.user, request.GET)
    return render(request, "territoires/quartier_detail.html", {"fiche": fiche})
