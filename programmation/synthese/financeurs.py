"""Ce que chaque financeur apporte aux actions programmées, le rang de l'État et le levier des crédits P147."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Case, Count, FilteredRelation, Q, QuerySet, Value, When

from politique_ville.outils.montants import CENTIME, total
from politique_ville.outils.repartition import parts_affichees

from ..enums import EtatFinancement, FamilleFinanceur, NatureFinancement
from ..models import Action, Financement, Financeur
from .bases import Base, ChoixDeBase
from .lectures import (
    HORS_RESSOURCES_PROPRES,
    ZERO,
    actions_comptees,
    bornes,
    part_des_quartiers,
    somme_connue,
)

PUBLIQUES = frozenset(FamilleFinanceur.publiques())
DIXIEME = Decimal("0.1")
COFINANCEURS_PUBLICS = PUBLIQUES - {FamilleFinanceur.ANCT_P147}
EN_ATTENTE = [EtatFinancement.SOLLICITE, EtatFinancement.ANNONCE]
ETAT = "etat"  # la clé de l'État/ANCT parmi les financeurs d'un classement


@dataclass(frozen=True)
class LigneFinanceur:
    """Un financeur, en euros : demandé, acquis (None : aucun vote connu), annoncé ; `part` de l'acquis, en %.

    `rang` : sa place parmi les financeurs publics, comme dans `Rang` ; None s'il est privé, à préciser, ou si rien
    n'est acquis.
    """

    rang: int | None
    financeur: Financeur
    famille: FamilleFinanceur
    demande: Decimal | None
    acquis: Decimal | None
    annonce: Decimal
    en_attente: int
    nombre: int
    part: Decimal | None


@dataclass(frozen=True)
class Rang:
    """La place de l'État/ANCT parmi les `financeurs` publics dont l'acquis est connu, lui compris.

    `autre` : le second si l'État est premier, sinon le premier. Écarts signés, en euros et en points : positifs si
    l'État est devant, nuls s'il est ex æquo. `en_attente` : lignes publiques sans vote. `a_preciser` : lignes votées
    dont le financeur public n'a pas de nom, et leurs euros. Dans ces deux cas, le rang est provisoire.
    """

    rang: int
    ex_aequo: bool
    montant: Decimal
    financeurs: int
    autre: str | None
    montant_autre: Decimal | None
    ecart: Decimal | None
    points: Decimal | None
    en_attente: int
    a_preciser: int = 0
    montant_a_preciser: Decimal = ZERO

    @property
    def est_provisoire(self) -> bool:
        return self.en_attente > 0 or self.a_preciser > 0


@dataclass(frozen=True)
class Levier:
    """Pour 1 € de P147, x € de droit commun et y € d'autres cofinancements publics, acquis.

    Les trois montants (euros) sont ceux des mêmes actions : les `votes_connus` sur `actions` où plus aucun
    cofinanceur public n'est attendu.
    """

    p147: Decimal
    droit_commun: Decimal
    autres: Decimal
    votes_connus: int
    actions: int

    @property
    def pour_un_euro(self) -> Decimal | None:
        """Euros de droit commun pour 1 € de P147, au centime."""
        return rapport(self.droit_commun, self.p147)

    @property
    def autres_pour_un_euro(self) -> Decimal | None:
        return rapport(self.autres, self.p147)


# Les lignes derrière chaque montant du levier : critères d'un `Financement`, pour la liste qui les montre.
LIGNES_DU_LEVIER = {
    "p147": {"famille": FamilleFinanceur.ANCT_P147},
    "droit_commun": {"famille__in": COFINANCEURS_PUBLICS, "nature": NatureFinancement.DROIT_COMMUN},
    "autres": {"famille__in": COFINANCEURS_PUBLICS, "nature": NatureFinancement.SPECIFIQUE},
}


def lignes_a_preciser() -> dict:
    """Celles que le rang laisse de côté, faute de savoir de qui elles viennent : critères d'un `Financement`."""
    sans_nom = Financeur.objects.filter(est_a_preciser=True).values_list("pk", flat=True)
    return {"famille__in": COFINANCEURS_PUBLICS, "financeur__in": list(sans_nom)}


@dataclass(frozen=True)
class SyntheseDesFinanceurs:
    """Une seule lecture : le tableau des financeurs, le rang et le levier, en tout et par contrat (clé du contrat).

    Rang et levier valent None pour un lecteur borné à ses propres lignes, qui ne sait pas ce que font les autres.
    """

    choix: ChoixDeBase
    legende: str
    lignes: tuple[LigneFinanceur, ...]
    demande: Decimal | None
    acquis: Decimal | None
    annonce: Decimal
    rang: Rang | None
    rangs_par_contrat: dict[int, Rang]
    levier: Levier | None
    leviers_par_contrat: dict[int, Levier]


@dataclass(frozen=True)
class Apport:
    """Ce que la requête rend : un financeur, dans un contrat, pour les actions dont les votes sont connus ou non."""

    contrat: int | None
    financeur: int
    famille: FamilleFinanceur
    votes_connus: bool
    demande: Decimal | None
    acquis: Decimal | None
    annonce: Decimal | None
    droit_commun: Decimal | None
    nombre: int
    en_attente: int
    votees: int

    @property
    def est_p147(self):
        return self.famille == FamilleFinanceur.ANCT_P147

    @property
    def est_public(self):
        return self.famille in PUBLIQUES


def synthese_des_financeurs(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
    par_contrat: bool = True,
    avec_etat: bool = False,
) -> SyntheseDesFinanceurs:
    """Le tableau, les rangs et les leviers, en deux requêtes ; du choix, seul compte « avec PRE ».

    `par_contrat=False` épargne au lecteur national des milliers de groupes ; `avec_etat` ajoute l'État de droit commun
    à l'État/ANCT dans les rangs.
    """
    choix = replace(choix, base=Base.TOUS_FINANCEURS, avec_annonce=False)
    apports = lire_les_apports(actions, choix, quartiers, lignes, par_contrat)
    noms = Financeur.objects.in_bulk({apport.financeur for apport in apports})
    borne = bool(bornes(lignes))
    par_cle = {} if borne or not par_contrat else grouper_par_contrat(apports)
    rangs = {contrat: rang(siens, noms, avec_etat) for contrat, siens in par_cle.items()}
    return SyntheseDesFinanceurs(
        choix=choix,
        legende=choix.legende(quartiers),
        lignes=lignes_des_financeurs(apports, noms, {} if borne else places(apports, noms)),
        demande=somme_connue(a.demande for a in apports),
        acquis=somme_connue(a.acquis for a in apports),
        annonce=somme_connue(a.annonce for a in apports) or ZERO,
        rang=None if borne else rang(apports, noms, avec_etat),
        rangs_par_contrat={contrat: sien for contrat, sien in rangs.items() if sien},
        levier=None if borne else levier_des_apports(apports),
        leviers_par_contrat={contrat: levier_des_apports(siens) for contrat, siens in par_cle.items()},
    )


def rang_de_l_etat(actions: QuerySet[Action], choix: ChoixDeBase, *, quartiers: Sequence = ()) -> Rang | None:
    """Le rang de l'État/ANCT, seul ; None si aucun financeur public n'a rien d'acquis."""
    return synthese_des_financeurs(actions, choix, quartiers=quartiers, par_contrat=False).rang


def levier(actions: QuerySet[Action], choix: ChoixDeBase, *, quartiers: Sequence = ()) -> Levier:
    """Le levier des crédits P147, seul."""
    return synthese_des_financeurs(actions, choix, quartiers=quartiers, par_contrat=False).levier


# --- La requête ---


def lire_les_apports(actions, choix, quartiers, lignes, par_contrat) -> list[Apport]:
    """Une requête groupée : les lignes des actions programmées, ressources propres exclues."""
    return apports_des_comptees(actions_comptees(actions, choix, quartiers), quartiers, lignes, par_contrat)


def apports_des_comptees(comptees, quartiers=(), lignes=None, par_contrat=False, avec_votes=True) -> list[Apport]:
    """Les mêmes lignes, d'actions déjà choisies, quel que soit leur statut.

    `avec_votes=False` : sans chercher les actions dont tous les votes sont connus ; le rang s'en passe, pas le levier.
    """
    attendus = Case(When(pk__in=votes_attendus(comptees, lignes), then=Value(False)), default=Value(True))
    jointes = comptees.annotate(
        lignes=FilteredRelation("financements", condition=HORS_RESSOURCES_PROPRES),
        votes_connus=attendus if avec_votes else Value(True),
    ).filter(bornes(lignes), lignes__isnull=False)
    contrat = ["contrat"] if par_contrat else []
    groupes = jointes.values_list(*contrat, "lignes__financeur", "lignes__famille", "votes_connus")
    groupes = groupes.annotate(**agregats_des_apports(quartiers))
    return [Apport(*groupe) if par_contrat else Apport(None, *groupe) for groupe in groupes]


def agregats_des_apports(quartiers):
    """Un refus est un vote connu, à 0,00 € : il se lit avec l'acquis."""
    demande, accorde = (part_des_quartiers(f"lignes__{champ}", quartiers) for champ in ("demande", "accorde"))
    vote = Q(lignes__etat__in=[EtatFinancement.ACQUIS, EtatFinancement.REFUSE])
    return {
        "demande": total(demande),
        "acquis": total(accorde, filter=vote),
        "annonce": total(accorde, filter=Q(lignes__etat=EtatFinancement.ANNONCE)),
        "droit_commun": total(accorde, filter=vote & Q(lignes__nature=NatureFinancement.DROIT_COMMUN)),
        "nombre": Count("pk", distinct=True),
        "en_attente": Count("lignes__pk", filter=Q(lignes__etat__in=EN_ATTENTE), distinct=bool(quartiers)),
        "votees": Count("lignes__pk", filter=vote, distinct=bool(quartiers)),
    }


def votes_attendus(actions, lignes=None):
    """Les actions dont un cofinanceur public, hors P147 et ressources propres, n'a pas encore voté.

    `lignes` borne les financements lus : un partenaire ne devine pas le vote d'un autre.
    """
    lignes = Financement.objects.all() if lignes is None else lignes
    lignes = lignes.filter(famille__in=COFINANCEURS_PUBLICS, etat__in=EN_ATTENTE)
    attendus = lignes.filter(action__in=actions.values("pk"))
    return attendus.exclude(nature=NatureFinancement.RESSOURCES_PROPRES).order_by().values("action")


# --- Le tableau ---


def lignes_des_financeurs(apports, noms, rangs) -> tuple[LigneFinanceur, ...]:
    """Un financeur par ligne, le plus gros acquis d'abord, ceux à préciser à la fin ; une ligne par famille."""
    par_financeur = {}
    for apport in apports:
        par_financeur.setdefault((apport.financeur, apport.famille), []).append(apport)
    acquis = {cle: somme_connue(a.acquis for a in siens) for cle, siens in par_financeur.items()}
    ordre = sorted(
        par_financeur,
        key=lambda cle: (noms[cle[0]].est_a_preciser, -(acquis[cle] or ZERO), noms[cle[0]].nom, cle),
    )
    parts = parts_affichees([acquis[cle] or ZERO for cle in ordre])
    return tuple(
        ligne_financeur(noms[cle[0]], cle[1], par_financeur[cle], acquis[cle], part, rangs)
        for cle, part in zip(ordre, parts, strict=True)
    )


def ligne_financeur(financeur, famille, apports, acquis, part, rangs):
    return LigneFinanceur(
        rang=rangs.get(cle_de_classement(apports[0])) if acquis is not None and apports[0].est_public else None,
        financeur=financeur,
        famille=FamilleFinanceur(famille),
        demande=somme_connue(a.demande for a in apports),
        acquis=acquis,
        annonce=somme_connue(a.annonce for a in apports) or ZERO,
        en_attente=sum(a.en_attente for a in apports),
        nombre=sum(a.nombre for a in apports),
        part=None if acquis is None else part,
    )


# --- Le rang ---


def grouper_par_contrat(apports) -> dict[int, list[Apport]]:
    """Les apports de chaque contrat ; l'échelle du département n'est pas un contrat."""
    par_contrat = {}
    for apport in apports:
        if apport.contrat is not None:
            par_contrat.setdefault(apport.contrat, []).append(apport)
    return par_contrat


def rang(apports: Iterable[Apport], noms: dict[int, Financeur], avec_etat: bool = False) -> Rang | None:
    """Chaque financeur public seul, l'État/ANCT réunissant ses lignes P147 ; None si aucun n'a rien d'acquis."""
    publics = [apport for apport in apports if apport.est_public]
    a_preciser = [apport for apport in publics if est_sans_nom(apport, noms, avec_etat)]
    montants = montants_du_classement(publics, noms, avec_etat)
    if not any(montants.values()):
        return None
    total_public = somme_connue(apport.acquis for apport in publics)
    montant = montants.pop(ETAT)
    autre = min(montants, key=lambda pk: (-montants[pk], noms[pk].nom), default=None)
    return Rang(
        rang=1 + sum(autre_montant > montant for autre_montant in montants.values()),
        ex_aequo=montant in montants.values(),
        montant=montant,
        financeurs=len(montants) + 1,
        autre=noms[autre].nom if autre else None,
        montant_autre=montants[autre] if autre else None,
        ecart=montant - montants[autre] if autre else None,
        points=points(montant - montants[autre], total_public) if autre else None,
        en_attente=sum(apport.en_attente for apport in publics if not apport.est_p147),
        a_preciser=sum(apport.votees for apport in a_preciser),
        montant_a_preciser=somme_connue(apport.acquis for apport in a_preciser) or ZERO,
    )


def est_sans_nom(apport, noms, avec_etat=False) -> bool:
    """« Commune (à préciser) » additionne plusieurs communes : la classer serait classer une famille."""
    return noms[apport.financeur].est_a_preciser and cle_de_classement(apport, avec_etat) != ETAT


def montants_du_classement(publics, noms, avec_etat) -> dict:
    """L'acquis de chaque financeur public nommé dont un vote est connu ; l'État/ANCT y est toujours, sous sa clé."""
    montants = {ETAT: ZERO}
    for apport in publics:
        if apport.acquis is not None and not est_sans_nom(apport, noms, avec_etat):
            cle = cle_de_classement(apport, avec_etat)
            montants[cle] = montants.get(cle, ZERO) + apport.acquis
    return montants


def cle_de_classement(apport, avec_etat=False):
    de_l_etat = apport.est_p147 or (avec_etat and apport.famille == FamilleFinanceur.ETAT)
    return ETAT if de_l_etat else apport.financeur


def places(apports, noms) -> dict:
    """La place de chaque financeur public ; à montant égal, la même."""
    montants = montants_du_classement([apport for apport in apports if apport.est_public], noms, avec_etat=False)
    croissants = sorted(montants.values())
    return {cle: 1 + len(croissants) - bisect_right(croissants, montant) for cle, montant in montants.items()}


def points(ecart: Decimal, total_public: Decimal) -> Decimal:
    """L'écart en points de l'acquis public, au dixième, le demi s'éloignant de zéro."""
    return (ecart * 100 / total_public).quantize(DIXIEME, ROUND_HALF_UP)


# --- Le levier ---


def levier_des_apports(apports: Iterable[Apport]) -> Levier:
    p147 = [apport for apport in apports if apport.est_p147]
    connus = [apport for apport in apports if apport.votes_connus]
    publics = [apport for apport in connus if apport.est_public and not apport.est_p147]
    droit_commun = somme_connue(apport.droit_commun for apport in publics) or ZERO
    return Levier(
        p147=somme_connue(apport.acquis for apport in p147 if apport.votes_connus) or ZERO,
        droit_commun=droit_commun,
        autres=(somme_connue(apport.acquis for apport in publics) or ZERO) - droit_commun,
        votes_connus=sum(apport.nombre for apport in p147 if apport.votes_connus),
        actions=sum(apport.nombre for apport in p147),
    )


def rapport(montant: Decimal, p147: Decimal) -> Decimal | None:
    """Euros pour 1 € de P147, au centime, le demi vers le haut ; None sans P147."""
    return (montant / p147).quantize(CENTIME, ROUND_HALF_UP) if p147 else None
