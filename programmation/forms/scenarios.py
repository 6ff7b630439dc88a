"""Les formulaires des scénarios : en créer un, le renommer, l'ajuster par une règle, le promouvoir."""

from decimal import ROUND_FLOOR, Decimal

from django import forms
from django.utils import timezone

from politique_ville.outils.ajustement import Regle, Reste, SousLePlancher
from politique_ville.outils.formulaires import PhrasesMixin, SaisieDate
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import CENTIME, MontantFormField
from politique_ville.outils.typographie import insecables

from .. import regles
from ..enums import EtatScenario
from ..models import Enveloppe, Scenario
from ..operations import ChoixDeLigne, Depart, MotifExige
from ..synthese import BilanDeScenario, restes_avec_meres
from .outils import RefusMixin

ARRONDIS = [("0.01", "au centime"), ("1", "à 1 €"), ("10", "à 10 €"), ("100", "à 100 €")]
SOUS_LE_PLANCHER = [
    (SousLePlancher.RAMENER_A_ZERO.value, "ramenés à 0 €, les plus petits d’abord"),
    (SousLePlancher.RELEVER.value, "relevés au plancher"),
]
RESTES = [
    (Reste.PLUS_FORTE_DEMANDE.value, "à la plus forte demande"),
    (Reste.PREMIERE.value, "à la première action de la liste"),
    (Reste.DISPONIBLE.value, "à personne : laissé disponible"),
]


class NomForm(RefusMixin, forms.Form):
    """Le nom d'un scénario, seul."""

    libelle = forms.CharField(label="Nom du scénario", max_length=100)


class MotifForm(RefusMixin, forms.Form):
    motif = forms.CharField(label="Motif", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))


class GesteSansChampForm(RefusMixin, forms.Form):
    """Un geste qui se confirme sans rien demander."""


class ScenarioForm(NomForm):
    """Un nouveau scénario d'un exercice : son étendue, et les montants dont il part."""

    enveloppe = forms.ChoiceField(label="Actions à décider", required=False)
    depart = forms.ChoiceField(label="Montants de départ", choices=Depart.choices, widget=forms.RadioSelect)
    modele = forms.ChoiceField(label="Scénario à copier", required=False, help_text="Pour partir d’un autre scénario.")

    def __init__(self, exercice, utilisateur, *args, **options):
        super().__init__(*args, initial={"depart": Depart.PROPOSE}, **options)
        self.enveloppes = {str(e.pk): e for e in enveloppes_tenues(exercice, utilisateur)}
        self.modeles = {str(s.pk): s for s in modeles_proposes(exercice, utilisateur)}
        entier = [("", "Celles de tout l’exercice")] if regles.peut_tenir_un_scenario(utilisateur, exercice) else []
        restes = restes_avec_meres(self.enveloppes.values())
        self.fields["enveloppe"].choices = entier + [
            (cle, insecables(f"Celles de l’enveloppe « {e} », reste à décider : {euros(restes[e.pk].montant)}"))
            for cle, e in self.enveloppes.items()
        ]
        self.fields["enveloppe"].required = not entier
        self.fields["modele"].choices = [("", "Aucun"), *((cle, str(s)) for cle, s in self.modeles.items())]
        if not self.modeles:
            del self.fields["modele"]
            self.fields["depart"].choices = [choix for choix in Depart.choices if choix[0] != Depart.COPIE]

    def champs(self):
        """Ce que l'opération de création demande."""
        valides = self.cleaned_data
        return {
            "libelle": valides["libelle"],
            "enveloppe": self.enveloppes.get(valides["enveloppe"]),
            "depart": Depart(valides["depart"]),
            "modele": self.modeles.get(valides.get("modele")),
        }


def enveloppes_tenues(exercice, utilisateur):
    """Celles de l'exercice où cette personne écrit."""
    visibles = Enveloppe.objects.visibles_par(utilisateur).filter(exercice=exercice).select_related("contrat")
    return [e for e in visibles.order_by("libelle", "pk") if regles.peut_tenir_un_scenario(utilisateur, exercice, e)]


def modeles_proposes(exercice, utilisateur):
    siens = Scenario.objects.visibles_par(utilisateur).filter(exercice=exercice)
    return siens.exclude(etat=EtatScenario.ECARTE).order_by("libelle", "pk")


# --- La règle d'ajustement ---


class RegleForm(PhrasesMixin, forms.Form):
    """La règle, telle qu'elle s'écrit dans l'adresse de son aperçu."""

    RESTE, MONTANT, MOINS = "reste", "montant", "moins"

    cible = forms.ChoiceField(label="Ramener le total", widget=forms.RadioSelect)
    montant = MontantFormField(label="Total voulu (€)", required=False, min_value=Decimal(0))
    moins = forms.DecimalField(
        label="Baisse (%)", required=False, min_value=0, max_value=100, max_digits=5, decimal_places=2, localize=True
    )
    plancher = MontantFormField(label="Rien sous (€)", required=False, min_value=Decimal(0))
    sous_le_plancher = forms.ChoiceField(label="Sous ce plancher, ils sont", choices=SOUS_LE_PLANCHER)
    demande = forms.BooleanField(label="Jamais plus que le demandé", required=False)
    augmenter = forms.BooleanField(label="Ne jamais augmenter un montant", required=False)
    plafond = MontantFormField(label="Jamais plus de (€ par action)", required=False, min_value=CENTIME)
    arrondi = forms.ChoiceField(label="Arrondi", choices=ARRONDIS)
    reste = forms.ChoiceField(label="Le reste de l’arrondi va", choices=RESTES)

    def __init__(self, bilan: BilanDeScenario, donnees=None):
        initial = {"cible": self.MONTANT if bilan.avant is None else self.RESTE, "demande": True, "arrondi": "100"}
        super().__init__(donnees if donnees and "cible" in donnees else None, initial=initial)
        self.bilan = bilan
        reste = [] if bilan.avant is None else [(self.RESTE, f"au reste à décider : {euros(bilan.avant.montant)}")]
        autres = [(self.MONTANT, "à un montant"), (self.MOINS, "d’un pourcentage")]
        self.fields["cible"].choices = [(cle, insecables(libelle)) for cle, libelle in [*reste, *autres]]

    def clean(self):
        donnees = super().clean()
        if donnees.get("cible") in (self.MONTANT, self.MOINS):
            champ = donnees["cible"]
            if donnees.get(champ) is None and champ not in self.errors:
                self.add_error(champ, insecables(f"Renseigner « {self.fields[champ].label} »."))
        return donnees

    def regle(self) -> Regle:
        valides = self.cleaned_data
        cible, origine = self._cible()
        return Regle(
            cible=cible,
            origine=origine,
            plancher=valides["plancher"] or Decimal(0),
            sous_le_plancher=SousLePlancher(valides["sous_le_plancher"]),
            plafonner_au_demande=valides["demande"],
            jamais_augmenter=valides["augmenter"],
            plafond=valides["plafond"],
            arrondi=Decimal(valides["arrondi"]),
            reste=Reste(valides["reste"]),
        )

    def _cible(self):
        """La cible en euros, et d'où elle vient. Une baisse s'arrondit au centime inférieur."""
        valides = self.cleaned_data
        if valides["cible"] == self.RESTE:
            enveloppe = self.bilan.scenario.enveloppe
            return self.bilan.avant.montant, f"reste à décider de « {enveloppe} »" if enveloppe else "reste à décider"
        if valides["cible"] == self.MONTANT:
            return valides["montant"], ""
        exacte = self.bilan.total * (100 - valides["moins"]) / 100
        en_clair = f"{valides['moins'].normalize():f}".replace(".", ",")
        return exacte.quantize(CENTIME, ROUND_FLOOR), f"−{en_clair} % de {euros(self.bilan.total)}"


# --- La promotion ---


class PromotionForm(RefusMixin, forms.Form):
    """Ce qui est commun à toutes les attributions d'un scénario promu ; `lue` : le condensé des montants montrés."""

    lue = forms.CharField(required=False, widget=forms.HiddenInput)
    date = forms.DateField(label="Date de la décision", widget=SaisieDate, initial=timezone.localdate)
    motif = forms.CharField(
        label="Motif",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Exigé si un montant dépasse la demande, ou, du responsable, si l’ensemble dépasse l’enveloppe.",
    )
    enveloppe = forms.ChoiceField(
        label="Enveloppe des actions qui n’en ont pas d’office",
        required=False,
        help_text="Les autres gardent la leur.",
    )

    def __init__(self, enveloppes, *args, **options):
        super().__init__(*args, **options)
        self.enveloppes = {str(enveloppe.pk): enveloppe for enveloppe in enveloppes}
        if enveloppes:
            self.fields["enveloppe"].choices = [("", "Aucune"), *((cle, str(e)) for cle, e in self.enveloppes.items())]
        else:
            del self.fields["enveloppe"]

    def refuser(self, refus):
        """Un motif manquant se dit sur le motif ; le reste, où l'opération le dit."""
        if not isinstance(refus, MotifExige):
            return super().refuser(refus)
        for message in refus.messages:
            self.add_error("motif", insecables(message))
        return None

    def champs(self):
        valides = self.cleaned_data
        enveloppe = self.enveloppes.get(valides.get("enveloppe"))
        lue = valides["lue"] or None
        return {"date": valides["date"], "motif": valides["motif"], "enveloppe": enveloppe, "lue": lue}


class LignePerimeeForm(PhrasesMixin, forms.Form):
    """Ce que l'on fait d'une action qui a changé depuis que le scénario l'a vue."""

    SCENARIO, METTRE_A_JOUR, ECARTER = "scenario", "maj", "ecarter"

    choix = forms.ChoiceField(label="Que faire de cette action", widget=forms.RadioSelect)
    montant = MontantFormField(label="Montant mis à jour", required=False, min_value=Decimal(0))
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, ligne, donnees=None):
        """Le choix envoyé ne vaut que pour la version de l'action qu'il a lue : sinon il se refait."""
        prefixe = f"l{ligne.action.pk}"
        relu = donnees is not None and donnees.get(f"{prefixe}-version") == str(ligne.action.version)
        initial = {"version": ligne.action.version, "montant": montant_a_jour(ligne)}
        super().__init__(donnees if relu else None, prefix=prefixe, initial=initial)
        self.ligne = ligne
        self.fields["choix"].choices = self._choix()
        self.fields["montant"].label = f"Montant mis à jour pour {ligne.action}"
        if ligne.empechement:
            self.fields["choix"].initial = self.ECARTER
            del self.fields["montant"]

    def _choix(self):
        ecarter = [(self.ECARTER, "l’écarter : elle reste telle quelle")]
        if self.ligne.empechement:
            return ecarter
        garder = (self.SCENARIO, insecables(f"garder les {euros(self.ligne.montant)} du scénario"))
        return [garder, (self.METTRE_A_JOUR, "la mettre à jour, au montant ci-dessous"), *ecarter]

    def clean(self):
        donnees = super().clean()
        if donnees.get("choix") == self.METTRE_A_JOUR and not donnees.get("montant") and "montant" not in self.errors:
            self.add_error("montant", "Indiquer un montant supérieur à zéro, ou écarter l’action.")
        return donnees

    def choix_de_ligne(self) -> ChoixDeLigne:
        valides = self.cleaned_data
        montants = {self.SCENARIO: self.ligne.montant, self.METTRE_A_JOUR: valides.get("montant")}
        return ChoixDeLigne(valides["version"], montants.get(valides["choix"]))


def montant_a_jour(ligne):
    """Ce que l'instruction propose maintenant ; à défaut, le montant du scénario ramené à la demande."""
    if ligne.propose is not None:
        return ligne.propose
    return ligne.montant if ligne.demande is None else min(ligne.montant, ligne.demande)
