"""L'année d'un projet : le sort de son action, ses montants, et la saisie qui l'enregistre."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from random import Random
from uuid import UUID

from comptes.models import Utilisateur
from programmation.enums import Duree, Echelle, Origine
from programmation.models import (
    Action,
    Correspondance,
    Dispositif,
    Enveloppe,
    Exercice,
    Pilier,
    PrioriteTransversale,
    Thematique,
)
from programmation.operations import LigneDePlan, SaisieAction
from territoires.models import ContratDeVille, Quartier

from .catalogue import ETE, PRINTEMPS, SCOLAIRE
from .plans import PART_P147_D_UN_FINANCEUR_PRESQUE_UNIQUE, cofinanceurs, lignes_des_cofinanceurs, part_p147
from .projets import Projet
from .territoires import Territoire

P147 = "ANCT – politique de la ville (P147)"

PROGRAMMEE, NON_RETENUE, NON_RECEVABLE, RETIREE = "programmée", "non retenue", "non recevable", "retirée"
ATTENTE, AJOURNEE, DEPROGRAMMEE = "liste d’attente", "ajournée", "déprogrammée"
BROUILLON, DEPOSEE, INSTRUITE = "brouillon", "déposée", "instruite"

# Le sort de cent actions ; en 2026, une partie n'est pas encore décidée.
SORTS = {
    2023: {PROGRAMMEE: 84, NON_RETENUE: 7, NON_RECEVABLE: 3, RETIREE: 3, DEPROGRAMMEE: 2, BROUILLON: 1},
    2024: {PROGRAMMEE: 83, NON_RETENUE: 8, NON_RECEVABLE: 3, RETIREE: 3, DEPROGRAMMEE: 2, BROUILLON: 1},
    2025: {PROGRAMMEE: 80, NON_RETENUE: 8, NON_RECEVABLE: 3, RETIREE: 3, ATTENTE: 2, AJOURNEE: 2, DEPROGRAMMEE: 2},
    2026: {
        PROGRAMMEE: 58,
        INSTRUITE: 12,
        DEPOSEE: 10,
        BROUILLON: 4,
        ATTENTE: 4,
        AJOURNEE: 3,
        NON_RETENUE: 5,
        NON_RECEVABLE: 2,
        RETIREE: 1,
        DEPROGRAMMEE: 1,
    },
}
DECIDEES_FAVORABLEMENT = (PROGRAMMEE, DEPROGRAMMEE)


@dataclass(eq=False)
class ActionPrevue:
    """Une action telle qu'elle finira ; `accorde` : la première attribution, en euros."""

    projet: Projet
    sort: str
    demande: int = 0
    accorde: int = 0
    cout: int = 0
    apres: int = 0  # complément (> 0) ou diminution (< 0) qui suit l'attribution, en euros
    attend_d_abord: bool = False  # passée par la liste d'attente avant d'être programmée
    contrat: ContratDeVille | None = None
    quartiers: list[Quartier] = field(default_factory=list)
    enveloppe: Enveloppe | None = None
    action: Action | None = None

    @property
    def recoit(self):
        return self.sort in DECIDEES_FAVORABLEMENT

    @property
    def maximum(self):
        """Le plus que l'enveloppe aura à porter (€)."""
        return self.accorde + max(0, self.apres) if self.recoit else 0


def tirer_le_sort(projet: Projet, annee: int, alea: Random) -> str:
    """Un PRE et une CPO en cours sont programmés ; pour le reste, le hasard."""
    if projet.est_pre or (projet.annees_de_cpo and annee > projet.premiere_annee):
        return PROGRAMMEE
    return alea.choices(list(SORTS[annee]), list(SORTS[annee].values()))[0]


def regler_les_montants(prevues: list[ActionPrevue], budget: int, parts: dict[str, float], alea: Random):
    """Donne à chaque action sa demande et son accordé (€), pour que les programmées approchent les parts voulues."""
    for prevue in prevues:
        prevue.accorde = round(prevue.projet.p147 * (1 if prevue.projet.est_pre else alea.uniform(0.9, 1.1)))
    for famille, part in parts.items():
        siennes = [p for p in prevues if p.projet.famille == famille]
        fixes = sum(p.accorde for p in siennes if p.projet.est_pre)
        libres = [p for p in siennes if not p.projet.est_pre]
        naturel = sum(p.accorde for p in libres if p.sort == PROGRAMMEE) or 1
        facteur = max(0.2, (budget * part - fixes) / naturel)
        for prevue in libres:
            prevue.accorde = arrondir(min(60_000, max(300, prevue.accorde * facteur)))
    for prevue in prevues:
        regler_la_demande(prevue, alea)


def arrondir(montant):
    """Un montant rond : à la centaine, aux cinq cents au-delà de 5 000 €."""
    pas = 500 if montant > 5_000 else 100
    return max(pas, round(montant / pas) * pas)


def regler_la_demande(prevue, alea):
    """Le plus souvent on accorde moins que demandé ; rarement plus, et l'action change parfois ensuite."""
    part = alea.choices([100, 90, 75, 60, 45], [40, 18, 18, 14, 10])[0]
    prevue.demande = prevue.accorde if prevue.projet.est_pre else arrondir(prevue.accorde * 100 / part)
    if prevue.sort == PROGRAMMEE and not prevue.projet.est_pre:
        tire = alea.random()
        if tire < 0.012:
            prevue.demande = max(300, arrondir(prevue.accorde * 0.8))
        elif tire < 0.035:
            prevue.apres = arrondir(prevue.accorde * 0.2)
        elif tire < 0.06 and prevue.accorde >= 1_000:
            prevue.apres = -arrondir(prevue.accorde * 0.2)
        elif tire < 0.075:
            prevue.attend_d_abord = True


class Annee:
    """Ce qu'il faut pour écrire les actions d'un exercice : référentiels, territoire, agent, hasard."""

    def __init__(self, exercice: Exercice, territoire: Territoire, agents: list[Utilisateur], alea: Random):
        self.exercice, self.territoire, self.agents, self.alea = exercice, territoire, agents, alea
        self.annee = exercice.annee
        siennes = Thematique.objects.filter(theme__nomenclature=exercice.nomenclature).select_related("theme")
        self.thematiques = {thematique.code: thematique for thematique in siennes}
        self.dispositifs = {dispositif.code: dispositif for dispositif in Dispositif.objects.all()}
        self.pilier = cache(Correspondance.objects.pilier_propose)
        self.transversaux = list(Pilier.objects.filter(nature="transversal"))
        self.priorites = {priorite.code: priorite for priorite in PrioriteTransversale.objects.all()}

    def situer(self, prevue: ActionPrevue):
        """Donne à l'action le contrat et les quartiers de son année."""
        projet = prevue.projet
        prevue.contrat = self.territoire.contrat_en(self.annee, projet.contrat, projet.quartiers)
        prevue.quartiers = self.territoire.quartiers_en(prevue.contrat, projet.quartiers)

    def saisie(self, prevue: ActionPrevue, rang: int, precedente: Action | None) -> SaisieAction:
        projet = prevue.projet
        plan = self.plan(prevue)
        return SaisieAction(
            champs=self.champs(prevue, rang, precedente),
            plan=plan,
            localisations=dict(zip(prevue.quartiers, projet.cles, strict=False)),
            piliers_transversaux=self.transversaux if projet.modele.transversal else [],
            priorites=[self.priorites[code] for code in projet.modele.priorites],
        )

    def champs(self, prevue, rang, precedente):
        projet, modele = prevue.projet, prevue.projet.modele
        thematique = self.thematiques[modele.code_2023 if self.annee < 2024 else modele.code]
        dispositif = self.dispositifs[modele.dispositif]
        debut, fin = self.dates(modele)
        return {
            "cle": UUID(int=self.alea.getrandbits(128), version=4),
            "exercice": self.exercice,
            "echelle": Echelle.CONTRAT if prevue.contrat else Echelle.DEPARTEMENT,
            "contrat": prevue.contrat,
            "thematique": thematique,
            "pilier": self.pilier(thematique, dispositif),
            "dispositif": dispositif,
            "porteur": projet.porteur.organisme,
            "etablissement": projet.porteur.etablissement,
            "intitule": projet.intitule,
            "description": modele.description,
            "objectifs": modele.objectifs,
            "enveloppe": prevue.enveloppe,
            "origine": Origine.RECONDUITE if precedente else Origine.NOUVELLE,
            "action_precedente": precedente,
            "date_debut": debut,
            "date_fin": fin,
            "cout_previsionnel": Decimal(prevue.cout),
            "contributions_volontaires": self.contributions(),
            "agent_referent": self.alea.choice(self.agents),
            **self.dossier(projet, rang),
            **self.beneficiaires(modele),
        }

    def dates(self, modele):
        """Les dates de l'action ; quelques-unes commencent avant l'exercice, ce qui est une anomalie."""
        if self.alea.random() < 0.012:
            return date(self.annee - 1, 11, 15), date(self.annee, 6, 30)
        return {
            ETE: (date(self.annee, 7, 1), date(self.annee, 8, 31)),
            SCOLAIRE: (date(self.annee, 9, 1), date(self.annee + 1, 6, 30)),
            PRINTEMPS: (date(self.annee, 4, 1), date(self.annee, 10, 31)),
        }.get(modele.calendrier, (date(self.annee, 1, 1), date(self.annee, 12, 31)))

    def dossier(self, projet, rang):
        """Un numéro visiblement fictif (il commence par 9) ; une CPO garde le sien, la tranche dit son année."""
        en_cpo = projet.annees_de_cpo and self.annee < projet.premiere_annee + projet.annees_de_cpo
        if not projet.dossier or not en_cpo:
            projet.dossier = f"9{self.territoire.departement.code}{self.annee % 100:02d}{rang:03d}"
        if en_cpo:
            tranche = self.annee - projet.premiere_annee + 1
            cpo = {"duree": Duree.CPO, "cpo_rang": tranche, "cpo_nombre": projet.annees_de_cpo}
            return {"dossier": projet.dossier, "tranche": tranche, **cpo}
        return {"dossier": projet.dossier if self.alea.random() > 0.04 else None}

    def contributions(self):
        return Decimal(self.alea.randint(5, 60) * 100) if self.alea.random() < 0.3 else None

    def beneficiaires(self, modele):
        """Femmes, hommes et habitants des quartiers ; parfois le nombre n'est pas renseigné."""
        if self.alea.random() < 0.035:
            return {}
        nombre = self.alea.randint(*modele.public)
        part_de_femmes = 90 if modele.priorites == ("egalite-femmes-hommes",) else self.alea.randint(40, 65)
        femmes = nombre * part_de_femmes // 100
        return {
            "beneficiaires_prevus": nombre,
            "beneficiaires_femmes": femmes,
            "beneficiaires_hommes": nombre - femmes,
            "beneficiaires_qpv": nombre * self.alea.randint(60, 100) // 100,
        }

    def plan(self, prevue) -> list[LigneDePlan]:
        """Le plan de financement, et le coût qu'il équilibre ; deux fois sur cent, il ne l'équilibre pas."""
        choisis = cofinanceurs(prevue.projet, self.territoire, self.alea)
        part = part_p147(prevue.projet, self.alea) if len(choisis) > 1 else PART_P147_D_UN_FINANCEUR_PRESQUE_UNIQUE
        prevue.cout = max(prevue.demande, arrondir(prevue.demande * 100 / part))
        reste = prevue.cout - prevue.demande
        lignes = lignes_des_cofinanceurs(choisis, reste, self.annee, prevue.recoit, self.alea)
        if not lignes:
            prevue.cout = prevue.demande
        if self.alea.random() < 0.02:
            prevue.cout += self.alea.choice([150, 300, 800])
        propose = Decimal(prevue.accorde) if prevue.sort not in (BROUILLON, DEPOSEE, RETIREE) else None
        financeur = self.territoire.financeurs[P147]
        return [LigneDePlan(financeur, demande=Decimal(prevue.demande), propose=propose), *lignes]
