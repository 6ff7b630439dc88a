"""Les espaces insécables du français, posées à un seul endroit : invisibles, elles se perdraient dans le code."""

import re

INSECABLE = "\u00a0"


def insecables(texte: str) -> str:
    """Le texte avec une espace insécable devant : ; ? ! € % et à l'intérieur des guillemets français."""
    texte = texte.replace("« ", f"«{INSECABLE}").replace(" »", f"{INSECABLE}»")
    return re.sub(r" (?=[:;?!€%])", INSECABLE, texte)


__all__ = ["insecables"]
