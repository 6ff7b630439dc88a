"""Le relevé de décisions d'un comité : une seule fonction pour l'écran, le PDF, le classeur et la photographie."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from territoires.models import ContratDeVille

from ..enums import FamilleFinanceur, NatureDecision
from ..models import Action, Comite, Decision, Enveloppe, Financement, Organisme, Pilier
from .comites import ordre_du_jour
from .lectures import ZERO, somme_connue
from .situation import Situation, situation, telles_qu_alors, valeurs_au

REFUS = [NatureDecision.NON_RETENUE, NatureDecision.NON_RECEVABLE, NatureDecision.DEPROGRAMMATION]
SANS_ENVELOPPE = "Sans enveloppe"
EN_ATTENTE = [NatureDecision.AJOURNEMENT, NatureDecision.LISTE_ATTENTE]


@dataclass(frozen=True)
class LigneDuReleve:
    """Une action examinée, telle que le relevé la dit : montants P147 en euros (None : inconnu).

    `parts` : ce que chaque enveloppe porte du montant, par son libellé.
    """

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
    parts: tuple[tuple[str, Decimal], ...]
    ailleurs: Decision | None

    @property
    def enveloppes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(nom for nom, _ in self.parts))

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
        par_enveloppe=par_enveloppe(lignes),
        situation=situation(comite, actions, enveloppes),
    )


def lignes_du_releve(comite, lignes):
    etats = etats_des_actions(comite, [ligne.action for ligne in lignes])
    enveloppes = noms_des_enveloppes(comite)
    piliers = {pilier.pk: pilier for pilier in Pilier.objects.all()}
    for ligne in lignes:
        etat, passage = etats[ligne.action.pk], ligne.passage
        yield LigneDuReleve(
            action=ligne.action,
            intitule=etat["intitule"],
            porteur=etat["porteur"],
            contrat=etat["contrat"],
            pilier=piliers.get(etat["pilier_id"]),
            demande=etat["demande"],
            propose=etat["propose"],
            issue=passage.issue,
            montant=passage.montant if passage.issue else None,
            motif=passage.observation,
            parts=tuple(parts_par_enveloppe(ligne, etat["enveloppe_id"], enveloppes)),
            ailleurs=ligne.ailleurs,
        )


def etats_des_actions(comite, actions):
    """Ce que le relevé dit de chaque action, telle qu'elle est maintenant ou était à la fin du comité."""
    ids = [action.pk for action in actions]
    champs = ["intitule", "pilier_id", "porteur_id", "contrat_id", "enveloppe_id"]
    if comite.est_termine:
        etats = valeurs_au(Action, champs, comite.termine_le, id__in=ids)
        p147 = {"action__in": ids, "famille": FamilleFinanceur.ANCT_P147}
        lignes = valeurs_au(Financement, ["action_id", "demande", "propose"], comite.termine_le, **p147).values()
    else:
        etats = {action.pk: {champ: getattr(action, champ) for champ in champs} for action in actions}
        lignes = Financement.objects.p147().filter(action__in=ids).values("action_id", "demande", "propose")
    montants = {ligne["action_id"]: ligne for ligne in lignes}
    noms = noms_des_porteurs(comite, {e["porteur_id"] for e in etats.values()} - {None})
    contrats = ContratDeVille.objects.in_bulk({e["contrat_id"] for e in etats.values()} - {None})
    for pk, etat in etats.items():
        contrat = contrats.get(etat["contrat_id"])
        etat["contrat"] = contrat.nom_court if contrat else "Département"
        etat["porteur"] = noms.get(etat["porteur_id"], "")
        etat |= {champ: montants.get(pk, {}).get(champ) for champ in ("demande", "propose")}
    return etats


def noms_des_porteurs(comite, identifiants):
    """Par identifiant, le nom sous lequel ses actions se lisent ; terminé, celui qu'il avait ce jour-là."""
    organismes = Organisme.objects.select_related("fusionne_dans").in_bulk(identifiants)
    noms = {pk: str(organisme.courant) for pk, organisme in organismes.items()}
    return noms | noms_au(identifiants, comite.termine_le) if comite.est_termine else noms


def noms_au(identifiants, le):
    """Deux requêtes : les organismes, puis ceux où ils étaient fusionnés à cet instant."""
    champs = ["nom", "sigle", "fusionne_dans_id"]
    siens = valeurs_au(Organisme, champs, le, id__in=identifiants)
    absorbants = valeurs_au(Organisme, champs, le, id__in={o["fusionne_dans_id"] for o in siens.values()} - {None})
    courants = {pk: absorbants.get(o["fusionne_dans_id"], o) for pk, o in siens.items()}
    return {pk: str(Organisme(nom=o["nom"], sigle=o["sigle"])) for pk, o in courants.items()}


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
        for nom, montant in ligne.parts:
            sommes[nom] += montant
            actions[nom].add(ligne.action.pk)
    return tuple(LigneDeTotal(nom, sommes[nom] + ZERO, len(actions[nom])) for nom in sorted(sommes))


def noms_des_enveloppes(comite):
    """Par identifiant, le libellé de celles de l'exercice ; terminé, celui qu'elles avaient alors."""
    enveloppes = list(Enveloppe.objects.filter(exercice=comite.campagne.exercice_id).order_by("pk"))
    if comite.est_termine:
        enveloppes = telles_qu_alors(enveloppes, comite.termine_le)
    return {enveloppe.pk: str(enveloppe) for enveloppe in enveloppes}


def parts_par_enveloppe(ligne, enveloppe, noms):
    """(nom de l'enveloppe, montant) de ce que l'issue accorde, ou propose dans l'enveloppe de l'action."""
    if ligne.decisions:
        return [(noms.get(d.enveloppe_id, SANS_ENVELOPPE), d.montant) for d in ligne.decisions if d.montant]
    montant = ligne.passage.montant if ligne.passage.issue else None
    return [(noms.get(enveloppe, SANS_ENVELOPPE), montant)] if montant else []


def montant_des(lignes):
    return somme_connue(ligne.montant for ligne in lignes) or ZERO
