"""Ce que toutes les vérifications partagent : leur liste, un écart, et la façon de le dire."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models

from politique_ville.outils.francais import INCONNU, euros
from programmation.models import Action, Decision, Financement, Localisation, PrevisionPluriannuelle

# Ce qui désigne une ligne sans nom à elle : l'action dont elle parle.
NOMS = {
    Action: "intitule",
    Financement: "action__intitule",
    Localisation: "action__intitule",
    Decision: "action__intitule",
    PrevisionPluriannuelle: "action__intitule",
}


@dataclass(frozen=True)
class Ecart:
    """Un objet qui contredit un invariant : ce qui était attendu, ce qui est trouvé."""

    objet: str
    attendu: Any
    trouve: Any

    def __str__(self):
        return f"{self.objet} : attendu {dire(self.attendu)}, trouvé {dire(self.trouve)}"


@dataclass(frozen=True)
class Verification:
    """Un invariant : `phrase` le dit, `ecarts` rend ce qui le contredit, en requêtes groupées."""

    nom: str
    phrase: str
    ecarts: Callable[[], Iterable[Ecart]]


VERIFICATIONS: list[Verification] = []


def verification(nom: str, phrase: str):
    """Déclare la fonction décorée comme la vérification de cet invariant."""

    def declarer(ecarts):
        VERIFICATIONS.append(Verification(nom, phrase, ecarts))
        return ecarts

    return declarer


def ecarts_de(fautifs: models.QuerySet, attendu, trouve, nom: str = "pk") -> Iterator[Ecart]:
    """Un écart par ligne d'un queryset d'objets fautifs ; `attendu` et `trouve` : champs, ou expressions."""
    modele = fautifs.model
    champ = NOMS.get(modele, nom)
    for pk, texte, voulu, lu in fautifs.order_by("pk").values_list("pk", champ, attendu, trouve).iterator():
        yield Ecart(nommer(modele, pk, texte), voulu, lu)


def nommer(modele, pk, texte):
    """« action 12 « Lire ensemble » »."""
    return f"{modele._meta.verbose_name} {pk}" + (f" « {texte} »" if str(texte) != str(pk) else "")


def dire(valeur):
    if isinstance(valeur, Decimal):
        return euros(valeur)
    return INCONNU if valeur is None or valeur == "" else str(valeur)
