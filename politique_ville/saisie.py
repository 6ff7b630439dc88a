"""Rien de ce qui est tapé ne se perd : ce que font tous les formulaires qui se conservent (comptes/conservation.py)."""

from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.csrf import csrf_failure

from comptes import conservation
from comptes.conservation import Ecran
from politique_ville.outils.typographie import insecables

DEUX_CONNEXIONS = insecables(
    "Cette page datait d’avant votre reconnexion : rien n’est enregistré. Votre saisie est ci-dessous, à renvoyer."
)


class ConserverLaSaisie:
    """L'intergiciel : garde l'envoi d'une session expirée, et oublie la saisie une fois enregistrée."""

    def __init__(self, suite):
        self.suite = suite

    def __call__(self, request):
        reponse = self.suite(request)
        if request.method == "POST" and est_finie(reponse):
            ecran = Ecran.du_champ(request.POST)
            if ecran and ecran.est_a(request.user):
                conservation.oublier(ecran)
        return reponse

    def process_view(self, request, vue, arguments, nommes):
        """Session expirée : l'envoi est gardé, et la connexion ramène à la page d'où il est parti.

        L'adresse de l'envoi ne suffirait pas : certaines ne se lisent pas, d'autres y perdraient leur sélection.
        """
        if request.method != "POST" or request.user.is_authenticated or not getattr(vue, "login_required", True):
            return None
        ecran = Ecran.du_champ(request.POST)
        if ecran:
            return garder_et_connecter(request, ecran)
        depart = page_de_depart(request)
        return redirect_to_login(depart) if depart else None


def garder_et_connecter(request, ecran):
    conservation.mettre_en_attente(request.session, ecran, conservation.contenu(request.POST))
    return redirect_to_login(ecran.adresse)


def page_de_depart(request):
    """La page de ce site d'où vient l'envoi, ou ""."""
    venue = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(venue, {request.get_host()}, require_https=request.is_secure()):
        return ""
    return urlsplit(venue)._replace(scheme="", netloc="").geturl()


def est_finie(reponse):
    """Un envoi accepté mène à une autre page ; un refus, un conflit ou un jeton périmé redonnent la saisie.

    Une vue qui sait mieux le dit sur sa réponse : `redonne_la_saisie`, ou `oublie_la_saisie`.
    """
    if getattr(reponse, "redonne_la_saisie", False):
        return False
    if getattr(reponse, "oublie_la_saisie", False):
        return True
    return reponse.status_code in (302, 303) or "HX-Redirect" in reponse.headers


def jeton_perime(request, reason=""):
    """Une page ouverte avant une reconnexion n'a plus le bon jeton : sa saisie est gardée et redonnée, à renvoyer.

    Témoins effacés, le jeton manque aussi à l'envoi d'une session expirée : il se garde de même.
    """
    ecran = Ecran.du_champ(request.POST) if request.method == "POST" else None
    if ecran and not request.user.is_authenticated:
        return garder_et_connecter(request, ecran)
    if ecran and conservation.garder_l_envoi(request):
        messages.warning(request, DEUX_CONNEXIONS)
        reponse = redirect(ecran.adresse)
        reponse.redonne_la_saisie = True
        return reponse
    return csrf_failure(request, reason)
