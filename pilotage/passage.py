"""Passer d'une année à la suivante : ce qui se copie d'un exercice, et ce qu'il restera à régler. Rien ne s'écrit ici.

Se copient la nomenclature en vigueur, les campagnes et leurs règles, l'arbre des enveloppes, sans dates ni montants. Ce
qui existe déjà dans l'année suivante, reconnu à son nom, reste tel quel : le passage se rejoue sans rien refaire.
"""

from dataclasses import dataclass, field
from typing import Any

from programmation.models import Campagne, Enveloppe, Exercice, Nomenclature
from territoires.models import ContratDeVille, FiliationContrat

REGLES_DE_CAMPAGNE = [
    "vague",
    "avis_delegue_exige",
    "avis_service_exige",
    "avis_chef_de_projet_exige",
    "avis_manquant_bloquant",
]


@dataclass(frozen=True)
class CampagneACreer:
    """Une campagne de l'année suivante : ses champs, et d'où elle vient."""

    modele: Campagne
    champs: dict[str, Any]


@dataclass(frozen=True)
class EnveloppeACreer:
    """Une enveloppe de l'année suivante ; `mere` : le libellé de la sienne ("" : aucune)."""

    modele: Enveloppe
    libelle: str
    mere: str
    champs: dict[str, Any]


@dataclass(frozen=True)
class Passage:
    """Ce que le passage ajoutera. `suivant` : None s'il est à préparer. `laisses` : ce qui ne se copie pas."""

    exercice: Exercice
    annee: int
    suivant: Exercice | None
    nomenclature: Nomenclature | None
    campagnes: list[CampagneACreer] = field(default_factory=list)
    enveloppes: list[EnveloppeACreer] = field(default_factory=list)
    laisses: list[str] = field(default_factory=list)

    @property
    def a_faire(self) -> bool:
        return self.suivant is None or bool(self.campagnes or self.enveloppes)


def preparer_le_passage(exercice: Exercice) -> Passage:
    """Le passage tel qu'il se ferait maintenant ; une dizaine de requêtes."""
    annee = exercice.annee + 1
    suivant = Exercice.objects.filter(departement=exercice.departement_id, annee=annee).first()
    passage = Passage(exercice, annee, suivant, Nomenclature.objects.en_vigueur(annee))
    if suivant and suivant.est_clos:
        return passage
    contrats = ContratsSuivants(exercice, annee)
    prevoir_les_campagnes(passage, contrats)
    prevoir_les_enveloppes(passage, contrats)
    return passage


class ContratsSuivants:
    """Le contrat d'une année dans la suivante : le même s'il la couvre, sinon sa seule suite qui la couvre."""

    def __init__(self, exercice, annee):
        contrats = ContratDeVille.objects.filter(departement=exercice.departement_id)
        self.en_vigueur = {contrat.pk: contrat for contrat in contrats.en_vigueur(annee)}
        self.suites = {}
        for ancien, nouveau in FiliationContrat.objects.filter(ancien__in=contrats).values_list("ancien", "nouveau"):
            if nouveau in self.en_vigueur:
                self.suites.setdefault(ancien, []).append(self.en_vigueur[nouveau])

    def trouver(self, contrat):
        """(vrai, le contrat à retenir) ; (faux, None) s'il n'a pas de suite, ou en a plusieurs."""
        if contrat is None:
            return True, None
        if contrat.pk in self.en_vigueur:
            return True, self.en_vigueur[contrat.pk]
        suites = self.suites.get(contrat.pk, [])
        return (True, suites[0]) if len(suites) == 1 else (False, None)


def prevoir_les_campagnes(passage, contrats):
    deja = set(passage.suivant.campagnes.values_list("intitule", flat=True)) if passage.suivant else set()
    for campagne in passage.exercice.campagnes.select_related("contrat", "dispositif").order_by("vague", "pk"):
        intitule = annee_suivante(campagne.intitule, passage)
        if intitule in deja:
            continue
        connu, contrat = contrats.trouver(campagne.contrat)
        if not connu:
            passage.laisses.append(f"La campagne « {campagne} » : {sans_suite(campagne.contrat, passage.annee)}")
        elif retire(campagne.dispositif):
            passage.laisses.append(f"La campagne « {campagne} » : son dispositif n’est plus proposé.")
        else:
            regles = {nom: getattr(campagne, nom) for nom in REGLES_DE_CAMPAGNE}
            liens = {"contrat": contrat, "dispositif": campagne.dispositif}
            passage.campagnes.append(CampagneACreer(campagne, {"intitule": intitule, **liens, **regles}))


def prevoir_les_enveloppes(passage, contrats):
    """Les mères d'abord : une fille dont la mère n'est pas copiée ne l'est pas non plus."""
    deja = set(passage.suivant.enveloppes.values_list("libelle", flat=True)) if passage.suivant else set()
    prevues = set(deja)
    for enveloppe in meres_d_abord(passage.exercice):
        libelle = annee_suivante(enveloppe.libelle, passage)
        mere = annee_suivante(enveloppe.parent.libelle, passage) if enveloppe.parent else ""
        connu, contrat = contrats.trouver(enveloppe.contrat)
        raison = pourquoi_pas(enveloppe, connu, mere, prevues, passage)
        if libelle in deja:
            continue
        if raison:
            passage.laisses.append(f"L’enveloppe « {enveloppe} » : {raison}")
            continue
        prevues.add(libelle)
        liens = {"contrat": contrat, "dispositif": enveloppe.dispositif}
        passage.enveloppes.append(EnveloppeACreer(enveloppe, libelle, mere, liens))


def pourquoi_pas(enveloppe, contrat_connu, mere, prevues, passage):
    """La raison de ne pas copier cette enveloppe, ou ""."""
    if not contrat_connu:
        return sans_suite(enveloppe.contrat, passage.annee)
    if retire(enveloppe.dispositif):
        return "son dispositif n’est plus proposé."
    if mere and mere not in prevues:
        return f"sa mère « {enveloppe.parent} » n’est pas copiée."
    return ""


def meres_d_abord(exercice):
    """Les enveloppes de l'exercice, chacune après sa mère."""
    toutes = exercice.enveloppes.select_related("parent", "contrat", "dispositif").order_by("pk")
    par_mere = {}
    for enveloppe in toutes:
        par_mere.setdefault(enveloppe.parent_id, []).append(enveloppe)
    ordre = list(par_mere.get(None, []))
    for enveloppe in ordre:
        ordre.extend(par_mere.get(enveloppe.pk, []))
    return ordre


def annee_suivante(texte: str, passage: Passage) -> str:
    """« Programmation 2026 » devient « Programmation 2027 »."""
    return texte.replace(str(passage.exercice.annee), str(passage.annee))


def retire(dispositif):
    return dispositif is not None and not dispositif.est_actif


def sans_suite(contrat, annee):
    return f"« {contrat} » n’est pas en vigueur en {annee}, et n’a pas une seule suite."
