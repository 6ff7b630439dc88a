"""Reconduire : une action de l'an dernier donne, d'un clic, le brouillon de cette année, lié à elle.

Le brouillon reprend ce qui se redemande (le projet, son budget, ce qu'il sollicite), jamais ce qui a été accordé,
versé ou voté, ni le dossier Dauphin. Ce qui ne se reprend pas tel quel est dit, et laissé à choisir.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date as Date
from functools import cache

from django.db import transaction

from comptes.models import Utilisateur
from politique_ville.outils.dates import decaler_de_mois
from territoires.enums import NatureFiliation
from territoires.models import ContratDeVille, FiliationContrat, FiliationQuartier, Quartier

from .. import regles
from ..enums import Duree, Origine
from ..models import Action, Campagne, Correspondance, Exercice, PrevisionPluriannuelle, Thematique
from .outils import OperationRefusee, contraintes_en_francais, creer_avec_historique, verrouiller_les_exercices
from .plan import LigneDePlan
from .saisie import SaisieAction, enregistrer

REPRIS = ["echelle", "intitule", "description", "objectifs", "cout_previsionnel", "contributions_volontaires"]
REPRIS += ["beneficiaires_prevus", "beneficiaires_femmes", "beneficiaires_hommes", "beneficiaires_qpv"]
SANS_AMBIGUITE = [NatureFiliation.INCHANGE, NatureFiliation.REDESSINE, NatureFiliation.FUSIONNE]
LUES = ["exercice__departement", "exercice__nomenclature", "contrat", "thematique", "pilier", "dispositif"]
LUES += ["porteur__fusionne_dans", "etablissement", "agent_referent"]


class DejaReconduite(OperationRefusee):
    """`reconduites` : les actions que la reconduction aurait créées une seconde fois."""

    def __init__(self, reconduites):
        self.reconduites = reconduites
        super().__init__(
            [f"« {a} » existe déjà en {a.exercice.annee} : elle n’est pas reconduite deux fois." for a in reconduites]
        )


@dataclass(frozen=True)
class DemandeDeReconduction:
    """Une action à reconduire l'année suivante ; `campagne` : None, celle de son contrat ou la seule ouverte.

    `annuelle` : une CPO finie repart comme action annuelle.
    """

    action: Action
    campagne: Campagne | None = None
    annuelle: bool = False


@dataclass(frozen=True)
class Preparation:
    """Ce que donnerait la reconduction d'une action : la saisie, ou la phrase qui l'empêche.

    `remarques` : ce qui n'a pas pu être repris tel quel. `deja` : l'action de l'an prochain qui la reconduit déjà.
    `campagnes` : celles où elle peut aller. `a_choisir` : ce que la demande ne dit pas et qu'il faut choisir, ou "".
    `previsions` : ce que la CPO prévoit ensuite, en euros par année.
    """

    action: Action
    exercice: Exercice | None = None
    saisie: SaisieAction | None = None
    remarques: tuple[str, ...] = ()
    empechement: str = ""
    a_choisir: str = ""
    deja: Action | None = None
    campagnes: tuple[Campagne, ...] = ()
    cpo_finie: bool = False
    previsions: dict = field(default_factory=dict)

    @property
    def pourquoi_pas(self):
        return self.empechement or self.a_choisir


@dataclass(frozen=True)
class Reconduite:
    action: Action
    precedente: Action
    remarques: tuple[str, ...]


def reconduire(demandes: Sequence[DemandeDeReconduction], *, par: Utilisateur, motif: str = "") -> list[Reconduite]:
    """Crée un brouillon par action, dans l'exercice suivant de son département ; tout ou rien.

    Lève DejaReconduite, DroitManquant ou OperationRefusee (exercice absent ou clos, campagne figée, brouillon, CPO
    finie) sans rien écrire.
    """
    doublons = [action for action, nombre in Counter(d.action for d in demandes).items() if nombre > 1]
    if doublons:
        raise OperationRefusee(f"« {doublons[0]} » est deux fois dans le lot : une reconduction par action.")
    with contraintes_en_francais(), transaction.atomic():
        verrouiller_les_exercices(exercices_suivants([demande.action for demande in demandes]).values())
        preparations = preparer(demandes, par)
        refuser(preparations)
        phrase = motif or "Reconduction"
        nouvelles = enregistrer([p.saisie for p in preparations], par=par, motif=phrase)
        ecrire_les_previsions(preparations, nouvelles, par, phrase)
    return [Reconduite(n, p.action, p.remarques) for n, p in zip(nouvelles, preparations, strict=True)]


def refuser(preparations):
    deja = [p.deja for p in preparations if p.deja]
    if deja:
        raise DejaReconduite(deja)
    refus = [f"« {p.action} » : {p.pourquoi_pas}" for p in preparations if p.pourquoi_pas]
    if refus:
        raise OperationRefusee(refus)


def ecrire_les_previsions(preparations, nouvelles, par, motif):
    """Les années encore à venir suivent la CPO : chaque exercice ne lit que les siennes."""
    previsions = [
        PrevisionPluriannuelle(action=nouvelle, annee=annee, montant=montant)
        for preparation, nouvelle in zip(preparations, nouvelles, strict=True)
        for annee, montant in sorted(preparation.previsions.items())
    ]
    creer_avec_historique(previsions, PrevisionPluriannuelle, par=par, motif=motif)


def exercices_suivants(actions: Iterable[Action]) -> dict[tuple[int, int], Exercice]:
    """L'exercice de l'année suivante, par (département, année) de l'action."""
    cadres = {(a.exercice.departement_id, a.exercice.annee) for a in actions}
    exercices = Exercice.objects.filter(
        departement__in={departement for departement, _ in cadres}, annee__in={annee + 1 for _, annee in cadres}
    ).select_related("departement", "nomenclature")
    return {(e.departement_id, e.annee - 1): e for e in exercices}


def preparer(demandes: Sequence[DemandeDeReconduction], par: Utilisateur) -> list[Preparation]:
    """Ce que donnerait chaque demande, sans rien écrire ; les mêmes requêtes pour une action ou pour cent."""
    relues = Action.objects.select_related(*LUES).prefetch_related(
        "financements__financeur", "localisations__quartier", "piliers_transversaux", "priorites", "previsions"
    )
    relues = relues.in_bulk([demande.action.pk for demande in demandes])
    if len(relues) < len({demande.action.pk for demande in demandes}):
        raise OperationRefusee("L’action n’existe plus : elle a été supprimée entre-temps.")
    suite = Suite(relues.values())
    return [suite.preparer(replace(d, action=relues[d.action.pk]), par) for d in demandes]


class Suite:
    """Ce qu'il faut savoir de l'année suivante, lu une fois pour tout le lot."""

    def __init__(self, actions):
        self.exercices = exercices_suivants(actions)
        self.campagnes = list(Campagne.objects.filter(exercice__in=self.exercices.values()).order_by("vague", "pk"))
        reconductions = Action.objects.filter(action_precedente__in=actions, exercice__in=self.exercices.values())
        reconductions = reconductions.select_related("exercice").order_by("-pk")
        self.deja = {(a.action_precedente_id, a.exercice_id): a for a in reconductions}
        contrats = {action.contrat_id for action in actions} - {None}
        self.contrats = grouper(FiliationContrat.objects.filter(ancien__in=contrats).select_related("nouveau"))
        lieux = {lieu.quartier_id for action in actions for lieu in action.localisations.all()}
        suites = FiliationQuartier.objects.filter(ancien__in=lieux).select_related("nouveau").defer("nouveau__contour")
        self.quartiers = grouper(suites)
        nomenclatures = {exercice.nomenclature_id for exercice in self.exercices.values()}
        lues = Thematique.objects.filter(theme__nomenclature__in=nomenclatures).select_related("theme")
        self.thematiques = {(t.theme.nomenclature_id, t.code): t for t in lues}
        self.pilier_propose = cache(Correspondance.objects.pilier_propose)

    def preparer(self, demande, par) -> Preparation:
        action = demande.action
        exercice = self.exercices.get((action.exercice.departement_id, action.exercice.annee))
        preparation = Preparation(action, exercice, cpo_finie=cpo_finie(action))
        empechement = regles.empechement_de_reconduire(action, exercice)
        if empechement:
            return replace(preparation, empechement=empechement)
        deja = self.deja.get((action.pk, exercice.pk))
        if deja:
            return replace(preparation, deja=deja, empechement=f"elle est déjà reconduite en {exercice.annee}.")
        return self.preparer_la_saisie(preparation, demande, par)

    def preparer_la_saisie(self, preparation, demande, par):
        action, exercice, remarques = preparation.action, preparation.exercice, []
        contrat = self.contrat_suivant(action, exercice, remarques)
        if action.contrat and contrat is None:
            return replace(preparation, empechement=remarques[0])
        campagnes = self.campagnes_ouvertes(exercice, contrat)
        preparation = replace(preparation, campagnes=tuple(campagnes))
        empechement, a_choisir = self.empechement(demande, preparation), ce_qui_reste_a_choisir(demande, preparation)
        if empechement or a_choisir:
            return replace(preparation, empechement=empechement, a_choisir=a_choisir)
        champs = self.champs(demande, exercice, contrat, par, remarques)
        champs["campagne"] = demande.campagne or campagnes[0]
        saisie = SaisieAction(
            champs=champs,
            plan=plan_redemande(action, remarques),
            localisations=self.localisations(action, contrat, remarques),
            piliers_transversaux=actives(action.piliers_transversaux.all(), remarques),
            priorites=actives(action.priorites.all(), remarques),
        )
        previsions = {} if champs["duree"] == Duree.ANNUELLE else previsions_apres(action, exercice)
        return replace(preparation, saisie=saisie, remarques=tuple(remarques), previsions=previsions)

    def empechement(self, demande, preparation):
        if demande.campagne is not None and demande.campagne not in preparation.campagnes:
            return regles.empechement_de_creer(demande.campagne) or "cette campagne n’est pas la sienne."
        if not preparation.campagnes:
            return f"aucune campagne de {preparation.exercice.annee} ne lui est ouverte : elles sont figées."
        return ""

    def campagnes_ouvertes(self, exercice, contrat):
        """Celles où l'action peut aller, celles de son contrat d'abord."""
        ouvertes = [c for c in self.campagnes if c.exercice_id == exercice.pk and not c.est_figee]
        du_contrat = [c for c in ouvertes if contrat and c.contrat_id == contrat.pk]
        return du_contrat + [c for c in ouvertes if c.contrat_id is None]

    def contrat_suivant(self, action, exercice, remarques) -> ContratDeVille | None:
        """Le même s'il est encore en vigueur, sinon son seul successeur."""
        contrat = action.contrat
        if contrat is None or contrat.couvre(exercice.annee):
            return contrat
        suites = [f.nouveau for f in self.contrats.get(contrat.pk, []) if f.nouveau.couvre(exercice.annee)]
        if len(suites) != 1:
            combien = "aucun contrat ne lui succède" if not suites else "plusieurs contrats lui succèdent"
            remarques.append(f"« {contrat.nom_court} » n’est plus en vigueur en {exercice.annee}, et {combien}.")
            return None
        remarques.append(f"Contrat : « {suites[0].nom_court} » succède à « {contrat.nom_court} ».")
        return suites[0]

    def localisations(self, action, contrat, remarques) -> dict[Quartier, int]:
        """Les mêmes quartiers ou leurs successeurs sans ambiguïté ; les clés de quartiers réunis s'ajoutent."""
        cles = {}
        for lieu in action.localisations.all():
            quartier = self.quartier_suivant(lieu.quartier, contrat, remarques)
            if quartier:
                cles[quartier] = cles.get(quartier, 0) + lieu.cle
        if not cles and action.localisations.all():
            remarques.append("Sans quartier, l’action est à l’échelle du contrat : choisir les siens.")
        return cles

    def quartier_suivant(self, quartier, contrat, remarques):
        if contrat and quartier.contrat_id == contrat.pk:
            return quartier
        suites = self.quartiers.get(quartier.pk, [])
        if len(suites) == 1 and suites[0].nature in SANS_AMBIGUITE and suites[0].nouveau.contrat_id == contrat.pk:
            return suites[0].nouveau
        pourquoi = "est sorti de la géographie prioritaire" if not suites else "est scindé ou change de contrat"
        remarques.append(f"Quartier à choisir : « {quartier} » {pourquoi}.")
        return None

    def champs(self, demande, exercice, contrat, par, remarques):
        action = demande.action
        thematique = self.thematique(action, exercice, remarques)
        dispositif = active(action.dispositif, "Dispositif", remarques)
        agent = action.agent_referent if action.agent_referent and action.agent_referent.is_active else par
        return {champ: getattr(action, champ) for champ in REPRIS} | {
            "exercice": exercice,
            "contrat": contrat,
            "thematique": thematique,
            "dispositif": dispositif,
            "pilier": self.pilier(action, thematique, dispositif, remarques),
            "origine": Origine.RECONDUITE,
            "action_precedente": action,
            "agent_referent": agent,
            **porteur(action, exercice, remarques),
            **duree(demande),
            **dates(action),
        }

    def thematique(self, action, exercice, remarques) -> Thematique | None:
        """Le même code, dans la nomenclature de l'année."""
        if action.thematique is None:
            return None
        trouvee = self.thematiques.get((exercice.nomenclature_id, action.thematique.code))
        if trouvee is None or not trouvee.est_actif:
            remarques.append(f"Thématique à choisir : « {action.thematique} » n’est plus dans la nomenclature.")
            return None
        if exercice.nomenclature_id != action.exercice.nomenclature_id:
            remarques.append(f"Thématique à vérifier, la nomenclature a changé : « {trouvee} ».")
        return trouvee

    def pilier(self, action, thematique, dispositif, remarques):
        """Celui que propose la correspondance d'aujourd'hui, sinon celui de l'an dernier."""
        propose = self.pilier_propose(thematique, dispositif) if thematique else None
        if propose and action.pilier and propose != action.pilier:
            remarques.append(f"Pilier : « {propose} » est proposé ; c’était « {action.pilier} ».")
        return propose or active(action.pilier, "Pilier", remarques)


def ce_qui_reste_a_choisir(demande, preparation):
    """La campagne, si plusieurs sont ouvertes sans être celle du contrat ; la suite d'une CPO finie."""
    action, annee = preparation.action, preparation.exercice.annee
    if preparation.cpo_finie and not demande.annuelle:
        return f"sa CPO est finie ({action.cpo_rang} sur {action.cpo_nombre}) : la reconduire comme action annuelle."
    if demande.campagne is None and len(preparation.campagnes) > 1 and not preparation.campagnes[0].contrat_id:
        return f"plusieurs campagnes de {annee} sont ouvertes : en choisir une."
    return ""


def grouper(filiations):
    par_ancien = {}
    for filiation in filiations.order_by("pk"):
        par_ancien.setdefault(filiation.ancien_id, []).append(filiation)
    return par_ancien


def cpo_finie(action: Action) -> bool:
    return action.duree == Duree.CPO and action.cpo_rang == action.cpo_nombre


def duree(demande):
    """Une CPO avance d'une année ; finie, elle ne repart qu'annuelle."""
    action = demande.action
    if action.duree != Duree.CPO or demande.annuelle:
        return {"duree": Duree.ANNUELLE, "cpo_rang": None, "cpo_nombre": None}
    return {"duree": Duree.CPO, "cpo_rang": action.cpo_rang + 1, "cpo_nombre": action.cpo_nombre}


def dates(action):
    return {champ: un_an_apres(getattr(action, champ)) for champ in ("date_debut", "date_fin")}


def un_an_apres(jour: Date | None) -> Date | None:
    """Le même jour de l'année suivante ; le 28 pour un 29 février."""
    return None if jour is None else decaler_de_mois(jour, 12)


def porteur(action, exercice, remarques):
    """L'organisme d'aujourd'hui, après une éventuelle fusion, et son établissement s'il n'est pas fermé."""
    if action.porteur is None:
        return {"porteur": None, "etablissement": None}
    courant, etablissement = action.porteur.courant, action.etablissement
    if courant != action.porteur:
        remarques.append(f"Porteur : « {action.porteur} » a été réuni à « {courant} ».")
    if etablissement and etablissement.fin and etablissement.fin.year < exercice.annee:
        remarques.append(f"SIRET à choisir : l’établissement {etablissement} a fermé.")
        etablissement = None
    return {"porteur": courant, "etablissement": etablissement}


def active(reference, nom, remarques):
    """La valeur d'un référentiel si elle se propose encore ; sinon None, et on le dit."""
    if reference is None or reference.est_actif:
        return reference
    remarques.append(f"{nom} à choisir : « {reference} » ne se propose plus.")
    return None


def actives(etiquettes, remarques):
    gardees = [active(etiquette, "Étiquette", remarques) for etiquette in etiquettes]
    return [etiquette for etiquette in gardees if etiquette]


def plan_redemande(action, remarques) -> list[LigneDePlan]:
    """Ce qui a été demandé se redemande ; rien de ce qui a été proposé, accordé ou versé ne suit."""
    lignes = [f for f in action.financements.all() if active(f.financeur, "Financeur", remarques)]
    lignes.sort(key=lambda ligne: ligne.pk)
    return [LigneDePlan(ligne.financeur, ligne.nature, demande=ligne.demande) for ligne in lignes]


def previsions_apres(action, exercice):
    return {p.annee: p.montant for p in action.previsions.all() if p.annee > exercice.annee}


def reconduction_de(action: Action) -> Action | None:
    """L'action de l'année suivante qui la reconduit, ou None."""
    suivantes = Action.objects.filter(action_precedente=action, exercice__annee=action.exercice.annee + 1)
    return suivantes.select_related("exercice").order_by("pk").first()


__all__ = [
    "DejaReconduite",
    "DemandeDeReconduction",
    "Preparation",
    "Reconduite",
    "preparer",
    "reconduction_de",
    "reconduire",
]
