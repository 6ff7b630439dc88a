"""Tenir un scénario : le créer, y saisir des montants, l'ajuster par une règle, le renommer, le dupliquer, l'écarter.

Rien de tout cela n'engage : la promotion, qui en fait des décisions, est dans `promotion`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import models, transaction
from django.utils import timezone

from comptes.models import Utilisateur
from politique_ville.outils.ajustement import AjustementImpossible, Regle
from politique_ville.outils.typographie import insecables

from .. import regles
from ..enums import EtatScenario
from ..models import Action, Enveloppe, Exercice, Financement, Proposition, Scenario
from ..synthese import actions_a_proposer, apercu_de_la_regle, condense
from .outils import (
    TAILLE_DE_LOT,
    DroitManquant,
    OperationRefusee,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    modifier_avec_historique,
    verrouiller_les_exercices,
)

RETOUCHES = insecables(" Puis des montants ont été saisis à la main.")


class Depart(models.TextChoices):
    """Les montants avec lesquels naît un scénario."""

    PROPOSE = "propose", "Les montants proposés"
    DEMANDE = "demande", "Les montants demandés"
    COPIE = "copie", "Ceux d’un autre scénario"
    VIDE = "vide", "Aucun"


@dataclass
class Saisie:
    """Ce qu'une saisie a trouvé : le montant d'avant de chaque action, et pourquoi certaines n'ont pas été écrites."""

    avant: dict[int, Decimal | None] = field(default_factory=dict)
    refus: dict[int, str] = field(default_factory=dict)


# --- Naître ---


def creer_un_scenario(
    exercice: Exercice,
    libelle: str,
    *,
    par: Utilisateur,
    enveloppe: Enveloppe | None = None,
    depart: Depart = Depart.PROPOSE,
    modele: Scenario | None = None,
) -> Scenario:
    """Crée un scénario avec toutes les actions à décider de l'exercice ou de l'enveloppe, et leurs montants de départ.

    `modele` : celui dont on copie les montants. Lève DroitManquant ou OperationRefusee sans rien écrire.
    """
    with contraintes_en_francais(), transaction.atomic():
        exercice = verrouiller_les_exercices([exercice])[exercice.pk]
        exiger_de_tenir(par, exercice, enveloppe)
        refuser_si(regles.empechement_de_batir(exercice))
        scenario = Scenario(exercice=exercice, enveloppe=enveloppe, libelle=libelle.strip(), auteur=par)
        controler(scenario)
        actions = actions_a_proposer(exercice, enveloppe)
        propositions = vues(scenario, actions)
        refuser_si("" if propositions else pourquoi_aucune(exercice, enveloppe))
        creer_avec_historique([scenario], Scenario, par=par, motif="Nouveau scénario")
        montants = montants_de_depart(propositions, depart, modele)
        for proposition in propositions:
            proposition.montant = montants.get(proposition.action_id)
        Proposition.objects.bulk_create(propositions, batch_size=TAILLE_DE_LOT)
    return scenario


def vues(scenario, actions) -> list[Proposition]:
    """Une proposition par action, qui garde ce que l'action est maintenant ; sans montant. Deux requêtes."""
    lues = actions.order_by("pk").values_list("pk", "statut", "thematique")
    lignes = Financement.objects.p147().filter(action__in=actions.order_by().values("pk")).order_by()
    p147 = {pk: montants for pk, *montants in lignes.values_list("action", "demande", "propose", "accorde")}
    propositions = []
    for pk, statut, thematique in lues:
        demande, propose, accorde = p147.get(pk, (None, None, None))
        proposition = Proposition(scenario=scenario, action_id=pk, statut_vu=statut, thematique_vue_id=thematique)
        proposition.demande_vu, proposition.propose_vu, proposition.accorde_vu = demande, propose, accorde
        propositions.append(proposition)
    return propositions


def montants_de_depart(propositions, depart, modele):
    if depart == Depart.COPIE:
        if modele is None:
            raise OperationRefusee({"modele": "Choisir le scénario dont on copie les montants."})
        return dict(modele.propositions.values_list("action", "montant"))
    vu = {Depart.PROPOSE: "propose_vu", Depart.DEMANDE: "demande_vu"}.get(depart)
    return {p.action_id: getattr(p, vu) for p in propositions} if vu else {}


def pourquoi_aucune(exercice, enveloppe):
    """Pourquoi il n'y a rien à mettre dans ce scénario."""
    campagnes = list(exercice.campagnes.order_by("pk"))
    figees = ", ".join(f"« {campagne} »" for campagne in campagnes if campagne.est_figee)
    if figees and all(campagne.est_figee for campagne in campagnes):
        return (
            f"Plus de scénario : {figees}, campagne figée. Une décision complète ou diminue encore ce qui est attribué."
        )
    ou = f"l’enveloppe « {enveloppe} »" if enveloppe else f"l’exercice {exercice.annee}"
    return f"Aucune action à décider dans {ou}{f', hors {figees}, campagne figée' if figees else ''}."


def dupliquer_un_scenario(scenario: Scenario, libelle: str, *, par: Utilisateur) -> Scenario:
    """Un autre scénario des mêmes actions à décider, aux mêmes montants ; il garde la règle qui les a donnés."""
    with transaction.atomic():
        scenario = relire(scenario, par)
        copie = creer_un_scenario(
            scenario.exercice, libelle, par=par, enveloppe=scenario.enveloppe, depart=Depart.COPIE, modele=scenario
        )
        if scenario.regle:
            ecrire(copie, par, f"Copie de « {scenario} »", regle=scenario.regle)
    return copie


# --- Vivre ---


def renommer_un_scenario(scenario: Scenario, libelle: str, *, par: Utilisateur) -> Scenario:
    """Change son nom, qui reste propre à l'exercice."""
    with contraintes_en_francais(), transaction.atomic():
        scenario = relire_pour_changer(scenario, par)
        scenario.libelle = libelle.strip()
        controler(scenario)
        ecrire(scenario, par, "Scénario renommé", libelle=scenario.libelle)
    return scenario


def ecarter_un_scenario(scenario: Scenario, *, par: Utilisateur) -> Scenario:
    """Le met de côté, sans l'effacer : il se lit encore, et se reprend."""
    with transaction.atomic():
        scenario = relire_pour_changer(scenario, par)
        ecrire(scenario, par, "Scénario écarté", etat=EtatScenario.ECARTE)
    return scenario


def reprendre_un_scenario(scenario: Scenario, *, par: Utilisateur) -> Scenario:
    """Remet à l'étude un scénario écarté."""
    with transaction.atomic():
        scenario = relire(scenario, par)
        if scenario.etat != EtatScenario.ECARTE:
            raise OperationRefusee(f"Le scénario « {scenario} » n’est pas écarté.")
        refuser_si(regles.empechement_de_batir(scenario.exercice))
        ecrire(scenario, par, "Scénario remis à l’étude", etat=EtatScenario.ETUDE)
    return scenario


def actualiser_un_scenario(scenario: Scenario, *, par: Utilisateur) -> tuple[int, int]:
    """Prend acte de ce que les actions sont devenues, et ajoute, sans montant, celles qui sont arrivées depuis.

    Rend combien de lignes ont été mises à jour, et combien d'actions ajoutées. Aucun montant ne change.
    """
    with transaction.atomic():
        scenario = relire_pour_changer(scenario, par)
        siennes = {p.action_id: p for p in scenario.propositions.order_by("pk")}
        changees = prendre_acte(scenario, siennes)
        arrivees = actions_a_proposer(scenario.exercice, scenario.enveloppe).exclude(pk__in=siennes)
        nouvelles = Proposition.objects.bulk_create(vues(scenario, arrivees), batch_size=TAILLE_DE_LOT)
    return len(changees), len(nouvelles)


def prendre_acte(scenario, propositions: Mapping[int, Proposition]) -> list[Proposition]:
    """Recopie sur ces propositions (par action) ce que leurs actions sont maintenant ; rend celles qui changent."""
    champs = ["statut_vu", "thematique_vue_id", "demande_vu", "propose_vu", "accorde_vu"]
    changees = []
    for vue in vues(scenario, Action.objects.filter(pk__in=propositions)):
        ancienne = propositions[vue.action_id]
        if any(getattr(ancienne, champ) != getattr(vue, champ) for champ in champs):
            for champ in champs:
                setattr(ancienne, champ, getattr(vue, champ))
            changees.append(ancienne)
    colonnes = [champ.removesuffix("_id") for champ in champs]
    Proposition.objects.bulk_update(changees, colonnes, batch_size=TAILLE_DE_LOT)
    return changees


def saisir_des_montants(scenario: Scenario, montants: Mapping[int, Decimal | None], *, par: Utilisateur) -> Saisie:
    """Écrit ces montants (euros, par action ; None : le scénario n'en dit rien). La dernière saisie l'emporte.

    Chaque cellule vaut seule : celle d'une action que l'on ne peut plus servir est refusée, les autres sont écrites.
    """
    saisie = Saisie()
    with transaction.atomic():
        scenario = relire_pour_changer(scenario, par)
        siennes = scenario.propositions.filter(action__in=montants).select_related("action__campagne")
        trouvees = {p.action_id: p for p in siennes.order_by("pk")}
        changees = []
        for action, montant in montants.items():
            saisie.refus |= raison_du_refus(action, montant, trouvees)
            if action not in saisie.refus:
                saisie.avant[action] = trouvees[action].montant
                if montant != trouvees[action].montant:
                    trouvees[action].montant = montant
                    changees.append(trouvees[action])
        Proposition.objects.bulk_update(changees, ["montant"], batch_size=TAILLE_DE_LOT)
        dire_la_retouche(scenario, changees, par)
    return saisie


def raison_du_refus(action, montant, propositions):
    """Par action, pourquoi ce montant ne s'écrit pas ; vide s'il s'écrit."""
    if action not in propositions:
        return {action: "Cette action n’est pas dans le scénario."}
    if montant is not None and montant < 0:
        return {action: "Un montant ne peut pas être négatif."}
    empechement = regles.empechement_de_proposer(propositions[action].action)
    return {action: f"Le scénario ne peut plus rien lui donner : {empechement}."} if empechement else {}


def dire_la_retouche(scenario, changees, par):
    """Une règle imprimée ne doit pas faire croire qu'elle a donné tous les montants."""
    if changees and scenario.regle and not scenario.regle.endswith(RETOUCHES):
        ecrire(scenario, par, "Montants saisis après la règle", regle=scenario.regle + RETOUCHES)


def appliquer_une_regle(
    scenario: Scenario, regle: Regle, *, par: Utilisateur, lue: str | None = None, copie: str = ""
) -> Scenario:
    """Applique une règle d'ajustement aux montants du scénario, et l'écrit en toutes lettres ; rend le scénario ajusté.

    `lue` : le condensé des montants dont on a vu l'aperçu (None : sans contrôle) ; `copie` : le nom d'une copie, à
    ajuster à sa place.
    """
    with transaction.atomic():
        scenario = relire_pour_changer(scenario, par)
        refuser_si(regles.empechement_de_promouvoir(scenario))
        if lue is not None and lue != condense(scenario.propositions.values_list("action", "montant")):
            raise OperationRefusee("Un montant a changé depuis l’aperçu : le voici refait, à relire avant d’appliquer.")
        if copie:
            scenario = dupliquer_un_scenario(scenario, copie, par=par)
        try:
            apercu = apercu_de_la_regle(scenario, regle)
        except AjustementImpossible as impossible:
            raise OperationRefusee(str(impossible)) from impossible
        propositions = {p.action_id: p for p in scenario.propositions.order_by("pk")}
        for pk, montant in apercu.ajustement.montants.items():
            propositions[pk].montant = montant
        changees = [propositions[pk] for pk in apercu.ajustement.montants]
        Proposition.objects.bulk_update(changees, ["montant"], batch_size=TAILLE_DE_LOT)
        dite = f"{regle.phrase} Appliquée le {timezone.localtime():%d/%m/%Y à %H:%M} par {par}."
        ecrire(scenario, par, "Règle d’ajustement appliquée", regle=dite)
    return scenario


# --- Communs ---


def relire(scenario, par) -> Scenario:
    """Le scénario relu sous le verrou de son exercice, puis le sien ; la personne doit pouvoir l'écrire."""
    exercice = verrouiller_les_exercices([scenario.exercice_id])[scenario.exercice_id]
    relus = Scenario.objects.select_related("enveloppe__contrat").select_for_update(of=("self",))
    relu = relus.get(pk=scenario.pk)
    relu.exercice = exercice
    if relu.enveloppe:
        relu.enveloppe.exercice = exercice
    exiger_de_tenir(par, exercice, relu.enveloppe)
    return relu


def relire_pour_changer(scenario, par) -> Scenario:
    """Le même, s'il est à l'étude et l'exercice ouvert à la programmation."""
    relu = relire(scenario, par)
    refuser_si(regles.empechement_de_changer_le_scenario(relu))
    return relu


def exiger_de_tenir(par, exercice, enveloppe):
    if not regles.peut_tenir_un_scenario(par, exercice, enveloppe):
        raise DroitManquant("Vous n’êtes pas habilité à tenir ce scénario.")


def refuser_si(phrase):
    if phrase:
        raise OperationRefusee(phrase)


def ecrire(scenario, par, motif, **champs):
    for champ, valeur in champs.items():
        setattr(scenario, champ, valeur)
    modifier_avec_historique([scenario], Scenario, list(champs), par=par, motif=motif)
