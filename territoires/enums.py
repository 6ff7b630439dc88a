"""Les listes fermées des territoires."""

from django.db import models


class Generation(models.TextChoices):
    """Une génération de la géographie prioritaire et de ses contrats (décrets 2014-1750 et 2023-1314)."""

    G2015 = "2015-2023", "2015-2023"
    G2024 = "2024-2030", "2024-2030"

    @property
    def annee_de_debut(self):
        return int(self.value[:4])

    @property
    def annee_de_fin(self):
        return int(self.value[-4:])

    @classmethod
    def de_l_annee(cls, annee):
        """La génération en vigueur une année, ou None."""
        return next((g for g in cls if g.annee_de_debut <= annee <= g.annee_de_fin), None)


class NatureQuartier(models.TextChoices):
    QPV = "qpv", "Quartier prioritaire (QPV)"
    VEILLE_ACTIVE = "veille_active", "Quartier en veille active"
    POCHE_PAUVRETE = "poche_pauvrete", "Poche de pauvreté"


class NatureFiliation(models.TextChoices):
    INCHANGE = "inchange", "Inchangé"
    REDESSINE = "redessine", "Redessiné"
    SCINDE = "scinde", "Scindé"
    FUSIONNE = "fusionne", "Fusionné"


class ObjetAnnonce(models.TextChoices):
    CONTRATS = "contrats", "Contrats de ville"
    PRE = "pre", "Programmes de réussite éducative"
