"""Ce que les vues de la programmation partagent : le périmètre, d'abord."""

from django.core.exceptions import PermissionDenied

IDENTIFIANT = r"[0-9]{1,18}"  # au-delà, ni la base ni int() n'en veulent


class PerimetreMixin:
    """Ne montre que ce que la personne a le droit de connaître ; le reste répond 404, comme ce qui n'existe pas."""

    def get_queryset(self):
        return super().get_queryset().visibles_par(self.request.user)


def exiger(permis, phrase):
    """403 avec cette phrase, pour qui voit l'objet sans avoir le droit du geste."""
    if not permis:
        raise PermissionDenied(phrase)
