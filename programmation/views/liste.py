"""La liste des actions, à l'écran et en fichier : même adresse, mêmes filtres, mêmes colonnes, même ordre."""

from django.core.paginator import Paginator
from django.shortcuts import render

from politique_ville.outils.classeur import FORMATS
from politique_ville.outils.francais import pluriel
from politique_ville.outils.listes import filtres_actifs, remplacer_parametres
from politique_ville.outils.telechargement import liste_en_fichier

from .. import regles
from ..exports import Liste
from ..filters import ActionFilterSet
from ..models import Action, Campagne
from .lots import LOT_MAXIMAL

PAR_PAGE = 50
REPLIEES = {"departement", "dossier", "contrat", "thematique", "pilier", "cout"}  # au téléphone, sauf à la demande


class PaginateurCompte(Paginator):
    """Un paginateur dont le nombre est déjà connu par les totaux : il ne recompte pas."""

    def __init__(self, objets, par_page, nombre):
        super().__init__(objets, par_page)
        self.count = nombre


def action_list(request):
    filtre = ActionFilterSet(request.GET, Action.objects.visibles_par(request.user), request=request)
    request.GET = filtre.data  # les liens de la page disent toujours l'exercice : ils se partagent
    liste = Liste(filtre, request.GET.get("tri", ""), voit_propose=voit_propose(request.user, filtre.cadre))
    if request.GET.get("format") in FORMATS:
        feuilles = liste.feuille(), liste.feuille_de_lecture()
        return liste_en_fichier(request.GET["format"], liste.nom_de_fichier, *feuilles)
    return render(request, "programmation/action_list.html", contexte(request, liste))


def voit_propose(utilisateur, cadre):
    """Un partenaire lit la colonne « proposé » quand toutes les campagnes montrées l'ont partagée."""
    if regles.est_de_l_etat(utilisateur, cadre.departements_montres):
        return True
    campagnes = Campagne.objects.visibles_par(utilisateur).filter(exercice__in=[e.pk for e in cadre.exercices])
    return not campagnes.filter(propositions_partagees_le=None).exists()


def contexte(request, liste, par_page=PAR_PAGE):
    totaux, peut_ecrire = liste.totaux(), regles.peut_saisir_quelque_part(request.user)
    page = PaginateurCompte(liste.identifiants, par_page, totaux.nombre).get_page(request.GET.get("page"))
    montants = [c for c in liste.colonnes if c.format == "euros"]
    adresse = request.GET
    return {
        "formulaire": liste.filtre.form,
        "cadre": liste.filtre.cadre,
        "filtres_actifs": filtres_actifs(liste.filtre, sauf=liste.filtre.tus),
        "sans_filtre": sans_filtre(adresse),
        "colonnes": liste.colonnes,
        "repliees": REPLIEES,
        "lignes": [cellules(action, liste.colonnes) for action in liste.lignes(list(page.object_list))],
        "colonnes_de_texte": len(liste.colonnes) - len(montants) + peut_ecrire,
        "totaux": totaux,
        "totaux_affiches": [(c, getattr(totaux, c.nom), totaux.inconnus[c.nom]) for c in montants],
        "phrase": liste.phrase(totaux.nombre),
        "page": page,
        "tri": liste.tri,
        "peut_ecrire": peut_ecrire,
        "se_modifient_ensemble": len(page.object_list) < totaux.nombre <= LOT_MAXIMAL,
        "retour": adresse.urlencode(),
        "lien_xlsx": remplacer_parametres(adresse, format="xlsx", page=None),
        "lien_ods": remplacer_parametres(adresse, format="ods", page=None),
        "lien_csv": remplacer_parametres(adresse, format="csv", page=None),
        "detail_xlsx": f"XLSX, {pluriel(totaux.nombre, 'action', 'actions')}",
    }


def cellules(action, colonnes):
    """L'action et ses cellules, avec leur colonne : avant son intitulé, puis jusqu'au statut, puis les montants."""
    lues = [(colonne, colonne.valeur(action)) for colonne in colonnes]
    textes = [cellule for cellule in lues if cellule[0].format != "euros"]
    rang = next(rang for rang, (colonne, _) in enumerate(textes) if colonne.nom == "action")
    return action, textes[:rang], textes[rang + 1 : -1], [cellule for cellule in lues if cellule[0].format == "euros"]


def sans_filtre(adresse):
    """L'adresse du même exercice, sans aucun filtre."""
    return remplacer_parametres(adresse, **{nom: None for nom in adresse if nom not in ("annee", "departement")})
