"""Les formulaires des actes : rédiger, signer et notifier, supprimer ; les filtres de leur liste."""

from django import forms
from django.db.models import F
from django.utils import timezone

from politique_ville.outils.formulaires import ChoixMultiplesField, SaisieDate
from politique_ville.outils.francais import euros
from politique_ville.outils.typographie import insecables

from ..enums import EtatActe, NatureActe, NatureCourrier
from ..filters import ChoixFilter
from ..models import Acte, Decision, ModeleDeCourrier
from ..operations import SaisieDActe
from ..operations.actes import REMPLACANTS, a_ecrire, ecrire_le_numero
from ..synthese.courriers import texte_de_depart
from .execution import ExecutionForm, champ_motif
from .filtres_execution import ExecutionFilterSet
from .gestes import valeur_lue

A_ETABLIR = "a_etablir"
ETATS = [(A_ETABLIR, "À établir"), *EtatActe.choices]
CHAMPS_DU_TEXTE = ["numero", "objet", "texte"]
CHAMPS_DES_DATES = ["numero", "signe_le", "notifie_le"]


class ActeFilterSet(ExecutionFilterSet):
    """Les actes des actions du filtre ; de plus, `etat` (`a_etablir` : les actions sans acte) et `nature`."""

    etat = ChoixFilter(label="État de l’acte", choices=ETATS, empty_label="Tous", method="laisser")
    nature = ChoixFilter(label="Nature de l’acte", choices=NatureActe.choices, empty_label="Toutes", method="laisser")

    def actes(self, visibles):
        """Ceux, parmi `visibles`, qui portent une action du filtre, quel que soit leur état."""
        portes = Acte.decisions.through.objects.filter(decision__action__in=self.qs.order_by().values("pk"))
        nature = self.form.cleaned_data.get("nature")
        actes = visibles.filter(pk__in=portes.values("acte"))
        return actes.filter(nature=nature) if nature else actes

    @property
    def etat_choisi(self):
        return self.form.cleaned_data.get("etat") or ""


# --- Rédiger ---


class DecisionsField(ChoixMultiplesField):
    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, decision):
        return insecables(f"{decision.action} – {decision} : {euros(decision.montant)}")


class ActeForm(ExecutionForm):
    """Un projet d'acte. Le texte naît d'un modèle, et se relit ensuite sur sa page."""

    nature = forms.ChoiceField(label="Nature")
    decisions = DecisionsField(label="Décisions portées", queryset=Decision.objects.none())
    numero = forms.CharField(
        label="Numéro", max_length=50, required=False, help_text="Vide : il se donnera à la signature."
    )
    objet = forms.CharField(label="Objet", max_length=250, required=False, help_text="Vide : celui du modèle.")
    modele = forms.ModelChoiceField(
        label="Texte de départ",
        queryset=ModeleDeCourrier.objects.none(),
        required=False,
        empty_label="Celui de la nature choisie",
    )

    def __init__(self, decisions, departement, remplace, *args, **options):
        super().__init__(*args, **options)
        self.remplace = remplace
        self.fields["nature"].choices = [(n.value, n.label) for n in NatureActe if (n in REMPLACANTS) == bool(remplace)]
        self.fields["decisions"].queryset = decisions
        modeles = ModeleDeCourrier.objects.proposes_dans(departement).exclude(nature__in=NatureCourrier.lettres())
        self.fields["modele"].queryset = modeles.order_by("nature", "nom", "pk")
        self.fields["modele"].label_from_instance = lambda m: f"{m.get_nature_display()} : {m}"

    def clean(self):
        valides = super().clean()
        modele, nature = valides.get("modele"), valides.get("nature")
        if modele and nature and modele.nature != NatureCourrier.de_l_acte(nature):
            phrase = f"Ce modèle est un « {modele.get_nature_display()} » : en choisir un de la nature de l’acte."
            self.add_error("modele", insecables(phrase))
        return valides

    def modele_retenu(self):
        """Le modèle choisi, ou le premier de la nature, celui du département d'abord ; None s'il n'y en a aucun."""
        nature = NatureCourrier.de_l_acte(self.cleaned_data["nature"])
        siens = (
            self.fields["modele"]
            .queryset.filter(nature=nature)
            .order_by(F("departement_id").asc(nulls_last=True), "nom", "pk")
        )
        return self.cleaned_data["modele"] or siens.first()

    def saisie(self) -> SaisieDActe:
        valides, modele = self.cleaned_data, self.modele_retenu()
        nature, decisions = NatureActe(valides["nature"]), list(valides["decisions"])
        objet, texte = valides["objet"], ""
        if modele:
            depart = texte_de_depart(modele, nature, decisions, timezone.localdate(), self.remplace)
            objet, texte = objet or depart.objet, depart.texte
        objet = objet or f"{nature.label}, {decisions[0].action.exercice.annee}"
        return SaisieDActe(nature, objet[:250], decisions, valides["numero"], texte, self.remplace)


class ActeEcritForm(ExecutionForm):
    """Un acte déjà enregistré : la version est celle que la personne a lue."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    champs = ()

    def __init__(self, acte, *args, **options):
        initial = {nom: getattr(acte, nom) for nom in (*self.champs, "version")}
        super().__init__(*args, initial=initial, **options)

    @property
    def version_lue(self):
        return valeur_lue(self["version"])

    @property
    def valeurs(self):
        return {nom: self.cleaned_data[nom] for nom in self.champs}

    def redit(self, acte):
        """Ce formulaire, renvoyé, dit-il ce qui est déjà enregistré ?"""
        dites = a_ecrire(self.valeurs) | {"numero": ecrire_le_numero(self.cleaned_data["numero"])}
        return all(getattr(acte, nom) == valeur for nom, valeur in dites.items())


class TexteForm(ActeEcritForm):
    """L'objet, le numéro et le texte d'un projet."""

    champs = CHAMPS_DU_TEXTE

    numero = forms.CharField(label="Numéro", max_length=50, required=False)
    objet = forms.CharField(label="Objet", max_length=250)
    texte = forms.CharField(
        label="Texte",
        required=False,
        widget=forms.Textarea(attrs={"rows": 24}),
        help_text=insecables(
            "Une ligne vide sépare deux paragraphes. « ## » en tête d’un paragraphe en fait un titre ; « - » en tête "
            "de chaque ligne, une liste. « {{ echeancier }} », seul sur sa ligne, devient l’échéancier de l’acte."
        ),
    )


class DatesForm(ActeEcritForm):
    """La signature et la notification au porteur."""

    champs = CHAMPS_DES_DATES

    numero = forms.CharField(label="Numéro", max_length=50, required=False)
    signe_le = forms.DateField(label="Signé le", widget=SaisieDate)
    notifie_le = forms.DateField(
        label="Notifié au porteur le", required=False, widget=SaisieDate, help_text="Vide : pas encore."
    )
    motif = champ_motif("Exigé pour corriger ce qui est déjà enregistré.")
