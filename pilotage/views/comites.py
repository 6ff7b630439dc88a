"""Le comité : le terminer, qui photographie l'exercice, et son relevé de décisions. Un GET n'écrit jamais."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from politique_ville import contexte
from politique_ville.outils.classeur import FORMATS
from politique_ville.outils.pdf import PdfIndisponible
from politique_ville.outils.telechargement import classeur_en_fichier
from politique_ville.outils.typographie import insecables
from programmation import regles
from programmation.operations import OperationRefusee
from programmation.synthese.releve import releve
from programmation.views.comites import actions_vues, comite_a_tenir, comite_visible, enveloppes_vues

from ..exports.releve import ReleveEnClasseur, nom_du_releve, releve_en_pdf
from ..models import Photographie
from ..operations import terminer_un_comite


def comite_terminer(request, pk):
    """Dit ce que contient le relevé et ce qui n'a pas été examiné ; l'envoi termine la séance."""
    comite = comite_a_tenir(request, pk)
    if request.method == "POST":
        return terminer(request, comite)
    empechement = regles.empechement_de_sieger(comite) or regles.empechement_du_comite(comite.campagne)
    page = {"comite": comite, "releve": lu_par(request, comite), "empechement": insecables(empechement)}
    return render(request, "pilotage/comite_terminer.html", page)


def terminer(request, comite):
    try:
        terminer_un_comite(comite, par=request.user)
    except OperationRefusee as refus:
        for message in refus.messages:
            messages.warning(request, insecables(message))
        return redirect("programmation:comite_detail", comite.pk)
    messages.success(request, insecables("Le comité est terminé : son relevé ne changera plus."))
    return redirect("pilotage:comite_releve", comite.pk)


def lu_par(request, comite):
    return releve(comite, actions_vues(request), enveloppes_vues(request))


@require_safe
def comite_releve(request, pk):
    """Le relevé à l'écran ou, avec `format=pdf`, `xlsx`, `ods` ou `csv`, en fichier."""
    comite = comite_visible(request, pk)
    lu, avertissement = lu_par(request, comite), contexte.bandeau(request)
    choisi = request.GET.get("format")
    if choisi in FORMATS:
        return classeur_en_fichier(choisi, nom_du_releve(comite), ReleveEnClasseur(lu, avertissement).ecrire)
    if choisi == "pdf":
        return en_pdf(request, lu, avertissement)
    photographie = Photographie.objects.visibles_par(request.user).filter(comite=comite).first()
    page = {"comite": comite, "releve": lu, "photographie": photographie}
    return render(request, "pilotage/comite_releve.html", page)


def en_pdf(request, lu, avertissement):
    try:
        pdf = releve_en_pdf(lu, avertissement=avertissement)
    except PdfIndisponible as refus:
        messages.error(request, insecables(str(refus)))
        return redirect("pilotage:comite_releve", lu.comite.pk)
    entetes = {"Content-Disposition": f'attachment; filename="{nom_du_releve(lu.comite)}.pdf"'}
    return HttpResponse(pdf, content_type="application/pdf", headers=entetes)
