"""Le budget d'une feuille de PRE : une ligne par financeur, selon le bilan."""

from django import forms

from politique_ville.outils.formulaires import PhrasesMixin
from programmation.forms.plan import montant as champ_de_montant

from .versions import BUDGET

LIGNES_DE_PLUS = 3
LIGNES_AU_PLUS = 40


def cles_du_budget(budget):
    return {f"{BUDGET}{financeur.pk}": montant for financeur, montant in budget.items()}


class LigneDeBudgetForm(PhrasesMixin, forms.Form):
    financeur = forms.TypedChoiceField(label="Financeur", required=False)
    montant = champ_de_montant("Montant")

    def __init__(self, *args, financeurs, **kwargs):
        super().__init__(*args, **kwargs)
        champ = self.fields["financeur"]
        champ.choices, champ.coerce, champ.empty_value = financeurs.choix, financeurs.lire, None

    def clean(self):
        donnees = super().clean()
        if "financeur" in donnees and "montant" in donnees:
            if donnees["montant"] is not None and donnees["financeur"] is None:
                self.add_error("financeur", "Choisir le financeur de cette ligne.")
            elif donnees["financeur"] is not None and donnees["montant"] is None:
                self.add_error("montant", "Indiquer le montant, ou retirer le financeur.")
        return donnees


class BaseBudgetFormSet(forms.BaseFormSet):
    """Ce que l'agent envoie fait foi : une ligne vidée est retirée."""

    default_error_messages = {
        "missing_management_form": "Le budget est arrivé incomplet : recharger la page.",
        "too_many_forms": f"Un budget a au plus {LIGNES_AU_PLUS} lignes.",
    }

    @property
    def financeurs(self):
        return self.form_kwargs["financeurs"]

    def initial_form_count(self):
        return 0 if self.is_bound else super().initial_form_count()

    def clean(self):
        vus = set()
        for ligne in self.remplies:
            financeur = ligne.cleaned_data["financeur"]
            if financeur in vus:
                ligne.add_error("financeur", "Ce financeur est déjà dans le budget : réunir les lignes.")
            vus.add(financeur)

    @property
    def remplies(self):
        return [ligne for ligne in self.forms if not ligne.errors and ligne.cleaned_data.get("financeur")]

    def par_financeur(self):
        return {ligne.cleaned_data["financeur"]: ligne.cleaned_data["montant"] for ligne in self.remplies}


BudgetFormSet = forms.formset_factory(
    LigneDeBudgetForm,
    formset=BaseBudgetFormSet,
    extra=LIGNES_DE_PLUS,
    max_num=LIGNES_AU_PLUS,
    absolute_max=LIGNES_AU_PLUS + 10,
    validate_max=True,
)
