"""Une liste d'exécution : à l'écran, triée, par pages, avec ses totaux ; en fichier, les mêmes lignes et colonnes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, QuerySet
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import slugify

from comptes.enums import Role
from politique_ville.outils.classeur import FORMATS, Colonne, Feuille
from politique_ville.outils.francais import euros, nombre, pluriel
from politique_ville.outils.listes import filtres_actifs, remplacer_parametres
from politique_ville.outils.telechargement import liste_en_fichier
from politique_ville.outils.typographie import insecables

from .liste import PAR_PAGE, PaginateurCompte
from .mixins import exiger

CADRE = ("annee", "departement")
ECRIRE = {"euros": euros, "entier": nombre, "date": lambda jour: f"{jour:%d/%m/%Y}" if jour else ""}


@dataclass(frozen=True)
class ColonneDeTableau:
    """`tri` : le champ qui l'ordonne en base ; `lien`, `badge` : l'adresse et la couleur de la cellule d'une ligne.

    `a_l_ecran` : faux pour une colonne que seul le fichier montre, quand l'écran n'a plus de place. `repliee` : au
    téléphone, elle attend qu'on demande toutes les colonnes.
    """

    nom: str
    titre: str
    valeur: Callable[[Any], Any]
    format: str = "texte"
    largeur: int = 20
    tri: str = ""
    lien: Callable[[Any], str] | None = None
    badge: Callable[[Any], str] | None = None
    a_l_ecran: bool = True
    repliee: bool = False

    @property
    def est_un_nombre(self):
        return self.format in ("euros", "entier")

    def cellule(self, ligne):
        valeur = self.valeur(ligne)
        texte = ECRIRE.get(self.format, lambda v: "" if v is None else str(v))(valeur)
        return {
            "texte": texte or "—",
            "classe": ("pv-montant" if self.est_un_nombre else "pv-texte") + " pv-repliee" * self.repliee,
            "lien": self.lien(ligne) if self.lien and valeur else "",
            "badge": self.badge(ligne) if self.badge and valeur else None,
            "titre": self.titre,
        }


@dataclass(frozen=True)
class Tableau:
    """`lignes` : toutes celles du filtre, ordonnées ; `totaux` : par nom de colonne ; `mots` : « un,plusieurs »."""

    nom: str
    filtre: Any
    colonnes: Sequence[ColonneDeTableau]
    lignes: QuerySet | Sequence
    nombre: int
    mots: str
    totaux: dict[str, Any] = field(default_factory=dict)

    @property
    def a_l_ecran(self):
        return [colonne for colonne in self.colonnes if colonne.a_l_ecran]

    @property
    def se_replie(self):
        return any(colonne.repliee for colonne in self.a_l_ecran)

    @property
    def compte(self):
        return pluriel(self.nombre, *self.mots.split(","))

    @property
    def phrase(self):
        return insecables(f"{self.compte}, au {timezone.localtime():%d/%m %H:%M}")

    @property
    def nom_de_fichier(self):
        return f"{self.nom}-{slugify(self.filtre.cadre.en_mots)}-au-{timezone.localdate():%Y-%m-%d}"

    def triees(self, tri):
        colonne = next((c for c in self.colonnes if c.tri and c.nom == tri.removeprefix("-")), None)
        if colonne is None or not isinstance(self.lignes, QuerySet):
            return self.lignes
        cle = F(colonne.tri)
        cle = cle.desc(nulls_last=True) if tri.startswith("-") else cle.asc(nulls_last=True)
        return self.lignes.order_by(cle, "pk")

    def feuilles(self, tri):
        colonnes = tuple(Colonne(c.titre, c.valeur, c.format, c.largeur) for c in self.colonnes)
        faits = [("Exercice", self.filtre.cadre.en_mots), ("Contenu", self.phrase)]
        faits += [(c.titre, ECRIRE[c.format](self.totaux[c.nom])) for c in self.colonnes if c.nom in self.totaux]
        faits += [(filtre.libelle, filtre.valeur) for filtre in filtres_actifs(self.filtre, sauf=self.filtre.tus)]
        lecture = (Colonne("Critère", lambda f: f[0], largeur=28), Colonne("Valeur", lambda f: f[1], largeur=90))
        lignes = self.triees(tri)
        lignes = lignes.iterator(chunk_size=500) if isinstance(lignes, QuerySet) else lignes
        return Feuille(self.nom.capitalize(), colonnes, lignes, colonnes_figees=1), Feuille("Lecture", lecture, faits)


def recu(request):
    """Ce que le formulaire a reçu ; None tant que rien n'est envoyé, même si l'envoi est vide."""
    return request.POST if request.method == "POST" else None


def exiger_l_etat(request):
    """403 pour un partenaire : l'exécution est celle de l'État, et une liste vide lui dirait qu'il n'y en a pas."""
    permis = not request.user.roles.isdisjoint(Role.de_l_etat())
    exiger(permis, "L’exécution des crédits est réservée aux services de l’État.")


def repondre(request, tableau: Tableau, gabarit: str, **contexte):
    """La page de la liste ou, avec `format=`, l'un de ses fichiers."""
    request.GET = tableau.filtre.data  # les liens de la page disent toujours le cadre : ils se partagent
    tri = request.GET.get("tri", "")
    if request.GET.get("format") in FORMATS:
        return liste_en_fichier(request.GET["format"], tableau.nom_de_fichier, *tableau.feuilles(tri))
    page = PaginateurCompte(tableau.triees(tri), PAR_PAGE, tableau.nombre).get_page(request.GET.get("page"))
    lignes = [(ligne, [c.cellule(ligne) for c in tableau.a_l_ecran]) for ligne in page.object_list]
    contexte |= contexte_de_la_liste(request, tableau, tri)
    return render(request, gabarit, contexte | {"page": page, "lignes": lignes})


def contexte_de_la_liste(request, tableau, tri):
    adresse = request.GET
    return {
        "tableau": tableau,
        "tri": tri,
        "formulaire": tableau.filtre.form,
        "cadre": tableau.filtre.cadre,
        "filtres_actifs": filtres_actifs(tableau.filtre, sauf=tableau.filtre.tus),
        "sans_filtre": remplacer_parametres(adresse, **{nom: None for nom in adresse if nom not in CADRE}),
        "pieds": [pied(colonne, tableau.totaux) for colonne in tableau.a_l_ecran[1:]],
        "liens": [(f, remplacer_parametres(adresse, format=f, page=None)) for f in FORMATS],
    }


def pied(colonne, totaux):
    """Le total d'une colonne, écrit ; vide si elle n'en a pas."""
    return ECRIRE[colonne.format](totaux[colonne.nom]) if colonne.nom in totaux else ""
