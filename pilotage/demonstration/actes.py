"""Les actes d'un exercice, un par porteur : notifiés pour une année passée, à tous les stades pour l'année ouverte.

Les conventions que la loi exige y sont toutes les années passées ; des arrêtés, quelques-uns seulement. Un complément
d'après l'acte y fait un avenant.
"""

from collections import defaultdict
from datetime import date, timedelta

from django.utils import timezone

from comptes.models import Utilisateur
from programmation.enums import NatureActe, NatureCourrier, NatureDecision
from programmation.models import Acte, Action, Decision, Exercice, ModeleDeCourrier
from programmation.operations import SaisieDActe, dater_un_acte, rediger_un_acte
from programmation.synthese.actes import actions_a_conventionner
from programmation.synthese.courriers import texte_de_depart

UN_MOIS = timedelta(days=30)
LUES = ["action__exercice__departement", "action__contrat", "action__porteur__fusionne_dans"]
SANS_ACTE, PROJET, SIGNE = 0, 1, 2  # sur cinq porteurs de l'année ouverte ; les autres sont notifiés
UN_ARRETE_SUR = 8  # porteurs d'une année passée
PORTEURS_DE_L_ANNEE_OUVERTE = 40


def etablir_les_actes(exercice: Exercice, par: Utilisateur, *, finie: bool) -> None:
    """`finie` : l'année est passée, tous ses actes sont notifiés."""
    modeles = {modele.nature: modele for modele in ModeleDeCourrier.objects.filter(departement=None)}
    for rang, decisions in enumerate(attributions_par_porteur(exercice)):
        stade = stade_du_porteur(rang, decisions, finie)
        if stade == SANS_ACTE:
            continue
        premieres = [d for d in decisions if d.nature == NatureDecision.ATTRIBUTION]
        acte = etablir(premieres, modeles, par, numero=f"{exercice.annee}-{rang + 1:03d}", stade=stade)
        if stade > SIGNE and len(decisions) > len(premieres) and sum(d.montant for d in decisions) > 0:
            etablir(decisions, modeles, par, numero=f"{acte.numero}-1", stade=stade, remplace=acte)


def stade_du_porteur(rang, decisions, finie):
    if not finie:
        return rang % 5 if rang < PORTEURS_DE_L_ANNEE_OUVERTE else SANS_ACTE
    retenu = rang % UN_ARRETE_SUR == 0 or nature_de(decisions) == NatureActe.CONVENTION
    return SIGNE + 1 if retenu else SANS_ACTE


def attributions_par_porteur(exercice) -> list[list[Decision]]:
    """Les décisions qui portent des crédits, par porteur, de ceux dont quelque chose reste accordé."""
    programmees = Action.objects.programmees().filter(exercice=exercice)
    decisions = Decision.objects.filter(action__in=programmees.order_by().values("pk"))
    decisions = decisions.exclude(nature__in=NatureDecision.sans_montant()).select_related(*LUES)
    par_porteur = defaultdict(list)
    for decision in decisions.order_by("action__porteur_id", "date", "pk"):
        par_porteur[decision.action.porteur_id].append(decision)
    return list(par_porteur.values())


def etablir(decisions, modeles, par, *, numero, stade, remplace=None) -> Acte:
    nature = NatureActe.AVENANT if remplace else nature_de(decisions)
    depart = texte_de_depart(modeles[NatureCourrier.de_l_acte(nature)], nature, decisions, aujourd_hui(), remplace)
    acte = rediger_un_acte(SaisieDActe(nature, depart.objet, decisions, numero, depart.texte, remplace), par=par)
    if stade < SIGNE:
        return acte
    signe_le = min(max(decision.date for decision in decisions) + UN_MOIS, aujourd_hui())
    notifie_le = min(signe_le + UN_MOIS / 2, aujourd_hui()) if stade > SIGNE else None
    return dater_un_acte(acte, numero=numero, signe_le=signe_le, notifie_le=notifie_le, par=par)


def nature_de(decisions):
    obligees = actions_a_conventionner({decision.action_id: decision.action for decision in decisions}.values())
    return NatureActe.CONVENTION if obligees else NatureActe.ARRETE


def aujourd_hui() -> date:
    return timezone.localdate()
