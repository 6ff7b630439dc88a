"""Les scénarios : ce qu'ils proposent et font décider est de leur exercice."""

from django.db.models import Exists, F, OuterRef
from django.db.models import Value as V

from programmation.enums import EtatScenario, NatureDecision
from programmation.models import Decision, Proposition, Scenario

from .outils import ecarts_de, verification


@verification(
    "exercice d’un scénario", "Un scénario, son enveloppe, ses actions et ses décisions sont du même exercice."
)
def exercice_d_un_scenario():
    enveloppes = Scenario.objects.exclude(enveloppe=None).exclude(enveloppe__exercice=F("exercice"))
    yield from ecarts_de(enveloppes, "exercice__annee", "enveloppe__exercice__annee", nom="libelle")
    propositions = Proposition.objects.exclude(action__exercice=F("scenario__exercice"))
    yield from ecarts_de(propositions, "scenario__exercice__annee", "action__exercice__annee", nom="action__intitule")
    decisions = Decision.objects.exclude(scenario=None).exclude(action__exercice=F("scenario__exercice"))
    yield from ecarts_de(decisions, "scenario__exercice__annee", "action__exercice__annee")


@verification("scénario promu", "Un scénario promu a fait attribuer quelque chose.")
def scenario_promu():
    attributions = Decision.objects.filter(scenario=OuterRef("pk"), nature=NatureDecision.ATTRIBUTION)
    sans_effet = Scenario.objects.filter(~Exists(attributions), etat=EtatScenario.PROMU)
    return ecarts_de(sans_effet, V("une attribution"), V("aucune"), nom="libelle")
