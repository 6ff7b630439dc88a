"""Le bilan d'un scénario, et l'exercice tel que le tableau de bord le montrerait si le scénario était promu.

Un montant **compte** si le scénario peut encore le donner : action à décider, campagne non figée, plus que zéro. Promu,
un scénario compte ce qu'il a fait attribuer.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, QuerySet

from politique_ville.outils.montants import vers_centimes
from territoires.models import ContratDeVille, Quartier

from ..enums import EtatScenario, FamilleFinanceur, NatureDecision, StatutAction
from ..models import Action, Decision, Enveloppe, Financeur, Localisation, Pilier, Proposition, Scenario
from .bases import Base, ChoixDeBase
from .enveloppes import Reste, restes_a_decider, restes_avec_meres
from .financeurs import Apport, Rang, apports_des_comptees, rang
from .lectures import ZERO, Somme, additionner, sommes_par
from .piliers import LignePilier, a_montrer, lignes_des_piliers, reperes_des_piliers

P147_DU_SCENARIO = 0  # la clé d'un financeur qui n'est pas en base : les crédits que le scénario accorderait


@dataclass(frozen=True)
class PartDePilier:
    """Un pilier dans le scénario seul, puis dans l'exercice une fois le scénario promu (avec l'écart au constat)."""

    seul: LignePilier
    apres: LignePilier


@dataclass(frozen=True)
class BilanDeScenario:
    """Les chiffres d'un scénario, en euros. `hors_compte` : les montants que l'on ne peut plus servir, et leur nombre.

    `avant` : le reste à décider de l'enveloppe (ou de celles de l'exercice) sans lui, None sans enveloppe ; `rang`, les
    parts « après » et les quartiers se lisent sur l'exercice, une fois le scénario promu. `condense` change dès qu'un
    montant change : c'est ce qu'une promotion vérifie. `empreinte` : la somme que le navigateur sait refaire.
    """

    scenario: Scenario
    actions: int
    nombre: int
    total: Decimal
    hors_compte: Somme
    avant: Reste | None
    piliers: tuple[PartDePilier, ...]
    rang: Rang | None
    quartiers_sans_action: tuple[Quartier, ...]
    quartiers: int
    condense: str
    empreinte: int

    @property
    def apres(self) -> Decimal | None:
        """Le reste à décider, le scénario promu ; négatif s'il dépasse."""
        if self.avant is None:
            return None
        return self.avant.montant - (ZERO if self.scenario.etat == EtatScenario.PROMU else self.total)

    @property
    def avant_en_centimes(self) -> int | None:
        """Pour que le navigateur recompte le reste à chaque frappe, sans nombre à virgule."""
        return self.avant and vers_centimes(self.avant.montant)

    @property
    def depassement(self) -> Decimal:
        return max(-(self.apres or ZERO), ZERO)


# --- Le bilan ---


@dataclass(frozen=True)
class Montant:
    """Ce que le bilan lit d'une proposition."""

    action: int
    montant: Decimal | None
    statut: StatutAction
    pilier: int | None
    figee: bool

    @property
    def se_sert(self):
        return bool(self.montant) and self.statut in StatutAction.a_decider() and not self.figee


def bilan_du_scenario(scenario: Scenario) -> BilanDeScenario:
    """Une quinzaine de requêtes, quel que soit le nombre d'actions."""
    montants = lire_les_montants(scenario)
    comptes = comptees(scenario, montants)
    par_pilier = additionner_par_pilier(comptes)
    ajoutees = [] if scenario.etat == EtatScenario.PROMU else comptes
    servis = {m.action for m in comptes}
    exclues = [m for m in montants if m.montant and m.action not in servis]
    somme = additionner(par_pilier.values())
    lieux = quartiers_a_servir(scenario)
    return BilanDeScenario(
        scenario=scenario,
        actions=len(montants),
        nombre=somme.nombre,
        total=somme.montant,
        hors_compte=additionner(Somme(m.montant, 1) for m in exclues),
        avant=reste_du_scenario(scenario),
        piliers=parts_des_piliers(scenario, par_pilier, ajouter=bool(ajoutees)),
        rang=rang_apres(scenario, sum((m.montant for m in ajoutees), ZERO)),
        quartiers_sans_action=tuple(sans_action(scenario, lieux)),
        quartiers=len(lieux),
        condense=condense((m.action, m.montant) for m in montants),
        empreinte=empreinte((m.action, m.montant) for m in montants),
    )


def lire_les_montants(scenario) -> list[Montant]:
    colonnes = ["action", "montant", "action__statut", "action__pilier", "action__campagne__figee_le"]
    lues = scenario.propositions.order_by("action_id").values_list(*colonnes)
    return [
        Montant(action, montant, statut, pilier, figee is not None) for action, montant, statut, pilier, figee in lues
    ]


def comptees(scenario, montants) -> list[Montant]:
    if scenario.etat != EtatScenario.PROMU:
        return [m for m in montants if m.se_sert]
    attribuees = actions_attribuees(scenario)
    return [m for m in montants if m.montant and m.action in attribuees]


def actions_attribuees(scenario) -> set[int]:
    decisions = Decision.objects.filter(scenario=scenario, nature=NatureDecision.ATTRIBUTION)
    return set(decisions.order_by().values_list("action", flat=True))


def additionner_par_pilier(montants) -> dict[int | None, Somme]:
    sommes = {}
    for m in montants:
        avant = sommes.get(m.pilier, Somme())
        sommes[m.pilier] = Somme(avant.montant + m.montant, avant.nombre + 1)
    return sommes


def condense(montants: Iterable[tuple[int, Decimal | None]]) -> str:
    """SHA-256 des couples action, centimes, par action : deux jeux de montants différents n'ont pas le même."""
    couples = sorted((action, vers_centimes(montant)) for action, montant in montants if montant is not None)
    return hashlib.sha256(repr(couples).encode()).hexdigest()


def empreinte(montants: Iterable[tuple[int, Decimal | None]]) -> int:
    """Σ identifiant × (centimes + 1), un montant vide comptant zéro : le navigateur calcule la même.

    Elle lui dit qu'un autre a changé un montant, pour le montrer. Des changements peuvent s'y compenser : rien ne se
    décide, ni ne s'écrase, sur elle (voir `condense`).
    """
    return sum(action * (vers_centimes(montant) + 1) for action, montant in montants if montant is not None)


# --- L'enveloppe, les piliers, le rang, les quartiers ---


def reste_du_scenario(scenario) -> Reste | None:
    """Celui de son enveloppe, mères comprises ; sans enveloppe, la somme de celles que rien ne contient."""
    if scenario.enveloppe_id:
        return restes_avec_meres([scenario.enveloppe])[scenario.enveloppe_id]
    racines = list(Enveloppe.objects.filter(exercice=scenario.exercice_id, parent=None).order_by("pk"))
    return Reste(sum(restes_a_decider(racines).values(), ZERO)) if racines else None


def parts_des_piliers(scenario, siennes, *, ajouter) -> tuple[PartDePilier, ...]:
    choix, programmees = ChoixDeBase(), Action.objects.filter(exercice=scenario.exercice_id)
    apres = sommes_par(programmees, choix, "pilier")
    for pilier, somme in siennes.items() if ajouter else ():
        apres[pilier] = additionner([apres.get(pilier, Somme()), somme])
    montres = a_montrer(list(Pilier.objects.all()), apres | siennes)
    reperes = reperes_des_piliers(scenario.exercice.departement)
    seules = lignes_des_piliers(montres, siennes, choix, {}, additionner(siennes.values()))
    ensemble = lignes_des_piliers(montres, apres, choix, reperes, additionner(apres.values()))
    return tuple(PartDePilier(seul, avec) for seul, avec in zip(seules, ensemble, strict=True))


def servies(scenario) -> QuerySet[Proposition]:
    """Les propositions que le scénario ajouterait aux actions programmées ; aucune s'il est promu."""
    if scenario.etat == EtatScenario.PROMU:
        return Proposition.objects.none()
    return scenario.propositions.filter(
        montant__gt=0, action__statut__in=StatutAction.a_decider(), action__campagne__figee_le=None
    ).order_by()


def actions_servies(scenario) -> list[int]:
    """Leurs identifiants, lus d'abord : en sous-requête, PostgreSQL sans statistiques les cherche ligne à ligne."""
    return list(servies(scenario).values_list("action", flat=True))


def rang_apres(scenario, montant: Decimal) -> Rang | None:
    """Le rang de l'État quand le scénario est promu : ses crédits, et les votes acquis de ses actions."""
    base = Base.TOUS_FINANCEURS
    programmees = Action.objects.filter(exercice=scenario.exercice_id, statut__in=base.statuts).order_by()
    apports = apports_des_comptees(programmees, avec_votes=False)
    siennes = Action.objects.filter(pk__in=actions_servies(scenario)).order_by()
    ajoutees = apports_des_comptees(siennes, avec_votes=False)
    apports += [apport for apport in ajoutees if not apport.est_p147]
    apports += [apport_du_scenario(montant)] if montant else []
    noms = Financeur.objects.in_bulk({apport.financeur for apport in apports})
    noms[P147_DU_SCENARIO] = Financeur(nom="ANCT – P147", famille=FamilleFinanceur.ANCT_P147)
    return rang(apports, noms)


def apport_du_scenario(montant):
    inconnus = dict.fromkeys(("demande", "annonce", "droit_commun"))
    return Apport(
        contrat=None,
        financeur=P147_DU_SCENARIO,
        famille=FamilleFinanceur.ANCT_P147,
        votes_connus=True,
        acquis=montant,
        nombre=0,
        en_attente=0,
        votees=0,
        **inconnus,
    )


def quartiers_a_servir(scenario) -> list[Quartier]:
    """Les quartiers prioritaires du contrat de l'enveloppe ou, si elle n'en a pas, de tous ceux du département."""
    contrats = ContratDeVille.objects.filter(departement=scenario.exercice.departement_id)
    contrats = contrats.en_vigueur(scenario.exercice.annee).order_by()
    if scenario.enveloppe_id and scenario.enveloppe.contrat_id:
        contrats = ContratDeVille.objects.filter(pk=scenario.enveloppe.contrat_id)
    quartiers = Quartier.objects.prioritaires().filter(contrat__in=contrats.values("pk"))
    lus = quartiers.defer("contour", "source", "note").order_by("pk")
    return sorted(lus, key=lambda quartier: (quartier.recherche, quartier.pk))


def sans_action(scenario, quartiers) -> list[Quartier]:
    """Ceux où ne se tient aucune action programmée, ni servie par le scénario."""
    programmees = Q(action__exercice=scenario.exercice_id, action__statut=StatutAction.PROGRAMMEE)
    lieux = Localisation.objects.order_by().values_list("quartier", flat=True).distinct()
    servis = set(lieux.filter(programmees)) | set(lieux.filter(action__in=actions_servies(scenario)))
    return [quartier for quartier in quartiers if quartier.pk not in servis]


# --- Comparer ---


@dataclass(frozen=True)
class LigneComparee:
    """Une action, et son montant (euros) dans chacun des scénarios comparés ; None : il ne lui donne rien."""

    action: Action
    montants: tuple[Decimal | None, ...]

    @property
    def etendue(self) -> Decimal:
        valeurs = [montant or ZERO for montant in self.montants]
        return max(valeurs) - min(valeurs)


@dataclass(frozen=True)
class Comparaison:
    """Deux ou trois scénarios côte à côte, et les actions auxquelles ils ne donnent pas la même chose."""

    bilans: tuple[BilanDeScenario, ...]
    differences: tuple[LigneComparee, ...]
    communes: int


def comparer(scenarios: Sequence[Scenario], actions: QuerySet[Action] | None = None) -> Comparaison:
    """Les différences, la plus grande d'abord ; `actions` : celles que la personne peut voir."""
    bilans = tuple(bilan_du_scenario(scenario) for scenario in scenarios)
    montants = [dict(scenario.propositions.values_list("action", "montant")) for scenario in scenarios]
    toutes = set().union(*montants)
    par_action = {pk: tuple(siens.get(pk) or None for siens in montants) for pk in toutes}
    changees = {pk: valeurs for pk, valeurs in par_action.items() if len(set(valeurs)) > 1}
    lues = (Action.objects if actions is None else actions).select_related("porteur__fusionne_dans", "contrat")
    lignes = [LigneComparee(a, changees[a.pk]) for a in lues.order_by().in_bulk(list(changees)).values()]
    lignes.sort(key=lambda ligne: (-ligne.etendue, ligne.action.recherche, ligne.action.pk))
    return Comparaison(bilans, tuple(lignes), len(toutes) - len(changees))
