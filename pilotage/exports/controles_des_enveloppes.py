"""Les décisions prises au-delà du disponible : leur total, puis chacune avec son enveloppe et son motif."""

from decimal import Decimal

from django.db.models import QuerySet

from politique_ville.outils.classeur import Cellule
from politique_ville.outils.francais import euros, pluriel
from politique_ville.outils.typographie import insecables
from programmation.models import Action, Decision

PERSONNE_NE_DEPASSE = "Aucune décision n’a dépassé le disponible de son enveloppe ni de l’enveloppe mère."
TOUTES_MOTIVEES = "Prises par le responsable, chacune avec son motif, dans les lignes suivantes."


def lignes_des_depassements(actions: QuerySet[Action]) -> list[dict]:
    """« Décisions au-delà du disponible : n, m € », puis une ligne par décision. Une requête."""
    siennes = Decision.objects.filter(action__in=actions.order_by().values("pk"), depassement__isnull=False)
    decisions = list(siennes.select_related("action", "enveloppe").order_by("date", "pk"))
    total = sum((decision.depassement for decision in decisions), Decimal("0.00"))
    return [ligne_du_total(len(decisions), total), *map(ligne_de_la_decision, decisions)]


def ligne_du_total(nombre, total):
    compte = f"{pluriel(nombre, 'décision', 'décisions')}, {euros(total)}"
    return {
        "nature": "Enveloppes",
        "libelle": insecables(f"Décisions au-delà du disponible : {compte}"),
        "a": Cellule(total, "euros"),
        "anomalies": nombre,
        "ou": TOUTES_MOTIVEES if nombre else PERSONNE_NE_DEPASSE,
    }


def ligne_de_la_decision(decision):
    """`a` : le dépassement ; `b` : tout ce que la décision accorde. Pas d'écart : ce n'est pas un rapprochement."""
    return {
        "nature": "Dépassement",
        "libelle": f"{decision.action.intitule}, {decision.date:%d/%m/%Y}",
        "lieu_a": str(decision.enveloppe),
        "a": Cellule(decision.depassement, "euros"),
        "lieu_b": "Montant décidé",
        "b": Cellule(decision.montant, "euros"),
        "ou": decision.motif,
    }
