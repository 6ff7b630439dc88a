"""Ce que les formulaires de postes partagent : leurs choix bornés, leur version, leurs valeurs à comparer."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q

from comptes.enums import Role
from comptes.models import Habilitation, Utilisateur
from politique_ville.outils.formulaires import ChoixMultiplesField
from politique_ville.outils.typographie import insecables
from programmation.forms.choix import habilitations_d_ecriture, trouver
from programmation.forms.organismes import libelle_du_porteur, proposer
from programmation.forms.outils import RefusMixin
from programmation.forms.saisie import phrase_du_porteur
from programmation.models import Etablissement, Organisme
from programmation.operations import MotifExige
from territoires.models import ContratDeVille, Departement, Quartier

from ..models.adultes_relais import QUOTITE_MINIMALE

RIEN_SUR_LA_PERSONNE = "Rien sur la personne qui occupe le poste : ni nom, ni âge, ni adresse, ni santé."
QUOTITE_REFUSEE = f"%(show_value)s %% : la quotité va de {QUOTITE_MINIMALE} %% (mi-temps) à 100 %% (temps plein)."

# Choisir le contrat redemande la page avec lui, et n'en reprend que les quartiers.
PROPOSER_SES_QUARTIERS = {
    "hx-get": "",
    "hx-target": "#quartiers",
    "hx-select": "#quartiers",
    "hx-swap": "outerHTML",
    "hx-trigger": "change",
}


@dataclass(frozen=True)
class Envoi:
    """Ce qu'une fiche envoie à l'opération : des valeurs de champs, la version lue du poste, un motif."""

    champs: dict[str, Any]
    version: int | None
    motif: str


class FicheForm(RefusMixin, forms.ModelForm):
    """Une fiche à verrou optimiste. Elle ne sauve rien : `saisie()` rend ce que l'opération enregistrera.

    `enums` : les champs dont la valeur se compare par son libellé. `avec_motif` : la fiche modifie ce qui existe.
    """

    enums: dict[str, type] = {}
    avec_motif = True

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    motif = forms.CharField(
        label="Motif",
        required=False,
        max_length=500,
        help_text=insecables(f"Gardé dans l’historique. {RIEN_SUR_LA_PERSONNE}"),
    )

    def __init__(self, *args, version: int | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial.setdefault("version", version)
        if not self.avec_motif:
            del self.fields["motif"]
        for champ in self.fields.values():
            if isinstance(champ, forms.TypedChoiceField) and champ.choices[0][0] == "":
                champ.choices = [("", "Choisir" if champ.required else "Non renseigné"), *champ.choices[1:]]
        if "quotite" in self.fields:
            erreurs = {"min_value": insecables(QUOTITE_REFUSEE), "max_value": insecables(QUOTITE_REFUSEE)}
            regler_la_quotite(self.fields["quotite"], erreurs)

    @property
    def propres(self) -> list[str]:
        """Les champs de la fiche, sans la version ni le motif."""
        return [nom for nom in self.fields if nom not in ("version", "motif")]

    @property
    def libelles(self) -> dict[str, str]:
        return {nom: self.fields[nom].label for nom in self.propres}

    def valeurs(self) -> dict[str, Any]:
        return {nom: self.lisible(nom, self.cleaned_data[nom]) for nom in self.propres}

    def valeurs_en_base(self) -> dict[str, Any]:
        return {nom: self.lisible(nom, self.valeur_en_base(nom)) for nom in self.propres}

    def valeur_en_base(self, nom):
        return getattr(self.instance, nom)

    def lisible(self, nom, valeur):
        """Une valeur que la comparaison sait dire, et que l'opération sait écrire."""
        enum = self.enums.get(nom)
        if enum is None or valeur in (None, ""):
            return list(valeur.all()) if hasattr(valeur, "all") else valeur
        return [enum(une) for une in valeur] if isinstance(valeur, list) else enum(valeur)

    def saisie(self, valeurs: dict[str, Any] | None = None) -> Envoi:
        """Ce que l'opération enregistrera ; `valeurs` remplace celles du formulaire."""
        champs = valeurs or self.valeurs()
        return Envoi(champs, self.cleaned_data["version"], self.cleaned_data.get("motif", ""))

    def refuser(self, refus):
        """Un motif manquant se dit sur le motif ; le reste, où l'opération le dit."""
        if isinstance(refus, MotifExige):
            refus = MotifExige({"motif": refus.messages})
        super().refuser(refus)


def regler_la_quotite(champ, erreurs):
    champ.error_messages |= erreurs
    champ.localize = True
    champ.widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    champ.widget.is_localized = True
    champ.help_text = "En pour cent d’un temps plein, de 50 à 100."
    if isinstance(champ.initial, Decimal):
        champ.initial = champ.initial.normalize()


# --- Un poste ---


class PosteForm(FicheForm):
    """Un poste : son territoire, son organisme (reconnu par son nom ou son SIRET), ses quartiers.

    `champ_organisme` : le nom du champ du modèle que `porteur` remplit.
    """

    champ_organisme = ""
    champs_des_refus = {"employeur": "porteur_texte", "association": "porteur_texte"}

    porteur_texte = forms.CharField(
        max_length=300, help_text="Nom, sigle ou SIRET.", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    porteur = forms.ModelChoiceField(
        Organisme.objects.select_related("fusionne_dans"), required=False, widget=forms.HiddenInput
    )
    etablissement = forms.ModelChoiceField(Etablissement.objects.all(), required=False, widget=forms.HiddenInput)
    quartiers = ChoixMultiplesField(
        Quartier.objects.none(),
        label="Quartiers",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Un quartier coché n’est pas du contrat choisi : cocher les siens."},
    )

    def __init__(self, *args, utilisateur, **kwargs):
        super().__init__(*args, **kwargs)
        self.utilisateur = utilisateur
        organisme = getattr(self.instance, self.champ_organisme) if self.instance.pk else None
        self.initial |= {"porteur": organisme, "porteur_texte": libelle_du_porteur(organisme)}
        if self.instance.pk:
            self.initial["quartiers"] = list(self.instance.quartiers.all())
        else:
            del self.fields["motif"]
        self._poser_les_choix()

    def _poser_les_choix(self):
        departements = departements_ou_gerer(self.utilisateur)
        self.fields["departement"].queryset = departements
        if len(departements) == 1:
            self.fields["departement"].widget = forms.HiddenInput()
            self.initial.setdefault("departement", departements[0].pk)
        contrats = ContratDeVille.objects.filter(departement__in=departements).order_by("-generation", "intitule")
        self.fields["contrat"].queryset = contrats
        self.fields["contrat"].empty_label = "Hors contrat de ville"
        self.fields["contrat"].widget.attrs |= PROPOSER_SES_QUARTIERS
        contrat = trouver(contrats, self["contrat"].value())
        self.fields["quartiers"].queryset = Quartier.objects.filter(contrat=contrat).defer("contour")
        self.fields["agent_referent"].queryset = agents_de(departements)
        self.fields["agent_referent"].empty_label = "Aucun"

    def clean(self):
        donnees = super().clean()
        texte, porteur = donnees.get("porteur_texte", "").strip(), donnees.get("porteur")
        if texte and texte != libelle_du_porteur(porteur, donnees.get("etablissement")):
            porteur = self._organisme_du_texte(texte)
        donnees["porteur"] = porteur and porteur.courant
        if porteur:
            setattr(self.instance, self.champ_organisme, porteur.courant)
        return donnees

    def _organisme_du_texte(self, texte):
        """L'organisme de ce SIRET, ou le seul de ce nom exact : on ne devine pas qui emploie."""
        reponse = proposer(texte, self.utilisateur)
        designes = {p.organisme for p in reponse.propositions if p.est_designee_par(texte)}
        if len(designes) == 1:
            return designes.pop()
        self.add_error("porteur_texte", insecables(reponse.refus or phrase_du_porteur(texte, reponse.propositions)))
        return None

    @property
    def propres(self):
        return [nom for nom in super().propres if nom not in ("porteur_texte", "etablissement")]

    @property
    def libelles(self):
        return super().libelles | {"porteur": self.fields["porteur_texte"].label}

    def valeur_en_base(self, nom):
        return getattr(self.instance, self.champ_organisme if nom == "porteur" else nom)


def departements_ou_gerer(utilisateur):
    """Les départements où la personne saisit des postes, fût-ce pour un seul contrat."""
    habilitations = habilitations_d_ecriture(utilisateur)
    if any(h.france_entiere for h in habilitations):
        return Departement.objects.order_by("code")
    return Departement.objects.filter(pk__in={h.departement_concerne_id for h in habilitations}).order_by("code")


def agents_de(departements):
    """Les agents et responsables de ces départements, ou de l'un de leurs contrats."""
    ici = Q(france_entiere=True) | Q(departement__in=departements) | Q(contrat__departement__in=departements)
    habilitations = Habilitation.objects.actives().filter(ici, utilisateur=OuterRef("pk"), role__in=Role.qui_ecrivent())
    return Utilisateur.objects.filter(Exists(habilitations), is_active=True)
