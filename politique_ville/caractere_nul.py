"""Refuser le caractère nul avant que quiconque ne lise la requête.

Personne ne le tape et PostgreSQL ne le range pas : sans ce refus, une adresse ou un cookie forgés feraient une
erreur 500.
Dans un formulaire envoyé, chaque champ de texte le refuse déjà, avec sa phrase.
"""

from django.core.exceptions import BadRequest

NUL = "\x00"


def refuser_le_caractere_nul(suite):
    """L'intergiciel : une adresse ou un cookie qui porte un caractère nul répond 400."""

    def traiter(request):
        adresse = [request.path_info, *request.GET, *(v for valeurs in request.GET.lists() for v in valeurs[1])]
        if any(NUL in texte for texte in [*adresse, *request.COOKIES.values()]):
            raise BadRequest("L’adresse ou un cookie porte un caractère nul.")
        return suite(request)

    return traiter
