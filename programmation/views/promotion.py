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

ENCORE_CHANGE = "Des actions viennent de changer : choisir ce que devient chacune."


def scenario_promouvoir(request, pk):
    scenario = scenario_visible(request, pk, ecrire=True)
    if request.method == "POST" and scenario.etat == EtatScenario.PROMU:
        return deja_promu(request, scenario)
    donnees = request.POST if request.method == "POST" else None
    lue = condense(scenario.propositions.values_list("action", "montant"))  # avant les lignes : jamais en avance
    lignes = lignes_du_scenario(scenario, sans_les_vides=True)
    demunies, enveloppes = operations.sans_enveloppe(scenario, [li for li in lignes if not li.empechement])
    formulaire = PromotionForm(enveloppes, donnees, initial={"lue": lue})
    choix, accord = [LignePerimeeForm(ligne, donnees) for ligne in lignes if ligne.est_perimee], None
    if donnees is not None and tout_est_choisi(formulaire, choix):
        try:
            return promouvoir(request, scenario, formulaire, choix)
        except PropositionsPerimees:
            messages.warning(request, ENCORE_CHANGE)
            return redirect("programmation:scenario_promouvoir", scenario.pk)
        except MontantsChanges as refus:
            messages.warning(request, insecables(refus.messages[0]))
            return redirect("programmation:scenario_promouvoir", scenario.pk)
        except OperationRefusee as refus:
            formulaire.refuser(refus)
            accord = accord_a_donner(refus, donnees)
    choisie = formulaire.enveloppes.get(formulaire["enveloppe"].data) if demunies else None
    contexte = contexte_de_la_promotion(scenario, lignes, demunies, choisie)
    contexte |= {"formulaire": formulaire, "choix": choix, "accord": accord}
    return render(request, "programmation/scenario_promouvoir.html", contexte)


def tout_est_choisi(formulaire, choix):
    """Chaque formulaire dit ses erreurs, même si un autre en a ; un choix à refaire n'est pas encore lié."""
    return all([formulaire.is_valid(), *[ligne.is_valid() for ligne in choix]])


def promouvoir(request, scenario, formulaire, choix):
    decisions = operations.promouvoir(
        scenario,
        par=request.user,
        choix={ligne.ligne.action.pk: ligne.choix_de_ligne() for ligne in choix},
        depassements_acceptes=lire_l_accord(request.POST),
        **formulaire.champs(),
    )
    somme = euros(sum(decision.montant for decision in decisions))
    mots = pluriel(len(decisions), "décision enregistrée", "décisions enregistrées")
    en_plus = dire_les_depassements(decisions)
    messages.success(request, insecables(f"Le scénario est promu : {mots}, pour {somme}{en_plus}."))
    return redirect("programmation:scenario_detail", scenario.pk)


def deja_promu(request, scenario):
    """Le même envoi deux fois, ou deux personnes : rien ne se décide deux fois."""
    quand = date_format(localtime(scenario.promu_le), "d/m/Y à H:i")
    messages.info(request, f"Ce scénario est déjà promu, depuis le {quand} : rien n’a été décidé de plus.")
    return redirect("programmation:scenario_detail", scenario.pk)


def contexte_de_la_promotion(scenario, lignes, demunies, choisie):
    servies = [ligne for ligne in lignes if not ligne.empechement]
    return {
        "scenario": scenario,
        "apres": apres_promotion(scenario, servies, choisie),
        "sans_avis": sans_avis([ligne.action for ligne in servies]),
        "laissees": scenario.propositions.count() - len(lignes),
        "demunies": demunies,
        "sans_changement": [ligne for ligne in lignes if not ligne.est_perimee],
        "empechement": insecables(regles.empechement_de_promouvoir(scenario)),
        "adresse": reverse("programmation:scenario_detail", args=[scenario.pk]),
    }
