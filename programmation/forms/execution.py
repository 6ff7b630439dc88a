"""Les formulaires de l'exécution : engager, désengager, payer, justifier, suivre un cofinanceur, corriger."""

from decimal import Decimal

from django import forms
from django.utils import timezone

from politique_ville.outils.formulaires import PhrasesMixin, SaisieDate
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import MontantFormField
from politique_ville.outils.typographie import insecables

from ..enums import EtatFinancement, EtatJustification, NaturePaiement, SuiteJustification
from ..models import Justification
from ..operations import LigneDEngagement, MotifExige
from .gestes import valeur_lue
from .outils import RefusMixin

CHAMPS_DE_LA_JUSTIFICATION = [
    "etat",
    "recue_le",
    "depense",
    "beneficiaires_realises",
    "non_utilise",
    "suite",
    "suite_le",
    "prorogation_jusqu_au",
]


def champ_motif(aide="", *, exige=False):
    return forms.CharField(
        label="Motif", required=exige, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}), help_text=aide
    )


class ExecutionForm(RefusMixin, forms.Form):
    """Un geste d'exécution ; un motif manquant se dit sur le motif."""

    def refuser(self, refus):
        if not (isinstance(refus, MotifExige) and "motif" in self.fields and not hasattr(refus, "error_dict")):
            return super().refuser(refus)
        for message in refus.messages:
            self.add_error("motif", insecables(message))
        return None


class MotifForm(ExecutionForm):
    """Un geste qui ne demande que son motif."""

    motif = champ_motif(exige=True)


# --- Engager ---


class LignesForm(ExecutionForm):
    """Ce qui est commun aux lignes que l'on ajoute à un EJ existant. `vues` : combien il en avait à la lecture."""

    motif = champ_motif("Exigé d’un responsable pour engager plus que l’accordé, ou que le notifié de l’enveloppe.")
    vues = forms.IntegerField(required=False, widget=forms.HiddenInput)


class EngagementForm(LignesForm):
    """Un nouvel EJ."""

    numero = forms.CharField(label="Numéro d’EJ", max_length=20, help_text="Celui de Chorus.")
    date = forms.DateField(label="Date de l’engagement", widget=SaisieDate, initial=timezone.localdate)
    field_order = ["numero", "date"]


class CorrectionForm(ExecutionForm):
    """Le numéro ou la date d'un EJ mal saisi. `lue` : la version que la page montrait."""

    numero = forms.CharField(label="Numéro d’EJ", max_length=20)
    date = forms.DateField(label="Date de l’engagement", widget=SaisieDate)
    motif = champ_motif(exige=True)
    lue = forms.IntegerField(required=False, widget=forms.HiddenInput)


class PosteForm(PhrasesMixin, forms.Form):
    """Ce qu'on engage pour une action sur une enveloppe ; vide : rien."""

    montant = MontantFormField(required=False, min_value=Decimal(0))

    def __init__(self, poste, *args, **options):
        self.poste = poste
        prefixe = f"a{poste.action.pk}-e{poste.enveloppe.pk if poste.enveloppe else 0}"
        super().__init__(*args, prefix=prefixe, initial={"montant": poste.reste or None}, **options)
        self.fields["montant"].label = f"Montant engagé pour {poste.action}"

    @property
    def demande(self):
        """La ligne à enregistrer ; None si le montant est vide ou nul."""
        montant = self.cleaned_data.get("montant")
        return LigneDEngagement(self.poste.action, montant, self.poste.enveloppe) if montant else None


class EngagementEnLot:
    """L'EJ et un montant par action et enveloppe : valides ensemble, ou pas du tout."""

    def __init__(self, postes, commune, donnees=None):
        self.commune = commune
        self.lignes = [PosteForm(poste, donnees) for poste in postes]

    def is_valid(self):
        valides = [self.commune.is_valid(), *[ligne.is_valid() for ligne in self.lignes]]
        if all(valides) and not self.demandes():
            self.commune.add_error(None, "Indiquer un montant pour une action au moins.")
        return all(valides) and not self.commune.errors

    def demandes(self):
        return [ligne.demande for ligne in self.lignes if ligne.demande]

    def redit(self, engagement):
        """Ces montants, renvoyés, sont-ils ceux des lignes de cet EJ, et rien d'autre ?"""
        en_base = sorted((ligne.action_id, ligne.enveloppe_id or 0, ligne.ae) for ligne in engagement.lignes.all())
        dites = [(d.action.pk, d.enveloppe.pk if d.enveloppe else 0, d.montant) for d in self.demandes()]
        return en_base == sorted(dites)


class DesengagementForm(ExecutionForm):
    montant = MontantFormField(label="Montant rendu", min_value=Decimal(0))
    motif = champ_motif(exige=True)
    vues = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, maximum, *args, **options):
        super().__init__(*args, **options)
        self.fields["montant"].help_text = insecables(f"Au plus {euros(maximum)} : engagé et non payé.")


# --- Payer ---


class PaiementForm(ExecutionForm):
    """Un paiement ou un reversement ; le montant se saisit positif, la nature dit le sens."""

    nature = forms.ChoiceField(label="Nature", choices=[("", "Choisir"), *NaturePaiement.choices])
    montant = MontantFormField(label="Montant", min_value=Decimal(0))
    date = forms.DateField(label="Date", widget=SaisieDate, initial=timezone.localdate)
    numero = forms.CharField(label="Numéro de la demande de paiement (DP)", max_length=20, required=False)
    vus = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, reste, paye, *args, **options):
        super().__init__(*args, **options)
        aide = f"En euros. Reste à payer : {euros(reste)}. Un reversement du porteur : au plus {euros(paye)}."
        self.fields["montant"].help_text = insecables(aide)

    def redit(self, paiement):
        """Ce formulaire, renvoyé, dit-il ce que ce paiement a déjà enregistré ?"""
        valides = self.cleaned_data
        return (
            paiement is not None
            and paiement.nature == valides["nature"]
            and abs(paiement.cp) == valides["montant"]
            and paiement.date == valides["date"]
            and paiement.numero == "".join(valides["numero"].split()).upper()
        )


# --- Justifier ---


class JustificationForm(ExecutionForm):
    """Ce que le porteur rend compte ; la version est celle que la personne a lue (0 : rien encore)."""

    etat = forms.ChoiceField(label="État", choices=EtatJustification.choices)
    recue_le = forms.DateField(label="Reçue le", required=False, widget=SaisieDate)
    depense = MontantFormField(
        label="Dépensé",
        required=False,
        min_value=Decimal(0),
        help_text="Le total des dépenses du compte rendu, en euros.",
    )
    beneficiaires_realises = forms.IntegerField(label="Bénéficiaires réalisés", required=False, min_value=0)
    non_utilise = MontantFormField(
        label="P147 non utilisé",
        required=False,
        min_value=Decimal(0),
        help_text="La part des crédits accordés que l’action n’a pas dépensée, en euros.",
    )
    suite = forms.ChoiceField(
        label="Suite donnée au non utilisé",
        required=False,
        choices=[("", "Aucune"), *SuiteJustification.choices],
        help_text="« Reversement perçu » enregistre aussi le paiement négatif, s’il ne l’est pas déjà.",
    )
    suite_le = forms.DateField(label="Suite donnée le", required=False, widget=SaisieDate)
    prorogation_jusqu_au = forms.DateField(label="Action prorogée jusqu’au", required=False, widget=SaisieDate)
    motif = champ_motif("Facultatif : gardé dans l’historique.")
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, justification, *args, **options):
        initial = {nom: getattr(justification, nom) for nom in CHAMPS_DE_LA_JUSTIFICATION} if justification else {}
        initial["version"] = justification.version if justification else 0
        super().__init__(*args, initial=initial, **options)
        self.fields["suite"].help_text = insecables(self.fields["suite"].help_text)

    @property
    def valeurs(self):
        return {nom: self.cleaned_data[nom] for nom in CHAMPS_DE_LA_JUSTIFICATION}

    @property
    def version_lue(self):
        return valeur_lue(self["version"])

    def redit(self, justification: Justification | None):
        """Ce formulaire, renvoyé, dit-il ce qui est déjà enregistré ?"""
        connu = justification or Justification()
        return all(getattr(connu, nom) == valeur for nom, valeur in self.valeurs.items())


# --- Suivre un autre financeur ---


class SuiviForm(ExecutionForm):
    """Le vote et le versement d'un autre financeur ; avant la clôture, le vote est celui du plan."""

    date = forms.DateField(label="Date", widget=SaisieDate, initial=timezone.localdate)
    etat = forms.ChoiceField(label="État", choices=EtatFinancement.choices)
    accorde = MontantFormField(label="Accordé", required=False, min_value=Decimal(0))
    verse = MontantFormField(
        label="Versé en tout, à cette date",
        required=False,
        min_value=Decimal(0),
        help_text="En euros, depuis le premier versement.",
    )
    motif = champ_motif("Facultatif : gardé dans l’historique.")
    vus = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, est_clos, *args, **options):
        super().__init__(*args, **options)
        if not est_clos:
            for nom in ("etat", "accorde"):
                self.fields[nom].disabled = True
            self.fields["verse"].help_text += " Le vote, avant la clôture, s’écrit dans le plan de l’action."
