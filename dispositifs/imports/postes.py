"""Le poste dont parle chaque ligne : retrouvé par son numéro, sinon créé ; son contrat suit la dernière liste."""

from collections import defaultdict
from collections.abc import Iterable

from django.db import models

from programmation.imports.fiches import Journal
from territoires.models import Departement

from ..operations import SaisieDePoste
from .lignes import LigneDeListe, refuser


class Postes:
    """Les postes d'une liste, lus une fois, et ce qu'il faut en écrire.

    `cle` et `employeur` : les champs du modèle qui portent le numéro du poste et son employeur.
    """

    def __init__(self, modele: type[models.Model], cle: str, employeur: str):
        self.modele, self.cle, self.employeur = modele, cle, employeur
        self.connus: dict[str, models.Model] = {}
        self.saisies: dict[str, SaisieDePoste] = {}  # par numéro de poste

    def trouver(self, lignes: Iterable[LigneDeListe], departement: Departement, journal: Journal) -> None:
        """Lit les postes connus ; celui d'un autre département est refusé."""
        numeros = {ligne.poste for ligne in lignes}
        lus = self.modele.objects.filter(**{f"{self.cle}__in": numeros}).select_related("departement", "contrat")
        lieux = self.modele.quartiers.through.objects.filter(poste=models.OuterRef("pk"))
        self.connus = {getattr(poste, self.cle): poste for poste in lus.annotate(a_des_lieux=models.Exists(lieux))}
        for ligne in lignes:
            poste = self.connus.get(ligne.poste)
            if poste and poste.departement_id != departement.pk:
                refuser(
                    ligne, "id", f"{ligne.poste} est un poste d’un autre département, {poste.departement}.", journal
                )

    def composer(self, lignes: Iterable[LigneDeListe], departement: Departement, journal: Journal) -> None:
        """Ce qu'il faut écrire des postes, d'après leurs lignes nouvelles, de la plus ancienne à la plus récente."""
        par_poste = defaultdict(list)
        for ligne in lignes:
            par_poste[ligne.poste].append(ligne)
        for numero, siennes in par_poste.items():
            siennes.sort(key=lambda ligne: ligne.annee)
            if numero in self.connus:
                self._suivre(self.connus[numero], siennes[-1], journal)
            else:
                self._creer(numero, siennes, departement)

    def _creer(self, numero, lignes, departement):
        """Le poste est au dernier contrat connu, chez le dernier employeur : la liste n'en dit pas plus."""
        contrat = next((ligne.contrat for ligne in reversed(lignes) if ligne.contrat), None)
        champs = {self.cle: numero, "departement": departement, "contrat": contrat}
        self.saisies[numero] = SaisieDePoste(champs | {self.employeur: lignes[-1].employeur})
        for ligne in lignes:
            ligne.effets["Poste"] = f"{numero}, créé"

    def _suivre(self, poste, ligne, journal):
        """Un poste sans contrat, ou d'un contrat plus ancien, prend celui de la liste, sauf s'il a des quartiers."""
        contrat = ligne.contrat
        if contrat is None or contrat == poste.contrat:
            return
        if poste.contrat is None or (poste.contrat.fin < contrat.fin and not poste.a_des_lieux):
            self.saisies[ligne.poste] = SaisieDePoste({"contrat": contrat}, poste)
            ligne.effets["Contrat du poste"] = str(contrat)
        elif poste.contrat.fin <= contrat.fin:
            reste = f"le poste {poste} est au {poste.contrat}, qui n’est pas remplacé."
            journal.avertir(
                ligne.numero, "contrat", reste, "Postes qui gardent un autre contrat que celui de la liste."
            )
