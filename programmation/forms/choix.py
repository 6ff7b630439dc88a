"""Ce qui se propose à la saisie d'une action : tout est borné à ce que la personne a le droit d'écrire."""

from django.db.models import Exists, OuterRef, Q

from comptes.enums import Role
from comptes.models import Habilitation, Utilisateur
from territoires.models import ContratDeVille, Quartier

from ..enums import Echelle, NaturePilier, StatutExercice
from ..models import Campagne, Correspondance, Dispositif, Exercice, Financeur, Pilier, PrioriteTransversale, Thematique


def trouver(queryset, valeur):
    """L'objet de cet identifiant, tel que l'adresse ou le formulaire l'écrit, s'il est dans le queryset, sinon None."""
    try:
        return queryset.filter(pk=getattr(valeur, "pk", valeur)).first()
    except (TypeError, ValueError):
        return None


def habilitations_d_ecriture(utilisateur):
    return [h for h in utilisateur.habilitations_actives if h.role in Role.qui_ecrivent()]


def exercices_ou_saisir(utilisateur):
    """Les exercices non clos des départements où cette personne écrit, fût-ce pour un seul contrat."""
    exercices = Exercice.objects.exclude(statut=StatutExercice.CLOS).select_related("departement", "nomenclature")
    habilitations = habilitations_d_ecriture(utilisateur)
    if not any(h.france_entiere for h in habilitations):
        exercices = exercices.filter(departement__in={h.departement_concerne_id for h in habilitations})
    a_figer = Campagne.objects.filter(exercice=OuterRef("pk"), figee_le=None)
    return exercices.annotate(est_fige=~Exists(a_figer)).order_by("-annee", "departement__code")


def exercice_par_defaut(exercices):
    """Le plus récent des exercices ouverts qui n'est pas figé, sinon le plus récent de tous."""
    exercices = list(exercices)
    ouverts = [e for e in exercices if e.statut == StatutExercice.OUVERT and not e.est_fige]
    return next(iter(ouverts or exercices), None)


def libelle_de_l_exercice(exercice):
    """Figé : toutes ses campagnes le sont, aucune action ne s'y ajoute. Celui d'une action qui existe ne le dit pas."""
    return f"{exercice} (campagnes figées)" if getattr(exercice, "est_fige", False) else str(exercice)


def ecrit_dans_le_departement(utilisateur, exercice):
    return utilisateur.a_le_role(Role.qui_ecrivent(), exercice.departement_id)


def contrats_ou_saisir(utilisateur, exercice):
    """Les contrats en vigueur cette année-là où la personne écrit."""
    contrats = ContratDeVille.objects.filter(departement=exercice.departement_id).en_vigueur(exercice.annee)
    if ecrit_dans_le_departement(utilisateur, exercice):
        return contrats
    return contrats.filter(pk__in=[h.contrat_id for h in habilitations_d_ecriture(utilisateur) if h.contrat_id])


def agents_referents(exercice):
    """Les agents et responsables du département de l'exercice, ou de l'un de ses contrats."""
    departement = exercice.departement_id
    ici = Q(france_entiere=True) | Q(departement=departement) | Q(contrat__departement=departement)
    habilitations = Habilitation.objects.actives().filter(ici, utilisateur=OuterRef("pk"), role__in=Role.qui_ecrivent())
    return Utilisateur.objects.filter(Exists(habilitations), is_active=True)


class Choix:
    """Les choix d'un formulaire, pour l'exercice, l'échelle et le contrat qui y sont choisis.

    `action` : celle que l'on modifie ; ce qu'elle porte déjà reste proposé, même désactivé depuis.
    """

    def __init__(self, utilisateur, action, *, exercice, echelle, contrat):
        self.utilisateur = utilisateur
        self.action = action
        self.exercices = (
            Exercice.objects.filter(pk=action.exercice_id) if action.pk else exercices_ou_saisir(utilisateur)
        )
        self.exercice = action.exercice if action.pk else trouver(self.exercices, exercice)
        self.a_l_echelle_du_contrat = echelle != Echelle.DEPARTEMENT
        self.contrat = trouver(self.contrats, contrat) if self.a_l_echelle_du_contrat else None

    @property
    def echelles(self):
        """L'échelle du département n'est qu'à qui écrit dans tout le département."""
        if self.exercice and not ecrit_dans_le_departement(self.utilisateur, self.exercice):
            return [choix for choix in Echelle.choices if choix[0] != Echelle.DEPARTEMENT]
        return Echelle.choices

    @property
    def contrats(self):
        if not self.exercice:
            return ContratDeVille.objects.none()
        contrats = contrats_ou_saisir(self.utilisateur, self.exercice)
        return contrats | ContratDeVille.objects.filter(pk=self.action.contrat_id)

    @property
    def campagnes(self):
        """Celles de l'exercice et du contrat où l'on peut encore ajouter, et celle de l'action ; figée, elle seule."""
        siennes = Campagne.objects.filter(pk=self.action.campagne_id)
        if any(campagne.est_figee for campagne in siennes):
            return siennes
        ouvertes = Q(exercice=self.exercice, figee_le=None)
        du_contrat = Q(contrat=None) | Q(contrat=self.contrat)
        return Campagne.objects.filter(ouvertes & du_contrat | Q(pk=self.action.campagne_id))

    @property
    def quartiers(self):
        return Quartier.objects.filter(contrat=self.contrat) if self.contrat else Quartier.objects.none()

    @property
    def thematiques(self):
        if not self.exercice:
            return Thematique.objects.none()
        proposees = Q(theme__nomenclature=self.exercice.nomenclature_id, est_actif=True)
        thematiques = Thematique.objects.filter(proposees | Q(pk=self.action.thematique_id))
        return thematiques.select_related("theme").order_by("theme__code", "code")

    @property
    def piliers(self):
        actifs = Q(nature__in=NaturePilier.qui_s_additionnent(), est_actif=True)
        return Pilier.objects.filter(actifs | Q(pk=self.action.pilier_id))

    @property
    def piliers_transversaux(self):
        return self._actifs_ou_portes(Pilier, "piliers_transversaux").filter(nature=NaturePilier.TRANSVERSAL)

    @property
    def priorites(self):
        return self._actifs_ou_portes(PrioriteTransversale, "priorites")

    @property
    def dispositifs(self):
        return Dispositif.objects.filter(Q(est_actif=True) | Q(pk=self.action.dispositif_id))

    @property
    def agents(self):
        agents = agents_referents(self.exercice) if self.exercice else Utilisateur.objects.none()
        return agents | Utilisateur.objects.filter(pk=self.action.agent_referent_id)

    @property
    def financeurs(self):
        if not self.exercice:
            return Financeur.objects.none()
        proposes = Financeur.objects.proposes_dans(self.exercice.departement_id)
        if not self.action.pk:
            return proposes
        portes = self.action.financements.order_by().values("financeur")
        return proposes | Financeur.objects.filter(pk__in=portes)

    def pilier_propose(self, thematique, dispositif):
        """Le pilier que propose la correspondance pour ces choix, ou None."""
        thematique = trouver(self.thematiques, thematique)
        if thematique is None:
            return None
        return Correspondance.objects.pilier_propose(thematique, trouver(self.dispositifs, dispositif))

    def _actifs_ou_portes(self, modele, etiquette):
        portes = getattr(self.action, etiquette).order_by().values("pk") if self.action.pk else []
        return modele.objects.filter(Q(est_actif=True) | Q(pk__in=portes))
