"""Les filtres de la liste des actions, tous bornés au périmètre de la personne et au cadre de la liste."""

from dataclasses import replace
from functools import cached_property

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict
from django.utils import timezone

from comptes.enums import Role
from comptes.models import Utilisateur
from politique_ville.outils.formulaires import FiltresForm, ListeDeroulante
from politique_ville.outils.typographie import insecables
from territoires.models import ContratDeVille, Departement, Quartier

from .enums import (
    Echelle,
    EtatFinancement,
    FamilleFinanceur,
    NatureFinancement,
    NaturePilier,
    Origine,
    StatutAction,
    StatutExercice,
)
from .models import (
    Action,
    Decision,
    Dispositif,
    Enveloppe,
    Exercice,
    Financement,
    Financeur,
    Organisme,
    Pilier,
    Thematique,
    Theme,
)
from .models.actions import actions_lues_par_l_etat, financeurs_du_partenaire
from .regles import est_de_l_etat
from .synthese.avancement import NON_DECIDEES
from .synthese.avis import SansAvis
from .synthese.bases import Base, ChoixDeBase
from .synthese.enveloppes import (
    SANS_ENVELOPPE,
    TOUTES_LES_ENVELOPPES,
    Part,
    dans_les_enveloppes,
    descendance,
    montant_de_la_part,
)
from .synthese.execution import EtatExecution
from .synthese.financeurs import EN_ATTENTE, LIGNES_DU_LEVIER, lignes_a_preciser, votes_attendus
from .synthese.regard import Regard

HORS_RESSOURCES_PROPRES = [NatureFinancement.SPECIFIQUE, NatureFinancement.DROIT_COMMUN]
DES_LIGNES = (
    "financeur",
    "famille",
    "etat",
    "levier",
    "a_preciser",
)  # ces filtres choisissent les lignes de financement regardées
SANS_LOCALISATION = "sans_localisation"
CONTRIBUTIONS_SEULES = "seules"  # la colonne du coût montre alors ce que le tableau de bord met à part
ATTENDU = "attendu"  # les lignes dont le financeur n'a pas encore voté : sollicitées ou annoncées
CE_QUE_L_ON_CHERCHE = "Recherche (intitulé, dossier, porteur, quartier ou commune)"
ENTRE_QUARTIERS = "-"  # plusieurs quartiers tiennent dans un seul paramètre, donc dans une seule liste de choix
HORS_PERIMETRE = "« %(value)s » n’existe pas, ou il est hors de cet exercice ou de votre périmètre."


class Cadre:
    """Ce que la liste montre : une année, dans un département ou dans tous ceux que la personne voit.

    L'adresse le dit par `annee` et `departement` (code), ou par `exercice`, réécrit en ces deux-là. Sans rien, c'est
    l'exercice ouvert le plus récent ; pour un lecteur national, l'année entière.
    """

    def __init__(self, parametres: QueryDict, utilisateur: Utilisateur):
        self.utilisateur = utilisateur
        self.parametres = self._completer(parametres.copy())
        self.annee = self.parametres.get("annee", "")
        self.code = self.parametres.get("departement", "")

    def _completer(self, parametres):
        demande = next((e for e in self.visibles if str(e.pk) == parametres.get("exercice")), None)
        if demande:
            parametres.pop("exercice")
            parametres.update(self._adresse(demande))
        elif not {"exercice", "annee", "departement"} & set(parametres) and self.visibles:
            ouverts = [e for e in self.visibles if e.statut == StatutExercice.OUVERT]
            parametres.update(self._adresse((ouverts or self.visibles)[0]))
            if self.utilisateur.perimetre.national:
                parametres.pop("departement")
        elif "exercice" not in parametres and not parametres.get("annee") and self.visibles:
            parametres["annee"] = str(self._derniere_annee(parametres.get("departement")))
        return parametres

    def _derniere_annee(self, code):
        """Celle du dernier exercice ouvert du département, à défaut du dernier, à défaut de tous."""
        siens = [e for e in self.visibles if e.departement.code == code] or self.visibles
        ouverts = [e for e in siens if e.statut == StatutExercice.OUVERT]
        return (ouverts or siens)[0].annee

    @staticmethod
    def _adresse(exercice):
        return {"annee": str(exercice.annee), "departement": exercice.departement.code}

    @cached_property
    def visibles(self) -> list[Exercice]:
        """Les exercices de la personne, les plus récents d'abord."""
        exercices = Exercice.objects.visibles_par(self.utilisateur).select_related("departement")
        return list(exercices.order_by("-annee", "departement__code"))

    @cached_property
    def exercices(self) -> list[Exercice]:
        """Ceux que la liste montre."""
        return [e for e in self.visibles if str(e.annee) == self.annee and self.code in ("", e.departement.code)]

    @property
    def annees(self) -> list[int]:
        return list(dict.fromkeys(e.annee for e in self.visibles))

    @property
    def departements(self) -> list[Departement]:
        return sorted({e.departement for e in self.visibles}, key=lambda d: d.code)

    @property
    def departements_montres(self) -> set[int]:
        """Les identifiants des départements des exercices que la liste montre."""
        return {e.departement_id for e in self.exercices}

    @property
    def departement(self) -> Departement | None:
        """Le seul département montré ; None s'il y en a plusieurs."""
        departements = {e.departement for e in self.exercices}
        return departements.pop() if len(departements) == 1 else None

    @property
    def en_mots(self) -> str:
        if self.departement:
            return f"{self.annee} – {self.departement}"
        etendue = "France entière" if self.utilisateur.perimetre.national else "tous vos départements"
        return f"{self.annee} – {etendue}"

    def actions(self, actions):
        """Celles de ces actions qui sont dans le cadre."""
        return actions.filter(exercice__in=[e.pk for e in self.exercices])

    def suivi(self) -> dict[str, str]:
        """Ce qui borne d'abord la liste d'un délégué : ses quartiers, ou son contrat s'il le suit en entier."""
        if self.utilisateur.roles != {Role.DELEGUE}:
            return {}
        tous = list(self.quartiers())
        suivis = set(self.utilisateur.quartiers_suivis().order_by().values_list("pk", flat=True))
        siens = [quartier for quartier in tous if quartier.pk in suivis]
        contrats = {quartier.contrat_id for quartier in siens}
        if not siens or siens == tous:
            return {}
        if len(contrats) == 1 and siens == [quartier for quartier in tous if quartier.contrat_id in contrats]:
            return {"contrat": str(contrats.pop())}
        return {"quartier": ENTRE_QUARTIERS.join(str(quartier.pk) for quartier in siens)}

    # --- Les choix proposés dans ce cadre ---

    def contrats(self):
        if not self.exercices:
            return ContratDeVille.objects.none()
        departements = [e.departement_id for e in self.exercices]
        annee = self.exercices[0].annee
        return self.utilisateur.contrats_visibles().en_vigueur(annee).filter(departement__in=departements)

    def quartiers(self):
        quartiers = self.utilisateur.quartiers_visibles().filter(contrat__in=self.contrats().order_by())
        return quartiers.defer("contour", "source", "note")

    def thematiques(self):
        nomenclatures = {e.nomenclature_id for e in self.exercices}
        return Thematique.objects.filter(theme__nomenclature__in=nomenclatures).order_by("code")

    def themes(self):
        return Theme.objects.filter(nomenclature__in={e.nomenclature_id for e in self.exercices})

    def financeurs(self):
        departements = [e.departement_id for e in self.exercices]
        visibles = Financeur.objects.visibles_par(self.utilisateur)
        siens = visibles.filter(Q(departement=None) | Q(departement__in=departements))
        return siens.filter(pk__in=self.bornes) if self.bornes else siens

    def enveloppes(self):
        """Celles que la personne voit ; un partenaire n'en voit aucune."""
        visibles = Enveloppe.objects.visibles_par(self.utilisateur)
        return visibles.filter(exercice__in=[e.pk for e in self.exercices]).order_by("libelle", "pk")

    def agents(self):
        actions = self.actions(Action.objects.visibles_par(self.utilisateur)).order_by()
        return Utilisateur.objects.filter(pk__in=actions.values("agent_referent"))

    @cached_property
    def bornes(self) -> set[int]:
        """Les financeurs auxquels la personne est bornée ; vide si elle lit des plans entiers."""
        bornes = [financeurs_du_partenaire(h) for h in self.utilisateur.habilitations_actives]
        return set().union(*bornes) if bornes and all(bornes) else set()

    @cached_property
    def lignes(self):
        """Les lignes de financement que la personne peut lire."""
        return Financement.objects.bornes_a(self.utilisateur)


# --- Les filtres ---


class ChoixFilter(django_filters.ChoiceFilter):
    """Un choix dont le refus se dit en français."""

    def __init__(self, *, widget=ListeDeroulante, **options):
        super().__init__(widget=widget, error_messages={"invalid_choice": insecables(HORS_PERIMETRE)}, **options)


class ChoixDeLEtatFilter(ChoixFilter):
    """Un choix que seul l'État voit : pour un partenaire, il n'est pas dans la page."""

    @property
    def field(self):
        cadre = self.parent.cadre
        if not est_de_l_etat(cadre.utilisateur, cadre.departements_montres):
            self.extra["widget"] = forms.HiddenInput
        return super().field


class ChoixDuCadreFilter(ChoixFilter):
    """Un choix parmi ce que le cadre propose, lu une seule fois pour valider, afficher et dire en mots.

    `trop_long` : plusieurs départements en donneraient des centaines ; le choix n'est alors lu que dans l'adresse.
    `si_plusieurs` : un choix unique ne se montre pas.
    """

    def __init__(self, source, *, trop_long=False, si_plusieurs=False, **options):
        self.source, self.trop_long, self.si_plusieurs = source, trop_long, si_plusieurs
        super().__init__(**options)

    @cached_property
    def choix(self):
        return [(str(cle), str(libelle)) for cle, libelle in self.source(self.parent.cadre)]

    @property
    def field(self):
        self.extra["choices"] = lambda: self.choix
        trop = self.trop_long and self.parent.cadre.departement is None
        if trop or (self.si_plusieurs and len(self.choix) < 2):
            self.extra["widget"] = forms.HiddenInput
        return super().field


def parmi(lire):
    """La source d'un ChoixDuCadreFilter : (clé, libellé) des objets que lit cette fonction du cadre."""
    return lambda cadre: [(objet.pk, objet) for objet in lire(cadre)]


def contrats_a_choisir(cadre):
    return [(contrat.pk, contrat.nom_court) for contrat in cadre.contrats()]


def quartiers_a_choisir(cadre):
    """Chaque quartier du cadre et, si l'adresse en demande plusieurs ensemble, cet ensemble."""
    quartiers = {str(quartier.pk): quartier for quartier in cadre.quartiers()}
    demandes = cadre.parametres.get("quartier", "").split(ENTRE_QUARTIERS)
    if len(demandes) > 1 and quartiers.keys() >= set(demandes):
        noms = [str(quartiers[pk]) for pk in demandes]
        yield ENTRE_QUARTIERS.join(demandes), f"{', '.join(noms[:-1])} et {noms[-1]}"
    yield from quartiers.items()


def enveloppes_a_choisir(cadre):
    """Les enveloppes du cadre et, s'il y en a, ce qu'aucune ne porte."""
    enveloppes = [(enveloppe.pk, enveloppe) for enveloppe in cadre.enveloppes()]
    return [*enveloppes, (SANS_ENVELOPPE, "Sans enveloppe")] if enveloppes else []


def parts_a_choisir(cadre):
    """Les segments de la barre d'une enveloppe, que l'État seul lit."""
    de_l_etat = est_de_l_etat(cadre.utilisateur, cadre.departements_montres)
    return [(part, part.label.lower()) for part in Part.des_actions()] if de_l_etat else []


def cache(filtre, **options):
    """Un filtre que seule l'adresse porte : un lien du tableau de bord ou d'une fiche."""
    return filtre(widget=forms.HiddenInput, **options)


LEVIER = [
    ("p147", "P147 des actions dont les votes sont connus"),
    ("droit_commun", "droit commun public des actions dont les votes sont connus"),
    ("autres", "autres cofinancements publics des actions dont les votes sont connus"),
]
ETATS = [*EtatFinancement.choices, (ATTENDU, "vote attendu")]
ECHELLES = [*Echelle.choices, (SANS_LOCALISATION, "Contrat de ville, sans quartier")]


class ActionFilterSet(django_filters.FilterSet):
    """Les paramètres de l'adresse de la liste ; ceux qu'elle ne connaît pas (`base=…`) sont gardés et ne bornent rien.

    Cadre : `annee` et `departement` (code), ou `exercice` (identifiant).
    Territoire : `contrat`, `quartier` (identifiants, séparés par des tirets ; les montants sont alors leurs parts),
    `echelle` : `contrat`, `departement`, `sans_localisation` (à l'échelle du contrat, sans aucun quartier).
    Nomenclature, par identifiant : `pilier` (un pilier transversal : les actions étiquetées), `theme`, `thematique`,
    `dispositif` ; `pre=sans` retire les programmes de réussite éducative, `pre=avec` ne retire rien.
    Acteurs, par identifiant : `porteur` (avec les organismes fusionnés), `agent`, `financeur` ; `famille` du financeur.
    `porteur_nom` : les mots de son nom, ou son SIREN ou SIRET.
    Avec un financeur ou une famille, les montants et les totaux sont ceux de ses lignes, et non du P147 ; de même avec
    `etat` (celui des lignes, ou `attendu`), `levier` (`p147`, `droit_commun`, `autres` : les actions dont les votes
    sont connus) et `a_preciser=oui` (les lignes publiques dont le financeur n'est pas nommé).
    Coût, avec `base=cout` : `contributions=1` y ajoute les contributions volontaires, `seules` ne montre qu'elles.
    Enveloppe : `enveloppe` (identifiant, avec ses sous-enveloppes, ou `sans`) ; avec `reste` (`paye`, `engage`,
    `accorde`, `propose`), les seules actions qui mettent quelque chose dans ce segment de sa barre, et combien.
    État : `statut` (répétable), `origine`, `a_decider=oui` (ce qui est provisoire dans une campagne non figée).
    Exécution : `execution` (`engagees`, `non_engagees`, `payees`, `justifiees`, `a_justifier`, `en_retard`).
    Avis exigé et manquant : `avis` (`a_decider`, `programmees`).
    Recherche : `q`. Tri : `tri` (`-` devant pour l'ordre inverse). `page`.
    """

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
    quartier = ChoixDuCadreFilter(
        quartiers_a_choisir, label="Quartier", empty_label="Tous", trop_long=True, method="localiser"
    )
    statut = django_filters.MultipleChoiceFilter(
        label="Statut", choices=StatutAction.choices, widget=forms.CheckboxSelectMultiple
    )
    pilier = ChoixDuCadreFilter(
        parmi(lambda cadre: Pilier.objects.all()), label="Pilier", empty_label="Tous", method="par_pilier"
    )
    theme = cache(ChoixDuCadreFilter, source=parmi(Cadre.themes), label="Thème", field_name="thematique__theme")
    thematique = ChoixDuCadreFilter(parmi(Cadre.thematiques), label="Thématique", empty_label="Toutes")
    dispositif = ChoixDuCadreFilter(
        parmi(lambda cadre: Dispositif.objects.all()), label="Dispositif", empty_label="Tous"
    )
    porteur = django_filters.ModelChoiceFilter(
        label="Porteur",
        queryset=lambda request: Organisme.objects.visibles_par(request.user).select_related("fusionne_dans"),
        widget=forms.HiddenInput,
        method="par_porteur",
        error_messages={"invalid_choice": "Ce porteur n’existe pas, ou il est hors de votre périmètre."},
    )
    porteur_nom = django_filters.CharFilter(
        label="Porteur (nom, SIREN ou SIRET)", method="par_nom_du_porteur", max_length=100
    )
    financeur = ChoixDuCadreFilter(
        parmi(Cadre.financeurs), label="Financeur", empty_label="Tous", trop_long=True, method="laisser"
    )
    famille = ChoixFilter(
        label="Famille du financeur",
        choices=FamilleFinanceur.choices,
        empty_label="Toutes",
        method="laisser",
    )
    etat = cache(ChoixFilter, label="État des lignes", choices=ETATS, method="laisser")
    levier = cache(ChoixFilter, label="Levier", choices=LEVIER, method="par_votes_connus")
    a_preciser = cache(
        ChoixFilter, label="Lignes publiques", choices=[("oui", "financeur à préciser")], method="laisser"
    )
    agent = ChoixDuCadreFilter(
        parmi(Cadre.agents),
        label="Agent référent",
        field_name="agent_referent",
        empty_label="Tous",
        trop_long=True,
    )
    enveloppe = cache(ChoixDuCadreFilter, source=enveloppes_a_choisir, label="Enveloppe", method="par_enveloppe")
    reste = cache(ChoixDuCadreFilter, source=parts_a_choisir, label="Dans l’enveloppe", method="par_part")
    echelle = ChoixFilter(label="Échelle", choices=ECHELLES, empty_label="Toutes", method="par_echelle")
    origine = ChoixFilter(label="Origine", choices=Origine.choices, empty_label="Toutes")
    execution = ChoixDeLEtatFilter(
        label="Exécution", choices=EtatExecution.choices, empty_label="Toutes", method="par_execution"
    )
    avis = ChoixDeLEtatFilter(label="Avis exigé", choices=SansAvis.choices, empty_label="Tous", method="par_avis")
    a_decider = cache(
        ChoixFilter, label="Campagne non figée", choices=[("oui", "reste à décider")], method="restant_a_decider"
    )
    pre = ChoixFilter(
        label="Réussite éducative",
        choices=[("avec", "avec les PRE"), ("sans", "sans les PRE")],
        empty_label=None,
        method="par_pre",
    )

    def __init__(self, data=None, *args, request, **options):
        self.cadre = Cadre(data or QueryDict(), request.user)
        if not data:
            self.cadre.parametres.update(self.cadre.suivi())
        super().__init__(self.cadre.parametres, *args, request=request, **options)

    @property
    def regard(self) -> Regard:
        """Le coût et les lignes de financement que les colonnes de montants lisent. À lire après validation."""
        choix = ChoixDeBase.depuis_parametres(self.data)
        seules = choix.base == Base.COUT and self.data.get("contributions") == CONTRIBUTIONS_SEULES
        champs = ["contributions_volontaires"] if seules else choix.champs_du_cout
        return replace(self._lignes_regardees, champs_du_cout=champs, part=self.part, enveloppes=self.enveloppes)

    @property
    def _lignes_regardees(self):
        choix, valides = ChoixDeBase.depuis_parametres(self.data), self.form.cleaned_data
        choisis = [nom for nom in DES_LIGNES if valides.get(nom)]
        tous = choix.base == Base.TOUS_FINANCEURS
        if not choisis and not tous:
            return Regard("(vos lignes)", {}) if self.cadre.bornes else Regard()
        criteres = {"nature__in": HORS_RESSOURCES_PROPRES} if tous else {}
        criteres |= {nom: valides[nom] for nom in choisis if nom not in ("levier", "a_preciser")}
        if criteres.get("etat") == ATTENDU:
            criteres["etat__in"] = EN_ATTENTE
            del criteres["etat"]
        criteres |= LIGNES_DU_LEVIER.get(valides.get("levier"), {})
        criteres |= lignes_a_preciser() if "a_preciser" in choisis else {}
        nom = ", ".join(self.en_mots(nom) for nom in choisis) or "tous financeurs"
        votes = [*choix.etats_comptes, EtatFinancement.REFUSE]  # un refus est un vote connu, à 0,00 €
        return Regard(nom, criteres, votes if tous and "etat" not in choisis else None)

    @property
    def part(self) -> Part | None:
        """Le segment dont la liste montre les montants ; jamais avec des quartiers, qui n'en ont pas de part."""
        choisie = self.form.cleaned_data.get("reste")
        return Part(choisie) if choisie and not self.quartiers else None

    @cached_property
    def enveloppes(self) -> list[int] | str:
        """L'enveloppe choisie et ses sous-enveloppes ; à défaut, toutes."""
        choisie = self.form.cleaned_data.get("enveloppe")
        if not choisie or choisie == SANS_ENVELOPPE:
            return choisie or TOUTES_LES_ENVELOPPES
        siennes = Enveloppe.objects.filter(exercice__in=[e.pk for e in self.cadre.exercices])
        return descendance(int(choisie), dict(siennes.order_by().values_list("pk", "parent")))

    @property
    def quartiers(self) -> list[str]:
        """Les identifiants des quartiers choisis, dont la liste montre les parts."""
        return [pk for pk in (self.form.cleaned_data.get("quartier") or "").split(ENTRE_QUARTIERS) if pk]

    @property
    def tus(self) -> list[str]:
        """Les paramètres qui ne se disent pas parmi les filtres : ils sont dans le titre, ou ne bornent rien."""
        return ["annee", "departement", *["pre"] * (self.form.cleaned_data.get("pre") != "sans")]

    def en_mots(self, nom):
        """Le libellé de la valeur choisie dans un filtre à choix."""
        libelles = dict(self.form.fields[nom].choices)
        return libelles[self.form.cleaned_data[nom]]

    def filter_queryset(self, queryset):
        """Un paramètre refusé n'ouvre rien : la liste est vide, et le message dit pourquoi."""
        if self.form.errors:
            return queryset.none()
        actions = super().filter_queryset(self.cadre.actions(queryset))
        if not any(self.form.cleaned_data.get(nom) for nom in DES_LIGNES):
            return actions
        regardees = self.cadre.lignes.filter(self.regard.condition(), action=OuterRef("pk"))
        return actions.filter(Exists(regardees))

    def laisser(self, queryset, nom, valeur):
        """Le cadre ou le regard borne la liste."""
        return queryset

    def chercher(self, queryset, nom, valeur):
        lieux = Quartier.objects.filter(contrat__departement__in=self.cadre.departements_montres)
        return queryset.recherche(valeur, quartiers=lieux)

    def localiser(self, queryset, nom, valeur):
        return queryset.localisees_dans(self.quartiers)

    def par_pilier(self, queryset, nom, valeur):
        etiquettes = Action.piliers_transversaux.through.objects.filter(
            action=OuterRef("pk"), pilier=valeur, pilier__nature=NaturePilier.TRANSVERSAL
        )
        return queryset.filter(Q(pilier=valeur) | Q(Exists(etiquettes)))

    def par_porteur(self, queryset, nom, valeur):
        meme = Organisme.objects.filter(Q(pk=valeur.courant.pk) | Q(fusionne_dans=valeur.courant))
        return queryset.filter(porteur__in=meme.order_by())

    def par_nom_du_porteur(self, queryset, nom, valeur):
        return queryset.filter(porteur__in=Organisme.objects.recherche(valeur).ou_fusionnes().order_by().values("pk"))

    def par_votes_connus(self, queryset, nom, valeur):
        return queryset.exclude(pk__in=votes_attendus(queryset, self.cadre.lignes))

    def par_execution(self, queryset, nom, valeur):
        """L'exécution est celle de l'État : hors de ce qu'elle en lit, une personne ne trouve rien."""
        lues = actions_lues_par_l_etat(self.request.user).values("pk")
        return queryset.filter(EtatExecution(valeur).condition(timezone.localdate()), pk__in=lues)

    def par_avis(self, queryset, nom, valeur):
        """Ce qui manque à une action ne se lit que de l'État."""
        lues = actions_lues_par_l_etat(self.request.user).values("pk")
        return queryset.filter(SansAvis(valeur).condition(), pk__in=lues)

    def restant_a_decider(self, queryset, nom, valeur):
        return queryset.filter(campagne__figee_le=None, statut__in=NON_DECIDEES)

    def par_enveloppe(self, queryset, nom, valeur):
        """Celles que l'enveloppe porte, par une décision ou par l'action ; un segment se lit décision par décision."""
        if self.form.cleaned_data.get("reste"):
            return queryset
        decisions = Decision.objects.filter(action=OuterRef("pk"), enveloppe__isnull=False)
        attachees = dans_les_enveloppes("enveloppe", self.enveloppes)
        if valeur == SANS_ENVELOPPE:
            return queryset.filter(attachees, ~Exists(decisions))
        return queryset.filter(attachees | Exists(decisions.filter(enveloppe__in=self.enveloppes)))

    def par_part(self, queryset, nom, valeur):
        return queryset.alias(reste=montant_de_la_part(Part(valeur), self.enveloppes)).exclude(reste=0)

    def par_echelle(self, queryset, nom, valeur):
        return queryset.a_l_echelle_du_contrat() if valeur == SANS_LOCALISATION else queryset.filter(echelle=valeur)

    def par_pre(self, queryset, nom, valeur):
        return queryset.exclude(dispositif__est_pre=True) if valeur == "sans" else queryset
