"""Saisir un poste FONJEP et ses périodes triennales."""

from politique_ville.outils.formulaires import SaisieDate

from ..models import PosteFonjep, TriennaliteFonjep
from .postes import FicheForm, PosteForm


class PosteFonjepForm(PosteForm):
    champ_organisme = "association"
    field_order = ["code", "departement", "contrat", "quartiers", "porteur_texte"]

    class Meta:
        model = PosteFonjep
        fields = ["code", "departement", "contrat", "agent_referent"]
        error_messages = {"code": {"unique": "Ce code est déjà celui d’un autre poste : ouvrir sa fiche."}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["porteur_texte"].label = "Association"


class TriennaliteForm(FicheForm):
    """Une période de trois ans au plus, reconduite deux fois au plus."""

    class Meta:
        model = TriennaliteFonjep
        fields = ["rang", "debut", "fin", "evaluation_recue_le"]
        widgets = {"debut": SaisieDate, "fin": SaisieDate, "evaluation_recue_le": SaisieDate}
        help_texts = {
            "rang": "0 pour la première période, 1 et 2 pour ses reconductions.",
            "fin": "Trois ans au plus.",
            "evaluation_recue_le": "Attendue six mois avant la fin.",
        }


class NouvelleTriennaliteForm(TriennaliteForm):
    avec_motif = False
