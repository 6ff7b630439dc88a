"""Les formulaires de l'exercice : le préparer, régler une campagne, confirmer un geste qui engage tout."""

from django import forms

from comptes.enums import Role
from politique_ville.outils.formulaires import SaisieDate
from territoires.models import ContratDeVille

from ..models import Campagne, Dispositif, Exercice
from .outils import RefusMixin

CHAMPS_D_UNE_CAMPAGNE = [
    "intitule",
    "contrat",
    "dispositif",
    "vague",
    "ouverture",
    "cloture",
    "avis_delegue_exige",
    "avis_service_exige",
    "avis_chef_de_projet_exige",
    "avis_manquant_bloquant",
]


def departements_du_responsable(utilisateur):
    """Là où la personne tient l'exercice : ses départements, ou tous."""
    siennes = [h for h in utilisateur.habilitations_actives if h.role == Role.RESPONSABLE]
    visibles = utilisateur.departements_visibles()
    if any(h.france_entiere for h in siennes):
        return visibles
    return visibles.filter(pk__in={h.departement_id for h in siennes} - {None})


class ExerciceForm(RefusMixin, forms.Form):
    """L'année à préparer, dans un département que la personne tient."""

    departement = forms.ModelChoiceField(label="Département", queryset=None, empty_label="Choisir")
    annee = forms.IntegerField(label="Année")

    def __init__(self, utilisateur, *args, **options):
        super().__init__(*args, **options)
        siens = departements_du_responsable(utilisateur)
        self.fields["departement"].queryset = siens
        if len(siens) == 1:
            self.fields["departement"].initial = siens[0]
            self.fields["annee"].initial = self.annee_suivante(siens[0])

    @staticmethod
    def annee_suivante(departement):
        derniere = Exercice.objects.filter(departement=departement).order_by("-annee").first()
        return derniere.annee + 1 if derniere else None


class CampagneForm(RefusMixin, forms.ModelForm):
    """Les règles d'une campagne. `lue` : la version que la page montrait."""

    lue = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Campagne
        fields = CHAMPS_D_UNE_CAMPAGNE
        widgets = {"ouverture": SaisieDate, "cloture": SaisieDate}
        help_texts = {
            "contrat": "Vide : tous les contrats du département, et l’échelle du département.",
            "dispositif": "Vide : tous les dispositifs.",
            "vague": "1 pour la première, 2 pour une seconde vague dans l’année.",
            "avis_manquant_bloquant": "Sinon, un avis qui manque n’est qu’un avertissement.",
        }

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        exercice = self.instance.exercice
        contrats = ContratDeVille.objects.filter(departement=exercice.departement_id).en_vigueur(exercice.annee)
        self.fields["contrat"].queryset = contrats
        self.fields["contrat"].empty_label = "Tous les contrats"
        self.fields["dispositif"].queryset = Dispositif.objects.actifs()
        self.fields["dispositif"].empty_label = "Tous les dispositifs"

    @property
    def champs(self):
        return {nom: self.cleaned_data[nom] for nom in CHAMPS_D_UNE_CAMPAGNE}


class ConfirmationForm(RefusMixin, forms.Form):
    """Un geste qui engage tout. `vu` : l'empreinte des conséquences que la page annonçait."""

    vu = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args, empreinte, **options):
        super().__init__(*args, initial={"vu": empreinte}, **options)
        self.empreinte = empreinte

    def annonce_ce_qui_est(self):
        """Les conséquences lues sont-elles encore celles de maintenant ?"""
        return self.cleaned_data["vu"] == self.empreinte

    def donnees(self):
        """Ce que l'opération reçoit."""
        return {nom: valeur for nom, valeur in self.cleaned_data.items() if nom != "vu"}


class ReouvertureForm(ConfirmationForm):
    motif = forms.CharField(
        label="Motif",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Gardé dans l’historique de l’exercice : ce qui doit être corrigé, et pourquoi.",
    )
