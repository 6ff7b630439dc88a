"""La portée d'un écran de pilotage : ce que l'adresse demande, borné à ce que la personne a le droit de voir.

Ce qui est hors du périmètre répond 404 ; ce qui est mal écrit, ou n'existe pas dans l'exercice, est laissé de côté et
dit dans `corrections`.
"""

import re
from dataclasses import replace
from functools import cached_property
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse

from comptes.enums import Role
from comptes.models import Utilisateur
from politique_ville.outils.departements import du_departement
from politique_ville.outils.typographie import insecables
from programmation.filters import ENTRE_QUARTIERS, Cadre
from programmation.models import Action, Exercice, Pilier
from programmation.regles import est_de_l_etat
from programmation.synthese import Base, ChoixDeBase
from territoires.models import ContratDeVille, Quartier

AVEC_POSTES = "avec"
QUI_BORNENT = ("exercice", "annee", "departement", "contrat", "quartier")
ENTIER = re.compile(r"\d{1,18}", re.ASCII)
CODE_DE_DEPARTEMENT = re.compile(r"[0-9A-Z]{1,3}")


class Portee:
    """Un exercice (ou une année pour toute la France), un contrat ou des quartiers, et une base de calcul.

    Paramètres : `exercice` (identifiant), ou `annee` et `departement` (code) ; `contrat` (identifiant) ; `quartier`
    (identifiants séparés par des tirets) ; `base`, `annonce=1`, `contributions=1`, `pre=sans`, `postes=avec`. Sans
    rien : l'exercice ouvert le plus récent et, pour un délégué, ses quartiers. Lève Http404 hors du périmètre.
    """

    def __init__(self, parametres: QueryDict, utilisateur: Utilisateur):
        self.utilisateur = utilisateur
        self.corrections = []
        self.cadre = self._lire_le_cadre(parametres)
        self.choix = self._lire_la_base(parametres)
        self.avec_postes = parametres.get("postes") == AVEC_POSTES and self.voit_les_postes
        lieux = parametres if any(parametres.get(nom) for nom in QUI_BORNENT) else self.cadre.suivi()
        self.contrat = self._lire_le_contrat(lieux.get("contrat", "")) or self.contrat_impose
        self.quartiers = self._lire_les_quartiers(lieux.get("quartier", ""))

    # --- Lire l'adresse ---

    def _lire_la_base(self, parametres):
        demandee = parametres.get("base")
        if demandee and demandee not in Base.values:
            self._corriger(f"La base « {demandee[:40]} » n’existe pas : les crédits P147 accordés sont montrés.")
        choix = ChoixDeBase.depuis_parametres(parametres)
        return self._borner_la_base(choix, demandee) if self.est_bornee else choix

    def _borner_la_base(self, choix, demandee):
        """Un partenaire borné à ses lignes ne lit pas celles du P147 : ses propres lignes les remplacent."""
        choix = replace(choix, ses_lignes_seules=True)
        if choix.base not in (Base.P147_ACCORDE, Base.P147_DEMANDE):
            return choix
        if demandee in Base.values:
            self._corriger("Vous ne lisez que vos lignes de financement : elles remplacent celles du P147.")
        return replace(choix, base=Base.TOUS_FINANCEURS)

    def _lire_le_cadre(self, parametres):
        """L'année et le département, complétés par le cadre : l'exercice ouvert le plus récent."""
        formes = {
            "exercice": "un identifiant d’exercice",
            "annee": "une année",
            "departement": "un code de département",
        }
        lus = QueryDict(mutable=True)
        for nom, nature in formes.items():
            forme = CODE_DE_DEPARTEMENT if nom == "departement" else ENTIER
            if self._est_ecrit(parametres.get(nom), forme, nature):
                lus[nom] = parametres[nom]
        cadre = Cadre(lus, self.utilisateur)
        self._exiger_de_le_voir(cadre, lus)
        return cadre

    def _exiger_de_le_voir(self, cadre, lus):
        if "exercice" in lus and not any(str(e.pk) == lus["exercice"] for e in cadre.visibles):
            raise Http404("Exercice hors du périmètre")
        code = lus.get("departement")
        if code and code not in {departement.code for departement in cadre.departements}:
            get_object_or_404(self.utilisateur.departements_visibles(), code=code)

    def _lire_le_contrat(self, valeur):
        if not self._est_ecrit(valeur, ENTIER, "un identifiant de contrat"):
            return None
        contrat = next((contrat for contrat in self.contrats_du_cadre if contrat.pk == int(valeur)), None)
        if contrat is None:
            ailleurs = get_object_or_404(self.utilisateur.contrats_visibles(), pk=valeur)
            self._corriger(f"Le « {ailleurs} » n’est pas dans cet exercice : il est laissé de côté.")
        return contrat

    def _lire_les_quartiers(self, valeur):
        cles = [c for c in valeur.split(ENTRE_QUARTIERS) if self._est_ecrit(c, ENTIER, "un identifiant de quartier")]
        demandes = {int(cle) for cle in cles}
        gardes = [quartier for quartier in self.quartiers_du_territoire if quartier.pk in demandes] if cles else []
        visibles = self.utilisateur.quartiers_visibles().defer("contour")
        for cle in sorted(demandes - {quartier.pk for quartier in gardes}):
            quartier = get_object_or_404(visibles, pk=cle)
            self._corriger(f"Le quartier « {quartier} » n’est pas dans ce territoire : il est laissé de côté.")
        return gardes

    def _est_ecrit(self, valeur, forme, nature):
        """La valeur est-elle là et bien écrite ? Mal écrite, elle est laissée de côté et cela se dit."""
        if not valeur:
            return False
        if forme.fullmatch(valeur):
            return True
        self._corriger(f"« {valeur[:40]} » n’est pas {nature} : il n’en est pas tenu compte.")
        return False

    def _corriger(self, phrase):
        self.corrections.append(insecables(phrase))

    # --- Le territoire ---

    @cached_property
    def departement(self):
        """Le seul département montré ; None pour plusieurs."""
        return self.cadre.departement

    @property
    def annee(self) -> str:
        return self.cadre.annee

    @property
    def exercice(self) -> Exercice | None:
        """Le seul exercice montré ; None pour plusieurs départements, ou s'il n'y en a pas."""
        return self.cadre.exercices[0] if len(self.cadre.exercices) == 1 else None

    @cached_property
    def contrats_du_cadre(self) -> list[ContratDeVille]:
        """Les contrats de l'exercice et leur population ; ceux d'un seul département, jamais de la France."""
        return list(self.cadre.contrats().avec_population()) if self.departement else []

    @cached_property
    def piliers(self) -> list[Pilier]:
        """Tous, lus une fois pour la page : chaque synthèse y prend les siens."""
        return list(Pilier.objects.all())

    @cached_property
    def quartiers_du_cadre(self) -> list[Quartier]:
        """Les quartiers de l'exercice, rangés par contrat ; ceux d'un seul département, jamais de la France."""
        if self.departement is None:
            return []
        return list(self.cadre.quartiers().select_related("contrat").defer("contour"))

    @property
    def exercice_photographie(self) -> Exercice | None:
        """Le seul exercice montré, si la personne en lit les photographies : tout le département, côté État."""
        perimetre = self.utilisateur.perimetre_de_l_etat
        lu = self.exercice and (perimetre.national or self.exercice.departement_id in perimetre.departements)
        return self.exercice if lu else None

    @property
    def contrat_impose(self) -> ContratDeVille | None:
        """Le seul contrat que la personne voit, si elle ne voit pas le département : rien d'autre ne lui est ouvert."""
        return self.contrats_du_cadre[0] if len(self.contrats_du_cadre) == 1 and not self.voit_le_departement else None

    @property
    def voit_le_departement(self) -> bool:
        """Voit-elle, au moins en partie, l'échelle du département ?"""
        perimetre = self.utilisateur.perimetre
        siens = perimetre.departements | perimetre.departements_de_delegue
        return perimetre.national or self.cadre.departements_montres <= siens

    @property
    def est_bornee(self) -> bool:
        """Un partenaire financeur ne lit que ses propres lignes de financement."""
        return bool(self.cadre.bornes)

    @property
    def voit_les_postes(self) -> bool:
        """Un poste est une personne chez un employeur connu : un partenaire n'en voit aucun."""
        return est_de_l_etat(self.utilisateur, self.cadre.departements_montres)

    @property
    def quartiers_du_territoire(self) -> list[Quartier]:
        """Ceux du contrat choisi, sinon tous."""
        return [q for q in self.quartiers_du_cadre if self.contrat in (None, q.contrat)]

    @cached_property
    def suivis(self) -> list[Quartier]:
        """Les quartiers de l'exercice que suit un délégué."""
        if Role.DELEGUE not in self.utilisateur.roles:
            return []
        suivis = set(self.utilisateur.quartiers_suivis().order_by().values_list("pk", flat=True))
        return [quartier for quartier in self.quartiers_du_cadre if quartier.pk in suivis]

    @property
    def montre_les_suivis(self) -> bool:
        """Un délégué regarde-t-il ses quartiers, tous et rien d'autre ?"""
        choisis = self.quartiers or (self.quartiers_du_territoire if self.contrat else [])
        return bool(choisis) and choisis == self.suivis

    @property
    def suit_tout(self) -> bool:
        return not self.suivis or len(self.suivis) == len(self.quartiers_du_cadre)

    # --- En mots ---

    @property
    def titre(self) -> str:
        """« Programmation 2026 du Calvados – Caen la mer » ; d'un délégué, « Mes quartiers : programmation 2026 »."""
        if self.montre_les_suivis:
            return insecables(f"Mes quartiers : programmation {self.annee}")
        if self.departement:
            contrat = f" – {self.contrat.nom_court}" if self.contrat else ""
            return f"Programmation {self.annee} {du_departement(self.departement.nom)}{contrat}"
        etendue = "France entière" if self.utilisateur.perimetre.national else "tous vos départements"
        return f"Programmation {self.annee}, {etendue}"

    @property
    def sans_exercice(self) -> str:
        return f"Il n’y a pas d’exercice {self.annee} dans ce périmètre."

    @property
    def territoire(self) -> str:
        """« quartiers Chemin Vert et Guérinière », « Contrat de ville de Caen la mer » ; et si tout ne s'y voit pas."""
        if self.est_bornee:
            return insecables(f"{self._lieu} ; vos lignes de financement seulement")
        limite = "" if self.est_vue_en_entier else ", dans la limite de vos habilitations"
        return f"{self._lieu}{limite}"

    @property
    def _lieu(self):
        if self.quartiers:
            return en_mots(self.quartiers, "quartier", "quartiers")
        if self.contrat:
            return str(self.contrat)
        if self.departement is None:
            return self._departements_en_mots
        if self.voit_le_departement or not self.contrats_du_cadre:
            return "tous les contrats et l’échelle du département"
        noms = [contrat.nom_court for contrat in self.contrats_du_cadre]
        return en_mots(noms, "contrat de ville", "contrats de ville")

    @property
    def _departements_en_mots(self):
        departements = self.cadre.departements
        if self.utilisateur.perimetre.national or not departements:
            return "tous les départements"
        return en_mots(departements, "département", "départements")

    @property
    def est_vue_en_entier(self) -> bool:
        """La personne voit-elle toutes les actions de cette portée, et leurs plans entiers ?"""
        nommes = {self.contrat} if self.contrat else set() if self.voit_le_departement else {*self.contrats_du_cadre}
        siens = bool(nommes) and {contrat.pk for contrat in nommes} <= self.utilisateur.perimetre.contrats
        return (self.voit_tout_le_departement or siens) and not self.est_bornee

    @property
    def voit_tout_le_departement(self) -> bool:
        """Voit-elle toutes les actions de tous les contrats, et celles à l'échelle du département ?"""
        perimetre, montres = self.utilisateur.perimetre, self.cadre.departements_montres
        return perimetre.national or (bool(montres) and montres <= perimetre.departements)

    # --- Ce que les synthèses reçoivent ---

    @property
    def actions(self) -> QuerySet[Action]:
        """Les actions de la portée que la personne a le droit de voir ; les quartiers se donnent aux synthèses."""
        actions = self.cadre.actions(Action.objects.visibles_par(self.utilisateur))
        return actions.filter(contrat=self.contrat) if self.contrat else actions

    @property
    def bornage(self) -> dict:
        """Les deux arguments communs des synthèses."""
        return {"quartiers": self.quartiers, "lignes": self.cadre.lignes}

    # --- Écrire une adresse ---

    @cached_property
    def parametres(self) -> dict:
        """Ceux qui redonnent cette portée ; à lire une fois la portée établie."""
        postes = {"postes": AVEC_POSTES} if self.avec_postes else {}
        return self._du_cadre() | self._du_territoire() | self.choix.parametres() | postes

    def _du_cadre(self):
        departement = {"departement": self.departement.code} if self.departement else {}
        return {"annee": self.annee} | departement if self.annee else {}

    def _du_territoire(self):
        contrat = {"contrat": self.contrat.pk} if self.contrat else {}
        return contrat | ({"quartier": cle_des_quartiers(self.quartiers)} if self.quartiers else {})

    def adresse(self, **changements) -> str:
        """L'adresse du tableau de bord avec ces changements ; None retire un paramètre."""
        nouveaux = {nom: valeur for nom, valeur in (self.parametres | changements).items() if valeur is not None}
        return f"{reverse('pilotage:tableau_de_bord')}?{urlencode(nouveaux)}"

    def liste(self, **criteres) -> str:
        """L'adresse de la liste des actions que compte la base, avec ces critères de plus ; None en retire un."""
        portee = self.parametres | {"statut": [statut.value for statut in self.choix.base.statuts]}
        retenus = {nom: valeur for nom, valeur in (portee | criteres).items() if valeur is not None}
        return f"{reverse('programmation:action_list')}?{urlencode(retenus, doseq=True)}"


def cle_des_quartiers(quartiers) -> str:
    """La valeur du paramètre `quartier`."""
    return ENTRE_QUARTIERS.join(str(quartier.pk) for quartier in quartiers)


def en_mots(objets, un, plusieurs) -> str:
    """« quartier Hauteville », « quartiers Chemin Vert, Guérinière et Hauteville »."""
    *premiers, dernier = (str(objet) for objet in objets)
    return f"{plusieurs} {', '.join(premiers)} et {dernier}" if premiers else f"{un} {dernier}"
