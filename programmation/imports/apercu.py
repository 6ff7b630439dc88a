"""Le plan gardé par un lot, tel que l'écran et la commande le montrent : il survit au rechargement de la page."""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from politique_ville.outils.francais import nombre, pluriel
from politique_ville.outils.tableur.modeles import TableauDesTotaux, modele
from politique_ville.outils.tableur.plan import Gravite, Statut
from politique_ville.outils.typographie import insecables

from ..enums import StatutAction
from ..models import Lot
from .repetitions import d_ensemble, se_repete

AVERTIES = "averties"  # le filtre des lignes qui portent un avertissement, à côté de ceux des statuts
REFUS_REPETES_DITS = 5
NUMERO = re.compile(r"(\d+)$")


@dataclass(frozen=True)
class Sort:
    """Comment se dit le sort d'une ligne, avec la couleur de son badge DSFR."""

    libelle: str
    pluriel: str
    couleur: str


SORTS = {
    Statut.CREE: Sort("créée", "créées", "success"),
    Statut.MODIFIE: Sort("modifiée", "modifiées", "info"),
    Statut.INCHANGE: Sort("inchangée", "inchangées", ""),
    Statut.REFUSE: Sort("refusée", "refusées", "error"),
}


@dataclass(frozen=True)
class Changement:
    """Un champ qui change, en mots ; `base` : ce que l'agent avait lu, en cas de conflit (None : pas de conflit)."""

    champ: str
    avant: str
    apres: str
    base: str | None = None


@dataclass(frozen=True)
class Message:
    texte: str
    est_un_refus: bool


@dataclass
class LigneMontree:
    numero: int
    statut: Statut
    intitule: str
    adresse: str  # de l'objet que la ligne met à jour ; vide s'il n'existe pas encore, ou n'a pas d'écran
    changements: list[Changement]
    en_conflit: bool
    messages: list[Message] = field(default_factory=list)

    @property
    def sort(self) -> Sort:
        return SORTS[self.statut]


@dataclass(frozen=True)
class Effet:
    """Une grandeur avant et après : un nombre, ou un montant en euros."""

    avant: int | Decimal | None
    apres: int | Decimal | None
    est_un_montant: bool


@dataclass(frozen=True)
class Total:
    """Une ligne de l'effet sur les totaux, une grandeur du modèle d'import après l'autre."""

    nom: str
    effets: tuple[Effet, ...]


class Apercu:
    """Lit `Lot.plan`, ou le JSON d'un plan qui n'est pas gardé."""

    def __init__(self, plan: Mapping[str, Any]):
        self.plan = plan
        self.modele = modele(plan["modele"])

    @classmethod
    def du_lot(cls, lot: Lot) -> "Apercu":
        return cls(lot.plan)

    @property
    def compteurs(self) -> dict[Statut, int]:
        return {statut: self.plan["compteurs"].get(statut.value, 0) for statut in SORTS}

    @property
    def est_applicable(self) -> bool:
        return self.plan["est_applicable"]

    @property
    def ecrit_quelque_chose(self) -> bool:
        return bool(self.compteurs[Statut.CREE] or self.compteurs[Statut.MODIFIE])

    @property
    def refus(self) -> int:
        return sum(anomalie["gravite"] == Gravite.REFUS for anomalie in self.plan["anomalies"])

    @property
    def avertissements(self) -> int:
        return len(self.plan["anomalies"]) - self.refus

    @cached_property
    def lignes(self) -> list[LigneMontree]:
        """Toutes les lignes, chacune avec ses messages."""
        lignes = [self._ligne(ligne) for ligne in self.plan["lignes"]]
        for ligne in lignes:
            ligne.messages = self._messages[ligne.numero]
        return lignes

    def _ligne(self, ligne):
        base = ligne["base"]
        changements = [
            Changement(champ, avant or "", apres or "", base.get(champ, "") if base else None)
            for champ, (avant, apres) in ligne["changements"].items()
        ]
        adresse = self.modele.adresse_de(ligne["cle"]) if ligne["cle"] else ""
        return LigneMontree(
            ligne["numero"], Statut(ligne["statut"]), ligne["intitule"], adresse, changements, bool(base)
        )

    def lignes_au_statut(self, statut: str) -> list[LigneMontree]:
        """Celles d'un statut, ou celles qui portent un avertissement ; toutes si la valeur n'est rien de cela."""
        if statut == AVERTIES:
            return self.lignes_averties
        return [ligne for ligne in self.lignes if ligne.statut == statut] if statut in SORTS else self.lignes

    @cached_property
    def lignes_averties(self) -> list[LigneMontree]:
        """Celles qui modifient d'abord : une action changée à tort pèse plus qu'un porteur à renommer."""
        averties = [ligne for ligne in self.lignes if any(not message.est_un_refus for message in ligne.messages)]
        return sorted(averties, key=lambda ligne: ligne.statut != Statut.MODIFIE)

    @property
    def resume(self) -> str:
        """« 970 créées, 30 modifiées », pour dire ce que fera la confirmation avant de la proposer."""
        dits = [(SORTS[statut], nombre) for statut, nombre in self.compteurs.items() if nombre]
        return ", ".join(pluriel(nombre, sort.libelle, sort.pluriel) for sort, nombre in dits)

    @cached_property
    def brouillons(self) -> int:
        """Le nombre d'actions que le fichier crée sans les déposer."""
        return self._naissances[StatutAction.BROUILLON.label]

    @property
    def naissances(self) -> str:
        """« 50 en brouillon, 20 déposées » : comment naissent les actions créées ; vide si rien n'a de statut."""
        deposees = self._naissances[StatutAction.DEPOSEE.label]
        dites = [f"{nombre(self.brouillons)} en brouillon"] if self.brouillons else []
        dites += [pluriel(deposees, "déposée", "déposées")] if deposees else []
        return ", ".join(dites)

    @cached_property
    def _naissances(self):
        creees = (ligne for ligne in self.plan["lignes"] if ligne["statut"] == Statut.CREE)
        return Counter(ligne["changements"].get("Statut", (None, None))[1] for ligne in creees)

    @property
    def filtres(self) -> list[tuple[str, str, int]]:
        """Les filtres qui montrent au moins une ligne : valeur, libellé, nombre de lignes."""
        filtres = [(statut.value, SORTS[statut].pluriel, nombre) for statut, nombre in self.compteurs.items()]
        filtres.append((AVERTIES, "avec un avertissement", len(self.lignes_averties)))
        return [filtre for filtre in filtres if filtre[2]]

    @property
    def filtre_par_defaut(self) -> str:
        """Les refus d'abord : ce sont eux qu'il faut corriger, et mille lignes justes les cachent."""
        return Statut.REFUSE.value if self.compteurs[Statut.REFUSE] else ""

    @property
    def refus_repetes(self) -> list[str]:
        """Un même refus sur beaucoup de lignes n'a qu'une cause (une colonne mal choisie, un mot à remplacer)."""
        numeros = defaultdict(list)
        for anomalie in self.plan["anomalies"]:
            if anomalie["gravite"] == Gravite.REFUS:
                numeros[anomalie["champ"], anomalie["message"]].append(int(NUMERO.search(anomalie["cellule"])[1]))
        repetes = [(champ, message, lignes) for (champ, message), lignes in numeros.items() if se_repete(lignes)]
        repetes.sort(key=lambda repete: -len(repete[2]))
        phrases = [d_ensemble(f"{champ} : {message}", lignes) for champ, message, lignes in repetes]
        return [insecables(phrase) for phrase in phrases[:REFUS_REPETES_DITS]]

    @property
    def messages_generaux(self) -> list[Message]:
        """Ceux qui portent sur le fichier entier ou sur une colonne."""
        return self._messages[None]

    @cached_property
    def _messages(self) -> dict[int | None, list[Message]]:
        """Les messages par ligne du plan : une action sur plusieurs lignes du fichier réunit les leurs."""
        numeros = sorted({ligne["numero"] for ligne in self.plan["lignes"]})
        messages = defaultdict(list)
        for anomalie in self.plan["anomalies"]:
            trouve = NUMERO.search(anomalie["cellule"])
            rang = bisect_right(numeros, int(trouve[1])) if trouve else 0
            message = Message(anomalie["phrase"], anomalie["gravite"] == Gravite.REFUS)
            messages[numeros[rang - 1] if rang else None].append(message)
        return messages

    @property
    def tableau_des_totaux(self) -> TableauDesTotaux:
        return self.modele.totaux

    @property
    def totaux(self) -> list[Total]:
        grandeurs = self.modele.totaux.grandeurs
        return [
            Total(nom, tuple(_effet(effet[grandeur.cle], grandeur) for grandeur in grandeurs))
            for nom, effet in self.plan["totaux"].items()
        ]


def _effet(paire, grandeur):
    lues = paire
    if grandeur.est_un_montant:
        lues = [None if montant is None else Decimal(montant) for montant in paire]
    return Effet(*lues, grandeur.est_un_montant)
