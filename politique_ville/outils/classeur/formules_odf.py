"""Une formule du xlsx, dite en OpenFormula, la langue des formules d'un ODS."""

from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token


def en_openformula(texte: str) -> str:
    """« =SUM('Par an'!$A$1:$A$3,B2) » devient « of:=SUM([$'Par an'.$A$1:.$A$3];[.B2]) »."""
    return "of:=" + "".join(map(_traduire, Tokenizer(texte).items))


def _traduire(jeton):
    if jeton.type == Token.SEP:
        return ";"
    return _adresse(jeton.value) if jeton.subtype == Token.RANGE else jeton.value


def _adresse(texte):
    feuille, _, cellules = texte.rpartition("!")
    debut, _, fin = cellules.partition(":")
    ou = f"${feuille}" if feuille else ""
    return f"[{ou}.{debut}:.{fin}]" if fin else f"[{ou}.{debut}]"
