"""Les formulaires des gestes : retirer, revenir, décider seul ou en lot, scinder."""

from decimal import Decimal

from django import forms
from django.utils import timezone

from politique_ville.outils.formulaires import SaisieDate
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import MontantFormField, vers_centimes
from politique_ville.outils.typographie import insecables

from .. import regles
from ..enums import MotifStatut, NatureDecision, StatutAction
from ..models import Enveloppe
from ..operations import DemandeDeDecision, MotifExige
from ..synthese import barres
from .choix import contrats_ou_saisir
from .outils import RefusMixin

AVEC_MONTANT = [NatureDecision.ATTRIBUTION, NatureDecision.COMPLEMENT, NatureDecision.DIMINUTION]


class GesteForm(RefusMixin, forms.Form):
    """Un geste qui se confirme sans rien demander."""

    def __init__(self, action, *args, **options):
        self.action = action
        super().__init__(*args, **options)


class RetraitForm(GesteForm):
    motif_statut = forms.ChoiceField(label="Motif", choices=[("", "Choisir"), *MotifStatut.choices])
    motif = forms.CharField(
        label="Précision", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )


class RetourForm(RetraitForm):
    """Le retour à un statut antérieur, parmi ceux que la règle permet."""

    vers = forms.ChoiceField(label="Revenir à")
    field_order = ["vers"]

    def __init__(self, action, *args, **options):
        super().__init__(action, *args, **options)
        self.fields["vers"].choices = [(s, StatutAction(s).label) for s in regles.RETOURS.get(action.statut, [])]


class EnveloppeField(forms.ChoiceField):
    """Une enveloppe feuille de l'exercice, avec ce qu'elle permet encore d'attribuer."""

    def __init__(self, enveloppes, **options):
        self.enveloppes = {str(enveloppe.pk): enveloppe for enveloppe in enveloppes}
        restes = barres(enveloppes)
        choix = [(e.pk, f"{e} – disponible {euros(restes[e.pk].disponible)}") for e in enveloppes]
        super().__init__(label="Enveloppe", required=False, choices=[("", "Choisir"), *choix], **options)

    def clean(self, value):
        return self.enveloppes.get(super().clean(value))


class DecisionCommuneForm(RefusMixin, forms.Form):
    """Ce qui est commun à toutes les actions que l'on décide ensemble.

    Les enveloppes ne se proposent que si toutes les actions sont du même exercice ; sinon chacune garde la sienne.
    """

    nature = forms.ChoiceField(label="Décision")
    date = forms.DateField(label="Date de la décision", widget=SaisieDate, initial=timezone.localdate)
    motif = forms.CharField(
        label="Motif",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Exigé pour toute décision autre qu’une attribution dans la limite de la demande.",
    )

    def __init__(self, actions, utilisateur, *args, **options):
        super().__init__(*args, **options)
        self.actions = actions
        self.natures = [n for n in NatureDecision if not any(regles.empechement_de_decider(a, n) for a in actions)]
        self.fields["nature"].choices = [(nature, nature.label) for nature in self.natures]
        self.fields["nature"].widget.attrs["data-avec-montant"] = " ".join(AVEC_MONTANT)
        enveloppes = self.enveloppes_possibles(utilisateur)
        if enveloppes:
            communes = {action.enveloppe_id for action in actions}
            initiale = communes.pop() if len(communes) == 1 else None
            self.fields["enveloppe"] = EnveloppeField(enveloppes, initial=initiale)
            self.order_fields(["nature", "montant", "enveloppe"])

    def enveloppes_possibles(self, utilisateur):
        exercices = {action.exercice_id for action in self.actions}
        if len(exercices) != 1:
            return []
        return list(Enveloppe.objects.visibles_par(utilisateur).feuilles().filter(exercice__in=exercices))

    def clean(self):
        donnees = super().clean()
        sans_enveloppe = "enveloppe" in self.fields and not donnees.get("enveloppe")
        if donnees.get("nature") in AVEC_MONTANT and sans_enveloppe and not all(a.enveloppe_id for a in self.actions):
            self.add_error("enveloppe", "Choisir l’enveloppe qui porte la décision.")
        return donnees

    def refuser(self, refus):
        """Un motif manquant se dit sur le motif ; le reste, où l'opération le dit."""
        if not isinstance(refus, MotifExige):
            return super().refuser(refus)
        for message in refus.messages:
            self.add_error("motif", insecables(message))
        return None

    def demande(self, action, montant, version):
        """La demande à enregistrer ; le montant se saisit positif, une diminution le retire."""
        nature = NatureDecision(self.cleaned_data["nature"])
        if nature not in AVEC_MONTANT:
            montant = None
        elif nature == NatureDecision.DIMINUTION:
            montant = -montant
        return DemandeDeDecision(action, nature, montant, self.cleaned_data.get("enveloppe"), version)


def montant_propose(action):
    """Le montant prérempli d'une première décision : le proposé, sinon le demandé."""
    if action.statut == StatutAction.PROGRAMMEE:
        return None
    return action.p147_demande if action.p147_propose is None else action.p147_propose


class MontantMixin(forms.Form):
    """Le montant d'une action et la version qui a été lue."""

    montant = MontantFormField(
        label="Montant",
        required=False,
        min_value=Decimal(0),
        help_text="En euros. Pour une diminution : ce qui est retiré.",
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def dire_la_demande(self, action):
        """Le script de la page avertit dès que la saisie la dépasse (centimes)."""
        if action.p147_demande is not None:
            self.fields["montant"].widget.attrs["data-demande"] = vers_centimes(action.p147_demande)

    def exiger_un_montant(self, nature):
        montant = self.cleaned_data.get("montant")
        if nature in AVEC_MONTANT and not montant and "montant" not in self.errors:
            self.add_error("montant", "Indiquer un montant supérieur à zéro.")


class DecisionForm(MontantMixin, DecisionCommuneForm):
    """La décision d'une action."""

    field_order = ["nature", "montant", "date", "motif"]

    def __init__(self, action, utilisateur, *args, **options):
        initial = {"montant": montant_propose(action), "version": action.version}
        super().__init__([action], utilisateur, *args, initial=initial, **options)
        self.dire_la_demande(action)

    def clean(self):
        donnees = super().clean()
        self.exiger_un_montant(donnees.get("nature"))
        return donnees

    def demandes(self):
        return [self.demande(self.actions[0], self.cleaned_data["montant"], self.cleaned_data["version"])]


class LigneDeDecisionForm(MontantMixin):
    """La ligne d'une action dans une décision en lot."""

    def __init__(self, action, *args, **options):
        self.action = action
        initial = {"montant": montant_propose(action), "version": action.version}
        super().__init__(*args, prefix=f"a{action.pk}", initial=initial, **options)
        self.fields["montant"].label = f"Montant pour {action}"
        self.fields["montant"].help_text = ""
        self.dire_la_demande(action)


class DecisionEnLot:
    """La décision commune et une ligne par action : valides ensemble, ou pas du tout."""

    def __init__(self, actions, utilisateur, donnees=None):
        self.commune = DecisionCommuneForm(actions, utilisateur, donnees)
        self.lignes = [LigneDeDecisionForm(action, donnees) for action in actions]

    def is_valid(self):
        """Chaque ligne dit son erreur, même si la décision commune en a une."""
        valides = [self.commune.is_valid(), *[ligne.is_valid() for ligne in self.lignes]]
        nature = self.commune.cleaned_data.get("nature")
        for ligne in self.lignes:
            ligne.exiger_un_montant(nature)
        return all(valides) and not any(ligne.errors for ligne in self.lignes)

    def demandes(self):
        return [
            self.commune.demande(ligne.action, ligne.cleaned_data["montant"], ligne.cleaned_data["version"])
            for ligne in self.lignes
        ]


class ScissionForm(GesteForm):
    """Une clé par contrat du département où la personne peut saisir ; vide : pas de part."""

    motif = forms.CharField(label="Motif", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, action, utilisateur, *args, **options):
        super().__init__(action, *args, **options)
        self.contrats = {f"cle_{c.pk}": c for c in contrats_ou_saisir(utilisateur, action.exercice)}
        for nom, contrat in self.contrats.items():
            initial = 1 if contrat.pk == action.contrat_id else None
            self.fields[nom] = forms.IntegerField(
                label=str(contrat), required=False, min_value=1, max_value=100_000, initial=initial
            )
        self.order_fields([*self.contrats, "motif"])

    def cles(self):
        return {contrat: cle for nom, contrat in self.contrats.items() if (cle := self.cleaned_data[nom])}
