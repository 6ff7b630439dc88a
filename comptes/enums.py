"""Les rôles, et ce qu'ils savent d'eux-mêmes."""

from django.db import models


class Role(models.TextChoices):
    AGENT = "agent", "Chargé de mission"
    RESPONSABLE = "responsable", "Chef de service"
    DELEGUE = "delegue", "Délégué du préfet"
    LECTEUR = "lecteur", "Lecteur"
    PARTENAIRE = "partenaire", "Partenaire"

    @classmethod
    def qui_ecrivent(cls):
        """Les rôles qui saisissent et enregistrent les décisions."""
        return [cls.AGENT, cls.RESPONSABLE]

    @classmethod
    def de_l_etat(cls):
        """Les rôles qui lisent ce que l'État ne partage pas (propositions, avis internes)."""
        return [cls.AGENT, cls.RESPONSABLE, cls.DELEGUE, cls.LECTEUR]
