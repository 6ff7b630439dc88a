"""Les valeurs communes d'une modification en lot : un champ laissé tel quel ne change rien."""

from django import forms
from django.core.exceptions import ValidationError

from politique_ville.outils.formulaires import ChoixMultiplesField, PhrasesMixin
from politique_ville.outils.typographie import insecables

from ..enums import Echelle
from ..models import Action, Campagne, Enveloppe
from ..operations.lots import ValeursCommunes
from ..synthese.lots import CHAMPS_DU_LOT
from .choix import Choix
from .outils import RefusMixin

VIDER = "aucun"
SE_VIDENT = {"agent_referent": "Aucun", "enveloppe": "Aucune"}
AIDES = {
    "pilier": "Sans choix, une thématique ou un dispositif qui change entraîne le pilier qui lui correspond, "
    "sauf s’il avait été choisi à la main."
}
LIBELLES = {
    "campagne": "Campagne",
    "thematique": "Thématique",
    "dispositif": "Dispositif",
    "pilier": "Pilier",
    "enveloppe": "Enveloppe",
    "agent_referent": "Agent référent",
}


class ModificationForm(PhrasesMixin, forms.Form):
    """`valeurs()` rend ce que l'opération donnera à chaque action ; les choix sont ceux de l'exercice."""

    def __init__(self, exercice, utilisateur, *args, **kwargs):
        super().__init__(*args, **kwargs)
        choix = Choix(utilisateur, Action(), exercice=exercice, echelle=Echelle.CONTRAT, contrat=None)
        self.objets = {nom: {str(o.pk): o for o in lus} for nom, lus in choix_du_lot(choix, exercice).items()}
        for nom in CHAMPS_DU_LOT:
            self.fields[nom] = forms.ChoiceField(
                label=LIBELLES[nom], required=False, choices=self._choix(nom), help_text=AIDES.get(nom, "")
            )
        priorites = choix.priorites
        for nom, libelle in (("ajouter", "Priorités à ajouter"), ("retirer", "Priorités à retirer")):
            self.fields[nom] = ChoixMultiplesField(
                priorites, label=libelle, required=False, widget=forms.CheckboxSelectMultiple
            )

    def _choix(self, nom):
        vider = [(VIDER, SE_VIDENT[nom])] if nom in SE_VIDENT else []
        return [("", "Ne pas changer"), *vider, *((pk, str(objet)) for pk, objet in self.objets[nom].items())]

    def clean(self):
        donnees = super().clean()
        if not self.errors and not any(donnees.values()):
            raise ValidationError("Choisir au moins une valeur à changer.")
        doubles = set(donnees.get("ajouter") or ()) & set(donnees.get("retirer") or ())
        if doubles:
            self.add_error("retirer", insecables(f"« {min(doubles, key=str)} » est à ajouter et à retirer : choisir."))
        return donnees

    def valeurs(self) -> ValeursCommunes:
        donnees = self.cleaned_data
        choisies = {nom: donnees[nom] for nom in CHAMPS_DU_LOT if donnees[nom]}
        return ValeursCommunes(
            {nom: None if cle == VIDER else self.objets[nom][cle] for nom, cle in choisies.items()},
            tuple(donnees["ajouter"]),
            tuple(donnees["retirer"]),
        )

    @property
    def renvoyes(self):
        """Ce qui a été choisi, à rapporter tel quel par la page d'aperçu."""
        return [(nom, valeur) for nom in self.fields for valeur in self.data.getlist(nom) if valeur]


def choix_du_lot(choix, exercice):
    """Par champ, ce qui se propose dans cet exercice : des campagnes non figées, des enveloppes sans sous-enveloppe."""
    return {
        "campagne": Campagne.objects.filter(exercice=exercice, figee_le=None).order_by("vague", "pk"),
        "thematique": choix.thematiques,
        "dispositif": choix.dispositifs,
        "pilier": choix.piliers,
        "enveloppe": Enveloppe.objects.feuilles().filter(exercice=exercice).order_by("libelle", "pk"),
        "agent_referent": choix.agents,
    }


class MotifDuLotForm(RefusMixin, forms.Form):
    """Le motif commun ; `exige` : l'une des actions est décidée, ou d'une campagne figée."""

    motif = forms.CharField(label="Motif", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args, exige=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["motif"].required = exige
        self.fields["motif"].help_text = insecables(
            "Une action de la sélection est décidée, ou sa campagne est figée : un motif est demandé."
            if exige
            else "Facultatif : il reste dans l’historique de chaque action."
        )
