"""Les paiements : la liste, payer une ligne d'engagement ou enregistrer un reversement, retirer une saisie fausse."""

from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from politique_ville.outils.francais import euros

from .. import operations, regles
from ..enums import NaturePaiement
from ..forms.execution import MotifForm, PaiementForm
from ..forms.filtres_execution import PaiementFilterSet
from ..models import Paiement
from ..models.actions import actions_lues_par_l_etat
from ..operations import DemandeDePaiement
from ..operations.execution import Caisse
from ..synthese.execution import totaux_des_paiements
from .engagements import SANS_DROIT, adresse_de_l_ej, geste, ligne_a_gerer
from .mixins import exiger
from .tableaux import ColonneDeTableau, Tableau, exiger_l_etat, recu, repondre

LUES = ["ligne__engagement", "ligne__action__contrat", "ligne__action__porteur__fusionne_dans"]

COLONNES = (
    ColonneDeTableau("date", "Date", lambda p: p.date, "date", 12, tri="date"),
    ColonneDeTableau("nature", "Nature", lambda p: p.get_nature_display(), largeur=14, tri="nature"),
    ColonneDeTableau("numero", "DP", lambda p: p.numero, largeur=14, tri="numero"),
    ColonneDeTableau(
        "ej",
        "EJ",
        lambda p: p.ligne.engagement.numero,
        largeur=14,
        tri="ligne__engagement__numero",
        lien=lambda p: adresse_de_l_ej(p.ligne),
    ),
    ColonneDeTableau(
        "action",
        "Action",
        lambda p: p.ligne.action.intitule,
        largeur=44,
        tri="ligne__action__recherche",
        lien=lambda p: p.ligne.action.get_absolute_url(),
    ),
    ColonneDeTableau("porteur", "Porteur", lambda p: str(p.ligne.action.porteur.courant), largeur=32),
    ColonneDeTableau(
        "contrat",
        "Contrat",
        lambda p: p.ligne.action.contrat.nom_court if p.ligne.action.contrat else "Département",
        largeur=24,
    ),
    ColonneDeTableau("cp", "Payé (CP)", lambda p: p.cp, "euros", 16, tri="cp"),
)


@require_safe
def paiement_list(request):
    exiger_l_etat(request)
    filtre = PaiementFilterSet(request.GET, actions_lues_par_l_etat(request.user), request=request)
    paiements = filtre.paiements()
    totaux = totaux_des_paiements(paiements)
    tableau = Tableau(
        nom="paiements",
        filtre=filtre,
        colonnes=COLONNES,
        lignes=paiements.select_related(*LUES).order_by("-date", "-pk"),
        nombre=totaux.nombre,
        mots="paiement,paiements",
        totaux={"cp": totaux.net},
    )
    return repondre(request, tableau, "programmation/paiement_list.html", totaux=totaux)


def paiement_create(request, pk):
    """Payer la ligne d'engagement `pk`, ou enregistrer ce que le porteur en rend."""
    ligne = ligne_a_gerer(request, pk)
    caisse = Caisse([ligne.pk])
    vus = caisse.nombres[ligne.pk]
    nature = request.GET.get("nature", "")
    initial = {"vus": vus, "nature": nature if nature in NaturePaiement.values else ""}
    formulaire = PaiementForm(caisse.reste(ligne), caisse.paye(ligne), recu(request), initial=initial)

    def agir(valides):
        [paiement] = operations.payer([DemandeDePaiement(ligne, **valides)], par=request.user)
        return f"Paiement enregistré : {paiement}."

    def deja(envoye):
        dernier = ligne.paiements.order_by("-pk").first()
        return vus == envoye.cleaned_data["vus"] + 1 and envoye.redit(dernier)

    return geste(
        request,
        formulaire,
        agir,
        titre="Enregistrer un paiement",
        bouton="Enregistrer",
        objet=f"{ligne.engagement} du {ligne.engagement.date:%d/%m/%Y}, {ligne.action} : {euros(ligne.ae)} engagés",
        retour=adresse_de_l_ej(ligne),
        deja=deja,
    )


def paiement_retirer(request, pk):
    lus = Paiement.objects.filter(ligne__action__in=actions_lues_par_l_etat(request.user).values("pk"))
    paiement = get_object_or_404(lus.select_related("ligne__engagement", "ligne__action__exercice__departement"), pk=pk)
    exiger(regles.peut_executer(request.user, paiement.ligne.action), SANS_DROIT)

    def agir(valides):
        operations.retirer_le_paiement(paiement, par=request.user, motif=valides["motif"])
        return "Le paiement est retiré."

    return geste(
        request,
        MotifForm(recu(request)),
        agir,
        titre="Retirer un paiement saisi par erreur",
        bouton="Retirer le paiement",
        objet=f"{paiement.ligne.engagement}, {paiement.ligne.action} : {paiement} du {paiement.date:%d/%m/%Y}",
        retour=adresse_de_l_ej(paiement.ligne),
        explication="Pour une faute de saisie. Si le porteur a rendu de l’argent, enregistrer un reversement.",
    )
