"""Les listes : liens qui gardent les filtres de l'adresse, et filtres actifs écrits en mots."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Model
from django.http import QueryDict
from django.utils.formats import date_format


def remplacer_parametres(parametres: QueryDict, **changements: Any) -> str:
    """L'adresse « ?… » courante modifiée : None retire la clé, une liste la répète, l'ordre des autres est gardé."""
    nouveaux = parametres.copy()
    for cle, valeur in changements.items():
        if valeur is None:
            nouveaux.pop(cle, None)
        else:
            nouveaux.setlist(cle, valeur if isinstance(valeur, list | tuple) else [valeur])
    return f"?{nouveaux.urlencode()}"


@dataclass(frozen=True)
class FiltreActif:
    """Un critère en vigueur, en mots, et l'adresse de la même liste sans lui."""

    libelle: str
    valeur: str
    lien: str


def filtres_actifs(filtres: Any, sauf: Iterable[str] = ()) -> list[FiltreActif]:
    """Les critères d'un FilterSet (django-filter) qui bornent la liste, une valeur par ligne.

    `sauf` : noms à taire (le tri). Un critère invalide n'est pas montré : il ne borne rien. Aucune requête de plus
    que la validation du formulaire.
    """
    formulaire = filtres.form
    if not formulaire.is_bound:
        return []
    formulaire.is_valid()
    actifs = []
    for nom, valeur in formulaire.cleaned_data.items():
        if nom not in sauf:
            libelle = formulaire[nom].label
            for mots, reste in _en_mots(formulaire.fields[nom], valeur):
                lien = remplacer_parametres(filtres.data, page=None, **{nom: reste})
                actifs.append(FiltreActif(libelle, mots, lien))
    return actifs


def _en_mots(champ: Any, valeur: Any) -> Iterator[tuple[str, list | None]]:
    """Chaque valeur choisie en mots, et ce qui reste du paramètre si on la retire (None : rien)."""
    if valeur is None or valeur == "":
        return
    if not hasattr(valeur, "__iter__") or isinstance(valeur, str):
        yield _mot(champ, valeur), None
        return
    plusieurs = list(valeur)
    for une in plusieurs:
        yield _mot(champ, une), [_brut(champ, v) for v in plusieurs if v != une] or None


def _mot(champ: Any, valeur: Any) -> str:
    if isinstance(valeur, bool):
        return "oui" if valeur else "non"
    if isinstance(valeur, date):
        return date_format(valeur, "d/m/Y")
    if isinstance(valeur, Model):
        return champ.label_from_instance(valeur) if hasattr(champ, "label_from_instance") else str(valeur)
    libelles = {str(cle): libelle for cle, libelle in getattr(champ, "choices", ())}
    return str(libelles.get(str(valeur), valeur))


def _brut(champ: Any, valeur: Any) -> Any:
    """La valeur telle que l'adresse l'écrit."""
    return champ.prepare_value(valeur) if isinstance(valeur, Model) else valeur
