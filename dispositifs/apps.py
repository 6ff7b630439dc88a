from django.apps import AppConfig


class DispositifsConfig(AppConfig):
    name = "dispositifs"
    verbose_name = "dispositifs"

    def ready(self):
        from politique_ville.outils.tableur.modeles import enregistrer

        from .imports.listes import ImportDesAdultesRelais, ImportDesPostesFonjep

        enregistrer(ImportDesAdultesRelais())
        enregistrer(ImportDesPostesFonjep())
