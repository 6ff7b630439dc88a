"""L'histoire d'un PRE et de ses feuilles : qui a changé quoi, quand et pourquoi, sans jamais dire un effectif.

Un effectif ancien retrouverait un petit nombre par différence : l'histoire dit seulement qu'il a changé.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal

from politique_ville.outils.francais import INCONNU, euros
from programmation.historique import Changement, Evenement, Ligne, lire, majuscule

from .enums import AxeEffectif
from .models import (
    SOUS_ENSEMBLES,
    ActionDuSuivi,
    BudgetPre,
    EffectifPre,
    ProgrammeReussiteEducative,
    SuiviPre,
)

EFFECTIFS = {"enfants_suivis", *SOUS_ENSEMBLES}
CHANGE = "modifié"
CITES = {"contrat", "structure", "financeur", "action"}  # ce que l'histoire nomme


def historique_du_programme(programme: ProgrammeReussiteEducative) -> list[Evenement]:
    """Les gestes sur ce PRE, le plus récent d'abord."""
    return par_geste([(ProgrammeReussiteEducative, {"id": programme.pk}, changements_du_programme)])


def historique_du_suivi(suivi: SuiviPre) -> list[Evenement]:
    """Les gestes sur cette feuille, ses effectifs, son budget et ses actions."""
    siens = {"suivi_id": suivi.pk}
    return par_geste(
        [
            (SuiviPre, {"id": suivi.pk}, changements_de_la_fiche),
            (EffectifPre, siens, changement_d_effectif),
            (BudgetPre, siens, changement_de_budget),
            (ActionDuSuivi, siens, changement_d_action),
        ]
    )


def par_geste(sources) -> list[Evenement]:
    """Ce que la même personne a écrit au même moment, pour le même motif, est un seul geste."""
    lues = [(ligne, dire) for modele, criteres, dire in sources for ligne in lire(modele, **criteres)]
    nommer = Noms([ligne for ligne, _ in lues])
    evenements = []
    for ligne, dire in sorted(lues, key=lambda lue: lue[0].date, reverse=True):
        if not evenements or not evenements[-1].prolonge(ligne.date, ligne.auteur, ligne.motif):
            evenements.append(Evenement(ligne.date, ligne.auteur, ligne.motif))
        deja = evenements[-1].changements
        deja += [changement for changement in dire(ligne, nommer) if changement not in deja]
    return [evenement for evenement in evenements if evenement.changements]


class Noms:
    """Les objets que l'histoire cite, lus d'un coup par modèle."""

    def __init__(self, lignes: Iterable[Ligne]):
        cites = defaultdict(set)
        for ligne in lignes:
            for champ in ligne.modele._meta.fields:
                if champ.name in CITES:
                    versions = [ligne.actuelle, ligne.precedente]
                    cites[champ.related_model] |= {getattr(v, champ.attname) for v in versions if v}
        self.objets = {modele: modele._default_manager.in_bulk(ids) for modele, ids in cites.items()}
        self.communes = communes_par_version(
            [ligne.actuelle for ligne in lignes if ligne.modele is ProgrammeReussiteEducative]
        )

    def __call__(self, modele, identifiant) -> str:
        return str(self.objets[modele].get(identifiant, "supprimé"))


def communes_par_version(versions) -> dict[int, str]:
    """Les communes que chaque ligne d'histoire d'un PRE portait, en mots. Une requête, ou aucune sans PRE."""
    if not versions:
        return {}
    noms = defaultdict(list)
    portees = ProgrammeReussiteEducative.history.model.communes.model.objects.filter(history__in=versions)
    for version, nom in portees.order_by("commune__recherche").values_list("history", "commune__nom"):
        noms[version].append(nom)
    return {version.pk: ", ".join(noms[version.pk]) or INCONNU for version in versions}


def changements_du_programme(ligne: Ligne, nommer: Noms) -> list[Changement]:
    """Sa fiche, puis ses communes."""
    changements = changements_de_la_fiche(ligne, nommer)
    if ligne.precedente is not None:
        avant, apres = nommer.communes[ligne.precedente.pk], nommer.communes[ligne.actuelle.pk]
        changements += [Changement("Communes", avant, apres)] * (avant != apres)
    return changements


def changements_de_la_fiche(ligne: Ligne, nommer: Callable) -> list[Changement]:
    if ligne.actuelle.history_type == "+":
        return [Changement(majuscule(ligne.modele._meta.verbose_name), "", "créé")]
    return [
        Changement(majuscule(champ.verbose_name), "", CHANGE)
        if champ.name in EFFECTIFS
        else Changement(
            majuscule(champ.verbose_name),
            en_mots(champ, ligne.avant(champ), nommer),
            en_mots(champ, ligne.apres(champ), nommer),
        )
        for champ in ligne.modifies
    ]


def changement_d_effectif(ligne, nommer):
    return [Changement(f"Effectifs, {AxeEffectif(ligne.actuelle.axe).label.lower()}", "", CHANGE)]


def changement_de_budget(ligne, nommer):
    financeur = nommer(BudgetPre._meta.get_field("financeur").related_model, ligne.actuelle.financeur_id)
    valeur = "retiré" if ligne.actuelle.history_type == "-" else euros(ligne.actuelle.montant)
    return [Changement(f"Budget, {financeur}", "", valeur)]


def changement_d_action(ligne, nommer):
    action = nommer(ActionDuSuivi._meta.get_field("action").related_model, ligne.actuelle.action_id)
    return [Changement(f"Action « {action} »", "", "déliée" if ligne.actuelle.history_type == "-" else "liée")]


def en_mots(champ, valeur, nommer):
    if valeur is None or valeur == "":
        return INCONNU
    if champ.is_relation:
        return nommer(champ.related_model, valeur)
    if hasattr(valeur, "strftime"):
        return f"{valeur:%d/%m/%Y}"
    mots = str(dict(champ.flatchoices).get(valeur, valeur))
    return mots.replace(".", ",") if isinstance(valeur, Decimal) else mots
