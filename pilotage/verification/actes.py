"""Les actes : un exercice, chaque décision portée une seule fois, et un échéancier qui fait ce qu'ils attribuent."""

from collections import defaultdict
from decimal import Decimal

from django.db.models import F, Q

from politique_ville.outils.montants import total
from programmation.enums import NatureActe, NatureDecision
from programmation.models import Acte, VersementPrevu

from .outils import Ecart, verification

PORTAGES = Acte.decisions.through.objects


@verification("exercice d’un acte", "Un acte porte des décisions de son exercice.")
def exercice_d_un_acte():
    """De son organisme aussi, mais une fusion défaite ensuite les sépare : ce n'est pas un écart."""
    ailleurs = PORTAGES.exclude(decision__action__exercice=F("acte__exercice")).order_by("pk")
    lus = ailleurs.values_list("acte", "acte__exercice__annee", "decision__action__exercice__annee")
    for pk, attendue, trouvee in lus:
        yield Ecart(f"acte {pk}", attendue, trouvee)


@verification("décision portée", "Une décision n’est portée que par un acte en vigueur, et par son projet d’avenant.")
def decision_portee():
    en_vigueur = Acte.objects.en_vigueur().order_by().values("pk")
    porteurs = defaultdict(set)
    for portage in PORTAGES.filter(acte__in=en_vigueur).values_list("decision", "acte", "acte__remplace").iterator():
        porteurs[portage[0]].add(portage[1:])
    for decision, actes in porteurs.items():
        connus = {acte for acte, _ in actes}
        seuls = [acte for acte, remplace in actes if remplace not in connus]
        if len(seuls) > 1:
            yield Ecart(f"décision {decision}", "un acte", f"les actes {', '.join(map(str, sorted(seuls)))}")


@verification("décision d’un acte", "Un acte porte au moins une décision, et aucune qui ne porte pas de crédits.")
def decision_d_un_acte():
    for pk in Acte.objects.filter(decisions=None).order_by("pk").values_list("pk", flat=True):
        yield Ecart(f"acte {pk}", "une décision", "aucune")
    sans_credits = PORTAGES.filter(decision__nature__in=NatureDecision.sans_montant())
    for pk, nature in sans_credits.order_by("pk").values_list("acte", "decision__nature"):
        yield Ecart(f"acte {pk}", "des crédits", nature)


@verification(
    "échéancier d’un acte", "Les versements qu’un acte prévoit font ce qu’il attribue ; un retrait n’en a pas."
)
def echeancier_d_un_acte():
    avec = VersementPrevu.objects.order_by().values("acte")
    prevus = dict(avec.values_list("acte").annotate(somme=total("montant")))
    portages = PORTAGES.filter(acte__in=avec).order_by().values_list("acte")
    attribues = dict(portages.annotate(somme=total("decision__montant", filter=~Q(acte__nature=NatureActe.RETRAIT))))
    for acte, prevu in sorted(prevus.items()):
        attribue = attribues.get(acte) or Decimal("0.00")
        if prevu != attribue:
            yield Ecart(f"acte {acte}", attribue, prevu)
