"""Les filtres de la liste des postes FONJEP."""

from django.db.models import Exists, OuterRef
from django.utils import timezone

from programmation.filters import ChoixDuCadreFilter, ChoixFilter

from ..controles import CONTROLES_FONJEP
from ..dates import decaler_de_mois
from ..models import LieuFonjep, TriennaliteFonjep
from ..models.fonjep import DELAI_D_EVALUATION
from ..synthese.echeances import MOIS_DU_RADAR
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
        limites = {ATTENDUE: MOIS_DU_RADAR, EN_RETARD: DELAI_D_EVALUATION}
        if valeur == RECUE:
            retenues = en_cours.exclude(evaluation_recue_le=None)
        else:
            limite = decaler_de_mois(jour, limites[valeur])
            retenues = en_cours.filter(evaluation_recue_le=None, fin__lte=limite)
        return queryset.filter(Exists(retenues.order_by()))
