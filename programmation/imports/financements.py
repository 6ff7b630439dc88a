"""Le plan de financement d'une fiche : ce que disent ses colonnes, posé sur les lignes que l'action a déjà.

Une ligne absente du fichier reste ; une cellule vide ne vide rien. L'accordé P147 n'est jamais importé.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError

from politique_ville.outils.francais import euros
from politique_ville.outils.recherche import normaliser

from ..enums import EtatFinancement, FamilleFinanceur
from ..models import Financement, Financeur
from ..operations import LigneDePlan, nom_a_preciser
from .champs import FAMILLE, FINANCEUR, LIGNE
from .fiches import Fiche
from .references import References

CHAMPS_DE_LA_LIGNE = ("demande", "propose", "accorde", "etat", "date_etat")
DECIDES = ("accorde", "etat", "date_etat")  # sur la ligne P147, seules les décisions les écrivent
SANS_IMPORT = "l’accordé P147 n’est pas importé : une décision s’enregistre à l’écran."


@dataclass(frozen=True)
class Apport:
    """Ce qu'une cellule, ou une ligne du fichier, dit d'un financement ; `cible` : un financeur ou une famille."""

    champ: str
    numero: int
    cible: Financeur | FamilleFinanceur
    valeurs: dict[str, Any]
    nature: str = ""

    @property
    def est_vide(self) -> bool:
        """0 € d'un financeur que l'action n'a pas n'ajoute pas de ligne."""
        return not any(self.valeurs.values())


@dataclass
class Plans:
    """Compose les plans de toutes les fiches ; les financeurs à créer n'ont qu'un identifiant négatif."""

    references: References
    a_creer: list[Financeur] = field(default_factory=list)
    accorde_p147_signale: bool = False

    def composer(self, fiche: Fiche, existantes: Sequence[Financement]) -> list[LigneDePlan] | None:
        """Le plan entier tel qu'il serait enregistré ; None si la fiche ne dit rien des financements."""
        apports = [apport for apport in self._apports(fiche) if apport.valeurs]
        if not apports:
            return None
        plan = {ligne.cle: ligne for ligne in map(_ligne_de_plan, existantes)}
        deja_dits = {}
        for apport in apports:
            ligne = self._poser(fiche, apport, plan, existantes)
            if ligne is None:
                continue
            premier = deja_dits.setdefault(ligne.cle, apport)
            if premier is not apport:
                self._refuser_le_doublon(fiche, apport, premier, ligne)
            plan[ligne.cle] = ligne
        return list(plan.values())

    # --- Ce que dit le fichier ---

    def _apports(self, fiche):
        yield from self._apports_des_colonnes(fiche)
        for ligne in fiche.lignes:
            cible = ligne.valeurs.get(f"{LIGNE}financeur")
            if cible is None:
                self._refuser_sans_financeur(fiche, ligne)
                continue
            valeurs = {nom: v for nom in CHAMPS_DE_LA_LIGNE if (v := ligne.valeurs.get(f"{LIGNE}{nom}")) is not None}
            nature = ligne.valeurs.get(f"{LIGNE}nature") or ""
            yield Apport(f"{LIGNE}financeur", ligne.numero, cible, self._sans_decisions(fiche, cible, valeurs), nature)

    def _apports_des_colonnes(self, fiche):
        p147 = {nom: v for nom in ("demande", "propose") if (v := fiche.valeurs.get(f"{nom}_p147")) is not None}
        if p147:
            nom = f"{next(iter(p147))}_p147"
            yield Apport(nom, fiche.origines[nom], FamilleFinanceur.ANCT_P147, p147)
        par_champ = {f"{FINANCEUR}{f.pk}": f for f in self.references.financeurs}
        for nom, valeur in fiche.valeurs.items():
            if nom in par_champ:
                yield Apport(nom, fiche.origines[nom], par_champ[nom], {"demande": valeur})
            elif nom.startswith(FAMILLE):
                famille = FamilleFinanceur(nom.removeprefix(FAMILLE))
                yield Apport(nom, fiche.origines[nom], famille, {"demande": valeur})

    def _sans_decisions(self, fiche, cible, valeurs):
        if _famille(cible) != FamilleFinanceur.ANCT_P147:
            return valeurs
        if "accorde" in valeurs and not self.accorde_p147_signale:
            self.accorde_p147_signale = True
            fiche.journal.dire_de_la_colonne(f"{LIGNE}accorde", SANS_IMPORT)
        return {nom: valeur for nom, valeur in valeurs.items() if nom not in DECIDES}

    @staticmethod
    def _refuser_sans_financeur(fiche, ligne):
        if any(ligne.valeurs.get(f"{LIGNE}{nom}") is not None for nom in CHAMPS_DE_LA_LIGNE):
            fiche.refuser(f"{LIGNE}financeur", "indiquer le financeur de ce montant.", ligne.numero)

    # --- Poser un apport sur le plan ---

    def _poser(self, fiche, apport, plan, existantes):
        """La ligne de plan que cet apport écrit, ou None s'il n'ajoute rien ou s'il est refusé."""
        siennes = [ligne for ligne in existantes if _est_visee(ligne, apport)]
        if len(siennes) > 1:
            self._verifier_la_somme(fiche, apport, siennes)
            return None
        if siennes:
            actuelle = plan[_ligne_de_plan(siennes[0]).cle]
        elif apport.est_vide:
            return None
        else:
            actuelle = LigneDePlan(self._financeur(fiche, apport), nature=apport.nature)
        return self._verifiee(fiche, apport, replace(actuelle, **_valeurs_ecrites(apport)))

    @staticmethod
    def _verifier_la_somme(fiche, apport, siennes):
        """Plusieurs lignes pour une seule colonne : leur somme n'apprend rien, un autre montant ne se répartit pas."""
        connus = [ligne.demande for ligne in siennes if ligne.demande is not None]
        if apport.valeurs != {"demande": sum(connus, Decimal(0))}:
            noms = ", ".join(f"« {ligne} »" for ligne in siennes)
            fiche.refuser(
                apport.champ,
                f"l’action a plusieurs lignes ici ({noms}) : préciser laquelle, avec une ligne par financement.",
                apport.numero,
            )

    @staticmethod
    def _verifiee(fiche, apport, ligne):
        """L'accordé va avec l'état : le refus est dit sur la ligne du fichier qui l'écrit."""
        if ligne.financeur.famille != FamilleFinanceur.ANCT_P147:
            try:
                Financement(etat=ligne.etat, accorde=ligne.accorde).clean()
            except ValidationError as erreur:
                nom = f"{LIGNE}etat" if "etat" in apport.valeurs else f"{LIGNE}accorde"
                fiche.refuser(nom, " ".join(erreur.messages), apport.numero)
                return None
        return ligne

    def _financeur(self, fiche, apport):
        """Le financeur d'une ligne nouvelle ; une famille qui en compte plusieurs va sur une ligne « à préciser »."""
        if isinstance(apport.cible, Financeur):
            return apport.cible
        contrat = fiche.contrat or (fiche.action.contrat if fiche.action else None)
        candidats = self.references.financeurs_de(apport.cible, contrat.pk if contrat else None)
        if len(candidats) == 1 or (candidats and apport.cible == FamilleFinanceur.ANCT_P147):
            return candidats[0]
        financeur = self._a_preciser(apport.cible)
        if candidats:
            fiche.avertir(
                apport.champ,
                f"plusieurs financeurs possibles : le montant ira sur « {financeur} » ; pour en désigner un, le "
                "choisir dans la correspondance, ou écrire une ligne par financement.",
            )
        return financeur

    def _a_preciser(self, famille):
        nom = nom_a_preciser(famille)
        connus = [f for f in [*self.references.financeurs, *self.a_creer] if normaliser(f.nom) == normaliser(nom)]
        if connus:
            return connus[0]
        financeur = Financeur(pk=-len(self.a_creer) - 1, nom=nom, famille=famille, est_a_preciser=True)
        self.a_creer.append(financeur)
        return financeur

    @staticmethod
    def _refuser_le_doublon(fiche, apport, premier, ligne):
        phrase = (
            f"« {ligne.financeur} » est déjà à la ligne {premier.numero} avec la même nature : réunir les montants."
        )
        fiche.refuser(apport.champ, phrase, apport.numero)


def _ligne_de_plan(financement):
    return LigneDePlan(
        financement.financeur,
        financement.nature,
        financement.demande,
        financement.propose,
        financement.accorde,
        financement.verse,
        financement.etat,
        financement.date_etat,
    )


def _famille(cible):
    return cible.famille if isinstance(cible, Financeur) else cible


def _est_visee(ligne, apport):
    """Une famille vise toutes ses lignes ; un financeur, les siennes, et celle de la nature si elle est dite."""
    if apport.nature and apport.nature != ligne.nature and ligne.famille != FamilleFinanceur.ANCT_P147:
        return False
    if isinstance(apport.cible, Financeur) and apport.cible.famille != FamilleFinanceur.ANCT_P147:
        return ligne.financeur_id == apport.cible.pk
    return ligne.famille == _famille(apport.cible)


def _valeurs_ecrites(apport):
    """Les valeurs de l'apport ; un refus vaut 0,00 €, qu'il le dise ou non."""
    if apport.valeurs.get("etat") == EtatFinancement.REFUSE:
        return {"accorde": Decimal("0.00")} | apport.valeurs
    return apport.valeurs


def montants_en_clair(ligne: Any) -> dict[str, str]:
    """Ce qu'une ligne de plan montre, par titre : « CAF du Calvados – demandé »."""
    decides = {} if ligne.financeur.famille == FamilleFinanceur.ANCT_P147 else {"accordé": ligne.accorde}
    montants = {"demandé": ligne.demande, "proposé": ligne.propose, **decides}
    clair = {titre: euros(montant) for titre, montant in montants.items() if montant is not None}
    if decides and ligne.etat != EtatFinancement.SOLLICITE:
        clair["état"] = EtatFinancement(ligne.etat).label
        if ligne.date_etat:
            clair["date"] = ligne.date_etat.strftime("%d/%m/%Y")
    return {f"{_titre(ligne)} – {titre}": valeur for titre, valeur in clair.items()}


def _titre(ligne):
    nature = getattr(ligne, "nature_retenue", ligne.nature)
    habituelle = FamilleFinanceur(ligne.financeur.famille).nature_proposee
    if nature == habituelle:
        return str(ligne.financeur)
    return f"{ligne.financeur} ({Financement(nature=nature).get_nature_display().lower()})"
