"""Les comités de l'année ouverte : un comité technique en séance, et le comité de pilotage qu'il prépare."""

from datetime import date
from decimal import Decimal

from comptes.models import Utilisateur
from programmation.enums import NatureComite, NatureDecision, StatutAction
from programmation.models import Action, Campagne
from programmation.operations import (
    SaisieDePassage,
    creer_un_comite,
    enregistrer_en_seance,
    inscrire,
    ouvrir_la_seance,
)

EN_SEANCE = 12  # actions du comité technique, dont les premières sont déjà examinées
EXAMINEES = 5
ARRONDI = Decimal(100)
MOTIF_D_AJOURNEMENT = "Le plan de financement reste à équilibrer"


def reunir_les_comites(code: str, annee: int, agent: Utilisateur) -> None:
    """Inscrit les actions instruites à l'ordre du jour des deux comités ; rien n'y est décidé."""
    campagne = Campagne.objects.filter(exercice__departement__code=code, exercice__annee=annee).order_by("pk").first()
    instruites = Action.objects.filter(campagne=campagne, statut=StatutAction.INSTRUITE).avec_montants().order_by("pk")
    actions = list(instruites)
    if not actions:
        return
    technique = creer_un_comite(campagne, NatureComite.TECHNIQUE, date(annee, 11, 17), par=agent, lieu="DDETS")
    inscrire(technique, actions[:EN_SEANCE], par=agent)
    technique = ouvrir_la_seance(technique, par=agent)
    enregistrer_en_seance(technique, list(propositions(technique, actions)), par=agent)
    pilotage = creer_un_comite(campagne, NatureComite.PILOTAGE, date(annee, 12, 8), par=agent, lieu="Préfecture")
    inscrire(pilotage, actions, par=agent)


def propositions(comite, actions):
    """Les trois quarts de la demande, à la centaine d'euros ; la dernière action examinée est ajournée."""
    passages = {passage.action_id: passage for passage in comite.passages.select_related("action")}
    examinees = [action for action in actions[:EXAMINEES] if action.p147_demande]
    for action in examinees[:-1]:
        montant = max(action.p147_demande * 3 // 4 // ARRONDI * ARRONDI, ARRONDI)
        yield SaisieDePassage(passages[action.pk], NatureDecision.ATTRIBUTION, montant)
    for action in examinees[-1:]:
        yield SaisieDePassage(passages[action.pk], NatureDecision.AJOURNEMENT, observation=MOTIF_D_AJOURNEMENT)
