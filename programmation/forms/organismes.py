"""Le répertoire des organismes : chercher un porteur par son nom ou son SIRET, créer, modifier, fusionner."""

import re
from dataclasses import dataclass, field

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Prefetch

from comptes.models import Utilisateur
from politique_ville.outils.formulaires import SaisieDate
from politique_ville.outils.recherche import normaliser
from politique_ville.outils.siret import LONGUEUR_SIREN, normaliser_siret, valider_siren, valider_siret
from politique_ville.outils.typographie import insecables

from ..models import Etablissement, Organisme
from .outils import RefusMixin

NOMBRE_DE_PROPOSITIONS = 10
LIBELLE_AVEC_SIRET = re.compile(r"–\s*([0-9]{14})\s*$")  # « Régie – 12345678900012 », tel que la liste l'écrit
LONGUEUR_MINIMALE = 2  # une lettre proposerait tout le répertoire


@dataclass(frozen=True)
class Proposition:
    """Un porteur que l'on peut choisir : un organisme vivant, et son établissement s'il en a."""

    organisme: Organisme
    etablissement: Etablissement | None = None
    ancien_nom: str = ""

    @property
    def libelle(self):
        return libelle_du_porteur(self.organisme, self.etablissement)

    def est_designee_par(self, texte):
        """Ce texte est-il son SIRET, son SIREN, son nom, son sigle ou son libellé, à la casse et aux accents près ?"""
        siret = self.etablissement.siret if self.etablissement else ""
        if normaliser_siret(texte) in {siret, self.organisme.siren} - {"", None}:
            return True
        noms = {self.organisme.nom, self.organisme.sigle, str(self.organisme), self.ancien_nom, self.libelle} - {""}
        return normaliser(texte) in {normaliser(nom) for nom in noms}


@dataclass
class Reponse:
    """Ce que la recherche d'un porteur répond : des propositions, un refus motivé, ou de quoi créer."""

    propositions: list[Proposition] = field(default_factory=list)
    refus: str = ""
    siret_a_creer: str = ""
    nom_a_creer: str = ""
    organisme_du_siren: Organisme | None = None


def libelle_du_porteur(organisme, etablissement=None):
    if organisme is None:
        return ""
    return f"{organisme} – {etablissement.siret}" if etablissement else str(organisme)


def proposer(texte: str, utilisateur: Utilisateur) -> Reponse:
    """Les porteurs qui répondent à ce nom (sans accent), ce SIREN ou ce SIRET, même commencé."""
    recopie = LIBELLE_AVEC_SIRET.search(texte)
    numero = recopie[1] if recopie else normaliser_siret(texte)
    if numero.isdecimal() and len(numero) >= LONGUEUR_SIREN:
        return proposer_par_numero(numero, utilisateur)
    if len(normaliser(texte)) < LONGUEUR_MINIMALE:
        return Reponse()
    trouves = organismes_lisibles(utilisateur).recherche(texte)[:NOMBRE_DE_PROPOSITIONS]
    return Reponse(propositions=propositions(trouves), nom_a_creer=texte.strip())


def proposer_par_numero(numero, utilisateur):
    organismes = organismes_lisibles(utilisateur)
    if len(numero) == LONGUEUR_SIREN:
        trouves = propositions(organismes.filter(siren=numero))
        return Reponse(propositions=trouves, refus="" if trouves else raison(valider_siren, numero))
    etablissements = Etablissement.objects.filter(siret__startswith=numero, organisme__in=organismes)
    lus = etablissements.select_related("organisme__fusionne_dans")[:NOMBRE_DE_PROPOSITIONS]
    trouves = [proposition(etablissement.organisme, etablissement) for etablissement in lus]
    if trouves:
        return Reponse(propositions=trouves)
    refus = raison(valider_siret, numero)
    if refus:
        return Reponse(refus=refus)
    parent = organismes.filter(siren=numero[:LONGUEUR_SIREN]).first()
    return Reponse(siret_a_creer=numero, organisme_du_siren=parent.courant if parent else None)


def organismes_lisibles(utilisateur):
    ouverts = Etablissement.objects.filter(fin=None)
    return (
        Organisme.objects.visibles_par(utilisateur)
        .select_related("fusionne_dans")
        .prefetch_related(Prefetch("etablissements", ouverts, to_attr="ouverts"))
    )


def propositions(organismes):
    """Une proposition par établissement ouvert ; un organisme sans établissement en donne une."""
    return [
        proposition(organisme, etablissement)
        for organisme in organismes
        for etablissement in organisme.ouverts or [None]
    ]


def proposition(organisme, etablissement):
    """Un organisme fusionné renvoie à sa cible, et dit sous quel nom on l'a trouvé."""
    ancien_nom = organisme.nom if organisme.fusionne_dans_id else ""
    return Proposition(organisme.courant, etablissement, ancien_nom)


def raison(validateur, numero):
    try:
        validateur(numero)
    except ValidationError as refus:
        return refus.messages[0]
    return ""


class PorteurForm(RefusMixin, forms.ModelForm):
    """Ce qui identifie un organisme. L'opération enregistre, pas le formulaire."""

    siret = forms.CharField(
        label="SIRET",
        required=False,
        max_length=40,
        help_text="Quatorze chiffres. Le SIREN s’en déduit.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    field_order = ["siret"]

    existant = None  # la proposition à faire à la place : l'organisme qui porte déjà ce SIRET, ou son SIREN

    class Meta:
        model = Organisme
        fields = ["nom", "forme", "droit"]

    def clean_siret(self):
        siret = normaliser_siret(self.cleaned_data["siret"])
        if siret:
            valider_siret(siret)
            self._refuser_un_siret_pris(siret)
        return siret

    def _refuser_un_siret_pris(self, siret):
        """Une seconde orthographe du même SIRET, ou du même SIREN, propose l'organisme existant."""
        etablissement = Etablissement.objects.select_related("organisme__fusionne_dans").filter(siret=siret).first()
        if etablissement and etablissement.organisme.courant != self.instance.courant:
            self.existant = Proposition(etablissement.organisme.courant, etablissement)
            raise ValidationError(insecables(f"Le SIRET {siret} est déjà celui de « {etablissement.organisme} »."))
        siren = siret[:LONGUEUR_SIREN]
        parent = Organisme.objects.select_related("fusionne_dans").filter(siren=siren).first()
        if parent and parent.courant != self.instance.courant:
            self.existant = Proposition(parent.courant)
            raise ValidationError(insecables(f"Le SIREN {siren} est déjà celui de « {parent} »."))


class NouveauPorteurForm(PorteurForm):
    """La création sur place, pendant la saisie d'une action : ses champs sont dans la page d'un autre formulaire."""

    prefix = "organisme"
    champs_des_refus = {"siren": "siret"}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for champ in self.fields.values():
            champ.widget.attrs["form"] = "form-porteur"


class OrganismeForm(PorteurForm):
    """Un organisme du répertoire, et un SIRET s'il est nouveau ou change d'adresse."""

    siren = forms.CharField(label="SIREN", required=False, max_length=20, help_text="Neuf chiffres.")
    rna = forms.CharField(
        label="RNA", required=False, max_length=20, help_text="Pour une association : W suivi de neuf chiffres."
    )
    field_order = ["nom", "sigle", "forme", "droit", "siret", "siren", "rna"]

    class Meta(PorteurForm.Meta):
        fields = ["nom", "sigle", "forme", "droit", "siren", "rna", "adresse", "code_postal", "ville"]
        fields += ["courriel", "telephone", "cer_souscrit_le"]
        widgets = {"cer_souscrit_le": SaisieDate}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["siret"].label = "Nouveau SIRET"
            self.fields["siret"].help_text = "À ajouter si l’organisme a changé d’adresse, ou en a une de plus."

    def clean_siren(self):
        return normaliser_siret(self.cleaned_data["siren"]) or None

    def clean_rna(self):
        return normaliser_siret(self.cleaned_data["rna"]).upper() or None


class MotifForm(RefusMixin, forms.Form):
    """Un geste qui demande un motif écrit."""

    motif = forms.CharField(label="Motif", max_length=500, help_text="Gardé dans l’historique de l’organisme.")


__all__ = [
    "MotifForm",
    "NouveauPorteurForm",
    "OrganismeForm",
    "Proposition",
    "Reponse",
    "libelle_du_porteur",
    "proposer",
]
