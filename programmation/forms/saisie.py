"""La saisie d'une action sur une page : ses champs, ses quartiers, son plan, bornés à ce que l'agent peut écrire."""

import re
import uuid
from operator import attrgetter

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.safestring import mark_safe

from politique_ville.outils.formulaires import ChoixMultiplesField, SaisieDate
from politique_ville.outils.typographie import insecables
from territoires.models import Quartier

from .. import regles
from ..models import CHAMPS_RENSEIGNES, Action, Etablissement, Organisme
from ..operations import MotifExige, SaisieAction
from .choix import Choix, exercice_par_defaut, exercices_ou_saisir, libelle_de_l_exercice, trouver
from .organismes import libelle_du_porteur, proposer
from .outils import RefusMixin, SansControleMixin
from .plan import Financeurs, PlanFormSet

CHAMPS_DU_MODELE = [
    "exercice",
    "echelle",
    "contrat",
    "campagne",
    "intitule",
    "dossier",
    "tranche",
    "porteur",
    "etablissement",
    "dispositif",
    "thematique",
    "pilier",
    "origine",
    "duree",
    "cpo_rang",
    "cpo_nombre",
    "date_debut",
    "date_fin",
    "cout_previsionnel",
    "contributions_volontaires",
    "beneficiaires_prevus",
    "beneficiaires_femmes",
    "beneficiaires_hommes",
    "beneficiaires_qpv",
    "description",
    "objectifs",
    "agent_referent",
]
ETIQUETTES = ["piliers_transversaux", "priorites"]
# Changer l'un de ces champs change ce que d'autres proposent.
QUI_COMMANDENT = ["exercice", "echelle", "contrat", "thematique", "dispositif"]
CAMPAGNES_FIGEES = "Les campagnes de cet exercice sont figées : aucune action ne s’y ajoute."
PLAN_A_CORRIGER = 'Le <a href="#plan">plan de financement</a> est à corriger.'
REFERENCE_DAUPHIN = re.compile(r"(?:DA)?\s*(\d{8})(?:\s*[-–/]\s*(\d{1,2}))?", re.IGNORECASE)


class QuartiersField(ChoixMultiplesField):
    widget = forms.CheckboxSelectMultiple
    default_error_messages = {
        "invalid_choice": "Un quartier coché n’est pas du contrat choisi : cocher les siens.",
        "invalid_pk_value": "Un quartier coché n’existe pas.",
    }


class ActionForm(SansControleMixin, RefusMixin, forms.ModelForm):
    """Le formulaire ne sauve rien : `saisie()` rend ce que l'opération enregistrera.

    `pour_deposer` : ce qu'un dépôt exige devient obligatoire.
    """

    champs_des_refus = {"localisations": "quartiers"}

    dossier = forms.CharField(
        label="Dossier Dauphin",
        required=False,
        max_length=30,
        help_text="Huit chiffres, ou la référence entière.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    quartiers = QuartiersField(label="Quartiers", required=False, queryset=Quartier.objects.none())
    porteur_texte = forms.CharField(
        label="Porteur",
        required=False,
        max_length=300,
        help_text="Nom, sigle ou SIRET.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    motif = forms.CharField(
        label="Motif du changement",
        required=False,
        max_length=500,
        help_text="L’action est décidée ou sa campagne est figée : "
        "changer un montant, le classement, le porteur, le contrat ou les quartiers demande un motif.",
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    cle = forms.UUIDField(required=False, widget=forms.HiddenInput)
    lu = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Action
        fields = [*CHAMPS_DU_MODELE, *ETIQUETTES]
        field_classes = dict.fromkeys(ETIQUETTES, ChoixMultiplesField)
        widgets = {
            "echelle": forms.RadioSelect,
            "date_debut": SaisieDate,
            "date_fin": SaisieDate,
            "description": forms.Textarea(attrs={"rows": 3}),
            "objectifs": forms.Textarea(attrs={"rows": 3}),
            "piliers_transversaux": forms.CheckboxSelectMultiple,
            "priorites": forms.CheckboxSelectMultiple,
            "porteur": forms.HiddenInput,
            "etablissement": forms.HiddenInput,
        }

    def __init__(self, *args, utilisateur, pour_deposer=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.utilisateur = utilisateur
        self.tranche_collee = None
        self.exige_tout = pour_deposer or not self.instance.est_brouillon
        self.initial |= self._valeurs_de_depart() | self._avec_le_nom_du_porteur(kwargs.get("initial") or {})
        self.choix = Choix(utilisateur, self.instance, **self._valeurs_qui_commandent())
        self._poser_les_choix()
        self._poser_les_cles()
        self._regler_les_champs()
        self.plan = self._plan()

    # --- Construire ---

    def _valeurs_de_depart(self):
        if self.instance.pk:
            propres = valeurs_de_l_action(self.instance)
        else:
            exercice = exercice_par_defaut(exercices_ou_saisir(self.utilisateur))
            propres = {"exercice": exercice, "agent_referent": self.utilisateur}
        return propres | {"cle": uuid.uuid4()}

    @staticmethod
    def _avec_le_nom_du_porteur(initial):
        """Une création préremplie (« ajouter une autre ») donne l'identifiant du porteur : il faut aussi son nom."""
        porteur = trouver(Organisme.objects, initial.get("porteur"))
        if porteur is None:
            return initial
        etablissement = trouver(porteur.etablissements, initial.get("etablissement"))
        return initial | {"porteur_texte": libelle_du_porteur(porteur, etablissement)}

    def _valeurs_qui_commandent(self):
        return {nom: self[nom].value() for nom in ("exercice", "echelle", "contrat")}

    def _poser_les_choix(self):
        choix = self.choix
        querysets = {
            "exercice": choix.exercices,
            "contrat": choix.contrats,
            "campagne": choix.campagnes,
            "quartiers": choix.quartiers,
            "thematique": choix.thematiques,
            "dispositif": choix.dispositifs,
            "pilier": choix.piliers,
            "piliers_transversaux": choix.piliers_transversaux,
            "priorites": choix.priorites,
            "agent_referent": choix.agents,
            "porteur": Organisme.objects.select_related("fusionne_dans"),
            "etablissement": Etablissement.objects.select_related("organisme__fusionne_dans"),
        }
        for nom, queryset in querysets.items():
            champ = self.fields[nom]
            if not isinstance(champ, forms.ModelMultipleChoiceField):
                champ.empty_label = "Choisir"
            champ.queryset = queryset
        self.fields["exercice"].label_from_instance = libelle_de_l_exercice
        self.fields["contrat"].label_from_instance = attrgetter("nom_court")
        self.fields["agent_referent"].empty_label = "Aucun"
        self.fields["echelle"].choices = choix.echelles
        self.fields["thematique"].widget.choices = par_theme(choix.thematiques)

    def _poser_les_cles(self):
        """Une clé de répartition par quartier du contrat."""
        self.quartiers_du_contrat = list(self.choix.quartiers)
        for quartier in self.quartiers_du_contrat:
            self.fields[nom_de_la_cle(quartier.pk)] = forms.IntegerField(
                label=f"Clé de {quartier}", required=False, min_value=1, max_value=100_000, initial=1
            )

    def _regler_les_champs(self):
        champs, existe = self.fields, bool(self.instance.pk)
        self.motif_exige = existe and regles.motif_exige_pour_deplacer_un_total(
            self.instance, self.instance.decisions.exists()
        )
        champs["exercice"].disabled = champs["campagne"].required = champs["version"].required = existe
        if not existe:
            fige = self.choix.exercice and self.choix.exercice.est_fige
            champs["campagne"].empty_label = "Aucune" if fige else "Celle du contrat, sinon de l’exercice"
            champs["campagne"].help_text = CAMPAGNES_FIGEES if fige else ""
        if self.exige_tout:
            for nom in {*CHAMPS_RENSEIGNES, "porteur_texte"} - {"pilier", "porteur"}:
                champs[nom].required = True
            champs["pilier"].est_exige = True  # laissé vide, il prend celui de la correspondance
        for nom in QUI_COMMANDENT:
            champs[nom].widget.attrs |= actualiser_par_htmx()

    def _plan(self):
        financeurs = Financeurs(self.choix.financeurs)
        lignes = [] if self.is_bound else lignes_du_plan(self.instance)
        return PlanFormSet(
            self.data if self.is_bound else None,
            prefix="plan",
            initial=lignes,
            financeurs=financeurs,
            suggerer=not self.instance.pk,
            sans_controle=self.sans_controle,
        )

    # --- Vérifier ---

    def is_valid(self):
        champs, plan = super().is_valid(), self.plan.is_valid()
        if not plan:
            self.add_error(None, mark_safe(PLAN_A_CORRIGER))
        return champs and plan

    def clean_dossier(self):
        texte = self.cleaned_data["dossier"].strip()
        if not texte:
            return None
        reference = REFERENCE_DAUPHIN.fullmatch(texte)
        if not reference:
            raise ValidationError(
                insecables(f"« {texte} » n’est pas un dossier Dauphin : écrire huit chiffres, ou DA00054562-01.")
            )
        self.tranche_collee = int(reference[2]) if reference[2] else None
        return reference[1]

    def clean_description(self):
        return avec_fins_de_ligne_simples(self.cleaned_data["description"])

    def clean_objectifs(self):
        return avec_fins_de_ligne_simples(self.cleaned_data["objectifs"])

    def clean(self):
        donnees = super().clean()
        self.instance.enveloppe = None  # ce formulaire ne la montre pas : l'opération la relit, la détache ou refuse
        self._reconnaitre_le_porteur(donnees)
        self._proposer_le_pilier(donnees)
        self._repartir_le_dossier(donnees)
        self._refuser_un_dossier_pris(donnees)
        return donnees

    def _reconnaitre_le_porteur(self, donnees):
        """Le texte fait foi : s'il n'est plus celui du porteur choisi, on cherche de qui il parle."""
        texte = donnees.get("porteur_texte", "").strip()
        porteur, etablissement = donnees.get("porteur"), donnees.get("etablissement")
        if texte and texte != libelle_du_porteur(porteur, etablissement):
            porteur, etablissement = self._porteur_du_texte(texte)
        elif not texte:
            porteur = etablissement = None
        if porteur and porteur.pk != self.initial.get("porteur"):
            porteur = porteur.courant
        if "porteur_texte" in self.errors:
            donnees.pop("porteur", None)
        else:
            donnees |= {"porteur": porteur, "etablissement": etablissement}

    def _porteur_du_texte(self, texte):
        """Le porteur de ce SIRET, ou le seul de ce nom exact : on ne devine pas qui porte l'action."""
        reponse = proposer(texte, self.utilisateur)
        designes = [p for p in reponse.propositions if p.est_designee_par(texte)]
        if len({proposition.organisme.pk for proposition in designes}) == 1:
            return designes[0].organisme, designes[0].etablissement if len(designes) == 1 else None
        self.add_error("porteur_texte", insecables(reponse.refus or phrase_du_porteur(texte, reponse.propositions)))
        return None, None

    def _proposer_le_pilier(self, donnees):
        if not donnees.get("pilier") and donnees.get("thematique") and "pilier" not in self.errors:
            donnees["pilier"] = self.choix.pilier_propose(donnees["thematique"], donnees.get("dispositif"))
        if self.exige_tout and not donnees.get("pilier") and "pilier" not in self.errors:
            self.add_error("pilier", insecables("Choisir « Pilier » : c’est lui qui porte les montants."))

    def _repartir_le_dossier(self, donnees):
        collee, tranche = self.tranche_collee, donnees.get("tranche")
        if collee and tranche and tranche != collee:
            self.add_error("tranche", f"Le dossier collé dit la tranche {collee}, ce champ la tranche {tranche}.")
        donnees["tranche"] = tranche or collee

    def _refuser_un_dossier_pris(self, donnees):
        if not donnees.get("dossier") or not donnees.get("exercice"):
            return
        cle = {nom: donnees.get(nom) for nom in ("exercice", "contrat", "dossier", "tranche")}
        prise = Action.objects.filter(**cle).exclude(pk=self.instance.pk).first()
        if prise:
            self.add_error(
                "dossier", insecables(f"Ce dossier est déjà celui de « {prise} », même exercice et contrat.")
            )

    # --- Rendre ---

    def refuser(self, refus):
        if isinstance(refus, MotifExige):
            self.motif_exige = True
            refus = MotifExige({"motif": refus.messages})
        super().refuser(refus)

    def saisie(self):
        """Ce que l'opération enregistrera."""
        donnees = self.cleaned_data
        champs = {champ: donnees[champ] for champ in CHAMPS_DU_MODELE}
        if self.instance.pk:
            champs.pop("exercice")
        elif donnees["cle"]:
            champs["cle"] = donnees["cle"]
        return SaisieAction(
            champs=champs,
            action=self.instance if self.instance.pk else None,
            version=donnees["version"],
            plan=self.plan.lignes(),
            localisations={q: donnees[nom_de_la_cle(q.pk)] or 1 for q in donnees["quartiers"]},
            **{etiquette: list(donnees[etiquette]) for etiquette in ETIQUETTES},
        )

    @property
    def lieux(self):
        """Chaque quartier du contrat : sa case, et le champ de sa clé."""
        coches = {str(valeur) for valeur in self["quartiers"].value() or []}
        return [
            {"quartier": quartier, "coche": str(quartier.pk) in coches, "cle": self[nom_de_la_cle(quartier.pk)]}
            for quartier in self.quartiers_du_contrat
        ]

    @cached_property
    def pilier_propose(self):
        """Le pilier que propose la correspondance pour la thématique et le dispositif choisis, ou None."""
        return self.choix.pilier_propose(self["thematique"].value(), self["dispositif"].value())

    def reprendre_la_proposition(self, precedente):
        """Remplace un pilier vide, ou qui n'était que la proposition d'avant ; un choix de l'agent reste."""
        if str(self.initial.get("pilier") or "") in ("", precedente):
            self.initial["pilier"] = self.pilier_propose and self.pilier_propose.pk


def avec_fins_de_ligne_simples(texte):
    """Le navigateur envoie CR LF : sans cela, un texte intact semblerait modifié."""
    return texte.replace("\r\n", "\n")


def nom_de_la_cle(quartier_id):
    return f"cle_{quartier_id}"


def par_theme(thematiques):
    """Les choix groupés par thème."""
    groupes = {}
    for thematique in thematiques:
        groupes.setdefault(str(thematique.theme), []).append((thematique.pk, str(thematique)))
    return [("", "Choisir"), *groupes.items()]


def actualiser_par_htmx():
    """Redemande au serveur les choix qui dépendent de ce champ, sans toucher à ce qui est saisi."""
    return {
        "hx-get": reverse("programmation:choix_de_la_saisie"),
        "hx-include": "[data-choix]",
        "hx-swap": "none",
        "hx-sync": "closest form:queue all",
    }


def valeurs_de_l_action(action):
    """Les valeurs de départ des champs que le modèle ne porte pas."""
    lieux = list(action.localisations.all())
    return {
        "version": action.version,
        "porteur_texte": libelle_du_porteur(action.porteur, action.etablissement),
        "quartiers": [lieu.quartier_id for lieu in lieux],
    } | {nom_de_la_cle(lieu.quartier_id): lieu.cle for lieu in lieux}


def lignes_du_plan(action):
    """Les valeurs de départ du plan d'une action."""
    if not action.pk:
        return []
    champs = ["nature", "demande", "propose", "accorde", "verse", "etat", "date_etat"]
    return [
        {"financeur": str(ligne.financeur_id)} | {champ: getattr(ligne, champ) for champ in champs}
        for ligne in action.financements.order_by("pk")
    ]


def phrase_du_porteur(texte, propositions):
    if not propositions:
        return f"Aucun organisme ne répond à « {texte} » : le créer sur place, ou l’ajouter d’abord au répertoire."
    noms = list(dict.fromkeys(proposition.libelle for proposition in propositions))[:3]
    return f"« {texte} » ne désigne pas un seul organisme : choisir par exemple {', '.join(f'« {n} »' for n in noms)}."
