"""Rien de ce qui est tapé ne se perd : ce que font tous les formulaires qui se conservent (comptes/conservation.py)."""

from django.contrib import messages
from django.shortcuts import redirect
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
        if request.method == "POST" and est_enregistree(reponse):
            ecran = Ecran.du_champ(request.POST)
            if ecran and ecran.est_a(request.user):
                conservation.oublier(ecran)
        return reponse

    def process_view(self, request, vue, arguments, nommes):
        """Avant que la connexion ne soit exigée : après, l'envoi serait perdu."""
        if request.method == "POST" and not request.user.is_authenticated:
            ecran = Ecran.du_champ(request.POST)
            if ecran:
                conservation.mettre_en_attente(request.session, ecran, conservation.contenu(request.POST))


def est_enregistree(reponse):
    """Un envoi accepté mène à une autre page ; un refus, un conflit ou un jeton périmé redonnent la saisie."""
    if getattr(reponse, "redonne_la_saisie", False):
        return False
    return reponse.status_code in (302, 303) or "HX-Redirect" in reponse.headers


def jeton_perime(request, reason=""):
    """Une page ouverte avant une reconnexion n'a plus le bon jeton : sa saisie est gardée et redonnée, à renvoyer."""
    ecran = Ecran.du_champ(request.POST) if request.method == "POST" else None
    if ecran and ecran.est_a(request.user) and conservation.conserver(ecran, conservation.contenu(request.POST)):
        messages.warning(request, DEUX_CONNEXIONS)
        reponse = redirect(ecran.adresse)
        reponse.redonne_la_saisie = True
        return reponse
    return csrf_failure(request, reason)
