"""Ce que les écrans des postes partagent : une liste filtrée et ses fichiers, un geste et sa page."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse

from politique_ville.outils.classeur import FORMATS
from politique_ville.outils.francais import INCONNU, euros, nombre, pluriel
from politique_ville.outils.listes import filtres_actifs, remplacer_parametres
from politique_ville.outils.telechargement import liste_en_fichier
from politique_ville.outils.typographie import insecables
from programmation.operations import OperationRefusee
from programmation.views.liste import PAR_PAGE, PaginateurCompte
from programmation.views.mixins import exiger

from .. import regles
from ..dates import en_clair
from ..enums import EtatDuPoste, Prorata
from .saisie import SaisieView

LECTURE_SEULE = "Votre habilitation ne permet pas de saisir des postes ici."


def prorata_demande(parametres):
    """La règle de prorata que choisit l'adresse d'une fiche ; à défaut, celle des jours."""
    demande = parametres.get("prorata")
    return Prorata(demande) if demande in Prorata.values else Prorata.JOURS


# --- Une liste ---


def repondre(request, liste, gabarit, **contexte):
    """La page d'une liste de postes, ou l'un de ses fichiers : mêmes filtres, mêmes lignes, mêmes colonnes."""
    request.GET = liste.filtre.data  # les liens de la page disent toujours l'année : ils se partagent
    if request.GET.get("format") in FORMATS:
        feuilles = liste.feuille(), liste.feuille_de_lecture()
        return liste_en_fichier(request.GET["format"], liste.nom_de_fichier, *feuilles)
    return render(request, gabarit, contexte_de_la_liste(request, liste) | contexte)


def contexte_de_la_liste(request, liste):
    page = PaginateurCompte(range(liste.nombre), PAR_PAGE, liste.nombre).get_page(request.GET.get("page"))
    lignes = liste.lignes(page.start_index() - 1, page.end_index()) if liste.nombre else []
    adresse, totaux = request.GET, liste.totaux()
    return {
        "formulaire": liste.filtre.form,
        "cadre": liste.filtre.cadre,
        "liste": liste,
        "filtres_actifs": filtres_actifs(liste.filtre, sauf=["annee"]),
        "sans_filtre": remplacer_parametres(adresse, **{nom: None for nom in adresse if nom != "annee"}),
        "lignes": [(poste, [cellule(c, poste) for c in liste.colonnes[1:]]) for poste in lignes],
        "totaux": [(c, totaux.get(c.nom), c.nom in totaux) for c in liste.colonnes[1:]],
        "page": page,
        "peut_ecrire": regles.peut_gerer_quelque_part(request.user),
        "lien_xlsx": remplacer_parametres(adresse, format="xlsx", page=None),
        "lien_ods": remplacer_parametres(adresse, format="ods", page=None),
        "lien_csv": remplacer_parametres(adresse, format="csv", page=None),
        "detail_xlsx": f"XLSX, {pluriel(liste.nombre, 'poste', 'postes')}",
    }


def cellule(colonne, poste):
    """Une cellule prête à écrire : la mise en forme se fait une fois, le gabarit ne fait que la poser.

    Un dictionnaire aux clés toujours présentes, que le gabarit lit bien plus vite qu'un objet. `sorte` : "badge" (de la
    couleur `detail`), "anomalies" (au nombre de `detail`), ou "" (de la classe `detail`).
    """
    valeur = colonne.valeur(poste)
    if colonne.nom == "etat":
        return {"texte": valeur, "sorte": "badge", "detail": EtatDuPoste(poste.etat).couleur}
    if colonne.nom == "anomalies" and poste.anomalies:
        return {"texte": valeur, "sorte": "anomalies", "detail": len(poste.anomalies)}
    texte = EN_TEXTE.get(colonne.format, str)(valeur) if valeur not in (None, "") else INCONNU
    return {"texte": texte, "sorte": "", "detail": classe_de(colonne)}


EN_TEXTE = {"euros": euros, "entier": nombre, "date": en_clair, "nombre": lambda valeur: f"{valeur.normalize():f}"}


def classe_de(colonne):
    if colonne.format in ("euros", "entier"):
        return "pv-montant"
    return "pv-texte" if colonne.format == "texte" else ""


# --- Un geste ---


class GesteView(SaisieView):
    """Un geste sur un poste. La sous-classe dit `lire(pk)`, qui rend la ligne et son poste, `formulaire` et `ecrire`.

    `modifie` : le geste change une ligne qui existe, et vérifie que personne n'y a touché entre-temps.
    """

    template_name = "dispositifs/geste.html"
    titre = fait = explication = ""
    bouton = "Enregistrer"
    modifie = False
    racine = ("Adultes-relais", "dispositifs:adulte_relais_list")
    fiche = "dispositifs:adulte_relais_detail"

    def dispatch(self, request, pk):
        self.ligne, self.poste = self.lire(request.user, pk)
        exiger(regles.peut_gerer(request.user, self.poste), LECTURE_SEULE)
        self.objet = self.poste if self.modifie else None
        return super().dispatch(request)

    @property
    def retour(self):
        return self.adresse()

    def adresse(self, *_):
        return reverse(self.fiche, args=[self.poste.pk])

    def instance(self):
        """Une instance neuve : valider un formulaire change la sienne, et la page dit ce qui est en base."""
        modele = type(self.ligne)
        return modele.objects.get(pk=self.ligne.pk)

    def formulaire(self, donnees=None):
        return self.formulaire_class(donnees, instance=self.instance(), version=self.poste.version)

    def contexte(self):
        libelle, racine = self.racine
        return {
            "poste": self.poste,
            "liste": libelle,
            "adresse_liste": reverse(racine),
            "explication": insecables(self.explication),
            "bouton": self.bouton,
        }

    def reussir(self, objet):
        messages.success(self.request, insecables(self.fait))
        return redirect(self.adresse())


def supprimer(request, ligne, poste, operation, formulaire, **contexte):
    """La page qui demande pourquoi cette ligne était une erreur, et l'envoi qui la supprime."""
    exiger(regles.peut_gerer(request.user, poste), LECTURE_SEULE)
    if formulaire.is_valid():
        try:
            operation(ligne, par=request.user, motif=formulaire.cleaned_data["motif"])
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(request, insecables(f"Supprimée : {ligne}."))
            return redirect(contexte["retour"])
    titre = insecables(f"Supprimer : {ligne}")
    return render(
        request, "dispositifs/geste.html", {"formulaire": formulaire, "titre": titre, "poste": poste} | contexte
    )
