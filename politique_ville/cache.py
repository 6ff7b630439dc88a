"""Ce que le navigateur garde des pages d'une personne connectée (docs/decisions/0008).

Sur un poste partagé, la page d'un agent ne doit pas resservir au suivant ; mais le bouton Retour doit rendre la
sélection cochée et les montants tapés.
"""

PAGES = "private, no-cache"


def garder_pour_soi(suite):
    """L'intergiciel : une page connectée n'est gardée que par ce navigateur, et se déconnecter l'efface."""

    def traiter(request):
        etait_connecte = request.user.is_authenticated
        reponse = suite(request)
        if request.user.is_authenticated:
            reponse.headers.setdefault("Cache-Control", PAGES)
        elif etait_connecte:
            reponse.headers["Clear-Site-Data"] = '"cache"'
        return reponse

    return traiter
