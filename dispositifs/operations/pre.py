"""Enregistrer un PRE et son suivi annuel."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur
from programmation.models import Action, Financeur
from programmation.operations.outils import (
    OperationRefusee,
    appliquer,
    contraintes_en_francais,
    controler,
    creer_avec_historique,
    modifier_avec_historique,
    supprimer_avec_historique,
)
from territoires.models import Commune

from .. import regles
from ..models import ActionDuSuivi, BudgetPre, EffectifPre, ProgrammeReussiteEducative, SuiviPre
from .outils import ModifieEntreTemps, Saisie, exiger_la_gestion, refuser, verrouiller


@dataclass
class SaisieDeProgramme(Saisie):
    """Un PRE ; `communes` remplace l'existant, None le laisse tel quel."""

    communes: Sequence[Commune] | None = None


@dataclass
class SaisieDeSuivi(Saisie):
    """Un suivi annuel ; `version` est la sienne. `actions`, `effectifs` ((axe, modalité) → nombre) et `budget`
    (financeur → euros) remplacent l'existant, None le laisse tel quel ; une case absente est inconnue."""

    actions: Sequence[Action] | None = None
    effectifs: dict[tuple[str, str], int] | None = None
    budget: dict[Financeur, Decimal] | None = None


def enregistrer_un_programme(
    saisie: SaisieDeProgramme, *, par: Utilisateur, motif: str = ""
) -> ProgrammeReussiteEducative:
    """Crée ou modifie un PRE. Lève ModifieEntreTemps, DroitManquant ou OperationRefusee (porteur privé)."""
    modele = ProgrammeReussiteEducative
    with contraintes_en_francais(), transaction.atomic():
        versions = {saisie.objet.pk: saisie.version} if saisie.objet else {}
        programme = verrouiller(modele, versions)[saisie.objet.pk] if saisie.objet else modele()
        if programme.pk:
            exiger_la_gestion(par, programme)
        changes = appliquer(programme, saisie.champs)
        controler(programme)
        exiger_la_gestion(par, programme)
        communes = saisie.communes is not None and (
            programme.pk is None or set(saisie.communes) != set(programme.communes.all())
        )
        if programme.pk is None or changes or communes:
            sauver(programme, par, motif)
        if communes:
            programme.communes.set(saisie.communes)
    return programme


def sauver(programme, par, motif):
    if programme.pk:
        programme.version += 1
        programme.modifie_le = timezone.now()
    programme._history_user = par
    programme._change_reason = motif
    programme.save()


def enregistrer_un_suivi(saisie: SaisieDeSuivi, *, par: Utilisateur, motif: str = "") -> SuiviPre:
    """Crée ou modifie un suivi annuel, tout ou rien ; son PRE est verrouillé d'abord.

    Lève ModifieEntreTemps, DroitManquant ou OperationRefusee (effectifs qui ne font pas le total, action déjà dans un
    autre suivi, d'un autre exercice ou d'un autre dispositif).
    """
    programme = saisie.objet.programme if saisie.objet else saisie.champs["programme"]
    with contraintes_en_francais(), transaction.atomic():
        exiger_la_gestion(par, verrouiller(ProgrammeReussiteEducative, {programme.pk: None})[programme.pk])
        suivi = relire(saisie) if saisie.objet else SuiviPre()
        changes = appliquer(suivi, saisie.champs)
        controler(suivi)
        controler_les_actions(suivi, saisie.actions or ())
        refuser(regles.erreurs_des_effectifs(vars(suivi), effectifs_de(suivi, saisie)))
        creer_avec_historique([suivi] if suivi.pk is None else [], SuiviPre, par=par, motif=motif)
        change = [remplacer(suivi, *lignes, par, motif) for lignes in lignes_voulues(saisie)]
        if saisie.objet and (changes or any(change)):
            suivi.version += 1
            modifier_avec_historique([suivi], SuiviPre, [*sorted(changes), "version"], par=par, motif=motif)
    return suivi


def relire(saisie):
    suivi = SuiviPre.objects.select_related("programme__contrat", "exercice").get(pk=saisie.objet.pk)
    if saisie.version not in (None, suivi.version):
        raise ModifieEntreTemps([suivi])
    return suivi


def controler_les_actions(suivi, actions):
    """Chaque action convient au suivi, et n'est pas déjà dans un autre, que le refus nomme."""
    for action in actions:
        refuser(regles.erreurs_de_l_action(action, suivi))
    prises = ActionDuSuivi.objects.filter(action__in=actions).exclude(suivi=suivi.pk)
    for lien in prises.select_related("action", "suivi__programme", "suivi__exercice"):
        raise OperationRefusee({"actions": f"« {lien.action} » est déjà dans le suivi de {lien.suivi}."})


def effectifs_de(suivi, saisie):
    """Les cases telles qu'elles seront : celles de la saisie, ou celles qui sont en base."""
    if saisie.effectifs is not None:
        return saisie.effectifs
    return {(ligne.axe, ligne.modalite): ligne.nombre for ligne in EffectifPre.objects.filter(suivi=suivi.pk)}


def lignes_voulues(saisie):
    """Par modèle : ses champs clés, son champ de valeur, et les valeurs voulues par clé (None : ne rien changer)."""
    actions = None if saisie.actions is None else {(action.pk,): None for action in saisie.actions}
    budget = None if saisie.budget is None else {(f.pk,): montant for f, montant in saisie.budget.items()}
    return [
        (ActionDuSuivi, ("action_id",), None, actions),
        (EffectifPre, ("axe", "modalite"), "nombre", saisie.effectifs),
        (BudgetPre, ("financeur_id",), "montant", budget),
    ]


def remplacer(suivi, modele, cles, valeur, voulues, par, motif):
    """Les lignes du suivi deviennent celles qui sont voulues ; dit si quelque chose a changé."""
    if voulues is None:
        return False
    restantes, perimees = dict(voulues), []
    for ligne in modele.objects.filter(suivi=suivi):
        cle = tuple(getattr(ligne, champ) for champ in cles)
        if cle in restantes and (valeur is None or getattr(ligne, valeur) == restantes[cle]):
            del restantes[cle]
        else:
            perimees.append(ligne)
    supprimer_avec_historique(perimees, par=par, motif=motif)
    nouvelles = [
        modele(suivi=suivi, **dict(zip(cles, cle, strict=True)), **({valeur: voulu} if valeur else {}))
        for cle, voulu in restantes.items()
    ]
    for ligne in nouvelles:
        controler(ligne)
    creer_avec_historique(nouvelles, modele, par=par, motif=motif)
    return bool(perimees or nouvelles)
