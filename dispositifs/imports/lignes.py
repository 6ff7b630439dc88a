"""Les lignes d'une liste publiée qui sont du département, avec le contrat et le poste dont elles parlent."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import models

from politique_ville.outils.francais import pluriel
from politique_ville.outils.tableur.fichier import FichierRefuse
from politique_ville.outils.tableur.validation import TableValidee
from programmation.imports.fiches import Journal
from programmation.models import Organisme
from territoires.models import ContratDeVille, Departement

from .departements import code_du_departement

SANS_CODE = "sans code"  # après les chiffres, dans l'ordre
DEPARTEMENTS_CITES = 5  # parmi ceux des lignes laissées de côté
LONGUEUR_DU_NUMERO = 10  # les deux derniers signes d'un identifiant d'adulte-relais sont ceux de la convention


@dataclass
class LigneDeListe:
    """Une ligne publiée : ce qu'elle dit, puis ce que le plan en sait."""

    numero: int  # dans le fichier
    annee: int
    id_publie: str
    montant: Decimal  # euros
    raison_sociale: str
    cellules: tuple[Any, ...] = ()  # toutes, telles que lues
    siret: str = ""
    code_contrat: str = ""
    source: str = ""
    contrat: ContratDeVille | None = None
    employeur: Organisme | None = None
    releve: models.Model | None = None  # celui qui est déjà gardé
    rang: int = 1
    refusee: bool = False
    effets: dict[str, str] = field(default_factory=dict)  # ce que la ligne écrit d'autre que son relevé, en mots

    @property
    def poste(self) -> str:
        """Le numéro du poste, ou son code FONJEP, qui est plus court."""
        return self.id_publie[:LONGUEUR_DU_NUMERO]

    @property
    def est_nouvelle(self) -> bool:
        """Elle donnera un relevé."""
        return self.releve is None and not self.refusee

    @property
    def cle(self) -> tuple[int, str]:
        """Ce que la liste publie : un identifiant, une année."""
        return self.annee, self.id_publie

    @property
    def publie(self) -> tuple[Decimal, str, str]:
        """Ce qui ne peut pas changer d'un relevé gardé."""
        return self.montant, self.siret, self.code_contrat


def lire_les_lignes(validee: TableValidee, departement: Departement, journal: Journal) -> list[LigneDeListe]:
    """Les lignes du département, celles des autres étant écartées ; lève FichierRefuse s'il n'y en a aucune."""
    if validee.ecartees:
        if len(validee.ecartees) == len(validee.table.lignes):
            raise FichierRefuse(f"« {validee.table.fichier.nom} » n’a aucune ligne du département {departement}.")
        _dire_les_ecartees(validee, journal)
    return [_ligne(v.numero, v.valeurs, validee.cellules[v.numero]) for v in validee.lignes]


def _dire_les_ecartees(validee, journal):
    """Combien, et de quels départements : une liste nationale en porte cent."""
    rang = validee.colonnes["departement"]
    ecrits = {validee.cellules[numero][rang] for numero in validee.ecartees}
    codes = sorted(SANS_CODE if ecrit is None else code_du_departement(ecrit) for ecrit in ecrits)
    cites = ", ".join(codes[:DEPARTEMENTS_CITES])
    autres = len(codes) - DEPARTEMENTS_CITES
    suite = f" et {pluriel(autres, 'autre', 'autres')}" if autres > 0 else ""
    un, plusieurs = "ligne d’un autre département laissée de côté", "lignes d’autres départements laissées de côté"
    journal.dire_de_la_colonne("departement", f"{pluriel(len(validee.ecartees), un, plusieurs)} : {cites}{suite}.")


def _ligne(numero, valeurs, cellules):
    facultatives = {"siret": "siret", "contrat": "code_contrat", "source": "source"}
    return LigneDeListe(
        numero,
        valeurs["annee"],
        valeurs["id"],
        valeurs["montant"],
        valeurs["porteur"],
        cellules=cellules,
        **{nom: valeurs.get(champ) or "" for champ, nom in facultatives.items()},
    )


def donner_leur_contrat(lignes: Iterable[LigneDeListe], departement: Departement, journal: Journal) -> None:
    """Le contrat par son code publié (CV051 en 2015, CN01403M en 2024) ; celui d'un autre département est refusé."""
    codes = {ligne.code_contrat for ligne in lignes} - {""}
    contrats = {c.code: c for c in ContratDeVille.objects.filter(code__in=codes).select_related("departement")}
    for ligne in lignes:
        contrat = contrats.get(ligne.code_contrat)
        if not ligne.code_contrat:
            journal.avertir(ligne.numero, "contrat", f"{ligne.poste} est sans contrat.", "Postes sans contrat.")
        elif contrat is None:
            inconnu = f"« {ligne.code_contrat} » n’est pas un contrat connu : il n’est gardé que dans le relevé."
            journal.avertir(ligne.numero, "contrat", inconnu, inconnu)
        elif contrat.departement_id != departement.pk:
            ailleurs = f"« {ligne.code_contrat} » est un contrat d’un autre département, {contrat.departement}."
            refuser(ligne, "contrat", ailleurs, journal)
        else:
            ligne.contrat = contrat


def refuser(ligne: LigneDeListe, champ: str, message: str, journal: Journal) -> None:
    ligne.refusee = True
    journal.refuser(ligne.numero, champ, message)
