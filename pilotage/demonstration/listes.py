"""Les adultes-relais et les postes FONJEP du Calvados, tels que l'ANCT les publie : seules données réelles de la
démonstration avec les territoires, et chargées par l'import lui-même.
"""

from django.conf import settings

from comptes.models import Utilisateur
from programmation.imports import lots
from territoires.models import Departement

PUBLIEES = settings.BASE_DIR / "fixtures" / "anct"
LISTES = {"adultes-relais": "adultes_relais_14.csv", "fonjep": "fonjep_14.csv"}
DEPARTEMENT = "14"


def importer_les_listes(par: Utilisateur) -> None:
    """Dépose, planifie et confirme chaque liste publiée, comme un agent."""
    departement = Departement.objects.get(code=DEPARTEMENT)
    for quoi, nom in LISTES.items():
        with (PUBLIEES / nom).open("rb") as flux:
            fichier = lots.recevoir_un_fichier(flux, nom)
        lot = lots.deposer(fichier, departement, par=par, quoi=quoi)
        lots.planifier(lot, par=par)
        lots.confirmer(lot, par=par)
