"""Écrire en masse, et sans rien répéter, ce que des lignes de référence disent d'un modèle."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from .recherche import Recherchable
from .reference import Bilan, ErreurDeReference, Ligne

MOTIF = "Chargement des données de référence"
VIDES = (None, "", [])


def jamais(objet: models.Model) -> bool:
    return False


class Synchronisation:
    """Crée ce qui manque, corrige ce qui a changé, n'efface rien.

    `cles` : les clés naturelles (champs séparés par une espace), la plus sûre d'abord ; une ligne et un objet qui ont
    tous deux la première ne se retrouvent que par elle. `existants` : les objets que les lignes peuvent désigner.
    `preserver(objet)` : vrai si un agent a tranché pour lui. Une valeur vide ne change rien : un agent a pu la saisir.
    """

    def __init__(
        self,
        modele: type[models.Model],
        cles: list[str],
        existants: Iterable[models.Model],
        preserver: Callable[[models.Model], bool] = jamais,
    ):
        self.modele, self.preserver = modele, preserver
        self.cles = [[modele._meta.get_field(nom) for nom in cle.split()] for cle in cles]
        self.nouveaux, self.modifies, self.champs, self.liens = [], [], set(), []
        self.lignes, self.preserves, self.index = {}, 0, {}
        for objet in existants:
            self._indexer(objet)

    def ajouter(self, ligne: Ligne, **valeurs: Any) -> None:
        """Retient ce que dit une ligne ; lève ErreurDeReference si elle en répète une autre ou enfreint une règle."""
        objet = self._trouver(valeurs) or self.modele()
        if id(objet) in self.lignes:
            raise ligne.erreur(f"cette ligne répète la {self.lignes[id(objet)].lieu}.")
        self.lignes[id(objet)] = ligne
        renseignees = {nom: valeur for nom, valeur in valeurs.items() if valeur not in VIDES}
        liens = {nom: renseignees.pop(nom) for nom in valeurs if isinstance(renseignees.get(nom), list)}
        changements = {nom: valeur for nom, valeur in renseignees.items() if self._differe(objet, nom, valeur)}
        if changements and objet.pk and self.preserver(objet):
            self.preserves += 1
        elif changements:
            self._appliquer(ligne, objet, changements)
        self.liens += [(objet, nom, lies) for nom, lies in liens.items()]

    def ecrire(self) -> Bilan:
        """Écrit tout ce qui a été retenu, et dit ce qui a été fait."""
        try:
            with transaction.atomic():
                self._creer()
                self._modifier()
                relies = self._relier()
        except IntegrityError as erreur:
            fichier = next(iter(self.lignes.values())).fichier
            raise ErreurDeReference(f"deux lignes se contredisent, la base refuse ({erreur}).", fichier) from erreur
        modifies = len({objet.pk for objet in self.modifies} | relies - {objet.pk for objet in self.nouveaux})
        inchanges = len(self.lignes) - len(self.nouveaux) - modifies - self.preserves
        return Bilan(len(self.nouveaux), modifies, inchanges, self.preserves)

    # --- Retrouver ---

    def _cle(self, champs, valeur_de):
        """La clé naturelle, ou None si l'un de ses textes est vide ; un lien vide a un sens (« toute la France »)."""
        valeurs = tuple(valeur_de(champ) for champ in champs)
        inconnue = any(valeur in VIDES and not champ.is_relation for champ, valeur in zip(champs, valeurs, strict=True))
        return None if inconnue else valeurs

    def _cles_de(self, objet):
        return [self._cle(champs, lambda champ: getattr(objet, champ.attname)) for champs in self.cles]

    def _indexer(self, objet):
        for rang, cle in enumerate(self._cles_de(objet)):
            if cle:
                self.index.setdefault((rang, cle), objet)

    def _trouver(self, valeurs):
        cles = [self._cle(champs, lambda champ: brute(valeurs.get(champ.name))) for champs in self.cles]
        for rang, cle in enumerate(cles):
            objet = self.index.get((rang, cle))
            if objet and (rang == 0 or not cles[0] or not self._cles_de(objet)[0]):
                return objet
        return None

    # --- Changer ---

    def _differe(self, objet, nom, valeur):
        return getattr(objet, self.modele._meta.get_field(nom).attname) != brute(valeur)

    def _appliquer(self, ligne, objet, changements):
        for nom, valeur in changements.items():
            setattr(objet, nom, valeur)
        if isinstance(objet, Recherchable):
            objet.preparer_recherche()
        self._verifier(ligne, objet)
        self._indexer(objet)
        self.champs |= changements.keys()
        (self.modifies if objet.pk else self.nouveaux).append(objet)

    def _verifier(self, ligne, objet):
        """Les règles du modèle, sauf l'unicité, que les clés naturelles garantissent et que la base revérifie."""
        relations = [champ.name for champ in self.modele._meta.fields if champ.is_relation]
        try:
            objet.full_clean(exclude=relations, validate_unique=False)
        except ValidationError as erreur:
            messages = [f"{champ} : {' '.join(textes)}" for champ, textes in erreur.message_dict.items()]
            raise ligne.erreur(" ; ".join(messages).replace("__all__ : ", "")) from None

    # --- Écrire ---

    def _creer(self):
        if hasattr(self.modele, "history"):
            bulk_create_with_history(self.nouveaux, self.modele, default_change_reason=MOTIF)
        else:
            self.modele.objects.bulk_create(self.nouveaux)

    def _modifier(self):
        champs = [*self.champs, "recherche"] if issubclass(self.modele, Recherchable) else [*self.champs]
        if self.modifies and hasattr(self.modele, "history"):
            bulk_update_with_history(self.modifies, self.modele, champs, default_change_reason=MOTIF)
        elif self.modifies:
            self.modele.objects.bulk_update(self.modifies, champs)

    def _relier(self):
        """Donne à chaque objet exactement les liens de sa ligne ; rend les identifiants de ceux qui ont changé."""
        relies = set()
        for nom in {nom for _, nom, _ in self.liens}:
            voulus = {(objet.pk, lie.pk) for objet, n, lies in self.liens if n == nom for lie in lies}
            relies |= self._relier_par(self.modele._meta.get_field(nom), voulus)
        return relies

    def _relier_par(self, champ, voulus):
        table, de, vers = champ.remote_field.through, champ.m2m_column_name(), champ.m2m_reverse_name()
        lignes = table.objects.filter(**{f"{de}__in": {objet for objet, _ in voulus}})
        actuels = {(getattr(ligne, de), getattr(ligne, vers)): ligne.pk for ligne in lignes}
        table.objects.bulk_create(table(**{de: objet, vers: lie}) for objet, lie in voulus - actuels.keys())
        table.objects.filter(pk__in=[pk for paire, pk in actuels.items() if paire not in voulus]).delete()
        return {objet for objet, _ in voulus ^ actuels.keys()}


def brute(valeur: Any) -> Any:
    """L'identifiant d'un objet lié, ou la valeur elle-même : ce que porte la colonne."""
    return valeur.pk if isinstance(valeur, models.Model) else valeur
