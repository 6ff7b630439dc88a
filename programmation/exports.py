"""La liste des actions en colonnes : un seul catalogue fait l'écran, le tri et les fichiers.

Les montants sont ceux des lignes de financement que la liste regarde (le P147, ou un financeur choisi). Filtrée par
quartier, la liste montre la part du quartier.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Case, F, QuerySet, When
from django.db.models import Value as V
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.text import slugify

from politique_ville.outils.classeur import Colonne, Feuille
from politique_ville.outils.francais import euros, pluriel
from politique_ville.outils.listes import filtres_actifs
from politique_ville.outils.typographie import insecables

from . import regles
from .enums import StatutAction
from .filters import ActionFilterSet
from .models import Action
from .synthese.regard import TotauxDuRegard, montants_par_action, sommes_par_action, totaux_du_regard

PAQUET = 500  # actions lues à la fois pendant un export
LUES = ["exercice__departement", "contrat", "thematique", "pilier", "porteur__fusionne_dans"]
TEXTES_LONGS = ["description", "objectifs", "contrat__signataires", "contrat__source", "contrat__note"]


@dataclass(frozen=True)
class ColonneDeListe:
    """Une colonne : `nom` est sa valeur dans le paramètre `tri`, `tri` l'expression qui l'ordonne en base."""

    nom: str
    titre: str
    valeur: Callable[[Action], Any]
    tri: Any
    format: str = "texte"
    largeur: int = 20


def par_ordre_du_circuit():
    return Case(*[When(statut=statut, then=V(rang)) for rang, statut in enumerate(StatutAction)])


def porteur(action):
    return str(action.porteur.courant) if action.porteur else ""


def contrat(action):
    return action.contrat.nom_court if action.contrat else "Département"


class Liste:
    """Les actions d'un filtre, dans l'ordre du paramètre `tri`, prêtes à être lues par page ou par paquets.

    `voit_propose` : faux pour qui ne doit pas lire les montants proposés.
    """

    def __init__(self, filtre: ActionFilterSet, tri: str = "", *, voit_propose: bool = True):
        self.filtre, self.voit_propose = filtre, voit_propose
        self.actions = filtre.qs.order_by()
        self.regard, self.lisibles = filtre.regard, filtre.cadre.lignes
        self.quartiers = filtre.quartiers
        self.voit_les_brouillons = regles.est_de_l_etat(filtre.request.user, filtre.cadre.departements_montres)
        self.tri = tri if tri.removeprefix("-") in {c.nom for c in self.colonnes} else ""

    # --- Les colonnes ---

    @cached_property
    def colonnes(self) -> list[ColonneDeListe]:
        departement = [
            ColonneDeListe(
                "departement", "Département", lambda a: a.exercice.departement.nom, "exercice__departement__code"
            )
        ]
        plusieurs = self.filtre.cadre.departement is None
        return departement * plusieurs + self._colonnes_de_l_action() + self._colonnes_de_montants()

    def _colonnes_de_l_action(self):
        nom_courant = Coalesce("porteur__fusionne_dans__recherche", "porteur__recherche")
        return [
            ColonneDeListe("dossier", "Dossier", lambda a: a.reference_dauphin, "dossier", largeur=12),
            ColonneDeListe("action", "Action", lambda a: a.intitule, "recherche", largeur=45),
            ColonneDeListe("porteur", "Porteur", porteur, nom_courant, largeur=32),
            ColonneDeListe("contrat", "Contrat", contrat, "contrat__intitule"),
            ColonneDeListe("thematique", "Thématique", lambda a: str(a.thematique or ""), "thematique__code"),
            ColonneDeListe("pilier", "Pilier", lambda a: a.pilier.libelle_court if a.pilier else "", "pilier__ordre"),
            ColonneDeListe("statut", "Statut", lambda a: a.get_statut_display(), par_ordre_du_circuit(), largeur=14),
        ]

    def _colonnes_de_montants(self):
        options = {"format": "euros", "largeur": 16}
        nom, accorde = self.regard.nom, self.regard.mot_accorde
        propose = ColonneDeListe("propose", f"Proposé {nom}", lambda a: a.propose, "propose", **options)
        return [
            ColonneDeListe("cout", self.regard.mot_cout, lambda a: a.cout, "cout", **options),
            ColonneDeListe("demande", f"Demandé {nom}", lambda a: a.demande, "demande", **options),
            *[propose] * self.voit_propose,
            ColonneDeListe("accorde", f"{accorde} {nom}", lambda a: a.accorde, "accorde", **options),
            *self._colonne_du_segment(options),
        ]

    def _colonne_du_segment(self, options):
        """Ce que chaque action met dans la part d'enveloppe que la liste montre."""
        part = self.regard.part
        return [ColonneDeListe("reste", part.label, lambda a: a.reste, "reste", **options)] if part else []

    # --- Les lignes ---

    @property
    def identifiants(self) -> QuerySet:
        """Les identifiants, triés ; à égalité, par intitulé puis identifiant. L'inconnu vient toujours en dernier."""
        colonne = next((c for c in self.colonnes if c.nom == self.tri.removeprefix("-")), None)
        if colonne is None:
            return self.actions.order_by("recherche", "pk").values_list("pk", flat=True)
        actions = self.actions
        if colonne.format == "euros":
            actions = sommes_par_action(actions, self.regard, self.lisibles, quartiers=self.quartiers)
        cle = F(colonne.tri) if isinstance(colonne.tri, str) else colonne.tri
        cle = cle.desc(nulls_last=True) if self.tri.startswith("-") else cle.asc(nulls_last=True)
        return actions.order_by(cle, "recherche", "pk").values_list("pk", flat=True)

    def lignes(self, identifiants: Sequence[int]) -> list[Action]:
        """Ces actions, dans cet ordre, avec ce que les colonnes lisent : une requête."""
        actions = Action.objects.filter(pk__in=identifiants).select_related(*LUES).defer(*TEXTES_LONGS).order_by()
        trouvees = actions.annotate(**montants_par_action(self.regard, self.lisibles, self.quartiers)).in_bulk()
        return [trouvees[identifiant] for identifiant in identifiants if identifiant in trouvees]

    def toutes_les_lignes(self) -> Iterator[Action]:
        """Toute la liste, par paquets : la mémoire ne dépend pas du nombre d'actions."""
        identifiants = list(self.identifiants)
        for debut in range(0, len(identifiants), PAQUET):
            yield from self.lignes(identifiants[debut : debut + PAQUET])

    def totaux(self) -> TotauxDuRegard:
        return totaux_du_regard(self.actions, self.regard, self.lisibles, quartiers=self.quartiers)

    def phrase(self, nombre: int) -> str:
        """Ce que la liste compte, et quand : « 312 actions au statut « Programmée », au 12/03 14:05 »."""
        statuts = [f"« {StatutAction(s).label} »" for s in self.filtre.form.cleaned_data.get("statut") or ()]
        tous = "de tous statuts, brouillons compris" if self.voit_les_brouillons else "de tous statuts"
        comptees = f"au statut {' ou '.join(statuts)}" if statuts else tous
        mots = f"{pluriel(nombre, 'action', 'actions')} {comptees}, au {timezone.localtime():%d/%m %H:%M}"
        if self.quartiers:
            part = "la part du quartier" if len(self.quartiers) == 1 else "les parts des quartiers"
            mots += f" ; montants : {part} {self.filtre.en_mots('quartier')}"
        return insecables(mots)

    # --- Les fichiers ---

    @property
    def nom_de_fichier(self) -> str:
        """« actions-2026-14-calvados-au-2026-03-12 », sans extension."""
        return f"actions-{slugify(self.filtre.cadre.en_mots)}-au-{timezone.localdate():%Y-%m-%d}"

    def feuille(self) -> Feuille:
        """La liste, puis la clé et la version que l'import relit au retour.

        Filtrée par quartier, un montant se dit « part » : l'import ne doit pas le prendre pour celui de l'action.
        """
        colonnes = [Colonne(self._titre(c), c.valeur, c.format, c.largeur) for c in self.colonnes]
        retour = [
            Colonne("Clé", lambda a: str(a.cle), largeur=38),
            Colonne("Version", lambda a: a.version, "entier", 10),
        ]
        return Feuille("Actions", (*colonnes, *retour), self.toutes_les_lignes(), colonnes_figees=2)

    def _titre(self, colonne):
        return f"{colonne.titre} (part)" if self.quartiers and colonne.format == "euros" else colonne.titre

    def feuille_de_lecture(self) -> Feuille:
        """Ce que la liste contient, en mots : le fichier se comprend sans l'écran."""
        totaux = self.totaux()
        faits = [("Exercice", self.filtre.cadre.en_mots), ("Contenu", self.phrase(totaux.nombre))]
        faits += [(c.titre, euros(getattr(totaux, c.nom))) for c in self.colonnes if c.format == "euros"]
        faits += [(filtre.libelle, filtre.valeur) for filtre in filtres_actifs(self.filtre, sauf=self.filtre.tus)]
        colonnes = (Colonne("Critère", lambda f: f[0], largeur=28), Colonne("Valeur", lambda f: f[1], largeur=90))
        return Feuille("Lecture", colonnes, faits)
