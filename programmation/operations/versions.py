"""Deux personnes sur le même objet : reconnaître qu'il a changé depuis que l'une l'a lu, et le lui dire.

Pour ceux qui ne portent pas de version (campagne, comité, enveloppe, EJ), leur historique en tient lieu.
"""

from django.db.models import Model
from django.utils import timezone

from ..historique import ecart_depuis
from .outils import OperationRefusee


class ObjetChange(OperationRefusee):
    """Quelqu'un a changé cet objet depuis la version lue ; rien n'est écrit. La phrase dit qui, quand, et quoi.

    `version` : celle d'aujourd'hui, qu'un second envoi aura lue ; `valeurs` : par champ changé, (alors, maintenant).
    """

    def __init__(self, objet: Model, lue: int, nom: str):
        self.version = version_lue(objet)
        changements, self.valeurs = ecart_depuis(objet, lue)
        quoi = ", ".join(f"{c.sujet} ({c.avant} → {c.apres})" for c in changements)
        change = f"{nom} a changé entre-temps{par_qui(objet)}{f' : {quoi}' if quoi else ''}."
        super().__init__(f"{change} Rien n’est enregistré : relire votre saisie, puis l’envoyer à nouveau.")


def version_lue(objet: Model) -> int:
    """Ce qui change à chaque écriture : l'identifiant de sa dernière ligne d'historique (0 si elle n'en a pas)."""
    return objet.history.order_by("-history_id").values_list("history_id", flat=True).first() or 0


def refuser_si_change(objet: Model, lue: int | None, nom: str):
    """À appeler sous le verrou ; lève ObjetChange.

    `lue` : la version que la personne avait sous les yeux (None : sans contrôle) ; `nom` : celui que dit la phrase.
    """
    if lue is not None and lue != version_lue(objet):
        raise ObjetChange(objet, lue, nom)


def par_qui(objet: Model) -> str:
    """« , par Camille Martin le 12/03/2026 à 14:05 » : la dernière écriture ; "" si l'histoire n'en dit rien."""
    derniere = objet.history.select_related("history_user").order_by("-history_id").first()
    if derniere is None or derniere.history_user is None:
        return ""
    return f", par {derniere.history_user} le {timezone.localtime(derniere.history_date):%d/%m/%Y à %H:%M}"
