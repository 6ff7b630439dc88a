"""Les écrans des scénarios : la liste, la création, la saisie des montants, la règle, la comparaison, les gestes."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from comptes import conservation
from politique_ville.outils.ajustement import AjustementImpossible
from politique_ville.outils.francais import euros, pluriel
from politique_ville.outils.montants import lire_montant
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..enums import EtatScenario
from ..filters import Cadre
from ..forms.choix import exercice_par_defaut, exercices_ou_saisir
from ..forms.scenarios import GesteSansChampForm, MotifForm, NomForm, RegleForm, ScenarioForm
from ..models import Action, Scenario
from ..operations import OperationRefusee
from ..phrases_des_scenarios import constats
from ..synthese import apercu_de_la_regle, bilan_du_scenario, comparer, lignes_du_scenario
from .mixins import IDENTIFIANT, exiger

POUR_L_ETAT = "Les scénarios ne se lisent qu’au titre de l’État."
SANS_DROIT = "Votre habilitation ne permet pas de tenir ce scénario."
CELLULE = re.compile(rf"a({IDENTIFIANT})")
COMPARES_AU_PLUS = 3
MEME_ENVOI = timedelta(minutes=1)


def scenario_visible(request, pk, *, ecrire=False):
    """Le scénario, si la personne le voit (404 sinon) et, pour l'écrire, s'il est à elle de le tenir (403 sinon)."""
    scenario = get_object_or_404(scenarios_visibles(request), pk=pk)
    if ecrire:
        exiger(peut_tenir(request, scenario), SANS_DROIT)
    return scenario


def scenarios_visibles(request):
    return Scenario.objects.visibles_par(request.user).select_related(
        "exercice__departement", "enveloppe__contrat", "auteur"
    )


def peut_tenir(request, scenario):
    return regles.peut_tenir_un_scenario(request.user, scenario.exercice, scenario.enveloppe)


def actions_lisibles(request, scenario):
    """Qui tient le scénario en voit toutes les actions ; un autre, celles de son périmètre."""
    return None if peut_tenir(request, scenario) else Action.objects.visibles_par(request.user)


# --- La liste ---


@require_safe
def scenario_list(request):
    exiger(regles.lit_les_scenarios(request.user), POUR_L_ETAT)
    cadre = Cadre(request.GET, request.user)
    request.GET = cadre.parametres
    siens = scenarios_visibles(request).filter(exercice__in=[e.pk for e in cadre.exercices])
    contexte = {
        "cadre": cadre,
        "scenarios": siens.annotate(nombre=Count("propositions")).order_by("exercice_id", "libelle", "pk"),
        "exercice": exercice_ou_creer(request, cadre),
        "comparables": COMPARES_AU_PLUS,
    }
    return render(request, "programmation/scenario_list.html", contexte)


def exercice_ou_creer(request, cadre):
    """L'exercice du bouton « Nouveau scénario », si la personne peut y saisir."""
    tenus = {exercice.pk for exercice in exercices_ou_saisir(request.user)}
    return next((exercice for exercice in cadre.exercices if exercice.pk in tenus), None)


# --- Créer ---


def scenario_create(request):
    exiger(regles.peut_saisir_quelque_part(request.user), SANS_DROIT)
    exercices = list(exercices_ou_saisir(request.user))
    choisi = request.GET.get("exercice", "")
    exercice = next((e for e in exercices if str(e.pk) == choisi), None)
    if choisi and exercice is None:
        raise Http404("Exercice inconnu, clos ou hors du périmètre.")
    exercice = exercice or exercice_par_defaut(exercices)
    formulaire = exercice and ScenarioForm(exercice, request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and formulaire and formulaire.is_valid():
        reponse = creer(request, exercice, formulaire)
        if reponse:
            return reponse
    contexte = {"exercices": exercices, "exercice": exercice, "formulaire": formulaire}
    return render(request, "programmation/scenario_form.html", contexte)


def creer(request, exercice, formulaire):
    """Crée le scénario et mène à lui ; None s'il est refusé. Le même envoi, reçu deux fois, n'en crée qu'un."""
    champs = formulaire.champs()
    meme = Scenario.objects.filter(exercice=exercice, auteur=request.user, cree_le__gte=timezone.now() - MEME_ENVOI)
    deja = meme.filter(libelle=champs["libelle"].strip(), enveloppe=champs["enveloppe"]).first()
    if deja:
        messages.info(request, "Ce scénario est déjà créé.")
        return redirect("programmation:scenario_detail", deja.pk)
    try:
        scenario = operations.creer_un_scenario(exercice, par=request.user, **champs)
    except OperationRefusee as refus:
        formulaire.refuser(refus)
        return None
    nombre = pluriel(scenario.propositions.count(), "action à décider", "actions à décider")
    messages.success(request, f"Le scénario est créé, avec {nombre}.")
    return redirect("programmation:scenario_detail", scenario.pk)


# --- L'écran du scénario ---


@require_safe
def scenario_detail(request, pk):
    scenario = scenario_visible(request, pk)
    lignes = lignes_du_scenario(scenario, actions_lisibles(request, scenario))
    bilan = bilan_du_scenario(scenario)
    tient = peut_tenir(request, scenario)
    toutes_figees = regles.campagnes_figees(scenario)
    empechement = regles.empechement_de_promouvoir(scenario, toutes_figees)
    figees = [ligne for ligne in lignes if ligne.action.campagne.est_figee]
    a_l_etude = scenario.etat == EtatScenario.ETUDE
    contexte = {
        "scenario": scenario,
        "empechement": insecables(empechement) if a_l_etude else "",
        "figees": len(figees) if a_l_etude and not empechement else 0,
        "lignes": lignes,
        "bilan": bilan,
        "ailleurs": bilan.actions - len(lignes),
        "perimees": sum(bool(li.differences) for li in lignes) if a_l_etude and not empechement else 0,
        "est_saisissable": tient and not empechement,
        "gestes": gestes_possibles(scenario, toutes_figees) if tient else [],
        "autres": autres_a_comparer(request, scenario),
        "adresse_des_actions": reverse("programmation:action_list"),
    }
    return render(request, "programmation/scenario_detail.html", contexte)


def autres_a_comparer(request, scenario):
    """Les deux autres scénarios de l'exercice avec lesquels le comparer d'emblée."""
    autres = Scenario.objects.visibles_par(request.user).filter(exercice=scenario.exercice_id)
    autres = autres.exclude(pk=scenario.pk).exclude(etat=EtatScenario.ECARTE).order_by("-cree_le", "-pk")
    return "-".join(str(pk) for pk in [scenario.pk, *autres.values_list("pk", flat=True)[: COMPARES_AU_PLUS - 1]])


@require_POST
def scenario_montants(request, pk):
    """Écrit les cellules reçues et rend le bilan ; sans script, toute la table arrive d'un coup."""
    scenario = scenario_visible(request, pk, ecrire=True)
    montants, erreurs = lire_les_cellules(request.POST)
    if not request.htmx:
        return enregistrer_toute_la_table(request, scenario, montants, erreurs)
    try:
        saisie = operations.saisir_des_montants(scenario, montants, par=request.user)
    except OperationRefusee as refus:
        scenario.refresh_from_db()
        erreurs = dict.fromkeys([*montants, *erreurs], refus.messages[0])
        saisie = operations.Saisie()
    bilan = bilan_du_scenario(scenario)
    attendue = request.POST.get("empreinte", "")
    contexte = {
        "bilan": bilan,
        "est_saisissable": True,
        "cellules": json.dumps(
            cellules(scenario, montants, erreurs | saisie.refus, saisie.avant, str(bilan.empreinte) != attendue)
        ),
    }
    return render(request, "programmation/_scenario_bilan.html", contexte)


def lire_les_cellules(donnees):
    """Les montants lisibles par action, et pourquoi les autres ne le sont pas."""
    montants, erreurs = {}, {}
    for nom, texte in donnees.items():
        trouve = CELLULE.fullmatch(nom)
        if trouve:
            try:
                montants[int(trouve[1])] = montant_saisi(texte)
            except ValidationError as erreur:
                erreurs[int(trouve[1])] = insecables(erreur.messages[0])
    return montants, erreurs


def montant_saisi(texte):
    montant = lire_montant(texte)
    if montant is not None and montant < 0:
        raise ValidationError("Un montant ne peut pas être négatif.")
    return montant


def cellules(scenario, montants, erreurs, avant, toutes):
    """Ce que le navigateur doit remettre dans ses cellules. `toutes` : quelqu'un d'autre a changé un montant."""
    rendues = {}
    if toutes:
        rendues = {pk: {"valeur": ecrire(m)} for pk, m in scenario.propositions.values_list("action", "montant")}
    for pk, montant in montants.items():
        rendues[pk] = {"valeur": ecrire(montant), "avant": ecrire(avant.get(pk))}
    return rendues | {pk: {"erreur": insecables(phrase)} for pk, phrase in erreurs.items()}


def ecrire(montant):
    """Comme un agent l'écrirait dans la cellule : « 1234,50 »."""
    return "" if montant is None else f"{montant:.2f}".replace(".", ",")


def enregistrer_toute_la_table(request, scenario, montants, erreurs):
    reponse = redirect("programmation:scenario_detail", scenario.pk)
    if request.POST.get("condense") != bilan_du_scenario(scenario).condense:
        messages.error(request, "Des montants ont changé entre-temps : les voici, à relire avant de saisir.")
        return redonner(request, reponse)
    try:
        erreurs |= operations.saisir_des_montants(scenario, montants, par=request.user).refus
    except OperationRefusee as refus:
        messages.error(request, insecables(refus.messages[0]))
    else:
        for action in Action.objects.filter(pk__in=erreurs).order_by("pk"):
            messages.error(request, insecables(f"« {action} » : {erreurs[action.pk]}"))
        messages.success(request, f"{pluriel(len(montants), 'montant enregistré', 'montants enregistrés')}.")
    return redonner(request, reponse) if erreurs else reponse


def redonner(request, reponse):
    """Ce qui n'a pas pu s'écrire revient dans ses cellules."""
    reponse.redonne_la_saisie = conservation.garder_l_envoi(request)
    return reponse


# --- La règle d'ajustement ---


def scenario_regle(request, pk):
    """L'aperçu se lit par une adresse, sans rien écrire ; l'appliquer est un envoi, qui rapporte ce qu'il a lu."""
    scenario = scenario_visible(request, pk, ecrire=True)
    bilan = bilan_du_scenario(scenario)
    formulaire = RegleForm(bilan, request.POST if request.method == "POST" else request.GET)
    impossible = apercu = None
    if formulaire.is_bound and formulaire.is_valid():
        regle = formulaire.regle()
        if request.method == "POST":
            reponse, impossible = appliquer(request, scenario, regle)
            if reponse:
                return reponse
            bilan = bilan_du_scenario(scenario)
        try:
            apercu = apercu_de_la_regle(scenario, regle)
        except AjustementImpossible as refus:
            impossible = str(refus)
    contexte = {
        "scenario": scenario,
        "bilan": bilan,
        "formulaire": formulaire,
        "apercu": apercu,
        "parametres": [(nom, formulaire.data.get(nom)) for nom in formulaire.fields if nom in formulaire.data],
        "lignes_ajustees": [(ligne, apres, apres - ligne.montant) for ligne, apres in apercu.lignes] if apercu else [],
        "impossible": insecables(impossible or ""),
        "empechement": insecables(regles.empechement_de_promouvoir(scenario)),
        "adresse": reverse("programmation:scenario_detail", args=[scenario.pk]),
    }
    return render(request, "programmation/scenario_regle.html", contexte)


def appliquer(request, scenario, regle):
    """(réponse, phrase du refus) : l'une des deux."""
    options = {"lue": request.POST.get("lue"), "copie": request.POST.get("copie", "").strip()}
    try:
        ajuste = operations.appliquer_une_regle(scenario, regle, par=request.user, **options)
    except OperationRefusee as refus:
        return None, refus.messages[0]
    messages.success(request, insecables(f"La règle est appliquée au scénario « {ajuste} »."))
    return redirect("programmation:scenario_detail", ajuste.pk), None


# --- Comparer ---


@require_safe
def scenario_comparer(request):
    """`?scenarios=1-2-3`, ou `scenario` répété par les cases de la liste."""
    exiger(regles.lit_les_scenarios(request.user), POUR_L_ETAT)
    choisis = request.GET.getlist("scenario") or [pk for pk in request.GET.get("scenarios", "").split("-") if pk]
    if not all(re.fullmatch(IDENTIFIANT, pk) for pk in choisis):
        raise Http404("Identifiant de scénario mal écrit.")
    ids = list(dict.fromkeys(int(pk) for pk in choisis))
    trouves = scenarios_visibles(request).in_bulk(ids)
    if len(trouves) != len(ids):
        raise Http404("Un scénario demandé n’existe pas ici.")
    scenarios = [trouves[pk] for pk in ids]
    contexte = {"scenarios": scenarios, "pourquoi": pourquoi_ne_pas_comparer(scenarios)}
    if not contexte["pourquoi"]:
        tous_tenus = all(peut_tenir(request, scenario) for scenario in scenarios)
        comparaison = comparer(scenarios, None if tous_tenus else Action.objects.visibles_par(request.user))
        contexte |= {
            "comparaison": comparaison,
            "constats": constats(comparaison),
            "piliers": piliers_compares(comparaison.bilans),
            "differences": [
                (ligne, [*zip(scenarios, ligne.montants, strict=True)]) for ligne in comparaison.differences
            ],
        }
    return render(request, "programmation/scenario_comparer.html", contexte)


def piliers_compares(bilans):
    """(pilier, [(bilan, sa part ou None)]) : un pilier qui n'est plus proposé n'est que chez qui le sert."""
    parts = [{part.seul.pilier: part for part in bilan.piliers} for bilan in bilans]
    piliers = dict.fromkeys(pilier for siennes in parts for pilier in siennes)
    return [(p, [(b, siennes.get(p)) for b, siennes in zip(bilans, parts, strict=True)]) for p in piliers]


def pourquoi_ne_pas_comparer(scenarios):
    if not 2 <= len(scenarios) <= COMPARES_AU_PLUS:
        return "Dans la liste, choisir deux ou trois scénarios."
    if len({scenario.exercice_id for scenario in scenarios}) > 1:
        return "Ces scénarios sont d’exercices différents : leurs totaux ne se comparent pas."
    return ""


# --- Les gestes ---


@dataclass(frozen=True)
class Geste:
    """Un geste sur un scénario ; `etats` : ceux où il se propose ; `agir` rend (scénario où aller, phrase).

    `sert` : il n'a d'objet que si une action du scénario est d'une campagne ouverte.
    """

    nom: str
    libelle: str
    explication: str
    etats: tuple[EtatScenario, ...]
    agir: Callable
    formulaire: type = GesteSansChampForm
    sert: bool = False


def renommer(scenario, par, libelle):
    return operations.renommer_un_scenario(scenario, libelle, par=par), "Le scénario est renommé."


def dupliquer(scenario, par, libelle):
    return operations.dupliquer_un_scenario(scenario, libelle, par=par), "Voici la copie."


def ecarter(scenario, par):
    return operations.ecarter_un_scenario(scenario, par=par), "Le scénario est écarté."


def reprendre(scenario, par):
    return operations.reprendre_un_scenario(scenario, par=par), "Le scénario est de nouveau à l’étude."


def actualiser(scenario, par):
    changees, ajoutees = operations.actualiser_un_scenario(scenario, par=par)
    morceaux = [pluriel(changees, "ligne mise à jour", "lignes mises à jour")]
    morceaux += [pluriel(ajoutees, "action ajoutée, sans montant", "actions ajoutées, sans montant")]
    return scenario, f"{', '.join(morceaux)}."


def annuler(scenario, par, motif):
    rendues = operations.annuler_la_promotion(scenario, par=par, motif=motif)
    somme = euros(-sum(decision.montant for decision in rendues))
    nombre = pluriel(len(rendues), "action est ramenée", "actions sont ramenées")
    return scenario, f"{nombre} à leur statut d’avant, et {somme} rendus. Le scénario est de nouveau à l’étude."


ETUDE, PROMU, ECARTE = EtatScenario.ETUDE, EtatScenario.PROMU, EtatScenario.ECARTE
GESTES = {
    geste.nom: geste
    for geste in [
        Geste(
            "actualiser",
            "Actualiser",
            "Le scénario prend acte de ce que ses actions sont devenues, et reçoit, sans montant, celles qui sont "
            "arrivées depuis. Aucun montant ne change.",
            (ETUDE,),
            actualiser,
            sert=True,
        ),
        Geste("renommer", "Renommer", "", (ETUDE,), renommer, NomForm),
        Geste(
            "dupliquer",
            "Dupliquer",
            "La copie reçoit les mêmes montants, pour les actions qui restent à décider.",
            (ETUDE, ECARTE),
            dupliquer,
            NomForm,
            sert=True,
        ),
        Geste(
            "ecarter",
            "Écarter",
            "Le scénario est mis de côté, sans être effacé : il se lit encore, et pourra être repris.",
            (ETUDE,),
            ecarter,
        ),
        Geste("reprendre", "Reprendre", "Le scénario revient à l’étude.", (ECARTE,), reprendre),
        Geste(
            "annuler",
            "Annuler la promotion",
            "Une décision ne s’efface pas : chaque action que rien n’a touchée depuis est déprogrammée, puis reprend "
            "son statut d’avant. C’est impossible dès qu’une action est engagée, ou dans un acte signé.",
            (PROMU,),
            annuler,
            MotifForm,
            sert=True,
        ),
    ]
}


def gestes_possibles(scenario, figees):
    """(libellé, adresse) de ce que l'on peut en faire maintenant ; `figees` : toutes ses campagnes le sont."""
    if regles.empechement_de_batir(scenario.exercice):
        return []
    gestes = [
        (geste.libelle, reverse("programmation:scenario_geste", args=[scenario.pk, geste.nom]))
        for geste in GESTES.values()
        if scenario.etat in geste.etats and not (geste.sert and figees)
    ]
    return gestes if figees else [*inscription_a_un_comite(scenario), *gestes]


def inscription_a_un_comite(scenario):
    """Un scénario à l'étude donne à un comité son ordre du jour et ses montants."""
    if scenario.etat != EtatScenario.ETUDE:
        return []
    adresse = f"{reverse('programmation:comite_choisir')}?exercice={scenario.exercice_id}&scenario={scenario.pk}"
    return [("Inscrire ses actions à un comité", adresse)]


def scenario_geste(request, pk, geste):
    scenario = scenario_visible(request, pk, ecrire=True)
    geste = GESTES.get(geste)
    if geste is None:
        raise Http404("Ce geste n’existe pas.")
    formulaire = geste.formulaire(
        request.POST if request.method == "POST" else None, initial=nom_propose(scenario, geste)
    )
    if request.method == "POST" and formulaire.is_valid():
        try:
            suivant, fait = geste.agir(scenario, request.user, **formulaire.cleaned_data)
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(request, insecables(fait))
            return redirect("programmation:scenario_detail", suivant.pk)
    contexte = {
        "scenario": scenario,
        "geste": geste,
        "explication": insecables(geste.explication),
        "formulaire": formulaire,
        "empechement": insecables(empechement_du_geste(scenario, geste)),
        "adresse": reverse("programmation:scenario_detail", args=[scenario.pk]),
    }
    return render(request, "programmation/scenario_geste.html", contexte)


def nom_propose(scenario, geste):
    suffixe = " (copie)" if geste.nom == "dupliquer" else ""
    return {"libelle": f"{scenario.libelle[: 100 - len(suffixe)]}{suffixe}"}


def empechement_du_geste(scenario, geste):
    if scenario.etat not in geste.etats:
        return f"Le scénario « {scenario} » est « {scenario.get_etat_display().lower()} » : ce geste n’y a pas lieu."
    if geste.sert and regles.campagnes_figees(scenario):
        return "Campagne figée : plus aucune action de ce scénario n’est à décider."
    return regles.empechement_de_batir(scenario.exercice)
