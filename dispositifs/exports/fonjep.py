"""La liste des postes FONJEP en colonnes."""

from functools import cached_property

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from programmation.exports import ColonneDeListe

from ..controles import CONTROLES_FONJEP
from ..models import PosteFonjep, ReleveFonjep, TriennaliteFonjep
from ..synthese import couts_fonjep
from .adultes_relais import annoter_des_controles, controles_releves
from .postes import ListeDePostes, nom_du_contrat, noms


class ListeDesPostesFonjep(ListeDePostes):
    """Les postes FONJEP, leur dernière période et leur coût conventionné de l'année."""

    nom = "fonjep"
    modele, modele_des_releves = PosteFonjep, ReleveFonjep
    lues = ["departement", "contrat", "association__fusionne_dans"]

    @cached_property
    def couts(self):
        return couts_fonjep(self.postes, *self.periode, prorata=self.filtre.prorata_des_couts)

    def colonnes_propres(self):
        montant = {"format": "euros", "largeur": 16}
        return [
            ColonneDeListe("numero", "Poste", str, "code", largeur=12),
            ColonneDeListe(
                "association", "Association", lambda p: str(p.association.courant), "association__recherche", largeur=32
            ),
            ColonneDeListe("contrat", "Contrat", nom_du_contrat, "contrat__intitule"),
            ColonneDeListe("quartiers", "Quartiers", lambda p: noms(p.quartiers.all()), None, largeur=28),
            ColonneDeListe("rang", "Reconduction", lambda p: p.rang, "rang", "entier", largeur=10),
            ColonneDeListe("debut", "Début de période", lambda p: p.debut, "debut", "date", largeur=12),
            ColonneDeListe("fin", "Fin de période", lambda p: p.fin, "fin", "date", largeur=12),
            ColonneDeListe("evaluation", "Évaluation reçue", lambda p: p.evaluation, "evaluation", "date", largeur=12),
            ColonneDeListe(
                "conventionne", f"Conventionné {self.annee}", lambda p: p.cout.conventionne, None, **montant
            ),
            ColonneDeListe("anomalies", "À regarder", lambda p: noms(c.nom for c in p.anomalies), None, largeur=36),
        ]

    def annoter(self, postes):
        dernieres = TriennaliteFonjep.objects.filter(poste=OuterRef("pk")).order_by("-rang")
        champs = {"rang": "rang", "debut": "debut", "fin": "fin", "evaluation": "evaluation_recue_le"}
        lus = {nom: Subquery(dernieres.values(champ)[:1]) for nom, champ in champs.items()}
        return annoter_des_controles(postes.annotate(**lus), timezone.localdate(), CONTROLES_FONJEP)

    def noter(self, poste):
        poste.derniere_fin = poste.fin
        super().noter(poste)
        poste.anomalies = controles_releves(poste, CONTROLES_FONJEP)

    def totaux(self):
        return {"conventionne": super().totaux()["conventionne"]}
