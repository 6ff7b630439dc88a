"""Les gestes sur un poste adulte-relais : sa fiche, ses conventions, avenants, occupations, et le quota."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from politique_ville.outils.typographie import insecables
from programmation.forms.organismes import MotifForm, NouveauPorteurForm
from programmation.models import Exercice
from programmation.views.mixins import exiger

from .. import operations, regles
from ..dates import UN_JOUR, dernier_jour, en_clair
from ..forms import adultes_relais as formulaires
from ..models import (
    DUREE_MAXIMALE,
    AvenantAdulteRelais,
    ConventionAdulteRelais,
    Occupation,
    PosteAdulteRelais,
    QuotaAdulteRelais,
)
from ..operations import Saisie, SaisieDePoste
from .postes import LECTURE_SEULE, GesteView, supprimer
from .saisie import SaisieView

DU_POSTE = ["poste__departement", "poste__contrat", "poste__employeur"]


def convention_visible(utilisateur, pk):
    """La convention et son poste, ou 404."""
    visibles = ConventionAdulteRelais.objects.visibles_par(utilisateur).select_related(*DU_POSTE)
    convention = get_object_or_404(visibles, pk=pk)
    return convention, convention.poste


def occupation_visible(utilisateur, pk):
    """L'occupation et son poste, ou 404."""
    conventions = ConventionAdulteRelais.objects.visibles_par(utilisateur).order_by()
    lues = Occupation.objects.filter(convention__in=conventions)
    occupation = get_object_or_404(lues.select_related(*[f"convention__{lien}" for lien in DU_POSTE]), pk=pk)
    return occupation, occupation.convention.poste


# --- Le poste ---


class PosteView(SaisieView):
    """Un poste : le créer, le modifier."""

    template_name = "dispositifs/poste_form.html"
    modele, formulaire_class = PosteAdulteRelais, formulaires.PosteAdulteRelaisForm
    operation = staticmethod(operations.enregistrer_des_postes)
    racine = ("Adultes-relais", "dispositifs:adulte_relais_list")
    fiche = "dispositifs:adulte_relais_detail"
    nom = "un poste d’adulte-relais"

    def dispatch(self, request, pk=None):
        exiger(regles.peut_gerer_quelque_part(request.user), LECTURE_SEULE) if pk is None else None
        if pk:
            self.objet = get_object_or_404(self.modele.objects.visibles_par(request.user), pk=pk)
            exiger(regles.peut_gerer(request.user, self.objet), LECTURE_SEULE)
        return super().dispatch(request)

    @property
    def titre(self):
        return insecables(f"Modifier le poste « {self.objet} »") if self.objet else f"Ajouter {self.nom}"

    @property
    def retour(self):
        return self.adresse(self.objet) if self.objet else reverse(self.racine[1])

    def adresse(self, poste):
        return reverse(self.fiche, args=[poste.pk])

    def formulaire(self, donnees=None):
        sien = self.modele.objects.get(pk=self.objet.pk) if self.objet else None
        repris = {nom: self.request.GET[nom] for nom in ("contrat",) if nom in self.request.GET}
        version = self.objet.version if self.objet else None
        return self.formulaire_class(
            donnees, instance=sien, initial=repris, utilisateur=self.request.user, version=version
        )

    def contexte(self):
        libelle, racine = self.racine
        return {"liste": libelle, "adresse_liste": reverse(racine), "nouveau_porteur": NouveauPorteurForm()}

    def ecrire(self, envoi):
        champs = dict(envoi.champs)
        champs[self.formulaire_class.champ_organisme] = champs.pop("porteur")
        liens = {nom: champs.pop(nom) for nom in ("quartiers", "missions") if nom in champs}
        saisie = SaisieDePoste(champs, self.objet, envoi.version, **liens)
        return self.operation([saisie], par=self.request.user, motif=envoi.motif)[0]


# --- Les conventions ---


class NouvelleConventionView(GesteView):
    titre, fait = "Ajouter une convention", "La convention est enregistrée."
    explication = "Trois ans au plus, sans chevaucher une autre convention du poste."
    formulaire_class = formulaires.NouvelleConventionForm

    def lire(self, utilisateur, pk):
        poste = get_object_or_404(PosteAdulteRelais.objects.visibles_par(utilisateur), pk=pk)
        return poste, poste

    def instance(self):
        return ConventionAdulteRelais(poste=self.poste)

    def ecrire(self, envoi):
        saisie = Saisie({"poste": self.poste, **envoi.champs})
        return operations.enregistrer_des_conventions([saisie], par=self.request.user)[0]


class ConventionView(GesteView):
    titre, fait = "Corriger la convention", "La convention est corrigée."
    explication = (
        "Pour une erreur de saisie. Un changement convenu avec l’employeur est un avenant ; changer les dates ou la "
        "quotité d’une convention signée demande un motif."
    )
    formulaire_class = formulaires.ConventionForm
    modifie = True

    def lire(self, utilisateur, pk):
        return convention_visible(utilisateur, pk)

    def ecrire(self, envoi):
        saisie = Saisie(envoi.champs, self.ligne, envoi.version)
        par, motif = self.request.user, envoi.motif
        return operations.enregistrer_des_conventions([saisie], par=par, motif=motif)[0]


class DossierView(ConventionView):
    titre, fait = "Dossier de renouvellement", "Le dossier est à jour."
    explication = "Le jour où chaque pièce est arrivée ; vide, elle est attendue."
    formulaire_class = formulaires.DossierForm


class AvenantView(GesteView):
    titre, fait = "Ajouter un avenant", "L’avenant est enregistré."
    explication = "Une autre quotité à partir d’une date, ou une autre fin. Il prend effet pendant la convention."
    formulaire_class = formulaires.AvenantForm

    def lire(self, utilisateur, pk):
        return convention_visible(utilisateur, pk)

    def instance(self):
        return AvenantAdulteRelais(convention=self.ligne)

    def ecrire(self, envoi):
        return operations.ajouter_un_avenant(self.ligne, par=self.request.user, **envoi.champs)


class RenouvellementView(GesteView):
    titre, bouton = "Renouveler la convention", "Renouveler"
    formulaire_class = formulaires.RenouvellementForm

    def lire(self, utilisateur, pk):
        return convention_visible(utilisateur, pk)

    @property
    def debut(self):
        return self.ligne.fin + UN_JOUR

    @property
    def explication(self):
        fin = dernier_jour(self.debut, DUREE_MAXIMALE)
        return (
            f"La {self.ligne} finit : la suivante commence le {en_clair(self.debut)}, pour trois ans au plus, jusqu’au "
            f"{en_clair(fin)}."
        )

    @property
    def fait(self):
        return f"La convention est renouvelée à partir du {en_clair(self.debut)}."

    def instance(self):
        fin = dernier_jour(self.debut, DUREE_MAXIMALE)
        quotite = operations.quotite_au(self.ligne, self.ligne.fin)
        return ConventionAdulteRelais(poste=self.poste, debut=self.debut, fin=fin, quotite=quotite)

    def ecrire(self, envoi):
        return operations.renouveler(self.ligne, par=self.request.user, **envoi.champs)


def avenant_delete(request, pk):
    conventions = ConventionAdulteRelais.objects.visibles_par(request.user).order_by()
    lus = AvenantAdulteRelais.objects.filter(convention__in=conventions).select_related("convention__poste")
    avenant = get_object_or_404(lus, pk=pk)
    return supprimer_du_poste(request, avenant, avenant.convention.poste, operations.supprimer_un_avenant)


def convention_delete(request, pk):
    convention, poste = convention_visible(request.user, pk)
    empechement = regles.empechement_de_supprimer_la_convention(convention)
    return supprimer_du_poste(request, convention, poste, operations.supprimer_une_convention, empechement)


# --- Les occupations ---


class NouvelleOccupationView(GesteView):
    titre, fait = "Ajouter une occupation", "L’occupation est enregistrée."
    explication = "Une période de la convention où le poste est pourvu, ou vacant. Rien sur la personne."
    formulaire_class = formulaires.NouvelleOccupationForm

    def lire(self, utilisateur, pk):
        return convention_visible(utilisateur, pk)

    def instance(self):
        """Le lendemain de la dernière occupation qui a une fin, à défaut le début de la convention."""
        derniere = self.ligne.occupations.order_by("-debut").first()
        fin = derniere.fin if derniere else self.ligne.debut - UN_JOUR
        return Occupation(convention=self.ligne, debut=fin + UN_JOUR if fin and fin < self.ligne.fin else None)

    def ecrire(self, envoi):
        saisie = Saisie({"convention": self.ligne, **envoi.champs})
        return operations.enregistrer_des_occupations([saisie], par=self.request.user)[0]


class OccupationView(GesteView):
    titre, fait = "Modifier l’occupation", "L’occupation est modifiée."
    explication = "Rien sur la personne qui occupe le poste."
    formulaire_class = formulaires.OccupationForm
    modifie = True

    def lire(self, utilisateur, pk):
        return occupation_visible(utilisateur, pk)

    def ecrire(self, envoi):
        saisie = Saisie(envoi.champs, self.ligne, envoi.version)
        par, motif = self.request.user, envoi.motif
        return operations.enregistrer_des_occupations([saisie], par=par, motif=motif)[0]


def occupation_delete(request, pk):
    occupation, poste = occupation_visible(request.user, pk)
    return supprimer_du_poste(request, occupation, poste, operations.supprimer_une_occupation)


def supprimer_du_poste(request, ligne, poste, operation, empechement=""):
    formulaire = MotifForm(request.POST or None)
    contexte = {
        "liste": "Adultes-relais",
        "adresse_liste": reverse("dispositifs:adulte_relais_list"),
        "retour": reverse("dispositifs:adulte_relais_detail", args=[poste.pk]),
        "bouton": "Supprimer",
        "explication": insecables("Pour une erreur de saisie. L’historique du poste garde ce geste et son motif."),
        "empechement": insecables(empechement),
    }
    return supprimer(request, ligne, poste, operation, formulaire, **contexte)


# --- Le quota ---


class QuotaView(SaisieView):
    """Le quota d'un exercice, que tient le responsable du département."""

    template_name = "dispositifs/geste.html"

    def dispatch(self, request, pk):
        departements = request.user.departements_visibles()
        lus = Exercice.objects.filter(departement__in=departements).select_related("departement")
        self.exercice = get_object_or_404(lus, pk=pk)
        exiger(regles.peut_tenir_le_quota(request.user, self.exercice), "Seul le responsable tient le quota.")
        self.objet = QuotaAdulteRelais.objects.filter(exercice=self.exercice).first()
        return super().dispatch(request)

    @property
    def titre(self):
        return f"Quota d’adultes-relais {self.exercice}"

    @property
    def retour(self):
        adresse = reverse("dispositifs:adulte_relais_list")
        return f"{adresse}?annee={self.exercice.annee}&departement={self.exercice.departement.code}"

    def formulaire(self, donnees=None):
        sien = QuotaAdulteRelais.objects.filter(exercice=self.exercice).first()
        version = self.objet.version if self.objet else None
        instance = sien or QuotaAdulteRelais(exercice=self.exercice)
        return formulaires.QuotaForm(donnees, instance=instance, version=version)

    def contexte(self):
        return {
            "liste": "Adultes-relais",
            "adresse_liste": reverse("dispositifs:adulte_relais_list"),
            "bouton": "Enregistrer",
            "explication": insecables("Les postes notifiés au département ; ceux qui ne servent pas sont perdus."),
        }

    def ecrire(self, envoi):
        par, version, motif = self.request.user, envoi.version, envoi.motif
        return operations.enregistrer_le_quota(self.exercice, envoi.champs, par=par, version=version, motif=motif)

    def reussir(self, quota):
        messages.success(self.request, f"Le quota {self.exercice.annee} est enregistré.")
        return redirect(self.retour)
