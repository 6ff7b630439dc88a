"""Lire une page dans un test : chemins XPath, avec la fonction `classe('fr-nav')` et des textes aux espaces simples."""

from lxml import etree, html

etree.FunctionNamespace(None)["classe"] = lambda contexte, nom: nom in contexte.context_node.get("class", "").split()


def noeuds(source, chemin):
    """Les éléments d'un HTML (texte ou réponse) qui répondent au chemin."""
    texte_html = source if isinstance(source, str) else source.content.decode()
    return html.fromstring(f"<div>{texte_html}</div>" if "<html" not in texte_html else texte_html).xpath(chemin)


def texte(noeud):
    """Le texte d'un élément, espaces insécables et retours à la ligne ramenés à une espace."""
    return " ".join(noeud.text_content().split())


def textes(source, chemin):
    return [texte(noeud) for noeud in noeuds(source, chemin)]
