"""Engager et payer : ce que Chorus a fait, saisi à la main, exercice clos ou non. Rien ici ne change la programmation.

Un engagement juridique (EJ) couvre plusieurs actions ; chaque ligne engage une action sur une enveloppe (AE, euros). Un
désengagement est une ligne négative. Un paiement règle une ligne (CP, euros) ; un reversement du porteur est négatif.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.db import transaction

from comptes.models import Utilisateur
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import total

from .. import regles
from ..enums import NaturePaiement, SuiteJustification
from ..models import Action, Engagement, Enveloppe, Justification, LigneEngagement, Paiement
from ..synthese.enveloppes import lignee, restes_a_engager
from .decisions import enveloppes_des_exercices, sommes_des_decisions
from .depassements import nommer
from .outils import (
    MotifExige,
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    exiger_un_motif,
    modifier_avec_historique,
    supprimer_avec_historique,
    verrouiller_les_actions,
    verrouiller_les_exercices,
)
from .statuts import exiger_les_droits, refuser_ensemble
from .versions import refuser_si_change

ZERO = Decimal("0.00")
AUTOMATIQUE = object()  # l'enveloppe de la décision, s'il n'y en a qu'une


class EntreTemps(OperationRefusee):
    """Quelqu'un a enregistré autre chose depuis que la page a été lue : la relire avant d'envoyer à nouveau."""


@dataclass(frozen=True)
class LigneDEngagement:
    """Ce qu'on engage pour une action, en euros d'AE, > 0. Sans enveloppe dite : celle de ses décisions, si une seule
    lui accorde ; None : aucune, quand l'exercice n'en a pas."""

    action: Action
    montant: Decimal
    enveloppe: Enveloppe | None | object = AUTOMATIQUE


@dataclass(frozen=True)
class DemandeDEngagement:
    """Un EJ à enregistrer : son numéro dans Chorus, sa date, ses lignes."""

    numero: str
    date: Date
    lignes: Sequence[LigneDEngagement]


@dataclass(frozen=True)
class DemandeDePaiement:
    """Une DP réglée, ou un reversement : le montant est positif, la nature dit le sens.

    `vus` : combien de paiements de cette ligne la personne a lus (None : sans contrôle).
    """

    ligne: LigneEngagement
    nature: NaturePaiement
    montant: Decimal
    date: Date
    numero: str = ""
    vus: int | None = None


# --- Engager ---


def engager(demandes: Sequence[DemandeDEngagement], *, par: Utilisateur, motif: str = "") -> list[Engagement]:
    """Enregistre des EJ, tout ou rien. Lève OperationRefusee, DroitManquant ou MotifExige sans rien écrire."""
    with contraintes_en_francais(), transaction.atomic():
        actions = verrouiller_les_actions({ligne.action.pk for demande in demandes for ligne in demande.lignes})
        exiger_les_droits(actions.values(), par)
        engagements = [engagement_a_creer(demande, actions) for demande in demandes]
        creer_avec_historique(engagements, Engagement, par=par, motif=motif or "Engagement")
        paires = zip(engagements, demandes, strict=True)
        lignes = [(engagement, ligne) for engagement, demande in paires for ligne in demande.lignes]
        ajouter_les_lignes(lignes, actions, par, motif)
    return engagements


def completer_l_engagement(
    engagement: Engagement,
    lignes: Sequence[LigneDEngagement],
    *,
    par: Utilisateur,
    motif: str = "",
    vues: int | None = None,
) -> list[LigneEngagement]:
    """Ajoute des lignes à un EJ déjà enregistré. `vues` : combien la personne en a lu (None : sans contrôle)."""
    with contraintes_en_francais(), transaction.atomic():
        actions = verrouiller_les_actions({ligne.action.pk for ligne in lignes})
        exiger_les_droits(actions.values(), par)
        engagement = relire_l_engagement(engagement)
        verifier_les_vues(vues, engagement.lignes.count())
        return ajouter_les_lignes([(engagement, ligne) for ligne in lignes], actions, par, motif)


def relire_l_engagement(engagement):
    """L'EJ tel qu'il est sous le verrou ; sa dernière ligne retirée, il n'existe plus."""
    relu = Engagement.objects.select_related("exercice").filter(pk=engagement.pk).first()
    if relu is None:
        raise EntreTemps(f"L’EJ {engagement.numero} n’existe plus : sa dernière ligne a été retirée entre-temps.")
    return relu


def engagement_a_creer(demande, actions):
    if not demande.lignes:
        raise OperationRefusee("Indiquer ce que l’EJ engage pour une action au moins.")
    siennes = [actions[ligne.action.pk] for ligne in demande.lignes]
    exercices = {action.exercice for action in siennes}
    if len(exercices) > 1:
        raise OperationRefusee("Un EJ n’engage que des actions d’un même exercice.")
    engagement = Engagement(exercice=exercices.pop(), numero=ecrire_le_numero(demande.numero), date=demande.date)
    controler(engagement)
    refuser_la_date(regles.empechement_de_dater_l_execution(engagement.exercice, engagement.date))
    return engagement


def ecrire_le_numero(numero):
    """« 210 123 4567 » et « 2101234567 » sont le même EJ."""
    return "".join(numero.split()).upper()


def refuser_la_date(empechement):
    if empechement:
        raise OperationRefusee({"date": empechement})


def ajouter_les_lignes(demandees, actions, par, motif):
    """`demandees` : des couples (EJ, ligne demandée). Contrôle tout le lot, puis l'écrit."""
    refuser_ensemble({actions[ligne.action.pk]: None for _, ligne in demandees}, regles.empechement_d_engager)
    comptes = Comptes(actions)
    lignes = [ligne_a_creer(engagement, ligne, actions, comptes) for engagement, ligne in demandees]
    refuser_les_repetitions(lignes)
    depassements = [*au_dela_de_l_accorde(lignes, comptes), *au_dela_du_notifie(lignes, comptes)]
    refuser_de_depasser(depassements, par, motif)
    for ligne in lignes:
        controler(ligne)
    creer_avec_historique(lignes, LigneEngagement, par=par, motif=motif or "Engagement")
    return lignes


class Comptes:
    """Ce qu'il faut savoir d'actions, sous le verrou de leurs exercices, pour les engager.

    `accordes`, `engages` : par action puis par enveloppe (None : sans), en euros. `enveloppes` : par identifiant.
    """

    def __init__(self, actions: Mapping[int, Action]):
        self.accordes = sommes_des_decisions(actions)[1]
        self.engages = engages_par_enveloppe(actions)
        self.enveloppes = enveloppes_des_exercices(actions.values())

    def donneuses(self, action):
        """Les enveloppes qui accordent quelque chose à l'action."""
        donneuses = [pk for pk, accorde in self.accordes[action.pk].items() if accorde > 0]
        return sorted(donneuses, key=lambda pk: pk or 0)  # la base ne promet aucun ordre

    def de_l_enveloppe(self, action_id, enveloppe_id):
        """(accordé, engagé) de l'action par cette enveloppe."""
        return self.accordes[action_id].get(enveloppe_id, ZERO), self.engages[action_id].get(enveloppe_id, ZERO)

    def en_tout(self, action_id):
        """(accordé, engagé) de l'action par toutes ses enveloppes."""
        return sum(self.accordes[action_id].values(), ZERO), sum(self.engages[action_id].values(), ZERO)


def engages_par_enveloppe(actions):
    sommes = defaultdict(dict)
    groupes = LigneEngagement.objects.filter(action__in=actions).order_by().values_list("action", "enveloppe")
    for action, enveloppe, somme in groupes.annotate(somme=total("ae")):
        sommes[action][enveloppe] = somme
    return sommes


def ligne_a_creer(engagement, demandee, actions, comptes):
    action = actions[demandee.action.pk]
    if demandee.montant <= 0:
        raise OperationRefusee(f"« {action} » : un engagement est supérieur à zéro.")
    enveloppe = enveloppe_de_la_ligne(action, demandee.enveloppe, comptes)
    ligne = LigneEngagement(engagement=engagement, action=action, ae=demandee.montant)
    ligne.enveloppe = comptes.enveloppes[enveloppe] if enveloppe else None
    return ligne


def enveloppe_de_la_ligne(action, demandee, comptes):
    """L'identifiant de l'enveloppe : une de celles qui accordent à l'action ; demandée s'il y en a plusieurs."""
    donneuses = comptes.donneuses(action)
    if demandee is AUTOMATIQUE:
        if len(donneuses) != 1:
            noms = " ou ".join(nom_de(pk, comptes.enveloppes) for pk in donneuses)
            suite = f"choisir l’enveloppe à engager, {noms}." if noms else "rien ne lui est accordé."
            raise OperationRefusee(f"« {action} » : {suite}")
        return donneuses[0]
    demandee = demandee.pk if demandee else None
    if demandee not in donneuses:
        noms = " ou ".join(nom_de(pk, comptes.enveloppes) for pk in donneuses) or "aucune enveloppe"
        raise OperationRefusee(
            f"« {action} » : {nom_de(demandee, comptes.enveloppes)} ne lui accorde rien. Engager sur {noms}."
        )
    return demandee


def nom_de(enveloppe, enveloppes):
    return f"« {enveloppes[enveloppe]} »" if enveloppe in enveloppes else "hors enveloppe"


def refuser_les_repetitions(lignes):
    vues = Counter((ligne.engagement, ligne.action_id, ligne.enveloppe_id) for ligne in lignes)
    for ligne in lignes:
        if vues[ligne.engagement, ligne.action_id, ligne.enveloppe_id] > 1:
            raise OperationRefusee(f"« {ligne.action} » est deux fois dans l’EJ, sur la même enveloppe.")


def au_dela_de_l_accorde(lignes, comptes):
    """(exercice, phrase) de chaque action que le lot engage au-delà de ce qu'une enveloppe lui accorde ou, sinon, de
    tout ce qui lui est accordé : une enveloppe diminuée après son engagement en prend sur les autres."""
    par_enveloppe, en_tout = Counter(), Counter()
    for ligne in lignes:
        par_enveloppe[ligne.action, ligne.enveloppe_id] += ligne.ae
        en_tout[ligne.action] += ligne.ae
    dites = set()
    for (action, enveloppe), besoin in par_enveloppe.items():
        phrase = phrase_du_depassement("", besoin, *comptes.de_l_enveloppe(action.pk, enveloppe))
        if phrase:
            dites.add(action)
            yield action.exercice, f"« {action} » : {phrase}"
    for action, besoin in en_tout.items():
        phrase = phrase_du_depassement(" en tout", besoin, *comptes.en_tout(action.pk))
        if phrase and action not in dites:
            yield action.exercice, f"« {action} » : {phrase}"


def phrase_du_depassement(ou, besoin, accorde, engage):
    reste = accorde - engage
    if besoin <= reste:
        return ""
    return f"{euros(besoin)} dépassent ce qui reste à engager{ou}, {euros(reste)} sur {euros(accorde)} accordés."


def au_dela_du_notifie(lignes, comptes):
    """(exercice, phrase) de chaque enveloppe, mères comprises, dont le notifié ne suffit pas au lot."""
    enveloppes = comptes.enveloppes
    meres = {pk: enveloppe.parent_id for pk, enveloppe in enveloppes.items()}
    besoins = Counter()
    for ligne in lignes:
        for pk in lignee(ligne.enveloppe_id, meres):
            besoins[pk] += ligne.ae
    restes = restes_a_engager(enveloppes[pk] for pk in besoins)
    for pk, besoin in besoins.items():
        if besoin > restes[pk]:
            phrase = f"{euros(besoin)} dépassent le notifié qui reste à engager ({euros(restes[pk])})."
            yield enveloppes[pk].exercice, f"{nommer(enveloppes[pk], enveloppes)} : {phrase}"


def refuser_de_depasser(depassements, par, motif):
    """Seul le responsable dépasse, avec un motif qui reste dans l'historique de la ligne."""
    refus = [phrase for exercice, phrase in depassements if not regles.peut_depasser_l_engagement(par, exercice)]
    if refus:
        raise OperationRefusee([*refus, "Seul un responsable peut dépasser, avec un motif."])
    if depassements and not motif.strip():
        raise MotifExige([f"{phrase} Dépasser demande un motif." for _, phrase in depassements])


def verifier_les_vues(vues, actuelles):
    if vues is not None and vues != actuelles:
        raise EntreTemps("Quelqu’un a enregistré autre chose entre-temps : relire la page, puis envoyer à nouveau.")


# --- Désengager, corriger ---


def desengager(
    ligne: LigneEngagement, montant: Decimal, *, par: Utilisateur, motif: str, vues: int | None = None
) -> LigneEngagement:
    """Rend une partie de ce que l'EJ engage pour l'action sur cette enveloppe : une ligne négative, motivée.

    Ce qui est payé ne se désengage pas. `vues` : combien de lignes de l'EJ la personne a lues.
    """
    exiger_un_motif(motif, {"motif": "Un désengagement demande un motif."})
    with contraintes_en_francais(), transaction.atomic():
        ligne = relire_la_ligne(ligne, par)
        verifier_les_vues(vues, ligne.engagement.lignes.count())
        if montant <= 0:
            raise OperationRefusee({"montant": "Indiquer un montant supérieur à zéro."})
        engage, paye = compte_du_poste(ligne)
        if montant > engage - paye:
            phrase = f"Au plus {euros(engage - paye)} : {euros(engage)} engagés, dont {euros(paye)} payés."
            raise OperationRefusee({"montant": phrase})
        rendue = LigneEngagement(engagement=ligne.engagement, action=ligne.action, enveloppe=ligne.enveloppe)
        rendue.ae = -montant
        controler(rendue)
        creer_avec_historique([rendue], LigneEngagement, par=par, motif=motif)
    return rendue


def relire_la_ligne(ligne, par):
    """La ligne, relue sous le verrou de son exercice, si la personne peut l'écrire."""
    action = verrouiller_les_actions([ligne.action_id])[ligne.action_id]
    exiger_les_droits([action], par)
    relue = LigneEngagement.objects.select_related("engagement__exercice", "enveloppe").filter(pk=ligne.pk).first()
    if relue is None:
        raise OperationRefusee("Cette ligne d’engagement n’existe plus : elle a été retirée entre-temps.")
    relue.action = action
    return relue


def compte_du_poste(ligne):
    """(engagé, payé net) de l'action dans cet EJ, sur cette enveloppe, en euros."""
    poste = {"engagement": ligne.engagement_id, "action": ligne.action_id, "enveloppe": ligne.enveloppe_id}
    lignes = LigneEngagement.objects.filter(**poste)
    paye = Paiement.objects.filter(ligne__in=lignes.order_by()).aggregate(somme=total("cp"))["somme"]
    return lignes.aggregate(somme=total("ae"))["somme"] or ZERO, paye or ZERO


def corriger_l_engagement(
    engagement: Engagement, numero: str, date: Date, *, par: Utilisateur, motif: str, lue: int | None = None
) -> Engagement:
    """Corrige le numéro ou la date d'un EJ mal saisi, avec un motif ; aucun paiement ne peut le précéder.

    `lue` : la version lue (`version_lue`). Lève ObjetChange si un autre l'a changé depuis.
    """
    exiger_un_motif(motif, {"motif": "Corriger un EJ demande un motif."})
    with contraintes_en_francais(), transaction.atomic():
        verrouiller_les_exercices([engagement.exercice_id])
        actions = verrouiller_les_actions(engagement.lignes.order_by().values_list("action", flat=True))
        exiger_les_droits(actions.values(), par)
        engagement = relire_l_engagement(engagement)
        refuser_la_date(regles.empechement_de_dater_l_execution(engagement.exercice, date))
        premier = Paiement.objects.filter(ligne__engagement=engagement).order_by("date").first()
        if premier and date > premier.date:
            raise OperationRefusee({"date": f"Un paiement de cet EJ date déjà du {premier.date:%d/%m/%Y}."})
        nom = f"L’EJ {engagement.numero}"
        if not appliquer(engagement, {"numero": ecrire_le_numero(numero), "date": date}):
            return engagement
        refuser_si_change(engagement, lue, nom)
        controler(engagement)
        modifier_avec_historique([engagement], Engagement, ["numero", "date"], par=par, motif=motif)
    return engagement


def retirer_la_ligne(ligne: LigneEngagement, *, par: Utilisateur, motif: str) -> None:
    """Retire une ligne saisie par erreur, que rien n'a payée ; avec sa dernière ligne, l'EJ disparaît.

    L'historique la garde. Chorus, lui, désengage : `desengager`. Retirer un désengagement engage à nouveau : les mêmes
    limites s'y appliquent.
    """
    exiger_un_motif(motif, {"motif": "Retirer une ligne demande un motif."})
    with transaction.atomic():
        ligne = relire_la_ligne(ligne, par)
        if ligne.paiements.exists():
            raise OperationRefusee("Cette ligne a des paiements : les retirer d’abord, s’ils sont faux.")
        engage, paye = compte_du_poste(ligne)
        if engage - ligne.ae < paye:
            raise OperationRefusee(f"Sans cette ligne, l’EJ engagerait moins que ce qui est payé, {euros(paye)}.")
        if ligne.ae < 0:
            refuser_de_rengager_au_dela(ligne, par, motif)
        engagement = ligne.engagement
        supprimer_avec_historique([ligne], par=par, motif=motif)
        if not engagement.lignes.exists():
            supprimer_avec_historique([engagement], par=par, motif=motif)


def refuser_de_rengager_au_dela(rendue, par, motif):
    """Ce qu'un désengagement avait rendu a pu être engagé ailleurs : sans lui, l'accordé ou le notifié serait passé."""
    comptes = Comptes({rendue.action_id: rendue.action})
    reprise = LigneEngagement(engagement=rendue.engagement, action=rendue.action, enveloppe=rendue.enveloppe)
    reprise.ae = -rendue.ae
    depassements = [*au_dela_de_l_accorde([reprise], comptes), *au_dela_du_notifie([reprise], comptes)]
    refuser_de_depasser(depassements, par, motif)


# --- Payer ---


def payer(demandes: Sequence[DemandeDePaiement], *, par: Utilisateur, motif: str = "") -> list[Paiement]:
    """Enregistre des paiements ou des reversements, tout ou rien, dans l'ordre du lot."""
    with contraintes_en_francais(), transaction.atomic():
        actions = verrouiller_les_actions({demande.ligne.action_id for demande in demandes})
        exiger_les_droits(actions.values(), par)
        caisse = Caisse(demande.ligne.pk for demande in demandes)
        paiements = [paiement_a_creer(demande, caisse) for demande in demandes]
        creer_avec_historique(paiements, Paiement, par=par, motif=motif or "Paiement")
    return paiements


class Caisse:
    """Ce qui est engagé et payé des lignes d'un lot, tenu à jour à mesure que le lot paie. Trois requêtes."""

    def __init__(self, lignes):
        lues = LigneEngagement.objects.select_related("engagement__exercice", "action", "enveloppe")
        self.lignes: dict[int, LigneEngagement] = lues.in_bulk(lignes)
        engagements = {ligne.engagement_id for ligne in self.lignes.values()}
        self.engages, self.payes = Counter(), Counter()  # par poste : un EJ, une action, une enveloppe
        self.nombres, self.nets = Counter(), Counter()  # par ligne
        for ligne in LigneEngagement.objects.filter(engagement__in=engagements):
            self.engages[self.poste(ligne)] += ligne.ae
        for paiement in Paiement.objects.filter(ligne__engagement__in=engagements).select_related("ligne"):
            self.compter(paiement)

    @staticmethod
    def poste(ligne):
        return ligne.engagement_id, ligne.action_id, ligne.enveloppe_id

    def compter(self, paiement):
        self.nombres[paiement.ligne_id] += 1
        self.nets[paiement.ligne_id] += paiement.cp
        self.payes[self.poste(paiement.ligne)] += paiement.cp

    def paye(self, ligne) -> Decimal:
        """Le net payé de la ligne."""
        return self.nets[ligne.pk] or ZERO

    def reste(self, ligne) -> Decimal:
        """Ce qui peut encore se payer : ni au-delà de la ligne, ni de ce que l'EJ engage encore pour l'action."""
        poste = self.poste(ligne)
        return min(ligne.ae - self.paye(ligne), self.engages[poste] - self.payes[poste])


def paiement_a_creer(demande, caisse):
    ligne = caisse.lignes.get(demande.ligne.pk)
    if ligne is None:
        raise OperationRefusee("Cette ligne d’engagement n’existe plus : elle a été retirée entre-temps.")
    verifier_les_vues(demande.vus, caisse.nombres[ligne.pk])
    refuser_la_date(empechement_de_dater_le_paiement(ligne, demande.date))
    refuser_le_montant(demande, ligne, caisse)
    rendu = demande.nature == NaturePaiement.REVERSEMENT
    paiement = Paiement(
        ligne=ligne, nature=demande.nature, numero="".join(demande.numero.split()).upper(), date=demande.date
    )
    paiement.cp = -demande.montant if rendu else demande.montant
    controler(paiement)
    caisse.compter(paiement)
    return paiement


def empechement_de_dater_le_paiement(ligne, jour):
    if jour < ligne.engagement.date:
        return f"Un paiement suit son engagement, daté du {ligne.engagement.date:%d/%m/%Y}."
    return regles.empechement_du_futur(jour)


def refuser_le_montant(demande, ligne, caisse):
    if demande.montant <= 0:
        raise OperationRefusee({"montant": "Indiquer un montant supérieur à zéro."})
    paye = caisse.paye(ligne)
    if demande.nature == NaturePaiement.REVERSEMENT and demande.montant > paye:
        raise OperationRefusee({"montant": f"Le porteur ne rend pas plus que les {euros(paye)} reçus de cette ligne."})
    reste = caisse.reste(ligne)
    if demande.nature != NaturePaiement.REVERSEMENT and demande.montant > reste:
        phrase = f"« {ligne.action} » : {euros(demande.montant)} dépassent ce qui reste à payer, {euros(reste)}."
        raise OperationRefusee({"montant": phrase})


def retirer_le_paiement(paiement: Paiement, *, par: Utilisateur, motif: str) -> None:
    """Retire un paiement saisi par erreur ; l'historique le garde."""
    exiger_un_motif(motif, {"motif": "Retirer un paiement demande un motif."})
    with transaction.atomic():
        ligne = relire_la_ligne(paiement.ligne, par)
        trouve = ligne.paiements.filter(pk=paiement.pk).first()
        if trouve is None:
            raise OperationRefusee("Ce paiement n’existe plus : il a été retiré entre-temps.")
        refuser_de_laisser_un_reversement_seul(ligne, trouve)
        supprimer_avec_historique([trouve], par=par, motif=motif)


def refuser_de_laisser_un_reversement_seul(ligne, paiement):
    """Sans ce paiement, le porteur aurait rendu plus que reçu, ou un reversement dit perçu serait sans trace."""
    net = ligne.paiements.aggregate(somme=total("cp"))["somme"] or ZERO
    if net - paiement.cp < 0:
        raise OperationRefusee("Un reversement a suivi ce paiement : le retirer d’abord.")
    if paiement.cp < 0:
        refuser_de_payer_au_dela(ligne, net - paiement.cp, paiement)
    percu = Justification.objects.filter(action=ligne.action, suite=SuiteJustification.REVERSEMENT_PERCU).exists()
    if paiement.cp < 0 and percu:
        raise OperationRefusee("La justification dit ce reversement perçu : changer d’abord la suite donnée.")


def refuser_de_payer_au_dela(ligne, net, reversement):
    """Ce qu'un reversement avait rendu a pu être payé à nouveau, ou désengagé : il ne se retire plus."""
    engage, paye = compte_du_poste(ligne)
    for paye_alors, engage_alors in ((net, ligne.ae), (paye - reversement.cp, engage)):
        if paye_alors > engage_alors:
            phrase = f"Sans ce reversement, {euros(paye_alors)} seraient payés pour {euros(engage_alors)} engagés."
            raise OperationRefusee(f"{phrase} Retirer d’abord le paiement ou le désengagement qui l’a suivi.")
