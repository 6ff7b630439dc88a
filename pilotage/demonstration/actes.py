"""Les actes d'un exercice, établis d'un coup : notifiés pour une année passée, à tous les stades pour l'année ouverte.

Quelques porteurs de l'année ouverte attendent le leur, et il manque à chaque exercice une convention que la loi exige.
Un complément ou une diminution d'après l'acte y fait un avenant.
"""

from dataclasses import replace
from datetime import date, timedelta

from django.utils import timezone

from comptes.models import Utilisateur
from programmation.enums import NatureActe, NatureCourrier, NatureDecision
from programmation.models import Acte, Action, Exercice, ModeleDeCourrier
from programmation.operations import DatesDActe, SaisieDActe, dater_des_actes, etablir_des_actes, rediger_des_actes
from programmation.synthese.actes_en_lot import ActePropose, actes_proposes
from programmation.synthese.courriers import texte_de_depart

from .echeanciers import fixer_les_echeanciers

UN_MOIS = timedelta(days=30)
LUES = ["exercice__departement", "contrat", "porteur__fusionne_dans"]
UN_SANS_ACTE_SUR = 20  # actes de l'année ouverte
PROJET, SIGNE, NOTIFIE = 1, 2, 3  # de huit actes de l'année ouverte, le premier, le deuxième et les autres


def etablir_les_actes(exercice: Exercice, par: Utilisateur, *, finie: bool) -> None:
    """`finie` : l'année est passée, tous ses actes sont notifiés. La dernière convention exigée manque : un contrôle
    la relève."""
    actions = Action.objects.programmees().filter(exercice=exercice).select_related(*LUES)
    proposes, _ = actes_proposes(actions.order_by("porteur_id", "pk"))
    conventions = [propose for propose in proposes if propose.nature == NatureActe.CONVENTION]
    retenus = [
        propose
        for rang, propose in enumerate(proposes)
        if propose not in conventions[-1:] and (finie or rang % UN_SANS_ACTE_SUR)
    ]
    if not retenus:
        return
    actes = etablir_des_actes([de_depart(propose) for propose in retenus], par=par)
    stades = [NOTIFIE if finie else min(PROJET + rang % 8, NOTIFIE) for rang in range(len(actes))]
    suivis = list(zip(actes, retenus, stades, strict=True))
    dates = dater([(acte, de_depart(propose), stade) for acte, propose, stade in suivis], par)
    ecrire_les_avenants([(dates[acte.pk], *suite) for acte, *suite in suivis if suite[-1] == NOTIFIE], par)


def de_depart(propose: ActePropose) -> ActePropose:
    """L'acte d'avant les compléments et les diminutions."""
    premieres = tuple(d for d in propose.decisions if d.nature == NatureDecision.ATTRIBUTION)
    return replace(propose, decisions=premieres)


def dater(suivis, par) -> dict[int, Acte]:
    """Signé un mois après la dernière décision, notifié quinze jours plus tard ; jamais dans le futur. Rend les actes
    datés, par identifiant."""
    fixer_les_echeanciers([acte for acte, *_ in suivis], par)  # avant la signature, qui les fige
    dates = []
    for rang, (acte, propose, stade) in enumerate(suivis, 1):
        if stade == PROJET:
            continue
        signe_le = min(max(decision.date for decision in propose.decisions) + UN_MOIS, aujourd_hui())
        notifie_le = min(signe_le + UN_MOIS / 2, aujourd_hui()) if stade == NOTIFIE else None
        numero = f"{acte.remplace.numero}-1" if acte.remplace else f"{acte.exercice.annee}-{rang:03d}"
        dates.append(DatesDActe(acte, numero, signe_le, notifie_le))
    return {acte.pk: acte for acte in dater_des_actes(dates, par=par)} if dates else {}


def ecrire_les_avenants(suivis, par):
    """Un avenant par acte notifié que des décisions ont changé depuis."""
    changes = [suivi for suivi in suivis if len(suivi[1].decisions) > len(de_depart(suivi[1]).decisions)]
    if not changes:
        return
    modele = ModeleDeCourrier.objects.get(departement=None, nature=NatureCourrier.AVENANT)
    saisies = [avenant(acte, propose, modele) for acte, propose, _ in changes]
    avenants = rediger_des_actes(saisies, par=par)
    dater([(acte, propose, stade) for acte, (_, propose, stade) in zip(avenants, changes, strict=True)], par)


def avenant(remplace: Acte, propose: ActePropose, modele: ModeleDeCourrier) -> SaisieDActe:
    depart = texte_de_depart(modele, NatureActe.AVENANT, propose.decisions, aujourd_hui(), remplace)
    return SaisieDActe(NatureActe.AVENANT, depart.objet, propose.decisions, texte=depart.texte, remplace=remplace)


def aujourd_hui() -> date:
    return timezone.localdate()
