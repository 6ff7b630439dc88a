"""Un export est revenu après qu'un autre a écrit : montrer ce que l'agent avait lu, ce qui est, ce qu'il écrit."""

from collections import defaultdict
from collections.abc import Iterable

from ..models import Action, Financement
from .en_clair import en_clair
from .fiches import Fiche

LIES = ("contrat", "thematique", "pilier", "dispositif", "enveloppe", "porteur__fusionne_dans", "etablissement")


def en_conflit(fiche: Fiche) -> bool:
    """La version du fichier n'est plus celle de l'action."""
    version = fiche.valeurs.get("version")
    return bool(fiche.action) and version is not None and version != fiche.action.version


def lire_les_bases(fiches: Iterable[Fiche]) -> None:
    """Pose sur chaque fiche l'action en mots, telle qu'elle était à la version du fichier."""
    fiches = list(fiches)
    if not fiches:
        return
    ids = [fiche.action.pk for fiche in fiches]
    traces = _traces(ids)
    lignes = _traces_des_lignes(ids)
    for fiche in fiches:
        version = fiche.valeurs["version"]
        trace = traces[fiche.action.pk].get(version)
        suivantes = [t.history_date for v, t in traces[fiche.action.pk].items() if v > version]
        if trace:
            fiche.base = en_clair(trace, _plan_au(lignes[fiche.action.pk], min(suivantes, default=None)))


def _traces(ids):
    traces = defaultdict(dict)
    lues = Action.history.filter(id__in=ids).select_related(*LIES).order_by("history_date", "history_id")
    for trace in lues:
        traces[trace.id].setdefault(trace.version, trace)
    return traces


def _traces_des_lignes(ids):
    lignes = defaultdict(list)
    lues = Financement.history.filter(action_id__in=ids).select_related("financeur")
    for trace in lues.order_by("history_date", "history_id"):
        lignes[trace.action_id].append(trace)
    return lignes


def _plan_au(traces, instant):
    """Le plan avant cet instant, celui de l'écriture suivante (None : le plan actuel)."""
    dernieres = {trace.id: trace for trace in traces if instant is None or trace.history_date < instant}
    return [trace for trace in dernieres.values() if trace.history_type != "-"]


def dire_le_conflit(fiche: Fiche, avant: dict[str, str], apres: dict[str, str]) -> None:
    """Refuse la fiche, en nommant la version et le premier champ en cause."""
    changes = [libelle for libelle in {**avant, **apres} if avant.get(libelle) != apres.get(libelle)]
    fiche.refuser(
        "version",
        f"l’action a changé depuis cet export (version {fiche.valeurs['version']}, maintenant {fiche.action.version}) "
        f"et le fichier écrit autre chose : {', '.join(changes)}. Repartir d’un export récent, ou vider la cellule "
        "« Version » pour imposer le fichier.",
    )
