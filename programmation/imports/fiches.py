"""Réunir les lignes d'un fichier en fiches : une fiche est une action, décrite sur une ligne ou sur plusieurs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from politique_ville.outils.recherche import normaliser
from politique_ville.outils.tableur.champs import Champ, DossierDauphin
from politique_ville.outils.tableur.plan import Anomalie, Gravite
from politique_ville.outils.tableur.validation import LigneValidee, TableValidee
from territoires.models import ContratDeVille

from ..enums import Echelle
from ..models import Action, Etablissement, Organisme
from ..operations import SaisieAction
from .champs import LIGNE
from .repetitions import d_ensemble, se_repete

REPERES = ("cle", "dossier", "tranche", "contrat", "echelle")  # ce qui désigne une action
NOMS = ("intitule", "siret", "siren", "porteur")  # ce qui la désigne à défaut de clé et de dossier


class Journal:
    """Tout ce qu'il y a à dire à l'agent, avec la cellule en cause ; cent fois la même chose se dit une fois."""

    def __init__(self, validee: TableValidee, champs: Sequence[Champ]):
        self.validee = validee
        self.champs = {champ.nom: champ for champ in champs}
        self._dites: list[Anomalie] = []
        self._avertissements: dict[tuple[str, str], dict[int, Anomalie]] = {}  # (champ, phrase d'ensemble) → par ligne

    @property
    def anomalies(self) -> list[Anomalie]:
        dites = list(self._dites)
        for (nom, ensemble), par_ligne in self._avertissements.items():
            if se_repete(par_ligne):
                dites.append(self._sur_l_entete(nom, d_ensemble(ensemble, par_ligne)))
            else:
                dites += par_ligne.values()
        return dites

    def refuser(self, numero: int, nom: str, message: str) -> None:
        self._dites.append(self.validee.anomalie(numero, self.champs[nom], message))

    def avertir(self, numero: int, nom: str, message: str, ensemble: str) -> None:
        """`ensemble` est la phrase dite à la place, une fois, si trop de lignes de la colonne la méritent."""
        anomalie = self.validee.anomalie(numero, self.champs[nom], message, Gravite.AVERTISSEMENT)
        self._avertissements.setdefault((nom, ensemble), {})[numero] = anomalie

    def dire_de_la_colonne(self, nom: str, message: str) -> None:
        """Un avertissement qui vaut pour toute une colonne : il est dit une fois, sur son en-tête."""
        self._dites.append(self._sur_l_entete(nom, message))

    def dire_des_entetes(self, nom: str, message: str) -> None:
        """Un refus qui tient à une colonne absente : il est dit une fois, sur la ligne des en-têtes."""
        ligne = f"ligne {self.validee.table.ligne_des_entetes}"
        self._dites.append(Anomalie(ligne, self.champs[nom].libelle, "", message))

    def _sur_l_entete(self, nom, message):
        table, rang = self.validee.table, self.validee.colonnes[nom]
        adresse = table.adresse(table.ligne_des_entetes, rang)
        return Anomalie(adresse, self.champs[nom].libelle, table.entetes[rang], message, Gravite.AVERTISSEMENT)


@dataclass
class Fiche:
    """Une action du fichier : ses valeurs, l'action qu'elle met à jour, ce qui serait écrit.

    `valeurs` n'a que les cellules remplies : une cellule vide ne vide pas un champ. `origines` : la ligne de chacune.
    """

    numero: int
    journal: Journal
    valeurs: dict[str, Any] = field(default_factory=dict)
    origines: dict[str, int] = field(default_factory=dict)
    lignes: list[LigneValidee] = field(default_factory=list)
    refusee: bool = False
    action: Action | None = None
    porteur: Organisme | None = None
    etablissement: Etablissement | None = None
    saisie: SaisieAction | None = None
    a_deposer: bool = False
    base: dict[str, str] = field(default_factory=dict)

    def refuser(self, nom: str, message: str, numero: int | None = None) -> None:
        self.refusee = True
        self.journal.refuser(numero or self.origines.get(nom, self.numero), nom, message)

    def avertir(self, nom: str, message: str, ensemble: str = "") -> None:
        """`ensemble` : la phrase qui le remplace si beaucoup de lignes la méritent ; sans elle, le message lui-même."""
        self.journal.avertir(self.origines.get(nom, self.numero), nom, message, ensemble or message)

    @property
    def contrat(self) -> ContratDeVille | None:
        return self.valeurs.get("contrat")

    @property
    def echelle(self) -> Echelle | None:
        return self.valeurs.get("echelle")

    @property
    def dossier(self) -> str | None:
        return self.valeurs.get("dossier")

    @property
    def intitule(self) -> str:
        return self.valeurs.get("intitule") or (self.action.intitule if self.action else "")


def lire_les_fiches(validee: TableValidee, journal: Journal) -> list[Fiche]:
    """Une fiche par ligne, ou une par action si le fichier a une colonne « Financeur »."""
    if f"{LIGNE}financeur" not in validee.colonnes:
        fiches = [_fiche(ligne, journal) for ligne in validee.lignes]
    else:
        fiches = _regrouper(validee.lignes, journal)
    return _preparer(fiches)


def lire_les_fiches_refusees(validee: TableValidee, journal: Journal) -> list[Fiche]:
    """Les lignes que la conversion a refusées, réduites à ce qui désigne leur action, si cela se lit.

    Aucune dans un fichier à une ligne par financement, où plusieurs lignes désignent à bon droit la même action.
    """
    if f"{LIGNE}financeur" in validee.colonnes:
        return []
    refusees = set(validee.refusees)
    lignes = [ligne for ligne in validee.table.lignes if ligne.numero in refusees]
    lues = [LigneValidee(ligne.numero, _ce_qui_designe(validee, journal, ligne)) for ligne in lignes]
    fiches = _preparer(_fiche(ligne, journal) for ligne in lues if ligne.valeurs)
    for fiche in fiches:
        fiche.refusee = True
    return fiches


def _ce_qui_designe(validee, journal, ligne):
    """Les valeurs converties, ou aucune si l'une d'elles est illisible : on ne devine pas l'action."""

    def convertir(noms):
        lus = {nom: validee.colonnes[nom] for nom in noms if nom in validee.colonnes}
        return {nom: journal.champs[nom].lire(ligne.valeurs[rang]) for nom, rang in lus.items()}

    try:
        valeurs = convertir(REPERES)
        return valeurs if valeurs.get("cle") or valeurs.get("dossier") else valeurs | convertir(NOMS)
    except ValidationError:
        return {}


def _preparer(fiches):
    fiches = list(fiches)
    for fiche in fiches:
        _situer(fiche)
        _numeroter(fiche)
    return fiches


def _fiche(ligne, journal):
    fiche = Fiche(ligne.numero, journal)
    _ajouter(fiche, ligne)
    return fiche


def _regrouper(lignes, journal):
    """Les lignes d'un même dossier et d'un même contrat sont une action ; une ligne sans repère suit la précédente."""
    par_cle: dict[Any, Fiche] = {}
    fiche = None
    for ligne in lignes:
        if fiche is None or not _suit(ligne.valeurs, fiche.valeurs):
            fiche = par_cle.setdefault(_cle(ligne.valeurs), Fiche(ligne.numero, journal))
        _ajouter(fiche, ligne)
        fiche.lignes.append(ligne)
    return list(par_cle.values())


def _suit(valeurs, precedentes):
    """La ligne ne redit rien de l'action, ou seulement le dossier de la précédente."""
    if _cle(valeurs) is None:
        return True
    repete = valeurs.get("dossier") and valeurs["dossier"] == precedentes.get("dossier")
    return bool(repete) and valeurs.get("contrat") is None and valeurs.get("cle") is None


def _cle(valeurs):
    """Ce qui dit que deux lignes parlent de la même action ; None si la ligne n'en dit rien."""
    contrat = valeurs.get("contrat")
    if valeurs.get("cle"):
        return valeurs["cle"]
    if valeurs.get("dossier"):
        return contrat, valeurs["dossier"], valeurs.get("tranche")
    if valeurs.get("intitule"):
        return contrat, normaliser(valeurs["intitule"]), porteur_ecrit(valeurs)
    return None


def porteur_ecrit(valeurs: Mapping[str, Any]) -> str:
    """Le porteur tel que la ligne le désigne : par son numéro, sinon par son nom."""
    return valeurs.get("siret") or valeurs.get("siren") or normaliser(valeurs.get("porteur"))


def _ajouter(fiche, ligne):
    """Verse les cellules remplies d'une ligne dans la fiche ; deux valeurs contraires sont refusées."""
    for nom, valeur in ligne.valeurs.items():
        if valeur is None or nom.startswith(LIGNE) or valeur == fiche.valeurs.get(nom):
            continue
        if nom in fiche.valeurs:
            premiere = fiche.origines[nom]
            phrase = f"contredit la ligne {premiere} : écrire la même valeur sur toutes les lignes de l’action."
            fiche.refuser(nom, phrase, ligne.numero)
        else:
            fiche.valeurs[nom], fiche.origines[nom] = valeur, ligne.numero


def _situer(fiche):
    """« Département » écrit dans la colonne du contrat est une échelle ; un contrat en est une autre."""
    if fiche.contrat == Echelle.DEPARTEMENT:
        del fiche.valeurs["contrat"]
        fiche.valeurs.setdefault("echelle", Echelle.DEPARTEMENT)
    elif fiche.contrat and fiche.echelle is None:
        fiche.valeurs["echelle"] = Echelle.CONTRAT


def _numeroter(fiche):
    """« DA00054562-01 » donne un dossier et sa tranche, que la colonne « Tranche » peut compléter, pas contredire."""
    dauphin: DossierDauphin | None = fiche.valeurs.get("dossier")
    if dauphin is None:
        return
    tranche = fiche.valeurs.get("tranche")
    if tranche and dauphin.tranche and tranche != dauphin.tranche:
        fiche.refuser("tranche", f"la tranche {tranche} n’est pas celle du dossier, {dauphin.tranche:02d}.")
    fiche.valeurs["dossier"] = dauphin.numero
    if dauphin.tranche:
        fiche.valeurs["tranche"] = dauphin.tranche
