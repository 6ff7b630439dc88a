"""L'exécution : ce que les opérations garantissent et que la base ne peut pas dire."""

from decimal import Decimal

from django.db.models import F, Q

from politique_ville.outils.montants import total
from programmation.enums import FamilleFinanceur, SuiteJustification
from programmation.models import Justification, LigneEngagement, Paiement, SuiviFinancement

from .outils import Ecart, ecarts_de, verification

POSTE = ["engagement__numero", "action", "action__intitule", "enveloppe"]


@verification("engagement d’une action", "Un EJ et ses désengagements ne rendent pas plus qu’ils n’engagent.")
def engagement_d_une_action():
    for poste, ae in sommes_des_postes(LigneEngagement.objects.all(), "", "ae").items():
        if ae < 0:
            yield Ecart(nommer_le_poste(poste), "au moins 0,00 €", ae)


@verification("payé et engagé", "Ce qui est payé, net, d’une action dans un EJ va de zéro à ce qui y est engagé.")
def paye_et_engage():
    engages = sommes_des_postes(LigneEngagement.objects.all(), "", "ae")
    for poste, cp in sommes_des_postes(Paiement.objects.all(), "ligne__", "cp").items():
        if not 0 <= cp <= engages.get(poste, Decimal(0)):
            yield Ecart(nommer_le_poste(poste), engages.get(poste, Decimal(0)), cp)


def sommes_des_postes(lignes, chemin, champ):
    """La somme d'un champ (euros) par EJ, action et enveloppe."""
    cles = [f"{chemin}engagement", *(f"{chemin}{nom}" for nom in POSTE)]
    groupes = lignes.order_by().values_list(*cles).annotate(somme=total(champ))
    return {tuple(cle): somme for *cle, somme in groupes}


def nommer_le_poste(poste):
    _, numero, pk, intitule, _ = poste
    return f"EJ {numero}, action {pk} « {intitule} »"


@verification("date d’un paiement", "Un paiement ne précède pas son engagement.")
def date_d_un_paiement():
    anciens = Paiement.objects.filter(date__lt=F("ligne__engagement__date"))
    return ecarts_de(anciens, "ligne__engagement__date", "date", nom="ligne__action__intitule")


@verification("exercice d’un engagement", "Une ligne d’engagement, son action et son enveloppe ont le même exercice.")
def exercice_d_un_engagement():
    d_ailleurs = ~Q(action__exercice=F("engagement__exercice"))
    d_ailleurs |= Q(enveloppe__isnull=False) & ~Q(enveloppe__exercice=F("engagement__exercice"))
    fautives = LigneEngagement.objects.filter(d_ailleurs)
    return ecarts_de(fautives, "engagement__exercice__annee", "action__exercice__annee", nom="action__intitule")


@verification("reversement perçu", "Un reversement dit perçu a ses paiements négatifs, au moins à ce montant.")
def reversement_percu():
    rendus = Paiement.objects.filter(cp__lt=0).order_by().values_list("ligne__action").annotate(somme=total("cp"))
    rendus = dict(rendus)
    percues = Justification.objects.filter(suite=SuiteJustification.REVERSEMENT_PERCU).order_by("pk")
    for action, intitule, attendu in percues.values_list("action", "action__intitule", "non_utilise"):
        if -rendus.get(action, Decimal(0)) < attendu:
            yield Ecart(f"action {action} « {intitule} »", attendu, -rendus.get(action, Decimal(0)))


@verification("suivi d’un cofinanceur", "Le P147 se suit par ses engagements : aucun suivi ne porte sur sa ligne.")
def suivi_d_un_cofinanceur():
    fautifs = SuiviFinancement.objects.filter(financement__famille=FamilleFinanceur.ANCT_P147)
    return ecarts_de(fautifs, "financement__financeur__nom", "etat", nom="financement__action__intitule")
