"""Les comités : ce qu'un passage dit de ses décisions, et ce qu'un comité terminé a photographié."""

from decimal import Decimal

from django.db.models import Count, F
from django.db.models import Value as V

from politique_ville.outils.montants import total
from programmation.enums import EtatComite, NatureComite
from programmation.models import Comite, Decision, Passage
from programmation.synthese.situation import situation

from ..models import Photographie
from .outils import Ecart, ecarts_de, nommer, verification


@verification("décision d’un comité", "Une décision prise en comité est celle de l’action de son passage.")
def decision_d_un_comite():
    d_une_autre = Decision.objects.exclude(passage=None).exclude(passage__action=F("action"))
    return ecarts_de(d_une_autre, "passage__action__intitule", "action__intitule")


@verification(
    "issue d’un passage",
    "Seul un comité de pilotage décide, et le montant d’un passage décidé est la somme de ses décisions.",
)
def issue_d_un_passage():
    d_ailleurs = Decision.objects.exclude(passage=None).exclude(passage__comite__nature=NatureComite.PILOTAGE)
    yield from ecarts_de(d_ailleurs, V(NatureComite.PILOTAGE), "passage__comite__nature")
    decides = Passage.objects.exclude(decisions=None).order_by("pk").annotate(somme=total("decisions__montant"))
    for pk, intitule, montant, somme in decides.values_list("pk", "action__intitule", "montant", "somme"):
        if montant != somme:
            yield Ecart(nommer(Passage, pk, intitule), somme, montant)


@verification("passage examiné", "L’action qu’un comité examine est à son ordre du jour.")
def passage_examine():
    ailleurs = Comite.objects.exclude(en_cours=None).exclude(en_cours__comite=F("pk"))
    return ecarts_de(ailleurs, V("un passage de ce comité"), "en_cours", nom="date")


@verification(
    "comité terminé",
    "Un comité terminé a une photographie, prise à la fin de la séance, et ne décide plus rien ; elle dit, au centime, "
    "ce que l’historique dit de ce jour-là.",
)
def comite_termine():
    tardives = Decision.objects.filter(enregistree_le__gt=F("passage__comite__termine_le"))
    yield from ecarts_de(tardives, "passage__comite__termine_le", "enregistree_le")
    termines = Comite.objects.filter(etat=EtatComite.TERMINE).select_related("campagne__exercice").order_by("pk")
    comptes = dict(termines.annotate(nombre=Count("photographies")).values_list("pk", "nombre"))
    for comite in termines:
        objet = nommer(Comite, comite.pk, str(comite))
        if comptes[comite.pk] != 1:
            yield Ecart(objet, "une photographie", str(comptes[comite.pk]))
        else:
            yield from differences(objet, comite)


def differences(objet, comite):
    """L'accordé par pilier de la photographie et celui que l'historique redonne, si la campagne couvre l'exercice."""
    if comite.campagne.contrat_id:
        return
    photographie = Photographie.objects.get(comite=comite)
    photographies = {li["cle"]: li["montant"] for li in photographie.synthese["tableau"]["piliers"]}
    relus = {ligne.pilier.code: ligne.montant for ligne in situation(comite).piliers}
    for code in sorted(photographies.keys() | relus.keys()):
        photographie_dit = Decimal(photographies.get(code) or 0)
        if photographie_dit != (relus.get(code) or 0):
            yield Ecart(f"{objet}, pilier {code}", photographie_dit, relus.get(code))
