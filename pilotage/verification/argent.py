"""L'argent : décisions, plan de financement, répartition entre les territoires."""

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Count, Exists, F, OuterRef
from django.db.models import Value as V

from politique_ville.outils.montants import total
from politique_ville.outils.repartition import part_sql
from programmation.enums import FamilleFinanceur, NatureDecision, StatutAction
from programmation.models import Action, Decision, Exercice, Financement
from programmation.regles import etat_p147

from .outils import Ecart, ecarts_de, nommer, verification

DECIDES = [nature.statut for nature in NatureDecision]


@verification(
    "accordé P147", "L’état et l’accordé de la ligne P147 sont ce que disent le statut et la somme des décisions."
)
def accorde_p147():
    sommes = dict(Decision.objects.order_by().values_list("action").annotate(somme=total("montant")))
    lignes = Financement.objects.p147().order_by("pk")
    champs = lignes.values_list("action", "action__intitule", "action__statut", "etat", "accorde")
    for action, intitule, statut, *trouve in champs.iterator():
        attendu = etat_p147(statut, sommes.get(action, Decimal(0)))
        if tuple(trouve) != attendu:
            yield Ecart(nommer(Action, action, intitule), etat_et_montant(attendu), etat_et_montant(trouve))


def etat_et_montant(couple):
    etat, montant = couple
    return etat if montant is None else f"{etat} {montant} €"


@verification("ligne P147", "Une action a au plus une ligne P147 ; décidée, elle en a une.")
def ligne_p147():
    doubles = Financement.objects.p147().order_by().values("action", "action__intitule").annotate(nombre=Count("pk"))
    for ligne in doubles.filter(nombre__gt=1):
        yield Ecart(nommer(Action, ligne["action"], ligne["action__intitule"]), "une ligne P147", ligne["nombre"])
    decisions = Decision.objects.filter(action=OuterRef("pk"))
    lignes = Financement.objects.p147().filter(action=OuterRef("pk"))
    sans_ligne = Action.objects.filter(Exists(decisions), ~Exists(lignes))
    yield from ecarts_de(sans_ligne, V("une ligne P147"), V("aucune"))


@verification(
    "décisions et statut",
    "Le statut d’une action est celui de sa dernière décision ; sans décision, rien n’est accordé.",
)
def decisions_et_statut():
    histoires = dict(histoires_des_decisions())
    actions = Action.objects.order_by("pk").values_list("pk", "intitule", "statut")
    for pk, intitule, statut in actions.iterator():
        derniere, somme, minimum = histoires.get(pk, (None, Decimal(0), Decimal(0)))
        objet = nommer(Action, pk, intitule)
        if minimum < 0:
            yield Ecart(objet, "un accordé jamais négatif", minimum)
        if statut in DECIDES and (derniere is None or NatureDecision(derniere).statut != statut):
            yield Ecart(objet, f"une décision qui mène à « {StatutAction(statut).label} »", derniere)
        if statut != StatutAction.PROGRAMMEE and somme != 0:
            yield Ecart(objet, Decimal("0.00"), somme)


def histoires_des_decisions() -> Iterator[tuple[int, tuple]]:
    """Par action : nature de la dernière décision, somme, et plus bas niveau atteint."""
    courante, histoire = None, None
    lues = Decision.objects.order_by("action_id", "pk").values_list("action", "nature", "montant")
    for action, nature, montant in lues.iterator():
        if action != courante:
            if histoire:
                yield courante, histoire
            courante, histoire = action, (nature, Decimal(0), Decimal(0))
        somme = histoire[1] + montant
        histoire = (nature, somme, min(histoire[2], somme))
    if histoire:
        yield courante, histoire


@verification(
    "date d’une décision", "Une décision date au plus tôt du 1er janvier de l’année qui précède celle de l’exercice."
)
def date_d_une_decision():
    anciennes = Decision.objects.filter(date__year__lt=F("action__exercice__annee") - 1)
    for ligne in anciennes.order_by("pk").values_list("action", "action__intitule", "action__exercice__annee", "date"):
        action, intitule, annee, jour = ligne
        yield Ecart(nommer(Action, action, intitule), f"le 01/01/{annee - 1} au plus tôt", f"{jour:%d/%m/%Y}")


@verification("porteur d’une décision", "Une décision garde le nom de son porteur.")
def porteur_d_une_decision():
    return ecarts_de(Decision.objects.filter(porteur_nom=""), "action__porteur__nom", "porteur_nom")


@verification("famille d’un financement", "La famille d’un financement est une famille connue.")
def famille_d_un_financement():
    fautifs = Financement.objects.exclude(famille__in=FamilleFinanceur.values)
    return ecarts_de(fautifs, "financeur__famille", "famille")


@verification(
    "répartition",
    "Par exercice, les quartiers, l’échelle du contrat et celle du département font le total, au centime.",
)
def repartition():
    noms = {exercice.pk: str(exercice) for exercice in Exercice.objects.select_related("departement")}
    bases = {
        "coût prévisionnel": (Action.objects.all(), "exercice", "cout_previsionnel", "localisations"),
        "demandé": (Financement.objects.all(), "action__exercice", "demande", "action__localisations"),
        "accordé": (Financement.objects.all(), "action__exercice", "accorde", "action__localisations"),
    }
    for base, (lignes, exercice, champ, lieux) in bases.items():
        totaux = sommes(lignes, exercice, champ)
        situees = sommes(lignes.filter(**{f"{lieux}__isnull": False}), exercice, part_sql(champ, f"{lieux}__"))
        ailleurs = sommes(lignes.filter(**{f"{lieux}__isnull": True}), exercice, champ)
        for pk, attendu in totaux.items():
            trouve = situees.get(pk, Decimal(0)) + ailleurs.get(pk, Decimal(0))
            if trouve != attendu:
                yield Ecart(f"exercice {noms[pk]}, {base}", attendu, trouve)


def sommes(lignes, exercice, montant):
    """La somme (euros) par exercice ; un total inconnu compte pour zéro."""
    groupes = lignes.order_by().values_list(F(exercice)).annotate(somme=total(montant))
    return {pk: somme or Decimal(0) for pk, somme in groupes}
