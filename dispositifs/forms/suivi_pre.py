"""Saisir la feuille annuelle d'un PRE, sur un écran, au clavier ; un champ vide n'est pas renseigné."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.safestring import mark_safe

from politique_ville.outils.formulaires import ChoixMultiplesField, SaisieDate
from politique_ville.outils.francais import euros
from politique_ville.outils.typographie import insecables
from programmation.forms.outils import RefusMixin
from programmation.forms.plan import Financeurs
from programmation.models import Action, Financeur

from .. import regles
from ..enums import AxeEffectif, Sexe, TrancheAge
from ..models import SOUS_ENSEMBLES, ActionDuSuivi, SuiviPre
from ..operations import SaisieDeSuivi
from .budget_pre import BudgetFormSet, cles_du_budget
from .versions import BUDGET

AUTRE_ACTION = "Cette action n’est pas une action de réussite éducative du contrat et de l’exercice de ce PRE."
BUDGET_A_CORRIGER = 'Le <a href="#budget">budget</a> est à corriger.'
EFFECTIF_MAXIMAL = 999_999


def nom_de_la_case(axe, modalite):
    """« age_sexe_17f » : un identifiant de champ sans signe."""
    return f"{axe}_{modalite}".replace("+", "").replace("-", "_")


def case(libelle):
    saisie = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})
    return forms.IntegerField(label=libelle, required=False, min_value=0, max_value=EFFECTIF_MAXIMAL, widget=saisie)


class ActionsField(ChoixMultiplesField):
    """Les actions que le suivi peut porter ; celle d'un autre suivi le dit."""

    widget = forms.CheckboxSelectMultiple
    default_error_messages = {"invalid_choice": AUTRE_ACTION, "invalid_pk_value": AUTRE_ACTION}

    def label_from_instance(self, action):
        lien = getattr(action, "suivi_pre", None)
        ailleurs = f" – déjà dans le suivi de {lien.suivi}" if lien and lien.suivi_id != self.suivi_id else ""
        montant = euros(action.p147_accorde) if action.p147_accorde is not None else "non décidé"
        return insecables(f"{action} (P147 : {montant}){ailleurs}")


class SuiviForm(RefusMixin, forms.ModelForm):
    """Une feuille annuelle, avec ses cases d'effectifs, son budget et ses actions."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    actions = ActionsField(label="Actions liées", required=False, queryset=Action.objects.none())

    class Meta:
        model = SuiviPre
        fields = [
            "enfants_suivis",
            *SOUS_ENSEMBLES,
            "duree_moyenne",
            "etp_coordonnateur",
            "etp_referents",
            "reunions",
            "convention_recue_le",
            "bilan_recu_le",
        ]
        widgets = {"convention_recue_le": SaisieDate, "bilan_recu_le": SaisieDate}

    def __init__(self, *args, utilisateur, **kwargs):
        super().__init__(*args, **kwargs)
        self.utilisateur = utilisateur
        self.cases = {
            (axe, modalite): nom_de_la_case(axe, modalite) for axe in AxeEffectif for modalite in axe.modalites
        }
        self._poser_les_cases()
        self._regler_les_champs()
        self.fields["actions"].queryset = self.choix_des_actions
        self.fields["actions"].suivi_id = self.instance.pk
        self.initial |= self._valeurs_de_depart()
        self.budget = self._budget()

    # --- Construire ---

    def _poser_les_cases(self):
        for axe in AxeEffectif:
            for modalite, libelle in zip(axe.modalites, axe.libelles, strict=True):
                self.fields[self.cases[axe, modalite]] = case(f"{axe.label} : {libelle}")

    def _regler_les_champs(self):
        for nom in ("enfants_suivis", *SOUS_ENSEMBLES, "reunions", "duree_moyenne"):
            champ = self.fields[nom]
            champ.help_text = ""
            champ.widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})
        for nom in ("etp_coordonnateur", "etp_referents"):
            self.fields[nom].localize = True
            self.fields[nom].widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
            self.fields[nom].widget.is_localized = True

    @cached_property
    def choix_des_actions(self):
        """Les actions de réussite éducative de l'exercice, du contrat ou du département, et celles déjà liées."""
        suivi = self.instance
        du_contrat = Q(contrat=suivi.programme.contrat_id) | Q(contrat=None)
        eligibles = Q(exercice=suivi.exercice_id, dispositif__est_pre=True) & du_contrat
        visibles = Action.objects.visibles_par(self.utilisateur)
        lues = visibles.filter(eligibles | Q(pk__in=self._liees)).avec_montants()
        lues = lues.select_related("suivi_pre__suivi__programme", "suivi_pre__suivi__exercice")
        return lues.order_by("recherche", "pk")

    @cached_property
    def _liees(self):
        """Les identifiants des actions que le suivi porte déjà, même hors de la vue de la personne."""
        return list(ActionDuSuivi.objects.filter(suivi=self.instance.pk).values_list("action", flat=True))

    @cached_property
    def _cases_en_base(self):
        if not self.instance.pk:
            return {}
        return {self.cases[c.axe, c.modalite]: c.nombre for c in self.instance.effectifs.all()}

    @cached_property
    def _budget_en_base(self):
        if not self.instance.pk:
            return {}
        return {b.financeur: b.montant for b in self.instance.budgets.select_related("financeur").order_by("pk")}

    def _valeurs_de_depart(self):
        version = self.instance.version if self.instance.pk else None
        return self._cases_en_base | {"version": version, "actions": self._liees}

    def _budget(self):
        departement = self.instance.exercice.departement_id
        proposes = Financeur.objects.proposes_dans(departement)
        portes = Financeur.objects.filter(pk__in=[financeur.pk for financeur in self._budget_en_base])
        lignes = [{"financeur": f.pk, "montant": m} for f, m in self._budget_en_base.items()]
        return BudgetFormSet(
            self.data if self.is_bound else None,
            prefix="budget",
            initial=lignes,
            form_kwargs={"financeurs": Financeurs(proposes | portes)},
        )

    # --- Vérifier ---

    def is_valid(self):
        champs, budget = super().is_valid(), self.budget.is_valid()
        if not budget:
            self.add_error(None, mark_safe(BUDGET_A_CORRIGER))
        return champs and budget

    def clean(self):
        donnees = super().clean()
        if "enfants_suivis" in self.errors:  # mal écrit, il n'est pas vide : aucun autre total ne le remplace
            return donnees
        effectifs = {cle: donnees.get(nom) for cle, nom in self.cases.items()}
        premieres = {axe: self.cases[axe, axe.modalites[0]] for axe in AxeEffectif}
        for champ, phrase in regles.erreurs_des_effectifs(donnees, effectifs):
            self.add_error(premieres.get(champ, champ), insecables(phrase))
        return donnees

    # --- Rendre ---

    def valeurs(self) -> dict[str, Any]:
        """Tout ce qui est saisi, à plat : champs, cases, actions, une clé par financeur du budget."""
        champs = {nom: self.cleaned_data[nom] for nom in (*self.Meta.fields, *self.cases.values())}
        invisibles = Action.objects.filter(pk__in=self._liees).exclude(pk__in=self.choix_des_actions.values("pk"))
        actions = [*self.cleaned_data["actions"], *invisibles]
        return champs | {"actions": actions} | cles_du_budget(self.budget.par_financeur())

    def valeurs_en_base(self) -> dict[str, Any]:
        suivi = self.instance
        champs = {nom: getattr(suivi, nom) for nom in self.Meta.fields}
        vides = dict.fromkeys(self.cases.values())
        actions = {"actions": list(Action.objects.filter(pk__in=self._liees))}
        return champs | vides | self._cases_en_base | actions | cles_du_budget(self._budget_en_base)

    @property
    def libelles(self):
        noms = (*self.Meta.fields, *self.cases.values(), "actions")
        budgets = {f"{BUDGET}{pk}": f"Budget : {f}" for pk, f in self.budget.financeurs.par_cle.items()}
        return {nom: insecables(self.fields[nom].label) for nom in noms} | budgets

    def saisie(self, valeurs=None) -> SaisieDeSuivi:
        """Ce que l'opération enregistrera ; `valeurs` remplace celles du formulaire."""
        valeurs, suivi = valeurs or self.valeurs(), self.instance
        champs = {nom: valeurs[nom] for nom in self.Meta.fields}
        if not suivi.pk:
            champs |= {"programme": suivi.programme, "exercice": suivi.exercice}
        effectifs = {cle: valeurs[nom] for cle, nom in self.cases.items() if valeurs[nom] is not None}
        financeurs = self.budget.financeurs.par_cle
        budget = {f: valeurs.get(f"{BUDGET}{pk}") for pk, f in financeurs.items()}
        return SaisieDeSuivi(
            champs=champs,
            objet=suivi if suivi.pk else None,
            version=self.cleaned_data["version"],
            actions=valeurs["actions"],
            effectifs=effectifs,
            budget={f: m for f, m in budget.items() if m is not None},
        )

    @property
    def champs_des_enfants(self):
        return [self[nom] for nom in self.Meta.fields[:6]]

    @property
    def champs_de_l_equipe(self):
        return [self[nom] for nom in self.Meta.fields[6:]]

    @property
    def tableau_des_ages(self):
        """(tranche d'âge, ses deux champs), dans l'ordre des touches de tabulation."""
        axe = AxeEffectif.AGE_ET_SEXE
        return [
            (tranche.label, [self[self.cases[axe, f"{tranche}{sexe}"]] for sexe in Sexe.values])
            for tranche in TrancheAge
        ]

    @property
    def champs_des_prescripteurs(self):
        return self._champs(AxeEffectif.PRESCRIPTEUR)

    @property
    def champs_des_domaines(self):
        return self._champs(AxeEffectif.DOMAINE)

    def _champs(self, axe):
        return [
            (libelle, self[self.cases[axe, modalite]])
            for modalite, libelle in zip(axe.modalites, axe.libelles, strict=True)
        ]
