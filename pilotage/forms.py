"""Le formulaire qui change la portée et la base d'un tableau de bord : un simple GET, tout est dans l'adresse."""

from collections.abc import Iterable
from dataclasses import replace

from django import forms

from programmation.models import Exercice
from programmation.synthese import Base, ChoixDeBase

from .portee import AVEC_POSTES, Portee, cle_des_quartiers, en_mots

PRE = [("", "Avec les PRE"), ("sans", "Sans les PRE")]
POSTES = [("", "Sans les postes"), (AVEC_POSTES, "Avec les postes, à part")]
ANNONCE = [("", "Acquis seulement"), ("1", "Acquis et annoncé")]
CONTRIBUTIONS = [("", "Sans, montrées à part"), ("1", "Avec")]
DU_P147 = {Base.P147_ACCORDE, Base.P147_DEMANDE}  # ce qu'un partenaire borné à ses lignes ne lit pas


class PorteeForm(forms.Form):
    """Toujours rempli par la portée en vigueur, jamais validé : la portée a déjà corrigé l'adresse et l'a dit."""

    departement = forms.ChoiceField(label="Département", required=False)
    annee = forms.ChoiceField(label="Année", required=False)
    contrat = forms.ChoiceField(label="Contrat de ville", required=False)
    quartier = forms.ChoiceField(label="Quartier", required=False)
    base = forms.ChoiceField(label="Base de calcul", choices=Base.choices, required=False)
    annonce = forms.ChoiceField(label="Votes comptés (tous financeurs)", choices=ANNONCE, required=False)
    contributions = forms.ChoiceField(
        label="Contributions volontaires (coût prévisionnel)", choices=CONTRIBUTIONS, required=False
    )
    pre = forms.ChoiceField(label="Réussite éducative (PRE)", choices=PRE, required=False)
    postes = forms.ChoiceField(label="Adultes-relais et FONJEP", choices=POSTES, required=False)

    def __init__(self, portee: Portee):
        choix, departement = portee.choix, portee.departement
        initiales = {
            "departement": departement.code if departement else "",
            "annee": portee.annee,
            "contrat": portee.contrat.pk if portee.contrat else "",
            "quartier": cle_des_quartiers(portee.quartiers),
            "base": choix.base,
            "annonce": "1" if choix.avec_annonce else "",
            "contributions": "1" if choix.avec_contributions else "",
            "pre": "" if choix.avec_pre else "sans",
            "postes": AVEC_POSTES if portee.avec_postes else "",
        }
        super().__init__(initial=initiales)
        if not portee.voit_les_postes:
            del self.fields["postes"]
        self.fields["base"].choices = self._bases(portee)
        self.fields["annee"].choices = [(annee, annee) for annee in portee.cadre.annees]
        self._proposer_les_departements(portee)
        self._proposer_les_territoires(portee)

    @staticmethod
    def _bases(portee):
        """Un partenaire borné lit ses lignes, le coût et le nombre de ses actions."""
        if not portee.est_bornee:
            return Base.choices
        return [(base, replace(portee.choix, base=base).libelle) for base in Base if base not in DU_P147]

    def _proposer_les_departements(self, portee):
        """Un seul département ne se choisit pas ; plusieurs peuvent se lire ensemble."""
        departements = portee.cadre.departements
        if len(departements) < 2:
            self.fields["departement"].widget = forms.HiddenInput()
        ensemble = "Toute la France" if portee.utilisateur.perimetre.national else "Tous les vôtres"
        self.fields["departement"].choices = [("", ensemble), *((d.code, d) for d in departements)]

    def _proposer_les_territoires(self, portee):
        """Sans département, les contrats et les quartiers de toute la France seraient trop nombreux."""
        if portee.departement is None:
            del self.fields["contrat"], self.fields["quartier"]
            return
        contrats = [(contrat.pk, contrat.nom_court) for contrat in portee.contrats_du_cadre]
        self.fields["contrat"].choices = contrats if portee.contrat_impose else [("", "Tous"), *contrats]
        self.fields["quartier"].choices = [("", "Tous"), *self._groupes_de_quartiers(portee)]

    @staticmethod
    def _groupes_de_quartiers(portee):
        """Ceux que l'on montre ou que l'on suit ensemble, puis chacun sous le nom de son contrat."""
        ensembles = [q for q in (portee.suivis, portee.quartiers) if len(q) > 1]
        yield from {cle_des_quartiers(quartiers): en_mots(quartiers, "", "").strip() for quartiers in ensembles}.items()
        par_contrat = {}
        for quartier in portee.quartiers_du_territoire:
            par_contrat.setdefault(quartier.contrat, []).append((str(quartier.pk), quartier))
        yield from par_contrat.items()


class ClasseurForm(forms.Form):
    """L'exercice et la base du classeur ANCT ; rempli par ce qui est montré, jamais validé : la vue a lu l'adresse."""

    exercice = forms.ChoiceField(label="Exercice", required=False)
    base = forms.ChoiceField(label="Base de calcul", choices=Base.choices, required=False)
    annonce = forms.ChoiceField(
        label="Votes des financeurs", choices=ANNONCE, required=False, help_text="Pour la base « Tous financeurs »."
    )
    pre = forms.ChoiceField(label="Réussite éducative (PRE)", choices=PRE, required=False)

    def __init__(self, exercices: Iterable[Exercice], exercice: Exercice, choix: ChoixDeBase):
        initiales = {
            "exercice": exercice.pk,
            "base": choix.base,
            "annonce": "1" if choix.avec_annonce else "",
            "pre": "" if choix.avec_pre else "sans",
        }
        super().__init__(initial=initiales)
        self.fields["exercice"].choices = [(e.pk, e) for e in exercices]
