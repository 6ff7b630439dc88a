"""Suivre les liens d'un écran de pilotage : chaque nombre mène à une liste d'actions dont le total est ce nombre."""

from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from tests.pages import noeuds, texte

LISTE = "/programmation/actions/"


def liens_vers_la_liste(page):
    """Les couples (texte, adresse) des liens qui disent un nombre."""
    liens = noeuds(page, f"//main//a[starts-with(@href, '{LISTE}')]")
    lus = {(texte(lien), lien.get("href")) for lien in liens}
    assert lus
    return sorted(lus)


def total_de_la_liste(client, mots, adresse):
    """Ce que la ligne de totaux de la liste dit du nombre écrit : un montant finit par « € »."""
    reponse = client.get(adresse)
    assert reponse.status_code == 200, adresse
    assert not reponse.context["formulaire"].errors, adresse
    totaux = reponse.context["totaux"]
    return getattr(totaux, colonne(adresse)) if mots.endswith("€") else totaux.nombre


def colonne(adresse):
    """La colonne de la liste où se lit un montant."""
    parametres = parse_qs(urlsplit(adresse).query)
    base = parametres.get("base", [""])[0]
    if "a_decider" in parametres or base == "p147-demande":
        return "demande"
    return "cout" if base == "cout" else "accorde"


def en_nombre(mots):
    """« 1 234,50 € » en Decimal, « 12 actions » en entier."""
    chiffres = "".join(c for c in mots if c in "0123456789,-\u2212").replace(",", ".").replace("\u2212", "-")
    return Decimal(chiffres) if mots.endswith("€") else int(chiffres)
