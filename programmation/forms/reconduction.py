"""Les formulaires de la reconduction et des prévisions d'une CPO."""

from django import forms

from politique_ville.outils.montants import MontantFormField

from .. import regles
from ..models import Campagne
from ..operations import DemandeDeReconduction, PrevisionsSaisies
from .outils import RefusMixin


class ReconductionForm(RefusMixin, forms.Form):
    """Ne demande que ce qui reste à choisir : la campagne s'il y en a plusieurs, la suite d'une CPO finie."""

    def __init__(self, preparation, *args, **options):
        super().__init__(*args, **options)
        self.preparation = preparation
        if len(preparation.campagnes) > 1:
            self.fields["campagne"] = self.campagne()
        if preparation.cpo_finie:
            action = preparation.action
            self.fields["annuelle"] = forms.BooleanField(
                label="Reconduire comme action annuelle",
                help_text=f"La CPO est finie : {action.cpo_rang} sur {action.cpo_nombre}.",
                error_messages={"required": "La CPO est finie : cocher pour repartir en action annuelle."},
            )

    def campagne(self):
        possibles = self.preparation.campagnes
        return forms.ModelChoiceField(
            label="Campagne",
            queryset=Campagne.objects.filter(pk__in=[c.pk for c in possibles]),
            initial=possibles[0].pk if possibles[0].contrat_id else None,
            required=not possibles[0].contrat_id,
            empty_label="Choisir",
            error_messages={"required": "Plusieurs campagnes sont ouvertes : choisir la sienne."},
        )

    def demande(self):
        valides = self.cleaned_data
        action = self.preparation.action
        return DemandeDeReconduction(action, valides.get("campagne"), bool(valides.get("annuelle")))


class PrevisionsForm(RefusMixin, forms.Form):
    """Un montant par année à venir de la CPO ; vide, rien n'est prévu."""

    motif = forms.CharField(label="Motif", required=False, max_length=500)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, action, *args, motif_exige=False, **options):
        prevus = {p.annee: p.montant for p in action.previsions.all()}
        super().__init__(*args, initial={"version": action.version}, **options)
        self.action = action
        for annee in regles.annees_a_prevoir(action):
            self.fields[nom(annee)] = MontantFormField(
                label=f"Prévu en {annee}", required=False, min_value=0, initial=prevus.get(annee)
            )
        if motif_exige:
            self.fields["motif"].required = True
            self.fields["motif"].help_text = "L’action est décidée, ou sa campagne est figée."
        self.order_fields([*map(nom, regles.annees_a_prevoir(action)), "motif", "version"])

    def saisie(self):
        montants = {annee: self.cleaned_data[nom(annee)] for annee in regles.annees_a_prevoir(self.action)}
        return PrevisionsSaisies(self.action, montants, self.cleaned_data["version"])


def nom(annee):
    return f"annee_{annee}"
