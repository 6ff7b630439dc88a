"""Scinder : un dossier Dauphin qui couvre plusieurs contrats devient une action par contrat, au centime."""

from decimal import Decimal

from django.db import transaction

from comptes.models import Utilisateur
from politique_ville.outils.montants import MontantField
from politique_ville.outils.repartition import repartir
from territoires.models import ContratDeVille

from .. import regles
from ..models import Action, Financement, PrevisionPluriannuelle
from .outils import (
    DroitManquant,
    OperationRefusee,
    contraintes_en_francais,
    exiger_un_motif,
    verrouiller_les_actions,
)
from .plan import MONTANTS_DE_LA_LIGNE, LigneDePlan
from .pluriannuel import PrevisionsSaisies, prevoir
from .saisie import ETIQUETTES, SaisieAction, enregistrer

BENEFICIAIRES = ["beneficiaires_prevus", "beneficiaires_femmes", "beneficiaires_hommes", "beneficiaires_qpv"]
NON_COPIES = {"id", "cle", "contrat", "campagne", "version", "cree_le", "modifie_le", "recherche", "statut"}


def scinder(action: Action, cles: dict[ContratDeVille, int], *, par: Utilisateur, motif: str) -> list[Action]:
    """Répartit l'action entre les contrats donnés ; elle garde le sien, les autres naissent avec le même dossier.

    Chaque montant et chaque effectif se répartit aux clés, dans l'ordre des identifiants de contrat. Rend les actions
    dans cet ordre. Lève OperationRefusee si l'action est décidée, n'a pas de dossier ou n'est pas dans les contrats.
    """
    with contraintes_en_francais(), transaction.atomic():
        action = verrouiller_les_actions([action])[action.pk]
        verifier(action, cles, par, motif)
        contrats = sorted(cles, key=lambda contrat: contrat.pk)
        parts = parts_de_l_action(action, [cles[contrat] for contrat in contrats])
        plan = list(Financement.objects.filter(action=action).select_related("financeur"))
        plans = plans_repartis(plan, [cles[contrat] for contrat in contrats])
        etiquettes = {champ: list(getattr(action, champ).all()) for champ in ETIQUETTES}
        saisies = [
            saisie_d_une_part(action, contrat, part, lignes, etiquettes)
            for contrat, part, lignes in zip(contrats, parts, plans, strict=True)
        ]
        actions = enregistrer(saisies, par=par, motif=motif)
        repartir_les_previsions(action, actions, [cles[contrat] for contrat in contrats], par, motif)
        return actions


def verifier(action, cles, par, motif):
    if not regles.peut_modifier(par, action):
        raise DroitManquant(f"Vous n’êtes pas habilité à scinder « {action} ».")
    empechement = regles.empechement_de_scinder(action)
    if empechement:
        raise OperationRefusee(empechement)
    if action.contrat not in cles or len(cles) < 2:
        raise OperationRefusee("Choisir au moins deux contrats, dont celui de l’action.")
    if any(cle < 1 for cle in cles.values()):
        raise OperationRefusee("Chaque clé de répartition est un entier d’au moins 1.")
    exiger_un_motif(motif, "Scinder une action demande un motif.")


def parts_de_l_action(action, cles):
    """Les valeurs réparties des champs de montant et d'effectif, une par contrat."""
    champs = [champ.name for champ in Action._meta.fields if isinstance(champ, MontantField)]
    repartis = {champ: parts(getattr(action, champ), cles) for champ in champs}
    repartis |= parts_des_beneficiaires(action, cles)
    return [{champ: valeurs[rang] for champ, valeurs in repartis.items()} for rang in range(len(cles))]


def parts(montant, cles):
    return [None] * len(cles) if montant is None else repartir(montant, cles)


def parts_des_beneficiaires(action, cles):
    """Les effectifs répartis ; dans chaque part, ni femmes et hommes ensemble ni les habitants ne dépassent le total.

    Le total suit les clés, le reste suit le total, et les hommes sont ce qui n'est pas femme.
    """
    total, femmes, hommes, qpv = (getattr(action, champ) for champ in BENEFICIAIRES)
    totaux = parts_entieres(total, cles)
    base = totaux if total else cles
    if None in (femmes, hommes):
        par_sexe = [parts_entieres(femmes, base), parts_entieres(hommes, base)]
    else:
        reunis = parts_entieres(femmes + hommes, base)
        femmes = parts_entieres(femmes, reunis)
        par_sexe = [femmes, [somme - part for somme, part in zip(reunis, femmes, strict=True)]]
    return dict(zip(BENEFICIAIRES, [totaux, *par_sexe, parts_entieres(qpv, base)], strict=True))


def parts_entieres(effectif, cles):
    """Des habitants entiers, par le même arrondi cumulé."""
    if not effectif:
        return [effectif] * len(cles)
    return [int(part * 100) for part in repartir(Decimal(effectif) / 100, cles)]


def plans_repartis(plan, cles):
    """Un plan par contrat : chaque montant de chaque ligne réparti aux clés."""
    plans = [[] for _ in cles]
    for ligne in plan:
        repartis = {champ: parts(getattr(ligne, champ), cles) for champ in MONTANTS_DE_LA_LIGNE}
        for rang, lignes in enumerate(plans):
            montants = {champ: valeurs[rang] for champ, valeurs in repartis.items()}
            fixes = {"nature": ligne.nature, "etat": ligne.etat, "date_etat": ligne.date_etat}
            lignes.append(LigneDePlan(financeur=ligne.financeur, **fixes, **montants))
    return plans


def repartir_les_previsions(action, actions, cles, par, motif):
    """Ce qu'une CPO prévoit ensuite se répartit de même entre les actions, rangées comme leurs clés."""
    montants = [{} for _ in actions]
    for prevision in PrevisionPluriannuelle.objects.filter(action=action):
        for siens, part in zip(montants, parts(prevision.montant, cles), strict=True):
            siens[prevision.annee] = part
    if any(montants):
        saisies = [PrevisionsSaisies(une, siens) for une, siens in zip(actions, montants, strict=True)]
        prevoir(saisies, par=par, motif=motif)


def saisie_d_une_part(action, contrat, part, plan, etiquettes):
    if contrat == action.contrat:
        return SaisieAction(champs=part, action=action, plan=plan)
    champs = {champ.name: getattr(action, champ.name) for champ in Action._meta.fields if champ.name not in NON_COPIES}
    if action.enveloppe is None or action.enveloppe.contrat_id:
        del champs["enveloppe"]  # celle d'un contrat n'est pas celle de l'autre : l'opération pose la sienne
    statut = {"statut": action.statut}
    return SaisieAction(champs=champs | part | statut | {"contrat": contrat}, plan=plan, **etiquettes)
