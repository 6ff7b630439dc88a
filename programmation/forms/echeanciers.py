"""La saisie de l'échéancier d'un acte : toutes ses lignes d'un coup, en euros ou en pourcentages."""

from decimal import Decimal

from django import forms

from politique_ville.outils.formulaires import PhrasesMixin, SaisieDate
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import CENTIME, MontantFormField
from politique_ville.outils.typographie import insecables

from ..enums import NaturePaiement
from ..operations import Versement
from ..operations.echeanciers import valeurs_de
from ..synthese.echeanciers import montants_des_parts
from .execution import ExecutionForm
from .gestes import valeur_lue

VERSEMENTS_AU_PLUS = 24
LIGNES_VIDES = 3
NATURES = [(n.value, n.label) for n in NaturePaiement if n != NaturePaiement.REVERSEMENT]


class VersementForm(PhrasesMixin, forms.Form):
    """Un versement ; une ligne entièrement vide ne compte pas. `part` aide à saisir : seul le montant s'enregistre."""

    nature = forms.ChoiceField(label="Versement", choices=[("", "Choisir"), *NATURES])
    part = forms.DecimalField(
        label="Part (%)",
        required=False,
        min_value=CENTIME,
        max_value=100,
        max_digits=5,
        decimal_places=2,
        localize=True,
    )
    montant = MontantFormField(label="Montant", required=False, min_value=Decimal(0))
    prevu_le = forms.DateField(label="Prévu le", widget=SaisieDate)
    condition = forms.CharField(label="Condition", required=False, max_length=250)

    def versement(self) -> Versement:
        valides = self.cleaned_data
        return Versement(valides["nature"], valides["montant"], valides["prevu_le"], valides["condition"])


class BaseVersementFormSet(forms.BaseFormSet):
    """Ce que l'agent envoie fait foi : une ligne vidée est retirée."""

    default_error_messages = {
        "missing_management_form": "L’échéancier est arrivé incomplet : recharger la page.",
        "too_many_forms": f"Un échéancier a au plus {VERSEMENTS_AU_PLUS} versements.",
    }

    def __init__(self, montant, *args, **options):
        self.montant = montant
        super().__init__(*args, prefix="v", **options)
        self.extra = len(self.initial or []) + LIGNES_VIDES

    def initial_form_count(self):
        return 0

    @property
    def remplies(self):
        return [form for form in self.forms if form.has_changed()]

    def clean(self):
        """La page envoie toujours des lignes, vides ou non : sans aucune, tout s'effacerait en silence."""
        if not self.forms:
            raise forms.ValidationError(self.error_messages["missing_management_form"])
        if any(form.errors for form in self.remplies):
            return
        parts = [form.cleaned_data["part"] for form in self.remplies]
        if any(parts):
            self.partager(parts)
        for form in self.remplies:
            if form.cleaned_data.get("montant") is None and not form.errors:
                form.add_error("montant", insecables("Renseigner « Montant », ou une part à chaque ligne."))

    def partager(self, parts):
        """Des parts partout, qui font 100 : les montants en viennent, au centime ; un montant tapé doit y être égal."""
        if not all(parts):
            raise forms.ValidationError("Donner une part à chaque versement, ou à aucun.")
        if sum(parts) != 100:
            ecrite = f"{sum(parts).normalize():f}".replace(".", ",")
            raise forms.ValidationError(insecables(f"Les parts font {ecrite} % : elles doivent faire 100 %."))
        for form, calcule in zip(self.remplies, montants_des_parts(self.montant, parts), strict=True):
            saisi = form.cleaned_data["montant"]
            if saisi not in (None, calcule):
                phrase = f"Cette part fait {euros(calcule)}, pas {euros(saisi)} : vider l’un des deux."
                form.add_error("montant", insecables(phrase))
            form.cleaned_data["montant"] = calcule

    def versements(self):
        return [form.versement() for form in self.remplies]


VersementFormSet = forms.formset_factory(
    VersementForm,
    formset=BaseVersementFormSet,
    max_num=VERSEMENTS_AU_PLUS,
    absolute_max=VERSEMENTS_AU_PLUS + 1,
    validate_max=True,
)


class VersionForm(ExecutionForm):
    """La version de l'acte que la personne a lue."""

    version = forms.IntegerField(widget=forms.HiddenInput)


class SaisieDEcheancier:
    """La version lue et les lignes : valides ensemble, ou pas du tout. `proposes` : les lignes de départ."""

    def __init__(self, acte, montant, proposes, donnees=None):
        self.commune = VersionForm(donnees, initial={"version": acte.version})
        self.lignes = VersementFormSet(montant, donnees, initial=None if donnees else proposes)

    def is_valid(self):
        return all([self.commune.is_valid(), self.lignes.is_valid()])

    @property
    def version_lue(self):
        return valeur_lue(self.commune["version"])

    def versements(self) -> list[Versement]:
        return self.lignes.versements()

    def redit(self, acte) -> bool:
        """Cet envoi, renvoyé, dit-il l'échéancier déjà enregistré ? Ni l'ordre ni les espaces n'y comptent."""
        return sorted(map(valeurs_de, acte.versements.all())) == sorted(map(valeurs_de, self.versements()))

    def relire(self, acte):
        """Un nouvel envoi remplacera ce qui est en base maintenant."""
        self.commune.data = self.commune.data.copy()
        self.commune.data["version"] = acte.version
