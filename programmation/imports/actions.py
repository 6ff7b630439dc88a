"""Le modèle d'import « actions » : d'une table lue et convertie, il fait un plan, puis il l'applique."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from django.urls import reverse

from comptes.models import Utilisateur
from politique_ville.outils.tableur.champs import Champ, en_texte
from politique_ville.outils.tableur.modeles import Grandeur, TableauDesTotaux
from politique_ville.outils.tableur.plan import Plan
from politique_ville.outils.tableur.validation import TableValidee

from .. import operations, regles
from ..models import ACTIONS, Action, Exercice
from ..operations import DroitManquant, OperationRefusee
from .champs import champs, groupe
from .colonnes import exiger_de_quoi_reconnaitre
from .fiches import Fiche, Journal, lire_les_fiches, lire_les_fiches_refusees
from .financements import SANS_IMPORT, Plans
from .porteurs import Porteurs
from .rapprochement import Rapprochement, donner_leur_action, refuser_les_doublons
from .references import References
from .saisies import OBLIGATOIRES, Saisies, ce_qui_manque_pour_creer
from .sorts import examiner
from .totaux import DEPARTEMENT, Poids, effet


@dataclass
class ContexteImport:
    """Où, par qui et pourquoi l'on importe. Le plan y laisse ce que l'application lira."""

    exercice: Exercice
    utilisateur: Utilisateur
    motif: str
    deposer_les_completes: bool = False  # à la confirmation : les actions créées à qui il ne manque rien
    fiches: list[Fiche] = field(default_factory=list)
    intitules_refuses: dict[int, str] = field(default_factory=dict)
    porteurs: Porteurs | None = None
    saisies: Saisies | None = None

    @cached_property
    def references(self) -> References:
        return References(self.exercice, self.utilisateur)

    @cached_property
    def champs(self) -> list[Champ]:
        return champs(self.references)


class ImportDesActions:
    nom = ACTIONS
    libelle = "Actions et plans de financement"
    demande_un_exercice = True
    titres_nominatifs = frozenset()
    explications = (
        "Une ligne par action, ou une ligne par financement : les deux se lisent.",
        "Une action est reconnue par sa clé (nos exports), par son dossier Dauphin dans le contrat, sinon par son "
        "intitulé et son porteur. Inconnue, elle est créée.",
        "Une cellule vide ne vide rien.",
        "Sans « Déposée » dans une colonne « Statut », une action naît en brouillon. Elle se décide une fois déposée : "
        "à la confirmation de l’import, ou plus tard, par sélection dans la liste.",
        "L’accordé P147 ne s’importe pas : une décision s’enregistre à l’écran.",
    )
    totaux = TableauDesTotaux(
        "Effet sur les totaux, toutes actions de l’exercice, quel que soit leur statut",
        "Contrat",
        (
            Grandeur("actions", "Actions", False),
            Grandeur("demande", "Demandé P147"),
            Grandeur("cout", "Coût prévisionnel"),
        ),
    )

    def contexte(self, ou: Exercice, utilisateur: Utilisateur, motif: str) -> ContexteImport:
        """Lève DroitManquant ou OperationRefusee si la personne ne peut pas importer dans cet exercice."""
        if not regles.peut_importer(utilisateur, ou):
            raise DroitManquant("Seuls les agents et les responsables du département importent dans cet exercice.")
        empechement = regles.empechement_d_importer(ou)
        if empechement:
            raise OperationRefusee(empechement)
        return ContexteImport(ou, utilisateur, motif)

    def champs(self, contexte: ContexteImport) -> Sequence[Champ]:
        return contexte.champs

    def groupe(self, champ: Champ) -> str:
        return groupe(champ)

    def adresse_de(self, cle: int) -> str:
        return reverse("programmation:action_detail", args=[cle])

    def suite(self, ou: Exercice) -> tuple[str, str]:
        return "Voir les actions de l’exercice", f"{reverse('programmation:action_list')}?exercice={ou.pk}"

    def planifier(self, validee: TableValidee, contexte: ContexteImport) -> Plan:
        """Le plan des lignes valides, sans verrou ni écriture ; les règles sont celles de `operations.enregistrer`."""
        exiger_de_quoi_reconnaitre(validee.table, validee.colonnes)
        journal = Journal(validee, contexte.champs)
        if "accorde_p147" in validee.colonnes:
            journal.dire_de_la_colonne("accorde_p147", SANS_IMPORT)
        contexte.intitules_refuses = _intitules_des_refus(validee)
        contexte.fiches = lire_les_fiches(validee, journal)
        connues = self._rapprocher(contexte)
        refuser_les_doublons((*contexte.fiches, *lire_les_fiches_refusees(validee, journal)))
        self._composer(contexte, journal)
        sorts = examiner(contexte.fiches, connues, par=contexte.utilisateur, motif=contexte.motif)
        lignes = tuple(ligne for ligne, _ in sorts)
        totaux = self._effet(connues, contexte, [poids for _, poids in sorts])
        return Plan(lignes, tuple(journal.anomalies), totaux)

    def appliquer(self, plan: Plan, contexte: ContexteImport) -> list[Action]:
        """Écrit ce que le dernier plan de ce contexte a composé : un lot, un motif. À appeler dans une transaction."""
        auteur = {"par": contexte.utilisateur, "motif": contexte.motif}
        self._faire_naitre(contexte, auteur)
        saisies = [fiche.saisie for fiche in contexte.fiches]
        actions = operations.enregistrer(saisies, **auteur)
        paires = zip(actions, contexte.fiches, strict=True)
        a_deposer = [action for action, fiche in paires if fiche.a_deposer or _nait_deposee(action, fiche, contexte)]
        if a_deposer:
            operations.deposer(a_deposer, **auteur)
        return actions

    # --- Reconnaître ---

    def _rapprocher(self, contexte):
        """Donne à chaque fiche son action et son porteur ; rend toutes les actions connues de l'exercice."""
        fiches = contexte.fiches
        contexte.saisies = Saisies(contexte.references, Plans(contexte.references))
        situer = contexte.saisies.situer_par_les_quartiers
        rapprochement = Rapprochement(contexte.exercice, contexte.utilisateur, situer)
        donner_leur_action((fiche, rapprochement.par_repere(fiche)) for fiche in fiches)
        contexte.porteurs = Porteurs(fiches)
        contexte.porteurs.trouver(fiches)
        sans_action = [fiche for fiche in fiches if fiche.action is None]
        donner_leur_action((fiche, rapprochement.par_ressemblance(fiche)) for fiche in sans_action)
        return rapprochement

    # --- Composer ---

    def _composer(self, contexte, journal):
        manques = defaultdict(list)
        for fiche in contexte.fiches:
            for nom in ce_qui_manque_pour_creer(fiche):
                manques[nom].append(fiche)
                fiche.refusee = True
            if not fiche.refusee:
                contexte.saisies.composer(fiche)
        for nom, fiches in manques.items():
            _dire_le_manque(journal, nom, fiches)

    # --- Totaux ---

    @staticmethod
    def _effet(connues, contexte, nouveaux):
        contrats = {contrat.pk: str(contrat) for contrat in contexte.references.contrats}
        avant = {
            connue.pk: Poids(contrats.get(connue.contrat, DEPARTEMENT), connue.demande, connue.cout)
            for connue in connues.connues.values()
        }
        apres = dict(avant)
        for fiche, nouveau in zip(contexte.fiches, nouveaux, strict=True):
            if nouveau:
                apres[fiche.action.pk if fiche.action else -fiche.numero] = nouveau
        return effet(avant, apres)

    # --- Appliquer ---

    @staticmethod
    def _faire_naitre(contexte, auteur):
        """Crée les porteurs et les financeurs du plan ; les saisies, qui les portent, reçoivent leur identifiant."""
        porteurs, plans = contexte.porteurs, contexte.saisies.plans
        for objet in (*porteurs.a_creer, *porteurs.etablissements_a_creer):
            objet.pk = None
        operations.creer_des_organismes(porteurs.a_creer, porteurs.etablissements_a_creer, **auteur)
        crees = {id(f): operations.financeur_a_preciser(f.famille) for f in plans.a_creer}
        for fiche in contexte.fiches:
            if crees and fiche.saisie.plan:
                fiche.saisie.plan = [
                    replace(ligne, financeur=crees.get(id(ligne.financeur), ligne.financeur))
                    for ligne in fiche.saisie.plan
                ]


def _nait_deposee(action, fiche, contexte):
    """Une action créée, complète, quand la personne a demandé de les déposer en confirmant."""
    creee = fiche.action is None
    return contexte.deposer_les_completes and creee and not regles.empechement_de_deposer(action)


def _intitules_des_refus(validee):
    """L'intitulé des lignes que la conversion a refusées, pour que l'agent les reconnaisse."""
    rang, refusees = validee.colonnes.get("intitule"), set(validee.refusees)
    lignes = validee.table.lignes if rang is not None else ()
    return {ligne.numero: en_texte(ligne.valeurs[rang] or "") for ligne in lignes if ligne.numero in refusees}


def _dire_le_manque(journal, nom, fiches):
    """Une colonne absente se dit une fois ; une cellule vide, à sa place."""
    if nom in journal.validee.colonnes:
        for fiche in fiches:
            fiche.refuser(nom, f"{OBLIGATOIRES[nom]} est obligatoire pour créer une action.")
    else:
        numeros = ", ".join(str(fiche.numero) for fiche in fiches[:5]) + ("…" if len(fiches) > 5 else "")
        manque = f"la colonne {OBLIGATOIRES[nom]} manque"
        journal.dire_des_entetes(nom, f"{manque}, obligatoire pour créer une action (lignes {numeros}).")
