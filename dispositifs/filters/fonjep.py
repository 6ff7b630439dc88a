"""Les filtres de la liste des postes FONJEP."""

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from programmation.filters import ChoixDuCadreFilter, ChoixFilter

from ..controles import CONTROLES_FONJEP
from ..models import LieuFonjep, TriennaliteFonjep
from ..synthese.echeances import evaluation_attendue, evaluation_en_retard
from .adultes_relais import TOUTES, AdulteRelaisFilterSet
from .postes import CadreDesPostes, PosteFilterSet

ATTENDUE, EN_RETARD, RECUE = "attendue", "en_retard", "recue"
EVALUATIONS = [(ATTENDUE, "Attendue dans l’année"), (EN_RETARD, "En retard"), (RECUE, "Reçue")]
ANOMALIES = [(TOUTES, "Au moins une"), *[(c.code, c.nom) for c in CONTROLES_FONJEP]]


class FonjepFilterSet(PosteFilterSet):
    """En plus : `evaluation` de la période en cours (`attendue`, `en_retard`, `recue`), `anomalie`."""

    champ_organisme, champ_numero, lieux = "association", "code", LieuFonjep
    controles = CONTROLES_FONJEP

    organisme = ChoixDuCadreFilter(
        CadreDesPostes.organismes, label="Association", empty_label="Toutes", trop_long=True, method="par_organisme"
    )
    evaluation = ChoixFilter(label="Évaluation", choices=EVALUATIONS, empty_label="Toutes", method="par_evaluation")
    anomalie = ChoixFilter(label="Anomalie", choices=ANOMALIES, empty_label="Avec ou sans", method="par_anomalie")

    par_anomalie = AdulteRelaisFilterSet.par_anomalie

    def par_evaluation(self, queryset, nom, valeur):
        jour = timezone.localdate()
        en_cours = TriennaliteFonjep.objects.filter(poste=OuterRef("pk"), debut__lte=jour, fin__gte=jour)
        conditions = {
            ATTENDUE: evaluation_attendue(jour),
            EN_RETARD: evaluation_en_retard(jour),
            RECUE: Q(evaluation_recue_le__isnull=False),
        }
        return queryset.filter(Exists(en_cours.filter(conditions[valeur]).order_by()))
