"""La programmation par thème et par thématique."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from ..models import Action, Financement, Thematique, Theme
from .bases import ChoixDeBase
from .lectures import Somme, additionner, parts_des_sommes, sommes_par


@dataclass(frozen=True)
class LigneThematique:
    """Une thématique : montant en euros (None : inconnu), nombre d'actions, part en % du total."""

    thematique: Thematique
    montant: Decimal | None
    nombre: int
    part: Decimal | None


@dataclass(frozen=True)
class LigneTheme:
    """Un thème et ses thématiques ; sa part fait 100,0 avec celle des autres thèmes."""

    theme: Theme
    montant: Decimal | None
    nombre: int
    part: Decimal | None
    thematiques: tuple[LigneThematique, ...]


@dataclass(frozen=True)
class SyntheseDesThematiques:
    choix: ChoixDeBase
    legende: str
    themes: tuple[LigneTheme, ...]
    total: Somme


def synthese_des_thematiques(
    actions: QuerySet[Action],
    choix: ChoixDeBase,
    *,
    quartiers: Sequence = (),
    lignes: QuerySet[Financement] | None = None,
    sommes: Mapping[int | None, Somme] | None = None,
) -> SyntheseDesThematiques:
    """Les thèmes et thématiques qui portent des actions, dans l'ordre de leur code.

    `sommes` : celles de chaque thématique, si elles sont déjà lues avec un autre axe.
    """
    if sommes is None:
        sommes = sommes_par(actions, choix, "thematique", quartiers=quartiers, lignes=lignes)
    thematiques = Thematique.objects.filter(pk__in=sommes).select_related("theme")
    thematiques = sorted(thematiques, key=lambda t: (t.theme.nomenclature_id, t.theme.code, t.code))
    return SyntheseDesThematiques(
        choix=choix,
        legende=choix.legende(quartiers),
        themes=lignes_des_themes(thematiques, sommes, choix),
        total=additionner(sommes.values()),
    )


def lignes_des_themes(thematiques, sommes, choix):
    parts = parts_des_sommes([sommes[t.pk] for t in thematiques], choix)
    par_theme = {}
    for thematique, part in zip(thematiques, parts, strict=True):
        somme = sommes[thematique.pk]
        ligne = LigneThematique(thematique, somme.montant, somme.nombre, part)
        par_theme.setdefault(thematique.theme, []).append((ligne, somme))
    cumuls = {theme: additionner(somme for _, somme in lignes) for theme, lignes in par_theme.items()}
    parts_des_themes = parts_des_sommes(cumuls.values(), choix)
    return tuple(
        LigneTheme(theme, cumul.montant, cumul.nombre, part, tuple(ligne for ligne, _ in par_theme[theme]))
        for (theme, cumul), part in zip(cumuls.items(), parts_des_themes, strict=True)
    )
