"""Saisir un poste adulte-relais, ses conventions, leurs avenants et leurs occupations, et le quota de l'année."""

from django import forms

from politique_ville.outils.formulaires import SaisieDate
from politique_ville.outils.typographie import insecables

from ..enums import CategorieEmployeur, EtatOccupation, Mission, NatureContrat, SuiteConvention
from ..models import (
    AvenantAdulteRelais,
    ConventionAdulteRelais,
    Occupation,
    PosteAdulteRelais,
    QuotaAdulteRelais,
)
from .postes import RIEN_SUR_LA_PERSONNE, FicheForm, PosteForm

CDD_SEULEMENT = "Un CDD seulement pour cet employeur ({nom})."


class PosteAdulteRelaisForm(PosteForm):
    """Un poste adulte-relais."""

    champ_organisme = "employeur"
    enums = {"categorie_employeur": CategorieEmployeur, "missions": Mission}

    missions = forms.MultipleChoiceField(
        label="Missions", required=False, choices=Mission.choices, widget=forms.CheckboxSelectMultiple
    )
    field_order = ["departement", "contrat", "quartiers", "porteur_texte", "categorie_employeur", "numero"]

    class Meta:
        model = PosteAdulteRelais
        fields = ["departement", "contrat", "numero", "categorie_employeur", "agent_referent"]
        error_messages = {"numero": {"unique": "Ce numéro est déjà celui d’un autre poste : ouvrir sa fiche."}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["porteur_texte"].label = "Employeur"
        self.fields["categorie_employeur"].help_text = "Elle dit si l’employeur peut conclure un CDI."
        if self.instance.pk:
            self.initial["missions"] = [ligne.mission for ligne in self.instance.missions.all()]

    def valeur_en_base(self, nom):
        if nom == "missions":
            return [ligne.mission for ligne in self.instance.missions.all()]
        return super().valeur_en_base(nom)


# --- Les conventions ---


class ConventionForm(FicheForm):
    """Une convention, nouvelle ou corrigée."""

    class Meta:
        model = ConventionAdulteRelais
        fields = ["debut", "fin", "quotite", "numero", "signee_le", "derogation_de_residence"]
        widgets = {"debut": SaisieDate, "fin": SaisieDate, "signee_le": SaisieDate}
        help_texts = {
            "fin": "Trois ans au plus.",
            "derogation_de_residence": insecables(f"Accordée par le préfet. {RIEN_SUR_LA_PERSONNE}"),
        }
        error_messages = {"numero": {"unique": "Ce numéro est déjà celui d’une autre convention."}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["numero"].help_text = "Douze signes : ceux du poste, puis deux chiffres."


class NouvelleConventionForm(ConventionForm):
    avec_motif = False


class RenouvellementForm(NouvelleConventionForm):
    """La convention suivante : elle commence le lendemain de celle qui finit."""

    class Meta(ConventionForm.Meta):
        fields = ["fin", "quotite", "numero", "signee_le", "derogation_de_residence"]


class DossierForm(FicheForm):
    """La liste de contrôle d'un renouvellement : le jour où chaque pièce est arrivée."""

    avec_motif = False
    enums = {"suite": SuiteConvention}

    class Meta:
        model = ConventionAdulteRelais
        fields = ["demande_recue_le", "bilan_recu_le", "avis_du_delegue_le", "suite"]
        widgets = {"demande_recue_le": SaisieDate, "bilan_recu_le": SaisieDate, "avis_du_delegue_le": SaisieDate}


class AvenantForm(FicheForm):
    """Un avenant : une autre quotité à une date, ou une autre fin."""

    avec_motif = False

    class Meta:
        model = AvenantAdulteRelais
        fields = ["date_effet", "quotite", "nouvelle_fin", "signe_le"]
        widgets = {"date_effet": SaisieDate, "nouvelle_fin": SaisieDate, "signe_le": SaisieDate}
        help_texts = {"nouvelle_fin": "Vide si la fin ne change pas. Trois ans au plus depuis le début."}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["quotite"].help_text = "Vide si la quotité ne change pas. En pour cent, de 50 à 100."


class OccupationForm(FicheForm):
    """Une période où le poste est pourvu, ou vacant."""

    enums = {"etat": EtatOccupation, "nature_contrat": NatureContrat}

    class Meta:
        model = Occupation
        fields = ["etat", "debut", "fin", "nature_contrat", "conditions_verifiees_le"]
        widgets = {"debut": SaisieDate, "fin": SaisieDate, "conditions_verifiees_le": SaisieDate}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        categorie = self.instance.convention.poste.categorie_employeur
        aide = "Pour un poste pourvu. Un poste vacant n’a pas de contrat."
        if categorie and not CategorieEmployeur(categorie).admet_le_cdi:
            aide = f"{aide} {CDD_SEULEMENT.format(nom=CategorieEmployeur(categorie).label)}"
        self.fields["nature_contrat"].help_text = aide


class NouvelleOccupationForm(OccupationForm):
    avec_motif = False


class QuotaForm(FicheForm):
    """Les postes notifiés à un département pour un exercice."""

    class Meta:
        model = QuotaAdulteRelais
        fields = ["postes_notifies", "notifie_le", "reference"]
        widgets = {"notifie_le": SaisieDate}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            del self.fields["motif"]
        self.fields["motif" if self.instance.pk else "reference"].help_text = (
            "Changer un nombre notifié demande un motif." if self.instance.pk else "Celle de la notification."
        )
