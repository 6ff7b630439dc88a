"""L'ordre du jour d'un comité : ses actions, ce qui aide à les examiner, et ce que la séance en a déjà dit."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Max, QuerySet

from ..enums import NatureDecision, StatutAction, VisibiliteAvis
from ..models import Action, Avis, Comite, Decision, Financement, Localisation, MouvementEnveloppe, Passage
from .avis import avis_a_obtenir
from .lectures import ZERO, somme_connue
from .situation import valeurs_au

LUES = ["action__exercice", "action__campagne", "action__contrat", "action__pilier", "action__enveloppe"]
LUES += ["action__porteur__fusionne_dans", "action__etablissement", "action__dispositif"]


@dataclass(frozen=True)
class LigneDOrdre:
    """Une action à l'ordre du jour, montants P147 en euros (None : inconnu). `ailleurs` : la décision prise hors du
    comité depuis son inscription ; `precedente` : la ligne P147 de l'année d'avant ; `sans_avis` : l'avis exigé qui
    manque à l'action encore à décider, ou ""."""

    passage: Passage
    demande: Decimal | None
    propose: Decimal | None
    accorde: Decimal | None
    precedente: Financement | None
    quartiers: tuple[str, ...]
    avis: tuple[Avis, ...]
    decisions: tuple[Decision, ...]
    ailleurs: Decision | None
    sans_avis: str

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
    """L'ordre du jour ; `actions` : celles que la personne voit (par défaut, toutes). Huit requêtes au plus.

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
    decisions, statuts = decisions_par_action(ids), statuts_a_la_fin(passages)
    sans_avis = avis_a_obtenir(passage.action for passage in passages)
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
            ailleurs=prise_ailleurs(passage, decisions[passage.action_id], statuts),
            sans_avis=sans_avis.get(passage.action_id, ""),
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
    decisions, statuts = decisions_par_action([p.action_id for p in passages]), statuts_a_la_fin(passages)
    trouvees = {passage.pk: prise_ailleurs(passage, decisions[passage.action_id], statuts) for passage in passages}
    return {pk: decision for pk, decision in trouvees.items() if decision}


def statuts_a_la_fin(passages: list[Passage]) -> dict[int, str]:
    """Le statut de chaque action d'un même comité : maintenant ou, s'il est terminé, celui qu'elle avait alors."""
    statuts = {passage.action_id: passage.action.statut for passage in passages}
    fin = passages[0].comite.termine_le if passages else None
    alors = valeurs_au(Action, ["statut"], fin, id__in=statuts) if fin else {}
    return statuts | {pk: valeurs["statut"] for pk, valeurs in alors.items()}


def prise_ailleurs(passage, decisions, statuts):
    """La dernière décision prise hors du passage, de l'inscription à la fin du comité, si l'action n'y est plus à
    décider : ajournée par un autre comité, ou rendue par une promotion que l'on annule, elle s'y décide."""
    if statuts[passage.action_id] in StatutAction.a_decider():
        return None
    fin = passage.comite.termine_le
    siennes = [d for d in decisions if d.passage_id != passage.pk and d.enregistree_le > passage.inscrit_le]
    siennes = [d for d in siennes if fin is None or d.enregistree_le <= fin]
    return siennes[-1] if siennes else None


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
