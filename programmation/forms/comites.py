"""Les formulaires d'un comité : le prévoir, et enregistrer en séance l'issue d'une action ou de plusieurs."""

from collections.abc import Sequence

from django import forms
from django.db.models import Q

from comptes.enums import Role
from politique_ville.outils.formulaires import SaisieDate
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import vers_centimes
from politique_ville.outils.typographie import insecables

from .. import regles
from ..enums import NatureComite, NatureDecision, StatutAction, StatutExercice
from ..models import Campagne, Comite, Passage
from ..operations import MotifExige, SaisieDePassage, version_lue
from ..synthese.comites import LigneDOrdre
from .gestes import (
    AVEC_MONTANT,
    EnveloppeField,
    MontantMixin,
    dernieres_enveloppes,
    feuilles_proposees,
    valeur_lue,
)
from .outils import RefusMixin, SansControleMixin

POSITIFS = [NatureDecision.ATTRIBUTION, NatureDecision.COMPLEMENT]


def campagnes_ou_reunir(utilisateur):
    """Les campagnes ouvertes où la personne peut tenir un comité : son département, ou son seul contrat."""
    ouvertes = Campagne.objects.filter(figee_le=None).exclude(exercice__statut=StatutExercice.CLOS)
    siennes = Q(pk__in=[])
    for h in utilisateur.habilitations_actives:
        if h.role in Role.qui_ecrivent():
            partout = Q(pk__isnull=False) if h.france_entiere else Q(exercice__departement=h.departement_id)
            siennes |= Q(contrat=h.contrat_id) if h.contrat_id else partout
    campagnes = ouvertes.filter(siennes).select_related("exercice__departement")
    return campagnes.order_by("-exercice__annee", "exercice__departement__code", "vague", "intitule")


class CampagneField(forms.ModelChoiceField):
    def label_from_instance(self, campagne):
        return insecables(f"{campagne} ({campagne.exercice})")


class ComiteForm(RefusMixin, forms.Form):
    """Prévoir un comité, ou changer ce qui peut l'être d'un comité prévu : date, lieu, partenaires.

    `lue` : la version que la page montrait.
    """

    campagne = CampagneField(label="Campagne", queryset=None, empty_label="Choisir")
    nature = forms.ChoiceField(label="Nature", choices=[("", "Choisir"), *NatureComite.choices])
    date = forms.DateField(label="Date", widget=SaisieDate)
    lieu = forms.CharField(label="Lieu", required=False, max_length=150)
    partenaires_presents = forms.BooleanField(
        label="Des partenaires sont présents",
        required=False,
        initial=True,
        help_text="L’écran projeté ne montre alors que les avis que l’État partage. En comité de pilotage, toujours.",
    )
    lue = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, utilisateur, *args, comite: Comite | None = None, **options):
        if comite:
            champs = ("date", "lieu", "partenaires_presents")
            options["initial"] = {champ: getattr(comite, champ) for champ in champs} | {"lue": version_lue(comite)}
        super().__init__(*args, **options)
        if comite:
            del self.fields["campagne"], self.fields["nature"]
        else:
            del self.fields["lue"]
            self.fields["campagne"].queryset = campagnes_ou_reunir(utilisateur)


class PassageForm(SansControleMixin, RefusMixin, MontantMixin):
    """L'issue d'une action en séance. Le montant se saisit positif ; une diminution le retire.

    Une ligne du tableau sans issue n'est pas envoyée : ce qui y est tapé se remontre, sans qu'on y cherche d'erreur.
    """

    issue = forms.ChoiceField(label="Issue", required=False)
    observation = forms.CharField(
        label="Motif ou observation",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Sur l’action, jamais sur une personne. Exigé pour toute décision autre qu’une attribution dans la "
        "limite de la demande.",
    )
    version_de_l_action = forms.IntegerField(widget=forms.HiddenInput)

    field_order = ["issue", "montant", "enveloppe", "observation"]
    champs_des_refus = {"date": None}

    def __init__(self, ligne: LigneDOrdre, enveloppes, d_office, *args, en_tableau=False, **options):
        self.ligne, self.d_office = ligne, d_office
        passage, action = ligne.passage, ligne.action
        super().__init__(*args, prefix=f"p{passage.pk}", initial=self.valeurs_lues(ligne), **options)
        self.natures = [] if ligne.ailleurs else regles.natures_de_decision_possibles(action)
        self.fields["issue"].choices = [("", "À examiner"), *((n, n.label) for n in self.natures)]
        self.fields["issue"].widget.attrs["data-avec-montant"] = " ".join(AVEC_MONTANT)
        if passage.comite.decide and enveloppes and not (en_tableau and d_office):
            initiale = d_office.pk if d_office in enveloppes else None
            vide = "" if initiale else "Choisir"
            self.fields["enveloppe"] = EnveloppeField(enveloppes, vide, initial=initiale)
        if en_tableau:
            self.nommer_les_champs(action)
        if ligne.demande is not None:
            self.fields["montant"].widget.attrs["data-demande"] = vers_centimes(ligne.demande)
        self.order_fields(self.field_order)
        self.sans_controle = en_tableau and self.is_bound and not self.est_renseigne

    @staticmethod
    def valeurs_lues(ligne):
        passage, action = ligne.passage, ligne.action
        redecide = passage.comite.decide and passage.issue
        return {
            "issue": "" if redecide else passage.issue,
            "montant": None if redecide else montant_a_examiner(ligne),
            "observation": "" if redecide else passage.observation,
            "version": passage.version,
            "version_de_l_action": action.version,
        }

    def nommer_les_champs(self, action):
        """Dans un tableau, l'étiquette n'est que lue : elle dit de quelle action il s'agit."""
        for nom, champ in self.fields.items():
            champ.help_text = ""
            champ.label = f"{champ.label}, {action}"
            if nom == "observation":
                champ.widget = forms.TextInput(attrs={"maxlength": 2000})

    @property
    def est_renseigne(self):
        return bool(self["issue"].data)

    def clean(self):
        donnees = super().clean()
        if not donnees.get("issue") and "issue" not in self.errors:
            self.add_error("issue", "Choisir une issue.")
        self.exiger_un_montant(donnees.get("issue"))
        choisie = donnees.get("enveloppe") or self.d_office
        if "enveloppe" in self.fields and donnees.get("issue") in AVEC_MONTANT and not choisie:
            self.add_error("enveloppe", insecables("Choisir l’enveloppe qui porte la décision."))
        return donnees

    def saisie(self) -> SaisieDePassage:
        """Ce qui a été tapé, même si l'action n'admet plus cette issue ; à valider avant d'écrire."""
        issue, montant = self["issue"].data, valeur_lue(self["montant"])
        if issue not in AVEC_MONTANT:
            montant = None
        elif issue not in POSITIFS and montant:
            montant = -montant
        return SaisieDePassage(
            passage=self.ligne.passage,
            issue=issue,
            montant=montant,
            observation=valeur_lue(self["observation"]) or "",
            enveloppe=(valeur_lue(self["enveloppe"]) if "enveloppe" in self.fields else None) or self.d_office,
            version=valeur_lue(self["version"]),
            version_de_l_action=valeur_lue(self["version_de_l_action"]),
        )

    @property
    def est_perime(self):
        """La page avait lu autre chose que ce qui est en base maintenant, du passage ou de l'action."""
        lues = valeur_lue(self["version"]), valeur_lue(self["version_de_l_action"])
        return lues != (self.ligne.passage.version, self.ligne.action.version)

    def refuser(self, refus):
        """Un motif manquant se dit sur le motif ; le reste, où l'opération le dit."""
        if not isinstance(refus, MotifExige):
            return super().refuser(refus)
        for message in refus.messages:
            self.add_error("observation", insecables(message))
        return None


def dire_l_issue(issue, montant):
    """« Attribution, 800,00 € »."""
    if issue not in NatureDecision.values:
        return "aucune issue"
    libelle = NatureDecision(issue).label
    return f"{libelle}, {euros(abs(montant))}" if issue in AVEC_MONTANT and montant is not None else libelle


def montant_a_examiner(ligne):
    """Le montant prérempli : celui du passage (un scénario l'a posé), sinon le proposé, sinon le demandé."""
    if ligne.passage.montant is not None:
        return abs(ligne.passage.montant)
    if ligne.action.statut == StatutAction.PROGRAMMEE:
        return None
    return ligne.demande if ligne.propose is None else ligne.propose


def formulaires(
    lignes: Sequence[LigneDOrdre], utilisateur, donnees=None, *, en_tableau: bool = False
) -> list[PassageForm]:
    """Un formulaire par ligne, avec les enveloppes qui conviennent à son action ; les lectures sont communes."""
    actions = [ligne.action for ligne in lignes]
    feuilles = feuilles_proposees(actions, utilisateur) if actions else []
    porteuses = dernieres_enveloppes(actions)
    resultat = []
    for ligne in lignes:
        siennes = [feuille for feuille in feuilles if not feuille.pourquoi_pas(ligne.action)]
        d_office = regles.enveloppe_d_office(ligne.action, feuilles, porteuses.get(ligne.action.pk))
        resultat.append(PassageForm(ligne, siennes, d_office, donnees, en_tableau=en_tableau))
    return resultat


def deja_enregistre(saisie: SaisieDePassage, actuel: Passage, utilisateur) -> bool:
    """Le même envoi de la même personne a déjà tout écrit (double clic, page renvoyée)."""
    derniere = actuel.history.order_by("-history_id").first()
    if saisie.version is None or actuel.version != saisie.version + 1 or derniere.history_user_id != utilisateur.pk:
        return False
    decision = actuel.decisions.order_by("pk").last()
    issue, montant = (decision.nature, decision.montant) if decision else (actuel.issue, actuel.montant)
    memes_mots = actuel.observation == saisie.observation.strip()
    return issue == saisie.issue and memes_mots and saisie.montant in (None, montant)
