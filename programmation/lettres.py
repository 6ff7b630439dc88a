"""Mettre les lettres et les actes en PDF balisé, une page neuve pour chacun ; ou un zip d'un PDF par lettre."""

import zipfile
from collections.abc import Sequence
from io import BytesIO

from django.template.loader import render_to_string
from django.utils.text import slugify

from politique_ville.outils.pdf import en_pdf

from .synthese.courriers import Courrier

STYLES = ["css/courrier.css"]


def courriers_en_html(courriers: Sequence[Courrier], titre: str, avertissement: str = "") -> str:
    contexte = {"courriers": courriers, "titre": titre, "avertissement": avertissement}
    return render_to_string("programmation/courrier_pdf.html", contexte)


def courriers_en_pdf(courriers: Sequence[Courrier], titre: str, avertissement: str = "") -> bytes:
    """Tous dans un seul fichier, dans leur ordre. Lève PdfIndisponible si le serveur ne sait pas écrire de PDF."""
    return en_pdf(courriers_en_html(courriers, titre, avertissement), feuilles=STYLES)


def courriers_en_zip(courriers: Sequence[Courrier], titre: str, avertissement: str = "") -> bytes:
    """Un PDF par lettre, numérotés dans l'ordre et nommés par leur destinataire. Lève PdfIndisponible."""
    tampon = BytesIO()
    with zipfile.ZipFile(tampon, "w", zipfile.ZIP_DEFLATED) as archive:
        for rang, courrier in enumerate(courriers, start=1):
            nom = f"{rang:03d}-{slugify(courrier.destinataire[0])[:60]}.pdf"
            archive.writestr(nom, courriers_en_pdf([courrier], f"{titre} – {courrier.objet}", avertissement))
    return tampon.getvalue()
