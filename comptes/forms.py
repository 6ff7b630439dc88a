"""Formulaires de connexion et de mot de passe."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, PasswordResetForm, SetPasswordForm
from django.core.exceptions import ValidationError

from comptes import essais
from politique_ville.outils.formulaires import PhrasesMixin
from politique_ville.outils.typographie import insecables

COURRIEL = "Adresse électronique"


class ConnexionForm(PhrasesMixin, AuthenticationForm):
    """Connexion par courriel ; refuse d'essayer au-delà de la limite, même avec le bon mot de passe."""

    username = forms.EmailField(
        label=COURRIEL, widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"})
    )
    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": "Adresse électronique ou mot de passe incorrect.",
        "trop_d_essais_compte": insecables(
            "Trop d’essais sans succès. Attendez quinze minutes, ou choisissez un nouveau mot de passe "
            "par « Mot de passe oublié »."
        ),
        "trop_d_essais_adresse": (
            "Trop d’essais sans succès depuis votre réseau, tous comptes confondus. Attendez quinze minutes."
        ),
    }

    def clean(self):
        courriel = self.cleaned_data.get("username", "")
        if quoi := essais.ce_qui_attend(self.request, courriel):
            raise ValidationError(self.error_messages[f"trop_d_essais_{quoi}"], code="trop_d_essais")
        try:
            donnees = super().clean()
        except ValidationError:
            essais.compter(self.request, courriel)
            raise
        if self.user_cache is not None:
            essais.oublier(courriel)
        return donnees


class MotDePasseOublieForm(PhrasesMixin, PasswordResetForm):
    """La réponse est la même que le compte existe ou non."""

    email = forms.EmailField(label=COURRIEL, max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"}))


class MotDePasseForm(PhrasesMixin, PasswordChangeForm):
    """Changer de mot de passe, en donnant l'ancien."""


class NouveauMotDePasseForm(PhrasesMixin, SetPasswordForm):
    """Choisir un mot de passe, par le lien du courriel."""
