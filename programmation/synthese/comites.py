"""Ce qu'un comité examine et ce qui en sort : l'ordre du jour, la situation des crédits, le relevé de décisions.

Tant que la séance dure, on lit la base ; terminée, on relit ce que la base disait à cet instant, par l'historique :
le relevé d'un comité ne change plus, et dit ce que dit sa photographie.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Max, Model, QuerySet
from django.utils import timezone

from politique_ville.outils.montants import vers_centimes

from ..enums import FamilleFinanceur, NatureDecision, NatureMouvement, StatutAction, VisibiliteAvis
from ..models import (
    Action,
    Avis,
    Comite,
    Decision,
    Enveloppe,
    Financement,
    Localisation,
    MouvementEnveloppe,
    Organisme,
    Passage,
    Pilier,
)
from .bases import ChoixDeBase
from .enveloppes import barres, lignee
from .lectures import ZERO, Somme, additionner, somme_connue
from .piliers import LignePilier, Provisoire, a_montrer, lignes_des_piliers, provisoire, synthese_des_piliers

LUES = ["action__exercice", "action__campagne", "action__contrat", "action__pilier", "action__enveloppe"]
LUES += ["action__porteur__fusionne_dans", "action__etablissement", "action__dispositif"]
REFUS = [NatureDecision.NON_RETENUE, NatureDecision.NON_RECEVABLE, NatureDecision.DEPROGRAMMATION]
EN_ATTENTE = [NatureDecision.AJOURNEMENT, NatureDecision.LISTE_ATTENTE]


# --- L'ordre du jour ---


@dataclass(frozen=True)
class LigneDOrdre:
    """Une action à l'ordre du jour, montants P147 en euros (None : inconnu). `ailleurs` : la décision prise hors du
    comité depuis son inscription ; `precedente` : la ligne P147 de l'année d'avant."""

    passage: Passage
    demande: Decimal | None
    propose: Decimal | None
    accorde: Decimal | None
    precedente: Financement | None
    quartiers: tuple[str, ...]
    avis: tuple[Avis, ...]
    decisions: tuple[Decision, ...]
    ailleurs: Decision | None

    @property
    def action(self) -> Action:
        return self.passage.action

    @property
    def est_traitee(self) -> bool:
        return bool(self.passage.issue) or self.ailleurs is not None

    @property
    def couleur(self) -> str:
        """La couleur DSFR de l'issue : celle du statut que la décision donne."""
        return NatureDecision(self.passage.issue).statut.couleur if self.passage.issue else ""


@dataclass(frozen=True)
class OrdreDuJour:
    """L'ordre du jour d'un comité : ses lignes, dans l'ordre, et leurs totaux en euros."""

    lignes: tuple[LigneDOrdre, ...]

    @property
    def nombre(self) -> int:
        return len(self.lignes)

    @property
    def traitees(self) -> int:
        return sum(ligne.est_traitee for ligne in self.lignes)

    @property
    def a_examiner(self) -> tuple[LigneDOrdre, ...]:
        return tuple(ligne for ligne in self.lignes if not ligne.est_traitee)

    @property
    def demande(self) -> Decimal | None:
        return somme_connue(ligne.demande for ligne in self.lignes)

    @property
    def propose(self) -> Decimal | None:
        return somme_connue(ligne.propose for ligne in self.lignes)

    @property
    def retenu(self) -> Decimal:
        """Ce que les issues enregistrées accordent, ou proposent d'accorder."""
        return somme_connue(ligne.passage.montant for ligne in self.lignes if ligne.passage.issue) or ZERO

    def ligne(self, pk: int | None) -> LigneDOrdre | None:
        return next((ligne for ligne in self.lignes if ligne.passage.pk == pk), None)

    def voisines(self, ligne: LigneDOrdre) -> tuple[LigneDOrdre | None, LigneDOrdre | None]:
        """Celle d'avant et celle d'après."""
        rang = self.lignes.index(ligne)
        avant = self.lignes[rang - 1] if rang else None
        return avant, self.lignes[rang + 1] if rang + 1 < self.nombre else None


def ordre_du_jour(
    comite: Comite, actions: QuerySet[Action] | None = None, *, seul: int | None = None, avis: QuerySet | None = None
) -> OrdreDuJour:
    """L'ordre du jour ; `actions` : celles que la personne voit (par défaut, toutes). Six requêtes au plus.

    `seul` : l'identifiant du seul passage à lire. `avis` : ceux que l'on montre (par défaut, aucun).
    """
    passages = Passage.objects.filter(comite=comite).select_related(*LUES).order_by("ordre", "pk")
    if actions is not None:
        passages = passages.filter(action__in=actions.order_by())
    passages = [passage for passage in passages if seul is None or passage.pk == seul]
    for passage in passages:
        passage.comite = comite
    return OrdreDuJour(tuple(lignes_d_ordre(passages, avis)))


def lignes_d_ordre(passages, avis):
    ids = [passage.action_id for passage in passages]
    precedentes = {p.action_id: p.action.action_precedente_id for p in passages}
    p147 = lignes_p147({*ids, *precedentes.values()} - {None})
    lieux, opinions = quartiers_par_action(ids), avis_par_action(ids, avis)
    decisions = decisions_par_action(ids)
    for passage in passages:
        sienne = p147.get(passage.action_id)
        yield LigneDOrdre(
            passage=passage,
            demande=sienne and sienne.demande,
            propose=sienne and sienne.propose,
            accorde=sienne and sienne.accorde,
            precedente=p147.get(precedentes[passage.action_id]),
            quartiers=tuple(lieux[passage.action_id]),
            avis=tuple(opinions[passage.action_id]),
            decisions=tuple(d for d in decisions[passage.action_id] if d.passage_id == passage.pk),
            ailleurs=prise_ailleurs(passage, decisions[passage.action_id]),
        )


def lignes_p147(actions):
    lignes = Financement.objects.p147().filter(action__in=actions).order_by("pk")
    return {ligne.action_id: ligne for ligne in lignes}


def quartiers_par_action(actions):
    lieux = defaultdict(list)
    lus = Localisation.objects.filter(action__in=actions).order_by("quartier_id").select_related("quartier")
    for lieu in lus.defer("quartier__contour"):
        lieux[lieu.action_id].append(str(lieu.quartier))
    return lieux


def avis_par_action(actions, avis):
    opinions = defaultdict(list)
    if avis is not None:
        for opinion in avis.filter(action__in=actions).exprimes().select_related("auteur").order_by("qualite", "pk"):
            opinions[opinion.action_id].append(opinion)
    return opinions


def avis_a_projeter(comite: Comite) -> QuerySet[Avis]:
    """Ceux que l'écran projeté peut montrer : les avis partagés, et tous entre seuls services de l'État."""
    if comite.montre_les_avis_de_l_etat:
        return Avis.objects.all()
    return Avis.objects.filter(visibilite=VisibiliteAvis.PARTENAIRES)


def decisions_par_action(actions):
    decisions = defaultdict(list)
    for d in Decision.objects.filter(action__in=actions).select_related("auteur", "enveloppe").order_by("pk"):
        decisions[d.action_id].append(d)
    return decisions


def decisions_prises_ailleurs(passages: Iterable[Passage]) -> dict[int, Decision]:
    """Par identifiant de passage, la dernière décision de son action prise hors du comité depuis l'inscription."""
    passages = list(passages)
    decisions = decisions_par_action([passage.action_id for passage in passages])
    trouvees = {passage.pk: prise_ailleurs(passage, decisions[passage.action_id]) for passage in passages}
    return {pk: decision for pk, decision in trouvees.items() if decision}


def prise_ailleurs(passage, decisions):
    siennes = [d for d in decisions if d.passage_id != passage.pk and d.enregistree_le > passage.inscrit_le]
    return siennes[-1] if siennes else None


# --- La situation des crédits ---


@dataclass(frozen=True)
class CreditsDEnveloppe:
    """Une enveloppe, en euros d'AE : reste à décider = plafond − accordé. `rang` : sa profondeur dans l'arbre."""

    enveloppe: Enveloppe
    plafond: Decimal
    accorde: Decimal
    rang: int

    @property
    def reste_a_decider(self) -> Decimal:
        return self.plafond - self.accorde

    @property
    def reste_en_centimes(self) -> int:
        """Pour le script qui suit la frappe."""
        return vers_centimes(self.reste_a_decider)


@dataclass(frozen=True)
class Situation:
    """Les parts des piliers de l'exercice (ou du contrat de la campagne) et ses enveloppes, à un instant."""

    piliers: tuple[LignePilier, ...]
    total: Somme
    provisoire: Provisoire | None
    enveloppes: tuple[CreditsDEnveloppe, ...]
    au: datetime

    def enveloppes_de(self, action: Action) -> tuple[CreditsDEnveloppe, ...]:
        """Celles qui peuvent porter cette action : l'écran d'une seule action ne montre qu'elles."""
        return tuple(credits for credits in self.enveloppes if not credits.enveloppe.pourquoi_pas(action))


def actions_du_territoire(comite: Comite, actions: QuerySet[Action] | None = None) -> QuerySet[Action]:
    """Celles de l'exercice ou, si la campagne est d'un contrat, celles de ce contrat ; parmi `actions`."""
    actions = (Action.objects.all() if actions is None else actions).filter(exercice=comite.campagne.exercice_id)
    return actions.filter(contrat=comite.campagne.contrat_id) if comite.campagne.contrat_id else actions


def situation(comite: Comite, actions: QuerySet[Action] | None = None, enveloppes: QuerySet | None = None) -> Situation:
    """Les mêmes chiffres que le tableau de bord, maintenant, ou à la fin d'un comité terminé.

    `actions`, `enveloppes` : ceux que la personne voit (par défaut, tous).
    """
    enveloppes = enveloppes_du_comite(comite, enveloppes)
    if comite.est_termine:
        return situation_au(comite, enveloppes)
    actions, choix = actions_du_territoire(comite, actions), ChoixDeBase()
    piliers = synthese_des_piliers(actions, choix)
    lues = barres(enveloppes)
    credits = [(e, lues[e.pk].plafond, lues[e.pk].accorde) for e in enveloppes]
    return Situation(
        piliers.lignes, piliers.total, provisoire(actions, choix), en_arbre(credits, enveloppes), piliers.au
    )


def enveloppes_du_comite(comite, visibles=None):
    """Celles où une action de la campagne peut être décidée, et leurs mères."""
    visibles = Enveloppe.objects.all() if visibles is None else visibles
    toutes = list(visibles.filter(exercice=comite.campagne.exercice_id).order_by("libelle", "pk"))
    contrat = comite.campagne.contrat_id
    meres = {e.pk: e.parent_id for e in toutes}
    concernees = [e for e in toutes if contrat is None or e.contrat_id in (None, contrat)]
    gardees = {pk for e in concernees for pk in lignee(e.pk, defaultdict(lambda: None, meres))}
    return [e for e in toutes if e.pk in gardees]


def en_arbre(credits, enveloppes):
    """Chaque mère suivie de ses filles, avec leur profondeur."""
    meres = defaultdict(lambda: None, {e.pk: e.parent_id for e in enveloppes})
    noms = {e.pk: str(e) for e in enveloppes}

    def chemin(enveloppe):
        connues = [pk for pk in lignee(enveloppe.pk, meres) if pk in noms]
        return [(noms[pk], pk) for pk in reversed(connues)]

    lignes = [CreditsDEnveloppe(e, plafond, accorde, len(chemin(e)) - 1) for e, plafond, accorde in credits]
    return tuple(sorted(lignes, key=lambda ligne: chemin(ligne.enveloppe)))


# --- Le même, à la fin d'un comité ---


def valeurs_au(modele: type[Model], champs: Sequence[str], le: datetime, **criteres) -> dict[int, dict]:
    """Les valeurs de ces champs telles qu'elles étaient à cet instant, par identifiant ; ce qui fut effacé n'y est pas.

    `criteres` : sur des champs qui ne changent pas (l'action d'une ligne), ou laissés à l'appelant.
    """
    traces = modele.history.filter(history_date__lte=le, **criteres).order_by("history_id")
    derniers = {}
    for pk, type_de_trace, *valeurs in traces.values_list("id", "history_type", *champs):
        derniers[pk] = None if type_de_trace == "-" else dict(zip(champs, valeurs, strict=True))
    return {pk: valeurs for pk, valeurs in derniers.items() if valeurs is not None}


def situation_au(comite, enveloppes):
    le, campagne, choix = comite.termine_le, comite.campagne, ChoixDeBase()
    actions = valeurs_au(Action, ["statut", "pilier_id", "contrat_id"], le, exercice=campagne.exercice_id)
    if campagne.contrat_id:
        actions = {pk: a for pk, a in actions.items() if a["contrat_id"] == campagne.contrat_id}
    programmees = {pk: a["pilier_id"] for pk, a in actions.items() if a["statut"] == StatutAction.PROGRAMMEE}
    sommes = sommes_par_pilier(programmees, le)
    somme_totale = additionner(sommes.values())
    lignes = lignes_des_piliers(a_montrer(list(Pilier.objects.all()), sommes), sommes, choix, {}, somme_totale)
    return Situation(lignes, somme_totale, None, en_arbre(credits_au(enveloppes, le), enveloppes), le)


def sommes_par_pilier(programmees, le):
    p147 = {"action__in": programmees, "famille": FamilleFinanceur.ANCT_P147}
    lignes = valeurs_au(Financement, ["action_id", "accorde"], le, **p147)
    accordes = {ligne["action_id"]: ligne["accorde"] for ligne in lignes.values()}
    sommes = defaultdict(list)
    for pk, pilier in programmees.items():
        accorde = accordes.get(pk)
        sommes[pilier].append(Somme(accorde, 1, int(accorde is None)))
    return {pilier: additionner(siennes) for pilier, siennes in sommes.items()}


def credits_au(enveloppes, le):
    """(enveloppe, plafond, accordé) à cet instant, par les règles de `barres`."""
    completes = valeurs_au(Enveloppe, ["notification_complete_le"], le, id__in=[e.pk for e in enveloppes])
    mouvements = valeurs_au(MouvementEnveloppe, ["enveloppe_id", "nature", "ae"], le, enveloppe__in=enveloppes)
    plafonds = defaultdict(Decimal)
    for mouvement in mouvements.values():
        complete = completes.get(mouvement["enveloppe_id"], {}).get("notification_complete_le")
        if (mouvement["nature"] == NatureMouvement.PREVISION) != bool(complete):
            plafonds[mouvement["enveloppe_id"]] += mouvement["ae"]
    accordes = accordes_au(enveloppes, le)
    return [(e, plafonds[e.pk] + ZERO, accordes[e.pk] + ZERO) for e in enveloppes]


def accordes_au(enveloppes, le):
    exercices = {e.exercice_id for e in enveloppes}
    meres = dict(Enveloppe.objects.filter(exercice__in=exercices).order_by().values_list("pk", "parent"))
    decisions = Decision.objects.filter(enveloppe__exercice__in=exercices, enregistree_le__lte=le).order_by()
    accordes = defaultdict(Decimal)
    for feuille, montant in decisions.values_list("enveloppe", "montant"):
        for pk in lignee(feuille, meres):
            accordes[pk] += montant
    return accordes


# --- Le relevé de décisions ---


@dataclass(frozen=True)
class LigneDuReleve:
    """Une action examinée, telle que le relevé la dit : montants P147 en euros (None : inconnu)."""

    action: Action
    intitule: str
    porteur: str
    contrat: str
    pilier: Pilier | None
    demande: Decimal | None
    propose: Decimal | None
    issue: str
    montant: Decimal | None
    motif: str
    enveloppes: tuple[str, ...]
    ailleurs: Decision | None

    @property
    def libelle(self) -> str:
        if self.issue:
            return NatureDecision(self.issue).label
        return "Décidée hors du comité" if self.ailleurs else "Non examinée"


@dataclass(frozen=True)
class LigneDeTotal:
    """Un sous-total du relevé : euros et nombre d'actions ; `objet` : le pilier, s'il y en a un."""

    libelle: str
    montant: Decimal
    nombre: int
    objet: Pilier | None = None


@dataclass(frozen=True)
class Releve:
    """Le relevé d'un comité : ce qu'il a décidé, ou proposé. Les trois tableaux de totaux ont la même somme."""

    comite: Comite
    lignes: tuple[LigneDuReleve, ...]
    cachees: int
    par_issue: tuple[LigneDeTotal, ...]
    par_pilier: tuple[LigneDeTotal, ...]
    par_enveloppe: tuple[LigneDeTotal, ...]
    situation: Situation

    @property
    def nombre(self) -> int:
        return len(self.lignes)

    @property
    def montant(self) -> Decimal:
        return somme_connue(ligne.montant for ligne in self.lignes if ligne.issue) or ZERO

    @property
    def demande(self) -> Decimal | None:
        return somme_connue(ligne.demande for ligne in self.lignes)

    @property
    def accordees(self) -> tuple[LigneDuReleve, ...]:
        return tuple(li for li in self.lignes if li.issue and li.issue not in [*REFUS, *EN_ATTENTE])

    @property
    def en_attente(self) -> tuple[LigneDuReleve, ...]:
        return tuple(ligne for ligne in self.lignes if ligne.issue in EN_ATTENTE)

    @property
    def refusees(self) -> tuple[LigneDuReleve, ...]:
        return tuple(ligne for ligne in self.lignes if ligne.issue in REFUS)

    @property
    def non_examinees(self) -> tuple[LigneDuReleve, ...]:
        return tuple(ligne for ligne in self.lignes if not ligne.issue)


def releve(comite: Comite, actions: QuerySet[Action] | None = None, enveloppes: QuerySet | None = None) -> Releve:
    """Le relevé du comité, à l'écran, en PDF, en classeur et pour sa photographie : tous lisent celui-ci.

    `actions`, `enveloppes` : ceux que la personne voit (par défaut, tous) ; `cachees` dit combien d'actions ne se
    montrent pas. Terminé, il dit ce qu'étaient les actions à la fin de la séance.
    """
    ordre = ordre_du_jour(comite, actions)
    lignes = tuple(lignes_du_releve(comite, ordre.lignes))
    retenues = [ligne for ligne in lignes if ligne.issue]
    return Releve(
        comite=comite,
        lignes=lignes,
        cachees=comite.passages.count() - len(lignes),
        par_issue=par_issue(retenues),
        par_pilier=par_pilier(retenues),
        par_enveloppe=par_enveloppe(ordre.lignes),
        situation=situation(comite, actions, enveloppes),
    )


def lignes_du_releve(comite, lignes):
    etats = etats_des_actions(comite, [ligne.action for ligne in lignes])
    piliers = {pilier.pk: pilier for pilier in Pilier.objects.all()}
    fin = comite.termine_le or timezone.now()
    for ligne in lignes:
        etat, passage = etats[ligne.action.pk], ligne.passage
        ailleurs = ligne.ailleurs if ligne.ailleurs and ligne.ailleurs.enregistree_le <= fin else None
        yield LigneDuReleve(
            action=ligne.action,
            intitule=etat["intitule"],
            porteur=etat["porteur"],
            contrat=ligne.action.contrat.nom_court if ligne.action.contrat else "Département",
            pilier=piliers.get(etat["pilier_id"]),
            demande=etat["demande"],
            propose=etat["propose"],
            issue=passage.issue,
            montant=passage.montant if passage.issue else None,
            motif=passage.observation,
            enveloppes=tuple(dict.fromkeys(nom for nom, montant in parts_par_enveloppe(ligne) if montant)),
            ailleurs=ailleurs,
        )


def etats_des_actions(comite, actions):
    """Intitulé, pilier, porteur, demandé et proposé de chaque action, maintenant ou à la fin du comité."""
    ids = [action.pk for action in actions]
    champs = ["intitule", "pilier_id", "porteur_id"]
    if comite.est_termine:
        etats = valeurs_au(Action, champs, comite.termine_le, id__in=ids)
        p147 = {"action__in": ids, "famille": FamilleFinanceur.ANCT_P147}
        lignes = valeurs_au(Financement, ["action_id", "demande", "propose"], comite.termine_le, **p147).values()
    else:
        etats = {action.pk: {champ: getattr(action, champ) for champ in champs} for action in actions}
        lignes = Financement.objects.p147().filter(action__in=ids).values("action_id", "demande", "propose")
    montants = {ligne["action_id"]: ligne for ligne in lignes}
    noms = Organisme.objects.select_related("fusionne_dans").in_bulk({e["porteur_id"] for e in etats.values()} - {None})
    for pk, etat in etats.items():
        porteur = noms.get(etat["porteur_id"])
        etat["porteur"] = str(porteur.courant) if porteur else ""
        etat |= {champ: montants.get(pk, {}).get(champ) for champ in ("demande", "propose")}
    return etats


def par_issue(lignes):
    groupes = {nature: [ligne for ligne in lignes if ligne.issue == nature] for nature in NatureDecision}
    return tuple(
        LigneDeTotal(nature.label, montant_des(siennes), len(siennes)) for nature, siennes in groupes.items() if siennes
    )


def par_pilier(lignes):
    groupes = defaultdict(list)
    for ligne in lignes:
        groupes[ligne.pilier].append(ligne)
    ordonnes = sorted(groupes, key=lambda pilier: (pilier is None, pilier and pilier.ordre, pilier and pilier.pk))
    return tuple(
        LigneDeTotal(str(p or "Sans pilier"), montant_des(groupes[p]), len(groupes[p]), objet=p) for p in ordonnes
    )


def par_enveloppe(lignes):
    """Ce que chaque enveloppe porte : celles des décisions ou, pour une proposition, celle de l'action."""
    sommes, actions = defaultdict(Decimal), defaultdict(set)
    for ligne in lignes:
        for nom, montant in parts_par_enveloppe(ligne):
            sommes[nom] += montant
            actions[nom].add(ligne.action.pk)
    return tuple(LigneDeTotal(nom, sommes[nom] + ZERO, len(actions[nom])) for nom in sorted(sommes))


def parts_par_enveloppe(ligne):
    """(nom de l'enveloppe, montant) de ce que l'issue accorde ou propose."""
    if ligne.decisions:
        return [(str(d.enveloppe or "Sans enveloppe"), d.montant) for d in ligne.decisions if d.montant]
    montant = ligne.passage.montant if ligne.passage.issue else None
    return [(str(ligne.action.enveloppe or "Sans enveloppe"), montant)] if montant else []


def montant_des(lignes):
    return somme_connue(ligne.montant for ligne in lignes) or ZERO


# --- Ce que l'écran projeté a déjà montré ---


def empreinte_de_la_seance(comite: Comite) -> str:
    """Change dès que l'écran projeté doit changer : séance, ordre du jour, décisions, enveloppes, avis, actions."""
    exercice, passages = comite.campagne.exercice_id, comite.passages
    lus = [
        (comite.etat, comite.en_cours_id, comite.partenaires_presents),
        *passages.order_by("pk").values_list("pk", "ordre", "version", "action__version"),
        Decision.objects.filter(action__exercice=exercice).aggregate(n=Count("pk"), dernier=Max("pk")),
        MouvementEnveloppe.objects.filter(enveloppe__exercice=exercice).aggregate(n=Count("pk"), dernier=Max("pk")),
        Avis.objects.filter(action__passages__comite=comite).aggregate(n=Count("pk"), dernier=Max("donne_le")),
    ]
    return hashlib.sha256(repr(lus).encode()).hexdigest()[:16]
