"""Le formulaire du retour à une version passée."""

from django import forms

from .outils import RefusMixin


class RetourForm(RefusMixin, forms.Form):
    """`lue` : la version de l'action que la page montrait."""

    motif = forms.CharField(label="Motif", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 3}))
    lue = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args, motif_exige=False, **options):
        super().__init__(*args, **options)
        if motif_exige:
            self.fields["motif"].help_text = (
                "L’action est décidée ou sa campagne est figée : changer un montant, le classement, le porteur, le "
                "contrat ou les quartiers demande un motif."
            )
