"""Tenir une enveloppe : la créer, la modifier, y enregistrer un mouvement, redéployer, annuler, la dire notifiée."""

from datetime import date as Date
from decimal import Decimal
from uuid import uuid4

import django_filters
from django import forms
from django.utils import timezone

from politique_ville.outils.formulaires import FiltresForm, SaisieDate
from politique_ville.outils.montants import MontantFormField
from politique_ville.outils.typographie import insecables
from territoires.models import ContratDeVille

from ..enums import NatureMouvement
from ..filters import Cadre, ChoixDuCadreFilter
from ..models import Dispositif, Enveloppe, MouvementEnveloppe
from ..synthese import Credits
from ..synthese.enveloppes import descendance, lignee
from .outils import RefusMixin

AIDE_DU_MONTANT = "En euros, sans signe : un gel, une réserve ou un retrait se déduit tout seul."
CHAMPS_D_UNE_ENVELOPPE = ["libelle", "parent", "contrat", "dispositif"]
AIDE_DES_CP = "Vide : autant que les AE."


class EnveloppeFilterSet(django_filters.FilterSet):
    """Les paramètres de l'adresse : `annee` et `departement` (code), ou `exercice`."""

    class Meta:
        form = FiltresForm

    annee = ChoixDuCadreFilter(
        lambda cadre: [(a, a) for a in cadre.annees], label="Année", method="laisser", empty_label=None
    )
    departement = ChoixDuCadreFilter(
        lambda cadre: [(d.code, d) for d in cadre.departements],
        label="Département",
        method="laisser",
        empty_label="Tous",
        si_plusieurs=True,
    )

    def __init__(self, data, *args, request, **options):
        self.cadre = Cadre(data, request.user)
        super().__init__(self.cadre.parametres, *args, request=request, **options)

    def filter_queryset(self, queryset):
        """Un paramètre refusé n'ouvre rien : la liste est vide, et le message dit pourquoi."""
        if self.form.errors:
            return queryset.none()
        return queryset.filter(exercice__in=[exercice.pk for exercice in self.cadre.exercices])

    def laisser(self, queryset, nom, valeur):
        """Le cadre borne la liste."""
        return queryset


class EnveloppeForm(RefusMixin, forms.Form):
    """Le nom d'une enveloppe, et ce à quoi ses crédits servent. `lue` : la version que la page montrait."""

    libelle = forms.CharField(label="Libellé", max_length=150)
    parent = forms.ModelChoiceField(
        Enveloppe.objects.none(), label="Enveloppe mère", required=False, empty_label="Aucune", help_text=""
    )
    contrat = forms.ModelChoiceField(
        ContratDeVille.objects.none(), label="Réservée au contrat", required=False, empty_label="Tous"
    )
    dispositif = forms.ModelChoiceField(
        Dispositif.objects.none(), label="Réservée au dispositif", required=False, empty_label="Tous"
    )
    lue = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, exercice, *args, enveloppe=None, **options):
        super().__init__(*args, **options)
        self.fields["parent"].queryset = meres_possibles(exercice, enveloppe)
        departement = ContratDeVille.objects.filter(departement=exercice.departement_id)
        self.fields["contrat"].queryset = departement.en_vigueur(exercice.annee)
        self.fields["dispositif"].queryset = Dispositif.objects.filter(est_actif=True)

    @property
    def champs(self):
        return {nom: self.cleaned_data[nom] for nom in CHAMPS_D_UNE_ENVELOPPE}


def meres_possibles(exercice, enveloppe=None):
    """Celles de l'exercice qui ne portent pas de décision, hors l'enveloppe elle-même et ses sous-enveloppes."""
    enveloppes = Enveloppe.objects.filter(exercice=exercice, decisions=None).order_by("libelle", "pk")
    if enveloppe is None:
        return enveloppes
    meres = dict(Enveloppe.objects.filter(exercice=exercice).order_by().values_list("pk", "parent"))
    return enveloppes.exclude(pk__in=descendance(enveloppe.pk, meres))


class MontantsMixin(RefusMixin, forms.Form):
    """Des AE et des CP datés, avec leur référence ; `geste` reconnaît un envoi répété."""

    ae = MontantFormField(label="Autorisations d’engagement (AE)", help_text=AIDE_DU_MONTANT)
    cp = MontantFormField(label="Crédits de paiement (CP)", required=False, help_text=AIDE_DES_CP)
    date = forms.DateField(label="Date", widget=SaisieDate, initial=timezone.localdate)
    reference = forms.CharField(label="Référence", max_length=100, required=False, help_text="Courrier, note, numéro.")
    motif = forms.CharField(label="Motif", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
    geste = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    @property
    def credits(self) -> Credits:
        """Ce qui est saisi, sans signe ; sans CP, ils sont égaux aux AE."""
        ae, cp = self.cleaned_data["ae"], self.cleaned_data["cp"]
        return Credits(ae, ae if cp is None else cp)

    def refuser_le_signe(self, phrase):
        for nom in ("ae", "cp"):
            if (self.cleaned_data.get(nom) or Decimal(0)) < 0:
                self.add_error(nom, insecables(phrase))


class MouvementForm(MontantsMixin):
    nature = forms.ChoiceField(
        label="Nature", choices=[("", "Choisir"), *((n.value, n.label) for n in NatureMouvement.saisissables())]
    )
    field_order = ["nature", "ae", "cp", "date", "reference", "motif"]

    def clean(self):
        donnees = super().clean()
        nature = donnees.get("nature")
        if nature and nature != NatureMouvement.PREVISION:
            effet = "se déduit" if nature in NatureMouvement.deduites() else "s’ajoute"
            mot = NatureMouvement(nature).label
            self.refuser_le_signe(f"Écrire ce montant sans signe moins : « {mot} » {effet} toujours.")
        return donnees

    def mouvement(self, enveloppe) -> MouvementEnveloppe:
        lus = self.cleaned_data
        signe = -1 if lus["nature"] in NatureMouvement.deduites() else 1
        champs = {nom: lus[nom] for nom in ("nature", "date", "reference", "motif", "geste")}
        return MouvementEnveloppe(enveloppe=enveloppe, ae=signe * self.credits.ae, cp=signe * self.credits.cp, **champs)


class RedeploiementForm(MontantsMixin):
    """D'une enveloppe à une autre du même exercice."""

    cible = forms.ModelChoiceField(Enveloppe.objects.none(), label="Vers l’enveloppe", empty_label="Choisir")
    nature = forms.ChoiceField(
        label="Ce qui est redéployé",
        choices=[
            (NatureMouvement.REDEPLOIEMENT.value, "Des crédits notifiés"),
            (NatureMouvement.PREVISION.value, "Une prévision"),
        ],
        help_text="Tant que la notification n’est pas déclarée complète, c’est la prévision qui fait le plafond.",
    )
    field_order = ["cible", "nature", "ae", "cp", "date", "reference", "motif"]

    def __init__(self, source, *args, **options):
        super().__init__(*args, **options)
        self.fields["cible"].queryset = cibles_possibles(source)
        self.fields["ae"].help_text = "En euros, sans signe."
        self.fields["motif"].required = True
        notifiee = source.notification_complete_le is not None
        self.initial["nature"] = NatureMouvement.REDEPLOIEMENT if notifiee else NatureMouvement.PREVISION

    def clean(self):
        donnees = super().clean()
        self.refuser_le_signe("Écrire ce montant sans signe moins : il passe de cette enveloppe à l’autre.")
        return donnees


def cibles_possibles(source):
    """Les autres enveloppes de l'exercice, sauf ses mères et ses sous-enveloppes."""
    meres = dict(Enveloppe.objects.filter(exercice=source.exercice_id).order_by().values_list("pk", "parent"))
    siennes = {*lignee(source.pk, meres), *descendance(source.pk, meres)}
    return Enveloppe.objects.filter(pk__in=set(meres) - siennes).order_by("libelle", "pk")


class AnnulationForm(RefusMixin, forms.Form):
    date = forms.DateField(label="Date de l’annulation", widget=SaisieDate, initial=timezone.localdate)
    motif = forms.CharField(label="Motif", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))


class NotificationForm(RefusMixin, forms.Form):
    date = forms.DateField(
        label="Notification complète le",
        widget=SaisieDate,
        initial=timezone.localdate,
        help_text="Le jour où tout ce qui était attendu est notifié.",
    )
    motif = forms.CharField(
        label="Motif",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, enveloppe, *args, **options):
        """Déjà déclarée, il ne reste qu'à revenir dessus, avec un motif."""
        super().__init__(*args, **options)
        if enveloppe.notification_complete_le:
            del self.fields["date"]
            self.fields["motif"].required = True

    @property
    def date_declaree(self) -> Date | None:
        return self.cleaned_data.get("date")
