"""Promouvoir un scénario : dire ce qui va être décidé, faire choisir ce qui a changé, puis tout écrire d'un coup."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime

from politique_ville.outils.francais import euros, pluriel
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..enums import EtatScenario
from ..forms.depassement import accord_a_donner, lire_l_accord
from ..forms.scenarios import LignePerimeeForm, PromotionForm
from ..operations import MontantsChanges, OperationRefusee, PropositionsPerimees
from ..operations.depassements import dire_les_depassements
from ..operations.promotion import apres_promotion
from ..synthese import condense, lignes_du_scenario
from .gestes import sans_avis
from .scenarios import scenario_visible
from .tableaux import recu

ENCORE_CHANGE = "Des actions viennent de changer : choisir ce que devient chacune."


def scenario_promouvoir(request, pk):
    scenario = scenario_visible(request, pk, ecrire=True)
    if request.method == "POST" and scenario.etat == EtatScenario.PROMU:
        return deja_promu(request, scenario)
    saisie, accord, code = Saisie(scenario, recu(request)), None, 200
    if request.method == "POST" and saisie.est_valide():
        try:
            return promouvoir(request, saisie)
        except PropositionsPerimees:
            saisie, code = saisie.relire(ENCORE_CHANGE), 409
        except MontantsChanges as refus:
            saisie, code = saisie.relire(refus.messages[0]), 409
        except OperationRefusee as refus:
            saisie.formulaire.refuser(refus)
            accord = accord_a_donner(refus, request.POST)
    contexte = contexte_de_la_promotion(saisie) | {"accord": accord}
    return render(request, "programmation/scenario_promouvoir.html", contexte, status=code)


class Saisie:
    """La promotion que l'on prépare : les lignes du scénario, ce que devient chaque périmée, et ce qui est commun."""

    def __init__(self, scenario, donnees):
        self.scenario, self.donnees = scenario, donnees
        self.lue = condense(
            scenario.propositions.values_list("action", "montant")
        )  # avant les lignes : jamais en avance
        self.lignes = lignes_du_scenario(scenario, sans_les_vides=True)
        self.servies = [ligne for ligne in self.lignes if not ligne.empechement]
        self.demunies, enveloppes = operations.sans_enveloppe(scenario, self.servies)
        self.formulaire = PromotionForm(enveloppes, donnees, initial={"lue": self.lue})
        self.choix = [LignePerimeeForm(ligne, donnees) for ligne in self.lignes if ligne.est_perimee]

    def est_valide(self):
        """Chaque formulaire dit ses erreurs, même si un autre en a ; un choix à refaire n'est pas encore lié."""
        return all([self.formulaire.is_valid(), *[ligne.is_valid() for ligne in self.choix]])

    def relire(self, phrase):
        """La même, sur ce qui est en base maintenant : ce qui est tapé reste, un second envoi aura lu ces montants."""
        relue = Saisie(self.scenario, self.donnees.copy())
        relue.donnees["lue"] = relue.lue
        relue.formulaire.add_error(None, insecables(phrase))
        return relue

    @property
    def enveloppe(self):
        """Celle que l'on choisit pour les actions qui n'en ont pas d'office, ou None."""
        return self.formulaire.enveloppes.get(self.formulaire["enveloppe"].data) if self.demunies else None


def promouvoir(request, saisie):
    decisions = operations.promouvoir(
        saisie.scenario,
        par=request.user,
        choix={ligne.ligne.action.pk: ligne.choix_de_ligne() for ligne in saisie.choix},
        depassements_acceptes=lire_l_accord(request.POST),
        **saisie.formulaire.champs(),
    )
    somme = euros(sum(decision.montant for decision in decisions))
    mots = pluriel(len(decisions), "décision enregistrée", "décisions enregistrées")
    en_plus = dire_les_depassements(decisions)
    messages.success(request, insecables(f"Le scénario est promu : {mots}, pour {somme}{en_plus}."))
    return redirect("programmation:scenario_detail", saisie.scenario.pk)


def deja_promu(request, scenario):
    """Le même envoi deux fois, ou deux personnes : rien ne se décide deux fois."""
    quand = date_format(localtime(scenario.promu_le), "d/m/Y à H:i")
    messages.info(request, f"Ce scénario est déjà promu, depuis le {quand} : rien n’a été décidé de plus.")
    return redirect("programmation:scenario_detail", scenario.pk)


def contexte_de_la_promotion(saisie):
    scenario = saisie.scenario
    return {
        "scenario": scenario,
        "formulaire": saisie.formulaire,
        "choix": saisie.choix,
        "apres": apres_promotion(scenario, saisie.servies, saisie.enveloppe),
        "sans_avis": sans_avis([ligne.action for ligne in saisie.servies]),
        "laissees": scenario.propositions.count() - len(saisie.lignes),
        "demunies": saisie.demunies,
        "sans_changement": [ligne for ligne in saisie.lignes if not ligne.est_perimee],
        "empechement": insecables(regles.empechement_de_promouvoir(scenario)),
        "adresse": reverse("programmation:scenario_detail", args=[scenario.pk]),
    }
