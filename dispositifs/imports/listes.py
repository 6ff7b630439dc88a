"""Les deux modèles d'import : la liste des adultes-relais et celle des postes FONJEP."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.urls import reverse

from comptes.models import Utilisateur
from politique_ville.outils.francais import euros
from politique_ville.outils.tableur.champs import Champ, Convertisseur, en_texte
from politique_ville.outils.tableur.modeles import Grandeur, TableauDesTotaux
from politique_ville.outils.tableur.plan import LignePlan, Plan, Statut
from politique_ville.outils.tableur.validation import TableValidee
from programmation.imports.fiches import Journal
from programmation.imports.porteurs import Porteurs
from programmation.operations import DroitManquant, creer_des_organismes
from territoires.models import Departement

from .. import regles
from ..models import BaremeFonjep, PosteAdulteRelais, PosteFonjep, ReleveAnct, ReleveFonjep
from ..operations import enregistrer_des_postes, enregistrer_des_postes_fonjep, enregistrer_des_releves
from . import anomalies
from .champs import TITRES_NOMINATIFS, champs_d_une_liste, identifiant_adulte_relais, identifiant_fonjep
from .employeurs import donner_leur_employeur
from .lignes import LigneDeListe, donner_leur_contrat, lire_les_lignes
from .postes import Postes
from .releves import lire_les_gardes, rapprocher
from .totaux import Poids, effet


def noms_des_refusees(validee: TableValidee) -> dict[int, str]:
    """L'identifiant, à défaut la raison sociale, des lignes que la conversion a refusées : on les y reconnaît."""
    rangs = [validee.colonnes[nom] for nom in ("id", "porteur") if nom in validee.colonnes]
    refusees = set(validee.refusees)
    lignes = (ligne for ligne in validee.table.lignes if ligne.numero in refusees)
    return {ligne.numero: next((en_texte(ligne.valeurs[r]) for r in rangs if ligne.valeurs[r]), "") for ligne in lignes}


@dataclass
class ContexteDeListe:
    """Où, par qui et pourquoi l'on importe. Le plan y laisse ce que l'application lira."""

    departement: Departement
    utilisateur: Utilisateur
    motif: str
    identifiant: Convertisseur
    deposer_les_completes: bool = False  # sans objet : un poste n'a pas de brouillon
    intitules_refuses: dict[int, str] = field(default_factory=dict)
    lignes: list[LigneDeListe] = field(default_factory=list)
    porteurs: Porteurs | None = None
    postes: Postes | None = None

    @cached_property
    def champs(self) -> list[Champ]:
        return champs_d_une_liste(self.identifiant, self.departement)


class ImportDUneListe:
    """Ce que les deux listes ont en commun ; une sous-classe dit ses modèles, ses opérations et ses anomalies."""

    demande_un_exercice = False
    garde_les_recopies = False
    titres_nominatifs = TITRES_NOMINATIFS
    explications = (
        "La liste vaut pour le département et pour toutes les années qu’elle porte.",
        "D’une liste nationale, les lignes des autres départements sont laissées de côté.",
        "Un poste est reconnu par son numéro. Inconnu, il est créé, avec son employeur s’il n’est pas au répertoire.",
        "Le montant publié de chaque année est gardé à part : il ne se mêle pas à nos calculs.",
        "La liste ne dit aucune date : aucune convention n’en naît.",
        "Ce qui étonne est nommé ; une année déjà gardée qui dirait autre chose est refusée.",
    )
    totaux = TableauDesTotaux(
        "Ce qui est gardé des listes publiées, pour chaque année du fichier",
        "Année",
        (
            Grandeur("postes", "Postes", est_un_montant=False),
            Grandeur("lignes", "Lignes publiées", est_un_montant=False),
            Grandeur("montant", "Montant publié"),
        ),
    )

    def contexte(self, ou: Departement, utilisateur: Utilisateur, motif: str) -> ContexteDeListe:
        """Lève DroitManquant si la personne ne peut pas importer dans ce département."""
        if not regles.peut_importer_une_liste(utilisateur, ou):
            raise DroitManquant("Seuls les agents et les responsables du département importent dans ce département.")
        return ContexteDeListe(ou, utilisateur, motif, self.identifiant)

    def champs(self, contexte: ContexteDeListe) -> Sequence[Champ]:
        return contexte.champs

    def groupe(self, champ: Champ) -> str:
        return ""

    # --- Planifier ---

    def planifier(self, validee: TableValidee, contexte: ContexteDeListe) -> Plan:
        """Le plan des lignes du département, sans verrou ni écriture."""
        journal = Journal(validee, contexte.champs)
        contexte.intitules_refuses = noms_des_refusees(validee)
        lignes = contexte.lignes = lire_les_lignes(validee, contexte.departement, journal)
        donner_leur_contrat(lignes, contexte.departement, journal)
        contexte.postes = Postes(self.modele_de_poste, self.cle, self.employeur)
        contexte.postes.trouver(lignes, contexte.departement, journal)
        rapprocher(lignes, self.modele_de_releve, journal)
        self.dire_ce_qui_etonne(lignes, contexte.departement, journal)
        contexte.porteurs = donner_leur_employeur([ligne for ligne in lignes if ligne.est_nouvelle], journal)
        contexte.postes.composer([ligne for ligne in lignes if ligne.est_nouvelle], contexte.departement, journal)
        plan = tuple(self._sort(ligne, contexte) for ligne in lignes)
        return Plan(plan, tuple(journal.anomalies), self._effet(lignes, contexte.departement))

    def dire_ce_qui_etonne(self, lignes, departement, journal):
        """Les anomalies de cette liste, rapprochée de ce qui est déjà gardé de ses postes."""
        gardes = lire_les_gardes(lignes, self.modele_de_releve, self.cle)
        uniques = lignes if self.garde_les_recopies else anomalies.sans_les_recopies(lignes, journal)
        anomalies.dire_les_repetitions(uniques, gardes, journal)
        anomalies.dire_les_sirets_qui_changent(lignes, gardes, journal)

    def _sort(self, ligne, contexte):
        intitule = f"{ligne.id_publie} en {ligne.annee}, {ligne.raison_sociale}"
        poste = contexte.postes.connus.get(ligne.poste)
        cle = poste.pk if poste else None
        if ligne.refusee or ligne.releve:
            return LignePlan(ligne.numero, Statut.REFUSE if ligne.refusee else Statut.INCHANGE, intitule, cle=cle)
        apres = {"Montant publié": euros(ligne.montant), "Employeur": str(ligne.employeur)}
        apres |= {"SIRET": ligne.siret} if ligne.siret else {}
        apres |= {"Contrat publié": ligne.code_contrat} if ligne.code_contrat else {}
        apres |= {"Rang": str(ligne.rang)} if ligne.rang > 1 else {}
        return LignePlan(ligne.numero, Statut.CREE, intitule, apres=apres | ligne.effets, cle=cle)

    def _effet(self, lignes, departement):
        """Par année du fichier : postes, lignes et montant (€) gardés, avant et après."""
        annees = sorted({ligne.annee for ligne in lignes})
        gardes = self.modele_de_releve.objects.filter(poste__departement=departement, annee__in=annees)
        avant = [Poids(*valeurs) for valeurs in gardes.values_list("annee", f"poste__{self.cle}", "montant")]
        nouveaux = [Poids(n.annee, n.poste, n.montant) for n in lignes if n.est_nouvelle]
        return {str(annee): effet(annee, avant, [*avant, *nouveaux]) for annee in annees}

    # --- Appliquer ---

    def appliquer(self, plan: Plan, contexte: ContexteDeListe) -> int:
        """Écrit ce que le dernier plan de ce contexte a composé ; rend le nombre de relevés. Dans une transaction."""
        auteur = {"par": contexte.utilisateur, "motif": contexte.motif}
        porteurs, postes = contexte.porteurs, contexte.postes
        for objet in (*porteurs.a_creer, *porteurs.etablissements_a_creer):
            objet.pk = None
        creer_des_organismes(porteurs.a_creer, porteurs.etablissements_a_creer, **auteur)
        ecrits = self.enregistrer_les_postes(list(postes.saisies.values()), **auteur)
        par_numero = postes.connus | {getattr(poste, self.cle): poste for poste in ecrits}
        releves = [
            self._releve(ligne, par_numero[ligne.poste], contexte.motif)
            for ligne in contexte.lignes
            if ligne.est_nouvelle
        ]
        return enregistrer_des_releves(releves, **auteur)

    def _releve(self, ligne, poste, motif):
        return self.modele_de_releve(
            poste=poste,
            annee=ligne.annee,
            rang=ligne.rang,
            id_publie=ligne.id_publie,
            montant=ligne.montant,
            siret=ligne.siret,
            raison_sociale=ligne.raison_sociale,
            code_contrat=ligne.code_contrat,
            source=ligne.source or motif,
        )


class ImportDesAdultesRelais(ImportDUneListe):
    nom = "adultes-relais"
    libelle = "Adultes-relais : liste publiée par l’ANCT"
    modele_de_poste, cle, employeur = PosteAdulteRelais, "numero", "employeur"
    modele_de_releve = ReleveAnct
    identifiant = staticmethod(identifiant_adulte_relais)
    enregistrer_les_postes = staticmethod(enregistrer_des_postes)

    def dire_ce_qui_etonne(self, lignes, departement, journal):
        super().dire_ce_qui_etonne(lignes, departement, journal)
        anomalies.dire_les_autres_departements(lignes, departement, journal)
        montants = set(BaremeFonjep.objects.exclude(montant=None).values_list("montant", flat=True))
        anomalies.dire_les_montants_fonjep(lignes, montants, journal)

    def adresse_de(self, cle: int) -> str:
        return reverse("dispositifs:adulte_relais_detail", args=[cle])

    def suite(self, ou: Departement) -> tuple[str, str]:
        return "Voir les postes adultes-relais", reverse("dispositifs:adulte_relais_list")


class ImportDesPostesFonjep(ImportDUneListe):
    nom = "fonjep"
    garde_les_recopies = True  # la liste publiée de 2025 répète presque toutes les siennes à l'identique
    libelle = "FONJEP : liste publiée par l’ANCT"
    modele_de_poste, cle, employeur = PosteFonjep, "code", "association"
    modele_de_releve = ReleveFonjep
    identifiant = staticmethod(identifiant_fonjep)
    enregistrer_les_postes = staticmethod(enregistrer_des_postes_fonjep)

    def adresse_de(self, cle: int) -> str:
        return reverse("dispositifs:fonjep_detail", args=[cle])

    def suite(self, ou: Departement) -> tuple[str, str]:
        return "Voir les postes FONJEP", reverse("dispositifs:fonjep_list")
