"""Chercher sans se soucier de la casse ni des accents : « herouville » trouve « Hérouville-Saint-Clair »."""

import re
import unicodedata
from functools import reduce
from operator import and_, or_

from django.db import models
from django.db.models import Q

LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "’": "'", "ß": "ss"})


def normaliser(texte):
    """Le texte en minuscules, sans accent, ligature ni espace double : la forme cherchée et triée en base."""
    minuscules = str(texte or "").lower().translate(LIGATURES)
    sans_accent = "".join(c for c in unicodedata.normalize("NFKD", minuscules) if not unicodedata.combining(c))
    return re.sub(r"[\s\-_']+", " ", sans_accent).strip()


def contient_les_mots(texte, *champs):
    """La condition « chaque mot du texte est dans l'un des champs normalisés »."""
    mots = normaliser(texte).split()
    return reduce(and_, (reduce(or_, (Q(**{f"{champ}__contains": mot}) for champ in champs)) for mot in mots), Q())


class RechercheQuerySet(models.QuerySet):
    def recherche(self, texte):
        """Les lignes qui contiennent chaque mot du texte."""
        return self.filter(contient_les_mots(texte, "recherche"))


class Recherchable(models.Model):
    """Porte la colonne normalisée qui sert à chercher et à trier ; une écriture en masse l'appelle elle-même."""

    recherche = models.TextField("texte de recherche", editable=False, default="")

    class Meta:
        abstract = True

    def texte_de_recherche(self):
        return str(self)

    def preparer_recherche(self):
        self.recherche = normaliser(self.texte_de_recherche())
        return self

    def save(self, *args, **kwargs):
        self.preparer_recherche()
        champs = kwargs.get("update_fields")
        if champs is not None:
            kwargs["update_fields"] = {*champs, "recherche"}
        super().save(*args, **kwargs)
