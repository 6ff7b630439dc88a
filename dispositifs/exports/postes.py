"""Une liste de postes en colonnes : un seul catalogue fait l'écran, le tri et les fichiers."""

from collections.abc import Iterator, Sequence
from datetime import date as Date
from functools import cached_property
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.text import slugify

from politique_ville.outils.classeur import Colonne, Feuille
from politique_ville.outils.francais import euros, nombre, pluriel
from politique_ville.outils.listes import filtres_actifs
from politique_ville.outils.typographie import insecables
from programmation.exports import ColonneDeListe

from ..filters.postes import PosteFilterSet
from ..synthese import (
    Cout,
    CoutsDesPostes,
    NombresDePostes,
    ReleveDeLAnnee,
    de_ces_postes,
    nombres_de_postes,
    raison_des_inconnus,
    releves_par_annee,
)

SANS_CONVENTION = Cout(None, None, None, None, raison="Aucune convention enregistrée.")
PAQUET = 500  # postes lus à la fois pendant un export
TRI_PAR_DEFAUT = ["departement__code", "nom_de_l_organisme", "numero_de_tri", "pk"]


class ListeDePostes:
    """Les postes d'un filtre, dans l'ordre du paramètre `tri`, avec leurs coûts de l'année du filtre."""

    nom = ""  # « postes-adultes-relais »
    modele: Any = None
    modele_des_releves: Any = None
    lues: Sequence[str] = ()

    def __init__(self, filtre: PosteFilterSet, tri: str = ""):
        self.filtre = filtre
        self.postes = filtre.qs.order_by()
        self.annee = filtre.annee_des_couts
        self.tri = tri if tri.removeprefix("-") in {c.nom for c in self.colonnes if c.tri} else ""

    @property
    def periode(self) -> tuple[Date, Date]:
        return Date(self.annee, 1, 1), Date(self.annee, 12, 31)

    @cached_property
    def couts(self) -> CoutsDesPostes:
        raise NotImplementedError

    @cached_property
    def nombres(self) -> NombresDePostes:
        return nombres_de_postes(self.postes)

    @property
    def nombre(self) -> int:
        return self.nombres.tous

    @property
    def inconnus(self) -> int:
        """Les postes sans montant : barème inconnu, ou aucune convention."""
        return self.couts.total.inconnus + self.nombres.sans_convention

    @property
    def raison(self) -> str:
        """Pourquoi des montants sont inconnus ; vide s'ils sont tous connus."""
        sans = self.nombres.sans_convention
        mots = f"Aucune convention enregistrée pour {pluriel(sans, 'poste', 'postes')}." if sans else ""
        return f"{mots} {raison_des_inconnus(self.couts)}".strip()

    @cached_property
    def releves(self) -> list[ReleveDeLAnnee]:
        """Ce que l'ANCT a publié de ces postes, année par année."""
        return releves_par_annee(de_ces_postes(self.modele_des_releves, self.postes))

    # --- Les colonnes ---

    @cached_property
    def colonnes(self) -> list[ColonneDeListe]:
        departement = ColonneDeListe(
            "departement", "Département", lambda p: p.departement.nom, "departement__code", largeur=16
        )
        premiere, *autres = self.colonnes_propres()
        return [premiere, *[departement] * (self.filtre.cadre.departement is None), *autres]

    def colonnes_propres(self) -> list[ColonneDeListe]:
        raise NotImplementedError

    # --- Les lignes ---

    def annoter(self, postes: QuerySet) -> QuerySet:
        """Ce que les colonnes lisent, dont `derniere_fin`, None si le poste n'a aucune convention."""
        raise NotImplementedError

    def noter(self, poste) -> None:
        """Ce que les colonnes lisent d'un poste, et qui ne vient pas de la base."""
        poste.cout = self.couts.par_poste[poste.pk] if poste.derniere_fin else SANS_CONVENTION

    def ordonner(self, postes: QuerySet) -> QuerySet:
        """Dans l'ordre du tri ; l'inconnu vient toujours en dernier."""
        colonne = next((c for c in self.colonnes if c.nom == self.tri.removeprefix("-")), None)
        ordre = [*TRI_PAR_DEFAUT]
        if colonne:
            cle = F(colonne.tri)
            ordre.insert(0, cle.desc(nulls_last=True) if self.tri.startswith("-") else cle.asc(nulls_last=True))
        postes = postes.annotate(
            nom_de_l_organisme=F(f"{self.filtre.champ_organisme}__recherche"),
            numero_de_tri=F(self.filtre.champ_numero),
        )
        return postes.order_by(*ordre)

    def lignes(self, debut: int, fin: int) -> list:
        """Les postes de ce rang, prêts à être lus par les colonnes. Deux requêtes.

        On cherche d'abord lesquels : annoter tout le filtre pour n'en lire qu'une page coûte trois fois plus.
        """
        triables = self.annoter(self.postes) if self.tri else self.postes
        de_ce_rang = self.ordonner(triables).values("pk")[debut:fin]
        postes = self.ordonner(self.annoter(self.modele.objects.filter(pk__in=de_ce_rang)))
        postes = list(postes.select_related(*self.lues).prefetch_related("quartiers"))
        for poste in postes:
            self.noter(poste)
        return postes

    def toutes_les_lignes(self) -> Iterator:
        """Toute la liste, par paquets : la mémoire ne dépend pas du nombre de postes."""
        for debut in range(0, self.nombre, PAQUET):
            yield from self.lignes(debut, debut + PAQUET)

    def totaux(self) -> dict[str, Any]:
        """Le total de chaque colonne qui s'additionne, sur tout le filtre, par nom de colonne."""
        tout_inconnu = self.nombre and self.nombres.sans_convention == self.nombre
        cout = SANS_CONVENTION if tout_inconnu else self.couts.total.cout
        return {"conventionne": cout.conventionne, "occupe": cout.occupe, "vacants": jours_vacants(cout)}

    @property
    def phrase(self) -> str:
        """Ce que la liste compte, et comment : « 27 postes au 22/11 14:05 ; coûts de 2024, prorata des jours… »."""
        mots = f"{pluriel(self.nombre, 'poste', 'postes')}, au {timezone.localtime():%d/%m %H:%M}"
        regle = self.couts.prorata.label
        return insecables(f"{mots} ; coûts de {self.annee}, {regle[0].lower()}{regle[1:]}")

    # --- Les fichiers ---

    @property
    def nom_de_fichier(self) -> str:
        return f"{self.nom}-{self.annee}-{slugify(self.filtre.cadre.en_mots)}-au-{timezone.localdate():%Y-%m-%d}"

    def feuille(self) -> Feuille:
        colonnes = [Colonne(c.titre, c.valeur, c.format, c.largeur) for c in self.colonnes]
        return Feuille("Postes", tuple(colonnes), self.toutes_les_lignes(), colonnes_figees=2)

    def feuille_de_lecture(self) -> Feuille:
        """Ce que la liste contient, en mots ; les montants publiés y sont nommés, jamais additionnés aux nôtres."""
        totaux = self.totaux()
        faits = [("Territoire", self.filtre.cadre.en_mots), ("Contenu", self.phrase)]
        faits += [(c.titre, en_mots(totaux[c.nom])) for c in self.colonnes if c.nom in totaux]
        faits += [("Montants inconnus", self.raison)] * bool(self.raison)
        faits += [(filtre.libelle, filtre.valeur) for filtre in filtres_actifs(self.filtre, sauf=["annee"])]
        for r in self.releves:
            publie = (
                f"{pluriel(r.lignes, 'ligne', 'lignes')}, {pluriel(r.postes, 'poste', 'postes')}, {euros(r.montant)}"
            )
            faits.append((f"Publié par l’ANCT en {r.annee}, à part", publie))
        colonnes = (Colonne("Critère", lambda f: f[0], largeur=36), Colonne("Valeur", lambda f: f[1], largeur=90))
        return Feuille("Lecture", colonnes, faits)


def en_mots(valeur):
    return nombre(valeur) if isinstance(valeur, int) else euros(valeur)


def noms(objets) -> str:
    return ", ".join(str(objet) for objet in objets)


def jours_vacants(cout: Cout) -> int | None:
    return None if cout is SANS_CONVENTION else cout.jours_vacants


def nom_du_contrat(poste) -> str:
    return poste.contrat.nom_court if poste.contrat else "Hors contrat"
