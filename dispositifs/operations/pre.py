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
    """Crée ou modifie un PRE.

    Lève ModifieEntreTemps, DroitManquant ou OperationRefusee (porteur privé, contrat ou dates que ses
    feuilles démentent).
    """
    modele = ProgrammeReussiteEducative
    with contraintes_en_francais(), transaction.atomic():
        versions = {saisie.objet.pk: saisie.version} if saisie.objet else {}
        programme = verrouiller(modele, versions)[saisie.objet.pk] if saisie.objet else modele()
        if programme.pk:
            exiger_la_gestion(par, programme)
        changes = appliquer(programme, saisie.champs)
        controler(programme)
        exiger_la_gestion(par, programme)
        if changes & {"contrat", "ouvert_le", "ferme_le"}:
            refuser(regles.erreurs_du_programme(programme, *feuilles_et_actions(programme)))
        if programme.pk is None or changes or change_de_communes(programme, saisie.communes):
            sauver(programme, saisie.communes, par, motif)
    return programme


def change_de_communes(programme, communes):
    return communes is not None and set(communes) != set(programme.communes.all())


def feuilles_et_actions(programme):
    """Ses suivis, dans l'ordre des années, et les actions qu'ils portent."""
    if programme.pk is None:
        return [], []
    suivis = SuiviPre.objects.filter(programme=programme).select_related("exercice").order_by("exercice__annee")
    return suivis, Action.objects.filter(suivi_pre__suivi__programme=programme).order_by("recherche", "pk")


def sauver(programme, communes, par, motif):
    """Écrit le PRE et ses communes ; une modification est une seule ligne d'historique, qui garde ses communes."""
    programme._history_user, programme._change_reason = par, motif
    if programme.pk is None:
        programme.save()
        programme.communes.set(communes or [])
        return
    if communes is not None:
        programme.skip_history_when_saving = True
        programme.communes.set(communes)
        del programme.skip_history_when_saving
    programme.version += 1
    programme.modifie_le = timezone.now()
    programme.save()


def enregistrer_un_suivi(saisie: SaisieDeSuivi, *, par: Utilisateur, motif: str = "") -> SuiviPre:
    """Crée ou modifie un suivi annuel, tout ou rien ; son PRE est verrouillé d'abord.

    Lève ModifieEntreTemps, DroitManquant ou OperationRefusee (PRE fermé cette année-là, effectifs qui ne font pas le
    total, action déjà dans un autre suivi, d'un autre exercice ou d'un autre dispositif).
    """
    programme = saisie.objet.programme if saisie.objet else saisie.champs["programme"]
    with contraintes_en_francais(), transaction.atomic():
        programme = verrouiller(ProgrammeReussiteEducative, {programme.pk: None})[programme.pk]
        exiger_la_gestion(par, programme)
        suivi = relire(saisie) if saisie.objet else SuiviPre()
        changes = appliquer(suivi, saisie.champs)
        suivi.programme = programme
        controler(suivi)
        exiger_l_ouverture(suivi)
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


def exiger_l_ouverture(suivi):
    """Une feuille ne naît que pour une année où le PRE, tel qu'il est sous le verrou, est ouvert."""
    annee = suivi.exercice.annee
    if suivi.pk is None and not regles.etait_ouvert(suivi.programme, annee):
        raise OperationRefusee(
            f"« {suivi.programme} » n’est pas ouvert en {annee} : il n’a pas de feuille cette année-là."
        )


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
