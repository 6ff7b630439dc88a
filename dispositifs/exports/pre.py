"""La liste des PRE en colonnes : un seul catalogue fait l'écran et les fichiers, masqués de même."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import slugify

from politique_ville.outils.classeur import Colonne, Feuille
from politique_ville.outils.francais import INCONNU, euros, nombre, pluriel
from politique_ville.outils.listes import filtres_actifs
from politique_ville.outils.typographie import insecables
from programmation.models import Action

from ..filters.pre import PreFilterSet
from ..synthese import MASQUE, LigneDePre, TotauxDesPre, lignes_de_pre, totaux_des_pre

NOTE = (
    "« n. c. » : non communiqué, moins de cinq enfants ou un nombre qui permettrait de les retrouver. "
    "« — » ou vide : non renseigné. Un total est la somme de ce qui est montré."
)


@dataclass(frozen=True)
class ColonneDePre:
    """`total` : le nom de la somme dans `TotauxDesPre`, vide si la colonne n'en a pas."""

    titre: str
    valeur: Callable[[LigneDePre], Any]
    format: str = "texte"
    largeur: int = 20
    total: str = ""

    def en_texte(self, ligne: LigneDePre) -> str:
        return en_texte(self.valeur(ligne), self.format)


def en_texte(valeur, format):
    """La cellule telle que l'écran l'écrit."""
    if valeur is None or valeur == "":
        return INCONNU
    if format == "euros":
        return euros(valeur)
    if format == "date":
        return f"{valeur:%d/%m/%Y}"
    return valeur if isinstance(valeur, str) else nombre(valeur)


def effectif(nom):
    return lambda ligne: ligne.effectifs[nom]


def du_suivi(champ):
    return lambda ligne: getattr(ligne.suivi, champ, None)


COLONNES = (
    ColonneDePre("Programme", lambda ligne: ligne.programme.intitule, largeur=34),
    ColonneDePre("Contrat de ville", lambda ligne: str(ligne.programme.contrat), largeur=30),
    ColonneDePre("Communes", lambda ligne: ", ".join(c.nom for c in ligne.programme.communes.all()), largeur=30),
    ColonneDePre("Structure porteuse", lambda ligne: str(ligne.programme.structure.courant), largeur=30),
    ColonneDePre("Enfants suivis", effectif("enfants_suivis"), "entier", 12, "enfants_suivis"),
    ColonneDePre("dont nouveaux", effectif("nouveaux"), "entier", 12, "nouveaux"),
    ColonneDePre("dont sortis", effectif("sortis"), "entier", 12, "sortis"),
    ColonneDePre(
        "Parcours individualisés", effectif("parcours_individualises"), "entier", 14, "parcours_individualises"
    ),
    ColonneDePre("dont habitants des QPV", effectif("en_qpv"), "entier", 12, "en_qpv"),
    ColonneDePre("Budget (bilan)", lambda ligne: ligne.budget, "euros", 16, "budget"),
    ColonneDePre("Coût par enfant", lambda ligne: ligne.cout.montant, "euros", 14),
    ColonneDePre("P147 accordé (actions liées)", lambda ligne: ligne.p147, "euros", 16, "p147"),
    ColonneDePre("Bilan reçu le", du_suivi("bilan_recu_le"), "date", 12),
)
A_L_ECRAN = [c for c in COLONNES if c.titre not in ("dont nouveaux", "dont sortis", "Communes")]


class ListeDePre:
    """Les PRE d'un filtre, avec leur suivi de l'année ; `actions` : celles que la personne voit."""

    def __init__(self, filtre: PreFilterSet, actions: QuerySet[Action]):
        self.filtre, self.actions = filtre, actions

    @cached_property
    def lignes(self) -> list[LigneDePre]:
        programmes = self.filtre.qs.order_by("contrat__departement__code", "contrat__intitule", "intitule", "pk")
        return lignes_de_pre(programmes, self.filtre.annee_montree, self.actions)

    @cached_property
    def totaux(self) -> TotauxDesPre:
        return totaux_des_pre(self.lignes)

    @property
    def phrase(self) -> str:
        compte = pluriel(len(self.lignes), "PRE", "PRE")
        suivis = pluriel(sum(ligne.suivi is not None for ligne in self.lignes), "suivi saisi", "suivis saisis")
        return insecables(f"{compte}, {suivis}, au {timezone.localtime():%d/%m %H:%M}")

    # --- Les fichiers ---

    @property
    def nom_de_fichier(self) -> str:
        return f"pre-{slugify(self.filtre.cadre.en_mots)}-au-{timezone.localdate():%Y-%m-%d}"

    def feuille(self) -> Feuille:
        """Un « n. c. » est un texte : le tableur ne l'additionne pas."""
        colonnes = tuple(Colonne(c.titre, c.valeur, c.format, c.largeur) for c in COLONNES)
        return Feuille("PRE", colonnes, self.lignes, colonnes_figees=1)

    def feuille_de_lecture(self) -> Feuille:
        faits = [("Exercice", self.filtre.cadre.en_mots), ("Contenu", self.phrase), ("Lecture", insecables(NOTE))]
        faits += [(f"Total : {c.titre}", total_en_mots(self.totaux, c)) for c in COLONNES if c.total]
        faits += [(filtre.libelle, filtre.valeur) for filtre in filtres_actifs(self.filtre, sauf=TUS)]
        colonnes = (Colonne("Critère", lambda f: f[0], largeur=34), Colonne("Valeur", lambda f: f[1], largeur=90))
        return Feuille("Lecture", colonnes, faits)


TUS = ["annee", "departement"]


def total_de_la_colonne(totaux: TotauxDesPre, colonne: ColonneDePre) -> tuple[str, int, int]:
    """La somme écrite, le nombre de cases tues et le nombre de cases non renseignées."""
    nom = colonne.total
    return en_texte(totaux.sommes.get(nom), colonne.format), totaux.masques.get(nom, 0), totaux.inconnus.get(nom, 0)


def total_en_mots(totaux: TotauxDesPre, colonne: ColonneDePre) -> str:
    """Le total d'une colonne, et ce qu'il ne compte pas."""
    somme, tus, inconnus = total_de_la_colonne(totaux, colonne)
    mots = [somme, f"{tus} {MASQUE}" * bool(tus), pluriel(inconnus, "non renseigné", "non renseignés") * bool(inconnus)]
    return ", ".join(mot for mot in mots if mot)
