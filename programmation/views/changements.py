"""Les montants changés après une décision, avec leur motif : le contrôle se lit, et se télécharge."""

from django.utils import timezone
from django.views.decorators.http import require_safe

from ..forms.filtres_execution import ExecutionFilterSet
from ..models.actions import actions_lues_par_l_etat
from ..synthese.changements import changements
from .tableaux import ColonneDeTableau, Tableau, exiger_l_etat, repondre

COLONNES = (
    ColonneDeTableau(
        "action", "Action", lambda c: c.action.intitule, largeur=44, lien=lambda c: c.action.get_absolute_url()
    ),
    ColonneDeTableau("date", "Changé le", lambda c: timezone.localtime(c.date).date(), "date", 12),
    ColonneDeTableau("objet", "Montant", lambda c: c.objet, largeur=34),
    ColonneDeTableau("avant", "Avant", lambda c: c.avant, "euros", 16),
    ColonneDeTableau("apres", "Après", lambda c: c.apres, "euros", 16),
    ColonneDeTableau("motif", "Motif", lambda c: c.motif, largeur=60),
    ColonneDeTableau("auteur", "Par", lambda c: c.auteur, largeur=24),
)


@require_safe
def changement_list(request):
    exiger_l_etat(request)
    filtre = ExecutionFilterSet(request.GET, actions_lues_par_l_etat(request.user), request=request)
    lus = changements(filtre.qs)
    tableau = Tableau("changements", filtre, COLONNES, lus, len(lus), "changement,changements")
    return repondre(request, tableau, "programmation/changement_list.html")
