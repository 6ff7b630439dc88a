"""Le modèle d'import « actions » : d'une table lue et convertie, il fait un plan, puis il l'applique."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from comptes.models import Utilisateur
from politique_ville.outils.tableur.champs import Champ, en_texte
from politique_ville.outils.tableur.plan import LignePlan, Plan, Statut
from politique_ville.outils.tableur.validation import TableValidee

from .. import operations, regles
from ..enums import StatutAction
from ..models import Action, Exercice, Financement
from ..operations import Examen
from .champs import champs
from .colonnes import exiger_de_quoi_reconnaitre
from .conflits import dire_le_conflit, en_conflit, lire_les_bases
from .en_clair import en_clair, lieux
from .fiches import Fiche, Journal, lire_les_fiches
from .financements import SANS_IMPORT, Plans
from .porteurs import Porteurs
from .rapprochement import Doublons, Rapprochement
from .references import References
from .saisies import Saisies, ce_qui_manque_pour_creer
from .totaux import DEPARTEMENT, Poids, effet, poids

TITRES_DES_MANQUES = {"intitule": "« Intitulé »", "contrat": "« Contrat de ville »"}
# Le champ du fichier où se lit une règle que l'opération dit d'un autre nom.
CHAMP_EN_CAUSE = {
    "localisations": "quartiers",
    "plan": "demande_p147",
    "cpo_rang": "duree",
    "cpo_nombre": "duree",
    "etablissement": "siret",
    "campagne": "contrat",
}


@dataclass
class ContexteImport:
    """Où, par qui et pourquoi l'on importe. Le plan y laisse ce que l'application lira."""

    exercice: Exercice
    utilisateur: Utilisateur
    motif: str
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
    nom = "actions"
    libelle = "Actions et plans de financement"

    def champs(self, contexte: ContexteImport) -> Sequence[Champ]:
        return contexte.champs

    def planifier(self, validee: TableValidee, contexte: ContexteImport) -> Plan:
        """Le plan des lignes valides, sans verrou ni écriture ; les règles sont celles de `operations.enregistrer`."""
        exiger_de_quoi_reconnaitre(validee.table, validee.colonnes)
        journal = Journal(validee, contexte.champs)
        if "accorde_p147" in validee.colonnes:
            journal.dire_de_la_colonne("accorde_p147", SANS_IMPORT)
        contexte.intitules_refuses = _intitules_des_refus(validee)
        contexte.fiches = lire_les_fiches(validee, journal)
        connues = self._rapprocher(contexte)
        self._composer(contexte, journal)
        sorts = self._examiner(contexte, connues)
        lignes = tuple(ligne for ligne, _ in sorts)
        totaux = self._effet(connues, contexte, [poids for _, poids in sorts])
        return Plan(lignes, tuple(journal.anomalies), totaux)

    def appliquer(self, plan: Plan, contexte: ContexteImport) -> list[Action]:
        """Écrit ce que le dernier plan de ce contexte a composé : un lot, un motif. À appeler dans une transaction."""
        auteur = {"par": contexte.utilisateur, "motif": contexte.motif}
        self._faire_naitre(contexte, auteur)
        saisies = [fiche.saisie for fiche in contexte.fiches]
        actions = operations.enregistrer(saisies, **auteur)
        a_deposer = [action for action, fiche in zip(actions, contexte.fiches, strict=True) if fiche.a_deposer]
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
        _donner_leur_action((fiche, rapprochement.par_repere(fiche)) for fiche in fiches)
        contexte.porteurs = Porteurs(fiches)
        contexte.porteurs.trouver(fiches)
        sans_action = [fiche for fiche in fiches if fiche.action is None]
        _donner_leur_action((fiche, rapprochement.par_ressemblance(fiche)) for fiche in sans_action)
        Doublons().verifier(fiches)
        return rapprochement

    # --- Composer et examiner ---

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

    def _examiner(self, contexte, connues) -> list[tuple[LignePlan, Poids | None]]:
        a_examiner = [fiche for fiche in contexte.fiches if not fiche.refusee]
        saisies = [fiche.saisie for fiche in a_examiner]
        examens = operations.examiner(saisies, par=contexte.utilisateur, motif=contexte.motif)
        par_fiche = {id(fiche): examen for fiche, examen in zip(a_examiner, examens, strict=True)}
        lire_les_bases(f for f in a_examiner if en_conflit(f) and _change(f, par_fiche[id(f)]))
        return [self._sort(fiche, par_fiche.get(id(fiche)), connues) for fiche in contexte.fiches]

    def _sort(self, fiche, examen: Examen | None, connues):
        """La ligne du plan d'une fiche, et le poids de l'action après coup (None s'il ne change pas)."""
        cle = fiche.action.pk if fiche.action else None
        if examen and examen.refus:
            _dire_le_refus(fiche, examen.refus)
        elif examen:
            self._verifier_le_dossier(fiche, examen.action, connues)
            if fiche.a_deposer:
                _verifier_le_depot(fiche, examen.action)
        if fiche.refusee:
            return LignePlan(fiche.numero, Statut.REFUSE, fiche.intitule, cle=cle), None
        if not _change(fiche, examen):
            return LignePlan(fiche.numero, Statut.INCHANGE, fiche.intitule, cle=cle), None
        return self._montrer(fiche, examen.action, cle)

    @staticmethod
    def _montrer(fiche, action, cle):
        avant = _actuelle(fiche.action) if fiche.action else {}
        apres, plan = _future(fiche, action)
        statut = Statut.MODIFIE if fiche.action else Statut.CREE
        if en_conflit(fiche):
            dire_le_conflit(fiche, avant, apres)
            statut = Statut.REFUSE
        changes = {libelle for libelle in {**avant, **apres} if avant.get(libelle) != apres.get(libelle)}
        avant, apres, base = ({k: v for k, v in mots.items() if k in changes} for mots in (avant, apres, fiche.base))
        apres |= dict.fromkeys(sorted(changes - set(apres)), "")  # un champ vidé doit se voir
        ligne = LignePlan(fiche.numero, statut, fiche.intitule, avant, apres, cle=cle, base=base)
        return ligne, poids(action, plan) if statut != Statut.REFUSE else None

    @staticmethod
    def _verifier_le_dossier(fiche, action, connues):
        autre = connues.dossier_pris(action)
        if autre:
            fiche.refuser("dossier", f"ce dossier est déjà celui de « {autre.intitule} » dans le même contrat.")
        elif fiche.action is None and fiche.dossier and (jumelle := connues.jumelle_sans_dossier(fiche)):
            fiche.avertir(
                "dossier",
                f"« {jumelle.intitule} » existe sans dossier, avec le même porteur : cette ligne en créera une autre.",
            )

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


def _intitules_des_refus(validee):
    """L'intitulé des lignes que la conversion a refusées, pour que l'agent les reconnaisse."""
    rang, refusees = validee.colonnes.get("intitule"), set(validee.refusees)
    lignes = validee.table.lignes if rang is not None else ()
    return {ligne.numero: en_texte(ligne.valeurs[rang] or "") for ligne in lignes if ligne.numero in refusees}


def _donner_leur_action(paires: Iterable) -> None:
    """Lit d'un coup les actions reconnues, avec tout ce que la comparaison montre."""
    connues = {id(fiche): (fiche, connue.pk) for fiche, connue in paires if connue}
    actions = _lire({pk for _, pk in connues.values()})
    for fiche, pk in connues.values():
        fiche.action = actions[pk]


def _lire(ids):
    actions = (
        Action.objects.filter(pk__in=ids)
        .select_related("exercice__nomenclature", "contrat", "thematique__theme", "pilier", "dispositif")
        .select_related("porteur__fusionne_dans", "etablissement__organisme", "campagne")
        .prefetch_related("localisations__quartier", "priorites", "piliers_transversaux")
        .in_bulk()
        if ids
        else {}
    )
    lignes = defaultdict(list)
    for ligne in Financement.objects.filter(action__in=ids).select_related("financeur").order_by("pk"):
        lignes[ligne.action_id].append(ligne)
    for action in actions.values():
        action.lignes = lignes[action.pk]
    return actions


def _change(fiche, examen):
    return examen is not None and examen.refus is None and (examen.change or fiche.a_deposer)


def _actuelle(action):
    etiquettes = (action.priorites.all(), action.piliers_transversaux.all())
    return en_clair(action, action.lignes, lieux(action.localisations.all()), *etiquettes)


def _future(fiche, action):
    """L'action telle qu'elle serait, en mots, et son plan de financement."""
    saisie, existante = fiche.saisie, fiche.action
    plan = saisie.plan if saisie.plan is not None else (existante.lignes if existante else ())
    quartiers = saisie.localisations
    if quartiers is None:
        quartiers = lieux(existante.localisations.all()) if existante else {}
    etiquettes = [_etiquettes(saisie, existante, nom) for nom in ("priorites", "piliers_transversaux")]
    mots = en_clair(action, plan, quartiers, *etiquettes)
    if fiche.a_deposer:
        mots["Statut"] = StatutAction.DEPOSEE.label
    return mots, plan


def _etiquettes(saisie, existante, nom):
    voulues = getattr(saisie, nom)
    if voulues is not None:
        return voulues
    return getattr(existante, nom).all() if existante else ()


def _verifier_le_depot(fiche, action):
    empechement = regles.empechement_de_deposer(action)
    if empechement:
        fiche.refuser("statut", f"cette action ne peut pas être déposée. {empechement}")


def _dire_le_refus(fiche, refus):
    """Chaque message de la règle, sur la cellule du champ qu'elle met en cause."""
    if not hasattr(refus, "error_dict"):
        fiche.refuser(_champ_principal(fiche), " ".join(refus.messages))
        return
    for nom, messages in refus.message_dict.items():
        nom = CHAMP_EN_CAUSE.get(nom, nom)
        fiche.refuser(nom if nom in fiche.journal.champs else _champ_principal(fiche), " ".join(messages))


def _champ_principal(fiche):
    return next((nom for nom in ("intitule", "dossier", "cle") if nom in fiche.valeurs), "intitule")


def _dire_le_manque(journal, nom, fiches):
    """Une colonne absente se dit une fois ; une cellule vide, à sa place."""
    if nom in journal.validee.colonnes:
        for fiche in fiches:
            fiche.refuser(nom, f"{TITRES_DES_MANQUES[nom]} est obligatoire pour créer une action.")
    else:
        numeros = ", ".join(str(fiche.numero) for fiche in fiches[:5]) + ("…" if len(fiches) > 5 else "")
        manque = f"la colonne {TITRES_DES_MANQUES[nom]} manque"
        journal.dire_des_entetes(nom, f"{manque}, obligatoire pour créer une action (lignes {numeros}).")
