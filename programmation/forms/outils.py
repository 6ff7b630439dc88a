"""Ce que les formulaires partagent : placer le refus d'une opération, réafficher sans rien vérifier."""

from django.forms.utils import ErrorDict

from politique_ville.outils.formulaires import PhrasesMixin
from politique_ville.outils.typographie import insecables

from ..operations import ObjetChange


class RefusMixin(PhrasesMixin):
    """Un formulaire dont l'opération peut refuser ce qu'il a accepté."""

    champs_des_refus = {}  # le nom que dit l'opération → le champ du formulaire qui le montre

    def refuser(self, refus):
        """Place les messages d'une OperationRefusee sur le champ fautif, ou en tête."""
        par_champ = refus.message_dict if hasattr(refus, "error_dict") else {None: refus.messages}
        for champ, messages in par_champ.items():
            champ = self.champs_des_refus.get(champ, champ)
            for message in messages:
                self.add_error(champ if champ in self.fields else None, insecables(message))
        if isinstance(refus, ObjetChange):
            self.relire(refus)

    def relire(self, change):
        """Réaffiché, il a lu la version d'aujourd'hui : le second envoi passe, et le refus a dit ce qu'il remplace.

        Ce que la personne n'avait pas touché prend la valeur d'aujourd'hui : elle n'efface que ce qu'elle change.
        """
        self.data = self.data.copy()
        self.data[self.add_prefix("lue")] = change.version
        for nom, (alors, maintenant) in change.valeurs.items():
            if nom in self.fields and not self.fields[nom].has_changed(alors, self[nom].data):
                self.data[self.add_prefix(nom)] = maintenant


class SansControleMixin(PhrasesMixin):
    """Un formulaire qui peut réafficher ce qu'il a reçu (`sans_controle=True`) sans y chercher d'erreur."""

    def __init__(self, *args, sans_controle=False, **kwargs):
        self.sans_controle = sans_controle
        super().__init__(*args, **kwargs)

    def full_clean(self):
        if self.sans_controle:
            self._errors, self.cleaned_data = ErrorDict(), {}
        else:
            super().full_clean()
