"""La fiche d'une action : tout ce que la personne a le droit d'en lire, sur un écran qui s'imprime."""

from functools import cached_property

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.views.generic import DetailView

from politique_ville.outils.montants import total_lie
from politique_ville.outils.repartition import part

from .. import regles
from ..controles import anomalies
from ..enums import CodeParametre, FamilleFinanceur, StatutAction
from ..historique import dernier_geste
from ..models import Action, Avis, Exercice, Financement
from ..synthese import avis_manquants, jours_d_attente, plan_de_financement
from ..synthese.delais import ReglesDatees
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
        plan = plan_de_financement(action, self.lisibles)
        decisions = list(action.decisions.select_related(*LUES_D_UNE_DECISION))
        datees = ReglesDatees()
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
            **self.du_meme_dossier(),
            previsions=[] if self.est_bornee else action.previsions.all(),
            **self.d_une_annee_a_l_autre(est_de_l_etat, datees),
            dernier_geste=dernier_geste(action) if est_de_l_etat else None,
            gestes=gestes_possibles(utilisateur, action),
            peut_modifier=regles.peut_modifier(utilisateur, action),
        )

    def plan_entier(self, plan):
        """Toutes les lignes, que l'exécution compte : déjà lues, sauf pour qui est aussi borné à un financeur."""
        return plan_de_financement(self.object).lignes if self.est_bornee else plan.lignes

    def d_une_annee_a_l_autre(self, est_de_l_etat, datees):
        """L'action précédente, ce que l'État en lit, celle qui la suit, et l'année où elle peut être reconduite."""
        action, utilisateur = self.object, self.request.user
        precedente, suivante = self.voisines(None if est_de_l_etat else self.lisibles)
        annee = action.exercice.annee + 1
        exercices = Exercice.objects.filter(departement=action.exercice.departement_id, annee=annee)
        possible = not suivante and not action.est_brouillon and regles.peut_gerer(utilisateur, action)
        bilan = est_de_l_etat and precedente
        delai = CodeParametre.DELAI_JUSTIFICATION
        return {
            "precedente": precedente,
            "an_dernier": bilan_de_l_an_dernier(action, precedente, datees[delai]) if bilan else None,
            "suivante": suivante,
            "annee_suivante": annee if possible and any(not exercice.est_clos for exercice in exercices) else None,
            "peut_prevoir": regles.peut_modifier(utilisateur, action) and bool(regles.annees_a_prevoir(action)),
        }

    def voisines(self, lignes):
        """L'action précédente et celle qui la suit, parmi celles que la personne lit ; None si elle n'en lit pas."""
        action = self.object
        liees = self.get_queryset().filter(Q(pk=action.action_precedente_id) | Q(action_precedente=action))
        lues = liees.select_related(None).select_related("exercice", "justification").avec_montants(lignes)
        lues = list(lues.order_by("pk"))
        precedente = next((lue for lue in lues if lue.pk == action.action_precedente_id), None)
        return precedente, next((lue for lue in lues if lue.action_precedente_id == action.pk), None)

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

    def du_meme_dossier(self):
        """Les actions du même dossier Dauphin, chacune avec ses propres montants : `ailleurs`, la même tranche sur un
        autre contrat ; `tranches`, l'action pluriannuelle entière, celle-ci comprise, s'il y a d'autres tranches."""
        action = self.object
        if not action.dossier:
            return {}
        siennes = self.get_queryset().select_related(None).select_related("exercice", "contrat")
        siennes = siennes.filter(dossier=action.dossier, exercice__departement=action.exercice.departement_id)
        siennes = siennes.annotate(p147_accorde=total_lie(self.lisibles.p147(), "accorde", "action"))
        siennes = list(siennes.order_by("exercice__annee", "tranche", "contrat__intitule"))
        meme_tranche = [a for a in siennes if (a.exercice_id, a.tranche) == (action.exercice_id, action.tranche)]
        pluriannuelle = len(meme_tranche) < len(siennes)
        ailleurs = [autre for autre in meme_tranche if autre != action]
        return {"ailleurs": [] if pluriannuelle else ailleurs, "tranches": siennes if pluriannuelle else []}


def adresse_dauphin(action):
    """L'adresse qui ouvre Dauphin sur le dossier de l'action, ou à son accueil ; vide sans dossier ou sans réglage."""
    return settings.ADRESSE_DAUPHIN.replace("{dossier}", action.dossier) if action.dossier else ""


def parts_des_quartiers(action, plan):
    """(localisation, part du coût, part du P147) en euros ; le P147 est l'accordé ou, avant décision, le demandé."""
    p147 = next((ligne for ligne in plan.lignes if ligne.famille == FamilleFinanceur.ANCT_P147), None)
    retenu = p147 and (p147.demande if p147.accorde is None else p147.accorde)
    lieux = action.localisations.select_related("quartier").order_by("quartier_id")
    return [(lieu, *[part_du_lieu(m, lieu) for m in (action.cout_previsionnel, retenu)]) for lieu in lieux]


def part_du_lieu(montant, lieu):
    return part(montant, lieu.cumul_avant, lieu.cumul_apres, lieu.cumul_total)
