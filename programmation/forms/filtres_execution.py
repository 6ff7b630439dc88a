"""Les filtres des listes d'exécution : ils choisissent des actions, puis les lignes de ces actions."""

import django_filters
from django.http import QueryDict
from django.utils import timezone

from politique_ville.outils.formulaires import FiltresForm
from territoires.models import Quartier

from ..enums import EtatJustification, NaturePaiement
from ..filters import CE_QUE_L_ON_CHERCHE, Cadre, ChoixDuCadreFilter, ChoixFilter, cache, contrats_a_choisir, parmi
from ..models import Enveloppe, Justification, LigneEngagement, Organisme, Paiement, Pilier
from ..synthese.delais import en_retard_de_justification
from ..synthese.echeances import NatureEcheance
from ..synthese.execution import qui_restent_a_payer

A_PAYER = "a_payer"
EN_RETARD = "en_retard"
SANS_ENVELOPPE = "sans"
ETATS = [(EN_RETARD, "en retard"), *EtatJustification.choices]


class CadreDesEcheances(Cadre):
    """Sans année, tous les exercices : une justification est due l'année qui suit."""

    def _completer(self, parametres):
        """`exercice` se lit encore comme une année et un département ; sans rien, rien n'est choisi."""
        demande = next((e for e in self.visibles if str(e.pk) == parametres.get("exercice")), None)
        if demande:
            parametres.pop("exercice")
            parametres.update(self._adresse(demande))
        return parametres

    @property
    def exercices(self):
        return [e for e in self.visibles if self.annee in ("", str(e.annee)) and self.code in ("", e.departement.code)]

    def contrats(self):
        departements = [e.departement_id for e in self.exercices]
        return self.utilisateur.contrats_visibles().filter(departement__in=departements)

    @property
    def en_mots(self):
        ou = str(self.departement) if self.departement else "tous vos départements"
        return f"{self.annee} – {ou}" if self.annee else ou


def enveloppes_a_choisir(cadre):
    visibles = Enveloppe.objects.visibles_par(cadre.utilisateur)
    siennes = visibles.filter(exercice__in=[e.pk for e in cadre.exercices]).order_by("libelle", "pk")
    return [*((enveloppe.pk, enveloppe) for enveloppe in siennes), (SANS_ENVELOPPE, "Hors enveloppe")]


class ExecutionFilterSet(django_filters.FilterSet):
    """Le cadre, le territoire et la recherche ; les noms des paramètres sont ceux de la liste des actions.

    Cadre : `annee` et `departement` (code), ou `exercice` (identifiant). `contrat`, `pilier`, `porteur` :
    identifiants ; `echelle=departement` ; `pre=sans` ; `q`. Une adresse mal écrite n'ouvre rien, et dit pourquoi.
    """

    sorte_de_cadre = Cadre

    class Meta:
        form = FiltresForm

    q = django_filters.CharFilter(label=CE_QUE_L_ON_CHERCHE, method="chercher", max_length=100)
    annee = ChoixDuCadreFilter(
        lambda cadre: [(a, a) for a in cadre.annees], label="Année", method="laisser", empty_label=None
    )
    departement = ChoixDuCadreFilter(
        lambda cadre: [(d.code, d) for d in cadre.departements],
        label="Département",
        method="laisser",
        empty_label="Tous",
        si_plusieurs=True,
    )
    exercice = cache(ChoixFilter, label="Exercice", method="laisser", choices=())
    contrat = ChoixDuCadreFilter(contrats_a_choisir, label="Contrat de ville", empty_label="Tous", trop_long=True)
    pilier = ChoixDuCadreFilter(parmi(lambda cadre: Pilier.objects.all()), label="Pilier", empty_label="Tous")
    echelle = cache(ChoixFilter, label="Échelle", choices=[("departement", "Département")])
    porteur = cache(
        django_filters.ModelChoiceFilter,
        label="Porteur",
        queryset=lambda request: Organisme.objects.visibles_par(request.user).select_related("fusionne_dans"),
        method="par_porteur",
        error_messages={"invalid_choice": "Ce porteur n’existe pas, ou il est hors de votre périmètre."},
    )
    pre = ChoixFilter(
        label="Réussite éducative",
        choices=[("avec", "avec les PRE"), ("sans", "sans les PRE")],
        empty_label=None,
        method="par_pre",
    )

    def __init__(self, data, actions, *, request):
        self.cadre = self.sorte_de_cadre(data or QueryDict(), request.user)
        super().__init__(self.cadre.parametres, actions, request=request)

    @property
    def tus(self) -> list[str]:
        """Les paramètres qui ne se disent pas parmi les filtres."""
        return ["annee", "departement", *["pre"] * (self.form.cleaned_data.get("pre") != "sans")]

    def filter_queryset(self, queryset):
        if self.form.errors:
            return queryset.none()
        return super().filter_queryset(self.cadre.actions(queryset))

    def laisser(self, queryset, nom, valeur):
        """Le cadre borne la liste, ou la liste s'en sert elle-même."""
        return queryset

    def chercher(self, queryset, nom, valeur):
        lieux = Quartier.objects.filter(contrat__departement__in=self.cadre.departements_montres)
        return queryset.recherche(valeur, quartiers=lieux)

    def par_porteur(self, queryset, nom, valeur):
        meme = Organisme.objects.filter(pk=valeur.courant.pk).ou_fusionnes()
        return queryset.filter(porteur__in=meme.order_by().values("pk"))

    def par_pre(self, queryset, nom, valeur):
        return queryset.exclude(dispositif__est_pre=True) if valeur == "sans" else queryset


class EngagementFilterSet(ExecutionFilterSet):
    """Les lignes d'engagement : de plus, `enveloppe`, `ej` et `reste=a_payer` (les postes non payés en entier)."""

    enveloppe = ChoixDuCadreFilter(
        enveloppes_a_choisir, label="Enveloppe", empty_label="Toutes", trop_long=True, method="laisser"
    )
    ej = django_filters.CharFilter(label="Numéro d’EJ", method="laisser", max_length=20)
    reste = ChoixFilter(label="Reste", choices=[(A_PAYER, "à payer")], empty_label="Tout", method="laisser")

    def lignes(self):
        """Les lignes de ces actions que retiennent les filtres de ligne."""
        lignes = LigneEngagement.objects.filter(action__in=self.qs.order_by().values("pk"))
        valides = self.form.cleaned_data
        lignes = self.de_l_enveloppe(lignes, "")
        if valides.get("ej"):
            lignes = lignes.filter(engagement__numero__contains="".join(valides["ej"].split()).upper())
        if valides.get("reste") == A_PAYER:
            lignes = qui_restent_a_payer(lignes)
        return lignes

    def de_l_enveloppe(self, lignes, chemin):
        choisie = self.form.cleaned_data.get("enveloppe")
        if not choisie:
            return lignes
        return lignes.filter(**{f"{chemin}enveloppe": None if choisie == SANS_ENVELOPPE else choisie})


class PaiementFilterSet(EngagementFilterSet):
    """Les paiements : de plus, `nature`."""

    nature = ChoixFilter(label="Nature", choices=NaturePaiement.choices, empty_label="Toutes", method="laisser")

    def paiements(self):
        paiements = Paiement.objects.filter(ligne__in=self.lignes().order_by().values("pk"))
        nature = self.form.cleaned_data.get("nature")
        return paiements.filter(nature=nature) if nature else paiements


class JustificationFilterSet(ExecutionFilterSet):
    """Les actions à justifier ou justifiées : de plus, `etat` (d'une justification, ou `en_retard`)."""

    etat = ChoixFilter(label="État de la justification", choices=ETATS, empty_label="Tous", method="par_etat")

    def par_etat(self, queryset, nom, valeur):
        if valeur == EN_RETARD:
            en_retard = en_retard_de_justification(queryset.order_by(), timezone.localdate())
            return queryset.filter(pk__in=en_retard.values("pk"))
        siennes = Justification.objects.filter(etat=valeur).values("action")
        if valeur == EtatJustification.ATTENDUE:
            return queryset.exclude(pk__in=Justification.objects.exclude(etat=valeur).values("action"))
        return queryset.filter(pk__in=siennes)


class EcheanceFilterSet(ExecutionFilterSet):
    """Les échéances : `annee` est facultative, et `nature` en choisit une sorte."""

    sorte_de_cadre = CadreDesEcheances

    annee = ChoixDuCadreFilter(
        lambda cadre: [(a, a) for a in cadre.annees], label="Exercice", method="laisser", empty_label="Tous"
    )
    nature = ChoixFilter(label="Attendu", choices=NatureEcheance.choices, empty_label="Tout", method="laisser")
