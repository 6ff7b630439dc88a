"""Les lignes d'un scénario : ce qu'il propose à chaque action, ce qui a changé depuis, ce que ferait une règle."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from politique_ville.outils.ajustement import Ajustement, Ligne, Regle, ajuster
from politique_ville.outils.francais import euros
from politique_ville.outils.typographie import insecables
from territoires.models import ContratDeVille

from .. import regles
from ..enums import StatutAction
from ..models import Action, Campagne, Enveloppe, Financement, Organisme, Pilier, Scenario, Thematique
from .enveloppes import descendance
from .lectures import ZERO

CHAMPS_VUS = ("statut", "thematique", "demande", "propose", "accorde")


@dataclass(frozen=True)
class Difference:
    """Ce qui a changé d'une action depuis que le scénario l'a vue : « demandé », 5 000,00 €, 6 000,00 €."""

    quoi: str
    avant: Decimal | str | None
    maintenant: Decimal | str | None

    @property
    def phrase(self) -> str:
        return insecables(f"{self.quoi} : {en_mots(self.avant)}, maintenant {en_mots(self.maintenant)}")


def en_mots(valeur):
    return valeur if isinstance(valeur, str) else euros(valeur)


@dataclass(frozen=True)
class LigneDeScenario:
    """Une action du scénario ; montants P147 en euros (None : inconnu ou non saisi).

    `precedent` : l'accordé de l'action précédente ; `empechement` : pourquoi le scénario ne peut plus rien lui donner,
    ou "" ; `differences` : ce qui a changé depuis qu'il l'a vue.
    """

    action: Action
    porteur: Organisme | None
    contrat: ContratDeVille | None
    pilier: Pilier | None
    montant: Decimal | None
    demande: Decimal | None
    propose: Decimal | None
    accorde: Decimal | None
    precedent: Decimal | None
    empechement: str
    differences: tuple[Difference, ...]

    @property
    def est_perimee(self) -> bool:
        return bool(self.empechement or self.differences)


def lignes_du_scenario(
    scenario: Scenario, actions: QuerySet[Action] | None = None, *, sans_les_vides: bool = False
) -> list[LigneDeScenario]:
    """Les lignes, par contrat puis par intitulé ; `actions` : celles que la personne peut voir. Neuf requêtes.

    `sans_les_vides` : seulement celles qui ont un montant supérieur à zéro.
    """
    propositions = scenario.propositions.filter(montant__gt=0) if sans_les_vides else scenario.propositions.all()
    if actions is not None:
        propositions = propositions.filter(action__in=actions.order_by().values("pk"))
    propositions = list(propositions.select_related("action__enveloppe").order_by("action_id"))
    outils = Lecture([p.action for p in propositions])
    return sorted((outils.ligne(p) for p in propositions), key=ordre_des_lignes)


def ordre_des_lignes(ligne):
    contrat = ligne.contrat
    return contrat is None, contrat.nom_court if contrat else "", ligne.action.recherche, ligne.action.pk


class Lecture:
    """Ce que les lignes ont en commun, lu une fois : noms, campagnes, montants P147, accordé de l'année d'avant."""

    def __init__(self, actions: Sequence[Action]):
        self.porteurs = Organisme.objects.select_related("fusionne_dans").in_bulk(uniques(actions, "porteur_id"))
        self.contrats = ContratDeVille.objects.in_bulk(uniques(actions, "contrat_id"))
        self.piliers = Pilier.objects.in_bulk(uniques(actions, "pilier_id"))
        self.campagnes = Campagne.objects.in_bulk(uniques(actions, "campagne_id"))
        self.thematiques = {}
        lignes = Financement.objects.p147().filter(action__in=[action.pk for action in actions]).order_by()
        self.p147 = {pk: montants for pk, *montants in lignes.values_list("action", "demande", "propose", "accorde")}
        precedentes = uniques(actions, "action_precedente_id")
        self.precedents = dict(
            Financement.objects.p147().filter(action__in=precedentes).order_by().values_list("action", "accorde")
        )

    def ligne(self, proposition) -> LigneDeScenario:
        action = proposition.action
        action.campagne = self.campagnes[action.campagne_id]
        porteur = self.porteurs.get(action.porteur_id)
        demande, propose, accorde = self.p147.get(action.pk, (None, None, None))
        return LigneDeScenario(
            action=action,
            porteur=porteur and porteur.courant,
            contrat=self.contrats.get(action.contrat_id),
            pilier=self.piliers.get(action.pilier_id),
            montant=proposition.montant,
            demande=demande,
            propose=propose,
            accorde=accorde,
            precedent=self.precedents.get(action.action_precedente_id),
            empechement=regles.empechement_de_proposer(action),
            differences=self.differences(proposition, demande, propose, accorde),
        )

    def differences(self, proposition, demande, propose, accorde) -> tuple[Difference, ...]:
        action = proposition.action
        vus = (proposition.statut_vu, proposition.thematique_vue_id, *montants_vus(proposition))
        actuels = (action.statut, action.thematique_id, demande, propose, accorde)
        if vus == actuels:
            return ()
        changes = [(champ, avant, apres) for champ, avant, apres in zip(CHAMPS_VUS, vus, actuels, strict=True)]
        return tuple(self.difference(*change) for change in changes if change[1] != change[2])

    def difference(self, champ, avant, maintenant) -> Difference:
        if champ == "statut":
            return Difference("statut", StatutAction(avant).label, StatutAction(maintenant).label)
        if champ == "thematique":
            return Difference("thématique", self.thematique(avant), self.thematique(maintenant))
        mots = {"demande": "demandé", "propose": "proposé", "accorde": "accordé"}
        return Difference(mots[champ], avant, maintenant)

    def thematique(self, pk) -> str:
        """Rare : une thématique ne change guère après le dépôt."""
        if pk not in self.thematiques:
            self.thematiques[pk] = str(Thematique.objects.get(pk=pk)) if pk else "—"
        return self.thematiques[pk]


def uniques(actions, champ):
    return {getattr(action, champ) for action in actions} - {None}


def montants_vus(proposition):
    return proposition.demande_vu, proposition.propose_vu, proposition.accorde_vu


# --- Les actions que l'on peut mettre dans un scénario ---


def actions_a_proposer(exercice, enveloppe: Enveloppe | None = None) -> QuerySet[Action]:
    """Les actions à décider des campagnes non figées : celles de l'exercice, ou que cette enveloppe porterait."""
    actions = Action.objects.filter(
        exercice=exercice, statut__in=StatutAction.a_decider(), campagne__figee_le=None
    ).order_by()
    if enveloppe is None:
        return actions
    toutes = list(Enveloppe.objects.filter(exercice=exercice).order_by("pk"))
    siennes = set(descendance(enveloppe.pk, {e.pk: e.parent_id for e in toutes}))
    feuilles = [e for e in toutes if not any(autre.parent_id == e.pk for autre in toutes)]
    lues = actions.only("pk", "exercice_id", "contrat_id", "dispositif_id", "enveloppe_id")
    return actions.filter(pk__in=[a.pk for a in lues if revient_a(a, siennes, toutes, feuilles)])


def revient_a(action, siennes, toutes, feuilles) -> bool:
    """L'enveloppe qu'elle a, sinon celle d'office, est l'une de celles-ci ; s'il faut choisir, l'une la porterait."""
    if action.enveloppe_id:
        return action.enveloppe_id in siennes
    office = regles.enveloppe_d_office(action, feuilles)
    if office:
        return office.pk in siennes
    return any(not e.pourquoi_pas(action) for e in feuilles if e.pk in siennes)


# --- La règle d'ajustement ---


@dataclass(frozen=True)
class Apercu:
    """Ce que la règle ferait : le total de départ, l'ajustement, et chaque ligne avec son montant d'après (euros)."""

    regle: Regle
    avant: Decimal
    ajustement: Ajustement
    lignes: tuple[tuple[LigneDeScenario, Decimal], ...]

    @property
    def ecart(self) -> Decimal:
        return self.ajustement.total - self.avant

    @property
    def changees(self) -> int:
        return sum(ligne.montant != apres for ligne, apres in self.lignes)

    @property
    def ramenees_a_zero(self) -> int:
        return sum(not apres for _, apres in self.lignes)


def apercu_de_la_regle(scenario: Scenario, regle: Regle) -> Apercu:
    """Sans rien écrire, sur les montants que le scénario peut encore donner. Lève AjustementImpossible."""
    lignes = [ligne for ligne in lignes_du_scenario(scenario, sans_les_vides=True) if not ligne.empechement]
    ajustement = ajuster([Ligne(ligne.action.pk, ligne.montant, ligne.demande) for ligne in lignes], regle)
    apres = tuple((ligne, ajustement.montants[ligne.action.pk]) for ligne in lignes)
    return Apercu(regle, sum((ligne.montant for ligne in lignes), ZERO), ajustement, apres)
