"""Les formulaires des avis : en donner un, s'en dispenser."""

from django import forms

from politique_ville.outils.montants import MontantFormField

from ..enums import QualiteAvis, SensAvis, VisibiliteAvis
from ..models.avis import PLUS_BASSE_PRIORITE
from ..operations import AvisDonne
from .outils import RefusMixin

PRIORITES = [("", "Sans priorité"), *((n, str(n)) for n in range(1, PLUS_BASSE_PRIORITE + 1))]
SUR_L_ACTION = "Sur l’action, jamais sur une personne : porteur, salarié ou bénéficiaire."


class AvisForm(RefusMixin, forms.Form):
    """Le sens vient du bouton pressé ; le reste est facultatif : deux gestes suffisent."""

    qualite = forms.ChoiceField(label="Au nom de")
    commentaire = forms.CharField(
        label="Commentaire",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=SUR_L_ACTION,
    )
    montant_conseille = MontantFormField(label="Montant P147 conseillé", required=False, min_value=0)
    priorite = forms.TypedChoiceField(
        label="Priorité",
        required=False,
        choices=PRIORITES,
        coerce=int,
        empty_value=None,
        help_text="1 : à financer d’abord.",
    )
    visibilite = forms.ChoiceField(label="Lu par", choices=VisibiliteAvis.choices, initial=VisibiliteAvis.ETAT)
    sens = forms.ChoiceField(label="Avis", choices=[(sens, sens.label) for sens in SensAvis.exprimes()])

    def __init__(self, qualites, *args, avis=None, **options):
        initial = {"qualite": qualites[0]}
        if avis:
            champs = ("qualite", "commentaire", "montant_conseille", "priorite", "visibilite")
            initial = {nom: getattr(avis, nom) for nom in champs}
        super().__init__(*args, initial=initial, **options)
        self.fields["qualite"].choices = [(qualite, qualite.label) for qualite in qualites]
        if len(qualites) == 1:
            self.fields["qualite"].widget = forms.HiddenInput()
        self.fields["sens"].widget = forms.HiddenInput()

    @property
    def a_montrer(self):
        """Les champs du formulaire ; le sens a ses boutons."""
        return [champ for champ in self if champ.name != "sens" and not champ.is_hidden]

    def avis(self):
        donnees = self.cleaned_data
        return AvisDonne(
            qualite=QualiteAvis(donnees["qualite"]),
            sens=SensAvis(donnees["sens"]),
            montant_conseille=donnees["montant_conseille"],
            priorite=donnees["priorite"],
            commentaire=donnees["commentaire"],
            visibilite=VisibiliteAvis(donnees["visibilite"]),
        )


class DispenseForm(RefusMixin, forms.Form):
    """Un même motif dispense d'un même avis toutes les actions choisies."""

    qualite = forms.ChoiceField(label="Avis dont on se passe", choices=QualiteAvis.choices)
    motif = forms.CharField(label="Motif", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
