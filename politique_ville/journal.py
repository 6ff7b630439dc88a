"""Ce que le serveur écrit dans son journal, sur la sortie d'erreur : une ligne par refus, une trace par panne."""

import logging


class SansTraceDUnRefus(logging.Filter):
    """Un refus (403, 404, adresse suspecte) n'est pas une panne : où il est né dans le code n'apprend rien."""

    def filter(self, ligne):
        if getattr(ligne, "status_code", 500) < 500:
            ligne.exc_info = None
        return True
