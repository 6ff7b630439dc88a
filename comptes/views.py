"""Connexion, mot de passe et compte : les vues de Django avec nos gabarits."""

from django.contrib.auth import views
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_POST

from comptes import conservation, essais
from comptes.conservation import Ecran
from comptes.forms import ConnexionForm, MotDePasseForm, MotDePasseOublieForm, NouveauMotDePasseForm


class ConnexionView(views.LoginView):
    authentication_form = ConnexionForm
    template_name = "comptes/connexion.html"


class MotDePasseView(views.PasswordChangeView):
    form_class = MotDePasseForm
    template_name = "comptes/mot_de_passe.html"
    success_url = reverse_lazy("comptes:password_change_done")


class MotDePasseChangeView(views.PasswordChangeDoneView):
    template_name = "comptes/mot_de_passe_change.html"


class MotDePasseOublieView(views.PasswordResetView):
    form_class = MotDePasseOublieForm
    template_name = "comptes/mot_de_passe_oublie.html"
    email_template_name = "comptes/courriel_mot_de_passe.txt"
    subject_template_name = "comptes/courriel_mot_de_passe_objet.txt"
    success_url = reverse_lazy("comptes:password_reset_done")


class MotDePasseOublieEnvoyeView(views.PasswordResetDoneView):
    template_name = "comptes/mot_de_passe_oublie_envoye.html"


class NouveauMotDePasseView(views.PasswordResetConfirmView):
    form_class = NouveauMotDePasseForm
    template_name = "comptes/nouveau_mot_de_passe.html"
    success_url = reverse_lazy("comptes:password_reset_complete")

    def form_valid(self, form):
        """Qui a reçu le courriel et choisi un mot de passe peut s'en servir tout de suite."""
        reponse = super().form_valid(form)
        essais.oublier(self.user.courriel)
        return reponse


class NouveauMotDePasseChoisiView(views.PasswordResetCompleteView):
    template_name = "comptes/nouveau_mot_de_passe_choisi.html"


def compte(request):
    """Qui je suis pour l'application, et ce que mes habilitations m'ouvrent."""
    habilitations = request.user.habilitations.select_related("departement", "contrat", "quartier")
    return render(request, "comptes/compte.html", {"habilitations": habilitations})


# --- Les saisies conservées ---


@require_POST
def saisie_conserver(request):
    """Range ce qui est en train d'être tapé ; 413 si c'est trop long pour être gardé."""
    ecran = ecran_de_la_personne(request)
    return HttpResponse(status=204 if conservation.conserver(ecran, conservation.contenu(request.POST)) else 413)


@require_POST
def saisie_abandonner(request):
    ecran = ecran_de_la_personne(request)
    conservation.oublier(ecran)
    return redirect(ecran.adresse)


def ecran_de_la_personne(request):
    """L'écran du champ signé, s'il est à cette personne (403 sinon)."""
    ecran = Ecran.du_champ(request.POST)
    if ecran is None or not ecran.est_a(request.user):
        raise PermissionDenied("Cette saisie n’est pas la vôtre.")
    return ecran
