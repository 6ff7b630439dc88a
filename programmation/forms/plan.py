"""Le plan de financement en tableau : une ligne par financeur et par nature."""

from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError

from politique_ville.outils.formulaires import SaisieDate
from politique_ville.outils.montants import MontantFormField
from politique_ville.outils.typographie import insecables

from ..enums import EtatFinancement, FamilleFinanceur, NatureFinancement
from ..operations import LigneDePlan
from .outils import SansControleMixin

LIGNES_AU_PLUS = 40
HORS_DEPARTEMENT = "Ce financeur n’est pas proposé dans ce département."
EN_DOUBLE = "Ce financeur est déjà dans le plan avec cette nature : réunir les lignes."


class Financeurs:
    """Les financeurs proposés, lus une fois pour toutes les lignes du plan."""

    def __init__(self, financeurs):
        self.par_cle = {str(financeur.pk): financeur for financeur in financeurs}

    @property
    def choix(self):
        """Groupés par famille, dans l'ordre des familles : le P147 d'abord."""
        groupes = {famille: [] for famille in FamilleFinanceur}
        for cle, financeur in self.par_cle.items():
            groupes[financeur.famille].append((cle, financeur.nom))
        return [("", "Choisir"), *((famille.label, noms) for famille, noms in groupes.items() if noms)]

    @property
    def attributs(self):
        """Ce que le navigateur doit savoir de chacun : la nature qu'il propose, et si c'est le P147."""
        return {cle: self._attributs(FamilleFinanceur(f.famille)) for cle, f in self.par_cle.items()}

    @staticmethod
    def _attributs(famille):
        p147 = {"data-p147": ""} if famille == FamilleFinanceur.ANCT_P147 else {}
        return {"data-nature": famille.nature_proposee.value} | p147

    def est_p147(self, cle):
        financeur = self.par_cle.get(str(cle))
        return financeur is not None and financeur.famille == FamilleFinanceur.ANCT_P147

    @property
    def cle_du_p147(self):
        return next((cle for cle in self.par_cle if self.est_p147(cle)), None)

    def lire(self, cle):
        """Le financeur de cet identifiant ; lève ValidationError s'il n'est pas proposé ici."""
        if cle not in self.par_cle:
            raise ValidationError(HORS_DEPARTEMENT)
        return self.par_cle[cle]


class SelectFinanceur(forms.Select):
    attributs = {}

    def create_option(self, name, value, *args, **kwargs):
        option = super().create_option(name, value, *args, **kwargs)
        option["attrs"] |= self.attributs.get(str(value), {})
        return option


def montant(libelle):
    champ = MontantFormField(label=libelle, required=False, min_value=Decimal(0))
    champ.widget.attrs |= {"class": "pv-montant", "autocomplete": "off"}
    return champ


class LigneDePlanForm(SansControleMixin, forms.Form):
    financeur = forms.TypedChoiceField(
        label="Financeur",
        widget=SelectFinanceur,
        error_messages={"required": "Choisir le financeur de cette ligne.", "invalid_choice": HORS_DEPARTEMENT},
    )
    nature = forms.ChoiceField(
        label="Nature", required=False, choices=[("", "Selon le financeur"), *NatureFinancement.choices]
    )
    demande = montant("Demandé")
    propose = montant("Proposé")
    accorde = montant("Accordé")
    verse = montant("Versé")
    etat = forms.ChoiceField(
        label="État", required=False, choices=EtatFinancement.choices, initial=EtatFinancement.SOLLICITE
    )
    date_etat = forms.DateField(label="Date de l’état", required=False, widget=SaisieDate)

    def __init__(self, *args, financeurs, **kwargs):
        super().__init__(*args, **kwargs)
        champ = self.fields["financeur"]
        champ.choices, champ.coerce = financeurs.choix, financeurs.lire
        champ.widget.attributs = financeurs.attributs
        self.est_p147 = financeurs.est_p147(self["financeur"].value())
        if self.est_p147:
            self._reserver_aux_decisions()

    def _reserver_aux_decisions(self):
        """Accordé, versé et état du P147 se lisent ici, et ne s'écrivent que par une décision ou un paiement."""
        for nom in ("accorde", "verse", "date_etat"):
            self.fields[nom].widget.attrs["readonly"] = True
        self.fields["etat"].widget.attrs["disabled"] = True

    def clean(self):
        donnees = super().clean()
        if self.est_p147:
            donnees |= {"accorde": None, "verse": None, "etat": EtatFinancement.SOLLICITE, "date_etat": None}
        elif not self.errors:
            donnees["etat"] = donnees["etat"] or EtatFinancement.SOLLICITE
            self._verifier_l_etat(donnees["etat"], donnees["accorde"])
        return donnees

    def _verifier_l_etat(self, etat, accorde):
        if etat == EtatFinancement.SOLLICITE and accorde is not None:
            self.add_error("etat", "Un montant est accordé : choisir « Annoncé », « Acquis » ou « Refusé ».")
        elif etat in (EtatFinancement.ANNONCE, EtatFinancement.ACQUIS) and accorde is None:
            self.add_error("accorde", "Indiquer le montant annoncé ou acquis.")
        elif etat == EtatFinancement.REFUSE and accorde:
            self.add_error("accorde", insecables("Un financement refusé accorde 0,00 €."))

    def ligne(self):
        return LigneDePlan(**{champ: valeur for champ, valeur in self.cleaned_data.items() if champ != "DELETE"})


class BasePlanFormSet(forms.BaseFormSet):
    """Ce que l'agent envoie fait foi : une ligne vide ne compte pas, une ligne absente est retirée."""

    default_error_messages = {
        "missing_management_form": "Le plan de financement est arrivé incomplet : recharger la page.",
        "too_many_forms": f"Un plan de financement a au plus {LIGNES_AU_PLUS} lignes.",
    }

    def __init__(self, *args, financeurs, suggerer=False, sans_controle=False, **kwargs):
        p147 = {"financeur": financeurs.cle_du_p147, "nature": NatureFinancement.SPECIFIQUE}
        self.suggestion = p147 if suggerer else None
        self.sans_controle = sans_controle
        options = {"financeurs": financeurs, "sans_controle": sans_controle}
        super().__init__(*args, form_kwargs=options, **kwargs)

    def initial_form_count(self):
        return 0 if self.is_bound else super().initial_form_count()

    def get_form_kwargs(self, index):
        """Une nouvelle action commence par la ligne P147, qui ne compte que si l'agent la remplit."""
        kwargs = super().get_form_kwargs(index)
        return kwargs | {"initial": self.suggestion} if self.suggestion and index == 0 else kwargs

    def add_fields(self, form, index):
        super().add_fields(form, index)
        form.fields["DELETE"].label = "Retirer"

    def clean(self):
        """Un financeur n'est qu'une fois dans le plan avec la même nature ; le P147 n'y est qu'une fois."""
        vues = set()
        for form in self.retenues:
            if self.sans_controle or form.errors:
                continue
            cle = form.ligne().cle
            if cle in vues:
                form.add_error("financeur", insecables(EN_DOUBLE))
            vues.add(cle)

    @property
    def retenues(self):
        return [form for form in self.forms if form.has_changed() and not self._should_delete_form(form)]

    def lignes(self):
        return [form.ligne() for form in self.retenues]


PlanFormSet = forms.formset_factory(
    LigneDePlanForm,
    formset=BasePlanFormSet,
    extra=1,
    can_delete=True,
    max_num=LIGNES_AU_PLUS,
    absolute_max=LIGNES_AU_PLUS + 10,
    validate_max=True,
)
