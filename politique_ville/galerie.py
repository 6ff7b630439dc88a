"""Les exemples de la galerie des composants : aucune donnée réelle, rien de la base."""

from decimal import Decimal

from django import forms
from django.core.paginator import Paginator

from politique_ville.outils.formulaires import SaisieDate
from politique_ville.outils.listes import FiltreActif
from politique_ville.outils.montants import MontantFormField

PILIERS = [("cohesion", "Cohésion sociale"), ("cadre", "Cadre de vie"), ("emploi", "Emploi")]


class ExempleForm(forms.Form):
    """Un champ de chaque sorte, pour le pack `crispy_dsfr`."""

    intitule = forms.CharField(label="Intitulé", max_length=80, help_text="Tel qu’il est dans Dauphin.")
    description = forms.CharField(label="Description", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    montant = MontantFormField(label="Montant demandé", help_text="En euros, par exemple 1 234,50.")
    debut = forms.DateField(label="Début", widget=SaisieDate)
    pilier = forms.ChoiceField(label="Pilier", choices=[("", "Choisir"), *PILIERS])
    quartiers = forms.MultipleChoiceField(label="Quartiers", required=False, choices=PILIERS)
    duree = forms.ChoiceField(
        label="Durée", choices=[("an", "Un an"), ("cpo", "Convention pluriannuelle")], widget=forms.RadioSelect
    )
    priorites = forms.MultipleChoiceField(
        label="Priorités",
        choices=PILIERS,
        widget=forms.CheckboxSelectMultiple,
        help_text="Plusieurs choix possibles.",
    )
    piece = forms.FileField(label="Pièce jointe", help_text="PDF, 5 Mo au plus.")
    accord = forms.BooleanField(label="Le porteur a signé le contrat d’engagement républicain")
    verrouille = forms.CharField(label="Numéro attribué", disabled=True, initial="12345678", required=False)
    campagne = forms.CharField(widget=forms.HiddenInput, initial="7")


class LigneForm(forms.Form):
    financeur = forms.ChoiceField(choices=[("anct", "ANCT"), ("caf", "CAF")])
    demande = MontantFormField(label="Demandé")


LigneFormSet = forms.formset_factory(LigneForm, extra=2, can_delete=True)


def contexte(request):
    saisie = {"montant": "douze", "pilier": "inconnu"}
    return {
        "formulaire": ExempleForm(auto_id="libre_%s"),
        "formulaire_faux": ExempleForm(saisie, auto_id="faux_%s"),
        "lignes": LigneFormSet(initial=[{"financeur": "caf", "demande": Decimal("1234.50")}]),
        "page": Paginator(range(312), 50).get_page(request.GET.get("page")),
        "tri": request.GET.get("tri", ""),
        "filtres": [
            FiltreActif("Contrat", "Caen la mer", "?"),
            FiltreActif("Quartier", "Chemin Vert, Grâce de Dieu", "?"),
        ],
        "montant": Decimal("1234567.50"),
        "perte": Decimal("-1200"),
        "part": Decimal("79.6"),
        "constat": Decimal("80"),
        "piliers": [
            ("Cohésion sociale", Decimal("79.6"), Decimal("80"), Decimal("1234567.50"), Decimal("-0.4")),
            ("Cadre de vie", Decimal("18.3"), None, Decimal("283820.10"), None),
            ("Emploi", Decimal("2.1"), Decimal("2"), Decimal("32569.52"), Decimal("0.1")),
        ],
        "segments": [("paye", Decimal(0), Decimal(30)), ("propose", Decimal(30), Decimal("12.5"))],
        "inconnu": None,
    }
