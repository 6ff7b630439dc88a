"""Choisir le modèle et la date des lettres d'une sélection."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from politique_ville.outils.formulaires import PhrasesMixin, SaisieDate
from politique_ville.outils.typographie import insecables

from ..enums import NatureCourrier
from ..models import ModeleDeCourrier


class EnvoiForm(PhrasesMixin, forms.Form):
    """Les modèles de lettre proposés dans un département ; le premier qui convient à la sélection est déjà choisi."""

    modele = forms.ModelChoiceField(
        label="Modèle de lettre", queryset=ModeleDeCourrier.objects.none(), empty_label=None
    )
    le = forms.DateField(label="Date des lettres", widget=SaisieDate)

    def __init__(self, departement, statuts, *args, **options):
        modeles = ModeleDeCourrier.objects.proposes_dans(departement).filter(nature__in=NatureCourrier.lettres())
        self.modeles = list(modeles.order_by("nature", "nom", "pk"))
        initial = {"le": timezone.localdate(), "modele": self.qui_convient(statuts)}
        super().__init__(*args, initial=initial, **options)
        self.fields["modele"].queryset = modeles
        self.fields["modele"].label_from_instance = lambda m: f"{m.get_nature_display()} : {m}"

    def clean_le(self):
        """Une lettre se date de ces jours-ci : deux ans plus tard, l'année est mal tapée."""
        le = self.cleaned_data["le"]
        if le.year > timezone.localdate().year + 1:
            phrase = f"La date des lettres, {le:%d/%m/%Y}, est trop loin d’aujourd’hui : vérifier l’année."
            raise ValidationError(insecables(phrase))
        return le

    def qui_convient(self, statuts):
        """Celui qui annonce le plus des décisions de la sélection."""
        return max(
            self.modeles, key=lambda m: sum(s in NatureCourrier(m.nature).statuts for s in statuts), default=None
        )

    @property
    def choix(self):
        """(modèle, date) : ceux que l'on a envoyés, ou ceux que la page propose ; None s'ils sont faux."""
        if not self.is_bound:
            return self.initial["modele"], self.initial["le"]
        return (self.cleaned_data["modele"], self.cleaned_data["le"]) if self.is_valid() else None
