"""L'accord que demande un dépassement : une case par enveloppe, qui dit de combien."""

import re

from django import forms

from politique_ville.outils.formulaires import PhrasesMixin
from politique_ville.outils.francais import euros
from politique_ville.outils.montants import vers_euros
from politique_ville.outils.typographie import insecables

CHAMP = "depassement"
ACCORD = re.compile(r"([1-9]\d{0,17})-([1-9]\d{0,17})")


def lire_l_accord(donnees):
    """Ce que les cases cochées acceptent : le dépassement (euros) lu pour chaque enveloppe, par identifiant."""
    lus = [ACCORD.fullmatch(valeur) for valeur in donnees.getlist(CHAMP)]
    return {int(lu[1]): vers_euros(int(lu[2])) for lu in lus if lu}


def accord_a_donner(refus, donnees):
    """Le formulaire de l'accord qu'un refus demande ; None si ce refus n'est pas celui d'un dépassement."""
    depassements = getattr(refus, "depassements", None)
    return AccordForm(depassements, donnees) if depassements else None


class AccordForm(PhrasesMixin, forms.Form):
    """Un dépassement par case. La case porte son montant : s'il change, elle n'est plus cochée et se relit."""

    depassement = forms.MultipleChoiceField(
        label="Dépasser le reste à décider",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Avec un motif, qui reste dans l’historique et dans les contrôles du classeur.",
    )

    def __init__(self, depassements, donnees):
        super().__init__(initial={CHAMP: donnees.getlist(CHAMP)})
        self.fields[CHAMP].choices = [
            (f"{b.enveloppe.pk}-{int(b.depassement * 100)}", insecables(f"Dépasser {b.nom} de {euros(b.depassement)}"))
            for b in depassements
        ]
