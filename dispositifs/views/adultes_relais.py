"""Les adultes-relais : la liste, la fiche d'un poste, le radar des échéances, les postes d'un employeur."""

import re
from datetime import date

from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from politique_ville.outils.listes import filtres_actifs, remplacer_parametres
from politique_ville.outils.typographie import insecables
from programmation.models import Exercice, Organisme
from programmation.views.liste import PAR_PAGE, PaginateurCompte

from .. import regles
from ..enums import EtatDuPoste, Horizon, Prorata
from ..exports.adultes_relais import ListeDesAdultesRelais, annoter_des_controles, controles_releves
from ..exports.postes import SANS_CONVENTION
from ..filters.adultes_relais import AdulteRelaisFilterSet, RadarFilterSet
from ..historique_postes import historique_du_poste
from ..models import ConventionAdulteRelais, PosteAdulteRelais, PosteFonjep, QuotaAdulteRelais, TriennaliteFonjep
from ..synthese import (
    avec_quota,
    avec_situation,
    couts_des_adultes_relais,
    couts_par_annee,
    du_radar,
    echeance,
    etapes_du_dossier,
    evaluations_attendues,
    nombres_de_postes,
    nombres_par_horizon,
    quota_de,
    raison_des_inconnus,
    vacant_depuis,
)
from .postes import prorata_demande, repondre

LUES = ["departement", "contrat", "employeur__fusionne_dans", "agent_referent"]
ANNEES_PROPOSEES = 6


@require_safe
def adulte_relais_list(request):
    visibles = PosteAdulteRelais.objects.visibles_par(request.user)
    filtre = AdulteRelaisFilterSet(request.GET, visibles, request=request)
    liste = ListeDesAdultesRelais(filtre, request.GET.get("tri", ""))
    return repondre(request, liste, "dispositifs/adultes_relais/liste.html", quota=quota(request.user, filtre))


def quota(utilisateur, filtre):
    """Le quota du seul département montré, pour qui le voit en entier ; None sinon."""
    codes = [filtre.cadre.code] if filtre.cadre.code else list(filtre.cadre.departements)
    if len(codes) != 1:
        return None
    exercices = Exercice.objects.filter(annee=filtre.annee_des_couts, departement__code=codes[0])
    lus = avec_quota(exercices.select_related("departement"), QuotaAdulteRelais.objects.visibles_par(utilisateur))
    exercice = lus.first()
    if exercice is None or not regles.voit_le_quota(utilisateur, exercice.departement_id):
        return None
    synthese = quota_de(exercice)
    aujourd_hui = timezone.localdate()
    fini = exercice.annee < aujourd_hui.year
    return {
        "exercice": exercice,
        "synthese": synthese,
        "perdus": bool(synthese.inutilises and synthese.inutilises > 0)
        and (fini or (exercice.annee == aujourd_hui.year and aujourd_hui.month >= regles.MOIS_DU_RAPPEL)),
        "fini": fini,
        "peut_tenir": regles.peut_tenir_le_quota(utilisateur, exercice) and not exercice.est_clos,
    }


# --- La fiche ---


@require_safe
def adulte_relais_detail(request, pk):
    poste = poste_visible(request.user, pk)
    jour = timezone.localdate()
    conventions = list(poste.conventions.order_by("-debut").prefetch_related("avenants", "occupations"))
    annees = annees_de(conventions)
    prorata = prorata_demande(request.GET)
    couts = couts_par_annee(PosteAdulteRelais.objects.filter(pk=pk), annees, prorata=prorata)
    contexte = {
        "poste": poste,
        "etat": EtatDuPoste(poste.etat),
        "anomalies": controles_releves(poste),
        "quartiers": poste.quartiers.all(),
        "missions": poste.missions.all(),
        "conventions": [lecture(convention, rang) for rang, convention in enumerate(conventions)],
        "couts": [(annee, couts[annee].par_poste[poste.pk]) for annee in annees],
        "prorata": prorata,
        "proratas": list(Prorata),
        "releves": poste.releves.order_by("-annee", "rang"),
        "historique": historique_du_poste(poste),
        "peut_ecrire": regles.peut_gerer(request.user, poste),
        "jour": jour,
    }
    return render(request, "dispositifs/adultes_relais/fiche.html", contexte)


def poste_visible(utilisateur, pk):
    jour = timezone.localdate()
    visibles = PosteAdulteRelais.objects.visibles_par(utilisateur).select_related(*LUES)
    postes = avec_situation(visibles, jour).annotate(vacant_depuis=vacant_depuis(jour))
    return get_object_or_404(annoter_des_controles(postes, jour), pk=pk)


def annees_de(conventions):
    """Toutes les années que ces conventions touchent, la plus récente d'abord."""
    if not conventions:
        return []
    return list(range(max(c.fin.year for c in conventions), min(c.debut.year for c in conventions) - 1, -1))


def lecture(convention, rang):
    """Une convention et ce qu'elle porte ; `rang` 0 : la dernière, qui peut se renouveler."""
    avenants = sorted(convention.avenants.all(), key=lambda avenant: avenant.date_effet)
    occupations = sorted(convention.occupations.all(), key=lambda occupation: occupation.debut, reverse=True)
    for occupation in occupations:
        occupation.convention = convention  # `fin_effective` la lit
    return {
        "convention": convention,
        "avenants": avenants,
        "occupations": occupations,
        "etapes": etapes_du_dossier(convention),
        "est_la_derniere": rang == 0,
    }


# --- Le radar ---


@require_safe
def radar(request):
    jour = timezone.localdate()
    filtre = RadarFilterSet(request.GET, PosteAdulteRelais.objects.visibles_par(request.user), request=request)
    postes = filtre.qs.order_by()
    conventions = du_radar(ConventionAdulteRelais.objects.filter(poste__in=postes), jour)
    nombres = nombres_par_horizon(conventions)
    horizon = filtre.form.cleaned_data.get("horizon")
    if horizon:
        conventions = conventions.filter(horizon_sql=horizon)
    nombre = nombres[Horizon(horizon)] if horizon else sum(nombres.values())
    page = PaginateurCompte(conventions, PAR_PAGE, nombre).get_page(request.GET.get("page"))
    contexte = {
        "formulaire": filtre.form,
        "cadre": filtre.cadre,
        "filtres_actifs": filtres_actifs(filtre, sauf=["annee"]),
        "horizons": horizons(request.GET, nombres, horizon),
        "echeances": lignes_du_radar(request.user, page.object_list, jour),
        "page": page,
        "evaluations": evaluations(request.user, filtre, jour),
        "jour": jour,
    }
    return render(request, "dispositifs/adultes_relais/radar.html", contexte)


def horizons(parametres, nombres, choisi):
    """Chaque horizon, son nombre, l'adresse qui le choisit, et s'il est choisi."""
    return [
        (h, nombre, remplacer_parametres(parametres, horizon=h.value, page=None), h == choisi)
        for h, nombre in nombres.items()
    ]


def lignes_du_radar(utilisateur, conventions, jour):
    """L'échéance, et si la personne peut préparer le renouvellement."""
    return [(echeance(convention, jour), regles.peut_renouveler(utilisateur, convention)) for convention in conventions]


def evaluations(utilisateur, filtre, jour):
    """Les évaluations FONJEP attendues, dans le territoire du filtre."""
    postes = PosteFonjep.objects.visibles_par(utilisateur)
    valides = filtre.form.cleaned_data
    if valides.get("departement"):
        postes = postes.filter(departement__code=valides["departement"])
    if valides.get("contrat"):
        postes = postes.filter(contrat=valides["contrat"])
    return evaluations_attendues(TriennaliteFonjep.objects.filter(poste__in=postes.order_by()), jour)


# --- Un employeur ---


@require_safe
def employeur_detail(request, pk):
    """Ses postes visibles, et ceux des organismes qu'il a absorbés ; 404 sans aucun."""
    jour = timezone.localdate()
    organisme = get_object_or_404(Organisme, pk=pk)
    siens = Q(employeur=organisme) | Q(employeur__fusionne_dans=organisme)
    visibles = PosteAdulteRelais.objects.visibles_par(request.user).filter(siens).order_by()
    postes = list(avec_situation(visibles.select_related("contrat", "departement"), jour).order_by("numero", "pk"))
    if not postes:
        raise Http404("Cet organisme n’emploie aucun adulte-relais ici.")
    annee = annee_demandee(request.GET.get("annee"), jour)
    periode, prorata = (date(annee, 1, 1), date(annee, 12, 31)), prorata_demande(request.GET)
    couts = couts_des_adultes_relais(visibles, *periode, prorata=prorata)
    conventions = ConventionAdulteRelais.objects.filter(poste__in=visibles)
    nombres = nombres_de_postes(visibles)
    contexte = {
        "organisme": organisme,
        "annee": annee,
        "annees": range(jour.year, jour.year - ANNEES_PROPOSEES, -1),
        "prorata": prorata,
        "proratas": list(Prorata),
        "raison": raison_des_inconnus(couts),
        "postes": [
            (poste, EtatDuPoste(poste.etat), couts.par_poste[poste.pk] if poste.convention_fin else SANS_CONVENTION)
            for poste in postes
        ],
        "couts": couts,
        "total": SANS_CONVENTION if nombres.sans_convention == nombres.tous else couts.total.cout,
        "inconnus": couts.total.inconnus + nombres.sans_convention,
        "echeances": lignes_du_radar(request.user, du_radar(conventions, jour), jour),
        "phrase": insecables(f"Postes de {organisme}, coûts de {annee}"),
    }
    return render(request, "dispositifs/adultes_relais/employeur.html", contexte)


def annee_demandee(texte, jour):
    """L'année de l'adresse, à défaut l'année en cours."""
    return int(texte) if texte and re.fullmatch(r"20[0-9]{2}", texte) else jour.year
