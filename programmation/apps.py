from django.apps import AppConfig


class ProgrammationConfig(AppConfig):
    name = "programmation"
    verbose_name = "programmation"

    def ready(self):
        from politique_ville.outils.tableur.modeles import enregistrer

        from .imports.actions import ImportDesActions

        enregistrer(ImportDesActions())
