"""De quelle action parle une fiche : par sa clé, par son dossier, sinon par son intitulé et son porteur."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models.functions import Coalesce

from politique_ville.outils.recherche import normaliser

from ..enums import Echelle
from ..models import Action, Financement
from .fiches import Fiche, porteur_ecrit

INTROUVABLE = "aucune action de cet exercice n’a cette clé : vider la cellule pour la créer."
PLUSIEURS = "plusieurs actions de l’exercice ont cet intitulé : indiquer le dossier Dauphin, ou la clé d’un export."


@dataclass(frozen=True)
class Connue:
    """Ce qu'il faut savoir de chaque action de l'exercice pour la reconnaître et la totaliser."""

    pk: int
    cle: Any
    contrat: int | None
    dossier: str | None
    tranche: int | None
    intitule: str
    porteur: int | None
    cout: Decimal | None
    demande: Decimal | None


class Rapprochement:
    """Les actions de l'exercice que voit la personne, indexées comme une fiche peut les désigner."""

    def __init__(self, exercice, utilisateur, situer: Callable[[Fiche], None]):
        """`situer` donne à une fiche sans contrat celui de ses quartiers, quand son dossier ne la désigne pas seul."""
        self.situer = situer
        actions = Action.objects.filter(exercice=exercice).visibles_par(utilisateur).order_by("pk")
        p147 = Financement.objects.p147().filter(action__exercice=exercice)
        demandes = dict(p147.order_by().values_list("action", "demande"))
        lues = actions.values_list(
            "pk",
            "cle",
            "contrat",
            "dossier",
            "tranche",
            "intitule",
            Coalesce("porteur__fusionne_dans", "porteur"),
            "cout_previsionnel",
        )
        self.connues = {ligne[0]: Connue(*ligne, demandes.get(ligne[0])) for ligne in lues}
        self.par_cle = {connue.cle: connue for connue in self.connues.values()}
        self.par_dossier = defaultdict(list)
        self.par_intitule = defaultdict(list)
        for connue in self.connues.values():
            self.par_intitule[normaliser(connue.intitule)].append(connue)
            if connue.dossier:
                self.par_dossier[connue.dossier, connue.tranche].append(connue)

    def par_repere(self, fiche: Fiche) -> Connue | None:
        """L'action que désigne la clé ou le dossier ; la fiche est refusée si la clé n'est à personne."""
        if "cle" in fiche.valeurs:
            connue = self.par_cle.get(fiche.valeurs["cle"])
            if connue is None:
                fiche.refuser("cle", INTROUVABLE)
            return connue
        trouvees = self.par_dossier.get((fiche.dossier, fiche.valeurs.get("tranche")), ())
        if len(trouvees) != 1:
            self.situer(fiche)
        return self._du_meme_contrat(fiche, trouvees, "dossier")

    def par_ressemblance(self, fiche: Fiche) -> Connue | None:
        """Sans clé ni dossier : le même contrat, le même intitulé, et un porteur que rien ne contredit.

        C'est ce qui permet de rejouer un fichier sans numéros. Un porteur encore inconnu ne contredit pas.
        """
        if fiche.refusee or "cle" in fiche.valeurs or fiche.dossier or "intitule" not in fiche.valeurs:
            return None
        trouvees = self.par_intitule.get(normaliser(fiche.intitule), ())
        if fiche.porteur:
            exactes = [c for c in trouvees if c.porteur == fiche.porteur.pk]
            trouvees = exactes or [c for c in trouvees if c.porteur is None]
        return self._du_meme_contrat(fiche, trouvees, "intitule")

    def _du_meme_contrat(self, fiche, trouvees, nom):
        if fiche.contrat or fiche.echelle == Echelle.DEPARTEMENT:
            contrat = fiche.contrat.pk if fiche.contrat else None
            trouvees = [connue for connue in trouvees if connue.contrat == contrat]
        if len(trouvees) > 1:
            fiche.refuser(nom, "indiquer le contrat : il est dans plusieurs." if nom == "dossier" else PLUSIEURS)
            return None
        return trouvees[0] if trouvees else None

    def dossier_pris(self, action: Action) -> Connue | None:
        """L'autre action qui a déjà ce dossier et cette tranche dans ce contrat : la base n'en admet qu'une."""
        if not action.dossier:
            return None
        memes = self.par_dossier.get((action.dossier, action.tranche), ())
        return next((c for c in memes if c.contrat == action.contrat_id and c.pk != action.pk), None)

    def jumelle_sans_dossier(self, fiche: Fiche) -> Connue | None:
        """Une action sans dossier au même contrat, intitulé et porteur : sans doute celle que l'on va créer."""
        porteur = fiche.porteur.pk if fiche.porteur else None
        contrat = fiche.contrat.pk if fiche.contrat else None
        candidates = self.par_intitule.get(normaliser(fiche.intitule), ())
        return next((c for c in candidates if (c.dossier, c.contrat, c.porteur) == (None, contrat, porteur)), None)


def donner_leur_action(paires: Iterable[tuple[Fiche, Connue | None]]) -> None:
    """Lit d'un coup les actions reconnues, avec tout ce que la comparaison montre."""
    connues = {id(fiche): (fiche, connue.pk) for fiche, connue in paires if connue}
    actions = _lire({pk for _, pk in connues.values()})
    for fiche, pk in connues.values():
        fiche.action = actions[pk]


def _lire(ids):
    actions = (
        Action.objects.filter(pk__in=ids)
        .select_related("exercice__nomenclature", "contrat", "thematique__theme", "pilier", "dispositif")
        .select_related("porteur__fusionne_dans", "etablissement__organisme", "campagne", "enveloppe")
        .prefetch_related("localisations__quartier", "priorites", "piliers_transversaux")
        .in_bulk()
        if ids
        else {}
    )
    lignes = defaultdict(list)
    for ligne in Financement.objects.filter(action__in=ids).select_related("financeur").order_by("pk"):
        lignes[ligne.action_id].append(ligne)
    for action in actions.values():
        action.lignes = lignes[action.pk]
    return actions


def refuser_les_doublons(fiches: Iterable[Fiche]) -> None:
    """Deux fiches ne peuvent pas être la même action, même si l'une est déjà refusée : la seconde le dit."""
    vues: dict[Any, Fiche] = {}
    for fiche in sorted(fiches, key=lambda fiche: fiche.numero):
        identites = _identites(fiche)
        premiere = next((vues[cle] for cle in identites if cle in vues), None)
        vues |= dict.fromkeys(identites, premiere or fiche)
        if premiere:
            nom = next((nom for nom in ("dossier", "cle", "intitule") if nom in fiche.valeurs), "intitule")
            mot = "ce dossier" if nom == "dossier" else "cette action"
            fiche.refuser(
                nom, f"{mot} est déjà à la ligne {premiere.numero}, pour le même contrat : n’en garder qu’une."
            )


def _identites(fiche):
    """Tout ce par quoi une autre fiche peut être la même action : une fiche refusée n'a que ce qui est écrit."""
    contrat = fiche.contrat or (fiche.action.contrat if fiche.action else None)
    du_contrat = contrat.pk if contrat else None
    identites = [("action", fiche.action.pk)] if fiche.action else []
    if "cle" in fiche.valeurs:
        identites.append(("cle", fiche.valeurs["cle"]))
    if fiche.dossier:
        identites.append(("dossier", du_contrat, fiche.dossier, fiche.valeurs.get("tranche")))
    elif fiche.intitule and "cle" not in fiche.valeurs:
        intitule = normaliser(fiche.intitule)
        identites.append(("ecrite", du_contrat, intitule, porteur_ecrit(fiche.valeurs)))
        if fiche.porteur:
            identites.append(("reconnue", du_contrat, intitule, fiche.porteur.pk))
    return identites
