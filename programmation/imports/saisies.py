"""Composer, pour chaque fiche, la saisie que l'opération enregistrera : seules les cellules remplies y sont."""

from functools import lru_cache

from django.core.exceptions import ValidationError

from politique_ville.outils.recherche import normaliser
from politique_ville.outils.tableur.champs import Option, choix

from ..enums import Echelle, StatutAction
from ..operations import SaisieAction
from .fiches import Fiche
from .financements import Plans
from .references import References

CHAMPS_SIMPLES = (
    "intitule",
    "contrat",
    "echelle",
    "dossier",
    "tranche",
    "thematique",
    "dispositif",
    "origine",
    "date_debut",
    "date_fin",
    "cout_previsionnel",
    "contributions_volontaires",
    "beneficiaires_prevus",
    "beneficiaires_femmes",
    "beneficiaires_hommes",
    "beneficiaires_qpv",
    "description",
    "objectifs",
)
OBLIGATOIRES = {"intitule": "« Intitulé »", "contrat": "« Contrat de ville »"}  # pour créer, fût-ce un brouillon


class Saisies:
    """Compose les saisies d'un fichier dans un exercice."""

    def __init__(self, references: References, plans: Plans):
        self.references = references
        self.plans = plans
        self.quartiers_du_contrat = lru_cache(self._lecteur_de_quartiers)

    def situer_par_les_quartiers(self, fiche: Fiche) -> None:
        """Sans contrat écrit, celui que désignent tous les quartiers, s'il n'y en a qu'un."""
        if fiche.contrat or fiche.echelle == Echelle.DEPARTEMENT:
            return
        contrats = {q.contrat for nom, _ in fiche.valeurs.get("quartiers", ()) for q in self._quartiers_nommes(nom)}
        if len(contrats) == 1:
            fiche.valeurs["contrat"], fiche.valeurs["echelle"] = contrats.pop(), Echelle.CONTRAT

    def composer(self, fiche: Fiche) -> None:
        """Pose `fiche.saisie`, ou refuse la fiche."""
        champs = {nom: fiche.valeurs[nom] for nom in CHAMPS_SIMPLES if nom in fiche.valeurs}
        if fiche.echelle == Echelle.DEPARTEMENT:
            champs["contrat"] = fiche.contrat
        champs |= fiche.valeurs.get("duree", {})
        champs |= self._porteur(fiche) | self._pilier(fiche, champs)
        if fiche.action is None:
            champs["exercice"] = self.references.exercice
            champs.setdefault("contrat", None)
        fiche.saisie = SaisieAction(
            champs=champs,
            action=fiche.action,
            plan=self.plans.composer(fiche, fiche.action.lignes if fiche.action else ()),
            localisations=self._localisations(fiche),
            priorites=fiche.valeurs.get("priorites"),
            piliers_transversaux=fiche.valeurs.get("piliers_transversaux"),
        )
        self._verifier_le_statut(fiche)

    @staticmethod
    def _porteur(fiche):
        """Le porteur déjà inscrit reste s'il a été fusionné dans celui du fichier : une fusion ne réécrit rien."""
        if fiche.porteur is None:
            return {}
        actuel = fiche.action.porteur if fiche.action else None
        porteur = actuel if actuel and actuel.courant == fiche.porteur else fiche.porteur
        champs = {"porteur": porteur}
        if fiche.etablissement:
            champs["etablissement"] = fiche.etablissement
        elif fiche.action and porteur != actuel:
            champs["etablissement"] = None
        return champs

    def _pilier(self, fiche, champs):
        """Celui du fichier ; sinon la correspondance propose, sans jamais remplacer un pilier déjà choisi."""
        if "pilier" in fiche.valeurs:
            return {"pilier": fiche.valeurs["pilier"]}
        action = fiche.action
        thematique = champs.get("thematique") or (action.thematique if action else None)
        dispositif = champs.get("dispositif") or (action.dispositif if action else None)
        propose = self.references.pilier_propose(thematique, dispositif)
        if action is None or action.pilier_id is None:
            return {"pilier": propose} if propose else {}
        if propose and "thematique" in champs and action.thematique != thematique and action.pilier != propose:
            reste = f"la thématique change, le pilier reste « {action.pilier} »"
            fiche.avertir("thematique", f"{reste} ; la correspondance proposerait « {propose} ».")
        return {}

    # --- Quartiers ---

    def _localisations(self, fiche):
        if "quartiers" not in fiche.valeurs:
            return None
        contrat = fiche.contrat or (fiche.action.contrat if fiche.action else None)
        localisations = {}
        for nom, cle in fiche.valeurs["quartiers"]:
            quartier = self._quartier(fiche, contrat, nom)
            if quartier in localisations:
                fiche.refuser("quartiers", f"« {quartier} » y est deux fois.")
            elif quartier:
                localisations[quartier] = cle
        return localisations

    def _quartier(self, fiche, contrat, nom):
        if contrat is None:
            fiche.refuser("quartiers", "une action sans contrat n’a pas de quartier.")
            return None
        try:
            return self.quartiers_du_contrat(contrat)(nom)
        except ValidationError as erreur:
            ailleurs = self._quartiers_nommes(nom)
            if ailleurs:
                contrats = " et ".join(f"« {q.contrat} » ({q.generation})" for q in ailleurs)
                fiche.refuser("quartiers", f"« {nom} » n’est pas un quartier de « {contrat} », mais de {contrats}.")
            else:
                fiche.refuser("quartiers", " ".join(erreur.messages))
            return None

    def _lecteur_de_quartiers(self, contrat):
        siens = [q for q in self.references.quartiers if q.contrat_id == contrat.pk]
        return choix(Option(q, q.nom, q.code or "", (q.nom_d_usage,)) for q in siens)

    def _quartiers_nommes(self, nom):
        """Les quartiers du département qui portent ce code ou ce nom, en vigueur d'abord s'il y en a."""
        cherche = normaliser(nom)
        annee = self.references.exercice.annee
        trouves = [
            q
            for q in self.references.quartiers
            if cherche in (normaliser(n) for n in (q.code, q.nom, q.nom_d_usage) if n)
        ]
        return [q for q in trouves if q.contrat.couvre(annee)] or trouves

    # --- Statut ---

    @staticmethod
    def _verifier_le_statut(fiche):
        """« Déposée » dépose un brouillon ; ce que l'action a déjà dépassé ne la ramène pas en arrière."""
        voulu = fiche.valeurs.get("statut")
        actuel = fiche.action.statut if fiche.action else StatutAction.BROUILLON
        if voulu == StatutAction.DEPOSEE:
            fiche.a_deposer = actuel == StatutAction.BROUILLON
        elif voulu not in (None, StatutAction.BROUILLON, actuel):
            libelle = StatutAction(voulu).label
            fiche.refuser(
                "statut",
                f"« {libelle} » ne s’importe pas : écrire « Déposée », puis enregistrer la décision à l’écran.",
            )


def ce_qui_manque_pour_creer(fiche: Fiche) -> list[str]:
    """Les champs sans lesquels même un brouillon ne peut pas naître."""
    if fiche.action or fiche.refusee:
        return []
    manquants = [nom for nom in OBLIGATOIRES if nom not in fiche.valeurs]
    return [nom for nom in manquants if nom != "contrat" or fiche.echelle != Echelle.DEPARTEMENT]
