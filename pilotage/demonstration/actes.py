"""Les actes d'un exercice, un par porteur : notifiés pour une année passée, à tous les stades pour l'année ouverte.

Les conventions que la loi exige y sont toutes les années passées, sauf une ; des arrêtés, quelques-uns seulement. Un
complément d'après l'acte y fait un avenant.
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
    """`finie` : l'année est passée, tous ses actes sont notifiés. La dernière convention exigée manque : un contrôle
    la relève."""
    modeles = {modele.nature: modele for modele in ModeleDeCourrier.objects.filter(departement=None)}
    porteurs = attributions_par_porteur(exercice)
    natures = natures_par_porteur(porteurs)
    oubliee = max((rang for rang, nature in enumerate(natures) if nature == NatureActe.CONVENTION), default=None)
    for rang, (decisions, nature) in enumerate(zip(porteurs, natures, strict=True)):
        stade = stade_du_porteur(rang, nature, finie)
        if stade == SANS_ACTE or rang == oubliee:
            continue
        premieres = [d for d in decisions if d.nature == NatureDecision.ATTRIBUTION]
        numero = f"{exercice.annee}-{rang + 1:03d}"
        acte = etablir(premieres, nature, modeles, par, numero=numero, stade=stade)
        if stade > SIGNE and len(decisions) > len(premieres) and sum(d.montant for d in decisions) > 0:
            suite = {"numero": f"{numero}-1", "stade": stade, "remplace": acte}
            etablir(decisions, NatureActe.AVENANT, modeles, par, **suite)


def natures_par_porteur(porteurs):
    """La convention, dès qu'une de ses actions l'exige ; à défaut l'arrêté."""
    actions = {decision.action_id: decision.action for decisions in porteurs for decision in decisions}
    obligees = {action.pk for action in actions_a_conventionner(actions.values())}
    return [
        NatureActe.CONVENTION if any(d.action_id in obligees for d in decisions) else NatureActe.ARRETE
        for decisions in porteurs
    ]


def stade_du_porteur(rang, nature, finie):
    if not finie:
        return rang % 5 if rang < PORTEURS_DE_L_ANNEE_OUVERTE else SANS_ACTE
    retenu = rang % UN_ARRETE_SUR == 0 or nature == NatureActe.CONVENTION
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


def etablir(decisions, nature, modeles, par, *, numero, stade, remplace=None) -> Acte:
    depart = texte_de_depart(modeles[NatureCourrier.de_l_acte(nature)], nature, decisions, aujourd_hui(), remplace)
    acte = rediger_un_acte(SaisieDActe(nature, depart.objet, decisions, numero, depart.texte, remplace), par=par)
    if stade < SIGNE:
        return acte
    signe_le = min(max(decision.date for decision in decisions) + UN_MOIS, aujourd_hui())
    notifie_le = min(signe_le + UN_MOIS / 2, aujourd_hui()) if stade > SIGNE else None
    return dater_un_acte(acte, numero=numero, signe_le=signe_le, notifie_le=notifie_le, par=par)


def aujourd_hui() -> date:
    return timezone.localdate()
