"""L'échéancier d'un acte : le fixer en une fois, tant que l'acte n'est pas signé."""

from django.contrib import messages
from django.shortcuts import redirect, render

from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..enums import NaturePaiement
from ..forms.echeanciers import SaisieDEcheancier
from ..models import VersementPrevu
from ..operations import ActeChange, OperationRefusee
from ..synthese.echeanciers import lignes_de, montant_de
from .actes import acte_a_tenir, nom_de


def acte_echeancier(request, pk):
    """Un envoi : enregistré, déjà enregistré (page renvoyée), ou dépassé par quelqu'un d'autre (409)."""
    acte = acte_a_tenir(request, pk)
    montant = montant_de(acte)
    saisie = SaisieDEcheancier(acte, montant, lignes_de_depart(acte, montant), request.POST or None)
    conflit = None
    if request.method == "POST" and saisie.is_valid():
        try:
            operations.fixer_l_echeancier(acte, saisie.versements(), par=request.user, version=saisie.version_lue)
        except ActeChange as refus:
            if saisie.redit(refus.acte):
                messages.info(request, insecables("Cet échéancier est déjà enregistré."))
                return redirect(acte)
            conflit = refus.acte
            saisie.relire(conflit)
        except OperationRefusee as refus:
            saisie.commune.refuser(refus)
        else:
            messages.success(request, insecables("L’échéancier est enregistré."))
            return redirect(acte)
    page = {"acte": acte, "nom": nom_de(acte), "montant": montant, "saisie": saisie}
    page["en_base"] = lignes_de(conflit.versements.all(), montant) if conflit else []
    page["empechement"] = insecables(regles.empechement_de_fixer_l_echeancier(acte, montant))
    return render(request, "programmation/acte_echeancier.html", page, status=409 if conflit else 200)


def lignes_de_depart(acte, montant):
    """Ses versements ; à défaut ceux de l'acte qu'il remplace, à reprendre ; à défaut un seul, de la totalité."""
    versements = acte.versements.all() or VersementPrevu.objects.filter(acte=acte.remplace_id)
    if not versements:
        return [{"nature": NaturePaiement.SOLDE, "montant": montant}]
    return [{nom: getattr(v, nom) for nom in ("nature", "montant", "prevu_le", "condition")} for v in versements]
