"""Les formulaires des gestes : retirer, revenir, décider seul ou en lot, scinder."""

from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from politique_ville.outils.formulaires import PhrasesMixin, SaisieDate
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import MontantFormField, vers_centimes
from politique_ville.outils.typographie import insecables

from .. import regles
from ..enums import MotifStatut, NatureDecision, StatutAction
from ..models import Decision, Enveloppe
from ..operations import DemandeDeDecision, MotifExige
from ..synthese import arbre_des_enveloppes, restes_avec_meres
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
    """Une enveloppe feuille ; ce qu'elle et ses mères permettent encore d'attribuer se lit en entier sous le champ.

    `vide` : ce que veut dire ne pas en choisir, ou "" si l'une s'impose déjà.
    """

    def __init__(self, enveloppes, vide, **options):
        self.enveloppes = {str(enveloppe.pk): enveloppe for enveloppe in enveloppes}
        restes = restes_avec_meres(enveloppes)
        sans = [("", vide)] if vide else []
        choix = [*sans, *((e.pk, str(e)) for e in enveloppes)]
        a_decider = " ; ".join(dire_le_reste(e, restes[e.pk]) for e in enveloppes)
        options["help_text"] = insecables(f"Reste à décider : {a_decider}.") if a_decider else ""
        super().__init__(label="Enveloppe", required=False, choices=choix, **options)

    def clean(self, value):
        return self.enveloppes.get(super().clean(value))


def dire_le_reste(enveloppe, reste):
    """« Lisieux », 4 000,00 €, en nommant la mère quand c'est elle qui limite."""
    mere = f" (celui de la mère « {reste.mere} »)" if reste.mere else ""
    return f"« {enveloppe} », {euros(reste.montant)}{mere}"


class DecisionCommuneForm(RefusMixin, forms.Form):
    """Ce qui est commun à toutes les actions que l'on décide ensemble.

    Ne se proposent que les enveloppes qui conviennent à toutes ; sans choix, chaque action a celle qui lui revient.
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
        self.proposer_les_enveloppes(feuilles_proposees(actions, utilisateur))

    def proposer_les_enveloppes(self, feuilles):
        porteuses = dernieres_enveloppes(self.actions)
        self.d_office = {a.pk: regles.enveloppe_d_office(a, feuilles, porteuses.get(a.pk)) for a in self.actions}
        self.enveloppes = [e for e in feuilles if not any(e.pourquoi_pas(a) for a in self.actions)]
        if feuilles:
            communes = set(self.d_office.values())
            commune = communes.pop() if len(communes) == 1 else None
            initiale = commune.pk if commune in self.enveloppes else None
            self.fields["enveloppe"] = EnveloppeField(self.enveloppes, self.sans_choix(initiale), initial=initiale)
            self.order_fields(["nature", "montant", "enveloppe"])

    @property
    def barres(self):
        """Les enveloppes proposées et leurs barres, pour les lire avant de choisir."""
        return arbre_des_enveloppes(self.enveloppes)

    def sans_choix(self, initiale):
        """Comment se dit le choix vide."""
        return "Celle de chaque action"

    def clean(self):
        donnees = super().clean()
        if donnees.get("nature") in AVEC_MONTANT and "enveloppe" in self.fields and not donnees.get("enveloppe"):
            demunies = [action for action in self.actions if self.d_office[action.pk] is None]
            if demunies:
                self.add_error("enveloppe", insecables(self.phrase_sans_enveloppe(demunies)))
        return donnees

    def phrase_sans_enveloppe(self, demunies):
        noms = ", ".join(f"« {action} »" for action in demunies[:3]) + ("…" if len(demunies) > 3 else "")
        if self.enveloppes:
            return f"Aucune enveloppe ne revient d’office à {noms} : en choisir une ici."
        return f"Aucune enveloppe ne convient à toute la sélection, ni d’office à {noms} : décider à part."

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
        enveloppe = self.cleaned_data.get("enveloppe") or self.d_office[action.pk]
        return DemandeDeDecision(action, nature, montant, enveloppe, version)

    def redit(self, decision, montant):
        """Ce formulaire, renvoyé, dit-il ce que cette décision a déjà enregistré ? `montant` : tel que saisi."""
        return (
            self["nature"].data == decision.nature
            and (decision.nature not in AVEC_MONTANT or montant == abs(decision.montant))
            and valeur_lue(self["date"]) == decision.date
            and valeur_lue(self["motif"]) == decision.motif
            and (decision.enveloppe_id is None or self._dit_l_enveloppe(decision))
        )

    def _dit_l_enveloppe(self, decision):
        return "enveloppe" not in self.fields or self["enveloppe"].data in (None, "", str(decision.enveloppe_id))


def valeur_lue(champ):
    """La valeur envoyée pour ce champ, sans rien exiger du reste du formulaire ; None si elle est mal écrite."""
    try:
        return champ.field.clean(champ.data)
    except ValidationError:
        return None


def feuilles_proposees(actions, utilisateur):
    """Les feuilles que la personne voit dans les exercices de ces actions, et celles que les actions ont déjà."""
    visibles = Enveloppe.objects.visibles_par(utilisateur).filter(exercice__in={a.exercice_id for a in actions})
    leurs = {action.enveloppe_id for action in actions}
    feuilles = Enveloppe.objects.filter(Q(pk__in=visibles.order_by().values("pk")) | Q(pk__in=leurs)).feuilles()
    return list(feuilles.select_related("contrat", "dispositif"))


def dernieres_enveloppes(actions):
    """L'enveloppe de la dernière décision qui en a une, par action : c'est elle que l'on complète ou diminue."""
    if not any(action.statut == StatutAction.PROGRAMMEE for action in actions):
        return {}
    decisions = Decision.objects.filter(action__in=actions, enveloppe__isnull=False).order_by("pk")
    return {decision.action_id: decision.enveloppe for decision in decisions.select_related("enveloppe")}


def montant_propose(action):
    """Le montant prérempli d'une première décision : le proposé, sinon le demandé."""
    if action.statut == StatutAction.PROGRAMMEE:
        return None
    return action.p147_demande if action.p147_propose is None else action.p147_propose


class MontantMixin(PhrasesMixin, forms.Form):
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

    @property
    def montant_lu(self):
        return valeur_lue(self["montant"])

    @property
    def version_lue(self):
        return valeur_lue(self["version"])

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
        self.action = action
        self.dire_la_demande(action)

    def sans_choix(self, initiale):
        return "" if initiale else "Choisir"

    def phrase_sans_enveloppe(self, demunies):
        if self.enveloppes:
            return "Choisir l’enveloppe qui porte la décision."
        return "Aucune enveloppe de l’exercice ne convient à cette action : le responsable en ouvre une."

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
    """La décision commune et une ligne par action : valides ensemble, ou pas du tout.

    `accord` : celui qu'un dépassement demande.
    """

    accord = None

    def __init__(self, actions, utilisateur, donnees=None):
        self.commune = DecisionCommuneForm(actions, utilisateur, donnees)
        self.lignes = [LigneDeDecisionForm(action, donnees) for action in actions]
        for ligne in self.lignes:
            ligne.enveloppe = self.commune.d_office[ligne.action.pk]

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
