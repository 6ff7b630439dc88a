"""La liste des postes adultes-relais en colonnes."""

from functools import cached_property, lru_cache

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils import timezone

from programmation.exports import ColonneDeListe

from ..controles import CONTROLES_DES_ADULTES_RELAIS
from ..enums import EtatDuPoste
from ..models import PosteAdulteRelais, ReleveAnct
from ..synthese import avec_situation, couts_des_adultes_relais
from .postes import ListeDePostes, jours_vacants, nom_du_contrat, noms

PREFIXE = "controle_"


class ListeDesAdultesRelais(ListeDePostes):
    """Les postes adultes-relais, leur situation d'aujourd'hui et leurs coûts de l'année."""

    nom = "adultes-relais"
    modele, modele_des_releves = PosteAdulteRelais, ReleveAnct
    lues = ["departement", "contrat", "employeur__fusionne_dans"]

    @cached_property
    def couts(self):
        return couts_des_adultes_relais(self.postes, *self.periode, prorata=self.filtre.prorata_des_couts)

    def colonnes_propres(self):
        montant = {"format": "euros", "largeur": 16}
        return [
            ColonneDeListe("numero", "Poste", lambda p: p.numero or "sans numéro", "numero", largeur=14),
            ColonneDeListe(
                "employeur", "Employeur", lambda p: str(p.employeur.courant), "employeur__recherche", largeur=32
            ),
            ColonneDeListe("contrat", "Contrat", nom_du_contrat, "contrat__intitule"),
            ColonneDeListe("quartiers", "Quartiers", lambda p: noms(p.quartiers.all()), None, largeur=28),
            ColonneDeListe("etat", "État", lambda p: EtatDuPoste(p.etat).label, "etat", largeur=16),
            ColonneDeListe("quotite", "Quotité (%)", lambda p: p.quotite, "quotite", "nombre", largeur=10),
            ColonneDeListe(
                "fin", "Fin de convention", lambda p: p.convention_fin, "convention_fin", "date", largeur=14
            ),
            ColonneDeListe(
                "conventionne", f"Conventionné {self.annee}", lambda p: p.cout.conventionne, None, **montant
            ),
            ColonneDeListe("occupe", f"Occupé {self.annee}", lambda p: p.cout.occupe, None, **montant),
            ColonneDeListe("vacants", "Jours vacants", lambda p: jours_vacants(p.cout), None, "entier", largeur=10),
            ColonneDeListe("anomalies", "À regarder", lambda p: noms(c.nom for c in p.anomalies), None, largeur=36),
        ]

    def annoter(self, postes):
        jour = timezone.localdate()
        return annoter_des_controles(avec_situation(postes, jour), jour)

    def noter(self, poste):
        poste.derniere_fin = poste.convention_fin
        super().noter(poste)
        poste.anomalies = controles_releves(poste)


def annoter_des_controles(postes, jour, controles=CONTROLES_DES_ADULTES_RELAIS):
    """Ajoute un booléen par contrôle : « ce poste est relevé »."""
    return postes.annotate(**conditions(controles, jour))


@lru_cache(maxsize=4)
def conditions(controles, jour):
    """Les mêmes tout le jour : les écrire prend autant de temps que les lire d'une page."""
    return {PREFIXE + c.code: ExpressionWrapper(Q(c.condition(jour)), output_field=BooleanField()) for c in controles}


def controles_releves(poste, controles=CONTROLES_DES_ADULTES_RELAIS):
    """Les contrôles qui relèvent ce poste, une fois qu'il en est annoté."""
    return [c for c in controles if getattr(poste, PREFIXE + c.code)]
