"""Mettre une page HTML en PDF balisé (docs/decisions/0011)."""

from collections.abc import Sequence

from django.contrib.staticfiles import finders


class PdfIndisponible(Exception):
    """Ce serveur n'a pas Pango : la phrase dit quoi installer."""

    def __init__(self):
        super().__init__("Ce serveur ne sait pas écrire de PDF : y installer Pango (paquet libpango-1.0-0).")


def en_pdf(html: str, *, feuilles: Sequence[str] = ()) -> bytes:
    """Le PDF/UA-1 de cette page ; `feuilles` : ses feuilles de style, par leur chemin sous static/.

    Aucune adresse n'est suivie, ni sur le disque ni sur le réseau. Lève PdfIndisponible si Pango manque.
    """
    try:
        from weasyprint import CSS, HTML  # ici : sans Pango, l'import échoue et le reste de l'application marche
        from weasyprint.urls import URLFetcher
    except OSError as erreur:
        raise PdfIndisponible from erreur
    styles = [CSS(filename=finders.find(feuille)) for feuille in feuilles]
    page = HTML(string=html, url_fetcher=URLFetcher(allowed_protocols=()))
    return page.write_pdf(stylesheets=styles, pdf_variant="pdf/ua-1")
