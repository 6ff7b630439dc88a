"""Saisir un PRE : son contrat, sa structure porteuse, ses communes."""

from typing import Any

from django import forms

from politique_ville.outils.formulaires import ChoixMultiplesField, SaisieDate
from politique_ville.outils.typographie import insecables
from programmation.enums import Droit
from programmation.forms.choix import habilitations_d_ecriture
from programmation.forms.outils import RefusMixin
from programmation.models import Organisme
from territoires.models import Commune, ContratDeVille

from ..enums import NaturePorteurPre
from ..models import ProgrammeReussiteEducative
from ..operations import SaisieDeProgramme

PORTEUR_PUBLIC = (
    "Un PRE est porté par une structure à comptabilité publique : CCAS, caisse des écoles, GIP, EPLE, régie."
)


def contrats_ou_gerer(utilisateur):
    """Les contrats, de toute génération, où la personne saisit des PRE."""
    habilitations = habilitations_d_ecriture(utilisateur)
    if any(h.france_entiere for h in habilitations):
        return ContratDeVille.objects.all()
    departements = [h.departement_id for h in habilitations if h.departement_id]
    contrats = [h.contrat_id for h in habilitations if h.contrat_id]
    return ContratDeVille.objects.filter(departement__in=departements) | ContratDeVille.objects.filter(pk__in=contrats)


class ProgrammeForm(RefusMixin, forms.ModelForm):
    """Un PRE. Le formulaire ne sauve rien : `saisie()` rend ce que l'opération enregistrera."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    communes = ChoixMultiplesField(
        label="Communes", queryset=Commune.objects.none(), widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = ProgrammeReussiteEducative
        fields = ["intitule", "contrat", "nature_porteur", "structure", "communes", "ouvert_le", "ferme_le"]
        widgets = {"ouvert_le": SaisieDate, "ferme_le": SaisieDate}
        error_messages = {"structure": {"invalid_choice": insecables(PORTEUR_PUBLIC)}}

    def __init__(self, *args, utilisateur, **kwargs):
        super().__init__(*args, **kwargs)
        contrats = contrats_ou_gerer(utilisateur).order_by("-generation", "intitule")
        self.fields["contrat"].queryset = contrats
        self.fields["structure"].queryset = self._structures(utilisateur)
        self.fields["structure"].help_text = insecables("À comptabilité publique ; à ajouter d’abord aux organismes.")
        self.fields["communes"].queryset = self._communes(contrats)
        for nom in ("contrat", "structure"):
            self.fields[nom].empty_label = "Choisir"
        self.fields["nature_porteur"].choices = [("", "Choisir"), *NaturePorteurPre.choices]
        self.initial["version"] = self.instance.version if self.instance.pk else None

    def _structures(self, utilisateur):
        publiques = Organisme.objects.visibles_par(utilisateur).vivants().filter(droit=Droit.PUBLIC)
        return publiques | Organisme.objects.filter(pk=self.instance.structure_id)

    def _communes(self, contrats):
        """Celles des contrats où la personne saisit, et celles que le PRE porte déjà."""
        siennes = Commune.objects.filter(contrats__in=contrats.order_by())
        if self.instance.pk:
            siennes = siennes | Commune.objects.filter(programmes_pre=self.instance)
        return siennes.distinct().order_by("recherche", "pk")

    def clean(self):
        """Ce que la base refuserait en tête, dit au champ."""
        donnees = super().clean()
        if donnees.get("ouvert_le") and donnees.get("ferme_le") and donnees["ferme_le"] < donnees["ouvert_le"]:
            self.add_error("ferme_le", "Le PRE ferme avant d’ouvrir.")
        homonymes = ProgrammeReussiteEducative.objects.filter(
            contrat=donnees.get("contrat"), intitule=donnees.get("intitule")
        )
        if homonymes.exclude(pk=self.instance.pk).exists():
            self.add_error("intitule", "Un PRE du contrat porte déjà cet intitulé.")
        return donnees

    def valeurs(self) -> dict[str, Any]:
        donnees = {nom: self.cleaned_data[nom] for nom in self.Meta.fields}
        return donnees | {"communes": list(donnees["communes"]), "nature_porteur": nature(donnees["nature_porteur"])}

    def valeurs_en_base(self) -> dict[str, Any]:
        pre = self.instance
        champs = {nom: getattr(pre, nom) for nom in self.Meta.fields if nom != "communes"}
        return champs | {"communes": list(pre.communes.all()), "nature_porteur": nature(pre.nature_porteur)}

    @property
    def libelles(self):
        return {nom: self.fields[nom].label for nom in self.Meta.fields}

    def saisie(self, valeurs=None) -> SaisieDeProgramme:
        """Ce que l'opération enregistrera ; `valeurs` remplace celles du formulaire."""
        champs = dict(valeurs or self.valeurs())
        communes = champs.pop("communes")
        objet = self.instance if self.instance.pk else None
        return SaisieDeProgramme(champs, objet, self.cleaned_data["version"], communes)


def nature(valeur):
    return NaturePorteurPre(valeur) if valeur else None
