"""Le calendrier d'une personne : sa page, son adresse privée, et le fichier que lit son agenda."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from .. import operations
from ..exports.calendrier import calendrier as fichier_ics
from ..models import AbonnementCalendrier, PosteFonjep

ICS = "text/calendar; charset=utf-8"


@require_safe
def calendrier(request):
    return page(request)


def page(request, adresse=""):
    """`adresse` : celle qui vient d'être créée ; elle ne se remontre pas."""
    abonnement = AbonnementCalendrier.objects.filter(utilisateur=request.user).first()
    return render(request, "dispositifs/calendrier.html", {"abonnement": abonnement, "adresse": adresse})


@require_POST
@never_cache
def calendrier_creer(request):
    """Une nouvelle adresse, montrée une fois ; l'ancienne ne répond plus."""
    jeton = operations.donner_une_adresse(request.user)
    return page(request, request.build_absolute_uri(reverse("dispositifs:calendrier_ics", args=[jeton])))


@require_POST
def calendrier_revoquer(request):
    operations.revoquer_l_adresse(request.user)
    messages.success(request, "L’adresse de votre calendrier ne répond plus.")
    return redirect("dispositifs:calendrier")


@login_not_required
@require_safe
@never_cache
def calendrier_ics(request, jeton):
    """Sans session : l'adresse seule l'ouvre. Révoquée, inconnue ou d'un compte désactivé : 404."""
    utilisateur = operations.abonne_de(jeton)
    if utilisateur is None:
        raise Http404("Ce calendrier n’existe pas.")

    def adresse(poste):
        ecran = "fonjep_detail" if isinstance(poste, PosteFonjep) else "adulte_relais_detail"
        return request.build_absolute_uri(reverse(f"dispositifs:{ecran}", args=[poste.pk]))

    contenu = fichier_ics(utilisateur, timezone.localdate(), adresse, timezone.now())
    return HttpResponse(contenu, content_type=ICS, headers={"Content-Disposition": 'inline; filename="echeances.ics"'})
