"""La fiche d'une action : tout ce que la personne a le droit d'en lire, sur un écran qui s'imprime."""

from functools import cached_property
from operator import attrgetter

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.views.generic import DetailView

from politique_ville.outils.repartition import part

from .. import regles
from ..controles import anomalies
from ..enums import CodeParametre, FamilleFinanceur, StatutAction
from ..historique import dernier_geste
from ..models import Action, Avis, Exercice, Financement
from ..synthese import avis_manquants, jours_d_attente, plan_de_financement
from ..synthese.delais import ReglesDatees
from ..synthese.fiche import lire_le_p147
from ..synthese.reconduction import bilan_de_l_an_dernier
from .execution import execution_de_la_fiche
from .gestes import gestes_possibles
from .mixins import PerimetreMixin

LUES = [
    "exercice__departement",
    "campagne",
    "contrat",
    "thematique__theme",
    "pilier",
    "dispositif",
    "porteur__fusionne_dans",
    "etablissement__commune",
    "enveloppe",
    "agent_referent",
    "justification",
]
LUES_D_UNE_DECISION = ["auteur", "enveloppe", "passage__comite", "scenario"]


class ActionDetailView(PerimetreMixin, DetailView):
    queryset = Action.objects.select_related(*LUES)
    template_name = "programmation/action_detail.html"
    context_object_name = "action"

    @cached_property
    def lisibles(self):
        """Les lignes de financement que la personne peut lire."""
        return Financement.objects.bornes_a(self.request.user)

    @property
    def est_bornee(self):
        """Un partenaire borné à un financeur ne lit ni le plan entier, ni ce que le P147 décide."""
        return bool(self.lisibles.query.where)

    def get_context_data(self, **contexte):
        action, utilisateur = self.object, self.request.user
        est_de_l_etat = regles.est_de_l_etat(utilisateur, [action.exercice.departement_id])
        histoire = reverse("programmation:action_histoire", args=[action.pk])
        plan = plan_de_financement(action, self.lisibles)
        decisions = list(action.decisions.select_related(*LUES_D_UNE_DECISION))
        peut_modifier, datees = regles.peut_modifier(utilisateur, action), ReglesDatees()
        return super().get_context_data(
            **contexte,
            adresse_liste=f"{reverse('programmation:action_list')}?exercice={action.exercice_id}",
            plan=plan,
            est_bornee=self.est_bornee,
            est_de_l_etat=est_de_l_etat,
            voit_propose=regles.voit_les_propositions(utilisateur, action),
            lieux=parts_des_quartiers(action, plan),
            decisions=[] if self.est_bornee else decisions,
            **self.avis(),
            execution=execution_de_la_fiche(action, utilisateur, self.plan_entier(plan), decisions, datees),
            anomalies=anomalies(action, datees) if est_de_l_etat else [],
            adresse_dauphin=adresse_dauphin(action),
            previsions=[] if self.est_bornee else action.previsions.all(),
            peut_prevoir=peut_modifier and bool(regles.annees_a_prevoir(action)),
            **self.autres_actions(est_de_l_etat, datees),
            adresse_histoire=histoire if est_de_l_etat else "",
            dernier_geste=dernier_geste(action) if est_de_l_etat else None,
            gestes=gestes_possibles(utilisateur, action),
            peut_modifier=peut_modifier,
        )

    def plan_entier(self, plan):
        """Toutes les lignes, que l'exécution compte : déjà lues, sauf pour qui est aussi borné à un financeur."""
        return plan_de_financement(self.object).lignes if self.est_bornee else plan.lignes

    def autres_actions(self, est_de_l_etat, datees):
        """D'une année à l'autre, et du même dossier : celles que la personne lit, chacune avec ses propres montants."""
        action, liees = self.object, self.liees()
        precedente = next((liee for liee in liees if liee.pk == action.action_precedente_id), None)
        suivantes = [liee for liee in liees if liee.action_precedente_id == action.pk]
        ailleurs, tranches = du_meme_dossier(action, liees)
        lues = [*ailleurs, *tranches, *([precedente] if precedente else [])]
        lire_le_p147(lues, Financement.objects if est_de_l_etat else self.lisibles)
        bilan, delai = precedente and est_de_l_etat, CodeParametre.DELAI_JUSTIFICATION
        return {
            "precedente": precedente,
            "an_dernier": bilan_de_l_an_dernier(action, precedente, datees[delai]) if bilan else None,
            "suivante": min(suivantes, key=attrgetter("pk"), default=None),
            "annee_suivante": None if suivantes else self.annee_ou_reconduire(),
            "ailleurs": ailleurs,
            "tranches": tranches,
        }

    def liees(self):
        """La précédente, celles qui la suivent et celles de son dossier, année par année, en une requête."""
        action = self.object
        liens = Q(pk=action.action_precedente_id) | Q(action_precedente=action)
        if action.dossier:
            liens |= Q(dossier=action.dossier)
        lues = self.get_queryset().filter(liens, exercice__departement=action.exercice.departement_id)
        lues = lues.select_related(None).select_related("exercice", "contrat", "justification")
        return list(lues.order_by("exercice__annee", "tranche", "contrat__intitule", "pk"))

    def annee_ou_reconduire(self):
        """La suivante, si son exercice est ouvert à la saisie et que la personne écrit ici ; None sinon."""
        action, annee = self.object, self.object.exercice.annee + 1
        if action.est_brouillon or not regles.peut_gerer(self.request.user, action):
            return None
        exercices = Exercice.objects.filter(departement=action.exercice.departement_id, annee=annee)
        return annee if any(not exercice.est_clos for exercice in exercices) else None

    def avis(self):
        """Les avis que la personne lit, ceux qui manquent pour l'État, et si elle peut en donner un."""
        action, utilisateur = self.object, self.request.user
        en_attente = action.statut in StatutAction.a_decider() and not action.exercice.est_clos
        suivi = en_attente and regles.est_de_l_etat(utilisateur, [action.exercice.departement_id])
        return {
            "avis": Avis.objects.visibles_par(utilisateur).filter(action=action).select_related("auteur"),
            "avis_manquants": [q.label for q in avis_manquants([action]).get(action.pk, [])] if suivi else [],
            "attend_depuis": jours_d_attente(action.deposee_le),
            "peut_aviser": suivi and bool(regles.qualites_de_l_avis(utilisateur, action)),
        }


def adresse_dauphin(action):
    """L'adresse qui ouvre Dauphin sur le dossier de l'action, ou à son accueil ; vide sans dossier ou sans réglage."""
    return settings.ADRESSE_DAUPHIN.replace("{dossier}", action.dossier) if action.dossier else ""


def du_meme_dossier(action, liees):
    """(la même tranche sur un autre contrat, l'action pluriannuelle entière, celle-ci comprise) : l'une exclut l'autre,
    qui vient dès que le dossier a d'autres tranches."""
    siennes = [liee for liee in liees if action.dossier and liee.dossier == action.dossier]
    meme_tranche = [a for a in siennes if (a.exercice_id, a.tranche) == (action.exercice_id, action.tranche)]
    if len(meme_tranche) < len(siennes):
        return [], siennes
    return [autre for autre in meme_tranche if autre != action], []


def parts_des_quartiers(action, plan):
    """(localisation, part du coût, part du P147) en euros ; le P147 est l'accordé ou, avant décision, le demandé."""
    p147 = next((ligne for ligne in plan.lignes if ligne.famille == FamilleFinanceur.ANCT_P147), None)
    retenu = p147 and (p147.demande if p147.accorde is None else p147.accorde)
    lieux = action.localisations.select_related("quartier").order_by("quartier_id")
    return [(lieu, *[part_du_lieu(m, lieu) for m in (action.cout_previsionnel, retenu)]) for lieu in lieux]


def part_du_lieu(montant, lieu):
    return part(montant, lieu.cumul_avant, lieu.cumul_apres, lieu.cumul_total)
