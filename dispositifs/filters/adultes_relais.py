"""Les filtres de la liste des adultes-relais et du radar, bornés au périmètre de la personne."""

from django.db.models import Exists, OuterRef
from django.utils import timezone

from programmation.filters import ChoixDuCadreFilter, ChoixFilter

from ..controles import CONTROLES_DES_ADULTES_RELAIS
from ..enums import EtatDuPoste, Horizon
from ..models import ConventionAdulteRelais, LieuDuPoste
from ..synthese import dans_l_etat, du_radar
from .postes import CadreDesPostes, PosteFilterSet

TOUTES = "toutes"
ANOMALIES = [(TOUTES, "Au moins une"), *[(c.code, c.nom) for c in CONTROLES_DES_ADULTES_RELAIS]]


class AdulteRelaisFilterSet(PosteFilterSet):
    """En plus : `etat` (aujourd'hui), `horizon` (de la convention qui finit), `anomalie` (`toutes`, ou un code)."""

    champ_organisme, champ_numero, lieux = "employeur", "numero", LieuDuPoste
    controles = CONTROLES_DES_ADULTES_RELAIS

    organisme = ChoixDuCadreFilter(
        CadreDesPostes.organismes, label="Employeur", empty_label="Tous", trop_long=True, method="par_organisme"
    )
    etat = ChoixFilter(label="État du poste", choices=EtatDuPoste.choices, empty_label="Tous", method="par_etat")
    horizon = ChoixFilter(
        label="Fin de convention", choices=Horizon.choices, empty_label="Toutes", method="par_horizon"
    )
    anomalie = ChoixFilter(label="Anomalie", choices=ANOMALIES, empty_label="Avec ou sans", method="par_anomalie")

    def par_etat(self, queryset, nom, valeur):
        return dans_l_etat(queryset, valeur, timezone.localdate())

    def par_horizon(self, queryset, nom, valeur):
        du_poste = ConventionAdulteRelais.objects.filter(poste=OuterRef("pk"))
        finissent = du_radar(du_poste, timezone.localdate()).filter(horizon_sql=valeur)
        return queryset.filter(Exists(finissent.order_by().values("pk")))

    def par_anomalie(self, queryset, nom, valeur):
        jour = timezone.localdate()
        relevees = [c.condition(jour) for c in self.controles if valeur in (TOUTES, c.code)]
        condition = relevees[0]
        for autre in relevees[1:]:
            condition |= autre
        return queryset.filter(condition)


class RadarFilterSet(PosteFilterSet):
    """Les postes dont le radar montre les échéances, l'`agent` qui en répond, et l'`horizon`, que la vue applique."""

    champ_organisme, champ_numero, lieux = "employeur", "numero", LieuDuPoste

    annee = prorata = releve = None
    organisme = AdulteRelaisFilterSet.base_filters["organisme"]
    agent = ChoixDuCadreFilter(
        CadreDesPostes.agents, label="Responsable", field_name="agent_referent", empty_label="Tous"
    )
    horizon = ChoixFilter(label="Échéance", choices=Horizon.choices, empty_label="Toutes", method="laisser")
