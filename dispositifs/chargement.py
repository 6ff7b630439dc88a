"""Charger les barèmes : ce qui est lu dans une source, et les trous, déclarés comme des trous."""

from pathlib import Path

from politique_ville.outils.reference import Bilan, Table, lire_csv
from politique_ville.outils.synchronisation import Synchronisation

from .enums import StatutBareme
from .models import Bareme, BaremeAdulteRelais, BaremeFonjep


def saisi_par_le_service(bareme: Bareme) -> bool:
    """Le service a rempli un trou ou corrigé un montant : le fichier ne le reprend pas."""
    return bareme.statut == StatutBareme.DATE


def charger_des_baremes(modele: type[Bareme], fichier: Path) -> Bilan:
    synchronisation = Synchronisation(modele, ["date_effet"], modele.objects.all(), preserver=saisi_par_le_service)
    for ligne in lire_csv(fichier, "date_effet montant statut source"):
        ligne.obligatoire("date_effet")
        synchronisation.ajouter(
            ligne,
            date_effet=ligne.date("date_effet"),
            montant=ligne.decimal("montant"),
            statut=ligne.obligatoire("statut"),
            source=ligne.obligatoire("source"),
        )
    return synchronisation.ecrire()


def charger_baremes_adultes_relais(fichier: Path) -> Bilan:
    return charger_des_baremes(BaremeAdulteRelais, fichier)


def charger_baremes_fonjep(fichier: Path) -> Bilan:
    return charger_des_baremes(BaremeFonjep, fichier)


TABLES = [
    Table("barèmes adultes-relais", "baremes_adultes_relais.csv", charger_baremes_adultes_relais),
    Table("barèmes FONJEP", "baremes_fonjep.csv", charger_baremes_fonjep),
]
