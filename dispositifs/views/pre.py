"""Les PRE : la liste d'une année, la fiche d'un programme, sa feuille annuelle."""

from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from politique_ville.outils.classeur import FORMATS
from politique_ville.outils.francais import pluriel
from politique_ville.outils.listes import filtres_actifs, remplacer_parametres
from politique_ville.outils.telechargement import liste_en_fichier
from programmation.models import Action, Exercice
from programmation.regles import est_de_l_etat, peut_saisir_quelque_part

from .. import regles
from ..controles import actions_sans_suivi, anomalies_des_pre
from ..exports.pre import A_L_ECRAN, TUS, ListeDePre, total_de_la_colonne
from ..filters.pre import PreFilterSet
from ..historique_pre import historique_du_programme, historique_du_suivi
from ..models import ProgrammeReussiteEducative
from ..synthese import (
    est_hors_geographie,
    feuille_de_suivi,
    feuilles_de_suivi,
    programmes_par_departement,
    reperes_nationaux,
)

LUES = ["contrat__departement", "structure__fusionne_dans"]


@require_safe
def pre_list(request):
    visibles = ProgrammeReussiteEducative.objects.visibles_par(request.user)
    filtre = PreFilterSet(request.GET, visibles, request=request)
    request.GET = filtre.data  # les liens de la page disent toujours l'exercice : ils se partagent
    liste = ListeDePre(filtre, actions_lisibles(request.user))
    if request.GET.get("format") in FORMATS:
        feuilles = liste.feuille(), liste.feuille_de_lecture()
        return liste_en_fichier(request.GET["format"], liste.nom_de_fichier, *feuilles)
    return render(request, "dispositifs/pre/programme_list.html", contexte_de_la_liste(request, liste))


def contexte_de_la_liste(request, liste):
    filtre, adresse = liste.filtre, request.GET
    actifs = filtres_actifs(filtre, sauf=TUS)
    return {
        "formulaire": filtre.form,
        "cadre": filtre.cadre,
        "filtres_actifs": actifs,
        "sans_filtre": remplacer_parametres(adresse, contrat=None, q=None),
        "liste": liste,
        "lignes": lignes_a_l_ecran(request.user, liste),
        "colonnes": A_L_ECRAN,
        "totaux": [(c, *total_de_la_colonne(liste.totaux, c)) for c in A_L_ECRAN[1:]],
        "departements": departements_de_la_liste(filtre),
        "sans_suivi": actions_a_lier(request.user, filtre),
        "reperes": reperes_nationaux(),
        "peut_ecrire": peut_saisir_quelque_part(request.user),
        "lien_xlsx": remplacer_parametres(adresse, format="xlsx"),
        "lien_ods": remplacer_parametres(adresse, format="ods"),
        "lien_csv": remplacer_parametres(adresse, format="csv"),
        "detail_xlsx": f"XLSX, {pluriel(len(liste.lignes), 'PRE', 'PRE')}",
    }


def lignes_a_l_ecran(utilisateur, liste):
    """Par PRE : la ligne, ses cellules, ce que les contrôles y relèvent (pour l'État seul)."""
    anomalies = {}
    if liste.lignes and est_de_l_etat(utilisateur, liste.filtre.cadre.departements_montres):
        programmes = ProgrammeReussiteEducative.objects.filter(pk__in=[ligne.programme.pk for ligne in liste.lignes])
        anomalies = anomalies_des_pre(programmes, liste.filtre.annee_montree)
    return [
        (ligne, [(c, c.en_texte(ligne)) for c in A_L_ECRAN[1:]], anomalies.get(ligne.programme.pk, []))
        for ligne in liste.lignes
    ]


def departements_de_la_liste(filtre):
    """Enregistrés et annoncés, par département qui a l'un ou l'autre. Pour qui voit le département entier."""
    entiers = departements_entiers(filtre.cadre)
    if not entiers:
        return []
    tous = programmes_par_departement(filtre.queryset, entiers, filtre.annee_montree)
    return [departement for departement in tous if departement.inscrits or departement.annonces]


def departements_entiers(cadre):
    """Ceux du cadre que la personne voit en entier : ailleurs, « enregistrés » ne compterait que son contrat."""
    perimetre = cadre.utilisateur.perimetre
    if cadre.bornes:
        return []
    montres = [e.departement for e in cadre.exercices]
    if perimetre.national:
        return montres
    entiers = perimetre.departements | perimetre.departements_de_delegue
    return [departement for departement in montres if departement.pk in entiers]


def actions_a_lier(utilisateur, filtre):
    """Les actions de PRE programmées, visibles, qu'aucun suivi ne porte ; l'État seul les relève."""
    if not est_de_l_etat(utilisateur, filtre.cadre.departements_montres):
        return []
    actions = filtre.cadre.actions(actions_lisibles(utilisateur))
    return actions_sans_suivi(actions).select_related("contrat").order_by("recherche", "pk")


def actions_lisibles(utilisateur):
    return Action.objects.visibles_par(utilisateur)


# --- Les fiches ---


@require_safe
def programme_detail(request, pk):
    """Le PRE et toutes ses années côte à côte."""
    programme = programme_visible(request.user, pk)
    suivis = suivis_du_programme(programme)
    annee = timezone.localdate().year
    contexte = {
        "programme": programme,
        "feuilles": feuilles_de_suivi(suivis, actions_lisibles(request.user)),
        "annees_a_saisir": annees_a_saisir(request.user, programme, suivis),
        "reperes": reperes_nationaux(),
        "annee": annee,
        "hors_geographie": est_hors_geographie(programme, annee),
        "historique": historique_du_programme(programme) if lit_tout(request.user, programme) else [],
        "peut_gerer": regles.peut_gerer(request.user, programme),
    }
    return render(request, "dispositifs/pre/programme_detail.html", contexte)


@require_safe
def suivi_detail(request, pk, annee):
    """La feuille d'une année, telle qu'elle sort."""
    programme = programme_visible(request.user, pk)
    suivi = get_object_or_404(programme.suivis.select_related("exercice"), exercice__annee=annee)
    suivi.programme = programme
    de_l_etat = lit_tout(request.user, programme)
    contexte = {
        "programme": programme,
        "feuille": feuille_de_suivi(suivi, actions_lisibles(request.user)),
        "reperes": reperes_nationaux(),
        "anomalies": anomalies_du_programme(programme, annee) if de_l_etat else [],
        "historique": historique_du_suivi(suivi) if de_l_etat else [],
        "peut_gerer": regles.peut_gerer(request.user, programme),
    }
    return render(request, "dispositifs/pre/suivi_detail.html", contexte)


def programme_visible(utilisateur, pk):
    visibles = ProgrammeReussiteEducative.objects.visibles_par(utilisateur)
    return get_object_or_404(visibles.select_related(*LUES).prefetch_related("communes"), pk=pk)


def lit_tout(utilisateur, programme):
    """L'État lit les contrôles et l'histoire ; un partenaire, non."""
    return est_de_l_etat(utilisateur, [programme.departement_id])


def suivis_du_programme(programme):
    """Ses feuilles, de la plus ancienne à la plus récente."""
    suivis = list(programme.suivis.select_related("exercice").order_by("exercice__annee"))
    for suivi in suivis:
        suivi.programme = programme
    return suivis


def annees_a_saisir(utilisateur, programme, suivis):
    """Les années dont la feuille manque, pour qui peut la saisir ; la plus récente d'abord."""
    if not regles.peut_gerer(utilisateur, programme):
        return []
    deja = {suivi.exercice_id for suivi in suivis}
    exercices = Exercice.objects.filter(departement=programme.departement_id).exclude(pk__in=deja)
    return [e.annee for e in exercices.order_by("-annee") if regles.etait_ouvert(programme, e.annee)]


def anomalies_du_programme(programme, annee):
    sien = ProgrammeReussiteEducative.objects.filter(pk=programme.pk)
    return anomalies_des_pre(sien, annee)[programme.pk]
